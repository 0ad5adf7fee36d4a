"""Snapshots: immutable, proved by their manifest, whole after a kill, and readable for ever."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from textwrap import dedent

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import (
    NotFoundError,
    RingfenceError,
    UnavailableError,
    VerificationError,
)
from ringfence.store.duck import hash_of_file, write_parquet
from ringfence.store.snapshot import (
    MANIFEST,
    Snapshot,
    Snapshots,
    exclusive,
    fresh_folder,
    move_into_place,
    read_snapshot,
    replace,
)
from ringfence.store.tables import Column, Table, Type

LAKE = Table(
    "lake",
    "a lake",
    ("id",),
    (
        Column("id", Type.TEXT, "The key", required=True),
        Column("depth_m", Type.DECIMAL, "Depth", unit="m"),
        Column("seen_on", Type.DATE, "Day it was seen"),
    ),
)
HILL = Table("hill", "a hill", ("id",), (Column("id", Type.TEXT, "The key", required=True),))
DECLARED = {"lake": LAKE, "hill": HILL}


def network(*ids: str) -> dict[str, pa.Table]:
    return {
        "lake": LAKE.from_rows({"id": i, "depth_m": len(i) / 2} for i in ids),
        "hill": HILL.from_rows([{"id": "h"}]),
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below the folder."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


@pytest.fixture
def one(snapshots: Snapshots) -> Snapshot:
    return snapshots.publish(network("a", "bb"), date(2024, 3, 1), "schema-1")


# --- what was published can be found and read


def test_a_snapshot_gives_back_what_was_published(snapshots: Snapshots, one: Snapshot) -> None:
    opened = snapshots.open(one.id)
    assert opened == one == snapshots.latest() == read_snapshot(one.folder)
    assert (opened.as_of, opened.schema_version) == (date(2024, 3, 1), "schema-1")
    assert {name: rows for name, (_, rows) in opened.files.items()} == {"hill": 1, "lake": 2}
    tables = opened.tables(DECLARED)
    assert {name: tables[name].to_pylist() for name in tables} == {
        name: rows.to_pylist() for name, rows in network("a", "bb").items()
    }
    assert tables.hash_of("lake") == opened.files["lake"][0]
    opened.verify()


def test_the_same_network_as_of_the_same_day_is_the_same_snapshot(
    tmp_path: Path, snapshots: Snapshots, one: Snapshot
) -> None:
    again = snapshots.publish(network("a", "bb"), date(2024, 3, 1), "schema-1")
    assert again.id == one.id
    assert snapshots.ids() == [one.id]
    elsewhere = Snapshots(tmp_path / "elsewhere")
    elsewhere.publish(network("a", "bb"), date(2024, 3, 1), "schema-1")
    assert contents(elsewhere.folder) == contents(snapshots.folder)


@pytest.mark.parametrize("way", ["file", "reader"])
def test_rows_from_a_file_or_a_stream_make_the_same_snapshot(
    tmp_path: Path, snapshots: Snapshots, one: Snapshot, way: str
) -> None:
    tables: dict[str, pa.Table | pa.RecordBatchReader | Path] = dict(network("a", "bb"))
    if way == "file":
        tables["lake"] = tmp_path / "rows.parquet"
        write_parquet(network("a", "bb")["lake"], tmp_path / "rows.parquet")
    else:
        tables["lake"] = network("a", "bb")["lake"].to_reader(max_chunksize=1)
    assert snapshots.publish(tables, date(2024, 3, 1), "schema-1").id == one.id


def test_another_row_day_or_schema_is_another_snapshot(snapshots: Snapshots, one: Snapshot) -> None:
    others = [
        snapshots.publish(network("a", "bc"), date(2024, 3, 1), "schema-1"),
        snapshots.publish(network("a", "bb"), date(2024, 3, 2), "schema-1"),
        snapshots.publish(network("a", "bb"), date(2024, 3, 1), "schema-2"),
    ]
    assert len({one.id, *(s.id for s in others)}) == 4
    assert snapshots.ids() == [one.id, *(s.id for s in others)]


def test_a_network_that_comes_back_is_the_latest_again(snapshots: Snapshots, one: Snapshot) -> None:
    other = snapshots.publish(network("c"), date(2024, 3, 1), "schema-1")
    snapshots.publish(network("a", "bb"), date(2024, 3, 1), "schema-1")
    assert snapshots.ids() == [one.id, other.id, one.id]
    assert snapshots.latest().id == one.id
    assert snapshots.open(one.id[:6]).id == one.id


def test_publishing_changes_no_byte_of_an_earlier_snapshot(
    snapshots: Snapshots, one: Snapshot
) -> None:
    before = contents(one.folder)
    snapshots.publish(network("c"), date(2024, 3, 1), "schema-1")
    assert contents(one.folder) == before


def test_a_snapshot_is_found_by_the_first_digits_of_its_id(
    snapshots: Snapshots, one: Snapshot
) -> None:
    seen = [one.id]
    while len({i[0] for i in seen}) == len(seen):  # until two begin alike
        more = snapshots.publish(network(f"n{len(seen)}"), date(2024, 3, 1), "schema-1")
        seen.append(more.id)
    twice = seen[-1][0]
    with pytest.raises(NotFoundError, match="more than one snapshot begins with"):
        snapshots.open(twice)
    for snapshot_id in seen:
        assert snapshots.open(snapshot_id[:12]).id == snapshot_id
    for strange in ("", "zz", f"{one.id}0", "../snapshots", one.id.upper()[:3] + "Z"):
        with pytest.raises(NotFoundError, match="no snapshot"):
            snapshots.open(strange)


def test_an_empty_workspace_says_that_it_holds_no_network(snapshots: Snapshots) -> None:
    assert snapshots.ids() == []
    assert snapshots.all() == []
    with pytest.raises(NotFoundError, match="holds no network yet"):
        snapshots.latest()
    with pytest.raises(NotFoundError, match="holds no network yet"):
        snapshots.at(date(2024, 1, 1))


# --- as of a day


def test_the_network_of_a_day_is_the_newest_not_after_it(snapshots: Snapshots) -> None:
    made = {
        name: snapshots.publish(network(name), date.fromisoformat(day), "s")
        for name, day in [
            ("march", "2024-03-01"),
            ("january", "2024-01-01"),
            ("march, corrected", "2024-03-01"),
            ("june", "2024-06-01"),
            ("january, corrected", "2024-01-01"),
        ]
    }
    expected = {
        "2023-12-31": ("january, corrected", False),  # none before: the earliest after
        "2024-01-01": ("january, corrected", True),
        "2024-02-29": ("january, corrected", True),
        "2024-03-01": ("march, corrected", True),
        "2024-05-31": ("march, corrected", True),
        "2024-06-01": ("june", True),
        "2030-01-01": ("june", True),
    }
    for day, (name, exact) in expected.items():
        assert snapshots.at(date.fromisoformat(day)) == (made[name], exact), day


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 7))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_network_of_a_day_against_a_plain_search(
    tmp_path_factory: pytest.TempPathFactory, days: list[int], asked: int
) -> None:
    snapshots = Snapshots(tmp_path_factory.mktemp("w") / "snapshots")
    made = [
        snapshots.publish(network(f"n{i}"), date(2024, 1, day), "s") for i, day in enumerate(days)
    ]
    day = date(2024, 1, 1).replace(day=asked) if asked else date(2023, 12, 31)
    known = [s for s in made if s.as_of <= day]
    nearest = max(s.as_of for s in known) if known else min(s.as_of for s in made)
    last_made = [s for s in made if s.as_of == nearest][-1]
    assert snapshots.at(day) == (last_made, bool(known))


# --- a snapshot of another schema


def test_an_older_snapshot_is_read_with_todays_names(snapshots: Snapshots) -> None:
    old = {
        "lake": pa.table({"id": ["a"], "colour": ["blue"], "depth_m": pa.array([2], pa.int64())})
    }
    snapshot = snapshots.publish(old, date(2020, 1, 1), "schema-0")
    tables = snapshot.tables(DECLARED)
    assert tables["lake"].to_pylist() == [{"id": "a", "depth_m": 2.0, "seen_on": None}]
    assert tables["lake"].schema.types == LAKE.schema.types
    assert tables["hill"].num_rows == 0
    assert tables.query("SELECT seen_on, depth_m / 4 AS d FROM lake").to_pylist() == [
        {"seen_on": None, "d": 0.5}
    ]
    snapshot.verify()


def test_a_column_that_has_changed_its_type_is_read_as_todays(snapshots: Snapshots) -> None:
    old = {
        "lake": pa.table(
            {"id": ["a"], "depth_m": pa.array([2], pa.int64()), "seen_on": ["2020-01-31"]}
        )
    }
    tables = snapshots.publish(old, date(2020, 1, 1), "schema-0").tables(DECLARED)
    assert tables["lake"].schema.types == LAKE.schema.types
    assert tables["lake"].to_pylist() == [{"id": "a", "depth_m": 2.0, "seen_on": date(2020, 1, 31)}]


# --- tampering


@pytest.mark.parametrize("name", [MANIFEST, "lake.parquet", "hill.parquet"])
def test_one_flipped_bit_anywhere_is_found(one: Snapshot, name: str) -> None:
    file = one.folder / name
    sound = file.read_bytes()
    draw = np.random.default_rng(len(sound))
    for place in {0, len(sound) - 1, *draw.integers(0, len(sound), 40).tolist()}:
        damaged = bytearray(sound)
        damaged[place] ^= 1 << int(draw.integers(8))
        file.write_bytes(damaged)
        with pytest.raises(VerificationError):
            one.verify()
    file.write_bytes(sound)
    one.verify()


@pytest.mark.parametrize("name", [MANIFEST, "lake.parquet", "hill.parquet"])
@pytest.mark.parametrize("harm", ["gone", "empty", "longer", "shorter"])
def test_a_file_gone_or_of_another_length_is_found(one: Snapshot, name: str, harm: str) -> None:
    file = one.folder / name
    sound = file.read_bytes()
    file.unlink()
    if harm != "gone":
        changed = {"empty": b"", "longer": sound + b"\0", "shorter": sound[:-1]}
        file.write_bytes(changed[harm])
    with pytest.raises(VerificationError) as caught:
        one.verify()
    assert caught.value.where == str(file)


def test_a_table_in_anothers_place_is_found(snapshots: Snapshots, one: Snapshot) -> None:
    other = snapshots.publish(network("zz", "y"), date(2024, 3, 1), "schema-1")
    (one.folder / "lake.parquet").write_bytes((other.folder / "lake.parquet").read_bytes())
    with pytest.raises(VerificationError, match="table lake is not what was recorded"):
        one.verify()
    other.verify()


def test_a_manifest_made_to_fit_the_forged_table_is_found(one: Snapshot) -> None:
    """The name of the folder is the hash of the manifest, so both cannot be forged."""
    write_parquet(network("forged")["lake"], one.folder / "lake.parquet")
    manifest = json.loads((one.folder / MANIFEST).read_bytes())
    manifest["tables"]["lake"] = {
        "sha256": hash_of_file(one.folder / "lake.parquet"),
        "rows": 1,
    }
    (one.folder / MANIFEST).write_text(json.dumps(manifest, separators=(",", ":"), sort_keys=True))
    with pytest.raises(VerificationError, match="manifest"):
        read_snapshot(one.folder).verify()


def test_a_damaged_table_is_an_error_of_ours_when_read(one: Snapshot) -> None:
    (one.folder / "lake.parquet").write_bytes(b"nothing")
    with pytest.raises(VerificationError, match="lake"):
        one.tables(DECLARED)


def test_publishing_again_mends_a_damaged_snapshot(snapshots: Snapshots, one: Snapshot) -> None:
    sound = contents(snapshots.folder)
    (one.folder / "lake.parquet").write_bytes(b"nothing")
    (one.folder / "hill.parquet").unlink()
    snapshots.publish(network("a", "bb"), date(2024, 3, 1), "schema-1").verify()
    assert contents(snapshots.folder) == sound


def test_a_snapshot_whose_folder_is_gone_does_not_verify(
    snapshots: Snapshots, one: Snapshot
) -> None:
    one.folder.rename(snapshots.folder / "elsewhere")
    with pytest.raises(RingfenceError):
        snapshots.latest()
    with pytest.raises(VerificationError):
        one.verify()


# --- damaged lists


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["format", "as_of", "schema_version", "tables", "sha256", "rows"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_history_is_said_to_be_damaged(snapshots: Snapshots, content: bytes) -> None:
    snapshots.folder.mkdir(exist_ok=True)
    (snapshots.folder / "history.json").write_bytes(content)
    try:
        ids = snapshots.ids()
    except VerificationError:
        return
    # Nothing that is not a list of ids may pass for one.
    listed = json.loads(content)
    assert ids == listed
    assert all(len(i) == 16 and set(i) <= set("0123456789abcdef") for i in ids)


def _manifest(changes: Mapping[str, object]) -> bytes:
    sound = {"format": "ringfence/snapshot/1", "as_of": "2024-01-01", "schema_version": "s"}
    entry = {"sha256": "0" * 64, "rows": 1}
    return json.dumps({**sound, "tables": {"lake": entry}, **changes}).encode()


@given(
    st.binary(max_size=40)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(
        st.sampled_from(["format", "as_of", "schema_version", "tables"]), JSON, min_size=1
    ).map(_manifest)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_manifest_is_said_to_be_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    try:
        found = read_snapshot(tmp_path)
    except VerificationError:
        return
    # What is read has the types it promises, and does not lead out of its folder.
    assert isinstance(found.schema_version, str)
    for name, (digest, rows) in found.files.items():
        assert isinstance(digest, str)
        assert isinstance(rows, int)
        assert "/" not in name


def test_a_folder_without_a_manifest_is_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no snapshot there"):
        read_snapshot(tmp_path / "nowhere")


# --- one writer at a time


HOLD = """
import sys
from pathlib import Path
from ringfence.store.snapshot import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the workspace's lock until it is told or killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_until_the_first_is_gone(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    with (
        pytest.raises(UnavailableError, match="another command is writing") as caught,
        exclusive(tmp_path),
    ):
        pytest.fail("two writers at once")
    assert caught.value.exit_code == 69
    holder.kill()
    holder.wait()
    with exclusive(tmp_path):
        pass


