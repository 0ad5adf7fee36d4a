"""Every pair probed: a hostile host sends frames to each neighbour, real sockets take them in."""

import socket
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface, ip_network

from tests.exposure.kernel.frames import TCP, UDP, Line
from tests.exposure.kernel.networks import PORTS
from tests.exposure.kernel.realised import Device, Machine, Realised, Row

_FORCED_BUFFER = 33
"""SO_RCVBUFFORCE, include/uapi/asm-generic/socket.h"""

Reached = set[tuple[str, str, str, int]]
"""Sender's foot, receiver's address, protocol and port."""


class Probes:
    """The sockets of all receivers and senders of a network."""

    def __init__(self, network: Realised) -> None:
        self.network = network
        self.frames = 0
        self._sent: dict[int, str] = {}
        self._receivers: list[tuple[socket.socket, str, str, int]] = []
        self._ports = {20000: 0, 30000: 0, 40000: 0}
        has_ports = any(f.get("source_ports") for f in network.rows["filter"])
        self._classes = (20000, 30000, 40000) if has_ports else (40000,)
        ways = [
            (r["element"], r["destination_range"], r["preference"]) for r in network.rows["route"]
        ]
        self._repeats = 8 if len(set(ways)) < len(ways) else 1
        for machine in network.machines.values():
            with machine.space.entered():
                self._listen(machine)

    def close(self) -> None:
        for receiver, *_ in self._receivers:
            receiver.close()

    def _listen(self, machine: Machine) -> None:
        ends = [e for e in self.network.rows["endpoint"] if e["element"] == machine.row["id"]]
        for foot in (r for d in machine.devices.values() for r in d.rows):
            address = ip_interface(foot["address"]).ip
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            for end in ends:
                port = end["port"]
                if end["protocol"] == "UDP":
                    taker = socket.socket(family, socket.SOCK_DGRAM)
                    taker.bind((str(address), port))
                else:
                    # Behind the input hook as a listener is, and whether an answer finds its way
                    # back is not asked.
                    taker = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP)
                    taker.bind((str(address), 0))
                taker.setsockopt(socket.SOL_SOCKET, _FORCED_BUFFER, 1 << 24)
                taker.setblocking(False)
                self._receivers.append((taker, str(address), end["protocol"], port))

    def all(self, only: set[tuple[str, str]] | None = None) -> Reached:
        """Send everything, or to these addresses from these feet, and say what came."""
        reached: Reached = set()
        for machine in self.network.machines.values():
            for device in machine.devices.values():
                reached |= self._from(machine, device, only)
        return reached

    def _from(self, machine: Machine, device: Device, only: set[tuple[str, str]] | None) -> Reached:
        reached: Reached = set()
        with machine.space.entered():
            sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with sender:
            sender.bind((device.name, 0))
            mac = bytes.fromhex(device.mac.replace(":", ""))
            neighbours = self._neighbours(machine, device)
            for foot in device.rows:
                own = ip_interface(foot["address"]).ip
                for source in self._sources(device, foot):
                    for to, protocol, port in self._targets(own.version):
                        if only is not None and (foot["id"], to) not in only and only:
                            continue
                        line = Line(source, to, UDP if protocol == "UDP" else TCP, port)
                        for frame in self._frames(line, foot["id"], to, mac, neighbours):
                            sender.send(frame)
                            self.frames += 1
                            if self.frames % 256 == 0:
                                reached |= self._taken()
        time.sleep(0.002)
        return reached | self._taken()

    def _frames(
        self,
        line: Line,
        foot: str,
        to: str,
        mac: bytes,
        neighbours: list[tuple[bytes, bool, set[str]]],
    ) -> Iterator[bytes]:
        for to_mac, forwards, addresses in neighbours:
            if not (forwards or to in addresses):
                continue
            for start in self._classes:
                for _ in range(self._repeats):
                    self._ports[start] = (self._ports[start] + 1) % 9973
                    number = len(self._sent)
                    self._sent[number] = foot
                    yield line.frame(to_mac, mac, start + self._ports[start], number)

    def _neighbours(self, machine: Machine, device: Device) -> list[tuple[bytes, bool, set[str]]]:
        """Members of the segment: their hardware address, whether they forward, their addresses."""
        found = []
        for other in self.network.machines.values():
            there = other.devices.get(device.segment)
            if other is machine or there is None:
                continue
            addresses = {
                str(ip_interface(r["address"]).ip) for d in other.devices.values() for r in d.rows
            }
            forwards = bool(other.row["forwards_packets"])
            found.append((bytes.fromhex(there.mac.replace(":", "")), forwards, addresses))
        return found

    def _targets(self, version: int) -> list[tuple[str, str, int]]:
        addresses = [ip_interface(r["address"]).ip for r in self.network.rows["interface"]]
        return [
            (str(address), protocol, port)
            for address in addresses
            if address.version == version
            for protocol, ports in PORTS.items()
            for port in ports
        ]

    def _sources(self, device: Device, foot: Row) -> list[str]:
        """Its own address; where nobody checks, one in each part that any list tells apart."""
        own = ip_interface(foot["address"]).ip
        rows = self.network.rows
        segment = next(s for s in rows["segment"] if s["id"] == device.segment)
        if segment["checks_source"]:
            return [str(own)]
        points = {own}
        for table in ("filter", "translation"):
            for row in rows[table]:
                if row.get("source_range"):
                    net = ip_network(row["source_range"])
                    if net.version == own.version and net.prefixlen:
                        points |= {
                            net.network_address + 1 if net.num_addresses > 2 else net[0],
                            net[-1] - (net.num_addresses > 4),
                        }
        if any(f.get("source_group") for f in rows["filter"]):
            points |= {ip_interface(r["address"]).ip for r in rows["interface"]}
        stranger = ip_address("10.200.0.9" if own.version == 4 else "fd00:200::9")
        return sorted({str(p) for p in points | {stranger} if p.version == own.version})

    def _taken(self) -> Reached:
        reached: Reached = set()
        for taker, address, protocol, port in self._receivers:
            while True:
                try:
                    data = taker.recv(2048)
                except BlockingIOError:
                    break
                if protocol == "TCP":
                    start = 20 if taker.family == socket.AF_INET else 0
                    if struct.unpack_from("!H", data, start + 2)[0] != port:
                        continue
                foot = self._sent.get(struct.unpack("!I", data[-4:])[0])
                if foot is not None:
                    reached.add((foot, address, protocol, port))
        return reached


def answered(
    tables: dict[str, list[Row]], rows: dict[str, list[Row]]
) -> dict[tuple[str, str, str, int], str]:
    """The engine's answers in the same terms; those that are not there cannot."""
    addresses = {r["id"]: str(ip_interface(r["address"]).ip) for r in rows["interface"]}
    ends = {r["id"]: (r["protocol"], r["port"]) for r in rows["endpoint"]}
    senders = defaultdict[str, list[Row]](list)
    takers = defaultdict[str, list[Row]](list)
    for row in tables["place"]:
        senders[row["place"]].append(row)
    for row in tables["opening"]:
        takers[row["opening"]].append(row)
    found: dict[tuple[str, str, str, int], str] = {}
    for row in tables["passage"]:
        for place in senders[row["place"]]:
            for opening in takers[row["opening"]]:
                if place["element"] != opening["element"]:
                    protocol, port = ends[opening["endpoint"]]
                    key = place["origin"], addresses[opening["origin"]], protocol, port
                    # Of several passages the best answers: "can" sorts before "not known".
                    found[key] = min(row["answer"], found.get(key, row["answer"]))
    return found
