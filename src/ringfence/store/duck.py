"""Tables by name, and the one way to query them.

`Tables` is what steps exchange: each member lies in memory or in a Parquet file, and is read when
asked for. Every query of our own goes through `Connection`, which always takes a result whole
before the next statement, as DuckDB 2 demands. Other people's SQL goes through `store.jail`.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ringfence.errors import (
    NotFoundError,
    RingfenceError,
    TimeLimitError,
    VerificationError,
)

ROW_GROUP_ROWS = 131_072
"""Rows in a Parquet row group: DuckDB reads one group a thread."""

Parameter = str | int | float | bool | None | object


class Tables(Mapping[str, pa.Table]):
    """Tables by name, in memory or in Parquet files.

    A file that cannot be read raises `VerificationError`: it was there when it was recorded.
    """

    def __init__(
        self,
        members: Mapping[str, pa.Table | Path],
        hashes: Mapping[str, str] | None = None,
    ) -> None:
        self._members = dict(sorted(members.items()))
        self._hashes = dict(hashes or {})

    def __getitem__(self, name: str) -> pa.Table:
        member = self.member(name)
        if isinstance(member, Path):
            with reading(name, member):
                return pq.read_table(member, partitioning=None)
        return member

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def member(self, name: str) -> pa.Table | Path:
        """The table, or the file it lies in."""
        try:
            return self._members[name]
        except KeyError:
            raise NotFoundError(
                f"no table {name!r}", hint=f"the tables: {', '.join(self._members)}"
            ) from None

    def columns(self, name: str, *columns: str, coded: Sequence[str] = ()) -> pa.Table:
        """These columns of a table; of a file, the others are not read.

        Those of the texts that are `coded` come with each text held once (Arrow's dictionaries).
        """
        member = self.member(name)
        if isinstance(member, Path):
            with reading(name, member):
                read = pq.read_table(
                    member, columns=list(columns), partitioning=None, read_dictionary=list(coded)
                )
                return read.unify_dictionaries()
        chosen = member.select(list(columns))
        for column in coded:
            place = chosen.schema.get_field_index(column)
            codes = chosen[column].combine_chunks().dictionary_encode()
            chosen = chosen.set_column(place, column, codes)
        return chosen

    def rows(self, name: str) -> int:
        """How many rows, without reading them."""
        member = self.member(name)
        if isinstance(member, Path):
            with reading(name, member):
                return int(pq.read_metadata(member).num_rows)
        return int(member.num_rows)

    def hash_of(self, name: str) -> str:
        """The sha256 of the table's file, or of the file it would be where it lies in memory."""
        if name not in self._hashes:
            member = self.member(name)
            if isinstance(member, Path):
                with reading(name, member):
                    self._hashes[name] = hash_of_file(member)
            else:
                self._hashes[name] = _hash_of_rows(member)
        return self._hashes[name]

    def only(self, *names: str) -> "Tables":
        """These tables alone."""
        return Tables({n: self.member(n) for n in names}, self._hashes)

    def and_these(self, more: "Tables | Mapping[str, pa.Table | Path]") -> "Tables":
        """These tables with `more` added or put in their place."""
        if not isinstance(more, Tables):
            more = Tables(more)
        hashes = {k: v for k, v in self._hashes.items() if k not in more}
        return Tables(self._members | more._members, hashes | more._hashes)

    def query(
        self, sql: str, parameters: Mapping[str, Parameter] | None = None, *, threads: int = 0
    ) -> pa.Table:
        """One query over these tables; see `Connection.query`."""
        with connect(self, threads=threads) as connection:
            return connection.query(sql, parameters)


class Connection:
    """A DuckDB connection that sees some tables. Use it as a context manager."""

    def __init__(self, tables: Mapping[str, pa.Table | Path], *, threads: int = 0) -> None:
        # Rows too many for memory are laid here, where nobody else may look, not where the
        # caller happens to stand.
        self._overflow = mkdtemp(prefix="ringfence-")
        config: dict[str, str | bool | int | float | list[str]] = {
            # A Python variable of the caller's must never be taken for a table.
            "python_enable_replacements": False,
            # A query must not fetch code from the network.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": self._overflow,
        }
        if threads:
            config["threads"] = threads
        self._duck = duckdb.connect(config=config)
        try:
            for name, member in tables.items():
                self.add(name, member)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._duck.close()
        shutil.rmtree(self._overflow, ignore_errors=True)

    def add(self, name: str, member: pa.Table | Path) -> None:
        """Let queries see `member` as `name`, in place of what they saw before."""
        self._duck.unregister(name)
        self.run(f'DROP VIEW IF EXISTS "{name}"')
        if isinstance(member, Path):
            try:
                self._duck.execute(f'CREATE TEMP VIEW "{name}" AS FROM {parquet(member)}')
            except duckdb.Error as error:
                raise _unreadable(name, member) from error
        else:
            self._duck.register(name, member)

    def run(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Run a statement whose result is not wanted."""
        self._guarded(sql, parameters)

    def query(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> pa.Table:
        """The result of one SELECT, whole. Parameters are named: `$vendor`."""
        return self._guarded(sql, parameters)

    def stream(
        self, sql: str, parameters: Mapping[str, Parameter] | None = None
    ) -> pa.RecordBatchReader:
        """The result of one SELECT in batches; read to the end before the next statement."""
        try:
            relation = self._duck.sql(sql, params=dict(parameters) if parameters else None)
            reader = relation.to_arrow_reader(ROW_GROUP_ROWS)
        except duckdb.Error as error:
            raise _ours(error) from error
        return pa.RecordBatchReader.from_batches(reader.schema, _guarded_batches(reader))

    def value(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> object:
        """The first column of the first row, or None where there is no row."""
        table = self.query(sql, parameters)
        return table.column(0)[0].as_py() if table.num_rows else None

    def _guarded(self, sql: str, parameters: Mapping[str, Parameter] | None) -> pa.Table:
        try:
            relation = self._duck.sql(sql, params=dict(parameters) if parameters else None)
            return relation.to_arrow_table() if relation is not None else pa.table({})
        except duckdb.Error as error:
            raise _ours(error) from error


def parquet(file: Path, *, numbered: bool = False) -> str:
    """The file as a relation in a FROM clause: that file alone, and its own columns alone.

    Where it is `numbered`, each row has its number, from 0, as `file_row_number` too.

    The engine would take a star, a question mark or a bracket in a folder's name for a pattern and
    read other files, and would add a column for a folder called `name=value`.
    """
    path = re.sub(r"[*?[]", r"[\g<0>]", str(file)).replace("'", "''")
    more = ", file_row_number = true" if numbered else ""
    return f"read_parquet('{path}', hive_partitioning = false{more})"


def _guarded_batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (OSError, pa.ArrowException) as error:
        raise _ours(error) from error


@contextmanager
def reading(name: str, file: Path) -> Iterator[None]:
    """Say of which table, in which file, it was that reading failed: a `VerificationError`."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(name, file) from error


def _unreadable(name: str, file: Path) -> VerificationError:
    return VerificationError(
        f"table {name} cannot be read",
        where=str(file),
        hint="restore the file from a copy, or ingest again",
    )


def _ours(error: Exception) -> RingfenceError:
    """Turn an engine's error into ours: its own words, cut to what a person can use."""
    text = str(error).strip().splitlines()[0]
    if isinstance(error, duckdb.OutOfMemoryException):
        return TimeLimitError(
            "the query needs more memory than there is", hint="give it fewer rows or --jobs 1"
        )
    return RingfenceError(f"a query failed: {text}")


def connect(tables: Tables | Mapping[str, pa.Table | Path], *, threads: int = 0) -> Connection:
    """Open a connection that sees `tables`. `threads` 0 leaves the choice to the engine."""
    if isinstance(tables, Tables):
        tables = {name: tables.member(name) for name in tables}
    return Connection(tables, threads=threads)


def write_parquet(data: pa.Table | pa.RecordBatchReader, file: Path | pa.NativeFile) -> int:
    """Write rows as Parquet, the same bytes for the same rows; return how many.

    Row groups have a fixed number of rows however the rows arrive, and no metadata but the
    schema is kept.
    """
    schema = data.schema.remove_metadata()
    batches = data.to_batches() if isinstance(data, pa.Table) else data
    waiting: list[pa.RecordBatch] = []
    ready = total = 0
    with pq.ParquetWriter(file, schema, compression="zstd", version="2.6") as writer:
        for batch in batches:
            waiting.append(batch.replace_schema_metadata(None))
            ready += batch.num_rows
            if ready >= ROW_GROUP_ROWS:
                whole = pa.Table.from_batches(waiting, schema).combine_chunks()
                full = ready - ready % ROW_GROUP_ROWS
                for start in range(0, full, ROW_GROUP_ROWS):
                    writer.write_table(whole.slice(start, ROW_GROUP_ROWS))
                waiting = whole.slice(full).to_batches()
                total += full
                ready -= full
        if ready:
            writer.write_table(pa.Table.from_batches(waiting, schema).combine_chunks())
    return total + ready


def hash_of_file(file: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def _hash_of_rows(table: pa.Table) -> str:
    """The sha256 of a table's rows, however they are chunked and whatever lies under a null."""
    sink = pa.BufferOutputStream()
    write_parquet(table, sink)
    return sha256(sink.getvalue()).hexdigest()


def quoted(names: Sequence[str]) -> str:
    """Column names as an SQL list."""
    return ", ".join(f'"{name}"' for name in names)
