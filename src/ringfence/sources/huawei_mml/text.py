r"""The text of the man-machine language: scripts of commands, and the answers to them.

A command is `VERB OBJECT:NAME=value,NAME="value, with commas";`, over one line or several; `//`
begins a comment, and `{NE}` after a command says which equipment it is for. An answer is

    +++    STATION-1        2026-01-01 10:00:00
    O&M    #17
    %%LST DEVIP:;%%
    RETCODE = 0  Operation succeeded.

    List Device IP Address
    ----------------------
    Slot No.  IP Address  Mask
    ...
    (Number of results = 2)

    ---    END

with `name  =  value`, one a line, where there is one result. Words may be in the language of the
system, so the parts are known by their marks alone. Text may be UTF-8, UTF-16, GB 18030 or
Latin-1, even line by line. What is wrong is told with its line, and reading goes on after it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from ringfence.errors import SourceError
from ringfence.sources.grids import readable

_LINE_BYTES: Final = 1024**2
_COMMAND_CHARACTERS: Final = 64 * 1024
_ANSWER_LINES: Final = 1_000_000

_HIGH: Final = re.compile(rb"[\x80-\xff]+")
_WHOLE: Final = re.compile(r'((?:[^;"]++|"[^"]*")*+);')
_COMMAND: Final = re.compile(r"\s*([A-Za-z]{2,4})\s+(\w+)\s*(?::(.*))?", re.DOTALL)
_START: Final = re.compile(r"\s*[A-Za-z]{2,4}\s+\w+\s*[:;]")
_PARAMETER: Final = re.compile(r'\s*([^=,"]++)=\s*("[^"]*"|[^,"]*+)\s*(,|$)')
_FOR: Final = re.compile(r"\s*\{([^{}]*)\}")
_COMMENT: Final = re.compile(r"\s*//(.*)", re.DOTALL)
_BEGIN: Final = re.compile(r"\s*(?:Report\s*:\s*)?\+\+\+\s+(.*?)(?:\s{2,}\d{4}-\d\d-\d\d.*)?$")
_ASKED: Final = re.compile(r"\s*%%(.+?)%%\s*$")
_END: Final = re.compile(r"\s*---+\s+END\s*$")
_CODE: Final = re.compile(r"\s*RETCODE\s*=\s*(-?\d+)\s*(.*)")
_RULE: Final = re.compile(r"\s*-{3,}\s*$")
_COUNT: Final = re.compile(r"\s*\([^()]*=\s*(\d+)\s*\)\s*$")
_PAIR: Final = re.compile(r"\s*(\S.*?)\s+=\s*(.*?)\s*$")
_GAP: Final = re.compile(r"\s{2,}")
_FOOT: Final = re.compile(r"\s*(?:To be continued|仍有后续)")
_EQUIPMENT: Final = re.compile(r"\s*NE(?:\s+Name)?\s*:\s*(\S.*?)\s*$", re.IGNORECASE)
_ECHO: Final = re.compile(r"\s*MML Command\s*-+\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a script; `element` is the equipment it is for, where that is said."""

    line: int
    verb: str
    target: str
    values: Mapping[str, str]
    element: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """A result in an answer to a command; `values` are by the answer's own words."""

    line: int
    verb: str
    target: str
    values: Mapping[str, str]
    element: str | None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment that says something of the file: `//System BSCID: 7`."""

    line: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """An answer without results, and why."""

    line: int
    reason: str
    element: str | None


@dataclass(frozen=True, slots=True)
class Bad:
    """What is neither a command nor an answer."""

    line: int
    reason: str
    text: str


Item = Command | Result | Comment | Nothing | Bad


def read_items(path: Path) -> Iterator[Item]:
    """What the file says, in order; raises `SourceError` only where it cannot be opened."""
    reader = _Reader()
    with readable(path), path.open("rb") as file:
        for number, line in _lines(file, path):
            if isinstance(line, Bad):
                yield line
            else:
                yield from reader.line(number, line)
        yield from reader.end()


def _lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, str | Bad]]:
    start = file.read(2)
    file.seek(0)
    wide = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(start)
    if wide is not None:
        yield from _wide_lines(file, path, wide)
        return
    number = 0
    while data := file.readline(_LINE_BYTES):
        number += 1
        if len(data) == _LINE_BYTES and not data.endswith(b"\n"):
            while (rest := file.readline(_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, Bad(number, "a line of more than 1 MiB", data[:200].decode("latin-1"))
        else:
            yield number, decoded(data.removeprefix(b"\xef\xbb\xbf") if number == 1 else data)


def _wide_lines(file: BinaryIO, path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    size = path.stat().st_size
    if size > 512 * _LINE_BYTES:
        raise SourceError(
            "a UTF-16 file of more than 512 MiB is too large",
            where=str(path),
            hint="save it as UTF-8",
        )
    text = file.read()[2:].decode(encoding, "replace")
    yield from enumerate(text.splitlines(), 1)


def decoded(data: bytes) -> str:
    """A line as text: UTF-8, or GB 18030 where it looks like Chinese, or Latin-1.

    Chinese characters are two high bytes each and seldom stand alone; of Western letters seldom
    more than two have an accent in a row. Signs of the language itself are ASCII in all three.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    runs = [len(run) for run in _HIGH.findall(data)]
    if all(length % 2 == 0 for length in runs) and max(runs) >= 4:
        try:
            return data.decode("gb18030")
        except UnicodeDecodeError:
            pass
    return data.decode("latin-1")


