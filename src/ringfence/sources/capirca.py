"""Firewall policies in the language of Capirca and Aerleon, with their definitions.

`.pol` files hold policies: a header names the filters made of it, terms are its entries. `.inc` files
hold terms that policies include; `.net` and `.svc` files define names of addresses and of ports. They
are given together, and a name is looked up in all definitions given. The language as Capirca 2 and
Aerleon 1 read it, less Aerleon's YAML.

- A policy says what a filter lets through and not on which device it stands: each policy is an
  element without a name, which `ringfence link` can lay onto its device, and each target of a
  header a boundary at it.
- A target of one family has no entries of the other. A term for another platform is not in it.
- `established` means answers where the platform keeps state; elsewhere, of UDP, any packet to a
  high port, because that is what is then written into the router.
- A term that asks for ICMP types, packet lengths, lists of the router's own or tags is not
  understood; so is one with an expiry, because whether it is still made depends on the day.

A record is a header, a term, an include or one line of definitions.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.router_configuration.device import Device, Wall
from ringfence.sources.router_configuration.entries import (
    ANY_IPV4,
    ANY_IPV6,
    Entry,
    Network,
    Ranges,
    collapsed,
    merged_spans,
    network,
    protocol_name,
    ranges,
    without,
)
from ringfence.sources.router_configuration.rows import Rows
from ringfence.sources.router_configuration.text import (
    Ledger,
    decoded_head,
    read_lines,
)

PREFIX: Final = "capirca"
"""What goes before native keys where nobody says otherwise."""

_BLOCK: Final = re.compile(r"^[ \t]*(header|term[ \t]+[\w.-]+)[ \t]*\{", re.MULTILINE)
_STATEMENT: Final = re.compile(r"(?<![\w:-])([a-z][\w-]*)[ \t]*::(?!\S*/\d)")
_QUOTED: Final = re.compile(r'"[^"]*"')
_DEFINITION: Final = re.compile(r"^([A-Za-z][\w.-]*)\s*=\s*(.*)$")
_SERVICE: Final = re.compile(r"^(\d{1,5})(?:-(\d{1,5}))?/([a-z][a-z0-9-]*)$", re.IGNORECASE)
_INCLUDE: Final = re.compile(r"^\s*#\s*include\s+['\"]([^'\"]+)['\"]|^\s*#include\s+(\S+)")

_STATEFUL: Final = frozenset(
    ("iptables", "speedway", "nftables", "srx", "paloalto", "ciscoasa", "fortigate", "nsxv", "nsxt",
     "gce", "gcp_hf", "k8s", "packetfilter", "pcap", "windows_advfirewall", "msmpc", "cloudarmor",
     "openconfig", "proxmox")
)  # fmt: skip
_DENYING: Final = frozenset(
    ("juniper", "juniperevo", "msmpc", "cisco", "cisconx", "ciscoxr", "ciscoasa", "arista",
     "arista_tp", "brocade", "srx", "paloalto", "fortigate", "k8s", "sonic", "aruba", "gcp_hf")
)  # fmt: skip
"""Platforms whose lists end in a deny that nobody writes."""

_PER_FAMILY: Final = frozenset(
    ("juniper", "juniperevo", "msmpc", "cisco", "cisconx", "ciscoxr", "arista", "brocade", "sonic",
     "iptables", "speedway", "nftables")
)  # fmt: skip
_BOTH_FAMILIES: Final = frozenset(("srx", "paloalto", "k8s", "fortigate", "arista_tp"))
_DIRECTIONS: Final = {
    "INPUT": "in", "INGRESS": "in", "OUTPUT": "out", "EGRESS": "out", "FORWARD": "through",
}  # fmt: skip
_ACTIONS: Final = {
    "accept": "allow", "deny": "deny", "reject": "deny", "reject-with-tcp-rst": "deny",
    "next": "pass",
}  # fmt: skip
"""`next` of a hierarchical firewall goes on to the next policy; elsewhere it only counts or marks."""
_HARMLESS: Final = frozenset(
    ("comment", "logging", "log-limit", "log_name", "log-name", "counter", "policer", "owner", "qos",
     "loss-priority", "forwarding-class", "timeout", "port-mirror", "encapsulate", "name", "priority",
     "traffic-class-count", "next-ip")
)  # fmt: skip
_HARMLESS_OPTIONS: Final = frozenset(("sample", "inactive", "established", "tcp-established"))
_HIGH_PORTS: Final = "1024-65535"
_MOST_LINES: Final = 200_000
_MOST_WORDS: Final = 50_000


class Capirca:
    """Reads policies with the terms they include and the definitions they name."""

    kind = "capirca"
    describes = "Firewall policies of Capirca or Aerleon, with their definitions"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Claim policies, included terms and definitions, each by its own statements."""
        del path
        text = decoded_head(head)
        if text.lstrip()[:1] in {"{", "<", "["}:
            return Claim(0.0, "no policy of Capirca")
        statements = len(re.findall(r"^[ \t]*[a-z][\w-]*::[ \t]*\S", text, re.MULTILINE))
        if statements and re.search(r"^[ \t]*header[ \t]*\{", text, re.MULTILINE):
            return Claim(1.0, "a policy of Capirca")
        if statements and re.search(r"^[ \t]*term[ \t]+\S+[ \t]*\{", text, re.MULTILINE):
            return Claim(0.95, "terms that a policy of Capirca includes")
        kind = _kind_of(text.splitlines())
        if kind is not None:
            return Claim(0.9, f"definitions of {kind} for policies of Capirca")
        return Claim(0.0, "no policy of Capirca")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield the rows of one file; a policy's names are then defined nowhere."""
        yield from self.read_together({options.origin or path.name: path}, options)

    def read_together(
        self, files: Mapping[str, Path], options: Options
    ) -> Iterator[Batch | Reject | Read]:
        """Yield the rows of all policies, then the counts of each file."""
        given = {name: _File(name, read_lines(path)) for name, path in files.items()}
        if len(given) == 1:
            (only,) = given.values()
            if not only.is_policy and not only.is_include and not only.definitions:
                raise SourceError(
                    "there is no policy and no definition in it", where=str(*files.values())
                )
        names = _Names([f for f in given.values() if f.definitions])
        for file in given.values():
            if file.is_policy:
                yield from _Policy(file, given, names).rows(options.prefix or PREFIX)
        for file in given.values():
            yield from file.ledger.results()


