"""Steps: the same input gives the same bytes, kept under a key that knows all it depends on."""

import dataclasses
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial
from pathlib import Path
from threading import Barrier

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import NotFoundError, RingfenceError, VerificationError
from ringfence.provenance import step as steps
from ringfence.provenance.step import RECORD, Answer, Step, StepCache, code_hash, step
from ringfence.store.duck import Tables, connect, hash_of_file


class Order(StrEnum):
    """Which way to sort."""

    UP = "asc"
    DOWN = "desc"


@dataclass(frozen=True, slots=True)
class Inner:
    """A parameter within a parameter."""

    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class SumParameters:
    """What the sum is to leave out, and how to lay it out."""

    least: int = 0
    names: tuple[str, ...] = ()
    until: date | None = None
    order: Order = Order.UP
    inner: Inner = Inner()
    flags: frozenset[str] = frozenset()


CALLS: list[SumParameters] = []


@step(reads=("item",), writes=("total", "large"), version=1)
def sums(tables: Tables, parameters: SumParameters) -> Answer:
    """Sum by name, with the engine."""
    CALLS.append(parameters)
    with connect(tables) as duck:
        total = duck.query(
            "SELECT name, sum(size)::BIGINT AS size FROM item WHERE size >= $least "
            f"GROUP BY name ORDER BY name {parameters.order.value} NULLS LAST",
            {"least": parameters.least},
        )
        large = duck.query("SELECT * FROM item WHERE size > 5 ORDER BY ALL")
    return {"total": total, "large": large}


SCHEMA = pa.schema({"name": pa.string(), "size": pa.int64()})
ROWS: st.SearchStrategy[list[dict[str, object]]] = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.none() | st.sampled_from(["a", "b", "ö", ""]),
            "size": st.none() | st.integers(-9, 9),
        }
    ),
    max_size=12,
)
PARAMETERS = st.builds(
    SumParameters,
    least=st.integers(-9, 9),
    names=st.lists(st.text(max_size=2), max_size=2).map(tuple),
    until=st.none() | st.dates(),
    order=st.sampled_from(Order),
    inner=st.builds(Inner, st.floats(allow_nan=False)),
    flags=st.frozensets(st.text(max_size=2), max_size=3),
)


