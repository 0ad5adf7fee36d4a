"""What several files say, laid together: nothing lost, nothing invented, no order preferred."""

import time
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringfence.network.functions import resolve_kind
from ringfence.network.merge import Merged, merge
from ringfence.network.model import FINDING, NETWORK_TABLES, TABLES
from ringfence.store.duck import Tables

Row = dict[str, Any]


def part(**rows: Sequence[Mapping[str, object]]) -> Tables:
    """What one file gave: only the tables it speaks of."""
    return Tables({name: TABLES[name].from_rows(given) for name, given in rows.items()})


def rows(merged: Merged, table: str, *columns: str) -> list[Row]:
    data = merged.tables[table]
    found: list[Row] = (data.select(columns) if columns else data).to_pylist()
    return found


def findings(merged: Merged) -> list[Row]:
    found: list[Row] = merged.findings.to_pylist()
    return found


# --- by example


def test_every_table_of_the_model_is_there_with_its_columns() -> None:
    merged = merge([part(site=[{"id": "a:1"}])])
    assert list(merged.tables) == [t.name for t in NETWORK_TABLES]
    for table in NETWORK_TABLES:
        assert merged.tables[table.name].schema.names == list(table.names)
        assert merged.tables[table.name].schema.types == table.schema.types
    assert merged.findings.schema.names == list(FINDING.names)


def test_no_parts_and_empty_parts_make_an_empty_network() -> None:
    for parts in ([], [Tables({})], [part(site=[])]):
        merged = merge(parts)
        assert all(data.num_rows == 0 for data in merged.tables.values())
        assert merged.findings.num_rows == 0
        assert merged.contradictions == []


def test_two_files_complete_each_other() -> None:
    one = part(site=[{"id": "a:1", "region": "North", "origin": "one.csv row 2"}])
    other = part(site=[{"id": "a:1", "name": "Hilltop", "origin": "two.csv row 9"}])
    merged = merge([one, other])
    assert rows(merged, "site", "id", "region", "name", "kind", "origin") == [
        {
            "id": "a:1",
            "region": "North",
            "name": "Hilltop",
            "kind": None,
            "origin": "one.csv row 2\ntwo.csv row 9",
        }
    ]
    assert findings(merged) == []
    assert merged.contradictions == []


def test_two_files_that_differ_are_both_disbelieved_and_both_named() -> None:
    one = part(site=[{"id": "a:1", "region": "North", "kind": "macro", "origin": "one.csv row 2"}])
    other = part(
        site=[{"id": "a:1", "region": "South", "kind": "macro", "origin": "two.csv row 3"}]
    )
    merged = merge([one, other])
    assert rows(merged, "site", "region", "kind") == [{"region": None, "kind": "macro"}]
    (finding,) = findings(merged)
    assert (finding["rule"], finding["subject_table"], finding["subject"]) == (
        "check/conflict-region",
        "site",
        "a:1",
    )
    assert finding["verdict"] == "unknown"
    assert "North / South" in finding["because"]
    assert finding["rests_on"] == "one.csv row 2\ntwo.csv row 3"


@pytest.mark.parametrize(
    ("table", "key", "column", "values"),
    [
        ("element", {"id": "e"}, "installed_on", (date(2020, 1, 1), date(2020, 1, 2))),
        ("site", {"id": "s"}, "is_sensitive", (True, False)),
        ("site", {"id": "s"}, "latitude_deg", (51.5, 51.25)),
        ("endpoint", {"id": "p", "element": "e"}, "port", (80, 8080)),
        ("demand", {"site": "s", "kind": "voice"}, "people", (0.0, 10.0)),
    ],
)
def test_values_of_every_type_are_compared_across_files_and_within_one(
    table: str, key: Row, column: str, values: tuple[object, object]
) -> None:
    said = [{**key, column: value, "origin": f"f row {i}"} for i, value in enumerate(values)]
    across = merge([part(**{table: [said[0]]}), part(**{table: [said[1]]})])
    assert rows(across, table, column) == [{column: None}]
    assert [f["rule"] for f in findings(across)] == [f"check/conflict-{column}"]
    within = merge([part(**{table: said})])
    assert rows(within, table, column) == [{column: values[0]}]
    (refused,) = within.contradictions
    assert (refused.part, refused.table, refused.place) == (0, table, "f row 1")
    assert "f row 0" in refused.reason
    assert f"{column}: " in refused.reason


