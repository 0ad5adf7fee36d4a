"""YAML and JSON as written, with the line of every node: the proof of a fact is the line it stands on.

The usual loaders give values without lines, let a second key of the same name silently win, and
expand aliases without a bound. This reader builds its own tree from the events of libyaml, in one
loop without recursion, and refuses what must not be believed: a key that is there twice, aliases
that unfold beyond all measure, nesting deeper than `DEPTH`. A refusal is of one document;
the others of the file are read, except after a fault of syntax, where nothing below it is sure.

Scalars stay text. YAML 1.1, 1.2 and the programs that read these files differ in what is a number
or a truth (`001`, `on`), so each reader asks for what the field is defined to be.

JSON is read as what it is, a subset of YAML; a trailing comma is forgiven.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ringfence.errors import SourceError

FILE_BYTES = 128 * 1024 * 1024
"""A longer file of manifests is refused: the largest exports of clusters are well below."""

NODES = 1_000_000
"""Aliases may unfold to so many nodes, or to four times those written; more is an attack (a
"billion laughs")."""

DEPTH = 100
"""Manifests and configurations nest about twenty deep; deeper is an attack."""

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"))
_FALSE = frozenset(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"))
_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_TEMPLATE = re.compile(
    r"^(?:\s*|[^\"'#\n]*:\s+|\s*-\s+)\{\{-?\s*(?:\.|\$|/\*|(?:if|else|end|range|with|define|block|"
    r"include|template|toYaml|tpl|default|quote|printf|required|lookup)\b)"
    r"|\{\{-?\s*(?:\$?\.(?:Values|Release|Chart|Capabilities|Files|Template)\b|include \"|define \")",
    re.MULTILINE,
)
_MERGE = "<<"
_STRANGE_KEY = "has a key that is no text"


@dataclass(slots=True, eq=False)
class Node:
    """A scalar, a list or a mapping, and the line (from 1) it begins on.

    The questions below answer None, or nothing, where the node is not of the shape asked for: a
    reader need not check each step on the way down.
    """

    value: "str | list[Node] | dict[str, Node]"
    line: int
    style: str | None = None
    size: int = 1

    def get(self, *path: str) -> "Node | None":
        """The node at the end of a path of keys."""
        node: Node | None = self
        for key in path:
            if node is None or not isinstance(node.value, dict):
                return None
            node = node.value.get(key)
        return node

    def at(self, *path: str) -> str | None:
        """The text of the scalar at the end of a path of keys."""
        node = self.get(*path)
        return None if node is None else node.text

    def each(self, *path: str) -> "list[Node]":
        """The items of the list at the end of a path of keys; empty where there is none."""
        node = self.get(*path)
        return node.value if node is not None and isinstance(node.value, list) else []

    def entries(self, *path: str) -> "dict[str, Node]":
        """The entries of the mapping at the end of a path of keys; empty where there is none."""
        node = self.get(*path)
        return node.value if node is not None and isinstance(node.value, dict) else {}

    def texts(self, *path: str) -> list[str]:
        """The scalars of the list at the end of a path of keys."""
        return [n.text for n in self.each(*path) if n.text is not None]

    @property
    def is_mapping(self) -> bool:
        """It is a mapping."""
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        """It is a list."""
        return isinstance(self.value, list)

    @property
    def is_null(self) -> bool:
        """It is a scalar that states nothing: empty, `~` or `null`, not in quotes."""
        return isinstance(self.value, str) and self.style is None and self.value in _NULLS

    @property
    def text(self) -> str | None:
        """The scalar as written; None for a null, a list or a mapping."""
        if not isinstance(self.value, str) or self.is_null:
            return None
        return self.value

    @property
    def integer(self) -> int | None:
        """The scalar as a decimal or hexadecimal whole number of at most 18 digits."""
        text = self.text
        if text is None or not re.fullmatch(r"[+-]?(?:[0-9]{1,18}|0x[0-9a-fA-F]{1,15})", text):
            return None
        return int(text, 16) if "x" in text else int(text)

    @property
    def truth(self) -> bool | None:
        """The scalar as true or false, by the words of YAML 1.1."""
        text = self.text
        return True if text in _TRUE else False if text in _FALSE else None

    def plain(self) -> object:
        """The node as lists, dictionaries and texts, for comparing and for writing out."""
        if isinstance(self.value, dict):
            return {k: v.plain() for k, v in self.value.items()}
        if isinstance(self.value, list):
            return [v.plain() for v in self.value]
        return self.text

    def content_line(self, inner: int) -> int:
        """The file's line of line `inner` (from 1) of the text that this scalar holds.

        Exact for a block scalar (`|`), which is how files are written into manifests; for other
        styles the line of the scalar itself.
        """
        return self.line + inner if self.style == "|" else self.line


@dataclass(frozen=True, slots=True)
class Fault:
    """A document that is refused, and the line at which it went wrong."""

    line: int
    reason: str


def read_text(path: Path) -> str:
    """The file's text: UTF-8, or UTF-16 with its mark; raises `SourceError` where it is neither."""
    try:
        if path.stat().st_size > FILE_BYTES:
            raise SourceError(
                f"the file is longer than {FILE_BYTES // (1024 * 1024)} MiB",
                where=path.name,
                hint="export fewer objects at a time",
            )
        return decode(path.read_bytes(), path.name)
    except OSError as error:
        raise SourceError(f"cannot be opened: {error.strerror}", where=path.name) from error


