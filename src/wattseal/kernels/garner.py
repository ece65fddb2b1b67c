"""From sums modulo two 53-bit primes to numbers modulo their product, as words of 64 bits, the lowest first."""

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel
from wattseal.kernels.dot import LOW_BITS
from wattseal.kernels.modular import product, reduced

_STEP_BITS = 9
_HALF = np.uint64(32)
_HALF_MASK = np.uint64((1 << 32) - 1)


Ring = tuple[int, int, int]
"""Two primes below 2^53, and the inverse of the first modulo the second, centered."""


@kernel
def residue(parts: tuple[np.int64, np.int64], prime: int) -> np.int64:
    """What `dot` gives, between 0 and prime - 1."""
    high, low = parts
    rest = high % prime
    # Of 53 bits, so that none is lost.
    for _ in range(LOW_BITS // _STEP_BITS):
        rest = (rest << _STEP_BITS) % prime
    return np.int64((rest + low % prime) % prime)


@kernel
def join(first: np.int64, second: np.int64, ring: Ring, number: NDArray[np.uint64]) -> None:
    """Garner's: first + p0 ((second - first) / p0 modulo p1), of residues between 0 and their primes less 1."""
    p0, p1, p0_inverse = ring
    prime, inverse = np.float64(p1), np.float64(p0_inverse)
    over_prime = 1.0 / prime
    difference = reduced(np.float64((second - first) % p1), prime, over_prime)
    digit = np.int64(product(difference, inverse, inverse / prime, prime, over_prime))
    factor, modulus = np.uint64(digit + p1 if digit < 0 else digit), np.uint64(p0)
    low = factor * modulus
    number[0] = low + np.uint64(first)
    number[1] = _high_word(factor, modulus) + np.uint64(number[0] < low)


@kernel
def _high_word(a: np.uint64, b: np.uint64) -> np.uint64:
    """Of a product of numbers of 53 bits."""
    a_low, a_high, b_low, b_high = a & _HALF_MASK, a >> _HALF, b & _HALF_MASK, b >> _HALF
    middle = a_high * b_low + (a_low * b_low >> _HALF)
    carried = (middle & _HALF_MASK) + a_low * b_high
    word: np.uint64 = a_high * b_high + (middle >> _HALF) + (carried >> _HALF)
    return word