def test_a_file_that_contradicts_itself_is_refused_where_it_does_so() -> None:
    merged = merge(
        [
            part(site=[{"id": "a:0"}]),
            part(
                site=[
                    {"id": "a:1", "region": "North", "origin": "two.csv row 2"},
                    {"id": "a:2", "region": "West", "origin": "two.csv row 3"},
                    {"id": "a:1", "region": "South", "name": "X", "origin": "two.csv row 4"},
                    {"id": "a:1", "kind": "macro", "origin": "two.csv row 5"},
                ]
            ),
        ]
    )
    assert rows(merged, "site", "id", "region", "name", "kind", "origin") == [
        {"id": "a:0", "region": None, "name": None, "kind": None, "origin": None},
        {
            "id": "a:1",
            "region": "North",
            "name": None,  # stated by the refused row alone
            "kind": "macro",
            "origin": "two.csv row 2\ntwo.csv row 5",
        },
        {"id": "a:2", "region": "West", "name": None, "kind": None, "origin": "two.csv row 3"},
    ]
    (refused,) = merged.contradictions
    assert (refused.part, refused.table, refused.place) == (1, "site", "two.csv row 4")
    assert "a:1" in refused.reason
    assert "two.csv row 2" in refused.reason
    assert "region: North / South" in refused.reason
    assert findings(merged) == []


def test_a_refusal_names_the_row_that_said_otherwise_not_merely_the_first() -> None:
    said = [
        {"id": "a:1", "region": "North", "origin": "f.csv row 2"},
        {"id": "a:1", "kind": "macro", "origin": "f.csv row 3"},
        {"id": "a:1", "kind": "exchange", "origin": "f.csv row 4"},
    ]
    (refused,) = merge([part(site=said)]).contradictions
    assert refused.place == "f.csv row 4"
    assert "f.csv row 3" in refused.reason
    assert "f.csv row 2" not in refused.reason


def test_a_refusal_without_places_says_so_without_inventing_one() -> None:
    said = [{"id": "a:1", "region": "North"}, {"id": "a:1", "region": "South"}]
    (refused,) = merge([part(site=said)]).contradictions
    assert refused.place == ""
    assert "None" not in refused.reason


def test_saying_the_same_twice_is_no_contradiction() -> None:
    said = [
        {"id": "a:1", "region": "North", "origin": "f row 2"},
        {"id": "a:1", "region": "North", "origin": "f row 3"},
        {"id": "a:1", "origin": "f row 4"},
    ]
    merged = merge([part(site=said)])
    assert rows(merged, "site", "id", "region") == [{"id": "a:1", "region": "North"}]
    assert merged.contradictions == []


def test_a_key_with_a_part_not_stated_is_one_key() -> None:
    """A function of no slice is the same function in both files, and not that of slice 1."""
    one = part(function=[{"element": "e", "kind": "UPF", "generation": "5G"}])
    other = part(
        function=[
            {"element": "e", "kind": "UPF", "pool": "p"},
            {"element": "e", "kind": "UPF", "slice": "1", "pool": "q"},
        ]
    )
    merged = merge([one, other])
    assert rows(merged, "function", "element", "kind", "slice", "pool", "generation") == [
        {"element": "e", "kind": "UPF", "slice": "1", "pool": "q", "generation": None},
        {"element": "e", "kind": "UPF", "slice": None, "pool": "p", "generation": "5G"},
    ]


def test_a_table_of_keys_alone_is_merged() -> None:
    relation = {"source": "a", "target": "b", "kind": "manages"}
    merged = merge(
        [
            part(relation=[{**relation, "origin": "1"}, {**relation, "origin": "1"}]),
            part(relation=[{**relation, "origin": "2"}, {**relation, "kind": "updates"}]),
        ]
    )
    assert rows(merged, "relation", "kind", "origin") == [
        {"kind": "manages", "origin": "1\n2"},
        {"kind": "updates", "origin": None},
    ]


