"""Write docs/reference from the program itself, so that it cannot say anything else.

uv run tools/reference.py            writes
uv run tools/reference.py --check    fails where a page is not what it would write
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import pydantic
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from ringfence import errors
from ringfence.cli.app import app
from ringfence.decision.options import FORBIDDEN, OPTION, OPTIONS, REMAINING
from ringfence.exposure.control import powers
from ringfence.exposure.presence import PRESENCE
from ringfence.exposure.reach import EXPOSED, REACH
from ringfence.network.check import GAP
from ringfence.network.diff import DIFFERENCE
from ringfence.network.functions import catalogue
from ringfence.network.model import NETWORK_TABLES, SCHEMA_VERSION, TABLES
from ringfence.network.placement import PLACEMENT
from ringfence.network.vendors import CONTROL, UNRESOLVED_NAME, VENDOR_CONFLICT, VENDOR_SUGGESTION
from ringfence.rules import pack as packs
from ringfence.rules.compare import CHANGE, COMPARISON, COST, LIST_DIFFERENCE
from ringfence.rules.evaluate import JUDGED
from ringfence.rules.lint import COVERAGE, LINT, SORTS
from ringfence.rules.tally import TALLY
from ringfence.rules.timeline import TIMELINE
from ringfence.rules.written import DOCUMENTED, Rule
from ringfence.sources.base import all_sources
from ringfence.store.jail import Limits
from ringfence.store.tables import Table
from ringfence.workspace import Settings

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"

EXIT_CODES = (
    (0, "done; no finding at or above `--fail-on`"),
    (1, "done; findings at or above `--fail-on`"),
    (2, "wrong usage"),
    (65, "the input is not what it claims to be"),
    (66, "not found"),
    (69, "an engine or an optional part is missing, or another command is writing"),
    (70, "a fault of ours; the trace is in the file named"),
    (75, "stopped by a limit of time or memory"),
    (76, "what is stored is not what was recorded"),
    (77, "this audience may not have that"),
)

LINT_SORTS = {
    "citation": "its citation cannot be looked up: it has neither an address nor a date",
    "dead": "it reads no table, or can never find a breach and no note says why",
    "overlap": "another rule of the pack asks the same at the same time",
    "gap in dates": "it ends before what supersedes it begins, or a vendor is not named for a while",
    "never unknown": "it does not say that it can be unknown",
    "does not run": "its SELECT cannot be read",
}


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(c).replace("|", "\\|").replace("\n", " ") for c in cells) + " |"


def _table(headings: list[str], rows: list[tuple[object, ...]]) -> Iterator[str]:
    yield _row(*headings)
    yield _row(*["---"] * len(headings))
    for row in rows:
        yield _row(*row)
    yield ""


def _of_table(table: Table) -> Iterator[str]:
    yield f"## {table.name}"
    yield ""
    yield f"One row is {table.one_row_is}. Key: {', '.join(f'`{k}`' for k in table.key)}."
    yield ""
    rows: list[tuple[object, ...]] = []
    for column in table.columns:
        allowed = ", ".join(f"`{v}`" for v in column.one_of)
        if column.minimum is not None or column.maximum is not None:
            low = "" if column.minimum is None else f"{column.minimum:g}"
            high = "" if column.maximum is None else f"{column.maximum:g}"
            allowed = f"{low} to {high}"
        if column.refers_to:
            allowed = f"id of [{column.refers_to}](#{column.refers_to})"
        means = f"{column.means}{'; required' if column.required else ''}"
        rows.append(
            (
                f"`{column.name}`",
                column.heading,
                column.type,
                means,
                allowed,
                column.secrecy.name.lower(),
                ", ".join(column.also_called),
            )
        )
    headings = ["column", "heading", "type", "meaning", "allowed", "secrecy", "recognised as"]
    yield from _table(headings, rows)


def tables() -> Iterator[str]:
    """Every table and column."""
    yield "# Tables"
    yield ""
    yield f'Schema version `{SCHEMA_VERSION}`. A null means "not stated", in every column.'
    yield ""
    yield "The first part is what a source or a filled template may give."
    yield ""
    for table in NETWORK_TABLES:
        yield from _of_table(table)
    yield "# What is found"
    yield ""
    for table in TABLES.values():
        if table not in NETWORK_TABLES:
            yield from _of_table(table)
    answers = (PLACEMENT, PRESENCE, GAP, VENDOR_SUGGESTION, VENDOR_CONFLICT, UNRESOLVED_NAME)
    laws = (REACH, EXPOSED, LIST_DIFFERENCE, COMPARISON, CHANGE, COST, TIMELINE, LINT, COVERAGE)
    for table in (
        *answers,
        CONTROL,
        DIFFERENCE,
        JUDGED,
        TALLY,
        *laws,
        OPTION,
        FORBIDDEN,
        REMAINING,
    ):
        yield from _of_table(table)


def all_commands(command: object, path: str = "ringfence") -> Iterator[tuple[str, TyperCommand]]:
    """Every command below a group with the words that call it."""
    if isinstance(command, TyperGroup):
        for name, inner in sorted(command.commands.items()):
            yield from all_commands(inner, f"{path} {name}")
    elif isinstance(command, TyperCommand):
        yield path, command


def commands() -> Iterator[str]:
    """Every command with its arguments and options, and the exit codes."""
    yield "# Commands"
    yield ""
    for path, command in all_commands(typer.main.get_command(app)):
        yield f"## {path}"
        yield ""
        yield (command.help or "").strip()
        yield ""
        rows: list[tuple[object, ...]] = []
        for parameter in command.params:
            if isinstance(parameter, TyperOption):
                names = ", ".join(f"`{o}`" for o in (*parameter.opts, *parameter.secondary_opts))
                default = parameter.default
                shown = "" if default in (None, False, Path()) or callable(default) else default
                rows.append((names, parameter.help or "", shown))
            else:
                name = (parameter.name or "").upper()
                described = getattr(parameter, "help", None) or ""
                rows.append((f"`{name}`", described, ""))
        if rows:
            yield from _table(["", "meaning", "default"], rows)
    yield "## Exit codes"
    yield ""
    yield from _table(["code", "meaning"], list(EXIT_CODES))


def _errors(kind: type[errors.RingfenceError]) -> Iterator[type[errors.RingfenceError]]:
    yield kind
    for below in sorted(kind.__subclasses__(), key=lambda k: k.__name__):
        yield from _errors(below)


def all_errors() -> Iterator[str]:
    """Every error with its exit code."""
    yield "# Errors"
    yield ""
    yield "Each says what went wrong, where, and what to do next."
    yield ""
    rows: list[tuple[object, ...]] = [
        (f"`{e.__name__}`", e.exit_code, (e.__doc__ or "").strip().splitlines()[0])
        for e in _errors(errors.RingfenceError)
    ]
    yield from _table(["error", "exit code", "meaning"], rows)


def settings() -> Iterator[str]:
    """Every setting of a workspace, and the limits of other people's SQL."""
    yield "# Settings"
    yield ""
    yield "`ringfence.toml` in the workspace's folder may say:"
    yield ""
    yield from _fields(Settings)
    yield "`RINGFENCE_WORKSPACE` names the workspace where `--workspace` is not given; `NO_COLOR` is"
    yield "respected."
    yield ""
    yield "## Limits of a query in the jail"
    yield ""
    limits = Limits()
    names = ("memory_mb", "answer_mb", "seconds", "threads", "statement_characters")
    yield from _table(["limit", "value"], [(f"`{n}`", getattr(limits, n)) for n in names])


