"""Who comes to hold what: all that follows from what is held at first, for many cases at once.

The graph has two sorts of conclusion. By an *edge*, who holds the source holds the target. By a
*rule*, who holds both premises holds the conclusion. What follows is the least set closed under
both: nothing is ever un-held, so the order of work does not matter and the answer is one.

A *case* is a set of nodes held at first (a vendor, a pair of vendors, a vendor in one region, with
these or those unknowns open). Cases are worked out 64 to the word: a node carries one bit a case.
The graph is condensed once: nodes that follow from each other by edges are one component, and the
components are numbered so that edges lead upwards only. One pass over them in that order then
settles the edges for all cases; rules are gone through where a premise grew, and only components
above a change are passed again.

Components: R. Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1 (1972).
Many searches by one bit each: M. Then et al., "The More the Merrier", PVLDB 8(4) (2014).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from ringfence.errors import UsageError, VerificationError
from ringfence.exposure.arrays import Flags, Ints, Longs, Words
from ringfence.exposure.compiled import compiled

WORD = 64
"""Cases that one word carries."""

SWEEPS = 32
"""A chain of rules may need a sweep for each of its steps. After so many, what is left is worked
off from a queue, where a step costs what it touches and no more."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes 0 to `nodes` - 1, edges `source` to `target`, rules `first` and `second` to `then`."""

    nodes: int
    source: Ints
    target: Ints
    first: Ints
    second: Ints
    then: Ints

    def __post_init__(self) -> None:
        for name in ("source", "target", "first", "second", "then"):
            ends = getattr(self, name)
            if len(ends) and (ends.min() < 0 or ends.max() >= self.nodes):
                raise UsageError(f"{name} names a node that is not among the {self.nodes}")

    @classmethod
    def of(
        cls,
        nodes: int,
        edges: Iterable[tuple[int, int]],
        rules: Iterable[tuple[int, int, int]] = (),
    ) -> Self:
        """The graph of these edges and rules."""
        pairs = np.array(list(edges), np.int32).reshape(-1, 2)
        triples = np.array(list(rules), np.int32).reshape(-1, 3)
        return cls(nodes, pairs[:, 0], pairs[:, 1], triples[:, 0], triples[:, 1], triples[:, 2])


