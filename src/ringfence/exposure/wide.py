"""Places and openings that are alike across segments, so that a nation's answers are few rows.

An element has two places then: that of its segment, for what members send to each other, and one
that it shares with all who send through routers alike; and so have openings. An answer for what
goes through routers stands for all of both; the rows it rests on, and why it is not known, are told
of one example of each, which its names say.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ringfence.exposure.alike import Alike
from ringfence.exposure.arrays import Flags, Ints
from ringfence.exposure.elements import Arrived, Foot, Way
from ringfence.exposure.filters import Destination, LetThrough, RuleList
from ringfence.exposure.forwarding import Forwarding
from ringfence.exposure.numbers import Numbers
from ringfence.exposure.spreading import EVERYTHING, NOTHING, Spreading
from ringfence.exposure.targets import Leg, Target

Row = dict[str, object]

CANNOT, PERHAPS, CAN = 0, 1, 2

_CELLS_AT_ONCE = 1 << 26
"""So many pairs of target and door are in memory at once."""

_ROWS_LOOKED_AT = 16
_MOST_LAYERS = 14

_FAMILIES = {None: 0, 4: 1, 6: 2}
_VERSIONS = {1: 4, 2: 6}


class Asking(Protocol):
    """Who tells one answer for one sender and the feet that take its packets in."""

    net: Forwarding

    def passage(self, sender: Foot, arrived: Arrived, at: Destination) -> Row | None:
        """The answer, with what it rests on; None where nothing comes through."""

    def checks(self, sender: Foot) -> bool | None:
        """Whether sources are checked where it sends; None is not stated."""


@dataclass(frozen=True, slots=True)
class _Sender:
    """What tells senders apart for what goes through routers."""

    doors: tuple[tuple[int, bool], ...]
    lists: tuple[RuleList, ...]
    own: int
    unstated: int
    checks: bool | None
    family: int
    others: frozenset[int]


class _Tables:
    """Of a set by number: whether any of it is sent by an own address, or by any of a family."""

    def __init__(
        self, net: Forwarding, numbers: Numbers, own: Sequence[tuple[int, int]], ports: int
    ) -> None:  # fmt: skip
        self._numbers = numbers
        self._own: Ints = np.array(own, np.int32).reshape(-1, 2) // ports
        self._ports = ports
        address = {4: "0.0.0.0", 6: "::"}  # noqa: S104 (an address of the family, bound to nothing)
        self._families: list[Flags] = [
            net.packets.of_family(net.packets.address(address.get(v))) for v in (0, 4, 6)
        ]
        self._found: dict[int, tuple[Flags, Flags, Flags, Flags]] = {}

    def of(self, number: int) -> tuple[Flags, Flags, Flags, Flags]:
        """By own address surely and perhaps, by family surely and perhaps.

        Own addresses are two: the one stated, and one that is not.
        """
        if number not in self._found:
            flags = self._numbers.flags(number)
            own = [np.any(f.reshape(-1, self._ports), axis=1)[self._own] for f in flags]
            family = [np.array([(f & v).any() for v in self._families]) for f in flags]
            self._found[number] = own[0], own[1], family[0], family[1]
        return self._found[number]


class Wide:
    """The answers of a network for classes across segments."""

    def __init__(
        self, asking: Asking, senders: Mapping[str, Foot],
        openings: Mapping[str, tuple[Foot, Destination]], groups: Sequence[str],
    ) -> None:  # fmt: skip
        self._asking = asking
        self._net = net = asking.net
        self._names = list(openings)
        self._ends = list(openings.values())
        self._alike = Alike(net, self._ends, groups)
        self._senders = senders
        self._kinds: dict[_Sender, int] = {}
        self._kind_of: dict[str, int] = {}
        self._examples: list[str] = []
        for name, foot in senders.items():
            kind = self._kind(foot)
            number = self._kinds.setdefault(kind, len(self._examples))
            if number == len(self._examples):
                self._examples.append(name)
            self._kind_of[name] = number

    def _kind(self, foot: Foot) -> _Sender:
        net = self._net
        element = net.elements[foot.element]
        doors = {
            (door, net.isolates(foot, at))
            for door, at in self._alike.doors_in.get(foot.domain, ())
            if at.element != element.id
        }
        others = frozenset(
            f.address.version
            for f in element.feet
            if f.segment == foot.segment and f.address is not None
        )
        return _Sender(
            tuple(sorted(doors)),
            net.binding(element, foot),
            net.packets.own(element.id, foot.address).start,
            net.packets.unstated(element.id).start,
            self._asking.checks(foot),
            _FAMILIES[None if foot.address is None else foot.address.version],
            others,
        )

    def answer(self) -> tuple[dict[str, list[str]], dict[str, list[str]], list[Row]]:
        """The wider places of each place, the wider openings of each opening, and the answers."""
        alike = self._alike
        # All that routers do is numbered before the first set spreads.
        every = alike.plans_of(alike.targets)
        same, first = self._same(every)
        targets = [alike.targets[number] for number in first]
        at_once = max(1, _CELLS_AT_ONCE // max(1, len(alike.doors)))
        begins = range(0, len(targets), at_once)
        chunks = [targets[i : i + at_once] for i in begins]
        plans = [every[first[i : i + at_once]] for i in begins]
        del every
        spreading = Spreading(alike.roads, alike.become)
        self._merge_own()
        distinct: dict[bytes, int] = {}
        columns: list[npt.NDArray[np.uint8]] = []
        kept: list[list[Leg]] = []
        self._legs: list[list[Leg]] = []
        column_of: list[int] = []
        for chunk, plan in zip(chunks, plans, strict=True):
            arrived, legs = alike.spread(chunk, plan, spreading)
            answers = self._answers(chunk, arrived)
            for number, own in enumerate(legs):
                self._legs.append(own[1:])
                column = np.ascontiguousarray(answers[:, number])
                at = distinct.setdefault(column.tobytes(), len(columns))
                if at == len(columns):
                    columns.append(column)
                    kept.append([Leg(x.target, x.arrived.copy(), x.parent.copy()) for x in own])
                column_of.append(at)
        column_of = [column_of[number] for number in same]
        self._legs = [self._legs[number] for number in same]
        self._kept = kept
        table = np.array(columns, np.uint8).reshape(len(columns), len(self._merged)).T
        places = defaultdict[str, list[str]](list)
        openings = defaultdict[str, list[str]](list)
        found: list[Row] = list(self._beside())
        for number, layer in enumerate(_layers(table, len(self._kind_of) + len(self._names)), 1):
            found += self._stated(layer, number, column_of, places, openings)
        return places, openings, found

    def _same(self, plans: Ints) -> tuple[list[int], list[int]]:
        """For each target the number of those that routers do the same with, and one of each."""
        alike = self._alike
        lists = {one.number: one for kind in self._kinds for one in kind.lists}
        known: dict[object, int] = {}
        same, first = list[int](), list[int]()
        for number, target in enumerate(alike.targets):
            at = target.at
            key = (
                plans[number].tobytes(), target.given, tuple(target.extra), tuple(target.seed),
                at.address.version if at.address else None,
                tuple(alike.let(one, target.sort) for one in lists.values()),
                number if alike.translations_to(at) else None,
            )  # fmt: skip
            same.append(known.setdefault(key, len(first)))
            if same[-1] == len(first):
                first.append(number)
        return same, first

    def _stated(
        self, table: npt.NDArray[np.uint8], layer: int, column_of: Sequence[int],
        places: dict[str, list[str]], openings: dict[str, list[str]],
    ) -> Iterator[Row]:  # fmt: skip
        """The answers of a table of classes of senders by classes of targets, of alike ones once."""
        row_of, rows = _distinct(table)
        column_at, columns = _distinct(table.T)
        sender_names = [
            f"places {layer}.{number} like {self._examples[self._merged[row]]}"
            for number, row in enumerate(rows)
        ]
        for name, kind in self._kind_of.items():
            row = rows[row_of[self._merged_of[kind]]]
            if table[row].any():
                places[name].append(sender_names[row_of[row]])
        opening_names: dict[int, str] = {}
        for name, number in zip(self._names, self._alike.target_of, strict=True):
            column = column_at[column_of[number]]
            if table[:, columns[column]].any():
                like = f"openings {layer}.{column} like {name}"
                openings[name].append(opening_names.setdefault(column, like))
        for column, opening in opening_names.items():
            stories = [
                _Story(self._asking, self._alike, leg) for leg in self._kept[columns[column]]
            ]
            for number in np.flatnonzero(table[rows, columns[column]]).tolist():
                sender = self._senders[self._examples[self._merged[rows[number]]]]
                told = _told(stories, sender, int(table[rows[number], columns[column]]))
                yield {"place": sender_names[number], "opening": opening, **told}

    def _merge_own(self) -> None:
        """Senders whose own addresses no set tells apart are one."""
        packets, numbers = self._net.packets, self._alike.numbers
        rng = np.random.default_rng(1)
        sums = np.zeros(len(packets.none().surely), np.uint64)
        flags = [f for number in range(len(numbers.surely)) for f in numbers.flags(number)]
        for element in self._net.elements.values():
            for row in element.translations:
                flags.append(packets.let_from(row.source).surely)
                if row.put is not None:
                    flags.append(packets.within(row.put))
        for one in flags:
            sums[one] += rng.integers(1, 1 << 63, dtype=np.uint64)
        ports = packets.ports
        self._merged: list[int] = []
        self._merged_of: list[int] = []
        known: dict[object, int] = {}
        for number, kind in enumerate(self._kinds):
            own = tuple(sums[at : at + ports].tobytes() for at in (kind.own, kind.unstated))
            lists = tuple(one.number for one in kind.lists)
            key = kind.doors, lists, own, kind.checks, kind.family, kind.others
            self._merged_of.append(known.setdefault(key, len(known)))
            if self._merged_of[-1] == len(self._merged):
                self._merged.append(number)
        every = list(self._kinds)
        self._classes = [every[number] for number in self._merged]
        own_starts = [(kind.own, kind.unstated) for kind in self._classes]
        self._tables = _Tables(self._net, numbers, own_starts, ports)

    # Through routers

    def _answers(self, targets: Sequence[Target], arrived: Ints) -> npt.NDArray[np.uint8]:
        """By class of senders and target: whether something comes through."""
        found = np.zeros((len(self._classes), len(targets)), np.uint8)
        family = np.array(
            [_FAMILIES[t.at.address.version if t.at.address else None] for t in targets], np.int64
        )
        together: dict[object, list[int]] = defaultdict(list)
        for number, kind in enumerate(self._classes):
            if kind.doors:
                together[kind.doors, tuple(one.number for one in kind.lists)].append(number)
        for members in together.values():
            some = self._classes[members[0]]
            sets = np.zeros(len(targets), np.int64)
            for door, is_apart in some.doors:
                came = arrived[:, door].astype(np.int64)
                if is_apart:
                    came = _mapped(came, self._alike.numbers.perhaps_only)
                sets = _pairwise(sets, came, self._alike.numbers.either)
            for lists in some.lists:
                let = np.array([self._alike.let(lists, t.sort) for t in targets], np.int64)
                sets = _pairwise(sets, let, self._alike.numbers.both)
            distinct, where = np.unique(sets * 4 + family, return_inverse=True)
            codes = np.array([self._codes(members, p // 4, p % 4) for p in distinct.tolist()])
            found[members] = codes.T[:, where]
        return found

    def _codes(self, members: Sequence[int], number: int, family: int) -> npt.NDArray[np.uint8]:
        """For classes of senders, what becomes of a set that is taken in at a family's address."""
        if number == NOTHING:
            return np.zeros(len(members), np.uint8)
        surely_own, perhaps_own, surely, perhaps = self._tables.of(number)
        codes = []
        for member in members:
            kind = self._classes[member]
            is_other = 0 not in (family, kind.family) and kind.family != family
            if is_other and _VERSIONS[family] in kind.others:
                # Another foot of it in the segment answers for it in that family.
                codes.append(CANNOT)
                continue
            own_surely = not is_other and bool(surely_own[member, 0])
            own_perhaps = bool(perhaps_own[member, int(is_other)])
            is_sure = own_surely or (kind.checks is False and bool(surely[family]))
            may_be = own_perhaps or (kind.checks is not True and bool(perhaps[family]))
            codes.append(CAN if is_sure else PERHAPS if may_be else CANNOT)
        return np.array(codes, np.uint8)

    # Beside each other

    def _beside(self) -> Iterator[Row]:
        """The answers for members of the domains that a destination's own feet are in."""
        net, alike = self._net, self._alike
        by_domain = defaultdict[str, list[str]](list)
        for name, foot in self._senders.items():
            by_domain[foot.domain].append(name)
        for number, (name, (to, at)) in enumerate(zip(self._names, self._ends, strict=True)):
            starts = [_Start(self._net, to, at, alike.taken[number])]
            starts += [
                _Start(self._net, leg.target.to, leg.target.at, None, leg.target.start)
                for leg in self._legs[alike.target_of[number]]
            ]
            for begun in starts:
                feet, taken = begun.feet(), begun.taken
                for domain in dict.fromkeys(foot.domain for foot in feet):
                    here = [f for f in feet if f.domain == domain]
                    is_open = taken is not None and all(taken[f] == EVERYTHING for f in here)
                    for place in by_domain.get(domain, ()):
                        sender = self._senders[place]
                        if sender.element == feet[0].element and sender.element in alike.router_of:
                            continue
                        told: Row | None
                        if is_open and self._is_plain(sender, here, at):
                            segment = net.segments.get(sender.segment or "")
                            rests = segment["origin"] if segment is not None else None
                            told = {"answer": "can", "because": None, "rests_on": rests or ""}
                        else:
                            arrived = {f: begun.arrived()[f] for f in here}
                            told = self._asking.passage(sender, arrived, at)
                        if told is not None:
                            yield {"place": place, "opening": name, **told}

    def _is_plain(self, sender: Foot, feet: Sequence[Foot], at: Destination) -> bool:
        """Whether all that it sends from its own address is taken in, whoever it is."""
        element = self._net.elements[sender.element]
        if self._net.binding(element, sender):
            return False
        if any(self._net.isolates(sender, f) for f in feet):
            return False
        return (
            sender.address is not None
            and at.address is not None
            and sender.address.version == at.address.version
        )


