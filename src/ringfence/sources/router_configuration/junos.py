"""Junos of Juniper Networks: `show configuration`, with or without `| display set`.

Junos 12 to 25 on routers (MX, PTX, ACX), switches (EX, QFX) and firewalls (SRX). Groups are copied
to where `apply-groups` names them, so that a configuration need not be exported with `display
inheritance`. What is `inactive:` or under `deactivate` is not in force and set aside.

A filter ends in a discard. A term without an action accepts. Several addresses of one condition
are a choice, less those marked `except`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

from ringfence.sources.router_configuration import junos_zones
from ringfence.sources.router_configuration.braces import in_brackets, inherit, topics
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
    Network,
    Ranges,
    any_of,
    common_spans,
    merged_spans,
    network,
    port_number,
    protocol_name,
    ranges,
    without,
    without_spans,
)
from ringfence.sources.router_configuration.text import Branch, Ledger, words_of

VENDOR: Final = "Juniper Networks"
_BY_NAME: Final = frozenset(
    ("interfaces", "routing-instances", "groups", "vlans", "policy-options", "firewall")
)
_SET: Final = re.compile(
    r"^set (version \d|system (host-name|root-authentication|services|login)|interfaces [a-z]{2,4}-?"
    r"[\d/:]*\S* (unit|description|disable|family|gigether|mtu)|routing-options |firewall (family|filter)|"
    r"protocols (bgp|ospf|isis|mpls|ldp)|security (zones|policies)|policy-options )",
    re.MULTILINE,
)
_BRACES: Final = re.compile(
    r"^(## Last (commit|changed): |version \"?\d+\.\d[^;\n]*;|system \{|interfaces \{|firewall \{|"
    r"routing-options \{|protocols \{|groups \{|security \{|policy-options \{)",
    re.MULTILINE,
)
_MANAGEMENT: Final = re.compile(r"(fxp0|em0|me0|vme|re\d:mgmt-\d)(\.|$)")
_LOGS_ONLY: Final = frozenset(
    ("count", "log", "syslog", "sample", "policer", "forwarding-class", "loss-priority",
     "port-mirror", "three-color-policer", "traffic-class", "dscp", "hierarchical-policer")
)  # fmt: skip
_EITHER: Final = {
    "address": ("source-address", "destination-address"),
    "prefix-list": ("source-prefix-list", "destination-prefix-list"),
    "port": ("source-port", "destination-port"),
}


def claim(head: str) -> tuple[float, str] | None:
    """How sure it is that this is of Junos, and why."""
    marks = {m.group(1).split(" ")[0] for m in _SET.finditer(head)}
    if re.search(r"^set version \d\S*R\d", head, re.MULTILINE) or len(marks) >= 2:
        return 1.0, "a Junos configuration as `set` commands"
    if marks:
        return 0.85, "`set` commands as of Junos"
    blocks = _BRACES.findall(head)
    ends = len(re.findall(r";[ \t]*(##.*)?$", head, re.MULTILINE))
    if head.lstrip().startswith("## Last ") and blocks:
        return 1.0, "a Junos configuration by its heading"
    if len(blocks) >= 2 and ends >= 2:
        return 0.95, "a Junos configuration in brackets"
    if blocks and ends >= 3 and "family inet" in head:
        return 0.9, "blocks as of Junos"
    return None


def read(ledger: Ledger) -> Device:
    """What a configuration of Junos says."""
    device = Device(ledger, vendor_name=VENDOR)
    is_set = any(line.startswith(("set ", "deactivate ")) for line in ledger.lines[:2000])
    root = _of_paths(ledger) if is_set else in_brackets(ledger, ends_with_line=False)
    if not inherit(root):
        ledger.fault(root.line or 1, "groups that apply in too many places")
    topics(ledger, root, _BY_NAME)
    return _Reader(device, root).read()


def _of_paths(ledger: Ledger) -> Branch:
    root = Branch("")
    off: list[tuple[str, ...]] = []
    for number, line in enumerate(ledger.lines, 1):
        words = words_of(line)
        if not words or words[0].startswith("#"):
            continue
        ledger.record(number, "")
        if words[0] == "set" and len(words) > 1:
            root.put(words[1:], number)
        elif words[0] == "deactivate":
            off.append(words[1:])
    for path in off:
        branch = root.at(*path)
        if branch is not None and branch.parent is not None:
            del branch.parent.below[branch.word]
    return root


@dataclass(slots=True)
class _Reader:
    device: Device
    root: Branch
    joined: dict[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        return self.device.ledger

    def read(self) -> Device:
        device = self.device
        self._system()
        for branch in self.root.words("vlans"):
            number = branch.value("vlan-id")
            if number and number.isdigit() and 0 < int(number[:5]) < 4095:
                device.vlans[int(number)] = (branch.word, branch.use(self.ledger, whole=True))
        for interface in self.root.words("interfaces"):
            self._interface(interface)
        for instance in self.root.words("routing-instances"):
            self._instance(instance)
        self._routes(self.root, None)
        for place in (self.root.at("firewall"), self.root.at("firewall", "family", "inet")):
            for each in place.words("filter") if place else ():
                self._filter(each, 4)
        for each in self.root.words("firewall", "family", "inet6", "filter"):
            self._filter(each, 6)
        for (family, name), lists in self.joined.items():
            self._join(family, name, lists)
        self._services()
        junos_zones.read(device, self.root)
        return device

    def _system(self) -> None:
        if version := self.root.at("version"):
            self.device.software_version = next(iter(version.below), None)
            self.device.version_line = version.use(self.ledger, whole=True)
        if name := self.root.at("system", "host-name"):
            self.device.name = next(iter(name.below), None)
            self.device.name_line = name.use(self.ledger, whole=True)

    def _interface(self, interface: Branch) -> None:
        if interface.word in {"interface-range", "interface-set"}:
            return
        is_off = interface.at("disable")
        units = interface.words("unit")
        if not units:
            port = self.device.port(interface.word, interface.use(self.ledger))
            port.is_up = is_off is None
            port.is_management = True if _MANAGEMENT.match(interface.word) else None
        for unit in units:
            name = f"{interface.word}.{unit.word}"
            port = self.device.port(name, unit.use(self.ledger))
            is_down = is_off or unit.at("disable")
            if is_down:
                is_down.use(self.ledger)
            port.is_up = is_down is None
            port.is_management = True if _MANAGEMENT.match(interface.word) else None
            for family in unit.words("family"):
                family.use(self.ledger)
                if family.word in {"inet", "inet6"}:
                    self._family(port, family)
                elif family.word in {"ethernet-switching", "bridge"}:
                    self._switched(port, family)
            if port.is_management and self.root.at("system", "management-instance"):
                self.root.below["system"].below["management-instance"].use(self.ledger)
                port.vrf = "mgmt_junos"

    def _family(self, port: Port, family: Branch) -> None:
        version = 6 if family.word == "inet6" else 4
        self.device.speaks_ipv6 |= version == 6
        for address in family.words("address"):
            if "eui-64" in address.below:
                # The address is made of the interface's own, which is not stated.
                continue
            if not port.address(address.word, address.line):
                self.ledger.fault(address.line, "an address that is none")
                continue
            address.use(self.ledger)
            for group in address.words("vrrp-group"):
                for shared in group.words("virtual-address"):
                    length = address.word.partition("/")[2]
                    label = f"vrrp/{group.word}/{shared.word}"
                    if port.address(f"{shared.word}/{length}", shared.line, label):
                        shared.use(self.ledger)
        for word, direction in (("input", "in"), ("output", "out")):
            named = family.at("filter", word) or family.at("filter", f"{word}-list")
            if named is None or not named.below:
                continue
            named.use(self.ledger, whole=True)
            lists = tuple(named.below)
            if port.name.startswith("lo0.") and direction == "in":
                self.device.guards.append(
                    Guard(f"{port.name}/ipv{version}", "+".join(lists), version, named.line)
                )
                self.joined[version, "+".join(lists)] = lists
            else:
                port.bindings.append(Binding(lists, version, direction, named.line))

    def _switched(self, port: Port, family: Branch) -> None:
        names = {name: number for number, (name, _) in self.device.vlans.items()}
        for member in family.words("vlan", "members"):
            number = names.get(member.word)
            if number is None and member.word.isdigit() and 0 < int(member.word[:5]) < 4095:
                number = int(member.word)
            if number is not None:
                port.vlans[number] = member.use(self.ledger)

    def _instance(self, instance: Branch) -> None:
        kind = instance.value("instance-type")
        name: str | None = instance.word
        if kind in {"vrf", "virtual-router", None}:
            stated = instance.at("instance-type")
            line = stated.use(self.ledger, whole=True) if stated else instance.use(self.ledger)
            self.device.vrfs[instance.word] = line or instance.line
        else:
            # Switching instances and forwarding instances hold no interfaces of their own.
            name = None
        for interface in instance.words("interface"):
            if name and (port := self.device.ports.get(interface.word)):
                port.vrf = name
                interface.use(self.ledger)
        self._routes(instance, name)

    def _routes(self, place: Branch, vrf: str | None) -> None:
        options = place.at("routing-options")
        if options is None:
            return
        tables = [options.at("static"), *(t.at("static") for t in options.words("rib"))]
        for table in tables:
            for route in table.words("route") if table else ():
                self._route(route, vrf)

    def _route(self, route: Branch, vrf: str | None) -> None:
        destination = network(route.word)
        if destination is None:
            self.ledger.fault(route.line, "a route to what is no address range")
            return
        preference = route.value("preference")
        number = int(preference[:9]) if preference and preference.isdigit() else None
        base = Static(str(destination), route.line, vrf, preference=number)
        for word in ("discard", "reject", "receive"):
            if found := route.at(word):
                found.use(self.ledger)
                self.device.statics.append(replace(base, line=found.line, kind="discard"))
        for word in ("next-hop", "qualified-next-hop"):
            for hop in route.words(word):
                line = hop.use(self.ledger)
                address = network(hop.word)
                self.device.statics.append(
                    replace(base, line=line, next_hop=str(address.network_address))
                    if address is not None
                    else replace(base, line=line, interface=hop.word)
                )

    def _filter(self, written: Branch, family: int) -> None:
        rules = self.device.rule_list(family, written.word, written.line)
        rules.lines += written.whole()
        for term in written.words("term"):
            rules.entries += self._term(term, family)
        if not written.words("term") and (written.at("from") or written.at("then")):
            rules.entries += self._term(written, family)

    def _join(self, family: int, name: str, lists: Sequence[str]) -> None:
        """One list of several that are gone through in turn, where all are there."""
        parts = [self.device.lists.get((family, each)) for each in lists]
        found = [p for p in parts if p is not None]
        if len(lists) > 1 and len(found) == len(parts):
            joined = self.device.rule_list(family, name, found[0].line)
            for part in found:
                joined.entries += part.entries

    def _term(self, term: Branch, family: int) -> Iterator[Entry]:
        lines = sorted(set(term.whole()))
        then = term.at("then")
        actions = set(then.below) if then else set()
        if actions & {"discard", "reject"}:
            action = "deny"
        elif "next" in actions:
            # It only counts or marks: the terms after it decide.
            self.ledger.keep(*lines)
            return
        else:
            action = "allow"
        odd = actions - _LOGS_ONLY - {"accept", "discard", "reject", "next", "routing-instance"}
        first = lines[0] if lines else 1
        text = " ".join(self.ledger.text(n).strip("{} ") for n in lines)[:2000]
        conditions = term.at("from")
        choices = [list(_EITHER.get(w, (w,))) for w in (conditions.below if conditions else ())]
        for chosen in product(*choices):
            entry = self._entry(
                action, first, text, family=family, conditions=conditions, chosen=chosen
            )
            yield replace(
                entry,
                is_understood=entry.is_understood and not odd,
                also=tuple(lines),
            )

    def _entry(  # noqa: C901, PLR0912 (one branch a word of the language)
        self,
        action: str,
        line: int,
        text: str,
        *,
        family: int,
        conditions: Branch | None,
        chosen: tuple[str, ...],
    ) -> Entry:
        """One entry of a term, each condition of either end being taken of the one chosen."""
        ends: dict[str, list[Network]] = {}
        excepted: dict[str, list[Network]] = {}
        ports: dict[str, Ranges] = {}
        protocols: Ranges = (None,)
        is_answer, is_understood = None, True
        for word, meant in zip(conditions.below if conditions else (), chosen, strict=False):
            values = conditions.below[word] if conditions else Branch("")
            match meant:
                case "source-address" | "destination-address":
                    is_understood &= self._addresses(values, meant[:-8], ends, excepted)
                case "source-prefix-list" | "destination-prefix-list":
                    is_understood &= self._prefixes(values, meant[:-12], ends, excepted, family)
                case "protocol" | "next-header" | "payload-protocol":
                    named = [protocol_name(v) for v in values.below]
                    is_understood &= None not in named
                    protocols = (None,) if None in named else tuple(named)
                case "source-port" | "destination-port":
                    spans = _ports(values)
                    is_understood &= spans is not None
                    if spans is not None:
                        ports[meant[:-5]] = common_spans(
                            ports.get(meant[:-5], (None,)), merged_spans(spans)
                        )
                case "source-port-except" | "destination-port-except":
                    spans = _ports(values)
                    is_understood &= spans is not None
                    if spans is not None:
                        ports[meant[:-12]] = without_spans(spans)
                case "tcp-established":
                    protocols, is_answer = ("TCP",), True
                case _:
                    is_understood = False
        found: dict[str, Ranges] = {}
        for end in ("source", "destination"):
            if end not in ends and end not in excepted:
                found[end] = (any_of(family),)
            elif not ends.get(end):
                # Nothing but exceptions: what else would match is not written.
                is_understood = is_understood and end in ends
                found[end] = (any_of(family),) if end not in ends else ()
            else:
                left = _longest(ends[end], excepted.get(end, []))
                found[end] = ranges(n for n in left if n.version == family)
        return Entry(
            action,
            line,
            text,
            protocols,
            found["source"],
            found["destination"],
            ports.get("source", (None,)),
            ports.get("destination", (None,)),
            is_answer_only=is_answer,
            is_understood=is_understood,
        )

    def _addresses(
        self,
        values: Branch,
        end: str,
        ends: dict[str, list[Network]],
        excepted: dict[str, list[Network]],
    ) -> bool:
        is_whole = True
        for value in values.below.values():
            found = network(value.word)
            if found is None:
                self.ledger.fault(value.line, "an address range that is none")
                is_whole = False
            else:
                (excepted if "except" in value.below else ends).setdefault(end, []).append(found)
        return is_whole

    def _prefixes(
        self,
        values: Branch,
        end: str,
        ends: dict[str, list[Network]],
        excepted: dict[str, list[Network]],
        family: int,
    ) -> bool:
        is_whole = True
        for value in values.below.values():
            stated = self.root.at("policy-options", "prefix-list", value.word)
            if stated is None or "apply-path" in stated.below:
                is_whole = False
                everything = network(any_of(family))
                if everything and "except" not in value.below:
                    ends.setdefault(end, []).append(everything)
                continue
            stated.use(self.ledger, whole=True)
            target = excepted if "except" in value.below else ends
            target.setdefault(end, [])
            target[end] += [n for p in stated.below if (n := network(p)) is not None]
        return is_whole

    def _services(self) -> None:
        services = self.root.at("system", "services")
        for service in services.below.values() if services else ():
            for made in _listening(service):
                self.device.services.append(made)
                service.use(self.ledger)
        for community in self.root.words("snmp", "community"):
            line = community.use(self.ledger)
            self.device.services.append(Service("SNMP", "UDP", 161, line, "community", "none"))
        if users := self.root.at("snmp", "v3"):
            line = users.use(self.ledger)
            self.device.services.append(Service("SNMP", "UDP", 161, line or users.line, "user"))
        instances = [self.root, *self.root.words("routing-instances")]
        for place in instances:
            bgp = place.at("protocols", "bgp")
            neighbours = [n for g in bgp.words("group") for n in g.words("neighbor")] if bgp else []
            if neighbours:
                self.device.services.append(
                    Service("BGP", "TCP", 179, neighbours[0].use(self.ledger) or neighbours[0].line)
                )


def _listening(service: Branch) -> Iterator[Service]:  # noqa: C901 (one branch a word of the language)
    line = service.line
    match service.word:
        case "ssh":
            yield Service("SSH", "TCP", 22, line, encryption="SSH")
        case "telnet":
            yield Service("Telnet", "TCP", 23, line, encryption="none")
        case "ftp":
            yield Service("FTP", "TCP", 21, line, encryption="none")
        case "netconf" if service.at("ssh") is not None:
            port = service.value("ssh", "port")
            yield Service("NETCONF", "TCP", port_number(port or "830"), line, encryption="SSH")
        case "web-management":
            if service.at("http") is not None:
                yield Service("HTTP", "TCP", 80, line, encryption="none")
            if service.at("https") is not None:
                yield Service("HTTPS", "TCP", 443, line, encryption="TLS")
        case "extension-service" if grpc := service.at("request-response", "grpc"):
            secured = grpc.at("ssl")
            port = grpc.value("ssl", "port") or grpc.value("clear-text", "port")
            # 32767: the default of Junos for gRPC in the clear; over TLS the port must be stated.
            yield Service(
                "gRPC", "TCP", port_number(port or "32767"), line,
                encryption="TLS" if secured else "none",
            )  # fmt: skip
        case "rest":
            if service.at("http") is not None:
                yield Service("REST", "TCP", 3000, line, encryption="none")
            if service.at("https") is not None:
                yield Service("REST", "TCP", 3443, line, encryption="TLS")


def _ports(values: Branch) -> list[tuple[int, int]] | None:
    """The spans of ports a condition names; null where one is not known."""
    spans = []
    for value in values.below:
        first, dash, last = value.partition("-")
        low = port_number(value)
        if low is not None:
            spans.append((low, low))
            continue
        low, high = port_number(first), port_number(last) if dash else None
        if low is None or high is None:
            return None
        spans.append((low, high))
    return spans


def _longest(stated: list[Network], excepted: list[Network]) -> list[Network]:
    """Ranges less exceptions, the more exact of two deciding whichever stands first."""
    left: list[Network] = []
    marked = [(n, False) for n in stated] + [(n, True) for n in excepted]
    for each, is_exception in sorted(marked, key=lambda m: (m[0].prefixlen, m[1])):
        left = without(left, [each]) if is_exception else [*left, each]
    return without(left, [])
