"""Data of a YANG model in JSON (RFC 7951) or XML (RFC 7950), read in one way.

A member is asked for by its name and the modules it may be of. It is found under the module's name
or namespace, and without one: exports leave prefixes out where the standard asks for them. Under
another module's it is another thing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ringfence.sources.topology import name_of, read_json, said, text_of, walk_xml

if TYPE_CHECKING:
    from lxml import etree

_DEEPEST: Final = 8
"""Wrappers of replies, instance data and controllers are not nested deeper."""

_NAMESPACES: Final = {
    "org-openroadm-common-network": ("http://org/openroadm/common/network",),
    "org-openroadm-network": ("http://org/openroadm/network",),
    "org-openroadm-network-topology": ("http://org/openroadm/network/topology",),
    "org-openroadm-clli-network": ("http://org/openroadm/clli/network",),
}
_IETF: Final = "urn:ietf:params:xml:ns:yang:"


class Container(Protocol):
    """A container or list entry; `place` is where it stands in its file."""

    @property
    def place(self) -> str:
        """Where it stands in its file: a line, or a path."""
        ...

    def each(self, name: str, *modules: str) -> Iterator["Container"]:
        """The containers or list entries of a name, in order."""
        ...

    def words(self, name: str, *modules: str) -> list[str]:
        """The values of a leaf or leaf-list, in order; those that state nothing left out."""
        ...

    def modules(self) -> set[str]:
        """The modules whose members it holds, as far as they are written."""
        ...

    def named(self, name: str) -> Iterator["Container"]:
        """All containers of a name, of whatever module, outermost first; not those within one."""
        ...

    def others(self, name: str) -> list[tuple[str, str]]:
        """At the top: the names and places of what stands beside the path to a name."""
        ...


def first(container: Container, name: str, *modules: str) -> Container | None:
    """The first container of a name."""
    return next(container.each(name, *modules), None)


def down(container: Container | None, *steps: tuple[str, str]) -> Container | None:
    """The container at the end of steps, each a name and its module."""
    for name, module in steps:
        if container is None:
            return None
        container = first(container, name, module)
    return container


def word(container: Container | None, name: str, *modules: str) -> str | None:
    """A leaf's value; None where it is not stated."""
    return next(iter(container.words(name, *modules)), None) if container is not None else None


@dataclass(frozen=True, slots=True)
class JsonContainer:
    """A JSON object."""

    value: Mapping[str, Any]
    place: str

    def each(self, name: str, *modules: str) -> Iterator[Container]:
        """See `Container`."""
        for written, value in self._members(name, modules):
            path = f"{self.place}.{written}"
            if isinstance(value, dict):
                yield JsonContainer(value, path)
            elif isinstance(value, list):
                for index, entry in enumerate(value):
                    # What is no object is still an entry, which states nothing.
                    held = entry if isinstance(entry, dict) else {}
                    yield JsonContainer(held, f"{path}[{index}]")

    def words(self, name: str, *modules: str) -> list[str]:
        """See `Container`."""
        values = [value for _, value in self._members(name, modules)]
        entries = [e for value in values for e in (value if isinstance(value, list) else [value])]
        texts = (_text(entry) for entry in entries)
        return [text for text in texts if text is not None]

    def modules(self) -> set[str]:
        """See `Container`."""
        return {name.partition(":")[0] for name in self.value if ":" in name}

    def named(self, name: str) -> Iterator[Container]:
        """See `Container`."""
        yield from self._named(name, _DEEPEST)

    def others(self, name: str) -> list[tuple[str, str]]:
        """See `Container`."""
        return [
            (key, f"{self.place}.{key}")
            for key, value in self.value.items()
            if isinstance(value, dict | list) and not _leads_to(key, value, name, self.place)
        ]

    def _members(self, name: str, modules: tuple[str, ...]) -> list[tuple[str, Any]]:
        value = self.value
        return [(w, value[w]) for w in _as_written(name, modules) if w in value]

    def _named(self, name: str, deepest: int) -> Iterator[Container]:
        for key, value in self.value.items():
            entries = value if isinstance(value, list) else [value]
            for index, entry in enumerate(entries):
                if not isinstance(entry, dict):
                    continue
                at = f"[{index}]" if isinstance(value, list) else ""
                found = JsonContainer(entry, f"{self.place}.{key}{at}")
                if key.rpartition(":")[2] == name:
                    yield found
                elif deepest:
                    yield from found._named(name, deepest - 1)


@cache
def _as_written(name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
    return *(f"{module}:{name}" for module in modules), name


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return said(str(value))


def _leads_to(key: str, value: Any, name: str, place: str) -> bool:
    return any(True for _ in JsonContainer({key: value}, place).named(name))


@dataclass(frozen=True, slots=True)
class XmlContainer:
    """An XML element."""

    element: "etree._Element"

    @property
    def place(self) -> str:
        """See `Container`."""
        return str(self.element.sourceline or 0)

    def each(self, name: str, *modules: str) -> Iterator[Container]:
        """See `Container`."""
        for child in self._members(name, modules):
            yield XmlContainer(child)

    def words(self, name: str, *modules: str) -> list[str]:
        """See `Container`."""
        found = (text_of(child) for child in self._members(name, modules) if not len(child))
        return [text for text in found if text is not None]

    def modules(self) -> set[str]:
        """See `Container`."""
        spaces = {name_of(child)[1] or "" for child in self.element}
        ours = {m for m, known in _NAMESPACES.items() if spaces & set(known)}
        return ours | {s.removeprefix(_IETF) for s in spaces if s.startswith(_IETF)}

    def named(self, name: str) -> Iterator[Container]:
        """See `Container`."""
        for element in self.element.iter(f"{{*}}{name}"):
            if not any(name_of(above)[0] == name for above in element.iterancestors()):
                yield XmlContainer(element)

    def others(self, name: str) -> list[tuple[str, str]]:
        """See `Container`."""
        if name_of(self.element)[0] in {name, f"{name}s"}:
            return []
        return [
            (name_of(child)[0], str(child.sourceline or 0))
            for child in self.element
            if len(child) and next(child.iter(f"{{*}}{name}"), None) is None
        ]

    def _members(self, name: str, modules: tuple[str, ...]) -> Iterator["etree._Element"]:
        spaces: set[str | None] = {None, name_of(self.element)[1]}
        for module in modules:
            spaces.update(_NAMESPACES.get(module, (f"{_IETF}{module}",)))
        for child in self.element:
            local, space = name_of(child)
            if local == name and space in spaces:
                yield child


def read_yang_json(path: Path) -> Container:
    """A JSON file's data; raises `SourceError` where it is no JSON."""
    document = read_json(path)
    if isinstance(document, list):
        document = {"": document}
    return JsonContainer(document if isinstance(document, dict) else {}, "$")


def read_yang_xml(path: Path) -> Container:
    """An XML file's data; raises `SourceError` where it is no well-formed XML."""
    root = None
    for _, element in walk_xml(path, ("end",)):
        root = element
    if root is None:
        return JsonContainer({}, "0")
    return XmlContainer(root)
