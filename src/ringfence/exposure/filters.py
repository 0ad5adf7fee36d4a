"""What ordered rule lists let through, for all sorts of packets at once, in three values.

Packets are sorted as far as any list tells them apart: by source address (cut where some entry's
range begins or ends), by source port, and by the groups that their sender is in. A list is then
gone through once for one destination and all sorts of packets.

First match decides, and where it cannot be told whether an entry matches (the packet's address is
not stated, the sender may or may not be in the group, the entry asks for more than we read), both
what it does and what comes after it are possible. So the answer has two parts: what is let through
for certain, and what may be.
"""

import ipaddress
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from ringfence.exposure.arrays import Flags, Ints

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Span: TypeAlias = tuple[int, int]
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

NO, YES, MAYBE = 0, 1, 2
UNKNOWN = -1
"""The part of the address space of an address that is not stated."""

LAST_PORT = 65535
PROTOCOLS = {"6": "TCP", "17": "UDP", "132": "SCTP", "1": "ICMP", "58": "ICMPV6", "IP": None,
             "IPV4": None, "IPV6": None, "ANY": None, "ALL": None, "": None}  # fmt: skip
"""Protocols by number (IANA), and words for any."""


def address_of(text: str | None) -> Address | None:
    """An address as written, with or without a prefix length; None where there is none."""
    try:
        return ipaddress.ip_address(text.partition("/")[0].partition("%")[0]) if text else None
    except ValueError:
        return None


def network_of(text: str | None) -> Network | None:
    """A range as written; None where there is none."""
    try:
        return ipaddress.ip_network(text, strict=False) if text else None
    except ValueError:
        return None


def protocol_of(text: str | None) -> str | None:
    """The protocol meant; None where any."""
    folded = (text or "").strip().upper()
    return PROTOCOLS.get(folded, folded)


def ports_of(text: str | None) -> tuple[int, int] | None:
    """The first and last port of `from-to`; None where any or not readable."""
    first, _, last = (text or "").partition("-")
    try:
        return (int(first), int(last or first)) if first else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list, as `network.model.FILTER` states it."""

    action: str | None
    protocol: str | None
    source: Network | None
    destination: Network | None
    source_group: str | None
    destination_group: str | None
    source_ports: tuple[int, int] | None
    destination_ports: tuple[int, int] | None
    is_answer_only: bool
    is_understood: bool
    origin: str | None = field(compare=False)
    is_placed: bool = True

    @classmethod
    def of(cls, row: Mapping[str, object]) -> "Entry":
        """The entry of a row; a range that cannot be read makes it one that is not understood."""

        def text(name: str) -> str | None:
            value = row[name]
            return value if isinstance(value, str) and value else None

        ranges = {n: network_of(text(n)) for n in ("source_range", "destination_range")}
        ports = {n: ports_of(text(n)) for n in ("source_ports", "destination_ports")}
        unread = any(
            text(name) and found is None for name, found in (*ranges.items(), *ports.items())
        )
        return cls(
            text("action"),
            protocol_of(text("protocol")),
            ranges["source_range"],
            ranges["destination_range"],
            text("source_group"),
            text("destination_group"),
            ports["source_ports"],
            ports["destination_ports"],
            row["is_answer_only"] is True,
            row["is_understood"] is not False and not unread,
            text("origin"),
        )


def in_order(rows: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """The entries of one list in their order, whatever of it is not stated left open.

    An entry of no stated position may come before all others, and where no other decides it does.
    So do two that do different things and state the same position, at their place.
    """
    at_place: dict[int, list[Entry]] = {}
    anywhere: list[Entry] = []
    for row in sorted(rows, key=lambda r: (r["position"] or 0, r["id"])):
        entry = Entry.of(row)
        if row["position"] is None and len(rows) > 1:
            anywhere.append(entry)
        else:
            at_place.setdefault(row["position"] or 0, []).append(entry)
    found = [replace(entry, is_placed=False) for entry in anywhere]
    for entries in at_place.values():
        if len({entry.action for entry in entries}) > 1:
            found += [replace(entry, is_placed=False) for entry in entries]
        found += entries
    return (*found, *anywhere)


@dataclass(frozen=True, slots=True)
class RuleList:
    """The lists of one boundary, tier by tier. `default` is None where it is not stated.

    `doubt` says why it may not stand where it is asked for; then it may let anything through.
    Boundaries whose lists are equal have one number: where entries were read from does not count.
    """

    tiers: tuple[tuple[Entry, ...], ...]
    default: str | None
    is_stated: bool
    origin: str | None = field(compare=False)
    doubt: str | None = None
    number: int = field(default=-1, compare=False)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a packet goes: null is not known, but for the address of one that has none stated.

    The element is that of the address; empty where nobody has it or it is not known who does.
    """

    address: Address | None
    element: str
    protocol: str | None
    port: int | None


