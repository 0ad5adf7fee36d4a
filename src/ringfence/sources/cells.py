"""What a cell of a table file says: text to a value of a column, or the reason why not.

Whole columns are judged at once. Nothing is guessed: a date that could be read two ways, a number
with a separator nobody declared and a word outside a column's list are faults, each with its cure.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, IntEnum
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.store.tables import Column, Type

NOT_STATED = (
    "",
    "-",
    "n/a",
    "#n/a",
    "null",
    "unknown",
    "tbc",
    "tbd",
    "k.a.",
)
"""A cell that says one of these, in any case, states nothing and becomes null.

"NA" is not among them, for it is the country code of Namibia; nor is "none", which says of an
authentication that there is none.
"""

_Value = TypeVar("_Value")

YES = ("yes", "true", "1", "y")
NO = ("no", "false", "0", "n")

CURE = "the mapping can say it (ringfence sources guess FILE)"


class Kind(IntEnum):
    """How a file typed a cell, where it types its cells; a CSV file has only text."""

    TEXT = 0
    NUMBER = 1
    DATE = 2
    BOOLEAN = 3
    ERROR = 4
    """The cell holds no value at all; its text says why."""
    LONG_NUMBER = 5
    """More digits than a spreadsheet keeps: as a key, it may not be what was typed."""


class Order(Enum):
    """What the dates of a column, written in figures, say of day and month."""

    UNDECIDED = "either"
    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"
    MIXED = "both"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file writes dates and numbers; the default is ISO dates and plain decimal points."""

    date_format: str | None = None
    order: Order = Order.UNDECIDED
    decimal_comma: bool = False
    thousands_separator: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a column is at fault (true in `mask`), and why."""

    mask: pa.Array
    why: str


FIGURES = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
LIKE_FIGURES = r"^\d{1,2}[./-]\d{1,2}[./-]\d{4}$"
"""The same for a whole column at once, whose engine knows no back reference."""

_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_ISO = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"
    r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_NAMED = re.compile(r"(\d{1,2})[ -]([A-Za-z]{3})[A-Za-z]*\.?[ -](\d{4})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# The longest whole number a spreadsheet keeps exactly: IEEE 754 doubles, shown with 15 digits.
_PLAIN_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_WHOLE_NUMBER = r"^[+-]?\d+$"
# A spreadsheet that opens our output would run these. A sign before a number or a telephone
# number is innocent, as long as nothing in it calls a function or another program.
_FORMULA = re.compile(r"[=@]|[+-](?![\s(]*[\d.,])|[+-].*(?:[|!=]|[A-Za-z]\()", re.DOTALL)
_MARKED_TEXT = re.compile(r"'+[=@+-]")
_SPREADSHEET_ERROR = re.compile(r"#(?:REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!)")


def stated(text: pa.Array, kinds: pa.Array | None = None) -> pa.Array:
    """Trim the cells; those that state nothing become null."""
    trimmed = pc.utf8_trim_whitespace(text)
    short = pc.less_equal(pc.binary_length(trimmed), max(map(len, NOT_STATED)))
    words = pa.array(NOT_STATED, pa.string())
    silent = pc.is_in(pc.utf8_lower(pc.if_else(short, trimmed, "x")), value_set=words)
    if kinds is not None:
        silent = pc.and_(silent, pc.is_in(kinds, value_set=_kinds(Kind.TEXT, Kind.ERROR)))
    return pc.if_else(silent, pa.scalar(None, pa.string()), trimmed)


def date_order(texts: Iterable[str | None]) -> Order:
    """What dates in figures (03/04/2022) say of their order: one day above 12 decides it."""
    day_first = month_first = False
    for text in texts:
        found = FIGURES.fullmatch(text.strip()) if text else None
        if found:
            first, second = int(found[1]), int(found[3])
            day_first |= 12 < first <= 31 and second <= 12
            month_first |= 12 < second <= 31 and first <= 12
    return {
        (False, False): Order.UNDECIDED,
        (True, False): Order.DAY_FIRST,
        (False, True): Order.MONTH_FIRST,
        (True, True): Order.MIXED,
    }[day_first, month_first]


def convert(
    column: Column,
    text: pa.Array,
    kinds: pa.Array | None,
    reading: Reading,
    words: Mapping[str, str],
) -> tuple[pa.Array, list[Fault]]:
    """Turn `stated` cells to values of `column`.

    `words` are the file's own words for ours, and go first; "" of ours is "not stated". Returns the values, null where a cell
    states nothing or is at fault, and the faults. Whether a value must be stated is not judged
    here: only the table's block knows.
    """
    faults: list[Fault] = []
    if words:
        ours = pa.array(list(words.values()), pa.string())
        theirs = pa.array([w.lower() for w in words], pa.string())
        place = pc.index_in(pc.utf8_lower(text), value_set=theirs)
        known = pc.is_valid(place)
        text = pc.if_else(known, ours.take(place), text)
        text = _without(text, pc.fill_null(pc.equal(text, ""), False))
        if kinds is not None:
            kinds = pc.if_else(known, pa.scalar(int(Kind.TEXT), pa.uint8()), kinds)
    if kinds is not None:
        text = _typed_faults(column, text, kinds, faults)
    match column.type:
        case Type.TEXT:
            values = _text(column, text, faults)
        case Type.BOOLEAN:
            values = _by_value(text, pa.bool_(), _boolean, faults)
        case Type.DATE:
            values = _dates(text, kinds, reading, faults)
        case Type.DECIMAL | Type.INTEGER:
            values = _numbers(column, text, kinds, reading, faults)
    return values, [f for f in faults if pc.any(f.mask).as_py()]


def escaped(text: str) -> str:
    """Mark a text that a spreadsheet would take for a formula; `stated` cells read it back."""
    return f"'{text}" if re.match(r"'*[=@+-]", text) else text


def _kinds(*kinds: Kind) -> pa.Array:
    return pa.array([int(k) for k in kinds], pa.uint8())


def _is_kind(kinds: pa.Array, text: pa.Array, *wanted: Kind) -> pa.Array:
    return pc.and_(pc.is_in(kinds, value_set=_kinds(*wanted)), pc.is_valid(text))


def _without(text: pa.Array, mask: pa.Array) -> pa.Array:
    return pc.if_else(mask, pa.scalar(None, text.type), text)


def _typed_faults(column: Column, text: pa.Array, kinds: pa.Array, faults: list[Fault]) -> pa.Array:
    """Take out the cells whose type in the file already rules them out for the column."""
    broken = _is_kind(kinds, text, Kind.ERROR)
    faults.append(Fault(broken, "is no value but an error or a formula without a result"))
    text = _without(text, broken)
    if column.type is Type.TEXT:
        a_date = _is_kind(kinds, text, Kind.DATE)
        why = "is a date, where text is meant: format the column as text and type it again"
        faults.append(Fault(a_date, why))
        long = _is_kind(kinds, text, Kind.LONG_NUMBER)
        why = "is a number of more than 15 digits, which a spreadsheet does not keep: use text"
        faults.append(Fault(long, why))
        return _without(_without(text, a_date), long)
    if column.type is Type.DATE:
        # 20220304 typed as a number is a date to a person; 44624 is one only to the spreadsheet.
        dated = pc.fill_null(pc.match_substring_regex(text, r"^\d{8}$"), False)
        number = pc.and_(
            _is_kind(kinds, text, Kind.NUMBER, Kind.LONG_NUMBER, Kind.BOOLEAN), pc.invert(dated)
        )
        faults.append(Fault(number, "is a number, not a date: format the column as a date"))
        return _without(text, number)
    return text


def _text(column: Column, text: pa.Array, faults: list[Fault]) -> pa.Array:
    nul = pc.fill_null(pc.match_substring(text, "\0"), False)
    if pc.any(nul).as_py():
        faults.append(Fault(nul, "holds a NUL character: the file is damaged or is not text"))
        text = _without(text, nul)
    if column.name == "id" or column.refers_to:
        # Not what anyone typed: a spreadsheet showed a long number so and saved what it showed.
        shortened = pc.fill_null(pc.match_substring_regex(text, r"^\d([.,]\d+)?E\+\d+$"), False)
        why = "is a number that a spreadsheet has shortened: export the column as text"
        faults.append(Fault(shortened, why))
        text = _without(text, shortened)
    odd = pc.fill_null(pc.match_substring_regex(text, r"^['=@+#-]"), False)
    if pc.any(odd).as_py():
        text = _marked(text, odd, faults)
    if column.one_of:
        allowed = {_same_word(word): word for word in column.one_of}

        def listed(value: str) -> str:
            try:
                return allowed[_same_word(value)]
            except KeyError:
                choices = ", ".join(column.one_of)
                raise ValueError(f"is not one of: {choices}; {CURE}") from None

        return _by_value(text, pa.string(), listed, faults)
    return text


def _marked(text: pa.Array, odd: pa.Array, faults: list[Fault]) -> pa.Array:
    """Judge the cells that begin as a formula or an error would."""

    def judge(value: str) -> str:
        if _MARKED_TEXT.match(value):
            return value[1:]
        if _FORMULA.match(value):
            raise ValueError("is a formula, not a value")
        if _SPREADSHEET_ERROR.fullmatch(value):
            raise ValueError("is an error of the spreadsheet, not a value")
        return value

    judged = _by_value(_without(text, pc.invert(odd)), pa.string(), judge, faults)
    return pc.if_else(odd, judged, text)


def _same_word(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()


def _by_value(
    text: pa.Array, type_: pa.DataType, judge: Callable[[str], _Value], faults: list[Fault]
) -> pa.Array:
    """Judge each distinct cell once; `judge` raises `ValueError` with the reason of a fault."""
    coded = text.dictionary_encode()
    values: list[_Value | None] = []
    wrong: dict[str, list[int]] = {}
    for code, value in enumerate(coded.dictionary.to_pylist()):
        try:
            values.append(judge(value))
        except ValueError as error:
            values.append(None)
            wrong.setdefault(str(error), []).append(code)
    for why, codes in wrong.items():
        faults.append(Fault(pc.is_in(coded.indices, value_set=pa.array(codes, pa.int32())), why))
    return pa.array(values, type_).take(coded.indices)


def _boolean(value: str) -> bool:
    word = value.casefold()
    if word in YES:
        return True
    if word in NO:
        return False
    raise ValueError(f"is neither yes nor no; {CURE}")


def _dates(
    text: pa.Array, kinds: pa.Array | None, reading: Reading, faults: list[Fault]
) -> pa.Array:
    def written(value: str) -> date:
        if not reading.date_format:
            return read_date(value, reading.order)
        try:
            return datetime.strptime(value, reading.date_format).date()  # noqa: DTZ007 (a day has no zone)
        except ValueError:
            if not FIGURES.fullmatch(value):
                return read_date(value)
            raise ValueError(f"is no date as date_format says: {reading.date_format}") from None

    if kinds is None:
        return _by_value(text, pa.date32(), written, faults)
    typed = _is_kind(kinds, text, Kind.DATE)
    values = _by_value(_without(text, typed), pa.date32(), written, faults)
    exact = _by_value(_without(text, pc.invert(typed)), pa.date32(), read_date, faults)
    return pc.coalesce(exact, values)


def read_date(text: str, order: Order = Order.UNDECIDED) -> date:
    """Read a date that can be read one way only; `ValueError` says why another cannot.

    Those are: ISO 8601 (also 20220304 and 2022/03/04, and with a time, which is left out), a day
    with the English name of its month and four figures of the year, figures one of which is above
    12, and other figures in a column whose `order` is known. The day is taken as written, in whatever zone that was.
    """
    if found := _ISO.fullmatch(text):
        return _day(found[1], found[3], found[4])
    if found := _COMPACT.fullmatch(text):
        return _day(found[1], found[2], found[3])
    if (found := _NAMED.fullmatch(text)) and found[2].casefold() in _MONTHS:
        return _day(found[3], str(_MONTHS.index(found[2].casefold()) + 1), found[1])
    if found := FIGURES.fullmatch(text):
        first, second = int(found[1]), int(found[3])
        if first > 12 or (order is Order.DAY_FIRST and second <= 12):
            return _day(found[4], found[3], found[1])
        if second > 12 or order is Order.MONTH_FIRST:
            return _day(found[4], found[1], found[3])
        why = (
            "is one of a column's dates that put now the day, now the month first"
            if order is Order.MIXED
            else "could have the day or the month first"
        )
        raise ValueError(f'{why}: state date_format in the mapping, such as "%d/%m/%Y"')
    raise ValueError("is no date as 2022-03-31; if it is one, state date_format in the mapping")


def _day(year: str, month: str, day: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise ValueError("is no day of the calendar") from None


def _numbers(
    column: Column,
    text: pa.Array,
    kinds: pa.Array | None,
    reading: Reading,
    faults: list[Fault],
) -> pa.Array:
    plain = text
    if reading.decimal_comma or reading.thousands_separator:
        plain = _local_numbers(text, reading)
        if kinds is not None:
            # The file's own numbers are not written in anybody's way.
            plain = pc.if_else(_is_kind(kinds, text, Kind.NUMBER, Kind.LONG_NUMBER), text, plain)
    whole = column.type is Type.INTEGER
    fit = pc.fill_null(
        pc.match_substring_regex(plain, _WHOLE_NUMBER if whole else _PLAIN_NUMBER), False
    )
    bare = pc.replace_substring_regex(_without(plain, pc.invert(fit)), r"^\+", "")
    try:
        values = bare.cast(pa.int64() if whole else pa.float64())
    except pa.ArrowInvalid:
        values = pa.array([_small(v) for v in bare.to_pylist()], pa.int64())
    if not whole:
        values = _without(values, pc.fill_null(pc.invert(pc.is_finite(values)), False))
    what = "a whole number" if whole else "a number"
    if reading.decimal_comma:
        what += " with a decimal comma"
    why = f"is not {what}; decimal_comma and thousands_separator in the mapping say how it is put"
    faults.append(Fault(pc.and_(pc.is_valid(text), pc.is_null(values)), why))
    for bound, outside, where in (
        (column.minimum, pc.less, "below"),
        (column.maximum, pc.greater, "above"),
    ):
        if bound is not None:
            out = pc.fill_null(outside(values, bound), False)
            faults.append(Fault(out, f"is {where} {bound:g}"))
    return values


def _local_numbers(text: pa.Array, reading: Reading) -> pa.Array:
    """Numbers as the file puts them, made plain; null where one is not put so."""
    point = "," if reading.decimal_comma else r"\."
    ungrouped = rf"^[+-]?\d+({point}\d+)?$"
    fit = pc.match_substring_regex(text, ungrouped)
    plain = text
    if separator := reading.thousands_separator:
        # Between figures, a space may be a no-break or a narrow one.
        between = "[ \u00a0\u202f]" if separator == " " else re.escape(separator)
        grouped = rf"^[+-]?\d{{1,3}}({between}\d{{3}})+({point}\d+)?$"
        is_grouped = pc.match_substring_regex(text, grouped)
        plain = pc.if_else(is_grouped, pc.replace_substring_regex(text, between, ""), text)
        fit = pc.or_(fit, is_grouped)
    plain = _without(plain, pc.invert(pc.fill_null(fit, False)))
    return pc.replace_substring(plain, ",", ".") if reading.decimal_comma else plain


def _small(text: str | None) -> int | None:
    """A whole number that fits 64 bits."""
    value = int(text) if text is not None and len(text) < 20 else None
    return value if value is not None and -(2**63) <= value < 2**63 else None
