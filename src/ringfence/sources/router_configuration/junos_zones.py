"""Zones and policies of Junos firewalls (SRX).

Interfaces lie in zones; what goes from one zone to another passes the policies of that pair, then
the global ones, then the default, which is to deny. Within a zone the pair is of the zone with
itself. What is addressed to the device itself passes only where `host-inbound-traffic` of the zone
or of the interface names it.
"""

from collections.abc import Iterator
from typing import Final

from ringfence.sources.router_configuration.device import Device, Wall
from ringfence.sources.router_configuration.entries import (
    ANY_IPV4,
    ANY_IPV6,
    ITSELF,
    Entry,
    Ranges,
    between,
    network,
    port_number,
    protocol_name,
    span,
)
from ringfence.sources.router_configuration.text import Branch

_Application = tuple[str | None, Ranges, Ranges]
"""Protocol, source ports, destination ports."""

_PREDEFINED: Final[dict[str, tuple[tuple[str, int, int], ...]]] = {
    "ssh": (("TCP", 22, 22),), "telnet": (("TCP", 23, 23),), "ftp": (("TCP", 21, 21),),
    "http": (("TCP", 80, 80),), "https": (("TCP", 443, 443),), "smtp": (("TCP", 25, 25),),
    "dns-udp": (("UDP", 53, 53),), "dns-tcp": (("TCP", 53, 53),), "ntp": (("UDP", 123, 123),),
    "bgp": (("TCP", 179, 179),), "ldap": (("TCP", 389, 389),), "syslog": (("UDP", 514, 514),),
    "radius": (("UDP", 1812, 1812),), "tacacs": (("TCP", 49, 49),), "tftp": (("UDP", 69, 69),),
    "snmp-agentx": (("TCP", 705, 705),), "imap": (("TCP", 143, 143),), "pop3": (("TCP", 110, 110),),
    "icmp-all": (("ICMP", 0, 0),), "ospf": (("OSPF", 0, 0),), "gre": (("GRE", 0, 0),),
    "tcp-any": (("TCP", 0, 65535),), "udp-any": (("UDP", 0, 65535),),
}  # fmt: skip
"""Applications that Junos defines as `junos-NAME` (`show configuration groups junos-defaults`)."""

_INBOUND: Final[dict[str, tuple[tuple[str, int], ...]]] = {
    "ssh": (("TCP", 22),), "telnet": (("TCP", 23),), "http": (("TCP", 80),),
    "https": (("TCP", 443),), "ftp": (("TCP", 21),), "netconf": (("TCP", 830),),
    "snmp": (("UDP", 161),), "snmp-trap": (("UDP", 162),), "ntp": (("UDP", 123),),
    "dns": (("UDP", 53), ("TCP", 53)), "dhcp": (("UDP", 67), ("UDP", 68)), "ike": (("UDP", 500),),
    "tftp": (("UDP", 69),), "bgp": (("TCP", 179),), "ldp": (("TCP", 646), ("UDP", 646)),
    "bfd": (("UDP", 3784), ("UDP", 4784)), "rip": (("UDP", 520),), "msdp": (("TCP", 639),),
}  # fmt: skip
_BARE: Final = {"ospf": "OSPF", "ospf3": "OSPF", "vrrp": "VRRP", "pim": "PIM", "igmp": "IGMP",
                "rsvp": "RSVP"}  # fmt: skip


def read(device: Device, root: Branch) -> None:
    """Read zones, policies and inbound traffic into walls."""
    zones = {z.word: z for z in root.words("security", "zones", "security-zone")}
    if not zones:
        return
    ledger = device.ledger
    members: dict[str, list[str]] = {}
    for name, zone in zones.items():
        for interface in zone.words("interfaces"):
            if interface.word in device.ports:
                members.setdefault(name, []).append(interface.word)
                interface.use(ledger)
                _inbound(device, zone, interface)
    policies = root.at("security", "policies") or Branch("policies")
    default = "allow" if policies.at("default-policy", "permit-all") else "deny"
    if stated := policies.at("default-policy"):
        stated.use(ledger, whole=True)
    reader = _Policies(device, root, zones)
    everywhere = tuple(reader.entries(policies.at("global"), None, None))
    for source, sources in members.items():
        for target, targets in members.items():
            pair = policies.at("from-zone", source, "to-zone", target)
            entries = tuple(reader.entries(pair, source, target))
            line = pair.line if pair else zones[source].line
            for first in sources:
                for second in targets:
                    device.walls.append(
                        Wall("zones", f"{source} to {target}", line, "through",
                             (entries, everywhere), first, second, default, is_stateful=True)
                    )  # fmt: skip


def _inbound(device: Device, zone: Branch, interface: Branch) -> None:
    """What may be sent to the device itself at an interface; that of the interface goes first."""
    own = interface.at("host-inbound-traffic")
    stated = own or zone.at("host-inbound-traffic")
    line = (stated or interface).line
    entries: list[Entry] = []
    for part in ("system-services", "protocols"):
        for service in stated.words(part) if stated else ():
            service.use(device.ledger, whole=True)
            text = device.ledger.text(service.line)
            known = _INBOUND.get(service.word, ())
            is_all = service.word in {"all", "any-service"} and part == "system-services"
            bare = _BARE.get(service.word)
            choices: list[tuple[str | None, Ranges]] = [
                (protocol, (span(port, port),)) for protocol, port in known
            ]
            if is_all or bare or not choices:
                choices = [(bare, (None,))]
            entries += [
                Entry("deny" if "except" in service.below else "allow", service.line, text,
                      (protocol,), destination_ports=ports, destination_group=ITSELF,
                      is_understood=bool(known or is_all or bare))
                for protocol, ports in choices
            ]  # fmt: skip
    entries.sort(key=lambda e: e.action != "deny")
    rest = Entry("deny", line, "what host-inbound-traffic does not name", destination_group=ITSELF)
    device.walls.append(
        Wall("inbound", f"host-inbound-traffic of {zone.word}", line, "in",
             ((*entries, rest),), interface.word, default="allow", is_stateful=True)
    )  # fmt: skip


