"""FortiOS of Fortinet: `show`, `show full-configuration` and backups, FortiOS 5.4 to 7.6.

Blocks are `config ... end`, their entries `edit NAME ... next`, values `set KEY VALUE...`. Virtual
domains lie in blocks of their own and are VRFs here, but for `root`.

A packet goes on from one interface to another only where a policy of that pair accepts it; policies
are gone through in the order of the file. Every pair of interfaces is a boundary, also those that
no policy names. Policies for users, applications, internet services or times of day are not
understood. What an interface does not name in `allowaccess` cannot be reached on it; policies for
traffic to the device itself (`local-in-policy`) stand before.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ringfence.sources.router_configuration.device import (
    Device,
    Service,
    Static,
    Translation,
    Wall,
)
from ringfence.sources.router_configuration.entries import (
    ANY_IPV4,
    ANY_IPV6,
    ITSELF,
    Entry,
    Network,
    Ranges,
    between,
    interface_address,
    masked,
    network,
    port_number,
    protocol_name,
    ranges,
    span,
    wildcard,
    without,
)
from ringfence.sources.router_configuration.text import Branch, Ledger, outside, words_of

VENDOR: Final = "Fortinet"
_VERSION: Final = re.compile(r"^#config-version=([A-Za-z0-9]+)-(\d+\.\d+(?:\.\d+)*)", re.MULTILINE)
_BLOCKS: Final = re.compile(
    r"^config (system (global|interface|admin|accprofile|zone|settings)|firewall (policy|address|"
    r"service custom|vip)|router static|vdom|global)\s*$",
    re.MULTILINE,
)
_STRING_LINES: Final = 400
_MOST_PAIRS: Final = 40_000
"""A device of 200 interfaces has so many pairs."""

_ACCESS: Final = {
    "https": ("HTTPS", "TCP", 443, "TLS", "admin-sport"),
    "http": ("HTTP", "TCP", 80, "none", "admin-port"),
    "ssh": ("SSH", "TCP", 22, "SSH", "admin-ssh-port"),
    "telnet": ("Telnet", "TCP", 23, "none", "admin-telnet-port"),
    "snmp": ("SNMP", "UDP", 161, None, None),
    "fgfm": ("FGFM", "TCP", 541, "TLS", None),
}  # fmt: skip
"""Ports as the FortiOS ports guide gives them; FGFM is the management protocol of FortiManager."""

_UNSAID: Final = frozenset(
    ("users", "groups", "fsso-groups", "internet-service-name", "internet-service-src-name",
     "internet-service-id", "application", "url-category", "ztna-ems-tag", "src-vendor-mac",
     "rtp-addr", "ztna-geo-tag", "network-service-dynamic", "devices", "sgt")
)  # fmt: skip


def claim(head: str) -> tuple[float, str] | None:
    """How sure it is that this is of FortiOS, and why."""
    if _VERSION.search(head):
        return 1.0, "a FortiOS configuration by its heading"
    blocks = len(set(_BLOCKS.findall(head)))
    has_entries = re.search(r"^[ \t]+(edit|set) \S", head, re.MULTILINE) is not None
    if blocks and has_entries and re.search(r"^[ \t]*(end|next)[ \t]*$", head, re.MULTILINE):
        return (0.95 if blocks > 1 else 0.9), "blocks of a FortiOS configuration"
    return None


def read(ledger: Ledger) -> Device:
    """What a configuration of FortiOS says."""
    device = Device(ledger, vendor_name=VENDOR)
    for number, line in enumerate(ledger.lines[:20], 1):
        if found := _VERSION.match(line):
            device.model, device.software_version = found.groups()
            device.version_line = number
    root = _tree(ledger)
    general = root.at("global") or root
    domains = {b.word: b for b in root.words("vdom")} or {"root": root}
    settings = general.at("system global")
    if settings and (name := settings.at("hostname")):
        device.name, device.name_line = next(iter(name.below), None), name.use(ledger)
    interfaces = _Interfaces(device, settings)
    for place in dict.fromkeys((general, *domains.values())):
        for each in place.words("system interface"):
            interfaces.read(each)
    for domain, place in domains.items():
        _Domain(device, place, domain, interfaces).read()
    return device


def _tree(ledger: Ledger) -> Branch:  # noqa: C901, PLR0912 (one branch a word of the language)
    """Blocks and entries as branches; a block's name is one word (`firewall policy`)."""
    root = Branch("")
    stack = [root]
    lines = ledger.lines
    skip_to = 0
    topic = ""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if number <= skip_to:
            if text:
                ledger.record(number, outside(topic))
            continue
        if not text or text.startswith("#"):
            continue
        words = words_of(text)
        if _is_open(text):
            skip_to = _string_end(lines, number)
            words = words_of("\n".join(lines[number - 1 : skip_to]).strip())
        place = stack[-1]
        match words:
            case ("config", *name) if name:
                block = " ".join(name)
                if len(stack) == 1 or block not in {"vdom", "global"}:
                    topic = block if len(stack) < 4 else topic
                stack.append(place.put([block], number))
            case ("edit", name, *_):
                stack.append(place.put([name], number))
            case ("next",) | ("end",):
                if len(stack) > 1:
                    stack.pop()
                continue
            case ("set" | "append", key, *values):
                branch = place.put([key], number)
                for value in values:
                    branch.below.setdefault(value, Branch(value, branch))
            case _:
                pass
        ledger.record(number, outside(topic or words[0] if words else text))
    return root


