"""The packet filter of a Linux host, as `iptables-save` and `ip6tables-save` write it.

iptables 1.3 to 1.8, both back ends. What stands for what:

- A packet passes the chains of several tables one after the other (raw, mangle, filter, security),
  and each must let it through: each chain of the kernel is a boundary. INPUT and OUTPUT concern
  what is addressed to or sent by the host itself, so that their entries name the host as a group
  and all else passes; FORWARD is what goes through.
- A jump to a chain puts the chain's rules in the jump's place, each narrowed by the jump. RETURN
  is a `pass`: a chain with one is a tier of its own, so that `pass` leads behind it.
- `ESTABLISHED` and `RELATED` match answers only. `NEW` is stated as matching any packet, where
  answers have been let through before; elsewhere it is not understood. Rules that match only
  packets of no connection (`INVALID`, impossible TCP flags) are set aside: no such packet opens a
  connection or answers one.
- A rule for one interface is stated exactly where the interfaces are known (see `batfish_hosts`).
  A bare file does not name the interfaces that there are, and the rule is not understood. `lo`
  carries what the host sends to itself and no packet of the network.
- Rules that only log, mark or count are set aside.

The file does not name its host: the file's name stands in the key.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.iptables_rules import (
    DECIDING,
    LOGS_ONLY,
    Chain,
    Match,
    Rule,
    Table,
    both_of,
    tables_of,
)
from ringfence.sources.router_configuration.device import Device, Translation, Wall
from ringfence.sources.router_configuration.entries import (
    ITSELF,
    Entry,
    Network,
    Ranges,
    any_of,
    network,
    ranges,
)
from ringfence.sources.router_configuration.rows import results
from ringfence.sources.router_configuration.text import (
    Ledger,
    decoded_head,
    named_by_file,
    read_lines,
)

PREFIX: Final = "iptables"
"""What goes before native keys where nobody says otherwise."""

_HOOKS: Final = {
    "PREROUTING": "in", "INPUT": "in", "FORWARD": "through", "OUTPUT": "out", "POSTROUTING": "out",
}  # fmt: skip
_TABLES: Final = ("raw", "mangle", "filter", "security")
_TRANSLATING: Final = {
    "DNAT": "destination", "REDIRECT": "destination", "SNAT": "source", "MASQUERADE": "source",
    "NETMAP": None,
}  # fmt: skip
_MOST_VISITS: Final = 50_000
"""Chains that jump to each other twice over unfold to more rules than any host has."""

_DEEPEST: Final = 64
_LOOPBACK: Final = "lo"

_NO_CONNECTION: Final = "a rule for packets that open no connection and answer none"
_ONLY_ITSELF: Final = "a rule for what the host sends to itself"
_NOT_VISITED: Final = "a chain that no packet comes to"
_EXCEPTS: Final = "excepts packets from a translation, which the model cannot say"


class Iptables:
    """Reads the rules of one host's packet filter."""

    kind = "iptables"
    describes = "Packet filters of Linux hosts, as iptables-save writes them"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Claim a file with tables, chains and rules of iptables."""
        del path
        text = decoded_head(head)
        if not re.search(r"^\*(filter|nat|mangle|raw|security)[ \t]*$", text, re.MULTILINE):
            return Claim(0.0, "no table of iptables")
        if re.search(
            r"^:[\w-]+ (ACCEPT|DROP|-)( \[\d+:\d+\])?|^(\[\d+:\d+\] )?-A ", text, re.MULTILINE
        ):
            return Claim(0.95, "tables and chains of iptables-save")
        return Claim(0.5, "a table of iptables without chains")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield rows, rejects and counts; raise `SourceError` if the file has no table."""
        name = options.origin or path.name
        ledger = Ledger(name, read_lines(path))
        device = Device(ledger, forwards_packets=None)
        device.fallback = named_by_file(name)
        if not walls_of(ledger, device, None, name):
            raise SourceError("there is no table of iptables in it", where=str(path))
        yield from results(device, options.prefix or PREFIX)


