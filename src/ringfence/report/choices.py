"""The options side by side, what is not known, and how the figures were made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ringfence.report import charts
from ringfence.report.answers import Line
from ringfence.report.assessment import STATES, Assessment
from ringfence.report.charts import Part, Stack
from ringfence.report.exhibits import Annex, Figure
from ringfence.report.where import amount_of, shares
from ringfence.report.words import (
    NONE,
    NOT_DETERMINED,
    alike,
    counted,
    listed,
    number,
    percent,
    shortened,
)

GAPS_SHOWN = 20
FILES_SHOWN = 60
REASONS_SHOWN = 40
_OPERATORS_SHOWN = 12
_LONGEST_TEXT = 300

_PARTS = (
    Part("forbidden", "held", "held"),
    Part("undecided", "unknown", "hatched", is_hatched=True),
    Part("not touched", "faint", "faint"),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """An option, its name as a heading, and what it means."""

    name: str
    heading: str
    means: str


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """A line of the comparison: a heading and one cell an option."""

    heading: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LawRow:
    """What a law would still say under each option."""

    pack: str
    cells: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """The chapter on the options."""

    options: tuple[Choice, ...]
    rows: tuple[ChoiceRow, ...]
    remaining: tuple[LawRow, ...]
    figure: Figure | None
    by_operator: tuple[ChoiceRow, ...]
    operators_left_out: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A missing fact and how to fill it."""

    rank: int
    table: str
    column: str
    missing: str
    share: str
    affects: str
    blocks: str
    fill_with: str


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read."""

    file: str
    kind: str
    as_of: str
    read: str
    kept: str
    rejected: str
    hash: str
    note: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why records did not become rows, and how many."""

    reason: str
    kind: str
    table: str
    records: str


@dataclass(frozen=True, slots=True)
class Making:
    """The chapters on what is not known and on how the figures were made."""

    gaps: tuple[Gap, ...]
    gaps_left_out: int
    files: tuple[Read, ...]
    files_left_out: int
    totals: tuple[str, str, str]
    reasons: tuple[Reason, ...]
    reasons_left_out: int
    not_encoded: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]
    network: tuple[tuple[str, str], ...]


def choices(assessment: Assessment, annex: Annex) -> Choices:
    """Make the chapter on the options, in the order in which they were given."""
    rows = assessment.options.to_pylist()
    names = list(dict.fromkeys(row["option"] for row in rows))
    whole = {row["option"]: row for row in rows if row["operator"] is None}
    means = {n: next((r["means"] for r in rows if r["option"] == n and r["means"]), "")
             for n in names}  # fmt: skip
    # A total that leaves out what is not stated is no denominator.
    totals = {
        s.measure: s.total
        for s in shares(assessment)
        if s.by == "network" and s.share_low is not None
    }
    parts = [
        ("Elements forbidden today", "forbidden_elements", "elements"),
        ("Elements undecided", "undecided_elements", "elements"),
        ("Sites with a forbidden element", "sites", "sites"),
        ("People served there, as far as stated", "people", "people"),
        ("Traffic there, as far as stated", "traffic_mbps", "traffic"),
        ("Premises served, as far as stated", "premises", "premises"),
    ]
    compared = []
    for heading, column, measure in parts:
        cells = []
        for name in names:
            row = whole.get(name, {})
            total = row.get("elements") if measure == "elements" else totals.get(measure)
            cells.append(_of(row.get(column), total, measure))
        compared.append(ChoiceRow(heading, tuple(cells)))
    by_operator = _operators(rows, names, assessment)
    return Choices(
        options=tuple(Choice(name, _heading(name), means[name]) for name in names),
        rows=tuple(compared) if names else (),
        remaining=_remaining(assessment, names),
        figure=_figure(whole, names, annex),
        by_operator=by_operator[:_OPERATORS_SHOWN],
        operators_left_out=max(0, len(by_operator) - _OPERATORS_SHOWN),
    )


def making(assessment: Assessment) -> Making:
    """Make the chapters on what is not known and on how the figures were made."""
    gaps = sorted(assessment.quality.to_pylist(), key=lambda row: int(row["rank"]))
    files = sorted(assessment.sources.to_pylist(), key=lambda row: str(row["file"]))
    sums = [sum(int(row[c]) for row in files) for c in ("rows_read", "rows_kept", "rows_rejected")]
    reasons = _reasons(assessment.rejects)
    return Making(
        gaps=tuple(_gap(row) for row in gaps[:GAPS_SHOWN]),
        gaps_left_out=max(0, len(gaps) - GAPS_SHOWN),
        files=tuple(_file(row) for row in files[:FILES_SHOWN]),
        files_left_out=max(0, len(files) - FILES_SHOWN),
        totals=(number(sums[0]), number(sums[1]), number(sums[2])),
        reasons=tuple(reasons[:REASONS_SHOWN]),
        reasons_left_out=max(0, len(reasons) - REASONS_SHOWN),
        not_encoded=_not_encoded(assessment),
        network=tuple(
            (row["table"], number(row["rows"])) for row in assessment.network.to_pylist()
        ),
    )


def _heading(name: str) -> str:
    return name[:1].upper() + name[1:]


def _of(value: float | None, total: float | None, measure: str) -> str:
    if value is None:
        return NOT_DETERMINED
    if not total or value > total:
        return amount_of(measure, value)
    if value == 0:
        return f"{NONE} of {amount_of(measure, total)}"
    return f"{number(value)} of {amount_of(measure, total)} ({percent(value / total)})"