def _is_open(text: str) -> bool:
    """Whether a string is begun in the line and not ended."""
    return len(re.findall(r'(?<!\\)"', text)) % 2 == 1


def _string_end(lines: Sequence[str], number: int) -> int:
    for each in range(number, min(len(lines), number + _STRING_LINES)):
        if _is_open(lines[each]):
            return each + 1
    return number


def _all(branch: Branch | None, key: str) -> list[str]:
    return [b.word for b in branch.words(key)] if branch else []


@dataclass(slots=True)
class _Interfaces:
    """Reads interfaces, each once; `domain` says which virtual domain each is of."""

    device: Device
    settings: Branch | None
    domain: dict[str, str] = field(default_factory=dict)

    def read(self, stated: Branch) -> None:
        """Read one interface."""
        device, ledger = self.device, self.device.ledger
        port = device.port(stated.word, stated.use(ledger))
        self.domain[stated.word] = domain = stated.value("vdom") or "root"
        vrf = stated.value("vrf")
        port.vrf = vrf if vrf not in {None, "0"} else (domain if domain != "root" else None)
        if port.vrf:
            device.vrfs.setdefault(port.vrf, stated.line)
        if status := stated.at("status"):
            port.is_up = "down" not in status.below
            status.use(ledger)
        if "management" in _all(stated, "dedicated-to"):
            port.is_management = True
            stated.below["dedicated-to"].use(ledger)
        self._addresses(stated)
        if (number := stated.value("vlanid")) and number.isdigit() and 0 < int(number[:5]) < 4095:
            port.vlans[int(number)] = stated.below["vlanid"].use(ledger)
        for key in ("vdom", "vrf", "type"):
            if found := stated.at(key):
                found.use(ledger)
        self._access(stated)

    def _addresses(self, stated: Branch) -> None:
        device, ledger = self.device, self.device.ledger
        port = device.ports[stated.word]
        places = [stated, *stated.words("secondaryip")]
        for place in places:
            address = place.at("ip")
            words = list(address.below) if address else []
            # An address of zeros says that there is none.
            if address is None or len(words) < 2 or words[0] == "0.0.0.0":  # noqa: S104 (compared)
                continue
            if port.address(interface_address(words[0], words[1]), address.line):
                address.use(ledger)
            else:
                ledger.fault(address.line, "an address that is none")
        for address in stated.words("ipv6", "ip6-address"):
            if address.word != "::/0" and address.parent:
                line = address.parent.line
                if port.address(address.word, line):
                    device.speaks_ipv6 = True
                    ledger.keep(line)

    def _access(self, stated: Branch) -> None:
        """What can be reached on the interface, and what of the same kind cannot."""
        device, ledger = self.device, self.device.ledger
        port = device.ports[stated.word]
        allowed = _all(stated, "allowaccess")
        line = stated.below["allowaccess"].use(ledger) if allowed else stated.line
        denied: list[Entry] = []
        for word, (name, protocol, number, encryption, setting) in _ACCESS.items():
            own = self.settings.value(setting) if self.settings and setting else None
            actual = port_number(own) if own else number
            if own and self.settings and setting and word in allowed:
                self.settings.below[setting].use(ledger)
            if word in allowed:
                for address in port.addresses:
                    device.services.append(
                        Service(name, protocol, actual, line, None, encryption,
                                address.text.partition("/")[0])
                    )  # fmt: skip
            elif actual is not None:
                denied.append(
                    Entry("deny", line, f"allowaccess without {word}", (protocol,),
                          destination_ports=(span(actual, actual),), destination_group=ITSELF)
                )  # fmt: skip
        if port.addresses:
            device.walls.append(
                Wall("access", "allowaccess", line, "in", (tuple(denied),), port.name,
                     default="allow", is_stateful=True)
            )  # fmt: skip


