"""Verbs that ask what hangs on whom: withdraw and concentration."""

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import (
    HERE,
    AsOfOption,
    JobsOption,
    JsonlOption,
    JsonOption,
    OutOption,
    QuietOption,
    SnapshotOption,
    WorkspaceOption,
    network_of,
    output,
    workspace_in,
)
from ringfence.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from ringfence.cli.output import Output
    from ringfence.dependence.scenario import Scenario
    from ringfence.dependence.withdraw import WithdrawParameters
    from ringfence.store.duck import Tables
    from ringfence.workspace import Network, Workspace

SHOWN_DAYS = 7
SHOWN_PARTS = 15
SHOWN_CHAINS = 4
UNITS = {
    "people": "people", "premises": "premises", "sites": "sites", "traffic": "Mbit/s",
    "area": "km²",
}  # fmt: skip
HOW = {
    "order": "all of it is switched off",
    "updates": "it sends no more updates",
    "spares": "it delivers no more spare parts",
    "chips": "it may buy no more chips",
    "support": "it may do nothing more, neither updates nor spares",
}
RESTS_ON = {
    "order": (), "updates": ("updates",), "spares": ("spares",), "chips": ("spares",),
    "support": ("updates", "spares"),
}  # fmt: skip
LEAST_SHARE = 0.005
TITLES = {
    "maker": "Behind the equipment: makers",
    "owner": "Behind the makers: owners at the head of the chain",
    "jurisdiction": "Whose law binds maker or owner",
    "component": "Common components",
}
INDEX = "index: Herfindahl-Hirschman, 1 is one alone; a range where not all is known"
OVERLAP = "no index: an element may hang on several; the share is that of the greatest"
NOTES = {"maker": INDEX, "owner": INDEX, "jurisdiction": OVERLAP, "component": OVERLAP}
FIGURES = tuple(
    f"{name}_{at}" for name in ("surely_out", "may_be_out") for at in ("median", "low", "high")
)


