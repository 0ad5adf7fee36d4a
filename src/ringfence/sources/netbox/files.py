"""The shapes a NetBox export comes in, read to records.

A REST answer as saved (`{"count": ..., "results": [...]}`), a list of answers or of objects, an
object alone, or one a line; a Django `dumpdata` file; a PostgreSQL dump with `COPY` blocks. Which
one it is, is found from the content.

Each is read twice at most. First the file whole, straight into typed records, which takes less
time than `json.load` takes to read it untyped; if one record in it does not fit, all are read
again one by one, so that the one is rejected with its place and the others are kept.

Which endpoint a REST object is from is told by its `url`. Objects without one, as NetBox wrote
them before 2.9, are told by their keys; objects that their keys do not tell are refused, since a
region and a tenant group look alike.
"""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ringfence.errors import SourceError
from ringfence.sources.netbox.inventory import Collector, Inventory, natural_key
from ringfence.sources.netbox.records import KINDS, Key, Kind, Record
from ringfence.sources.netbox.sql import has_statements, read_blocks

_MARK = b"\xef\xbb\xbf"
_LOOK = 64 * 1024
_APPS = "circuits|core|dcim|extras|ipam|tenancy|users|virtualization|vpn|wireless"
_URL = re.compile(rf"/api/((?:{_APPS}|plugins/[\w-]+)/[a-z0-9-]+)/\d+/?$")
_OPENING = re.compile(r"\s*\[?\s*")
_RESULTS = re.compile(rb'"results"\s*:\s*\[')
_DUMP = re.compile(rb'\s*\[\s*\{\s*"(?:model"\s*:\s*"[\w.]+"|pk"\s*:|fields"\s*:\s*\{)')
_EMPTY = re.compile(rb"\s*\]")
_MODEL_NAME = re.compile(
    rb'"model"\s*:\s*"(?:circuits|dcim|ipam|tenancy|virtualization|vpn|wireless)\.[a-z0-9]+"'
    rb'|"app_label"\s*:\s*"dcim"'
)
# A string without its end is taken too, or each quote in it would begin the search anew.
_SOUND = re.compile(rb'"(?:[^"\\]|\\.)*+"?|-?(?:NaN|Infinity)', re.DOTALL)
_BYTE = re.compile(r"\(byte (\d+)\)")
_WORDS = {"int": "a number", "float": "a number", "str": "text", "bool": "true or false",
          "object": "an object", "array": "a list", "null": "null"}  # fmt: skip

_BY_LABEL = {kind.label: kind for kind in KINDS}
_BY_ENDPOINT = {kind.endpoint: kind for kind in KINDS if kind.endpoint}
_UNREAD = frozenset(
    f"{app}.{name}"
    for app, names in {
        "admin": "logentry",
        "auth": "group permission user",
        "circuits": "circuitgroup circuitgroupassignment circuittype provider provideraccount "
        "providernetwork virtualcircuit virtualcircuittermination virtualcircuittype",
        "core": "autosyncrecord configrevision datafile datasource job managedfile objectchange "
        "objecttype",
        "dcim": "cablepath consoleport consoleporttemplate consoleserverport "
        "consoleserverporttemplate devicebay devicebaytemplate frontporttemplate "
        "interfacetemplate inventoryitem inventoryitemrole inventoryitemtemplate location "
        "macaddress module modulebay modulebaytemplate moduletype moduletypeprofile platform "
        "porttemplatemapping powerfeed poweroutlet poweroutlettemplate powerpanel powerport "
        "powerporttemplate rack rackreservation rackrole racktype rearporttemplate sitegroup "
        "virtualchassis virtualdevicecontext",
        "extras": "bookmark branch cachedvalue configcontext configcontextprofile configtemplate "
        "customfield customfieldchoiceset customlink dashboard eventrule exporttemplate "
        "imageattachment journalentry notification notificationgroup objectchange savedfilter "
        "script scriptmodule stagedchange subscription tableconfig webhook",
        "ipam": "aggregate asn asnrange fhrpgroupassignment iprange rir role routetarget "
        "servicetemplate vlangroup vlantranslationpolicy vlantranslationrule",
        "sessions": "session",
        "social_django": "association code nonce partial usersocialauth",
        "tenancy": "contact contactassignment contactgroup contactrole tenantgroup",
        "users": "group objectpermission owner ownergroup token user userconfig",
        "virtualization": "clustergroup clustertype virtualdisk",
        "vpn": "ikepolicy ikeproposal ipsecpolicy ipsecprofile ipsecproposal l2vpn "
        "l2vpntermination tunnel tunnelgroup tunneltermination",
        "wireless": "wirelesslan wirelesslangroup wirelesslink",
    }.items()
    for name in names.split()
)
"""NetBox's models, 3.0 to 4.6, of which nothing is read."""
_MOST_MODELS = 2000
"""A class is made for each model; a file that names a million is not to have a million made."""
_UNKNOWN = "neither its url nor its keys say which NetBox endpoint it is from"


