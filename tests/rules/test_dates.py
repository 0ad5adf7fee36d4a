"""What a rule means on a day: the day before, the day itself, the day after.

"By 31 December" is lawful on the 31st and a breach from 1 January.
"""

import itertools
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.written import Rule

ADVICE = "government advice or policy without legal force"
NOW = "legally binding now"
AHEAD = "binding, date in future"

ANNOUNCED = ("from", date(2022, 10, 13), "announced", AHEAD)
POSSIBLE = ("after", date(2023, 1, 28), "where possible", NOW)
BINDING = ("after", date(2023, 12, 31), "binding", NOW)
OVER = ("from", date(2025, 3, 1), "superseded", "superseded")

# One element whose state breaches the rule, one of which it is not known, one that complies.
NETWORK = {
    "vendor": [
        {"id": "m", "name": "Meridian"},
        {"id": "b", "name": "Birch"},
        {"id": "a", "name": "Alder", "is_independent": True},
    ],
    "designation": [{"vendor": "m", "instrument": "xx-test"}],
    "element": [
        {"id": "bad", "vendor": "m"},
        {"id": "dim", "vendor": "b"},
        {"id": "fine", "vendor": "a"},
    ],
}


def written(*phases: tuple[str, date, str, str]) -> str:
    return "".join(
        f'\n[[phase]]\n{key} = {day}\neffect = "{effect}"\nstatus = "{status}"\n'
        + ('by = "yy/R-9"\n' if effect == "superseded" else "")
        for key, day, effect, status in phases
    )


def answers(
    build: Callable[..., Any], made: Any, day: date
) -> dict[str, tuple[object, ...]] | None:
    """Of each subject its verdict, deadline and verdict then; None where the rule is not in force."""
    ask = EvaluateParameters(day, keep_comply=True)
    found = evaluate(build(**NETWORK), made, ask)
    if found["judged"]["standing"].to_pylist() == ["not in force"]:
        assert found["finding"].num_rows == 0
        return None
    return {
        f["subject"]: (f["verdict"], f["due_on"], f["verdict_when_due"])
        for f in found["finding"].to_pylist()
    }


def plain(bad: str, dim: str) -> dict[str, tuple[object, ...]]:
    return {"bad": (bad, None, None), "dim": (dim, None, None), "fine": ("comply", None, None)}


def due(bad: tuple[str, str], dim: tuple[str, str], day: date) -> dict[str, tuple[object, ...]]:
    return {
        "bad": (bad[0], day, bad[1]),
        "dim": (dim[0], day, dim[1]),
        "fine": ("comply", None, None),
    }


STATE = plain("breach", "unknown")
FIRST, SECOND = date(2023, 1, 28), date(2023, 12, 31)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2022, 10, 12), None),
        (date(2022, 10, 13), due(("comply", "breach"), ("comply", "unknown"), SECOND)),
        (date(2022, 10, 14), due(("comply", "breach"), ("comply", "unknown"), SECOND)),
        (date(2023, 12, 30), due(("comply", "breach"), ("comply", "unknown"), SECOND)),
        (date(2023, 12, 31), due(("comply", "breach"), ("comply", "unknown"), SECOND)),
        (date(2024, 1, 1), STATE),
        (date(2099, 1, 1), STATE),
    ],
)
def test_a_deadline(
    build: Callable[..., Any], pack: Callable[..., Any], day: date, expected: Any
) -> None:
    assert answers(build, pack(phases=written(ANNOUNCED, BINDING)), day) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2022, 10, 12), None),
        (date(2022, 10, 13), due(("comply", "unknown"), ("comply", "unknown"), FIRST)),
        (date(2023, 1, 27), due(("comply", "unknown"), ("comply", "unknown"), FIRST)),
        (date(2023, 1, 28), due(("comply", "unknown"), ("comply", "unknown"), FIRST)),
        (date(2023, 1, 29), due(("unknown", "breach"), ("unknown", "unknown"), SECOND)),
        (date(2023, 12, 31), due(("unknown", "breach"), ("unknown", "unknown"), SECOND)),
        (date(2024, 1, 1), STATE),
    ],
)
def test_a_deadline_that_some_were_allowed_to_miss(
    build: Callable[..., Any], pack: Callable[..., Any], day: date, expected: Any
) -> None:
    made = pack(phases=written(ANNOUNCED, POSSIBLE, BINDING))
    assert answers(build, made, day) == expected