# --- names that mean the same


def test_one_function_under_two_names_is_one_function() -> None:
    one = part(function=[{"element": "e", "kind": "AMF", "pool": "p", "origin": "1"}])
    other = part(
        function=[
            {"element": "e", "kind": "Access and Mobility Management Function", "origin": "2"},
            {"element": "e", "kind": "amf", "generation": "5G", "origin": "3"},
        ]
    )
    merged = merge([one, other])
    assert rows(merged, "function", "kind", "pool", "generation", "origin") == [
        {"kind": "AMF", "pool": "p", "generation": "5G", "origin": "1\n2\n3"}
    ]


def test_a_function_in_no_catalogue_stays_as_it_was_written() -> None:
    merged = merge([part(function=[{"element": "e", "kind": "MME/AMF"}])])
    assert rows(merged, "function", "kind") == [{"kind": "MME/AMF"}]


def test_a_function_contradicted_under_another_name_is_refused() -> None:
    said = [
        {"element": "e", "kind": "AMF", "pool": "p", "origin": "f row 2"},
        {"element": "e", "kind": "AMFFunction", "pool": "q", "origin": "f row 3"},
    ]
    merged = merge([part(function=said)])
    assert rows(merged, "function", "kind", "pool") == [{"kind": "AMF", "pool": "p"}]
    assert [c.place for c in merged.contradictions] == ["f row 3"]


@pytest.mark.parametrize(
    ("table", "by_key", "by_name", "fact"),
    [
        (
            "designation",
            {"vendor": "v:acme", "instrument": "law"},
            {"vendor": "Acme", "instrument": "law"},
            ("status", "designated", "proposed"),
        ),
        (
            "ownership",
            {"owner": "v:acme", "owned": "v:bolt"},
            {"owner": "ACME", "owned": "Bolt"},
            ("share", 0.25, 0.75),
        ),
        (
            "jurisdiction",
            {"vendor": "v:acme", "country": "XA", "basis": "law 1"},
            {"vendor": "acme", "country": "XA", "basis": "law 1"},
            ("source", "gazette", "journal"),
        ),
    ],
)
def test_a_vendor_named_in_one_file_and_keyed_in_another_is_one_vendor(
    table: str, by_key: Row, by_name: Row, fact: tuple[str, object, object]
) -> None:
    column, value, another = fact
    vendor = [{"id": "v:acme", "name": "Acme"}, {"id": "v:bolt", "name": "Bolt"}]
    files = [
        part(vendor=vendor),
        part(**{table: [{**by_key, "origin": "one row 2"}]}),
        part(**{table: [{**by_name, column: value, "origin": "two row 2"}]}),
    ]
    merged = merge(files)
    assert rows(merged, table, *by_key, column, "origin") == [
        {**by_key, column: value, "origin": "one row 2\ntwo row 2"}
    ]
    differing = part(**{table: [{**by_key, column: another, "origin": "three row 2"}]})
    merged = merge([*files, differing])
    assert rows(merged, table, column) == [{column: None}]
    assert [f["rule"] for f in findings(merged)] == [f"check/conflict-{column}"]


def test_names_are_resolved_and_what_is_not_resolved_is_found() -> None:
    merged = merge(
        [
            part(
                vendor=[
                    {"id": "v:1", "name": "Acme"},
                    {"id": "v:2", "name": "Bolt"},
                    {"id": "v:3", "name": "ACME"},
                ],
                element=[
                    {"id": "e:1", "vendor_name": "acme"},
                    {"id": "e:2", "vendor_name": "bolt"},
                    {"id": "e:3", "product": "p:1", "vendor_name": "Bolt", "origin": "f row 4"},
                ],
                product=[{"id": "p:1", "vendor_name": "Crux"}],
            )
        ]
    )
    assert rows(merged, "element", "id", "vendor") == [
        {"id": "e:1", "vendor": None},
        {"id": "e:2", "vendor": "v:2"},
        {"id": "e:3", "vendor": "v:2"},
    ]
    assert [(f["rule"], f["subject"]) for f in findings(merged)] == [
        ("check/conflict-maker", "e:3"),
        ("check/unresolved-vendor", "acme"),
    ]
    assert findings(merged)[0]["rests_on"] == "f row 4"


