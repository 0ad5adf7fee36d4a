"""How each operator lays its network out: zones, what stands and listens in them, and what is filtered.

The four operators of a country differ in their practice, and so in what a vendor kept out of the
core could still come to:

1. The first keeps planes apart, and a firewall between them. Yet base stations and the optical
   network may send measurements to the systems of operations, and of the one that optimises the
   radio network nobody wrote down how it asks who calls; nor whether the core routers' links over
   the optical network are encrypted.
2. The second is flat: base stations and their management share a VLAN, and the designated vendor's
   element manager stands among those of the core, one of which obeys whoever calls it.
3. The third keeps planes apart and lets management flow outwards only; its element managers are of
   other makers, its links to the optical network are encrypted, and it states all of it.
4. The fourth, small, lets vendors in among its element managers, beside a jump host of which nobody
   wrote down how it asks who calls; its core routers take their time from the optical network and
   send in the clear over it.

All number their networks alike, as private networks do: base stations in 10.0.0.0/8, the centre in
172.16.0.0/12.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.network.synthetic import world
from ringfence.network.synthetic.plan import CORE, Operator

Ints = npt.NDArray[np.int64]


class Zone(IntEnum):
    """A network of the centre; its number is its place in the plan of addresses."""

    TRANSPORT = 0
    EDGE = 1
    N2 = 2
    N3 = 3
    N4 = 4
    SERVICES = 5
    SIGNALLING = 6
    N6 = 7
    CORE_MANAGEMENT = 8
    ELEMENT_MANAGERS = 9
    OPERATIONS = 10
    JUMP_HOSTS = 11
    VENDOR_ACCESS = 12
    SECURITY = 13
    CLOUD = 14
    INTERCEPTION = 15
    TIMING = 16
    OPTICAL = 17
    CLOUD_MANAGEMENT = 18


NAMES: Final = {
    Zone.TRANSPORT: "IP core", Zone.EDGE: "edge", Zone.N2: "N2 and S1-MME", Zone.N3: "N3 and S1-U",
    Zone.N4: "N4 and S11", Zone.SERVICES: "SBI", Zone.SIGNALLING: "signalling", Zone.N6: "N6 and SGi",
    Zone.CORE_MANAGEMENT: "core O&M", Zone.ELEMENT_MANAGERS: "element managers",
    Zone.OPERATIONS: "operations", Zone.JUMP_HOSTS: "jump hosts",
    Zone.VENDOR_ACCESS: "vendor access", Zone.SECURITY: "security", Zone.CLOUD: "cloud",
    Zone.INTERCEPTION: "interception", Zone.TIMING: "timing", Zone.OPTICAL: "optical O&M",
    Zone.CLOUD_MANAGEMENT: "cloud managers",
}  # fmt: skip
"""What the segments are called."""

MANAGEMENT: Final = frozenset(
    (
        *(Zone.CORE_MANAGEMENT, Zone.ELEMENT_MANAGERS, Zone.OPERATIONS, Zone.JUMP_HOSTS),
        *(Zone.VENDOR_ACCESS, Zone.SECURITY, Zone.CLOUD, Zone.INTERCEPTION, Zone.OPTICAL),
        Zone.CLOUD_MANAGEMENT,
    )
)
"""Zones that serve management alone."""

_CENTRE: Final = (172 << 24) + (16 << 16)
_ZONE_LENGTH: Final = 19
_HUB_LENGTH: Final = 20
_ACCESS: Final = 10 << 24
_BACKHAUL: Final = _ACCESS + (1 << 23)
FIRST_HOST: Final = 16
_HUB_GATEWAYS: Final = 4096
"""From this host on the routers of the points of presence stand in the IP core's range."""

CENTRE: Final = "172.16.0.0/12"
SERVED: Final = "172.16.64.0/18"
"""The ranges of N2 and N3, which lie side by side."""
MANAGERS: Final = "172.17.0.16/28"
"""The addresses, in the second operator's one network for management, that its element managers have."""
ACCESS: Final = "10.0.0.0/8"
ACCESS_MANAGEMENT: Final = "10.0.0.0/9"
BACKHAUL: Final = "10.128.0.0/9"


class Listens(NamedTuple):
    """Something that listens. `authentication` and `encryption` are null where nobody stated them."""

    service: str
    protocol: str
    port: int
    authentication: str | None
    encryption: str | None


