"""Entities and relationships, from records as they were decoded to columns.

Records wait until there are some of a type, and become columns together: that is cheap, and a file
of millions of records is kept as Arrow tables, not as objects.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, UnsetType

from ringfence.errors import SourceError
from ringfence.sources.teiv.facts import Attributes, facts_of
from ringfence.sources.teiv.standing import HASH, Standing
from ringfence.sources.teiv.types import Entity, Relationship

__all__ = [
    "WAITING_ROWS",
    "EntityStore",
    "Faulty",
    "Record",
    "RelationshipStore",
    "SourcedRecord",
    "keys_of",
]

WAITING_ROWS: Final = 1024
"""So many records wait to become columns: few enough to stay in the processor's cache."""

_HANDLE_MARK: Final = "urn:cmHandle:"
_NOTHING_SAID: Final = Attributes()
_PLACE: Final = {"turn": pa.uint32(), "spot": pa.int64(), "index": pa.uint32()}


class Record(msgspec.Struct, gc=False):
    """An entity or relationship, of which the format's own names say what each field is."""

    id: str | None = None
    attributes: Attributes | UnsetType = UNSET
    aSide: str | None = None  # noqa: N815
    bSide: str | None = None  # noqa: N815
    # TEIV's physical module states these two beside the attributes.
    siteLocation: Any = UNSET  # noqa: N815
    siteName: Any = UNSET  # noqa: N815


class SourcedRecord(Record, gc=False):
    """A record with what it came from, which few files need to be known."""

    sourceIds: Any = UNSET  # noqa: N815


