"""What the law says, on each date asked, and what was found, each finding with its proof."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from shlex import quote

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.report import charts
from ringfence.report.assessment import STATES, Assessment, Law
from ringfence.report.exhibits import Annex, Figure, Twin
from ringfence.report.words import (
    NONE,
    NOT_STATED,
    alike,
    counted,
    day,
    listed,
    number,
    sentence,
    shortened,
)

OPERATORS_ACROSS = 6
"""More operators than this do not fit across a page; they are then listed by answer."""

FINDINGS_IN_ALL = 1000
"""However many rules there are, no more findings than this are written out."""

_NAMES_LISTED = 12
_NAME_LENGTH = 60
_ORIGINS_SHOWN = 8
_LONGEST_TEXT = 700
_MOMENTS_SHOWN = 24
_RULES_NAMED = 4
_EVENTS = ("read", "asked", "begins", "due")
_EVENT_WORDS = {
    "read": "the network as it was read",
    "asked": "the law of this day was asked",
    "begins": "comes into force",
    "due": "falls due, and is a breach or not known if nothing changes",
}
_NOBODY = "No operator stated"
_OPEN = ("breach", "unknown", "due")
_SEVERITIES = ("high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Line:
    """An answer and what goes with it: `breach`, `12 subjects`."""

    state: str
    words: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule, with one cell a column; a cell may hold several answers, gravest first.

    `note` is what is to be said of the rule as a whole.
    """

    rule: str
    title: str
    cells: tuple[tuple[Line, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One law on one date: how many of its rules have which answer as their gravest."""

    law: Law
    is_main: bool
    rules: dict[str, int]
    twin: Twin

    @property
    def standing(self) -> str:
        """The standing in a few words; in full it heads the law's own table."""
        return shortened(self.law.legal_status, 120)

    @property
    def total(self) -> int:
        """Rules in force on that date."""
        return sum(self.rules.values())


@dataclass(frozen=True, slots=True)
class Pack:
    """One law on all its dates. `rows` has one cell an operator, or one an answer if `by_answer`."""

    title: str
    main: Standing
    columns: tuple[str, ...]
    by_answer: bool
    rows: tuple[RuleRow, ...]
    dates: tuple[Standing, ...]
    date_rows: tuple[RuleRow, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the list of dates."""

    number: int
    on: date
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Answers:
    """The chapter on the law."""

    packs: tuple[Pack, ...]
    overview: Figure | None
    events: tuple[Event, ...]
    events_left_out: int
    strip: str


@dataclass(frozen=True, slots=True)
class Proof:
    """One finding, with the places in the input that it rests on."""

    state: str
    subject_table: str
    subject: str
    operator: str | None
    because: str | None
    due: str | None
    severity: str | None
    rests_on: tuple[str, ...]
    origins_left_out: int


@dataclass(frozen=True, slots=True)
class RuleFindings:
    """What was found open under one rule: all counted, the gravest written out."""

    rule: str
    title: str
    anchor: str
    counts: dict[str, int]
    citations: tuple[str, ...]
    legal_status: tuple[str, ...]
    proofs: tuple[Proof, ...]
    left_out: int
    command: str


def answers(assessment: Assessment, annex: Annex) -> Answers:
    """Make the chapter on the law; the full answers of each date go to the annex."""
    by_pack: dict[str, list[Law]] = {}
    for law in assessment.laws:
        by_pack.setdefault(law.pack, []).append(law)
    packs = tuple(_pack(laws, assessment, annex) for laws in by_pack.values())
    standings = tuple(s for p in packs for s in p.dates)
    events = _events(assessment)
    shown = events[:_MOMENTS_SHOWN]
    moments = [charts.Moment(e.on, e.kind, e.number, e.words) for e in shown]
    said = "; ".join(f"{e.number}. {day(e.on)}: {e.words}" for e in shown)
    return Answers(
        packs=packs,
        overview=_overview(standings, annex),
        events=tuple(shown),
        events_left_out=len(events) - len(shown),
        strip=charts.strip(
            moments, assessment.as_of, key="dates", title="Dates that matter", describes=said
        ),
    )


def state_of(verdict: str, due: bool | None) -> str:
    """`due` is said only of what complies on the date asked."""
    return "due" if due and verdict == "comply" else verdict


def _pack(laws: Sequence[Law], assessment: Assessment, annex: Annex) -> Pack:
    by_date = sorted(laws, key=lambda law: law.as_of, reverse=True)
    asked = [law for law in by_date if law.as_of == assessment.as_of]
    earlier = [law for law in by_date if law.as_of < assessment.as_of]
    main = (asked or earlier or by_date)[0]
    standings = [_standing(law, law is main, assessment, annex) for law in by_date]
    rows = _rows(main, assessment)
    operators = sorted({o for _, o, *_ in rows if o is not None})
    has_others = any(o is None for _, o, *_ in rows)
    columns = (*operators, *([_NOBODY] if has_others else []))
    by_answer = len(columns) > OPERATORS_ACROSS
    return Pack(
        title=main.title,
        main=next(s for s in standings if s.is_main),
        columns=tuple(STATES) if by_answer else columns,
        by_answer=by_answer,
        rows=_by_answer(main, rows) if by_answer else _by_operator(main, rows, columns),
        dates=tuple(standings),
        date_rows=_by_date(by_date, assessment) if len(by_date) > 1 else (),
    )


_Row = tuple[str, str | None, str, int | None, str]


def _rows(law: Law, assessment: Assessment) -> list[_Row]:
    """(rule, operator's name, state, subjects, note), gravest first.

    A note that a rule has on all its rows belongs to the rule, and is left out here.
    """
    notes = _notes(law)
    subjects: dict[tuple[str, str | None, str], int | None] = {}
    said: dict[tuple[str, str | None, str], list[str]] = {}
    for row in law.judged.to_pylist():
        rule = _short(row["rule"], law)
        key = (
            rule,
            assessment.operator_name(row["operator"]),
            state_of(row["verdict"], row["due"]),
        )
        before, more = subjects.get(key, 0), row["subjects"]
        subjects[key] = None if before is None or more is None else before + more
        said.setdefault(key, []).append("" if notes.get(rule) else row["note"] or "")
    found = [(*key, subjects[key], "; ".join(alike(said[key]))) for key in subjects]
    return sorted(found, key=lambda r: (STATES.index(r[2]), r[1] or "", r[0]))


def _short(rule: str, law: Law) -> str:
    """A rule's id within its pack, which stands above it on the page."""
    return rule.removeprefix(f"{law.pack}/")


def _titles(law: Law) -> dict[str, str]:
    """Each rule's title, in the order in which the rules stand."""
    found: dict[str, str] = {}
    for row in law.judged.select(["rule", "title"]).to_pylist():
        rule = _short(row["rule"], law)
        found[rule] = found.get(rule) or row["title"] or ""
    return found


def _notes(law: Law) -> dict[str, str]:
    """The note of each rule that has one and the same on all its rows."""
    found: dict[str, set[str]] = {}
    for row in law.judged.select(["rule", "note"]).to_pylist():
        found.setdefault(_short(row["rule"], law), set()).add(row["note"] or "")
    return {rule: next(iter(notes)) for rule, notes in found.items() if len(notes) == 1}


def _by_operator(law: Law, rows: Sequence[_Row], columns: Sequence[str]) -> tuple[RuleRow, ...]:
    cells: dict[tuple[str, str], list[Line]] = {}
    for rule, operator, state, subjects, note in rows:
        line = Line(state, "" if subjects is None else number(subjects), note)
        cells.setdefault((rule, operator or _NOBODY), []).append(line)
    notes = defaultdict(str, _notes(law))
    return tuple(
        RuleRow(rule, title, tuple(tuple(cells.get((rule, c), ())) for c in columns), notes[rule])
        for rule, title in _titles(law).items()
    )


def _by_answer(law: Law, rows: Sequence[_Row]) -> tuple[RuleRow, ...]:
    """One cell an answer: at how many operators it is the gravest, and at which."""
    found = []
    notes = _notes(law)
    for rule, title in _titles(law).items():
        gravest: dict[str, str] = {}
        for of, operator, state, *_ in rows:
            if of == rule:
                gravest.setdefault(operator or _NOBODY, state)
        cells = []
        for state in STATES:
            names = sorted(shortened(n, _NAME_LENGTH) for n, s in gravest.items() if s == state)
            line = Line(state, number(len(names)), listed(names, most=_NAMES_LISTED))
            cells.append((line,) if names else ())
        found.append(RuleRow(rule, title, tuple(cells), notes.get(rule, "")))
    return tuple(found)


def _by_date(laws: Sequence[Law], assessment: Assessment) -> tuple[RuleRow, ...]:
    """One cell a date: the answers, at how many operators each is the gravest."""
    titles: dict[str, str] = {}
    cells: dict[tuple[str, date], tuple[Line, ...]] = {}
    for law in laws:
        for name, title, begins in law.not_in_force:
            rule = _short(name, law)
            titles.setdefault(rule, title)
            since = f"in force from {day(begins)}" if begins else "not in force"
            cells[rule, law.as_of] = (Line("none", since),)
        rows = _rows(law, assessment)
        for rule, title in _titles(law).items():
            titles[rule] = titles.get(rule) or title
            gravest: dict[str | None, str] = {}
            for of, operator, state, *_ in rows:
                if of == rule:
                    gravest.setdefault(operator, state)
            cells[rule, law.as_of] = tuple(
                Line(state, number(len(at)) if at != [None] else "")
                for state in STATES
                if (at := [o for o, s in gravest.items() if s == state])
            )
    return tuple(
        RuleRow(rule, title, tuple(cells.get((rule, law.as_of), ()) for law in laws))
        for rule, title in sorted(titles.items())
    )


def _standing(law: Law, is_main: bool, assessment: Assessment, annex: Annex) -> Standing:
    rows = _rows(law, assessment)
    gravest: dict[str, str] = {}
    for rule, _, state, *_ in rows:
        gravest.setdefault(rule, state)
    titles = _titles(law)
    order = list(titles)
    cells: dict[tuple[str, str], dict[str, int | None]] = {}
    notes: dict[tuple[str, str], list[str]] = {}
    for rule, operator, state, subjects, note in rows:
        place = (rule, operator or _NOBODY)
        cells.setdefault(place, {})[state] = subjects
        notes.setdefault(place, []).append(note)
    table = []
    of_rule = _notes(law)
    shown: set[str] = set()
    for (rule, operator), of in sorted(
        cells.items(), key=lambda item: (order.index(item[0][0]), item[0][1])
    ):
        # The title once: on paper it would else fill the table.
        name = rule if rule in shown or not titles[rule] else f"{rule}: {titles[rule]}"
        said = (
            notes[rule, operator]
            if rule in shown
            else [of_rule.get(rule, ""), *notes[rule, operator]]
        )
        shown.add(rule)
        amounts = [number(of[state]) if state in of else NONE for state in STATES]
        table.append((name, operator, *amounts, "; ".join(alike(said))))
    twin = annex.add(
        f"{law.title}, law of {day(law.as_of)}: subjects by answer",
        ("Rule", "Operator", "Breach", "Unknown", "Due", "Comply", "Note"),
        table,
        figures=range(2, 6),
        note=sentence(law.legal_status),
    )
    counts = {state: sum(s == state for s in gravest.values()) for state in STATES}
    return Standing(law, is_main, counts, twin)


def _overview(standings: Sequence[Standing], annex: Annex) -> Figure | None:
    if not standings:
        return None
    rows = [
        charts.Stack(
            f"{s.law.title}, {day(s.law.as_of)}", tuple(float(s.rules[state]) for state in STATES)
        )
        for s in standings
    ]
    table = [
        (s.law.title, day(s.law.as_of), *(number(s.rules[state]) for state in STATES))
        for s in standings
    ]
    headings = ("Law", "Law of", "Breach", "Unknown", "Due", "Comply")
    twin = annex.add("Rules by their gravest answer", headings, table, figures=range(2, 6))
    said = "; ".join(
        f"{r.label}: " + listed(f"{number(a)} {s}" for a, s in zip(r.amounts, STATES, strict=True))
        for r in rows
    )
    svg = charts.stacks(
        rows,
        charts.ANSWER_PARTS,
        key="overview",
        title="Rules by their gravest answer",
        describes=f"{said}. The figures are in table {twin.name}.",
    )
    return Figure("Rules by their gravest answer", "Number of rules in force.", svg, twin)


def _events(assessment: Assessment) -> list[Event]:
    """What happened or happens, a line a day and kind, laws by their titles."""
    found: dict[tuple[date, str], dict[str, list[str]]] = {}
    if assessment.snapshot_as_of:
        found[assessment.snapshot_as_of, "read"] = {"": []}
    for law in assessment.laws:
        found.setdefault((law.as_of, "asked"), {})[law.title] = []
        for rule, title, begins in law.not_in_force:
            if begins:
                of_law = found.setdefault((begins, "begins"), {}).setdefault(law.title, [])
                of_law.append(title or _short(rule, law))
    titles = _rule_titles(assessment)
    for on, rule, count in _deadlines(assessment.findings):
        words = f"{titles.get(rule) or rule} ({counted(count, 'subject')})"
        found.setdefault((on, "due"), {}).setdefault("", []).append(words)
    every_law = {law.title for law in assessment.laws}
    events: list[Event] = []
    for on, kind in sorted(found, key=lambda pair: (pair[0], _EVENTS.index(pair[1]))):
        by_law = found[on, kind]
        if kind == "asked" and set(by_law) == every_law:
            by_law = {"": []}
        said = [
            ": ".join(w for w in (law, listed(alike(what), most=_RULES_NAMED)) if w)
            for law, what in by_law.items()
        ]
        words = ": ".join(w for w in (_EVENT_WORDS[kind], "; ".join(said)) if w)
        events.append(Event(len(events) + 1, on, kind, words))
    return events


def _deadlines(findings: pa.Table) -> Iterable[tuple[date, str, int]]:
    ahead = findings.select(["rule", "due_on", "verdict", "verdict_when_due"]).filter(
        pc.and_(
            pc.is_valid(findings["due_on"]),
            pc.and_(
                pc.not_equal(findings["verdict"], "breach"),
                pc.fill_null(pc.not_equal(findings["verdict_when_due"], "comply"), False),
            ),
        )
    )
    grouped = ahead.group_by(["due_on", "rule"]).aggregate([([], "count_all")])
    rows = [(r["due_on"], r["rule"], r["count_all"]) for r in grouped.to_pylist()]
    return sorted(rows)


def found(assessment: Assessment) -> tuple[RuleFindings, ...]:
    """Make the chapter on findings: rules with breaches first; what complies is left out."""
    table = assessment.findings
    due = pc.and_(
        pc.equal(table["verdict"], "comply"),
        pc.fill_null(pc.is_in(table["verdict_when_due"], pa.array(["breach", "unknown"])), False),
    )
    state = pc.if_else(due, "due", table["verdict"])
    table = table.append_column("state", state)
    counts: dict[str, dict[str, int]] = {}
    for row in table.group_by(["rule", "state"]).aggregate([([], "count_all")]).to_pylist():
        of_rule = counts.setdefault(row["rule"], dict.fromkeys(STATES, 0))
        of_rule[row["state"]] = row["count_all"]
    still_open = [r for r in counts if any(counts[r][s] for s in _OPEN)]
    order = sorted(still_open, key=lambda r: (*(-counts[r][s] for s in _OPEN), r))
    titles = _rule_titles(assessment)
    open_ones = table.filter(pc.not_equal(table["state"], "comply"))
    room = FINDINGS_IN_ALL
    chapter = []
    for place, rule in enumerate(order):
        proofs, citations, status = _proofs(
            open_ones, rule, min(room, assessment.findings_per_rule), assessment
        )
        room -= len(proofs)
        open_count = sum(counts[rule][s] for s in _OPEN)
        chapter.append(
            RuleFindings(
                rule=rule,
                title=titles.get(rule, ""),
                anchor=f"rule-{place + 1}",
                counts=counts[rule],
                citations=citations,
                legal_status=status,
                proofs=proofs,
                left_out=open_count - len(proofs),
                command=_command(assessment, rule),
            )
        )
    return tuple(chapter)


def _rule_titles(assessment: Assessment) -> dict[str, str]:
    found: dict[str, str] = {}
    for law in assessment.laws:
        for rule, title in _titles(law).items():
            found.setdefault(f"{law.pack}/{rule}", title)
    return found


def _command(assessment: Assessment, rule: str) -> str:
    pack = rule.split("/", 1)[0]
    words = assessment.findings_command
    for name, value in (("rule", rule), ("pack", pack), ("as_of", assessment.as_of.isoformat())):
        words = words.replace("{" + name + "}", quote(value))
    return words


def _proofs(
    open_ones: pa.Table, rule: str, most: int, assessment: Assessment
) -> tuple[tuple[Proof, ...], tuple[str, ...], tuple[str, ...]]:
    chosen = open_ones.filter(pc.equal(open_ones["rule"], rule))
    rank = pc.add(
        pc.multiply(_place(chosen["state"], STATES), len(_SEVERITIES) + 1),
        _place(chosen["severity"], _SEVERITIES),
    )
    chosen = chosen.append_column("rank", rank)
    keys = [(name, "ascending") for name in ("rank", "operator", "subject_table", "subject")]
    first = chosen.take(pc.sort_indices(chosen, sort_keys=keys)[:most]).to_pylist()
    proofs = []
    for row in first:
        origins = [o for o in (row["rests_on"] or "").splitlines() if o.strip()]
        because = row["because"]
        proofs.append(
            Proof(
                state=row["state"],
                subject_table=row["subject_table"],
                subject=row["subject"],
                operator=assessment.operator_name(row["operator"]),
                because=shortened(because, _LONGEST_TEXT) if because else None,
                due=_due(row["due_on"], row["verdict_when_due"]),
                severity=row["severity"],
                rests_on=tuple(shortened(o, _LONGEST_TEXT) for o in origins[:_ORIGINS_SHOWN]),
                origins_left_out=max(0, len(origins) - _ORIGINS_SHOWN),
            )
        )
    citations = tuple(alike([row["citation"] for row in first]))
    return tuple(proofs), citations, tuple(alike([row["legal_status"] for row in first]))


def _place(values: pa.ChunkedArray, order: Sequence[str]) -> pa.ChunkedArray:
    """Each value's place in `order`; what is not in it comes last."""
    return pc.fill_null(pc.index_in(values, value_set=pa.array(order, pa.string())), len(order))


def _due(on: date | None, then: str | None) -> str | None:
    if on is None:
        return None
    return f"Due on {day(on)}; the answer on that day, if nothing changes: {then or NOT_STATED}."
