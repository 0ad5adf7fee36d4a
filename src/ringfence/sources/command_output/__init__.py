"""What a device says of itself: the output of its own commands, as captured.

The text has no mark of its own. It is recognised by a prompt with a command in it, or by the name
and folders under which collectors keep it, and it is proven by being read: by a template that
refuses what it does not know, or by one of the platform that another output of the same device
proves it to be. Where templates of several platforms read the text whole, it is not said which is
right; the output is set aside with their names.

Files below one path are read together, since a device's platform and name stand in one of its
outputs and its interfaces in another. A device is keyed by the name that its prompt or its folder
gives; where none does, by its file.

Read are version, model, serial number, boards and the addresses of interfaces. What a device tells
of others (neighbours, routes, sessions) and of its state is set aside. A maker is stated only where
the device's own version output names it.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ringfence.errors import UnavailableError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject

_OTHER_FORMAT: Final = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\"{\[\]]|<[?!]|%PDF|PK\x03)")
_PROMPT: Final = re.compile(r"^[\w\[<*][^\n]{0,120}?[>#$%\]] ?[A-Za-z]", re.MULTILINE)
_COMMAND: Final = re.compile(
    r"(?:.*[_\- .])?(?:show|display|get|info|vtysh|dir)(?:[_ -].*)?", re.IGNORECASE
)
_PLATFORM: Final = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")


class CommandOutput:
    """Reads captured output of commands."""

    kind = "command-output"
    describes = "Output of show and display commands, as captured from devices"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Claim a text by a prompt, or by its name where a template reads it."""
        if b"\x00" in head[:4096] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return Claim(0.0, "no text")
        # Templates take long to load, and most files are told to be no output without them.
        text = head.decode("latin-1")
        if _OTHER_FORMAT.match(text.removeprefix("\xef\xbb\xbf")):
            return Claim(0.0, "another format")
        is_named = _COMMAND.fullmatch(path.stem) or any(
            _PLATFORM.fullmatch(part) for part in path.parts[-3:-2]
        )
        if not is_named and not _PROMPT.search(text) and b"\x00" not in head:
            return Claim(0.0, "no prompt with a command, and no name of one")
        from ringfence.sources.command_output.reading import claim  # noqa: PLC0415

        try:
            return claim(path, head)
        except UnavailableError as error:
            return Claim(0.35, error.message)

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield what the file's device says of itself; raise `SourceError` where it is no text."""
        from ringfence.sources.command_output.reading import Captured, read  # noqa: PLC0415

        name = options.origin or path.name
        yield from read([Captured.of_file(path, name)], options.prefix or self.kind)

    def read_together(
        self, files: Mapping[str, Path], options: Options
    ) -> Iterator[Batch | Reject | Read]:
        """Yield what the devices say of themselves, each in one or several files."""
        from ringfence.sources.command_output.reading import read_all  # noqa: PLC0415

        yield from read_all(files, options.prefix or self.kind)
