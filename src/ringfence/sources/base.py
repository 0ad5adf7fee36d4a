"""What every source is: it claims files by their content and reads them to rows and rejects.

A source is a faithful copy of what the operator said. It does not resolve vendors, does not guess
functions, and drops nothing: each record of the file either becomes rows or is counted in a
`Reject`. `gather` checks that sum for every source, so no reader can lose a row quietly.

Sources are found through the entry-point group `ringfence.sources`, the built-in ones too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.errors import NotFoundError, SourceError, UnavailableError
from ringfence.network.model import REJECT, TABLES

HEAD_BYTES = 64 * 1024
"""How much of a file `claims` may look at: deciding what a file is must be cheap."""

CONTENT_CHARACTERS = 200
"""A reject quotes this much of the record."""


@dataclass(frozen=True, slots=True)
class Claim:
    """How sure a source is that a file is its own, 0 to 1, and why, in words."""

    sureness: float
    because: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one network table; columns it does not name are null."""

    table: str
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class Reject:
    """A record, or `rows` records alike, that became no row.

    `kind` is "fault" where the record is wrong, "set aside" where it is sound but the model has
    no place for it.
    """

    place: str
    reason: str
    table: str | None = None
    kind: str = "fault"
    rows: int = 1
    content: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """So many records of the file have been looked at, of which `kept` became rows.

    `file`, here and in a `Reject`, is the name of the file meant where several are read together;
    null where there is but one.
    """

    records: int
    kept: int
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may say about a read.

    `prefix` goes before native keys (`netbox:812`); each source has its own default. `origin` is
    the file's name as it is to appear in `origin`. `mapping` is a saved mapping file, for table
    files only.
    """

    prefix: str | None = None
    origin: str | None = None
    mapping: Path | None = None


class Source(Protocol):
    """One format. `kind` is its name on the command line."""

    kind: str
    describes: str
    version: int

    def claims(self, path: Path, head: bytes) -> Claim:
        """Say whether `path` is of this kind from its first `HEAD_BYTES` bytes; never raise."""
        ...

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield rows, rejects and counts; raise `SourceError` if the file is not of this kind.

        The sum of `Read.records` must equal the sum of `Read.kept` plus that of `Reject.rows`.
        """
        ...


@runtime_checkable
class SourceOfMany(Source, Protocol):
    """A format whose files make sense only together, as the manifests of one cluster do.

    All files of its kind below one path that a person named are given to `read_together` at once.
    Such a source's `read` is `read_together` of the one file.
    """

    def read_together(
        self, files: Mapping[str, Path], options: Options
    ) -> Iterator[Batch | Reject | Read]:
        """Yield as `read` does, with `file` stated; the keys are the files' names in `origin`.

        A file that cannot be read at all is a `Reject` of one record (and a `Read` of it), so that
        one broken file does not lose the others. `options.origin` is the name of the path that
        was named, for keys of things that a file does not name (a cluster).
        """
        ...


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records a file held, and how many of them became rows."""

    rows_read: int
    rows_kept: int
    rows_rejected: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a file, or files read together, gave; `files` counts each by its name."""

    tables: dict[str, pa.Table]
    rejects: pa.Table
    files: dict[str, Counts]

    @property
    def rows_read(self) -> int:
        """The records of all files."""
        return sum(f.rows_read for f in self.files.values())

    @property
    def rows_kept(self) -> int:
        """The records of all files that became rows."""
        return sum(f.rows_kept for f in self.files.values())

    @property
    def rows_rejected(self) -> int:
        """The records of all files that became none."""
        return sum(f.rows_rejected for f in self.files.values())


def gather(source: Source, path: Path, options: Options) -> Gathered:
    """Read a file whole, check each row against its table's declaration, and check the sum.

    A row that breaks its declaration (a value outside its list or range, a key not stated)
    becomes a reject here, so that each source need not check. Raises `SourceError` where the
    file is not of the source's kind or the source lost count.
    """
    name = options.origin or path.name
    return _gathered(source, source.read(path, options), (name,))


def gather_together(source: SourceOfMany, files: Mapping[str, Path], options: Options) -> Gathered:
    """Read files that make sense only together, with the checks of `gather`."""
    return _gathered(source, source.read_together(files, options), tuple(files))


