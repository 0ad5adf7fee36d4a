"""CSV, XLSX and Parquet tables under the operator's own headings.

The headings are laid onto our columns by a saved mapping, or by a guess that applies only what
is certain. Each record is judged whole: one faulty cell rejects it, with all its faults and their
cure in the reason, because half a record would pass for a whole one. One sheet may feed several
tables; a record is counted once however many rows it gives.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Words
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import process

from ringfence.errors import RingfenceError, SourceError
from ringfence.network.model import TABLES
from ringfence.sources import cells as cell
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.cells import Order, Reading
from ringfence.sources.grids import (
    HEAD_BYTES,
    BadRow,
    Cells,
    CsvGrid,
    Grid,
    ParquetGrid,
    SheetGrid,
    decode_head,
    encoding_of,
    readable,
    split_head,
)
from ringfence.sources.guessing import Guess, guess, heading_row
from ringfence.sources.mapping import DELIMITERS, FILLABLE, Mapping, TableMapping, clean
from ringfence.sources.templates import is_explanation, write_template
from ringfence.sources.workbooks import OLE, Workbook, is_workbook
from ringfence.store.tables import Column, Secrecy, Type

__all__ = ["LISTED", "PREFIX", "TableFile", "write_template"]

PREFIX: Final = "table"
"""What goes before native keys where nobody says otherwise."""

LISTED: Final = 10_000
"""So many rejected rows of a file are listed one by one; the rest are counted by their reason."""

_PARQUET: Final = b"PAR1"
_ZIP: Final = b"PK\x03\x04"
_SURE: Final = 0.6
_HINT: Final = "ringfence sources guess FILE shows what its headings could become"
_FUNCTION_SEPARATORS: Final = r"[,;/+\n]"
_QUOTED_CHARACTERS: Final = 60


class TableFile:
    """Reads any table file with a heading row."""

    kind = "table-file"
    describes = "CSV, XLSX or Parquet tables under your own headings"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Claim a table whose headings are those of a table of ours, with modest sureness."""
        try:
            if head.startswith((OLE, _ZIP)):
                return _claim_workbook(path, head)
            if head.startswith(_PARQUET):
                names = ParquetGrid(path).names()
                return _claim_of(guess(names, [], (path.stem,)), "a Parquet table")
            return _claim_text(path, head)
        except RingfenceError as error:
            return Claim(0.2, f"a table, but {error.message}")
        except OSError as error:
            return Claim(0.0, str(error))

    def guess(self, path: Path, *, table: str | None = None) -> tuple[Guess, ...]:
        """What each sheet of a file seems to be; `table` settles it where a person knows.

        The blocks of the guesses make a `Mapping`. Raises `SourceError` where the file cannot be
        read or two tables fit alike.
        """
        with readable(path):
            return tuple(
                _guess(grid, path, table)
                for grid in _open(path, None)
                if not grid.is_hidden and not is_explanation(grid.head())
            )

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield rows, rejects and counts; raise `SourceError` if no table of ours fits."""
        mapping = Mapping.load(options.mapping) if options.mapping else None
        prefix = options.prefix or (mapping.prefix if mapping else None) or PREFIX
        name = options.origin or path.name
        listing = _Listing()
        unfit: list[str] = []
        has_read = False
        with readable(path):
            grids = _open(path, mapping)
            _check_sheets(path, mapping, grids)
            for grid in grids:
                place = name if grid.sheet is None else f"{name}!{grid.sheet}"
                blocks, why = _blocks(grid, path, mapping, alone=len(grids) == 1)
                if blocks:
                    has_read = True
                    where = f"{path}!{grid.sheet}" if grid.sheet else str(path)
                    yield from _Sheet(grid, blocks, place, where, prefix, listing).read()
                elif isinstance(grid, SheetGrid):
                    unfit.append(f"{grid.sheet}: {why}")
                    if rows := grid.filled_rows():
                        yield Read(rows, 0)
                        yield Reject(place, why, kind="set aside", rows=rows)
                else:
                    unfit.append(why)
                grid.close()
        if not has_read:
            raise SourceError(
                f"no table fits: {'; '.join(unfit) or 'there are no sheets'}",
                where=str(path),
                hint=_HINT,
            )


def rows_as_written(path: Path) -> list[dict[str, str | None]]:
    """The rows of a small table file, of its first sheet, as texts by their headings.

    For tables of ours that a person hands back, such as chosen links. Raises `SourceError` at the
    first row that cannot be read.
    """
    with readable(path):
        grid = _open(path, None)[0]
        headings = [clean(h) for h in (grid.head() or [[]])[0]]
        rows: list[dict[str, str | None]] = []
        for cells in grid.cells(1, range(len(headings))):
            if isinstance(cells, BadRow):
                raise SourceError(cells.reason, where=f"{path}, row {cells.row}")
            columns = [cell.stated(cells.columns[i]).to_pylist() for i in range(len(headings))]
            rows += [dict(zip(headings, row, strict=True)) for row in zip(*columns, strict=True)]
        grid.close()
        return rows


_DELIMITER_NAMES: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def _claim_workbook(path: Path, head: bytes) -> Claim:
    if head.startswith(OLE):
        marks = (m.encode("utf-16-le") for m in ("EncryptedPackage", "Workbook"))
        is_book = path.suffix.lower() in {".xls", ".xlsx"} or any(m in head for m in marks)
        return Claim(0.3 if is_book else 0.0, "a workbook that is encrypted or older than XLSX")
    if is_workbook(path):
        return Claim(0.5, "an XLSX workbook")
    is_cut = b"xl/" in head and path.suffix.lower() == ".xlsx"
    return Claim(0.3 if is_cut else 0.0, "an archive without a whole workbook in it")


def _claim_text(path: Path, head: bytes) -> Claim:
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"[", b"<", b""}:
        return Claim(0.0, "empty, JSON or XML")
    delimiter, rows = _split(path, head, encoding_of(head))
    if not rows:
        return Claim(0.0, "no lines")
    row, _ = heading_row(rows, (path.stem,))
    found = guess(rows[row - 1], rows[row:], (path.stem,), header_row=row)
    return _claim_of(found, f"a table with {_DELIMITER_NAMES[delimiter]} between cells")


def _claim_of(found: Guess, what: str) -> Claim:
    sureness = 0.3 + (_SURE - 0.3) * found.sureness if found.blocks else 0.0
    return Claim(round(sureness, 2), f"{what}: {found.because}")


def _open(path: Path, mapping: Mapping | None) -> Sequence[Grid]:
    """The sheets of a file, whatever its name ends in."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise SourceError("the file is empty", where=str(path))
    if head.startswith((_ZIP, OLE)):
        return [SheetGrid(sheet) for sheet in Workbook(path).sheets]
    if head.startswith(_PARQUET):
        return [ParquetGrid(path)]
    encoding = (mapping.encoding if mapping else None) or encoding_of(head)
    delimiter = mapping.delimiter if mapping else None
    if delimiter is None:
        delimiter, _ = _split(path, head, encoding, mapping)
    return [CsvGrid(path, delimiter, encoding)]