def test_a_later_date_granted_to_some_is_said_with_the_finding(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    made = pack(phases=written(ANNOUNCED, POSSIBLE, BINDING))
    found = evaluate(build(**NETWORK), made, EvaluateParameters(date(2023, 6, 1)))["finding"]
    because = dict(zip(found["subject"].to_pylist(), found["because"].to_pylist(), strict=True))
    assert because == {
        "bad": "lawful only if the operator was given the later date, 2023-12-31: "
        "Meridian (designated)",
        "dim": "Birch (who controls it is not stated)",
    }


@pytest.mark.parametrize(
    ("phases", "day", "expected"),
    [
        ([("from", date(2024, 2, 29), "binding", NOW)], date(2024, 2, 28), None),
        ([("from", date(2024, 2, 29), "binding", NOW)], date(2024, 2, 29), STATE),
        ([("after", date(2024, 2, 29), "binding", NOW)], date(2024, 2, 29), None),
        ([("after", date(2024, 2, 29), "binding", NOW)], date(2024, 3, 1), STATE),
        ([("after", date(2023, 12, 31), "binding", NOW)], date(2024, 1, 1), STATE),
        ([("from", date(2020, 1, 1), "advice", ADVICE)], date(2019, 12, 31), None),
        ([("from", date(2020, 1, 1), "advice", ADVICE)], date(2020, 1, 1), STATE),
        # A rule that begins on a day has the day before as the last on which all is lawful.
        (
            [ANNOUNCED, ("from", date(2024, 1, 1), "binding", NOW)],
            date(2023, 6, 1),
            due(("comply", "breach"), ("comply", "unknown"), SECOND),
        ),
        # Announced twice: the deadline is that of what comes after both.
        (
            [ANNOUNCED, ("from", date(2022, 12, 1), "announced", AHEAD), BINDING],
            date(2022, 10, 13),
            due(("comply", "breach"), ("comply", "unknown"), SECOND),
        ),
        # Advice that becomes law: it is a breach of advice meanwhile, with no deadline ahead.
        ([("from", date(2020, 1, 1), "advice", ADVICE), BINDING], date(2023, 12, 31), STATE),
        ([("from", date(2020, 1, 1), "advice", ADVICE), BINDING], date(2024, 1, 1), STATE),
    ],
)
def test_beginnings(
    build: Callable[..., Any], pack: Callable[..., Any], phases: Any, day: date, expected: Any
) -> None:
    assert answers(build, pack(phases=written(*phases)), day) == expected


@pytest.mark.parametrize(
    ("day", "status", "verdict"),
    [
        (date(2022, 10, 13), AHEAD, "comply"),
        (date(2024, 1, 1), NOW, "breach"),
        (date(2025, 2, 28), NOW, "breach"),
        (date(2025, 3, 1), "superseded by yy/R-9", "breach"),
        (date(2030, 1, 1), "superseded by yy/R-9", "breach"),
    ],
)
def test_a_superseded_rule_is_still_judged_and_says_so(
    build: Callable[..., Any], pack: Callable[..., Any], day: date, status: str, verdict: str
) -> None:
    made = pack(phases=written(ANNOUNCED, BINDING, OVER))
    found = evaluate(build(**NETWORK), made, EvaluateParameters(day))
    bad = next(f for f in found["finding"].to_pylist() if f["subject"] == "bad")
    assert (bad["legal_status"], bad["verdict"]) == (status, verdict)
    assert set(found["judged"]["legal_status"].to_pylist()) == {status}


def test_being_superseded_before_the_deadline_does_not_move_the_deadline(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    early = ("from", date(2023, 3, 1), "superseded", "superseded")
    made = pack(phases=written(ANNOUNCED, early, BINDING))
    assert answers(build, made, date(2023, 3, 1)) == due(
        ("comply", "breach"), ("comply", "unknown"), SECOND
    )
    assert answers(build, made, date(2024, 1, 1)) == STATE


def test_a_rule_not_in_force_is_listed_with_its_first_day(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    made = pack(phases=written(ANNOUNCED, BINDING))
    (row,) = evaluate(build(**NETWORK), made, EvaluateParameters(date(2022, 10, 12)))[
        "judged"
    ].to_pylist()
    assert row["standing"] == "not in force"
    assert row["in_force_from"] == date(2022, 10, 13)
    assert row["note"] == "not in force on that date: from 2022-10-13"
    assert row["verdict"] is None


DAYS = st.dates(date(2019, 1, 1), date(2030, 1, 1))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    days = sorted(draw(st.sets(DAYS, min_size=1, max_size=5)))
    effects = draw(
        st.lists(
            st.sampled_from(["announced", "where possible", "binding", "advice"]),
            min_size=len(days),
            max_size=len(days),
        )
    )
    effects[-1] = draw(st.sampled_from(["binding", "advice"]))
    status = {"announced": AHEAD, "where possible": NOW, "binding": NOW, "advice": ADVICE}
    return Rule.model_validate(
        {
            "id": "R-1", "title": "t", "grade": "S", "source": "s", "binds": "b", "scope": "s",
            "test": "exclude", "subjects": "element", "severity": "low", "metric": "m",
                "select": "SELECT 1",
            "citation": {"document": "d", "section": "s"},
            "phase": tuple(
                {draw(st.sampled_from(["from", "after"])): day, "effect": e, "status": status[e]}
                for day, e in zip(days, effects, strict=True)
            ),
        }
    ) if _apart(days) else draw(rules())  # fmt: skip


def _apart(days: list[date]) -> bool:
    """Days so far apart that "from" and "after" cannot meet."""
    return all((b - a).days > 1 for a, b in itertools.pairwise(days))


@given(rule=rules(), day=DAYS)
def test_the_standing_is_that_of_the_last_phase_begun(rule: Rule, day: date) -> None:
    standing = rule.on(day)
    begun = [p for p in rule.phase if p.begins <= day]
    if not begun:
        assert standing.effect is None
        assert rule.on(standing.begins).effect is not None
        assert rule.on(standing.begins - timedelta(days=1)).effect is None
        return
    assert standing.effect == begun[-1].effect
    assert standing.begins == begun[-1].begins <= day
    if standing.effect in {"announced", "where possible"}:
        assert standing.due_on is not None
        # The deadline is today at the earliest, and on the next day the effect is what was said.
        assert standing.due_on >= day
        assert rule.on(standing.due_on).effect in {"announced", standing.effect}
        assert rule.on(standing.due_on + timedelta(days=1)).effect == standing.effect_when_due
    else:
        assert standing.due_on is None


@given(rule=rules(), day=DAYS)
def test_a_phase_after_a_day_begins_with_the_next(rule: Rule, day: date) -> None:
    for phase in rule.phase:
        assert phase.begins == phase.deadline + timedelta(days=1)
        assert phase.after in {None, phase.deadline}
        assert phase.from_ in {None, phase.begins}
