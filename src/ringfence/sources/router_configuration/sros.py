"""SR OS of Nokia (and Alcatel-Lucent before): 7750 SR, 7950 XRS, 7210 SAS, 7705 SAR.

Three ways of writing, of releases 9 to 26: the MD-CLI in brackets (`admin show configuration`,
`info`), the MD-CLI as paths (`info flat`, `info full-context`), and the classic CLI by indentation
(`admin display-config`). A classic configuration is brought into the words of the MD-CLI first.

A filter without a default action drops. An entry without an action is not in force. Filters for
what is addressed to the device itself (CPM and management access filters) are named, and what they
match is not read.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ringfence.sources.router_configuration.braces import in_brackets, inherit, topics
from ringfence.sources.router_configuration.device import (
    Binding,
    Device,
    Port,
    Service,
    Static,
    Wall,
)
from ringfence.sources.router_configuration.entries import (
    ITSELF,
    Entry,
    Ranges,
    any_of,
    masked,
    merged_spans,
    network,
    port_number,
    ports_of,
    protocol_name,
)
from ringfence.sources.router_configuration.text import (
    Branch,
    Ledger,
    Node,
    nested,
    outside,
    words_of,
)

_HEADER: Final = re.compile(
    r"^# TiMOS-(\S+) \S+ (Nokia|ALCATEL|Alcatel-Lucent) (.+?) Copyright", re.MULTILINE
)
_FLAT: Final = re.compile(
    r"^[ \t]*/?configure (router|service|system|port|filter|card|lag) \S", re.MULTILINE
)
_BRACES: Final = re.compile(
    r"^(configure \{|    (router \"?\w+\"?|service|card \S+|port \S+|system|filter) \{)",
    re.MULTILINE,
)
_CLASSIC: Final = re.compile(
    r"^(exit all|echo \"[\w /]+ Configuration\"|configure$|        (interface|sap|vprn|ies) .*)",
    re.MULTILINE,
)
_ACTIONS: Final = {"accept": "allow", "forward": "allow", "drop": "deny", "reject": "deny",
                   "tcp-mss-adjust": "allow", "http-redirect": "deny"}  # fmt: skip
_BY_NAME: Final = frozenset(("port", "card", "lag", "router"))


def claim(head: str) -> tuple[float, str] | None:
    """How sure it is that this is of SR OS, and why."""
    if head.startswith("# TiMOS-") or "\n# TiMOS-" in head[:2000]:
        return 1.0, "an SR OS configuration by its heading"
    if re.search(r"^configure \{", head, re.MULTILINE) and len(_BRACES.findall(head)) > 1:
        return 0.95, "a configuration of the SR OS MD-CLI"
    if len(_FLAT.findall(head)) >= 2:
        return 0.95, "paths of the SR OS MD-CLI"
    if "exit all" in head and len(_CLASSIC.findall(head)) > 2:
        return 0.9, "a configuration of the classic SR OS CLI"
    return None


def read(ledger: Ledger) -> Device:
    """What a configuration of SR OS says."""
    text = "\n".join(ledger.lines)
    device = Device(ledger, vendor_name="Nokia")
    for number, line in enumerate(ledger.lines[:50], 1):
        if found := _HEADER.match(line):
            version, maker, model = found.groups()
            device.software_version, device.version_line = f"TiMOS-{version}", number
            device.vendor_name = "Nokia" if maker == "Nokia" else "Alcatel-Lucent"
            device.model = model.strip()
    if re.search(r"^[^#\n]*\{[ \t]*$", text, re.MULTILINE):
        root = in_brackets(ledger, ends_with_line=True)
    elif _FLAT.search(text):
        root = _of_paths(ledger)
    else:
        root = _of_classic(ledger)
    configure = root.at("configure") or root
    inherit(configure)
    topics(ledger, configure, _BY_NAME)
    _Reader(device, configure).read()
    return device


def _of_paths(ledger: Ledger) -> Branch:
    root = Branch("")
    for number, line in enumerate(ledger.lines, 1):
        words = words_of(line.strip().lstrip("/"))
        if not words or words[0].startswith("#"):
            continue
        ledger.record(number, "")
        if words[0] in {"configure", "delete"} and len(words) > 1:
            branch = root.at("configure") if words[0] == "delete" else root
            if words[0] == "configure" and branch is not None:
                branch.put([w.strip("[]") for w in words if w.strip("[]")], number)
    return root


def _of_classic(ledger: Ledger) -> Branch:
    """The tree of a classic configuration, in the words of the MD-CLI."""
    lines = []
    for number, line in enumerate(ledger.lines, 1):
        text = line.strip()
        if not text or text.startswith(("#", "exit", "echo ")):
            continue
        ledger.record(number, "")
        lines.append((number, len(line) - len(line.lstrip()), text))
    root = Branch("")
    tree = nested(lines)
    waiting: list[tuple[Node, Branch]] = [(n, root) for n in reversed(tree.children)]
    while waiting:
        node, place = waiting.pop()
        branch = place.put(_modern(node.words, place), node.line)
        waiting += [(child, branch) for child in reversed(node.children)]
    return root


def _modern(words: Sequence[str], place: Branch) -> list[str]:  # noqa: C901, PLR0911, PLR0912 (one branch a word of the language)
    """A classic statement in the words of the MD-CLI."""
    rest = [w for w in words if w != "create"]
    match rest:
        case ["router"]:
            return ["router", "Base"]
        case ["vprn" | "ies" as kind, number, *more]:
            named = more[more.index("name") + 1 :] if "name" in more[:-1] else []
            return [kind, named[0] if named else number]
        case ["ip-filter" | "ipv6-filter" as kind, number, *_]:
            return [kind, number]
        case ["no", "shutdown"]:
            return ["admin-state", "enable"]
        case ["shutdown"]:
            return ["admin-state", "disable"]
        case ["address", address, *_] if "/" in address and place.parent is not None:
            if place.word == "ipv6":
                return ["address", *address.split("/", 1)]
            return ["ipv4", "primary", "address", address]
        case ["secondary", address, *_] if "/" in address:
            first, _, length = address.partition("/")
            return ["ipv4", "secondary", first, "prefix-length", length]
        case ["static-route-entry", destination, *_]:
            return ["static-routes", "route", destination, "route-type", "unicast"]
        case ["static-route", destination, *more]:
            return ["static-routes", "route", destination, "route-type", "unicast", *more]
        case ["match", "protocol" | "next-header" as word, name, *_]:
            # What stands below the match goes beside its protocol.
            place.put(["match", word, name], 0)
            place.below["match"].below[word].below[name].lines.remove(0)
            return ["match"]
        case ["src-ip" | "dst-ip" as word, address, *more]:
            if address == "ip-prefix-list":
                return [word, "ip-prefix-list", *more]
            return [word, "address", *((f"{address}/{more[0]}",) if more else (address,))]
    return rest


class _Reader:
    """Reads the tree into the device."""

    def __init__(self, device: Device, root: Branch) -> None:
        self.device = device
        self.ledger = device.ledger
        self.root = root

    def read(self) -> None:
        """Read all of it."""
        device = self.device
        if name := self.root.at("system", "name"):
            device.name, device.name_line = next(iter(name.below), None), name.line
            name.use(self.ledger, whole=True)
        for router in self.root.words("router"):
            is_management = router.word == "management"
            vrf = None if router.word == "Base" else router.word
            if vrf:
                device.vrfs.setdefault(vrf, router.use(self.ledger) or router.line)
            self._domain(router, vrf, is_management=is_management)
        for service in self.root.words("service", "vprn"):
            device.vrfs.setdefault(service.word, service.use(self.ledger) or service.line)
            self._domain(service, service.word)
        for service in self.root.words("service", "ies"):
            self._domain(service, None)
        for word, family in (("ip-filter", 4), ("ipv6-filter", 6)):
            for written in self.root.words("filter", word):
                self._filter(written, family)
        self._services()
        self._around_itself()

    def _domain(self, place: Branch, vrf: str | None, *, is_management: bool = False) -> None:
        for interface in place.words("interface"):
            self._interface(interface, vrf, is_management=is_management)
        for route in place.words("static-routes", "route"):
            self._route(route, vrf)
        bgp = place.at("bgp")
        neighbours = [*(bgp.words("neighbor") if bgp else ())]
        neighbours += [n for g in (bgp.words("group") if bgp else ()) for n in g.words("neighbor")]
        if neighbours:
            line = neighbours[0].use(self.ledger) or neighbours[0].line
            self.device.services.append(Service("BGP", "TCP", 179, line))

    def _interface(self, stated: Branch, vrf: str | None, *, is_management: bool) -> None:
        # The same name may stand in two services.
        name = stated.word if stated.word not in self.device.ports else f"{vrf}/{stated.word}"
        port = self.device.port(name, stated.use(self.ledger) or stated.line)
        port.vrf = vrf
        port.is_management = True if is_management else None
        if state := stated.at("admin-state"):
            port.is_up = "disable" not in state.below
            state.use(self.ledger, whole=True)
        if primary := stated.at("ipv4", "primary"):
            self._address(port, primary.value("address"), primary.value("prefix-length"), primary)
        for second in stated.words("ipv4", "secondary"):
            self._address(port, second.word, second.value("prefix-length"), second)
        for sixth in stated.words("ipv6", "address"):
            self.device.speaks_ipv6 = True
            length = sixth.value("prefix-length") or next(
                (w for w in sixth.below if w.isdigit()), None
            )
            self._address(port, sixth.word, length, sixth)
        for place in (stated, *stated.words("sap"), *stated.words("spoke-sdp")):
            for word, direction in (("ingress", "in"), ("egress", "out")):
                for kind, family in (("ip", 4), ("ipv6", 6)):
                    named = place.at(word, "filter", kind)
                    if named is not None and named.below:
                        place.use(self.ledger)
                        line = named.use(self.ledger, whole=True)
                        lists = tuple(named.below)[:1]
                        port.bindings.append(Binding(lists, family, direction, line))

    def _address(self, port: Port, address: str | None, length: str | None, place: Branch) -> None:
        if not address:
            return
        text = address if "/" in address else f"{address}/{length}"
        if port.address(text, place.line):
            place.use(self.ledger, whole=True)
        else:
            self.ledger.fault(place.line, "an address that is none")

    def _route(self, route: Branch, vrf: str | None) -> None:
        destination = network(route.word)
        if destination is None:
            self.ledger.fault(route.line, "a route to what is no address range")
            return
        for kind in (route, *route.words("route-type")):
            for hop in kind.words("next-hop"):
                address = network(hop.word)
                if address is None or "disable" in (b.word for b in hop.words("admin-state")):
                    continue
                self.device.statics.append(
                    Static(str(destination), self._used(hop), vrf, str(address.network_address),
                           preference=_number(hop.value("preference")))
                )  # fmt: skip
            for hop in kind.words("interface"):
                self.device.statics.append(
                    Static(str(destination), self._used(hop), vrf, interface=hop.word,
                           preference=_number(hop.value("preference")))
                )  # fmt: skip
            for word in ("blackhole", "black-hole"):
                if hole := kind.at(word):
                    self.device.statics.append(
                        Static(str(destination), self._used(hole), vrf, kind="discard")
                    )

    def _used(self, branch: Branch) -> int:
        branch.use(self.ledger, whole=True)
        return branch.line or next((b for b in _upwards(branch) if b), 1)

    def _filter(self, written: Branch, family: int) -> None:
        default = _ACTIONS.get(written.value("default-action") or "drop", "deny")
        rules = self.device.rule_list(family, written.word, written.line, default)
        if stated := written.at("default-action"):
            rules.lines += stated.lines
        rules.lines += written.whole()
        entries = [e for e in written.words("entry") if e.word.isdigit()]
        for entry in sorted(entries, key=lambda e: int(e.word[:9])):
            rules.entries += self._entry(entry, family)

    def _entry(self, entry: Branch, family: int) -> Iterator[Entry]:  # noqa: C901 (one branch a word of the language)
        acts = list(entry.at("action").below) if entry.at("action") else []  # type: ignore[union-attr]
        action = next((_ACTIONS[a] for a in acts if a in _ACTIONS), None)
        lines = tuple(sorted(set(entry.whole())))
        if not acts:
            for line in lines:
                self.ledger.aside(line, "a filter entry without an action, which is not in force")
            return
        text = " ".join(self.ledger.text(n).strip("{} ") for n in lines)[:2000]
        ends: dict[str, Ranges] = {"src-ip": (any_of(family),), "dst-ip": (any_of(family),)}
        ports: dict[str, Ranges] = {"src-port": (None,), "dst-port": (None,)}
        protocols: Ranges = (None,)
        is_understood = action is not None
        either: Ranges | None = None
        conditions = entry.at("match")
        for word, stated in (conditions.below if conditions else {}).items():
            match word:
                case "protocol" | "next-header":
                    named = protocol_name(next(iter(stated.below), ""))
                    is_understood &= named is not None
                    protocols = (named,)
                case "src-ip" | "dst-ip":
                    found = self._ranges(stated, family)
                    is_understood &= found is not None
                    ends[word] = found if found is not None else ends[word]
                case "src-port" | "dst-port" | "port":
                    spans = self._ports(stated)
                    is_understood &= spans is not None
                    if word == "port":
                        either = spans
                    elif spans is not None:
                        ports[word] = spans
                case "tcp-established":
                    protocols = ("TCP",)
                case _:
                    is_understood = False
        is_answer = True if conditions and conditions.at("tcp-established") else None
        choices = [ports] if either is None else [
            {"src-port": either, "dst-port": (None,)}, {"src-port": (None,), "dst-port": either}
        ]  # fmt: skip
        for choice in choices:
            yield Entry(
                action or "deny", lines[0] if lines else 1, text, protocols, ends["src-ip"],
                ends["dst-ip"], choice["src-port"], choice["dst-port"], is_answer_only=is_answer,
                is_understood=is_understood, also=lines,
            )  # fmt: skip

    def _ranges(self, stated: Branch, family: int) -> Ranges | None:
        """The ranges of an end; null where they are not known."""
        if name := stated.value("ip-prefix-list") or stated.value("ipv6-prefix-list"):
            kind = "ip-prefix-list" if family == 4 else "ipv6-prefix-list"
            listed = self.root.at("filter", "match-list", kind, name)
            if listed is None or listed.at("apply-path") or listed.at("prefix-exclude"):
                return None
            listed.use(self.ledger, whole=True)
            found = [network(p.word) for p in listed.words("prefix")]
            return tuple(str(n) for n in found if n) if all(found) else None
        address = stated.value("address")
        mask = stated.value("mask") or stated.value("address", address or "", "mask")
        if address and mask:
            return (one,) if (one := masked(address, mask)) else None
        if address and "/" in address and "." in address.partition("/")[2]:
            return (one,) if (one := masked(*address.split("/", 1))) else None
        single = network(address or "")
        return (str(single),) if single else None

    def _ports(self, stated: Branch) -> Ranges | None:
        if name := stated.value("port-list"):
            listed = self.root.at("filter", "match-list", "port-list", name)
            if listed is None:
                return None
            listed.use(self.ledger, whole=True)
            spans = []
            for each in [*listed.words("port"), *listed.words("range")]:
                low = port_number(each.value("start") or each.word)
                high = port_number(each.value("end") or each.word)
                if low is None or high is None:
                    return None
                spans.append((low, high))
            return merged_spans(spans)
        for operator in ("eq", "lt", "gt"):
            if value := stated.value(operator):
                port = port_number(value)
                return ports_of(operator, [port]) if port is not None else None
        if stated.at("range") is not None:
            start, end = stated.value("range", "start"), stated.value("range", "end")
            if start is None:
                words = _chain(stated.at("range"))
                start, end = (words[0], words[1]) if len(words) > 1 else (None, None)
            low, high = port_number(start or "?"), port_number(end or "?")
            return ports_of("range", [low, high]) if low is not None and high is not None else None
        return None

    def _services(self) -> None:
        system = self.root.at("system")
        if system is None:
            return

        def is_on(*path: str) -> Branch | None:
            stated = system.at(*path, "admin-state")
            return stated if stated is not None and "enable" in stated.below else None

        def listen(stated: Branch | None, *what: str | int | None) -> None:
            if stated is not None:
                name, protocol, port, encryption = what
                line = self._used(stated)
                self.device.services.append(
                    Service(str(name), str(protocol), int(port or 0), line,
                            encryption=str(encryption) if encryption else None)
                )  # fmt: skip

        listen(is_on("management-interface", "netconf", "listen"), "NETCONF", "TCP", 830, "SSH")
        listen(is_on("management-interface", "netconf"), "NETCONF", "TCP", 830, "SSH")
        # 57400: the default of SR OS for gRPC.
        insecure = system.at("grpc", "allow-unsecure-connection")
        listen(is_on("grpc"), "gRPC", "TCP", 57400, "none" if insecure else "TLS")
        listen(is_on("management-interface", "snmp"), "SNMP", "UDP", 161, None)
        telnet = system.at("security", "telnet-server")
        listen(None if telnet is None or "false" in telnet.below else telnet,
               "Telnet", "TCP", 23, "none")  # fmt: skip
        ftp = system.at("security", "ftp-server")
        listen(None if ftp is None or "false" in ftp.below else ftp, "FTP", "TCP", 21, "none")
        ssh = system.at("security", "ssh", "server-admin-state")
        listen(ssh if ssh is not None and "enable" in ssh.below else None, "SSH", "TCP", 22, "SSH")

    def _around_itself(self) -> None:
        """Filters of the control processor: that they stand there is stated, no more."""
        for path in (("cpm-filter",), ("management-access-filter",)):
            stated = self.root.at("system", "security", *path)
            lines = sorted(set(stated.whole())) if stated else []
            if stated is None or not lines:
                continue
            for line in lines:
                self.ledger.aside(line, outside(f"system security {path[0]}"))
            unknown = Entry(
                "deny", lines[0], path[0], destination_group=ITSELF, is_understood=False
            )
            self.device.walls.append(
                Wall(path[0], path[0], lines[0], "in", ((unknown,),), default="allow")
            )


def _chain(branch: Branch | None) -> list[str]:
    """The words one below the other (`range 1 5` is `range`, `1`, `5`)."""
    words = []
    while branch is not None and branch.below:
        branch = next(iter(branch.below.values()))
        words.append(branch.word)
    return words


def _upwards(branch: Branch) -> Iterator[int]:
    above = branch.parent
    while above is not None:
        yield from above.lines[:1]
        above = above.parent


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and len(text) < 10 else None