class _Domain:
    """Reads the policies and routes of one virtual domain."""

    def __init__(self, device: Device, place: Branch, name: str, interfaces: _Interfaces) -> None:
        self.device = device
        self.ledger = device.ledger
        self.place = place
        self.vrf = None if name == "root" else name
        self.ports = [p for p in device.ports if interfaces.domain.get(p, "root") == name]
        self.zones: dict[str, list[str]] = {}
        self.objects = _Objects(place, device.ledger)

    def read(self) -> None:
        """Read zones, policies, translations and routes."""
        for zone in self.place.words("system zone"):
            self.zones[zone.word] = [m for m in _all(zone, "interface") if m in self.ports]
            zone.use(self.ledger)
            if members := zone.at("interface"):
                members.use(self.ledger)
        self._pairs()
        self._local()
        for block, family in (("router static", 4), ("router static6", 6)):
            for route in self.place.words(block):
                self._route(route, family)
        if neighbours := self.place.words("router bgp", "neighbor"):
            line = neighbours[0].use(self.ledger)
            self.device.services.append(Service("BGP", "TCP", 179, line or neighbours[0].line))
        for vip in self.place.words("firewall vip"):
            self._vip(vip)

    def _members(self, stated: Branch | None) -> list[str]:
        """The interfaces that names of interfaces and zones mean."""
        found: list[str] = []
        for name in stated.below if stated else ():
            found += self.ports if name == "any" else self.zones.get(name, [name])
        return [n for n in dict.fromkeys(found) if n in self.ports]

    def _pairs(self) -> None:
        policies = [
            p
            for block in ("firewall policy", "firewall policy6", "firewall consolidated policy")
            for p in self.place.words(block)
            if "disable" not in _all(p, "status")
        ]
        named = {n for p in policies for k in ("srcintf", "dstintf") for n in _all(p, k)}
        zoned = {m for members in self.zones.values() for m in members}
        ends = [n for n in self.ports if n in named or n in zoned or self.device.ports[n].addresses]
        if len(ends) ** 2 > _MOST_PAIRS:
            line = policies[0].line if policies else self.ledger.first
            self.ledger.fault(line, "more pairs of interfaces than can be stated")
            return
        entries: dict[tuple[str, str], list[Entry]] = {}
        for policy in policies:
            made = self._policy(policy)
            for source in self._members(policy.at("srcintf")):
                for target in self._members(policy.at("dstintf")):
                    entries.setdefault((source, target), []).extend(made)
        allowing = {
            name
            for zone in self.place.words("system zone")
            if "allow" in _all(zone, "intrazone")
            for name in [zone.word]
        }
        for source in ends:
            for target in ends:
                is_within = any(
                    source in self.zones[z] and target in self.zones[z] for z in allowing
                )
                found = entries.get((source, target), [])
                line = found[0].line if found else self.device.ports[source].line
                self.device.walls.append(
                    Wall("policies", f"{source} to {target}", line, "through", (tuple(found),),
                         source, target, "allow" if is_within else "deny", is_stateful=True)
                )  # fmt: skip

    def _policy(self, policy: Branch) -> list[Entry]:
        lines = tuple(sorted(set(policy.whole())))
        action = "allow" if set(_all(policy, "action")) & {"accept", "ipsec"} else "deny"
        is_understood = not (set(policy.below) & _UNSAID) and _all(policy, "schedule") in (
            [], ["always"],
        )  # fmt: skip
        is_understood &= "enable" not in (
            *_all(policy, "internet-service"), *_all(policy, "internet-service-src"),
            *_all(policy, "service-negate"),
        )  # fmt: skip
        text = " ".join(self.ledger.text(n) for n in lines)[:2000]
        made = []
        for suffix, whole in (("", ANY_IPV4), ("6", ANY_IPV6)):
            sources = self.objects.ends(policy, f"srcaddr{suffix}", whole)
            targets = self.objects.ends(policy, f"dstaddr{suffix}", whole)
            if sources is None or targets is None:
                continue
            for protocol, own, ports, is_known in self.objects.services(_all(policy, "service")):
                made.append(
                    Entry(action, lines[0], text, (protocol,), sources[0], targets[0], own, ports,
                          is_understood=is_understood and is_known and sources[1] and targets[1],
                          also=lines)
                )  # fmt: skip
            if "enable" in _all(policy, "nat") and action == "allow" and suffix == "":
                self._source_translation(policy, sources[0], targets[0])
        if not made:
            self.ledger.fault(policy.line, "a policy without addresses")
        return made

    def _source_translation(self, policy: Branch, sources: Ranges, targets: Ranges) -> None:
        pool = self.place.at("firewall ippool", *_all(policy, "poolname")[:1])
        to_range = None
        if pool and "enable" in _all(policy, "ippool"):
            first, last = pool.value("startip"), pool.value("endip")
            to_range = f"{first}-{last}" if first != last else (f"{first}/32" if first else None)
            pool.use(self.ledger, whole=True)
        for name in self._members(policy.at("dstintf"))[:64]:
            for source in sources[:256]:
                for target in targets[:256]:
                    self.device.translations.append(
                        Translation("source", policy.line, name, None, source, target,
                                    to_range=to_range)
                    )  # fmt: skip

    def _local(self) -> None:
        """Policies for what is addressed to the device itself, in the order of the file."""
        entries: dict[str, list[Entry]] = {}
        for policy in self.place.words("firewall local-in-policy"):
            if "disable" in _all(policy, "status"):
                continue
            lines = tuple(sorted(set(policy.whole())))
            sources = self.objects.ends(policy, "srcaddr", ANY_IPV4) or ((ANY_IPV4,), False)
            targets = self.objects.ends(policy, "dstaddr", ANY_IPV4) or ((ANY_IPV4,), False)
            is_always = _all(policy, "schedule") in ([], ["always"])
            text = " ".join(self.ledger.text(n) for n in lines)[:2000]
            made = [
                Entry("allow" if "accept" in _all(policy, "action") else "deny", lines[0], text,
                      (protocol,), sources[0], targets[0], own, ports, destination_group=ITSELF,
                      is_understood=known and sources[1] and targets[1] and is_always, also=lines)
                for protocol, own, ports, known in self.objects.services(_all(policy, "service"))
            ]  # fmt: skip
            for name in self._members(policy.at("intf")):
                entries.setdefault(name, []).extend(made)
        for name, found in entries.items():
            self.device.walls.append(
                Wall("local-in", "local-in-policy", found[0].line, "in", (tuple(found),), name,
                     default="allow", is_stateful=True)
            )  # fmt: skip

    def _route(self, route: Branch, family: int) -> None:
        if "disable" in _all(route, "status"):
            return
        stated = _all(route, "dst")
        if not stated:
            destination: str | None = ANY_IPV6 if family == 6 else ANY_IPV4
        elif len(stated) == 2:
            destination = masked(*stated)
        else:
            found = network(stated[0])
            destination = str(found) if found else None
        is_blackhole = "enable" in _all(route, "blackhole")
        device, gateway = route.value("device"), route.value("gateway")
        hop = network(gateway) if gateway else None
        if destination is None or (hop is None and device is None and not is_blackhole):
            self.ledger.fault(route.line, "a route without a destination or a next hop")
            return
        distance = route.value("distance")
        line = route.use(self.ledger, whole=True)
        self.device.statics.append(
            Static(destination, line, self.vrf, str(hop.network_address) if hop else None, device,
                   "discard" if is_blackhole else "static",
                   int(distance) if distance and distance.isdigit() and len(distance) < 10 else None)
        )  # fmt: skip

    def _vip(self, vip: Branch) -> None:
        outer, inner = vip.value("extip"), vip.value("mappedip")
        shown, real = network(outer or ""), network(inner or "")
        if shown is None or real is None:
            return
        protocol = (vip.value("protocol") or "tcp").upper()
        is_forward = "enable" in _all(vip, "portforward")
        interface = vip.value("extintf")
        self.device.translations.append(
            Translation("destination", vip.use(self.ledger, whole=True),
                        interface if interface in self.ports else None,
                        protocol if is_forward else None, None, str(shown),
                        _port_span(vip.value("extport")) if is_forward else None, str(real),
                        _port_span(vip.value("mappedport")) if is_forward else None)
        )  # fmt: skip


