"""VRP of Huawei: `display current-configuration` of NE, CX, AR, ATN, S and CE series.

VRP 5 and 8. Statements are lines, what belongs to them is indented by one, `#` parts the blocks.

- An ACL bound to an interface with `traffic-filter` lets through what none of its rules match; one
  around terminals or SNMP denies it. Rules are gone through by their number where the ACL says
  nothing else; an ACL in `auto` order, whose order depends on how exact its rules are, is not
  understood.
- Policies that go by classifier and behaviour (`traffic-policy`) and zones of the firewalls are
  named, and what they match is not read.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from ringfence.sources.router_configuration.device import (
    Binding,
    Device,
    Guard,
    Port,
    Service,
    Static,
)
from ringfence.sources.router_configuration.entries import (
    Entry,
    Ranges,
    any_of,
    interface_address,
    masked,
    network,
    port_number,
    ports_of,
    protocol_name,
    wildcard,
)
from ringfence.sources.router_configuration.text import Ledger, Node, nested, outside

VENDOR: Final = "Huawei"
_VERSION: Final = re.compile(r"^!Software Version (V\d{3}R\S+)", re.MULTILINE)
_STATEMENTS: Final = re.compile(
    r"^(sysname \S|undo \S+|interface (GigabitEthernet|Eth-Trunk|LoopBack|Vlanif|NULL|MEth|XGigabit|"
    r"100GE|10GE|40GE|25GE|GE|Ethernet)\S*\s*$|ip vpn-instance |acl (number|name|ipv6)|ip route-static |"
    r"user-interface |aaa\s*$|vlan batch |stelnet |snmp-agent|bgp \d|ospf \d|isis \d|return[ \t]*$)",
    re.MULTILINE,
)
_TERMINAL_PORTS: Final = ("22-22", "23-23")
_MANAGEMENT: Final = re.compile(r"(MEth|M-Ethernet)", re.IGNORECASE)


def claim(head: str) -> tuple[float, str] | None:
    """How sure it is that this is of VRP, and why."""
    if _VERSION.search(head):
        return 1.0, "a VRP configuration by its heading"
    parts = len(re.findall(r"^#[ \t]*$", head, re.MULTILINE))
    found = {m.group(1).split(" ")[0] for m in _STATEMENTS.finditer(head)}
    if parts >= 2 and "sysname" in found:
        return 0.95, "blocks of a VRP configuration with a system name"
    if parts >= 2 and len(found) >= 2 and "interface" in found:
        return 0.85, "blocks as of VRP"
    return None


def read(ledger: Ledger) -> Device:
    """What a configuration of VRP says."""
    device = Device(ledger, vendor_name=VENDOR)
    lines = []
    for number, line in enumerate(ledger.lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("!"):
            if found := _VERSION.match(text):
                device.software_version, device.version_line = found.group(1), number
            continue
        lines.append((number, len(line) - len(line.lstrip()), text))
    tree = nested(lines)
    for node in tree.walk():
        ledger.record(node.line, _topic(node))
    _Reader(device, tree).read()
    return device


def _topic(node: Node) -> str:
    top, below = node, None
    while top.parent is not None and top.parent.line:
        below, top = top, top.parent
    if below is None or top.words[0] != "interface":
        return outside(top.words[0])
    return outside(top.words[0], below.words[0])


class _Reader:
    """Reads the tree into the device."""

    def __init__(self, device: Device, tree: Node) -> None:
        self.device = device
        self.ledger = device.ledger
        self.tree = tree

    def read(self) -> None:  # noqa: C901 (one branch a word of the language)
        """Read all of it."""
        for node in self.tree.children:
            match node.words:
                case ("sysname", name):
                    self.device.name, self.device.name_line = name, node.line
                case ("ip", "vpn-instance", name):
                    self.device.vrfs[name] = node.line
                case ("vlan", "batch", *numbers):
                    for number in _vlans(numbers):
                        self.device.vlans.setdefault(number, (None, node.line))
                case ("vlan", number) if number.isdigit() and 0 < int(number[:5]) < 4095:
                    named = node.first("description") or node.first("name")
                    title = named.words[1] if named and len(named.words) > 1 else None
                    if named:
                        self.ledger.keep(named.line)
                    self.device.vlans[int(number)] = (title, node.line)
                case ("acl", *words):
                    self._list(node, words)
        for node in self.tree.starting("interface"):
            self._interface(node)
        for node in self.tree.children:
            match node.words:
                case ("ip" | "ipv6", "route-static", *words):
                    self._route(node, words)
        self._services()
        self._terminals()

    def _interface(self, node: Node) -> None:
        name = "".join(node.words[1:])
        port = self.device.port(name, node.line)
        if _MANAGEMENT.match(name):
            port.is_management = True
        mode = next(
            (c.words[2] for c in node.starting("port", "link-type") if len(c.words) > 2), ""
        )
        for child in node.children:
            if self._state(port, child) or self._switched(port, child, mode):
                self.ledger.keep(child.line)
        found = re.fullmatch(r"vlanif(\d{1,4})", name, re.IGNORECASE)
        if found and 0 < int(found.group(1)) < 4095:
            port.vlans[int(found.group(1))] = node.line

    def _state(self, port: Port, child: Node) -> bool:
        match child.words:
            case ("shutdown",):
                port.is_up = False
            case ("undo", "shutdown"):
                port.is_up = True
            case ("ip", "binding", "vpn-instance", name):
                port.vrf = name
                self.device.vrfs.setdefault(name, child.line)
            case ("ip", "address", address, mask, *_) if mask not in {"sub", "unnumbered"}:
                length = f"{address}/{mask}"
                return port.address(interface_address(length), child.line)
            case ("ipv6", "address", address, *rest) if "eui-64" not in rest:
                self.device.speaks_ipv6 = True
                text = f"{address}/{rest[0]}" if rest and rest[0].isdigit() else address
                return port.address(text, child.line)
            case ("vrrp", "vrid", number, "virtual-ip", address, *_) if port.addresses:
                length = port.addresses[0].text.partition("/")[2]
                label = f"vrrp/{number}/{address}"
                return port.address(f"{address}/{length}", child.line, label)
            case ("traffic-filter", "inbound" | "outbound" as way, *words):
                direction = "in" if way == "inbound" else "out"
                family = 6 if "ipv6" in words else 4
                name = next((w for w in reversed(words) if w not in {"acl", "name", "ipv6"}), "?")
                port.bindings.append(Binding((name,), family, direction, child.line))
            case ("traffic-policy", name, "inbound" | "outbound" as way, *_):
                if self._only_marks(name):
                    return False
                # What a policy of classifiers does is not read: that it stands there is stated.
                direction = "in" if way == "inbound" else "out"
                port.bindings.append(Binding((f"traffic-policy {name}",), 4, direction, child.line))
            case _:
                return False
        return True

    def _only_marks(self, name: str) -> bool:
        """Whether a policy is there and none of its behaviours denies: then it stops nothing."""
        policy = self.tree.first("traffic", "policy", name)
        if policy is None:
            return False
        behaviours = [
            self.tree.first("traffic", "behavior", c.words[3])
            for c in policy.starting("classifier")
            if len(c.words) > 3
        ]
        return bool(behaviours) and all(
            b is not None and b.first("deny") is None and not b.starting("redirect")
            for b in behaviours
        )

    def _switched(self, port: Port, child: Node, mode: str) -> bool:
        match child.words:
            case ("port", "default", "vlan", number) if mode in {"access", ""}:
                numbers = _vlans((number,))
            case ("port", "trunk", "allow-pass", "vlan", *words) if mode == "trunk":
                known = self.device.vlans
                numbers = _vlans(words)
                if len(numbers) > 64:
                    numbers = [n for n in numbers if n in known]
            case ("port", "link-type", *_):
                return True
            case _:
                return False
        for each in numbers:
            port.vlans.setdefault(each, child.line)
        return bool(numbers)

    def _route(self, node: Node, words: Sequence[str]) -> None:
        rest = list(words)
        vrf = None
        if rest[:1] == ["vpn-instance"] and len(rest) > 2:
            vrf, rest = rest[1], rest[2:]
        if len(rest) < 3:
            return
        if rest[1].isdigit():
            found = network(f"{rest[0]}/{rest[1]}")
            destination = str(found) if found else None
        else:
            destination = masked(rest[0], rest[1])
        if destination is None:
            self.ledger.fault(node.line, "a route to what is no address range")
            return
        rest = rest[2:]
        next_hop, interface, kind = None, None, "static"
        if rest[0][0].isalpha() and network(rest[0]) is None:
            interface = rest[0]
            if interface.upper().startswith("NULL"):
                interface, kind = None, "discard"
            if interface == "vpn-instance":
                # The next hop lies in another VPN, which the model cannot say.
                interface = None
                rest = rest[1:]
            rest = rest[1:]
        if rest and (hop := network(rest[0])) is not None and "/" not in rest[0]:
            next_hop = str(hop.network_address)
        number = rest[rest.index("preference") + 1] if "preference" in rest[:-1] else ""
        if next_hop is None and interface is None and kind == "static":
            self.ledger.fault(node.line, "a route without a next hop")
            return
        self.device.statics.append(
            Static(destination, node.line, vrf, next_hop, interface, kind,
                   int(number) if number.isdigit() and len(number) < 10 else None)
        )  # fmt: skip

    def _list(self, node: Node, words: Sequence[str]) -> None:
        rest = list(words)
        family = 6 if rest[:1] == ["ipv6"] else 4
        rest = rest[1:] if family == 6 else rest
        is_auto = rest[-2:] == ["match-order", "auto"]
        kind = "basic" if "basic" in rest else ""
        if rest[:1] == ["number"] or rest[:1] == ["name"]:
            rest = rest[1:]
        if not rest:
            return
        names = [rest[0], *(w for w in rest[1:2] if w.isdigit())]
        number = next((int(n[:6]) for n in names if n.isdigit()), None)
        if number is not None and 2000 <= number <= 2999:
            kind = "basic"
        rules = self.device.rule_list(family, names[0], node.line, "allow")
        for alias in names[1:]:
            self.device.lists.setdefault((family, alias), rules)
        rules.lines.append(node.line)
        numbered: list[tuple[int, Entry]] = []
        for child in node.starting("rule"):
            place = child.words[1] if len(child.words) > 1 and child.words[1].isdigit() else "0"
            start = 2 if len(child.words) > 1 and child.words[1].isdigit() else 1
            if child.words[start : start + 1] in (("remark",), ("description",)):
                continue
            rules.lines.append(child.line)
            for entry in self._rule(child, list(child.words[start:]), family, kind == "basic"):
                known = replace(entry, is_understood=entry.is_understood and not is_auto)
                numbered += [(int(place[:9]), known)]
        rules.entries += [e for _, e in sorted(numbered, key=lambda pair: pair[0])]

    def _rule(self, node: Node, words: list[str], family: int, is_basic: bool) -> Iterator[Entry]:
        action = {"permit": "allow", "deny": "deny"}.get(words[0]) if words else None
        if action is None:
            self.ledger.fault(node.line, "an ACL rule that cannot be read")
            return
        rest = words[1:]
        protocol: str | None = None
        if not is_basic and rest and rest[0] not in {"source", "destination", "ip", "ipv6"}:
            protocol = protocol_name(rest[0])
            if protocol is None:
                self.ledger.fault(node.line, "an ACL rule of a protocol that is not known")
                yield Entry(action, node.line, self.ledger.text(node.line), is_understood=False)
                return
        if not is_basic and rest and rest[0] not in {"source", "destination"}:
            rest = rest[1:]
        ends: dict[str, Ranges] = {"source": (any_of(family),), "destination": (any_of(family),)}
        ports: dict[str, Ranges] = {"source-port": (None,), "destination-port": (None,)}
        is_understood = True
        is_answer = None
        while rest:
            word, rest = rest[0], rest[1:]
            if word in ends and rest:
                found, rest = _end(rest, family)
                is_understood &= found is not None and found[1]
                ends[word] = found[0] if found else ends[word]
            elif word in ports and rest:
                count = 3 if rest[0] == "range" else 2
                numbers = [port_number(w) for w in rest[1:count]]
                operator = {"eq": "eq", "gt": "gt", "lt": "lt", "range": "range", "neq": "neq"}
                known = [n for n in numbers if n is not None]
                spans = ports_of(operator.get(rest[0], "?"), known)
                is_understood &= spans is not None and len(known) == len(numbers)
                ports[word] = spans if spans is not None else (None,)
                rest = rest[count:]
            elif word == "tcp-flag" and rest[:1] == ["established"]:
                is_answer, rest = True, rest[1:]
            elif word not in {"logging", "counting", "log"}:
                # ICMP types, fragments, times, precedence, VPN instances.
                is_understood = False
        yield Entry(
            action, node.line, self.ledger.text(node.line), (protocol,), ends["source"],
            ends["destination"], ports["source-port"], ports["destination-port"],
            is_answer_only=is_answer, is_understood=is_understood,
        )  # fmt: skip

    def _services(self) -> None:
        listening = {
            ("stelnet", "server", "enable"): ("SSH", "TCP", 22, "SSH"),
            ("stelnet", "ipv4", "server", "enable"): ("SSH", "TCP", 22, "SSH"),
            ("sftp", "server", "enable"): ("SFTP", "TCP", 22, "SSH"),
            ("snetconf", "server", "enable"): ("NETCONF", "TCP", 22, "SSH"),
            ("telnet", "server", "enable"): ("Telnet", "TCP", 23, "none"),
            ("ftp", "server", "enable"): ("FTP", "TCP", 21, "none"),
            ("FTP", "server", "enable"): ("FTP", "TCP", 21, "none"),
            ("http", "server", "enable"): ("HTTP", "TCP", 80, "none"),
            ("http", "secure-server", "enable"): ("HTTPS", "TCP", 443, "TLS"),
            ("snmp-agent",): ("SNMP", "UDP", 161, None),
        }
        for node in self.tree.children:
            found = listening.get(node.words)
            if found is None and node.words[:1] == ("netconf",) and node.children:
                for child in node.starting("protocol", "inbound", "ssh"):
                    port = port_number(child.words[-1]) if child.words[-2:-1] == ("port",) else 830
                    self._listen("NETCONF", "TCP", port, "SSH", child.line)
                    self.ledger.keep(node.line)
            elif node.words[:1] == ("bgp",) and any(n.words[0] == "peer" for n in node.walk()):
                self._listen("BGP", "TCP", 179, None, node.line)
            elif found is not None:
                self._listen(*found, node.line)
        communities = self.tree.starting("snmp-agent", "community")
        lists = {_after(n.words, "acl") for n in communities}
        for node in communities:
            self.ledger.keep(node.line)
            self.device.services.append(Service("SNMP", "UDP", 161, node.line, "community", "none"))
        if len(lists) == 1 and (name := next(iter(lists))):
            line = communities[0].line
            self.device.guards.append(Guard("SNMP", name, 4, line, "UDP", ("161-161",)))

    def _listen(
        self, name: str, protocol: str, port: int | None, encryption: str | None, line: int
    ) -> None:
        self.device.services.append(Service(name, protocol, port, line, None, encryption))

    def _terminals(self) -> None:
        """Lists around the terminals, where all have the same."""
        terminals = self.tree.starting("user-interface", "vty")
        bound: list[tuple[str, int] | None] = []
        for node in terminals:
            found = None
            for child in node.children:
                match child.words:
                    case ("acl", name, "inbound") | ("acl", "ipv4", name, "inbound"):
                        found = (name, child.line)
                        self.ledger.keep(child.line, node.line)
                    case ("authentication-mode" | "protocol", *_):
                        self.ledger.keep(child.line, node.line)
            bound.append(found)
        lists = [b for b in bound if b]
        if lists and len(lists) == len(bound):
            names = list(dict.fromkeys(name for name, _ in lists))
            self.device.guards.append(
                Guard("vty/ipv4", "+".join(names), 4, lists[0][1], "TCP", _TERMINAL_PORTS)
            )


def _end(words: list[str], family: int) -> tuple[tuple[Ranges, bool] | None, list[str]]:
    """Read an address off the front of the words: `any`, `A W`, `A 0`, `A/len`."""
    if words[0] == "any":
        return ((any_of(family),), True), words[1:]
    if "/" in words[0]:
        found = network(words[0])
        return (((str(found),), True) if found else None), words[1:]
    if len(words) < 2:
        return None, []
    if family == 6:
        found = network(f"{words[0]}/{words[1]}")
        return (((str(found),), True) if found else None), words[2:]
    mask = "0.0.0.0" if words[1] == "0" else words[1]  # noqa: S104 (a wildcard mask)
    return wildcard(words[0], mask), words[2:]


def _vlans(words: Sequence[str]) -> list[int]:
    """VLAN numbers of `10 20 to 30`."""
    numbers: list[int] = []
    rest = [w for w in words if w.isdigit() or w == "to"]
    while rest:
        word, rest = rest[0], rest[1:]
        if word == "to" or len(word) > 4:
            continue
        first = last = int(word)
        if rest[:1] == ["to"] and len(rest) > 1 and rest[1].isdigit() and len(rest[1]) < 5:
            last, rest = int(rest[1]), rest[2:]
        numbers += range(max(first, 1), min(last, 4094) + 1)
        if len(numbers) > 8_192:
            numbers = list(dict.fromkeys(numbers))
    return list(dict.fromkeys(numbers))


def _after(words: Sequence[str], word: str) -> str | None:
    return words[words.index(word) + 1] if word in words[:-1] else None
