"""The picture of a separation: the vendor at the rim, the core in the middle, each ring one step.

A fence stands around the core. It is whole where the separation holds, broken where a chain of
steps comes through, and dashed where nobody can say. The core is cut in three, for what the vendor
could come to do there: each part is filled where that is breached, hatched where it is unknown and
left white where it holds, and has its word and its own sign, so that no answer hangs on a colour.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringfence.report.drawing import (
    COLOURS,
    LINE,
    NOTE,
    SMALL,
    TEXT,
    WIDTH,
    Drawn,
    cut,
    element,
    figure,
    line,
    mark,
    path,
    picture,
    rectangle,
    text_width,
    words,
    wrapped,
)
from ringfence.report.words import number

EFFECTS = ("control", "read", "stop")
SHOWN_AS = {"breached": "breach", "unknown": "unknown", "holds": "comply"}
"""An answer's mark and colour among those of the page."""

RINGS_DRAWN = 6
"""More rings than this are too thin to be told apart; those in the middle are drawn as one."""

_X, _RIM, _CORE = 124.0, 116.0, 50.0
_LABELS = 258.0
_TOP = 40.0
_STEPS_TOLD = 9


@dataclass(frozen=True, slots=True)
class Ring:
    """What is first held after so many steps, outside the core.

    `held` is known, `perhaps` only possible, `reached` by packets alone; `where` are the parts of
    the network they are in, in words.
    """

    label: str
    held: int
    perhaps: int
    reached: int
    where: str


@dataclass(frozen=True, slots=True)
class ChainStep:
    """One step of the chain: in which ring it stands, what is then held, and whether it is sure."""

    ring: int
    means: str
    is_sure: bool


@dataclass(frozen=True, slots=True)
class Core:
    """The answers of one effect on the core."""

    effect: str
    breached: int
    unknown: int
    holds: int

    @property
    def worst(self) -> str:
        """The gravest answer there is."""
        return "breached" if self.breached else "unknown" if self.unknown else "holds"


def rings(
    rows: Sequence[Ring],
    core: Sequence[Core],
    chain: Sequence[ChainStep],
    effect: str | None,
    *,
    verdict: str,
    says: str,
    key: str,
    title: str,
    describes: str,
) -> str:
    """The rings from the rim inwards, the chain that is drawn on them, and its effect.

    `says` is the answer in a few words; without a chain the way in ends at the fence.
    """
    thick = (_RIM - _CORE) / max(1, len(rows))
    middle = _TOP + _RIM
    colour = SHOWN_AS[verdict]
    body: list[Drawn] = [mark(colour, 8, 12, 16)]
    for place, text in enumerate(wrapped(says, WIDTH - 22, TEXT + 1, lines=2)):
        body.append(words(text, 22, 17 + LINE * place, colour=colour, size=TEXT + 1, is_bold=True))
    for place, ring in enumerate(rows):
        body.append(_band(ring, _RIM - thick * place, middle, key))
    body += _centre(core, effect, middle, key)
    body += _fence(verdict, middle)
    body += _way_in(chain, len(rows), thick, middle, verdict)
    foot = max(middle + _RIM, *_labels(rows, thick, middle, body)) + 16
    foot = _effects(core, foot, key, body)
    foot = _told(chain, foot + 4, colour, body)
    return picture(
        *body,
        key=key,
        title=title,
        describes=describes,
        height=foot,
        hatched=("unknown", "held"),
    )


def _band(ring: Ring, radius: float, middle: float, key: str) -> Drawn:
    """A ring: dark where something in it is held, hatched where something only may be."""
    fill, strength = COLOURS["faint"], 1.0
    if ring.held:
        fill, strength = COLOURS["held"], 0.42
    elif ring.perhaps:
        fill, strength = f"url(#{key}-held)", 0.55
    said = f"{ring.label}: {_counts(ring)}" + (f" ({ring.where})" if ring.where else "")
    # Paper first: one ring must not be seen through the next.
    return element(
        "g",
        element("title", said),
        element("circle", cx=_X, cy=middle, r=radius, fill=COLOURS["paper"]),
        element(
            "circle",
            cx=_X,
            cy=middle,
            r=radius,
            fill=fill,
            fill_opacity=strength,
            stroke=COLOURS["quiet"],
            stroke_width=0.75,
        ),
    )


def _at(radius: float, degrees: float, middle: float) -> tuple[float, float]:
    """A point around the centre; 0 is to the right, 90 is up."""
    turned = math.radians(degrees)
    return _X + radius * math.cos(turned), middle - radius * math.sin(turned)


