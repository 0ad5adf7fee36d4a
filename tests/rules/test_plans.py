"""A plan is read as it was written, and the network it leaves is the one without what it removes."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import InputError, NotFoundError, UsageError
from ringfence.rules.plans import read_plan, under_plan
from ringfence.rules.timeline import TimelineParameters, timeline

ELEMENT = pa.table({"id": ["a:e1", "a:e2", "b:e2", "plain", "a:plain", "c:x:y"]})


def written(tmp_path: Path, text: str | bytes, name: str = "plan.csv") -> Path:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def workbook(tmp_path: Path, rows: list[list[object]]) -> Path:
    file = tmp_path / "plan.xlsx"
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for number, row in enumerate(rows):
            for at, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(number, at, value, day)
                else:
                    sheet.write(number, at, value)
    return file


def test_an_element_is_named_by_its_key_or_without_the_prefix_where_that_is_one(
    tmp_path: Path,
) -> None:
    plan = written(
        tmp_path,
        "element,removed_on\n"
        "e1,2027-01-31\n"  # only a:e1
        "b:e2,2027-06-30\n"
        "plain,2028-02-29\n"  # the key itself goes before a:plain without its prefix
        "x:y,2027-01-01\n",
    )
    assert read_plan(plan, ELEMENT) == {
        "a:e1": date(2027, 1, 31),
        "b:e2": date(2027, 6, 30),
        "plain": date(2028, 2, 29),
        "c:x:y": date(2027, 1, 1),
    }


@pytest.mark.parametrize(
    "text",
    [
        "element,removed_on\na:e1,2027-01-31\n",
        # As a spreadsheet writes it: a mark at the start, other line ends, quotes, a column more,
        # another order, spaces, an empty row between and one after.
        "﻿element,removed_on\r\na:e1,2027-01-31\r\n",
        '"element","removed_on"\n"a:e1","2027-01-31"\n',
        "why,removed_on,element\nold,2027-01-31,a:e1\n",
        " element , removed_on \n a:e1 , 2027-01-31 \n,\n\n",
        "element,removed_on,why\na:e1,2027-01-31\n",
    ],
)
def test_a_plan_may_look_as_spreadsheets_write_it(tmp_path: Path, text: str) -> None:
    assert read_plan(written(tmp_path, text), ELEMENT) == {"a:e1": date(2027, 1, 31)}


def test_a_workbook_s_days_may_be_days_or_texts(tmp_path: Path) -> None:
    file = workbook(
        tmp_path,
        [
            ["element", "removed_on"],
            ["a:e1", date(2027, 1, 31)],
            ["a:e2", datetime(2027, 6, 30, 12, 0)],  # noqa: DTZ001  # a cell has no zone
            ["", ""],
            ["plain", "2028-02-29"],
        ],
    )
    assert read_plan(file, ELEMENT) == {
        "a:e1": date(2027, 1, 31),
        "a:e2": date(2027, 6, 30),
        "plain": date(2028, 2, 29),
    }


@pytest.mark.parametrize(
    ("rows", "says", "line"),
    [
        ("nothing,2027-01-01", "no element 'nothing', or more than one", 2),
        # Both a:e2 and b:e2 are called so.
        ("e2,2027-01-01", "no element 'e2', or more than one", 2),
        # A day without an element is no plan for the one element that has no prefix.
        (",2027-01-01", "no element '', or more than one", 2),
        ("a:e1,2027-01-01\na:e1,2027-01-01", "'a:e1' is there twice", 3),
        # Twice, by two of its names.
        ("a:e1,2027-01-01\n\ne1,2028-01-01", "'e1' is there twice", 4),
        ("a:e1,", "'' is not a date", 2),
        ("a:e1", "'' is not a date", 2),
        ("a:e1,31.1.2027", "'31.1.2027' is not a date", 2),
        ("a:e1,2027-02-29", "'2027-02-29' is not a date", 2),
        ("a:e1,2027", "'2027' is not a date", 2),
    ],
)
def test_a_row_that_is_none_is_told_with_its_line(
    tmp_path: Path, rows: str, says: str, line: int
) -> None:
    plan = written(tmp_path, f"element,removed_on\n{rows}\n")
    with pytest.raises(InputError) as caught:
        read_plan(plan, ELEMENT)
    assert caught.value.message == says
    assert caught.value.where == f"{plan}:{line}"


@pytest.mark.parametrize(
    ("name", "text", "error", "says"),
    [
        ("plan.csv", "", InputError, "has no columns"),
        ("plan.csv", "element\na:e1\n", InputError, "has no columns"),
        ("plan.csv", "element;removed_on\na:e1;2027-01-01\n", InputError, "has no columns"),
        ("plan.csv", b"element,removed_on\n\xff,2027-01-01\n", InputError, "cannot be read"),
        ("plan.csv", "element,removed_on\n" + "x" * 200_000, InputError, "cannot be read"),
        ("plan.xlsx", b"no workbook", InputError, "cannot be read"),
        ("plan.xlsx", b"", InputError, "cannot be read"),
        ("plan.xlsx", b"PK\x03\x04" + b"\0" * 100, InputError, "cannot be read"),
        ("plan.txt", "element,removed_on\n", UsageError, "a plan is a .csv or .xlsx file"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(
    tmp_path: Path, name: str, text: str | bytes, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        read_plan(written(tmp_path, text, name), ELEMENT)


def test_a_plan_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    for missing in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(NotFoundError, match="no such plan"):
            read_plan(missing, ELEMENT)


def test_what_is_stated_to_go_earlier_goes_earlier(build: Callable[..., Any]) -> None:
    tables = build(
        element=[
            {"id": "e1"},
            {"id": "e2", "removed_on": date(2026, 1, 1)},
            {"id": "e3", "removed_on": date(2029, 1, 1)},
            {"id": "e4", "removed_on": date(2029, 1, 1)},
            {"id": "e5"},
        ]
    )
    removals = {key: date(2027, 1, 1) for key in ("e1", "e2", "e3")}
    found = under_plan(tables, removals)["element"]
    assert dict(zip(found["id"].to_pylist(), found["removed_on"].to_pylist(), strict=True)) == {
        "e1": date(2027, 1, 1),
        "e2": date(2026, 1, 1),
        "e3": date(2027, 1, 1),
        "e4": date(2029, 1, 1),
        "e5": None,
    }
    assert found.schema == tables["element"].schema
    # What was handed in is as it was.
    assert tables["element"]["removed_on"].to_pylist()[0] is None


days = st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1))


@given(pairs=st.lists(st.tuples(days, days), max_size=8))
def test_no_plan_keeps_anything_longer_and_doing_it_twice_is_once(
    build: Callable[..., Any], pairs: list[tuple[date | None, date | None]]
) -> None:
    tables = build(
        element=[{"id": f"e{n}", "removed_on": stated} for n, (stated, _) in enumerate(pairs)]
    )
    removals = {f"e{n}": day for n, (_, day) in enumerate(pairs) if day}
    once = under_plan(tables, removals)
    got = once["element"]["removed_on"].to_pylist()
    for (stated, planned), day in zip(pairs, got, strict=True):
        # Said in the other way: gone on a day just where either has it gone.
        for on in (date(2019, 1, 1), date(2025, 1, 1), date(2031, 1, 1)):
            gone = any(d is not None and d <= on for d in (stated, planned))
            assert (day is not None and day <= on) == gone
    assert under_plan(once, removals)["element"].equals(once["element"])


PHASES = """
[[phase]]
from = 2020-01-01
effect = "announced"
status = "binding, date in future"

