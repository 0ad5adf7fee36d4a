"""From a network to a graph of powers: who, holding this, comes to hold that.

Each power is a rule in a data file (`powers/*.toml`): a sentence, its citation, and one SELECT over
the network's tables and those of `exposure.packets`, whose rows are the facts. A fact says that who
holds the premise (and, where the rule has a second one, that as well) holds the conclusion. What
is held is `control`, `read` or `stop` of an element, or a step on the way (`send` from a place,
`reach` of an opening). A fact whose row states an `unknown` holds only if that unknown turns out so; the text
says which fact to collect, and facts with the same text hang on the same one.
"""

import tomllib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ringfence.errors import InputError, NotFoundError, UsageError, VerificationError
from ringfence.exposure.arrays import Ints, Longs
from ringfence.exposure.closure import Graph, Index
from ringfence.network.functions import catalogue
from ringfence.network.model import NETWORK_TABLES
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables
from ringfence.store.jail import Jail, Limits
from ringfence.store.reading import QueryError, read_select
from ringfence.store.tables import Column, Table, Type

EFFECTS = ("control", "read", "stop")

FACT = Table(
    "fact",
    "a power: who holds the premises holds the conclusion",
    ("rule", "premise", "also", "conclusion", "unknown"),
    (
        Column("rule", Type.TEXT, "The rule it is a case of", required=True),
        Column("premise", Type.TEXT, "What must be held, such as `control element netbox:12`",
               required=True),
        Column("also", Type.TEXT, "What must be held as well, where two are needed"),
        Column("conclusion", Type.TEXT, "What is then held", required=True),
        Column("unknown", Type.TEXT, "The fact nobody stated that it hangs on; null if on none"),
        Column("origin", Type.TEXT, "Where it was read"),
    ),
)  # fmt: skip
READS = (*(t.name for t in NETWORK_TABLES), "place", "opening", "passage")

LIMITS = Limits(memory_mb=8_192, answer_mb=4_096, seconds=600)
"""A rule gives a row for each relation of a nation."""


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Cite(_Written):
    """A document that says so."""

    document: str
    """The document."""
    section: str
    """The clause, technique or measure in it."""


class PowerRule(_Written):
    """One power, as a data file states it."""

    id: str
    """Its name."""
    says: str
    """The power as a sentence."""
    premise: str
    """What must be held: an effect or a step, and the table its subject is of."""
    also: str | None = None
    """What must be held as well; the SELECT then has a column `also`."""
    conclusion: str
    """What is then held."""
    select: str
    """One SELECT with columns `premise`, `conclusion`, `origin`, and `also` and `unknown` at need."""
    cites: tuple[Cite, ...]
    """Who says that there is such a power."""
    by: dict[str, str] = Field(default_factory=dict)
    """Tables whose rows of one key make facts with rows of the same key alone, with the column of
    the key, or `*` where each row makes them by itself; empty where no such key is known."""
    repair: str | None = None
    """What takes the power away; absent where nothing does."""
    cost: float = 1
    """What one such repair costs beside the others."""

    @field_validator("by")
    @classmethod
    def _a_star_stands_alone(cls, by: dict[str, str]) -> dict[str, str]:
        if "*" in by.values() and len(by) > 1:
            raise ValueError("a table with a star in `by` stands alone there")
        return by


class Profile(_Written):
    """What a hostile vendor is assumed to have at first."""

    id: str
    """Its name."""
    says: str
    """The assumption as a sentence."""
    select: str
    """One SELECT with columns `held` (an element), `origin` and `unknown`, and `each` at need."""
    each: str | None = None
    """What a case is of, where each is a case of its own and the worst of them counts."""


@dataclass(frozen=True, slots=True)
class Powers:
    """The rules and the profiles."""

    rules: tuple[PowerRule, ...]
    profiles: tuple[Profile, ...]

    def rule(self, name: str) -> PowerRule:
        """The rule of that name."""
        return next(rule for rule in self.rules if rule.id == name)

    def profile(self, name: str) -> Profile:
        """The profile of that name; raises `NotFoundError` with those there are."""
        for profile in self.profiles:
            if profile.id == name:
                return profile
        known = ", ".join(p.id for p in self.profiles)
        raise NotFoundError(
            f"no threat profile {name!r}",
            hint=f"the profiles: {known}; several are joined by a plus sign",
        )


