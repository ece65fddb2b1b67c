"""Products and sums of centered doubles against Python integers, at the edges of what a double holds."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels import naive_ring
from wattseal.kernels.decorator import kernel
from wattseal.kernels.fused import fma
from wattseal.kernels.modular import center, product, reduced, uncenter

PRIMES = (*naive_ring.PRIMES, next(q for q in range((1 << 52) + 1, 1 << 53, 8192) if naive_ring.is_prime(q)))
# Centered numbers may miss half the prime by two.
MARGIN = 2

primes = st.sampled_from(PRIMES)


@kernel
def compiled_fma(a: float, b: float, c: float) -> float:
    return fma(a, b, c)


def checked_product(x: int, w: int, prime: int) -> None:
    result = product(float(x), float(w), w / prime, float(prime), 1 / prime)
    assert result.is_integer()
    assert (int(result) - x * w) % prime == 0
    assert abs(result) <= prime // 2 + MARGIN


@given(st.data(), primes)
def test_products(data: st.DataObject, prime: int) -> None:
    half = prime // 2
    checked_product(data.draw(st.integers(-half, half)), data.draw(st.integers(-half, half)), prime)


@pytest.mark.parametrize("prime", PRIMES)
def test_products_at_the_edges_small(prime: int) -> None:
    """Where the quotient rounds worst: at half the prime and beyond, near powers of two, and at its divisors."""
    half = prime // 2
    edges = {half + MARGIN, half, half - 1, 1 << 51, (1 << 51) + 1, (1 << 52) - 1, prime // 3, prime // 4, 1, 0}
    reachable = [edge for edge in edges if edge <= half + MARGIN]
    for x, w in itertools.product(reachable, [edge for edge in reachable if edge <= half]):
        for signed_x, signed_w in itertools.product((x, -x), (w, -w)):
            checked_product(signed_x, signed_w, prime)


@given(st.data(), primes)
def test_sums_of_two_centered_numbers_are_centered(data: st.DataObject, prime: int) -> None:
    half = prime // 2 + MARGIN
    total = data.draw(st.integers(-half, half)) + data.draw(st.integers(-half, half))
    result = reduced(float(total), float(prime), 1 / prime)
    assert (int(result) - total) % prime == 0
    assert abs(result) <= prime // 2 + MARGIN


@pytest.mark.parametrize("prime", PRIMES)
def test_residues_there_and_back_small(prime: int) -> None:
    residues = np.array([0, 1, prime // 2, prime // 2 + 1, prime - 1, *range(7, prime, prime // 5)], dtype=np.uint64)
    numbers, back = np.empty(len(residues)), np.empty_like(residues)
    center(residues, float(prime), numbers)
    uncenter(numbers, float(prime), back)
    assert np.abs(numbers).max() <= prime // 2 + MARGIN
    assert back.tolist() == residues.tolist()


integers = st.integers(-(1 << 53), 1 << 53)


@given(integers, integers, st.integers(-(1 << 105), 1 << 105))
def test_the_fused_operation_is_compiled_and_interpreted_alike(a: int, b: int, c: int) -> None:
    c_rounded = float(c)
    exact = float(a * b + int(c_rounded))
    assert compiled_fma(float(a), float(b), c_rounded) == fma(float(a), float(b), c_rounded) == exact


def test_the_fused_operation_rounds_once_small() -> None:
    """Two roundings would lose the last bit of the product altogether."""
    a = float((1 << 53) - 1)
    assert compiled_fma(a, a, -(a * a)) == ((1 << 53) - 1) ** 2 - int(a * a) == 1
