"""Table files under the operator's own headings, read to rows and rejects.

The small exports below are written by hand, and what is expected of them is counted by hand.
"""

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import MappingError, SourceError
from ringfence.network.model import TABLES
from ringfence.sources.base import Batch, Gathered, Options, Read, Reject, gather
from ringfence.sources.cells import NOT_STATED
from ringfence.sources.guessing import guess
from ringfence.sources.mapping import Mapping, TableMapping
from ringfence.sources.table_files import LISTED, TableFile


def ingest(path: Path, mapping: Mapping | str | None = None, **options: str) -> Gathered:
    where = None
    if mapping is not None:
        where = path.with_suffix(".mapping.toml")
        if isinstance(mapping, Mapping):
            mapping.save(where)
        else:
            where.write_text(mapping, encoding="utf-8")
    return gather(TableFile(), path, Options(mapping=where, **options))


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def rows(gathered: Gathered, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(r[c] for c in columns) for r in gathered.tables[table].to_pylist()]


def reasons(gathered: Gathered) -> dict[str, str]:
    return {r["place"]: r["reason"] for r in gathered.rejects.to_pylist()}


def sheet(path: Path, lines: list[list[Any]], name: str = "Sheet1") -> Path:
    with xlsxwriter.Workbook(path) as book:
        fill(book, lines, name)
    return path


def fill(book: Any, lines: list[list[Any]], name: str) -> Any:
    page = book.add_worksheet(name)
    days = book.add_format({"num_format": "yyyy-mm-dd"})
    for number, line in enumerate(lines):
        for at, value in enumerate(line):
            if isinstance(value, date):
                page.write_datetime(number, at, value, days)
            elif isinstance(value, str) and value:
                page.write_string(number, at, value)
            elif value is not None and value != "":
                page.write(number, at, value)
    return page


# What an English operator exports


ENGLISH = """\
NE Name,Site Code,Region,Latitude,Longitude,Vendor,Model,Role,SW Version,Install Date,Remarks
LDN-AMF-01,LDN1,London,51.5072,-0.1276,Acme,MX100,AMF / SMF,5.2,25/03/2022,spare
LDN-AMF-02,LDN1,London,51.5072,-0.1276,Acme,MX100,AMF,5.2,04/05/2022,
LDS-ENB-07,LDS7,Leeds,53.8008,-1.5491,Borealis,R9,eNodeB,N/A,,
LDS-ENB-08,LDS7,Leeds,53.8008,191.5,Borealis,R9,eNodeB,19.1,2021-11-30,
LDS-ENB-09,LDS7,Leeds,53.8008,-1.5491,Borealis,R9,eNodeB,19.1,31/02/2022,
,LDS7,Leeds,53.8008,-1.5491,Borealis,R9,eNodeB,19.1,,
,,,,,,,,,,
LDS-GNB-10,LDS8,Leeds,53.8,-1.55,Borealis,,gNB,=1+1,13/13/2022,
"""


def test_an_english_inventory_reads_without_a_mapping(tmp_path: Path) -> None:
    found = ingest(write(tmp_path / "export.csv", ENGLISH))
    # Eight lines hold something; of these four are wrong: rows 5, 6, 7 and 9.
    assert (found.rows_read, found.rows_kept, found.rows_rejected) == (7, 3, 4)
    assert rows(found, "element", "id", "site", "vendor_name", "product", "role_name") == [
        ("table:LDN-AMF-01", "table:LDN1", "Acme", "table:Acme/MX100", "AMF / SMF"),
        ("table:LDN-AMF-02", "table:LDN1", "Acme", "table:Acme/MX100", "AMF"),
        ("table:LDS-ENB-07", "table:LDS7", "Borealis", "table:Borealis/R9", "eNodeB"),
    ]
    assert rows(found, "element", "software_version", "installed_on", "origin") == [
        ("5.2", date(2022, 3, 25), "export.csv:2"),
        ("5.2", date(2022, 5, 4), "export.csv:3"),
        (None, None, "export.csv:4"),
    ]
    assert rows(found, "function", "element", "kind", "origin") == [
        ("table:LDN-AMF-01", "AMF", "export.csv:2"),
        ("table:LDN-AMF-01", "SMF", "export.csv:2"),
        ("table:LDN-AMF-02", "AMF", "export.csv:3"),
        ("table:LDS-ENB-07", "eNodeB", "export.csv:4"),
    ]
    # A place or a product said many times is one row, where it was said first.
    assert rows(found, "site", "id", "region", "latitude_deg", "origin") == [
        ("table:LDN1", "London", 51.5072, "export.csv:2"),
        ("table:LDS7", "Leeds", 53.8008, "export.csv:4"),
    ]
    assert rows(found, "product", "id", "vendor_name", "model") == [
        ("table:Acme/MX100", "Acme", "MX100"),
        ("table:Borealis/R9", "Borealis", "R9"),
    ]
    assert found.tables["element"]["vendor"].null_count == 3
    why = reasons(found)
    assert set(why) == {f"export.csv:{n}" for n in (5, 6, 7, 9)}
    assert why["export.csv:5"] == "Longitude is above 180"
    assert why["export.csv:6"] == "Install Date: '31/02/2022' is no day of the calendar"
    assert why["export.csv:7"] == "NE Name is not stated, without which there is no element"
    assert "SW Version is a formula, not a value" in why["export.csv:9"]
    assert "Install Date: '13/13/2022' is no day of the calendar" in why["export.csv:9"]


