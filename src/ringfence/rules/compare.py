"""Lay instruments side by side: their function lists, and what each makes of one network.

A requirement that is not encoded counts apart, and where its source was not read it counts as
unknown: two instruments are not alike because one of them was read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ringfence.network.functions import catalogue
from ringfence.rules.pack import Pack
from ringfence.rules.tally import tally
from ringfence.rules.written import FunctionScope
from ringfence.store.duck import Tables
from ringfence.store.tables import Column, Table, Type

LIST_DIFFERENCE = Table(
    "list_difference",
    "a kind of function that two instruments count differently",
    ("kind",),
    (
        Column("kind", Type.TEXT, "The kind of function", required=True),
        Column("domain", Type.TEXT, "The part of the network it lies in", required=True),
        Column("first", Type.TEXT, "Its scope under the first instrument", required=True,
               one_of=("in", "out", "review")),
        Column("second", Type.TEXT, "Its scope under the second", required=True,
               one_of=("in", "out", "review")),
        Column("first_because", Type.TEXT, "Where the first says so", required=True),
        Column("second_because", Type.TEXT, "Where the second says so", required=True),
    ),
)  # fmt: skip

COMPARISON = Table(
    "comparison",
    "a sort of test under an instrument, with the verdicts that its rules gave",
    ("pack", "test"),
    (
        Column("pack", Type.TEXT, "The instrument, by its pack", required=True),
        Column("jurisdiction", Type.TEXT, "Whose law it is", required=True),
        Column("test", Type.TEXT, "The sort of test; `not encoded` for what no rule tests",
               required=True),
        Column("rules", Type.INTEGER, "Rules in force on the day, or requirements not encoded",
               required=True, minimum=0),
        Column("not_in_force", Type.INTEGER, "Rules that are not in force on the day",
               required=True, minimum=0),
        Column("not_read", Type.INTEGER,
               "Requirements not encoded for want of their source: unknown, whatever the network",
               required=True, minimum=0),
        Column("breach", Type.INTEGER, "Breaches on the day", required=True, minimum=0),
        Column("due", Type.INTEGER, "Breaches on a deadline ahead", required=True, minimum=0),
        Column("may_be_due", Type.INTEGER, "Not known whether a breach then", required=True,
               minimum=0),
        Column("unknown", Type.INTEGER, "Not known on the day", required=True, minimum=0),
        Column("comply", Type.INTEGER, "Comply, with no deadline ahead", required=True,
               minimum=0),
    ),
)  # fmt: skip

CHANGE = Table(
    "change",
    "a subject that has to change, or may have to, to be lawful under all of the chosen packs",
    ("subject_table", "subject"),
    (
        Column("subject_table", Type.TEXT, "The table it is a row of", required=True),
        Column("subject", Type.TEXT, "Its key", required=True),
        Column("operator", Type.TEXT, "The operator concerned", refers_to="operator"),
        Column("site", Type.TEXT, "Where it stands, if it is an element with a site stated",
               refers_to="site"),
        Column("sort", Type.TEXT, "The gravest verdict on it: a breach on the day, one on a "
               "deadline ahead, or unknown on either", required=True,
               one_of=("breach", "due", "unknown")),
        Column("due_on", Type.DATE, "The first deadline ahead of those that it does not meet"),
        Column("packs", Type.INTEGER, "Packs whose rules it does not meet, or may not",
               required=True, minimum=1),
        Column("rules", Type.TEXT, "Those rules of that sort, one a line", required=True),
    ),
)  # fmt: skip

COST = Table(
    "cost",
    "how many distinct things of a sort would have to change under a pack, or under all",
    ("pack", "sort"),
    (
        Column("pack", Type.TEXT, "The pack; null for all of the chosen together, in which each "
               "thing counts once"),
        Column("sort", Type.TEXT, "Breach on the day, on a deadline ahead, or unknown; each thing "
               "counts in the gravest alone", required=True, one_of=("breach", "due", "unknown")),
        Column("elements", Type.INTEGER, "Elements", required=True, minimum=0),
        Column("sites", Type.INTEGER, "Sites with such an element, or that are judged themselves",
               required=True, minimum=0),
        Column("without_site", Type.INTEGER, "Elements whose site is not stated", required=True,
               minimum=0),
        Column("contracts", Type.INTEGER, "Contracts", required=True, minimum=0),
        Column("operators", Type.INTEGER,
               "Operators judged as a whole, such as by a cap: how many of their elements that "
               "takes is told in the finding", required=True, minimum=0),
        Column("vendors", Type.INTEGER, "Vendors judged themselves", required=True, minimum=0),
    ),
)  # fmt: skip

NOT_ENCODED = "not encoded"
_NOT_NAMED = "not named, so for the authority to decide"
_IN_FORCE_OF_LAW = ("legally binding now", "binding, date in future")


def difference(first: Pack, second: Pack) -> pa.Table:
    """The kinds of function that two packs count differently; columns as in `LIST_DIFFERENCE`.

    A kind that a pack does not name is `review` there, and differs from `in` and `out`.
    """
    domains = dict(
        zip(
            catalogue().column("kind").to_pylist(),
            catalogue().column("domain").to_pylist(),
            strict=True,
        )
    )
    ours, theirs = first.entries(), second.entries()
    rows = [
        {
            "kind": kind,
            "domain": domain,
            "first": _scope(ours[kind]),
            "second": _scope(theirs[kind]),
            "first_because": _said(ours[kind]),
            "second_because": _said(theirs[kind]),
        }
        for kind, domain in domains.items()
        if _scope(ours[kind]) != _scope(theirs[kind])
    ]
    return LIST_DIFFERENCE.from_rows(rows)


def _scope(entry: FunctionScope | None) -> str:
    return entry.scope if entry else "review"


def _said(entry: FunctionScope | None) -> str:
    return f"{entry.citation} (grade {entry.grade})" if entry else _NOT_NAMED


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a pack made of a network: the tables `finding` and `judged` that `evaluate` gives."""

    pack: Pack
    answer: Mapping[str, pa.Table]


