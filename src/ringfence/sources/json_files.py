"""JSON too long for memory, read a slice at a time.

An export of a country is one list of millions of objects, one object with a list that long inside,
or a value a line. `JsonReader` walks down to the long list and hands out slices of whole elements,
each at most `WINDOW_BYTES` of the file, for a typed decoder to read in one go. What the decoder
gets is always well formed JSON: where an element ends is guessed first, from how the first two are
parted, and a guess that does not decode is replaced by a count of brackets. So the common file
costs little more than its decoding, and no file is cut in the wrong place.

A value that must be read whole and is longer than a window is refused: it is no record.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from ringfence.errors import SourceError

__all__ = ["WINDOW_BYTES", "JsonReader", "Slice"]

WINDOW_BYTES: Final = 256 * 1024
"""So much of the file is looked at together; more does not read faster."""

_MARK: Final = b"\xef\xbb\xbf"
_BLANK: Final = re.compile(rb"[ \t\r\n]*")
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_SCALAR: Final = re.compile(rb"[-+.\w]+")
_ESCAPE: Final = re.compile(rb"\\.", re.DOTALL)
_NEXT_KEY: Final = re.compile(rb'\}[ \t\r\n]*,[ \t\r\n]*\{[ \t\r\n]*"(?:[^"\\]|\\.)*+"', re.DOTALL)
_TRIED_BYTES: Final = (16 * 1024, 128 * 1024, 1 << 62)
_TOGETHER_BYTES: Final = 96 * 1024
_MOST_GUESSES_WRONG: Final = 3
_MOST_LEVELS: Final = 32
_BRACKETS: Final = b"[]"
_PROBLEMS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_STEPS: Final = np.zeros(256, np.int8)
_STEPS[[ord("{"), ord("[")]] = 1
_STEPS[[ord("}"), ord("]")]] = -1
_STEPS[ord('"')] = 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """Elements that follow one another, the first being number `first` of its list.

    `values` is null where at least one of them is not of the decoder's type: `raws` then gives
    each for itself. Both are null where the next element is longer than a window; the reader then
    stands at its beginning, and it must be consumed before the next slice is asked for.

    Of the values of a file, `line` is that of the first, and several stand in a line each. `text`
    is what several were decoded from, to be asked for only before the next slice.
    """

    first: int
    values: list[T] | None
    raws: list[msgspec.Raw] | None = None
    line: int = 0
    text: memoryview | None = None

    def each(self) -> list[msgspec.Raw]:
        """What each value was decoded from."""
        if self.raws is not None or self.text is None:
            return self.raws or []
        if self.line:
            lines = bytes(self.text).removesuffix(b"\n").split(b"\n")
            return [msgspec.Raw(line) for line in lines]
        return msgspec.json.decode(b"".join((b"[", self.text, b"]")), type=list[msgspec.Raw])


class JsonReader:
    """A cursor over a JSON file. Errors are `SourceError` with the line."""

    def __init__(self, path: Path, *, window: int = WINDOW_BYTES, offset: int = 0) -> None:
        self._path = path
        self._window = window
        self._line, self._counted_to = 1, 0
        self._levels = 0
        # One buffer for all of the file stays in the processor's cache. What is read begins at 1,
        # so that a bracket can be put before it.
        self._buffer = bytearray(1 + 2 * window)
        self._view = memoryview(self._buffer)
        self._at = self._end = 1
        self._offset = offset - 1
        self._ended = False
        try:
            self._file = path.open("rb", buffering=0)
            self._file.seek(offset)
            self._fill(len(_MARK))
        except OSError as error:
            raise SourceError(
                f"cannot be read: {error.strerror or error}", where=str(path)
            ) from None
        if offset == 0 and self._buffer.startswith(_MARK, self._at, self._end):
            self._at += len(_MARK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def line(self) -> int:
        """The line the cursor is in."""
        # Counted only when asked: a file that is sound pays nothing for it.
        begins_at = self._offset + 1
        if self._counted_to < begins_at:
            self._line += _count_lines(self._path, self._counted_to, begins_at)
            self._counted_to = begins_at
        self._line += self._buffer.count(b"\n", self._counted_to - self._offset, self._at)
        self._counted_to = self._offset + self._at
        return self._line

    def fault(self, message: str, hint: str | None = None) -> SourceError:
        """An error at the cursor."""
        return SourceError(message, where=f"{self._path}:{self.line}", hint=hint)

    def peek(self) -> bytes:
        """The first byte of what comes next; empty at the end of the file."""
        while True:
            blank = _BLANK.match(self._buffer, self._at, self._end)
            if blank is not None:
                self._at = blank.end()
            if self._at < self._end:
                return bytes(self._view[self._at : self._at + 1])
            if self._ended:
                return b""
            self._fill(1)

    def members(self) -> Iterator[str]:
        """The keys of the object at the cursor; each value must be consumed in turn."""
        self._take(b"{")
        self._enter()
        is_first = True
        while (key := self._next_key(is_first=is_first)) is not None:
            yield key
            is_first = False
        self._levels -= 1

    def whole(self) -> bytes | None:
        """The value at the cursor, consumed; None, and nothing consumed, where it is too long."""
        end = self._end_of_value()
        if end is None:
            return None
        value = bytes(self._view[self._at : end])
        self._at = end
        return value

    def skip(self) -> None:
        """Consume the value at the cursor, however long."""
        if self.whole() is not None:
            return
        if self.peek() not in (b"{", b"["):
            raise self.fault("a text or number in it is longer than any record")
        depth, in_string = 0, False
        while True:
            data = bytes(self._view[self._at : self._end])
            if (len(data) - len(data.rstrip(b"\\"))) % 2:
                # A cut behind a backslash would take an escaped quote for a real one.
                data = data[:-1]
            places, depths, in_string = _walk(data, depth, in_string=in_string)
            ends = np.flatnonzero(depths == 0)
            if len(ends):
                self._at += int(places[ends[0]]) + 1
                return
            depth = int(depths[-1]) if len(depths) else depth
            self._at += len(data)
            if self._ended:
                raise self._cut_off()
            self._fill(self._window)

    def later(self, key: str) -> bytes | None:
        """The value of a key further on in the object whose value the cursor stands at.

        Nothing is consumed. It costs a walk over what lies between.
        """
        place = self._offset + self._at
        with JsonReader(self._path, window=self._window, offset=place) as other:
            other.skip()
            while (found := other._next_key(is_first=False)) is not None:
                if found == key:
                    return other.whole()
                other.skip()
        return None

    def slices(self, decoder: msgspec.json.Decoder[list[T]]) -> Iterator[Slice[T]]:
        """The elements of the list at the cursor."""
        self._take(b"[")
        self._enter()
        first, parting, wrong = 0, None, 0
        if self.peek() == b"]":
            self._at += 1
            self._levels -= 1
            return
        while True:
            found, end = None, None
            if parting is not None and wrong < _MOST_GUESSES_WRONG:
                end = self._guess(parting)
                found = self._guessed(decoder, end, first) if end is not None else None
                wrong += found is None
            if found is None:
                self._fill(self._window)
                end, parting = self._end_of_elements(parting)
                found = self._decoded(decoder, end, first) if end is not None else None
            if found is None or end is None:
                at = self._offset + self._at
                yield Slice(first, None)
                if self._offset + self._at == at:
                    raise self.fault("an element of the list is longer than any record")
                first += 1
            else:
                self._at = end
                yield found
                first += len(found.values if found.values is not None else found.raws or ())
            if not self._goes_on():
                self._levels -= 1
                return

    def values(self, decoder: msgspec.json.Decoder[T]) -> Iterator[Slice[T]]:
        """The values of a file that holds one after another, a line each or not.

        Where each has a line for itself, a line that is no JSON is a slice of that one as `raws`,
        for the caller to find the fault in. Elsewhere it ends the reading with an error.
        """
        number = 0
        if self._is_by_line():
            for found in self._lines(decoder):
                yield found
                number = found.first + (1 if found.values is None else len(found.values))
        while self.peek():
            line = self.line
            self._fill(self._window)
            end_of_value = self._end_of_value()
            if end_of_value is None:
                at = self._offset + self._at
                yield Slice(number, None, line=line)
                if self._offset + self._at == at:
                    raise self.fault("a value is longer than any record")
            else:
                raw = bytes(self._view[self._at : end_of_value])
                values, problem = _decode(decoder, raw)
                if problem is not None:
                    raise self._malformed(problem, raw)
                self._at = end_of_value
                yield Slice(number, values, [msgspec.Raw(raw)], line)
            number += 1

    def _lines(self, decoder: msgspec.json.Decoder[T]) -> Iterator[Slice[T]]:
        """Values a line each, up to a line that is longer than a window, if there is one."""
        line, number = self.line, 0
        while True:
            if self._buffer.find(b"\n", self._at, self._end) < 0:
                self._fill(self._window)
            start, end = self._at, self._end
            if not self._ended or end - start > _TOGETHER_BYTES:
                reach = min(start + _TOGETHER_BYTES, end)
                end = (self._buffer.rfind(b"\n", start, reach) + 1) or (
                    self._buffer.rfind(b"\n", start, end) + 1
                )
            if end <= start:
                return
            values = self._decoded_lines(decoder, start, end)
            if values is not None:
                self._at = end
                yield Slice(number, values, line=line, text=self._view[start:end])
                number += len(values)
                line += len(values)
                continue
            while start < end:
                stop = self._buffer.find(b"\n", start, end) + 1 or end
                if stop - start > self._window:
                    return
                raw = bytes(self._view[start:stop])
                self._at = start = stop
                if not raw.isspace():
                    yield Slice(number, _decode(decoder, raw)[0], [msgspec.Raw(raw)], line)
                    number += 1
                line += 1

    def _decoded_lines(
        self, decoder: msgspec.json.Decoder[T], start: int, end: int
    ) -> list[T] | None:
        """The values of lines; null where one is not sound, blank or longer than a window."""
        values: list[T] = []
        view, find = self._view, self._buffer.find
        try:
            while start < end:
                stop = find(b"\n", start, end) + 1 or end
                if stop - start > self._window:
                    return None
                values.append(decoder.decode(view[start:stop]))
                start = stop
        except _PROBLEMS:
            return None
        return values

    def _is_by_line(self) -> bool:
        """Whether the first line holds a value whole."""
        self.peek()
        self._fill(self._window)
        end = self._buffer.find(b"\n", self._at, self._end)
        if end < 0:
            return False
        try:
            msgspec.json.decode(self._view[self._at : end], type=msgspec.Raw)
        except _PROBLEMS:
            return False
        return True

    def _guessed(
        self, decoder: msgspec.json.Decoder[list[T]], end: int, first: int
    ) -> Slice[T] | None:
        """The elements up to where the last of them is thought to end; null where it does not."""
        # Decoded where they stand: a copy with brackets about it would cost a tenth more.
        start, buffer = self._at - 1, self._buffer
        before, behind = buffer[start], buffer[end]
        buffer[start], buffer[end] = _BRACKETS
        try:
            data = self._view[start : end + 1]
            try:
                return Slice(first, decoder.decode(data), text=data[1:-1])
            except (msgspec.ValidationError, UnicodeDecodeError):
                return Slice(first, None, msgspec.json.decode(bytes(data), type=list[msgspec.Raw]))
        except _PROBLEMS:
            return None
        finally:
            buffer[start], buffer[end] = before, behind

    def _decoded(self, decoder: msgspec.json.Decoder[list[T]], end: int, first: int) -> Slice[T]:
        """The elements up to where the last of them ends."""
        data = b"".join((b"[", self._view[self._at : end], b"]"))
        try:
            return Slice(first, decoder.decode(data), text=memoryview(data)[1:-1])
        except (msgspec.ValidationError, UnicodeDecodeError):
            pass
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._malformed(str(error), data) from None
        try:
            return Slice(first, None, msgspec.json.decode(data, type=list[msgspec.Raw]))
        except _PROBLEMS as error:
            raise self._malformed(str(error), data) from None

    def _guess(self, parting: bytes) -> int | None:
        # What is decoded together should stay in the processor's cache.
        for reach in (min(_TOGETHER_BYTES, self._window), self._window):
            self._fill(reach)
            at = self._buffer.rfind(parting, self._at, min(self._at + reach, self._end))
            if at > self._at:
                return at + 1
        return None

    def _end_of_elements(self, parting: bytes | None) -> tuple[int | None, bytes | None]:
        """Where the last whole element of the window ends, and how elements are parted."""
        data = bytes(self._view[self._at : min(self._at + self._window, self._end)])
        places, depths, _ = _walk(data, 0, in_string=False)
        below = np.flatnonzero(depths < 0)
        if len(below) and not places[below[0]]:
            raise self.fault("the JSON is not well formed")
        if len(below):
            return self._at + int(places[below[0]]), parting
        ends = np.flatnonzero(depths == 0)
        if not len(ends):
            if self._ended and self._end - self._at <= self._window:
                raise self._cut_off()
            return None, parting
        if parting is None:
            next_key = _NEXT_KEY.match(data, int(places[ends[0]]))
            parting = next_key[0] if next_key else None
        return self._at + int(places[ends[-1]]) + 1, parting

    def _end_of_value(self) -> int | None:
        """Where the value at the cursor ends, if within a window."""
        first = self.peek()
        if first in (b"{", b"["):
            for size in sorted({min(size, self._window) for size in _TRIED_BYTES}):
                self._fill(size)
                data = bytes(self._view[self._at : min(self._at + size, self._end)])
                places, depths, _ = _walk(data, 0, in_string=False)
                ends = np.flatnonzero(depths == 0)
                if len(ends):
                    return self._at + int(places[ends[0]]) + 1
            if self._end - self._at < self._window:
                raise self._cut_off()
            return None
        self._fill(self._window)
        found = (_STRING if first == b'"' else _SCALAR).match(
            self._buffer, self._at, min(self._at + self._window, self._end)
        )
        if found is not None:
            return found.end()
        if first == b"" or (first == b'"' and self._end - self._at < self._window):
            raise self._cut_off()
        if first == b'"':
            return None
        raise self.fault("the JSON is not well formed")

    def _next_key(self, *, is_first: bool) -> str | None:
        """The next key of an object, with its colon; None at the object's end, consumed too."""
        byte = self.peek()
        if byte == b"}":
            self._at += 1
            return None
        if not is_first:
            self._take(b",")
            byte = self.peek()
        if byte != b'"':
            raise self._cut_off() if not byte else self.fault("the JSON is not well formed")
        raw = self.whole()
        if raw is None:
            raise self.fault("a key in it is longer than any name")
        try:
            key = msgspec.json.decode(raw, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self.fault("a key in it is not well formed JSON") from None
        self._take(b":")
        return key

    def _goes_on(self) -> bool:
        """Consume what comes after an element: a comma, or the list's end."""
        byte = self.peek()
        if byte == b",":
            self._at += 1
            return True
        self._take(b"]")
        return False

    def _take(self, byte: bytes) -> None:
        found = self.peek()
        if found != byte:
            raise self._cut_off() if not found else self.fault("the JSON is not well formed")
        self._at += 1

    def _enter(self) -> None:
        self._levels += 1
        if self._levels > _MOST_LEVELS:
            raise self.fault("lists or objects are nested too deep")

    def _fill(self, size: int) -> None:
        """Have `size` bytes from the cursor on in the buffer, at most a window, or all there are."""
        rest = self._end - self._at
        if self._ended or rest >= size:
            return
        view = self._view
        view[1 : 1 + rest] = view[self._at : self._end]
        self._offset += self._at - 1
        self._at, self._end = 1, 1 + rest
        try:
            while self._end - self._at < size:
                read = self._file.readinto(view[self._end :])
                if not read:
                    self._ended = True
                    break
                self._end += read
        except OSError as error:
            raise self.fault(f"cannot be read: {error.strerror or error}") from None

    def _cut_off(self) -> SourceError:
        return self.fault("the JSON is cut off: it has no end", "make the export again")

    def _malformed(self, problem: str, data: bytes) -> SourceError:
        at = re.search(r"\(byte (\d+)\)", problem)
        line = self.line + (data.count(b"\n", 0, int(at[1])) if at else 0)
        return SourceError("the JSON is not well formed", where=f"{self._path}:{line}")


def _walk(
    data: bytes, depth: int, *, in_string: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], bool]:
    """The places of brackets outside text, how deep it is behind each, and whether text goes on."""
    if b"\\" in data:
        data = _ESCAPE.sub(b"__", data)
    steps = _STEPS[np.frombuffer(data, np.uint8)]
    places = np.flatnonzero(steps)
    steps = steps[places]
    is_quote = steps == 2
    within = np.logical_xor.accumulate(is_quote) if len(places) else is_quote
    if in_string:
        within = ~within
    counts = ~(is_quote | within)
    depths = np.cumsum(steps[counts], dtype=np.int32) + np.int32(depth)
    return places[counts], depths, bool(within[-1]) if len(places) else in_string


def _count_lines(path: Path, start: int, end: int) -> int:
    """How many lines end between two places of a file."""
    lines = 0
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            while start < end and (part := file.read(min(end - start, WINDOW_BYTES))):
                lines += part.count(b"\n")
                start += len(part)
    except OSError:
        # The file was there a moment ago; what is wrong with it matters more than the line.
        return lines
    return lines


def _decode(decoder: msgspec.json.Decoder[T], raw: bytes) -> tuple[list[T] | None, str | None]:
    """The value, in a list, or null where it is of another type; and what is wrong with the JSON."""
    try:
        return [decoder.decode(raw)], None
    except (msgspec.ValidationError, UnicodeDecodeError):
        problem = None
    except (msgspec.DecodeError, RecursionError) as error:
        return None, str(error)
    try:
        # What is of another type may also be broken further on.
        msgspec.json.decode(raw, type=msgspec.Raw)
    except _PROBLEMS as error:
        problem = str(error)
    return None, problem