def test_an_inventory_without_a_sound_row_gives_its_rejects(tmp_path: Path) -> None:
    heading, *lines = ENGLISH.splitlines(keepends=True)
    found = ingest(write(tmp_path / "export.csv", heading + "".join(lines[3:5])))
    assert (found.rows_read, found.rows_kept, found.rows_rejected) == (2, 0, 2)
    assert found.tables == {}


def test_a_heading_row_alone_is_an_empty_table(tmp_path: Path) -> None:
    found = ingest(write(tmp_path / "export.csv", ENGLISH.splitlines()[0]))
    assert (found.rows_read, found.tables) == (0, {})


def test_a_confidential_value_is_in_the_content_and_not_in_the_reason(tmp_path: Path) -> None:
    found = ingest(write(tmp_path / "export.csv", ENGLISH))
    bad = next(r for r in found.rejects.to_pylist() if r["place"] == "export.csv:5")
    assert "191.5" not in bad["reason"]
    assert "Longitude=191.5" in bad["content"]
    assert (bad["file"], bad["table"], bad["kind"], bad["rows"]) == (
        "export.csv",
        "element",
        "fault",
        1,
    )


def test_what_few_may_see_is_not_even_in_the_content(tmp_path: Path) -> None:
    text = "Site Code,Site Name,Sensitive\nA,Alpha,perhaps\n"
    found = ingest(write(tmp_path / "sites.csv", text))
    [bad] = found.rejects.to_pylist()
    assert "Sensitive is neither yes nor no" in bad["reason"]
    assert "perhaps" not in bad["reason"] + bad["content"]
    assert "Site Code=A" in bad["content"]


# What a German operator exports


GERMAN = """\
Netzelement;Standort;Hersteller;Gerätetyp;Softwarestand;Inbetriebnahme;Breite;Länge;Art
MUC-BBU-01;MUC1;Nordwerk AG;BBU 500;19.2;31.03.2021;48,1371;11,5754;Gerät
MUC-BBU-02;MUC1;Nordwerk AG;BBU 500;19.2;01.04.2021;48,1371;11,5754;Gerät
;;;;;;;;
BER-AMF-01;BER2;Südlicht;AMF;k.A.;;52,52;13,405;Virtuell
BER-AMF-02;BER2;Südlicht;AMF;-;30.02.2021;52,52;13,405;Virtuell
BER-UPF-01;BER2;Südlicht;UPF;2.0;15.05.2021;52.52;13,405;Virtuell
HAM-OLT-01;HAM3;Südlicht;OLT;3.1;15.05.2021;53,55;9,99;Kiste
HAM-OLT-02;HAM3;Südlicht;OLT;3.1;15.05.2021;53,55;9,99;?
"""
GERMAN_MAPPING = """
prefix = "nord"
encoding = "cp1252"

[[table]]
table = "element"
date_format = "%d.%m.%Y"
decimal_comma = true

[table.columns]
Netzelement = ["id", "name"]
Standort = "site"
Hersteller = "vendor_name"
Softwarestand = "software_version"
Inbetriebnahme = "installed_on"
Art = "kind"

[table.joined]
product = ["Hersteller", "Gerätetyp"]

[table.constants]
operator = "nordnetz"

[table.values.kind]
"Gerät" = "box"
Virtuell = "virtual machine"
"?" = ""

[[table]]
table = "site"
decimal_comma = true

[table.columns]
Standort = "id"
Breite = "latitude_deg"
"Länge" = "longitude_deg"
"""


