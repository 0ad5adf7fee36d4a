"""What is amiss in a sound pack is found, and what is not amiss is left alone."""

from collections.abc import Callable
from typing import Any

import pytest

from ringfence.rules.lint import COVERAGE, LINT, SORTS, coverage, lint
from ringfence.rules.pack import list_packs, load_pack, read_pack

MakeFiles = Callable[..., dict[str, str]]

DATE = "date = 2020-01-01\n"
BINDING = '\n[[phase]]\nfrom = {}\neffect = "binding"\nstatus = "legally binding now"\n'
OVER = '\n[[phase]]\nfrom = {}\neffect = "superseded"\nstatus = "superseded"\nby = "{}"\n'
FACT = """
[[fact]]
vendor = "{vendor}"
names = ["{vendor}"]
status = "designated"
valid_from = {first}
{last}
source = "the act"
date = 2020-01-01
grade = "S"
"""


def faults(files: dict[str, str]) -> list[tuple[str, str, str]]:
    pack = read_pack(files, "xx-test", "xx-test", built_in=True)
    return [(f.rule, f.sort, f.says) for f in lint(pack)]


def two_rules(files: MakeFiles, first: dict[str, str], second: dict[str, str]) -> dict[str, str]:
    """A pack of R-1 and R-2, each made as told."""
    made = files(**first)
    made["rules/R-2.toml"] = files(**second)["rules/R-1.toml"].replace('"R-1"', '"R-2"')
    return made


def test_a_sound_rule_has_nothing_amiss(files: MakeFiles) -> None:
    assert faults(files()) == []


# citation


@pytest.mark.parametrize(
    ("has", "amiss"),
    [("", True), (DATE, False), ('url = "https://law.invalid"\n', False)],
)
def test_a_citation_has_an_address_or_a_date(files: MakeFiles, has: str, amiss: bool) -> None:
    made = files()
    # The date of the citation; the first phase begins on the same day and keeps it.
    assert made["rules/R-1.toml"].count(DATE) == 1
    made["rules/R-1.toml"] = made["rules/R-1.toml"].replace(DATE, has)
    said = ("xx-test/R-1", "citation", "its citation has neither an address nor a date")
    assert faults(made) == ([said] if amiss else [])


# dead


@pytest.mark.parametrize(
    ("more", "amiss"),
    [
        ('verdicts = ["comply", "unknown"]', True),
        ('verdicts = ["comply", "unknown"]\nnote = "The list was not read."', False),
        ('verdicts = ["breach", "unknown"]', False),
    ],
)
def test_a_rule_can_find_a_breach_or_says_why_not(files: MakeFiles, more: str, amiss: bool) -> None:
    said = ("xx-test/R-1", "dead", "it can never find a breach, and no note says why")
    assert faults(files(more=more)) == ([said] if amiss else [])


def test_a_rule_superseded_while_it_is_announced_has_told_what_is_due(files: MakeFiles) -> None:
    announced = (
        '[[phase]]\nfrom = 2020-01-01\neffect = "announced"\nstatus = "binding, date in future"\n'
    )
    over, binding = OVER.format("2021-01-01", "yy-other/R-1"), BINDING.format("2021-06-01")
    assert faults(files(phases=announced + over + binding)) == []


@pytest.mark.parametrize("name", list_packs())
def test_no_pack_of_ours_has_a_fault(name: str) -> None:
    assert list(lint(load_pack(name))) == []


@pytest.mark.parametrize(
    ("select", "amiss"),
    [
        ("SELECT 'e' AS subject, true AS verdict, '' AS because", True),
        ("SELECT id AS subject, true AS verdict, '' AS because FROM element", False),
    ],
)
def test_a_rule_reads_a_table(files: MakeFiles, select: str, amiss: bool) -> None:
    said = ("xx-test/R-1", "dead", "it reads no table")
    assert faults(files(select)) == ([said] if amiss else [])


# overlap


