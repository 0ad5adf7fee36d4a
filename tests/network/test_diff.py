"""What changed between two networks, against a comparison of plain sets."""

from collections.abc import Callable
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.network.diff import DIFFERENCE, DiffParameters, both, diff
from ringfence.network.model import NETWORK_TABLES, TABLES
from ringfence.store.duck import Tables

Row = dict[str, Any]
Build = Callable[..., Tables]


def changes(before: Tables, after: Tables) -> list[Row]:
    found: list[Row] = diff(both(before, after), DiffParameters())["difference"].to_pylist()
    return found


def test_each_kind_of_change_is_told_with_both_values(build: Build) -> None:
    before = build(
        site=[
            {"id": "a", "region": "North", "latitude_deg": 51.5, "is_sensitive": True},
            {"id": "b", "region": "South"},
            {"id": "c"},
        ],
        element=[{"id": "e", "installed_on": date(2020, 2, 29)}],
    )
    after = build(
        site=[
            {"id": "a", "region": "West", "latitude_deg": 51.5},
            {"id": "c", "name": "Sea"},
            {"id": "d", "region": "East"},
        ],
        element=[{"id": "e", "installed_on": date(2020, 3, 1)}],
    )
    told = [tuple(row[c] for c in DIFFERENCE.names) for row in changes(before, after)]
    assert told == [
        ("element", "e", "changed", "installed_on", "2020-02-29", "2020-03-01"),
        ("site", "a", "changed", "is_sensitive", "true", None),
        ("site", "a", "changed", "region", "North", "West"),
        ("site", "b", "removed", None, None, None),
        ("site", "c", "changed", "name", None, "Sea"),
        ("site", "d", "added", None, None, None),
    ]


def test_where_a_row_was_read_is_no_change(build: Build) -> None:
    before = build(site=[{"id": "a", "origin": "old.csv row 2"}])
    after = build(site=[{"id": "a", "origin": "new.csv row 9"}])
    assert changes(before, after) == []


def test_a_key_with_a_part_not_stated_is_a_key(build: Build) -> None:
    before = build(
        function=[
            {"element": "e", "kind": "UPF", "pool": "p"},
            {"element": "e", "kind": "UPF", "slice": "1", "pool": "p"},
        ]
    )
    after = build(function=[{"element": "e", "kind": "UPF", "pool": "q"}])
    told = [(row["key"], row["change"], row["column"]) for row in changes(before, after)]
    assert told == [("e, UPF, ", "changed", "pool"), ("e, UPF, 1", "removed", None)]


def test_every_table_of_the_model_is_compared(build: Build) -> None:
    rows: dict[str, list[Row]] = {}
    for table in NETWORK_TABLES:
        row: Row = {}
        for c in table.columns:
            if c.name in table.key or c.required:
                row[c.name] = c.one_of[0] if c.one_of else "k"
            if c.name == "dated_on":
                row[c.name] = date(2024, 1, 1)
        rows[table.name] = [row]
    empty, full = build(), build(**rows)
    names = sorted(t.name for t in NETWORK_TABLES)
    assert [(r["table"], r["change"]) for r in changes(empty, full)] == [
        (n, "added") for n in names
    ]
    assert [(r["table"], r["change"]) for r in changes(full, empty)] == [
        (n, "removed") for n in names
    ]
    assert changes(full, full) == []


IDS = st.sampled_from(["1", "2", "3"])
ROWS: dict[str, st.SearchStrategy[Row]] = {
    "site": st.fixed_dictionaries(
        {
            "id": IDS,
            "region": st.none() | st.sampled_from(["x", "y"]),
            "is_sensitive": st.none() | st.booleans(),
            "latitude_deg": st.none() | st.sampled_from([0.0, 1.5]),
            "origin": st.none() | st.sampled_from(["f row 1", "f row 2"]),
        }
    ),
    "function": st.fixed_dictionaries(
        {
            "element": IDS,
            "kind": st.sampled_from(["AMF", "UPF"]),
            "slice": st.none() | st.just("s"),
            "pool": st.none() | st.sampled_from(["x", "y"]),
        }
    ),
    "relation": st.fixed_dictionaries(
        {"source": IDS, "target": IDS, "kind": st.sampled_from(["manages", "hosts"])}
    ),
}


@st.composite
def networks(draw: st.DrawFn) -> dict[str, list[Row]]:
    drawn = {}
    for name, row in ROWS.items():
        rows = draw(st.lists(row, max_size=5))
        drawn[name] = list({tuple(r[k] for k in TABLES[name].key): r for r in rows}.values())
    return drawn


def in_words(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def plain(before: dict[str, list[Row]], after: dict[str, list[Row]]) -> set[tuple[str | None, ...]]:
    """Every change, by comparing sets of keys and values."""
    found: set[tuple[str | None, ...]] = set()
    for name in ROWS:
        key = TABLES[name].key
        old = {tuple(r[k] for k in key): r for r in before[name]}
        new = {tuple(r[k] for k in key): r for r in after[name]}

        def said(k: tuple[Any, ...]) -> str:
            return ", ".join(part or "" for part in k)

        found |= {(name, said(k), "added", None, None, None) for k in new.keys() - old.keys()}
        found |= {(name, said(k), "removed", None, None, None) for k in old.keys() - new.keys()}
        for k in old.keys() & new.keys():
            for c in old[k].keys() - {*key, "origin"}:
                if old[k][c] != new[k][c]:
                    values = (in_words(old[k][c]), in_words(new[k][c]))
                    found.add((name, said(k), "changed", c, *values))
    return found


@given(before=networks(), after=networks())
@settings(max_examples=12)
def test_the_changes_are_those_that_sets_tell(
    build: Build, before: dict[str, list[Row]], after: dict[str, list[Row]]
) -> None:
    one, other = build(**before), build(**after)
    told = [tuple(row[c] for c in DIFFERENCE.names) for row in changes(one, other)]
    assert len(set(told)) == len(told)
    assert set(told) == plain(before, after)
    # The other way round, added and removed, before and after, change places.
    swap = {"added": "removed", "removed": "added", "changed": "changed"}
    back = {(t, k, swap[str(w)], c, y, x) for t, k, w, c, x, y in told}
    assert {tuple(r[c] for c in DIFFERENCE.names) for r in changes(other, one)} == back


@given(rows=networks())
@settings(max_examples=3)
def test_nothing_has_changed_between_a_network_and_itself(
    build: Build, rows: dict[str, list[Row]]
) -> None:
    network = build(**rows)
    assert changes(network, network) == []
    turned = build(**{name: given_rows[::-1] for name, given_rows in rows.items()})
    assert changes(network, turned) == []
