"""Access lists and object groups of the IOS family, as entries.

Standard, extended, numbered, named and IPv6 lists of IOS, IOS XE, NX-OS, IOS XR and EOS. Addresses
are written `host A`, `A W` with a wildcard mask, `A/len`, `any`, or as an object group; ports with
`eq` (several), `neq`, `gt`, `lt`, `range` or a group of them. Words that narrow an entry in a way
the model cannot say leave it not understood; words that only log or count change nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ringfence.sources.router_configuration.entries import (
    Entry,
    Ranges,
    any_of,
    between,
    masked,
    network,
    port_number,
    ports_of,
    protocol_name,
    wildcard,
)
from ringfence.sources.router_configuration.text import Ledger, Node

_OPERATORS: Final = frozenset(("eq", "neq", "gt", "lt", "range"))
_WITH_PORTS: Final = frozenset(("TCP", "UDP", "SCTP", "UDPLite"))
_HARMLESS: Final = frozenset(
    ("log", "log-input", "logging", "count", "counter", "capture", "session", "hitcnt", "copy")
)
_TAKES_A_NAME: Final = frozenset(("reflect", "counter", "capture", "session", "copy"))
_GROUPS: Final = frozenset(("object-group", "addrgroup", "net-group"))
_PORT_GROUPS: Final = frozenset(("portgroup", "port-group"))
_ACTIONS: Final = {"permit": "allow", "deny": "deny"}


@dataclass(slots=True)
class Groups:
    """Object groups by name: address ranges, spans of ports, and services.

    `lines` are the group's own, counted as kept where an entry names the group. A group that holds
    what cannot be said is in `unclear`.
    """

    addresses: dict[str, list[str]] = field(default_factory=dict)
    ports: dict[str, list[str]] = field(default_factory=dict)
    services: dict[str, list[tuple[str | None, Ranges, Ranges]]] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    unclear: set[str] = field(default_factory=set)

    def whole(self, name: str) -> list[str]:
        """The group and all groups in it, each once, so that groups in a circle end."""
        found, waiting = [name], [name]
        while waiting:
            for member in self.members.get(waiting.pop(), ()):
                if member not in found:
                    found.append(member)
                    waiting.append(member)
        return found

    def read(self, node: Node, ledger: Ledger) -> None:
        """Read one `object-group` block."""
        words = node.words[1:]
        # `object-group network NAME`, of NX-OS `ip address NAME` and `ip port NAME`, of XR
        # `network ipv4 NAME` and `port NAME`.
        name = words[-1] if words else ""
        kind = " ".join(words[:-1])
        lines = self.lines.setdefault(name, [node.line])
        if kind.startswith(("service", "ip service")):
            self.services.setdefault(name, [])
        elif "port" in kind:
            self.ports.setdefault(name, [])
        else:
            self.addresses.setdefault(name, [])
        for child in node.children:
            lines.append(child.line)
            words = child.words
            if words[0].isdigit() and len(words) > 1:
                words = words[1:]
            if words[0] == "description":
                continue
            if words[0] == "group-object" and len(words) > 1:
                self.members.setdefault(name, []).append(words[1])
            elif not self._member(name, words):
                self.unclear.add(name)
                ledger.fault(child.line, "a member of an object group that cannot be read")

    def _member(self, name: str, words: Sequence[str]) -> bool:
        if name in self.ports:
            found, rest = _ports(list(words), None, self)
            self.ports[name] += [p for p in found or () if p]
            return found is not None and not rest
        if name in self.services:
            return self._service(name, list(words))
        if words[0] == "range" and len(words) == 3:
            spread = between(words[1], words[2])
            self.addresses[name] += [r for r in spread or () if r]
            return bool(spread)
        if len(words) == 2 and words[0] != "host" and (range_ := masked(words[0], words[1])):
            # IOS groups have network masks where its lists have wildcards; NX-OS has wildcards.
            self.addresses[name].append(range_)
            return True
        address = _address(list(words), 4, self)
        if address is None or address.rest or not address.is_exact:
            return False
        self.addresses[name] += [r for r in address.ranges if r]
        return True

    def _service(self, name: str, words: list[str]) -> bool:
        both = words[0] == "tcp-udp"
        protocol = None if words[0] == "ip" else "TCP" if both else protocol_name(words[0])
        if protocol is None and words[0] != "ip":
            return False
        words = words[1:]
        source: Ranges | None = (None,)
        if words and words[0] == "source":
            source, words = _ports(words[1:], protocol, self)
        destination: Ranges | None = (None,)
        if words:
            # A port alone is of the destination.
            if words[0] not in _OPERATORS:
                words = ["eq", *words]
            destination, words = _ports(words, protocol, self)
        if source is None or destination is None or words:
            return False
        for each in ("TCP", "UDP") if both else (protocol,):
            self.services[name].append((each, source, destination))
        return True


@dataclass(slots=True)
class _End:
    """One end of an entry: its ranges, whether they are exact, the groups named, the words after."""

    ranges: Ranges
    rest: list[str]
    is_exact: bool = True
    groups: tuple[str, ...] = ()


def _address(words: list[str], family: int, groups: Groups) -> _End | None:  # noqa: PLR0911 (one branch a word of the language)
    """Read an address off the front of the words; null where there is none."""
    if not words:
        return None
    word = words[0]
    if word in {"any", "any4", "any6"}:
        return _End((any_of(6 if word == "any6" else family),), words[1:])
    if word in _GROUPS and len(words) > 1:
        return _group(words, family, groups)
    if word == "host" and len(words) > 1:
        host = network(words[1])
        if host is None or host.prefixlen != host.max_prefixlen:
            # A host by its name: which it is, is not stated.
            return _End((any_of(family),), words[2:], is_exact=False)
        return _End((str(host),), words[2:])
    if "/" in word:
        found = network(word)
        return None if found is None else _End((str(found),), words[1:])
    if len(words) > 1 and (pair := wildcard(word, words[1])):
        return _End(pair[0], words[2:], is_exact=pair[1])
    found = network(word)
    if found is None or found.version != family:
        return None
    return _End((str(found),), words[1:])


def _group(words: list[str], family: int, groups: Groups) -> _End:
    names = groups.whole(words[1])
    is_known = all(n in groups.addresses and n not in groups.unclear for n in names)
    if not is_known:
        return _End((any_of(family),), words[2:], is_exact=False, groups=tuple(names))
    wanted = [r for n in names for r in groups.addresses[n] if (":" in r) == (family == 6)]
    return _End(tuple(wanted), words[2:], groups=tuple(names))


def _ports(
    words: list[str], protocol: str | None, groups: Groups
) -> tuple[Ranges | None, list[str]]:
    """Read ports off the front of the words; no ranges where they are wrong, any where none."""
    if not words:
        return (None,), words
    if words[0] in _PORT_GROUPS and len(words) > 1:
        names = groups.whole(words[1])
        if any(n not in groups.ports or n in groups.unclear for n in names):
            return None, words[2:]
        return tuple(p for n in names for p in groups.ports[n]), words[2:]
    if words[0] not in _OPERATORS:
        return (None,), words
    operator, rest = words[0], words[1:]
    if rest and rest[0] in _PORT_GROUPS:
        return _ports(rest, protocol, groups)
    most = 2 if operator == "range" else 10 if operator in {"eq", "neq"} else 1
    ports: list[int] = []
    while rest and len(ports) < most:
        port = _port(rest[0], protocol)
        if port is None:
            break
        ports.append(port)
        rest = rest[1:]
    return ports_of(operator, ports), rest


def _port(word: str, protocol: str | None) -> int | None:
    """A port's number. Of names that mean two ports, the protocol says which."""
    if word == "rip" and protocol == "TCP":
        return None
    return port_number(word)


