"""What a device of the IOS family listens with, whom it lets near, and what it translates."""

from collections.abc import Sequence
from typing import Final

from ringfence.sources.router_configuration.device import (
    Device,
    Guard,
    Service,
    Translation,
    Wall,
)
from ringfence.sources.router_configuration.entries import between, network, port_number, span
from ringfence.sources.router_configuration.text import Ledger, Node

_SSH: Final = ("SSH", "TCP", 22, "SSH")
_TELNET: Final = ("Telnet", "TCP", 23, "none")
_TERMINAL_PORTS: Final = ("22-22", "23-23")

_FEATURES: Final = {
    "ssh": _SSH,
    "telnet": _TELNET,
    "netconf": ("NETCONF", "TCP", 830, "SSH"),
    "restconf": ("RESTCONF", "TCP", 443, "TLS"),
    "grpc": ("gRPC", "TCP", 50051, "TLS"),
}
"""NX-OS, `feature`: the ports its guides give."""


def interface_name(words: Sequence[str]) -> str:
    """The interface's name: `GigabitEthernet 0/1` and `GigabitEthernet0/1` are one."""
    if len(words) > 1 and words[0] in {"preconfigure", "range", "breakout"}:
        words = words[1:]
    if len(words) > 1 and words[0].isalpha() and words[1][0].isdigit():
        return words[0] + words[1]
    return words[0] if words else "?"


def read(device: Device, ledger: Ledger, tree: Node, system: str) -> None:
    """Read services, the lists around them, zones and translations off the tree."""
    for node in tree.children:
        _service(device, ledger, node, system)
    _terminals(device, ledger, tree)
    _web(device, ledger, tree)
    _snmp(device, ledger, tree)
    _zones(device, ledger, tree)
    _translations(device, ledger, tree)


def _listen(
    device: Device, what: tuple[str, str, int, str | None], line: int, how: str | None = None
) -> None:
    name, protocol, port, encryption = what
    device.services.append(Service(name, protocol, port, line, how, encryption))


def _service(device: Device, ledger: Ledger, node: Node, system: str) -> None:  # noqa: C901, PLR0912 (one branch a word of the language)
    match node.words:
        case ("feature", name) if name in _FEATURES:
            _listen(device, _FEATURES[name], node.line)
        case ("ssh", "server", *rest) if "v2" in rest or "vrf" in rest or not rest:
            _listen(device, _SSH, node.line)
            if "access-list" in rest and rest[-1] != "access-list":
                family = 6 if "ipv6" in rest else 4
                device.guards.append(Guard("SSH", rest[-1], family, node.line, "TCP", ("22-22",)))
        case ("telnet", *rest) if "server" in rest and system == "IOS XR":
            _listen(device, _TELNET, node.line)
        case ("netconf-yang", *rest) if rest in ([], ["agent", "ssh"]):
            _listen(device, ("NETCONF", "TCP", 830, "SSH"), node.line)
        case ("netconf", "ssh", *_):
            _listen(device, ("NETCONF", "TCP", 22, "SSH"), node.line)
        case ("restconf",):
            _listen(device, ("RESTCONF", "TCP", 443, "TLS"), node.line)
        case ("ntp", "master", *_):
            _listen(device, ("NTP", "UDP", 123, None), node.line)
        case ("ftp-server", "enable"):
            _listen(device, ("FTP", "TCP", 21, "none"), node.line)
        case ("tftp-server", *_):
            _listen(device, ("TFTP", "UDP", 69, "none"), node.line, "none")
        case ("grpc",) if system == "IOS XR":
            port = node.first("port")
            number = port_number(port.words[1]) if port and len(port.words) > 1 else None
            is_open = node.first("no-tls") is not None
            encryption = "none" if is_open else "TLS"
            # 57400: the default of IOS XR's gRPC server.
            device.services.append(
                Service("gRPC", "TCP", number or 57400, node.line, None, encryption)
            )
            ledger.keep(*(c.line for c in node.starting("port")))
        case ("router", "bgp", *_):
            if any(n.words[0] == "neighbor" for n in node.walk()):
                _listen(device, ("BGP", "TCP", 179, None), node.line)
        case ("management", *what):
            _management(device, ledger, node, " ".join(what))


def _management(device: Device, ledger: Ledger, node: Node, what: str) -> None:
    """The `management` blocks of EOS; all but SSH are off until told otherwise."""
    is_on = node.first("no", "shutdown")
    ledger.keep(*(n.line for n in (is_on, node.first("shutdown")) if n))
    match what:
        case "ssh" if node.first("shutdown") is None:
            _listen(device, _SSH, node.line)
        case "telnet" if is_on:
            _listen(device, _TELNET, node.line)
        case "api http-commands" if is_on:
            if node.first("no", "protocol", "https") is None:
                _listen(device, ("HTTPS", "TCP", 443, "TLS"), node.line)
            if plain := node.first("protocol", "http"):
                _listen(device, ("HTTP", "TCP", 80, "none"), plain.line)
        case "api netconf" if node.children:
            _listen(device, ("NETCONF", "TCP", 830, "SSH"), node.line)
        case "api gnmi" if node.children:
            _listen(device, ("gNMI", "TCP", 6030, None), node.line)
    ports = {"ssh": ("22-22",), "telnet": ("23-23",)}.get(what)
    for child in node.children:
        if ports and len(child.words) > 3 and child.words[1] == "access-group":
            family = 6 if child.words[0] == "ipv6" else 4
            device.guards.append(
                Guard(what.upper(), child.words[2], family, child.line, "TCP", ports)
            )


