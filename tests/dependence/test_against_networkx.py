"""The service tree against a second method: plain sets and networkx, one state at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import networkx as nx
import numpy as np
import pytest

from ringfence.dependence.evaluate import clocks, served
from ringfence.dependence.inventory import inventory
from ringfence.dependence.reach import Backhaul, packed, unpacked
from ringfence.dependence.scenario import ServiceScenario
from ringfence.dependence.services import structure
from ringfence.dependence.ways import SERVICES
from ringfence.store.duck import Tables

Row = dict[str, Any]
Build = Callable[..., Tables]

DAY = date(2026, 1, 1)
NETWORKS = 500
STATES = 9
BATCHES = 20
MEDIA = ("fibre", "microwave", None)

# What is asked, in the test's own words: service, access kind, needed, needed where stated, needed
# where stated if all speaks against service, needed if a caller must be known.
ASKED: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]],
             ...] = (
    ("mobile data", "ENB", ("MME", "SGW", "PGW", "HSS"), (), ("PCRF", "DNS"), ()),
    ("mobile data", "BTS", ("BSC", "SGSN", "GGSN", "HLR"), (), ("DNS",), ()),
    ("voice", "ENB", ("MME", "SGW", "PGW", "HSS", "P-CSCF", "I-CSCF", "S-CSCF"), (),
     ("PCRF", "DNS", "TAS"), ()),
    ("voice", "BTS", ("BSC", "MSC", "HLR"), ("MGW",), (), ()),
    ("emergency", "ENB", ("MME", "SGW", "PGW", "P-CSCF", "E-CSCF"), (), ("PCRF",),
     ("HSS", "I-CSCF", "S-CSCF")),
    ("emergency", "BTS", ("BSC", "MSC"), ("MGW",), (), ("HLR",)),
    ("fixed", "OLT", ("BNG",), (), ("DNS",), ()),
)  # fmt: skip
ALSO = {"HLR": ("HLR", "HSS")}
IMS = ("P-CSCF", "I-CSCF", "S-CSCF", "E-CSCF", "TAS")
OF_CORE = {"MME", "SGW", "PGW", "HSS", "PCRF", "SGSN", "GGSN", "HLR", "MSC", "MGW", *IMS}


@dataclass
class Drawn:
    """A random network as rows."""

    operator: list[Row]
    site: list[Row]
    element: list[Row]
    function: list[Row]
    link: list[Row]
    relation: list[Row]
    demand: list[Row]

    def tables(self, build: Build) -> Tables:
        return build(**{name: getattr(self, name) for name in self.__dataclass_fields__})


def draw(random: np.random.Generator) -> Drawn:
    operators = [f"o{n}" for n in range(random.integers(1, 3))]
    site: list[Row] = []
    element: list[Row] = []
    function: list[Row] = []
    demand: list[Row] = []
    routers: dict[str, list[str]] = {o: [] for o in operators}

    def add(name: str, at: str | None, operator: str, kind: str | None, **more: Any) -> str:
        element.append({"id": name, "site": at, "operator": operator})
        if kind:
            function.append({"element": name, "kind": kind, **more})
        return name

    def chance(part: float) -> bool:
        return bool(random.random() < part)

    for operator in operators:
        centres = [f"{operator}c{n}" for n in range(random.integers(1, 3))]
        for centre in centres:
            site.append({"id": centre, "operator": operator, "kind": "data centre"})
            routers[operator].append(add(f"{centre}r", centre, operator, "IP core router"))
            if chance(0.3):
                routers[operator].append(add(f"{centre}w", centre, operator, "WDM"))
        for kind in ("MME", "SGW", "PGW", "HSS", "PCRF", "DNS", "BSC", "SGSN", "GGSN", "HLR",
                     "MSC", "MGW", "BNG", *IMS):  # fmt: skip
            for n in range(random.integers(0 if chance(0.25) else 1, 4)):
                at = None if chance(0.04) else str(random.choice(centres))
                pool = f"{kind}{random.integers(2)}" if chance(0.4) else None
                of_slice = "s" if chance(0.08) else None
                add(f"{operator}{kind}{n}", at, operator, kind, pool=pool, slice=of_slice)
        for n in range(random.integers(2, 7)):
            name = f"{operator}s{n}"
            site.append({"id": name, "operator": operator, "kind": "macro"})
            for kind in ("ENB", "BTS", "OLT"):
                for m in range(random.integers(0, 3)):
                    add(f"{name}{kind}{m}", name, operator, kind if chance(0.95) else None)
            for kind in ("cell site router", "aggregation router", "WDM", "microwave"):
                if chance(0.5):
                    routers[operator].append(add(f"{name}{kind}", name, operator, kind))
            demand += [{"site": name, "kind": s, "people": 10.0} for s in SERVICES if chance(0.8)]
    rows = [{"id": o} for o in operators]
    names = [str(e["id"]) for e in element]
    link = draw_links(random, routers)
    return Drawn(rows, site, element, function, link, draw_relations(random, names), demand)


def draw_links(random: np.random.Generator, routers: dict[str, list[str]]) -> list[Row]:
    link: list[Row] = []
    for operator, ends in routers.items():
        for _ in range(int(1.4 * len(ends))):
            one, other = random.choice(np.array(ends), 2)
            if one != other:
                link.append(
                    {
                        "id": f"{operator}l{len(link)}",
                        "source": str(one),
                        "target": str(other),
                        "medium": MEDIA[random.integers(3)],
                        "is_one_way": True if random.random() < 0.15 else None,
                    }
                )
    return link


def draw_relations(random: np.random.Generator, names: list[str]) -> list[Row]:
    relation: dict[tuple[str, str, str], Row] = {}
    for _ in range(len(names) // 2):
        source, target = (str(x) for x in random.choice(np.array(names), 2))
        kind = str(random.choice(["hosts", "synchronises", "manages", "administers"]))
        if source != target:
            row = {"source": source, "target": target, "kind": kind}
            relation[source, target, kind] = row
    return list(relation.values())


class Plain:
    """The same questions answered with sets, in words as near as can be to the documentation."""

    def __init__(
        self,
        drawn: Drawn,
        wanted: dict[str, tuple[int, int]],
        is_sure: bool,
        from_anybody: bool | None,
    ) -> None:
        self.is_sure = is_sure
        self.is_caller_known = not from_anybody if from_anybody is not None else is_sure
        self.wanted = wanted
        self.drawn = drawn
        self.site_of = {e["id"]: e["site"] for e in drawn.element}
        self.operator_of = {e["id"]: e["operator"] for e in drawn.element}
        self.kinds: dict[str, set[str]] = {}
        for f in drawn.function:
            self.kinds.setdefault(f["element"], set()).add(f["kind"])
        self.ends = {r for row in drawn.link for r in (row["source"], row["target"])}
        core_sites = {self.site_of[f["element"]] for f in drawn.function if f["kind"] in OF_CORE}
        self.away = {s["id"] for s in drawn.site if s["kind"] == "data centre"} | core_sites - {
            None
        }

    def working(self, up: set[str]) -> set[str]:
        counted = {"hosts", "synchronises"} | ({"manages"} if self.is_sure else set())
        left = set(up)
        while True:
            fallen = set()
            for element in left:
                for kind in counted:
                    givers = {
                        r["source"]
                        for r in self.drawn.relation
                        if r["target"] == element and r["kind"] == kind
                    }
                    if givers and not givers & left:
                        fallen.add(element)
            if not fallen:
                return left
            left -= fallen

    def graph(self, working: set[str]) -> "nx.DiGraph[Any]":
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from(("site", s["id"]) for s in self.drawn.site)
        for end in self.ends & working:
            graph.add_node(end)
            if self.site_of[end]:
                graph.add_edge(end, ("site", self.site_of[end]))
                graph.add_edge(("site", self.site_of[end]), end)
        pairs = {(r["source"], r["target"]) for r in self.drawn.link}
        linked = set()
        for row in self.drawn.link:
            one, other = row["source"], row["target"]
            both_optical = all(self.kinds.get(e) == {"WDM"} for e in (one, other))
            if self.is_sure and both_optical:
                continue
            if self.is_sure and row["is_one_way"] and (other, one) not in pairs:
                continue
            linked |= {one, other}
            if {one, other} <= working and self._carried(row, working):
                graph.add_edge(one, other)
                graph.add_edge(other, one)
        if not self.is_sure:
            self._bare(graph, {self.site_of[e] for e in linked})
        return graph

    def _bare(self, graph: "nx.DiGraph[Any]", linked: set[str]) -> None:
        for site in self.drawn.site:
            if site["id"] in linked:
                continue
            for other in self.drawn.site:
                if other["id"] in self.away and other["operator"] == site["operator"]:
                    graph.add_edge(("site", other["id"]), ("towards", site["id"]))
                    if site["id"] in self.away:
                        graph.add_edge(("from", site["id"]), ("site", other["id"]))
            graph.add_edge(("towards", site["id"]), ("site", site["id"]))
            if site["id"] in self.away:
                graph.add_edge(("site", site["id"]), ("from", site["id"]))

    def _carried(self, row: Row, working: set[str]) -> bool:
        """Whether the systems that the link hangs on work."""

        def at(end: str, kind: str, *, alone: bool) -> set[str]:
            return {
                e
                for e, kinds in self.kinds.items()
                if (kinds == {kind} if alone else kind in kinds)
                and self.site_of[e] == self.site_of[end]
                and self.site_of[end]
            }

        ends = (row["source"], row["target"])
        if row["medium"] == "microwave":
            if any("microwave" in self.kinds.get(e, set()) for e in ends):
                return True
            there = [at(e, "microwave", alone=False) for e in ends]
            return all(systems & working for systems in there if systems)
        if row["medium"] == "fibre" and self.is_sure:
            if any(self.kinds.get(e) == {"WDM"} for e in ends):
                return True
            there = [at(e, "WDM", alone=True) for e in ends]
            return not all(there) or all(systems & working for systems in there)
        return True

    def answer(self, up: set[str], asked: list[tuple[str, str]]) -> list[bool]:
        working = self.working(up)
        graph = self.graph(working)
        back = graph.reverse()
        access = {
            (self.site_of[f["element"]], f["kind"])
            for f in self.drawn.function
            if f["element"] in working
        }
        silent = {self.site_of[e] for e in working if e not in self.kinds}
        found = []
        operator_of_site = {s["id"]: s["operator"] for s in self.drawn.site}
        for site, service in asked:
            before = {("site", site)} | nx.descendants(back, ("site", site))
            mine = operator_of_site[site]
            has_way = any(("site", a) in before and operator_of_site[a] == mine for a in self.away)
            given = any(
                (site, kind) in access
                and has_way
                and all(self._enough(n, mine, before, working, must=True) for n in needs)
                and all(self._enough(n, mine, before, working, must=False) for n in more)
                and all(
                    self._enough(n, mine, before, working, must=False) for n in may if self.is_sure
                )
                and all(
                    self._enough(n, mine, before, working, must=True)
                    for n in known
                    if self.is_caller_known
                )
                for of, kind, needs, more, may, known in ASKED
                if of == service
            )
            if not self.is_sure:
                offered = any(
                    self.site_of[f["element"]] == site and f["kind"] == kind
                    for f in self.drawn.function
                    for of, kind, *_ in ASKED
                    if of == service
                )
                may_offer = any(
                    self.site_of[e["id"]] == site and e["id"] not in self.kinds
                    for e in self.drawn.element
                )
                given |= site in silent and has_way
                given |= not offered and not may_offer
            found.append(given)
        return found

    def _enough(
        self, need: str, operator: str, before: set[Any], working: set[str], *, must: bool
    ) -> bool:
        kinds = ALSO.get(need, (need,))
        rows = [
            f
            for f in self.drawn.function
            if f["kind"] in kinds and self.operator_of[f["element"]] == operator
        ]
        if not rows:
            return not (must and self.is_sure)
        if self.is_sure:
            rows = [f for f in rows if f["slice"] is None]
        pools = {f["pool"] for f in rows} - {None}
        least = max((self.wanted[k][1 if self.is_sure else 0] for k in kinds if k in self.wanted),
                    default=1)  # fmt: skip
        parts = [rows]
        if self.is_sure and pools:
            parts = [[f for f in rows if f["pool"] == pool] for pool in pools]

        def is_near(element: str) -> bool:
            at = self.site_of[element]
            if at is None and element not in self.ends:
                return not self.is_sure
            return element in before or ("site", at) in before

        return all(
            len({f["element"] for f in part if f["element"] in working and is_near(f["element"])})
            >= least
            for part in parts
        )


@pytest.mark.parametrize(
    "batch",
    [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, BATCHES))],
)
def test_every_state_of_random_networks_is_as_sets_and_networkx_say(
    build: Build, batch: int
) -> None:
    lost = kept = between = 0
    for number in range(batch, NETWORKS, BATCHES):
        random = np.random.default_rng([77, number])
        drawn = draw(random)
        wanted = {"MME": (1, 2), "HSS": (2, 2)} if number % 3 == 0 else {}
        known = inventory(drawn.tables(build), DAY)
        anybody = (None, True, False)[number % 3]
        tree = structure(
            known, ServiceScenario(instances_needed=wanted, emergency_from_anybody=anybody)
        )
        names = known.elements.to_pylist()
        up = random.random((len(names), STATES)) >= random.choice([0.03, 0.15, 0.4], STATES)
        up[:, 0] = True
        asked = [
            (known.sites[int(s)].as_py(), SERVICES[k])
            for s, k in zip(tree.service_site, tree.service_kind, strict=True)
        ]
        felt = clocks(STATES, time=True, management=True)
        answers = []
        for reading, is_sure in ((tree.sure, True), (tree.possible, False)):
            got = unpacked(served(reading, packed(up), felt), STATES)
            plain = Plain(drawn, wanted, is_sure, anybody)
            for state in range(STATES):
                alive = {name for name, ok in zip(names, up[:, state], strict=True) if ok}
                said = plain.answer(alive, asked)
                assert got[:, state].tolist() == said, (number, state, is_sure)
            answers.append(got)
        assert not (answers[0] & ~answers[1]).any()
        kept += int(answers[0].sum())
        lost += int((~answers[1]).sum())
        between += int((answers[1] & ~answers[0]).sum())
    # Networks of one answer alone would prove little.
    assert min(lost, kept, between) > 100


def test_reach_is_as_networkx_says_on_random_graphs() -> None:
    for number in range(300):
        random = np.random.default_rng([78, number])
        nodes = int(random.integers(2, 40))
        arcs = random.integers(0, nodes, (int(nodes * random.choice([0.6, 1.0, 2.0])), 2))
        both = random.random(len(arcs)) < 0.8
        arcs = np.concatenate([arcs, arcs[both][:, ::-1]]).astype(np.int32)
        keep = random.integers(0, nodes, 2)
        states = int(random.integers(1, 130))
        alive = random.random((nodes, states)) < 0.8
        seeds = np.zeros((nodes, states), np.bool_)
        seeds[keep] = random.random((2, states)) < 0.7
        ends = arcs.T.astype(np.int32)
        ready = Backhaul.of(nodes, ends[0].copy(), ends[1].copy(), keep)
        got = unpacked(ready.reached(packed(alive), packed(seeds)), states)
        for state in range(states):
            graph: nx.DiGraph[int] = nx.DiGraph()
            graph.add_nodes_from(np.flatnonzero(alive[:, state]).tolist())
            graph.add_edges_from(
                (a, b) for a, b in arcs.tolist() if alive[a, state] and alive[b, state]
            )
            want = set()
            for seed in np.flatnonzero(seeds[:, state] & alive[:, state]).tolist():
                want |= {seed} | nx.descendants(graph, seed)
            assert set(np.flatnonzero(got[:, state]).tolist()) == want, (number, state)
