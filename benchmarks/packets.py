"""Who can send a packet to whom in a national network, and the same asked pair by pair.

    uv run --no-sync python benchmarks/packets.py [--elements 200000] [--routers 2000]

Aim: 200,000 elements in 50,000 segments behind 2,000 routers with 20,000 filter entries in a minute
and less than 8 GiB, warm and cold (the compiled code made anew).

The network is seeded. Edge routers have some 25 segments each: radio, management, customers and
servers, in zones; each edge router lets into its segments what a list of its zone allows, and out
of its customer segments only what has their address. Above them are aggregation routers, and a core
between which packets go by several ways. Most segments check sources, some are not known to; some
routers state no route to everywhere; some hosts have lists of their own, some addresses are not
stated; some routers translate sources, some publish an inside address.

The peer asks pair by pair: for one sender and one endpoint it goes through the rows as one would by
hand, router by router and entry by entry, and knows nothing of classes. It is asked a sample; where
the network leaves nothing open, both have to agree on each pair. `networkx` is asked how many
routers there are between the two, with no list looked at, as one that has no notion of a list.
Batfish reads whole configurations and no rows; it was not run.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import networkx as nx
import numpy as np

from ringfence.exposure.packets import PacketParameters, packets
from ringfence.network.model import TABLES
from ringfence.store.duck import Tables

Row = dict[str, Any]

SEED = 20261124
ZONES = ("radio", "management", "customer", "server")
SERVICES = {
    "radio": (("UDP", 2152), ("TCP", 22)),
    "management": (("TCP", 830), ("TCP", 22)),
    "customer": (("TCP", 443),),
    "server": (("TCP", 443), ("SCTP", 38412), ("TCP", 22)),
}
NAMES = ("element", "segment", "interface", "endpoint", "boundary", "filter", "group_member",
         "route", "translation")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How large the network is, and how much of it is left open."""

    elements: int
    routers: int
    segments_a_router: int = 25
    entries_a_router: int = 10
    is_all_stated: bool = False