NETCONF: Final = Listens("NETCONF", "TCP", 830, "certificate", "TLS")
SSH: Final = Listens("SSH", "TCP", 22, "TACACS+", "SSH")
HTTPS: Final = Listens("HTTPS", "TCP", 443, "certificate", "TLS")
TELNET: Final = Listens("Telnet", "TCP", 23, "password", "none")
ALARMS: Final = Listens("SNMPv3", "UDP", 162, "user keys", "AES")
SBI: Final = Listens("SBI", "TCP", 443, "OAuth 2.0", "TLS")
GTP_U: Final = Listens("GTP-U", "UDP", 2152, "none", "none")
GTP_C: Final = Listens("GTP-C", "UDP", 2123, "none", "none")
PFCP: Final = Listens("PFCP", "UDP", 8805, "none", "none")
DIAMETER: Final = Listens("Diameter", "SCTP", 3868, "certificate", "TLS")
SIP: Final = Listens("SIP", "UDP", 5060, "none", "none")

OPEN_MANAGER: Final = Listens("HTTP", "TCP", 8080, "none", "none")
"""What the second operator's manager of the 5G core offers to other systems, and to whoever calls."""
UNSTATED: Final = HTTPS._replace(authentication=None)

_Feet = tuple[tuple[Zone, Listens | None], ...]


def _feet_of() -> dict[str, _Feet]:
    """The zones each kind has a foot in, the first for its management, with what listens there."""
    oam = Zone.CORE_MANAGEMENT
    core: dict[str, _Feet] = {
        "AMF": ((oam, NETCONF), (Zone.N2, Listens("NGAP", "SCTP", 38412, "none", "none")),
                (Zone.SERVICES, SBI)),
        "SMF": ((oam, NETCONF), (Zone.N4, PFCP), (Zone.SERVICES, SBI)),
        "UPF": ((oam, NETCONF), (Zone.N3, GTP_U), (Zone.N4, PFCP), (Zone.N6, None)),
        "SEPP": ((oam, NETCONF), (Zone.SERVICES, SBI), (Zone.EDGE, None)),
        "MME": ((oam, NETCONF), (Zone.N2, Listens("S1AP", "SCTP", 36412, "none", "none")),
                (Zone.N4, GTP_C), (Zone.SIGNALLING, DIAMETER)),
        "SGW": ((oam, NETCONF), (Zone.N3, GTP_U), (Zone.N4, GTP_C)),
        "PGW": ((oam, NETCONF), (Zone.N4, GTP_C), (Zone.N6, None)),
        "ePDG": ((oam, NETCONF), (Zone.N4, GTP_C), (Zone.EDGE, None)),
        "SGSN": ((oam, NETCONF), (Zone.N4, GTP_C)),
        "GGSN": ((oam, NETCONF), (Zone.N4, GTP_C), (Zone.N6, None)),
        "P-CSCF": ((oam, NETCONF), (Zone.SIGNALLING, SIP), (Zone.N6, None)),
        "SBC": ((oam, NETCONF), (Zone.SIGNALLING, SIP), (Zone.N6, None)),
        "IBCF": ((oam, NETCONF), (Zone.SIGNALLING, SIP), (Zone.EDGE, None)),
        "IP core router": ((oam, SSH), (Zone.TRANSPORT, None)),
        "route reflector": ((oam, SSH), (Zone.TRANSPORT, None)),
        "internet gateway": ((oam, SSH), (Zone.EDGE, None), (Zone.N6, None)),
        "peering router": ((oam, SSH), (Zone.EDGE, None)),
        "switch": ((oam, SSH),),
        "WDM": ((Zone.OPTICAL, NETCONF),),
        "PTP grandmaster": ((Zone.SECURITY, SSH),
                            (Zone.TIMING, Listens("PTP", "UDP", 319, "none", "none"))),
        "NTP": ((Zone.SECURITY, SSH), (Zone.TIMING, Listens("NTP", "UDP", 123, "none", "none"))),
        "jump host": ((Zone.JUMP_HOSTS, SSH._replace(authentication="two factors")),),
        "vendor remote access": (
            (Zone.VENDOR_ACCESS, HTTPS._replace(authentication="two factors")),),
        "AAA": ((Zone.SECURITY, Listens("TACACS+", "TCP", 49, "shared key", "TLS")),),
        "LDAP": ((Zone.SECURITY, Listens("LDAPS", "TCP", 636, "certificate", "TLS")),),
        "software repository": ((Zone.CLOUD_MANAGEMENT, HTTPS),),
        "DNS": ((Zone.SECURITY, SSH),
                (Zone.SIGNALLING, Listens("DNS", "UDP", 53, "none", "none"))),
        "SEG": ((Zone.SECURITY, SSH),),
        "DDoS": ((Zone.SECURITY, SSH), (Zone.EDGE, None)),
        "GTP firewall": ((Zone.SECURITY, SSH), (Zone.EDGE, None)),
        "signalling firewall": ((Zone.SECURITY, SSH), (Zone.SIGNALLING, None)),
        "SMS firewall": ((Zone.SECURITY, SSH), (Zone.SIGNALLING, None)),
        "EMS": ((Zone.ELEMENT_MANAGERS, HTTPS), (Zone.ELEMENT_MANAGERS, ALARMS)),
    }  # fmt: skip
    by_family: dict[str, _Feet] = {
        "5G core": ((oam, NETCONF), (Zone.SERVICES, SBI)),
        "4G core": ((oam, NETCONF), (Zone.SIGNALLING, DIAMETER)),
        "2G/3G core": ((oam, NETCONF), (Zone.SIGNALLING, None)),
        "IMS": ((oam, NETCONF), (Zone.SIGNALLING, SIP)),
        "management": ((Zone.OPERATIONS, HTTPS),),
        "cloud": ((Zone.CLOUD, SSH),),
        "security": ((Zone.SECURITY, SSH),),
        "interception": ((Zone.INTERCEPTION, HTTPS),),
    }
    in_security = {"CA", "HSM", "backup", "log collector"}
    for one in CORE:
        if one.kind in in_security:
            core[one.kind] = ((Zone.SECURITY, HTTPS),)
        elif one.kind in {"VIM", "VNFM", "NFVO", "Kubernetes control plane", "SDN controller"}:
            core[one.kind] = ((Zone.CLOUD_MANAGEMENT, HTTPS),)
        else:
            core.setdefault(one.kind, by_family.get(one.family, ((oam, SSH),)))
    return core


