"""Tables by name, queries, and Parquet files that are the same bytes for the same rows."""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import NotFoundError, RingfenceError, VerificationError
from ringfence.store import duck
from ringfence.store.duck import Connection, Tables, connect, hash_of_file, write_parquet

SCHEMA = pa.schema(
    {
        "text": pa.string(),
        "integer": pa.int64(),
        "decimal": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
    }
)
OUTSIDE = pa.table({"x": [42]})
ROW: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(max_size=3),
        "integer": st.none() | st.integers(-(2**63), 2**63 - 1),
        "decimal": st.none() | st.floats(allow_nan=False),
        "boolean": st.none() | st.booleans(),
        "date": st.none() | st.dates(),
    }
)
ROWS = st.lists(ROW, max_size=30)


def table(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@st.composite
def chunked(draw: st.DrawFn) -> tuple[pa.Table, pa.Table]:
    """The same rows twice: in one chunk, and cut anywhere, out of a longer table."""
    whole = table(draw(ROWS))
    before, after = table(draw(ROWS)), table(draw(ROWS))
    longer = pa.concat_tables([before, whole, after]).combine_chunks()
    inside = longer.slice(before.num_rows, whole.num_rows)
    cuts = draw(st.lists(st.integers(0, whole.num_rows), max_size=6).map(sorted))
    edges = [0, *cuts, whole.num_rows]
    pieces = [inside.slice(a, b - a) for a, b in pairwise(edges)]
    return whole, pa.concat_tables(pieces)


def parquet(data: pa.Table | pa.RecordBatchReader) -> bytes:
    sink = pa.BufferOutputStream()
    write_parquet(data, sink)
    return bytes(sink.getvalue())


# --- the same rows, the same bytes


@given(chunked(), st.integers(1, 12))
def test_a_file_does_not_tell_how_its_rows_arrived(
    pair: tuple[pa.Table, pa.Table], rows_in_a_group: int
) -> None:
    whole, pieces = pair
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duck, "ROW_GROUP_ROWS", rows_in_a_group)
        expected = parquet(whole)
        assert parquet(pieces) == expected
        assert parquet(pieces.to_reader(max_chunksize=2)) == expected
        read = pq.ParquetFile(pa.BufferReader(expected))
        assert read.read().equals(whole)
        sizes = [read.metadata.row_group(i).num_rows for i in range(read.num_row_groups)]
    full, rest = divmod(whole.num_rows, rows_in_a_group)
    assert sizes == [rows_in_a_group] * full + [rest] * bool(rest)


@given(chunked())
def test_a_hash_does_not_tell_how_its_rows_are_chunked(pair: tuple[pa.Table, pa.Table]) -> None:
    whole, pieces = pair
    assert Tables({"t": whole}).hash_of("t") == Tables({"t": pieces}).hash_of("t")


@given(ROWS, ROWS)
def test_other_rows_have_another_hash(
    one: list[dict[str, object]], other: list[dict[str, object]]
) -> None:
    first, second = table(one), table(other)
    same = Tables({"t": first}).hash_of("t") == Tables({"t": second}).hash_of("t")
    # Zero and minus zero are equal, yet not the same value: so the values are compared as written.
    assert same == (repr(first.to_pylist()) == repr(second.to_pylist()))


def test_what_lies_under_a_null_is_not_part_of_the_hash() -> None:
    stated = pa.table({"x": pa.array([1, None, 3], pa.int64())})
    computed = pc.if_else(pa.array([True, False, True]), pa.array([1, 2, 3], pa.int64()), None)
    unstated = pa.table({"x": computed})
    assert stated.equals(unstated)
    assert Tables({"t": stated}).hash_of("t") == Tables({"t": unstated}).hash_of("t")


def test_rows_in_memory_and_in_a_file_have_one_hash(tmp_path: Path) -> None:
    data = table([{"text": "a", "date": date(2024, 1, 1)}, {"integer": 5}])
    file = tmp_path / "t.parquet"
    assert write_parquet(data, file) == 2
    assert Tables({"t": file}).hash_of("t") == hash_of_file(file)
    assert Tables({"t": data}).hash_of("t") == hash_of_file(file)


