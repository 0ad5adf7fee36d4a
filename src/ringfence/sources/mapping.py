"""The operator's own columns laid onto ours, in a file that a person can read and change.

Such a file::

    prefix = "north"

    [[table]]
    table = "element"
    sheet = "Inventory"
    header_row = 3
    date_format = "%d/%m/%Y"
    unmapped = ["Remarks"]

    [table.columns]
    "NE Name" = ["id", "name"]
    Site = "site"
    Vendor = "vendor_name"

    [table.joined]
    product = ["Vendor", "Model"]

    [table.constants]
    operator = "north"

    [table.values.kind]
    VM = "virtual machine"

One sheet may feed several tables: it has then several blocks, of which the first is what its
records are; the others are said in passing, and a record that does not say them is not at fault.
`sources.guessing` writes a first version of this from the file itself.
"""

import re
import tomllib
from collections.abc import Mapping as Section
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import tomli_w
from rapidfuzz import process

from ringfence.errors import MappingError, NotFoundError
from ringfence.network.model import NETWORK_TABLES
from ringfence.sources.cells import Reading, convert, stated
from ringfence.store.tables import Column

FILLABLE: Final = {
    table.name: {
        column.name: column
        for column in table.columns
        if column.name != "origin"
        and not (column.refers_to == "vendor" and f"{column.name}_name" in table.names)
    }
    for table in NETWORK_TABLES
}
"""The columns a file may fill: not `origin`, nor a vendor that only vendor resolution finds."""

DELIMITERS: Final = (",", ";", "\t", "|")

