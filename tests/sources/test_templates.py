"""Templates: a table's declaration as a file, which reads back as it was filled in."""

import string
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import UsageError
from ringfence.network.model import NETWORK_TABLES, TABLES
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.cells import NOT_STATED
from ringfence.sources.mapping import FILLABLE
from ringfence.sources.table_files import TableFile, write_template
from ringfence.store.tables import Column, Table, Type


def ingest(path: Path) -> Gathered:
    return gather(TableFile(), path, Options())


def rows(gathered: Gathered, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(r[c] for c in columns) for r in gathered.tables[table].to_pylist()]


def text_for(column: Column) -> st.SearchStrategy[str]:
    if column.one_of:
        return st.sampled_from(column.one_of)
    letters = st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp"))
    texts = st.text(letters | st.sampled_from("\n\"',;|\t=+-@é网元"), min_size=1, max_size=20)
    sound = texts.map(lambda text: text.strip(string.whitespace + "\u00a0\ufeff")).filter(
        lambda text: (
            text.strip() == text and text.lower() not in NOT_STATED and not text.startswith("#")
        )
    )
    if column.name == "id" or column.refers_to:
        return sound.map(lambda text: f"x:{text}")
    if column.name == "kind":
        words = st.text(string.ascii_letters, min_size=1, max_size=8)
        return words.filter(lambda text: text.lower() not in NOT_STATED)
    return sound


def values_for(column: Column) -> st.SearchStrategy[Any]:
    low, high = column.minimum, column.maximum
    values: st.SearchStrategy[Any]
    match column.type:
        case Type.TEXT:
            values = text_for(column)
        case Type.BOOLEAN:
            values = st.booleans()
        case Type.DATE:
            values = st.dates(date(1000, 1, 1)) | st.just(date(9999, 12, 31))
        case Type.INTEGER:
            values = st.integers(
                int(low) if low is not None else -(2**63),
                int(high) if high is not None else 2**63 - 1,
            )
        case Type.DECIMAL:
            values = st.floats(low, high, allow_nan=False, allow_infinity=False)
    return values if column.required else st.none() | values


@st.composite
def filled(draw: st.DrawFn) -> tuple[Table, list[dict[str, Any]]]:
    table = draw(st.sampled_from(NETWORK_TABLES))
    row = st.fixed_dictionaries({c.name: values_for(c) for c in FILLABLE[table.name].values()})
    return table, draw(st.lists(row, max_size=4))


@settings(max_examples=50)
@given(filled())
@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_what_is_written_reads_back(
    suffix: str, tmp_path_factory: pytest.TempPathFactory, case: tuple[Table, list[dict[str, Any]]]
) -> None:
    table, lines = case
    path = tmp_path_factory.getbasetemp() / f"round{suffix}"
    data = table.from_rows(lines)
    if suffix == ".parquet":
        marked = [{k: mark(v) for k, v in line.items()} for line in lines]
        pq.write_table(table.from_rows(marked).select(list(FILLABLE[table.name])), path)
    else:
        write_template(table, path, data)
    assert [b.table for b in TableFile().guess(path)[0].blocks] == [table.name]
    found = ingest(path)
    whole = [line for line in lines if any(v is not None for v in line.values())]
    faults = [r for r in found.rejects.to_pylist() if r["kind"] == "fault"]
    assert faults == []
    back = found.tables.get(table.name, table.empty()).to_pylist()
    assert [{k: row[k] for k in FILLABLE[table.name]} for row in back] == whole


def mark(value: Any) -> Any:
    """As a text that looks like a formula must be marked in any file."""
    if isinstance(value, str) and value.lstrip("'")[:1] in {"=", "+", "-", "@"}:
        return f"'{value}"
    return value


def test_a_template_explains_itself_and_offers_the_choices(tmp_path: Path) -> None:
    path = tmp_path / "site.xlsx"
    write_template(TABLES["site"], path)
    found = TableFile().guess(path)
    assert [len(g.blocks) for g in found] == [1]
    with zipfile.ZipFile(path) as archive:
        first = archive.read("xl/worksheets/sheet1.xml").decode()
        words = archive.read("xl/sharedStrings.xml").decode()
    assert "macro,small cell,exchange" in first
    assert "Latitude, WGS 84" in words
    assert "from -90 to 90" in words
    assert "origin" not in words
    gathered = ingest(path)
    [aside] = gathered.rejects.to_pylist()
    assert (aside["kind"], aside["reason"]) == ("set aside", "the explanations of a template")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_same_template_has_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    table = TABLES["element"]
    data = table.from_rows([{"id": "x:1", "name": "é", "installed_on": date(2022, 3, 4)}])
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write_template(table, first, data)
    write_template(table, second, data)
    assert first.read_bytes() == second.read_bytes()


def test_no_template_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not \.ods"):
        write_template(TABLES["site"], tmp_path / "site.ods")


def test_a_template_never_hands_a_spreadsheet_a_formula(tmp_path: Path) -> None:
    table = TABLES["site"]
    data = table.from_rows([{"id": "x:1", "name": "=1+1"}, {"id": "x:2", "name": "'-2"}])
    path = tmp_path / "site.csv"
    write_template(table, path, data)
    assert ",'=1+1," in path.read_text(encoding="utf-8-sig")
    assert rows(ingest(path), "site", "name") == [("=1+1",), ("'-2",)]
    write_template(table, tmp_path / "site.xlsx", data)
    assert rows(ingest(tmp_path / "site.xlsx"), "site", "name") == [("=1+1",), ("'-2",)]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_what_helps_to_recognise_a_row_is_written_but_not_read(tmp_path: Path, ending: str) -> None:
    rows = pa.table({"element": ["netbox:1"], "kind": ["AMF"], "name": ["amf-1"], "site": ["S9"]})
    file = tmp_path / f"function.{ending}"
    write_template(TABLES["function"], file, rows)
    got = gather(TableFile(), file, Options())
    assert got.rows_kept == 1
    assert set(got.tables) == {"function"}
    read = got.tables["function"].drop_columns(["origin"]).to_pylist()
    assert read == [
        {"element": "netbox:1", "kind": "AMF", "pool": None, "slice": None, "generation": None}
    ]
    if ending == "csv":
        heading = file.read_text(encoding="utf-8-sig").splitlines()[0]
        assert heading.endswith(",# name,# site")
