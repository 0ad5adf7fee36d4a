"""A workspace: what is read stays, is counted, and comes to the same however it was read."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from ringfence.errors import (
    InputError,
    NotFoundError,
    RingfenceError,
    SourceError,
    UnavailableError,
    VerificationError,
)
from ringfence.network.model import TABLES
from ringfence.store.duck import write_parquet
from ringfence.store.snapshot import exclusive
from ringfence.workspace import Ingested, Workspace

DAY = date(2024, 6, 30)

SITES = "id,operator,region\ns1,o1,North\ns2,o1,South\n"
MORE = "id,operator,region,name\ns1,o1,North,Hill\ns3,o2,West,Lake\n"
ELEMENTS = "id,site,vendor_name\ne1,s1,Acme\ne2,s2,\ne3,s9,Bolt\n"
TWICE = "id,operator,region\ns1,o1,North\ns1,o1,South\ns2,o1,South\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, text in (("sites", SITES), ("more_sites", MORE), ("elements", ELEMENTS)):
        (folder / f"{name}.csv").write_text(text)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "workspace", name="test")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != ".lock"
    }


def counts(done: Ingested) -> dict[str, tuple[int, int, int]]:
    return {
        f["file"]: (f["rows_read"], f["rows_kept"], f["rows_rejected"])
        for f in done.files.to_pylist()
    }


def sites(workspace: Workspace) -> dict[str, str | None]:
    rows = workspace.network().tables["site"].to_pylist()
    return {row["id"].rpartition(":")[2]: row["region"] for row in rows}


# --- the same files, the same snapshot


def test_reading_the_same_again_makes_no_new_snapshot(workspace: Workspace, files: Path) -> None:
    first = workspace.ingest([files], as_of=DAY)
    again = workspace.ingest([files], as_of=DAY)
    assert again.snapshot == first.snapshot
    assert workspace.snapshots.ids() == [first.snapshot.id]


def test_files_read_one_after_the_other_or_at_once_make_the_same_network(
    workspace: Workspace, files: Path, tmp_path: Path
) -> None:
    names = ["sites.csv", "more_sites.csv", "elements.csv"]
    at_once = workspace.ingest([files / n for n in names], as_of=DAY)
    other = Workspace.init(tmp_path / "other", name="test")
    for name in reversed(names):
        last = other.ingest([files / name], as_of=DAY)
    assert last.snapshot.id == at_once.snapshot.id
    assert contents(last.snapshot.folder) == contents(at_once.snapshot.folder)


def test_files_read_in_several_processes_make_the_same_network(
    workspace: Workspace, files: Path, tmp_path: Path
) -> None:
    other = Workspace.init(tmp_path / "other", name="test")
    one = workspace.ingest([files], as_of=DAY)
    many = other.ingest([files], as_of=DAY, jobs=2)
    assert many.snapshot.id == one.snapshot.id


def test_a_file_that_contradicts_itself_is_counted_once_however_often_others_are_read(
    workspace: Workspace, files: Path
) -> None:
    (files / "sites.csv").write_text(TWICE)
    first = workspace.ingest([files / "sites.csv"], as_of=DAY)
    assert counts(first) == {"sites.csv": (3, 2, 1)}
    again = workspace.ingest([files / "sites.csv"], as_of=DAY)
    assert again.snapshot.id == first.snapshot.id
    for _ in range(2):
        later = workspace.ingest([files / "elements.csv"], as_of=DAY)
        assert counts(later)["sites.csv"] == (3, 2, 1)


def test_every_record_is_kept_or_listed_as_a_reject(workspace: Workspace, files: Path) -> None:
    # Record 4 gives a site and an element, both said otherwise before: one record, one reject.
    (files / "both.csv").write_text(
        "element,site,region,vendor_name\n"
        "e1,s1,North,Acme\n"
        "e2,s2,South,Bolt\n"
        "e1,s1,West,Crux\n"
    )  # fmt: skip
    (files / "sites.csv").write_text("id,operator,latitude_deg\ns1,o1,51\ns5,o1,951\n,o1,5\n")
    done = workspace.ingest([files], as_of=DAY)
    listed: dict[str, int] = {}
    for reject in done.rejects.to_pylist():
        listed[reject["file"]] = listed.get(reject["file"], 0) + reject["rows"]
    for file, (read, kept, rejected) in counts(done).items():
        assert read == kept + rejected, file
        assert rejected == listed.get(file, 0), file
        assert kept >= 0


# --- what is part of the network


def test_what_was_read_before_stays_until_it_is_read_anew_or_left_out(
    workspace: Workspace, files: Path
) -> None:
    workspace.ingest([files / "sites.csv"], as_of=DAY)
    workspace.ingest([files / "more_sites.csv"], as_of=DAY)
    assert sites(workspace) == {"s1": "North", "s2": "South", "s3": "West"}
    (files / "sites.csv").write_text("id,operator,region\ns2,o1,East\n")
    workspace.ingest([files / "sites.csv"], as_of=DAY)
    assert sites(workspace) == {"s1": "North", "s2": "East", "s3": "West"}
    workspace.ingest([], as_of=DAY, without=["more_sites.csv"])
    assert sites(workspace) == {"s2": "East"}
    workspace.ingest([files / "more_sites.csv"], as_of=DAY, fresh=True)
    assert sites(workspace) == {"s1": "North", "s3": "West"}
    with pytest.raises(NotFoundError, match=r"nowhere.csv is not part of the network"):
        workspace.ingest([], as_of=DAY, without=["nowhere.csv"])


def test_a_file_nobody_can_read_changes_nothing_when_named_and_is_listed_in_a_folder(
    workspace: Workspace, files: Path
) -> None:
    workspace.ingest([files / "sites.csv"], as_of=DAY)
    before = contents(workspace.folder)
    (files / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(SourceError) as caught:
        workspace.ingest([files / "picture.png"], as_of=DAY)
    assert caught.value.where == "picture.png"
    assert contents(workspace.folder) == before
    done = workspace.ingest([files], as_of=DAY)
    assert [r.file for r in done.refused] == ["files/picture.png"]
    noted = {f["file"]: f["note"] for f in done.files.to_pylist()}
    assert noted["files/picture.png"]


def test_a_file_that_was_read_and_no_longer_can_be_keeps_the_network_from_shrinking_unseen(
    workspace: Workspace, files: Path
) -> None:
    """The rows of a file that is now broken must not vanish from the network with a mere note."""
    workspace.ingest([files], as_of=DAY)
    (files / "more_sites.csv").write_bytes(b"\x00\x01\x02" * 50)
    done = workspace.ingest([files], as_of=DAY)
    assert [r.file for r in done.refused] == ["files/more_sites.csv"]
    assert "s3" in sites(workspace)


def test_no_file_that_can_be_read_is_an_error_and_changes_nothing(
    workspace: Workspace, tmp_path: Path
) -> None:
    before = contents(workspace.folder)
    (tmp_path / "empty").mkdir()
    for path, kind in ((tmp_path / "empty", InputError), (tmp_path / "nowhere", NotFoundError)):
        with pytest.raises(kind):
            workspace.ingest([path], as_of=DAY)
    assert contents(workspace.folder) == before


@pytest.mark.parametrize("folder", ["year=2024", "b [x]*", "it's ö?"])
def test_a_workspace_may_have_any_name(tmp_path: Path, files: Path, folder: str) -> None:
    workspace = Workspace.init(tmp_path / folder, name="test")
    workspace.ingest([files], as_of=DAY)
    network = workspace.network()
    assert workspace.check(network)["gap"].num_rows > 0
    assert workspace.diff(network.snapshot, network.snapshot).num_rows == 0
    assert workspace.sql(network, "SELECT count(*) AS n FROM site").to_pylist() == [{"n": 3}]


# --- damage


def _damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()  # a cache and a snapshot may share one file
    file.write_bytes(content)


def test_a_damaged_part_is_read_again_with_its_file(workspace: Workspace, files: Path) -> None:
    first = workspace.ingest([files], as_of=DAY)
    sound = contents(workspace.folder / "inputs")
    for name in sound:
        _damage(workspace.folder / "inputs" / name)
        assert workspace.ingest([files], as_of=DAY).snapshot.id == first.snapshot.id
        assert contents(workspace.folder / "inputs") == sound


def test_a_part_that_is_forged_is_not_believed(workspace: Workspace, files: Path) -> None:
    """Its rows would pass for those of a file that never said them."""
    first = workspace.ingest([files / "sites.csv"], as_of=DAY)
    (part,) = (workspace.folder / "inputs").glob("*/site.parquet")
    rows = pa.table(TABLES["site"].from_rows([{"id": "table:s1", "region": "Forged"}]))
    write_parquet(rows, part)
    again = workspace.ingest([files / "sites.csv"], as_of=DAY)
    assert again.snapshot.id == first.snapshot.id
    write_parquet(rows, part)
    with pytest.raises(VerificationError, match=r"sites\.csv"):
        workspace.ingest([files / "elements.csv"], as_of=DAY)


def test_a_part_without_its_record_is_read_again(workspace: Workspace, files: Path) -> None:
    first = workspace.ingest([files / "sites.csv"], as_of=DAY)
    (record,) = (workspace.folder / "inputs").glob("*/record.json")
    record.unlink()
    assert workspace.ingest([files / "sites.csv"], as_of=DAY).snapshot.id == first.snapshot.id


def test_a_damaged_snapshot_is_mended_by_reading_again(workspace: Workspace, files: Path) -> None:
    first = workspace.ingest([files], as_of=DAY)
    for file in sorted(first.snapshot.folder.iterdir()):
        _damage(file)
        # Which files are part of the network, and what was linked, is not known any more where
        # one of these is damaged.
        told_by = ("manifest.json", "source_file.parquet", "confirmed_link.parquet")
        anew = file.name in told_by
        workspace.ingest([files], as_of=DAY, fresh=anew).snapshot.verify()
        assert workspace.snapshots.ids() == [first.snapshot.id]


def test_the_cache_may_be_deleted(workspace: Workspace, files: Path) -> None:
    workspace.ingest([files], as_of=DAY)
    before = workspace.check(workspace.network())["gap"].to_pylist()
    subprocess.run(["rm", "-r", str(workspace.folder / "cache")], check=True)
    assert workspace.check(workspace.network())["gap"].to_pylist() == before
    workspace.network().snapshot.verify()
    workspace.ingest([files], as_of=DAY)


# --- a full disk, and other trouble from outside


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("a small disk can be made by root only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("rows", [8_000, 40_000], ids=["when laid together", "when read"])
@pytest.mark.parametrize("named", [True, False], ids=["file", "folder"])
def test_on_a_full_disk_an_ingest_fails_and_leaves_the_network_as_it_was(
    small_disk: Path, files: Path, rows: int, named: bool
) -> None:
    workspace = Workspace.init(small_disk / "workspace", name="test")
    first = workspace.ingest([files / "sites.csv"], as_of=DAY)
    lines = "".join(f"n{i},{os.urandom(20).hex()},East\n" for i in range(rows))
    (files / "sites.csv").write_text(f"id,name,region\n{lines}")
    with pytest.raises(RingfenceError, match="could not write: No space left on device"):
        workspace.ingest([files / "sites.csv" if named else files], as_of=DAY)
    assert workspace.snapshots.ids() == [first.snapshot.id]
    assert sites(workspace) == {"s1": "North", "s2": "South"}
    first.snapshot.verify()
    assert not list(workspace.folder.rglob(".new-*"))
    # With room again it goes on.
    subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    assert workspace.ingest([files / "sites.csv"], as_of=DAY).snapshot.id != first.snapshot.id
    assert len(sites(workspace)) == rows


def test_a_second_writer_is_refused(workspace: Workspace, files: Path) -> None:
    with exclusive(workspace.folder), pytest.raises(UnavailableError, match="another command"):
        workspace.ingest([files], as_of=DAY)
    workspace.ingest([files], as_of=DAY)


def test_questions_are_answered_while_another_command_writes(
    workspace: Workspace, files: Path
) -> None:
    workspace.ingest([files], as_of=DAY)
    with exclusive(workspace.folder):
        assert workspace.check(workspace.network())["gap"].num_rows > 0


MAKE = """
import os, signal, sys
from pathlib import Path
import ringfence.workspace
steps = [0]
plain = os.mkdir, os.replace
def fatal(do):
    def step(*given, **named):
        steps[0] += 1
        if steps[0] == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return do(*given, **named)
    return step
