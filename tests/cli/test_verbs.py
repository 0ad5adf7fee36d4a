"""What each verb says, to a person and to a program, and with which code it leaves."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

Run = Callable[..., Any]


def document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    assert set(found) >= {"schema", "snapshot", "as_of", "summary", "findings"}
    return found


def test_help_loads_neither_numpy_nor_an_engine() -> None:
    code = (
        "import sys; sys.argv = ['ringfence', '--help']\n"
        "from ringfence.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'duckdb', 'pyarrow', 'pydantic', 'jinja2'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "presence" in done.stdout


def test_ingest_counts_every_record(home: Path, export: Path, run: Run) -> None:
    done = run("ingest", export, "--as-of", "2026-11-24", "--json")
    told = document(done.out)
    # 2 + 5 + 5 + 5 + 3 + 2 + 2 lines below the headings; one latitude lies beyond the pole.
    assert told["summary"]["rows_read"] == 24
    assert told["summary"]["rows_kept"] == 23
    assert told["summary"]["rows_rejected"] == 1
    assert [r["place"] for r in told["rejects"]] == ["export/sites.csv:5"]
    assert "above 90" in told["rejects"][0]["reason"]
    assert done.code == 0
    assert run("ingest", export, "--as-of", "2026-11-24", "--strict", "-q").code == 65


def test_reading_the_same_again_changes_nothing(home: Path, export: Path, run: Run) -> None:
    before = document(run("show", "--snapshots", "--json").out)["findings"]
    run("ingest", export, "--as-of", "2026-11-24", "-q")
    assert document(run("show", "--snapshots", "--json").out)["findings"] == before


def test_presence_gives_each_share_its_fraction(home: Path, run: Run) -> None:
    rows = document(run("presence", "--vendor", "corvane", "--json").out)["findings"]
    by = {(r["by"], r["group"], r["measure"]): r for r in rows}
    # North has 4 elements, of which E1 and E3 are Corvane's and nobody knows who made E4.
    north = by["operator", "table:north", "elements"]
    assert (north["held"], north["unknown"], north["total"]) == (2, 1, 4)
    assert (north["share_low"], north["share_high"]) == (0.5, 0.75)
    # 100 + 300 + 50 Mbit/s; Corvane's radio stands at S1 and S5.
    whole = by["network", None, "traffic"]
    assert (whole["held"], whole["total"]) == (150, 450)
    text = run("presence", "--vendor", "Corvane").out
    north = next(line for line in text.splitlines() if line.startswith("Northline"))
    assert north.split() == ["Northline", "elements", "50.0", "to", "75.0", "%", "2", "1", "4"]
    assert max(len(line) for line in text.splitlines()) <= 100


def test_rules_say_breach_unknown_and_due(home: Path, run: Run) -> None:
    done = run("rules", "run", "uk-dvd-2022", "--as-of", "2026-11-24", "--json")
    found = {(f["rule"], f["subject"]): f for f in document(done.out)["findings"]}
    core = found["uk-dvd-2022/UKD-03", "table:E3"]
    assert core["verdict"] == "breach"
    assert "element.csv:4" in core["rests_on"]
    assert found["uk-dvd-2022/UKD-03", "table:E4"]["verdict"] == "unknown"
    gone = found["uk-dvd-2022/UKD-02", "table:E1"]
    assert (gone["verdict"], gone["due_on"], gone["verdict_when_due"]) == (
        "comply",
        "2027-12-31",
        "breach",
    )
    assert ("uk-dvd-2022/UKD-02", "table:E2") not in found


def test_fail_on_is_the_exit_code(home: Path, run: Run) -> None:
    asked = ("rules", "run", "uk-dvd-2022", "--as-of", "2026-11-24", "-q")
    assert run(*asked).code == 0
    assert run(*asked, "--fail-on", "breach").code == 1
    # Before the direction there was nothing to breach.
    before = ("rules", "run", "uk-dvd-2022", "--as-of", "2020-06-30", "-q")
    assert run(*before, "--fail-on", "unknown").code == 0
    assert run(*asked, "--fail-on", "sometimes").code == 2


def test_decide_forbids_more_the_stricter_the_option(home: Path, run: Run) -> None:
    told = document(run("decide", "--vendor", "Corvane", "--json").out)
    whole = {o["option"]: o for o in told["options"] if o["operator"] is None}
    # E1, E3 and E5 are Corvane's; E3 alone is core; E4 has no maker, and is core.
    assert whole["ban"]["forbidden_elements"] == 3
    assert whole["ban"]["undecided_elements"] == 1
    assert whole["non-core only"]["forbidden_elements"] == 1
    assert whole["non-core only"]["undecided_elements"] == 1
    assert whole["allow"]["forbidden_elements"] == 0
    left = {(r["option"], r["verdict"]) for r in told["remaining"] if r["subjects"]}
    assert ("allow", "breach") in left
    assert ("ban", "breach") not in left


def test_report_stands_alone(home: Path, run: Run) -> None:
    assert run("report", "--vendor", "Corvane", "--out", "r.html").code == 0
    page = Path("r.html").read_text(encoding="utf-8")
    assert "Corvane" in page
    assert "<script" not in page
    assert "<svg" in page
    assert run("report", "--vendor", "Corvane", "--out", "r.pdf").code == 69
    told = document(run("report", "--vendor", "Corvane", "--out", "s.html", "--json").out)
    assert told["summary"]["report"] == "s.html"
    assert Path("s.html").read_bytes() == Path("r.html").read_bytes()


def test_sql_answers_and_stays_in_the_jail(home: Path, run: Run) -> None:
    rows = document(run("sql", "SELECT count(*) AS n FROM element", "--json").out)["findings"]
    assert rows == [{"n": 5}]
    for statement in ("DROP TABLE element", "SELECT 1; SELECT 2", "FROM read_csv('/etc/passwd')"):
        done = run("sql", statement)
        assert done.code == 65, statement
        assert done.err.startswith("error")
    slow = "SELECT count(*) FROM range(100000000) a, range(100000000) b"
    assert run("sql", slow, "--seconds", "0.3").code == 75


def test_diff_tells_what_changed(home: Path, export: Path, run: Run) -> None:
    first = document(run("show", "--snapshots", "--json").out)["findings"][0]["snapshot"]
    file = export / "element.csv"
    file.write_text(
        file.read_text(encoding="utf-8").replace("E2,quay-du,S2,Borealis", "E2,quay-du,S2,Corvane"),
        encoding="utf-8",
    )
    run("ingest", export, "--as-of", "2026-12-01", "-q")
    told = document(run("diff", first, "2026-12-01", "--json").out)
    changed = [r for r in told["findings"] if r["table"] == "element"]
    assert [(r["key"], r["column"], r["before"], r["after"]) for r in changed] == [
        ("table:E2", "vendor", "table:borealis", "table:corvane"),
        ("table:E2", "vendor_name", "Borealis", "Corvane"),
    ]


def test_a_template_filled_in_closes_its_gap(home: Path, run: Run) -> None:
    gaps = document(run("check", "--json").out)["gaps"]
    assert ("element", "vendor_name") in {(g["table"], g["column"]) for g in gaps}
    done = run("sources", "template", "element", "--missing", "vendor_name", "--out", "fill.csv")
    assert done.code == 0, done
    with Path("fill.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["id"] for r in rows] == ["table:E4"]
    rows[0]["vendor_name"] = "Borealis"
    with Path("fill.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert run("ingest", "fill.csv", "--as-of", "2026-11-24", "-q").code == 0
    gaps = document(run("check", "--json").out)["gaps"]
    assert ("element", "vendor_name") not in {(g["table"], g["column"]) for g in gaps}
    told = document(run("show", "element", "--json", "--where", "id = 'table:E4'").out)
    assert told["findings"][0]["vendor"] == "table:borealis"
    assert told["findings"][0]["name"] == "upf-1"


@pytest.mark.parametrize("ending", ["parquet", "csv", "xlsx"])
def test_out_writes_the_rows(home: Path, run: Run, ending: str) -> None:
    file = Path(f"sites.{ending}")
    assert run("show", "site", "--out", file, "-q").code == 0
    match ending:
        case "parquet":
            names = pq.read_table(file).column("name").to_pylist()
        case "csv":
            with file.open(encoding="utf-8", newline="") as opened:
                names = [r["name"] for r in csv.DictReader(opened)]
        case _:
            grid = CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python()
            names = [row[grid[0].index("name")] for row in grid[1:]]
    assert names == ["Hill", "Quay", "Vault", "电信"]


def test_jsonl_is_one_row_a_line(home: Path, run: Run) -> None:
    lines = run("show", "element", "--jsonl").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"table:E{i}" for i in range(1, 6)]
    assert run("show", "element", "--jsonl", "--json").code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("presence", "--vendor", "Corvanne"), 66, "table:corvane"),
        (("show", "elements"), 66, "the tables"),
        (("ingest", "nowhere.csv"), 66, "nowhere.csv"),
        (("rules", "run", "uk-law"), 66, "uk-ncsc-2020"),
        (("check", "--as-of", "tomorrow"), 2, "2026-11-24"),
        (("show", "element", "--where", "nonsense ="), 65, "error"),
        (("sources", "template", "elements"), 66, "element"),
        (("presence", "--vendor", "Corvane", "--by", "colour"), 2, "region"),
        (("show", "element", "--out", "x.docx"), 2, ".parquet"),
    ],
)
def test_errors_say_what_to_do(
    home: Path, run: Run, arguments: tuple[str, ...], code: int, says: str
) -> None:
    done = run(*arguments)
    assert done.code == code, done
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_folder_that_is_no_workspace_is_said_to_be_none(tmp_path: Path, run: Run) -> None:
    done = run("check", "--workspace", tmp_path)
    assert done.code == 66
    assert "ringfence init" in done.err


def test_a_changed_byte_does_not_verify(home: Path, run: Run) -> None:
    assert run("verify").code == 0
    file = next(Path("snapshots").glob("*/element.parquet"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    file.write_bytes(content)
    done = run("verify")
    assert done.code == 76
    assert "element" in done.err


def test_a_name_cannot_paint_the_terminal(home: Path, run: Run, export: Path) -> None:
    (export / "operator.csv").write_text(
        "id,name\nnorth,\x1b[31m[bold]red[/bold]\nsouth,ok\n", encoding="utf-8"
    )
    run("ingest", export, "--as-of", "2026-11-24", "-q")
    shown = run("show", "operator").out
    assert "\x1b" not in shown
    assert "[bold]red[/bold]" in shown


def test_a_fault_of_ours_keeps_its_trace_in_a_file(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("ringfence.workspace.Workspace.check", broken)
    done = run("check")
    assert done.code == 70
    file = Path(done.err.split("where", 1)[1].split()[0])
    assert "ZeroDivisionError" in file.read_text(encoding="utf-8")
    file.unlink()


def test_what_is_left_alone_in_a_folder_is_listed(
    home: Path, export: Path, run: Run, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("id,name\nx,outside\n", encoding="utf-8")
    (export / "linked.csv").symlink_to(secret)
    (export / "loop").symlink_to(export, target_is_directory=True)
    (export / ".git").mkdir()
    for name in ("a", "b"):
        (export / ".git" / name).write_text("id,name\ny,hidden\n", encoding="utf-8")
    told = document(run("ingest", export, "--as-of", "2026-11-24", "--json").out)
    notes = {f["file"]: f["note"] for f in told["findings"] if f["note"]}
    assert notes == {
        "export/.git": "hidden, and left alone",
        "export/linked.csv": "a link that leads out of the folder, and is not followed",
        "export/loop": "a link that leads out of the folder, and is not followed",
    }


def test_a_rule_with_nothing_to_judge_is_listed_all_the_same(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "operator.csv").write_text("id,name\nnorth,Northline\n", encoding="utf-8")
    assert run("init", tmp_path / "ws").code == 0
    monkeypatch.chdir(tmp_path / "ws")
    assert run("ingest", tmp_path / "operator.csv", "--as-of", "2026-11-24", "-q").code == 0
    done = run("rules", "run", "uk-dvd-2022", "--as-of", "2026-11-24", "--json")
    judged = {r["rule"]: r for r in document(done.out)["judged"]}
    # There is no element, so nothing of which the rule on removal from the core could speak.
    core = judged["uk-dvd-2022/UKD-03"]
    assert (core["standing"], core["verdict"], core["subjects"]) == ("in force", None, 0)
    assert "UKD-03" in run("rules", "run", "uk-dvd-2022", "--as-of", "2026-11-24").out


def test_many_files_not_read_for_one_reason_are_told_in_one_line(
    home: Path, export: Path, run: Run
) -> None:
    for number in range(30):
        (export / f"photo-{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    done = run("ingest", export, "--as-of", "2026-11-24", "-q")
    assert "Not read: 30 files" in done.out
    (line,) = [line for line in done.out.splitlines() if "no source knows" in line]
    assert line.split()[0] == "30"
    assert "photo-7" not in done.out
    assert "export/sites.csv" in done.out
    rows = document(run("show", "source_file", "--where", "kind IS NULL", "--json").out)
    assert rows["summary"]["rows"] == 30
