"""Powers made ready to be asked, kept on disk, and brought up to date after a change.

To find the powers of a nation anew takes a minute, and to index them a second; to ask takes less.
So what is ready is kept, and after a change only what the change touches is done again. A power
whose rule says by which key its facts hang together is asked of the rows of the keys touched,
before and after; one that does not, of its tables whole, and only if one of them changed. The
facts that went and came are then laid over the index (`Index.changed`).

The answer is that of a network made ready anew. Of several chains of the same length, another may
be told.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.exposure.closure import Index
from ringfence.exposure.control import (
    FACT,
    READS,
    FactParameters,
    PowerGraph,
    PowerRule,
    facts,
    facts_of,
)
from ringfence.store.duck import Tables, connect, write_parquet
from ringfence.store.reading import Reading, read_select

MOST_LAID_OVER = 20_000
"""Facts laid over an index make each question slower; beyond so many, the index is made anew."""


@dataclass(frozen=True, slots=True)
class Change:
    """The rows of one table that went, and those that came; an altered row is in both."""

    gone: pa.Table
    more: pa.Table

    @property
    def is_none(self) -> bool:
        """Whether nothing changed."""
        return bool(self.gone.num_rows == 0 and self.more.num_rows == 0)


def differences(before: Tables, after: Tables, names: Iterable[str] = READS) -> dict[str, Change]:
    """The changes of each table that differs, from its rows; unchanged files are not read."""
    found: dict[str, Change] = {}
    for name in names:
        one, other = before.member(name), after.member(name)
        if isinstance(one, Path) and isinstance(other, Path):
            is_same = before.hash_of(name) == after.hash_of(name)
        else:
            is_same = before[name].equals(after[name])
        if is_same:
            continue
        change = _difference(one, other)
        if not change.is_none:
            found[name] = change
    return found


@dataclass(frozen=True, slots=True)
class _Made:
    """A graph and the index made of it, and the facts that went and came since."""

    graph: PowerGraph
    index: Index
    gone: pa.Table
    more: pa.Table

    def facts_by(self, rules: Sequence[PowerRule]) -> pa.Table:
        """The facts there are now by these rules."""
        names = pa.array([rule.id for rule in rules], pa.string())

        def by(fact: pa.Table) -> pa.Table:
            return fact.filter(pc.is_in(fact["rule"], value_set=names))

        left, _ = _less(by(self.graph.fact), by(self.gone))
        return pa.concat_tables([left, by(self.more)])


@dataclass(frozen=True, slots=True)
class Ready:
    """The powers of a network, ready to be asked: give `graph` and `index` to `Exposure`.

    `made` is what the index was made of, and the facts that went and came since.
    """

    rules: tuple[PowerRule, ...]
    graph: PowerGraph
    index: Index
    made: _Made

    @classmethod
    def of(cls, network: Tables, parameters: FactParameters) -> Self:
        """Make a network's powers ready; `network` has what `packets` says of it."""
        return cls.of_facts(pa.table(facts(network, parameters)["fact"]), parameters)

    @classmethod
    def of_facts(cls, fact: pa.Table, parameters: FactParameters) -> Self:
        """Make the facts of a network ready, where they were found before."""
        graph = PowerGraph(FACT.conform(fact))
        made = _Made(graph, Index.of(graph.graph), FACT.empty(), FACT.empty())
        return cls(parameters.rules, graph, made.index, made)

    def changed(
        self, before: Tables, after: Tables, changes: Mapping[str, Change] | None = None
    ) -> Self:
        """The same after a change of the network; `before` are the tables it was ready for.

        `changes` are those of each table that differs, where the caller knows them; else they are
        looked for. A table that is not among them must not differ.
        """
        told = differences(before, after) if changes is None else changes
        gone, more = self._changed_facts(before, after, told)
        if gone.num_rows == more.num_rows == 0:
            return self
        # What came since the index was made and goes again was never in the index.
        gone, left = _less(gone, self.made.more)
        gone, more = pa.concat_tables([self.made.gone, gone]), pa.concat_tables([left, more])
        if gone.num_rows + more.num_rows > MOST_LAID_OVER:
            whole = self.made.graph.changed(gone, more, self.made.index)[0].fact
            return self.of_facts(whole, FactParameters(self.rules))
        return self._laid_over(self.rules, _Made(self.made.graph, self.made.index, gone, more))

    @classmethod
    def _laid_over(cls, rules: tuple[PowerRule, ...], made: _Made) -> Self:
        if made.gone.num_rows == made.more.num_rows == 0:
            return cls(rules, made.graph, made.index, made)
        graph, index = made.graph.changed(made.gone, made.more, made.index)
        return cls(rules, graph, index, made)

    def _changed_facts(
        self, before: Tables, after: Tables, changes: Mapping[str, Change]
    ) -> tuple[pa.Table, pa.Table]:
        """The facts that went and those that came."""
        whole: list[PowerRule] = []
        by_key: dict[tuple[tuple[str, str], ...], list[PowerRule]] = {}
        for rule in self.rules:
            reading = read_select(rule.select, where=f"rule {rule.id}")
            touched = {n for n, change in changes.items() if _touches(change, n, reading)}
            if touched and touched <= set(rule.by):
                by_key.setdefault(tuple(sorted(rule.by.items())), []).append(rule)
            elif touched:
                whole.append(rule)
        found = [_difference(self.made.facts_by(whole), facts_of(after, whole))] if whole else []
        cut = _Cut(before, after, changes)
        for columns, rules in by_key.items():
            old, new = (facts_of(n, rules) for n in cut.around(dict(columns)))
            found.append(_difference(old, new))
        gone = pa.concat_tables([FACT.empty(), *(FACT.conform(one.gone) for one in found)])
        return gone, pa.concat_tables([FACT.empty(), *(FACT.conform(one.more) for one in found)])

    def save(self, folder: Path) -> None:
        """Write what is ready into an empty folder."""
        self.made.graph.save(folder)
        self.made.index.save(folder)
        for name, rows in (("gone", self.made.gone), ("more", self.made.more)):
            write_parquet(rows, folder / f"{name}.parquet")

    @classmethod
    def load(cls, folder: Path, parameters: FactParameters) -> Self:
        """Open what was saved, with the rules it was saved for; it is read as it is needed.

        Raises `VerificationError` where the folder is damaged. Whether it is that of a network is
        for the caller to know, as by a folder named by the hashes of the tables.
        """
        since = Tables({name: folder / f"{name}.parquet" for name in ("gone", "more")})
        gone, more = (FACT.conform(since[name]) for name in since)
        made = _Made(PowerGraph.load(folder), Index.load(folder), gone, more)
        return cls._laid_over(parameters.rules, made)


