"""CSV, XLSX and Parquet files as what they have in common: rows of cells, read in batches.

A cell is given as text, and beside it what the file itself typed it as. Rows that cannot be
read are given one by one with the reason. Rows without any cell filled are passed over: a
spreadsheet ends in thousands of them.

Files come from outside and may be made to hurt: each reader bounds what it holds before it reads.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ringfence.errors import NotFoundError, RingfenceError, SourceError
from ringfence.sources.cells import Kind
from ringfence.sources.workbooks import BrokenCell, WorkbookSheet

SAMPLE_ROWS: Final = 500
"""So many first rows are looked at to guess what a sheet is."""

HEAD_BYTES: Final = 256 * 1024
"""So much of a CSV file is looked at for the same."""

LONGEST_LINE: Final = 1024 * 1024
"""In characters. A longer line is no row of a table, and would have to be held whole."""

_BLOCK_BYTES: Final = 256 * 1024
_BATCH_ROWS: Final = 100_000
# A stray quotation mark swallows the lines after it; they are read again one by one. Past this
# many, the file was made to have us read it again for ever.
_LINES_READ_AGAIN: Final = 1_000_000
# No character of a file: what a decoder could not read is marked with it.
_UNREADABLE: Final = "\udcff"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Larger than any inventory; a few bytes of run-length coding can declare any number of rows.
_PARQUET_ROWS: Final = 200_000_000
_PARQUET_GROUP_BYTES: Final = 8 * 1024**3


def _mark_unreadable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _UNREADABLE, error.end


codecs.register_error("ringfence-mark", _mark_unreadable)


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows of a sheet: their numbers as a person sees them, and the wanted columns by place.

    `kinds` has only the columns that the file types, as `cells.Kind`.
    """

    rows: pa.Array
    columns: Mapping[int, pa.Array]
    kinds: Mapping[int, pa.Array]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is there but cannot be read."""

    row: int
    reason: str
    content: str


class Grid(Protocol):
    """One sheet, or a file without sheets. `sheet` is its name, null where there are none."""

    sheet: str | None
    is_hidden: bool

    def head(self) -> list[list[str]]:
        """The first rows, to guess by; a cell that states nothing is empty."""
        ...

    def cells(self, header_row: int, wanted: Sequence[int]) -> Iterator[Cells | BadRow]:
        """The rows below the heading row, of the wanted columns."""
        ...

    def close(self) -> None:
        """Let go of what is held while the rows are read."""
        ...


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Let no error of the file system out: each becomes one of ours, about this file."""
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError(f"no file {path.name}", where=str(path)) from None
    except OSError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(
            f"the file cannot be read: {reason}",
            where=str(path),
            hint="is it whole? export it again",
        ) from error