def test_a_german_export_reads_by_its_mapping(tmp_path: Path) -> None:
    path = write(tmp_path / "Netz.csv", GERMAN, "cp1252")
    found = ingest(path, GERMAN_MAPPING)
    # Eight records; the 30th of February, a decimal point and a word nobody explained are wrong.
    assert (found.rows_read, found.rows_kept, found.rows_rejected) == (7, 4, 3)
    assert rows(found, "element", "id", "operator", "product", "kind", "installed_on") == [
        (
            "nord:MUC-BBU-01",
            "nord:nordnetz",
            "nord:Nordwerk AG/BBU 500",
            "box",
            date(2021, 3, 31),
        ),
        ("nord:MUC-BBU-02", "nord:nordnetz", "nord:Nordwerk AG/BBU 500", "box", date(2021, 4, 1)),
        ("nord:BER-AMF-01", "nord:nordnetz", "nord:Südlicht/AMF", "virtual machine", None),
        ("nord:HAM-OLT-02", "nord:nordnetz", "nord:Südlicht/OLT", None, date(2021, 5, 15)),
    ]
    assert rows(found, "site", "id", "latitude_deg", "longitude_deg") == [
        ("nord:MUC1", 48.1371, 11.5754),
        ("nord:BER2", 52.52, 13.405),
        ("nord:HAM3", 53.55, 9.99),
    ]
    why = reasons(found)
    assert set(why) == {"Netz.csv:6", "Netz.csv:7", "Netz.csv:8"}
    assert "'30.02.2021' is no date as date_format says" in why["Netz.csv:6"]
    assert "Breite is not a number with a decimal comma" in why["Netz.csv:7"]
    assert "Art: 'Kiste' is not one of: box, host" in why["Netz.csv:8"]


def test_thousands_are_parted_only_where_the_mapping_says(tmp_path: Path) -> None:
    text = "Circuit ID;From;To;Capacity;Length\nA;x;y;1.000,5;12\nB;x;y;10.00;12\nC;x;y;2 000;1\n"
    path = write(tmp_path / "links.csv", text)
    mapping = """
        [[table]]
        table = "link"
        decimal_comma = true
        thousands_separator = "."
        [table.columns]
        "Circuit ID" = "id"
        Capacity = "capacity_mbps"
    """
    found = ingest(path, mapping)
    assert rows(found, "link", "id", "capacity_mbps") == [("table:A", 1000.5)]
    assert set(reasons(found)) == {"links.csv:3", "links.csv:4"}
    unsaid = ingest(path)
    assert rows(unsaid, "link", "id", "capacity_mbps") == [("table:B", 10.0)]
    spaces = ingest(path, mapping.replace('"."', '" "'))
    assert rows(spaces, "link", "id", "capacity_mbps") == [("table:C", 2000.0)]


# Dates


def inventory(*dates: str) -> str:
    return "NE ID,NE Name,Site,Install Date\n" + "".join(
        f"N{n},name {n},S,{d}\n" for n, d in enumerate(dates)
    )


def test_dates_that_could_be_either_reject_their_rows_with_the_cure(tmp_path: Path) -> None:
    path = write(tmp_path / "nes.csv", inventory("03/04/2022", "2022-05-06", "12/12/2021", ""))
    found = ingest(path)
    assert rows(found, "element", "id", "installed_on") == [
        ("table:N1", date(2022, 5, 6)),
        ("table:N3", None),
    ]
    assert found.rows_rejected == 2
    assert all("state date_format in the mapping" in why for why in reasons(found).values())


def test_a_stated_format_settles_them_and_iso_is_still_read(tmp_path: Path) -> None:
    path = write(tmp_path / "nes.csv", inventory("03/04/2022", "2022-05-06", "12/12/2021", ""))
    block = guess(["NE ID", "NE Name", "Site", "Install Date"], []).blocks[0]
    for form, first in (("%d/%m/%Y", date(2022, 4, 3)), ("%m/%d/%Y", date(2022, 3, 4))):
        stated = TableMapping("element", columns=block.columns, date_format=form)
        found = ingest(path, Mapping((stated,)))
        assert [d for (d,) in rows(found, "element", "installed_on")] == [
            first,
            date(2022, 5, 6),
            date(2021, 12, 12),
            None,
        ]


def test_one_late_day_settles_a_long_column(tmp_path: Path) -> None:
    dates = ["03/04/2022"] * 120_000 + ["25/03/2022"]
    found = ingest(write(tmp_path / "nes.csv", inventory(*dates)))
    assert found.rows_rejected == 0
    assert set(found.tables["element"]["installed_on"].to_pylist()) == {
        date(2022, 4, 3),
        date(2022, 3, 25),
    }


