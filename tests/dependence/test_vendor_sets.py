"""Sets of vendors: the least that stop a service, and the outage each carries, against all orders."""

from collections.abc import Callable
from datetime import date
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from ringfence.dependence import vendor_sets as room
from ringfence.dependence.inventory import inventory
from ringfence.dependence.scenario import ServiceScenario
from ringfence.dependence.services import structure
from ringfence.dependence.tree import Structure
from ringfence.dependence.vendor_sets import (
    Holders,
    SetParameters,
    carried,
    holders_of,
    out_of_sets,
    vendor_sets,
)
from ringfence.errors import UsageError
from ringfence.store.duck import Tables

Build = Callable[..., Tables]
Row = dict[str, Any]

DAY = date(2026, 1, 1)
CORE = ("MME", "SGW", "PGW", "HSS")


def ringed(build: Build, **more: Any) -> Tables:
    """One site with two routers, of a and b, each with its link to the centre, which is c's."""
    rows: dict[str, list[Row]] = {
        "vendor": [{"id": v, "name": v} for v in "abcd"],
        "site": [
            {"id": "dc", "operator": "o", "kind": "data centre"},
            {"id": "s", "operator": "o", "kind": "macro", "region": "north"},
        ],
        "element": [
            {"id": "hub", "site": "dc", "vendor": "c"},
            {"id": "one", "site": "s", "vendor": "a"},
            {"id": "two", "site": "s", "vendor": "b"},
            {"id": "enb", "site": "s", "vendor": "d"},
            *({"id": kind, "site": "dc", "vendor": "c"} for kind in CORE),
        ],
        "function": [
            {"element": "enb", "kind": "ENB"},
            *({"element": e, "kind": "cell site router"} for e in ("one", "two")),
            *({"element": kind, "kind": kind} for kind in CORE),
        ],
        "link": [
            {"id": "l1", "source": "one", "target": "hub"},
            {"id": "l2", "source": "two", "target": "hub"},
        ],
        "demand": [{"site": "s", "kind": "mobile data", "people": 10.0}],
    }
    return build(**{**rows, **more})


def test_the_least_sets_are_told_and_no_larger_ones(build: Build) -> None:
    answer = vendor_sets(ringed(build), SetParameters(as_of=DAY))
    rows = answer["minimal_set"].to_pylist()
    north = {r["vendors"]: (r["size"], r["out"]) for r in rows if r["group"] == "north"
             and r["reading"] == "surely out"}  # fmt: skip
    assert north == {"c": (1, 1), "d": (1, 1), "a + b": (2, 1)}


def test_the_outage_is_shared_out_as_by_hand(build: Build) -> None:
    # The service stops with c, or d, or both a and b. Of the 24 orders a is the one to stop it
    # where it comes after b and before c and d: 2 of 24 (b a c d, b a d c). So a and b carry
    # 1/12 each, and c and d, alike, the rest: 5/12 each.
    answer = vendor_sets(ringed(build), SetParameters(as_of=DAY))
    shares = {
        r["vendor"]: r["share"]
        for r in answer["carried_share"].to_pylist()
        if r["reading"] == "surely out"
    }
    assert shares == pytest.approx({"a": 1 / 12, "b": 1 / 12, "c": 5 / 12, "d": 5 / 12}, abs=1e-8)


def test_what_is_out_with_nobody_gone_is_told_as_the_empty_set(build: Build) -> None:
    answer = vendor_sets(ringed(build, link=[]), SetParameters(as_of=DAY))
    rows = [r for r in answer["minimal_set"].to_pylist() if r["by"] == "network"]
    assert {(r["reading"], r["vendors"], r["size"]) for r in rows} == {
        ("may be out", "", 0),
        ("surely out", "c", 1),
        ("surely out", "d", 1),
    }


def test_one_who_controls_another_stands_for_it(build: Build) -> None:
    owned = [{"owner": "d", "owned": "a", "is_controlling": True},
             {"owner": "d", "owned": "b", "is_controlling": True}]  # fmt: skip
    tables = ringed(build, ownership=owned)
    tree = structure(inventory(tables, DAY), ServiceScenario())
    holders = holders_of(tree, tables)
    assert holders.vendors == ("a", "b", "c", "d")
    held = {v: int(holders.held[:, n].sum()) for n, v in enumerate(holders.vendors)}
    assert held == {"a": 1, "b": 1, "c": 5, "d": 3}


