"""XLSX workbooks, opened only after the archive has been looked over.

The library that reads them holds a sheet as one rectangle, so a workbook of two kilobytes with a
cell in the last corner of a sheet would take half a terabyte; and it gives an error such as
`#REF!` as an empty cell, which would turn a fault into "not stated". Both are found here first.
"""

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from xml.parsers import expat

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from ringfence.errors import SourceError

OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
"""The first bytes of a compound file: an .xls of before 2007, or an encrypted .xlsx."""

_UNPACKED_BYTES: Final = 512 * 1024**2
# Deflate packs 1000 : 1 at most and a sheet of equal rows about 50 : 1.
_PACKING: Final = 200
_PACKING_MATTERS_FROM: Final = 16 * 1024**2
_PARTS: Final = 10_000
# The library needs 32 bytes for each cell of the rectangle, filled or not.
_RECTANGLE_CELLS: Final = 32 * 1024**2
# ECMA-376 sets no limit; the spreadsheet programs do.
_ROWS: Final = 1_048_576
_BROKEN_CELLS: Final = 200_000
_TAG_BYTES: Final = 4 * 1024**2
_CHUNK: Final = 1024**2

# An entity declared in the file is how a few bytes of XML become gigabytes, or another file.
_DECLARATIONS: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
# Cells that could span a large rectangle: a column beyond Z, a row of seven figures, no address.
_FAR_CELL: Final = re.compile(rb"""\sr\s*=\s*["'](?:[A-Za-z]{2,}\d|[A-Za-z]?\d{7,})""")
_NO_ADDRESS: Final = re.compile(
    rb"""<(?:\w+:)?c(?:\s+(?!r\s*=)[\w:]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>"""
)
_ERROR_OR_FORMULA: Final = re.compile(rb"""\st\s*=\s*["']e["']|<(?:\w+:)?f[\s/>]""")
_ADDRESS: Final = re.compile(r"([A-Za-z]*)(\d*)")

_HINT: Final = "save it again as XLSX, or each sheet as CSV"
_ARCHIVE_ERRORS: Final = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(ValueError, NotImplementedError, RuntimeError, OverflowError, LookupError),
)


def _needs_look(text: bytes) -> bool:
    if any(p.search(text) for p in (_FAR_CELL, _NO_ADDRESS)):
        return True
    # Most parts have none of these bytes, and looking for bytes is far quicker than matching.
    marks = (b'"e"', b"'e'", b"<f", b":f")
    return any(m in text for m in marks) and bool(_ERROR_OR_FORMULA.search(text))


@dataclass(frozen=True, slots=True)
class BrokenCell:
    """A cell with an error, or with a formula whose result the file does not hold."""

    why: str


