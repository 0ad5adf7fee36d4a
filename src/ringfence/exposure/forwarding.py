"""How packets go from foot to foot: who takes them in, which lists let them through, who passes them on.

For one destination all senders are looked at together, backwards: which sorts of packets, taken in
by an element at one of its feet, come to the destination. It begins at the destination's own feet
and goes from each foot to the routers that send there, until nothing more comes through.

Elements do as they are configured. They take in what is addressed to them on whatever interface
it comes (the weak host model, RFC 1122 section 3.3.4.2); routers pass on by the longest prefix,
and by the least preference where two are as long. Equal routes are all used.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ringfence.exposure.elements import Arrived, Element, Foot, Route, Way, preferred
from ringfence.exposure.filters import (
    MAYBE,
    NO,
    Address,
    Destination,
    LetThrough,
    Packets,
    RuleList,
    address_of,
    in_order,
    network_of,
)
from ringfence.exposure.translations import Translation
from ringfence.store.duck import Tables

READS = (
    "element", "segment", "interface", "endpoint", "boundary", "filter", "group_member", "route",
    "translation",
)  # fmt: skip

MOST_SENT_TO = 64
"""So many addresses that a translation may be for are looked at one by one."""

_COLUMNS = {
    "element": ["id", "kind", "forwards_packets", "origin"],
    "interface": ["id", "element", "segment", "address", "is_up", "origin"],
}
"""Of the largest tables only what is looked at is taken."""

DIRECTIONS = ("in", "out", "through")

_WITHIN = {
    "subnet": ("VLAN", "subnet"),
    "container network": ("VLAN", "container network", "tunnel"),
    "host network": ("pod network",),
}
"""A subnet in a VLAN, or a container network on a wire, is no domain of its own: who has a foot in
the one sends frames to the other. A subnet in a VRF is."""


class Forwarding:
    """A network as packets see it."""

    def __init__(self, tables: Tables) -> None:
        rows = {
            name: tables[name].select(_COLUMNS.get(name, tables[name].column_names)).to_pylist()
            for name in READS
            if name != "endpoint"
        }
        self.elements = {
            r["id"]: Element(r["id"], r["kind"], r["forwards_packets"], r["origin"] or r["id"])
            for r in rows["element"]
        }
        self.segments = {r["id"]: r for r in rows["segment"]}
        self._domain_of = {key: self._domain(key) for key in self.segments}
        self._interfaces = {r["id"] for r in rows["interface"]}
        self._set_feet(rows["interface"])
        self._set_routes(rows["route"])
        self._set_translations(rows["translation"])
        self._set_boundaries(rows["boundary"], rows["filter"])
        self._next_feet: dict[object, tuple[list[Foot], list[Way]]] = {}
        self.members = defaultdict[str, list[Foot]](list)
        self.owners = defaultdict[Address, list[Foot]](list)
        for foot in self.all_feet():
            self.members[foot.domain].append(foot)
            if foot.address is not None:
                self.owners[foot.address].append(foot)
        groups: dict[str, dict[str, bool]] = defaultdict(dict)
        for row in rows["group_member"]:
            groups[row["group"]][row["element"]] = row["is_certain"] is not False
        self.forwarding = [e for e in self.elements.values() if self.may_forward(e)]
        self.is_forwarding = {e.id for e in self.forwarding}
        self.destination_translations = [
            (e, row)
            for e in self.elements.values()
            for row in e.translations
            if row.kind != "source"
        ]
        self.cuts = self._cut(rows)
        self.packets = Packets(
            [
                boundary
                for e in self.elements.values()
                for b in e.boundaries.values()
                for _, _, boundary in b
            ],
            [
                net
                for e in self.elements.values()
                for row in e.translations
                for net in (row.source, row.put)
                if net is not None
            ],
            groups,
            [(foot.element, foot.address) for foot in self.all_feet()],
        )

    def all_feet(self) -> Iterator[Foot]:
        """The feet of all elements."""
        return (foot for element in self.elements.values() for foot in element.feet)

    def _cut(self, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[int, list[int]]:
        """Where parts of the space of destinations begin: all in one are treated alike."""
        named = {
            row["destination_range"] for t in ("filter", "route", "translation") for row in rows[t]
        }
        named |= {row["to_range"] for row in rows["translation"]}
        cuts: dict[int, set[int]] = {4: set(), 6: set()}
        for net in {network_of(text) for text in named} | {f.subnet for f in self.all_feet()}:
            if net is not None:
                ends = int(net.network_address), int(net.broadcast_address) + 1
                cuts[net.version].update(ends)
        return {version: sorted(found) for version, found in cuts.items()}

    def _set_translations(self, stated: Sequence[dict[str, Any]]) -> None:
        for row in stated:
            if row["element"] in self.elements:
                one = Translation.of(row, self._interfaces)
                self.elements[row["element"]].translations.append(one)
        for element in self.elements.values():
            made = element.translations
            # One of no stated position may come before all others.
            made.sort(key=lambda r: (r.position or 0, r.id))
            for index, one in enumerate(made):
                is_alone = sum(other.kind == one.kind for other in made) == 1
                if one.position is None and one.doubt is None and not is_alone:
                    doubt = f"the place of {one.origin} among the others is not stated"
                    made[index] = replace(one, doubt=doubt)

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
                    row["preference"],
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
        numbers: dict[RuleList, int] = {}
        listed = defaultdict[str, list[dict[str, Any]]](list)
        for row in entries:
            listed[row["boundary"]].append(row)
        for row in sorted(boundaries, key=lambda r: str(r["id"])):
            element = self.elements.get(row["element"])
            if element is None:
                continue
            origin = row["origin"] or row["id"]
            tiers = defaultdict[int | None, list[dict[str, Any]]](list)
            for entry in listed[row["id"]]:
                tiers[entry["tier"]].append(entry)
            # Which list comes first is not stated where one of several states no tier.
            is_ordered = None not in tiers or len(tiers) == 1
            # Where it stands is not known if its direction or its interface is not.
            feet = [f for f in (row["interface"], row["to_interface"]) if f is not None]
            lost = [f for f in feet if f not in self._interfaces]
            doubt = None
            if row["direction"] is None:
                doubt = f"in which direction {origin} stands is not stated"
            elif lost:
                doubt = f"the interface {lost[0]}, where {origin} stands, is in no source"
            lists = RuleList(
                tuple(in_order(tiers[t]) for t in sorted(tiers, key=lambda t: t or 0)),
                row["default_action"],
                row["has_rules_stated"] is not False and is_ordered,
                origin,
                doubt,
            )
            lists = replace(lists, number=numbers.setdefault(lists, len(numbers)))
            at, to = (None if f in lost else f for f in (row["interface"], row["to_interface"]))
            for direction in (row["direction"],) if row["direction"] else DIRECTIONS:
                element.boundaries[direction].append((at, to, lists))

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

    def ways(self, router: Element, address: Address) -> list[Way]:
        """Where a router sends what goes to an address, in each of its routing domains."""
        ways: list[Way] = []
        for domain in sorted({f.routing_domain for f in router.feet}, key=str):
            fits = router.longest(domain, address)
            best, doubt = preferred(router, fits)
            for route in best:
                if route.kind != "discard":
                    ways += [
                        Way(way.out, way.to, (*doubt, *way.because))
                        for way in self._next(router, domain, route, address)
                    ]
            if not fits:
                because = (f"where {router.origin} sends what it states no route for",)
                ways += [Way(None, foot, because) for foot in self.owners[address]]
        return ways

    def _next(
        self, router: Element, domain: str | None, route: Route, address: Address
    ) -> list[Way]:
        """Where a route leads: to the owner of its next hop, or straight to the address."""
        outs, ways = self.next_feet(router, domain, route, address)
        if ways or route.kind == "connected":
            return ways
        because = (f"the next hop of {route.origin} is in no source",)
        return [Way(outs[0] if outs else None, f, because) for f in self.owners[address]]

    def next_feet(
        self, router: Element, domain: str | None, route: Route, address: Address
    ) -> tuple[list[Foot], list[Way]]:
        """The feet a route leaves by, and the ways from there to whom it is known to lead to."""
        hop = route.next_hop
        if hop is None:
            return self._feet_towards(router, [route.foot] if route.foot else [], address)
        key = router.id, domain, hop, route.foot
        if key not in self._next_feet:
            outs = [route.foot] if route.foot is not None else [
                f
                for f in router.feet
                if f.routing_domain == domain and f.subnet is not None and hop in f.subnet
            ]  # fmt: skip
            self._next_feet[key] = self._feet_towards(router, outs, hop)
        return self._next_feet[key]

    def _feet_towards(
        self, router: Element, outs: list[Foot], address: Address
    ) -> tuple[list[Foot], list[Way]]:
        return outs, [
            Way(out, foot)
            for out in outs
            for foot in self._owning(address, out)
            if foot.element != router.id
        ]

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
        return self._reaching(self.begun(to, at), at)

    def begun(self, to: Foot, at: Destination) -> Arrived:
        """What an element takes in of what is sent to a destination at one of its feet."""
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
        return start

    def _reaching(self, start: Arrived, at: Destination) -> Arrived:
        """What comes to the feet at the start, under this destination or one that becomes it."""
        arrived: Arrived = {}
        begun: dict[Destination, Arrived] = {at: start}
        waiting = deque([at])
        while waiting:
            to = waiting.popleft()
            # What a router has translated already is not gone through its translations again.
            after, found = self._carried(begun[to], to, is_last=to is at)
            for foot, passed in found.items():
                arrived[foot] = arrived[foot].or_else(passed) if foot in arrived else passed
            for was, first in self._translated(after, to):
                before = begun.setdefault(was, {})
                added = [f for f, p in first.items() if f not in before or before[f].adds(p)]
                if added and was != at:
                    for foot in added:
                        passed = first[foot]
                        before[foot] = before[foot].or_else(passed) if foot in before else passed
                    if was not in waiting:
                        waiting.append(was)
        return arrived

    def _translated(self, after: Arrived, to: Destination) -> Iterator[tuple[Destination, Arrived]]:
        """What comes to routers under another destination and goes on from there to this one."""
        for router, row in self.destination_translations:
            feet = [foot for foot in router.feet if foot in after]
            if row.is_own:
                # The address of the interface that it comes in by.
                feet = [f for f in feet if to.element == router.id and f.address == to.address]
            if not feet or not row.may_come_to(to) or not (row.is_own or row.may_put(to.address)):
                continue
            doubt = row.why_not_surely(to)
            for was in self.sent_to(router, row, to):
                if was == to:
                    continue
                first: Arrived = {}
                for foot in feet:
                    by_row = self.changed(router, foot, was).get(row.id)
                    if by_row is not None:
                        passed = after[foot].and_then(by_row)
                        first[foot] = self._perhaps(passed, (doubt,)) if doubt else passed
                if first:
                    yield was, first

    def sent_to(self, router: Element, row: Translation, to: Destination) -> list[Destination]:
        """Destinations that a translation turns into this one: of those treated alike, one."""
        protocol, port = to.protocol or row.protocol, to.port
        if row.put_ports is not None:
            port = row.ports[0] if row.ports is not None and row.ports[0] == row.ports[1] else None

        def destination(address: Address) -> Destination:
            owners = self.owners.get(address)
            return Destination(address, owners[0].element if owners else "", protocol, port)

        whole = row.looked_at(4 if to.address is None else to.address.version)
        if whole.num_addresses == 1:
            return [destination(whole.network_address)]
        first, last = int(whole.network_address), int(whole.broadcast_address)
        kind = type(whole.network_address)
        cuts = self.cuts[whole.version]
        begins = {first, *cuts[bisect_left(cuts, first) : bisect_right(cuts, last)]}
        owned = {a for a in self.owners if a.version == whole.version and a in whole}
        if len(begins) + len(owned) <= MOST_SENT_TO:
            for begin in begins:
                # An address that nobody has: those that somebody has are looked at each.
                free = (n for n in range(begin, last + 1) if kind(n) not in owned)
                owned.add(kind(next(free, begin)))
            return [destination(a) for a in sorted(owned, key=int)]
        # Too many to look at each: its own are, and of the others it is not known.
        own = sorted((a for a in router.addresses() if a in owned), key=int)
        return [*map(destination, own), Destination(None, "", protocol, port)]

    def _perhaps(self, passed: LetThrough, because: tuple[str, ...]) -> LetThrough:
        """What may pass, for a reason that is told first."""
        nothing = self.packets.none().surely
        return LetThrough(nothing, passed.perhaps, (*because, *passed.because), passed.origins)

    def _carried(
        self, start: Arrived, to: Destination, *, is_last: bool
    ) -> tuple[Arrived, Arrived]:
        """What routers bring to the feet at the start, however many of them one after the other.

        First what comes through if it has this destination once the element at the foot has
        translated it, then what comes through if it has it on arrival.
        """
        after = dict(start)
        arrived = {f: self.kept(f, to, p) if is_last else p for f, p in start.items()}
        leads_to = self._routers_towards(to, start)
        waiting = deque(start)
        while waiting:
            foot = waiting.popleft()
            for router, way in leads_to.get(foot, ()):
                for came_by in (f for f in router.feet if not self.is_port(router, f)):
                    passed = self.through(router, came_by, way, to, arrived[foot])
                    if not passed.perhaps.any():
                        continue
                    before = after.get(came_by, self.packets.none())
                    if not before.adds(passed):
                        continue
                    after[came_by] = before.or_else(passed)
                    kept = self.kept(came_by, to, after[came_by])
                    before = arrived.get(came_by, self.packets.none())
                    if before.adds(kept):
                        arrived[came_by] = before.or_else(kept)
                        waiting.append(came_by)
        return after, arrived

    def kept(self, foot: Foot, to: Destination, passed: LetThrough) -> LetThrough:
        """Less what the element at the foot sends elsewhere by translating its destination."""
        element = self.elements[foot.element]
        if not any(row.kind != "source" for row in element.translations):
            return passed
        return passed.and_then(self.changed(element, foot, to)[None])

    def changed(self, router: Element, foot: Foot, to: Destination) -> dict[str | None, LetThrough]:
        """Which sorts of packets that come in by a foot each destination translation takes.

        By the translation's key; under None what none takes.
        """
        left = self.packets.all()
        found: dict[str | None, LetThrough] = {}
        for row in router.translations:
            if row.kind == "source":
                continue
            certainty = row.fits(foot.id, to)
            if certainty == NO:
                continue
            hit = self.packets.let_from(row.source)
            if certainty == MAYBE:
                hit = self._perhaps(
                    hit, (row.doubt or f"whether {row.origin} changes the address",)
                )
            found[row.id] = left.and_then(hit)
            left = LetThrough(
                left.surely & ~hit.perhaps, left.perhaps & ~hit.surely,
                (*left.because, *hit.because), left.origins,
            )  # fmt: skip
        found[None] = left
        for row in router.translations:
            if row.id in found and row.leaves_as_it_is(to):
                found[None] = found[None].or_else(found[row.id])
        return found

    def through(
        self, router: Element, came_by: Foot, way: Way, to: Destination, then: LetThrough
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
            passed = self._perhaps(passed, because)
        return LetThrough(
            passed.surely, passed.perhaps, passed.because, (router.origin, *passed.origins)
        )

    def _as_translated(
        self, router: Element, out: Foot, to: Destination, then: LetThrough
    ) -> LetThrough:
        """What comes through from a router that changes source addresses on the way out."""
        if not router.translations:
            return then
        surely, perhaps = then.surely.copy(), then.perhaps.copy()
        left = self.packets.all()
        told: list[str] = []
        for row in router.translations:
            certainty = row.fits(out.id, to)
            if row.kind == "destination" or certainty == NO:
                continue
            hit = left.and_then(self.packets.let_from(row.source))
            sure = hit.surely
            if certainty == MAYBE:
                sure = self.packets.none().surely
            address = out.address if row.is_own else None
            if row.is_one and row.put is not None:
                address = row.put.network_address
            if address is not None:
                owners = self.owners.get(address)
                owner = owners[0].element if owners else None
                at = self.packets.sent_from(address, row.put_ports, owner)
            elif row.put is not None:
                at = self.packets.sent_within(row.put, row.put_ports)
            else:
                at = np.ones(len(surely), np.bool_)
            # Any of the ports may be put in place: only what passes with each surely passes.
            all_pass, some_pass = bool(then.surely[at].all()), bool(then.perhaps[at].any())
            if address is None and row.put is None:
                all_pass = False
            if hit.perhaps.any() and (certainty == MAYBE or all_pass != some_pass):
                told.append(row.doubt or f"what {row.origin} puts in place decides")
            surely = np.where(sure, all_pass, surely & (all_pass | ~hit.perhaps))
            perhaps = np.where(sure, some_pass, perhaps | (hit.perhaps & some_pass))
            left = LetThrough(left.surely & ~hit.perhaps, left.perhaps & ~sure)
        return LetThrough(surely, perhaps, (*told, *then.because), then.origins)

    def _routers_towards(
        self, to: Destination, start: Arrived
    ) -> dict[Foot, list[tuple[Element, Way]]]:
        """Which routers send what goes to a destination to which foot."""
        leads: dict[Foot, list[tuple[Element, Way]]] = defaultdict(list)
        address = to.address
        if address is None:
            # Any router may be told where it is; a pod network tells its pods alone.
            name = to.element or "what is translated on the way"
            because = (f"the address of {name} is not stated",)
            ends = [foot for foot in start if not self.is_pod_network(foot)]
            for router in self.forwarding:
                # A router that states no route there may have been told one, whatever its feet.
                for end in ends:
                    leads[end].append((router, Way(None, end, because)))
                for out in (f for f in router.feet if not self.is_port(router, f)):
                    for near in self.members[out.domain]:
                        if near.element != router.id and near.element in self.is_forwarding:
                            leads[near].append((router, Way(out, near, because)))
            return leads
        for router in self.forwarding:
            if address not in router.addresses():
                for way in self.ways(router, address):
                    leads[way.to].append((router, way))
        return leads

    def binding(self, element: Element, foot: Foot) -> tuple[RuleList, ...]:
        """The lists that bind a sender at a foot: a container's, which its host enforces."""
        if element.kind != "container":
            return ()
        boundaries = element.boundaries.get("out", ())
        return tuple(
            lists for at, to, lists in boundaries if to is None and (at is None or at == foot.id)
        )

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

    def is_port(self, router: Element, foot: Foot) -> bool:
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
