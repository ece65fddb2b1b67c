"""What a bill asks of reports: integer prices, within the limits in which its check holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import ParameterError
from wattseal.kernels.dot import LOW_BITS, dot

PRICE_BITS = 20
LARGEST_BOUND = 1 << 29
_MOST_PRICES = 4096
# 12 standard deviations of 3.24, as a fraction: bounds are exact, the same on every machine.
_NUMERATOR, _DENOMINATOR = 972, 25


@dataclass(frozen=True, eq=False)
class Functional:
    """Prices of each coefficient of each report, usually of one; `bound` is what their errors may add up to."""

    prices: tuple[NDArray[np.int32], ...]
    bound: int

    @classmethod
    def of(cls, *prices: Sequence[int] | NDArray[np.int64]) -> "Functional":
        """One sequence a report. Raises ParameterError for prices that cannot be registered."""
        checked = tuple(_checked(report) for report in prices)
        # No sum wraps around: 4,096 squares below 2^40 stay below 2^52.
        squares = sum(int(np.square(report, dtype=np.int64).sum()) for report in checked)
        if squares == 0:
            raise ParameterError("functional: all prices are zero; its result is 0 and is not opened")
        bound = noise_bound(squares)
        if bound > LARGEST_BOUND:
            raise ParameterError(
                f"functional: errors may add up to {bound}, above 2^29; split it in high and low parts"
            )
        return cls(checked, bound)

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many coefficients of each report it weighs: all of them."""
        return tuple(len(report) for report in self.prices)


def factors_of(functionals: Sequence[Functional]) -> list[NDArray[np.int32]]:
    """For each report that they weigh, its prices (functionals, coefficients): what many bills share.

    Raises ParameterError if they weigh different reports, or there are none.
    """
    lengths = {functional.lengths for functional in functionals}
    if len(lengths) != 1:
        raise ParameterError("functionals of one question weigh the same reports, all their coefficients")
    return [np.stack(prices) for prices in zip(*(functional.prices for functional in functionals), strict=True)]


def weighted(residues: NDArray[np.uint64], factors: NDArray[np.int32] | NDArray[np.int8]) -> int:
    """The sum of residues modulo one prime times factors below 2^20, as an integer."""
    high, low = map(int, dot(residues, factors))
    return (high << LOW_BITS) + low


def noise_bound(squares: int) -> int:
    """ceil(12 x 3.24 x sqrt(squares)): 12 standard deviations of a weighted sum of errors, of weights so squared."""
    return isqrt((_NUMERATOR**2 * squares - 1) // _DENOMINATOR**2) + 1


def _checked(prices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int32]:
    """Names the first price that does not fit by its place."""
    whole = np.array(prices)
    if whole.ndim != 1 or not 1 <= whole.size <= _MOST_PRICES or whole.dtype != np.int64:
        raise ParameterError(f"functional: prices of a report are 1 to {_MOST_PRICES} integers below 2^20")
    outside = np.flatnonzero((whole <= -1 << PRICE_BITS) | (whole >= 1 << PRICE_BITS))
    if outside.size:
        raise ParameterError(f"functional: price {outside[0]} reaches 2^20; split it in high and low parts")
    fitting = whole.astype(np.int32)
    fitting.flags.writeable = False
    return fitting
