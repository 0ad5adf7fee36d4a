"""The ground that sites serve, so that area without service can be counted.

A place is served where some site whose cells reach it gives the service. How far they reach is
stated by site and service (`demand.range_km`). For a site that states none a scenario may state
how far at most (`farthest_km`). Then at best it serves every place so near; else only those to
which it is the nearest of its operator's sites: its Voronoi cell, cut off at that distance. Where
neither is stated the site's ground is not counted, and how many such sites there are is said.

Area is counted on squares, each by its middle, so that every edge lies true to half a diagonal.
Squares that the same sites serve are counted as one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from ringfence.dependence.reach import Flags, Ints, Longs, Words
from ringfence.exposure.compiled import compiled

Floats = npt.NDArray[np.float64]

EARTH_RADIUS_KM: Final = 6371.0
"""The mean radius of WGS 84's ellipsoid (R1), to the kilometre."""

SQUARES: Final = 50_000
"""About so many squares cover all that is served."""

PAIRS: Final = 6_000_000
"""Squares are made larger where more pairs of a square and a site that reaches it would come."""

_COARSE: Final = 40_000
_CLASSES: Final = 12


@dataclass(frozen=True, slots=True)
class Covered:
    """The services that reach each patch, as runs of `members`."""

    starts: Longs
    members: Ints


@dataclass(frozen=True, slots=True)
class Ground:
    """Patches of ground, one row an operator and a set of places alike.

    `places` numbers the place of each patch, in order: its rows after one another are those of the
    operators that serve there. `place_*` have a row a place. `at_best` are the services that may
    reach a patch, `at_worst` those that surely do. `is_counted` tells of each service whether its
    ground is among them.
    """

    side_km: float
    cut_km2: float
    """Area of the squares through which the edge of all that is served passes, the most of any
    kind of service."""
    area_km2: Floats
    operator: Ints
    kind: Ints
    places: Ints
    place_area_km2: Floats
    place_region: Ints
    place_kind: Ints
    at_best: Covered
    at_worst: Covered
    is_counted: Flags

    def given(self, services: Words, *, is_sure: bool) -> tuple[Words, Words]:
        """The states in which each patch, and each place by anybody, has the service."""
        covered = self.at_worst if is_sure else self.at_best
        patches = np.zeros((len(self.places), services.shape[1]), np.uint64)
        _given(covered.starts, covered.members, services, patches)
        first = np.searchsorted(self.places, np.arange(len(self.place_kind)))
        return patches, np.bitwise_or.reduceat(patches, first, axis=0)


@compiled
def _given(starts: Longs, members: Ints, services: Words, patches: Words) -> None:
    for patch in range(len(patches)):
        for w in range(services.shape[1]):
            word = np.uint64(0)
            for at in range(starts[patch], starts[patch + 1]):
                word |= services[members[at], w]
                if word == np.uint64(0xFFFF_FFFF_FFFF_FFFF):
                    break
            patches[patch, w] = word


@dataclass(frozen=True, slots=True)
class Cells:
    """What `ground` is made from, a row a service: where it is, whose, and how far it reaches.

    `range_km` is NaN where not stated, the coordinates likewise.
    """

    latitude_deg: Floats
    longitude_deg: Floats
    range_km: Floats
    kind: Ints
    operator: Ints
    region: Ints
    is_mobile: Flags


def ground(cells: Cells, farthest_km: float | None, *, squares: int = SQUARES) -> Ground | None:
    """The ground of these services; None where no area can be counted."""
    is_stated = ~np.isnan(cells.range_km)
    reach = np.where(is_stated, cells.range_km, np.nan if farthest_km is None else farthest_km)
    placed = ~np.isnan(cells.latitude_deg + cells.longitude_deg)
    is_counted = cells.is_mobile & placed & ~np.isnan(reach)
    chosen = np.flatnonzero(is_counted & (reach > 0))
    if not len(chosen):
        return None
    at = on_sphere(cells.latitude_deg, cells.longitude_deg)
    grid = _grid(
        cells.latitude_deg[chosen], cells.longitude_deg[chosen], reach[chosen], at[chosen], squares
    )
    half_km = grid.side_km / np.sqrt(2)
    tree = cKDTree(grid.points)
    parts = []
    cut = 0.0
    for kind in np.unique(cells.kind[chosen]).tolist():
        of_kind = chosen[cells.kind[chosen] == kind].astype(np.int32)
        near = _pairs(tree, at, of_kind, reach, half_km)
        deep = np.zeros(len(grid.points), np.bool_)
        deep[near.square[near.far_km <= reach[near.service] - half_km]] = True
        touched = np.unique(near.square)
        cut = max(cut, float(grid.area_km2[touched[~deep[touched]]].sum()))
        inside = near.of(near.far_km <= reach[near.service])
        nearest = _nearest(grid.points, at, cells.operator, of_kind, inside)
        parts.append((kind, inside, is_stated[inside.service] | nearest))
    return _merged(cells, grid, parts, cut, is_counted)


