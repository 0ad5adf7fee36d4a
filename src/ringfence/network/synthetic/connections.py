"""Segments, feet, what listens, rule lists and routes: of an operator's centre, and of its sites.

What the segments are, who stands in them and what is let through is in `practice`. Base stations
stand in VLANs of their point of presence, so that segments grow with those and not with the cells.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.network.model import TABLES
from ringfence.network.synthetic import world
from ringfence.network.synthetic.core import core_numbers, management_systems
from ringfence.network.synthetic.plan import SLOTS, Operator
from ringfence.network.synthetic.practice import (
    ACCESS,
    CARRIERS,
    CENTRE,
    FEET,
    FIREWALL_FEET,
    GATEWAY_FEET,
    GTP_U,
    HTTPS,
    MANAGEMENT,
    NAMES,
    NETCONF,
    OPEN_MANAGER,
    ROUTERS,
    SERVED,
    SSH,
    TELNET,
    TUNNELS,
    USERS,
    Listens,
    Rule,
    Zone,
    access_rules,
    encryption_of,
    firewall_rules,
    gateway_rules,
    hub_addresses,
    hub_hosts,
    hub_ranges,
    listens_at,
    practice_of,
    zone_address,
    zone_addresses,
    zone_range,
)
from ringfence.network.synthetic.rows import (
    KINDS,
    NUMBER_OF,
    Ints,
    Piece,
    Standing,
    element_keys,
    keys,
)

_FEET_EACH: Final = 32
_LISTS_EACH: Final = 8
_RULES_EACH: Final = 64
_FIRST_HUB_SEGMENT: Final = 100

_SITE_LISTENS: Final = {
    "cell site router": SSH, "aggregation router": SSH, "PE router": SSH, "BNG": SSH, "SEG": SSH,
    "microwave": HTTPS, "OLT": SSH, "DSLAM": TELNET, "PTP grandmaster": SSH, "WDM": NETCONF,
    "OTN": NETCONF,
}  # fmt: skip
"""What listens on the management of a kind at a site; on any other, NETCONF."""


@dataclass(slots=True)
class _Connections:
    """Rows of one part of an operator's network, kind by kind of table."""

    operator: Operator
    origin: str
    _tables: dict[str, list[pa.Table]] = field(default_factory=dict)

    def _add(self, name: str, columns: dict[str, pa.Array]) -> None:
        rows = {**columns, "origin": pa.repeat(pa.scalar(self.origin), len(columns["_"]))}
        del rows["_"]
        self._tables.setdefault(name, []).append(TABLES[name].conform(pa.table(rows)))

    def segments(self, numbers: Ints, names: pa.Array, ranges: pa.Array, *, is_apart: bool,
                 checks: bool | None) -> None:  # fmt: skip
        """Segments by their number."""
        size = len(numbers)
        if self.operator.uses_netbox:
            # NetBox shows a VLAN by its name and number.
            written = pa.array(vlan_numbers(numbers)).cast(pa.string())
            names = pc.binary_join_element_wise(names, " (", written, ")", "")
        self._add(
            "segment",
            {
                "_": numbers,
                "id": segment_keys(self.operator, numbers),
                "name": names,
                "kind": pa.repeat(pa.scalar("VLAN"), size),
                "address_range": ranges,
                "isolates_members": pa.repeat(pa.scalar(is_apart), size),
                "checks_source": pa.repeat(pa.scalar(checks, pa.bool_()), size),
            },
        )

    def feet(self, elements: Ints, foot: int, segments: Ints, at: pa.Array | None, *,
             is_management: bool) -> pa.Array:  # fmt: skip
        """One foot of each element, the `foot`th; without addresses, it is a tagged VLAN.

        Returns the keys of the interfaces.
        """
        size = len(elements)
        found = interface_keys(self.operator, elements, foot)
        if at is None and self.operator.uses_netbox:
            tagged = pa.array(segments).cast(pa.string())
            found = pc.binary_join_element_wise(found, tagged, "#vlan/")
        self._add(
            "interface",
            {
                "_": elements,
                "id": found,
                "element": element_keys(self.operator, elements),
                "segment": segment_keys(self.operator, segments),
                "name": pa.repeat(pa.scalar("mgmt0" if foot == 0 else f"eth{foot}"), size),
                "address": pa.nulls(size, pa.string()) if at is None else at,
                "is_management": pa.repeat(pa.scalar(is_management), size),
            },
        )
        return found

    def endpoints(self, elements: Ints, listens: Listens, at: pa.Array) -> None:
        """What listens on each element, at its address."""
        size = len(elements)
        element = element_keys(self.operator, elements)

        def same(value: str | int | None, kind: pa.DataType) -> pa.Array:
            return pa.repeat(pa.scalar(value, kind), size)

        self._add(
            "endpoint",
            {
                "_": elements,
                "id": pc.binary_join_element_wise(element, listens.service, "/endpoint/"),
                "element": element,
                "address": pc.list_element(pc.split_pattern(at, "/"), 0),
                "protocol": same(listens.protocol, pa.string()),
                "port": same(listens.port, pa.int64()),
                "service": same(listens.service, pa.string()),
                "authentication": same(listens.authentication, pa.string()),
                "encryption": same(listens.encryption, pa.string()),
            },
        )

    def lists(self, elements: Ints, index: int, rules: Sequence[Rule], *, name: str,
              direction: str, at: pa.Array | None = None) -> None:  # fmt: skip
        """The same rule list at each element, which denies what it does not let through."""
        size = len(elements)
        numbers = elements * _LISTS_EACH + index
        found = keys(numbers, self.operator, "B", 10)
        self._add(
            "boundary",
            {
                "_": elements,
                "id": found,
                "name": pa.repeat(pa.scalar(name), size),
                "element": element_keys(self.operator, elements),
                "interface": pa.nulls(size, pa.string()) if at is None else at,
                "direction": pa.repeat(pa.scalar(direction), size),
                "default_action": pa.repeat(pa.scalar("deny"), size),
                "is_stateful": pa.repeat(pa.scalar(True), size),
            },
        )
        for position, rule in enumerate(rules):
            ports = None if rule.port is None else f"{rule.port}-{rule.port}"
            said = {
                "action": rule.action,
                "protocol": rule.protocol,
                "source_range": rule.source,
                "destination_range": rule.destination,
                "destination_ports": ports,
                "text": _written(rule),
            }
            self._add(
                "filter",
                {
                    "_": elements,
                    "id": keys(numbers * _RULES_EACH + position, self.operator, "F", 12),
                    "boundary": found,
                    "position": pa.repeat(pa.scalar(position + 1), size),
                    **{n: pa.repeat(pa.scalar(v, pa.string()), size) for n, v in said.items()},
                },
            )

    def routes(self, elements: Ints, to: pa.Array, next_hops: pa.Array | None) -> None:
        """Static routes; without a next hop what they are for is discarded."""
        size = len(elements)
        kind = "discard" if next_hops is None else "static"
        self._add(
            "route",
            {
                "_": elements,
                "element": element_keys(self.operator, elements),
                "destination_range": to,
                "next_hop": pa.nulls(size, pa.string()) if next_hops is None else next_hops,
                "kind": pa.repeat(pa.scalar(kind), size),
            },
        )

    def pieces(self) -> Iterator[Piece]:
        """The rows, a table at a time."""
        for name, parts in self._tables.items():
            rows = pa.concat_tables(parts)
            if rows.num_rows:
                yield name, rows


