"""From captured outputs to rows, and how sure it is that a text is one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeAlias

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Read, Reject
from ringfence.sources.command_output import meaning
from ringfence.sources.command_output.sessions import (
    LONGEST_LINE,
    Output,
    cleaned,
    decoded,
    looks_like_session,
    named_of,
    outputs,
    text_of,
)
from ringfence.sources.command_output.templates import Parsed, Template, parse, templates_for
from ringfence.sources.software_documents import Ledger

_EXPECTED: Final = "---\nparsed_sample:"
"""How ntc-templates begins the file that says what a template should make of an output."""

_SUFFIXES: Final = ("", ".txt", ".log", ".raw", ".out", ".cli")

Attempt: TypeAlias = Parsed | str | tuple[str, str]
"""What a template made of an output; else why it is set aside, or why it is at fault and where."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A file: its outputs, and for each the name of its device, or the file's where none is known."""

    name: str
    is_expected_result: bool
    outputs: tuple[Output, ...] = ()
    devices: tuple[str, ...] = ()

    @classmethod
    def of_file(cls, path: Path, name: str) -> Self:
        """The file's outputs; raises `SourceError` where it has none."""
        captured = cls.of(path, name, text_of(path))
        if not captured.is_expected_result and all(o.command is None for o in captured.outputs):
            raise SourceError(
                "it shows no prompt with a command, and its name is not that of a command",
                where=str(path),
                hint="name the file HOST_show_version.txt, or keep the prompts in the log",
            )
        return captured

    @classmethod
    def of(cls, path: Path, name: str, text: str) -> Self:
        """The outputs in a text."""
        if text.startswith(_EXPECTED):
            return cls(name, is_expected_result=True)
        found = tuple(outputs(text, named_of(path)))
        return cls(name, False, found, tuple(o.device or name for o in found))


def claim(path: Path, head: bytes) -> Claim:
    """How sure it is that a file is output, by how far templates read it."""
    text = cleaned(decoded(head))
    if text.startswith(_EXPECTED):
        return Claim(0.9, "the expected result of a test of a template")
    has_prompt = looks_like_session(text)
    if not text.strip() or (not has_prompt and named_of(path).command is None):
        return Claim(0.0, "no prompt with a command, and no name of one")
    # A head that ends in the middle of a line is none of the device's lines.
    whole = text if len(head) == _size(path) else text.rpartition("\n")[0]
    return _claim(path, whole, has_prompt=has_prompt)


def _claim(path: Path, text: str, *, has_prompt: bool) -> Claim:
    captured = Captured.of(path, path.name, text)
    proven = prove([captured])
    pairs = zip(captured.outputs[:20], captured.devices, strict=False)
    read = [a for o, d in pairs if isinstance(a := attempt(o, proven.get(d)), Parsed)]
    if any(a.template.is_strict for a in read):
        return Claim(0.9, "output that a template reads whole")
    if any(a.records for a in read):
        return Claim(0.7, "output that a template of its platform reads")
    if has_prompt:
        return Claim(0.6, "a prompt with a command")
    command = named_of(path).command or ""
    is_known = templates_for(command, None) or re.match(r"(?:show|display) \w", command)
    if is_known and path.suffix.lower() in _SUFFIXES:
        return Claim(0.35, "a file named after a command")
    return Claim(0.0, "a file named after a command, which no template reads")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def read_all(files: Mapping[str, Path], prefix: str) -> Iterator[Batch | Reject | Read]:
    """Read files together; one that cannot be read is a reject."""
    captured = []
    for name, path in files.items():
        try:
            captured.append(Captured.of_file(path, name))
        except SourceError as error:
            yield Reject(error.where or name, error.message, file=name)
            yield Read(1, 0, name)
    yield from read(captured, prefix)


