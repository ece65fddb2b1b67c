"""Counter-based randomness: every draw is a hash of (seed, meter, day or week, purpose), whatever else is asked for."""

import math
from collections.abc import Sequence
from enum import IntEnum
from statistics import NormalDist

import numpy as np

from wattseal.kernels.load import Floats, Keys, derive, uniforms

_STEPS = 1024
_NORMAL = np.array([NormalDist().inv_cdf((step + 0.5) / _STEPS) for step in range(_STEPS)])
_GAMMA = np.uint64(0xD1342543DE82EF95)


class Purpose(IntEnum):
    """What draws are for. Numbers stay: another one changes every simulated read."""

    TRAITS = 1
    EQUIPMENT = 2
    ABSENCE = 3
    PLAN = 4
    MEALS = 5
    WASHING = 6
    HOT_WATER = 7
    CARS = 8
    ACTIVITY = 9
    CLOUDS = 10
    WEATHER = 11
    SKY = 12
    HEATING = 13
    MOOD = 14
    PHASE = 15
    PUMP = 16
    COVER = 17
    GAS = 18


def meter_keys(seed: int, meters: Sequence[int]) -> Keys:
    """One key a meter; `seed` and ordinals are at least 0 and below 2^64."""
    return derive(np.asarray(meters, dtype=np.uint64) * _GAMMA, _mixed(seed))


def purpose_keys(keys: Keys, purpose: Purpose, time: int = 0) -> Keys:
    """Keys of one purpose in one day or week, of which the number is -1 or more."""
    return derive(derive(keys, np.uint64(purpose)), np.uint64(time + 1))


def region_keys(seed: int, region: int, purpose: Purpose, times: Sequence[int]) -> Keys:
    """One key for each day or hour, the same for every meter of the region. Numbers may be negative."""
    region_key = purpose_keys(meter_keys(int(_mixed(seed)), [region]), purpose)[0]
    return derive(np.array([time % (1 << 64) for time in times], dtype=np.uint64) * _GAMMA, region_key)


def draw(keys: Keys, count: int) -> Floats:
    """Uniform in [0, 1), one row a draw."""
    return uniforms(keys, count)


def normal(uniform: Floats) -> Floats:
    """Standard normal from uniform draws, within 3.3 of 0."""
    return _NORMAL[(uniform * _STEPS).astype(np.int64)]


class Lognormal:
    """A positive quantity by its median and the standard deviation of its logarithm."""

    def __init__(self, median: float, sigma: float) -> None:
        self._quantiles = np.array([median * math.exp(sigma * step) for step in _NORMAL])

    def __call__(self, uniform: Floats) -> Floats:
        return self._quantiles[(uniform * _STEPS).astype(np.int64)]


def _mixed(seed: int) -> np.uint64:
    mixed: np.uint64 = derive(np.zeros(1, dtype=np.uint64), np.uint64(seed))[0]
    return mixed
