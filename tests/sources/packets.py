"""Who may send what to whom, by brute force over the network tables: slow, and plain to read.

Each question is one packet: from one end to another, of one protocol, to one port. The answer is
yes, no, or None where it is not known. Ends are interfaces, or an address outside.
"""

import ipaddress
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

Row = Mapping[str, Any]


@dataclass(frozen=True)
class End:
    """One end of a packet: an element's interface, or an address outside (IPv4, as a number)."""

    element: str | None = None
    interface: str | None = None
    address: int | None = None


class Network:
    """The tables, asked packet by packet.

    `ranges_are_outside`: a range holds no pod by its address in the pod network, as the
    definition of Kubernetes' policies means it; otherwise that is not known unless it is stated.
    `as_written`: an entry that is not understood, and a member that is not certain, is taken as
    the tables have it.
    """

    def __init__(
        self,
        tables: Mapping[str, pa.Table],
        *,
        ranges_are_outside: bool = True,
        as_written: bool = False,
    ) -> None:
        self._tables = tables
        self._ranges_are_outside = ranges_are_outside
        self._as_written = as_written

    def rows(self, table: str) -> Sequence[Row]:
        """The rows of a table."""
        found: list[Row] = self._tables[table].to_pylist() if table in self._tables else []
        return found

    @cached_property
    def interfaces(self) -> Mapping[str, Row]:
        """The interfaces by key."""
        return {r["id"]: r for r in self.rows("interface")}

    @cached_property
    def _wire(self) -> Mapping[str, str]:
        parents = {r["id"]: r["parent"] for r in self.rows("segment")}

        def top(segment: str) -> str:
            while parents.get(segment):
                segment = parents[segment]
            return segment

        return {s: top(s) for s in parents}

    @cached_property
    def _kinds(self) -> Mapping[str, str]:
        return {r["id"]: r["kind"] for r in self.rows("segment")}

    @cached_property
    def _members(self) -> Mapping[str, Mapping[str, bool]]:
        groups: dict[str, dict[str, bool]] = defaultdict(dict)
        for r in self.rows("group_member"):
            groups[r["group"]][r["element"]] = r["is_certain"]
        return groups

    @cached_property
    def _boundaries(self) -> Mapping[tuple[str, str], Row]:
        return {(r["interface"], r["direction"]): r for r in self.rows("boundary")}

    @cached_property
    def _filters(self) -> Mapping[str, Sequence[Row]]:
        lists: dict[str, list[Row]] = defaultdict(list)
        for r in self.rows("filter"):
            lists[r["boundary"]].append(r)
        for entries in lists.values():
            entries.sort(key=lambda r: (r["tier"], r["position"]))
        return lists

    def on_one_wire(self, a: End, b: End) -> bool:
        """Whether two ends meet in a segment."""
        one, two = (self.interfaces[e.interface]["segment"] for e in (a, b) if e.interface)
        return one is not None and two is not None and self._wire[one] == self._wire[two]

    def passes(self, source: End, target: End, protocol: str, port: int) -> bool | None:
        """Whether a packet from the one to the other passes both ends' boundaries."""
        leaves = self._through(source, target, "out", protocol, port)
        comes = self._through(target, source, "in", protocol, port)
        if leaves is False or comes is False:
            return False
        return None if leaves is None or comes is None else True

    def _through(self, at: End, other: End, way: str, protocol: str, port: int) -> bool | None:
        boundary = self._boundaries.get((at.interface or "", way))
        if boundary is None:
            return True
        answers: set[bool] = set()
        entries = self._filters.get(boundary["id"], ())
        skipped = -1
        for entry in entries:
            if entry["tier"] <= skipped:
                continue
            matches = self._matches(entry, other, way, protocol, port)
            if matches is False:
                continue
            if entry["action"] is None:
                return None
            if entry["action"] == "pass":
                if matches is None:
                    return None  # Two ways on from here: more than a plain answer can follow.
                skipped = entry["tier"]
                continue
            answers.add(entry["action"] == "allow")
            if matches:
                return answers.pop() if len(answers) == 1 else None
        answers.add(boundary["default_action"] == "allow")
        return answers.pop() if len(answers) == 1 else None

    def _matches(self, entry: Row, other: End, way: str, protocol: str, port: int) -> bool | None:
        side = "source" if way == "in" else "destination"
        answers = [
            entry["protocol"] in (None, protocol),
            _holds(entry["destination_ports"], port),
            self._in_group(entry[f"{side}_group"], other),
            self._in_range(entry[f"{side}_range"], other),
        ]
        if False in answers:
            return False
        understood = self._as_written or entry["is_understood"] is not False
        return True if understood and None not in answers else None

    def _in_group(self, group: str | None, end: End) -> bool | None:
        if group is None:
            return True
        certain = self._members[group].get(end.element or "") if group in self._members else None
        if certain is None:
            return False
        return True if certain or self._as_written else None

    def _in_range(self, cidr: str | None, end: End) -> bool | None:
        if cidr is None:
            return True
        network = ipaddress.ip_network(cidr)
        address = end.address
        if end.interface is not None:
            foot = self.interfaces[end.interface]
            if self._ranges_are_outside and self._kinds.get(foot["segment"]) != "container network":
                return False
            if foot["address"] is not None:
                return ipaddress.ip_interface(foot["address"]).ip in network
            return True if network.prefixlen == 0 and network.version == 4 else None
        return address is not None and ipaddress.ip_address(address) in network

    def ports(self) -> list[tuple[str, int, int]]:
        """Ranges of ports that no entry parts, by protocol."""
        edges = {1, 65536}
        for r in self.rows("filter"):
            if r["destination_ports"]:
                first, last = map(int, r["destination_ports"].split("-"))
                edges |= {max(first, 1), last + 1}
        cuts = sorted(edges)
        return [(p, a, b - 1) for p in ("TCP", "UDP", "SCTP") for a, b in itertools.pairwise(cuts)]

    def outside(self) -> list[int]:
        """One address of each range that no entry parts, IPv4."""
        edges = {0}
        for r in self.rows("filter"):
            for side in ("source_range", "destination_range"):
                if r[side] and ":" not in r[side]:
                    network = ipaddress.ip_network(r[side])
                    edges |= {int(network[0]), int(network[-1]) + 1}
        return sorted(e for e in edges if e < 2**32)


def _holds(ports: str | None, port: int) -> bool:
    if ports is None:
        return True
    first, last = map(int, ports.split("-"))
    return first <= port <= last