def walls_of(
    ledger: Ledger, device: Device, interfaces: Sequence[str] | None, name: str = ""
) -> bool:
    """Add the walls and translations of a file to a device; false where it has no table.

    `interfaces` are all that the host has, where they are known.
    """
    tables = tables_of(ledger, name)
    for table in tables:
        if table.name == "nat":
            _translate(ledger, device, table, interfaces)
        elif table.name in _TABLES:
            _wall_in(ledger, device, table, interfaces)
        for chain in table.chains.values():
            if chain.is_visited:
                ledger.keep(*filter(None, (chain.line,)))
            elif chain.rules:
                for rule in chain.rules:
                    ledger.aside(rule.line, _NOT_VISITED)
                ledger.aside(chain.line, _NOT_VISITED)
    return bool(tables)


@dataclass(frozen=True, slots=True)
class _Place:
    """The interfaces a packet comes in and goes out by; null where not known or none."""

    incoming: str | None = None
    outgoing: str | None = None

    def judge(self, match: Match) -> bool | None:
        """Whether the packet's interfaces are those of a match; null where that is not known."""
        answers = [
            *(_is_of(self.incoming, n, is_not) for n, is_not in match.in_interfaces),
            *(_is_of(self.outgoing, n, is_not) for n, is_not in match.out_interfaces),
        ]
        if False in answers:
            return False
        return None if None in answers else True


def _is_of(interface: str | None, named: str, is_not: bool) -> bool | None:
    if named == "+":
        return not is_not
    if interface is None:
        # No packet of the network is on the loopback.
        return is_not if named == _LOOPBACK else None
    is_same = interface.startswith(named[:-1]) if named.endswith("+") else interface == named
    return is_same is not is_not


class _TooMuchError(Exception):
    """Chains that unfold without end."""


class _Unfolding:
    """The entries of a chain and all that it jumps to, at one place."""

    def __init__(self, ledger: Ledger, table: Table, hook: str, place: _Place) -> None:
        self.ledger = ledger
        self.table = table
        self.hook = hook
        self.place = place
        self.tiers: list[list[Entry]] = [[]]
        self.visits = 0
        self.doubts = 0
        self.lets_answers = False
        self.has_interfaces = False
        self.translations: list[tuple[Rule, Match]] = []

    def unfold(self) -> None:
        """Go through the chain; raises `_TooMuchError` where it does not end."""
        self._visit(self.table.chains[self.hook], Match(), ())

    def _visit(self, chain: Chain, narrowed: Match, path: tuple[str, ...]) -> None:  # noqa: C901, PLR0912 (one branch a word of the language)
        chain.is_visited = True
        returns = bool(path) and any(
            (r.target == "RETURN" and not r.match.is_everything) or r.is_goto for r in chain.rules
        )
        if returns:
            self.tiers.append([])
        has_passed = False
        own_doubts = 0
        for rule in chain.rules:
            self.visits += 1
            if self.visits > _MOST_VISITS:
                raise _TooMuchError
            for match in self._matches(rule, narrowed):
                target = rule.target
                inner = self.table.chains.get(target or "")
                if target == "RETURN" and path:
                    if rule.match.is_everything:
                        self.ledger.keep(rule.line)
                        break
                    self._enter("pass", rule, match)
                    has_passed = True
                elif target == "RETURN":
                    self._enter(self._policy(), rule, match)
                elif target in DECIDING:
                    self._enter(DECIDING[target], rule, match)
                elif target in _TRANSLATING:
                    self.translations.append((rule, match))
                elif inner is not None and target not in path and len(path) < _DEEPEST:
                    self.ledger.keep(rule.line)
                    if has_passed and _may_return(self.table, inner):
                        # A pass of this chain would lead into the tiers of the inner one.
                        self.doubts += 1
                        own_doubts += 1
                    self._visit(inner, match, (*path, target or ""))
                    if rule.is_goto:
                        self._enter("pass" if path else self._policy(), rule, match)
                elif target is not None and target not in LOGS_ONLY:
                    doubtful = replace(match, is_understood=False)
                    self._enter("allow", rule, doubtful)
                    self._enter("deny", rule, doubtful)
            if rule.target == "RETURN" and rule.match.is_everything and path:
                break
        self.doubts -= own_doubts
        if returns:
            self.tiers.append([])

    def _policy(self) -> str:
        return DECIDING.get(self.table.chains[self.hook].policy or "ACCEPT", "allow")

    def _matches(self, rule: Rule, narrowed: Match) -> Iterator[Match]:
        """What is left of a rule where it stands: once, or twice where either port will do."""
        match = rule.match
        if match.is_impossible:
            self.ledger.record(rule.line, _NO_CONNECTION)
            return
        at_place = self.place.judge(match)
        named = [n for n, _ in (*match.in_interfaces, *match.out_interfaces)]
        self.has_interfaces |= any(n not in {_LOOPBACK, "+"} for n in named)
        if at_place is False:
            if _LOOPBACK in named:
                self.ledger.record(rule.line, _ONLY_ITSELF)
            return
        if at_place is None:
            match = replace(match, is_understood=False)
        match = replace(match, in_interfaces=(), out_interfaces=())
        if rule.either_ports is None:
            choices = [match]
        else:
            choices = [
                replace(match, source_ports=rule.either_ports),
                replace(match, destination_ports=rule.either_ports),
            ]
        for choice in choices:
            met = both_of(narrowed, choice)
            if met is not None:
                yield met

    def _enter(self, action: str, rule: Rule, match: Match) -> None:
        is_understood = match.is_understood and not self.doubts
        if match.is_new and not self.lets_answers:
            is_understood = False
        family = self.table.family
        if (
            action == "allow"
            and match.is_new is False
            and match.protocols is None
            and match.sources is None
            and match.destinations is None
            and (None in match.source_ports and None in match.destination_ports)
            and is_understood
        ):
            self.lets_answers = True
        anywhere: Ranges = (any_of(family),)
        self.tiers[-1].append(
            Entry(
                action,
                rule.line,
                self.ledger.text(rule.line),
                match.protocols or (None,),
                anywhere if match.sources is None else ranges(match.sources),
                anywhere if match.destinations is None else ranges(match.destinations),
                match.source_ports,
                match.destination_ports,
                source_group=ITSELF if self.hook == "OUTPUT" else None,
                destination_group=ITSELF if self.hook == "INPUT" else None,
                is_answer_only=True if match.is_new is False else None,
                is_understood=is_understood,
            )
        )


