"""One function over many parts: in this process, in processes of its own, or on a Ray cluster.

The order of the answers is the order of the parts, so the way of running never shows in a result.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import get_context
from typing import Any, Literal, TypeVar

from ringfence.errors import UnavailableError

Part = TypeVar("Part")
Answer = TypeVar("Answer")

Way = Literal["processes", "ray"]

RETRIES = 3
"""A part whose worker died is run anew so many times: a machine of a cluster may go at any time,
but a part that kills each worker it meets must come to an end."""


def map(  # noqa: A001
    function: Callable[[Part], Answer],
    parts: Iterable[Part],
    *,
    jobs: int = 1,
    way: Way = "processes",
) -> Iterator[Answer]:
    """Yield `function(part)` for each part, in the order of the parts.

    With `jobs` above 1 the parts run in that many processes; `function` must then be one that a
    fresh process can import, and parts and answers such as can be pickled. An error of a part is
    raised when its turn comes. Raises `UnavailableError` where a process died.

    With the way `ray` they run on the cluster that `RAY_ADDRESS` names, or that the caller joined;
    else on one of `jobs` workers started on this machine for the while. A part whose worker dies
    is run anew, up to `RETRIES` times. Raises `UnavailableError` where Ray is not installed.
    """
    listed = list(parts)
    if way == "ray":
        yield from _on_ray(function, listed, jobs)
        return
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


def _on_ray(function: Callable[[Part], Answer], parts: list[Part], jobs: int) -> Iterator[Answer]:
    # Started under `uv run`, Ray would build each worker an environment of its own, from the network.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        ray: Any = import_module("ray")
        faults: Any = import_module("ray.exceptions")
    except ImportError:
        raise UnavailableError(
            "Ray is not installed", hint="install the extra: ringfence[cluster]"
        ) from None
    is_own = not ray.is_initialized()
    if is_own:
        _join(ray, jobs)
    try:
        # An error of the part itself is no fault of the worker and is not tried again.
        task = ray.remote(max_retries=RETRIES, retry_exceptions=False)(function)
        # A few parts ahead of those that run, lest all of them lie in the cluster's memory.
        ahead = 2 * max(jobs, int(ray.cluster_resources().get("CPU", 1)))
        waiting: deque[Any] = deque()
        for part in parts:
            waiting.append(task.remote(part))
            if len(waiting) >= ahead:
                yield ray.get(waiting.popleft())
        while waiting:
            yield ray.get(waiting.popleft())
    except faults.RayTaskError as error:
        raise error.cause from None
    except faults.RayError as error:
        raise UnavailableError(
            f"the cluster lost a part {RETRIES + 1} times: {type(error).__name__}",
            hint="its worker may have run out of memory: make the parts fewer with --jobs",
        ) from None
    finally:
        if is_own:
            ray.shutdown()


def _join(ray: Any, jobs: int) -> None:
    """Join the cluster that `RAY_ADDRESS` names, or start one on this machine."""
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if not os.environ.get("RAY_ADDRESS"):
            settings |= {"num_cpus": max(1, jobs), "include_dashboard": False}
        ray.init(**settings)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise UnavailableError(
            f"the cluster cannot be joined: {str(error).splitlines()[0]}",
            where=os.environ.get("RAY_ADDRESS"),
            hint="see that it runs, or leave RAY_ADDRESS out",
        ) from error
