"""Whom an instrument means: by name, by criteria, for some uses only, and by who controls whom."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ringfence.rules.elements import Elements
from ringfence.rules.pack import Pack, read_pack
from ringfence.rules.published import lay_out, open_jail, whole
from ringfence.store.jail import Limits
from ringfence.store.reading import read_select

DAY = date(2024, 6, 1)
Build = Callable[..., Any]
Files = Callable[..., dict[str, str]]

VENDORS: list[dict[str, Any]] = [
    {"id": "m", "name": "Meridian", "is_independent": True},
    {"id": "radio", "name": "Meridian Radio"},
    {"id": "a", "name": "Alder", "is_independent": True},
    {"id": "net", "name": "Alder Networks"},
    {"id": "c", "name": "Cedar", "is_independent": True},
    {"id": "b", "name": "Birch"},
]
OWNERSHIP = [
    {"owner": "m", "owned": "radio", "is_controlling": True},
    {"owner": "a", "owned": "net", "share": 0.6},
]


def seen(tables: Any, pack: Pack, sql: str, day: date = DAY) -> list[tuple[Any, ...]]:
    """What a statement sees of a network, as a rule would."""
    with open_jail(
        lay_out(Elements(whole(tables)), pack, day, [read_select(sql)]), [], Limits()
    ) as jail:
        return [tuple(row.values()) for row in jail.select(sql).to_pylist()]


@pytest.fixture
def by_criteria(files: Files) -> Pack:
    made = files()
    made["pack.toml"] = made["pack.toml"].replace('names = "vendors"', 'names = "criteria"')
    return read_pack(made, "xx-test", "xx-test", built_in=True)


def assessed(vendor: str, outcome: str, **more: object) -> dict[str, object]:
    key = f"{vendor}-{outcome}-{len(more)}"
    said = {"id": key, "instrument": "xx-test", "kind": "assessment", "outcome": outcome}
    return said | {"vendor": vendor} | more


def listed(build: Build, pack: Pack, approvals: list[dict[str, object]]) -> dict[str, object]:
    tables = build(vendor=VENDORS, ownership=OWNERSHIP, approval=approvals)
    found = seen(tables, pack, "SELECT id, is_listed FROM vendor")
    return {row[0]: row[1] for row in found}


def test_under_criteria_nobody_is_cleared_by_silence(build: Build, by_criteria: Pack) -> None:
    assert set(listed(build, by_criteria, []).values()) == {None}
    sql = "SELECT listed_because FROM vendor WHERE id IN ('c', 'b') ORDER BY id"
    assert seen(build(vendor=VENDORS, ownership=OWNERSHIP), by_criteria, sql) == [
        ("who controls it is not stated",),
        ("nobody has stated whether it meets the criteria",),
    ]


def test_an_assessment_is_of_a_maker_and_of_all_it_controls(
    build: Build, by_criteria: Pack
) -> None:
    found = listed(build, by_criteria, [assessed("a", "granted"), assessed("m", "refused")])
    assert found == {"m": True, "radio": True, "a": False, "net": False, "c": None, "b": None}


def test_clearing_a_company_does_not_clear_its_owner(build: Build, by_criteria: Pack) -> None:
    found = listed(build, by_criteria, [assessed("net", "granted")])
    assert (found["net"], found["a"]) == (False, None)


@pytest.mark.parametrize(
    "more",
    [
        {"instrument": "yy-test"},
        {"kind": "notification"},
        {"outcome": "pending"},
        {"outcome": "granted with conditions"},
        {"granted_on": date(2024, 6, 2)},
        {"valid_to": date(2024, 5, 31)},
        # What is said of one product is not said of its maker.
        {"product": "p"},
        {"operator": "o"},
    ],
)
def test_what_is_no_assessment_of_the_day_clears_nobody(
    build: Build, by_criteria: Pack, more: dict[str, object]
) -> None:
    assert listed(build, by_criteria, [assessed("a", "granted") | more])["a"] is None


def test_an_assessment_lasts_from_its_first_day_to_its_last(
    build: Build, by_criteria: Pack
) -> None:
    said = assessed("a", "granted", granted_on=DAY, valid_to=DAY)
    assert listed(build, by_criteria, [said])["a"] is False


def test_under_names_an_assessment_says_nothing(build: Build, pack: Callable[..., Pack]) -> None:
    found = listed(build, pack(), [assessed("m", "refused")])
    assert found == {"m": False, "radio": False, "a": False, "net": False, "c": False, "b": None}


FACT = """
[[fact]]
vendor = "Meridian"
names = ["Meridian"]
status = "designated"
valid_from = 2020-01-01
only_for = "cameras"
source = "the act"
date = 2020-01-01
grade = "S"
"""


def test_a_vendor_named_for_some_uses_says_for_which(
    build: Build, pack: Callable[..., Pack]
) -> None:
    tables = build(
        vendor=VENDORS,
        ownership=OWNERSHIP,
        product=[
            {"id": "p", "vendor": "a", "original_maker": "m"},
            {"id": "own", "vendor": "a"},
        ],
        element=[
            {"id": "e1", "vendor": "radio"},
            {"id": "e2", "vendor": "a", "product": "p"},
            {"id": "e3", "vendor": "a", "product": "own"},
        ],
    )
    sql = "SELECT id, is_listed, listed_only_for FROM element ORDER BY id"
    found = seen(tables, pack(manifest=FACT), sql)
    assert found == [("e1", True, "cameras"), ("e2", True, "cameras"), ("e3", False, None)]
    sql = "SELECT listed_because FROM vendor WHERE id = 'm'"
    assert seen(tables, pack(manifest=FACT), sql) == [("designated for cameras from 2020-01-01",)]
    # Named once more, for everything: then no use is an excuse.
    tables = tables.and_these(build(designation=[{"vendor": "m", "instrument": "xx-test"}]))
    tables = build(
        vendor=VENDORS,
        designation=[{"vendor": "m", "instrument": "xx-test"}],
        element=[{"id": "e1", "vendor": "m"}],
    )
    sql = "SELECT is_listed, listed_only_for FROM element"
    assert seen(tables, pack(manifest=FACT), sql) == [(True, None)]


def test_companies_under_one_owner_are_one_group(build: Build, pack: Callable[..., Pack]) -> None:
    circle = [
        *OWNERSHIP,
        {"owner": "x", "owned": "y", "is_controlling": True},
        {"owner": "y", "owned": "x", "is_controlling": True},
        {"owner": "m", "owned": "joint", "is_controlling": True},
        {"owner": "a", "owned": "joint", "is_controlling": True},
    ]
    vendors = [*VENDORS, *({"id": v, "name": v} for v in ("x", "y", "joint"))]
    tables = build(
        vendor=vendors,
        ownership=circle,
        product=[{"id": "p", "vendor": "radio"}],
        element=[
            *({"id": v["id"], "vendor": v["id"]} for v in vendors),
            {"id": "by-product", "product": "p"},
            {"id": "by-nobody"},
        ],
    )
    found = dict(seen(tables, pack(), "SELECT id, maker_group FROM element"))
    assert found == {
        "m": "m", "radio": "m", "by-product": "m", "a": "a", "net": "a", "c": "c",
        "b": None, "by-nobody": None, "x": "x + y", "y": "x + y", "joint": "a + m",
    }  # fmt: skip


def test_who_controls_whom_can_be_read(build: Build, pack: Callable[..., Pack]) -> None:
    sql = (
        "SELECT c.holder, v.name, c.ownership_is_stated FROM control c JOIN vendor v "
        "ON v.id = c.holder WHERE c.vendor = 'radio' ORDER BY 1"
    )
    found = seen(build(vendor=VENDORS, ownership=OWNERSHIP), pack(), sql)
    assert found == [("m", "Meridian", True), ("radio", "Meridian Radio", True)]


def test_the_place_of_an_element_is_that_of_its_site(
    build: Build, pack: Callable[..., Pack]
) -> None:
    tables = build(
        site=[{"id": "s", "country": "XX", "kind": "exchange"}, {"id": "t"}],
        element=[{"id": "e", "site": "s"}, {"id": "f", "site": "t"}, {"id": "g"}],
    )
    sql = "SELECT id, country, site_kind FROM element ORDER BY id"
    assert seen(tables, pack(), sql) == [
        ("e", "XX", "exchange"),
        ("f", None, None),
        ("g", None, None),
    ]


def test_functions_are_told_with_their_plane(build: Build, pack: Callable[..., Pack]) -> None:
    tables = build(
        element=[{"id": "e"}],
        function=[{"element": "e", "kind": k} for k in ("EMS", "UPF", "AMF", "Zauberkasten")],
    )
    sql = "SELECT kind, plane FROM placement ORDER BY kind"
    assert seen(tables, pack(), sql) == [
        ("AMF", "control"),
        ("EMS", "management"),
        ("UPF", "user"),
        ("Zauberkasten", None),
    ]


APPROVED = "SELECT element, is_granted, because FROM approved WHERE kind = 'certificate' ORDER BY 1"


def approved(build: Build, pack: Pack, *rows: dict[str, object]) -> dict[object, object]:
    tables = build(
        vendor=VENDORS,
        ownership=OWNERSHIP,
        operator=[{"id": "o"}],
        site=[{"id": "s", "operator": "o"}],
        product=[{"id": "p", "vendor": "m"}, {"id": "q", "vendor": "radio"}],
        element=[
            {"id": "e-m", "vendor": "m", "product": "p"},
            {"id": "e-radio", "vendor": "radio", "operator": "o"},
            {"id": "e-q", "product": "q"},
            {"id": "e-a", "vendor": "a", "site": "s"},
        ],
        approval=[
            {"id": str(n), "instrument": "xx-test", "kind": "certificate", "outcome": "granted"}
            | row
            for n, row in enumerate(rows)
        ],
    )
    return {row[0]: row[1] for row in seen(tables, pack, APPROVED)}


@pytest.mark.parametrize(
    ("row", "meant"),
    [
        ({"element": "e-m"}, {"e-m"}),
        ({"product": "p"}, {"e-m"}),
        ({"vendor": "m"}, {"e-m", "e-radio", "e-q"}),
        ({"vendor": "radio"}, {"e-radio", "e-q"}),
        ({"operator": "o"}, {"e-radio", "e-a"}),
        ({"vendor": "m", "operator": "o"}, {"e-radio"}),
        ({"product": "p", "operator": "o"}, set()),
        ({"element": "e-m", "vendor": "a"}, set()),
        ({"element": "e-q", "vendor": "m"}, {"e-q"}),
        # It names nothing, so nothing is known to be meant.
        ({}, set()),
        ({"element": "e-m", "instrument": "yy-test"}, set()),
        ({"element": "e-m", "granted_on": date(2024, 6, 2)}, set()),
        ({"element": "e-m", "granted_on": DAY}, {"e-m"}),
    ],
)
def test_an_approval_is_about_what_fits_all_that_it_names(
    build: Build, pack: Callable[..., Pack], row: dict[str, object], meant: set[str]
) -> None:
    assert approved(build, pack(), row) == dict.fromkeys(meant, True)


@pytest.mark.parametrize(
    ("outcomes", "is_granted"),
    [
        ([("granted", None)], True),
        ([("granted with conditions", None)], True),
        ([("granted", DAY)], True),
        ([("granted", date(2024, 5, 31))], False),
        ([("refused", None)], False),
        ([("refused", None), ("granted", None)], False),
        ([("granted", date(2024, 5, 31)), ("granted", None)], True),
        ([("pending", None)], None),
        ([(None, None)], None),
        # It may have been a refusal.
        ([(None, None), ("granted", None)], None),
        ([("pending", None), ("granted", date(2024, 5, 31))], None),
        ([("pending", None), ("granted", None)], True),
    ],
)
def test_of_several_answers_a_refusal_outweighs_and_what_ran_out_counts_for_nothing(
    build: Build,
    pack: Callable[..., Pack],
    outcomes: list[tuple[str | None, date | None]],
    is_granted: bool | None,
) -> None:
    rows: list[dict[str, object]] = [
        {"element": "e-m", "outcome": o, "valid_to": v} for o, v in outcomes
    ]
    assert approved(build, pack(), *rows) == {"e-m": is_granted}


def test_a_strategy_of_one_maker_does_not_speak_for_another_that_is_not_known(
    build: Build, pack: Callable[..., Pack]
) -> None:
    tables = build(
        vendor=VENDORS,
        ownership=OWNERSHIP,
        designation=[
            {"vendor": "m", "instrument": "xx-test", "has_mitigation_strategy": True},
            {"vendor": "c", "instrument": "xx-test", "has_mitigation_strategy": False},
        ],
        product=[
            {"id": "p", "vendor": "b", "original_maker": "m"},
            {"id": "q", "vendor": "m", "original_maker": "a"},
            {"id": "r", "vendor": "b", "original_maker": "c"},
        ],
        element=[
            {"id": "own", "vendor": "m"},
            {"id": "own-and-known", "vendor": "m", "product": "q"},
            {"id": "other-not-known", "vendor": "b", "product": "q"},
            {"id": "product-not-known", "vendor": "m", "product": "p"},
            {"id": "one-without", "vendor": "m", "product": "r"},
        ],
    )
    sql = "SELECT id, has_mitigation_strategy FROM element WHERE is_listed"
    assert dict(seen(tables, pack(), sql)) == {
        "own": True,
        "own-and-known": True,
        "other-not-known": None,
        "product-not-known": None,
        "one-without": False,
    }


@pytest.mark.parametrize(
    ("refused", "element", "is_granted"),
    [
        ({"product": "q"}, "e-m", True),
        # Its product is not stated, so it may be the one that was refused.
        ({"product": "q"}, "e-radio", None),
        ({"vendor": "a"}, "e-m", True),
        ({"vendor": "a"}, "e-dim", None),
        ({"operator": "o"}, "e-m", None),
        ({"operator": "o"}, "e-p", True),
        ({"operator": "o"}, "e-radio", False),
    ],
)
def test_a_refusal_that_may_be_about_it_leaves_the_matter_open(
    build: Build,
    pack: Callable[..., Pack],
    refused: dict[str, object],
    element: str,
    is_granted: bool | None,
) -> None:
    said = {"instrument": "xx-test", "kind": "certificate"}
    tables = build(
        vendor=VENDORS,
        ownership=OWNERSHIP,
        product=[{"id": "p", "vendor": "m"}, {"id": "q", "vendor": "m"}],
        element=[
            {"id": "e-m", "vendor": "m", "product": "p"},
            {"id": "e-p", "vendor": "m", "product": "p", "operator": "other"},
            {"id": "e-radio", "vendor": "radio", "operator": "o"},
            {"id": "e-dim", "vendor": "b", "product": "p", "operator": "other"},
        ],
        approval=[
            {"id": "1", "element": element, "outcome": "granted"} | said,
            {"id": "2", "outcome": "refused"} | refused | said,
        ],
    )
    found = {row[0]: row[1] for row in seen(tables, pack(), APPROVED)}
    assert found[element] is is_granted