def withdraw(
    vendor: Annotated[
        list[str] | None,
        typer.Option("--vendor", help="Who goes; several go together."),
    ] = None,
    workspace: WorkspaceOption = HERE,
    mode: Annotated[
        str, typer.Option(help="How: order, updates, spares, chips or support.")
    ] = "order",
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="The day it goes; --as-of if absent.")
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="A TOML file of what no table states: spares, grace, runs.")
    ] = None,
    alone: Annotated[
        bool,
        typer.Option("--alone", help="Instead: a month without international links; no vendor."),
    ] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="Write pictures, as SVG, into this folder.")
    ] = None,
    jobs: JobsOption = 1,
    pool: Annotated[
        str, typer.Option("--pool", help="Where the runs are worked out: processes or ray.")
    ] = "processes",
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Say what fails over time when a vendor is gone, surely and at most."""
    from ringfence.dependence.scenario import MODES, load_scenario  # noqa: PLC0415

    chosen = next((m for m in MODES if m == mode), None)
    if chosen is None:
        raise UsageError(f"{mode!r} is no mode", where="--mode", hint=f"one of: {', '.join(MODES)}")
    if not vendor and not alone:
        raise UsageError("no vendor is given", where="--vendor", hint="see: ringfence show vendor")
    if pool not in {"processes", "ray"}:
        raise UsageError(f"{pool!r} is no pool", where="--pool", hint="processes or ray")
    stated = load_scenario(scenario)
    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    if alone:
        _alone(out, place, network, stated)
        return
    from ringfence.dependence import withdraw as room  # noqa: PLC0415 (loads the compiler)

    vendors = tuple(place.vendor(network, name) for name in vendor or ())
    parameters = room.WithdrawParameters(
        vendors=vendors,
        mode=chosen,
        on=_date(on) or network.as_of,
        as_of=network.as_of,
        scenario=stated,
        jobs=jobs,
        way="ray" if pool == "ray" else "processes",
    )
    found = place.cache.run(room.withdraw, network.tables, parameters)
    summary = {"vendors": list(vendors), "mode": mode, "on": parameters.on.isoformat()}
    more = {name: found[name] for name in ("first_failure", "failure_chain", "assumption")}
    out.document("withdraw", network, summary, found["outage"], more)
    if pictures:
        _draw(pictures, found, " and ".join(vendor or ()), out)
    if out.is_for_people:
        _told(out, found, parameters, vendor or [], _names(place, network))


def _names(place: "Workspace", network: "Network") -> dict[str, str]:
    """Names by key: of operators, sites, elements and vendors that state one."""
    tables = (network.tables[name] for name in ("site", "vendor"))
    stated = (table.select(["id", "name"]).to_pylist() for table in tables)
    named = {row["id"]: row["name"] for rows in stated for row in rows if row["name"]}
    return named | place.element_names(network) | place.operator_names(network)


def _told(
    out: "Output",
    found: "Tables",
    parameters: "WithdrawParameters",
    vendors: "Sequence[str]",
    names: "Mapping[str, str]",
) -> None:
    """Show the answer to a person: how much, when, where, why, and on what it rests."""
    how = HOW[parameters.mode]
    out.say(f"{' and '.join(vendors)}, from {parameters.on}: {how}")
    out.say("surely   without service whatever the facts that nobody stated")
    out.say("at most  if all those facts speak against service; compare the line before")
    if parameters.mode != "order":
        runs = parameters.scenario.runs
        out.say(f"The figures are the median of {runs:,} runs, in brackets 5 to 95 % of them.")
    out.say()
    outage = found["outage"].to_pylist()
    _over_time(out, outage)
    _by_part(out, outage, names)
    _first(out, found, names)
    _assumptions(out, found["assumption"], parameters.mode)


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a date", where="--on", hint="write it as 2027-12-31"
        ) from None


def _measured(rows: "Sequence[dict[str, Any]]") -> "Iterator[tuple[str, str]]":
    """Each service and what it is counted in: people, or premises if fixed; sites in default."""
    from ringfence.dependence.ways import SERVICES  # noqa: PLC0415
    from ringfence.report.withdrawal import measure_of  # noqa: PLC0415

    there = {r["service"] for r in rows}
    for service in SERVICES:
        if service in there:
            yield service, measure_of(rows, service)


def _over_time(out: "Output", outage: "Sequence[dict[str, Any]]") -> None:
    rows = [r for r in outage if r["by"] == "network"]
    has_area = any(r["measure"] == "area" for r in rows)
    for service, measure in _measured(rows):
        for counted in (measure, *(("area",) if has_area else ())):
            of_it = [r for r in rows if (r["service"], r["measure"]) == (service, counted)]
            if of_it:
                _one_over_time(out, service, counted, of_it)
    if not has_area:
        out.say("Area is not counted: no range of a cell is stated. State demand.range_km, or")
        out.say("services.farthest_km in a scenario.")
        out.say()


def _one_over_time(
    out: "Output", service: str, measure: str, of_it: "list[dict[str, Any]]"
) -> None:
    of_it.sort(key=lambda r: float(r["day"]))
    # Days on which nothing changes are one line; of those left, so many that they can be read.
    changes = [
        r
        for before, r in zip([None, *of_it], of_it, strict=False)
        if before is None or any(r[name] != before[name] for name in FIGURES)
    ]
    if len(changes) > SHOWN_DAYS:
        step = -(-(len(changes) - 2) // (SHOWN_DAYS - 2))
        changes = [*changes[:2], *changes[2:-1:step], changes[-1]]
    if changes[-1] is not of_it[-1] and len(changes) > 2:
        changes.append(of_it[-1])
    note = None
    if of_it[0]["not_stated"]:
        note = f"{of_it[0]['not_stated']:,} sites do not state the figure and are left out"
    out.table(
        f"{service}: {UNITS[measure]} without it, of {of_it[0]['total']:,.0f}",
        ("day", "date", "surely", "at most"),
        [
            (
                "before" if r["day"] < 0 else f"{r['day']:,.0f}",
                r["on"].isoformat(),
                _range(r, "surely_out"),
                _range(r, "may_be_out"),
            )
            for r in changes
        ],
        right=(0, 2, 3),
        note=note,
    )


def _range(row: dict[str, Any], name: str) -> str:
    median, low, high = (row[f"{name}_{at}"] for at in ("median", "low", "high"))
    total = row["total"] or 1.0
    text = f"{median:,.0f} = {median / total * 100:.1f} %"
    return text if low == high else f"{text} ({low / total * 100:.1f} to {high / total * 100:.1f})"


def _by_part(out: "Output", outage: "Sequence[dict[str, Any]]", names: "Mapping[str, str]") -> None:
    last = max((float(r["day"]) for r in outage), default=0.0)
    when = next((r["on"].isoformat() for r in outage if r["day"] == last), "")
    for by in ("operator", "region"):
        rows = [r for r in outage if r["by"] == by and r["day"] == last]
        measures = dict(_measured(rows))
        of_it = [r for r in rows if r["measure"] == measures[r["service"]]]
        of_it.sort(key=lambda r: (-float(r["surely_out_median"]), -float(r["may_be_out_median"])))
        out.table(
            f"By {by}, on {when}",
            (by, "service", "of", "surely", "at most"),
            [
                (
                    names.get(r["group"], r["group"] or "not stated"),
                    r["service"],
                    f"{r['total']:,.0f} {UNITS[r['measure']]}",
                    _range(r, "surely_out"),
                    _range(r, "may_be_out"),
                )
                for r in of_it[:SHOWN_PARTS]
            ],
            right=(2, 3, 4),
            note=f"{len(of_it) - SHOWN_PARTS} more: --json" if len(of_it) > SHOWN_PARTS else None,
        )


def _first(out: "Output", found: "Tables", names: "Mapping[str, str]") -> None:
    rows = found["first_failure"].to_pylist()
    first = [r for r in rows if r["when"] == "first"]
    last = [r for r in rows if r["when"] == "last"]
    columns = ("cause", "service", "sites", "people")
    is_same = [[r[c] for c in columns] for r in first] == [[r[c] for c in columns] for r in last]
    for when, of_it in (("first", first), ("in the end", [] if is_same else last)):
        if of_it:
            out.table(
                f"What the services lost {when} lack, on day {of_it[0]['day']:,.0f} "
                "of a run near the median",
                ("what", "service", "sites", "people"),
                [
                    (r["cause"], r["service"], f"{r['sites']:,}", f"{r['people']:,.0f}")
                    for r in sorted(of_it, key=lambda r: (-r["people"], -r["sites"]))
                ],
                right=(2, 3),
            )
    chains: dict[int, list[dict[str, Any]]] = {}
    for row in found["failure_chain"].to_pylist():
        chains.setdefault(row["number"], []).append(row)
    if chains:
        out.say("Why: one site each, that with most people, and the chain down to what is out")
    for steps in list(chains.values())[:SHOWN_CHAINS]:
        for place, step in enumerate(steps):
            key = step["subject"]
            name = f"{names[key]} ({key})" if names.get(key, key) != key else key
            out.say(f"{'    ' if place else '  '}{name} {step['says']}")
    if len(chains) > SHOWN_CHAINS:
        out.say(f"  {len(chains) - SHOWN_CHAINS} more: --json")
    out.say()


def _assumptions(out: "Output", assumed: "pa.Table", mode: str) -> None:
    parts = ("services", "area", *RESTS_ON[mode])
    rows = [
        r
        for r in assumed.to_pylist()
        if r["basis"] != "stated"
        and r["parameter"].partition(".")[0] in parts
        and r["value"] not in {"{}", "()", "False"}
    ]
    out.table(
        "What it rests on, since neither a table nor a scenario states it",
        ("parameter", "value", "what it is"),
        [(r["parameter"], _plain(r["value"]), _first_clause(r["means"])) for r in rows],
        note="state your own with --scenario; in full: --json",
    )


def _plain(value: str) -> str:
    """A range as a person writes it."""
    low, comma, high = value.strip("()").partition(", ")
    return f"{low} to {high}" if comma and value.startswith("(") else value


def _first_clause(text: str) -> str:
    """A description up to its first full stop or semicolon, without the word on its basis."""
    return re.split(r"[;.](?:\s|$)", text.replace(" (assumed)", ""), maxsplit=1)[0]


def _draw(folder: Path, found: "Tables", vendor: str, out: "Output") -> None:
    from ringfence.report.outages import outage_over_time, sites_lost  # noqa: PLC0415

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder: {error.strerror}", where=str(folder)) from error
    rows = [r for r in found["outage"].to_pylist() if r["by"] == "network"]
    for service, measure in _measured(rows):
        key = service.replace(" ", "-")
        drawn = {
            f"{key}-over-time": outage_over_time(
                found["outage"],
                service=service,
                measure=measure,
                key=f"{key}-time",
                title=f"{UNITS[measure]} without {service} when {vendor} is gone",
                describes="Parts of all, over time, with 5 to 95 % of the runs.",
            ),
            f"{key}-sites": sites_lost(
                found["site_lost"],
                service=service,
                key=f"{key}-map",
                title=f"Sites that lose {service} when {vendor} is gone",
                describes="A map of sites lost, perhaps lost and served on the last day.",
            ),
        }
        for name, picture in drawn.items():
            (folder / f"{name}.svg").write_text(picture, encoding="utf-8")
    out.note(f"wrote pictures to {folder}")


def _alone(out: "Output", place: Any, network: Any, stated: "Scenario") -> None:
    from ringfence.dependence.abroad import (  # noqa: PLC0415
        AloneParameters,
        without_international_links,
    )

    parameters = AloneParameters(as_of=network.as_of, services=stated.services)
    found = place.cache.run(without_international_links, network.tables, parameters)
    more = {"from_abroad": found["from_abroad"]}
    out.document("withdraw-alone", network, {"days": 30}, found["alone"], more)
    out.say(f"A month without international links, on {network.as_of}")
    whole = [r for r in found["alone"].to_pylist() if r["by"] == "network"]
    rows = [r for one in _measured(whole) for r in whole if (r["service"], r["measure"]) == one]
    out.table(
        "Without service: after the month, and with the links there",
        ("service", "of", "surely", "at most", "with links: surely", "at most"),
        [
            (
                r["service"],
                f"{r['total']:,.0f} {UNITS[r['measure']]}",
                *(
                    f"{r[c]:,.0f}"
                    for c in ("surely_out", "may_be_out", "surely_out_before", "may_be_out_before")
                ),
            )
            for r in rows
        ],
        right=(1, 2, 3, 4, 5),
    )
    listed = found["from_abroad"].to_pylist()
    out.table(
        "What comes from abroad, or may",
        ("row", "what"),
        [(r["subject"], r["says"]) for r in listed[:SHOWN_PARTS]],
        note=f"{len(listed)} in all" if len(listed) > SHOWN_PARTS else None,
    )


def concentration(
    workspace: WorkspaceOption = HERE,
    by: Annotated[
        str,
        typer.Option(help="Parting: network, operator, region, domain or function."),
    ] = "domain",
    sets: Annotated[
        int,
        typer.Option(
            min=0, max=4, help="Also the least sets of up to so many vendors that stop it."
        ),
    ] = 0,
    vendor: Annotated[
        list[str] | None, typer.Option("--vendor", help="With --sets: only sets of these vendors.")
    ] = None,
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show how few stand behind how much: makers, owners, laws, common parts."""
    from ringfence.dependence import concentration as room  # noqa: PLC0415

    if by not in room.GROUPINGS:
        raise UsageError(
            f"{by!r} is no way of parting",
            where="--by",
            hint=f"one of: {', '.join(room.GROUPINGS)}",
        )
    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    parameters = room.ConcentrationParameters(as_of=network.as_of)
    found = place.cache.run(room.concentration, network.tables, parameters)
    more = {name: found[name] for name in ("concentration_share", "entrant")}
    stops: Tables | None = None
    if sets:
        from ringfence.dependence.vendor_sets import SetParameters, vendor_sets  # noqa: PLC0415

        named = tuple(place.vendor(network, name) for name in vendor or ())
        asked = SetParameters(as_of=network.as_of, vendors=named, largest=sets)
        stops = place.cache.run(vendor_sets, network.tables, asked)
        more |= {name: stops[name] for name in ("minimal_set", "carried_share")}
    rows = [r for r in found["concentration"].to_pylist() if r["by"] == by]
    summary = {"single_points": sum(r["single_point"] == "yes" for r in rows)}
    out.document("concentration", network, summary, found["concentration"], more)
    if not out.is_for_people:
        return
    names = _names(place, network)
    shares = {
        (r["group"], r["basis"], r["holder"]): r
        for r in found["concentration_share"].to_pylist()
        if r["by"] == by
    }
    for basis in room.BASES:
        if not any(r["holders"] for r in rows if r["basis"] == basis):
            out.say(f"{TITLES[basis]}: the tables state none")
            out.say()
            continue
        out.table(
            TITLES[basis],
            (by, "elements", "known of", "index", "greatest", "its share", "alone"),
            [
                (
                    names.get(
                        r["group"], r["group"] or ("all" if by == "network" else "not stated")
                    ),
                    f"{r['total']:,}",
                    f"{r['total'] - r['unknown']:,}",
                    _index(r),
                    names.get(r["leader"], r["leader"] or "·"),
                    _share(shares.get((r["group"], basis, r["leader"]))),
                    r["single_point"],
                )
                for r in rows
                if r["basis"] == basis
            ],
            right=(1, 2, 3, 5),
            note=NOTES[basis],
        )
    _entrants(out, by, rows, found["entrant"], names)
    if stops is not None:
        _stops(out, stops, names)


