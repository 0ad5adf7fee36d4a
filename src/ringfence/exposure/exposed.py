"""Does the separation hold: what of the core a hostile vendor comes to control, read or stop.

The same graph is closed over what is known, and over what is possible when every unknown is open.
What the first holds is `breached`; what not even the second holds, `holds`; between them it is
`unknown`, and the unknowns that decide it are told, the most decisive first: for each one how much
is breached if it alone turns out so, and how much holds if it alone turns out not so.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np
import pyarrow as pa

from ringfence.exposure.arrays import Flags, Ints
from ringfence.exposure.closure import WORD, Index, close, close_words
from ringfence.exposure.control import (
    EFFECTS,
    FACT,
    PowerGraph,
    Powers,
    Profile,
    open_node,
)
from ringfence.exposure.limits import WORK, Limit
from ringfence.exposure.proofs import Derivations, Derived
from ringfence.exposure.seeds import Seed as Seed  # noqa: PLC0414 (others take it from here)
from ringfence.exposure.seeds import seeds_of as seeds_of  # noqa: PLC0414 (the same)
from ringfence.exposure.told import TOLD, Ask, Words, asks, listed
from ringfence.network.functions import SERVING
from ringfence.network.model import NETWORK_TABLES
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
        Column("breaches", Type.INTEGER, "Answers that are breached if all of them turn out so; "
               "null where there was no time to try", minimum=0),
        Column("settles", Type.INTEGER, "Answers that hold if none of them turns out so; null "
               "where there was no time to try", minimum=0),
        Column("tried", Type.INTEGER, "How many of them were tried one by one", required=True,
               minimum=0),
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
        Column("share_low", Type.DECIMAL,
               "The first as a share of the total; null where there is none or sites state none",
               minimum=0, maximum=1),
        Column("share_high", Type.DECIMAL, "And at most", minimum=0, maximum=1),
    ),
)  # fmt: skip
READS = (*(t.name for t in NETWORK_TABLES), "place", "opening", "fact", "scope")

ANY_OPERATOR = "whichever operator"
"""Who holds the traffic of this one holds that of any; a power says so where none is stated."""

CASES_AT_ONCE = 512
"""Wider passes take more memory (64 bytes a component) and hardly less time a case."""


@dataclass(frozen=True, slots=True)
class ExposureParameters:
    """Who is hostile, with which powers at first, on which day; chains are told of so many answers.

    `work` is what may be spent on the facts that decide.
    """

    vendors: tuple[str, ...]
    profiles: tuple[Profile, ...]
    as_of: date
    chains: int = 200
    work: int = WORK


@step(reads=READS, writes=("exposed", "chain", "decider", "asked", "affected_people"), version=3)
def exposure(network: Tables, parameters: ExposureParameters) -> Answer:
    """Close the powers of the network for hostile vendors; `scope` says which kinds are core."""
    return Exposure(network, parameters).answer(Limit(parameters.work))


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

    @cached_property
    def words(self) -> Words:
        """The names of the network's things; made when a chain is first told."""
        return Words(self.network)

    # What is held

    def cases(self) -> list[str | None]:
        """The cases of which the worst counts; where there are none, the one that is not named."""
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

    def known_with_all_open(self, case: str | None) -> Ints:
        """The nodes held at first that are known to be, and every unknown of a fact open."""
        held = [
            f"control element {s.element}"
            for s in self.seeds
            if s.case in (None, case) and s.unknown is None
        ]
        numbers = np.concatenate([self.graph.number(held), self.graph.open_nodes])
        return numbers[numbers >= 0]

    def named_targets(self) -> list[tuple[str, int]]:
        """Each core answer by name, with its node."""
        names = [f"{t['effect']} {t['kind']} {t['element']}" for t in self.targets]
        return list(zip(names, self._target_nodes().tolist(), strict=True))

    def _target_nodes(self) -> Ints:
        return self.graph.number([f"{t['effect']} element {t['element']}" for t in self.targets])

    def _reached(self, cases: Sequence[str | None], nodes: Ints, *, is_open: bool) -> Flags:
        """For each node and case whether it is held, with every unknown open or with none.

        What is not held where all cases are one is held in none of them, so that of a hundred
        thousand sites that come to nothing one search says so.
        """
        found = np.zeros((len(nodes), len(cases)), np.bool_)
        seeds = [s for s in self.seeds if is_open or s.unknown is None]
        at_first = self.graph.number([f"control element {s.element}" for s in seeds])
        opened = self.graph.open_nodes if is_open else np.empty(0, np.int32)
        seeds = [s for s, number in zip(seeds, at_first, strict=True) if number >= 0]
        at_first = at_first[at_first >= 0]
        there = np.flatnonzero(nodes >= 0)
        if len(cases) > CASES_AT_ONCE:
            asked = set(cases)
            some = np.array([s.case is None or s.case in asked for s in seeds], np.bool_)
            whole = close(self.index, [np.concatenate([at_first[some], opened])])
            there = there[whole.of(nodes[there], 0)]
        if not len(there):
            return found
        place = {case: i for i, case in enumerate(cases)}
        which = np.array([-1 if s.case is None else place.get(s.case, -2) for s in seeds], np.int64)
        component = self.index.component
        for start in range(0, len(cases), CASES_AT_ONCE):
            many = min(CASES_AT_ONCE, len(cases) - start)
            words = np.zeros((self.index.components, -(-many // WORD)), np.uint64)
            # In every case of the block; the bits beyond the last case are asked of by nobody.
            words[component[np.concatenate([at_first[which == -1], opened])]] = ~np.uint64(0)
            here = (which >= start) & (which < start + many)
            bit = which[here] - start
            np.bitwise_or.at(
                words,
                (component[at_first[here]], bit // WORD),
                np.uint64(1) << (bit % WORD).astype(np.uint64),
            )
            close_words(self.index, words)
            rows = words[component[nodes[there]]].view(np.uint8)
            held = np.unpackbits(rows, axis=1, bitorder="little")[:, :many]
            found[there, start : start + many] = held
        return found

    def _varied(
        self,
        sets: Sequence[frozenset[str]],
        nodes: Ints,
        case: str | None,
        every: frozenset[str],
        *,
        is_closed: bool,
    ) -> Iterator[Flags]:
        """Whether each node is held with each set alone open, or alone closed among `every`.

        Tens of thousands of cases differ in a bit or two: the words are made from what they share.
        They come a block at a time, each worked out when it is asked for.
        """
        component = self.index.component
        place = {unknown: i for i, unknown in enumerate(sorted(every))}
        which, opened = self._opened_by(place, case)
        base = component[self.held_at_first(case, frozenset())]
        there = np.flatnonzero(nodes >= 0)
        for start in range(0, len(sets), CASES_AT_ONCE):
            block = sets[start : start + CASES_AT_ONCE]
            found = np.zeros((len(nodes), len(block)), np.bool_)
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
            found[there] = np.unpackbits(rows, axis=1, bitorder="little")[:, : len(block)]
            yield found

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

    def answer(self, limit: Limit | None = None) -> dict[str, pa.Table]:
        """The five tables; of the facts that decide, those there was time to try."""
        nodes = self._target_nodes()
        cases = self.cases()
        known = self._reached(cases, nodes, is_open=False)
        possible = self._reached(cases, nodes, is_open=True)
        breached: Flags = np.any(known, axis=1)
        may: Flags = np.any(possible, axis=1)
        verdicts = _verdicts(breached, may)
        chains, steps, decisive = self._chains(nodes, known, possible, cases)
        rows = [
            {**target, "verdict": verdict, "steps": steps.get(i), "case": decisive.get(i)}
            for i, (target, verdict) in enumerate(zip(self.targets, verdicts, strict=True))
        ]
        decider, asked = self._deciders(nodes, may & ~breached, possible, cases, limit or Limit())
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
        Where they are more than are told of, the shortest are, those to its own elements last.
        """
        derivations = Derivations(self.graph.graph)
        derived: dict[tuple[int, str], Derived] = {}

        def search(case: int, first: str) -> Derived:
            if (case, first) not in derived:
                at_first = {
                    "known": lambda: self.held_at_first(cases[case], frozenset()),
                    "open": lambda: self.known_with_all_open(cases[case]),
                    "all": lambda: self.held_at_first(cases[case], None),
                }[first]()
                derived[case, first] = derivations.search(at_first)
            return derived[case, first]

        steps: dict[int, int] = {}
        decisive: dict[int, str | None] = {}
        told: list[tuple[bool, int, Derived]] = []
        for target in np.flatnonzero(possible.any(axis=1)).tolist():
            is_known = bool(known[target].any())
            case = int(np.argmax((known if is_known else possible)[target]))
            node = int(nodes[target])
            found = search(case, "known" if is_known else "open")
            if not found.holds(node):
                found = search(case, "all")
            steps[target] = int(found.depth[node])
            decisive[target] = cases[case]
            told.append((is_known, target, found))
        own = {s.element for s in self.seeds if s.unknown is None}
        told.sort(key=lambda t: (not t[0], self.targets[t[1]]["element"] in own, steps[t[1]], t[1]))
        rows = [
            row
            for _, target, found in told[: self.parameters.chains]
            for row in self._chain(self.targets[target], found, int(nodes[target]))
        ]
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
            if one.is_rule and self.graph.name(one.conclusion) is None:
                continue
            fact = self.graph.of_step(is_rule=one.is_rule, number=one.number)
            means = self.words.held(fact["conclusion"])
            yield {**of, "step": number, **fact, "means": means, "says": self.words.alike(fact)}
            number += 1

    def _seed_of(self, element: str) -> Seed:
        fits = [s for s in self.seeds if s.element == element]
        return min(fits, key=lambda s: (s.unknown is not None, s.profile))

    def _says(self, profile: str) -> str:
        return next(p.says for p in self.parameters.profiles if p.id == profile)

    def _deciders(
        self,
        nodes: Ints,
        open_answers: Flags,
        possible: Flags,
        cases: Sequence[str | None],
        limit: Limit,
    ) -> tuple[pa.Table, pa.Table]:
        """What each unknown decides, opened alone and closed alone; and those of one sort together.

        Those of one sort together come first, then each by itself, what more powers hang on before
        what fewer do: where time is short, the first that are tried are the likeliest to decide.
        """
        if not open_answers.any():
            return DECIDER.empty(), ASKED.empty()
        case = cases[int(np.argmax(possible[open_answers].sum(axis=0)))]
        every = frozenset(self._relevant(nodes[open_answers], case))
        sorts = asks(every)
        unknowns = self._by_use(every, case)
        sets = [*map(frozenset, sorts.values()), *(frozenset({u}) for u in unknowns)]
        blocks = zip(
            self._varied(sets, nodes, case, every, is_closed=False),
            self._varied(sets, nodes, case, every, is_closed=True),
            strict=True,
        )
        breaches: list[int] = []
        settles: list[int] = []
        size = len(self.graph.graph.source) + len(self.graph.graph.then)
        while len(breaches) < len(sets) and not limit.is_over:
            alone, without = next(blocks)
            breaches += (alone & open_answers[:, None]).sum(axis=0).tolist()
            settles += (~without & open_answers[:, None]).sum(axis=0).tolist()
            limit.spend(2 * size * CASES_AT_ONCE // WORD)
        decided = sorted(
            zip(unknowns, breaches[len(sorts) :], settles[len(sorts) :], strict=False),
            key=lambda d: (-(d[1] + d[2]), d[0]),
        )
        rank = {unknown: place for place, (unknown, _, _) in enumerate(decided)}
        together = [
            self._asked(ask, text, sorted(of, key=lambda u: rank.get(u, len(rank))), rank)
            | {"breaches": breach, "settles": settle}
            for ((ask, text), of), breach, settle in zip_longest(
                sorts.items(), breaches[: len(sorts)], settles[: len(sorts)]
            )
        ]
        together.sort(key=lambda r: (-((r["breaches"] or 0) + (r["settles"] or 0)), r["ask"]))
        return (
            DECIDER.from_rows(dict(zip(DECIDER.names, one, strict=True)) for one in decided),
            ASKED.from_rows(together),
        )

    def _by_use(self, unknowns: frozenset[str], case: str | None) -> list[str]:
        """The unknowns, those on which most powers hang first."""
        graph = self.graph.graph
        names = sorted(unknowns)
        which, opened = self._opened_by({u: i for i, u in enumerate(names)}, case)
        premises = np.concatenate([graph.source, graph.first, graph.second])
        uses = np.bincount(premises, minlength=graph.nodes)
        of = np.bincount(which, weights=uses[opened], minlength=len(names))
        return [names[i] for i in np.argsort(-of, kind="stable").tolist()]

    def _asked(
        self, ask: Ask | None, text: str, unknowns: Sequence[str], tried: Container[str]
    ) -> dict[str, Any]:
        """A row of `asked`, without what was found of it."""
        subjects = [s for u in unknowns for s in self.words.subjects(u)]
        return {
            "ask": ask.says.format(listed(subjects)) if ask else text,
            "table": ask.table if ask else None,
            "column": ask.column if ask else None,
            "facts": len(subjects),
            "of": listed(subjects, TOLD),
            "tried": sum(len(self.words.subjects(u)) for u in unknowns if u in tried),
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
        total = sum(v or 0.0 for v in at.values())
        not_stated = sum(1 for v in at.values() if v is None)
        is_share = total > 0 and not not_stated
        for effect in ("read", "stop"):
            low, high = map(max, self.people_of(effect, cases, rows))
            told.append(
                {
                    "effect": effect,
                    "people_low": low,
                    "people_high": high,
                    "total": total,
                    "not_stated": not_stated,
                    "share_low": low / total if is_share else None,
                    "share_high": high / total if is_share else None,
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
        at = {r["site"]: r["people"] or 0.0 for r in served}
        sites = sorted(at)
        amounts = np.array([at[s] for s in sites])
        place = {site: i for i, site in enumerate(sites)}
        site = np.array([place[r["site"]] for r in served], np.int64)
        is_nobodys = np.array([r["operator"] is None for r in served], np.bool_)
        operators = sorted({r["operator"] for r in served if r["operator"] is not None})
        names = [f"{effect} element {r['element']}" for r in served]
        names += [f"{effect} operator {r['operator']}" for r in served]
        names += [f"{effect} operator {one}" for one in (ANY_OPERATOR, *operators)]
        nodes = self.graph.number(names)
        many = len(served)
        people: list[list[float]] = []
        for is_open in (False, True):
            held = self._reached(cases, nodes, is_open=is_open)
            of_row = held[:many] | held[many : 2 * many] | held[2 * many]
            if is_open:
                # What is of no stated operator may be of any.
                of_row |= is_nobodys[:, None] & held[2 * many :].any(axis=0)
            people.append(
                [float(amounts[np.unique(site[of_row[:, i]])].sum()) for i in range(len(cases))]
            )
        return people[0], people[1]

    def verdicts(self) -> list[str]:
        """The answer to each of `targets`."""
        cases = self.cases()
        nodes = self._target_nodes()
        breached: Flags = np.any(self._reached(cases, nodes, is_open=False), axis=1)
        may: Flags = np.any(self._reached(cases, nodes, is_open=True), axis=1)
        return _verdicts(breached, may)

    def verdicts_of(self, cases: Sequence[str | None]) -> list[dict[str, int]]:
        """How many answers are breached, unknown and hold in each case."""
        nodes = self.graph.number([f"{t['effect']} element {t['element']}" for t in self.targets])
        known = self._reached(cases, nodes, is_open=False)
        may = self._reached(cases, nodes, is_open=True)
        return [
            {
                "breached": int(known[:, i].sum()),
                "unknown": int((may[:, i] & ~known[:, i]).sum()),
                "holds": int((~may[:, i]).sum()),
            }
            for i in range(len(cases))
        ]


def _verdicts(breached: Flags, may: Flags) -> list[str]:
    found: list[str] = np.where(breached, "breached", np.where(may, "unknown", "holds")).tolist()
    return found


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
                "says": "; ".join(said for said in (rule.says, row["says"]) if said),
                "cites": "; ".join(f"{c.document}, {c.section}" for c in rule.cites),
            }
        rows.append(row)
    return CHAIN.from_rows(rows)


def _sorted(table: Table, rows: Sequence[dict[str, object]]) -> pa.Table:
    return table.from_rows(rows).sort_by([(key, "ascending") for key in table.key])
