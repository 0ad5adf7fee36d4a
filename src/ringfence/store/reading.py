"""What an SQL statement says, before it is run.

The engine's own parser takes it apart. What may not run is refused here, with a better word than
the engine's; what a statement does not name need not be laid out for it; and one that judges a
table row by row can be asked by row (`by_row`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, cast

import duckdb

from ringfence.errors import InputError

_TABLES_AT_MOST = 64
"""Tables a statement may name, each expression of its WITH written out wherever it is used.

Planning takes more than linear time in them and is not interrupted: 64 joins of one row each are
planned in a tenth of a second, 300 in a minute.
"""

_KEPT = 256
"""Statements whose readings are kept: a pack is asked of many networks, or for many days."""

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


class QueryError(InputError):
    """A statement given to the jail is not one SELECT, or does not run."""


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


@lru_cache(_KEPT)
def read_select(sql: str, *, where: str | None = None) -> Reading:
    """What one SELECT names; raises `QueryError` where it is not one, or names what may not run."""
    found = _Found()
    try:
        found.walk(_parsed(sql))
    except QueryError as error:
        raise QueryError(error.message, where=where, hint=error.hint) from error
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


@lru_cache(_KEPT // 4)
def _parsed(sql: str) -> list[dict[str, Any]]:
    """The syntax tree of one SELECT; whoever asks for it must leave it as it is."""
    parser = _parser().cursor()
    try:
        kinds = [statement.type for statement in parser.extract_statements(sql)]
        if kinds != [duckdb.StatementType.SELECT]:
            raise QueryError(
                "only one SELECT is allowed here, and nothing else",
                hint="write one SELECT over the tables; see: ringfence show --tables",
            )
        row = parser.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchone()
        tree = json.loads(row[0]) if row else {"error": True}
    except RecursionError:
        raise QueryError("the statement is nested too deeply") from None
    except (duckdb.Error, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise QueryError(first) from error
    finally:
        parser.close()
    if tree["error"]:
        raise QueryError(f"{tree.get('error_message', 'not a statement')}")
    return cast("list[dict[str, Any]]", tree["statements"])


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


# A statement that judges a table row by row.


@dataclass(frozen=True, slots=True)
class ByRow:
    """One SELECT in three others, which give the number of a row for its key.

    `rows` gives the numbers of all rows that it judges, `whole` its answer, and `kept` its answer
    where the condition is not known to be false.
    """

    rows: str
    whole: str
    kept: str


@lru_cache(_KEPT)
def by_row(sql: str, table: str, condition: str) -> ByRow | None:
    """A statement asked by row, or None where it is not seen to judge `table` row by row.

    The first column must be the key `id` of one row of `table`, and the second the macro
    `condition` of a condition. A row's number is the engine's `rowid`, from 0 in the order the
    table was made. "a AND b" is not false just where neither a nor b is; told apart, the engine
    tests them where the rows lie, and takes up no others.
    """
    node = _statement(sql)
    if node is None or not _is_plain(node):
        return None
    hidden = {str(entry["key"]).casefold() for entry in node["cte_map"]["map"]}
    names = set() if table in hidden else set(_every_row_of(node["from_table"], table))
    items = node["select_list"]
    subject = _key_of(items[0], names)
    if subject is None or len(items) < 2 or not _is_call(items[1], condition):
        return None
    number = {**items[0], "alias": items[0]["alias"] or "id", "column_names": [subject, "rowid"]}
    whole = {**node, "select_list": [number, *items[1:]]}
    possible = [_not_false(one) for one in _parts(items[1]["arguments"][0]["expression"])]
    if node["where_clause"]:
        possible.insert(0, node["where_clause"])
    every = possible[0]
    if len(possible) > 1:
        every = {**_BLANK, "class": "CONJUNCTION", "type": "CONJUNCTION_AND", "children": possible}
    try:
        return ByRow(
            _text({**node, "select_list": [number]}),
            _text(whole),
            _text({**whole, "where_clause": every}),
        )
    except duckdb.Error:
        return None  # The engine cannot write it down again; it can still be asked by key.


_BLANK = {"alias": "", "query_location": 0, "query_location_length": 0}
_FALSE = {
    **_BLANK,
    "class": "CONSTANT",
    "type": "VALUE_CONSTANT",
    "literal": {"kind": "BOOLEAN", "text": "false"},
}
_MAKES_ROWS = frozenset({"unnest", "unlist", "generate_subscripts"})


def _statement(sql: str) -> dict[str, Any] | None:
    node = _parsed(sql)[0]["node"]
    return node if node["type"] == "SELECT_NODE" else None


def _is_plain(node: dict[str, Any]) -> bool:
    """Whether it gives one row for each that its FROM and WHERE give."""
    grouped = ("modifiers", "group_expressions", "group_sets", "having", "qualify", "sample")
    if any(node[part] for part in grouped) or node["aggregate_handling"] != "STANDARD_HANDLING":
        return False
    waiting: list[object] = [node["select_list"]]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            makes_rows = str(one.get("function_name")).casefold() in _MAKES_ROWS
            if makes_rows or one.get("class") in {"WINDOW", "STAR"}:
                return False
            waiting += one.values()
    return True


def _every_row_of(node: dict[str, Any], table: str) -> list[str]:
    """The names under which a FROM has `table` itself, never padded with nulls."""
    if node["type"] == "BASE_TABLE" and not node["sample"] and not node["column_name_alias"]:
        is_it = str(node["table_name"]).casefold() == table and len(_path(node)) == 1
        return [str(node["alias"] or table).casefold()] if is_it else []
    if node["type"] != "JOIN" or node["ref_type"] not in {"REGULAR", "CROSS"}:
        return []
    if node["join_type"] == "LEFT":
        return _every_row_of(node["left"], table)
    if node["join_type"] == "INNER":
        return _every_row_of(node["left"], table) + _every_row_of(node["right"], table)
    return []


def _path(node: dict[str, Any]) -> list[str]:
    return [str(part) for part in node["qualified_name"]["path"]]


def _key_of(item: dict[str, Any], names: set[str]) -> str | None:
    """The name of the table whose key an item of a SELECT is."""
    if item["type"] != "COLUMN_REF":
        return None
    match [str(part).casefold() for part in item["column_names"]]:
        case ["id"] if len(names) == 1:
            return next(iter(names))
        case [name, "id"] if name in names:
            return name
    return None


def _is_call(item: dict[str, Any], macro: str) -> bool:
    return (
        item["class"] == "FUNCTION"
        and str(item["function_name"]).casefold() == macro
        and len(item["arguments"]) == 1
    )


def _parts(condition: dict[str, Any]) -> list[dict[str, Any]]:
    """What a condition joins by AND."""
    if condition["type"] != "CONJUNCTION_AND":
        return [condition]
    return [part for child in condition["children"] for part in _parts(child)]


def _not_false(condition: dict[str, Any]) -> dict[str, Any]:
    kind = {"class": "COMPARISON", "type": "COMPARE_DISTINCT_FROM"}
    return {**_BLANK, **kind, "left": condition, "right": _FALSE}


def _text(node: dict[str, Any]) -> str:
    """A syntax tree as SQL."""
    tree = {"error": False, "statements": [{"node": node, "named_param_map": []}]}
    with _parser().cursor() as parser:
        row = parser.execute(
            "SELECT json_deserialize_sql($tree::JSON)", {"tree": json.dumps(tree)}
        ).fetchone()
    return str(row[0]) if row else ""
