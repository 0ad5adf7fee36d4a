"""The cheapest repair, against all sets of changes tried one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.exposure.control import FACT, PowerGraph, PowerRule, Profile
from ringfence.exposure.cuts import Cut, Cuts, Repair, RepairParameters, repair, repaired
from ringfence.exposure.exposed import ExposureParameters
from ringfence.exposure.limits import Limit
from ringfence.exposure.packets import OPENING, PLACE
from ringfence.exposure.told import Words
from ringfence.network.model import NETWORK_TABLES, TABLES
from ringfence.store.duck import Tables

CHEAP = PowerRule(
    id="cheap", says="", premise="n", conclusion="n", select="", cites=(), repair="mend", cost=1
)
DEAR = CHEAP.model_copy(update={"id": "dear", "repair": "replace", "cost": 3})
FIXED = CHEAP.model_copy(update={"id": "fixed", "repair": None})
RULES = (CHEAP, DEAR, FIXED)

Fact = tuple[str, str, str | None, str]


class Given:
    """A graph of powers as `Cuts` needs it."""

    def __init__(self, facts: list[Fact]) -> None:
        rows = [dict(zip(("rule", "premise", "also", "conclusion"), f, strict=True)) for f in facts]
        self.graph = PowerGraph(FACT.from_rows(rows))
        tables = ("element", "segment", "operator", "vendor", "endpoint")
        nothing = {name: TABLES[name].empty() for name in tables}
        classes = {"opening": OPENING.empty(), "place": PLACE.empty()}
        self.words = Words(Tables({**nothing, **classes}))


@dataclass
class Found:
    """A cut, and what `holds` says of it."""

    cut: Cut
    facts: list[Fact]
    cases: list[list[str]]
    targets: list[str]

    @property
    def cost(self) -> float:
        return self.cut.cost

    @property
    def lower(self) -> float:
        return self.cut.lower

    @property
    def changes(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.cut.changes.to_pylist()
        return rows

    @property
    def works(self) -> bool:
        made = {("cheap" if r["change"] == "mend" else "dear", r["of"]) for r in self.changes}
        left = set(self.targets) - self.cut.beyond
        return not any(holds(self.facts, set(case), made) & left for case in self.cases)


def cheapest(
    facts: list[Fact], cases: Sequence[list[str]], targets: list[str], limit: Limit | None = None
) -> Found:
    given = Given(facts)
    known = {n for f in facts for n in (f[1], f[2], f[3]) if n}
    firsts = [given.graph.number([n for n in case if n in known]) for case in cases]
    nodes = given.graph.number(targets).tolist()
    cuts = Cuts(given, RULES)  # type: ignore[arg-type]
    named = list(zip(targets, nodes, strict=True))
    found = cuts.cheapest(firsts, named, limit or Limit())
    return Found(
        found, facts, [sorted(set(c) & known) for c in cases], sorted(set(targets) & known)
    )


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


def least(facts: list[Fact], cases: list[list[str]], targets: set[str]) -> float:
    """The cost of the least repair, by trying every set of changes; those beyond repair left out."""
    changes = sorted({(rule, then) for rule, _, _, then in facts if rule != "fixed"})
    cost = {"cheap": 1.0, "dear": 3.0}
    goals = targets - {n for case in cases for n in holds(facts, set(case), set(changes))}
    best = float("inf")
    for size in range(len(changes) + 1):
        for chosen in combinations(changes, size):
            if not any(holds(facts, set(case), set(chosen)) & goals for case in cases):
                best = min(best, sum(cost[rule] for rule, _ in chosen))
    return best


NODES = [f"n {i}" for i in range(6)]
NODE = st.sampled_from(NODES)
FACTS = st.lists(
    st.tuples(st.sampled_from(["cheap", "dear", "fixed"]), NODE, st.none() | NODE, NODE),
    min_size=1,
    max_size=9,
)


CASE = st.lists(NODE, min_size=1, max_size=2)


@settings(max_examples=150, deadline=None)
@given(
    FACTS,
    st.lists(CASE, min_size=1, max_size=3),
    st.lists(NODE, min_size=1, max_size=3, unique=True),
)
def test_no_repair_is_cheaper(
    facts: list[Fact], cases: list[list[str]], targets: list[str]
) -> None:
    found = cheapest(facts, cases, targets)
    assert found.cost == least(facts, found.cases, set(found.targets))
    assert found.lower == found.cost
    assert found.works


def test_two_cases_are_no_one_case() -> None:
    """Each of two sites has one of the two keys; nobody has both, so nothing is to be mended."""
    facts: list[Fact] = [("cheap", "one", "other", "core")]
    assert cheapest(facts, [["one"], ["other"]], ["core"]).cost == 0.0
    assert cheapest(facts, [["one", "other"]], ["core"]).cost == 1.0


def test_two_ways_through_one_door_are_closed_by_closing_the_door() -> None:
    facts: list[Fact] = [
        ("cheap", "a", None, "left"), ("cheap", "a", None, "right"),
        ("fixed", "left", None, "door"), ("fixed", "right", None, "door"),
        ("cheap", "door", None, "core"),
    ]  # fmt: skip
    found = cheapest(facts, [["a"]], ["core"])
    assert (found.cost, found.lower) == (1.0, 1.0)
    assert [(r["change"], r["of"], r["facts"]) for r in found.changes] == [("mend", "core", 1)]


def test_of_two_keys_the_cheaper_is_taken_away() -> None:
    facts: list[Fact] = [
        ("dear", "a", None, "one"), ("cheap", "a", None, "other"), ("fixed", "one", "other", "core")
    ]  # fmt: skip
    assert [r["of"] for r in cheapest(facts, [["a"]], ["core"]).changes] == ["other"]


def test_what_no_change_prevents_is_told() -> None:
    facts: list[Fact] = [("fixed", "a", None, "core"), ("cheap", "a", None, "other")]
    found = cheapest(facts, [["a"]], ["core", "other"])
    assert found.cut.beyond == {"core"}
    assert found.cost == 1.0


def hard() -> list[Fact]:
    rng = np.random.default_rng(20261124)
    return [("cheap", f"n {a}", None, f"n {b}") for a, b in rng.integers(0, 60, (240, 2)).tolist()]


def test_without_time_there_is_still_an_answer_that_works() -> None:
    targets = [f"n {i}" for i in range(40, 60)]
    found = cheapest(hard(), [["n 0", "n 1"]], targets, Limit(seconds=0.0))
    assert found.works
    assert found.lower <= found.cost


def test_work_that_is_counted_cuts_off_at_the_same_place_each_time() -> None:
    targets = [f"n {i}" for i in range(40, 60)]
    whole = cheapest(hard(), [["n 0", "n 1"]], targets)
    cut_off = [cheapest(hard(), [["n 0", "n 1"]], targets, Limit(work=2_000)) for _ in range(2)]
    assert whole.lower == whole.cost
    assert cut_off[0].works
    assert cut_off[0].lower <= whole.lower <= cut_off[0].cost
    assert cut_off[0].lower < cut_off[0].cost
    assert cut_off[0].changes == cut_off[1].changes


def test_a_network_that_is_whole_needs_nothing() -> None:
    found = cheapest([("cheap", "a", None, "b")], [["b"]], ["c"])
    assert (found.cost, found.lower, found.changes) == (0.0, 0.0, [])


# Before and after, in a network: the vendor's manager M manages A; it made the core element B
# itself; and it reaches C if a fact turns out so that nobody stated.

NETWORK: dict[str, list[dict[str, Any]]] = {
    "vendor": [{"id": "v:x", "name": "X"}, {"id": "v:o", "name": "O"}],
    "element": [
        {"id": e, "vendor": v, "forwards_packets": False, "origin": f"e.csv:{n}"}
        for n, (e, v) in enumerate(
            (("M", "v:x"), ("A", "v:o"), ("B", "v:x"), ("C", "v:o"), ("D", "v:o")), 2
        )
    ],
    "function": [{"id": f"f{e}", "element": e, "kind": "AMF"} for e in "ABCD"],
}
OWNED = Profile(
    id="own", says="It made it",
    select="SELECT e.id AS held, e.origin, NULL AS unknown FROM element e "
    "WHERE e.vendor IN (SELECT vendor FROM hostile)",
)  # fmt: skip
MANAGES = CHEAP.model_copy(update={"id": "manages", "repair": "give it another", "cost": 5})
POWERS_OF = (
    ("manages", "control element M", None, "control element A", None),
    ("manages", "control element M", None, "control element C", "whether M manages C"),
    ("fixed", "control element A", None, "stop element A", None),
    ("fixed", "control element B", None, "stop element B", None),
)


def network() -> Tables:
    tables = Tables({t.name: t.from_rows(NETWORK.get(t.name, [])) for t in NETWORK_TABLES})
    names = ("rule", "premise", "also", "conclusion", "unknown")
    rows = [dict(zip(names, f, strict=True)) for f in POWERS_OF]
    made = {"fact": FACT.from_rows(rows), "opening": OPENING.empty(), "place": PLACE.empty()}
    return tables.and_these({**made, "scope": pa.table({"kind": ["AMF"], "scope": ["in"]})})


def asked(**more: Any) -> RepairParameters:
    ask = ExposureParameters(("v:x",), (OWNED,), date(2026, 11, 24), **more)
    return RepairParameters(ask, (MANAGES, FIXED))


def test_each_answer_is_told_before_and_after_the_repair() -> None:
    found = Repair.of(Tables(dict(repair(network(), asked()))))
    rows = found.answers.to_pylist()
    assert {(r["element"], r["effect"]): (r["before"], r["after"]) for r in rows} == {
        ("A", "control"): ("breached", "holds"),
        ("A", "read"): ("holds", "holds"),
        ("A", "stop"): ("breached", "holds"),
        # Its own element no change takes out of its hands.
        ("B", "control"): ("breached", "breached"),
        ("B", "read"): ("holds", "holds"),
        ("B", "stop"): ("breached", "breached"),
        # The repair is of what is known: what hangs on a fact hangs on it still.
        ("C", "control"): ("unknown", "unknown"),
        ("C", "read"): ("holds", "holds"),
        ("C", "stop"): ("holds", "holds"),
        **{("D", e): ("holds", "holds") for e in ("control", "read", "stop")},
    }
    assert [(r["change"], r["of"]) for r in found.changes.to_pylist()] == [
        ("give it another", "control element A")
    ]
    assert (found.cost, found.lower, found.is_checked) == (5.0, 5.0, True)
    assert [(r["element"], r["effect"], r["is_own"]) for r in found.beyond] == [
        ("B", "control", True),
        ("B", "stop", True),
    ]


def test_a_repair_that_does_not_work_is_not_said_to_be_checked() -> None:
    tables = Tables(dict(repair(network(), asked())))
    rows = tables["repaired"].to_pylist()
    rows[0]["after"] = "breached"
    spoilt = Repair.of(tables.and_these({"repaired": pa.Table.from_pylist(rows)}))
    assert rows[0]["before"] == "breached"
    assert not spoilt.is_checked


def test_a_repair_without_time_is_the_first_that_works() -> None:
    found = Repair.of(Tables(repaired(network(), asked(), Limit(seconds=0.0))))
    assert (found.cost, found.lower, found.is_least, found.is_checked) == (5.0, 0.0, False, True)
