"""What the readers of software lists and advisories share: whole documents, and a ledger of rows.

Their formats are one document a file, in JSON, XML or YAML. A document is decoded to plain values
first; a value that is not what its format says it is then costs its own record and no other.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from ringfence.errors import SourceError
from ringfence.network.model import TABLES
from ringfence.sources.base import CONTENT_CHARACTERS, HEAD_BYTES, Batch, Read, Reject

Fields: TypeAlias = Mapping[object, object]
"""An object of a document, by its names."""

LINE: Final = 0
"""The key under which an object keeps its line, or another place that a person can find. No format
has a name that is a number, so it hides nothing."""

MOST_BYTES: Final = 256 * 1024 * 1024
"""A document is held in memory whole; a list of software longer than this is none, or an attack."""

_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


class UnfitError(Exception):
    """A record that cannot be read; the ledger makes a reject of it."""


def head_text(head: bytes) -> str:
    """The beginning of a file as text, whatever its encoding; never raises."""
    return head.decode(_encoding(head) or "utf-8", "replace").lstrip("\ufeff")


def beginning_of(path: Path) -> str:
    """The first lines of a file; raises `SourceError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return head_text(file.read(HEAD_BYTES)).lstrip()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(f"the file cannot be read: {error.strerror or error}", where=str(path))


def text_of(path: Path) -> str:
    """A whole file as text; raises `SourceError` where it cannot be."""
    data = bytes_of(path)
    encoding = _encoding(data) or "utf-8"
    try:
        return data.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"it is not {encoding.upper()} text from line {line} on",
            where=f"{path}:{line}",
            hint="export the file again as UTF-8",
        ) from None


def bytes_of(path: Path) -> bytes:
    """A whole file; raises `SourceError` where it is empty, too large or cannot be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SourceError(
                f"the file is larger than {MOST_BYTES // 2**20} MiB, which no such document is",
                where=str(path),
                hint="part the list by product",
            )
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    if not data.strip():
        raise SourceError("the file is empty", where=str(path))
    return data


def json_of(path: Path) -> dict[object, object]:
    """A file's one JSON object; raises `SourceError` with the line where it is not JSON."""
    data = bytes_of(path)
    if encoding := _encoding(data):
        try:
            data = data.decode(encoding).lstrip("\ufeff").encode()
        except UnicodeError:
            raise SourceError(f"it is not {encoding.upper()} text", where=str(path)) from None
    try:
        # msgspec says where the fault is, and takes no lone surrogates and no NaN; json is asked for
        # names that stand twice, of which one would be lost.
        msgspec.json.decode(data)
        found: object = json.loads(data, object_pairs_hook=_object)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        where, what = _place_in_json(path, data, error)
        raise SourceError(
            f"it is not valid JSON: {what}",
            where=where,
            hint="export the file again, or mend it there",
        ) from None
    if not isinstance(found, dict):
        raise SourceError("it holds no JSON object", where=str(path))
    return found


def _object(pairs: list[tuple[object, object]]) -> dict[object, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"one object has the name {str(twice)[:80]!r} twice")
    return found


def _place_in_json(path: Path, data: bytes, error: Exception) -> tuple[str, str]:
    if isinstance(error, RecursionError):
        return str(path), "it is nested too deep"
    what, _, at = str(error).rpartition(" (byte ")
    if not what or not at.rstrip(")").isdigit():
        what = str(error).removeprefix("JSON is malformed: ")
        if "truncated" in what:
            last = data.count(b"\n") + 1
            return f"{path}:{last}", f"it ends in line {last} before it is complete"
        return str(path), what
    position = int(at.rstrip(")"))
    line = data.count(b"\n", 0, position) + 1
    column = position - (data.rfind(b"\n", 0, position) + 1) + 1
    what = what.removeprefix("JSON is malformed: ")
    return f"{path}:{line}:{column}", f"{what} at line {line}, column {column}"


def _encoding(data: bytes) -> str | None:
    """The encoding that a byte order mark names."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding
    return None


def fields(value: object, name: str) -> Fields:
    """A value that must be an object; an absent one has no fields."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnfitError(f"{name} is no object")
    return value


def many(holder: Fields, name: str) -> Sequence[object]:
    """The members of a list; an absent list has none. One object alone is a list of it."""
    value = holder.get(name)
    if value is None:
        return ()
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return (value,)
    raise UnfitError(f"{name} is no list")


def objects(holder: Fields, name: str) -> Iterator[Fields]:
    """The members of a list of objects."""
    for item in many(holder, name):
        yield fields(item, f"an entry of {name}")


def text(holder: Fields, name: str) -> str | None:
    """A text field, stripped; an empty one states nothing."""
    value = holder.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnfitError(f"{name} is no text")
    return value.strip() or None


def needed(holder: Fields, name: str) -> str:
    """A text field without which there is no record."""
    found = text(holder, name)
    if found is None:
        raise UnfitError(f"{name} is not stated")
    return found


def texts(holder: Fields, name: str) -> list[str]:
    """The texts of a list, or one text alone."""
    value = holder.get(name)
    if isinstance(value, str):
        value = [value]
    found = []
    for item in many({name: value}, name):
        if not isinstance(item, str):
            raise UnfitError(f"an entry of {name} is no text")
        if item.strip():
            found.append(item.strip())
    return found


def number(holder: Fields, name: str) -> float | None:
    """A number, also where it is written as text, as XML must."""
    value = holder.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnfitError(f"{name} is no number")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise UnfitError(f"{name} is no number") from None


_NUMBERED: Final = re.compile(r"[A-Z][A-Z0-9]+-[A-Za-z0-9][\w.:-]*")


def vulnerability_key(identifier: str, prefix: str) -> str:
    """A weakness's key: a number of a public numbering stands for the same weakness in any source.

    So `CVE-2022-3602` and `GHSA-...` have no prefix, which keys otherwise have.
    """
    if _NUMBERED.fullmatch(identifier):
        return identifier
    if identifier[:4].lower() == "cve-":
        return identifier.upper()
    return f"{prefix}:{identifier}"


def day(holder: Fields, name: str) -> date | None:
    """The day of a date or time as RFC 3339 writes it."""
    stated = text(holder, name)
    try:
        return date.fromisoformat(stated[:10]) if stated else None
    except ValueError:
        raise UnfitError(f"{name} is no date") from None


def sha256_of(stated: str | None) -> str | None:
    """A SHA-256 hash in lower case."""
    if stated is None:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", stated):
        raise UnfitError("its SHA-256 hash is not 64 hexadecimal digits")
    return stated.lower()


def one_line(words: str) -> str:
    """A text of several lines as one."""
    return " ".join(words.split())


def place_of(name: str, holder: object, path: str) -> str:
    """Where an object stands: its own place where it has one, else its path in the document."""
    line = holder.get(LINE) if isinstance(holder, dict) else None
    return f"{name}:{line}" if isinstance(line, int | str) else f"{name}:{path}"


@dataclass(slots=True)
class Ledger:
    """What one file gave, with the count of its records; `file` as `Read.file`."""

    file: str | None = None
    _records: int = 0
    _kept: int = 0
    _rows: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)
    _rejects: list[Reject] = field(default_factory=list)
    _aside: dict[str, tuple[str, int]] = field(default_factory=dict)

    def keep(self, records: int = 1) -> None:
        """So many records became rows, or part of one."""
        self._records += records
        self._kept += records

    def row(self, table: str, **values: object) -> None:
        """A row of a record that is kept."""
        self._rows.setdefault(table, []).append(values)

    def set_aside(self, place: str, reason: str, rows: int = 1) -> None:
        """Sound records outside the model; those of one reason are told of together."""
        if rows:
            self._records += rows
            first, before = self._aside.get(reason, (place, 0))
            self._aside[reason] = (first, before + rows)

    def fault(self, place: str, reason: str, table: str, record: object) -> None:
        """A record that is wrong."""
        self._records += 1
        content = repr(_without_line(record))[:CONTENT_CHARACTERS]
        self._rejects.append(Reject(place, reason, table, content=content, file=self.file))

    def items(self) -> Iterator[Batch | Reject | Read]:
        """Everything, as a source yields it."""
        for table, rows in self._rows.items():
            yield Batch(table, TABLES[table].from_rows(rows))
        yield from self._rejects
        for reason, (place, alike) in self._aside.items():
            yield Reject(place, reason, kind="set aside", rows=alike, file=self.file)
        yield Read(self._records, self._kept, self.file)


def _without_line(record: object) -> object:
    """A record as a person can know it again by: its plain values, whatever hangs below."""
    if isinstance(record, dict):
        return {k: _brief(v) for k, v in list(record.items())[:8] if k != LINE}
    return _brief(record)


def _brief(value: object) -> object:
    if isinstance(value, str):
        return value[:CONTENT_CHARACTERS]
    return value if isinstance(value, int | float | None) else f"<{type(value).__name__}>"
