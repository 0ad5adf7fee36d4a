"""Verdicts counted by rule, in the five sorts a person plans by.

A breach on a deadline ahead is no breach today and yet is work to do, so it is counted apart from
what complies for good; and apart from both what may turn out to be one.
"""

import pyarrow as pa

from ringfence.store.duck import Tables
from ringfence.store.tables import Column, Table, Type

SORTS = ("breach", "due", "may be due", "unknown", "comply")
"""From the gravest: broken; broken once the deadline has passed; not known whether it will be;
not known; kept."""

TALLY = Table(
    "tally",
    "how many verdicts of each sort a rule gave",
    ("rule",),
    (
        Column("rule", Type.TEXT, "The rule, as `pack/rule`", required=True),
        Column("title", Type.TEXT, "The rule in a line", required=True),
        Column("standing", Type.TEXT, "In force, not in force, or not encoded", required=True),
        Column("legal_status", Type.TEXT, "Standing of the rule in law on the date asked"),
        Column("in_force_from", Type.DATE, "First day of the rule, or of its present phase"),
        Column("breach", Type.INTEGER, "Breaches on the date asked", required=True),
        Column("due", Type.INTEGER, "Breaches on a deadline ahead", required=True),
        Column("may_be_due", Type.INTEGER, "Not known whether a breach then", required=True),
        Column("unknown", Type.INTEGER, "Not known on the date asked", required=True),
        Column("comply", Type.INTEGER, "Comply, with no deadline ahead", required=True),
    ),
)


def tally(finding: pa.Table, judged: pa.Table) -> pa.Table:
    """Count the verdicts of each rule; a rule that was not run has none."""
    counted = Tables({"finding": finding, "judged": judged}).query("""
        WITH ahead AS (
          SELECT rule, count(*) FILTER (verdict_when_due = 'breach') AS due,
            count(*) FILTER (verdict_when_due IS DISTINCT FROM 'breach') AS may_be_due
          FROM finding WHERE verdict = 'comply' AND due_on IS NOT NULL GROUP BY rule
        ), today AS (
          SELECT rule, any_value(title) AS title, any_value(standing) AS standing,
            any_value(legal_status) AS legal_status, any_value(in_force_from) AS in_force_from,
            coalesce(sum(subjects) FILTER (verdict = 'breach'), 0)::BIGINT AS breach,
            coalesce(sum(subjects) FILTER (verdict = 'unknown'), 0)::BIGINT AS unknown,
            coalesce(sum(subjects) FILTER (verdict = 'comply' AND NOT due), 0)::BIGINT AS comply
          FROM judged GROUP BY rule
        )
        SELECT today.*, coalesce(due, 0) AS due, coalesce(may_be_due, 0) AS may_be_due
        FROM today LEFT JOIN ahead USING (rule) ORDER BY rule""")
    return TALLY.conform(counted)


def totals(counted: pa.Table) -> dict[str, int]:
    """The verdicts of all rules in force, by sort."""
    rows = [row for row in counted.to_pylist() if row["standing"] == "in force"]
    return {sort: sum(row[sort.replace(" ", "_")] for row in rows) for sort in SORTS}
