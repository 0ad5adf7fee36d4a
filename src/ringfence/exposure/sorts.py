"""Sorts of destinations: those that lists can tell apart, and those that one list does."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from ringfence.exposure.arrays import Ints, Longs
from ringfence.exposure.filters import MAYBE, NO, YES, Destination, RuleList


class Sorts:
    """What lists can tell destinations apart by, in arrays."""

    def __init__(
        self, sorts: Sequence[Destination], parts: Sequence[tuple[int, int]],
        kinds: Sequence[tuple[tuple[str, bool], ...]],
    ) -> None:  # fmt: skip
        self.version: Ints = np.array([v for v, _ in parts], np.int32)
        self._part: Ints = np.array([p for _, p in parts], np.int32)
        self._protocols: dict[str | None, int] = {None: -1}
        protocols = [self._protocols.setdefault(at.protocol, len(self._protocols)) for at in sorts]
        self._protocol: Ints = np.array(protocols, np.int32)
        self._port: Ints = np.array([-1 if at.port is None else at.port for at in sorts], np.int32)
        self._member = defaultdict[str, dict[int, int]](dict)
        for number, kind in enumerate(kinds):
            for group, is_certain in kind:
                self._member[group][number] = YES if is_certain else MAYBE

    def told_by(self, lists: RuleList, cuts: Mapping[int, Sequence[int]]) -> Ints:
        """Which sorts a list treats alike, by number."""
        rows = [self.version.astype(np.int64)]
        for tier in lists.tiers:
            for entry in tier:
                codes = np.full(
                    len(self.version),
                    YES if entry.is_understood and entry.is_placed else MAYBE,
                    np.int64,
                )
                if entry.is_answer_only:
                    continue
                asked: list[Ints] = []
                if entry.protocol is not None:
                    is_same = self._protocol == self._protocols.get(entry.protocol, -2)
                    asked.append(np.where(self._protocol == -1, MAYBE, is_same))
                if entry.destination_ports is not None:
                    first, last = entry.destination_ports
                    inside = (first <= self._port) & (self._port <= last)
                    asked.append(np.where(self._port == -1, MAYBE, inside))
                if entry.destination is not None:
                    of_family = cuts[entry.destination.version]
                    low = bisect_right(of_family, int(entry.destination.network_address))
                    high = bisect_right(of_family, int(entry.destination.broadcast_address))
                    inside = (low <= self._part) & (self._part <= high)
                    inside &= self.version == entry.destination.version
                    asked.append(np.where(self.version == 0, MAYBE, inside))
                if entry.destination_group is not None:
                    member = np.full(len(codes), NO, np.int32)
                    for number, code in self._member[entry.destination_group].items():
                        member[number] = code
                    asked.append(member)
                for one in asked:
                    codes = np.where((codes == NO) | (one == NO), NO, np.maximum(codes, one))
                rows.append(codes)
        return alike(np.array(rows))


def alike(rows: Longs) -> Ints:
    """Which columns are equal, by number."""
    distinct: dict[bytes, int] = {}
    columns = np.ascontiguousarray(
        rows.T.astype(np.int8 if rows.max(initial=0) < 100 else np.int64)
    )
    return np.array(
        [distinct.setdefault(c.tobytes(), len(distinct)) for c in columns], np.int32
    ).reshape(rows.shape[1])  # fmt: skip


def together(told: Sequence[Ints], size: int) -> Ints:
    """Which are equal in all of these numberings."""
    found: Ints = np.zeros(size, np.int32)
    for one in told:
        pairs = found.astype(np.int64) * (int(one.max(initial=0)) + 1) + one
        found = np.unique(pairs, return_inverse=True)[1].astype(np.int32).reshape(size)
    return found
