"""Pictures of a withdrawal: what is out over time, the sites lost, a region's service tree."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ringfence.report.drawing import (
    COLOURS,
    NOTE,
    SMALL,
    TEXT,
    WIDTH,
    Drawn,
    cut,
    element,
    line,
    mark,
    path,
    picture,
    rectangle,
    words,
)
from ringfence.report.words import number

_LEFT, _TOP, _TALL = 44.0, 26.0, 170.0
_ACROSS = WIDTH - _LEFT - 8
KM_OF_A_DEGREE = 111.19
"""Length of a degree of latitude on a sphere of the Earth's mean radius, 6,371 km."""

_MAP_TOP = 26.0
_BINS = 70
"""Columns of the map's grid: a dot for each cell, so that a country of many sites can be read."""


def outage_over_time(
    outage: pa.Table, *, service: str, measure: str, key: str, title: str, describes: str
) -> str:
    """What is out of the whole network over the days, as parts of all there is.

    The dark line is the median of what is surely out, its band the 5 to 95 % of the runs; the
    light line and the hatched band are the same of what may be out.
    """
    rows = sorted(
        (
            row
            for row in outage.to_pylist()
            if (row["by"], row["service"], row["measure"]) == ("network", service, measure)
            and row["day"] >= 0
        ),
        key=lambda row: float(row["day"]),
    )
    body: list[Drawn] = [*_share_axis(), *_day_axis([float(row["day"]) for row in rows])]
    if rows and rows[0]["total"] > 0:
        body += _bands(rows, key)
    foot = _TOP + _TALL + 34
    body += [
        line(_LEFT, foot, _LEFT + 18, foot, colour="breach", width=2),
        words("surely out: median, 5 to 95 %", _LEFT + 24, foot + 4, size=NOTE),
        line(_LEFT, foot + 18, _LEFT + 18, foot + 18, colour="unknown", width=2),
        words("may be out: median, 5 to 95 %", _LEFT + 24, foot + 22, size=NOTE),
    ]
    return picture(
        *body, key=key, title=title, describes=describes, height=foot + 30, hatched=("unknown",)
    )


def _bands(rows: Sequence[Mapping[str, float]], key: str) -> Iterator[Drawn]:
    last = float(rows[-1]["day"]) or 1.0
    total = float(rows[0]["total"])

    def at(row: Mapping[str, float], column: str) -> tuple[float, float]:
        share = min(1.0, float(row[column]) / total)
        return _LEFT + _ACROSS * float(row["day"]) / last, _TOP + _TALL * (1 - share)

    for name, colour in (("may_be_out", "unknown"), ("surely_out", "breach")):
        top = [at(row, f"{name}_high") for row in rows]
        low = [at(row, f"{name}_low") for row in reversed(rows)]
        fill = f"url(#{key}-unknown)" if colour == "unknown" else COLOURS[colour]
        yield element("path", d=path(*top, *low) + " Z", fill=fill, fill_opacity=0.3)
    for name, colour in (("may_be_out", "unknown"), ("surely_out", "breach")):
        median = [at(row, f"{name}_median") for row in rows]
        yield element("path", d=path(*median), fill="none", stroke=COLOURS[colour], stroke_width=2)


def _share_axis() -> Iterator[Drawn]:
    for quarter in range(5):
        y = _TOP + _TALL * (1 - quarter / 4)
        yield line(_LEFT, y, WIDTH - 8, y, colour="line", width=0.75)
        said = f"{quarter * 25}\u00a0%"
        yield words(said, _LEFT - 6, y + 4, anchor="end", colour="quiet", size=SMALL)


def _day_axis(days: Sequence[float]) -> Iterator[Drawn]:
    if not days:
        return
    last = days[-1] or 1.0
    in_years = last > 2 * 365.25
    unit, one = ("years", 365.25) if in_years else ("days", 1.0)
    for quarter in range(5):
        x = _LEFT + _ACROSS * quarter / 4
        said = f"{last * quarter / 4 / one:.3g}"
        anchor = "end" if quarter == 4 else "middle"
        yield words(said, x, _TOP + _TALL + 15, anchor=anchor, colour="quiet", size=SMALL)
    yield words(f"{unit} since it went", _LEFT, 14, colour="quiet", size=SMALL)


def sites_lost(site_lost: pa.Table, *, service: str, key: str, title: str, describes: str) -> str:
    """A map of the sites on the last day: lost, perhaps lost, served.

    Sites lie where their coordinates put them, gathered to a grid; the gravest of a cell is
    drawn. Those without coordinates are counted below.
    """
    rows = [row for row in site_lost.to_pylist() if row["service"] == service]
    placed = [r for r in rows if r["latitude_deg"] is not None and r["longitude_deg"] is not None]
    body: list[Drawn] = []
    tall = 40.0
    if placed:
        cells, tall, one_km = _grid(placed)
        body += _scale(one_km)
        body += [
            mark(kind, x, y, 6 if kind == "comply" else 7)
            for (x, y), kind in sorted(cells.items(), key=lambda c: (c[1] != "comply", c[0]))
        ]
    counts = Counter(state_of(row) for row in rows)
    y = tall + 16
    for kind, said in (
        ("breach", "lost in at least half of the runs"),
        ("unknown", "may be lost: it hangs on facts that are not stated"),
        ("comply", "served"),
    ):
        body += [mark(kind, 8, y - 4), words(f"{number(counts[kind])} {said}", 20, y, size=NOTE)]
        y += 17
    if len(rows) > len(placed):
        said = f"{number(len(rows) - len(placed))} sites without coordinates are not drawn"
        body.append(words(said, 0, y, size=NOTE, colour="quiet"))
        y += 17
    return picture(*body, key=key, title=title, describes=describes, height=y)


