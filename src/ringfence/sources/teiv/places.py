"""Where a record stands, kept as numbers and written out once, for those alone that become rows.

A place is three numbers: the turn, which says of which event (or row of a dump) a record is; the
spot, which says where in that its list stands; and its index in the list. Text for each of millions
of records would take longer to make than the records take to read.
"""

from array import array
from itertools import count
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "BARE",
    "ENTITIES",
    "ITEMS",
    "RELATIONSHIPS",
    "SECTIONS",
    "DumpPlaces",
    "EventPlaces",
    "Places",
    "spots",
]

ENTITIES, RELATIONSHIPS, ITEMS, BARE = range(4)
"""The lists of groups in an event or answer; `BARE` is an answer that is one group by itself."""

SECTIONS: Final = (".data.entities", ".data.relationships", ".items", "")
"""What a place says of each; of `BARE` nothing."""

_SECTION: Final = 1 << 60
_MOST_TEXTS: Final = 1024
_MOST_INDEX: Final = 1 << 20


class Places(Protocol):
    """How a sort of file writes its places; `turn` numbers are given out by `begin`."""

    def begin(self, number: int) -> int:
        """The turn of the event or row that has this number in the file."""
        ...

    def text(self, turn: int, spot: int, index: int, of: str) -> str:
        """One place; `of` is the name of the type of the record."""
        ...

    def texts(self, head: str, rows: pa.Table, of: str) -> pa.ChunkedArray:
        """The places of rows with `turn`, `spot` and `index`, each behind `head`."""
        ...


class _Numbered:
    """Turns by their numbers in the file; the first turn is 1."""

    def __init__(self) -> None:
        self.numbers = array("q", [0])

    def begin(self, number: int) -> int:
        """The turn of the event or row that has this number in the file."""
        self.numbers.append(number)
        return len(self.numbers) - 1

    def _texts_of(self, turns: pa.ChunkedArray) -> pa.ChunkedArray:
        numbers = pa.array(np.frombuffer(self.numbers, np.int64))
        return numbers.take(turns).cast(pa.string())


class EventPlaces(_Numbered):
    """Places in events: `$[7].data.entities[1].ODUFunction[0]` of a list, else with the line."""

    def __init__(self) -> None:
        super().__init__()
        self.is_list = False

    def event(self, number: int) -> str:
        """The place of an event."""
        return f"$[{number}]" if self.is_list else f"{number}:$"

    def text(self, turn: int, spot: int, index: int, of: str) -> str:
        """One place."""
        return f"{self.group(self.numbers[turn], spot)}.{of}[{index}]"

    def group(self, number: int, spot: int) -> str:
        """The place of a group in the event of that number."""
        return f"{self.event(number)}{_group(spot)}"

    def texts(self, head: str, rows: pa.Table, of: str) -> pa.ChunkedArray:
        """The places of rows, each behind `head`."""
        before, behind = (f"{head}$[", "]") if self.is_list else (head, ":$")
        encoded = rows["spot"].combine_chunks().dictionary_encode()
        groups = [f"{behind}{_group(spot)}.{of}[" for spot in encoded.dictionary.to_pylist()]
        spots, indexes = encoded.indices.cast(pa.int64()), rows["index"].cast(pa.int64())
        most = (pc.max(indexes).as_py() or 0) + 1
        if most < _MOST_INDEX:
            # Few records have company in their list, so few texts are different but for the event.
            keys = pc.add(pc.multiply(spots, most), indexes).combine_chunks().dictionary_encode()
            if len(keys.dictionary) <= _MOST_TEXTS:
                found = [divmod(key, most) for key in keys.dictionary.to_pylist()]
                tails = pa.array([f"{groups[at]}{index}]" for at, index in found], pa.string())
                return _joined(before, self._texts_of(rows["turn"]), tails.take(keys.indices))
        middles = pa.array(groups, pa.string()).take(spots)
        index = indexes.cast(pa.string())
        return _joined(before, self._texts_of(rows["turn"]), middles, index, "]")


class DumpPlaces(_Numbered):
    """Places in a dump: the line, and for what a column says, the column."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = {"": 0}

    def spot(self, column: str) -> int:
        """The spot of a column; 0 is the row."""
        return self.columns.setdefault(column, len(self.columns))

    def text(self, turn: int, spot: int, index: int, of: str) -> str:  # noqa: ARG002  # of events
        """One place."""
        return f":{self.numbers[turn]}{self._tails()[spot]}"

    def texts(self, head: str, rows: pa.Table, of: str) -> pa.ChunkedArray:  # noqa: ARG002  # of events
        """The places of rows, each behind `head`."""
        tails = pa.array(self._tails(), pa.string()).take(rows["spot"])
        return _joined(head, self._texts_of(rows["turn"]), tails)

    def _tails(self) -> list[str]:
        return [f" {column}" if column else "" for column in self.columns]


def spots(section: int, first: int = 0) -> "count[int]":
    """The spots of the groups of a section, from the group of number `first` on."""
    return count(section * _SECTION + first)


def _group(spot: int) -> str:
    section, number = divmod(spot, _SECTION)
    return f"{SECTIONS[section]}[{number}]" if section != BARE else ""


def _joined(*parts: object) -> pa.ChunkedArray:
    scalars = [pa.scalar(part, pa.string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*scalars, pa.scalar("", pa.string()))
