"""Routers and targets as classes: what they do, and what comes to them, by number."""

from dataclasses import dataclass, field

from ringfence.exposure.arrays import Ints
from ringfence.exposure.elements import Arrived, Element, Foot, Way
from ringfence.exposure.filters import Destination


@dataclass(frozen=True, slots=True)
class Edge:
    """A way of a router as far as others can be like it: to a foot by number, or to the owners."""

    target: int
    out: Foot | None
    is_doubtful: bool


Plan = tuple[Edge, ...]


@dataclass(slots=True)
class Target:
    """Destinations that are alike, told by one of them.

    `start` is what its own feet take in, and `before` what comes to them before the element there
    sends some of it elsewhere by translating its destination.
    """

    to: Foot
    at: Destination
    sort: int
    plans: dict[int, Plan]
    given: int
    extra: list[tuple[int, int]]
    seed: list[tuple[int, int]]
    start: Arrived
    before: Arrived


@dataclass(frozen=True, slots=True)
class Leg:
    """What comes to each door for a target, or for a destination that is translated into it."""

    target: Target
    arrived: Ints
    parent: Ints


@dataclass(slots=True)
class Router:
    """A router with its plans and doors by number.

    `before`: of a door the number of what comes there before its destination is translated.
    """

    element: Element
    number: int
    doors: list[int] = field(default_factory=list)
    before: dict[int, int] = field(default_factory=dict)
    plans: dict[Plan, int] = field(default_factory=lambda: {(): 0})
    ways: dict[Edge, Way] = field(default_factory=dict)
    roads: dict[tuple[int, int], int] = field(default_factory=dict)
    contents: dict[object, int] = field(default_factory=dict)
    codes: dict[tuple[int, Foot | None, bool, bool, int], int] = field(default_factory=dict)