@dataclass(frozen=True, slots=True)
class Index:
    """A graph made ready: its components in an order in which edges lead upwards.

    `component` is the component of each node; `successor_starts` and `successors` list what each
    component leads to; `first`, `second` and `then` are the rules between components that are not
    met of themselves; `rule_starts` and `rules` list the rules that each component is a premise of.
    """

    component: Ints
    successor_starts: Longs
    successors: Ints
    first: Ints
    second: Ints
    then: Ints
    rule_starts: Longs
    rules: Ints

    @property
    def components(self) -> int:
        """How many components there are."""
        return len(self.successor_starts) - 1

    @classmethod
    def of(cls, graph: Graph) -> Self:
        """Condense a graph."""
        starts, targets = listed(graph.source, graph.target, graph.nodes)
        component, count = _components(starts, targets)
        up_starts, up = _condensed(starts, targets, component, count)
        ends = (component[x] for x in (graph.first, graph.second, graph.then))
        return cls._with_rules(component, up_starts, up, *ends)

    @classmethod
    def _with_rules(
        cls, component: Ints, up_starts: Longs, up: Ints, first: Ints, second: Ints, then: Ints
    ) -> Self:
        # Of a rule whose conclusion is one of its premises nothing new can follow.
        counts = (then != first) & (then != second)
        first, second, then = (x[counts] for x in (first, second, then))
        numbers = np.arange(len(first), dtype=np.int32)
        twice = first != second
        premises = np.concatenate([first, second[twice]])
        listing = np.concatenate([numbers, numbers[twice]])
        rule_starts, rules = listed(premises, listing, len(up_starts) - 1)
        return cls(component, up_starts, up, first, second, then, rule_starts, rules)

    def changed(self, graph: Graph, gone: Flags, more: Graph) -> tuple[Graph, Self]:
        """The graph and its index after a change, without making the index anew.

        This is the index of `graph`; of several changes one after the other, give what they come
        to. `gone` has a flag for each edge of `graph`, then for each of its rules; `more` has what
        comes in addition, and as many nodes as there are then. What comes is laid over the index
        as rules, and so costs nothing where it makes a circle. An edge within a component that
        falls apart without it is the one change for which the index is made anew.
        """
        if more.nodes < graph.nodes:
            raise UsageError("a node is never taken away: take its edges and rules away")
        edges, rules = ~gone[: len(graph.source)], ~gone[len(graph.source) :]
        after = Graph(
            more.nodes,
            np.concatenate([graph.source[edges], more.source]),
            np.concatenate([graph.target[edges], more.target]),
            np.concatenate([graph.first[rules], more.first]),
            np.concatenate([graph.second[rules], more.second]),
            np.concatenate([graph.then[rules], more.then]),
        )
        lost = np.flatnonzero(~edges)
        if self._falls_apart(graph, edges, lost):
            return after, type(self).of(after)
        extra = more.nodes - graph.nodes
        alone = np.arange(self.components, self.components + extra, dtype=np.int32)
        component = np.concatenate([self.component, alone])
        last = np.full(extra, self.successor_starts[-1], np.int64)
        return after, self._with_rules(
            component,
            np.concatenate([self.successor_starts, last]),
            self._without(graph, edges, lost),
            # An edge is a rule with one premise twice.
            component[np.concatenate([after.first, more.source])],
            component[np.concatenate([after.second, more.source])],
            component[np.concatenate([after.then, more.target])],
        )

    def _falls_apart(self, graph: Graph, left: Flags, lost: Longs) -> bool:
        """Whether a component is none any more without the edges that are lost."""
        own = self.component[graph.source[lost]]
        hurt = np.unique(own[own == self.component[graph.target[lost]]])
        for one in hurt:
            members = np.flatnonzero(self.component == one).astype(np.int32)
            number = np.full(graph.nodes, -1, np.int32)
            number[members] = np.arange(len(members), dtype=np.int32)
            inside = (number[graph.source] >= 0) & (number[graph.target] >= 0) & left
            starts, targets = listed(
                number[graph.source[inside]], number[graph.target[inside]], len(members)
            )
            if _components(starts, targets)[1] > 1:
                return True
        return False

    def _without(self, graph: Graph, left: Flags, lost: Longs) -> Ints:
        """The successors, those that no edge leads to any more replaced by the component itself."""
        if not len(lost):
            return self.successors
        # Only what leads out of a component that lost an edge is looked at one by one.
        lost_one = np.zeros(self.components, np.bool_)
        lost_one[self.component[graph.source[lost]]] = True
        near = np.flatnonzero(lost_one[self.component[graph.source]])
        ways = self.component[graph.source[near]].astype(np.int64) * self.components
        ways += self.component[graph.target[near]]
        dead = np.setdiff1d(ways[~left[near]], ways[left[near]])
        successors = np.array(self.successors)
        for way in dead.tolist():
            own, other = divmod(way, self.components)
            row = successors[self.successor_starts[own] : self.successor_starts[own + 1]]
            row[row == other] = own
        return successors

    def save(self, folder: Path) -> None:
        """Write the index into an empty folder."""
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open an index that was saved; its arrays are read as they are needed."""
        try:
            return cls(
                *(
                    np.asarray(
                        np.load(folder / f"{field.name}.npy", mmap_mode="r", allow_pickle=False)
                    )
                    for field in fields(cls)
                )
            )
        except (OSError, ValueError) as error:
            raise VerificationError(
                f"an index is damaged: {error}", where=str(folder), hint="delete the folder"
            ) from error


@dataclass(frozen=True, slots=True)
class Held:
    """What follows in each case. `words[c]` are the cases in which component c is held."""

    component: Ints
    words: Words
    cases: int

    def of(self, nodes: npt.ArrayLike, case: int) -> Flags:
        """Whether each of the nodes is held in a case."""
        words = self.words[self.component[np.asarray(nodes, np.int64)], case // WORD]
        held: Flags = (words >> np.uint64(case % WORD)) & np.uint64(1) != 0
        return held

    def cases_of(self, node: int) -> Flags:
        """In which cases a node is held."""
        bits = np.unpackbits(self.words[self.component[node]].view(np.uint8), bitorder="little")
        return bits[: self.cases].astype(np.bool_)

    def count(self) -> Longs:
        """How many nodes are held in each case."""
        sizes = np.bincount(self.component, minlength=len(self.words)).astype(np.int64)
        return _counted(self.words, sizes)[: self.cases]


def close(index: Index, seeds: Sequence[npt.ArrayLike]) -> Held:
    """All that follows, for each case from the nodes it holds at first."""
    words = np.zeros((index.components, max(1, -(-len(seeds) // WORD))), np.uint64)
    for case, nodes in enumerate(seeds):
        at = index.component[np.asarray(nodes, np.int64)]
        words[at, case // WORD] |= np.uint64(1) << np.uint64(case % WORD)
    close_words(index, words)
    return Held(index.component, words, len(seeds))


def close_words(index: Index, words: Words) -> None:
    """Let all that follows be held, in place; one row a component, one bit a case."""
    _sweep_all(index.successor_starts, index.successors, words)
    if len(index.first):
        arrays = (
            index.successor_starts,
            index.successors,
            index.first,
            index.second,
            index.then,
            index.rule_starts,
            index.rules,
        )
        waits = np.zeros(len(words), np.bool_)
        _sweep(*arrays, words, waits, SWEEPS)
        _work_off(*arrays, words, waits)


@compiled
def listed(key: Ints, value: Ints, keys: int) -> tuple[Longs, Ints]:
    """The values of each key in their order: where each key's begin, and the values."""
    starts = np.zeros(keys + 1, np.int64)
    for i in range(len(key)):
        starts[key[i] + 1] += 1
    for i in range(keys):
        starts[i + 1] += starts[i]
    place = starts[:-1].copy()
    values = np.empty(len(value), np.int32)
    for i in range(len(key)):
        values[place[key[i]]] = value[i]
        place[key[i]] += 1
    return starts, values


