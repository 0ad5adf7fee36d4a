"""Does the separation hold: the chapter, from the tables of the exposure room.

A reader sees the answer first, then how many people it is about, then how it could be done, step
by step to the line of the input file, then what to ask for and what to change. For each threat
profile the same, as a separation may hold against a vendor's software and not against its support.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

import pyarrow as pa

from ringfence.errors import RingfenceError
from ringfence.report.exhibits import Annex, Figure, Twin
from ringfence.report.repairs import Mended, mended
from ringfence.report.rings import EFFECTS, SHOWN_AS
from ringfence.report.way_in import VERDICTS, Rows, Steps, way_in
from ringfence.report.words import (
    between,
    counted,
    listed,
    number,
    sentence,
    share_range,
    shortened,
    verb,
)

CHAINS_WRITTEN = 12
"""Chains written out for each profile; all of them are a command away."""

_KINDS_SHOWN = 30
_ASKS_SHOWN = 12
_ORIGINS_SHOWN = 6
_LONGEST_TEXT = 600
_VERBS = {
    "control": "it comes to control",
    "read": "it comes to read what passes through",
    "stop": "it can stop",
}


@dataclass(frozen=True, slots=True)
class Separation:
    """What was asked of a vendor with one set of threat profiles, and all that was found.

    The tables are those of the exposure room: `exposed`, `chain` with its sentences, `asked`,
    `affected_people`, `ring`, `repair` and `repaired`. `pack` is the one whose list, of the title
    `core`, draws the core. `cost` is that of the repair found, `lower`
    what none can cost less than. `names` are those of elements by key. Raises `RingfenceError`
    where a table breaks its declaration.
    """

    profile: str
    assumes: tuple[str, ...]
    core: str
    pack: str
    exposed: pa.Table
    chain: pa.Table
    asked: pa.Table
    people: pa.Table
    ring: pa.Table
    changes: pa.Table
    repaired: pa.Table
    cost: float
    lower: float
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The exposure room loads its compiler, which those who ask nothing of it need not wait for.
        from ringfence.exposure import cuts, exposed, rings  # noqa: PLC0415

        declared = {
            "exposed": exposed.EXPOSED,
            "chain": exposed.CHAIN,
            "asked": exposed.ASKED,
            "people": exposed.AFFECTED,
            "ring": rings.RING,
            "changes": cuts.REPAIR,
            "repaired": cuts.REPAIRED,
        }
        for name, table in declared.items():
            data = getattr(self, name)
            if absent := [c for c in table.names if c not in data.schema.names]:
                raise RingfenceError(
                    f"the report's {name} table lacks the column {', '.join(absent)}",
                    where=self.profile,
                )
            object.__setattr__(self, name, table.conform(data))
        if not (math.isfinite(self.cost) and 0 <= self.lower <= self.cost + 1e-9):
            raise RingfenceError(
                f"a repair costs {self.cost} and none less than {self.lower}", where=self.profile
            )
        for row in self.people.to_pylist():
            low, high, total = (row[c] for c in ("people_low", "people_high", "total"))
            if not 0 <= (low or 0) <= (high or 0) <= (total or 0) + 1e-6:
                raise RingfenceError(
                    f"the people run from {low} to {high} of {total}", where=self.profile
                )

    @property
    def is_cut_off(self) -> bool:
        """Whether a limit of work was met: a fact was not tried, or a repair not proved the least."""
        is_tried = all(r["tried"] >= r["facts"] for r in self.asked.to_pylist())
        return not is_tried or self.cost > self.lower + 1e-9


@dataclass(frozen=True, slots=True)
class Line:
    """An answer, how many elements have it, and how far the nearest of them is."""

    verdict: str
    count: str
    words: str

    @property
    def mark(self) -> str:
        """Its mark among those of the page."""
        return SHOWN_AS[self.verdict]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chain, with what it rests on."""

    number: int
    means: str
    because: str
    only_if: str
    origins: tuple[str, ...]
    origins_left_out: int
    cites: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The shortest chain to an answer."""

    verdict: str
    says: str
    element: str
    steps: tuple[Step, ...]

    @property
    def mark(self) -> str:
        """Its answer's mark among those of the page."""
        return SHOWN_AS[self.verdict]


