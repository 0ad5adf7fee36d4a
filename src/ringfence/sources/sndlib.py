"""SNDlib networks, as XML and in SNDlib's native text format, version 1.0.

SNDlib (Orlowski, Wessaely, Pioro, Tomaszewski, "SNDlib 1.0 - Survivable Network Design Library",
Networks 55(3), 2010) holds planning problems. What that means for a reader:

- Its links are those that could be built. `preInstalledModule` says what is there already, and
  is a link's capacity; the modules that could be added are none. Whether a link carries one way
  or both is said in another file, so it is not stated.
- Capacities and demands are numbers without a unit, unless `meta/unit` states one (as in the
  measured traffic matrices). A demand takes `demandValue` times `routingUnit` of link capacity,
  so that the one unit is that of both. Where none is stated, neither is known.
- Coordinates are longitude and latitude only where `coordinatesType` says geographical. The native
  format does not say; where one of its coordinates is off the globe, none is taken.
- Nothing in a file names its network, so keys carry the file's name: `sndlib:france/N01`.
- A demand is traffic of all services from one node to another. Several between the same two are
  one row with their sum, since they differ only in how they may be routed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.topology import (
    Layout,
    first_tag,
    head_text,
    name_of,
    said,
    text_of,
    walk_xml,
)

if TYPE_CHECKING:
    from lxml import etree

PREFIX: Final = "sndlib"

_NAMESPACE: Final = "sndlib.zib.de"
_MARK: Final = "?SNDlib native format"
_UNITS_MBPS: Final = {
    "BITPERSEC": 1e-6, "KBITPERSEC": 1e-3, "MBITPERSEC": 1.0, "GBITPERSEC": 1e3, "TBITPERSEC": 1e6,
}  # fmt: skip
_TOKEN = re.compile(r"[()]|[^\s()]+")
_HEADER = re.compile(r"\?SNDlib native format;\s*type:\s*(\w+)\s*;\s*version:\s*([\d.]+)")
_MOST_LINE: Final = 10_000_000


class SndLib:
    """Reads SNDlib network files."""

    kind = "sndlib"
    describes = "SNDlib network files, XML or native"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002 (the contract's parameter)
        """Claim XML of SNDlib's namespace, and text with the header of its native format."""
        text = head_text(head)
        if text.lstrip().startswith(_MARK):
            return Claim(1.0, "it begins with the header of SNDlib's native format")
        tag = first_tag(text)
        if tag is None:
            return Claim(0.0, "it is neither XML nor SNDlib's native format")
        if _NAMESPACE in tag[1]:
            return Claim(1.0, "its first element is of SNDlib's namespace")
        if tag[0] == "network" and "<networkStructure" in text:
            return Claim(0.9, "its first element is a network with SNDlib's networkStructure")
        return Claim(0.0, "its first element is not of SNDlib")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield rows, rejects and counts; raise `SourceError` if it is no SNDlib network."""
        try:
            with path.open("rb") as file:
                head = head_text(file.read(1024))
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}"
            raise SourceError(why, where=str(path)) from None
        is_native = head.lstrip().startswith(_MARK)
        network = _Native(path).network() if is_native else _of_xml(path)
        layout = Layout.of(path, options, PREFIX)
        _Laying(network, layout).lay()
        yield from layout.items()


class _Node(NamedTuple):
    line: int
    id: str | None
    x: str | None
    y: str | None


class _Link(NamedTuple):
    line: int
    id: str | None
    source: str | None
    target: str | None
    capacity: str | None


class _Demand(NamedTuple):
    line: int
    source: str | None
    target: str | None
    value: str | None
    routing_unit: str | None


@dataclass(slots=True)
class _Network:
    """What a file states, before it is judged."""

    is_geographical: bool | None = None
    unit: str | None = None
    nodes: list[_Node] = field(default_factory=list)
    links: list[_Link] = field(default_factory=list)
    demands: list[_Demand] = field(default_factory=list)
    paths: list[int] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)


def _of_xml(path: Path) -> _Network:
    network = _Network()
    is_first, is_network = True, False
    for event, element in walk_xml(path, ("start", "end")):
        name, _ = name_of(element)
        if is_first:
            is_first, is_network = False, name == "network"
        if not is_network:
            raise SourceError(
                f"its first element is {name}, not network",
                where=str(path),
                hint="of the three files of an SNDlib instance only the network says what there is",
            )
        if event == "start":
            if name == "nodes":
                said_type = element.get("coordinatesType")
                network.is_geographical = said_type == "geographical"
            continue
        _take(network, name, element)
    return network


def _take(network: _Network, name: str, element: "etree._Element") -> None:
    line = element.sourceline or 0
    if name == "unit":
        network.unit = text_of(element)
    elif name == "node":
        coordinates = _child(element, "coordinates")
        x, y = (text_of(_child(coordinates, axis)) for axis in ("x", "y"))
        network.nodes.append(_Node(line, said(element.get("id")), x, y))
        element.clear()
    elif name in {"link", "demand"}:
        source, target = (text_of(_child(element, end)) for end in ("source", "target"))
        if name == "link":
            module = _child(element, "preInstalledModule")
            capacity = text_of(_child(module, "capacity"))
            network.links.append(_Link(line, said(element.get("id")), source, target, capacity))
        else:
            value, unit = (text_of(_child(element, n)) for n in ("demandValue", "routingUnit"))
            network.demands.append(_Demand(line, source, target, value, unit))
            paths = _child(element, "admissiblePaths")
            network.paths.extend(p.sourceline or 0 for p in (paths if paths is not None else ()))
        element.clear()


def _child(element: "etree._Element | None", name: str) -> "etree._Element | None":
    if element is None:
        return None
    return next((child for child in element if name_of(child)[0] == name), None)


class _Native:
    """Reads SNDlib's native text: sections of lines, each with its groups in parentheses."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._network = _Network()

    def network(self) -> _Network:
        """The network that the file states."""
        section: str | None = None
        waits_for_end = False
        try:
            with self._path.open(encoding="utf-8-sig", errors="replace") as file:
                line = 0
                while text := file.readline(_MOST_LINE):
                    line += 1
                    if line == 1:
                        self._check_header(text)
                        continue
                    words = _TOKEN.findall(text.partition("#")[0])
                    if not words:
                        continue
                    if section is None and len(words) > 1 and words[1] == "(":
                        section, waits_for_end = words[0], words[-1] != ")"
                        section = section if waits_for_end else None
                    elif words == [")"]:
                        section = None
                    elif section is not None:
                        self._take(section, line, words)
                    else:
                        self._network.broken.append((line, "it stands in no section"))
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}"
            raise SourceError(why, where=str(self._path)) from None
        if section is not None:
            raise SourceError(f"the section {section[:40]} has no end", where=str(self._path))
        return self._network

    def _check_header(self, text: str) -> None:
        header = _HEADER.match(text.strip())
        what = header[1] if header else None
        if what != "network":
            raise SourceError(
                f"it is not SNDlib's network but its {what}" if what else "its header is cut short",
                where=str(self._path),
                hint="of the three files of an SNDlib instance only the network says what there is",
            )

    def _take(self, section: str, line: int, words: list[str]) -> None:
        groups = _grouped(words)
        network = self._network
        match section, groups:
            case "META", _:
                text = " ".join(words).partition("=")
                if text[0].strip().lower() == "unit":
                    network.unit = said(text[2])
            case "NODES", [str(id_)]:
                network.nodes.append(_Node(line, id_, None, None))
            case "NODES", [str(id_), [], *_]:
                network.nodes.append(_Node(line, id_, None, None))
            case "NODES", [str(id_), [x, y], *_]:
                network.nodes.append(_Node(line, id_, x, y))
            case "LINKS", [str(id_), [source, target], str(capacity), *_]:
                network.links.append(_Link(line, id_, source, target, capacity))
            case "LINKS", [str(id_), [source, target]]:
                network.links.append(_Link(line, id_, source, target, None))
            case "DEMANDS", [str(), [source, target], str(unit), str(value), *_]:
                network.demands.append(_Demand(line, source, target, value, unit))
            case "ADMISSIBLE_PATHS", _:
                network.paths.append(line)
            case _:
                network.broken.append((line, f"it is no line of the section {section[:40]}"))


