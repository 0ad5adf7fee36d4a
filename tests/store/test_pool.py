"""One function over many parts, in this process or in several, with the same answers."""

import importlib
import os
import time
from collections.abc import Iterator
from types import ModuleType

import pytest

from ringfence.errors import SourceError, UnavailableError
from ringfence.store import pool

# What a process of the pool runs must be importable there, so it is a module of its own.
FUNCTIONS = """
import os, time
from ringfence.errors import SourceError

def where_and_what(part):
    return os.getpid(), part

def slowest_first(part):
    time.sleep(0.3 / len(part))
    return part

def refused(part):
    if part == "bad":
        raise SourceError("not a table", where="x.csv row 2", hint="look at row 2")
    return part

def dying(part):
    if part == "die":
        os._exit(7)
    return part
"""


@pytest.fixture(scope="module")
def of_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("importable")
    (folder / "functions_of_the_pool.py").write_text(FUNCTIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield importlib.import_module("functions_of_the_pool")


PARTS = ["a", "bbb", "cc", "dddddd"]


def test_one_job_runs_in_this_process_and_only_as_asked(of_pool: ModuleType) -> None:
    def parts() -> Iterator[str]:
        yield "one"
        yield "two"

    answers = pool.map(of_pool.where_and_what, parts(), jobs=1)
    assert next(answers) == (os.getpid(), "one")
    assert next(answers) == (os.getpid(), "two")
    with pytest.raises(StopIteration):
        next(answers)


def test_several_jobs_answer_in_the_order_of_the_parts(of_pool: ModuleType) -> None:
    assert list(pool.map(of_pool.slowest_first, PARTS, jobs=4)) == PARTS


def test_several_jobs_run_in_other_processes(of_pool: ModuleType) -> None:
    answers = list(pool.map(of_pool.where_and_what, PARTS, jobs=2))
    assert [what for _, what in answers] == PARTS
    assert os.getpid() not in {process for process, _ in answers}


@pytest.mark.parametrize("jobs", [0, 1, 8])
def test_no_parts_and_one_part_need_no_other_process(of_pool: ModuleType, jobs: int) -> None:
    assert list(pool.map(of_pool.where_and_what, [], jobs=jobs)) == []
    assert list(pool.map(of_pool.where_and_what, ["a"], jobs=jobs)) == [(os.getpid(), "a")]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_comes_whole_when_its_turn_comes(of_pool: ModuleType, jobs: int) -> None:
    answers = pool.map(of_pool.refused, ["good", "bad", "good"], jobs=jobs)
    assert next(answers) == "good"
    with pytest.raises(SourceError) as caught:
        next(answers)
    error = caught.value
    assert (error.message, error.where, error.hint) == (
        "not a table",
        "x.csv row 2",
        "look at row 2",
    )


@pytest.mark.parametrize("more", [50, 20_000], ids=["a few parts", "while parts are handed out"])
def test_a_process_that_dies_is_said(of_pool: ModuleType, more: int) -> None:
    with pytest.raises(UnavailableError, match="ended unexpectedly") as caught:
        list(pool.map(of_pool.dying, ["die", *["a"] * more], jobs=2))
    assert "--jobs" in str(caught.value.hint)


def test_answers_nobody_waits_for_are_given_up(of_pool: ModuleType) -> None:
    answers = pool.map(of_pool.slowest_first, ["a"] * 200, jobs=2)
    assert next(answers) == "a"
    begun = time.monotonic()
    answers.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 20  # 200 parts would take 30 s
