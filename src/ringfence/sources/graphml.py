"""GraphML: the networks of the Internet Topology Zoo, and the graphs of other tools.

GraphML 1.0 (graphml.graphdrawing.org) says what a node and an edge is and leaves all else to keys
that each file declares. Read are the keys of the Topology Zoo (Knight et al., "The Internet
Topology Zoo", IEEE JSAC 29(9), 2011), the labels that yEd draws, and keys of any tool whose name
leaves no doubt: latitude and longitude, capacity and length with their unit in the name. The `x`
and `y` of a drawing are no coordinates.

Choices:

- The Zoo's `Network` names 16 snapshots of one network alike and its nodes are numbered anew in
  each, so keys carry the graph's `label` (`Garr199901`), which is that of one snapshot; else
  `Network`, the graph's own id where the file has several graphs, else the file's name.
- A node is an element. It has a site of its own where a place is stated, and in a Zoo network
  where it is one of the network's own points of presence: not where the Zoo marks it as outside
  (`Internal` 0), nor as a helper that stands for a link of many ends (`hyperedge`). Nodes of one
  label stay apart.
- An edge without an id has its place among the edges of its pair in its key, in the file's order.
- Links with the `LinkStatus` Planned, Proposed or Future are not there, and are set aside.
- The Zoo's `LinkSpeedRaw` is a capacity unless the label says that it is a bound (`less than
  100 Mbps`). Where it is absent, a label that is nothing but a rate (`2x10Gb/s`) is read.
- Graphs within nodes are read as if they stood outside; the groups that yEd draws around nodes,
  and edges of more than two ends, are set aside.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.topology import Layout, first_tag, head_text, name_of, said, walk_xml

if TYPE_CHECKING:
    from lxml import etree

PREFIX: Final = "graphml"
ZOO_PREFIX: Final = "topology-zoo"

_NAMESPACE: Final = "graphml.graphdrawing.org"
_LATITUDE: Final = ("latitude", "lat")
_LONGITUDE: Final = ("longitude", "lon", "lng", "long")
_NAME: Final = ("label", "name")
_MBPS: Final = {"bps": 1e-6, "kbps": 1e-3, "mbps": 1.0, "gbps": 1e3, "tbps": 1e6}
_KM: Final = {"m": 1e-3, "km": 1.0}
_CAPACITY = re.compile(r"(?:link)?[_ ]?(?:capacity|bandwidth|speed)[_ ]?\(?([kmgt]?bps)\)?")
_LENGTH = re.compile(r"(?:link)?[_ ]?(?:length|distance|dist)[_ ]?\(?(k?m)\)?")
_RATE = re.compile(
    r"(?:(\d+)\s*[x*]\s*)?(\d+(?:\.\d+)?)\s*([GM])(?:b|bit)?(?:ps|/s)(?:\s+DS-3)?", re.IGNORECASE
)
_BOUND = re.compile(r"[<>]|less than|up to|more|below|above|\d\s*[-/]\s*\d", re.IGNORECASE)
_MEDIA: Final = (
    (re.compile(r"fib(?:er|re)", re.IGNORECASE), "fibre"),
    (re.compile(r"microwave", re.IGNORECASE), "microwave"),
    (re.compile(r"satellite", re.IGNORECASE), "satellite"),
)
_NOT_THERE_YET: Final = frozenset({"planned", "proposed", "future"})
_NO_ID: Final = "has no id"


class GraphMl:
    """Reads GraphML files."""

    kind = "graphml"
    describes = "GraphML: the Internet Topology Zoo, yEd and other tools"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002 (the contract's parameter)
        """Claim XML whose first element is `graphml`."""
        tag = first_tag(head_text(head))
        if tag is None or tag[0] != "graphml":
            return Claim(0.0, "its first element is not graphml")
        if _NAMESPACE in tag[1]:
            return Claim(1.0, "its first element is graphml, of GraphML's namespace")
        return Claim(0.9, "its first element is graphml")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield rows, rejects and counts; raise `SourceError` if it is no GraphML."""
        document = _Document()
        for event, element in walk_xml(path, ("start", "end")):
            document.take(event, element)
        if not document.is_graphml:
            raise SourceError("its first element is not graphml", where=str(path))
        layout = Layout.of(path, options, ZOO_PREFIX if document.is_zoo else PREFIX)
        for graph in document.graphs:
            _Laying(graph, document, layout, len(document.graphs) > 1).lay()
        yield from layout.items()


class _Key(NamedTuple):
    """What a file declares about one of its data keys."""

    of: str
    name: str
    default: str | None


class _Node(NamedTuple):
    line: int
    id: str | None
    data: Mapping[str, str]
    is_group: bool


class _Edge(NamedTuple):
    line: int
    id: str | None
    source: str | None
    target: str | None
    directed: str | None
    data: Mapping[str, str]


