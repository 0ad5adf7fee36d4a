"""What a transport network still reaches, for many states at once.

A *state* says which nodes work (in one case of vendors gone, or in one run of a simulation on one
day). States are worked out 64 to the word: a node carries one bit a state. The network is made
ready once. Trees that hang on it are taken off first: a node of a tree is reached where all nodes
down to it work and the tree's foot is reached, so one pass from the foot upwards settles it. What
is left, the kernel, is numbered in the order of a search from the nodes that count; one pass in
that order reaches nearly everything, and a queue works off the detours that are left.

Many searches by one bit each: M. Then et al., "The More the Merrier", PVLDB 8(4) (2014).
"""

from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

from ringfence.errors import UsageError
from ringfence.exposure.closure import listed
from ringfence.exposure.compiled import compiled

Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]

WORD = 64
"""States that one word carries."""

ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""Every state of a word."""


@dataclass(frozen=True, slots=True)
class Backhaul:
    """A transport network made ready.

    `parent` is the next node towards the foot of a node's tree, -1 in the kernel; `tree` are the
    nodes of trees, feet first; `root` is the place in the kernel of each node's foot, its own for
    those of the kernel. `kernel` is the node at each place; `starts` and `before` list the places
    from which each place is reached, `after_starts` and `after` those it reaches.
    """

    nodes: int
    parent: Ints
    tree: Ints
    root: Ints
    kernel: Ints
    starts: Longs
    before: Ints
    after_starts: Longs
    after: Ints

    @classmethod
    def of(cls, nodes: int, source: Ints, target: Ints, keep: npt.ArrayLike) -> Self:
        """Make arcs ready; a link of both ways is two arcs. Reach begins at nodes in `keep` alone.

        An arc of one way only is followed that way. Raises `UsageError` where an arc names a node
        that is not there.
        """
        for ends in (source, target):
            if len(ends) and (ends.min() < 0 or ends.max() >= nodes):
                raise UsageError(f"an arc names a node that is not among the {nodes:,}")
        kept = np.zeros(nodes, np.bool_)
        kept[np.asarray(keep, np.int64)] = True
        starts, targets = listed(source, target, nodes)
        back_starts, sources = listed(target, source, nodes)
        parent, tree = _peeled(starts, targets, back_starts, sources, kept)
        kernel = _ordered(starts, targets, parent, kept)
        place = np.full(nodes, -1, np.int32)
        place[kernel] = np.arange(len(kernel), dtype=np.int32)
        root = _rooted(parent, tree, place)
        first, second = place[source], place[target]
        inside = (first >= 0) & (second >= 0) & (first != second)
        first, second = first[inside], second[inside]
        in_starts, before = listed(second, first, len(kernel))
        out_starts, after = listed(first, second, len(kernel))
        return cls(nodes, parent, tree, root, kernel, in_starts, before, out_starts, after)

    def paths(self, works: Words) -> Words:
        """The states in which all nodes from each node down to, but not with, its foot work.

        A row a node; that of a kernel node is all states.
        """
        found = np.empty_like(works)
        _walk(self.parent, self.tree, self.kernel, works, found)
        return found

    def spread(self, works: Words, seeds: Words) -> None:
        """Let reach spread from `seeds` over the places that work, in place; a row a place."""
        _spread(self.starts, self.before, self.after_starts, self.after, works, seeds)

    def reached(self, works: Words, seeds: Words) -> Words:
        """The states in which each node is reached; `works` and `seeds` have a row a node."""
        here = seeds[self.kernel]
        self.spread(works[self.kernel], here)
        found = np.empty_like(works)
        _reached(self.root, self.parent, self.tree, self.kernel, works, here, found)
        return found


@compiled
def _peeled(
    starts: Longs, targets: Ints, back_starts: Longs, sources: Ints, kept: Flags
) -> tuple[Ints, Ints]:
    """Take off nodes with one neighbour left until there are none; parents, and feet-first order.

    A node is only taken off where its neighbour leads to it, so that it is reached through it.
    """
    nodes = len(kept)
    # The number and the sum of the neighbours left: of one neighbour the sum is the neighbour.
    # Several arcs between two nodes count once, since each is followed by its first alone.
    many = np.zeros(nodes, np.int32)
    total = np.zeros(nodes, np.int64)
    stamp = np.full(nodes, -1, np.int32)
    for node in range(nodes):
        for edge in range(starts[node], starts[node + 1]):
            other = targets[edge]
            if other != node and stamp[other] != node:
                stamp[other] = node
                many[node] += 1
                total[node] += other
        for edge in range(back_starts[node], back_starts[node + 1]):
            other = sources[edge]
            if other != node and stamp[other] != node:
                stamp[other] = node
                many[node] += 1
                total[node] += other
    parent = np.full(nodes, -1, np.int32)
    gone = np.zeros(nodes, np.bool_)
    order = np.empty(nodes, np.int32)
    taken = 0
    for first in range(nodes):
        node = first
        while not gone[node] and not kept[node] and many[node] == 1:
            other = total[node]
            leads = False
            for edge in range(back_starts[node], back_starts[node + 1]):
                if sources[edge] == other:
                    leads = True
            if not leads:
                break
            gone[node] = True
            parent[node] = other
            order[taken] = node
            taken += 1
            many[other] -= 1
            total[other] -= node
            node = other
    return parent, order[:taken][::-1].copy()


@compiled
def _ordered(starts: Longs, targets: Ints, parent: Ints, kept: Flags) -> Ints:
    """The nodes of the kernel in the order of a search from those kept; the unreached come last."""
    nodes = len(kept)
    order = np.empty(nodes, np.int32)
    seen = parent >= 0
    found = 0
    for node in range(nodes):
        if kept[node]:
            seen[node] = True
            order[found] = node
            found += 1
    at = 0
    for extra in range(nodes + 1):
        while at < found:
            node = order[at]
            at += 1
            for edge in range(starts[node], starts[node + 1]):
                other = targets[edge]
                if not seen[other]:
                    seen[other] = True
                    order[found] = other
                    found += 1
        if extra < nodes and not seen[extra]:
            seen[extra] = True
            order[found] = extra
            found += 1
    return order[:found].copy()


@compiled
def _rooted(parent: Ints, tree: Ints, place: Ints) -> Ints:
    root = place.copy()
    for node in tree:
        root[node] = root[parent[node]]
    return root


@compiled
def _walk(parent: Ints, tree: Ints, kernel: Ints, works: Words, found: Words) -> None:
    width = works.shape[1]
    for node in kernel:
        for w in range(width):
            found[node, w] = ALL
    for node in tree:
        foot = parent[node]
        for w in range(width):
            found[node, w] = works[node, w] & found[foot, w]


@compiled
def _reached(
    root: Ints, parent: Ints, tree: Ints, kernel: Ints, works: Words, here: Words, found: Words
) -> None:
    width = works.shape[1]
    for node in kernel:
        for w in range(width):
            found[node, w] = here[root[node], w]
    for node in tree:
        foot = parent[node]
        for w in range(width):
            found[node, w] = works[node, w] & found[foot, w]


@compiled
def _hand_on(own: int, other: int, works: Words, words: Words) -> bool:
    """Let a place be reached from another; whether that was news."""
    width = words.shape[1]
    news = words[own, 0] & works[other, 0] & ~words[other, 0]
    for w in range(1, width):
        news |= words[own, w] & works[other, w] & ~words[other, w]
    if news == 0:
        return False
    for w in range(width):
        words[other, w] |= words[own, w] & works[other, w]
    return True


@compiled
def _spread(
    starts: Longs, before: Ints, after_starts: Longs, after: Ints, works: Words, words: Words
) -> None:
    """Reach all that can be reached, in place."""
    count, width = words.shape
    for own in range(count):
        for w in range(width):
            words[own, w] &= works[own, w]
    for own in range(count):
        for edge in range(starts[own], starts[own + 1]):
            other = before[edge]
            for w in range(width):
                words[own, w] |= words[other, w]
        for w in range(width):
            words[own, w] &= works[own, w]
    # A ring: each place waits once at most.
    waits = np.zeros(count, np.bool_)
    queue = np.empty(max(count, 1), np.int32)
    head = queued = 0
    for own in range(count - 1, -1, -1):
        for edge in range(after_starts[own], after_starts[own + 1]):
            other = after[edge]
            if _hand_on(own, other, works, words) and not waits[other]:
                waits[other] = True
                queue[(head + queued) % count] = other
                queued += 1
    while queued > 0:
        own = queue[head]
        head = head + 1 if head + 1 < count else 0
        queued -= 1
        waits[own] = False
        for edge in range(after_starts[own], after_starts[own + 1]):
            other = after[edge]
            if _hand_on(own, other, works, words) and not waits[other]:
                waits[other] = True
                queue[(head + queued) % count] = other
                queued += 1


def packed(flags: npt.NDArray[np.bool_]) -> Words:
    """States as words: `flags` has a row a node and a column a state; the words' rest is 0."""
    rows, states = flags.shape
    width = max(1, -(-states // WORD))
    bits = np.zeros((rows, width * WORD), np.bool_)
    bits[:, :states] = flags
    words: Words = np.packbits(bits, axis=1, bitorder="little").view(np.uint64)
    return words


def unpacked(words: Words, states: int) -> Flags:
    """Words as states: a row a node, a column a state."""
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")
    return bits[:, :states].astype(np.bool_)
