"""Sums of many products or residues modulo 53-bit primes, kept as integers that cannot overflow."""

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel

LOW_BITS = 27
_LOW = np.uint64(LOW_BITS)
_LOW_MASK = np.uint64((1 << LOW_BITS) - 1)


@kernel
def dot(residues: NDArray[np.uint64], factors: NDArray[np.int32] | NDArray[np.int8]) -> tuple[np.int64, np.int64]:
    """The sum of each residue below 2^53 times its factor, as (high, low): high x 2^27 + low.

    At most 4,096 terms and factors below 2^20 in absolute value: neither part reaches 2^59.
    """
    high, low = np.int64(0), np.int64(0)
    for i in range(factors.shape[0]):
        factor = np.int64(factors[i])
        high += np.int64(residues[i] >> _LOW) * factor
        low += np.int64(residues[i] & _LOW_MASK) * factor
    return high, low


@kernel
def add_residues(total: NDArray[np.uint64], residues: NDArray[np.uint64], prime: int) -> None:
    """Add each residue to its total, modulo the prime."""
    modulus = np.uint64(prime)
    for i in range(total.shape[0]):
        # A difference below zero wraps around to a huge number.
        added = total[i] + residues[i]
        total[i] = min(added, added - modulus)


@kernel
def below(residues: NDArray[np.uint64], prime: int) -> bool:
    """Whether every residue is less than the prime."""
    modulus, largest = np.uint64(prime), np.uint64(0)
    for i in range(residues.shape[0]):
        largest = max(largest, residues[i])
    return bool(largest < modulus)