class _Policies:
    """Reads policies by address books and applications."""

    def __init__(self, device: Device, root: Branch, zones: dict[str, Branch]) -> None:
        self.device = device
        self.root = root
        self.zones = zones

    def entries(
        self, place: Branch | None, source: str | None, target: str | None
    ) -> Iterator[Entry]:
        """The entries of the policies of a pair of zones, in their order."""
        for policy in place.words("policy") if place else ():
            lines = tuple(sorted(set(policy.whole())))
            then = policy.at("then")
            acts = set(then.below) if then else set()
            if not acts & {"permit", "deny", "reject"}:
                continue
            action = "allow" if "permit" in acts else "deny"
            match = policy.at("match") or Branch("match")
            sources, knows_source = self._addresses(match.at("source-address"), source)
            targets, knows_target = self._addresses(match.at("destination-address"), target)
            odd = set(match.below) - {"source-address", "destination-address", "application"}
            is_off = policy.at("scheduler-name") is not None
            text = " ".join(self.device.ledger.text(n).strip("{} ") for n in lines)[:2000]
            for protocol, own, ports, is_known in self._applications(match.at("application")):
                yield Entry(
                    action, lines[0] if lines else 1, text, (protocol,), sources, targets,
                    own, ports, also=lines,
                    is_understood=knows_source and knows_target and is_known and not odd
                    and not is_off,
                )  # fmt: skip

    def _addresses(self, stated: Branch | None, zone: str | None) -> tuple[Ranges, bool]:
        found: list[str | None] = []
        is_known = True
        for name in stated.below if stated else ():
            ranges, known = self._address(name, zone)
            found += ranges
            is_known &= known
        return tuple(dict.fromkeys(found)) or (None,), is_known

    def _address(self, name: str, zone: str | None) -> tuple[Ranges, bool]:
        if name in {"any", "any-ipv4", "any-ipv6"}:
            return {"any": (None,), "any-ipv4": (ANY_IPV4,), "any-ipv6": (ANY_IPV6,)}[name], True
        books = list(self.root.words("security", "address-book"))
        if zone and (own := self.zones[zone].at("address-book")):
            books.insert(0, own)
        waiting, seen = [name], {name}
        found: list[str | None] = []
        is_known = True
        while waiting:
            each = waiting.pop()
            for book in books:
                stated, group = book.at("address", each), book.at("address-set", each)
                if stated is not None:
                    stated.use(self.device.ledger, whole=True)
                    ranges = _ranges(stated)
                    is_known &= ranges is not None
                    found += ranges or (None,)
                    break
                if group is not None:
                    group.use(self.device.ledger, whole=True)
                    members = [*group.words("address"), *group.words("address-set")]
                    waiting += [m.word for m in members if m.word not in seen]
                    seen.update(m.word for m in members)
                    break
            else:
                is_known = False
                found.append(None)
        return (None,) if None in found else tuple(found), is_known

    def _applications(
        self, stated: Branch | None
    ) -> Iterator[tuple[str | None, Ranges, Ranges, bool]]:
        waiting = list(stated.below) if stated else ["any"]
        seen = set(waiting)
        while waiting:
            name = waiting.pop(0)
            if name == "any":
                yield None, (None,), (None,), True
                continue
            group = self.root.at("applications", "application-set", name)
            if group is not None:
                group.use(self.device.ledger, whole=True)
                members = [*group.words("application"), *group.words("application-set")]
                waiting += [m.word for m in members if m.word not in seen]
                seen.update(m.word for m in members)
                continue
            own = self.root.at("applications", "application", name)
            if own is not None:
                own.use(self.device.ledger, whole=True)
                terms = own.words("term") or [own]
                yield from (_term(t) for t in terms)
                continue
            known = _PREDEFINED.get(name.removeprefix("junos-"), ())
            for protocol, low, high in known:
                ports: Ranges = (span(low, high),) if protocol in {"TCP", "UDP"} else (None,)
                yield protocol, (None,), ports, True
            if not known:
                yield None, (None,), (None,), False


def _ranges(stated: Branch) -> Ranges | None:
    """The ranges of an address of a book; null where it is a name or a pattern."""
    if spread := stated.at("range-address"):
        first = next(iter(spread.below.values()), None)
        last = first.value("to") if first else None
        return between(first.word, last) if first and last else None
    plain = [network(w) for w in stated.below if w not in {"description", "ip-prefix"}]
    plain += [network(b.word) for b in stated.words("ip-prefix")]
    if not plain or any(n is None for n in plain):
        return None
    return tuple(str(n) for n in plain)


def _term(term: Branch) -> tuple[str | None, Ranges, Ranges, bool]:
    protocol = protocol_name(term.value("protocol") or "")
    spans: list[Ranges] = []
    is_known = protocol is not None and not {"icmp-type", "icmp-code", "uuid", "rpc-program-number",
                                             "icmp6-type"} & set(term.below)  # fmt: skip
    for word in ("source-port", "destination-port"):
        value = term.value(word)
        first, _, last = (value or "").partition("-")
        low, high = port_number(first), port_number(last or first)
        if value is None:
            spans.append((None,))
        elif low is None or high is None:
            spans.append((None,))
            is_known = False
        else:
            spans.append((span(low, high),))
    return protocol, spans[0], spans[1], is_known
