"""The service tree: what each service at each site needs, built from the tables.

A site gives a service where its access equipment works, it has a way over the transport network to
a point of presence, and the functions that the service needs have enough instances in reach. An
element works where it is not gone itself and has what it needs: a host, time, management.

The tree is built twice. In the *sure* reading all that is not stated speaks against service: a
link that is not listed is not there, a function nobody states is missing, each pool of a kind must
have enough, links between places with optical systems hang on those. In the *possible* reading it
speaks for it. What the sure reading serves is served; what the possible reading does not is not;
between the two lies what hangs on facts that nobody stated. Equipment at one site counts as
joined, whatever the tables say of its cables.

Power, and people to run the network, are in no table and in no reading.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from ringfence.dependence.ground import Cells, ground, on_sphere
from ringfence.dependence.inventory import Inventory
from ringfence.dependence.reach import Backhaul, Flags, Ints, Longs
from ringfence.dependence.scenario import ServiceScenario
from ringfence.dependence.tree import (
    AT_ONCE,
    MANAGEMENT,
    TIME,
    Needs,
    Pass,
    Reading,
    Structure,
)
from ringfence.dependence.ways import (
    AWAY,
    CLOCKS,
    CORE_DOMAINS,
    EMERGENCY,
    FIXED,
    MICROWAVE,
    OPTICAL,
    RADIO_UNITS,
    SERVICES,
    UNCERTAIN_ACCESS,
    UNIT_NEEDING,
    WAYS,
    Group,
)
from ringfence.errors import UsageError
from ringfence.network.functions import catalogue


def structure(known: Inventory, scenario: ServiceScenario) -> Structure:
    """Build the service tree in both readings.

    Raises `UsageError` where the scenario speaks of a function, pool or operator that is not known:
    a name misspelt would otherwise state nothing, unseen.
    """
    _check(known, scenario)
    site, kind, amounts = _services(known)
    numbers = {(s, k): n for n, (s, k) in enumerate(zip(site.tolist(), kind.tolist(), strict=True))}
    built = [_Building(known, scenario, numbers, is_sure).reading() for is_sure in (True, False)]
    people, traffic, premises, range_km = amounts
    cells = Cells(
        known.latitude_deg[site],
        known.longitude_deg[site],
        range_km,
        kind,
        known.site_operator[site],
        known.site_region[site],
        kind != SERVICES.index(FIXED),
    )
    served_ground = ground(cells, scenario.farthest_km)
    return Structure(
        known, site, kind, people, traffic, premises, built[0], built[1], served_ground
    )


def _check(known: Inventory, scenario: ServiceScenario) -> None:
    kinds = frozenset(row["kind"] for row in catalogue().to_pylist())
    for field, names, there, hint in (
        (
            "instances_needed",
            scenario.instances_needed,
            kinds | frozenset(known.pools),
            "a kind of function, or a pool in the table function",
        ),
        ("provided_elsewhere", scenario.provided_elsewhere, kinds, "a kind of function"),
        (
            "roaming",
            [operator for pair in scenario.roaming for operator in pair],
            frozenset(known.operators),
            "an operator's key; see: ringfence show operator",
        ),
    ):
        if strange := sorted(set(names) - there):
            raise UsageError(
                f"{', '.join(strange)} is not known", where=f"services.{field}", hint=hint
            )


def _services(known: Inventory) -> tuple[Ints, Ints, tuple[npt.NDArray[np.float64], ...]]:
    """What is asked of each site: its demand, or where none is stated what its equipment gives."""
    stated = np.unique(known.service_site)
    site, kind = [known.service_site], [known.service_kind]
    for number, service in enumerate(SERVICES):
        access = frozenset().union(*(way.access for way in WAYS if way.service == service))
        at = known.element_site[known.function_element[known.kinds_in(access)]]
        more = np.setdiff1d(at[at >= 0], stated).astype(np.int32)
        site.append(more)
        kind.append(np.full(len(more), number, np.int32))
    sites, kinds = np.concatenate(site), np.concatenate(kind)
    order = np.lexsort((kinds, sites))
    extra = np.full(len(sites) - len(known.service_site), np.nan)
    amounts = tuple(
        np.concatenate([values, extra])[order]
        for values in (known.people, known.traffic_mbps, known.premises, known.range_km)
    )
    return sites[order], kinds[order], amounts


class _Building:
    """Builds one reading."""

    def __init__(
        self,
        known: Inventory,
        scenario: ServiceScenario,
        numbers: Mapping[tuple[int, int], int],
        is_sure: bool,
    ) -> None:
        self.known = known
        self.scenario = scenario
        self.numbers = numbers
        self.is_sure = is_sure
        self.elements = known.element_count
        self.groups: list[tuple[Ints, Ints, int]] = []
        self.places: list[Pass] = []
        self._slots: dict[tuple[Group, bool], tuple[int, ...]] = {}
        self._away = self._points_of_presence()

    def reading(self) -> Reading:
        self._own_needs()
        backhaul = self._transport()
        self.place = np.full(backhaul.nodes, -1, np.int32)
        self.place[backhaul.kernel] = np.arange(len(backhaul.kernel), dtype=np.int32)
        self.kernel_operator = self.node_operator[backhaul.kernel]
        ways = self._ways()
        offers = self._offers(len(ways))
        stand_in, stand_in_of = self._stand_ins()
        return Reading(
            self.elements,
            _needs(self.groups),
            backhaul,
            self.node_element,
            tuple(self.places),
            tuple(ways),
            (*(way.name for way in WAYS), "equipment whose function is not stated"),
            *offers,
            stand_in,
            stand_in_of,
        )

    # ---- what elements need -----------------------------------------------------------------

    def _own_needs(self) -> None:
        known = self.known
        kinds = np.asarray(known.relation_kind.to_numpy(zero_copy_only=False))
        felt = {"hosts": AT_ONCE, "synchronises": TIME}
        if self.is_sure:
            felt["manages"] = MANAGEMENT
        clocks = known.function_element[known.kinds_in(CLOCKS)]
        for kind, when in felt.items():
            chosen = kinds == kind
            if kind == "synchronises" and not self.is_sure:
                chosen &= ~np.isin(known.relation_target, clocks)
            self._group(known.relation_target[chosen], known.relation_source[chosen], when)
        units = known.function_element[known.kinds_in(RADIO_UNITS)]
        users = np.unique(known.function_element[known.kinds_in(UNIT_NEEDING)])
        self._join_at_site(users, np.unique(units), AT_ONCE)

    def _group(self, owner: Ints, member: Ints, felt: int) -> None:
        """One of the members must work for the owner to."""
        if len(owner):
            order = np.argsort(owner, kind="stable")
            self.groups.append((owner[order], member[order], felt))

    def _join_at_site(self, users: Ints, used: Ints, felt: int) -> None:
        sites = self.known.element_site
        self._group(*_joined(users, sites[users], used, sites[used]), felt)

    # ---- the transport network --------------------------------------------------------------

    def _points_of_presence(self) -> Ints:
        known = self.known
        domain = {row["kind"]: row["domain"] for row in catalogue().to_pylist()}
        central = frozenset(k for k in known.kinds if domain.get(k) in CORE_DOMAINS)
        at = known.element_site[known.function_element[known.kinds_in(central)]]
        named = np.array([kind in AWAY for kind in known.site_kind.to_pylist()], np.bool_)
        return np.union1d(np.flatnonzero(named), at[at >= 0]).astype(np.int32)

    def _transport(self) -> Backhaul:
        known = self.known
        sites = len(known.sites)
        one, other = known.link_source, known.link_target
        optical = self._of_kinds_alone(OPTICAL)
        chosen = np.ones(len(one), np.bool_)
        if self.is_sure:
            chosen &= ~known.link_is_one_way | known.link_has_way_back
            chosen &= ~(optical[one] & optical[other])
        links = np.flatnonzero(chosen).astype(np.int32)
        one, other = one[links], other[links]
        ends = np.unique(np.concatenate([one, other]))
        node = np.full(known.element_count, -1, np.int32)
        node[ends] = sites + np.arange(len(ends), dtype=np.int32)
        self.node = node
        relay = self._relays(links, one, other, optical)
        first_relay = sites + len(ends)
        hung = np.flatnonzero(relay >= 0)
        relay_node = first_relay + np.arange(len(hung), dtype=np.int32)
        direct = relay < 0
        housed = ends[known.element_site[ends] >= 0]
        pairs = [
            (known.element_site[housed], node[housed]),
            (node[one[direct]], node[other[direct]]),
            (node[one[hung]], relay_node),
            (relay_node, node[other[hung]]),
        ]
        clouds = 0 if self.is_sure else 2 * len(known.operators)
        first_cloud = first_relay + len(hung)
        self.node_element = np.concatenate(
            [
                np.full(sites, -1, np.int32),
                ends.astype(np.int32),
                relay[hung],
                np.full(clouds, -1, np.int32),
            ]
        ).astype(np.int32)
        self.node_operator = np.concatenate(
            [
                known.site_operator,
                known.element_operator[ends],
                known.element_operator[one[hung]],
                np.tile(np.arange(len(known.operators), dtype=np.int32), clouds and 2),
            ]
        ).astype(np.int32)
        source = np.concatenate([np.concatenate([a, b]) for a, b in pairs])
        target = np.concatenate([np.concatenate([b, a]) for a, b in pairs])
        more: list[tuple[Ints, Ints]] = []
        if clouds:
            more = self._clouds(np.unique(known.element_site[housed]), first_cloud)
        source = np.concatenate([source, *(a for a, _ in more)]).astype(np.int32)
        target = np.concatenate([target, *(b for _, b in more)]).astype(np.int32)
        nodes = first_cloud + clouds
        keep = np.concatenate([self._seeded(), np.arange(first_cloud, nodes)])
        return Backhaul.of(nodes, source, target, keep)

    def _seeded(self) -> npt.NDArray[np.int64]:
        """The nodes where reach can begin: places of functions that some way needs."""
        known = self.known
        wanted = frozenset(kind for way in WAYS for group in way.groups for kind in group)
        elements = np.unique(known.function_element[known.kinds_in(wanted)])
        at = known.element_site[elements]
        own = self.node[elements]
        return np.unique(np.concatenate([self._away, at[at >= 0], own[own >= 0]])).astype(np.int64)

    def _of_kinds_alone(self, kinds: frozenset[str]) -> Flags:
        """Whether an element has functions of these kinds and no other."""
        known = self.known
        inside = known.kinds_in(kinds)
        is_one = np.zeros(known.element_count, np.bool_)
        is_one[known.function_element[inside]] = True
        is_one[known.function_element[~inside]] = False
        return is_one

    def _relays(self, links: Ints, one: Ints, other: Ints, optical: Flags) -> Ints:
        """A made-up element for each link that hangs on other equipment, -1 for the rest."""
        known = self.known
        medium = np.array([str(m) for m in known.link_medium.to_pylist()], dtype=object)[links]
        relay = np.full(len(links), -1, np.int32)
        radios = np.unique(known.function_element[known.kinds_in(MICROWAVE)])
        for name, carriers, both in (
            ("microwave", radios, False),
            ("fibre", np.flatnonzero(optical).astype(np.int32), True),
        ):
            if name == "fibre" and not self.is_sure:
                continue
            at = known.element_site[carriers]
            has = np.zeros(len(known.sites) + 1, np.bool_)
            has[at] = True
            has[-1] = False
            ends = [has[known.element_site[end]] for end in (one, other)]
            hung = (medium == name) & ((ends[0] & ends[1]) if both else (ends[0] | ends[1]))
            # The system itself is an end of its own link, not of one that hangs on it.
            hung &= ~np.isin(one, carriers) & ~np.isin(other, carriers)
            fresh = np.flatnonzero(hung & (relay < 0))
            relay[fresh] = self.elements + np.arange(len(fresh), dtype=np.int32)
            self.elements += len(fresh)
            for end, there in zip((one, other), ends, strict=True):
                where = np.flatnonzero(hung & there)
                owners, members = _joined(
                    relay[where], known.element_site[end[where]], carriers, at
                )
                self._group(owners, members, AT_ONCE)
        return relay

    def _clouds(self, linked: Ints, first: int) -> list[tuple[Ints, Ints]]:
        """Ways of sites of which no link is stated: from any point of presence of the operator.

        They carry nothing else, so that two points of presence are not joined by them.
        """
        known = self.known
        sites = np.arange(len(known.sites), dtype=np.int32)
        bare = np.setdiff1d(sites, linked).astype(np.int32)
        bare_centres = np.intersect1d(bare, self._away).astype(np.int32)
        out = first + known.site_operator
        back = out + len(known.operators)
        return [
            (self._away, out[self._away]),
            (out[bare], bare),
            (bare_centres, back[bare_centres]),
            (back[self._away], self._away),
        ]

    # ---- the functions in the centre --------------------------------------------------------

    def _ways(self) -> list[tuple[int, ...]]:
        away = self._presence()
        found = []
        for way in WAYS:
            must = (*way.needs, *(way.to_authenticate if self._is_caller_known() else ()))
            more = (*way.where_stated, *(way.may_need if self.is_sure else ()))
            needs = [self._slot(group, required=True) for group in must]
            needs += [self._slot(group, required=False) for group in more]
            found.append(tuple(dict.fromkeys((away, *(p for one in needs for p in one)))))
        return [*found, (away,)]

    def _is_caller_known(self) -> bool:
        """Whether an emergency call is refused to who cannot be authenticated."""
        anybody = self.scenario.emergency_from_anybody
        return anybody is False or (anybody is None and self.is_sure)

    def _presence(self) -> int:
        places = self.place[self._away]
        operators = self.known.site_operator[self._away]
        elements = np.full(len(places), -1, np.int32)
        if not self.is_sure:
            lacking = np.setdiff1d(np.arange(len(self.known.operators)), operators)
            places, elements = self._with_all(places, elements, lacking)
        return self._add(Pass("a point of presence", places, elements, 1))

    def _with_all(
        self, places: Ints, elements: Ints, operators: npt.NDArray[np.int64]
    ) -> tuple[Ints, Ints]:
        """Let all of these operators' places be reached wherever they work."""
        more = np.flatnonzero(np.isin(self.kernel_operator, operators)).astype(np.int32)
        return (
            np.concatenate([places, more]),
            np.concatenate([elements, np.full(len(more), -1, np.int32)]),
        )

    def _add(self, one: Pass) -> int:
        self.places.append(one)
        return len(self.places) - 1

    def _slot(self, group: Group, *, required: bool) -> tuple[int, ...]:
        key = (group, required)
        if key not in self._slots:
            self._slots[key] = self._passes(group, required)
        return self._slots[key]

    def _passes(self, group: Group, required: bool) -> tuple[int, ...]:
        """The passes of one group of functions: all of them must reach a site."""
        known = self.known
        everyone = np.arange(len(known.operators))
        if set(group) & set(self.scenario.provided_elsewhere):
            return ()
        rows = np.flatnonzero(known.kinds_in(group)).astype(np.int32)
        operator = known.element_operator[known.function_element[rows]]
        stated = np.unique(operator)
        if self.is_sure:
            # An instance of a slice serves that slice; whether it serves others is not stated.
            rows = rows[~known.function_is_sliced[rows]]
        lacking = np.setdiff1d(everyone, stated)
        free = lacking if not required or not self.is_sure else lacking[:0]
        of_row = known.element_operator[known.function_element[rows]]
        rows = rows[np.argsort(of_row, kind="stable")]
        of_row = np.sort(of_row)
        first, last = (np.searchsorted(of_row, stated, side) for side in ("left", "right"))
        pools: dict[int, list[tuple[Ints, int, str]]] = {
            int(o): self._pools_of(rows[i:j], group)
            for o, i, j in zip(stated, first, last, strict=True)
        }
        if any(needed > 1 for of in pools.values() for _, needed, _ in of):
            return self._counted(pools, everyone, free)
        found = []
        for number in range(max((len(of) for of in pools.values()), default=1)):
            chosen = [of[number % len(of)][0] for of in pools.values() if of]
            elements = np.concatenate(chosen) if chosen else np.array([], np.int32)
            names = sorted({of[number % len(of)][2] for of in pools.values() if of})
            places, seeds = self._with_all(*self._seeds(elements), free)
            found.append(self._add(Pass(_named(group, names), places, seeds, 1)))
        return tuple(found)

    def _counted(
        self,
        pools: Mapping[int, list[tuple[Ints, int, str]]],
        everyone: npt.NDArray[np.int64],
        free: npt.NDArray[np.int64],
    ) -> tuple[int, ...]:
        """Passes of one operator each, where more than one instance is needed."""
        found = []
        for operator, of in pools.items():
            others = everyone[everyone != operator]
            for elements, needed, name in of:
                places, seeds = self._seeds(elements)
                places, seeds = self._with_all(places, seeds, others)
                found.append(self._add(Pass(name, places, seeds, needed)))
        lacking = np.setdiff1d(everyone, np.array(list(pools), np.int64))
        refused = np.setdiff1d(lacking, free)
        if len(refused):
            places, seeds = self._with_all(
                np.array([], np.int32), np.array([], np.int32), np.setdiff1d(everyone, refused)
            )
            found.append(self._add(Pass("a function that is not stated", places, seeds, 1)))
        return tuple(found)

    def _pools_of(self, rows: Ints, group: Group) -> list[tuple[Ints, int, str]]:
        """The instances of each pool that must have enough of them, and how many are enough."""
        known = self.known
        elements, pool = known.function_element[rows], known.function_pool[rows]
        named = np.unique(pool[pool >= 0])
        least = 0 if self.is_sure else 1
        wanted = self.scenario.instances_needed
        by_kind = max((wanted[kind][1 - least] for kind in group if kind in wanted), default=1)
        if not self.is_sure or not len(named):
            return [(np.unique(elements), by_kind, "")]
        return [
            (
                np.unique(elements[pool == p]),
                wanted[known.pools[p]][1 - least] if known.pools[p] in wanted else by_kind,
                known.pools[p],
            )
            for p in named.tolist()
        ]

    def _seeds(self, elements: Ints) -> tuple[Ints, Ints]:
        """The places of the kernel where reach from these elements begins."""
        known = self.known
        at = known.element_site[elements]
        own = self.node[elements]
        places = [self.place[at[at >= 0]], self.place[own[own >= 0]]]
        seeds = [elements[at >= 0], elements[own >= 0]]
        if not self.is_sure:
            # Where it stands is not stated: it may be in reach of all of its operator.
            for element in elements[(at < 0) & (own < 0)].tolist():
                more = np.flatnonzero(self.kernel_operator == known.element_operator[element])
                places.append(more.astype(np.int32))
                seeds.append(np.full(len(more), element, np.int32))
        return np.concatenate(places), np.concatenate(seeds).astype(np.int32)

    # ---- what is offered at sites -----------------------------------------------------------

    def _offers(self, ways: int) -> tuple[Ints, Ints, Ints, Longs, Ints, Flags]:
        known = self.known
        service: list[Ints] = []
        way: list[Ints] = []
        member: list[Ints] = []
        by_kind = [self._services_of(kind) for kind in range(len(SERVICES))]
        kinds = np.asarray(known.relation_kind.to_numpy(zero_copy_only=False))
        anchored = known.relation_target[kinds == "anchors"]

        def offer(number: int, elements: Ints, of: Ints) -> None:
            # A network without sites has nothing to look a place up in.
            elements = elements[known.element_site[elements] >= 0]
            asked = of[known.element_site[elements]]
            service.append(asked[asked >= 0])
            member.append(elements[asked >= 0].astype(np.int32))
            way.append(np.full(int((asked >= 0).sum()), number, np.int32))

        for number, one in enumerate(WAYS):
            rows = np.flatnonzero(known.kinds_in(one.access))
            elements = np.unique(known.function_element[rows])
            if self.is_sure:
                # A unit on a 4G anchor gives nothing that its anchor does not.
                elements = np.setdiff1d(elements, anchored).astype(np.int32)
            offer(number, elements, by_kind[SERVICES.index(one.service)])
        anyway = np.zeros(len(self.numbers), np.bool_)
        if not self.is_sure:
            silent = np.setdiff1d(np.arange(known.element_count), known.function_element)
            doubtful = known.function_element[known.kinds_in(UNCERTAIN_ACCESS)]
            maybe = np.union1d(silent, doubtful).astype(np.int32)
            for of in by_kind:
                offer(ways - 1, maybe, of)
        services = np.concatenate(service) if service else np.array([], np.int32)
        if not self.is_sure:
            anyway[np.setdiff1d(np.arange(len(anyway)), services)] = True
        ways_of, members = np.concatenate(way), np.concatenate(member)
        order = np.lexsort((members, ways_of, services))
        services, ways_of, members = services[order], ways_of[order], members[order]
        fresh = np.ones(len(services), np.bool_)
        fresh[1:] = (services[1:] != services[:-1]) | (ways_of[1:] != ways_of[:-1])
        first = np.flatnonzero(fresh)
        starts = np.append(first, len(services)).astype(np.int64)
        offered = services[first].astype(np.int32)
        node = self._site_of(offered)
        return offered, ways_of[first].astype(np.int32), node, starts, members, anyway

    def _services_of(self, kind: int) -> Ints:
        """The number of each site's service of a kind, -1 where it has none."""
        found = np.full(len(self.known.sites), -1, np.int32)
        for (site, of), number in self.numbers.items():
            if of == kind:
                found[site] = number
        return found

    def _site_of(self, services: Ints) -> Ints:
        sites = np.array([site for site, _ in self.numbers], np.int32)
        chosen: Ints = sites[services]
        return chosen

    def _stand_ins(self) -> tuple[Ints, Ints]:
        """Pairs of services: the first, of another operator near by, stands in for the second."""
        known, scenario = self.known, self.scenario
        at = 0 if self.is_sure else 1
        allowed = dict.fromkeys(scenario.roaming, scenario.roaming_km[at])
        names = [str(name) for name in known.operators]
        rows: list[tuple[int, int]] = []
        keys = np.array(list(self.numbers), np.int64).reshape(-1, 2)
        placed = ~np.isnan(known.latitude_deg[keys[:, 0]] + known.longitude_deg[keys[:, 0]])
        for kind, service in enumerate(SERVICES[:3]):
            anyone_km = scenario.emergency_km[at] if service == EMERGENCY else 0.0
            if anyone_km <= 0 and not allowed:
                continue
            mine = np.flatnonzero((keys[:, 1] == kind) & placed)
            operator = known.site_operator[keys[mine, 0]]
            mine = mine[np.argsort(operator, kind="stable")]
            present, first = np.unique(np.sort(operator), return_index=True)
            services = np.split(mine, first[1:])
            points = [
                on_sphere(known.latitude_deg[at_site], known.longitude_deg[at_site])
                for at_site in (keys[one, 0] for one in services)
            ]
            for host, guest in _near(points, max(anyone_km, *allowed.values(), 0.0)):
                pair = (names[present[guest]], names[present[host]])
                near_km = max(anyone_km, allowed.get(pair, 0.0))
                if near_km <= 0:
                    continue
                far, near = cKDTree(points[host]).query(points[guest])
                close = far <= near_km
                nearest = services[host][np.asarray(near, np.int64)[close]]
                rows += zip(nearest.tolist(), services[guest][close].tolist(), strict=True)
        pairs = np.array(sorted(rows), np.int32).reshape(-1, 2)
        return pairs[:, 0].copy(), pairs[:, 1].copy()


