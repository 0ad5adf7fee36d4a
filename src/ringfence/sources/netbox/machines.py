"""NetBox devices and virtual machines to `element`, `function` and `relation`."""

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.sources.base import Batch
from ringfence.sources.netbox.context import Context, Mentions, constant, texts
from ringfence.sources.netbox.inventory import Places, Records
from ringfence.sources.netbox.records import (
    Cluster,
    Device,
    DeviceRole,
    DeviceType,
    Key,
    Machine,
    Manufacturer,
    Named,
    NamedType,
    State,
    Tag,
    Tagged,
    TaggedItem,
    VirtualMachine,
    key_of,
)

_NOT_THERE = {
    "planned": "status is planned: not in the network yet",
    "inventory": "status is inventory: in store, not in the network",
}
_OLD_STATUSES = ("offline", "active", "planned", "staged", "failed", "inventory")
"""What NetBox before 2.7 numbered from 0; see its `/api/dcim/_choices/`."""

_FUNCTIONS = ("network_function", "nf_type", "function")
_TEXTS = {"software_version": "software_version"}
_DATES = {
    "installed_on": "installed_on",
    "install_date": "installed_on",
    "purchase_date": "purchased_on",
    "end_of_life": "end_of_life_on",
}
_TAG = re.compile(rf"(?:{'|'.join(_FUNCTIONS)})\s?[:=]", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?=$|[T ])")
_LABELS = {"dcim.device": "", "virtualization.virtualmachine": "vm/"}

M = TypeVar("M", bound=Machine)


def set_aside_unless_there(records: Records[M]) -> set[Key]:
    """Set aside the machines that the network does not hold; return their keys."""
    statuses = [row.status for row in records.rows]
    plain = [s.value if isinstance(s, State) else s for s in statuses]
    names = {value: _status(value) for value in set(plain)}
    gone = {value: _NOT_THERE[name] for value, name in names.items() if name in _NOT_THERE}
    if gone:
        records.aside = {i: gone[value] for i, value in enumerate(plain) if value in gone}
    return {records.keys[index] for index in records.aside}


def machines(context: Context, absent: set[Key]) -> Iterator[Batch]:
    """All rows of devices and virtual machines; `absent` are the devices set aside."""
    tags = _functions_of_tags(context)
    yield from _devices(context, tags["dcim.device"])
    yield from _virtual_machines(context, tags["virtualization.virtualmachine"], absent)


def maker_of(context: Context, device_type: DeviceType | NamedType) -> str | None:
    """The name of the manufacturer that a device type refers to."""
    ref = device_type.manufacturer
    if isinstance(ref, Named) and ref.name:
        return ref.name
    maker = context.inventory.of(Manufacturer).get(key_of(ref))
    return (maker.name or None) if maker is not None else None


def _status(value: str | int | None) -> str:
    if isinstance(value, str) or value is None:
        return value.lower() if value else ""
    if isinstance(value, int) and 0 <= value < len(_OLD_STATUSES):
        return _OLD_STATUSES[value]
    return ""


def _there(records: Records[M]) -> tuple[Sequence[M], Sequence[Key], Places]:
    """What was not set aside."""
    if not records.aside:
        return records.rows, records.keys, records.places
    left = [index for index in range(len(records)) if index not in records.aside]
    rows = [records.rows[index] for index in left]
    return rows, [records.keys[index] for index in left], records.places.pick(left)


def _devices(context: Context, tags: Mapping[Key, list[str]]) -> Iterator[Batch]:
    rows, keys, places = _there(context.inventory.of(Device))
    if not rows:
        return
    type_keys = context.products.keys([row.device_type for row in rows], places)
    makers: dict[Key | None, str | None] = {
        key: maker_of(context, ref)
        for key, (ref, _) in context.products.first.items()
        if isinstance(ref, NamedType)
    }
    makers |= {key: maker_of(context, held) for _, key, held in context.inventory.of(DeviceType)}
    customs = _Customs(rows)
    columns = _columns(context, rows, places, customs) | {
        "id": context.keys("", keys),
        "vendor_name": texts([makers.get(key) for key in type_keys]),
        "product": context.keys("type/", type_keys),
        "kind": constant("box", len(rows)),
    }
    yield Batch("element", pa.table(columns))
    yield from _functions(context, (rows, keys, places), customs, "", tags)


