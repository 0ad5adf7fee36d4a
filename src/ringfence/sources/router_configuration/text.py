"""The text of a configuration: its lines, the tree they stand for, and what became of each.

Each line that says something is a record. A line is kept where a row rests on it or it helped to
make one, a fault where it is wrong, and else set aside, alike ones counted together. Blank lines,
comments and closing brackets say nothing and are not counted, unless a fact stood in the comment.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.base import Read, Reject

MOST_BYTES: Final = 64 * 1024 * 1024
"""The largest configurations of carrier routers are a few MiB; more is another file, or an attack."""

TEXT_CHARACTERS: Final = 2_000
"""An entry's text is kept to this length, for a person to find it by."""

_GENERAL: Final = re.compile(
    r"(show|display|info|running|startup|current|saved|config|configuration|backup|rules|iptables)"
    r"([-_ .|].*)?$",
    re.IGNORECASE,
)
_SECRETS: Final = re.compile(
    r"\b((?:encrypted-)?password|secret|passphrase|psksecret|passwd|community|ENC|cipher|"
    r"(?:authentication-|private-|pre-shared-|shared-)?key|md5|sha512|hash2?)\s+\S.*",
    re.IGNORECASE,
)
"""Whoever looks through rejects need not see the passwords and keys of the network."""

_DEEPEST: Final = 200
"""No configuration language nests deeper than a few tens of levels."""


def decoded(data: bytes) -> str:
    """The text, whatever its encoding: a byte order mark decides, else UTF-8, else Latin-1."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


def decoded_head(head: bytes) -> str:
    """The text of a file's first bytes, which may end amid a character."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return decoded(head[: len(head) // 2 * 2])
    return decoded(head[: max(head.rfind(b"\n"), 0) or len(head)])


