"""Verbs that lay law beside law and day beside day: rules timeline, compare, lists."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import (
    HERE,
    AsOfOption,
    AudienceOption,
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

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

    from ringfence.cli.output import Output
    from ringfence.store.duck import Tables

PacksArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Packs that come with us, or folders; all of ours if none."),
]


def timeline(
    packs: PacksArgument = None,
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="A .csv or .xlsx of element, removed_on: what a plan would take out."),
    ] = None,
    audience: AudienceOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show each day on which the law changes, past and ahead, and how the network stands to it."""
    import pyarrow as pa  # noqa: PLC0415

    from ringfence.cli.output import cell  # noqa: PLC0415
    from ringfence.rules import timeline as days  # noqa: PLC0415
    from ringfence.rules.labels import for_audience, label_of  # noqa: PLC0415
    from ringfence.rules.pack import list_packs, load_pack  # noqa: PLC0415
    from ringfence.rules.plans import read_plan, under_plan  # noqa: PLC0415

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    loaded = for_audience([load_pack(name) for name in packs or list_packs()], audience)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    tables = place.to_judge(network)
    removals = read_plan(plan, tables["element"]) if plan else None

    def of_day(day: "date") -> "Tables":
        if snapshot or day > network.as_of:
            return tables
        return place.to_judge(place.network(day))

    def of_plan(day: "date") -> "Tables":
        return under_plan(of_day(day), removals) if removals else of_day(day)

    parts = []
    for pack in loaded:
        values = place.settings.pack.get(pack.id, {})
        asked = days.TimelineParameters(network.as_of, values)
        rows = days.timeline(of_day, pack, asked)
        if removals is not None:
            then = days.timeline(of_plan, pack, asked)
            for name in ("breach", "unknown", "comply"):
                rows = rows.append_column(f"{name}_under_plan", then.column(name))
        parts.append(rows)
    found = pa.concat_tables(parts)
    listed = found.to_pylist()
    ahead = [r for r in listed if r["deadline"] and r["days_ahead"] >= 0]
    summary = {
        "deadlines_past": sum(1 for r in listed if r["deadline"] and r["days_ahead"] < 0),
        "deadlines_ahead": len(ahead),
        "deadlines_ahead_missed": sum(1 for r in ahead if r["breach"]),
        "label": label_of(loaded),
    }
    if removals is not None:
        summary["deadlines_ahead_missed_under_plan"] = sum(
            1 for r in ahead if r["breach_under_plan"]
        )
    out.document("rules-timeline", network, summary, found)
    figures = ["breach", "unknown", "comply"]
    headings = ["rule", "deadline", "days", "effect", *figures]
    if removals is not None:
        figures = ["breach", "breach_under_plan", "unknown", "unknown_under_plan"]
        headings[4:] = ["breach", "planned", "unknown", "planned"]
    out.table(
        f"Deadlines, as of {network.as_of}",
        headings,
        [
            [
                r["rule"],
                cell(r["deadline"]),
                cell(r["days_ahead"]),
                r["effect"],
                *(cell(r[name]) for name in figures),
            ]
            for r in sorted(listed, key=lambda r: (r["begins_on"], r["rule"]))
            if r["deadline"]
        ],
        right=tuple(n for n in range(len(headings)) if n not in (0, 1, 3)),
        note="counted on the day after each deadline, on the network of that day",
    )
    missed = f"{summary['deadlines_ahead_missed']} of {len(ahead)} deadlines ahead would be missed"
    if removals is not None:
        missed += f"; {summary['deadlines_ahead_missed_under_plan']} under the plan"
    out.say(missed)


