"""The cheapest repair: the least costly changes after which nothing hostile reaches the core.

A change takes facts of the graph away: a filter the passage from a place to an opening, protection
the use of an element's open service, a manager of its own the power of another's. What is wanted
is a set of changes that meets every derivation of a core answer, at least cost: a hitting set, and
with two-premise rules no flow problem any more. It is solved by turns. A program over the
derivations found so far says which changes are the least that can do, which is a proved lower
bound; a search of the graph without them finds derivations that they miss. When it finds none,
the bound is met. Each turn also makes a repair that does work, so that there is an answer at any
time, with how far from the least it may be.

What the repair is worth is then asked of the network without the powers it takes away, from the
beginning: every answer before and after, also of those that hang on what nobody stated.

Hitting sets by turns: R. Karp and E. Moreno-Centeno, "The implicit hitting set approach",
Operations Research 61(2) (2013).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from ringfence.exposure.arrays import Flags, Ints
from ringfence.exposure.closure import Graph, Index, close
from ringfence.exposure.control import EFFECTS, PowerGraph, PowerRule
from ringfence.exposure.exposed import (
    CASES_AT_ONCE,
    READS,
    VERDICTS,
    Exposure,
    ExposureParameters,
)
from ringfence.exposure.limits import Limit
from ringfence.exposure.proofs import Derivations, Derived
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables
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
REPAIRED = Table(
    "repaired",
    "an answer before the repair and after it",
    ("element", "kind", "effect"),
    (
        Column("element", Type.TEXT, "The element that performs the function", required=True,
               refers_to="element"),
        Column("kind", Type.TEXT, "The function", required=True),
        Column("effect", Type.TEXT, "What the vendor would come to do", required=True,
               one_of=EFFECTS),
        Column("before", Type.TEXT, "Whether it comes to it", required=True, one_of=VERDICTS),
        Column("after", Type.TEXT, "Whether it does in the repaired network", required=True,
               one_of=VERDICTS),
        Column("is_preventable", Type.BOOLEAN, "Some change prevents it; null where what is known "
               "does not come to it"),
        Column("is_own", Type.BOOLEAN, "The element is the vendor's at first, as is known",
               required=True),
    ),
)  # fmt: skip
BOUND = Table(
    "repair_bound",
    "what the repair costs, and what none can cost less than",
    ("cost",),
    (
        Column("cost", Type.DECIMAL, "The cost of the repair found", required=True, minimum=0),
        Column("lower", Type.DECIMAL, "Proved: no repair costs less", required=True, minimum=0),
    ),
)

NODES_OF_A_PROGRAM = 20_000
"""Branches of one program over derivations; enough for all but the largest, and counted, so that
without a clock the same network is cut off at the same place."""


@dataclass(frozen=True, slots=True)
class RepairParameters:
    """Who is hostile and with what; the rules say what takes a power away and at what cost."""

    ask: ExposureParameters
    rules: tuple[PowerRule, ...]


@step(reads=READS, writes=("repair", "repaired", "repair_bound"), version=1)
def repair(network: Tables, parameters: RepairParameters) -> Answer:
    """Find the cheapest repair, as far as the work goes that may be spent on it."""
    return repaired(network, parameters, Limit(parameters.ask.work))


def repaired(network: Tables, parameters: RepairParameters, limit: Limit) -> dict[str, pa.Table]:
    """The tables of `repair`, cut off at a limit."""
    exposure = Exposure(network, parameters.ask)
    cuts = Cuts(exposure, parameters.rules)
    firsts = [exposure.held_at_first(case, frozenset()) for case in exposure.cases()]
    found = cuts.cheapest(firsts, exposure.named_targets(), limit)
    left = PowerGraph(cuts.facts_without(found.made))
    after = Exposure(network, parameters.ask, (left, Index.of(left.graph)))
    own = {s.element for s in exposure.seeds if s.unknown is None}
    answers = [
        {
            **{c: target[c] for c in ("element", "kind", "effect")},
            "before": before,
            "after": then,
            "is_preventable": name not in found.beyond if before == "breached" else None,
            "is_own": target["element"] in own,
        }
        for target, (name, _), before, then in zip(
            exposure.targets,
            exposure.named_targets(),
            exposure.verdicts(),
            after.verdicts(),
            strict=True,
        )
    ]
    by_key = [(key, "ascending") for key in REPAIRED.key]
    return {
        "repair": found.changes,
        "repaired": REPAIRED.from_rows(answers).sort_by(by_key),
        "repair_bound": BOUND.from_rows([{"cost": found.cost, "lower": found.lower}]),
    }


@dataclass(frozen=True, slots=True)
class Repair:
    """The best repair found, and what it is worth.

    `lower` is proved: no repair costs less. `answers` has each core answer before and after.
    """

    changes: pa.Table
    answers: pa.Table
    cost: float
    lower: float

    @classmethod
    def of(cls, tables: Tables) -> "Repair":
        """The repair that the step `repair` found."""
        (bound,) = tables["repair_bound"].to_pylist()
        return cls(tables["repair"], tables["repaired"], bound["cost"], bound["lower"])

    @property
    def is_least(self) -> bool:
        """Whether no cheaper repair exists."""
        return self.cost <= self.lower + _ROUNDING

    @property
    def beyond(self) -> list[dict[str, object]]:
        """The breached answers that no change we know of prevents."""
        return [r for r in self.answers.to_pylist() if r["is_preventable"] is False]

    @property
    def is_checked(self) -> bool:
        """Whether in the repaired network nothing is breached that some change prevents."""
        return not any(
            r["is_preventable"] and r["after"] == "breached" for r in self.answers.to_pylist()
        )


_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Cut:
    """The changes found, by their numbers and as a table; `beyond` are targets none prevents."""

    made: frozenset[int]
    changes: pa.Table
    cost: float
    lower: float
    beyond: frozenset[str]


class Cuts:
    """The changes that there are in one graph, and the search for the least of them."""

    def __init__(self, exposure: Exposure, rules: Sequence[PowerRule]) -> None:
        self.graph: PowerGraph = exposure.graph
        self._words = exposure.words
        self._size = len(self.graph.graph.source) + len(self.graph.graph.then)
        self.derivations = Derivations(self.graph.graph)
        self._name_changes({rule.id: rule for rule in rules})

    def _name_changes(self, rules: Mapping[str, PowerRule]) -> None:
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

    def cheapest(
        self, firsts: Sequence[Ints], targets: Sequence[tuple[str, int]], limit: Limit
    ) -> Cut:
        """The least costly changes after which no target, given by name and node, is held.

        `firsts` are what is held at first in each case; each case is one of its own, and no
        repair is needed against two of them together.
        """
        named = [(name, node) for name, node in targets if node >= 0]
        nodes = [node for _, node in named]
        reached: Flags = np.any(self._held_after(firsts, nodes, frozenset()), axis=1)
        # What is held even when all changes are made, no change prevents.
        all_made = self._held_after(firsts, nodes, range(len(self.changes)))
        bare: Flags = np.any(all_made, axis=1)
        beyond = frozenset(name for (name, _), is_so in zip(named, bare, strict=True) if is_so)
        goals = [n for n, was, is_so in zip(nodes, reached, bare, strict=True) if was and not is_so]
        derivations: list[frozenset[int]] = []
        best: frozenset[int] | None = None
        lower = 0.0
        while goals:
            chosen, lower = self._least(derivations, limit.seconds_left, lower)
            # Asked here as well, since the clock may have cut the program off.
            is_over = limit.is_over
            missed = self._missed(firsts, goals, chosen, limit)
            derivations += missed
            works = self._thinned(firsts, goals, chosen.union(*missed), limit)
            if best is None or self._cost(works) < self._cost(best):
                best = works
            if not missed or self._cost(best) <= lower + _ROUNDING or is_over or limit.is_over:
                break
        made = best or frozenset()
        return Cut(made, self._table(made), self._cost(made), lower, beyond)

    def facts_without(self, made: frozenset[int]) -> pa.Table:
        """The facts that are left when changes are made."""
        gone = np.isin(self.change_of_fact, np.array(sorted(made), np.int32))
        return self.graph.fact.filter(pa.array(~gone))

    def _cost(self, changes: frozenset[int]) -> float:
        return float(sum(self.costs[c] for c in changes))

    def _gone(self, made: Sequence[int] | frozenset[int] | range) -> Flags:
        """A flag for each edge, then for each rule, that changes take away."""
        is_made = np.zeros(len(self.changes) + 1, np.bool_)
        is_made[list(made)] = True
        gone: Flags = is_made[self.change_of]
        return gone

    def _held_after(
        self, firsts: Sequence[Ints], nodes: Sequence[int], made: frozenset[int] | range
    ) -> Flags:
        """For each node and case whether it is held when changes are made."""
        gone = self._gone(made)
        if len(firsts) == 1:
            derived = self.derivations.search(firsts[0], gone)
            return np.array([[derived.holds(n)] for n in nodes], np.bool_).reshape(-1, 1)
        whole = self.graph.graph
        edge, rule = ~gone[: len(whole.source)], ~gone[len(whole.source) :]
        index = Index.of(
            Graph(
                whole.nodes,
                whole.source[edge],
                whole.target[edge],
                whole.first[rule],
                whole.second[rule],
                whole.then[rule],
            )
        )
        found = np.zeros((len(nodes), len(firsts)), np.bool_)
        for start in range(0, len(firsts), CASES_AT_ONCE):
            held = close(index, firsts[start : start + CASES_AT_ONCE])
            for case in range(held.cases):
                found[:, start + case] = held.of(np.array(nodes, np.int64), case)
        return found

    def _missed(
        self,
        firsts: Sequence[Ints],
        goals: Sequence[int],
        chosen: frozenset[int],
        limit: Limit,
    ) -> list[frozenset[int]]:
        """Derivations that the chosen changes leave, until taking all of them away leaves none.

        They are apart from each other, which gives a better bound; where time is out, those of all
        goals are taken at once, which ends sooner.
        """
        found: list[frozenset[int]] = []
        gone = set(chosen)
        while True:
            held = self._held_after(firsts, goals, frozenset(gone))
            limit.spend(self._size)
            hit = np.flatnonzero(np.any(held, axis=0))
            if not len(hit):
                return found
            while True:
                derived = self.derivations.search(firsts[int(hit[0])], self._gone(frozenset(gone)))
                limit.spend(self._size)
                there = sorted(
                    (n for n in goals if derived.holds(n)), key=lambda n: derived.depth[n]
                )
                if not there:
                    break
                for node in there if limit.is_over else there[:1]:
                    found.append(self._used(derived, node))
                    gone |= found[-1]

    def _used(self, derived: Derived, node: int) -> frozenset[int]:
        """The changes that each take away a step of a chain."""
        edges = len(self.graph.graph.source)
        steps = (s.number + (edges if s.is_rule else 0) for s in derived.chain(node))
        return frozenset(int(self.change_of[s]) for s in steps) - {-1}

    def _thinned(
        self, firsts: Sequence[Ints], goals: Sequence[int], works: frozenset[int], limit: Limit
    ) -> frozenset[int]:
        """A repair without the changes that it does not need, the dearest tried first."""
        kept = set(works)
        for change in sorted(works, key=lambda c: (-self.costs[c], c)):
            if limit.is_over:
                break
            limit.spend(self._size)
            if not self._held_after(firsts, goals, frozenset(kept - {change})).any():
                kept.remove(change)
        return frozenset(kept)

    def _least(
        self, derivations: Sequence[frozenset[int]], seconds: float | None, before: float
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
            options={
                "node_limit": NODES_OF_A_PROGRAM,
                "time_limit": np.inf if seconds is None else max(0.1, seconds),
            },
        )
        if solved.x is None:
            return frozenset(used), before
        chosen = frozenset(c for c, x in zip(used, solved.x, strict=True) if x > 0.5)
        bound = solved.mip_dual_bound if solved.mip_dual_bound is not None else before
        return chosen, max(before, float(bound))

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