ENCODINGS: Final = (
    *("utf-8", "utf-16-le", "utf-16-be", "latin-1", "cp437", "cp850", "cp852", "cp866", "cp932"),
    *(f"cp125{n}" for n in range(9)),
    *(f"iso8859-{n}" for n in range(1, 17) if n != 12),
    *("koi8-r", "koi8-u", "mac-roman", "gbk", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr"),
)
"""Encodings a mapping may name: those that turn bytes into characters and do nothing else."""

_FILE_KEYS: Final = ("prefix", "encoding", "delimiter", "table")
_BLOCK_KEYS: Final = (
    *("table", "sheet", "header_row", "date_format", "decimal_comma", "thousands_separator"),
    *("unmapped", "columns", "joined", "constants", "values"),
)
_DAY: Final = re.compile(r"%d")
_MONTH: Final = re.compile(r"%[mbB]")
_YEAR: Final = re.compile(r"%[Yy]")
_DIRECTIVES: Final = re.compile(r"%[dmbBYyHMSp]|[^%]")


def clean(heading: str) -> str:
    """A heading as it is compared and saved: on one line, single spaces."""
    return " ".join(heading.replace("\ufeff", "").split())


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How the records of one sheet, or of a file without sheets, become rows of one table.

    `columns` pairs their headings with our columns. `joined` makes one of our columns of several
    headings, put together with a slash; it is null where the last of them states nothing.
    `constants` hold for each row. `values` are the file's own words for ours, column by column;
    only a function's kind may have several words of ours for one of theirs, and an empty one
    means "not stated". `header_row` counts from 1, as a spreadsheet does.
    """

    table: str
    columns: tuple[tuple[str, str], ...] = ()
    joined: tuple[tuple[str, tuple[str, ...]], ...] = ()
    constants: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    sheet: str | None = None
    header_row: int = 1
    date_format: str | None = None
    decimal_comma: bool = False
    thousands_separator: str | None = None
    unmapped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_block(self)

    @property
    def where(self) -> str:
        """The block as messages name it."""
        return f"[[table]] {self.table}" + (f", sheet {self.sheet!r}" if self.sheet else "")

    @property
    def reading(self) -> Reading:
        """How the sheet writes dates and numbers."""
        return Reading(
            self.date_format,
            decimal_comma=self.decimal_comma,
            thousands_separator=self.thousands_separator,
        )

    @property
    def headings(self) -> tuple[str, ...]:
        """Every heading the block uses, in order, once."""
        used = [h for h, _ in self.columns] + [h for _, parts in self.joined for h in parts]
        return tuple(dict.fromkeys(used))

    def words(self, column: str) -> dict[str, str]:
        """The file's words for the values of a column; several of ours are put on lines."""
        return {theirs: "\n".join(ours) for c, theirs, ours in self.values if c == column}


@dataclass(frozen=True, slots=True)
class Mapping:
    """What a file's sheets become; a null `encoding` or `delimiter` is found from the file."""

    tables: tuple[TableMapping, ...]
    prefix: str | None = None
    encoding: str | None = None
    delimiter: str | None = None

    def __post_init__(self) -> None:
        _check_file(self)

    def of_sheet(self, sheet: str | None) -> tuple[TableMapping, ...]:
        """The blocks that read a sheet, the records' own table first; none where not named."""
        return tuple(t for t in self.tables if t.sheet == sheet)

    @classmethod
    def load(cls, path: Path) -> "Mapping":
        """Read a mapping file; `MappingError` names what in it cannot mean anything."""
        try:
            said = tomllib.loads(path.read_bytes().decode())
        except FileNotFoundError:
            raise NotFoundError(
                f"no mapping file {path.name}",
                where=str(path),
                hint="ringfence sources guess FILE writes a first version",
            ) from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise MappingError(
                f"the mapping cannot be read: {error}",
                where=str(path),
                hint="a mapping is a TOML file in UTF-8",
            ) from error
        try:
            return _parse(said)
        except MappingError as error:
            place = f"{path}: {error.where}" if error.where else str(path)
            raise MappingError(error.message, where=place, hint=error.hint) from None

    def save(self, path: Path) -> None:
        """Write the mapping as TOML; `load` gives back the same."""
        path.write_bytes(tomli_w.dumps(self._as_toml()).encode())

    def _as_toml(self) -> dict[str, object]:
        top = {"prefix": self.prefix, "encoding": self.encoding, "delimiter": self.delimiter}
        said: dict[str, object] = {k: v for k, v in top.items() if v is not None}
        said["table"] = [_block_as_toml(block) for block in self.tables]
        return said


def _block_as_toml(block: TableMapping) -> dict[str, object]:
    columns: dict[str, list[str]] = {}
    for heading, column in block.columns:
        columns.setdefault(heading, []).append(column)
    values: dict[str, dict[str, object]] = {}
    for column, theirs, ours in block.values:
        values.setdefault(column, {})[theirs] = ours[0] if len(ours) == 1 else list(ours)
    said: dict[str, object] = {
        "table": block.table,
        "sheet": block.sheet,
        "header_row": block.header_row,
        "date_format": block.date_format,
        "decimal_comma": block.decimal_comma or None,
        "thousands_separator": block.thousands_separator,
        "unmapped": list(block.unmapped) or None,
        "columns": {h: c[0] if len(c) == 1 else c for h, c in columns.items()} or None,
        "joined": {column: list(parts) for column, parts in block.joined} or None,
        "constants": dict(block.constants) or None,
        "values": values or None,
    }
    return {key: value for key, value in said.items() if value is not None}


def _closest(word: str, choices: Sequence[str]) -> str:
    """A hint: the word most like the one that was meant, and all there are."""
    found = process.extractOne(word, choices, score_cutoff=60)
    likely = f"did you mean {found[0]!r}? " if found else ""
    return f"{likely}there are: {', '.join(choices)}"


def _check_block(block: TableMapping) -> None:
    if block.table not in FILLABLE:
        raise MappingError(
            f"no table {block.table!r} that a file could fill",
            where="[[table]]",
            hint=_closest(block.table, tuple(FILLABLE)),
        )
    if block.header_row < 1:
        raise MappingError("header_row counts from 1", where=block.where)
    filled = _check_sources(block)
    for name, column in FILLABLE[block.table].items():
        if column.required and name not in filled:
            raise MappingError(
                f"nothing becomes {name}, without which {block.table} has no rows",
                where=block.where,
                hint=f'under [table.columns] write: "their heading" = "{name}"',
            )
    for heading in block.headings:
        if heading in block.unmapped:
            raise MappingError(f"{heading!r} is both mapped and unmapped", where=block.where)
    _check_words(block, filled)
    _check_reading(block)


def _check_sources(block: TableMapping) -> set[str]:
    """Each column is filled from one place at most; returns those that are."""
    sources = [(c, f"{h!r}") for h, c in block.columns]
    sources += [(c, "joined") for c, _ in block.joined]
    sources += [(c, "constants") for c, _ in block.constants]
    filled: dict[str, str] = {}
    for column, source in sources:
        _fillable(block, column)
        if column in filled:
            raise MappingError(
                f"two become {column}: {filled[column]} and {source}",
                where=block.where,
                hint="leave one of them to unmapped",
            )
        filled[column] = source
    for column, parts in block.joined:
        if len(parts) < 2:
            raise MappingError(
                f"{column} is joined of fewer than two headings", where=f"{block.where}, joined"
            )
    return set(filled)


def _check_words(block: TableMapping, filled: set[str]) -> None:
    for column, value in block.constants:
        if not stated(pa.array([value], pa.string()))[0].is_valid:
            raise MappingError(
                f"the constant {value!r} for {column} states nothing", where=block.where
            )
        _check_value(block, FILLABLE[block.table][column], value, "constants")
    for column, theirs, ours in block.values:
        place = f"values.{column}"
        if column not in filled:
            raise MappingError(
                f"words for {column}, which nothing becomes", where=f"{block.where}, {place}"
            )
        if len(ours) != 1 and (block.table, column) != ("function", "kind"):
            raise MappingError(
                f"{theirs!r} becomes {len(ours)} values; only a function's kind may",
                where=f"{block.where}, {place}",
            )
        for value in ours:
            _check_value(block, FILLABLE[block.table][column], value, place)


def _fillable(block: TableMapping, column: str) -> Column:
    columns = FILLABLE[block.table]
    if column in columns:
        return columns[column]
    if f"{column}_name" in columns:
        raise MappingError(
            f"{column} is filled by vendor resolution alone",
            where=block.where,
            hint=f"the name as written becomes {column}_name",
        )
    if column == "origin":
        raise MappingError("origin is the place in the file, never a column", where=block.where)
    raise MappingError(
        f"table {block.table} has no column {column!r}",
        where=block.where,
        hint=_closest(column, tuple(columns)),
    )


def _check_value(block: TableMapping, column: Column, value: str, place: str) -> None:
    """Whether a value written in the mapping itself is one of the column's."""
    if value == "":
        return
    _, faults = convert(column, pa.array([value], pa.string()), None, Reading(), {})
    if faults:
        raise MappingError(
            f"{value!r} for {column.name} {faults[0].why.split(';')[0]}",
            where=f"{block.where}, {place}",
        )


def _check_reading(block: TableMapping) -> None:
    separator, comma = block.thousands_separator, block.decimal_comma
    if separator not in {None, ".", ",", "'", "\u2019", " "}:
        raise MappingError(
            f"thousands_separator is {separator!r}",
            where=block.where,
            hint="it is a point, a comma, an apostrophe or a space",
        )
    if separator is not None and separator == ("," if comma else "."):
        raise MappingError(
            f"{separator!r} cannot part both thousands and decimals",
            where=block.where,
            hint="change decimal_comma or thousands_separator",
        )
    form = block.date_format
    if form is None:
        return
    stray = _DIRECTIVES.sub("", form)
    if stray or any(len(part.findall(form)) != 1 for part in (_DAY, _MONTH, _YEAR)):
        raise MappingError(
            f"date_format {form!r} does not name one day, one month and one year",
            where=block.where,
            hint='%d day, %m month (%b by name), %Y year (%y of two figures): "%d/%m/%Y"',
        )
    day = date(2001, 12, 31)
    try:
        sound = datetime.strptime(day.strftime(form), form).date() == day  # noqa: DTZ007 (a day has no zone)
    except (ValueError, re.error):
        sound = False
    if not sound:
        raise MappingError(f"date_format {form!r} cannot be read back", where=block.where)


def _check_file(mapping: Mapping) -> None:
    if not mapping.tables:
        raise MappingError(
            "the mapping has no [[table]] block", hint="one block for each table a sheet feeds"
        )
    if mapping.prefix is not None and not re.fullmatch(r"[^\s:]+", mapping.prefix):
        raise MappingError(
            f"prefix is {mapping.prefix!r}", hint="one word without a colon, which ends it in keys"
        )
    if mapping.encoding is not None and mapping.encoding not in ENCODINGS:
        raise MappingError(
            f"no encoding {mapping.encoding!r}", hint=_closest(mapping.encoding, ENCODINGS)
        )
    if mapping.delimiter is not None and mapping.delimiter not in DELIMITERS:
        raise MappingError(
            f"delimiter is {mapping.delimiter!r}", hint="it is a comma, semicolon, tab or bar"
        )
    rows: dict[str | None, int] = {}
    for block in mapping.tables:
        if rows.setdefault(block.sheet, block.header_row) != block.header_row:
            raise MappingError(
                "the blocks of one sheet name different header rows", where=block.where
            )


def _parse(said: Section[str, object]) -> Mapping:
    _known_keys(said, _FILE_KEYS, None)
    blocks = said.get("table", [])
    if not isinstance(blocks, list) or not all(isinstance(b, dict) for b in blocks):
        raise MappingError("table is to be a list of blocks", hint="each begins with [[table]]")
    return Mapping(
        tuple(_parse_block(b, f"[[table]] number {n}") for n, b in enumerate(blocks, 1)),
        prefix=_text(said, "prefix", None),
        encoding=_text(said, "encoding", None),
        delimiter=_text(said, "delimiter", None),
    )


def _parse_block(said: Section[str, object], where: str) -> TableMapping:
    _known_keys(said, _BLOCK_KEYS, where)
    table = _text(said, "table", where)
    if table is None:
        raise MappingError("the block does not say which table it fills", where=where)
    row = said.get("header_row", 1)
    if not isinstance(row, int) or isinstance(row, bool):
        raise MappingError("header_row is to be a whole number", where=where)
    comma = said.get("decimal_comma", False)
    if not isinstance(comma, bool):
        raise MappingError("decimal_comma is to be true or false", where=where)
    columns = _section(said, "columns", where)
    joined = _section(said, "joined", where)
    values = _section(said, "values", where)
    return TableMapping(
        table,
        columns=tuple(
            (clean(heading), column)
            for heading, ours in columns.items()
            for column in _texts(ours, f"{where}, columns, {heading!r}")
        ),
        joined=tuple(
            (column, tuple(clean(h) for h in _texts(parts, f"{where}, joined.{column}")))
            for column, parts in joined.items()
        ),
        constants=tuple(
            (column, _scalar(value, f"{where}, constants.{column}"))
            for column, value in _section(said, "constants", where).items()
        ),
        values=tuple(
            (column, theirs, _words(ours, f"{where}, values.{column}"))
            for column in values
            for theirs, ours in _section(values, column, f"{where}, values").items()
        ),
        sheet=_text(said, "sheet", where),
        header_row=row,
        date_format=_text(said, "date_format", where),
        decimal_comma=comma,
        thousands_separator=_text(said, "thousands_separator", where),
        unmapped=tuple(clean(h) for h in _texts(said.get("unmapped", []), f"{where}, unmapped")),
    )


def _known_keys(said: Section[str, object], known: Sequence[str], where: str | None) -> None:
    for key in said:
        if key not in known:
            raise MappingError(f"no setting {key!r}", where=where, hint=_closest(key, known))


def _section(said: Section[str, object], key: str, where: str) -> dict[str, object]:
    section = said.get(key, {})
    if not isinstance(section, dict):
        raise MappingError(f"{key} is to be a section", where=where, hint=f"[table.{key}]")
    return section


def _text(said: Section[str, object], key: str, where: str | None) -> str | None:
    value = said.get(key)
    if value is not None and not isinstance(value, str):
        raise MappingError(f"{key} is to be a text", where=where)
    return value


def _texts(value: object, where: str) -> list[str]:
    items = value if isinstance(value, list) else [value]
    texts = [v for v in items if isinstance(v, str)]
    if len(texts) != len(items):
        raise MappingError("a text, or a list of texts, is to stand here", where=where)
    return texts


def _words(value: object, where: str) -> tuple[str, ...]:
    return tuple(_scalar(v, where) for v in (value if isinstance(value, list) else [value]))


def _scalar(value: object, where: str) -> str:
    """A value as a cell would state it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case date():
            return value.isoformat()[:10]
        case _:
            raise MappingError("a single value is to stand here", where=where)
