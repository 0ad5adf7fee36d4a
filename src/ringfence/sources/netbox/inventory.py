"""What one NetBox file holds, by kind, with the place of each record.

A record either becomes a row or is set aside with a reason; `Records.aside` holds the reasons, so
that what was kept and what was not always add up to what was read.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import Generic, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.sources.netbox.records import KINDS, ContentType, Key, Kind, Record

_BY_LABEL = {kind.label: kind for kind in KINDS}
_NETBOX_NAME = re.compile(
    r"(?:circuits|dcim|ipam|tenancy|virtualization|vpn|wireless)[._/]|(?:core|extras|plugins|users)/"
)
_NO_KEY = "it has no number, slug or name to be keyed by"

R = TypeVar("R", bound=Record)
R_co = TypeVar("R_co", bound=Record, covariant=True)


class Places:
    """Where each record of a kind stands in its file: `#/results/5`, `:390`.

    Kept as runs of a head and numbers, since a hundred thousand texts are slow to make one by
    one and mostly differ in the number. A number of None is a place that is all head.
    """

    __slots__ = ("_numbers", "_runs", "_starts")

    def __init__(self, runs: Sequence[tuple[str, int]], numbers: Sequence[int | None]) -> None:
        self._runs = runs
        self._starts = [0, *accumulate(length for _, length in runs)]
        self._numbers = numbers

    def __getitem__(self, index: int) -> str:
        """The place of one record."""
        run = bisect_right(self._starts, index) - 1 if len(self._runs) > 1 else 0
        head = self._runs[run][0]
        number = self._numbers[index]
        return head if number is None else f"{head}{number}"

    def pick(self, indices: Sequence[int]) -> "Places":
        """The places of some records."""
        heads = [head for head, length in self._runs for _ in range(length)]
        runs = groupby(heads[index] for index in indices)
        return Places(
            [(head, sum(1 for _ in run)) for head, run in runs],
            [self._numbers[index] for index in indices],
        )

    def after(self, name: str) -> pa.Array:
        """All places as text, with the file's name before each."""
        numbers = pa.array(self._numbers, pa.int64()).cast(pa.string()).fill_null("")
        pieces = [
            pc.binary_join_element_wise(pa.scalar(name + head), numbers.slice(start, length), "")
            for (head, length), start in zip(self._runs, self._starts, strict=False)
        ]
        return pa.concat_arrays(pieces) if pieces else pa.array([], pa.string())


@dataclass(slots=True)
class Records(Generic[R_co]):
    """All records of one kind, in the order of the file.

    `aside` says of a record that the model has no place for it, and why; `faulty`, what is wrong
    with it. What neither names was kept.
    """

    kind: Kind
    rows: Sequence[R_co]
    keys: list[Key]
    places: Places
    aside: dict[int, str] = field(default_factory=dict)
    faulty: dict[int, str] = field(default_factory=dict)
    _at: dict[Key, int] | None = None

    def at(self, key: Key | None) -> int | None:
        """The position of the record of that key; None where the file does not hold it."""
        if key is None:
            return None
        if self._at is None:
            self._at = {k: i for i, k in enumerate(self.keys)}
        return self._at.get(key)

    def get(self, key: Key | None) -> R_co | None:
        """The record of that key."""
        at = self.at(key)
        return None if at is None else self.rows[at]

    def __iter__(self) -> Iterator[tuple[int, Key, R_co]]:
        """Position, key and record."""
        return zip(range(len(self.rows)), self.keys, self.rows, strict=True)

    def __len__(self) -> int:
        return len(self.rows)