class National:
    """The rows of a made-up national network."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.random = np.random.default_rng(SEED)
        self.rows: dict[str, list[Row]] = {name: [] for name in NAMES}
        self.edges = max(1, size.routers * 19 // 20)
        self.aggregations = max(1, (size.routers - self.edges) * 4 // 5)
        self.cores = max(2, size.routers - self.edges - self.aggregations)
        self.per_segment = max(1, (size.elements - size.routers) // self.segments)
        self._backbone()
        for edge in range(self.edges):
            self._edge(edge)

    @property
    def segments(self) -> int:
        """How many segments hosts are in."""
        return self.edges * self.size.segments_a_router

    def chance(self, share: float) -> bool:
        """Whether something that is left open at times is."""
        return not self.size.is_all_stated and bool(self.random.random() < share)

    def _router(self, name: str) -> None:
        self.rows["element"].append({"id": name, "kind": "box", "forwards_packets": True,
                                     "origin": f"{name}.cfg"})  # fmt: skip
        self.rows["endpoint"].append({"id": f"{name}/ssh", "element": name, "protocol": "TCP",
                                      "port": 22, "origin": f"{name}.cfg:3"})  # fmt: skip

    def _foot(self, element: str, segment: str, address: IPv4Address, length: int) -> str:
        name = f"{element}/{segment}"
        self.rows["interface"].append({"id": name, "element": element, "segment": segment,
            "address": f"{address}/{length}", "origin": name})  # fmt: skip
        return name

    def _link(self, number: int, one: str, other: str) -> tuple[IPv4Address, IPv4Address]:
        name = f"link {number}"
        self.rows["segment"].append({"id": name, "kind": "subnet", "origin": name,
                                     "checks_source": True})  # fmt: skip
        low = IPv4Address(int(IPv4Address("172.16.0.0")) + 4 * number)
        self._foot(one, name, low + 1, 30)
        self._foot(other, name, low + 2, 30)
        return low + 1, low + 2

    def _route(self, element: str, to: str, hop: IPv4Address | None, kind: str = "static") -> None:
        self.rows["route"].append({"element": element, "destination_range": to, "kind": kind,
            "next_hop": str(hop) if hop else None, "preference": 10 if hop else 250,
            "origin": f"{element}.cfg, route to {to}"})  # fmt: skip

    def summary(self, edge: int) -> IPv4Network:
        """The addresses behind an edge router."""
        return IPv4Network((int(IPv4Address("10.0.0.0")) + edge * 4096, 20))

    def _backbone(self) -> None:  # noqa: PLR0912 (core, aggregation, and what leads down)
        links = 0
        for core in range(self.cores):
            self._router(f"core {core}")
        between: dict[tuple[int, int], IPv4Address] = {}
        for one in range(self.cores):
            for other in {(one + 1) % self.cores, (one + self.cores // 2) % self.cores} - {one}:
                if (one, other) not in between:
                    near, far = self._link(links, f"core {one}", f"core {other}")
                    between[one, other], between[other, one] = far, near
                    links += 1
        graph = nx.Graph(list(between))
        towards = dict(nx.all_pairs_shortest_path(graph))
        self._behind = defaultdict[int, list[int]](list)
        for edge in range(self.edges):
            self._behind[edge % self.aggregations].append(edge)
        self._gate: dict[int, tuple[IPv4Address, IPv4Address]] = {}
        for one in range(self.aggregations):
            name = f"aggregation {one}"
            self._router(name)
            homes = sorted({one % self.cores, (one + 1) % self.cores})
            ends = [self._link(links + i, f"core {home}", name) for i, home in enumerate(homes)]
            links += len(homes)
            for up, _ in ends:
                self._route(name, "0.0.0.0/0", up)
            for core in range(self.cores):
                if core in homes:
                    hop = ends[homes.index(core)][1]
                else:
                    hop = between[core, towards[core][homes[0]][1]]
                for edge in self._behind[one]:
                    self._route(f"core {core}", str(self.summary(edge)), hop)
            for edge in self._behind[one]:
                up, down = self._link(links, name, f"edge {edge}")
                links += 1
                self._gate[edge] = up, down
                self._route(name, str(self.summary(edge)), down)
        for core in range(self.cores):
            if not self.chance(0.05):
                self._route(f"core {core}", "0.0.0.0/0", None, "discard")

    def _edge(self, edge: int) -> None:
        name = f"edge {edge}"
        self._router(name)
        up, _ = self._gate[edge]
        self._route(name, "0.0.0.0/0", up)
        summary = self.summary(edge)
        at: dict[str, list[str]] = {zone: [] for zone in ZONES}
        for index in range(self.size.segments_a_router):
            zone = ZONES[0] if index % 5 < 2 else ZONES[1 + index % 3]
            at[zone].append(self._segment(edge, index, zone))
        self._lists(name, summary, at)
        if edge % 40 == 7:
            self.rows["translation"].append({"id": f"{name}/nat", "element": name, "position": 1,
                "kind": "source", "interface": f"{name}/link {self._number_of(edge)}",
                "source_range": str(summary), "to_range": f"{self._gate[edge][1]}/32",
                "origin": f"{name}.cfg:900"})  # fmt: skip
        if edge % 400 == 11:
            inside = next(iter(summary.subnets(new_prefix=26)))[3]
            self.rows["translation"].append({"id": f"{name}/port", "element": name, "position": 1,
                "kind": "destination", "protocol": "TCP", "destination_ports": "8443-8443",
                "destination_range": f"{self._gate[edge][1]}/32", "to_range": f"{inside}/32",
                "to_ports": "22-22", "origin": f"{name}.cfg:901"})  # fmt: skip

    def _number_of(self, edge: int) -> int:
        return (int(self._gate[edge][0]) - int(IPv4Address("172.16.0.0"))) // 4

    def _segment(self, edge: int, index: int, zone: str) -> str:
        name = f"segment {edge}.{index}"
        checks = None if self.chance(0.1) else True
        self.rows["segment"].append({"id": name, "kind": "subnet", "origin": name,
                                     "checks_source": checks})  # fmt: skip
        net = IPv4Network((int(self.summary(edge).network_address) + 64 * index, 26))
        foot = self._foot(f"edge {edge}", name, net[1], 26)
        for number in range(self.per_segment):
            host = f"host {edge}.{index}.{number}"
            self.rows["element"].append({"id": host, "kind": "host", "forwards_packets": False,
                                         "origin": f"inventory.csv:{host}"})  # fmt: skip
            where = f"{host}/{name}"
            address = None if self.chance(0.01) else f"{net[3 + number]}/26"
            self.rows["interface"].append({"id": where, "element": host, "segment": name,
                                           "address": address, "origin": where})  # fmt: skip
            for protocol, port in SERVICES[zone]:
                self.rows["endpoint"].append({"id": f"{host}/{port}", "element": host,
                    "protocol": protocol, "port": port, "origin": f"{host}:{port}"})  # fmt: skip
            if number == 0 and index % 10 == 3:
                key = f"{host}/own"
                self._boundary(key, host, "in", None, "deny")
                self._entry(key, 0, action="allow", source_range="10.0.0.0/12", protocol="TCP")
        return foot

    def _boundary(
        self, key: str, element: str, direction: str, foot: str | None, default: str | None
    ) -> None:
        self.rows["boundary"].append({"id": key, "element": element, "direction": direction,
            "interface": foot, "default_action": default, "origin": key})  # fmt: skip

    def _entry(self, key: str, position: int, **facts: Any) -> None:
        self.rows["filter"].append({"id": f"{key}.{position}", "boundary": key, "tier": 0,
            "position": position, "origin": f"{key}, line {position}", **facts})  # fmt: skip

    def _lists(self, name: str, summary: IPv4Network, at: dict[str, list[str]]) -> None:
        left = self.size.entries_a_router
        # Customers send from their own addresses, and to nobody's management.
        for foot in at["customer"][:1]:
            key = f"{foot} in"
            self._boundary(key, name, "in", foot, "deny")
            self._entry(key, 0, action="deny", destination_ports="22-22", protocol="TCP")
            self._entry(key, 1, action="allow", source_range=str(summary))
            left -= 2
        # What goes into management segments comes from the central servers, or from here.
        for foot in at["management"]:
            key = f"{foot} out"
            self._boundary(key, name, "out", foot, "deny")
            if left > 4:
                self._entry(key, 0, action="allow", source_range="10.0.0.0/19", protocol="TCP",
                            destination_ports="22-830")  # fmt: skip
                self._entry(key, 1, action="allow", source_range=str(summary), protocol="TCP",
                            destination_ports="830-830")  # fmt: skip
                left -= 2
        for foot in at["server"][:1]:
            key = f"{foot} out"
            self._boundary(key, name, "out", foot, None if self.chance(0.05) else "allow")
            for position in range(max(0, left)):
                ports = f"{1000 + position}-{2000 + position}"
                self._entry(key, position, action="deny", protocol="TCP",
                            destination_ports=ports)  # fmt: skip


def tables(rows: dict[str, list[Row]]) -> Tables:
    """The network's tables."""
    return Tables({name: TABLES[name].from_rows(listed) for name, listed in rows.items()})


