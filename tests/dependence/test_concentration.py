"""Concentration: by hand, and the range of the index against every way to fill the unknown in."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.dependence.concentration import (
    ConcentrationParameters,
    concentration,
    index_range,
)
from ringfence.store.duck import Tables

Build = Callable[..., Tables]

DAY = date(2026, 1, 1)


def answer(tables: Tables) -> Any:
    return concentration(tables, ConcentrationParameters(as_of=DAY))


def index(found: Any, basis: str, by: str = "network", part: str | None = None) -> Any:
    rows = [
        r
        for r in found["concentration"].to_pylist()
        if (r["by"], r["group"], r["basis"]) == (by, part, basis)
    ]
    assert len(rows) == 1
    return rows[0]


def shares(found: Any, basis: str) -> dict[str, tuple[float, float]]:
    return {
        r["holder"]: (r["share_low"], r["share_high"])
        for r in found["concentration_share"].to_pylist()
        if (r["by"], r["basis"]) == ("network", basis)
    }


VENDORS = [
    {"id": "a", "name": "A", "country_of_registration": "XA", "is_independent": False},
    {"id": "b", "name": "B", "country_of_registration": "XB", "is_independent": False},
    {"id": "c", "name": "C", "country_of_registration": "XC", "is_independent": True},
    {"id": "h", "name": "H", "country_of_registration": "XH", "is_independent": True},
    {"id": "u", "name": "U"},
]
OWNED = [
    {"owner": "h", "owned": "a", "is_controlling": True},
    {"owner": "h", "owned": "b", "is_controlling": True},
]


def test_two_names_under_one_owner_are_one_dependence(build: Build) -> None:
    # Makers: a 4, b 4, c 1, not stated 1. By maker 0.16 + 0.16 + 0.01 = 0.33 at least; at most
    # with 5 for the greatest: 0.25 + 0.16 + 0.01 = 0.42. By owner h has 8: 0.65, at most 0.82.
    makers = ["a"] * 4 + ["b"] * 4 + ["c", None]
    elements = [{"id": f"e{n}", "vendor": v} for n, v in enumerate(makers)]
    found = answer(build(vendor=VENDORS, ownership=OWNED, element=elements))
    maker, owner = index(found, "maker"), index(found, "owner")
    assert (maker["index_low"], maker["index_high"]) == pytest.approx((0.33, 0.42))
    assert (owner["index_low"], owner["index_high"]) == pytest.approx((0.65, 0.82))
    assert (maker["leader"], owner["leader"], owner["single_point"]) == ("a", "h", "no")
    assert shares(found, "owner") == {"h": (0.8, 0.9), "c": (0.1, 0.2)}
    # One law binds both: that of the owner's country, besides their own.
    assert shares(found, "jurisdiction") == {
        "XA": (0.4, 0.5), "XB": (0.4, 0.5), "XH": (0.8, 0.9), "XC": (0.1, 0.2)
    }  # fmt: skip


def test_an_owner_that_nobody_states_is_unknown(build: Build) -> None:
    elements = [{"id": "e1", "vendor": "u"}, {"id": "e2", "vendor": "c"}]
    found = answer(build(vendor=VENDORS, ownership=OWNED, element=elements))
    assert shares(found, "owner") == {"c": (0.5, 1.0)}
    assert index(found, "owner")["single_point"] == "may be"
    assert shares(found, "maker") == {"u": (0.5, 0.5), "c": (0.5, 0.5)}


def test_who_really_makes_it_counts_not_the_name_on_it(build: Build) -> None:
    found = answer(
        build(
            vendor=VENDORS,
            product=[{"id": "p", "vendor": "a", "original_maker": "c"}],
            element=[{"id": "e1", "vendor": "a", "product": "p"}, {"id": "e2", "vendor": "c"}],
        )
    )
    assert shares(found, "maker") == {"c": (1, 1)}
    assert index(found, "maker")["single_point"] == "yes"


def test_a_library_under_two_names_is_common_to_both(build: Build) -> None:
    found = answer(
        build(
            vendor=VENDORS,
            product=[{"id": "p", "vendor": "a"}],
            element=[
                {"id": "e1", "vendor": "a", "product": "p"},
                {"id": "e2", "vendor": "b"},
                {"id": "e3", "vendor": "c"},
            ],
            component=[
                {"id": "c1", "product": "p", "name": "lib", "purl": "pkg:generic/lib@1.0"},
                {"id": "c2", "element": "e2", "name": "lib2", "purl": "pkg:generic/lib@2.0"},
            ],
        )
    )
    # Of e3 no list of components is there, so it may have it too.
    assert shares(found, "component") == {"pkg:generic/lib": (2 / 3, 1)}
    row = index(found, "component")
    assert (row["index_low"], row["single_point"]) == (None, "may be")


def test_parts_are_by_operator_region_domain_and_function(build: Build) -> None:
    found = answer(
        build(
            vendor=VENDORS,
            site=[{"id": "s", "operator": "o", "region": "north"}],
            element=[{"id": "e1", "site": "s", "vendor": "a"}, {"id": "e2", "vendor": "c"}],
            function=[{"element": "e1", "kind": "AMF"}, {"element": "e2", "kind": "ENB"}],
        )
    )
    for by, part in (("operator", "o"), ("region", "north"), ("domain", "5G core"),
                     ("function", "AMF")):  # fmt: skip
        row = index(found, "maker", by, part)
        assert (row["single_point"], row["leader"], row["total"]) == ("yes", "a", 1)
    entrant = {
        r["entrant_share"]: r["index_low"]
        for r in found["entrant"].to_pylist()
        if (r["by"], r["group"], r["basis"]) == ("function", "AMF", "maker")
    }
    # One maker alone, and an entrant with a fifth: 0.64 + 0.04.
    assert entrant[0.2] == pytest.approx(0.68)


def partitions(total: int, most: int) -> list[list[int]]:
    if total == 0:
        return [[]]
    return [
        [first, *rest]
        for first in range(min(total, most), 0, -1)
        for rest in partitions(total - first, first)
    ]


@given(st.lists(st.integers(1, 9), max_size=4), st.integers(0, 5))
def test_however_the_unknown_turns_out_the_index_is_in_its_range(
    known: list[int], unknown: int
) -> None:
    low, high = index_range(known, unknown)
    total = sum(known) + unknown
    for part in partitions(unknown, unknown):
        # Each lump of the unknown is of a known holder or of a new one.
        for taker in range(len(known) + 1):
            counts = [*known, 0]
            counts[taker] += sum(part[:1])
            values = [*counts, *part[1:]]
            true = sum((v / total) ** 2 for v in values) if total else 0.0
            assert low - 1e-12 <= true <= high + 1e-12
