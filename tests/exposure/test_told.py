"""The words for what is held and what is asked, and the limit up to which facts are tried."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from ringfence.exposure.control import FACT, Profile
from ringfence.exposure.exposed import CASES_AT_ONCE, Exposure, ExposureParameters, exposure
from ringfence.exposure.limits import Limit
from ringfence.exposure.packets import NOWHERE, OPENING, PLACE
from ringfence.exposure.told import Words, plainly
from ringfence.network.model import NETWORK_TABLES
from ringfence.store.duck import Tables

Rows = dict[str, list[dict[str, Any]]]


def network(rows: Rows, facts: list[dict[str, Any]] | None = None) -> Tables:
    tables = Tables({t.name: t.from_rows(rows.get(t.name, [])) for t in NETWORK_TABLES})
    return tables.and_these(
        {
            "fact": FACT.from_rows(facts or []),
            "opening": OPENING.from_rows(rows.get("opening", [])),
            "place": PLACE.from_rows(rows.get("place", [])),
            "scope": pa.table({"kind": ["AMF"], "scope": ["in"]}),
        }
    )


def test_a_passage_says_for_how_many_it_was_worked_out() -> None:
    rows: Rows = {
        "element": [{"id": e, "name": e} for e in "abcde"],
        "place": [{"place": "place 1 in n", "element": e} for e in "abc"],
        "opening": [{"opening": "opening 1 in n: TCP 80", "endpoint": None, "element": e} for e in "de"],
    }  # fmt: skip
    words = Words(network(rows))
    fact = {"premise": "send place 1 in n", "conclusion": "reach opening 1 in n: TCP 80"}
    said = words.alike(fact)
    assert said is not None
    assert "3 elements alike as senders and the 2 elements alike as receivers" in said
    # A power that is of one element alone has nothing of the kind to say.
    assert words.alike({"premise": "control element a", "conclusion": "send place 1 in n"}) is None


def test_a_passage_of_one_to_one_needs_no_such_words() -> None:
    rows: Rows = {
        "element": [{"id": "a"}, {"id": "b"}],
        "place": [{"place": "place 1 in n", "element": "a"}],
        "opening": [{"opening": "opening 1 in n: TCP 80", "endpoint": None, "element": "b"}],
    }
    fact = {"premise": "send place 1 in n", "conclusion": "reach opening 1 in n: TCP 80"}
    assert Words(network(rows)).alike(fact) is None


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ("from place 1 in n to opening 1 in n: TCP 80", "from the place of a and b in the lan to TCP 80 of c in the lan"),
        ("from not stated to opening 1 in n: TCP 80", "from the place of d to TCP 80 of c in the lan"),
        ("control element a", "a"),
        ("amid element a", "a"),
        ("share segment n", "the lan"),
    ],
)  # fmt: skip
def test_a_change_says_what_it_is_made_to(of: str, said: str) -> None:
    rows: Rows = {
        "element": [{"id": e} for e in "abcd"],
        "segment": [{"id": "n", "name": "the lan"}],
        "place": [{"place": p, "element": e}
                  for p, e in (("place 1 in n", "a"), ("place 1 in n", "b"), (NOWHERE, "d"))],
        "opening": [{"opening": "opening 1 in n: TCP 80", "endpoint": None, "element": "c"}],
    }  # fmt: skip
    assert Words(network(rows)).change(of) == said


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("amid element a", "stands amid the traffic of a"),
        ("route segment n", "passes on what crosses the lan"),
        ("share segment n", "is a member of the lan"),
        ("stop operator o", "can stop the traffic of Northline"),
    ],
)
def test_what_is_held_is_said_in_words(node: str, said: str) -> None:
    rows: Rows = {
        "element": [{"id": "a"}],
        "segment": [{"id": "n", "name": "the lan"}],
        "operator": [{"id": "o", "name": "Northline"}],
    }
    assert Words(network(rows)).held(node) == said


def test_feet_that_nobody_stated_are_one_question_about_all_their_elements() -> None:
    unknown = "in which segments it has a foot is not stated"
    rows: Rows = {
        "element": [{"id": f"k:{e}", "name": f"n-{e}"} for e in "abc"],
        "place": [{"place": NOWHERE, "element": f"k:{e}"} for e in "ab"],
        "opening": [{"opening": NOWHERE, "endpoint": None, "element": f"k:{e}"} for e in "bc"],
    }
    assert Words(network(rows)).subjects(unknown) == ["n-a", "n-b", "n-c"]


def test_things_of_one_name_are_told_apart_by_as_little_of_the_key_as_does() -> None:
    keys = ("c:f/one/smf", "c:f/two/smf", "c:f/one/upf", "lone")
    rows: Rows = {"element": [{"id": k, "name": "smf" if "smf" in k else None} for k in keys]}
    words = Words(network(rows))
    assert [words.name(k) for k in keys] == ["smf (one/smf)", "smf (two/smf)", "upf", "lone"]


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        ("the address of e.csv:2 is not stated", "the address of e.csv:2"),
        ("the rules at fw are not given; the address of a is not stated",
         "the rules at fw; the address of a"),
        ("whether a is not stated b", "whether a is not stated b"),
    ],
)  # fmt: skip
def test_a_fact_to_state_is_said_without_that_it_is_not(unknown: str, said: str) -> None:
    assert plainly(unknown) == said


# A thousand facts, each of which alone gives the vendor the one core element.

MANY = CASES_AT_ONCE + 100
OWN = Profile(
    id="own", says="It made it",
    select="SELECT e.id AS held, e.origin, NULL AS unknown FROM element e "
    "WHERE e.vendor IN (SELECT vendor FROM hostile)",
)  # fmt: skip


def wide() -> Tables:
    rows: Rows = {
        "vendor": [{"id": "v:x", "name": "X"}],
        "element": [{"id": "M", "vendor": "v:x"}, {"id": "A"}],
        "function": [{"id": "fA", "element": "A", "kind": "AMF"}],
    }
    facts = [
        {"rule": "r", "premise": "control element M", "conclusion": "control element A",
         "unknown": f"whether {i:04} is so"}
        for i in range(MANY)
    ]  # fmt: skip
    # Facts that bear on more come first, whatever their names.
    facts += [
        {"rule": "r", "premise": "control element M", "conclusion": f"stop element {e}",
         "unknown": f"whether {MANY - 1:04} is so"}
        for e in "ABC"
    ]  # fmt: skip
    return network(rows, facts)


def ask(**more: Any) -> ExposureParameters:
    return ExposureParameters(("v:x",), (OWN,), date(2026, 11, 24), **more)


def counts(found: dict[str, Any]) -> tuple[int, int, int]:
    asked = found["asked"].to_pylist()
    return (
        found["decider"].num_rows,
        sum(r["facts"] for r in asked),
        sum(r["tried"] for r in asked),
    )


def test_with_work_enough_every_fact_is_tried() -> None:
    found = dict(exposure(wide(), ask()))
    assert counts(found) == (MANY, MANY, MANY)
    # One alone breaches control; closing one alone settles nothing while the others are open.
    first = {r["unknown"]: (r["breaches"], r["settles"]) for r in found["decider"].to_pylist()}
    assert first["whether 0000 is so"] == (1, 0)
    # Only this one stops A, so that without it that holds.
    assert first[f"whether {MANY - 1:04} is so"] == (2, 1)


def test_where_the_work_is_not_enough_the_facts_not_tried_are_counted() -> None:
    """Each fact is of a sort of its own here, and those of one sort together come first."""
    found = dict(exposure(wide(), ask(work=1)))
    assert counts(found) == (0, MANY, 0)
    asked = found["asked"].to_pylist()
    assert sum(r["breaches"] is not None for r in asked) == CASES_AT_ONCE
    again = dict(exposure(wide(), ask(work=1)))
    assert all(found[t].equals(again[t]) for t in found)


def test_what_bears_on_most_is_tried_first() -> None:
    """Two blocks are enough for all together and for the first few alone."""
    tables = wide()
    size = MANY + 3
    found = dict(exposure(tables, ask(work=2 * size * CASES_AT_ONCE // 64)))
    tried = counts(found)[2]
    assert 0 < tried < MANY
    names = found["decider"]["unknown"].to_pylist()
    assert f"whether {MANY - 1:04} is so" in names


def test_a_clock_cuts_off_as_well_and_says_so() -> None:
    limit = Limit(seconds=0.0)
    found = Exposure(wide().only(*exposure.reads), ask()).answer(limit)
    assert limit.is_late
    assert counts(found)[2] == 0
    # What hangs on no trial is answered all the same.
    verdicts = {(r["effect"], r["verdict"]) for r in found["exposed"].to_pylist()}
    assert verdicts == {("control", "unknown"), ("read", "holds"), ("stop", "unknown")}


def test_of_more_chains_than_are_told_of_the_shortest_are_and_its_own_come_last() -> None:
    """X made A itself; from its manager M it is one step to B and two to C."""
    rows: Rows = {
        "vendor": [{"id": "v:x", "name": "X"}],
        "element": [{"id": "M", "vendor": "v:x"}, {"id": "A", "vendor": "v:x"}, {"id": "B"}, {"id": "C"}],
        "function": [{"id": f"f{e}", "element": e, "kind": "AMF"} for e in "ABC"],
    }  # fmt: skip
    facts = [
        {"rule": "r", "premise": f"control element {a}", "conclusion": f"control element {b}"}
        for a, b in (("M", "B"), ("B", "C"), ("A", "A"))
    ]
    told = []
    for most in (1, 2, 3):
        found = dict(exposure(network(rows, facts), ask(chains=most)))
        assert isinstance(found["chain"], pa.Table)
        told.append(sorted(set(found["chain"]["element"].to_pylist())))
    assert told == [["B"], ["B", "C"], ["A", "B", "C"]]
