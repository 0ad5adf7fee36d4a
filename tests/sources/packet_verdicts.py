"""What rows of `boundary` and `filter` do with one packet, told one packet at a time.

A second, slow way of reading the rows: it knows nothing of the readers that made them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

import pyarrow as pa

Row = Mapping[str, Any]
"""Cells as pyarrow gives them."""


@dataclass(frozen=True)
class Packet:
    """One packet. `to_itself` and `from_itself`: of the device whose boundary it is."""

    source: str = "192.0.2.1"
    destination: str = "198.51.100.1"
    protocol: str = "TCP"
    source_port: int = 40000
    destination_port: int = 80
    is_answer: bool = False
    to_itself: bool = False
    from_itself: bool = False


def rows_of(tables: Mapping[str, pa.Table], name: str) -> list[Row]:
    return tables[name].to_pylist() if name in tables else []


def boundary(tables: Mapping[str, pa.Table], key: str) -> Row:
    (found,) = [b for b in rows_of(tables, "boundary") if b["id"] == key]
    return found


def outcomes(tables: Mapping[str, pa.Table], key: str, packet: Packet) -> set[str]:
    """What may become of a packet at a boundary: `allow`, `deny`, or both where it is not known."""
    place = boundary(tables, key)
    entries = [f for f in rows_of(tables, "filter") if f["boundary"] == key]
    tiers: dict[object, list[Row]] = {}
    for entry in sorted(entries, key=lambda f: (f["tier"], f["position"])):
        tiers.setdefault(entry["tier"], []).append(entry)
    if not place["has_rules_stated"]:
        return {"allow", "deny"}
    return _through(list(tiers.values()), packet, str(place["default_action"]))


def outcome(tables: Mapping[str, pa.Table], key: str, packet: Packet) -> str:
    """The one thing that becomes of the packet, or `unknown`."""
    found = outcomes(tables, key, packet)
    return found.pop() if len(found) == 1 else "unknown"


def _through(tiers: Sequence[Sequence[Row]], packet: Packet, default: str) -> set[str]:
    if not tiers:
        return {default}
    possible: set[str] = set()
    for entry in tiers[0]:
        if not _matches(entry, packet):
            continue
        action = str(entry["action"])
        possible |= _through(tiers[1:], packet, default) if action == "pass" else {action}
        if entry["is_understood"]:
            return possible
    return possible | _through(tiers[1:], packet, default)


def _matches(entry: Row, packet: Packet) -> bool:
    return (
        entry["protocol"] in {None, packet.protocol}
        and _in_range(entry["source_range"], packet.source)
        and _in_range(entry["destination_range"], packet.destination)
        and _in_span(entry["source_ports"], packet.source_port)
        and _in_span(entry["destination_ports"], packet.destination_port)
        and (entry["source_group"] is None or packet.from_itself)
        and (entry["destination_group"] is None or packet.to_itself)
        and (not entry["is_answer_only"] or packet.is_answer)
    )


def _in_range(range_: object, address: str) -> bool:
    if range_ is None:
        return True
    network = ip_network(str(range_))
    one = ip_address(address)
    return one.version == network.version and one in network


def _in_span(span: object, port: int) -> bool:
    if span is None:
        return True
    first, last = map(int, str(span).split("-"))
    return first <= port <= last
