"""Ask one rule, and see that its answer is whole.

Each subject must have exactly one verdict. Of a subject that the rule leaves out it is `unknown`;
two verdicts on one subject, one on a stranger, or one that is none of the three, is a fault of the
pack. What complies is counted and not fetched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.errors import InputError, PackError, RingfenceError, TimeLimitError
from ringfence.rules.pack import Pack
from ringfence.rules.published import Laid, open_jail
from ringfence.rules.written import Rule
from ringfence.store.jail import Jail, Limits
from ringfence.store.reading import QueryError, Reading, by_row, read_select

RESULT_COLUMNS = ("subject", "verdict", "because")
LEFT_OUT = "the rule said nothing of it"
NO_VERDICT = "the rule came to no verdict"

FEW = 10_000
"""So many subjects are fetched whole, since asking twice would cost more."""


def read_rule(pack: Pack, rule: Rule) -> Reading:
    """What a rule's SELECT names; raises `PackError` where it may not be run."""
    where = f"{pack.id}/{rule.id}"
    try:
        reading = read_select(statement(rule), where=where)
    except QueryError as error:
        raise _of_pack(error) from error
    if reading.unordered:
        raise PackError(
            f"{min(reading.unordered)} takes rows in an order, and is given none",
            where=where,
            hint="use min, max or names_of(x), or give it an ORDER BY",
        )
    known = {"as_of", *rule.values, *(p.name for p in pack.manifest.parameter)}
    if strange := sorted(reading.parameters - known):
        raise PackError(
            f"${strange[0]} is neither a value of the rule nor a parameter of the pack",
            where=where,
            hint=f"there are: {', '.join(f'${name}' for name in sorted(known))}",
        )
    if unused := sorted(set(rule.values) - reading.parameters):
        raise PackError(
            f"the value {unused[0]} is not used by the rule",
            where=where,
            hint=f"write ${unused[0]} where it belongs, or take it out",
        )
    return reading


def statement(rule: Rule) -> str:
    """The rule's SELECT, as it can stand inside another."""
    return rule.select.rstrip().rstrip(";")


def _of_pack(error: RingfenceError) -> RingfenceError:
    """A fault of a statement, as a fault of the pack; limits stay what they are."""
    if isinstance(error, TimeLimitError):
        return error
    return PackError(error.message, where=error.where, hint="see: ringfence rules test")


@dataclass(frozen=True, slots=True)
class Questions:
    """Rules to be asked, each with the values of the names after a dollar sign."""

    pack: str
    rules: tuple[Rule, ...]
    bound: tuple[Mapping[str, object], ...]
    keep_comply: bool
    limits: Limits


def ask_all(laid: Laid, questions: Questions) -> dict[str, pa.Table]:
    """Every rule's verdicts on the state, as `rule/<id>`: `at, verdict, because [, rests_on]`.

    `at` is the number of the subject's row in `subjects/<table>`, which are its subjects in the
    order of their keys: `id, operator`. Raises `PackError` where a rule does not run or its answer
    is not whole, `TimeLimitError` where one takes too much.
    """
    if not questions.rules:
        return {}
    wanted = sorted({rule.subjects for rule in questions.rules})
    answers = {}
    with open_jail(laid, wanted, questions.limits) as jail:
        subjects = {name: _Subjects(jail, name) for name in wanted}
        for rule, bound in zip(questions.rules, questions.bound, strict=True):
            answers[f"rule/{rule.id}"] = subjects[rule.subjects].ask(
                questions.pack, rule, bound, keep_comply=questions.keep_comply
            )
        answers |= {f"subjects/{name}": one.rows for name, one in subjects.items()}
    return answers


