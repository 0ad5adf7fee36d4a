"""Area without service: circles and lenses by hand, then against places taken one by one."""

from collections.abc import Callable
from datetime import date
from math import acos, cos, pi, sqrt
from typing import Any

import numpy as np
import pytest

from ringfence.dependence.ground import EARTH_RADIUS_KM, Cells, Ground, ground, on_sphere
from ringfence.dependence.reach import packed, unpacked
from ringfence.dependence.scenario import Scenario, ServiceScenario
from ringfence.dependence.withdraw import WithdrawParameters, withdraw
from ringfence.store.duck import Tables

Build = Callable[..., Tables]

DAY = date(2026, 1, 1)
TEN_KM_DEG = 10 / (EARTH_RADIUS_KM * pi / 180)

CAP = 2 * pi * EARTH_RADIUS_KM**2 * (1 - cos(10 / EARTH_RADIUS_KM))
"""What lies within 10 km of a place: 314.16 km2."""

LENS = 2 * 10**2 * acos(10 / 20) - 10 / 2 * sqrt(4 * 10**2 - 10**2)
"""What two circles of 10 km share whose middles are 10 km apart: 122.84 km2."""


def network(sites: dict[str, dict[str, Any]], core_maker: str = "w") -> dict[str, Any]:
    """4G sites without links, each with a maker and perhaps an operator, place and range."""
    rows: dict[str, Any] = {
        "operator": [{"id": "o"}, {"id": "p"}],
        "vendor": [{"id": "v", "name": "V"}, {"id": "w", "name": "W"}],
        "site": [], "element": [], "function": [], "demand": [], "link": [],
    }  # fmt: skip
    for operator in sorted({s.get("operator", "o") for s in sites.values()}):
        centre = f"{operator}dc"
        rows["site"].append({"id": centre, "operator": operator, "kind": "data centre"})
        for kind in ("MME", "SGW", "PGW", "HSS", "IP core router"):
            name = f"{operator} {kind}"
            rows["element"].append({"id": name, "site": centre, "vendor": core_maker})
            rows["function"].append({"element": name, "kind": kind})
    for name, site in sites.items():
        operator = site.get("operator", "o")
        rows["site"].append(
            {"id": name, "operator": operator, "kind": "macro", "region": site.get("region")}
            | {k: v for k, v in site.items() if k.endswith("_deg")}
        )
        for kind, end in (("ENB", "enb"), ("cell site router", "r")):
            maker = site["maker"] if kind == "ENB" else "w"
            rows["element"].append({"id": f"{name}-{end}", "site": name, "vendor": maker})
            rows["function"].append({"element": f"{name}-{end}", "kind": kind})
        rows["link"].append(
            {"id": name, "source": f"{name}-r", "target": f"{operator} IP core router"}
        )
        rows["demand"].append(
            {"site": name, "kind": "mobile data", "range_km": site.get("range_km")}
        )
    return rows


def areas(tables: Tables, farthest_km: float | None = None) -> dict[tuple[Any, ...], Any]:
    """The rows of area on the day it goes, by parting and part."""
    scenario = Scenario(runs=1, services=ServiceScenario(farthest_km=farthest_km))
    asked = WithdrawParameters(vendors=("v",), mode="order", on=DAY, as_of=DAY, scenario=scenario)
    return {
        (r["by"], r["group"]): (
            r["surely_out_median"],
            r["may_be_out_median"],
            r["total"],
            r["not_stated"],
        )
        for r in withdraw(tables, asked)["outage"].to_pylist()
        if r["measure"] == "area" and r["day"] == 0
    }


def near(value: float) -> Any:
    """Equal but for the squares on the edge, which are small here."""
    return pytest.approx(value, rel=0.01, abs=0.5)


HERE = {"latitude_deg": 50.0, "longitude_deg": 10.0}
TEN_KM_NORTH = {"latitude_deg": 50.0 + TEN_KM_DEG, "longitude_deg": 10.0}


def test_one_site_loses_its_circle(build: Build) -> None:
    found = areas(build(**network({"a": {**HERE, "maker": "v", "range_km": 10.0}})))
    assert found["network", None] == (near(CAP), near(CAP), near(CAP), 0)


