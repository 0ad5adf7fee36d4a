"""What several files say, laid together to one network.

Rows with the same key, in whatever files, speak of the same thing and are joined: each value that
only one of them states is taken. Where two of them state different values, neither is believed:
the value becomes null, and a finding names both and where they stand. Within one file a second
row that contradicts the first is a reject, because there it is a fault of the file.

Rows are the same by what their keys mean, not by how they are spelt: functions are put in the
catalogue's words, and vendors by their keys, before rows are joined by them; and two spellings of
one maker, serial number or host name are no conflict. Keys that a person has linked are one key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.network import functions, vendors
from ringfence.network.model import ELEMENT, FINDING, FUNCTION, NETWORK_TABLES, VENDOR, VENDOR_ALIAS
from ringfence.store.duck import Connection, Tables, connect, quoted
from ringfence.store.tables import Table

_MAKER_COLUMNS = frozenset({"vendor_name", "original_maker_name"})

Links = Mapping[str, Mapping[str, str]]
"""By table, the keys that are to be read as another key."""


def folded_serial(column: str) -> str:
    """SQL for a serial number without what is a matter of typing."""
    return f"coalesce(nullif(regexp_replace(upper({column}), '[^0-9A-Z]', '', 'g'), ''), {column})"


def folded_name(column: str) -> str:
    """SQL for a host's name in one case and without its domain, which may or may not be written.

    An address that stands for a name has no domain.
    """
    host = f"regexp_extract(lower(trim({column})), '^[^.]*[^0-9.][^.]*')"
    return f"coalesce(nullif({host}, ''), {column})"


_FOLDED = {
    **{
        c: f"(SELECT m.same FROM same_maker m WHERE m.written = s.{c})"
        for c in sorted(_MAKER_COLUMNS)
    },
    "serial": folded_serial("s.serial"),
    "name": folded_name("s.name"),
}
"""SQL for what of a fact tells it from another, where that is not all of it. A name is folded for
elements alone: two sites' names may differ after a dot."""

CONFLICT_RULE = "check/conflict"
UNRESOLVED_RULE = "check/unresolved-vendor"