def items(*sizes: int | None) -> Tables:
    rows = [{"name": "ab"[i % 2], "size": size} for i, size in enumerate(sizes)]
    return Tables(
        {"item": pa.Table.from_pylist(rows, schema=SCHEMA), "unread": SCHEMA.empty_table()}
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def keys(cache: StepCache) -> set[str]:
    return {str(record["key"]) for record in cache.records()}


@pytest.fixture
def cache(tmp_path: Path) -> StepCache:
    CALLS.clear()
    return StepCache(tmp_path / "cache")


# --- the same input, the same bytes


@given(ROWS, PARAMETERS, st.integers(1, 4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_caches_hold_the_same_bytes_for_the_same_input(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, object]],
    parameters: SumParameters,
    chunk: int,
) -> None:
    item = pa.Table.from_pylist(rows, schema=SCHEMA)
    pieces = pa.Table.from_batches(item.to_batches(max_chunksize=chunk), SCHEMA)
    folder = tmp_path_factory.mktemp("caches")
    for name, data in (("one", item), ("other", pieces)):
        StepCache(folder / name).run(sums, Tables({"item": data}), parameters)
    assert contents(folder / "one") == contents(folder / "other") != {}


ELSEWHERE = """
import importlib.util, sys
from pathlib import Path
import numpy as np
import pyarrow as pa
import ringfence.provenance.step as steps
from ringfence.store import duck
spec = importlib.util.spec_from_file_location("elsewhere", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["elsewhere"] = module
spec.loader.exec_module(module)
steps.code_hash = lambda: "0" * 64  # the program may be edited between two processes
if sys.argv[3] != "0":
    plain = duck.Connection.__init__
    duck.Connection.__init__ = lambda self, tables, threads=0: plain(
        self, tables, threads=int(sys.argv[3])
    )
named = steps.Step("test.sums", module.sums.reads, module.sums.writes, 1, module.sums.function)
module.run_large(steps.StepCache(Path(sys.argv[2])), named)
"""


def run_large(cache: StepCache, what: Step[SumParameters]) -> Tables:
    """A table of several row groups, so that many threads have work."""
    draw = np.random.default_rng(11)
    names = pa.array([f"n{i}" for i in draw.integers(0, 5000, 300_000)])
    item = pa.table({"name": names, "size": pa.array(draw.integers(-9, 10, 300_000))})
    flags = frozenset(f"flag {i}" for i in range(50))
    return cache.run(what, Tables({"item": item}), SumParameters(flags=flags))


@pytest.mark.slow
def test_another_process_seed_and_number_of_threads_give_the_same_bytes(tmp_path: Path) -> None:
    for number, (seed, threads) in enumerate([("0", 1), ("1", 4), ("4242", 0)]):
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE, __file__, str(tmp_path / str(number)), str(threads)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
    first = contents(tmp_path / "0")
    assert len(first) == 3
    assert contents(tmp_path / "1") == first
    assert contents(tmp_path / "2") == first


# --- what is kept is taken again


def test_the_same_question_is_computed_once(cache: StepCache) -> None:
    first = cache.run(sums, items(1, 7, 9), SumParameters())
    again = cache.run(sums, items(1, 7, 9), SumParameters())
    assert len(CALLS) == 1
    expected = [{"name": "a", "size": 10}, {"name": "b", "size": 7}]
    assert first["total"].to_pylist() == again["total"].to_pylist() == expected
    assert list(again) == ["large", "total"]
    for name in again:
        file = again.member(name)
        assert isinstance(file, Path)
        assert again.hash_of(name) == hash_of_file(file)


def test_a_table_that_is_not_read_does_not_matter(cache: StepCache) -> None:
    cache.run(sums, items(1), SumParameters())
    cache.run(sums, items(1).and_these({"unread": pa.table({"x": [1]})}), SumParameters())
    assert len(CALLS) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"least": 1},
        {"names": ("a",)},
        {"until": date(2024, 1, 1)},
        {"order": Order.DOWN},
        {"inner": Inner(2.0)},
        {"flags": frozenset({"x"})},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_parameter_is_another_key(cache: StepCache, change: dict[str, object]) -> None:
    cache.run(sums, items(1), SumParameters())
    cache.run(sums, items(1), dataclasses.replace(SumParameters(), **change))  # type: ignore[arg-type]
    assert len(keys(cache)) == len(CALLS) == 2


def test_another_input_is_another_key(cache: StepCache) -> None:
    cache.run(sums, items(1), SumParameters())
    cache.run(sums, items(None), SumParameters())
    assert len(keys(cache)) == len(CALLS) == 2


@pytest.mark.parametrize("change", [{"version": 2}, {"name": "other"}])
def test_another_version_or_step_is_another_key(
    cache: StepCache, change: dict[str, object]
) -> None:
    cache.run(sums, items(1), SumParameters())
    cache.run(dataclasses.replace(sums, **change), items(1), SumParameters())  # type: ignore[arg-type]
    assert len(keys(cache)) == len(CALLS) == 2


def test_other_code_is_another_key(cache: StepCache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.run(sums, items(1), SumParameters())
    monkeypatch.setattr(steps, "code_hash", lambda: "0" * 64)
    cache.run(sums, items(1), SumParameters())
    assert len(keys(cache)) == len(CALLS) == 2


def test_the_hash_of_the_code_changes_with_any_file_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "ringfence"
    (package / "provenance").mkdir(parents=True)
    (package / "__pycache__").mkdir()
    (package / "a.py").write_text("1")
    monkeypatch.setattr(steps, "__file__", str(package / "provenance" / "step.py"))
    seen = {code_hash.__wrapped__()}
    (package / "__pycache__" / "a.pyc").write_text("compiled")
    assert code_hash.__wrapped__() in seen
    (package / "a.py").write_text("2")
    seen.add(code_hash.__wrapped__())
    (package / "rule.sql").write_text("SELECT 1")
    seen.add(code_hash.__wrapped__())
    (package / "rule.sql").rename(package / "law.sql")
    seen.add(code_hash.__wrapped__())
    assert len(seen) == 4


# --- parameters with more than one spelling


@dataclass(frozen=True, slots=True)
class Anything:
    """A parameter of any kind."""

    value: object


@step(reads=(), writes=("out",), version=1)
def nothing(tables: Tables, parameters: Anything) -> Answer:
    """Depend on the parameter alone."""
    return {"out": pa.table({"x": [1]})}


@pytest.mark.parametrize("value", [object(), b"bytes", 1j, {object()}, Path("here"), lambda: 1])
def test_a_parameter_with_no_one_spelling_is_refused(cache: StepCache, value: object) -> None:
    with pytest.raises(RingfenceError, match="a step's parameter may not be a"):
        cache.run(nothing, Tables({}), Anything(value))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (1, "1"),
        (None, "None"),
        ({1}, {"1"}),
        ({1: "a"}, {1: "b"}),
        ((1, 2), (2, 1)),
        ((), (())),
        (0.0, -0.0),
        (frozenset({None}), frozenset({"None"})),
    ],
)
def test_different_parameters_do_not_share_a_key(
    cache: StepCache, one: object, other: object
) -> None:
    cache.run(nothing, Tables({}), Anything(one))
    cache.run(nothing, Tables({}), Anything(other))
    assert len(keys(cache)) == 1 + (repr(one) != repr(other))