def test_what_a_neighbours_cells_reach_is_not_lost(build: Build) -> None:
    sites = {
        "a": {**HERE, "maker": "v", "range_km": 10.0},
        "b": {**TEN_KM_NORTH, "maker": "w", "range_km": 10.0},
    }
    found = areas(build(**network(sites)))
    lost = CAP - LENS
    assert found["network", None] == (near(lost), near(lost), near(2 * CAP - LENS), 0)


def test_without_a_range_a_neighbour_helps_at_best_and_not_at_worst(build: Build) -> None:
    # At best b serves all within 10 km of it; at worst only the half that is nearer to it.
    sites = {"a": {**HERE, "maker": "v"}, "b": {**TEN_KM_NORTH, "maker": "w"}}
    found = areas(build(**network(sites)), farthest_km=10.0)
    both = 2 * CAP - LENS
    assert found["network", None] == (near(CAP - LENS), near(both / 2), near(both), 0)


def test_what_is_neither_stated_nor_bounded_is_not_counted_and_it_is_said(build: Build) -> None:
    sites = {"a": {**HERE, "maker": "v"}}
    assert areas(build(**network(sites))) == {}
    # One range is stated; of the other sites one states none, one no place.
    sites |= {
        "b": {**TEN_KM_NORTH, "maker": "v", "range_km": 10.0},
        "c": {"maker": "v", "range_km": 10.0},
    }
    found = areas(build(**network(sites)))
    assert found["network", None] == (near(CAP), near(CAP), near(CAP), 2)


def test_an_operators_ground_is_lost_though_another_still_serves_it(build: Build) -> None:
    sites = {
        "a": {**HERE, "maker": "v", "range_km": 10.0, "region": "north"},
        "b": {**HERE, "maker": "w", "range_km": 10.0, "operator": "p", "region": "north"},
    }
    found = areas(build(**network(sites)))
    assert found["network", None] == (0, 0, near(CAP), 0)
    assert found["region", "north"] == (0, 0, near(CAP), 0)
    assert found["operator", "o"] == (near(CAP), near(CAP), near(CAP), 0)
    assert found["operator", "p"] == (0, 0, near(CAP), 0)


def test_a_place_belongs_to_the_region_of_its_nearest_site(build: Build) -> None:
    sites = {
        "a": {**HERE, "maker": "v", "range_km": 10.0, "region": "south"},
        "b": {**TEN_KM_NORTH, "maker": "v", "range_km": 10.0, "region": "north"},
    }
    found = areas(build(**network(sites)))
    half = near((2 * CAP - LENS) / 2)
    assert found["region", "south"] == (half, half, half, 0)
    assert found["region", "north"] == (half, half, half, 0)


def drawn(random: np.random.Generator) -> tuple[Cells, float]:
    """Some sites of two operators in a land of 200 km, half of them without a range."""
    many = int(random.integers(1, 25))
    stated = random.random(many) < 0.5
    cells = Cells(
        60 + random.random(many) * 1.8,
        20 + random.random(many) * 3.6,
        np.where(stated, random.choice([3.0, 7.0, 20.0], many), np.nan),
        random.integers(0, 2, many).astype(np.int32),
        random.integers(0, 2, many).astype(np.int32),
        random.integers(0, 3, many).astype(np.int32),
        np.ones(many, np.bool_),
    )
    return cells, float(random.choice([8.0, 15.0]))


def by_places(
    cells: Cells, farthest_km: float, given: Any, places: Any, *, is_sure: bool
) -> tuple[dict[tuple[int, int], int], dict[tuple[int, int], int]]:
    """Places served, and places that may be reached, by kind and operator: one by one."""
    at = on_sphere(cells.latitude_deg, cells.longitude_deg)
    reach = np.where(np.isnan(cells.range_km), farthest_km, cells.range_km)
    served: dict[tuple[int, int], int] = {}
    reached: dict[tuple[int, int], int] = {}
    for place in places:
        far = np.sqrt(((at - place) ** 2).sum(axis=1))
        for kind in (0, 1):
            for operator in (0, 1):
                mine = [
                    s for s in range(len(far))
                    if cells.kind[s] == kind and cells.operator[s] == operator
                ]  # fmt: skip
                near_by = [s for s in mine if far[s] <= reach[s]]
                reached[kind, operator] = reached.get((kind, operator), 0) + bool(near_by)
                if is_sure:
                    near_by = [
                        s for s in near_by
                        if not np.isnan(cells.range_km[s]) or s == min(mine, key=far.__getitem__)
                    ]  # fmt: skip
                ok = any(given[s] for s in near_by)
                served[kind, operator] = served.get((kind, operator), 0) + ok
    return served, reached


