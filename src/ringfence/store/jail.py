"""A locked connection for other people's SQL: rule packs, and `ringfence sql`.

It sees copies of the tables it was given and nothing else: no files, no network, no extensions,
no Python variables, no way to turn those back on. One statement a call, a SELECT, whose answer is
the same each time it is asked; memory, threads, time and the size of the answer are capped.

The engine keeps to its caps only where it looks: planning a monstrous statement, or making one
monstrous text, is not interrupted and not counted. So a statement is looked at before it is run
(`store.reading`), and a stranger's SQL is run in a process of its own (`walled`), where the
operating system holds the caps.

What each measure stops is said beside it; the escapes are tests in `tests/store/test_jail.py`.
"""

import json
import pickle
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import duckdb
import pyarrow as pa

from ringfence import errors
from ringfence.errors import RingfenceError, TimeLimitError
from ringfence.store.duck import Tables, parquet
from ringfence.store.reading import QueryError, read_select

_BATCH_ROWS = 2_048
"""The answer is weighed after so many rows, so that a few huge cells cannot fill the memory."""

_GRACE_SECONDS = 2.0
"""How long after its time a statement behind the wall may take to heed the interrupt."""

_PROGRAM_MB = 3_072
"""Address space of the interpreter and its libraries before any row is read, with room to work."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may use."""

    memory_mb: int = 4_096
    answer_mb: int = 1_024
    seconds: float = 60.0
    threads: int = 2
    statement_characters: int = 20_000


