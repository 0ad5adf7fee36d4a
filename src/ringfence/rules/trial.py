"""Run a pack's own tests: given these rows, on this day, then these verdicts and no others.

A test goes through the very `evaluate` that a network goes through, so it tests the rule as it is,
with its dates and its completeness.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow.compute as pc

from ringfence.errors import InputError, PackError, TimeLimitError
from ringfence.network.model import NETWORK_TABLES
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.pack import Pack
from ringfence.rules.published import WORKED_OUT
from ringfence.rules.written import Case, Expected, Rows, Rule
from ringfence.store.duck import Tables
from ringfence.store.jail import Limits

_LIMITS = Limits(memory_mb=512, answer_mb=64, seconds=10.0, threads=1)

OVER = "not tried: the rule was stopped in a test before"


@dataclass(frozen=True, slots=True)
class Trial:
    """One test of a rule on one day; `problem` is None where it passed."""

    rule: str
    test: str | None
    as_of: date | None
    problem: str | None

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return self.problem is None


def test_pack(pack: Pack, *, rules: tuple[str, ...] = ()) -> list[Trial]:  # noqa: PT028
    """Every test of the pack, or of some of its rules, on each of its days.

    A rule without a test fails: nobody has shown what it does.
    """
    asked = tuple(pack.rule(name).id for name in rules) or tuple(r.id for r in pack.rules)
    found = []
    for rule in (r for r in pack.rules if r.id in asked):
        name = f"{pack.id}/{rule.id}"
        if rule.id not in pack.cases:
            found.append(Trial(name, None, None, "has no test"))
            continue
        cases = pack.cases[rule.id]
        is_over = False
        for case in cases.test:
            try:
                tables = given(cases.given, case.given)
            except InputError as error:
                found += [Trial(name, case.name, day, str(error)) for day in case.days]
                continue
            for day in case.days:
                # What never ends would else be waited for on every day of every test.
                problem: str | None = OVER
                if not is_over:
                    try:
                        problem = "; ".join(_trial(pack, rule, case, tables, day)) or None
                    except (InputError, TimeLimitError) as error:
                        problem = str(error)
                        is_over = TimeLimitError in (type(error), type(error.__cause__))
                found.append(Trial(name, case.name, day, problem))
    return found


# A test of packs, not one of ours: pytest must not take it for its own.
test_pack.__test__ = False  # type: ignore[attr-defined]


def _trial(pack: Pack, rule: Rule, case: Case, tables: Tables, day: date) -> Iterator[str]:
    """What is not as `case` expects on `day`."""
    ask = EvaluateParameters(
        day, values=case.parameters, limits=_LIMITS, keep_comply=True, rules=(rule.id,)
    )
    found = evaluate(tables, pack, ask)
    if pc.all(pc.equal(found["judged"]["standing"], "not in force")).as_py():
        if not case.not_in_force:
            yield "is not in force on that day"
        return
    if case.not_in_force:
        yield "is in force on that day"
        return
    expected = {e.subject: e for e in case.then}
    got = {row["subject"]: row for row in found["finding"].to_pylist()}
    for subject in sorted(expected.keys() | got.keys()):
        if subject not in got:
            yield f"{subject} is no subject"
        elif subject not in expected:
            yield f"{subject} is {got[subject]['verdict']}, and the test does not speak of it"
        else:
            yield from _differences(subject, expected[subject], got[subject])


def given(*parts: Rows) -> Tables:
    """A network of the rows that a test gives; raises `PackError` where they are none.

    What has to be worked out of a network is there only where a test gives it.
    """
    known = {t.name: t for t in (*NETWORK_TABLES, *WORKED_OUT)}
    rows: dict[str, list[Mapping[str, object]]] = {t.name: [] for t in NETWORK_TABLES}
    for part in parts:
        for name, listed in part.items():
            if name not in known:
                raise PackError(f"there is no table {name!r}", where=f"given.{name}")
            strange = sorted({key for row in listed for key in row} - set(known[name].names))
            if strange:
                raise PackError(
                    f"table {name} has no column {strange[0]!r}",
                    where=f"given.{name}",
                    hint=f"its columns: {', '.join(known[name].names)}",
                )
            rows.setdefault(name, []).extend(listed)
    tables = {}
    for name, of_table in rows.items():
        tables[name] = known[name].from_rows(of_table)
        for _, why in known[name].faults(tables[name]):
            raise PackError(why, where=f"given.{name}")
    return Tables(tables)


def _differences(subject: str, expected: Expected, got: Mapping[str, object]) -> Iterator[str]:
    for name in ("verdict", "due_on", "verdict_when_due", "legal_status"):
        wanted = getattr(expected, name)
        if name == "legal_status" and wanted is None:
            continue
        if got[name] != wanted:
            yield f"{subject}: {name} is {got[name] or 'none'}, not {wanted or 'none'}"
    if expected.because and expected.because not in str(got["because"]):
        yield f"{subject}: {got['because']!r} does not say {expected.because!r}"