def _split(
    path: Path, head: bytes, encoding: str, mapping: Mapping | None = None
) -> tuple[str, list[list[str]]]:
    """The delimiter under which the headings make most sense, and the rows it gives."""
    text = decode_head(head, encoding)
    is_whole = len(head) == path.stat().st_size
    best: tuple[float, int, str, list[list[str]]] | None = None
    for delimiter in DELIMITERS:
        rows = split_head(text, delimiter, is_whole=is_whole)
        if mapping:
            score = float(_headings_found(mapping.tables[0], rows))
        else:
            score = heading_row(rows, (path.stem,))[1]
        widest = max(map(len, rows), default=0)
        if best is None or (score, widest) > best[:2]:
            best = (score, widest, delimiter, rows)
    assert best is not None  # noqa: S101 (there are delimiters)
    return best[2], best[3]


def _headings_found(block: TableMapping, rows: list[list[str]]) -> int:
    if block.header_row > len(rows):
        return 0
    return len(set(block.headings) & {clean(h) for h in rows[block.header_row - 1]})


def _guess(grid: Grid, path: Path, table: str | None = None) -> Guess:
    rows = grid.head()
    names = [path.stem] if grid.sheet is None else [grid.sheet, path.stem]
    row, _ = heading_row(rows, names)
    headings = rows[row - 1] if rows else []
    try:
        return guess(headings, rows[row:], names, sheet=grid.sheet, header_row=row, table=table)
    except SourceError as error:
        where = f"{path}!{grid.sheet}" if grid.sheet else str(path)
        raise SourceError(error.message, where=where, hint=error.hint) from None