def _figure(
    whole: Mapping[str, Mapping[str, float | None]], names: Sequence[str], annex: Annex
) -> Figure | None:
    rows = []
    table = []
    for name in names:
        row = whole.get(name, {})
        forbidden, undecided = row.get("forbidden_elements"), row.get("undecided_elements")
        total = row.get("elements")
        rest = None
        if forbidden is not None and undecided is not None and total is not None:
            rest = max(0.0, total - forbidden - undecided)
        rows.append(Stack(_heading(name), (forbidden, undecided, rest)))
        table.append([_heading(name), *(_or_not(v) for v in (forbidden, undecided, rest, total))])
    if not rows:
        return None
    title = "Elements under each option"
    headings = ("Option", "Forbidden", "Undecided", "Not touched", "In all")
    twin = annex.add(title, headings, table, figures=range(1, 5))
    said = "; ".join(
        f"{r.label}: "
        + listed(f"{_or_not(a)} {p.word}" for a, p in zip(r.amounts, _PARTS, strict=True))
        for r in rows
    )
    svg = charts.stacks(
        rows, _PARTS, key="options", title=title,
        describes=f"{said}. The figures are in table {twin.name}.",
    )  # fmt: skip
    return Figure(title, "Number of elements of the network.", svg, twin)


def _or_not(value: float | None) -> str:
    return NOT_DETERMINED if value is None else number(value)


def _operators(
    rows: Sequence[Mapping[str, object]], names: Sequence[str], assessment: Assessment
) -> tuple[ChoiceRow, ...]:
    by_operator: dict[str, dict[str, Mapping[str, object]]] = {}
    for row in rows:
        if row["operator"] is not None:
            operator = assessment.operator_name(str(row["operator"])) or ""
            by_operator.setdefault(operator, {})[str(row["option"])] = row
    found = []
    for operator in sorted(by_operator):
        cells = []
        for name in names:
            of = by_operator[operator].get(name)
            if of is None:
                cells.append(NOT_DETERMINED)
                continue
            forbidden, undecided, total = (
                _decimal(of[c]) for c in ("forbidden_elements", "undecided_elements", "elements")
            )
            words = _of(forbidden, total, "elements")
            cells.append(f"{words}; {_or_not(undecided)} undecided" if undecided else words)
        found.append(ChoiceRow(operator, tuple(cells)))
    return tuple(found)


def _decimal(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _remaining(assessment: Assessment, names: Sequence[str]) -> tuple[LawRow, ...]:
    titles = {law.pack: law.title for law in assessment.laws}
    counts: dict[tuple[str, str, str], int | None] = {}
    packs = []
    for row in assessment.remaining.to_pylist():
        counts[row["pack"], row["option"], row["verdict"]] = row["subjects"]
        packs.append(row["pack"])
    found = []
    for pack in alike(packs):
        cells = []
        for name in names:
            lines = []
            for verdict in STATES:
                if (pack, name, verdict) in counts:
                    subjects = counts[pack, name, verdict]
                    words = NOT_DETERMINED if subjects is None else counted(subjects, "subject")
                    if subjects != 0:
                        lines.append(Line(verdict, words))
            cells.append(tuple(lines))
        found.append(LawRow(titles.get(pack, pack), tuple(cells)))
    return tuple(found)


def _gap(row: Mapping[str, object]) -> Gap:
    missing, of = row["missing"], row["of"]
    counts = isinstance(missing, int) and isinstance(of, int)
    share = ""
    if isinstance(missing, int) and isinstance(of, int) and of > 0:
        share = percent(min(1.0, missing / of))
    return Gap(
        rank=int(str(row["rank"])),
        table=str(row["table"]),
        column=str(row["column"]),
        missing=f"{number(_whole(missing))} of {number(_whole(of))}" if counts else NOT_DETERMINED,
        share=share,
        affects=f"{number(_whole(row['affects']))} {row['affected'] or ''}".strip(),
        blocks=str(row["blocks"] or ""),
        fill_with=str(row["fill_with"] or ""),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _file(row: Mapping[str, object]) -> Read:
    counts = [number(_whole(row[c])) for c in ("rows_read", "rows_kept", "rows_rejected")]
    return Read(
        file=str(row["file"]),
        kind=str(row["kind"] or ""),
        as_of=str(row["as_of"] or ""),
        read=counts[0],
        kept=counts[1],
        rejected=counts[2],
        hash=str(row["sha256"] or "")[:16],
        note=shortened(str(row["note"] or ""), _LONGEST_TEXT),
    )


def _reasons(rejects: pa.Table) -> list[Reason]:
    grouped = rejects.group_by(["reason", "kind", "table"]).aggregate([("rows", "sum")])
    rows = sorted(
        grouped.to_pylist(),
        key=lambda r: (-(r["rows_sum"] or 0), r["reason"], r["kind"], r["table"] or ""),
    )
    return [
        Reason(
            shortened(row["reason"], _LONGEST_TEXT),
            row["kind"],
            row["table"] or "",
            number(row["rows_sum"]),
        )
        for row in rows
    ]


def _not_encoded(
    assessment: Assessment,
) -> tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]:
    """Each law's requirements that no rule tests, once."""
    found: dict[str, dict[str, tuple[str, str, str]]] = {}
    for law in assessment.laws:
        for entry in law.not_encoded:
            found.setdefault(law.title, {}).setdefault(entry[0], entry)
    return tuple((title, tuple(entries.values())) for title, entries in found.items())
