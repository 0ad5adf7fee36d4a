"""CloudEvents of TEIV, and the answers of its REST interface, put into the ledger.

Known are one event, a list of them, one after another with or without a line each, and an event or
answer that is itself too long for memory. An event's `type` ends in create, merge, delete or
source-entity-delete, whatever stands before (`ran-logical-topology`, `topology-inventory-
ingestion`). An answer is read as if it created what it lists.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET

from ringfence.sources.json_files import JsonReader, Slice
from ringfence.sources.teiv.facts import Attributes
from ringfence.sources.teiv.ledger import Aside, HandlesNeededError, Ledger
from ringfence.sources.teiv.places import (
    BARE,
    ENTITIES,
    ITEMS,
    RELATIONSHIPS,
    SECTIONS,
    EventPlaces,
    spots,
)
from ringfence.sources.teiv.stores import (
    EntityStore,
    Record,
    RelationshipStore,
    SourcedRecord,
)

__all__ = ["read_events"]

_NONE: Final = msgspec.Raw(b"")
_EMPTY: Final = (b"", b"null")

R = TypeVar("R", bound=Record)


class _Data(msgspec.Struct, Generic[R], gc=False):
    entities: list[dict[str, list[R]]] | None = None
    relationships: list[dict[str, list[R]]] | None = None
    type: str | None = None
    value: str | None = None


class _Event(msgspec.Struct, Generic[R], gc=False):
    type: str | None = None
    specversion: msgspec.Raw = _NONE
    data: _Data[R] | None = None
    items: list[dict[str, list[R]]] | None = None


class _LooseRecord(msgspec.Struct, gc=False):
    id: str | None = None
    attributes: msgspec.Raw = _NONE
    sourceIds: Any = UNSET  # noqa: N815  # the format's own names
    aSide: str | None = None  # noqa: N815
    bSide: str | None = None  # noqa: N815
    siteLocation: Any = UNSET  # noqa: N815
    siteName: Any = UNSET  # noqa: N815


class _LooseData(msgspec.Struct, gc=False):
    entities: msgspec.Raw = _NONE
    relationships: msgspec.Raw = _NONE


class _LooseEvent(msgspec.Struct, gc=False):
    type: str | None = None
    specversion: msgspec.Raw = _NONE
    data: msgspec.Raw = _NONE
    data_base64: msgspec.Raw = _NONE
    items: msgspec.Raw = _NONE


@dataclass(frozen=True, slots=True)
class _Decoders(Generic[R]):
    """What reads a file whose records are of one sort."""

    event: msgspec.json.Decoder[_Event[R]]
    events: msgspec.json.Decoder[list[_Event[R]]]
    groups: msgspec.json.Decoder[list[dict[str, list[R]]]]
    records: msgspec.json.Decoder[list[R]]


_plain: Final = _Decoders(
    msgspec.json.Decoder(_Event[Record]),
    msgspec.json.Decoder(list[_Event[Record]]),
    msgspec.json.Decoder(list[dict[str, list[Record]]]),
    msgspec.json.Decoder(list[Record]),
)
_sourced: Final = _Decoders(
    msgspec.json.Decoder(_Event[SourcedRecord]),
    msgspec.json.Decoder(list[_Event[SourcedRecord]]),
    msgspec.json.Decoder(list[dict[str, list[SourcedRecord]]]),
    msgspec.json.Decoder(list[SourcedRecord]),
)
_loose_record = msgspec.json.Decoder(_LooseRecord)
_loose_event = msgspec.json.Decoder(_LooseEvent)
_loose_data = msgspec.json.Decoder(_LooseData)
_source_delete = msgspec.json.Decoder(_Data[Record])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_attributes = msgspec.json.Decoder(Attributes)

_Problem = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_events(path: Path, ledger: Ledger, *, window: int | None = None) -> None:
    """Read a file of events or answers; raises `SourceError` where it holds neither."""
    with JsonReader(path, window=window) if window else JsonReader(path) as reader:
        reading = _Reading(reader, ledger)
        if ledger.keeps_handles:
            reading.all(_sourced)
        else:
            reading.all(_plain)


class _Reading:
    """One pass over a file."""

    def __init__(self, reader: JsonReader, ledger: Ledger) -> None:
        self._reader = reader
        self._ledger = ledger
        self._places = EventPlaces()
        self._number = 0
        self._has_event = False
        self._kind: str | None = None
        self._deletes = False
        self._unknown_action: str | None = None
        ledger.places = self._places

    def all(self, decoders: _Decoders[R]) -> None:
        reader = self._reader
        opening = reader.peek()
        if opening == b"[":
            self._places.is_list = True
            for found in reader.slices(decoders.events):
                self._several(found, found.first, decoders)
            if reader.peek():
                raise reader.fault("something stands after the end of the list")
        elif opening == b"{":
            for found in reader.values(decoders.event):
                self._several(found, found.line, decoders)
        else:
            raise reader.fault("it is no JSON of events")
        self._ledger.flush(least=1)
        if not self._has_event:
            raise reader.fault(
                "no event or answer of TEIV is in it",
                "save events with their type and data, or REST answers whole",
            )

    def _several(self, found: Slice[_Event[R]], first: int, decoders: _Decoders[R]) -> None:
        """Events that follow one another, of which the first has the number `first`."""
        if found.values is not None:
            raws: list[msgspec.Raw] | None = None
            for index, event in enumerate(found.values):
                self._number = first + index
                if event.data is not None and event.type is not None:
                    self._event(event.type, event.data)
                elif event.items is not None and event.data is None:
                    self._begin("create")
                    self._groups(event.items, ITEMS)
                else:
                    raws = found.each() if raws is None else raws
                    self._loose(bytes(raws[index]))
        elif found.raws is not None:
            for index, raw in enumerate(found.raws):
                self._number = first + index
                self._loose(bytes(raw))
        else:
            self._number = first
            self._long(decoders)
        self._ledger.flush()

    def _event(self, kind: str, data: _Data[R]) -> None:
        if self._begin(kind):
            before = self._ledger.records
            if data.entities:
                self._groups(data.entities, ENTITIES)
            if data.relationships:
                self._groups(data.relationships, RELATIONSHIPS)
            if self._ledger.records == before:
                self._names_nothing()
        else:
            self._lose(data.type, data.value)

    def _begin(self, kind: str) -> bool:
        """Set what is done with the records of an event; False where it deletes by source."""
        self._has_event = True
        self._ledger.begin(self._number)
        if kind == self._kind:
            return True
        self._kind = None
        action = kind.rpartition(".")[2]
        self._deletes = action == "delete"
        self._unknown_action = None
        if action == "source-entity-delete":
            return False
        if action not in ("create", "merge", "delete"):
            self._unknown_action = (
                f"an event of the type {kind[:80]!r}, which is none of create, merge and delete"
            )
        self._kind = kind
        return True

    def _lose(self, kind: str | None, value: str | None) -> None:
        """Take away all that came from one source."""
        place = self._event_place()
        if not self._ledger.keeps_handles:
            raise HandlesNeededError
        if kind is None or value is None:
            self._ledger.fault(place, "a source-entity-delete without its type or value")
        elif kind.lower() != "cmhandle":
            reason = f"a source-entity-delete of {kind[:80]!r}; TEIV knows cmHandle alone"
            self._ledger.fault(place, reason)
        else:
            self._ledger.lost_sources[value.removeprefix("/")] = self._ledger.turn
            reason = "a delete: it took away what came from a source, if there was any"
            self._ledger.set_aside(reason, place, 1)

    def _groups(
        self, groups: Iterable[Mapping[str, Sequence[R]]], section: int, first: int = 0
    ) -> None:
        """Put groups into the ledger, from the one of number `first` of its list on."""
        ledger = self._ledger
        turn, kinds = ledger.turn, ledger.kinds if self._adds() else {}
        counted = 0
        for spot, group in zip(spots(section, first), groups, strict=False):
            for name, records in group.items():
                # Written out for what most groups hold: a call for each would take as long again.
                kind = kinds.get(name)
                if kind is None:
                    self._several_records(name, records, spot, 0)
                elif not isinstance(kind, Aside):
                    if records:
                        waiting = kind.waiting
                        waiting.runs.append((records, turn, spot, 0))
                        waiting.rows += len(records)
                        counted += len(records)
                elif kind.rows:
                    kind.rows += len(records)
                    counted += len(records)
                else:
                    self._several_records(name, records, spot, 0)
        ledger.records += counted

    def _adds(self) -> bool:
        """Whether records are kept as they are, not for a delete or a fault."""
        return self._unknown_action is None and not self._deletes

    def _several_records(self, name: str, records: Sequence[Record], spot: int, first: int) -> None:
        """Put the records of one type into the ledger."""
        ledger = self._ledger
        kind = ledger.kind(name)
        if self._unknown_action is not None:
            for index, _ in enumerate(records, first):
                self._fault(spot, name, index, self._unknown_action)
        elif isinstance(kind, Aside):
            if records:
                ledger.set_aside(kind.reason, self._place(spot, name, first), len(records))
        elif self._deletes:
            self._delete(kind, records, spot, first)
        elif records:
            ledger.keep(kind, records, spot, first)

    def _delete(
        self,
        kind: EntityStore | RelationshipStore,
        records: Sequence[Record],
        spot: int,
        first: int,
    ) -> None:
        for index, record in enumerate(records, first):
            if not record.id:
                self._fault(spot, kind.name, index, "a delete without an id")
                continue
            kind.deleted[record.id] = self._ledger.turn
            reason = "a delete: it took away what was there before, if it was"
            self._ledger.set_aside(reason, self._place(spot, kind.name, index), 1)

    def _loose(self, raw: bytes) -> None:
        """Read what is odd part by part, so that a faulty part does not lose the others."""
        place = self._event_place()
        try:
            event = _loose_event.decode(raw)
        except _Problem:
            self._ledger.fault(place, _no_event(raw), raw)
            return
        if bytes(event.items) not in _EMPTY and bytes(event.data) in _EMPTY:
            self._begin("create")
            self._loose_groups(bytes(event.items), ITEMS)
            return
        if bytes(event.data_base64) and bytes(event.data) in _EMPTY:
            self._has_event = True
            reason = "its data is in base64, which TEIV does not write"
            self._ledger.fault(place, reason, raw)
            return
        if event.type is None or bytes(event.data) in _EMPTY:
            if event.type is not None or bytes(event.specversion):
                self._has_event = True
                missing = "type" if event.type is None else "data"
                self._ledger.fault(place, f"an event without its {missing}", raw)
            else:
                self._bare_groups(raw)
            return
        if not self._begin(event.type):
            try:
                data = _source_delete.decode(event.data)
            except _Problem:
                self._ledger.fault(place, "a source-entity-delete of the wrong form", raw)
            else:
                self._lose(data.type, data.value)
            return
        self._loose_data(event.data, raw)

    def _loose_data(self, of: msgspec.Raw, raw: bytes) -> None:
        try:
            data = _loose_data.decode(of)
        except _Problem:
            self._ledger.fault(self._event_place(), "its data is no object", raw)
            return
        before = self._ledger.records
        for section, groups in ((ENTITIES, data.entities), (RELATIONSHIPS, data.relationships)):
            if bytes(groups) not in _EMPTY:
                self._loose_groups(bytes(groups), section)
        if self._ledger.records == before:
            self._names_nothing()

    def _names_nothing(self) -> None:
        reason = "an event names neither entities nor relationships"
        self._ledger.set_aside(reason, self._event_place(), 1)

    def _bare_groups(self, raw: bytes) -> None:
        """One group alone, as REST answers for a single entity."""
        try:
            keys = _object.decode(raw).keys()
        except _Problem:
            self._ledger.fault(self._event_place(), "no object of types with their records", raw)
            return
        if not keys or not all(":" in key for key in keys):
            self._ledger.fault(self._event_place(), _no_event(raw), raw)
            return
        if not all(isinstance(self._ledger.kind(key), Aside) for key in keys):
            self._begin("create")
        else:
            self._unknown_action, self._deletes, self._kind = None, False, None
        self._loose_group(raw, next(spots(BARE)))

    def _loose_groups(self, raw: bytes, section: int) -> None:
        try:
            groups = _list.decode(raw)
        except _Problem:
            place = f"{self._event_place()}{SECTIONS[section]}"
            self._ledger.fault(place, "no list of entities or relationships", raw)
            return
        for spot, group in zip(spots(section), groups, strict=False):
            self._loose_group(bytes(group), spot)

    def _loose_group(self, raw: bytes, spot: int) -> None:
        try:
            group: Mapping[str, msgspec.Raw] = _object.decode(raw)
        except _Problem:
            place = self._places.group(self._number, spot)
            self._ledger.fault(place, "no object of types with their records", raw)
            return
        for name, records in group.items():
            try:
                raws = _list.decode(records)
            except _Problem:
                self._no_list(name, spot, bytes(records))
                continue
            for index, one in enumerate(raws):
                self._loose_record(name, bytes(one), spot, index)

    def _no_list(self, name: str, spot: int, raw: bytes = b"") -> None:
        place = f"{self._places.group(self._number, spot)}.{_short(name)}"
        self._ledger.fault(place, "no list of records", raw)

    def _loose_record(self, name: str, raw: bytes, spot: int, index: int) -> None:
        try:
            loose = _loose_record.decode(raw)
        except _Problem as error:
            reason = "no record: " + (
                str(error) if isinstance(error, msgspec.ValidationError) else "it is not UTF-8"
            )
            self._fault(spot, name, index, reason, raw)
            return
        record = SourcedRecord(loose.id, aSide=loose.aSide, bSide=loose.bSide)
        record.siteName, record.siteLocation = loose.siteName, loose.siteLocation
        record.sourceIds = loose.sourceIds
        if loose.attributes is not _NONE and loose.id and self._adds():
            try:
                record.attributes = _attributes.decode(loose.attributes)
            except _Problem:
                if isinstance(self._ledger.kind(name), EntityStore):
                    content = bytes(loose.attributes)
                    self._fault(spot, name, index, "its attributes are no object", content)
                    return
        self._several_records(name, [record], spot, index)

    def _long(self, decoders: _Decoders[R]) -> None:
        """Read an event or answer that is too long for memory."""
        reader = self._reader
        if reader.peek() != b"{":
            raise reader.fault("something in it is longer than any event, and is none")
        kind: str | None = None
        has_data = False
        for key in reader.members():
            if key == "type":
                kind = _text(reader.whole())
            elif key == "data" and reader.peek() == b"{":
                kind = kind if kind is not None else _text(reader.later("type"))
                if kind is None:
                    raise reader.fault("an event without its type")
                self._long_data(kind, decoders)
                has_data = True
            elif key == "items" and reader.peek() == b"[":
                self._begin("create")
                self._long_groups(ITEMS, decoders)
                has_data = True
            else:
                reader.skip()
        if not has_data:
            raise reader.fault("neither an event nor an answer of TEIV, and too long for a record")

    def _long_data(self, kind: str, decoders: _Decoders[R]) -> None:
        reader = self._reader
        if not self._begin(kind):
            raise reader.fault("a source-entity-delete that is too long for one")
        sections = {"entities": ENTITIES, "relationships": RELATIONSHIPS}
        for key in reader.members():
            if key in sections and reader.peek() == b"[":
                self._long_groups(sections[key], decoders)
            else:
                reader.skip()

    def _long_groups(self, section: int, decoders: _Decoders[R]) -> None:
        reader = self._reader
        for found in reader.slices(decoders.groups):
            at = spots(section, found.first)
            if found.values is not None:
                self._groups(found.values, section, found.first)
            elif found.raws is not None:
                for spot, raw in zip(at, found.raws, strict=False):
                    self._loose_group(bytes(raw), spot)
            elif reader.peek() != b"{":
                raise reader.fault("something is longer than any record where types should be")
            else:
                spot = next(at)
                for name in reader.members():
                    self._long_records(name, spot, decoders)
            self._ledger.flush()

    def _long_records(self, name: str, spot: int, decoders: _Decoders[R]) -> None:
        reader = self._reader
        if reader.peek() != b"[":
            self._no_list(name, spot)
            reader.skip()
            return
        for found in reader.slices(decoders.records):
            if found.values is not None:
                self._several_records(name, found.values, spot, found.first)
            else:
                for index, raw in enumerate(found.raws or (), found.first):
                    self._loose_record(name, bytes(raw), spot, index)
            self._ledger.flush()

    def _fault(self, spot: int, name: str, index: int, reason: str, content: bytes = b"") -> None:
        self._ledger.fault(self._place(spot, name, index), reason, content, (spot, index))

    def _event_place(self) -> str:
        return self._places.event(self._number)

    def _place(self, spot: int, name: str, index: int) -> str:
        return f"{self._places.group(self._number, spot)}.{_short(name)}[{index}]"


def _short(name: str) -> str:
    """A type's name for a place, without its module."""
    return name.rpartition(":")[2][:80]


def _text(raw: bytes | None) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str) if raw else None
    except _Problem:
        return None


def _no_event(raw: bytes) -> str:
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except _Problem:
        return "no well formed JSON"
    return "neither an event nor an answer of TEIV"
