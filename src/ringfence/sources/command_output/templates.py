"""The templates by which the output of a command is read, and whether one reads it whole.

They are those of ntc-templates, run by textfsm. A template that ends with an error on lines it
does not know proves by reading a text that the text is what it takes it for; one that passes over
such lines proves nothing, and is only used where the platform is known by other means.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Final, TypeAlias

import ntc_templates  # type: ignore[import-untyped]
from textfsm import TextFSM, TextFSMError, clitable  # type: ignore[import-untyped]

from ringfence.sources.command_output import apart

Value: TypeAlias = str | list[str]
Record: TypeAlias = dict[str, Value]

_OWN: Final = {
    # Nokia, 7x50 SR OS System Management Guide, `show version`; ntc-templates has none for it.
    ("alcatel_sros", re.compile(r"show\s+version\b")): (
        "sros_show_version",
        r"""Value VERSION (TiMOS-\S+)
Value VENDOR (\S+)
Value MODEL (\S.*?)

Start
  ^${VERSION}\s+\S+\s+${VENDOR}\s+${MODEL}\s+Copyright -> Record
  ^All\s+rights\s+reserved
  ^Built\s+on
  ^\s*$$
  ^. -> Error
""",
    ),
    # Huawei, VRP Command Reference, `display ip interface brief`; ntc-templates has none for it.
    ("huawei_vrp", re.compile(r"dis\w*\s+ip\s+int\w*\s+b\w*$")): (
        "vrp_display_ip_interface_brief",
        r"""Value INTERFACE (\S+)
Value IP_ADDRESS (\d\S+|unassigned)
Value STATUS (\S+)
Value PROTOCOL (\S+)

Start
  ^Interface\s+IP\s+Address/Mask\s+Physical\s+Protocol(\s+VPN)?\s*$$ -> Interfaces
  ^\S?down:
  ^\(\w\):
  ^The\s+number\s+of\s+interface
  ^\s*$$
  ^. -> Error

Interfaces
  ^${INTERFACE}\s+${IP_ADDRESS}\s+${STATUS}\s+${PROTOCOL}(\s+\S+)?\s*$$ -> Record
  ^\s*$$
  ^. -> Error
""",
    ),
}


@dataclass(frozen=True, slots=True)
class Template:
    """A template of a platform; `is_strict` where it refuses lines that it does not know."""

    name: str
    platform: str
    is_strict: bool


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a template made of a text: its records, or the line it does not know."""

    template: Template
    records: tuple[Record, ...] = ()
    unknown_line: str | None = None
    is_too_slow: bool = False

    @property
    def is_whole(self) -> bool:
        """The template read the text to its end."""
        return self.unknown_line is None


@cache
def platforms() -> frozenset[str]:
    """The platforms that there are templates for."""
    return frozenset(p for _, p, _ in _index())


@cache
def verbs() -> re.Pattern[str]:
    """What a command begins with, on any platform; for telling a command from other text."""
    words = sorted({_first_word(pattern) for _, _, pattern in _index()} - {""})
    return re.compile(rf"(?:{'|'.join(map(re.escape, words))}|info|vtysh)\b", re.IGNORECASE)


def templates_for(command: str, platform: str | None) -> tuple[Template, ...]:
    """The templates for a command; of one platform, or one of each that has such a command."""
    return _templates_for(" ".join(command.split()), platform)


@cache
def _templates_for(command: str, platform: str | None) -> tuple[Template, ...]:
    found: dict[str, Template] = {}
    for (of, pattern), (name, text) in _OWN.items():
        if platform in {None, of} and _is_command(pattern, command):
            found[of] = Template(name, of, "-> Error" in text)
    for name, of, pattern in _index():
        if of not in found and platform in {None, of} and _is_command(pattern, command):
            found[of] = Template(name, of, is_strict="-> Error" in _text(name))
    return tuple(found.values())


def _is_command(pattern: re.Pattern[str], command: str) -> bool:
    """Whether a pattern is of a command, and not of the beginning of its first word.

    The index writes `di(r)?` for `dir`, which begins `display` too.
    """
    match = pattern.match(command)
    return match is not None and match.end() >= len(command.partition(" ")[0])


def parse(template: Template, text: str) -> Parsed:
    """Read a text by a template."""
    try:
        header, rows = apart.run(template.name, text)
    except apart.UnknownLineError as error:
        return Parsed(template, unknown_line=str(error))
    except apart.TooSlowError:
        return Parsed(template, unknown_line="", is_too_slow=True)
    records = tuple(dict(zip(header, row, strict=True)) for row in rows)
    return Parsed(template, records)


def serve() -> None:
    """Run the templates that are asked for; what the process apart does."""
    apart.answer_all(_run)


def _run(name: str, text: str) -> apart.Answer:
    try:
        header, rows = _table(name, text)
    except TextFSMError as error:
        line = str(error).partition("Input Line: ")[2].rstrip()
        raise apart.UnknownLineError(line) from None
    return [str(h).lower() for h in header], [list(map(_value, row)) for row in rows]


def _table(name: str, text: str) -> tuple[Sequence[object], Iterable[Iterable[object]]]:
    if ":" in name:
        # Several templates that read a text together, joined by the values that are their key.
        table = clitable.CliTable("index", str(_folder()))
        table.ParseCmd(text, templates=":".join(f"{n}.textfsm" for n in name.split(":")))
        return table.header, table
    machine = _machine(name)
    machine.Reset()
    return machine.header, machine.ParseText(text)


def _value(value: object) -> Value:
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return _plain(value)


def _plain(value: object) -> str:
    """A captured group of several names is a mapping; its values are what was captured."""
    if isinstance(value, dict):
        return " ".join(str(v) for v in value.values())
    return str(value).strip()


@cache
def _index() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """Template, platform and command of each line of the index, in its order."""
    table = clitable.CliTable("index", str(_folder()))
    return tuple(
        (plain["Template"].replace(".textfsm", ""), platform, compiled["Command"])
        for plain, compiled in zip(table.index.index, table.index.compiled, strict=True)
        for platform in _alternatives(plain["Platform"])
    )


def _alternatives(platform: str) -> list[str]:
    """The platforms of a line; the index writes `(hp|aruba)_procurve` for two."""
    match = re.fullmatch(r"\(([^)]*)\)(.*)", platform)
    return [f"{first}{match[2]}" for first in match[1].split("|")] if match else [platform]


def _first_word(pattern: re.Pattern[str]) -> str:
    """The first word of a command's pattern, in full; the index writes `sh(o(w)?)?`."""
    match = re.match(r"[a-z(?)]+", pattern.pattern)
    return re.sub(r"[(?)]", "", match[0]) if match else ""


@cache
def _folder() -> Path:
    return Path(ntc_templates.__file__).parent / "templates"


@cache
def _text(name: str) -> str:
    for own, text in _OWN.values():
        if own == name:
            return text
    parts = [(_folder() / f"{n}.textfsm").read_text(encoding="utf-8") for n in name.split(":")]
    # Several are strict together only where each of them is.
    return min(parts, key=lambda part: "-> Error" in part)


@cache
def _machine(name: str) -> TextFSM:
    return TextFSM(StringIO(_text(name)))