def _virtual_machines(
    context: Context, tags: Mapping[Key, list[str]], absent: set[Key]
) -> Iterator[Batch]:
    rows, keys, places = _there(context.inventory.of(VirtualMachine))
    if not rows:
        return
    customs = _Customs(rows)
    columns = _columns(context, rows, places, customs) | {
        "id": context.keys("vm/", keys),
        "site": context.keys("site/", [_site_of(context, row) for row in rows]),
        "kind": constant("virtual machine", len(rows)),
    }
    yield Batch("element", pa.table(columns))
    yield from _functions(context, (rows, keys, places), customs, "vm/", tags)
    hosted = [
        (index, host)
        for index, host in enumerate(key_of(row.device) for row in rows)
        if host is not None and host not in absent
    ]
    if hosted:
        relation = {
            "source": context.keys("", [host for _, host in hosted]),
            "target": context.keys("vm/", [keys[index] for index, _ in hosted]),
            "kind": constant("hosts", len(hosted)),
            "origin": context.origins(places[index] for index, _ in hosted),
        }
        yield Batch("relation", pa.table(relation))


class _Customs:
    """The custom fields of machines; REST and dumps call them apart.

    `wanted` are the names in use, under any case, that one of the given names is.
    """

    def __init__(self, rows: Sequence[Machine]) -> None:
        none: dict[str, object] = {}
        self._each = [row.custom_fields or row.custom_field_data or none for row in rows]
        self._names = sorted(set(chain.from_iterable(self._each)))

    def wanted(self, names: Container[str]) -> Iterator[tuple[str, list[object]]]:
        """Each name as written, with its value of every machine."""
        for name in self._names:
            if name.lower() in names:
                yield name, [each.get(name) for each in self._each]


def _columns(
    context: Context, rows: Sequence[Machine], places: Places, customs: _Customs
) -> dict[str, pa.Array]:
    """The columns that devices and virtual machines fill alike."""
    site_keys = context.sites.keys([row.site for row in rows], places)
    tenant_keys = context.tenants.keys([row.tenant for row in rows], places)
    context.owners.update(key for key in set(tenant_keys) if key is not None)
    columns = {
        "name": texts([row.name for row in rows]),
        "role_name": _role_names(context, rows, places),
        "site": context.keys("site/", site_keys),
        "operator": context.keys("operator/", tenant_keys),
        "serial": texts([row.serial for row in rows]),
        "origin": places.after(context.name),
    }
    return columns | _custom_columns(context, customs, places)


def _role_names(context: Context, rows: Sequence[Machine], places: Places) -> pa.Array:
    """The name of each machine's role, held or mentioned."""
    refs = [row.role if row.role is not None else row.device_role for row in rows]
    mentions = Mentions()
    keys = mentions.keys(refs, places)
    names: dict[Key | None, str | None] = {
        key: ref.name for key, (ref, _) in mentions.first.items() if isinstance(ref, Named)
    }
    names |= {key: role.name for _, key, role in context.inventory.of(DeviceRole)}
    context.roles.update(key for key in set(keys) if key is not None)
    return texts([names.get(key) for key in keys])


def _site_of(context: Context, machine: VirtualMachine) -> Key | None:
    """Where a virtual machine runs: its own site, or else that of its cluster.

    A cluster's site is `site` before 4.2; from then on it is its scope, where that is a site, and
    in dumps a site derived from it.
    """
    own = key_of(machine.site)
    clusters = context.inventory.of(Cluster)
    at = clusters.at(key_of(machine.cluster))
    if own is not None or at is None:
        return own
    cluster = clusters.rows[at]
    ref = cluster.site if cluster.site is not None else cluster.cached_site
    if ref is None and context.types.label(cluster.scope_type) == "dcim.site":
        ref = cluster.scope
    site = key_of(ref)
    if site is not None:
        context.clusters.add(clusters.keys[at])
        context.sites.note_one(ref, clusters.places[at])
    return site


def _custom_columns(context: Context, customs: _Customs, places: Places) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for name, values in customs.wanted(_DATES.keys() | _TEXTS.keys()):
        if name.lower() in _DATES:
            column = _DATES[name.lower()]
            array = pa.array(_dates(context, name, values, places), pa.date32())
        else:
            column = _TEXTS[name.lower()]
            array = texts(_words(context, name, values, places))
        earlier = columns.get(column)
        columns[column] = array if earlier is None else pc.coalesce(earlier, array)
    return columns


