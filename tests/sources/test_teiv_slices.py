"""TEIV in slices: where a record stands, what is merged, and how JSON of any form is cut."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.json_files import JsonReader
from ringfence.sources.teiv import Teiv
from ringfence.sources.teiv.events import read_events
from ringfence.sources.teiv.ledger import Ledger

ELEMENT, DU = "o-ran-smo-teiv-oam:ManagedElement", "o-ran-smo-teiv-ran:ODUFunction"
MANAGES = "o-ran-smo-teiv-rel-oam-ran:MANAGEDELEMENT_MANAGES_ODUFUNCTION"
CELL = "o-ran-smo-teiv-ran:NRCellDU"

Groups = list[dict[str, list[Any]]]


def event(entities: Groups, relationships: Groups | None = None, action: str = "create") -> Any:
    data = {"entities": entities, "relationships": relationships or []}
    return {"specversion": "1.0", "type": f"ran-logical-topology.{action}", "data": data}


def read(tmp_path: Path, text: str) -> Gathered:
    path = tmp_path / "t.json"
    path.write_bytes(text.encode())
    return gather(Teiv(), path, Options())


def origins(found: Gathered) -> dict[str, str]:
    """Where each element stands, by its id without the prefix."""
    rows = found.tables["element"].to_pylist()
    return {row["id"].removeprefix("teiv:"): row["origin"] for row in rows}


def walked(events: list[Any], head: str) -> Iterator[tuple[str, str]]:
    """Each entity's id and place, by walking the events as they were made."""
    for number, one in enumerate(events):
        for at, group in enumerate(one["data"]["entities"]):
            for kind, records in group.items():
                for index, record in enumerate(records):
                    event_at = head.format(index=number, line=number + 1)
                    place = f"{event_at}.data.entities[{at}].{kind.partition(':')[2]}[{index}]"
                    yield record["id"], place


@pytest.mark.parametrize("is_list", [True, False])
@pytest.mark.parametrize(
    ("events", "groups", "records"), [(3000, 1, 1), (3, 1500, 1), (2, 2, 2500), (700, 2, 3)]
)
def test_every_row_says_where_its_record_stands(
    tmp_path: Path, is_list: bool, events: int, groups: int, records: int
) -> None:
    made = [
        event(
            [
                {(DU, ELEMENT)[g % 2]: [{"id": f"{e}-{g}-{r}"} for r in range(records)]}
                for g in range(groups)
            ]
        )
        for e in range(events)
    ]
    text = json.dumps(made) if is_list else "\n".join(map(json.dumps, made))
    head = "t.json:$[{index}]" if is_list else "t.json:{line}:$"
    assert origins(read(tmp_path, text)) == dict(walked(made, head))


def test_faults_are_listed_in_the_order_of_the_file(tmp_path: Path) -> None:
    sound: Groups = [{ELEMENT: [{"id": "a"}]}]
    lines = [
        event([{ELEMENT: [{"id": "b"}, {"id": ""}, {}]}], [{MANAGES: [{"id": "r", "aSide": "b"}]}]),
        event([{ELEMENT: [{"id": "c"}, {}]}], action="explode"),
        *[event(sound)] * 3000,
        event([{DU: [{}]}], [{MANAGES: [{"id": "r2", "bSide": "b"}]}]),
        event([{DU: [{}]}], action="delete"),
    ]
    text = "\n".join([*map(json.dumps, lines), "{oops", json.dumps(event([{ELEMENT: [{}]}]))])
    places = [r["place"] for r in read(tmp_path, text).rejects.to_pylist() if r["kind"] == "fault"]
    assert places == [
        "t.json:1:$.data.entities[0].ManagedElement[1]",
        "t.json:1:$.data.entities[0].ManagedElement[2]",
        "t.json:1:$.data.relationships[0].MANAGEDELEMENT_MANAGES_ODUFUNCTION[0]",
        "t.json:2:$.data.entities[0].ManagedElement[0]",
        "t.json:2:$.data.entities[0].ManagedElement[1]",
        "t.json:3003:$.data.entities[0].ODUFunction[0]",
        "t.json:3003:$.data.relationships[0].MANAGEDELEMENT_MANAGES_ODUFUNCTION[0]",
        "t.json:3004:$.data.entities[0].ODUFunction[0]",
        "t.json:3005:$",
        "t.json:3006:$.data.entities[0].ManagedElement[0]",
    ]