os.mkdir, os.replace = map(fatal, plain)
ringfence.workspace.Workspace.init(Path(sys.argv[1]), name="test")
print(steps[0])
"""


@pytest.mark.slow
def test_a_workspace_half_made_when_killed_can_be_made_again(tmp_path: Path) -> None:
    def make(folder: Path, fatal: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", MAKE, str(folder), str(fatal)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    whole = tmp_path / "whole"
    steps = int(make(whole, 0))
    for fatal in range(1, steps + 1):
        folder = tmp_path / str(fatal)
        assert make(folder, fatal) == ""
        Workspace.init(folder, name="test")
        assert contents(folder) == contents(whole)


def test_a_folder_with_other_things_is_not_made_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RingfenceError, match="not empty"):
        Workspace.init(tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["letter.txt"]


def test_no_more_files_than_allowed_may_be_open_is_an_error_of_ours(
    workspace: Workspace, files: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 2, hard))
    try:
        with pytest.raises(RingfenceError):
            workspace.ingest([files], as_of=DAY)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert workspace.snapshots.ids() == []
    workspace.ingest([files], as_of=DAY)


# --- asking


def test_a_template_filled_in_and_read_closes_its_gap(
    workspace: Workspace, files: Path, tmp_path: Path
) -> None:
    """From the gap to the template to the file filled in, as a person would do it."""
    from ringfence.sources.table_files import write_template  # noqa: PLC0415

    workspace.ingest([files], as_of=DAY)
    network = workspace.network()
    assert {r["vendor_name"] for r in network.tables["element"].to_pylist()} == {
        "Acme",
        "Bolt",
        None,
    }
    rows = workspace.to_fill(network, "element", "vendor_name")
    assert [row["id"] for row in rows.to_pylist()] == ["table:e2"]
    template = tmp_path / "element.csv"
    write_template(TABLES["element"], template, rows)
    heading, line = template.read_text("utf-8-sig").splitlines()
    values = dict(zip(heading.split(","), line.split(","), strict=True))
    values["vendor_name"] = "Acme"
    template.write_text(f"{heading}\n{','.join(values.values())}\n")
    done = workspace.ingest([template], as_of=DAY)
    assert done.findings.num_rows == 0
    assert counts(done)["element.csv"] == (1, 1, 0)
    after = workspace.network()
    assert after.tables.rows("element") == 3
    assert workspace.to_fill(after, "element", "vendor_name").num_rows == 0


def test_a_snapshot_is_found_by_date_or_by_the_first_digits_of_its_id(
    workspace: Workspace, files: Path
) -> None:
    one = workspace.ingest([files / "sites.csv"], as_of=date(2024, 1, 1)).snapshot
    other = workspace.ingest([files / "elements.csv"], as_of=date(2024, 6, 1)).snapshot
    assert workspace.snapshot("2024-03-01") == one
    assert workspace.snapshot(one.id[:8]) == one
    assert workspace.snapshot("2024-12-31") == other
    early = workspace.network(as_of=date(2023, 1, 1))
    assert (early.snapshot, early.as_of, early.is_of_that_day) == (one, date(2023, 1, 1), False)
    later = workspace.network(as_of=date(2024, 2, 1))
    assert (later.snapshot, later.as_of, later.is_of_that_day) == (one, date(2024, 2, 1), True)
    assert workspace.network().snapshot == other
    assert {row["change"] for row in workspace.diff(one, other).to_pylist()} == {"added"}


# --- two sources of one thing


def test_a_link_joins_two_rows_until_it_is_taken_back(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "inventory.csv").write_text("element,site,serial\nn1,s1,SN12345\nn2,s1,SN99999\n")
    (tmp_path / "boxes.csv").write_text("element,vendor_name,serial\nb1,Acme,SN12345\n")
    paths = [tmp_path / "inventory.csv", tmp_path / "boxes.csv"]
    before = workspace.ingest(paths, as_of=DAY)
    whole = contents(before.snapshot.folder)
    (proposed,) = workspace.proposed_links(workspace.network()).to_pylist()
    assert (proposed["kept"], proposed["joined"]) == ("table:b1", "table:n1")

    linked = workspace.link([proposed])
    elements = {e["id"]: e for e in workspace.network().tables["element"].to_pylist()}
    assert set(elements) == {"table:b1", "table:n2"}
    assert (elements["table:b1"]["site"], elements["table:b1"]["vendor_name"]) == (
        "table:s1",
        "Acme",
    )
    assert workspace.link([proposed]) == linked
    assert workspace.proposed_links(workspace.network()).num_rows == 0
    # What is read later is linked as well.
    (tmp_path / "boxes.csv").write_text("element,vendor_name,serial\nb1,Bolt,SN12345\n")
    workspace.ingest([tmp_path / "boxes.csv"], as_of=DAY)
    names = workspace.network().tables["element"]["vendor_name"].to_pylist()
    assert sorted(names, key=str) == ["Bolt", None]
    (tmp_path / "boxes.csv").write_text("element,vendor_name,serial\nb1,Acme,SN12345\n")
    workspace.ingest([tmp_path / "boxes.csv"], as_of=DAY)

    after = workspace.link((), less=["table:n1"])
    assert after.id == before.snapshot.id
    assert contents(after.folder) == whole
    with pytest.raises(NotFoundError, match="in no link"):
        workspace.link((), less=["table:n1"])
