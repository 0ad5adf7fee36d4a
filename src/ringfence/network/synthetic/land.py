"""Where the towns of the made-up country are, and how many people live about them."""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from ringfence.network.synthetic import world
from ringfence.network.synthetic.plan import CountryParameters

Floats = npt.NDArray[np.float64]

TOWNS: Final = 12
"""Towns in a region; sites lie about them."""

KM_PER_DEGREE: Final = 40_030 / 360
"""Along a meridian, whose length is 40,030 km on a sphere of the Earth's mean radius."""

# The middle of an ocean, so that no real country is meant.
_SOUTH, _WEST = 44.0, -34.0
_DEGREES_NORTH, _DEGREES_EAST = 8.0, 12.0


@dataclass(frozen=True, slots=True)
class Region:
    """A region's name and its towns, the same for all operators."""

    name: str
    towns: tuple[str, ...]
    latitudes: Floats
    longitudes: Floats
    density: Floats
    """People about each town, 1 on average."""


@cache
def region(parameters: CountryParameters, number: int) -> Region:
    """The region of that number."""
    draw = parameters.generator(3, number)
    latitude = _SOUTH + _DEGREES_NORTH * draw.random()
    longitude = _WEST + _DEGREES_EAST * draw.random()
    density = draw.gamma(2.0, 0.5, TOWNS) + 0.2
    return Region(
        world.place_name(number),
        tuple(world.place_name(100 + number * TOWNS + town) for town in range(TOWNS)),
        latitude + draw.normal(0, 0.15, TOWNS),
        longitude + draw.normal(0, 0.22, TOWNS),
        density / density.mean(),
    )
