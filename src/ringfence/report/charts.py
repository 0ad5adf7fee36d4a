"""Pictures as SVG, written by hand: shares with their unknown part, answers, dots, dates.

Every picture is whole in itself (no style sheet, script, font or file is needed), carries a title
and a description for those who do not see it, and is drawn 420 units wide so that it can be read
in a narrow window and two can stand beside each other on paper. A label stands above its bar, not
beside it: a long name then never meets a figure. What does not fit is cut with an ellipsis and
stands in full in the row's `<title>`.

Colour never speaks alone: what is not known is hatched, and answers have a shape and a word.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from ringfence.errors import RingfenceError
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
    line,
    mark,
    picture,
    rectangle,
    split,
    text_width,
    words,
    wrapped,
)
from ringfence.report.words import clean, day, number

_BAR = 12.0
_QUARTERS = (WIDTH / 4, WIDTH / 2, WIDTH * 3 / 4)


@dataclass(frozen=True, slots=True)
class Bar:
    """A share from `low` to `high`, both 0 to 1 or both null where it is not determined.

    `value` are the words at the end of the row; they must name the denominator.
    """

    label: str
    low: float | None
    high: float | None
    value: str
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a stacked bar: its word, its colour, and the mark that stands by it.

    The mark `hatched` is a square of the part's own hatching.
    """

    word: str
    colour: str
    mark: str
    is_hatched: bool = False


@dataclass(frozen=True, slots=True)
class Stack:
    """Amounts, one for each part, in the order of the parts; null where not determined."""

    label: str
    amounts: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class DotRow:
    """A share from low to high for each column; null where there is none."""

    label: str
    shares: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, what kind it is (`asked`, `begins`, `due`, `read`), and its number in the list."""

    on: date
    kind: str
    number: int
    label: str


ANSWER_PARTS = (
    Part("breach", "breach", "breach"),
    Part("unknown", "unknown", "unknown", is_hatched=True),
    Part("due", "due", "due"),
    Part("comply", "comply", "comply"),
)
"""The parts of a bar of answers, gravest first."""


def bars(rows: Sequence[Bar], *, key: str, title: str, describes: str) -> str:
    """Shares as bars from 0 to 100 %, the unknown part hatched."""
    body: list[Drawn] = []
    y = 4.0
    for row in rows:
        low, high = _bounds(row.low, row.high)
        lines = _label_before(row.label, row.value)
        pieces = [element("title", f"{row.label}: {row.value}")]
        pieces += [
            words(text, 0, y + TEXT + LINE * i, is_bold=row.is_total)
            for i, text in enumerate(lines)
        ]
        last = y + TEXT + LINE * (len(lines) - 1)
        value = cut(row.value, WIDTH, NOTE)
        pieces.append(words(value, WIDTH, last, anchor="end", colour="quiet", size=NOTE))
        y = last + 5
        pieces.append(_track(y, is_determined=low is not None))
        if low is not None and high is not None:
            pieces += _share_bar(low, high, y, key)
        pieces += [
            line(x, y + _BAR, x, y + _BAR + 3, colour="quiet", width=0.75) for x in _QUARTERS
        ]
        body.append(element("g", *pieces))
        y += _BAR + 11
    foot = y - 5
    axis = _percent_axis(foot + 11)
    return picture(
        *body,
        *axis,
        key=key,
        title=title,
        describes=describes,
        height=foot + 15,
        hatched=("held",),
    )


def stacks(
    rows: Sequence[Stack], parts: Sequence[Part], *, key: str, title: str, describes: str
) -> str:
    """Bars that are whole together, each part's amount written below with its mark and word."""
    body: list[Drawn] = []
    y = 4.0
    for row in rows:
        if len(row.amounts) != len(parts):
            raise RingfenceError("a stacked bar needs one amount for each part", where=row.label)
        amounts = [_amount(value) for value in row.amounts]
        said = [f"{number(a)} {p.word}" for a, p in zip(amounts, parts, strict=True)]
        pieces = [element("title", f"{row.label}: {', '.join(said)}")]
        for text in wrapped(row.label, WIDTH, TEXT, lines=2):
            pieces.append(words(text, 0, y + TEXT))
            y += LINE
        y += 3
        total = sum(a for a in amounts if a is not None)
        pieces.append(_track(y, is_determined=total > 0))
        x = 0.0
        for amount, part in zip(amounts, parts, strict=True):
            wide = WIDTH * (amount or 0) / total if total else 0.0
            if wide:
                fill = f"url(#{key}-{part.colour})" if part.is_hatched else part.colour
                edge = {"faint": "quiet"}.get(part.colour, "paper")
                edge = part.colour if part.is_hatched else edge
                pieces.append(rectangle(x, y, wide, _BAR, fill=fill, edge=edge))
            x += wide
        counts, y = _counts(said, amounts, parts, y + _BAR + 6, key)
        body.append(element("g", *pieces, *counts))
        y += 12
    hatched = tuple(dict.fromkeys(p.colour for p in parts if p.is_hatched))
    return picture(*body, key=key, title=title, describes=describes, height=y, hatched=hatched)