def state_of(row: Mapping[str, float]) -> str:
    """How a site is drawn: what befalls it in at least half of the runs."""
    if row["surely_lost"] >= 0.5:
        return "breach"
    return "unknown" if row["may_be_lost"] >= 0.5 else "comply"


def _grid(
    rows: Sequence[Mapping[str, float]],
) -> tuple[dict[tuple[float, float], str], float, float]:
    """The gravest of each cell of the grid, how tall the map is, and how long one km is on it."""
    north = [float(row["latitude_deg"]) for row in rows]
    east = [float(row["longitude_deg"]) for row in rows]
    narrow = math.cos(math.radians((min(north) + max(north)) / 2))
    wide_deg = max((max(east) - min(east)) * narrow, 1e-6)
    tall_deg = max(max(north) - min(north), 1e-6)
    scale = min((WIDTH - 12) / wide_deg, 420 / tall_deg)
    step = (WIDTH - 12) / _BINS
    grave = ("breach", "unknown", "comply")
    cells: dict[tuple[float, float], str] = {}
    for row, latitude, longitude in zip(rows, north, east, strict=True):
        x = 6 + round((longitude - min(east)) * narrow * scale / step) * step
        y = _MAP_TOP + round((max(north) - latitude) * scale / step) * step
        kind = state_of(row)
        if (x, y) not in cells or grave.index(kind) < grave.index(cells[x, y]):
            cells[x, y] = kind
    return cells, _MAP_TOP + 6 + tall_deg * scale, scale / KM_OF_A_DEGREE


def _scale(one_km: float) -> Iterator[Drawn]:
    """A bar of a round length, at most a quarter of the width."""
    most = WIDTH / 4 / one_km
    step = 10.0 ** math.floor(math.log10(most))
    long_km = next(step * n for n in (5, 2, 1) if step * n <= most)
    right, y = WIDTH - 6, 10.0
    left = right - long_km * one_km
    yield line(left, y, right, y, colour="quiet", width=2)
    yield words(f"{long_km:g}\u00a0km", left - 6, y + 4, anchor="end", colour="quiet", size=SMALL)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing a region's services need: how many are known, and how many are of the vendor."""

    label: str
    total: int
    held: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A row of the tree, from the sites towards the centre."""

    label: str
    needs: tuple[Need, ...]
    left_out: int = 0
    """Further needs in which the vendor has no part."""


def service_tree(layers: Sequence[Layer], *, key: str, title: str, describes: str) -> str:
    """What a region's services need, layer by layer, with the vendor's part of each."""
    body: list[Drawn] = []
    y = 4.0
    for place, layer in enumerate(layers):
        body.append(words(layer.label, 0, y + TEXT, is_bold=True))
        y += TEXT + 8
        columns = min(3, max(1, len(layer.needs)))
        wide = (WIDTH - 8 * (columns - 1)) / columns
        for number_in, need in enumerate(layer.needs):
            column = number_in % columns
            if number_in and column == 0:
                y += 44
            body += _need(need, column * (wide + 8), y, wide, key)
        y += 44 if layer.needs else 0
        if layer.left_out:
            kinds = "1 kind" if layer.left_out == 1 else f"{number(layer.left_out)} kinds"
            said = (
                f"{'and ' if layer.needs else ''}{kinds} of function without a part of the vendor"
            )
            body.append(words(said, 0, y + NOTE, size=NOTE, colour="quiet"))
            y += NOTE + 10
        if place < len(layers) - 1:
            middle = WIDTH / 2
            body.append(line(middle, y - 4, middle, y + 8, colour="quiet", width=1.5))
            head = path((middle - 4, y + 4), (middle + 4, y + 4), (middle, y + 11)) + " Z"
            body.append(element("path", d=head, fill=COLOURS["quiet"]))
            y += 14
    return picture(*body, key=key, title=title, describes=describes, height=y, hatched=("held",))


def _need(need: Need, x: float, y: float, wide: float, key: str) -> Iterator[Drawn]:
    said = f"{need.label}: {number(need.held)} of {number(need.total)} the vendor's"
    if need.unknown:
        said += f", {number(need.unknown)} of no stated maker"
    pieces = [
        element("title", said),
        words(cut(need.label, wide - 4, NOTE), x, y + 12, size=NOTE),
        rectangle(x, y + 18, wide, 10, fill="faint", edge="quiet"),
    ]
    if need.total:
        held = wide * need.held / need.total
        unknown = wide * need.unknown / need.total
        if held:
            pieces.append(rectangle(x, y + 18, held, 10, fill="held"))
        if unknown:
            hatched = f"url(#{key}-held)"
            pieces.append(rectangle(x + held, y + 18, unknown, 10, fill=hatched, edge="held"))
    figures = f"{number(need.held)} of {number(need.total)}"
    pieces.append(words(figures, x, y + 39, size=SMALL, colour="quiet"))
    yield element("g", *pieces)


def with_a_part(layers: Sequence[Layer]) -> list[Layer]:
    """The layers with those needs alone in which the vendor has a part, or may; the rest counted."""
    return [
        Layer(
            layer.label,
            kept := tuple(need for need in layer.needs if need.held or need.unknown),
            layer.left_out + len(layer.needs) - len(kept),
        )
        for layer in layers
    ]


def layers_of(needs: pa.Table, region: str | None) -> list[Layer]:
    """The layers of one region from the table `service_need`."""
    rows = [row for row in needs.to_pylist() if row["region"] == region]
    found = []
    for layer in dict.fromkeys(row["layer"] for row in sorted(rows, key=lambda r: str(r["layer"]))):
        there = tuple(
            Need(row["need"], row["elements"], row["held"], row["unknown"])
            for row in rows
            if row["layer"] == layer
        )
        found.append(Layer(str(layer).partition(" ")[2], there))
    return found