def _unfolded(ledger: Ledger, table: Table, hook: str, place: _Place) -> _Unfolding | None:
    """A chain of the kernel with all it jumps to; null, and a fault, where that does not end."""
    unfolding = _Unfolding(ledger, table, hook, place)
    try:
        unfolding.unfold()
    except _TooMuchError:
        ledger.fault(table.chains[hook].line, "chains that jump to each other without end")
        return None
    return unfolding


def _may_return(table: Table, chain: Chain) -> bool:
    """Whether the chain or one it jumps to has a RETURN of its own, and so a tier."""
    seen, waiting = {chain.name}, [chain]
    while waiting:
        for rule in waiting.pop().rules:
            if rule.is_goto or (rule.target == "RETURN" and not rule.match.is_everything):
                return True
            inner = table.chains.get(rule.target or "")
            if inner is not None and inner.name not in seen:
                seen.add(inner.name)
                waiting.append(inner)
    return False


def _wall_in(
    ledger: Ledger, device: Device, table: Table, interfaces: Sequence[str] | None
) -> None:
    for hook, direction in _HOOKS.items():
        chain = table.chains.get(hook)
        if chain is None or (table.name != "filter" and not chain.rules and chain.policy != "DROP"):
            continue
        places = _places(ledger, table, hook, interfaces)
        for place in places:
            unfolding = _unfolded(ledger, table, hook, place)
            default = DECIDING.get(chain.policy or "", None)
            tiers = [t for t in unfolding.tiers if t] if unfolding else []
            last = _last(chain, hook, table.family, default) if unfolding else None
            if last is not None:
                tiers.append([last])
            is_around = hook in {"INPUT", "OUTPUT"}
            device.walls.append(
                Wall(
                    f"ipv{table.family}/{table.name}/{hook}",
                    hook,
                    chain.line,
                    direction,
                    tuple(map(tuple, tiers)),
                    place.incoming or (place.outgoing if direction == "out" else None),
                    place.outgoing if direction == "through" else None,
                    default="allow" if is_around and default else default,
                    is_stated=unfolding is not None,
                    is_stateful=True if unfolding and unfolding.lets_answers else None,
                    ledger=ledger,
                )
            )


