"""What is held and what is asked for, in words that a person can act on.

The graph knows its nodes by kind and key (`reach opening 19 in pod-network: UDP 2123`), and an
unknown by a text. Here the first are given the names of elements, and the second are put together
by the fact to collect and the column of the model it belongs in.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ringfence.exposure.packets import NOWHERE
from ringfence.store.duck import Tables

NAMED = 3
"""So many names are told of a list; of the rest, how many."""

TOLD = 100
"""And so many where there is room: sixty thousand names in a row are read by nobody."""

_VERBS = {
    "control": "controls",
    "read": "reads what passes through",
    "stop": "can stop",
    "call": "can call",
    "amid": "stands amid the traffic of",
}

_OF_SEGMENT = {"share": "is a member of", "route": "passes on what crosses"}


@dataclass(frozen=True, slots=True)
class Ask:
    """A fact to collect: its words, with `{}` for how many and of what, and where it is filled in."""

    pattern: str
    says: str
    table: str
    column: str


ASKS = (
    Ask(r"the maker of (.+)", "who made {}", "element", "vendor_name"),
    Ask(r"who owns (.+)", "who owns {}", "ownership", "owner"),
    Ask(r"what (.+) listens on", "what listens on {}", "endpoint", "service"),
    Ask(r"how (.+) asks who calls", "how a caller proves who it is at {}", "endpoint", "authentication"),
    Ask(r"whether (.+) asks for a token", "whether a token is asked for at {}", "endpoint",
        "authentication"),
    Ask(r"whether (.+) is protected by TLS", "whether TLS protects {}", "endpoint",
        "encryption"),
    Ask(r"whether (.+) checks its members' addresses", "whether addresses are checked in {}", "segment",
        "checks_source"),
    Ask(r"whether (.+) checks source addresses is not stated", "whether addresses are checked in {}",
        "segment", "checks_source"),
    Ask(r"whether link (.+) is encrypted", "whether encryption protects link {}", "link", "is_encrypted"),
    Ask(r"whether (.+) is encrypted", "whether encryption protects {}", "endpoint", "encryption"),
    Ask(r"whether contract (.+) gives remote access", "whether remote access comes with contract {}",
        "contract", "remote_access"),
    Ask(r"whether (.+) passes packets on is not stated", "whether packets are passed on by {}", "element",
        "forwards_packets"),
    Ask(r"in which segments it has a foot is not stated", "which segments hold a foot of {}",
        "interface", "segment"),
    Ask(r"the address of (.+) is not stated", "the address of {}", "interface", "address"),
    Ask(r"whether (.+) matches is not known", "which packets are matched by {}", "filter", "action"),
    Ask(r"the place of (.+) in its list is not stated", "the place in its list of {}", "filter",
        "position"),
    Ask(r"in which direction (.+) stands is not stated", "the direction of {}", "boundary",
        "direction"),
    Ask(r"whether (.+) changes the address", "whether the address is changed by {}", "translation",
        "kind"),
    Ask(r"whether .+ are apart in (.+)", "whether members are kept apart in {}", "segment",
        "isolates_members"),
    Ask(r"the rules at (.+) are not given", "the rules at {}", "filter", "action"),
    Ask(r"the default of (.+) is not stated", "the default at {}", "boundary", "default_action"),
    Ask(r"where (.+) sends what it states no route for", "where packets without a route are sent by {}",
        "route", "next_hop"),
    Ask(r"the next hop of (.+) is in no source", "what stands at the next hop of {}", "interface",
        "address"),
)  # fmt: skip
"""The unknowns that our powers and packets speak of; any other is told as it is."""


def ask_of(unknown: str) -> tuple[Ask | None, str]:
    """The fact to collect for an unknown, and of what; of several at once the first."""
    first = unknown.split("; ", 1)[0]
    for ask in ASKS:
        found = re.fullmatch(ask.pattern, first, re.DOTALL)
        if found:
            return ask, found[1] if found.groups() else ""
    return None, unknown


def asks(unknowns: Iterable[str]) -> dict[tuple[Ask | None, str], list[str]]:
    """The unknowns by the fact to collect; one that is of no kind stands by itself."""
    found: dict[tuple[Ask | None, str], list[str]] = defaultdict(list)
    for unknown in sorted(unknowns):
        ask, subject = ask_of(unknown)
        found[ask, "" if ask else subject].append(unknown)
    return dict(found)


class Words:
    """The names of one network's things."""

    def __init__(self, network: Tables) -> None:
        self._names = _short_names(network, "element")
        self._segments = _short_names(network, "segment")
        self._senders: dict[str, set[str]] = defaultdict(set)
        for row in network["place"].select(["place", "element"]).to_pylist():
            self._senders[row["place"]].add(row["element"])
        self._operators = _short_names(network, "operator")
        self._vendors = _short_names(network, "vendor")
        self._openings: dict[str, list[str]] = defaultdict(list)
        self._services: dict[str, set[str]] = defaultdict(set)
        services = {
            row["id"]: row["service"]
            for row in network["endpoint"].select(["id", "service"]).to_pylist()
        }
        for row in network["opening"].select(["opening", "endpoint", "element"]).to_pylist():
            self._openings[row["opening"]].append(row["element"])
            if service := services.get(row["endpoint"]):
                self._services[row["opening"]].add(service)

    def name(self, element: str) -> str:
        """An element's name; its key's last part where it has none, the key where two would be alike."""
        return self._names.get(element, element)

    def held(self, node: str) -> str:
        """What is held, as a phrase whose subject is the vendor: `controls amf-1`."""
        effect, _, rest = node.partition(" ")
        kind, _, key = rest.partition(" ")
        if effect == "send":
            return f"can send packets from {self._place(rest)}"
        if effect == "reach":
            return f"its packets reach {self.opening(rest)}"
        if kind == "segment" and effect in _OF_SEGMENT:
            return f"{_OF_SEGMENT[effect]} {self._segments.get(key, key)}"
        if kind == "operator":
            return f"{_VERBS.get(effect, effect)} the traffic of {self._operators.get(key, key)}"
        if kind == "element":
            return f"{_VERBS.get(effect, effect)} {self.name(key)}"
        return node

    def alike(self, fact: Mapping[str, object]) -> str | None:
        """What is to be said of a power that is answered for many elements at once.

        A passage is worked out for one sender and one receiver that stand for all that are alike,
        so the rows it rests on may be those of another.
        """
        place = str(fact["premise"]).removeprefix("send ")
        opening = str(fact["conclusion"]).removeprefix("reach ")
        senders, receivers = self._senders.get(place, ()), set(self._openings.get(opening, ()))
        if len(senders) + len(receivers) <= 2 or not senders or not receivers:
            return None
        return (
            f"worked out once for the {_elements(len(senders))} alike as senders and the "
            f"{_elements(len(receivers))} alike as receivers, so the lines below may name another "
            "of them"
        )

    def opening(self, opening: str) -> str:
        """An opening by what listens there."""
        elements = sorted({self.name(e) for e in self._openings.get(opening, ())})
        if not elements:
            return opening
        port = opening.rpartition(": ")[2] if ": " in opening else ""
        services = " and ".join(sorted(self._services.get(opening, ())))
        what = " ".join(part for part in (port, f"({services})" if services else "") if part)
        at = self._segment_in(opening)
        return f"{what or 'what listens'} of {listed(elements)}" + (f" in {at}" if at else "")

    def change(self, of: str) -> str:
        """What a repair is made to."""
        between = re.fullmatch(r"from (.+?) to (opening .+|not stated)", of)
        if between:
            senders = sorted(map(self.name, self._senders.get(between[1], ())))
            place = f"the place of {listed(senders)}" if senders else "a place"
            at = self._segment_in(between[1])
            return f"from {place}{f' in {at}' if at else ''} to {self.opening(between[2])}"
        kind, _, key = of.partition(" ")[2].partition(" ")
        if kind == "element":
            return self.name(key)
        if kind == "segment":
            return self._segments.get(key, key)
        return self.held(of)

    def subjects(self, unknown: str) -> list[str]:
        """What an unknown is of, by name: of one fact to collect for each, all of them."""
        ask, _ = ask_of(unknown)
        if ask is not None and ask.table == "interface" and ask.column == "segment":
            nowhere = self._senders.get(NOWHERE, set()) | set(self._openings.get(NOWHERE, ()))
            return sorted(map(self.name, nowhere)) or [self.subject(unknown)]
        return [self.subject(unknown)]

    def subject(self, unknown: str) -> str:
        """What an unknown is of, by its name."""
        _, key = ask_of(unknown)
        key = key.split("\n", 1)[0]
        if key in self._names:
            return self._names[key]
        for element, name in self._owners(key):
            return f"{name}{key.removeprefix(element).replace('/endpoint/', ' ')}"
        return self._segments.get(key) or self._vendors.get(key, key)

    def _owners(self, key: str) -> Iterable[tuple[str, str]]:
        """The element whose key the key of one of its parts begins with."""
        parts = key.split("/")
        for end in range(len(parts) - 1, 0, -1):
            element = "/".join(parts[:end])
            if element in self._names:
                yield element, self._names[element]

    def _place(self, place: str) -> str:
        at = self._segment_in(place)
        return f"its place in {at}" if at else "a place that is not stated"

    def _segment_in(self, name: str) -> str:
        """The segment in the name of a place or an opening."""
        found = re.fullmatch(
            r"(?:place|opening) \d+ in (.+?)(?:: (?:TCP|UDP|SCTP|any protocol) .+)?", name
        )
        return self._segments.get(found[1], found[1]) if found else ""


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """Names in a row, the first few, and how many more there are."""
    if len(names) <= most:
        return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + "".join(names[-1:])
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def plainly(unknown: str) -> str:
    """An unknown as the fact to state: `the address of amf-1`, not that it is not stated."""
    return re.sub(r" (?:is not (?:stated|known)|are not given|is in no source)(?=;|$)", "", unknown)


