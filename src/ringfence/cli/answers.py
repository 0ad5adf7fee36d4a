"""Verbs that answer: presence, decide, report, and the demo that shows them all."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import (
    HERE,
    AsOfOption,
    AudienceOption,
    FailOnOption,
    JsonlOption,
    JsonOption,
    OutOption,
    QuietOption,
    SnapshotOption,
    VendorOption,
    WorkspaceOption,
    check_fail_on,
    day,
    fails,
    network_of,
    output,
    packs_of,
    say_label,
    workspace_in,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from ringfence.cli.output import Output
    from ringfence.workspace import Decided

PACKS = ("uk-ncsc-2020", "uk-dvd-2022")
"""The packs asked where none is named."""

HOW_TO_READ = "A share from A to B: A is known to be held, B also counts what may be, the maker not being stated."

PackOption = Annotated[
    list[str] | None, typer.Option("--pack", help="A rule pack; may be given more than once.")
]
CoreOption = Annotated[
    str, typer.Option("--core", help="The pack whose function list draws the core.")
]


def presence(
    vendor: VendorOption,
    workspace: WorkspaceOption = HERE,
    by: Annotated[
        str | None, typer.Option(help="Only this way of parting: operator, region or function.")
    ] = None,
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show where a vendor is, with the unknown part of every share."""
    from ringfence.errors import UsageError  # noqa: PLC0415
    from ringfence.exposure.presence import GROUPINGS  # noqa: PLC0415
    from ringfence.store.duck import Tables  # noqa: PLC0415

    if by is not None and by not in GROUPINGS:
        raise UsageError(
            f"{by!r} is no way of parting", where="--by", hint=f"one of: {', '.join(GROUPINGS)}"
        )
    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    vendor_id = place.vendor(network, vendor)
    rows = place.presence(network, vendor_id)
    if by:
        rows = Tables({"p": rows}).query(
            'SELECT * FROM p WHERE "by" = $by ORDER BY "group", measure', {"by": by}
        )
    unowned = place.makers_without_owner(network)
    summary = {"vendor": vendor_id, "makers_whose_owner_is_not_stated": unowned}
    out.document("presence", network, summary, rows)
    out.say(f"{vendor} ({vendor_id}) on {network.as_of}")
    out.say(HOW_TO_READ)
    out.say()
    names = place.operator_names(network)
    show_presence(out, rows, [by] if by else list(GROUPINGS), names)
    if unowned:
        out.say(
            f"{unowned} makers have no stated owner: one may be the vendor's. See: ringfence check"
        )


def show_presence(
    out: "Output",
    rows: "pa.Table",
    groupings: list[str],
    operators: dict[str, str],
    *,
    only: dict[str, tuple[str, ...]] | None = None,
    most: int | None = None,
) -> None:
    """Show presence as tables, one a way of parting, each share with its numbers.

    `only` names the measures to show of a way of parting; `most` cuts the functions to those with
    the most elements held.
    """
    from ringfence.exposure.presence import MEASURES  # noqa: PLC0415

    titles = {"network": "In the network", "function": "By function, where it is or may be"}
    listed = rows.to_pylist()
    for by in groupings:
        groups: dict[str | None, dict[str, dict[str, Any]]] = {}
        for row in listed:
            if row["by"] == by:
                groups.setdefault(row["group"], {})[row["measure"]] = row
        measures = (only or {}).get(by, MEASURES[:2] if by == "function" else MEASURES)
        notes = []
        if any(of.get(m, {}).get("not_stated") for of in groups.values() for m in measures):
            notes.append("* of what is stated: the sites counted last lack the figure")
        if by == "function":
            # What is served from a site is said of the site, not of each function there.
            groups = {g: of for g, of in groups.items() if of["elements"]["share_high"]}
            ranked = sorted(groups, key=lambda g: (-groups[g]["elements"]["held"], g or ""))
            if most is not None and len(ranked) > most:
                notes.append(
                    f"{most} of {len(ranked)} functions; all: ringfence presence --by function"
                )
            shown = ranked[:most]
        else:
            shown = sorted(groups, key=lambda g: (g is None, operators.get(g or "", g or "")))
        out.table(
            titles.get(by, f"By {by}"),
            (by, "measure", "share", "held", "may be", "of", "not stated"),
            list(_lines(by, shown, groups, measures, operators)),
            right=(2, 3, 4, 5, 6),
            note="\n".join(notes) or None,
        )


_UNITS = {"traffic": "traffic, Mbit/s"}


def _lines(
    by: str,
    shown: list[str | None],
    groups: dict[str | None, dict[str, dict[str, Any]]],
    measures: tuple[str, ...],
    operators: dict[str, str],
) -> Iterator[list[str]]:
    """A line a share; the part it is of stands on the first of its lines."""
    from ringfence.cli.output import cell  # noqa: PLC0415
    from ringfence.exposure.presence import range_in_words  # noqa: PLC0415

    for group in shown:
        if group is None:
            name = "all" if by == "network" else "not stated"
        elif by == "function":
            domain = groups[group]["elements"]["domain"] or "in no catalogue"
            name = f"{group} ({domain})"
        else:
            name = operators.get(group, group)
        for measure in measures:
            row = groups[group].get(measure)
            # Without anything to count there is no share to show.
            if row is None or not row["total"]:
                continue
            figures = [cell(row[c]) if row[c] else "·" for c in ("held", "unknown", "total")]
            missing = f"{cell(row['not_stated'])} sites" if row["not_stated"] else ""
            yield [name, _UNITS.get(measure, measure), range_in_words(row), *figures, missing]
            name = ""


