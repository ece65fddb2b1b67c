"""From a day of reads to coefficients: reads, a one to count by, a one-hot size bucket, and zeros to check by."""

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.parameters import VALUE_BITS, CkksParameters
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.cryptosystems.slots.reads import require_reads

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
        require_reads(reads, self._layout)
        meters, intervals = reads.shape
        values = np.zeros((meters, self._count), dtype=np.int64)
        values[:, :intervals] = reads
        values[:, intervals] = 1
        buckets = np.searchsorted(self._layout.edges, reads.sum(axis=1))
        values[np.arange(meters), intervals + 1 + buckets] = 1
        return values
