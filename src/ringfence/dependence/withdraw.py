"""What fails when a vendor is gone: people, premises and traffic without service over time.

Four ways of going, and two that come of sanctions:

- `order`: all of it is switched off on the day.
- `updates`: it is no longer mended. A weakness grave enough switches off what has it, after a time
  of grace; certificates run out.
- `spares`: failures are repaired while there are parts, then no more.
- `chips`: the vendor may buy no more chips. What is made with them lives on the operator's stock
  and what the vendor has laid in.
- `support`: the vendor may do nothing more: no updates and no spares.

Two uncertainties are kept apart. What no table states makes two figures: *surely out* (the service
tree's possible reading does not serve it) and *may be out* (the sure reading does not). What
nobody can know beforehand, when things fail and the quantities of the scenario, is drawn anew in
each run and makes the median and the 5 to 95 % of each figure.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pydantic

from ringfence.dependence.evaluate import clocks, served, works
from ringfence.dependence.expiry import expiry
from ringfence.dependence.ground import Ground
from ringfence.dependence.inventory import inventory
from ringfence.dependence.outcome import ASSUMED, CHAIN, FIRST, LOST, OUTAGE, SPREAD
from ringfence.dependence.reach import Flags, packed
from ringfence.dependence.reasons import State, cause, chain
from ringfence.dependence.scenario import Mode, Scenario, as_tables
from ringfence.dependence.services import structure
from ringfence.dependence.simulation import (
    ASSUMED_WEAKNESSES_A_YEAR,
    DAYS_A_YEAR,
    Block,
    Gone,
    Run,
    Simulated,
    simulate,
)
from ringfence.dependence.tree import Reading, Structure
from ringfence.dependence.ways import SERVICES
from ringfence.network.ownership import group
from ringfence.provenance.step import Answer, step
from ringfence.store import pool
from ringfence.store.duck import Tables

Floats = npt.NDArray[np.float64]

CHAINS_SHOWN: Final = 12
READS: Final = (
    "element", "function", "site", "product", "demand", "link", "relation", "vendor", "ownership",
    "component", "vulnerability", "affected", "contract", "approval",
)  # fmt: skip


class WithdrawParameters(pydantic.BaseModel):
    """Who goes, how, when. `jobs` and `way` are how it is run and do not change the answer."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    vendors: tuple[str, ...]
    mode: Mode
    on: date
    as_of: date
    scenario: Scenario = Scenario()
    jobs: int = pydantic.Field(default=1, exclude=True)
    way: pool.Way = pydantic.Field(default="processes", exclude=True)


@step(
    reads=READS,
    writes=("outage", "site_lost", "first_failure", "failure_chain", "assumption"),
    version=2,
)
def withdraw(network: Tables, parameters: WithdrawParameters) -> Answer:
    """Say what fails over time when the vendors, and all they control, are gone."""
    known = inventory(network, parameters.as_of)
    tree = structure(known, parameters.scenario.services)
    gone = concerned(tree, network, parameters)
    found = simulate(
        tree,
        gone,
        parameters.mode,
        parameters.scenario,
        jobs=parameters.jobs,
        way=parameters.way,
    )
    first, steps = _told(tree, gone, parameters, found)
    return {
        "outage": _outage(tree, found, parameters.on),
        "site_lost": _site_lost(tree, found),
        "first_failure": first,
        "failure_chain": steps,
        "assumption": _assumptions(parameters.scenario, gone, tree.ground),
    }


