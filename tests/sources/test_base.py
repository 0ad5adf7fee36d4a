"""Gathering what a source reads: every record becomes rows or a reject, and the sum is checked."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import InputError, NotFoundError, SourceError, UnavailableError
from ringfence.network.model import REJECT, TABLES
from ringfence.sources import base
from ringfence.sources.base import (
    CONTENT_CHARACTERS,
    HEAD_BYTES,
    Batch,
    Claim,
    Gathered,
    Options,
    Read,
    Reject,
    gather,
    recognise,
    source_of_kind,
)


@dataclass
class Given:
    """A source that reads what it was given, and claims as surely as it was told."""

    kind: str
    items: Sequence[Batch | Reject | Read] = ()
    sureness: float = 0.0
    describes: str = "what it was given"
    version: int = 1
    heads: list[bytes] = field(default_factory=list)

    def claims(self, path: Path, head: bytes) -> Claim:
        self.heads.append(head)
        return Claim(self.sureness, "it was told so")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        yield from self.items


def batch(table: str, *rows: dict[str, Any]) -> Batch:
    return Batch(table, pa.Table.from_pylist(list(rows)))


def gathered(*items: Batch | Reject | Read, options: Options | None = None) -> Gathered:
    return gather(Given("given", items), Path("folder/file.csv"), options or Options())


def rejects(got: Gathered, *columns: str) -> list[dict[str, Any]]:
    return list(got.rejects.select(columns).to_pylist())


# --- by hand


def test_sound_rows_are_laid_onto_their_tables_in_the_order_read() -> None:
    got = gathered(
        batch("site", {"id": "2", "origin": "row 2"}),
        batch("element", {"id": "e", "site": "2", "origin": "row 2"}),
        batch("site", {"region": "North", "id": "1", "origin": "row 3"}),
        Read(2, 2),
    )
    assert set(got.tables) == {"site", "element"}
    assert got.tables["site"].select(["id", "region"]).to_pylist() == [
        {"id": "2", "region": None},
        {"id": "1", "region": "North"},
    ]
    assert got.tables["site"].schema.names == list(TABLES["site"].names)
    assert (got.rows_read, got.rows_kept, got.rows_rejected) == (2, 2, 0)
    assert got.rejects.schema.names == list(REJECT.names)


def test_what_a_source_sets_aside_is_listed_with_its_number() -> None:
    got = gathered(
        Reject("rows 2 to 9", "a camera is no network element", kind="set aside", rows=8),
        Reject("row 10", "no key", table="site", content="x" * 1000),
        Read(9, 0),
    )
    assert rejects(got, "file", "place", "table", "kind", "reason", "rows") == [
        {
            "file": "file.csv",
            "place": "rows 2 to 9",
            "table": None,
            "kind": "set aside",
            "reason": "a camera is no network element",
            "rows": 8,
        },
        {
            "file": "file.csv",
            "place": "row 10",
            "table": "site",
            "kind": "fault",
            "reason": "no key",
            "rows": 1,
        },
    ]
    assert len(rejects(got, "content")[1]["content"]) == CONTENT_CHARACTERS
    assert (got.rows_read, got.rows_kept, got.rows_rejected) == (9, 0, 9)


def test_a_row_that_breaks_its_declaration_becomes_a_reject() -> None:
    got = gathered(
        batch(
            "site",
            {"id": "1", "kind": "macro", "latitude_deg": 51.5, "origin": "row 2"},
            {"id": "2", "kind": "castle", "latitude_deg": 95.0, "origin": "row 3"},
            {"id": None, "kind": "macro", "latitude_deg": None, "origin": "row 4"},
        ),
        Read(3, 3),
    )
    assert got.tables["site"]["id"].to_pylist() == ["1"]
    assert (got.rows_read, got.rows_kept, got.rows_rejected) == (3, 1, 2)
    by_place = {r["place"]: r for r in rejects(got, *REJECT.names)}
    assert by_place["row 3"]["table"] == "site"
    assert by_place["row 3"]["reason"].startswith("latitude_deg is above 90")
    assert "kind=castle" in by_place["row 3"]["content"]
    assert by_place["row 4"]["reason"] == "id is not stated"


def test_a_record_of_several_rows_is_one_reject_however_many_are_at_fault() -> None:
    # Record "row 3" gives an element and two functions; one function and the element are faulty.
    got = gathered(
        batch("element", {"id": "e1", "origin": "row 2"}),
        batch("element", {"id": "e2", "kind": "shed", "origin": "row 3"}),
        batch(
            "function",
            {"element": "e2", "kind": "AMF", "generation": None, "origin": "row 3"},
            {"element": "e2", "kind": "UPF", "generation": "9G", "origin": "row 3"},
        ),
        Read(2, 2),
    )
    assert (got.rows_read, got.rows_kept, got.rows_rejected) == (2, 1, 1)
    (reject,) = rejects(got, "place", "rows", "reason")
    assert (reject["place"], reject["rows"]) == ("row 3", 1)
    assert reject["reason"].count(";") == 1
    assert "kind is not one of" in reject["reason"]
    assert "generation is not one of" in reject["reason"]
    assert got.tables["element"]["id"].to_pylist() == ["e1"]
    assert got.tables["function"]["kind"].to_pylist() == ["AMF"]


def test_the_same_fault_twice_in_a_record_is_said_once() -> None:
    faulty = {"element": "e", "generation": "9G", "origin": "row 2"}
    got = gathered(
        batch("function", {**faulty, "kind": "AMF"}, {**faulty, "kind": "UPF"}), Read(1, 1)
    )
    (reject,) = rejects(got, "reason")
    assert reject["reason"].count("generation is not one of") == 1


def test_faulty_rows_without_a_place_are_counted_one_by_one() -> None:
    got = gathered(batch("site", {"id": None}, {"id": None}, {"id": "3"}), Read(3, 3))
    assert (got.rows_read, got.rows_kept, got.rows_rejected) == (3, 1, 2)
    assert rejects(got, "place", "rows") == [{"place": "", "rows": 1}] * 2


def test_the_file_goes_by_the_name_it_was_given() -> None:
    reject = Reject("row 2", "no key")
    got = gathered(reject, Read(1, 0), options=Options(origin="north/sites.csv"))
    assert rejects(got, "file") == [{"file": "north/sites.csv"}]


def test_a_file_of_nothing_gives_nothing() -> None:
    got = gathered()
    assert got.tables == {}
    assert got.rejects.num_rows == 0
    assert (got.rows_read, got.rows_kept, got.rows_rejected) == (0, 0, 0)


# --- lost count


@pytest.mark.parametrize(
    "items",
    [
        (Read(2, 1),),
        (Read(1, 1), Reject("row 3", "no key")),
        (Read(3, 1), Reject("row 3", "no key", rows=1)),
        (Reject("row 3", "no key"),),
        (batch("site", {"id": None, "origin": "row 2"}),),
    ],
    ids=["dropped", "uncounted", "too few", "never read", "rows of no record"],
)
def test_a_source_that_loses_count_is_found_out(items: tuple[Batch | Reject | Read, ...]) -> None:
    with pytest.raises(SourceError, match="given source"):
        gathered(*items)


def test_rows_of_a_table_that_does_not_exist_are_a_fault_of_the_source() -> None:
    with pytest.raises(SourceError, match="'castle', which is no table"):
        gathered(batch("castle", {"id": "1"}), Read(1, 1))


def test_rows_of_the_wrong_type_are_an_error_of_ours() -> None:
    with pytest.raises(InputError, match="site"):
        gathered(batch("site", {"id": "1", "latitude_deg": "north"}), Read(1, 1))


def test_an_error_of_the_source_passes() -> None:
    class Broken(Given):
        def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
            yield Read(1, 1)
            raise SourceError("not a table at all")

    with pytest.raises(SourceError, match="not a table at all"):
        gather(Broken("broken"), Path("x"), Options())


# --- by property

# A record gives up to three rows, each sound or not, or is rejected by the source itself.
RECORDS = st.lists(st.none() | st.lists(st.booleans(), min_size=1, max_size=3), max_size=8)


@given(RECORDS, st.randoms(use_true_random=False))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_read_is_always_kept_and_rejected_together(
    records: list[list[bool] | None], order: Any
) -> None:
    items: list[Batch | Reject | Read] = []
    for number, record in enumerate(records):
        place = f"row {number}"
        if record is None:
            items.append(Reject(place, "not wanted"))
            items.append(Read(1, 0))
            continue
        items.append(Read(1, 1))
        for i, sound in enumerate(record):
            row = {"id": f"{number}.{i}", "kind": "macro" if sound else "castle", "origin": place}
            items.append(batch("site", row))
    order.shuffle(items)
    got = gathered(*items)
    whole = [i for i, r in enumerate(records) if r is not None and all(r)]
    assert got.rows_read == len(records)
    assert got.rows_kept == len(whole)
    assert got.rows_rejected == len(records) - len(whole)
    assert sorted(r["place"] for r in rejects(got, "place")) == sorted(
        f"row {i}" for i in range(len(records)) if i not in whole
    )
    sound_rows = {f"{n}.{i}" for n, r in enumerate(records) if r for i, ok in enumerate(r) if ok}
    kept = got.tables["site"]["id"].to_pylist() if "site" in got.tables else []
    assert sorted(kept) == sorted(sound_rows)


@pytest.mark.slow
def test_a_file_full_of_faults_is_sifted_in_seconds() -> None:
    count = 200_000
    rows = pa.table(
        {
            "id": [str(i) for i in range(count)],
            "kind": ["castle"] * count,
            "origin": [f"row {i}" for i in range(count)],
        }
    )
    pieces = [Batch("site", rows.slice(i, 1000)) for i in range(0, count, 1000)]
    begun = time.perf_counter()
    got = gathered(*pieces, Read(count, count))
    assert (got.rows_kept, got.rows_rejected) == (0, count)
    assert time.perf_counter() - begun < 20


# --- whose file it is


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Given]:
    sources = {s.kind: s for s in (Given("b"), Given("a"), Given("c"))}
    monkeypatch.setattr(base, "all_sources", lambda: sources)
    return sources


def test_a_file_is_that_of_the_surest_and_of_the_first_by_name_among_equals(
    installed: dict[str, Given], tmp_path: Path
) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * (HEAD_BYTES + 10))
    assert recognise(file) == []
    installed["a"].sureness = installed["b"].sureness = 0.5
    assert [s.kind for s, _ in recognise(file)] == ["a", "b"]
    installed["c"].sureness = 0.9
    assert [(s.kind, c.sureness) for s, c in recognise(file)] == [
        ("c", 0.9),
        ("a", 0.5),
        ("b", 0.5),
    ]
    assert {len(head) for s in installed.values() for head in s.heads} == {HEAD_BYTES}


def test_a_source_is_found_by_its_kind(installed: dict[str, Given]) -> None:
    assert source_of_kind("b") is installed["b"]
    with pytest.raises(NotFoundError, match="no source of kind 'z'") as caught:
        source_of_kind("z")
    assert "b, a, c" in str(caught.value.hint)


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    listed: list[EntryPoint] = []
    monkeypatch.setattr(base, "entry_points", lambda group: listed)
    base.all_sources.cache_clear()
    yield listed
    base.all_sources.cache_clear()


def test_a_source_that_cannot_be_loaded_is_named(entries: list[EntryPoint]) -> None:
    entries.append(EntryPoint("lost", "no_such_module_at_all:Lost", "ringfence.sources"))
    with pytest.raises(UnavailableError, match="lost"):
        base.all_sources()


def test_two_sources_of_one_kind_are_refused(entries: list[EntryPoint]) -> None:
    value = "ringfence.sources.table_files:TableFile"
    entries += [EntryPoint(name, value, "ringfence.sources") for name in ("one", "other")]
    with pytest.raises(UnavailableError, match="two sources"):
        base.all_sources()


def test_the_sources_that_come_with_the_program_are_there() -> None:
    base.all_sources.cache_clear()
    assert {"netbox", "table-file"} <= set(base.all_sources())
    for kind, source in base.all_sources().items():
        assert source.kind == kind
        assert source.describes
        assert source.version >= 1
