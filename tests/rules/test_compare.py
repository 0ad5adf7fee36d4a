"""Instruments side by side: counts worked out by hand on a network of a made-up country."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.rules import compare as compare_module
from ringfence.rules.compare import Judgement, compare, difference
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.pack import Pack, list_packs, load_pack, read_pack
from ringfence.rules.published import whole
from tests.rules.phases import AHEAD

DAY = date(2026, 6, 1)
Build = Callable[..., Any]

LISTED = "SELECT id AS subject, verdict(is_listed) AS verdict, made_by AS because FROM element"
SENSITIVE = "SELECT id AS subject, verdict(is_listed AND is_sensitive) AS verdict, '' AS because FROM element"
SERVED = "SELECT id AS subject, verdict(is_listed) AS verdict, made_by AS because FROM contract"
WHOLE = (
    "SELECT o.id AS subject, verdict(count(e.id) > 3) AS verdict, '' AS because "
    "FROM operator o LEFT JOIN element e ON e.operator = o.id GROUP BY o.id"
)
ADVICE = """
[[phase]]
from = 2020-01-01
effect = "advice"
status = "government advice or policy without legal force"
"""
FUTURE = """
[[phase]]
from = 2030-01-01
effect = "binding"
status = "legally binding now"
"""
NOT_ENCODED = """
[[not_encoded]]
id = "N-1"
title = "something that was not read"
why = "source not read"
reason = "not encoded: source not read. Nobody has it."

