r"""A PostgreSQL dump of NetBox: its `COPY` blocks, read to records.

`pg_dump` writes a table as a line `COPY public.dcim_site (id, name, ...) FROM stdin;`, then a row
a line with a tab between values and `\\N` for null, then a line `\\.`. Everything else in the dump
is passed over. A block without its last line is a dump that did not finish: it is refused whole,
since nobody knows what is missing.
"""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from ringfence.errors import SourceError
from ringfence.sources.netbox.inventory import Collector
from ringfence.sources.netbox.records import KINDS, Kind

_COPY = b"COPY "
_HEADER = re.compile(rb'COPY (?:"?\w+"?\.)?"?(\w+)"? \((.*)\) FROM stdin;\r?')
_TABLE = (
    rb"(?:circuits_(?:circuit|provider)|dcim_|"
    rb"ipam_(?:aggregate|asn|ipaddress|prefix|rir|vlan|vrf)|tenancy_tenant|"
    rb"virtualization_(?:cluster|virtualmachine|vminterface))\w*"
)
_STATEMENT = re.compile(
    rb"^(?:CREATE TABLE|COPY|INSERT INTO) (?:\w+\.)?" + _TABLE + rb" ", re.MULTILINE
)
_OF_NETBOX = re.compile(_TABLE)
_Reading: TypeAlias = Callable[[Sequence[str]], list[Any]]
_Sources: TypeAlias = list[tuple[int, _Reading] | None]
_BY_TABLE = {kind.sql_table: kind for kind in KINDS}


def has_statements(text: bytes) -> bool:
    """Whether SQL that makes or fills a table of NetBox's stands in the text."""
    return _STATEMENT.search(text) is not None


def read_blocks(data: bytes, path: Path, into: Collector) -> bool:
    """Read all blocks; False where there is none of NetBox's.

    Raises `SourceError` where a block has no end, with the last line of the file.
    """
    line, counted, is_netbox = 1, 0, False
    at = 0 if data.startswith(_COPY) else _next_line_of(data, 0)
    while at >= 0:
        end_of_line = data.find(b"\n", at)
        if end_of_line < 0:
            end_of_line = len(data)
        header = _HEADER.fullmatch(data, at, end_of_line)
        if header is None:
            at = _next_line_of(data, end_of_line)
            continue
        line += data.count(b"\n", counted, at)
        counted = at
        end = _end_of_block(data, end_of_line)
        if end is None:
            last = data.count(b"\n", 0, len(data.rstrip(b"\n"))) + 1
            raise SourceError(
                f"the dump is cut off: the rows of {header[1].decode()}, which begin in "
                f"line {line}, have no end",
                where=f"{path}:{last}",
                hint="make the dump again and let it finish",
            )
        _block(header, data[end_of_line + 1 : max(end, end_of_line + 1)], line + 1, into)
        is_netbox = is_netbox or _OF_NETBOX.fullmatch(header[1]) is not None
        at = _next_line_of(data, end + 1)
    return is_netbox


def _next_line_of(data: bytes, start: int) -> int:
    """Where the next line begins that may begin a block; -1 where there is none."""
    at = data.find(b"\n" + _COPY, start)
    return at + 1 if at >= 0 else -1


def _end_of_block(data: bytes, start: int) -> int | None:
    """Where the line break before the closing line is; `start` is the one after the header."""
    end = start
    while (end := data.find(b"\n\\.", end)) >= 0:
        if data[end + 3 : end + 4] in (b"", b"\n", b"\r"):
            return end
        end += 3
    return None


