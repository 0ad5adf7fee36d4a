"""Which vendors out together stop what: every set in one pass, not one vendor at a time.

A set of vendors is one state of the service tree, so that 256 of them are worked out at once.
Since withdrawing more never serves more, a set that stops a region makes every larger one stop it
too: only the least sets are told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from math import comb
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pydantic

from ringfence.dependence.evaluate import clocks, served, totals
from ringfence.dependence.inventory import inventory
from ringfence.dependence.reach import Flags, packed
from ringfence.dependence.scenario import ServiceScenario
from ringfence.dependence.services import structure
from ringfence.dependence.tree import Structure
from ringfence.dependence.ways import SERVICES
from ringfence.errors import UsageError
from ringfence.network.ownership import control
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables
from ringfence.store.tables import Column, Table, Type

Floats = npt.NDArray[np.float64]

AT_ONCE: Final = 256
MOST_SETS: Final = 20_000
EXACT_VENDORS: Final = 12
"""Up to so many vendors every set is worked out (2^12 = 4,096); beyond, orders are drawn."""

ORDERS: Final = 256
NATION: Final = "network"

MINIMAL = Table(
    "minimal_set",
    "a least set of vendors that stops a service in a part of the network",
    ("by", "group", "service", "reading", "vendors"),
    (
        Column("by", Type.TEXT, "How the network is parted", required=True),
        Column("group", Type.TEXT, "The part; null for the whole, or where not stated"),
        Column("service", Type.TEXT, "The service", required=True),
        Column("reading", Type.TEXT, "Whether it surely stops, or may",
               one_of=("surely out", "may be out"), required=True),
        Column("vendors", Type.TEXT, "The vendors, parted by ` + `", required=True),
        Column("size", Type.INTEGER, "How many they are; 0 where it is out already", required=True),
        Column("out", Type.DECIMAL, "Part of the sites, weighed by people where all are stated, "
               "that is out", required=True, minimum=0, maximum=1),
    ),
)  # fmt: skip
CARRIED = Table(
    "carried_share",
    "the part of the national outage that a vendor carries",
    ("service", "reading", "vendor"),
    (
        Column("service", Type.TEXT, "The service", required=True),
        Column("reading", Type.TEXT, "Surely out, or may be", required=True),
        Column("vendor", Type.TEXT, "The vendor", required=True, refers_to="vendor"),
        Column("share", Type.DECIMAL, "Its mean addition to the outage over all orders of going, "
               "of the whole service (L. S. Shapley, 1953)", required=True),
        Column("alone", Type.DECIMAL, "What is out when it alone goes", required=True),
        Column("standard_error", Type.DECIMAL, "Of the share; 0 where every set was worked out",
               required=True),
        Column("basis", Type.TEXT, "How it was found", one_of=("exact", "drawn"), required=True),
    ),
)  # fmt: skip


class SetParameters(pydantic.BaseModel):
    """Which sets: all of up to `largest` of the vendors with equipment, or of those named.

    A part is stopped where at least `stopped` of it is out.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    as_of: date
    vendors: tuple[str, ...] = ()
    largest: int = pydantic.Field(default=3, ge=1, le=4)
    stopped: float = pydantic.Field(default=0.5, gt=0, le=1)
    services: ServiceScenario = ServiceScenario()
    seed: int = pydantic.Field(default=2026, ge=0, lt=2**63)


@dataclass(frozen=True, slots=True)
class Holders:
    """The vendors asked of, and whose each element surely is; `is_open` where no maker is stated."""

    vendors: tuple[str, ...]
    held: Flags
    is_open: Flags


@step(
    reads=("element", "function", "site", "product", "demand", "link", "relation", "vendor",
           "ownership"),
    writes=("minimal_set", "carried_share"),
    version=2,
)  # fmt: skip
def vendor_sets(network: Tables, parameters: SetParameters) -> Answer:
    """Find the least sets of vendors that stop a service, and the outage each vendor carries."""
    tree = structure(inventory(network, parameters.as_of), parameters.services)
    holders = holders_of(tree, network, parameters.vendors)
    return {
        "minimal_set": minimal_sets(tree, holders, parameters.largest, parameters.stopped),
        "carried_share": carried(tree, holders, parameters.seed),
    }


