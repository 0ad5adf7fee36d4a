"""A locked connection for other people's SQL: rule packs, and `ringfence sql`.

It sees copies of the tables it was given and nothing else: no files, no network, no extensions,
no Python variables, no way to turn those back on. One statement a call, a SELECT, whose answer is
the same each time it is asked; memory, threads, time and the size of the answer are capped.

The engine keeps to its caps only where it looks: planning a monstrous statement, or making one
monstrous text, is not interrupted and not counted. So a statement is looked at before it is run
(`read_select`), and a stranger's SQL is run in a process of its own (`walled`), where the
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
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import duckdb
import pyarrow as pa

from ringfence import errors
from ringfence.errors import InputError, RingfenceError, TimeLimitError
from ringfence.store.duck import Tables, parquet

_BATCH_ROWS = 2_048
"""The answer is weighed after so many rows, so that a few huge cells cannot fill the memory."""

_TABLES_AT_MOST = 64
"""Tables a statement may name, each expression of its WITH written out wherever it is used.

Planning takes more than linear time in them and is not interrupted: 64 joins of one row each are
planned in a tenth of a second, 300 in a minute.
"""

_TABLE_FUNCTIONS = frozenset({"generate_series", "range", "repeat_row", "unnest"})
"""The only table functions that run; among the others are readers of files and switches."""

_NOT_REPEATABLE = frozenset(
    [
        "current_connection_id",
        "current_database",
        "current_date",
        "current_localtime",
        "current_localtimestamp",
        "current_query",
        "current_query_id",
        "current_role",
        "current_schema",
        "current_schemas",
        "current_setting",
        "current_time",
        "current_timestamp",
        "current_transaction_id",
        "current_user",
        "currval",
        "error",
        "gen_random_uuid",
        "get_current_time",
        "get_current_timestamp",
        "in_search_path",
        "localtime",
        "localtimestamp",
        "nextval",
        "now",
        "random",
        "session_user",
        "setseed",
        "setval",
        "sleep_ms",
        "stats",
        "today",
        "transaction_timestamp",
        "txid_current",
        "user",
        "uuid",
        "uuidv4",
        "uuidv7",
        "vector_type",
        "write_log",
    ]
)
"""Functions whose answer depends on more than their arguments, or that do something."""

_SWELLING = frozenset(
    [
        "array_resize",
        "bar",
        "fmt",
        "format",
        "generate_series",
        "list_resize",
        "lpad",
        "printf",
        "range",
        "repeat",
        "rpad",
        "space",
    ]
)
"""Functions that make a text or list of any length out of a number; the engine neither counts
that memory nor heeds an interrupt meanwhile."""

_GRACE_SECONDS = 2.0
"""How long after its time a statement behind the wall may take to heed the interrupt."""

_PROGRAM_MB = 3_072
"""Address space of the interpreter and its libraries before any row is read, with room to work."""


class QueryError(InputError):
    """A statement given to the jail is not one SELECT, or does not run."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may use."""

    memory_mb: int = 4_096
    answer_mb: int = 1_024
    seconds: float = 60.0
    threads: int = 2
    statement_characters: int = 20_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a SELECT names.

    `columns` are the columns it names, each with the tables it may be of; it is None where any may
    be meant (`SELECT *`). `unordered` is what takes rows in an order without being given one,
    so that its answer may change from run to run.
    """

    tables: frozenset[str]
    columns: Mapping[str, frozenset[str]] | None
    functions: frozenset[str]
    parameters: frozenset[str]
    unordered: frozenset[str]

    def may_mean(self, table: str, column: str) -> bool:
        """Whether it may read this column of this table; false only where it cannot."""
        if table not in self.tables:
            return False
        return self.columns is None or table in self.columns.get(column, ())


class Jail:
    """A connection that can see some tables and nothing else, ever.

    `prepare` is our own SQL, run before the lock closes: macros, and tables made from `sources`,
    which it sees as `source.<name>` and which are gone when the lock closes. `columns` names the
    columns to load of a table; a table it does not name is loaded whole.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        limits: Limits | None = None,
        columns: Mapping[str, Sequence[str]] | None = None,
        sources: Tables | None = None,
        prepare: Iterable[str] = (),
    ) -> None:
        self._limits = limits or Limits()
        self._duck = duckdb.connect(
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
        try:
            for name in tables:
                self._load(name, tables.member(name), (columns or {}).get(name))
            self._prepare(sources or Tables({}), prepare)
            self._run("SET enable_external_access = false")  # files, ATTACH, COPY, INSTALL, http
            self._run("SET lock_configuration = true")  # and none of the above comes back
        except duckdb.Error as error:
            self._duck.close()
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
        self._duck.close()

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

    def _prepare(self, sources: Tables, statements: Iterable[str]) -> None:
        self._run("CREATE SCHEMA source")
        for name in sources:
            member = sources.member(name)
            if isinstance(member, Path):
                self._run(f'CREATE VIEW source."{name}" AS FROM {parquet(member)}')
            else:
                self._duck.register(f"_source_{name}", member)
                self._run(f'CREATE VIEW source."{name}" AS FROM "_source_{name}"')
        for statement in statements:
            self._run(statement)
        self._run("DROP SCHEMA source CASCADE")
        for name in sources:
            if not isinstance(sources.member(name), Path):
                self._duck.unregister(f"_source_{name}")

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
                    raise TimeLimitError(
                        f"the answer is larger than {self._limits.answer_mb} MB",
                        where=where,
                        hint="ask for fewer rows or columns, or for counts",
                    )
                batches.append(batch)
            return pa.Table.from_batches(batches, reader.schema)

    def select_ours(
        self, sql: str, parameters: Mapping[str, object] | None = None, *, where: str | None = None
    ) -> pa.Table:
        """The answer to one SELECT of our own, or to one of ours around one that was looked at.

        Faster than `select`, since it is not weighed as it comes. Never for SQL from outside that
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
        return self._duck.sql(sql, params=dict(parameters) if parameters else None)

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

        def watch() -> None:
            if not over.wait(self._limits.seconds):
                self._duck.interrupt()
                while not over.wait(0.05):
                    self._duck.interrupt()

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


# What a statement says, before it is run.


def read_select(sql: str, *, where: str | None = None) -> Reading:
    """What one SELECT names; raises `QueryError` where it is not one, or names what may not run."""
    found = _Found()
    found.walk(_parsed(sql, where))
    if strange := sorted(found.table_functions - _TABLE_FUNCTIONS):
        raise QueryError(
            f"{strange[0]} may not be read from here",
            where=where,
            hint=f"read from tables, or from: {', '.join(sorted(_TABLE_FUNCTIONS))}",
        )
    loose = (found.functions | found.bare) & _NOT_REPEATABLE
    if loose or found.samples:
        raise QueryError(
            f"{min(loose) if loose else 'a sample'} would give another answer each time",
            where=where,
            hint="use the date asked for, $as_of, and what the tables state",
        )
    if swelling := sorted(found.functions & _SWELLING):
        raise QueryError(
            f"{swelling[0]} may not be used here: it can make a text of any length",
            where=where,
            hint="join texts with ||",
        )
    if found.tables_written_out() > _TABLES_AT_MOST:
        raise QueryError(
            f"the statement reads more than {_TABLES_AT_MOST} tables, "
            "each WITH counted wherever it is used",
            where=where,
            hint="say it in fewer steps",
        )
    return Reading(
        tables=frozenset(found.named_tables),
        columns=None if found.stars else {c: frozenset(t) for c, t in found.columns.items()},
        functions=frozenset(found.functions),
        parameters=frozenset(found.parameters),
        unordered=frozenset(found.unordered),
    )


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """A connection that holds nothing, to take statements apart with."""
    return duckdb.connect(config={"enable_external_access": False, "threads": 1})


def _parsed(sql: str, where: str | None) -> object:
    """The syntax tree of one SELECT."""
    parser = _parser().cursor()
    try:
        kinds = [statement.type for statement in parser.extract_statements(sql)]
        if kinds != [duckdb.StatementType.SELECT]:
            raise QueryError(
                "only one SELECT is allowed here, and nothing else",
                where=where,
                hint="write one SELECT over the tables; see: ringfence show --tables",
            )
        row = parser.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchone()
        tree = json.loads(row[0]) if row else {"error": True}
    except (duckdb.Error, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise QueryError(first, where=where) from error
    except RecursionError:
        raise QueryError("the statement is nested too deeply", where=where) from None
    finally:
        parser.close()
    if tree["error"]:
        raise QueryError(f"{tree.get('error_message', 'not a statement')}", where=where)
    return tree["statements"]


_ORDER_MATTERS = frozenset(
    [
        "any_value",
        "arbitrary",
        "array_agg",
        "first",
        "first_value",
        "group_concat",
        "lag",
        "last",
        "last_value",
        "lead",
        "list",
        "listagg",
        "mode",
        "nth_value",
        "ntile",
        "row_number",
        "string_agg",
    ]
)


_Scope = Mapping[str, str]
"""What the names in reach stand for: each name in a FROM, with its table."""


@dataclass(slots=True)
class _Found:
    """What a walk through a syntax tree meets."""

    named_tables: set[str] = field(default_factory=set)
    columns: dict[str, set[str]] = field(default_factory=dict)
    bare: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    table_functions: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    unordered: set[str] = field(default_factory=set)
    stars: bool = False
    samples: bool = False
    uses: dict[str, list[str]] = field(default_factory=dict)
    """Which tables each WITH reads, and the statement itself under the empty name."""

    def walk(self, tree: object) -> None:
        """Visit every node; a list of our own, since a tree can be deeper than Python's stack."""
        waiting: list[tuple[object, str, _Scope]] = [(tree, "", {})]
        while waiting:
            node, inside, scope = waiting.pop()
            if isinstance(node, list):
                waiting += [(item, inside, scope) for item in node]
            elif isinstance(node, dict):
                if node.get("type") == "SELECT_NODE":
                    # What is inside sees its own FROM first, then those around it.
                    scope = {**scope, **_from(node.get("from_table"))}
                self._visit(node, inside, scope)
                is_call = node.get("type") == "TABLE_FUNCTION"
                for key, value in node.items():
                    if key == "cte_map":
                        # A WITH sees nothing of the statement that it stands before.
                        waiting += [
                            (entry["value"], str(entry["key"]).casefold(), {})
                            for entry in value["map"]
                        ]
                    elif key == "function" and is_call:
                        waiting.append((value.get("arguments"), inside, scope))
                    elif key != "named_param_map":
                        waiting.append((value, inside, scope))

    def _visit(  # noqa: C901, PLR0912 (one branch a kind of node)
        self, node: dict[str, Any], inside: str, scope: _Scope
    ) -> None:
        if node.get("sample"):
            self.samples = True
        for name in node.get("using_columns") or ():
            self._mean((str(name).casefold(),), scope)
        if node.get("ref_type") == "NATURAL":
            self.stars = True
        match node.get("type"):
            case "BASE_TABLE":
                name = str(node["table_name"]).casefold()
                self.named_tables.add(name)
                if name not in scope.values():
                    self.stars = True  # It stands where its columns cannot be followed.
                self.uses.setdefault(inside, []).append(name)
            case "TABLE_FUNCTION":
                self.table_functions.add(str(node["function"]["function_name"]).casefold())
            case "COLUMN_REF":
                self._mean(tuple(str(c).casefold() for c in node["column_names"]), scope)
            case "STAR" | "POSITIONAL_REFERENCE":
                self.stars = True
            case "VALUE_PARAMETER":
                self.parameters.add(str(node["identifier"]))
            case "LIMIT_MODIFIER" | "LIMIT_PERCENT_MODIFIER":
                self.unordered.add("LIMIT")
            case "DISTINCT_MODIFIER":
                if node.get("distinct_on_targets"):
                    self.unordered.add("DISTINCT ON")
        if "function_name" in node:
            name = str(node["function_name"]).casefold()
            self.functions.add(name)
            orders = (node.get("order_bys") or {}).get("orders") or node.get("orders")
            if name in _ORDER_MATTERS and not orders:
                self.unordered.add(name)

    def _mean(self, reference: tuple[str, ...], scope: _Scope) -> None:
        """Note what a reference may stand for: a column, of a table or not, or a field of one."""
        first, *rest = reference
        if rest and first in scope:
            self.columns.setdefault(rest[0], set()).add(scope[first])
            return
        if not rest:
            self.bare.add(first)
            if first in scope:
                self.stars = True  # A whole row, taken by its table's name.
        for part in reference:
            self.columns.setdefault(part, set()).update(scope.values())

    def tables_written_out(self) -> int:
        """How many tables are read once each WITH is written out where it is used."""
        counted: dict[str, int] = {}

        def count(name: str, above: frozenset[str]) -> int:
            if name not in self.uses or name in above:
                return 1
            if name not in counted:
                total = sum(count(one, above | {name}) for one in self.uses[name])
                counted[name] = min(total, _TABLES_AT_MOST + 1)
            return counted[name]

        own = sum(count(one, frozenset()) for one in self.uses.get("", ()))
        return own + sum(len(read) for name, read in self.uses.items() if name)


def _from(node: object) -> dict[str, str]:
    """The names that a FROM gives to tables, those of its subqueries not counted."""
    names: dict[str, str] = {}
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if one.get("type") == "BASE_TABLE":
                table = str(one["table_name"]).casefold()
                names[str(one.get("alias") or table).casefold()] = table
            elif one.get("type") == "JOIN":
                waiting += [one.get("left"), one.get("right")]
    return names


# A stranger's SQL, in a process of its own.


class _Wall:
    """Inside a walled process: the alarm that ends it. Elsewhere it does nothing."""

    closed = False

    def before(self, where: str | None, seconds: float) -> None:
        """Have the kernel end this process after `seconds`, whatever the engine is doing then."""
        if self.closed:
            sys.stderr.write(f"{where or ''}\n")
            sys.stderr.flush()
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def after(self) -> None:
        if self.closed:
            signal.setitimer(signal.ITIMER_REAL, 0)


_wall = _Wall()


def walled(
    task: Callable[..., Mapping[str, pa.Table]], *arguments: object, limits: Limits
) -> dict[str, pa.Table]:
    """The tables that `task(*arguments)` gives, made in a process that cannot outgrow `limits`.

    `task` must be a function that a fresh process can import, and the arguments such as can be
    pickled. The process has no environment, may write no file, and is ended by the kernel when a
    statement of its jail takes too long or the whole takes too much memory.
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
    if process.returncode == -signal.SIGALRM:
        raise _too_long(limits, last or None)
    # Without memory the interpreter says so, or cannot even do that and dies of it.
    if process.returncode < 0 or (process.returncode and _OUT_OF_MEMORY.search(last)):
        raise _too_large(limits, None)
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
        _packed(task(*arguments), out)
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
