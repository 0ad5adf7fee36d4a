"""Verbs about the law beside `rules run`: lists, timeline, compare, new, lint, explain, formats."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from ringfence.cli.app import app

Run = Callable[..., Result]

ELEMENTS = (
    "element,name,site,operator,vendor,installed date\n"
    "e1,gnb1,s1,op,Huawei,2023-05-01\n"
    "e2,gnb2,s1,op,Other,2023-05-01\n"
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def ringfence(*words: str) -> Result:
        return runner.invoke(app, list(words))

    (tmp_path / "elements.csv").write_text(ELEMENTS.replace("installed date", "installed_on"))
    (tmp_path / "functions.csv").write_text("element,function\ne1,GNBDU\ne2,GNBDU\n")
    (tmp_path / "vendors.csv").write_text("vendor id,name,is_independent\nv2,Other,true\n")
    assert ringfence("init", "w").exit_code == 0
    monkeypatch.setenv("RINGFENCE_WORKSPACE", "w")
    done = ringfence(
        "ingest", "elements.csv", "functions.csv", "vendors.csv", "--as-of", "2026-01-01"
    )
    assert done.exit_code == 0, done.output
    return ringfence


def document(result: Result) -> dict[str, object]:
    assert result.exit_code == 0, (result.output, result.exception)
    told: dict[str, object] = json.loads(result.stdout)
    return told


def test_lists_of_one_pack_and_itself_do_not_differ_and_of_two_regimes_do(run: Run) -> None:
    assert document(run("rules", "lists", "uk-dvd-2022", "uk-dvd-2022", "--json"))["findings"] == []
    assert document(run("rules", "lists", "uk-dvd-2022", "eu-csa2-2026", "--json"))["findings"]


def test_a_timeline_has_the_deadlines_in_their_order(run: Run) -> None:
    rows = document(run("rules", "timeline", "uk-dvd-2022", "--json"))["findings"]
    assert isinstance(rows, list)
    days = [row["deadline"] for row in rows if row["deadline"]]
    assert days == sorted(days)
    # The direction's last deadline to remove: 31 December 2027.
    assert "2027-12-31" in days


def test_regimes_are_compared_in_one_table(run: Run) -> None:
    told = document(run("rules", "compare", "uk-dvd-2022", "ca-policy-2022", "--json"))
    rows = told["comparison"]
    assert isinstance(rows, list)
    assert {row["pack"] for row in rows} == {"uk-dvd-2022", "ca-policy-2022"}


def test_a_new_pack_passes_its_own_tests_and_has_nothing_amiss(run: Run) -> None:
    assert run("rules", "new", "mine").exit_code == 0
    tested = run("rules", "test", "mine")
    assert tested.exit_code == 0, tested.output
    assert "0 failed" in tested.output
    assert "0 amiss" in run("rules", "lint", "mine").output


def test_a_finding_is_explained_with_its_clause_and_its_question(run: Run) -> None:
    rows = document(run("rules", "run", "uk-dvd-2022", "--as-of", "2026-01-01", "--json"))[
        "findings"
    ]
    assert isinstance(rows, list)
    (breach,) = [r for r in rows if r["rule"].endswith("UKD-01") and r["verdict"] == "breach"]
    assert breach["subject"] == "table:e1"
    told = run("rules", "explain", "uk-dvd-2022/UKD-01", "table:e1", "--as-of", "2026-01-01")
    assert told.exit_code == 0, (told.output, told.exception)
    assert "SELECT" in told.output
    assert "2022-10-13" in told.output


@pytest.mark.parametrize("form", ["sarif", "junit", "oscal"])
def test_findings_in_the_forms_of_other_tools(run: Run, form: str) -> None:
    def words() -> Result:
        return run("rules", "run", "uk-dvd-2022", "--as-of", "2026-01-01", "--format", form)

    told = words()
    assert told.exit_code == 0, (told.output, told.exception)
    assert "table:e1" in told.stdout
    if form == "junit":
        assert ET.fromstring(told.stdout).tag == "testsuites"  # noqa: S314  # our own
    elif form == "sarif":
        assert json.loads(told.stdout)["version"] == "2.1.0"
    else:
        assert "assessment-results" in json.loads(told.stdout)
    assert words().stdout == told.stdout
