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
    MAYBE,
    NO,
    YES,
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
    "host network": ("pod network",),
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
        self._forwarding = [e for e in self.elements.values() if self.may_forward(e)]
        self._is_forwarding = {e.id for e in self._forwarding}
        self._destination_translations = [
            (e, row)
            for e in self.elements.values()
            for row in e.translations
            if row["kind"] != "source"
        ]
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
        if exact or address.version == 6:
            # A host answers for an address of the interface asked at (RFC 4861 section 7.2.3).
            return exact
        return [f for f in self.members[out.domain] if f.element in owners]

    # What comes to one destination

    def arrived(self, to: Foot, at: Destination) -> Arrived:
        """For each foot that may take packets to a destination in, which sorts come to it."""
        element = self.elements[to.element]
        start: Arrived = {to: self.passes(element, "in", to, None, at)}
        # A pod network brings packets to the pod they are addressed to and nowhere else.
        others = () if self.is_pod_network(to) else element.feet
        for foot in others:
            if foot is to or self.is_pod_network(foot):
                continue
            passed = self.passes(element, "in", foot, None, at)
            if at.address is None:
                # Who sends may know the address; whether there is one is not known to us.
                because = (f"the address of {to.origin} is not stated", *passed.because)
                nothing = self.packets.none().surely
                passed = LetThrough(nothing, passed.perhaps, because, passed.origins)
            start[foot] = passed
        return self._reaching(start, at, [at])

    def _reaching(self, start: Arrived, at: Destination, passed_by: list[Destination]) -> Arrived:
        """What comes to the feet at the start, under this destination or one that becomes it."""
        # What a router has translated already is not gone through its translations again.
        after, arrived = self._carried(start, at, is_last=len(passed_by) == 1)
        for router, row, was in self._translations_to(at):
            if was in passed_by:
                continue
            first: Arrived = {}
            for foot in router.feet:
                if foot in after:
                    by_row = self._changed(router, foot, was).get(row["id"])
                    if by_row is not None:
                        first[foot] = after[foot].and_then(by_row)
            if first:
                for foot, passed in self._reaching(first, was, [*passed_by, was]).items():
                    arrived[foot] = arrived[foot].or_else(passed) if foot in arrived else passed
        return arrived

    def _carried(
        self, start: Arrived, to: Destination, *, is_last: bool
    ) -> tuple[Arrived, Arrived]:
        """What routers bring to the feet at the start, however many of them one after the other.

        First what comes through if it has this destination once the element at the foot has
        translated it, then what comes through if it has it on arrival.
        """
        after = dict(start)
        arrived = {f: self._kept(f, to, p) if is_last else p for f, p in start.items()}
        leads_to = self._routers_towards(to, start)
        waiting = deque(start)
        while waiting:
            foot = waiting.popleft()
            for router, way in leads_to.get(foot, ()):
                for came_by in (f for f in router.feet if not self._is_port(router, f)):
                    passed = self._through(router, came_by, way, to, arrived[foot])
                    if not passed.perhaps.any():
                        continue
                    before = after.get(came_by, self.packets.none())
                    if not before.adds(passed):
                        continue
                    after[came_by] = before.or_else(passed)
                    kept = self._kept(came_by, to, after[came_by])
                    before = arrived.get(came_by, self.packets.none())
                    if before.adds(kept):
                        arrived[came_by] = before.or_else(kept)
                        waiting.append(came_by)
        return after, arrived

    def _kept(self, foot: Foot, to: Destination, passed: LetThrough) -> LetThrough:
        """Less what the element at the foot sends elsewhere by translating its destination."""
        element = self.elements[foot.element]
        if not any(row["kind"] != "source" for row in element.translations):
            return passed
        return passed.and_then(self._changed(element, foot, to)[None])

    def _changed(
        self, router: Element, foot: Foot, to: Destination
    ) -> dict[str | None, LetThrough]:
        """Which sorts of packets that come in by a foot each destination translation takes.

        By the translation's key; under None what none takes.
        """
        left = self.packets.all()
        found: dict[str | None, LetThrough] = {}
        for row in router.translations:
            if row["kind"] == "source":
                continue
            certainty = _fits(row, foot, to)
            if certainty == NO:
                continue
            source = network_of(row["source_range"])
            hit = self.packets.let_from(source)
            if certainty == MAYBE or row["kind"] is None:
                because = (f"whether {row['origin'] or row['id']} changes the address",)
                hit = LetThrough(self.packets.none().surely, hit.perhaps, because)
            found[row["id"]] = left.and_then(hit)
            left = LetThrough(
                left.surely & ~hit.perhaps, left.perhaps & ~hit.surely,
                (*left.because, *hit.because), left.origins,
            )  # fmt: skip
        found[None] = left
        for row in router.translations:
            if row["id"] in found and _leaves_as_it_is(row, to):
                found[None] = found[None].or_else(found[row["id"]])
        return found

    def _through(
        self, router: Element, came_by: Foot, way: _Way, to: Destination, then: LetThrough
    ) -> LetThrough:
        """What a router takes in at a foot and sends on its way, if it comes through from there."""
        if way.out is not None and came_by.routing_domain != way.out.routing_domain:
            return self.packets.none()
        leaves = self.packets.none()
        # By which foot it leaves may not be known: what any of them lets through may pass.
        for out in router.feet if way.out is None else (way.out,):
            by_it = self.passes(router, "through", came_by, out, to)
            by_it = by_it.and_then(self.passes(router, "out", out, None, to))
            leaves = leaves.or_else(by_it.and_then(self._as_translated(router, out, to, then)))
        passed = self.passes(router, "in", came_by, way.out, to).and_then(leaves)
        because = way.because
        if router.forwards is None:
            because = (*because, f"whether {router.origin} passes packets on is not stated")
        if way.out is not None and self.isolates(way.out, way.to):
            because = (*because, f"whether {router.origin} is apart from the others there")
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
        left = self.packets.all()
        for row in router.translations:
            certainty = _fits(row, out, to)
            if row["kind"] == "destination" or certainty == NO:
                continue
            hit = left.and_then(self.packets.let_from(network_of(row["source_range"])))
            sure = hit.surely
            if certainty == MAYBE or row["kind"] is None:
                sure = self.packets.none().surely
            become = network_of(row["to_range"])
            address = become.network_address if become is not None else out.address
            if address is None:
                at = np.ones(len(surely), np.bool_)
            else:
                owners = self.owners.get(address)
                owner = owners[0].element if owners else None
                at = self.packets.sent_from(address, ports_of(row["to_ports"]), owner)
            # Any of the ports may be put in place: only what passes with each surely passes.
            all_pass, some_pass = bool(then.surely[at].all()), bool(then.perhaps[at].any())
            if address is None:
                all_pass = False
            surely = np.where(sure, all_pass, surely & (all_pass | ~hit.perhaps))
            perhaps = np.where(sure, some_pass, perhaps | (hit.perhaps & some_pass))
            left = LetThrough(left.surely & ~hit.perhaps, left.perhaps & ~sure)
        return LetThrough(surely, perhaps, then.because, then.origins)

    def _translations_to(
        self, at: Destination
    ) -> Iterator[tuple[Element, dict[str, Any], Destination]]:
        """Routers that send what goes to another destination on to this one."""
        for router, row in self._destination_translations:
            become, was = network_of(row["to_range"]), network_of(row["destination_range"])
            if become is None or was is None or at.address is None or at.address not in become:
                continue
            put, ports = ports_of(row["to_ports"]), ports_of(row["destination_ports"])
            protocol = protocol_of(row["protocol"])
            span = put or ports
            fits = at.port is None or span is None or span[0] <= at.port <= span[1]
            fits &= at.protocol is None or protocol in (None, at.protocol)
            if fits:
                port = at.port if put is None else ports[0] if ports else None
                owners = self.owners[was.network_address]
                element = owners[0].element if owners else ""
                yield (
                    router,
                    row,
                    Destination(was.network_address, element, at.protocol or protocol, port),
                )

    def _routers_towards(
        self, to: Destination, start: Arrived
    ) -> dict[Foot, list[tuple[Element, _Way]]]:
        """Which routers send what goes to a destination to which foot."""
        leads: dict[Foot, list[tuple[Element, _Way]]] = defaultdict(list)
        address = to.address
        if address is None:
            # Any router may be told where it is; a pod network tells its pods alone.
            because = (f"the address of {to.element} is not stated",)
            ends = [foot for foot in start if not self.is_pod_network(foot)]
            for router in self._forwarding:
                # A router that states no route there may have been told one, whatever its feet.
                for end in ends:
                    leads[end].append((router, _Way(None, end, because)))
                for out in (f for f in router.feet if not self._is_port(router, f)):
                    for near in self.members[out.domain]:
                        if near.element != router.id and near.element in self._is_forwarding:
                            leads[near].append((router, _Way(out, near, because)))
            return leads
        for router in self._forwarding:
            if address not in router.addresses():
                for way in self._ways(router, address):
                    leads[way.to].append((router, way))
        return leads

    def may_forward(self, element: Element) -> bool:
        """Whether an element passes packets on, or may."""
        if element.forwards is None:
            return len({f.domain for f in element.feet}) > 1
        return element.forwards and bool(element.feet)

    def isolates(self, one: Foot, other: Foot) -> bool:
        """Whether two feet are in one segment whose members do not send to each other."""
        segment = self.segments.get(one.segment or "")
        return (
            segment is not None
            and one.segment == other.segment
            and bool(segment["isolates_members"])
        )

    def _is_port(self, router: Element, foot: Foot) -> bool:
        """Whether a foot is a port of a switch, so that what comes in there stays in its VLAN.

        It is one where it is in a VLAN and has no address beside feet that have: elsewhere an
        address that is not there is only not stated.
        """
        segment = self.segments.get(foot.segment or "")
        in_vlan = segment is not None and segment["kind"] == "VLAN"
        return in_vlan and foot.address is None and bool(router.addresses())

    def is_pod_network(self, foot: Foot) -> bool:
        """Whether a foot is a pod's in the network that its cluster gives it."""
        segment = self.segments.get(foot.segment or "")
        return segment is not None and segment["kind"] == "pod network"


