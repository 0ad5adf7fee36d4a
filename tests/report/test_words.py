"""Numbers, dates and names on paper."""

from datetime import date
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.report import words

SPACE = words.NO_BREAK_SPACE


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (11840, "11,840"),
        (1234567.5, "1,234,568"),
        (99.96, "100"),
        (2.25, "2.3"),
        (3.0, "3"),
        (0.04, "under 0.1"),
        (-0.04, "0"),
        (None, "not stated"),
        (float("nan"), "not stated"),
        (float("inf"), "not stated"),
    ],
)
def test_numbers_have_separators_and_no_false_exactness(value: float | None, shown: str) -> None:
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.0, "0"),
        (0.0001, "under 0.1"),
        (0.0005, "0.1"),
        (0.312, "31.2"),
        (0.3125, "31.3"),
        (0.9995, "over 99.9"),
        (0.99999, "over 99.9"),
        (1.0, "100"),
    ],
)
def test_nought_and_all_are_said_only_of_exactly_those(share: float, shown: str) -> None:
    assert words.percent(share) == f"{shown}{SPACE}%"


@given(st.floats(min_value=0, max_value=1))
def test_a_percentage_is_within_half_a_tenth_of_its_share(share: float) -> None:
    shown = words.percent(share).removesuffix(f"{SPACE}%")
    if shown == "under 0.1":
        assert 0 < share < 0.001
    elif shown == "over 99.9":
        assert 0.999 < share < 1
    else:
        assert abs(float(shown) / 100 - share) <= 0.000501


def test_a_share_has_two_ends_and_one_where_nothing_is_unknown() -> None:
    assert words.share_range(0.312, 0.333) == f"31.2 to 33.3{SPACE}%"
    assert words.share_range(0.312, 0.312) == f"31.2{SPACE}%"
    assert words.between(0.312, 0.333) == f"between 31.2{SPACE}% and 33.3{SPACE}%"
    assert words.share_range(None, 0.3) == "not determined"
    assert words.between(0.1, float("nan")) == "not determined"


def test_dates_plurals_and_lists_read_as_sentences_do() -> None:
    assert words.day(date(2027, 1, 1)) == f"1{SPACE}January{SPACE}2027"
    assert words.counted(1, "site") == f"1{SPACE}site"
    assert words.counted(2, "person", "people") == f"2{SPACE}people"
    assert words.listed([]) == ""
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a", "b", "c", "d"], most=2) == "a, b and 2 more"
    assert words.sentence("it holds") == "It holds."
    assert words.sentence("does it?") == "Does it?"
    assert words.sentence(" ") == ""


def test_controls_that_reorder_text_leave_a_mark_and_letters_of_every_script_stay() -> None:
    assert words.clean("safe\u202egnp.exe") == "safe\ufffdgnp.exe"
    assert words.clean("a\x00b\x1bc") == "a\ufffdb\ufffdc"
    for name in ("شركة الاتصالات", "华为技术", "Österreich", "ประเทศไทย", "нет", "नमस्ते"):
        assert words.clean(name) == name
    assert words.clean("Nord\u200btel\ufeff") == "Nordtel"


def test_marks_piled_on_a_letter_are_cut() -> None:
    assert words.clean("Z" + "\u0351" * 60 + "a") == "Z" + "\u0351" * 4 + "a"


@given(st.text())
def test_any_text_becomes_text_that_xml_allows_and_stays_so(text: str) -> None:
    shown = words.clean(text)
    shown.encode()
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;")
    ET.fromstring(f"<a>{escaped}</a>")  # noqa: S314  # our own output
    assert words.clean(shown) == shown


@given(st.text(max_size=80), st.integers(min_value=2, max_value=40))
def test_a_shortened_text_keeps_within_its_limit_and_says_that_it_was_cut(
    text: str, limit: int
) -> None:
    short = words.shortened(text, limit)
    assert len(short) <= limit
    assert short == text or short.endswith("…")