def _written(rule: Rule) -> str:
    """The entry as a firewall shows it."""
    ends = (rule.source or "any", rule.destination or "any")
    port = "" if rule.port is None else f" port {rule.port}"
    return f"{rule.action} {(rule.protocol or 'ip').lower()} {ends[0]} to {ends[1]}{port}"


def vlan_numbers(numbers: Ints) -> Ints:
    """The numbers that VLANs have on the wire, of segments by number: 1 to 4094."""
    return numbers % 4094 + 1


def segment_keys(operator: Operator, numbers: Ints) -> pa.Array:
    """The keys of the operator's segments."""
    return keys(numbers, "netbox:vlan/" if operator.uses_netbox else operator, "V", 8)


def interface_keys(operator: Operator, elements: Ints, foot: int) -> pa.Array:
    """The keys of one interface of each element."""
    start = "netbox:interface/" if operator.uses_netbox else operator
    return keys(elements * _FEET_EACH + foot, start, "I", 10)


def _zone_segment(zone: Zone) -> int:
    return int(zone) + 1


def hub_segments(sites: Ints, *, backhaul: bool) -> Ints:
    """The numbers of the VLANs at points of presence, by the number of their site."""
    return _FIRST_HUB_SEGMENT + sites * 2 + int(backhaul)


# The centre


def centre_pieces(operator: Operator) -> Iterator[Piece]:
    """What an operator's centre is connected by."""
    made = _Connections(operator, f"made up: {operator.code}, core")
    practice = practice_of(operator)
    own_zones = sorted({practice.zone(zone) for zone in Zone})
    for checks in (True, False):
        zones = [zone for zone in own_zones if checks == (zone not in practice.unchecked)]
        made.segments(
            np.array([_zone_segment(zone) for zone in zones], np.int64),
            pa.array([NAMES[zone] for zone in zones], pa.string()),
            pa.array([zone_range(zone) for zone in zones], pa.string()),
            is_apart=False,
            checks=checks,
        )
    of = {kind: np.array(numbers) for kind, numbers in core_numbers(operator).items()}
    for kind, numbers in of.items():
        between = {"firewall": FIREWALL_FEET, "SEG": GATEWAY_FEET}.get(kind, FEET[kind])
        # The first of its kind stands between zones, where those do.
        _stand(made, kind, numbers[:1], between)
        _stand(made, kind, numbers[1:], FEET[kind])
    _managers(made)
    _lists_and_routes(made, of)
    yield from made.pieces()