Groups: TypeAlias = Mapping[str, Mapping[str, bool]]
"""By group, its members and whether each is certain."""


@dataclass(frozen=True, slots=True)
class LetThrough:
    """Which sorts of packets pass: for certain, and perhaps. `because` says why perhaps."""

    surely: Flags
    perhaps: Flags
    because: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    is_everything: bool = False

    def and_then(self, other: "LetThrough") -> "LetThrough":
        """What passes both."""
        if other.is_everything:
            return self
        return LetThrough(
            self.surely & other.surely,
            self.perhaps & other.perhaps,
            _joined(self.because, other.because),
            _joined(self.origins, other.origins),
        )

    def adds(self, other: "LetThrough") -> bool:
        """Whether `other` lets more through than this does."""
        return bool(np.any(other.surely & ~self.surely) or np.any(other.perhaps & ~self.perhaps))

    def or_else(self, other: "LetThrough") -> "LetThrough":
        """What passes one or the other; the reasons and origins of the first that lets any."""
        first = self if self.perhaps.any() else other
        return LetThrough(
            self.surely | other.surely, self.perhaps | other.perhaps, first.because, first.origins
        )


def _joined(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


class Packets:
    """Sorts of packets, by source address, source port and sender's groups."""

    def __init__(
        self, lists: Iterable[RuleList], also: Iterable[Network], groups: Groups, senders: Iterable[tuple[str, Address | None]]
    ) -> None:  # fmt: skip
        """Cut the address space by the ranges of the lists and those in `also`.

        `senders` are the elements that may send, each with an address it sends from.
        """
        entries = [e for one in set(lists) for tier in one.tiers for e in tier]
        self.groups = groups
        self._used = frozenset(e.source_group for e in entries if e.source_group)
        networks = {e.source for e in entries if e.source} | set(also)
        self._cuts = {v: _cuts(n for n in networks if n.version == v) for v in (4, 6)}
        # Part 0 of each family lies before the first cut, which is its first address: never used.
        self._offset = {4: 0, 6: len(self._cuts[4])}
        spans = {e.source_ports for e in entries if e.source_ports}
        self._ports = sorted(
            {0, *(s[0] for s in spans), *(s[1] + 1 for s in spans)} - {LAST_PORT + 1}
        )
        # Who is in which groups, as far as a list asks.
        self._kinds: dict[tuple[tuple[str, bool], ...], int] = {(): 0}
        # By part and groups, and whether it is known that somebody sends so.
        rows: dict[tuple[int, int], bool] = {}
        for part in range(len(self._cuts[4]) + len(self._cuts[6])):
            rows[part, 0] = True
        self._own: dict[tuple[str, Address | None], tuple[int, int]] = {}
        self._unstated: dict[str, tuple[int, int]] = {}
        for element, address in senders:
            own = (self.part(address), self._kind(element))
            self._own[element, address] = own
            self._unstated[element] = (UNKNOWN, own[1])
            rows[own] = True
            rows.setdefault(self._unstated[element], False)
        every = [(part, kind, port) for part, kind in rows for port in range(len(self._ports))]
        table = np.array(every, np.int32).reshape(-1, 3)
        self._part: Ints = table[:, 0].copy()
        self._group_kind: Ints = table[:, 1].copy()
        self._port: Ints = table[:, 2].copy()
        self._is_sent: Flags = np.repeat(np.array(list(rows.values()), np.bool_), len(self._ports))
        self._first_row = {row: i * len(self._ports) for i, row in enumerate(rows)}
        nothing, everything = (np.full(len(self._part), flag) for flag in (False, True))
        nothing.flags.writeable = everything.flags.writeable = False
        self._nothing = LetThrough(nothing, nothing)
        self._everything = LetThrough(everything, everything, is_everything=True)
        self._let_through: dict[tuple[int, bytes, int | None], LetThrough] = {}

    def _kind(self, element: str) -> int:
        member_of = tuple(
            (group, self.groups[group][element])
            for group in sorted(self._used)
            if element in self.groups.get(group, {})
        )
        return self._kinds.setdefault(member_of, len(self._kinds))

    @cached_property
    def _members(self) -> dict[str, Ints]:
        """For each group by the kind of sender: in it, not in it, or perhaps."""
        found: dict[str, Ints] = {}
        for group in self._used:
            codes = np.zeros(len(self._kinds), np.int32)
            for member_of, kind in self._kinds.items():
                for name, is_certain in member_of:
                    if name == group:
                        codes[kind] = YES if is_certain else MAYBE
            found[group] = codes
        return found

    @property
    def ports(self) -> int:
        """How many parts the source ports are cut into."""
        return len(self._ports)

    @staticmethod
    def address(text: str | None) -> Address | None:
        """An address as written."""
        return address_of(text)

    def part(self, address: Address | None) -> int:
        """The part of the address space that an address is in."""
        if address is None:
            return UNKNOWN
        cuts = self._cuts[address.version]
        return self._offset[address.version] + bisect_right(cuts, int(address)) - 1

    def own(self, element: str, address: Address | None) -> slice:
        """The sorts of packets that an element sends from its own address."""
        start = self._first_row[self._own[element, address]]
        return slice(start, start + len(self._ports))

    def unstated(self, element: str) -> slice:
        """The sorts of packets that an element sends from an address that nobody stated."""
        start = self._first_row[self._unstated[element]]
        return slice(start, start + len(self._ports))

    def sent_within(self, network: Network, ports: tuple[int, int] | None) -> Flags:
        """The sorts of packets with a source in a range that the space was cut by."""
        low, high = self._port_span(ports)
        return self.within(network) & (self._port >= low) & (self._port < high)

    def _port_span(self, ports: tuple[int, int] | None) -> tuple[int, int]:
        if ports is None:
            return 0, len(self._ports)
        return bisect_right(self._ports, ports[0]) - 1, bisect_right(self._ports, ports[1])

    def sent_from(
        self, address: Address, ports: tuple[int, int] | None, owner: str | None
    ) -> Flags:
        """The sorts of packets with that source address and those ports.

        Lists take them for its owner's, so that they are in the groups that it is in.
        """
        row = self._own.get((owner or "", address), (self.part(address), 0))
        start = self._first_row[row]
        found = np.zeros(len(self._part), np.bool_)
        low, high = self._port_span(ports)
        found[start + low : start + high] = True
        return found

    def let_from(self, network: Network | None) -> LetThrough:
        """What comes from a range that the space was cut by; null is any."""
        if network is None:
            return self.all()
        surely = self.within(network)
        return LetThrough(surely, surely | (self._part == UNKNOWN))

    def of_family(self, address: Address | None) -> Flags:
        """Which sorts of packets can go to an address: a source is of the same family."""
        return self._of_families[0 if address is None else address.version]

    @cached_property
    def _of_families(self) -> dict[int, Flags]:
        found: dict[int, Flags] = {0: self._is_sent}
        unknown = self._part == UNKNOWN
        for version, cuts in self._cuts.items():
            first = self._offset[version]
            inside = (self._part >= first) & (self._part < first + len(cuts))
            found[version] = self._is_sent & (unknown | inside)
        return found

    def none(self) -> LetThrough:
        """Nothing passes."""
        return self._nothing

    def all(self, *, surely: bool = True, because: tuple[str, ...] = ()) -> LetThrough:
        """All passes, or may."""
        if surely and not because:
            return self._everything
        return LetThrough(
            np.full(len(self._part), surely), np.ones(len(self._part), np.bool_), because
        )

    def within(self, network: Network) -> Flags:
        """Which sorts of packets have a source address in a range that the space was cut by."""
        low, high = self._span(network)
        return (self._part >= low) & (self._part < high)

    def _span(self, network: Network) -> tuple[int, int]:
        cuts, offset = self._cuts[network.version], self._offset[network.version]
        low = bisect_left(cuts, int(network.network_address))
        high = bisect_right(cuts, int(network.broadcast_address))
        return offset + low, offset + high

    def let_through(self, boundary: RuleList, destination: Destination) -> LetThrough:
        """Which sorts of packets to a destination a boundary lets through."""
        if not boundary.is_stated:
            because = boundary.doubt or f"the rules at {boundary.origin} are not given"
            return self.all(surely=False, because=(because,))
        codes = bytes(self.fits(entry, destination) for tier in boundary.tiers for entry in tier)
        version = None if destination.address is None else destination.address.version
        key = (boundary.number, codes, version)
        if key not in self._let_through:
            passed = self._gone_through(boundary, codes, version)
            if boundary.doubt is not None:
                passed = LetThrough(
                    passed.surely, self.all().perhaps, (boundary.doubt, *passed.because),
                    passed.origins,
                )  # fmt: skip
            self._let_through[key] = passed
        return self._let_through[key]

    def fits(self, entry: Entry, to: Destination) -> int:
        """Whether the destination's side of an entry matches."""
        if entry.is_answer_only:
            return NO
        codes = [YES if entry.is_understood and entry.is_placed else MAYBE]
        if entry.protocol is not None:
            codes.append(MAYBE if to.protocol is None else int(to.protocol == entry.protocol))
        if entry.destination_ports is not None:
            first, last = entry.destination_ports
            codes.append(MAYBE if to.port is None else int(first <= to.port <= last))
        if entry.destination is not None:
            if to.address is not None:
                inside = to.address.version == entry.destination.version
                codes.append(int(inside and to.address in entry.destination))
            else:
                # Even of a range that is all of a family: of which one it is is not stated.
                codes.append(MAYBE)
        if entry.destination_group is not None:
            member = self.groups.get(entry.destination_group, {}).get(to.element)
            if member is None and (to.element or to.address is not None):
                codes.append(NO)
            else:
                codes.append(YES if member else MAYBE)
        return NO if NO in codes else max(codes)

    def _matched(self, entry: Entry, version: int | None) -> tuple[Flags, Flags]:
        """Which sorts of packets the source's side of an entry matches: surely, and perhaps.

        `version` is that of the destination's address, and so of the packet; None is not stated.
        """
        surely = np.ones(len(self._part), np.bool_)
        perhaps = surely
        if entry.source is not None:
            inside = self.within(entry.source)
            unknown = self._part == UNKNOWN
            is_whole = entry.source.prefixlen == 0 and version == entry.source.version
            is_possible = version in (None, entry.source.version)
            surely, perhaps = inside | (unknown & is_whole), inside | (unknown & is_possible)
        if entry.source_group is not None:
            codes = self._members[entry.source_group][self._group_kind]
            surely, perhaps = surely & (codes == YES), perhaps & (codes != NO)
        if entry.source_ports is not None:
            first, last = entry.source_ports
            low = bisect_left(self._ports, first)
            high = bisect_right(self._ports, last)
            inside = (self._port >= low) & (self._port < high)
            surely, perhaps = surely & inside, perhaps & inside
        return surely, perhaps

    def _gone_through(self, boundary: RuleList, codes: bytes, version: int | None) -> LetThrough:
        size = len(self._part)
        outcome = _Outcome(np.zeros(size, np.bool_), np.zeros(size, np.bool_))
        goes_on = np.ones(size, np.bool_)
        code_of = iter(codes)
        for tier in boundary.tiers:
            here, goes_on = goes_on, np.zeros(size, np.bool_)
            for entry, code in zip(tier, code_of, strict=False):
                surely, perhaps = self._matched(entry, version)
                hit = here & perhaps
                if code == NO or not hit.any():
                    continue
                if not entry.is_placed:
                    outcome.because[f"the place of {entry.origin} in its list is not stated"] = None
                elif code == MAYBE or np.any(hit & ~surely):
                    outcome.because[f"whether {entry.origin} matches is not known"] = None
                if code == YES:
                    here = here & ~surely
                if entry.action == "pass":
                    goes_on |= hit
                else:
                    outcome.decide(entry.action, hit, entry.origin)
            goes_on |= here
        if boundary.default is None and goes_on.any():
            outcome.because[f"the default of {boundary.origin} is not stated"] = None
        outcome.decide(boundary.default, goes_on, boundary.origin)
        return LetThrough(
            outcome.allowed & ~outcome.denied,
            outcome.allowed,
            tuple(outcome.because),
            tuple(outcome.origins),
        )


@dataclass(slots=True)
class _Outcome:
    """What may be allowed and what may be denied; what is both is not known."""

    allowed: Flags
    denied: Flags
    because: dict[str, None] = field(default_factory=dict)
    origins: dict[str, None] = field(default_factory=dict)

    def decide(self, action: str | None, hit: Flags, origin: str | None) -> None:
        if not hit.any():
            return
        if action != "deny":
            self.allowed |= hit
            self.origins[origin or ""] = None
        if action != "allow":
            self.denied |= hit


def _cuts(networks: Iterable[Network]) -> Sequence[int]:
    """Where the parts of a family's address space begin."""
    cuts = {0}
    for network in networks:
        cuts.add(int(network.network_address))
        end = int(network.broadcast_address) + 1
        if end < 1 << network.max_prefixlen:
            # Nothing lies behind the last address: a part there would be in no range.
            cuts.add(end)
    return sorted(cuts)