# The peer: one packet at a time, by the rows


class PairByPair:
    """Whether one sender's packet comes to one endpoint, gone through as one would by hand."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self.feet = defaultdict[str, list[Row]](list)
        self.members = defaultdict[str, list[Row]](list)
        self.owner: dict[str, Row] = {}
        for foot in rows["interface"]:
            self.feet[foot["element"]].append(foot)
            self.members[foot["segment"]].append(foot)
            self.owner[foot["address"].partition("/")[0]] = foot
        self.element = {e["id"]: e for e in rows["element"]}
        self.walls = defaultdict[str, list[Row]](list)
        for wall in rows["boundary"]:
            self.walls[wall["element"]].append(wall)
        self.entries = defaultdict[str, list[Row]](list)
        for entry in rows["filter"]:
            self.entries[entry["boundary"]].append(entry)
        self.routes = defaultdict[str, list[Row]](list)
        for route in rows["route"]:
            self.routes[route["element"]].append(route)
        self.nets: dict[str, IPv4Network] = {}
        self.translated = defaultdict[str, list[Row]](list)
        for row in rows["translation"]:
            self.translated[row["element"]].append(row)

    def net(self, text: str) -> IPv4Network:
        """A range as it is written."""
        if text not in self.nets:
            self.nets[text] = IPv4Network(text, strict=False)
        return self.nets[text]

    def lets(self, element: str, way: str, foot: str, packet: tuple[str, str, str, int]) -> bool:
        """Whether the lists of an element let a packet through at a foot."""
        source, _, protocol, port = packet
        for wall in self.walls[element]:
            if wall["direction"] != way or wall["interface"] not in (None, foot):
                continue
            action = wall["default_action"]
            for entry in self.entries[wall["id"]]:
                span = entry.get("destination_ports")
                first, last = map(int, span.split("-")) if span else (0, 65535)
                if (
                    entry.get("protocol") in (None, protocol)
                    and first <= port <= last
                    and (not entry.get("source_range")
                         or IPv4Address(source) in self.net(entry["source_range"]))
                ):  # fmt: skip
                    action = entry["action"]
                    break
            if action != "allow":
                return False
        return True

    def hops(self, router: str, to: str) -> Iterator[tuple[str, Row]]:
        """By which foot a router sends on, and to whose."""
        address = IPv4Address(to)
        for foot in self.feet[router]:
            if address in self.net(foot["address"]):
                owner = self.owner.get(to)
                if owner is not None and owner["segment"] == foot["segment"]:
                    yield foot["id"], owner
                return
        fits = [r for r in self.routes[router] if address in self.net(r["destination_range"])]
        longest = max((self.net(r["destination_range"]).prefixlen for r in fits), default=0)
        fits = [r for r in fits if self.net(r["destination_range"]).prefixlen == longest]
        least = min((r["preference"] for r in fits), default=0)
        for route in fits:
            if route["preference"] == least and route["next_hop"]:
                near = self.owner[route["next_hop"]]
                for foot in self.feet[router]:
                    if foot["segment"] == near["segment"]:
                        yield foot["id"], near

    def can(self, sender: str, endpoint: Row) -> bool:
        """Whether anything that the sender sends from its own address is taken in."""
        return any(
            self._comes(foot, target, endpoint)
            for foot in self.feet[sender]
            for target in self.feet[endpoint["element"]]
        )

    def _comes(self, foot: Row, target: Row, endpoint: Row) -> bool:  # noqa: PLR0912 (as by hand)
        source, to = (f["address"].partition("/")[0] for f in (foot, target))
        # It sends straight to a member, or to the routers of its segment.
        waiting = [
            (near, (source, to, endpoint["protocol"], endpoint["port"]))
            for near in self.members[foot["segment"]]
            if near["element"] != foot["element"]
        ]
        for row in (r for rows in self.translated.values() for r in rows):
            if row["kind"] == "destination" and row["to_range"] == f"{to}/32":
                waiting += [
                    (near, (source, row["destination_range"][:-3], "TCP", 8443))
                    for near, _ in list(waiting)
                ]
        seen: set[tuple[str, tuple[str, str, str, int]]] = set()
        while waiting:
            here, packet = waiting.pop()
            if (here["id"], packet) in seen:
                continue
            seen.add((here["id"], packet))
            element = here["element"]
            for row in self.translated[element]:
                if (row["kind"], row["destination_range"] if row["kind"] == "destination" else "",
                        packet[3]) == ("destination", f"{packet[1]}/32", 8443):  # fmt: skip
                    packet = (packet[0], row["to_range"][:-3], "TCP", 22)
            owner = self.owner.get(packet[1])
            if owner is not None and owner["element"] == element:
                is_it = element == endpoint["element"] and packet[3] == endpoint["port"]
                if is_it and self.lets(element, "in", here["id"], packet):
                    return True
                continue
            if not self.element[element]["forwards_packets"]:
                continue
            if not self.lets(element, "in", here["id"], packet):
                continue
            for out, near in self.hops(element, packet[1]):
                if self.lets(element, "out", out, packet):
                    sent = packet
                    for row in self.translated[element]:
                        is_its = row["kind"] == "source" and row["interface"] == out
                        if is_its and IPv4Address(packet[0]) in self.net(row["source_range"]):
                            sent = (row["to_range"][:-3], *packet[1:])
                    waiting.append((near, sent))
        return False


# Running


def run(given: Tables) -> tuple[float, float, Any]:
    """Wall seconds, CPU seconds and the answer."""
    wall, spent = time.perf_counter(), time.process_time()
    found = packets(given, PacketParameters())
    return time.perf_counter() - wall, time.process_time() - spent, found


def memory_mb() -> float:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def alone(arguments: argparse.Namespace, cache: str) -> Row:
    """The engine in a process of its own, with compiled code from that folder."""
    done = subprocess.run(
        [sys.executable, __file__, "--alone", "--elements", str(arguments.elements),
         "--routers", str(arguments.routers)],
        env={**os.environ, "NUMBA_CACHE_DIR": cache}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(size: Size) -> Row:
    """Make the network and answer it, and say what that took."""
    made = National(size)
    given = tables(made.rows)
    before = memory_mb()
    first = run(given)
    second = run(given)
    return {
        "rows": {name: len(listed) for name, listed in made.rows.items()},
        "answers": {name: table.num_rows for name, table in first[2].items()},
        "first": first[:2],
        "again": second[:2],
        "memory": [before, memory_mb()],
        "equal": all(first[2][n].equals(second[2][n]) for n in first[2]),
    }


def sampled(size: Size, pairs: int) -> None:
    """Ask both a sample of pairs, where the network leaves nothing open."""
    made = National(size)
    given = tables(made.rows)
    _, spent, found = run(given)
    told = Tables(dict(found))
    peer = PairByPair(made.rows)
    senders = [r["id"] for r in made.rows["element"]]
    rng = np.random.default_rng(SEED + 1)
    asked = [
        (senders[int(rng.integers(len(senders)))],
         made.rows["endpoint"][int(rng.integers(len(made.rows["endpoint"])))])
        for _ in range(pairs)
    ]  # fmt: skip
    # And some who are near each other, and those that a router publishes.
    near = [e for e in made.rows["endpoint"] if e["element"].startswith("host 11.")]
    asked += [(s, e) for s in senders[-20:] for e in near[:40]]
    own = peer_time = 0.0
    differing = []
    reached = 0
    start = time.process_time()
    expected = [s != e["element"] and peer.can(s, e) for s, e in asked]
    peer_time = time.process_time() - start
    start = time.process_time()
    places, openings = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for row in told["place"].to_pylist():
        places[row["element"]].add(row["place"])
    for row in told["opening"].to_pylist():
        openings[row["endpoint"]].add(row["opening"])
    answers = {(r["place"], r["opening"]): r["answer"] for r in told["passage"].to_pylist()}
    lookup = time.process_time() - start
    start = time.process_time()
    for (sender, endpoint), theirs in zip(asked, expected, strict=True):
        if sender == endpoint["element"]:
            continue
        ours = {answers.get((p, o)) for p in places[sender] for o in openings[endpoint["id"]]}
        reached += theirs
        if theirs != ("can" in ours) or "not known" in ours - {"can"}:
            differing.append((sender, endpoint["id"], theirs, sorted(map(str, ours))))
    own = time.process_time() - start
    print(f"\nnothing left open: {spent:.1f} CPU s for all pairs, {lookup:.1f} to lay them out")
    print(f"{len(asked):,} pairs asked of both, {reached:,} reach; {len(differing)} differ")
    for one in differing[:5]:
        print("  differs:", one)
    each = peer_time / len(asked)
    every = len(senders) * len(made.rows["endpoint"])
    print(f"pair by pair: {1e3 * each:.2f} CPU ms a pair, {each * every / 3600:,.0f} hours "
          f"for all {every:,}; ours to look one up: {1e6 * own / len(asked):.1f} us")  # fmt: skip
    graph: Any = nx.Graph()
    for listed in peer.members.values():
        hub = listed[0]["segment"]
        graph.add_edges_from((foot["element"], hub) for foot in listed)
    start = time.process_time()
    for sender, endpoint in asked[:50]:
        nx.shortest_path_length(graph, sender, endpoint["element"])
    took = (time.process_time() - start) / 50
    print(f"networkx, a path without any list: {1e3 * took:.1f} CPU ms a pair")
    if differing:
        sys.exit(1)


def main() -> None:
    """Run all, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elements", type=int, default=200_000)
    parser.add_argument("--routers", type=int, default=2_000)
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--alone", action="store_true", help="the engine alone, as JSON")
    parser.add_argument("--without-peers", action="store_true")
    asked = parser.parse_args()
    size = Size(asked.elements, asked.routers)
    if asked.alone:
        print(json.dumps(measured(size)))
        return
    with tempfile.TemporaryDirectory() as cache:
        for name in ("cold", "warm"):
            found = alone(asked, cache)
            if name == "cold":
                print("rows:", ", ".join(f"{n} {c:,}" for n, c in found["rows"].items() if c))
                print("answers:", ", ".join(f"{n} {c:,}" for n, c in found["answers"].items()))
            for run_name, times in (("first", found["first"]), ("again", found["again"])):
                print(f"{name} cache, {run_name}: {times[0]:.1f} s wall, {times[1]:.1f} CPU s")
            print(f"memory: {found['memory'][0]:,.0f} MB with the rows made, "
                  f"{found['memory'][1]:,.0f} MB at most; equal: {found['equal']}")  # fmt: skip
    if not asked.without_peers:
        sampled(Size(asked.elements, asked.routers, is_all_stated=True), asked.pairs)


if __name__ == "__main__":
    main()