def _check_sheets(path: Path, mapping: Mapping | None, grids: Sequence[Grid]) -> None:
    """A mapping that names what is not there is not for this file."""
    there = [g.sheet for g in grids]
    for block in mapping.tables if mapping else ():
        is_there = block.sheet in there or (block.sheet is None and len(there) == 1)
        if not is_there:
            what = f"no sheet {block.sheet!r}" if block.sheet else "no sheet that it leaves unnamed"
            named = ", ".join(s for s in there if s)
            raise SourceError(
                f"the mapping is of another file: there is {what}",
                where=str(path),
                hint=f"the sheets: {named}" if named else "the file has no sheets",
            )


def _blocks(
    grid: Grid, path: Path, mapping: Mapping | None, *, alone: bool
) -> tuple[Sequence[TableMapping], str]:
    """How a sheet is to be read, or why it is not."""
    if mapping:
        blocks = mapping.of_sheet(grid.sheet)
        if not blocks and alone:
            blocks = mapping.of_sheet(None)
        return blocks, "the mapping does not name the sheet"
    if grid.is_hidden:
        return (), "the sheet is hidden; a mapping that names it has it read"
    if is_explanation(grid.head()):
        return (), "the explanations of a template"
    found = _guess(grid, path)
    # The sample's date format is a guess from some rows; the reader looks at them all.
    return [replace(b, date_format=None) for b in found.blocks], found.because


@dataclass(slots=True)
class _Listing:
    """Lists rejects one by one until there are too many to read, then counts them."""

    left: int = LISTED

    def rejects(
        self, place: str, table: str, rows: Sequence[tuple[int, "_Faults", str]]
    ) -> Iterator[Reject]:
        alone = rows[: self.left]
        self.left -= len(alone)
        for number, faults, content in alone:
            yield Reject(f"{place}:{number}", faults.reason, table, content=content)
        alike: dict[str, list[int]] = {}
        for number, faults, _ in rows[len(alone) :]:
            alike.setdefault(faults.shape, []).append(number)
        for shape, numbers in alike.items():
            yield Reject(
                f"{place}:{numbers[0]}-{numbers[-1]}",
                f"{shape}; one of {len(numbers)} such rows, of too many to list",
                table,
                rows=len(numbers),
            )


@dataclass(slots=True)
class _Faults:
    """What is wrong with one row, with the values and without."""

    said: dict[str, str] = field(default_factory=dict)

    def add(self, shape: str, reason: str) -> None:
        self.said.setdefault(shape, reason)

    @property
    def reason(self) -> str:
        return "; ".join(self.said.values())

    @property
    def shape(self) -> str:
        return "; ".join(self.said)


@dataclass(frozen=True, slots=True)
class _Filling:
    """What fills one of our columns: the headings' places, or a constant."""

    column: Column
    headings: tuple[str, ...]
    places: tuple[int, ...]
    constant: str | None
    words: Words[str, str]


@dataclass(slots=True)
class _Block:
    """One table a sheet feeds. `is_of_record` where each record gives rows of its own."""

    mapping: TableMapping
    fillings: tuple[_Filling, ...]
    is_first: bool
    is_of_record: bool
    seen: set[tuple[object, ...]] = field(default_factory=set)


@dataclass(slots=True)
class _Work:
    """Cells under way to rows, with the faults found so far."""

    cells: Cells
    texts: Words[int, pa.Array]
    faults: dict[int, _Faults] = field(default_factory=dict)

    def fault(self, at: int, shape: str, reason: str) -> None:
        self.faults.setdefault(at, _Faults()).add(shape, reason)


