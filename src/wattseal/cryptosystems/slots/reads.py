"""What every encoder asks of a fleet's reads before it touches them."""

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import PlaintextError
from wattseal.cryptosystems.slots.layout import SlotLayout


def require_reads(reads: NDArray[np.int64], layout: SlotLayout) -> None:
    """Raises PlaintextError, which names the first read that does not fit by its place, never by its value."""
    intervals, largest = layout.intervals, layout.largest_read
    if reads.dtype != np.int64 or reads.ndim != 2 or reads.shape[1] != intervals:
        raise PlaintextError(
            f"reads must be int64 of shape (meters, {intervals}), not {reads.dtype} of shape {reads.shape}"
        )
    # A negative read is a huge one without its sign: one comparison finds both.
    outside = reads.view(np.uint64) > np.uint64(largest)
    if outside.any():
        meter, interval = (int(i) for i in np.argwhere(outside)[0])
        fault = "is negative" if reads[meter, interval] < 0 else f"exceeds {largest}, the largest allowed"
        raise PlaintextError(f"the read of meter {meter} in interval {interval} {fault}")
