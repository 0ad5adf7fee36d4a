"""Managed objects in XML, read in bounded memory.

A file of bulk configuration can be larger than memory, and most of it is attributes of cells that
become no rows. So the parser builds its tree piece by piece, and after each piece what is finished
is looked at from above, object by object, and cut off; Python never touches the insides of what it
does not need, which is why this is quicker than going through all elements.

Objects are written in two ways: with the identifier as an attribute (`<ManagedElement id="1">`, the
schemas of TS 28.623 and the 32-series before it), or as a child (`<id>1</id>`, the YANG modules).
Either way an object's own values lie in `attributes`, and all else in it are objects.

Only finished parts are cut off, and never the last child of an open one: the parser still writes
to it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from lxml import etree

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Options, Read, Reject
from ringfence.sources.grids import decode_head, readable
from ringfence.sources.managed_classes import (
    ATTRIBUTES,
    VENDOR_CONTAINER,
    is_of_interest,
)
from ringfence.sources.managed_objects import (
    ManagedObjects,
    Name,
    Value,
    parse_name,
    text_of,
    written,
)

_PIECE_BYTES: Final = 512 * 1024
_MARKLESS_BYTES: Final = 16 * 1024**2
"""A text or a tag of more bytes is an attack; the parser would hold it whole."""

_NAMES_KEPT: Final = 100_000
_LINES_KEPT: Final = 65_535
_DEPTH: Final = 32
_OF_CONTAINERS: Final = frozenset(("vsdatatype", "vsdataformatversion"))
_OPEN_PARTS: Final = 200_000
"""So many parts of one value, not yet at its end, are an attack too."""

_ROOT: Final = re.compile(r"<((?:[\w.-]+:)?([A-Za-z_][\w.-]*))((?:\s[^<>]*)?)/?>")
_SKIPPED: Final = re.compile(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL)
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"

WRAPPERS: Final = frozenset(
    ("bulkcmconfigdatafile", "configdata", "data", "rpc-reply", "config", "mns", "top")
)
"""Elements around the outermost objects, in small letters."""


def root_of(head: bytes) -> tuple[str, str] | None:
    """The name of the outermost element and what stands in its tag; None where it is no XML."""
    text = text_of_head(head).lstrip("\ufeff \t\r\n")
    if not text.startswith("<"):
        return None
    found = _ROOT.match(_SKIPPED.sub("", text).lstrip())
    return (found[2], found[3]) if found else None


def text_of_head(head: bytes) -> str:
    """The first bytes of a file as text, in what encoding they seem to be."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head[2:].decode(encoding, "replace")
    if head[:2] == b"<\0":
        return head.decode("utf-16-le", "replace")
    if head[:2] == b"\0<":
        return head.decode("utf-16-be", "replace")
    return decode_head(head, "utf-8")


_SAFE: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
"""No entity, no other file, and the parser's own limits of depth (256) and of the length of a text."""

_MODIFIERS: Final = frozenset(("create", "delete", "update"))
"""What TS 28.623 lets `modifier` say; without it an object is stated as it is."""


class _Is(Enum):
    """What an element is, which depends on what it lies in."""

    WRAPPER = 0
    OBJECT = 1
    ATTRIBUTES = 2
    VALUE = 3
    OTHER = 4


