"""From a day of reads to coefficients: reads, a one to count by, a one-hot size bucket, and zeros to check by."""

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.parameters import VALUE_BITS, CkksParameters
from wattseal.cryptosystems.errors import ParameterError, PlaintextError
from wattseal.cryptosystems.slots.layout import SlotLayout

SPARE = 8
"""Coefficients that are zero in every report, and in every sum of reports that opens."""


def coefficient_count(parameters: CkksParameters, layout: SlotLayout) -> int:
    """Of a day of the layout. Raises ParameterError if the ring has fewer, or the largest total has too many bits."""
    count = layout.slots + SPARE
    if count > parameters.degree:
        raise ParameterError(f"layout: {count} coefficients do not fit a ring of degree {parameters.degree}")
    if layout.largest_group * layout.largest_read >= 1 << VALUE_BITS:
        raise ParameterError(f"layout: totals of {layout.read_slot_bits} bits; use smaller groups or a larger unit")
    return count


class DayEncoder:
    """Encodes days of one layout."""

    def __init__(self, parameters: CkksParameters, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the ring."""
        self._layout, self._count = layout, coefficient_count(parameters, layout)

    def encode(self, reads: NDArray[np.int64]) -> NDArray[np.int64]:
        """Values (meters, coefficients). Raises PlaintextError for reads that the layout cannot hold."""
        self._check(reads)
        meters, intervals = reads.shape
        values = np.zeros((meters, self._count), dtype=np.int64)
        values[:, :intervals] = reads
        values[:, intervals] = 1
        buckets = np.searchsorted(self._layout.edges, reads.sum(axis=1))
        values[np.arange(meters), intervals + 1 + buckets] = 1
        return values

    def _check(self, reads: NDArray[np.int64]) -> None:
        """Names the first read that does not fit by its place, never by its value."""
        intervals, largest = self._layout.intervals, self._layout.largest_read
        if reads.dtype != np.int64 or reads.ndim != 2 or reads.shape[1] != intervals:
            raise PlaintextError(
                f"reads must be int64 of shape (meters, {intervals}), not {reads.dtype} of shape {reads.shape}"
            )
        outside = (reads < 0) | (reads > largest)
        if outside.any():
            meter, interval = (int(i) for i in np.argwhere(outside)[0])
            fault = "is negative" if reads[meter, interval] < 0 else f"exceeds {largest}, the largest allowed"
            raise PlaintextError(f"the read of meter {meter} in interval {interval} {fault}")
