"""Distributions from uniform bytes that the caller draws. Which candidates are rejected tells nothing of the others."""

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel

_ZERO = np.uint64(0)
_FIELD_MASK = np.uint64((1 << 53) - 1)
_ERROR_MASK = np.uint64((1 << 42) - 1)
_ERROR_MEAN = 21


@kernel
def fill_uniform(words: NDArray[np.uint64], prime: int, residues: NDArray[np.uint64]) -> bool:
    """Residues modulo a prime below 2^53: the lowest 53 bits of each word, those not below the prime skipped.

    False if the words, which are at least as many, did not suffice.
    """
    modulus, largest = np.uint64(prime), _ZERO
    size: int = residues.shape[0]
    for i in range(size):
        residues[i] = words[i] & _FIELD_MASK
        largest = max(largest, residues[i])
    return bool(largest < modulus) or _fill_slowly(words, modulus, residues)


@kernel
def _fill_slowly(words: NDArray[np.uint64], modulus: np.uint64, residues: NDArray[np.uint64]) -> bool:
    """With primes just below 2^53 hardly ever needed."""
    count = 0
    for word in words:
        candidate = word & _FIELD_MASK
        if candidate < modulus and count < residues.shape[0]:
            residues[count] = candidate
            count += 1
    return bool(count == residues.shape[0])


@kernel
def fill_ternary(stream: NDArray[np.uint8], trits: NDArray[np.int8]) -> bool:
    """-1, 0 and 1, equally likely: each byte below 255 modulo 3, less 1. False if the bytes did not suffice."""
    size: int = trits.shape[0]
    mapped = np.empty(stream.shape[0], dtype=np.int8)
    # Every byte first, many at a time; then those that count move together, without a branch.
    for i in range(stream.shape[0]):
        mapped[i] = np.int8(stream[i] % np.uint8(3)) - np.int8(1)
    count = 0
    for i in range(stream.shape[0]):
        if count == size:
            break
        trits[count] = mapped[i]
        count += int(stream[i] < 255)
    return count == size


@kernel
def add_ternary(streams: NDArray[np.uint8], total: NDArray[np.int16]) -> bool:
    """Add what `fill_ternary` takes from each row. False if the bytes of one did not suffice."""
    trits, sufficed = np.empty(total.shape[0], dtype=np.int8), True
    for row in range(streams.shape[0]):
        sufficed &= fill_ternary(streams[row], trits)
        for i in range(total.shape[0]):
            total[i] += np.int16(trits[i])
    return sufficed


@kernel
def fill_errors(words: NDArray[np.uint64], errors: NDArray[np.float64]) -> None:
    """Centered binomial, variance 10.5: how many of the lowest 42 bits of each word are set, less 21."""
    for i in range(errors.shape[0]):
        word = words[i] & _ERROR_MASK
        word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
        word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
        word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        errors[i] = np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56)) - _ERROR_MEAN
