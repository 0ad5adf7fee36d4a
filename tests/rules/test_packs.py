"""The packs that come with the program: their own tests, and that nothing of the facts is missing."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringfence.network.functions import resolve_kind
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.pack import Pack, list_packs, load_pack
from ringfence.rules.trial import test_pack as run_tests
from ringfence.rules.written import Rule

PACKS = {name: load_pack(name) for name in list_packs()}
RULES = [(name, rule.id) for name, pack in PACKS.items() for rule in pack.rules]
FACTS = Path(__file__).resolve().parents[2].parent / "shared" / "facts" / "vendor-restrictions.md"


@pytest.fixture(scope="session")
def facts() -> str:
    if not FACTS.is_file():
        pytest.skip(f"needs the collected facts, a file beside the project: {FACTS}")
    return FACTS.read_text(encoding="utf-8")


def test_both_instruments_are_there() -> None:
    assert list_packs() == ("uk-dvd-2022", "uk-ncsc-2020")


@pytest.mark.parametrize(("pack", "rule"), RULES)
def test_a_rule_passes_its_own_tests(pack: str, rule: str) -> None:
    trials = run_tests(PACKS[pack], rules=(rule,))
    assert trials
    assert [(t.test, t.as_of, t.problem) for t in trials if not t.passed] == []


def _expectations(pack: Pack, rule: Rule) -> set[str]:
    """The verdicts on the state that a rule's tests expect."""
    return {
        e.verdict_when_due or e.verdict
        for case in pack.cases[rule.id].test
        for e in case.then
        if rule.on(case.days[0]).effect != "where possible"
    }


@pytest.mark.parametrize(("pack", "rule"), RULES)
def test_a_rule_is_tested_for_every_verdict_it_can_give(pack: str, rule: str) -> None:
    found = PACKS[pack].rule(rule)
    assert _expectations(PACKS[pack], found) == set(found.verdicts)


@pytest.mark.parametrize(("pack", "rule"), RULES)
def test_a_rule_is_tested_the_day_before_on_and_after_each_date(pack: str, rule: str) -> None:
    found = PACKS[pack].rule(rule)
    tested = {day for case in PACKS[pack].cases[rule].test for day in case.days}
    for phase in found.phase:
        named = phase.from_ or phase.after
        assert named is not None
        # What begins on a day has a last day before it and a day after it has begun; so has what
        # begins after a day.
        around = {named - timedelta(days=1), named, named + timedelta(days=1)}
        if phase.from_ == date(2022, 10, 13) and found.test == "no new":
            around.discard(named)
            assert named in tested
        assert around <= tested, phase


@pytest.mark.parametrize("pack", PACKS)
def test_every_number_and_name_of_a_pack_says_where_it_is_from(pack: str) -> None:
    for rule in PACKS[pack].rules:
        assert rule.source
        assert rule.citation.section
        assert rule.grade in {"S", "S*", "R"}
    for fact in PACKS[pack].manifest.fact:
        assert fact.source
        assert fact.grade in {"S", "S*", "R"}
    for parameter in PACKS[pack].manifest.parameter:
        assert parameter.value is None


def _requirements(facts: str) -> dict[str, str]:
    """Each requirement of the United Kingdom's two instruments, with its mark."""
    found = {}
    for line in facts.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"UK(20|P|D)-\d\d", cells[0]):
            found[cells[0]] = cells[-1]
    return found


def test_every_requirement_that_was_read_is_encoded_and_no_other(facts: str) -> None:
    requirements = _requirements(facts)
    assert len(requirements) == 24
    encoded = {rule for _, rule in RULES}
    listed = {n.id for pack in PACKS.values() for n in pack.manifest.not_encoded}
    notes = " ".join(n.text for pack in PACKS.values() for n in pack.manifest.note)
    for requirement, mark in requirements.items():
        if mark == "M":
            assert requirement in listed
            assert requirement not in encoded
        elif requirement == "UKP-05":  # A stated cost, which nobody can breach.
            assert requirement in notes
        else:
            assert requirement in encoded
            assert requirement not in listed
    assert encoded <= requirements.keys()


def test_every_grade_is_that_of_the_facts(facts: str) -> None:
    for pack, rule in RULES:
        mark = _requirements(facts)[rule]
        grades = set(re.findall(r"S\*|\bS\b|\bR\b", mark.split(":")[0])) or {mark[0]}
        assert PACKS[pack].rule(rule).grade in grades, rule


def test_every_date_of_a_rule_is_in_the_facts(facts: str) -> None:
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    for pack, rule in RULES:
        for phase in PACKS[pack].rule(rule).phase:
            day = phase.from_ or phase.after
            assert day is not None
            spelt = f"{day.day} {months[day.month - 1]} {day.year}"
            if day == date(2023, 1, 31):  # The source names the month only.
                spelt = "January 2023"
            if day == date(2021, 9, 30):
                spelt = "end September 2021"
            assert spelt in facts, (rule, spelt)