def test_the_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path):
        raise ZeroDivisionError
    with exclusive(tmp_path):
        pass


def test_a_folder_that_cannot_be_locked_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(RingfenceError), exclusive(tmp_path / "nowhere"):
        pytest.fail("locked nothing")


LEAVE = """
import os, signal, sys
from pathlib import Path
from ringfence.store.snapshot import fresh_folder
open_still = [fresh_folder(Path(sys.argv[1]) / p) for p in ("snapshots", "cache/ab", "inputs")]
for folder in open_still:
    (folder.__enter__() / "half.parquet").write_bytes(b"half")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LEAVE, str(tmp_path)], check=False)
    assert len(contents(tmp_path)) == 3
    (tmp_path / "snapshots" / "kept.json").write_text("[]")
    with exclusive(tmp_path):
        assert list(contents(tmp_path)) == [".lock", "snapshots/kept.json"]


def test_a_writer_does_not_clear_what_a_question_is_still_writing(tmp_path: Path) -> None:
    """Answers are kept without the workspace's lock, so one may be half written beside a writer."""
    with fresh_folder(tmp_path / "cache" / "ab") as new:
        (new / "half.parquet").write_bytes(b"half")
        subprocess.run([sys.executable, "-c", HOLD, str(tmp_path)], input="", text=True, check=True)
        assert (new / "half.parquet").read_bytes() == b"half"
    assert not new.exists()


