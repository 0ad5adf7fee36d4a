"""Verbs about what can be read: sources list, guess, template."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.options import (
    HERE,
    JsonOption,
    QuietOption,
    WorkspaceOption,
    network_of,
    output,
    workspace_in,
)

app = typer.Typer(help="What can be read, and the templates to fill.", no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the kinds of files that can be read."""
    from ringfence.sources.base import all_sources  # noqa: PLC0415
    from ringfence.store.tables import Column, Table, Type  # noqa: PLC0415

    out = output(as_json=as_json)
    listing = Table(
        "sources",
        "a kind of file",
        ("kind",),
        (
            Column("kind", Type.TEXT, "The kind"),
            Column("describes", Type.TEXT, "What it reads"),
            Column("version", Type.INTEGER, "The reader's version"),
        ),
    )
    rows = [
        {"kind": s.kind, "describes": s.describes, "version": s.version}
        for s in all_sources().values()
    ]
    out.document("sources", None, {"kinds": len(rows)}, listing.from_rows(rows))
    out.table(
        "What can be read",
        ("kind", "reads"),
        [(str(r["kind"]), str(r["describes"])) for r in rows],
    )


@app.command()
def guess(
    path: Annotated[Path, typer.Argument(help="The file to look at.")],
    file: Annotated[
        Path | None, typer.Option("--out", help="Write the mapping here, to edit and use.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Say what a file is; for a table file, how its columns would become ours."""
    from ringfence.errors import NotFoundError, SourceError  # noqa: PLC0415
    from ringfence.sources.base import recognise  # noqa: PLC0415
    from ringfence.sources.guessing import describe  # noqa: PLC0415
    from ringfence.sources.mapping import Mapping  # noqa: PLC0415
    from ringfence.sources.table_files import TableFile  # noqa: PLC0415
    from ringfence.store.tables import Column, Table, Type  # noqa: PLC0415

    out = output(as_json=as_json, quiet=quiet)
    if not path.is_file():
        raise NotFoundError("no such file", where=str(path))
    claims = recognise(path)
    if not claims:
        raise SourceError(
            "no source knows this kind of file",
            where=str(path),
            hint="see what can be read: ringfence sources list",
        )
    listing = Table(
        "guess",
        "a heading and what it would become",
        ("sheet", "heading"),
        (
            Column("sheet", Type.TEXT, "The sheet"),
            Column("heading", Type.TEXT, "The heading in the file"),
            Column("becomes", Type.TEXT, "The column it would become"),
            Column("why", Type.TEXT, "Why"),
        ),
    )
    rows: list[dict[str, object]] = []
    source, claim = claims[0]
    notes: list[str] = []
    if isinstance(source, TableFile):
        guesses = source.guess(path)
        rows = [
            {
                "sheet": g.blocks[0].sheet if g.blocks else None,
                "heading": heading,
                "becomes": becomes,
                "why": why,
            }
            for g in guesses
            for heading, becomes, why in describe(g)
        ]
        notes = [note for g in guesses for note in g.notes]
        if file:
            Mapping(tables=tuple(b for g in guesses for b in g.blocks)).save(file)
            out.note(f"wrote the mapping to {file}")
    summary = {"kind": source.kind, "sureness": claim.sureness, "because": claim.because}
    out.document("guess", None, summary, listing.from_rows(rows))
    out.say(f"{path.name} is read as {source.kind}: {claim.because}")
    if rows:
        out.table(
            "",
            ("sheet", "heading", "becomes", "why"),
            [[str(r[c] or "") for c in ("sheet", "heading", "becomes", "why")] for r in rows],
        )
        for note in notes:
            out.say(f"note: {note}")
        out.say("to change it: --out mapping.toml, edit, then ringfence ingest --map mapping.toml")


@app.command()
def template(
    table: Annotated[str, typer.Argument(help="The table to fill.")],
    missing: Annotated[
        str | None, typer.Option(help="Prefill with the rows that lack this column.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--out", help="Where to write it: .csv or .xlsx.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    quiet: QuietOption = False,
) -> None:
    """Write a template to fill in, empty or with the rows that lack a column."""
    from ringfence.errors import NotFoundError  # noqa: PLC0415
    from ringfence.network.model import NETWORK_TABLES, TABLES  # noqa: PLC0415
    from ringfence.sources.table_files import write_template  # noqa: PLC0415

    out = output(quiet=quiet)
    names = [t.name for t in NETWORK_TABLES]
    if table not in names:
        raise NotFoundError(f"no table {table!r} to fill", hint=f"the tables: {', '.join(names)}")
    rows = None
    if missing:
        place = workspace_in(workspace)
        network = network_of(place, None, None, out)
        rows = place.to_fill(network, table, missing)
    target = file or Path(f"{table}.csv")
    write_template(TABLES[table], target, rows)
    count = f" with {rows.num_rows:,} rows to complete" if rows is not None else ""
    out.say(f"wrote {target}{count}")
    out.say(f"fill it in, then: ringfence ingest {target}")
