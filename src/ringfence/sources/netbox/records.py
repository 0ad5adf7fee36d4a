"""What of a NetBox record is read: the fields that have a place in our tables, and no others.

One class serves all three shapes a NetBox export comes in, because they differ in how they write
a reference and in little else. In a dump a reference is a number; in a REST answer it is a small
object with the number in it; in a dump made with natural keys it may be a list. So a reference is
one of the three, and `key_of` says which record it means.

Fields are those of NetBox 2.10 to 4.6. Where a release renamed one, both names are here and the
mapping takes the one that is filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

Key: TypeAlias = int | str
"""NetBox's number for a record; its slug or name where a dump leaves numbers out."""


class Choice(msgspec.Struct, gc=False):
    """A value from a list, as REST writes it."""

    value: str | int | bool | None = None
    label: str | None = None


class State(msgspec.Struct, gc=False):
    """The status of a machine, as REST writes it; its label says nothing more."""

    value: str | int | bool | None = None


class Named(msgspec.Struct, gc=False):
    """A record mentioned inside another."""

    id: int | None = None
    name: str | None = None


class NamedType(msgspec.Struct, gc=False):
    """A device type mentioned inside a device."""

    id: int | None = None
    model: str | None = None
    manufacturer: int | Named | list[object] | None = None


class NamedVlan(msgspec.Struct, gc=False):
    """A VLAN mentioned inside an interface or a prefix."""

    id: int | None = None
    vid: int | None = None
    name: str | None = None


class NamedPort(msgspec.Struct, gc=False):
    """A port or an interface mentioned inside an address or a cable."""

    id: int | None = None
    name: str | None = None
    device: int | Named | None = None
    virtual_machine: int | Named | None = None
    mgmt_only: bool | None = None


Ref: TypeAlias = int | Named | list[object] | None
TypeRef: TypeAlias = int | NamedType | list[object] | None
VlanRef: TypeAlias = int | NamedVlan | list[object] | None
PortRef: TypeAlias = int | NamedPort | list[object] | None
AnyRef: TypeAlias = int | Named | NamedType | NamedVlan | NamedPort | list[object] | None
Word: TypeAlias = Choice | str | int | bool | None
ContentTypeRef: TypeAlias = str | int | list[str] | None
Number: TypeAlias = float | str | None
Custom: TypeAlias = dict[str, object] | None


class Record(msgspec.Struct, gc=False):
    """What every REST object has; in a dump both stand elsewhere."""

    id: int | None = None
    url: str | None = None


class Region(Record, gc=False):
    """dcim.region."""

    name: str | None = None
    slug: str | None = None


class Tenant(Record, gc=False):
    """tenancy.tenant."""

    name: str | None = None
    slug: str | None = None


class Manufacturer(Record, gc=False):
    """dcim.manufacturer."""

    name: str | None = None
    slug: str | None = None


class DeviceRole(Record, gc=False):
    """dcim.devicerole, which virtual machines have too."""

    name: str | None = None
    slug: str | None = None


class Site(Record, gc=False):
    """dcim.site."""

    name: str | None = None
    slug: str | None = None
    region: Ref = None
    tenant: Ref = None
    latitude: Number = None
    longitude: Number = None


class DeviceType(Record, gc=False):
    """dcim.devicetype."""

    model: str | None = None
    slug: str | None = None
    manufacturer: Ref = None


class Tagged(msgspec.Struct, gc=False):
    """A tag mentioned inside a record."""

    name: str | None = None


class Machine(Record, gc=False):
    """What devices and virtual machines have in common; `device_role` is 3.5 and older."""

    name: str | None = None
    role: Ref = None
    device_role: Ref = None
    site: Ref = None
    tenant: Ref = None
    serial: str | None = None
    status: State | str | int | bool | None = None
    tags: list[Tagged | str | int] | None = None
    custom_fields: Custom = None
    custom_field_data: Custom = None


class Device(Machine, gc=False):
    """dcim.device."""

    device_type: TypeRef = None


class VirtualMachine(Machine, gc=False):
    """virtualization.virtualmachine."""

    cluster: Ref = None
    device: Ref = None


class Cluster(Record, gc=False):
    """virtualization.cluster; its site is `site` before 4.2 and its scope from then on."""

    name: str | None = None
    site: Ref = None
    scope_type: ContentTypeRef = None
    scope: Named | None = None
    cached_site: int | None = msgspec.field(default=None, name="_site")


class Cabled(Record, gc=False):
    """What a cable can end at; the port names the cable and the side."""

    cable: Ref = None
    cable_end: str | None = None


class Interface(Cabled, gc=False):
    """dcim.interface."""

    name: str | None = None
    device: Ref = None
    mgmt_only: bool | None = None
    untagged_vlan: VlanRef = None
    tagged_vlans: list[int | NamedVlan | list[object]] | None = None
    vrf: Ref = None