def test_a_column_that_contradicts_itself_is_read_only_where_one_way_is_left(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "nes.csv", inventory("25/03/2022", "03/26/2022", "04/05/2022"))
    found = ingest(path)
    assert rows(found, "element", "id", "installed_on") == [
        ("table:N0", date(2022, 3, 25)),
        ("table:N1", date(2022, 3, 26)),
    ]
    assert "now the day, now the month first" in reasons(found)["nes.csv:4"]


def test_a_stated_format_is_not_bent_for_a_date_that_breaks_it(tmp_path: Path) -> None:
    path = write(tmp_path / "nes.csv", inventory("25/03/2022", "03/26/2022"))
    block = guess(["NE ID", "NE Name", "Site", "Install Date"], []).blocks[0]
    stated = TableMapping("element", columns=block.columns, date_format="%d/%m/%Y")
    found = ingest(path, Mapping((stated,)))
    assert rows(found, "element", "installed_on") == [(date(2022, 3, 25),)]
    assert "'03/26/2022' is no date as date_format says" in reasons(found)["nes.csv:3"]


# Workbooks


def test_a_workbook_is_read_sheet_by_sheet_below_its_title(tmp_path: Path) -> None:
    path = tmp_path / "North.xlsx"
    with xlsxwriter.Workbook(path) as book:
        fill(
            book,
            [
                ["Inventory of North, as of March"],
                [],
                ["NE ID", "NE Name", "Site", "Serial Number", "Install Date"],
                ["N1", "alpha", 17, 812, date(2022, 3, 4)],
                ["N2", "beta", 17, 1234567890123456789, date(2022, 3, 4)],
                [],
                ["N3", "gamma", 17.5, "0812", 44624],
                ["N4", date(2010, 2, 10), 18, "x", ""],
            ],
            "Inventory",
        )
        fill(book, [["Site Code", "Region"], [17, "Nord"], [18, "Süd"], ["", "Ost"]], "Sites")
        fill(book, [["Colour", "Meaning"], ["red", "bad"], [], ["green", "good"]], "Legend")
        fill(book, [], "Empty")
        fill(book, [["Site Code", "Region"], ["x", "y"]], "Old sites").hide()
    found = ingest(path)
    assert rows(found, "element", "id", "site", "serial", "installed_on", "origin") == [
        ("table:N1", "table:17", "812", date(2022, 3, 4), "North.xlsx!Inventory:4"),
    ]
    assert rows(found, "site", "id", "region", "origin") == [
        ("table:17", "Nord", "North.xlsx!Sites:2"),
        ("table:18", "Süd", "North.xlsx!Sites:3"),
    ]
    why = reasons(found)
    assert "more than 15 digits" in why["North.xlsx!Inventory:5"]
    assert "is a number, not a date" in why["North.xlsx!Inventory:7"]
    assert "is a date, where text is meant" in why["North.xlsx!Inventory:8"]
    assert "Site Code is not stated" in why["North.xlsx!Sites:4"]
    aside = {
        r["place"]: (r["rows"], r["reason"])
        for r in found.rejects.to_pylist()
        if r["kind"] == "set aside"
    }
    assert aside["North.xlsx!Legend"][0] == 3
    assert aside["North.xlsx!Old sites"] == (
        2,
        "the sheet is hidden; a mapping that names it has it read",
    )
    assert set(aside) == {"North.xlsx!Legend", "North.xlsx!Old sites"}
    # 4 and 3 records, 3 rows of the legend and 2 of the hidden sheet.
    assert (found.rows_read, found.rows_kept, found.rows_rejected) == (12, 3, 9)


def test_a_cell_merged_over_rows_stands_in_each(tmp_path: Path) -> None:
    path = tmp_path / "merged.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet("Inventory")
        page.write_row(0, 1, ["Site", "NE ID", "NE Name"])
        page.merge_range(1, 1, 3, 1, "S1")
        for row, key in ((1, "N1"), (2, "N2"), (4, "N3")):
            page.write_row(row, 2, [key, f"name of {key}"])
    found = ingest(path)
    assert rows(found, "element", "id", "site", "origin") == [
        ("table:N1", "table:S1", "merged.xlsx!Inventory:2"),
        ("table:N2", "table:S1", "merged.xlsx!Inventory:3"),
        ("table:N3", None, "merged.xlsx!Inventory:5"),
    ]
    # Row 4 has nothing but its part of the merged cell.
    assert found.rows_read == 3


