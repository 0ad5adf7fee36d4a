"""A column declared once: its heading, schema, DDL and validation."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import InputError, NotFoundError, UsageError
from ringfence.network.model import ENDPOINT, SITE, TABLES
from ringfence.store.tables import Column, Table, Type, schema_version

PLACE = Table(
    "place",
    "a place",
    ("id",),
    (
        Column("id", Type.TEXT, "The key", required=True),
        Column("kind", Type.TEXT, "The kind", one_of=("hill", "lake")),
        Column("height_m", Type.DECIMAL, "Height", unit="m", minimum=-500, maximum=9000),
        Column("people", Type.INTEGER, "Who live there", minimum=0),
        Column("is_wet", Type.BOOLEAN, "It is under water"),
        Column("seen_on", Type.DATE, "Day it was seen"),
    ),
)

# One value of each type that a column of it can hold.
VALUES = {
    "id": st.text(max_size=5),
    "kind": st.sampled_from(["hill", "lake", "HILL", "", "sea"]),
    "height_m": st.floats(-1e4, 1e4) | st.sampled_from([math.nan, math.inf, -math.inf]),
    "people": st.integers(-3, 3),
    "is_wet": st.booleans(),
    "seen_on": st.dates(),
}
PLACES = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), max_size=8
)


def faulty(rows: list[dict[str, object]]) -> dict[str, list[int]]:
    """Each reason with the numbers of the rows it stands against."""
    return {
        why: [i for i, bad in enumerate(mask.to_pylist()) if bad]
        for mask, why in PLACE.faults(PLACE.from_rows(rows))
    }


# --- headings


@pytest.mark.parametrize(
    ("name", "unit", "heading"),
    [
        ("installed_on", None, "Installed on"),
        ("traffic_mbps", "mbps", "Traffic (mbps)"),
        ("latitude_deg", "deg", "Latitude (deg)"),
        ("id", None, "Id"),
        ("is_5g", None, "Is 5g"),
    ],
)
def test_a_heading_is_the_name_in_words_with_its_unit_apart(
    name: str, unit: str | None, heading: str
) -> None:
    assert Column(name, Type.TEXT, "", unit=unit).heading == heading


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_the_headings_of_a_table_are_all_different(table: Table) -> None:
    headings = [c.heading.casefold() for c in table.columns]
    assert len(set(headings)) == len(headings)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_a_unit_stands_at_the_end_of_the_columns_name(table: Table) -> None:
    assert all(c.name.endswith(f"_{c.unit}") for c in table.columns if c.unit)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_keys_and_references_of_the_model_are_declared(table: Table) -> None:
    assert set(table.key) <= set(table.names)
    for column in table.columns:
        if column.refers_to:
            assert "id" in TABLES[column.refers_to].names


# --- finding a column


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(NotFoundError, match="no column 'depth'") as caught:
        PLACE["depth"]
    assert "height_m" in str(caught.value.hint)


# --- laying data onto the declaration


def test_conform_sets_the_order_fills_absent_columns_with_null_and_drops_others() -> None:
    data = pa.table({"people": pa.array([7], pa.int32()), "extra": ["x"], "id": ["a"]})
    got = PLACE.conform(data)
    assert got.column_names == list(PLACE.names)
    assert got.to_pylist() == [
        {"id": "a", "kind": None, "height_m": None, "people": 7, "is_wet": None, "seen_on": None}
    ]
    assert got.schema.types == PLACE.schema.types


def test_conform_takes_a_record_batch_and_dictionary_text() -> None:
    batch = pa.record_batch({"id": pa.array(["a", "b", "a"]).dictionary_encode()})
    assert PLACE.conform(batch)["id"].to_pylist() == ["a", "b", "a"]


def test_conform_keeps_a_null_in_a_required_column_for_faults_to_find() -> None:
    got = PLACE.conform(pa.table({"id": pa.array([None], pa.string())}))
    assert got["id"].to_pylist() == [None]
    assert faulty([{"id": None}]) == {"id is not stated": [0]}


@pytest.mark.parametrize(
    "data",
    [
        pa.table({"people": ["many"]}),
        pa.table({"people": [1.5]}),
        pa.table({"people": pa.array([2**63], pa.uint64())}),
        pa.table({"seen_on": ["yesterday"]}),
        pa.table({"is_wet": [[True]]}),
        pa.table([["a"], ["b"]], names=["id", "id"]),
    ],
    ids=["no number", "no whole number", "too large", "no date", "a list", "a column twice"],
)
def test_data_that_cannot_be_laid_onto_the_columns_is_an_input_error(data: pa.Table) -> None:
    with pytest.raises(InputError, match="place"):
        PLACE.conform(data)


def test_rows_of_the_wrong_type_are_an_input_error() -> None:
    with pytest.raises(InputError, match="place"):
        PLACE.from_rows([{"id": "a", "people": "many"}])


def test_a_column_a_row_does_not_name_is_null() -> None:
    assert PLACE.from_rows([{"id": "a"}, {"people": 2}]).select(["id", "people"]).to_pylist() == [
        {"id": "a", "people": None},
        {"id": None, "people": 2},
    ]


def test_no_rows_give_the_empty_table() -> None:
    assert PLACE.from_rows([]).equals(PLACE.conform(PLACE.empty()))
    assert PLACE.empty().schema == PLACE.from_rows([{"id": "a"}]).schema


@given(PLACES)
def test_conforming_twice_changes_nothing(rows: list[dict[str, object]]) -> None:
    once = PLACE.from_rows(rows)
    assert PLACE.conform(once).schema == once.schema
    assert PLACE.conform(once).to_pylist().__repr__() == once.to_pylist().__repr__()


# --- what is wrong with a row


def test_each_fault_is_named_and_points_at_its_rows() -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "kind": "hill", "height_m": -500.0, "people": 0},
        {"id": None, "kind": "sea", "height_m": -500.5, "people": -1},
        {"id": "c", "kind": "Hill", "height_m": 9000.5},
        {"id": "d", "height_m": math.nan},
        {"id": "e", "height_m": math.inf},
    ]
    assert faulty(rows) == {
        "id is not stated": [1],
        "kind is not one of: hill, lake": [1, 2],
        "height_m is no number": [3, 4],
        "height_m is below -500": [1],
        "height_m is above 9000": [2, 4],
        "people is below 0": [1],
    }


@pytest.mark.parametrize("blank", ["", " ", "\t\u00a0"])
def test_a_required_text_of_nothing_but_spaces_is_not_stated(blank: str) -> None:
    assert faulty([{"id": "a"}, {"id": blank}]) == {"id is not stated": [1]}


def test_sound_rows_and_no_rows_have_no_faults() -> None:
    assert faulty([{"id": "a"}, {"id": "b", "kind": "lake", "height_m": 0.0}]) == {}
    assert faulty([]) == {}


@given(PLACES)
def test_faults_are_those_that_a_plain_reading_finds(rows: list[dict[str, object]]) -> None:
    expected: set[int] = set()
    for number, row in enumerate(rows):
        height, people = row["height_m"], row["people"]
        if not str(row["id"] or "").strip() or row["kind"] not in (None, "hill", "lake"):
            expected.add(number)
        if isinstance(height, float) and not -500 <= height <= 9000:
            expected.add(number)
        if isinstance(people, int) and people < 0:
            expected.add(number)
    assert {i for found in faulty(rows).values() for i in found} == expected


# --- DDL


@pytest.mark.parametrize("table", [*TABLES.values(), PLACE], ids=lambda t: t.name)
def test_duckdb_makes_the_table_its_ddl_describes(table: Table) -> None:
    with duckdb.connect() as connection:
        connection.execute(table.ddl())
        made = connection.execute(f'DESCRIBE "{table.name}"').fetchall()
        assert [(row[0], row[2]) for row in made] == [
            (c.name, "NO" if c.required else "YES") for c in table.columns
        ]
        back = connection.sql(f'FROM "{table.name}"').to_arrow_table()
        assert back.schema.types == table.schema.types


@pytest.mark.parametrize("table", [*TABLES.values(), PLACE], ids=lambda t: t.name)
def test_the_postgresql_ddl_uses_only_types_that_postgresql_knows(table: Table) -> None:
    lines = table.ddl("postgresql").splitlines()
    assert lines[0] == f'CREATE TABLE "{table.name}" ('
    assert lines[-1] == ")"
    pattern = re.compile(
        r'^  "([a-z_0-9]+)" (text|BIGINT|double precision|BOOLEAN|DATE)( NOT NULL)?(,?)$'
    )
    matches = [pattern.match(line) for line in lines[1:-1]]
    assert all(matches)
    parsed = [m.groups() for m in matches if m]
    assert [(name, null is not None) for name, _, null, _ in parsed] == [
        (c.name, c.required) for c in table.columns
    ]
    assert [comma for *_, comma in parsed] == [","] * (len(parsed) - 1) + [""]


def test_an_unknown_dialect_is_refused_not_taken_for_duckdb() -> None:
    with pytest.raises(UsageError, match="oracle"):
        PLACE.ddl("oracle")


# --- the schema's version


def _columns(change: Callable[[Column], Column]) -> Table:
    return replace(PLACE, columns=(change(PLACE.columns[0]), *PLACE.columns[1:]))


@pytest.mark.parametrize(
    "changed",
    [
        _columns(lambda c: replace(c, name="key")),
        _columns(lambda c: replace(c, type=Type.INTEGER)),
        replace(PLACE, columns=PLACE.columns[1:]),
        replace(PLACE, columns=PLACE.columns[::-1]),
        replace(PLACE, columns=(*PLACE.columns, Column("more", Type.TEXT, "More"))),
        replace(PLACE, name="spot"),
    ],
    ids=["name", "type", "fewer", "order", "more", "table"],
)
def test_the_version_changes_with_what_a_reader_relies_on(changed: Table) -> None:
    assert schema_version([changed, SITE]) != schema_version([PLACE, SITE])


def test_the_version_is_blind_to_the_order_of_tables_and_to_words() -> None:
    assert schema_version([PLACE, SITE]) == schema_version([SITE, PLACE])
    said_otherwise = _columns(lambda c: replace(c, means="Something else"))
    assert schema_version([said_otherwise]) == schema_version([PLACE])


def test_a_date_stays_a_date_and_a_port_a_whole_number() -> None:
    got = PLACE.from_rows([{"id": "a", "seen_on": date(2024, 2, 29)}])
    assert got["seen_on"].to_pylist() == [date(2024, 2, 29)]
    assert ENDPOINT.from_rows([{"id": "x", "port": 443}])["port"].to_pylist() == [443]


def test_a_text_longer_than_any_inventory_holds_is_a_fault() -> None:
    rows = PLACE.from_rows([{"id": "x" * 65_536}, {"id": "x" * 65_537}])
    found = {why: mask.to_pylist() for mask, why in PLACE.faults(rows)}
    assert found["id is longer than 65,536 bytes"] == [False, True]