def _port_span(text: str | None) -> str | None:
    first, _, last = (text or "").partition("-")
    low, high = port_number(first), port_number(last or first)
    return span(low, high) if low is not None and high is not None else None


class _Objects:
    """Address and service objects of one virtual domain."""

    def __init__(self, place: Branch, ledger: Ledger) -> None:
        self.place = place
        self.ledger = ledger

    def ends(self, policy: Branch, key: str, whole: str) -> tuple[Ranges, bool] | None:
        """The ranges that a policy's addresses mean, and whether they are exact; null where none."""
        names = _all(policy, key)
        if not names:
            return None
        found: list[Network] = []
        is_exact = True
        for name in names:
            networks, known = self._address(name, whole)
            found += networks
            is_exact &= known
        if "enable" in _all(policy, f"{key}-negate"):
            everything = network(whole)
            # Less what is not known exactly would be too little.
            if not is_exact or everything is None:
                return (whole,), False
            found = without([everything], found)
        return ranges(found), is_exact

    def _address(self, name: str, whole: str) -> tuple[list[Network], bool]:
        everything = network(whole)
        anywhere = [everything] if everything else []
        found: list[Network] = []
        is_exact = True
        waiting, seen = [name], {name}
        while waiting:
            each = waiting.pop(0)
            group = self._object(("firewall addrgrp", "firewall addrgrp6", "firewall vipgrp"), each)
            if group is not None:
                members = [m for m in _all(group, "member") if m not in seen]
                seen.update(members)
                waiting += members
                if "enable" in _all(group, "exclude"):
                    is_exact = False
                continue
            stated = self._object(("firewall address", "firewall address6"), each)
            vip = self._object(("firewall vip", "firewall vip6"), each)
            if each in {"all", "any"} and (stated is None or not _all(stated, "subnet")):
                found += anywhere
            elif stated is not None:
                networks = _networks(stated, anywhere)
                is_exact &= networks is not None
                found += networks if networks is not None else anywhere
            elif vip is not None and (real := network(vip.value("mappedip") or "")):
                # Policies are held against the packet after its destination was changed.
                found.append(real)
                is_exact &= "enable" not in _all(vip, "portforward")
            else:
                is_exact = False
                found += anywhere
        return found, is_exact

    def _object(self, blocks: Sequence[str], name: str) -> Branch | None:
        for block in blocks:
            found = self.place.at(block, name)
            if found is not None:
                found.use(self.ledger, whole=True)
                return found
        return None

    def services(self, names: Sequence[str]) -> Iterator[tuple[str | None, Ranges, Ranges, bool]]:
        """Protocol, source and destination ports of services, and whether they are exact."""
        waiting, seen = list(names) or ["ALL"], set(names)
        while waiting:
            name = waiting.pop(0)
            group = self._object(("firewall service group",), name)
            if group is not None:
                members = [m for m in _all(group, "member") if m not in seen]
                seen.update(members)
                waiting += members
                continue
            stated = self._object(("firewall service custom",), name)
            if stated is None:
                yield None, (None,), (None,), name == "ALL"
            else:
                yield from _service(stated)


