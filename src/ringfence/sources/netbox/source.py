"""The source itself: what each NetBox model becomes, and the counts."""

import gc
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.netbox.context import Context, constant, texts
from ringfence.sources.netbox.feet import endpoints, interfaces
from ringfence.sources.netbox.files import read, recognise
from ringfence.sources.netbox.machines import machines, maker_of, set_aside_unless_there
from ringfence.sources.netbox.paths import ContentTypes, Paths
from ringfence.sources.netbox.records import (
    Cluster,
    ContentType,
    Device,
    DeviceRole,
    DeviceType,
    FhrpGroup,
    Key,
    Manufacturer,
    Named,
    NamedType,
    NamedVlan,
    Number,
    Prefix,
    Record,
    Region,
    Site,
    Tenant,
    VirtualMachine,
    Vlan,
    Vrf,
    key_of,
    word,
)


class NetBox:
    """Reads one NetBox export, whatever its shape."""

    kind = "netbox"
    describes = "NetBox: saved REST answers, dumpdata files, PostgreSQL dumps"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002  # a name proves nothing
        """Decide from the first bytes alone."""
        return Claim(*recognise(head))

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield the tables, then why other records became no rows, then the counts."""
        with _no_cyclic_collection():
            found = _read_whole(path, options)
        yield from found


def _read_whole(path: Path, options: Options) -> list[Batch | Reject | Read]:
    inventory = read(path)
    context = Context(
        inventory,
        ContentTypes(inventory),
        options.prefix or "netbox",
        options.origin or path.name,
    )
    return [*_tables(context), *_rejects(context)]


@contextmanager
def _no_cyclic_collection() -> Iterator[None]:
    """Records are in no cycles; looking for some while a million are made takes much of the time.

    Nothing is yielded meanwhile, so that it is on again wherever the caller goes on.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _tables(context: Context) -> Iterator[Batch]:
    inventory = context.inventory
    devices = set_aside_unless_there(inventory.of(Device))
    virtual = set_aside_unless_there(inventory.of(VirtualMachine))
    yield from machines(context, devices)
    yield from _sites(context)
    yield from _operators(context)
    yield from _products(context)
    paths = Paths(inventory, context.types, devices)
    yield from _links(context, paths)
    yield from interfaces(context, paths.interfaces, devices, virtual)
    yield from _segments(context)
    yield from endpoints(context, devices, virtual)
    none: set[Key] = set()
    helpers: tuple[tuple[type[Record], set[Key], str], ...] = (
        (Cluster, context.clusters, "gives no virtual machine its site"),
        (DeviceRole, context.roles, "is the role of no element"),
        (ContentType, none, "has no place in the model"),
        (FhrpGroup, none, "has no place in the model"),
    )
    for kind, used, reason in helpers:
        records = inventory.of(kind)
        records.aside = {index: reason for index, key, _ in records if key not in used}


def _rejects(context: Context) -> Iterator[Reject | Read]:
    """What became no row, alike ones together, and the counts."""
    inventory = context.inventory
    for records in inventory.parts.values():
        for outcomes, kind in ((records.aside, "set aside"), (records.faulty, "fault")):
            alike: dict[str, list[int]] = defaultdict(list)
            for index, reason in outcomes.items():
                alike[reason].append(index)
            for reason, indices in alike.items():
                what = f"{records.kind.label} {reason}"
                place = _place(records.places[indices[0]])
                yield Reject(place, what, records.kind.table, kind, len(indices))
        yield Read(len(records), len(records) - len(records.aside) - len(records.faulty))
    for bulk in inventory.others:
        reason = f"{bulk.name} has no place in the model"
        yield Reject(_place(bulk.place), reason, None, "set aside", bulk.rows)
        yield Read(bulk.rows, 0)
    for fault in inventory.faults:
        yield Reject(_place(fault.place), fault.reason, fault.table, content=fault.content)
        yield Read(1, 0)
    for reason, values in context.unfit.items():
        place, content = values[0]
        yield Reject(_place(place), reason, rows=len(values), content=content)
        yield Read(len(values), 0)


