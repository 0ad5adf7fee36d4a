"""One function over many parts: in this process, or in processes of its own.

The order of the answers is the order of the parts, so the way of running never shows in a result.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from ringfence.errors import UnavailableError

Part = TypeVar("Part")
Answer = TypeVar("Answer")


def map(  # noqa: A001
    function: Callable[[Part], Answer], parts: Iterable[Part], *, jobs: int = 1
) -> Iterator[Answer]:
    """Yield `function(part)` for each part, in the order of the parts.

    With `jobs` above 1 the parts run in that many processes; `function` must then be one that a
    fresh process can import, and parts and answers such as can be pickled. An error of a part is
    raised when its turn comes. Raises `UnavailableError` where a process died.
    """
    listed = list(parts)
    if jobs <= 1 or len(listed) <= 1:
        for part in listed:
            yield function(part)
        return
    # A forked child could inherit a lock that one of the engine's threads held.
    context = get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(listed)), mp_context=context) as pool:
        waiting: list[Future[Answer]] = []
        try:
            waiting += [pool.submit(function, part) for part in listed]
            for future in waiting:
                yield future.result()
        except BrokenProcessPool:
            raise UnavailableError(
                "a worker process ended unexpectedly",
                hint="it may have run out of memory: try fewer with --jobs",
            ) from None
        finally:
            for future in waiting:
                future.cancel()
