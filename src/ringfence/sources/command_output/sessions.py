"""What a session log or a collector's file holds: outputs, each with its command and its device.

A log shows prompts: `<HUAWEI>display version`, `hostname#show version`, `A:router# show version`,
`user@router> show version`. A collector's file shows none; then its name and folders say what it
is: `show/HOST/COMMAND.txt`, `PLATFORM/COMMAND/FILE.raw` (as ntc-templates keeps its tests), or
`HOST_COMMAND.txt`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.command_output.templates import platforms, templates_for, verbs

MOST_BYTES: Final = 32 * 1024 * 1024
LONGEST_LINE: Final = 1_000
"""No template is tried on a longer line: its time grows with the line's length, some with its cube.
The longest that devices of the public examples print has 422 characters."""

_NAME: Final = r"(?P<name>[A-Za-z0-9_][\w.+/-]{0,62})"
_PROMPTS: Final = (
    # Huawei VRP and HP Comware: <NAME> for all, [NAME] and [~NAME-view] where one
    # configures.
    (re.compile(rf"(?:HRP_[MS])?<{_NAME}>\s*(?P<command>.*)"), ("huawei_vrp", "hp_comware")),
    (
        re.compile(r"\[[~*]?(?P<name>[A-Za-z0-9_][\w./+-]{0,90})\]\s*(?P<command>(?:d.*)?)"),
        ("huawei_vrp", "hp_comware"),
    ),
    # Nokia SR OS, classic and model-driven, with the card that answers.
    (
        re.compile(rf"\*?[A-D]:(?:[\w.-]+@)?{_NAME}[>\w\s]*#\s*(?P<command>.*)"),
        ("alcatel_sros",),
    ),
    # Cisco IOS XR, with the processor that answers.
    (re.compile(rf"RP/\d+/\w+/CPU\d+:{_NAME}(?:\([^)]*\))?#\s*(?P<command>.*)"), ("cisco_xr",)),
    # Ericsson IPOS, with the context.
    (re.compile(rf"\[[\w.-]+\]{_NAME}(?:\([^)]*\))?[#>]\s*(?P<command>.*)"), ("ericsson_ipos",)),
    # Junos, and others with a user before the name.
    (re.compile(rf"[\w.-]+@{_NAME}[>#%]\s*(?P<command>.*)"), None),
    # Fortinet, with a space and perhaps a domain.
    (re.compile(rf"{_NAME} (?:\([\w.-]+\) )?[#$] (?P<command>.*)"), ("fortinet",)),
    # Cisco and all that answer alike; Ciena SAOS marks what is not saved with a star.
    (re.compile(rf"{_NAME}(?:\([^)]*\))?\*?[#>]\s*(?P<command>.*)"), None),
)
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|\x00|\x07")
_MORE: Final = re.compile(
    # Each repetition has an end, or a long line of dashes would take the square of its length.
    r"[ \t]{0,8}-{2,10}\s{0,4}\(?more\)?(?: \d{1,3}%)?\s{0,4}-{2,10}[ \t]{0,8}"
    r"|[ \t]{0,8}<--- more --->[ \t]{0,8}|^Press any key to continue.*$",
    re.IGNORECASE | re.MULTILINE,
)
_VERB: Final = r"(?:show|display|get|info|vtysh|dir)"
_COMMAND: Final = re.compile(rf"{_VERB}(?:[_ -].*)?", re.IGNORECASE)
_HOST_AND_COMMAND: Final = re.compile(
    rf"(?P<host>.+?)[_\- .]+(?P<command>{_VERB}[_ -].*)", re.IGNORECASE
)
_COLLECTED: Final = ("show", "outputs", "output", "commands", "cli")
"""Folders below which collectors keep one folder a device."""


@dataclass(frozen=True, slots=True)
class Output:
    """The output of one command: lines from `line` on.

    `device` is the name that the prompt or the collector gives; `platforms` are those that it can
    be of, None where nothing says so.
    """

    device: str | None
    command: str | None
    platforms: tuple[str, ...] | None
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Named:
    """What a file's name and folders say of it."""

    device: str | None = None
    command: str | None = None
    platform: str | None = None


def text_of(path: Path) -> str:
    """A log as text; raises `SourceError` where it is too large or no text."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SourceError(
                f"the log is larger than {MOST_BYTES // 2**20} MiB", where=str(path),
                hint="part it by device",
            )  # fmt: skip
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"it cannot be read: {error.strerror or error}", where=str(path)
        ) from None
    if not data.strip():
        raise SourceError("the file is empty", where=str(path))
    return cleaned(decoded(data))


def decoded(data: bytes) -> str:
    """A log's bytes as text. Devices print Latin-1 where they print no UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def cleaned(text: str) -> str:
    """Without what a terminal shows and a device does not say: colours, pages, overwritten text."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if "\b" in text:
        text = re.sub(r"\x08+ *\x08*", "", text)
    return _MORE.sub("", text)


def outputs(text: str, named: Named) -> list[Output]:
    """The outputs in a text: one for each prompt with a command, else the text as one."""
    found: list[Output] = []
    lines = text.split("\n")
    at: tuple[str, str, tuple[str, ...] | None] | None = None
    start = 0
    prompts: set[str] = set()
    for index, line in enumerate([*lines, None]):
        prompt = _prompt(line) if line is not None else ("", "", None)
        # A bare prompt ends an output, if it is one that was seen with a command.
        if prompt is None or (line is not None and not prompt[1] and prompt[0] not in prompts):
            continue
        if line is not None and line.startswith("["):
            prompt = (_without_view(prompt[0], prompts), *prompt[1:])
        body = "\n".join(lines[start:index])
        if at is not None:
            found.append(Output(*at, start + 1, body))
        elif body.strip():
            found.append(Output(None, None, None, start + 1, body))
        at = prompt if prompt[1] else None
        start = index + 1
        prompts.add(prompt[0])
    if any(o.command is not None for o in found):
        return found
    of = (named.platform,) if named.platform else None
    return [Output(named.device, named.command, of, 1, text)]


def _without_view(name: str, prompts: set[str]) -> str:
    """The device's name in `[NAME-view]`: that of an earlier `<NAME>`, or else all of it."""
    return max((p for p in prompts if p and name.startswith(f"{p}-")), key=len, default=name)


def _prompt(line: str) -> tuple[str, str, tuple[str, ...] | None] | None:
    """The device's name, the command and the platforms of a line with a prompt."""
    if not line[:1].strip() or len(line) > 500:
        return None
    for pattern, of in _PROMPTS:
        match = pattern.fullmatch(line)
        if match:
            command = match["command"].strip()
            if not command or verbs().match(command) or templates_for(command, None):
                return match["name"], command, of
    return None


def looks_like_session(text: str) -> bool:
    """Whether a prompt with a command stands in the text; cheap, for deciding whose a file is."""
    return any(p and p[1] for p in map(_prompt, text.split("\n")[:2000]))


def named_of(path: Path) -> Named:
    """What a file's name and folders say of it."""
    folders = path.parts[-3:-1]
    if len(folders) == 2 and folders[0] in platforms():
        return Named(None, folders[1].replace("_", " "), folders[0])
    if _COMMAND.fullmatch(path.stem):
        is_collected = len(folders) == 2 and folders[0].lower() in _COLLECTED
        return Named(folders[1] if is_collected else None, path.stem.replace("_", " "))
    match = _HOST_AND_COMMAND.fullmatch(path.stem)
    if match is None:
        return Named(path.stem or None)
    host, command = match["host"], match["command"].replace("_", " ")
    return Named(None, command, host) if host in platforms() else Named(host, command)