def test_errors_and_formulas_without_a_result_are_not_empty_cells(tmp_path: Path) -> None:
    path = tmp_path / "formulas.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = fill(book, [["NE ID", "NE Name", "Site", "Vendor"]], "Inventory")
        for row in range(1, 6):
            page.write_row(row, 0, [f"N{row}", f"n{row}", "S1"])
        page.write_formula(1, 3, "=B2", None, "Acme")
        page.write_formula(2, 3, "=VLOOKUP(1,A:B,2)", None, "#N/A")
        page.write_formula(3, 3, "=Z9", None, "#REF!")
        page.write_formula(4, 3, "=B2", None, "")
        page.write_string(5, 3, '=HYPERLINK("http://x.example","Acme")')
        for at in range(4):
            page.write_formula(7, at, "=B2", None, "")
    found = ingest(path)
    assert rows(found, "element", "id", "vendor_name") == [
        ("table:N1", "Acme"),
        ("table:N2", None),
    ]
    why = reasons(found)
    assert "'#REF!' is no value but an error" in why["formulas.xlsx!Inventory:4"]
    assert "a formula without a result" in why["formulas.xlsx!Inventory:5"]
    assert "is a formula, not a value" in why["formulas.xlsx!Inventory:6"]
    # Row 8, below the last value of the sheet, is not lost with its formulas.
    assert "NE ID: 'a formula without a result'" in why["formulas.xlsx!Inventory:8"]
    assert found.rows_read == 6


def test_a_wide_sheet_reads_whole(tmp_path: Path) -> None:
    extra = [f"Extra {n}" for n in range(60)]
    found = ingest(
        sheet(
            tmp_path / "wide.xlsx",
            [["NE ID", *extra, "NE Name", "Site"], ["N1", *([1] * 60), "alpha", "S1"]],
            "Elements",
        )
    )
    assert rows(found, "element", "id", "name", "site") == [("table:N1", "alpha", "table:S1")]


# Parquet


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "nes.parquet"
    pq.write_table(
        pa.table(
            {
                "NE ID": pa.array([9007199254740993, 2, 3, 4], pa.int64()),
                "NE Name": pa.array(["a", "b", "=c", "d"]).dictionary_encode(),
                "Site Code": pa.array([1.0, 2.5, None, float("nan")]),
                "Install Date": pa.array(
                    [datetime(2022, 3, 4, 5), None, None, datetime(2038, 1, 20)],  # noqa: DTZ001 (no zone, as exported)
                    pa.timestamp("us"),
                ),
                "Tags": pa.array([["x"], [], None, ["y"]]),
            }
        ),
        path,
    )
    found = ingest(path, prefix="p", origin="north/nes.parquet")
    assert rows(found, "element", "id", "name", "site", "installed_on", "origin") == [
        ("p:9007199254740993", "a", "p:1", date(2022, 3, 4), "north/nes.parquet:2"),
        ("p:2", "b", "p:2.5", None, "north/nes.parquet:3"),
        ("p:4", "d", None, date(2038, 1, 20), "north/nes.parquet:5"),
    ]
    assert reasons(found) == {"north/nes.parquet:4": "NE Name is a formula, not a value"}


# Keys, words and functions


def test_keys_and_references_get_the_prefix_unless_they_have_one(tmp_path: Path) -> None:
    text = "id,name,site,operator,vendor_name\nN1,a,S1,north,Acme\nnetbox:7,b,netbox:3,,Acme\n"
    found = ingest(write(tmp_path / "element.csv", text), prefix="csv")
    assert rows(found, "element", "id", "name", "site", "operator", "vendor_name") == [
        ("csv:N1", "a", "csv:S1", "csv:north", "Acme"),
        ("netbox:7", "b", "netbox:3", None, "Acme"),
    ]


def test_a_key_of_two_headings_needs_the_last_and_uses_the_first(tmp_path: Path) -> None:
    text = "NE ID,Site,Vendor,Model\nN1,S,Acme,X\nN2,S,,X\nN3,S,Acme,\nN4,S,,\n"
    found = ingest(write(tmp_path / "nes.csv", text))
    assert rows(found, "element", "id", "product") == [
        ("table:N1", "table:Acme/X"),
        ("table:N2", "table:X"),
        ("table:N3", None),
        ("table:N4", None),
    ]
    assert rows(found, "product", "id", "vendor_name", "model") == [
        ("table:Acme/X", "Acme", "X"),
        ("table:X", None, "X"),
    ]


def test_a_vendor_is_a_reference_where_the_table_is_about_vendors(tmp_path: Path) -> None:
    text = "alias,vendor,kind\nACME Ltd,acme,spelling\n"
    found = ingest(write(tmp_path / "vendor_alias.csv", text))
    assert rows(found, "vendor_alias", "alias", "vendor") == [("ACME Ltd", "table:acme")]


