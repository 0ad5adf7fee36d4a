"""The verbs, put together."""

import typer

from ringfence.cli import answers, demo, dependence, exposure, linking, network, rules, sources

app = typer.Typer(
    name="ringfence",
    help="Decide, on facts, where a vendor may be in a country's 5G networks.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb in (
    demo.demo,
    network.init,
    network.ingest,
    network.check,
    network.show,
    network.diff,
    network.sql,
    network.verify,
    answers.presence,
    exposure.exposure,
    dependence.withdraw,
    dependence.concentration,
    answers.decide,
    answers.report,
):
    app.command()(verb)

app.add_typer(sources.app, name="sources")
app.add_typer(linking.app, name="link")
app.add_typer(rules.app, name="rules")


@app.callback(invoke_without_command=True)
def version_or_help(
    version: bool = typer.Option(False, "--version", help="Show the version."),
) -> None:
    """Decide, on facts, where a vendor may be in a country's 5G networks."""
    if version:
        from importlib.metadata import version as installed  # noqa: PLC0415

        typer.echo(f"ringfence {installed('ringfence')}")
        raise typer.Exit
