"""The made-up country as the files that operators and the regulator would send.

Each operator has a folder. The first keeps its network in NetBox: saved REST answers, a page of a
thousand objects a line, and beside them tables of what NetBox has no place for. The second has
CSV files under its own headings, with a few faulty rows such as every real inventory has; the
third a workbook; the fourth CSV files under our headings. The cores of all but the first are in
an inventory of their own. The regulator's folder says who the vendors are.

Segments, feet and rule lists come in the same forms: VLANs, interfaces and addresses of NetBox with
tables beside them, tables under the second operator's headings, a workbook of the third's firewalls.

`mappings` holds what a person would write for the second operator's headings. A workspace takes
each of its files for the input it is named after: copy them to the workspace's own `mappings`.

Files are written as the country is made, so that any size fits in little memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc
import tomli_w

from ringfence.errors import UsageError
from ringfence.network.synthetic import world
from ringfence.network.synthetic.core import regulator_pieces
from ringfence.network.synthetic.country import operator_pieces
from ringfence.network.synthetic.plan import SLOTS, CountryParameters, Operator, operators
from ringfence.network.synthetic.rows import POOLED, Piece
from ringfence.network.synthetic.writers import CsvFile, NetBoxFeet, NetBoxPages, Workbook

WORKBOOK_ROWS: Final = 200_000
"""A larger inventory is written as CSV: nobody opens such a workbook."""

FAULTY_ROWS: Final = 5
"""Rows at fault in the second operator's files: a bad date, no key, a latitude beyond the pole, a
formula, and an element given twice with different values."""

_ELEMENT: Final = (
    *("id", "name", "site", "vendor_name", "product", "software_version", "kind", "serial"),
    *("purchased_on", "installed_on", "removed_on", "end_of_life_on", "forwards_packets"),
)
_FUNCTION: Final = ("element", "kind", "pool", "slice", "generation")
_OF_FUNCTION: Final = {"kind": "does", "pool": "pool", "slice": "slice", "generation": "generation"}
"""Columns of `function` as they are called when laid beside those of `element`."""

_PLAIN: Final = {
    "site": (
        *("id", "operator", "name", "region", "latitude_deg", "longitude_deg", "kind"),
        "is_sensitive",
    ),
    "element": _ELEMENT,
    "function": _FUNCTION,
    "demand": ("site", "kind", "people", "traffic_mbps", "premises"),
    "relation": ("source", "target", "kind"),
    "link": (
        *("id", "source", "target", "medium", "carries", "capacity_mbps", "length_km"),
        "is_encrypted",
    ),
    "contract": (
        *("id", "operator", "vendor_name", "covers", "remote_access", "valid_from", "until"),
    ),
    "segment": ("id", "name", "kind", "address_range", "isolates_members", "checks_source"),
    "interface": ("id", "element", "segment", "name", "address", "is_management"),
    "endpoint": (
        *("id", "element", "address", "protocol", "port", "service", "authentication"),
        "encryption",
    ),
    "boundary": (
        *("id", "name", "element", "interface", "direction", "default_action", "is_stateful"),
    ),
    "filter": (
        *("id", "boundary", "position", "action", "protocol", "source_range"),
        *("destination_range", "destination_ports", "text"),
    ),
    "route": ("element", "destination_range", "next_hop", "kind"),
}
"""What an operator's own tables say, under our headings."""

_CORE_HEADINGS: Final = {
    "id": "Element ID", "name": "Hostname", "does": "NF type", "pool": "Pool", "slice": "S-NSSAI",
    "generation": "Technology", "site": "Site code", "vendor_name": "Vendor",
    "product": "Part number", "software_version": "Version", "kind": "Element type",
    "serial": "Serial number", "purchased_on": "Purchase date", "installed_on": "In service",
    "removed_on": "Removal date", "end_of_life_on": "End of life",
    "forwards_packets": "Forwards packets",
}  # fmt: skip

_WORKBOOK: Final = {
    "Sites": {
        "id": "Site ID", "operator": "Licensee", "name": "Site name", "region": "Region",
        "latitude_deg": "Latitude", "longitude_deg": "Longitude", "kind": "Site type",
        "is_sensitive": "Sensitive site",
    },
    "Network elements": {
        "id": "NE ID", "name": "NE name", "does": "NF type", "generation": "Technology",
        "site": "Site ID", "vendor_name": "Manufacturer", "product": "Part number",
        "software_version": "Software", "kind": "Element type", "serial": "Serial number",
        "purchased_on": "Order date", "installed_on": "Installation date",
        "removed_on": "Removal date", "end_of_life_on": "End of life",
        "forwards_packets": "Forwards packets",
    },
    "Service demand": {
        "site": "Site ID", "kind": "Service", "people": "Population", "traffic_mbps": "Traffic",
        "premises": "Homes connected",
    },
}  # fmt: skip