@pytest.mark.parametrize("word", [*NOT_STATED, "N/A", "Unknown", "  ", "TBC", "NULL"])
def test_words_that_state_nothing_become_null(tmp_path: Path, word: str) -> None:
    text = f'NE ID,NE Name,Site,Install Date\nN1,"{word}",{word},{word}\n'
    found = ingest(write(tmp_path / "nes.csv", text))
    assert rows(found, "element", "name", "site", "installed_on") == [(None, None, None)]


@pytest.mark.parametrize("word", ["NA", "none", "0", "nil"])
def test_words_that_state_something_stay(tmp_path: Path, word: str) -> None:
    found = ingest(write(tmp_path / "nes.csv", f"NE ID,NE Name,Site\nN1,{word},S\n"))
    assert rows(found, "element", "name") == [(word,)]


def test_yes_and_no_in_any_case_and_nothing_else(tmp_path: Path) -> None:
    words = ["Yes", "n", "TRUE", "0", "", "ja"]
    text = "Site Code,Site Name,Sensitive\n" + "".join(f"S{i},x,{w}\n" for i, w in enumerate(words))
    found = ingest(write(tmp_path / "sites.csv", text))
    assert [v for (v,) in rows(found, "site", "is_sensitive")] == [True, False, True, False, None]
    assert list(reasons(found)) == ["sites.csv:7"]


def test_list_words_are_read_in_any_case_and_hyphenation(tmp_path: Path) -> None:
    words = ["Macro", "Small_Cell", "DATA-CENTRE", "point  of presence", "rooftop"]
    text = "Site Code,Site Name,Site Type\n" + "".join(f"S{i},x,{w}\n" for i, w in enumerate(words))
    found = ingest(write(tmp_path / "sites.csv", text))
    assert [v for (v,) in rows(found, "site", "kind")] == [
        "macro",
        "small cell",
        "data centre",
        "point of presence",
    ]
    assert "'rooftop' is not one of: macro, small cell" in reasons(found)["sites.csv:6"]
    assert "mapping can say it" in reasons(found)["sites.csv:6"]


def test_a_cell_of_several_functions_is_several_rows(tmp_path: Path) -> None:
    text = 'Element ID,Function,Pool\nA,"AMF, SMF;UPF",p1\nB,AMF/AMF,\nC,"PCF\nUDM+AUSF",\nD,/,\n'
    mapping = """
        [[table]]
        table = "function"
        [table.columns]
        "Element ID" = "element"
        Function = "kind"
        Pool = "pool"
        [table.values.kind]
        "/" = ["X", "Y"]
    """
    found = ingest(write(tmp_path / "functions.csv", text), mapping)
    assert rows(found, "function", "element", "kind", "pool") == [
        ("table:A", "AMF", "p1"),
        ("table:A", "SMF", "p1"),
        ("table:A", "UPF", "p1"),
        ("table:B", "AMF", None),
        ("table:C", "PCF", None),
        ("table:C", "UDM", None),
        ("table:C", "AUSF", None),
        ("table:D", "X", None),
        ("table:D", "Y", None),
    ]
    assert (found.rows_read, found.rows_kept) == (4, 4)
    assert [o for (o,) in rows(found, "function", "origin")][-1] == "functions.csv:5"


def test_separators_alone_name_no_function(tmp_path: Path) -> None:
    found = ingest(write(tmp_path / "functions.csv", "Element ID,Function\nA,AMF\nB,/\n"))
    assert rows(found, "function", "element") == [("table:A",)]
    assert "names no function" in reasons(found)["functions.csv:3"]


def test_a_shortened_number_is_no_key(tmp_path: Path) -> None:
    text = "NE ID,NE Name,Site\n1.23457E+11,a,S\n12E4,b,S\n"
    found = ingest(write(tmp_path / "nes.csv", text))
    assert rows(found, "element", "id") == [("table:12E4",)]
    assert "spreadsheet has shortened" in reasons(found)["nes.csv:2"]


# Mapping against file


def test_a_mapping_of_another_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "nes.csv", "NE ID,NE Name,Site,Site\nN1,a,S,T\n")
    columns = '[[table]]\ntable = "element"\n[table.columns]\n'
    with pytest.raises(SourceError, match="'Node' is not in row 1"):
        ingest(path, columns + 'Node = "id"\n')
    with pytest.raises(SourceError, match="'Site' stands twice in row 1"):
        ingest(path, columns + '"NE ID" = "id"\nSite = "site"\n')
    with pytest.raises(SourceError, match="no sheet 'Elements'"):
        ingest(path, columns.replace("[table.c", 'sheet = "Elements"\n[table.c') + 'N = "id"\n')
    with pytest.raises(SourceError, match="there is no row 9"):
        ingest(path, columns.replace("[table.c", "header_row = 9\n[table.c") + '"NE ID" = "id"\n')
    with pytest.raises(MappingError):
        ingest(path, columns)


