"""Encoding of whole fleets into words: one a slot, then the check words. Every operand is uint64."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel

_ZERO = np.uint64(0)
_ONE = np.uint64(1)


class Weights(NamedTuple):
    """`tables` of weights are (groups, checks, slots); `group` names each meter's table."""

    tables: NDArray[np.uint64]
    group: NDArray[np.int64]


@kernel
def _encode_meter(
    reads: NDArray[np.int64], edges: NDArray[np.int64], weights: NDArray[np.uint64], words: NDArray[np.uint64]
) -> None:
    intervals: int = reads.shape[0]
    checks, slots = weights.shape
    energy = np.int64(0)
    for i in range(intervals):
        energy += reads[i]
        words[i] = np.uint64(reads[i])
    bucket = 0
    while bucket < edges.shape[0] and energy > edges[bucket]:
        bucket += 1
    for slot in range(intervals, slots):
        words[slot] = _ZERO
    words[intervals] = _ONE
    words[intervals + 1 + bucket] = _ONE
    for check in range(checks):
        weighed = _ZERO
        for slot in range(slots):
            weighed += weights[check, slot] * words[slot]
        words[slots + check] = weighed


@kernel
def encode(reads: NDArray[np.int64], edges: NDArray[np.int64], weights: Weights, words: NDArray[np.uint64]) -> None:
    """Fill `words` (meters, slots + checks) from reads (meters, intervals) that are not negative.

    `edges` are the upper edges, inclusive, of all size buckets but the last. Check words are sums modulo 2^64.
    """
    for meter in range(reads.shape[0]):
        _encode_meter(reads[meter], edges, weights.tables[weights.group[meter]], words[meter])