def _centre(core: Sequence[Core], effect: str | None, middle: float, key: str) -> Iterator[Drawn]:
    """The core in three parts; the part that the chain comes to lies to the left, where it comes."""
    first = next((i for i, one in enumerate(core) if one.effect == effect), 0)
    for place, one in enumerate(core):
        centre = 180.0 - 120.0 * (place - first)
        start, end = _at(_CORE, centre + 60, middle), _at(_CORE, centre - 60, middle)
        shape = (
            f"{path((_X, middle), start)} A {figure(_CORE)} {figure(_CORE)} 0 0 1 {path(end)[2:]} Z"
        )
        fill = {
            "breached": COLOURS["breach"],
            "unknown": f"url(#{key}-unknown)",
            "holds": COLOURS["paper"],
        }[one.worst]
        ink = "paper" if one.worst == "breached" else "ink"
        # Room for the last step, which stands in the part it comes to.
        x, y = _at(_CORE * 0.6, centre - 18 if one.effect == effect else centre, middle)
        pieces = [
            element("title", _said(one)),
            element("path", d=shape, fill=COLOURS["paper"]),
            element("path", d=shape, fill=fill, stroke=COLOURS["paper"], stroke_width=1.5),
        ]
        if one.worst == "unknown":
            wide = text_width(one.effect, SMALL) * 0.9 + 6
            pieces.append(rectangle(x - wide / 2, y - 9, wide, 22, fill="paper"))
        pieces += [
            sign(one.effect, x, y - 4, 9, ink),
            words(one.effect, x, y + 10, anchor="middle", size=SMALL, colour=ink),
        ]
        yield element("g", *pieces)


def sign(effect: str, x: float, y: float, size: float, colour: str = "ink") -> Drawn:
    """The sign of an effect: a square to control, an eye to read, a bar to stop."""
    r = size / 2
    ink = COLOURS[colour]
    stroke: dict[str, str | float] = {"fill": "none", "stroke": ink, "stroke_width": 1.5}
    if effect == "control":
        return element("rect", x=x - r, y=y - r, width=size, height=size, fill=ink)
    if effect == "read":
        lid = (
            f"M {figure(x - r * 1.3)} {figure(y)} Q {figure(x)} {figure(y - r * 1.5)} "
            f"{figure(x + r * 1.3)} {figure(y)} Q {figure(x)} {figure(y + r * 1.5)} "
            f"{figure(x - r * 1.3)} {figure(y)} Z"
        )
        pupil = element("circle", cx=x, cy=y, r=r * 0.4, fill=ink)
        return element("g", element("path", d=lid, **stroke), pupil)
    return element(
        "g",
        element("circle", cx=x, cy=y, r=r, **stroke),
        element("rect", x=x - r * 0.6, y=y - 1, width=r * 1.2, height=2, fill=ink),
    )


_GATE_AT, _GATE = 215.0, 12.0
"""Where the way in comes to the fence, and half of the gap in a broken one, in degrees."""

_TURN, _TURNED = 12.0, 115.0
"""How far each step is turned from the next, so that they do not lie over each other, and all."""


def _fence(verdict: str, middle: float) -> Iterator[Drawn]:
    radius = _CORE + 3.5
    edge: dict[str, str | float] = {
        "fill": "none",
        "stroke": COLOURS["ink"],
        "stroke_width": 4,
    }
    if verdict == "breached":
        start = _at(radius, _GATE_AT - _GATE, middle)
        end = _at(radius, _GATE_AT + _GATE, middle)
        gap = f"{path(start)} A {figure(radius)} {figure(radius)} 0 1 1 {path(end)[2:]}"
        yield element("path", d=gap, **edge)
        return
    if verdict == "unknown":
        edge["stroke_dasharray"] = "7 5"
    yield element("circle", cx=_X, cy=middle, r=radius, **edge)


def _way_in(
    chain: Sequence[ChainStep], count: int, thick: float, middle: float, verdict: str
) -> Iterator[Drawn]:
    """The chain from the rim to the core, its steps numbered; those not sure are dashed."""
    colour = COLOURS[SHOWN_AS[verdict]]
    turn = min(_TURN, _TURNED / max(1, len(chain)))
    points = [
        _at(_CORE - 10, _GATE_AT, middle)
        if step.ring >= count
        else _at(
            _RIM - thick * (step.ring + 0.5), _GATE_AT + turn * (len(chain) - 1 - place), middle
        )
        for place, step in enumerate(chain)
    ]
    for (x, y), (to_x, to_y), reached in zip(points, points[1:], chain[1:], strict=False):
        dashes: dict[str, str] = {} if reached.is_sure else {"stroke_dasharray": "4 3"}
        for wide, ink in ((6.0, COLOURS["paper"]), (3.0, colour)):
            yield element(
                "line", x1=x, y1=y, x2=to_x, y2=to_y, stroke=ink, stroke_width=wide, **dashes
            )
        yield _arrow((x, y), (to_x, to_y), colour)
    for place, ((x, y), step) in enumerate(zip(points, chain, strict=True)):
        yield _numbered(place, x, y, colour, step.is_sure)


_DISC = 8.0


def _arrow(start: tuple[float, float], end: tuple[float, float], colour: str) -> Drawn:
    """The head of an arrow that ends at a step's disc."""
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    tip = end[0] - _DISC * math.cos(angle), end[1] - _DISC * math.sin(angle)
    sides = [
        (tip[0] - 8 * math.cos(angle + turn), tip[1] - 8 * math.sin(angle + turn))
        for turn in (0.5, -0.5)
    ]
    return element("path", d=path(tip, *sides) + " Z", fill=colour)