def concerned(tree: Structure, network: Tables, parameters: WithdrawParameters) -> Gone:
    """Whose equipment goes, and what the tables say of its failures and weaknesses."""
    known = tree.inventory
    vendors = frozenset[str]().union(*(group(one, network) for one in parameters.vendors))
    surely, may_be = known.holds(vendors)
    if parameters.mode == "chips":
        affected = network.query(
            """SELECT e.id, p.sanctions_affected AS affected FROM element e
            LEFT JOIN product p ON p.id = e.product ORDER BY e.id"""
        )
        said = dict(zip(affected["id"].to_pylist(), affected["affected"].to_pylist(), strict=True))
        of_each = [said.get(element) for element in known.elements.to_pylist()]
        surely = surely & np.array([one is True for one in of_each], np.bool_)
        may_be = may_be & np.array([one is not False for one in of_each], np.bool_)
    spares = parameters.scenario.spares
    years = np.tile(np.array(spares.years_between_failures), (known.element_count, 1))
    for kind, bounds in sorted(spares.by_kind.items()):
        years[known.function_element[known.kinds_in((kind,))]] = bounds
    exploited = network.query(
        """SELECT DISTINCT c.element, c.product FROM affected a
        JOIN vulnerability v ON v.id = a.vulnerability JOIN component c ON c.id = a.component
        WHERE a.status = 'affected' AND v.exploited_since <= $on""",
        {"on": parameters.on},
    )
    bad_elements = set(exploited["element"].to_pylist()) - {None}
    bad_products = set(exploited["product"].to_pylist()) - {None}
    products = dict(
        zip(
            *(
                network.columns("element", "id", "product")[c].to_pylist()
                for c in ("id", "product")
            ),
            strict=True,
        )
    )
    is_bad = np.array(
        [e in bad_elements or products.get(e) in bad_products for e in known.elements.to_pylist()],
        np.bool_,
    )
    label = known.element_operator.astype(np.int64) * (
        int(known.element_product.max(initial=0)) + 1
    )
    honours = parameters.mode == "updates" and parameters.scenario.updates.honours_contracts
    dates = expiry(
        network, known.elements, sorted(vendors), parameters.on, honours_contracts=honours
    )
    return Gone(
        surely,
        may_be,
        np.unique(label + known.element_product, return_inverse=True)[1].astype(np.int64),
        years,
        is_bad,
        _counted(network, vendors, parameters),
        dates,
    )


def _counted(
    network: Tables, vendors: frozenset[str], parameters: WithdrawParameters
) -> tuple[float, float] | None:
    """The weaknesses of these vendors' products in the tables, and product-years they cover."""
    rows = network.query(
        """SELECT count(DISTINCT a.vulnerability) AS found, count(DISTINCT a.product_name) AS of,
          min(v.published_on) AS since
        FROM affected a JOIN vulnerability v ON v.id = a.vulnerability
        WHERE a.vendor IN (SELECT unnest($vendors)) AND v.published_on <= $on""",
        {"vendors": sorted(vendors), "on": parameters.on},
    ).to_pylist()[0]
    if not rows["found"] or not rows["of"]:
        return None
    years = max(1.0, (parameters.on - rows["since"]).days / DAYS_A_YEAR)
    return float(rows["found"]), years * rows["of"]


def _outage(tree: Structure, found: Simulated, on: date) -> pa.Table:
    bounds = np.quantile(found.out, [0.5, 0.05, 0.95], axis=3)
    names = {"operator": tree.inventory.operators, "region": tree.inventory.regions}
    days = [-1.0, *found.days.tolist()]
    spread = [c.name for c in SPREAD]
    rows = []
    for place, (by, part, kind, measure) in enumerate(found.cells.keys):
        for at, day in enumerate(days):
            values = [*bounds[:, 0, at, place].tolist(), *bounds[:, 1, at, place].tolist()]
            rows.append(
                {
                    "by": by,
                    "group": names[by][part] if by in names else None,
                    "service": SERVICES[kind],
                    "measure": measure,
                    "day": day,
                    "on": on + timedelta(days=int(day)),
                    **dict(zip(spread, (round(v, 6) for v in values), strict=True)),
                    "total": round(float(found.cells.total[place]), 6),
                    "not_stated": int(found.cells.not_stated[place]),
                }
            )
    return OUTAGE.from_rows(rows).sort_by([(k, "ascending") for k in OUTAGE.key])


def _site_lost(tree: Structure, found: Simulated) -> pa.Table:
    known = tree.inventory
    at = tree.service_site
    share = found.lost / max(1, found.runs)
    regions = pa.array(known.regions, pa.string())
    table = pa.table(
        {
            "site": known.sites.take(pa.array(at)),
            "service": pa.array([SERVICES[k] for k in tree.service_kind], pa.string()),
            "region": regions.take(pa.array(tree.region)),
            "latitude_deg": _nullable(known.latitude_deg[at]),
            "longitude_deg": _nullable(known.longitude_deg[at]),
            "surely_lost": share[0],
            "may_be_lost": share[1],
            "people": _nullable(tree.people),
        }
    )
    return LOST.conform(table).sort_by([("site", "ascending"), ("service", "ascending")])


