"""Lists of cells: where a network transmits, and with which base stations.

Known are the cell lists of Network Signal Guru (CSV: ECellID, CellName, Longitude, Latitude, PCI,
EARFCN, Azimuth; LTE), the dumps of OpenCelliD and of Mozilla's location service (CSV with or
without a heading: radio, mcc, net, area, cell, unit, lon, lat, range, ...) and the same properties
as points of GeoJSON. Separators are comma, semicolon or tab; columns may stand in any order.

- A distinct place of the list is a site: by its name where the list names places, else by its
  coordinates as written. Whether the coordinates were surveyed or worked out from measurements the
  lists do not say; those of OpenCelliD are worked out for each cell.
- A base station is an element where a cell's identity says which it is: of LTE the identity
  without its last eight bits is the eNB's (3GPP TS 36.413, clause 9.2.1.38). How many bits of an NR
  cell's identity are the gNB's each operator decides (22 to 32, TS 38.413 clause 9.3.1.6), and
  those of GSM and UMTS name none. There the cells of one technology and operator at one place are
  taken as one element, so a list with a place a cell counts a station several times.
- The function is what the technology says: BTS, NODEB, ENB, GNB.
- An operator is the pair of country and network code. A Signal Guru list does not state it; its
  file is named by it (`23410_...eutra.csv`), which is used, as identities are unique in a network
  only. A network code that is a number may lack zeros before it, and is kept as it stands.
- An element whose cells stand at several places stands at none that can be told.
"""

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec
import pyarrow as pa

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.json_files import JsonReader, Slice
from ringfence.sources.rows import Rows

__all__ = ["CellList"]

_TECHNOLOGIES: Final = {
    "GSM": ("BTS", "2G"),
    "UMTS": ("NODEB", "3G"),
    "WCDMA": ("NODEB", "3G"),
    "LTE": ("ENB", "4G"),
    "NR": ("GNB", "5G"),
    "5GNR": ("GNB", "5G"),
}
_ALSO: Final = {
    "radio": ("radio", "rat", "technology", "act"),
    "mcc": ("mcc",),
    "net": ("net", "mnc"),
    "area": ("area", "lac", "tac"),
    "cell": ("cell", "cid", "cellid", "cell_id", "ci", "eci", "nci"),
    "lon": ("lon", "longitude", "long"),
    "lat": ("lat", "latitude"),
}
_BARE: Final = ("radio", "mcc", "net", "area", "cell", "unit", "lon", "lat")
_BARE_LINE: Final = re.compile(
    r"(?:GSM|UMTS|LTE|NR|CDMA),\d{3},\d{1,5},\d+,-?\d+,-?\d*,-?\d+(?:\.\d+)?,-?\d+(?:\.\d+)?,"
)
_NAMED: Final = ("ecellid", "cellname", "longitude", "latitude")
_GEOJSON: Final = re.compile(r'"type"\s*:\s*"FeatureCollection"')
_PROPERTIES: Final = re.compile(r'"properties"\s*:\s*(\{[^{}]*\})')
_PLMN_IN_NAME: Final = re.compile(r"(\d{3})(\d{2,3})_.*(?:eutra|lte)", re.IGNORECASE)
_MOST_LINE: Final = 1024 * 1024
_MOST_ECI: Final = (1 << 28) - 1
_LISTED: Final = 10_000


