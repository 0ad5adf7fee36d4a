"""From files to a network: what each file gives is kept by the hash of the file and its reader.

What was read from a file is its part: a folder with its tables, its rejects and a record of what
they were read from. Reading the same file again with the same reader takes the part that is there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from ringfence.errors import (
    InputError,
    RingfenceError,
    SourceError,
    TimeLimitError,
    UnavailableError,
)
from ringfence.network import merge as merging
from ringfence.network.model import FINDING, NETWORK_TABLES, REJECT
from ringfence.provenance.step import Answer, Step, code_hash
from ringfence.sources.base import (
    Gathered,
    Options,
    Source,
    gather,
    recognise,
    source_of_kind,
)
from ringfence.store.duck import Tables, hash_of_file, write_parquet
from ringfence.store.snapshot import (
    canonical,
    clear_away,
    flush_all,
    fresh_folder,
    move_into_place,
)
from ringfence.store.tables import Column, Table, Type

RECORD = "record.json"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not read, and why."""

    file: str
    reason: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class ToRead:
    """One file to read, for a process of the pool."""

    path: Path
    name: str
    kind: str | None
    prefix: str | None
    mapping: Path | None
    inputs: Path
    left_alone: str | None = None


@dataclass(frozen=True, slots=True)
class WasRead:
    """A file read, as its part's record tells; or refused."""

    name: str
    part: str | None = None
    kind: str | None = None
    sha256: str | None = None
    rows_read: int = 0
    rows_kept: int = 0
    rows_rejected: int = 0
    refusal: Refusal | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class MergeParameters:
    """Nothing but the parts is asked for."""


CONTRADICTION = Table(
    "contradiction",
    "a row refused because its file had said otherwise before",
    ("part", "table", "place"),
    (
        Column("part", Type.INTEGER, "The file's number among those laid together", required=True),
        Column("table", Type.TEXT, "The table", required=True),
        Column("place", Type.TEXT, "Where the row was read from", required=True),
        Column("reason", Type.TEXT, "Why", required=True),
    ),
)


def merge_step(names: tuple[str, ...], parts: int) -> Step[MergeParameters]:
    """Laying so many parts together, as a step: what it reads depends on the files."""

    def lay_together(tables: Tables, _: MergeParameters) -> Answer:
        of_part = [
            Tables({n.partition("/")[2]: tables.member(n) for n in tables if n.startswith(f"{i}/")})
            for i in range(parts)
        ]
        merged = merging.merge(of_part)
        refused = CONTRADICTION.from_rows(
            {"part": c.part, "table": c.table, "place": c.place, "reason": c.reason}
            for c in merged.contradictions
        )
        return {**merged.tables, "finding": merged.findings, "contradiction": refused}

    writes = (*(t.name for t in NETWORK_TABLES), FINDING.name, CONTRADICTION.name)
    return Step("network.merge", names, writes, 1, lay_together)


@dataclass(frozen=True, slots=True)
class Part:
    """What was read from a file: its tables, and how many records they were."""

    tables: Tables
    rows_read: int
    rows_kept: int
    rows_rejected: int


def part_in(inputs: Path, key: str) -> Part | None:
    """The part of that key; None unless every byte of it is as it was written."""
    folder = inputs / key
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=dict[str, Any])
        seal = record.pop("seal")
        if seal != _seal(record) or record["key"] != key:
            return None
        hashes: dict[str, str] = record["tables"]
        files = {name: folder / f"{name}.parquet" for name in hashes}
        if any(hash_of_file(file) != hashes[name] for name, file in files.items()):
            return None
    except (OSError, ValueError, KeyError):
        return None
    counts = (record["rows_read"], record["rows_kept"], record["rows_rejected"])
    return Part(Tables(files, hashes), *counts)


def _seal(record: Mapping[str, object]) -> str:
    return sha256(canonical(record)).hexdigest()


