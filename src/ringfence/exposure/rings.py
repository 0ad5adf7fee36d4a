"""How far in a hostile vendor comes, step by step: what it holds first after so many steps.

An element is counted once, where the vendor first comes to control, read or stop it by the shortest
chain; and once more where its packets first reach it before that, or where they reach it and no
more follows. As in `exposed`, what is known comes first: only what the known does not lead to is
counted by what is possible.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ringfence.exposure.arrays import Ints
from ringfence.exposure.control import EFFECTS
from ringfence.exposure.exposed import READS, Exposure, ExposureParameters
from ringfence.exposure.proofs import Derivations
from ringfence.network.functions import DOMAINS, catalogue
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables
from ringfence.store.tables import Column, Table, Type

POWERS = (*EFFECTS, "reach")

RING = Table(
    "ring",
    "elements that are first held after so many steps",
    ("steps", "power", "domain", "is_core", "verdict"),
    (
        Column("steps", Type.INTEGER, "Steps of the shortest chain; null where there is none",
               minimum=0),
        Column("power", Type.TEXT, "What the vendor first comes to; `reach` is a packet that is "
               "taken in; null where it comes to nothing", one_of=POWERS),
        Column("domain", Type.TEXT, "The part of the network; null where no function is stated",
               one_of=DOMAINS),
        Column("is_core", Type.BOOLEAN, "Whether they perform a core function", required=True),
        Column("verdict", Type.TEXT, "Whether it is known to come to it", required=True,
               one_of=("breached", "unknown", "holds")),
        Column("kinds", Type.TEXT, "Their functions, with how many have each"),
        Column("elements", Type.INTEGER, "How many elements", required=True, minimum=1),
        Column("case", Type.TEXT, "Where each of many cases is one of its own, the worst of them"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RingParameters:
    """Who is hostile, and with what."""

    ask: ExposureParameters


@step(reads=READS, writes=("ring",), version=1)
def rings(network: Tables, parameters: RingParameters) -> Answer:
    """Count the elements by how many steps the vendor is away from them."""
    exposure = Exposure(network, parameters.ask)
    case = _worst(exposure)
    graph = exposure.graph
    derivations = Derivations(graph.graph)
    searches = [
        derivations.search(first).depth
        for first in (
            exposure.held_at_first(case, frozenset()),
            exposure.known_with_all_open(case),
            exposure.held_at_first(case, None),
        )
    ]
    what = _functions(network)
    elements = sorted(what)
    first = _first_held(exposure, elements, case, searches)
    reached = _reached(network, exposure, searches)
    groups: dict[tuple[Any, ...], list[str]] = {}
    for element in elements:
        held = first.get(element)
        met = reached.get(element)
        if met is not None and (held is None or met[1:] < held[1:]):
            # A packet that arrives where it is known is not taken back by what is only possible.
            groups.setdefault(_key(met, "reach", what[element]), []).append(element)
        if held is not None:
            groups.setdefault(_key(held, held[0], what[element]), []).append(element)
        elif met is None:
            groups.setdefault((None, None, *what[element][:2], "holds"), []).append(element)
    rows = [
        {
            **dict(zip(RING.key, key, strict=True)),
            "kinds": _kinds([what[e][2] for e in members]),
            "elements": len(members),
            "case": case,
        }
        for key, members in groups.items()
    ]
    rows.sort(
        key=lambda r: (
            r["steps"] is None, r["steps"], POWERS.index(r["power"]) if r["power"] else 0,
            r["domain"] or "", not r["is_core"], r["verdict"],
        )
    )  # fmt: skip
    return {"ring": RING.from_rows(rows)}


_Held = tuple[str, int, int]
"""By what power; 0 where it is known, 1 where it is only possible; after how many steps."""


def _worst(exposure: Exposure) -> str | None:
    """The case in which most answers are breached, then most are unknown."""
    cases = exposure.cases()
    if len(cases) == 1:
        return cases[0]
    counts = exposure.verdicts_of(cases)
    order = sorted(
        range(len(cases)),
        key=lambda i: (-counts[i]["breached"], -counts[i]["unknown"], cases[i] or ""),
    )
    return cases[order[0]]


def _key(held: _Held, power: str, what: tuple[str | None, bool, Any]) -> tuple[Any, ...]:
    return held[2], power, *what[:2], "unknown" if held[1] else "breached"


def _first_held(
    exposure: Exposure, elements: list[str], case: str | None, searches: list[Ints]
) -> dict[str, _Held]:
    """The first power over each element that there is one over."""
    found: dict[str, _Held] = {}
    for power in EFFECTS:
        nodes = exposure.graph.number([f"{power} element {e}" for e in elements])
        for element, (doubt, steps) in zip(elements, _depths(nodes, searches), strict=True):
            known = found.get(element)
            if steps >= 0 and (known is None or (doubt, steps) < known[1:]):
                found[element] = power, doubt, steps
    for seed in exposure.seeds:
        # An element that no power speaks of is the vendor's own all the same.
        if seed.case in (None, case):
            doubt = int(seed.unknown is not None)
            known = found.get(seed.element)
            if known is None or (doubt, 0) < known[1:]:
                found[seed.element] = "control", doubt, 0
    return found


def _depths(nodes: Ints, searches: list[Ints]) -> list[tuple[int, int]]:
    """For each node whether it is in doubt, and after how many steps; -1 where it is never held."""
    there = np.maximum(nodes, 0)
    doubt = np.zeros(len(nodes), np.int32)
    depth = np.full(len(nodes), -1, np.int32)
    for place, search in enumerate(searches):
        new = (depth < 0) & (nodes >= 0)
        depth[new] = search[there][new]
        doubt[new] = min(place, 1)
    return list(zip(doubt.tolist(), depth.tolist(), strict=True))


def _reached(network: Tables, exposure: Exposure, searches: list[Ints]) -> dict[str, _Held]:
    """Where the vendor's packets first reach each element that they reach."""
    rows = network["opening"].select(["opening", "element"]).to_pylist()
    nodes = exposure.graph.number([f"reach {r['opening']}" for r in rows])
    found: dict[str, _Held] = {}
    for row, (doubt, steps) in zip(rows, _depths(nodes, searches), strict=True):
        known = found.get(row["element"])
        if steps >= 0 and (known is None or (doubt, steps) < known[1:]):
            found[row["element"]] = "reach", doubt, steps
    return found


