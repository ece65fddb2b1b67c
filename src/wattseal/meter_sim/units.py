"""Reads in the unit of their region, as registers that show only whole units would give them."""

import numpy as np
from numpy.typing import NDArray


def in_units(wh: NDArray[np.int64], factor: int) -> NDArray[np.int64]:
    """Reads of shape (meters, intervals) in units of `factor` Wh.

    What is left of a unit goes on to the next interval, so that each day, and each part of it from its beginning, is
    at most half a unit off. Raises ValueError unless `factor` is positive.
    """
    if factor < 1:
        raise ValueError(f"a unit of {factor} Wh: must be positive")
    if factor == 1:
        return wh
    index = (np.cumsum(wh, axis=1) + factor // 2) // factor
    return np.diff(index, axis=1, prepend=0)