def _told(stories: Sequence["_Story"], sender: Foot, code: int) -> Row:
    """The answer for a sender, with the rows of one way that it can take."""
    ways = [(story, door, foot) for story in stories for door, foot in story.doors(sender)]
    if code == CAN and len(ways) == 1:
        story, door, _ = ways[0]
        return {"answer": "can", "because": None, "rests_on": story.rests(sender, door)}
    best: Row | None = None
    for story, door, foot in ways:
        row = story.told(sender, door, foot)
        if row is not None and (best is None or row["answer"] == "can"):
            best = row
        if best is not None and (best["answer"] == "can") == (code == CAN):
            break
    best = best or {"because": None, "rests_on": ""}
    because = best["because"] or "none of several ways is certain"
    return {
        "answer": "can" if code == CAN else "not known",
        "because": None if code == CAN else because,
        "rests_on": best["rests_on"],
    }


@dataclass(slots=True)
class _Start:
    """What comes to feet without a router between: worked out where it is asked for."""

    net: Forwarding
    to: Foot
    at: Destination
    taken: Mapping[Foot, int] | None
    _arrived: Arrived | None = None

    def feet(self) -> Sequence[Foot]:
        """The feet."""
        return list(self.arrived() if self.taken is None else self.taken)

    def arrived(self) -> Arrived:
        """What comes to each."""
        if self._arrived is None:
            begun = self.net.begun(self.to, self.at)
            self._arrived = {f: self.net.kept(f, self.at, p) for f, p in begun.items()}
        return self._arrived