@dataclass(slots=True)
class _Open:
    """An element that may still grow, or is being gone through.

    `name` is the whole name of the object, or of the one it lies in; None where it cannot be told.
    """

    element: Any
    is_a: _Is
    name: Name | None = None
    class_name: str = ""
    is_wanted: bool = False
    is_planned: bool = False
    is_container: bool = False
    line: int = 0
    values: dict[str, Value] = field(default_factory=dict)
    owner: "_Open | None" = None
    child: "_Open | None" = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An object, whole. `name` is None where it or one around it has no identifier.

    `is_planned` marks what the file wants changed, which is no fact of the network.
    """

    class_name: str
    name: Name | None
    values: Mapping[str, Value]
    line: int
    is_planned: bool


@dataclass(slots=True)
class ObjectFile:
    """One file, and who is told of what is in it.

    `on_object` gets each object that may give rows, or that is at fault, once it is whole, so
    children before their parents. `on_rest` gets the others by class at the end: its name, how
    many there are and the line of the first. `on_other` gets an element beside the outermost
    objects: its name, attributes and line.
    """

    path: Path
    on_object: Callable[[Seen], None]
    on_rest: Callable[[str, int, int], None]
    on_other: Callable[[str, Mapping[str, str], int], None]
    _names: dict[str, tuple[str, str]] = field(default_factory=dict)
    _plain_tags: dict[str, str] = field(default_factory=dict)
    _rest: dict[str, list[int]] = field(default_factory=dict)

    def read(self) -> None:
        """Go through the file; raises `SourceError` where it is not well formed or not whole."""
        with readable(self.path), self.path.open("rb") as file:
            try:
                self._read(iter(lambda: file.read(_PIECE_BYTES), b""))
            except etree.XMLSyntaxError as error:
                raise SourceError(
                    f"the XML is not well formed, or cut short: {error.msg}",
                    where=f"{self.path}:{error.lineno or 1}",
                    hint="export it again and let it finish",
                ) from error
            except (LookupError, ValueError, RecursionError) as error:
                raise SourceError(
                    f"the XML cannot be read: {error}", where=str(self.path)
                ) from error

    def _read(self, pieces: Iterator[bytes]) -> None:
        parser, start = self._parser(pieces)
        root = self._fed(parser, start, None)
        markless = 0
        for piece in pieces:
            at = piece.rfind(b">")
            markless = len(piece) - at if at >= 0 else markless + len(piece)
            if markless > _MARKLESS_BYTES:
                raise SourceError("a text or a tag has no end", where=str(self.path))
            root = self._fed(parser, piece, root)
        parser.close()
        if root is not None:
            self._finish(root)
        for name, (rows, line) in self._rest.items():
            self.on_rest(name, rows, line)

    def _parser(self, pieces: Iterator[bytes]) -> tuple[Any, bytes]:
        """A parser that tells of the outermost element, and what was read to know its tag."""
        start = b""
        for piece in pieces:
            start += piece
            probe = etree.XMLPullParser(events=("start",), **_SAFE)
            probe.feed(start)
            for _, element in probe.read_events():
                tag = str(element.tag)
                return etree.XMLPullParser(events=("start",), tag=tag, **_SAFE), start
            if len(start) > _MARKLESS_BYTES:
                break
        raise SourceError("the file holds no XML element", where=str(self.path))

    def _fed(self, parser: Any, piece: bytes, root: _Open | None) -> _Open | None:
        parser.feed(piece)
        for _, element in parser.read_events():
            root = root or self._outermost(element)
        if root is not None:
            self._sweep(root)
        return root

    def _outermost(self, element: Any) -> _Open:
        document = element.getroottree().docinfo.internalDTD
        if document is not None and any(True for _ in document.iterentities()):
            raise SourceError("the file declares XML entities", where=str(self.path))
        return self._opened(element, _Open(None, _Is.WRAPPER, ()))

    def _local(self, tag: object) -> tuple[str, str]:
        """A tag's name without its namespace, as written and in small letters."""
        found = self._names.get(tag) if isinstance(tag, str) else ("", "")
        if found is None:
            name = str(tag).rpartition("}")[2]
            found = (name, name.lower())
            if len(self._names) < _NAMES_KEPT:
                self._names[str(tag)] = found
        return found

    def _sweep(self, root: _Open) -> None:
        """Look at what is finished, from the outermost element down along the open ones."""
        here = root
        while True:
            element = here.element
            # What nobody asks for is cut off unseen.
            children = list(element if self._is_asked_for(here) else element[-1:])
            if here.is_a is _Is.VALUE and len(children) > _OPEN_PARTS:
                raise SourceError("a value has too many parts", where=str(self.path))
            if not children or here.is_a is _Is.VALUE:
                return
            last = children.pop()
            if here.is_a is _Is.OBJECT and here.name is None:
                self._identify(here, children)
            self._take_all(children, here)
            if len(element) > 1:
                del element[:-1]
            if here.child is None or here.child.element is not last:
                here.child = self._opened(last, here)
            here = here.child

    def _opened(self, element: Any, parent: _Open) -> _Open:
        """What an element is, by what it lies in."""
        name, small = self._local(element.tag)
        match parent.is_a:
            case _Is.WRAPPER if small in WRAPPERS:
                prefix = parse_name(element.get("dnPrefix") or "")
                opened = _Open(element, _Is.WRAPPER, prefix or parent.name)
            case _Is.OBJECT if small == "attributes":
                opened = _Open(element, _Is.ATTRIBUTES, owner=parent)
            case _Is.OBJECT if small == "id":
                opened = _Open(element, _Is.VALUE)
            case _Is.OBJECT:
                opened = self._object(element, name, parent)
            case _Is.WRAPPER if name[:1].isupper() or element.get("id") is not None:
                opened = self._object(element, name, parent)
            case _Is.ATTRIBUTES if small.startswith("vsdata") and small not in _OF_CONTAINERS:
                opened = _Open(element, _Is.ATTRIBUTES, owner=parent.owner)
            case _Is.ATTRIBUTES:
                opened = _Open(element, _Is.VALUE)
            case _:
                opened = _Open(element, _Is.OTHER)
        return opened

    def _object(self, element: Any, name: str, parent: _Open) -> _Open:
        opened = _Open(element, _Is.OBJECT, None, name, owner=parent)
        opened.is_planned = parent.is_planned or element.get("modifier") in _MODIFIERS
        opened.is_container = name.lower() == VENDOR_CONTAINER
        opened.is_wanted = is_of_interest(name)
        if opened.is_wanted or opened.is_container:
            opened.line = _line_of(element)
        identifier = element.get("id")
        if identifier is not None:
            self._name(opened, identifier)
        return opened

    def _name(self, opened: _Open, identifier: str | None) -> None:
        around = opened.owner.name if opened.owner is not None else ()
        text = (identifier or "").strip()
        if around is not None and text:
            opened.name = (*around, (opened.class_name, text))

    def _identify(self, opened: _Open, children: Sequence[Any]) -> None:
        for child in children:
            if self._local(child.tag)[1] == "id":
                self._name(opened, child.text)
                return

    @staticmethod
    def _is_asked_for(here: _Open) -> bool:
        """Whether anything in an element may be of interest, or must be counted."""
        if here.is_a is _Is.ATTRIBUTES:
            owner = here.owner
            return owner is not None and (owner.is_wanted or owner.is_container)
        return here.is_a is not _Is.OTHER

    def _take_all(self, children: Sequence[Any], here: _Open) -> None:
        """Look at finished children, the plain ones among them in the shortest way."""
        is_counted = here.is_a is _Is.OBJECT and here.name is not None and not here.is_planned
        open_one = here.child.element if here.child is not None else None
        for child in children:
            if is_counted and child is not open_one and self._is_plain(child):
                continue
            self._take(child, here)

    def _take(self, element: Any, parent: _Open) -> None:
        """Look at a finished child."""
        known = parent.child
        if known is not None and known.element is element:
            parent.child = None
        else:
            known = self._opened(element, parent)
        if known.is_a is not _Is.VALUE:
            self._finish(known, beside=parent.is_a is _Is.WRAPPER)
        elif parent.is_a is _Is.ATTRIBUTES and parent.owner is not None:
            self._value(element, parent.owner)

    def _is_plain(self, element: Any) -> bool:
        """Whether it was an object of no interest that holds none, as most are; it is counted."""
        size = len(element)
        if size > 1 or not element.get("id", "").strip() or element.get("modifier") is not None:
            return False
        kind: str | None = self._plain_tags.get(element.tag)
        if kind is None:
            kind = self._plain_kind(element)
        if size and self._local(element[0].tag)[1] != "attributes":
            return False
        if kind == VENDOR_CONTAINER:
            first: Any = next(iter(element[0]), None) if size else None
            is_type = first is not None and self._local(first.tag)[1] == "vsdatatype"
            kind = text_of(first.text) if is_type else None
            kind = None if kind is None or is_of_interest(kind) else kind
        if kind:
            self._count(kind, element)
        return bool(kind)

    def _plain_kind(self, element: Any) -> str:
        """The class of a tag whose objects give no rows; empty where they may."""
        name, small = self._local(element.tag)
        if small == VENDOR_CONTAINER:
            kind = VENDOR_CONTAINER
        else:
            kind = "" if small in ("attributes", "id") or is_of_interest(name) else name
        if len(self._plain_tags) < _NAMES_KEPT:
            self._plain_tags[element.tag] = kind
        return kind

    def _count(self, class_name: str, element: Any) -> None:
        known = self._rest.get(class_name)
        if known is not None:
            known[0] += 1
        elif len(self._rest) < _NAMES_KEPT:
            self._rest[class_name] = [1, _line_of(element)]
        else:
            self._rest.setdefault("one of many more classes", [0, _line_of(element)])[0] += 1

    def _finish(self, here: _Open, *, beside: bool = False) -> None:
        """Go through what is left of a finished element, and report it if it is an object."""
        element = here.element
        if here.is_a is _Is.OBJECT:
            children = list(element)
            if here.name is None:
                self._identify(here, children)
            self._take_all(children, here)
            self._report(here)
        elif here.is_a is _Is.WRAPPER:
            for child in element:
                self._take(child, here)
        elif here.is_a is _Is.ATTRIBUTES:
            for child in element:
                if not self._is_asked_for(here):
                    break
                self._take(child, here)
        elif beside:
            self.on_other(self._local(element.tag)[0], dict(element.attrib), _line_of(element))

    def _value(self, element: Any, owner: _Open) -> None:
        _, small = self._local(element.tag)
        if owner.is_container and small == "vsdatatype":
            self._classify(owner, text_of(element.text))
        elif owner.is_wanted and small in ATTRIBUTES:
            value = _value_of(element, 0)
            known = owner.values.get(small)
            if small in owner.values:
                owner.values[small] = [*known, value] if isinstance(known, list) else [known, value]
            else:
                owner.values[small] = value
            if small == "dnprefix" and owner.owner is not None and owner.owner.name == ():
                prefix = parse_name(text_of(value) or "")
                if prefix is not None and owner.name is not None:
                    owner.name = (*prefix, *owner.name)

    def _classify(self, container: _Open, type_: str | None) -> None:
        """A container of a maker's data is of the class that its type names."""
        if type_ is None:
            return
        container.class_name = type_
        container.is_container = False
        container.is_wanted = type_.lower().startswith("vsdata") and is_of_interest(type_)
        if container.name is not None:
            container.name = (*container.name[:-1], (type_, container.name[-1][1]))

    def _report(self, here: _Open) -> None:
        if here.is_wanted or here.is_planned or here.name is None:
            line = here.line or _line_of(here.element)
            self.on_object(Seen(here.class_name, here.name, here.values, line, here.is_planned))
        else:
            self._count(here.class_name, here.element)


