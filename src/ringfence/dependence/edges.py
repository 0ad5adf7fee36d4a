"""The service tree as rows a person can follow: each edge with the place it was read from.

`service_edge` has what needs what; `service_need` counts, for each region, what its services need
in each layer from the site to the centre, with the part that is a vendor's.
"""

from datetime import date
from typing import Final

import pyarrow as pa
import pydantic

from ringfence.dependence.ways import RADIO_UNITS, UNIT_NEEDING, WAYS
from ringfence.exposure.presence import PresenceParameters, held
from ringfence.network.placement import PlacementParameters, placement
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Connection, Tables, connect
from ringfence.store.tables import Column, Table, Type

LAYERS: Final = ("1 at the sites", "2 on the way", "3 in the centre", "4 over them")

EDGE = Table(
    "service_edge",
    "one thing that needs another",
    ("needer", "need", "needed"),
    (
        Column("needer", Type.TEXT, "What needs: an element, a site, or an operator's sites",
               required=True),
        Column("need", Type.TEXT, "What for: a service, a link, a host, time, management, or a "
               "kind of function in reach", required=True),
        Column("needed", Type.TEXT, "The element needed", required=True, refers_to="element"),
        Column("any_of", Type.TEXT, "Of those of this name one is enough, or as many as a scenario "
               "states; null where each is needed"),
        Column("origin", Type.TEXT, "Where the edge was read"),
    ),
)  # fmt: skip
NEED = Table(
    "service_need",
    "what a region's services need, counted",
    ("region", "layer", "need"),
    (
        Column("region", Type.TEXT, "The region; null where not stated"),
        Column("layer", Type.TEXT, "How far from the site", one_of=LAYERS, required=True),
        Column("need", Type.TEXT, "The kind of function", required=True),
        Column("elements", Type.INTEGER, "Elements with it", required=True),
        Column("held", Type.INTEGER, "Of them surely the vendor's", required=True),
        Column("unknown", Type.INTEGER, "Of them of no stated maker", required=True),
    ),
)

_EDGES = """
SELECT r.target AS needer, CASE r.kind WHEN 'hosts' THEN 'a host' WHEN 'manages' THEN 'management'
    ELSE 'time' END AS need, r.source AS needed, concat(r.target, ' ', r.kind) AS any_of, r.origin
  FROM relation r JOIN there s ON s.id = r.source JOIN there t ON t.id = r.target
  WHERE r.kind IN ('hosts', 'manages', 'synchronises') AND r.source <> r.target
UNION ALL
SELECT l.source, 'a link', l.target, NULL, l.origin
  FROM link l JOIN there s ON s.id = l.source JOIN there t ON t.id = l.target
  WHERE l.source <> l.target
UNION ALL
SELECT DISTINCT u.element, 'a radio unit', p.element, concat(u.element, ' radio unit'), p.origin
  FROM placed u JOIN placed p ON p.site = u.site
  WHERE u.kind IN (FROM unit_needing) AND p.kind IN (FROM radio_unit)
UNION ALL
SELECT p.site, a.service, p.element, concat(p.site, ' ', a.service), p.origin
  FROM placed p JOIN access a ON a.kind = p.kind WHERE p.site IS NOT NULL
UNION ALL
SELECT concat('sites of ', coalesce(p.operator, 'an operator not stated')), p.kind, p.element,
    concat(coalesce(p.operator, ''), ' ', p.kind), p.origin
  FROM placed p JOIN central c ON c.kind = p.kind
"""


class EdgeParameters(pydantic.BaseModel):
    """The day, and the vendor whose part is counted."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    as_of: date
    vendor: str


@step(
    reads=("element", "function", "site", "product", "link", "relation"),
    writes=("service_edge",),
    version=2,
)
def service_edges(network: Tables, parameters: PlacementParameters) -> Answer:
    """List what needs what."""
    placed = placement(network, parameters)["placement"]
    tables = {n: network.member(n) for n in ("link", "relation")} | {"placed": placed}
    with connect(tables) as duck:
        _kinds(duck)
        duck.run("CREATE TEMP TABLE there AS SELECT DISTINCT element AS id FROM placed")
        rows = duck.query(
            f"""SELECT needer, need, needed, any_value(any_of) AS any_of,
              string_agg(DISTINCT origin, chr(10) ORDER BY origin) AS origin
            FROM ({_EDGES}) GROUP BY ALL ORDER BY needer, need, needed"""
        )
    return {"service_edge": EDGE.conform(rows)}


@step(
    reads=("element", "function", "site", "product", "vendor", "ownership"),
    writes=("service_need",),
    version=2,
)
def service_needs(network: Tables, parameters: EdgeParameters) -> Answer:
    """Count what each region's services need, with the vendor's part."""
    judged = held(network, PresenceParameters(parameters.vendor, parameters.as_of))["held"]
    with connect({"judged": judged}) as duck:
        _kinds(duck)
        rows = duck.query(
            """WITH layered AS (
              SELECT j.*, CASE WHEN j.kind IN (SELECT kind FROM access)
                  OR j.kind IN (FROM radio_unit) THEN $sites
                WHEN j.kind IN (SELECT kind FROM central) THEN $centre
                WHEN j.domain = 'transport' THEN $way
                WHEN j.domain IN ('management', 'virtualisation') THEN $over END AS layer
              FROM judged j WHERE j.kind IS NOT NULL
            ), region_operator AS (
              SELECT DISTINCT region, operator FROM layered WHERE layer = $sites
            ), counted AS (
              SELECT region, layer, kind, element, is_held FROM layered
              WHERE layer IN ($sites, $way)
              UNION
              SELECT r.region, l.layer, l.kind, l.element, l.is_held FROM layered l
              JOIN region_operator r ON r.operator IS NOT DISTINCT FROM l.operator
              WHERE l.layer IN ($centre, $over)
            )
            SELECT region, layer, kind AS need, count(DISTINCT element) AS elements,
              count(DISTINCT element) FILTER (is_held) AS held,
              count(DISTINCT element) FILTER (is_held IS NULL) AS unknown
            FROM counted GROUP BY region, layer, kind ORDER BY region, layer, kind""",
            dict(zip(("sites", "way", "centre", "over"), LAYERS, strict=True)),
        )
    return {"service_need": NEED.conform(rows)}


def _kinds(duck: Connection) -> None:
    """Let queries see which kinds give access and which are needed in the centre."""
    access = sorted({(kind, way.service) for way in WAYS for kind in way.access})
    central = {kind for way in WAYS for group in way.groups for kind in group}
    duck.add(
        "access", pa.table({"kind": [k for k, _ in access], "service": [s for _, s in access]})
    )
    duck.add("central", pa.table({"kind": sorted(central)}))
    duck.add("radio_unit", pa.table({"kind": sorted(RADIO_UNITS)}))
    duck.add("unit_needing", pa.table({"kind": sorted(UNIT_NEEDING)}))
