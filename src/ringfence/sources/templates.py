"""A table's declaration as a file to fill in, which `table_files` reads back."""

import csv
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from ringfence.errors import UsageError
from ringfence.sources.cells import escaped
from ringfence.sources.mapping import FILLABLE
from ringfence.store.tables import Column, Table, Type

REMARK: Final = "# "
"""How the heading of a column begins that is not read."""

_EXPLAINED: Final = (
    "Column",
    "Meaning",
    "Type",
    "Unit",
    "Allowed values",
    "Must be stated",
    "Names a",
)
# Any day will do; the bytes of a template are to be the same every day.
_CREATED: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
# The spreadsheet's own limits: a list in a drop-down, a row, the first day it knows.
_LIST_CHARACTERS: Final = 255
_LAST_ROW: Final = 1_048_575
_FIRST_DAY: Final = date(1900, 3, 1)
_EXACT_INTEGERS: Final = 10**15


def write_template(table: Table, path: Path, rows: pa.Table | None = None) -> None:
    """Write a CSV or XLSX file to fill in: one heading for each column a file may fill.

    An XLSX file has a second sheet that explains the columns, and drop-downs where a column has a
    list. `rows` are filled in beforehand; columns they have beyond the table's only help to
    recognise a row, and stand at the end under headings that begin with `#`, which are not read.
    What is written reads back as it was, except that a text which states nothing ("unknown") reads
    back as null. A text that a spreadsheet would run as a formula is written with an apostrophe
    before it, which the reader takes off again. The same table and rows give the same bytes.

    Raises `UsageError` for any other kind of file.
    """
    columns = tuple(FILLABLE[table.name].values())
    filled = [] if rows is None else rows.to_pylist()
    beyond = [] if rows is None else [n for n in rows.column_names if n not in table.names]
    columns += tuple(Column(n, Type.TEXT, f"{REMARK}{n}") for n in beyond)
    match path.suffix.lower():
        case ".csv":
            _write_csv(path, columns, filled)
        case ".xlsx":
            _write_xlsx(path, table, columns, filled)
        case _:
            raise UsageError(
                f"a template is a CSV or XLSX file, not {path.suffix or 'one without an ending'}",
                where=str(path),
                hint=f"call it {path.stem}.xlsx",
            )


def is_explanation(head: Sequence[Sequence[str]]) -> bool:
    """Whether a sheet is the explanations of a template, by its first row."""
    return bool(head) and tuple(head[0]) == _EXPLAINED


def _write_csv(path: Path, columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> None:
    # The byte order mark is how a spreadsheet knows UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([_heading(c) for c in columns])
        for row in rows:
            writer.writerow([_written(row.get(c.name)) for c in columns])


def _heading(column: Column) -> str:
    return f"{REMARK}{column.name}" if column.means.startswith(REMARK) else column.name


def _written(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case str():
            return escaped(value)
        case _:
            return repr(value)


def _write_xlsx(
    path: Path, table: Table, columns: Sequence[Column], rows: Sequence[dict[str, Any]]
) -> None:
    import xlsxwriter  # noqa: PLC0415  # a tenth of a second to load, and only to write

    with xlsxwriter.Workbook(path) as book:
        book.set_properties({"created": _CREATED})
        bold = book.add_format({"bold": True})
        forms = {
            Type.DATE: book.add_format({"num_format": "yyyy-mm-dd"}),
            # As text, a key 007 stays 007 and a version 10.2 does not become a day.
            Type.TEXT: book.add_format({"num_format": "@"}),
        }
        sheet = book.add_worksheet(table.name)
        sheet.freeze_panes(1, 0)
        for at, column in enumerate(columns):
            sheet.set_column(at, at, max(12, len(column.name) + 2), forms.get(column.type))
            sheet.write_string(0, at, _heading(column), bold)
            _add_choice(sheet, at, column)
        for number, row in enumerate(rows, 1):
            for at, column in enumerate(columns):
                _write_cell(sheet, number, at, row.get(column.name), forms)
        explained = [c for c in columns if not c.means.startswith(REMARK)]
        _explain(book.add_worksheet("Explanations"), explained, bold)


def _add_choice(sheet: Any, at: int, column: Column) -> None:
    choices = list(column.one_of)
    if column.type is Type.BOOLEAN:
        choices = ["TRUE", "FALSE"]
    if choices and len(",".join(choices)) <= _LIST_CHARACTERS:
        sheet.data_validation(1, at, _LAST_ROW, at, {"validate": "list", "source": choices})


def _write_cell(sheet: Any, row: int, at: int, value: object, forms: dict[Type, Any]) -> None:
    match value:
        case None:
            pass
        case bool():
            sheet.write_boolean(row, at, value)
        case date() if value >= _FIRST_DAY:
            day = datetime(value.year, value.month, value.day, tzinfo=UTC).replace(tzinfo=None)
            sheet.write_datetime(row, at, day, forms[Type.DATE])
        case float() | int() if _is_kept(value):
            sheet.write_number(row, at, value)
        case _:
            sheet.write_string(row, at, _written(value), forms[Type.TEXT])


def _is_kept(value: float) -> bool:
    """Whether the workbook, which keeps 16 figures of a number, gives back the same."""
    return abs(value) < _EXACT_INTEGERS and float(f"{value:.16G}") == value


def _explain(sheet: Any, columns: Sequence[Column], bold: Any) -> None:
    for at, heading in enumerate(_EXPLAINED):
        sheet.write_string(0, at, heading, bold)
    for number, column in enumerate(columns, 1):
        cells = (
            column.name,
            column.means,
            column.type.value,
            column.unit or "",
            ", ".join(column.one_of) or _range(column),
            "yes" if column.required else "",
            column.refers_to or "",
        )
        for at, text in enumerate(cells):
            sheet.write_string(number, at, text)
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 64)


def _range(column: Column) -> str:
    low = f"from {column.minimum:g}" if column.minimum is not None else ""
    high = f"to {column.maximum:g}" if column.maximum is not None else ""
    return re.sub(r"\s+", " ", f"{low} {high}").strip()
