"""What commands and answers say of equipment, as rows of the network's tables."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from typing import Any, Final

from ringfence.network.model import TABLES
from ringfence.sources.base import Batch
from ringfence.sources.managed_objects import text_of

MAKER: Final = "Huawei"

FUNCTIONS: Final = {
    "GNODEBFUNCTION": ("GNB", "GNODEBFUNCTIONNAME"),
    "ENODEBFUNCTION": ("ENB", "ENODEBFUNCTIONNAME"),
    "NODEBFUNCTION": ("NODEB", "NODEBFUNCTIONNAME"),
    "GBTSFUNCTION": ("BTS", "GBTSFUNCTIONNAME"),
    "GNBDUFUNCTION": ("GNBDU", "GNBDUNAME"),
    "GNBCUFUNCTION": ("GNBCU", "GNBCUNAME"),
    "URNCBASIC": ("RNC", "RNCNAME"),
    "BSCBASIC": ("BSC", "BSCNAME"),
    "GUAMI": ("AMF", "AMFNAME"),
}
"""The object that configures a function, the function, and the parameter with its name."""

MODES: Final = {"GO": ("BSC",), "UO": ("RNC",), "GU": ("BSC", "RNC")}
"""What the head of a controller's export calls its mode: GSM only, UMTS only, both."""

MARKS: Final = frozenset(
    ("for bam version", "mbsc mode", "omu ip", "gnodebfunction", "enodebfunction", "gbtsfunction")
)
"""Words of a head, and objects, of which one shows that the equipment is the maker's own."""

LABELS: Final = {
    "ip address": "IP",
    "local ip address": "LOCIP",
    "first local ip address": "LOCIP",
    "mask": "MASK",
    "subnet mask": "MASK",
    "destination ip": "DSTIP",
    "destination ip address": "DSTIP",
    "destination network address": "DSTIP",
    "destination mask": "DSTMASK",
    "next hop ip": "NEXTHOP",
    "next hop ip address": "NEXTHOP",
    "preference": "PREF",
    "vlan id": "VLANID",
    "interface id": "ITFID",
    "cabinet no.": "CN",
    "subrack no.": "SRN",
    "slot no.": "SN",
    "port type": "PT",
    "port no.": "PN",
    "local sctp port no.": "LOCPORT",
    "local port no.": "LOCPORT",
    "sctp link no.": "SCTPNO",
    "peer ip address": "PEERIP",
    "peer mask": "PEERMASK",
    "ne name": "NENAME",
    "ne location": "LOCATION",
    "location": "LOCATION",
    "site name": "SITENAME",
    "esn": "ESN",
    "electronic serial number": "ESN",
    "software version": "VERSION",
    "current software version": "VERSION",
    "product version": "VERSION",
    "ne version": "VERSION",
    "version": "VERSION",
    "gnodeb function name": "GNODEBFUNCTIONNAME",
    "enodeb function name": "ENODEBFUNCTIONNAME",
    "nodeb function name": "NODEBFUNCTIONNAME",
    "gbts function name": "GBTSFUNCTIONNAME",
    "next hop ip mode": "RTTYPE",
    "vlan mode": "VLANMODE",
}
"""The words of an answer in English, in small letters, to the parameter of the command."""

_PLACE: Final = ("ITFID", "CN", "SRN", "SN", "SSN", "PT", "PN", "PORTID", "DEVTYPE")
_SERVICES: Final = {s.upper(): s for s in ("NBAP", "S1AP", "X2AP", "NGAP", "XnAP", "F1AP", "E1AP")}