_OWN: Final = {
    "sites.csv": {
        "id": "Site Code", "operator": "Licensee", "name": "Site Name", "region": "County",
        "latitude_deg": "Lat", "longitude_deg": "Long", "kind": "Type",
        "is_sensitive": "Sensitive site",
    },
    "network-elements.csv": {
        "id": "NE ID", "name": "NE Name", "site": "Site Code", "vendor_name": "Supplier",
        "product": "Model", "does": "Role", "software_version": "SW Release",
        "serial": "Serial number", "purchased_on": "Ordered", "installed_on": "In service since",
        "removed_on": "Out of service", "forwards_packets": "Routing",
    },
    "traffic.csv": {
        "site": "Site Code", "kind": "Service", "traffic_mbps": "busy hour Mbps",
        "people": "Population", "premises": "Homes passed",
    },
    "vlans.csv": {
        "id": "VLAN ID", "name": "Name", "kind": "Kind", "address_range": "Prefix",
        "isolates_members": "Private VLAN", "checks_source": "Source guard",
    },
    "interfaces.csv": {
        "id": "Interface", "element": "Element", "segment": "Segment", "name": "Port",
        "address": "IP address", "is_management": "Management only",
    },
    "listeners.csv": {
        "id": "Endpoint", "element": "Element", "address": "Listen address",
        "protocol": "Protocol", "port": "Port", "service": "Service", "authentication": "Login",
        "encryption": "Cipher",
    },
    "access-lists.csv": {
        "id": "Boundary", "name": "Name", "element": "Element", "interface": "Interface",
        "direction": "Direction", "default_action": "Last line", "is_stateful": "Stateful",
    },
    "access-list-lines.csv": {
        "id": "Rule ID", "boundary": "Boundary", "position": "Position", "action": "Verdict",
        "protocol": "Protocol", "source_range": "Source range",
        "destination_range": "Destination range", "destination_ports": "Port",
        "text": "As configured",
    },
    "static-routes.csv": {
        "element": "Element", "destination_range": "Prefix", "next_hop": "Gateway",
        "kind": "Type",
    },
}  # fmt: skip
"""The second operator's own headings."""

_NETWORK_BOOK: Final = {
    "VLANs": {
        "id": "Segment", "name": "Name", "kind": "Kind", "address_range": "Prefix",
        "isolates_members": "Isolates members", "checks_source": "Checks source",
    },
    "Rule lists": {
        "id": "Boundary", "name": "Name", "element": "Element", "interface": "Interface",
        "direction": "Direction", "default_action": "Default action",
        "is_stateful": "Is stateful",
    },
    "Rules": {
        "id": "Rule ID", "boundary": "Boundary", "position": "Position", "action": "Action",
        "protocol": "Protocol", "source_range": "Source range",
        "destination_range": "Destination range", "destination_ports": "Destination ports",
        "text": "Text",
    },
    "Routes": {
        "element": "Element", "destination_range": "Destination", "next_hop": "Gateway",
        "kind": "Kind",
    },
}  # fmt: skip
"""The third operator's workbook of its firewalls."""
_NETWORK_SHEETS: Final = {
    "segment": "VLANs", "boundary": "Rule lists", "filter": "Rules", "route": "Routes",
}  # fmt: skip
_FEET_HEADINGS: Final = {
    "id": "Interface", "element": "Element", "segment": "Segment", "name": "Port",
    "address": "IP address", "is_management": "Is management",
}  # fmt: skip
_LISTENER_HEADINGS: Final = {
    "id": "Endpoint", "element": "Element", "address": "Listen address", "protocol": "Protocol",
    "port": "Port", "service": "Service", "authentication": "Authentication",
    "encryption": "Encryption",
}  # fmt: skip

_OWN_KINDS: Final = {
    "macro": "Macro", "small cell": "Small cell", "exchange": "Exchange",
    "point of presence": "PoP", "data centre": "DC",
}  # fmt: skip
_OWN_VERDICTS: Final = {"allow": "permit", "deny": "deny"}
_OWN_DATES: Final = "%d/%m/%Y"
_OWN_TABLES: Final = {
    "sites.csv": "site",
    "network-elements.csv": "element",
    "traffic.csv": "demand",
    "vlans.csv": "segment",
    "interfaces.csv": "interface",
    "listeners.csv": "endpoint",
    "access-lists.csv": "boundary",
    "access-list-lines.csv": "filter",
    "static-routes.csv": "route",
}
_OWN_WORDS: Final = {
    "sites.csv": {"kind": _OWN_KINDS},
    "access-lists.csv": {"default_action": _OWN_VERDICTS},
    "access-list-lines.csv": {"action": _OWN_VERDICTS},
}
_CONNECTIONS: Final = ("segment", "interface", "endpoint", "boundary", "filter", "route")
_SHEETS: Final = {"site": "Sites", "element": "Network elements", "demand": "Service demand"}


