"""Entities and relationships as they stand once all that a file says has been said.

Records come in the order of the file. A later one of the same id adds to an earlier one: what it
states replaces what was stated, a null that it states takes it away. A delete takes away all that
was said before it, of an entity also the relationships it is in. All this is settled at the end, on
columns: a file of millions of records is kept as Arrow tables, not as objects.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.sources.teiv.types import Entity, Relationship

__all__ = ["ERASED", "NO_FACTS", "EntityStore", "Facts", "RelationshipStore", "batches"]

ERASED: Final = ""
"""Stands in a column of text for a null that was stated."""

_ROWS: Final = 65_536


class Facts(NamedTuple):
    """What an entity's attributes say that has a place in the model; made a million times."""

    name: str | None = None
    vendor_name: str | None = None
    model: str | None = None
    network: str | None = None
    latitude_deg: float | None = None
    longitude_deg: float | None = None


NO_FACTS: Final = Facts()
_FACTS: Final = {
    "name": pa.string(),
    "vendor_name": pa.string(),
    "model": pa.string(),
    "network": pa.string(),
    "latitude_deg": pa.float64(),
    "longitude_deg": pa.float64(),
}
_ALWAYS: Final = {"id": pa.large_string(), "turn": pa.int64(), "place": pa.large_string()}


_ENTITY: Final = _ALWAYS | {"handles": pa.large_string(), "facts": None}
_RELATIONSHIP: Final = _ALWAYS | {"a_side": pa.large_string(), "b_side": pa.large_string()}


class _Rows:
    """Rows as tuples, turned into Arrow as they become many."""

    def __init__(self, columns: Mapping[str, pa.DataType | None]) -> None:
        self._columns = columns
        self._done: list[pa.Table] = []
        self.waiting: list[tuple[object, ...]] = []

    def flush(self) -> None:
        """Turn what waits into a table."""
        columns = {}
        lists = zip(*self.waiting, strict=True) if self.waiting else [()] * len(self._columns)
        for (name, kind), values in zip(self._columns.items(), lists, strict=True):
            if kind is not None:
                columns[name] = pa.array(values, kind)
                continue
            if values.count(NO_FACTS) == len(values):
                columns |= {fact: pa.nulls(len(values), of) for fact, of in _FACTS.items()}
                continue
            stated = zip(*values, strict=True)
            for (fact, of), column in zip(_FACTS.items(), stated, strict=True):
                columns[fact] = pa.array(column, of)
        self._done.append(pa.table(columns))
        self.waiting.clear()

    def taken(self) -> pa.Table:
        """All rows; none are left here."""
        if self.waiting or not self._done:
            self.flush()
        whole = pa.concat_tables(self._done)
        self._done.clear()
        return whole


@dataclass(slots=True)
class EntityStore:
    """The entities of one type."""

    entity: Entity
    deleted: dict[str, int] = field(default_factory=dict)
    _rows: _Rows = field(default_factory=lambda: _Rows(_ENTITY))

    def add(
        self, identifier: str, turn: int, place: str, handles: str | None, facts: Facts
    ) -> None:
        """Add an entity; `handles` are the cmHandles among its sources, a line each."""
        waiting = self._rows.waiting
        waiting.append((identifier, turn, place, handles, facts))
        if len(waiting) >= _ROWS:
            self._rows.flush()

    def settled(self, lost_sources: Mapping[str, int]) -> tuple[pa.Table, int]:
        """What stands at the end, and how many records were taken away again.

        `lost_sources` says of a cmHandle in which turn all that came from it was deleted.
        """
        rows = self._rows.taken()
        if lost_sources:
            self._lose(rows, lost_sources)
        rows, gone = _without(rows, "id", self.deleted)
        return _merged(rows), gone

    def _lose(self, rows: pa.Table, lost: Mapping[str, int]) -> None:
        for batch in rows.select(["id", "turn", "handles"]).to_batches():
            for identifier, turn, handles in zip(
                *(batch.column(i).to_pylist() for i in range(3)), strict=True
            ):
                for handle in (handles or "").split("\n"):
                    lost_in = lost.get(handle, -1)
                    if turn < lost_in:
                        before = self.deleted.get(identifier, -1)
                        self.deleted[identifier] = max(before, lost_in)


@dataclass(slots=True)
class RelationshipStore:
    """The relationships of one name."""

    relationship: Relationship
    deleted: dict[str, int] = field(default_factory=dict)
    _rows: _Rows = field(default_factory=lambda: _Rows(_RELATIONSHIP))

    def add(self, identifier: str, turn: int, place: str, a_side: str, b_side: str) -> None:
        """Add a relationship."""
        waiting = self._rows.waiting
        waiting.append((identifier, turn, place, a_side, b_side))
        if len(waiting) >= _ROWS:
            self._rows.flush()

    def settled(self, entities: Mapping[str, EntityStore]) -> tuple[pa.Table, int]:
        """What stands at the end, and how many records were taken away again.

        The entities must be settled before: a relationship goes with either of the two it joins.
        """
        rows, gone = _without(self._rows.taken(), "id", self.deleted)
        for column, side in (
            ("a_side", self.relationship.a_side),
            ("b_side", self.relationship.b_side),
        ):
            store = entities.get(side.type)
            if store is not None:
                rows, more = _without(rows, column, store.deleted)
                gone += more
        return _merged(rows), gone


def batches(rows: pa.Table) -> Iterator[pa.Table]:
    """The rows in parts small enough that a copy of one matters little."""
    for start in range(0, rows.num_rows, _ROWS):
        yield rows.slice(start, _ROWS)


def _without(rows: pa.Table, column: str, deleted: Mapping[str, int]) -> tuple[pa.Table, int]:
    """The rows but those that a later delete names."""
    if not deleted or not rows.num_rows:
        return rows, 0
    names = pa.array(list(deleted), pa.large_string())
    turns = np.fromiter(deleted.values(), np.int64, len(deleted))
    at = _numbers(pc.fill_null(pc.index_in(rows[column], value_set=names), -1))
    goes = (at >= 0) & (_numbers(rows["turn"]) < turns[at])
    return (rows.filter(pa.array(~goes)) if goes.any() else rows), int(goes.sum())


def _merged(rows: pa.Table) -> pa.Table:
    """One row an id: of each column what was stated last, in the place of the last."""
    count = rows.num_rows
    if pc.count_distinct(rows["id"]).as_py() < count:
        encoded = pc.dictionary_encode(rows["id"]).combine_chunks()
        codes = _numbers(encoded.indices)
        most = int(codes.max()) + 1
        order = np.arange(count)
        columns = {}
        for name in rows.column_names:
            last = np.full(most, -1)
            valid = ~_numbers(pc.is_null(rows[name]))
            last[codes[valid]] = order[valid]
            taken = pa.array(last, mask=last < 0)
            columns[name] = rows[name].take(taken)
        rows = pa.table(columns)
    for name in ("name", "vendor_name", "model", "network"):
        if name in rows.column_names:
            at = rows.column_names.index(name)
            column = pc.if_else(
                pc.equal(rows[name], ERASED), pa.scalar(None, pa.string()), rows[name]
            )
            rows = rows.set_column(at, name, column)
    for name in ("latitude_deg", "longitude_deg"):
        if name in rows.column_names:
            at = rows.column_names.index(name)
            column = pc.if_else(pc.is_nan(rows[name]), pa.scalar(None, pa.float64()), rows[name])
            rows = rows.set_column(at, name, column)
    return rows


def _numbers(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = (
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    )
    return found
