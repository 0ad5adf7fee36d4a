"""Verbs about the law beside `rules run`: lists, timeline, compare, new, lint, explain, formats."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from ringfence.cli.app import app
from ringfence.errors import AudienceError
from ringfence.rules.pack import list_packs

Run = Callable[..., Result]

ELEMENTS = (
    "element,name,site,operator,vendor,installed date\n"
    "e1,gnb1,s1,op,Huawei,2023-05-01\n"
    "e2,gnb2,s1,op,Other,2023-05-01\n"
)


def ringfence(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace `w`, read from three files."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "elements.csv").write_text(ELEMENTS.replace("installed date", "installed_on"))
    (folder / "functions.csv").write_text("element,function\ne1,GNBDU\ne2,GNBDU\n")
    (folder / "vendors.csv").write_text("vendor id,name,is_independent\nv2,Other,true\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert ringfence("init", "w").exit_code == 0
        files = ("elements.csv", "functions.csv", "vendors.csv")
        done = ringfence("ingest", *files, "--as-of", "2026-01-01", "--workspace", "w")
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def run(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINGFENCE_WORKSPACE", "w")
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


def test_a_comparison_names_the_values_that_nobody_states(run: Run, tmp_path: Path) -> None:
    words = ("rules", "compare", "uk-dvd-2022", "se-pts-2020")
    told = run(*words).output
    assert "serves_bands of se-pts-2020 is not stated" in told
    assert "high_data_rate_mbps of uk-dvd-2022 is not stated" in told
    settings = tmp_path / "w" / "ringfence.toml"
    settings.write_text(f"{settings.read_text()}\n[pack.se-pts-2020]\nserves_bands = true\n")
    told = run(*words).output
    assert "serves_bands" not in told
    assert "high_data_rate_mbps of uk-dvd-2022 is not stated" in told


def test_a_timeline_parts_past_from_ahead_and_leaves_out_what_was_superseded(run: Run) -> None:
    told = run("rules", "timeline", "uk-dvd-2022", "--as-of", "2026-11-24")
    assert told.exit_code == 0, (told.output, told.exception)
    first = [line.split()[:2] for line in told.output.splitlines()]
    asked = first.index(["the", "day"])
    dated = {row[0]: place for place, row in enumerate(first) if row and "/" in row[0]}
    assert dated["uk-dvd-2022/UKD-08"] < asked < dated["uk-dvd-2022/UKD-02"]
    # The policy that the direction took the place of asks for the same by the same day.
    assert "uk-dvd-2022/UKP-02" not in dated
    assert "1 of 1 deadlines ahead would be missed" in told.output


def test_an_explanation_of_much_shows_some_and_has_all_for_a_program(
    run: Run, tmp_path: Path
) -> None:
    many = "\n".join(f"e1,n{i},manages" for i in range(9))
    elements = "\n".join(f"n{i},n{i},s1,op,Other,2023-05-01" for i in range(9))
    (tmp_path / "relations.csv").write_text(f"source,target,kind\n{many}\n")
    more = tmp_path / "more.csv"
    more.write_text((tmp_path / "elements.csv").read_text() + elements + "\n")
    files = ("more.csv", "functions.csv", "vendors.csv", "relations.csv")
    assert run("ingest", *files, "--as-of", "2026-02-01").exit_code == 0
    words = ("rules", "explain", "uk-dvd-2022/UKD-01", "table:e1", "--as-of", "2026-02-01")
    told = run(*words).output
    assert sum(line.startswith("relation: source") for line in told.splitlines()) == 5
    assert "relation: and 4 more; all of them: --json" in told
    rows = document(run(*words, "--json"))["relation"]
    assert isinstance(rows, list)
    assert {row["target"] for row in rows} == {f"table:n{i}" for i in range(9)}


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


SECRETS = ("ministry-list", "A direction nobody may know of", "The hidden instrument", "R-1")
"""What of the pack of `ministry` must not be seen: its name, its titles, its rule."""


@pytest.fixture
def ministry(run: Run, tmp_path: Path) -> str:
    """A secret pack beside the workspace, under whose rule the first element is a breach."""
    assert run("rules", "new", "ministry-list", "--secrecy", "secret").exit_code == 0
    folder = tmp_path / "ministry-list"
    manifest, rule = folder / "pack.toml", folder / "rules" / "R-1.toml"
    manifest.write_text(
        manifest.read_text().replace("The instrument, in words", SECRETS[2])
        + '\n[[fact]]\nvendor = "Huawei"\nnames = ["Huawei"]\nstatus = "designated"\n'
        + 'valid_from = 2026-01-01\nsource = "a letter"\ndate = 2026-01-01\ngrade = "S"\n'
    )
    rule.write_text(rule.read_text().replace("No equipment of a designated vendor", SECRETS[1]))
    return "ministry-list"


ASKING: dict[str, tuple[str, ...]] = {
    "show": ("rules", "show", "{}"),
    "show a rule": ("rules", "show", "{}", "R-1"),
    "test": ("rules", "test", "{}"),
    "lint": ("rules", "lint", "{}"),
    "explain": ("rules", "explain", "{}/R-1", "table:e1", "--as-of", "2026-06-01"),
    "run": ("rules", "run", "{}", "--as-of", "2026-06-01"),
    "compare": ("rules", "compare", "{}", "--as-of", "2026-06-01"),
    "timeline": ("rules", "timeline", "{}", "--as-of", "2026-06-01"),
    "lists": ("rules", "lists", "{}", "uk-dvd-2022"),
    "decide": ("decide", "--vendor", "Other", "--pack", "{}", "--as-of", "2026-06-01"),
    "decide, as the core": ("decide", "--vendor", "Other", "--core", "{}", "--as-of", "2026-06-01"),
    "report": ("report", "--vendor", "Other", "--pack", "{}", "--as-of", "2026-06-01"),
}
"""Each verb that can be asked of a pack."""


def asking(words: tuple[str, ...], pack: str) -> list[str]:
    return [word.replace("{}", pack) for word in words]


@pytest.mark.parametrize("words", ASKING.values(), ids=ASKING)
def test_of_a_pack_above_the_audience_not_even_its_name_is_told(
    run: Run, ministry: str, words: tuple[str, ...]
) -> None:
    told = run(*asking(words, ministry), "--audience", "confidential")
    assert isinstance(told.exception, AudienceError)
    assert told.exception.exit_code == 77
    for secret in SECRETS:
        assert secret not in told.output + str(told.exception), secret


@pytest.mark.parametrize("which", ["show", "show a rule", "lint", "lists"])
def test_whoever_is_cleared_is_told_and_told_the_label(run: Run, ministry: str, which: str) -> None:
    told = run(*asking(ASKING[which], ministry), "--audience", "secret")
    assert told.exit_code == 0, (told.output, told.exception)
    assert "label: secret" in told.output


@pytest.mark.parametrize("which", ["run", "compare", "timeline", "decide", "report"])
def test_beside_a_public_pack_a_secret_one_leaves_no_trace(
    run: Run, ministry: str, which: str, tmp_path: Path
) -> None:
    words = asking(ASKING[which], "uk-dvd-2022")
    place = words.index("uk-dvd-2022")
    both = [*words[: place + 1], *([words[place - 1]] * (which in {"decide", "report"})), ministry]
    both += words[place + 1 :]
    page = tmp_path / "report.html"

    def told(asked: list[str], audience: str, form: str) -> str:
        done = run(*asked, "--audience", audience, *form.split())
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output + (page.read_text() if which == "report" else "")

    assert told(both, "internal", "--json") == told(words, "internal", "--json")
    assert told(both, "internal", "") == told(words, "internal", "")
    known = told(both, "secret", "")
    assert "ministry-list" in known
    assert "label: secret" in known or "<dt>Marking</dt><dd><bdi>secret</bdi>" in known


def test_a_listing_leaves_out_what_the_audience_may_not_have(run: Run, ministry: str) -> None:
    def listed(*words: str) -> tuple[list[str], object]:
        told = document(run("rules", "list", *words, "--json"))
        rows, summary = told["findings"], told["summary"]
        assert isinstance(rows, list)
        assert isinstance(summary, dict)
        return [row["pack"] for row in rows], summary["label"]

    ours = list(list_packs())
    assert listed() == (ours, "public")
    assert listed(ministry) == ([*ours, "ministry-list"], "secret")
    assert listed(ministry, "--audience", "secret") == ([*ours, "ministry-list"], "secret")
    assert listed(ministry, "--audience", "internal") == (ours, "public")


def test_a_report_has_the_marking_of_the_workspace_and_of_its_packs(
    run: Run, ministry: str, tmp_path: Path
) -> None:
    settings = tmp_path / "w" / "ringfence.toml"
    settings.write_text(f'label = "Velmara eyes only"\n{settings.read_text()}')
    words = asking(ASKING["report"], ministry)
    assert run(*words).exit_code == 0
    page = (tmp_path / "report.html").read_text()
    assert "<dt>Marking</dt><dd><bdi>Velmara eyes only; secret</bdi>" in page
    assert run(*asking(ASKING["report"], "uk-dvd-2022")).exit_code == 0
    page = (tmp_path / "report.html").read_text()
    assert "<dt>Marking</dt><dd><bdi>Velmara eyes only</bdi>" in page


def test_an_audience_that_is_no_label_is_refused(run: Run) -> None:
    told = run("rules", "list", "--audience", "everyone")
    assert told.exit_code != 0
    assert "everyone" in str(told.exception)