def test_thousands_of_ids_that_come_again_are_one_row_each(tmp_path: Path) -> None:
    def named(action: str, start: int, **attributes: Any) -> Any:
        ids = range(start, start + 2500)
        records = [{"id": f"é{i}", "attributes": attributes} for i in ids]
        return event([{ELEMENT: records}], action=action)

    made = [
        named("create", 0, name="old"),
        named("merge", 1000, name="new"),
        named("merge", 2000, name=None),
    ]
    found = read(tmp_path, json.dumps(made))
    names = {row["id"]: row["name"] for row in found.tables["element"].to_pylist()}
    expected = {f"teiv:é{i}": "old" if i < 1000 else "new" for i in range(2000)}
    assert names == expected | {f"teiv:é{i}": None for i in range(2000, 4500)}
    assert found.tables["element"].num_rows == 4500
    assert (found.rows_read, found.rows_kept) == (7500, 7500)


def test_a_line_of_two_values_or_half_of_one_is_at_fault_and_no_other(tmp_path: Path) -> None:
    def line(name: str) -> str:
        return json.dumps(event([{ELEMENT: [{"id": name}]}]))

    halves = line("half").replace(', "data"', ',\n"data"')
    text = f"{line('a')}\r\n\n{line('b')}{line('c')}\n{halves}\n \t\n{line('d')}"
    found = read(tmp_path, text)
    assert origins(found) == {
        "a": "t.json:1:$.data.entities[0].ManagedElement[0]",
        "d": "t.json:7:$.data.entities[0].ManagedElement[0]",
    }
    faults = [r["place"] for r in found.rejects.to_pylist()]
    assert faults == ["t.json:3:$", "t.json:4:$", "t.json:5:$"]


def test_what_is_odd_in_a_list_is_read_as_it_is_in_lines(tmp_path: Path) -> None:
    odd = [
        {ELEMENT: [{"id": "bare"}]},
        {"items": [{ELEMENT: [{"id": "answer"}]}]},
        {"specversion": "1.0", "type": "x.create"},
        {"specversion": "1.0", "data": {}},
        {"specversion": "1.0", "type": "x.create", "data_base64": "e30="},
        {},
        event([{ELEMENT: [{"id": "sound"}]}]),
    ]
    listed = read(tmp_path, json.dumps(odd))
    by_line = read(tmp_path, "\n".join(map(json.dumps, odd)))
    # One at fault more has the whole slice read part by part, which must not change the rest.
    loose = read(tmp_path, json.dumps([*odd, event([{ELEMENT: [5]}])]))
    for found in (listed, by_line, loose):
        assert origins(found).keys() == {"bare", "answer", "sound"}
    reasons = [
        "an event without its data",
        "an event without its type",
        "its data is in base64, which TEIV does not write",
        "neither an event nor an answer of TEIV",
    ]
    for found, more in ((listed, []), (by_line, []), (loose, ["no record: Expected `object`"])):
        said = [r["reason"] for r in found.rejects.to_pylist()]
        assert [a.startswith(b) for a, b in zip(said, [*reasons, *more], strict=True)]
        assert said[:4] == reasons


@pytest.mark.parametrize("is_list", [True, False])
def test_a_key_that_is_not_utf_8_is_the_fault_of_its_event_alone(
    tmp_path: Path, is_list: bool
) -> None:
    sound = json.dumps(event([{ELEMENT: [{"id": "sound"}]}])).encode()
    events = [sound, b'{"a\xe0": 1}', b'{"o-ran-smo-teiv-oam:\xff": []}', sound]
    path = tmp_path / "t.json"
    path.write_bytes(b"[" + b",".join(events) + b"]" if is_list else b"\n".join(events))
    found = gather(Teiv(), path, Options())
    assert [r["kind"] for r in found.rejects.to_pylist()] == ["fault", "fault"]
    assert origins(found).keys() == {"sound"}


