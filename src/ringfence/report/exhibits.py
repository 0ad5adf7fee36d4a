"""Figures and the tables behind them: each picture on the page has its twin in the annex."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ringfence.report.words import number

ROWS_SHOWN = 400
"""A table on the page is no longer than this: beyond it a reader wants the file, not the paper."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A table in the annex, named `A1`, `A2` and so on."""

    name: str
    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: range
    note: str

    @property
    def anchor(self) -> str:
        """Where a link finds it."""
        return f"table-{self.name.lower()}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with what stands over and under it, and its table."""

    title: str
    note: str
    svg: str
    twin: Twin


@dataclass(slots=True)
class Annex:
    """The tables behind the pictures, numbered as they come."""

    tables: list[Twin] = field(default_factory=list)

    def add(
        self,
        caption: str,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        figures: range,
        note: str = "",
    ) -> Twin:
        """Put a table in; the columns `figures` are set as figures.

        A table longer than `ROWS_SHOWN` is cut, and says so.
        """
        if len(rows) > ROWS_SHOWN:
            left = f"The first {number(ROWS_SHOWN)} of {number(len(rows))} rows."
            note = f"{note} {left}".strip()
        twin = Twin(
            name=f"A{len(self.tables) + 1}",
            caption=caption,
            headings=tuple(headings),
            rows=tuple(tuple(row) for row in rows[:ROWS_SHOWN]),
            figures=figures,
            note=note,
        )
        self.tables.append(twin)
        return twin