def _block(header: re.Match[bytes], data: bytes, first: int, into: Collector) -> None:
    """Read the rows of one table; `first` is the line of the first."""
    table = header[1].decode()
    kind = _BY_TABLE.get(table)
    if kind is None:
        into.other(table, f":{first}", data.count(b"\n") + 1 if data else 0)
        return
    lines = data.split(b"\n") if data else []
    if header[0].endswith(b"\r"):
        lines = [line.removesuffix(b"\r") for line in lines]
    names = [name.strip(' "') for name in header[2].decode("utf-8", "replace").split(",")]
    sources = _columns_of(kind, names)
    wanted = [source[0] for source in sources if source is not None]
    # One more than is wanted, since itemgetter gives no tuple for one.
    pick = itemgetter(*wanted, 0)
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    for number, line in enumerate(lines, first):
        try:
            values = line.decode().split("\t")
        except UnicodeDecodeError:
            into.fault(f":{number}", "text in it is not UTF-8", kind, line)
            continue
        if len(values) != len(names):
            reason = f"{len(values)} values where the table has {len(names)} columns"
            into.fault(f":{number}", reason, kind, line)
            continue
        rows.append(pick(values))
        numbers.append(number)
    columns, bad = _convert(sources, names, rows)
    records = list(map(kind.record, *columns))
    for at, reason in bad.items():
        into.fault(f":{numbers[at]}", reason, kind, lines[numbers[at] - first])
    if bad:
        records = [record for at, record in enumerate(records) if at not in bad]
        numbers = [number for at, number in enumerate(numbers) if at not in bad]
    into.add(kind, records, [record.id for record in records], ":", numbers)


def _convert(
    sources: _Sources, names: list[str], rows: list[tuple[str, ...]]
) -> tuple[list[list[Any]], dict[int, str]]:
    """The rows as columns of the record's fields, and what is wrong with which row."""
    bad: dict[int, str] = {}
    columns: list[list[Any]] = []
    texts = iter(zip(*rows, strict=True))
    for source in sources:
        if source is None or not rows:
            columns.append([None] * len(rows))
            continue
        name, convert = names[source[0]], source[1]
        values = next(texts)
        try:
            columns.append(convert(values))
        except (ValueError, KeyError):
            columns.append([None] * len(rows))
            for at, value in enumerate(values):
                try:
                    columns[-1][at] = convert([value])[0]
                except (ValueError, KeyError):
                    bad.setdefault(at, f"{name}: {value[:40]!r} does not fit")
    return columns, bad


def _columns_of(kind: Kind, names: list[str]) -> _Sources:
    """For each field of the record, the column it is in and how its text is read.

    A reference `site` is the column `site_id` in PostgreSQL.
    """
    at = {name: index for index, name in enumerate(names)}
    found: _Sources = []
    for name in kind.record.__struct_encode_fields__:
        column = name if name in at else f"{name}_id"
        index = at.get(column)
        if index is None:
            found.append(None)
        elif column in _SQL_TYPES:
            found.append((index, _SQL_TYPES[column]))
        else:
            found.append((index, _integers if column.endswith("_id") else _texts))
    return found


_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    if match[2]:
        return chr(int(match[2], 8) & 0xFF)
    return _ESCAPED.get(match[3], match[3])


def _texts(values: Sequence[str]) -> list[str | None]:
    """PostgreSQL's documentation of COPY, "Text Format", lists the escapes."""
    return [
        value if "\\" not in value else None if value == "\\N" else _ESCAPE.sub(_unescape, value)
        for value in values
    ]


def _integers(values: Sequence[str]) -> list[int | None]:
    return [None if value == "\\N" else int(value) for value in values]


_BOOLEANS = {"t": True, "f": False, "\\N": None}


def _booleans(values: Sequence[str]) -> list[bool | None]:
    return [_BOOLEANS[value] for value in values]


_custom = msgspec.json.Decoder(dict[str, object])


def _objects(values: Sequence[str]) -> list[dict[str, object] | None]:
    """Most are empty or alike, so each text is read once."""
    found: dict[str, dict[str, object] | None] = {"{}": None, "\\N": None}
    for value in set(values) - found.keys():
        found[value] = _custom.decode(_texts([value])[0] or "")
    return [found[value] for value in values]


def _lists(values: Sequence[str]) -> list[list[int] | None]:
    """Arrays as PostgreSQL writes them: `{22,443}`."""
    found: list[list[int] | None] = []
    for value in values:
        if value == "\\N":
            found.append(None)
        elif value[:1] == "{" and value[-1:] == "}":
            found.append([int(part) for part in value[1:-1].split(",") if part])
        else:
            raise ValueError(value)
    return found


_SQL_TYPES: dict[str, _Reading] = {
    "id": _integers,
    "vid": _integers,
    "port": _integers,
    "commit_rate": _integers,
    "rear_port_position": _integers,
    "front_port_position": _integers,
    "mgmt_only": _booleans,
    "ports": _lists,
    "custom_field_data": _objects,
}
"""How columns that are neither text nor references are read."""
