"""The verb `exposure`: what it prints, and with what code it leaves."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ringfence import cli

FILES = {
    "vendor.csv": "id,name,is_independent\nx,Corvane,yes\no,Borealis,yes\n",
    "operator.csv": "id,name\nnorth,Northline\n",
    "site.csv": "id,operator,region,kind\nS1,north,Upland,macro\nS2,north,Lowland,macro\n",
    # The element manager is Corvane's and manages the first AMF; the second one is nobody's to manage.
    "element.csv": "id,name,site,vendor_name,forwards_packets\nE1,ems,S1,Corvane,no\n"
    "E2,amf-1,S1,Borealis,no\nE3,amf-2,S2,Borealis,no\nE4,gnb,S2,Corvane,no\n",
    "function.csv": "element,kind\nE2,AMF\nE3,AMF\nE4,GNB\n",
    "relation.csv": "source,target,kind\nE1,E2,manages\n",
    "demand.csv": "site,kind,people\nS2,mobile data,1000\n",
    # Each stands in a segment of its own, and listens to itself alone.
    "segment.csv": "id,kind,checks_source\n" + "".join(f"G{n},subnet,yes\n" for n in range(1, 5)),
    "interface.csv": "id,element,segment,address\n"
    + "".join(f"I{n},E{n},G{n},10.0.{n}.1/24\n" for n in range(1, 5)),
    "endpoint.csv": "id,element,address\n" + "".join(f"P{n},E{n},127.0.0.1\n" for n in range(1, 5)),
}


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["ringfence", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name, text in FILES.items():
        (tmp_path / "in" / name).write_text(text, encoding="utf-8")
    assert call("init", "w").code == 0
    monkeypatch.setenv("RINGFENCE_WORKSPACE", "w")
    done = call("ingest", "in", "--as-of", "2026-11-24", "-q")
    assert done.code == 0, done
    return call


def document(ran: Ran) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_a_document_tells_the_answer_the_chain_and_where_it_was_read(run: Run) -> None:
    ran = run("exposure", "--vendor", "Corvane", "--json")
    assert ran.code == 0
    told = document(ran)
    assert told["schema"] == "ringfence/exposure/1"
    assert (told["summary"]["verdict"], told["summary"]["breached"]) == ("breached", 3)
    assert (told["summary"]["unknown"], told["summary"]["holds"]) == (0, 3)
    verdicts = {(r["element"], r["verdict"]) for r in told["findings"]}
    assert verdicts == {("table:E2", "breached"), ("table:E3", "holds")}
    steps = [r for r in told["chain"] if r["effect"] == "control"]
    assert [(r["rule"], r["means"], r["origin"]) for r in steps] == [
        ("own-software", "controls ems", "in/element.csv:2"),
        ("manages", "controls amf-1", "in/relation.csv:2"),
    ]


def test_a_person_reads_names_and_what_to_do(run: Run) -> None:
    ran = run("exposure", "--vendor", "Corvane", "--paths", 1)
    assert "the separation is BREACHED" in ran.out
    assert "2 core elements, 6 answers" in ran.out
    assert "BREACHED: it comes to control the AMF amf-1" in ran.out
    assert "read at in/relation.csv:2" in ran.out
    # The base station stands at the site where all 1,000 people are.
    assert "people whose traffic it could stop: 1,000 of 1,000 (100%) as is known" in ran.out
    assert "ringfence exposure --vendor 'Corvane' --repair" in ran.out
    assert all(len(line) <= 100 for line in ran.out.splitlines())


def test_a_repair_takes_the_power_away(run: Run) -> None:
    told = document(run("exposure", "--vendor", "Corvane", "--repair", "--json"))
    (change,) = told["repair"]
    assert change["means"] == "amf-1"
    assert change["change"] == "give it an element manager of its own, of another maker"
    bounds = told["summary"]["repair"]
    assert (bounds["cost"], bounds["lower_bound"], bounds["is_checked"]) == (5.0, 5.0, True)
    assert bounds["beyond_repair"] == []


def test_the_answers_are_told_before_the_repair_and_after_it(run: Run) -> None:
    told = document(run("exposure", "--vendor", "Corvane", "--repair", "--json"))
    assert {(r["element"], r["before"], r["after"]) for r in told["repaired"]} == {
        ("table:E2", "breached", "holds"),
        ("table:E3", "holds", "holds"),
    }
    bounds = told["summary"]["repair"]
    assert bounds["before"] == {"breached": 3, "unknown": 0, "holds": 3}
    assert bounds["after"] == {"breached": 0, "unknown": 0, "holds": 6}
    shown = run("exposure", "--vendor", "Corvane", "--repair").out
    assert "Answers before the repair and after it: BREACHED, then HOLDS" in shown
    assert [line.split() for line in shown.splitlines() if line.startswith("AMF  ")][-1] == [
        "AMF", "3", "->", "0", "0", "3", "->", "6",
    ]  # fmt: skip
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_what_no_change_prevents_is_told_without_an_empty_table(run: Run, tmp_path: Path) -> None:
    """The one AMF that is breached is Corvane's own: there is nothing to filter."""
    element = tmp_path / "in" / "element.csv"
    element.write_text(
        element.read_text().replace("E3,amf-2,S2,Borealis", "E3,amf-2,S2,Corvane"), encoding="utf-8"
    )
    (tmp_path / "in" / "relation.csv").unlink()
    done = run("ingest", "in", "--as-of", "2026-11-24", "--without", "in/relation.csv", "-q")
    assert done.code == 0, done
    shown = run("exposure", "--vendor", "Corvane", "--repair").out
    assert "no change that we know of prevents 3 of the breached answers:" in shown
    assert (
        "1 core element, the vendor's own, ended only by another in its place: AMF amf-2" in shown
    )
    assert "Cheapest repair" not in shown


