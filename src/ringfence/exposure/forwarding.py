"""How packets go from foot to foot: who takes them in, which lists let them through, who passes them on.

For one destination all senders are looked at together, backwards: which sorts of packets, taken in
by an element at one of its feet, come to the destination. It begins at the destination's own feet
and goes from each foot to the routers that send there, until nothing more comes through.

Elements do as they are configured. They take in what is addressed to them on whatever interface
it comes (the weak host model, RFC 1122 section 3.3.4.2); routers pass on by the longest prefix,
and by the least preference where two are as long. Equal routes are all used.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ringfence.exposure.filters import (
    Address,
    Destination,
    Entry,
    LetThrough,
    Network,
    Packets,
    RuleList,
    address_of,
    network_of,
    ports_of,
    protocol_of,
)
from ringfence.store.duck import Tables

READS = (
    "element", "segment", "interface", "endpoint", "boundary", "filter", "group_member", "route",
    "translation",
)  # fmt: skip

_WITHIN = {
    "subnet": ("VLAN", "subnet"),
    "container network": ("VLAN", "container network", "tunnel"),
}
"""A subnet in a VLAN, or a container network on a wire, is no domain of its own: who has a foot in
the one sends frames to the other. A subnet in a VRF is."""


@dataclass(frozen=True, slots=True, eq=False)
class Foot:
    """An element's interface in a domain."""

    id: str
    element: str
    domain: str
    segment: str | None
    address: Address | None
    subnet: Network | None
    routing_domain: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class Route:
    """A line of a routing table; `foot` is where it leaves by, null where only a next hop is stated."""

    to: Network
    next_hop: Address | None
    foot: Foot | None
    kind: str | None
    preference: int
    origin: str