@pytest.mark.parametrize(
    ("first", "second", "amiss"),
    [
        ({}, {}, True),
        # Another question, other subjects, another value, another time.
        ({}, {"select": "SELECT id AS subject, NULL AS verdict, '' AS because FROM element"}, False),
        ({}, {"subjects": "vendor"}, False),
        (
            {"select": "SELECT id AS subject, $x > 1 AS verdict, '' AS because FROM element",
             "values": "[values]\nx = 1"},
            {"select": "SELECT id AS subject, $x > 1 AS verdict, '' AS because FROM element",
             "values": "[values]\nx = 2"},
            False,
        ),
        # R-1 ends on the day on which R-2 begins; and a day later.
        (
            {"phases": BINDING.format("2020-01-01") + OVER.format("2021-01-01", "R-2")},
            {"phases": BINDING.format("2021-01-01")},
            False,
        ),
        (
            {"phases": BINDING.format("2020-01-01") + OVER.format("2021-01-02", "R-2")},
            {"phases": BINDING.format("2021-01-01")},
            True,
        ),
    ],
)  # fmt: skip
def test_two_rules_do_not_ask_the_same_at_the_same_time(
    files: MakeFiles, first: dict[str, str], second: dict[str, str], amiss: bool
) -> None:
    said = ("xx-test/R-2", "overlap", "R-1 asks the same, at the same time")
    assert faults(two_rules(files, first, second)) == ([said] if amiss else [])


def test_the_end_of_a_statement_makes_it_no_other(files: MakeFiles) -> None:
    select = "SELECT id AS subject, true AS verdict, '' AS because FROM element"
    made = two_rules(files, {"select": select}, {"select": f"{select} ;\n"})
    assert [sort for _, sort, _ in faults(made)] == ["overlap"]


# gap in dates


@pytest.mark.parametrize(
    ("by", "begins", "says"),
    [
        ("R-2", "2021-01-01", None),
        ("xx-test/R-2", "2021-01-01", None),
        ("R-2", "2020-06-01", None),
        ("R-2", "2021-01-02", "it ends on 2021-01-01, and R-2 begins on 2021-01-02"),
        ("xx-test/R-2", "2022-01-01", "it ends on 2021-01-01, and R-2 begins on 2022-01-01"),
        ("xx-test/R-3", "2021-01-01", "it is superseded by xx-test/R-3, which is not there"),
        # What is in another pack, or in no pack at all, cannot be told from here.
        ("yy-test/R-3", "2021-01-01", None),
        ("a later act", "2021-01-01", None),
    ],
)
def test_what_takes_a_rule_s_place_is_there_by_then(
    files: MakeFiles, by: str, begins: str, says: str | None
) -> None:
    made = two_rules(
        files,
        {"phases": BINDING.format("2020-01-01") + OVER.format("2021-01-01", by)},
        {
            "phases": BINDING.format(begins),
            "select": "SELECT id AS subject, true AS verdict, '' AS because FROM element",
        },
    )
    assert faults(made) == ([("xx-test/R-1", "gap in dates", says)] if says else [])


@pytest.mark.parametrize(
    ("spans", "says"),
    [
        # Named to the end of 2021 and again from the next day on: no day is missing.
        ([("2021-01-01", "2021-12-31"), ("2022-01-01", None)], None),
        ([("2021-01-01", "2021-12-31"), ("2022-01-02", None)], "2022-01-01"),
        ([("2021-01-01", None), ("2022-01-02", None)], None),
        ([("2021-01-01", "2021-12-31"), ("2021-06-01", "2023-12-31"), ("2024-01-01", None)], None),
        # The longer one goes on when the shorter within it has ended.
        ([("2021-01-01", "2023-12-31"), ("2021-06-01", "2021-07-01"), ("2024-01-01", None)], None),
        ([("2021-01-01", "2021-01-31"), ("2021-02-03", "2021-02-28")], "2021-02-01"),
        ([("2021-01-01", "2021-12-31")], None),
    ],
)
def test_a_vendor_is_named_without_a_gap(
    files: MakeFiles, spans: list[tuple[str, str | None]], says: str | None
) -> None:
    # Another vendor, named earlier and for good, hides no gap of this one.
    manifest = FACT.format(vendor="Other", first="2020-01-01", last="")
    for first, last in reversed(spans):
        manifest += FACT.format(
            vendor="Meridian", first=first, last=f"valid_to = {last}" if last else ""
        )
    said = ("xx-test", "gap in dates", f"Meridian is not named from {says} on")
    assert faults(files(manifest=manifest)) == ([said] if says else [])


# never unknown, does not run


@pytest.mark.parametrize(
    ("verdicts", "amiss"),
    [('["breach", "comply"]', True), ('["breach", "comply", "unknown"]', False)],
)
def test_a_rule_can_say_that_it_does_not_know(files: MakeFiles, verdicts: str, amiss: bool) -> None:
    said = ("xx-test/R-1", "never unknown", "it does not say that it can be unknown")
    assert faults(files(more=f"verdicts = {verdicts}")) == ([said] if amiss else [])