def counted(found: Ground, given: Any, *, is_sure: bool) -> dict[tuple[int, int], float]:
    patches, _ = found.given(packed(given[:, None]), is_sure=is_sure)
    is_given = unpacked(patches, 1)[:, 0]
    served: dict[tuple[int, int], float] = {}
    for row in np.flatnonzero(is_given):
        key = (int(found.kind[row]), int(found.operator[row]))
        served[key] = served.get(key, 0.0) + found.area_km2[row]
    return served


def test_area_is_as_places_taken_one_by_one_say() -> None:
    for number in range(6):
        random = np.random.default_rng([91, number])
        cells, farthest_km = drawn(random)
        found = ground(cells, farthest_km, squares=8_000)
        assert found is not None
        given = random.random(len(cells.kind)) < 0.6
        # Places drawn evenly over a land that holds all circles: the second method.
        south, north = np.radians(59.6), np.radians(62.1)
        west, east = np.radians(19.3), np.radians(24.3)
        many = 2_500
        height = np.arcsin(
            np.sin(south) + (np.sin(north) - np.sin(south)) * (np.arange(many) + 0.5) / many
        )
        turn = west + (east - west) * random.random(many)
        places = on_sphere(np.degrees(height), np.degrees(turn))
        land = EARTH_RADIUS_KM**2 * (east - west) * (np.sin(north) - np.sin(south))
        for is_sure in (True, False):
            served, _ = by_places(cells, farthest_km, given, places, is_sure=is_sure)
            mine = counted(found, given, is_sure=is_sure)
            for key, hits in served.items():
                share = hits / many
                error = land * sqrt(max(share, 1 / many) * (1 - share) / many)
                assert abs(mine.get(key, 0.0) - land * share) < 4 * error + found.cut_km2


def test_more_given_is_never_less_area_and_worst_is_never_above_best() -> None:
    for number in range(12):
        random = np.random.default_rng([92, number])
        cells, farthest_km = drawn(random)
        found = ground(cells, farthest_km, squares=2_000)
        assert found is not None
        more = random.random((len(cells.kind), 64)) < 0.7
        less = more & (random.random(more.shape) < 0.7)
        states = {
            (name, is_sure): found.given(packed(given), is_sure=is_sure)
            for name, given in (("more", more), ("less", less))
            for is_sure in (True, False)
        }
        for part in (0, 1):
            for is_sure in (True, False):
                assert not (states["less", is_sure][part] & ~states["more", is_sure][part]).any()
            assert not (states["more", True][part] & ~states["more", False][part]).any()


def test_the_same_squares_whatever_the_order_of_the_sites() -> None:
    random = np.random.default_rng(93)
    cells, farthest_km = drawn(random)
    order = random.permutation(len(cells.kind))
    turned = Cells(
        cells.latitude_deg[order], cells.longitude_deg[order], cells.range_km[order],
        cells.kind[order], cells.operator[order], cells.region[order], cells.is_mobile[order],
    )  # fmt: skip
    one, other = ground(cells, farthest_km), ground(turned, farthest_km)
    assert one is not None
    assert other is not None
    given = random.random(len(order)) < 0.5
    for is_sure in (True, False):
        first = counted(one, given, is_sure=is_sure)
        second = counted(other, given[order], is_sure=is_sure)
        assert first == pytest.approx(second)


def test_sites_across_the_line_of_date_and_near_a_pole_are_counted() -> None:
    for latitude, longitude in ((-17.0, 179.99), (89.0, 0.0), (-89.9, 10.0)):
        nought = np.zeros(1, np.int32)
        at = (np.array([latitude]), np.array([longitude]), np.array([10.0]))
        cells = Cells(*at, nought, nought, nought, np.ones(1, np.bool_))
        found = ground(cells, None)
        assert found is not None
        if abs(latitude) < 89.5:
            assert found.area_km2.sum() == near(CAP)
