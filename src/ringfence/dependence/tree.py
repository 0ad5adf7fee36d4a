"""The service tree as arrays: what needs what, and what is given where."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ringfence.dependence.ground import Ground
from ringfence.dependence.inventory import Inventory
from ringfence.dependence.reach import Backhaul, Flags, Ints, Longs

AT_ONCE, TIME, MANAGEMENT = 0, 1, 2
"""When a need is felt: at once, when clocks have drifted, when nobody managed it for long."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Groups of elements, one row a group: `needed` of the members must work for the owner to."""

    owner: Ints
    starts: Longs
    members: Ints
    needed: Ints
    felt: Ints

    def of(self, element: int) -> list[int]:
        """The groups that an element needs."""
        return [int(g) for g in np.flatnonzero(self.owner == element)]


@dataclass(frozen=True, slots=True)
class Pass:
    """Where instances of a group of functions are: reach spreads from those that work.

    `element` -1 always works. Of instances at several places `needed` must be in reach.
    """

    label: str
    place: Ints
    element: Ints
    needed: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The service tree, read with what is not stated against service (sure) or for it.

    Elements from the inventory's count on are made up: each stands for a link that hangs on
    other equipment. `node_element` is the element behind each node of the transport network, -1
    for the inside of a site.
    """

    elements: int
    needs: Needs
    backhaul: Backhaul
    node_element: Ints
    passes: tuple[Pass, ...]
    ways: tuple[tuple[int, ...], ...]
    way_names: tuple[str, ...]
    offer_service: Ints
    offer_way: Ints
    offer_node: Ints
    offer_starts: Longs
    offer_members: Ints
    served_anyway: Flags
    stand_in: Ints
    stand_in_of: Ints


@dataclass(frozen=True, slots=True)
class Structure:
    """Both readings, and what is served: one row a site and service."""

    inventory: Inventory
    service_site: Ints
    service_kind: Ints
    people: npt.NDArray[np.float64]
    traffic_mbps: npt.NDArray[np.float64]
    premises: npt.NDArray[np.float64]
    sure: Reading
    possible: Reading
    ground: Ground | None = None
    """The ground that the services reach; None where no area can be counted."""

    @property
    def services(self) -> int:
        """How many sites and services there are."""
        return len(self.service_site)

    @property
    def operator(self) -> Ints:
        """The operator of each service."""
        return self.inventory.site_operator[self.service_site]

    @property
    def region(self) -> Ints:
        """The region of each service."""
        return self.inventory.site_region[self.service_site]