def powers(folder: Path | None = None) -> Powers:
    """The powers that come with us, and those of a folder of an analyst's own.

    A rule or profile of the folder takes the place of ours of the same name. Raises `InputError`
    where a file is not what it has to be.
    """
    ours = sorted(files(__package__).joinpath("powers").iterdir(), key=lambda f: f.name)
    texts = [(f.name, f.read_text(encoding="utf-8")) for f in ours if f.name.endswith(".toml")]
    if folder is not None:
        texts += [(str(f), f.read_text(encoding="utf-8")) for f in sorted(folder.glob("*.toml"))]
    rules: dict[str, PowerRule] = {}
    profiles: dict[str, Profile] = {}
    for name, text in texts:
        try:
            written = tomllib.loads(text)
            rules |= {r["id"]: PowerRule.model_validate(r) for r in written.pop("rule", [])}
            profiles |= {p["id"]: Profile.model_validate(p) for p in written.pop("profile", [])}
        except (
            tomllib.TOMLDecodeError,
            ValidationError,
            KeyError,
            TypeError,
            AttributeError,
        ) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"not a file of powers: {reason}", where=name) from error
        if written:
            raise InputError(
                f"not a file of powers: {', '.join(sorted(written))}",
                where=name,
                hint="a file has [[rule]] and [[profile]] and nothing else",
            )
    return Powers(tuple(rules.values()), tuple(profiles.values()))


@dataclass(frozen=True, slots=True)
class FactParameters:
    """The rules to apply, each as its file states it."""

    rules: tuple[PowerRule, ...]


def jail_for(tables: Tables, statements: Sequence[str]) -> Jail:
    """A jail with the tables that the statements name, and the catalogue of functions."""
    whole = tables.and_these({"function_kind": catalogue()})
    named: set[str] = set()
    for statement in statements:
        # What cannot be read is told where it is run.
        with suppress(QueryError):
            named |= read_select(statement).tables
    return Jail(whole.only(*(name for name in whole if name in named)), limits=LIMITS)


@step(reads=READS, writes=("fact",), version=2)
def facts(network: Tables, parameters: FactParameters) -> Answer:
    """Every power of the network, by every rule."""
    found = facts_of(network, parameters.rules)
    # Two places may state one power: which is told must not change from run to run.
    return {"fact": found.sort_by([(name, "ascending") for name in (*FACT.key, "origin")])}


def facts_of(network: Tables, rules: Sequence[PowerRule]) -> pa.Table:
    """The powers of the network by these rules, in no order."""
    found = [FACT.empty()]
    with jail_for(network, [rule.select for rule in rules]) as jail:
        for rule in rules:
            rows = jail.select(rule.select, where=f"rule {rule.id}")
            found.append(_facts_of(rule, rows))
    every = pa.concat_tables(found)
    return every.filter(pc.and_(pc.is_valid(every["premise"]), pc.is_valid(every["conclusion"])))


def _facts_of(rule: PowerRule, rows: pa.Table) -> pa.Table:
    wanted = {"premise", "conclusion", "origin", *(["also"] if rule.also else [])}
    if lacking := sorted(wanted - set(rows.column_names)):
        raise InputError(f"its SELECT has no column {', '.join(lacking)}", where=f"rule {rule.id}")

    def node(kind: str | None, column: str) -> pa.ChunkedArray | pa.Array:
        if kind is None:
            return pa.nulls(rows.num_rows, pa.string())
        return pc.binary_join_element_wise(kind, rows[column].cast(pa.string()), " ")

    nothing = pa.nulls(rows.num_rows, pa.string())
    return FACT.conform(
        pa.table(
            {
                "rule": pa.repeat(pa.scalar(rule.id), rows.num_rows),
                "premise": node(rule.premise, "premise"),
                "also": node(rule.also, "also"),
                "conclusion": node(rule.conclusion, "conclusion"),
                "unknown": rows["unknown"] if "unknown" in rows.column_names else nothing,
                "origin": rows["origin"],
            }
        )
    )


def open_node(unknown: str) -> str:
    """The node of an unknown that turned out so."""
    return f"open {unknown}"


