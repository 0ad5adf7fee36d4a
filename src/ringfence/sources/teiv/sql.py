"""A dump of TEIV's database, put into the ledger: COPY blocks and INSERT statements.

A table is `module_Type` in the schema `teiv_data`. A relationship of one to many is no table: the
entity of the many has a column `REL_FK_...` with the other's id, and one `REL_ID_<name>` with the
relationship's own id behind it; one of many to many is a table with `aSide_...` and `bSide_...`. A
name longer than PostgreSQL's 63 bytes is stored as a hash of it; those of TEIV's own types are
known again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

import msgspec

from ringfence.errors import SourceError
from ringfence.sources.teiv.facts import Attributes
from ringfence.sources.teiv.ledger import Aside, Ledger
from ringfence.sources.teiv.places import DumpPlaces
from ringfence.sources.teiv.stores import (
    WAITING_ROWS,
    EntityStore,
    Record,
    RelationshipStore,
    SourcedRecord,
)
from ringfence.sources.teiv.types import real_name, relationship_named

__all__ = ["has_statements", "read_sql"]

_SCHEMA: Final = rb'(?:"?\w+"?\.)?'
_TEIV_TABLE: Final = rb'"o-ran-smo-teiv-[\w-]+"'
_STATEMENT: Final = re.compile(
    rb"^[ \t]*(?:CREATE TABLE(?: IF NOT EXISTS)?|COPY|INSERT INTO|\);CREATE TABLE IF NOT EXISTS) "
    rb"(?:" + _SCHEMA + _TEIV_TABLE + rb'|"?teiv_data"?\."?(?:[0-9A-F]{40}|responsible_adapter)"?)',
    re.MULTILINE,
)
_COPY: Final = re.compile(
    rb'COPY (?:"?(\w+)"?\.)?(?:"([^"]+)"|(\w+)) \((.*)\) FROM stdin(?: .*)?;\s*', re.IGNORECASE
)
_INSERT: Final = re.compile(
    rb'\s*INSERT\s+INTO\s+(?:"?(\w+)"?\.)?(?:"([^"]+)"|(\w+))\s*(?:\(([^)]*)\))?\s*VALUES\s*',
    re.IGNORECASE,
)
_CHANGE: Final = re.compile(rb'\s*(UPDATE|DELETE FROM)\s+"?teiv_data"?\.', re.IGNORECASE)
_NAME: Final = re.compile(rb'"([^"]+)"|([\w-]+)')
_TOKEN: Final = re.compile(rb"[eE]?'(?:[^']|'')*+'|\"[^\"]*\"|[(),;]|[^\s'\"(),;]+")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_ESCAPED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LONGEST: Final = 16 * 1024 * 1024
_JSON: Final = ("pLMNId", "plmnId", "dUpLMNId", "pLMNIdList", "siteLocation")


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the columns of a table mean."""

    columns: tuple[str, ...]
    joins: tuple[tuple[int, int, RelationshipStore | Aside, bool], ...]
    """Of each relationship kept in the table: where the other's id and its own are, where it is
    kept, and whether the other is its A side."""


def has_statements(text: bytes) -> bool:
    """Whether SQL that makes or fills a table of TEIV's stands in the text."""
    return _STATEMENT.search(text) is not None


def read_sql(path: Path, ledger: Ledger) -> None:
    """Read a dump; raises `SourceError` where a block or statement has no end."""
    try:
        with path.open("rb") as file:
            _Reading(path, file, ledger).all()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", where=str(path)) from None