def _elements(many: int) -> str:
    return f"{many:,} element" + ("s" if many != 1 else "")


def _short_names(network: Tables, table: str) -> dict[str, str]:
    """A name for each row: its own or its key's last part.

    Where several are of that name, with so much of the key's end as tells them apart.
    """
    rows = network[table].select(["id", "name"]).to_pylist()
    names = {r["id"]: r["name"] or re.split(r"[/:]", r["id"])[-1] for r in rows}
    alike: dict[str, list[str]] = defaultdict(list)
    for key, name in names.items():
        alike[name].append(key)
    return {
        key: name if len(keys) == 1 else f"{name} ({end})"
        for name, keys in alike.items()
        for key, end in _ends(keys).items()
    }


def _ends(keys: Sequence[str]) -> dict[str, str]:
    """The shortest end of each key, in whole parts, that no other of them ends in."""
    parts = {key: key.split("/") for key in keys}
    times: dict[tuple[str, ...], int] = defaultdict(int)
    for of in parts.values():
        for first in range(len(of)):
            times[tuple(of[first:])] += 1
    found = {}
    for key, of in parts.items():
        alone = (first for first in range(len(of) - 1, 0, -1) if times[tuple(of[first:])] == 1)
        first = next(alone, 0)
        found[key] = "/".join(of[first:])
    return found
