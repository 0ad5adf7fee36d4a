"""Functions over arrays that are compiled when first called, and kept compiled on disk."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compile a function of arrays and numbers.

    It runs without the interpreter's lock. Integers of one signedness must not meet those of the
    other: their sum would be a float.
    """
    return cast(
        "Callable[Arguments, Result]",
        numba.njit(cache=True, nogil=True, boundscheck=False)(function),
    )
