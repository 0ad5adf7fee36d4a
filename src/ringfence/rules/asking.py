"""Ask one rule, and see that its answer is whole.

Each subject must have exactly one verdict. Of a subject that the rule leaves out it is `unknown`;
two verdicts on one subject, one on a stranger, or one that is none of the three, is a fault of the
pack. What complies is counted and not fetched.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
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
from ringfence.store.reading import ByRow, QueryError, Reading, by_row, read_select

RESULT_COLUMNS = ("subject", "verdict", "because")
VERDICTS = pa.array(["breach", "comply", "unknown"])
"""The verdicts; where there are many, each is told by its place among these."""
BREACH, COMPLY, UNKNOWN = range(3)
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
    """Rules to be asked, each with the values of the names after a dollar sign.

    So many are asked `at_once`; behind the wall, where one clock watches the process, only one.
    """

    pack: str
    rules: tuple[Rule, ...]
    bound: tuple[Mapping[str, object], ...]
    keep_comply: bool
    limits: Limits
    at_once: int = 1


def ask_all(laid: Laid, questions: Questions) -> dict[str, pa.Table]:
    """Every rule's verdicts on the state, as `rule/<id>`: `at, verdict, because [, rests_on]`.

    `verdict` is a place in `VERDICTS`, and `at` the number of the subject's row in
    `subjects/<table>`, which are its subjects in the order of their keys: `id, operator, number`,
    the last that of the row in the network's own table. Raises
    `PackError` where a rule does not run or its answer is not whole, `TimeLimitError` where one
    takes too much.
    """
    if not questions.rules:
        return {}
    wanted = sorted({rule.subjects for rule in questions.rules})
    many = {name for name in wanted if laid.elements.tables.rows(name) > FEW}
    with ExitStack() as stack:
        # What is rewritten is kept, and ready by the time that the network is laid out.
        rewriting = stack.enter_context(ThreadPoolExecutor(1))
        for rule in questions.rules:
            if rule.subjects in many:
                rewriting.submit(by_row, statement(rule), rule.subjects, "verdict")
        jail = stack.enter_context(open_jail(laid, wanted, questions.limits))
        pool = ThreadPoolExecutor(questions.at_once)
        stack.callback(pool.shutdown, cancel_futures=True)
        # First of all, so that no rule waits for subjects that nobody has begun to read.
        subjects = {name: _Subjects(jail, name, laid, pool) for name in wanted}
        asked: dict[tuple[object, ...], Future[pa.Table]] = {}
        answers = []
        for rule, bound in zip(questions.rules, questions.bound, strict=True):
            # Two rules that ask the same are asked once.
            same = (statement(rule), rule.subjects, rule.verdicts, *sorted(bound.items()))
            if same not in asked:
                name = f"{questions.pack}/{rule.id}"
                question = _Question(jail, rule, name, bound, subjects[rule.subjects])
                asked[same] = pool.submit(question.answer, keep_comply=questions.keep_comply)
            answers.append(asked[same])
        found = {
            f"rule/{rule.id}": answer.result()
            for rule, answer in zip(questions.rules, answers, strict=True)
        }
        return found | {f"subjects/{name}": one.rows for name, one in subjects.items()}


class _Subjects:
    """The rows that rules must judge, read in the background."""

    def __init__(self, jail: Jail, table: str, laid: Laid, pool: ThreadPoolExecutor) -> None:
        self.table = table
        self._laid = laid
        self.size = int(jail.select_ours(f'SELECT count(*) FROM "{table}"').column(0)[0].as_py())
        self._jail = jail
        self._pool = pool
        self._read = pool.submit(self._in_order)
        self._times: dict[tuple[object, ...], Future[np.ndarray | None]] = {}

    @property
    def rows(self) -> pa.Table:
        """Their keys, operators and numbers, in the order of the keys."""
        return self._read.result()[0]

    @property
    def ids(self) -> pa.Array:
        """Their keys, in order."""
        return self.rows.column("id").combine_chunks()

    @property
    def place(self) -> np.ndarray:
        """Where the row with each of the engine's numbers lies in that order."""
        return self._read.result()[1]

    def _in_order(self) -> tuple[pa.Table, np.ndarray]:
        operator = {"operator": "id", "vendor": "NULL::VARCHAR"}.get(self.table, "operator")
        found = self._jail.select_ours(
            f'SELECT id, {operator} AS operator, rowid FROM "{self.table}"'
        )
        rowids = found.column("rowid").to_numpy()
        found = found.select(["id", "operator"]).combine_chunks()
        if not _ascends(found.column("id")):
            order = pc.sort_indices(found.column("id")).to_numpy()
            found, rowids = found.take(order).combine_chunks(), rowids[order]
            if not _ascends(found.column("id")):
                _complain_of_a_key_twice(self.table, found.column("id"))
        place = np.empty(self.size, np.int64)
        place[rowids] = np.arange(self.size)
        number = rowids
        if self.table == "element":
            number = self._laid.elements.in_service(self._laid.as_of)[rowids]
        return found.append_column("number", pa.array(number, pa.int32())), place

    def times(self, by_number: ByRow, bound: Mapping[str, object]) -> "Future[np.ndarray | None]":
        """How often a statement judges each, as `_times` tells; many ask it of the same rows."""
        named = {name: value for name, value in bound.items() if f"${name}" in by_number.rows}

        def count() -> np.ndarray | None:
            numbers = self._jail.select_ours(by_number.rows, named).column(0).to_numpy()
            # Where each is judged once, their order is of no account.
            if _times(numbers, self.size) is None:
                return None
            return _times(self.place[numbers], self.size)

        same = (by_number.rows, *sorted(named.items()))
        if same not in self._times:
            self._times[same] = self._pool.submit(count)
        return self._times[same]