def read(files: Sequence[Captured], prefix: str) -> Iterator[Batch | Reject | Read]:
    """The rows, rejects and counts of captured files."""
    proven = prove(files)
    for file in files:
        ledger = Ledger(file.name)
        if file.is_expected_result:
            reason = "the expected result of a test of a template, which no device said"
            ledger.set_aside(f"{file.name}:1", reason)
        for output, device in zip(file.outputs, file.devices, strict=True):
            reading = _Reading(ledger, prefix, file.name, device, output)
            reading.read(attempt(output, proven.get(device)))
        yield from ledger.items()


def prove(files: Sequence[Captured]) -> dict[str, str]:
    """The platform of each device, where one of its outputs names its maker's system."""
    found: dict[str, set[str]] = {}
    for file in files:
        for output, device in zip(file.outputs, file.devices, strict=True):
            for template in templates_for(output.command or "", None):
                of_itself = meaning.OF_ITSELF.get(template.name)
                if of_itself is None or not _may_be(output, template.platform):
                    continue
                if meaning.maker_in(output.text, of_itself):
                    made = attempt(output, template.platform)
                    if isinstance(made, Parsed) and made.records:
                        found.setdefault(device, set()).add(template.platform)
    # A name that two makers' systems answer to is that of two devices, and proves nothing.
    return {device: next(iter(of)) for device, of in found.items() if len(of) == 1}


def _may_be(output: Output, platform: str) -> bool:
    return output.platforms is None or platform in output.platforms


def attempt(output: Output, platform: str | None) -> Attempt:
    """What the one fitting template made of an output; else why it is set aside, or at fault.

    A text is a reason to set it aside; a pair is a fault, with the line at fault.
    """
    if output.command is None:
        return "what comes before the first prompt is of no command"
    command = output.command.partition("|")[0] if "|" in output.command else output.command
    candidates = [t for t in templates_for(command, None) if _may_be(output, t.platform)]
    if platform is not None:
        candidates = [t for t in candidates if t.platform == platform]
    if not candidates:
        return f"no template is known for the command {output.command!r}"
    long = next((x for x in output.text.split("\n") if len(x) > LONGEST_LINE), None)
    if long is not None:
        return f"a line is longer than {LONGEST_LINE:,} characters, as no device prints it", long
    is_known = platform is not None or (output.platforms is not None and len(output.platforms) == 1)
    attempts = [parse(t, output.text) for t in candidates if t.is_strict or is_known]
    if not attempts:
        return f"the platform is not known, and no template proves it for {output.command!r}"
    return _chosen(output, attempts)


def _chosen(output: Output, attempts: Sequence[Parsed]) -> Attempt:
    """The one attempt that read the output whole."""
    whole = [a for a in attempts if a.is_whole]
    if not whole:
        line = attempts[0].unknown_line or ""
        names = ", ".join(a.template.name for a in attempts)
        reason = f"the output of {output.command!r} is not as {names} knows it"
        if any(a.is_too_slow for a in attempts):
            return f"{names} came to no end on the output of {output.command!r}", ""
        # What would give no row may be sound; what would, is to be looked at.
        return (reason, line) if any(_is_of_use(a.template) for a in attempts) else reason
    telling = [a for a in whole if a.records] or whole
    if len(telling) > 1:
        names = ", ".join(a.template.platform for a in telling)
        return f"the output of {output.command!r} may be of any of: {names}"
    return telling[0]


