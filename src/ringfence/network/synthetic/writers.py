"""Files that grow as rows come: CSV, a workbook, and the answers of NetBox's REST interface."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from io import SEEK_END
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import xlsxwriter

from ringfence.network.synthetic import world
from ringfence.network.synthetic.plan import CountryParameters, Operator
from ringfence.network.synthetic.rows import ROLE_NAMES

PAGE: Final = 1000
"""Objects on a page of a saved REST answer: NetBox gives no more at once, as it is delivered."""

_URL: Final = "https://netbox.example/api"
_PREFIX: Final = "table:"
_KINDS: Final = ("sites", "device-types", "devices")
_KEYS: Final = frozenset(
    (
        *("id", "site", "operator", "product", "element", "source", "target"),
        *("vendor", "owner", "owned", "segment", "interface", "boundary"),
    )
)
"""Columns that hold keys. A reader of tables puts `table:` before each, so it is left out."""


class CsvFile:
    """A CSV file; without rows there is none.

    `headings` are ours and what the file calls them. `words` are the file's words for ours.
    `last_lines` are rows as somebody typed them, by heading.
    """

    def __init__(
        self,
        path: Path,
        headings: Mapping[str, str],
        *,
        date_format: str | None = None,
        words: Mapping[str, Mapping[str, str]] | None = None,
        last_lines: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self._path = path
        self._headings = headings
        self._date_format = date_format
        self._words = words or {}
        self._last_lines = last_lines
        self._open: tuple[BinaryIO, pa_csv.CSVWriter] | None = None

    def write(self, name: str, rows: pa.Table) -> None:  # noqa: ARG002 (rows of one table come here)
        """Add rows, which have our columns and may have others."""
        told = told_rows(rows, self._headings, self._words)
        if self._date_format:
            told = _with_dates(told, self._date_format)
        if not told.num_rows:
            return
        if self._open is None:
            file = self._path.open("wb")
            self._open = (file, pa_csv.CSVWriter(file, told.schema))
        self._open[1].write_table(told)

    def close(self) -> list[Path]:
        """Finish; returns the file if there is one."""
        if self._open is None:
            return []
        file, writer = self._open
        writer.close()
        for cells in self._last_lines:
            line = ",".join(cells.get(heading, "") for heading in self._headings.values())
            file.write(f"{line}\n".encode())
        file.close()
        return [self._path]


class Workbook:
    """An XLSX workbook with a sheet for each table, dates as dates."""

    def __init__(
        self,
        path: Path,
        headings: Mapping[str, Mapping[str, str]],
        sheets: Mapping[str, str],
        as_of: date,
    ) -> None:
        self._path = path
        self._headings = headings
        self._sheets = sheets
        self._book = xlsxwriter.Workbook(
            str(path), {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}
        )
        # Otherwise the file would say when it was made, and differ each time.
        self._book.set_properties({"created": datetime(as_of.year, as_of.month, as_of.day)})  # noqa: DTZ001 (a day has no zone)
        self._pages = {sheet: self._book.add_worksheet(sheet) for sheet in headings}
        self._rows = dict.fromkeys(headings, 0)
        for sheet, columns in headings.items():
            self._put(sheet, list(columns.values()))

    def write(self, name: str, rows: pa.Table) -> None:
        """Add rows to the sheet of that table."""
        sheet = self._sheets[name]
        told = told_rows(rows, self._headings[sheet], {})
        for cells in zip(*(told.column(h).to_pylist() for h in told.column_names), strict=True):
            self._put(sheet, cells)

    def _put(self, sheet: str, cells: Sequence[object]) -> None:
        row, page = self._rows[sheet], self._pages[sheet]
        for place, cell in enumerate(cells):
            match cell:
                case None:
                    pass
                case str():
                    page.write_string(row, place, cell)
                case bool():
                    page.write_boolean(row, place, cell)
                case date():
                    page.write_datetime(row, place, cell)
                case _:
                    page.write_number(row, place, cell)
        self._rows[sheet] += 1

    def close(self) -> list[Path]:
        """Finish; returns the file. Raises `OSError` where it cannot be written."""
        try:
            self._book.close()
        except xlsxwriter.exceptions.XlsxWriterException as error:
            raise OSError(str(error)) from error
        return [self._path]


def told_rows(
    rows: pa.Table, headings: Mapping[str, str], words: Mapping[str, Mapping[str, str]]
) -> pa.Table:
    """Those columns under their headings, keys without the prefix that a reader puts."""
    columns = {}
    for name, heading in headings.items():
        values = rows.column(name)
        if name in _KEYS:
            bare = pc.utf8_slice_codeunits(values, len(_PREFIX))
            values = pc.if_else(pc.starts_with(values, _PREFIX), bare, values)
        if name in words:
            at = pc.index_in(values, value_set=pa.array(list(words[name])))
            values = pa.array(list(words[name].values())).take(at)
        columns[heading] = values
    return pa.table(columns)


def _with_dates(rows: pa.Table, form: str) -> pa.Table:
    told = rows
    for place, column in enumerate(rows.schema):
        if pa.types.is_date(column.type):
            text = pc.strftime(rows.column(place), format=form)
            told = told.set_column(place, column.name, text)
    return told


class NetBoxPages:
    """What `GET /api/dcim/sites/`, `device-types/` and `devices/` answered, a page a line."""

    def __init__(self, parameters: CountryParameters, operator: Operator, folder: Path) -> None:
        self._made = f"{parameters.as_of.isoformat()}T00:00:00Z"
        self._paths = [folder / f"{kind}.json" for kind in _KINDS]
        self._files = {
            kind: _Pages(path.open("w+b"), f"{_URL}/dcim/{kind}/")
            for kind, path in zip(_KINDS, self._paths, strict=True)
        }
        name = world.operator_name(operator.index)
        self._tenant = _mention("tenancy/tenants", 1, name)
        self._regions: dict[str, msgspec.Raw] = {}
        self._sites: dict[str, msgspec.Raw] = {}
        self._types: dict[str, msgspec.Raw] = {}
        self._roles = {
            role: _mention("dcim/device-roles", number, role)
            for number, role in enumerate(sorted(set(ROLE_NAMES.values())), 1)
        }
        self._states = {
            state: _choice(state.lower(), state) for state in ("Active", "Decommissioning")
        }
        self._write_types()

    def write(self, name: str, rows: pa.Table) -> None:
        """Add rows of `site`, or of `element` at the sites that came last."""
        if name == "site":
            self._write_sites(rows)
        else:
            self._write_devices(rows)

    def close(self) -> list[Path]:
        """Finish; returns the files."""
        for pages in self._files.values():
            pages.finish()
            pages.file.close()
        return self._paths

    def _write_types(self) -> None:
        numbers = {}
        for place, product in enumerate(world.products()):
            vendor = world.VENDORS[product.vendor]
            for variant, (spelling, _) in enumerate(vendor.spellings):
                number = place * world.VARIANTS + variant + 1
                maker_number = product.vendor * world.VARIANTS + variant + 1
                maker = _mention("dcim/manufacturers", maker_number, spelling)
                said = {
                    "id": number,
                    "url": f"{_URL}/dcim/device-types/{number}/",
                    "display": product.part_number,
                    "manufacturer": maker,
                    "model": product.part_number,
                    "slug": f"{product.part_number}-{variant + 1}".lower(),
                }
                numbers[f"netbox:type/{number}"] = msgspec.Raw(msgspec.json.encode(said))
                whole = said | {"u_height": 1.0, "is_full_depth": True}
                self._files["device-types"].add(whole | self._stamps())
        self._types = numbers

    def _write_sites(self, rows: pa.Table) -> None:
        self._sites = {}
        for row in rows.to_pylist():
            number = _number(row["id"])
            slug = f"site-{number}"
            said = {
                "id": number,
                "url": f"{_URL}/dcim/sites/{number}/",
                "display": row["name"],
                "name": row["name"],
                "slug": slug,
            }
            self._sites[row["id"]] = msgspec.Raw(msgspec.json.encode(said))
            region = self._regions.get(row["region"])
            if region is None:
                region = _mention("dcim/regions", len(self._regions) + 1, row["region"])
                self._regions[row["region"]] = region
            whole = said | {
                "status": self._states["Active"],
                "region": region,
                "group": None,
                "tenant": self._tenant,
                "facility": "",
                "physical_address": "",
                "latitude": row["latitude_deg"],
                "longitude": row["longitude_deg"],
                "tags": [],
                "custom_fields": {},
            }
            self._files["sites"].add(whole | self._stamps())

    def _write_devices(self, rows: pa.Table) -> None:
        add = self._files["devices"].add
        stamps = self._stamps()
        for row in rows.to_pylist():
            number = _number(row["id"])
            state = "Decommissioning" if row["removed_on"] else "Active"
            add(
                {
                    "id": number,
                    "url": f"{_URL}/dcim/devices/{number}/",
                    "display": row["name"],
                    "name": row["name"],
                    "device_type": self._types.get(row["product"]),
                    "role": self._roles[row["role_name"]],
                    "tenant": self._tenant,
                    "serial": row["serial"] or "",
                    "asset_tag": None,
                    "site": self._sites[row["site"]],
                    "location": None,
                    "status": self._states[state],
                    "primary_ip": None,
                    "tags": [],
                    "custom_fields": {
                        "installed_on": row["installed_on"],
                        "purchase_date": row["purchased_on"],
                        "software_version": row["software_version"],
                        "end_of_life": row["end_of_life_on"],
                    },
                    **stamps,
                }
            )

    def _stamps(self) -> dict[str, str]:
        return {"created": self._made, "last_updated": self._made}


class NetBoxFeet:
    """What `GET /api/ipam/vlans/`, `dcim/interfaces/` and `ipam/ip-addresses/` answered.

    The answers of the last two lie in one file: an address says on which interface it is by that
    one's number alone, and the interface of which VLAN it is.
    """

    def __init__(self, parameters: CountryParameters, folder: Path) -> None:
        self._made = f"{parameters.as_of.isoformat()}T00:00:00Z"
        self._vlans = _Pages((folder / "vlans.json").open("w+b"), f"{_URL}/ipam/vlans/")
        file = (folder / "interfaces.json").open("w+b")
        self._interfaces = _Pages(file, f"{_URL}/dcim/interfaces/")
        self._addresses = _Pages(file, f"{_URL}/ipam/ip-addresses/")
        self._files = [folder / "vlans.json", folder / "interfaces.json"]
        self._mentions: dict[str, msgspec.Raw] = {}

    def write(self, name: str, rows: pa.Table) -> None:
        """Add rows of `segment`, or of `interface` in the segments that came before."""
        if name == "segment":
            self._write_vlans(rows)
        else:
            self._write_interfaces(rows)

    def close(self) -> list[Path]:
        """Finish; returns the files."""
        for pages in (self._vlans, self._interfaces, self._addresses):
            pages.finish()
        for pages in (self._vlans, self._interfaces):
            pages.file.close()
        return self._files

    def _write_vlans(self, rows: pa.Table) -> None:
        for row in rows.select(["id", "name"]).to_pylist():
            number = _number(row["id"])
            name, _, vid = row["name"].removesuffix(")").rpartition(" (")
            said = {
                "id": number,
                "url": f"{_URL}/ipam/vlans/{number}/",
                "display": row["name"],
                "vid": int(vid),
                "name": name,
            }
            self._mentions[row["id"]] = msgspec.Raw(msgspec.json.encode(said))
            whole = said | {"site": None, "group": None, "tenant": None, "status": _ACTIVE}
            self._vlans.add(whole | self._stamps())

    def _write_interfaces(self, rows: pa.Table) -> None:
        for row in rows.to_pylist():
            number = _number(row["id"].partition("#")[0])
            device = _number(row["element"])
            tagged = row["address"] is None
            vlan = self._mentions[row["segment"]]
            said = {
                "id": number,
                "url": f"{_URL}/dcim/interfaces/{number}/",
                "display": row["name"],
                "device": {"id": device, "url": f"{_URL}/dcim/devices/{device}/"},
                "name": row["name"],
            }
            self._interfaces.add(
                {
                    **said,
                    "type": _OTHER_TYPE,
                    "enabled": True,
                    "mgmt_only": row["is_management"],
                    "mode": _TAGGED if tagged else _ACCESS,
                    "untagged_vlan": None if tagged else vlan,
                    "tagged_vlans": [vlan] if tagged else [],
                    "vrf": None,
                    **self._stamps(),
                }
            )
            if not tagged:
                self._addresses.add(
                    {
                        "id": number,
                        "url": f"{_URL}/ipam/ip-addresses/{number}/",
                        "display": row["address"],
                        "address": row["address"],
                        "vrf": None,
                        "tenant": None,
                        "status": _ACTIVE,
                        "assigned_object_type": "dcim.interface",
                        "assigned_object_id": number,
                        "assigned_object": said,
                        "nat_inside": None,
                        **self._stamps(),
                    }
                )

    def _stamps(self) -> dict[str, str]:
        return {"created": self._made, "last_updated": self._made}


class _Pages:
    """One endpoint's answers, one after the other as lines.

    Each page says how many objects there are in all, which is known only at the end: room is left
    for the number, and it is put in then. JSON allows the blanks before it.
    """

    _COUNT: Final = b'{"count":            '

    def __init__(self, file: BinaryIO, url: str) -> None:
        self._url = url
        self.file = file
        self._encoder = msgspec.json.Encoder()
        self._page: list[bytes] = []
        self._pages: list[int] = []
        self._count = 0

    def add(self, record: Mapping[str, object]) -> None:
        if len(self._page) == PAGE:
            self._turn(is_last=False)
        self._page.append(self._encoder.encode(record))
        self._count += 1

    def finish(self) -> None:
        """Write the last page and the counts; the file stays open, for another's pages."""
        self._turn(is_last=True)
        for start in self._pages:
            number = str(self._count).encode()
            self.file.seek(start + len(self._COUNT) - len(number))
            self.file.write(number)
        self.file.seek(0, SEEK_END)

    def _turn(self, *, is_last: bool) -> None:
        place = len(self._pages)
        self._pages.append(self.file.tell())
        links = {
            "next": None if is_last else self._at(place + 1),
            "previous": self._at(place - 1) if place else None,
        }
        self.file.write(self._COUNT)
        self.file.write(b"," + self._encoder.encode(links)[1:-1] + b',"results":[')
        self.file.write(b",".join(self._page))
        self.file.write(b"]}\n")
        self._page.clear()

    def _at(self, place: int) -> str:
        return f"{self._url}?limit={PAGE}&offset={place * PAGE}"


def _number(key: str) -> int:
    """NetBox's number of a record, from our key."""
    return int(key.rpartition("/" if "/" in key else ":")[2])


def _mention(endpoint: str, number: int, name: str) -> msgspec.Raw:
    """A record as it is mentioned inside another."""
    said = {
        "id": number,
        "url": f"{_URL}/{endpoint}/{number}/",
        "display": name,
        "name": name,
        "slug": name.lower().replace(" ", "-").replace(".", "").replace(",", ""),
    }
    return msgspec.Raw(msgspec.json.encode(said))


def _choice(value: str, label: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"value": value, "label": label}))


_ACTIVE: Final = _choice("active", "Active")
_ACCESS: Final = _choice("access", "Access")
_TAGGED: Final = _choice("tagged", "Tagged")
_OTHER_TYPE: Final = _choice("other", "Other")
