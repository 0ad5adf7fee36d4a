"""What if these were hostile: each vendor, each pair, each region, on a network answered by hand."""

from typing import Any

import pytest

from ringfence.errors import UsageError
from ringfence.exposure.exposed import Exposure
from ringfence.exposure.what_if import WhatIfParameters, what_if
from tests.exposure.powered import Row, asked, network, powered, relation

Told = dict[str, dict[str, Any]]


def country() -> dict[str, list[Row]]:
    """An AMF of O, which two persons administer from a box of X and a box of Y; radio of both."""
    rows = network(
        {"amf": "v:o", "jx": "v:x", "jy": "v:y", "gx": "v:x", "gy": "v:y"},
        relation=[relation(j, "amf", "administers") for j in ("jx", "jy")],
    )
    rows["vendor"] = [
        {"id": f"v:{v}", "name": v.upper(), "is_independent": True} for v in ("x", "y", "o")
    ]
    rows["ownership"] = []
    ssh = {"id": "p", "element": "amf", "service": "SSH", "authentication": "two persons",
           "address": "127.0.0.1"}  # fmt: skip
    rows["endpoint"] = [e for e in rows["endpoint"] if e["element"] != "amf"] + [ssh]
    rows["function"] += [{"element": g, "kind": "GNB"} for g in ("gx", "gy")]
    rows["site"] = [
        {"id": "north", "operator": "op", "region": "North"},
        {"id": "south", "operator": "op", "region": "South"},
    ]
    site = {"gx": "north", "jx": "north", "gy": "south"}
    rows["element"] = [{**e, "site": site.get(e["id"])} for e in rows["element"]]
    rows["demand"] = [{"site": "north", "kind": "voice", "people": 30.0},
                      {"site": "south", "kind": "voice", "people": 70.0}]  # fmt: skip
    return rows


def told(sets: str, vendors: tuple[str, ...] = ("v:x",)) -> Told:
    found = what_if(powered(country()), WhatIfParameters(sets, asked(vendors=vendors)))
    return {row["of"]: row for row in found["what_if"].to_pylist()}


def counts(row: dict[str, Any]) -> tuple[int, int, int]:
    return row["breached"], row["unknown"], row["holds"]


def test_each_vendor_alone() -> None:
    found = told("vendors")
    assert {of: counts(r) for of, r in found.items()} == {
        "O": (3, 0, 0), "X": (0, 0, 3), "Y": (0, 0, 3)
    }  # fmt: skip
    assert {of: (r["read_low"], r["stop_high"], r["held"]) for of, r in found.items()} == {
        "O": (0.0, 0.0, 1), "X": (30.0, 30.0, 2), "Y": (70.0, 70.0, 2)
    }  # fmt: skip


def test_two_that_are_nothing_alone_are_enough_together() -> None:
    found = told("pairs")
    assert {of: counts(r) for of, r in found.items()} == dict.fromkeys(
        ("X and Y", "O and X", "O and Y"), (3, 0, 0)
    )
    assert found["X and Y"]["read_low"] == 100.0
    # The same as asking of the two at once.
    both = Exposure(powered(country()), asked(vendors=("v:x", "v:y"))).verdicts()
    assert both == ["breached"] * 3


def test_a_vendor_in_one_region_alone() -> None:
    found = told("regions", ("v:x", "v:y"))
    assert {of: (counts(r), r["held"], r["stop_low"]) for of, r in found.items()} == {
        "North": ((0, 0, 3), 2, 30.0), "South": ((0, 0, 3), 1, 70.0)
    }  # fmt: skip


def test_a_set_of_no_sort_and_a_profile_with_cases_are_refused() -> None:
    with pytest.raises(UsageError, match="no sort of sets"):
        WhatIfParameters("countries", asked())
    with pytest.raises(UsageError, match="cases of its own"):
        WhatIfParameters("vendors", asked(("one-radio-site",)))
