"""What pictures are drawn with: elements, one palette, marks, hatching, and text that fits.

SVG is written as text. All that is not SVG already is escaped and cleaned where it is written, so
a name from a file can stand in a picture as it can on the page. Nothing here needs a style sheet,
so pictures live under a content security policy that allows none.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape

from ringfence.errors import RingfenceError
from ringfence.report.words import clean

WIDTH = 420
"""The width every picture is drawn at, in user units."""

TEXT, NOTE, SMALL = 13.0, 12.0, 11.0
"""Sizes of letters: labels, the words beside a bar, scales."""

LINE = 17.0
"""From one line of text to the next."""

COLOURS: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#1c2128",
    "quiet": "#565d66",
    "line": "#c8cdd3",
    "faint": "#eef1f4",
    "held": "#1f3f66",
    "breach": "#a3260f",
    "due": "#7a5200",
    "unknown": "#54575c",
    "comply": "#0f5f8c",
}
"""One palette for pictures and page. Vermilion against blue is told apart by the colour-blind;
each colour of text keeps 4.5 to 1 against the paper and the faint ground (WCAG 2.2, 1.4.3)."""

_FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
_KEY = re.compile(r"[a-z][a-z0-9-]*")
_AS_WRITTEN = {"viewBox", "patternUnits", "patternTransform"}


class Drawn(str):
    """Text that is SVG already; all other text is escaped when it is put into an element."""

    __slots__ = ()


def element(name: str, *children: str, **attributes: str | float) -> Drawn:
    """An element; `stroke_width` becomes `stroke-width`, numbers are cut to hundredths."""
    shown = "".join(
        f' {key if key in _AS_WRITTEN else key.replace("_", "-")}="{escape(clean(figure(value)))}"'
        for key, value in attributes.items()
    )
    inside = "".join(c if isinstance(c, Drawn) else escape(clean(c)) for c in children)
    return Drawn(f"<{name}{shown}>{inside}</{name}>" if inside else f"<{name}{shown}/>")


def words(
    text: str,
    x: float,
    y: float,
    *,
    anchor: str = "start",
    colour: str = "ink",
    size: float = TEXT,
    is_bold: bool = False,
) -> Drawn:
    """One line of text, its foot at `y`."""
    extra: dict[str, str] = {}
    if anchor != "start":
        extra["text_anchor"] = anchor
    if is_bold:
        extra["font_weight"] = "700"
    return element("text", text, x=x, y=y, font_size=size, fill=COLOURS[colour], **extra)


def rectangle(
    x: float, y: float, width: float, height: float, *, fill: str, edge: str = ""
) -> Drawn:
    """A rectangle; `fill` is a colour's name or a `url(...)`."""
    paint = fill if fill.startswith("url(") else COLOURS[fill]
    border: dict[str, str | float] = {}
    if edge:
        border = {"stroke": COLOURS[edge], "stroke_width": 0.75}
    return element("rect", x=x, y=y, width=width, height=height, fill=paint, **border)


def line(x: float, y: float, to_x: float, to_y: float, *, colour: str, width: float = 1.0) -> Drawn:
    """A straight line."""
    return element("line", x1=x, y1=y, x2=to_x, y2=to_y, stroke=COLOURS[colour], stroke_width=width)


def hatches(key: str, colours: Sequence[str]) -> Drawn:
    """Definitions of one hatching a colour, to be painted with as `url(#key-colour)`."""
    patterns = [
        element(
            "pattern",
            element("rect", width=5, height=5, fill=COLOURS["paper"]),
            line(1, 0, 1, 5, colour=colour, width=2),
            id=f"{key}-{colour}",
            width=5,
            height=5,
            patternUnits="userSpaceOnUse",
            patternTransform="rotate(45)",
        )
        for colour in colours
    ]
    return element("defs", *patterns)


def picture(
    *body: Drawn, key: str, title: str, describes: str, height: float, hatched: Sequence[str] = ()
) -> str:
    """A whole picture with its title and description.

    `key` is a prefix for the ids in it, and must be the document's only one of its name.
    """
    if not _KEY.fullmatch(key):
        raise RingfenceError(f"{key!r} cannot be the key of a picture")
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", describes, id=f"{key}-desc"),
        *([hatches(key, hatched)] if hatched else []),
        *body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {figure(height)}",
        width=WIDTH,
        height=height,
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
        font_family=_FONT,
    )


