"""A simple seeded model of household load, for fleets without files of their own.

Randomness is a hash of (seed, meter, day, draw): any meter's day can be had alone, in any order. Only exactly
rounded operations are used, so that results do not depend on the machine or on who else is asked for.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.time import MINUTES_PER_DAY

LARGEST_QUARTER_HOUR_WH = (1 << 14) - 1

_QUARTERS = 96
_HOURS = (np.arange(_QUARTERS) + 0.5) / 4
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HOME_DRAWS = 3
_DAY_DRAWS = 1 + 3 * _QUARTERS


def _lognormal_quantiles(median: float, sigma: float) -> NDArray[np.float64]:
    steps = ((step + 0.5) / 1024 for step in range(1024))
    return np.array([median * math.exp(sigma * NormalDist().inv_cdf(step)) for step in steps])


_HOME_WH = _lognormal_quantiles(median=150, sigma=0.45)  # a quarter hour at shape 1
_DAY_FACTOR = _lognormal_quantiles(median=1, sigma=0.2)


def simulate(seed: int, meters: Sequence[int], day: int, interval_minutes: int) -> NDArray[np.int64]:
    """Wh of one UTC day, (meters, intervals), at most 16,383 in each quarter hour.

    `seed` and `meters` (ordinals) are below 2^64 and not negative, `day` counts from 1970-01-01,
    `interval_minutes` is 15, 30 or 60 (longer intervals are sums of quarter hours). Hours of the household's
    day are those of UTC.
    """
    if interval_minutes not in (15, 30, 60):
        raise ValueError(f"interval of {interval_minutes} minutes: must be 15, 30 or 60")
    keys = _mix(_mix(np.array([seed], dtype=np.uint64)) + np.asarray(meters, dtype=np.uint64) * _GOLDEN)
    home = _uniforms(keys, 0, _HOME_DRAWS)
    today = _uniforms(keys, day + 1, _DAY_DRAWS)
    shape = _shape(home, weekend=(day + 3) % 7 >= 5)  # day 0 was a Thursday
    level = _quantile(_HOME_WH, home[:, :1]) * _quantile(_DAY_FACTOR, today[:, :1])
    jitter, use, power = np.split(today[:, 1:], 3, axis=1)
    appliances = np.where(use < 0.035 * shape, 150 + 650 * power, 0)
    wh = np.minimum(np.rint(level * shape * (0.5 + jitter) + appliances), LARGEST_QUARTER_HOUR_WH)
    grouped = wh.astype(np.int64).reshape(len(keys), MINUTES_PER_DAY // interval_minutes, interval_minutes // 15)
    summed: NDArray[np.int64] = grouped.sum(axis=2)
    return summed


def _shape(home: NDArray[np.float64], *, weekend: bool) -> NDArray[np.float64]:
    """Relative load, (meters, 96): a night base, a morning and an evening peak, more noon at weekends."""
    morning = _peak(6.5 + 2 * home[:, 1:2] + 1.5 * weekend, width=1.5)
    evening = _peak(18 + 2.5 * home[:, 2:3], width=3)
    noon = _peak(np.array([[13.0]]), width=4)
    return 0.45 + 0.8 * morning + 1.7 * evening + 0.4 * weekend * noon


def _peak(hour: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    distance = np.abs(_HOURS - hour)
    distance = np.minimum(distance, 24 - distance) / width
    peak: NDArray[np.float64] = 1 / (1 + distance * distance) ** 2
    return peak


def _quantile(table: NDArray[np.float64], uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    return table[(uniform * len(table)).astype(np.int64)]


def _uniforms(keys: NDArray[np.uint64], block: int, count: int) -> NDArray[np.float64]:
    """Draws in [0, 1), (keys, count), of one block of 2^16 counters."""
    counters = np.arange(count, dtype=np.uint64) + np.uint64(block << 16)
    return (_mix(keys[:, None] + counters * _GOLDEN) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64 (Steele, Lea, Flood 2014)."""
    words = words + _GOLDEN
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
