"""Elements by number: what each performs, against a search element by element."""

import pickle
from datetime import date
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ringfence.network.model import TABLES
from ringfence.rules.elements import Elements
from ringfence.store.duck import Tables, write_parquet

KINDS = ["AMF", "UPF", "ENB", "a box of our own", "IP core router"]
GENERATIONS = [None, "4G", "5G"]
MEANT = {"AMF": "5G", "UPF": "5G", "ENB": "4G"}
"""The generation of a kind where none is stated, as the catalogue has it."""


def network(elements: list[str], functions: list[tuple[str, str, str | None]]) -> Tables:
    """A network of these elements and functions, in this order."""
    rows = [{"element": e, "kind": k, "generation": g} for e, k, g in functions]
    return Tables(
        {
            "element": TABLES["element"].conform(pa.table({"id": elements})),
            "function": TABLES["function"].conform(
                pa.Table.from_pylist(
                    rows,
                    schema=pa.schema([(n, pa.string()) for n in ("element", "kind", "generation")]),
                )
            ),
        }
    )


def performed(elements: Elements) -> list[set[tuple[str | None, str | None]]]:
    """What each element performs, by way of the numbers."""
    sets: dict[int, set[tuple[str | None, str | None]]] = {}
    for row in elements.performs.to_pylist():
        sets.setdefault(row["functions"], set()).add((row["kind"], row["generation"]))
    return [sets[number] for number in elements.functions.tolist()]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", "d", "nobody"]),
            st.sampled_from(KINDS),
            st.sampled_from(GENERATIONS),
        ),
        max_size=14,
    )
)
def test_the_number_of_a_set_tells_just_what_the_element_performs(
    functions: list[tuple[str, str, str | None]],
) -> None:
    # Not in the order of the alphabet, and with some that perform nothing.
    names = ["d", "b", "e", "a", "c"]
    elements = Elements(network(names, functions))
    expected: list[set[tuple[str | None, str | None]]] = [
        {(kind, stated or MEANT.get(kind)) for of, kind, stated in functions if of == name}
        or {(None, None)}
        for name in names
    ]
    assert performed(elements) == expected
    numbers = elements.functions.tolist()
    for one, its in zip(numbers, expected, strict=True):
        for other, theirs in zip(numbers, expected, strict=True):
            assert (one == other) == (its == theirs)


def test_it_is_the_same_read_from_files_and_in_another_process(tmp_path: Path) -> None:
    functions = [("b", "AMF", None), ("b", "UPF", "5G"), ("a", "ENB", "4G"), ("b", "AMF", "5G")]
    tables = network(["a", "b", "c"], functions)
    files = Tables({name: tmp_path / f"{name}.parquet" for name in tables})
    for name, table in tables.items():
        write_parquet(table, tmp_path / f"{name}.parquet")
    expected = [{("ENB", "4G")}, {("AMF", "5G"), ("UPF", "5G")}, {(None, None)}]
    assert performed(Elements(tables)) == expected
    assert performed(Elements(files)) == expected
    assert performed(pickle.loads(pickle.dumps(Elements(files)))) == expected  # noqa: S301
    assert Elements(files).performers.tolist() == [1, 1, 0, 1]


def test_an_element_is_in_service_between_its_dates_and_where_they_are_not_stated() -> None:
    day = date(2026, 6, 1)
    rows: list[dict[str, object]] = [
        {"id": "no dates"},
        {"id": "put in that day", "installed_on": day},
        {"id": "put in the day after", "installed_on": date(2026, 6, 2)},
        {"id": "taken out that day", "removed_on": day},
        {"id": "taken out the day after", "removed_on": date(2026, 6, 2)},
    ]
    table = TABLES["element"].from_rows(rows)
    tables = Tables({"element": table, "function": TABLES["function"].empty()})
    names = table.column("id").to_pylist()
    assert {names[n] for n in Elements(tables).in_service(day).tolist()} == {
        "no dates",
        "put in that day",
        "taken out the day after",
    }