def test_two_names_for_the_same_equipment_are_taken_once(build: Build) -> None:
    owned = [{"owner": "x", "owned": "c", "is_controlling": True}]
    vendors = [{"id": v, "name": v} for v in "abcdx"]
    tables = ringed(build, vendor=vendors, ownership=owned)
    tree = structure(inventory(tables, DAY), ServiceScenario())
    assert holders_of(tree, tables).vendors == ("a", "b", "c", "d")


def random_tree(
    build: Build, random: np.random.Generator, vendors: str
) -> tuple[Structure, Holders]:
    """Many sites with one or two routers of drawn makers."""
    rows: dict[str, list[Row]] = {n: [] for n in ("site", "element", "function", "link", "demand")}
    rows["vendor"] = [{"id": v, "name": v} for v in vendors]
    rows["site"].append({"id": "dc", "operator": "o", "kind": "data centre"})

    def add(name: str, site: str, kind: str) -> None:
        maker = str(random.choice(list(vendors)))
        rows["element"].append({"id": name, "site": site, "vendor": maker})
        rows["function"].append({"element": name, "kind": kind})

    for kind in ("IP core router", *CORE):
        for number in range(2):
            add(f"{kind}{number}", "dc", kind)
    for site in (f"s{n}" for n in range(12)):
        rows["site"].append({"id": site, "operator": "o", "kind": "macro"})
        add(f"{site}e", site, "ENB")
        for number in range(random.integers(1, 3)):
            add(f"{site}r{number}", site, "cell site router")
            hub = f"IP core router{random.integers(2)}"
            rows["link"].append({"id": f"{site}{number}", "source": f"{site}r{number}",
                                 "target": hub})  # fmt: skip
        rows["demand"].append({"site": site, "kind": "mobile data", "people": 1.0})
    tables = build(**rows)
    tree = structure(inventory(tables, DAY), ServiceScenario())
    return tree, holders_of(tree, tables)


def by_all_orders(tree: Structure, holders: Holders) -> list[float]:
    """The mean addition of each vendor over every order, one set at a time."""
    many = len(holders.vendors)
    place = np.zeros(tree.services, np.int32)
    worth: dict[frozenset[int], float] = {}

    def out(members: frozenset[int]) -> float:
        if members not in worth:
            found, _ = out_of_sets(tree, holders, [tuple(members)], place)
            worth[members] = float(found[0, 0, 0])
        return worth[members]

    sums = [0.0] * many
    orders = list(permutations(range(many)))
    for order in orders:
        for size, vendor in enumerate(order):
            before = frozenset(order[:size])
            sums[vendor] += out(before | {vendor}) - out(before)
    return [total / len(orders) for total in sums]


def test_exact_shares_are_the_mean_over_all_orders_and_add_up(build: Build) -> None:
    for seed in range(4):
        tree, holders = random_tree(build, np.random.default_rng([6, seed]), "abcde")
        rows = [r for r in carried(tree, holders, 1).to_pylist() if r["reading"] == "surely out"]
        assert [r["basis"] for r in rows] == ["exact"] * len(rows)
        shares = [r["share"] for r in rows]
        assert shares == pytest.approx(by_all_orders(tree, holders), abs=1e-8)
        assert sum(shares) == pytest.approx(1, abs=1e-8)


def test_drawn_shares_are_near_the_exact_ones(build: Build, monkeypatch: Any) -> None:
    tree, holders = random_tree(build, np.random.default_rng(8), "abcdefg")
    exact = carried(tree, holders, 1).to_pylist()
    monkeypatch.setattr(room, "EXACT_VENDORS", 2)
    drawn = carried(tree, holders, 1).to_pylist()
    assert drawn == carried(tree, holders, 1).to_pylist()
    for one, other in zip(drawn, exact, strict=True):
        assert one["basis"] == "drawn"
        assert abs(one["share"] - other["share"]) <= 5 * one["standard_error"] + 1e-9
    assert any(row["standard_error"] > 0 for row in drawn)


def test_too_many_sets_are_refused_with_what_to_do(build: Build) -> None:
    vendors = [f"v{n}" for n in range(120)]
    tables = ringed(build, vendor=[{"id": v, "name": v} for v in vendors])
    with pytest.raises(UsageError, match="more than 20,000 sets"):
        vendor_sets(tables, SetParameters(as_of=DAY, vendors=tuple(vendors), largest=3))