@dataclass(slots=True)
class _Reader:
    """Goes from line to line; a command and an answer may be over several."""

    _pending: str = ""
    _since: int = 0
    _answer: list[tuple[int, str]] | None = None
    _is_long: bool = False
    _in_comment: bool = False
    _element: str | None = None

    def line(self, number: int, text: str) -> Iterator[Item]:
        """What ends with this line."""
        if "\0" in text:
            yield Bad(number, "a NUL in the text", text)
            return
        if self._answer is not None:
            yield from self._in_answer(self._answer, number, text)
            return
        if self._in_comment or (not self._pending and text.lstrip().startswith("/*")):
            self._in_comment = "*/" not in text
            return
        if _BEGIN.match(text) or _ASKED.match(text):
            yield from self._drop()
            self._answer, self._is_long = [(number, text)], False
            return
        comment = None if self._pending else _COMMENT.match(text)
        equipment = None if self._pending else _EQUIPMENT.match(text)
        if comment is not None:
            name, colon, value = comment[1].strip(" \t\r\n*").partition(":")
            if colon and value.strip():
                yield Comment(number, name.strip(), value.strip())
        elif equipment is not None:
            self._element = equipment[1]
        else:
            echo = _ECHO.match(text)
            yield from self._commands(number, echo[1] if echo else text)

    def end(self) -> Iterator[Item]:
        """What was not brought to its end."""
        yield from self._drop()
        if self._answer is not None:
            number, text = self._answer[0]
            yield from _results(self._answer, self._element)
            yield Bad(number, "the answer is cut short: it has no end", text)

    def _drop(self) -> Iterator[Item]:
        if self._pending.strip():
            yield Bad(self._since, "a command without its end (;)", self._pending)
        self._pending = ""

    def _in_answer(self, answer: list[tuple[int, str]], number: int, text: str) -> Iterator[Item]:
        if _BEGIN.match(text):
            line, first = answer[0]
            yield from _results(answer, self._element)
            yield Bad(line, "the answer is cut short: it has no end", first)
            self._answer, self._is_long = [(number, text)], False
        elif _END.match(text):
            yield from _results(answer, self._element)
            self._answer = None
        elif len(answer) < _ANSWER_LINES:
            answer.append((number, text))
        elif not self._is_long:
            self._is_long = True
            yield Bad(number, f"an answer of more than {_ANSWER_LINES:,} lines", text)

    def _commands(self, number: int, text: str) -> Iterator[Item]:
        if self._pending and _START.match(text):
            yield from self._drop()
        if not self._pending:
            self._since = number
        rest = self._pending + text
        while found := _WHOLE.match(rest):
            after = rest[found.end() :]
            target = _FOR.match(after)
            names = [n.strip() for n in re.split("[,;]", target[1])] if target else []
            rest = after[target.end() :] if target else after
            # The rest of a line after a comment mark is no command, whatever signs are in it.
            rest = "" if rest.lstrip().startswith("//") else rest
            for name in [n for n in names if n] or [self._element]:
                yield _command(self._since, found[1], name)
            self._since = number
        self._pending = rest if rest.strip() else ""
        if self._pending.count('"') % 2:
            yield Bad(self._since, "a text whose quotation marks do not close", self._pending)
            self._pending = ""
        elif len(self._pending) > _COMMAND_CHARACTERS:
            yield from self._drop()
        elif self._pending and not _COMMAND.match(self._pending):
            yield Bad(self._since, "neither a command nor an answer", self._pending)
            self._pending = ""


