"""What the readers of topologies share: rows laid out by table, records counted, values judged.

Topologies come as XML and JSON that anybody may have written. Entities are not expanded, nothing
is fetched, a name given twice in one object is refused. A value that cannot be used is counted as
a record of its own, so that it is not lost quietly while its record is kept without it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import pyarrow as pa
from lxml import etree

from ringfence.errors import SourceError
from ringfence.network.model import TABLES
from ringfence.sources.base import Batch, Options, Read, Reject

LISTED: Final = 100
"""So many records refused for one reason are listed one by one; the rest are counted together."""

Item: TypeAlias = Batch | Reject | Read

_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?")
_BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_PROLOGUE = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[[^\]]*\]\s*)?>", re.DOTALL)
_TAG = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)([^>]*)")
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(slots=True)
class Layout:
    """The rows, rejects and counts of one file on their way out.

    `name` is the file's name in `origin`; `stem` is that without folders and ending, for formats
    that do not name their network.
    """

    name: str
    prefix: str
    records: int = 0
    kept: int = 0
    _rows: dict[str, dict[str, list[object]]] = field(default_factory=dict)
    _refused: dict[tuple[str, str, str | None], list[tuple[str, str | None]]] = field(
        default_factory=dict
    )

    @classmethod
    def of(cls, path: Path, options: Options, prefix: str) -> "Layout":
        """The layout for a file; `prefix` is the one to use where nobody says otherwise."""
        return cls(options.origin or path.name, options.prefix or prefix)

    @property
    def stem(self) -> str:
        """The file's name without its folders and its ending."""
        last = re.split(r"[/\\]", self.name)[-1]
        return Path(last).stem or last

    def key(self, network: str, *rest: str) -> str:
        """Our key: `prefix:network/rest`. A slash in the network's name is written %2F."""
        quoted = network.replace("%", "%25").replace("/", "%2F")
        return f"{self.prefix}:{'/'.join((quoted, *rest))}"

    def keep(self) -> None:
        """Count a record that became rows, or part of rows."""
        self.records += 1
        self.kept += 1

    def row(self, table: str, place: str | int, **columns: object) -> None:
        """Add a row; columns that are None may be left out or not."""
        rows = self._rows.setdefault(table, {"origin": []})
        origins = rows["origin"]
        for name, value in columns.items():
            if value is not None:
                values = rows.setdefault(name, [])
                values.extend([None] * (len(origins) - len(values)))
                values.append(value)
        origins.append(f"{self.name}:{place}")

    def refuse(
        self, place: str | int, reason: str, table: str | None = None, content: object = None
    ) -> None:
        """Count a record that is wrong."""
        self._note("fault", place, reason, table, content)

    def set_aside(self, place: str | int, reason: str, table: str | None = None) -> None:
        """Count a record that is sound and has no place in the model."""
        self._note("set aside", place, reason, table, None)

    def number(
        self,
        text: str | None,
        place: str | int,
        what: str,
        low: float = 0.0,
        high: float = float("inf"),
    ) -> float | None:
        """The number written, or None where it is not stated or cannot be used, which is counted."""
        if text is None:
            return None
        value = number(text)
        if value is None or not low <= value <= high:
            why = "is no number" if value is None else "is out of its range"
            self.refuse(place, f"the {what} {why}; what it belongs to is kept without", None, text)
            return None
        return value

    def items(self) -> Iterator[Item]:
        """All that was laid out, tables in the model's order."""
        for name in TABLES:
            if rows := self._rows.get(name):
                count = len(rows["origin"])
                columns = {
                    column: pa.array(
                        values + [None] * (count - len(values)), TABLES[name][column].arrow.type
                    )
                    for column, values in rows.items()
                }
                yield Batch(name, pa.table(columns))
        for (kind, reason, table), places in self._refused.items():
            alone = places[:LISTED] if kind == "fault" else []
            for place, content in alone:
                yield Reject(f"{self.name}:{place}", reason, table, kind, content=content)
            if rest := places[len(alone) :]:
                place, content = rest[0]
                count = len(rest)
                yield Reject(f"{self.name}:{place}", reason, table, kind, count, content)
        yield Read(self.records, self.kept)

    def _note(
        self, kind: str, place: str | int, reason: str, table: str | None, content: object
    ) -> None:
        self.records += 1
        quoted = None if content is None else str(content)
        self._refused.setdefault((kind, reason, table), []).append((str(place), quoted))