class _Story:
    """How one example of a target is come to, told router by router."""

    def __init__(self, asking: Asking, alike: Alike, leg: Leg) -> None:
        self._asking, self._alike, self._target = asking, alike, leg.target
        self._arrived, self._parent = leg.arrived, leg.parent
        self._known: dict[int, LetThrough] = {}

    def doors(self, sender: Foot) -> list[tuple[int, Foot]]:
        """The doors that something comes to, of other elements in the sender's domain."""
        return [
            (door, foot)
            for door, foot in self._alike.doors_in[sender.domain]
            if self._arrived[door] != NOTHING and foot.element != sender.element
        ]

    def told(self, sender: Foot, door: int, foot: Foot) -> Row | None:
        """The answer for a sender by one door."""
        return self._asking.passage(sender, {foot: self._through(door)}, self._target.at)

    def rests(self, sender: Foot, door: int) -> str:
        """The rows that the way from a door rests on."""
        segment = self._alike.net.segments.get(sender.segment or "")
        here = segment["origin"] if segment is not None else None
        return "\n".join(dict.fromkeys(o for o in (here, *self._through(door).origins) if o))

    def _through(self, door: int) -> LetThrough:
        """What comes to a door by the first way that was found."""
        alike, target = self._alike, self._target
        steps: list[tuple[int, Way]] = []
        at_door, then = door, None
        while at_door not in self._known and then is None:
            way, then = self._first(at_door)
            steps.append((at_door, way))
            if then is None:
                at_door = alike.door_of[way.to]
        passed = self._known[at_door] if then is None else then
        for at, way in reversed(steps):
            element = alike.net.elements[alike.doors[at].element]
            passed = alike.net.through(element, alike.doors[at], way, target.at, passed)
            passed = alike.net.kept(alike.doors[at], target.at, passed)
            self._known[at] = passed
        return self._known[door]

    def _first(self, door: int) -> tuple[Way, LetThrough | None]:
        """The way from a door, and what its end takes in where that is the target itself."""
        alike, target = self._alike, self._target
        net, at = alike.net, target.at
        edge = int(self._parent[door])
        if edge >= 0 and alike.roads.edge_target[edge] < len(alike.feet):
            way = alike.ways[edge]
            return way, target.start.get(way.to)
        router = alike.router_of[alike.doors[door].element]
        if edge >= 0:
            way = alike.ways[edge]
            ends = [Way(way.out, foot, way.because) for foot in target.start]
        else:
            ends = [w for w in alike.near(at)[router.number] if w.to in target.start]
        for way in ends:
            then = target.start[way.to]
            passed = net.through(router.element, alike.doors[door], way, at, then)
            if passed.perhaps.any():
                return way, then
        return ends[0], target.start[ends[0].to]