def read_lines(path: Path) -> list[str]:
    """The lines of a file; raises `SourceError` where it cannot be read or is too large."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SourceError(
                f"the file is larger than {MOST_BYTES // 1024 // 1024} MiB, which no configuration is",
                where=str(path),
            )
        return decoded(path.read_bytes()).split("\n")
    except OSError as error:
        raise SourceError(f"the file cannot be read: {error.strerror}", where=str(path)) from error


def named_by_file(name: str) -> str:
    """The name that a file gives its device: its own, or its folder's where it is that of a command.

    Exports are kept as `configs/edge1.cfg` or as `configs/edge1/show_running-config.txt`.
    """
    path = PurePosixPath(name)
    is_general = _GENERAL.match(path.stem) is not None
    return path.parent.name if is_general and path.parent.name else path.stem or name


class Ledger:
    """What became of each line of one file.

    `origin` gives a row its origin and counts the line as kept, so that no row can rest on a line
    that was not counted.
    """

    __slots__ = ("_faults", "_kept", "_topics", "file", "lines", "name")

    def __init__(self, name: str, lines: Sequence[str], *, file: str | None = None) -> None:
        self.name = name
        self.lines = lines
        self.file = file
        self._topics: dict[int, str] = {}
        self._kept: set[int] = set()
        self._faults: dict[int, str] = {}

    def record(self, line: int, topic: str) -> None:
        """Count a line; `topic` says what it is about, should it be set aside."""
        self._topics[line] = topic

    def aside(self, line: int, topic: str) -> None:
        """Set a line aside for a reason of its own, unless it is kept."""
        if line in self._topics:
            self._topics[line] = topic

    def name_rest(self, topic: str) -> None:
        """What the lines that have no topic yet are about."""
        for line, known in self._topics.items():
            if not known:
                self._topics[line] = topic

    def keep(self, *lines: int) -> None:
        """These lines became rows or helped to make some."""
        self._kept.update(lines)

    def fault(self, line: int, reason: str) -> None:
        """The line is wrong."""
        self._faults.setdefault(line, reason)

    def origin(self, line: int) -> str:
        """Where a row stands, the line being kept by it."""
        self._kept.add(line)
        return f"{self.name}:{line}"

    def text(self, line: int) -> str:
        """The line as it was written, without its indentation."""
        if not 0 < line <= len(self.lines):
            return ""
        return self.lines[line - 1].strip()[:TEXT_CHARACTERS]

    def quoted(self, line: int) -> str:
        """The line for a list of rejects, without the secret it may hold."""
        return _SECRETS.sub(r"\1 ...", self.text(line))

    @property
    def first(self) -> int:
        """The first line that says something, which stands for the file."""
        return min(self._topics, default=1)

    def results(self) -> Iterator[Read | Reject]:
        """The count of the records, and the rejects among them."""
        kept = self._kept - self._faults.keys()
        records = self._topics.keys() | self._kept | self._faults.keys()
        yield Read(len(records), len(kept), file=self.file)
        for line, reason in sorted(self._faults.items()):
            yield Reject(f"{self.name}:{line}", reason, content=self.quoted(line), file=self.file)
        alike: dict[str, list[int]] = {}
        for line in sorted(records - kept - self._faults.keys()):
            alike.setdefault(self._topics[line], []).append(line)
        for topic, lines in alike.items():
            yield Reject(
                f"{self.name}:{lines[0]}",
                topic,
                kind="set aside",
                rows=len(lines),
                content=self.quoted(lines[0]),
                file=self.file,
            )


def outside(topic: str, below: str | None = None) -> str:
    """Why a line was set aside that the model has no place for, by the part it belongs to."""
    place = f"{topic}: {below}" if below else topic
    return f"{place[:80]}: the model has no place for it"


@dataclass(slots=True, eq=False)
class Node:
    """A statement of a configuration, with those below it in their order."""

    line: int
    words: tuple[str, ...]
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its words."""
        return " ".join(self.words)

    def starting(self, *words: str) -> list["Node"]:
        """The statements right below that begin with these words."""
        return [c for c in self.children if c.words[: len(words)] == words]

    def first(self, *words: str) -> "Node | None":
        """The first statement right below that begins with these words."""
        return next((c for c in self.children if c.words[: len(words)] == words), None)

    def walk(self) -> Iterator["Node"]:
        """Each statement below, in the order of the file."""
        stack = list(reversed(self.children))
        while stack:
            node = stack.pop()
            yield node
            stack += reversed(node.children)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a line; what stands in quotation marks is one word, without them.

    A quotation mark without its other half is an ordinary character.
    """
    if '"' not in text:
        return tuple(text.split())
    words: list[str] = []
    rest = text.strip()
    while rest:
        if rest[0] == '"':
            end = 1
            while end < len(rest) and rest[end] != '"':
                end += 2 if rest[end] == "\\" else 1
            if end < len(rest):
                words.append(rest[1:end])
                rest = rest[end + 1 :].lstrip()
                continue
        word, _, rest = rest.partition(" ")
        words.append(word)
        rest = rest.lstrip()
    return tuple(words)


def nested(lines: Sequence[tuple[int, int, str]]) -> Node:
    """The tree that indentation tells, of lines with their number and indentation."""
    root = Node(0, ())
    stack: list[tuple[int, Node]] = [(-1, root)]
    for number, indent, text in lines:
        while stack[-1][0] >= indent:
            stack.pop()
        words = words_of(text)
        if not words:
            continue
        parent = stack[min(len(stack), _DEEPEST) - 1][1]
        node = Node(number, words, parent)
        parent.children.append(node)
        stack.append((indent, node))
    return root


@dataclass(slots=True, eq=False)
class Branch:
    """A place in a tree of words, as languages of paths have it (`set interfaces ge-0/0/0 unit 0`).

    `lines` are those that speak of this place itself: a statement that ends here, or the line that
    opens its brackets.
    """

    word: str
    parent: "Branch | None" = None
    lines: list[int] = field(default_factory=list)
    below: dict[str, "Branch"] = field(default_factory=dict)

    def put(self, path: Sequence[str], line: int) -> "Branch":
        """The place at `path` below, made where it is not there yet, spoken of by `line`."""
        branch = self
        for word in path[:_DEEPEST]:
            found = branch.below.get(word)
            if found is None:
                found = branch.below[word] = Branch(word, branch)
            branch = found
        branch.lines.append(line)
        return branch

    def at(self, *path: str) -> "Branch | None":
        """The place at `path` below, if it is there."""
        branch: Branch | None = self
        for word in path:
            if branch is None:
                return None
            branch = branch.below.get(word)
        return branch

    def words(self, *path: str) -> list["Branch"]:
        """What stands right below `path`, in the order of the file."""
        branch = self.at(*path)
        return list(branch.below.values()) if branch else []

    def value(self, *path: str) -> str | None:
        """The one word below `path`."""
        return next((b.word for b in self.words(*path)), None)

    @property
    def line(self) -> int:
        """A line that speaks of this place or of one below it; 0 where none does."""
        branch: Branch | None = self
        while branch is not None and not branch.lines:
            branch = next(iter(branch.below.values()), None)
        return branch.lines[0] if branch else 0

    def whole(self) -> Iterator[int]:
        """The lines of this place and of all below it."""
        stack = [self]
        while stack:
            branch = stack.pop()
            yield from branch.lines
            stack += branch.below.values()

    def use(self, ledger: Ledger, *, whole: bool = False) -> int:
        """Count the place's lines, and those of the brackets around it, as kept."""
        ledger.keep(*(self.whole() if whole else self.lines))
        branch = self.parent
        while branch is not None:
            ledger.keep(*branch.lines)
            branch = branch.parent
        return self.line