def test_attributes_of_a_record_set_aside_need_not_be_any(tmp_path: Path) -> None:
    made = event([{CELL: [{"id": "c1", "attributes": 5}], DU: [{"id": "du", "attributes": 5}]}])
    found = read(tmp_path, json.dumps(made))
    rejects = {r["kind"]: r["place"] for r in found.rejects.to_pylist()}
    assert rejects == {
        "set aside": "t.json:1:$.data.entities[0].NRCellDU[0]",
        "fault": "t.json:1:$.data.entities[0].ODUFunction[0]",
    }


@pytest.mark.parametrize("is_list", [True, False])
def test_a_source_is_known_again_whatever_stands_about_it(tmp_path: Path, is_list: bool) -> None:
    sources = ["urn:cmHandle:AA", ["urn:x", "urn:cmHandle:/AA"], ["urn:cmHandle:BB", 5], 7, None]
    records = [{"id": f"e{i}", "sourceIds": of} for i, of in enumerate(sources)]
    gone = {"type": "a.source-entity-delete", "data": {"type": "cmHandle", "value": "AA"}}
    made = [event([{ELEMENT: records}]), gone]
    found = read(tmp_path, json.dumps(made) if is_list else "\n".join(map(json.dumps, made)))
    assert origins(found).keys() == {"e2", "e3", "e4"}


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text('a"\\{}[],:\n é', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    listed=st.lists(values, max_size=40),
    indent=st.sampled_from([None, 0, 2]),
    window=st.integers(1500, 4000),
)
def test_slices_hold_every_element_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, listed: list[Any], indent: int | None, window: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "slices.json"
    path.write_text(json.dumps({"before": listed, "of": listed}, indent=indent), encoding="utf-8")
    found: list[Any] = []
    raws: list[Any] = []
    with JsonReader(path, window=window) as reader:
        for key in reader.members():
            if key == "before":
                reader.skip()
                continue
            for part in reader.slices(msgspec.json.Decoder(list[Any])):
                assert part.first == len(found)
                assert part.values is not None
                found += part.values
                raws += [msgspec.json.decode(raw) for raw in part.each()]
        assert reader.peek() == b""
    assert found == raws == listed


@given(
    listed=st.lists(
        st.dictionaries(st.text(max_size=3), values, min_size=1, max_size=3), max_size=40
    ),
    parting=st.sampled_from(["\n", "\r\n", "\n\n", " \n"]),
    indent=st.sampled_from([None, 1]),
    window=st.integers(3000, 6000),
)
def test_values_of_a_file_come_with_their_lines(
    tmp_path_factory: pytest.TempPathFactory,
    listed: list[Any],
    parting: str,
    indent: int | None,
    window: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "values.json"
    text = parting.join(json.dumps(value, indent=indent) for value in listed)
    path.write_bytes(text.encode())
    expected = []
    line = 1
    for value in listed:
        expected.append((line, value))
        line += (json.dumps(value, indent=indent) + parting).count("\n")
    found = []
    with JsonReader(path, window=window) as reader:
        for part in reader.values(msgspec.json.Decoder(Any)):
            assert part.values is not None
            found += [(part.line + i, value) for i, value in enumerate(part.values)]
            assert [msgspec.json.decode(raw) for raw in part.each()] == part.values
    assert found == expected


def test_a_fault_far_into_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    lines = [json.dumps({"id": f"{i:09}"}) for i in range(100_000)]
    lines[90_000] = '{"id" 5}'
    path = tmp_path / "t.json"
    path.write_text("[\n" + ",\n".join(lines) + "\n]", encoding="utf-8")
    with pytest.raises(SourceError) as caught, JsonReader(path) as reader:
        for _ in reader.slices(msgspec.json.Decoder(list[Any])):
            pass
    assert caught.value.where == f"{path}:90002"


def test_records_wait_no_longer_than_until_there_are_some(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    made = [event([{ELEMENT: [{"id": f"{i}"}], DU: []}]) for i in range(5000)]
    path.write_text(json.dumps(made), encoding="utf-8")
    ledger = Ledger()
    read_events(path, ledger)
    element, du = (ledger.entities[name].waiting for name in ("ManagedElement", "ODUFunction"))
    assert (element.rows, element.runs, du.runs) == (0, [], [])
    assert sum(part.num_rows for part in element.done) == 5000
    assert max(part.num_rows for part in element.done) < 2500
