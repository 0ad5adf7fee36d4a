"""Which device is joined to which: cables, patch panels and circuits, followed from end to end.

NetBox keeps a cable between two ports. Where both are interfaces of devices, that is a link. Most
often one is a port of a patch panel or the end of a circuit, and the far device lies one or more
cables further on. To call the cable itself a link would join devices to panels, and through a
panel to everything else that is patched there; so each cable is followed through the panels and
circuits, position by position, until an interface is reached, and what it passed is one link.

Where the way is not certain (a port with several positions, several ends on both sides, a type
number that the dump does not name) no link is made and the reason is given.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ringfence.sources.netbox.inventory import Inventory
from ringfence.sources.netbox.records import (
    Cable,
    Cabled,
    CableTermination,
    Circuit,
    CircuitTermination,
    ContentType,
    ContentTypeRef,
    Device,
    FhrpGroup,
    FrontPort,
    Interface,
    IpAddress,
    Key,
    NamedPort,
    Number,
    PortMapping,
    RearPort,
    Record,
    Service,
    VirtualMachine,
    VmInterface,
    Word,
    key_of,
    word,
)

INTERFACE = "dcim.interface"
_FRONT = "dcim.frontport"
_REAR = "dcim.rearport"
_CIRCUIT_END = "circuits.circuittermination"

_CABLED: tuple[type[Cabled], ...] = (Interface, FrontPort, RearPort, CircuitTermination)
_NO_WAY = "lies on no way between two devices"

_METRES = {"km": 1000.0, "m": 1.0, "cm": 0.01, "mi": 1609.344, "ft": 0.3048, "in": 0.0254}
"""NetBox's `CableLengthUnitChoices` and `DistanceUnitChoices` in metres."""

_MOST_KBPS = 2**31 - 1
"""NetBox keeps a commit rate in 31 bits; a greater number is none."""

_FIBRE = ("smf", "mmf", "aoc")
_COPPER = ("cat", "dac-", "mrj21", "coaxial", "rg-", "lmr-")
"""How the names of NetBox's `CableTypeChoices` begin, by what the cable is made of."""


class ContentTypes:
    """What the numbers of generic references mean.

    A full dump says so in its own table. Where that was left out, a number is what its rows
    prove: an interface names its cable, so a cable end of type 39 that fits the interfaces and no
    other table makes 39 the interfaces. What is left is told by elimination, and only where the
    dump holds every table that could be meant.
    """

    def __init__(self, inventory: Inventory) -> None:
        self._labels = {
            key: f"{record.app_label}.{record.model}"
            for _, key, record in inventory.of(ContentType)
            if isinstance(key, int)
        }
        if not self._labels:
            self._learn_from_cables(inventory)
            self._learn_by_elimination(
                inventory,
                [
                    (a.assigned_object_type, a.assigned_object_id)
                    for a in inventory.of(IpAddress).rows
                ],
                (Interface, VmInterface, FhrpGroup),
            )
            self._learn_by_elimination(
                inventory,
                [(s.parent_object_type, s.parent_object_id) for s in inventory.of(Service).rows],
                (Device, VirtualMachine, FhrpGroup),
            )

    def label(self, ref: ContentTypeRef) -> str | None:
        """The model a reference names, as `dcim.interface`; None where that is not certain."""
        if isinstance(ref, int):
            return self._labels.get(ref)
        return ".".join(ref) if isinstance(ref, list) else ref

    def _learn_from_cables(self, inventory: Inventory) -> None:
        cabled = [inventory.of(kind) for kind in _CABLED]
        fits: dict[int, set[str]] = {}
        for end in inventory.of(CableTermination).rows:
            if isinstance(end.termination_type, int):
                here = {
                    records.kind.label
                    for records in cabled
                    if (port := records.get(end.termination_id)) is not None
                    and key_of(port.cable) == key_of(end.cable)
                    and port.cable_end in (None, end.cable_end)
                }
                fits[end.termination_type] = fits.get(end.termination_type, here) & here
        all_held = all(kind in inventory.parts for kind in _CABLED)
        for number, labels in fits.items():
            if len(labels) == 1:
                self._labels[number] = labels.pop()
            elif not labels and all_held:
                self._labels[number] = f"content type {number}"

    def _learn_by_elimination(
        self,
        inventory: Inventory,
        uses: Sequence[tuple[ContentTypeRef, int | None]],
        allowed: Sequence[type[Record]],
    ) -> None:
        if not all(kind in inventory.parts for kind in allowed):
            return
        ids: dict[int, set[int | None]] = defaultdict(set)
        for number, key in uses:
            if isinstance(number, int) and number not in self._labels:
                ids[number].add(key)
        for number, keys in sorted(ids.items()):
            possible = [
                records.kind.label
                for records in map(inventory.of, allowed)
                if records.kind.label not in self._labels.values()
                and all(records.at(key) is not None for key in keys)
            ]
            if len(possible) == 1:
                self._labels[number] = possible[0]