def _gathered(
    source: Source, items: Iterable[Batch | Reject | Read], names: Sequence[str]
) -> Gathered:
    parts: dict[str, list[pa.Table]] = {}
    rejects: list[Reject] = []
    records, kept = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for item in items:
        match item:
            case Batch():
                parts.setdefault(item.table, []).append(_conformed(item, source, names[0]))
            case Reject():
                rejects.append(replace(item, file=_one_of(names, item.file, source)))
            case Read():
                name = _one_of(names, item.file, source)
                records[name] += item.records
                kept[name] += item.kept
    _check_sums(source, records, kept, rejects)
    tables = {}
    faulty: dict[object, list[Reject]] = {}
    for table, pieces in parts.items():
        tables[table], bad = _sift(table, pa.concat_tables(pieces))
        for reject in bad:
            faulty.setdefault(reject.place or object(), []).append(reject)
    # A record that gave several rows is one reject, however many of its rows are at fault. Rows
    # without a place cannot be told to be of one record.
    for several in faulty.values():
        reasons = dict.fromkeys(r.reason for r in several)
        name = file_of_place(names, several[0].place)
        rejects.append(replace(several[0], reason="; ".join(reasons), file=name))
        kept[name] -= 1
        if kept[name] < 0:
            raise SourceError(
                f"the {source.kind} source gave rows of no record",
                where=several[0].place or name,
            )
    rejected = _rejected(rejects)
    counts = {n: Counts(records[n], kept[n], rejected.get(n, 0)) for n in names}
    rows = [
        {
            "file": r.file,
            "place": r.place,
            "table": r.table,
            "kind": r.kind,
            "reason": r.reason,
            "rows": r.rows,
            "content": r.content[:CONTENT_CHARACTERS] if r.content else None,
        }
        for r in rejects
    ]
    return Gathered(tables, REJECT.from_rows(rows), counts)


def _rejected(rejects: Sequence[Reject]) -> dict[str | None, int]:
    counts: dict[str | None, int] = {}
    for reject in rejects:
        counts[reject.file] = counts.get(reject.file, 0) + reject.rows
    return counts


def _check_sums(
    source: Source,
    records: Mapping[str, int],
    kept: Mapping[str, int],
    rejects: Sequence[Reject],
) -> None:
    rejected = _rejected(rejects)
    for name, read in records.items():
        if read != kept[name] + rejected.get(name, 0):
            raise SourceError(
                f"the {source.kind} source lost count: {read} read, {kept[name]} kept, "
                f"{rejected.get(name, 0)} rejected",
                where=name,
                hint="this is a fault of the source; please report it with the file's first lines",
            )


def _one_of(names: Sequence[str], name: str | None, source: Source) -> str:
    if name is None and len(names) == 1:
        return names[0]
    if name is None or name not in names:
        raise SourceError(
            f"the {source.kind} source speaks of {name!r}, which it was not given", where=names[0]
        )
    return name


def file_of_place(names: Sequence[str], place: str) -> str:
    """The file that a row's place is in: a place begins with the file's name."""
    fits = [n for n in names if place == n or place.startswith((f"{n}:", f"{n} "))]
    return max(fits, key=len, default=names[0])


def _conformed(batch: Batch, source: Source, name: str) -> pa.Table:
    if batch.table not in TABLES:
        raise SourceError(
            f"the {source.kind} source gave rows of {batch.table!r}, which is no table",
            where=name,
        )
    return TABLES[batch.table].conform(batch.rows)


def _sift(name: str, rows: pa.Table) -> tuple[pa.Table, list[Reject]]:
    """Part sound rows from faulty ones; the first fault of a row is its reason."""
    faults = TABLES[name].faults(rows)
    if not faults:
        return rows, []
    reasons: dict[int, str] = {}
    for mask, why in faults:
        for index in pc.indices_nonzero(mask).to_pylist():
            reasons.setdefault(index, why)
    bad = np.zeros(rows.num_rows, dtype=bool)
    bad[list(reasons)] = True
    rejects = []
    for index, row in zip(np.flatnonzero(bad), rows.filter(pa.array(bad)).to_pylist(), strict=True):
        text = ", ".join(f"{k}={v}" for k, v in row.items() if v is not None)
        place = row.get("origin") or ""
        rejects.append(Reject(place, reasons[int(index)], table=name, content=text))
    return rows.filter(pa.array(~bad)), rejects


@cache
def all_sources() -> Mapping[str, Source]:
    """Every installed source by kind, in the order of their names.

    Raises `UnavailableError` where one cannot be loaded, or two are of one kind: then nobody could
    say which of them reads a file.
    """
    found: dict[str, Source] = {}
    for entry in sorted(entry_points(group="ringfence.sources"), key=lambda e: e.name):
        try:
            source: Source = entry.load()()
        except Exception as error:
            raise UnavailableError(
                f"the source {entry.name} cannot be loaded: {error}",
                where=entry.value,
                hint="mend or remove the package it comes with",
            ) from error
        if source.kind in found:
            raise UnavailableError(
                f"two sources are of the kind {source.kind!r}",
                where=entry.value,
                hint="remove one of the packages they come with",
            )
        found[source.kind] = source
    return found


def source_of_kind(kind: str) -> Source:
    """The source of that kind."""
    try:
        return all_sources()[kind]
    except KeyError:
        raise NotFoundError(
            f"no source of kind {kind!r}",
            hint=f"the kinds: {', '.join(all_sources())} (ringfence sources list)",
        ) from None


def recognise(path: Path) -> list[tuple[Source, Claim]]:
    """Who claims the file, surest first; empty where nobody does."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    claims = [(source, source.claims(path, head)) for source in all_sources().values()]
    sure = [(s, c) for s, c in claims if c.sureness > 0]
    return sorted(sure, key=lambda pair: (-pair[1].sureness, pair[0].kind))