FEET: Final[Mapping[str, _Feet]] = _feet_of()

GATEWAY_FEET: Final[_Feet] = ((Zone.SECURITY, SSH), *((z, None) for z in (
    Zone.TRANSPORT, Zone.N2, Zone.N3)))  # fmt: skip
"""The first security gateway, by which N2 and N3 reach the base stations."""

FIREWALL_FEET: Final[_Feet] = ((Zone.SECURITY, SSH), *((z, None) for z in (
    Zone.TRANSPORT, Zone.CORE_MANAGEMENT, Zone.ELEMENT_MANAGERS, Zone.OPERATIONS, Zone.JUMP_HOSTS,
    Zone.VENDOR_ACCESS, Zone.CLOUD, Zone.TIMING, Zone.OPTICAL, Zone.CLOUD_MANAGEMENT)))  # fmt: skip
"""The first firewall, by which management goes from zone to zone and to what it manages."""

ROUTERS: Final = frozenset(("IP core router", "internet gateway", "peering router"))
"""Kinds of the centre that pass packets on, though not to or from their port for management."""

MULTI_HOMED: Final = frozenset(
    kind for kind, feet in FEET.items() if len({zone for zone, _ in feet}) > 1
)

USERS: Final = frozenset(("ENB", "GNBDU", "GNB", "NODEB", "BTS", "GNBCUCP", "GNBCUUP"))
"""Kinds of base stations with a foot in the backhaul, beside the one for management."""
TUNNELS: Final = frozenset(("ENB", "GNBDU", "GNB", "GNBCUUP"))
"""Those that send users' traffic through GTP tunnels."""
CARRIERS: Final = frozenset(("aggregation router", "SEG"))
"""Kinds at a point of presence that carry the backhaul's VLAN, without an address in it."""


class Rule(NamedTuple):
    """An entry of a rule list; null is any."""

    action: str
    protocol: str | None
    source: str | None
    destination: str | None
    port: int | None


@dataclass(frozen=True, slots=True)
class Practice:
    """What sets an operator apart."""

    merged: Mapping[Zone, Zone] = field(default_factory=dict)
    """Zones that are no networks of their own, and the one they are part of."""
    is_flat: bool = False
    """Base stations are managed over the VLAN that carries their traffic."""
    unchecked: frozenset[Zone] = frozenset()
    """Zones in which a member may send from an address that is not its own."""
    has_own_managers: bool = False
    """Equipment of the designated vendor and its subsidiary has that vendor's element managers."""
    optical_links_encrypted: bool | None = None
    """Whether the core routers' links over the optical network are encrypted."""
    time_from_optical: bool = False
    states_core_makers: bool = False
    manages_outwards_only: bool = False
    takes_measurements: bool = False
    """Base stations and optical systems may send measurements to the systems of operations."""
    listens: Mapping[str, Listens] = field(default_factory=dict)
    """What differs from the usual in what listens on a kind's management."""
    regions: str = "i"
    """Region by region, whether user traffic crosses the backhaul in IPsec (`i`), in the clear (`c`),
    or is not stated (`u`); it begins again at its end."""

    def zone(self, zone: Zone) -> Zone:
        """The network that a zone is."""
        return self.merged.get(zone, zone)


