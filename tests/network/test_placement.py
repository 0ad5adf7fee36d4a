"""Where everything is on a day, worked out by hand."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.network.placement import PLACEMENT, PlacementParameters, placement
from ringfence.store.duck import Tables

Row = dict[str, Any]
Build = Callable[..., Tables]

DAY = date(2024, 6, 30)


def placed(network: Tables, *columns: str, as_of: date = DAY) -> list[Row]:
    found = placement(network, PlacementParameters(as_of))["placement"]
    assert found.schema.names == list(PLACEMENT.names)
    return list((found.select(columns) if columns else found).to_pylist())


def test_a_row_says_all_that_questions_ask_of_an_element_and_function(build: Build) -> None:
    network = build(
        site=[{"id": "s", "operator": "o", "region": "North", "origin": "sites row 2"}],
        product=[{"id": "p", "vendor": "brand", "original_maker": "real"}],
        element=[
            {
                "id": "e",
                "name": "Mast",
                "site": "s",
                "vendor": "shop",
                "product": "p",
                "purchased_on": date(2019, 1, 1),
                "installed_on": date(2020, 1, 1),
                "origin": "elements row 5",
            }
        ],
        function=[
            {"element": "e", "kind": "GNBDU", "slice": "1", "origin": "functions row 7"},
        ],
    )
    assert placed(network) == [
        {
            "element": "e",
            "name": "Mast",
            "kind": "GNBDU",
            "slice": "1",
            "domain": "radio access",
            "generation": "5G",
            "site": "s",
            "region": "North",
            "operator": "o",
            "vendor": "shop",
            "product_vendor": "brand",
            "original_maker": "real",
            "product": "p",
            "purchased_on": date(2019, 1, 1),
            "installed_on": date(2020, 1, 1),
            "origin": "elements row 5\nfunctions row 7",
        }
    ]


def test_an_element_is_its_own_operators_before_its_sites(build: Build) -> None:
    # A shared mast: the tower company's site carries two operators' elements.
    network = build(
        site=[{"id": "mast", "operator": "tower"}, {"id": "field"}],
        element=[
            {"id": "a", "site": "mast", "operator": "one"},
            {"id": "b", "site": "mast"},
            {"id": "c", "site": "field"},
            {"id": "d", "operator": "one"},
            {"id": "e", "site": "no such site", "operator": "one"},
            {"id": "f"},
        ],
    )
    assert placed(network, "element", "operator", "site") == [
        {"element": "a", "operator": "one", "site": "mast"},
        {"element": "b", "operator": "tower", "site": "mast"},
        {"element": "c", "operator": None, "site": "field"},
        {"element": "d", "operator": "one", "site": None},
        {"element": "e", "operator": "one", "site": "no such site"},
        {"element": "f", "operator": None, "site": None},
    ]


def test_an_element_without_a_function_is_there_and_one_with_three_is_there_thrice(
    build: Build,
) -> None:
    network = build(
        element=[{"id": "a"}, {"id": "b"}],
        function=[
            {"element": "b", "kind": "UPF", "slice": "2"},
            {"element": "b", "kind": "UPF"},
            {"element": "b", "kind": "SMF"},
            {"element": "gone", "kind": "AMF"},
        ],
    )
    assert placed(network, "element", "kind", "slice") == [
        {"element": "a", "kind": None, "slice": None},
        {"element": "b", "kind": "SMF", "slice": None},
        {"element": "b", "kind": "UPF", "slice": "2"},
        {"element": "b", "kind": "UPF", "slice": None},
    ]


def test_a_function_in_no_catalogue_has_no_domain(build: Build) -> None:
    network = build(element=[{"id": "a"}], function=[{"element": "a", "kind": "MME/AMF"}])
    assert placed(network, "kind", "domain", "generation") == [
        {"kind": "MME/AMF", "domain": None, "generation": None}
    ]


def test_a_stated_generation_goes_before_that_of_the_catalogue(build: Build) -> None:
    network = build(
        element=[{"id": "a"}],
        function=[
            {"element": "a", "kind": "AMF", "generation": "4G"},
            {"element": "a", "kind": "RU", "generation": "5G"},
            {"element": "a", "kind": "SMF"},
            {"element": "a", "kind": "BBU"},
        ],
    )
    assert {r["kind"]: r["generation"] for r in placed(network, "kind", "generation")} == {
        "AMF": "4G",
        "RU": "5G",
        "SMF": "5G",
        "BBU": None,
    }


@pytest.mark.parametrize(
    ("installed", "removed", "there"),
    [
        (None, None, True),
        (0, None, True),  # on the day it is installed
        (1, None, False),
        (-1, None, True),
        (None, 0, False),  # on the day it is removed
        (None, 1, True),
        (None, -1, False),
        (-5, 5, True),
        (0, 0, False),
    ],
)
def test_an_element_is_there_from_its_installation_until_its_removal(
    build: Build, installed: int | None, removed: int | None, there: bool
) -> None:
    def day(offset: int | None) -> date | None:
        return None if offset is None else DAY + timedelta(days=offset)

    network = build(
        element=[{"id": "a", "installed_on": day(installed), "removed_on": day(removed)}]
    )
    assert bool(placed(network)) is there


DAYS = st.none() | st.dates(DAY - timedelta(days=3), DAY + timedelta(days=3))


@given(rows=st.lists(st.tuples(DAYS, DAYS), max_size=6))
@settings(max_examples=25)
def test_every_element_in_service_is_there_once_for_each_function(
    build: Build, rows: list[tuple[date | None, date | None]]
) -> None:
    network = build(
        element=[
            {"id": f"e{i}", "installed_on": begun, "removed_on": ended}
            for i, (begun, ended) in enumerate(rows)
        ],
        function=[
            {"element": f"e{i}", "kind": kind}
            for i in range(len(rows))
            for kind in ("AMF", "UPF")[: i % 3]
        ],
    )
    expected = [
        (f"e{i}", kind)
        for i, (begun, ended) in enumerate(rows)
        if (begun or date.min) <= DAY < (ended or date.max)
        for kind in (("AMF", "UPF")[: i % 3] or (None,))
    ]
    assert [(r["element"], r["kind"]) for r in placed(network, "element", "kind")] == expected
