"""The days on which the law changes, and how the network stands to each.

A deadline is no use alone: what matters is how much would be in breach when it comes. Each is
worked out on the network of its day, so that a plan shows as a network that gets better.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.pack import Pack
from ringfence.rules.written import Phase, Rule
from ringfence.store.duck import Tables
from ringfence.store.jail import Limits
from ringfence.store.tables import Column, Table, Type

TIMELINE = Table(
    "timeline",
    "a day from which a rule means something else, and how the network stands to it",
    ("rule", "begins_on"),
    (
        Column("rule", Type.TEXT, "The rule, as `pack/rule`", required=True),
        Column("title", Type.TEXT, "The rule in a line", required=True),
        Column("test", Type.TEXT, "The sort of test", required=True),
        Column("begins_on", Type.DATE, "First day of it", required=True),
        Column("deadline", Type.DATE,
               "Last day on which what fails it may stand; null where the day asks for nothing yet"),
        Column("effect", Type.TEXT, "What failing means from then on", required=True,
               one_of=("announced", "where possible", "binding", "advice", "superseded")),
        Column("legal_status", Type.TEXT, "Its standing in law from then on", required=True),
        Column("days_ahead", Type.INTEGER,
               "Days from the date asked to the deadline, below 0 where it has passed"),
        Column("breach", Type.INTEGER, "Subjects in breach on the first day", minimum=0),
        Column("unknown", Type.INTEGER, "Subjects of which it is not known", minimum=0),
        Column("comply", Type.INTEGER, "Subjects that comply", minimum=0),
        Column("note", Type.TEXT, "What else is to be said of the day"),
    ),
)  # fmt: skip
"""The counts are null where nothing is asked for yet, and where a rule is superseded."""


@dataclass(frozen=True, slots=True)
class TimelineParameters:
    """What is asked: as of which day, with which values of the pack's parameters."""

    as_of: date
    values: Mapping[str, object] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


def timeline(
    network_on: Callable[[date], Tables], pack: Pack, parameters: TimelineParameters
) -> pa.Table:
    """Every day of the pack's rules, in order; columns as in `TIMELINE`.

    `network_on` gives the tables of the network as of a day: those of the snapshot in force then
    for the past; for the future those of today, or what a plan would leave.
    """
    phases = [(rule, phase) for rule in pack.rules for phase in rule.phase]
    days: dict[date, list[str]] = {}
    for rule, phase in phases:
        if _asks(phase):
            days.setdefault(phase.begins, []).append(rule.id)
    counts: dict[tuple[str, date], dict[str, int]] = {}
    for day, rules in sorted(days.items()):
        ask = EvaluateParameters(
            day, values=parameters.values, limits=parameters.limits, rules=tuple(sorted(set(rules)))
        )
        judged = evaluate(network_on(day), pack, ask)["judged"]
        for row in judged.to_pylist():
            at = counts.setdefault((row["rule"], day), {"breach": 0, "unknown": 0, "comply": 0})
            if row["verdict"]:
                at[row["verdict"]] += row["subjects"]
    rows = sorted(
        _rows(pack, phases, counts, parameters.as_of),
        key=lambda row: (row["begins_on"], row["rule"]),
    )
    return TIMELINE.from_rows(rows)


def _asks(phase: Phase) -> bool:
    """Whether something is amiss from its first day on, where nothing was before."""
    return phase.effect in ("where possible", "binding", "advice")


def _rows(
    pack: Pack,
    phases: list[tuple[Rule, Phase]],
    counts: Mapping[tuple[str, date], Mapping[str, int]],
    as_of: date,
) -> Iterator[dict[str, object]]:
    for rule, phase in phases:
        name = f"{pack.id}/{rule.id}"
        deadline = phase.deadline if _asks(phase) else None
        said = [f"superseded by {phase.by}" if phase.by else None, phase.note]
        yield {
            "rule": name,
            "title": rule.title,
            "test": rule.test,
            "begins_on": phase.begins,
            "deadline": deadline,
            "effect": phase.effect,
            "legal_status": rule.on(phase.begins).legal_status,
            "days_ahead": (deadline - as_of).days if deadline else None,
            "note": "; ".join(text for text in said if text) or None,
            **counts.get((name, phase.begins), {}),
        }