def keys_of(prefix: str, identifiers: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Keys of things of which the file states these ids."""
    text = pa.string()
    return pc.binary_join_element_wise(pa.scalar(prefix, text), identifiers, pa.scalar("", text))


Faulty = Callable[[int, int, int, str], None]
"""Told of a record's turn, spot and index, and what is wrong with it."""


@dataclass(slots=True)
class _Waiting:
    """Records as they were read: of each list the turn, the spot and the first one's index.

    `done` are those that have become columns.
    """

    rows: int = 0
    runs: list[tuple[Sequence[Record], int, int, int]] = field(default_factory=list)
    done: list[pa.Table] = field(default_factory=list)

    def records(self) -> tuple[list[Record], dict[str, pa.Array]]:
        """The records that wait, and their places; they wait no longer."""
        lists, *numbers = zip(*self.runs, strict=True)
        try:
            turns, spots, indexes = map(_numbers, numbers, _PLACE.values())
        except (pa.ArrowInvalid, OverflowError):
            raise SourceError("it holds more events or groups than can be counted") from None
        records = list(chain.from_iterable(lists))
        if len(records) != len(lists):
            counts = np.fromiter(map(len, lists), np.int64, len(lists))
            runs = np.repeat(np.arange(len(lists)), counts)
            turns, spots = turns.take(pa.array(runs)), spots.take(pa.array(runs))
            before = np.cumsum(counts) - counts - indexes.to_numpy()
            indexes = pa.array((np.arange(len(records)) - before[runs]).astype(np.uint32))
        self.runs.clear()
        self.rows = 0
        return records, {"turn": turns, "spot": spots, "index": indexes}

    def end(self, identifiers: Sequence[str | None], columns: Mapping[str, pa.Array]) -> None:
        """Keep what has become columns."""
        hashes = pa.array(list(map(hash, identifiers)), pa.int64())
        self.done.append(pa.table({HASH: hashes, **columns}))

    def taken(self) -> Standing:
        """All rows; none are left here."""
        standing = Standing(self.done)
        self.done.clear()
        return standing


@dataclass(slots=True)
class EntityStore:
    """The entities of one type.

    A caller in a hurry appends to `waiting` by itself; `flush` must follow once many wait. In
    columns an id is a key: it begins with `prefix`.
    """

    entity: Entity
    prefix: str
    keeps_handles: bool = False
    deleted: dict[str, int] = field(default_factory=dict)
    waiting: _Waiting = field(default_factory=_Waiting)

    @property
    def name(self) -> str:
        """The type's name."""
        return self.entity.type

    def flush(self, faulty: Faulty) -> None:
        """Make columns of the records that wait."""
        if not self.waiting.runs:
            return
        records, columns = self.waiting.records()
        identifiers = [record.id for record in records]
        if not all(identifiers):
            sound = list(map(bool, identifiers))
            for turn, spot, index in _unsound(columns, sound):
                faulty(turn, spot, index, "an entity without an id")
            records, columns = _sound(records, columns, sound)
            identifiers = [record.id for record in records]
        columns |= _facts(records)
        columns["id"] = keys_of(self.prefix, pa.array(identifiers, pa.string()))
        if self.keeps_handles:
            columns["handles"] = pa.array(map(_handles, records), pa.string())
        self.waiting.end(identifiers, columns)

    def settled(self, lost_sources: Mapping[str, int]) -> tuple[Standing, int]:
        """What stands at the end, and how many records were taken away again.

        None may wait. `lost_sources` says of a cmHandle in which turn all that came from it was
        deleted. A fact of which nothing is stated is no column.
        """
        if lost_sources:
            for part in self.waiting.done:
                self._lose(part, lost_sources)
        standing = self.waiting.taken()
        gone = standing.lose("id", self.deleted_keys())
        standing.merge()
        return standing, gone

    def deleted_keys(self) -> dict[str, int]:
        """The turn of the last delete of each key."""
        return {f"{self.prefix}{name}": turn for name, turn in self.deleted.items()}

    def _lose(self, rows: pa.Table, lost: Mapping[str, int]) -> None:
        columns = (rows[name].to_pylist() for name in ("id", "turn", "handles"))
        for key, turn, handles in zip(*columns, strict=True):
            identifier = key.removeprefix(self.prefix)
            for handle in (handles or "").split("\n"):
                lost_in = lost.get(handle, -1)
                if turn < lost_in:
                    before = self.deleted.get(identifier, -1)
                    self.deleted[identifier] = max(before, lost_in)


@dataclass(slots=True)
class RelationshipStore:
    """The relationships of one name; as with entities, `flush` once many wait."""

    relationship: Relationship
    prefix: str
    deleted: dict[str, int] = field(default_factory=dict)
    waiting: _Waiting = field(default_factory=_Waiting)

    @property
    def name(self) -> str:
        """The relationship's name."""
        return self.relationship.name

    def flush(self, faulty: Faulty) -> None:
        """Make columns of the records that wait."""
        if not self.waiting.runs:
            return
        records, columns = self.waiting.records()
        sides = _sides(records)
        if not all(map(all, sides)):
            sound = list(map(all, zip(*sides, strict=True)))
            for record, place in zip(
                (record for record, is_sound in zip(records, sound, strict=True) if not is_sound),
                _unsound(columns, sound),
                strict=True,
            ):
                faulty(*place, _incomplete(record))
            records, columns = _sound(records, columns, sound)
            sides = _sides(records)
        for name, side in zip(("id", "a_side", "b_side"), sides, strict=True):
            columns[name] = keys_of(self.prefix, pa.array(side, pa.string()))
        self.waiting.end(sides[0], columns)

    def settled(self, entities: Mapping[str, EntityStore]) -> tuple[Standing, int]:
        """What stands at the end, and how many records were taken away again.

        None may wait. The entities must be settled before: a relationship goes with either of the
        two it joins.
        """
        standing = self.waiting.taken()
        gone = standing.lose("id", {f"{self.prefix}{k}": turn for k, turn in self.deleted.items()})
        for column, side in (
            ("a_side", self.relationship.a_side),
            ("b_side", self.relationship.b_side),
        ):
            if side.type in entities:
                gone += standing.lose(column, entities[side.type].deleted_keys())
        standing.merge()
        return standing, gone


def _numbers(values: Sequence[int], kind: pa.DataType) -> pa.Array:
    if values.count(values[0]) == len(values):
        return pa.repeat(pa.scalar(values[0], kind), len(values))
    return pa.array(values, kind)


def _facts(records: Sequence[Record]) -> dict[str, pa.Array]:
    """What the attributes of entities say, if anything."""
    for record in records if _has_any(records, "siteName", "siteLocation") else ():
        if record.siteName is UNSET and record.siteLocation is UNSET:
            continue
        attributes = record.attributes if record.attributes is not UNSET else Attributes()
        if record.siteName is not UNSET:
            attributes.siteName = record.siteName
        if record.siteLocation is not UNSET:
            attributes.siteLocation = record.siteLocation
        record.attributes = attributes
    if not _has_any(records, "attributes"):
        return {}
    stated = [record.attributes for record in records]
    return facts_of([_NOTHING_SAID if of is UNSET else of for of in stated])


def _has_any(records: Sequence[Record], *names: str) -> bool:
    return any(of is not UNSET for name in names for of in map(attrgetter(name), records))


def _sides(records: Sequence[Record]) -> tuple[list[str | None], ...]:
    return (
        [record.id for record in records],
        [record.aSide for record in records],
        [record.bSide for record in records],
    )


def _incomplete(record: Record) -> str:
    missing = [
        name
        for name, value in (("id", record.id), ("aSide", record.aSide), ("bSide", record.bSide))
        if not value
    ]
    return f"a relationship without {' and '.join(missing)}"


def _handles(record: Record) -> str | None:
    """The cmHandles among an entity's sources, a line each."""
    sources = record.sourceIds if isinstance(record, SourcedRecord) else UNSET
    found = [
        source.partition(_HANDLE_MARK)[2].removeprefix("/")
        for source in (sources if isinstance(sources, list) else [sources])
        if isinstance(source, str) and _HANDLE_MARK in source
    ]
    return "\n".join(found) if found else None


def _unsound(
    columns: Mapping[str, pa.Array], sound: Sequence[bool]
) -> Iterator[tuple[int, int, int]]:
    mask = pc.invert(pa.array(sound))
    turns, spots, indexes = (columns[name].filter(mask).to_pylist() for name in _PLACE)
    return zip(turns, spots, indexes, strict=True)


def _sound(
    records: Sequence[Record], columns: Mapping[str, pa.Array], sound: Sequence[bool]
) -> tuple[list[Record], dict[str, pa.Array]]:
    mask = pa.array(sound)
    kept = [record for record, is_sound in zip(records, sound, strict=True) if is_sound]
    return kept, {name: column.filter(mask) for name, column in columns.items()}