class Jail:
    """A connection that can see some tables and nothing else, ever.

    `prepare` is our own SQL, run before the lock closes, and tables for it. What comes after some
    tables sees them as `source.<name>`; they are gone when the lock closes. `columns` names the
    columns to load of a table; a table it does not name is loaded whole.

    Several threads may ask at a time; but behind the wall only one, since one clock watches there.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        limits: Limits | None = None,
        columns: Mapping[str, Sequence[str]] | None = None,
        prepare: Iterable[str | Tables] = (),
    ) -> None:
        self._limits = limits or Limits()
        first = duckdb.connect(
            config={
                # Both before the lock: a pack cannot raise them, and cannot spill to a disk.
                "memory_limit": f"{self._limits.memory_mb}MB",
                "temp_directory": "",
                "threads": self._limits.threads,
                # The client would otherwise offer any Arrow table of ours by its variable's name.
                "python_enable_replacements": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._connections = [first]
        self._of_thread = threading.local()
        self._of_thread.connection = first
        try:
            for name in tables:
                self._load(name, tables.member(name), (columns or {}).get(name))
            self._prepare(prepare)
            self._run("SET enable_external_access = false")  # files, ATTACH, COPY, INSTALL, http
            self._run("SET lock_configuration = true")  # and none of the above comes back
        except duckdb.Error as error:
            self._close()
            ours = self._ours(error, None)
            if isinstance(ours, QueryError):
                ours = RingfenceError(f"the tables could not be laid out: {ours.message}")
            raise ours from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def _duck(self) -> duckdb.DuckDBPyConnection:
        """The connection of this thread, which is interrupted for itself alone."""
        if not hasattr(self._of_thread, "connection"):
            self._of_thread.connection = self._connections[0].cursor()
            self._connections.append(self._of_thread.connection)
        connection: duckdb.DuckDBPyConnection = self._of_thread.connection
        return connection

    def _close(self) -> None:
        for connection in self._connections:
            connection.close()

    def _run(self, sql: str) -> None:
        self._duck.execute(sql).fetchall()

    def _load(self, name: str, member: pa.Table | Path, columns: Sequence[str] | None) -> None:
        chosen = ", ".join(f'"{c}"' for c in columns) if columns else "*"
        if isinstance(member, Path):
            self._run(f'CREATE TABLE "{name}" AS SELECT {chosen} FROM {parquet(member)}')
        else:
            self._duck.register("_incoming", member)
            self._run(f'CREATE TABLE "{name}" AS SELECT {chosen} FROM _incoming')
            self._duck.unregister("_incoming")

    def _prepare(self, steps: Iterable[str | Tables]) -> None:
        self._run("CREATE SCHEMA source")
        lent: list[str] = []
        for step in steps:
            if isinstance(step, str):
                self._run(step)
                continue
            for name in step:
                member = step.member(name)
                relation = f'"_source_{name}"'
                if isinstance(member, Path):
                    relation = parquet(member)
                else:
                    self._duck.register(f"_source_{name}", member)
                    lent.append(f"_source_{name}")
                self._run(f'CREATE VIEW source."{name}" AS FROM {relation}')
        self._run("DROP SCHEMA source CASCADE")
        for name in lent:
            self._duck.unregister(name)

    def select(
        self, sql: str, parameters: Mapping[str, object] | None = None, *, where: str | None = None
    ) -> pa.Table:
        """The answer to one SELECT.

        Raises `QueryError` where it is anything else or does not run, `TimeLimitError` where it
        takes more time or memory than the limits. `where` names the statement in errors.
        """
        if len(sql) > self._limits.statement_characters:
            raise QueryError(
                f"the statement is longer than {self._limits.statement_characters:,} characters",
                where=where,
            )
        read_select(sql, where=where)
        with self._watched(where):
            reader = self._relation(sql, parameters).to_arrow_reader(_BATCH_ROWS)
            batches, weight = [], 0
            for batch in reader:
                weight += batch.nbytes
                if weight > self._limits.answer_mb * 1_000_000:
                    raise _too_wide(self._limits, where)
                batches.append(batch)
            return pa.Table.from_batches(batches, reader.schema)

    def select_ours(
        self, sql: str, parameters: Mapping[str, object] | None = None, *, where: str | None = None
    ) -> pa.Table:
        """The answer to one SELECT of our own, or to one of ours around one that was looked at.

        Faster than `select`, since it is not weighed as it comes; and a parameter that it does not
        name is passed over. Never for SQL from outside that
        `read_select` has not passed, and a stranger's only behind the wall.
        """
        with self._watched(where):
            return self._relation(sql, parameters).to_arrow_table()

    def columns_of(
        self, sql: str, parameters: Mapping[str, object] | None = None, *, where: str | None = None
    ) -> dict[str, str]:
        """The columns of the answer to one SELECT and the engine's types of them; not run."""
        with self._watched(where):
            relation = self._relation(sql, parameters)
            return dict(zip(relation.columns, map(str, relation.types), strict=True))

    def _relation(
        self, sql: str, parameters: Mapping[str, object] | None
    ) -> duckdb.DuckDBPyRelation:
        if not parameters:
            return self._duck.sql(sql)
        (statement,) = self._duck.extract_statements(sql)
        named = {n: value for n, value in parameters.items() if n in statement.named_parameters}
        return self._duck.sql(sql, params=named or None)

    @contextmanager
    def _watched(self, where: str | None) -> Iterator[None]:
        """Time what runs inside, and put what goes wrong in it in our words."""
        try:
            with self._timed(where):
                yield
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError, MemoryError) as error:
            raise self._ours(error, where) from error

    @contextmanager
    def _timed(self, where: str | None) -> Iterator[None]:
        """Interrupt what runs inside when its time is over, and again until it heeds."""
        over = threading.Event()
        connection = self._duck

        def watch() -> None:
            if not over.wait(self._limits.seconds):
                connection.interrupt()
                while not over.wait(0.05):
                    connection.interrupt()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        _wall.before(where, self._limits.seconds + _GRACE_SECONDS)
        try:
            yield
        finally:
            _wall.after()
            over.set()
            watcher.join()

    def _ours(self, error: Exception, where: str | None) -> RingfenceError:
        text = str(error).strip()
        first = text.splitlines()[0] if text else type(error).__name__
        if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in first.upper():
            return _too_long(self._limits, where)
        if isinstance(error, duckdb.OutOfMemoryException | MemoryError) or "Arrow Appender" in text:
            return _too_large(self._limits, where)
        return QueryError(first, where=where, hint="see the tables with: ringfence show --tables")


def _too_long(limits: Limits, where: str | None) -> TimeLimitError:
    return TimeLimitError(
        f"stopped after {limits.seconds:g} seconds",
        where=where,
        hint="narrow the question, or raise the time limit",
    )


def _too_large(limits: Limits, where: str | None) -> TimeLimitError:
    return TimeLimitError(
        f"needs more memory than the {limits.memory_mb:,} MB it may use",
        where=where,
        hint="narrow the question, or raise the memory limit",
    )


