"""The chapter on what fails when the vendor is gone, with its pictures.

Two ways of going stand beside each other: all of it switched off on the date asked, which needs no
assumption on failures; and nothing more from the vendor (no updates, no spares), which rests on
the assumptions listed with it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ringfence.dependence.concentration import CONCENTRATION, SHARE
from ringfence.dependence.edges import NEED
from ringfence.dependence.outcome import ASSUMED, CHAIN, FIRST, LOST, OUTAGE
from ringfence.dependence.ways import SERVICES
from ringfence.report.exhibits import Annex, Figure, Twin
from ringfence.report.outages import (
    layers_of,
    outage_over_time,
    service_tree,
    sites_lost,
    state_of,
    with_a_part,
)
from ringfence.report.words import NO_BREAK_SPACE, NOT_STATED, counted, day, number, share_range

_ROWS = 12
"""Rows of a table in the chapter; the rest stands in the annex or is told by the command."""

UNITS: Mapping[str, str] = {
    "people": "people", "premises": "premises", "sites": "sites", "traffic": "Mbit/s",
    "area": "km²",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What the chapter is made of.

    `off` are the answers where all is switched off on the day: outage, site_lost, first_failure
    and failure_chain. `left_alone` is the outage where the vendor does nothing more, `assumption`
    what that rests on. `need` are the layers of each region's service tree. `concentration` and
    `share` are by network and domain. `names` gives names of elements, sites and vendors by key.
    """

    off: Mapping[str, pa.Table]
    left_alone: pa.Table
    assumption: pa.Table
    need: pa.Table
    concentration: pa.Table
    share: pa.Table
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tables = {t.name: t.conform(self.off[t.name]) for t in (OUTAGE, LOST, FIRST, CHAIN)}
        object.__setattr__(self, "off", tables)
        for name, table in (
            ("left_alone", OUTAGE),
            ("assumption", ASSUMED),
            ("need", NEED),
            ("concentration", CONCENTRATION),
            ("share", SHARE),
        ):
            object.__setattr__(self, name, table.conform(getattr(self, name)))

    def name(self, key: str | None) -> str:
        """A name for people, with its key; the key alone where it has none."""
        if key is None:
            return NOT_STATED
        named = self.names.get(key)
        return key if named is None or named == key else f"{named} ({key})"


@dataclass(frozen=True, slots=True)
class Outage:
    """One service on the day: of how much, without it before, surely, and at most."""

    service: str
    total: str
    before: str
    surely: str
    at_most: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What services first lack, and the chain behind the one of them with the most people."""

    cause: str
    service: str
    sites: int
    people: str
    chain: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """How few stand behind a part of the network."""

    part: str
    elements: int
    makers: str
    maker: str
    owners: str
    owner: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """The chapter as the template writes it."""

    outages: tuple[Outage, ...]
    not_counted: str
    over_time: tuple[Figure, ...]
    map: Figure | None
    tree: Figure | None
    failures: tuple[Failure, ...]
    failures_left_out: int
    held: tuple[Held, ...]
    assumed: Twin | None
    in_short: str


def withdrawal(given: Withdrawn | None, vendor: str, annex: Annex) -> Chapter | None:
    """The chapter; None where it was not worked out."""
    if given is None:
        return None
    rows = [r for r in given.off["outage"].to_pylist() if r["by"] == "network"]
    places = [s for s in SERVICES if any(r["service"] == s for r in rows)]
    mapped = next(iter(places), None)
    outages = tuple(_outages(rows, places))
    # The annex numbers its tables as they come: as they stand in the chapter.
    sites = None if mapped is None else _map(given, mapped, vendor, annex)
    tree = _tree(given, mapped, annex)
    return Chapter(
        outages,
        _not_counted(rows),
        tuple(_over_time(given, places, vendor, annex)),
        sites,
        tree,
        _failures(given)[:_ROWS],
        max(0, len(_first(given)) - _ROWS),
        tuple(_held(given)),
        _assumed(given, annex),
        _in_short(rows, places, vendor),
    )


def measure_of(rows: Sequence[Mapping[str, Any]], service: str) -> str:
    """What a service is counted in: premises if fixed, else people; sites where that is lacking."""
    wanted = "premises" if service == "fixed" else "people"
    there = {r["measure"] for r in rows if r["service"] == service}
    return wanted if wanted in there else "sites"


def _of_total(row: Mapping[str, Any], column: str) -> str:
    """An amount and its part of the whole: `34,354 (40.2 %)`, with 5 to 95 % where they differ."""
    total = float(row["total"]) or 1.0
    median, low, high = (float(row[f"{column}_{at}"]) for at in ("median", "low", "high"))
    text = f"{number(round(median, 1))} ({share_range(median / total, median / total)})"
    if low != high:
        text += f", {share_range(low / total, high / total)} in 5 to 95{NO_BREAK_SPACE}% of runs"
    return text


def _at(
    rows: Sequence[Mapping[str, Any]], service: str, measure: str, on_day: float
) -> Mapping[str, Any] | None:
    return next(
        (r for r in rows if (r["service"], r["measure"], r["day"]) == (service, measure, on_day)),
        None,
    )


def _last_day(rows: Sequence[Mapping[str, Any]]) -> float:
    return max((float(r["day"]) for r in rows), default=0.0)


def _outages(rows: Sequence[Mapping[str, Any]], services: Sequence[str]) -> Iterator[Outage]:
    last = _last_day(rows)
    for service in services:
        for measure in (measure_of(rows, service), "area"):
            ended, before = (_at(rows, service, measure, at) for at in (last, -1.0))
            if ended is None or before is None:
                continue
            yield Outage(
                service,
                f"{number(round(float(ended['total']), 1))} {UNITS[measure]}",
                _of_total(before, "may_be_out"),
                _of_total(ended, "surely_out"),
                _of_total(ended, "may_be_out"),
            )


def _not_counted(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the figures leave out, in a sentence; empty where nothing."""
    said = []
    lacking = {
        r["service"]: r["not_stated"]
        for r in rows
        if r["measure"] == measure_of(rows, r["service"]) and r["not_stated"]
    }
    if lacking:
        listing = "; ".join(f"{service}: {counted(n, 'site')}" for service, n in lacking.items())
        said.append(f"Left out, for their figure is not stated: {listing}.")
    if not any(r["measure"] == "area" for r in rows):
        said.append("Area is not counted: the network states no range of its cells.")
    return " ".join(said)