def mark(kind: str, x: float, y: float, size: float = 12) -> Drawn:
    """The shape of an answer or of a date, its middle at `x`, `y`."""
    r = size / 2 - 0.75
    colour = COLOURS.get(kind, COLOURS["ink"])
    edge: dict[str, str | float] = {
        "fill": COLOURS["paper"],
        "stroke": colour,
        "stroke_width": 1.75,
    }
    top, right, foot, left = (x, y - r), (x + r, y), (x, y + r), (x - r, y)
    shapes = {
        "breach": lambda: element("circle", cx=x, cy=y, r=r, fill=colour),
        "unknown": lambda: element("path", d=path(top, right, foot, left) + " Z", **edge),
        "due": lambda: element(
            "g",
            element("circle", cx=x, cy=y, r=r, **edge),
            element(
                "path",
                d=f"{path((x, y), top)} A {figure(r)} {figure(r)} 0 0 1 {path(right)[2:]} Z",
                fill=colour,
            ),
        ),
        "comply": lambda: element(
            "path",
            d=path((x - r, y + 0.3), (x - r * 0.25, y + r * 0.75), (x + r, y - r * 0.8)),
            **edge | {"fill": "none"},
        ),
        "begins": lambda: element(
            "path", d=path((x - r, y - r), right, (x - r, y + r)) + " Z", fill=COLOURS["held"]
        ),
        "asked": lambda: rectangle(x - r * 0.8, y - r * 0.8, r * 1.6, r * 1.6, fill="ink"),
        "read": lambda: rectangle(
            x - r * 0.8, y - r * 0.8, r * 1.6, r * 1.6, fill="paper", edge="ink"
        ),
        "none": lambda: line(x - r * 0.7, y, x + r * 0.7, y, colour="quiet", width=1.5),
        "held": lambda: rectangle(x - r, y - r, r * 2, r * 2, fill="held", edge="quiet"),
        "faint": lambda: rectangle(x - r, y - r, r * 2, r * 2, fill="faint", edge="quiet"),
    }
    if kind not in shapes:
        raise RingfenceError(f"there is no mark for {kind!r}")
    return shapes[kind]()


def icon(kind: str, *, key: str = "", size: int = 12) -> str:
    """A mark as a picture of its own, for a line of text; a screen reader passes over it.

    `hatched` is the square of what is not known; it needs a `key`, as `picture` does.
    """
    if kind == "hatched":
        body = [
            hatches(key, ("held",)),
            rectangle(0.75, 0.75, 10.5, 10.5, fill=f"url(#{key}-held)", edge="held"),
        ]
    else:
        body = [mark(kind, 6, 6)]
    return element(
        "svg",
        *body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox="0 0 12 12",
        width=size,
        height=size,
        aria_hidden="true",
    )


def path(*points: tuple[float, float]) -> str:
    """`M x y L x y ...` through the points."""
    return "M " + " L ".join(f"{figure(x)} {figure(y)}" for x, y in points)


def figure(value: str | float) -> str:
    """A number in as few characters as hundredths need."""
    if isinstance(value, str):
        return value
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


def text_width(text: str, size: float) -> float:
    """How wide `text` will be, at the most, in the common system fonts; a picture cannot measure.

    The figures are those of DejaVu Sans, the widest of the fonts that are asked for.
    """
    return sum(map(_em, text)) * size


def cut(text: str, width: float, size: float) -> str:
    """`text` on one line no wider than `width`, an ellipsis in place of the rest."""
    shown = clean(text)
    if text_width(shown, size) <= width:
        return shown
    first, _ = split(shown.replace(" ", "\u00a0"), max(0.0, width - size), size)
    return first.replace("\u00a0", " ").rstrip() + "…"


def wrapped(text: str, width: float, size: float, *, lines: int) -> list[str]:
    """`text` in at most so many lines, cut at the end of the last."""
    rest = clean(text)
    found: list[str] = []
    while len(found) < lines - 1 and text_width(rest, size) > width:
        first, rest = split(rest, width, size)
        found.append(first)
    if rest or not found:
        found.append(cut(rest, width, size))
    return found


def split(text: str, width: float, size: float) -> tuple[str, str]:
    """What fits on a line, broken between words where it can be, and the rest.

    At least one letter goes on the line, with its marks.
    """
    room = 0.0
    space = 0
    for index, character in enumerate(text):
        room += _em(character) * size
        if character == " ":
            space = index
        if room > width and index and _em(character):
            at = space or index
            return text[:at].rstrip(), text[at:].lstrip()
    return text, ""


def _em(character: str) -> float:
    """Width in units of the letter size; a mark on another letter has none."""
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0.0
    if unicodedata.east_asian_width(character) in {"W", "F"}:
        return 1.0
    if character in " \u00a0.,:;'|!ijlftI()[]/-":
        return 0.42
    if character in "mwMW@%—…":
        return 1.0
    if character.isascii():
        return 0.78 if character.isupper() else 0.64
    return 0.85
