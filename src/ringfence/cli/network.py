"""Verbs about the network itself: init, ingest, check, show, diff, sql, verify."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.options import (
    HERE,
    AsOfOption,
    FailOnOption,
    JobsOption,
    JsonlOption,
    JsonOption,
    OutOption,
    QuietOption,
    SnapshotOption,
    WorkspaceOption,
    check_fail_on,
    day,
    fails,
    network_of,
    output,
    today,
    workspace_in,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from ringfence.cli.output import Output
    from ringfence.workspace import Network, Workspace

SHOWN_ROWS = 20
"""Rows a terminal shows unless asked for more."""


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    name: Annotated[str | None, typer.Option(help="The name that heads reports.")] = None,
    country: Annotated[str | None, typer.Option(help="The country the network is in.")] = None,
) -> None:
    """Make an empty workspace."""
    from ringfence.workspace import Workspace  # noqa: PLC0415

    workspace = Workspace.init(folder, name=name, country=country)
    out = output()
    out.say(f"workspace {workspace.settings.name} in {folder}")
    out.say(f"next: ringfence ingest PATH... --workspace {folder}")


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders to read.")],
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    kind: Annotated[
        str | None, typer.Option(help="Read as this kind; see: ringfence sources list.")
    ] = None,
    map_: Annotated[
        Path | None, typer.Option("--map", help="A mapping file, for table files.")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="What goes before the keys of these files.")
    ] = None,
    fresh: Annotated[bool, typer.Option(help="Forget what was read and linked before.")] = False,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave this file, read before, out.")
    ] = None,
    strict: Annotated[
        bool, typer.Option(help="Leave with code 65 if any file or row was refused.")
    ] = False,
    jobs: JobsOption = 1,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Read files and folders into a new snapshot."""
    out = output(as_json=as_json, quiet=quiet)
    place = workspace_in(workspace)
    with out.progress() as progress:
        done = place.ingest(
            paths,
            as_of=day(as_of) or today(),
            kind=kind,
            prefix=prefix,
            mapping=map_,
            fresh=fresh,
            without=without or (),
            jobs=jobs,
            progress=progress,
        )
    network = place.network(snapshot=done.snapshot.id)
    files = done.files.to_pylist()
    summary = {
        "files": len(files),
        "rows_read": sum(f["rows_read"] for f in files),
        "rows_kept": sum(f["rows_kept"] for f in files),
        "rows_rejected": sum(f["rows_rejected"] for f in files),
        "refused": [r.file for r in done.refused],
    }
    out.document("ingest", network, summary, done.files, {"rejects": done.rejects})
    out.say(f"Network as of {done.snapshot.as_of}, snapshot {done.snapshot.id}")
    out.say()
    _by_source(out, files, _set_aside(done.rejects))
    _not_read(out, files, {r.file: r.hint for r in done.refused})
    _reasons(out, done.rejects)
    _held(out, network)
    out.say("next: ringfence check")
    if strict and (done.refused or done.rejects.num_rows):
        raise typer.Exit(65)


def _by_source(out: "Output", files: list[dict[str, Any]], aside: dict[str, int]) -> None:
    """What each source read; and each file, where they are few."""
    from ringfence.cli.output import cell  # noqa: PLC0415

    read = [f for f in files if f["kind"] is not None]
    headings = ("records", "kept", "set aside", "at fault")

    def counted(some: list[dict[str, Any]]) -> list[str]:
        not_kept = sum(f["rows_rejected"] for f in some)
        sound = sum(aside.get(f["file"], 0) for f in some)
        whole = (sum(f[c] for f in some) for c in ("rows_read", "rows_kept"))
        return [cell(n) for n in (*whole, sound, not_kept - sound)]

    kinds = sorted({f["kind"] for f in read})
    of_kind = {k: [f for f in read if f["kind"] == k] for k in kinds}
    out.table(
        "Read, by source",
        ("source", "files", *headings),
        [(k, cell(len(of_kind[k])), *counted(of_kind[k])) for k in kinds],
        right=(1, 2, 3, 4, 5),
        note="set aside: sound, but the model has no place for it",
    )
    noted = [f for f in read if f["note"]]
    if len(read) <= SHOWN_ROWS or noted:
        shown = read if len(read) <= SHOWN_ROWS else noted[:SHOWN_ROWS]
        out.table(
            "" if shown == read else "Files to look at",
            ("file", *headings, "note"),
            [(f["file"], *counted([f]), f["note"] or "") for f in shown],
            right=(1, 2, 3, 4),
        )


