"""When elements fall out: one run of a simulation at a time, each from a generator of its own.

Times are in days from the withdrawal. A run writes, for each element, from which step on it is
out for good, and the steps within repairs. Failures without repair are memoryless, so in a pool
of alike elements the next failure comes after an exponential time of the rates added up, and falls
on any one of them with the same chance (the superposition of Poisson processes).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ringfence.dependence.reach import Flags, Ints, Longs
from ringfence.exposure.compiled import compiled

Floats = npt.NDArray[np.float64]

NEVER = np.inf


@dataclass(frozen=True, slots=True)
class Pools:
    """Elements that take the same spare parts: those of each pool in a row of `members`."""

    starts: Longs
    members: Ints


def pools_of(label: npt.NDArray[np.int64], chosen: Flags) -> Pools:
    """The chosen elements by their label."""
    elements = np.flatnonzero(chosen)
    order = np.argsort(label[elements], kind="stable")
    members = elements[order].astype(np.int32)
    names = label[members]
    first = np.flatnonzero(np.append(True, names[1:] != names[:-1])[: len(names)])
    return Pools(np.append(first, len(members)).astype(np.int64), members)


def spare_run(
    pools: Pools,
    *,
    days_between: Floats,
    stock: Floats,
    yields: float,
    repair_days: float,
    steps_days: Floats,
    elements: int,
    generator: np.random.Generator,
) -> tuple[Floats, Flags]:
    """One run: the day each element is out for good, and the steps it is out for repair.

    `days_between` and `stock` are those of each pool; an endless stock is infinite. First come,
    first served: the part in stock goes to the failure that comes first.
    """
    gone = np.full(elements, NEVER)
    mending = np.zeros((elements, len(steps_days)), np.bool_)
    _spare_run(
        pools.starts,
        pools.members,
        days_between,
        stock.copy(),
        yields,
        repair_days,
        steps_days,
        generator,
        gone,
        mending,
    )
    return gone, mending


@compiled
def _spare_run(
    starts: Longs,
    members: Ints,
    days_between: Floats,
    stock: Floats,
    yields: float,
    repair_days: float,
    steps_days: Floats,
    generator: np.random.Generator,
    gone: Floats,
    mending: Flags,
) -> None:
    last = steps_days[-1]
    alive = members.copy()
    for pool in range(len(starts) - 1):
        first = starts[pool]
        left = starts[pool + 1] - first
        now = 0.0
        while left > 0:
            now += generator.exponential() * days_between[pool] / left
            if now > last:
                break
            which = first + min(int(generator.random() * left), left - 1)
            element = alive[which]
            if stock[pool] >= 1.0:
                stock[pool] -= 1.0
                step = np.searchsorted(steps_days, now)
                while step < len(steps_days) and steps_days[step] < now + repair_days:
                    mending[element, step] = True
                    step += 1
            else:
                gone[element] = now
                stock[pool] += yields
                left -= 1
                alive[which] = alive[first + left]
