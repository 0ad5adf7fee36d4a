"""Sets of packets by number: a network has many routers, and few sets that pass them."""

import numpy as np
import numpy.typing as npt

from ringfence.exposure.arrays import Flags
from ringfence.exposure.filters import LetThrough, Packets
from ringfence.exposure.spreading import EVERYTHING, NOTHING


class Numbers:
    """Sets of packets by number."""

    def __init__(self, packets: Packets) -> None:
        self._packets = packets
        self._size = len(packets.none().surely)
        self._numbers: dict[bytes, int] = {}
        self.surely: list[npt.NDArray[np.uint8]] = []
        self.perhaps: list[npt.NDArray[np.uint8]] = []
        self._both: dict[tuple[int, int], int] = {}
        self._either: dict[tuple[int, int], int] = {}
        for passed in (packets.none(), packets.all()):
            self._number(passed)

    def of(self, passed: LetThrough) -> int:
        """The number of a set."""
        return EVERYTHING if passed.is_everything else self._number(passed)

    def _number(self, passed: LetThrough) -> int:
        return self._packed(np.packbits(passed.surely), np.packbits(passed.perhaps))

    def _packed(self, surely: npt.NDArray[np.uint8], perhaps: npt.NDArray[np.uint8]) -> int:
        key = surely.tobytes() + perhaps.tobytes()
        number = self._numbers.setdefault(key, len(self.surely))
        if number == len(self.surely):
            self.surely.append(surely)
            self.perhaps.append(perhaps)
        return number

    def flags(self, number: int) -> tuple[Flags, Flags]:
        """Which sorts are in a set: surely, and perhaps."""
        surely, perhaps = (
            np.unpackbits(packed[number], count=self._size).astype(np.bool_)
            for packed in (self.surely, self.perhaps)
        )
        return surely, perhaps

    def let(self, number: int) -> LetThrough:
        """A set without what it rests on."""
        return LetThrough(*self.flags(number))

    def both(self, one: int, other: int) -> int:
        """What is in two sets."""
        if NOTHING in (one, other):
            return NOTHING
        if one in {EVERYTHING, other}:
            return other
        if other == EVERYTHING:
            return one
        key = (one, other) if one < other else (other, one)
        if key not in self._both:
            self._both[key] = self._packed(
                self.surely[one] & self.surely[other], self.perhaps[one] & self.perhaps[other]
            )
        return self._both[key]

    def either(self, one: int, other: int) -> int:
        """What is in one set or the other."""
        if other in {one, NOTHING}:
            return one
        if one == NOTHING:
            return other
        key = (one, other) if one < other else (other, one)
        if key not in self._either:
            self._either[key] = self._packed(
                self.surely[one] | self.surely[other], self.perhaps[one] | self.perhaps[other]
            )
        return self._either[key]

    def perhaps_only(self, number: int) -> int:
        """The same with nothing certain."""
        return self._packed(np.zeros_like(self.surely[number]), self.perhaps[number])