def _too_wide(limits: Limits, where: str | None) -> TimeLimitError:
    return TimeLimitError(
        f"the answer is larger than {limits.answer_mb:,} MB",
        where=where,
        hint="ask for fewer rows or columns, or for counts",
    )


# A stranger's SQL, in a process of its own.


class _Wall:
    """Inside a walled process: the alarm that ends it. Elsewhere it does nothing."""

    closed = False

    def before(self, where: str | None, seconds: float) -> None:
        """Have the kernel end this process after `seconds`, whatever the engine is doing then."""
        if self.closed:
            sys.stderr.write(f"{_ASKED}{where or ''}\n")
            sys.stderr.flush()
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def after(self) -> None:
        if self.closed:
            signal.setitimer(signal.ITIMER_REAL, 0)


_wall = _Wall()

_ASKED = "asked: "
"""What a walled process writes before the name of each statement, should it die of it."""


def walled(
    task: Callable[..., Mapping[str, pa.Table]], *arguments: object, limits: Limits
) -> dict[str, pa.Table]:
    """The tables that `task(*arguments)` gives, made in a process that cannot outgrow `limits`.

    `task` must be a function that a fresh process can import, and the arguments such as can be
    pickled. The process has no environment, may write no file, and is ended by the kernel when a
    statement of its jail takes too long or the whole takes too much memory. Raises `TimeLimitError`
    then, with the statement that was asked last, and where the tables together are larger than the
    limit of an answer, with the name of the largest.
    """
    start = (
        "import sys; sys.path[:] = sys.argv[1:]; "
        "from ringfence.store.jail import _behind_the_wall; _behind_the_wall()"
    )
    with subprocess.Popen(  # noqa: S603  # our own interpreter, our own code
        [sys.executable, "-c", start, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
    ) as process:
        answer, said = process.communicate(pickle.dumps((limits, task, arguments)))
    lines = said.decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else ""
    asked = [line.removeprefix(_ASKED) for line in lines if line.startswith(_ASKED)]
    where = asked[-1] or None if asked else None
    if process.returncode == -signal.SIGALRM:
        raise _too_long(limits, where)
    # Without memory the interpreter says so, or cannot even do that and dies of it.
    if process.returncode < 0 or (process.returncode and _OUT_OF_MEMORY.search(last)):
        raise _too_large(limits, where)
    if process.returncode:
        raise RingfenceError(f"a process behind the wall failed: {last}")
    return _unpacked(answer)


_OUT_OF_MEMORY = re.compile("MemoryError|bad_alloc|[Oo]ut of memory|malloc|Cannot allocate")


def _behind_the_wall() -> None:
    """What a walled process does."""
    out = sys.stdout.buffer
    # Only our own parent writes to our standard input.
    limits, task, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301
    most = (limits.memory_mb + _PROGRAM_MB) * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _wall.closed = True
    try:
        tables = task(*arguments)
        if sum(table.nbytes for table in tables.values()) > limits.answer_mb * 1_000_000:
            # Our parent would have to hold it all, and nothing limits our parent.
            raise _too_wide(limits, max(tables, key=lambda name: tables[name].nbytes))
        _packed(tables, out)
    except RingfenceError as error:
        kind = type(error).__name__
        told = [kind, error.message, error.where, error.hint]
        out.write(json.dumps({"error": told}).encode() + b"\n")
    out.flush()


def _packed(tables: Mapping[str, pa.Table], out: BinaryIO) -> None:
    for name, table in tables.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        content = sink.getvalue()
        out.write(json.dumps({"table": name, "bytes": content.size}).encode() + b"\n")
        out.write(content)


def _unpacked(answer: bytes) -> dict[str, pa.Table]:
    tables = {}
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        head = json.loads(answer[at:end])
        if "error" in head:
            name, message, where, hint = head["error"]
            kind = QueryError if name == "QueryError" else getattr(errors, name, RingfenceError)
            raise kind(message, where=where, hint=hint)
        at = end + 1 + head["bytes"]
        tables[head["table"]] = pa.ipc.open_stream(answer[end + 1 : at]).read_all()
    return tables