def _not_read(out: "Output", files: list[dict[str, Any]], hints: dict[str, str | None]) -> None:
    """Why files were not read: one by one where they are few, else how many for each reason."""
    from ringfence.cli.output import cell  # noqa: PLC0415

    unread = [f for f in files if f["kind"] is None]
    if not unread:
        return
    if len(unread) <= SHOWN_ROWS:
        rows = [("1", f["note"] or "", f["file"], hints.get(f["file"]) or "") for f in unread]
    else:
        reasons: dict[str, list[str]] = defaultdict(list)
        for file in unread:
            reasons[file["note"] or ""].append(file["file"])
        ordered = sorted(reasons.items(), key=lambda r: (-len(r[1]), r[0]))[:SHOWN_ROWS]
        rows = [
            (cell(len(names)), reason, names[0], hints.get(names[0]) or "")
            for reason, names in ordered
        ]
    out.table(
        f"Not read: {len(unread):,} files",
        ("files", "because", "first of them", "what to do"),
        rows,
        right=(0,),
        note="all of them: ringfence show source_file --where 'kind IS NULL'",
    )


def _set_aside(rejects: "pa.Table") -> dict[str, int]:
    """How many sound records of each file the model has no place for."""
    from ringfence.store.duck import Tables  # noqa: PLC0415

    counted = Tables({"reject": rejects}).query(
        "SELECT file, sum(rows)::BIGINT AS rows FROM reject WHERE kind = 'set aside' GROUP BY file"
    )
    return {row["file"]: row["rows"] for row in counted.to_pylist()}


def _reasons(out: "Output", rejects: "pa.Table") -> None:
    """Show why records were not kept, the most frequent reasons first."""
    from ringfence.cli.output import cell  # noqa: PLC0415
    from ringfence.store.duck import Tables  # noqa: PLC0415

    rows = (
        Tables({"reject": rejects})
        .query(
            "SELECT kind, reason, sum(rows)::BIGINT AS rows, min(file) AS file, "
            "min(place) AS place FROM reject GROUP BY kind, reason "
            "ORDER BY kind, rows DESC, reason LIMIT 15"
        )
        .to_pylist()
    )
    if rows:
        out.table(
            "Not kept",
            ("rows", "", "reason", "first at"),
            [
                (cell(r["rows"]), r["kind"], r["reason"], f"{r['file']} {r['place'] or ''}")
                for r in rows
            ],
            right=(0,),
            note="all of them: ringfence show reject",
        )


def _held(out: "Output", network: "Network") -> None:
    from ringfence.network.model import NETWORK_TABLES  # noqa: PLC0415

    counts = [(t.name, network.tables.rows(t.name)) for t in NETWORK_TABLES]
    out.say("holds " + ", ".join(f"{n:,} {name}" for name, n in counts if n))