_KEYED_BY_VENDOR = tuple(
    t for t in NETWORK_TABLES if any(t[k].refers_to == "vendor" for k in t.key)
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A row of a file that contradicts an earlier row of the same file."""

    part: int
    table: str
    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Merged:
    """One network: its tables, what was found on the way, and the rows refused."""

    tables: dict[str, pa.Table]
    findings: pa.Table
    contradictions: list[Contradiction]


def merge(parts: Sequence[Tables], links: Links | None = None) -> Merged:
    """Lay the parts, in the order they were given, together to one network.

    Each part holds some of the network's tables, as one file gave them. Every table of the
    model is in the result, sorted by its key. `links` says by table which keys are to be read as
    another.
    """
    tables: dict[str, pa.Table] = {}
    findings: list[dict[str, object]] = []
    contradictions: list[Contradiction] = []
    given = {t.name: _given(parts, t, links or {}) for t in NETWORK_TABLES}
    with connect({"same_maker": _same_makers(given)}) as connection:

        def join(table: Table) -> None:
            tables[table.name], found = _joined(
                connection, table, given[table.name], contradictions
            )
            findings.extend(found)

        for table in NETWORK_TABLES:
            if table not in _KEYED_BY_VENDOR:
                join(table)
        # A vendor may be named in one file and keyed in another: only resolved are the keys the same.
        loose = {
            t.name: pa.concat_tables([t.conform(t.empty()), *given[t.name].values()])
            for t in _KEYED_BY_VENDOR
        }
        resolution = vendors.resolve({**tables, **loose})
        tables |= resolution.tables
        for table in _KEYED_BY_VENDOR:
            given[table.name] = _parted(tables[table.name], given[table.name])
            join(table)
    findings += [_unresolved(row) for row in resolution.unresolved.to_pylist()]
    findings += [_two_makers(row) for row in resolution.conflicts.to_pylist()]
    return Merged(
        {t.name: _sorted(t, tables[t.name]) for t in NETWORK_TABLES},
        _sorted(FINDING, FINDING.from_rows(findings)),
        sorted(contradictions, key=lambda c: (c.part, c.table, c.place)),
    )


def _given(parts: Sequence[Tables], table: Table, links: Links) -> dict[int, pa.Table]:
    """What each part says of a table, by the part's number; functions by the catalogue's words."""
    given = {
        i: table.conform(part[table.name]) for i, part in enumerate(parts) if table.name in part
    }
    if table is FUNCTION:
        given = {i: _with_kind(rows) for i, rows in given.items()}
    for column in table.columns:
        of = table.name if column.name == "id" else column.refers_to
        if of is not None and of in links:
            given = {i: _linked(rows, column.name, links[of]) for i, rows in given.items()}
    return given


def _linked(rows: pa.Table, column: str, links: Mapping[str, str]) -> pa.Table:
    """The rows with the keys of a column read as those they are linked to."""
    joined, kept = pa.array(list(links), pa.string()), pa.array(list(links.values()), pa.string())
    place = pc.index_in(rows.column(column), value_set=joined)
    values = pc.coalesce(pc.take(kept, place), rows.column(column))
    return rows.set_column(rows.schema.get_field_index(column), column, values)


def _same_makers(given: Mapping[str, Mapping[int, pa.Table]]) -> pa.Table:
    """For each maker's name as `written` a text that is the `same` for the same vendor."""
    names: set[str] = set()
    for table in NETWORK_TABLES:
        for column in _MAKER_COLUMNS & set(table.names):
            for rows in given[table.name].values():
                names.update(pc.unique(rows.column(column)).drop_null().to_pylist())
    known = {
        t.name: pa.concat_tables([t.conform(t.empty()), *given[t.name].values()])
        for t in (VENDOR, VENDOR_ALIAS)
    }
    makers = sorted(vendors.same_makers(names, known).items())
    return pa.table(
        {
            "written": pa.array([written for written, _ in makers], pa.string()),
            "same": pa.array([same for _, same in makers], pa.string()),
        }
    )


def _parted(rows: pa.Table, as_given: Mapping[int, pa.Table]) -> dict[int, pa.Table]:
    """Rows laid one part after the other, taken apart again."""
    parted = {}
    start = 0
    for i, given in as_given.items():
        parted[i] = rows.slice(start, given.num_rows)
        start += given.num_rows
    return parted


def _joined(
    connection: Connection,
    table: Table,
    given: Mapping[int, pa.Table],
    refused: list[Contradiction],
) -> tuple[pa.Table, list[dict[str, object]]]:
    """One table of all parts, one row a key, with the conflicts met."""
    if not given:
        return table.empty(), []
    columns = quoted(table.names)
    numbered = [_numbered(rows, i) for i, rows in given.items()]
    connection.add("stated", pa.concat_tables(numbered))
    key = quoted(table.key)
    connection.run(
        f"CREATE OR REPLACE TEMP TABLE repeated AS "
        f"SELECT {key} FROM stated GROUP BY {key} HAVING count(*) > 1"
    )
    same = " AND ".join(f's."{k}" IS NOT DISTINCT FROM r."{k}"' for k in table.key)
    if connection.value("SELECT count(*) FROM repeated") == 0:
        return pa.concat_tables(list(given.values())), []
    connection.run(
        f"CREATE OR REPLACE TEMP TABLE twice AS SELECT s.*{_folded(table)} FROM stated s "
        f"WHERE EXISTS (SELECT 1 FROM repeated r WHERE {same})"
    )
    facts = [c for c in table.names if c not in table.key and c != "origin"]
    refused += _contradictions(connection, table, facts)
    values = [
        f'CASE WHEN min("{_told_by(c)}") = max("{_told_by(c)}") THEN min("{c}") END AS "{c}"'
        for c in facts
    ]
    differing = [f'min("{_told_by(c)}") <> max("{_told_by(c)}") AS "differs_{c}"' for c in facts]
    origin = "string_agg(DISTINCT origin, chr(10) ORDER BY origin) AS origin"
    chosen = ", ".join([key, *values, *differing, origin])
    connection.run(
        f"CREATE OR REPLACE TEMP TABLE once AS SELECT {chosen} FROM twice GROUP BY {key}"
    )
    whole = connection.query(
        f"SELECT {columns} FROM stated s WHERE NOT EXISTS (SELECT 1 FROM repeated r WHERE {same}) "
        f"UNION ALL SELECT {columns} FROM once"
    )
    return whole, _conflicts(connection, table, facts)


def _numbered(rows: pa.Table, part: int) -> pa.Table:
    """The rows with the number of their part and their own number in it."""
    numbers = pa.array(np.arange(rows.num_rows), pa.int64())
    parts = pa.repeat(pa.scalar(part, pa.int64()), rows.num_rows)
    return rows.append_column("part_", parts).append_column("row_", numbers)


def _told_by(fact: str) -> str:
    """The column of `twice` that tells whether two statements of a fact are the same."""
    return f"same_{fact}" if fact in _FOLDED else fact


def _folded(table: Table) -> str:
    """The columns of `twice` beside the table's own."""
    return "".join(
        f', {(fold if table is ELEMENT or fact != "name" else "s.name")} AS "same_{fact}"'
        for fact, fold in _FOLDED.items()
        if fact in table.names
    )


def _contradictions(
    connection: Connection, table: Table, facts: Sequence[str]
) -> list[Contradiction]:
    """Take out of `twice` what contradicts an earlier row of the same part."""
    if not facts:
        return []
    key = quoted(table.key)
    firsts = ", ".join(
        f'first_value("{_told_by(c)}" IGNORE NULLS) OVER same AS "told_{c}", '
        f'first_value("{c}" IGNORE NULLS) OVER same AS "first_{c}", first_value(CASE WHEN '
        f'"{c}" IS NOT NULL THEN coalesce(origin, \'\') END IGNORE NULLS) OVER same AS "at_{c}"'
        for c in facts
    )
    differs = " OR ".join(f'"{_told_by(c)}" <> "told_{c}"' for c in facts)
    wrong = ", ".join(
        f'CASE WHEN "{_told_by(c)}" <> "told_{c}" THEN \'{c}: \' || "first_{c}" || \' / \' || "{c}" '
        f"|| if(\"at_{c}\" = '', '', ', first at ' || \"at_{c}\") END"
        for c in facts
    )
    connection.run(
        f"CREATE OR REPLACE TEMP TABLE against AS SELECT * FROM (SELECT *, {firsts} FROM twice "
        f"WINDOW same AS (PARTITION BY {key}, part_ ORDER BY row_ "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) WHERE {differs}"
    )
    shown = " || ', ' || ".join(f"coalesce(\"{k}\"::VARCHAR, '')" for k in table.key)
    found = connection.query(
        f"SELECT part_, origin, {shown} AS subject, concat_ws('; ', {wrong}) AS wrong "
        "FROM against ORDER BY part_, row_"
    ).to_pylist()
    connection.run("DELETE FROM twice WHERE (part_, row_) IN (SELECT (part_, row_) FROM against)")
    return [
        Contradiction(
            row["part_"],
            table.name,
            row["origin"] or "",
            f"{table.name} {row['subject']} was given before with other values ({row['wrong']})",
        )
        for row in found
    ]