def _kind_of(lines: Sequence[str]) -> str | None:
    """Whether lines are definitions of addresses or of services; null where of neither.

    Settings of other programs look alike. Definitions hold little else than values and names that
    are defined beside them.
    """
    addresses = services = strange = 0
    names: set[str] = set()
    named: list[str] = []
    for line in lines[:5_000]:
        text = line.partition("#")[0].strip()
        if not text:
            continue
        found = _DEFINITION.match(text)
        if found:
            names.add(found.group(1))
        for word in (found.group(2) if found else text).split():
            if _SERVICE.match(word):
                services += 1
            elif network(word) is not None:
                addresses += 1
            elif re.fullmatch(r"[A-Za-z][\w.-]*", word):
                named.append(word)
            else:
                strange += 1
    strange += sum(1 for word in named if word not in names)
    values = services + addresses
    if not names or bool(services) == bool(addresses) or 5 * strange > values + len(named):
        return None
    return "services" if services else "networks"


@dataclass(slots=True)
class _Block:
    """A header or a term: what it says, and where."""

    kind: str
    line: int
    file: "_File"
    says: list[tuple[str, list[str]]] = field(default_factory=list)
    name: str = ""

    def words(self, *keys: str) -> list[str]:
        """All words said under any of these keys."""
        return [w for key, words in self.says if key in keys for w in words]