def _line_of(element: Any) -> int:
    """The line of an element's tag.

    libxml2 keeps 16 bits of it. From line 65,535 on it answers with the line of a text nearby: the
    first in the element, or else the one after it, or else the one before it, at the text's end.
    """
    line = int(element.sourceline or 1)
    if line < _LINES_KEPT:
        return line
    node = element
    while not node.text and len(node):
        node = node[0]
    return line - (node.text or node.tail or "").count("\n")


def _value_of(element: Any, depth: int) -> Value:
    """Text, or the parts by name; parts of one name are a list."""
    if element.get(_NIL) in ("true", "1"):
        return None
    if len(element) == 0 or depth > _DEPTH:
        text: str | None = element.text
        return text
    parts: dict[str, Any] = {}
    for child in element:
        name = str(child.tag).rpartition("}")[2]
        value = _value_of(child, depth + 1)
        if name not in parts:
            parts[name] = value
        elif isinstance(parts[name], list):
            parts[name].append(value)
        else:
            parts[name] = [parts[name], value]
    return parts


class XmlReading:
    """What one file of managed objects in XML says; it is read when this is made."""

    def __init__(self, path: Path, options: Options, kind: str) -> None:
        self.file = options.origin or path.name
        self.objects = ManagedObjects(options.prefix or kind)
        self.holds_any = False
        self._head: tuple[Mapping[str, str], int] | None = None
        ObjectFile(path, self._on_object, self._on_rest, self._on_other).read()

    def _on_object(self, seen: Seen) -> None:
        self.holds_any = True
        place = self._place(seen.line, seen.name)
        if seen.is_planned:
            self.objects.set_aside("a change that the file asks for (modifier), no fact", place)
        elif seen.name is None:
            self.objects.fault(f"{seen.class_name} has no identifier, or lies in such", place)
        else:
            self.objects.add(seen.name, seen.values, place)

    def _on_rest(self, name: str, rows: int, line: int) -> None:
        self.holds_any = True
        self.objects.unplaced(name, self._place(line, None), rows)

    def _on_other(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        if name.lower() == "fileheader":
            self.holds_any = True
            self._head = (attributes, line)
        elif name.lower() != "filefooter":
            self.objects.set_aside(f"{name} is no managed object", self._place(line, None))

    def results(self) -> Iterator[Batch | Reject | Read]:
        """All rows and rejects."""
        if self._head is not None:
            self._sender(*self._head)
        yield from self.objects.results()

    def _sender(self, attributes: Mapping[str, str], line: int) -> None:
        name = parse_name(attributes.get("senderName", ""))
        vendor = text_of(attributes.get("vendorName"))
        place = f"{self.file}:{line}"
        if name is not None and self.objects.states_manager(name):
            self.objects.sender(name, vendor, place)
        elif vendor is not None:
            self.objects.set_aside(
                "the head's vendorName is the maker of what wrote the file, and of no element",
                place,
            )

    def _place(self, line: int, name: Name | None) -> str:
        """A file in one line is told apart by names."""
        if line == 1 and name is not None:
            return f"{self.file}:{written(name)}"
        return f"{self.file}:{line}"