def dots(
    rows: Sequence[DotRow], columns: Sequence[str], *, key: str, title: str, describes: str
) -> str:
    """A disc for each share: its area is the share, its hatched rim the unknown part.

    The thin ring around is 100 %; a dash stands where there is no figure.
    """
    step = min(64.0, 300.0 / max(1, len(columns)))
    label_width = WIDTH - step * len(columns) - 8
    centres = [label_width + 8 + step * (i + 0.5) for i in range(len(columns))]
    body = [
        words(cut(name, step - 2, SMALL), x, 12, anchor="middle", colour="quiet", size=SMALL)
        for name, x in zip(columns, centres, strict=True)
    ]
    y = 20.0
    for row in rows:
        lines = wrapped(row.label, label_width, TEXT, lines=2)
        high = max(23.0, LINE * len(lines) + 5)
        middle = y + high / 2
        first = middle - LINE * (len(lines) - 1) / 2 + TEXT * 0.36
        pieces = [element("title", row.label), line(0, y, WIDTH, y, colour="line", width=0.5)]
        pieces += [words(text, 0, first + LINE * i) for i, text in enumerate(lines)]
        for x, share in zip(centres, row.shares, strict=True):
            pieces += _dot(x, middle, share, key)
        body.append(element("g", *pieces))
        y += high
    return picture(
        *body, key=key, title=title, describes=describes, height=y + 2, hatched=("held",)
    )


