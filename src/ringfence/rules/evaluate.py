"""Run a rule pack over the network of a day.

A rule is one SELECT over what `rules.published` makes; it returns, for each row of its table of
subjects,

    subject, verdict, because [, rests_on]

and judges the state of the subject as if the rule applied in full. What that means on the day is
told by the rule's phases (`rules.pack`): a breach of what has a deadline ahead complies until then,
and `due_on` and `verdict_when_due` say what comes.

A missing fact is `unknown`, never `comply`: the first duty of this program is not to clear what
nobody has looked at. So each subject has exactly one verdict: of a subject that the rule leaves out
it is `unknown`, and two verdicts on one subject, or one on a stranger, are a fault of the pack.

The packs that came with the program run here; any other runs behind the wall of `store.jail`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.errors import PackError, TimeLimitError
from ringfence.network.model import FINDING
from ringfence.provenance.step import Answer, step
from ringfence.rules.asking import Questions, ask_all, read_rule
from ringfence.rules.elements import Elements
from ringfence.rules.findings import Found, findings, plain
from ringfence.rules.pack import Pack, list_packs, load_pack, read_pack
from ringfence.rules.published import READS, WORKED_OUT, Laid, answerable, lay_out, whole
from ringfence.rules.written import Rule, Standing
from ringfence.store.duck import Tables
from ringfence.store.jail import Limits, walled
from ringfence.store.tables import Column, Table, Type

JUDGED = Table(
    "judged",
    "a rule, and how many subjects of an operator it found so; or why it was not run",
    ("rule", "operator", "verdict", "due"),
    (
        Column("rule", Type.TEXT, "The rule, as `pack/rule`", required=True),
        Column("title", Type.TEXT, "The rule in a line", required=True),
        Column("standing", Type.TEXT, "Whether it was run", required=True,
               one_of=("in force", "not in force", "not encoded")),
        Column("operator", Type.TEXT, "The operator; null where the subject has none",
               refers_to="operator"),
        Column("verdict", Type.TEXT, "The answer on the date asked; null where there is no subject",
               one_of=("breach", "comply", "unknown")),
        Column("due", Type.BOOLEAN, "It will not stay so: a deadline is ahead"),
        Column("subjects", Type.INTEGER, "How many subjects", minimum=0),
        Column("legal_status", Type.TEXT, "Standing of the rule on the date asked"),
        Column("in_force_from", Type.DATE, "First day of the rule, or of its present phase"),
        Column("note", Type.TEXT, "What else is to be said"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EvaluateParameters:
    """What is asked of a pack.

    `values` are the pack's parameters that somebody states. `keep_comply` keeps a finding for each
    subject that complies; otherwise those are only counted, but for the ones with a deadline ahead.
    `rules` asks only these, by their ids.
    """

    as_of: date
    values: Mapping[str, object] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    keep_comply: bool = False
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunPack:
    """A pack by its files, and what is asked of it: all that the answer hangs on.

    Make it with `run_of`. The pack's place on the disk is no part of it, so the same rules give
    the same key wherever they lie.
    """

    name: str
    files: Mapping[str, str]
    ask: EvaluateParameters


def run_of(pack: Pack, ask: EvaluateParameters) -> RunPack:
    """The parameters of the step `run_pack` for `pack`."""
    return RunPack(pack.id, pack.files, ask)


@step(reads=(*READS, *(t.name for t in WORKED_OUT)), writes=("finding", "judged"), version=1)
def run_pack(network: Tables, parameters: RunPack) -> Answer:
    """Hold the network against a pack."""
    answer = evaluate(network, _pack_of(parameters.name, parameters.files), parameters.ask)
    return {"finding": plain(answer["finding"]), "judged": answer["judged"]}


def evaluate(tables: Tables, pack: Pack, parameters: EvaluateParameters) -> dict[str, pa.Table]:
    """The verdicts of `pack` on the network, as the tables `finding` and `judged`.

    `tables` are those of a snapshot; one that is absent counts as empty. Texts that many findings
    share are dictionary-encoded, for there can be a million; `FINDING.conform` writes them out.
    Raises `PackError` where a rule does not run or does not answer as it must, or takes more than
    the limits and did not come with the program; `TimeLimitError` where one of ours takes too much.
    """
    pack = answerable(pack, tables)
    asked = [pack.rule(name) for name in parameters.rules] or list(pack.rules)
    standings = {rule.id: rule.on(parameters.as_of) for rule in asked}
    in_force = [rule for rule in asked if standings[rule.id].effect]
    elements = Elements(whole(tables))
    if pack.built_in and any(rule.subjects == "element" for rule in in_force):
        elements.begin()
    readings = {rule.id: read_rule(pack, rule) for rule in in_force}
    values = pack.values(parameters.values) | {"as_of": parameters.as_of}
    laid = lay_out(elements, pack, parameters.as_of, [*readings.values()])
    questions = Questions(
        pack.id,
        tuple(in_force),
        tuple({n: {**values, **r.values}[n] for n in readings[r.id].parameters} for r in in_force),
        parameters.keep_comply,
        parameters.limits,
        at_once=parameters.limits.threads if pack.built_in else 1,
    )
    answers = ask_all(laid, questions) if pack.built_in else _walled(pack, laid, questions)
    found = [
        Found(
            f"{pack.id}/{r.id}",
            r,
            standings[r.id],
            readings[r.id],
            answers[f"rule/{r.id}"],
            answers[f"subjects/{r.subjects}"],
        )
        for r in in_force
    ]
    parts = findings(found, laid.elements, laid.makers)
    by_operator = {
        name: _by_operator(rows) for name, rows in answers.items() if "subjects/" in name
    }
    counts = [
        row
        for one, part in zip(found, parts, strict=True)
        for row in _counts(
            one,
            part,
            by_operator[f"subjects/{one.rule.subjects}"],
            counted=parameters.keep_comply,
        )
    ]
    counts += _not_run(pack, asked, standings, whole=not parameters.rules)
    return {
        "finding": pa.concat_tables(parts) if parts else FINDING.empty(),
        "judged": JUDGED.from_rows(sorted(counts, key=_place)),
    }


def _walled(pack: Pack, laid: Laid, questions: Questions) -> dict[str, pa.Table]:
    """The answers of a stranger's pack; whatever it does there is a fault of the pack."""
    try:
        return walled(ask_all, laid, questions, limits=questions.limits)
    except TimeLimitError as error:
        where = error.where or pack.id
        raise PackError(
            f"a rule of {pack.id} was stopped: {error.message}",
            where=f"{pack.id}/{where[5:]}" if where.startswith("rule/") else where,
            hint=f"do not rely on this pack: correct that rule, or leave {pack.id} out",
        ) from error