def _entrants(
    out: "Output",
    by: str,
    rows: "Sequence[dict[str, Any]]",
    entrant: "pa.Table",
    names: "Mapping[str, str]",
) -> None:
    """Show the index of makers if a newcomer took the same part from each."""
    later: dict[str | None, dict[float, str]] = {}
    for row in entrant.to_pylist():
        if (row["by"], row["basis"]) == (by, "maker"):
            later.setdefault(row["group"], {})[row["entrant_share"]] = _index(row)
    taken = sorted({share for of in later.values() for share in of})
    now = {r["group"]: _index(r) for r in rows if r["basis"] == "maker"}
    out.table(
        "The index of makers if a newcomer took a part, the same from each",
        (by, "now", *(f"takes {share * 100:g} %" for share in taken)),
        [
            (
                names.get(str(part), part or ("all" if by == "network" else "not stated")),
                now[part],
                *(of[share] for share in taken),
            )
            for part, of in later.items()
        ],
        right=tuple(range(1, 2 + len(taken))),
    )


def _share(row: dict[str, Any] | None) -> str:
    if row is None:
        return "·"
    low, high = f"{row['share_low'] * 100:.1f}", f"{row['share_high'] * 100:.1f}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def _together(vendors: str, names: "Mapping[str, str]") -> str:
    return " + ".join(names.get(one, one) for one in vendors.split(" + ")) if vendors else ""


