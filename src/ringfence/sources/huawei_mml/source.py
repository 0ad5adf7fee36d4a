"""The source itself: which file is one, and what becomes of each of its records."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.huawei_mml.equipment import (
    FUNCTIONS,
    LABELS,
    MARKS,
    MODES,
    Equipment,
    Unfit,
    batches,
    checked,
    is_read,
)
from ringfence.sources.huawei_mml.text import (
    Bad,
    Command,
    Comment,
    Nothing,
    Result,
    decoded,
    read_items,
)
from ringfence.sources.managed_object_xml import text_of_head
from ringfence.sources.managed_objects import text_of

_STATING: Final = frozenset(("ADD", "SET", "MOD"))
_ASKING: Final = frozenset(("LST", "DSP", "CHK", "EXP"))
_HEAD: Final = re.compile(
    r"^\s*//\**\s*MML script file|^\s*//System BSCID:", re.MULTILINE | re.IGNORECASE
)
_ANSWER: Final = re.compile(r"^\s*%%[A-Z]{2,4} \w+[ :;].*%%\s*$", re.MULTILINE)
_LINE: Final = re.compile(
    r"^\s*(ADD|SET|MOD|RMV|LST|DSP|ACT|DEA|BLK|UBL) (\w+)\s*:(?:\s*\w+\s*=.*|\s*;.*)?$"
)
_HEADS: Final = {
    "system bscid": "BSCID",
    "for bam version": "VERSION",
    "mbsc mode": "MODE",
    "omu ip": "ADDRESS",
}


class HuaweiMml:
    """Reads one file of commands or answers."""

    kind = "huawei-mml"
    describes = "Huawei MML: exported configuration, scripts and logs of answers"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002  # a name proves nothing
        """Decide by the head, by the marks of an answer, or by commands that are known."""
        text = text_of_head(head) if b"\0" in head[:64] else decoded(head)
        if _HEAD.search(text):
            return Claim(1.0, "the head of an MML script file")
        if _ANSWER.search(text) and re.search(r"^RETCODE\s*=", text, re.MULTILINE):
            return Claim(0.95, "answers to commands, with RETCODE")
        lines = [x for x in text.splitlines()[:-1] or [text] if x.strip() and x.strip()[:2] != "//"]
        found = [match for match in map(_LINE.match, lines[:500]) if match]
        if not found or len(found) * 2 < min(len(lines), 500):
            return Claim(0.0, "no commands")
        if any(is_read(match[2].upper()) for match in found) and ";" in text:
            return Claim(0.9, f"commands, with {found[0][1]} {found[0][2]}")
        return Claim(0.5 if ";" in text else 0.0, "lines like commands, of no known object")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield the tables, the rejects and the counts; raise `SourceError` if it is another file."""
        reading = _Reading(path, options.origin or path.name)
        for item in read_items(path):
            reading.take(item)
        if not reading.has_commands:
            raise SourceError(
                "the file holds no MML command or answer",
                where=str(path),
                hint="commands read `ADD DEVIP:...;`, answers hold RETCODE",
            )
        yield from batches(reading.all_stated(), options.prefix or self.kind, path.stem)
        yield from reading.rejects()


@dataclass(slots=True)
class _Alike:
    place: str
    kind: str
    content: str | None
    rows: int = 0


class _Reading:
    def __init__(self, path: Path, file: str) -> None:
        self.path = path
        self.file = file
        self.has_commands = False
        self._records = 0
        self._kept = 0
        self._equipment: dict[str | None, Equipment] = {}
        self._alike: dict[tuple[str, str], _Alike] = {}

    def all_stated(self) -> list[Equipment]:
        """The equipment that is known to be there."""
        return [e for e in self._equipment.values() if e.is_stated]

    def rejects(self) -> Iterator[Reject | Read]:
        """What became no row, alike ones together, and the counts."""
        for (reason, kind), alike in self._alike.items():
            yield Reject(alike.place, reason, None, kind, alike.rows, alike.content)
        yield Read(self._records, self._kept)

    def take(self, item: Command | Result | Comment | Nothing | Bad) -> None:
        """Count a record, and keep what it says."""
        place = f"{self.file}:{item.line}"
        match item:
            case Comment():
                self._comment(item, place)
            case Bad():
                self._reject(item.reason, place, "fault", item.text.strip())
            case Nothing():
                self.has_commands = True
                self._reject(item.reason, place, "set aside", None)
            case Command():
                self.has_commands = True
                self._command(item, place)
            case Result():
                self.has_commands = True
                labels = {" ".join(k.lower().split()): v for k, v in item.values.items()}
                values = {LABELS[k]: v for k, v in labels.items() if k in LABELS}
                if is_read(item.target) and not values and item.target not in FUNCTIONS:
                    reason = f"{item.target} answered in words that this source does not know"
                    self._reject(reason, place, "set aside", ", ".join(item.values))
                else:
                    self._state(item, values, place)

    def _command(self, item: Command, place: str) -> None:
        if item.verb in _STATING:
            self._state(item, item.values, place)
        elif item.verb in _ASKING:
            self._reject(f"{item.verb} asks, and states nothing", place, "set aside", None)
        else:
            self._reject(f"{item.verb} {item.target} is an act, no fact", place, "set aside", None)
        if item.element is not None:
            self._of(item.element, place).is_stated = True

    def _state(self, item: Command | Result, values: Mapping[str, str], place: str) -> None:
        equipment = self._of(item.element, place)
        if item.element is not None:
            equipment.is_stated = True
        try:
            equipment.take(item.target, values, place)
        except Unfit as unfit:
            reason = unfit.reason
            if item.target not in reason:
                reason = f"{item.target}: {reason}"
            # What is sound is not quoted: among it are accounts and their secrets.
            if unfit.is_fault:
                text = item.text if isinstance(item, Command) else str(dict(item.values))
                self._reject(reason, place, "fault", text.strip())
            else:
                self._reject(reason, place, "set aside", None)
        else:
            self._keep()

    def _comment(self, item: Comment, place: str) -> None:
        """The lines of a head that say something of the equipment; other comments say nothing."""
        name = item.name.lower()
        fact = _HEADS.get(name)
        if fact is None:
            return
        equipment = self._of(None, place)
        value = text_of(item.value)
        equipment.is_of_maker = equipment.is_of_maker or name in MARKS
        equipment.is_stated = True
        if fact == "MODE" and value in MODES:
            for kind in MODES[value]:
                equipment.functions.setdefault(kind, place)
        elif fact == "BSCID" and value:
            equipment.controller = equipment.controller or value
        elif fact == "VERSION" and value:
            equipment.version = equipment.version or value
        elif fact == "ADDRESS" and value:
            try:
                equipment.take("OMUIP", {"IP": checked(value)}, place)
            except Unfit as unfit:
                self._reject(f"{item.name}: {unfit.reason}", place, "fault", item.value)
                return
        else:
            self._reject(f"{item.name}: {item.value} is not known", place, "fault", item.value)
            return
        self._keep()

    def _of(self, element: str | None, place: str) -> Equipment:
        known = self._equipment.get(element)
        if known is None:
            known = self._equipment[element] = Equipment(element, place)
        return known

    def _keep(self) -> None:
        self._records += 1
        self._kept += 1

    def _reject(self, reason: str, place: str, kind: str, content: str | None) -> None:
        self._records += 1
        self._alike.setdefault((reason, kind), _Alike(place, kind, content)).rows += 1
