"""The decorators give exact arithmetic, compiled and interpreted alike."""

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from numba import prange
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel, parallel_kernel

Squares = Callable[[NDArray[np.uint64], NDArray[np.uint64]], None]
WRAPS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def _squares(values: NDArray[np.uint64], out: NDArray[np.uint64]) -> None:
    for i in range(values.shape[0]):
        out[i] = values[i] * values[i] + np.uint64(1)


def _squares_on_all_cores(values: NDArray[np.uint64], out: NDArray[np.uint64]) -> None:
    for i in prange(values.shape[0]):
        out[i] = values[i] * values[i] + np.uint64(1)


@pytest.mark.parametrize("compiled", [kernel(_squares), parallel_kernel(_squares_on_all_cores)])
def test_kernels_wrap_around_without_a_warning(compiled: Squares) -> None:
    values = np.array([0, 5, WRAPS], dtype=np.uint64)
    out = np.empty_like(values)
    compiled(values, out)
    assert out.tolist() == [1, 26, 2]


def test_the_kernels_pass_their_tests_interpreted() -> None:
    """The same tests in a process without compilation, with warnings as errors."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/kernels/test_slots.py",
        "-k",
        "largest or edge or limits or carries or above",
    ]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout
