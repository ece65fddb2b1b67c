"""Noise is a function of key, members, day, channel, interval and scale, and of nothing else."""

import itertools
import math

import numpy as np
import pytest

from wattseal.cryptosystems.noise.shares import day_noise
from wattseal.cryptosystems.secret import Secret

KEY, OTHER = Secret(bytes(32)), Secret(b"\x01" * 32)
MEMBERS = [f"meter-{number}" for number in range(40)]


def test_the_same_question_in_other_words_has_the_same_noise() -> None:
    noise = day_noise(KEY, MEMBERS, 20_000, 1, 24, 500)
    assert noise == day_noise(KEY, reversed(MEMBERS), 20_000, 1, 24, 500)
    assert noise == day_noise(KEY, [*MEMBERS, MEMBERS[0]], 20_000, 1, 24, 500)


def test_whatever_differs_gives_unrelated_noise() -> None:
    drawn = [
        day_noise(KEY, MEMBERS, 20_000, 1, 96, 500),
        day_noise(OTHER, MEMBERS, 20_000, 1, 96, 500),
        day_noise(KEY, MEMBERS[1:], 20_000, 1, 96, 500),
        day_noise(KEY, MEMBERS, 20_001, 1, 96, 500),
        day_noise(KEY, MEMBERS, 20_000, 2, 96, 500),
        day_noise(KEY, MEMBERS, 20_000, 1, 96, 501),
    ]
    for one, other in itertools.combinations(drawn, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / math.sqrt(96)


def test_names_of_members_do_not_run_together() -> None:
    assert day_noise(KEY, ["ab", "c"], 1, 1, 8, 500) != day_noise(KEY, ["a", "bc"], 1, 1, 8, 500)


@pytest.mark.parametrize("sigma", [1, 1_000_000])
def test_the_spread_is_the_scale(sigma: int) -> None:
    noise = np.array([day_noise(KEY, MEMBERS, day, 1, 96, sigma) for day in range(20)], dtype=float).ravel()
    assert noise.std() == pytest.approx(sigma, rel=6 / math.sqrt(2 * len(noise)))
    assert abs(noise.mean()) < 6 * sigma / math.sqrt(len(noise))


def test_intervals_are_independent() -> None:
    noise = np.array([day_noise(KEY, MEMBERS, day, 1, 2, 500) for day in range(1000)])
    assert abs(np.corrcoef(noise.T)[0, 1]) < 5 / math.sqrt(len(noise))


def test_known_noise() -> None:
    """A change of the stream would let noise of before and after be averaged."""
    assert day_noise(KEY, ["a", "b"], 20_000, 1, 4, 1_000) == (202, 858, 661, -2605)
