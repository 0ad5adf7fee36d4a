"""ZTE parameter workbooks: written here with made-up names, the shared example, and bent ones."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.table_files import TableFile
from ringfence.sources.zte_workbook import ZteWorkbook
from tests.sources.mutations import mutated

Sheet = Sequence[Sequence[object]]
INFO: Sheet = [
    ["NE Type:", "Multi-Mode base station"],
    ["Template Type:", "Plan"],
    ["Template Version:", "V12.13"],
    ["Data Type:", "sdr"],
]


def sheet(columns: Sequence[str], *objects: Sequence[object], heads: int = 5) -> Sheet:
    """A sheet of objects: parameters, explanations, the marking row, the objects."""
    marking = ["R", "R", *["Primary Key"] * 2, *["R-W"] * (len(columns) - 4)]
    between = [[f"{word} {c}" for c in columns] for word in ("the", "range of", "about")]
    return [columns, *between[: heads - 2], marking[: len(columns)], *objects]


def book(sheets: Mapping[str, Sheet], index: Sequence[str] | None = None) -> bytes:
    """A workbook with `TemplateInfo`, `Index` and the sheets given."""
    listed = [["Management Object Name", "Index", "Comment"]]
    listed += [[f"about {name}", name, ""] for name in (sheets if index is None else index)]
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as workbook:
        for name, rows in {"TemplateInfo": INFO, "Index": listed, **sheets}.items():
            page = workbook.add_worksheet(name)
            for at, row in enumerate(rows):
                page.write_row(at, 0, row)
    return made.getvalue()


NAMING = ("MODIND", "MOI", "SubNetwork", "MEID")
NETWORK: dict[str, Sheet] = {
    "ManagedElement": sheet(
        (*NAMING, "userLabel", "swVersion", "siteName"),
        ["P", "", 7, 101, "alder", "V4.1", "Alder Hill"],
        ["P", "", 7, 102, "", "", ""],
        ["A", "", 7, 103, "planned", "", ""],
    ),
    "ENBFunctionFDD": sheet(
        (*NAMING, "ENBFunctionFDD", "eNBId"),
        ["P", "SubNetwork=7,MEID=101,ENBFunctionFDD=5", 7, 101, 5, 5],
        ["D", "SubNetwork=7,MEID=102,ENBFunctionFDD=6", 7, 102, 6, 6],
    ),
    "GNBDUFunction": sheet(
        (*NAMING, "GNBDUFunction"), ["P", "SubNetwork=7,MEID=104,GNBDUFunction=1", "", "", ""]
    ),
    "IpLayerConfig": sheet(
        (*NAMING, "ipAddr", "networkMask", "vid"),
        ["P", "", 7, 101, "10.1.0.5", "255.255.255.0", 31],
        ["P", "", 7, 101, "10.1.0.999", "255.255.255.0", 31],
        ["P", "", 7, 101, "0.0.0.0", "0.0.0.0", 0],  # noqa: S104  # as the manager writes none
    ),
    "EUtranCellFDD": sheet((*NAMING, "cellLocalId"), ["P", "", 7, 101, 1], ["P", "", 7, 101, 2]),
}
E101, E102, E104 = (f"zte-workbook:SubNetwork=7,ManagedElement={n}" for n in (101, 102, 104))


def read(path: Path, content: bytes) -> Gathered:
    path.write_bytes(content)
    return gather(ZteWorkbook(), path, Options())


def rows(found: Gathered, table: str, *names: str) -> list[tuple[Any, ...]]:
    listed = found.tables[table].to_pylist() if table in found.tables else []
    return [tuple(row[n] for n in names) for row in listed]


def reasons(found: Gathered) -> dict[str, int]:
    return {r["reason"]: r["rows"] for r in found.rejects.to_pylist()}


def test_a_workbook_is_read_to_the_network(tmp_path: Path) -> None:
    found = read(tmp_path / "x.xlsx", book(NETWORK))
    type_ = "Multi-Mode base station"
    columns = ("id", "name", "site", "software_version", "role_name", "vendor_name", "origin")
    assert rows(found, "element", *columns) == [
        *(
            (E101, "alder", "zte-workbook:site/Alder Hill", "V4.1", type_, None,
             "x.xlsx:ManagedElement!6"),
            (E102, "102", None, None, type_, None, "x.xlsx:ManagedElement!7"),
            # Named only by a function of it, whose row states its name in `MOI` alone.
            (E104, None, None, None, None, None, "x.xlsx:GNBDUFunction!6"),
        )
    ]  # fmt: skip
    assert rows(found, "function", "element", "kind") == [(E101, "ENB"), (E104, "GNBDU")]
    assert rows(found, "interface", "element", "address", "segment") == [
        (E101, "10.1.0.5/24", f"{E101}/vlan/31")
    ]
    assert reasons(found) == {
        "a planned change (MODIND), no fact": 2,
        "EUtranCellFDD has no place in the model": 2,
        "an address of IpLayerConfig is none": 2,
    }
    # The rows of objects above, by hand: 3 + 2 + 1 + 3 + 2.
    assert (found.rows_read, found.rows_kept) == (11, 5)


def test_stations_of_a_controller_are_elements(tmp_path: Path) -> None:
    columns = (*NAMING, "GBssFunction", "GBtsSiteManager", "userLabel")
    sites = sheet(columns, ["P", "", 7, 9, 9, 40, "cedar"], ["P", "", 7, 9, 9, "", "lost"])
    found = read(tmp_path / "x.xlsx", book({"GBtsSiteManager": sites}))
    bsc = "zte-workbook:SubNetwork=7,ManagedElement=9"
    station = f"{bsc},GBtsSiteManager=40"
    assert rows(found, "element", "id", "name") == [(station, "cedar"), (bsc, None)]
    assert rows(found, "function", "element", "kind") == [(station, "BTS")]
    assert rows(found, "relation", "source", "target") == [(bsc, station)]
    assert reasons(found) == {"GBtsSiteManager: a base station without its number": 1}


def test_releases_with_a_row_less_before_the_objects_are_read(tmp_path: Path) -> None:
    page = sheet((*NAMING, "GNBDUFunction"), ["P", "", 7, 1, 1], heads=4)
    found = read(tmp_path / "x.xlsx", book({"GNBDUFunction": page}))
    assert rows(found, "function", "element", "kind", "origin") == [
        ("zte-workbook:SubNetwork=7,ManagedElement=1", "GNBDU", "x.xlsx:GNBDUFunction!5")
    ]


def test_nothing_is_dropped_in_silence(tmp_path: Path) -> None:
    columns = ("MODIND", "userLabel")
    page: Sheet = [columns, *[["", ""]] * 3, ["R", "R-W"], ["P", "no name"], ["", ""], ["P", ""]]
    sheets = {"ManagedElement": page, "Notes": [["made on a Monday"]]}
    found = read(tmp_path / "x.xlsx", book(sheets, index=["ManagedElement", "Absent"]))
    assert reasons(found) == {
        "ManagedElement: an object without SubNetwork and MEID, or MOI": 2,
        "a sheet that the index does not name": 1,
    }


def test_a_cell_that_holds_an_error_is_a_fault(tmp_path: Path) -> None:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as workbook:
        for name, content in {
            "TemplateInfo": INFO,
            "Index": [["Name", "Index"], ["x", "ManagedElement"]],
            "ManagedElement": sheet((*NAMING, "userLabel")),
        }.items():
            page = workbook.add_worksheet(name)
            for at, row in enumerate(content):
                page.write_row(at, 0, row)
        page.write_row(5, 0, ["P", "", 7, 101])
        page.write_formula(5, 4, "=1/0", None, "#DIV/0!")
    found = read(tmp_path / "x.xlsx", made.getvalue())
    assert reasons(found) == {"ManagedElement: a cell holds no value (#DIV/0!)": 1}


def test_it_is_surer_than_the_table_source_and_claims_no_other_workbook(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(book(NETWORK))
    head = path.read_bytes()[:65536]
    assert ZteWorkbook().claims(path, head).sureness == 1.0
    assert TableFile().claims(path, head).sureness < 1.0
    with xlsxwriter.Workbook(path) as workbook:
        workbook.add_worksheet("Index").write_row(0, 0, ["Site", "Vendor"])
        workbook.add_worksheet("Elements").write_row(0, 0, ["Element", "Vendor"])
    assert ZteWorkbook().claims(path, path.read_bytes()[:65536]).sureness == 0
    with pytest.raises(SourceError, match="no sheet TemplateInfo"):
        gather(ZteWorkbook(), path, Options())


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"PK\3\4" + b"x" * 99, b"<a/>", b"a,b\n1,2"])
def test_another_file_is_refused_and_not_claimed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.xlsx"
    with pytest.raises(SourceError):
        read(path, content)
    assert ZteWorkbook().claims(path, content).sureness == 0


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(book(NETWORK))
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("xl/media/x.bin", b"\0" * 40_000_000)
    with pytest.raises(SourceError, match="times its size"):
        read(path, packed.getvalue())


_BOOK = book(NETWORK)
with zipfile.ZipFile(io.BytesIO(_BOOK)) as _archive:
    _PARTS = {name: _archive.read(name) for name in _archive.namelist()}


@st.composite
def bent_books(draw: st.DrawFn) -> bytes:
    """A workbook with one of its parts bent, so that most are sound archives; or a bent archive."""
    if draw(st.integers(0, 3)) == 0:
        return draw(mutated(_BOOK))
    name = draw(st.sampled_from(sorted(_PARTS)))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for part, data in _PARTS.items():
            archive.writestr(part, draw(mutated(data)) if part == name else data)
    return made.getvalue()


@settings(max_examples=100)
@given(content=bent_books())
def test_a_bent_workbook_raises_nothing_but_our_errors(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "bent.xlsx"
    path.write_bytes(content)
    assert 0 <= ZteWorkbook().claims(path, content[:65536]).sureness <= 1
    try:
        found = gather(ZteWorkbook(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


def test_the_shared_example(shared_data: Path) -> None:
    path = shared_data / "ran-cm-exports/zte-xls/src/test/resources/templatedata.xlsx"
    with path.open("rb") as file:
        assert ZteWorkbook().claims(path, file.read(65536)).sureness == 1.0
    found = gather(ZteWorkbook(), path, Options())
    # `unzip -p templatedata.xlsx xl/worksheets/sheet3.xml | grep -o '<row ' | wc -l` gives 7 for
    # either sheet of objects: the parameters, four more rows of head, and two objects.
    assert (found.rows_read, found.rows_kept) == (4, 0)
    assert reasons(found) == {
        "SomeMO1 has no place in the model": 2, "SomeMO2 has no place in the model": 2,
    }  # fmt: skip
    assert found.tables == {}
