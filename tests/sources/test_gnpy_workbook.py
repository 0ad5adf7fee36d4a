"""gnpy's workbooks: nodes and links under gnpy's headings, what is missing, and other workbooks."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.contract import check_source
from ringfence.sources.gnpy import Gnpy
from tests.sources.mutations import mutated

NODES: list[list[Any]] = [
    ["City", "State", "Country", "Region", "Latitude", "Longitude", "Type"],
    ["Quay", "Up", "Northland", "West", 52.5, -1.25, "ROADM"],
    ["Mill", "Up", "Northland", "", 0, 0, "ILA"],
    ["Moor", "", "", "", 91, 1, ""],
    ["Moor", "", "", "", 1, 1, "ILA"],
    ["", "", "", "", 1, 1, "ILA"],
]
LINKS: list[list[Any]] = [
    ["Node A", "Node Z", "east", "", "", "west", "", ""],
    ["", "", "Distance (km)", "Fiber type", "Cable id", "Distance (km)", "Fiber type", "Cable id"],
    ["Quay", "Mill", 80, "SSMF", "F1", 81.5, "SSMF", "F2"],
    ["Quay", "Mill", 90.0, "SSMF", "", "", "", ""],
    ["Mill", "Moor", "", "", "", "", "", ""],
    ["Mill", "Moor", "far", "", "", "", "", ""],
    ["Mill", "Nowhere", 5, "", "", "", "", ""],
    ["Mill", "", 5, "", "", "", "", ""],
]
EQPT: list[list[Any]] = [["Node A", "Node Z", "east"], ["Quay", "Mill", "std_low_gain"]]


def workbook(**sheets: list[list[Any]]) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            # Row 1 to 3 of gnpy's workbooks are for the people who fill them in.
            sheet.write(0, 0, "fill in the sheet from row 6")
            for number, row in enumerate(rows, start=3):
                for column, cell in enumerate(row):
                    if cell != "":
                        sheet.write(number, column, cell)
    return target.getvalue()


BOOK = workbook(Nodes=NODES, Links=LINKS, Eqpt=EQPT)


def ingest(tmp_path: Path, content: bytes, name: str = "north.xlsx") -> Gathered:
    path = tmp_path / name
    path.write_bytes(content)
    found = gather(Gnpy(), path, Options())
    assert found.rows_read == found.rows_kept + found.rows_rejected
    return found


def test_nodes_and_links_both_ways_become_rows(tmp_path: Path) -> None:
    found = ingest(tmp_path, BOOK)
    sites = [
        (s["id"], s["region"], s["latitude_deg"], s["longitude_deg"])
        for s in found.tables["site"].to_pylist()
    ]
    assert sites == [
        ("gnpy:north/site/Quay", "West", 52.5, -1.25),
        ("gnpy:north/site/Mill", "Up", None, None),
        ("gnpy:north/site/Moor", None, None, None),
    ]
    elements = [(e["id"], e["role_name"]) for e in found.tables["element"].to_pylist()]
    assert elements == [
        ("gnpy:north/Quay", "ROADM"),
        ("gnpy:north/Mill", "ILA"),
        ("gnpy:north/Moor", None),
    ]
    links = {
        x["id"].removeprefix("gnpy:north/fibre/"): (x["length_km"], x["source"], x["is_one_way"])
        for x in found.tables["link"].to_pylist()
    }
    # West is east where it is not stated; 80 km, gnpy's own default, is not made up.
    assert links == {
        "Quay/Mill/1": (80, "gnpy:north/Quay", True),
        "Mill/Quay/1": (81.5, "gnpy:north/Mill", True),
        "Quay/Mill/2": (90, "gnpy:north/Quay", True),
        "Mill/Quay/2": (90, "gnpy:north/Mill", True),
        "Mill/Moor/1": (None, "gnpy:north/Mill", True),
        "Moor/Mill/1": (None, "gnpy:north/Moor", True),
        "Mill/Moor/2": (None, "gnpy:north/Mill", True),
        "Moor/Mill/2": (None, "gnpy:north/Moor", True),
    }
    rejects = {(r["reason"], r["rows"]) for r in found.rejects.to_pylist()}
    assert rejects == {
        ("the latitude is out of its range; what it belongs to is kept without", 1),
        ("another node is of its city", 1),
        ("the node states no city", 1),
        ("the distance is no number; what it belongs to is kept without", 1),
        ("the link names a city that is no node", 1),
        ("the link does not name both its ends", 1),
        # The words above, the headings and the one amplifier.
        ("the sheet Eqpt says nothing of nodes and links", 3),
    }


def test_an_origin_is_the_sheet_and_row(tmp_path: Path) -> None:
    found = ingest(tmp_path, BOOK)
    # Headings in row 4 of the sheet, Quay in row 5; of links in rows 4 and 5.
    assert found.tables["element"]["origin"][0].as_py() == "north.xlsx:Nodes!5"
    assert found.tables["link"]["origin"][0].as_py() == "north.xlsx:Links!6"


def test_the_contract_is_kept(tmp_path: Path) -> None:
    path, other = tmp_path / "north.xlsx", tmp_path / "sites.xlsx"
    path.write_bytes(BOOK)
    other.write_bytes(workbook(Nodes=[["site", "name"]], Links=[["link", "from", "to"]]))
    check_source(Gnpy(), [path], [other])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (workbook(Nodes=NODES), "no sheets Nodes and Links"),
        (workbook(Nodes=[["Town"]], Links=LINKS), "no row with the heading City"),
        (workbook(Nodes=NODES, Links=[["Node A"]]), "heading Node A and Node Z"),
        (BOOK[:3000], "damaged or cut short"),
    ],
)
def test_another_workbook_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        ingest(tmp_path, content)


def test_only_gnpys_headings_are_claimed(tmp_path: Path) -> None:
    for content, is_ours in ((BOOK, True), (workbook(Nodes=NODES), False), (b"PK\x03\x04", False)):
        path = tmp_path / "book.xlsx"
        path.write_bytes(content)
        assert (Gnpy().claims(path, content[:1000]).sureness > 0.9) == is_ours


def repacked(content: bytes, part: str, change: bytes, to: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(change, to) if name == part else data)
    return target.getvalue()


def test_a_cell_with_an_error_is_no_number_and_no_gap(tmp_path: Path) -> None:
    part, cell = "xl/worksheets/sheet2.xml", b'<c r="C6"><v>80</v></c>'
    bent = repacked(BOOK, part, cell, b'<c r="C6" t="e"><v>#REF!</v></c>')
    assert bent != BOOK
    found = ingest(tmp_path, bent)
    assert found.tables["link"]["length_km"][0].as_py() is None
    reasons = [r["reason"] for r in found.rejects.to_pylist()]
    assert reasons.count("the distance is no number; what it belongs to is kept without") == 2


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutated(BOOK))
def test_a_bent_workbook_is_refused_or_counted(tmp_path: Path, content: bytes) -> None:
    try:
        ingest(tmp_path, content)
    except RingfenceError:
        return
