"""Who can send a packet to whom: places that packets are sent from, openings that take them in.

A *place* is a class of elements that the network treats alike as senders; an *opening* is a class
of endpoints that it treats alike as receivers. So a national network fits: an answer is given for
a place and an opening, never for a pair of hosts. Three answers: `can`, `not known`, and, where no
row stands, cannot.

A sender is taken to be hostile. It puts what frames it likes on the segments it has a foot in: to
any member, with any destination, and with any source address unless the segment checks that. Its
own outgoing lists do not bind it, except a container's, which its host enforces. All others do as
they are configured: they take in what is addressed to them on whatever interface it comes (the
weak host model, RFC 1122 section 3.3.4.2), and routers pass on by longest prefix.

What is not stated is open: a boundary whose rules were not given, a next hop that no source has, a
router that states no route there (its neighbours may have told it one), an element of which no
interface is stated. A route of kind `discard` to everywhere is how a router says that its table is
complete. A pod network is taken to check sources, as its plugin tells pods apart by them, unless it
is stated not to.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ringfence.exposure.elements import Arrived, Element, Foot
from ringfence.exposure.filters import (
    Address,
    Destination,
    LetThrough,
    RuleList,
    address_of,
    protocol_of,
)
from ringfence.exposure.forwarding import READS, Forwarding
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables
from ringfence.store.tables import Column, Table, Type

PLACE = Table(
    "place",
    "an element that can send from a place",
    ("place", "element"),
    (
        Column("place", Type.TEXT, "The place: elements that are alike as senders", required=True),
        Column("element", Type.TEXT, "The element", refers_to="element", required=True),
        Column("origin", Type.TEXT, "Where its foot in the place was read"),
    ),
)
OPENING = Table(
    "opening",
    "an endpoint that takes packets in through an opening",
    ("opening", "endpoint", "element"),
    (
        Column("opening", Type.TEXT, "The opening: endpoints that are alike as receivers",
               required=True),
        Column("endpoint", Type.TEXT,
               "The endpoint; null where what the element listens on is not stated",
               refers_to="endpoint"),
        Column("element", Type.TEXT, "The element that listens", refers_to="element",
               required=True),
        Column("origin", Type.TEXT, "Where its foot at the opening was read"),
    ),
)  # fmt: skip
PASSAGE = Table(
    "passage",
    "an answer for a place and an opening; none where no packet can come through",
    ("place", "opening"),
    (
        Column("place", Type.TEXT, "Where it is sent", required=True),
        Column("opening", Type.TEXT, "Where it is taken in", required=True),
        Column("answer", Type.TEXT, "Whether it comes through", required=True,
               one_of=("can", "not known")),
        Column("because", Type.TEXT, "What is not known"),
        Column("rests_on", Type.TEXT, "Origins of the rows it rests on, one a line"),
    ),
)  # fmt: skip
NOWHERE = "not stated"
"""The place, and the opening, of elements of which no interface is stated."""

_NOT_STATED: dict[str, object] = {
    "answer": "not known",
    "because": "in which segments it has a foot is not stated",
}

_ENDPOINT = ["id", "element", "address", "protocol", "port"]

REASONS_TOLD = 3
"""So many reasons why an answer is not known are told of each."""


MOST_APART = 1_000_000
"""Up to so many pairs of place and opening each segment has its own; see `wide` for more."""


@dataclass(frozen=True, slots=True)
class PacketParameters:
    """Where there are more pairs of place and opening than this, places are put together."""

    most_apart: int = MOST_APART


@step(reads=READS, writes=("place", "opening", "passage"), version=2)
def packets(network: Tables, parameters: PacketParameters) -> Answer:
    """Work out the places, the openings, and what passes from one to the other."""
    return _Classes(Forwarding(network), network).answer(parameters.most_apart)


class _Classes:
    """Elements that are alike as senders, and endpoints that are alike as receivers."""

    def __init__(self, forwarding: Forwarding, tables: Tables) -> None:
        self.net = forwarding
        self.packets = forwarding.packets
        self.endpoints = tables["endpoint"].select(_ENDPOINT).to_pylist()
        groups = set(tables["filter"]["destination_group"].unique().to_pylist())
        self._destination_groups = sorted(groups & set(self.packets.groups))

    def answer(self, most_apart: int) -> dict[str, pa.Table]:
        """The three tables."""
        place_rows, senders = self._places()
        opening_rows, openings = self._openings()
        if len(senders) * len(openings) <= most_apart:
            passages = list(self._one_by_one(senders, openings))
        else:
            from ringfence.exposure.wide import Wide  # noqa: PLC0415  # the compiler takes half a second to load

            wide = Wide(self, senders, openings, self._destination_groups)
            wider_place, wider_opening, passages = wide.answer()
            for rows, column, wider in (
                (place_rows, "place", wider_place), (opening_rows, "opening", wider_opening)
            ):  # fmt: skip
                rows += [
                    {**row, column: name} for row in rows
                    for name in wider.get(str(row[column]), ())
                ]  # fmt: skip
        passages += [
            *({"place": NOWHERE, "opening": opening, **_NOT_STATED} for opening in openings),
            *({"place": place, "opening": NOWHERE, **_NOT_STATED} for place in senders),
            {"place": NOWHERE, "opening": NOWHERE, **_NOT_STATED},
        ]
        return {
            "place": _sorted(PLACE, place_rows),
            "opening": _sorted(OPENING, opening_rows),
            "passage": _sorted(PASSAGE, passages),
        }

    def _one_by_one(
        self, senders: Mapping[str, Foot], openings: Mapping[str, tuple[Foot, Destination]]
    ) -> Iterator[dict[str, object]]:
        """The answers for each opening by itself."""
        in_domain = defaultdict[str, list[tuple[str, Foot]]](list)
        for place, sender in senders.items():
            in_domain[sender.domain].append((place, sender))
        for opening, (foot, at) in openings.items():
            arrived = self.net.arrived(foot, at)
            by_domain = defaultdict[str, Arrived](dict)
            for one, passed in arrived.items():
                by_domain[one.domain][one] = passed
            for domain, here in by_domain.items():
                for place, sender in in_domain.get(domain, ()):
                    row = self.passage(sender, here, at)
                    if row is not None:
                        yield {"place": place, "opening": opening, **row}

    def _places(self) -> tuple[list[dict[str, object]], dict[str, Foot]]:
        """The rows of `place`, and of each place one foot that stands for all."""
        names: dict[object, str] = {}
        senders: dict[str, Foot] = {}
        rows: list[dict[str, object]] = []
        for element in self.net.elements.values():
            for foot in element.feet:
                kind = self._as_sender(element, foot)
                where = foot.segment or foot.domain
                name = names.setdefault(kind, f"place {len(names) + 1} in {where}")
                senders.setdefault(name, foot)
                rows.append({"place": name, "element": element.id, "origin": foot.origin})
            if not element.feet or any(map(_may_be_anywhere, element.feet)):
                rows.append({"place": NOWHERE, "element": element.id, "origin": element.origin})
        return rows, senders

    def _as_sender(self, element: Element, foot: Foot) -> object:
        """What tells one sender from another."""
        lists = self._lists(element, "out", foot) if element.kind == "container" else ()
        own = self.packets.own(element.id, foot.address)
        families = frozenset(
            f.address.version if f.address is not None else None
            for f in element.feet
            if f.segment == foot.segment
        )
        itself = element.id if self.net.may_forward(element) else None
        return foot.domain, foot.segment, own.start, lists, families, itself

    def _lists(self, element: Element, direction: str, foot: Foot) -> tuple[RuleList, ...]:
        """The lists of a direction at a foot, whatever they are for beyond it."""
        boundaries = element.boundaries.get(direction, ())
        return tuple(lists for at, _, lists in boundaries if at is None or at == foot.id)

    def _openings(
        self,
    ) -> tuple[list[dict[str, object]], dict[str, tuple[Foot, Destination]]]:
        """The rows of `opening`, and of each opening one destination that stands for all."""
        names: dict[object, str] = {}
        openings: dict[str, tuple[Foot, Destination]] = {}
        rows: dict[tuple[str, str | None, str], dict[str, object]] = {}
        for endpoint, element, foot, at in self._destinations():
            if foot is None:
                name = NOWHERE
            else:
                service = f"{at.protocol or 'any protocol'} {'any' if at.port is None else at.port}"
                where = foot.segment or foot.domain
                name = names.setdefault(
                    self._as_receiver(foot, at), f"opening {len(names) + 1} in {where}: {service}"
                )
                openings.setdefault(name, (foot, at))
            rows[name, endpoint, element] = {
                "opening": name,
                "endpoint": endpoint,
                "element": element,
                "origin": foot.origin if foot is not None else None,
            }
        return list(rows.values()), openings

    def _destinations(self) -> Iterator[tuple[str | None, str, Foot | None, Destination]]:
        """Each endpoint at each foot it listens at; None for the foot where none is stated."""
        listening: set[str] = set()
        for row in self.endpoints:
            listening.add(row["element"])
            address = address_of(row["address"])
            # What listens on its own host alone is open to nobody else.
            if address is None or not address.is_loopback:
                protocol, port = protocol_of(row["protocol"]), row["port"]
                for foot, at in self._feet_of(row["element"], address, protocol, port):
                    yield row["id"], row["element"], foot, at
        for element in self.net.elements:
            if element not in listening:
                for foot, at in self._feet_of(element, None, None, None):
                    yield None, element, foot, at

    def _feet_of(
        self, element: str, address: Address | None, protocol: str | None, port: int | None
    ) -> Iterator[tuple[Foot | None, Destination]]:
        """Where an element that listens on an address, or on all of them, takes packets in."""
        if element not in self.net.elements:
            return
        feet = self.net.elements[element].feet
        if address is not None and not address.is_unspecified:
            feet = [foot for foot in feet if foot.address == address]
        for foot in feet:
            yield foot, Destination(foot.address, element, protocol, port)
        if not feet or any(map(_may_be_anywhere, feet)):
            yield None, Destination(address, element, protocol, port)

    def _as_receiver(self, foot: Foot, at: Destination) -> object:
        """What tells one receiver from another."""
        element = self.net.elements[foot.element]
        one = element.id if self.net.may_forward(element) or element.translations else None
        routed = one, at.address and self._part(at.address)
        groups = tuple(
            (group, self.packets.groups[group][element.id])
            for group in self._destination_groups
            if element.id in self.packets.groups[group]
        )
        feet = (foot,) if self.net.is_pod_network(foot) else element.feet
        taken_in = tuple((f.domain, self._lists(element, "in", f)) for f in feet)
        return foot.domain, foot.segment, routed, groups, taken_in, at.protocol, at.port

    def _taken_in(self, sender: Foot, arrived: Arrived) -> LetThrough:
        """What members of the sender's domain take in from it."""
        element = self.net.elements[sender.element]
        passed = self.packets.none()
        for foot, one in arrived.items():
            if self.net.may_forward(element) and foot.element == element.id:
                # It does not send to itself: what it could pass on it sends from its other feet.
                continue
            if not self.net.isolates(sender, foot):
                passed = passed.or_else(one)
            elif self.net.may_forward(element) or self.net.may_forward(
                self.net.elements[foot.element]
            ):
                # Where all are apart, the router's port may be the one that is not.
                apart = f"whether {foot.element} and {element.id} are apart in {foot.segment}"
                nothing = self.packets.none().surely
                passed = passed.or_else(
                    LetThrough(nothing, one.perhaps, (apart, *one.because), one.origins)
                )
        return passed

    def _own_packets(self, sender: Foot, at: Destination) -> tuple[slice, bool] | None:
        """The sorts of packets that a sender sends from its own address, and if that is stated.

        It is not where it has one of the other family alone. None where another of its feet in the
        segment has an address of the destination's family, and answers for it.
        """
        if at.address is not None and sender.address is not None:
            version = at.address.version
            if sender.address.version != version:
                others = {
                    f.address.version
                    for f in self.net.elements[sender.element].feet
                    if f.segment == sender.segment and f.address is not None
                }
                return None if version in others else (self.packets.unstated(sender.element), False)
        return self.packets.own(sender.element, sender.address), True

    def _part(self, address: Address) -> object:
        """Addresses in one part are treated alike by every list, route and translation."""
        cuts = self.net.cuts[address.version]
        return address.version, bisect_right(cuts, int(address))

    def checks(self, sender: Foot) -> bool | None:
        """Whether sources are checked where it sends; None is not stated."""
        segment = self.net.segments.get(sender.segment or "")
        checks: bool | None = segment["checks_source"] if segment is not None else None
        return True if checks is None and self.net.is_pod_network(sender) else checks

    def passage(self, sender: Foot, arrived: Arrived, at: Destination) -> dict[str, object] | None:
        """What comes from a sender in a domain to a destination taken in at feet of the domain."""
        segment = self.net.segments.get(sender.segment or "")
        element = self.net.elements[sender.element]
        passed = self._taken_in(sender, arrived)
        if element.kind == "container":
            passed = passed.and_then(self.net.passes(element, "out", sender, None, at))
        sent = self._own_packets(sender, at)
        if sent is None:
            return None
        own, is_stated = sent
        checks = self.checks(sender)
        because = list(passed.because)
        family = self.packets.of_family(at.address)
        if not is_stated:
            because.insert(0, f"whether {sender.origin} has an address of that family as well")
        can = (is_stated and bool(passed.surely[own].any())) or (
            checks is False and bool((passed.surely & family).any())
        )
        may = bool(passed.perhaps[own].any())
        if not may and checks is not True and (passed.perhaps & family).any():
            may = True
            if checks is None:
                where = segment["origin"] if segment is not None else sender.origin
                because = [f"whether {where} checks source addresses is not stated", *because]
        if not may:
            return None
        # Feet stand in the other two tables: here one sender would stand for all of its place.
        here = segment["origin"] if segment is not None else None
        rests = dict.fromkeys(o for o in (here, *passed.origins) if o)
        return {
            "answer": "can" if can else "not known",
            "because": None if can else "; ".join(because[:REASONS_TOLD]),
            "rests_on": "\n".join(rests),
        }


def _may_be_anywhere(foot: Foot) -> bool:
    """Whether a foot is in a segment that is not stated; a host's own address is in none."""
    if foot.segment is not None:
        return False
    return foot.subnet is None or foot.subnet.num_addresses > 1


def _sorted(table: Table, rows: Sequence[dict[str, object]]) -> pa.Table:
    return table.from_rows(rows).sort_by([(key, "ascending") for key in table.key])