def test_metadata_of_the_schema_is_not_written() -> None:
    data = table([{"text": "a"}])
    noted = data.replace_schema_metadata({"made": "yesterday"})
    assert parquet(noted) == parquet(data)
    assert pq.read_schema(pa.BufferReader(parquet(noted))).metadata is None


def test_no_rows_make_a_file_with_the_columns(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    assert write_parquet(SCHEMA.empty_table(), file) == 0
    assert pq.read_table(file).schema == SCHEMA
    assert Tables({"t": file}).rows("t") == 0


def test_a_hash_stays_right_when_a_table_is_put_in_anothers_place() -> None:
    one, other = table([{"text": "a"}]), table([{"text": "b"}])
    tables = Tables({"t": one, "u": one})
    before = tables.hash_of("t")
    changed = tables.and_these({"t": other})
    assert changed.hash_of("t") == Tables({"t": other}).hash_of("t") != before
    assert changed.hash_of("u") == before
    assert tables.hash_of("t") == before


# --- tables by name


def test_tables_are_listed_by_name_and_taken_out_by_name(tmp_path: Path) -> None:
    data = table([{"text": "a"}])
    file = tmp_path / "t.parquet"
    write_parquet(data, file)
    tables = Tables({"b": data, "a": file})
    assert list(tables) == ["a", "b"]
    assert len(tables) == 2
    assert "a" in tables
    assert "c" not in tables
    assert tables["a"].equals(tables["b"])
    assert tables.rows("a") == tables.rows("b") == 1
    assert list(tables.only("b")) == ["b"]
    assert list(tables.and_these({"c": data})) == ["a", "b", "c"]
    assert list(tables.and_these(Tables({"c": data}))) == ["a", "b", "c"]


@pytest.mark.parametrize("ask", [Tables.__getitem__, Tables.rows, Tables.hash_of, Tables.only])
def test_a_table_that_is_not_there_is_refused_with_those_that_are(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(NotFoundError, match="no table 'element'") as caught:
        ask(Tables({"site": SCHEMA.empty_table()}), "element")
    assert caught.value.hint == "the tables: site"


@pytest.fixture(params=["missing", "empty", "no parquet", "cut short"])
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "t.parquet"
    write_parquet(table([{"text": "a"}] * 100), file)
    match request.param:
        case "missing":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "no parquet":
            file.write_bytes(b"PAR1" + b"x" * 100 + b"PAR1")
        case "cut short":
            file.write_bytes(file.read_bytes()[:-20])
    return file


@pytest.mark.parametrize("ask", ["rows", "read", "query"])
def test_a_file_that_cannot_be_read_is_named(damaged: Path, ask: str) -> None:
    tables = Tables({"t": damaged})
    ways: dict[str, Callable[[], object]] = {
        "rows": lambda: tables.rows("t"),
        "read": lambda: tables["t"],
        "query": lambda: tables.query("FROM t"),
    }
    with pytest.raises(VerificationError, match="table t cannot be read") as caught:
        ways[ask]()
    assert caught.value.where == str(damaged)


def test_the_hash_of_a_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="table t cannot be read"):
        Tables({"t": tmp_path / "t.parquet"}).hash_of("t")


@pytest.mark.parametrize(
    ("folder", "beside"),
    [
        ("b[x]", "bx"),
        ("c*", "cc"),
        ("d?", "dd"),
        ("**", "e"),
        ("f'g", "f"),
        ('h"i', "h"),
        ("{j,k}", "j"),
        ("year=2024", "year"),
        ("with space", "with"),
        ("é中", "e"),
    ],
)
def test_a_file_is_itself_whatever_its_folder_is_called(
    tmp_path: Path, folder: str, beside: str
) -> None:
    for name in (folder, beside):
        (tmp_path / name).mkdir()
        write_parquet(pa.table({"x": [name]}), tmp_path / name / "t.parquet")
    tables = Tables({"t": tmp_path / folder / "t.parquet"})
    assert tables.query("FROM t").to_pylist() == [{"x": folder}]
    assert tables["t"].to_pylist() == [{"x": folder}]


# --- queries


@pytest.fixture
def connection() -> Iterator[Connection]:
    with connect({"t": pa.table({"x": [1, 2, 3]})}) as opened:
        yield opened


def test_a_query_takes_named_parameters(connection: Connection) -> None:
    found = connection.query("SELECT x FROM t WHERE x > $least ORDER BY x", {"least": 1})
    assert found.to_pylist() == [{"x": 2}, {"x": 3}]
    day = date(2024, 2, 29)
    assert connection.value("SELECT $day + 1", {"day": day}) == date(2024, 3, 1)
    assert connection.value("SELECT $nothing IS NULL", {"nothing": None}) is True
    hostile = "'; DROP TABLE t; --"
    assert connection.value("SELECT $text", {"text": hostile}) == hostile


def test_a_value_of_no_row_is_none(connection: Connection) -> None:
    assert connection.value("SELECT x FROM t WHERE x > 5") is None


def test_a_variable_of_the_caller_is_never_taken_for_a_table(connection: Connection) -> None:
    secret = pa.table({"x": [42]})
    assert secret.num_rows == 1
    with pytest.raises(RingfenceError, match="secret does not exist"):
        connection.query("FROM secret")
    with pytest.raises(RingfenceError, match="OUTSIDE does not exist"):
        connection.query("FROM OUTSIDE")


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELEC 1", None),
        ("FROM nowhere", None),
        ("SELECT y FROM t", None),
        ("SELECT $a", {"b": 1}),
        ("SELECT $a", {"a": object()}),
        ("SELECT error('on purpose')", None),
        ("SELECT 'x'::INTEGER", None),
        ("SELECT 99999999999::INTEGER", None),
        ("SELECT sum(x::DECIMAL(38, 0) * 9e37::DECIMAL(38, 0)) FROM t", None),
    ],
)
def test_what_the_engine_refuses_is_an_error_of_ours(
    connection: Connection, sql: str, parameters: dict[str, object] | None
) -> None:
    with pytest.raises(RingfenceError, match="a query failed") as caught:
        connection.query(sql, parameters)
    assert not isinstance(caught.value, duckdb.Error)
    assert "\n" not in caught.value.message
    # And the connection goes on.
    assert connection.value("SELECT count(*) FROM t") == 3