def compare(
    judgements: Sequence[Judgement], element: pa.Table, *, binding_only: bool = False
) -> dict[str, pa.Table]:
    """One network under several packs: `comparison`, and what it takes to be lawful under all.

    All must have been judged on one network and day, of which `element` is the table of elements.
    `change` has each subject once, and `cost` counts them by pack and together. With `binding_only`
    rules without legal force on the day (advice, proposals, what is superseded) are left out of
    both, not of `comparison`.
    """
    merged = _merged(judgements, element, binding_only=binding_only)
    return {
        "comparison": _comparison(judgements),
        "change": CHANGE.conform(merged.query(_CHANGE)),
        "cost": _cost(merged, [j.pack.id for j in judgements]),
    }


def _comparison(judgements: Sequence[Judgement]) -> pa.Table:
    rows = []
    for one in judgements:
        by_test: dict[str, dict[str, object]] = {}
        tests = {f"{one.pack.id}/{rule.id}": rule.test for rule in one.pack.rules}
        counted = tally(one.answer["finding"], one.answer["judged"])
        for row in counted.to_pylist():
            if row["standing"] == NOT_ENCODED:
                continue
            at = by_test.setdefault(tests[row["rule"]], _empty(one.pack, tests[row["rule"]]))
            at["not_in_force" if row["standing"] == "not in force" else "rules"] += 1  # type: ignore[operator]
            for sort in ("breach", "due", "may_be_due", "unknown", "comply"):
                at[sort] += row[sort]
        if one.pack.manifest.not_encoded:
            left = by_test[NOT_ENCODED] = _empty(one.pack, NOT_ENCODED)
            left["rules"] = len(one.pack.manifest.not_encoded)
            left["not_read"] = sum(
                item.why == "source not read" for item in one.pack.manifest.not_encoded
            )
        rows += [by_test[test] for test in sorted(by_test, key=lambda t: (t == NOT_ENCODED, t))]
    return COMPARISON.from_rows(rows)


def _empty(pack: Pack, test: str) -> dict[str, object]:
    row: dict[str, object] = {c.name: 0 for c in COMPARISON.columns if c.type is Type.INTEGER}
    return row | {"pack": pack.id, "jurisdiction": pack.manifest.jurisdiction, "test": test}