def _networks(stated: Branch, anywhere: list[Network]) -> list[Network] | None:  # noqa: PLR0911 (one branch a word of the language)
    """The ranges of an address object; null where it is a name, a country or the like."""
    kind = stated.value("type") or "ipmask"
    subnet = _all(stated, "subnet")
    match kind:
        case "ipmask" if "ip6" in stated.below:
            found = network(stated.value("ip6") or "")
            return [found] if found else None
        case "ipmask" | "interface-subnet" if len(subnet) == 2:
            found = network(masked(*subnet) or "")
            return [found] if found else None
        case "ipmask" | "interface-subnet" if len(subnet) == 1:
            # Address and mask may be alike (`0.0.0.0 0.0.0.0`), and are then one word here.
            found = network(subnet[0]) if "/" in subnet[0] else None
            is_zero = subnet[0] == "0.0.0.0"  # noqa: S104 (compared)
            return anywhere if is_zero else ([found] if found else None)
        case "ipmask":
            return anywhere
        case "iprange":
            spread = between(stated.value("start-ip") or "", stated.value("end-ip") or "")
            return [n for r in spread if r and (n := network(r))] if spread else None
        case "wildcard":
            mask = _all(stated, "wildcard")
            # A wildcard of FortiOS has its fixed bits set, unlike that of IOS.
            inverted = _inverted(mask[1]) if len(mask) == 2 else None
            pair = wildcard(mask[0], inverted) if inverted else None
            return [n for r in pair[0] if r and (n := network(r))] if pair and pair[1] else None
    return None