def _times(judged: np.ndarray, size: int) -> np.ndarray | None:
    """How often each of so many subjects is judged; None where each of them is, once."""
    times = np.bincount(judged, minlength=size)
    return None if (times == 1).all() else times


class _Question:
    """One rule's SELECT, with what its names stand for, and those it must judge."""

    def __init__(
        self,
        jail: Jail,
        rule: Rule,
        name: str,
        bound: Mapping[str, object],
        subjects: _Subjects,
    ) -> None:
        self._jail = jail
        self._rule = rule
        self._sql = statement(rule)
        self._name = name
        self._bound = bound
        self._subjects = subjects
        self._is_of_few = subjects.size <= FEW
        self._by_number = None if self._is_of_few else by_row(self._sql, subjects.table, "verdict")
        if self._by_number:
            self._times = subjects.times(self._by_number, bound)

    def answer(self, *, keep_comply: bool) -> pa.Table:
        """The verdicts, by subject."""
        try:
            return self._answer(keep_comply=keep_comply)
        except QueryError as error:
            raise _of_pack(error) from error
        except pa.ArrowException:
            self._complain("gives a subject or verdict that is no text")

    def _answer(self, *, keep_comply: bool) -> pa.Table:
        size = self._subjects.size
        if self._by_number:
            rows = self._judged(self._by_number.whole if keep_comply else self._by_number.kept)
            at = self._subjects.place[rows.column("subject").to_numpy()]
            times = self._times.result()
        else:
            chosen = self._sql if self._is_of_few or keep_comply else self._not_complying()
            rows = self._judged(chosen)
            at = judged = self._places(rows.column("subject"))
            if chosen != self._sql:
                whom = self._select(f"SELECT subject FROM (\n{self._sql}\n)")
                judged = self._places(whom.column("subject"))
            times = _times(judged, size)
        rows = rows.set_column(0, "at", pa.array(at))
        if times is not None:
            if (times > 1).any():
                self._complain(f"judges {self._subjects.ids[int(times.argmax())].as_py()!r} twice")
            left_out = np.flatnonzero(times == 0)
            because = pa.repeat(pa.scalar(LEFT_OUT, pa.string()), len(left_out))
            unknown = np.full(len(left_out), UNKNOWN, np.int8)
            more = pa.table({"at": left_out, "verdict": unknown, "because": because})
            rows = pa.concat_tables([rows, more], promote_options="default")
        if not keep_comply and self._is_of_few:
            rows = rows.filter(pc.not_equal(rows.column("verdict"), COMPLY))
        at = rows.column("at").to_numpy()
        return rows if (at[:-1] < at[1:]).all() else rows.take(np.argsort(at, kind="stable"))

    def _judged(self, sql: str) -> pa.Table:
        """An answer to the rule, each verdict one that the rule may give, by its place."""
        rows = self._select(sql)
        names = tuple(rows.schema.names)
        if names not in (RESULT_COLUMNS, (*RESULT_COLUMNS, "rests_on")):
            self._complain(f"returns {', '.join(names)}")
        if not all(pa.types.is_string(rows.schema.field(name).type) for name in names[2:]):
            text = ", ".join(f"{name}::VARCHAR AS {name}" for name in names[2:])
            rows = self._select(f"SELECT subject, verdict, {text} FROM (\n{sql}\n)")
        verdict = rows.column("verdict")
        if pa.types.is_boolean(verdict.type):
            places = pc.if_else(verdict, pa.scalar(BREACH, pa.int8()), pa.scalar(COMPLY, pa.int8()))
            places = pc.fill_null(places, UNKNOWN)
            given = {VERDICTS[place].as_py() for place in pc.unique(places).to_pylist()}
        else:
            verdict = verdict.cast(pa.string())
            if verdict.null_count:
                absent, because = pc.is_null(verdict), rows.column("because")
                because = pc.if_else(absent, pc.fill_null(because, NO_VERDICT), because)
                rows = rows.set_column(2, "because", because)
            places = pc.index_in(pc.fill_null(verdict, "unknown"), value_set=VERDICTS)
            places = places.cast(pa.int8())
            given = set(pc.unique(pc.fill_null(verdict, "unknown")).to_pylist())
        if strange := sorted(given - set(self._rule.verdicts)):
            self._complain(f"gives the verdict {strange[0]!r}")
        return rows.set_column(1, "verdict", places)

    def _not_complying(self) -> str:
        """The rule's SELECT without what complies."""
        types = self._jail.columns_of(self._sql, self._bound, where=self._name)
        complies = "false" if types.get("verdict") == "BOOLEAN" else "'comply'"
        return f"SELECT * FROM (\n{self._sql}\n) WHERE verdict IS DISTINCT FROM {complies}"

    def _places(self, subjects: pa.ChunkedArray) -> np.ndarray:
        """Where each subject lies among those to be judged."""
        if not pa.types.is_string(subjects.type):
            subjects = subjects.cast(pa.string())
        if subjects.null_count:
            self._complain("judges a subject that is null")
        found = pc.index_in(subjects, value_set=self._subjects.ids)
        if found.null_count:
            strange = min(subjects.filter(pc.is_null(found)).to_pylist())
            self._complain(f"judges {strange!r}, which is not in {self._subjects.table}")
        places: np.ndarray = found.to_numpy().astype(np.int64)
        return places

    def _select(self, sql: str) -> pa.Table:
        return self._jail.select_ours(sql, self._bound, where=self._name)

    def _complain(self, message: str) -> NoReturn:
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


def _ascends(ids: pa.ChunkedArray) -> bool:
    """Whether each key comes after the one before it."""
    keys = ids.combine_chunks()
    return not keys.null_count and pc.all(pc.less(keys[:-1], keys[1:])).as_py() is not False
