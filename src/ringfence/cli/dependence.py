"""Verbs that ask what hangs on whom: withdraw and concentration."""

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
    import pyarrow as pa

    from ringfence.cli.output import Output
    from ringfence.dependence.scenario import Scenario
    from ringfence.store.duck import Tables

SHOWN_DAYS = 7
SHOWN_PARTS = 15
SHOWN_CHAINS = 4
UNITS = {"people": "people", "premises": "premises", "sites": "sites", "traffic": "Mbit/s"}
MEASURE_OF = {"fixed": "premises"}


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
        out.say(f"{' and '.join(vendor or ())} goes on {parameters.on}: {mode}")
        out.say("From A to B: A is surely out; B counts what hangs on facts nobody stated.")
        out.say("The median of the runs; in brackets 5 to 95 % of them.")
        out.say()
        _over_time(out, found["outage"])
        _by_part(out, found["outage"], place.operator_names(network))
        _first(out, found)
        _assumptions(out, found["assumption"])


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a date", where="--on", hint="write it as 2027-12-31"
        ) from None


def _over_time(out: "Output", outage: "pa.Table") -> None:
    rows = [r for r in outage.to_pylist() if r["by"] == "network"]
    for service in sorted({r["service"] for r in rows}):
        measure = MEASURE_OF.get(service, "people")
        of_it = [r for r in rows if (r["service"], r["measure"]) == (service, measure)]
        if not of_it:
            measure = "sites"
            of_it = [r for r in rows if (r["service"], r["measure"]) == (service, measure)]
        of_it.sort(key=lambda r: float(r["day"]))
        step = max(1, (len(of_it) - 2) // (SHOWN_DAYS - 2))
        shown = [*of_it[:2], *of_it[2:-1:step], of_it[-1]] if len(of_it) > 2 else of_it
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
                for r in shown
            ],
            right=(0, 2, 3),
            note=note,
        )


def _range(row: dict[str, Any], name: str) -> str:
    median, low, high = (row[f"{name}_{at}"] for at in ("median", "low", "high"))
    total = row["total"] or 1.0
    text = f"{median:,.0f} = {median / total * 100:.1f} %"
    return text if low == high else f"{text} ({low / total * 100:.1f} to {high / total * 100:.1f})"


def _by_part(out: "Output", outage: "pa.Table", operators: dict[str, str]) -> None:
    rows = outage.to_pylist()
    last = max((float(r["day"]) for r in rows), default=0.0)
    for by in ("operator", "region"):
        of_it = [
            r
            for r in rows
            if r["by"] == by
            and r["day"] == last
            and r["measure"] == MEASURE_OF.get(r["service"], "people")
        ]
        of_it.sort(key=lambda r: (-float(r["surely_out_median"]), -float(r["may_be_out_median"])))
        out.table(
            f"On the last day looked at, by {by}",
            (by, "service", "surely", "at most"),
            [
                (
                    operators.get(r["group"], r["group"] or "not stated"),
                    r["service"],
                    _range(r, "surely_out"),
                    _range(r, "may_be_out"),
                )
                for r in of_it[:SHOWN_PARTS]
            ],
            right=(2, 3),
            note=f"{len(of_it) - SHOWN_PARTS} more: --json" if len(of_it) > SHOWN_PARTS else None,
        )


def _first(out: "Output", found: "Tables") -> None:
    rows = found["first_failure"].to_pylist()
    out.table(
        "What the services lost lack, in a typical run",
        ("when", "day", "what", "service", "sites", "people"),
        [
            (
                r["when"],
                f"{r['day']:,.0f}",
                r["cause"],
                r["service"],
                f"{r['sites']:,}",
                f"{r['people']:,.0f}",
            )
            for r in rows
        ],
        right=(1, 4, 5),
    )
    chains: dict[int, list[str]] = {}
    for row in found["failure_chain"].to_pylist():
        chains.setdefault(row["number"], []).append(f"{row['subject']} {row['says']}")
    for number, steps in list(chains.items())[:SHOWN_CHAINS]:
        out.say(f"chain {number}")
        for step in steps:
            out.say(f"  {step}")
    out.say()