def test_the_list_of_core_functions_is_that_of_the_facts(facts: str) -> None:
    table = facts[facts.index('## 7. Which function is "core"') :]
    scopes = dict(zip(*PACKS["uk-ncsc-2020"].scope_of_kinds().to_pydict().values(), strict=True))
    assert scopes == dict(
        zip(*PACKS["uk-dvd-2022"].scope_of_kinds().to_pydict().values(), strict=True)
    )
    also = {"gNB-CU": "GNBCU", "-DU": "GNBDU", "-RU": "GNBRU", "SDN controller": "SDN controller"}
    checked = 0
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 6:
            continue
        names = re.split(r"[,/()]| and ", cells[0])
        kinds = {also.get(n.strip()) or resolve_kind(n.strip()) for n in names} - {None}
        expected = {
            "core: exclude": "in",
            "exclude": "in",
            '"in some cases"': "review",
            "not named": "review",
            'not named; treat "review"': "review",
            "access: CAP 35%": "out",
            "access: CAP 35% (gigabit)": "out",
        }.get(cells[1])
        if expected:
            for kind in kinds:
                assert scopes[str(kind)] == expected, (kind, cells[1])
                checked += 1
    assert checked > 35


def test_what_the_list_does_not_name_is_for_the_regulator(facts: str) -> None:
    scopes = dict(zip(*PACKS["uk-ncsc-2020"].scope_of_kinds().to_pydict().values(), strict=True))
    for kind in ("CPE", "P-CSCF", "SMSC", "HLR", "MSC Server", "BSS", "aggregation router"):
        assert scopes[kind] == "review", kind


@pytest.mark.parametrize(
    ("pack", "day", "listed"),
    [
        ("uk-ncsc-2020", date(2020, 1, 27), set()),
        ("uk-ncsc-2020", date(2020, 1, 28), {"x:1", "x:2"}),
        ("uk-dvd-2022", date(2020, 7, 13), set()),
        ("uk-dvd-2022", date(2020, 7, 14), {"x:1"}),
        ("uk-dvd-2022", date(2022, 10, 12), {"x:1"}),
        ("uk-dvd-2022", date(2022, 10, 13), {"x:1"}),
        ("uk-dvd-2022", date(2030, 1, 1), {"x:1"}),
    ],
)
def test_the_vendors_an_instrument_names_are_found_by_name(
    build: Callable[..., Any], pack: str, day: date, listed: set[str]
) -> None:
    names = [fact.names[0] for fact in PACKS["uk-ncsc-2020"].manifest.fact]
    tables = build(
        vendor=[
            {"id": "x:1", "name": f"  {names[0].upper()} ", "is_independent": True},
            {"id": "x:2", "name": "Something else", "is_independent": True},
            # Alike, and not the same: nobody has said that it is the vendor, or that it is not.
            {"id": "x:3", "name": f"{names[0]} Marine"},
        ],
        vendor_alias=[{"alias": names[1], "vendor": "x:2"}],
        element=[{"id": v, "vendor": v} for v in ("x:1", "x:2", "x:3")],
        function=[{"element": v, "kind": "AMF"} for v in ("x:1", "x:2", "x:3")],
    )
    rule = "UK20-02" if pack == "uk-ncsc-2020" else "UKD-03" if day.year > 2022 else "UKP-02"
    ask = EvaluateParameters(day, rules=(rule,))
    found = evaluate(tables, PACKS[pack], ask)["finding"].to_pylist()
    held = {f["subject"] for f in found if "breach" in {f["verdict"], f["verdict_when_due"]}}
    in_force = PACKS[pack].rule(rule).on(day).effect is not None
    assert held == (listed if in_force else set())
    open_ones = {f["subject"] for f in found} - held
    assert open_ones == ({"x:3"} if in_force else set())


def test_a_fact_of_a_pack_is_part_of_the_proof(build: Callable[..., Any]) -> None:
    name = PACKS["uk-dvd-2022"].manifest.fact[1].names[0]
    tables = build(
        vendor=[{"id": "x:1", "name": name, "origin": "vendors.csv row 2"}],
        element=[{"id": "e", "vendor": "x:1", "origin": "devices.json#/0"}],
        function=[{"element": "e", "kind": "AMF", "origin": "functions.csv row 9"}],
    )
    ask = EvaluateParameters(date(2026, 1, 1), rules=("UKD-03",))
    (finding,) = evaluate(tables, PACKS["uk-dvd-2022"], ask)["finding"].to_pylist()
    assert finding["verdict"] == "breach"
    assert finding["because"] == f"AMF by {name} (designated from 2022-10-13)"
    lines = finding["rests_on"].split("\n")
    assert lines[:3] == ["devices.json#/0", "functions.csv row 9", "vendors.csv row 2"]
    assert lines[3].startswith("uk-dvd-2022/pack.toml: gov.uk collection page")
    assert "grade S" in lines[3]