def _over_time(
    given: Withdrawn, services: Sequence[str], vendor: str, annex: Annex
) -> Iterator[Figure]:
    every = [r for r in given.left_alone.to_pylist() if r["by"] == "network" and r["day"] >= 0]
    for place, service in enumerate(services):
        measure = measure_of(every, service)
        rows = sorted(
            (r for r in every if (r["service"], r["measure"]) == (service, measure)),
            key=lambda r: float(r["day"]),
        )
        if not rows:
            continue
        title = f"{service[:1].upper()}{service[1:]}: {UNITS[measure]} without it"
        end = rows[-1]
        twin = annex.add(
            f"{title}, if {vendor} does nothing more.",
            ("Day", "Surely, median", "5 %", "95 %", "At most, median", "5 %", "95 %"),
            [
                (
                    day(r["on"]),
                    *(
                        number(round(float(r[f"{name}_{at}"]), 1))
                        for name in ("surely_out", "may_be_out")
                        for at in ("median", "low", "high")
                    ),
                )
                for r in rows
            ],
            figures=range(1, 7),
            note=f"Of {number(round(float(end['total']), 1))} {UNITS[measure]}.",
        )
        drawn = outage_over_time(
            given.left_alone,
            service=service,
            measure=measure,
            key=f"gone-time-{place}",
            title=title,
            describes=f"On {day(end['on'])} surely {_of_total(end, 'surely_out')}, at most "
            f"{_of_total(end, 'may_be_out')}.",
        )
        yield Figure(title, f"Of {number(round(float(end['total']), 1))}.", drawn, twin)


def _map(given: Withdrawn, service: str, vendor: str, annex: Annex) -> Figure:
    lost = given.off["site_lost"]
    counts: dict[str | None, Counter[str]] = {}
    for row in lost.to_pylist():
        if row["service"] == service:
            counts.setdefault(row["region"], Counter())[state_of(row)] += 1
    twin = annex.add(
        f"Sites that lose {service} when all of {vendor} is off, by region.",
        ("Region", "Lost", "May be lost", "Served"),
        [
            (region or NOT_STATED, *(number(of[k]) for k in ("breach", "unknown", "comply")))
            for region, of in sorted(counts.items(), key=lambda c: (c[0] is None, c[0] or ""))
        ],
        figures=range(1, 4),
    )
    whole = sum(counts.values(), Counter())
    title = f"Sites that lose {service}"
    drawn = sites_lost(
        lost,
        service=service,
        key="gone-map",
        title=title,
        describes=f"{whole['breach']} lost, {whole['unknown']} perhaps, {whole['comply']} served.",
    )
    return Figure(title, "North is up; a mark may stand for several sites.", drawn, twin)


