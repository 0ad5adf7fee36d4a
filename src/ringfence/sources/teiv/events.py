"""CloudEvents of TEIV, and the answers of its REST interface, put into the ledger.

Known are one event, a list of them, one after another with or without a line each, and an event or
answer that is itself too long for memory. An event's `type` ends in create, merge, delete or
source-entity-delete, whatever stands before (`ran-logical-topology`, `topology-inventory-
ingestion`). An answer is read as if it created what it lists.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ringfence.sources.json_files import JsonReader, Slice
from ringfence.sources.teiv.facts import Attributes, facts_of
from ringfence.sources.teiv.ledger import Aside, HandlesNeededError, Ledger
from ringfence.sources.teiv.stores import NO_FACTS, EntityStore, Facts, RelationshipStore

__all__ = ["read_events"]

_HANDLE_MARK: Final = b"urn:cmHandle:"
_NONE: Final = msgspec.Raw(b"")
_EMPTY: Final = (b"", b"null")


class _Record(msgspec.Struct, gc=False):
    id: str | None = None
    attributes: msgspec.Raw = _NONE
    sourceIds: msgspec.Raw = _NONE  # noqa: N815  # the format's own name
    aSide: str | None = None  # noqa: N815
    bSide: str | None = None  # noqa: N815
    siteLocation: msgspec.Raw = _NONE  # noqa: N815
    siteName: msgspec.Raw = _NONE  # noqa: N815


_Group = dict[str, list[_Record]]


class _Data(msgspec.Struct, gc=False):
    entities: list[_Group] | None = None
    relationships: list[_Group] | None = None
    type: str | None = None
    value: str | None = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    specversion: msgspec.Raw = _NONE
    data: _Data | None = None
    items: list[_Group] | None = None


class _LooseData(msgspec.Struct, gc=False):
    entities: msgspec.Raw = _NONE
    relationships: msgspec.Raw = _NONE


class _LooseEvent(msgspec.Struct, gc=False):
    type: str | None = None
    specversion: msgspec.Raw = _NONE
    data: msgspec.Raw = _NONE
    data_base64: msgspec.Raw = _NONE
    items: msgspec.Raw = _NONE


_event = msgspec.json.Decoder(_Event)
_events = msgspec.json.Decoder(list[_Event])
_groups = msgspec.json.Decoder(list[_Group])
_records = msgspec.json.Decoder(list[_Record])
_record = msgspec.json.Decoder(_Record)
_loose_event = msgspec.json.Decoder(_LooseEvent)
_loose_data = msgspec.json.Decoder(_LooseData)
_source_delete = msgspec.json.Decoder(_Data)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_attributes = msgspec.json.Decoder(Attributes)

_Problem = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_events(path: Path, ledger: Ledger, *, window: int | None = None) -> None:
    """Read a file of events or answers; raises `SourceError` where it holds neither."""
    with JsonReader(path, window=window) if window else JsonReader(path) as reader:
        _Reading(reader, ledger).all()


class _Reading:
    """One pass over a file."""

    def __init__(self, reader: JsonReader, ledger: Ledger) -> None:
        self._reader = reader
        self._ledger = ledger
        self._has_event = False
        self._deletes = False
        self._unknown_action: str | None = None

    def all(self) -> None:
        reader = self._reader
        opening = reader.peek()
        if opening == b"[":
            for found in reader.slices(_events):
                self._several(found, lambda found, i: f"$[{found.first + i}]")
            if reader.peek():
                raise reader.fault("something stands after the end of the list")
        elif opening == b"{":
            one_alone = "$"
            for found in reader.values(_event):
                self._several(found, lambda found, _: f"{found.line}:{one_alone}")
        else:
            raise reader.fault("it is no JSON of events")
        if not self._has_event:
            raise reader.fault(
                "no event or answer of TEIV is in it",
                "save events with their type and data, or REST answers whole",
            )

    def _several(self, found: Slice[_Event], place: Any) -> None:
        if found.values is not None:
            raw = found.raws[0] if found.raws is not None else None
            for index, event in enumerate(found.values):
                self._event(event, place(found, index), raw)
        elif found.raws is not None:
            for index, raw in enumerate(found.raws):
                self._loose(bytes(raw), place(found, index))
        else:
            self._long(place(found, 0))

    def _event(self, event: _Event, place: str, raw: msgspec.Raw | None) -> None:
        if event.items is not None and event.data is None:
            self._begin("create")
            self._groups(event.items, f"{place}.items", 0)
        elif event.type is None or event.data is None:
            self._odd(event, place, raw)
        elif self._begin(event.type):
            data, before = event.data, self._ledger.records
            if data.entities:
                self._groups(data.entities, f"{place}.data.entities", 0)
            if data.relationships:
                self._groups(data.relationships, f"{place}.data.relationships", 0)
            if self._ledger.records == before:
                reason = "an event names neither entities nor relationships"
                self._ledger.set_aside(reason, place, 1)
        else:
            self._lose(event.data, place)

    def _begin(self, kind: str) -> bool:
        """Set what is done with the records of an event; False where it deletes by source."""
        self._has_event = True
        self._ledger.turn += 1
        action = kind.rpartition(".")[2]
        self._deletes = action == "delete"
        self._unknown_action = None
        if action == "source-entity-delete":
            return False
        if action not in ("create", "merge", "delete"):
            self._unknown_action = (
                f"an event of the type {kind[:80]!r}, which is none of create, merge and delete"
            )
        return True

    def _lose(self, data: _Data, place: str) -> None:
        """Take away all that came from one source."""
        if not self._ledger.keeps_handles:
            raise HandlesNeededError
        if data.type is None or data.value is None:
            self._ledger.fault(place, "a source-entity-delete without its type or value")
        elif data.type.lower() != "cmhandle":
            reason = f"a source-entity-delete of {data.type[:80]!r}; TEIV knows cmHandle alone"
            self._ledger.fault(place, reason)
        else:
            self._ledger.lost_sources[data.value.removeprefix("/")] = self._ledger.turn
            reason = "a delete: it took away what came from a source, if there was any"
            self._ledger.set_aside(reason, place, 1)

    def _groups(self, groups: Iterable[_Group], place: str, first: int) -> None:
        kinds, is_plain = self._ledger.kinds, self._unknown_action is None
        for number, group in enumerate(groups, first):
            for name, records in group.items():
                kind = kinds.get(name)
                # Most records of most files are cells, of which nothing is kept but their number.
                if is_plain and kind.__class__ is Aside and kind.rows:
                    kind.rows += len(records)
                    self._ledger.records += len(records)
                else:
                    self._several_records(name, records, f"{place}[{number}]", 0)

    def _several_records(self, name: str, records: list[_Record], place: str, first: int) -> None:
        """Put the records of one type into the ledger."""
        ledger = self._ledger
        kind = ledger.kind(name)
        if self._unknown_action is not None:
            for index, _ in enumerate(records, first):
                ledger.fault(f"{place}.{_short(name)}[{index}]", self._unknown_action)
        elif isinstance(kind, Aside):
            if records:
                ledger.set_aside(kind.reason, f"{place}.{_short(name)}[{first}]", len(records))
        elif self._deletes:
            self._delete(kind, records, f"{place}.{_short(name)}", first)
        elif isinstance(kind, EntityStore):
            self._entities(kind, records, f"{place}.{kind.entity.type}[", first)
        else:
            self._relationships(kind, records, f"{place}.{kind.relationship.name}[", first)

    def _entities(self, store: EntityStore, records: list[_Record], head: str, first: int) -> None:
        ledger = self._ledger
        keeps = ledger.keeps_handles
        for index, record in enumerate(records, first):
            place = f"{head}{index}]"
            if not record.id:
                ledger.fault(place, "an entity without an id")
                continue
            facts = self._facts(record, place)
            if facts is not None:
                handles = _handles(bytes(record.sourceIds)) if keeps else None
                ledger.records += 1
                store.add(record.id, ledger.turn, place, handles, facts)

    def _relationships(
        self, store: RelationshipStore, records: list[_Record], head: str, first: int
    ) -> None:
        ledger = self._ledger
        for index, record in enumerate(records, first):
            place = f"{head}{index}]"
            if record.id and record.aSide and record.bSide:
                ledger.records += 1
                store.add(record.id, ledger.turn, place, record.aSide, record.bSide)
            else:
                self._incomplete(record, place)

    def _facts(self, record: _Record, place: str) -> Facts | None:
        """What an entity's attributes say; None where they are at fault, which is then listed."""
        raw, location, name = record.attributes, record.siteLocation, record.siteName
        if raw is _NONE and location is _NONE and name is _NONE:
            return NO_FACTS
        try:
            attributes = Attributes() if raw is _NONE else _attributes.decode(raw)
            # TEIV's physical module states these two beside the attributes.
            if location is not _NONE:
                attributes.siteLocation = msgspec.json.decode(location)
            if name is not _NONE:
                attributes.siteName = msgspec.json.decode(name)
        except _Problem:
            self._ledger.fault(place, "its attributes are no object", bytes(raw))
            return None
        return facts_of(attributes)

    def _incomplete(self, record: _Record, place: str) -> None:
        missing = [
            name
            for name, value in (("id", record.id), ("aSide", record.aSide), ("bSide", record.bSide))
            if not value
        ]
        self._ledger.fault(place, f"a relationship without {' and '.join(missing)}")

    def _delete(
        self,
        kind: EntityStore | RelationshipStore,
        records: list[_Record],
        place: str,
        first: int,
    ) -> None:
        for index, record in enumerate(records, first):
            if not record.id:
                self._ledger.fault(f"{place}[{index}]", "a delete without an id")
                continue
            kind.deleted[record.id] = self._ledger.turn
            reason = "a delete: it took away what was there before, if it was"
            self._ledger.set_aside(reason, f"{place}[{index}]", 1)

    def _odd(self, event: _Event, place: str, raw: msgspec.Raw | None) -> None:
        """An event that lacks something, or an answer that is one group by itself."""
        if bytes(event.specversion) or event.type is not None:
            self._has_event = True
            missing = "type" if event.type is None else "data"
            content = b"" if raw is None else bytes(raw)
            self._ledger.fault(place, f"an event without its {missing}", content)
        elif raw is None:
            self._ledger.fault(place, "neither an event nor an answer of TEIV")
        else:
            self._loose(bytes(raw), place)

    def _loose(self, raw: bytes, place: str) -> None:
        """Read an event part by part, so that a faulty part does not lose the others."""
        try:
            event = _loose_event.decode(raw)
        except _Problem:
            self._ledger.fault(place, _no_event(raw), raw)
            return
        if bytes(event.items) not in _EMPTY and not bytes(event.data):
            self._begin("create")
            self._loose_groups(bytes(event.items), f"{place}.items")
            return
        if bytes(event.data_base64):
            self._has_event = True
            reason = "its data is in base64, which TEIV does not write"
            self._ledger.fault(place, reason, raw)
            return
        if event.type is None or not bytes(event.data):
            self._bare_groups(raw, place, is_event=bool(bytes(event.specversion)))
            return
        if not self._begin(event.type):
            try:
                self._lose(_source_delete.decode(event.data), place)
            except _Problem:
                self._ledger.fault(place, "a source-entity-delete of the wrong form", raw)
            return
        self._loose_data(event.data, place, raw)

    def _loose_data(self, of: msgspec.Raw, place: str, raw: bytes) -> None:
        try:
            data = _loose_data.decode(of)
        except _Problem:
            self._ledger.fault(place, "its data is no object", raw)
            return
        before = self._ledger.records
        for name, groups in (("entities", data.entities), ("relationships", data.relationships)):
            if bytes(groups) not in _EMPTY:
                self._loose_groups(bytes(groups), f"{place}.data.{name}")
        if self._ledger.records == before:
            reason = "an event names neither entities nor relationships"
            self._ledger.set_aside(reason, place, 1)

    def _bare_groups(self, raw: bytes, place: str, *, is_event: bool) -> None:
        """One group alone, as REST answers for a single entity."""
        keys = _object.decode(raw).keys()
        if is_event or not keys or not all(":" in key for key in keys):
            self._has_event = self._has_event or is_event
            reason = "an event without its type or data" if is_event else _no_event(raw)
            self._ledger.fault(place, reason, raw)
            return
        if not all(isinstance(self._ledger.kind(key), Aside) for key in keys):
            self._begin("create")
        else:
            self._unknown_action, self._deletes = None, False
        self._loose_group(raw, place)

    def _loose_groups(self, raw: bytes, place: str) -> None:
        try:
            groups = _list.decode(raw)
        except _Problem:
            self._ledger.fault(place, "no list of entities or relationships", raw)
            return
        for number, group in enumerate(groups):
            self._loose_group(bytes(group), f"{place}[{number}]")

    def _loose_group(self, raw: bytes, place: str) -> None:
        try:
            group: Mapping[str, msgspec.Raw] = _object.decode(raw)
        except _Problem:
            self._ledger.fault(place, "no object of types with their records", raw)
            return
        for name, records in group.items():
            at = f"{place}.{_short(name)}"
            try:
                raws = _list.decode(records)
            except _Problem:
                self._ledger.fault(at, "no list of records", bytes(records))
                continue
            for index, one in enumerate(raws):
                self._loose_record(name, bytes(one), place, index)

    def _loose_record(self, name: str, raw: bytes, place: str, index: int) -> None:
        try:
            record = _record.decode(raw)
        except _Problem as error:
            reason = "no record: " + (
                str(error) if isinstance(error, msgspec.ValidationError) else "it is not UTF-8"
            )
            self._ledger.fault(f"{place}.{_short(name)}[{index}]", reason, raw)
        else:
            self._several_records(name, [record], place, index)

    def _long(self, place: str) -> None:
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
                self._long_data(kind, place)
                has_data = True
            elif key == "items" and reader.peek() == b"[":
                self._begin("create")
                self._long_groups(f"{place}.items")
                has_data = True
            else:
                reader.skip()
        if not has_data:
            raise reader.fault("neither an event nor an answer of TEIV, and too long for a record")

    def _long_data(self, kind: str, place: str) -> None:
        reader = self._reader
        if not self._begin(kind):
            raise reader.fault("a source-entity-delete that is too long for one")
        for key in reader.members():
            if key in ("entities", "relationships") and reader.peek() == b"[":
                self._long_groups(f"{place}.data.{key}")
            else:
                reader.skip()

    def _long_groups(self, place: str) -> None:
        reader = self._reader
        for found in reader.slices(_groups):
            at = f"{place}[{found.first}]"
            if found.values is not None:
                self._groups(found.values, place, found.first)
            elif found.raws is not None:
                for index, raw in enumerate(found.raws, found.first):
                    self._loose_group(bytes(raw), f"{place}[{index}]")
            elif reader.peek() != b"{":
                raise reader.fault("something is longer than any record where types should be")
            else:
                for name in reader.members():
                    self._long_records(name, at)

    def _long_records(self, name: str, place: str) -> None:
        reader = self._reader
        if reader.peek() != b"[":
            self._ledger.fault(f"{place}.{_short(name)}", "no list of records")
            reader.skip()
            return
        for found in reader.slices(_records):
            if found.values is not None:
                self._several_records(name, found.values, place, found.first)
            else:
                for index, raw in enumerate(found.raws or (), found.first):
                    self._loose_record(name, bytes(raw), place, index)


def _handles(sources: bytes) -> str | None:
    """The cmHandles among an entity's sources, a line each."""
    at = sources.find(_HANDLE_MARK)
    if at < 0:
        return None
    found = []
    while at >= 0:
        end = sources.find(b'"', at)
        handle = sources[at + len(_HANDLE_MARK) : end]
        found.append(handle.removeprefix(b"/").decode("utf-8", "replace"))
        at = sources.find(_HANDLE_MARK, end)
    return found[0] if len(found) == 1 else "\n".join(found)


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
