"""The cheapest repair on the page: what to change, and every answer before and after."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ringfence.report import charts
from ringfence.report.exhibits import Annex, Figure
from ringfence.report.way_in import VERDICTS, Rows
from ringfence.report.words import counted, listed, number, sentence, shortened

if TYPE_CHECKING:
    from ringfence.report.separation import Separation

_CHANGES_SHOWN = 30
_NAMED = 6
_LONGEST_TEXT = 600
_PARTS = (
    charts.Part("breached", "breach", "breach"),
    charts.Part("unknown", "unknown", "unknown", is_hatched=True),
    charts.Part("hold", "comply", "comply"),
)


Before = tuple[str, tuple[tuple[str, str], ...]]
"""A function, and how many of its answers were and are breached, unknown, and hold."""


@dataclass(frozen=True, slots=True)
class Mended:
    """The cheapest repair, and what it changes; `rows` are functions before and after."""

    says: str
    changes: tuple[tuple[str, str, str, str, str], ...]
    changes_left_out: int
    figure: Figure | None
    rows: tuple[Before, ...]
    beyond: str


def mended(one: "Separation", verdict: str | None, annex: Annex, key: str) -> Mended | None:
    """What the repair is, what it is worth and what it leaves; None where nothing is core."""
    if verdict is None:
        return None
    answers = one.repaired.to_pylist()
    before, after = (Counter(r[c] for r in answers) for c in ("before", "after"))
    beyond = [r for r in answers if r["is_preventable"] is False]
    changes = one.changes.to_pylist()
    rows: tuple[Before, ...] = ()
    figure: Figure | None = None
    if changes:
        rows = _before_and_after(answers)
        figure = _repair_figure(one, answers, annex, key)
    return Mended(
        says=_repair_in_words(one, before, after, beyond),
        changes=tuple(
            (
                r["change"],
                r["means"] or r["of"],
                f"{r['cost']:g}",
                number(r["facts"]),
                shortened(" ".join((r["origin"] or "").split("\n")[:1]), _LONGEST_TEXT),
            )
            for r in changes[:_CHANGES_SHOWN]
        ),
        changes_left_out=max(0, len(changes) - _CHANGES_SHOWN),
        figure=figure,
        rows=rows,
        beyond=_beyond_in_words(beyond, one.names),
    )


def _repair_in_words(
    one: "Separation",
    before: Mapping[str, int],
    after: Mapping[str, int],
    beyond: Rows,
) -> str:
    if not before.get("breached"):
        return "Nothing that is known reaches the core, so there is nothing to repair."
    if not one.changes.num_rows:
        return "Nothing of what is breached can be prevented by a change that we know of."
    whole = [next(v for v in VERDICTS if counts.get(v)) for counts in (before, after)]
    bound = (
        f"[{one.lower:g}, {one.cost:g}]: proved that none costs less than {one.lower:g}, the best "
        f"found costs {one.cost:g}"
    )
    works = after.get("breached", 0) <= len(beyond)
    return (
        f"The cheapest repair of what is known: {counted(one.changes.num_rows, 'change')}, cost "
        f"{bound}. Costs weigh the changes beside each other; they are not money. "
        f"The separation is {_ISED[whole[0]]} before and {_ISED[whole[1]]} after: breached "
        f"{number(before.get('breached', 0))}, then {number(after.get('breached', 0))}; unknown "
        f"{number(before.get('unknown', 0))}, then {number(after.get('unknown', 0))}; holds "
        f"{number(before.get('holds', 0))}, then {number(after.get('holds', 0))}. "
        + (
            "Checked: all was worked out anew on the network without the powers taken away."
            if works
            else "It does not suffice: worked out anew on the network without the powers taken "
            "away, more is breached than what no change prevents."
        )
    )


_ISED = {"breached": "breached", "unknown": "not known to hold", "holds": "whole"}


def _beyond_in_words(beyond: Rows, names: Mapping[str, str]) -> str:
    """What no change prevents: the vendor's own elements, and the others."""
    if not beyond:
        return ""
    said = [f"No change that we know of prevents {number(len(beyond))} of the breached answers."]
    for is_own, words in (
        (True, "made or held by the vendor itself, so that only another in its place ends it"),
        (False, "reached by powers that nothing but another design takes away"),
    ):
        by_kind: dict[str, set[str]] = defaultdict(set)
        for row in beyond:
            if row["is_own"] is is_own:
                by_kind[row["kind"]].add(row["element"])
        if by_kind:
            total = len({e for of in by_kind.values() for e in of})
            what = listed(
                (
                    f"{kind} {listed(sorted(shortened(names.get(e) or e, 80) for e in of), most=3)}"
                    for kind, of in sorted(by_kind.items())
                ),
                most=_NAMED,
            )
            said.append(sentence(f"{counted(total, 'core element')} {words}: {what}"))
    return " ".join(said)


def _before_and_after(answers: Rows) -> tuple[Before, ...]:
    """Functions whose answers the repair changes, and all of the core."""

    def counts(of: Rows) -> tuple[tuple[str, str], ...]:
        return tuple(
            (number(sum(r["before"] == v for r in of)), number(sum(r["after"] == v for r in of)))
            for v in VERDICTS
        )

    by_kind: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in answers:
        by_kind[row["kind"]].append(row)
    changed = [
        (kind, counts(of))
        for kind, of in sorted(by_kind.items())
        if any(r["before"] != r["after"] for r in of)
    ]
    return (*changed, ("All core functions", counts(answers)))


def _repair_figure(one: "Separation", answers: Rows, annex: Annex, key: str) -> Figure:
    counts = {
        when: tuple(float(sum(r[when] == v for r in answers)) for v in VERDICTS)
        for when in ("before", "after")
    }
    rows = [charts.Stack(when.capitalize(), counts[when]) for when in counts]
    twin = annex.add(
        f"Answers before and after the repair, {one.profile}",
        ("", "Breached", "Unknown", "Hold"),
        [(r.label, *(number(a) for a in r.amounts)) for r in rows],
        figures=range(1, 4),
    )
    said = "; ".join(
        f"{r.label}: {', '.join(f'{number(a)} {v}' for a, v in zip(r.amounts, VERDICTS, strict=True))}"
        for r in rows
    )
    return Figure(
        title="Before the repair and after it",
        note="Number of answers.",
        svg=charts.stacks(
            rows,
            _PARTS,
            key=key,
            title="Answers before the repair and after it",
            describes=f"{said}. The figures are in table {twin.name}.",
        ),
        twin=twin,
    )
