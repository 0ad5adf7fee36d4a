"""Table files that are broken or made to hurt: one of our errors or a reject, soon, and no more."""

import io
import os
import resource
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import InputError, NotFoundError, SourceError
from ringfence.sources.base import HEAD_BYTES, Gathered, Options, gather
from ringfence.sources.table_files import TableFile

LINES = [
    ["NE ID", "NE Name", "Site", "Function", "Install Date"],
    ["N1", "alpha", "S1", "AMF", "2022-03-04"],
    ["N2", "beta", "S1", "AMF/SMF", "25/03/2022"],
    ["N3", 'gam"ma', "S2", "", "04/05/2022"],
]
CSV = "".join(
    ",".join(f'"{c.replace(chr(34), chr(34) * 2)}"' if '"' in c else c for c in line) + "\n"
    for line in LINES
).encode()


def workbook() -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        page = book.add_worksheet("Elements")
        for number, line in enumerate(LINES):
            page.write_row(number, 0, line)
        page.write_formula(2, 5, "=1/0", None, "#DIV/0!")
    return buffer.getvalue()


def parquet() -> bytes:
    buffer = io.BytesIO()
    columns: dict[str, object] = dict(
        zip(LINES[0], map(list, zip(*LINES[1:], strict=True)), strict=True)
    )
    columns["Model"] = pa.array(["X", "X", None]).dictionary_encode()
    columns["Purchase Date"] = pa.array([1, None, 10**15], pa.timestamp("us", "UTC"))
    columns["Region"] = pa.array([1.0, 2.5, float("nan")])
    columns["Part Number"] = pa.array([1, 2, None], pa.decimal128(12, 2))
    columns["Tags"] = pa.array([["a"], [], None])
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


XLSX, PARQUET = workbook(), parquet()