def _assumptions(out: "Output", assumed: "pa.Table") -> None:
    rows = [r for r in assumed.to_pylist() if r["basis"] == "assumed"]
    out.table(
        "Assumed, since no scenario states it",
        ("parameter", "value"),
        [(r["parameter"], r["value"]) for r in rows],
        note="state your own with --scenario; what each means: --json",
    )


def _draw(folder: Path, found: "Tables", vendor: str, out: "Output") -> None:
    from ringfence.dependence.ways import SERVICES  # noqa: PLC0415
    from ringfence.report.withdrawal import outage_over_time, sites_lost  # noqa: PLC0415

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder: {error.strerror}", where=str(folder)) from error
    there = set(found["site_lost"]["service"].to_pylist())
    for service in (s for s in SERVICES if s in there):
        measure = MEASURE_OF.get(service, "people")
        key = service.replace(" ", "-")
        drawn = {
            f"{key}-over-time": outage_over_time(
                found["outage"],
                service=service,
                measure=measure,
                key=f"{key}-time",
                title=f"{measure} without {service} when {vendor} is gone",
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
    rows = [
        r
        for r in found["alone"].to_pylist()
        if r["by"] == "network" and r["measure"] == MEASURE_OF.get(r["service"], "people")
    ]
    out.table(
        "Without service, surely and at most",
        ("service", "surely", "at most", "with the links: surely", "at most", "of"),
        [
            (
                r["service"],
                *(
                    f"{r[c]:,.0f}"
                    for c in ("surely_out", "may_be_out", "surely_out_before", "may_be_out_before")
                ),
                f"{r['total']:,.0f} {UNITS[r['measure']]}",
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
    names = place.operator_names(network)
    for basis in room.BASES:
        out.table(
            f"By {basis}",
            (by, "elements", "index", "single point", "leader", "stated"),
            [
                (
                    names.get(
                        r["group"], r["group"] or ("all" if by == "network" else "not stated")
                    ),
                    f"{r['total']:,}",
                    _index(r),
                    r["single_point"],
                    r["leader"] or "·",
                    f"{r['total'] - r['unknown']:,}",
                )
                for r in rows
                if r["basis"] == basis
            ],
            right=(1, 2, 5),
            note="index: Herfindahl-Hirschman, 1 is one holder alone; a range where not all is stated",
        )
    if stops is not None:
        _stops(out, stops)


def _index(row: dict[str, Any]) -> str:
    if row["index_low"] is None:
        return "·"
    low, high = f"{row['index_low']:.2f}", f"{row['index_high']:.2f}"
    return low if low == high else f"{low} to {high}"


def _stops(out: "Output", found: "Tables") -> None:
    rows = found["minimal_set"].to_pylist()
    surely = [r for r in rows if r["reading"] == "surely out" and r["by"] != "operator"]
    out.table(
        "Least sets that surely stop at least half of a service",
        ("where", "service", "vendors", "out"),
        [
            (
                r["group"] or "the network",
                r["service"],
                r["vendors"] or "nobody: out as it stands",
                f"{r['out'] * 100:.0f} %",
            )
            for r in surely[: 2 * SHOWN_PARTS]
        ],
        right=(3,),
        note=f"{len(surely):,} in all: --json" if len(surely) > 2 * SHOWN_PARTS else None,
    )
    out.table(
        "The part of each service's outage that a vendor carries",
        ("service", "vendor", "carries", "alone", "found"),
        [
            (
                r["service"],
                r["vendor"],
                f"{r['share'] * 100:.1f} %"
                + (f" ± {r['standard_error'] * 100:.1f}" if r["standard_error"] else ""),
                f"{r['alone'] * 100:.1f} %",
                r["basis"],
            )
            for r in found["carried_share"].to_pylist()
            if r["reading"] == "surely out" and r["share"] > 0
        ],
        right=(2, 3),
    )
