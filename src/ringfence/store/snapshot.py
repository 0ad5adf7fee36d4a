"""A network as of a date: immutable Parquet tables and a manifest that proves them.

A snapshot's name is the hash of its manifest, and the manifest holds the hash of each table, so a
name fixes every byte. It is written beside and moved into place in one rename, and only then
entered in the history, itself replaced in one rename: a kill at any moment leaves the workspace
as it was before or as it is after.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ringfence.errors import NotFoundError, RingfenceError, UnavailableError, VerificationError
from ringfence.store.duck import Tables, hash_of_file, reading, write_parquet
from ringfence.store.tables import Table

MANIFEST = "manifest.json"
FORMAT = "ringfence/snapshot/1"

_Id = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
# A table's name is a file's name: it must not lead out of the snapshot's folder.
_Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z_]+\Z")]


class _Entry(msgspec.Struct, frozen=True):
    """What a manifest says of one table."""

    sha256: str
    rows: int


class _Manifest(msgspec.Struct, frozen=True):
    """What a manifest says."""

    format: str
    schema_version: str
    as_of: date
    tables: dict[_Name, _Entry]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One immutable state of a network."""

    id: str
    as_of: date
    folder: Path
    schema_version: str
    files: Mapping[str, tuple[str, int]]
    """Of each table its sha256 and its number of rows."""

    def tables(self, declared: Mapping[str, Table]) -> Tables:
        """The snapshot's tables, laid onto `declared`.

        A table or column the snapshot was written without (an older schema) is there, empty or
        null; so a snapshot of any age is read with today's names and types. Raises
        `VerificationError` where a file cannot be read.
        """
        members: dict[str, pa.Table | Path] = {}
        hashes = {}
        for name, table in declared.items():
            if name not in self.files:
                members[name] = table.empty()
                continue
            file = self.folder / f"{name}.parquet"
            with reading(name, file):
                written = pq.read_schema(file)
            if tuple(written.names) == table.names and written.types == table.schema.types:
                members[name] = file
                hashes[name] = self.files[name][0]
            else:
                members[name] = table.conform(Tables({name: file})[name])
        return Tables(members, hashes)

    def verify(self) -> None:
        """Raise `VerificationError` unless every byte is what the manifest says."""
        file = self.folder / MANIFEST
        if not file.exists() or name_of(file.read_bytes()) != self.id:
            raise VerificationError(
                "the manifest is not what was recorded",
                where=str(file),
                hint="restore the snapshot from a copy, or ingest again",
            )
        for name, (expected, _) in self.files.items():
            file = self.folder / f"{name}.parquet"
            if not file.exists() or hash_of_file(file) != expected:
                raise VerificationError(
                    f"table {name} is not what was recorded",
                    where=str(file),
                    hint="restore the snapshot from a copy, or ingest again",
                )