def on_sphere(latitude_deg: Floats, longitude_deg: Floats) -> Floats:
    """Points in space, in km; chords equal arcs to 1 in 10,000 up to 300 km."""
    north, east = np.radians(latitude_deg), np.radians(longitude_deg)
    flat = np.cos(north)
    points = np.stack([flat * np.cos(east), flat * np.sin(east), np.sin(north)], axis=1)
    return np.asarray(points * EARTH_RADIUS_KM, np.float64)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Squares: their middles in space, and the exact area of each on the sphere."""

    points: Floats
    area_km2: Floats
    side_km: float


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Squares and services that reach them, with the distance."""

    square: Longs
    service: Ints
    far_km: Floats

    def of(self, rows: npt.NDArray[np.intp] | Flags) -> "_Pairs":
        """These rows alone, in this order."""
        return _Pairs(self.square[rows], self.service[rows], self.far_km[rows])


def _classes(reach: Floats) -> Iterator[Flags]:
    """Services of about the same reach together, at most a dozen classes."""
    exact = np.unique(reach)
    if len(exact) > _CLASSES:
        edges = np.geomspace(exact[0], exact[-1], _CLASSES + 1)[1:-1]
        label = np.searchsorted(edges, reach)
    else:
        label = np.searchsorted(exact, reach)
    for one in np.unique(label):
        yield label == one


def _grid(
    latitude_deg: Floats, longitude_deg: Floats, reach: Floats, at: Floats, squares: int
) -> _Grid:
    """Squares over all that is served: coarse ones first, those near a site then divided."""
    margin = np.degrees(reach.max() / EARTH_RADIUS_KM)
    south, north = latitude_deg.min() - margin, min(latitude_deg.max() + margin, 89.9)
    south = max(south, -89.9)
    flattest = np.cos(np.radians(max(abs(south), abs(north))))
    west = longitude_deg.min() - margin / flattest
    east = min(longitude_deg.max() + margin / flattest, west + 360.0)
    tall = np.radians(north - south)
    wide = np.radians(east - west)
    whole = EARTH_RADIUS_KM**2 * wide * (np.sin(np.radians(north)) - np.sin(np.radians(south)))
    side = float(np.sqrt(whole / _COARSE))
    rows = max(1, int(np.ceil(tall * EARTH_RADIUS_KM / side)))
    edge = np.radians(np.linspace(south, north, rows + 1))
    middle = (edge[1:] + edge[:-1]) / 2
    columns = np.maximum(1, np.ceil(wide * EARTH_RADIUS_KM * np.cos(middle) / side)).astype(int)
    row = np.repeat(np.arange(rows), columns)
    column = np.arange(len(row)) - np.repeat(np.cumsum(columns) - columns, columns)
    low, high = edge[row], edge[row + 1]
    step = wide / columns[row]
    left = np.radians(west) + column * step
    near = np.zeros(len(row), np.bool_)
    points = on_sphere(np.degrees((low + high) / 2), np.degrees(left + step / 2))
    # A coarse square is not quite square: what a service must come near is its far corner.
    half = side * 0.75
    for of in _classes(reach):
        far, _ = cKDTree(at[of]).query(points)
        near |= np.asarray(far, np.float64) <= reach[of].max() + half
    low, high, left, step = low[near], high[near], left[near], step[near]
    kept = float((EARTH_RADIUS_KM**2 * step * (np.sin(high) - np.sin(low))).sum())
    discs = float((np.pi * reach**2).sum())
    wanted = min(float(squares), kept * PAIRS / max(discs, kept))
    parts = max(1, int(np.ceil(np.sqrt(wanted / max(1, len(low))))))
    inner = np.arange(parts * parts)
    up, right = inner // parts, inner % parts
    tall_of, step_of = (high - low)[:, None] / parts, step[:, None] / parts
    bottom = low[:, None] + up * tall_of
    start = left[:, None] + right * step_of
    area = EARTH_RADIUS_KM**2 * step_of * (np.sin(bottom + tall_of) - np.sin(bottom))
    middles = on_sphere(
        np.degrees(bottom + tall_of / 2).ravel(), np.degrees(start + step_of / 2).ravel()
    )
    area = np.asarray(area, np.float64).ravel()
    return _Grid(middles, area, float(np.sqrt(area.max(initial=0.0))))