class _Located(msgspec.Struct, gc=False):
    url: str | None = None


class _Model(msgspec.Struct, gc=False):
    model: str


class _Envelope(msgspec.Struct, gc=False):
    results: list[msgspec.Raw] | None = None
    detail: str | None = None


def recognise(head: bytes) -> tuple[float, str]:
    """How sure one can be that a file that begins so is NetBox's, and why; never raises."""
    head = head.removeprefix(_MARK)
    if has_statements(head):
        return 0.95, "it is a PostgreSQL dump with NetBox's tables"
    if head.lstrip()[:1] not in (b"{", b"["):
        return 0.0, "it begins neither as JSON nor as a PostgreSQL dump of NetBox"
    if _DUMP.match(head):
        if _MODEL_NAME.search(head):
            return 0.95, "it is a Django dump with NetBox's models"
        return 0.0, "it is a Django dump without NetBox's models in its beginning"
    return _recognise_rest(head)


def _recognise_rest(head: bytes) -> tuple[float, str]:
    results = _RESULTS.search(head)
    first = _first_object(head, results.end() if results else 0)
    if first is not None:
        return _recognise_object(first)
    if results and b'"count"' in head[: results.start()] and _EMPTY.match(head, results.end()):
        return 0.2, "it is an empty page of a REST answer"
    return 0.0, "no object of a NetBox endpoint stands in its beginning"


def _recognise_object(first: dict[str, Any]) -> tuple[float, str]:
    model, url = first.get("model"), first.get("url")
    if isinstance(model, str) and model in _BY_LABEL and "fields" in first:
        return 0.95, "it is a Django dump with NetBox's models, one record a line"
    if isinstance(url, str) and (match := _URL.search(url)):
        return 0.95, f"its objects are from NetBox's endpoint {match[1]}"
    kind = _told_by_keys(first.keys())
    if kind is not None:
        return 0.7, f"its objects have the keys of NetBox's endpoint {kind.endpoint}"
    return 0.0, "its objects are of no NetBox endpoint"


