"""The one way to compile a kernel. Never fastmath: modular arithmetic is exact or wrong."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for one core, without the interpreter lock."""
    return _compiled(function, parallel=False)


def parallel_kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for all cores; loops over `numba.prange` are split.

    A process that ran one must not fork workers that run another: OpenMP ends them.
    """
    return _compiled(function, parallel=True)


def _compiled(function: Callable[P, R], *, parallel: bool) -> Callable[P, R]:
    compiled = numba.njit(cache=True, nogil=True, boundscheck=False, parallel=parallel)(function)
    if compiled is function:
        # NUMBA_DISABLE_JIT: wrap-around of uint64 scalars is as intended as it is compiled, but numpy warns of it.
        return np.errstate(over="ignore")(function)
    return cast("Callable[P, R]", compiled)