def is_workbook(path: Path) -> bool:
    """Whether the archive's directory lists a workbook; never raises."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except _ARCHIVE_ERRORS:
        return False


@dataclass(slots=True)
class Workbook:
    """A workbook that has been found harmless to open. Raises `SourceError` where it is not."""

    path: Path
    sheets: tuple["WorkbookSheet", ...] = field(init=False)

    def __post_init__(self) -> None:
        size = self.path.stat().st_size
        if size > _UNPACKED_BYTES:
            raise _refusal(self.path, f"a workbook of {size:,} bytes is too large")
        data = self.path.read_bytes()
        if data.startswith(OLE):
            raise _refusal(self.path, "the workbook is encrypted, or older than XLSX")
        broken = self._look_over(data)
        with _library(self.path):
            book = CalamineWorkbook.from_filelike(io.BytesIO(data))
            self.sheets = tuple(
                WorkbookSheet(
                    self.path,
                    book,
                    sheet.name,
                    sheet.visible != SheetVisibleEnum.Visible,
                    broken.get(sheet.name, {}),
                )
                for sheet in book.sheets_metadata
                if sheet.typ == SheetTypeEnum.WorkSheet
            )

    def _look_over(self, data: bytes) -> dict[str, dict[int, dict[int, str]]]:
        """Refuse what is dangerous; returns the cells that hold no value, sheet by sheet."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                parts = archive.infolist()
                self._check_directory(parts, len(data))
                suspects = [p.filename for p in parts if self._check_part(archive, p)]
                names = _parts_of_sheets(archive)
                if not all(part.endswith(".xml") for part in names.values()):
                    raise _refusal(self.path, "a sheet is kept in a part that is not XML")
                looks = {}
                for part in suspects:
                    if part.endswith(".xml"):
                        looks[part] = _CellLook(str(self.path))
                        _parse(archive, part, looks[part])
                return {name: looks[part].broken for name, part in names.items() if part in looks}
        except (*_ARCHIVE_ERRORS, expat.ExpatError) as error:
            raise _refusal(
                self.path, f"the workbook is damaged or cut short: {error}", "copy it again"
            ) from error

    def _check_directory(self, parts: Sequence[zipfile.ZipInfo], size: int) -> None:
        names = [p.filename for p in parts]
        total = sum(p.file_size for p in parts)
        if "xl/workbook.xml" not in names:
            raise _refusal(self.path, "the archive holds no workbook")
        if any(name.lower().endswith("vbaproject.bin") for name in names):
            raise _refusal(self.path, "the workbook holds macros")
        if len(names) > _PARTS or len(set(names)) < len(names):
            raise _refusal(self.path, "the archive lists too many parts, or one twice")
        if any(name.startswith("/") or ".." in re.split(r"[\\/]", name) for name in names):
            raise _refusal(self.path, "a part of the archive is named to lie outside it")
        # Tried by the library where the XLSX reading fails, and not looked over here.
        if {"xl/workbook.bin", "content.xml"} & {name.lower() for name in names}:
            raise _refusal(self.path, "the archive holds a workbook of another format too")
        if any(p.flag_bits & 1 for p in parts):
            raise _refusal(self.path, "the archive is encrypted")
        if total > _UNPACKED_BYTES:
            raise _refusal(self.path, f"it unpacks to {total:,} bytes; that is too much")
        if total > _PACKING_MATTERS_FROM and total > _PACKING * size:
            raise _refusal(self.path, f"it unpacks to {total // size} times its size")

    def _check_part(self, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
        """Unpack a part once, piece by piece; true where its cells need a closer look."""
        # Reading one byte more than declared shows a part that lies about its size.
        honest = copy(part)
        honest.file_size += 1
        seen = 0
        suspect = False
        carry = b""
        with archive.open(honest) as file:
            while piece := file.read(_CHUNK):
                if not seen and piece[:2] in {b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<"}:
                    raise _refusal(self.path, f"{part.filename} is not in UTF-8")
                seen += len(piece)
                text = carry + piece
                if _DECLARATIONS.search(text):
                    raise _refusal(self.path, f"{part.filename} declares XML entities")
                suspect = suspect or _needs_look(text)
                # A tag may be cut by the end of the piece; it is looked at with the next.
                cut = text.rfind(b"<")
                carry = text[cut:] if cut >= 0 else b""
                if len(carry) > _TAG_BYTES:
                    suspect = True
                    carry = carry[-len("<!DOCTYPE") :]
        if seen > part.file_size:
            raise _refusal(self.path, f"{part.filename} is larger than it declares")
        return suspect


@dataclass(slots=True)
class WorkbookSheet:
    """One worksheet. Its rows are read when they are asked for."""

    path: Path
    book: Any
    name: str
    is_hidden: bool
    _broken: dict[int, dict[int, str]] = field(repr=False)
    _opened: Any = field(default=None, repr=False)

    def rows(self, *, filled_from: int | None = None) -> Iterator[tuple[int, list[object]]]:
        """Each row with its number, from the first of the sheet; an empty cell is "".

        Columns left of the first filled one are left out. From `filled_from` on, a cell merged
        over several rows stands in each of them that has any other cell filled.
        """
        with _library(self.path):
            if self._opened is None:
                self._opened = self.book.get_sheet_by_name(self.name)
            sheet = self._opened
            if sheet.start is None:
                return
            left, width, last = sheet.start[1], sheet.width, sheet.end[0] + 1
            merged = _Merged(sheet.merged_cell_ranges if filled_from else (), left)
            rows = sheet.iter_rows()
        # The library's rows end with the last value; formulas without one may go on below.
        for number in range(1, max([last, *self._broken]) + 1):
            with _library(self.path):
                row = next(rows) if number <= last else [""] * width
            for at, why in self._broken.get(number, {}).items():
                if 0 <= at - left < len(row):
                    row[at - left] = BrokenCell(why)
            if filled_from and number >= filled_from:
                merged.fill(number, row)
            yield number, row

    def close(self) -> None:
        """Let go of the cells, which are held whole while the rows are read."""
        self._opened = None


class _Merged:
    """Cells merged over several rows: what stands in the first stands in each."""

    def __init__(
        self, ranges: Sequence[tuple[tuple[int, int], tuple[int, int]]] | None, left: int
    ) -> None:
        self._starts: dict[int, list[tuple[int, int]]] = {}
        for (top, column), (bottom, _) in ranges or ():
            if bottom > top:
                self._starts.setdefault(top + 1, []).append((column - left, bottom + 1))
        self._standing: dict[int, tuple[object, int]] = {}

    def fill(self, number: int, row: list[object]) -> None:
        if self._standing and any(cell != "" for cell in row):
            for at, (value, last) in list(self._standing.items()):
                if number > last:
                    del self._standing[at]
                elif row[at] == "":
                    row[at] = value
        for at, last in self._starts.get(number, ()):
            if 0 <= at < len(row):
                self._standing[at] = (row[at], last)


@dataclass(slots=True)
class _CellLook:
    """What the XML of a sheet says of its cells' places and of those that hold no value."""

    place: str
    broken: dict[int, dict[int, str]] = field(default_factory=dict)
    _row: int = 0
    _column: int = -1
    _last_row: int = 0
    _last_column: int = 0
    _count: int = 0
    _type: str | None = None
    _has_formula: bool = False
    _in_value: bool = False
    _value: str = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "row":
                given = attributes.get("r", "")
                self._row = int(given) if given.isdecimal() else self._row + 1
                self._column = -1
            case "c":
                self._move(attributes.get("r"))
                self._type = attributes.get("t")
                self._has_formula = False
                self._value = ""
            case "f":
                self._has_formula = True
            case "v":
                self._in_value = True

    def _move(self, address: str | None) -> None:
        found = _ADDRESS.fullmatch(address) if address else None
        if found and found[1] and found[2]:
            self._row, self._column = int(found[2]), _column_number(found[1])
        else:
            self._column += 1
        self._last_row = max(self._last_row, self._row)
        self._last_column = max(self._last_column, self._column)
        cells = self._last_row * (self._last_column + 1)
        if cells > _RECTANGLE_CELLS or self._last_row > _ROWS:
            raise SourceError(
                f"the sheet reaches to row {self._last_row:,} and column {self._last_column + 1:,}",
                where=self.place,
                hint="delete the rows and columns beyond the table, or save the sheet as CSV",
            )

    def end(self, name: str) -> None:
        match name.rpartition(":")[2]:
            case "v":
                self._in_value = False
            case "c":
                if self._type == "e":
                    self._note(self._value or "#ERROR")
                elif self._has_formula and not self._value and self._type in {None, "n"}:
                    self._note("a formula without a result")

    def characters(self, text: str) -> None:
        if self._in_value:
            self._value += text

    def _note(self, why: str) -> None:
        self._count += 1
        if self._count > _BROKEN_CELLS:
            raise SourceError("the sheet is full of errors", where=self.place)
        self.broken.setdefault(self._row, {})[self._column] = why


def _column_number(letters: str) -> int:
    """A column's place from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters[:8].upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


class _Look(Protocol):
    """What a part's XML is asked for."""

    def start(self, name: str, attributes: dict[str, str]) -> None: ...
    def end(self, name: str) -> None: ...
    def characters(self, text: str) -> None: ...


def _parse(archive: zipfile.ZipFile, part: str, look: _Look) -> None:
    # As the library reads them, whatever encoding the part says it has.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = look.start
    parser.EndElementHandler = look.end
    parser.CharacterDataHandler = look.characters
    with archive.open(part) as file:
        parser.ParseFile(file)


@dataclass(slots=True)
class _Attributes:
    """Two attributes of each element of a name, the first as the key of the second."""

    element: str
    key: str
    value: str
    found: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == self.element:
            local = {k.rpartition(":")[2]: v for k, v in attributes.items()}
            self.found[local.get(self.key, "")] = local.get(self.value, "")

    def end(self, name: str) -> None:
        pass

    def characters(self, text: str) -> None:
        pass


def _parts_of_sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """The part of the archive that holds each sheet, through the workbook's relations."""
    ids = _Attributes("sheet", "name", "id")
    targets = _Attributes("Relationship", "Id", "Target")
    _parse(archive, "xl/workbook.xml", ids)
    _parse(archive, "xl/_rels/workbook.xml.rels", targets)
    parts = {}
    for sheet, id_ in ids.found.items():
        target = targets.found.get(id_, "")
        whole = target[1:] if target.startswith("/") else f"xl/{target}"
        parts[sheet] = posixpath.normpath(whole)
    return parts


def _refusal(path: Path, why: str, hint: str = _HINT) -> SourceError:
    return SourceError(why, where=str(path), hint=hint)


@contextmanager
def _library(path: Path) -> Iterator[None]:
    """Turn any failure of the library into one of ours: it may raise, or panic."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, SourceError):
        raise
    except BaseException as error:  # a panic in its Rust code is no Exception
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _refusal(path, f"the workbook cannot be read: {reason}") from error
