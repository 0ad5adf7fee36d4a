"""On which rows a finding rests: where its subject, and what is said of its maker, was read.

Worked out once for all subjects that any rule found something of, and only for those: of a million
elements that comply, nobody needs the origins.
"""

from pathlib import Path  # noqa: TC003

import numpy as np
import pyarrow as pa

from ringfence.store.duck import Tables, connect

_FUNCTIONS = """
  WITH own AS (SELECT element, origin FROM function SEMI JOIN wanted ON subject = element),
  counted AS (
    SELECT element, min(origin) AS first, max(origin) AS last, count(origin) AS lines
    FROM own GROUP BY element),
  -- More than two are rare, and only they are worth a list.
  many AS (
    SELECT element, array_to_string(list_sort(list_distinct(list(origin))), chr(10)) AS origin
    FROM own WHERE element IN (SELECT element FROM counted WHERE lines > 2) GROUP BY element)
  SELECT element,
    CASE WHEN lines > 2 THEN m.origin WHEN first = last THEN first
         ELSE first || chr(10) || last END AS origin
  FROM counted LEFT JOIN many m USING (element)"""


def proofs(
    tables: Tables, table: str, subjects: pa.Array, listing: pa.Table
) -> dict[str, pa.Array]:
    """The rows that each of `subjects` rests on, in their order, one a line.

    `rests_on` are those of the subject itself; `rests_on_maker` those and the ones that say who its
    maker is and is held by, as `listing` has them.
    """
    seen: dict[str, pa.Table | Path] = {"e": tables.member(table), "listing": listing}
    seen["wanted"] = pa.table({"subject": subjects, "place": np.arange(len(subjects))})
    joins, own = "", "e.origin"
    if table == "element":
        seen |= {name: tables.member(name) for name in ("function", "product")}
        joins = f"""
            LEFT JOIN ({_FUNCTIONS}) f ON f.element = e.id
            LEFT JOIN product p ON p.id = e.product
            LEFT JOIN listing v ON v.vendor = p.vendor AND p.vendor IS DISTINCT FROM e.vendor
            LEFT JOIN listing o ON o.vendor = p.original_maker"""
        own = "e.origin, CASE WHEN f.origin <> coalesce(e.origin, '') THEN f.origin END"
    maker = own
    if table in ("element", "contract", "vendor"):
        joins += f" LEFT JOIN listing l ON l.vendor = {'e.id' if table == 'vendor' else 'e.vendor'}"
        maker += ", l.rests_on"
    if table == "element":
        maker += ", p.origin, v.rests_on, o.rests_on"
    with connect(seen) as duck:
        found = duck.query(f"""
            SELECT place, nullif(concat_ws(chr(10), {own}), '') AS rests_on,
              nullif(concat_ws(chr(10), {maker}), '') AS rests_on_maker
            FROM wanted JOIN e ON e.id = subject {joins}""")
    found = found.take(np.argsort(found.column("place").to_numpy())).combine_chunks()
    return {name: found.column(name).combine_chunks() for name in ("rests_on", "rests_on_maker")}
