"""What in a pack is well formed and yet amiss, and which verdicts its tests have shown.

A rule that cannot be looked up, that can never find anything, that says twice what another says, or
that never admits not to know: none of these fails a test, and each misleads who relies on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations

from ringfence.errors import PackError
from ringfence.rules.asking import read_rule, statement
from ringfence.rules.pack import Pack
from ringfence.rules.written import Phase, Rule
from ringfence.store.tables import Column, Table, Type

SORTS = ("citation", "dead", "overlap", "gap in dates", "never unknown", "does not run")

LINT = Table(
    "lint",
    "something amiss in a rule or pack that is well formed",
    ("rule", "sort", "says"),
    (
        Column("rule", Type.TEXT, "The rule, as `pack/rule`; the pack where it is of no rule",
               required=True),
        Column("sort", Type.TEXT, "What sort of fault", required=True, one_of=SORTS),
        Column("says", Type.TEXT, "What is amiss, in words", required=True),
    ),
)  # fmt: skip

COVERAGE = Table(
    "coverage",
    "a rule, and which of the verdicts it can give its pack's tests expect",
    ("rule",),
    (
        Column("rule", Type.TEXT, "The rule, as `pack/rule`", required=True),
        Column("verdicts", Type.INTEGER, "Verdicts it can give", required=True, minimum=0),
        Column("shown", Type.INTEGER, "Of these, how many a test expects", required=True, minimum=0),
        Column("missing", Type.TEXT, "The others"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing amiss."""

    rule: str
    sort: str
    says: str


def lint(pack: Pack) -> list[Fault]:
    """All that is amiss in a pack, by rule."""
    found = [fault for rule in pack.rules for fault in _of_rule(pack, rule)]
    found += _overlaps(pack)
    found += _of_facts(pack)
    return sorted(found, key=lambda fault: (fault.rule, SORTS.index(fault.sort), fault.says))


def coverage(pack: Pack) -> list[dict[str, object]]:
    """Which verdicts of each rule the tests beside it expect; rows of `COVERAGE`.

    A verdict on a deadline ahead counts: it is what the rule makes of the state.
    """
    rows: list[dict[str, object]] = []
    for rule in pack.rules:
        tests = pack.cases[rule.id].test if rule.id in pack.cases else ()
        shown: set[str | None] = {
            v for case in tests for e in case.then for v in (e.verdict, e.verdict_when_due)
        }
        missing = [v for v in rule.verdicts if v not in shown]
        rows.append(
            {
                "rule": f"{pack.id}/{rule.id}",
                "verdicts": len(rule.verdicts),
                "shown": len(rule.verdicts) - len(missing),
                "missing": ", ".join(missing) or None,
            }
        )
    return rows


def _of_rule(pack: Pack, rule: Rule) -> Iterator[Fault]:
    name = f"{pack.id}/{rule.id}"
    if rule.citation.url is None and rule.citation.date is None:
        yield Fault(name, "citation", "its citation has neither an address nor a date")
    if "breach" not in rule.verdicts and rule.note is None:
        yield Fault(name, "dead", "it can never find a breach, and no note says why")
    over = next((p for p in rule.phase if p.effect == "superseded"), None)
    if over:
        yield from _gap_after(pack, rule, over)
    if "unknown" not in rule.verdicts:
        yield Fault(name, "never unknown", "it does not say that it can be unknown")
    try:
        reading = read_rule(pack, rule)
    except PackError as error:
        yield Fault(name, "does not run", error.message)
        return
    if not reading.tables:
        yield Fault(name, "dead", "it reads no table")


def _gap_after(pack: Pack, rule: Rule, over: Phase) -> Iterator[Fault]:
    """Whether what supersedes a rule is there, and in force by then."""
    name, by = f"{pack.id}/{rule.id}", over.by or ""
    wanted = by.removeprefix(f"{pack.id}/")
    if wanted not in {r.id for r in pack.rules}:
        if by.startswith(f"{pack.id}/"):
            yield Fault(name, "gap in dates", f"it is superseded by {by}, which is not there")
        return
    begins = pack.rule(wanted).phase[0].begins
    if begins > over.begins:
        yield Fault(
            name, "gap in dates", f"it ends on {over.begins}, and {wanted} begins on {begins}"
        )


def _overlaps(pack: Pack) -> Iterator[Fault]:
    for one, other in combinations(pack.rules, 2):
        same = (
            statement(one).strip() == statement(other).strip()
            and one.subjects == other.subjects
            and dict(one.values) == dict(other.values)
        )
        if same and _last(one) > _first(other) and _last(other) > _first(one):
            yield Fault(
                f"{pack.id}/{other.id}", "overlap", f"{one.id} asks the same, at the same time"
            )


def _first(rule: Rule) -> int:
    return rule.phase[0].begins.toordinal()


def _last(rule: Rule) -> int:
    """The first day on which it is no more."""
    over = [p.begins.toordinal() for p in rule.phase if p.effect == "superseded"]
    return over[0] if over else 10_000_000


def _of_facts(pack: Pack) -> Iterator[Fault]:
    by_vendor: dict[str, list[tuple[int, int | None]]] = {}
    facts = sorted(pack.manifest.fact, key=lambda fact: fact.valid_from)
    for fact in facts:
        last = fact.valid_to.toordinal() if fact.valid_to else None
        by_vendor.setdefault(fact.vendor, []).append((fact.valid_from.toordinal(), last))
    for vendor, spans in by_vendor.items():
        ended: int | None = spans[0][1]
        for begins, last in spans[1:]:
            if ended is not None and begins > ended + 1:
                day = facts[0].valid_from + timedelta(ended + 1 - facts[0].valid_from.toordinal())
                yield Fault(pack.id, "gap in dates", f"{vendor} is not named from {day} on")
            ended = None if ended is None or last is None else max(ended, last)
