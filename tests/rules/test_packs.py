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


def test_every_regime_has_its_pack() -> None:
    assert list_packs() == (
        "au-tssr-2018",
        "ca-policy-2022",
        "de-bsig-2025",
        "de-contracts-2024",
        "dk-supplier-security",
        "eu-csa2-2026",
        "eu-toolbox-2020",
        "fr-5g-authorisation",
        "it-golden-power",
        "nz-ticsa-2013",
        "pl-ksc-2026",
        "pt-cssc-2023",
        "ro-law-163-2021",
        "se-pts-2020",
        "uk-dvd-2022",
        "uk-ncsc-2020",
        "uk-security-2022",
        "us-fcc-covered-list",
        "us-fcc-reimbursement",
        "us-ndaa-889",
    )


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


REQUIREMENT = re.compile(
    r"(?:UK20|UKP|UKD|COP|US|AU|NZ|CA|CSA2|DE|SE|RO|IT|FR|PT|PL|DK)(?:-[A-Za-z0-9]+)+|[ST]M\d\d"
)
"""An id of the facts. Those that begin with HC are left out: they are figures of reports on the
evaluation of products, and require nothing of an operator."""

PARTS = {"COP-TIERS", "COP-2026"}
"""What is not encoded of an instrument and has no id of its own in the facts."""


def _requirements(facts: str) -> dict[str, list[str]]:
    """Each requirement of the facts, with the cells of its row."""
    found = {}
    for line in facts.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if REQUIREMENT.fullmatch(cells[0]):
            assert cells[0] not in found
            found[cells[0]] = cells
    return found


def _is_of(item: str, requirement: str) -> bool:
    """Whether an id of a pack is that of a requirement, or of a part of it."""
    return item == requirement or item.startswith(f"{requirement}-")


def test_no_requirement_of_the_facts_is_left_out(facts: str) -> None:
    requirements = _requirements(facts)
    assert len(requirements) == 117
    encoded = {rule for _, rule in RULES}
    listed = {n.id for pack in PACKS.values() for n in pack.manifest.not_encoded}
    noted = [n.text for pack in PACKS.values() for n in pack.manifest.note]
    for requirement in requirements:
        places = (
            requirement in encoded,
            requirement in listed,
            any(re.match(rf"{requirement}[,:]", text) for text in noted),
        )
        assert sum(places) == 1, (requirement, places)
    for item in encoded | listed - PARTS:
        assert any(_is_of(item, r) for r in requirements), item


def test_what_was_only_remembered_is_no_rule(facts: str) -> None:
    encoded = {rule for _, rule in RULES}
    why = {n.id: n.why for pack in PACKS.values() for n in pack.manifest.not_encoded}
    remembered = {r for r, cells in _requirements(facts).items() if re.match(r"M\b", cells[-1])}
    assert remembered >= {"UKD-09", "UKD-10", "US-889-EXC", "US-CL-CRIT", "NZ-02", "DK-01"}
    for requirement in remembered:
        assert not any(_is_of(rule, requirement) for rule in encoded), requirement
        assert why[requirement] == "source not read", requirement


def test_what_is_not_encoded_says_why_in_words_that_fit() -> None:
    for pack in PACKS.values():
        for item in pack.manifest.not_encoded:
            assert item.reason.startswith("not encoded: "), item.id
            unread = item.reason.startswith("not encoded: source not read.")
            assert unread == (item.why == "source not read"), item.id


def test_every_grade_is_that_of_the_facts(facts: str) -> None:
    requirements = _requirements(facts)
    for pack, rule in RULES:
        cells = requirements[max((r for r in requirements if _is_of(rule, r)), key=len)]
        if rule[:3] in {"COP", "SM0", "TM0", "TM1"}:
            # The tables of the Code and of the toolbox are marked as a whole, single cells apart.
            grades = {"S*"} | ({"S"} if "**S**" in " ".join(cells) else set())
        else:
            mark = cells[-1].split(":")[0]
            grades = set(re.findall(r"S\*|\bS\b|\bR\b", mark)) or {mark[0]}
        assert PACKS[pack].rule(rule).grade in grades, rule


SPELT = {
    date(2021, 4, 30): "Mar/Apr 2021",
    date(2021, 9, 30): "end September 2021",
    date(2023, 1, 31): "January 2023",
    date(2026, 4, 3): "2 or 3 Apr 2026",
    date(2026, 5, 31): "note May 2026",
    date(2026, 12, 31): "end 2026",
    date(2029, 12, 31): "end 2029",
}
"""Days of rules that a source does not name as a day; the rule or its phase says what was taken."""

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def test_every_date_of_a_rule_is_in_the_facts(facts: str) -> None:
    for pack, rule in RULES:
        found = PACKS[pack].rule(rule)
        days = [phase.from_ or phase.after for phase in found.phase]
        days += [value for value in found.values.values() if isinstance(value, date)]
        for day in days:
            assert day is not None
            month = MONTHS[day.month - 1]
            spellings = [f"{day.day} {m} {day.year}" for m in (month, month[:3])]
            spellings += [SPELT[day]] if day in SPELT else []
            assert any(spelt in facts for spelt in spellings), (rule, day)


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


@pytest.mark.parametrize(
    ("pack", "column", "scopes_by_cell"),
    [
        ("se-pts-2020", 3, {"central": "in", "central if used": "review", "likely central": "review",
                            "central (transmission)": "in", "**central** (RAN named)": "in",
                            "central (service and maintenance network)": "in"}),
        ("uk-security-2022", 5, {"security critical": "in", "NOF": "in", "exposed edge": "out",
                                 "security critical, external": "in",
                                 "security critical, sensitive data": "in",
                                 "security critical, external signalling": "in",
                                 "security critical / orchestrator NOF": "in",
                                 "depends on impact": "review", "exposed edge (M)": "review"}),
    ],
)  # fmt: skip
def test_the_lists_of_other_regimes_are_those_of_the_facts(
    facts: str, pack: str, column: int, scopes_by_cell: dict[str, str]
) -> None:
    table = facts[facts.index('## 7. Which function is "core"') :]
    scopes = dict(zip(*PACKS[pack].scope_of_kinds().to_pydict().values(), strict=True))
    also = {"gNB-CU": "GNBCU", "-DU": "GNBDU", "-RU": "GNBRU"}
    checked = 0
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and (expected := scopes_by_cell.get(cells[column])):
            names = re.split(r"[,/()]| and ", cells[0])
            for kind in {also.get(n.strip()) or resolve_kind(n.strip()) for n in names} - {None}:
                assert scopes[str(kind)] == expected, (kind, cells[column])
                checked += 1
    assert checked > 30


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