@dataclass(slots=True)
class _Sheet:
    """One sheet, read by its blocks; `place` is how `origin` names it, `where` how errors do."""

    grid: Grid
    blocks: Sequence[TableMapping]
    place: str
    where: str
    prefix: str
    listing: _Listing
    _places: dict[str, int] = field(init=False)
    _blocks: list[_Block] = field(init=False)
    _orders: dict[int, Order] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places = self._find_headings()
        self._blocks = self._lay_out()

    def read(self) -> Iterator[Batch | Reject | Read]:
        """The sheet's rows, rejects and counts."""
        wanted = tuple(dict.fromkeys(self._places.values()))
        for item in self.grid.cells(self.blocks[0].header_row, wanted):
            if isinstance(item, BadRow):
                faults = _Faults({item.reason: item.reason})
                yield Read(1, 0)
                yield from self.listing.rejects(
                    self.place, self.blocks[0].table, [(item.row, faults, item.content)]
                )
            else:
                yield from self._rows(item)

    def _find_headings(self) -> dict[str, int]:
        rows = self.grid.head()
        if len(rows) < self.blocks[0].header_row:
            raise SourceError(f"there is no row {self.blocks[0].header_row}", where=self.where)
        there = [clean(h) for h in rows[self.blocks[0].header_row - 1]]
        places = {}
        for heading in dict.fromkeys(h for b in self.blocks for h in b.headings):
            if there.count(heading) != 1:
                twice = "stands twice in" if heading in there else "is not in"
                close = [h for h, _, _ in process.extract(heading, there, limit=3) if h]
                raise SourceError(
                    f"the heading {heading!r} {twice} row {self.blocks[0].header_row}",
                    where=self.where,
                    hint=f"it may be: {', '.join(close)}; change the mapping or the file",
                )
            places[heading] = there.index(heading)
        return places

    def _lay_out(self) -> list[_Block]:
        key = {h for h, c in self.blocks[0].columns if FILLABLE[self.blocks[0].table][c].required}
        laid = []
        for block in self.blocks:
            columns = FILLABLE[block.table]
            parts: list[tuple[str, tuple[str, ...], str | None]] = [
                *((c, (h,), None) for h, c in block.columns),
                *((c, hs, None) for c, hs in block.joined),
                *((c, (), constant) for c, constant in block.constants),
            ]
            fillings = tuple(
                _Filling(
                    columns[name],
                    headings,
                    tuple(self._places[h] for h in headings),
                    constant,
                    block.words(name),
                )
                for name, headings, constant in parts
            )
            laid.append(
                _Block(block, fillings, block is self.blocks[0], bool(key & set(block.headings)))
            )
        return laid

    def _rows(self, cells: Cells) -> Iterator[Batch | Reject | Read]:
        texts = {
            at: cell.stated(column, cells.kinds.get(at)) for at, column in cells.columns.items()
        }
        work = _Work(cells, texts)
        filled = [(block, self._fill(block, work)) for block in self._blocks]
        faults = work.faults
        count = len(cells.rows)
        sound = pa.array([at not in faults for at in range(count)] if faults else [], pa.bool_())
        origin = pc.binary_join_element_wise(self.place, cells.rows.cast(pa.string()), ":")
        for block, columns in filled:
            table = pa.table({**columns, "origin": origin})
            rows = _rows_of(block, table.filter(sound) if faults else table)
            if rows.num_rows:
                yield Batch(block.mapping.table, rows)
        yield Read(count, count - len(faults))
        if faults:
            numbers = cells.rows.to_pylist()
            bad = [(numbers[at], faults[at], self._content(cells, at)) for at in sorted(faults)]
            yield from self.listing.rejects(self.place, self.blocks[0].table, bad)

    def _fill(self, block: _Block, work: _Work) -> dict[str, pa.Array]:
        """The columns of one table, null where a cell states nothing or is at fault."""
        columns = {}
        for filling in block.fillings:
            column = filling.column
            if filling.constant is not None:
                values = self._constant(filling, block.mapping.reading, len(work.cells.rows))
            else:
                parts = [
                    self._convert(block, filling, at, work) for at in range(len(filling.places))
                ]
                values = parts[0] if len(parts) == 1 else _joined(parts)
            if column.name == "id" or column.refers_to:
                values = self._key(values)
            if block.is_first and column.required:
                _require(filling, block, values, work)
            columns[column.name] = values
        return columns

    def _convert(self, block: _Block, filling: _Filling, part: int, work: _Work) -> pa.Array:
        place, heading = filling.places[part], filling.headings[part]
        text, kinds = work.texts[place], work.cells.kinds.get(place)
        reading = block.mapping.reading
        if filling.column.type is Type.DATE and not reading.date_format:
            reading = replace(reading, order=self._order(place, text))
        values, found = cell.convert(filling.column, text, kinds, reading, filling.words)
        # A reason may be shown to more people than the column itself.
        is_open = filling.column.secrecy.value <= Secrecy.INTERNAL.value
        for fault in found:
            for at in pc.indices_nonzero(fault.mask).to_pylist():
                shape = f"{heading} {fault.why}"
                value = _quoted(text[at].as_py())
                work.fault(at, shape, f"{heading}: {value} {fault.why}" if is_open else shape)
        return values

    def _constant(self, filling: _Filling, reading: Reading, count: int) -> pa.Array:
        text = cell.stated(pa.array([filling.constant], pa.string()))
        values, _ = cell.convert(filling.column, text, None, replace(reading, date_format=None), {})
        return pa.repeat(values[0], count)

    def _key(self, values: pa.Array) -> pa.Array:
        """Keys of this file, told from those of others; one with a colon has its prefix."""
        own = pc.binary_join_element_wise(self.prefix, values, ":")
        has_prefix = pc.fill_null(pc.match_substring(values, ":"), False)
        return pc.if_else(has_prefix, values, own)

    def _order(self, place: int, text: pa.Array) -> Order:
        """Which comes first in a column's dates, the day or the month; all its rows are asked."""
        if place not in self._orders:
            if not pc.any(pc.match_substring_regex(text, cell.LIKE_FIGURES)).as_py():
                return Order.UNDECIDED
            dates: set[str] = set()
            for item in self.grid.cells(self.blocks[0].header_row, (place,)):
                if isinstance(item, Cells):
                    dates |= set(item.columns[place].unique().to_pylist())
            self._orders[place] = cell.date_order(dates)
        return self._orders[place]

    def _content(self, cells: Cells, at: int) -> str:
        """The record as it stands, without what only a few may see."""
        secret = {
            place
            for block in self._blocks
            for f in block.fillings
            if f.column.secrecy is Secrecy.SECRET
            for place in f.places
        }
        return ", ".join(
            f"{heading}={cells.columns[place][at].as_py()}"
            for heading, place in self._places.items()
            if place not in secret and cells.columns[place][at].as_py()
        )


