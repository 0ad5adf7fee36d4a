"""Verbs about the law: rules list, show, test, run, and those of `regimes` and `writing`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli import regimes, writing
from ringfence.cli.options import (
    HERE,
    AsOfOption,
    AudienceOption,
    FailOnOption,
    JsonlOption,
    JsonOption,
    QuietOption,
    SnapshotOption,
    WorkspaceOption,
    check_fail_on,
    day,
    fails,
    network_of,
    output,
    packs_of,
    say_label,
    today,
    workspace_in,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from ringfence.cli.output import Output
    from ringfence.rules.pack import Pack
    from ringfence.workspace import Network

app = typer.Typer(
    help="The law as tests: list, show, test and run rule packs.", no_args_is_help=True
)

for verb in (regimes.timeline, regimes.compare, regimes.lists, writing.new, writing.lint):
    app.command()(verb)
app.command("explain")(writing.explain_)
app.command("sign")(writing.sign_)
app.command("trust")(writing.trust_)
app.command("keys")(writing.keys_)

PackArgument = Annotated[str, typer.Argument(help="A pack that comes with us, or its folder.")]


@app.command("list")
def list_(
    packs: Annotated[
        list[str] | None, typer.Argument(help="Folders of packs to list beside ours.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    audience: AudienceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the packs that come with the program, and their standing on a day."""
    from ringfence.rules.pack import list_packs  # noqa: PLC0415
    from ringfence.store.tables import Column, Table, Type  # noqa: PLC0415

    out = output(as_json=as_json)
    asked = day(as_of) or today()
    opened = packs_of([*list_packs(), *(packs or ())], workspace, out, audience=audience)
    listing = Table(
        "packs",
        "a rule pack",
        ("pack",),
        (
            Column("pack", Type.TEXT, "Its id"),
            Column("title", Type.TEXT, "The instrument"),
            Column("jurisdiction", Type.TEXT, "The country"),
            Column("rules", Type.INTEGER, "Rules encoded"),
            Column("in_force", Type.INTEGER, "Rules in force on the day"),
            Column("not_encoded", Type.INTEGER, "Requirements not encoded"),
            Column("label", Type.TEXT, "Its label"),
        ),
    )
    rows = [
        {
            "pack": pack.id,
            "title": pack.manifest.title,
            "jurisdiction": pack.manifest.jurisdiction,
            "rules": len(pack.rules),
            "in_force": sum(1 for r in pack.rules if r.on(asked).effect),
            "not_encoded": len(pack.manifest.not_encoded),
            "label": pack.manifest.secrecy,
        }
        for pack in opened.packs
    ]
    summary = {"packs": len(rows), "label": opened.label}
    out.document("rules-list", None, summary, listing.from_rows(rows))
    say_label(out, opened.label)
    # A column of nothing but "public" would only take the room of the titles.
    shown = 7 if opened.label != "public" else 6
    out.table(
        f"Rule packs, as of {asked}",
        ("pack", "instrument", "", "rules", "in force", "not encoded", "label")[:shown],
        [[str(v) for v in r.values()][:shown] for r in rows],
        right=(3, 4, 5),
    )


@app.command()
def show(
    pack: PackArgument,
    rule: Annotated[str | None, typer.Argument(help="One rule, whole.")] = None,
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    audience: AudienceOption = None,
) -> None:
    """Show a pack's rules with their standing, or one rule with its source and its SELECT."""
    out = output()
    asked = day(as_of) or today()
    (loaded,) = packs_of([pack], workspace, out, audience=audience).packs
    say_label(out, loaded.manifest.secrecy)
    if rule is None:
        manifest = loaded.manifest
        issued = f"{manifest.issued_by}, {manifest.published_on or 'day not read'}"
        out.say(f"{manifest.title}\n{issued}")
        if manifest.url:
            out.say(manifest.url, folded=False)
        out.say(f"binds {manifest.binds}")
        out.say()
        rows = [(r.id, r.title, r.test, r.grade, r.on(asked).legal_status) for r in loaded.rules]
        out.table(
            f"Rules, as of {asked}",
            ("rule", "requires", "test", "grade", "standing"),
            rows,
            note="grade: S read in the source, S* in another's copy of it, R in a report of it",
        )
        if manifest.not_encoded:
            out.table(
                "Not encoded",
                ("id", "requirement", "why"),
                [(n.id, n.title, n.reason) for n in manifest.not_encoded],
            )
        return
    found = loaded.rule(rule)
    standing = found.on(asked)
    out.say(f"{loaded.id}/{found.id}  {found.title}")
    out.say(f"cites    {found.citation}")
    if found.citation.url:
        out.say(f"at       {found.citation.url}", folded=False)
    out.say(f"grade    {found.grade}: {found.source}")
    out.say(f"binds    {found.binds}")
    out.say(f"scope    {found.scope}")
    out.say(f"test     {found.test}; one verdict a row of {found.subjects}")
    share = f", of {found.denominator}" if found.denominator else ""
    out.say(f"metric   {found.metric}{share}")
    out.say(f"severity {found.severity}")
    for phase in found.phase:
        by = f" by {phase.by}" if phase.by else ""
        said = [f"{phase.begins}  {phase.effect}: {phase.status}{by}", phase.note, phase.source]
        out.say(f"from     {'. '.join(filter(None, said))}")
    due = f", due by {standing.due_on}" if standing.due_on else ""
    out.say(f"on {asked}  {standing.legal_status}{due}")
    if found.note:
        out.say(f"note     {found.note}")
    out.say()
    out.say(found.select)