class _Subjects:
    """The rows that a rule must judge, and the rules' answers on them."""

    def __init__(self, jail: Jail, table: str) -> None:
        self._jail = jail
        self._table = table
        self._answers: dict[tuple[object, ...], pa.Table] = {}
        operator = {"operator": "id", "vendor": "NULL::VARCHAR"}.get(table, "operator")
        found = jail.select_ours(f'SELECT id, {operator} AS operator, rowid FROM "{table}"')
        in_order = found.column("rowid").to_numpy()
        found = found.select(["id", "operator"])
        if not _ascends(found.column("id")):
            order = pc.sort_indices(found.column("id")).to_numpy()
            found, in_order = found.take(order), in_order[order]
            if not _ascends(found.column("id")):
                _complain_of_a_key_twice(table, found.column("id"))
        self.rows = found.combine_chunks()
        self._ids = self.rows.column("id").combine_chunks()
        # Where the row with each of the engine's numbers lies among them.
        self._place = np.empty(len(in_order), np.int64)
        self._place[in_order] = np.arange(len(in_order))

    def ask(
        self, pack: str, rule: Rule, bound: Mapping[str, object], *, keep_comply: bool
    ) -> pa.Table:
        """The verdicts of a rule, by subject; two rules that ask the same are asked once."""
        question = (statement(rule), rule.verdicts, tuple(sorted(bound.items())))
        if question not in self._answers:
            asked = _Question(self._jail, rule, f"{pack}/{rule.id}", bound)
            try:
                self._answers[question] = self._answer(asked, keep_comply=keep_comply)
            except QueryError as error:
                raise _of_pack(error) from error
        return self._answers[question]

    def _answer(self, asked: "_Question", *, keep_comply: bool) -> pa.Table:
        names, complies = asked.columns()
        few = len(self._ids) <= FEW
        by_number = None if few else by_row(asked.sql, self._table, "verdict")
        if by_number:
            rows = asked.select(by_number.whole if keep_comply else by_number.kept, names)
            judged = self._place[asked.subjects(by_number.rows).to_numpy()]
            at = self._place[rows.column("subject").to_numpy()]
        else:
            chosen = "" if few or keep_comply else f"WHERE verdict IS DISTINCT FROM {complies}"
            rows = asked.select(f"SELECT * FROM (\n{asked.sql}\n) {chosen}", names)
            at = self._places(asked, rows.column("subject"))
            whole = few or keep_comply
            judged = at if whole else self._places(asked, asked.subjects(asked.sql))
        rows = rows.set_column(0, "at", pa.array(at))
        times = np.bincount(judged, minlength=len(self._ids))
        if (times > 1).any():
            asked.complain(f"judges {self._ids[int(times.argmax())].as_py()!r} twice")
        if len(judged) < len(self._ids):
            left_out = np.flatnonzero(times == 0)
            more = pa.table({"at": left_out, "verdict": _same("unknown", len(left_out))})
            more = more.append_column("because", _same(LEFT_OUT, len(left_out)))
            rows = pa.concat_tables([rows, more], promote_options="default")
        if not keep_comply:
            rows = rows.filter(pc.not_equal(rows.column("verdict"), "comply"))
        at = rows.column("at").to_numpy()
        return rows if (at[:-1] < at[1:]).all() else rows.take(np.argsort(at))

    def _places(self, asked: "_Question", subjects: pa.ChunkedArray) -> np.ndarray:
        """Where each subject lies among those to be judged."""
        if subjects.null_count:
            asked.complain("judges a subject that is null")
        found = pc.index_in(subjects, value_set=self._ids)
        if found.null_count:
            strange = min(subjects.filter(pc.is_null(found)).to_pylist())
            asked.complain(f"judges {strange!r}, which is not in {self._table}")
        places: np.ndarray = found.to_numpy().astype(np.int64)
        return places


class _Question:
    """One rule's SELECT, with what its names stand for."""

    def __init__(self, jail: Jail, rule: Rule, name: str, bound: Mapping[str, object]) -> None:
        self.sql = statement(rule)
        self._jail = jail
        self._verdicts = set(rule.verdicts)
        self._name = name
        self._bound = bound

    def columns(self) -> tuple[tuple[str, ...], str]:
        """The columns that the rule returns, and how it says that a subject complies."""
        types = self._jail.columns_of(self.sql, self._bound, where=self._name)
        names = tuple(types)
        if names not in (RESULT_COLUMNS, (*RESULT_COLUMNS, "rests_on")):
            self.complain(f"returns {', '.join(names)}")
        return names, "false" if types["verdict"] == "BOOLEAN" else "'comply'"

    def select(self, sql: str, names: tuple[str, ...]) -> pa.Table:
        """An answer to the rule, each verdict one that the rule may give, in words."""
        text = ", ".join(f"{name}::VARCHAR AS {name}" for name in names[2:])
        rows = self._select(f"SELECT subject, verdict, {text} FROM (\n{sql}\n)")
        if not pa.types.is_integer(rows.schema.field("subject").type):
            rows = rows.set_column(0, "subject", rows.column("subject").cast(pa.string()))
        verdict = rows.column("verdict")
        if pa.types.is_boolean(verdict.type):
            verdict = pc.if_else(verdict, "breach", "comply")
        else:
            verdict = verdict.cast(pa.string())
            if verdict.null_count:
                absent, because = pc.is_null(verdict), rows.column("because")
                because = pc.if_else(absent, pc.fill_null(because, NO_VERDICT), because)
                rows = rows.set_column(2, "because", because)
        verdict = pc.fill_null(verdict, "unknown")
        given = set(pc.unique(verdict).to_pylist())
        if strange := sorted(given - self._verdicts):
            self.complain(f"gives the verdict {strange[0]!r}")
        return rows.set_column(1, "verdict", verdict)

    def subjects(self, sql: str) -> pa.ChunkedArray:
        """Whom an answer judges."""
        return self._select(f"SELECT subject FROM (\n{sql}\n)").column("subject")

    def _select(self, sql: str) -> pa.Table:
        return self._jail.select_ours(sql, self._bound, where=self._name)

    def complain(self, message: str) -> NoReturn:
        """Raise the fault of the pack that its answer shows."""
        raise PackError(
            message,
            where=self._name,
            hint="return subject, verdict, because [, rests_on], one row a subject",
        )


def _complain_of_a_key_twice(table: str, ids: pa.ChunkedArray) -> NoReturn:
    keys = ids.combine_chunks()
    twice = pc.filter(keys[1:], pc.equal(keys[:-1], keys[1:]))
    key = twice[0].as_py() if len(twice) else None
    raise InputError(f"table {table} has two rows with the key {key!r}", where=table)


def _same(text: str, size: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), size)


def _ascends(ids: pa.ChunkedArray) -> bool:
    """Whether each key comes after the one before it."""
    keys = ids.combine_chunks()
    return not keys.null_count and pc.all(pc.less(keys[:-1], keys[1:])).as_py() is not False