@dataclass(frozen=True, slots=True)
class Asked:
    """The chapter's part on one set of profiles."""

    anchor: str
    profile: str
    assumes: str
    core: str
    verdict: str | None
    says: str
    counts: Mapping[str, int]
    elements: int
    people: tuple[str, ...]
    people_in_short: str
    shares: tuple[str, str]
    ring: Figure | None
    ring_rows: tuple[tuple[str, ...], ...]
    functions: tuple[tuple[str, int, tuple[tuple[Line, ...], ...]], ...]
    functions_left_out: int
    functions_twin: Twin | None
    facts: tuple[tuple[str, ...], ...]
    facts_left_out: int
    facts_note: str
    mended: Mended | None
    chains: tuple[Chain, ...]
    chains_left_out: int
    command: str

    @property
    def mark(self) -> str:
        """The mark of the answer for the whole."""
        return SHOWN_AS[self.verdict] if self.verdict else "none"


def separations(
    given: Sequence[Separation], annex: Annex, *, vendor: str, command: str
) -> tuple[Asked, ...]:
    """Make the chapter; its tables go to the annex.

    `command` is what a reader runs for the chains that are left out, but for the profile.
    """
    return tuple(
        _asked(
            one,
            annex,
            vendor,
            f"{command} --core {quote(one.pack)} --profile {quote(one.profile.replace(' ', ''))}",
            at,
        )
        for at, one in enumerate(given, 1)
    )


def in_a_sentence(asked: Sequence[Asked]) -> str:
    """What the first page says of it: for each profile the answer, and the people."""
    if not asked:
        return "Whether the separation holds was not asked."
    said = []
    for one in asked:
        if one.verdict is None:
            said.append(sentence(f"Assumed {one.profile}: {one.says[:1].lower()}{one.says[1:]}"))
            continue
        total = sum(one.counts.values())
        of = f"of {number(total)} answers on {counted(one.elements, 'core element')}"
        said.append(
            f"Assumed {one.profile}: {_LEADS[one.verdict]}; {of}, {_counts(one.counts)}. "
            f"{one.people_in_short}"
        )
    return " ".join(said)


_LEADS = {
    "breached": "the separation is breached",
    "unknown": "whether the separation holds is unknown",
    "holds": "the separation holds",
}


def _counts(counts: Mapping[str, int]) -> str:
    return listed(
        f"{number(counts[v])} {v if v != 'holds' else verb(counts[v], 'holds', 'hold')}"
        for v in VERDICTS
        if counts[v]
    )


def _asked(one: Separation, annex: Annex, vendor: str, command: str, at: int) -> Asked:
    exposed = one.exposed.to_pylist()
    counts = {v: sum(r["verdict"] == v for r in exposed) for v in VERDICTS}
    elements = len({r["element"] for r in exposed})
    verdict = next((v for v in VERDICTS if counts[v]), None)
    steps = _steps_of(one)
    figure, ring_rows = way_in(one, exposed, steps, annex, key=f"ring-{at}", vendor=vendor)
    functions, twin = _functions(exposed, one, annex)
    facts, left_out, note = _facts(one)
    chains = _chains(one, exposed, steps)
    return Asked(
        anchor=f"separation-{at}",
        profile=one.profile,
        assumes=" ".join(sentence(a) for a in one.assumes),
        core=one.core,
        verdict=verdict,
        says=_whole(verdict, counts, elements),
        counts=counts,
        elements=elements,
        people=tuple(_people(one)),
        people_in_short=_people_in_short(one),
        shares=_shares(one),
        ring=figure,
        ring_rows=ring_rows,
        functions=functions[:_KINDS_SHOWN],
        functions_left_out=max(0, len(functions) - _KINDS_SHOWN),
        functions_twin=twin,
        facts=facts,
        facts_left_out=left_out,
        facts_note=note,
        mended=mended(one, verdict, annex, f"repair-{at}"),
        chains=chains[:CHAINS_WRITTEN],
        chains_left_out=len({(r["element"], r["effect"]) for r in exposed if r["steps"] is not None})
        - len(chains[:CHAINS_WRITTEN]),
        command=command,
    )  # fmt: skip