class Node(NamedTuple):
    """One end of a cable: a port, an interface or the end of a circuit."""

    label: str
    key: Key


@dataclass(slots=True)
class Link:
    """Two interfaces, and what lies between."""

    native: str
    source: Key
    target: Key
    medium: str | None
    capacity_mbps: float | None
    length_km: float | None
    place: str


@dataclass(slots=True)
class _Way:
    """A way from one interface through what it passed to where it ended."""

    start: Node
    cables: dict[Key, None] = field(default_factory=dict)
    circuits: list[Key] = field(default_factory=list)
    passed: list[Node] = field(default_factory=list)
    ends: list[Node] = field(default_factory=list)
    fault: str | None = None


class Paths:
    """All links of an inventory, and why the other cables and circuits made none.

    `absent` are the keys of devices that are set aside; a link to one is none. After `links` is
    read to its end, each record that had to do with a cable is either part of a link or set aside
    in the inventory.
    """

    def __init__(self, inventory: Inventory, types: ContentTypes, absent: set[Key]) -> None:
        self._inventory = inventory
        self._absent = absent
        self._devices: dict[Node, Key | None] = {}
        self._ends: dict[Key, tuple[list[Node], list[Node]]] = {}
        self._seen: set[tuple[Key, int, Node]] = set()
        self._joined: dict[Key, bool] = {}
        self._why: dict[Key, str] = {}
        self._whys_of_circuits: dict[Key, str] = {}
        self._used: set[Node] = set()
        self._used_cables: set[Key] = set()
        self._used_circuits: set[Key] = set()
        self._read_cables(types)
        self._cable_at = {
            node: (cable, which)
            for cable, sides in self._ends.items()
            for which, side in enumerate(sides)
            for node in side
        }
        self._rear_of: dict[tuple[Key, int], tuple[Key, int]] = {}
        self._fronts_of: dict[Key, dict[int, tuple[Key, int]]] = defaultdict(dict)
        self._read_panels()
        self._circuit_ends: dict[Key, list[Node]] = defaultdict(list)
        self._circuit_at: dict[Node, Key] = {}
        for _, key, end in inventory.of(CircuitTermination):
            circuit = key_of(end.circuit)
            if circuit is not None:
                self._circuit_ends[circuit].append(Node(_CIRCUIT_END, key))
                self._circuit_at[Node(_CIRCUIT_END, key)] = circuit

    @property
    def interfaces(self) -> set[Key]:
        """The interfaces that are the ends of links."""
        return {node.key for node in self._used if node.label == INTERFACE}

    def links(self) -> list[Link]:
        """Follow every cable from each interface on it."""
        found: dict[tuple[Node, Node], _Way] = {}
        for cable, sides in self._ends.items():
            for start in (node for side in sides for node in side if node.label == INTERFACE):
                way = self._follow(start)
                for end in way.ends:
                    fault = self._fault_between(start, end)
                    if fault is None:
                        found.setdefault(_in_order(start, end), way)
                    else:
                        way.fault = fault
                if way.fault is not None:
                    self._why.update(dict.fromkeys(way.cables, way.fault))
                    self._whys_of_circuits.update(dict.fromkeys(way.circuits, way.fault))
            self._why.setdefault(cable, _why_no_link(sides))
        links = list(self._name(found))
        self._set_aside()
        return links

    # What the file says

    def _read_cables(self, types: ContentTypes) -> None:
        for _, key, cable in self._inventory.of(Cable):
            if word(cable.status) == "planned" or cable.status is False:
                self._why[key] = "status is planned: not laid yet"
                continue
            self._ends[key] = ([], [])
            old = (
                (cable.termination_a_type, cable.termination_a_id, cable.termination_a),
                (cable.termination_b_type, cable.termination_b_id, cable.termination_b),
            )
            new = (cable.a_terminations, cable.b_terminations)
            for which, (many, (kind, number, port)) in enumerate(zip(new, old, strict=True)):
                ports = [(end.object_type, end.object_id, end.object) for end in many or ()]
                if many is None and kind is not None:
                    ports = [(types.label(kind), number, port)]
                for label, at, held in ports:
                    node = _node(label, at, held)
                    self._add_end(key, which, node)
                    self._note_device(node, held)
        for _, _, one in self._inventory.of(CableTermination):
            cable_key = key_of(one.cable)
            if cable_key is not None and cable_key in self._ends:
                node = _node(types.label(one.termination_type), one.termination_id, None)
                self._add_end(cable_key, int(one.cable_end == "B"), node)

    def _add_end(self, cable: Key, which: int, node: Node) -> None:
        if (cable, which, node) not in self._seen:
            self._seen.add((cable, which, node))
            self._ends[cable][which].append(node)

    def _note_device(self, node: Node, port: NamedPort | None) -> None:
        """REST says of a port which device it is on; the port itself may not be in the file."""
        if port is not None and port.device is not None:
            self._devices[node] = key_of(port.device)

    def _read_panels(self) -> None:
        pairs: list[tuple[Key | None, int | None, Key | None, int | None]] = []
        for _, key, front in self._inventory.of(FrontPort):
            if front.rear_port is not None:
                pairs.append((key, 1, key_of(front.rear_port), front.rear_port_position))
            for pair in front.rear_ports or ():
                rear = key_of(pair.rear_port)
                pairs.append((key, pair.position, rear, pair.rear_port_position))
        for _, _, mapping in self._inventory.of(PortMapping):
            pairs.append(
                (
                    key_of(mapping.front_port),
                    mapping.front_port_position,
                    key_of(mapping.rear_port),
                    mapping.rear_port_position,
                )
            )
        for front_key, front_at, rear, rear_at in pairs:
            if front_key is not None and rear is not None:
                self._rear_of[front_key, front_at or 1] = (rear, rear_at or 1)
                self._fronts_of[rear][rear_at or 1] = (front_key, front_at or 1)
        self._front_positions: dict[Key, list[int]] = defaultdict(list)
        for front_key, position in self._rear_of:
            self._front_positions[front_key].append(position)

    def _device_at(self, node: Node) -> Key | None:
        record = self._inventory.of(Interface).get(node.key)
        return key_of(record.device) if record is not None else self._devices.get(node)

    # The way

    def _follow(self, start: Node) -> _Way:
        way = _Way(start)
        node = start
        positions: list[int] = []
        while way.fault is None and not way.ends:
            at = self._cable_at.get(node)
            if at is None:
                way.fault = "nothing is cabled behind the patch panel or circuit it leads to"
            elif at[0] in way.cables:
                way.fault = "the cables lead round in a circle"
            else:
                way.cables[at[0]] = None
                node = self._step(way, at, node, positions)
        return way

    def _step(self, way: _Way, at: tuple[Key, int], node: Node, positions: list[int]) -> Node:
        """Cross a cable, and the panel or circuit behind it; note where the way ends or fails."""
        cable, which = at
        near, far = self._ends[cable][which], self._ends[cable][1 - which]
        if len(near) > 1 and len(far) > 1:
            if not self._joins_two(cable):
                way.fault = "several ports at both ends, and nothing says which join which"
            elif node != near[0]:
                way.fault = "it is one of several between two devices"
            else:
                way.passed += [*near, *far]
                way.ends = far[:1]
            return node
        if far and all(n.label == INTERFACE for n in far):
            way.ends = far
            return node
        if len(far) != 1:
            way.fault = "several ports at one end" if far else "one of its ends is not stated"
            return node
        across = far[0]
        way.passed.append(across)
        beyond: Node | str = _why_not_through(across.label)
        if across.label == _FRONT:
            beyond = self._through_front(across, positions)
        elif across.label == _REAR:
            beyond = self._through_rear(across, positions)
        elif across.label == _CIRCUIT_END:
            beyond = self._through_circuit(way, across)
        if isinstance(beyond, str):
            way.fault = beyond
            return node
        way.passed.append(beyond)
        return beyond

    def _joins_two(self, cable: Key) -> bool:
        """Whether all ends are interfaces, of one device on either side."""
        if cable not in self._joined:
            self._joined[cable] = all(
                all(node.label == INTERFACE for node in side)
                and len({self._device_at(node) for node in side}) == 1
                for side in self._ends[cable]
            )
        return self._joined[cable]

    def _through_front(self, port: Node, positions: list[int]) -> Node | str:
        at = self._front_positions.get(port.key, [])
        if len(at) != 1:
            return (
                "it leads to a patch panel port with several positions"
                if at
                else "it leads to a patch panel port of which the file does not say what is behind"
            )
        rear, position = self._rear_of[port.key, at[0]]
        positions.append(position)
        return Node(_REAR, rear)

    def _through_rear(self, port: Node, positions: list[int]) -> Node | str:
        fronts = self._fronts_of.get(port.key, {})
        if not positions and len(fronts) != 1:
            return "it leads to a trunk port, and nothing says to which of its positions"
        position = positions.pop() if positions else next(iter(fronts))
        front = fronts.get(position)
        if front is not None and len(self._front_positions[front[0]]) > 1:
            return "it leads to a patch panel port with several positions"
        if front is None:
            return "it leads to a patch panel port of which the file does not say what is behind"
        return Node(_FRONT, front[0])

    def _through_circuit(self, way: _Way, end: Node) -> Node | str:
        circuit = self._circuit_at.get(end)
        if circuit is None:
            return "it leads to a circuit that the file does not hold"
        way.circuits.append(circuit)
        others = [other for other in self._circuit_ends[circuit] if other != end]
        if len(others) != 1:
            return "it leads to a circuit whose other end is not stated"
        return others[0]

    def _fault_between(self, start: Node, end: Node) -> str | None:
        devices = (self._device_at(start), self._device_at(end))
        if None in devices:
            return "the device at one of its ends is not stated"
        if devices[0] == devices[1]:
            return "it joins a device to itself"
        if not self._absent.isdisjoint(devices):
            return "it leads to a device that is set aside"
        return None

    # What comes of it

    def _name(self, found: dict[tuple[Node, Node], _Way]) -> Iterator[Link]:
        """Name the links; those of one cable with several ends by their interfaces too."""
        named = [(pair, way, self._native(pair, way)) for pair, way in found.items()]
        times: dict[str, int] = defaultdict(int)
        for _, _, native in named:
            times[native] += 1
        cables = self._inventory.of(Cable)
        for (source, target), way, native in named:
            self._used |= {source, target, *way.passed}
            self._used_cables |= set(way.cables)
            self._used_circuits |= set(way.circuits)
            first = cables.at(min(way.cables, key=_order))
            ends = (self._device_at(source), self._device_at(target))
            if first is None or ends[0] is None or ends[1] is None:
                continue
            yield Link(
                f"{native}#{source.key}-{target.key}" if times[native] > 1 else native,
                ends[0],
                ends[1],
                self._medium(way),
                self._capacity_mbps(way),
                self._length_km(way),
                cables.places[first],
            )

    @staticmethod
    def _native(pair: tuple[Node, Node], way: _Way) -> str:
        """`cable/4`, `cable/4+9` through a panel, `circuit/3` where a circuit is on the way."""
        what, keys = ("circuit", way.circuits) if way.circuits else ("cable", [*way.cables])
        in_order = keys if way.start == pair[0] else keys[::-1]
        return f"{what}/{'+'.join(map(str, in_order))}"

    def _medium(self, way: _Way) -> str | None:
        """Of the cables where all are of one; a circuit is bought from a provider: leased."""
        if way.circuits:
            return "leased"
        found = {medium_of(cable.type) for cable in self._cables(way)}
        return found.pop() if len(found) == 1 else None

    def _cables(self, way: _Way) -> list[Cable]:
        cables = self._inventory.of(Cable)
        return [cable for key in way.cables if (cable := cables.get(key)) is not None]

    def _circuits(self, way: _Way) -> list[Circuit | None]:
        circuits = self._inventory.of(Circuit)
        return [circuits.get(key) for key in way.circuits]

    def _capacity_mbps(self, way: _Way) -> float | None:
        """The least commit rate of the circuits, which NetBox keeps in kbit/s."""
        rates = [c.commit_rate for c in self._circuits(way) if c is not None]
        known = [rate for rate in rates if rate is not None]
        if not known or len(known) < len(way.circuits) or min(known) > _MOST_KBPS:
            return None
        return min(known) / 1000

    def _length_km(self, way: _Way) -> float | None:
        """The sum, where every piece states its own."""
        lengths = [length_km(cable.length, cable.length_unit) for cable in self._cables(way)]
        lengths += [
            length_km(circuit.distance, circuit.distance_unit) if circuit is not None else None
            for circuit in self._circuits(way)
        ]
        stated = [length for length in lengths if length is not None]
        return sum(stated) if len(stated) == len(lengths) else None

    def _set_aside(self) -> None:
        cables = self._inventory.of(Cable)
        for index, key, _ in cables:
            if key not in self._used_cables:
                cables.aside[index] = f"gives no link: {self._why[key]}"
        circuits = self._inventory.of(Circuit)
        for index, key, _ in circuits:
            if key not in self._used_circuits:
                why = self._whys_of_circuits.get(key, "no device is cabled to both of its ends")
                circuits.aside[index] = f"gives no link: {why}"
        self._set_ends_aside()

    def _set_ends_aside(self) -> None:
        ends = self._inventory.of(CableTermination)
        for index, _, end in ends:
            if key_of(end.cable) not in self._used_cables:
                ends.aside[index] = "is an end of a cable that gives no link"
        for kind in (FrontPort, RearPort, CircuitTermination):
            ports = self._inventory.of(kind)
            label = ports.kind.label
            for index, key, _ in ports:
                if Node(label, key) not in self._used:
                    ports.aside[index] = _NO_WAY
        mappings = self._inventory.of(PortMapping)
        for index, _, mapping in mappings:
            if Node(_FRONT, key_of(mapping.front_port) or "") not in self._used:
                mappings.aside[index] = _NO_WAY


