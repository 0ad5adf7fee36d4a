"""gnpy network topologies: ROADMs, transceivers, amplifiers and the fibres between them.

Read to gnpy's own reader (`gnpy/tools/json_io.py`, 2.0 to 2.14) and its YANG
`gnpy-network-topology`, whose outer name and prefixes may be there or not; workbooks are read by
`gnpy_workbook`. Of gnpy's other files (equipment, services, simulation) nothing is read.

Choices:

- A fibre is a link, of its length, between the elements that it joins; it carries one way. Fibres
  joined to each other without an element between are one link under the first one's name, with
  the sum of their lengths: gnpy lets amplifiers be put at such joints later.
- All else is an element. Its type is kept as a word; gnpy's `type_variety` names an entry of its
  equipment library and becomes a product without a maker. A connection between two elements
  without a fibre is a link whose medium is not stated.
- A site is a city (with its region), as elements name it; elements of one city whose coordinates
  differ stand at sites of their own. An element without a city but with coordinates is a site of
  its own, except amplifiers and fused spans: gnpy works out where those stand, on the straight
  line between the ends of the fibre that it split.
- Latitude 0 and longitude 0 are what gnpy writes where it was told no place, and state nothing.
- The key carries `network_name`, where the file has one, else the file's name.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.gnpy_workbook import ZIP, is_gnpy_workbook, lay_workbook
from ringfence.sources.grids import readable
from ringfence.sources.topology import Layout, begins_as_json, head_text, read_json, said

PREFIX: Final = "gnpy"

_FIBRES: Final = frozenset({"Fiber", "RamanFiber"})
_AMPLIFIERS: Final = frozenset({"Edfa", "Multiband_amplifier"})
_SPLITS: Final = frozenset({*_AMPLIFIERS, "Fused"})
_TYPES: Final = frozenset({*_FIBRES, *_SPLITS, "Roadm", "Transceiver"})
_KM: Final = {"km": 1.0, "m": 1e-3}
_ELEMENTS = re.compile(r'"(?:[\w-]+:)?elements"\s*:\s*\[')
_CONNECTION = re.compile(r'"(?:[\w-]+:)?(?:from_node|to_node|from-node|to-node)"\s*:')
_TYPED = re.compile(rf'"type"\s*:\s*"(?:[\w-]+:)?(?:{"|".join(sorted(_TYPES))})"')
_UID = re.compile(r'"uid"\s*:')


class Gnpy:
    """Reads gnpy topology files."""

    kind = "gnpy"
    describes = "gnpy network topologies, JSON or XLSX"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Claim JSON whose elements have gnpy's types, or whose connections have its ends."""
        if head.startswith(ZIP):
            is_ours = is_gnpy_workbook(path)
            return Claim(0.95 if is_ours else 0.0, "a workbook and its sheets and headings")
        text = head_text(head)
        if not begins_as_json(text):
            return Claim(0.0, "it begins neither as JSON nor as a workbook")
        if _ELEMENTS.search(text) and _UID.search(text) and _TYPED.search(text):
            return Claim(0.95, "it lists elements of gnpy's types")
        if len(set(_CONNECTION.findall(text))) > 1 and "connections" in text:
            return Claim(0.7, "its connections have gnpy's ends, from_node and to_node")
        return Claim(0.0, "it lists no elements of gnpy's types")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield rows, rejects and counts; raise `SourceError` if it is no gnpy topology."""
        layout = Layout.of(path, options, PREFIX)
        if _begins_as_zip(path):
            lay_workbook(path, layout)
            yield from layout.items()
            return
        document = read_json(path)
        found = _topology(document)
        if found is None:
            raise SourceError(
                "it has no list of elements with a list of connections",
                where=str(path),
                hint="of gnpy's files only the topology says what there is",
            )
        topology, at = found
        network = said(topology.get("network_name") if _is_text(topology, "network_name") else None)
        laying = _Laying(layout, network or layout.stem)
        laying.take_elements(_list(topology, "elements"), f"{at}.elements")
        laying.take_connections(_list(topology, "connections"), f"{at}.connections")
        laying.lay()
        yield from layout.items()


def _begins_as_zip(path: Path) -> bool:
    with readable(path), path.open("rb") as file:
        return file.read(len(ZIP)) == ZIP


def _topology(document: Any) -> tuple[Mapping[str, Any], str] | None:
    """The object that holds elements and connections, and the path to it."""
    for holder, at in ((document, "$"), *_members(document)):
        if not isinstance(holder, dict):
            continue
        plain = {name.rpartition(":")[2]: value for name, value in holder.items()}
        if all(isinstance(plain.get(name), list) for name in ("elements", "connections")):
            return plain, at
    return None


def _members(document: Any) -> Iterator[tuple[Any, str]]:
    if isinstance(document, dict):
        for name, value in document.items():
            # A list of one is how some tools write a container.
            is_list_of_one = isinstance(value, list) and len(value) == 1
            yield (value[0], f"$.{name}[0]") if is_list_of_one else (value, f"$.{name}")


def _list(topology: Mapping[str, Any], name: str) -> list[Any]:
    found: list[Any] = topology[name]
    return found


def _is_text(holder: Mapping[str, Any], name: str) -> bool:
    return isinstance(holder.get(name), str)


def _word(holder: Mapping[str, Any], name: str) -> str | None:
    """A text; numbers are taken as they are written, since a node may be named 7."""
    value = holder.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return said(str(value))


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


class _Place(NamedTuple):
    city: str | None
    region: str | None
    latitude: float | None
    longitude: float | None


class _Element(NamedTuple):
    at: str
    type: str
    place: _Place
    variety: str | None
    length_km: float | None


@dataclass(slots=True)
class _Laying:
    """Lays a topology out: elements first, since connections and sites need all of them."""

    layout: Layout
    network: str
    _elements: dict[str, _Element] = field(default_factory=dict)
    _next: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _before: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _patches: list[tuple[str, str, str]] = field(default_factory=list)
    _spots: dict[tuple[str, str | None], dict[tuple[float, float], None]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _sites: set[str] = field(default_factory=set)
    _products: set[str] = field(default_factory=set)

    def take_elements(self, elements: list[Any], path: str) -> None:
        """Take the elements, fibres among them."""
        for index, record in enumerate(elements):
            at = f"{path}[{index}]"
            uid = _word(record, "uid") if isinstance(record, dict) else None
            kind = _word(record, "type") if isinstance(record, dict) else None
            if uid is None or kind is None:
                self.layout.refuse(at, "the element does not state its uid and type", "element")
                continue
            kind = kind.rpartition(":")[2]
            if uid in self._elements:
                self.layout.refuse(at, "another element has its uid", "element", uid)
            elif kind not in _TYPES:
                self.layout.refuse(at, "its type is none of gnpy's", "element", f"{uid}: {kind}")
            else:
                self._elements[uid] = self._element(record, kind, at)

    def take_connections(self, connections: list[Any], path: str) -> None:
        """Take the connections: ends of fibres, or patches between two elements."""
        seen: set[tuple[str, str]] = set()
        for index, record in enumerate(connections):
            at = f"{path}[{index}]"
            ends = _ends(record)
            if ends is None:
                self.layout.refuse(at, "the connection does not name both its ends", "link")
                continue
            if absent := [uid for uid in ends if uid not in self._elements]:
                why = "the connection names an element that is not in the file"
                self.layout.refuse(at, why, "link", absent[0])
                continue
            if ends in seen:
                why = "it says again that the two are connected, which gnpy takes once"
                self.layout.set_aside(at, why, "link")
                continue
            seen.add(ends)
            is_patch = not any(self._elements[uid].type in _FIBRES for uid in ends)
            if is_patch:
                self._patches.append((*ends, at))
            else:
                self._next[ends[0]].append(ends[1])
                self._before[ends[1]].append(ends[0])
            self.layout.keep()

    def lay(self) -> None:
        """Lay out what was taken."""
        self._find_spots()
        for uid, element in self._elements.items():
            if element.type not in _FIBRES:
                self._lay_element(uid, element)
        self._lay_fibres()
        for source, target, at in self._patches:
            self._lay_link(at, ("connection", source, target), (source, target))

    def _element(self, record: Mapping[str, Any], kind: str, at: str) -> _Element:
        location = _object(_object(record, "metadata"), "location")
        number = self.layout.number
        latitude = number(_word(location, "latitude"), at, "latitude", -90, 90)
        longitude = number(_word(location, "longitude"), at, "longitude", -180, 180)
        if latitude is None or longitude is None or latitude == longitude == 0:
            latitude = longitude = None
        place = _Place(_word(location, "city"), _word(location, "region"), latitude, longitude)
        length_km = None
        if kind in _FIBRES:
            params = _object(record, "params")
            length = number(_word(params, "length"), at, "length")
            unit = (_word(params, "length_units") or "km").rpartition(":")[2]
            if length is not None and unit in _KM:
                length_km = length * _KM[unit]
            elif length is not None:
                why = "the length's unit is none of gnpy's; the fibre is kept without"
                self.layout.refuse(at, why, "link", unit)
        return _Element(at, kind, place, _word(record, "type_variety"), length_km)

    def _find_spots(self) -> None:
        """Note the coordinates that the elements of each city state."""
        for element in self._elements.values():
            city, region, latitude, longitude = element.place
            if city and element.type not in _FIBRES:
                spots = self._spots[city, region]
                if latitude is not None and longitude is not None:
                    spots[latitude, longitude] = None

    def _site(self, uid: str, element: _Element) -> str | None:
        """The key of the site that an element stands at."""
        city, region, latitude, longitude = element.place
        if city is not None:
            name = f"{city}, {region}" if region else city
            if len(self._spots[city, region]) > 1 and latitude is not None:
                name += f" ({latitude} {longitude})"
            return self.layout.key(self.network, "site", name)
        if latitude is not None and element.type not in _SPLITS:
            return self.layout.key(self.network, "site-of", uid)
        return None

    def _lay_element(self, uid: str, element: _Element) -> None:
        layout, place = self.layout, element.place
        site = self._site(uid, element)
        if site is not None and site not in self._sites:
            self._sites.add(site)
            latitude, longitude = place.latitude, place.longitude
            if place.city is not None and len(spots := self._spots[place.city, place.region]) == 1:
                latitude, longitude = next(iter(spots))
            layout.row(
                "site",
                element.at,
                id=site,
                name=place.city,
                region=place.region,
                latitude_deg=latitude,
                longitude_deg=longitude,
            )
        product = None
        if element.variety:
            product = layout.key(self.network, "product", element.variety)
            if product not in self._products:
                self._products.add(product)
                layout.row("product", element.at, id=product, model=element.variety)
        layout.row(
            "element",
            element.at,
            id=layout.key(self.network, uid),
            name=uid,
            site=site,
            product=product,
            role_name=element.type,
        )
        layout.keep()

    def _lay_fibres(self) -> None:
        """Follow each fibre from the element it begins at to the one it ends at."""
        done: set[str] = set()
        for uid, element in self._elements.items():
            if element.type not in _FIBRES or uid in done:
                continue
            if self._is_branched(uid):
                done.add(uid)
                why = "the fibre has more than two ends"
                self.layout.refuse(element.at, why, "link", uid)
            elif not self._goes_on(self._before[uid]):
                chain = self._chain(uid)
                done.update(chain)
                self._lay_chain(chain)
        for uid, element in self._elements.items():
            if element.type in _FIBRES and uid not in done:
                why = "the fibres run in a ring that no element is on"
                self.layout.refuse(element.at, why, "link", uid)

    def _is_branched(self, uid: str) -> bool:
        return len(self._next[uid]) > 1 or len(self._before[uid]) > 1

    def _goes_on(self, neighbours: list[str]) -> bool:
        """Whether what is joined to a fibre's end is a fibre it runs on in."""
        if not neighbours:
            return False
        uid = neighbours[0]
        return self._elements[uid].type in _FIBRES and not self._is_branched(uid)

    def _chain(self, uid: str) -> list[str]:
        chain = [uid]
        while self._goes_on(self._next[chain[-1]]):
            chain.append(self._next[chain[-1]][0])
        return chain

    def _lay_chain(self, chain: list[str]) -> None:
        lengths = [self._elements[uid].length_km for uid in chain]
        stated = [length for length in lengths if length is not None]
        total = sum(stated) if len(stated) == len(lengths) else None
        source, target = (
            next((uid for uid in ends if self._elements[uid].type not in _FIBRES), None)
            for ends in (self._before[chain[0]], self._next[chain[-1]])
        )
        at = self._elements[chain[0]].at
        native = "fibre", chain[0]
        self._lay_link(at, native, (source, target), medium="fibre", length_km=total)
        for _ in chain:
            self.layout.keep()

    def _lay_link(
        self,
        at: str,
        native: tuple[str, ...],
        ends: tuple[str | None, str | None],
        **columns: object,
    ) -> None:
        source, target = (end and self.layout.key(self.network, end) for end in ends)
        self.layout.row(
            "link",
            at,
            id=self.layout.key(self.network, *native),
            source=source,
            target=target,
            is_one_way=True,
            **columns,
        )


def _ends(record: Any) -> tuple[str, str] | None:
    if not isinstance(record, dict):
        return None
    plain = {name.rpartition(":")[2].replace("-", "_"): v for name, v in record.items()}
    source, target = _word(plain, "from_node"), _word(plain, "to_node")
    return (source, target) if source and target else None