def _dates(
    context: Context, name: str, values: Sequence[object], places: Places
) -> list[date | None]:
    days: dict[object, date | None] = {None: None, "": None}
    if {type(value) for value in values} <= {str, type(None)}:
        days |= {value: _date(str(value)) for value in set(values) - days.keys()}
        found = [days[value] for value in values]
        if None not in [day for value, day in days.items() if value]:
            return found
    else:
        found = [_date(value) if isinstance(value, str) else None for value in values]
    for index, value in enumerate(values):
        if value not in (None, "") and found[index] is None:
            context.note_unfit(f"custom field {name} is no date", places[index], value)
    return found


def _date(value: str) -> date | None:
    """A day as NetBox writes it, alone or at the head of a time."""
    match = _DATE.match(value)
    try:
        return date.fromisoformat(match[0]) if match else None
    except ValueError:
        return None


def _words(
    context: Context, name: str, values: Sequence[object], places: Places
) -> list[str | None]:
    """The one text of each value; more than one cannot stand in a column."""
    found: list[str | None] = []
    for index, value in enumerate(values):
        words = _texts_in(value)
        found.append(words[0] if len(words) == 1 else None)
        if len(words) != 1 and value not in (None, "", []):
            context.note_unfit(f"custom field {name} is no one text", places[index], value)
    return found


def _texts_in(value: object) -> list[str]:
    """The texts of a custom field: one, those of a selection, or the label of an old choice."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return [str(value)]
    if isinstance(value, dict):
        return _texts_in(value.get("label") or value.get("display") or value.get("name"))
    if isinstance(value, list):
        return list(chain.from_iterable(_texts_in(item) for item in value))
    return []


def _functions(
    context: Context,
    machines: tuple[Sequence[Machine], Sequence[Key], Places],
    customs: _Customs,
    part: str,
    tags: Mapping[Key, list[str]],
) -> Iterator[Batch]:
    """Rows of `function`, where the operator says outright what an element is."""
    rows, keys, places = machines
    found: dict[tuple[Key, str], str] = {}
    for index, kind in chain(
        _functions_of_fields(context, customs, places), _functions_of_rows(rows)
    ):
        found.setdefault((keys[index], kind), places[index])
    for index, key in enumerate(keys) if tags else ():
        for kind in tags.get(key, ()):
            found.setdefault((key, kind), places[index])
    if found:
        function = {
            "element": context.keys(part, [key for key, _ in found]),
            "kind": texts([kind for _, kind in found]),
            "origin": context.origins(found.values()),
        }
        yield Batch("function", pa.table(function))


def _functions_of_fields(
    context: Context, customs: _Customs, places: Places
) -> Iterator[tuple[int, str]]:
    for name, values in customs.wanted(_FUNCTIONS):
        for index, value in enumerate(values):
            kinds = _texts_in(value)
            yield from ((index, kind) for kind in kinds)
            if not kinds and value not in (None, "", []):
                context.note_unfit(f"custom field {name} is no text", places[index], value)


def _functions_of_rows(rows: Sequence[Machine]) -> Iterator[tuple[int, str]]:
    """What tags say that stand in the machine itself, as REST writes them."""
    tagged = [(index, row.tags) for index, row in enumerate(rows) if row.tags]
    for index, tags in tagged:
        for tag in tags:
            kind = _function_of_tag((tag.name or "") if isinstance(tag, Tagged) else str(tag))
            if kind:
                yield index, kind


def _function_of_tag(name: str) -> str | None:
    match = _TAG.match(name)
    return name[match.end() :].strip() or None if match else None


def _functions_of_tags(context: Context) -> dict[str, dict[Key, list[str]]]:
    """The functions that tags name, by model and key, in dumps, where tags stand apart."""
    tags, items = context.inventory.of(Tag), context.inventory.of(TaggedItem)
    tags.aside = dict.fromkeys(range(len(tags)), "names no function")
    found: dict[str, dict[Key, list[str]]] = {label: defaultdict(list) for label in _LABELS}
    for index, _, item in items:
        key = key_of(item.tag)
        at = tags.at(key)
        kind = _function_of_tag((tags.rows[at].name if at is not None else str(key)) or "")
        label = context.types.label(item.content_type)
        if kind is None or label not in _LABELS or item.object_id is None:
            items.aside[index] = "names no function of an element"
            continue
        found[label][item.object_id].append(kind)
        if at is not None:
            tags.aside.pop(at, None)
    return found