def _fits(row: dict[str, Any], foot: Foot, to: Destination) -> int:
    """Whether a translation at a foot is for a destination, whatever the source."""
    if row["interface"] not in (None, foot.id):
        return NO
    codes = [YES]
    protocol, ports = protocol_of(row["protocol"]), ports_of(row["destination_ports"])
    if protocol is not None:
        codes.append(MAYBE if to.protocol is None else int(protocol == to.protocol))
    if ports is not None:
        codes.append(MAYBE if to.port is None else int(ports[0] <= to.port <= ports[1]))
    destination, put = network_of(row["destination_range"]), network_of(row["to_range"])
    if destination is not None:
        codes.append(MAYBE if to.address is None else int(to.address in destination))
    elif put is not None and to.address is not None:
        codes.append(int(put.version == to.address.version))
    return NO if NO in codes else max(codes)


def _leaves_as_it_is(row: dict[str, Any], to: Destination) -> bool:
    """Whether a translation of the destination puts in place what stood there."""
    become, ports = network_of(row["to_range"]), ports_of(row["to_ports"])
    same = become is not None and to.address is not None and to.address == become.network_address
    return same and (ports is None or ports == (to.port, to.port))


def _translated(rows: Sequence[dict[str, Any]]) -> list[Network]:
    """The ranges that translations tell sources apart by, and put in their place."""
    texts = [r[name] for r in rows for name in ("source_range", "to_range")]
    return [net for net in map(network_of, texts) if net is not None]