def _first(operator: Operator) -> int:
    """The number of the first element of the centre."""
    return (operator.sites + 1) * SLOTS


def _stand(
    made: _Connections,
    kind: str,
    numbers: Ints,
    feet: Sequence[tuple[Zone, Listens | None]],
) -> None:
    """The feet of elements of a kind, each in a zone of its own, and what listens there."""
    operator = made.operator
    practice = practice_of(operator)
    hosts = numbers - _first(operator)
    is_apart = not practice.is_flat
    own = list(dict.fromkeys(practice.zone(zone) for zone, _ in feet))
    for foot, zone in enumerate(own):
        segments = np.full(len(numbers), _zone_segment(zone))
        is_management = is_apart and zone in MANAGEMENT
        at = zone_addresses(zone, hosts)
        made.feet(numbers, foot, segments, at, is_management=is_management)
    for index, (zone, usual) in enumerate(feet):
        listens = listens_at(operator, kind, usual) if index == 0 else usual
        if listens is not None:
            at = zone_addresses(practice.zone(zone), hosts)
            made.endpoints(numbers, listens, at)


def _managers(made: _Connections) -> None:
    """The element managers, of which one may offer more than the others."""
    operator = made.operator
    practice = practice_of(operator)
    for (group, vendor), number in management_systems(operator).items():
        one = np.array([number])
        feet = list(FEET["EMS"])
        is_5g = vendor == world.INDEX[world.ROLES["5G core"][operator.place]]
        if group == "core" and is_5g and practice.is_flat:
            feet.append((Zone.ELEMENT_MANAGERS, OPEN_MANAGER))
        _stand(made, "EMS", one, feet)


def _lists_and_routes(made: _Connections, of: dict[str, Ints]) -> None:
    """Who passes packets on in the centre, where to, and what is let through."""
    operator = made.operator
    first = _first(operator)
    everywhere = pa.array(["0.0.0.0/0"])
    routers = np.concatenate([of[kind] for kind in sorted(ROUTERS)])
    management = interface_keys(operator, routers, 0)
    # A port for management is no way through a router.
    made.lists(routers, 0, (), name="from management", direction="through", at=management)
    made.lists(routers, 1, (), name="to management", direction="out", at=management)
    made.routes(routers, pa.repeat("0.0.0.0/0", len(routers)), None)
    firewall, gateway, router = of["firewall"][:1], of["SEG"][:1], of["IP core router"][:1]
    made.lists(firewall, 0, firewall_rules(operator), name="zones", direction="through")
    made.lists(gateway, 0, gateway_rules(operator), name="N2 and N3", direction="through")

    def at(one: Ints) -> pa.Array:
        return pa.array([zone_address(Zone.TRANSPORT, int(one[0]) - first)])

    for one in (firewall, gateway):
        made.routes(one, everywhere, None)
        made.routes(one, pa.array([ACCESS]), at(router))
    made.routes(router, pa.array([CENTRE]), at(firewall))
    made.routes(router, pa.array([SERVED]), at(gateway))


# The sites


@dataclass(frozen=True, slots=True)
class Places:
    """Where the sites of one batch stand in their points of presence."""

    first_site: int
    names: pa.Array
    hub_sites: Ints
    """The number of each site's point of presence; its own for those."""
    hubs: Ints
    """The place of that point of presence among the operator's, from 0."""
    ranks: Ints
    """The place of the site among those of its point of presence, which is 0 itself."""


_HOSTS_EACH: Final = 16
"""Hosts kept for a site in its point of presence's VLANs; the first so many are routers."""