def _last(chain: Chain, hook: str, family: int, default: str | None) -> Entry | None:
    """What ends a chain that denies: around the host the deny, elsewhere what it does not judge."""
    if default != "deny":
        return None
    text = f":{chain.name} DROP"
    if hook in {"INPUT", "OUTPUT"}:
        return Entry(
            "deny",
            chain.line,
            text,
            sources=(any_of(family),),
            destinations=(any_of(family),),
            source_group=ITSELF if hook == "OUTPUT" else None,
            destination_group=ITSELF if hook == "INPUT" else None,
        )
    other = any_of(4 if family == 6 else 6)
    why = f"a chain for IPv{family} lets through what is not IPv{family}"
    return Entry("allow", chain.line, why, sources=(other,), destinations=(other,))


def _places(
    ledger: Ledger, table: Table, hook: str, interfaces: Sequence[str] | None
) -> list[_Place]:
    """Where the chain is to be stated: at each interface, where its rules ask for interfaces."""
    if interfaces is None:
        return [_Place()]
    trial = _unfolded(ledger, table, hook, _Place())
    if trial is None or not trial.has_interfaces:
        return [_Place()]
    match _HOOKS[hook]:
        case "in":
            return [_Place(incoming=i) for i in interfaces]
        case "out":
            return [_Place(outgoing=i) for i in interfaces]
    return [_Place(i, o) for i in interfaces for o in interfaces]


def _translate(
    ledger: Ledger, device: Device, table: Table, interfaces: Sequence[str] | None
) -> None:
    for hook in ("PREROUTING", "OUTPUT", "INPUT", "POSTROUTING"):
        if hook not in table.chains or not table.chains[hook].rules:
            continue
        unfolding = _unfolded(ledger, table, hook, _Place())
        if unfolding is None:
            continue
        for tier in unfolding.tiers:
            for entry in tier:
                ledger.record(entry.line, _EXCEPTS)
        for rule, match in unfolding.translations:
            _state_translation(ledger, device, rule, match, interfaces)


def _state_translation(
    ledger: Ledger, device: Device, rule: Rule, match: Match, interfaces: Sequence[str] | None
) -> None:
    kind = _TRANSLATING.get(rule.target or "")
    if kind is None or (not match.is_understood and not _is_by_interface(rule)):
        ledger.fault(rule.line, "a translation that asks for what the model cannot say")
        return
    named = [
        n for n, is_not in (*rule.match.in_interfaces, *rule.match.out_interfaces) if not is_not
    ]
    interface = named[0] if named and interfaces and named[0] in interfaces else None
    to_range, to_ports = _to(rule)
    nowhere: list[Network | None] = [None]
    for protocol in match.protocols or (None,):
        for source in match.sources or nowhere:
            for destination in match.destinations or nowhere:
                for ports in match.destination_ports:
                    device.translations.append(
                        Translation(
                            kind,
                            rule.line,
                            interface,
                            protocol,
                            str(source) if source else None,
                            str(destination) if destination else None,
                            ports,
                            to_range,
                            to_ports,
                            ledger,
                        )
                    )


def _is_by_interface(rule: Rule) -> bool:
    return rule.match.is_understood and bool(rule.match.in_interfaces or rule.match.out_interfaces)


def _to(rule: Rule) -> tuple[str | None, str | None]:
    """The address and the ports put in place, of `10.0.0.1:80`, `[2001:db8::1]:80` or `8080`."""
    to = rule.to
    if not to:
        return None, None
    if rule.target in {"REDIRECT", "MASQUERADE"}:
        return None, _port_span(to)
    found = re.fullmatch(
        r"\[?([0-9a-fA-F.:]+?)\]?(?:-\[?[0-9a-fA-F.:]+\]?)?(?::(\d+(?:-\d+)?))?", to
    )
    if found is None:
        return to, None
    address = network(found.group(1))
    is_one = "-" not in to.partition("]")[0].rpartition(":")[0] and address is not None
    return (str(address) if is_one else to), _port_span(found.group(2) or "")


def _port_span(text: str) -> str | None:
    first, _, last = text.partition("-")
    if not first.isdigit():
        return None
    return f"{first}-{last or first}"
