"""A plan as a table of which element goes when, and the network that it would leave."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa

from ringfence.errors import InputError, NotFoundError, UsageError
from ringfence.store.duck import Tables

COLUMNS = ("element", "removed_on")
_BYTES_AT_MOST = 200_000_000


def read_plan(file: Path, element: pa.Table) -> dict[str, date]:
    """The day each element goes, from a .csv or .xlsx file with the columns of `COLUMNS`.

    An element may be named without the prefix of its source where only one has that name. Raises
    `InputError` where a row is none, names an element that is not in `element`, or one again.
    """
    if not file.is_file():
        raise NotFoundError("no such plan", where=str(file))
    if file.stat().st_size > _BYTES_AT_MOST:
        raise InputError("is too large for a plan", where=str(file))
    rows = _rows(file)
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise InputError("has no columns element, removed_on", where=str(file))
    at = {name: rows[0].index(name) for name in COLUMNS}
    known = _by_name(element["id"].to_pylist())
    found: dict[str, date] = {}
    for number, row in enumerate(rows[1:], 2):
        where = f"{file}:{number}"
        name, when = (row[at[c]] if at[c] < len(row) else "" for c in COLUMNS)
        if not any(row):
            continue
        key = known.get(name)
        if key is None:
            raise InputError(f"no element {name!r}, or more than one", where=where)
        if key in found:
            raise InputError(f"{name!r} is there twice", where=where)
        try:
            found[key] = date.fromisoformat(when)
        except ValueError:
            raise InputError(
                f"{when!r} is not a date", where=where, hint="write it as 2026-11-24"
            ) from None
    return found


def _by_name(keys: list[str]) -> dict[str, str | None]:
    """Each element by its key and by what follows the prefix; None where that is of several."""
    known: dict[str, str | None] = {}
    for key in keys:
        # A key without a prefix is named by itself alone.
        if short := key.partition(":")[2]:
            known[short] = None if short in known else key
    return known | {key: key for key in keys}


def under_plan(tables: Tables, removals: Mapping[str, date]) -> Tables:
    """The network in which each element of a plan is gone from its day on.

    What is stated to go earlier goes earlier: a plan cannot keep it.
    """
    element = tables["element"]
    place = element.schema.get_field_index("removed_on")
    keys, stated = element["id"].to_pylist(), element["removed_on"].to_pylist()
    days = [
        min((d for d in (removals.get(key), day) if d is not None), default=None)
        for key, day in zip(keys, stated, strict=True)
    ]
    field = element.schema.field(place)
    planned = element.set_column(place, field, pa.array(days, field.type))
    return tables.and_these({"element": planned})


def _rows(file: Path) -> list[list[str]]:
    match file.suffix.lower():
        case ".csv":
            import csv  # noqa: PLC0415  # used by this form alone

            try:
                with file.open(encoding="utf-8-sig", newline="") as opened:
                    return [[c.strip() for c in row] for row in csv.reader(opened)]
            except (OSError, UnicodeDecodeError, csv.Error):
                raise InputError("cannot be read as a CSV file", where=str(file)) from None
        case ".xlsx":
            from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415

            try:
                sheet = CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python()
            except (CalamineError, OSError, ValueError):
                raise InputError("cannot be read as a workbook", where=str(file)) from None
            return [[_text(value) for value in row] for row in sheet]
        case _:
            raise UsageError("a plan is a .csv or .xlsx file", where=str(file))


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value).strip()
