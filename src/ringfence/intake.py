"""From files to a network: what each file gives is kept by the hash of the file and its reader.

What was read from a file, or from files that make sense only together, is a part: a folder with
its tables, its rejects and a record of what they were read from. Reading the same again with the
same reader takes the part that is there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from ringfence.errors import (
    InputError,
    NotFoundError,
    RingfenceError,
    TimeLimitError,
    UnavailableError,
    UsageError,
)
from ringfence.network import merge as merging
from ringfence.network.linking import read_as
from ringfence.network.model import FINDING, NETWORK_TABLES, REJECT
from ringfence.provenance.step import Answer, Step, code_hash
from ringfence.sources.base import (
    Counts,
    Gathered,
    Options,
    Source,
    SourceOfMany,
    file_of_place,
    gather,
    gather_together,
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
NONE = Counts(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not read, and why."""

    file: str
    reason: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read: where it is, the name it goes by, and the name of the path it lies below.

    `left_alone` is why it is not to be read.
    """

    path: Path
    name: str
    below: str
    kind: str | None = None
    left_alone: str | None = None


@dataclass(frozen=True, slots=True)
class ToRead:
    """A file to read, or files to read together, for a process of the pool."""

    files: tuple[Found, ...]
    kind: str
    prefix: str | None
    mapping: Path | None
    inputs: Path

    @property
    def names(self) -> tuple[str, ...]:
        """The names the files go by."""
        return tuple(f.name for f in self.files)


@dataclass(frozen=True, slots=True)
class WasRead:
    """A file read, as its part's record tells; or refused."""

    name: str
    part: str | None = None
    kind: str | None = None
    sha256: str | None = None
    counts: Counts = NONE
    refusal: Refusal | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class MergeParameters:
    """The links to apply, as `table`, `kept`, `joined`; see `network.linking`."""

    links: tuple[tuple[str, str, str], ...] = ()


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

    def lay_together(tables: Tables, parameters: MergeParameters) -> Answer:
        of_part = [
            Tables({n.partition("/")[2]: tables.member(n) for n in tables if n.startswith(f"{i}/")})
            for i in range(parts)
        ]
        named = (
            dict(zip(("table", "kept", "joined"), link, strict=True)) for link in parameters.links
        )
        merged = merging.merge(of_part, read_as(named))
        refused = CONTRADICTION.from_rows(
            {"part": c.part, "table": c.table, "place": c.place, "reason": c.reason}
            for c in merged.contradictions
        )
        return {**merged.tables, "finding": merged.findings, "contradiction": refused}

    writes = (*(t.name for t in NETWORK_TABLES), FINDING.name, CONTRADICTION.name)
    return Step("network.merge", names, writes, 2, lay_together)


