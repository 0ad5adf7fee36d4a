"""Claim: withdrawal in 256 cases at once, and 1,000 simulated runs of 20 years for a country.

`sites`: 500,000 sites and 1.5 million transport arcs, 256 sets of vendors out; which sites still
reach a point of presence. The peer is scipy's `connected_components`, one case at a time, on the
same graph in the same run; its figure for 256 is 16 cases times 16, and its answers are compared.

`country`: all steps of 1,000 runs of 20 years by quarter on a made-up country, both readings.

`elements N`: the service tree of a made-up country of N elements, 256 cases, once.

    uv run python benchmarks/withdrawal.py sites
    uv run python benchmarks/withdrawal.py country [ELEMENTS] [JOBS]
    uv run python benchmarks/withdrawal.py elements N
"""

import resource
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ringfence.dependence.evaluate import clocks, served
from ringfence.dependence.inventory import inventory
from ringfence.dependence.reach import Backhaul, packed, unpacked
from ringfence.dependence.scenario import Scenario, ServiceScenario
from ringfence.dependence.services import structure
from ringfence.dependence.simulation import simulate
from ringfence.dependence.withdraw import WithdrawParameters, concerned
from ringfence.network import vendors
from ringfence.network.functions import resolve_kinds
from ringfence.network.model import TABLES
from ringfence.network.synthetic import CountryParameters, country
from ringfence.store.duck import Tables, write_parquet

SITES = 500_000
LINKS = 750_000
CASES = 256
PEER_CASES = 16
DAY = date(2026, 11, 24)


