"""Sums that cannot overflow against Python integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.kernels import naive_ring
from wattseal.kernels.dot import LOW_BITS, add_residues, below, dot

PRIME = naive_ring.PRIMES[0]
LARGEST_PRICE = (1 << 20) - 1

residue = st.integers(0, naive_ring.FIELD)


def compare(residues: list[int], factors: NDArray[np.int32] | NDArray[np.int8]) -> None:
    high, low = map(int, dot(np.array(residues, dtype=np.uint64), factors))
    assert (high << LOW_BITS) + low == naive_ring.dot(residues, factors.tolist())


@given(st.lists(st.tuples(residue, st.integers(-LARGEST_PRICE, LARGEST_PRICE)), min_size=1, max_size=100))
def test_prices(terms: list[tuple[int, int]]) -> None:
    compare([residue for residue, _ in terms], np.array([price for _, price in terms], dtype=np.int32))


@given(st.lists(st.tuples(residue, st.integers(-1, 1)), min_size=1, max_size=100))
def test_ternary(terms: list[tuple[int, int]]) -> None:
    compare([residue for residue, _ in terms], np.array([trit for _, trit in terms], dtype=np.int8))


@pytest.mark.parametrize("price", [LARGEST_PRICE, -LARGEST_PRICE])
def test_the_largest_of_everything_small(price: int) -> None:
    compare([naive_ring.FIELD] * 4096, np.full(4096, price, dtype=np.int32))
    compare([naive_ring.FIELD] * 4096, np.full(4096, -1, dtype=np.int8))


residues = st.lists(st.tuples(*[st.one_of(st.integers(0, PRIME - 1), st.just(PRIME - 1))] * 2), min_size=1, max_size=60)


@given(residues)
def test_additions(pairs: list[tuple[int, int]]) -> None:
    total, more = (np.array(row, dtype=np.uint64) for row in zip(*pairs, strict=True))
    add_residues(total, more, PRIME)
    assert total.tolist() == [(a + b) % PRIME for a, b in pairs]


def test_additions_at_the_prime_small() -> None:
    total = np.array([0, 1, PRIME - 1, PRIME - 1], dtype=np.uint64)
    add_residues(total, np.array([0, PRIME - 1, 1, PRIME - 1], dtype=np.uint64), PRIME)
    assert total.tolist() == [0, 0, 0, PRIME - 2]


@pytest.mark.parametrize("place", range(9))
def test_one_residue_at_the_prime_is_found_small(place: int) -> None:
    row = np.full(9, PRIME - 1, dtype=np.uint64)
    assert below(row, PRIME)
    row[place] = PRIME
    assert not below(row, PRIME)