@compiled
def _components(starts: Longs, targets: Ints) -> tuple[Ints, int]:
    """The component of each node, and their number; edges lead from lower to higher numbers.

    Tarjan's algorithm without recursion. It finds components with the sinks first.
    """
    nodes = len(starts) - 1
    component = np.full(nodes, -1, np.int32)
    lowest = np.empty(nodes, np.int32)
    number = np.full(nodes, -1, np.int32)
    open_nodes = np.empty(nodes, np.int32)
    path = np.empty(nodes, np.int32)
    next_edge = np.empty(nodes, np.int64)
    opened = seen = found = 0
    for root in range(nodes):
        if number[root] >= 0:
            continue
        depth = 1
        path[0] = root
        next_edge[0] = starts[root]
        number[root] = lowest[root] = seen
        seen += 1
        open_nodes[opened] = root
        opened += 1
        while depth > 0:
            node = path[depth - 1]
            edge = next_edge[depth - 1]
            if edge < starts[node + 1]:
                next_edge[depth - 1] = edge + 1
                target = targets[edge]
                if number[target] < 0:
                    number[target] = lowest[target] = seen
                    seen += 1
                    open_nodes[opened] = target
                    opened += 1
                    path[depth] = target
                    next_edge[depth] = starts[target]
                    depth += 1
                elif component[target] < 0 and number[target] < lowest[node]:
                    lowest[node] = number[target]
                continue
            depth -= 1
            if depth > 0 and lowest[node] < lowest[path[depth - 1]]:
                lowest[path[depth - 1]] = lowest[node]
            if lowest[node] == number[node]:
                while True:
                    opened -= 1
                    member = open_nodes[opened]
                    component[member] = found
                    if member == node:
                        break
                found += 1
    for node in range(nodes):
        component[node] = found - 1 - component[node]
    return component, found


@compiled
def _condensed(starts: Longs, targets: Ints, component: Ints, count: int) -> tuple[Longs, Ints]:
    """What each component leads to, each once."""
    nodes = len(component)
    begins = np.zeros(count + 1, np.int64)
    for node in range(nodes):
        begins[component[node] + 1] += 1
    for i in range(count):
        begins[i + 1] += begins[i]
    place = begins[:-1].copy()
    members = np.empty(nodes, np.int32)
    for node in range(nodes):
        members[place[component[node]]] = node
        place[component[node]] += 1
    up_starts = np.zeros(count + 1, np.int64)
    up = np.empty(len(targets), np.int32)
    last = np.full(count, -1, np.int32)
    filled = 0
    for own in range(count):
        for i in range(begins[own], begins[own + 1]):
            node = members[i]
            for edge in range(starts[node], starts[node + 1]):
                other = component[targets[edge]]
                if other != own and last[other] != own:
                    last[other] = own
                    up[filled] = other
                    filled += 1
        up_starts[own + 1] = filled
    return up_starts, up[:filled].copy()