def _numbered(place: int, x: float, y: float, colour: str, is_sure: bool) -> Drawn:
    disc = element(
        "circle",
        cx=x,
        cy=y,
        r=_DISC,
        fill=colour if is_sure else COLOURS["paper"],
        stroke=COLOURS["paper"] if is_sure else colour,
        stroke_width=1.5,
        **({} if is_sure else {"stroke_dasharray": "3 2"}),
    )
    numeral = element(
        "text",
        str(place),
        x=x,
        y=y + 4,
        font_size=SMALL,
        font_weight="700",
        text_anchor="middle",
        fill=COLOURS["paper"] if is_sure else colour,
    )
    return element("g", disc, numeral)


def _labels(
    rows: Sequence[Ring], thick: float, middle: float, body: list[Drawn]
) -> Iterator[float]:
    """A label for each ring, from the rim inwards, with a line to it; and where each ends."""
    y = _TOP + 6
    for place, ring in enumerate(rows):
        radius = _RIM - thick * (place + 0.5)
        rise = middle - y
        across = math.sqrt(max(0.0, radius**2 - rise**2))
        x, at = _X + across, y
        if across < radius * 0.35:
            x, at = _at(radius, math.copysign(70, rise), middle)
        pieces = [
            element("circle", cx=x, cy=at, r=2, fill=COLOURS["ink"]),
            element(
                "path",
                d=path((x, at), (_LABELS - 14, y), (_LABELS - 5, y)),
                fill="none",
                stroke=COLOURS["ink"],
                stroke_width=0.75,
            ),
            words(cut(ring.label, WIDTH - _LABELS, NOTE), _LABELS, y + 4, size=NOTE, is_bold=True),
        ]
        y += 4
        for text in wrapped(_counts(ring), WIDTH - _LABELS, SMALL, lines=3):
            y += 13
            pieces.append(words(text, _LABELS, y, size=SMALL))
        if ring.where:
            for text in wrapped(ring.where, WIDTH - _LABELS, SMALL, lines=2):
                y += 13
                pieces.append(words(text, _LABELS, y, size=SMALL, colour="quiet"))
        body.append(element("g", *pieces))
        yield y + 4
        y += 20


def _counts(ring: Ring) -> str:
    said = [
        f"{number(amount)} {word}"
        for amount, word in (
            (ring.held, "held"),
            (ring.perhaps, "perhaps held"),
            (ring.reached, "reached by packets"),
        )
        if amount
    ]
    return ", ".join(said) or "nothing more is held"


def _said(core: Core) -> str:
    counts = (
        f"{number(amount)} {word}"
        for amount, word in (
            (core.breached, "breached"),
            (core.unknown, "unknown"),
            (core.holds, "hold" if core.holds != 1 else "holds"),
        )
        if amount
    )
    return f"{core.effect}: {', '.join(counts)}"


def _effects(core: Sequence[Core], y: float, key: str, body: list[Drawn]) -> float:
    """A bar for each effect: how many core elements it is breached for, unknown, and holds."""
    body.append(words("The core, by what could be done to it", 0, y + 10, size=NOTE, is_bold=True))
    y += 22
    left, wide = 74.0, 112.0
    for one in core:
        total = one.breached + one.unknown + one.holds
        pieces = [
            element("title", _said(one)),
            sign(one.effect, 8, y + 6, 10),
            words(one.effect, 20, y + 10, size=NOTE),
        ]
        x = left
        for amount, colour in (
            (one.breached, "breach"),
            (one.unknown, "unknown"),
            (one.holds, "comply"),
        ):
            part = wide * amount / total if total else 0.0
            if part:
                fill = f"url(#{key}-unknown)" if colour == "unknown" else colour
                fill = "paper" if colour == "comply" else fill
                pieces.append(rectangle(x, y, part, 12, fill=fill, edge=colour))
            x += part
        said = _said(one).partition(": ")[2]
        pieces.append(
            words(cut(said, WIDTH - left - wide - 8, SMALL), left + wide + 8, y + 10, size=SMALL)
        )
        body.append(element("g", *pieces))
        y += 19
    return y


def _told(chain: Sequence[ChainStep], y: float, colour: str, body: list[Drawn]) -> float:
    """The steps of the chain in words, by the numbers drawn."""
    if not chain:
        return y
    body.append(line(0, y, WIDTH, y, colour="line"))
    y += 6
    body.append(words("The shortest chain", 0, y + 12, size=NOTE, is_bold=True))
    y += 20
    for place, step in enumerate(chain):
        if place == _STEPS_TOLD and len(chain) > _STEPS_TOLD + 1:
            rest = f"and {number(len(chain) - _STEPS_TOLD)} more steps"
            body.append(words(rest, 22, y + 10, size=NOTE, colour="quiet"))
            return y + LINE
        lines = wrapped(step.means, WIDTH - 22, NOTE, lines=2)
        pieces = [_numbered(place, 8, y + 6, COLOURS[colour], step.is_sure)]
        for text in lines:
            pieces.append(words(text, 22, y + 10, size=NOTE))
            y += 15
        body.append(element("g", *pieces))
        y += 4
    return y