def _tree(given: Withdrawn, service: str | None, annex: Annex) -> Figure | None:
    """The tree of the region where most of a service is surely out."""
    rows = [
        r
        for r in given.off["outage"].to_pylist()
        if r["by"] == "region" and r["service"] == service and r["group"] is not None
    ]
    last = _last_day(rows)
    measure = measure_of(rows, str(service))
    here = [r for r in rows if r["measure"] == measure and r["day"] == last]
    if not here:
        return None
    most = min(here, key=lambda r: (-r["surely_out_median"], -r["may_be_out_median"], r["group"]))
    region = str(most["group"])
    layers = layers_of(given.need, region)
    if not layers:
        return None
    title = f"What services in {region} need"
    twin = annex.add(
        f"{title}: elements, and how many are of the vendor.",
        ("Layer", "Function", "Elements", "Of the vendor", "Maker not known"),
        [
            (layer.label, need.label, number(need.total), number(need.held), number(need.unknown))
            for layer in layers
            for need in layer.needs
        ],
        figures=range(2, 5),
    )
    drawn = service_tree(
        with_a_part(layers),
        key="gone-tree",
        title=title,
        describes="Layers from the sites to what manages all, each function with the part of the vendor.",
    )
    note = (
        f"Of all regions the one where most {service} is surely lost. Filled: of the vendor; "
        "hatched: maker not known."
    )
    return Figure(title, note, drawn, twin)


def _first(given: Withdrawn) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = given.off["first_failure"].to_pylist()
    first = [r for r in rows if r["when"] == "first"]
    return sorted(first, key=lambda r: (-r["people"], -r["sites"], r["cause"], r["service"]))


def _failures(given: Withdrawn) -> tuple[Failure, ...]:
    chains: dict[tuple[str, str], tuple[str, ...]] = {}
    steps: dict[int, list[dict[str, Any]]] = {}
    for row in given.off["failure_chain"].to_pylist():
        steps.setdefault(row["number"], []).append(row)
    for chain in steps.values():
        key = (str(chain[0]["cause"]), str(chain[0]["service"]))
        chains[key] = tuple(
            f"{given.name(step['subject'])} {step['says']}" for step in chain if step["subject"]
        )
    return tuple(
        Failure(
            row["cause"],
            row["service"],
            row["sites"],
            number(row["people"]),
            chains.get((row["cause"], row["service"]), ()),
        )
        for row in _first(given)
    )


def _held(given: Withdrawn) -> Iterator[Held]:
    shares = {
        (r["by"], r["group"], r["basis"], r["holder"]): (r["share_low"], r["share_high"])
        for r in given.share.to_pylist()
    }
    rows: dict[tuple[str, str | None], dict[str, dict[str, Any]]] = {}
    for row in given.concentration.to_pylist():
        if row["by"] in {"network", "domain"}:
            rows.setdefault((row["by"], row["group"]), {})[row["basis"]] = row

    def leader(row: Mapping[str, Any]) -> str:
        if row["leader"] is None:
            return NOT_STATED
        share = shares.get((row["by"], row["group"], row["basis"], row["leader"]))
        name = given.names.get(row["leader"], row["leader"])
        return name if share is None else f"{name}, {share_range(*share)}"

    for (by, part), of in sorted(
        rows.items(), key=lambda r: (r[0][0] != "network", r[0][1] is None, r[0][1] or "")
    ):
        maker, owner = of.get("maker"), of.get("owner")
        if maker is None or owner is None or (by == "domain" and part is None):
            continue
        yield Held(
            "The whole network" if by == "network" else str(part),
            maker["total"],
            index_words(maker),
            leader(maker),
            index_words(owner),
            leader(owner),
        )


def index_words(row: Mapping[str, Any]) -> str:
    """The Herfindahl-Hirschman index as a range; `·` where shares overlap."""
    if row["index_low"] is None:
        return "·"
    low, high = f"{row['index_low']:.2f}", f"{row['index_high']:.2f}"
    return low if low == high else f"{low} to {high}"


def _assumed(given: Withdrawn, annex: Annex) -> Twin | None:
    rows = [r for r in given.assumption.to_pylist() if r["basis"] != "stated"]
    if not rows:
        return None
    return annex.add(
        "What the figures over time rest on, and no table states.",
        ("Assumption", "Value", "What it is", "Whence"),
        [(r["parameter"], r["value"], r["means"], r["basis"]) for r in rows],
        figures=range(0),
    )


def _in_short(rows: Sequence[Mapping[str, Any]], services: Sequence[str], vendor: str) -> str:
    """The chapter in a sentence."""
    last = _last_day(rows)
    said = []
    for service in services:
        measure = measure_of(rows, service)
        row = _at(rows, service, measure, last)
        if row is None:
            continue
        total = float(row["total"]) or 1.0
        ends = (float(row[f"{name}_median"]) / total for name in ("surely_out", "may_be_out"))
        said.append(f"{share_range(*ends)} of {UNITS[measure]} would be without {service}")
    if not said:
        return f"What fails if {vendor} is gone was not worked out."
    return (
        f"If all of {vendor} were switched off, {'; '.join(said)}: the lower end is certain, the "
        "upper adds what hangs on facts that nobody stated."
    )