class _Reading:
    def __init__(self, path: Path, file: BufferedReader, ledger: Ledger) -> None:
        self._path = path
        self._file = file
        self._ledger = ledger
        self._places = ledger.places = DumpPlaces()
        self._line = 0
        self._has_table = False

    def all(self) -> None:
        for line in self._lines():
            if line[:5].upper() == b"COPY ":
                header = _COPY.fullmatch(line)
                if header is not None:
                    self._copy(header)
            elif b"INSERT" in line.upper()[:64] and _INSERT_START.match(line):
                self._insert(line)
            elif _CHANGE.match(line):
                reason = "a statement that changes rows is not read"
                self._ledger.fault(f":{self._line}", reason, line)
            elif _STATEMENT.match(line):
                self._has_table = True
        self._ledger.flush(least=1)
        if not self._has_table:
            raise SourceError("no table of TEIV is in it", where=str(self._path))
        if not self._ledger.records:
            self._ledger.set_aside("TEIV's tables are made here, and hold no rows", ":1", 1)

    def _lines(self) -> Iterator[bytes]:
        while line := self._file.readline(_LONGEST):
            self._line += 1
            if len(line) == _LONGEST:
                raise self._fault("a line is longer than any record")
            yield line

    def _fault(self, message: str, hint: str | None = None) -> SourceError:
        return SourceError(message, where=f"{self._path}:{self._line}", hint=hint)

    def _copy(self, header: re.Match[bytes]) -> None:
        r"""Read a block: a row a line, with a tab between values and \N for null."""
        table = _decoded(header[2] or header[3] or b"")
        kind = self._kind(table)
        shape = self._shape(kind, _names(header[4]))
        started = self._line
        for line in self._lines():
            row = line.rstrip(b"\r\n")
            if row == rb"\.":
                return
            try:
                values = [_unescaped(value) for value in row.decode().split("\t")]
            except UnicodeDecodeError:
                self._ledger.fault(f":{self._line}", "text in it is not UTF-8", row)
                continue
            self._row(kind, shape, values, self._line)
        raise self._fault(
            f"the dump is cut off: the rows of {table}, which begin in line {started + 1}, "
            "have no end",
            "make the dump again and let it finish",
        )

    def _insert(self, start: bytes) -> None:
        """Read an INSERT statement, over as many lines as it takes."""
        started, text = self._line, start
        lines = self._lines()
        while not _is_ended(text):
            line = next(lines, b"")
            if not line:
                raise self._fault(f"the statement that begins in line {started} has no end")
            text += line
            if len(text) > _LONGEST:
                raise self._fault(f"the statement that begins in line {started} is too long")
        header = _INSERT.match(text)
        if header is None:
            if _STATEMENT.match(text):
                self._ledger.fault(f":{started}", "a statement of a form that is not read", text)
                self._has_table = True
            return
        table = _decoded(header[2] or header[3] or b"")
        kind = self._kind(table)
        if header[4] is None:
            reason = "an INSERT that does not name its columns"
            self._ledger.fault(f":{started}", reason, text)
            return
        shape = self._shape(kind, _names(header[4]))
        counted, line_number = header.end(), started + text.count(b"\n", 0, header.end())
        for at, values in _tuples(text, header.end()):
            line_number += text.count(b"\n", counted, at)
            counted = at
            self._row(kind, shape, values, line_number)

    def _kind(self, table: str) -> EntityStore | RelationshipStore | Aside:
        if table == "responsible_adapter":
            self._has_table = True
            return Aside("who adapted the data has no place in the model")
        qualified = real_name(table)
        self._has_table = self._has_table or qualified.startswith("o-ran-smo-teiv-")
        kind = self._ledger.kind(qualified)
        # Its rows may still hold relationships, so what becomes of it is said by `_row`.
        return kind if not isinstance(kind, Aside) else Aside(kind.reason)

    def _shape(
        self, kind: EntityStore | RelationshipStore | Aside, columns: tuple[str, ...]
    ) -> _Shape:
        own = kind.entity.type.upper() if isinstance(kind, EntityStore) else ""
        joins = []
        for at, name in enumerate(columns[:-1]):
            identifier = columns[at + 1]
            if not name.startswith("REL_FK_") or not identifier.startswith("REL_ID_"):
                continue
            relationship = relationship_named(identifier.removeprefix("REL_ID_"))
            store: RelationshipStore | Aside = (
                Aside(f"{identifier.removeprefix('REL_ID_')} is no relationship of TEIV's modules")
                if relationship is None
                else self._ledger.of_relationship(relationship)
            )
            is_a_side = relationship is not None and relationship.b_side.type.upper() == own
            joins.append((at, at + 1, store, is_a_side))
        return _Shape(columns, tuple(joins))

    def _row(
        self,
        kind: EntityStore | RelationshipStore | Aside,
        shape: _Shape,
        values: Sequence[str | None],
        line: int,
    ) -> None:
        ledger, place = self._ledger, f":{line}"
        ledger.begin(line)
        if len(values) != len(shape.columns):
            reason = f"{len(values)} values where {len(shape.columns)} columns are named"
            ledger.fault(place, reason, "\t".join(v or "" for v in values).encode())
            return
        row = dict(zip(shape.columns, values, strict=True))
        identifier = row.get("id")
        if isinstance(kind, Aside):
            ledger.set_aside(kind.reason, place, 1)
        elif not identifier:
            ledger.fault(place, "a row without an id")
        elif isinstance(kind, RelationshipStore):
            sides = [
                next((v for k, v in row.items() if k.startswith(side) and v), None)
                for side in ("aSide_", "bSide_")
            ]
            if sides[0] and sides[1]:
                self._keep(kind, Record(identifier, aSide=sides[0], bSide=sides[1]))
            else:
                ledger.fault(place, "a relationship without one of its sides")
        else:
            attributes, sources = _attributes(row), _sources(row)
            self._keep(kind, SourcedRecord(identifier, attributes, sourceIds=sources))
        for other_at, own_at, store, is_a_side in shape.joins:
            other = values[other_at]
            if not other:
                continue
            column = shape.columns[other_at]
            if isinstance(store, Aside):
                ledger.set_aside(store.reason, f"{place} {column}", 1)
            elif not identifier:
                ledger.fault(f"{place} {column}", "a relationship without one of its sides")
            else:
                a_side, b_side = (other, identifier) if is_a_side else (identifier, other)
                own = values[own_at] or f"{a_side} {b_side}"
                self._keep(store, Record(own, aSide=a_side, bSide=b_side), column)

    def _keep(
        self, store: EntityStore | RelationshipStore, record: Record, column: str = ""
    ) -> None:
        """Keep what a row says, or one column of it."""
        self._ledger.keep(store, (record,), self._places.spot(column))
        if store.waiting.rows >= WAITING_ROWS:
            self._ledger.flush()