@dataclass(frozen=True, slots=True)
class Part:
    """What was read: its tables, and of each file by its name how many records it held."""

    tables: Tables
    files: Mapping[str, Counts]


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
        counts = {name: Counts(**counted) for name, counted in record["counts"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Part(Tables(files, hashes), counts)


def _seal(record: Mapping[str, object]) -> str:
    return sha256(canonical(record)).hexdigest()


def identify(found: Found) -> Found | WasRead:
    """Say what kind of file it is, by its content; or that it is refused."""
    if found.left_alone:
        return WasRead(found.name, refusal=Refusal(found.name, found.left_alone, None))
    try:
        if found.kind is not None:
            return replace(found, kind=source_of_kind(found.kind).kind)
        claims = recognise(found.path)
    except (InputError, UnavailableError) as error:
        return WasRead(found.name, refusal=Refusal(found.name, error.message, error.hint))
    except OSError as error:
        return WasRead(found.name, refusal=_not_opened(found.name, error))
    if not claims:
        hint = "see what can be read: ringfence sources list"
        refusal = Refusal(found.name, "no source knows this kind of file", hint)
        return WasRead(found.name, refusal=refusal)
    return replace(found, kind=claims[0][0].kind)


def readings(
    found: Iterable[Found],
    inputs: Path,
    prefix: str | None,
    mapping_of: Callable[[str], Path | None],
) -> list[ToRead]:
    """What to read at once: each file by itself, or those of one kind that belong together."""
    together: dict[tuple[str, str], list[Found]] = {}
    listed: list[ToRead] = []
    for file in found:
        kind = str(file.kind)
        if isinstance(source_of_kind(kind), SourceOfMany):
            together.setdefault((file.below, kind), []).append(file)
        else:
            listed.append(ToRead((file,), kind, prefix, mapping_of(file.name), inputs))
    for (_, kind), files in together.items():
        listed.append(ToRead(tuple(files), kind, prefix, None, inputs))
    return listed


def read_files(what: ToRead) -> list[WasRead]:
    """Read a file, or files together, into a part, or take the part that is there already.

    Files that cannot be read are refused; that their part cannot be written raises.
    """
    try:
        source = source_of_kind(what.kind)
        content = {f.name: hash_of_file(f.path) for f in what.files}
        below = what.files[0].below if isinstance(source, SourceOfMany) else None
        request = {
            "files": content,
            "below": below,
            "kind": source.kind,
            "version": source.version,
            "prefix": what.prefix,
            "mapping": hash_of_file(what.mapping) if what.mapping else None,
            "code": code_hash(),
        }
        key = sha256(canonical(request)).hexdigest()
        part = part_in(what.inputs, key)
        if part is None:
            gathered = _gathered(source, what)
    except (InputError, UnavailableError, TimeLimitError) as error:
        refusals = [Refusal(name, error.message, error.hint) for name in what.names]
        return [WasRead(r.file, refusal=r) for r in refusals]
    except OSError as error:
        return [WasRead(name, refusal=_not_opened(name, error)) for name in what.names]
    if part is None:
        part = _keep(what.inputs, {**request, "key": key}, gathered)
    return [WasRead(name, key, source.kind, content[name], part.files[name]) for name in what.names]


def _gathered(source: Source, what: ToRead) -> Gathered:
    if isinstance(source, SourceOfMany):
        options = Options(prefix=what.prefix, origin=what.files[0].below)
        return gather_together(source, {f.name: f.path for f in what.files}, options)
    (file,) = what.files
    options = Options(prefix=what.prefix, origin=file.name, mapping=what.mapping)
    return gather(source, file.path, options)


def _not_opened(name: str, error: OSError) -> Refusal:
    return Refusal(name, f"cannot be opened: {error.strerror}", None)


def _keep(inputs: Path, request: Mapping[str, object], gathered: Gathered) -> Part:
    """Write what a file gave, in place of what may lie there damaged."""
    final = inputs / str(request["key"])
    with fresh_folder(inputs) as new:
        hashes = {}
        for name, rows in {**gathered.tables, "reject": gathered.rejects}.items():
            write_parquet(rows, new / f"{name}.parquet")
            hashes[name] = hash_of_file(new / f"{name}.parquet")
        counts = {name: asdict(counted) for name, counted in gathered.files.items()}
        record = {**request, "tables": hashes, "counts": counts}
        (new / RECORD).write_bytes(canonical({**record, "seal": _seal(record)}))
        flush_all(new)
        if final.exists() and part_in(inputs, final.name) is None:
            clear_away(final)
        move_into_place(new, final)
    part = part_in(inputs, final.name)
    if part is None:
        raise RingfenceError("what was read cannot be read back", where=str(final))
    return part


Row = dict[str, object]
"""A row of `source_file`."""


def files_after(
    before: Sequence[Row], read: Sequence[WasRead], as_of: date, without: Sequence[str]
) -> list[Row]:
    """The rows of `source_file` once files are read: those that stay, and those read now.

    What a file said before stays while it cannot be read: one broken since must not empty the
    network. Of files that were read together all stays then, or half a cluster would be judged.
    """
    now = _left_in(before, without)
    stay: dict[object, str] = {}
    for was in read:
        part = now[was.name]["part"] if was.name in now else None
        if was.refusal and part:
            stay.setdefault(part, f"{was.name} could not be read again: {was.refusal.reason}")
    staying = {name for name, row in now.items() if row["part"] in stay}
    for name in staying:
        now[name] |= {"note": stay[now[name]["part"]]}
    read_anew = {now[was.name]["part"] for was in read if was.part and was.name in now} - set(stay)
    now = {
        name: row for name, row in now.items() if not row["part"] or row["part"] not in read_anew
    }
    not_taken = {was.part for was in read if was.part and was.name in staying}
    for was in read:
        if was.name not in staying:
            now[was.name] = _row(was, as_of, taken=was.part not in not_taken)
    return list(now.values())


def _left_in(before: Sequence[Row], without: Sequence[str]) -> dict[str, Row]:
    """The files that are part of the network, but for those to be left out."""
    known = {str(row["file"]): dict(row) for row in before}
    if strange := sorted(set(without) - set(known)):
        raise NotFoundError(
            f"{', '.join(strange)} is not part of the network",
            hint=f"its files: {', '.join(sorted(known)) or 'none'}",
        )
    left = {name: row for name, row in known.items() if name not in set(without)}
    parts = {row["part"] for row in left.values() if row["part"]}
    if halved := sorted(name for name in without if known[name]["part"] in parts):
        raise UsageError(
            f"{', '.join(halved)} was read together with other files, and cannot be left out alone",
            hint="read its folder again without the file",
        )
    return left


def _row(was: WasRead, as_of: date, *, taken: bool) -> Row:
    if not taken:
        was = WasRead(was.name, note="not taken: a file that it belongs with could not be read")
    return {
        "file": was.name,
        "part": was.part,
        "kind": was.kind,
        "sha256": was.sha256,
        "as_of": as_of,
        "rows_read": was.counts.rows_read,
        "rows_kept": was.counts.rows_kept,
        "rows_rejected": was.counts.rows_rejected,
        "note": was.refusal.reason if was.refusal else was.note,
    }


def with_refused(part: Part, refused: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rejects of a part with the rows refused when the parts were laid together.

    A record is one reject, however many of its rows were at fault and whenever that was found.
    """
    rejects = part.tables["reject"].to_pylist()
    at = {r["place"]: r for r in rejects if r["place"] and r["rows"] == 1}
    for row in refused:
        known = at.get(row["place"])
        if known is not None:
            known["reason"] = f"{known['reason']}; {row['reason']}"
            continue
        file = file_of_place(tuple(part.files), row["place"])
        new = {**row, "file": file, "kind": "fault", "rows": 1}
        rejects.append(new)
        if row["place"]:
            at[row["place"]] = new
    return REJECT.from_rows(rejects)


def files_below(path: Path, kind: str | None) -> Iterator[Found]:
    """The files to read with the names they go by: a file itself, or all below a folder.

    Left alone are hidden files and folders, and links that lead out of the folder or to a folder.
    Files that are named one by one lie below the folder they are in.
    """
    if path.is_file():
        yield Found(path, path.name, path.resolve().parent.name, kind)
        return
    root = path.resolve()

    def below(file: Path, name: str, why: str | None = None) -> Found:
        return Found(file, name, root.name, kind, why)

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
                yield below(path / top, f"{root.name}/{top.as_posix()}", "hidden, and left alone")
        elif file.is_symlink() and (file.is_dir() or not file.resolve().is_relative_to(root)):
            yield below(file, name, "a link that leads out of the folder, and is not followed")
        elif file.is_file():
            yield below(file, name)
        elif not file.is_dir():
            yield below(file, name, "no plain file")