def peak_mb() -> float:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def graph() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Arcs of both ways: a meshed backbone, double-homed hubs, sites with one link or two."""
    random = np.random.default_rng(1)
    backbone, hubs = 5_000, 50_000
    node = np.arange(1, SITES)
    first = np.where(
        node < backbone,
        node - 1,
        np.where(
            node < hubs,
            (node - backbone) * backbone // (hubs - backbone),
            backbone + (node - hubs) * (hubs - backbone) // (SITES - hubs),
        ),
    )
    extra = LINKS - len(node)
    more = np.concatenate(
        [
            np.repeat(np.arange(backbone), 2),
            np.arange(backbone, hubs),
            random.integers(hubs, SITES, extra - 2 * backbone - (hubs - backbone)),
        ]
    )
    near = random.integers(1, 60, len(more))
    other = np.where(more + near < SITES, more + near, more - near)
    source = np.concatenate([node, more]).astype(np.int32)
    target = np.concatenate([first, other]).astype(np.int32)
    return np.concatenate([source, target]), np.concatenate([target, source])


def cases() -> npt.NDArray[np.bool_]:
    """Which sites work in each case: sets of one to three of 12 makers, some in half the land."""
    random = np.random.default_rng(2)
    region = np.arange(SITES) * 40 // SITES
    favourite = random.integers(0, 12, 40)
    maker = np.where(random.random(SITES) < 0.5, favourite[region], random.integers(0, 12, SITES))
    works = np.ones((SITES, CASES), np.bool_)
    for case in range(CASES):
        out = random.choice(12, 1 + case % 3, replace=False)
        there = region < 20 if case % 2 else np.ones(SITES, np.bool_)
        works[:, case] = ~(np.isin(maker, out) & there & (random.random(SITES) < 0.3))
    works[0] = works[1] = True
    return works


def sites() -> None:
    """Print both methods' times, their ratio, and memory."""
    source, target = graph()
    works = cases()
    pops = np.array([0, 1])
    alive = packed(works)
    seeds = np.zeros_like(alive)
    seeds[pops] = ~np.uint64(0)
    Backhaul.of(3, np.array([0, 1], np.int32), np.array([1, 2], np.int32), [0]).reached(
        alive[:3].copy(), seeds[:3].copy()
    )
    began = time.process_time()
    ready = Backhaul.of(SITES, source, target, pops)
    index = time.process_time() - began
    times = []
    for _ in range(5):
        began = time.process_time()
        found = ready.reached(alive, seeds)
        times.append(time.process_time() - began)
    warm = sorted(times)[2]
    counts = unpacked(found, CASES).sum(axis=0)
    peers, same = [], True
    for case in range(0, CASES, CASES // PEER_CASES):
        began = time.process_time()
        here = works[:, case]
        both = here[source] & here[target]
        matrix = csr_array(
            (np.ones(int(both.sum()), np.int8), (source[both], target[both])), (SITES, SITES)
        )
        _, label = connected_components(matrix, directed=False)
        reached = here & np.isin(label, label[pops])
        peers.append(time.process_time() - began)
        same &= int(reached.sum()) == int(counts[case])
    matrix = csr_array((np.ones(len(source), np.int8), (source, target)), (SITES, SITES))
    began = time.process_time()
    connected_components(matrix, directed=False)
    alone = time.process_time() - began
    peer = float(np.mean(peers)) * CASES
    print(f"{SITES:,} sites, {len(source):,} arcs, kernel {len(ready.kernel):,}, {CASES} cases")
    print(f"reached: {counts.min():,} to {counts.max():,} sites; the peer agrees: {same}")
    print(f"made ready {index:.3f} s; all cases {warm:.4f} s CPU (median of 5)")
    print(f"scipy, {PEER_CASES} cases x {CASES // PEER_CASES}: {peer:.1f} s CPU", end="")
    print(f" (the search alone, of a graph laid out beforehand: {alone:.3f} s a case)")
    print(f"ratio warm {peer / warm:.0f}, cold {peer / (warm + index):.0f}", end="")
    print(f"; to the search alone, warm {alone * CASES / warm:.0f}, cold", end="")
    print(f" {alone * CASES / (warm + index):.0f}")
    print(f"peak memory {peak_mb():,.0f} MB")


def made(elements: int) -> Tables:
    """A made-up country as merged tables."""
    parts: dict[str, list[pa.Table]] = {}
    for name, piece in country(CountryParameters(elements=elements)):
        parts.setdefault(name, []).append(piece)
    tables = {name: table.empty() for name, table in TABLES.items()}
    tables |= {name: pa.concat_tables(pieces) for name, pieces in parts.items()}
    function = tables["function"]
    place = function.schema.names.index("kind")
    tables["function"] = function.set_column(place, "kind", resolve_kinds(function["kind"]))
    return Tables(vendors.resolve(tables).tables)


def on_disk(tables: Tables, folder: Path) -> Tables:
    """The same tables as Parquet files, as a workspace keeps them."""
    for name in tables:
        write_parquet(tables[name], folder / f"{name}.parquet")
    return Tables({name: folder / f"{name}.parquet" for name in tables})


def whole_country(elements: int, jobs: int) -> None:
    """Print the time of 1,000 runs of 20 years by quarter."""
    network = made(elements)
    scenario = Scenario(runs=1_000, years=20.0, steps_a_year=4)
    parameters = WithdrawParameters(
        vendors=("table:corvane",), mode="support", on=DAY, as_of=DAY, scenario=scenario
    )
    began, cpu = time.perf_counter(), time.process_time()
    tree = structure(inventory(network, DAY), scenario.services)
    gone = concerned(tree, network, parameters)
    ready = time.perf_counter() - began
    found = simulate(tree, gone, "support", scenario, jobs=jobs)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    known = tree.inventory
    print(
        f"{known.element_count:,} elements, {len(known.sites):,} sites, {tree.services:,} services"
    )
    print(f"of the vendor: {int(gone.surely.sum()):,} surely, {int(gone.may_be.sum()):,} may be")
    print(f"{found.runs:,} runs of {len(found.days):,} steps, {jobs} processes")
    print(f"service tree {ready:.1f} s; all {wall:.1f} s wall, {cpu:.1f} s CPU of this process")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"CPU of the other processes {children.ru_utime + children.ru_stime:.1f} s")
    print(f"peak memory {peak_mb():,.0f} MB, of a child {children.ru_maxrss / 1024:,.0f} MB")


def large(elements: int) -> None:
    """Print the time and memory of a service tree and of 256 cases on it."""
    with tempfile.TemporaryDirectory() as folder:
        network = on_disk(made(elements), Path(folder))
        pa.default_memory_pool().release_unused()
        print(f"made: {network.rows('element'):,} elements, peak memory {peak_mb():,.0f} MB")
        began = time.perf_counter()
        tree = structure(inventory(network, DAY), ServiceScenario())
        ready = time.perf_counter() - began
    random = np.random.default_rng(3)
    up = random.integers(0, 2**63, (tree.inventory.element_count, CASES // 64)).astype(np.uint64)
    up |= random.integers(0, 2**63, up.shape).astype(np.uint64)
    felt = clocks(CASES, time=False, management=False)
    began = time.perf_counter()
    for reading in (tree.sure, tree.possible):
        given = unpacked(served(reading, up, felt)[:1000], CASES)
        print(f"  served, of the first services and cases: {given.mean():.3f}")
    print(f"service tree {ready:.1f} s, {CASES} cases {time.perf_counter() - began:.1f} s wall")
    print(f"peak memory {peak_mb():,.0f} MB")


def main(words: list[str]) -> None:
    """Run what is named."""
    match words:
        case ["sites"]:
            sites()
        case ["country", *rest]:
            whole_country(int(rest[0]) if rest else 60_000, int(rest[1]) if rest[1:] else 2)
        case ["elements", number]:
            large(int(number))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
