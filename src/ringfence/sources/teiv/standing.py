"""What stands of the records of one type once all of a file has been read.

Records are in the order of the file. A later one of the same id adds to an earlier one: what it
states replaces what was stated, a null that it states takes it away. A delete takes away all that
was said before it. All this is settled by column, and what is taken away is only marked: rows are
copied once, a batch at a time, while the batches before are let go.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.sources.teiv.facts import ERASED, FACTS

__all__ = ["HASH", "Standing"]

HASH: Final = "hash"
"""A column of numbers that are equal where ids are, and may be equal where they are not."""

_ROWS: Final = 16_384
_PART_ROWS: Final = 1024


class Standing:
    """Rows with `id`, `turn` and `HASH`, in parts; a part lacks a column that nothing in it states.

    `batches` uses them up: nothing else may be asked after it.
    """

    def __init__(self, parts: Iterable[pa.Table]) -> None:
        self._parts = deque(parts)
        self._stands = np.ones(sum(part.num_rows for part in self._parts), np.bool_)

    def lose(self, column: str, deleted: Mapping[str, int]) -> int:
        """Take away the rows that a later delete names in a column; says how many.

        `deleted` has the turn of the last delete of each name.
        """
        if not deleted or not len(self._stands):
            return 0
        names = pa.array(list(deleted), pa.string())
        turns = np.fromiter(deleted.values(), np.int64, len(deleted))
        found = pc.fill_null(pc.index_in(self._column(column), value_set=names), -1)
        at = np.asarray(found)
        goes = (at >= 0) & (np.asarray(self._column("turn")) < turns[at]) & self._stands
        self._stands &= ~goes
        return int(goes.sum())

    def merge(self) -> None:
        """Have one row an id: of each column what was stated last."""
        hashes = np.sort(np.asarray(self._column(HASH))[self._stands])
        if not (hashes[1:] == hashes[:-1]).any():
            return
        rows = pa.concat_tables(self._parts, promote_options="default")
        rows = rows.filter(pa.array(self._stands))
        whole = {name: _whole(rows[name]) for name in rows.column_names}
        encoded = whole["id"].dictionary_encode()
        codes, order = np.asarray(encoded.indices), np.arange(rows.num_rows)
        lasts = {}
        for name, column in whole.items():
            last = np.full(len(encoded.dictionary), -1)
            is_stated = np.asarray(column.is_valid())
            last[codes[is_stated]] = order[is_stated]
            lasts[name] = pa.array(last, mask=last < 0)
        self._parts = deque(
            pa.table(
                {
                    name: column.take(lasts[name].slice(start, _PART_ROWS)).cast(rows[name].type)
                    for name, column in whole.items()
                }
            )
            for start in range(0, len(encoded.dictionary), _PART_ROWS)
        )
        self._stands = np.ones(len(encoded.dictionary), np.bool_)

    def first(self) -> pa.Table | None:
        """The first row, if any stands."""
        if not self._stands.any():
            return None
        at = int(self._stands.argmax())
        for part in self._parts:
            if at < part.num_rows:
                return part.slice(at, 1)
            at -= part.num_rows
        return None

    def batches(self) -> Iterator[pa.Table]:
        """The rows in parts small enough that a copy of one matters little."""
        done = 0
        while self._parts:
            several, many = [], 0
            while self._parts and many < _ROWS:
                several.append(self._parts.popleft())
                many += several[-1].num_rows
            batch = pa.concat_tables(several, promote_options="default").drop_columns(HASH)
            stands = self._stands[done : done + many]
            done += many
            several.clear()
            if not stands.all():
                batch = batch.filter(pa.array(stands))
            if batch.num_rows:
                yield _without_erased(batch.combine_chunks())

    def _column(self, name: str) -> pa.ChunkedArray:
        chunks = [chunk for part in self._parts for chunk in part[name].chunks]
        return pa.chunked_array(chunks, None if chunks else pa.int64())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece, as long text: that of all rows may be longer than text can be."""
    is_text = pa.types.is_string(column.type)
    return (column.cast(pa.large_string()) if is_text else column).combine_chunks()


def _without_erased(rows: pa.Table) -> pa.Table:
    """The rows with nothing where a null was stated."""
    for at, name in enumerate(rows.column_names):
        if name not in FACTS:
            continue
        column, kind = rows[name], FACTS[name]
        is_erased = pc.is_nan(column) if pa.types.is_floating(kind) else pc.equal(column, ERASED)
        if pc.any(is_erased).as_py():
            nothing = pa.scalar(None, column.type)
            rows = rows.set_column(at, name, pc.if_else(is_erased, nothing, column))
    return rows
