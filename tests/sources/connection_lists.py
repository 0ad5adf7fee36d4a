"""Lists of allowed connections of a cluster, as an analyser of policies wrote them out.

The text form has a part for each network::

    Permitted connectivity analyzed in primary UDN green:
    green[udn]/a[Pod] => green[udn]/b[Pod] : TCP 80,443,UDP 1-65535

The CSV and JSON forms have the same connections without the networks' names.
"""

import csv
import ipaddress
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROTOCOLS = ("TCP", "UDP", "SCTP")
ALL = frozenset((protocol, 1, 65535) for protocol in PROTOCOLS)
INGRESS_CONTROLLER = "{ingress-controller}"

_NETWORK = re.compile(r"Permitted connectivity analyzed in (.+):")
_LINE = re.compile(r"(\S.*?) => (\S.*?) : (.+)")
_ADDRESSES = re.compile(r"([0-9.]+)-([0-9.]+)\[External\]")
_WORKLOAD = re.compile(r"([^/\[]+)(?:\[udn\])?/([^\[]+)\[(\w+)\]")

Ports = frozenset[tuple[str, int, int]]
Outside = tuple[int, int]
"""First and last address of a range outside the cluster."""


@dataclass(frozen=True)
class Connection:
    """What one end may send to the other: ranges of ports by protocol.

    An end is a workload (`namespace/kind/name`), a range of addresses, or the ingress controller.
    """

    network: str
    source: str | Outside
    target: str | Outside
    ports: Ports


def read(path: Path) -> list[Connection]:
    """The connections of a list in text, CSV or JSON."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            rows = [(r["src"], r["dst"], r["conn"]) for r in csv.DictReader(file)]
        return [Connection("", end(s), end(t), ports(c)) for s, t, c in rows]
    if path.suffix == ".json":
        listed = json.loads(path.read_text())
        return [Connection("", end(r["src"]), end(r["dst"]), ports(r["conn"])) for r in listed]
    return list(_text(path.read_text()))


def _text(text: str) -> Iterator[Connection]:
    network = "Pod network"
    for line in text.splitlines():
        if found := _NETWORK.fullmatch(line):
            network = found[1]
        elif found := _LINE.fullmatch(line):
            yield Connection(network, end(found[1]), end(found[2]), ports(found[3]))


def end(text: str) -> str | Outside:
    """One end of a connection."""
    if found := _ADDRESSES.fullmatch(text):
        return int(ipaddress.ip_address(found[1])), int(ipaddress.ip_address(found[2]))
    if found := _WORKLOAD.fullmatch(text):
        return f"{found[1]}/{found[3]}/{found[2]}"
    assert text == INGRESS_CONTROLLER, text
    return text


def ports(text: str) -> Ports:
    """`TCP 1-79,81,UDP 53`, or `All Connections`."""
    if text == "All Connections":
        return ALL
    found = set()
    protocol = ""
    for part in text.split(","):
        name, space, numbers = part.rpartition(" ")
        protocol = name if space else protocol
        first, _, last = numbers.partition("-")
        found.add((protocol, int(first), int(last or first)))
    return frozenset(found)
