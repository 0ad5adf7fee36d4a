"""From a network to a graph of powers: who, holding this, comes to hold that.

Each power is a rule in a data file (`powers/*.toml`): a sentence, its citation, and one SELECT over
the network's tables and those of `exposure.packets`, whose rows are the facts. A fact says that who
holds the premise (and, where the rule has a second one, that as well) holds the conclusion. What
is held is `control`, `read` or `stop` of an element, or a step on the way (`send` from a place,
`reach` of an opening). A fact whose row states an `unknown` holds only if that unknown turns out so; the text
says which fact to collect, and facts with the same text hang on the same one.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, ValidationError

from ringfence.errors import InputError, NotFoundError
from ringfence.exposure.arrays import Ints
from ringfence.exposure.closure import Graph
from ringfence.network.functions import catalogue
from ringfence.network.model import NETWORK_TABLES
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables
from ringfence.store.jail import Jail, Limits
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
    repair: str | None = None
    """What takes the power away; absent where nothing does."""
    cost: float = 1
    """What one such repair costs beside the others."""


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
    words = set(re.findall(r"\w+", " ".join(statements)))
    whole = tables.and_these({"function_kind": catalogue()})
    return Jail(whole.only(*(name for name in whole if name in words)), limits=LIMITS)


@step(reads=READS, writes=("fact",), version=1)
def facts(network: Tables, parameters: FactParameters) -> Answer:
    """Every power of the network, by every rule."""
    found = [FACT.empty()]
    with jail_for(network, [rule.select for rule in parameters.rules]) as jail:
        for rule in parameters.rules:
            rows = jail.select(rule.select, where=f"rule {rule.id}")
            found.append(_facts_of(rule, rows))
    every = pa.concat_tables(found)
    stated = every.filter(pc.and_(pc.is_valid(every["premise"]), pc.is_valid(every["conclusion"])))
    return {"fact": stated.sort_by([(key, "ascending") for key in FACT.key])}


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


AT_FIRST = "at first"
"""A node that is held in every case: what may be held at first is a conclusion of it."""


def open_node(unknown: str) -> str:
    """The node of an unknown that turned out so."""
    return f"open {unknown}"


class PowerGraph:
    """Facts as a graph of numbers, with the way back from a number to what it stands for.

    A fact that hangs on an unknown needs the node of that unknown as a premise, so that a case
    says which unknowns it takes to be open by holding their nodes at first.
    """

    def __init__(self, fact: pa.Table) -> None:
        self.fact = fact
        columns = {name: fact[name].combine_chunks() for name in ("premise", "also", "conclusion")}
        opened = pc.binary_join_element_wise("open", fact["unknown"].combine_chunks(), " ")
        whole = pa.concat_arrays([*columns.values(), opened, pa.array([AT_FIRST], pa.string())])
        coded = whole.dictionary_encode()
        self.nodes: pa.Array = coded.dictionary
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        rows = fact.num_rows
        premise, also, then, unknown = (codes[i * rows : (i + 1) * rows] for i in range(4))
        self.at_first = int(codes[-1])
        # Of a fact with two premises and an unknown the first two meet in a node of their own.
        three = np.flatnonzero((also >= 0) & (unknown >= 0))
        meeting = np.arange(len(three), dtype=np.int32) + len(self.nodes)
        first, second = premise.copy(), np.where(also >= 0, also, unknown)
        first[three], second[three] = meeting, unknown[three]
        alone = np.flatnonzero(second < 0)
        ruled = np.flatnonzero(second >= 0)
        self.fact_of_edge: npt.NDArray[np.int64] = alone
        self.fact_of_rule: npt.NDArray[np.int64] = np.concatenate([ruled, three])
        self.graph = Graph(
            len(self.nodes) + len(three),
            premise[alone],
            then[alone],
            np.concatenate([first[ruled], premise[three]]),
            np.concatenate([second[ruled], also[three]]),
            np.concatenate([then[ruled], meeting]),
        )
        self.open_nodes: Ints = np.unique(unknown[unknown >= 0])

    @cached_property
    def unknowns(self) -> list[str]:
        """The unknowns, in the order of `open_nodes`."""
        return [
            str(n).removeprefix("open ")
            for n in self.nodes.take(pa.array(self.open_nodes)).to_pylist()
        ]

    def number(self, names: Sequence[str] | pa.Array) -> Ints:
        """The numbers of nodes by name; -1 of one that no fact speaks of."""
        found = pc.index_in(pa.array(names, pa.string()), value_set=self.nodes)
        numbers: Ints = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        return numbers

    def name(self, node: int) -> str | None:
        """What a number stands for; None for the meeting of two premises."""
        return str(self.nodes[node].as_py()) if node < len(self.nodes) else None

    def of_step(self, *, is_rule: bool, number: int) -> dict[str, Any]:
        """The fact that an edge or rule is made of."""
        of = self.fact_of_rule if is_rule else self.fact_of_edge
        row: dict[str, Any] = self.fact.slice(int(of[number]), 1).to_pylist()[0]
        return row
