"""What `test_jail` has done behind the wall: functions that a fresh process can import."""

import os
from pathlib import Path

import pyarrow as pa

from ringfence.errors import VerificationError
from ringfence.store.duck import Tables
from ringfence.store.jail import Jail, Limits

ELEMENT = pa.table({"id": ["a", "b", "c"], "size": [1, 2, 3]})
LIMITS = Limits(memory_mb=256, answer_mb=8, seconds=0.5, threads=2)


def unchecked(sql: str) -> dict[str, pa.Table]:
    """Run a statement that nobody has looked at."""
    with Jail(Tables({"element": ELEMENT}), limits=LIMITS) as jail:
        return {"answer": jail.select_ours(sql, where="pack/R-1"), "element": ELEMENT}


def failing(message: str) -> dict[str, pa.Table]:
    """Fail in a way a person is told of."""
    raise VerificationError(message, where="here", hint="there")


def broken() -> dict[str, pa.Table]:
    """Fail in a way nobody foresaw."""
    raise KeyError("unforeseen")


def hungry() -> dict[str, pa.Table]:
    """Take memory until there is none."""
    held = []
    while True:
        held.append(bytearray(100_000_000))


def secretive() -> dict[str, pa.Table]:
    """Tell the names in the environment."""
    return {"environment": pa.table({"names": sorted(os.environ)})}


def writing(file: str) -> dict[str, pa.Table]:
    """Write a file."""
    Path(file).write_text("out")
    return {}
