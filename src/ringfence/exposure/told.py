"""What is held and what is asked for, in words that a person can act on.

The graph knows its nodes by kind and key (`reach opening 19 in pod-network: UDP 2123`), and an
unknown by a text. Here the first are given the names of elements, and the second are put together
by the fact to collect and the column of the model it belongs in.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ringfence.store.duck import Tables

NAMED = 3
"""So many names are told of a list; of the rest, how many."""

_VERBS = {
    "control": "controls",
    "read": "reads what passes through",
    "stop": "can stop",
    "call": "can call",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """A fact to collect: its words, with `{}` for how many and of what, and where it is filled in."""

    pattern: str
    says: str
    table: str
    column: str


ASKS = (
    Ask(r"the maker of (.+)", "who made {}", "element", "vendor_name"),
    Ask(r"what (.+) listens on", "what {} listens on", "endpoint", "service"),
    Ask(r"how (.+) asks who calls", "how {} asks who calls", "endpoint", "authentication"),
    Ask(r"whether (.+) asks for a token", "whether {} asks for a token", "endpoint",
        "authentication"),
    Ask(r"whether (.+) is protected by TLS", "whether {} is protected by TLS", "endpoint",
        "encryption"),
    Ask(r"whether (.+) checks its members' addresses", "whether {} checks addresses", "segment",
        "checks_source"),
    Ask(r"whether (.+) checks source addresses is not stated", "whether {} checks addresses",
        "segment", "checks_source"),
    Ask(r"whether link (.+) is encrypted", "whether link {} is encrypted", "link", "is_encrypted"),
    Ask(r"whether (.+) is encrypted", "whether {} is encrypted", "endpoint", "encryption"),
    Ask(r"whether contract (.+) gives remote access", "whether contract {} gives remote access",
        "contract", "remote_access"),
    Ask(r"whether (.+) passes packets on is not stated", "whether {} passes packets on", "element",
        "forwards_packets"),
    Ask(r"in which segments it has a foot is not stated", "in which segments elements have a foot",
        "interface", "segment"),
    Ask(r"the rules at (.+) are not given", "the rules at {}", "filter", "action"),
    Ask(r"the default of (.+) is not stated", "the default at {}", "boundary", "default_action"),
    Ask(r"where (.+) sends what it states no route for", "where {} sends what it has no route for",
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
        self._operators = _short_names(network, "operator")
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
        if effect == "share" and kind == "segment":
            return f"is a member of {self._segments.get(key, key)}"
        if kind == "operator":
            return f"{_VERBS.get(effect, effect)} the traffic of {self._operators.get(key, key)}"
        if kind == "element":
            return f"{_VERBS.get(effect, effect)} {self.name(key)}"
        return node

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
            return f"from {self._place(between[1])} to {self.opening(between[2])}"
        return self.held(of)

    def subject(self, unknown: str) -> str:
        """What an unknown is of, by its name."""
        _, key = ask_of(unknown)
        key = key.split("\n", 1)[0]
        if key in self._names:
            return self._names[key]
        for element, name in self._owners(key):
            return f"{name}{key.removeprefix(element).replace('/endpoint/', ' ')}"
        return self._segments.get(key, key)

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


def listed(names: Sequence[str]) -> str:
    """Names in a row, the first few, and how many more there are."""
    if len(names) <= NAMED:
        return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + "".join(names[-1:])
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED:,} more"


def _short_names(network: Tables, table: str) -> dict[str, str]:
    """A name for each row: its own or its key's last part, with the key where that is not enough."""
    rows = network[table].select(["id", "name"]).to_pylist()
    names = {r["id"]: r["name"] or re.split(r"[/:]", r["id"])[-1] for r in rows}
    times: dict[str, int] = defaultdict(int)
    for name in names.values():
        times[name] += 1
    return {key: name if times[name] == 1 else f"{name} ({key})" for key, name in names.items()}