def _terminals(device: Device, ledger: Ledger, tree: Node) -> None:  # noqa: C901 (one branch a word of the language)
    """Virtual terminals: how they are reached and from where.

    A caller takes any terminal that is free, so that a list stands around them only where it
    stands at each; lists that differ are bound and, as one, not given.
    """
    terminals = [n for n in tree.starting("line") if n.words[1:2] in (("vty",), ("default",))]
    bound: dict[int, list[tuple[str, int] | None]] = {4: [], 6: []}
    for node in terminals:
        login = _login(node)
        found: dict[int, tuple[str, int]] = {}
        is_closed = False
        for child in node.children:
            match child.words:
                case ("transport", "input", *ways):
                    is_closed = ways == ["none"]
                    ledger.keep(child.line, node.line)
                    if {"all", "ssh"} & set(ways):
                        _listen(device, _SSH, child.line, login)
                    if {"all", "telnet"} & set(ways):
                        _listen(device, _TELNET, child.line, login)
                case (
                    ("access-class", "ingress", name, *_)
                    | ("access-class", name, "in", *_)
                    | ("ip", "access-class", name, "in", *_)
                ):
                    found[4] = (name, child.line)
                case ("ipv6", "access-class", name, "in", *_):
                    found[6] = (name, child.line)
                case ("login", *_) | ("no", "login") | ("password", *_):
                    ledger.keep(child.line)
        if not is_closed:
            for family, each in bound.items():
                each.append(found.get(family))
    for family, each in bound.items():
        lists = [e for e in each if e is not None]
        ledger.keep(*(line for _, line in lists))
        if lists and len(lists) == len(each):
            names = list(dict.fromkeys(name for name, _ in lists))
            device.guards.append(
                Guard(f"vty/ipv{family}", "+".join(names), family, lists[0][1], "TCP",
                      _TERMINAL_PORTS)
            )  # fmt: skip


def _login(node: Node) -> str | None:
    match next((c.words for c in node.children if "login" in c.words[:2]), ()):
        case ("no", "login"):
            return "none"
        case ("login", "local", *_):
            return "local user"
        case ("login", "authentication", *_):
            return "AAA"
        case ("login",):
            return "password" if node.first("password") else None
    return None


def _web(device: Device, ledger: Ledger, tree: Node) -> None:
    nodes = [n for n in tree.starting("ip", "http") if len(n.words) > 2]
    how = next((" ".join(n.words[3:]) for n in nodes if n.words[2] == "authentication"), None)
    ports = {
        n.words[2]: n for n in nodes if n.words[2] in {"port", "secure-port"} and len(n.words) > 3
    }
    open_ports = []
    for node in nodes:
        match node.words[2:]:
            case ("server",):
                own = ports.get("port")
                number = (port_number(own.words[3]) if own else None) or 80
                device.services.append(Service("HTTP", "TCP", number, node.line, how, "none"))
            case ("secure-server",):
                own = ports.get("secure-port")
                number = (port_number(own.words[3]) if own else None) or 443
                device.services.append(Service("HTTPS", "TCP", number, node.line, how, "TLS"))
            case ("authentication" | "port" | "secure-port", *_):
                ledger.keep(node.line)
                continue
            case _:
                continue
        open_ports.append(span(number, number))
    for node in nodes:
        if node.words[2] == "access-class" and len(node.words) > 3 and open_ports:
            family = 6 if "ipv6" in node.words else 4
            device.guards.append(
                Guard(f"web/ipv{family}", node.words[-1], family, node.line, "TCP",
                      tuple(open_ports))
            )  # fmt: skip


def _snmp(device: Device, ledger: Ledger, tree: Node) -> None:
    """SNMP by communities or users; a list stands around it only where each way in has the same."""
    lists: list[str | None] = []
    line = 0
    for node in tree.starting("snmp-server"):
        match node.words[1:]:
            case ("community", _, *rest):
                line = node.line
                _listen(device, ("SNMP", "UDP", 161, "none"), line, "community")
                lists.append(_last_list(device, rest))
            case ("group", _, "v3", level, *_):
                line = node.line
                encryption = "privacy" if level == "priv" else "none"
                how = "none" if level == "noauth" else "user"
                _listen(device, ("SNMP", "UDP", 161, encryption), line, how)
                lists.append(_last_list(device, node.words[-1:]))
            case _:
                continue
        ledger.keep(node.line)
    if lists and None not in lists:
        names = [name for name in dict.fromkeys(lists) if name]
        device.guards.append(Guard("SNMP", "+".join(names), 4, line, "UDP", ("161-161",)))


