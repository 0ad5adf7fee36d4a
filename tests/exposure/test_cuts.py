"""The cheapest repair, against all sets of changes tried one by one."""

from itertools import combinations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.exposure.control import FACT, PowerGraph, PowerRule, Powers
from ringfence.exposure.cuts import Cuts, Repair
from ringfence.exposure.packets import OPENING
from ringfence.exposure.told import Words
from ringfence.network.model import TABLES
from ringfence.store.duck import Tables

CHEAP = PowerRule(
    id="cheap", says="", premise="n", conclusion="n", select="", cites=(), repair="mend", cost=1
)
DEAR = CHEAP.model_copy(update={"id": "dear", "repair": "replace", "cost": 3})
FIXED = CHEAP.model_copy(update={"id": "fixed", "repair": None})
POWERS = Powers((CHEAP, DEAR, FIXED), ())

Fact = tuple[str, str, str | None, str]


class Given:
    """A graph of powers as `Cuts` needs it."""

    def __init__(self, facts: list[Fact]) -> None:
        rows = [dict(zip(("rule", "premise", "also", "conclusion"), f, strict=True)) for f in facts]
        self.graph = PowerGraph(FACT.from_rows(rows))
        tables = ("element", "segment", "operator", "endpoint")
        nothing = {name: TABLES[name].empty() for name in tables}
        self.words = Words(Tables({**nothing, "opening": OPENING.empty()}))


def cheapest(
    facts: list[Fact], seeds: list[str], targets: list[str], seconds: float = 30
) -> Repair:
    given = Given(facts)
    numbers = given.graph.number(seeds)
    nodes = given.graph.number(targets).tolist()
    cuts = Cuts(given, POWERS)  # type: ignore[arg-type]
    return cuts.cheapest(numbers[numbers >= 0], list(zip(targets, nodes, strict=True)), seconds)


def holds(facts: list[Fact], seeds: set[str], gone: set[tuple[str, str]]) -> set[str]:
    held = set(seeds)
    while True:
        new = {
            then
            for rule, premise, also, then in facts
            if (rule, then) not in gone and premise in held and also in held | {None}
        } - held
        if not new:
            return held
        held |= new


def least(facts: list[Fact], seeds: set[str], targets: set[str]) -> float:
    """The cost of the least repair, by trying every set of changes; those beyond repair left out."""
    changes = sorted({(rule, then) for rule, _, _, then in facts if rule != "fixed"})
    cost = {"cheap": 1.0, "dear": 3.0}
    goals = targets - holds(facts, seeds, set(changes))
    best = float("inf")
    for size in range(len(changes) + 1):
        for chosen in combinations(changes, size):
            if not holds(facts, seeds, set(chosen)) & goals:
                best = min(best, sum(cost[rule] for rule, _ in chosen))
    return best


NODES = [f"n {i}" for i in range(6)]
NODE = st.sampled_from(NODES)
FACTS = st.lists(
    st.tuples(st.sampled_from(["cheap", "dear", "fixed"]), NODE, st.none() | NODE, NODE),
    min_size=1,
    max_size=9,
)


@settings(max_examples=150, deadline=None)
@given(
    FACTS,
    st.lists(NODE, min_size=1, max_size=2),
    st.lists(NODE, min_size=1, max_size=3, unique=True),
)
def test_no_repair_is_cheaper(facts: list[Fact], seeds: list[str], targets: list[str]) -> None:
    found = cheapest(facts, seeds, targets)
    known = {n for f in facts for n in (f[1], f[2], f[3]) if n}
    goals = set(targets) & known
    expected = least(facts, set(seeds) & known, goals)
    assert found.cost == expected
    assert found.is_least
    assert found.is_checked
    made = {
        ("cheap" if r["change"] == "mend" else "dear", r["of"]) for r in found.changes.to_pylist()
    }
    beyond = set(found.beyond)
    assert not holds(facts, set(seeds) & known, made) & goals - beyond


def test_two_ways_through_one_door_are_closed_by_closing_the_door() -> None:
    facts: list[Fact] = [
        ("cheap", "a", None, "left"), ("cheap", "a", None, "right"),
        ("fixed", "left", None, "door"), ("fixed", "right", None, "door"),
        ("cheap", "door", None, "core"),
    ]  # fmt: skip
    found = cheapest(facts, ["a"], ["core"])
    assert (found.cost, found.lower) == (1.0, 1.0)
    assert [(r["change"], r["of"], r["facts"]) for r in found.changes.to_pylist()] == [
        ("mend", "core", 1)
    ]


def test_of_two_keys_the_cheaper_is_taken_away() -> None:
    facts: list[Fact] = [
        ("dear", "a", None, "one"), ("cheap", "a", None, "other"), ("fixed", "one", "other", "core")
    ]  # fmt: skip
    assert [r["of"] for r in cheapest(facts, ["a"], ["core"]).changes.to_pylist()] == ["other"]


def test_what_no_change_prevents_is_told() -> None:
    facts: list[Fact] = [("fixed", "a", None, "core"), ("cheap", "a", None, "other")]
    found = cheapest(facts, ["a"], ["core", "other"])
    assert found.beyond == ("core",)
    assert found.cost == 1.0


def test_without_time_there_is_still_an_answer_that_works() -> None:
    rng = np.random.default_rng(20261124)
    facts: list[Fact] = [
        ("cheap", f"n {a}", None, f"n {b}") for a, b in rng.integers(0, 60, (240, 2)).tolist()
    ]
    found = cheapest(facts, ["n 0", "n 1"], [f"n {i}" for i in range(40, 60)], seconds=0.0)
    assert found.is_checked
    assert found.lower <= found.cost


def test_a_network_that_is_whole_needs_nothing() -> None:
    found = cheapest([("cheap", "a", None, "b")], ["b"], ["c"])
    assert (found.cost, found.lower, found.is_least) == (0.0, 0.0, True)
    assert isinstance(found.changes, pa.Table)