def _inverted(mask: str) -> str | None:
    parts = mask.split(".")
    if len(parts) != 4 or not all(p.isdigit() and int(p[:4]) < 256 for p in parts):
        return None
    return ".".join(str(255 - int(p)) for p in parts)


def _service(stated: Branch) -> Iterator[tuple[str | None, Ranges, Ranges, bool]]:
    kind = stated.value("protocol") or "TCP/UDP/SCTP"
    is_plain = not {"iprange", "fqdn", "icmptype", "icmpcode", "application"} & set(stated.below)
    match kind:
        case "TCP/UDP/SCTP" | "TCP" | "UDP" | "SCTP":
            for protocol in ("TCP", "UDP", "SCTP"):
                for written in _all(stated, f"{protocol.lower()}-portrange"):
                    target, _, source = written.partition(":")
                    ports, own = _port_span(target), _port_span(source) if source else None
                    is_known = ports is not None and (own is not None or not source)
                    yield protocol, (own,), (ports,), is_known and is_plain
        case "ICMP" | "ICMP6":
            yield ("ICMP" if kind == "ICMP" else "ICMPv6"), (None,), (None,), is_plain
        case "IP":
            number = stated.value("protocol-number")
            is_any = number in {None, "0"}
            named = None if is_any else protocol_name(number or "")
            yield named, (None,), (None,), is_plain and (is_any or named is not None)
        case _:
            yield None, (None,), (None,), kind == "ALL"