def _last_list(device: Device, words: Sequence[str]) -> str | None:
    """The access list that ends a `community` line, a view or a right being no list."""
    rest = list(words)
    if rest[:1] == ["view"]:
        rest = rest[2:]
    rest = [w for w in rest if w.lower() not in {"ro", "rw", "sdrowner", "systemowner", "group",
                                                 "network-operator", "network-admin"}]  # fmt: skip
    if not rest or rest[-1] in {"auth", "noauth", "priv", "v3"}:
        return None
    is_list = rest[-1].isdigit() or (4, rest[-1]) in device.lists
    return rest[-1] if is_list else None


def _zones(device: Device, ledger: Ledger, tree: Node) -> None:
    """Zone pairs: that something stands between zones is stated, what it lets through is not read."""
    members: dict[str, list[str]] = {}
    for node in tree.starting("interface"):
        for child in node.starting("zone-member", "security"):
            port = device.ports.get(interface_name(node.words[1:]))
            if port and len(child.words) > 2:
                members.setdefault(child.words[2], []).append(port.name)
                ledger.keep(child.line)
    for source, sources in members.items():
        for target, targets in members.items():
            if source == target:
                continue
            pair = next(
                (
                    n
                    for n in tree.starting("zone-pair", "security")
                    if n.words[3:] == ("source", source, "destination", target)
                ),
                None,
            )
            # Between zones without a pair nothing passes.
            for first in sources:
                for second in targets:
                    line = pair.line if pair else device.ports[first].line
                    name = pair.words[2] if pair else f"{source} to {target}"
                    device.walls.append(
                        Wall("zones", name, line, "through", ((),), first, second,
                             is_stated=pair is None, is_stateful=True)
                    )  # fmt: skip


def _translations(device: Device, ledger: Ledger, tree: Node) -> None:  # noqa: C901 (one branch a word of the language)
    outside = []
    for node in tree.starting("interface"):
        for child in node.children:
            if child.words[:2] == ("ip", "nat") and child.words[2:] in (("inside",), ("outside",)):
                ledger.keep(child.line)
                port = device.ports.get(interface_name(node.words[1:]))
                if port and child.words[2] == "outside":
                    outside.append(port.name)
    pools: dict[str, tuple[str | None, int]] = {}
    for node in tree.starting("ip", "nat", "pool"):
        if len(node.words) > 5:
            spread = between(node.words[4], node.words[5])
            text = f"{node.words[4]}-{node.words[5]}"
            pools[node.words[3]] = (spread[0] if spread and len(spread) == 1 else text, node.line)
    for node in tree.starting("ip", "nat"):
        match node.words[2:]:
            case ("inside", "source", "static", *rest):
                _static_translation(device, node, rest, outside)
            case ("inside", "source", "list", name, way, target, *_):
                to_range, line = pools.get(target, (None, node.line))
                if way == "pool" and target not in pools:
                    ledger.fault(node.line, f"translates to the pool {target}, which is not there")
                    continue
                if way == "pool":
                    ledger.keep(line)
                _list_translation(
                    device,
                    ledger,
                    node,
                    name,
                    way=way,
                    target=target,
                    to_range=to_range,
                    outside=outside,
                )


def _static_translation(
    device: Device, node: Node, words: Sequence[str], outside: Sequence[str]
) -> None:
    protocol = words[0].upper() if words and words[0] in {"tcp", "udp"} else None
    match words[1:] if protocol else words:
        case (local, local_port, shown, shown_port, *_) if protocol:
            ports = [
                span(p, p) if (p := port_number(w)) is not None else None
                for w in (local_port, shown_port)
            ]
        case (local, shown, *_):
            ports = [None, None]
        case _:
            return
    inner, outer = network(local), network(shown)
    if inner is None:
        return
    # `interface NAME` is the address of that interface.
    to_range = str(outer) if outer is not None else None
    places: list[str | None] = [*outside] or [None]
    for name in places:
        device.translations.append(
            Translation("source", node.line, name, protocol, str(inner), to_range=to_range,
                        to_ports=ports[1])
        )  # fmt: skip
        if to_range:
            device.translations.append(
                Translation("destination", node.line, name, protocol, None, to_range, ports[1],
                            str(inner), ports[0])
            )  # fmt: skip


def _list_translation(
    device: Device,
    ledger: Ledger,
    node: Node,
    name: str,
    *,
    way: str,
    target: str,
    to_range: str | None,
    outside: Sequence[str],
) -> None:
    rules = device.lists.get((4, name))
    # Entries that deny take sources out of the translation, which ranges cannot say in order.
    if rules is None or any(e.action != "allow" or not e.is_understood for e in rules.entries):
        ledger.fault(
            node.line, f"translates what list {name} permits, which ranges alone cannot say"
        )
        return
    ledger.keep(rules.line)
    ports: list[str | None] = [target] if way == "interface" else [*outside] or [None]
    for entry in rules.entries:
        ledger.keep(entry.line)
        for source in entry.sources:
            for port in ports:
                device.translations.append(
                    Translation("source", node.line, port, source=source, to_range=to_range)
                )