class PowerGraph:
    """Facts as a graph of numbers, with the way back from a number to what it stands for.

    A fact that hangs on an unknown needs the node of that unknown as a premise, so that a case
    says which unknowns it takes to be open by holding their nodes at first. Of a fact with two
    premises and an unknown, the first two meet in a node of their own, which has no name.
    """

    nodes: pa.Array
    """The name of each node; null where it has none."""
    graph: Graph

    def __init__(self, fact: "pa.Table | _Parts") -> None:
        """`fact` is a table of facts; or what a graph is kept as, which none but this file makes."""
        parts = fact if isinstance(fact, _Parts) else _Parts.of(fact)
        self.nodes = parts.nodes
        self.graph = parts.graph
        self._rows = parts.rows
        self._gone = parts.gone
        self._row_of_edge = parts.row_of_edge
        self._row_of_rule = parts.row_of_rule

    def changed(self, gone: pa.Table, more: pa.Table, index: Index) -> tuple["PowerGraph", Index]:
        """The graph and its index after a change of its facts; `index` is that of this graph.

        Its edges and rules are those of this one that are left, in their order, then those that
        come. Raises `UsageError` where a fact is to go that is not there.
        """
        rows, edges_gone, rules_gone = self._find(gone)
        flags = np.zeros(len(self._row_of_edge) + len(self._row_of_rule), np.bool_)
        flags[edges_gone] = True
        flags[len(self._row_of_edge) + rules_gone] = True
        codes, names = _coded(more)
        numbers = self.number(names)
        fresh = np.flatnonzero(numbers < 0)
        numbers[fresh] = len(self.nodes) + np.arange(len(fresh), dtype=np.int32)
        told = [np.where(c >= 0, numbers[c], np.int32(-1)) if len(numbers) else c for c in codes]
        laid = _laid_out(told, len(self.nodes) + len(fresh), self._rows.num_rows)
        nodes = [self.nodes, names.take(pa.array(fresh)), pa.nulls(laid.meetings, pa.string())]
        named = pa.concat_arrays(nodes)
        graph, changed = index.changed(self.graph, flags, Graph(len(named), *laid.ends))
        parts = _Parts(
            pa.concat_tables([self._rows, more]),
            np.concatenate([self._gone, rows]),
            named,
            graph,
            np.concatenate([np.delete(self._row_of_edge, edges_gone), laid.row_of_edge]),
            np.concatenate([np.delete(self._row_of_rule, rules_gone), laid.row_of_rule]),
        )
        return PowerGraph(parts), changed

    def _find(self, facts: pa.Table) -> tuple[Longs, Longs, Longs]:
        """The rows of facts that are there, each as often as it is told; their edges and rules."""
        wanted = Counter(tuple(row.values()) for row in FACT.conform(facts).to_pylist())
        nothing = np.empty(0, np.int64)
        if not wanted:
            return nothing, nothing, nothing
        premises, conclusions = np.zeros((2, self.graph.nodes), np.bool_)
        premises[_there(self.number(facts["premise"].combine_chunks()))] = True
        conclusions[_there(self.number(facts["conclusion"].combine_chunks()))] = True
        old = self.graph
        edges = np.flatnonzero(premises[old.source] & conclusions[old.target])
        # Of a fact whose premises meet, the meeting follows from one rule and leads to another.
        rules = np.flatnonzero(conclusions[old.then])
        found = []
        for row in np.unique(
            np.concatenate([self._row_of_edge[edges], self._row_of_rule[rules]])
        ).tolist():
            (one,) = self._rows.slice(row, 1).to_pylist()
            told = tuple(one.values())
            if wanted[told] > 0:
                wanted[told] -= 1
                found.append(row)
        if lacking := +wanted:
            raise UsageError(f"a fact is to go that is not there: {next(iter(lacking))}")
        rows = np.array(found, np.int64)
        return (
            rows,
            edges[np.isin(self._row_of_edge[edges], rows)],
            np.flatnonzero(np.isin(self._row_of_rule, rows)),
        )

    @cached_property
    def _standing(self) -> tuple[pa.Table, Longs]:
        """The facts that are not gone, and where each row is among them."""
        if not len(self._gone):
            return self._rows, np.arange(self._rows.num_rows)
        left = np.ones(self._rows.num_rows, np.bool_)
        left[self._gone] = False
        return self._rows.filter(pa.array(left)), np.cumsum(left) - 1

    @property
    def fact(self) -> pa.Table:
        """The facts."""
        return self._standing[0]

    @property
    def fact_of_edge(self) -> Longs:
        """The row of `fact` that each edge is made of."""
        rows: Longs = self._standing[1][self._row_of_edge]
        return rows

    @property
    def fact_of_rule(self) -> Longs:
        """The row of `fact` that each rule is made of."""
        rows: Longs = self._standing[1][self._row_of_rule]
        return rows

    @cached_property
    def open_nodes(self) -> Ints:
        """The nodes of unknowns."""
        is_open = pc.fill_null(pc.starts_with(self.nodes, open_node("")), fill_value=False)
        return np.flatnonzero(is_open.to_numpy(zero_copy_only=False)).astype(np.int32)

    @cached_property
    def unknowns(self) -> list[str]:
        """The unknowns, in the order of `open_nodes`."""
        return [
            str(n).removeprefix("open ")
            for n in self.nodes.take(pa.array(self.open_nodes)).to_pylist()
        ]

    def number(self, names: Sequence[str] | pa.Array) -> Ints:
        """The numbers of nodes by name; -1 of one that no fact speaks of."""
        asked = pa.array(names, pa.string())
        if len(asked) * 4 < len(self.nodes):
            # Few of many: the many are looked for among the few, which costs no table of them.
            few = asked.unique()
            where = pc.index_in(self.nodes, value_set=few)
            there = np.flatnonzero(where.is_valid().to_numpy(zero_copy_only=False))
            of_few = np.full(len(few), -1, np.int32)
            of_few[where.take(pa.array(there)).to_numpy()] = there
            place = pc.index_in(asked, value_set=few).to_numpy(zero_copy_only=False)
            found: Ints = of_few[place.astype(np.int64)] if len(asked) else of_few
            return found
        there = pc.index_in(asked, value_set=self.nodes)
        numbers: Ints = there.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        return numbers

    def name(self, node: int) -> str | None:
        """What a number stands for; None for the meeting of two premises."""
        named: str | None = self.nodes[node].as_py()
        return named

    def of_step(self, *, is_rule: bool, number: int) -> dict[str, Any]:
        """The fact that an edge or rule is made of."""
        of = self._row_of_rule if is_rule else self._row_of_edge
        row: dict[str, Any] = self._rows.slice(int(of[number]), 1).to_pylist()[0]
        return row

    def save(self, folder: Path) -> None:
        """Write the graph into a folder that is there."""
        for name, table in (
            ("facts", self.fact),
            ("nodes", pa.table({"name": self.nodes})),
        ):
            with (
                pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink,
                pa.ipc.new_file(sink, table.schema) as writer,
            ):
                writer.write_table(table)
        arrays = {f.name: getattr(self.graph, f.name) for f in fields(self.graph)[1:]}
        arrays |= {"row_of_edge": self.fact_of_edge, "row_of_rule": self.fact_of_rule}
        for name, array in arrays.items():
            np.save(folder / f"graph_{name}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open a graph that was saved; it is read as it is needed."""
        try:
            facts, names = (
                pa.ipc.open_file(pa.memory_map(str(folder / f"{name}.arrow"))).read_all()
                for name in ("facts", "nodes")
            )
            ends = [f.name for f in fields(Graph)[1:]]
            arrays = [
                np.asarray(np.load(folder / f"graph_{name}.npy", mmap_mode="r", allow_pickle=False))
                for name in (*ends, "row_of_edge", "row_of_rule")
            ]
        except (OSError, ValueError, pa.ArrowException) as error:
            raise VerificationError(
                f"a graph of powers is damaged: {error}",
                where=str(folder),
                hint="delete the folder",
            ) from error
        nodes = names["name"].combine_chunks()
        graph = Graph(len(nodes), *arrays[:5])
        return cls(_Parts(facts, np.empty(0, np.int64), nodes, graph, *arrays[5:]))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a graph of powers is kept as: its facts, those that are gone, and what is made of them."""

    rows: pa.Table
    gone: Longs
    nodes: pa.Array
    graph: Graph
    row_of_edge: Longs
    row_of_rule: Longs

    @classmethod
    def of(cls, fact: pa.Table) -> Self:
        codes, names = _coded(fact)
        laid = _laid_out(codes, len(names), 0)
        nodes = pa.concat_arrays([names, pa.nulls(laid.meetings, pa.string())])
        graph = Graph(len(nodes), *laid.ends)
        none = np.empty(0, np.int64)
        return cls(fact, none, nodes, graph, laid.row_of_edge, laid.row_of_rule)


@dataclass(frozen=True, slots=True)
class _LaidOut:
    """Facts as edges and rules: their ends, and the row of each."""

    ends: tuple[Ints, Ints, Ints, Ints, Ints]
    row_of_edge: Longs
    row_of_rule: Longs
    meetings: int


def _coded(fact: pa.Table) -> tuple[list[Ints], pa.Array]:
    """The premise, second premise, conclusion and unknown of each fact, as places in their names."""
    columns = [fact[name].combine_chunks() for name in ("premise", "also", "conclusion")]
    opened = pc.binary_join_element_wise("open", fact["unknown"].combine_chunks(), " ")
    coded = pa.concat_arrays([*columns, opened]).dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return np.split(codes, 4), coded.dictionary


def _laid_out(codes: Sequence[Ints], free: int, first_row: int) -> _LaidOut:
    """Facts as edges and rules; meetings are numbered from `free`, rows from `first_row`."""
    premise, also, then, unknown = codes
    three = np.flatnonzero((also >= 0) & (unknown >= 0))
    meeting = np.arange(len(three), dtype=np.int32) + np.int32(free)
    first, second = premise.copy(), np.where(also >= 0, also, unknown)
    first[three], second[three] = meeting, unknown[three]
    alone = np.flatnonzero(second < 0)
    ruled = np.flatnonzero(second >= 0)
    return _LaidOut(
        (
            premise[alone],
            then[alone],
            np.concatenate([first[ruled], premise[three]]),
            np.concatenate([second[ruled], also[three]]),
            np.concatenate([then[ruled], meeting]),
        ),
        alone + first_row,
        np.concatenate([ruled, three]) + first_row,
        len(three),
    )


def _there(numbers: Ints) -> Ints:
    return numbers[numbers >= 0]
