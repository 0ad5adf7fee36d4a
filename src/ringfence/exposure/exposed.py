"""Does the separation hold: what of the core a hostile vendor comes to control, read or stop.

The same graph is closed over what is known, and over what is possible when every unknown is open.
What the first holds is `breached`; what not even the second holds, `holds`; between them it is
`unknown`, and the unknowns that decide it are told, the most decisive first: for each one how much
is breached if it alone turns out so, and how much holds if it alone turns out not so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ringfence.exposure.closure import Flags, Held, Index, Ints, close
from ringfence.exposure.control import (
    EFFECTS,
    FACT,
    PowerGraph,
    Powers,
    Profile,
    jail_for,
    open_node,
)
from ringfence.exposure.proofs import Derivations, Derived
from ringfence.network.functions import SERVING
from ringfence.network.model import NETWORK_TABLES
from ringfence.network.ownership import group
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables
from ringfence.store.tables import Column, Table, Type

VERDICTS = ("breached", "unknown", "holds")

EXPOSED = Table(
    "exposed",
    "the answer for one core function and one effect",
    ("element", "kind", "effect"),
    (
        Column("element", Type.TEXT, "The element that performs the function", required=True,
               refers_to="element"),
        Column("kind", Type.TEXT, "The function", required=True),
        Column("operator", Type.TEXT, "Whose it is", refers_to="operator"),
        Column("effect", Type.TEXT, "What the vendor would come to do", required=True,
               one_of=EFFECTS),
        Column("verdict", Type.TEXT, "Whether it comes to it", required=True, one_of=VERDICTS),
        Column("steps", Type.INTEGER, "Steps of the shortest chain, where there is one", minimum=0),
        Column("case", Type.TEXT, "Where one of many cases was enough, that one"),
    ),
)  # fmt: skip
CHAIN = Table(
    "chain",
    "one step of the shortest chain to a core function",
    ("element", "effect", "step"),
    (
        Column("element", Type.TEXT, "The core element the chain leads to", required=True,
               refers_to="element"),
        Column("effect", Type.TEXT, "What the vendor would come to do", required=True,
               one_of=EFFECTS),
        Column("step", Type.INTEGER, "Its number; 0 is what is held at first", required=True,
               minimum=0),
        Column("rule", Type.TEXT, "The power or the profile it is a case of", required=True),
        Column("says", Type.TEXT, "That power as a sentence"),
        Column("premise", Type.TEXT, "What is held before"),
        Column("also", Type.TEXT, "What is held before as well, where two are needed"),
        Column("conclusion", Type.TEXT, "What is held then", required=True),
        Column("unknown", Type.TEXT, "The unknown that this step takes to be so"),
        Column("cites", Type.TEXT, "Who says that there is such a power"),
        Column("origin", Type.TEXT, "Where the fact was read"),
    ),
)  # fmt: skip
DECIDER = Table(
    "decider",
    "a fact nobody stated that an answer hangs on",
    ("unknown",),
    (
        Column("unknown", Type.TEXT, "The fact to collect", required=True),
        Column("breaches", Type.INTEGER, "Answers that are breached if it alone turns out so",
               required=True, minimum=0),
        Column("settles", Type.INTEGER, "Answers that hold if it alone turns out not so",
               required=True, minimum=0),
    ),
)  # fmt: skip
AFFECTED = Table(
    "affected_people",
    "people whose traffic could be read or stopped",
    ("effect",),
    (
        Column("effect", Type.TEXT, "What could be done to their traffic", required=True,
               one_of=("read", "stop")),
        Column("people_low", Type.DECIMAL, "People at sites where it is known"),
        Column("people_high", Type.DECIMAL, "And at those where it is possible"),
        Column("total", Type.DECIMAL, "People at all sites that state how many"),
        Column("not_stated", Type.INTEGER, "Sites with a radio or access element that state none"),
    ),
)  # fmt: skip
READS = (*(t.name for t in NETWORK_TABLES), "fact", "scope")

CASES_AT_ONCE = 512
"""Wider passes take more memory (64 bytes a component) and hardly less time a case."""


@dataclass(frozen=True, slots=True)
class ExposureParameters:
    """Who is hostile, with which powers at first, on which day; chains are told of so many answers."""

    vendors: tuple[str, ...]
    profiles: tuple[Profile, ...]
    as_of: date
    chains: int = 200


@step(reads=READS, writes=("exposed", "chain", "decider", "affected_people"), version=1)
def exposure(network: Tables, parameters: ExposureParameters) -> Answer:
    """Close the powers of the network for hostile vendors; `scope` says which kinds are core."""
    return Exposure(network, parameters).answer()


@dataclass(frozen=True, slots=True)
class Seed:
    """An element that is held at first, or may be."""

    element: str
    profile: str
    unknown: str | None
    case: str | None
    origin: str | None


class Exposure:
    """One network, one graph, and what the hostile hold at first."""

    def __init__(
        self,
        network: Tables,
        parameters: ExposureParameters,
        index: tuple[PowerGraph, Index] | None = None,
    ) -> None:
        """`index` is a graph made ready before, of the same facts."""
        self.network = network
        self.parameters = parameters
        self.graph = index[0] if index else PowerGraph(FACT.conform(network["fact"]))
        self.index = index[1] if index else Index.of(self.graph.graph)
        self.seeds = list(_seeds(network, parameters))
        self.targets = _targets(network)

    # What is held

    def _cases(self) -> list[str | None]:
        found: list[str | None] = [*sorted({s.case for s in self.seeds if s.case})]
        return found or [None]

    def held_at_first(self, case: str | None, unknowns: frozenset[str] | None) -> Ints:
        """The nodes held at first in a case in which these unknowns are open; None is all."""
        held = [
            f"control element {s.element}"
            for s in self.seeds
            if s.case in (None, case)
            and (s.unknown is None or unknowns is None or s.unknown in unknowns)
        ]
        if unknowns is None:
            opened = self.graph.open_nodes
        else:
            opened = self.graph.number([open_node(u) for u in sorted(unknowns)])
        numbers = np.concatenate([self.graph.number(held), opened])
        return numbers[numbers >= 0]

    def known_at_first(self) -> Ints:
        """What is known to be held at first, in whichever case."""
        cases: list[str | None] = [None, *(s.case for s in self.seeds if s.case)]
        return np.unique(np.concatenate([self.held_at_first(c, frozenset()) for c in set(cases)]))

    def named_targets(self) -> list[tuple[str, int]]:
        """Each core answer by name, with its node."""
        names = [f"{t['effect']} {t['kind']} {t['element']}" for t in self.targets]
        return list(zip(names, self._target_nodes().tolist(), strict=True))

    def _held(self, cases: Sequence[tuple[str | None, frozenset[str] | None]]) -> Iterator[Held]:
        for start in range(0, len(cases), CASES_AT_ONCE):
            block = cases[start : start + CASES_AT_ONCE]
            yield close(self.index, [self.held_at_first(*one) for one in block])

    def _target_nodes(self) -> Ints:
        return self.graph.number([f"{t['effect']} element {t['element']}" for t in self.targets])

    def _reached(
        self, cases: Sequence[tuple[str | None, frozenset[str] | None]], nodes: Ints
    ) -> npt.NDArray[np.bool_]:
        """For each node and case whether it is held; a node that no fact speaks of, only at first."""
        there = nodes >= 0
        found = np.zeros((len(nodes), len(cases)), np.bool_)
        done = 0
        for held in self._held(cases):
            for case in range(held.cases):
                found[there, done + case] = held.of(nodes[there], case)
            done += held.cases
        return found

    # The answer

    def answer(self) -> dict[str, pa.Table]:
        """The four tables."""
        nodes = self._target_nodes()
        cases = self._cases()
        none: frozenset[str] = frozenset()
        known = self._reached([(c, none) for c in cases], nodes)
        possible = self._reached([(c, None) for c in cases], nodes)
        breached: Flags = np.any(known, axis=1)
        may: Flags = np.any(possible, axis=1)
        verdicts = np.where(breached, "breached", np.where(may, "unknown", "holds")).tolist()
        chains, steps, decisive = self._chains(nodes, known, possible, cases)
        rows = [
            {**target, "verdict": verdict, "steps": steps.get(i), "case": decisive.get(i)}
            for i, (target, verdict) in enumerate(zip(self.targets, verdicts, strict=True))
        ]
        return {
            "exposed": _sorted(EXPOSED, rows),
            "chain": _sorted(CHAIN, chains),
            "decider": self._deciders(nodes, breached, may, possible, cases),
            "affected_people": self._people(cases),
        }

    def _chains(
        self, nodes: Ints, known: Flags, possible: Flags, cases: Sequence[str | None]
    ) -> tuple[list[dict[str, object]], dict[int, int], dict[int, str | None]]:
        """The shortest chains, breached ones first; how long each is, and in which case."""
        derivations = Derivations(self.graph.graph)
        derived: dict[tuple[int, bool], Derived] = {}
        rows: list[dict[str, object]] = []
        steps: dict[int, int] = {}
        decisive: dict[int, str | None] = {}
        order = sorted(np.flatnonzero(possible.any(axis=1)), key=lambda i: (not known[i].any(), i))
        for target in map(int, order):
            is_known = bool(known[target].any())
            case = int(np.argmax((known if is_known else possible)[target]))
            if (case, is_known) not in derived:
                opened: frozenset[str] | None = frozenset() if is_known else None
                at_first = self.held_at_first(cases[case], opened)
                derived[case, is_known] = derivations.search(at_first)
            found = derived[case, is_known]
            node = int(nodes[target])
            steps[target] = int(found.depth[node])
            decisive[target] = cases[case]
            if len(steps) <= self.parameters.chains:
                rows += self._chain(self.targets[target], found, node)
        return rows, steps, decisive

    def _chain(
        self, target: dict[str, Any], derived: Derived, node: int
    ) -> Iterator[dict[str, object]]:
        of = {"element": target["element"], "effect": target["effect"]}
        steps = derived.chain(node)
        concluded = {s.conclusion for s in steps}
        first = {p for s in steps for p in s.premises if p not in concluded} or {node}
        number = 0
        for held in sorted(self.graph.name(p) or "" for p in first):
            if held.startswith("control element "):
                seed = self._seed_of(held.removeprefix("control element "))
                yield {
                    **of,
                    "step": number,
                    "rule": seed.profile,
                    "says": self._says(seed.profile),
                    "conclusion": held,
                    "unknown": seed.unknown,
                    "origin": seed.origin,
                }
                number += 1
        for one in steps:
            # The meeting of two premises is no step of its own: the rule is told where it concludes.
            if one.is_rule and one.conclusion >= len(self.graph.nodes):
                continue
            fact = self.graph.of_step(is_rule=one.is_rule, number=one.number)
            yield {**of, "step": number, **fact}
            number += 1

    def _seed_of(self, element: str) -> Seed:
        fits = [s for s in self.seeds if s.element == element]
        return min(fits, key=lambda s: (s.unknown is not None, s.profile))

    def _says(self, profile: str) -> str:
        return next(p.says for p in self.parameters.profiles if p.id == profile)

    def _deciders(
        self, nodes: Ints, breached: Flags, may: Flags, possible: Flags, cases: Sequence[str | None]
    ) -> pa.Table:
        """What each unknown decides: opened alone, and closed alone."""
        open_answers = may & ~breached
        if not open_answers.any():
            return DECIDER.empty()
        case = cases[int(np.argmax(possible[open_answers].sum(axis=0)))]
        every = frozenset(self._relevant(nodes[open_answers], case))
        unknowns = sorted(every)
        alone = self._reached([(case, frozenset({u})) for u in unknowns], nodes)
        others = [(case, every - {u}) for u in unknowns]
        without = self._reached(others, nodes)
        breaches = (alone & open_answers[:, None]).sum(axis=0).tolist()
        settles = (~without & open_answers[:, None]).sum(axis=0).tolist()
        decided = sorted(
            zip(unknowns, breaches, settles, strict=True), key=lambda d: (-(d[1] + d[2]), d[0])
        )
        return DECIDER.from_rows(dict(zip(DECIDER.names, one, strict=True)) for one in decided)

    def _relevant(self, targets: Ints, case: str | None) -> list[str]:
        """The unknowns that some derivation of a target may rest on."""
        graph = self.graph.graph
        held = close(self.index, [self.held_at_first(case, None)])
        is_held = held.of(np.arange(graph.nodes), 0)
        edge = is_held[graph.source]
        rule = is_held[graph.first] & is_held[graph.second]
        # Backwards: who could lead to a target, through facts that can come about.
        back = Index.of(
            type(graph)(
                graph.nodes,
                np.concatenate([graph.target[edge], graph.then[rule], graph.then[rule]]),
                np.concatenate([graph.source[edge], graph.first[rule], graph.second[rule]]),
                *(np.empty(0, np.int32) for _ in range(3)),
            )
        )
        leads = close(back, [targets[targets >= 0]]).of(np.arange(graph.nodes), 0)
        opened = leads[self.graph.open_nodes]
        found = {u for u, is_so in zip(self.graph.unknowns, opened, strict=True) if is_so}
        maybe = [s for s in self.seeds if s.unknown is not None and s.case in (None, case)]
        numbers = self.graph.number([f"control element {s.element}" for s in maybe])
        found |= {
            str(s.unknown) for s, n in zip(maybe, numbers, strict=True) if n >= 0 and leads[n]
        }
        return sorted(found)

    def _people(self, cases: Sequence[str | None]) -> pa.Table:
        """People at the sites whose serving elements, or whose operator, could be read or stopped."""
        serving = pa.table({"kind": sorted({k for kinds in SERVING.values() for k in kinds})})
        served = self.network.and_these({"serving": serving}).query(
            "WITH people AS (SELECT site, max(people) AS people FROM demand WHERE to_site IS NULL "
            "GROUP BY site) SELECT DISTINCT e.id AS element, e.site, coalesce(e.operator, s.operator) "
            "AS operator, p.people FROM element e JOIN function f ON f.element = e.id "
            "JOIN serving k ON k.kind = f.kind JOIN site s ON s.id = e.site "
            "LEFT JOIN people p ON p.site = e.site"
        )
        rows = served.to_pylist()
        at = {r["site"]: r["people"] for r in rows}
        told = []
        for effect in ("read", "stop"):
            names = [f"{effect} element {r['element']}" for r in rows]
            names += [f"{effect} operator {r['operator']}" for r in rows]
            nodes = self.graph.number(names)
            people = []
            for opened in (frozenset[str](), None):
                held = self._reached([(c, opened) for c in cases], nodes)
                of_row = held[: len(rows)] | held[len(rows) :]
                most = 0.0
                for case in range(len(cases)):
                    sites = {
                        r["site"] for r, is_so in zip(rows, of_row[:, case], strict=True) if is_so
                    }
                    most = max(most, sum(at[s] or 0.0 for s in sites))
                people.append(most)
            told.append(
                {
                    "effect": effect,
                    "people_low": people[0],
                    "people_high": people[1],
                    "total": sum(v or 0.0 for v in at.values()),
                    "not_stated": sum(1 for v in at.values() if v is None),
                }
            )
        return AFFECTED.from_rows(told)


def _seeds(network: Tables, parameters: ExposureParameters) -> Iterator[Seed]:
    hostile = sorted({v for one in parameters.vendors for v in group(one, network)})
    tables = network.and_these({"hostile": pa.table({"vendor": pa.array(hostile, pa.string())})})
    with jail_for(tables, [profile.select for profile in parameters.profiles]) as jail:
        for profile in parameters.profiles:
            named = {"as_of": parameters.as_of} if "$as_of" in profile.select else None
            rows = jail.select(profile.select, named, where=f"profile {profile.id}")
            for row in rows.to_pylist():
                case = row.get("each") if profile.each else None
                yield Seed(row["held"], profile.id, row.get("unknown"), case, row["origin"])


def _targets(network: Tables) -> list[dict[str, Any]]:
    """Each core function with each effect."""
    rows = network.query(
        "SELECT DISTINCT f.element, f.kind, coalesce(e.operator, s.operator) AS operator "
        "FROM function f JOIN scope c ON c.kind = f.kind AND c.scope = 'in' "
        "JOIN element e ON e.id = f.element LEFT JOIN site s ON s.id = e.site ORDER BY ALL"
    ).to_pylist()
    return [{**row, "effect": effect} for row in rows for effect in EFFECTS]


def with_sentences(chain: pa.Table, powers: Powers) -> pa.Table:
    """The chain with each rule's sentence and citations."""
    rules = {rule.id: rule for rule in powers.rules}
    rows = []
    for row in chain.to_pylist():
        rule = rules.get(row["rule"])
        if rule is not None:
            row |= {
                "says": rule.says,
                "cites": "; ".join(f"{c.document}, {c.section}" for c in rule.cites),
            }
        rows.append(row)
    return CHAIN.from_rows(rows)


def _sorted(table: Table, rows: Sequence[dict[str, object]]) -> pa.Table:
    return table.from_rows(rows).sort_by([(key, "ascending") for key in table.key])