def _grouped(words: list[str]) -> list[str | list[str]]:
    """Words, with those between parentheses together; parentheses within them are left out."""
    found: list[str | list[str]] = []
    depth = 0
    for word in words:
        if word == "(":
            depth += 1
            if depth == 1:
                found.append([])
        elif word == ")":
            depth = max(0, depth - 1)
        elif depth == 0:
            found.append(word)
        else:
            group = found[-1]
            if isinstance(group, list):
                group.append(word)
    return found


@dataclass(slots=True)
class _Laying:
    """Lays a network out."""

    network: _Network
    layout: Layout
    _mbps: float | None = None
    _kept: set[str] = field(default_factory=set)
    _sums: dict[tuple[str, str], tuple[int, float | None]] = field(default_factory=dict)

    def lay(self) -> None:
        """Lay out nodes, links and demands."""
        network, layout = self.network, self.layout
        unit = network.unit
        self._mbps = _UNITS_MBPS.get(unit.upper()) if unit else None
        is_placed = network.is_geographical
        if is_placed is None:
            is_placed = all(_is_on_globe(node) for node in network.nodes)
        for node in network.nodes:
            self._lay_node(node, is_placed=is_placed)
        seen: set[str] = set()
        for link in network.links:
            self._lay_link(link, seen)
        for demand in network.demands:
            self._lay_demand(demand)
        for (site, to_site), (line, traffic) in self._sums.items():
            layout.row(
                "demand",
                line,
                site=site,
                to_site=to_site,
                kind="transport",
                traffic_mbps=traffic,
            )
        for line in network.paths:
            layout.set_aside(line, "a path that a demand may take has no place in the model")
        for line, reason in network.broken:
            layout.refuse(line, reason)

    def _key(self, *native: str) -> str:
        return self.layout.key(self.layout.stem, *native)

    def _lay_node(self, node: _Node, *, is_placed: bool) -> None:
        layout = self.layout
        if node.id is None or node.id in self._kept:
            why = "another node has its id" if node.id else "the node has no id"
            layout.refuse(node.line, why, "site", node.id)
            return
        self._kept.add(node.id)
        key = self._key(node.id)
        longitude, latitude = node.x if is_placed else None, node.y if is_placed else None
        east = layout.number(longitude, node.line, "longitude", -180, 180)
        north = layout.number(latitude, node.line, "latitude", -90, 90)
        if east is None or north is None:
            east = north = None
        place = node.line
        layout.row("site", place, id=key, name=node.id, longitude_deg=east, latitude_deg=north)
        layout.row("element", place, id=key, name=node.id, site=key)
        layout.keep()

    def _unfit_ends(self, source: str | None, target: str | None) -> str | None:
        if source is None or target is None:
            return "does not name both its ends"
        if source not in self._kept or target not in self._kept:
            return "names a node that is not in the file"
        return None

    def _lay_link(self, link: _Link, seen: set[str]) -> None:
        layout = self.layout
        if link.id is None or link.id in seen:
            why = "another link has its id" if link.id else "the link has no id"
            layout.refuse(link.line, why, "link", link.id)
            return
        if why_not := self._unfit_ends(link.source, link.target):
            layout.refuse(link.line, f"the link {why_not}", "link", link.id)
            return
        seen.add(link.id)
        capacity = layout.number(link.capacity, link.line, "capacity")
        layout.row(
            "link",
            link.line,
            id=self._key("link", link.id),
            source=self._key(link.source or ""),
            target=self._key(link.target or ""),
            capacity_mbps=self._in_mbps(capacity),
        )
        layout.keep()

    def _lay_demand(self, demand: _Demand) -> None:
        layout = self.layout
        if why_not := self._unfit_ends(demand.source, demand.target):
            layout.refuse(demand.line, f"the demand {why_not}", "demand")
            return
        value = layout.number(demand.value, demand.line, "demand's value")
        routing_unit = layout.number(demand.routing_unit or "1", demand.line, "routing unit")
        traffic = None
        if value is not None and routing_unit is not None:
            traffic = self._in_mbps(value * routing_unit)
        pair = self._key(demand.source or ""), self._key(demand.target or "")
        line, so_far = self._sums.get(pair, (demand.line, 0.0))
        total = None if traffic is None or so_far is None else so_far + traffic
        self._sums[pair] = line, total
        layout.keep()

    def _in_mbps(self, value: float | None) -> float | None:
        return None if value is None or self._mbps is None else value * self._mbps


def _is_on_globe(node: _Node) -> bool:
    for text, most in ((node.x, 180.0), (node.y, 90.0)):
        try:
            if text is not None and not -most <= float(text) <= most:
                return False
        except ValueError:
            return False
    return True
