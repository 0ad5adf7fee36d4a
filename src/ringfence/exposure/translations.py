"""Translations of addresses on the way, as far as they are stated."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from ringfence.exposure.filters import (
    MAYBE,
    NO,
    YES,
    Address,
    Destination,
    Network,
    Span,
    address_of,
    network_of,
    ports_of,
    protocol_of,
)

_EVERYTHING: dict[int, Network] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}


@dataclass(frozen=True, slots=True, eq=False)
class Translation:
    """A row of `translation`, read. `put` is the range put in place; None where not one address.

    `is_own`: the address of the interface is put in place. `doubt` says why it may not be made, or
    may put another address in place than the one looked at.
    """

    id: str
    kind: str | None
    position: int | None
    interface: str | None
    protocol: str | None
    source: Network | None
    destination: Network | None
    ports: Span | None
    put: Network | None
    put_ends: tuple[Address, Address] | None
    put_ports: Span | None
    is_own: bool
    origin: str
    doubt: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any], interfaces: AbstractSet[str]) -> "Translation":
        """The translation of a row; what cannot be read makes it one that may be made."""
        origin = row["origin"] or row["id"]
        ranges = {n: network_of(row[n]) for n in ("source_range", "destination_range", "to_range")}
        ports = {n: ports_of(row[n]) for n in ("destination_ports", "to_ports")}
        matched = ("source_range", "destination_range", "destination_ports")
        doubt = None
        if any(row[n] and (ranges | ports)[n] is None for n in matched):
            doubt = f"what {origin} is for cannot be read"
        elif row["interface"] is not None and row["interface"] not in interfaces:
            doubt = f"the interface {row['interface']}, where {origin} is made, is in no source"
        elif row["kind"] is None:
            doubt = f"whether {origin} changes the source or the destination is not stated"
        put = ranges["to_range"]
        first, _, last = (row["to_range"] or "").partition("-")
        ends = [address_of(text) for text in (first, last)]
        if put is not None:
            ends = [put.network_address, put.broadcast_address]
        return cls(
            row["id"],
            row["kind"],
            row["position"],
            row["interface"] if row["interface"] in interfaces else None,
            protocol_of(row["protocol"]),
            ranges["source_range"],
            ranges["destination_range"],
            ports["destination_ports"],
            put,
            (ends[0], ends[1]) if ends[0] is not None and ends[1] is not None else None,
            ports["to_ports"],
            not row["to_range"],
            origin,
            doubt,
        )

    @property
    def is_one(self) -> bool:
        """Whether one address is put in place, and it is stated."""
        return self.put is not None and self.put.num_addresses == 1

    def may_put(self, address: Address | None) -> bool:
        """Whether it may put an address in place; null is not stated."""
        if self.is_own:
            return False
        if address is None:
            return True
        if self.destination is not None and self.destination.version != address.version:
            return False
        if self.put_ends is None:
            return True
        first, last = self.put_ends
        return address.version == first.version and int(first) <= int(address) <= int(last)

    def fits(self, foot: str, to: Destination) -> int:
        """Whether it is made at a foot for a destination, whatever the source."""
        if self.interface not in (None, foot):
            return NO
        codes = [YES if self.doubt is None else MAYBE]
        if self.protocol is not None:
            codes.append(MAYBE if to.protocol is None else int(self.protocol == to.protocol))
        if self.ports is not None:
            first, last = self.ports
            codes.append(MAYBE if to.port is None else int(first <= to.port <= last))
        if self.destination is not None:
            codes.append(MAYBE if to.address is None else int(to.address in self.destination))
        elif self.put is not None and to.address is not None:
            codes.append(int(self.put.version == to.address.version))
        return NO if NO in codes else max(codes)

    def may_come_to(self, to: Destination) -> bool:
        """Whether what it changes may become this destination, by protocol and port."""
        span = self.put_ports or self.ports
        is_port = to.port is None or span is None or span[0] <= to.port <= span[1]
        return is_port and self.protocol in (None, to.protocol or self.protocol)

    def why_not_surely(self, to: Destination) -> str | None:
        """Why what it changes may have become something else than this destination."""
        if self.doubt is None and not self.is_own and (not self.is_one or to.address is None):
            return f"which address {self.origin} puts in place is not stated"
        if self.doubt is None and self.put_ports and self.put_ports[0] < self.put_ports[1]:
            return f"which port {self.origin} puts in place is not stated"
        return self.doubt

    def leaves_as_it_is(self, to: Destination) -> bool:
        """Whether a translation of the destination puts in place what stood there."""
        same = self.is_one and self.put is not None and to.address == self.put.network_address
        return same and self.put_ports in (None, (to.port, to.port))

    def looked_at(self, version: int) -> Network:
        """The destinations that it is for, of a family."""
        if self.destination is not None:
            return self.destination
        if self.put_ends is not None:
            version = self.put_ends[0].version
        return _EVERYTHING[version]
