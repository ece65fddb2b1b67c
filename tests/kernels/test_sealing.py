"""One sealed coefficient after the other against Python integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels import naive_ring
from wattseal.kernels.sealing import Parts, seal

PRIMES = naive_ring.PRIMES
HALF = PRIMES[1] // 2

Coefficient = tuple[int, int, int, int]


def compare(coefficients: list[Coefficient], scale: int, prime: int) -> None:
    values, errors, masks, pads = zip(*coefficients, strict=True)
    parts = Parts(
        np.array(values, dtype=np.float64),
        np.array(errors, dtype=np.float64),
        np.array(masks, dtype=np.float64),
    )
    sealed = np.array(pads, dtype=np.uint64)
    seal(parts, float(naive_ring.centered(scale, prime)), float(prime), sealed)
    expected = [(scale * value + error - mask + pad) % prime for value, error, mask, pad in coefficients]
    assert sealed.tolist() == expected


coefficient = st.tuples(
    st.integers(-(1 << 40), 1 << 40), st.integers(-21, 21), st.integers(-HALF, HALF), st.integers(0, PRIMES[1] - 1)
)


@given(st.lists(coefficient, min_size=1, max_size=50), st.integers(1 << 63, (1 << 64) - 1), st.sampled_from(PRIMES))
def test_any_parts(coefficients: list[Coefficient], scale: int, prime: int) -> None:
    compare(coefficients, scale, prime)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("prime", PRIMES)
def test_the_largest_of_everything_small(sign: int, prime: int) -> None:
    """Masks beyond half the prime by what a centered number may be."""
    extreme = (sign * ((1 << 52) - 1), 21 * sign, -sign * (prime // 2 + 2), prime - 1)
    compare([extreme, (0, 0, 0, 0), (0, 21 * sign, -sign * (prime // 2 + 2), prime // 2)], (1 << 64) - 1, prime)