def _index(row: dict[str, Any]) -> str:
    if row["index_low"] is None:
        return "·"
    low, high = f"{row['index_low']:.2f}", f"{row['index_high']:.2f}"
    return low if low == high else f"{low} to {high}"


def _stops(out: "Output", found: "Tables", names: "Mapping[str, str]") -> None:
    rows = found["minimal_set"].to_pylist()
    surely = [r for r in rows if r["reading"] == "surely out" and r["by"] != "operator"]
    # One vendor that stops much comes before pairs, and the country before its regions.
    surely.sort(key=lambda r: (r["group"] or "", r["service"], r["size"], -r["out"]))
    out.table(
        "Least sets that surely stop at least half of a service",
        ("where", "service", "vendors", "out"),
        [
            (
                r["group"] or "the network",
                r["service"],
                _together(r["vendors"], names) or "nobody: out as it stands",
                f"{r['out'] * 100:.0f} %",
            )
            for r in surely[: 2 * SHOWN_PARTS]
        ],
        right=(3,),
        note=f"{len(surely):,} in all: --json" if len(surely) > 2 * SHOWN_PARTS else None,
    )
    out.table(
        "The part of each service's outage that a vendor carries",
        ("service", "vendor", "carries", "alone"),
        [
            (
                r["service"],
                _together(r["vendor"], names),
                f"{r['share'] * 100:.1f} %"
                + (f" ± {r['standard_error'] * 100:.1f}" if r["standard_error"] else ""),
                f"{r['alone'] * 100:.1f} %",
            )
            for r in sorted(
                found["carried_share"].to_pylist(), key=lambda r: (r["service"], -r["share"])
            )
            if r["reading"] == "surely out" and r["share"] >= LEAST_SHARE
        ],
        right=(2, 3),
        note="carries: its mean part over all orders in which vendors might go (Shapley), with the "
        "standard error where orders are drawn; alone: what is out when it alone goes. Under "
        f"{LEAST_SHARE * 100:g} %: --json",
    )
