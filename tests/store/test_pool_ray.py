"""The Ray way of running: a real cluster of two workers on this machine."""

import os
import signal
import sys
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest

from ringfence.errors import UnavailableError, UsageError
from ringfence.store import pool

pytestmark = [
    pytest.mark.slow,
    # A fault of Ray's own: sockets and processes it leaves to the collector, and settings to come.
    pytest.mark.filterwarnings("default"),
    pytest.mark.timeout(300),
]


@pytest.fixture(autouse=True)
def _has_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    # As the pool sets it; but Ray reads it when it is imported, which is here.
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    pytest.importorskip("ray", reason="needs Ray, the extra `cluster`")
    # The workers cannot import a test: they are sent its functions whole.
    import_module("ray.cloudpickle").register_pickle_by_value(sys.modules[__name__])


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def fail(number: int) -> int:
    if number == 3:
        raise UsageError("three cannot be asked", where="here", hint="ask four")
    return number


def die_once(part: tuple[int, str]) -> int:
    """The worker of part 5 is killed in the middle, the first time it is met."""
    number, folder = part
    mark = Path(folder) / "died"
    if number == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * 10


def die_always(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_answers_come_in_the_order_of_the_parts_from_other_processes() -> None:
    found = list(pool.map(square, range(20), jobs=2, way="ray"))
    assert [value for value, _ in found] == [n * n for n in range(20)]
    assert os.getpid() not in {process for _, process in found}


def test_an_error_of_a_part_is_raised_as_it_is() -> None:
    with pytest.raises(UsageError, match="three cannot be asked") as caught:
        list(pool.map(fail, range(6), jobs=2, way="ray"))
    assert (caught.value.where, caught.value.hint) == ("here", "ask four")


def test_a_part_whose_worker_is_killed_is_run_anew_and_nothing_is_lost(tmp_path: Path) -> None:
    parts = [(n, str(tmp_path)) for n in range(10)]
    assert list(pool.map(die_once, parts, jobs=2, way="ray")) == [n * 10 for n in range(10)]
    assert (tmp_path / "died").exists()


def test_a_part_that_kills_every_worker_comes_to_an_end() -> None:
    with pytest.raises(UnavailableError, match="lost a part 4 times"):
        list(pool.map(die_always, [1], jobs=2, way="ray"))


def test_a_withdrawal_on_ray_has_the_bytes_of_one_in_this_process() -> None:
    from ringfence.dependence.scenario import Scenario  # noqa: PLC0415
    from ringfence.dependence.withdraw import WithdrawParameters, withdraw  # noqa: PLC0415
    from ringfence.network.model import TABLES  # noqa: PLC0415
    from ringfence.store.duck import Tables  # noqa: PLC0415

    rows: dict[str, list[dict[str, object]]] = {
        "vendor": [{"id": "v", "name": "V"}],
        "site": [{"id": f"s{n}", "operator": "o"} for n in range(5)],
        "element": [{"id": f"e{n}", "site": f"s{n}", "vendor": "v"} for n in range(5)],
        "demand": [{"site": f"s{n}", "kind": "voice", "people": 10.0} for n in range(5)],
    }
    tables = Tables({n: t.from_rows(rows.get(n, [])) for n, t in TABLES.items()})
    day = date(2026, 1, 1)
    asked = WithdrawParameters(
        vendors=("v",), mode="support", on=day, as_of=day, scenario=Scenario(runs=600, years=2)
    )
    here = withdraw(tables, asked)
    there = withdraw(tables, asked.model_copy(update={"jobs": 2, "way": "ray"}))
    assert all(here[name] == there[name] for name in here)
    assert any(row["surely_out_high"] > 0 for row in here["outage"].to_pylist())
