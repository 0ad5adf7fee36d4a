"""Why a service is not given: the chain from the site down to what fell out."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from ringfence.dependence.evaluate import nodes_working, reached
from ringfence.dependence.reach import Flags, Words
from ringfence.dependence.tree import MANAGEMENT, TIME, Reading, Structure
from ringfence.dependence.ways import SERVICES

OWN, AWAY, CENTRE = "its own equipment", "the way to a point of presence", "the centre"

_FELT = {0: "has no host or unit that works", TIME: "has lost time", MANAGEMENT: "is not managed"}
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a chain: the subject, its table, and what is said of it."""

    table: str
    subject: str
    says: str


@dataclass(frozen=True, slots=True)
class State:
    """One state of one reading: which elements work and which were put out, and what is reached."""

    reading: Reading
    up: Flags
    working: Flags
    alive: Flags
    path: Flags
    passes: tuple[Flags, ...]

    @classmethod
    def of(cls, reading: Reading, up: Flags, working: Words) -> "State":
        """The state of the first bit of `working`."""
        alive = nodes_working(reading, working)
        inside = alive[reading.backhaul.kernel]
        return cls(
            reading,
            up,
            _first(working),
            _first(alive),
            _first(reading.backhaul.paths(alive)),
            tuple(_first(reached(reading, one, inside, working)) for one in reading.passes),
        )


def _first(words: Words) -> Flags:
    found: Flags = (words[:, 0] & np.uint64(1)) != 0
    return found


def cause(state: State, service: int) -> tuple[str, int]:
    """What a service lacks, the nearest to the site first, and the pass where it is the centre."""
    reading = state.reading
    offers = np.flatnonzero(reading.offer_service == service)
    if not len(offers):
        return "no equipment for it is stated", -1
    best: tuple[int, str, int] = (0, OWN, -1)
    for offer in offers.tolist():
        members = reading.offer_members[
            reading.offer_starts[offer] : reading.offer_starts[offer + 1]
        ]
        if not state.working[members].any():
            continue
        node = reading.offer_node[offer]
        root = reading.backhaul.root[node]
        passes = reading.ways[reading.offer_way[offer]]
        if not state.path[node] or not state.passes[passes[0]][root]:
            best = max(best, (1, AWAY, -1))
            continue
        lacking = next((p for p in passes[1:] if not state.passes[p][root]), -1)
        best = max(best, (2, CENTRE, lacking), key=lambda one: one[0])
    return best[1], best[2]


def chain(tree: Structure, state: State, service: int) -> list[Link]:
    """The chain behind a service that is not given."""
    known = tree.inventory
    what, lacking = cause(state, service)
    site = str(known.sites[int(tree.service_site[service])].as_py())
    found = [Link("site", site, f"does not give {SERVICES[tree.service_kind[service]]}: {what}")]
    reading = state.reading
    offers = np.flatnonzero(reading.offer_service == service).tolist()
    if what == OWN:
        for offer in offers:
            first, last = reading.offer_starts[offer : offer + 2]
            for element in reading.offer_members[first:last].tolist():
                found += _element(tree, state, element, set())
    elif what == AWAY and offers:
        found += _way(tree, state, int(reading.offer_node[offers[0]]))
    elif what == CENTRE and lacking >= 0:
        one = reading.passes[lacking]
        found.append(Link("function", one.label, "not enough in reach"))
        mine = [
            e
            for e in dict.fromkeys(one.element.tolist())
            if e >= 0 and known.element_operator[e] == tree.operator[service]
        ]
        for element in mine[:_SHOWN]:
            if state.working[element]:
                found.append(Link("element", _name(tree, element), "works, and is cut off"))
            else:
                found += _element(tree, state, element, set())
    return list(dict.fromkeys(found))


def _name(tree: Structure, element: int) -> str:
    known = tree.inventory
    return str(known.elements[element].as_py()) if element < known.element_count else "a link"


def _element(tree: Structure, state: State, element: int, seen: set[int]) -> list[Link]:
    """Why an element does not work."""
    if element in seen or state.working[element]:
        return []
    seen.add(element)
    is_own = element < tree.inventory.element_count
    if is_own and not state.up[element]:
        return [Link("element", _name(tree, element), "is out")]
    needs = state.reading.needs
    for group in needs.of(element):
        members = needs.members[needs.starts[group] : needs.starts[group + 1]]
        if not state.working[members].any():
            found = [Link("element", _name(tree, element), _FELT[int(needs.felt[group])])]
            return found + _element(tree, state, int(members[0]), seen)
    return []


def _way(tree: Structure, state: State, start: int) -> list[Link]:
    """The first things out on the ways from a node, in the order of a search."""
    reading = state.reading
    backhaul = reading.backhaul
    found: list[Link] = []
    seen = {start}
    waiting = deque([start])
    while waiting and len(found) < _SHOWN:
        node = waiting.popleft()
        if not state.alive[node]:
            found += _element(tree, state, int(reading.node_element[node]), set())
            continue
        more = [int(backhaul.parent[node])] if backhaul.parent[node] >= 0 else []
        if not more:
            place = backhaul.root[node]
            first, last = backhaul.starts[place : place + 2]
            more = backhaul.kernel[backhaul.before[first:last]].tolist()
        for other in more:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return found or [Link("site", "", "no way to a point of presence is stated")]