class VmInterface(Record, gc=False):
    """virtualization.vminterface."""

    name: str | None = None
    virtual_machine: Ref = None
    untagged_vlan: VlanRef = None
    tagged_vlans: list[int | NamedVlan | list[object]] | None = None
    vrf: Ref = None


class TaggedVlan(Record, gc=False):
    """The table that joins interfaces to tagged VLANs, in PostgreSQL dumps only."""

    interface: Ref = None
    vlan: Ref = None


class VmTaggedVlan(Record, gc=False):
    """The same for interfaces of virtual machines."""

    vminterface: Ref = None
    vlan: Ref = None


class IpAddress(Record, gc=False):
    """ipam.ipaddress; `interface` is what 2.8 and older have."""

    address: str | None = None
    vrf: Ref = None
    assigned_object_type: ContentTypeRef = None
    assigned_object_id: int | None = None
    assigned_object: NamedPort | None = None
    interface: PortRef = None


class Vlan(Record, gc=False):
    """ipam.vlan."""

    vid: int | None = None
    name: str | None = None


class Vrf(Record, gc=False):
    """ipam.vrf."""

    name: str | None = None


class Prefix(Record, gc=False):
    """ipam.prefix."""

    prefix: str | None = None
    vlan: VlanRef = None
    vrf: Ref = None
    status: Word = None


class Service(Record, gc=False):
    """ipam.service; `port` is 2.9 and older, `parent` is 4.3 and newer."""

    name: str | None = None
    protocol: Word = None
    ports: list[int | str] | str | None = None
    port: int | None = None
    device: Ref = None
    virtual_machine: Ref = None
    parent_object_type: ContentTypeRef = None
    parent_object_id: int | None = None


class Termination(msgspec.Struct, gc=False):
    """One end of a cable, as REST writes it since 3.3."""

    object_type: str | None = None
    object_id: int | None = None
    object: NamedPort | None = None


class Cable(Record, gc=False):
    """dcim.cable; `termination_a...` is 3.2 and older."""

    type: Word = None
    status: Word = None
    length: Number = None
    length_unit: Word = None
    a_terminations: list[Termination] | None = None
    b_terminations: list[Termination] | None = None
    termination_a_type: ContentTypeRef = None
    termination_a_id: int | None = None
    termination_a: NamedPort | None = None
    termination_b_type: ContentTypeRef = None
    termination_b_id: int | None = None
    termination_b: NamedPort | None = None


class CableTermination(Record, gc=False):
    """dcim.cabletermination."""

    cable: Ref = None
    cable_end: str | None = None
    termination_type: ContentTypeRef = None
    termination_id: int | None = None


class PortPair(msgspec.Struct, gc=False):
    """What lies behind one position of a front port, as REST writes it since 4.5."""

    position: int | None = None
    rear_port: Ref = None
    rear_port_position: int | None = None


class FrontPort(Cabled, gc=False):
    """dcim.frontport; `rear_ports` is 4.5 and newer."""

    rear_port: Ref = None
    rear_port_position: int | None = None
    rear_ports: list[PortPair] | None = None


class RearPort(Cabled, gc=False):
    """dcim.rearport."""


class PortMapping(Record, gc=False):
    """dcim.portmapping, in dumps of 4.5 and newer."""

    front_port: Ref = None
    front_port_position: int | None = None
    rear_port: Ref = None
    rear_port_position: int | None = None


class Circuit(Record, gc=False):
    """circuits.circuit."""

    cid: str | None = None
    commit_rate: int | None = None
    distance: Number = None
    distance_unit: Word = None


class CircuitTermination(Cabled, gc=False):
    """circuits.circuittermination."""

    circuit: Ref = None
    term_side: str | None = None


class ContentType(Record, gc=False):
    """contenttypes.contenttype: what the numbers of generic references mean."""

    app_label: str | None = None
    model: str | None = None


class FhrpGroup(Record, gc=False):
    """ipam.fhrpgroup; only whether there are any matters, since addresses may be theirs."""


class Tag(Record, gc=False):
    """extras.tag."""

    name: str | None = None