class CellList:
    """Reads a list of cells."""

    kind = "cell-list"
    describes = "cell lists: Network Signal Guru, OpenCelliD (CSV, GeoJSON)"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002  # a name proves nothing
        """Decide from the heading, the first line or the first point."""
        text = _decoded_head(head)
        if text is None:
            return Claim(0.0, "it is no text")
        if text.lstrip()[:1] in ("{", "["):
            # The reference system has properties too; the first point's come after it.
            found = islice(_PROPERTIES.finditer(text), 2)
            if _GEOJSON.search(text) and any(map(_is_cell, found)):
                return Claim(0.95, "its points are cells, with radio, mcc, net and cell")
            return Claim(0.0, "its points are no cells")
        heading = text.lstrip().partition("\n")[0].strip()
        try:
            dialect = _dialect(heading)
        except csv.Error:
            dialect = None
        if dialect is None:
            return Claim(0.0, "it has not the heading of a list of cells")
        return Claim(0.95, f"it has the heading of {dialect.told_as}")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield sites, elements and functions, then faults, then the counts."""
        cells = _Cells(options.prefix or "cell-list", options.origin or path.name)
        try:
            with path.open("rb") as file:
                head = file.read(64 * 1024)
        except OSError as error:
            raise SourceError(
                f"cannot be read: {error.strerror or error}", where=str(path)
            ) from None
        if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
            _read_points(path, cells)
        else:
            encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
            try:
                with path.open(encoding=encoding, newline="") as text:
                    _read_lines(path, text, cells)
            except UnicodeError:
                raise SourceError(
                    "text in it is not UTF-8", where=str(path), hint="save it as UTF-8"
                ) from None
            except OSError as error:
                raise SourceError(
                    f"cannot be read: {error.strerror or error}", where=str(path)
                ) from None
        yield from cells.batches()
        yield from cells.rejects
        yield from cells.counted()


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Where the columns of a list stand."""

    told_as: str
    delimiter: str
    columns: Mapping[str, int]
    has_heading: bool


def _decoded_head(head: bytes) -> str | None:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "replace")
    if b"\0" in head:
        return None
    return head.decode("utf-8-sig", "replace")


def _is_cell(found: re.Match[str]) -> bool:
    try:
        properties = json.loads(found[1])
    except (ValueError, RecursionError):
        return False
    return isinstance(properties, dict) and {"radio", "mcc", "net", "cell"} <= properties.keys()


def _dialect(line: str) -> _Dialect | None:
    """What the first line of a file says of it; None where it is no list of cells."""
    if _BARE_LINE.match(line):
        columns = {name: at for at, name in enumerate(_BARE)}
        return _Dialect("an OpenCelliD dump, which needs none", ",", columns, has_heading=False)
    if len(line) > 10_000:
        return None
    for delimiter in (",", ";", "\t"):
        names = [n.strip().lower() for n in next(csv.reader([line], delimiter=delimiter), [])]
        if set(_NAMED) <= set(names):
            pairs = {"cell": "ecellid", "name": "cellname", "lon": "longitude", "lat": "latitude"}
            columns = {ours: names.index(theirs) for ours, theirs in pairs.items()}
            return _Dialect("a Network Signal Guru list", delimiter, columns, has_heading=True)
        columns = {}
        for ours, words in _ALSO.items():
            at = next((names.index(word) for word in words if word in names), None)
            if at is not None:
                columns[ours] = at
        if {"radio", "mcc", "net", "cell", "lon", "lat"} <= columns.keys():
            return _Dialect("an OpenCelliD dump", delimiter, columns, has_heading=True)
    return None


def _read_lines(path: Path, file: TextIO, cells: "_Cells") -> None:
    lines = _Lines(path, file)
    first = lines.first()
    try:
        dialect = _dialect(first.strip())
    except csv.Error:
        dialect = None
    if dialect is None:
        raise SourceError(
            "it has not the heading of a list of cells",
            where=f"{path}:1",
            hint="a table of your own is read by: ringfence sources guess FILE",
        )
    plmn = _PLMN_IN_NAME.match(path.name) if "name" in dialect.columns else None
    network = f"{plmn[1]}-{plmn[2]}" if plmn else None
    rows = csv.reader(lines, delimiter=dialect.delimiter)
    try:
        if dialect.has_heading:
            next(rows, None)
            lines.begun = lines.number + 1
        for row in rows:
            if row:
                cells.take(dialect.columns, row, str(lines.begun), network)
            lines.begun = lines.number + 1
    except csv.Error as error:
        raise SourceError(f"not well formed: {error}", where=f"{path}:{lines.number}") from None


