"""Elements as packets see them: feet, routes, translations and lists."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from ringfence.exposure.filters import Address, LetThrough, Network, RuleList
from ringfence.exposure.translations import Translation


@dataclass(frozen=True, slots=True, eq=False)
class Foot:
    """An element's interface in a domain."""

    id: str
    element: str
    domain: str
    segment: str | None
    address: Address | None
    subnet: Network | None
    routing_domain: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class Route:
    """A line of a routing table; `foot` is where it leaves by, null where only a next hop is stated."""

    to: Network
    next_hop: Address | None
    foot: Foot | None
    kind: str | None
    preference: int | None
    origin: str


@dataclass(slots=True)
class Element:
    """An element as packets see it; `routes` are those of each of its routing domains."""

    id: str
    kind: str | None
    forwards: bool | None
    origin: str
    feet: list[Foot] = field(default_factory=list)
    routes: dict[str | None, list[Route]] = field(default_factory=lambda: defaultdict(list))
    translations: list[Translation] = field(default_factory=list)
    boundaries: dict[str, list[tuple[str | None, str | None, RuleList]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    _by_length: dict[tuple[str | None, int], list[tuple[int, dict[int, list[Route]]]]] = field(
        default_factory=dict
    )

    def addresses(self) -> set[Address]:
        """The addresses of all its feet."""
        return {foot.address for foot in self.feet if foot.address is not None}

    def by_length(
        self, domain: str | None, version: int
    ) -> list[tuple[int, dict[int, list[Route]]]]:
        """The routes of a family by the bits that do not count, fewest first, and by the others."""
        key = domain, version
        if key not in self._by_length:
            lengths: dict[int, dict[int, list[Route]]] = {}
            for route in self.routes.get(domain, ()):
                if route.to.version == version:
                    shift = route.to.max_prefixlen - route.to.prefixlen
                    at = lengths.setdefault(shift, {})
                    at.setdefault(int(route.to.network_address) >> shift, []).append(route)
            self._by_length[key] = sorted(lengths.items())
        return self._by_length[key]

    def longest(self, domain: str | None, address: Address) -> list[Route]:
        """The routes of the longest prefix that an address is in."""
        number = int(address)
        for shift, routes in self.by_length(domain, address.version):
            if found := routes.get(number >> shift):
                return found
        return []


@dataclass(frozen=True, slots=True)
class Way:
    """Where a router sends what goes to an address: out of a foot, to another's foot."""

    out: Foot | None
    to: Foot
    because: tuple[str, ...] = ()


def preferred(router: Element, fits: Sequence[Route]) -> tuple[list[Route], tuple[str, ...]]:
    """Which of the routes to one place are used, and why that is not known."""
    stated = [route.preference for route in fits if route.preference is not None]
    best = [r for r in fits if r.preference is None or r.preference == min(stated)]
    kinds = {route.kind for route in best}
    # Those that state none are equal if they are of one kind: then all have its usual preference.
    if len(best) < 2 or len(stated) == len(fits) or (not stated and len(kinds) == 1):
        return best, ()
    return best, (f"which of its routes to {best[0].to} {router.origin} uses is not stated",)


Arrived = dict[Foot, LetThrough]
"""What sorts of packets, taken in by an element at a foot, come to the destination."""