class TaggedItem(Record, gc=False):
    """extras.taggeditem."""

    content_type: ContentTypeRef = None
    object_id: int | None = None
    tag: Ref = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A NetBox model that is read.

    `endpoint` is its path below `/api/`. `told_by` are sets of keys, any of which only this
    model's REST objects have: they tell what an object is that carries no `url`, as older
    releases wrote them. `table` is the table its faults are counted against. Nothing refers to a
    kind that is not keyed, and a dump may leave its numbers out.
    """

    label: str
    record: type[Record]
    endpoint: str | None = None
    told_by: tuple[frozenset[str], ...] = ()
    table: str | None = None
    sql_table: str = field(default="")
    is_keyed: bool = True

    def __post_init__(self) -> None:
        if not self.sql_table:
            object.__setattr__(self, "sql_table", self.label.replace(".", "_"))


def _keys(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(("id", *text.split())) for text in sets)


KINDS = (
    Kind("dcim.region", Region, "dcim/regions"),
    Kind("tenancy.tenant", Tenant, "tenancy/tenants", (), "operator"),
    Kind("dcim.manufacturer", Manufacturer, "dcim/manufacturers", (), "product"),
    Kind("dcim.devicerole", DeviceRole, "dcim/device-roles"),
    Kind("dcim.site", Site, "dcim/sites", _keys("physical_address slug"), "site"),
    Kind("dcim.devicetype", DeviceType, "dcim/device-types",
         _keys("manufacturer model slug u_height"), "product"),
    Kind("dcim.device", Device, "dcim/devices", _keys("device_type site status"), "element"),
    Kind("virtualization.cluster", Cluster, "virtualization/clusters",
         _keys("type virtualmachine_count")),
    Kind("virtualization.virtualmachine", VirtualMachine, "virtualization/virtual-machines",
         _keys("cluster vcpus"), "element"),
    Kind("dcim.interface", Interface, "dcim/interfaces", _keys("device mgmt_only"), "interface"),
    Kind("virtualization.vminterface", VmInterface, "virtualization/interfaces",
         _keys("virtual_machine untagged_vlan"), "interface"),
    Kind("dcim.interface_tagged_vlans", TaggedVlan, table="interface"),
    Kind("virtualization.vminterface_tagged_vlans", VmTaggedVlan, table="interface"),
    Kind("ipam.ipaddress", IpAddress, "ipam/ip-addresses", _keys("address nat_inside"),
         "interface"),
    Kind("ipam.vlan", Vlan, "ipam/vlans", _keys("vid name group"), "segment"),
    Kind("ipam.vrf", Vrf, "ipam/vrfs", _keys("rd name"), "segment"),
    Kind("ipam.prefix", Prefix, "ipam/prefixes", _keys("prefix is_pool"), "segment"),
    Kind("ipam.service", Service, "ipam/services", _keys("protocol ipaddresses"), "endpoint"),
    Kind("dcim.cable", Cable, "dcim/cables",
         _keys("a_terminations b_terminations", "termination_a_type termination_b_type"), "link"),
    Kind("dcim.cabletermination", CableTermination, "dcim/cable-terminations",
         _keys("cable cable_end termination_id"), "link"),
    Kind("dcim.frontport", FrontPort, "dcim/front-ports",
         _keys("device rear_port", "device rear_ports"), "link"),
    Kind("dcim.rearport", RearPort, "dcim/rear-ports", _keys("device positions"), "link"),
    Kind("dcim.portmapping", PortMapping, table="link"),
    Kind("circuits.circuit", Circuit, "circuits/circuits", _keys("cid provider"), "link"),
    Kind("circuits.circuittermination", CircuitTermination, "circuits/circuit-terminations",
         _keys("circuit term_side"), "link"),
    Kind("contenttypes.contenttype", ContentType, sql_table="django_content_type"),
    Kind("ipam.fhrpgroup", FhrpGroup, "ipam/fhrp-groups"),
    Kind("extras.tag", Tag, "extras/tags"),
    Kind("extras.taggeditem", TaggedItem, "extras/tagged-objects", (), "function", is_keyed=False),
)  # fmt: skip


_PLAIN = {int, type(None)}
_OBJECTS = {Named, NamedType, NamedVlan, NamedPort, type(None)}


def key_of(ref: AnyRef) -> Key | None:
    """Which record a reference means.

    A natural key is a list; its parts are joined, since NetBox's own models declare no natural
    keys and so no other order of them is known.
    """
    if ref is None or isinstance(ref, int):
        return ref
    if isinstance(ref, list):
        return "/".join(map(str, ref)) or None
    return ref.id


def keys_of(refs: Sequence[AnyRef], kinds: set[type]) -> list[Key | None]:
    """`key_of` of many, which are of those `kinds`.

    Where all are written alike, which is nearly always, it takes no call for each.
    """
    if kinds <= _PLAIN:
        return list(refs)  # type: ignore[arg-type]  # each is a number or none
    if kinds <= _OBJECTS and type(None) not in kinds:
        return [ref.id for ref in refs]  # type: ignore[union-attr]
    if kinds <= _OBJECTS:
        return [None if ref is None else ref.id for ref in refs]  # type: ignore[union-attr]
    return [key_of(ref) for ref in refs]


def word(value: Word) -> str | None:
    """A choice as NetBox stores it today: lower case, null where not stated.

    Before 2.7 choices were numbers, and REST then gave the word only as the label.
    """
    if isinstance(value, Choice):
        value = value.value if isinstance(value.value, str) else value.label
    return value.lower() or None if isinstance(value, str) else None
