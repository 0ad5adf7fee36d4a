"""A table and its columns, each declared once.

From one declaration come the Arrow schema, the DuckDB and PostgreSQL DDL, the template a person
fills in, the validation, the reference page and the column headings. Nothing about a column is
said twice.

Types are five, because an inventory needs no more: text, integer, decimal, boolean, date.
A null means "not stated", in every column, always.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.errors import InputError, NotFoundError, UsageError


class Type(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"


class Secrecy(Enum):
    """Who may see a column, from anyone to the few; ordered."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    SECRET = 3


TEXT_BYTES = 65_536
"""No text of an inventory is longer; what is longer is a fault of the file, or an attack."""

_ARROW = {
    Type.TEXT: pa.string(),
    Type.INTEGER: pa.int64(),
    Type.DECIMAL: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.DATE: pa.date32(),
}
_DUCKDB = {
    Type.TEXT: "VARCHAR",
    Type.INTEGER: "BIGINT",
    Type.DECIMAL: "DOUBLE",
    Type.BOOLEAN: "BOOLEAN",
    Type.DATE: "DATE",
}
_POSTGRESQL = _DUCKDB | {Type.TEXT: "text", Type.DECIMAL: "double precision"}
_DIALECTS = {"duckdb": _DUCKDB, "postgresql": _POSTGRESQL}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what it means, and what may stand in it.

    `also_called` are headings that operators use for the same thing; the mapping guesses by them.
    `refers_to` names the table whose `id` stands here.
    """

    name: str
    type: Type
    means: str
    unit: str | None = None
    one_of: tuple[str, ...] = ()
    refers_to: str | None = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    secrecy: Secrecy = Secrecy.INTERNAL
    also_called: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The column's name as a person reads it: `installed_on` becomes "Installed on"."""
        name = self.name.removesuffix(f"_{self.unit}") if self.unit else self.name
        words = name.replace("_", " ")
        text = words[:1].upper() + words[1:]
        return f"{text} ({self.unit})" if self.unit else text

    @property
    def arrow(self) -> pa.Field:
        """The Arrow field; a required column is not nullable."""
        return pa.field(self.name, _ARROW[self.type], nullable=not self.required)


@dataclass(frozen=True, slots=True)
class Table:
    """One table: what a row is, its key, its columns in order."""

    name: str
    one_row_is: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    _by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {c.name: c for c in self.columns})

    def __getitem__(self, name: str) -> Column:
        """The column of that name."""
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFoundError(
                f"table {self.name} has no column {name!r}",
                where=self.name,
                hint=f"its columns: {', '.join(self._by_name)}",
            ) from None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self._by_name)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        return pa.schema([c.arrow for c in self.columns])

    def empty(self) -> pa.Table:
        """The table without rows."""
        return self.from_rows([])

    def conform(self, data: pa.Table | pa.RecordBatch) -> pa.Table:
        """Lay `data` onto the declared columns: order set, absent columns null, types cast.

        Raises `InputError` where a value cannot be cast or a column is there twice.
        """
        absent = {
            c.name: pa.nulls(data.num_rows, c.arrow.type)
            for c in self.columns
            if c.name not in data.schema.names
        }
        nullable = pa.schema([f.with_nullable(True) for f in self.schema])
        try:
            arrays = [absent[n] if n in absent else data.column(n) for n in self.names]
            return pa.table(dict(zip(self.names, arrays, strict=True))).cast(nullable)
        except (pa.ArrowException, KeyError) as error:
            raise self._misfit(error) from error

    def from_rows(self, rows: Iterable[Mapping[str, object]]) -> pa.Table:
        """The table made of `rows`; a column a row does not name is null.

        Raises `InputError` where a value is not of its column's type.
        """
        nullable = pa.schema([f.with_nullable(True) for f in self.schema])
        listed = [dict(row) for row in rows]
        try:
            return pa.Table.from_pylist(listed, schema=nullable)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise self._misfit(error) from error

    def _misfit(self, error: Exception) -> InputError:
        text = str(error.args[0] if error.args else error).splitlines()[0]
        return InputError(f"the rows do not fit table {self.name}: {text}", where=self.name)

    def ddl(self, dialect: str = "duckdb") -> str:
        """`CREATE TABLE`, in the words of `duckdb` or `postgresql`."""
        if dialect not in _DIALECTS:
            raise UsageError(
                f"no SQL dialect {dialect!r}", hint=f"the dialects: {', '.join(_DIALECTS)}"
            )
        types = _DIALECTS[dialect]
        lines = [
            f'  "{c.name}" {types[c.type]}{" NOT NULL" if c.required else ""}' for c in self.columns
        ]
        return f'CREATE TABLE "{self.name}" (\n' + ",\n".join(lines) + "\n)"

    def faults(self, data: pa.Table) -> list[tuple[pa.Array, str]]:
        """What is wrong with `data`, which has this table's columns.

        Returns pairs of a mask (true where the row is at fault) and the reason. Only what a row
        alone can tell: a required value absent, a value outside its list or range. Duplicates
        and dangling references need the whole network and are found in `network.merge`.
        """
        found: list[tuple[pa.Array, str]] = []
        for column in self.columns:
            values = data.column(column.name)
            if column.required:
                found.append((_absent(values), f"{column.name} is not stated"))
            if column.one_of:
                known = pc.is_in(values, value_set=pa.array(column.one_of, pa.string()))
                strange = pc.and_(pc.is_valid(values), pc.invert(known))
                found.append((strange, f"{column.name} is not one of: {', '.join(column.one_of)}"))
            if column.type is Type.TEXT:
                long = _flag(pc.greater(pc.binary_length(values), TEXT_BYTES))
                found.append((long, f"{column.name} is longer than {TEXT_BYTES:,} bytes"))
            if column.type is Type.DECIMAL:
                found.append(
                    (_flag(pc.invert(pc.is_finite(values))), f"{column.name} is no number")
                )
            if column.minimum is not None:
                low = _flag(pc.less(values, column.minimum))
                found.append((low, f"{column.name} is below {column.minimum:g}"))
            if column.maximum is not None and math.isfinite(column.maximum):
                high = _flag(pc.greater(values, column.maximum))
                found.append((high, f"{column.name} is above {column.maximum:g}"))
        return [(mask, why) for mask, why in found if pc.any(mask).as_py()]


def _absent(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A text of nothing but spaces states nothing: as a key it would join what is not the same."""
    if not pa.types.is_string(values.type):
        return pc.is_null(values)
    return pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True)


def _flag(mask: pa.ChunkedArray) -> pa.ChunkedArray:
    """A comparison with null is no fault."""
    return pc.fill_null(mask, False)


def schema_version(tables: Sequence[Table]) -> str:
    """A short hash of what the declarations promise a reader: names, types, order."""
    text = "\n".join(
        f"{t.name}:{c.name}:{c.type}"
        for t in sorted(tables, key=lambda t: t.name)
        for c in t.columns
    )
    return sha256(text.encode()).hexdigest()[:12]