@dataclass(slots=True)
class _Graph:
    """One graph of the file; what stands in graphs within it is in it."""

    id: str | None
    is_directed: bool
    data: dict[str, str] = field(default_factory=dict)
    nodes: list[_Node] = field(default_factory=list)
    edges: list[_Edge] = field(default_factory=list)
    hyperedges: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Document:
    """The file as it is walked: keys may be declared after what uses them, so data wait."""

    is_graphml: bool = False
    keys: dict[str, _Key] = field(default_factory=dict)
    graphs: list[_Graph] = field(default_factory=list)
    _depth: int = 0
    _graphs_open: int = 0

    @property
    def is_zoo(self) -> bool:
        """Whether the keys are those that the Zoo's toolset writes."""
        named = {(key.of, key.name) for key in self.keys.values()}
        return {("graph", "Network"), ("graph", "ToolsetVersion"), ("node", "Internal")} <= named

    def take(self, event: str, element: "etree._Element") -> None:
        """Take one step of the walk."""
        name, _ = name_of(element)
        if event == "start":
            self._depth += 1
            if self._depth == 1:
                self.is_graphml = name == "graphml"
            elif name == "graph":
                self._open(element)
            return
        self._depth -= 1
        if not self.is_graphml:
            element.clear()
        elif name == "key":
            self._declare(element)
        elif name == "graph":
            self._close(element)
        elif self._graphs_open and name in {"node", "edge", "hyperedge"}:
            self._keep(name, element)
            element.clear()

    def _open(self, element: "etree._Element") -> None:
        self._graphs_open += 1
        if self._graphs_open == 1:
            self.graphs.append(
                _Graph(said(element.get("id")), element.get("edgedefault") == "directed")
            )

    def _close(self, element: "etree._Element") -> None:
        self._graphs_open -= 1
        if self._graphs_open == 0:
            self.graphs[-1].data = _data(element)

    def _declare(self, element: "etree._Element") -> None:
        key, name = element.get("id"), said(element.get("attr.name"))
        if key is None:
            return
        if name is None and element.get("yfiles.type") in {"nodegraphics", "edgegraphics"}:
            name = _NAME[0]
        default = next((c.text for c in element if name_of(c)[0] == "default"), None)
        if name is not None:
            self.keys[key] = _Key(element.get("for") or "all", name, said(default))

    def _keep(self, name: str, element: "etree._Element") -> None:
        graph = self.graphs[-1]
        line = element.sourceline or 0
        if name == "node":
            has_graph = any(name_of(child)[0] == "graph" for child in element)
            is_group = has_graph and element.get("yfiles.foldertype") is not None
            graph.nodes.append(_Node(line, said(element.get("id")), _data(element), is_group))
        elif name == "edge":
            ends = said(element.get("source")), said(element.get("target"))
            directed = element.get("directed")
            graph.edges.append(
                _Edge(line, said(element.get("id")), *ends, directed, _data(element))
            )
        else:
            graph.hyperedges.append(line)


def _data(element: "etree._Element") -> dict[str, str]:
    """What the data of an element say, by key; drawings by the text of their first label."""
    found: dict[str, str] = {}
    for child in element:
        key = child.get("key")
        if name_of(child)[0] != "data" or key is None:
            continue
        text = said(child.text)
        if text is None:
            labels = (d for d in child.iter() if name_of(d)[0] in {"NodeLabel", "EdgeLabel"})
            text = next((words for d in labels if (words := said(d.text))), None)
        if text is not None:
            found.setdefault(key, text)
    return found


