"""`ringfence link`: proposed, confirmed in bulk, taken back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ringfence.cli.app import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def ringfence(*words: str) -> Result:
        return runner.invoke(app, list(words))

    (tmp_path / "inventory.csv").write_text(
        "element,name,site,serial\nn1,r1,s1,SN12345\nn2,r2,s1,SN99999\n"
    )
    (tmp_path / "boxes.csv").write_text(
        "element,name,vendor_name,serial\nb1,R1.example.net,Acme,SN12345\nb2,r2,Bolt,SN88888\n"
    )
    assert ringfence("init", "w").exit_code == 0
    monkeypatch.setenv("RINGFENCE_WORKSPACE", "w")
    assert ringfence("ingest", "inventory.csv", "boxes.csv").exit_code == 0
    return ringfence


def pairs(result: Result) -> list[tuple[str, str]]:
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["findings"]
    return [(row["kept"], row["joined"]) for row in rows]


ONE, OTHER = ("table:b1", "table:n1"), ("table:b2", "table:n2")


def test_it_proposes_and_nothing_takes_effect(run: Run) -> None:
    assert pairs(run("link", "propose", "--json")) == [ONE, OTHER]
    assert pairs(run("link", "list", "--json")) == []
    shown = run("link")
    assert "SN12345" in shown.output
    assert "none of them in effect until confirmed" in shown.output


def test_the_sure_ones_are_confirmed_at_once_and_taken_back(run: Run) -> None:
    confirmed = run("link", "confirm", "--at-least", "0.2", "--json")
    # The other has another serial number: that is for a person to look at.
    assert pairs(confirmed) == [ONE]
    assert pairs(run("link", "propose", "--json")) == [OTHER]
    assert pairs(run("link", "undo", "table:n1", "--json")) == []
    assert pairs(run("link", "propose", "--json")) == [ONE, OTHER]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_a_file_that_was_looked_through_is_confirmed(run: Run, ending: str) -> None:
    assert run("link", "propose", "--out", f"links.{ending}").exit_code == 0
    assert pairs(run("link", "confirm", f"links.{ending}", "--json")) == [ONE, OTHER]
    assert pairs(run("link", "undo", "--all", "--json")) == []


def test_a_conflict_of_linked_rows_is_told(run: Run) -> None:
    result = run("link", "confirm", "--pair", "element", *OTHER)
    assert result.exit_code == 0
    assert "1 values are stated differently" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("confirm",), "nothing to confirm is given"),
        (
            ("confirm", "--pair", "element", "table:b1", "table:zz"),
            "no element has the key table:zz",
        ),
        (("confirm", "inventory.csv"), "no column table, kept, joined"),
        (("undo",), "no key is given"),
        (("undo", "table:n1"), "in no link"),
    ],
)
def test_what_cannot_be_is_said(run: Run, words: tuple[str, ...], said: str) -> None:
    result = run("link", *words)
    assert result.exit_code != 0
    assert said in str(result.exception)