@dataclass(slots=True)
class CsvGrid:
    """A CSV file, in any delimiter and encoding, read line by line.

    A row with more or fewer cells than there are headings, with bytes that are not of the
    encoding, with a NUL, or with quotation marks that do not close, is a `BadRow`; the rows after
    it are read.
    """

    path: Path
    delimiter: str
    encoding: str
    sheet: str | None = None
    is_hidden: bool = False

    def head(self) -> list[list[str]]:
        """The first rows, as far as they can be told from a part of the file."""
        with readable(self.path), self.path.open("rb") as file:
            start = file.read(HEAD_BYTES)
        text = decode_head(start, self.encoding)
        return split_head(text, self.delimiter, is_whole=len(start) < HEAD_BYTES)

    def cells(self, header_row: int, wanted: Sequence[int]) -> Iterator[Cells | BadRow]:
        """The rows, each of which has as many cells as the heading row."""
        batch: list[Cells] = []
        for item in self._cells_of_blocks(header_row, wanted):
            if isinstance(item, BadRow):
                yield item
                continue
            batch.append(item)
            if sum(len(cells.rows) for cells in batch) >= _BATCH_ROWS:
                yield _together(batch)
                batch = []
        if batch:
            yield _together(batch)

    def close(self) -> None:
        """Nothing is held between batches."""

    def _cells_of_blocks(self, header_row: int, wanted: Sequence[int]) -> Iterator[Cells | BadRow]:
        width = 0
        for first, rows, bad in self._records():
            numbers: Sequence[int] = range(first, first + len(rows))
            below = header_row + 1 - first
            if below > 0:
                if below > len(rows):
                    continue
                if below - 1 in bad:
                    raise SourceError(
                        f"the heading row cannot be read: {bad[below - 1]}",
                        where=f"{self.path}:{header_row}",
                    )
                width = len(rows[below - 1])
                numbers = numbers[below:]
                del rows[:below]
                bad = {at - below: why for at, why in bad.items() if at >= below}  # noqa: PLW2901 (what is left of it)
            if bad or set(map(len, rows)) - {width} or not all(map(any, rows)):
                sound: list[int] = []
                for at, row in enumerate(rows):
                    why = bad.get(at) or (_ragged(row, width) if any(row) else None)
                    if why:
                        content = self.delimiter.join(row).replace(_UNREADABLE, "\ufffd")
                        yield BadRow(numbers[at], why, content)
                    elif any(row):
                        sound.append(at)
                numbers = [numbers[at] for at in sound]
                rows = [rows[at] for at in sound]  # noqa: PLW2901 (what is left of it)
            if rows:
                columns = list(zip(*rows, strict=True))
                arrays = {at: pa.array(columns[at], pa.string()) for at in wanted}
                yield Cells(pa.array(numbers, pa.int64()), arrays, {})

    def _records(self) -> Iterator[tuple[int, list[list[str]], dict[int, str]]]:
        """Blocks of rows: the number of the first, the rows, and which are bad and why."""
        splitter = _Splitter(self.path, self.delimiter)
        row, rest = 1, list[str]()
        for new, is_last in self._lines():
            block = splitter.split(rest + new, is_last)
            rest = block.rest
            block.mark(_UNREADABLE, f"bytes that are not {self.encoding}; the mapping can state it")
            block.mark("\0", "a NUL character: the file is damaged or is not text")
            first = row
            row += len(block.rows)
            yield first, block.rows, block.bad

    def _lines(self) -> Iterator[tuple[list[str], bool]]:
        """The file's lines with their ends, in blocks; true with the last block."""
        with readable(self.path), self.path.open("rb") as file:
            decoder = _decoder(file, self.encoding)
            carry = ""
            while True:
                raw = file.read(_BLOCK_BYTES)
                text = carry + decoder.decode(raw, not raw)
                if raw:
                    # A return at the very end may be the first half of a line's end.
                    seen = text.removesuffix("\r")
                    cut = max(seen.rfind("\n"), seen.rfind("\r")) + 1
                    text, carry = text[:cut], text[cut:]
                lines = io.StringIO(text, newline="").readlines()
                if max(map(len, lines), default=0) > LONGEST_LINE or len(carry) > LONGEST_LINE:
                    raise SourceError(
                        f"a line is longer than {LONGEST_LINE:,} characters",
                        where=str(self.path),
                        hint="a table has a line for each row; is this a CSV file?",
                    )
                if not raw:
                    yield lines, True
                    return
                if lines:
                    yield lines, False


def _together(batch: list[Cells]) -> Cells:
    """Several runs of untyped cells as one."""
    rows = pa.concat_arrays([cells.rows for cells in batch])
    columns = {at: pa.concat_arrays([c.columns[at] for c in batch]) for at in batch[0].columns}
    return Cells(rows, columns, {})


@dataclass(slots=True)
class _Block:
    """Lines of a CSV file as rows: the line each begins in, the bad ones, and what is left over."""

    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)
    text: str = ""

    def mark(self, sign: str, what: str) -> None:
        if sign in self.text:
            for at, row in enumerate(self.rows):
                if any(sign in cell for cell in row):
                    self.bad.setdefault(at, f"{what} (line {self.lines[at]})")


@dataclass(slots=True)
class _Splitter:
    """Splits lines into rows. After a row whose quotation marks fail, the next line is a row."""

    path: Path
    delimiter: str
    line: int = 1
    read_again: int = 0

    def split(self, lines: list[str], is_last: bool) -> _Block:
        block = _Block(text="".join(lines))
        add_row, add_line = block.rows.append, block.lines.append
        at = 0
        while at < len(lines):
            reader = csv.reader(lines[at:], delimiter=self.delimiter, strict=True)
            done = 0
            try:
                first = self.line + at
                for row in reader:
                    add_row(row)
                    add_line(first + done)
                    done = reader.line_num
            except csv.Error as error:
                at += done
                rest = lines[at:]
                is_open = "unexpected end" in str(error)
                if is_open and not is_last and sum(map(len, rest)) < LONGEST_LINE:
                    block.rest = rest
                    break
                self._count_again(reader.line_num - done, self.line + at)
                block.bad[len(block.rows)] = _quotation_fault(str(error), self.line + at)
                add_row([rest[0].rstrip("\r\n")])
                add_line(self.line + at)
                at += 1
            else:
                at = len(lines)
        self.line += at
        return block

    def _count_again(self, lines: int, line: int) -> None:
        self.read_again += lines
        if self.read_again > _LINES_READ_AGAIN:
            raise SourceError(
                "its quotation marks are out of balance from end to end",
                where=f"{self.path}, line {line}",
                hint="export it again, or as XLSX",
            )