def number(text: str) -> float | None:
    """The finite decimal number that the whole text is; None where it is none."""
    text = text.strip()
    if len(text) > 64 or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if abs(value) != float("inf") else None


def said(text: str | None) -> str | None:
    """The text without spaces at its ends; None where nothing is left of it."""
    return (text.strip() or None) if text else None


def head_text(head: bytes) -> str:
    """The beginning of a file as text; what cannot be decoded is replaced, never raised."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace")
    return head.decode("utf-8", "replace")


def begins_as_json(text: str) -> bool:
    """Whether a text begins as a JSON object or list."""
    return text.lstrip()[:1] in {"{", "["}


def first_tag(text: str) -> tuple[str, str] | None:
    """The first element's name without prefix, and the rest of its tag; None where there is none."""
    at = 0
    while match := _PROLOGUE.match(text, at):
        at = match.end()
    tag = _TAG.match(text, at)
    return (tag[1], tag[2]) if tag else None


def read_json(path: Path) -> Any:
    """The file as JSON; raises `SourceError` where it is none, or names a thing twice."""

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in found if names.count(name) > 1)
            raise SourceError(f"one object has the name {twice[:80]!r} twice", where=str(path))
        return found

    def no_number(text: str) -> None:
        raise SourceError(f"{text} is no number of JSON", where=str(path))

    text = _decoded(path)
    try:
        found = json.loads(text, object_pairs_hook=object_of, parse_constant=no_number)
        if _HALF_CHARACTER.search(text):
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SourceError("it holds half a character (a lone surrogate)", where=str(path)) from None
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}"
        raise SourceError(f"it is no JSON: {error.msg}", where=place) from None
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise SourceError(f"it is no JSON that can be read: {why}", where=str(path)) from None
    return found


def _decoded(path: Path) -> str:
    try:
        raw = path.read_bytes()
        for mark, encoding in _BYTE_ORDER_MARKS:
            if raw.startswith(mark):
                return raw[len(mark) :].decode(encoding)
        return raw.decode(json.detect_encoding(raw))
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise SourceError(f"it is no text: {error.reason}", where=str(path)) from None


def walk_xml(
    path: Path, events: Sequence[Literal["start", "end"]]
) -> Iterator[tuple[str, "etree._Element"]]:
    """Go through an XML file; raises `SourceError` where it is not well formed.

    Who walks a long file clears each element when done with it. A file that declares entities is
    refused: they are how a small file is made to fill a memory, or to name another file.
    """
    try:
        with path.open("rb") as file:
            walk = etree.iterparse(
                file,
                events=tuple(events),
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                remove_comments=True,
                remove_pis=True,
            )
            is_first = True
            for event, element in walk:
                if is_first:
                    is_first = False
                    dtd = element.getroottree().docinfo.internalDTD
                    if dtd is not None and any(True for _ in dtd.iterentities()):
                        why = "it declares entities, which are not read"
                        raise SourceError(why, where=str(path))
                yield str(event), element
    except etree.LxmlError as error:
        line = getattr(error, "lineno", None)
        where = f"{path}:{line}" if line else str(path)
        why = " ".join(str(getattr(error, "msg", None) or error).split())
        raise SourceError(f"it is no well-formed XML: {why}", where=where) from None
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", where=str(path)) from None


def name_of(element: "etree._Element") -> tuple[str, str | None]:
    """An element's name without its namespace, and the namespace."""
    tag = element.tag
    if not isinstance(tag, str):
        return "", None
    space, _, local = tag.rpartition("}")
    return local, space[1:] or None


def text_of(element: "etree._Element | None") -> str | None:
    """What an element says, without spaces at its ends; None where it says nothing."""
    if element is None:
        return None
    if any(not isinstance(child.tag, str) for child in element):
        raise SourceError("a text names an entity that is not declared", where=str(element.base))
    return said(element.text)
