"""Rows of the network's tables, gathered column by column and handed on in batches."""

from collections.abc import Iterator
from hashlib import sha256

import pyarrow as pa

from ringfence.network.model import TABLES
from ringfence.sources.base import Batch

LONGEST = 2048
"""Names and keys are far shorter; what is longer is cut, and told apart by its hash."""

_BATCH_ROWS = 100_000

Value = str | int | bool | None


class Rows:
    """The rows of all tables. A column that a row does not name is null."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, list[Value]]] = {}
        self._done: list[Batch] = []

    def add(self, table: str, **values: Value) -> None:
        """Add a row; the first of a table names its columns, and each later one the same."""
        columns = self._columns.setdefault(table, {name: [] for name in values})
        for name, value in values.items():
            columns[name].append(_fitting(value) if isinstance(value, str) else value)
        if len(next(iter(columns.values()))) >= _BATCH_ROWS:
            self._finish(table)

    def batches(self) -> Iterator[Batch]:
        """All rows, table by table, in the order of the model."""
        for table in list(self._columns):
            self._finish(table)
        order = list(TABLES)
        yield from sorted(self._done, key=lambda b: order.index(b.table))

    def _finish(self, table: str) -> None:
        columns = self._columns.pop(table)
        schema = TABLES[table].schema
        arrays = {n: pa.array(v, schema.field(n).type) for n, v in columns.items()}
        self._done.append(Batch(table, pa.table(arrays)))


def _fitting(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]}…{sha256(text.encode()).hexdigest()}"
