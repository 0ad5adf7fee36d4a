"""What one entry of a rule list matches, and the rows of `filter` that say it exactly.

A row of `filter` speaks of one protocol, one range at each end and one span of ports at each end.
An entry that speaks of more becomes several rows with one action, one after the other, so that
their order changes nothing. An entry that asks for what the columns cannot say (ICMP types, flags,
fragments, times of day) has `is_understood` false, and its columns then bound it: outside of them
it certainly does not match.

`any` in a list for IPv4 is 0.0.0.0/0 and not null, because the list says nothing of IPv6.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

from ringfence.sources.router_configuration.text import Ledger

ANY_IPV4: Final = "0.0.0.0/0"
ANY_IPV6: Final = "::/0"

ITSELF: Final = "itself"
"""As a group of an entry: the device whose list it is."""

MOST_ROWS: Final = 4_096
"""An entry that would need more rows is stated more coarsely, and as not understood."""

_MOST_FREE_BITS: Final = 8
"""A wildcard mask with more free bits before its tail than these stands for over 256 ranges."""

_LAST_PORT: Final = 65_535

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Ranges = tuple[str | None, ...]
"""CIDR ranges or spans of ports, any of which may match; null where any does. Empty: none can."""

PROTOCOL_NAMES: Final = {
    1: "ICMP", 2: "IGMP", 4: "IPIP", 6: "TCP", 17: "UDP", 41: "IPv6", 46: "RSVP", 47: "GRE",
    50: "ESP", 51: "AH", 58: "ICMPv6", 88: "EIGRP", 89: "OSPF", 103: "PIM", 112: "VRRP",
    115: "L2TP", 132: "SCTP", 136: "UDPLite",
}  # fmt: skip
"""IANA protocol numbers that the languages here have words for."""

_PROTOCOL_NUMBERS: Final = {name.lower(): number for number, name in PROTOCOL_NAMES.items()} | {
    "icmp6": 58, "ipv6-icmp": 58, "ah": 51, "ahp": 51, "ipip": 4, "ipinip": 4, "nos": 94,
    "ipv6-crypt": 50, "ipv6-auth": 51, "ipencap": 4, "egp": 8, "udplite": 136,
}  # fmt: skip

PORTS: Final = {
    "tcpmux": 1, "echo": 7, "discard": 9, "systat": 11, "daytime": 13, "netstat": 15, "qotd": 17,
    "chargen": 19, "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "time": 37,
    "nameserver": 42, "whois": 43, "nicname": 43, "tacacs": 49, "tacacs-ds": 49, "domain": 53,
    "dns": 53, "bootps": 67, "bootpc": 68, "dhcp": 67, "tftp": 69, "gopher": 70, "finger": 79,
    "www": 80, "http": 80, "kerberos": 88, "kerberos-sec": 88, "hostname": 101, "pop2": 109,
    "pop3": 110, "sunrpc": 111, "ident": 113, "nntp": 119, "ntp": 123, "msrpc": 135,
    "netbios-ns": 137, "netbios-dgm": 138, "netbios-ss": 139, "netbios-ssn": 139, "imap": 143,
    "imap4": 143, "imap2": 143, "snmp": 161, "snmptrap": 162, "snmp-trap": 162, "xdmcp": 177,
    "bgp": 179, "irc": 194, "dnsix": 195, "ldap": 389, "mobile-ip": 434, "mobileip-agent": 434,
    "mobilip-mn": 435, "https": 443, "snpp": 444, "microsoft-ds": 445, "isakmp": 500, "exec": 512,
    "biff": 512, "login": 513, "who": 513, "cmd": 514, "rsh": 514, "shell": 514, "syslog": 514,
    "lpd": 515, "printer": 515, "talk": 517, "ntalk": 518, "rip": 520, "timed": 525, "uucp": 540,
    "klogin": 543, "kshell": 544, "ekshell": 2106, "afs": 1483, "submission": 587,
    "dhcpv6-client": 546, "dhcpv6-server": 547, "rtsp": 554, "ldaps": 636, "ldp": 646,
    "drip": 3949, "imaps": 993, "pop3s": 995, "socks": 1080, "radius": 1812, "radacct": 1813,
    "radius-acct": 1813, "pptp": 1723, "nfs": 2049, "nfsd": 2049, "zephyr-clt": 2103,
    "zephyr-hm": 2104, "zephyr-srv": 2102, "eklogin": 2105, "krb-prop": 754, "kpasswd": 761,
    "krbupdate": 760, "cvspserver": 2401, "non500-isakmp": 4500, "ipsec-nat-t": 4500,
    "bfd": 3784, "sip": 5060, "sips": 5061, "mysql": 3306, "postgresql": 5432, "ms-sql-s": 1433,
    "ms-wbt-server": 3389, "netconf": 830, "ptp-event": 319, "ptp-general": 320, "openvpn": 1194,
}  # fmt: skip
"""Port names of the IOS, Junos, VRP and Linux service lists; numbers as IANA or the vendor has them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a rule list: what it does, and all that it matches.

    Each tuple is a choice: any of its members will do. `line` is where it stands, in the file of
    `ledger` where that is not the list's own.
    """

    action: str
    line: int
    text: str
    protocols: Ranges = (None,)
    sources: Ranges = (None,)
    destinations: Ranges = (None,)
    source_ports: Ranges = (None,)
    destination_ports: Ranges = (None,)
    source_group: str | None = None
    destination_group: str | None = None
    is_answer_only: bool | None = None
    is_understood: bool = True
    also: tuple[int, ...] = ()
    ledger: Ledger | None = None

    def rows(self) -> list[dict[str, object]]:
        """Rows of `filter`, without their boundary, position and origin.

        Where an end's ranges are too many, they are left out and the rows are not understood.
        """
        choices: list[Ranges] = [
            self.protocols,
            self.sources,
            self.destinations,
            self.source_ports,
            self.destination_ports,
        ]
        is_understood = self.is_understood
        while _product(choices) > MOST_ROWS:
            widest = max(range(len(choices)), key=lambda i: len(choices[i]))
            families = {ANY_IPV6 if ":" in (r or "") else ANY_IPV4 for r in choices[widest]}
            wide: Ranges = tuple(sorted(families)) if widest in {1, 2} else (None,)
            if len(wide) >= len(choices[widest]):
                wide = (None,)
            choices[widest] = wide
            is_understood = False
        return [
            {
                "action": self.action,
                "protocol": protocol,
                "source_range": source,
                "destination_range": destination,
                "source_group": self.source_group,
                "destination_group": self.destination_group,
                "source_ports": source_ports,
                "destination_ports": destination_ports,
                "is_answer_only": self.is_answer_only,
                "is_understood": is_understood,
                "text": self.text,
            }
            for protocol, source, destination, source_ports, destination_ports in product(*choices)
            if _one_family(source, destination)
        ]


def _one_family(source: str | None, destination: str | None) -> bool:
    """A packet is of one family, so that a range of each cannot both match."""
    return source is None or destination is None or (":" in source) == (":" in destination)


def _product(choices: Iterable[Ranges]) -> int:
    count = 1
    for choice in choices:
        count *= len(choice)
    return count


def any_of(family: int) -> str:
    """Every address of the family, 4 or 6."""
    return ANY_IPV6 if family == 6 else ANY_IPV4


def protocol_name(word: str) -> str | None:
    """The protocol's name, or its number where it has none; null where the word is not known."""
    number = _PROTOCOL_NUMBERS.get(word.lower())
    if number is None and word.isascii() and word.isdigit() and len(word) <= 3:
        number = int(word)
    if number is None or number > 255:
        return None
    return PROTOCOL_NAMES.get(number, str(number))


