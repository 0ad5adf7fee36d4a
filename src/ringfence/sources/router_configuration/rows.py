"""The tables that a device makes.

What stands for what:

- A subnet is one segment, keyed by its range and the name of its VRF, so that the interfaces of
  two routers in one subnet meet (`subnet/10.0.0.0/30`, `vrf/red/subnet/10.0.0.0/30`). A range that
  means something on one device only (a host route, link-local, loopback) is keyed below the device.
- A VLAN is keyed below its device: the same number on two switches is one domain only where they
  are cabled so, which a configuration does not say.
- An interface is a row for each thing it has a foot in: its first address or VLAN
  (`edge1/Vlan10`), each further address (`edge1/Vlan10#ip/10.0.0.2`), each further VLAN
  (`edge1/Vlan10#vlan/10`). A list bound to an interface stands at each of its feet.
- A list for IPv4 stops no IPv6 and the other way about: where the device speaks both, a boundary
  ends with an entry that lets the other family through.
- A list around the device itself (`access-class`, a filter on lo0) matches only what is addressed
  to it: its entries have a `destination_group` of which the device is the one member, and the
  boundary lets all else through.
- A list that nothing binds stops nothing, and its lines are set aside. One that is bound and not
  there has `has_rules_stated` false.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ringfence.network.model import TABLES
from ringfence.sources.base import Batch, Read, Reject
from ringfence.sources.router_configuration.device import (
    Address,
    Device,
    Guard,
    Port,
    Service,
    Static,
    Translation,
    Wall,
)
from ringfence.sources.router_configuration.entries import ITSELF, Entry, any_of, common_spans
from ringfence.sources.router_configuration.text import Ledger

MOST_FILTER_ROWS: Final = 1_000_000
"""More rows than the largest firewalls have; a list beyond it is stated as bound and not given."""

_UNBOUND: Final = "a rule list bound to no interface or service: it stops nothing by itself"


def results(device: Device, prefix: str) -> Iterator[Batch | Reject | Read]:
    """The device's rows, then the counts and rejects of its file."""
    yield from Rows(device, prefix).batches()
    for rules in device.lists.values():
        for line in rules.lines:
            device.ledger.aside(line, _UNBOUND)
    yield from device.ledger.results()


