"""What the values of a template mean in our tables.

A template names its values after the words of its platform; here stands, for each command by
which a device tells of itself, which value is which column. What no entry names says nothing of
the device itself: a neighbour's banner in `display lldp neighbor` is not this device's.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ringfence.sources.command_output.templates import Record, Value


@dataclass(frozen=True, slots=True)
class OfItself:
    """Which values are a device's version, model, serial number and name.

    `maker` is found in the output; it proves who made the device only where it is the device's own
    word. A maker without a group of its own is the name beside it.
    """

    version: str | None = None
    model: str | None = None
    serial: str | None = None
    name: str | None = None
    maker: tuple[re.Pattern[str], str | None] | None = None


def _maker(pattern: str, name: str | None = None) -> tuple[re.Pattern[str], str | None]:
    return re.compile(pattern, re.MULTILINE), name


_ARISTA = _maker(r"^(Arista)\b")
_CIENA = _maker(r"\bsaos-\d", "Ciena")
_CISCO_ASA = _maker(r"^(Cisco) Adaptive Security Appliance")
_CISCO_IOS = _maker(
    r"^(Cisco) (?:IOS Software|IOS XE Software|IOS-XE|Internetwork Operating System)"
)
_CISCO_NXOS = _maker(r"^(Cisco) Nexus Operating System")
_CISCO_XR = _maker(r"^(Cisco) IOS XR Software")
_ERICSSON = _maker(r"^(Ericsson) IPOS Version")
_FORTINET = _maker(r"^Version:\s+Forti", "Fortinet")
_HUAWEI = _maker(r"^(Huawei) Versatile Routing Platform")
_JUNIPER = _maker(r"^(?:Junos:|JUNOS |KERNEL JUNOS)", "Juniper Networks")
_NOKIA = _maker(r"^TiMOS-\S+\s+\S+\s+(Nokia|ALCATEL|Alcatel-Lucent)\b")
_ZTE = _maker(r"^(ZTE)\b.*Software")

OF_ITSELF: Final[Mapping[str, OfItself]] = {
    "arista_eos_show_version": OfItself("image", "model", "serial_number", maker=_ARISTA),
    "checkpoint_gaia_show_version_all": OfItself("version"),
    "ciena_saos_software_show": OfItself("version_running", maker=_CIENA),
    "cisco_asa_show_version": OfItself("version", "model", "serial", "hostname", _CISCO_ASA),
    "cisco_ios_show_version": OfItself("version", "hardware", "serial", "hostname", _CISCO_IOS),
    "cisco_nxos_show_version": OfItself("os", "platform", "serial", "hostname", _CISCO_NXOS),
    "cisco_xr_show_version": OfItself("version", "hardware", maker=_CISCO_XR),
    "dell_force10_show_version": OfItself("os_version", "device_type"),
    "ericsson_ipos_show_version": OfItself("version", maker=_ERICSSON),
    "fortinet_get_system_status": OfItself("version", None, "serial_number", "hostname", _FORTINET),
    "hp_procurve_show_version": OfItself("version", "model"),
    "huawei_ont_display_version": OfItself("main_software_version"),
    "huawei_smartax_display_version": OfItself("olt_version", "product"),
    "huawei_vrp_display_sn_license": OfItself(serial="serial_number"),
    "huawei_vrp_display_version": OfItself("product_version", "model", maker=_HUAWEI),
    "juniper_junos_show_version": OfItself(
        "junos_version", "model", "serial_number", "hostname", _JUNIPER
    ),
    "mikrotik_routeros_system_routerboard_print": OfItself(
        "current_firmware", "hardware_model", "serial_number"
    ),
    "paloalto_panos_show_system_info": OfItself("os", "model", "serial", "hostname"),
    "ruckus_fastiron_show_version": OfItself("version", "hardware", "serial"),
    "sros_show_version": OfItself("version", "model", maker=_NOKIA),
    "ubiquiti_edgerouter_show_version": OfItself("version", "hardware_model", "serial_number"),
    "ubiquiti_edgeswitch_show_version": OfItself("version", "switch_model", "serial"),
    "zte_zxros_show_version": OfItself("version", "hardware", maker=_ZTE),
}

BOARDS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "arista_eos_show_inventory": (("port",), "pid"),
    "cisco_asa_show_inventory": (("name",), "pid"),
    "cisco_ios_show_inventory": (("name",), "pid"),
    "cisco_nxos_show_inventory": (("name",), "pid"),
    "cisco_xr_admin_show_inventory": (("name",), "pid"),
    "huawei_smartax_display_board": (("slot_id",), "boardname"),
    "huawei_vrp_display_device": (("slot", "card"), "pid"),
}
"""Commands that list what sits in which slot: the values of the slot, and of the board's name."""

