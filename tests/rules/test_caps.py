"""Caps: a share is above the cap, or not, or it cannot be told; checked by trying everything.

The second method enumerates what the missing facts might be, with exact fractions. A cap may be
called breached only if it is in every case, and kept only if it is in every case.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import date
from fractions import Fraction
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.pack import load_pack
from ringfence.rules.published import MACROS

CAPS = ["0.35", "0", "1", "0.333333", "0.5"]


def possible(held: int, unknown: int, total: int, cap: Fraction, unplaced: int) -> set[bool]:
    """Whether the share is above the cap, in every case of what is not known.

    `unknown` of the total may be held. `unplaced` stand anywhere: beside what is held, or in a place
    of their own. Those of them that may be held are counted in `unknown` too.
    """
    found = set()
    for more in range(unknown + 1):
        for larger in range(unplaced + 1):
            if held + more <= total + larger:
                whole = total + larger
                share = Fraction(held + more, whole) if whole else Fraction(0)
                found.add(share > cap)
    return found


def test_over_cap_against_every_case() -> None:
    duck = duckdb.connect()
    duck.execute(f"CREATE MACRO over_cap{MACROS['over_cap']}")
    cases = [
        (held, unknown, total, cap, unplaced)
        for total in range(9)
        for held in range(total + 1)
        for unknown in range(total - held + 1)
        for unplaced in range(3)
        for cap in CAPS
    ]
    duck.execute(
        "CREATE TABLE c (held INT, unknown INT, total INT, cap DECIMAL(9, 6), unplaced INT)"
    )
    duck.executemany("INSERT INTO c VALUES (?, ?, ?, ?, ?)", cases)
    rows = duck.execute(
        "SELECT *, over_cap(held, unknown, total, cap, unplaced) AS found FROM c"
    ).fetchall()
    assert len(rows) == len(cases) > 2_000
    for held, unknown, total, cap, unplaced, found in rows:
        answers = possible(held, unknown, total, Fraction(str(cap)), unplaced)
        if found is not None:
            assert answers == {found}, (held, unknown, total, cap, unplaced)
        elif not unplaced:
            # Where nothing is unplaced, what is left open is open.
            assert answers == {True, False}, (held, unknown, total, cap)


@pytest.mark.parametrize("total", [20, 40, 100, 180, 1_000, 12_345, 99_999])
def test_exactly_the_cap_is_no_breach_and_one_more_is(total: int) -> None:
    """0.35 x 180 is 62.99999999999999 in binary fractions; 63 of 180 sites are 35 %."""
    duck = duckdb.connect()
    duck.execute(f"CREATE MACRO over_cap{MACROS['over_cap']}")
    most = Fraction(35, 100) * total
    for held in range(int(most) - 1, int(most) + 3):
        (found,) = duck.execute(
            "SELECT over_cap($held, 0, $total, $cap)", {"held": held, "total": total, "cap": 0.35}
        ).fetchone()  # type: ignore[misc]
        assert found is (held > most)


@pytest.mark.parametrize(
    ("held", "unknown", "total", "found"),
    [
        (None, 0, 10, None),
        (1, None, 10, None),
        (4, None, 10, True),
        (1, 0, None, None),
        (0, 0, 0, False),
        (0.1 + 0.2, 0, 0.857142, True),
        (0.3, 0, 0.857143, False),
    ],
)
def test_what_is_not_stated_decides_nothing(
    held: Any, unknown: Any, total: Any, found: Any
) -> None:
    duck = duckdb.connect()
    duck.execute(f"CREATE MACRO over_cap{MACROS['over_cap']}")
    row = duck.execute("SELECT over_cap(?, ?, ?, 0.35)", [held, unknown, total]).fetchone()
    assert row == (found,)


# The rules, against every network that a network with gaps may be.

LISTED, CLEAN, OPEN = "listed", "clean", "open"
VENDORS = [
    {"id": LISTED, "name": "Meridian"},
    {"id": CLEAN, "name": "Alder", "is_independent": True},
    {"id": OPEN, "name": "Birch"},
]
SITES = ("x", "y", "z")

Unit = tuple[str | None, str | None, str | None]
"""Its site, its maker, its function; None where that is not stated."""

units = st.lists(
    st.tuples(
        st.sampled_from([*SITES, None]),
        st.sampled_from([LISTED, CLEAN, CLEAN, OPEN, None]),
        st.sampled_from(["station", "station", "other", None]),
    ),
    max_size=5,
)


def worlds(network: list[Unit]) -> Iterator[list[tuple[str, bool, bool]]]:
    """Every network it may be: of each unit its site, whether it is listed and whether it counts."""
    choices = []
    for number, (site, maker, function) in enumerate(network):
        places = [site] if site else [*SITES, f"elsewhere {number}"]
        listed = [maker == LISTED] if maker in {LISTED, CLEAN} else [True, False]
        counts = [function == "station"] if function else [True, False]
        choices.append(list(itertools.product(places, listed, counts)))
    yield from (list(world) for world in itertools.product(*choices))


def sites_over(world: list[tuple[str, bool, bool]], cap: Fraction) -> bool:
    stations = {site for site, _, counts in world if counts}
    held = {site for site, listed, counts in world if counts and listed}
    return Fraction(len(held), len(stations)) > cap if stations else False


def laid(
    build: Callable[..., Any],
    networks: list[list[Unit]],
    station: str,
    instrument: str,
    **more: Any,
) -> Any:
    """Each network as an operator of its own; an operator without equipment is left out."""
    element, function, site = [], [], []
    for number, network in enumerate(networks):
        site += [{"id": f"{number}-{s}", "operator": str(number)} for s in SITES]
        for place, (where, maker, what) in enumerate(network):
            key = f"{number}-{place}"
            element.append(
                {
                    "id": key,
                    "operator": str(number),
                    "site": f"{number}-{where}" if where else None,
                    "vendor": maker,
                }
            )
            if what:
                kind = station if what == "station" else "ENB"
                function.append({"element": key, "kind": kind})
    return build(
        operator=[{"id": str(n)} for n in range(len(networks))],
        vendor=VENDORS,
        designation=[{"vendor": LISTED, "instrument": instrument}],
        site=site,
        element=element,
        function=function,
        **more,
    )


def judged(tables: Any, pack: str, rule: str, day: date) -> dict[int, str]:
    ask = EvaluateParameters(day, keep_comply=True, rules=(rule,))
    rows = evaluate(tables, load_pack(pack), ask)["finding"].to_pylist()
    return {int(row["subject"]): row["verdict"] for row in rows}


def check(verdict: str, answers: set[bool]) -> None:
    if verdict == "breach":
        assert answers == {True}
    elif verdict == "comply":
        assert answers == {False}


MANY = settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(networks=st.lists(units.filter(bool), min_size=30, max_size=40))
def test_the_cap_on_sites_is_right_in_every_network_it_may_be(
    build: Callable[..., Any], networks: Any
) -> None:
    tables = laid(build, networks, "GNBDU", "uk-dvd-2022")
    found = judged(tables, "uk-dvd-2022", "UKD-05", date(2026, 1, 1))
    assert len(found) == len(networks)
    for number, network in enumerate(networks):
        answers = {sites_over(world, Fraction(35, 100)) for world in worlds(network)}
        check(found[number], answers)
        if all(site and function for site, _, function in network):
            # Only makers are open: then what is not decided cannot be.
            assert (found[number] == "unknown") == (answers == {True, False})


LOADS = st.fixed_dictionaries({s: st.one_of(st.none(), st.integers(0, 6)) for s in SITES})


def load_over(
    world: list[tuple[str, bool, bool]], loads: dict[str, int | None], *, shared: bool
) -> set[bool]:
    """Whether the share of a load is above 35 %, for a few of the loads that are not stated."""
    stations = sorted({site for site, _, counts in world if counts})
    answers = set()
    options = [
        [loads[site]] if loads.get(site) is not None else [0, 1, 1_000_000] for site in stations
    ]
    for chosen in itertools.product(*options):
        parts = []
        for site, load in zip(stations, chosen, strict=True):
            makers = {listed for place, listed, counts in world if counts and place == site}
            if shared and makers == {True, False}:
                parts.append([(0, load), (load, load)])  # Parted between them, in a way not known.
            else:
                parts.append([(load if True in makers else 0, load)])
        for case in itertools.product(*parts):
            total = sum(int(load or 0) for _, load in case)
            held = sum(int(part or 0) for part, _ in case)
            answers.add(Fraction(held, total) > Fraction(35, 100) if total else False)
    return answers


@MANY
@given(
    networks=st.lists(
        st.tuples(units.filter(lambda n: 0 < len(n) < 4), LOADS), min_size=25, max_size=30
    )
)
def test_the_cap_on_premises_is_right_in_every_network_it_may_be(
    build: Callable[..., Any], networks: Any
) -> None:
    demand = [
        {"site": f"{number}-{site}", "kind": "fixed", "premises": float(load)}
        for number, (_, loads) in enumerate(networks)
        for site, load in loads.items()
        if load is not None
    ]
    tables = laid(build, [n for n, _ in networks], "OLT", "uk-dvd-2022", demand=demand)
    found = judged(tables, "uk-dvd-2022", "UKD-04", date(2026, 1, 1))
    for number, (network, loads) in enumerate(networks):
        answers: set[bool] = set()
        for world in worlds(network):
            answers |= load_over(world, loads, shared=True)
        check(found[number], answers)


@MANY
@given(
    networks=st.lists(
        st.tuples(units.filter(lambda n: 0 < len(n) < 4), LOADS), min_size=25, max_size=30
    )
)
def test_the_cap_on_sites_and_traffic_is_right_in_every_network_it_may_be(
    build: Callable[..., Any], networks: Any
) -> None:
    demand = [
        {"site": f"{number}-{site}", "kind": "mobile data", "traffic_mbps": float(load)}
        for number, (_, loads) in enumerate(networks)
        for site, load in loads.items()
        if load is not None
    ]
    tables = laid(build, [n for n, _ in networks], "GNBCU", "uk-ncsc-2020", demand=demand)
    found = judged(tables, "uk-ncsc-2020", "UK20-04", date(2026, 1, 1))
    for number, (network, loads) in enumerate(networks):
        answers: set[bool] = set()
        for world in worlds(network):
            if sites_over(world, Fraction(35, 100)):
                answers.add(True)
            else:
                answers |= load_over(world, loads, shared=False)
        check(found[number], answers)