class _File:
    """One file, split into blocks or definitions."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name = name
        self.lines = lines[:_MOST_LINES]
        self.ledger = Ledger(name, lines, file=name)
        self.blocks: list[_Block | tuple[int, str]] = []
        self.definitions: dict[str, list[tuple[int, str]]] = {}
        text = "\n".join(self.lines)
        self.is_policy = re.search(r"^[ \t]*header[ \t]*\{", text, re.MULTILINE) is not None
        self.is_include = not self.is_policy and _BLOCK.search(text) is not None
        if self.is_policy or self.is_include:
            self._split()
        else:
            self._define()

    def _split(self) -> None:  # noqa: C901 (one branch a word of the language)
        block: _Block | None = None
        quoted = False
        for number, line in enumerate(self.lines, 1):
            if quoted:
                # A comment in quotation marks may go on over lines.
                quoted = line.count('"') % 2 == 0
                if not quoted and line.rpartition('"')[2].rstrip().endswith("}"):
                    block = None
                continue
            if block is None and (found := _INCLUDE.match(line)):
                self.ledger.record(number, "an include")
                self.blocks.append((number, found.group(1) or found.group(2)))
                continue
            text = line.partition("#")[0] if '"' not in line else line
            if found := _BLOCK.match(text):
                head = found.group(1).split()
                block = _Block(head[0], number, self, name=head[-1])
                self.blocks.append(block)
                term = _NO_FAMILY if self.is_policy else _NOT_INCLUDED
                reason = "a header without a target" if head[0] == "header" else term
                self.ledger.record(number, reason)
                text = text[found.end() :]
            if block is None:
                if text.strip():
                    self.ledger.record(number, "")
                    self.ledger.fault(number, "stands outside of a header or term")
                continue
            # Quoted words are comments and names of no meaning here.
            text, opened, _ = _QUOTED.sub(" ", text).partition('"')
            quoted = bool(opened)
            marks = list(_STATEMENT.finditer(text))
            before = text[: marks[0].start()] if marks else text
            if block.says:
                # A value may go on in the next line.
                block.says[-1][1].extend(before.replace("}", " ").split()[:_MOST_WORDS])
            for mark, after in zip_longest(marks, marks[1:]):
                value = text[mark.end() : after.start() if after else None]
                words = value.replace("}", " ").replace(",", " ").split()[:_MOST_WORDS]
                block.says.append((mark.group(1), words))
            if not quoted and text.rstrip().endswith("}"):
                block = None

    def _define(self) -> None:
        name = ""
        for number, line in enumerate(self.lines, 1):
            text = line.partition("#")[0].strip()
            if not text:
                continue
            self.ledger.record(number, "a definition that no policy given names")
            found = _DEFINITION.match(text)
            if found:
                name, text = found.groups()
                self.definitions.setdefault(name, [])
                if not text:
                    continue
            if not name:
                self.ledger.fault(number, "a value without a name")
                continue
            self.definitions[name] += [(number, word) for word in text.split()]


_NO_FAMILY: Final = "a term whose addresses are of no family that its header is for"
_NOT_INCLUDED: Final = "a term that no policy given includes"


class _Names:
    """What names of addresses and services mean, by all definitions given."""

    def __init__(self, files: Sequence[_File]) -> None:
        self.files = files

    def _values(self, name: str) -> Iterator[tuple[_File, int, str]]:
        for file in self.files:
            for line, word in file.definitions.get(name, ()):
                yield file, line, word

    def _unfolded(self, names: Sequence[str]) -> Iterator[tuple[str, bool]]:
        """The values that names come down to, and whether each is one; names in a circle end."""
        seen = set(names)
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            values = list(self._values(name))
            if not values:
                yield name, False
            for file, line, word in values:
                file.ledger.keep(line)
                if _SERVICE.match(word) or network(word) is not None:
                    yield word, True
                elif word not in seen:
                    seen.add(word)
                    waiting.append(word)

    def addresses(self, names: Sequence[str]) -> tuple[list[Network], list[str]]:
        """The ranges that names mean, and the names that mean none."""
        found: list[Network] = []
        unknown = []
        for word, is_value in self._unfolded(names):
            one = network(word)
            if one is not None:
                found.append(one)
            elif not is_value:
                unknown.append(word)
        return found, unknown

    def ports(self, names: Sequence[str], protocols: Sequence[str]) -> tuple[Ranges, list[str]]:
        """The spans of ports that names mean for these protocols, and the names that mean none."""
        spans = []
        unknown = []
        for word, is_value in self._unfolded(names):
            found = _SERVICE.match(word)
            if found is None:
                unknown += [] if is_value else [word]
                continue
            first, last, protocol = int(found[1]), int(found[2] or found[1]), found[3].lower()
            if first > last or last > 65535:
                unknown.append(word)
            elif not protocols or protocol in protocols:
                spans.append((first, last))
        return merged_spans(spans), unknown


@dataclass(frozen=True, slots=True)
class _Target:
    """One filter that a header asks for."""

    platform: str
    name: str
    words: tuple[str, ...]

    @property
    def families(self) -> tuple[int, ...]:
        """The families its entries are of."""
        if "mixed" in self.words:
            return (4, 6)
        if "inet6" in self.words:
            return (6,)
        if "inet" in self.words or self.platform not in _BOTH_FAMILIES:
            return (4,)
        return (4, 6)

    @property
    def direction(self) -> str | None:
        """Which packets it is for, where the target says so."""
        if "from-zone" in self.words:
            return "through"
        found = [_DIRECTIONS[w.upper()] for w in self.words if w.upper() in _DIRECTIONS]
        if found:
            return found[0]
        # A policy of Kubernetes or of Google Compute Engine is for what comes in unless it says.
        return "in" if self.platform in {"k8s", "gce"} else None

    @property
    def default(self) -> str | None:
        """What becomes of what no term matches, where the platform or the target says so."""
        for word, action in (("ACCEPT", "allow"), ("DROP", "deny")):
            if word in self.words:
                return action
        return "deny" if self.platform in _DENYING else None


class _Policy:
    """One policy: its headers with their terms, included ones in their place."""

    def __init__(self, file: _File, given: Mapping[str, _File], names: _Names) -> None:
        self.file = file
        self.given = given
        self.names = names

    def rows(self, prefix: str) -> Iterator[Batch]:
        """The rows of the policy."""
        ledger = self.file.ledger
        device = Device(ledger, forwards_packets=None)
        device.fallback = str(PurePosixPath(self.file.name).with_suffix(""))
        parts: list[tuple[_Block, list[_Block]]] = []
        for block in self._blocks():
            if block.kind == "header":
                parts.append((block, []))
            elif parts:
                parts[-1][1].append(block)
            else:
                block.file.ledger.fault(block.line, "a term before any header")
        for index, (header, terms) in enumerate(parts):
            for target in _targets(header):
                entries = [e for t in terms for e in self._entries(t, target)]
                passing = _other_family(target, header.line)
                device.walls.append(
                    Wall(
                        f"{index}/{target.platform}",
                        target.name or None,
                        header.line,
                        target.direction,
                        (entries, passing) if passing else (entries,),
                        default=target.default,
                        is_stateful=True if target.platform in _STATEFUL else None,
                    )
                )
        if device.walls:
            yield from Rows(device, prefix).batches()

    def _blocks(self) -> Iterator[_Block]:
        stack: list[tuple[_File, int]] = [(self.file, 0)]
        while stack:
            file, index = stack.pop()
            if index >= len(file.blocks):
                continue
            stack.append((file, index + 1))
            block = file.blocks[index]
            if isinstance(block, _Block):
                yield block
                continue
            line, wanted = block
            found = self._included(wanted)
            if found is None or any(found is f for f, _ in stack):
                file.ledger.fault(line, f"includes {wanted[:100]}, which was not given")
            else:
                file.ledger.keep(line)
                stack.append((found, 0))

    def _included(self, wanted: str) -> _File | None:
        """The file given that an include means: paths are from the folder of the policies on."""
        path = PurePosixPath(wanted)
        fits = [
            f
            for n, f in self.given.items()
            if f.is_include and PurePosixPath(n).parts[-len(path.parts) :] == path.parts
        ]
        return fits[0] if fits else None

    def _entries(self, term: _Block, target: _Target) -> Iterator[Entry]:
        platforms = term.words("platform")
        ledger = term.file.ledger
        if (platforms and target.platform not in platforms) or target.platform in term.words(
            "platform-exclude"
        ):
            ledger.aside(term.line, "a term for no platform that a header names")
            return
        families = [
            f
            for f in target.families
            if f"inet{'6' if f == 6 else ''}"
            in (term.words("restrict-address-family") or _WORDS[f])
        ]
        action = term.words("action")[:1]
        goes_on = action == ["next"] and target.platform != "gcp_hf"
        if "true" in (w.lower() for w in term.words("inactive")) or goes_on:
            ledger.aside(term.line, "a term that is not in force or goes on to the next")
            return
        for made in self._matches(term, target, families):
            if action and action[0] in _ACTIONS:
                yield made(_ACTIONS[action[0]], True)
            else:
                # Another filter decides, or words written for one platform alone.
                yield made("allow", False)
                yield made("deny", False)

    def _matches(self, term: _Block, target: _Target, families: Sequence[int]) -> Iterator["_Made"]:
        """What a term asks for, as entries that want for their action."""
        options = set(term.words("option"))
        protocols = [p.lower() for p in term.words("protocol")]
        named = [protocol_name(p) for p in protocols]
        known_keys = {key for key, _ in term.says}
        is_understood = (
            None not in named
            and not (known_keys - _HARMLESS - _READ)
            and not (options - _HARMLESS_OPTIONS)
        )
        ends, is_exact = self._ends(term, families)
        is_understood &= is_exact
        for protocol in named or [None]:
            own = [p for p in protocols if protocol_name(p) == protocol]
            if not self._fits(protocol, families):
                continue
            choices, is_known = self._ports(term, own)
            answers, high = _established(options, protocol, target)
            for source, destination in ends:
                for source_ports, ports in choices:
                    yield _Made(
                        term,
                        protocol,
                        source,
                        destination,
                        source_ports,
                        (_HIGH_PORTS,) if high and ports == (None,) else ports,
                        answers,
                        is_understood and is_known and not (high and ports != (None,)),
                    )

    @staticmethod
    def _fits(protocol: str | None, families: Sequence[int]) -> bool:
        """ICMP is of IPv4, ICMPv6 of IPv6."""
        return not (
            (protocol == "ICMP" and 4 not in families)
            or (protocol == "ICMPv6" and 6 not in families)
        )

    def _ends(
        self, term: _Block, families: Sequence[int]
    ) -> tuple[list[tuple[Ranges, Ranges]], bool]:
        """The ranges at both ends, once, or twice where either end may have an address."""
        source, knows_source = self._range(term, "source", families)
        target, knows_target = self._range(term, "destination", families)
        is_exact = knows_source and knows_target
        if not term.words("address"):
            return [(source, target)], is_exact
        either, knows_either = self._range(term, "", families)
        anywhere = tuple(ANY_IPV6 if f == 6 else ANY_IPV4 for f in families)
        is_plain = (source, target) == (anywhere, anywhere)
        return [(either, target), (source, either)], is_exact and knows_either and is_plain

    def _range(self, term: _Block, end: str, families: Sequence[int]) -> tuple[Ranges, bool]:
        prefix = f"{end}-" if end else ""
        anywhere = tuple(ANY_IPV6 if f == 6 else ANY_IPV4 for f in families)
        stated = term.words(f"{prefix}address")
        excluded = term.words(f"{prefix}exclude") if end else term.words("address-exclude")
        excluded += term.words(f"{prefix}address-exclude") if end else []
        found, unknown = self.names.addresses(stated)
        holes, unknown_holes = self.names.addresses(excluded)
        if unknown or unknown_holes:
            missing = ", ".join([*unknown, *unknown_holes][:5])
            term.file.ledger.fault(term.line, f"names {missing}, which no file given defines")
            return anywhere, False
        if not stated:
            found = [n for a in anywhere if (n := network(a)) is not None]
        left = without(found, holes) if holes else collapsed(found)
        return ranges(n for n in left if n.version in families), True

    def _ports(
        self, term: _Block, protocols: Sequence[str]
    ) -> tuple[list[tuple[Ranges, Ranges]], bool]:
        spans: dict[str, Ranges] = {}
        for key in ("source-port", "destination-port", "port"):
            stated = term.words(key)
            if not stated:
                spans[key] = (None,)
                continue
            spans[key], unknown = self.names.ports(stated, protocols)
            if unknown:
                missing = ", ".join(unknown[:5])
                term.file.ledger.fault(term.line, f"names {missing}, which no file given defines")
                return [((None,), (None,))], False
        source, target, either = (spans[k] for k in ("source-port", "destination-port", "port"))
        if either == (None,):
            return [(source, target)], True
        return [(either, target), (source, either)], (source, target) == ((None,), (None,))


_READ: Final = frozenset(
    ("action", "protocol", "option", "address", "address-exclude", "source-address",
     "source-exclude", "source-address-exclude", "destination-address", "destination-exclude",
     "destination-address-exclude", "port", "source-port", "destination-port", "platform",
     "platform-exclude", "restrict-address-family", "inactive")
)  # fmt: skip
_WORDS: Final = {4: ["inet"], 6: ["inet6"]}


@dataclass(frozen=True, slots=True)
class _Made:
    """An entry that wants for its action."""

    term: _Block
    protocol: str | None
    sources: Ranges
    destinations: Ranges
    source_ports: Ranges
    destination_ports: Ranges
    is_answer_only: bool | None
    is_understood: bool

    def __call__(self, action: str, is_understood: bool) -> Entry:
        """The entry, understood only if both are."""
        says = "; ".join(f"{k} {' '.join(w[:20])}" for k, w in self.term.says if k != "comment")
        return Entry(
            action,
            self.term.line,
            f"term {self.term.name}: {says}"[:2000],
            (self.protocol,),
            self.sources,
            self.destinations,
            self.source_ports,
            self.destination_ports,
            is_answer_only=self.is_answer_only,
            is_understood=self.is_understood and is_understood,
            ledger=self.term.file.ledger,
        )


def _established(
    options: set[str], protocol: str | None, target: _Target
) -> tuple[bool | None, bool]:
    """Whether a term matches answers only, and whether it means high ports in place of answers."""
    if "tcp-established" in options and protocol == "TCP":
        return True, False
    if not options & {"established", "tcp-established"}:
        return None, False
    if target.platform in _STATEFUL or protocol == "TCP":
        return True, False
    return None, True


def _other_family(target: _Target, line: int) -> list[Entry]:
    """A list of one family lets the other through, where a device has a list for each."""
    if target.platform not in _PER_FAMILY or len(target.families) > 1 or target.default == "allow":
        return []
    other = ANY_IPV4 if target.families == (6,) else ANY_IPV6
    text = f"a list for IPv{target.families[0]} lets through what is not IPv{target.families[0]}"
    return [Entry("allow", line, text, sources=(other,), destinations=(other,))]


def _targets(header: _Block) -> Iterator[_Target]:
    for key, words in header.says:
        if key != "target" or not words:
            continue
        platform, rest = words[0], tuple(words[1:])
        if "from-zone" in rest and "to-zone" in rest[:-1]:
            name = f"{_after(rest, 'from-zone')} to {_after(rest, 'to-zone')}"
        else:
            families = {"inet", "inet6", "mixed"}
            name = next((w for w in rest if w not in families), "")
        yield _Target(platform, name, rest)


def _after(words: Sequence[str], word: str) -> str:
    place = words.index(word) + 1
    return words[place] if place < len(words) else ""
