"""How sets of packets spread backwards from a destination over routers, compiled.

A set of packets is a number, and what becomes of two sets is looked up in a table that is filled as
pairs are met for the first time: a network has many routers and few sets. A target for which a pair
was missing is gone through again once the table has it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ringfence.exposure.arrays import Flags, Ints, Longs
from ringfence.exposure.compiled import compiled

NOTHING = 0
"""The number of the empty set."""

EVERYTHING = 1
"""The number of the set of all packets."""

_EITHER = 1 << 30
"""Codes from here on mean the union with a set; those before it what passes a set of lists."""

_MOST_MISSING = 1 << 16
_FREE = -1


def either(one: int) -> int:
    """The code of the union with a set."""
    return _EITHER + one


class _Table(NamedTuple):
    """What becomes of sets, by code and set; `missing` begins with how many keys are in it."""

    keys: Longs
    values: Ints
    missing: Longs


class _Laid(NamedTuple):
    """`Roads` in arrays: lists of lists are one after the other, with where each begins."""

    edge_starts: Ints
    edge_target: Ints
    way_starts: Ints
    way_door: Ints
    way_code: Longs
    door_of: Ints
    foot_starts: Ints
    foot_of_door: Ints


class _Aimed(NamedTuple):
    """`Targets` in arrays."""

    plan_of: Ints
    given: Ints
    extra_starts: Ints
    extra_foot: Ints
    extra_set: Ints
    seed_starts: Ints
    seed_door: Ints
    seed_set: Ints


class _Found(NamedTuple):
    """What comes to each door for each target, and the edge it goes on by."""

    arrived: Ints
    parent: Ints
    is_done: Flags


@compiled
def _slot(keys: Longs, key: int) -> int:
    mask = len(keys) - 1
    at = ((key * 0x9E3779B97F4A7C1) >> 20) & mask
    while keys[at] != _FREE and keys[at] != key:
        at = (at + 1) & mask
    return at


@compiled
def _look_up(keys: Longs, values: Ints, missing: Longs, code: int, given: int) -> int:
    """What becomes of a set; -1, and a note of it, where that is not in the table."""
    if code < 1 << 30:
        # The two that are met most: all pass, and all is given.
        if code == EVERYTHING:
            return given
        if given == EVERYTHING:
            return code
    key = (code << 31) | given
    at = _slot(keys, key)
    if keys[at] == key:
        return int(values[at])
    if missing[0] < len(missing) - 1:
        missing[0] += 1
        missing[missing[0]] = key
    return -1


@compiled
def _put(keys: Longs, values: Ints, new_keys: Longs, new_values: Ints) -> None:
    for i in range(len(new_keys)):
        at = _slot(keys, new_keys[i])
        keys[at] = new_keys[i]
        values[at] = new_values[i]


@compiled
def _spread(  # noqa: C901, PLR0912, PLR0915 (one loop, and no calls in it that would cost)
    columns: Ints, roads: _Laid, targets: _Aimed, table: _Table, found: _Found
) -> None:
    edge_starts, edge_target, way_starts, way_door, way_code = roads[:5]
    door_of, foot_starts, foot_of_door = roads[5:]
    plan_of, given, extra_starts, extra_foot, extra_set = targets[:5]
    seed_starts, seed_door, seed_set = targets[5:]
    keys, values, missing = table
    arrived, parent, is_done = found
    feet, routers = len(door_of), plan_of.shape[1]
    head = np.full(feet + 1, -1, np.int32)
    following = np.empty(max(1, len(edge_target)), np.int32)
    used = np.empty(feet + 1, np.int32)
    queue = np.empty(feet + 1, np.int32)
    is_queued = np.zeros(feet + 1, np.bool_)
    extra = np.zeros(feet + 1, np.int32)
    for number in range(len(columns)):
        column = columns[number]
        has_missed = False
        many = 0
        for router in range(routers):
            plan = plan_of[column, router]
            for edge in range(edge_starts[plan], edge_starts[plan + 1]):
                to = edge_target[edge]
                if head[to] == -1:
                    used[many] = to
                    many += 1
                following[edge] = head[to]
                head[to] = edge
        first, waiting = 0, 0
        # The last of the feet stands for all that have the address.
        extra[feet] = given[column]
        for i in range(extra_starts[column], extra_starts[column + 1]):
            extra[extra_foot[i]] = extra_set[i]
        for i in range(extra_starts[column], extra_starts[column + 1] + 1):
            foot = feet if i == extra_starts[column + 1] else extra_foot[i]
            queue[waiting % (feet + 1)] = foot
            is_queued[foot] = True
            waiting += 1
        for i in range(seed_starts[column], seed_starts[column + 1]):
            door = seed_door[i]
            arrived[column, door] = seed_set[i]
            parent[column, door] = -2
            for j in range(foot_starts[door], foot_starts[door + 1]):
                foot = foot_of_door[j]
                if not is_queued[foot]:
                    queue[waiting % (feet + 1)] = foot
                    is_queued[foot] = True
                    waiting += 1
        while first < waiting:
            foot = queue[first % (feet + 1)]
            first += 1
            is_queued[foot] = False
            then = extra[foot]
            if foot < feet and door_of[foot] >= 0:
                came = arrived[column, door_of[foot]]
                if then == 0:
                    then = came
                if came > 0 and came != then:
                    low, high = min(then, came), max(then, came)
                    then = _look_up(keys, values, missing, (1 << 30) + low, high)
                    if then < 0:
                        has_missed = True
                        continue
            if then == 0:
                continue
            edge = head[foot]
            while edge != -1:
                for way in range(way_starts[edge], way_starts[edge + 1]):
                    passed = _look_up(keys, values, missing, way_code[way], then)
                    if passed < 0:
                        has_missed = True
                    if passed <= 0:
                        continue
                    door = way_door[way]
                    before = arrived[column, door]
                    if before == passed:
                        continue
                    if before != 0:
                        low, high = min(before, passed), max(before, passed)
                        passed = _look_up(keys, values, missing, (1 << 30) + low, high)
                        if passed < 0:
                            has_missed = True
                        if passed < 0 or passed == before:
                            continue
                    else:
                        parent[column, door] = edge
                    arrived[column, door] = passed
                    for j in range(foot_starts[door], foot_starts[door + 1]):
                        onward = foot_of_door[j]
                        if not is_queued[onward]:
                            queue[waiting % (feet + 1)] = onward
                            is_queued[onward] = True
                            waiting += 1
                edge = following[edge]
        for i in range(many):
            head[used[i]] = -1
        for i in range(extra_starts[column], extra_starts[column + 1]):
            extra[extra_foot[i]] = 0
        is_done[column] = not has_missed
        if has_missed:
            arrived[column, :] = 0
            parent[column, :] = -1


@dataclass(slots=True)
class Roads:
    """The routers' ways as numbers.

    A plan is all ways of one router for one sort of destination: edges, each to a foot (the last
    number stands for all feet that have the address), and for each edge the doors of the router
    that packets may have come in by, with the code of what becomes of them.
    """

    door_of_foot: Ints
    doors: int
    edge_starts: list[int] = field(default_factory=lambda: [0])
    edge_target: list[int] = field(default_factory=list)
    way_starts: list[int] = field(default_factory=lambda: [0])
    way_door: list[int] = field(default_factory=list)
    way_code: list[int] = field(default_factory=list)

    def plan(self, edges: list[tuple[int, list[tuple[int, int]]]]) -> int:
        """The number of a new plan with these edges."""
        for target, ways in edges:
            self.edge_target.append(target)
            for door, code in ways:
                self.way_door.append(door)
                self.way_code.append(code)
            self.way_starts.append(len(self.way_door))
        self.edge_starts.append(len(self.edge_target))
        return len(self.edge_starts) - 2


@dataclass(slots=True)
class Targets:
    """Sorts of destinations: the plan of each router, and what comes to their own feet.

    `given` is what the feet that have the address take in, `extra` what comes to single feet, and
    `seed` what comes to doors of the routers beside them.
    """

    plan_of: Ints
    given: Ints
    extra: list[list[tuple[int, int]]]
    seed: list[list[tuple[int, int]]]


def _laid_out(rows: list[list[tuple[int, int]]]) -> tuple[Ints, Ints, Ints]:
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int32)
    flat = [pair for row in rows for pair in row]
    ends = np.array(flat, np.int32).reshape(-1, 2)
    return starts, ends[:, 0].copy(), ends[:, 1].copy()


def _laid(roads: Roads) -> _Laid:
    door_of = roads.door_of_foot
    order = np.argsort(door_of, kind="stable").astype(np.int32)
    order = order[door_of[order] >= 0]
    starts = np.searchsorted(door_of[order], np.arange(roads.doors + 1))
    return _Laid(
        np.array(roads.edge_starts, np.int32), np.array(roads.edge_target, np.int32),
        np.array(roads.way_starts, np.int32), np.array(roads.way_door, np.int32),
        np.array(roads.way_code, np.int64), door_of, starts.astype(np.int32), order,
    )  # fmt: skip


class Spreading:
    """The table of what becomes of sets, and the spreading over it."""

    def __init__(self, roads: Roads, become: Callable[[int, int], int]) -> None:
        """`become` tells what becomes of a set under a code."""
        self._roads = roads
        self._become = become
        self._keys: Longs = np.full(1 << 16, _FREE, np.int64)
        self._values: Ints = np.zeros(1 << 16, np.int32)
        self._many = 0
        self._laid = _laid(roads)

    def extended(self) -> None:
        """Take in what was added to the roads."""
        if len(self._laid.edge_starts) != len(self._roads.edge_starts):
            self._laid = _laid(self._roads)

    def _learn(self, keys: Longs) -> None:
        new = np.unique(keys)
        self._many += len(new)
        while 2 * self._many > len(self._keys):
            kept = self._keys != _FREE
            old_keys, old_values = self._keys[kept], self._values[kept]
            self._keys = np.full(2 * len(self._keys), _FREE, np.int64)
            self._values = np.zeros(len(self._keys), np.int32)
            _put(self._keys, self._values, old_keys, old_values)
        codes, sets = (new >> 31).tolist(), (new & ((1 << 31) - 1)).tolist()
        found = [self._become(c, s) for c, s in zip(codes, sets, strict=True)]
        _put(self._keys, self._values, new, np.array(found, np.int32))

    def spread(self, targets: Targets) -> tuple[Ints, Ints]:
        """By target and door: the set that comes to it, and the edge it first goes on by.

        The edge is -1 where nothing comes, and -2 where it leads to the target itself.
        """
        many, laid = len(targets.given), self._laid
        arrived = np.zeros((many, self._roads.doors), np.int32)
        parent = np.full((many, self._roads.doors), -1, np.int32)
        is_done = np.zeros(many, np.bool_)
        aimed = _Aimed(
            targets.plan_of, targets.given, *_laid_out(targets.extra), *_laid_out(targets.seed)
        )
        while not is_done.all():
            missing = np.zeros(_MOST_MISSING, np.int64)
            table = _Table(self._keys, self._values, missing)
            left = np.flatnonzero(~is_done).astype(np.int32)
            _spread(left, laid, aimed, table, _Found(arrived, parent, is_done))
            if missing[0]:
                self._learn(missing[1 : missing[0] + 1])
        return arrived, parent