def _decoder(file: BinaryIO, encoding: str) -> codecs.IncrementalDecoder:
    """A decoder for what follows a byte order mark, if there is one."""
    start = file.read(3)
    mark = next((m for m, e in _MARKS if e == encoding and start.startswith(m)), b"")
    file.seek(len(mark))
    return codecs.getincrementaldecoder(encoding)("ringfence-mark")


def _ragged(row: list[str], width: int) -> str | None:
    if len(row) == width:
        return None
    cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
    return f"{cells} where there are {width} headings: is a delimiter inside a cell unquoted?"


def _quotation_fault(error: str, line: int) -> str:
    if "field larger" in error or "unexpected end" in error:
        return f"a quotation mark opens and does not close (line {line})"
    if "expected after" in error:
        return f"text follows a closing quotation mark (line {line})"
    return f"not a row of a CSV file: {error} (line {line})"


def encoding_of(head: bytes) -> str:
    """The encoding that a byte order mark tells, else UTF-8."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), "utf-8")


def decode_head(head: bytes, encoding: str) -> str:
    """The first bytes of a file as text; what cannot be read shows as U+FFFD."""
    mark = next((m for m, e in _MARKS if e == encoding and head.startswith(m)), b"")
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    return decoder.decode(head[len(mark) :])


def split_head(text: str, delimiter: str, *, is_whole: bool) -> list[list[str]]:
    """The first rows of a CSV file; the last line is left out where it may be cut short."""
    lines = io.StringIO(text, newline="").readlines()
    if not is_whole and len(lines) > 1:
        lines.pop()
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            rows.append([cell.replace("\0", "\ufffd") for cell in row])
            if len(rows) == SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    return rows


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """The file, open; a damaged one makes the library raise nearly anything."""
    try:
        with path.open("rb") as opened, pq.ParquetFile(opened) as file:
            yield file
    except (RingfenceError, OSError):
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(
            f"the Parquet file cannot be read: {reason}", where=str(path), hint="copy it again"
        ) from error


@dataclass(slots=True)
class ParquetGrid:
    """A Parquet file. Its first row has number 2, as if its names stood in row 1."""

    path: Path
    sheet: str | None = None
    is_hidden: bool = False

    def head(self) -> list[list[str]]:
        """The names and the first rows."""
        with _parquet(self.path) as file:
            schema = _sound_schema(file, self.path)
            names = _names(schema)
            once = [at for at, name in enumerate(names) if name and names.count(name) == 1]
            rows = [[""] * len(names) for _ in range(min(SAMPLE_ROWS, file.metadata.num_rows))]
            columns = [schema.names[at] for at in once]
            batch = next(file.iter_batches(max(len(rows), 1), columns=columns), None)
            if batch is not None:
                for at in once:
                    text, _ = _as_text(batch.column(schema.names[at]), self.path, names[at])
                    for row, cell in zip(rows, text.to_pylist(), strict=False):
                        row[at] = cell or ""
        return [names, *rows]

    def close(self) -> None:
        """Nothing is held between batches."""

    def names(self) -> list[str]:
        """The names of its columns; one of nested values has none here."""
        with _parquet(self.path) as file:
            return _names(_sound_schema(file, self.path))

    def cells(self, header_row: int, wanted: Sequence[int]) -> Iterator[Cells | BadRow]:
        """The rows; `header_row` is 1, for the names are no row of the file."""
        if header_row != 1:
            raise SourceError("a Parquet file has its names in row 1", where=str(self.path))
        with _parquet(self.path) as file:
            schema = _sound_schema(file, self.path)
            names = {at: schema.names[at] for at in wanted}
            row = 2
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(names.values())):
                columns, kinds = {}, {}
                for at, name in names.items():
                    columns[at], kind = _as_text(batch.column(name), self.path, name)
                    if kind is not Kind.TEXT:
                        kinds[at] = pa.array(np.full(batch.num_rows, kind, np.uint8))
                rows = pa.array(np.arange(row, row + batch.num_rows, dtype=np.int64))
                row += batch.num_rows
                yield Cells(rows, columns, kinds)


def _names(schema: pa.Schema) -> list[str]:
    return ["" if pa.types.is_nested(f.type) else f.name for f in schema]


def _sound_schema(file: pq.ParquetFile, path: Path) -> pa.Schema:
    """The file's schema, once it does not declare more than there can be."""
    metadata = file.metadata
    if metadata.num_rows > _PARQUET_ROWS:
        raise SourceError(f"it declares {metadata.num_rows:,} rows", where=str(path))
    # The library's own account of each column chunk ends the process where it is damaged.
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).total_byte_size
        if size > _PARQUET_GROUP_BYTES:
            raise SourceError(f"one of its row groups declares {size:,} bytes", where=str(path))
    return file.schema_arrow


