"""The runs of a simulation: what each draws, when elements fall out, what is then out.

Run n draws from a stream of its own, made of the seed and n, so that neither how many runs there
are nor where they are worked out shows in it. Runs are worked out in blocks, a bit each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ringfence.dependence.evaluate import clocks, served, totals
from ringfence.dependence.expiry import Expiry
from ringfence.dependence.failures import NEVER, Pools, pools_of, spare_run
from ringfence.dependence.ground import Ground
from ringfence.dependence.outcome import AREA
from ringfence.dependence.reach import WORD, Flags, Words, packed
from ringfence.dependence.scenario import Mode, Scenario
from ringfence.dependence.tree import Structure
from ringfence.dependence.ways import SERVICES
from ringfence.exposure.compiled import compiled
from ringfence.store import pool

Floats = npt.NDArray[np.float64]

BLOCK: Final = 256
"""Runs worked out at once: four words, as wide as a register of common processors."""

ORDER_DAYS: Final = (0.0, 1.0, 7.0, 30.0, 91.0, 182.0, 365.0)
DAYS_A_YEAR: Final = 365.25
ASSUMED_WEAKNESSES_A_YEAR: Final = (1.0, 10.0)


@dataclass(frozen=True, slots=True)
class Gone:
    """Whose equipment is concerned: surely, and what may be.

    `product` numbers alike elements of one operator, without gaps.
    """

    surely: Flags
    may_be: Flags
    product: npt.NDArray[np.int64]
    kind_days: npt.NDArray[np.float64]
    """Bounds of the years between failures of each element, two columns."""
    exploited: Flags
    weaknesses: tuple[float, float] | None
    """Shape and years of those counted in the tables; None where the tables list none."""
    expiry: Expiry


@dataclass(frozen=True, slots=True)
class Block:
    """Runs worked out at once, all steps of them."""

    tree: Structure
    gone: Gone
    mode: Mode
    scenario: Scenario
    days: Floats
    first: int
    runs: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of all runs.

    `out` has the amounts out by reading (surely, may be), step, cell, run; the first step is
    before. `lost` are the runs in which each service is out in the end, by reading.
    """

    cells: "Cells"
    days: Floats
    out: Floats
    lost: Floats
    runs: int


@dataclass(frozen=True, slots=True)
class Cells:
    """The figures kept: for each way of parting, part, service and measure that occurs one row."""

    keys: tuple[tuple[str, int, int, str], ...]
    rows: dict[tuple[str, str], npt.NDArray[np.int32]]
    """For each way of parting and measure the row that each service adds to."""
    total: Floats
    not_stated: npt.NDArray[np.int64]


def simulate(
    tree: Structure,
    gone: Gone,
    mode: Mode,
    scenario: Scenario,
    *,
    jobs: int = 1,
    way: pool.Way = "processes",
) -> Simulated:
    """Run the scenario's runs; the same seed gives the same figures however many `jobs`."""
    days = steps_of(mode, scenario)
    runs = scenario.runs
    blocks = [
        Block(tree, gone, mode, scenario, days, first, min(BLOCK, runs - first))
        for first in range(0, runs, BLOCK)
    ]
    cells = cells_of(tree)
    out = np.empty((2, len(days) + 1, len(cells.keys), runs))
    lost = np.zeros((2, tree.services))
    for block, (amounts, ended) in zip(
        blocks, pool.map(_run_block, blocks, jobs=jobs, way=way), strict=True
    ):
        out[:, :, :, block.first : block.first + block.runs] = amounts
        lost += ended
    return Simulated(cells, days, out, lost, runs)


def steps_of(mode: Mode, scenario: Scenario) -> Floats:
    """The days looked at."""
    if mode == "order":
        return np.array(ORDER_DAYS)
    steps = int(np.ceil(scenario.years * scenario.steps_a_year))
    return np.arange(steps + 1, dtype=np.float64) * (DAYS_A_YEAR / scenario.steps_a_year)