class _Lines:
    """The lines of a file, none without end."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path = path
        self._file = file
        self._first: str | None = None
        self.number = 0
        self.begun = 2

    def first(self) -> str:
        """The first line that is not empty, kept for iteration."""
        while not (line := self._read()).strip() and line:
            self.number += 1
        self._first = line
        self.begun = self.number + 1
        return line

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line, self._first = (self._first or self._read()), None
        if not line:
            raise StopIteration
        self.number += 1
        return line

    def _read(self) -> str:
        line = self._file.readline(_MOST_LINE)
        if len(line) >= _MOST_LINE:
            raise SourceError(
                "a line is longer than any record", where=f"{self._path}:{self.number + 1}"
            )
        return line


class _Feature(msgspec.Struct, gc=False):
    properties: dict[str, Any] | None = None
    geometry: dict[str, Any] | None = None


_features = msgspec.json.Decoder(list[_Feature])
_feature = msgspec.json.Decoder(_Feature)


def _read_points(path: Path, cells: "_Cells") -> None:
    with JsonReader(path) as reader:
        for key in reader.members():
            if key != "features" or reader.peek() != b"[":
                reader.skip()
                continue
            for found in reader.slices(_features):
                _take_points(found, cells)
        if reader.peek():
            raise reader.fault("something stands after the end of the JSON")
    if not cells.records:
        raise SourceError("no points are in it", where=str(path))


def _take_points(found: Slice[_Feature], cells: "_Cells") -> None:
    if found.values is not None:
        for index, feature in enumerate(found.values, found.first):
            cells.take_point(feature, f"$.features[{index}]")
    for index, raw in enumerate(found.raws or (), found.first):
        try:
            feature = _feature.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            cells.fault(f"$.features[{index}]", "no point with properties")
        else:
            cells.take_point(feature, f"$.features[{index}]")


@dataclass(slots=True)
class _Station:
    """A base station as its cells tell of it."""

    network: str | None
    technology: str
    origin: str
    sites: set[str]


class _Cells:
    """What the cells seen so far come to."""

    def __init__(self, prefix: str, name: str) -> None:
        self.records = 0
        self.rejects: list[Reject] = []
        self._rejected = 0
        self._more: dict[str, int] = {}
        self._prefix = prefix
        self._name = name
        self._sites: dict[str, tuple[str | None, float, float, str]] = {}
        self._stations: dict[str, _Station] = {}
        self._networks: dict[str, str] = {}
        self._names: dict[str, tuple[float, float]] = {}

    def take(
        self, columns: Mapping[str, int], row: Sequence[str], place: str, network: str | None
    ) -> None:
        """Take one line."""
        cell = {name: row[at].strip() for name, at in columns.items() if at < len(row)}
        self._take(
            cell.get("radio", "LTE"),
            network or _network(cell.get("mcc"), cell.get("net")),
            cell.get("cell"),
            (cell.get("lat"), cell.get("lon")),
            place,
            name=cell.get("name") or None,
        )

    def take_point(self, feature: _Feature, place: str) -> None:
        """Take one point; its coordinates are those of its geometry, longitude first."""
        given = {k.lower(): v for k, v in (feature.properties or {}).items()}
        cell = {ours: next((given[w] for w in words if w in given), None)
                for ours, words in _ALSO.items()}  # fmt: skip
        shape = feature.geometry or {}
        point = shape.get("coordinates") if shape.get("type") == "Point" else None
        latitude, longitude = cell["lat"], cell["lon"]
        if isinstance(point, list) and len(point) >= 2:
            longitude, latitude = point[:2]
        network = _network(cell["mcc"], cell["net"])
        self._take(cell["radio"], network, cell["cell"], (latitude, longitude), place, name=None)

    def _take(
        self,
        radio: Any,
        network: str | None,
        cell: Any,
        position: tuple[Any, Any],
        place: str,
        *,
        name: str | None,
    ) -> None:
        technology = str(radio or "").strip().upper()
        if technology not in _TECHNOLOGIES:
            if technology == "CDMA":
                self._aside(place, "a CDMA cell: its technology has no place in the model")
            else:
                self.fault(place, f"no technology that is known: {technology[:40]!r}")
            return
        latitude, longitude = _degrees(position[0], 90), _degrees(position[1], 180)
        if latitude is None or longitude is None:
            self.fault(place, "no latitude and longitude in degrees")
            return
        number = _whole(cell)
        if number is None or number < 0 or (technology == "LTE" and number > _MOST_ECI):
            self.fault(place, "no cell identity of its technology")
            return
        self.records += 1
        origin = f"{self._name}:{place}"
        site = self._site(name, latitude, longitude, origin)
        own = f"{network}/" if network else ""
        if technology == "LTE":
            key = f"{self._prefix}:{own}enb/{number >> 8}"
        else:
            key = f"{self._prefix}:{own}{_TECHNOLOGIES[technology][0].lower()}/{site}"
        station = self._stations.get(key)
        if station is None:
            self._stations[key] = _Station(network, technology, origin, {site})
        else:
            station.sites.add(site)
        if network is not None and network not in self._networks:
            self._networks[network] = origin

    def _site(self, name: str | None, latitude: float, longitude: float, origin: str) -> str:
        """The key, without prefix, of the place of a cell."""
        where = (latitude, longitude)
        key = f"{latitude!r},{longitude!r}"
        if name is not None and self._names.setdefault(name, where) == where:
            key = name
        elif name is not None:
            # Two places of one name are two places.
            key = f"{name} at {key}"
        if key not in self._sites:
            self._sites[key] = (name, latitude, longitude, origin)
        return key

    def _aside(self, place: str, reason: str) -> None:
        self.records += 1
        self._rejected += 1
        self._more[reason] = self._more.get(reason, 0) + 1
        if self._more[reason] == 1:
            self.rejects.append(Reject(f"{self._name}:{place}", reason, kind="set aside"))

    def fault(self, place: str, reason: str) -> None:
        """List a cell that is wrong."""
        self.records += 1
        self._rejected += 1
        if len(self.rejects) < _LISTED:
            self.rejects.append(Reject(f"{self._name}:{place}", reason))
        else:
            self._more[reason] = self._more.get(reason, 0) + 1

    def batches(self) -> Iterator[Batch]:
        """The rows."""
        rows, prefix = Rows(), self._prefix
        for network, origin in self._networks.items():
            rows.add("operator", id=f"{prefix}:operator/{network}", origin=origin)
        yield from rows.batches()
        sites: dict[str, list[Any]] = {
            n: [] for n in ("id", "name", "latitude_deg", "longitude_deg", "origin")
        }
        for key, values in self._sites.items():
            for column, value in zip(
                sites.values(), (f"{prefix}:site/{key}", *values), strict=True
            ):
                column.append(value)
        if self._sites:
            yield Batch("site", pa.table(sites))
        rows = Rows()
        for key, station in self._stations.items():
            function, generation = _TECHNOLOGIES[station.technology]
            of = station.network
            rows.add(
                "element",
                id=key,
                operator=f"{prefix}:operator/{of}" if of else None,
                site=f"{prefix}:site/{min(station.sites)}" if len(station.sites) == 1 else None,
                origin=station.origin,
            )
            rows.add(
                "function",
                element=key,
                kind=function,
                generation=generation,
                origin=station.origin,
            )
        yield from rows.batches()

    def counted(self) -> Iterator[Reject | Read]:
        """What was counted rather than listed, and the counts."""
        for reason, count in self._more.items():
            is_aside = reason.startswith("a CDMA")
            if count - is_aside > 0:
                kind = "set aside" if is_aside else "fault"
                yield Reject(self._name, reason, kind=kind, rows=count - is_aside)
        yield Read(self.records, self.records - self._rejected)


def _network(mcc: Any, mnc: Any) -> str | None:
    """Country and network code as written; those of tests and of no network too."""
    first, second = _whole(mcc), str(mnc if mnc is not None else "").strip()
    if first is None or not 0 <= first <= 999 or not re.fullmatch(r"\d{1,5}", second, re.ASCII):
        return None
    return f"{first:03d}-{second}"


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1 << 53 else None
    text = str(value if value is not None else "").strip()
    return int(text) if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) else None


def _degrees(value: Any, most: int) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) <= most else None