def test_a_table_added_again_is_the_new_one(connection: Connection, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    write_parquet(pa.table({"x": [7]}), file)
    connection.add("t", file)
    assert connection.value("SELECT sum(x) FROM t") == 7
    connection.add("t", pa.table({"x": [8]}))
    assert connection.value("SELECT sum(x) FROM t") == 8


def test_a_stream_gives_all_rows_and_its_late_errors_are_ours(connection: Connection) -> None:
    rows = 300_000
    streamed = connection.stream("SELECT i FROM range($rows) r(i)", {"rows": rows})
    assert sum(batch.num_rows for batch in streamed) == rows
    late = connection.stream(
        "SELECT CASE WHEN i = 900000 THEN error('late') ELSE i END FROM range(1000000) r(i)"
    )
    with pytest.raises(RingfenceError, match="late"):
        late.read_all()


def test_the_number_of_threads_is_what_was_asked() -> None:
    with connect({}, threads=1) as one:
        assert one.value("SELECT current_setting('threads')") == 1


def test_the_engine_fetches_nothing_from_elsewhere(connection: Connection) -> None:
    for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
        assert connection.value(f"SELECT current_setting('{setting}')") is False


def test_what_does_not_fit_in_memory_is_not_laid_into_the_callers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with connect({}, threads=1) as small:
        small.run("SET memory_limit = '40MB'")
        small.run("CREATE TEMP TABLE big AS SELECT hash(i) AS h FROM range(8000000) r(i)")
        spilt = small.value("SELECT sum(size) FROM duckdb_temporary_files()")
        assert int(str(spilt)) > 0
        assert list(tmp_path.iterdir()) == []
        where = Path(str(small.value("SELECT current_setting('temp_directory')")))
        assert where.is_dir()
    assert not where.exists()