def _steps_of(one: Separation) -> Steps:
    steps: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in one.chain.to_pylist():
        steps[row["element"], row["effect"]].append(row)
    return {key: sorted(rows, key=lambda r: r["step"]) for key, rows in steps.items()}


def _whole(verdict: str | None, counts: Mapping[str, int], elements: int) -> str:
    if verdict is None:
        return "No element is stated to perform a core function, so there is nothing to answer."
    total = sum(counts.values())
    core = counted(elements, "core element")
    return f"Of {number(total)} answers (to control, to read, to stop each of {core}), {_counts(counts)}."


def _people(one: Separation) -> Iterable[str]:
    """A sentence for each effect: numerator, denominator, and the part not known."""
    for row in one.people.to_pylist():
        verb_of = _ED[row["effect"]]
        total, low, high = (row[c] or 0.0 for c in ("total", "people_low", "people_high"))
        lacking = row["not_stated"] or 0
        states = f"{counted(lacking, 'site')} with radio or access equipment {verb(lacking, 'states', 'state')} no people"
        if not total:
            yield (
                f"Of how many people the traffic could be {verb_of} is not determined: "
                + (states if lacking else "no site serves people")
                + "."
            )
            continue
        share = between(low / total, high / total)
        known = f"{number(low)} of {number(total)} as is known"
        more = (
            f", {number(high - low)} more if what is not stated turns out so" if high > low else ""
        )
        yield (
            f"Traffic that could be {verb_of}: that of {share} of the people ({known}{more}"
            + (f"; {states}" if lacking else "")
            + ")."
        )


def _people_in_short(one: Separation) -> str:
    rows = [row for row in one.people.to_pylist() if row["total"]]
    if not rows:
        return "How many people it is about is not determined."
    total, lacking = (max(row[c] or 0 for row in rows) for c in ("total", "not_stated"))
    shares = [
        (between(*((row[c] or 0) / row["total"] for c in ("people_low", "people_high"))), row)
        for row in rows
    ]
    (first, row), *others = shares
    said = [f"the traffic of {first} of {number(total)} people could be {_ED[row['effect']]}"]
    said += [f"that of {share} {_ED[row['effect']]}" for share, row in others]
    more = (
        f" ({counted(lacking, 'site')} {verb(lacking, 'states', 'state')} none)" if lacking else ""
    )
    return sentence(", ".join(said) + more)


_ED = {"read": "read", "stop": "stopped"}


def _shares(one: Separation) -> tuple[str, str]:
    found = {}
    for row in one.people.to_pylist():
        low, high, total = (row[c] or 0.0 for c in ("people_low", "people_high", "total"))
        found[row["effect"]] = (
            f"{share_range(low / total, high / total)} of {number(total)}"
            if total
            else "not determined"
        )
    return found.get("read", "not determined"), found.get("stop", "not determined")


# The tables


def _functions(
    exposed: Rows, one: Separation, annex: Annex
) -> tuple[tuple[tuple[str, int, tuple[tuple[Line, ...], ...]], ...], Twin | None]:
    """Each function with its answers to each effect, the gravest first; all of them in the twin.

    Functions that have the same answers at the same distances share a row.
    """
    if not exposed:
        return (), None
    cells: dict[tuple[str, str, str], list[int | None]] = defaultdict(list)
    elements: dict[str, set[str]] = defaultdict(set)
    for row in exposed:
        cells[row["kind"], row["effect"], row["verdict"]].append(row["steps"])
        elements[row["kind"]].add(row["element"])

    def lines(kinds: Sequence[str], effect: str) -> tuple[Line, ...]:
        found = []
        for verdict in VERDICTS:
            steps = [s for kind in kinds for s in cells.get((kind, effect, verdict), ())]
            if not steps:
                continue
            near = min((s for s in steps if s is not None), default=None)
            far = "" if near is None else f"from {counted(near, 'step')}"
            found.append(Line(verdict, number(len(steps)), far))
        return tuple(found)

    def weight(kind: str) -> tuple[object, ...]:
        graves = [-sum(len(cells.get((kind, e, v), ())) for e in EFFECTS) for v in VERDICTS[:2]]
        return *graves, kind

    def alike(kind: str) -> object:
        return tuple(
            (
                effect,
                verdict,
                min((s for s in cells[kind, effect, verdict] if s is not None), default=-1),
            )
            for effect in EFFECTS
            for verdict in VERDICTS
            if (kind, effect, verdict) in cells
        )

    order = sorted(elements, key=weight)
    groups: dict[object, list[str]] = defaultdict(list)
    for kind in order:
        groups[alike(kind)].append(kind)
    rows = tuple(
        (
            listed(sorted(kinds)),
            len(set[str]().union(*(elements[kind] for kind in kinds))),
            tuple(lines(kinds, effect) for effect in EFFECTS),
        )
        for kinds in groups.values()
    )
    twin = annex.add(
        f"Answers by core function, {one.profile}",
        ("Function", "Elements", *(f"To {e}" for e in EFFECTS)),
        [
            (
                kind,
                number(len(elements[kind])),
                *(
                    "; ".join(f"{i.verdict} {i.count} {i.words}".strip() for i in lines([kind], e))
                    for e in EFFECTS
                ),
            )
            for kind in order
        ],
        figures=range(1, 2),
        note=f"Core as listed by {one.core}.",
    )
    return rows, twin


