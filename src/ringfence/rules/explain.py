"""Why a finding is what it is: the clause, the SELECT, the rows, and what would change it.

What would change it is not guessed: single facts about the subject are taken out or put in one at a
time, and the rule is asked again of each network that this makes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.errors import NotFoundError
from ringfence.network.model import NETWORK_TABLES
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.pack import Pack
from ringfence.rules.written import Rule
from ringfence.store.duck import Tables
from ringfence.store.tables import Table

CHANGES_AT_MOST = 24
"""So many changes are tried; each asks the rule of the whole network again."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A finding, the rule behind it, the subject's rows by table, and the changes that matter.

    `changes` are pairs of what is changed and the verdict then.
    """

    rule: Rule
    finding: Mapping[str, object]
    rows: Mapping[str, list[dict[str, object]]]
    changes: tuple[tuple[str, str], ...]
    tried: int


def explain(
    tables: Tables, pack: Pack, rule_id: str, subject: str, ask: EvaluateParameters
) -> Explained:
    """Explain what a rule says of a subject, whether or not it complies.

    Raises `NotFoundError` where the rule is not in force on the day or does not judge the subject.
    """
    rule = pack.rule(rule_id)
    ask = replace(ask, rules=(rule.id,), keep_comply=True)
    finding = _finding(tables, pack, ask, subject)
    if finding is None:
        raise NotFoundError(
            f"{pack.id}/{rule.id} says nothing of {subject!r} on {ask.as_of}",
            hint=f"its subjects are rows of {rule.subjects}: ringfence show {rule.subjects}",
        )
    changes, tried = [], 0
    now = (finding["verdict"], finding["verdict_when_due"])
    for what, changed in _candidates(tables, rule.subjects, subject):
        if tried == CHANGES_AT_MOST:
            break
        tried += 1
        then = _finding(changed, pack, ask, subject)
        if then is None:
            changes.append((what, "no subject any more"))
        elif (then["verdict"], then["verdict_when_due"]) != now:
            later = f", on the deadline {then['verdict_when_due']}" if then["due_on"] else ""
            changes.append((what, f"{then['verdict']}{later}"))
    rows = {
        table.name: [dict(row) for row in found.to_pylist()]
        for table, found in _rows_of(tables, rule.subjects, subject)
    }
    return Explained(rule, finding, rows, tuple(changes), tried)


def _finding(
    tables: Tables, pack: Pack, ask: EvaluateParameters, subject: str
) -> dict[str, object] | None:
    found = evaluate(tables, pack, ask)["finding"]
    of_subject = found.filter(pc.equal(found["subject"].cast(pa.string()), subject)).to_pylist()
    return of_subject[0] if of_subject else None


def _rows_of(tables: Tables, of: str, subject: str) -> Iterator[tuple[Table, pa.Table]]:
    """The subject's own row and the rows that name it."""
    for table in NETWORK_TABLES:
        if table.name not in tables:
            continue
        columns = ["id"] if table.name == of else []
        columns += [c.name for c in table.columns if c.refers_to == of]
        if columns:
            found = tables[table.name]
            yield table, found.filter(_names(found, columns, subject))


def _names(found: pa.Table, columns: list[str], subject: str) -> pa.ChunkedArray:
    mask = pa.repeat(pa.scalar(False), found.num_rows)
    for column in columns:
        mask = pc.or_(mask, pc.fill_null(pc.equal(found[column], subject), False))
    return mask


def _candidates(tables: Tables, of: str, subject: str) -> Iterator[tuple[str, Tables]]:
    """Networks that differ in one fact, each with what differs."""
    own = tables[of]
    at = pc.equal(own["id"], subject)
    yield f"without this {of}", tables.and_these({of: own.filter(pc.invert(at))})
    for column in ("vendor", "product", "site"):
        if column not in own.schema.names or of == column:
            continue
        stated = own.filter(at)[column].to_pylist()
        if stated and stated[0] is not None:
            yield f"{column} not stated", tables.and_these({of: _with(own, at, column, None)})
    if "vendor" in own.schema.names:
        for vendor in tables["vendor"].sort_by("id").slice(0, 6).to_pylist():
            made = _with(_with(own, at, "vendor", vendor["id"]), at, "product", None)
            yield f"made by {vendor['name'] or vendor['id']}", tables.and_these({of: made})
    for table, rows in _rows_of(tables, of, subject):
        if table.name == of or not rows.num_rows:
            continue
        found = tables[table.name]
        columns = [c.name for c in table.columns if c.refers_to == of]
        left = found.filter(pc.invert(_names(found, columns, subject)))
        yield f"without its rows of {table.name}", tables.and_these({table.name: left})


def _with(table: pa.Table, at: pa.ChunkedArray, column: str, value: str | None) -> pa.Table:
    if column not in table.schema.names:
        return table
    field = table.schema.field(column)
    changed = pc.if_else(at, pa.scalar(value, field.type), table[column])
    return table.set_column(table.schema.get_field_index(column), field, changed)