@dataclass(slots=True)
class Element:
    """An element as packets see it; `routes` are those of each of its routing domains."""

    id: str
    kind: str | None
    forwards: bool | None
    origin: str
    feet: list[Foot] = field(default_factory=list)
    routes: dict[str | None, list[Route]] = field(default_factory=lambda: defaultdict(list))
    translations: list[dict[str, Any]] = field(default_factory=list)
    boundaries: dict[str, list[tuple[str | None, str | None, RuleList]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def addresses(self) -> set[Address]:
        """The addresses of all its feet."""
        return {foot.address for foot in self.feet if foot.address is not None}


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a router sends what goes to an address: out of a foot, to another's foot."""

    out: Foot | None
    to: Foot
    because: tuple[str, ...] = ()


Arrived = dict[Foot, LetThrough]
"""What sorts of packets, taken in by an element at a foot, come to the destination."""


class Forwarding:
    """A network as packets see it."""

    def __init__(self, tables: Tables) -> None:
        rows = {name: tables[name].to_pylist() for name in READS}
        self.elements = {
            r["id"]: Element(r["id"], r["kind"], r["forwards_packets"], r["origin"] or r["id"])
            for r in rows["element"]
        }
        self.segments = {r["id"]: r for r in rows["segment"]}
        self._domain_of = {key: self._domain(key) for key in self.segments}
        self._set_feet(rows["interface"])
        self._set_routes(rows["route"])
        for row in rows["translation"]:
            if row["element"] in self.elements:
                self.elements[row["element"]].translations.append(row)
        for element in self.elements.values():
            element.translations.sort(key=lambda r: (r["position"] or 0, r["id"]))
        self._set_boundaries(rows["boundary"], rows["filter"])
        self.members = defaultdict[str, list[Foot]](list)
        self.owners = defaultdict[Address, list[Foot]](list)
        for foot in self.all_feet():
            self.members[foot.domain].append(foot)
            if foot.address is not None:
                self.owners[foot.address].append(foot)
        groups: dict[str, dict[str, bool]] = defaultdict(dict)
        for row in rows["group_member"]:
            groups[row["group"]][row["element"]] = row["is_certain"] is not False
        self.packets = Packets(
            [
                boundary
                for e in self.elements.values()
                for b in e.boundaries.values()
                for _, _, boundary in b
            ],
            _translated(rows["translation"]),
            groups,
            [(foot.element, foot.address) for foot in self.all_feet()],
        )

    def all_feet(self) -> Iterator[Foot]:
        """The feet of all elements."""
        return (foot for element in self.elements.values() for foot in element.feet)

    def _set_feet(self, interfaces: Sequence[dict[str, Any]]) -> None:
        for row in interfaces:
            element = self.elements.get(row["element"])
            if element is None or row["is_up"] is False:
                continue
            segment = self.segments.get(row["segment"])
            address = address_of(row["address"])
            written = row["address"] if row["address"] and "/" in row["address"] else None
            foot = Foot(
                row["id"],
                element.id,
                # A foot in no stated segment is in a domain that nobody else is known to be in.
                self._domain_of.get(row["segment"], f"interface {row['id']}"),
                row["segment"],
                address,
                network_of(written or (segment["address_range"] if segment else None)),
                self._routing_domain(segment),
                row["origin"] or row["id"],
            )
            element.feet.append(foot)

    def _set_routes(self, stated: Sequence[dict[str, Any]]) -> None:
        for element in self.elements.values():
            for foot in element.feet:
                if foot.subnet is not None:
                    near = Route(foot.subnet, None, foot, "connected", 0, foot.origin)
                    element.routes[foot.routing_domain].append(near)
        for row in stated:
            router, to = self.elements.get(row["element"]), network_of(row["destination_range"])
            if router is None or to is None or row["kind"] == "connected":
                continue
            by_id = {foot.id: foot for foot in router.feet}
            router.routes[row["routing_domain"]].append(
                Route(
                    to,
                    address_of(row["next_hop"]),
                    by_id.get(row["interface"]),
                    row["kind"],
                    1 if row["preference"] is None else row["preference"],
                    row["origin"] or f"{router.origin}, route to {to}",
                )
            )

    def _domain(self, key: str) -> str:
        """The broadcast domain a segment is, or is part of."""
        passed = {key}
        while True:
            segment = self.segments[key]
            parent = self.segments.get(segment["parent"])
            if parent is None or parent["kind"] not in _WITHIN.get(segment["kind"] or "", ()):
                return key
            key = parent["id"]
            if key in passed:
                return min(passed)
            passed.add(key)

    def _routing_domain(self, segment: dict[str, Any] | None) -> str | None:
        passed: set[str] = set()
        while segment is not None and segment["id"] not in passed:
            if segment["kind"] == "VRF":
                return str(segment["id"])
            passed.add(segment["id"])
            segment = self.segments.get(segment["parent"])
        return None

    def _set_boundaries(
        self, boundaries: Sequence[dict[str, Any]], entries: Sequence[dict[str, Any]]
    ) -> None:
        listed = defaultdict[str, list[dict[str, Any]]](list)
        for row in entries:
            listed[row["boundary"]].append(row)
        for row in sorted(boundaries, key=lambda r: str(r["id"])):
            element = self.elements.get(row["element"])
            if element is None:
                continue
            tiers = defaultdict[int, list[dict[str, Any]]](list)
            for entry in listed[row["id"]]:
                tiers[entry["tier"] or 0].append(entry)
            lists = RuleList(
                tuple(
                    tuple(
                        Entry.of(e)
                        for e in sorted(tiers[tier], key=lambda e: (e["position"] or 0, e["id"]))
                    )
                    for tier in sorted(tiers)
                ),
                row["default_action"],
                row["has_rules_stated"] is not False,
                row["origin"] or row["id"],
            )
            # One without a direction stops something, and which is not known.
            directions = (row["direction"],) if row["direction"] else ("in", "out", "through")
            for direction in directions:
                element.boundaries[direction].append((row["interface"], row["to_interface"], lists))

    # What one element lets through

    def passes(
        self, element: Element, direction: str, foot: Foot, to: Foot | None, at: Destination
    ) -> LetThrough:
        """What all boundaries of a direction let through at a foot, on the way to another."""
        passed = self.packets.all()
        for interface, to_interface, lists in element.boundaries.get(direction, ()):
            is_here = interface is None or interface == foot.id
            leads_there = to_interface is None or (to is not None and to_interface == to.id)
            if is_here and leads_there:
                passed = passed.and_then(self.packets.let_through(lists, at))
        return passed

    def _ways(self, router: Element, address: Address) -> list[_Way]:
        """Where a router sends what goes to an address, in each of its routing domains."""
        ways: list[_Way] = []
        for domain in sorted({f.routing_domain for f in router.feet}, key=str):
            fits = [
                route
                for route in router.routes[domain]
                if route.to.version == address.version and address in route.to
            ]
            longest = max((route.to.prefixlen for route in fits), default=-1)
            fits = [route for route in fits if route.to.prefixlen == longest]
            least = min((route.preference for route in fits), default=0)
            for route in fits:
                if route.preference == least and route.kind != "discard":
                    ways += self._next(router, domain, route, address)
            if not fits:
                because = (f"where {router.origin} sends what it states no route for",)
                ways += [_Way(None, foot, because) for foot in self.owners[address]]
        return ways

    def _next(
        self, router: Element, domain: str | None, route: Route, address: Address
    ) -> list[_Way]:
        """Where a route leads: to the owner of its next hop, or straight to the address."""
        hop = route.next_hop
        outs = [route.foot] if route.foot is not None else [
            f
            for f in router.feet
            if f.routing_domain == domain
            and hop is not None
            and f.subnet is not None
            and hop in f.subnet
        ]  # fmt: skip
        ways = [
            _Way(out, foot)
            for out in outs
            for foot in self._owning(hop if hop is not None else address, out)
            if foot.element != router.id
        ]
        if ways or route.kind == "connected":
            return ways
        because = (f"the next hop of {route.origin} is in no source",)
        return [_Way(outs[0] if outs else None, f, because) for f in self.owners[address]]

    def _owning(self, address: Address, out: Foot) -> list[Foot]:
        """The feet in a domain whose element answers for an address."""
        owners = {foot.element for foot in self.owners[address]}
        exact = [f for f in self.members[out.domain] if f.address == address]
        return exact or [f for f in self.members[out.domain] if f.element in owners]

    # What comes to one destination

    def arrived(self, to: Foot, at: Destination) -> Arrived:
        """For each foot that may take packets to a destination in, which sorts come to it."""
        element = self.elements[to.element]
        start: Arrived = {}
        is_pod = self.is_pod_network(to)
        for foot in element.feet:
            # A pod network brings packets to the pod they are addressed to and nowhere else.
            if foot is to or (
                at.address is not None and not is_pod and not self.is_pod_network(foot)
            ):
                start[foot] = self.passes(element, "in", foot, None, at)
        if at.address is None:
            return start
        arrived = self._carried(start, at.address, at)
        for router, row, was in self._translations_to(at):
            # What a router translates arrives there under another address.
            first: Arrived = {}
            for foot in router.feet:
                if row["interface"] in (None, foot.id) and foot in arrived:
                    first[foot] = arrived[foot]
            if first:
                for foot, passed in self._carried(first, was, at, routed=False).items():
                    arrived[foot] = arrived[foot].or_else(passed) if foot in arrived else passed
        return arrived

    def _carried(
        self, start: Arrived, address: Address, at: Destination, *, routed: bool = True
    ) -> Arrived:
        """What routers bring to the feet at the start, however many of them one after the other."""
        arrived = dict(start)
        to = Destination(address, at.element, at.protocol, at.port)
        leads_to = self._routers_towards(address) if routed or start else {}
        waiting = deque(start)
        while waiting:
            foot = waiting.popleft()
            for router, way in leads_to.get(foot, ()):
                for came_by in _that_route(router):
                    passed = self._through(router, came_by, way, to, arrived[foot])
                    if not passed.perhaps.any():
                        continue
                    before = arrived.get(came_by, self.packets.none())
                    if before.adds(passed):
                        arrived[came_by] = before.or_else(passed)
                        waiting.append(came_by)
        return arrived

    def _through(
        self, router: Element, came_by: Foot, way: _Way, to: Destination, then: LetThrough
    ) -> LetThrough:
        """What a router takes in at a foot and sends on its way, if it comes through from there."""
        out = way.out or came_by
        if way.out is not None and came_by.routing_domain != way.out.routing_domain:
            return self.packets.none()
        passed = self.passes(router, "in", came_by, out, to)
        passed = passed.and_then(self.passes(router, "through", came_by, out, to))
        passed = passed.and_then(self.passes(router, "out", out, None, to))
        passed = passed.and_then(self._as_translated(router, out, to, then))
        because = way.because
        if router.forwards is None:
            because = (*because, f"whether {router.origin} passes packets on is not stated")
        if because:
            nothing = self.packets.none().surely
            passed = LetThrough(
                nothing, passed.perhaps, (*because, *passed.because), passed.origins
            )
        return LetThrough(
            passed.surely, passed.perhaps, passed.because, (router.origin, *passed.origins)
        )

    def _as_translated(
        self, router: Element, out: Foot, to: Destination, then: LetThrough
    ) -> LetThrough:
        """What comes through from a router that changes source addresses on the way out."""
        surely, perhaps = then.surely.copy(), then.perhaps.copy()
        done = np.zeros(len(surely), np.bool_)
        for row in router.translations:
            if row["kind"] != "source" or row["interface"] not in (None, out.id):
                continue
            source, destination = (
                network_of(row["source_range"]),
                network_of(row["destination_range"]),
            )
            if destination is not None and to.address is not None and to.address not in destination:
                continue
            changed = self.packets.within(source) if source else np.ones(len(surely), np.bool_)
            changed &= ~done
            become = network_of(row["to_range"])
            address = become.network_address if become is not None else out.address
            if address is None:
                perhaps |= changed & then.perhaps.any()
                surely &= ~changed
            else:
                at = self.packets.from_address(address)
                surely = np.where(changed, then.surely[at].any(), surely)
                perhaps = np.where(changed, then.perhaps[at].any(), perhaps)
            done |= changed
        return LetThrough(surely, perhaps, then.because, then.origins)

    def _translations_to(
        self, at: Destination
    ) -> Iterator[tuple[Element, dict[str, Any], Address]]:
        """Routers that send what goes to another address on to this destination."""
        for router in self.elements.values():
            for row in router.translations:
                become, was = network_of(row["to_range"]), network_of(row["destination_range"])
                if row["kind"] != "destination" or become is None or was is None:
                    continue
                ports = ports_of(row["to_ports"]) or ports_of(row["destination_ports"])
                protocol = protocol_of(row["protocol"])
                fits = at.address is not None and at.address in become
                fits &= at.port is None or ports is None or ports[0] <= at.port <= ports[1]
                fits &= at.protocol is None or protocol in (None, at.protocol)
                if fits:
                    yield router, row, was.network_address

    def _routers_towards(self, address: Address) -> dict[Foot, list[tuple[Element, _Way]]]:
        """Which routers send what goes to an address to which foot."""
        leads: dict[Foot, list[tuple[Element, _Way]]] = defaultdict(list)
        for router in self.elements.values():
            if self._may_forward(router) and address not in router.addresses():
                for way in self._ways(router, address):
                    leads[way.to].append((router, way))
        return leads

    def _may_forward(self, element: Element) -> bool:
        if element.forwards is None:
            return len({f.domain for f in element.feet}) > 1
        return element.forwards and bool(element.feet)

    def is_pod_network(self, foot: Foot) -> bool:
        """Whether a foot is a pod's in the network that its cluster gives it."""
        segment = self.segments.get(foot.segment or "")
        return segment is not None and segment["kind"] == "pod network"


def _translated(rows: Sequence[dict[str, Any]]) -> list[Network]:
    """The ranges that translations tell sources apart by, and put in their place."""
    texts = [r[name] for r in rows for name in ("source_range", "to_range")]
    return [net for net in map(network_of, texts) if net is not None]


def _that_route(router: Element) -> list[Foot]:
    """The feet at which a router takes in what it is to pass on.

    Beside feet that have an address, one that has none is a port of a switch: what comes in there
    stays in its segment.
    """
    return [foot for foot in router.feet if foot.address is not None] or router.feet