def strip(moments: Sequence[Moment], asked: date, *, key: str, title: str, describes: str) -> str:
    """Dates along a line, each with its number; those that would meet are set one above another."""
    ordered = sorted(moments, key=lambda m: (m.on, m.number))
    days = [m.on.toordinal() for m in ordered] + [asked.toordinal()]
    margin = max(60, (max(days) - min(days)) // 12)
    start = max(date.min.toordinal(), min(days) - margin)
    end = min(date.max.toordinal(), max(days) + margin)

    def across(on: date) -> float:
        return _along(on.toordinal(), start, end)

    taken_to: list[float] = []
    placed: list[tuple[Moment, int]] = []
    for moment in ordered:
        x = across(moment.on)
        lane = next((i for i, taken in enumerate(taken_to) if taken <= x), len(taken_to))
        taken_to[lane : lane + 1] = [x + 34]
        placed.append((moment, lane))
    base = 22.0 + 24 * max(1, len(taken_to))
    now = across(asked)
    caption = min(max(now, 36), WIDTH - 36)
    body = [
        line(0, base, WIDTH, base, colour="ink"),
        rectangle(0, base, now, 3, fill="line"),
        line(now, 16, now, base + 6, colour="ink", width=1.5),
        words("date asked", caption, 11, anchor="middle", size=SMALL, is_bold=True),
    ]
    heights = [(m, across(m.on), base - 14 - 24 * lane) for m, lane in placed]
    # All stems first: one must not run through the mark of another.
    body += [line(x, y, x, base, colour="line") for _, x, y in heights]
    for moment, x, y in heights:
        said = f"{moment.number}. {day(moment.on)}: {moment.label}"
        number_beside = words(str(moment.number), x + 9, y + 4, size=NOTE)
        body.append(element("g", element("title", said), mark(moment.kind, x, y), number_beside))
    body += _years(start, end, base)
    return picture(*body, key=key, title=title, describes=describes, height=base + 26)


def _label_before(label: str, value: str) -> list[str]:
    """The label's lines; the value stands at the end of the last and must have its room there."""
    beside = WIDTH - text_width(value, NOTE) - 14
    shown = clean(label)
    if text_width(shown, TEXT) <= beside:
        return [shown]
    first, rest = split(shown, WIDTH, TEXT)
    return [first, cut(rest, beside, TEXT) if rest and beside > TEXT * 2 else ""]


def _bounds(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None, None
    least = min(max(low, 0.0), 1.0)
    return least, min(max(high, least), 1.0)


def _amount(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else max(0.0, value)


def _track(y: float, *, is_determined: bool) -> Drawn:
    dashes: dict[str, str] = {} if is_determined else {"stroke_dasharray": "3 3"}
    return element(
        "rect",
        x=0.5,
        y=y,
        width=WIDTH - 1,
        height=_BAR,
        fill=COLOURS["faint" if is_determined else "paper"],
        stroke=COLOURS["quiet"],
        stroke_width=0.75,
        **dashes,
    )


def _share_bar(low: float, high: float, y: float, key: str) -> Iterator[Drawn]:
    """The two parts; one that is not nought is never too thin to be seen."""
    held = max(1.5, WIDTH * low) if low > 0 else 0.0
    unknown = max(3.0, WIDTH * (high - low)) if high > low else 0.0
    held = min(held, WIDTH - unknown)
    if held:
        yield rectangle(0, y, held, _BAR, fill="held")
    if unknown:
        yield rectangle(held, y, unknown, _BAR, fill=f"url(#{key}-held)", edge="held")


def _percent_axis(y: float) -> Iterator[Drawn]:
    for quarter, anchor in enumerate(("start", "middle", "middle", "middle", "end")):
        text = f"{quarter * 25}\u00a0%"
        yield words(text, WIDTH * quarter / 4, y, anchor=anchor, colour="quiet", size=SMALL)


def _counts(
    said: Sequence[str],
    amounts: Sequence[float | None],
    parts: Sequence[Part],
    y: float,
    key: str,
) -> tuple[list[Drawn], float]:
    """The amounts in words, flowing over as many lines as they need; and where they end."""
    pieces: list[Drawn] = []
    x = 0.0
    for phrase, amount, part in zip(said, amounts, parts, strict=True):
        if amount == 0:
            continue
        wide = 17 + text_width(phrase, NOTE)
        if x and x + wide > WIDTH:
            x, y = 0.0, y + LINE
        if part.mark == "hatched":
            fill = f"url(#{key}-{part.colour})"
            pieces.append(rectangle(x + 1, y + 1, 10, 10, fill=fill, edge=part.colour))
        else:
            pieces.append(mark(part.mark, x + 6, y + 6, 11))
        pieces.append(words(cut(phrase, WIDTH - x - 16, NOTE), x + 16, y + 10.5, size=NOTE))
        x += wide + 10
    if not pieces:
        pieces.append(words("none", 0, y + 10.5, size=NOTE, colour="quiet"))
    return pieces, y + LINE


def _dot(x: float, y: float, share: tuple[float, float] | None, key: str) -> Iterator[Drawn]:
    low, high = _bounds(*share) if share else (None, None)
    if low is None or high is None:
        yield mark("none", x, y, 10)
        return
    whole = 8.5
    paper, edge, ink = COLOURS["paper"], COLOURS["line"], COLOURS["held"]
    yield element("circle", cx=x, cy=y, r=whole, fill=paper, stroke=edge)
    if high > low:
        outer = max(3.0, whole * math.sqrt(high))
        hatched = f"url(#{key}-held)"
        yield element("circle", cx=x, cy=y, r=outer, fill=hatched, stroke=ink, stroke_width=0.75)
    if low > 0:
        # A rim of paper, lest the hatching run into the disc.
        rim = {"stroke": paper} if high > low else {}
        yield element("circle", cx=x, cy=y, r=max(1.5, whole * math.sqrt(low)), fill=ink, **rim)


def _along(ordinal: int, start: int, end: int) -> float:
    """Where a day lies on the line; on the right is room for the number beside the last mark."""
    return 14 + (WIDTH - 52) * (ordinal - start) / (end - start)


def _years(start: int, end: int, base: float) -> Iterator[Drawn]:
    """Ticks at the first of January, as many as there is room for."""
    first, last = date.fromordinal(start).year, date.fromordinal(end).year
    step = max(1, math.ceil((last - first + 1) / 9))
    for year in range(first, last + 1, step):
        ordinal = date(year, 1, 1).toordinal()
        if start <= ordinal <= end:
            x = _along(ordinal, start, end)
            yield line(x, base, x, base + 6, colour="ink")
            yield words(str(year), x, base + 19, anchor="middle", colour="quiet", size=SMALL)