def _link_or_copy(source: Path, target: Path) -> None:
    """Both are immutable, so two names for one file save the disk where it allows them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def name_of(manifest: bytes) -> str:
    """A snapshot's id: the first 16 hex digits of its manifest's sha256."""
    return sha256(manifest).hexdigest()[:16]


class Snapshots:
    """The snapshots of a workspace, oldest first, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._history = folder / "history.json"

    def ids(self) -> list[str]:
        """Every snapshot's id, in the order they were made."""
        if not self._history.exists():
            return []
        try:
            return list(msgspec.json.decode(self._history.read_bytes(), type=list[_Id]))
        except (OSError, ValueError) as error:
            raise VerificationError(
                "the list of snapshots is damaged", where=str(self._history)
            ) from error

    def open(self, snapshot_id: str) -> Snapshot:
        """The snapshot whose id is, or begins with, `snapshot_id`."""
        ids = self.ids()
        matches = [i for i in ids if i.startswith(snapshot_id)] if snapshot_id else []
        if len(set(matches)) != 1:
            problem = "no snapshot" if not matches else "more than one snapshot begins with"
            raise NotFoundError(
                f"{problem} {snapshot_id!r}",
                where=str(self.folder),
                hint="the snapshots: ringfence show --snapshots",
            )
        return read_snapshot(self.folder / matches[0])

    def all(self) -> list[Snapshot]:
        """Every snapshot, in the order they were made."""
        return [read_snapshot(self.folder / i) for i in self.ids()]

    def latest(self) -> Snapshot:
        """The snapshot made last."""
        ids = self.ids()
        if not ids:
            raise NotFoundError(
                "the workspace holds no network yet",
                where=str(self.folder.parent),
                hint="read one: ringfence ingest PATH...",
            )
        return read_snapshot(self.folder / ids[-1])

    def at(self, day: date) -> tuple[Snapshot, bool]:
        """The network nearest to a day, and whether it speaks of that day or one before it.

        That is the newest snapshot as of `day` or earlier (the one made last where several are
        as of the same date); where there is none, the earliest after it, with False.
        """
        self.latest()
        indexed = list(enumerate(self.all()))
        before = [(s.as_of, i, s) for i, s in indexed if s.as_of <= day]
        if before:
            return max(before, key=lambda t: t[:2])[2], True
        return min(((s.as_of, -i, s) for i, s in indexed), key=lambda t: t[:2])[2], False

    def publish(
        self,
        tables: Mapping[str, pa.Table | pa.RecordBatchReader | Path],
        as_of: date,
        schema_version: str,
    ) -> Snapshot:
        """Write a snapshot and make it the latest. The caller holds the workspace's lock."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with fresh_folder(self.folder) as new:
            entries = {}
            for name in sorted(tables):
                data = tables[name]
                file = new / f"{name}.parquet"
                if isinstance(data, Path):
                    _link_or_copy(data, file)
                    rows = pq.read_metadata(file).num_rows
                else:
                    rows = write_parquet(data, file)
                entries[name] = {"sha256": hash_of_file(file), "rows": rows}
            manifest = canonical(
                {
                    "format": FORMAT,
                    "schema_version": schema_version,
                    "as_of": as_of.isoformat(),
                    "tables": entries,
                }
            )
            (new / MANIFEST).write_bytes(manifest)
            flush_all(new)
            final = self.folder / name_of(manifest)
            if final.exists() and not _is_sound(final):
                clear_away(final)
            move_into_place(new, final)
        ids = self.ids()
        if not ids or ids[-1] != final.name:
            replace(self._history, canonical([*ids, final.name]))
        return read_snapshot(final)


def read_snapshot(folder: Path) -> Snapshot:
    """The snapshot in `folder`, by its manifest."""
    file = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=_Manifest)
    except FileNotFoundError:
        raise NotFoundError("no snapshot there", where=str(folder)) from None
    except (OSError, ValueError) as error:
        raise VerificationError("the manifest is damaged", where=str(file)) from error
    if manifest.format != FORMAT:
        raise VerificationError(f"format {manifest.format!r} is not known", where=str(file))
    return Snapshot(
        folder.name,
        manifest.as_of,
        folder,
        manifest.schema_version,
        {name: (entry.sha256, entry.rows) for name, entry in manifest.tables.items()},
    )


def _is_sound(folder: Path) -> bool:
    try:
        read_snapshot(folder).verify()
    except RingfenceError:
        return False
    return True


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces: one value, one spelling."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@contextmanager
def fresh_folder(parent: Path) -> Iterator[Path]:
    """A folder to write into beside its final place; what is left of it is removed.

    Raises `RingfenceError` where it cannot be made or the disk is full.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        new, lock = _locked_folder(parent)
    except OSError as error:
        raise _could_not_write(error, parent) from error
    try:
        yield new
    except OSError as error:
        raise _could_not_write(error, parent) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
        os.close(lock)


def _locked_folder(parent: Path) -> tuple[Path, int]:
    """A new folder, and a lock on it that tells `exclusive` it is being written."""
    while True:
        new = Path(mkdtemp(prefix=".new-", dir=parent))
        with suppress(FileNotFoundError):  # cleared away before it was locked
            lock = os.open(new, os.O_RDONLY)
            with suppress(OSError):  # a file system without locks: nothing is cleared away there
                fcntl.flock(lock, fcntl.LOCK_EX)
            if new.exists():
                return new, lock
            os.close(lock)


def _could_not_write(error: OSError, where: Path) -> RingfenceError:
    why = os.strerror(error.errno) if error.errno else str(error)
    return RingfenceError(
        f"could not write: {why}",
        where=str(where),
        hint="free some space or check the permissions, then run the command again",
    )


def move_into_place(new: Path, final: Path) -> None:
    """Rename a written folder to its final name; where that is there already, keep it.

    What is moved is on the disk first, lest a loss of power leave a name without its content. The
    caller has flushed the files in it.
    """
    if final.exists():
        return
    flush(new)
    new.chmod(0o755)
    try:
        new.rename(final)
    except OSError:
        if not final.exists():  # else another was quicker, with the same bytes
            raise
    flush(final.parent)


def clear_away(damaged: Path) -> None:
    """Take a folder out of its place in one rename, then remove it."""
    with fresh_folder(damaged.parent) as old:
        damaged.rename(old / damaged.name)


def replace(file: Path, content: bytes) -> None:
    """Replace a file's content in one step; raise `RingfenceError` where the disk is full."""
    new = file.with_name(f".{file.name}.new")
    try:
        new.write_bytes(content)
        flush(new)
        new.replace(file)
        flush(file.parent)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise _could_not_write(error, file) from error


def flush(path: Path) -> None:
    """Force a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_all(folder: Path) -> None:
    """Force every file of a folder to the disk; together, for each waits on the disk alone."""
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(flush, sorted(folder.iterdir())):
            pass


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` against other writers; clear away what a killed one left.

    The lock is the kernel's, so it ends with the process, however that ends.
    """
    try:
        handle = (folder / ".lock").open("w")
    except OSError as error:
        raise UnavailableError(
            f"the workspace cannot be written to: {error.strerror}",
            where=str(folder),
            hint="check that the folder is there and its permissions",
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UnavailableError(
                "another command is writing to this workspace",
                where=str(folder),
                hint="wait for it to end, then run this again",
            ) from None
        for leftover in sorted({*folder.glob("*/.new-*"), *folder.glob("*/*/.new-*")}):
            _clear_leftover(leftover)
        yield


def _clear_leftover(folder: Path) -> None:
    """Remove what a killed process left, but not what another is writing at this moment."""
    with suppress(OSError):
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