def test_a_set_is_spelt_the_same_whatever_its_order(cache: StepCache) -> None:
    for value in (["x", "y", "z"], ["z", "y", "x"]):
        cache.run(nothing, Tables({}), Anything(set(value)))
    assert len(keys(cache)) == 1


# --- records


def test_the_record_says_what_came_in_what_came_out_and_by_what(cache: StepCache) -> None:
    tables = items(1, 7)
    result = cache.run(sums, tables, SumParameters(until=date(2024, 2, 29), order=Order.DOWN))
    (record,) = cache.records()
    key = record["key"]
    assert cache.record(key) == record
    assert record == {
        "format": "ringfence/step/1",
        "key": key,
        "step": sums.name,
        "version": 1,
        "code": code_hash(),
        "writer": f"pyarrow {pa.__version__}",
        "parameters": {
            "least": 0,
            "names": [],
            "until": "2024-02-29",
            "order": "desc",
            "inner": {"factor": 1.0},
            "flags": [],
        },
        "inputs": {"item": tables.hash_of("item")},
        "outputs": {
            "total": {"sha256": result.hash_of("total"), "rows": 2},
            "large": {"sha256": result.hash_of("large"), "rows": 1},
        },
    }


def test_a_steps_name_is_where_it_stands() -> None:
    from ringfence.network.placement import placement  # noqa: PLC0415

    assert placement.name == "network.placement.placement"


def test_a_record_that_is_not_there_is_refused(cache: StepCache) -> None:
    with pytest.raises(NotFoundError, match="no result"):
        cache.record("0" * 64)
    assert cache.records() == []


def test_a_damaged_record_is_said_to_be_damaged(cache: StepCache) -> None:
    cache.run(sums, items(1), SumParameters())
    (key,) = keys(cache)
    (cache.folder / key[:2] / key / RECORD).write_bytes(b"{")
    with pytest.raises(VerificationError, match="damaged"):
        cache.record(key)
    with pytest.raises(VerificationError, match="damaged"):
        cache.records()


# --- damage


def test_a_result_damaged_anywhere_is_computed_again(cache: StepCache) -> None:
    cache.run(sums, items(1, 7, 9), SumParameters())
    sound = contents(cache.folder)
    draw = np.random.default_rng(3)
    for name, content in sound.items():
        for place in {0, len(content) - 1, *draw.integers(0, len(content), 5).tolist()}:
            damaged = bytearray(content)
            damaged[place] ^= 1 << int(draw.integers(8))
            (cache.folder / name).write_bytes(damaged)
            CALLS.clear()
            result = cache.run(sums, items(1, 7, 9), SumParameters())
            assert len(CALLS) == 1, f"{name} damaged at byte {place} was believed"
            assert result["total"].num_rows == 2
            # Nothing of the damaged result is left behind.
            assert contents(cache.folder) == sound


@pytest.mark.parametrize("name", [RECORD, "total.parquet"])
@pytest.mark.parametrize("harm", ["gone", "empty"])
def test_a_result_with_a_file_gone_or_empty_is_computed_again(
    cache: StepCache, name: str, harm: str
) -> None:
    cache.run(sums, items(1, 7, 9), SumParameters())
    sound = contents(cache.folder)
    (file,) = cache.folder.glob(f"*/*/{name}")
    file.unlink()
    if harm == "empty":
        file.touch()
    cache.run(sums, items(1, 7, 9), SumParameters())
    assert contents(cache.folder) == sound