def access_pieces(
    operator: Operator, place: int, standing: Standing, places: Places, origin: str
) -> Iterator[Piece]:
    """What the sites of a batch are connected by."""
    made = _Connections(operator, origin)
    practice = practice_of(operator)
    encryption = encryption_of(operator, place)
    at_site = standing.numbers // SLOTS - places.first_site
    hubs, hub_sites = places.hubs[at_site], places.hub_sites[at_site]
    slots = standing.numbers % SLOTS
    hosts = _HOSTS_EACH * (1 + places.ranks[at_site]) + _packed(slots)
    oam, backhaul = (hub_segments(hub_sites, backhaul=b) for b in (False, True))
    gateways = standing.kinds == NUMBER_OF["PE router"]
    users = np.isin(standing.kinds, _numbers(USERS))
    own = np.arange(len(standing.numbers))

    # What stands at the points of presence of the batch has VLANs of its own.
    new = own[gateways]
    shown = places.names.take(pa.array(at_site[new]))
    for is_backhaul in (False, True) if not practice.is_flat else (False,):
        what = "backhaul" if is_backhaul else "RAN" if practice.is_flat else "RAN O&M"
        carries = is_backhaul or practice.is_flat
        in_clear = carries and encryption != "IPsec"
        made.segments(
            hub_segments(hub_sites[new], backhaul=is_backhaul),
            pc.binary_join_element_wise(what, shown, ", "),
            hub_ranges(hubs[new], backhaul=is_backhaul),
            is_apart=not in_clear,
            checks=not in_clear,
        )
    _gateways(made, standing.numbers[new], hubs[new], hub_sites[new])

    at = hub_addresses(hubs, hosts, backhaul=False)
    others = own[~gateways]
    made.feet(
        standing.numbers[others],
        0,
        oam[others],
        at.take(pa.array(others)),
        is_management=not practice.is_flat,
    )
    for kind in np.unique(standing.kinds[others]).tolist():
        name = KINDS[kind].kind
        chosen = own[standing.kinds == kind]
        listens = listens_at(operator, name, _SITE_LISTENS.get(name, NETCONF)) or NETCONF
        made.endpoints(standing.numbers[chosen], listens, at.take(pa.array(chosen)))
    tunnel_at = at
    if not practice.is_flat:
        tunnel_at = hub_addresses(hubs, hosts, backhaul=True)
        chosen = own[users]
        made.feet(
            standing.numbers[chosen],
            1,
            backhaul[chosen],
            tunnel_at.take(pa.array(chosen)),
            is_management=False,
        )
        is_hub = places.ranks[at_site] == 0
        chosen = own[is_hub & np.isin(standing.kinds, _numbers(CARRIERS))]
        made.feet(standing.numbers[chosen], 1, backhaul[chosen], None, is_management=False)
    chosen = own[np.isin(standing.kinds, _numbers(TUNNELS))]
    tunnels = GTP_U._replace(encryption=encryption)
    made.endpoints(standing.numbers[chosen], tunnels, tunnel_at.take(pa.array(chosen)))
    yield from made.pieces()


def _numbers(kinds: frozenset[str]) -> Ints:
    return np.array(sorted(NUMBER_OF[kind] for kind in kinds))


def _packed(slots: Ints) -> Ints:
    """The slots of a site, which differ by what kind of site it is, as numbers below 16."""
    packed: Ints = np.where(slots < 9, slots, np.where(slots < 21, slots - 9, slots - 19))
    return packed


def _gateways(made: _Connections, numbers: Ints, hubs: Ints, sites: Ints) -> None:
    """The routers of points of presence: their feet, lists and routes."""
    operator = made.operator
    is_flat = practice_of(operator).is_flat
    ones = np.ones(len(numbers), np.int64)
    found = []
    for foot, is_backhaul in enumerate((False, True) if not is_flat else (False,)):
        at = hub_addresses(hubs, ones, backhaul=is_backhaul)
        vlans = hub_segments(sites, backhaul=is_backhaul)
        managed = not (is_backhaul or is_flat)
        found.append(made.feet(numbers, foot, vlans, at, is_management=managed))
    up = zone_addresses(Zone.TRANSPORT, hub_hosts(hubs))
    transport = np.full(len(numbers), _zone_segment(Zone.TRANSPORT))
    found.append(made.feet(numbers, 2, transport, up, is_management=False))
    made.endpoints(numbers, SSH, hub_addresses(hubs, ones, backhaul=False))
    names = ("base stations", "core") if is_flat else ("O&M", "backhaul", "core")
    lists = zip(names, access_rules(operator), found, strict=True)
    for index, (name, rules, at) in enumerate(lists):
        made.lists(numbers, index, rules, name=f"from {name}", direction="in", at=at)
    router = int(core_numbers(operator)["IP core router"][0]) - _first(operator)
    size = len(numbers)
    hop = pa.repeat(pa.scalar(zone_address(Zone.TRANSPORT, router)), size)
    made.routes(numbers, pa.repeat("0.0.0.0/0", size), hop)
    # The first router of the core knows the way to each point of presence.
    core = np.full(size, core_numbers(operator)["IP core router"][0])
    back = pc.list_element(pc.split_pattern(up, "/"), 0)
    for is_backhaul in (False, True) if not is_flat else (False,):
        made.routes(core, hub_ranges(hubs, backhaul=is_backhaul), back)
