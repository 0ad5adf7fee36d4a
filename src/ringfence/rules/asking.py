"""Ask one rule, and see that its answer is whole.

Each subject must have exactly one verdict. Of a subject that the rule leaves out it is `unknown`;
two verdicts on one subject, one on a stranger, or one that is none of the three, is a fault of the
pack. What complies is counted and not fetched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.errors import InputError, PackError, RingfenceError, TimeLimitError
from ringfence.rules.pack import Pack
from ringfence.rules.published import Laid, open_jail
from ringfence.rules.written import Rule
from ringfence.store.jail import Jail, Limits, QueryError, Reading, read_select

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
    """Every rule's verdicts on the state, as `rule/<id>`: `subject, verdict, because [, rests_on]`.

    And of each table of subjects how many each operator has, as `subjects/<table>`. Raises
    `PackError` where a rule does not run or its answer is not whole, `TimeLimitError` where one
    takes too much.
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
        answers |= {f"subjects/{n}": s.by_operator for n, s in subjects.items()}
    return answers


class _Subjects:
    """The rows that a rule must judge, and the rules' answers on them."""

    def __init__(self, jail: Jail, table: str) -> None:
        self.table = table
        self._jail = jail
        self._answers: dict[tuple[object, ...], pa.Table] = {}
        operator = {"operator": "id", "vendor": "NULL::VARCHAR"}.get(table, "operator")
        self.by_operator = jail.select_ours(
            f'SELECT {operator} AS operator, count(*) AS n FROM "{table}" GROUP BY 1 ORDER BY 1'
        )
        self._are_few = sum(self.by_operator["n"].to_pylist()) <= FEW

    def ask(
        self, pack: str, rule: Rule, bound: Mapping[str, object], *, keep_comply: bool
    ) -> pa.Table:
        """The verdicts of a rule, by subject; two rules that ask the same are asked once."""
        question = (statement(rule), rule.verdicts, tuple(sorted(bound.items())))
        if question not in self._answers:
            asked = _Question(self._jail, self.table, rule, f"{pack}/{rule.id}", bound)
            try:
                self._answers[question] = self._answer(asked, keep_comply=keep_comply)
            except QueryError as error:
                raise _of_pack(error) from error
        return self._answers[question]

    def _answer(self, asked: "_Question", *, keep_comply: bool) -> pa.Table:
        whole = keep_comply or self._are_few
        rows = asked.verdicts(with_comply=whole)
        if self._are_few:
            is_whole = sorted(rows.column("subject").to_pylist(), key=str) == self._ids
        else:
            is_whole = asked.mark() == self._mark
        if not is_whole:
            rows = pa.concat_tables([rows, asked.left_out()], promote_options="default")
        if whole and not keep_comply:
            rows = rows.filter(pc.not_equal(rows.column("verdict"), "comply"))
        return rows if _is_sorted(rows) else rows.sort_by("subject")

    @cached_property
    def _ids(self) -> list[str | None]:
        found = self._jail.select_ours(f'SELECT id FROM "{self.table}" ORDER BY id')
        return cast("list[str | None]", found.column("id").to_pylist())

    @cached_property
    def _mark(self) -> tuple[object, ...]:
        return mark(self._jail, f'SELECT id AS subject FROM "{self.table}"', {}, None)


class _Question:
    """One rule's SELECT, with what its names stand for."""

    def __init__(
        self, jail: Jail, table: str, rule: Rule, name: str, bound: Mapping[str, object]
    ) -> None:
        self._jail = jail
        self._table = table
        self._rule = rule
        self._name = name
        self._bound = bound
        self._sql = statement(rule)

    def verdicts(self, *, with_comply: bool) -> pa.Table:
        """The rule's rows, or those that do not comply."""
        columns = self._jail.columns_of(self._sql, self._bound, where=self._name)
        names = tuple(columns)
        if names not in (RESULT_COLUMNS, (*RESULT_COLUMNS, "rests_on")):
            raise self._fault(
                f"returns {', '.join(names)}", "return subject, verdict, because [, rests_on]"
            )
        more = ", rests_on::VARCHAR AS rests_on" if "rests_on" in columns else ""
        complies = "false" if columns["verdict"] == "BOOLEAN" else "'comply'"
        chosen = "" if with_comply else f"WHERE verdict IS DISTINCT FROM {complies}"
        rows = self._select(
            f"""SELECT subject::VARCHAR AS subject, verdict, because::VARCHAR AS because {more}
                FROM (\n{self._sql}\n) {chosen}"""
        )
        return self._three_valued(rows)

    def _three_valued(self, rows: pa.Table) -> pa.Table:
        """The rows, each with a verdict that the rule may give, in words."""
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
        if strange := sorted(given - set(self._rule.verdicts)):
            raise self._fault(
                f"gives the verdict {strange[0]!r}", f"one of: {', '.join(self._rule.verdicts)}"
            )
        return rows.set_column(1, "verdict", verdict)

    def mark(self) -> tuple[object, ...]:
        """The mark of the subjects that the rule judges."""
        return mark(self._jail, self._sql, self._bound, self._name)

    def left_out(self) -> pa.Table:
        """The subjects that the rule passed over, as unknown; raises where it said too much."""
        twice = self._select(
            f'SELECT id FROM "{self._table}" GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 1',
            bound=False,
        )
        if twice.num_rows:
            raise InputError(
                f"table {self._table} has two rows with the key {twice['id'][0].as_py()!r}",
                where=self._table,
            )
        faults = self._select(
            f"""SELECT r.subject::VARCHAR AS subject, bool_or(s.id IS NULL) AS is_strange
                FROM (\n{self._sql}\n) r LEFT JOIN "{self._table}" s ON s.id = r.subject::VARCHAR
                GROUP BY 1 HAVING count(*) > 1 OR bool_or(s.id IS NULL)
                ORDER BY 1 NULLS FIRST LIMIT 1"""
        )
        for fault in faults.to_pylist():
            subject = fault["subject"]
            if subject is None:
                raise self._fault("judges a subject that is null", "join by the table's key")
            if fault["is_strange"]:
                raise self._fault(
                    f"judges {subject!r}, which is not in {self._table}",
                    f"judge the rows of {self._table}",
                )
            raise self._fault(f"judges {subject!r} twice", "group by the subject")
        return self._select(
            f"""SELECT s.id AS subject, 'unknown' AS verdict, '{LEFT_OUT}' AS because
                FROM "{self._table}" s
                ANTI JOIN (\n{self._sql}\n) r ON s.id = r.subject::VARCHAR"""
        )

    def _select(self, sql: str, *, bound: bool = True) -> pa.Table:
        return self._jail.select_ours(sql, self._bound if bound else None, where=self._name)

    def _fault(self, message: str, hint: str) -> PackError:
        return PackError(message, where=self._name, hint=hint)


def mark(
    jail: Jail, sql: str, bound: Mapping[str, object], where: str | None
) -> tuple[object, ...]:
    """The number of subjects and the sum of their 64-bit hashes.

    Two lists with the same mark hold the same subjects equally often, but for a chance of one in
    2^64; comparing marks costs far less than joining the lists.
    """
    row = jail.select_ours(
        "SELECT count(*), count(subject), sum(hash(subject)) "
        f"FROM (SELECT subject::VARCHAR AS subject FROM (\n{sql}\n))",
        bound,
        where=where,
    )
    return tuple(column[0].as_py() for column in row.columns)


def _is_sorted(rows: pa.Table) -> bool:
    """Whether each subject comes after the one before it."""
    subject = rows.column("subject").combine_chunks()
    return pc.all(pc.less(subject[:-1], subject[1:])).as_py() is not False