def write_files(parameters: CountryParameters, folder: Path) -> list[Path]:
    """Write the country below `folder` and return the files, in order of their names.

    Files of the same name are overwritten. Raises `UsageError` where the folder cannot be written.
    """
    try:
        (folder / "mappings").mkdir(parents=True, exist_ok=True)
        written = _regulator(parameters, folder / "regulator")
        for operator in operators(parameters):
            written += _operator(parameters, operator, folder)
    except OSError as error:
        raise UsageError(
            f"the made-up country cannot be written: {error.strerror or error}",
            where=str(folder),
            hint="give a folder that can be written, on a disk with room",
        ) from error
    return sorted(written)


def folder_name(operator: Operator) -> str:
    """The name of the operator's folder."""
    return world.operator_name(operator.index).lower().replace(" ", "-")


def _regulator(parameters: CountryParameters, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    written = []
    for name, whole in regulator_pieces(parameters):
        filled = {"vendor", "original_maker"} if name == "product" else set()
        shown = [c for c in whole.column_names if c not in filled and c != "origin"]
        rows = whole
        if name == "product":
            # NetBox says the makers and models of its device types; the regulator adds the rest.
            of_netbox = pc.starts_with(rows["id"], "netbox:")
            for column in ("vendor_name", "model"):
                blank = pc.if_else(of_netbox, pa.scalar(None, pa.string()), rows[column])
                rows = rows.set_column(rows.schema.get_field_index(column), column, blank)
        file = CsvFile(folder / f"{name}.csv", _same(*shown))
        file.write(name, rows)
        written += file.close()
    return written


def _operator(parameters: CountryParameters, operator: Operator, folder: Path) -> list[Path]:
    own = folder / folder_name(operator)
    own.mkdir(exist_ok=True)
    written: list[Path] = []
    plain: Sequence[str] = ("relation", "link", "contract")
    connections: Sequence[str] = _CONNECTIONS
    has_core = operator.files != "netbox"
    with _Outlets(written, has_core=has_core) as outlets:
        match operator.files:
            case "netbox":
                outlets.add(NetBoxPages(parameters, operator, own), "site", "element")
                outlets.add(CsvFile(own / "site.csv", _same("id", "kind", "is_sensitive")), "site")
                more = _same("id", "removed_on", "forwards_packets")
                outlets.add(_Additions(own / "element.csv", more), "element")
                outlets.add(NetBoxFeet(parameters, own), "segment", "interface")
                more = _same("id", "address_range", "isolates_members", "checks_source")
                outlets.add(CsvFile(own / "segment.csv", more), "segment")
                plain = ("function", "demand", *plain)
                connections = _CONNECTIONS[2:]
            case "own csv":
                written += _own_headings(outlets, operator, own, folder / "mappings")
                connections = ()
            case "workbook" if operator.sites * 6 <= WORKBOOK_ROWS:
                book = Workbook(own / "inventory.xlsx", _WORKBOOK, _SHEETS, parameters.as_of)
                outlets.add(book, *_SHEETS)
            case _:
                plain = ("site", "element", "function", "demand", *plain)
        if operator.style.files == "workbook":
            book = Workbook(
                own / "firewalls.xlsx", _NETWORK_BOOK, _NETWORK_SHEETS, parameters.as_of
            )
            outlets.add(book, *_NETWORK_SHEETS)
            outlets.add(CsvFile(own / "interfaces.csv", _FEET_HEADINGS), "interface")
            outlets.add(CsvFile(own / "listeners.csv", _LISTENER_HEADINGS), "endpoint")
            connections = ()
        if has_core:
            outlets.add(CsvFile(own / "nf-instances.csv", _CORE_HEADINGS), "core")
        for name in (*plain, *connections):
            outlets.add(CsvFile(own / f"{name}.csv", _same(*_PLAIN[name])), name)
        for name, rows in _laid_beside(operator_pieces(parameters, operator)):
            outlets.write(name, rows)
    return written


def _own_headings(
    outlets: "_Outlets", operator: Operator, folder: Path, mappings: Path
) -> list[Path]:
    """The second operator's files, with the rows at fault in them; returns their mappings."""
    written = []
    for name, headings in _OWN.items():
        table = _OWN_TABLES[name]
        faulty = [
            {headings[column]: cell for column, cell in row.items()}
            for row in _faulty(operator).get(name, ())
        ]
        words = _OWN_WORDS.get(name, {})
        file = CsvFile(
            folder / name, headings, date_format=_OWN_DATES, words=words, last_lines=faulty
        )
        outlets.add(file, table)
        path = mappings / f"{folder.name}__{name}.toml"
        path.write_bytes(tomli_w.dumps(_mapping(table, headings, words)).encode())
        written.append(path)
    return written


def _faulty(operator: Operator) -> dict[str, list[dict[str, str]]]:
    """Rows such as every real inventory has, by file and our columns; see `FAULTY_ROWS`."""
    code = operator.code
    # The first macro site has a router, which the file has told already.
    known = (operator.first_site(0) + sum(operator.counts(0)[:2])) * SLOTS
    pole = {"name": "Norvwick macro 9001", "kind": "Macro", "latitude_deg": "95.2"}
    maker = {"vendor_name": "Feymark"}
    return {
        "sites.csv": [{"id": f"{code}-S999901", **pole, "longitude_deg": "-24.1"}],
        "network-elements.csv": [
            {"id": f"{code}-99999901", **maker, "installed_on": "31/02/2021", "does": "gNB-DU"},
            {"name": f"{code.lower()}-enb-without-a-key", **maker, "does": "eNodeB"},
            {"id": f"{code}-99999903", **maker, "product": "=VLOOKUP(A9;Types!A:B;2;0)"},
            {
                "id": f"{code}-{known:08d}",
                **maker,
                "name": "another name",
                "software_version": "9.9",
            },
        ],
    }


def _mapping(
    table: str, headings: Mapping[str, str], words: Mapping[str, Mapping[str, str]]
) -> dict[str, object]:
    """The mapping that a person would save for such a file."""
    columns = {h: c for c, h in headings.items() if c not in _OF_FUNCTION.values()}
    block: dict[str, object] = {"table": table, "columns": columns}
    blocks = [block]
    if words:
        block["values"] = {
            column: {theirs: ours for ours, theirs in said.items()}
            for column, said in words.items()
        }
    if table == "element":
        block["date_format"] = _OWN_DATES
        functions = {headings["id"]: "element", headings["does"]: "kind"}
        blocks.append({"table": "function", "columns": functions})
    return {"table": blocks}


def _same(*columns: str) -> dict[str, str]:
    return {column: column for column in columns}


def _laid_beside(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The pieces, each of `element` with its functions beside it; see `_OF_FUNCTION`.

    What a core's own inventory lists comes as `core`, and is marked `in_core` in the others.
    """
    for name, rows in pieces:
        if name != "element":
            yield name, rows
            continue
        _, functions = next(pieces)  # they follow their elements
        at = pc.index_in(rows["id"], value_set=functions["element"].combine_chunks())
        beside = rows
        for column, called in _OF_FUNCTION.items():
            beside = beside.append_column(called, functions[column].take(at))
        in_core = pc.fill_null(pc.is_in(beside["does"], value_set=_POOLED), False)
        yield "core", beside.filter(in_core)
        yield "element", beside.append_column("in_core", in_core)
        of_core = pc.is_in(functions["kind"], value_set=_POOLED)
        yield "function", functions.append_column("in_core", of_core)


_POOLED: Final = pa.array(sorted(POOLED))


class _Outlet(Protocol):
    """A file, or several, that grow as rows come."""

    def write(self, name: str, rows: pa.Table) -> None: ...

    def close(self) -> list[Path]: ...


class _Outlets:
    """The files of one operator, and which rows go to which."""

    def __init__(self, written: list[Path], *, has_core: bool) -> None:
        self._written = written
        self._has_core = has_core
        self._outlets: list[tuple[_Outlet, tuple[str, ...]]] = []

    def add(self, outlet: _Outlet, *names: str) -> None:
        """Send the rows of those tables there."""
        self._outlets.append((outlet, names))

    def write(self, name: str, whole: pa.Table) -> None:
        rows = whole
        if "in_core" in rows.column_names:
            # With an inventory of its own, the core is in no other.
            rows = rows.filter(pc.invert(rows["in_core"])) if self._has_core else rows
            rows = rows.drop_columns(["in_core"])
        for outlet, names in self._outlets:
            if name in names:
                outlet.write(name, rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for outlet, _names in self._outlets:
            self._written += outlet.close()


class _Additions(CsvFile):
    """What NetBox has no place for: which elements were taken out, and which pass packets on."""

    def write(self, name: str, rows: pa.Table) -> None:
        said = pc.or_(pc.is_valid(rows["removed_on"]), pc.is_valid(rows["forwards_packets"]))
        super().write(name, rows.filter(said))
