"""Frames as a hostile host writes them: Ethernet, IP, UDP or TCP, with what it says is its source."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

UDP, TCP = 17, 6
HOPS = 12
"""So many routers may pass a frame on; one that goes round in circles then ends."""

Address = IPv4Address | IPv6Address


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071): a sum in ones' complement is a remainder by 65535."""
    if len(data) % 2:
        data += b"\0"
    return 0xFFFF - int.from_bytes(data) % 0xFFFF or 0xFFFF


class Line:
    """All frames from one source to one destination with one protocol and port, of one payload size."""

    def __init__(self, source: str, to: str, protocol: int, port: int) -> None:
        self._source, self._to = ip_address(source), ip_address(to)
        self._protocol, self._port = protocol, port
        ends = self._source.packed + self._to.packed
        self._size = 12 if protocol == UDP else 24
        if self._source.version == 4:
            head = struct.pack(
                "!BBHHHBBH4s4s", 0x45, 0, 20 + self._size, 0, 0, HOPS, protocol, 0,
                self._source.packed, self._to.packed,
            )  # fmt: skip
            head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
            self._head = b"\x08\x00" + head
        else:
            self._head = (
                b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, self._size, protocol, HOPS) + ends
            )
        self._ends = ends + struct.pack("!HH", protocol, self._size)

    def frame(self, to_mac: bytes, from_mac: bytes, source_port: int, number: int) -> bytes:
        """One frame; `number` is its payload."""
        payload = struct.pack("!I", number)
        if self._protocol == UDP:
            body = struct.pack("!HHHH", source_port, self._port, self._size, 0) + payload
            at = 6
        else:
            syn = (5 << 12) | 2
            body = struct.pack(
                "!HHIIHHHH", source_port, self._port, number, 0, syn, 1024, 0, 0
            ) + payload  # fmt: skip
            at = 16
        total = struct.pack("!H", _checksum(self._ends + body))
        return to_mac + from_mac + self._head + body[:at] + total + body[at + 2 :]
