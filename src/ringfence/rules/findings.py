"""What rules found of the state of things, as what it means on a day, each with its proof.

A finding is a dozen texts, most of which it shares with many others: the rule, its source, its
standing, the rows of one element. Each such text is held once and the findings point at it
(Arrow's dictionary encoding), since there can be a million of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.network.model import FINDING
from ringfence.rules.asking import BREACH, COMPLY, VERDICTS
from ringfence.rules.elements import Elements
from ringfence.rules.proofs import proofs
from ringfence.rules.written import Effect, Rule, Standing
from ringfence.store.reading import Reading

MEANS: Mapping[Effect, Mapping[str, str]] = {
    "announced": {"breach": "comply", "unknown": "comply"},
    "where possible": {"breach": "unknown"},
    "binding": {},
    "advice": {},
}
"""What the verdict on the state means under each effect, where it means something else."""

PART_ROWS = 65_536
"""Rows written out at a time."""

_OF_MAKERS = ("element", "placement", "contract", "vendor")
_SAY_OF_MAKERS = (
    "is_listed",
    "listed_because",
    "listed_vendors",
    "made_by",
    "has_mitigation_strategy",
)


@dataclass(frozen=True, slots=True)
class Found:
    """One rule's verdicts on the state, with what it takes to make findings of them.

    `rows` has `at, verdict, because [, rests_on]`, `at` being a row's number in `subjects`, which
    has `id, operator, number`.
    """

    name: str
    rule: Rule
    standing: Standing
    reading: Reading
    rows: pa.Table
    subjects: pa.Table

    @property
    def is_of_makers(self) -> bool:
        """Whether the rule asks who made something."""
        return any(self.reading.may_mean(t, c) for t in _OF_MAKERS for c in _SAY_OF_MAKERS)


def findings(found: Sequence[Found], elements: Elements, makers: pa.Table) -> list[pa.Table]:
    """The findings of each rule, in the order given; columns as in `FINDING`.

    Texts that repeat are dictionary-encoded; `FINDING.conform` writes them out. `makers` is the
    `listing` of the vendors.
    """
    texts = {name: _Texts() for name in (*_OF_A_RULE, "subject", "operator", "rests_on")}
    places: list[dict[str, pa.Array]] = [{} for _ in found]
    for one, place in zip(found, places, strict=True):
        rule, size = one.rule, one.rows.num_rows
        said = {
            "rule": one.name,
            "subject_table": rule.subjects,
            "severity": rule.severity,
            "citation": f"{rule.citation}, grade {rule.grade}",
            "legal_status": one.standing.legal_status,
        }
        for name, text in said.items():
            place[name] = texts[name].places(pa.array([text]), np.zeros(size, np.int32))
    for table in sorted({one.rule.subjects for one in found}):
        own = [i for i, one in enumerate(found) if one.rule.subjects == table]
        subjects = found[own[0]].subjects
        is_met = np.zeros(subjects.num_rows, bool)
        for i in own:
            is_met[found[i].rows.column("at").to_numpy()] = True
        met = subjects.filter(pa.array(is_met)).combine_chunks()
        place_of = np.cumsum(is_met, dtype=np.int32) - 1
        ids = met.column("id").combine_chunks()
        numbers = met.column("number").to_numpy()
        of_makers = {found[i].is_of_makers for i in own}
        origins = proofs(elements, table, numbers, makers, of_makers)
        operator = met.column("operator").combine_chunks().dictionary_encode()
        by_operator = pc.fill_null(operator.indices, -1).to_numpy()
        names = pa.concat_arrays([operator.dictionary, pa.nulls(1, pa.string())])
        for i in own:
            rows = found[i].rows
            mine = place_of[rows.column("at").to_numpy()]
            places[i]["subject"] = texts["subject"].places(ids, mine)
            places[i]["operator"] = texts["operator"].places(names, by_operator[mine] % len(names))
            rests_on = origins[found[i].is_of_makers]
            if "rests_on" in rows.schema.names:
                rests_on = pc.coalesce(rows.column("rests_on"), rests_on.take(pa.array(mine)))
                mine = np.arange(rows.num_rows, dtype=np.int32)
            places[i]["rests_on"] = texts["rests_on"].places(rests_on, mine)
    held = {name: column.dictionary() for name, column in texts.items()}
    return [_of_one(one, place, held) for one, place in zip(found, places, strict=True)]


_OF_A_RULE = ("rule", "subject_table", "severity", "citation", "legal_status")


class _Texts:
    """A column's texts, each held once."""

    def __init__(self) -> None:
        self._parts: list[pa.Array | pa.ChunkedArray] = []
        self._begins: list[int] = []
        self._size = 0

    def places(self, texts: pa.Array | pa.ChunkedArray, chosen: np.ndarray) -> pa.Array:
        """Where the texts at `chosen` lie, once all are together; null where there is none."""
        begin = next(
            (b for b, p in zip(self._begins, self._parts, strict=True) if p is texts), None
        )
        if begin is None:
            begin = self._size
            self._parts.append(texts)
            self._begins.append(begin)
            self._size += len(texts)
        mask = None
        if texts.null_count:
            mask = pc.is_null(texts).to_numpy(zero_copy_only=False)[chosen]
        return pa.array(chosen + np.int32(begin), mask=mask)

    def dictionary(self) -> pa.Array:
        """All texts."""
        chunks = [
            chunk
            for part in self._parts
            for chunk in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])
        ]
        return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())


def _of_one(one: Found, places: Mapping[str, pa.Array], held: Mapping[str, pa.Array]) -> pa.Table:
    standing, rows = one.standing, one.rows
    size = rows.num_rows
    state = rows.column("verdict").to_numpy()
    because = rows.column("because")
    effect = cast("Effect", standing.effect)
    if effect == "where possible":
        lawful_only = f"lawful only if the operator was given the later date, {standing.due_on}: "
        said = pc.binary_join_element_wise(lawful_only, pc.fill_null(because, ""), "")
        because = pc.if_else(pa.array(state == BREACH), said, because)
    if standing.due_on is not None and standing.effect_when_due is not None:
        is_kept = state == COMPLY
        days = np.full(size, standing.due_on, "datetime64[D]")
        due_on = pa.array(days, pa.date32(), mask=is_kept)
        later = _means(state, standing.effect_when_due, mask=is_kept)
    else:
        due_on, later = pa.nulls(size, pa.date32()), _means(state, effect, mask=np.ones(size, bool))
    columns = {
        name: pa.DictionaryArray.from_arrays(place, held[name]) for name, place in places.items()
    }
    columns |= {
        "verdict": _means(state, effect),
        "because": because,
        "due_on": due_on,
        "verdict_when_due": later,
    }
    return pa.table({name: columns[name] for name in FINDING.names})


def _means(
    state: np.ndarray, effect: Effect, *, mask: np.ndarray | None = None
) -> pa.DictionaryArray:
    words = VERDICTS.to_pylist()
    meant = np.array([words.index(MEANS[effect].get(word, word)) for word in words], np.int8)
    return pa.DictionaryArray.from_arrays(pa.array(meant[state], mask=mask), VERDICTS)


def plain(found: pa.Table) -> pa.RecordBatchReader:
    """The findings with every text written out, a part at a time."""
    schema = FINDING.conform(FINDING.empty()).schema

    def parts() -> Iterator[pa.RecordBatch]:
        for batch in found.to_batches(max_chunksize=PART_ROWS):
            yield from FINDING.conform(batch).to_batches()

    return pa.RecordBatchReader.from_batches(schema, parts())