class Rows:
    """The rows of one device, made once."""

    def __init__(self, device: Device, prefix: str) -> None:
        self.device = device
        self.ledger = device.ledger
        self.prefix = prefix
        self.native = device.name or device.fallback or device.ledger.name
        self.element = f"{prefix}:{self.native}"
        self.itself = f"{self.element}/itself"
        self.tables: dict[str, dict[object, dict[str, object]]] = {}
        self.feet: dict[str, list[str]] = {}
        self.filters = 0
        self.plain = {name.lower(): port for name, port in device.ports.items()}

    def add(self, table: str, key: object, row: Mapping[str, object]) -> None:
        """Add a row unless one of its key is there."""
        self.tables.setdefault(table, {}).setdefault(key, dict(row))

    def batches(self) -> Iterator[Batch]:  # noqa: C901 (one branch a word of the language)
        """All rows, by table."""
        self._element()
        for vrf, line in self.device.vrfs.items():
            self._vrf(vrf, line)
        for number, (name, line) in self.device.vlans.items():
            self._vlan(number, name, line)
        for port in self.device.ports.values():
            self._port(port)
        for port in self.device.ports.values():
            self._bindings(port)
        for guard in self.device.guards:
            self._guard(guard)
        for wall in self.device.walls:
            self._wall(wall)
        for service in self.device.services:
            self._service(service)
        for route in self.device.statics:
            self._static(route)
        for position, translation in enumerate(self.device.translations):
            self._translation(position, translation)
        for table in TABLES:
            if rows := self.tables.get(table):
                yield Batch(table, TABLES[table].from_rows(rows.values()))

    def _element(self) -> None:
        device = self.device
        line = device.name_line or device.version_line or self.ledger.first
        product = None
        if device.version_line:
            self.ledger.keep(device.version_line)
        if device.model and device.vendor_name:
            product = f"{self.prefix}:product/{device.vendor_name}/{device.model}"
            self.add(
                "product",
                product,
                {
                    "id": product,
                    "vendor_name": device.vendor_name,
                    "model": device.model,
                    "origin": self.ledger.origin(device.version_line or line),
                },
            )
        self.add(
            "element",
            self.element,
            {
                "id": self.element,
                "name": device.name,
                "vendor_name": device.vendor_name,
                "product": product,
                "software_version": device.software_version,
                "serial": device.serial,
                "forwards_packets": device.forwards_packets,
                "origin": self.ledger.origin(line),
            },
        )

    def _vrf(self, name: str, line: int) -> str:
        key = f"{self.prefix}:vrf/{name}"
        self.add(
            "segment",
            key,
            {"id": key, "name": name, "kind": "VRF", "origin": self.ledger.origin(line)},
        )
        return key

    def _vlan(self, number: int, name: str | None, line: int) -> str:
        key = f"{self.element}/vlan/{number}"
        row = {"id": key, "name": name, "kind": "VLAN", "origin": self.ledger.origin(line)}
        self.add("segment", key, row)
        return key

    def _subnet(self, address: str, vrf: str | None, line: int) -> str:
        network = ipaddress.ip_interface(address).network
        parent = self._vrf(vrf, self.device.vrfs.get(vrf, line)) if vrf else None
        place = f"vrf/{vrf}/subnet/{network}" if vrf else f"subnet/{network}"
        is_own = (
            network.prefixlen == network.max_prefixlen
            or network.is_link_local
            or network.is_loopback
        )
        key = f"{self.element}/{place}" if is_own else f"{self.prefix}:{place}"
        self.add(
            "segment",
            key,
            {
                "id": key,
                "kind": "subnet",
                "parent": parent,
                "address_range": str(network),
                "origin": self.ledger.origin(line),
            },
        )
        return key

    def _port(self, port: Port) -> None:
        base = f"{self.element}/{port.name}"
        feet = self.feet[port.name] = []

        def foot(key: str, line: int, **what: str | None) -> None:
            feet.append(key)
            self.add(
                "interface",
                key,
                {
                    "id": key,
                    "element": self.element,
                    "name": port.name,
                    "is_management": port.is_management,
                    "is_up": port.is_up,
                    "origin": self.ledger.origin(line),
                    **what,
                },
            )

        for address in port.addresses:
            label = address.label or f"ip/{address.text.partition('/')[0]}"
            segment = self._subnet(address.text, port.vrf, address.line)
            key = f"{base}#{label}" if feet else base
            foot(key, address.line, segment=segment, address=address.text)
            if port.is_up is not False and address.label is None:
                self._connected(port, key, address)
        for number, line in port.vlans.items():
            name, stated = self.device.vlans.get(number, (None, line))
            segment = self._vlan(number, name, stated)
            foot(f"{base}#vlan/{number}" if feet else base, line, segment=segment)
        if not feet:
            foot(base, port.line)
        self.ledger.keep(port.line)

    def _connected(self, port: Port, foot: str, address: Address) -> None:
        destination = str(ipaddress.ip_interface(address.text).network)
        self._route(
            Static(destination, address.line, vrf=port.vrf, kind="connected", preference=0), foot
        )

    def _route(self, route: Static, interface: str | None) -> None:
        domain = None
        if route.vrf:
            domain = self._vrf(route.vrf, self.device.vrfs.get(route.vrf, route.line))
        key = (domain, route.destination, route.next_hop, interface)
        row: dict[str, object] = {
            "element": self.element,
            "routing_domain": domain,
            "destination_range": route.destination,
            "next_hop": route.next_hop,
            "interface": interface,
            "kind": route.kind,
            "preference": route.preference,
            "origin": self.ledger.origin(route.line),
        }
        earlier = self.tables.setdefault("route", {}).get(key)
        # Of two alike the one with the lower preference is used; none stated is the lowest.
        if earlier is None or _preferred(row) < _preferred(earlier):
            self.tables["route"][key] = row

    def _named(self, written: str) -> Port | None:
        """The interface meant by a name, however its letters and spaces are written."""
        return self.device.ports.get(written) or self.plain.get(written.replace(" ", "").lower())

    def _static(self, route: Static) -> None:
        port = self._named(route.interface) if route.interface else None
        self._route(route, self.feet[port.name][0] if port else None)

    def _bindings(self, port: Port) -> None:
        for binding in port.bindings:
            lists = [self.device.lists.get((binding.family, name)) for name in binding.lists]
            label = binding.lists[0] if len(binding.lists) == 1 else "+".join(binding.lists)
            found = [rules for rules in lists if rules is not None]
            is_stated = len(found) == len(lists)
            for foot in self.feet[port.name]:
                key = f"{foot}/{binding.direction}/ipv{binding.family}"
                tiers = [rules.entries for rules in found] if is_stated else []
                default = found[-1].default if found and is_stated else None
                self._boundary(
                    key,
                    binding.line,
                    tiers,
                    name=label,
                    interface=foot,
                    direction=binding.direction,
                    default=default,
                    is_stated=is_stated,
                    is_stateful=found[-1].is_stateful if found else None,
                    passing=self._other_family(binding.family, default, binding.line),
                )
            for rules in found:
                self.ledger.keep(rules.line)

    def _other_family(self, family: int, default: str | None, line: int) -> tuple[Entry, ...]:
        if default == "allow" or (family == 4 and not self.device.speaks_ipv6):
            return ()
        other = any_of(6 if family == 4 else 4)
        text = f"a list for IPv{family} lets through what is not IPv{family}"
        return (Entry("allow", line, text, sources=(other,), destinations=(other,)),)

    def _boundary(
        self,
        key: str,
        line: int,
        tiers: Sequence[Sequence[Entry]],
        *,
        name: str | None,
        direction: str | None,
        default: str | None,
        interface: str | None = None,
        to_interface: str | None = None,
        is_stated: bool = True,
        is_stateful: bool | None = None,
        passing: Sequence[Entry] = (),
        ledger: Ledger | None = None,
    ) -> None:
        ledger = ledger or self.ledger
        native, count = key, 2
        while key in self.tables.get("boundary", {}):
            key, count = f"{native}/{count}", count + 1
        entries = [*tiers, passing] if passing and is_stated else tiers
        stated = [[(e, e.rows()) for e in tier] for tier in entries] if is_stated else []
        count = sum(len(rows) for tier in stated for _, rows in tier)
        if self.filters + count > MOST_FILTER_ROWS:
            is_stated, stated, count = False, [], 0
            ledger.fault(line, f"rule lists of more than {MOST_FILTER_ROWS:,} rows on one device")
        self.filters += count
        self.add(
            "boundary",
            key,
            {
                "id": key,
                "name": name,
                "element": self.element,
                "interface": interface,
                "to_interface": to_interface,
                "direction": direction,
                "default_action": default if is_stated else None,
                "is_stateful": is_stateful,
                "has_rules_stated": is_stated,
                "origin": ledger.origin(line),
            },
        )
        filters = self.tables.setdefault("filter", {}) if stated else {}
        for tier, entries_of_tier in enumerate(stated):
            position = 0
            for entry, rows in entries_of_tier:
                place_of = entry.ledger or ledger
                place_of.keep(*entry.also)
                origin = place_of.origin(entry.line)
                for row in rows:
                    place = f"{key}/{tier}/{position}"
                    self._name_itself(row, origin)
                    row.update(id=place, boundary=key, tier=tier, position=position, origin=origin)
                    filters[place] = row
                    position += 1

    def _name_itself(self, row: dict[str, object], origin: str) -> None:
        for end in ("source_group", "destination_group"):
            if row[end] == ITSELF:
                row[end] = self.itself
                self.add(
                    "group_member",
                    self.itself,
                    {
                        "group": self.itself,
                        "element": self.element,
                        "is_certain": True,
                        "origin": origin,
                    },
                )

    def _guard(self, guard: Guard) -> None:
        rules = self.device.lists.get((guard.family, guard.list))
        entries: list[Entry] = []
        if rules is not None:
            self.ledger.keep(rules.line, *(e.line for e in rules.entries))
            entries = [e for r in rules.entries if (e := _narrowed(r, guard))]
            entries.append(_rest(guard))
        self._boundary(
            f"{self.element}/guard/{guard.name}",
            guard.line,
            [entries] if rules is not None else [],
            name=guard.list,
            direction="in",
            default="allow",
            is_stated=rules is not None,
        )

    def _wall(self, wall: Wall) -> None:
        everywhere: list[str | None] = [None]
        for source in self.feet.get(wall.source, ()) if wall.source else everywhere:
            for target in self.feet.get(wall.target, ()) if wall.target else everywhere:
                place = "/".join(
                    (end or "").removeprefix(f"{self.element}/") or "any"
                    for end in (source, target)
                )
                self._boundary(
                    f"{self.element}/{wall.key}/{place}"
                    if source or target
                    else f"{self.element}/{wall.key}",
                    wall.line,
                    wall.tiers,
                    name=wall.name,
                    direction=wall.direction,
                    interface=source,
                    to_interface=target,
                    default=wall.default,
                    is_stated=wall.is_stated,
                    is_stateful=wall.is_stateful,
                    ledger=wall.ledger,
                )

    def _service(self, service: Service) -> None:
        key = f"{self.element}/endpoint/{service.name}"
        if service.address:
            key += f"@{service.address}"
        rows = self.tables.setdefault("endpoint", {})
        if key in rows and rows[key]["port"] != service.port:
            key += f"/{service.port}"
        if earlier := rows.get(key):
            # One service stated twice is open by the weaker of its ways in.
            earlier["authentication"] = _weaker(earlier["authentication"], service.authentication)
            self.ledger.keep(service.line)
            return
        rows[key] = {
            "id": key,
            "element": self.element,
            "address": service.address,
            "protocol": service.protocol,
            "port": service.port,
            "service": service.name,
            "authentication": service.authentication,
            "encryption": service.encryption,
            "origin": self.ledger.origin(service.line),
        }

    def _translation(self, position: int, made: Translation) -> None:
        key = f"{self.element}/translation/{position}"
        port = self._named(made.interface) if made.interface else None
        self.add(
            "translation",
            key,
            {
                "id": key,
                "element": self.element,
                "interface": self.feet[port.name][0] if port else None,
                "kind": made.kind,
                "position": position,
                "protocol": made.protocol,
                "source_range": made.source,
                "destination_range": made.destination,
                "destination_ports": made.destination_ports,
                "to_range": made.to_range,
                "to_ports": made.to_ports,
                "origin": (made.ledger or self.ledger).origin(made.line),
            },
        )


def _preferred(row: Mapping[str, object]) -> int:
    preference = row["preference"]
    return preference if isinstance(preference, int) else -1


def _weaker(one: object, other: object) -> object:
    """Of two ways to prove who one is, that of the weaker is known where it is `none` or both are."""
    if one == other:
        return one
    return "none" if "none" in {one, other} else None


def _narrowed(entry: Entry, guard: Guard) -> Entry | None:
    """The entry as far as it concerns what the guard stands around; null where nothing is left."""
    protocols, ports = entry.protocols, entry.destination_ports
    if guard.protocol is not None:
        if None not in protocols and guard.protocol not in protocols:
            return None
        protocols = (guard.protocol,)
        ports = common_spans(ports, guard.ports)
        if not ports:
            return None
    return replace(entry, protocols=protocols, destination_ports=ports, destination_group=ITSELF)


def _rest(guard: Guard) -> Entry:
    return Entry(
        "deny",
        guard.line,
        f"what no entry of {guard.list} matches",
        protocols=(guard.protocol,),
        sources=(any_of(guard.family),),
        destination_ports=guard.ports,
        destination_group=ITSELF,
    )
