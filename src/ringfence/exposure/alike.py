"""Routers, destinations and senders that are alike, looked at once each, for networks of any size.

`forwarding` looks at one destination foot by foot, which a nation's network is too large for. Here
the same question is asked of classes. A *door* is a set of a router's feet that packets come in by
alike. A *target* is a set of destinations that all routers send to, filter and translate alike and
whose own feet, or the routers beside them, take in the same. Sets of packets are numbered, and what
comes to each door for each target is worked out on numbers (`spreading`).

What one element lets through is asked of `forwarding`, so that both ways of asking rest on the same
meaning of a row. A destination that a router translates others into is looked at foot by foot.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address

import numpy as np

from ringfence.exposure.arrays import Ints, Longs, Words
from ringfence.exposure.elements import Arrived, Element, Foot, Route, Way, preferred
from ringfence.exposure.filters import (
    Address,
    Destination,
    LetThrough,
    RuleList,
)
from ringfence.exposure.forwarding import Forwarding
from ringfence.exposure.numbers import Numbers
from ringfence.exposure.sorts import Sorts, alike, together
from ringfence.exposure.spreading import EVERYTHING, NOTHING, Roads, Spreading, Targets, either
from ringfence.exposure.targets import Edge, Leg, Plan, Router, Target
from ringfence.exposure.translations import Translation

_TRANSLATED = 1 << 31
"""Codes from here on: what a router does that changes sources."""

_OWNERS = -1
"""In a plan: whoever has the address."""

_SEED = 20261124

_ADDRESS: dict[int, type[IPv4Address] | type[IPv6Address]] = {4: IPv4Address, 6: IPv6Address}


class Alike:
    """The classes of a network's routers and destinations."""

    def __init__(
        self, net: Forwarding, destinations: Sequence[tuple[Foot, Destination]],
        groups: Sequence[str],
    ) -> None:  # fmt: skip
        self.net = net
        self.packets = net.packets
        self.numbers = Numbers(net.packets)
        self.destinations = destinations
        self._groups = groups
        self._let: dict[tuple[int, int], int] = {}
        self._translating: list[tuple[Router, int, Way, Destination, bool]] = []
        self._sent_to: dict[object, list[Destination]] = {}
        self._set_doors()
        self._set_sorts()
        self.feet: dict[Foot, int] = {}
        self._sum_at: dict[Address, int] = {}
        self._ways_to: dict[Address, dict[int, list[Way]]] = {}
        self.targets: list[Target] = []
        self.target_of: list[int] = []
        self.taken: list[dict[Foot, int]] = []
        self._set_targets()
        # The feet that packets are sent on to are known now.
        of_foot = [self.door_of.get(foot, -1) for foot in self.feet]
        self.roads = Roads(np.array(of_foot, np.int32), len(self.doors))
        self.roads.plan([])
        self.ways: list[Way] = []

    # Doors

    def _set_doors(self) -> None:
        net = self.net
        self.routers = [Router(e, n) for n, e in enumerate(net.forwarding)]
        self.router_of = {r.element.id: r for r in self.routers}
        self.doors: list[Foot] = []
        self.door_of: dict[Foot, int] = {}
        self.doors_in = defaultdict[str, list[tuple[int, Foot]]](list)
        for router in self.routers:
            element = router.element
            into = [row for row in element.translations if row.kind != "source"]
            named = {row.interface for row in into}
            is_each = any(row.is_own for row in into)
            found: dict[object, int] = {}
            for foot in element.feet:
                if net.is_port(element, foot):
                    continue
                lists = tuple(
                    (direction, to, listed.number)
                    for direction in ("in", "through")
                    for at, to, listed in element.boundaries.get(direction, ())
                    if at == foot.id
                )
                alone = foot.id if is_each or foot.id in named else None
                kind = foot.routing_domain, lists, alone
                if kind not in found:
                    found[kind] = len(self.doors)
                    router.doors.append(len(self.doors))
                    self.doors.append(foot)
                    if into:
                        router.before[found[kind]] = len(self.doors)
                        self.doors.append(foot)
                self.door_of[foot] = found[kind]
                self.doors_in[foot.domain].append((found[kind], foot))
        self._routers_in = defaultdict[str, set[str]](set)
        for router in self.routers:
            for foot in router.element.feet:
                self._routers_in[foot.domain].add(router.element.id)

    def _all_destinations(self) -> list[Destination]:
        """The destinations, and those that routers translate into them."""
        found = dict.fromkeys(at for _, at in self.destinations)
        waiting = list(found)
        while waiting:
            for _, _, _, sent_to in self.translations_to(waiting.pop()):
                new = [was for was in sent_to if was not in found]
                found |= dict.fromkeys(new)
                waiting += new
        return list(found)

    def translations_to(
        self, at: Destination
    ) -> list[tuple[Element, Translation, str | None, list[Destination]]]:
        """What routers translate into a destination: the row, why not surely, and what from."""
        found = []
        for router, row in self.net.destination_translations:
            is_here = at.element == router.id if row.is_own else row.may_put(at.address)
            if is_here and row.may_come_to(at):
                key = row.id, at.protocol, at.port, at.address if row.is_own else (
                    at.address.version if at.address else None)  # fmt: skip
                if key not in self._sent_to:
                    self._sent_to[key] = self.net.sent_to(router, row, at)
                sent_to = [was for was in self._sent_to[key] if was != at]
                found.append((router, row, row.why_not_surely(at), sent_to))
        return found

    # Sorts of destinations: those that all lists and translations of routers treat alike

    def _lists_asked(self) -> dict[int, RuleList]:
        """The lists of routers, and those that bind containers as senders, by number."""
        lists: dict[int, RuleList] = {}
        for element in self.net.elements.values():
            is_router = element.id in self.router_of
            for direction, listed in element.boundaries.items():
                if is_router or (element.kind == "container" and direction == "out"):
                    lists |= {one.number: one for _, _, one in listed}
        return lists

    def _cut(self, lists: Mapping[int, RuleList]) -> dict[int, list[int]]:
        """Cut the space of destinations by all that these lists and translations name."""
        ranges = {e.destination for one in lists.values() for tier in one.tiers for e in tier}
        for router in self.routers:
            for row in router.element.translations:
                ranges |= {row.destination, row.put}
        cuts: dict[int, set[int]] = {4: set(), 6: set()}
        for one in ranges:
            if one is not None:
                ends = int(one.network_address), int(one.broadcast_address) + 1
                cuts[one.version].update(ends)
        return {version: sorted(found) for version, found in cuts.items()}

    def _set_sorts(self) -> None:
        lists = self._lists_asked()
        self._cuts = self._cut(lists)
        found_sorts: dict[object, int] = {}
        self._sort_of: dict[Destination, int] = {}
        self._sorts: list[Destination] = []
        kinds: list[tuple[tuple[str, bool], ...]] = []
        for at in self._all_destinations():
            kind = tuple(
                (group, self.packets.groups[group][at.element])
                for group in self._groups
                if at.element in self.packets.groups[group]
            )
            version, part = self._part(at.address)
            key = version, part, at.protocol, at.port, kind
            number = found_sorts.setdefault(key, len(self._sorts))
            if number == len(self._sorts):
                self._sorts.append(at)
                kinds.append(kind)
            self._sort_of[at] = number
        self._arrays = Sorts(self._sorts, [self._part(at.address) for at in self._sorts], kinds)
        self._told: dict[int, Ints] = {
            number: self._arrays.told_by(listed, self._cuts) for number, listed in lists.items()
        }
        self._tell: list[Ints] = []
        by_lists: dict[tuple[int, ...], Ints] = {}
        for router in self.routers:
            element = router.element
            used = tuple(sorted({one.number for b in element.boundaries.values() for *_, one in b}))
            if used not in by_lists:
                by_lists[used] = together([self._told[n] for n in used], len(self._sorts))
            tell = by_lists[used]
            if element.translations:
                tell = together([tell, self._told_by_translations(element)], len(self._sorts))
            self._tell.append(tell)
        # Of sorts that nobody tells apart one is enough.
        every = [*self._told.values(), *(t for r, t in zip(self.routers, self._tell, strict=True)
                                         if r.element.translations), self._arrays.version]  # fmt: skip
        self.same_sort = together(every, len(self._sorts))

    def _part(self, address: Address | None) -> tuple[int, int]:
        if address is None:
            return 0, 0
        return address.version, bisect_right(self._cuts[address.version], int(address))

    def _told_by_translations(self, element: Element) -> Ints:
        """What tells destinations apart for the translations of a router."""
        codes = [
            [
                code
                for row in element.translations
                for code in (row.fits(row.interface or "", at), int(row.leaves_as_it_is(at)))
            ]
            for at in self._sorts
        ]
        return alike(np.array(codes, np.int64).T)

    # What routers do with what goes to an address

    def _edges(
        self, router: Router, domain: str | None, routes: Sequence[Route], address: Address
    ) -> Plan:
        """The ways by these routes of a router that has no foot beside the owners of the address."""
        element = router.element
        if not routes:
            because = (f"where {element.origin} sends what it states no route for",)
            return (self._edge(router, Way(None, self.doors[0], because), is_to_owners=True),)
        best, doubt = preferred(element, routes)
        edges: list[Edge] = []
        for route in best:
            if route.kind == "discard":
                continue
            outs = [route.foot] if route.foot is not None else []
            ways: list[Way] = []
            if route.next_hop is not None:
                outs, ways = self.net.next_feet(element, domain, route, address)
            edges += [self._edge(router, Way(way.out, way.to, doubt)) for way in ways]
            if not ways and route.kind != "connected":
                lost = f"the next hop of {route.origin} is in no source"
                way = Way(outs[0] if outs else None, self.doors[0], (*doubt, lost))
                edges.append(self._edge(router, way, is_to_owners=True))
        return tuple(dict.fromkeys(edges))

    def _edge(self, router: Router, way: Way, *, is_to_owners: bool = False) -> Edge:
        target = _OWNERS if is_to_owners else self.feet.setdefault(way.to, len(self.feet))
        edge = Edge(target, way.out, bool(way.because))
        is_apart = way.out is not None and not is_to_owners and self.net.isolates(way.out, way.to)
        if is_apart and not edge.is_doubtful:
            edge = Edge(target, way.out, is_doubtful=True)
        router.ways.setdefault(edge, way)
        return edge

    def _painted(
        self, router: Router, addresses: Mapping[int, list[int]]
    ) -> Iterator[tuple[int, Ints]]:
        """The number of a router's plan for each address of a family, in their order."""
        element = router.element
        for version, numbers in addresses.items():
            kind = _ADDRESS[version]
            joined = np.zeros(len(numbers), np.int32)
            for domain in sorted({f.routing_domain for f in element.feet}, key=str):
                painted = np.full(len(numbers), -1, np.int32)
                plans: list[Plan] = []
                for shift, routes in reversed(element.by_length(domain, version)):
                    for high in routes:
                        low = bisect_left(numbers, high << shift)
                        end = bisect_left(numbers, (high + 1) << shift)
                        if low < end:
                            painted[low:end] = len(plans)
                            plans.append(
                                self._edges(router, domain, routes[high], kind(high << shift))
                            )
                if (painted == -1).any():
                    painted[painted == -1] = len(plans)
                    plans.append(self._edges(router, domain, (), kind(0)))
                joined = self._joined(router, joined, painted, plans)
            yield version, joined

    def _joined(self, router: Router, joined: Ints, painted: Ints, plans: Sequence[Plan]) -> Ints:
        """The plans so far with those of one more routing domain."""
        known = list(router.plans)
        pairs = joined.astype(np.int64) * len(plans) + painted
        distinct, where = np.unique(pairs, return_inverse=True)
        numbers = []
        for pair in distinct.tolist():
            plan = (*known[pair // len(plans)], *plans[pair % len(plans)])
            numbers.append(router.plans.setdefault(plan, len(router.plans)))
        return np.array(numbers, np.int32)[where]

    @cached_property
    def _unstated(self) -> list[int]:
        """The plan of each router for a destination whose address is not stated."""
        found = []
        net = self.net
        for router in self.routers:
            element = router.element
            because = ("its address is not stated",)
            edges = [self._edge(router, Way(None, self.doors[0], because), is_to_owners=True)]
            for out in (f for f in element.feet if not net.is_port(element, f)):
                edges += [
                    self._edge(router, Way(out, near, because))
                    for near in net.members[out.domain]
                    if near.element != element.id and near.element in self.router_of
                ]
            found.append(router.plans.setdefault(tuple(dict.fromkeys(edges)), len(router.plans)))
        return found

    # Targets

    def _set_targets(self) -> None:
        rng = np.random.default_rng(_SEED)
        addresses = {
            v: sorted({int(at.address) for _, at in self.destinations
                       if at.address is not None and at.address.version == v})
            for v in (4, 6)
        }  # fmt: skip
        sums = {v: np.zeros(len(numbers), np.uint64) for v, numbers in addresses.items()}
        self._weights: list[Words] = []
        for router in self.routers:
            painted = list(self._painted(router, addresses))
            if any(at.address is None for _, at in self.destinations):
                self._unstated  # noqa: B018 (its plans are numbered before they are weighed)
            weights = rng.integers(1, 1 << 63, len(router.plans) + 8, dtype=np.uint64)
            self._weights.append(weights)
            for version, plans in painted:
                sums[version] += weights[plans]
        self._addresses, self._sums = addresses, sums
        for _, at in self.destinations:
            self.near(at)
        known: dict[object, int] = {}
        for to, at in self.destinations:
            begun = self.net.begun(to, at)
            start = {foot: self.net.kept(foot, at, passed) for foot, passed in begun.items()}
            taken = {foot: self.numbers.of(passed) for foot, passed in start.items()}
            key, target = self._target(to, at, start, taken, begun)
            number = known.setdefault(key, len(self.targets))
            if number == len(self.targets):
                self.targets.append(target)
            self.target_of.append(number)
            self.taken.append(taken)

    def near(self, at: Destination) -> dict[int, list[Way]]:
        """The ways of routers that are beside the owners of an address, by router; own ones none."""
        address = at.address
        if address is None:
            return {}
        if address not in self._ways_to:
            net = self.net
            owners = {foot.element for foot in net.owners[address]}
            domains = {foot.domain for o in owners for foot in net.elements[o].feet}
            near = {r for domain in domains for r in self._routers_in.get(domain, ())}
            found: dict[int, list[Way]] = {}
            for one in sorted(near | (owners & self.router_of.keys())):
                router = self.router_of[one]
                is_own = address in router.element.addresses()
                found[router.number] = [] if is_own else net.ways(router.element, address)
                for way in found[router.number]:
                    if way.to in self.door_of:
                        self.feet.setdefault(way.to, len(self.feet))
            self._ways_to[address] = found
        return self._ways_to[address]

    def _target(
        self, to: Foot, at: Destination, start: Arrived, taken: Mapping[Foot, int], before: Arrived
    ) -> tuple[object, Target]:
        """A destination as a target, and what tells it from others."""
        net, numbers, address = self.net, self.numbers, at.address
        sort = self._sort_of[at]
        # An owner that takes nothing in here does not pass it on either: the address is its own.
        owners = net.owners[address] if address is not None else [
            foot for foot in taken if not net.is_pod_network(foot)
        ]  # fmt: skip
        given = NOTHING
        for foot in owners:
            given = numbers.either(given, taken.get(foot, NOTHING))
        extra = sorted((self.feet[f], n) for f, n in taken.items() if f in self.feet)
        seed: dict[int, int] = {}
        plans: dict[int, Plan] = {}
        total = 0
        if address is not None:
            total = self._sum_of(address, at)
            for number, ways in self.near(at).items():
                router = self.routers[number]
                edges: list[Edge] = []
                for way in ways:
                    if way.to in taken:
                        self._sow(router, way, at, taken[way.to], seed)
                    elif way.to in self.door_of:
                        edges.append(self._edge(router, way))
                plans[number] = tuple(dict.fromkeys(edges))
        special = tuple((n, plan) for n, plan in plans.items() if plan)
        translated = tuple(row.id for _, row, *_ in self.translations_to(at))
        whose = to.element if to.element in self.router_of else ""
        key = (
            int(self.same_sort[sort]), total, address is None, special, given,
            tuple(extra), tuple(sorted(seed.items())),
            (translated, at.protocol, at.port, whose, address if whose else None)
            if translated else None,
        )  # fmt: skip
        return key, Target(to, at, sort, plans, given, extra, sorted(seed.items()), start, before)

    def _sum_of(self, address: Address, at: Destination) -> int:
        """A number for what all routers do that are not beside the owners of an address."""
        if address not in self._sum_at:
            numbered, total = self._addresses[address.version], 0
            place = bisect_left(numbered, int(address))
            if place < len(numbered) and numbered[place] == int(address):
                total = int(self._sums[address.version][place])
                for number in self.near(at):
                    router = self.routers[number]
                    plan = router.plans[self._usual(router, address)]
                    total -= int(self._weights[number][plan])
            self._sum_at[address] = total % (1 << 64)
        return self._sum_at[address]

    def _sow(
        self, router: Router, way: Way, at: Destination, then: int, seed: dict[int, int]
    ) -> None:
        """Add what comes to a router's doors straight from a destination's own foot."""
        is_doubtful = bool(way.because) or (
            way.out is not None and self.net.isolates(way.out, way.to)
        )
        for door, code in self._codes(router, way, self._sort_of[at], at, is_doubtful=is_doubtful):
            passed = self.become(code, then)
            if passed != NOTHING:
                seed[door] = self.numbers.either(seed.get(door, NOTHING), passed)

    def _usual(self, router: Router, address: Address) -> Plan:
        """The plan that a router would have if it had no foot beside the owners."""
        plan: Plan = ()
        for domain in sorted({f.routing_domain for f in router.element.feet}, key=str):
            fits = router.element.longest(domain, address)
            plan = (*plan, *self._edges(router, domain, fits, address))
        return plan

    # What becomes of a set at a router

    def _codes(
        self, router: Router, way: Way, sort: int, at: Destination, *, is_doubtful: bool
    ) -> Iterator[tuple[int, int]]:
        """What a router does with what it takes in at each door and sends on its way, as codes."""
        told = int(self._tell[router.number][sort])
        for main in router.doors:
            for door in (main, router.before.get(main)):
                if door is None:
                    continue
                is_kept = door == main
                key = main, way.out, is_doubtful, is_kept, told
                if key not in router.codes:
                    if any(row.kind != "destination" for row in router.element.translations):
                        doubt = way.because or (("it is not known",) if is_doubtful else ())
                        of = Way(way.out, way.to, doubt)
                        self._translating.append((router, main, of, at, is_kept))
                        router.codes[key] = _TRANSLATED + len(self._translating) - 1
                    else:
                        passed = self._passes(router, main, way.out, sort)
                        if is_doubtful or router.element.forwards is None:
                            passed = self.numbers.perhaps_only(passed)
                        if is_kept and router.before:
                            everything = self.packets.all()
                            kept = self.net.kept(self.doors[main], at, everything)
                            passed = self.numbers.both(passed, self.numbers.of(kept))
                        router.codes[key] = passed
                if router.codes[key] != NOTHING:
                    yield door, router.codes[key]

    def _passes(self, router: Router, door: int, out: Foot | None, sort: int) -> int:
        element, came_by = router.element, self.doors[door]
        if out is not None and came_by.routing_domain != out.routing_domain:
            return NOTHING
        passed = self._lists(element, "in", came_by, out, sort)
        leaves = NOTHING
        for by in element.feet if out is None else (out,):
            through = self._lists(element, "through", came_by, by, sort)
            leaves = self.numbers.either(
                leaves, self.numbers.both(through, self._lists(element, "out", by, None, sort))
            )
            if leaves == EVERYTHING:
                break
        return self.numbers.both(passed, leaves)

    def _lists(
        self, element: Element, direction: str, foot: Foot, to: Foot | None, sort: int
    ) -> int:
        passed = EVERYTHING
        for interface, to_interface, lists in element.boundaries.get(direction, ()):
            is_here = interface is None or interface == foot.id
            leads_there = to_interface is None or (to is not None and to_interface == to.id)
            if is_here and leads_there:
                passed = self.numbers.both(passed, self.let(lists, sort))
        return passed

    def let(self, lists: RuleList, sort: int) -> int:
        """What a list lets through to a sort of destinations."""
        key = lists.number, int(self._told[lists.number][sort])
        if key not in self._let:
            self._let[key] = self.numbers.of(self.packets.let_through(lists, self._sorts[sort]))
        return self._let[key]

    def become(self, code: int, then: int) -> int:
        """What becomes of a set under a code."""
        if code < either(0):
            return self.numbers.both(code, then)
        if code < _TRANSLATED:
            return self.numbers.either(code - either(0), then)
        router, door, way, at, is_kept = self._translating[code - _TRANSLATED]
        came_by = self.doors[door]
        passed = self.net.through(router.element, came_by, way, at, self.numbers.let(then))
        return self.numbers.of(self.net.kept(came_by, at, passed) if is_kept else passed)

    # Spreading

    def plans_of(self, targets: Sequence[Target]) -> Ints:
        """The plan of each router for each target, as `roads` numbers them."""
        found = np.zeros((len(targets), len(self.routers)), np.int32)
        of_family: dict[int, Longs] = {
            v: np.array([n for n, t in enumerate(targets)
                         if t.at.address is not None and t.at.address.version == v], np.int64)
            for v in (4, 6)
        }  # fmt: skip
        numbers = {v: [int(targets[n].at.address or 0) for n in of_family[v].tolist()]
                   for v in (4, 6)}  # fmt: skip
        order = {v: np.argsort(np.array(numbers[v], object), kind="stable") for v in (4, 6)}
        addresses = {v: sorted(numbers[v]) for v in (4, 6)}
        unstated = [n for n, t in enumerate(targets) if t.at.address is None]
        sorts = np.array([target.sort for target in targets], np.int64)
        for router in self.routers:
            plans = np.zeros(len(targets), np.int32)
            for version, painted in self._painted(router, addresses):
                plans[of_family[version][order[version]]] = painted
            if unstated:
                plans[unstated] = self._unstated[router.number]
            told = self._tell[router.number][sorts]
            pairs = plans.astype(np.int64) << 32 | told
            distinct, first, where = np.unique(pairs, return_index=True, return_inverse=True)
            known = list(router.plans)
            roads = [
                self._road(router, known[pair >> 32], targets[n])
                for pair, n in zip(distinct.tolist(), first.tolist(), strict=True)
            ]
            found[:, router.number] = np.array(roads, np.int32)[where]
        for row, target in enumerate(targets):
            for number, plan in target.plans.items():
                found[row, number] = self._road(self.routers[number], plan, target)
        return found

    def _road(self, router: Router, plan: Plan, target: Target) -> int:
        if not plan:
            return 0
        told = int(self._tell[router.number][target.sort])
        key = router.plans.setdefault(plan, len(router.plans)), told
        if key not in router.roads:
            edges: list[tuple[int, list[tuple[int, int]]]] = []
            for edge in plan:
                foot = len(self.feet) if edge.target == _OWNERS else edge.target
                codes = self._codes(
                    router, router.ways[edge], target.sort, target.at, is_doubtful=edge.is_doubtful
                )
                edges.append((foot, list(codes)))
            content = tuple((foot, tuple(codes)) for foot, codes in edges)
            if content not in router.contents:
                router.contents[content] = self.roads.plan(edges)
                self.ways += [router.ways[edge] for edge in plan]
            router.roads[key] = router.contents[content]
        return router.roads[key]

    def spread(
        self, targets: Sequence[Target], plans: Ints, spreading: Spreading
    ) -> tuple[Ints, list[list[Leg]]]:
        """By target and door, the number of the set that comes to it; and for each target its legs.

        The first leg is the target's own, the others those of destinations translated into it.
        """
        arrived, parent = spreading.spread(_aimed(targets, plans))
        legs = [[Leg(t, a.copy(), p)] for t, a, p in zip(targets, arrived, parent, strict=True)]
        begun = [dict[Destination, dict[Foot, LetThrough]]() for _ in targets]
        waiting = [(row, own[0]) for row, own in enumerate(legs)]
        while waiting:
            found: dict[tuple[int, Destination], None] = {}
            for row, leg in waiting:
                for was, first in self._translated(leg):
                    before = begun[row].setdefault(was, {})
                    added = [f for f, p in first.items() if f not in before or before[f].adds(p)]
                    for foot in added if was != targets[row].at else ():
                        passed = first[foot]
                        before[foot] = before[foot].or_else(passed) if foot in before else passed
                        found[row, was] = None
            more = []
            for row, was in found:
                start = dict(begun[row][was])
                taken = {foot: self.numbers.of(passed) for foot, passed in start.items()}
                more.append(self._target(next(iter(start)), was, start, taken, start)[1])
            waiting = []
            if more:
                aimed = _aimed(more, self.plans_of(more))
                spreading.extended()
                came, by = spreading.spread(aimed)
                for (row, _), target, one, edges in zip(found, more, came, by, strict=True):
                    waiting.append((row, Leg(target, one, edges)))
                    legs[row].append(waiting[-1][1])
                    both = zip(arrived[row].tolist(), one.tolist(), strict=True)
                    arrived[row] = [self.numbers.either(a, b) for a, b in both]
        return arrived, legs

    def _translated(self, leg: Leg) -> Iterator[tuple[Destination, Arrived]]:
        """What comes to routers under another destination and goes on from there to this one."""
        numbers, at = self.numbers, leg.target.at
        for element, row, doubt, sent_to in self.translations_to(at):
            router = self.router_of.get(element.id)
            if router is None:
                continue
            after: Arrived = {}
            for foot in element.feet:
                door = self.door_of.get(foot)
                came = NOTHING if door is None else int(leg.arrived[router.before[door]])
                if foot in leg.target.before:
                    came = numbers.either(came, numbers.of(leg.target.before[foot]))
                if came != NOTHING and (not row.is_own or foot.address == at.address):
                    after[foot] = numbers.let(came)
            for was in sent_to if after else ():
                first: Arrived = {}
                for foot, passed in after.items():
                    by_row = self.net.changed(element, foot, was).get(row.id)
                    if by_row is not None:
                        both = passed.and_then(by_row)
                        first[foot] = LetThrough(
                            self.packets.none().surely if doubt else both.surely, both.perhaps,
                            (*((doubt,) if doubt else ()), *by_row.because),
                            (element.origin, row.origin),
                        )  # fmt: skip
                if first:
                    yield was, first


def _aimed(targets: Sequence[Target], plans: Ints) -> Targets:
    return Targets(
        plans,
        np.array([t.given for t in targets], np.int32),
        [t.extra for t in targets],
        [t.seed for t in targets],
    )