def _is_of_use(template: Template) -> bool:
    known = template.name in meaning.OF_ITSELF or template.name in meaning.BOARDS
    return known or meaning.is_of_interfaces(template.name)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One output under way to rows."""

    ledger: Ledger
    prefix: str
    name: str
    device: str
    output: Output

    @property
    def key(self) -> str:
        """The device's key."""
        return f"{self.prefix}:{self.device}"

    @property
    def place(self) -> str:
        """Where the output begins."""
        return f"{self.name}:{self.output.line}"

    def read(self, attempt: Attempt) -> None:
        """Lay the output into the ledger."""
        if isinstance(attempt, str):
            self.ledger.set_aside(self.place, attempt)
        elif isinstance(attempt, tuple):
            reason, line = attempt
            place = self._line_of(line)
            self.ledger.fault(place, reason, "element", line or None)
        elif not attempt.records:
            reason = f"the output of {self.output.command!r} lists nothing"
            self.ledger.set_aside(self.place, reason)
        elif attempt.template.name in meaning.OF_ITSELF:
            self._of_itself(attempt)
        elif attempt.template.name in meaning.BOARDS:
            self._boards(attempt)
        elif meaning.is_of_interfaces(attempt.template.name):
            self._interfaces(attempt)
        else:
            reason = f"the model has no place for what {self.output.command!r} lists"
            self.ledger.set_aside(self.place, reason, len(attempt.records))

    def _of_itself(self, attempt: Parsed) -> None:
        values = meaning.OF_ITSELF[attempt.template.name]
        maker = meaning.maker_in(self.output.text, values)
        for record in attempt.records:
            model = meaning.one(record, values.model)
            facts = {
                "vendor_name": maker,
                "software_version": meaning.one(record, values.version),
                "serial": meaning.one(record, values.serial),
            }
            if model is None and not any(facts.values()):
                reason = f"the output of {self.output.command!r} states nothing of the device"
                self.ledger.set_aside(self.place, reason)
                continue
            product = (
                f"{self.prefix}:product/{attempt.template.platform}/{model}" if model else None
            )
            self.ledger.keep()
            if product:
                self.ledger.row(
                    "product", id=product, vendor_name=maker, model=model, origin=self.place
                )
            self._element(meaning.one(record, values.name), product=product, **facts)

    def _element(self, own_name: str | None = None, **facts: str | None) -> None:
        """The device; its own word for its name is taken where nothing else names it."""
        name = self.output.device or (own_name if self.device == self.name else self.device)
        name = None if name == self.name else name
        self.ledger.row("element", id=self.key, name=name, **facts, origin=self.place)

    def _boards(self, attempt: Parsed) -> None:
        slots, named = meaning.BOARDS[attempt.template.name]
        is_told = False
        for record in attempt.records:
            name, slot = meaning.one(record, named), meaning.slot_of(record, slots)
            if name is None or not slot:
                self.ledger.set_aside(self.place, "a slot with nothing in it")
                continue
            if meaning.is_absent(record):
                self.ledger.set_aside(self.place, "a board that is configured and is not there")
                continue
            is_told = True
            self.ledger.keep()
            self.ledger.row(
                "component",
                id=f"{self.key}/slot/{slot}",
                element=self.key,
                kind="device",
                name=name,
                origin=self._line_of(name, slot),
            )
        if is_told:
            self._element()

    def _interfaces(self, attempt: Parsed) -> None:
        is_told = False
        for record in attempt.records:
            name, addresses = meaning.interface_name(record), meaning.addresses(record)
            if name is None or not addresses:
                self.ledger.set_aside(self.place, "an interface without an address")
                continue
            is_told = True
            self.ledger.keep()
            place = self._line_of(name)
            for index, address in enumerate(addresses):
                self.ledger.row(
                    "interface",
                    id=f"{self.key}/{name}" + (f" {address}" if index else ""),
                    element=self.key,
                    name=name,
                    address=address,
                    is_up=meaning.is_up(record),
                    origin=place,
                )
        if is_told:
            self._element()

    def _line_of(self, *words: str) -> str:
        """The first line of the output with these words in it, else where the output begins."""
        wanted = set(words)
        lines = self.output.text.split("\n")
        for index, line in enumerate(lines):
            if wanted.issubset(line.split()):
                return f"{self.name}:{self.output.line + index}"
        for index, line in enumerate(lines):
            if all(words) and all(word in line for word in words):
                return f"{self.name}:{self.output.line + index}"
        return self.place
