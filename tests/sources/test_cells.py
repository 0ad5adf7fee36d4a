"""What a single cell says: dates that can be read one way, and those that cannot."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sources.cells import Order, date_order, read_date


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2022-03-04", date(2022, 3, 4)),
        ("2022-03-04T23:59:59.5Z", date(2022, 3, 4)),
        ("2022-03-04 10:15", date(2022, 3, 4)),
        ("2022/3/4", date(2022, 3, 4)),
        ("20220304", date(2022, 3, 4)),
        ("4-Mar-2022", date(2022, 3, 4)),
        ("04 March 2022", date(2022, 3, 4)),
        ("9999-12-31", date(9999, 12, 31)),
    ],
)
def test_dates_that_read_one_way_only(text: str, day: date) -> None:
    assert read_date(text) == day


@pytest.mark.parametrize(
    "text",
    [
        "03/04/2022",
        "3.4.22",
        "2022-02-30",
        "2022-13-01",
        "44624",
        "soon",
        "4-Mrz-2022",
        "0000-01-01",
    ],
)
def test_dates_that_do_not(text: str) -> None:
    with pytest.raises(ValueError):
        read_date(text)


@given(st.lists(st.dates(date(1990, 1, 1), date(2060, 1, 1)), max_size=8), st.sampled_from("./-"))
def test_the_order_of_dates_is_never_taken_for_the_other(days: list[date], separator: str) -> None:
    written = [d.strftime(f"%d{separator}%m{separator}%Y") for d in days]
    order = date_order(written)
    assert order is (Order.DAY_FIRST if any(d.day > 12 for d in days) else Order.UNDECIDED)
    if order is Order.DAY_FIRST:
        assert [read_date(w, order) for w in written] == days