def test_facts_that_were_not_tried_are_counted_and_the_code_is_75(run: Run, tmp_path: Path) -> None:
    """Of a third AMF nobody says the maker; without time it is not tried what that decides."""
    with (tmp_path / "in" / "element.csv").open("a", encoding="utf-8") as file:
        file.write("E5,amf-3,S2,,no\n")
    with (tmp_path / "in" / "function.csv").open("a", encoding="utf-8") as file:
        file.write("E5,AMF\n")
    assert run("ingest", "in", "--as-of", "2026-11-24", "-q").code == 0
    late = run("exposure", "--vendor", "Corvane", "--seconds", 0, "--json")
    summary = document(late)["summary"]
    assert late.code == 75
    assert summary["facts_tried"] == 0
    assert summary["facts"] > 0
    assert summary["unknown"] > 0
    shown = run("exposure", "--vendor", "Corvane", "--seconds", 0)
    assert shown.code == 75
    assert "facts were not tried one by one" in shown.out
    # What a clock cut off was not kept in the place of the whole answer.
    whole = run("exposure", "--vendor", "Corvane", "--json")
    assert whole.code == 0
    summary = document(whole)["summary"]
    assert summary["facts_tried"] == summary["facts"]
    (maker,) = [r for r in document(whole)["asked"] if r["column"] == "vendor_name"]
    assert (maker["ask"], maker["facts"], maker["breaches"]) == ("who made amf-3", 1, 3)


def test_a_repair_not_proved_the_least_leaves_with_75(run: Run) -> None:
    """Without time the first repair that works is told, with the bound it has by then: none."""
    ran = run("exposure", "--vendor", "Corvane", "--repair", "--seconds", 0, "--json")
    assert ran.code == 75
    bounds = document(ran)["summary"]["repair"]
    assert (bounds["cost"], bounds["lower_bound"], bounds["is_checked"]) == (5.0, 0.0, True)