def decode(data: bytes, name: str) -> str:
    """The bytes as text, without a byte-order mark; raises `SourceError` where they are none."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SourceError(
            f"line {line} is not text in UTF-8", where=f"{name}:{line}", hint="save it as UTF-8"
        ) from error


def head_text(head: bytes) -> str:
    """The first bytes of a file as text for a look at what it is; never raises."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return head.decode(encoding, errors="replace").lstrip("\ufeff").replace("\r\n", "\n")


def template_line(text: str) -> int | None:
    """The line of the first directive of a Helm template outside quotes, or None."""
    found = _TEMPLATE.search(text)
    return None if found is None else text.count("\n", 0, found.end()) + 1


def documents(text: str) -> Iterator[Node | Fault]:
    """The documents of a YAML stream, each as its root or as why it is refused.

    An empty document is left out. After a fault of syntax nothing more is yielded.
    """
    if "\\u" in text:
        # libyaml does not know the two escapes by which JSON writes one character beyond U+FFFF.
        text = _PAIR.sub(_joined, text)
    try:
        yield from _Builder(text).documents()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        yield Fault(line, f"is not YAML: {error.problem or error.context}")
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        line = text.encode("utf-8", "surrogatepass")[:position].count(b"\n") + 1
        yield Fault(line, f"is not YAML: {error.reason}")
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        yield Fault(1, f"is not YAML: {str(error).splitlines()[0] if str(error) else 'no text'}")


def _joined(match: re.Match[str]) -> str:
    high, low = int(match[1], 16), int(match[2], 16)
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


class _RefusedError(Exception):
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.fault = Fault(line, reason)


class _Builder:
    """Turns the parser's events into trees, one document at a time."""

    def __init__(self, text: str) -> None:
        self._next = yaml.CSafeLoader(text).get_event
        self._anchors: dict[str, Node | None] = {}
        self._open: list[_Open] = []
        self._written = 0

    def documents(self) -> Iterator[Node | Fault]:
        while True:
            event = self._next()
            if event is None or isinstance(event, yaml.StreamEndEvent):
                return
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            try:
                root = self._document()
            except _RefusedError as refused:
                yield refused.fault
                while not isinstance(event, yaml.DocumentEndEvent | yaml.StreamEndEvent | None):
                    event = self._next()
            else:
                if root is not None and not root.is_null:
                    yield root

    def _document(self) -> Node | None:
        self._anchors, self._open, self._written = {}, [], 0
        root: Node | None = None
        while True:
            event = self._next()
            if event is None or isinstance(event, yaml.DocumentEndEvent):
                return root
            line = event.start_mark.line + 1 if event.start_mark is not None else 1
            if isinstance(event, yaml.MappingStartEvent):
                self._begin(Node({}, line), event.anchor)
            elif isinstance(event, yaml.SequenceStartEvent):
                self._begin(Node([], line), event.anchor)
            else:
                node = self._whole(event, line)
                if self._open:
                    self._place(node, line)
                else:
                    root = node

    def _begin(self, node: Node, anchor: str | None) -> None:
        if len(self._open) >= DEPTH:
            raise _RefusedError(node.line, f"is nested deeper than {DEPTH}")
        if self._open and self._open[-1].awaits_key:
            raise _RefusedError(node.line, _STRANGE_KEY)
        self._open.append(_Open(node, anchor))
        if anchor:
            # Until it is closed an alias to it would make it contain itself.
            self._anchors[anchor] = None

    def _whole(self, event: yaml.Event, line: int) -> Node:
        """The node that this event completes."""
        if isinstance(event, yaml.ScalarEvent):
            node = Node(event.value, line, event.style or None)
            if event.anchor:
                self._anchors[event.anchor] = node
            return node
        if isinstance(event, yaml.AliasEvent):
            found = self._anchors.get(event.anchor or "")
            if found is None:
                raise _RefusedError(line, f"the alias *{event.anchor} names nothing before it")
            return found
        closed = self._open.pop()
        _merge(closed.node, line)
        if closed.anchor:
            self._anchors[closed.anchor] = closed.node
        return closed.node

    def _place(self, node: Node, line: int) -> None:
        parent = self._open[-1]
        value = parent.node.value
        self._written += 1
        if isinstance(value, list):
            value.append(node)
        elif isinstance(value, dict):
            if parent.key is None:
                parent.key = _key(value, node, line)
                return
            value[parent.key] = node
            parent.key = None
        parent.node.size += node.size
        if parent.node.size > NODES and parent.node.size > 4 * self._written:
            raise _RefusedError(line, f"unfolds to more than {NODES:,} nodes by its aliases")


@dataclass(slots=True, eq=False)
class _Open:
    """A list or mapping whose end has not come yet, and the key whose value is awaited."""

    node: Node
    anchor: str | None
    key: str | None = None

    @property
    def awaits_key(self) -> bool:
        return self.node.is_mapping and self.key is None


def _key(entries: dict[str, Node], node: Node, line: int) -> str:
    if not isinstance(node.value, str):
        raise _RefusedError(line, _STRANGE_KEY)
    if node.value in entries:
        before = entries[node.value].line
        raise _RefusedError(
            line, f"the key {node.value!r} is there twice (first with a value at line {before})"
        )
    return node.value


def _merge(node: Node, line: int) -> None:
    """Lay in what a merge key (`<<`) names; what the mapping itself states wins."""
    if not isinstance(node.value, dict) or _MERGE not in node.value:
        return
    merged = node.value[_MERGE]
    parts = merged.value if isinstance(merged.value, list) else [merged]
    if not all(part.is_mapping for part in parts):
        raise _RefusedError(line, "merges (<<) what is no mapping")
    own = {k: v for k, v in node.value.items() if k != _MERGE}
    for part in parts:
        for key, value in part.entries().items():
            own.setdefault(key, value)
    node.value = own