_FLAT: Final = dict.fromkeys(
    (
        *(Zone.ELEMENT_MANAGERS, Zone.OPERATIONS, Zone.JUMP_HOSTS, Zone.VENDOR_ACCESS),
        *(Zone.CLOUD, Zone.CLOUD_MANAGEMENT, Zone.SECURITY),
    ),
    Zone.CORE_MANAGEMENT,
)

PRACTICES: Final = (
    Practice(
        takes_measurements=True,
        listens={"SON": UNSTATED},
        regions="ciiuiiiciiii",
    ),
    Practice(
        merged=_FLAT,
        is_flat=True,
        unchecked=frozenset((Zone.N3,)),
        has_own_managers=True,
        optical_links_encrypted=False,
        listens={
            "software repository": Listens("HTTP", "TCP", 80, None, "none"),
            "cell site router": TELNET,
        },
        regions="iciiiiciiiii",
    ),
    Practice(
        optical_links_encrypted=True,
        states_core_makers=True,
        manages_outwards_only=True,
        regions="iiciiiiiiiii",
    ),
    Practice(
        merged=dict.fromkeys((Zone.JUMP_HOSTS, Zone.VENDOR_ACCESS), Zone.ELEMENT_MANAGERS),
        has_own_managers=True,
        optical_links_encrypted=False,
        time_from_optical=True,
        listens={"jump host": UNSTATED},
        regions="icuiiicii",
    ),
)
"""Of the first to fourth operator of each country."""


def practice_of(operator: Operator) -> Practice:
    """How the operator lays its network out."""
    return PRACTICES[operator.place]


def manager_maker(operator: Operator, group: str, maker: int) -> int:
    """Who makes the management system of equipment of a group and a maker.

    An operator that keeps the designated vendor out of its core does not let that vendor's systems
    manage its network: it has a maker of management systems manage that equipment too. One that
    states all of its core does the same with a maker of whom nobody looked for the owner.
    """
    practice = practice_of(operator)
    kept_out = set() if practice.has_own_managers else {world.DESIGNATED, "lumisar"}
    if practice.states_core_makers:
        kept_out.add("quillon")
    if group != "core" and world.VENDORS[maker].slug in kept_out:
        return world.INDEX[world.ROLES["management"][operator.place]]
    return maker


def encryption_of(operator: Operator, place: int) -> str | None:
    """How user traffic crosses the backhaul in the operator's region at that place."""
    regions = practice_of(operator).regions
    return {"i": "IPsec", "c": "none", "u": None}[regions[place % len(regions)]]


def listens_at(operator: Operator, kind: str, usual: Listens | None) -> Listens | None:
    """What listens on a kind's first foot at the operator."""
    return practice_of(operator).listens.get(kind, usual)


# Addresses


def zone_range(zone: Zone) -> str:
    """The addresses of a zone, as CIDR."""
    return _dotted(_CENTRE + zone * (1 << 32 - _ZONE_LENGTH), _ZONE_LENGTH)


def zone_addresses(zone: Zone, hosts: Ints) -> pa.Array:
    """Addresses in a zone with the length of its prefix; hosts count from 0."""
    first = _CENTRE + int(zone) * (1 << 32 - _ZONE_LENGTH) + FIRST_HOST
    return addresses(first + hosts, _ZONE_LENGTH)


def zone_address(zone: Zone, host: int) -> str:
    """One address in a zone, without a length."""
    return _dotted(_CENTRE + zone * (1 << 32 - _ZONE_LENGTH) + FIRST_HOST + host, None)


def hub_hosts(hubs: Ints) -> Ints:
    """The hosts in the IP core's range that the routers of the points of presence are."""
    return _HUB_GATEWAYS + hubs


def hub_ranges(hubs: Ints, *, backhaul: bool) -> pa.Array:
    """The addresses of the VLANs of points of presence, as CIDR."""
    return addresses(_hub_first(hubs, backhaul=backhaul), _HUB_LENGTH)


def hub_addresses(hubs: Ints, hosts: Ints, *, backhaul: bool) -> pa.Array:
    """Addresses in those VLANs, with the length; host 1 is the router."""
    return addresses(_hub_first(hubs, backhaul=backhaul) + hosts, _HUB_LENGTH)


