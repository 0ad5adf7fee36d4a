r"""Templates run in a process apart, which can be stopped.

Some templates hold a pattern such as `(\w+-?)+`. On a garbled line of eighty characters it tries
more ways than there is time for, and a search cannot be stopped from within. So the texts are
handed to a child, which answers in time or is ended; it is started at the first text, serves
all that follow, and ends when its parent does.
"""

import atexit
import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

from ringfence.errors import UnavailableError

LIMIT_S = 5.0
"""The templates' own examples take some milliseconds each."""

START_S: Final = 60.0

CHARACTERS_PER_S: Final = 200_000
"""What a long output is allowed beyond that; a template reads some millions of characters a second."""

Answer: TypeAlias = tuple[list[str], list[list[str | list[str]]]]
"""The names of a template's values, and the values of each record."""


class TooSlowError(Exception):
    """The template did not come to an end in time."""


class UnknownLineError(Exception):
    """The template met a line it does not know."""


class _Child:
    """The process that runs the templates, and the thread that hears its answers."""

    def __init__(self) -> None:
        code = "from ringfence.sources.command_output.templates import serve; serve()"
        self.parent = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 (our own code, by our own interpreter)
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()
        # Loading the templates takes its time, which is not that of the first text.
        try:
            is_ready = self._answers.get(timeout=START_S) != b""
        except queue.Empty:
            is_ready = False
        if not is_ready:
            self.end()
            raise UnavailableError(
                "the process that reads command output cannot be started",
                where=sys.executable,
                hint="check that this Python can import ringfence and ntc_templates",
            )

    def ask(self, name: str, text: str, limit_s: float) -> bytes:
        """What the child answers; nothing where it has ended."""
        assert self._process.stdin is not None  # noqa: S101 (it is a pipe)
        try:
            self._process.stdin.write(json.dumps([name, text]).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return b""
        try:
            return self._answers.get(timeout=limit_s)
        except queue.Empty:
            raise TooSlowError from None

    def end(self) -> None:
        """Stop it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._ear.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 (it is a pipe)
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(b"")


_LOCK: Final = threading.Lock()
_children: list[_Child] = []


def run(name: str, text: str) -> Answer:
    """Run a template over a text.

    Raises `UnknownLineError` with the line, `TooSlowError` where it comes to no end, and
    `UnavailableError` where no process can be started.
    """
    limit_s = LIMIT_S + len(text) / CHARACTERS_PER_S
    with _LOCK:
        # A process that was forked has its parent's child, which must not hear from two.
        if _children and _children[0].parent != os.getpid():
            _children.clear()
        if not _children:
            _children.append(_Child())
        try:
            answer = _children[0].ask(name, text, limit_s)
        except TooSlowError:
            _end()
            raise
        if not answer:
            _end()
            raise TooSlowError
    said = json.loads(answer)
    if isinstance(said, str):
        raise UnknownLineError(said)
    header, rows = said
    return header, rows


def answer_all(run_here: Callable[[str, str], Answer]) -> None:
    """Answer what stands on the standard input, a line each; the child's whole work."""
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        name, text = json.loads(line)
        said: object
        # A parent that was killed cannot stop its child any more; then the child ends by itself.
        _ring_in(2 * (LIMIT_S + len(text) / CHARACTERS_PER_S))
        try:
            said = run_here(name, text)
        except UnknownLineError as error:
            said = str(error)
        sys.stdout.buffer.write(json.dumps(said).encode() + b"\n")
        sys.stdout.buffer.flush()
        if hasattr(signal, "alarm"):
            signal.alarm(0)


def _ring_in(seconds: float) -> None:
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(seconds))


def _end() -> None:
    while _children:
        child = _children.pop()
        if child.parent == os.getpid():
            child.end()


atexit.register(_end)