def _command(line: int, text: str, element: str | None) -> Item:
    found = _COMMAND.fullmatch(text)
    if found is None:
        return Bad(line, "neither a command nor an answer", text)
    values: dict[str, str] = {}
    body = (found[3] or "").strip()
    at = 0
    while at < len(body):
        pair = _PARAMETER.match(body, at)
        if pair is None:
            return Bad(line, "parameters that are not NAME=value", text)
        name = pair[1].strip().upper()
        if name in values:
            return Bad(line, f"{name} is stated twice in one command", text)
        values[name] = pair[2].strip().strip('"')
        at = pair.end()
    return Command(line, found[1].upper(), found[2].upper(), values, element, text)


@dataclass(slots=True)
class _Asked:
    """What an answer is about."""

    element: str | None = None
    verb: str = ""
    target: str = ""
    failure: str | None = None
    columns: list[tuple[int, str]] = field(default_factory=list)
    pairs: dict[str, str] = field(default_factory=dict)
    since: int = 0
    is_table: bool = False
    found: int = 0
    in_section: int = 0

    def result(self, line: int, values: Mapping[str, str]) -> Result:
        self.found += 1
        self.in_section += 1
        return Result(line, self.verb, self.target, values, self.element)

    def last_pairs(self) -> Iterator[Result]:
        if self.pairs:
            yield self.result(self.since, self.pairs)
        self.pairs = {}


def _results(lines: list[tuple[int, str]], element: str | None) -> Iterator[Item]:
    """The results in one answer; what stands before the first rule is its head."""
    asked = _Asked()
    first, text = lines[0]
    begin = _BEGIN.match(text)
    asked.element = (begin[1].strip() if begin else "") or element
    for number, line in lines if begin is None else lines[1:]:
        command, code = _ASKED.match(line), _CODE.match(line)
        count = _COUNT.match(line) if asked.is_table else None
        if command is not None:
            item = _command(number, command[1].strip().rstrip(";"), asked.element)
            if isinstance(item, Command):
                asked.verb, asked.target = item.verb, item.target
        elif code is not None:
            asked.failure = None if int(code[1][:9]) == 0 else code[2].strip() or code[1]
        elif _RULE.match(line):
            yield from asked.last_pairs()
            asked.is_table, asked.columns, asked.in_section = True, [], 0
        elif count is not None:
            yield from asked.last_pairs()
            if int(count[1][:9]) != asked.in_section:
                yield Bad(number, f"{asked.in_section} results where it says {count[1]}", line)
            asked.is_table = False
        elif asked.is_table and line.strip() and not _FOOT.match(line):
            yield from _row(asked, number, line.rstrip())
    yield from asked.last_pairs()
    if not asked.found:
        why = f"the command failed: {asked.failure}" if asked.failure else "an answer of no results"
        yield Nothing(first, why, asked.element)


def _row(asked: _Asked, number: int, line: str) -> Iterator[Item]:
    """A line of a section: a pair, the headings, or a row under them."""
    pair = _PAIR.match(line)
    if not asked.columns and pair is not None:
        name = pair[1]
        if name in asked.pairs:
            yield from asked.last_pairs()
        if not asked.pairs:
            asked.since = number
        asked.pairs[name] = pair[2]
    elif not asked.columns and not asked.pairs:
        asked.columns = [(m.start(), m[0]) for m in re.finditer(r"\S+(?: \S+)*", line)]
    elif asked.columns:
        cells = _cells(asked.columns, line)
        if cells is None:
            yield Bad(number, f"a row that does not fit its {len(asked.columns)} headings", line)
        else:
            yield asked.result(number, cells)
    else:
        yield Bad(number, "a line among pairs that is none", line)


def _cells(columns: list[tuple[int, str]], line: str) -> dict[str, str] | None:
    """The cells under their headings; wide characters shift them, so then the gaps decide."""
    names = [name for _, name in columns]
    parts = _GAP.split(line.strip())
    if len(parts) == len(names):
        return dict(zip(names, parts, strict=True))
    starts = [start for start, _ in columns]
    if any(0 < s < len(line) and line[s - 1] != " " for s in starts) or not line.isascii():
        return None
    ends = [*starts[1:], max(len(line), starts[-1])]
    return {n: line[s:e].strip() for n, s, e in zip(names, starts, ends, strict=True)}