def _place(place: str) -> str:
    return f"line {place[1:]}" if place.startswith(":") else place


def _sites(context: Context) -> Iterator[Batch]:
    sites, regions = context.inventory.of(Site), context.inventory.of(Region)
    tenant_keys = context.tenants.keys([site.tenant for site in sites.rows], sites.places)
    context.owners.update(key for key in tenant_keys if key is not None)
    lain_in = {key_of(site.region) for site in sites.rows}
    for index, key, _ in regions:
        if key not in lain_in:
            regions.aside[index] = "holds no site"
    names = []
    for site in sites.rows:
        region = regions.get(key_of(site.region))
        named = site.region.name if isinstance(site.region, Named) else None
        names.append(region.name if region is not None else named)
    mentioned = [
        (key, ref.name, place)
        for key, (ref, place) in context.sites.first.items()
        if isinstance(ref, Named) and sites.at(key) is None
    ]
    if not sites.rows and not mentioned:
        return
    none: list[None] = [None] * len(mentioned)
    latitudes = [_degrees(context, s.latitude, "latitude", sites.places[i]) for i, _, s in sites]
    longitudes = [_degrees(context, s.longitude, "longitude", sites.places[i]) for i, _, s in sites]
    columns = {
        "id": context.keys("site/", [*sites.keys, *(key for key, _, _ in mentioned)]),
        "operator": context.keys("operator/", [*tenant_keys, *none]),
        "name": texts([*(site.name for site in sites.rows), *(name for _, name, _ in mentioned)]),
        "region": texts([*names, *none]),
        "latitude_deg": pa.array([*latitudes, *none], pa.float64()),
        "longitude_deg": pa.array([*longitudes, *none], pa.float64()),
        "origin": pa.concat_arrays(
            [sites.places.after(context.name), context.origins(place for _, _, place in mentioned)]
        ),
    }
    yield Batch("site", pa.table(columns))


def _degrees(context: Context, value: Number, name: str, place: str) -> float | None:
    """A coordinate, which dumps write as text."""
    if value is None or value == "":
        return None
    try:
        return float(value)
    except ValueError:
        context.note_unfit(f"{name} is no number", place, value)
        return None


def _operators(context: Context) -> Iterator[Batch]:
    """The tenants that own a site or an element."""
    tenants = context.inventory.of(Tenant)
    rows: list[tuple[Key, str | None, str]] = []
    for index, key, tenant in tenants:
        if key in context.owners:
            rows.append((key, tenant.name, tenants.places[index]))
        else:
            tenants.aside[index] = "owns no site, device or virtual machine: may be a customer"
    rows += [
        (key, ref.name, place)
        for key, (ref, place) in context.tenants.first.items()
        if isinstance(ref, Named) and tenants.at(key) is None
    ]
    if rows:
        columns = {
            "id": context.keys("operator/", [key for key, _, _ in rows]),
            "name": texts([name for _, name, _ in rows]),
            "origin": context.origins(place for _, _, place in rows),
        }
        yield Batch("operator", pa.table(columns))


def _products(context: Context) -> Iterator[Batch]:
    types, makers = context.inventory.of(DeviceType), context.inventory.of(Manufacturer)
    rows: list[tuple[Key, DeviceType | NamedType, str]] = [
        (key, held, types.places[index]) for index, key, held in types
    ]
    rows += [
        (key, ref, place)
        for key, (ref, place) in context.products.first.items()
        if isinstance(ref, NamedType) and types.at(key) is None
    ]
    used = {key_of(held.manufacturer) for _, held, _ in rows}
    for index, key, _ in makers:
        if key not in used:
            makers.aside[index] = "makes no device type in the file"
    if not rows:
        return
    names = [maker_of(context, held) for _, held, _ in rows]
    for name, (_, held, place) in zip(names, rows, strict=True):
        if name is None and held.manufacturer is not None:
            reason = "the manufacturer of a device type is not in the file: its name is not known"
            context.note_unfit(reason, place, f"{held.model}: {key_of(held.manufacturer)}")
    columns = {
        "id": context.keys("type/", [key for key, _, _ in rows]),
        "vendor_name": texts(names),
        "model": texts([held.model for _, held, _ in rows]),
        "origin": context.origins(place for _, _, place in rows),
    }
    yield Batch("product", pa.table(columns))