def _pack_of(name: str, files: Mapping[str, str]) -> Pack:
    """The pack that `files` make; it is one of ours only if every byte is."""
    if name in list_packs():
        ours = load_pack(name)
        if ours.files == files:
            return ours
    return read_pack(files, name, name)


def _by_operator(subjects: pa.Table) -> dict[str | None, int]:
    """How many subjects each operator has."""
    counted = subjects.column("operator").value_counts()
    return {one["values"]: one["counts"] for one in counted.to_pylist()}


def _counts(
    one: Found, part: pa.Table, subjects: Mapping[str | None, int], *, counted: bool
) -> Iterator[dict[str, object]]:
    """How many subjects of each operator were found so; those that comply, unless `counted`, too."""
    flagged = pa.table(
        {
            "operator": part.column("operator"),
            "verdict": part.column("verdict"),
            "due": pc.is_valid(part.column("due_on")),
        }
    )
    totals = flagged.group_by(["operator", "verdict", "due"]).aggregate([([], "count_all")])
    left = dict(subjects)
    numbers: dict[tuple[str | None, str | None, bool], int] = {}
    for row in totals.to_pylist():
        numbers[row["operator"], row["verdict"], row["due"]] = row["count_all"]
        left[row["operator"]] -= row["count_all"]
    if not counted:
        numbers |= {(operator, "comply", False): n for operator, n in left.items() if n}
    # A rule that was run and found nothing to judge says so, or it would seem not to be in force.
    for (operator, verdict, due), number in (numbers or {(None, None, False): 0}).items():
        yield {
            "rule": one.name,
            "title": one.rule.title,
            "standing": "in force",
            "operator": operator,
            "verdict": verdict,
            "due": due,
            "subjects": number,
            "legal_status": one.standing.legal_status,
            "in_force_from": one.standing.begins,
            "note": one.rule.note,
        }


def _place(row: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(str(row.get(n) or "") for n in ("rule", "operator", "verdict", "due"))


def _not_run(
    pack: Pack, asked: Sequence[Rule], standings: Mapping[str, Standing], *, whole: bool
) -> Iterator[dict[str, object]]:
    """The rules that are not in force on the day, and the requirements that no rule tests."""
    for rule in asked:
        standing = standings[rule.id]
        if standing.effect is None:
            yield {
                "rule": f"{pack.id}/{rule.id}",
                "title": rule.title,
                "standing": "not in force",
                "legal_status": standing.legal_status,
                "in_force_from": standing.begins,
                "note": f"not in force on that date: from {standing.begins.isoformat()}",
            }
    for item in pack.manifest.not_encoded if whole else ():
        yield {
            "rule": f"{pack.id}/{item.id}",
            "title": item.title,
            "standing": "not encoded",
            "note": item.reason,
        }