def holders_of(tree: Structure, network: Tables, named: Sequence[str] = ()) -> Holders:
    """The vendors that hold equipment, each with all it controls; those alike are taken once."""
    known = tree.inventory
    below: dict[str, set[str]] = {}
    for row in control(network["vendor"], network["ownership"]).to_pylist():
        below.setdefault(row["holder"], set()).add(row["vendor"])
    makers = {m for column in known.makers for m in column.unique().to_pylist() if m is not None}
    names = sorted(named) if named else sorted(set(below) | makers)
    columns, kept = [], []
    seen: set[bytes] = set()
    for name in names:
        held, _ = known.holds(frozenset(below.get(name, set()) | {name}))
        key = held.tobytes()
        if (held.any() and key not in seen) or named:
            seen.add(key)
            kept.append(name)
            columns.append(held)
    held = np.stack(columns, axis=1) if columns else np.zeros((known.element_count, 0), np.bool_)
    return Holders(tuple(kept), held, np.asarray(pc.is_null(known.makers[0])))


def out_of_sets(
    tree: Structure, holders: Holders, sets: Sequence[Sequence[int]], groups: npt.NDArray[np.int32]
) -> tuple[Floats, Floats]:
    """The part of each group that is out in each set: `[2, groups, sets]`, surely and may be.

    Groups are weighed by people, or premises, where every site of the group states them, else by
    sites; the second answer is the weight of each.
    """
    count = int(groups.max(initial=-1)) + 1
    weights, whole = _weights(tree, groups, count)
    found = np.empty((2, count, len(sets)))
    for first in range(0, len(sets), AT_ONCE):
        part = sets[first : first + AT_ONCE]
        gone = np.zeros((tree.inventory.element_count, len(part)), np.bool_)
        for number, members in enumerate(part):
            gone[:, number] = holders.held[:, list(members)].any(axis=1)
        felt = clocks(len(part), time=True, management=True)
        for number, reading in enumerate((tree.possible, tree.sure)):
            # Of an element without a maker it may be that one of the set made it.
            some = np.array([len(members) > 0 for members in part])
            down = gone if number == 0 else gone | (holders.is_open[:, None] & some)
            given = served(reading, packed(~down), felt)
            out = totals(~given, weights, groups, count)[:, : len(part)]
            found[number, :, first : first + AT_ONCE] = out / np.where(whole > 0, whole, 1)[:, None]
    return found, whole


def _weights(tree: Structure, groups: npt.NDArray[np.int32], count: int) -> tuple[Floats, Floats]:
    amount = np.where(np.isnan(tree.people), tree.premises, tree.people)
    lacking = np.bincount(groups, np.isnan(amount) | (amount < 0), count) > 0
    nothing = np.bincount(groups, np.nan_to_num(amount), count) == 0
    weights = np.where((lacking | nothing)[groups], 1.0, np.nan_to_num(amount))
    return weights, np.bincount(groups, weights, count).astype(np.float64)


