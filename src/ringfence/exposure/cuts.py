"""The cheapest repair: the least costly changes after which nothing hostile reaches the core.

A change takes facts of the graph away: a filter the passage from a place to an opening, protection
the use of an element's open service, a manager of its own the power of another's. What is wanted
is a set of changes that meets every derivation of a core answer, at least cost: a hitting set, and
with two-premise rules no flow problem any more. It is solved by turns. A program over the
derivations found so far says which changes are the least that can do, which is a proved lower
bound; a search of the graph without them finds derivations that they miss. When it finds none,
the bound is met. Each turn also makes a repair that does work, so that there is an answer at any
time, with how far from the least it may be.

Hitting sets by turns: R. Karp and E. Moreno-Centeno, "The implicit hitting set approach",
Operations Research 61(2) (2013).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from ringfence.exposure.arrays import Ints
from ringfence.exposure.closure import Graph, Index, close
from ringfence.exposure.control import PowerGraph, Powers
from ringfence.exposure.exposed import Exposure
from ringfence.exposure.proofs import Derivations, Derived
from ringfence.store.tables import Column, Table, Type

REPAIR = Table(
    "repair",
    "one change of the cheapest repair found",
    ("change", "of"),
    (
        Column("change", Type.TEXT, "What to do", required=True),
        Column("of", Type.TEXT, "What to do it to", required=True),
        Column("means", Type.TEXT, "The same in words and by name"),
        Column("cost", Type.DECIMAL, "What it costs beside the others", required=True),
        Column("facts", Type.INTEGER, "Powers it takes away", required=True),
        Column("origin", Type.TEXT, "Where one of those powers was read"),
    ),
)


@dataclass(frozen=True, slots=True)
class Repair:
    """The best repair found, and how good it can be at most.

    `lower` is proved: no repair costs less. `beyond` are the core answers that no change prevents.
    `is_checked` says that the closure of the repaired network reaches none of the others.
    """

    changes: pa.Table
    cost: float
    lower: float
    beyond: tuple[str, ...]
    is_checked: bool

    @property
    def is_least(self) -> bool:
        """Whether no cheaper repair exists."""
        return self.cost <= self.lower + 1e-9


class Cuts:
    """The changes that there are in one graph, and the search for the least of them."""

    def __init__(self, exposure: Exposure, powers: Powers) -> None:
        self.graph: PowerGraph = exposure.graph
        self._words = exposure.words
        self.derivations = Derivations(self.graph.graph)
        self._name_changes(powers)

    def _name_changes(self, powers: Powers) -> None:
        rules = {rule.id: rule for rule in powers.rules}
        fact = self.graph.fact
        names, premises, conclusions = (
            fact[c].to_pylist() for c in ("rule", "premise", "conclusion")
        )
        numbers: dict[tuple[str, str], int] = {}
        self.costs: list[float] = []
        change_of = np.full(fact.num_rows, -1, np.int32)
        for row, (name, premise, conclusion) in enumerate(
            zip(names, premises, conclusions, strict=True)
        ):
            rule = rules.get(name)
            if rule is None or rule.repair is None:
                continue
            # A filter stands between two ends; any other change is made to what it protects.
            of = conclusion
            if rule.premise == "send":
                of = f"from {premise.removeprefix('send ')} to {conclusion.removeprefix('reach ')}"
            key = (rule.repair, of)
            if key not in numbers:
                numbers[key] = len(numbers)
                self.costs.append(rule.cost)
            change_of[row] = numbers[key]
        self.changes = list(numbers)
        self.change_of_fact = change_of
        self.change_of = np.concatenate(
            [change_of[self.graph.fact_of_edge], change_of[self.graph.fact_of_rule]]
        )

    def cheapest(self, seeds: Ints, targets: Sequence[tuple[str, int]], seconds: float) -> Repair:
        """The least costly changes after which no target, given by name and node, is held."""
        until = time.monotonic() + seconds
        whole = self.derivations.search(seeds)
        goals = [(name, node) for name, node in targets if node >= 0 and whole.holds(node)]
        # What is held even when all changes are made, no change prevents.
        bare = self._search(seeds, range(len(self.changes)))
        beyond = tuple(name for name, node in goals if bare.holds(node))
        goals = [(name, node) for name, node in goals if not bare.holds(node)]
        nodes = [node for _, node in goals]
        derivations: list[frozenset[int]] = []
        best: frozenset[int] | None = None
        lower = 0.0
        while nodes:
            chosen, lower = self._least(derivations, max(0.1, until - time.monotonic()), lower)
            missed = self._missed(seeds, nodes, chosen)
            if not missed:
                best = chosen
                break
            derivations += missed
            works = self._thinned(seeds, nodes, chosen.union(*missed), until)
            if best is None or self._cost(works) < self._cost(best):
                best = works
            if self._cost(best) <= lower + 1e-9 or time.monotonic() > until:
                break
        made = best or frozenset()
        return Repair(
            self._table(made), self._cost(made), lower, beyond, self._is_cut(seeds, nodes, made)
        )

    def _cost(self, changes: frozenset[int]) -> float:
        return float(sum(self.costs[c] for c in changes))

    def _search(self, seeds: Ints, without: Sequence[int] | frozenset[int] | range) -> Derived:
        made = np.zeros(len(self.changes) + 1, np.bool_)
        made[list(without)] = True
        return self.derivations.search(seeds, made[self.change_of])

    def _missed(
        self, seeds: Ints, nodes: Sequence[int], chosen: frozenset[int]
    ) -> list[frozenset[int]]:
        """Derivations that the chosen changes leave, apart from each other, until none is left."""
        found: list[frozenset[int]] = []
        gone = set(chosen)
        while True:
            derived = self._search(seeds, frozenset(gone))
            node = min(
                (n for n in nodes if derived.holds(n)), key=lambda n: derived.depth[n], default=None
            )
            if node is None:
                return found
            edges = len(self.graph.graph.source)
            used = {
                int(self.change_of[s.number + (edges if s.is_rule else 0)])
                for s in derived.chain(node)
            } - {-1}
            found.append(frozenset(used))
            gone |= used

    def _thinned(
        self, seeds: Ints, nodes: Sequence[int], works: frozenset[int], until: float
    ) -> frozenset[int]:
        """A repair without the changes that it does not need, the dearest tried first."""
        kept = set(works)
        for change in sorted(works, key=lambda c: (-self.costs[c], c)):
            if time.monotonic() > until:
                break
            derived = self._search(seeds, frozenset(kept - {change}))
            if not any(derived.holds(n) for n in nodes):
                kept.remove(change)
        return frozenset(kept)

    def _least(
        self, derivations: Sequence[frozenset[int]], seconds: float, before: float
    ) -> tuple[frozenset[int], float]:
        """The least changes that meet every derivation found so far, and a bound on their cost."""
        if not derivations:
            return frozenset(), 0.0
        used = sorted(frozenset().union(*derivations))
        place = {change: i for i, change in enumerate(used)}
        rows = [i for i, d in enumerate(derivations) for _ in d]
        columns = [place[c] for d in derivations for c in sorted(d)]
        meets = csr_array(
            (np.ones(len(rows)), (rows, columns)), shape=(len(derivations), len(used))
        )
        costs: npt.NDArray[np.float64] = np.array([self.costs[c] for c in used])
        solved = milp(
            costs,
            integrality=np.ones(len(used), np.int32),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(meets, lb=1),
            options={"time_limit": seconds},
        )
        if solved.x is None:
            return frozenset(used), before
        chosen = frozenset(c for c, x in zip(used, solved.x, strict=True) if x > 0.5)
        bound = solved.mip_dual_bound if solved.mip_dual_bound is not None else before
        return chosen, max(before, float(bound))

    def _is_cut(self, seeds: Ints, nodes: Sequence[int], made: frozenset[int]) -> bool:
        """Whether the closure of the graph without the facts taken away holds no target."""
        whole = self.graph.graph
        left = ~np.isin(self.change_of, np.array(sorted(made), np.int32))
        edge, rule = left[: len(whole.source)], left[len(whole.source) :]
        repaired = Graph(
            whole.nodes,
            whole.source[edge],
            whole.target[edge],
            whole.first[rule],
            whole.second[rule],
            whole.then[rule],
        )
        held = close(Index.of(repaired), [seeds])
        return not held.of(np.array(nodes, np.int64), 0).any()

    def _table(self, made: frozenset[int]) -> pa.Table:
        rows = []
        for change in sorted(made, key=lambda c: self.changes[c]):
            facts = np.flatnonzero(self.change_of_fact == change)
            what, of = self.changes[change]
            origin = self.graph.fact["origin"][int(facts[0])].as_py()
            rows.append(
                {
                    "change": what,
                    "of": of,
                    "means": self._words.change(of),
                    "cost": self.costs[change],
                    "facts": len(facts),
                    "origin": origin,
                }
            )
        return REPAIR.from_rows(rows)
