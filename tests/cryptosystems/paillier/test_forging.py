"""The forging probability of the parameters page, counted on a layout small enough to try every secret.

Two read slots, a count slot and the check slot; 3-bit weights and tags in place of 32 and 64 bits. An attacker may do
what the real arithmetic lets it do: add a constant, or (with the unblinder's help) take any combination of the reports.
For each forgery the share of secrets that accept it is counted, not sampled.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SECRET_BITS = 3
READ_BITS, HEADROOM_BITS, CHECK_BITS = 2, 1, 8
WIDTHS = (READ_BITS + HEADROOM_BITS, READ_BITS + HEADROOM_BITS, 1 + HEADROOM_BITS)
OFFSETS = (0, 3, 6)
CHECK_OFFSET = sum(WIDTHS)
READS = ((1, 3), (2, 0))
SECRETS = range(1 << SECRET_BITS)


def pack(reads: Sequence[int], weights: Sequence[int], tag: int) -> int:
    values = (*reads, 1)
    check = sum(w * v for w, v in zip(weights, values, strict=True)) + tag
    return sum(v << o for v, o in zip((*values, check), (*OFFSETS, CHECK_OFFSET), strict=True))


def accepted(packed: NDArray[np.int64], weights: Sequence[int], tags: Sequence[int]) -> NDArray[np.bool_]:
    """The decryptor's rule, for many opened plaintexts at once: ranges, count, check value."""
    values: list[NDArray[np.int64]] = [packed >> o & (1 << w) - 1 for o, w in zip(OFFSETS, WIDTHS, strict=True)]
    members = len(tags)
    in_range: NDArray[np.bool_] = (packed >= 0) & (packed < 1 << CHECK_OFFSET + CHECK_BITS) & (values[2] == members)
    for read in values[:2]:
        in_range &= read <= members * ((1 << READ_BITS) - 1)
    expected = sum(tags) + sum((w * v for w, v in zip(weights, values, strict=True)), start=np.int64(0))
    in_range &= packed >> CHECK_OFFSET == expected
    return in_range


def test_an_added_constant_passes_for_at_most_one_value_of_a_weight() -> None:
    tags = (3, 6)
    constants = np.arange(-(1 << CHECK_OFFSET + CHECK_BITS), 1 << CHECK_OFFSET + CHECK_BITS, dtype=np.int64)
    weights = list(itertools.product(SECRETS, repeat=3))
    passing = np.zeros(len(constants), dtype=np.int64)
    for tried in weights:
        honest = sum(pack(reads, tried, tag) for reads, tag in zip(READS, tags, strict=True))
        passing += accepted(honest + constants, tried, tags)
    assert passing[constants == 0] == len(weights)
    # The bound, and it is reached: whoever guesses one weight succeeds.
    assert passing[constants != 0].max() << SECRET_BITS == len(weights)


def test_a_combination_of_reports_passes_for_at_most_one_value_of_a_tag() -> None:
    """Aggregator and unblinder choose the coefficients, and even know the weights."""
    weights = (5, 7, 2)
    tags = list(itertools.product(SECRETS, repeat=2))
    coefficients = np.array(list(itertools.product(range(-4, 5), repeat=2)), dtype=np.int64)
    passing = np.zeros(len(coefficients), dtype=np.int64)
    for pair in tags:
        sealed = np.array([pack(reads, weights, tag) for reads, tag in zip(READS, pair, strict=True)])
        passing += accepted(coefficients @ sealed, weights, pair)
    honest = (coefficients == 1).all(axis=1)
    assert passing[honest] == len(tags)
    assert 0 < passing[~honest].max() << SECRET_BITS <= len(tags)