_INTERFACE_COMMANDS: Final = re.compile(
    r"_(?:show|display|get|ip)_.*(?:interface|address)|_interface", re.IGNORECASE
)
_NOT_ITS_OWN: Final = re.compile(
    r"arp|bgp|binding|cdp|counter|dhcp|firewall|helper|hsrp|isis|lldp|mpls|mroute|nat|neighbor|nve|ospf|pim|"
    r"peer|route(?!r)|rsvp|vrrp|running-config|wlc|mac"
)
_NAMES: Final = ("interface", "interface_name", "name")
_ADDRESSES: Final = (
    ("ip_address", ("prefix_length", "netmask", "mask")),
    ("ip_addresses", ("ip_masks", "prefix_lengths", "netmasks")),
    ("ipaddress", ("netmask",)),
    ("ip", ("netmask", "mask")),
    ("main_ip", ()),
    ("ipv4", ()),
    ("ipv6", ()),
    ("ipv4_address", ("ipv4_prefix_length", "ipv4_netmask")),
    ("ipv6_address", ("ipv6_prefix_length", "ipv6netmask")),
    ("ipv6_addresses", ("ipv6_masks",)),
    ("primary_ip_address", ("primary_ip_subnet",)),
    ("secondary_ip_address", ("secondary_ip_subnet",)),
)
_STATES: Final = (
    "admin_state",
    "admin_status",
    "link_admin",
    "admin",
    "adm",
    "status",
    "link_status",
)
_UP: Final = {"up", "u", "enabled"}
_OFF: Final = {"*down", "disabled", "shutdown", "administratively down", "admin-down", "admin down"}


def texts(record: Record, name: str) -> list[str]:
    """The texts of a value that may be one or several; what says that there is none is left out."""
    value: Value = record.get(name, "")
    values = value if isinstance(value, list) else [value]
    return [v for v in values if v and v.lower() not in {"-", "--", "n/a", "na", "none", "unknown"}]


def one(record: Record, name: str | None) -> str | None:
    """A value, where it is one: the serial numbers of a stack are those of several boxes."""
    found = dict.fromkeys(texts(record, name)) if name else {}
    return next(iter(found)) if len(found) == 1 else None


def maker_in(text: str, of_itself: OfItself) -> str | None:
    """Who the output proves to have made the device."""
    match = of_itself.maker[0].search(text) if of_itself.maker else None
    if match is None or of_itself.maker is None:
        return None
    return of_itself.maker[1] or match[1]


def is_of_interfaces(template: str) -> bool:
    """Whether a command lists the device's own interfaces with what they are set to."""
    return bool(_INTERFACE_COMMANDS.search(template)) and not _NOT_ITS_OWN.search(template)


def interface_name(record: Record) -> str | None:
    """The name of an interface."""
    return next((found for n in _NAMES if (found := one(record, n))), None)


def addresses(record: Record) -> list[str]:
    """The addresses of an interface, with their prefix lengths where those are stated."""
    found: dict[str, None] = {}
    for name, masks in _ADDRESSES:
        lengths = next((texts(record, m) for m in masks if record.get(m)), [])
        for index, written in enumerate(texts(record, name)):
            mask = lengths[index] if index < len(lengths) else None
            if address := _address(written, mask):
                found[address] = None
    return list(found)


def _address(written: str, mask: str | None) -> str | None:
    plain, _, length = written.partition("/")
    # A subnet (`10.0.0.0/31`) states the length of its address.
    length = length or (mask or "").rpartition("/")[2]
    try:
        address = ipaddress.ip_address(plain.partition("%")[0])
        if address.is_unspecified:
            return None
        if not length:
            return str(address)
        return ipaddress.ip_interface(f"{address}/{length}").with_prefixlen
    except ValueError:
        return None


def is_up(record: Record) -> bool | None:
    """Whether an interface is switched on; a link that is down may be either."""
    for name in _STATES:
        for word in texts(record, name):
            state = word.lower()
            if state in _OFF or ("admin" in state and "down" in state):
                return False
            if "adm" in name and state in {"down", "d", "dis"}:
                return False
            if state in _UP or state.startswith("up"):
                return True
    return None


def slot_of(record: Record, names: Sequence[str]) -> str:
    """The slot of a board, as far as it is stated."""
    return "/".join(t for n in names for t in texts(record, n))


def is_absent(record: Record) -> bool:
    """Whether a board is only configured: VRP lists it as offline or absent."""
    return one(record, "online_status") in {"Offline", "Absent"}