[[phase]]
after = 2027-12-31
effect = "binding"
status = "legally binding now"
"""


def test_a_plan_shows_in_the_timeline_as_what_is_gone_by_the_deadline(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    tables = build(
        vendor=[
            {"id": "m", "name": "Meridian", "is_independent": True},
            {"id": "o", "name": "Other", "is_independent": True},
        ],
        designation=[{"vendor": "m", "instrument": "xx-test"}],
        element=[
            {"id": "e1", "vendor": "m"},
            {"id": "e2", "vendor": "m"},
            {"id": "e3", "vendor": "m"},
            {"id": "e4", "vendor": "o"},
            {"id": "e5"},
        ],
    )

    def counts(of: Any) -> tuple[int, int, int]:
        ask = TimelineParameters(date(2026, 11, 24))
        row = timeline(lambda _: of, pack(phases=PHASES), ask).to_pylist()[-1]
        assert (row["begins_on"], row["days_ahead"]) == (date(2028, 1, 1), 402)
        return row["breach"], row["unknown"], row["comply"]

    assert counts(tables) == (3, 1, 1)
    # On 1 January 2028 e1 is gone since half a year and e2 since that morning; e3 goes a day late.
    plan = {"e1": date(2027, 6, 30), "e2": date(2028, 1, 1), "e3": date(2028, 1, 2)}
    assert counts(under_plan(tables, plan)) == (1, 1, 1)
    assert counts(
        under_plan(tables, {**plan, "e3": date(2027, 12, 31), "e5": date(2027, 1, 1)})
    ) == (
        0,
        0,
        1,
    )