# --- writing whole or not at all


def test_a_folder_moved_into_place_is_on_the_disk_with_all_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a loss of power could leave the final name with files of no content."""
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def recorded_fsync(handle: int) -> None:
        done.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    def recorded_rename(old: Path, new: Path) -> Path:
        done.append(f"{old.name} becomes {new.name}")
        return rename(old, new)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "rename", recorded_rename)
    snapshot = Snapshots(tmp_path / "snapshots").publish(network("a"), date(2024, 1, 1), "s")
    moved = next(i for i, what in enumerate(done) if what.endswith(f"becomes {snapshot.id}"))
    new = done[moved].partition(" ")[0]
    assert {"lake.parquet", "hill.parquet", MANIFEST, new} <= set(done[:moved])
    assert "snapshots" in done[moved:]


def test_nothing_is_left_of_a_folder_that_was_given_up(tmp_path: Path) -> None:
    def give_up() -> None:
        with fresh_folder(tmp_path) as new:
            (new / "half").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_already_is_kept(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with fresh_folder(tmp_path) as new:
            (new / "file").write_text(content)
            move_into_place(new, tmp_path / "final")
    assert contents(tmp_path) == {"final/file": b"first"}


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "history.json"
    replace(file, b"[1]")
    replace(file, b"[1,2]")
    assert contents(tmp_path) == {"history.json": b"[1,2]"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("a small disk can be made by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _noise(rows: int) -> pa.Table:
    draw = np.random.default_rng(7)
    return LAKE.from_rows({"id": draw.bytes(32).hex()} for _ in range(rows))


def test_a_full_disk_is_said_and_leaves_all_as_before(small_disk: Path) -> None:
    snapshots = Snapshots(small_disk / "snapshots")
    first = snapshots.publish(network("a"), date(2024, 1, 1), "s")
    before = contents(small_disk)
    with pytest.raises(RingfenceError, match="could not write: No space left on device") as caught:
        snapshots.publish({"lake": _noise(40_000)}, date(2024, 1, 2), "s")
    assert "free some space" in str(caught.value.hint)
    assert contents(small_disk) == before
    assert snapshots.latest() == first
    first.verify()
    # And with room again, it goes on.
    assert snapshots.publish({"lake": _noise(100)}, date(2024, 1, 2), "s").id != first.id


def test_a_disk_that_is_full_to_the_last_byte_cannot_lose_the_history(small_disk: Path) -> None:
    snapshots = Snapshots(small_disk / "snapshots")
    first = snapshots.publish(network("a"), date(2024, 1, 1), "s")
    with (small_disk / "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"\0" * 512)
        except OSError:
            pass
    with pytest.raises(RingfenceError, match="could not write"):
        replace(snapshots.folder / "history.json", b"[" + b" " * 9000 + b"]")
    assert snapshots.ids() == [first.id]


LIMITED = """
import resource, signal, sys
from datetime import date
from pathlib import Path
from ringfence.errors import RingfenceError
from ringfence.store.snapshot import Snapshots
import pyarrow as pa
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
rows = pa.table({"id": [str(hash((i, "x"))) for i in range(20000)]})
try:
    Snapshots(Path(sys.argv[1])).publish({"lake": rows}, date(2024, 1, 2), "s")
except RingfenceError as error:
    print(error.message)
"""


@pytest.mark.parametrize("limit", [0, 100, 5000])
def test_a_file_that_may_not_grow_is_said_and_leaves_all_as_before(
    snapshots: Snapshots, one: Snapshot, limit: int
) -> None:
    before = contents(snapshots.folder)
    done = subprocess.run(
        [sys.executable, "-c", dedent(LIMITED), str(snapshots.folder), str(limit)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "could not write: File too large\n"
    assert contents(snapshots.folder) == before
    assert snapshots.latest() == one


def test_a_table_with_rows_no_file_can_hold_leaves_nothing(snapshots: Snapshots) -> None:
    """An error of the rows themselves passes through, and the half-written folder goes."""

    def broken() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"id": ["a"]})
        raise ZeroDivisionError

    reader = pa.RecordBatchReader.from_batches(pa.schema({"id": pa.string()}), broken())
    with pytest.raises(ZeroDivisionError):
        snapshots.publish({"lake": reader}, date(2024, 1, 1), "s")
    assert contents(snapshots.folder) == {}
