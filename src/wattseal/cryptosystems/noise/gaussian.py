"""Exact samples of the discrete Gaussian from any source of uniform integers, without floating point.

Canonne, Kamath, Steinke: The Discrete Gaussian for Differential Privacy (2020), algorithms 1 to 3. A library draws from
the operating system; ours must give the same sample for the same question, or it could be averaged away.
"""

from math import isqrt
from typing import Protocol


class Uniform(Protocol):
    """Where samples come from."""

    def below(self, bound: int) -> int:
        """Uniform among 0 to bound - 1."""


def discrete_gaussian(sigma_squared: int, source: Uniform) -> int:
    """An integer x with probability proportional to exp(-x^2 / (2 sigma_squared)). Raises ValueError below 1."""
    if sigma_squared < 1:
        raise ValueError("a discrete Gaussian has a variance of at least 1")
    scale = isqrt(sigma_squared) + 1
    while True:
        candidate = discrete_laplace(scale, source)
        excess = abs(candidate) * scale - sigma_squared
        if happens(excess * excess, 2 * sigma_squared * scale * scale, source):
            return candidate


def discrete_laplace(scale: int, source: Uniform) -> int:
    """An integer x with probability proportional to exp(-|x| / scale)."""
    while True:
        low = source.below(scale)
        if not happens(low, scale, source):
            continue
        high = 0
        while happens(1, 1, source):
            high += 1
        size, negative = low + scale * high, source.below(2)
        # Zero would otherwise be twice as likely as it is.
        if size or not negative:
            return -size if negative else size


def happens(numerator: int, denominator: int, source: Uniform) -> bool:
    """True with probability exp(-numerator / denominator)."""
    whole, rest = divmod(numerator, denominator)
    return all(_happens_below_one(1, 1, source) for _ in range(whole)) and _happens_below_one(rest, denominator, source)


def _happens_below_one(numerator: int, denominator: int, source: Uniform) -> bool:
    """As `happens`, for a fraction of at most 1: the series of exp, term by term."""
    term = 1
    while source.below(denominator * term) < numerator:
        term += 1
    return term % 2 == 1
