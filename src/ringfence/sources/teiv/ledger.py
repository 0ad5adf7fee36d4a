"""What a file says of each entity and relationship, counted and kept until it can be settled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from ringfence.sources.base import Reject
from ringfence.sources.teiv.places import EventPlaces, Places
from ringfence.sources.teiv.stores import (
    WAITING_ROWS,
    EntityStore,
    Record,
    RelationshipStore,
)
from ringfence.sources.teiv.types import (
    Entity,
    Relationship,
    entity_of,
    relationship_of,
)

__all__ = ["Aside", "HandlesNeededError", "Ledger"]

_LISTED = 10_000
"""So many faulty records are listed one by one; the rest are counted by their reason."""

_LAST = (1 << 63, 0)


@dataclass(slots=True)
class Aside:
    """Records of one sort that become no row: why, how many, and where the first was."""

    reason: str
    place: str = ""
    rows: int = 0


class HandlesNeededError(Exception):
    """The file deletes by cmHandle, and they were not kept: it must be read once more."""


@dataclass(slots=True)
class Ledger:
    """Everything read so far. `turn` numbers the events, so that a delete knows what was before.

    Who reads a file sets `places` to how its places are written, and at its end lets all that
    waits become columns: `flush(least=1)`.

    The cmHandles that entities came from are kept only if asked for: few files delete by them.
    """

    prefix: str = ""
    keeps_handles: bool = False
    places: Places = field(default_factory=EventPlaces)
    turn: int = 0
    records: int = 0
    entities: dict[str, EntityStore] = field(default_factory=dict)
    relationships: dict[str, RelationshipStore] = field(default_factory=dict)
    lost_sources: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, EntityStore | RelationshipStore | Aside] = field(default_factory=dict)
    _aside: dict[str, Aside] = field(default_factory=dict)
    _faults: list[tuple[tuple[int, int, int], Reject]] = field(default_factory=list)
    _more_faults: dict[str, Aside] = field(default_factory=dict)

    def kind(self, qualified: str) -> EntityStore | RelationshipStore | Aside:
        """Where records of a type, `module:Name`, are kept."""
        found = self.kinds.get(qualified)
        if found is None:
            found = self.kinds[qualified] = self._kind_of(qualified)
        return found

    def _kind_of(self, qualified: str) -> EntityStore | RelationshipStore | Aside:
        entity = entity_of(qualified)
        if entity is not None:
            return self.of_entity(entity)
        relationship = relationship_of(qualified)
        if relationship is not None:
            return self.of_relationship(relationship)
        return self.aside(f"{qualified[:120]} is no type of TEIV's modules")

    def of_entity(self, entity: Entity) -> EntityStore | Aside:
        """Where entities of a type are kept."""
        if entity.becomes is None:
            return self.aside(f"{entity.type} has no place in the model")
        return self.entities.setdefault(
            entity.type, EntityStore(entity, self.prefix, self.keeps_handles)
        )

    def of_relationship(self, relationship: Relationship) -> RelationshipStore | Aside:
        """Where relationships of a name are kept."""
        if relationship.becomes is None:
            return self.aside(f"{relationship.name} has no place in the model")
        store = RelationshipStore(relationship, self.prefix)
        return self.relationships.setdefault(relationship.name, store)

    def aside(self, reason: str) -> Aside:
        """Where records that become no row for a reason are counted."""
        return self._aside.setdefault(reason, Aside(reason))

    def set_aside(self, reason: str, place: str, rows: int) -> None:
        """Count records that are sound and become no row."""
        aside = self.aside(reason)
        aside.place = aside.place or place
        aside.rows += rows
        self.records += rows

    def fault(
        self, place: str, reason: str, content: bytes = b"", within: tuple[int, int] = _LAST
    ) -> None:
        """List a record that is wrong; `within` an event, it has this spot and index."""
        self.records += 1
        self._list((self.turn, *within), place, reason, content)

    def _list(
        self, at: tuple[int, int, int], place: str, reason: str, content: bytes = b""
    ) -> None:
        if len(self._faults) < _LISTED:
            text = bytes(content[:400]).decode("utf-8", "replace") or None
            self._faults.append((at, Reject(place, reason, content=text)))
        else:
            self._more_faults.setdefault(reason, Aside(reason, place)).rows += 1

    def begin(self, number: int) -> None:
        """Go on to the event, or row of a dump, that has this number in the file."""
        self.turn = self.places.begin(number)

    def keep(
        self,
        store: EntityStore | RelationshipStore,
        records: Sequence[Record],
        spot: int,
        first: int = 0,
    ) -> None:
        """Keep the records of one list, from the one of index `first` on."""
        store.waiting.runs.append((records, self.turn, spot, first))
        store.waiting.rows += len(records)
        self.records += len(records)

    def flush(self, *, least: int = WAITING_ROWS) -> None:
        """Make columns of what waits, where it is at least so many records of one type."""
        stores: list[EntityStore | RelationshipStore] = [*self.entities.values()]
        for store in [*stores, *self.relationships.values()]:
            if store.waiting.rows >= least:
                self._flush(store)

    def _flush(self, store: EntityStore | RelationshipStore) -> None:
        def faulty(turn: int, spot: int, index: int, reason: str) -> None:
            place = self.places.text(turn, spot, index, store.name)
            self._list((turn, spot, index), place, reason)

        store.flush(faulty)

    def rejects(self) -> Iterator[Reject]:
        """What became no row while reading, faults in the order of the file; none may wait."""
        yield from (reject for _, reject in sorted(self._faults, key=itemgetter(0)))
        for more in self._more_faults.values():
            yield Reject(more.place, more.reason, rows=more.rows)
        for aside in self._aside.values():
            if aside.rows:
                yield Reject(aside.place, aside.reason, kind="set aside", rows=aside.rows)
