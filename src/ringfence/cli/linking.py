"""Verbs about one thing in two sources: link propose, confirm, undo, list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import (
    HERE,
    JsonlOption,
    JsonOption,
    OutOption,
    QuietOption,
    WorkspaceOption,
    output,
    today,
    workspace_in,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from ringfence.store.snapshot import Snapshot
    from ringfence.workspace import Workspace

SHOWN_ROWS = 20
"""Rows a terminal shows; all of them go to `--out`."""

app = typer.Typer(
    help="One thing in two sources: propose, confirm and take back links between their keys.",
    invoke_without_command=True,
)


@app.callback()
def link(context: typer.Context, workspace: WorkspaceOption = HERE) -> None:
    """One thing in two sources: propose, confirm and take back links between their keys."""
    if context.invoked_subcommand is None:
        propose(workspace)


@app.command()
def propose(
    workspace: WorkspaceOption = HERE,
    at_least: Annotated[float, typer.Option(help="Show those at least as sure as this.")] = 0.0,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Say which rows of two sources may be one thing, and what speaks for it and against it."""
    from ringfence.cli.output import cell  # noqa: PLC0415

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    network = place.network()
    found = _sure(place.proposed_links(network), at_least)
    out.document("link-propose", network, {"proposed": found.num_rows}, found)
    out.table(
        f"{found.num_rows:,} links proposed, none of them in effect until confirmed",
        ("", "this", "and this may be one", "because", "but", "sureness"),
        [
            (
                *(cell(r[c]) for c in ("table", "kept", "joined", "evidence", "against")),
                f"{r['sureness']:.2f}",
            )
            for r in found.slice(0, SHOWN_ROWS).to_pylist()
        ],
        right=(5,),
        note=_more(found.num_rows),
    )
    if found.num_rows:
        out.say("next: ringfence link propose --out links.xlsx, strike out what is wrong, then")
        out.say(
            "      ringfence link confirm links.xlsx; or: ringfence link confirm --at-least 0.9"
        )


@app.command()
def confirm(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="CSV, XLSX or Parquet files of links, as propose --out wrote them."),
    ] = None,
    at_least: Annotated[
        float | None,
        typer.Option(help="Confirm all proposed that are this sure and have nothing against them."),
    ] = None,
    pair: Annotated[
        tuple[str, str, str] | None,
        typer.Option(help="A table and two keys of it; the first is kept."),
    ] = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Let keys count as one from now on."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    from ringfence.errors import UsageError  # noqa: PLC0415
    from ringfence.network.model import CONFIRMED_LINK  # noqa: PLC0415

    place = workspace_in(workspace)
    chosen = [_links_in(file) for file in files or ()]
    if at_least is not None:
        sure = _sure(place.proposed_links(place.network()), at_least)
        chosen.append(CONFIRMED_LINK.conform(sure.filter(pc.is_null(sure["against"]))))
    if pair is not None:
        table, kept, joined = pair
        named = {"table": table, "kept": kept, "joined": joined, "evidence": "named by a person"}
        chosen.append(CONFIRMED_LINK.from_rows([named]))
    if not chosen:
        raise UsageError(
            "nothing to confirm is given",
            hint="give a file of links, --at-least 0.9, or --pair element KEY KEY",
        )
    rows = pa.concat_tables(chosen)
    day = pa.repeat(pa.scalar(today(), pa.date32()), rows.num_rows)
    index = CONFIRMED_LINK.names.index("confirmed_on")
    rows = rows.set_column(index, "confirmed_on", day)
    snapshot = place.link(rows.to_pylist())
    _tell(place, snapshot, f"{rows.num_rows:,} confirmed", as_json=as_json, quiet=quiet)


@app.command()
def undo(
    keys: Annotated[
        list[str] | None, typer.Argument(help="Keys whose links are to be taken back.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Take all links back.")] = False,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Take links back; the network is as it was before them."""
    from ringfence.errors import UsageError  # noqa: PLC0415

    if not keys and not all_:
        raise UsageError("no key is given", hint="give keys, or --all")
    place = workspace_in(workspace)
    before = place.links().num_rows
    snapshot = place.link((), less=None if all_ else keys or ())
    gone = before - place.links().num_rows
    _tell(place, snapshot, f"{gone:,} taken back", as_json=as_json, quiet=quiet)


@app.command("list")
def list_(
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """List the links in effect."""
    from ringfence.cli.output import cell  # noqa: PLC0415

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    links = place.links()
    network = place.network() if place.snapshots.ids() else None
    out.document("link-list", network, {"links": links.num_rows}, links)
    out.table(
        f"{links.num_rows:,} links in effect",
        ("", "kept", "read as it", "because", "confirmed"),
        [
            tuple(cell(r[c]) for c in ("table", "kept", "joined", "evidence", "confirmed_on"))
            for r in links.slice(0, SHOWN_ROWS).to_pylist()
        ],
        note=_more(links.num_rows),
    )


def _links_in(file: Path) -> "pa.Table":
    """The links a person left in a file that `propose --out` wrote."""
    from ringfence.errors import InputError  # noqa: PLC0415
    from ringfence.network.model import CONFIRMED_LINK  # noqa: PLC0415
    from ringfence.sources.table_files import rows_as_written  # noqa: PLC0415

    wanted = ("table", "kept", "joined", "evidence")
    rows = rows_as_written(file)
    if lacking := [name for name in wanted[:3] if rows and name not in rows[0]]:
        raise InputError(
            f"no column {', '.join(lacking)}",
            where=str(file),
            hint="begin with: ringfence link propose --out links.xlsx",
        )
    return CONFIRMED_LINK.from_rows({k: row.get(k) for k in wanted} for row in rows)


def _sure(links: "pa.Table", at_least: float) -> "pa.Table":
    import pyarrow.compute as pc  # noqa: PLC0415

    return links.filter(pc.greater_equal(links["sureness"], at_least))


def _more(rows: int) -> str | None:
    return f"{rows - SHOWN_ROWS:,} more: --out FILE" if rows > SHOWN_ROWS else None


def _tell(
    place: "Workspace", snapshot: "Snapshot", what: str, *, as_json: bool, quiet: bool
) -> None:
    out = output(as_json=as_json, quiet=quiet)
    network = place.network(snapshot=snapshot.id)
    links = place.links()
    conflicts = [
        row
        for row in network.tables["finding"].to_pylist()
        if row["rule"].startswith("check/conflict")
    ]
    out.document("link", network, {"links": links.num_rows, "conflicts": len(conflicts)}, links)
    out.say(f"{what}; {links.num_rows:,} links in effect, snapshot {snapshot.id}")
    if conflicts:
        out.say(f"{len(conflicts):,} values are stated differently: ringfence check")