def _near(points: Sequence[npt.NDArray[np.float64]], near_km: float) -> Iterator[tuple[int, int]]:
    """Pairs of different sets whose boxes come this near to each other; both ways round."""
    if not len(points) or not len(points[0]):
        return
    low = np.array([one.min(axis=0) for one in points])
    high = np.array([one.max(axis=0) for one in points])
    for host in range(len(points)):
        gap = np.maximum(np.maximum(low[host] - high, low - high[host]), 0.0)
        close = np.flatnonzero(np.sqrt((gap**2).sum(axis=1)) <= near_km)
        yield from ((host, guest) for guest in close.tolist() if guest != host)


def _named(group: Group, pools: list[str]) -> str:
    named = [p for p in pools if p]
    return group[0] if not named else f"{group[0]} ({', '.join(named[:3])})"


def _joined(users: Ints, user_site: Ints, used: Ints, used_site: Ints) -> tuple[Ints, Ints]:
    """Every pair of a user and a thing used at the same site."""
    there = used_site >= 0
    used, used_site = used[there], used_site[there]
    order = np.argsort(used_site, kind="stable")
    used, used_site = used[order], used_site[order]
    first = np.searchsorted(used_site, user_site, "left")
    last = np.searchsorted(used_site, user_site, "right")
    counts = np.where(user_site >= 0, last - first, 0)
    owners = np.repeat(users, counts)
    begin = np.repeat(first, counts)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owners.astype(np.int32), used[begin + within].astype(np.int32)


def _needs(groups: list[tuple[Ints, Ints, int]]) -> Needs:
    """All groups as one table; a group is a run of one owner."""
    owners: list[Ints] = []
    counts: list[npt.NDArray[np.int64]] = []
    members: list[Ints] = []
    felt: list[Ints] = []
    for owner, member, when in groups:
        order = np.argsort(owner, kind="stable")
        owner, member = owner[order], member[order]  # noqa: PLW2901 (the same, in order)
        unique, first = np.unique(owner, return_index=True)
        owners.append(unique.astype(np.int32))
        counts.append(np.diff(np.append(first, len(owner))).astype(np.int64))
        members.append(member.astype(np.int32))
        felt.append(np.full(len(unique), when, np.int32))
    none = np.array([], np.int32)
    sizes = np.concatenate(counts) if counts else np.array([], np.int64)
    return Needs(
        np.concatenate(owners) if owners else none,
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate(members) if members else none,
        np.ones(len(sizes), np.int32),
        np.concatenate(felt) if felt else none,
    )
