"""The options that many verbs share, each declared once."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.cli.output import Output
    from ringfence.rules.opening import Opened
    from ringfence.workspace import Network, Workspace

WorkspaceOption = Annotated[
    Path,
    typer.Option("--workspace", "-w", envvar="RINGFENCE_WORKSPACE", help="The workspace's folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
JsonlOption = Annotated[bool, typer.Option("--jsonl", help="The rows as JSON lines on stdout.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write the rows: .parquet, .csv or .xlsx.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress.")]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="The day asked for: 2026-11-24.")
]
SnapshotOption = Annotated[
    str | None, typer.Option("--snapshot", metavar="ID", help="Ask this snapshot.")
]
VendorOption = Annotated[
    str, typer.Option("--vendor", help="The vendor: its name, legal name, an alias or its id.")
]
FailOnOption = Annotated[
    str,
    typer.Option("--fail-on", help="Leave with code 1 at findings: breach, unknown or never."),
]
JobsOption = Annotated[int, typer.Option("--jobs", min=1, help="How many processes to use.")]

AudienceOption = Annotated[
    str | None,
    typer.Option(
        "--audience",
        metavar="LABEL",
        help="For whom it is: public, internal, confidential or secret. What is above is left out.",
    ),
]

HERE = Path()


def day(text: str | None) -> date | None:
    """A date as a person gives it, `2026-11-24`."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a date", where="--as-of", hint="write it as 2026-11-24"
        ) from None


def today() -> date:
    """The day on this machine: the only clock there is, and only the command line reads it."""
    return datetime.now().astimezone().date()


def output(
    *,
    as_json: bool = False,
    as_jsonl: bool = False,
    out: Path | None = None,
    quiet: bool = False,
) -> "Output":
    """The output a verb was asked for."""
    from ringfence.cli.output import Output  # noqa: PLC0415

    return Output(as_json, as_jsonl, out, quiet)


def workspace_in(folder: Path) -> "Workspace":
    """The workspace in `folder`."""
    from ringfence.workspace import Workspace  # noqa: PLC0415

    return Workspace(folder)


def network_of(
    workspace: "Workspace", as_of: str | None, snapshot: str | None, out: "Output"
) -> "Network":
    """The network to ask, today's where no day is given, with a note where it is another day's."""
    network = workspace.network(day(as_of) or today(), snapshot)
    if not network.is_of_that_day:
        out.note(
            f"note   no network as of {network.as_of} is known: the one as of "
            f"{network.snapshot.as_of} stands in, less what was installed since"
        )
    return network


def packs_of(
    names: "Sequence[str]", workspace: Path, out: "Output", *, audience: str | None = None
) -> "Opened":
    """The packs a person names, with a note on each that did not come with the program.

    Every verb that shows or runs packs comes by them here.
    """
    from ringfence.rules.opening import open_packs  # noqa: PLC0415

    return open_packs(
        names, workspace, audience=audience, tell=lambda line: out.note(f"note   {line}")
    )


def say_label(out: "Output", label: str) -> None:
    """Say for whom an output is at most, where it is not for everybody."""
    if label != "public":
        out.say(f"label: {label}")


def check_fail_on(fail_on: str) -> None:
    """Refuse a threshold that is none."""
    from ringfence.cli.output import FAIL_ON  # noqa: PLC0415

    if fail_on not in FAIL_ON:
        raise UsageError(
            f"{fail_on!r} is no threshold", where="--fail-on", hint=f"one of: {', '.join(FAIL_ON)}"
        )


def fails(verdicts: set[str], fail_on: str) -> bool:
    """Whether findings with these verdicts reach the threshold."""
    reaching = {"breach": {"breach"}, "unknown": {"breach", "unknown"}, "never": set[str]()}
    return bool(verdicts & reaching[fail_on])