def cells_of(tree: Structure) -> Cells:
    """Lay out the figures that are kept."""
    amounts = measures(tree)
    parts = {"network": np.zeros(tree.services, np.int32)}
    parts |= {"operator": tree.operator, "region": tree.region}
    keys: list[tuple[str, int, int, str]] = []
    rows: dict[tuple[str, str], npt.NDArray[np.int32]] = {}
    total: list[Floats] = []
    unsaid: list[npt.NDArray[np.int64]] = []
    for by, part in parts.items():
        label = part.astype(np.int64) * len(SERVICES) + tree.service_kind
        names, place = np.unique(label, return_inverse=True)
        for measure, values in amounts.items():
            stated = np.bincount(place, ~np.isnan(values), len(names)) > 0
            where = np.cumsum(stated) - 1 + len(keys)
            row = np.where(stated, where, -1)[place]
            rows[by, measure] = row.astype(np.int32)
            sums = np.bincount(place, np.nan_to_num(values), len(names)).astype(np.float64)
            total.append(sums[stated])
            missing = np.bincount(place, np.isnan(values), len(names)).astype(np.int64)
            unsaid.append(missing[stated])
            keys += [
                (by, int(n) // len(SERVICES), int(n) % len(SERVICES), measure)
                for n in names[stated]
            ]
    if tree.ground is not None:
        for by, names, place, area in _ground_cells(tree.ground):
            rows[by, AREA] = (place + len(keys)).astype(np.int32)
            total.append(np.bincount(place, area, len(names)).astype(np.float64))
            label = parts[by].astype(np.int64) * len(SERVICES) + tree.service_kind
            label = label[~tree.ground.is_counted]
            unsaid.append(np.array([(label == name).sum() for name in names], np.int64))
            keys += [(by, int(n) // len(SERVICES), int(n) % len(SERVICES), AREA) for n in names]
    return Cells(
        tuple(keys),
        rows,
        np.concatenate(total) if total else np.zeros(0),
        np.concatenate(unsaid) if unsaid else np.zeros(0, np.int64),
    )


def _ground_cells(
    ground: Ground,
) -> Iterator[tuple[str, npt.NDArray[np.int64], npt.NDArray[np.intp], Floats]]:
    """For each way of parting the labels of its cells, the cell of each row, and its area.

    By operator the rows are patches; else they are places, which have the service from anybody.
    """
    nothing = np.zeros(len(ground.place_kind), np.int32)
    for by, part, kind, area in (
        ("network", nothing, ground.place_kind, ground.place_area_km2),
        ("operator", ground.operator, ground.kind, ground.area_km2),
        ("region", ground.place_region, ground.place_kind, ground.place_area_km2),
    ):
        label = part.astype(np.int64) * len(SERVICES) + kind
        names, place = np.unique(label, return_inverse=True)
        yield by, names, place, area


def measures(tree: Structure) -> dict[str, Floats]:
    """What each service counts for, by measure; NaN where not stated."""
    return {
        "sites": np.ones(tree.services),
        "people": tree.people,
        "traffic": tree.traffic_mbps,
        "premises": tree.premises,
    }


def amounts_out(tree: Structure, cells: Cells, given: Words, runs: int, *, is_sure: bool) -> Floats:
    """The amounts that are out, by cell and run; `given` is of the sure reading or the possible."""
    found = np.zeros((len(cells.keys), given.shape[1] * WORD))
    amounts = measures(tree)
    for (_, measure), row in cells.rows.items():
        if measure == AREA:
            continue
        values = np.where(row >= 0, np.nan_to_num(amounts[measure]), 0.0)
        found += totals(~given, values, np.maximum(row, 0), len(cells.keys))
    if tree.ground is not None:
        patches, places = tree.ground.given(given, is_sure=is_sure)
        for by in ("network", "operator", "region"):
            words, area = (
                (patches, tree.ground.area_km2)
                if by == "operator"
                else (places, tree.ground.place_area_km2)
            )
            found += totals(~words, area, cells.rows[by, AREA], len(cells.keys))
    return found[:, :runs]


def _run_block(block: Block) -> tuple[Floats, Floats]:
    tree, runs = block.tree, block.runs
    cells = cells_of(tree)
    steps = len(block.days)
    elements = tree.inventory.element_count
    never = np.uint16(steps)
    step_out = {name: np.full((elements, runs), never, np.uint16) for name in ("sure", "possible")}
    mending: dict[int, list[tuple[npt.NDArray[np.int64], int]]] = {}
    holdover, unmanaged = np.empty(runs), np.empty(runs)
    for run in range(runs):
        one = Run(block, block.first + run)
        sure, possible, out_for_repair = one.fall()
        holdover[run], unmanaged[run] = one.holdover_days, one.unmanaged_days
        step_out["sure"][:, run] = np.searchsorted(block.days, sure)
        step_out["possible"][:, run] = np.searchsorted(block.days, possible)
        hit, steps_hit = np.divmod(np.flatnonzero(out_for_repair), steps)
        order = np.argsort(steps_hit, kind="stable")
        at_step, begins = np.unique(steps_hit[order], return_index=True)
        for at, rows in zip(at_step.tolist(), np.split(hit[order], begins[1:]), strict=False):
            mending.setdefault(at, []).append((rows, run))
    out = np.empty((2, steps + 1, len(cells.keys), runs))
    lost = np.zeros((2, tree.services))
    width = max(1, -(-runs // WORD))
    up = np.empty((elements, width), np.uint64)
    for number, (reading, name, who) in enumerate(
        (
            (tree.possible, "possible", block.gone.surely),
            (tree.sure, "sure", block.gone.may_be),
        )
    ):
        before = served(
            reading,
            packed(np.ones((elements, runs), np.bool_)),
            clocks(runs, time=True, management=True),
        )
        is_sure = name == "sure"
        out[number, 0] = amounts_out(tree, cells, before, runs, is_sure=is_sure)
        given = before
        for at in range(steps):
            _stand(step_out[name], np.uint16(at), up)
            for rows, run in mending.get(at, ()):
                chosen = rows[who[rows]]
                up[chosen, run // WORD] &= ~(np.uint64(1) << np.uint64(run % WORD))
            day = block.days[at]
            felt = clocks(runs, time=day >= holdover, management=day >= unmanaged)
            given = served(reading, up, felt)
            out[number, at + 1] = amounts_out(tree, cells, given, runs, is_sure=is_sure)
        ended = np.unpackbits(
            np.ascontiguousarray(~given).view(np.uint8), axis=1, bitorder="little"
        )[:, :runs]
        lost[number] = ended.sum(axis=1)
    return out, lost


@compiled
def _stand(step_out: npt.NDArray[np.uint16], at: np.uint16, up: Words) -> None:
    """The runs in which each element is not out for good by a step."""
    elements, runs = step_out.shape
    for element in range(elements):
        for w in range(up.shape[1]):
            word = np.uint64(0)
            for bit in range(min(64, runs - w * 64)):
                if step_out[element, w * 64 + bit] > at:
                    word |= np.uint64(1) << np.uint64(bit)
            up[element, w] = word


class Run:
    """One run: the quantities it draws, then when each element falls out."""

    def __init__(self, block: Block, number: int) -> None:
        self.block = block
        # Its own stream for each run, so that no run depends on how many there are.
        self.generator = np.random.default_rng([block.scenario.seed, number])
        services = block.scenario.services
        self.holdover_days = self._drawn(services.holdover_days)
        self.unmanaged_days = self._drawn(services.unmanaged_days)

    def _drawn(self, bounds: tuple[float, float]) -> float:
        """Evenly from the range."""
        return float(bounds[0] + (bounds[1] - bounds[0]) * self.generator.random())

    def fall(self) -> tuple[Floats, Floats, Flags]:
        """The day each element is out, in the sure reading and in the possible one; repairs."""
        gone, mode = self.block.gone, self.block.mode
        elements = len(gone.surely)
        day = np.full(elements, NEVER)
        more = day
        mending = np.zeros((elements, len(self.block.days)), np.bool_)
        if mode == "order":
            day = np.where(gone.may_be, 0.0, NEVER)
        if mode in {"spares", "chips", "support"}:
            day, mending = self._spares()
        if mode in {"updates", "support"}:
            unmended, expired = self._updates()
            day, more = np.minimum(day, unmended), expired
        sure = np.where(gone.may_be, np.minimum(day, more), NEVER)
        return sure, np.where(gone.surely, day, NEVER), mending

    def _spares(self) -> tuple[Floats, Flags]:
        gone, spares = self.block.gone, self.block.scenario.spares
        pools: Pools = pools_of(gone.product, gone.may_be)
        first = pools.members[pools.starts[:-1]]
        place = self.generator.random()
        low, high = gone.kind_days[first, 0], gone.kind_days[first, 1]
        share = self._drawn(spares.stock_share)
        if self.block.mode == "chips":
            share += self._drawn(spares.vendor_stock_share)
        sizes = np.diff(pools.starts)
        stock = np.full(len(sizes), NEVER) if spares.is_endless else np.floor(sizes * share)
        yields = self._drawn(spares.cannibalised_share)
        return spare_run(
            pools,
            days_between=(low + (high - low) * place) * DAYS_A_YEAR,
            stock=stock,
            yields=yields,
            repair_days=self._drawn(spares.repair_days),
            steps_days=self.block.days,
            elements=len(gone.surely),
            generator=self.generator,
        )

    def _updates(self) -> tuple[Floats, Floats]:
        gone, updates = self.block.gone, self.block.scenario.updates
        of, products = gone.product, int(gone.product.max(initial=-1)) + 1
        rate = self._weaknesses() * self._drawn(updates.forcing_share) / DAYS_A_YEAR
        grace = self._drawn(updates.grace_days)
        waits = self.generator.exponential(size=products)
        first = waits / rate if rate > 0 else np.full(products, NEVER)
        dates = gone.expiry
        # What runs today was not switched off before, so that a weakness older than the time of
        # grace was none that forces it; later ones come as to any other (they are memoryless).
        since = np.maximum(dates.mended_until, -grace)
        unmended = np.where(
            gone.exploited, np.maximum(dates.mended_until, 0.0) + grace, since + first[of] + grace
        )
        lasts = self._drawn(updates.certificate_days)
        drawn = (self.generator.random(products) * lasts)[of]
        expired = np.minimum(np.where(dates.is_stated, NEVER, drawn), dates.lapses)
        return np.minimum(unmended, dates.stops), expired

    def _weaknesses(self) -> float:
        stated, counted = self.block.scenario.updates.weaknesses_a_year, self.block.gone.weaknesses
        if stated is not None:
            return self._drawn(stated)
        if counted is not None:
            # Of a count n in t years, with Jeffreys' prior, the rate is Gamma(n + 1/2, 1/t).
            return float(self.generator.gamma(counted[0] + 0.5) / counted[1])
        return self._drawn(ASSUMED_WEAKNESSES_A_YEAR)
