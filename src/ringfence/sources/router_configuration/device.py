"""A device as its configuration states it: what every dialect makes, and `rows` makes tables of."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ringfence.sources.router_configuration.entries import Entry, Ranges, interface_address
from ringfence.sources.router_configuration.text import Ledger


@dataclass(slots=True)
class Address:
    """An address with its prefix length, where it stands, and the label of its foot."""

    text: str
    line: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """Rule lists bound to an interface, gone through in turn."""

    lists: tuple[str, ...]
    family: int
    direction: str
    line: int


@dataclass(slots=True)
class Port:
    """An interface: its feet and the lists at it. `is_up` is null where it is not stated."""

    name: str
    line: int
    is_up: bool | None = True
    is_management: bool | None = None
    vrf: str | None = None
    addresses: list[Address] = field(default_factory=list)
    vlans: dict[int, int] = field(default_factory=dict)
    bindings: list[Binding] = field(default_factory=list)

    def address(self, text: str | None, line: int, label: str | None = None) -> bool:
        """Add an address with prefix length; false where it is none."""
        checked = interface_address(text) if text else None
        if checked is None:
            return False
        if all(a.text != checked for a in self.addresses):
            self.addresses.append(Address(checked, line, label))
        return True


@dataclass(slots=True)
class RuleList:
    """A rule list by its entries; `default` is what becomes of what none matches."""

    name: str
    line: int
    default: str | None = "deny"
    family: int = 4
    entries: list[Entry] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    is_stateful: bool | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """Something the device listens with."""

    name: str
    protocol: str | None
    port: int | None
    line: int
    authentication: str | None = None
    encryption: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """A list around the device itself, for some ports of a protocol or for everything.

    What its entries do not match is denied, whatever the list does elsewhere.
    """

    name: str
    list: str
    family: int
    line: int
    protocol: str | None = None
    ports: Ranges = (None,)


@dataclass(frozen=True, slots=True)
class Wall:
    """Entries at a place of their own: between two interfaces, at one, or at all (both null).

    `tiers` are gone through in turn. `key` tells walls at one place apart. `ledger` is that of the
    file the entries stand in, where it is not the device's own.
    """

    key: str
    name: str | None
    line: int
    direction: str | None
    tiers: Sequence[Sequence[Entry]] = ()
    source: str | None = None
    target: str | None = None
    default: str | None = "deny"
    is_stated: bool = True
    is_stateful: bool | None = None
    ledger: Ledger | None = None


@dataclass(frozen=True, slots=True)
class Static:
    """A static or discard route."""

    destination: str
    line: int
    vrf: str | None = None
    next_hop: str | None = None
    interface: str | None = None
    kind: str = "static"
    preference: int | None = None


@dataclass(frozen=True, slots=True)
class Translation:
    """An address translation, in the words of its table."""

    kind: str
    line: int
    interface: str | None = None
    protocol: str | None = None
    source: str | None = None
    destination: str | None = None
    destination_ports: str | None = None
    to_range: str | None = None
    to_ports: str | None = None
    ledger: Ledger | None = None


@dataclass(slots=True)
class Device:
    """What a configuration says of its device.

    `fallback` takes the name's place in keys where the configuration does not name its device.
    """

    ledger: Ledger
    name: str | None = None
    name_line: int | None = None
    fallback: str | None = None
    vendor_name: str | None = None
    software_version: str | None = None
    version_line: int | None = None
    model: str | None = None
    serial: str | None = None
    forwards_packets: bool | None = True
    speaks_ipv6: bool = False
    vrfs: dict[str, int] = field(default_factory=dict)
    vlans: dict[int, tuple[str | None, int]] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    lists: dict[tuple[int, str], RuleList] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    walls: list[Wall] = field(default_factory=list)
    statics: list[Static] = field(default_factory=list)
    translations: list[Translation] = field(default_factory=list)

    def port(self, name: str, line: int) -> Port:
        """The interface of that name, made where it is not there yet."""
        found = self.ports.get(name)
        if found is None:
            found = self.ports[name] = Port(name, line)
        return found

    def rule_list(
        self, family: int, name: str, line: int, default: str | None = "deny"
    ) -> RuleList:
        """The list of that name, made where it is not there yet."""
        key = (family, name)
        if key not in self.lists:
            self.lists[key] = RuleList(name, line, default, family)
        return self.lists[key]