@dataclass(slots=True)
class _Laying:
    """Lays one graph out."""

    graph: _Graph
    document: _Document
    layout: Layout
    is_one_of_many: bool
    _network: str = field(init=False)
    _kept: set[str] = field(default_factory=set)
    _aside: set[str] = field(default_factory=set)
    _pairs: Counter[frozenset[str]] = field(default_factory=Counter)
    _edge_keys: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._network = self._network_name()

    def lay(self) -> None:
        """Lay out nodes, then edges, which may stand before the nodes they join."""
        for node in self.graph.nodes:
            self._lay_node(node)
        for edge in self.graph.edges:
            self._lay_edge(edge)
        for line in self.graph.hyperedges:
            self.layout.set_aside(line, "an edge of more than two ends is no link", "link")

    def _network_name(self) -> str:
        words = self._named("graph", self.graph.data)
        if self.document.is_zoo:
            return words.get("label") or words.get("network") or self.layout.stem
        if self.is_one_of_many:
            at = self.document.graphs.index(self.graph)
            return f"{self.layout.stem}/{self.graph.id or at}"
        return self.layout.stem

    def _named(self, of: str, data: Mapping[str, str]) -> dict[str, str]:
        """Data by the name that their key declares, in lower case; with the keys' defaults."""
        words = {
            key.name.lower(): key.default
            for key in self.document.keys.values()
            if key.default and key.of in {of, "all"}
        }
        for key, text in data.items():
            declared = self.document.keys.get(key)
            if declared is not None and declared.of in {of, "all"}:
                words[declared.name.lower()] = text
        return words

    def _lay_node(self, node: _Node) -> None:
        layout = self.layout
        if node.id is None:
            layout.refuse(node.line, f"the node {_NO_ID}", "element")
            return
        if node.id in self._kept or node.id in self._aside:
            layout.refuse(node.line, "another node has its id", "element", node.id)
            return
        if node.is_group:
            self._aside.add(node.id)
            layout.set_aside(node.line, "a group drawn around nodes is no element", "element")
            return
        self._kept.add(node.id)
        words = self._named("node", node.data)
        key = layout.key(self._network, node.id)
        name = _first(words, _NAME)
        site = self._lay_site(node, words, key, name)
        role = "hyperedge" if words.get("hyperedge") == "1" else words.get("type")
        is_zoo = self.document.is_zoo
        layout.row(
            "element", node.line, id=key, name=name, site=site, role_name=role if is_zoo else None
        )
        layout.keep()

    def _lay_site(
        self, node: _Node, words: Mapping[str, str], key: str, name: str | None
    ) -> str | None:
        place = self.layout.number
        latitude = place(_first(words, _LATITUDE), node.line, "latitude", -90, 90)
        longitude = place(_first(words, _LONGITUDE), node.line, "longitude", -180, 180)
        is_own = self.document.is_zoo and words.get("internal") != "0"
        if words.get("hyperedge") == "1" or not (is_own or latitude is not None):
            return None
        self.layout.row(
            "site",
            node.line,
            id=key,
            name=name,
            region=words.get("country") if self.document.is_zoo else None,
            latitude_deg=latitude if longitude is not None else None,
            longitude_deg=longitude if latitude is not None else None,
        )
        return key

    def _lay_edge(self, edge: _Edge) -> None:
        layout = self.layout
        if edge.source is None or edge.target is None:
            layout.refuse(edge.line, "the edge does not name both its ends", "link")
            return
        ends = {edge.source, edge.target}
        words = self._named("edge", edge.data)
        if absent := sorted(ends - self._kept - self._aside):
            why = "the edge joins a node that is not in the graph"
            layout.refuse(edge.line, why, "link", " and ".join(absent))
            return
        if ends & self._aside:
            layout.set_aside(edge.line, "an edge of a group of nodes is no link", "link")
            return
        key = self._edge_key(edge)
        if key in self._edge_keys:
            layout.refuse(edge.line, "another edge has its id", "link", edge.id)
            return
        self._edge_keys.add(key)
        status = words.get("linkstatus", "") if self.document.is_zoo else ""
        if status.lower() in _NOT_THERE_YET:
            layout.set_aside(
                edge.line, f"the link is not there yet: its status is {status}", "link"
            )
            return
        is_one_way = self.graph.is_directed if edge.directed is None else edge.directed == "true"
        layout.row(
            "link",
            edge.line,
            id=key,
            source=layout.key(self._network, edge.source),
            target=layout.key(self._network, edge.target),
            medium=self._medium(words),
            capacity_mbps=self._capacity_mbps(words, edge.line),
            length_km=self._measured(words, _LENGTH, _KM, edge.line, "length"),
            is_one_way=is_one_way,
        )
        layout.keep()

    def _edge_key(self, edge: _Edge) -> str:
        assert edge.source is not None  # noqa: S101 (told by the caller)
        assert edge.target is not None  # noqa: S101 (told by the caller)
        pair = frozenset((edge.source, edge.target))
        self._pairs[pair] += 1
        if edge.id is not None:
            return self.layout.key(self._network, "edge", edge.id)
        ends = sorted((edge.source, edge.target))
        return self.layout.key(self._network, "link", *ends, str(self._pairs[pair]))

    def _medium(self, words: Mapping[str, str]) -> str | None:
        if not self.document.is_zoo:
            return None
        for text in (words.get("linktype", ""), words.get("linklabel", "")):
            for pattern, medium in _MEDIA:
                if pattern.search(text):
                    return medium
        return None

    def _capacity_mbps(self, words: Mapping[str, str], line: int) -> float | None:
        if not self.document.is_zoo:
            return self._measured(words, _CAPACITY, _MBPS, line, "capacity")
        label = words.get("linklabel", "")
        if _BOUND.search(label):
            return None
        if (raw := words.get("linkspeedraw")) is not None:
            bits = self.layout.number(raw, line, "LinkSpeedRaw")
            return None if bits is None else bits * 1e-6
        if rate := _RATE.fullmatch(label.strip()):
            lines = int(rate[1]) if rate[1] else 1
            return lines * float(rate[2]) * _MBPS[f"{rate[3].lower()}bps"]
        return None

    def _measured(
        self,
        words: Mapping[str, str],
        pattern: re.Pattern[str],
        units: Mapping[str, float],
        line: int,
        what: str,
    ) -> float | None:
        """A measure of an edge whose key's name says its unit."""
        for name, text in words.items():
            if match := pattern.fullmatch(name):
                value = self.layout.number(text, line, what)
                return None if value is None else value * units[match[1]]
        return None


def _first(words: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((words[name] for name in names if name in words), None)
