"""What changed between two states of a network: rows added, rows removed, values changed."""

from dataclasses import dataclass

import pyarrow as pa

from ringfence.network.model import NETWORK_TABLES
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Connection, Tables, connect
from ringfence.store.tables import Column, Table, Type

DIFFERENCE = Table(
    "difference",
    "a row added or removed, or a value changed, between two snapshots",
    ("table", "key", "column"),
    (
        Column("table", Type.TEXT, "The table", required=True),
        Column("key", Type.TEXT, "The row's key", required=True),
        Column("change", Type.TEXT, "What happened", required=True,
               one_of=("added", "removed", "changed")),
        Column("column", Type.TEXT, "The column, where a value changed"),
        Column("before", Type.TEXT, "The value before; null where not stated"),
        Column("after", Type.TEXT, "The value after; null where not stated"),
    ),
)  # fmt: skip

_NAMES = tuple(t.name for t in NETWORK_TABLES)


@dataclass(frozen=True, slots=True)
class DiffParameters:
    """Nothing but the two networks is asked for."""


def both(before: Tables, after: Tables) -> Tables:
    """Two networks as one set of tables, for `diff` to read."""
    members = {f"before_{n}": before.member(n) for n in _NAMES}
    members |= {f"after_{n}": after.member(n) for n in _NAMES}
    hashes = {f"before_{n}": before.hash_of(n) for n in _NAMES}
    hashes |= {f"after_{n}": after.hash_of(n) for n in _NAMES}
    return Tables(members, hashes)


@step(
    reads=tuple(f"{side}_{name}" for side in ("before", "after") for name in _NAMES),
    writes=("difference",),
    version=1,
)
def diff(networks: Tables, parameters: DiffParameters) -> Answer:  # noqa: ARG001
    """Compare two networks, laid together by `both`. Where a row was read from is no change."""
    with connect(networks) as duck:
        pieces = [DIFFERENCE.empty()]
        for table in NETWORK_TABLES:
            if any(networks.rows(f"{side}_{table.name}") for side in ("before", "after")):
                pieces += _of(duck, table)
    rows = pa.concat_tables([DIFFERENCE.conform(p) for p in pieces])
    return {
        "difference": rows.sort_by([("table", "ascending"), ("key", "ascending"), ("column", "ascending")])
    }  # fmt: skip


def _of(duck: Connection, table: Table) -> list[pa.Table]:
    key = " || ', ' || ".join(f"coalesce({{0}}.\"{k}\"::VARCHAR, '')" for k in table.key)
    same = " AND ".join(f'b."{k}" IS NOT DISTINCT FROM a."{k}"' for k in table.key)
    before, after = f'"before_{table.name}" b', f'"after_{table.name}" a'
    one_side = [
        duck.query(
            f"SELECT '{table.name}' AS \"table\", {key.format(letter)} AS key, "
            f"'{change}' AS change FROM {here} WHERE NOT EXISTS "
            f"(SELECT 1 FROM {there} WHERE {same})"
        )
        for letter, here, there, change in (
            ("a", after, before, "added"),
            ("b", before, after, "removed"),
        )
    ]
    facts = [c for c in table.names if c not in table.key and c != "origin"]
    if not facts:
        return one_side
    differs = " OR ".join(f'a."{c}" IS DISTINCT FROM b."{c}"' for c in facts)
    pairs = ", ".join(
        f"{{'column': '{c}', 'before': b.\"{c}\"::VARCHAR, 'after': a.\"{c}\"::VARCHAR, "
        f'\'differs\': a."{c}" IS DISTINCT FROM b."{c}"}}'
        for c in facts
    )
    changed = duck.query(
        f"SELECT '{table.name}' AS \"table\", key, 'changed' AS change, pair['column'] AS \"column\", "
        "pair['before'] AS before, pair['after'] AS after "
        f"FROM (SELECT {key.format('a')} AS key, unnest([{pairs}]) AS pair "
        f"FROM {after} JOIN {before} ON {same} WHERE {differs}) WHERE pair['differs']"
    )
    return [*one_side, changed]