def _fields(model: type[pydantic.BaseModel]) -> Iterator[str]:
    rows: list[tuple[object, ...]] = [
        (
            f"`{field.alias or name}`",
            "yes" if field.is_required() else "no",
            field.description or "",
            ", ".join(f"`{one}`" for one in _allowed(field.annotation)),
        )
        for name, field in model.model_fields.items()
    ]
    yield from _table(["field", "required", "meaning", "allowed"], rows)


def _allowed(annotation: object) -> Iterator[str]:
    """The words that may stand in a field, where only some may."""
    if get_origin(annotation) is Literal:
        yield from (str(one) for one in get_args(annotation))
        return
    for part in get_args(annotation):
        yield from _allowed(part)


def functions() -> Iterator[str]:
    """The catalogue of functions."""
    yield "# Functions"
    yield ""
    rows = catalogue().to_pylist()
    for domain in dict.fromkeys(row["domain"] for row in rows):
        yield f"## {domain}"
        yield ""
        yield from _table(
            ["kind", "name", "generation", "plane", "defined in", "also called"],
            [
                (
                    f"`{r['kind']}`",
                    r["name"],
                    r["generation"] or "any",
                    r["plane"],
                    r["clause"] or "",
                    r["also_called"] or "",
                )
                for r in rows
                if r["domain"] == domain
            ],
        )


