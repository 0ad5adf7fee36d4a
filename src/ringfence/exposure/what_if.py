"""What if these were hostile: many sets of vendors, pairs of them or regions, answered at once.

Each set is a case of one closure, 64 to the word, so that all pairs of a nation's vendors cost
little more than one vendor. A set is answered as `exposed` answers it; a vendor stands for all it
controls.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from ringfence.errors import UsageError
from ringfence.exposure.exposed import READS, Exposure, ExposureParameters, Seed, seeds_of
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables
from ringfence.store.tables import Column, Table, Type

SETS = ("vendors", "pairs", "regions")
MOST_SETS = 4096
"""More pairs than this are no table that anybody reads."""

WHAT_IF = Table(
    "what_if",
    "one set of the hostile, and what of the core it comes to",
    ("of",),
    (
        Column("of", Type.TEXT, "Who is hostile, or where", required=True),
        Column("vendors", Type.TEXT, "The hostile vendors, by their ids", required=True),
        Column("held", Type.INTEGER, "Elements held at first, as is known", required=True,
               minimum=0),
        Column("breached", Type.INTEGER, "Answers that are breached", required=True, minimum=0),
        Column("unknown", Type.INTEGER, "Answers that are unknown", required=True, minimum=0),
        Column("holds", Type.INTEGER, "Answers that hold", required=True, minimum=0),
        Column("read_low", Type.DECIMAL, "People whose traffic it could read, as is known"),
        Column("read_high", Type.DECIMAL, "And at most"),
        Column("stop_low", Type.DECIMAL, "People whose traffic it could stop, as is known"),
        Column("stop_high", Type.DECIMAL, "And at most"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WhatIfParameters:
    """Which sets to try, and as what; the vendors are those that `regions` asks of."""

    sets: str
    ask: ExposureParameters

    def __post_init__(self) -> None:
        if self.sets not in SETS:
            raise UsageError(
                f"{self.sets!r} is no sort of sets", where="--what-if", hint=", ".join(SETS)
            )
        if each := [p.id for p in self.ask.profiles if p.each]:
            raise UsageError(
                f"profile {each[0]} has cases of its own already", hint="ask it without --what-if"
            )


@step(reads=READS, writes=("what_if",), version=1)
def what_if(network: Tables, parameters: WhatIfParameters) -> Answer:
    """Answer every set of the sort asked for, the worst first."""
    exposure = Exposure(network, replace(parameters.ask, vendors=()))
    names = dict(zip(*(network["vendor"][c].to_pylist() for c in ("id", "name")), strict=True))
    sets: dict[str, tuple[str, ...]] = {}
    exposure.seeds = []
    for of, vendors, seeds in _sets(network, parameters, names):
        sets[of] = vendors
        exposure.seeds += [replace(seed, case=of) for seed in seeds]
    cases = list(sets)
    if not cases:
        return {"what_if": WHAT_IF.empty()}
    verdicts = exposure.verdicts_of(cases)
    read, stop = (exposure.people_of(effect, cases) for effect in ("read", "stop"))
    held = {of: set[str]() for of in cases}
    for seed in exposure.seeds:
        if seed.unknown is None and seed.case is not None:
            held[seed.case].add(seed.element)
    rows: list[dict[str, Any]] = [
        {
            "of": of,
            "vendors": ", ".join(sets[of]),
            "held": len(held[of]),
            **verdicts[i],
            "read_low": read[0][i],
            "read_high": read[1][i],
            "stop_low": stop[0][i],
            "stop_high": stop[1][i],
        }
        for i, of in enumerate(cases)
    ]
    rows.sort(key=lambda r: (-r["breached"], -r["unknown"], -r["stop_high"], r["of"]))
    return {"what_if": WHAT_IF.from_rows(rows)}


def _sets(
    network: Tables, parameters: WhatIfParameters, names: dict[str, str]
) -> Iterator[tuple[str, tuple[str, ...], list[Seed]]]:
    """Each set: its name, its vendors, and what they hold at first."""
    ask = parameters.ask
    if parameters.sets == "regions":
        where = _regions(network)
        seeds = list(seeds_of(network, ask))
        for region in sorted({r for r in where.values() if r is not None}):
            there = [s for s in seeds if where.get(s.element) == region]
            yield region, ask.vendors, there
        return
    of_vendor = {
        vendor: list(seeds_of(network, replace(ask, vendors=(vendor,))))
        for vendor in _makers(network)
    }

    def name(vendor: str) -> str:
        same = sum(other == names.get(vendor) for other in names.values())
        return names.get(vendor) or vendor if same <= 1 else f"{names[vendor]} ({vendor})"

    if parameters.sets == "vendors":
        for vendor, seeds in of_vendor.items():
            yield name(vendor), (vendor,), seeds
        return
    pairs = list(combinations(of_vendor, 2))
    if len(pairs) > MOST_SETS:
        raise UsageError(
            f"{len(pairs):,} pairs of vendors are more than {MOST_SETS:,}",
            hint="ask of single vendors: --what-if vendors",
        )
    for one, other in pairs:
        # What has no maker stated may be of either, and is the same in both.
        seeds = list(dict.fromkeys([*of_vendor[one], *of_vendor[other]]))
        yield f"{name(one)} and {name(other)}", (one, other), seeds


def _makers(network: Tables) -> list[str]:
    """The vendors that made something in the network, and those that serve it by contract."""
    rows = network.query(
        "SELECT DISTINCT vendor FROM (SELECT vendor FROM element UNION SELECT p.vendor FROM element "
        "e JOIN product p ON p.id = e.product UNION SELECT vendor FROM contract) "
        "WHERE vendor IS NOT NULL ORDER BY vendor"
    )
    found: list[str] = rows["vendor"].to_pylist()
    return found


def _regions(network: Tables) -> dict[str, str | None]:
    """The region of each element."""
    rows = network.query("SELECT e.id, s.region FROM element e JOIN site s ON s.id = e.site")
    return dict(zip(rows["id"].to_pylist(), rows["region"].to_pylist(), strict=True))