# --- by property: against a plain reading, row by row

TEXTS = st.sampled_from(["x", "y", "z"])
SHAPES: dict[str, st.SearchStrategy[Row]] = {
    "site": st.fixed_dictionaries(
        {
            "id": st.sampled_from(["1", "2", "3"]),
            "region": st.none() | TEXTS,
            "latitude_deg": st.none() | st.sampled_from([0.0, 1.5, -7.25]),
            "is_sensitive": st.none() | st.booleans(),
        }
    ),
    "function": st.fixed_dictionaries(
        {
            "element": st.sampled_from(["1", "2"]),
            "kind": st.sampled_from(["AMF", "AMFFunction", "amf", "UPF", "strange"]),
            "slice": st.none() | st.sampled_from(["s"]),
            "pool": st.none() | TEXTS,
            "generation": st.none() | st.sampled_from(["4G", "5G"]),
        }
    ),
    "element": st.fixed_dictionaries(
        {
            "id": st.sampled_from(["1", "2"]),
            "installed_on": st.none() | st.sampled_from([date(2020, 1, 1), date(2021, 1, 1)]),
            "serial": st.none() | TEXTS,
        }
    ),
    "endpoint": st.fixed_dictionaries(
        {
            "id": st.sampled_from(["1", "2"]),
            "element": st.sampled_from(["1", "2"]),
            "port": st.none() | st.sampled_from([0, 1, 65535]),
        }
    ),
    "relation": st.fixed_dictionaries(
        {
            "source": st.sampled_from(["1", "2"]),
            "target": st.sampled_from(["1", "2"]),
            "kind": st.sampled_from(["manages", "hosts"]),
        }
    ),
}


@st.composite
def said(draw: st.DrawFn) -> tuple[str, list[list[Row]]]:
    """A table and what up to four files say of it; each row knows its place."""
    table = draw(st.sampled_from(sorted(SHAPES)))
    files = draw(st.lists(st.lists(SHAPES[table], max_size=5), max_size=4))
    for i, file in enumerate(files):
        for j, row in enumerate(file):
            row["origin"] = f"file {i} row {j}"
    return table, files


def plain(
    table: str, files: list[list[Row]]
) -> tuple[list[Row], set[tuple[int, str]], set[tuple[str, str]]]:
    """The network, the rows refused and the values disbelieved, worked out one row at a time."""
    declared = TABLES[table]
    facts = [c for c in declared.names if c not in declared.key and c != "origin"]
    refused: set[tuple[int, str]] = set()
    kept: dict[tuple[Any, ...], list[Row]] = {}
    for number, file in enumerate(files):
        first_said: dict[tuple[Any, ...], Row] = {}
        for row in file:
            full = {**dict.fromkeys(declared.names), **row}
            if table == "function":
                full["kind"] = resolve_kind(full["kind"]) or full["kind"]
            key = tuple(full[k] for k in declared.key)
            before = first_said.setdefault(key, {})
            stated = {c: full[c] for c in facts if full[c] is not None}
            if any(before.get(c, value) != value for c, value in stated.items()):
                refused.add((number, full["origin"]))
            else:
                kept.setdefault(key, []).append(full)
            for column, value in stated.items():
                before.setdefault(column, value)
    network: list[Row] = []
    disbelieved: set[tuple[str, str]] = set()
    for key, group in kept.items():
        joined: Row = dict(zip(declared.key, key, strict=True))
        for column in facts:
            values = {row[column] for row in group if row[column] is not None}
            joined[column] = next(iter(values)) if len(values) == 1 else None
            if len(values) > 1:
                disbelieved.add((column, ", ".join(str(k or "") for k in key)))
        joined["origin"] = "\n".join(sorted({row["origin"] for row in group}))
        network.append(joined)
    return network, refused, disbelieved


