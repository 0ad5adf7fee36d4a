"""Deadlines of a made-up law, and how a network stands to each."""

from collections.abc import Callable
from datetime import date
from typing import Any

from ringfence.rules.pack import list_packs, load_pack
from ringfence.rules.timeline import TIMELINE, TimelineParameters, timeline

LISTED = "SELECT id AS subject, verdict(is_listed) AS verdict, made_by AS because FROM element"
PHASES = """
[[phase]]
from = 2020-01-01
effect = "announced"
status = "binding, date in future"
note = "a draft"

[[phase]]
after = 2023-06-30
effect = "where possible"
status = "legally binding now"

[[phase]]
after = 2027-12-31
effect = "binding"
status = "legally binding now"

[[phase]]
from = 2029-01-01
effect = "superseded"
status = "superseded"
by = "yy-test/R-9"
"""


def network(build: Callable[..., Any], **removed: date) -> Any:
    return build(
        vendor=[
            {"id": "m", "name": "Meridian", "is_independent": True},
            {"id": "a", "name": "Alder", "is_independent": True},
            {"id": "b", "name": "Birch"},
        ],
        designation=[{"vendor": "m", "instrument": "xx-test"}],
        element=[
            {"id": key, "vendor": vendor, "removed_on": removed.get(key)}
            for key, vendor in (("e1", "m"), ("e2", "m"), ("e3", "a"), ("e4", "b"))
        ],
    )


def test_each_day_of_a_rule_has_its_counts(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    tables = network(build)
    ask = TimelineParameters(date(2026, 11, 24))
    found = timeline(lambda _: tables, pack(LISTED, phases=PHASES), ask).to_pylist()
    shown = ("begins_on", "deadline", "effect", "days_ahead", "breach", "unknown", "comply")
    assert [tuple(row[c] for c in shown) for row in found] == [
        (date(2020, 1, 1), None, "announced", None, None, None, None),
        # Lawful only for who was given the later date, so not known of any that fails.
        (date(2023, 7, 1), date(2023, 6, 30), "where possible", -1243, 0, 3, 1),
        (date(2028, 1, 1), date(2027, 12, 31), "binding", 402, 2, 1, 1),
        (date(2029, 1, 1), None, "superseded", None, None, None, None),
    ]
    assert [row["note"] for row in found] == ["a draft", None, None, "superseded by yy-test/R-9"]
    assert found[0]["legal_status"] == "binding, date in future"
    assert found[3]["legal_status"] == "superseded by yy-test/R-9"


def test_the_network_of_each_day_is_the_one_that_counts(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    """One element goes before the second deadline; and a plan takes the other one out."""
    going = network(build, e1=date(2027, 12, 31))
    ask = TimelineParameters(date(2026, 11, 24))
    found = timeline(lambda _: going, pack(LISTED, phases=PHASES), ask).to_pylist()
    assert [(r["breach"], r["unknown"], r["comply"]) for r in found if r["deadline"]] == [
        (0, 3, 1),
        (1, 1, 1),
    ]
    planned = network(build, e1=date(2027, 12, 31), e2=date(2028, 1, 1))
    plan: dict[bool, Any] = {True: planned, False: going}
    asked = []

    def on(day: date) -> Any:
        asked.append(day)
        return plan[day >= date(2026, 11, 24)]

    found = timeline(on, pack(LISTED, phases=PHASES), ask).to_pylist()
    assert [(r["breach"], r["unknown"], r["comply"]) for r in found if r["deadline"]] == [
        (0, 3, 1),
        (0, 1, 1),
    ]
    assert asked == [date(2023, 7, 1), date(2028, 1, 1)]


def test_the_days_of_every_pack_are_told(build: Callable[..., Any]) -> None:
    tables = network(build)
    ask = TimelineParameters(date(2026, 11, 24))
    for name in list_packs():
        loaded = load_pack(name)
        found = timeline(lambda _: tables, loaded, ask)
        assert found.num_rows == sum(len(rule.phase) for rule in loaded.rules)
        assert not [why for bad, why in TIMELINE.faults(found) if bad.true_count]
        days = found.column("begins_on").to_pylist()
        assert days == sorted(days)
        for row in found.to_pylist():
            asks = row["effect"] in ("where possible", "binding", "advice")
            assert asks == (row["breach"] is not None) == (row["deadline"] is not None)