[[not_encoded]]
id = "N-2"
title = "something of people"
why = "no record"
reason = "not encoded: the model has no record of people."
"""


@pytest.fixture
def packs(files: Callable[..., dict[str, str]]) -> tuple[Pack, Pack]:
    """A law that bars a vendor now, and a law elsewhere that does so later and asks other things."""
    first = files(LISTED)
    second = files(LISTED, phases=AHEAD, manifest=NOT_ENCODED, test="remove by")
    for place, said in {
        "S-1": {"select": SENSITIVE, "phases": ADVICE, "test": "site exclude"},
        "S-2": {"select": SERVED, "subjects": "contract", "test": "no service"},
        "S-3": {"select": WHOLE, "subjects": "operator", "test": "diversity"},
        "S-4": {"select": LISTED, "phases": FUTURE, "test": "exclude"},
    }.items():
        made = files(**said)["rules/R-1.toml"]
        second[f"rules/{place}.toml"] = made.replace('id = "R-1"', f'id = "{place}"')
    second["pack.toml"] = second["pack.toml"].replace("xx-test", "yy-test")
    return (
        read_pack(first, "xx-test", "xx-test", built_in=True),
        read_pack(second, "yy-test", "yy-test", built_in=True),
    )


@pytest.fixture
def network(build: Build) -> Any:
    """Four elements at two sites, one with no site; one maker barred under both laws."""
    return whole(
        build(
            vendor=[
                {"id": "m", "name": "Meridian", "is_independent": True},
                {"id": "a", "name": "Alder", "is_independent": True},
                {"id": "b", "name": "Birch"},
            ],
            designation=[
                {"vendor": "m", "instrument": "xx-test"},
                {"vendor": "m", "instrument": "yy-test"},
                {"vendor": "a", "instrument": "yy-test"},
            ],
            operator=[{"id": "o"}, {"id": "small"}],
            site=[
                {"id": "s1", "operator": "o", "is_sensitive": True},
                {"id": "s2", "operator": "o", "is_sensitive": False},
                {"id": "s3", "operator": "o"},
            ],
            element=[
                {"id": "e1", "site": "s1", "vendor": "m"},
                {"id": "e2", "site": "s2", "vendor": "a"},
                {"id": "e3", "site": "s2", "vendor": "b"},
                {"id": "e4", "operator": "o", "vendor": "m"},
                {"id": "e5", "site": "s3", "vendor": "b"},
            ],
            contract=[{"id": "c1", "vendor": "m"}, {"id": "c2", "vendor": "b"}],
        )
    )


def judged(network: Any, *packs: Pack) -> list[Judgement]:
    return [Judgement(p, evaluate(network, p, EvaluateParameters(DAY))) for p in packs]


def test_each_sort_of_test_is_counted_by_pack(network: Any, packs: tuple[Pack, Pack]) -> None:
    found = compare(judged(network, *packs), network["element"])["comparison"].to_pylist()
    counts = ("rules", "not_in_force", "breach", "due", "may_be_due", "unknown", "comply")
    assert {(r["pack"], r["test"]): tuple(r[c] for c in counts) for r in found} == {
        # e1 and e4 are Meridian's, e2 is Alder's, and of e3 and e5 nobody knows the owner.
        ("xx-test", "exclude"): (1, 0, 2, 0, 0, 2, 1),
        ("yy-test", "remove by"): (1, 0, 0, 3, 2, 0, 0),
        # e1 stands at a sensitive site; e4 nowhere and e5 somewhere, of which that is not stated.
        ("yy-test", "site exclude"): (1, 0, 1, 0, 0, 2, 2),
        ("yy-test", "no service"): (1, 0, 1, 0, 0, 1, 0),
        ("yy-test", "diversity"): (1, 0, 1, 0, 0, 0, 1),
        ("yy-test", "exclude"): (0, 1, 0, 0, 0, 0, 0),
        ("yy-test", "not encoded"): (2, 0, 0, 0, 0, 0, 0),
    }
    assert [r["not_read"] for r in found if r["test"] == "not encoded"] == [1]
    assert [r["test"] for r in found if r["pack"] == "yy-test"][-1] == "not encoded"


def test_what_has_to_change_is_told_once_with_the_gravest_verdict_and_the_first_deadline(
    network: Any, packs: tuple[Pack, Pack]
) -> None:
    found = compare(judged(network, *packs), network["element"])["change"].to_pylist()
    due = date(2027, 12, 31)
    assert [tuple(r.values()) for r in found] == [
        ("contract", "c1", None, None, "breach", None, 1, "yy-test/S-2"),
        ("contract", "c2", None, None, "unknown", None, 1, "yy-test/S-2"),
        ("element", "e1", "o", "s1", "breach", due, 2, "xx-test/R-1\nyy-test/S-1"),
        ("element", "e2", "o", "s2", "due", due, 1, "yy-test/R-1"),
        ("element", "e3", "o", "s2", "unknown", due, 2, "xx-test/R-1\nyy-test/R-1"),
        ("element", "e4", "o", None, "breach", due, 2, "xx-test/R-1"),
        ("element", "e5", "o", "s3", "unknown", due, 2,
         "xx-test/R-1\nyy-test/R-1\nyy-test/S-1"),
        ("operator", "o", "o", None, "breach", None, 1, "yy-test/S-3"),
    ]  # fmt: skip


def test_the_cost_counts_each_thing_once_and_what_is_unknown_apart(
    network: Any, packs: tuple[Pack, Pack]
) -> None:
    found = compare(judged(network, *packs), network["element"])["cost"].to_pylist()
    columns = ("elements", "sites", "without_site", "contracts", "operators", "vendors")
    counted = {(r["pack"], r["sort"]): tuple(r[c] for c in columns) for r in found}
    assert counted == {
        ("xx-test", "breach"): (2, 1, 1, 0, 0, 0),
        ("xx-test", "due"): (0, 0, 0, 0, 0, 0),
        ("xx-test", "unknown"): (2, 2, 0, 0, 0, 0),
        # e1 and e4 are due under R-1 and e1 is a breach of S-1: it counts as that alone.
        ("yy-test", "breach"): (1, 1, 0, 1, 1, 0),
        ("yy-test", "due"): (2, 1, 1, 0, 0, 0),
        ("yy-test", "unknown"): (2, 1, 0, 1, 0, 0),
        # Together: e1 and e4 now, e2 by the deadline, e3 and e5 unknown. s2 has e2 and e3.
        (None, "breach"): (2, 1, 1, 1, 1, 0),
        (None, "due"): (1, 1, 0, 0, 0, 0),
        (None, "unknown"): (2, 1, 0, 1, 0, 0),
    }


def test_what_has_no_legal_force_can_be_left_out(network: Any, packs: tuple[Pack, Pack]) -> None:
    found = compare(judged(network, packs[1]), network["element"], binding_only=True)
    rules = {line for r in found["change"].to_pylist() for line in r["rules"].split("\n")}
    assert rules == {"yy-test/R-1", "yy-test/S-2", "yy-test/S-3"}
    assert found["comparison"].num_rows == 6


def test_nothing_to_compare_is_nothing(network: Any) -> None:
    found = compare([], network["element"])
    assert found["comparison"].num_rows == found["change"].num_rows == 0
    assert [r["elements"] for r in found["cost"].to_pylist()] == [0, 0, 0]


def test_the_order_of_the_packs_changes_no_count(network: Any, packs: tuple[Pack, Pack]) -> None:
    one, other = (
        compare(judged(network, *order), network["element"]) for order in (packs, packs[::-1])
    )
    assert one["change"].equals(other["change"])
    for name in ("comparison", "cost"):
        rows = [sorted(map(str, found[name].to_pylist())) for found in (one, other)]
        assert rows[0] == rows[1]


def test_one_network_under_every_pack_that_comes_with_the_program(network: Any) -> None:
    every = [load_pack(name) for name in list_packs()]
    found = compare(judged(network, *every), network["element"])
    assert set(found["comparison"].column("pack").to_pylist()) == {p.id for p in every}
    for name, table in found.items():
        declared = getattr(compare_module, name.upper())
        assert table.schema.names == list(declared.names)
        assert not [why for bad, why in declared.faults(table) if bad.true_count]


def test_two_regimes_lists_differ_where_the_facts_say_so() -> None:
    found = {
        r["kind"]: r
        for r in difference(load_pack("uk-ncsc-2020"), load_pack("se-pts-2020")).to_pylist()
    }
    assert (found["GNBDU"]["first"], found["GNBDU"]["second"]) == ("out", "in")
    assert (found["WDM"]["first"], found["WDM"]["second"]) == ("out", "in")
    assert (found["CPE"]["first"], found["CPE"]["second"]) == ("review", "out")
    assert (found["HSS"]["first"], found["HSS"]["second"]) == ("in", "review")
    assert "AMF" not in found
    assert "grade S*" in found["GNBDU"]["first_because"]
    assert found["CPE"]["first_because"] == "not named, so for the authority to decide"


def test_a_list_does_not_differ_from_itself_and_the_other_way_round_is_the_mirror() -> None:
    uk, eu = load_pack("uk-ncsc-2020"), load_pack("eu-toolbox-2020")
    assert difference(uk, uk).num_rows == 0
    there, back = difference(uk, eu).to_pylist(), difference(eu, uk).to_pylist()
    assert [(r["kind"], r["first"], r["second"]) for r in there] == [
        (r["kind"], r["second"], r["first"]) for r in back
    ]


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["m", "a", "b", None]), st.sampled_from(["s1", "s2", "s3", None])
        ),
        max_size=9,
    )
)
def test_the_cost_is_what_plain_counting_finds(
    build: Build, network: Any, packs: tuple[Pack, Pack], rows: list[tuple[str | None, str | None]]
) -> None:
    elements = [{"id": f"e{n}", "vendor": v, "site": s} for n, (v, s) in enumerate(rows)]
    tables = network.and_these({"element": build(element=elements)["element"]})
    judgements = judged(tables, *packs)
    site_of = {e["id"]: e["site"] for e in elements}
    cost = compare(judgements, tables["element"])["cost"].to_pylist()
    for pack in ("xx-test", "yy-test", None):
        found = [
            row
            for one in judgements
            if pack in {None, one.pack.id}
            for row in one.answer["finding"].to_pylist()
        ]
        expected = _counted(found, site_of)
        for row in (row for row in cost if row["pack"] == pack):
            for name in ("elements", "sites", "without_site", "contracts", "operators", "vendors"):
                assert row[name] == expected[row["sort"], name], (pack, row["sort"], name)


def _counted(
    found: list[dict[str, Any]], site_of: dict[Any, str | None]
) -> Counter[tuple[str, str]]:
    """Things that would have to change, by sort and kind, each once in the gravest."""
    sorts = ("breach", "due", "unknown")
    worst: dict[tuple[str, str], int] = {}
    for row in found:
        said = (row["verdict"], row["verdict_when_due"])
        grave = 0 if said[0] == "breach" else 1 if said[1] == "breach" else 2
        if grave < 2 or "unknown" in said:
            key = row["subject_table"], row["subject"]
            worst[key] = min(grave, worst.get(key, 2))
    counted: Counter[tuple[str, str]] = Counter()
    sites: dict[str, int] = {}
    for (table, subject), grave in worst.items():
        counted[sorts[grave], f"{table}s"] += 1
        if table == "element" and (place := site_of[subject]):
            sites[place] = min(grave, sites.get(place, 2))
        elif table == "element":
            counted[sorts[grave], "without_site"] += 1
    for grave in sites.values():
        counted[sorts[grave], "sites"] += 1
    return counted