def in_order(network: list[Row], table: str) -> list[Row]:
    key = TABLES[table].key
    return sorted(network, key=lambda row: [(row[k] is None, row[k] or "") for k in key])


@given(said())
@settings(max_examples=40)
def test_the_network_is_what_a_plain_reading_gives(case: tuple[str, list[list[Row]]]) -> None:
    table, files = case
    merged = merge([part(**{table: file}) for file in files])
    network, refused, disbelieved = plain(table, files)
    assert rows(merged, table) == in_order(network, table)
    assert {(c.part, c.place) for c in merged.contradictions} == refused
    assert len(merged.contradictions) == len(refused)
    assert {
        (f["rule"].removeprefix("check/conflict-"), f["subject"]) for f in findings(merged)
    } == disbelieved


@given(said())
@settings(max_examples=8)
@example(("site", [[{"id": "1", "region": "x"}], [{"id": "1", "region": "y"}], [{"id": "1"}]]))
def test_the_order_of_the_files_does_not_matter(case: tuple[str, list[list[Row]]]) -> None:
    table, files = case
    expected = merge([part(**{table: file}) for file in files])
    for order in list(permutations(range(len(files))))[1::5]:
        merged = merge([part(**{table: files[i]}) for i in order])
        assert merged.tables[table].equals(expected.tables[table])
        assert merged.findings.equals(expected.findings)
        assert {(order[c.part], c.place, c.reason) for c in merged.contradictions} == {
            (c.part, c.place, c.reason) for c in expected.contradictions
        }


@given(said())
@settings(max_examples=8)
def test_no_row_is_lost_and_no_value_invented(case: tuple[str, list[list[Row]]]) -> None:
    table, files = case
    merged = merge([part(**{table: file}) for file in files])
    places = {c.place for c in merged.contradictions}
    for row in rows(merged, table):
        places |= set(row["origin"].split("\n"))
        for column, value in row.items():
            if value is not None and column not in ("origin", "kind"):
                assert any(r.get(column) == value for file in files for r in file)
    assert places == {row["origin"] for file in files for row in file}


@given(said())
@settings(max_examples=8)
def test_a_network_laid_together_with_itself_is_itself(case: tuple[str, list[list[Row]]]) -> None:
    table, files = case
    once = merge([part(**{table: file}) for file in files])
    network = Tables(dict(once.tables))
    twice = merge([network, network])
    for name, data in once.tables.items():
        assert twice.tables[name].equals(data), name
    assert twice.findings.num_rows == 0
    assert twice.contradictions == []


# --- size


@pytest.mark.slow
def test_two_hundred_thousand_rows_are_laid_together_in_seconds() -> None:
    count = 200_000
    draw = np.random.default_rng(5)
    ids = np.array([f"n:{i}" for i in range(count)])
    draw.shuffle(ids)
    regions = pa.array([f"region {i}" for i in range(count)])
    whole = pa.table(
        {
            "id": pa.array(ids),
            "serial": regions,
            "origin": pa.array([f"one row {i}" for i in range(count)]),
        }
    )
    again = pa.table(
        {
            "id": pa.array(ids[: count // 2]),
            "name": regions.slice(0, count // 2),
            "serial": pa.array(
                [None if i % 4 else "wrong" for i in range(count // 2)], pa.string()
            ),
            "origin": pa.array([f"two row {i}" for i in range(count // 2)]),
        }
    )
    element = TABLES["element"]
    begun = time.perf_counter()
    merged = merge(
        [
            Tables({"element": element.conform(whole)}),
            Tables({"element": element.conform(again)}),
        ]
    )
    took = time.perf_counter() - begun
    result = merged.tables["element"]
    assert result.num_rows == count
    assert result["name"].null_count == count // 2
    assert result["serial"].null_count == merged.findings.num_rows == count // 8
    assert result["id"].to_pylist() == sorted(ids.tolist())
    assert took < 20