def compare(
    packs: Annotated[list[str], typer.Argument(help="Packs that come with us, or folders.")],
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    binding_only: Annotated[
        bool, typer.Option("--binding-only", help="Count only what has legal force.")
    ] = False,
    audience: AudienceOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Hold one network against many regimes: what each makes of it, and what it takes to obey all.

    The rows are the subjects that would have to change; the two other tables stand in --json.
    """
    from ringfence.rules import compare as regimes  # noqa: PLC0415
    from ringfence.rules.labels import for_audience, label_of  # noqa: PLC0415
    from ringfence.rules.pack import load_pack  # noqa: PLC0415

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    loaded = for_audience([load_pack(name) for name in dict.fromkeys(packs)], audience)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    judged = []
    for pack in loaded:
        answer = place.judge(network, pack)
        tables = {name: answer[name] for name in ("finding", "judged")}
        judged.append(regimes.Judgement(pack, tables))
    found = regimes.compare(judged, network.tables["element"], binding_only=binding_only)
    together = [r for r in found["cost"].to_pylist() if r["pack"] is None]
    summary: dict[str, object] = {
        f"{r['sort']}_{name}": r[name] for r in together for name in ("elements", "sites")
    }
    summary |= {"packs": len(loaded), "label": label_of(loaded)}
    more = {name: found[name] for name in ("comparison", "cost")}
    out.document("rules-compare", network, summary, found["change"], more)
    _show_comparison(out, network.as_of, found)
    out.say("subject by subject: --jsonl, or --out changes.xlsx")


def _show_comparison(out: "Output", as_of: "date", found: "dict[str, pa.Table]") -> None:
    from ringfence.cli.output import cell  # noqa: PLC0415

    sorts = ("breach", "due", "may_be_due", "unknown", "comply")
    out.table(
        f"What each regime makes of the network, on {as_of}",
        ("pack", "test", "rules", "breach", "due", "due?", "unknown", "comply"),
        [
            [r["pack"], r["test"], cell(r["rules"]), *(cell(r[s]) if r[s] else "·" for s in sorts)]
            if r["test"] != "not encoded"
            else [r["pack"], f"not encoded, {r['not_read']} for want of the source",
                  cell(r["rules"]), "", "", "", "unknown" if r["not_read"] else "", ""]
            for r in found["comparison"].to_pylist()
        ],
        right=(2, 3, 4, 5, 6, 7),
    )  # fmt: skip
    things = ("elements", "sites", "without_site", "contracts", "operators", "vendors")
    out.table(
        "What would have to change to be lawful",
        ("pack", "sort", *(t.replace("_", " ") for t in things)),
        [
            [r["pack"] or "all of them", r["sort"], *(cell(r[t]) if r[t] else "·" for t in things)]
            for r in found["cost"].to_pylist()
            if r["pack"] is None or any(r[t] for t in things)
        ],
        right=(2, 3, 4, 5, 6, 7),
        note="each thing counts once, in the gravest of its sorts",
    )


def lists(
    first: Annotated[str, typer.Argument(help="A pack.")],
    second: Annotated[str, typer.Argument(help="The pack to hold it against.")],
    audience: AudienceOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
) -> None:
    """Show which functions two regimes count differently: core, not core, or for review."""
    from ringfence.errors import AudienceError  # noqa: PLC0415
    from ringfence.rules.compare import difference  # noqa: PLC0415
    from ringfence.rules.labels import for_audience, label_of  # noqa: PLC0415
    from ringfence.rules.pack import load_pack  # noqa: PLC0415

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file)
    loaded = for_audience([load_pack(first), load_pack(second)], audience)
    if len(loaded) < 2:
        raise AudienceError(f"an audience cleared for {audience} may not have what is asked for")
    rows = difference(*loaded)
    summary = {"different": rows.num_rows, "label": label_of(loaded)}
    out.document("rules-lists", None, summary, rows)
    out.table(
        "Functions counted differently",
        ("kind", "domain", loaded[0].id, loaded[1].id),
        [(r["kind"], r["domain"], r["first"], r["second"]) for r in rows.to_pylist()],
        note="where each says so: --json",
    )
    out.say(f"{rows.num_rows} functions are counted differently")