def sources() -> Iterator[str]:
    """Every source."""
    yield "# Sources"
    yield ""
    rows: list[tuple[object, ...]] = [
        (f"`{s.kind}`", s.describes, s.version) for s in all_sources().values()
    ]
    yield from _table(["kind", "reads", "version"], rows)


def rules() -> Iterator[str]:
    """Every field of a pack, and every rule of the packs that come with the program."""
    yield "# Rules"
    yield ""
    for title, model in DOCUMENTED.items():
        yield f"## {title}"
        yield ""
        yield from _fields(model)
    yield "## What lint finds"
    yield ""
    yield "`ringfence rules lint` says of a rule that is well formed what is amiss with it all the same."
    yield ""
    yield from _table(["sort", "means"], [(f"`{sort}`", LINT_SORTS[sort]) for sort in SORTS])
    for pack in map(packs.load_pack, packs.list_packs()):
        about = pack.manifest
        yield f"## Pack {pack.id}"
        yield ""
        issued = f"{about.issued_by}, {about.published_on or 'day not read'}"
        yield f"{about.title}. {issued}." + (f" <{about.url}>" if about.url else "")
        yield ""
        yield f"Binds: {about.binds}."
        yield ""
        yield from _table(
            ["rule", "title", "test", "metric", "severity", "from", "grade", "citation"],
            [
                (
                    f"`{r.id}`",
                    r.title,
                    r.test,
                    _metric(r),
                    r.severity,
                    "; ".join(f"{p.begins} {p.effect}" for p in r.phase),
                    r.grade,
                    f"[{r.citation}]({r.citation.url})" if r.citation.url else r.citation,
                )
                for r in pack.rules
            ],
        )
        if about.not_encoded:
            yield "Not encoded:"
            yield ""
            yield from _table(
                ["id", "title", "why", "reason"],
                [(f"`{n.id}`", n.title, n.why, n.reason) for n in about.not_encoded],
            )


def _metric(rule: Rule) -> str:
    return rule.metric + (f", of: {rule.denominator}" if rule.denominator else "")


def options() -> Iterator[str]:
    """The three options."""
    yield "# Options"
    yield ""
    yield from _table(["option", "means"], [(f"`{k}`", v) for k, v in OPTIONS.items()])


def exposure_powers() -> Iterator[str]:
    """The powers and the threat profiles of `ringfence exposure`."""
    known = powers()
    yield "# Powers"
    yield ""
    yield "What `ringfence exposure` takes to follow from what. The cost is of one such repair, beside"
    yield "the others and not in money."
    for rule in known.rules:
        yield from ("", f"## {rule.id}", "", f"{rule.says}.", "")
        premise = " and ".join(f"`{p}`" for p in (rule.premise, rule.also) if p)
        yield from _table(
            ["", ""],
            [
                ("who holds", premise),
                ("holds", f"`{rule.conclusion}`"),
                ("repair", f"{rule.repair}, cost {rule.cost:g}" if rule.repair else "none"),
                ("says who", "; ".join(f"{c.document}, {c.section}" for c in rule.cites)),
            ],
        )
    yield from ("", "# Profiles", "", "What the hostile vendor has at first.", "")
    yield from _table(
        ["profile", "means", "cases"],
        [(f"`{p.id}`", p.says, f"each {p.each}, the worst counts" if p.each else "one")
         for p in known.profiles],
    )  # fmt: skip


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "tables.md": tables,
    "commands.md": commands,
    "errors.md": all_errors,
    "settings.md": settings,
    "functions.md": functions,
    "sources.md": sources,
    "rules.md": rules,
    "options.md": options,
    "powers.md": exposure_powers,
}
NOTE = "<!-- Written by tools/reference.py; changes here are lost. -->\n\n"


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them."""
    stale = []
    for name, page in PAGES.items():
        text = NOTE + "\n".join(page()).rstrip() + "\n"
        file = FOLDER / name
        if "--check" in arguments:
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            file.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"stale: docs/reference/{name}; write it with: uv run tools/reference.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