def test_the_mapping_of_a_workbook_leaves_other_sheets_aside(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(path) as book:
        fill(book, [["Key", "Label"], ["N1", "a"]], "One").hide()
        fill(book, [["Key", "Label"], ["N2", "b"]], "Two")
    mapping = '[[table]]\ntable = "element"\nsheet = "One"\n[table.columns]\nKey = "id"\n'
    found = ingest(path, mapping)
    assert rows(found, "element", "id") == [("table:N1",)]
    [aside] = found.rejects.to_pylist()
    assert (aside["place"], aside["rows"], aside["kind"]) == ("book.xlsx!Two", 2, "set aside")


def test_a_guess_of_a_file_makes_a_mapping_that_reads_it_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "export.csv", ENGLISH)
    guesses = TableFile().guess(path)
    mapping = Mapping(tuple(b for g in guesses for b in g.blocks))
    by_mapping, by_guess = ingest(path, mapping), ingest(path)
    assert by_mapping.rows_kept == by_guess.rows_kept == 3
    assert by_mapping.tables == by_guess.tables


# What a file is


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b'{"results": [{"id": 1, "name": "x"}]}'),
        ("a.xml", b"<a><id>1</id></a>"),
        ("a.yaml", b"id: 1\nname: x\nsite: y\n"),
        ("a.sql", b"CREATE TABLE site (id int, name text, region text);\n"),
        ("a.py", b"import os, sys, re\nid, name, site = 1, 2, 3\n"),
        ("a.txt", b"Dear all,\nplease find the sites, attached.\n"),
        ("a.csv", b"Date,Amount,Balance\n2022-01-01,1,2\n"),
        ("a.bin", bytes(range(256)) * 40),
        ("empty.csv", b""),
        ("blank.csv", b"\n\n\n"),
    ],
)
def test_what_is_no_table_of_ours_is_not_claimed(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    claim = TableFile().claims(path, content)
    assert claim.sureness == 0
    assert claim.because
    with pytest.raises(SourceError):
        ingest(path)


def test_tables_are_claimed_modestly_whatever_they_are_called(tmp_path: Path) -> None:
    csv = write(tmp_path / "data.txt", ENGLISH)
    book = sheet(tmp_path / "data.bin", [["NE ID", "NE Name", "Site"], ["a", "b", "c"]])
    parquet = tmp_path / "data.dat"
    pq.write_table(TABLES["site"].empty(), parquet)
    for path in (csv, book, parquet):
        claim = TableFile().claims(path, path.read_bytes()[:65536])
        assert 0.3 < claim.sureness <= 0.6


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiter_newline_and_byte_order_mark_are_found(
    tmp_path: Path, delimiter: str, encoding: str, newline: str
) -> None:
    lines = [["NE ID", "NE Name", "Site"], ["N1", "Zürich 网元", "S,;|1"], ["N2", "a\nb", ""]]
    text = newline.join(
        delimiter.join(f'"{c}"' if set(c) & set(",;|\n") else c for c in line) for line in lines
    )
    path = write(tmp_path / "nes.csv", text, encoding)
    assert TableFile().claims(path, path.read_bytes()).sureness > 0.3
    found = ingest(path)
    assert rows(found, "element", "id", "name", "site", "origin") == [
        ("table:N1", "Zürich 网元", "table:S,;|1", "nes.csv:2"),
        ("table:N2", "a\nb", None, "nes.csv:3"),
    ]


def test_newlines_may_be_mixed(tmp_path: Path) -> None:
    text = "NE ID,NE Name,Site\r\nN1,a,S\nN2,b,S\rN3,c,S\n\nN4,d,S"
    found = ingest(write(tmp_path / "nes.csv", text))
    assert rows(found, "element", "id", "origin") == [
        ("table:N1", "nes.csv:2"),
        ("table:N2", "nes.csv:3"),
        ("table:N3", "nes.csv:4"),
        ("table:N4", "nes.csv:6"),
    ]


def test_many_alike_faults_are_listed_and_then_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "nes.csv", inventory(*["bad"] * (LISTED + 500), "2022-01-01"))
    found = ingest(path)
    assert (found.rows_read, found.rows_kept) == (LISTED + 501, 1)
    assert found.rejects.num_rows == LISTED + 1
    last = found.rejects.to_pylist()[-1]
    assert last["rows"] == 500
    assert last["place"] == f"nes.csv:{LISTED + 2}-{LISTED + 501}"
    assert last["reason"].startswith("Install Date is no date")