def _pairs(tree: "cKDTree", at: Floats, services: Ints, reach: Floats, more_km: float) -> _Pairs:
    """Every square and service that reaches it, or comes `more_km` near to."""
    squares: list[Longs] = []
    found: list[Ints] = []
    far: list[Floats] = []
    for of in _classes(reach[services]):
        mine = services[of]
        most = float(reach[mine].max()) + more_km
        rows = cKDTree(at[mine]).sparse_distance_matrix(tree, most, output_type="ndarray")
        service = mine[rows["i"]]
        inside = rows["v"] <= reach[service] + more_km
        squares.append(rows["j"][inside].astype(np.int64))
        found.append(service[inside].astype(np.int32))
        far.append(rows["v"][inside].astype(np.float64))
    return _Pairs(np.concatenate(squares), np.concatenate(found), np.concatenate(far))


def _nearest(points: Floats, at: Floats, operator: Ints, services: Ints, pairs: _Pairs) -> Flags:
    """Whether the service of each pair is the nearest of its operator's to the square."""
    found = np.zeros(len(pairs.square), np.bool_)
    for one in np.unique(operator[services]).tolist():
        mine = services[operator[services] == one]
        rows = np.flatnonzero(operator[pairs.service] == one)
        if len(rows):
            _, place = cKDTree(at[mine]).query(points[pairs.square[rows]])
            found[rows] = mine[np.asarray(place, np.int64)] == pairs.service[rows]
    return found


def _merged(
    cells: Cells,
    grid: _Grid,
    parts: list[tuple[int, _Pairs, Flags]],
    cut: float,
    is_counted: Flags,
) -> Ground:
    """Squares that the same services reach become one place."""
    areas: dict[tuple[int, int, tuple[tuple[int, bytes, bytes], ...]], float] = {}
    for kind, pairs, surely in parts:
        near = pairs.of(np.lexsort((pairs.service, pairs.far_km, pairs.square)))
        first = np.unique(near.square, return_index=True)[1]
        region = cells.region[near.service[first]]
        order = np.lexsort((pairs.service, cells.operator[pairs.service], pairs.square))
        here, sure_here = pairs.of(order), surely[order]
        operator = cells.operator[here.service]
        fresh = np.ones(len(operator), np.bool_)
        fresh[1:] = (here.square[1:] != here.square[:-1]) | (operator[1:] != operator[:-1])
        starts = np.append(np.flatnonzero(fresh), len(operator))
        patches: dict[int, list[tuple[int, bytes, bytes]]] = {}
        for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            reaching = here.service[begin:end]
            surely_reaching = reaching[sure_here[begin:end]]
            one = (int(operator[begin]), reaching.tobytes(), surely_reaching.tobytes())
            patches.setdefault(int(here.square[begin]), []).append(one)
        for (number, patch), of in zip(patches.items(), region.tolist(), strict=True):
            key = (kind, int(of), tuple(patch))
            areas[key] = areas.get(key, 0.0) + float(grid.area_km2[number])
    best_of: list[Ints] = []
    worst_of: list[Ints] = []
    flat: list[tuple[int, int, int, float]] = []
    for place, ((kind, _, rows), area) in enumerate(areas.items()):
        for whose, best, worst in rows:
            flat.append((place, kind, whose, area))
            best_of.append(np.frombuffer(best, np.int32))
            worst_of.append(np.frombuffer(worst, np.int32))
    return Ground(
        grid.side_km,
        cut,
        np.array([row[3] for row in flat], np.float64),
        np.array([row[2] for row in flat], np.int32),
        np.array([row[1] for row in flat], np.int32),
        np.array([row[0] for row in flat], np.int32),
        np.array(list(areas.values()), np.float64),
        np.array([key[1] for key in areas], np.int32),
        np.array([key[0] for key in areas], np.int32),
        _covered(best_of),
        _covered(worst_of),
        is_counted,
    )


def _covered(lists: list[Ints]) -> Covered:
    sizes = np.array([len(one) for one in lists], np.int64)
    members = np.concatenate(lists) if lists else np.array([], np.int32)
    return Covered(np.append(0, np.cumsum(sizes)).astype(np.int64), members.astype(np.int32))