def _touches(change: Change, name: str, reading: Reading) -> bool:
    """Whether the change of a table is one in what a SELECT may read of it."""
    if name not in reading.tables or change.is_none:
        return False
    read = [c for c in change.gone.column_names if reading.may_mean(name, c)]
    gone, more = (
        Counter(map(tuple, zip(*rows.select(read).to_pydict().values(), strict=True)))
        if read
        else Counter({(): rows.num_rows})
        for rows in (change.gone, change.more)
    )
    return gone != more


class _Cut:
    """The rows about a change, before and after it."""

    def __init__(self, before: Tables, after: Tables, changes: Mapping[str, Change]) -> None:
        self._before, self._after, self._changes = before, after, changes
        self._rows: dict[
            tuple[str, str, tuple[tuple[str, str], ...]], tuple[pa.Table, pa.Table]
        ] = {}

    def around(self, by: Mapping[str, str]) -> tuple[Tables, Tables]:
        """The network before and after, its tables cut to the keys that the change touches."""
        touched = tuple((n, c) for n, c in sorted(by.items()) if n in self._changes)
        before, after = self._before, self._after
        for name, column in by.items():
            if (name, column, touched) not in self._rows:
                self._rows[name, column, touched] = self._of(name, column, touched)
            old, new = self._rows[name, column, touched]
            before, after = before.and_these({name: old}), after.and_these({name: new})
        return before, after

    def _of(
        self, name: str, column: str, touched: Sequence[tuple[str, str]]
    ) -> tuple[pa.Table, pa.Table]:
        change = self._changes.get(name)
        if change is not None and column == "*":
            return change.gone, change.more
        keys = pa.chunked_array(
            [
                chunk
                for table, key in touched
                for rows in (self._changes[table].gone, self._changes[table].more)
                for chunk in rows[key].chunks
            ],
            pa.string(),
        ).unique()
        member = self._before.member(name)
        if isinstance(member, Path):
            with connect({"whole": member, "asked": pa.table({"key": keys})}) as duck:
                rows = duck.query(
                    "SELECT w.* FROM whole w SEMI JOIN asked a "
                    f'ON a.key IS NOT DISTINCT FROM w."{column}"'
                )
        else:
            rows = member.filter(pc.is_in(member[column], value_set=keys))
        if change is None:
            return rows, rows
        left = _difference(rows, change.gone).gone
        return rows, pa.concat_tables([left, change.more.cast(left.schema)])


def _difference(before: pa.Table | Path, after: pa.Table | Path) -> Change:
    """The rows that went and those that came, each as often as it did."""
    with connect({"one": before, "other": after}) as duck:
        gone = duck.query("SELECT * FROM one EXCEPT ALL SELECT * FROM other")
        more = duck.query("SELECT * FROM other EXCEPT ALL SELECT * FROM one")
    return Change(gone, more)


def _less(some: pa.Table, others: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Facts without others, and those others without them: what is in both is taken off both."""
    if some.num_rows == 0 or others.num_rows == 0:
        return some, others
    change = _difference(some, others)
    return FACT.conform(change.gone), FACT.conform(change.more)
