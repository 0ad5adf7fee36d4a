"""Where a vendor is: shares of sites, elements, traffic, people and premises.

Every share has its numerator, its denominator and its unknown part. An element whose maker is not
stated may be the vendor's, so a share is a range: `share_low` counts what is known to be held,
`share_high` adds what may be. Where amounts themselves are not stated (a radio site without its
traffic), no share of them is given at all: `not_stated` says how many sites lack the figure.

What counts as held: the maker named, the maker of its product, or the one who really made a product
sold under another's name, is the vendor or is controlled by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from ringfence.network.functions import serving
from ringfence.network.ownership import group
from ringfence.network.placement import PlacementParameters, placement
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Connection, Tables, connect
from ringfence.store.tables import Column, Table, Type

MEASURES = ("elements", "sites", "traffic", "people", "premises")
GROUPINGS = ("network", "operator", "region", "function")

PRESENCE = Table(
    "presence",
    "the share a vendor has of one measure in one part of the network",
    ("by", "group", "measure"),
    (
        Column("by", Type.TEXT, "What the network is parted by", required=True, one_of=GROUPINGS),
        Column("group", Type.TEXT, "The part: an operator, a region, a function"),
        Column("domain", Type.TEXT, "The function's domain, where parted by function"),
        Column("measure", Type.TEXT, "What is counted", required=True, one_of=MEASURES),
        Column("held", Type.DECIMAL, "The vendor's: the numerator"),
        Column("unknown", Type.DECIMAL, "May be the vendor's: the maker is not stated"),
        Column("total", Type.DECIMAL, "All of it: the denominator"),
        Column("not_stated", Type.INTEGER, "Sites whose amount is not stated"),
        Column("share_low", Type.DECIMAL, "held / total; null where amounts are not stated"),
        Column("share_high", Type.DECIMAL, "(held + unknown) / total"),
        Column("denominator", Type.TEXT, "What the total counts, in words"),
    ),
)

_WHERE = {
    "network": "in the network",
    "operator": "of the operator",
    "region": "in the region",
    "function": "with the function",
}
_WHAT = {
    "elements": "elements in service",
    "sites": "sites",
    "traffic": "expected busy-hour traffic (Mbit/s) at sites",
    "people": "people served from sites",
    "premises": "premises served from sites",
}
# Where a figure must be looked for: radio sites serve traffic and people, fixed access premises.
_SERVES = {"traffic": "radio access", "people": "radio access", "premises": "fixed access"}


@dataclass(frozen=True, slots=True)
class PresenceParameters:
    """The vendor, by its id, and the day."""

    vendor: str
    as_of: date


@step(
    reads=("element", "function", "site", "product", "vendor", "ownership"),
    writes=("held",),
    version=1,
)
def held(network: Tables, parameters: PresenceParameters) -> Answer:
    """Judge each element and function of the day: the vendor's, not the vendor's, or not known.

    The result is the placement with the column `is_held`, null where the maker is not stated.
    """
    placed = placement(network, PlacementParameters(parameters.as_of))["placement"]
    members = sorted(group(parameters.vendor, network))
    with connect({"placed": placed}) as duck:
        duck.add("held_vendor", pa.table({"id": pa.array(members, pa.string())}))
        return {
            "held": duck.query("""
                SELECT *,
                  CASE WHEN vendor IN (FROM held_vendor) OR product_vendor IN (FROM held_vendor)
                         OR original_maker IN (FROM held_vendor) THEN true
                       WHEN vendor IS NULL THEN NULL ELSE false END AS is_held
                FROM placed ORDER BY element, kind, slice""")
        }


@step(
    reads=("element", "function", "site", "product", "demand", "vendor", "ownership"),
    writes=("presence",),
    version=1,
)
def presence(network: Tables, parameters: PresenceParameters) -> Answer:
    """Measure where the vendor and all it controls are, by network, operator, region, function."""
    judged = held(network, parameters)["held"]
    with connect({"judged": judged, "site": network["site"], "demand": network["demand"]}) as duck:
        _prepare(duck)
        rows = pa.concat_tables([_of(duck, by) for by in GROUPINGS])
    return {"presence": PRESENCE.conform(rows).sort_by([(k, "ascending") for k in PRESENCE.key])}


def _prepare(duck: Connection) -> None:
    """Judge each part of the network and each site held, not held or unknown (null)."""
    # Each way of parting the network, as one relation: part, element, site, is_held.
    duck.run("""
        CREATE TEMP TABLE parted AS
        SELECT DISTINCT 'network' AS "by", NULL AS part, NULL AS domain, element, site, is_held
          FROM judged
        UNION ALL SELECT DISTINCT 'operator', operator, NULL, element, site, is_held FROM judged
        UNION ALL SELECT DISTINCT 'region', region, NULL, element, site, is_held FROM judged
        UNION ALL SELECT DISTINCT 'function', kind, domain, element, site, is_held FROM judged""")
    # A site nothing is known to stand at is unknown too, except where parted by function.
    duck.run("""
        CREATE TEMP TABLE placed_site AS
        WITH listed AS (
          SELECT 'network' AS "by", NULL AS part, NULL AS domain, id AS site FROM site
          UNION ALL SELECT 'operator', operator, NULL, id FROM site
          UNION ALL SELECT 'region', region, NULL, id FROM site
        ), equipped AS (
          SELECT "by", part, any_value(domain) AS domain, site,
            CASE WHEN bool_or(is_held) THEN true
                 WHEN bool_or(is_held IS NULL) THEN NULL ELSE false END AS is_held
          FROM parted WHERE site IS NOT NULL GROUP BY "by", part, site
        )
        SELECT e."by", e.part, e.domain, e.site, e.is_held FROM equipped e
        UNION ALL
        SELECT l."by", l.part, l.domain, l.site, NULL FROM listed l
        WHERE NOT EXISTS (
          SELECT 1 FROM equipped e WHERE e."by" = l."by" AND e.site = l.site
            AND e.part IS NOT DISTINCT FROM l.part)""")
    # People are counted once a site, not once a service; traffic and premises add up.
    duck.run("""
        CREATE TEMP TABLE amount AS
        SELECT site, sum(traffic_mbps::DECIMAL(38, 6)) AS traffic, max(people) AS people,
          sum(premises::DECIMAL(38, 6)) AS premises
        FROM demand WHERE to_site IS NULL GROUP BY site""")
    duck.add("serving_kind", serving())
    duck.run("""
        CREATE TEMP TABLE serving AS
        SELECT DISTINCT j.site, k.domain FROM judged j JOIN serving_kind k ON k.kind = j.kind""")


def _of(duck: Connection, by: str) -> pa.Table:
    """All measures of one way of parting."""
    parts = [
        duck.query(
            """SELECT part AS "group", any_value(domain) AS domain,
                 count(*) FILTER (is_held) AS held, count(*) FILTER (is_held IS NULL) AS unknown,
                 count(*) AS total, 0 AS not_stated
               FROM parted WHERE "by" = $by GROUP BY part""",
            {"by": by},
        ),
        duck.query(
            """SELECT part AS "group", any_value(domain) AS domain,
                 count(*) FILTER (is_held) AS held, count(*) FILTER (is_held IS NULL) AS unknown,
                 count(*) AS total, 0 AS not_stated
               FROM placed_site WHERE "by" = $by GROUP BY part""",
            {"by": by},
        ),
    ]
    parts += [
        duck.query(
            f"""SELECT part AS "group", any_value(p.domain) AS domain,
                 coalesce(sum({m}::DECIMAL(38, 6)) FILTER (is_held), 0)::DOUBLE AS held,
                 coalesce(sum({m}::DECIMAL(38, 6)) FILTER (is_held IS NULL), 0)::DOUBLE AS unknown,
                 coalesce(sum({m}::DECIMAL(38, 6)), 0)::DOUBLE AS total,
                 count(*) FILTER ({m} IS NULL AND EXISTS (
                   SELECT 1 FROM serving v WHERE v.site = p.site AND v.domain = $serves
                 )) AS not_stated
               FROM placed_site p LEFT JOIN amount a ON a.site = p.site
               WHERE "by" = $by GROUP BY part""",
            {"by": by, "serves": _SERVES[m]},
        )
        for m in ("traffic", "people", "premises")
    ]
    return pa.concat_tables(
        [_shares(part, by, measure) for part, measure in zip(parts, MEASURES, strict=True)]
    )


def _shares(part: pa.Table, by: str, measure: str) -> pa.Table:
    """Lay one measure out as presence rows."""
    rows = []
    for row in part.to_pylist():
        total = float(row["total"])
        decided = total > 0 and row["not_stated"] == 0
        held, unknown = float(row["held"]), float(row["unknown"])
        rows.append(
            {
                **row,
                "by": by,
                "measure": measure,
                "held": held,
                "unknown": unknown,
                "total": total,
                "share_low": held / total if decided else None,
                "share_high": (held + unknown) / total if decided else None,
                "denominator": f"{_WHAT[measure]} {_WHERE[by]}",
            }
        )
    return PRESENCE.from_rows(rows)


def range_in_words(row: Mapping[str, object]) -> str:
    """A share as a person reads it: `31.2 %`, `31.2 to 33.3 %`.

    Where some sites lack the figure, it is the share of what is stated, marked with an asterisk.
    """
    held, unknown, total = (float(str(row[n])) for n in ("held", "unknown", "total"))
    if not total:
        missing = row["not_stated"]
        return f"not determined ({missing:,} not stated)" if missing else "nothing to share"
    low, high = f"{held / total * 100:.1f}", f"{(held + unknown) / total * 100:.1f}"
    share = f"{low} %" if low == high else f"{low} to {high} %"
    return f"{share}*" if row["not_stated"] else share