def check(
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    fail_on: FailOnOption = "never",
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show what is missing, most useful first, and what is doubtful."""
    from ringfence.cli.output import cell  # noqa: PLC0415

    check_fail_on(fail_on)
    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    found = place.check(network)
    gaps, doubts, names = found["gap"], found["finding"], found["vendor_suggestion"]
    summary = {"gaps": gaps.num_rows, "doubts": doubts.num_rows, "suggestions": names.num_rows}
    out.document("check", network, summary, doubts, {"gaps": gaps, "vendor_suggestions": names})
    out.table(
        "What to fill, most useful first",
        ("", "fill", "missing", "of", "leaves undecided", "needed for"),
        [
            (
                cell(g["rank"]),
                f"{g['table']}.{g['column']}",
                cell(g["missing"]),
                cell(g["of"]),
                f"{cell(g['affects'])} {g['affected']}",
                g["blocks"],
            )
            for g in gaps.to_pylist()
        ],
        right=(0, 2, 3),
    )
    if gaps.num_rows:
        first = gaps.to_pylist()[0]
        out.say(f"to fill the first: {first['fill_with']}")
        out.say("then: ringfence ingest the filled file")
        out.say()
    if names.num_rows:
        out.table(
            "Names that may mean a vendor already known; to confirm, add a row to vendor_alias",
            ("as written", "may be", "because", "likeness"),
            [
                (n["vendor_name"], n["known_as"], n["why"], f"{n['score']:.2f}")
                for n in names.to_pylist()[:SHOWN_ROWS]
            ],
            right=(3,),
        )
    _doubts(out, doubts)
    if fails({"unknown"} if doubts.num_rows or gaps.num_rows else set(), fail_on):
        raise typer.Exit(1)


def _doubts(out: "Output", doubts: "pa.Table") -> None:
    from ringfence.cli.output import cell  # noqa: PLC0415
    from ringfence.store.duck import Tables  # noqa: PLC0415

    rows = (
        Tables({"doubt": doubts})
        .query(
            "SELECT rule, count(*) AS rows, min_by(subject, subject) AS subject, "
            "min_by(because, subject) AS because, min_by(rests_on, subject) AS origin "
            "FROM doubt GROUP BY rule ORDER BY rows DESC, rule"
        )
        .to_pylist()
    )
    if rows:
        out.table(
            "Doubtful rows",
            ("rule", "rows", "for example", "why", "read at"),
            [
                (
                    r["rule"],
                    cell(r["rows"]),
                    r["subject"],
                    r["because"],
                    (r["origin"] or "").replace("\n", " and "),
                )
                for r in rows
            ],
            right=(1,),
            note="all of them: ringfence check --jsonl",
        )


def show(
    table: Annotated[str | None, typer.Argument(help="The table to show.")] = None,
    workspace: WorkspaceOption = HERE,
    where: Annotated[str | None, typer.Option(help="An SQL condition on its columns.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="The columns to show, parted by commas.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = SHOWN_ROWS,
    tables: Annotated[bool, typer.Option("--tables", help="List the tables.")] = False,
    snapshots: Annotated[bool, typer.Option("--snapshots", help="List the snapshots.")] = False,
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show a table's rows, the tables, or the snapshots."""
    from ringfence.cli.output import cell  # noqa: PLC0415
    from ringfence.errors import NotFoundError  # noqa: PLC0415
    from ringfence.network.model import TABLES  # noqa: PLC0415

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    if snapshots:
        _snapshots(out, place)
        return
    network = network_of(place, as_of, snapshot, out)
    if table is None or tables:
        _tables(out, network)
        return
    if table not in TABLES:
        raise NotFoundError(f"no table {table!r}", hint=f"the tables: {', '.join(TABLES)}")
    chosen = columns.split(",") if columns else list(TABLES[table].names)
    names = ", ".join(f'"{TABLES[table][c.strip()].name}"' for c in chosen)
    condition = f" WHERE {where}" if where else ""
    # A file or a program gets every row; a terminal gets a screenful.
    cut = f" LIMIT {limit}" if out.is_for_people and not file else ""
    # The key is the order of the rows, so that two calls show the same.
    order = ", ".join(f'"{k}"' for k in TABLES[table].key)
    only = network.tables.only(table)
    shown = place.sql(
        network.on(only), f'SELECT {names} FROM "{table}"{condition} ORDER BY {order}{cut}'
    )
    count = place.sql(network.on(only), f'SELECT count(*) AS n FROM "{table}"{condition}')
    total = count.to_pylist()[0]["n"]
    out.document("show", network, {"table": table, "rows": total}, shown)
    left_out = ""
    if not columns and out.is_for_people:
        empty = [n for n in shown.column_names if shown.column(n).null_count == shown.num_rows]
        shown = shown.drop_columns(empty)
        left_out = f"; not stated in these rows: {', '.join(empty)}" if empty else ""
        if "origin" in shown.column_names and shown.num_columns > 1:
            shown = shown.drop_columns(["origin"])
            left_out += "; where each was read: --columns id,origin"
    out.table(
        f"{table}: {TABLES[table].one_row_is}",
        shown.column_names,
        [[cell(v) for v in row.values()] for row in shown.to_pylist()],
        note=f"{shown.num_rows:,} of {total:,} rows{left_out}",
    )


def _tables(out: "Output", network: "Network") -> None:
    from ringfence.cli.output import cell  # noqa: PLC0415
    from ringfence.network.model import TABLES  # noqa: PLC0415
    from ringfence.store.tables import Column, Table, Type  # noqa: PLC0415

    listing = Table(
        "tables",
        "a table of the network",
        ("table",),
        (
            Column("table", Type.TEXT, "The table"),
            Column("rows", Type.INTEGER, "How many rows"),
            Column("one_row_is", Type.TEXT, "What a row is"),
        ),
    )
    rows = [
        {"table": t.name, "rows": network.tables.rows(t.name), "one_row_is": t.one_row_is}
        for t in TABLES.values()
    ]
    out.document("tables", network, {"tables": len(rows)}, listing.from_rows(rows))
    out.table(
        f"Snapshot {network.snapshot.id}, network as of {network.snapshot.as_of}",
        ("table", "rows", "a row is"),
        [(str(r["table"]), cell(r["rows"]), str(r["one_row_is"])) for r in rows],
        right=(1,),
    )


def _snapshots(out: "Output", place: "Workspace") -> None:
    from ringfence.cli.output import cell  # noqa: PLC0415
    from ringfence.store.tables import Column, Table, Type  # noqa: PLC0415

    listing = Table(
        "snapshots",
        "a snapshot",
        ("snapshot",),
        (
            Column("snapshot", Type.TEXT, "Its id"),
            Column("as_of", Type.DATE, "The date it speaks of"),
            Column("elements", Type.INTEGER, "How many elements"),
        ),
    )
    rows = [
        {"snapshot": s.id, "as_of": s.as_of, "elements": s.files["element"][1]}
        for s in place.snapshots.all()
    ]
    out.document("snapshots", None, {"snapshots": len(rows)}, listing.from_rows(rows))
    out.table(
        "Snapshots, oldest first",
        ("snapshot", "network as of", "elements"),
        [(str(r["snapshot"]), cell(r["as_of"]), cell(r["elements"])) for r in rows],
        right=(2,),
    )


def diff(
    before: Annotated[str, typer.Argument(help="A snapshot's id, or a date.")],
    after: Annotated[str, typer.Argument(help="A snapshot's id, or a date.")],
    workspace: WorkspaceOption = HERE,
    limit: Annotated[int, typer.Option(min=1, help="How many changes to show.")] = SHOWN_ROWS,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show what changed between two snapshots."""
    from ringfence.cli.output import cell  # noqa: PLC0415
    from ringfence.store.duck import Tables  # noqa: PLC0415

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    one, other = (place.snapshot(text) for text in (before, after))
    changes = place.diff(one, other)
    counted = (
        Tables({"change": changes})
        .query(
            "SELECT \"table\", count(*) FILTER (change = 'added') AS added, "
            "count(*) FILTER (change = 'removed') AS removed, "
            "count(DISTINCT key) FILTER (change = 'changed') AS changed "
            'FROM change GROUP BY "table" ORDER BY "table"'
        )
        .to_pylist()
    )
    summary = {"before": one.id, "after": other.id, "tables": counted}
    out.document("diff", place.network(snapshot=other.id), summary, changes)
    out.table(
        f"From {one.id} (as of {one.as_of}) to {other.id} (as of {other.as_of})",
        ("table", "added", "removed", "changed"),
        [(c["table"], cell(c["added"]), cell(c["removed"]), cell(c["changed"])) for c in counted],
        right=(1, 2, 3),
    )
    out.table(
        "Changes",
        ("table", "key", "change", "column", "before", "after"),
        [[cell(v) for v in row.values()] for row in changes.slice(0, limit).to_pylist()],
        note=f"{min(limit, changes.num_rows):,} of {changes.num_rows:,}",
    )


def sql(
    statement: Annotated[str, typer.Argument(help="One SELECT over the network's tables.")],
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long it may take.")] = 60.0,
    memory_mb: Annotated[int, typer.Option(min=64, help="How much memory it may use.")] = 4096,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Ask the network one SELECT, in a jail without files or network."""
    from ringfence.cli.output import cell  # noqa: PLC0415
    from ringfence.store.jail import Limits  # noqa: PLC0415

    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    found = place.sql(network, statement, limits=Limits(memory_mb=memory_mb, seconds=seconds))
    out.document("sql", network, {"rows": found.num_rows}, found)
    out.table(
        "",
        found.column_names,
        [[cell(v) for v in row.values()] for row in found.slice(0, 1000).to_pylist()],
        note=f"{min(found.num_rows, 1000):,} of {found.num_rows:,} rows",
    )


def verify(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Check that every snapshot is, byte for byte, what was recorded."""
    from ringfence.store.tables import Column, Table, Type  # noqa: PLC0415

    out = output(as_json=as_json)
    place = workspace_in(workspace)
    sound = place.snapshots.all()
    for snapshot in sound:
        snapshot.verify()
    listing = Table("verified", "a snapshot", ("id",), (Column("id", Type.TEXT, "Its id"),))
    rows = listing.from_rows({"id": s.id} for s in sound)
    out.document("verify", None, {"snapshots": len(sound), "sound": len(sound)}, rows)
    out.say(f"{len(sound)} snapshots are what was recorded")
