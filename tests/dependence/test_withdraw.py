"""Withdrawal: by hand, against the curves that theory gives, and the same twice."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ringfence.dependence.abroad import AloneParameters, without_international_links
from ringfence.dependence.evaluate import clocks, served
from ringfence.dependence.inventory import inventory
from ringfence.dependence.reach import packed, unpacked
from ringfence.dependence.scenario import (
    Mode,
    Scenario,
    ServiceScenario,
    SpareScenario,
    UpdateScenario,
    load_scenario,
)
from ringfence.dependence.services import structure
from ringfence.dependence.simulation import DAYS_A_YEAR, simulate
from ringfence.dependence.ways import BECAUSE, WAYS
from ringfence.dependence.withdraw import WithdrawParameters, concerned, withdraw
from ringfence.errors import InputError, NotFoundError, UsageError
from ringfence.store.duck import Tables, write_parquet

Build = Callable[..., Tables]
Row = dict[str, Any]

DAY = date(2026, 1, 1)
ON = date(2027, 1, 1)
SPREAD = ("surely_out_median", "may_be_out_median")
CORE = ("MME", "SGW", "PGW", "HSS")


def network(
    sites: Mapping[str, str | None], core: Sequence[tuple[str, str | None]], **more: Any
) -> dict[str, Any]:
    """4G sites, each with a router of w to the centre; makers as given."""
    element: list[Row] = [{"id": "hub", "site": "dc", "vendor": "w"}]
    function: list[Row] = [{"element": "hub", "kind": "IP core router"}]
    site: list[Row] = [{"id": "dc", "operator": "o", "kind": "data centre", "region": "north"}]
    for name, maker in sites.items():
        site.append({"id": name, "operator": "o", "kind": "macro", "region": "north"})
        element += [
            {"id": f"{name}-enb", "site": name, "vendor": maker},
            {"id": f"{name}-r", "site": name, "vendor": "w"},
        ]
        function += [
            {"element": f"{name}-enb", "kind": "ENB"},
            {"element": f"{name}-r", "kind": "cell site router"},
        ]
    for number, (kind, maker) in enumerate(core):
        element.append({"id": f"{kind}{number}", "site": "dc", "vendor": maker})
        function.append({"element": f"{kind}{number}", "kind": kind})
    return {
        "operator": [{"id": "o", "country": "XA"}],
        "vendor": [{"id": "v", "name": "V"}, {"id": "w", "name": "W"}],
        "site": site,
        "element": element,
        "function": function,
        "link": [{"id": f"l{s}", "source": f"{s}-r", "target": "hub"} for s in sites],
        "demand": [{"site": s, "kind": "mobile data", "people": 100.0} for s in sites],
        **more,
    }


def asked(mode: Mode = "order", **scenario: Any) -> WithdrawParameters:
    return WithdrawParameters(
        vendors=("v",), mode=mode, on=ON, as_of=DAY, scenario=Scenario(**scenario)
    )


def out(answer: Any, day: float, measure: str = "people", by: str = "network") -> tuple[Any, ...]:
    rows = [
        r
        for r in answer["outage"].to_pylist()
        if r["by"] == by and r["measure"] == measure and abs(r["day"] - day) < 1e-6
    ]
    assert len(rows) == 1
    return tuple(rows[0][name] for name in SPREAD)


CENTRE = [(kind, "w") for kind in CORE]


def test_sites_of_the_vendor_go_dark_on_the_day_and_those_of_no_stated_maker_may(
    build: Build,
) -> None:
    # Three sites of v, w and nobody: 100 people surely out, 200 at most, of 300; before, none.
    answer = withdraw(build(**network({"a": "v", "b": "w", "c": None}, CENTRE)), asked())
    assert out(answer, -1) == (0, 0)
    assert out(answer, 0) == (100, 200)
    assert out(answer, 0, "sites") == (1, 2)
    first = answer["first_failure"].to_pylist()
    assert [(r["when"], r["cause"], r["sites"]) for r in first] == [
        ("first", "its own equipment", 1),
        ("last", "its own equipment", 1),
    ]
    chain = answer["failure_chain"].to_pylist()
    assert [(r["subject"], r["says"]) for r in chain] == [
        ("a", "does not give mobile data: its own equipment"),
        ("a-enb", "is out"),
    ]
    lost = {
        r["site"]: (r["surely_lost"], r["may_be_lost"]) for r in answer["site_lost"].to_pylist()
    }
    assert lost == {"a": (1, 1), "b": (0, 0), "c": (0, 1)}


def test_one_instance_left_serves_and_none_stops_everything(build: Build) -> None:
    sites: dict[str, str | None] = {"a": "w", "b": "w"}
    spare = withdraw(build(**network(sites, [*CENTRE, ("MME", "v")])), asked())
    assert out(spare, 0) == (0, 0)
    centre = [("MME", "v"), ("MME", "v"), *CENTRE[1:]]
    none = withdraw(build(**network(sites, centre)), asked())
    assert out(none, 0) == (200, 200)
    assert none["first_failure"].to_pylist()[0]["cause"] == "the centre: MME"
    says = [(r["subject"], r["says"]) for r in none["failure_chain"].to_pylist()]
    assert says[1:] == [("MME", "not enough in reach"), ("MME0", "is out"), ("MME1", "is out")]


def test_a_stated_number_of_instances_is_a_range(build: Build) -> None:
    # Three MMEs, one of v. Two are left: enough if two are needed, not if three are.
    centre = [("MME", "v"), ("MME", "w"), ("MME", "w"), *CENTRE[1:]]
    tables = build(**network({"a": "w"}, centre))
    services = ServiceScenario(instances_needed={"MME": (2, 3)})
    assert out(withdraw(tables, asked(services=services)), 0) == (0, 100)


def test_a_function_that_nobody_states_is_unknown_not_served_and_not_lost(build: Build) -> None:
    tables = build(**network({"a": "w"}, CENTRE[:-1]))
    assert out(withdraw(tables, asked()), -1) == (0, 100)
    there = ServiceScenario(provided_elsewhere=("HSS",))
    assert out(withdraw(tables, asked(services=there)), -1) == (0, 0)


def test_time_is_lost_after_holdover_and_management_after_its_grace(build: Build) -> None:
    relation = [
        {"source": "clock", "target": "a-enb", "kind": "synchronises"},
        {"source": "ems", "target": "b-enb", "kind": "manages"},
    ]
    rows = network({"a": "w", "b": "w"}, CENTRE, relation=relation)
    rows["element"] += [
        {"id": "clock", "site": "dc", "vendor": "v"},
        {"id": "ems", "site": "dc", "vendor": "v"},
    ]
    services = ServiceScenario(holdover_days=(2.0, 2.0), unmanaged_days=(60.0, 60.0))
    answer = withdraw(build(**rows), asked(services=services))
    # a is out once its clock has drifted; b runs unmanaged, and may stop after 60 days.
    assert [out(answer, day) for day in (1, 7, 30, 91)] == [
        (0, 0),
        (100, 100),
        (100, 100),
        (100, 200),
    ]


def test_repair_without_end_and_at_once_loses_nothing(build: Build) -> None:
    tables = build(**network({f"s{n}": "v" for n in range(20)}, CENTRE))
    spares = SpareScenario(
        years_between_failures=(1.0, 1.0), is_endless=True, repair_days=(0.0, 0.0)
    )
    answer = withdraw(tables, asked("spares", spares=spares, runs=50, years=10))
    assert all(
        r["surely_out_high"] == 0 and r["may_be_out_high"] == 0
        for r in answer["outage"].to_pylist()
    )


def mean_out(tables: Tables, scenario: Scenario, mode: Mode = "spares") -> tuple[Any, Any, Any]:
    """The days, and the mean and standard error over runs of the part that is surely out."""
    parameters = WithdrawParameters(vendors=("v",), mode=mode, on=ON, as_of=DAY, scenario=scenario)
    tree = structure(inventory(tables, DAY), scenario.services)
    found = simulate(tree, concerned(tree, tables, parameters), mode, scenario)
    key = found.cells.keys.index(("network", 0, 0, "sites"))
    part = found.out[0, 1:, key] / found.cells.total[key]
    return found.days, part.mean(axis=1), part.std(axis=1) / np.sqrt(found.runs)


BARE = SpareScenario(
    years_between_failures=(8.0, 8.0), stock_share=(0.0, 0.0), cannibalised_share=(0.0, 0.0)
)


def test_without_repair_sites_decay_as_the_exponential(build: Build) -> None:
    tables = build(**network({f"s{n}": "v" for n in range(40)}, CENTRE))
    days, mean, error = mean_out(tables, Scenario(spares=BARE, runs=400, years=16))
    curve = 1 - np.exp(-days / (8 * DAYS_A_YEAR))
    assert np.abs(mean - curve).max() < 5 * error.max()
    assert abs(mean[-1] - (1 - np.exp(-2))) < 0.02


def test_without_repair_two_of_three_decay_as_the_binomial(build: Build) -> None:
    centre = [("MME", "v")] * 3 + CENTRE[1:]
    services = ServiceScenario(instances_needed={"MME": (2, 2)})
    scenario = Scenario(spares=BARE, services=services, runs=2000, years=16, steps_a_year=1)
    days, mean, error = mean_out(build(**network({"a": "w"}, centre)), scenario)
    p = np.exp(-days / (8 * DAYS_A_YEAR))
    curve = 1 - (3 * p**2 - 2 * p**3)
    assert np.abs(mean - curve).max() < 5 * error.max()


def test_with_repair_days_elements_are_out_a_part_of_the_time(build: Build) -> None:
    # With failures each 0.2 years and 10 days of repair, one that is repaired without end is out
    # m / (t + m) of the time at most and about m / t = 10 / 73 of it at a random moment: failures
    # go on in repair here, so that it is 1 - exp(-m / t) in the long run.
    spares = SpareScenario(
        years_between_failures=(0.2, 0.2), is_endless=True, repair_days=(10.0, 10.0)
    )
    tables = build(**network({f"s{n}": "v" for n in range(30)}, CENTRE))
    scenario = Scenario(spares=spares, runs=300, years=3)
    _, mean, error = mean_out(tables, scenario)
    assert np.abs(mean[2:] - (1 - np.exp(-10 / (0.2 * DAYS_A_YEAR)))).max() < 5 * error.max()


def test_parts_in_stock_go_to_the_first_failures(build: Build) -> None:
    # Twenty of v and a stock of half of them: at the end at least ten failures were mended, so
    # the number out is the failures less ten; over very long all twenty are out.
    tables = build(**network({f"s{n}": "v" for n in range(20)}, CENTRE))
    spares = SpareScenario(
        years_between_failures=(1.0, 1.0), stock_share=(0.5, 0.5), cannibalised_share=(0.0, 0.0),
        repair_days=(0.0, 0.0),
    )  # fmt: skip
    with_stock = withdraw(tables, asked("spares", spares=spares, runs=60, years=20))
    bare = spares.model_copy(update={"stock_share": (0.0, 0.0)})
    without = withdraw(tables, asked("spares", spares=bare, runs=60, years=20))
    half_a_year = DAYS_A_YEAR / 2
    assert out(with_stock, half_a_year, "sites")[0] < out(without, half_a_year, "sites")[0]
    last = max(r["day"] for r in with_stock["outage"].to_pylist())
    assert out(with_stock, last, "sites") == (20, 20)


def test_parts_of_what_is_given_up_keep_others_going(build: Build) -> None:
    # Two elements, no stock, one part from each given up. The first failure is for good and
    # leaves a part, which mends the second; only the third takes the other. So the other is out
    # after two failures of its own, an Erlang time, that follow the first of the two.
    spares = BARE.model_copy(update={"cannibalised_share": (1.0, 1.0), "repair_days": (0.0, 0.0)})
    tables = build(**network({"a": "v", "b": "v"}, CENTRE))
    days, mean, error = mean_out(
        tables, Scenario(spares=spares, runs=3000, years=24, steps_a_year=1)
    )
    t = days / (8 * DAYS_A_YEAR)
    # With T1 of rate 2 and then two of rate 1: P(one out) = 1 - exp(-2t), and
    # P(both out) = P(T1 + Erlang(2, 1) <= t) = 1 - exp(-2t) - 2 t exp(-t).
    both = 1 - np.exp(-2 * t) - 2 * t * np.exp(-t)
    assert np.abs(mean - (1 - np.exp(-2 * t) + both) / 2).max() < 5 * error.max()


def test_an_exploited_weakness_switches_off_after_grace(build: Build) -> None:
    rows = network({"a": "v", "b": "v"}, CENTRE)
    rows |= {
        "component": [{"id": "c", "element": "a-enb", "name": "lib"}],
        "vulnerability": [{"id": "CVE-1", "exploited_since": date(2026, 6, 1)}],
        "affected": [
            {"vulnerability": "CVE-1", "subject": "c", "component": "c", "status": "affected"}
        ],
    }
    updates = UpdateScenario(
        grace_days=(100.0, 100.0), forcing_share=(0.0, 0.0), certificate_days=(9e6, 9e6)
    )
    answer = withdraw(build(**rows), asked("updates", updates=updates, runs=5, years=1))
    step = DAYS_A_YEAR / 4
    assert [out(answer, at * step) for at in (0, 1, 2)] == [(0, 0), (0, 0), (100, 100)]


def test_without_updates_products_fall_as_a_poisson_process_hits_them(build: Build) -> None:
    sites: dict[str, str | None] = {f"s{n}": "v" for n in range(30)}
    rows = network(sites, CENTRE)
    for number, element in enumerate(e for e in rows["element"] if e["vendor"] == "v"):
        element["product"] = f"p{number}"
    updates = UpdateScenario(
        grace_days=(0.0, 0.0), weaknesses_a_year=(4.0, 4.0), forcing_share=(0.05, 0.05)
    )
    days, mean, error = mean_out(
        build(**rows), Scenario(updates=updates, runs=400, years=8), "updates"
    )
    curve = 1 - np.exp(-0.2 * days / DAYS_A_YEAR)
    assert np.abs(mean - curve).max() < 5 * error.max()


def without_updates(**updates: Any) -> UpdateScenario:
    """No weakness forces anything and no certificate ends that states no end."""
    quiet = {"grace_days": (0.0, 0.0), "forcing_share": (0.0, 0.0), "certificate_days": (9e6, 9e6)}
    return UpdateScenario(**{**quiet, **updates})


def outs(answer: Any) -> list[tuple[float, Any, Any]]:
    """The days on which the people out change, with what is then surely and may be out."""
    rows = sorted(
        (r["day"], *(r[name] for name in SPREAD))
        for r in answer["outage"].to_pylist()
        if (r["by"], r["measure"]) == ("network", "people") and r["day"] >= 0
    )
    found: list[tuple[float, Any, Any]] = []
    for row in rows:
        if not found or row[1:] != found[-1][1:]:
            found.append(row)
    return found


def test_licences_and_certificates_end_on_the_day_that_is_stated(build: Build) -> None:
    # Steps are months of 30.4 days. a's licence has its last day 30 days after, so that it is out
    # from day 31 on: the step of day 60.9. b's certificate had ended long before. w's is not asked.
    rows = network({"a": "v", "b": "v", "c": "v", "d": "w"}, CENTRE)
    dates = {
        "a-enb": {"licence_until": date(2027, 1, 31), "certificate_until": date(2040, 1, 1)},
        "b-enb": {"licence_until": date(2040, 1, 1), "certificate_until": date(2025, 1, 1)},
        "d-enb": {"licence_until": date(2020, 1, 1)},
    }
    for element in rows["element"]:
        element.update(dates.get(element["id"], {}))
    for mode in ("updates", "support"):
        spares = SpareScenario(is_endless=True, repair_days=(0.0, 0.0))
        answer = withdraw(
            build(**rows),
            asked(mode, updates=without_updates(), spares=spares, runs=5, years=1, steps_a_year=12),
        )
        month = DAYS_A_YEAR / 12
        assert outs(answer) == [(0, 100, 100), (pytest.approx(2 * month), 200, 200)]
    # What the vendor's going does not end by itself: an order, or spares.
    answer = withdraw(build(**rows), asked("spares", spares=spares, runs=5, years=1))
    assert outs(answer) == [(0, 0, 0)]


def test_a_licence_that_states_no_end_may_end_at_any_time_and_surely_never(build: Build) -> None:
    rows = network({f"s{n}": "v" for n in range(40)}, CENTRE)
    for number, element in enumerate(e for e in rows["element"] if e["vendor"] == "v"):
        element["product"] = f"p{number}"
    updates = without_updates(certificate_days=(365.25, 365.25))
    answer = withdraw(build(**rows), asked("updates", updates=updates, runs=300, years=2))
    half, end = (out(answer, DAYS_A_YEAR * part) for part in (0.5, 1.0))
    assert half[0] == end[0] == 0
    # Ended by half a year: each of 40 sites of 100 people with one chance in two.
    assert half[1] == pytest.approx(2000, abs=150)
    assert end[1] == 4000
    # Where both ends are stated nothing is drawn.
    for element in rows["element"]:
        element.update(licence_until=date(2040, 1, 1), certificate_until=date(2040, 1, 1))
    answer = withdraw(build(**rows), asked("updates", updates=updates, runs=50, years=2))
    assert outs(answer) == [(0, 0, 0)]


def test_an_authoritys_certificate_that_lapses_may_stop_what_it_is_for(build: Build) -> None:
    rows = network({"a": "v", "b": "v", "c": "v"}, CENTRE)
    far = {"licence_until": date(2040, 1, 1), "certificate_until": date(2040, 1, 1)}
    for element in rows["element"]:
        element.update(far)
    rows["approval"] = [
        # a's own is renewed once, and lasts to the middle of the year: the later one counts.
        {"id": "1", "instrument": "x", "kind": "certificate", "element": "a-enb",
         "outcome": "granted", "valid_to": date(2026, 6, 30)},
        {"id": "2", "instrument": "x", "kind": "certificate", "element": "a-enb",
         "outcome": "granted with conditions", "valid_to": date(2027, 6, 30)},
        # b's was refused, c's is for another operator, the third asks for leave: none lapses.
        {"id": "3", "instrument": "x", "kind": "certificate", "element": "b-enb",
         "outcome": "refused", "valid_to": date(2027, 2, 1)},
        {"id": "4", "instrument": "x", "kind": "certificate", "element": "c-enb", "operator": "p",
         "outcome": "granted", "valid_to": date(2027, 2, 1)},
        {"id": "5", "instrument": "x", "kind": "authorisation", "element": "c-enb",
         "outcome": "granted", "valid_to": date(2027, 2, 1)},
    ]  # fmt: skip
    answer = withdraw(build(**rows), asked("updates", updates=without_updates(), runs=5, years=1))
    # The day after 30 June is day 181; quarters are 91.3 days.
    assert outs(answer) == [(0, 0, 0), (pytest.approx(DAYS_A_YEAR / 2), 0, 100)]


@pytest.mark.parametrize(
    ("until", "honours", "support_ends", "days"),
    [
        (None, False, None, 0),
        (date(2028, 1, 1), False, None, 0),
        (date(2028, 1, 1), True, None, 365),
        (date(2028, 1, 1), True, date(2027, 7, 1), 181),
        (date(2026, 10, 3), False, None, -90),
        (None, False, date(2026, 10, 3), -90),
    ],
)
def test_updates_stop_with_the_contract_or_the_products_support(
    build: Build, until: date | None, honours: bool, support_ends: date | None, days: int
) -> None:
    rows = network({"a": "v"}, CENTRE)
    enb = next(e for e in rows["element"] if e["id"] == "a-enb")
    enb |= {
        "product": "p",
        "licence_until": date(2060, 1, 1),
        "certificate_until": date(2060, 1, 1),
    }
    rows["product"] = [{"id": "p", "end_of_support_on": support_ends}]
    rows["contract"] = [
        {"id": "c", "operator": "o", "vendor": "v", "covers": "updates", "until": until}
    ]
    updates = UpdateScenario(
        grace_days=(100.0, 100.0), weaknesses_a_year=(1.0, 1.0), forcing_share=(1.0, 1.0),
        honours_contracts=honours,
    )  # fmt: skip
    scenario = Scenario(updates=updates, runs=3000, years=6, steps_a_year=12)
    found, mean, error = mean_out(build(**rows), scenario, "updates")
    # From the day that updates stop, or a time of grace before today, and after the grace.
    begins = max(days, -100) + 100
    curve = np.where(found > begins, 1 - np.exp(-np.maximum(found - begins, 0) / DAYS_A_YEAR), 0.0)
    assert np.abs(mean - curve).max() < 5 * error.max()


def test_who_may_call_for_help_unknown_is_a_range_until_it_is_stated(build: Build) -> None:
    # 2G: the switch is there, the subscriber register is gone with v. A call for help needs it only
    # where the caller must be known.
    rows = network({"a": "w"}, [])
    rows["element"] = [e for e in rows["element"] if e["id"] != "a-enb"]
    rows["element"] += [
        {"id": "bts", "site": "a", "vendor": "w"},
        {"id": "HLR", "site": "dc", "vendor": "v"},
        *({"id": kind, "site": "dc", "vendor": "w"} for kind in ("BSC", "MSC")),
    ]
    rows["function"] = [f for f in rows["function"] if f["kind"] != "ENB"]
    rows["function"] += [{"element": "bts", "kind": "BTS"}]
    rows["function"] += [{"element": kind, "kind": kind} for kind in ("BSC", "MSC", "HLR")]
    rows["demand"] = [{"site": "a", "kind": "emergency", "people": 100.0}]
    for stated, want in ((None, (0, 100)), (True, (0, 0)), (False, (100, 100))):
        services = ServiceScenario(emergency_from_anybody=stated)
        answer = withdraw(build(**rows), asked(services=services))
        assert out(answer, -1) == (0, 0)
        assert out(answer, 0) == want


def test_a_function_that_may_be_done_without_speaks_against_service_alone(build: Build) -> None:
    # The PCRF is gone with v: policy may be the network's own (3GPP TS 23.401 clause 5.3.2.1).
    answer = withdraw(build(**network({"a": "w"}, [*CENTRE, ("PCRF", "v")])), asked())
    assert out(answer, -1) == (0, 0)
    assert out(answer, 0) == (0, 100)


def test_every_group_of_functions_has_the_clause_that_asks_for_it() -> None:
    for way in WAYS:
        for group in way.groups:
            assert re.search(r"(3GPP|IETF|ITU-T|Broadband Forum) \w+", BECAUSE[group]), group
    assert set(BECAUSE) == {group for way in WAYS for group in way.groups}


def test_chips_concern_what_is_affected_and_may_concern_what_is_not_stated(build: Build) -> None:
    rows = network({"a": "v", "b": "v", "c": "v"}, CENTRE)
    of = {"a-enb": "yes", "b-enb": "no", "c-enb": "unsaid"}
    for element in rows["element"]:
        element["product"] = of.get(element["id"])
    rows["product"] = [
        {"id": "yes", "sanctions_affected": True},
        {"id": "no", "sanctions_affected": False},
        {"id": "unsaid"},
    ]
    spares = SpareScenario(
        years_between_failures=(0.01, 0.01), stock_share=(0.0, 0.0), vendor_stock_share=(0.0, 0.0),
        cannibalised_share=(0.0, 0.0),
    )  # fmt: skip
    answer = withdraw(build(**rows), asked("chips", spares=spares, runs=5, years=1))
    last = max(r["day"] for r in answer["outage"].to_pylist())
    assert out(answer, last) == (100, 200)


def bytes_of(answer: Any) -> list[bytes]:
    found = []
    for name in sorted(answer):
        sink = pa.BufferOutputStream()
        write_parquet(answer[name], sink)
        found.append(sink.getvalue().to_pybytes())
    return found


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_one_process_and_in_two(build: Build) -> None:
    tables = build(**network({f"s{n}": "v" for n in range(5)}, CENTRE))
    one = asked("support", runs=600, years=4)
    first = bytes_of(withdraw(tables, one))
    assert first == bytes_of(withdraw(tables, one))
    assert first == bytes_of(withdraw(tables, one.model_copy(update={"jobs": 2})))
    other = asked("support", runs=600, years=4, seed=1)
    assert first != bytes_of(withdraw(tables, other))


def test_withdrawing_more_never_serves_more(build: Build) -> None:
    random = np.random.default_rng(5)
    makers: dict[str, str | None] = {f"s{n}": None for n in range(12)}
    tree = structure(
        inventory(build(**network(makers, CENTRE * 2)), DAY),
        ServiceScenario(instances_needed={"MME": (1, 2)}),
    )
    more = random.random((tree.inventory.element_count, 200)) < 0.9
    less = more & (random.random(more.shape) < 0.9)
    felt = clocks(200, time=True, management=True)
    for reading in (tree.sure, tree.possible):
        given = [unpacked(served(reading, packed(up), felt), 200) for up in (more, less)]
        assert not (given[1] & ~given[0]).any()
        assert (given[0] != given[1]).any()


def test_another_operator_near_by_takes_emergency_calls_at_best(build: Build) -> None:
    # Two operators' sites 1.1 km apart. o's is v's; p's stays. No E-CSCF is stated, so that the
    # sure reading serves nobody; at best p's site stands in for o's, and only for emergency.
    rows = network({"a": "v"}, CENTRE)
    rows["site"][1] |= {"latitude_deg": 50.0, "longitude_deg": 10.0}
    rows["site"] += [{"id": "b", "operator": "p", "latitude_deg": 50.01, "longitude_deg": 10.0}]
    rows["element"] += [{"id": "b-enb", "site": "b", "vendor": "w"}]
    rows["function"] += [{"element": "b-enb", "kind": "ENB"}]
    rows["demand"] += [{"site": s, "kind": "emergency", "people": 100.0} for s in "ab"]
    answer = withdraw(build(**rows), asked())
    figures = {
        r["service"]: (r["surely_out_median"], r["may_be_out_median"])
        for r in answer["outage"].to_pylist()
        if (r["by"], r["measure"], r["day"]) == ("network", "people", 0.0)
    }
    assert figures == {"mobile data": (100, 100), "emergency": (0, 200)}
    apart = ServiceScenario(emergency_km=(0.0, 1.0))
    answer = withdraw(build(**rows), asked(services=apart))
    assert {
        r["surely_out_median"]
        for r in answer["outage"].to_pylist()
        if (r["by"], r["measure"], r["day"], r["service"])
        == ("network", "people", 0.0, "emergency")
    } == {100}


def test_a_month_alone_loses_what_hangs_on_another_country(build: Build) -> None:
    # The only HSS stands abroad; then at a place of which nothing is stated; then at home.
    for place, want in (
        ({"country": "XB"}, (100, 100)),
        ({}, (0, 100)),
        ({"region": "north"}, (0, 0)),
    ):
        rows = network({"a": "w"}, CENTRE)
        rows["site"].append({"id": "far", "operator": "o", "kind": "data centre", **place})
        rows["element"].append({"id": "far-r", "site": "far", "vendor": "w"})
        rows["link"].append({"id": "far", "source": "far-r", "target": "hub"})
        for element in rows["element"]:
            if element["id"] == "HSS3":
                element["site"] = "far"
        rows["contract"] = [
            {"id": "c1", "operator": "o", "vendor": "v", "covers": "support", "remote_access": True}
        ]
        answer = without_international_links(build(**rows), AloneParameters(as_of=DAY))
        row = next(
            r
            for r in answer["alone"].to_pylist()
            if (r["by"], r["measure"]) == ("network", "people")
        )
        assert (row["surely_out"], row["may_be_out"]) == want
        assert (row["surely_out_before"], row["may_be_out_before"]) == (0, 0)
        listed = {(r["subject"], r["is_certain"]) for r in answer["from_abroad"].to_pylist()}
        abroad = {("HSS3", True), ("far-r", True)} if place.get("country") else set()
        assert listed == abroad | {("c1", False)}


@pytest.mark.parametrize(
    "services",
    [
        ServiceScenario(instances_needed={"MMF": (1, 2)}),
        ServiceScenario(provided_elsewhere=("HSSS",)),
        ServiceScenario(roaming=(("o", "q"),)),
    ],
)
def test_a_misspelt_name_in_a_scenario_is_refused(build: Build, services: ServiceScenario) -> None:
    with pytest.raises(UsageError, match="is not known"):
        withdraw(build(**network({"a": "w"}, CENTRE)), asked(services=services))


def test_a_scenario_file_says_what_is_wrong_with_it(tmp_path: Any) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[spares]\nstock_share = [0.2, 0.1]\n")
    with pytest.raises(InputError, match=r"spares\.stock_share"):
        load_scenario(file)
    file.write_text("[spares\n")
    with pytest.raises(InputError, match="not TOML"):
        load_scenario(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        load_scenario(file)
    with pytest.raises(NotFoundError):
        load_scenario(tmp_path / "absent.toml")
    file.write_text('runs = 7\n[services]\nprovided_elsewhere = ["HSS"]\n')
    found = load_scenario(file)
    assert (found.runs, found.services.provided_elsewhere) == (7, ("HSS",))