@compiled
def _sweep_all(starts: Longs, successors: Ints, words: Words) -> None:
    """Hand each component's cases to those above it, once, from the lowest up."""
    width = words.shape[1]
    for own in range(len(words)):
        any_of = words[own, 0]
        for w in range(1, width):
            any_of |= words[own, w]
        if any_of == 0:
            continue
        # One word is the common case, four the widest that stays in a processor's registers.
        if width == 1:
            for edge in range(starts[own], starts[own + 1]):
                words[successors[edge], 0] |= any_of
        else:
            for low in range(0, width - 3, 4):
                a, b = words[own, low], words[own, low + 1]
                c, d = words[own, low + 2], words[own, low + 3]
                for edge in range(starts[own], starts[own + 1]):
                    other = successors[edge]
                    words[other, low] |= a
                    words[other, low + 1] |= b
                    words[other, low + 2] |= c
                    words[other, low + 3] |= d
            for w in range(width - width % 4, width):
                a = words[own, w]
                for edge in range(starts[own], starts[own + 1]):
                    words[successors[edge], w] |= a


@compiled
def _conclude(first: int, second: int, then: int, words: Words) -> bool:
    """Let the conclusion of a rule be held where both premises are; whether that was news."""
    is_news = False
    for w in range(words.shape[1]):
        new = words[first, w] & words[second, w] & ~words[then, w]
        if new != 0:
            words[then, w] |= new
            is_news = True
    return is_news


@compiled
def _hand_on(own: int, other: int, words: Words) -> bool:
    """Let `other` be held where `own` is; whether that was news."""
    is_news = False
    for w in range(words.shape[1]):
        new = words[own, w] & ~words[other, w]
        if new != 0:
            words[other, w] |= new
            is_news = True
    return is_news


@compiled
def _sweep(
    starts: Longs,
    successors: Ints,
    first: Ints,
    second: Ints,
    then: Ints,
    rule_starts: Longs,
    rules: Ints,
    words: Words,
    waits: Flags,
    sweeps: int,
) -> None:
    """Go through all rules, then sweep and go through those of what grew, until nothing is news.

    Where `sweeps` are not enough, `waits` says what has still to hand its cases on.
    """
    count = len(words)
    grown = np.empty(count, np.int32)
    lowest = count
    for rule in range(len(first)):
        if _conclude(first[rule], second[rule], then[rule], words):
            waits[then[rule]] = True
            lowest = min(lowest, then[rule])
    while lowest < count and sweeps > 0:
        sweeps -= 1
        many = 0
        for own in range(lowest, count):
            if waits[own]:
                waits[own] = False
                grown[many] = own
                many += 1
                for edge in range(starts[own], starts[own + 1]):
                    if _hand_on(own, successors[edge], words):
                        waits[successors[edge]] = True
        lowest = count
        for own in grown[:many]:
            for rule in rules[rule_starts[own] : rule_starts[own + 1]]:
                if _conclude(first[rule], second[rule], then[rule], words):
                    waits[then[rule]] = True
                    lowest = min(lowest, then[rule])


@compiled
def _work_off(
    starts: Longs,
    successors: Ints,
    first: Ints,
    second: Ints,
    then: Ints,
    rule_starts: Longs,
    rules: Ints,
    words: Words,
    waits: Flags,
) -> None:
    """Let what waits hand its cases on, in the order it came to wait."""
    count = len(words)
    # A ring: each component waits once at most.
    queue = np.empty(count, np.int32)
    head = queued = 0
    for own in range(count):
        if waits[own]:
            queue[queued] = own
            queued += 1
    while queued > 0:
        own = queue[head]
        head = head + 1 if head + 1 < count else 0
        queued -= 1
        waits[own] = False
        for other in successors[starts[own] : starts[own + 1]]:
            if _hand_on(own, other, words) and not waits[other]:
                waits[other] = True
                queue[(head + queued) % count] = other
                queued += 1
        for rule in rules[rule_starts[own] : rule_starts[own + 1]]:
            other = then[rule]
            if _conclude(first[rule], second[rule], other, words) and not waits[other]:
                waits[other] = True
                queue[(head + queued) % count] = other
                queued += 1


@compiled
def _counted(words: Words, sizes: Longs) -> Longs:
    counts = np.zeros((words.shape[1], 64), np.int64)
    for own in range(len(words)):
        for w in range(words.shape[1]):
            word = words[own, w]
            if word != 0:
                for bit in range(64):
                    counts[w, bit] += sizes[own] * np.int64((word >> np.uint64(bit)) & np.uint64(1))
    return counts.reshape(words.shape[1] * 64)