def test_the_result_of_another_key_is_not_taken(cache: StepCache) -> None:
    """A folder copied to another key is sound in itself, but answers another question."""
    cache.run(sums, items(1), SumParameters())
    (one,) = keys(cache)
    cache.run(sums, items(8), SumParameters())
    (other,) = keys(cache) - {one}
    for file in (cache.folder / one[:2] / one).iterdir():
        (cache.folder / other[:2] / other / file.name).write_bytes(file.read_bytes())
    assert cache.run(sums, items(8), SumParameters())["total"].to_pylist() == [
        {"name": "a", "size": 8}
    ]


# --- what a step may not do


@pytest.mark.parametrize("written", [(), ("total",), ("total", "large", "more")])
def test_a_step_that_writes_other_tables_than_declared_fails(
    cache: StepCache, written: tuple[str, ...]
) -> None:
    def wrong(tables: Tables, parameters: SumParameters) -> Answer:
        return {name: SCHEMA.empty_table() for name in written}

    with pytest.raises(RingfenceError, match=r"wrote .*, not \['large', 'total'\]"):
        cache.run(dataclasses.replace(sums, function=wrong), items(1), SumParameters())
    assert contents(cache.folder) == {}


def test_a_step_sees_only_the_tables_it_declares(cache: StepCache) -> None:
    def prying(tables: Tables, parameters: SumParameters) -> Answer:
        return {"total": tables["unread"], "large": tables["item"]}

    with pytest.raises(NotFoundError, match="no table 'unread'"):
        cache.run(dataclasses.replace(sums, function=prying), items(1), SumParameters())


def test_a_step_without_its_input_fails_with_its_name(cache: StepCache) -> None:
    with pytest.raises(NotFoundError, match="no table 'item'"):
        cache.run(sums, Tables({}), SumParameters())


def test_a_step_that_fails_leaves_nothing(cache: StepCache) -> None:
    def failing(tables: Tables, parameters: SumParameters) -> Answer:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.run(dataclasses.replace(sums, function=failing), items(1), SumParameters())
    assert contents(cache.folder) == {}


def test_a_step_may_answer_with_a_stream(cache: StepCache) -> None:
    def streaming(tables: Tables, parameters: SumParameters) -> Answer:
        return {"total": tables["item"].to_reader(max_chunksize=1), "large": tables["item"]}

    streamed = dataclasses.replace(sums, function=streaming)
    result = cache.run(streamed, items(1, 2, 3), SumParameters())
    assert result.hash_of("total") == result.hash_of("large")


def test_called_directly_a_step_is_its_function(cache: StepCache) -> None:
    answer = sums(items(1, 7), SumParameters())
    assert set(answer) == {"total", "large"}
    assert contents(cache.folder) == {}


# --- side by side


def test_two_that_ask_the_same_at_once_both_get_the_answer(cache: StepCache) -> None:
    both = Barrier(2, timeout=30)

    def together(tables: Tables, parameters: SumParameters) -> Answer:
        both.wait()
        return sums.function(tables, parameters)

    waiting = dataclasses.replace(sums, function=together)
    with ThreadPoolExecutor(2) as pool:
        ask = partial(cache.run, waiting, items(1, 7, 9), SumParameters())
        answers = [future.result() for future in [pool.submit(ask) for _ in range(2)]]
    assert [a["total"].to_pylist() for a in answers] == [
        [{"name": "a", "size": 10}, {"name": "b", "size": 7}]
    ] * 2
    assert len(contents(cache.folder)) == 3


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(RingfenceError, match="could not write"):
        StepCache(tmp_path / "cache").run(sums, items(1), SumParameters())


def test_a_record_is_json_a_person_can_read(cache: StepCache) -> None:
    cache.run(sums, items(1), SumParameters(names=("Ö",)))
    (file,) = cache.folder.glob(f"*/*/{RECORD}")
    text = file.read_text(encoding="utf-8")
    assert "Ö" in text
    assert json.loads(text)["parameters"]["names"] == ["Ö"]
