"""Does the separation hold: what of the core a hostile vendor comes to control, read or stop.

The same graph is closed over what is known, and over what is possible when every unknown is open.
What the first holds is `breached`; what not even the second holds, `holds`; between them it is
`unknown`, and the unknowns that decide it are told, the most decisive first: for each one how much
is breached if it alone turns out so, and how much holds if it alone turns out not so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ringfence.exposure.arrays import Flags, Ints
from ringfence.exposure.closure import WORD, Held, Index, close, close_words
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
from ringfence.exposure.told import Ask, Words, asks, listed
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
        Column("means", Type.TEXT, "What is held then, in words and by name"),
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
ASKED = Table(
    "asked",
    "facts of one sort to collect, and what they decide together",
    ("ask",),
    (
        Column("ask", Type.TEXT, "What to ask", required=True),
        Column("table", Type.TEXT, "The table of the model the answers belong in"),
        Column("column", Type.TEXT, "The column of it"),
        Column("facts", Type.INTEGER, "How many there are", required=True, minimum=1),
        Column("of", Type.TEXT, "Of what, the most decisive first"),
        Column("breaches", Type.INTEGER, "Answers that are breached if all of them turn out so",
               required=True, minimum=0),
        Column("settles", Type.INTEGER, "Answers that hold if none of them turns out so",
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
READS = (*(t.name for t in NETWORK_TABLES), "opening", "fact", "scope")

CASES_AT_ONCE = 512
"""Wider passes take more memory (64 bytes a component) and hardly less time a case."""


@dataclass(frozen=True, slots=True)
class ExposureParameters:
    """Who is hostile, with which powers at first, on which day; chains are told of so many answers."""

    vendors: tuple[str, ...]
    profiles: tuple[Profile, ...]
    as_of: date
    chains: int = 200


@step(reads=READS, writes=("exposed", "chain", "decider", "asked", "affected_people"), version=2)
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
        self.seeds = list(seeds_of(network, parameters))
        self.targets = _targets(network)
        self.words = Words(network)

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

    def _known_with_all_open(self, case: str | None) -> Ints:
        """The nodes held at first that are known to be, and every unknown of a fact open."""
        held = [
            f"control element {s.element}"
            for s in self.seeds
            if s.case in (None, case) and s.unknown is None
        ]
        numbers = np.concatenate([self.graph.number(held), self.graph.open_nodes])
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

    def _varied(
        self,
        sets: Sequence[frozenset[str]],
        nodes: Ints,
        case: str | None,
        every: frozenset[str],
        *,
        is_closed: bool,
    ) -> Flags:
        """Whether each node is held with each set alone open, or alone closed among `every`.

        Tens of thousands of cases differ in a bit or two: the words are made from what they share.
        """
        component = self.index.component
        place = {unknown: i for i, unknown in enumerate(sorted(every))}
        which, opened = self._opened_by(place, case)
        base = component[self.held_at_first(case, frozenset())]
        found = np.zeros((len(nodes), len(sets)), np.bool_)
        there = np.flatnonzero(nodes >= 0)
        for start in range(0, len(sets), CASES_AT_ONCE):
            block = sets[start : start + CASES_AT_ONCE]
            bits = np.zeros((len(place), -(-len(block) // WORD) * WORD), np.bool_)
            bits[:, : len(block)] = is_closed
            for number, one in enumerate(block):
                bits[[place[u] for u in one], number] = not is_closed
            of_unknown = np.packbits(bits, axis=1, bitorder="little").view(np.uint64)
            words = np.zeros((self.index.components, of_unknown.shape[1]), np.uint64)
            words[base] = ~np.uint64(0)
            np.bitwise_or.at(words, component[opened], of_unknown[which])
            close_words(self.index, words)
            rows = words[component[nodes[there]]].view(np.uint8)
            held = np.unpackbits(rows, axis=1, bitorder="little")[:, : len(block)]
            found[there, start : start + len(block)] = held
        return found

    def _opened_by(self, place: Mapping[str, int], case: str | None) -> tuple[Ints, Ints]:
        """Pairs of an unknown, by its place, and a node that is held at first where it is open."""
        names = [(place[u], open_node(u)) for u in place]
        names += [
            (place[s.unknown], f"control element {s.element}")
            for s in self.seeds
            if s.unknown is not None and s.unknown in place and s.case in (None, case)
        ]
        which = np.array([unknown for unknown, _ in names], np.int32)
        opened = self.graph.number([name for _, name in names])
        return which[opened >= 0], opened[opened >= 0]

    # The answer

    def answer(self) -> dict[str, pa.Table]:
        """The five tables."""
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
        decider, asked = self._deciders(nodes, breached, may, possible, cases)
        return {
            "exposed": _sorted(EXPOSED, rows),
            "chain": _sorted(CHAIN, chains),
            "decider": decider,
            "asked": asked,
            "affected_people": self._people(cases),
        }

    def _chains(
        self, nodes: Ints, known: Flags, possible: Flags, cases: Sequence[str | None]
    ) -> tuple[list[dict[str, object]], dict[int, int], dict[int, str | None]]:
        """The shortest chains, breached ones first; how long each is, and in which case.

        Of an answer that is unknown the chain is the shortest from what is known to be the vendor's,
        where there is one: that the core itself may be the vendor's is told only where there is none.
        """
        derivations = Derivations(self.graph.graph)
        derived: dict[tuple[int, str], Derived] = {}

        def search(case: int, first: str) -> Derived:
            if (case, first) not in derived:
                at_first = {
                    "known": lambda: self.held_at_first(cases[case], frozenset()),
                    "open": lambda: self._known_with_all_open(cases[case]),
                    "all": lambda: self.held_at_first(cases[case], None),
                }[first]()
                derived[case, first] = derivations.search(at_first)
            return derived[case, first]

        rows: list[dict[str, object]] = []
        steps: dict[int, int] = {}
        decisive: dict[int, str | None] = {}
        order = sorted(np.flatnonzero(possible.any(axis=1)), key=lambda i: (not known[i].any(), i))
        for target in map(int, order):
            is_known = bool(known[target].any())
            case = int(np.argmax((known if is_known else possible)[target]))
            node = int(nodes[target])
            found = search(case, "known" if is_known else "open")
            if not found.holds(node):
                found = search(case, "all")
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
                    "means": self.words.held(held),
                    "unknown": seed.unknown,
                    "origin": seed.origin,
                }
                number += 1
        for one in steps:
            # The meeting of two premises is no step of its own: the rule is told where it concludes.
            if one.is_rule and one.conclusion >= len(self.graph.nodes):
                continue
            fact = self.graph.of_step(is_rule=one.is_rule, number=one.number)
            yield {**of, "step": number, **fact, "means": self.words.held(fact["conclusion"])}
            number += 1

    def _seed_of(self, element: str) -> Seed:
        fits = [s for s in self.seeds if s.element == element]
        return min(fits, key=lambda s: (s.unknown is not None, s.profile))

    def _says(self, profile: str) -> str:
        return next(p.says for p in self.parameters.profiles if p.id == profile)

    def _deciders(
        self, nodes: Ints, breached: Flags, may: Flags, possible: Flags, cases: Sequence[str | None]
    ) -> tuple[pa.Table, pa.Table]:
        """What each unknown decides, opened alone and closed alone; and those of one sort together."""
        open_answers = may & ~breached
        if not open_answers.any():
            return DECIDER.empty(), ASKED.empty()
        case = cases[int(np.argmax(possible[open_answers].sum(axis=0)))]
        every = frozenset(self._relevant(nodes[open_answers], case))
        unknowns = sorted(every)
        sorts = asks(unknowns)
        sets = [frozenset({u}) for u in unknowns] + [frozenset(of) for of in sorts.values()]
        alone = self._varied(sets, nodes, case, every, is_closed=False)
        without = self._varied(sets, nodes, case, every, is_closed=True)
        breaches = (alone & open_answers[:, None]).sum(axis=0).tolist()
        settles = (~without & open_answers[:, None]).sum(axis=0).tolist()
        single = len(unknowns)
        decided = sorted(
            zip(unknowns, breaches[:single], settles[:single], strict=True),
            key=lambda d: (-(d[1] + d[2]), d[0]),
        )
        rank = {unknown: place for place, (unknown, _, _) in enumerate(decided)}
        together = [
            self._asked(ask, text, sorted(of, key=lambda u: rank[u]), breach, settle)
            for ((ask, text), of), breach, settle in zip(
                sorts.items(), breaches[single:], settles[single:], strict=True
            )
        ]
        together.sort(key=lambda row: (-(row["breaches"] + row["settles"]), row["ask"]))
        return (
            DECIDER.from_rows(dict(zip(DECIDER.names, one, strict=True)) for one in decided),
            ASKED.from_rows(together),
        )

    def _asked(
        self, ask: Ask | None, text: str, unknowns: list[str], breaches: int, settles: int
    ) -> dict[str, Any]:
        """A row of `asked`."""
        subjects = [self.words.subject(u) for u in unknowns]
        return {
            "ask": ask.says.format(listed(subjects)) if ask else text,
            "table": ask.table if ask else None,
            "column": ask.column if ask else None,
            "facts": len(unknowns),
            "of": ", ".join(subjects),
            "breaches": breaches,
            "settles": settles,
        }

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
        rows = self._served()
        at = {r["site"]: r["people"] for r in rows}
        told = []
        for effect in ("read", "stop"):
            low, high = self.people_of(effect, cases, rows)
            told.append(
                {
                    "effect": effect,
                    "people_low": max(low),
                    "people_high": max(high),
                    "total": sum(v or 0.0 for v in at.values()),
                    "not_stated": sum(1 for v in at.values() if v is None),
                }
            )
        return AFFECTED.from_rows(told)

    def _served(self) -> list[dict[str, Any]]:
        """The elements that serve people, with the people at their site."""
        serving = pa.table({"kind": sorted({k for kinds in SERVING.values() for k in kinds})})
        served = self.network.and_these({"serving": serving}).query(
            "WITH people AS (SELECT site, max(people) AS people FROM demand WHERE to_site IS NULL "
            "GROUP BY site) SELECT DISTINCT e.id AS element, e.site, coalesce(e.operator, s.operator) "
            "AS operator, p.people FROM element e JOIN function f ON f.element = e.id "
            "JOIN serving k ON k.kind = f.kind JOIN site s ON s.id = e.site "
            "LEFT JOIN people p ON p.site = e.site"
        )
        rows: list[dict[str, Any]] = served.to_pylist()
        return rows

    def people_of(
        self, effect: str, cases: Sequence[str | None], rows: list[dict[str, Any]] | None = None
    ) -> tuple[list[float], list[float]]:
        """People whose traffic could be read or stopped in each case: as is known, and at most."""
        served = self._served() if rows is None else rows
        at = {r["site"]: r["people"] for r in served}
        names = [f"{effect} element {r['element']}" for r in served]
        names += [f"{effect} operator {r['operator']}" for r in served]
        nodes = self.graph.number(names)
        people: list[list[float]] = []
        for opened in (frozenset[str](), None):
            held = self._reached([(c, opened) for c in cases], nodes)
            of_row = held[: len(served)] | held[len(served) :]
            people.append([])
            for case in range(len(cases)):
                pairs = zip(served, of_row[:, case], strict=True)
                sites = {r["site"] for r, is_so in pairs if is_so}
                people[-1].append(sum(at[s] or 0.0 for s in sorted(sites)))
        return people[0], people[1]

    def verdicts_of(self, cases: Sequence[str | None]) -> list[dict[str, int]]:
        """How many answers are breached, unknown and hold in each case."""
        nodes = self.graph.number([f"{t['effect']} element {t['element']}" for t in self.targets])
        known = self._reached([(c, frozenset()) for c in cases], nodes)
        may = self._reached([(c, None) for c in cases], nodes)
        return [
            {
                "breached": int(known[:, i].sum()),
                "unknown": int((may[:, i] & ~known[:, i]).sum()),
                "holds": int((~may[:, i]).sum()),
            }
            for i in range(len(cases))
        ]


def seeds_of(network: Tables, parameters: ExposureParameters) -> Iterator[Seed]:
    """What the hostile hold at first, or may hold."""
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