def _hub_first(hubs: Ints, *, backhaul: bool) -> Ints:
    return (_BACKHAUL if backhaul else _ACCESS) + hubs * (1 << 32 - _HUB_LENGTH)


def addresses(numbers: Ints, length: int | None) -> pa.Array:
    """IPv4 addresses written out."""
    octets = [pa.array(numbers >> shift & 255).cast(pa.string()) for shift in (24, 16, 8, 0)]
    bare = pc.binary_join_element_wise(*octets, ".")
    return bare if length is None else pc.binary_join_element_wise(bare, str(length), "/")


def _dotted(number: int, length: int | None) -> str:
    return str(addresses(np.array([number]), length)[0].as_py())


# Rule lists


@cache
def firewall_rules(operator: Operator) -> tuple[Rule, ...]:
    """The first firewall's list; what it does not let through is denied."""
    practice = practice_of(operator)
    at = {zone: zone_range(practice.zone(zone)) for zone in Zone}
    oam, managers = at[Zone.CORE_MANAGEMENT], at[Zone.ELEMENT_MANAGERS]
    if practice.is_flat:
        return (
            Rule("allow", "TCP", ACCESS, oam, 443),
            Rule("allow", "TCP", ACCESS, oam, 8080),
            Rule("allow", "UDP", ACCESS, oam, 162),
            Rule("allow", "TCP", MANAGERS, ACCESS, None),
        )
    rules = [
        *(Rule("allow", "TCP", managers, ACCESS_MANAGEMENT, port) for port in (22, 23, 443, 830)),
        Rule("allow", "TCP", managers, at[Zone.OPTICAL], 830),
        *(Rule("allow", "TCP", managers, oam, port) for port in (22, 830)),
        Rule("allow", "TCP", at[Zone.OPERATIONS], managers, 443),
        Rule("allow", "TCP", at[Zone.OPERATIONS], oam, 443),
        Rule("allow", "TCP", at[Zone.JUMP_HOSTS], managers, 443),
        Rule("allow", "TCP", at[Zone.JUMP_HOSTS], oam, 443),
        Rule("allow", "TCP", at[Zone.CLOUD_MANAGEMENT], oam, 830),
        Rule("allow", "TCP", at[Zone.CLOUD_MANAGEMENT], at[Zone.CLOUD], 22),
        *(
            Rule("allow", "TCP", source, at[Zone.SECURITY], port)
            for source in (oam, managers, at[Zone.JUMP_HOSTS])
            for port in (49, 636)
        ),
        Rule("allow", "UDP", ACCESS_MANAGEMENT, at[Zone.TIMING], 123),
    ]
    if practice.zone(Zone.VENDOR_ACCESS) != practice.zone(Zone.JUMP_HOSTS):
        rules.append(Rule("allow", "TCP", at[Zone.VENDOR_ACCESS], at[Zone.JUMP_HOSTS], 22))
    if not practice.manages_outwards_only:
        rules.append(Rule("allow", "UDP", ACCESS_MANAGEMENT, managers, 162))
    if practice.takes_measurements:
        rules += [
            Rule("allow", "TCP", source, at[Zone.OPERATIONS], 443)
            for source in (ACCESS_MANAGEMENT, at[Zone.OPTICAL])
        ]
    return tuple(dict.fromkeys(rules))


@cache
def gateway_rules(operator: Operator) -> tuple[Rule, ...]:
    """The first security gateway's list; what it does not let through is denied."""
    stations = ACCESS if practice_of(operator).is_flat else BACKHAUL
    n2, n3 = zone_range(Zone.N2), zone_range(Zone.N3)
    return (
        Rule("allow", "SCTP", stations, n2, 38412),
        Rule("allow", "SCTP", stations, n2, 36412),
        Rule("allow", "UDP", stations, n3, 2152),
        Rule("allow", "UDP", n3, stations, 2152),
        Rule("allow", "SCTP", n2, stations, None),
    )


@cache
def access_rules(operator: Operator) -> tuple[tuple[Rule, ...], ...]:
    """The lists of a point of presence's router: for what comes from its VLANs, then from the core.

    What they do not let through is denied, so that base stations do not reach each other's points
    of presence, nor do the routers of those.
    """
    core = zone_range(Zone.TRANSPORT)
    stations = (Rule("deny", None, None, core, None), Rule("allow", None, None, CENTRE, None))
    routers = (Rule("deny", None, core, ACCESS, None), Rule("allow", None, None, None, None))
    if practice_of(operator).is_flat:
        return (stations, routers)
    return (stations, (Rule("allow", None, None, SERVED, None),), routers)