_SORTED = """
  SELECT '{pack}' AS pack, rule::VARCHAR AS rule, subject_table::VARCHAR AS subject_table,
    subject::VARCHAR AS subject, operator::VARCHAR AS operator, due_on,
    CASE WHEN verdict = 'breach' THEN 'breach'
         WHEN verdict_when_due = 'breach' THEN 'due' ELSE 'unknown' END AS sort
  FROM "{table}"
  WHERE (verdict <> 'comply' OR verdict_when_due <> 'comply') {law}
"""

_WORST = "min(CASE sort WHEN 'breach' THEN 0 WHEN 'due' THEN 1 ELSE 2 END)"
_SORT = f"CASE {_WORST} WHEN 0 THEN 'breach' WHEN 1 THEN 'due' ELSE 'unknown' END"

_CHANGE = f"""
  WITH worst AS (
    SELECT subject_table, subject, {_SORT} AS sort, count(DISTINCT pack) AS packs
    FROM met GROUP BY subject_table, subject
  )
  SELECT m.subject_table, m.subject, min(m.operator) AS operator, min(e.site) AS site,
    any_value(w.sort) AS sort, min(m.due_on) AS due_on, any_value(w.packs) AS packs,
    array_to_string(list_sort(list_distinct(list(m.rule) FILTER (m.sort = w.sort))), chr(10))
      AS rules
  FROM met m JOIN worst w USING (subject_table, subject)
  LEFT JOIN element e ON m.subject_table = 'element' AND e.id = m.subject
  GROUP BY m.subject_table, m.subject ORDER BY m.subject_table, m.subject
"""

_COUNTED = f"""
  WITH subject AS (
    SELECT subject_table, subject, {_SORT} AS sort FROM met {{where}}
    GROUP BY subject_table, subject
  ),
  placed AS (
    SELECT s.sort, CASE WHEN s.subject_table = 'site' THEN s.subject ELSE e.site END AS site
    FROM subject s LEFT JOIN element e ON s.subject_table = 'element' AND e.id = s.subject
    WHERE s.subject_table IN ('element', 'site')
  ),
  site AS (SELECT site, {_SORT} AS sort FROM placed WHERE site IS NOT NULL GROUP BY site)
  SELECT sort,
    (SELECT count(*) FROM subject s WHERE s.sort = k.sort AND subject_table = 'element') AS elements,
    (SELECT count(*) FROM site s WHERE s.sort = k.sort) AS sites,
    (SELECT count(*) FROM placed p WHERE p.sort = k.sort AND p.site IS NULL) AS without_site,
    (SELECT count(*) FROM subject s WHERE s.sort = k.sort AND subject_table = 'contract')
      AS contracts,
    (SELECT count(*) FROM subject s WHERE s.sort = k.sort AND subject_table = 'operator')
      AS operators,
    (SELECT count(*) FROM subject s WHERE s.sort = k.sort AND subject_table = 'vendor') AS vendors
  FROM (VALUES ('breach'), ('due'), ('unknown')) k(sort)
"""


def _merged(judgements: Sequence[Judgement], element: pa.Table, *, binding_only: bool) -> Tables:
    """All that is not simply complied with, with the element table."""
    law = ""
    if binding_only:
        known = ", ".join(f"'{status}'" for status in _IN_FORCE_OF_LAW)
        law = f"AND legal_status IN ({known})"
    seen = {f"finding_{n}": j.answer["finding"] for n, j in enumerate(judgements)}
    parts = [
        _SORTED.format(pack=j.pack.id, table=f"finding_{n}", law=law)
        for n, j in enumerate(judgements)
    ]
    met = Tables(seen).query(" UNION ALL ".join(parts)) if parts else _NOTHING_MET
    return Tables({"met": met, "element": element.select(["id", "site"])})


_NOTHING_MET = pa.schema(
    [
        *((n, pa.string()) for n in ("pack", "rule", "subject_table", "subject", "operator")),
        ("due_on", pa.date32()),
        ("sort", pa.string()),
    ]
).empty_table()


def _cost(merged: Tables, packs: Sequence[str]) -> pa.Table:
    parts = []
    for pack in (*packs, None):
        where = f"WHERE pack = '{pack}'" if pack else ""
        counted = merged.query(_COUNTED.format(where=where))
        counted = counted.append_column("pack", pa.array([pack] * len(counted), pa.string()))
        parts.append(COST.conform(counted))
    return pa.concat_tables(parts)