def ingest(path: Path) -> Gathered:
    return gather(TableFile(), path, Options())


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def rezipped(change: Callable[[dict[str, bytes]], None], *, level: int = 6) -> bytes:
    """The workbook with some of its parts changed."""
    with zipfile.ZipFile(io.BytesIO(XLSX)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def in_sheet(old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(parts: dict[str, bytes]) -> None:
        sheet = "xl/worksheets/sheet1.xml"
        assert old in parts[sheet]
        parts[sheet] = parts[sheet].replace(old, new, 1)

    return change


def refused(path: Path, *, says: str, within_s: float = 5.0) -> None:
    """The file is refused with these words, before it has cost much time or memory."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    with pytest.raises(SourceError, match=says) as caught:
        ingest(path)
    assert path.name in (caught.value.where or "")
    assert time.monotonic() - begun < within_s
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most
    assert grown_kib < 300 * 1024
    with path.open("rb") as file:
        TableFile().claims(path, file.read(HEAD_BYTES))


def test_the_sound_files_are_sound(tmp_path: Path) -> None:
    for name, content in (("a.csv", CSV), ("a.xlsx", XLSX), ("a.parquet", PARQUET)):
        found = ingest(put(tmp_path / name, content))
        assert (found.rows_read, found.rows_kept) == (3, 3)
        assert found.tables["element"].num_rows == found.tables["function"].num_rows == 3


# CSV


def test_a_row_with_too_few_or_too_many_cells_is_a_reject_with_its_number(tmp_path: Path) -> None:
    text = "NE ID,NE Name,Site\nN1,a\nN2,b,S\nN3,c,S,d\nN4\nN5,e,S\n"
    found = ingest(put(tmp_path / "nes.csv", text.encode()))
    assert [r["id"] for r in found.tables["element"].to_pylist()] == ["table:N2", "table:N5"]
    told = {
        r["place"]: (r["reason"].split(":")[0], r["content"]) for r in found.rejects.to_pylist()
    }
    assert told == {
        "nes.csv:2": ("2 cells where there are 3 headings", "N1,a"),
        "nes.csv:4": ("4 cells where there are 3 headings", "N3,c,S,d"),
        "nes.csv:5": ("1 cell where there are 3 headings", "N4"),
    }


def test_bytes_of_another_encoding_reject_their_rows_with_the_line(tmp_path: Path) -> None:
    text = 'NE ID,NE Name,Site\nN1,"two\nlines",S\nN2,Zürich,S\nN3,c,S\n'
    found = ingest(put(tmp_path / "nes.csv", text.encode("latin-1")))
    assert [r["id"] for r in found.tables["element"].to_pylist()] == ["table:N1", "table:N3"]
    [bad] = found.rejects.to_pylist()
    assert bad["place"] == "nes.csv:3"
    assert bad["reason"] == "bytes that are not utf-8; the mapping can state it (line 4)"
    assert bad["content"] == "N2,Z\ufffdrich,S"


def test_an_encoding_stated_in_the_mapping_reads_them(tmp_path: Path) -> None:
    path = put(tmp_path / "nes.csv", "NE ID,NE Name\nN2,Zürich\n".encode("latin-1"))
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        'encoding = "latin-1"\n[[table]]\ntable = "element"\n[table.columns]\n'
        '"NE ID" = "id"\n"NE Name" = "name"\n',
        encoding="utf-8",
    )
    found = gather(TableFile(), path, Options(mapping=mapping))
    assert found.tables["element"]["name"].to_pylist() == ["Zürich"]


def test_a_nul_rejects_its_row(tmp_path: Path) -> None:
    found = ingest(put(tmp_path / "nes.csv", b"NE ID,NE Name,Site\nN1,a\0b,S\nN2,b,S\n"))
    assert found.rows_kept == 1
    assert "a NUL character" in found.rejects["reason"][0].as_py()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('N2,"never closed,S', "opens and does not close"),
        ('N2,"closed" twice,S', "text follows a closing quotation mark"),
    ],
)
def test_a_stray_quotation_mark_costs_one_row(tmp_path: Path, line: str, why: str) -> None:
    text = f"NE ID,NE Name,Site\nN1,a,S\n{line}\nN3,c,S\nN4,d,S\n"
    found = ingest(put(tmp_path / "nes.csv", text.encode()))
    assert [r["id"] for r in found.tables["element"].to_pylist()] == [
        "table:N1",
        "table:N3",
        "table:N4",
    ]
    [bad] = found.rejects.to_pylist()
    assert bad["place"] == "nes.csv:3"
    assert why in bad["reason"]
    assert bad["content"] == line


def test_a_quotation_mark_open_over_a_long_file_costs_one_row(tmp_path: Path) -> None:
    lines = ["NE ID,NE Name,Site", *(f"N{n},name {n},S" for n in range(200_000))]
    lines[1000] = 'N999,"name,S'
    found = ingest(put(tmp_path / "nes.csv", "\n".join(lines).encode()))
    assert (found.rows_read, found.rows_kept, found.rows_rejected) == (200_000, 199_999, 1)
    assert found.rejects["place"][0].as_py() == "nes.csv:1001"


def test_quotation_marks_made_to_be_read_for_ever_are_refused(tmp_path: Path) -> None:
    # Read from any line, each opens what the next one closes and opens again.
    path = put(tmp_path / "nes.csv", b"NE ID,NE Name,Site\n" + b'x","\n' * 400_000)
    refused(path, says="out of balance")


def test_a_single_line_of_gigabytes_is_refused_at_once(tmp_path: Path) -> None:
    path = put(tmp_path / "nes.csv", b"NE ID,NE Name,Site\n")
    os.truncate(path, 64 * 1024**2)
    refused(path, says="a line is longer than", within_s=2)
    path = put(tmp_path / "one.csv", b"NE ID,NE Name,Site,")
    os.truncate(path, 64 * 1024**2)
    with pytest.raises(SourceError):
        ingest(path)


def test_a_formula_is_no_value_but_numbers_with_a_sign_are(tmp_path: Path) -> None:
    names = [
        "=1+1",
        "@SUM(A1)",
        "+cmd",
        "-cmd",
        "+44 20 7946 0000",
        "-48 V",
        "-2+3+cmd|'/C calc'!A0",
    ]
    text = "NE ID,NE Name,Site\n" + "".join(f"N{n},{name},S\n" for n, name in enumerate(names))
    found = ingest(put(tmp_path / "nes.csv", text.encode()))
    assert found.tables["element"]["name"].to_pylist() == ["+44 20 7946 0000", "-48 V"]
    assert found.rows_rejected == 5
    assert set(found.rejects["reason"].to_pylist()) == {"NE Name is a formula, not a value"}
    latitude = "Site Code,Site Name,Latitude\nS,a,-12.5\nT,b,=1\n"
    found = ingest(put(tmp_path / "sites.csv", latitude.encode()))
    assert found.tables["site"]["latitude_deg"].to_pylist() == [-12.5]


def test_numbers_that_are_none_are_faults(tmp_path: Path) -> None:
    words = ["1e999", "nan", "inf", "0x10", "1,5", "12 km", "٣", "--1", "1e5", ".5", "+7"]
    text = "Circuit ID;From;To;Length\n" + "".join(f"L{n};a;b;{w}\n" for n, w in enumerate(words))
    found = ingest(put(tmp_path / "links.csv", text.encode()))
    assert found.tables["link"]["length_km"].to_pylist() == [100000.0, 0.5, 7.0]
    ports = "id,element,protocol,port\n" + "".join(
        f"P{n},e,TCP,{w}\n" for n, w in enumerate(["80", "+443", "80.0", "9" * 30, "-1", "65536"])
    )
    found = ingest(put(tmp_path / "endpoint.csv", ports.encode()))
    assert found.tables["endpoint"]["port"].to_pylist() == [80, 443]


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", XLSX), ("b.csv", PARQUET), ("c.xlsx", CSV)]
)
def test_a_file_is_what_it_holds_whatever_it_is_called(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = put(tmp_path / name, content)
    assert TableFile().claims(path, content[:HEAD_BYTES]).sureness > 0.3
    assert ingest(path).rows_kept == 3


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        ingest(tmp_path / "nowhere.csv")
    with pytest.raises(SourceError):
        ingest(tmp_path)


# Workbooks


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.999])
def test_a_workbook_cut_short_is_refused(tmp_path: Path, part: float) -> None:
    refused(put(tmp_path / "a.xlsx", XLSX[: int(len(XLSX) * part)]), says="damaged or cut short")
    path = tmp_path / "a.xlsx"
    assert TableFile().claims(path, path.read_bytes()).sureness == 0.3


def test_an_encrypted_or_old_workbook_is_refused(tmp_path: Path) -> None:
    content = bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le") * 40
    refused(put(tmp_path / "a.xlsx", content), says="encrypted, or older than XLSX")
    assert TableFile().claims(tmp_path / "a.xlsx", content).sureness == 0.3
    other = put(tmp_path / "a.doc", content[:8] + bytes(600))
    assert TableFile().claims(other, other.read_bytes()).sureness == 0


def add(name: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(parts: dict[str, bytes]) -> None:
        parts[name] = content

    return change


DOCTYPE = b'<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (add("xl/vbaProject.bin", b"x"), "holds macros"),
        (add("../../etc/cron.d/x", b"x"), "named to lie outside"),
        (add("/etc/passwd", b"x"), "named to lie outside"),
        (add("xl\\..\\..\\x", b"x"), "named to lie outside"),
        (add("xl/workbook.bin", b"x"), "another format"),
        (in_sheet(b"<worksheet", DOCTYPE + b"<worksheet"), "declares XML entities"),
        (in_sheet(b"<sheetData>", b"<!ENTITY x 'y'><sheetData>"), "declares XML entities"),
        (in_sheet(b'r="A2"', b'r="XFD1048576"'), "reaches to row 1,048,576 and column 16,384"),
        (in_sheet(b'r="A2"', b'r="A99999999"'), "reaches to row 99,999,999"),
        (in_sheet(b'r="A2"', b'r="AAAAAAAAAAAA1"'), "reaches to row"),
        (
            in_sheet(b"</sheetData>", b'<row r="4294967295"><c><v>1</v></c></row></sheetData>'),
            "reaches to row 4,294,967,295",
        ),
        (
            in_sheet(
                b"</sheetData>",
                b'<row r="999999">' + b"<c><v>1</v></c>" * 600 + b"</row></sheetData>",
            ),
            "reaches to row 999,999",
        ),
        (in_sheet(b"</sheetData>", b"</sheetDate>"), "damaged"),
        (add("xl/workbook.xml", "<a/>".encode("utf-16")), "not in UTF-8"),
        (add("xl/_rels/workbook.xml.rels", b"<Relationships/>"), "cannot be read|not XML|damaged"),
    ],
)
def test_a_workbook_made_to_hurt_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None], says: str
) -> None:
    refused(put(tmp_path / "a.xlsx", rezipped(change)), says=says)


def test_a_workbook_that_unpacks_to_much_is_refused_before_it_is(tmp_path: Path) -> None:
    blank = bytes(64 * 1024**2)
    bomb = rezipped(lambda parts: parts.update({"xl/media/a.xml": blank}), level=9)
    refused(put(tmp_path / "a.xlsx", bomb), says="times its size")
    many = rezipped(lambda parts: parts.update({f"xl/{n}.xml": b"x" for n in range(10_001)}))
    refused(put(tmp_path / "b.xlsx", many), says="too many parts")


def test_an_archive_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    content = rezipped(in_sheet(b"<sheetData>", b"<sheetData>" + b" " * 1_000_000))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        part = archive.getinfo("xl/worksheets/sheet1.xml")
    declared = struct.pack("<LL", part.compress_size, part.file_size)
    assert content.count(declared) == 2
    lie = content.replace(declared, struct.pack("<LL", part.compress_size, 1000))
    refused(put(tmp_path / "a.xlsx", lie), says="larger than it declares|damaged")
    huge = content.replace(declared, struct.pack("<LL", part.compress_size, 2**32 - 2))
    refused(put(tmp_path / "b.xlsx", huge), says="unpacks to")


def test_a_part_listed_twice_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO(XLSX)
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(buffer, "a") as archive,
    ):
        archive.writestr("xl/workbook.xml", b"<workbook/>")
    refused(put(tmp_path / "a.xlsx", buffer.getvalue()), says="one twice")


def test_an_archive_of_something_else_is_not_claimed(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", b"<w/>")
    path = put(tmp_path / "a.docx", buffer.getvalue())
    assert TableFile().claims(path, buffer.getvalue()).sureness == 0
    refused(path, says="holds no workbook")


# Parquet


def test_a_parquet_file_cut_short_is_refused(tmp_path: Path) -> None:
    for part in (0.1, 0.5, 0.99):
        path = put(tmp_path / "a.parquet", PARQUET[: int(len(PARQUET) * part)])
        refused(path, says="cannot be read")
        assert TableFile().claims(path, path.read_bytes()).sureness == 0.2


def test_text_that_is_not_utf8_inside_parquet_is_refused(tmp_path: Path) -> None:
    names = pa.array([b"a", b"\xff\xfe"], pa.binary()).cast(pa.string(), safe=False)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"NE ID": ["1", "2"], "NE Name": names, "Site": ["S", "S"]}), path)
    refused(path, says="'NE Name'")


# Anything at all


def survives(path: Path) -> None:
    """Only an error of ours, and never a lost count."""
    with path.open("rb") as file:
        claim = TableFile().claims(path, file.read(HEAD_BYTES))
    assert 0 <= claim.sureness <= 0.6
    try:
        found = ingest(path)
    except InputError as error:
        assert "lost count" not in error.message  # noqa: PT017 (it need not be raised)
    else:
        assert found.rows_read == found.rows_kept + found.rows_rejected


@given(st.binary(max_size=400))
def test_any_bytes_give_rows_or_one_of_our_errors(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    survives(put(tmp_path_factory.getbasetemp() / "any", content))


@st.composite
def mutated(draw: st.DrawFn, sound: bytes) -> bytes:
    """A sound file with a few bytes changed, taken out or put in, or with its end cut off."""
    content = bytearray(sound)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content) - 1))
        match draw(st.sampled_from(["change", "take", "put", "cut"])):
            case "change":
                content[at] = draw(st.integers(0, 255))
            case "take":
                del content[at : at + draw(st.integers(1, 8))]
            case "put":
                content[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "cut":
                del content[max(at, len(content) // 2) :]
        if not content:
            break
    return bytes(content) or b"x"


@settings(max_examples=60)
@given(content=mutated(CSV))
def test_a_damaged_csv_file_loses_no_count(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    survives(put(tmp_path_factory.getbasetemp() / "mutated.csv", content))


@settings(max_examples=60)
@given(content=mutated(XLSX))
def test_a_damaged_workbook_loses_no_count(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    survives(put(tmp_path_factory.getbasetemp() / "mutated.xlsx", content))


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


PARTS = parts_of(XLSX)


@pytest.mark.parametrize(
    "part",
    [
        "xl/worksheets/sheet1.xml",
        "xl/sharedStrings.xml",
        "xl/styles.xml",
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
    ],
)
@settings(max_examples=40)
@given(data=st.data())
def test_a_damaged_part_in_a_sound_archive_loses_no_count(
    tmp_path_factory: pytest.TempPathFactory, part: str, data: st.DataObject
) -> None:
    content = rezipped(add(part, data.draw(mutated(PARTS[part]))))
    survives(put(tmp_path_factory.getbasetemp() / "part.xlsx", content))


@settings(max_examples=60)
@given(content=mutated(PARQUET))
def test_a_damaged_parquet_file_loses_no_count(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    survives(put(tmp_path_factory.getbasetemp() / "mutated.parquet", content))