def read(path: Path) -> Inventory:
    """All records of a file; raises `SourceError` where it is no NetBox export."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    collector = Collector()
    try:
        _read(data.removeprefix(_MARK), path, collector)
    except RecursionError:
        raise _refusal(path, "lists or objects are nested too deep for NetBox") from None
    if collector.is_foreign:
        raise _refusal(
            path,
            f"no NetBox record in it: {collector.first_reason or 'its models are not NetBox'}",
            "save REST answers whole, with the url of each object",
        )
    return collector.inventory()


def _read(data: bytes, path: Path, into: Collector) -> None:
    """Find the shape and read it."""
    if data[:_LOOK].lstrip()[:1] in (b"{", b"["):
        _Json(data, path, into).read()
    elif read_blocks(data, path, into):
        return
    elif not data.strip():
        raise _refusal(path, "the file is empty")
    elif data.startswith(b"PGDMP"):
        raise _refusal(
            path,
            "a PostgreSQL dump in the custom format is not read",
            "make text of it: pg_restore --file=netbox.sql DUMP",
        )
    elif data.startswith(b"\x1f\x8b"):
        raise _refusal(path, "the file is compressed", "unpack it first: gunzip FILE")
    elif has_statements(data):
        raise _refusal(
            path,
            "a PostgreSQL dump without COPY blocks is not read",
            "make it with data and without --inserts: pg_dump --file=netbox.sql netbox",
        )
    else:
        raise _refusal(
            path, "neither a REST answer, nor a dumpdata file, nor a PostgreSQL dump of NetBox"
        )


def _refusal(path: Path, message: str, hint: str | None = None) -> SourceError:
    return SourceError(message, where=str(path), hint=hint)


def _first_object(data: bytes, start: int) -> dict[str, Any] | None:
    """The whole object at `start`, or first in the list there; None if it does not end."""
    text = data[start : start + 256 * 1024].decode("utf-8", "replace")
    opening = _OPENING.match(text)
    begin = opening.end() if opening and start == 0 else len(text) - len(text.lstrip())
    try:
        value, _ = json.JSONDecoder().raw_decode(text, begin)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _told_by_keys(keys: Any) -> Kind | None:
    """The one kind whose objects have such keys."""
    for kind in KINDS:
        if any(told <= keys for told in kind.told_by):
            return kind
    return None


@cache
def _page_of(record: type[msgspec.Struct]) -> Any:
    return msgspec.defstruct("Page", [("results", list[record])], gc=False)  # type: ignore[valid-type]


@cache
def _dumped(kind: Kind) -> Any:
    fields: list[Any] = [("fields", kind.record), ("pk", int | None, None)]
    return msgspec.defstruct("Dumped", fields, tag_field="model", tag=kind.label, gc=False)


def _in_words(error: msgspec.ValidationError | UnicodeDecodeError) -> str:
    """What a decoder found wrong with one record, for a person."""
    if isinstance(error, UnicodeDecodeError):
        return "text in it is not UTF-8"
    what, found, path = str(error).rpartition(" - at `")
    if not found:
        what, path = path, ""
    where = path.rstrip("`").removeprefix("$").removeprefix(".").removeprefix("fields.")
    types = re.fullmatch(r"Expected `(.*)`, got `(.*)`", what)
    if types:
        want = " or ".join(dict.fromkeys(_WORDS.get(t, t) for t in types[1].split(" | ")))
        what = f"{_WORDS.get(types[2], types[2])} where {want} should be"
    return f"{where}: {what}" if where else what


class _Json:
    """Reads one JSON file's bytes."""

    def __init__(self, data: bytes, path: Path, into: Collector) -> None:
        self._data = data
        self._path = path
        self._into = into
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

    def read(self) -> None:
        """Find what the JSON is of and read it."""
        try:
            self._value()
        except msgspec.ValidationError as error:
            raise _refusal(self._path, _in_words(error)) from None
        except UnicodeDecodeError:
            raise _refusal(self._path, "text in it is not UTF-8") from None
        except msgspec.DecodeError as error:
            if not self._write_out_numbers():
                raise self._malformed(error) from None
            self.read()

    def _write_out_numbers(self) -> bool:
        """Make null of NaN and Infinity, which Python writes and JSON has not."""
        if b"NaN" not in self._data and b"Infinity" not in self._data:
            return False
        before = self._data
        self._data = _SOUND.sub(lambda m: m[0] if m[0][:1] == b'"' else b"null", before)
        return self._data != before

    def _malformed(self, error: msgspec.DecodeError) -> SourceError:
        data, match = self._data, _BYTE.search(str(error))
        if match is None and data.rstrip()[-1:] not in (b"]", b"}"):
            line = data.count(b"\n") + 1
            return _refusal(Path(f"{self._path}:{line}"), "the JSON is cut off: it has no end")
        at = min(int(match[1]), len(data)) if match else len(data)
        line = data.count(b"\n", 0, at) + 1
        column = at - data.rfind(b"\n", 0, at)
        where = Path(f"{self._path}:{line}")
        return _refusal(where, f"the JSON is not well formed at character {column} of the line")

    def _value(self) -> None:
        if self._data[:_LOOK].lstrip()[:1] == b"{":
            self._object()
        elif _DUMP.match(self._data):
            self._dump()
        else:
            self._list()

    def _object(self) -> None:
        """A page, an object alone, or one of either a line."""
        if self._page(self._data, "#/results/"):
            return
        try:
            found = msgspec.json.decode(self._data, type=_Envelope)
        except msgspec.ValidationError:
            found = _Envelope()
        except msgspec.DecodeError as error:
            if "trailing" not in str(error):
                raise
            self._lines()
            return
        if found.results is not None:
            self._each(found.results, "#/results/", range(len(found.results)))
        elif found.detail is not None:
            raise _refusal(self._path, f"it holds no data but the answer: {found.detail}")
        else:
            self._each([msgspec.Raw(self._data)], "#", [None])

    def _lines(self) -> None:
        self._write_out_numbers()
        raws, numbers = [], []
        for number, line in enumerate(self._data.split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                raws.append(msgspec.json.decode(line, type=msgspec.Raw))
                numbers.append(number)
            except msgspec.DecodeError as error:
                if not raws:
                    raise
                self._into.fault(f":{number}", f"no whole JSON value: {error}", content=line)
        self._each(raws, ":", numbers)

    def _list(self) -> None:
        """A list of objects or of pages."""
        if self._objects(self._data, "#/", list, 0):
            return
        raws = msgspec.json.decode(self._data, type=list[msgspec.Raw])
        if not raws:
            raise _refusal(self._path, "it is an empty list")
        self._each(raws, "#/", range(len(raws)))

    def _page(self, data: bytes, head: str) -> bool:
        found = _RESULTS.search(data, 0, _LOOK)
        return found is not None and self._objects(data, head, None, found.end())

    def _objects(self, data: bytes, head: str, container: type[list[Any]] | None, at: int) -> bool:
        """Read a list of objects of one endpoint in one go; False where it is not that plain."""
        first = _first_object(data, at)
        url = first.get("url") if first else None
        match = _URL.search(url) if isinstance(url, str) else None
        if match is None:
            return False
        kind = _BY_ENDPOINT.get(match[1])
        record = kind.record if kind else _Located
        shape: Any = list[record] if container else _page_of(record)  # type: ignore[valid-type]
        try:
            found = msgspec.json.decode(data, type=shape)
        except (msgspec.ValidationError, UnicodeDecodeError):
            return False
        except msgspec.DecodeError as error:
            if "trailing" in str(error):
                return False
            raise
        rows = found if container else found.results
        marker = f"/api/{match[1]}/"
        if [True for row in rows if row.url is None or marker not in row.url]:
            return False
        if kind is None:
            self._into.other(match[1], f"{head}0", len(rows))
        else:
            self._into.add(kind, rows, [r.id for r in rows], head, range(len(rows)))
        return True

    def _each(self, raws: Sequence[Any], head: str, numbers: Sequence[int | None]) -> None:
        """Read values one by one: objects, pages or records of a dump, at fault or not."""
        found: dict[str, tuple[Kind, list[Record], list[Key | None], list[int | None]]] = {}
        for raw, number in zip(raws, numbers, strict=True):
            place = head if number is None else f"{head}{number}"
            kind: Kind | None = None
            try:
                keys = self._decode(raw, dict[str, msgspec.Raw])
                if "results" in keys:
                    self._inner_page(raw, keys["results"], f"{place}/results/")
                    continue
                kind, name = self._kind_of(keys)
                if kind is not None:
                    record, key = self._record(raw, keys, kind)
            except (msgspec.ValidationError, UnicodeDecodeError) as error:
                self._into.fault(place, _in_words(error), kind, bytes(raw))
                continue
            if kind is not None:
                group = found.setdefault(kind.label, (kind, [], [], []))
                group[1].append(record)
                group[2].append(key)
                group[3].append(number)
            elif name:
                self._into.other(name, place, 1)
            else:
                self._into.fault(place, _UNKNOWN, None, bytes(raw))
        for kind, rows, identifiers, at in found.values():
            self._into.add(kind, rows, identifiers, head, at)

    def _inner_page(self, page: Any, results: Any, head: str) -> None:
        if not self._page(bytes(page), head):
            items = self._decode(results, list[msgspec.Raw])
            self._each(items, head, range(len(items)))

    def _record(
        self, raw: Any, keys: dict[str, msgspec.Raw], kind: Kind
    ) -> tuple[Record, Key | None]:
        record: Record
        if "fields" not in keys:
            record = self._decode(raw, kind.record)
            return record, record.id
        record = self._decode(keys["fields"], kind.record)
        number: int | None = self._decode(keys["pk"], int | None) if "pk" in keys else None
        return record, natural_key(record) if number is None else number

    def _kind_of(self, keys: dict[str, msgspec.Raw]) -> tuple[Kind | None, str]:
        """The kind of a record, or the name of a model that is not read, or neither."""
        if "model" in keys and "fields" in keys:
            model: str = self._decode(keys["model"], str)
            return _BY_LABEL.get(model), model
        url = self._decode(keys["url"], str | None) if "url" in keys else None
        match = _URL.search(url) if url else None
        if match is not None:
            return _BY_ENDPOINT.get(match[1]), match[1]
        return _told_by_keys(keys.keys()), ""

    def _decode(self, raw: Any, kind: Any) -> Any:
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind)
        return decoder.decode(raw)

    def _dump(self) -> None:
        """A Django dump: all records in one go, or else one by one."""
        try:
            found = self._dump_typed()
        except (msgspec.ValidationError, UnicodeDecodeError):
            raws = msgspec.json.decode(self._data, type=list[msgspec.Raw])
            self._each(raws, "#/", range(len(raws)))
            return
        at: dict[Any, Sequence[int]] = {}
        if len({type(record) for record in found}) == 1:
            at[type(found[0])] = range(len(found))
        else:
            apart: dict[Any, list[int]] = defaultdict(list)
            for index, of in enumerate(map(type, found)):
                apart[of].append(index)
            at |= apart
        for of, indices in at.items():
            label = of.__struct_config__.tag
            kind = _BY_LABEL.get(label)
            if kind is None:
                self._into.other(label, f"#/{indices[0]}", len(indices))
                continue
            chosen = found if len(at) == 1 else [found[index] for index in indices]
            rows = [r.fields for r in chosen]
            keys = [r.pk for r in chosen]
            if None in keys:
                keys = [r.pk if r.pk is not None else natural_key(r.fields) for r in chosen]
            self._into.add(kind, rows, keys, "#/", indices)

    def _dump_typed(self) -> list[Any]:
        """The records as classes told apart by `model`.

        The names of models that are not read must be known beforehand. Those of NetBox itself
        are; only for a dump that names others, a plugin's, are they looked for first.
        """
        try:
            return self._dump_of(_UNREAD)
        except msgspec.ValidationError:
            names = {r.model for r in msgspec.json.decode(self._data, type=list[_Model])}
        if names <= _BY_LABEL.keys() | _UNREAD:
            raise msgspec.ValidationError("a record does not fit, whatever its model")
        others = names - _BY_LABEL.keys()
        if len(others) > _MOST_MODELS:
            raise msgspec.ValidationError("more models than any NetBox has")
        return self._dump_of(others)

    def _dump_of(self, others: AbstractSet[str]) -> list[Any]:
        union: Any = _dumped(KINDS[0])
        for kind in KINDS[1:]:
            union |= _dumped(kind)
        for name in sorted(others):
            union |= msgspec.defstruct("Unread", [], tag_field="model", tag=name, gc=False)
        found: list[Any] = msgspec.json.decode(self._data, type=list[union])
        return found