def test_a_sheet_that_fits_two_tables_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(path) as book:
        fill(book, [["NE ID", "NE Name", "Site"], ["N1", "a", "S"]], "One")
        fill(book, [["id", "name"], ["x", "y"]], "Two")
    with pytest.raises(SourceError, match="several tables alike") as caught:
        ingest(path)
    assert (caught.value.where or "").endswith("book.xlsx!Two")
    assert 'table = "' in (caught.value.hint or "")
    assert TableFile().guess(path, table="element")[1].blocks[0].table == "element"
    plain = write(tmp_path / "list.csv", "id,name\nx,y\n")
    assert TableFile().claims(plain, plain.read_bytes()).sureness == 0.2
    assert TableFile().guess(plain, table="segment")[0].blocks[0].table == "segment"


# Counting and size


@given(
    st.lists(
        st.lists(st.text("ab,;\"'\n\r\0é=/1-", max_size=6), min_size=0, max_size=4), max_size=12
    )
)
def test_each_row_is_counted_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    text = "NE ID,NE Name,Function\n" + "\n".join(",".join(line) for line in lines)
    write(path, text)
    read = kept = rejected = 0
    for item in TableFile().read(path, Options()):
        match item:
            case Read():
                read, kept = read + item.records, kept + item.kept
            case Reject():
                rejected += item.rows
            case Batch():
                assert item.rows.num_rows
    assert read == kept + rejected


WORDS = st.sampled_from(
    (
        "",
        "-",
        "N1",
        "Acme",
        "AMF/SMF",
        "/",
        "=1",
        "1,5",
        "52.5",
        "400",
        "25/03/2022",
        "03/04/2022",
        "2022-02-30",
        "2022-02-28",
        "x:y",
        "é",
        "1.2E+10",
        "yes",
        "macro",
        "#REF!",
        "'=1",
        "\x00",
    )
)


@given(lines=st.lists(st.lists(WORDS, min_size=11, max_size=11), max_size=6))
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_an_inventory_of_any_words_is_read_without_losing_count(
    suffix: str, tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"words{suffix}"
    headings = ENGLISH.splitlines()[0].split(",")
    if suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([headings, *lines])
    else:
        sheet(path, [headings, *([c.replace("\0", "") for c in line] for line in lines)], "NEs")
    found = ingest(path)
    blank = "" if suffix == ".csv" else "\0"
    filled = [line for line in lines if any(c.strip(blank) if blank else c for c in line)]
    assert found.rows_read == len(filled) == found.rows_kept + found.rows_rejected
    elements = found.tables.get("element", TABLES["element"].empty())
    assert elements.num_rows == found.rows_kept
    kept = set(elements["id"].to_pylist())
    for table, column in (("function", "element"), ("site", "id"), ("product", "id")):
        said = found.tables.get(table, TABLES[table].empty())[column].to_pylist()
        named = {"function": "id", "site": "site", "product": "product"}[table]
        assert set(said) <= (kept if named == "id" else set(elements[named].to_pylist()))


@pytest.mark.slow
def test_a_million_rows_are_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "nes.csv"
    line = "N{0},name {0},S{1},Acme,P{1},1.2,2022-03-04,2021-01-31,SN{0},north\n"
    with path.open("w") as file:
        file.write(
            "NE ID,NE Name,Site Code,Vendor,Product ID,SW version,Install date,"
            "Purchase date,Serial number,Operator\n"
        )
        file.writelines(line.format(n, n % 1000) for n in range(1_000_000))
    before = pa.total_allocated_bytes()
    kept, most = 0, 0
    for item in TableFile().read(path, Options()):
        kept += item.kept if isinstance(item, Read) else 0
        most = max(most, pa.total_allocated_bytes() - before)
    assert kept == 1_000_000
    assert most < 200 * 1024**2


def test_a_real_export_of_places_fits_no_table_and_is_left_to_a_mapping(
    shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "geonames-places" / "places.csv"
    with path.open("rb") as file:
        assert TableFile().claims(path, file.read(65536)).sureness == 0
    mapping = tmp_path / "places.toml"
    mapping.write_text(
        '[[table]]\ntable = "site"\n[table.columns]\ngeonameid = "id"\nname = "name"\n'
        'latitude = "latitude_deg"\nlongitude = "longitude_deg"\nadmin1code = "region"\n',
        encoding="utf-8",
    )
    found = gather(TableFile(), path, Options(mapping=mapping))
    with path.open(encoding="utf-8", newline="") as file:
        lines = sum(1 for _ in file) - 1
    assert found.rows_read == lines
    assert found.rows_rejected == 0
    assert rows(found, "site", "id", "name")[0] == ("table:2950159", "Berlin")