def port_number(word: str) -> int | None:
    """The port of that name or number; null where it is not known."""
    if word.isascii() and word.isdigit():
        number = int(word[:9])
        return number if number <= _LAST_PORT else None
    return PORTS.get(word.lower())


def span(first: int, last: int) -> str:
    """Ports from the first to the last, both in it."""
    return f"{first}-{last}"


def ports_of(operator: str, ports: Sequence[int]) -> Ranges | None:  # noqa: PLR0911 (one branch a word of the language)
    """The spans that `eq`, `neq`, `gt`, `lt` or `range` of these ports mean; null where nothing."""
    if not ports:
        return None
    match operator:
        case "eq":
            return merged_spans((p, p) for p in ports)
        case "neq" | "ne":
            return without_spans(ports)
        case "gt":
            return (span(ports[0] + 1, _LAST_PORT),) if ports[0] < _LAST_PORT else ()
        case "lt":
            return (span(0, ports[0] - 1),) if ports[0] > 0 else ()
        case "range" if len(ports) == 2:
            return (span(min(ports), max(ports)),)
    return None


def merged_spans(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """Spans laid together where they touch, in order."""
    spans: list[list[int]] = []
    for first, last in sorted(pairs):
        if spans and first <= spans[-1][1] + 1:
            spans[-1][1] = max(spans[-1][1], last)
        else:
            spans.append([first, last])
    return tuple(span(a, b) for a, b in spans)


def common_spans(one: Ranges, other: Ranges) -> Ranges:
    """The ports that both choices have; null is any."""
    if None in one:
        return other
    if None in other:
        return one
    pairs = [(_bounds(a), _bounds(b)) for a in one for b in other]
    both = [(max(a[0], b[0]), min(a[1], b[1])) for a, b in pairs]
    return merged_spans((low, high) for low, high in both if low <= high)


def _bounds(ports: str | None) -> tuple[int, int]:
    first, _, last = (ports or f"0-{_LAST_PORT}").partition("-")
    return int(first), int(last)


def without_spans(ports: Iterable[int | tuple[int, int]]) -> Ranges:
    """Every port but these."""
    pairs = sorted(p if isinstance(p, tuple) else (p, p) for p in ports)
    kept = []
    start = 0
    for first, last in pairs:
        if first > start:
            kept.append((start, first - 1))
        start = max(start, last + 1)
    if start <= _LAST_PORT:
        kept.append((start, _LAST_PORT))
    return tuple(span(a, b) for a, b in kept)


@lru_cache(maxsize=65_536)
def network(text: str) -> Network | None:
    """The range that an address or CIDR text means, host bits cleared; null where none."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def interface_address(address: str, mask: str | None = None) -> str | None:
    """An address with its prefix length, of `A/len`, or of an address and a mask."""
    text = f"{address}/{mask}" if mask else address
    if mask is None and "/" not in address:
        return None
    try:
        return ipaddress.ip_interface(text).with_prefixlen
    except ValueError:
        return None


def masked(address: str, mask: str) -> str | None:
    """The range of an address under a network mask; null where the mask has holes."""
    try:
        return str(ipaddress.IPv4Network(f"{address}/{_length_of(mask)}", strict=False))
    except ValueError:
        return None


def _length_of(mask: str) -> int:
    bits = int(ipaddress.IPv4Address(mask))
    length = bits.bit_count()
    if bits != (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF:
        raise ValueError(mask)
    return length


@lru_cache(maxsize=65_536)
def wildcard(address: str, mask: str) -> tuple[Ranges, bool] | None:
    """The ranges that an address and a wildcard mask mean, and whether they are exact.

    A bit set in the mask is free. Free bits before the tail multiply the ranges; too many of them
    give the one range around all, which is not exact. Null where either is no address.
    """
    try:
        base, free = int(ipaddress.IPv4Address(address)), int(ipaddress.IPv4Address(mask))
    except ValueError:
        return None
    tail = (free ^ (free + 1)).bit_length() - 1
    base &= ~free & 0xFFFFFFFF
    holes = [bit for bit in range(tail, 32) if free >> bit & 1]
    if len(holes) > _MOST_FREE_BITS:
        around = holes[-1] + 1
        start = base >> around << around
        return (str(ipaddress.IPv4Network((start, 32 - around))),), False
    starts = [base]
    for bit in holes:
        starts += [s | 1 << bit for s in starts]
    return tuple(str(ipaddress.IPv4Network((s, 32 - tail))) for s in sorted(starts)), True


def between(first: str, last: str) -> Ranges | None:
    """The ranges from one address to another, both in them; null where they are no such pair."""
    try:
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
        if isinstance(low, ipaddress.IPv4Address) and isinstance(high, ipaddress.IPv4Address):
            return tuple(str(n) for n in ipaddress.summarize_address_range(low, high))
        if isinstance(low, ipaddress.IPv6Address) and isinstance(high, ipaddress.IPv6Address):
            return tuple(str(n) for n in ipaddress.summarize_address_range(low, high))
    except ValueError:
        pass
    return None


def collapsed(networks: Iterable[Network]) -> list[Network]:
    """The fewest ranges that say the same; IPv4 before IPv6."""
    listed = list(networks)
    v4 = ipaddress.collapse_addresses([n for n in listed if isinstance(n, ipaddress.IPv4Network)])
    v6 = ipaddress.collapse_addresses([n for n in listed if isinstance(n, ipaddress.IPv6Network)])
    return [*v4, *v6]


def without(whole: Iterable[Network], excepted: Iterable[Network]) -> list[Network]:
    """The ranges, less the excepted ones."""
    rest = collapsed(whole)
    for hole in collapsed(excepted):
        kept: list[Network] = []
        for part in rest:
            kept += _less(part, hole)
        rest = kept
    return rest


def _less(part: Network, hole: Network) -> list[Network]:
    if isinstance(part, ipaddress.IPv4Network) and isinstance(hole, ipaddress.IPv4Network):
        if part.subnet_of(hole):
            return []
        return sorted(part.address_exclude(hole)) if hole.subnet_of(part) else [part]
    if isinstance(part, ipaddress.IPv6Network) and isinstance(hole, ipaddress.IPv6Network):
        if part.subnet_of(hole):
            return []
        return sorted(part.address_exclude(hole)) if hole.subnet_of(part) else [part]
    return [part]


def ranges(networks: Iterable[Network]) -> Ranges:
    """The ranges as texts."""
    return tuple(str(n) for n in networks)