_NONE = Places((), ())
_KIND_OF = {kind.record: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Bulk:
    """Records that nothing is read of: where the first stands, and how many there are."""

    name: str
    place: str
    rows: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that cannot be read."""

    place: str
    reason: str
    table: str | None
    content: str | None


@dataclass(slots=True)
class Inventory:
    """All that one file holds: records by kind, those of no use, and those at fault."""

    parts: dict[type[Record], Records[Record]]
    others: list[Bulk]
    faults: list[Fault]

    def of(self, record: type[R]) -> Records[R]:
        """The records of that class; none where the file has none."""
        part = self.parts.get(record)
        if part is None:
            part = self.parts[record] = Records(_KIND_OF[record], [], [], _NONE)
        return cast("Records[R]", part)


def natural_key(record: Record) -> Key | None:
    """The slug or name of a record that a dump gives no number."""
    if isinstance(record, ContentType):
        return f"{record.app_label}.{record.model}"
    key: Key | None = getattr(record, "slug", None) or getattr(record, "name", None)
    return key


class _Part:
    """Records of one kind while they are gathered."""

    __slots__ = ("keys", "numbers", "rows", "runs")

    def __init__(self) -> None:
        self.rows: list[Record] = []
        self.keys: list[Key | None] = []
        self.numbers: list[int | None] = []
        self.runs: list[tuple[str, int]] = []


class Collector:
    """Where all readers put what they find."""

    def __init__(self) -> None:
        self._parts: dict[str, _Part] = {}
        self._others: dict[str, list[tuple[str, int]]] = {}
        self._faults: list[Fault] = []
        self._is_known = False

    def add(
        self,
        kind: Kind,
        rows: Sequence[Record],
        keys: Sequence[Key | None],
        head: str,
        numbers: Sequence[int | None],
    ) -> None:
        """Records of a kind; `head` with its number is where each stands."""
        part = self._parts.setdefault(kind.label, _Part())
        part.rows += rows
        part.keys += keys
        part.numbers += numbers
        part.runs.append((head, len(rows)))

    def other(self, name: str, place: str, rows: int) -> None:
        """Records that nothing is read of."""
        if rows:
            self._others.setdefault(name, []).append((place, rows))

    def fault(
        self, place: str, reason: str, kind: Kind | None = None, content: bytes | None = None
    ) -> None:
        """A record that cannot be read."""
        self._is_known = self._is_known or kind is not None
        text = content[:400].decode("utf-8", "replace") if content else None
        self._faults.append(Fault(place, reason, kind.table if kind else None, text))

    @property
    def first_reason(self) -> str | None:
        """Why the first record at fault could not be read."""
        return self._faults[0].reason if self._faults else None

    @property
    def is_foreign(self) -> bool:
        """Records were found, or faults, and none of them is NetBox's."""
        if self._is_known or self._parts.keys() - {"contenttypes.contenttype"}:
            return False
        if any(_NETBOX_NAME.match(name) for name in self._others):
            return False
        return bool(self._parts or self._others or self._faults)

    def inventory(self) -> Inventory:
        """All that was found, each key once."""
        parts: dict[type[Record], Records[Record]] = {}
        for label, part in self._parts.items():
            kind = _BY_LABEL[label]
            parts[kind.record] = self._each_once(kind, part)
        others = [Bulk(n, at[0][0], sum(c for _, c in at)) for n, at in self._others.items()]
        return Inventory(parts, others, self._faults)

    def _each_once(self, kind: Kind, part: _Part) -> Records[Record]:
        places = Places(part.runs, part.numbers)
        if not kind.is_keyed and None in part.keys:
            return Records(kind, part.rows, list(range(len(part.rows))), places)
        distinct = set(part.keys)
        if None not in distinct and len(distinct) == len(part.keys):
            keys: list[Key] = part.keys  # type: ignore[assignment]  # no None is among them
            return Records(kind, part.rows, keys, places)
        first: dict[Key, int] = {}
        for index, key in enumerate(part.keys):
            if key is None:
                self.fault(places[index], _NO_KEY, kind)
            elif key in first:
                reason = f"{kind.label} {key} stands twice; first at {places[first[key]]}"
                self.fault(places[index], reason, kind)
            else:
                first[key] = index
        kept = list(first.values())
        return Records(kind, [part.rows[i] for i in kept], list(first), places.pick(kept))
