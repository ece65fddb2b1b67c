"""The forging probability of the parameters page, counted over every scale of a few bits in place of 64.

Whoever adds a constant to a sum opens another value exactly if the constant lies near a multiple of the secret scale.
"""

import numpy as np
import pytest


def most_suitable_scales(scale_bits: int, largest_times: int, bound: int) -> float:
    """The most scales, over all constants, that open a value moved by 1 to `largest_times`; in widths of the window."""
    scales = np.arange(1 << scale_bits, 1 << scale_bits + 1)
    counts = np.zeros((largest_times << scale_bits + 1) + bound + 1, dtype=np.int64)
    for times in range(1, largest_times + 1):
        counts[times * scales] += 1
    below = np.concatenate(([0], np.cumsum(counts)))
    window = 2 * bound + 1
    return float((below[window:] - below[:-window]).max() / window)


@pytest.mark.parametrize(("scale_bits", "largest_times", "bound"), [(13, 64, 16), (12, 512, 128), (13, 512, 512)])
def test_a_constant_suits_as_many_scales_as_the_bound_is_wide(scale_bits: int, largest_times: int, bound: int) -> None:
    """So its share of 2^63 scales is (2 x 2^29 + 1) / 2^63 at most; 1 Wh moved by the likeliest scale reaches it."""
    assert most_suitable_scales(scale_bits, largest_times, bound) == 1


def test_narrow_windows_hold_up_to_twice_as_many() -> None:
    """A constant with many divisors, where values move by much more than the window is wide: 2^40 against 2^30."""
    assert 1 < most_suitable_scales(13, 1024, 16) < 2
