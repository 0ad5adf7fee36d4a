"""Numbers, dates and names as a careful writer puts them on paper.

A number is never shown more exact than it is, nor less: a share that is not nought is never
written as nought, and what is not stated is said to be so. Names come from other people's files
and may hold anything, so each passes through `clean` before it is shown.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

NOT_STATED = "not stated"
NOT_DETERMINED = "not determined"
NONE = "none"
NO_BREAK_SPACE = "\u00a0"

# Characters that XML 1.0 does not allow, that no screen can show, or that reorder the text around
# them (the bidirectional controls): a name could otherwise change how its neighbours read.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb"
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f]"
)
# Of no width and no harm; exports are full of them, and a mark for each would only puzzle.
_OF_NO_WIDTH = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2060-\u2065\ufeff]")
_MARKS_ON_ONE_LETTER = 4
_REPLACEMENT = "\ufffd"


def clean(text: str) -> str:
    """`text` without what could hide or reorder it; each control taken out leaves a visible mark.

    Letters of every script stay. More than four marks on one letter, which would run over the
    lines above and below, are cut.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = _UNSHOWABLE.sub(_REPLACEMENT, _OF_NO_WIDTH.sub("", text))
    kept: list[str] = []
    marks = 0
    for character in shown:
        beyond_unicode = ord(character) & 0xFFFE == 0xFFFE
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if marks <= _MARKS_ON_ONE_LETTER:
            kept.append(_REPLACEMENT if beyond_unicode else character)
    return "".join(kept)


def shortened(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, an ellipsis in place of the rest."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rstrip() + "…"


def number(value: float | None) -> str:
    """An amount with thousands separators: whole from 100 up, one decimal below where needed."""
    if value is None or not math.isfinite(value):
        return NOT_STATED
    if isinstance(value, int) or abs(value) >= 100 or float(value).is_integer():
        return f"{_rounded(value, '1'):,}"
    text = f"{_rounded(value, '0.1'):,}"
    if Decimal(text) == 0:
        return "under 0.1" if value > 0 else "0"
    return text.removesuffix(".0")


def percent(share: float | None) -> str:
    """A share as a percentage with one decimal; `0 %` and `100 %` are said only of exactly those."""
    if share is None or not math.isfinite(share):
        return NOT_DETERMINED
    return _percent_figure(share) + NO_BREAK_SPACE + "%"


def share_range(low: float | None, high: float | None) -> str:
    """A share and its unknown part: `31.2 to 33.3 %`, or `31.2 %` where nothing is unknown."""
    figures = _range_figures(low, high)
    if figures is None:
        return NOT_DETERMINED
    return " to ".join(figures) + NO_BREAK_SPACE + "%"


def between(low: float | None, high: float | None) -> str:
    """A share and its unknown part within a sentence: `between 31.2 % and 33.3 %`."""
    figures = _range_figures(low, high)
    if figures is None:
        return NOT_DETERMINED
    words = [figure + NO_BREAK_SPACE + "%" for figure in figures]
    return words[0] if len(words) == 1 else f"between {words[0]} and {words[1]}"


def day(on: date) -> str:
    """A date as a letter has it: `1 January 2027`."""
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}".replace(" ", NO_BREAK_SPACE)


def counted(amount: float | None, one: str, many: str | None = None) -> str:
    """`1 site`, `2 sites`; `many` where an `s` does not make the plural."""
    plural = many if many is not None else f"{one}s"
    return f"{number(amount)}{NO_BREAK_SPACE}{one if amount == 1 else plural}"


def verb(amount: float, one: str, many: str) -> str:
    """The form of a verb that goes with `amount` of something."""
    return one if amount == 1 else many


def listed(items: Iterable[str], *, last: str = "and", most: int | None = None) -> str:
    """`a, b and c`; beyond `most` the rest is counted: `a, b and 4 more`."""
    words = list(items)
    if most is not None and len(words) > most:
        words = [*words[:most], f"{number(len(words) - most)} more"]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def sentence(text: str) -> str:
    """`text` with its first letter large and one full stop at its end."""
    whole = text.strip()
    if not whole:
        return ""
    return whole[0].upper() + whole[1:] + ("" if whole[-1] in ".!?…" else ".")


def alike(values: Sequence[str | None]) -> list[str]:
    """The distinct stated values, in the order in which they first stand."""
    return list(dict.fromkeys(v for v in values if v))


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _rounded(value: float, step: str) -> Decimal:
    rounded = Decimal(value).quantize(Decimal(step), ROUND_HALF_UP)
    return abs(rounded) if rounded == 0 else rounded


def _percent_figure(share: float) -> str:
    if share <= 0:
        return "0"
    if share >= 1:
        return "100"
    rounded = (Decimal(repr(share)) * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if rounded == 0:
        return "under 0.1"
    if rounded == 100:
        return "over 99.9"
    return str(rounded)


def _range_figures(low: float | None, high: float | None) -> list[str] | None:
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return list(dict.fromkeys((_percent_figure(low), _percent_figure(high))))
