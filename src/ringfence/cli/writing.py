"""Verbs for those who write packs: rules new, lint, explain."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.options import (
    HERE,
    AsOfOption,
    AudienceOption,
    JsonOption,
    SnapshotOption,
    WorkspaceOption,
    network_of,
    output,
    packs_of,
    say_label,
    workspace_in,
)

ROWS_SHOWN = 5
"""Rows of each table that an explanation shows: an operator has more than anyone would read."""


def new(
    folder: Annotated[Path, typer.Argument(help="The new pack's folder; its name is the pack's.")],
    country: Annotated[str, typer.Option(help="Whose law it is: two letters.")] = "XX",
    secrecy: Annotated[
        str, typer.Option(help="Its label: public, internal, confidential or secret.")
    ] = "public",
) -> None:
    """Begin a rule pack: a folder with one rule and its tests, which pass."""
    from ringfence.errors import UsageError  # noqa: PLC0415
    from ringfence.rules.labels import LABELS  # noqa: PLC0415
    from ringfence.rules.starting import new_pack  # noqa: PLC0415

    if secrecy not in LABELS:
        raise UsageError(
            f"{secrecy!r} is no label", where="--secrecy", hint=f"one of: {', '.join(LABELS)}"
        )
    out = output()
    for file in new_pack(folder, country=country, secrecy=secrecy):
        out.say(f"wrote {file}")
    out.say(f"next: ringfence rules test {folder}")


def lint(
    pack: Annotated[str, typer.Argument(help="A pack that comes with us, or its folder.")],
    workspace: WorkspaceOption = HERE,
    audience: AudienceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is amiss in a well-formed pack; leave with code 1 if anything is."""
    from ringfence.rules import lint as linter  # noqa: PLC0415

    out = output(as_json=as_json)
    (loaded,) = packs_of([pack], workspace, out, audience=audience).packs
    faults = linter.lint(loaded)
    rows = [{"rule": f.rule, "sort": f.sort, "says": f.says} for f in faults]
    summary = {"faults": len(rows), "label": loaded.manifest.secrecy}
    out.document("rules-lint", None, summary, linter.LINT.from_rows(rows))
    say_label(out, loaded.manifest.secrecy)
    if rows:
        out.table("Amiss", ("rule", "sort", "says"), [list(row.values()) for row in rows])
    out.say(f"{len(rows)} amiss")
    if rows:
        raise typer.Exit(1)


def explain_(
    rule: Annotated[str, typer.Argument(help="The rule, as pack/RULE or folder/RULE.")],
    subject: Annotated[str, typer.Argument(help="The key of the subject.")],
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    audience: AudienceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a finding: the clause, the SELECT, the rows it rests on, what would change it."""
    from ringfence.cli.output import cell  # noqa: PLC0415
    from ringfence.network.model import FINDING, TABLES  # noqa: PLC0415
    from ringfence.rules.evaluate import EvaluateParameters  # noqa: PLC0415
    from ringfence.rules.explain import explain  # noqa: PLC0415

    out = output(as_json=as_json)
    name, _, rule_id = rule.rpartition("/")
    (pack,) = packs_of([name], workspace, out, audience=audience).packs
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    ask = EvaluateParameters(network.as_of, values=place.settings.pack.get(pack.id, {}))
    told = explain(place.to_judge(network, [pack]), pack, rule_id, subject, ask)
    found, clause = told.finding, told.rule
    changes = [{"change": what, "verdict": then} for what, then in told.changes]
    summary = {
        "citation": str(clause.citation),
        "url": clause.citation.url,
        "select": clause.select,
        "would_change_it": changes,
        "label": pack.manifest.secrecy,
    }
    rows = {name: TABLES[name].from_rows(of_it) for name, of_it in told.rows.items() if of_it}
    out.document("rules-explain", network, summary, FINDING.from_rows([found]), rows)
    say_label(out, pack.manifest.secrecy)
    due = f", due by {found['due_on']}: then {found['verdict_when_due']}" if found["due_on"] else ""
    out.say(f"{found['verdict']}{due}: {found['because'] or ''}")
    out.say(f"requires {clause.title}")
    out.say(f"clause   {clause.citation}")
    if clause.citation.url:
        out.say(f"at       {clause.citation.url}", folded=False)
    out.say(f"standing {found['legal_status']}, on {network.as_of}")
    for origin in dict.fromkeys(str(found["rests_on"] or "not stated").splitlines()):
        out.say(f"read at  {origin}")
    out.say()
    out.say(clause.select)
    out.say()
    for table, of_it in told.rows.items():
        for row in of_it[:ROWS_SHOWN]:
            facts = {k: cell(v) for k, v in row.items() if v is not None and k != "origin"}
            out.say(f"{table}: " + ", ".join(f"{k} {v}" for k, v in facts.items()))
        if (more := len(of_it) - ROWS_SHOWN) > 0:
            out.say(f"{table}: and {more:,} more; all of them: --json")
    out.say()
    out.table(
        "What would change it",
        ("change", "verdict then"),
        told.changes,
        note=f"{told.tried} changes of one fact were tried; the others leave it as it is",
    )


def sign_(
    pack: Annotated[str, typer.Argument(help="The pack's folder.")],
    key: Annotated[Path, typer.Option(help="The private key: an Ed25519 .pem file.")],
) -> None:
    """Sign a pack, so that others can tell who wrote it and that nobody changed it."""
    from ringfence.rules.pack import load_pack  # noqa: PLC0415
    from ringfence.rules.signatures import sign  # noqa: PLC0415

    output().say(f"wrote {sign(load_pack(pack), key)}")


def trust_(
    key: Annotated[Path, typer.Argument(help="The public key: an Ed25519 .pem file.")],
    workspace: WorkspaceOption = HERE,
) -> None:
    """Trust a key, so that what it signed is told to be trusted."""
    from ringfence.rules.signatures import KEYS, trust  # noqa: PLC0415

    place = workspace_in(workspace)
    output().say(f"trusted {trust(key, place.folder / KEYS)}")


def keys_(workspace: WorkspaceOption = HERE) -> None:
    """List the keys that are trusted in this workspace."""
    from ringfence.rules.signatures import KEYS, trusted  # noqa: PLC0415

    out = output()
    for name in trusted(workspace_in(workspace).folder / KEYS):
        out.say(name)
