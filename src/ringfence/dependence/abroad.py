"""A month without international links: what a network that must stand alone still serves.

Out is all that stands in another country than its operator's. What stands at a place of which
neither country nor region is stated may be out: a region is one of the operator's own. Within a
month clocks drift and unmanaged equipment may stop, as the scenario's ranges say. Help that comes
from abroad over a connection stops too; it is listed, for no table says what fails without it.
"""

from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pydantic

from ringfence.dependence.evaluate import clocks, served
from ringfence.dependence.inventory import inventory
from ringfence.dependence.outcome import GROUPINGS, MEASURES
from ringfence.dependence.reach import Flags, packed
from ringfence.dependence.scenario import ServiceScenario
from ringfence.dependence.services import structure
from ringfence.dependence.simulation import amounts_out, cells_of
from ringfence.dependence.tree import Structure
from ringfence.dependence.ways import SERVICES
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables
from ringfence.store.tables import Column, Table, Type

MONTH_DAYS: Final = 30.0

ALONE = Table(
    "alone",
    "what is without a service after a month without international links",
    ("by", "group", "service", "measure"),
    (
        Column("by", Type.TEXT, "How the network is parted", one_of=GROUPINGS, required=True),
        Column("group", Type.TEXT, "The part; null for the whole, or where not stated"),
        Column("service", Type.TEXT, "The service", one_of=SERVICES, required=True),
        Column("measure", Type.TEXT, "What is counted", one_of=MEASURES, required=True),
        Column("surely_out", Type.DECIMAL, "Without service whatever is not stated"),
        Column("may_be_out", Type.DECIMAL, "Without service if that is all against it"),
        Column("surely_out_before", Type.DECIMAL, "The same with the links there"),
        Column("may_be_out_before", Type.DECIMAL, "The same with the links there"),
        Column("total", Type.DECIMAL, "All there is of it"),
    ),
)
FOREIGN = Table(
    "from_abroad",
    "what comes from abroad, or may",
    ("subject_table", "subject"),
    (
        Column("subject_table", Type.TEXT, "The table", required=True),
        Column("subject", Type.TEXT, "The row's key", required=True),
        Column("is_certain", Type.BOOLEAN, "It surely comes from abroad", required=True),
        Column("says", Type.TEXT, "What comes from where", required=True),
        Column("origin", Type.TEXT, "Where it was read"),
    ),
)


class AloneParameters(pydantic.BaseModel):
    """The day, and how sites are served."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    as_of: date
    services: ServiceScenario = ServiceScenario()


@step(
    reads=("element", "function", "site", "product", "demand", "link", "relation", "operator",
           "contract", "vendor"),
    writes=("alone", "from_abroad"),
    version=2,
)  # fmt: skip
def without_international_links(network: Tables, parameters: AloneParameters) -> Answer:
    """Work out the month, and list what comes from abroad."""
    tree = structure(inventory(network, parameters.as_of), parameters.services)
    surely, may_be = _abroad(tree, network)
    cells = cells_of(tree)
    figures = []
    times = (parameters.services.holdover_days, parameters.services.unmanaged_days)
    for reading, gone, at in ((tree.possible, surely, 1), (tree.sure, may_be, 0)):
        time, management = (bounds[at] <= MONTH_DAYS for bounds in times)
        felt = clocks(1, time=time, management=management)
        for down in (gone, np.zeros_like(gone)):
            given = served(reading, packed(~down[:, None]), felt)
            is_sure = reading is tree.sure
            figures.append(amounts_out(tree, cells, given, 1, is_sure=is_sure)[:, 0])
    names = {"operator": tree.inventory.operators, "region": tree.inventory.regions}
    rows = [
        {
            "by": by,
            "group": names[by][part] if by in names else None,
            "service": SERVICES[kind],
            "measure": measure,
            "surely_out": round(float(figures[0][place]), 6),
            "surely_out_before": round(float(figures[1][place]), 6),
            "may_be_out": round(float(figures[2][place]), 6),
            "may_be_out_before": round(float(figures[3][place]), 6),
            "total": round(float(cells.total[place]), 6),
        }
        for place, (by, part, kind, measure) in enumerate(cells.keys)
    ]
    alone = ALONE.from_rows(rows).sort_by([(k, "ascending") for k in ALONE.key])
    return {"alone": alone, "from_abroad": _listed(tree, network, surely, parameters.as_of)}


def _abroad(tree: Structure, network: Tables) -> tuple[Flags, Flags]:
    """Whether each element surely stands abroad, and whether it may."""
    known = tree.inventory
    country = dict(
        zip(
            network["operator"]["id"].to_pylist(),
            network["operator"]["country"].to_pylist(),
            strict=True,
        )
    )
    home = [country.get(str(operator)) for operator in known.operators]
    lands = known.site_country.to_pylist()
    unplaced = len(known.regions) - 1
    surely = np.zeros(len(lands) + 1, np.bool_)
    # The last stands for an element whose site is not stated.
    may_be = np.ones(len(lands) + 1, np.bool_)
    for site, land in enumerate(lands):
        own = home[known.site_operator[site]]
        surely[site] = land is not None and own is not None and land != own
        unsaid = known.site_region[site] == unplaced if land is None else own is None
        may_be[site] = surely[site] or unsaid
    return surely[known.element_site], may_be[known.element_site]


def _listed(tree: Structure, network: Tables, surely: Flags, as_of: date) -> pa.Table:
    known = tree.inventory
    network = network.and_these(
        {"abroad": pa.table({"id": known.elements.filter(pa.array(surely))})}
    )
    found = network.query(
        """SELECT 'element' AS subject_table, e.id AS subject, true AS is_certain,
          'stands in ' || s.country AS says, e.origin
        FROM element e JOIN abroad a ON a.id = e.id JOIN site s ON s.id = e.site
        UNION ALL
        SELECT 'contract', c.id,
          coalesce(c.remote_access AND v.country_of_registration <> o.country, false),
          concat(c.covers, ' by ', coalesce(v.name, c.vendor_name, 'a vendor not stated'), ', ',
            CASE c.remote_access WHEN true THEN 'over a connection'
              ELSE 'whether over a connection is not stated' END,
            ', registered in ', coalesce(v.country_of_registration, 'a country not stated')),
          c.origin
        FROM contract c LEFT JOIN vendor v ON v.id = c.vendor
          LEFT JOIN operator o ON o.id = c.operator
        WHERE c.remote_access IS DISTINCT FROM false
          AND coalesce(v.country_of_registration <> o.country, true)
          AND (c.until IS NULL OR c.until >= $day)""",
        {"day": as_of},
    )
    return FOREIGN.conform(found).sort_by([(k, "ascending") for k in FOREIGN.key])