_INSERT_START: Final = re.compile(rb"\s*INSERT\s+INTO\s", re.IGNORECASE)


def _attributes(row: Mapping[str, str | None]) -> Attributes:
    """The columns as an entity's attributes; nulls of a dump are what was never stated."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if value is None or name.startswith(("REL_", "CD_")):
            continue
        if name in _JSON:
            try:
                found[name] = msgspec.json.decode(value.encode())
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                continue
        else:
            found[name] = value
    return msgspec.convert(found, Attributes)


def _sources(row: Mapping[str, str | None]) -> list[str] | None:
    try:
        return msgspec.json.decode((row.get("CD_sourceIds") or "[]").encode(), type=list[str])
    except (msgspec.DecodeError, UnicodeError):
        return None


def _names(listed: bytes) -> tuple[str, ...]:
    return tuple(_decoded(name[1] or name[2]) for name in _NAME.finditer(listed))


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _unescaped(value: str) -> str | None:
    """PostgreSQL's documentation of COPY, "Text Format", lists the escapes."""
    if "\\" not in value:
        return value
    return None if value == "\\N" else _ESCAPE.sub(_escaped, value)


def _escaped(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    if match[2]:
        return chr(int(match[2], 8) & 0xFF)
    return _ESCAPED.get(match[3], match[3])


def _is_ended(text: bytes) -> bool:
    """Whether a statement's semicolon stands outside text."""
    if not text.rstrip().endswith(b";"):
        return False
    return text.count(b"'") % 2 == 0


def _tuples(text: bytes, start: int) -> Iterator[tuple[int, list[str | None]]]:
    """The rows of VALUES, each with the place of its bracket."""
    depth, at = 0, start
    parts: list[bytes] = []
    values: list[str | None] = []
    for token in _TOKEN.finditer(text, start):
        word = token[0]
        if word == b"(":
            depth += 1
            if depth == 1:
                at, parts, values = token.start(), [], []
                continue
        elif word == b")":
            depth -= 1
            if depth == 0:
                values.append(_value(parts))
                yield at, values
                continue
            if depth < 0:
                return
        elif word == b"," and depth == 1:
            values.append(_value(parts))
            parts = []
            continue
        elif word == b";" and depth == 0:
            return
        if depth:
            parts.append(word)


def _value(parts: Sequence[bytes]) -> str | None:
    """A literal; of a cast or a call of a function, the text in it."""
    for part in parts:
        if part[:1] in (b"'", b"e", b"E") and part.endswith(b"'"):
            text = part[part.index(b"'") + 1 : -1].replace(b"''", b"'").decode("utf-8", "replace")
            return text if part[:1] == b"'" else _ESCAPE.sub(_escaped, text)
    text = b"".join(parts).decode("utf-8", "replace")
    return None if text.upper() == "NULL" or not text else text