def read_file(what: ToRead) -> WasRead:
    """Read one file into its part, or take the part that is there already.

    A file that cannot be read is refused; that its part cannot be written raises.
    """
    if what.left_alone:
        return WasRead(what.name, refusal=Refusal(what.name, what.left_alone, None))
    try:
        source = _source_of(what)
        content = hash_of_file(what.path)
        request = {
            "file": what.name,
            "sha256": content,
            "kind": source.kind,
            "version": source.version,
            "prefix": what.prefix,
            "mapping": hash_of_file(what.mapping) if what.mapping else None,
            "code": code_hash(),
        }
        key = sha256(canonical(request)).hexdigest()
        part = part_in(what.inputs, key)
        if part is None:
            options = Options(prefix=what.prefix, origin=what.name, mapping=what.mapping)
            gathered = gather(source, what.path, options)
    except (InputError, UnavailableError, TimeLimitError) as error:
        return WasRead(what.name, refusal=Refusal(what.name, error.message, error.hint))
    except OSError as error:
        reason = f"cannot be opened: {error.strerror}"
        return WasRead(what.name, refusal=Refusal(what.name, reason, None))
    if part is None:
        part = _keep(what.inputs, {**request, "key": key}, gathered)
    return WasRead(
        what.name, key, source.kind, content, part.rows_read, part.rows_kept, part.rows_rejected
    )


def _source_of(what: ToRead) -> Source:
    if what.kind:
        return source_of_kind(what.kind)
    claims = recognise(what.path)
    if not claims:
        raise SourceError(
            "no source knows this kind of file",
            hint="see what can be read: ringfence sources list",
        )
    return claims[0][0]


def _keep(inputs: Path, request: Mapping[str, object], gathered: Gathered) -> Part:
    """Write what a file gave, in place of what may lie there damaged."""
    final = inputs / str(request["key"])
    with fresh_folder(inputs) as new:
        hashes = {}
        for name, rows in {**gathered.tables, "reject": gathered.rejects}.items():
            write_parquet(rows, new / f"{name}.parquet")
            hashes[name] = hash_of_file(new / f"{name}.parquet")
        record = {
            **request,
            "tables": hashes,
            "rows_read": gathered.rows_read,
            "rows_kept": gathered.rows_kept,
            "rows_rejected": gathered.rows_rejected,
        }
        (new / RECORD).write_bytes(canonical({**record, "seal": _seal(record)}))
        flush_all(new)
        if final.exists() and part_in(inputs, final.name) is None:
            clear_away(final)
        move_into_place(new, final)
    part = part_in(inputs, final.name)
    if part is None:
        raise RingfenceError("what was read cannot be read back", where=str(final))
    return part


def with_refused(part: Part, file: str, refused: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rejects of a part with the rows refused when the files were laid together.

    A record is one reject, however many of its rows were at fault and whenever that was found.
    """
    rejects = part.tables["reject"].to_pylist()
    at = {r["place"]: r for r in rejects if r["place"] and r["rows"] == 1}
    for row in refused:
        known = at.get(row["place"])
        if known is not None:
            known["reason"] = f"{known['reason']}; {row['reason']}"
            continue
        new = {**row, "file": file, "kind": "fault", "rows": 1}
        rejects.append(new)
        if row["place"]:
            at[row["place"]] = new
    return REJECT.from_rows(rejects)


def files_below(path: Path) -> Iterable[tuple[Path, str, str | None]]:
    """The files to read with the names they go by: a file itself, or all below a folder.

    The third is why one is left alone, or None: a hidden file or folder, a link that leads out of
    the folder or to a folder.
    """
    if path.is_file():
        yield path, path.name, None
        return
    root = path.resolve()
    hidden: set[Path] = set()
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        name = f"{root.name}/{inside.as_posix()}"
        depth = next((i for i, part in enumerate(inside.parts, 1) if part.startswith(".")), None)
        if depth is not None:
            # A hidden folder may hold thousands of files, and is told of once.
            top = Path(*inside.parts[:depth])
            if top not in hidden:
                hidden.add(top)
                yield path / top, f"{root.name}/{top.as_posix()}", "hidden, and left alone"
        elif file.is_symlink() and (file.is_dir() or not file.resolve().is_relative_to(root)):
            yield file, name, "a link that leads out of the folder, and is not followed"
        elif file.is_file():
            yield file, name, None
        elif not file.is_dir():
            yield file, name, "no plain file"
