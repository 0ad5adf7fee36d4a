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
    packs_of,
    say_label,
    workspace_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    import pyarrow as pa

    from ringfence.cli.output import Output
    from ringfence.rules.pack import Pack
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
    from ringfence.rules.labels import labelled  # noqa: PLC0415
    from ringfence.rules.pack import list_packs  # noqa: PLC0415
    from ringfence.rules.plans import read_plan, under_plan  # noqa: PLC0415

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    opened = packs_of(packs or list_packs(), workspace, out, audience=audience)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    tables = place.to_judge(network, opened.packs)
    removals = read_plan(plan, tables["element"]) if plan else None

    def of_day(day: "date") -> "Tables":
        if snapshot or day > network.as_of:
            return tables
        return place.to_judge(place.network(day), opened.packs)

    def of_plan(day: "date") -> "Tables":
        return under_plan(of_day(day), removals) if removals else of_day(day)

    parts = []
    for pack in opened.packs:
        values = place.settings.pack.get(pack.id, {})
        asked = days.TimelineParameters(network.as_of, values)
        rows = days.timeline(of_day, pack, asked)
        if removals is not None:
            then = days.timeline(of_plan, pack, asked)
            for name in ("breach", "unknown", "comply"):
                rows = rows.append_column(f"{name}_under_plan", then.column(name))
        parts.append(labelled(rows, pack))
    found = pa.concat_tables(parts)
    listed = found.to_pylist()
    # What another rule took the place of by then asks for nothing of its own any more.
    deadlines = [
        r for r in listed if r["deadline"] and not r["legal_status"].startswith("superseded")
    ]
    ahead = [r for r in deadlines if r["days_ahead"] >= 0]
    summary = {
        "deadlines_past": len(deadlines) - len(ahead),
        "deadlines_ahead": len(ahead),
        "deadlines_ahead_missed": sum(1 for r in ahead if r["breach"]),
        "label": opened.label,
    }
    if removals is not None:
        summary["deadlines_ahead_missed_under_plan"] = sum(
            1 for r in ahead if r["breach_under_plan"]
        )
    out.document("rules-timeline", network, summary, found)
    say_label(out, opened.label)
    figures = ["breach", "unknown", "comply"]
    headings = ["rule", "until", "days", "then", *figures]
    if removals is not None:
        figures = ["breach", "breach_under_plan", "unknown", "unknown_under_plan"]
        headings[4:] = ["breach", "planned", "unknown", "planned"]
    dated = sorted((r["begins_on"], r["rule"], r) for r in deadlines)
    past = sum(1 for begins, _, _ in dated if begins <= network.as_of)
    rows = [
        [
            r["rule"],
            cell(r["deadline"]),
            f"in {cell(left)}" if (left := r["days_ahead"]) >= 0 else f"{cell(-left)} ago",
            r["effect"],
            *(cell(r[name]) if r[name] else "·" for name in figures),
        ]
        for _, _, r in dated
    ]
    rows.insert(past, ["the day asked", cell(network.as_of), *[""] * (len(headings) - 2)])
    out.table(
        f"When the law asks for more, as of {network.as_of}",
        headings,
        rows,
        right=tuple(n for n in range(len(headings)) if n not in (0, 1, 3)),
        note="until: the last day before; counted on the day after it, on the network of that day",
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

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    opened = packs_of(packs, workspace, out, audience=audience)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    judged = []
    for pack in opened.packs:
        answer = place.judge(network, pack)
        tables = {name: answer[name] for name in ("finding", "judged")}
        judged.append(regimes.Judgement(pack, tables))
    found = regimes.compare(judged, network.tables["element"], binding_only=binding_only)
    together = [r for r in found["cost"].to_pylist() if r["pack"] is None]
    summary: dict[str, object] = {
        f"{r['sort']}_{name}": r[name] for r in together for name in ("elements", "sites")
    }
    summary |= {"packs": len(opened.packs), "label": opened.label}
    more = {name: found[name] for name in ("comparison", "cost")}
    out.document("rules-compare", network, summary, found["change"], more)
    say_label(out, opened.label)
    stated = {pack.id: place.settings.pack.get(pack.id, {}) for pack in opened.packs}
    gaps = [line for pack in opened.packs for line in _not_stated(pack, stated[pack.id])]
    _show_comparison(out, network.as_of, found, gaps, binding_only=binding_only)
    out.say("subject by subject: --jsonl, or --out changes.xlsx")


def _not_stated(pack: "Pack", values: "Mapping[str, object]") -> "Iterator[str]":
    """A line on each parameter of a pack whose value nobody states: what hangs on it is unknown."""
    for parameter in pack.manifest.parameter:
        if parameter.value is None and values.get(parameter.name) is None:
            yield f"{parameter.name} of {pack.id} is not stated: {parameter.means}"


def _blocks(rows: "list[list[str]]") -> "list[list[str]]":
    """The rows with their first cell where it differs from the one above."""
    above = [None, *(row[0] for row in rows[:-1])]
    return [
        ["" if row[0] == over else row[0], *row[1:]]
        for row, over in zip(rows, above[: len(rows)], strict=True)
    ]


def _show_comparison(
    out: "Output",
    as_of: "date",
    found: "dict[str, pa.Table]",
    gaps: "list[str]",
    *,
    binding_only: bool,
) -> None:
    from ringfence.cli.output import cell  # noqa: PLC0415

    sorts = ("breach", "due", "may_be_due", "unknown", "comply")
    notes = [
        "due: a breach once its deadline has passed; due?: not known whether",
        "not encoded: what no rule tests; for want of the source it counts as unknown",
    ]
    if gaps:
        notes.append("state in ringfence.toml, under [pack.PACK], or what hangs on it is unknown:")
    out.table(
        f"What each regime makes of the network, on {as_of}",
        ("pack", "test", "rules", "breach", "due", "due?", "unknown", "comply"),
        _blocks([
            [r["pack"], r["test"], cell(r["rules"]), *(cell(r[s]) if r[s] else "·" for s in sorts)]
            if r["test"] != "not encoded"
            else [r["pack"], f"not encoded, {r['not_read']} unread" if r["not_read"]
                  else "not encoded", cell(r["rules"]), "", "", "",
                  "unknown" if r["not_read"] else "", ""]
            for r in found["comparison"].to_pylist()
        ]),
        right=(2, 3, 4, 5, 6, 7),
        note="\n".join([*notes, *(f"- {gap}" for gap in gaps)]),
    )  # fmt: skip
    things = ("elements", "sites", "without_site", "contracts", "operators", "vendors")
    out.table(
        "What would have to change to be lawful, and what to be found out"
        + (", by what has legal force" if binding_only else ""),
        ("pack", "sort", *(t.replace("_", " ") for t in things)),
        _blocks(
            [
                [
                    r["pack"] or "all of them",
                    r["sort"],
                    *(cell(r[t]) if r[t] else "·" for t in things),
                ]
                for r in found["cost"].to_pylist()
                if r["pack"] is None or any(r[t] for t in things)
            ]
        ),
        right=(2, 3, 4, 5, 6, 7),
        note="each thing counts once, in the gravest of its sorts",
    )


def lists(
    first: Annotated[str, typer.Argument(help="A pack.")],
    second: Annotated[str, typer.Argument(help="The pack to hold it against.")],
    workspace: WorkspaceOption = HERE,
    audience: AudienceOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
) -> None:
    """Show which functions two regimes count differently: core, not core, or for review."""
    from ringfence.errors import AudienceError  # noqa: PLC0415
    from ringfence.rules.compare import difference  # noqa: PLC0415

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file)
    opened = packs_of([first, second], workspace, out, audience=audience)
    if len(opened.packs) < len({first, second}):
        raise AudienceError(f"an audience cleared for {audience} may not have what is asked for")
    one, other = opened.packs[0], opened.packs[-1]
    rows = difference(one, other)
    summary = {"different": rows.num_rows, "label": opened.label}
    out.document("rules-lists", None, summary, rows)
    say_label(out, opened.label)
    out.table(
        "Functions counted differently",
        ("kind", "domain", one.id, other.id),
        [(r["kind"], r["domain"], r["first"], r["second"]) for r in rows.to_pylist()],
        note="in: counted as core; out: not; review: for the authority to say. Where each says so: --json",
    )
    out.say(f"{rows.num_rows} functions are counted differently")