def _nullable(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _told(
    tree: Structure, gone: Gone, parameters: WithdrawParameters, found: Simulated
) -> tuple[pa.Table, pa.Table]:
    """What fails first, and in the end, in the run nearest the median; and the chains behind it."""
    wanted = [k for k, key in enumerate(found.cells.keys) if key[0] == "network"]
    ended = found.out[0, -1, wanted].sum(axis=0) + found.out[1, -1, wanted].sum(axis=0)
    typical = int(np.argsort(ended, kind="stable")[(found.runs - 1) // 2])
    block = Block(tree, gone, parameters.mode, parameters.scenario, found.days, typical, 1)
    run = Run(block, typical)
    _, possible, mending = run.fall()
    rows: list[dict[str, object]] = []
    steps: list[dict[str, object]] = []
    reading, day_out = (tree.possible, possible)
    before = _states(reading, np.ones(len(day_out), np.bool_), felt=False)[1]
    seen: set[str] = set()
    for when, day, lost, state in _losses(
        reading, day_out, mending & gone.surely[:, None], run, before
    ):
        causes = [cause(state, s) for s in lost]
        table: dict[tuple[str, str], list[int]] = {}
        for service, (what, lacking) in zip(lost, causes, strict=True):
            label = f"{what}: {reading.passes[lacking].label}" if lacking >= 0 else what
            table.setdefault((label, SERVICES[tree.service_kind[service]]), []).append(service)
        for (what, service_name), services in sorted(table.items()):
            people = np.nan_to_num(tree.people[services])
            rows.append(
                {
                    "when": when,
                    "day": day,
                    "cause": what,
                    "service": service_name,
                    "sites": len(services),
                    "people": round(float(people.sum()), 6),
                }
            )
            key = f"{what}/{service_name}"
            if key not in seen and len(seen) < CHAINS_SHOWN:
                seen.add(key)
                most = services[int(np.argmax(people))]
                steps += [
                    {
                        "number": len(seen),
                        "position": position,
                        "cause": what,
                        "service": service_name,
                        "subject_table": link.table,
                        "subject": link.subject,
                        "says": link.says,
                    }
                    for position, link in enumerate(chain(tree, state, most), 1)
                ]
    return FIRST.from_rows(rows), CHAIN.from_rows(steps)


def _states(reading: Reading, up: Flags, *, felt: bool | tuple[bool, bool]) -> tuple[State, Flags]:
    time, management = felt if isinstance(felt, tuple) else (felt, felt)
    words = packed(up[:, None])
    when = clocks(1, time=time, management=management)
    working = works(reading, words, when)
    given = served(reading, words, when, working=working)
    return State.of(reading, up, working), (given[:, 0] & np.uint64(1)) != 0


def _losses(
    reading: Reading, day_out: Floats, mending: Flags, run: Run, before: Flags
) -> Iterator[tuple[str, float, Sequence[int], State]]:
    """The first step with a loss, and the last; nothing where nothing is lost."""
    days = run.block.days
    is_first = True
    for at, day in enumerate(days.tolist()):
        is_last = at == len(days) - 1
        if not is_first and not is_last:
            continue
        up = (day_out > day) & ~mending[:, at]
        felt = (day >= run.holdover_days, day >= run.unmanaged_days)
        state, given = _states(reading, up, felt=felt)
        lost = np.flatnonzero(before & ~given).tolist()
        if lost and is_first:
            is_first = False
            yield "first", day, lost, state
        if lost and is_last:
            yield "last", day, lost, state


def _assumptions(scenario: Scenario, gone: Gone, ground: Ground | None) -> pa.Table:
    rows = as_tables(scenario)
    for row in rows:
        if row["parameter"] == "updates.weaknesses_a_year" and row["basis"] == "assumed":
            if gone.weaknesses is None:
                row["value"] = str(ASSUMED_WEAKNESSES_A_YEAR)
            else:
                row["value"] = f"{gone.weaknesses[0]:g} in {gone.weaknesses[1]:.1f} product-years"
                row["basis"] = "counted"
    if ground is not None:
        whole = [
            ground.place_area_km2[ground.place_kind == kind].sum()
            for kind in np.unique(ground.place_kind)
        ]
        rows += [
            {
                "parameter": "area.side_km",
                "value": f"{ground.side_km:.3g}",
                "means": "Side of the squares that area is counted on: each edge lies true to half "
                "a diagonal",
                "basis": "counted",
            },
            {
                "parameter": "area.edge_share",
                "value": f"{ground.cut_km2 / max(whole):.2g}",
                "means": "Part of the area that the squares on its outer edge make up, which bounds "
                "the error of the whole",
                "basis": "counted",
            },
        ]
    rows.append(
        {
            "parameter": "seed",
            "value": f"{scenario.seed}, {scenario.runs} runs",
            "means": "The seed of all draws; run n draws from a stream of its own",
            "basis": "stated",
        }
    )
    return ASSUMED.from_rows(rows).sort_by("parameter")