def _node(label: str | None, number: int | None, port: NamedPort | None) -> Node:
    """An end as a cable names it; both parts are empty where they are not known."""
    if number is None and port is not None:
        number = port.id
    return Node(label or "", "" if number is None else number)


def _order(key: Key) -> tuple[bool, int, str]:
    """Numbers by size, before texts."""
    return (True, 0, key) if isinstance(key, str) else (False, key, "")


def _in_order(one: Node, other: Node) -> tuple[Node, Node]:
    return (one, other) if _order(one.key) <= _order(other.key) else (other, one)


def _why_not_through(label: str) -> str:
    if not label:
        return "the dump does not say what its type number means; dump django_content_type too"
    return f"it ends at a port that carries no traffic ({label})"


def _why_no_link(sides: tuple[list[Node], list[Node]]) -> str:
    """Why a cable that no way from an interface came along gives no link."""
    labels = {node.label for side in sides for node in side}
    if not labels:
        return "its ends are not stated"
    if "" in labels:
        return _why_not_through("")
    if labels <= {_FRONT, _REAR, _CIRCUIT_END}:
        return "no interface is reached from either end"
    return _why_not_through(", ".join(sorted(labels)))


def medium_of(cable_type: Word) -> str | None:
    """What a cable is made of, as the link table has it."""
    name = word(cable_type) or ""
    if name.startswith(_FIBRE):
        return "fibre"
    return "copper" if name.startswith(_COPPER) else None


def length_km(length: Number, unit: Word) -> float | None:
    """A length in NetBox's units, in km; null where one of both is not stated or is no number."""
    metres = _METRES.get(word(unit) or "")
    if length is None or metres is None:
        return None
    try:
        return float(length) * metres / 1000
    except ValueError:
        return None