def _quoted(text: str) -> str:
    short = text if len(text) <= _QUOTED_CHARACTERS else f"{text[:_QUOTED_CHARACTERS]}..."
    return repr(short)


def _joined(parts: Sequence[pa.Array]) -> pa.Array:
    """A key of several headings; without the last, which tells most, there is none."""
    joined = parts[-1]
    # pyarrow's own way of skipping nulls drops the rows in which all are null.
    for part in reversed(parts[:-1]):
        before = pc.fill_null(pc.binary_join_element_wise(part, "", "/"), "")
        joined = pc.binary_join_element_wise(before, joined, "")
    return joined


def _require(filling: _Filling, block: _Block, values: pa.Array, work: _Work) -> None:
    """A record without what its own table must have is at fault, unless it is so already."""
    for at in pc.indices_nonzero(pc.is_null(values)).to_pylist():
        said = work.faults[at].said if at in work.faults else {}
        if not any(s.startswith(filling.headings) for s in said):
            heads = " and ".join(filling.headings)
            why = f"{heads} is not stated, without which there is no {block.mapping.table}"
            work.fault(at, why, why)
    if (block.mapping.table, filling.column.name) == ("function", "kind") and filling.headings:
        nameless = pc.match_substring_regex(values, r"^[,;/+\s]+$")
        for at in pc.indices_nonzero(nameless).to_pylist():
            work.fault(at, why := f"{filling.headings[0]} names no function", why)


def _rows_of(block: _Block, table: pa.Table) -> pa.Table:
    """The rows of one table that sound records give."""
    name = block.mapping.table
    if not block.is_first:
        for column in TABLES[name].columns:
            if column.required:
                table = table.filter(pc.is_valid(table[column.name]))
    if name == "function":
        table = _one_function_a_row(table)
    if not block.is_first and not block.is_of_record:
        table = _new_rows(table, block.seen)
    return table


def _one_function_a_row(table: pa.Table) -> pa.Table:
    """A cell may name several functions: "AMF, SMF" is two rows."""
    coded = table["kind"].combine_chunks().dictionary_encode()
    parts = pc.split_pattern_regex(coded.dictionary, _FUNCTION_SEPARATORS)
    kinds = [[k for k in dict.fromkeys(p.strip() for p in cut) if k] for cut in parts.to_pylist()]
    if all(len(k) == 1 for k in kinds):
        return table
    lists = pa.array(kinds, pa.list_(pa.string())).take(coded.indices)
    rows = table.take(pc.list_parent_indices(lists))
    return rows.set_column(rows.schema.get_field_index("kind"), "kind", pc.list_flatten(lists))


def _new_rows(table: pa.Table, seen: set[tuple[object, ...]]) -> pa.Table:
    """The rows that say something not said before; their first origin is kept."""
    names = [n for n in table.column_names if n != "origin"]
    numbered = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    distinct = numbered.group_by(names, use_threads=False).aggregate([("row", "min")])
    first = pa.array(sorted(distinct["row_min"].to_pylist()), pa.int64())
    fresh = []
    for at, row in zip(first.to_pylist(), table.take(first).select(names).to_pylist(), strict=True):
        said = tuple(row.values())
        if said not in seen:
            seen.add(said)
            fresh.append(at)
    return table.take(pa.array(fresh, pa.int64()))