@pytest.mark.parametrize(
    ("select", "says"),
    [
        ("SELEC id", "Parser Error"),
        ("DROP TABLE element", "only one SELECT"),
        ("SELECT id AS subject, $y AS verdict, '' AS because FROM element", "$y is neither"),
        ("SELECT any_value(id) AS subject, true AS verdict, '' AS because FROM element",
         "takes rows in an order"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_asked_is_told(files: MakeFiles, select: str, says: str) -> None:
    ((rule, sort, said),) = faults(files(select))
    assert (rule, sort) == ("xx-test/R-1", "does not run")
    assert says in said


def test_faults_stand_by_rule_and_sort_and_in_their_table(files: MakeFiles) -> None:
    amiss = {"select": "SELECT 'e' AS subject, true AS verdict, '' AS because",
             "more": 'verdicts = ["comply"]'}  # fmt: skip
    made = two_rules(files, amiss, amiss)
    found = faults(made)
    assert [(rule, sort) for rule, sort, _ in found] == [
        ("xx-test/R-1", "dead"),
        ("xx-test/R-1", "dead"),
        ("xx-test/R-1", "never unknown"),
        ("xx-test/R-2", "dead"),
        ("xx-test/R-2", "dead"),
        ("xx-test/R-2", "overlap"),
        ("xx-test/R-2", "never unknown"),
    ]
    rows = LINT.from_rows({"rule": r, "sort": s, "says": w} for r, s, w in found)
    assert LINT.faults(rows) == []
    assert set(SORTS) == {"citation", "dead", "overlap", "gap in dates", "never unknown",
                          "does not run"}  # fmt: skip


@pytest.mark.parametrize("name", list_packs())
def test_a_pack_of_ours_can_be_looked_up_run_and_left_in_doubt(name: str) -> None:
    # That a rule was overtaken before its day, or says what another says, is so in some laws; the
    # other sorts are faults of whoever wrote the pack.
    found = {fault.sort for fault in lint(load_pack(name))}
    assert found <= {"dead", "overlap"}


# Which verdicts are tested.

TEST = "[[test]]\nname = 'a test'\nas_of = 2020-01-01\nthen = [{}]\n"


@pytest.mark.parametrize(
    ("then", "shown", "missing"),
    [
        (None, 0, "breach, comply, unknown"),
        ("{ subject = 'e', verdict = 'breach' }", 1, "comply, unknown"),
        (
            "{ subject = 'e', verdict = 'breach' }, { subject = 'f', verdict = 'unknown' }",
            2,
            "comply",
        ),
        # Two of the same show one. What it will be on a deadline is shown too.
        (
            "{ subject = 'e', verdict = 'breach' }, { subject = 'f', verdict = 'breach' }",
            1,
            "comply, unknown",
        ),
        (
            (
                "{ subject = 'e', verdict = 'comply', due_on = 2021-01-01, "
                "verdict_when_due = 'breach' }, { subject = 'f', verdict = 'unknown' }"
            ),
            3,
            None,
        ),
    ],
)
def test_the_verdicts_that_tests_expect_are_counted(
    files: MakeFiles, then: str | None, shown: int, missing: str | None
) -> None:
    made: dict[str, Any] = files()
    if then is not None:
        made["rules/R-1.test.toml"] = TEST.format(then)
    rows = coverage(read_pack(made, "xx-test", "xx-test"))
    assert rows == [{"rule": "xx-test/R-1", "verdicts": 3, "shown": shown, "missing": missing}]
    assert COVERAGE.faults(COVERAGE.from_rows(rows)) == []


def test_only_verdicts_that_a_rule_can_give_count(files: MakeFiles) -> None:
    made = files(more='verdicts = ["breach", "unknown"]')
    made["rules/R-1.test.toml"] = TEST.format("{ subject = 'e', verdict = 'comply' }")
    (row,) = coverage(read_pack(made, "xx-test", "xx-test"))
    assert (row["verdicts"], row["shown"], row["missing"]) == (2, 0, "breach, unknown")


@pytest.mark.parametrize("name", list_packs())
def test_every_verdict_of_every_pack_of_ours_is_tested(name: str) -> None:
    assert [row for row in coverage(load_pack(name)) if row["missing"]] == []
