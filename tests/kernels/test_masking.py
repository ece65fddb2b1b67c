"""Words and check words against Python integers, also where check words wrap around."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels import naive
from wattseal.kernels.masking import Weights, encode

LARGEST = (1 << 64) - 1


def compare(reads: list[list[int]], edges: list[int], tables: list[list[list[int]]], group: list[int]) -> None:
    weights = Weights(np.array(tables, np.uint64), np.array(group, np.int64))
    checks, slots = weights.tables.shape[1:]
    words = np.full((len(reads), slots + checks), LARGEST, np.uint64)
    encode(np.array(reads, np.int64), np.array(edges, np.int64), weights, words)
    expected = [naive.mask_words(day, edges, tables[own]) for day, own in zip(reads, group, strict=True)]
    assert words.tolist() == expected


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_words(data: st.DataObject) -> None:
    intervals, buckets, checks = (data.draw(st.integers(1, most)) for most in (30, 20, 3))
    edges = data.draw(st.lists(st.integers(0, 1 << 34), min_size=buckets, max_size=buckets, unique=True).map(sorted))
    day = st.lists(st.integers(0, (1 << 31) - 1), min_size=intervals, max_size=intervals)
    slots = intervals + 2 + buckets
    row = st.lists(st.integers(0, LARGEST), min_size=slots, max_size=slots)
    tables = data.draw(st.lists(st.lists(row, min_size=checks, max_size=checks), min_size=1, max_size=3))
    reads = data.draw(st.lists(day, min_size=1, max_size=4))
    group = data.draw(st.lists(st.integers(0, len(tables) - 1), min_size=len(reads), max_size=len(reads)))
    compare(reads, edges, tables, group)


@pytest.mark.parametrize("energy", [0, 1, 999, 1000, 1001, 2000, 2001])
def test_a_bucket_holds_its_upper_edge(energy: int) -> None:
    compare([[energy, 0], [energy // 2, energy - energy // 2]], [0, 1000, 2000], [[[0] * 7]], [0, 0])


def test_the_largest_of_everything() -> None:
    compare([[(1 << 31) - 1] * 96, [0] * 96], [0, 9], [[[LARGEST] * 100, [(1 << 24) - 1] * 100]], [0, 0])
