"""gnpy topologies as XLSX workbooks, of which gnpy itself makes its JSON.

Read to gnpy's own reader (`gnpy/tools/convert.py`): a sheet `Nodes`, one node a row under the
headings City, Type, Latitude and so on, and a sheet `Links` with Node A, Node Z and, under the
headings east and west, a Distance (km) each way.

What differs from the JSON: a node is one row, whatever gnpy makes of it, so that it is one element
at a site of its city; coordinates are those that a person wrote. What is not stated of the way
back (west) is that of the way there (east), which is gnpy's own rule; its defaults (80 km) are no
facts. Amplifiers, ROADM degrees and services are set aside, row by row.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.grids import readable
from ringfence.sources.topology import Layout, said
from ringfence.sources.workbooks import BrokenCell, Workbook, WorkbookSheet

ZIP: Final = b"PK\x03\x04"

_LOOK_BYTES: Final = 1024**2
_HEADING_ROWS: Final = 20
_SHEET_NAME: Final = re.compile(rb"""<(?:\w+:)?sheet\b[^>]*?\sname\s*=\s*["'](Nodes|Links)["']""")
_ENDS: Final = ("Node A", "Node Z")
_PLACES: Final = ("City", "State", "Region", "Latitude", "Longitude", "Type")


def is_gnpy_workbook(path: Path) -> bool:
    """Whether an archive is a workbook with gnpy's sheets and headings; never raises."""
    try:
        with zipfile.ZipFile(path) as archive:
            with archive.open("xl/workbook.xml") as part:
                sheets = set(_SHEET_NAME.findall(part.read(_LOOK_BYTES)))
            if len(sheets) < 2:
                return False
            texts = [n for n in archive.namelist() if n == "xl/sharedStrings.xml"]
            texts += [n for n in archive.namelist() if n.startswith("xl/worksheets/sheet")]
            for name in texts[:4]:
                with archive.open(name) as part:
                    found = part.read(_LOOK_BYTES)
                if all(end.encode() in found for end in _ENDS):
                    return True
    except Exception:  # noqa: BLE001  # whatever is wrong with an archive, it is not claimed
        return False
    return False


def lay_workbook(path: Path, layout: Layout) -> None:
    """Lay a workbook out; raises `SourceError` where it has not gnpy's sheets and headings."""
    with readable(path):
        sheets = {sheet.name.strip().lower(): sheet for sheet in Workbook(path).sheets}
        if not {"nodes", "links"} <= sheets.keys():
            raise SourceError("the workbook has no sheets Nodes and Links", where=str(path))
        laying = _Laying(path, layout)
        laying.lay_nodes(sheets.pop("nodes"))
        laying.lay_links(sheets.pop("links"))
        for sheet in sheets.values():
            laying.set_aside(sheet)


Row = Sequence[str | BrokenCell | None]


@dataclass(slots=True)
class _Laying:
    """Lays nodes, then the links between them."""

    path: Path
    layout: Layout
    _cities: set[str] = field(default_factory=set)
    _pairs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def lay_nodes(self, sheet: WorkbookSheet) -> None:
        """Lay a site and an element for each row."""
        rows = _rows(sheet)
        at, columns = self._headings(sheet, rows, _PLACES, "City")
        for number, row in rows[at + 1 :]:
            place = f"{sheet.name}!{number}"
            if any(row):
                self._lay_node(place, {name: _cell(row, i) for name, i in columns.items()}, row)

    def lay_links(self, sheet: WorkbookSheet) -> None:
        """Lay two links for each row, one each way."""
        rows = _rows(sheet)
        at, columns = self._headings(sheet, rows, _ENDS, *_ENDS)
        start, east, west = _distances(rows)
        for number, row in rows[max(at + 1, start) :]:
            place = f"{sheet.name}!{number}"
            if any(row):
                ends = tuple(_cell(row, columns[end]) for end in _ENDS)
                there, back = (_cell(row, column) for column in (east, west))
                self._lay_link(place, (ends[0], ends[1]), (there, back or there), row)

    def set_aside(self, sheet: WorkbookSheet) -> None:
        """Count the filled rows of a sheet that the model has no place for."""
        for number, row in _rows(sheet):
            if any(row):
                why = f"the sheet {sheet.name[:40]} says nothing of nodes and links"
                self.layout.set_aside(f"{sheet.name}!{number}", why)

    def _headings(
        self,
        sheet: WorkbookSheet,
        rows: Sequence[tuple[int, Row]],
        wanted: Sequence[str],
        *must: str,
    ) -> tuple[int, Mapping[str, int]]:
        """The index of the row of headings, and the columns of those wanted that are there."""
        for at, (_, row) in enumerate(rows[:_HEADING_ROWS]):
            found = {name: row.index(name) for name in wanted if name in row}
            if all(name in found for name in must):
                return at, found
        headings = " and ".join(must)
        where = f"{self.path}!{sheet.name}"
        raise SourceError(f"the sheet has no row with the heading {headings}", where=where)

    def _lay_node(self, place: str, cells: Mapping[str, str | None], row: Row) -> None:
        layout, city = self.layout, cells.get("City")
        if city is None or city in self._cities:
            why = "another node is of its city" if city else "the node states no city"
            layout.refuse(place, why, "element", _quoted(row))
            return
        self._cities.add(city)
        latitude = layout.number(cells.get("Latitude"), place, "latitude", -90, 90)
        longitude = layout.number(cells.get("Longitude"), place, "longitude", -180, 180)
        if latitude is None or longitude is None or latitude == longitude == 0:
            latitude = longitude = None
        site, element = (layout.key(layout.stem, *of) for of in (("site", city), (city,)))
        layout.row(
            "site",
            place,
            id=site,
            name=city,
            region=cells.get("Region") or cells.get("State"),
            latitude_deg=latitude,
            longitude_deg=longitude,
        )
        role = cells.get("Type")
        layout.row("element", place, id=element, name=city, site=site, role_name=role)
        layout.keep()

    def _lay_link(
        self,
        place: str,
        ends: tuple[str | None, str | None],
        lengths: tuple[str | None, str | None],
        row: Row,
    ) -> None:
        layout = self.layout
        here, there = ends
        if here is None or there is None:
            layout.refuse(place, "the link does not name both its ends", "link", _quoted(row))
            return
        if {here, there} - self._cities:
            why = "the link names a city that is no node"
            layout.refuse(place, why, "link", _quoted(row))
            return
        ways = ((here, there, lengths[0]), (there, here, lengths[1]))
        for index, (source, target, length) in enumerate(ways):
            self._pairs[source, target] += 1
            number = str(self._pairs[source, target])
            is_said_before = index == 1 and length == lengths[0]
            layout.row(
                "link",
                place,
                id=layout.key(layout.stem, "fibre", source, target, number),
                source=layout.key(layout.stem, source),
                target=layout.key(layout.stem, target),
                medium="fibre",
                length_km=_silent(length) if is_said_before else self._km(length, place),
                is_one_way=True,
            )
        layout.keep()

    def _km(self, text: str | None, place: str) -> float | None:
        return self.layout.number(text, place, "distance")


def _silent(text: str | None) -> float | None:
    """A distance that has been judged already: what is wrong with it is counted once."""
    return Layout("", "").number(text, "", "distance")


def _rows(sheet: WorkbookSheet) -> list[tuple[int, Row]]:
    found: list[tuple[int, Row]] = []
    for number, cells in sheet.rows():
        found.append((number, [_text(cell) for cell in cells]))
    sheet.close()
    return found


def _text(cell: object) -> str | BrokenCell | None:
    if isinstance(cell, BrokenCell):
        return cell
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return said(str(cell))


def _cell(row: Row, at: int | None) -> str | None:
    """A cell's text; one with an error in it is given as it is called, so that it is judged."""
    if at is None or at >= len(row):
        return None
    cell = row[at]
    return cell.why if isinstance(cell, BrokenCell) else cell


def _quoted(row: Row) -> str:
    return ", ".join(str(cell) for cell in row if cell is not None)


def _distances(rows: Sequence[tuple[int, Row]]) -> tuple[int, int | None, int | None]:
    """The first row after the headings, and the columns of the distances east and west."""
    for at, (_, row) in enumerate(rows[:_HEADING_ROWS]):
        groups = {
            name: index
            for index, cell in enumerate(row)
            for name in ("east", "west")
            if isinstance(cell, str) and name in cell.lower()
        }
        if "east" not in groups:
            continue
        for below, (_, headings) in enumerate(rows[at + 1 : at + 3], start=at + 2):
            distances = [
                i for i, cell in enumerate(headings) if isinstance(cell, str) and "Distance" in cell
            ]
            west = groups.get("west", len(headings))
            east_column = next((i for i in distances if groups["east"] <= i < west), None)
            west_column = next((i for i in distances if i >= west), None)
            if distances:
                return below, east_column, west_column
    return 0, None, None