@app.command("test")
def try_(
    pack: PackArgument,
    workspace: WorkspaceOption = HERE,
    audience: AudienceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a pack's own tests; leave with code 1 if one fails or a verdict of a rule is untested."""
    from ringfence.rules.lint import COVERAGE, coverage  # noqa: PLC0415
    from ringfence.rules.trial import test_pack  # noqa: PLC0415
    from ringfence.store.tables import Column, Table, Type  # noqa: PLC0415

    out = output(as_json=as_json)
    (loaded,) = packs_of([pack], workspace, out, audience=audience).packs
    trials = test_pack(loaded)
    covered = COVERAGE.from_rows(coverage(loaded))
    bare = [row for row in covered.to_pylist() if row["missing"]]
    failed = [t for t in trials if not t.passed]
    listing = Table(
        "trial",
        "a test of a rule on one day",
        ("rule", "test", "as_of"),
        (
            Column("rule", Type.TEXT, "The rule, as `pack/rule`"),
            Column("test", Type.TEXT, "The test's name; null where the rule has none"),
            Column("as_of", Type.DATE, "The day"),
            Column("problem", Type.TEXT, "What is not as expected; null where all is"),
        ),
    )
    rows = listing.from_rows(
        {"rule": t.rule, "test": t.test, "as_of": t.as_of, "problem": t.problem} for t in trials
    )
    verdicts, shown = (sum(covered.column(c).to_pylist()) for c in ("verdicts", "shown"))
    summary = {
        "passed": len(trials) - len(failed),
        "failed": len(failed),
        "verdicts": verdicts,
        "verdicts_tested": shown,
        "label": loaded.manifest.secrecy,
    }
    out.document("rules-test", None, summary, rows, {"coverage": covered})
    say_label(out, loaded.manifest.secrecy)
    if failed:
        out.table(
            "Failed",
            ("rule", "test", "as of", "problem"),
            [(t.rule, t.test or "", str(t.as_of or ""), t.problem or "") for t in failed],
        )
    if bare:
        out.table(
            "Verdicts that no test expects",
            ("rule", "missing"),
            [(row["rule"], row["missing"]) for row in bare],
        )
    out.say(f"{summary['passed']} passed, {summary['failed']} failed")
    out.say(f"{shown} of {verdicts} verdicts tested")
    if failed or bare:
        raise typer.Exit(1)


@app.command()
def run(
    packs: Annotated[list[str], typer.Argument(help="Packs that come with us, or folders.")],
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    limit: Annotated[int, typer.Option(min=0, help="Findings to show of each rule.")] = 3,
    fail_on: FailOnOption = "never",
    audience: AudienceOption = None,
    form: Annotated[
        str | None, typer.Option("--format", help="Write it as: sarif, junit or oscal.")
    ] = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write to: .parquet, .csv, .xlsx, .sarif, .xml (JUnit) or .oscal.json."
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Hold the network against rule packs, under the law of a day."""
    import pyarrow as pa  # noqa: PLC0415

    from ringfence.rules.labels import labelled  # noqa: PLC0415
    from ringfence.rules.tally import tally, totals  # noqa: PLC0415

    check_fail_on(fail_on)
    form = _form(form, file, is_json=as_json or as_jsonl)
    out = output(as_json=as_json, as_jsonl=as_jsonl, out=None if form else file, quiet=quiet)
    opened = packs_of(packs, workspace, out, audience=audience)
    loaded = opened.packs
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    results = [(p, place.judge(network, p)) for p in loaded]
    findings = pa.concat_tables([labelled(r["finding"], p) for p, r in results])
    judged = pa.concat_tables([labelled(r["judged"], p) for p, r in results])
    counted = [tally(r["finding"], r["judged"]) for _, r in results]
    summary = totals(pa.concat_tables(counted))
    if form:
        _write_form(out, form, file, network, loaded, {"finding": findings, "judged": judged})
        if file is None:
            if fails({v for v in ("breach", "unknown") if summary[v]}, fail_on):
                raise typer.Exit(1)
            return
    standings = {name: str(one) for name, one in opened.standings.items()}
    out.document(
        "rules-run",
        network,
        {**summary, "label": opened.label, "packs": standings},
        findings,
        {"judged": judged},
    )
    say_label(out, opened.label)
    for (pack, result), counts in zip(results, counted, strict=True):
        show_tally(out, f"{pack.manifest.title}, on {network.as_of}", counts)
        if limit:
            _examples(out, result["finding"], limit)
    out.say(", ".join(f"{number:,} {sort}" for sort, number in summary.items()))
    verdicts = {v for v in ("breach", "unknown") if summary[v]}
    if fails(verdicts, fail_on):
        raise typer.Exit(1)


def _form(asked: str | None, file: Path | None, *, is_json: bool) -> str | None:
    """The form that an option or the end of a file's name asks for."""
    from ringfence.errors import UsageError  # noqa: PLC0415
    from ringfence.rules.formats import ENDINGS, FORMATS  # noqa: PLC0415

    if asked is not None and asked not in FORMATS:
        raise UsageError(
            f"{asked!r} is no format", where="--format", hint=f"one of: {', '.join(FORMATS)}"
        )
    if asked and is_json and file is None:
        raise UsageError("give --format or --json, not both", hint="or name a file: --out")
    if asked or file is None:
        return asked
    return next((form for end, form in ENDINGS.items() if file.name.lower().endswith(end)), None)


def _write_form(
    out: "Output",
    form: str,
    file: Path | None,
    network: "Network",
    packs: "Sequence[Pack]",
    tables: "Mapping[str, pa.Table]",
) -> None:
    """Write the findings in a form of other programs, to a file or to stdout."""
    from importlib.metadata import version  # noqa: PLC0415

    from ringfence.errors import UsageError  # noqa: PLC0415
    from ringfence.rules.formats import FORMATS, Results  # noqa: PLC0415
    from ringfence.rules.labels import label_of  # noqa: PLC0415

    results = Results(
        packs,
        tables["finding"],
        tables["judged"],
        network.as_of,
        network.snapshot.id,
        label_of(packs),
        version("ringfence"),
    )
    text = FORMATS[form](results)
    if file is None:
        print(text, end="")  # noqa: T201
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", where=str(file)) from error
    out.note(f"wrote {tables['finding'].num_rows:,} findings to {file}")


DUE = "due: a breach once its deadline has passed; due?: not known whether"


def show_tally(out: "Output", title: str, counted: "pa.Table") -> None:
    """Show how many verdicts each rule gave, and which rules gave none and why."""
    from ringfence.cli.output import cell  # noqa: PLC0415

    rows = []
    silent: dict[str, list[str]] = {"not in force": [], "not encoded": []}
    for row in counted.to_pylist():
        name = row["rule"].partition("/")[2]
        if row["standing"] == "in force":
            figures = [row[c] for c in ("breach", "due", "may_be_due", "unknown", "comply")]
            shown = [cell(f) if f else "·" for f in figures]
            rows.append((name, row["title"], *shown, row["legal_status"]))
        else:
            begins = f" (from {row['in_force_from']})" if row["in_force_from"] else ""
            silent[row["standing"]].append(f"{name}{begins}")
    notes = [f"{why}: {', '.join(names)}" for why, names in silent.items() if names]
    out.table(
        title,
        ("rule", "requires", "breach", "due", "due?", "unknown", "comply", "standing"),
        rows,
        right=(2, 3, 4, 5, 6),
        note="\n".join([DUE, *notes]),
    )


def _examples(out: "Output", findings: "pa.Table", limit: int) -> None:
    """Show some findings of each rule, breaches first, with the rows they rest on."""
    from ringfence.store.duck import Tables  # noqa: PLC0415

    rows = (
        Tables({"f": findings})
        .query(
            "SELECT rule, verdict, due_on, subject, because, rests_on FROM f "
            "QUALIFY row_number() OVER (PARTITION BY rule ORDER BY verdict, subject) <= $limit "
            "ORDER BY rule, verdict, subject",
            {"limit": limit},
        )
        .to_pylist()
    )
    if rows:
        out.table(
            f"Findings, the first {limit} of each rule",
            ("rule", "verdict", "subject", "because", "read at"),
            [
                (
                    r["rule"].partition("/")[2],
                    f"due {r['due_on']}" if r["due_on"] else r["verdict"],
                    r["subject"],
                    r["because"] or "",
                    (r["rests_on"] or "").split("\n")[0],
                )
                for r in rows
            ],
            note="all of them: --jsonl, or --out findings.xlsx",
        )
