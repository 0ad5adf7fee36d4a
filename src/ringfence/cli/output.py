"""What a person or a program sees: tables, JSON, files, notes, progress and errors."""

import json
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringfence.errors import RingfenceError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from ringfence.workspace import Network, Progress

SHEET_ROWS = 1_048_576
"""The most rows a sheet of a workbook holds, the heading included."""

FAIL_ON = ("breach", "unknown", "never")


@dataclass(frozen=True, slots=True)
class Output:
    """Where a verb's result goes and in what form."""

    as_json: bool = False
    as_jsonl: bool = False
    out: Path | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.as_json and self.as_jsonl:
            raise UsageError("give --json or --jsonl, not both")

    @property
    def is_for_people(self) -> bool:
        """Whether the result is shown as text on the terminal."""
        return not (self.as_json or self.as_jsonl)

    def document(
        self,
        schema: str,
        network: "Network | None",
        summary: Mapping[str, object],
        rows: "pa.Table",
        more: "Mapping[str, pa.Table] | None" = None,
    ) -> None:
        """Write the result for a program: one JSON document, or its rows as lines.

        With `--out`, the rows go to that file as well. `more` are further tables of the document.
        A `label` in the summary also stands in each row where rows are written without it.
        """
        if self.out:
            write_table(_marked(rows, summary), self.out)
            self.note(f"wrote {rows.num_rows:,} rows to {self.out}")
        if self.as_jsonl:
            for row in rows_of(_marked(rows, summary)):
                print(_json(row))  # noqa: T201
        elif self.as_json:
            head = {
                "schema": f"ringfence/{schema}/1",
                "snapshot": network.snapshot.id if network else None,
                "as_of": network.as_of.isoformat() if network else None,
                "summary": dict(summary),
            }
            tables = {name: rows_of(table) for name, table in (more or {}).items()}
            print(_json({**head, **tables, "findings": rows_of(rows)}))  # noqa: T201

    def table(
        self,
        title: str,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        right: Sequence[int] = (),
        note: str | None = None,
    ) -> None:
        """Show rows as a table, for people only; `right` names the columns of figures."""
        if not self.is_for_people:
            return
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        shown = Table(
            box=None,
            pad_edge=False,
            header_style="dim",
        )
        for number, heading in enumerate(headings):
            shown.add_column(
                heading, justify="right" if number in right else "left", overflow="fold"
            )
        for row in rows:
            # Cells come from other people's files: shown as they are, never as markup.
            shown.add_row(*[Text(printable(cell)) for cell in row])
        # A title or note of the table's own would be folded to the table's width.
        if title:
            console().print(Text(printable(title), style="bold"))
        console().print(shown)
        if note:
            console().print(Text(printable(note), style="dim"))
        console().print()

    def say(self, text: str = "", *, folded: bool = True) -> None:
        """Show a line of the result, for people only; an address is of no use `folded`."""
        if self.is_for_people:
            console().print(printable(text), markup=False, highlight=False, soft_wrap=not folded)

    def note(self, text: str) -> None:
        """Tell a person something beside the result."""
        if not self.quiet:
            console(stderr=True).print(printable(text), markup=False, highlight=False)

    @contextmanager
    def progress(self) -> "Iterator[Progress]":
        """Draw a bar of what is being done on stderr, where that is a terminal."""
        screen = console(stderr=True)
        if self.quiet or not screen.is_terminal:
            yield lambda _what, _done, _total: None
            return
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=screen,
            transient=True,
        ) as bar:
            task = bar.add_task("", total=None)
            yield lambda what, done, total: bar.update(
                task, description=printable(what), completed=done, total=total
            )


def console(*, stderr: bool = False) -> "Console":
    """The screen; 100 columns where the width is not known."""
    from rich.console import Console  # noqa: PLC0415

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 100
    return Console(stderr=stderr, width=width, soft_wrap=False)