def decide(
    vendor: VendorOption,
    workspace: WorkspaceOption = HERE,
    packs: PackOption = None,
    core: CoreOption = PACKS[0],
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    fail_on: FailOnOption = "never",
    audience: AudienceOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Lay ban, non-core only and allow side by side: what each would forbid on the day."""
    from ringfence.rules.labels import label_of  # noqa: PLC0415

    check_fail_on(fail_on)
    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    vendor_id = place.vendor(network, vendor)
    loaded = packs_of(packs or PACKS, workspace, out, audience=audience).packs
    (drawn,) = packs_of([core], workspace, out, audience=audience).packs
    decided = place.decide(network, vendor_id, loaded, drawn)
    label = label_of([*loaded, drawn])
    summary = {
        "vendor": vendor_id,
        "core": drawn.id,
        "packs": [p.id for p in loaded],
        "label": label,
    }
    more = {"options": decided.options, "remaining": decided.remaining}
    out.document("decide", network, summary, decided.forbidden, more)
    say_label(out, label)
    out.say(f"{vendor} ({vendor_id}) on {network.as_of}; the core as {drawn.id} draws it")
    out.say()
    show_options(out, decided, place.operator_names(network))
    out.say("element by element: --jsonl, or --out forbidden.xlsx")
    verdicts = {r["verdict"] for r in decided.remaining.to_pylist() if r["option"] == "allow"}
    if fails(verdicts, fail_on):
        raise typer.Exit(1)


def show_options(out: "Output", decided: "Decided", operators: dict[str, str]) -> None:
    """Show the options: what each forbids, then what the law would still say."""
    from ringfence.cli.output import cell  # noqa: PLC0415

    out.table(
        "What each option would forbid",
        ("option", "operator", "elements", "undecided", "of", "sites", "people", "Mbit/s"),
        [
            (
                o["option"] if o["operator"] is None else "",
                "all" if o["operator"] is None else operators.get(o["operator"], o["operator"]),
                *(
                    cell(o[c])
                    for c in ("forbidden_elements", "undecided_elements", "elements", "sites")
                ),
                cell(o["people"]),
                cell(o["traffic_mbps"]),
            )
            for o in decided.options.to_pylist()
            if o["operator"] is None or o["option"] != "allow"
        ],
        right=(2, 3, 4, 5, 6, 7),
        note="undecided: the maker or the function is not stated, or is for the regulator to place",
    )
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for row in decided.remaining.to_pylist():
        counts.setdefault((row["option"], row["pack"]), {})[row["verdict"]] = row["subjects"]
    names = ("breach", "due", "may be due", "unknown")
    out.table(
        "What the law would still say, once the option is obeyed",
        ("option", "pack", "breach", "due", "due?", "unknown"),
        [(o, p, *(cell(c.get(n, 0)) for n in names)) for (o, p), c in counts.items()],
        right=(2, 3, 4, 5),
    )


def report(
    vendor: VendorOption,
    workspace: WorkspaceOption = HERE,
    packs: PackOption = None,
    core: CoreOption = PACKS[0],
    as_of: AsOfOption = None,
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="DATE", help="A further day to show the law of; may be repeated."),
    ] = None,
    snapshot: SnapshotOption = None,
    file: Annotated[
        Path, typer.Option("--out", help="Where to write the report: an .html file.")
    ] = Path("report.html"),
    profile: Annotated[
        list[str] | None,
        typer.Option(
            help="A threat profile to ask the separation with, or several joined by a plus sign; "
            "may be repeated. See: ringfence exposure --profiles.  [default: own-software]"
        ),
    ] = None,
    audience: AudienceOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the assessment of a vendor as one self-contained HTML file."""
    from ringfence.errors import TimeLimitError, UnavailableError  # noqa: PLC0415
    from ringfence.report.assessment import write  # noqa: PLC0415
    from ringfence.rules.labels import label_of  # noqa: PLC0415

    out = output(as_json=as_json, quiet=quiet)
    if file.suffix.lower() != ".html":
        raise UnavailableError(
            f"a report cannot be written as {file.suffix or 'a file without ending'} yet",
            where=str(file),
            hint="end the name with .html; a browser prints it to PDF",
        )
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    vendor_id = place.vendor(network, vendor)
    loaded = packs_of(packs or PACKS, workspace, out, audience=audience).packs
    (drawn,) = packs_of([core], workspace, out, audience=audience).packs
    days = [network.as_of, *(d for d in map(day, also or ()) if d)]
    chosen = [_joined(one) for one in profile or ("own-software",)]
    made = place.assessment(network, vendor_id, loaded, drawn, days, profiles=chosen)
    write(made, file)
    summary = {
        "vendor": vendor_id,
        "packs": [p.id for p in loaded],
        "label": label_of([*loaded, drawn]),
        "report": str(file),
    }
    out.document("report", network, summary, network.tables["source_file"])
    out.say(f"wrote {file}")
    if any(one.is_cut_off for one in made.separations):
        out.note("a limit of work was met: the report says what was not tried and what is proved")
        raise typer.Exit(TimeLimitError.exit_code)


def _joined(profiles: str) -> tuple[str, ...]:
    """The profiles that a person joined by a plus sign."""
    return tuple(name.strip() for name in profiles.split("+") if name.strip())