class Lists:
    """Reads entries of one dialect, with its object groups."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.groups = Groups()

    def standard(self, words: Sequence[str], line: int) -> Iterator[Entry]:
        """The entry of a standard list, from `permit` or `deny` on."""
        action = _ACTIONS.get(words[0]) if words else None
        text = self.ledger.text(line)
        if action is None or len(words) < 2:
            self.ledger.fault(line, "an access-list entry that cannot be read")
            return
        end = _address(list(words[1:]), 4, self.groups)
        if end is None:
            self.ledger.fault(line, "an access-list entry without an address")
            yield Entry(action, line, text, sources=(any_of(4),), is_understood=False)
            return
        yield Entry(
            action,
            line,
            text,
            sources=end.ranges,
            is_understood=end.is_exact and _understood(end.rest),
            also=self._lines(end.groups),
        )

    def extended(self, words: Sequence[str], line: int, family: int) -> Iterator[Entry]:
        """The entries that one line of an extended list makes, from `permit` or `deny` on.

        A line that cannot be read is a fault, and an entry that may match anything: what it does
        to what comes after it is not known.
        """
        action = _ACTIONS.get(words[0]) if words else None
        if action is None:
            self.ledger.fault(line, "an access-list entry that cannot be read")
            return
        text = self.ledger.text(line)
        made = self._extended(action, list(words[1:]), line, text, family)
        if made is None:
            self.ledger.fault(line, "an access-list entry that cannot be read")
            ends: Ranges = (any_of(family),)
            yield Entry(action, line, text, (None,), ends, ends, is_understood=False)
            return
        yield from made

    def _extended(
        self, action: str, words: list[str], line: int, text: str, family: int
    ) -> list[Entry] | None:
        if not words:
            return None
        services: list[tuple[str | None, Ranges, Ranges]] = [(None, (None,), (None,))]
        named: list[str] = []
        is_exact = True
        if words[0] in {"object-group", "service-object-group"} and len(words) > 1:
            named = self.groups.whole(words[1])
            found = [s for n in named for s in self.groups.services.get(n, ())]
            is_exact = all(
                n in self.groups.services and n not in self.groups.unclear for n in named
            )
            services = found if is_exact else services
            words = words[2:]
        elif words[0] in {"ip", "ipv4", "ipv6"}:
            words = words[1:]
        else:
            protocol = protocol_name(words[0])
            if protocol is None and network(words[0]) is None and words[0] not in {"any", "host"}:
                return None
            # IPv6 lists of IOS and VRP may leave the protocol out.
            services = [(protocol, (None,), (None,))]
            words = words[1:] if protocol else words
        only = services[0][0] if len(services) == 1 else None
        source = _address(words, family, self.groups)
        if source is None:
            return None
        source_ports, words = self._at(source.rest, only)
        destination = _address(words, family, self.groups)
        if destination is None or source_ports is None:
            return None
        destination_ports, rest = self._at(destination.rest, only)
        if destination_ports is None:
            return None
        if (source_ports, destination_ports) != ((None,), (None,)) and only not in _WITH_PORTS:
            is_exact = False
        entry = Entry(
            action,
            line,
            text,
            sources=source.ranges,
            destinations=destination.ranges,
            is_answer_only=True if "established" in rest else None,
            is_understood=is_exact
            and source.is_exact
            and destination.is_exact
            and _understood([w for w in rest if w != "established"]),
            also=self._lines((*named, *source.groups, *destination.groups)),
        )
        return [
            replace(
                entry,
                protocols=(protocol,),
                source_ports=source_ports if first == (None,) else first,
                destination_ports=destination_ports if second == (None,) else second,
            )
            for protocol, first, second in services
        ]

    def _at(self, words: list[str], protocol: str | None) -> tuple[Ranges | None, list[str]]:
        return _ports(words, protocol, self.groups)

    def _lines(self, groups: Sequence[str]) -> tuple[int, ...]:
        return tuple(line for name in groups for line in self.groups.lines.get(name, ()))


def _understood(words: Sequence[str]) -> bool:
    """Whether the words after the addresses change nothing of what an entry matches."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("("):
            # `(12 matches)`, of `show access-lists`.
            return True
        if word not in _HARMLESS and word != "reflect":
            return False
        if word in _TAKES_A_NAME and rest and rest[0] not in _HARMLESS:
            rest.pop(0)
        if rest[:1] == ["timeout"]:
            del rest[:2]
    return True