def _as_text(array: pa.Array, path: Path, name: str) -> tuple[pa.Array, Kind]:
    """A typed column as text, and what it was typed as."""
    type_ = array.type
    try:
        # The file's own claim that its text is UTF-8 is not believed.
        array.validate(full=True)
        if pa.types.is_dictionary(type_):
            return _as_text(array.dictionary_decode(), path, name)
        if pa.types.is_boolean(type_):
            return pc.if_else(array, "true", "false"), Kind.BOOLEAN
        if pa.types.is_timestamp(type_):
            days = pc.local_timestamp(array) if type_.tz else array
            return pc.floor_temporal(days, unit="day").cast(pa.date32()).cast(
                pa.string()
            ), Kind.DATE
        if pa.types.is_date(type_):
            return array.cast(pa.date32()).cast(pa.string()), Kind.DATE
        if pa.types.is_floating(type_):
            return _floats_as_text(array.cast(pa.float64())), Kind.NUMBER
        text = array.cast(pa.string())
        is_number = pa.types.is_integer(type_) or pa.types.is_decimal(type_)
    except (pa.ArrowException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(
            f"the column {name!r} of type {type_} cannot be read: {reason}", where=str(path)
        ) from error
    return text, Kind.NUMBER if is_number else Kind.TEXT


def _floats_as_text(array: pa.Array) -> pa.Array:
    """A whole number is written as one: a key 812 is often stored as 812.0."""
    array = pc.if_else(pc.is_nan(array), pa.scalar(None, pa.float64()), array)
    small = pc.less(pc.abs(array), 1e15)
    whole = pc.and_(small, pc.equal(pc.floor(array), array))
    digits = pc.if_else(whole, array, 0.0).cast(pa.int64()).cast(pa.string())
    return pc.if_else(whole, digits, array.cast(pa.string()))


@dataclass(slots=True)
class SheetGrid:
    """One sheet of a workbook."""

    source: WorkbookSheet
    sheet: str | None = field(init=False)
    is_hidden: bool = field(init=False)

    def __post_init__(self) -> None:
        self.sheet = self.source.name
        self.is_hidden = self.source.is_hidden

    def head(self) -> list[list[str]]:
        """The first rows, typed cells as they would be written."""
        rows = []
        for _, row in self.source.rows():
            rows.append([_cell(value)[0] for value in row])
            if len(rows) == SAMPLE_ROWS:
                break
        return rows

    def cells(self, header_row: int, wanted: Sequence[int]) -> Iterator[Cells | BadRow]:
        """The rows that have any cell filled."""
        numbers: list[int] = []
        rows: list[Sequence[object]] = []
        for number, row in self.source.rows(filled_from=header_row + 1):
            if number > header_row and any(cell != "" for cell in row):
                numbers.append(number)
                rows.append(row)
                if len(rows) == _BATCH_ROWS:
                    yield _typed(numbers, rows, wanted)
                    numbers, rows = [], []
        if rows:
            yield _typed(numbers, rows, wanted)

    def close(self) -> None:
        """Let go of the sheet's cells."""
        self.source.close()

    def filled_rows(self) -> int:
        """How many rows have any cell filled, the heading row too."""
        return sum(any(cell != "" for cell in row) for _, row in self.source.rows())


def _typed(numbers: list[int], rows: list[Sequence[object]], wanted: Sequence[int]) -> Cells:
    columns, kinds = {}, {}
    for at in wanted:
        values = [row[at] for row in rows]
        if all(type(v) is str for v in values):
            columns[at] = pa.array(values, pa.string())
            continue
        texts, types = zip(*map(_cell, values), strict=True)
        columns[at] = pa.array(texts, pa.string())
        kinds[at] = pa.array(types, pa.uint8())
    return Cells(pa.array(numbers, pa.int64()), columns, kinds)


def _cell(value: object) -> tuple[str, Kind]:
    """A cell of a workbook as text, and what it is typed as."""
    match value:
        case bool():
            return ("true" if value else "false"), Kind.BOOLEAN
        case int() | float():
            kind = Kind.LONG_NUMBER if abs(value) >= 1e15 else Kind.NUMBER
            whole = kind is Kind.NUMBER and float(value).is_integer()
            return (str(int(value)) if whole else repr(value)), kind
        case date():
            # A datetime is a date too; midnight is how a workbook gives a day.
            return value.isoformat().removesuffix("T00:00:00"), Kind.DATE
        case BrokenCell():
            return value.why, Kind.ERROR
        case _:
            return str(value), Kind.TEXT
