"""Weighted sums of what is unpacked or drawn against Python integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.kernels import naive_ring
from wattseal.kernels.garner import Ring, join, residue
from wattseal.kernels.weighing import weigh_packed, weigh_streams, weigh_trits

P0, P1 = naive_ring.PRIMES
RING: Ring = (P0, P1, naive_ring.centered(pow(P0, -1, P1), P1))
LARGEST_PRICE = (1 << 20) - 1
LARGEST_WORD = (1 << 64) - 1

words = st.one_of(st.integers(0, LARGEST_WORD), st.sampled_from([0, P0 - 1, P0, P1 - 1, P1, LARGEST_WORD]))
prices = st.one_of(st.integers(-LARGEST_PRICE, LARGEST_PRICE), st.sampled_from([0, LARGEST_PRICE, -LARGEST_PRICE]))
of_prices = st.integers(1, 20).flatmap(
    lambda count: st.lists(st.lists(prices, min_size=count, max_size=count), min_size=1, max_size=3)
)


def integers(numbers: NDArray[np.uint64]) -> list[int]:
    return [low | high << 64 for low, high in numbers.reshape(-1, 2).tolist()]


def compare_joined(first: int, second: int) -> None:
    number = np.empty(2, dtype=np.uint64)
    join(np.int64(first), np.int64(second), RING, number)
    assert integers(number) == [naive_ring.number(first, second)]


@given(st.integers(0, P0 - 1), st.integers(0, P1 - 1))
def test_two_residues_name_a_number(first: int, second: int) -> None:
    compare_joined(first, second)


@pytest.mark.parametrize("first", [0, 1, P0 // 2, P1 - 1, P0 - 2, P0 - 1])
@pytest.mark.parametrize("second", [0, 1, P1 // 2, P1 // 2 + 1, P1 - 1])
def test_two_residues_at_their_limits_small(first: int, second: int) -> None:
    compare_joined(first, second)


@pytest.mark.parametrize("prime", naive_ring.PRIMES)
@pytest.mark.parametrize("high", [0, 1, -1, P0, -P1, 1 << 59, -(1 << 59)])
@pytest.mark.parametrize("low", [0, -1, 1 << 59, -(1 << 59)])
def test_sums_are_reduced_small(high: int, low: int, prime: int) -> None:
    assert int(residue((np.int64(high), np.int64(low)), prime)) == ((high << 27) + low) % prime


def compare_packed(fields: list[int], factors: list[list[int]]) -> None:
    """Of fields of both primes, half and half."""
    stream = naive_ring.stream(fields).to_bytes(-(-53 * len(fields) // 8), "little")
    numbers, count = np.empty((len(factors), 2), dtype=np.uint64), len(fields) // 2
    taken = weigh_packed(np.frombuffer(stream, dtype=np.uint8), RING, np.array(factors, dtype=np.int32), numbers)
    rows = fields[:count], fields[count:]
    assert bool(taken) == (max(rows[0]) < P0 and max(rows[1]) < P1)
    if taken:
        assert integers(numbers) == [naive_ring.number(*(naive_ring.dot(row, own) for row in rows)) for own in factors]


@settings(deadline=None)  # the first call compiles
@given(st.data(), of_prices)
def test_packed_fields(data: st.DataObject, factors: list[list[int]]) -> None:
    size = 2 * len(factors[0])
    fields = data.draw(st.lists(words.map(lambda word: word & naive_ring.FIELD), min_size=size, max_size=size))
    compare_packed(fields, factors)


@pytest.mark.parametrize("place", range(8))
def test_packed_fields_at_their_primes_small(place: int) -> None:
    fields = [P0 - 1] * 4 + [P1 - 1] * 4
    compare_packed(fields, [[LARGEST_PRICE] * 4, [-LARGEST_PRICE] * 4])
    fields[place] += 1
    compare_packed(fields, [[1] * 4])


def compare_streams(streams: list[list[int]], factors: list[list[int]]) -> None:
    numbers = np.empty((len(streams), len(factors), 2), dtype=np.uint64)
    taken = weigh_streams(np.array(streams, dtype=np.uint64), RING, np.array(factors, dtype=np.int32), numbers)
    count, half = len(factors[0]), len(streams[0]) // 2
    drawn = [(naive_ring.uniform(s[:half], P0, count), naive_ring.uniform(s[half:], P1, count)) for s in streams]
    assert bool(taken) == all(row is not None for rows in drawn for row in rows)
    if taken:
        assert integers(numbers) == [
            naive_ring.number(*(naive_ring.dot(row or [], own) for row in rows)) for rows in drawn for own in factors
        ]


@settings(deadline=None)
@given(st.data(), of_prices, st.integers(1, 3), st.integers(0, 4))
def test_drawn_residues(data: st.DataObject, factors: list[list[int]], rows: int, spare: int) -> None:
    size = 2 * (len(factors[0]) + spare)
    stream = st.lists(words, min_size=size, max_size=size)
    compare_streams(data.draw(st.lists(stream, min_size=rows, max_size=rows)), factors)


def test_a_row_with_too_few_candidates_is_told_small() -> None:
    """Whichever row and prime it is of; nothing is told if others are skipped and enough are left."""
    sound = [1, 2, 3, 4]
    compare_streams([sound, sound], [[5]])
    compare_streams([[P0, 2, P1, 4], sound], [[5]])
    compare_streams([[P0, P0, 3, 4], sound], [[5]])
    compare_streams([sound, [1, 2, P1, P1]], [[5]])


def compare_trits(streams: list[bytes], residues: list[list[list[int]]]) -> None:
    numbers = np.empty((len(streams), len(residues), 2), dtype=np.uint64)
    sources = np.frombuffer(b"".join(streams), dtype=np.uint8).reshape(len(streams), -1)
    taken = weigh_trits(sources, RING, np.array(residues, dtype=np.uint64), numbers)
    drawn = [naive_ring.ternary(stream, len(residues[0][0])) for stream in streams]
    assert bool(taken) == (None not in drawn)
    if taken:
        assert integers(numbers) == [
            naive_ring.number(*(naive_ring.dot(row, trits or []) for row in rows))
            for trits in drawn
            for rows in residues
        ]


@settings(deadline=None)
@given(st.data(), st.integers(1, 8), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3))
def test_drawn_trits(data: st.DataObject, degree: int, functionals: int, rows: int, spare: int) -> None:
    size = degree + spare
    stream = st.lists(st.one_of(st.integers(0, 255), st.just(255)), min_size=size, max_size=size).map(bytes)
    of_prime = st.lists(st.integers(0, P1 - 1), min_size=degree, max_size=degree)
    of_functional = st.lists(of_prime, min_size=2, max_size=2)
    compare_trits(
        data.draw(st.lists(stream, min_size=rows, max_size=rows)),
        data.draw(st.lists(of_functional, min_size=functionals, max_size=functionals)),
    )


def test_trits_of_either_sign_and_too_few_small() -> None:
    residues = [[[P0 - 1, 1, 5], [P1 - 1, 2, 0]]]
    compare_trits([bytes([0, 1, 2]), bytes([2, 2, 2])], residues)
    compare_trits([bytes([255, 0, 1, 2])], residues)
    compare_trits([bytes([0, 1, 2, 3]), bytes([255, 0, 255, 2])], residues)