def _mapped(
    sets: npt.NDArray[np.int64], become: Callable[[int], int]
) -> npt.NDArray[np.int64]:  # fmt: skip
    distinct, where = np.unique(sets, return_inverse=True)
    return np.array([become(n) for n in distinct.tolist()], np.int64)[where]


def _pairwise(
    one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], become: Callable[[int, int], int]
) -> npt.NDArray[np.int64]:
    distinct, where = np.unique(one << 31 | other, return_inverse=True)
    low = (1 << 31) - 1
    return np.array([become(n >> 31, n & low) for n in distinct.tolist()], np.int64)[where]


def _distinct(table: npt.NDArray[np.uint8]) -> tuple[list[int], list[int]]:
    """For each row the number of those equal to it, and one row of each number."""
    numbers: dict[bytes, int] = {}
    found, first = list[int](), list[int]()
    for at, row in enumerate(np.ascontiguousarray(table)):
        number = numbers.setdefault(row.tobytes(), len(first))
        if number == len(first):
            first.append(at)
        found.append(number)
    return found, first


def _shared(table: npt.NDArray[np.uint8], many: int, seed: int) -> npt.NDArray[np.uint8]:
    """What rows have in common with those that are equal to them in some columns."""
    table = np.ascontiguousarray(table)
    columns = np.random.default_rng(seed).permutation(table.shape[1])[:many]
    number_of, first = _distinct(table[:, columns])
    least = np.full((len(first), table.shape[1]), CAN, np.uint8)
    for row, number in enumerate(number_of):
        np.minimum(least[number], table[row], out=least[number])
    return least[number_of]


def _layers(table: npt.NDArray[np.uint8], members: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Tables of few different rows and columns, whose greatest together are the table.

    But for its own neighbourhood a target is like many others, and so is a sender: what they share
    is stated once, and what is more in a layer of its own. How layers are found decides how few
    answers there are, and not what they say.
    """
    rest = table
    for number in range(_MOST_LAYERS):
        if number % 2 == 0:
            rows, columns = _distinct(rest)[1], _distinct(rest.T)[1]
            if np.count_nonzero(rest[rows][:, columns]) * 8 < members:
                break
        many = _ROWS_LOOKED_AT << (number // 2)
        layer = _shared(rest.T, many, number).T if number % 2 == 0 else _shared(rest, many, number)
        yield layer
        rest = np.where(rest > layer, rest, np.uint8(CANNOT))
    yield rest
