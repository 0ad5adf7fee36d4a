"""Closure and proofs, against a search that does nothing clever, and a checker of its own."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import UsageError, VerificationError
from ringfence.exposure import closure
from ringfence.exposure.closure import Graph, Index, close
from ringfence.exposure.proofs import Derivations, Step

Edges = list[tuple[int, int]]
Rules = list[tuple[int, int, int]]


def follows(edges: Edges, rules: Rules, seeds: Iterable[int]) -> dict[int, int]:
    """All that follows, with the least depth: applied over and over until nothing changes."""
    depth = dict.fromkeys(seeds, 0)
    level = 0
    while True:
        level += 1
        new = {t for s, t in edges if s in depth and t not in depth}
        new |= {c for a, b, c in rules if a in depth and b in depth and c not in depth}
        if not new:
            return depth
        depth |= dict.fromkeys(new, level)


def check(steps: Sequence[Step], edges: Edges, rules: Rules, seeds: set[int], node: int) -> None:
    """That the steps prove the node: each fact exists, each premise is proven before."""
    proven = set(seeds)
    for step in steps:
        if step.is_rule:
            assert (*step.premises, step.conclusion) == rules[step.number]
        else:
            assert (*step.premises, step.conclusion) == edges[step.number]
        assert set(step.premises) <= proven
        proven.add(step.conclusion)
    assert node in proven


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, Edges, Rules, list[list[int]]]:
    nodes = draw(st.integers(1, 12))
    node = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(node, node), max_size=20))
    rules = draw(st.lists(st.tuples(node, node, node), max_size=12))
    seeds = draw(st.lists(st.lists(node, max_size=3), min_size=1, max_size=70))
    return nodes, edges, rules, seeds


@settings(max_examples=300)
@given(graphs(), st.sampled_from([0, 1, 32]))
def test_it_is_what_a_plain_search_finds(
    drawn: tuple[int, Edges, Rules, list[list[int]]], sweeps: int
) -> None:
    nodes, edges, rules, seeds = drawn
    index = Index.of(Graph.of(nodes, edges, rules))
    before, closure.SWEEPS = closure.SWEEPS, sweeps
    try:
        held = close(index, seeds)
    finally:
        closure.SWEEPS = before
    for case, at_first in enumerate(seeds):
        expected = set(follows(edges, rules, at_first))
        assert set(np.flatnonzero(held.of(np.arange(nodes), case)).tolist()) == expected
    assert held.count().tolist() == [len(follows(edges, rules, s)) for s in seeds]
    for node in range(nodes):
        expected_cases = [node in follows(edges, rules, s) for s in seeds]
        assert held.cases_of(node).tolist() == expected_cases


def test_a_thousand_random_graphs_with_rules() -> None:
    rng = np.random.default_rng(20261124)
    for _ in range(1000):
        nodes = int(rng.integers(2, 40))
        edges = list(
            map(tuple, rng.integers(0, nodes, (int(rng.integers(0, 2 * nodes)), 2)).tolist())
        )
        rules = list(map(tuple, rng.integers(0, nodes, (int(rng.integers(0, nodes)), 3)).tolist()))
        seeds = [rng.integers(0, nodes, int(rng.integers(0, 3))).tolist() for _ in range(3)]
        held = close(Index.of(Graph.of(nodes, edges, rules)), seeds)
        for case, at_first in enumerate(seeds):
            found = set(np.flatnonzero(held.of(np.arange(nodes), case)).tolist())
            assert found == set(follows(edges, rules, at_first))


@given(graphs())
def test_edges_lead_upwards_between_components(
    drawn: tuple[int, Edges, Rules, list[list[int]]],
) -> None:
    nodes, edges, rules, _ = drawn
    index = Index.of(Graph.of(nodes, edges, rules))
    for source, target in edges:
        assert index.component[source] <= index.component[target]
    mutual = {n: set(follows(edges, [], [n])) for n in range(nodes)}
    for a in range(nodes):
        for b in range(nodes):
            together = b in mutual[a] and a in mutual[b]
            assert (index.component[a] == index.component[b]) == together


@settings(max_examples=300)
@given(graphs())
def test_every_proof_stands_and_none_is_shallower(
    drawn: tuple[int, Edges, Rules, list[list[int]]],
) -> None:
    nodes, edges, rules, seeds = drawn
    derivations = Derivations(Graph.of(nodes, edges, rules))
    for at_first in seeds[:3]:
        derived = derivations.search(at_first)
        depth = follows(edges, rules, at_first)
        for node in range(nodes):
            assert derived.holds(node) == (node in depth)
            if node in depth:
                assert derived.depth[node] == depth[node]
                check(derived.chain(node), edges, rules, set(at_first), node)


@given(graphs(), st.data())
def test_what_is_left_out_plays_no_part(
    drawn: tuple[int, Edges, Rules, list[list[int]]], data: st.DataObject
) -> None:
    nodes, edges, rules, seeds = drawn
    flags = st.lists(
        st.booleans(), min_size=len(edges) + len(rules), max_size=len(edges) + len(rules)
    )
    without = data.draw(flags)
    kept_edges = [e for e, gone in zip(edges, without, strict=False) if not gone]
    kept_rules = [r for r, gone in zip(rules, without[len(edges) :], strict=True) if not gone]
    derived = Derivations(Graph.of(nodes, edges, rules)).search(
        seeds[0], np.array(without, np.bool_)
    )
    expected = set(follows(kept_edges, kept_rules, seeds[0]))
    assert {n for n in range(nodes) if derived.holds(n)} == expected


@given(graphs(), st.data())
def test_one_more_fact_never_takes_a_conclusion_away(
    drawn: tuple[int, Edges, Rules, list[list[int]]], data: st.DataObject
) -> None:
    nodes, edges, rules, seeds = drawn
    node = st.integers(0, nodes - 1)
    more = data.draw(st.lists(st.tuples(node, node), max_size=2))
    less = close(Index.of(Graph.of(nodes, edges, rules)), seeds)
    after = close(Index.of(Graph.of(nodes, edges + more, rules)), seeds)
    every = np.arange(nodes)
    for case in range(len(seeds)):
        assert not np.any(less.of(every, case) & ~after.of(every, case))


@settings(max_examples=300)
@given(graphs(), st.data())
def test_after_a_change_it_is_what_a_new_index_gives(
    drawn: tuple[int, Edges, Rules, list[list[int]]], data: st.DataObject
) -> None:
    nodes, edges, rules, seeds = drawn
    number = len(edges) + len(rules)
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=number, max_size=number)), np.bool_)
    more_nodes = nodes + data.draw(st.integers(0, 2))
    node = st.integers(0, more_nodes - 1)
    more_edges = data.draw(st.lists(st.tuples(node, node), max_size=5))
    more_rules = data.draw(st.lists(st.tuples(node, node, node), max_size=3))
    graph = Graph.of(nodes, edges, rules)
    more = Graph.of(more_nodes, more_edges, more_rules)
    after, index = Index.of(graph).changed(graph, gone, more)
    held = close(index, seeds)
    left = [e for e, is_gone in zip(edges, gone, strict=False) if not is_gone] + more_edges
    ruled = [r for r, is_gone in zip(rules, gone[len(edges) :], strict=True) if not is_gone]
    ruled += more_rules
    every = np.arange(more_nodes)
    for case, at_first in enumerate(seeds):
        expected = set(follows(left, ruled, at_first))
        assert set(np.flatnonzero(held.of(every, case)).tolist()) == expected
    anew = close(Index.of(after), seeds)
    assert anew.count().tolist() == held.count().tolist()


def test_a_chain_of_rules_longer_than_the_sweeps() -> None:
    # Node i and the key 0 give node i + 1: a sweep a step, then the queue.
    steps = 500
    rules = [(0, i, i + 1) for i in range(1, steps)]
    held = close(Index.of(Graph.of(steps + 1, [], rules)), [[0, 1], [1], [0]])
    assert held.count().tolist() == [steps + 1, 1, 1]


def test_an_index_is_the_same_after_it_was_saved(tmp_path: Path) -> None:
    graph = Graph.of(5, [(0, 1), (1, 0), (1, 2)], [(2, 3, 4)])
    Index.of(graph).save(tmp_path)
    held = close(Index.load(tmp_path), [[0], [0, 3]])
    assert held.count().tolist() == [3, 5]
    (tmp_path / "rules.npy").write_bytes(b"broken")
    with pytest.raises(VerificationError, match="damaged"):
        Index.load(tmp_path)


@pytest.mark.parametrize("edges", [[(0, 3)], [(-1, 0)]])
def test_an_edge_to_nowhere_is_refused(edges: Any) -> None:
    with pytest.raises(UsageError, match="names a node that is not among the 3"):
        Graph.of(3, edges)


def test_nothing_follows_in_an_empty_graph() -> None:
    held = close(Index.of(Graph.of(0, [])), [[]])
    assert held.count().tolist() == [0]