def minimal_sets(tree: Structure, holders: Holders, largest: int, stopped: float) -> pa.Table:
    """The least sets of up to `largest` vendors that stop a service in a part of the network."""
    many = len(holders.vendors)
    if sum(comb(many, size) for size in range(largest + 1)) > MOST_SETS:
        raise UsageError(
            f"{many} vendors make more than {MOST_SETS:,} sets of up to {largest}",
            hint="name the vendors, or ask for smaller sets",
        )
    sets = [s for size in range(min(largest, many) + 1) for s in combinations(range(many), size)]
    rows = []
    parts = {NATION: np.zeros(tree.services, np.int32), "operator": tree.operator,
             "region": tree.region}  # fmt: skip
    names = {"operator": tree.inventory.operators, "region": tree.inventory.regions}
    for by, part in parts.items():
        label = part.astype(np.int64) * len(SERVICES) + tree.service_kind
        keys, place = np.unique(label, return_inverse=True)
        if not len(keys):
            continue
        out, _ = out_of_sets(tree, holders, sets, place.astype(np.int32))
        for number, reading in enumerate(("surely out", "may be out")):
            for row, key in enumerate(keys.tolist()):
                stops = [s for s, o in zip(sets, out[number, row], strict=True) if o >= stopped]
                shares = dict(zip(sets, out[number, row].tolist(), strict=True))
                rows += [
                    {
                        "by": by,
                        "group": names[by][key // len(SERVICES)] if by in names else None,
                        "service": SERVICES[key % len(SERVICES)],
                        "reading": reading,
                        "vendors": " + ".join(holders.vendors[i] for i in one),
                        "size": len(one),
                        "out": round(min(1.0, shares[one]), 9),
                    }
                    for one in _least(stops)
                ]
    return MINIMAL.from_rows(rows).sort_by([(k, "ascending") for k in MINIMAL.key])


def _least(sets: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Those of which no proper part is among them; `sets` come smallest first."""
    found: list[frozenset[int]] = []
    kept = []
    for one in sets:
        as_set = frozenset(one)
        if not any(other <= as_set for other in found):
            found.append(as_set)
            kept.append(one)
    return kept


def carried(tree: Structure, holders: Holders, seed: int) -> pa.Table:
    """The outage each vendor carries; exact for few vendors, else from drawn orders."""
    many = len(holders.vendors)
    place = tree.service_kind.astype(np.int32)
    kinds = sorted(set(place.tolist()))
    if not kinds or not many:
        return CARRIED.empty()
    if many <= EXACT_VENDORS:
        worth, error = _exact(tree, holders, place), np.zeros((2, max(kinds) + 1, many))
        basis = "exact"
    else:
        worth, error = _drawn(tree, holders, place, np.random.default_rng(seed))
        basis = "drawn"
    none, _ = out_of_sets(tree, holders, [()], place)
    alone, _ = out_of_sets(tree, holders, [(i,) for i in range(many)], place)
    rows = [
        {
            "service": SERVICES[kind],
            "reading": reading,
            "vendor": vendor,
            "share": round(float(worth[number, kind, i]), 9),
            "alone": round(float(alone[number, kind, i] - none[number, kind, 0]), 9),
            "standard_error": round(float(error[number, kind, i]), 9),
            "basis": basis,
        }
        for number, reading in enumerate(("surely out", "may be out"))
        for kind in kinds
        for i, vendor in enumerate(holders.vendors)
    ]
    return CARRIED.from_rows(rows).sort_by([(k, "ascending") for k in CARRIED.key])


def _exact(tree: Structure, holders: Holders, place: npt.NDArray[np.int32]) -> Floats:
    many = len(holders.vendors)
    sets = [tuple(i for i in range(many) if number >> i & 1) for number in range(2**many)]
    out, _ = out_of_sets(tree, holders, sets, place)
    sizes = np.array([len(s) for s in sets])
    # A vendor comes to a set of s others with the chance s! (n - s - 1)! / n!.
    chance = np.array([1.0 / (many * comb(many - 1, s)) if s < many else 0.0 for s in sizes])
    numbers = np.arange(2**many)
    worth = np.empty((2, out.shape[1], many))
    for i in range(many):
        without = numbers[(numbers >> i & 1) == 0]
        gain = out[:, :, without | (1 << i)] - out[:, :, without]
        worth[:, :, i] = (gain * chance[without]).sum(axis=2)
    return worth


def _drawn(
    tree: Structure,
    holders: Holders,
    place: npt.NDArray[np.int32],
    generator: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Means over drawn orders, with their standard errors."""
    many = len(holders.vendors)
    orders = [generator.permutation(many).tolist() for _ in range(ORDERS)]
    sets = [tuple(sorted(order[:size])) for order in orders for size in range(many + 1)]
    unique = sorted(set(sets))
    where = {one: number for number, one in enumerate(unique)}
    out, _ = out_of_sets(tree, holders, unique, place)
    gains = np.empty((2, out.shape[1], many, ORDERS))
    for number, order in enumerate(orders):
        at = [where[tuple(sorted(order[:size]))] for size in range(many + 1)]
        steps = out[:, :, at]
        gains[:, :, order, number] = steps[:, :, 1:] - steps[:, :, :-1]
    return gains.mean(axis=3), gains.std(axis=3, ddof=1) / np.sqrt(ORDERS)