def _functions(network: Tables) -> dict[str, tuple[str | None, bool, tuple[str, ...]]]:
    """The domain of each element, whether it is core, and the kinds of its functions.

    Of an element with several functions a core one says the domain, and of several the first.
    """
    rows = network.and_these({"function_kind": catalogue()}).query(
        "SELECT e.id, f.kind, k.domain, coalesce(c.scope = 'in', false) AS is_core FROM element e "
        "LEFT JOIN function f ON f.element = e.id LEFT JOIN function_kind k ON k.kind = f.kind "
        "LEFT JOIN scope c ON c.kind = f.kind ORDER BY e.id, is_core DESC, k.domain, f.kind"
    )
    found: dict[str, tuple[str | None, bool, tuple[str, ...]]] = {}
    for row in rows.to_pylist():
        kind = (row["kind"],) if row["kind"] is not None else ()
        if row["id"] not in found:
            found[row["id"]] = row["domain"], row["is_core"], kind
        else:
            domain, is_core, kinds = found[row["id"]]
            if kind and kind[0] not in kinds:
                found[row["id"]] = domain, is_core, kinds + kind
    return found


def _kinds(of_each: list[tuple[str, ...]]) -> str | None:
    """`12 GNBDU, 3 EMS`, most first."""
    counts = Counter(kind for kinds in of_each for kind in kinds)
    order = sorted(counts, key=lambda kind: (-counts[kind], kind))
    return ", ".join(f"{counts[kind]:,} {kind}" for kind in order) or None