def printable(text: str) -> str:
    """`text` without what could move the cursor, recolour the screen or turn the writing round."""
    return "".join(
        c if c.isprintable() or c in "\n " else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def cell(value: object) -> str:
    """A value as a person reads it; "not stated" is a middle dot, so that it is never mistaken."""
    match value:
        case None:
            return "·"
        case bool():
            return "yes" if value else "no"
        case float():
            # From a hundred on, the part after the point only makes a figure harder to read.
            return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}".removesuffix(".0")
        case int():
            return f"{value:,}"
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _marked(rows: "pa.Table", summary: Mapping[str, object]) -> "pa.Table":
    """The rows with the label of the whole, where they have none of their own."""
    import pyarrow as pa  # noqa: PLC0415

    if "label" not in summary or "label" in rows.schema.names:
        return rows
    label = pa.repeat(pa.scalar(summary["label"], pa.string()), rows.num_rows)
    return rows.append_column("label", label)


def rows_of(table: "pa.Table") -> list[dict[str, Any]]:
    """A table's rows as plain values."""
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain, allow_nan=False)


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def write_table(table: "pa.Table", file: Path) -> None:
    """Write rows to a .parquet, .csv or .xlsx file, by its ending."""
    from ringfence.store.duck import write_parquet  # noqa: PLC0415

    try:
        match file.suffix.lower():
            case ".parquet":
                write_parquet(table, file)
            case ".csv":
                _write_csv(table, file)
            case ".xlsx":
                _write_xlsx(table, file)
            case other:
                raise UsageError(
                    f"rows cannot be written as {other or 'a file without ending'}",
                    where=str(file),
                    hint="end the name with .parquet, .csv or .xlsx",
                )
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", where=str(file)) from error


def _harmless(table: "pa.Table") -> "pa.Table":
    """The rows with no text left that a spreadsheet would run as a formula."""
    import pyarrow as pa  # noqa: PLC0415

    from ringfence.sources.cells import escaped  # noqa: PLC0415

    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            texts = table.column(place).to_pylist()
            safe = [None if t is None else escaped(t) for t in texts]
            table = table.set_column(place, field.name, pa.array(safe, pa.string()))
    return table


def _write_csv(table: "pa.Table", file: Path) -> None:
    from pyarrow.csv import write_csv  # noqa: PLC0415

    write_csv(_harmless(table), file)


def _write_xlsx(table: "pa.Table", file: Path) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    import xlsxwriter  # noqa: PLC0415

    if table.num_rows >= SHEET_ROWS:
        raise UsageError(
            f"{table.num_rows:,} rows do not fit a sheet of {SHEET_ROWS:,}",
            where=str(file),
            hint="write .csv or .parquet",
        )
    settings = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, settings) as book:
        # Any day will do; the same rows are to give the same bytes.
        book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
        sheet = book.add_worksheet("rows")
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, table.column_names, book.add_format({"bold": True}))
        for number, row in enumerate(_harmless(table).to_pylist(), 1):
            for at, value in enumerate(row.values()):
                match value:
                    case None:
                        pass
                    case bool():
                        sheet.write_boolean(number, at, value)
                    case int() | float():
                        sheet.write_number(number, at, value)
                    case _:
                        sheet.write_string(number, at, str(value))


def report_error(error: RingfenceError) -> None:
    """Tell a person what went wrong, where, and what to do next."""
    screen = console(stderr=True)
    for label, text in (("error", error.message), ("where", error.where), ("hint", error.hint)):
        if text:
            screen.print(f"{label:<6} {printable(text)}", markup=False, highlight=False)


def report_bug(error: Exception) -> None:
    """Keep the trace of a fault of ours in a file, and say where."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="ringfence-fault-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(error, file=file)
    screen = console(stderr=True)
    text = f"{type(error).__name__}: {error}"
    screen.print(f"error  a fault of ours: {printable(text)}", markup=False, highlight=False)
    screen.print(f"where  {file.name}", markup=False, highlight=False)
    screen.print("hint   please report it with that file", markup=False, highlight=False)
