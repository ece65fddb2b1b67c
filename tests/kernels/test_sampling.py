"""What is taken from uniform bytes, and what is skipped, against lists."""

from collections import Counter
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels import naive_ring
from wattseal.kernels.sampling import add_ternary, fill_errors, fill_ternary, fill_uniform

PRIME = naive_ring.PRIMES[1]
LARGEST_WORD = (1 << 64) - 1

words_near_the_prime = st.one_of(
    st.integers(0, LARGEST_WORD), st.integers(-3, 3).map(lambda more: PRIME + more), st.just(LARGEST_WORD)
)


def compare_uniform(words: list[int], size: int) -> None:
    residues = np.empty(size, dtype=np.uint64)
    sufficed = fill_uniform(np.array(words, dtype=np.uint64), PRIME, residues)
    expected = naive_ring.uniform(words, PRIME, size)
    assert bool(sufficed) == (expected is not None)
    if expected is not None:
        assert residues.tolist() == expected


@given(st.lists(words_near_the_prime, min_size=1, max_size=60), st.integers(0, 10))
def test_uniform(words: list[int], spare: int) -> None:
    compare_uniform(words, max(1, len(words) - spare))


@pytest.mark.parametrize("rejected", [PRIME, PRIME + 1, naive_ring.FIELD, LARGEST_WORD])
def test_a_word_that_is_not_below_the_prime_is_skipped_small(rejected: int) -> None:
    compare_uniform([5, rejected, PRIME - 1, (1 << 53) + 7], 3)
    compare_uniform([rejected, rejected, 1, 2], 2)
    compare_uniform([1, 2, rejected], 2)
    compare_uniform([1, 2, rejected], 3)


def compare_ternary(stream: bytes, size: int) -> None:
    trits = np.empty(size, dtype=np.int8)
    sufficed = fill_ternary(np.frombuffer(stream, dtype=np.uint8), trits)
    expected = naive_ring.ternary(stream, size)
    assert bool(sufficed) == (expected is not None)
    if expected is not None:
        assert trits.tolist() == expected


@given(st.lists(st.one_of(st.integers(0, 255), st.just(255)), min_size=1, max_size=200), st.integers(0, 20))
def test_ternary(stream: list[int], spare: int) -> None:
    compare_ternary(bytes(stream), max(1, len(stream) - spare))


def compare_added(streams: list[bytes], size: int) -> None:
    total = np.full(size, 7, dtype=np.int16)
    sources = np.frombuffer(b"".join(streams), dtype=np.uint8).reshape(len(streams), -1)
    expected = [naive_ring.ternary(stream, size) for stream in streams]
    sufficed = add_ternary(sources, total)
    assert bool(sufficed) == (None not in expected)
    if sufficed:
        assert total.tolist() == [7 + sum(column) for column in zip(*(row or [] for row in expected), strict=True)]


@given(st.lists(st.binary(min_size=9, max_size=9), min_size=1, max_size=20), st.integers(1, 9))
def test_added_ternary(streams: list[bytes], size: int) -> None:
    compare_added(streams, size)


def test_the_largest_sum_of_trits_small() -> None:
    compare_added([bytes([2, 0])] * 1000, 2)
    compare_added([bytes([2, 0]), bytes([255, 0])], 2)


def test_every_byte_but_one_counts_small() -> None:
    """85 of each, of 255 bytes."""
    trits = np.empty(255, dtype=np.int8)
    assert fill_ternary(np.arange(256, dtype=np.uint8), trits)
    assert Counter(trits.tolist()) == {-1: 85, 0: 85, 1: 85}
    compare_ternary(bytes([255, 0, 255, 1, 2]), 3)
    compare_ternary(bytes([255, 0]), 2)


@given(st.lists(st.integers(0, LARGEST_WORD), min_size=1, max_size=60))
def test_errors(words: list[int]) -> None:
    drawn = np.empty(len(words))
    fill_errors(np.array(words, dtype=np.uint64), drawn)
    assert drawn.tolist() == [naive_ring.error(word) for word in words]


def test_errors_of_every_number_of_bits_small() -> None:
    words = [(1 << bits) - 1 for bits in range(65)]
    drawn = np.empty(len(words))
    fill_errors(np.array(words, dtype=np.uint64), drawn)
    assert drawn.tolist() == [min(bits, 42) - 21 for bits in range(65)]


def test_the_errors_have_variance_ten_and_a_half_small() -> None:
    """Counted over all words: the number of set bits is binomial, so each error comes comb(42, 21 + e) times."""
    weights = {error: comb(42, 21 + error) for error in range(-21, 22)}
    assert sum(weights.values()) == 1 << 42
    assert sum(error * weight for error, weight in weights.items()) == 0
    assert 2 * sum(error**2 * weight for error, weight in weights.items()) == 21 << 42