def _facts(one: Separation) -> tuple[tuple[tuple[str, ...], ...], int, str]:
    rows = one.asked.to_pylist()
    decisive = [r for r in rows if r["breaches"] or r["settles"]] or rows
    facts = tuple(
        (
            shortened(r["ask"], _LONGEST_TEXT),
            number(r["facts"]),
            f"{r['table']}.{r['column']}" if r["table"] else "",
            "not tried" if r["breaches"] is None else number(r["breaches"]),
            "not tried" if r["settles"] is None else number(r["settles"]),
        )
        for r in decisive[:_ASKS_SHOWN]
    )
    facts_of, tried = (sum(r[c] for r in rows) for c in ("facts", "tried"))
    note = (
        f"{number(tried)} of {number(facts_of)} facts were also tried one by one before the limit "
        "of work was met; the others were tried together with their sort only."
        if tried < facts_of
        else ""
    )
    return facts, len(decisive) - len(facts), note


# The chains


def _chains(one: Separation, exposed: Rows, steps: Steps) -> tuple[Chain, ...]:
    """The chains, to answers of different functions first; to what is the vendor's own last."""
    own = {r["element"] for r in exposed if r["effect"] == "control" and r["steps"] == 0}
    told = sorted(
        (r for r in exposed if (r["element"], r["effect"]) in steps),
        key=lambda r: (r["steps"], r["kind"], EFFECTS.index(r["effect"]), r["element"]),
    )
    seen: Counter[tuple[str, str, str]] = Counter()
    rank: list[tuple[int, bool, int, int]] = []
    for place, row in enumerate(told):
        of = (row["verdict"], row["kind"], row["effect"])
        grave = VERDICTS.index(row["verdict"])
        rank.append((grave, row["element"] in own, seen[of], place))
        seen[of] += row["element"] not in own
    order = [told[place] for *_, place in sorted(rank)]
    return tuple(
        Chain(
            verdict=row["verdict"],
            says=f"{_VERBS[row['effect']]} the {row['kind']} "
            f"{one.names.get(row['element']) or row['element']}",
            element=row["element"],
            steps=tuple(_step(s) for s in steps[row["element"], row["effect"]]),
        )
        for row in order
    )


def _step(row: Mapping[str, Any]) -> Step:
    from ringfence.exposure.told import plainly  # noqa: PLC0415  # see Separation

    origins = [o for o in (row["origin"] or "").splitlines() if o.strip()]
    return Step(
        number=row["step"],
        means=shortened(row["means"] or row["conclusion"], _LONGEST_TEXT),
        because=f"{shortened(row['says'] or '', _LONGEST_TEXT)} ({row['rule']})".strip(),
        only_if=shortened(plainly(row["unknown"]), _LONGEST_TEXT) if row["unknown"] else "",
        origins=tuple(shortened(o, _LONGEST_TEXT) for o in origins[:_ORIGINS_SHOWN]),
        origins_left_out=max(0, len(origins) - _ORIGINS_SHOWN),
        cites=row["cites"] or "",
    )
