"""A pack's own tests: given these rows, on this day, then these verdicts and no others."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ringfence.cli.app import app
from ringfence.errors import PackError
from ringfence.network.model import NETWORK_TABLES
from ringfence.rules.pack import Pack, read_pack
from ringfence.rules.trial import given as rows_given
from ringfence.rules.trial import test_pack as run_tests
from tests.rules.phases import AHEAD

MakeFiles = Callable[..., dict[str, str]]
Folder = Callable[[Mapping[str, str]], Path]

GIVEN = """
[given]
vendor = [
  { id = "m", name = "Meridian", is_independent = true },
  { id = "o", name = "Other", is_independent = true },
]
designation = [{ vendor = "m", instrument = "xx-test" }]
element = [{ id = "of-m", vendor = "m" }, { id = "of-o", vendor = "o" }]
"""
TEST = "\n[[test]]\nname = 'a test'\nas_of = 2020-06-01\n{}\n"
M = "{ subject = 'of-m', verdict = 'breach' }"
O = "{ subject = 'of-o', verdict = 'comply' }"  # noqa: E741  # beside M


def made(files: MakeFiles, tests: str, **said: str) -> Pack:
    return read_pack(
        {**files(**said), "rules/R-1.test.toml": tests}, "xx-test", "xx-test", built_in=True
    )


def problems(files: MakeFiles, tests: str, **said: str) -> list[str | None]:
    return [trial.problem for trial in run_tests(made(files, tests, **said))]


def test_a_test_holds_where_every_subject_is_as_expected(files: MakeFiles) -> None:
    assert problems(files, GIVEN + TEST.format(f"then = [{M}, {O}]")) == [None]
    # The order in which they are expected is of no account.
    assert problems(files, GIVEN + TEST.format(f"then = [{O}, {M}]")) == [None]


def test_rows_at_the_top_go_before_those_of_each_test(files: MakeFiles) -> None:
    more = "{ subject = 'of-nobody', verdict = 'unknown' }"
    own = TEST.format(f"given.element = [{{ id = 'of-nobody' }}]\nthen = [{M}, {O}, {more}]")
    # The rows of one test are not there in the next.
    assert problems(files, GIVEN + own + TEST.format(f"then = [{M}, {O}]")) == [None, None]


def test_each_day_of_a_test_is_a_trial(files: MakeFiles) -> None:
    ahead = "due_on = 2027-12-31, verdict_when_due = 'breach'"
    tests = (
        GIVEN
        + "[[test]]\nname = 'before'\nas_of = 2019-12-31\nnot_in_force = true\n"
        + "[[test]]\nname = 'until then'\nas_of = [2020-01-01, 2027-12-30, 2027-12-31]\n"
        + f"then = [{{ subject = 'of-m', verdict = 'comply', {ahead} }}, {O}]\n"
        + f"[[test]]\nname = 'after'\nas_of = 2028-01-01\nthen = [{M}, {O}]\n"
    )
    trials = run_tests(made(files, tests, phases=AHEAD))
    assert [(t.rule, t.test, t.as_of, t.passed) for t in trials] == [
        ("xx-test/R-1", "before", date(2019, 12, 31), True),
        ("xx-test/R-1", "until then", date(2020, 1, 1), True),
        ("xx-test/R-1", "until then", date(2027, 12, 30), True),
        ("xx-test/R-1", "until then", date(2027, 12, 31), True),
        ("xx-test/R-1", "after", date(2028, 1, 1), True),
    ]


def test_one_day_of_several_can_fail_alone(files: MakeFiles) -> None:
    tests = (
        GIVEN
        + "[[test]]\nname = 'a test'\nas_of = [2019-12-31, 2020-01-01]\n"
        + f"then = [{M}, {O}]\n"
    )
    assert problems(files, tests) == ["is not in force on that day", None]


@pytest.mark.parametrize(
    ("then", "problem"),
    [
        # Every difference is told, subject by subject in their order.
        (
            f"{M.replace('breach', 'unknown')}, {O.replace('comply', 'breach')}",
            ("of-m: verdict is breach, not unknown; of-o: verdict is comply, not breach"),
        ),
        (M, "of-o is comply, and the test does not speak of it"),
        (
            f"{M}, {O}, {{ subject = 'of-x', verdict = 'comply' }}",
            "of-x is no subject",
        ),
        (
            f"{M.replace(' }', ', legal_status = ' + repr('advice') + ' }')}, {O}",
            "of-m: legal_status is legally binding now, not advice",
        ),
        (
            f"{M.replace(' }', ', because = ' + repr('Boreal') + ' }')}, {O}",
            "of-m: 'Meridian (designated)' does not say 'Boreal'",
        ),
        (f"{M.replace(' }', ', because = ' + repr('Merid') + ' }')}, {O}", None),
        (
            f"{M.replace(' }', ', verdict_when_due = ' + repr('comply') + ' }')}, {O}",
            "of-m: verdict_when_due is none, not comply",
        ),
    ],
)
def test_what_is_not_as_expected_is_told(files: MakeFiles, then: str, problem: str | None) -> None:
    assert problems(files, GIVEN + TEST.format(f"then = [{then}]")) == [problem]


def test_a_deadline_that_a_test_leaves_out_is_a_difference(files: MakeFiles) -> None:
    then = f"then = [{M.replace('breach', 'comply')}, {O}]"
    assert problems(files, GIVEN + TEST.format(then), phases=AHEAD) == [
        "of-m: due_on is 2027-12-31, not none; of-m: verdict_when_due is breach, not none"
    ]


def test_a_rule_that_does_not_run_fails_its_tests_and_no_others(files: MakeFiles) -> None:
    tests = GIVEN + TEST.format(f"then = [{M}, {O}]")
    broken = files("SELECT id AS subject, 'x'::INTEGER > 1 AS verdict, '' AS because FROM element")
    pack = read_pack(
        {
            **files(),
            "rules/R-1.test.toml": tests,
            "rules/R-2.toml": broken["rules/R-1.toml"].replace('"R-1"', '"R-2"'),
            "rules/R-2.test.toml": tests,
        },
        "xx-test",
        "xx-test",
        built_in=True,
    )
    first, second = run_tests(pack)
    assert first.passed
    assert "Could not convert" in str(second.problem)
    assert "xx-test/R-2" in str(second.problem)
    # Only those that are asked for are tried.
    assert [trial.rule for trial in run_tests(pack, rules=("xx-test/R-2",))] == ["xx-test/R-2"]


def test_parameters_of_a_test_are_those_of_its_pack(files: MakeFiles) -> None:
    manifest = '\n[[parameter]]\nname = "most"\nmeans = "a limit"\ntype = "number"\n'
    select = "SELECT id AS subject, 1 > $most AS verdict, '' AS because FROM element"

    def told(parameters: str, verdict: str) -> list[str | None]:
        then = f"then = [{{ subject = 'e', verdict = '{verdict}' }}]"
        test = TEST.format(f"{parameters}\ngiven.element = [{{ id = 'e' }}]\n{then}")
        return problems(files, test, select=select, manifest=manifest)

    assert told("parameters = { most = 0.5 }", "breach") == [None]
    assert told("parameters = { most = 1 }", "comply") == [None]
    # Nobody states it: it is not known.
    assert told("", "unknown") == [None]
    assert "no parameter 'least'" in str(told("parameters = { least = 1 }", "unknown"))
    assert "most is a number" in str(told("parameters = { most = 'x' }", "unknown"))


def test_a_network_given_has_every_table_of_the_model_and_what_is_worked_out_only_if_given() -> (
    None
):
    tables = rows_given({"element": ({"id": "e"},)}, {"element": ({"id": "f"},)})
    assert tables["element"]["id"].to_pylist() == ["e", "f"]
    names = {table.name for table in NETWORK_TABLES}
    assert names == set(tables)
    assert all(tables.rows(name) == 0 for name in names - {"element"})
    reach = {
        "reach": (
            {"source_element": "e", "target_endpoint": "x", "target_element": "e", "answer": "can"},
        )
    }
    assert rows_given(reach, {})["reach"].num_rows == 1


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"elements": ({"id": "e"},)}, "there is no table 'elements'"),
        ({"finding": ({"rule": "x"},)}, "there is no table 'finding'"),
        ({"element": ({"id": "e", "maker": "m"},)}, "table element has no column 'maker'"),
        ({"element": ({"name": "e"},)}, "id is not stated"),
        ({"reach": ({"source_element": "e", "target_endpoint": "x", "target_element": "e", "answer": "perhaps"},)},
         "answer"),
    ],
)  # fmt: skip
def test_rows_that_are_none_of_the_model_are_refused(rows: Any, says: str) -> None:
    with pytest.raises(PackError, match=says) as caught:
        rows_given(rows)
    assert str(caught.value.where).startswith("given.")


# The verb.


@pytest.mark.parametrize(
    ("then", "code", "says"),
    [
        (f"then = [{M}, {O}, {{ subject = 'of-x', verdict = 'unknown' }}]", 0, "3 of 3 verdicts"),
        # All tests hold, and yet nobody has shown when it is unknown.
        (f"then = [{M}, {O}]", 1, "2 of 3 verdicts"),
        (f"then = [{M}, {O}, {{ subject = 'of-x', verdict = 'breach' }}]", 1, "of-x: verdict is"),
    ],
)
def test_a_pack_whose_tests_fail_or_show_too_little_leaves_with_code_1(
    files: MakeFiles, folder: Folder, then: str, code: int, says: str
) -> None:
    more = "given.element = [{ id = 'of-x' }]\n" if "of-x" in then else ""
    root = folder({**files(), "rules/R-1.test.toml": GIVEN + TEST.format(more + then)})
    done = CliRunner().invoke(app, ["rules", "test", str(root)])
    assert done.exit_code == code, (done.output, done.exception)
    assert says in done.stdout