class Unfit(Exception):  # noqa: N818  # says that a record does not fit, which is no error of ours
    """A record that became no row: `is_fault` where it is wrong, else it is set aside."""

    def __init__(self, reason: str, *, is_fault: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_fault = is_fault


@dataclass(slots=True)
class _Interface:
    address: str
    name: str | None
    is_management: bool | None
    itfid: str | None
    place: str


@dataclass(slots=True)
class Equipment:
    """One piece of equipment, as far as the file has spoken of it."""

    named: str | None
    place: str
    is_stated: bool = False
    is_of_maker: bool = False
    controller: str | None = None
    function_name: str | None = None
    own_name: str | None = None
    location: str | None = None
    version: str | None = None
    serial: str | None = None
    functions: dict[str, str] = field(default_factory=dict)
    stations: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    managers: dict[str, str] = field(default_factory=dict)
    _interfaces: dict[str, _Interface] = field(default_factory=dict)
    _routes: dict[tuple[str, str | None, str | None], tuple[int | None, str]] = field(
        default_factory=dict
    )
    _endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    _vlans: dict[str, str] = field(default_factory=dict)
    _vlan_of_itfid: dict[str, str] = field(default_factory=dict)
    _vlan_of_hop: dict[str, str] = field(default_factory=dict)

    def take(self, target: str, values: Mapping[str, str], place: str) -> None:
        """Take what was stated of an object; raises `Unfit` where it gives nothing."""
        if target.lower() in MARKS:
            self.is_of_maker = True
        if target in FUNCTIONS:
            kind, parameter = FUNCTIONS[target]
            self.functions.setdefault(kind, place)
            self.function_name = self.function_name or text_of(values.get(parameter))
        elif target in _HANDLERS:
            _HANDLERS[target](self, values, place)
        else:
            raise Unfit(f"{target} has no place in the model", is_fault=False)
        self.is_stated = True

    def _facts(self, values: Mapping[str, str], place: str) -> None:  # noqa: ARG002
        """`NE`, `SYS`, `VER`, `ESN`: what the equipment says of itself."""
        own = text_of(values.get("NENAME"))
        location = _first(values, "SITENAME", "LOCATION", "SYSLOCATION")
        version, serial = text_of(values.get("VERSION")), text_of(values.get("ESN"))
        if not (own or location or version or serial):
            raise Unfit("it says nothing that the model has a place for", is_fault=False)
        self.own_name = self.own_name or own
        self.location = self.location or location
        self.version = self.version or version
        self.serial = self.serial or serial

    def _address(self, values: Mapping[str, str], place: str) -> None:
        self._add_interface(values, place)

    def _local_address(self, values: Mapping[str, str], place: str) -> None:
        self._add_interface(values, place, is_management=True)

    def _add_interface(
        self, values: Mapping[str, str], place: str, *, is_management: bool | None = None
    ) -> None:
        text = _first(values, "IP", "IPADDR", "IPADDR4", "IPADDR6", "LOCIP")
        mask = _first(values, "MASK", "PFXLEN", "PREFIXLEN")
        address = with_prefix(text, mask)
        words = [f"{key}={values[key]}" for key in _PLACE if text_of(values.get(key))]
        known = self._interfaces.get(address)
        if known is not None:
            known.is_management = known.is_management or is_management
            known.name = known.name or " ".join(words) or None
            return
        self._interfaces[address] = _Interface(
            address,
            " ".join(words) or None,
            is_management,
            text_of(values.get("ITFID")),
            place,
        )

    def _vlan_interface(self, values: Mapping[str, str], place: str) -> None:
        itfid, vlan = text_of(values.get("ITFID")), _vlan_number(values)
        if vlan is None:
            raise Unfit("an interface without a VLAN or an address", is_fault=False)
        self._vlans.setdefault(vlan, place)
        if itfid is not None:
            self._vlan_of_itfid[itfid] = vlan

    def _vlan_of_next_hop(self, values: Mapping[str, str], place: str) -> None:
        hop = _first(values, "NEXTHOPIP", "IPADDR", "IP", "NEXTHOP")
        vlan = _vlan_number(values)
        if vlan is None or hop is None:
            raise Unfit("a VLAN map without a VLAN or a next hop", is_fault=False)
        self._vlan_of_hop[checked(hop)] = vlan
        self._vlans.setdefault(vlan, place)

    def _route(self, values: Mapping[str, str], place: str) -> None:
        text = _first(values, "DSTIP", "DSTIP4", "DSTIPV4", "DSTIP6", "DSTIPV6")
        mask = _first(values, "DSTMASK", "MASK", "PFXLEN", "DSTPFXLEN")
        if text is None:
            raise Unfit("a route without a destination", is_fault=True)
        try:
            to = str(ip_network(f"{text}/{mask}" if mask else text, strict=False))
        except ValueError:
            raise Unfit(f"{text}/{mask} is no destination", is_fault=True) from None
        hop = _first(values, "NEXTHOP", "NEXTHOP4", "NEXTHOP6", "NEXTHOPIP")
        preference = _first(values, "PREF", "PRIORITY", "PREFERENCE")
        number = int(preference[:9]) if preference and preference.isdecimal() else None
        domain = text_of(values.get("VRFIDX"))
        domain = None if domain in {None, "0"} else f"VRF {domain}"
        key = (to, domain, checked(hop) if hop else None)
        self._routes.setdefault(key, (number, place))

    def _sctp(self, values: Mapping[str, str], place: str) -> None:
        address = _first(values, "LOCIP", "LOCIP1", "FIRSTLOCIP", "SIGIP1V4", "SIGIP1V6", "LOCIPV4")
        port = _first(values, "LOCPORT", "LOCPN", "LOCPTNO", "PN")
        service = _SERVICES.get(values.get("APP", "").upper())
        self._endpoint(address, port, "SCTP", service, place)

    def _user_plane(self, values: Mapping[str, str], place: str) -> None:
        address = _first(values, "LOCIPV4", "LOCIPV6", "LOCALIP", "LOCIP", "IPADDR")
        self._endpoint(address, None, "UDP", None, place)

    def _any_endpoint(self, values: Mapping[str, str], place: str) -> None:
        address = _first(values, "LOCIP", "LOCIPV4", "LOCIPV6", "IP", "IPADDR")
        self._endpoint(address, _first(values, "LOCPORT", "PORT"), None, None, place)

    def _endpoint(
        self,
        address: str | None,
        port: str | None,
        protocol: str | None,
        service: str | None,
        place: str,
    ) -> None:
        if address is None:
            raise Unfit("it states no address of its own", is_fault=False)
        number = None
        if port is not None:
            if not port.isdecimal() or not int(port[:9]) <= 65535:
                raise Unfit(f"{port} is no port", is_fault=True)
            number = int(port) or None
        row = {
            "address": checked(address),
            "protocol": protocol,
            "port": number,
            "service": service,
            "origin": place,
        }
        key = "/".join(str(v) for v in (protocol, row["address"], number, service) if v is not None)
        self._endpoints.setdefault(key, row)

    def _management_channel(self, values: Mapping[str, str], place: str) -> None:
        """`OMCH`: the channel to the manager, with the address of either end."""
        peer, mask = _first(values, "PEERIP"), _first(values, "PEERMASK")
        if peer is not None:
            with_prefix(peer, mask)
        self._add_interface(values, place, is_management=True)
        self._manager(peer, mask, place)

    def _manager_address(self, values: Mapping[str, str], place: str) -> None:
        """`EMSIP`: the address of the manager."""
        self._manager(_first(values, "EMSIP", "IPADDR", "IP"), None, place)

    def _manager(self, address: str | None, mask: str | None, place: str) -> None:
        if address is None:
            return
        whole = ip_interface(with_prefix(address, mask))
        # A mask that is wider than one address may mean that a whole network is the other end.
        if whole.ip != whole.network.network_address or whole.network.num_addresses == 1:
            self.managers.setdefault(str(whole.ip), place)

    def _gsm_station(self, values: Mapping[str, str], place: str) -> None:
        self._station(_first(values, "BTSNAME"), _first(values, "BTSID"), "BTS", place)

    def _umts_station(self, values: Mapping[str, str], place: str) -> None:
        self._station(_first(values, "NODEBNAME"), _first(values, "NODEBID"), "NODEB", place)

    def _station(self, name: str | None, number: str | None, kind: str, place: str) -> None:
        if name is None:
            raise Unfit(
                f"a {kind} without a name" + (f" ({number})" if number else ""), is_fault=True
            )
        self.stations.setdefault(name, (kind, name, place))

    def key(self, prefix: str, stem: str) -> str:
        """The key: by the surest name that the file gives."""
        number = f"BSCID={self.controller}" if self.controller else None
        names = (self.named, self.own_name, number, self.function_name, stem)
        return f"{prefix}:{next(n for n in names if n)}"

    def rows(self, prefix: str, stem: str) -> dict[str, list[dict[str, Any]]]:
        """The rows of each table."""
        key = self.key(prefix, stem)
        site = f"{prefix}:site/{self.location}" if self.location else None
        maker = MAKER if self.is_of_maker else None
        element = {
            "id": key,
            "name": self.own_name or self.named or self.function_name,
            "site": site,
            "vendor_name": maker,
            "software_version": self.version,
            "serial": self.serial,
            "origin": self.place,
        }
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        rows["element"].append(element)
        if site is not None:
            rows["site"].append({"id": site, "name": self.location, "origin": self.place})
        for kind, place in self.functions.items():
            rows["function"].append({"element": key, "kind": kind, "origin": place})
        for kind, name, place in self.stations.values():
            station = f"{prefix}:{name}"
            rows["element"].append({"id": station, "name": name, "origin": place})
            rows["function"].append({"element": station, "kind": kind, "origin": place})
            if kind == "BTS":
                # 3GPP TS 52.021: the controller does the operation and maintenance of stations.
                rows["relation"].append(_manages(key, station, place))
        for address, place in self.managers.items():
            manager = f"{prefix}:manager/{address}"
            system = {"id": manager, "kind": "management system", "origin": place}
            rows["element"].append(system)
            interface = {"id": f"{manager}/{address}", "element": manager, "address": address}
            rows["interface"].append(interface | {"origin": place})
            rows["relation"].append(_manages(manager, key, place))
        self._transport_rows(key, rows)
        return rows

    def _transport_rows(self, key: str, rows: dict[str, list[dict[str, Any]]]) -> None:
        for vlan, place in self._vlans.items():
            segment = {"id": f"{key}/vlan/{vlan}", "name": f"VLAN {vlan}", "kind": "VLAN"}
            rows["segment"].append(segment | {"origin": place})
        for address, interface in self._interfaces.items():
            own_vlan = self._vlan(interface)
            rows["interface"].append(
                {
                    "id": f"{key}/{address}",
                    "element": key,
                    "segment": f"{key}/vlan/{own_vlan}" if own_vlan is not None else None,
                    "name": interface.name,
                    "address": address,
                    "is_management": interface.is_management,
                    "origin": interface.place,
                }
            )
        for (to, domain, hop), (preference, place) in self._routes.items():
            rows["route"].append(
                {
                    "element": key,
                    "routing_domain": domain,
                    "destination_range": to,
                    "next_hop": hop,
                    "kind": "static",
                    "preference": preference,
                    "origin": place,
                }
            )
        for native, row in self._endpoints.items():
            rows["endpoint"].append({"id": f"{key}/{native}", "element": key} | row)

    def _vlan(self, interface: _Interface) -> str | None:
        """By its interface, or by the next hop in its network."""
        found = self._vlan_of_itfid.get(interface.itfid or "")
        if found is not None:
            return found
        network = ip_interface(interface.address).network
        for hop, number in self._vlan_of_hop.items():
            if ip_address(hop) in network:
                return number
        return None


def _manages(source: str, target: str, place: str) -> dict[str, Any]:
    return {"source": source, "target": target, "kind": "manages", "origin": place}


_Handler = Callable[[Equipment, Mapping[str, str], str], None]
_HANDLERS: Final[dict[str, _Handler]] = {
    **dict.fromkeys(("NE", "NODE", "SYS", "VER", "ESN"), Equipment._facts),  # noqa: SLF001
    **dict.fromkeys(("DEVIP", "ETHIP", "IPADDR4", "IPADDR6"), Equipment._address),  # noqa: SLF001
    **dict.fromkeys(("LOCALIP", "OMIP", "OMUIP"), Equipment._local_address),  # noqa: SLF001
    **dict.fromkeys(("IPRT", "IPROUTE4", "IPROUTE6"), Equipment._route),  # noqa: SLF001
    **dict.fromkeys(("VLANMAP", "VLANID"), Equipment._vlan_of_next_hop),  # noqa: SLF001
    **dict.fromkeys(("SCTPLNK", "SCTPHOST"), Equipment._sctp),  # noqa: SLF001
    **dict.fromkeys(("USERPLANEHOST", "IPPATH"), Equipment._user_plane),  # noqa: SLF001
    "INTERFACE": Equipment._vlan_interface,  # noqa: SLF001
    "ENDPOINT": Equipment._any_endpoint,  # noqa: SLF001
    "OMCH": Equipment._management_channel,  # noqa: SLF001
    "EMSIP": Equipment._manager_address,  # noqa: SLF001
    "BTS": Equipment._gsm_station,  # noqa: SLF001
    "UNODEB": Equipment._umts_station,  # noqa: SLF001
}


def is_read(target: str) -> bool:
    """Whether this object of the language gives rows."""
    return target in _HANDLERS or target in FUNCTIONS


def _first(values: Mapping[str, str], *names: str) -> str | None:
    return next((text for name in names if (text := text_of(values.get(name)))), None)


def _vlan_number(values: Mapping[str, str]) -> str | None:
    text = text_of(values.get("VLANID"))
    # IEEE 802.1Q; the language writes 65535 where there is none.
    if text is None or text == "65535":
        return None
    if not text.isdecimal() or not 1 <= int(text[:9]) <= 4094:
        raise Unfit(f"{text} is no VLAN", is_fault=True)
    return str(int(text))


def checked(text: str) -> str:
    """An address as it is written shortest; raises `Unfit` where it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        raise Unfit(f"{text} is no address", is_fault=True) from None
    if address.is_unspecified:
        raise Unfit("the unspecified address stands for none", is_fault=False)
    return str(address)


def with_prefix(text: str | None, mask: str | None) -> str:
    """An address with its prefix length, from an address and a mask; raises `Unfit`."""
    if text is None:
        raise Unfit("it states no address of its own", is_fault=False)
    checked(text)
    if mask is None:
        return text
    try:
        whole: IPv4Interface | IPv6Interface = ip_interface(f"{text}/{mask}")
    except ValueError:
        raise Unfit(f"{mask} is no mask of {text}", is_fault=True) from None
    return str(whole)


def batches(equipment: list[Equipment], prefix: str, stem: str) -> Iterator[Batch]:
    """The rows of all equipment; of two rows with one key the first stays, filled from the others."""
    gathered: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for one in equipment:
        for table, rows in one.rows(prefix, stem).items():
            by_key = gathered.setdefault(table, {})
            for row in rows:
                known = by_key.setdefault(tuple(row.get(c) for c in TABLES[table].key), row)
                if known is not row:
                    known.update({k: v for k, v in row.items() if known.get(k) is None})
    for table, by_key in gathered.items():
        if by_key:
            yield Batch(table, TABLES[table].from_rows(by_key.values()))