def _links(context: Context, paths: Paths) -> Iterator[Batch]:
    links = paths.links()
    if links:
        columns = {
            "id": context.keys("", [link.native for link in links]),
            "source": context.keys("", [link.source for link in links]),
            "target": context.keys("", [link.target for link in links]),
            "medium": texts([link.medium for link in links]),
            "capacity_mbps": pa.array([link.capacity_mbps for link in links], pa.float64()),
            "length_km": pa.array([link.length_km for link in links], pa.float64()),
            "origin": context.origins(link.place for link in links),
        }
        yield Batch("link", pa.table(columns))


def _segments(context: Context) -> Iterator[Batch]:
    """VLANs, VRFs and prefixes; a prefix lies in its VLAN, or else in its VRF."""
    vlans, vrfs = context.inventory.of(Vlan), context.inventory.of(Vrf)
    yield from _prefixes(context)
    named = [(key, _vlan_name(vlan.vid, vlan.name), vlans.places[i]) for i, key, vlan in vlans]
    named += [
        (key, _vlan_name(ref.vid, ref.name), place)
        for key, (ref, place) in context.vlans.first.items()
        if isinstance(ref, NamedVlan) and vlans.at(key) is None
    ]
    yield from _named_segments(context, "VLAN", "vlan/", named)
    named = [(key, vrf.name, vrfs.places[i]) for i, key, vrf in vrfs]
    named += [
        (key, ref.name, place)
        for key, (ref, place) in context.vrfs.first.items()
        if isinstance(ref, Named) and vrfs.at(key) is None
    ]
    yield from _named_segments(context, "VRF", "vrf/", named)


def _vlan_name(number: int | None, name: str | None) -> str | None:
    """As NetBox shows it, since the number is what the equipment knows."""
    return f"{name or ''} ({number})".strip() if number is not None else name


def _named_segments(
    context: Context, kind: str, part: str, rows: Sequence[tuple[Key, str | None, str]]
) -> Iterator[Batch]:
    if rows:
        columns = {
            "id": context.keys(part, [key for key, _, _ in rows]),
            "name": texts([name for _, name, _ in rows]),
            "kind": constant(kind, len(rows)),
            "origin": context.origins(place for _, _, place in rows),
        }
        yield Batch("segment", pa.table(columns))


def _prefixes(context: Context) -> Iterator[Batch]:
    prefixes = context.inventory.of(Prefix)
    rows: list[tuple[Key, str | None, str | None, str]] = []
    for index, key, prefix in prefixes:
        if word(prefix.status) == "container":
            prefixes.aside[index] = "is a container: it groups prefixes and is no segment"
            continue
        place = prefixes.places[index]
        context.vlans.note_one(prefix.vlan, place)
        context.vrfs.note_one(prefix.vrf, place)
        parent = context.key("vlan/", key_of(prefix.vlan)) or context.key(
            "vrf/", key_of(prefix.vrf)
        )
        rows.append((key, prefix.prefix, parent, place))
    if rows:
        columns = {
            "id": context.keys("prefix/", [key for key, _, _, _ in rows]),
            "kind": constant("subnet", len(rows)),
            "parent": texts([parent for _, _, parent, _ in rows]),
            "address_range": texts([text for _, text, _, _ in rows]),
            "origin": context.origins(place for _, _, _, place in rows),
        }
        yield Batch("segment", pa.table(columns))
