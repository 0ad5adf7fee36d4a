"""Ban, non-core only, allow: what each would forbid today, element by element.

The three are judged on the same facts and in three values. Under *ban* whatever the vendor made is
forbidden, and what may be the vendor's is undecided. Under *non-core only* the same holds for
equipment that performs a core function, as a regime's own list draws the core: an element whose
maker or function is not stated cannot be placed on either side. *Allow* forbids nothing by itself;
what the law forbids all the same is what remains in breach.
"""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from ringfence.exposure.presence import PresenceParameters, held
from ringfence.provenance.step import Answer, step
from ringfence.rules.tally import SORTS
from ringfence.store.duck import Tables, connect
from ringfence.store.tables import Column, Table, Type

OPTIONS = {
    "ban": "The vendor's equipment is nowhere in the networks.",
    "non-core only": "The vendor's equipment performs no function on the regime's core list.",
    "allow": "The vendor is not restricted beyond the law as it stands.",
}
"""The options by name, each with what it means."""

OPTION = Table(
    "option",
    "what an option would forbid at one operator, or at all of them",
    ("option", "operator"),
    (
        Column("option", Type.TEXT, "The option", required=True, one_of=tuple(OPTIONS)),
        Column("means", Type.TEXT, "What it means", required=True),
        Column("operator", Type.TEXT, "The operator; null for all of them together"),
        Column("forbidden_elements", Type.INTEGER, "Elements it forbids", required=True),
        Column("undecided_elements", Type.INTEGER, "Elements it may forbid", required=True),
        Column("elements", Type.INTEGER, "Elements in service", required=True),
        Column("sites", Type.INTEGER, "Sites with a forbidden element", required=True),
        Column("people", Type.DECIMAL, "People served from those sites, as far as stated"),
        Column("traffic_mbps", Type.DECIMAL, "Traffic of those sites, as far as stated",
               unit="mbps"),
        Column("premises", Type.DECIMAL, "Premises served from those sites, as far as stated"),
    ),
)  # fmt: skip
FORBIDDEN = Table(
    "forbidden",
    "an element that an option forbids, or may forbid",
    ("option", "element"),
    (
        Column("option", Type.TEXT, "The option", required=True),
        Column("element", Type.TEXT, "The element", required=True, refers_to="element"),
        Column("operator", Type.TEXT, "Who runs it", refers_to="operator"),
        Column("site", Type.TEXT, "Where it stands", refers_to="site"),
        Column("kinds", Type.TEXT, "The functions it performs"),
        Column("is_decided", Type.BOOLEAN, "Forbidden for certain; false where a fact is missing"),
        Column("because", Type.TEXT, "Why"),
        Column("origin", Type.TEXT, "Where it was read"),
    ),
)
REMAINING = Table(
    "remaining",
    "verdicts of a rule pack on the network once an option is obeyed",
    ("option", "pack", "verdict"),
    (
        Column("option", Type.TEXT, "The option", required=True),
        Column("pack", Type.TEXT, "The rule pack", required=True),
        Column("verdict", Type.TEXT, "The verdict, in the sorts of a tally", required=True,
               one_of=SORTS),
        Column("subjects", Type.INTEGER, "How many verdicts", required=True),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OptionParameters:
    """The vendor, by its id, and the day."""

    vendor: str
    as_of: date


@step(
    reads=("element", "function", "site", "product", "vendor", "ownership", "demand", "scope"),
    writes=("option", "forbidden"),
    version=1,
)
def options(tables: Tables, parameters: OptionParameters) -> Answer:
    """Lay the three options out. `scope` is a regime's function list: `kind`, `scope`.

    A function whose scope is `in` is core; `out` is not; `review`, or none at all, is undecided.
    """
    placed = held(tables, PresenceParameters(parameters.vendor, parameters.as_of))["held"]
    seen = {"placed": placed, "scope": tables["scope"], "demand": tables["demand"]}
    with connect(seen) as duck:
        # One row an element, with the two questions in three values.
        duck.run("""
            CREATE TEMP TABLE judged AS
            SELECT element, any_value(operator) AS operator, any_value(site) AS site,
              any_value(is_held) AS is_held,
              string_agg(DISTINCT kind, ', ' ORDER BY kind) AS kinds,
              CASE WHEN bool_or(s.scope = 'in') THEN true
                   WHEN bool_or(s.scope IS DISTINCT FROM 'out') THEN NULL ELSE false END AS is_core,
              any_value(origin) AS origin
            FROM placed p LEFT JOIN scope s USING (kind) GROUP BY element""")
        duck.run("""
            CREATE TEMP TABLE forbidden AS
            SELECT 'ban' AS option, *, is_held AS is_forbidden FROM judged
            UNION ALL SELECT 'non-core only', *, is_held AND is_core FROM judged
            UNION ALL SELECT 'allow', *, false FROM judged""")
        listed = duck.query("""
            SELECT option, element, operator, site, kinds, is_forbidden IS NOT NULL AS is_decided,
              concat_ws('; ',
                CASE WHEN is_held THEN 'made by the vendor or one it controls'
                     ELSE 'maker not stated' END,
                CASE WHEN option = 'ban' THEN NULL WHEN is_core THEN 'performs a core function'
                     WHEN kinds IS NULL THEN 'function not stated'
                     ELSE 'whether its function is core is for the regulator' END) AS because,
              origin
            FROM forbidden WHERE is_forbidden IS DISTINCT FROM false
            ORDER BY option, element""")
        counted = duck.query("""
            WITH amount AS (
              SELECT site, max(people) AS people,
                sum(traffic_mbps::DECIMAL(38, 6)) AS traffic_mbps,
                sum(premises::DECIMAL(38, 6)) AS premises
              FROM demand WHERE to_site IS NULL GROUP BY site
            ), touched AS (
              -- A site that two operators share is one site of the whole.
              SELECT DISTINCT option, operator, site, 0 AS is_all FROM forbidden
              WHERE is_forbidden AND site IS NOT NULL
              UNION ALL
              SELECT DISTINCT option, NULL, site, 1 FROM forbidden
              WHERE is_forbidden AND site IS NOT NULL
            ), of_sites AS (
              SELECT option, operator, is_all, count(*) AS sites,
                sum(people::DECIMAL(38, 6))::DOUBLE AS people,
                sum(traffic_mbps)::DOUBLE AS traffic_mbps, sum(premises)::DOUBLE AS premises
              FROM touched LEFT JOIN amount USING (site)
              GROUP BY option, operator, is_all
            ), of_elements AS (
              SELECT option, operator, GROUPING(operator) AS is_all,
                count(*) FILTER (is_forbidden) AS forbidden_elements,
                count(*) FILTER (is_forbidden IS NULL) AS undecided_elements,
                count(*) AS elements
              FROM forbidden GROUP BY GROUPING SETS ((option, operator), (option))
            )
            SELECT e.*, coalesce(s.sites, 0) AS sites, s.people, s.traffic_mbps, s.premises
            FROM of_elements e LEFT JOIN of_sites s ON s.option = e.option
              AND s.operator IS NOT DISTINCT FROM e.operator AND s.is_all = e.is_all""")
    rows = [
        # The elements of no stated operator are their own part, not the whole.
        {**r, "means": OPTIONS[r["option"]], "operator": _operator(r)}
        for r in counted.to_pylist()
    ] or [
        {
            "option": name, "means": means, "forbidden_elements": 0, "undecided_elements": 0,
            "elements": 0, "sites": 0,
        }
        for name, means in OPTIONS.items()
    ]  # fmt: skip
    rows.sort(key=lambda r: (list(OPTIONS).index(str(r["option"])), str(r.get("operator") or "")))
    return {"option": OPTION.from_rows(rows), "forbidden": FORBIDDEN.conform(listed)}


def _operator(row: dict[str, object]) -> str | None:
    if row["is_all"]:
        return None
    return str(row["operator"]) if row["operator"] is not None else "operator not stated"


def once_obeyed(element: pa.Table, forbidden: pa.Table, option: str) -> pa.Table:
    """The elements left in the network once an option is obeyed for certain."""
    with connect({"element": element, "forbidden": forbidden}) as duck:
        return duck.query(
            "SELECT * FROM element WHERE id NOT IN (SELECT element FROM forbidden "
            "WHERE option = $option AND is_decided) ORDER BY id",
            {"option": option},
        )
