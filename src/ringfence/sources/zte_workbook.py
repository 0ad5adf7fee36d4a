"""ZTE parameter workbooks: what the maker's manager exports of base stations and controllers.

A workbook has a sheet `TemplateInfo` (type of the equipment, version, kind of data), a sheet `Index`
that names the sheets of objects, and one sheet an object class. The first row of such a sheet has
the parameters; up to four more explain them, the last of which marks keys (`Primary Key`) and what
may be written (`R`, `R-W`, `W-I`); older releases have one row less. Then come the objects.

`MODIND` says what a row is: `P` or nothing what there is, `A`, `M` and `D` what is to be added,
changed and deleted. The last three are plans, no facts. An object is named by its columns
`SubNetwork` and `MEID` (`ManagedElement` in some releases), or by its name in `MOI`.

The workbook does not name its maker; `vendor_name` is filled where a sheet has a column for it.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.grids import readable
from ringfence.sources.managed_classes import FUNCTIONS, GSM_SITES, lookup_name
from ringfence.sources.managed_objects import (
    ManagedObjects,
    Name,
    Value,
    parse_name,
    text_of,
)
from ringfence.sources.workbooks import BrokenCell, Workbook, WorkbookSheet

_HEADS: Final = 5
"""Rows of a sheet before its objects, where no row marks the keys."""

_DIRECTORY_BYTES: Final = 1024**2
_MARKING: Final = re.compile(r"Primary Key|[RWI](?:\s*[-/,&+ ]\s*[RWI]){0,2}", re.IGNORECASE)
_SHEET_NAME: Final = re.compile(rb"""<(?:\w+:)?sheet\b[^>]*?\sname\s*=\s*["']([^"']*)["']""")
_INFO: Final = "templateinfo"
_INDEX: Final = "index"

_ELEMENT_COLUMNS: Final = ("meid", "managedelement", "managedelementid", "neid", "me id")
_NETWORK_COLUMNS: Final = ("subnetwork", "subnetworkid")
_ADDRESS_COLUMNS: Final = ("ipaddr", "ipaddress", "ipv4addr", "ipv6addr", "ip", "address")
_MASK_COLUMNS: Final = ("networkmask", "netmask", "mask", "prefixlength", "ipmask")
_VLAN_COLUMNS: Final = ("vid", "vlanid", "vlan")
_IP_SHEETS: Final = frozenset(("iplayerconfig", "ip", "ipinterface", "ipconfig", "ipv4interface"))


class ZteWorkbook:
    """Reads one workbook of parameters."""

    kind = "zte-workbook"
    describes = "ZTE parameter workbooks (XLSX): base stations and controllers by their manager"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Decide by the names of the sheets, which stand in a small part of the archive."""
        if not head.startswith(b"PK\3\4"):
            return Claim(0.0, "no XLSX workbook")
        names = _sheet_names(path)
        if _INFO in names and _INDEX in names:
            return Claim(1.0, "a workbook with the sheets TemplateInfo and Index")
        return Claim(0.0, "no sheets TemplateInfo and Index")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield the tables, the rejects and the counts; raise `SourceError` if it is another file."""
        objects = ManagedObjects(options.prefix or self.kind)
        with readable(path):
            book = Workbook(path)
            reading = _Reading(objects, options.origin or path.name, _type(book, path))
            for sheet, title, is_indexed in _sheets_of_objects(book, path):
                if is_indexed:
                    reading.sheet(sheet, title)
                    sheet.close()
                else:
                    place = f"{reading.file}:{title}"
                    objects.set_aside("a sheet that the index does not name", place)
        yield from objects.results()


def _sheet_names(path: Path) -> set[str]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open("xl/workbook.xml") as part:
            data = part.read(_DIRECTORY_BYTES)
    except Exception:  # noqa: BLE001  # whatever is wrong with an archive, it is not claimed
        return set()
    return {name.decode("utf-8", "replace").strip().lower() for name in _SHEET_NAME.findall(data)}


def _type(book: Workbook, path: Path) -> str | None:
    """The type of the equipment, from the first sheet."""
    info = next((s for s in book.sheets if s.name.strip().lower() == _INFO), None)
    if info is None:
        raise SourceError(
            "the workbook has no sheet TemplateInfo",
            where=str(path),
            hint="a table of your own is read as one (ringfence sources guess FILE)",
        )
    said: dict[str, str | None] = {}
    for _, row in info.rows():
        cells = [_text(cell) for cell in row]
        if len(cells) > 1 and cells[0]:
            said["".join(cells[0].split()).rstrip(":\uff1a").lower()] = cells[1]
    info.close()
    return said.get("netype")


def _sheets_of_objects(book: Workbook, path: Path) -> Iterator[tuple[WorkbookSheet, str, bool]]:
    """The other sheets, their names, and whether the index has them in its column `Index`."""
    index = next((s for s in book.sheets if s.name.strip().lower() == _INDEX), None)
    if index is None:
        raise SourceError("the workbook has no sheet Index", where=str(path))
    rows = [[_text(cell) for cell in row] for _, row in index.rows()]
    index.close()
    heads = [(cell or "").lower() for cell in rows[0]] if rows else []
    at = heads.index("index") if "index" in heads else 1
    wanted = {(row[at] or "").lower() for row in rows[1:] if at < len(row)}
    for sheet in book.sheets:
        name = sheet.name.strip()
        if name.lower() not in (_INFO, _INDEX):
            yield sheet, name, name.lower() in wanted


def _text(cell: object) -> str | None:
    """A cell as text; numbers without the point that a spreadsheet gives whole ones."""
    if isinstance(cell, BrokenCell):
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, str | int | float):
        return text_of(cell)
    return None if cell in {None, ""} else str(cell)


@dataclass(slots=True)
class _Reading:
    """Lays the objects of each sheet into the network, as managed objects by their names."""

    objects: ManagedObjects
    file: str
    type: str | None

    def sheet(self, sheet: WorkbookSheet, title: str) -> None:
        """Take each object of a sheet."""
        columns: dict[str, int] = {}
        heads: list[tuple[int, list[object]]] = []
        is_marked = False
        for number, row in sheet.rows():
            if not columns:
                columns = _columns(row)
            elif not is_marked and len(heads) < _HEADS - 1:
                heads.append((number, row))
                is_marked = _is_marking(row)
            elif any(cell != "" for cell in row):
                self._row(title, columns, row, f"{self.file}:{title}!{number}")

    def _row(
        self, title: str, columns: Mapping[str, int], row: Sequence[object], place: str
    ) -> None:
        broken = next((c for c in row if isinstance(c, BrokenCell)), None)
        if broken is not None:
            self.objects.fault(f"{title}: a cell holds no value ({broken.why})", place)
            return
        values = {name: _text(row[at]) for name, at in columns.items() if at < len(row)}
        if (values.get("modind") or "P").upper() not in {"P", "PASS"}:
            self.objects.set_aside("a planned change (MODIND), no fact", place)
            return
        element = _element_name(values)
        if element is None:
            self._nameless(title, place)
            return
        small = title.lower()
        looked_up = lookup_name(small)
        attributes: dict[str, Value] = {
            "userlabel": values.get("userlabel") or values.get("mename"),
            "vendorname": values.get("vendorname"),
            "swversion": values.get("swversion") or values.get("softwareversion"),
            "locationname": values.get("locationname") or values.get("sitename"),
            "serialnumber": values.get("serialnumber"),
            "managedelementtype": values.get("managedelementtype") or self.type,
        }
        if small == "managedelement":
            self.objects.add(element, attributes, place)
        elif looked_up in FUNCTIONS:
            self.objects.add((*element, (title, _own(values, small) or "1")), attributes, place)
        elif looked_up in GSM_SITES:
            own = _own(values, small)
            if own is None:
                self.objects.fault(f"{title}: a base station without its number", place)
            else:
                self.objects.add((*element, (title, own)), attributes, place)
        elif small in _IP_SHEETS:
            self._address(title, element, values, place)
        else:
            self.objects.unplaced(title, place)

    def _nameless(self, title: str, place: str) -> None:
        small = title.lower()
        if small == "managedelement" or lookup_name(small) in FUNCTIONS or small in _IP_SHEETS:
            self.objects.fault(f"{title}: an object without SubNetwork and MEID, or MOI", place)
        else:
            self.objects.unplaced(title, place)

    def _address(
        self, title: str, element: Name, values: Mapping[str, str | None], place: str
    ) -> None:
        address = _first(values, _ADDRESS_COLUMNS)
        mask = _first(values, _MASK_COLUMNS)
        if address is not None and mask is not None and "/" not in address:
            address = f"{address}/{mask}"
        stated: dict[str, Any] = {"ipAddress": address, "vlanId": _first(values, _VLAN_COLUMNS)}
        name = (*element, (title, _own(values, title.lower()) or "1"))
        self.objects.add_addresses(name, stated, place)


def _columns(row: Sequence[object]) -> dict[str, int]:
    found: dict[str, int] = {}
    for at, cell in enumerate(row):
        name = (_text(cell) or "").lower()
        if name:
            found.setdefault(name, at)
    return found


def _is_marking(row: Sequence[object]) -> bool:
    """Whether a row marks which parameters are keys and which may be written."""
    texts = [text for text in map(_text, row) if text is not None]
    return bool(texts) and all(_MARKING.fullmatch(text) for text in texts)


def _first(values: Mapping[str, str | None], names: Sequence[str]) -> str | None:
    return next((text for name in names if (text := values.get(name)) is not None), None)


def _element_name(values: Mapping[str, str | None]) -> Name | None:
    """The name of the equipment that a row is of, in the words of 3GPP's names."""
    element, network = _first(values, _ELEMENT_COLUMNS), _first(values, _NETWORK_COLUMNS)
    if element is None:
        pairs = parse_name(values.get("moi") or "") or ()
        named = {kind.lower(): value for kind, value in pairs}
        element, network = _first(named, _ELEMENT_COLUMNS), _first(named, _NETWORK_COLUMNS)
    if element is None:
        return None
    own = ("ManagedElement", element)
    return (("SubNetwork", network), own) if network is not None else (own,)


def _own(values: Mapping[str, str | None], column: str) -> str | None:
    """An object's own identifier: the column named as its class, or the end of its name."""
    pairs = parse_name(values.get("moi") or "")
    return values.get(column) or (pairs[-1][1] if pairs else None)
