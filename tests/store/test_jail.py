"""Ways out of the jail. After each, the process lives, the jail answers, and its tables are whole."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from importlib import import_module
from pathlib import Path
from types import ModuleType

import duckdb
import pyarrow as pa
import pytest

from ringfence.errors import RingfenceError, TimeLimitError, VerificationError
from ringfence.store import reading
from ringfence.store.duck import Tables, write_parquet
from ringfence.store.jail import Jail, Limits, walled
from ringfence.store.reading import QueryError, read_select

ELEMENT = pa.table({"id": ["a", "b", "c"], "size": [1, 2, 3]})
LIMITS = Limits(memory_mb=256, answer_mb=8, seconds=0.5, threads=2)
SECRET = "the-secret-of-the-house"  # noqa: S105
outside = pa.table({"x": [SECRET]})
"""A table of the caller's, that no statement may reach by its Python name."""


@pytest.fixture(scope="module")
def one_jail() -> Iterator[Jail]:
    """One jail for all attempts: what one of them broke, the next would see."""
    prepare = ["SET VARIABLE as_of = DATE '2024-01-01'"]
    with Jail(Tables({"element": ELEMENT}), limits=LIMITS, prepare=prepare) as made:
        yield made


@pytest.fixture
def jail(one_jail: Jail) -> Iterator[Jail]:
    yield one_jail
    found = one_jail.select("SELECT id, size, getvariable('as_of') AS day FROM element ORDER BY id")
    assert found.select(["id", "size"]) == ELEMENT
    assert found["day"].to_pylist() == [date(2024, 1, 1)] * 3


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A folder with something worth stealing."""
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.csv").write_text(f"x\n{SECRET}\n")
    (tmp_path / "secret.json").write_text(f'{{"x": "{SECRET}"}}')
    write_parquet(outside, tmp_path / "secret.parquet")
    duckdb.connect(str(tmp_path / "secret.duckdb")).close()
    return tmp_path


def refused(jail: Jail, sql: str) -> str:
    with pytest.raises(QueryError) as caught:
        jail.select(sql)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "read",
    [
        "FROM read_text('{house}/secret.txt')",
        "FROM read_blob('{house}/secret.txt')",
        "FROM read_csv('{house}/secret.csv')",
        "FROM read_csv_auto('{house}/secret.csv')",
        "FROM sniff_csv('{house}/secret.csv')",
        "FROM read_json('{house}/secret.json')",
        "FROM read_ndjson_objects('{house}/secret.json')",
        "FROM read_parquet('{house}/secret.parquet')",
        "FROM parquet_scan('{house}/secret.parquet')",
        "FROM parquet_metadata('{house}/secret.parquet')",
        "FROM parquet_kv_metadata('{house}/secret.parquet')",
        "FROM read_duckdb('{house}/secret.duckdb')",
        "FROM glob('{house}/*')",
        "FROM '{house}/secret.csv'",
        "FROM '{house}/secret.parquet'",
        'FROM "{house}/secret.json"',
        "FROM read_text(getvariable('as_of')::VARCHAR)",
        "SELECT (SELECT content FROM read_text('{house}/secret.txt'))",
        "WITH t AS (FROM read_text('{house}/secret.txt')) FROM t",
        "FROM system.main.read_text('{house}/secret.txt')",
        "FROM element, LATERAL (FROM read_text('{house}/' || id))",
        "FROM read_csv('https://example.invalid/secret.csv')",
        "FROM query('FROM read_text(''{house}/secret.txt'')')",
        "FROM query_table('element')",
        "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    ],
)
def test_no_file_can_be_read(jail: Jail, house: Path, read: str) -> None:
    sql = read.format(house=house)
    refused(jail, sql)
    # And not either where the look at the statement were to miss it.
    with pytest.raises(RingfenceError) as caught:  # noqa: PT012
        if "json_execute" in sql or "query_table" in sql:
            raise RingfenceError("harmless in itself: it hides a statement, and reads no file")
        jail.select_ours(sql)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "write",
    [
        "COPY element TO '{house}/out.csv'",
        "COPY (SELECT 1) TO '{house}/out.parquet' (FORMAT parquet)",
        "EXPORT DATABASE '{house}/out'",
        "IMPORT DATABASE '{house}/out'",
        "ATTACH '{house}/secret.duckdb'",
        "ATTACH ':memory:' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "INSERT INTO element VALUES ('d', 4)",
        "UPDATE element SET size = 0",
        "DELETE FROM element",
        "TRUNCATE element",
        "DROP TABLE element",
        "ALTER TABLE element ADD COLUMN x INTEGER",
        "CREATE TABLE t (x INTEGER)",
        "CREATE VIEW element AS SELECT 1",
        "CREATE TEMP VIEW element AS SELECT 'z' AS id, 9 AS size",
        "CREATE OR REPLACE TEMP TABLE element AS SELECT 'z' AS id, 9 AS size",
        "CREATE MACRO count(x) AS 0",
        "CREATE SECRET s (TYPE s3)",
        "SET VARIABLE as_of = DATE '1999-01-01'",
        "RESET VARIABLE as_of",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '100GB'",
        "SET threads = 64",
        "SET temp_directory = '{house}'",
        "RESET memory_limit",
        "PRAGMA memory_limit = '100GB'",
        "PRAGMA database_list",
        "CALL enable_logging()",
        "CALL pragma_version()",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "CHECKPOINT",
        "VACUUM",
        "USE system",
        "EXPLAIN ANALYZE SELECT 1",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "SELECT 1; DROP TABLE element",
        "SELECT 1; SELECT 2",
        "DROP TABLE element; SELECT 1",
        "",
        ";",
        "-- nothing",
        "not a statement",
        "SELECT",
    ],
)
def test_only_one_select_runs(jail: Jail, house: Path, write: str) -> None:
    refused(jail, write.format(house=house))
    assert sorted(p.name for p in house.iterdir()) == [
        "secret.csv", "secret.duckdb", "secret.json", "secret.parquet", "secret.txt",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "setting",
    [
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '100GB'",
        "SET temp_directory = '/tmp'",
        "SET threads = 64",
        "SET autoinstall_known_extensions = true",
        "SET python_enable_replacements = true",
        "SET max_expression_depth = 1000000",
    ],
)
def test_the_lock_itself_holds(jail: Jail, setting: str) -> None:
    with pytest.raises(duckdb.Error, match=r"locked|cannot"):
        jail._run(setting)


@pytest.mark.parametrize(
    "function",
    [
        "duckdb_secrets()",
        "duckdb_settings()",
        "duckdb_databases()",
        "duckdb_logs()",
        "duckdb_variables()",
        "which_secret('s3://x', 's3')",
        "enable_logging(storage = 'file', storage_path = '/tmp/x')",
        "disable_logging()",
        "enable_profiling()",
        "create_external_resource('x')",
        "force_checkpoint()",
        "checkpoint()",
        "python_map_function((FROM element), 0)",
        "pandas_scan(0)",
        "arrow_scan(0, 0, 0)",
        "python_arrow_scan(0, 0, 0)",
        "seq_scan()",
        "test_all_types()",
        "pragma_storage_info('element')",
    ],
)
def test_no_table_function_but_the_harmless_is_read(jail: Jail, function: str) -> None:
    assert "may not be read from here" in refused(jail, f"FROM {function}")


def test_the_environment_is_out_of_reach(jail: Jail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_SECRET", SECRET)
    refused(jail, "SELECT getenv('RINGFENCE_SECRET')")


@pytest.mark.parametrize("name", ["outside", "ELEMENT", "LIMITS", "reading"])
def test_no_python_variable_is_taken_for_a_table(jail: Jail, name: str) -> None:
    local = outside
    assert local is outside
    for one in (name, "local"):
        if one.casefold() != "element":
            assert "does not exist" in refused(jail, f"SELECT * FROM {one}")


@pytest.mark.parametrize(
    "expression",
    [
        "random()", "uuid()", "gen_random_uuid()", "now()", "current_date", "current_timestamp",
        "get_current_timestamp()", "today()", "localtime", "localtimestamp", "current_time",
        "sleep_ms(100000)", "write_log('x')", "setseed(0.5)", "nextval('s')", "error('x')",
        "current_setting('memory_limit')", "current_query()", "current_user", "txid_current()",
        "(SELECT random() FROM element LIMIT 1)",
    ],
)  # fmt: skip
def test_what_changes_from_run_to_run_is_refused(jail: Jail, expression: str) -> None:
    assert "another answer each time" in refused(jail, f"SELECT {expression}")


def test_a_sample_is_refused(jail: Jail) -> None:
    for sql in ("SELECT id FROM element USING SAMPLE 1", "FROM element TABLESAMPLE 10%"):
        assert "a sample would give another answer each time" in refused(jail, sql)


def test_every_function_of_the_engine_that_is_not_repeatable_is_known() -> None:
    rows = duckdb.connect().sql(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE function_type = 'scalar' AND stability <> 'CONSISTENT'"
    )
    names = {name for (name,) in rows.fetchall()}
    assert names - {"getvariable"} <= reading._NOT_REPEATABLE


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = -1",
        "SELECT sum(a.range) FROM range(100000000) a, range(100000) b",
    ],
)
def test_an_endless_query_is_stopped_near_its_limit(jail: Jail, sql: str) -> None:
    began = time.monotonic()
    with pytest.raises(TimeLimitError, match=r"stopped after 0\.5 seconds"):
        jail.select(sql, where="pack/R-1")
    assert 0.4 < time.monotonic() - began < 5.0


def test_an_interrupt_that_comes_late_does_not_hit_the_next_query(jail: Jail) -> None:
    for _ in range(3):
        with pytest.raises(TimeLimitError):
            jail.select("SELECT sum(a.range) FROM range(100000000) a, range(100000) b")
        assert jail.select("SELECT sum(size) AS n FROM element")["n"].to_pylist() == [6]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(a.range) FROM range(100000000) a",
        "SELECT string_agg(a.range::VARCHAR, ',' ORDER BY a.range) FROM range(100000000) a",
        "SELECT a.range FROM range(100000000) a ORDER BY hash(a.range) OFFSET 99999999",
    ],
)
def test_a_memory_bomb_is_a_limit_and_not_the_end(jail: Jail, sql: str) -> None:
    with pytest.raises(TimeLimitError):
        jail.select(sql)


def test_a_giant_answer_is_a_limit(jail: Jail) -> None:
    with pytest.raises(TimeLimitError, match="larger than 8 MB"):
        jail.select("SELECT range FROM range(1000000000)")


@pytest.mark.parametrize(
    "expression",
    ["repeat('x', 2000000000)", "lpad('x', 2000000000, 'y')", "rpad('x', 2000000000, 'y')",
     "format('{:>2000000000}', 'x')", "printf('%2000000000d', 1)", "bar(1, 0, 1, 1000000)",
     "range(1000000000)", "generate_series(1, 1000000000)", "list_resize([1], 1000000000)"],
)  # fmt: skip
def test_what_swells_a_number_to_a_text_is_refused(jail: Jail, expression: str) -> None:
    began = time.monotonic()
    assert "a text of any length" in refused(jail, f"SELECT length({expression})")
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '" + "x" * 10_000_000 + "'",
        "SELECT " + "(" * 50_000 + "1" + ")" * 50_000,
        "SELECT " + "NOT " * 50_000 + "true",
        "SELECT " + "1+" * 50_000 + "1",
        " UNION ALL ".join(["SELECT 1"] * 20_000),
    ],
)
def test_a_monstrous_statement_is_refused_at_once(jail: Jail, sql: str) -> None:
    began = time.monotonic()
    assert "longer than" in refused(jail, sql)
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 9_000 + "1" + ")" * 9_000,
        "SELECT " + "NOT " * 4_000 + "true",
        "SELECT " + "1+" * 9_000 + "1",
        "SELECT " + "[" * 9_000 + "]" * 9_000,
        "SELECT 1" + "::INT" * 3_000,
        "SELECT * FROM " + "(FROM " * 1_500 + "element" + ")" * 1_500,
    ],
)
def test_what_nests_too_deeply_is_refused_though_it_be_short(jail: Jail, sql: str) -> None:
    refused(jail, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM element e0 "
        + " ".join(f"JOIN element e{i} USING (id)" for i in range(1, 300)),
        "SELECT count(*) FROM " + ", ".join(f"element e{i}" for i in range(200)),
        "WITH c0 AS (SELECT id FROM element), "
        + ", ".join(f"c{i} AS (SELECT id FROM c{i - 1} JOIN c{i - 1} d USING (id))"
                    for i in range(1, 25))
        + " SELECT count(*) FROM c24",
        " UNION ALL ".join(["SELECT id FROM element"] * 200),
    ],
)  # fmt: skip
def test_a_statement_that_would_be_planned_for_ever_is_refused(jail: Jail, sql: str) -> None:
    began = time.monotonic()
    assert "more than 64 tables" in refused(jail, sql)
    assert time.monotonic() - began < 1.0


def test_a_with_may_hide_a_table_from_its_own_statement_only(jail: Jail) -> None:
    hidden = jail.select("WITH element AS (SELECT 'z' AS id) SELECT id FROM element")
    assert hidden["id"].to_pylist() == ["z"]
    assert jail.select("SELECT count(*) AS n FROM element")["n"].to_pylist() == [3]


def test_sources_are_gone_once_the_jail_is_closed(tmp_path: Path) -> None:
    write_parquet(outside, tmp_path / "secret.parquet")
    sources = Tables({"file": tmp_path / "secret.parquet", "memory": outside})
    made = "CREATE TABLE seen AS SELECT length(x) AS n FROM source.file UNION FROM (SELECT 1)"
    with Jail(Tables({}), limits=LIMITS, prepare=[sources, made]) as jail:
        assert jail.select("SELECT max(n) AS n FROM seen")["n"].to_pylist() == [len(SECRET)]
        for table in ("source.file", "source.memory", "file", "_source_memory", "memory"):
            refused(jail, f"SELECT * FROM {table}")


def test_a_table_in_a_file_is_seen_as_one_in_memory(tmp_path: Path) -> None:
    folder = tmp_path / "it's [a] *folder*?"
    folder.mkdir()
    write_parquet(ELEMENT, folder / "element.parquet")
    with Jail(Tables({"element": folder / "element.parquet"}), columns={"element": ["id"]}) as jail:
        assert jail.select("SELECT * FROM element ORDER BY id") == ELEMENT.select(["id"])


def test_a_damaged_file_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "element.parquet").write_bytes(b"PAR1 no parquet PAR1")
    with pytest.raises(RingfenceError, match="could not be laid out"):
        Jail(Tables({"element": tmp_path / "element.parquet"}))


def test_values_are_bound_and_never_pasted(jail: Jail) -> None:
    evil = "a' OR true; DROP TABLE element; --"
    found = jail.select("SELECT count(*) AS n FROM element WHERE id = $id", {"id": evil})
    assert found["n"].to_pylist() == [0]


def test_an_error_says_where(jail: Jail) -> None:
    with pytest.raises(QueryError) as caught:
        jail.select("SELECT nothing FROM element", where="pack/R-1")
    assert caught.value.where == "pack/R-1"
    assert "nothing" in caught.value.message


def test_a_reading_says_what_a_statement_names() -> None:
    reading = read_select(
        """WITH t AS (SELECT e.id, kind FROM element e JOIN function f ON f.element = e.id)
           SELECT id, any_of($x > 1) FROM t LEFT JOIN site s ON s.id = t.id"""
    )
    assert reading.tables == {"element", "function", "t", "site"}
    assert reading.parameters == {"x"}
    assert "any_of" in reading.functions
    assert reading.may_mean("element", "id")
    assert reading.may_mean("element", "kind")
    assert reading.may_mean("function", "element")
    assert not reading.may_mean("site", "kind")
    assert not reading.may_mean("element", "element")
    assert not reading.may_mean("demand", "kind")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM element",
        "SELECT e.* FROM element e",
        "SELECT COLUMNS('i.*') FROM element",
        "FROM element",
        "SELECT element FROM element",
        "SELECT e FROM element e",
        "SELECT list(e ORDER BY e) FROM element e",
        "SELECT id FROM element NATURAL JOIN site",
        "SELECT id FROM element ORDER BY 1, #2",
        "SELECT (SELECT e) FROM element e",
    ],
)
def test_a_reading_of_any_column_is_a_reading_of_all(sql: str) -> None:
    assert read_select(sql).may_mean("element", "size")


@pytest.mark.parametrize(
    ("sql", "loose"),
    [
        ("SELECT list(id) FROM element", "list"),
        ("SELECT string_agg(id, ',') FROM element", "string_agg"),
        ("SELECT any_value(id) FROM element", "any_value"),
        ("SELECT first(id) FROM element", "first"),
        ("SELECT row_number() OVER () FROM element", "row_number"),
        ("SELECT lag(id) OVER (PARTITION BY size) FROM element", "lag"),
        ("SELECT id FROM element LIMIT 1", "LIMIT"),
        ("SELECT DISTINCT ON (size) id FROM element", "DISTINCT ON"),
    ],
)
def test_a_reading_says_what_hangs_on_the_order_of_rows(sql: str, loose: str) -> None:
    assert read_select(sql).unordered == {loose}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(id ORDER BY id) FROM element",
        "SELECT row_number() OVER (ORDER BY id) FROM element",
        "SELECT min(id), max(id), count(*), sum(size), bool_or(size > 1) FROM element",
        "SELECT DISTINCT id FROM element",
    ],
)
def test_what_has_an_order_or_needs_none_is_not_loose(sql: str) -> None:
    assert read_select(sql).unordered == frozenset()


# Behind the wall.


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`wall_tasks`, found by this process and by those it starts."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return import_module("wall_tasks")


def test_the_wall_lets_the_answer_through_whole(tasks: ModuleType) -> None:
    found = walled(tasks.unchecked, "SELECT sum(size)::BIGINT AS n FROM element", limits=LIMITS)
    assert found["answer"]["n"].to_pylist() == [6]
    assert found["element"] == ELEMENT


def test_the_wall_lets_an_error_through_whole(tasks: ModuleType) -> None:
    with pytest.raises(VerificationError, match="broken") as caught:
        walled(tasks.failing, "broken", limits=LIMITS)
    assert (caught.value.where, caught.value.hint) == ("here", "there")
    with pytest.raises(QueryError):
        walled(tasks.unchecked, "SELECT nothing", limits=LIMITS)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('x', 2000000000))",
        "SELECT length(lpad('x', 2000000000, 'y'))",
        "SELECT length(format('{:>2000000000}', 'x'))",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "SELECT count(*) FROM element e0 "
        + " ".join(f"JOIN element e{i} USING (id)" for i in range(1, 300)),
        "SELECT sleep_ms(100000)",
    ],
)
def test_behind_the_wall_even_what_the_engine_does_not_heed_is_stopped(
    tasks: ModuleType, sql: str
) -> None:
    began = time.monotonic()
    with pytest.raises(TimeLimitError) as caught:
        walled(tasks.unchecked, sql, limits=LIMITS)
    assert time.monotonic() - began < 15.0
    assert caught.value.where in {"pack/R-1", None}


def test_a_process_behind_the_wall_that_takes_too_much_is_a_limit(tasks: ModuleType) -> None:
    with pytest.raises(TimeLimitError, match="more memory"):
        walled(tasks.hungry, limits=LIMITS)


def test_a_fault_of_ours_behind_the_wall_is_told_as_one(tasks: ModuleType) -> None:
    with pytest.raises(RingfenceError, match="KeyError: 'unforeseen'") as caught:
        walled(tasks.broken, limits=LIMITS)
    assert type(caught.value) is RingfenceError


def test_behind_the_wall_there_is_no_environment(
    tasks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_SECRET", SECRET)
    names = walled(tasks.secretive, limits=LIMITS)["environment"]["names"].to_pylist()
    assert "RINGFENCE_SECRET" not in names
    assert "HOME" not in names


def test_behind_the_wall_no_file_is_written(tasks: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(RingfenceError):
        walled(tasks.writing, str(tmp_path / "out"), limits=LIMITS)
    assert not (tmp_path / "out").exists() or (tmp_path / "out").read_text() == ""


def test_no_watcher_is_left_behind(jail: Jail) -> None:
    before = threading.active_count()
    for _ in range(20):
        jail.select("SELECT 1 AS x")
    assert threading.active_count() <= before


def test_each_thread_is_locked_in_and_stopped_for_itself_alone(house: Path) -> None:
    rows = pa.table({"id": ["a", "b", "c"]})
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b"
    with Jail(Tables({"element": rows}), limits=LIMITS) as jail, ThreadPoolExecutor(2) as pool:
        assert pool.submit(jail.select_ours, "FROM element").result().equals(rows)
        for sql in (f"FROM read_csv('{house}/secret.csv')", "FROM rows", "SET threads = 4"):
            with pytest.raises(RingfenceError):
                pool.submit(jail.select_ours, sql).result()
        stopped = pool.submit(jail.select_ours, endless)
        with pytest.raises(TimeLimitError):
            stopped.result()
        # What is asked next, by whichever thread, is not the one that was stopped.
        again = [pool.submit(jail.select_ours, "FROM element") for _ in range(4)]
        assert all(one.result().equals(rows) for one in again)