def _conflicts(
    connection: Connection, table: Table, facts: Sequence[str]
) -> list[dict[str, object]]:
    """A finding for each value on which two parts differ."""
    same = " AND ".join(f'o."{k}" IS NOT DISTINCT FROM t."{k}"' for k in table.key)
    key = ", ".join(f't."{k}"' for k in table.key)
    shown = " || ', ' || ".join(f"coalesce(t.\"{k}\"::VARCHAR, '')" for k in table.key)
    any_of = ", ".join(f'bool_or("differs_{c}") AS "{c}"' for c in facts)
    (differing,) = connection.query(f"SELECT {any_of} FROM once").to_pylist() if facts else ({},)
    found: list[dict[str, object]] = []
    for column in (c for c in facts if differing[c]):
        rows = connection.query(
            f"SELECT {shown} AS subject, string_agg(DISTINCT t.\"{column}\"::VARCHAR, ' / ' "
            f'ORDER BY t."{column}"::VARCHAR) AS stated, '
            "string_agg(DISTINCT t.origin, chr(10) ORDER BY t.origin) AS origins "
            f'FROM once o JOIN twice t ON {same} WHERE o."differs_{column}" '
            f"GROUP BY {key} ORDER BY subject"
        ).to_pylist()
        found += [
            _finding(
                f"{CONFLICT_RULE}-{column}",
                table.name,
                row["subject"],
                f"{column} is stated differently: {row['stated']}; it counts as not stated",
                row["origins"],
            )
            for row in rows
        ]
    return found


def _unresolved(row: Mapping[str, object]) -> dict[str, object]:
    fits = f": {row['candidates']}" if row["candidates"] else ""
    return _finding(
        UNRESOLVED_RULE,
        "vendor_alias",
        str(row["vendor_name"]),
        f"the name, in {row['rows']} rows, {row['reason']}{fits}; its makers count as not stated",
        None,
    )


def _two_makers(row: Mapping[str, object]) -> dict[str, object]:
    origin = row["origin"]
    return _finding(
        f"{CONFLICT_RULE}-maker",
        "element",
        str(row["element"]),
        f"its own maker is {row['vendor']}, its product {row['product']} is of "
        f"{row['product_vendor']}; its own was taken",
        origin if isinstance(origin, str) else None,
    )


def _finding(
    rule: str, table: str, subject: str, because: str, origins: str | None
) -> dict[str, object]:
    return {
        "rule": rule,
        "subject_table": table,
        "subject": subject,
        "verdict": "unknown",
        "because": because,
        "severity": "medium",
        "rests_on": origins,
    }


def _with_kind(table: pa.Table) -> pa.Table:
    """The function table with its kinds in the catalogue's words, or as written where not there."""
    kind = functions.resolve_kinds(table.column("kind"))
    return table.set_column(table.schema.get_field_index("kind"), "kind", kind)


def _sorted(table: Table, rows: pa.Table) -> pa.Table:
    return table.conform(rows).sort_by([(k, "ascending") for k in table.key])
