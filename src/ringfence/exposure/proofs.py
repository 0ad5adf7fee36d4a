"""Why something is held: the shortest chain from what was held at first, step by step.

Shortest is by depth: no other derivation has fewer steps from the first to the last one, a rule
counting as one step above the later of its premises. A chain with fewer facts in all may be
deeper; finding that one is a harder problem (it is NP-hard where rules have two premises) and is
not what is shown.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ringfence.exposure.arrays import Flags, Ints, Longs
from ringfence.exposure.closure import Graph, listed
from ringfence.exposure.compiled import compiled

NOT_HELD = -1
AT_FIRST = -2


@dataclass(frozen=True, slots=True)
class Step:
    """One conclusion: by the edge or rule of that number, from its premises."""

    is_rule: bool
    number: int
    premises: tuple[int, ...]
    conclusion: int


class Derivations:
    """Finds derivations in one graph; what it needs of the graph is made ready once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        edges = np.arange(len(graph.source), dtype=np.int32)
        rules = np.arange(len(graph.then), dtype=np.int32)
        self._edge_starts, self._edges = listed(graph.source, edges, graph.nodes)
        premises = np.concatenate([graph.first, graph.second])
        self._rule_starts, self._rules = listed(
            premises, np.concatenate([rules, rules]), graph.nodes
        )

    def search(self, seeds: npt.ArrayLike, without: Flags | None = None) -> "Derived":
        """Derive all that follows from the seeds; without some edges and rules, if told.

        `without` has a flag for each edge, then for each rule.
        """
        graph = self.graph
        left_out = without
        if left_out is None:
            left_out = np.zeros(len(graph.source) + len(graph.then), np.bool_)
        by, depth = _searched(
            graph.nodes,
            self._edge_starts,
            self._edges,
            graph.target,
            self._rule_starts,
            self._rules,
            graph.first,
            graph.second,
            graph.then,
            np.unique(np.asarray(seeds, np.int32)),
            left_out,
        )
        return Derived(graph, by, depth)


@dataclass(frozen=True, slots=True)
class Derived:
    """What was derived: `by` which edge or rule each node, and at what `depth`."""

    graph: Graph
    by: Longs
    depth: Ints

    def holds(self, node: int) -> bool:
        """Whether the node is held."""
        return bool(self.by[node] != NOT_HELD)

    def chain(self, node: int) -> list[Step]:
        """The steps that lead to a held node, each after those it needs; none if held at first."""
        steps: dict[int, Step] = {}
        waiting = [node]
        while waiting:
            conclusion = waiting.pop()
            by = int(self.by[conclusion])
            if conclusion in steps or by in (AT_FIRST, NOT_HELD):
                continue
            steps[conclusion] = self._step(by, conclusion)
            waiting += steps[conclusion].premises
        return sorted(steps.values(), key=lambda s: (int(self.depth[s.conclusion]), s.conclusion))

    def _step(self, by: int, conclusion: int) -> Step:
        edges = len(self.graph.source)
        if by < edges:
            return Step(False, by, (int(self.graph.source[by]),), conclusion)
        rule = by - edges
        premises = (int(self.graph.first[rule]), int(self.graph.second[rule]))
        return Step(True, rule, premises, conclusion)


@compiled
def _searched(
    nodes: int,
    edge_starts: Longs,
    edges: Ints,
    target: Ints,
    rule_starts: Longs,
    rules: Ints,
    first: Ints,
    second: Ints,
    then: Ints,
    seeds: Ints,
    without: Flags,
) -> tuple[Longs, Ints]:
    """Breadth first: each node the first time it is met, by the lowest number that meets it."""
    by = np.full(nodes, -1, np.int64)
    depth = np.full(nodes, -1, np.int32)
    queue = np.empty(nodes, np.int32)
    head = queued = 0
    for seed in seeds:
        by[seed] = -2
        depth[seed] = 0
        queue[queued] = seed
        queued += 1
    all_edges = len(target)
    while head < queued:
        node = queue[head]
        head += 1
        for place in range(edge_starts[node], edge_starts[node + 1]):
            edge = edges[place]
            other = target[edge]
            if by[other] == -1 and not without[edge]:
                by[other] = edge
                depth[other] = depth[node] + 1
                queue[queued] = other
                queued += 1
        for place in range(rule_starts[node], rule_starts[node + 1]):
            rule = rules[place]
            other = then[rule]
            if by[other] != -1 or without[all_edges + rule]:
                continue
            # The other premise may be queued already, but only one that was gone through, or is
            # this one, is of no greater depth.
            if by[first[rule]] != -1 and by[second[rule]] != -1:
                least = max(depth[first[rule]], depth[second[rule]])
                if least <= depth[node]:
                    by[other] = all_edges + rule
                    depth[other] = least + 1
                    queue[queued] = other
                    queued += 1
    return by, depth
