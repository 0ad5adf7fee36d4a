"""Where NetBox elements have their feet: interfaces with addresses, and services that listen."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from ringfence.sources.base import Batch
from ringfence.sources.netbox.context import Context, texts
from ringfence.sources.netbox.paths import INTERFACE
from ringfence.sources.netbox.records import (
    AnyRef,
    Interface,
    IpAddress,
    Key,
    NamedPort,
    Service,
    TaggedVlan,
    VmInterface,
    VmTaggedVlan,
    key_of,
    word,
)

VM_INTERFACE = "virtualization.vminterface"
_PARTS = {INTERFACE: ("interface/", ""), VM_INTERFACE: ("vminterface/", "vm/")}
_OWNERS = {"dcim.device": "", "virtualization.virtualmachine": "vm/"}
_NO_TYPE = "is of a type number the dump does not name; dump django_content_type too"
_NO_FOOT = "has no address, VLAN or VRF: a foot in no segment"
_MOST = 2**31
_OWNER_ABSENT = "belongs to a device that is set aside"


class _Owner(NamedTuple):
    """The interface that an address is on."""

    label: str
    key: Key


class _Address(NamedTuple):
    key: Key
    text: str | None
    vrf: Key | None
    at: int


class _Foot(NamedTuple):
    """A row of `interface`."""

    native: str
    element: str | None
    segment: str | None
    name: str | None
    address: str | None
    is_management: bool | None
    place: str


def interfaces(
    context: Context, linked: set[Key], devices: set[Key], virtual: set[Key]
) -> Iterator[Batch]:
    """Rows of `interface`.

    `linked` are the interfaces that links end at, which count as kept though they may have no
    foot in a segment; `devices` and `virtual` are the machines set aside.
    """
    absent = {INTERFACE: devices, VM_INTERFACE: virtual}
    rows: list[_Foot] = []
    addresses = _addresses(context, absent, rows)
    for records, joined in (
        (context.inventory.of(Interface), _tagged(context, TaggedVlan, devices)),
        (context.inventory.of(VmInterface), _tagged(context, VmTaggedVlan, virtual)),
    ):
        label = records.kind.label
        feet = _Feet(context, label, addresses, joined, absent[label], rows)
        for index, key, record in records:
            reason = feet.add(key, record, records.places[index])
            if reason and not (label == INTERFACE and key in linked):
                records.aside[index] = reason
    if rows:
        columns = {
            "id": context.keys("", [row.native for row in rows]),
            "element": texts([row.element for row in rows]),
            "segment": texts([row.segment for row in rows]),
            "name": texts([row.name for row in rows]),
            "address": texts([row.address for row in rows]),
            "is_management": pa.array([row.is_management for row in rows], pa.bool_()),
            "origin": context.origins(row.place for row in rows),
        }
        yield Batch("interface", pa.table(columns))


def _owner_of(record: Interface | VmInterface) -> Key | None:
    return key_of(record.device if isinstance(record, Interface) else record.virtual_machine)


@dataclass(slots=True)
class _Feet:
    """Lays the interfaces of one kind into rows."""

    context: Context
    label: str
    addresses: dict[_Owner, list[_Address]]
    tagged: dict[Key, list[Key]]
    absent: set[Key]
    rows: list[_Foot]

    def add(self, key: Key, record: Interface | VmInterface, place: str) -> str | None:
        """Add the rows of an interface, or say why it has none."""
        context, owner = self.context, _owner_of(record)
        found = self.addresses.get(_Owner(self.label, key), [])
        if owner in self.absent:
            outcomes = context.inventory.of(IpAddress).aside
            outcomes.update(dict.fromkeys((address.at for address in found), _OWNER_ABSENT))
            return _OWNER_ABSENT
        part, owner_part = _PARTS[self.label]
        native, element = f"{part}{key}", context.key(owner_part, owner)
        management = record.mgmt_only if isinstance(record, Interface) else None
        tagged = [key_of(ref) for ref in record.tagged_vlans or ()] + self.tagged.get(key, [])
        for ref in (record.untagged_vlan, *(record.tagged_vlans or ())):
            context.vlans.note_one(ref, place)
        context.vrfs.note_one(record.vrf, place)
        untagged, vrf = key_of(record.untagged_vlan), key_of(record.vrf)
        first = found[0] if found else None
        if first or management or untagged is not None or vrf is not None:
            self.rows.append(
                _Foot(
                    native,
                    element,
                    self._segment(untagged, vrf, first),
                    record.name,
                    first.text if first else None,
                    management,
                    place,
                )
            )
        elif not tagged:
            return _NO_FOOT
        for more in found[1:]:
            segment = self._segment(untagged, vrf, more)
            at = context.inventory.of(IpAddress).places[more.at]
            foot = f"{native}#ip/{more.key}"
            self.rows.append(_Foot(foot, element, segment, record.name, more.text, management, at))
        for vlan in tagged:
            segment = context.key("vlan/", vlan)
            foot = f"{native}#vlan/{vlan}"
            self.rows.append(_Foot(foot, element, segment, record.name, None, management, place))
        return None

    def _segment(self, vlan: Key | None, vrf: Key | None, address: _Address | None) -> str | None:
        """The untagged VLAN; without one, the VRF of the interface or of its address."""
        if vrf is None and address is not None:
            vrf = address.vrf
        return self.context.key("vlan/", vlan) or self.context.key("vrf/", vrf)


def _tagged(
    context: Context, of: type[TaggedVlan | VmTaggedVlan], absent: set[Key]
) -> dict[Key, list[Key]]:
    """The tagged VLANs of each interface, which PostgreSQL keeps in a table of their own."""
    found: dict[Key, list[Key]] = defaultdict(list)
    records = context.inventory.of(of)
    for index, _, record in records:
        on: Interface | VmInterface | None
        if isinstance(record, TaggedVlan):
            key = key_of(record.interface)
            on = context.inventory.of(Interface).get(key)
        else:
            key = key_of(record.vminterface)
            on = context.inventory.of(VmInterface).get(key)
        vlan = key_of(record.vlan)
        if key is None or vlan is None or on is None:
            records.faulty[index] = "is of an interface that is not in the file"
        elif _owner_of(on) in absent:
            records.aside[index] = _OWNER_ABSENT
        else:
            found[key].append(vlan)
    return found


def _addresses(
    context: Context, absent: dict[str, set[Key]], rows: list[_Foot]
) -> dict[_Owner, list[_Address]]:
    """The addresses of each interface in the file, lowest number first.

    An address on an interface that is only mentioned, with its device, is a row at once.
    """
    records = context.inventory.of(IpAddress)
    held = {
        INTERFACE: context.inventory.of(Interface),
        VM_INTERFACE: context.inventory.of(VmInterface),
    }
    found: dict[_Owner, list[_Address]] = defaultdict(list)
    for index, key, record in records:
        owner = _owner(context, record)
        place = records.places[index]
        if isinstance(owner, str):
            records.aside[index] = owner
            continue
        context.vrfs.note_one(record.vrf, place)
        address = _Address(key, record.address, key_of(record.vrf), index)
        if held[owner.label].at(owner.key) is not None:
            found[owner].append(address)
            continue
        port = record.assigned_object or record.interface
        machine: AnyRef = None
        if port is not None and not isinstance(port, int | list):
            machine = port.device if owner.label == INTERFACE else port.virtual_machine
        if machine is None:
            records.faulty[index] = f"is on {owner.label} {owner.key}, which is not in the file"
        elif key_of(machine) in absent[owner.label]:
            records.aside[index] = _OWNER_ABSENT
        else:
            part, owner_part = _PARTS[owner.label]
            rows.append(
                _Foot(
                    f"{part}{owner.key}#ip/{key}",
                    context.key(owner_part, key_of(machine)),
                    context.key("vrf/", address.vrf),
                    port.name if isinstance(port, NamedPort) else None,
                    record.address,
                    port.mgmt_only if isinstance(port, NamedPort) else None,
                    place,
                )
            )
    for addresses in found.values():
        addresses.sort(key=lambda address: (isinstance(address.key, str), address.key))
    return found


def _owner(context: Context, record: IpAddress) -> _Owner | str:
    """The interface an address is on, or why there is none."""
    port = record.assigned_object or record.interface
    key = record.assigned_object_id
    if key is None:
        key = port.id if isinstance(port, NamedPort) else key_of(port)  # type: ignore[assignment]
    if key is None:
        return "is assigned to no interface"
    label = context.types.label(record.assigned_object_type)
    if label is None and record.assigned_object_type is not None:
        return _NO_TYPE
    if label is None:
        on_machine = isinstance(port, NamedPort) and port.virtual_machine is not None
        label = VM_INTERFACE if on_machine else INTERFACE
    if label not in _PARTS:
        return f"is assigned to {label}, which is no interface of an element"
    return _Owner(label, key)


def endpoints(context: Context, devices: set[Key], virtual: set[Key]) -> Iterator[Batch]:
    """Rows of `endpoint`, one a port."""
    records = context.inventory.of(Service)
    rows: list[tuple[str, str | None, str | None, int | None, str | None, str]] = []
    for index, key, service in records:
        ports = _ports(service)
        owner = _machine(context, service)
        if ports is None:
            records.faulty[index] = "has ports that are no numbers"
        elif isinstance(owner, str):
            records.aside[index] = owner
        elif owner.key in (devices if owner.label == "" else virtual):
            records.aside[index] = _OWNER_ABSENT
        else:
            element = context.key(owner.label, owner.key)
            protocol = (word(service.protocol) or "").upper() or None
            numbers: list[int | None] = [*ports] or [None]
            for port in numbers:
                native = f"service/{key}" if port is None else f"service/{key}#{port}"
                place = records.places[index]
                rows.append((native, element, protocol, port, service.name, place))
    if rows:
        natives, elements, protocols, listening, names, places = zip(*rows, strict=True)
        columns = {
            "id": context.keys("", natives),
            "element": texts(elements),
            "protocol": texts(protocols),
            "port": pa.array(listening, pa.int64()),
            "service": texts(names),
            "origin": context.origins(places),
        }
        yield Batch("endpoint", pa.table(columns))


def _machine(context: Context, service: Service) -> _Owner | str:
    """The device or virtual machine a service runs on, by the part of its key; or why none."""
    for part, ref in (("", service.device), ("vm/", service.virtual_machine)):
        key = key_of(ref)
        if key is not None:
            return _Owner(part, key)
    if service.parent_object_id is None:
        return "runs on no device or virtual machine"
    label = context.types.label(service.parent_object_type)
    if label is None:
        return _NO_TYPE
    if label not in _OWNERS:
        return f"runs on {label}, which is no element"
    return _Owner(_OWNERS[label], service.parent_object_id)


def _ports(service: Service) -> list[int] | None:
    """The port numbers; Django may write the list, or each number, as text. None: no numbers."""
    ports: object = service.ports
    try:
        if isinstance(ports, str):
            ports = json.loads(ports)
        if not isinstance(ports, list):
            ports = [service.port] if service.port is not None else []
        numbers = list(dict.fromkeys(int(port) for port in ports))
    except (ValueError, TypeError, RecursionError):
        return None
    return numbers if all(abs(number) < _MOST for number in numbers) else None
