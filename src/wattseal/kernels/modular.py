"""Arithmetic modulo an odd prime q between 2^52 and 2^53 - 64, in doubles: four or eight lanes of a vector register.

A number is held centered: an integer of absolute value at most q/2 + 2. Sums of two such are exact; products take the
method of van der Hoeven and Lecerf (Modular SIMD arithmetic in Mathemagix, 2016, section 3), here for 53 bits.
"""

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel
from wattseal.kernels.fused import fma

# Added and subtracted again, it rounds what lies between -2^51 and 2^51 to the nearest integer.
_ROUNDER = 1.5 * 2.0**52


@kernel
def reduced(x: float, prime: float, inverse: float) -> float:
    """`x` of at most q + 32 in absolute value, centered. `inverse` is 1/q.

    The quotient is about 1 at most, its two roundings miss by less than 2^-52 and the result misses q/2 by less than 2.
    """
    quotient = (x * inverse + _ROUNDER) - _ROUNDER
    return fma(-quotient, prime, x)


@kernel
def product(x: float, w: float, w_quotient: float, prime: float, inverse: float) -> float:
    """x w, all centered. `w_quotient` is w/q, rounded.

    |x w/q| is below 2^51; both roundings of the estimate miss by 1/8 at most, so that x w - quotient q, at most
    3/4 q in absolute value, is exact as the sum of the two terms that the fused operations leave exactly.
    """
    high = x * w
    low = fma(x, w, -high)
    quotient = (x * w_quotient + _ROUNDER) - _ROUNDER
    return reduced(fma(-quotient, prime, high) + low, prime, inverse)


@kernel
def center(residues: NDArray[np.uint64], prime: float, centered: NDArray[np.float64]) -> None:
    """From residues between 0 and q - 1."""
    inverse = 1.0 / prime
    for i in range(residues.shape[0]):
        centered[i] = reduced(np.float64(np.int64(residues[i])), prime, inverse)


@kernel
def uncenter(centered: NDArray[np.float64], prime: float, residues: NDArray[np.uint64]) -> None:
    """To residues between 0 and q - 1."""
    modulus = np.int64(prime)
    for i in range(residues.shape[0]):
        value = np.int64(centered[i])
        residues[i] = np.uint64(value + modulus if value < 0 else value)
