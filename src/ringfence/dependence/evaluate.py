"""Which services are given in which states: one pass over a reading of the service tree.

Everything here is monotone: an element more that works never serves less. What elements need of
each other is settled from above: all work until something they need does not, so that two that
need each other stand or fall together.
"""

import numpy as np
import numpy.typing as npt

from ringfence.dependence.reach import ALL, Flags, Ints, Longs, Words, packed
from ringfence.dependence.tree import Pass, Reading
from ringfence.exposure.compiled import compiled

Floats = npt.NDArray[np.float64]


def clocks(states: int, *, time: Flags | bool, management: Flags | bool) -> Words:
    """The states in which a need of each kind is felt, one row a kind: at once, time, management."""
    rows = np.ones((3, states), np.bool_)
    rows[1] = time
    rows[2] = management
    return packed(rows)


def works(reading: Reading, up: Words, felt: Words) -> Words:
    """The states in which each element works, having what it needs; `up` has a row an element.

    The rows after those of `up` are of made-up elements.
    """
    found = np.full((reading.elements, up.shape[1]), ALL, np.uint64)
    found[: len(up)] = up
    needs = reading.needs
    _settle(needs.owner, needs.starts, needs.members, needs.needed, needs.felt, found, felt)
    return found


def served(reading: Reading, up: Words, felt: Words, *, working: Words | None = None) -> Words:
    """The states in which each service is given; a row a service."""
    working = works(reading, up, felt) if working is None else working
    alive = nodes_working(reading, working)
    backhaul = reading.backhaul
    path = backhaul.paths(alive)
    inside = alive[backhaul.kernel]
    reach = [reached(reading, one, inside, working) for one in reading.passes]
    by_way = np.empty((len(reading.ways), *inside.shape), np.uint64)
    for number, passes in enumerate(reading.ways):
        by_way[number] = reach[passes[0]]
        for one in passes[1:]:
            by_way[number] &= reach[one]
    found = np.zeros((len(reading.served_anyway), up.shape[1]), np.uint64)
    found[reading.served_anyway] = ALL
    _offer(
        reading.offer_service,
        reading.offer_way,
        reading.offer_node,
        reading.offer_starts,
        reading.offer_members,
        backhaul.root,
        working,
        path,
        by_way,
        found,
    )
    if len(reading.stand_in):
        own = found.copy()
        _stand_in(reading.stand_in, reading.stand_in_of, own, found)
    return found


def nodes_working(reading: Reading, working: Words) -> Words:
    """The states in which each node of the transport network works."""
    found = np.full((len(reading.node_element), working.shape[1]), ALL, np.uint64)
    equipped = reading.node_element >= 0
    found[equipped] = working[reading.node_element[equipped]]
    return found


def reached(reading: Reading, one: Pass, inside: Words, working: Words) -> Words:
    """The states in which each place of the kernel is reached by enough of a pass."""
    if one.needed == 1:
        seeds = np.zeros_like(inside)
        _seed(one.place, one.element, working, seeds)
        reading.backhaul.spread(inside, seeds)
        return seeds
    enough = np.zeros((one.needed, *inside.shape), np.uint64)
    # An instance with several feet (its site's inside and its own) counts once.
    groups: dict[tuple[int, int], list[int]] = {}
    for row, (place, element) in enumerate(
        zip(one.place.tolist(), one.element.tolist(), strict=True)
    ):
        key = (0, element) if element >= 0 else (1, row)
        groups.setdefault(key, []).append(row)
        del place
    free = np.zeros_like(inside)
    for key, rows in groups.items():
        if key[0]:
            free[one.place[rows]] = ALL
            continue
        seeds = np.zeros_like(inside)
        _seed(one.place[rows], one.element[rows], working, seeds)
        reading.backhaul.spread(inside, seeds)
        for level in range(one.needed - 1, 0, -1):
            enough[level] |= enough[level - 1] & seeds
        enough[0] |= seeds
    found: Words = enough[-1] | (free & inside)
    return found


def totals(words: Words, amounts: Floats, groups: Ints, count: int) -> Floats:
    """The amounts of the services in `words`, added up by group and state: `[groups, states]`."""
    found = np.zeros((count, words.shape[1] * 64), np.float64)
    _totals(words, amounts, groups, found)
    return found


@compiled
def _settle(
    owner: Ints, starts: Longs, members: Ints, needed: Ints, felt_when: Ints, up: Words, felt: Words
) -> None:
    """Let what lacks a need not work, until nothing changes."""
    width = up.shape[1]
    is_news = True
    while is_news:
        is_news = False
        for group in range(len(owner)):
            own = owner[group]
            when = felt_when[group]
            for w in range(width):
                if needed[group] == 1:
                    have = up[own, w] & ~up[own, w]
                    for at in range(starts[group], starts[group + 1]):
                        have |= up[members[at], w]
                    left = up[own, w] & (have | ~felt[when, w])
                    if left != up[own, w]:
                        up[own, w] = left
                        is_news = True


@compiled
def _seed(place: Ints, element: Ints, working: Words, seeds: Words) -> None:
    width = seeds.shape[1]
    for i in range(len(place)):
        for w in range(width):
            if element[i] < 0:
                seeds[place[i], w] = ALL
            else:
                seeds[place[i], w] |= working[element[i], w]


@compiled
def _offer(
    service: Ints,
    way: Ints,
    node: Ints,
    starts: Longs,
    members: Ints,
    root: Ints,
    working: Words,
    path: Words,
    by_way: Words,
    found: Words,
) -> None:
    width = found.shape[1]
    for i in range(len(service)):
        for w in range(width):
            have = path[node[i], w] & ~path[node[i], w]
            for at in range(starts[i], starts[i + 1]):
                have |= working[members[at], w]
            found[service[i], w] |= have & path[node[i], w] & by_way[way[i], root[node[i]], w]


@compiled
def _stand_in(stand_in: Ints, of: Ints, own: Words, found: Words) -> None:
    width = found.shape[1]
    for i in range(len(stand_in)):
        for w in range(width):
            found[of[i], w] |= own[stand_in[i], w]


@compiled
def _totals(words: Words, amounts: Floats, groups: Ints, found: Floats) -> None:
    rows, width = words.shape
    for row in range(rows):
        amount = amounts[row]
        group = groups[row]
        if amount == 0:
            continue
        for w in range(width):
            word = words[row, w]
            if word == 0:
                continue
            for bit in range(64):
                found[group, w * 64 + bit] += amount * np.float64(
                    (word >> np.uint64(bit)) & np.uint64(1)
                )
