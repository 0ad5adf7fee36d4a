"""The IOS family: IOS, IOS XE, IOS XR, NX-OS, EOS, and systems that speak as they do.

Statements are lines, what belongs to them is indented below. `show running-config` of Cisco IOS 12
to 15, IOS XE 3 to 17, IOS XR 5 to 24, NX-OS 6 to 10, Arista EOS 4, FRRouting (with the interfaces of its host, as Cumulus
Linux exports them) and ZTE ZXROS 5 and 6
(whose blocks end in `$`). Cisco ASA looks alike and is refused: its lists have network masks where
these have wildcards, and its interfaces have levels of trust that let packets through unwritten.

What the system does unless told otherwise differs between versions and is not stated by a
configuration: whether Telnet or SSH is on where no line says so, whether a routed port of NX-OS
without `no shutdown` is up.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.router_configuration import ios_services
from ringfence.sources.router_configuration.device import (
    Binding,
    Device,
    Port,
    Static,
)
from ringfence.sources.router_configuration.entries import (
    Entry,
    any_of,
    interface_address,
    masked,
    network,
)
from ringfence.sources.router_configuration.ios_lists import Lists
from ringfence.sources.router_configuration.ios_services import interface_name
from ringfence.sources.router_configuration.text import Ledger, Node, nested, outside

IOS: Final = "IOS"
XR: Final = "IOS XR"
NXOS: Final = "NX-OS"
EOS: Final = "EOS"
ZXROS: Final = "ZXROS"
LIKE: Final = "a system like IOS"

VENDORS: Final = {
    IOS: "Cisco Systems",
    XR: "Cisco Systems",
    NXOS: "Cisco Systems",
    EOS: "Arista Networks",
    ZXROS: "ZTE",
}
"""Who makes the systems that their marks prove."""

_MARKS: Final = (
    (XR, re.compile(r"^!! ?IOS XR Configuration", re.MULTILINE)),
    (EOS, re.compile(r"^! device: .*EOS-", re.MULTILINE)),
    (
        NXOS,
        re.compile(
            r"^(vdc \S+ id \d|boot nxos |version \S+ Bios:|install feature-set )", re.MULTILINE
        ),
    ),
    (ZXROS, re.compile(r"^!<(mim|if-intf|sys|system-config|static|acl)>", re.MULTILINE)),
    (
        IOS,
        re.compile(
            r"^(boot-start-marker|license udi pid |service timestamps debug |ip cgmp|"
            r"redundancy\n(?:.*\n){0,3} mode sso|no service pad|platform console )",
            re.MULTILINE,
        ),
    ),
)
"""Lines that only one system writes."""

_ASA: Final = re.compile(r"^(:\s*)?(ASA|PIX|FWSM) Version |^ nameif \S+$", re.MULTILINE)
_STATEMENTS: Final = re.compile(
    r"^(hostname \S|interface [A-Za-z][\w./-]*\s*$|router (bgp|ospf|isis|eigrp|rip)|"
    r"ip route \d|access-list \d+ (permit|deny|remark)|ip access-list |ipv[46] access-list |"
    r"line (vty|con|default)|ip (prefix-list|domain)|route-map \S+ (permit|deny)|vrf (definition|"
    r"context|instance) |version \d+\.\d|service timestamps|aaa |snmp-server |end[ \t]*$)",
    re.MULTILINE,
)
_ENTRIES: Final = re.compile(
    r"^ +(no )?(ip(v[46])? address|shutdown|switchport|description|encapsulation|neighbor|"
    r"network|permit|deny|remark|vrf (forwarding|member))\b",
    re.MULTILINE,
)
_MANAGEMENT: Final = re.compile(r"(mgmt|management|mgmteth|mgmt_eth)[\d/_]", re.IGNORECASE)
_BANNER_LINES: Final = 300
_STANDARD: Final = ((1, 99), (1300, 1999))
_EXTENDED: Final = ((100, 199), (2000, 2699))


@dataclass(slots=True)
class Reading:
    """What is known while a configuration is read."""

    device: Device
    ledger: Ledger
    system: str
    tree: Node
    lists: Lists


def claim(head: str) -> tuple[float, str] | None:
    """How sure it is that this is of the IOS family, and why."""
    if _ASA.search(head):
        return 0.6, "a Cisco ASA configuration, which is not read"
    for system, mark in _MARKS:
        if system in {XR, EOS, ZXROS} and mark.search(head):
            return 1.0, f"a configuration of {system}"
    statements = {m.group(1).split(" ")[0] for m in _STATEMENTS.finditer(head)}
    has_entries = bool(_ENTRIES.search(head))
    has_header = "Current configuration :" in head or "Command: show running-config" in head
    if has_header and statements:
        return 1.0, "a running configuration, by its heading"
    if len(statements) >= 3 and has_entries:
        return 0.95, "statements of a router configuration"
    if (statements & {"interface", "router", "access-list"} and has_entries) or (
        "access-list" in statements and "!" in head
    ):
        return 0.8, "interfaces or access lists of a router configuration"
    return None


def system_of(text: str) -> str:
    """The system that wrote a configuration, by what only it writes."""
    return next((system for system, mark in _MARKS if mark.search(text)), LIKE)


def read(ledger: Ledger) -> Device:
    """What a configuration of the IOS family says; raises `SourceError` where it is of an ASA."""
    text = "\n".join(ledger.lines)
    if _ASA.search(text):
        raise SourceError(
            "this is a configuration of Cisco ASA, which is not read: its access lists and levels "
            "of trust mean other things than those of IOS",
            where=ledger.name,
            hint="give its rules as a table: ringfence sources template filter",
        )
    system = system_of(text)
    device = Device(ledger)
    tree = nested(list(_statements(ledger, device, system)))
    for node in tree.walk():
        ledger.record(node.line, _topic(node))
    device.speaks_ipv6 = bool(
        re.search(r"^[ \t]*(ipv6 (address|enable|unicast-routing))", text, re.MULTILINE)
    )
    device.vendor_name = VENDORS.get(system)
    reading = Reading(device, ledger, system, tree, Lists(ledger))
    _system(reading)
    for node in tree.starting("object-group"):
        reading.lists.groups.read(node, ledger)
    _access_lists(reading)
    _domains(reading)
    for node in tree.starting("interface"):
        _interface(reading, node)
    for node in tree.starting("iface"):
        _stanza(reading, node)
    _vlan_feet(reading)
    _routes(reading)
    ios_services.read(device, ledger, tree, system)
    return device


def _topic(node: Node) -> str:
    top, below = node, None
    while top.parent is not None and top.parent.line:
        below, top = top, top.parent
    if below is None or top.words[0] not in {"interface", "router", "line"}:
        return outside(top.words[0])
    first = below.words[1] if below.words[0] == "no" and len(below.words) > 1 else below.words[0]
    return outside(top.words[0], first)


def _statements(ledger: Ledger, device: Device, system: str) -> Iterator[tuple[int, int, str]]:
    """Lines with their number and indentation, less comments, marks read on the way."""
    lines = ledger.lines
    skip_to = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if number <= skip_to or not text:
            continue
        if text[0] == "!" or (system == ZXROS and text == "$"):
            _mark(device, text, number)
            continue
        indent = len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip())
        yield number, indent, text
        if text.startswith("banner "):
            skip_to = _banner_end(lines, number)
            for each in range(number + 1, skip_to + 1):
                if lines[each - 1].strip():
                    ledger.record(each, outside("banner"))


def _mark(device: Device, comment: str, line: int) -> None:
    """Versions that stand in comments."""
    if found := re.match(r"!! ?IOS XR Configuration\s*(?:version)?\s*=?\s*(\d\S*)", comment):
        device.software_version, device.version_line = found.group(1), line
    elif found := re.match(r"! device: \S+ \((\S+), EOS-([^)\s]+)\)", comment):
        device.model, device.software_version = found.group(1), found.group(2)
        device.version_line = line


def _banner_end(lines: Sequence[str], number: int) -> int:
    """The last line of the banner that begins on a line; the line itself where it has no end."""
    words = lines[number - 1].split(None, 2)
    rest = words[2] if len(words) > 2 else ""
    if not rest:
        # EOS ends its banners with a line of their own.
        ends = [n for n in range(number, min(len(lines), number + _BANNER_LINES))
                if lines[n].strip() == "EOF"]  # fmt: skip
        return ends[0] + 1 if ends else number
    delimiter = rest[:2] if rest[0] == "^" else rest[0]
    if delimiter in rest[len(delimiter) :]:
        return number
    for each in range(number, min(len(lines), number + _BANNER_LINES)):
        if delimiter in lines[each]:
            return each + 1
    return number


def _system(reading: Reading) -> None:
    device = reading.device
    for node in reading.tree.children:
        match node.words:
            case ("hostname" | "switchname", name):
                device.name, device.name_line = name, node.line
            case ("version", version, *_) if device.software_version is None:
                device.software_version, device.version_line = version, node.line
            case ("frr", "version", version):
                device.software_version, device.version_line = version, node.line
            case ("license", "udi", "pid", model, "sn", serial, *_) if reading.system == IOS:
                device.model, device.serial = model, serial
                reading.ledger.keep(node.line)


def _access_lists(reading: Reading) -> None:
    for node in reading.tree.children:
        match node.words:
            case ("access-list", number, *rest) if number.isdigit():
                _numbered(reading, node, number, rest)
            case ("ip" | "ipv4" | "ipv6" | "ipv4-access-list" | "ipv6-access-list", *_):
                _named(reading, node)


def _numbered(reading: Reading, node: Node, name: str, words: list[str]) -> None:
    number = int(name[:6])
    is_standard = any(a <= number <= b for a, b in _STANDARD)
    if not is_standard and not any(a <= number <= b for a, b in _EXTENDED):
        return
    if words[:1] in (["standard"], ["extended"]):
        words = words[1:]
    rules = reading.device.rule_list(4, name, node.line)
    if not words or words[0] in {"remark", "dynamic"}:
        reading.ledger.aside(node.line, outside("access-list", "remark"))
        return
    rules.lines.append(node.line)
    if is_standard:
        rules.entries += reading.lists.standard(words, node.line)
    else:
        rules.entries += reading.lists.extended(words, node.line, 4)


def _named(reading: Reading, node: Node) -> None:
    words = node.words
    if words[0].endswith("-access-list"):
        words = (words[0][:4], "access-list", *words[1:])
    if words[1:2] != ("access-list",) or len(words) < 3:
        return
    family = 6 if words[0] == "ipv6" else 4
    is_standard = words[2] == "standard"
    name = words[-1]
    if words[2] in {"resequence", "logging", "log-update", "persistent", "helper"}:
        return
    rules = reading.device.rule_list(family, name, node.line)
    rules.lines.append(node.line)
    for child in node.children:
        rest = list(child.words)
        while rest and (rest[0] in {"sequence", "rule"} or rest[0].isdigit()):
            rest = rest[1:]
        if not rest or rest[0] in {"remark", "statistics", "counters", "fragments", "description"}:
            reading.ledger.aside(child.line, outside("access-list", "remark"))
            continue
        rules.lines.append(child.line)
        if rest[0] == "evaluate":
            text = reading.ledger.text(child.line)
            ends = (any_of(family),)
            rules.entries.append(
                Entry("allow", child.line, text, sources=ends, destinations=ends,
                      is_answer_only=True, is_understood=False)
            )  # fmt: skip
        elif is_standard and family == 4:
            rules.entries += reading.lists.standard(rest, child.line)
        else:
            rules.entries += reading.lists.extended(rest, child.line, family)


def _domains(reading: Reading) -> None:
    """VRFs and VLANs."""
    for node in reading.tree.children:
        match node.words:
            case (
                ("ip", "vrf", name)
                | ("vrf", "definition" | "context" | "instance", name)
                | ("vrf", name)
            ):
                reading.device.vrfs.setdefault(name, node.line)
            case ("vlan", numbers) if numbers[0].isdigit():
                name_node = node.first("name")
                named = name_node.words[1] if name_node and len(name_node.words) > 1 else None
                if name_node:
                    reading.ledger.keep(name_node.line)
                reading.ledger.keep(node.line)
                for number in numbers_of(numbers):
                    reading.device.vlans[number] = (named, node.line)


def numbers_of(text: str) -> list[int]:
    """VLAN numbers of `2,64,290-297`; what is no VLAN number is left out."""
    numbers: dict[int, None] = {}
    for part in dict.fromkeys(text.split(",")):
        first, _, last = part.partition("-")
        if not (first.isdigit() and (last or first).isdigit() and len(first) < 5 > len(last)):
            continue
        for number in range(max(int(first), 1), min(int(last or first), 4094) + 1):
            numbers[number] = None
    return list(numbers)


def _interface(reading: Reading, node: Node) -> None:
    if len(node.words) < 2:
        return
    name = interface_name(node.words[1:])
    port = reading.device.port(name, node.line)
    if _MANAGEMENT.match(name):
        port.is_management = True
    if reading.system == ZXROS or (reading.system == NXOS and _down_unless_told(node, name)):
        port.is_up = None
    for child in node.children:
        if _domain_or_state(reading, port, child) or _addresses(port, child):
            reading.ledger.keep(child.line)
        elif binding := _binding(child):
            port.bindings.append(binding)
    _switched(reading, port, node)


def _stanza(reading: Reading, node: Node) -> None:
    """An interface as `/etc/network/interfaces` has it, which stands before the lines of FRR."""
    if len(node.words) < 2:
        return
    port = reading.device.port(node.words[1], node.line)
    for child in node.children:
        match child.words:
            case ("address", address):
                kept = port.address(address, child.line)
                reading.device.speaks_ipv6 |= kept and ":" in address
            case ("vrf", name):
                port.vrf, kept = name, True
                reading.device.vrfs.setdefault(name, child.line)
            case ("vrf-table", *_):
                # The interface is the VRF, and its addresses are in it.
                port.vrf, kept = port.name, True
                reading.device.vrfs.setdefault(port.name, child.line)
            case _:
                continue
        if kept:
            reading.ledger.keep(child.line)


def _down_unless_told(node: Node, name: str) -> bool:
    return name.lower().startswith("vlan") or node.first("no", "switchport") is not None


def _domain_or_state(reading: Reading, port: Port, child: Node) -> bool:
    match child.words:
        case ("shutdown",):
            port.is_up = False
        case ("no", "shutdown"):
            port.is_up = True
        case (
            ("vrf", "forwarding" | "member", name)
            | ("ip", "vrf", "forwarding", name)
            | ("vrf", name)
        ):
            port.vrf = name
            if name == "Mgmt-intf":
                port.is_management = True
            reading.device.vrfs.setdefault(name, child.line)
        case _:
            return False
    return True


def _addresses(port: Port, child: Node) -> bool:  # noqa: PLR0911 (one branch a word of the language)
    match child.words:
        case ("ip" | "ipv4", "address", address, mask, *_) if mask[0].isdigit():
            return port.address(interface_address(address, mask), child.line)
        case ("ip", "address", "virtual", address, *_):
            return port.address(address, child.line)
        case ("ip" | "ipv4" | "ipv6", "address", address, *rest) if "eui-64" not in rest:
            # With `eui-64` the address is made of the interface's own, which is not stated.
            return port.address(address, child.line)
        case ("hsrp" | "vrrp" as kind, group, *_) if port.addresses and child.children:
            return _shared(port, child, kind, group)
        case (
            ("standby" | "vrrp", group, "ip" | "ipv4", address, *_)
            | ("ip", "virtual-router", "address" as group, address, *_)
            | ("address", "ipv4" as group, address, *_)
        ) if port.addresses:
            # The address that hosts send to, which the device answers for while it leads.
            length = port.addresses[0].text.partition("/")[2]
            found = network(address)
            if found is None or found.version != 4 or ":" in port.addresses[0].text:
                return False
            label = f"{child.words[0]}/{group}/{address}"
            return port.address(f"{address}/{length}", child.line, label)
    return False


def _shared(port: Port, child: Node, kind: str, group: str) -> bool:
    """The address of a group of NX-OS that several routers answer for."""
    length = port.addresses[0].text.partition("/")[2]
    is_kept = False
    for word in ("ip", "address"):
        for each in child.starting(word):
            address = each.words[1] if len(each.words) > 1 else ""
            label = f"{kind}/{group}/{address}"
            if "." in address and port.address(f"{address}/{length}", each.line, label):
                is_kept = True
    return is_kept


def _binding(child: Node) -> Binding | None:
    lists: tuple[str, ...]
    directions = {"in": "in", "ingress": "in", "out": "out", "egress": "out"}
    match child.words:
        case ("ip" | "ipv4", "access-group", "common", first, second, direction, *_):
            lists, family = (first, second), 4
        case (
            ("ip" | "ipv4", "access-group", name, direction, *_)
            | ("ip", "port", "access-group", name, direction, *_)
            | ("ipv4-access-group", direction, name)
        ):
            lists, family = (name,), 4
        case ("ipv6", "traffic-filter" | "access-group", name, direction, *_) | (
            "ipv6",
            "port",
            "traffic-filter",
            name,
            direction,
            *_,
        ):
            lists, family = (name,), 6
        case _:
            return None
    if direction not in directions:
        return None
    return Binding(lists, family, directions[direction], child.line)


def _switched(reading: Reading, port: Port, node: Node) -> None:
    """The VLANs of a switched port."""
    mode = next((c.words[2] for c in node.starting("switchport", "mode") if len(c.words) > 2), None)
    access, is_stated = 0, False
    tagged: list[int] = []
    lines: dict[int, int] = {}
    for child in node.starting("switchport"):
        match child.words:
            case ("switchport", "access", "vlan", number) if mode in {None, "access"}:
                access = next(iter(numbers_of(number)), 0)
                lines[access] = child.line
            case ("switchport", "trunk", "allowed", "vlan", *rest) if mode in {None, "trunk"}:
                is_stated = mode == "trunk" or is_stated
                tagged = _allowed(reading, tagged, rest)
                lines.update(dict.fromkeys(tagged, child.line))
            case ("switchport", "mode", "access") if not access:
                access = 1
                lines[1] = child.line
            case ("switchport", "mode", "trunk") if not node.starting(
                "switchport", "trunk", "allowed"
            ):
                tagged = list(reading.device.vlans)
                lines.update(dict.fromkeys(tagged, child.line))
                is_stated = True
            case _:
                continue
        reading.ledger.keep(child.line)
    # A port that is not told to be a trunk carries its one VLAN; the list waits for another day.
    for vlan in tagged if is_stated else [access] if access else []:
        port.vlans[vlan] = lines.get(vlan, port.line)


def _allowed(reading: Reading, before: list[int], words: Sequence[str]) -> list[int]:
    known = reading.device.vlans
    text = words[-1] if words else ""
    # Of a range only the VLANs that exist: a trunk that allows 1-4094 does not carry so many.
    alone = set(text.split(","))
    named = [n for n in numbers_of(text) if n in known or str(n) in alone]
    match words[:1]:
        case ["none"]:
            return []
        case ["all"]:
            return list(known)
        case ["except"]:
            return [n for n in known if n not in set(numbers_of(text))]
        case ["add"]:
            return [*before, *(n for n in named if n not in before)]
        case ["remove"]:
            return [n for n in before if n not in set(numbers_of(text))]
    return list(dict.fromkeys(named))


def _vlan_feet(reading: Reading) -> None:
    """An interface of a VLAN has a foot in the VLAN as well as in its subnets."""
    for port in reading.device.ports.values():
        found = re.fullmatch(r"vlan(\d{1,4})", port.name, re.IGNORECASE)
        if found and 1 <= int(found.group(1)) <= 4094:
            port.vlans[int(found.group(1))] = port.line


def _routes(reading: Reading) -> None:
    for node in reading.tree.children:
        match node.words:
            case ("ip" | "ipv6", "route", "vrf", vrf, *rest):
                _route(reading, node, rest, vrf)
            case ("ip" | "ipv6", "route", *rest):
                _route(reading, node, rest, None)
            case ("vrf", "context", vrf):
                for child in node.children:
                    if child.words[:2] in {("ip", "route"), ("ipv6", "route")}:
                        _route(reading, child, child.words[2:], vrf)
            case ("router", "static"):
                _router_static(reading, node)


def _router_static(reading: Reading, node: Node) -> None:
    for family in node.children:
        vrf = family.words[1] if family.words[0] == "vrf" and len(family.words) > 1 else None
        for each in family.children if vrf else [family]:
            if each.words[0] != "address-family":
                continue
            for child in each.children:
                if _route(reading, child, child.words, vrf):
                    reading.ledger.keep(each.line, family.line, node.line)


def _route(reading: Reading, node: Node, words: Sequence[str], vrf: str | None) -> bool:  # noqa: C901, PLR0912 (one branch a word of the language)
    """Read a static route; what is none (a default of the `ip route` family) is left aside."""
    rest = list(words)
    if not rest:
        return False
    if "/" in rest[0]:
        found = network(rest[0])
        destination, rest = (str(found) if found else None), rest[1:]
    elif len(rest) > 1:
        destination, rest = masked(rest[0], rest[1]), rest[2:]
    else:
        return False
    if destination is None:
        if words[0][0].isdigit():
            reading.ledger.fault(node.line, "a route to what is no address range")
        return False
    next_hop, interface, kind = None, None, "static"
    while rest and not rest[0].isdigit():
        word = rest[0].partition("%")[0]
        if word.lower() in {"null0", "null", "discard", "blackhole", "reject"}:
            kind = "discard"
        elif (hop := network(word)) is not None and "/" not in word:
            next_hop = str(hop.network_address)
        elif word[0].isalpha() and word not in {"tag", "name", "track", "permanent", "metric",
                                                "description", "vrf", "global", "bfd"}:  # fmt: skip
            interface = interface_name(rest[:2])
        elif word == "vrf":
            # The next hop lies in another VRF, which the model cannot say.
            rest = rest[2:]
            continue
        else:
            break
        rest = rest[2:] if interface and interface == "".join(rest[:2]) else rest[1:]
    if next_hop is None and interface is None and kind == "static":
        reading.ledger.fault(node.line, "a route without a next hop")
        return False
    preference = int(rest[0]) if rest and rest[0].isdigit() and len(rest[0]) < 10 else None
    reading.device.statics.append(
        Static(destination, node.line, vrf, next_hop, interface, kind, preference)
    )
    return True