def test_fail_on_leaves_with_1_where_an_answer_reaches_it(run: Run) -> None:
    assert run("exposure", "--vendor", "Corvane", "--fail-on", "breached").code == 1
    assert run("exposure", "--vendor", "Corvane", "--fail-on", "unknown").code == 1
    assert run("exposure", "--vendor", "Corvane").code == 0


def test_fail_on_leaves_with_0_where_all_holds(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in" / "relation.csv").unlink()
    done = run("ingest", "in", "--as-of", "2026-11-24", "--without", "in/relation.csv", "-q")
    assert done.code == 0, done
    assert run("exposure", "--vendor", "Corvane", "--fail-on", "unknown").code == 0


def test_wrong_questions_are_refused_with_the_way_on(run: Run) -> None:
    unknown = run("exposure", "--vendor", "Corvone")
    assert unknown.code == 66
    assert "perhaps: table:x" in unknown.err
    assert run("exposure").code == 2
    assert run("exposure", "--vendor", "Corvane", "--fail-on", "often").code == 2
    profile = run("exposure", "--vendor", "Corvane", "--profile", "magic")
    assert profile.code == 66
    assert "own-software" in profile.err
    assert run("exposure", "--what-if", "planets", "--vendor", "Corvane").code == 2


def test_profiles_are_listed(run: Run) -> None:
    told = document(run("exposure", "--profiles", "--json"))
    names = [r["profile"] for r in told["findings"]]
    assert names == ["own-software", "remote-support", "managed-service", "one-radio-site"]


def test_without_a_core_function_there_is_no_answer(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in" / "function.csv").unlink()
    done = run("ingest", "in", "--as-of", "2026-11-24", "--without", "in/function.csv", "-q")
    assert done.code == 0, done
    ran = run("exposure", "--vendor", "Corvane")
    assert "no element is stated to perform a core function" in ran.out
    told = document(run("exposure", "--vendor", "Corvane", "--json"))
    assert told["summary"]["verdict"] == "no core function is stated"


def rows(told: dict[str, Any]) -> dict[str, tuple[int, int, int, int]]:
    return {r["of"]: (r["held"], r["breached"], r["unknown"], r["holds"]) for r in told["findings"]}


def test_what_if_each_vendor_each_pair_or_each_region_were_hostile(run: Run) -> None:
    assert rows(document(run("exposure", "--what-if", "vendors", "--json"))) == {
        "Borealis": (2, 6, 0, 0),
        "Corvane": (2, 3, 0, 3),
    }
    assert rows(document(run("exposure", "--what-if", "pairs", "--json"))) == {
        "Borealis and Corvane": (4, 6, 0, 0)
    }
    # The element manager stands in the Upland; of the Lowland it holds a base station only.
    regions = document(run("exposure", "--what-if", "regions", "--vendor", "Corvane", "--json"))
    assert rows(regions) == {"Upland": (1, 3, 0, 3), "Lowland": (1, 0, 0, 6)}
    people = {r["of"]: (r["stop_low"], r["stop_high"]) for r in regions["findings"]}
    assert people == {"Upland": (0.0, 0.0), "Lowland": (1000.0, 1000.0)}
    shown = run("exposure", "--what-if", "vendors")
    assert "What if vendors were hostile" in shown.out


def test_the_report_asks_the_separation_with_each_set_of_profiles(run: Run, tmp_path: Path) -> None:
    asked = ("--profile", "own-software", "--profile", "own-software+remote-support")
    ran = run(
        "report", "--vendor", "Corvane", *asked, "--core", "uk-dvd-2022", "--out", "r.html", "-q"
    )
    assert ran.code == 0, ran
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count('<h3 id="separation-') == 2
    assert "Assumed: own-software + remote-support" in page
    assert "in/relation.csv:2" in page
    assert run("report", "--vendor", "Corvane", "--profile", "magic", "--out", "r.html").code == 66
