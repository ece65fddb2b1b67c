"""Season, weather and kind of day of one region: what all of its meters share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from wattseal.kernels.load import QUARTERS, Floats
from wattseal.meter_sim.load.draws import Lognormal, Purpose, draw, normal, region_keys

LEAD = 32
"""Quarter hours of weather before midnight: homes remember yesterday's evening."""

_WARMEST_AFTER_MIDSUMMER = 30
_MEMORY_DAYS = 24
_PERSISTENCE = 0.75
_ANOMALY_C = 3.6
_TILT_DEGREES = 25
_SKY = Lognormal(median=1, sigma=0.35)
_HOURS = (np.arange(-LEAD, QUARTERS) + 0.5) / 4
_FROM_NOON = np.array([math.cos(2 * math.pi * (hour - 12) / 24) for hour in _HOURS])
_WARMTH_OF_HOUR = np.array([math.cos(2 * math.pi * (hour - 15.5) / 24) for hour in _HOURS])


class DayType(IntEnum):
    """Columns of the archetypes' habits."""

    WORKDAY = 0
    SATURDAY = 1
    SUNDAY = 2
    HOLIDAY = 3


@dataclass(frozen=True)
class Climate:
    """Weather of one region: `region` numbers its series, all else is long-term.

    `swing_c` is half the difference of midsummer and midwinter, `day_swing_c` half that of a clear day's afternoon and
    night. `latitude` (degrees, below 60) has no sign: the hemisphere is in `midsummer`, the day of the year of the
    longest day, 172 in the north and 355 in the south. `holidays` are (month, day). Raises ValueError.
    """

    region: int = 0
    mean_c: float = 15.0
    swing_c: float = 9.0
    day_swing_c: float = 6.0
    latitude: float = 38.0
    midsummer: int = 172
    holidays: frozenset[tuple[int, int]] = frozenset({(1, 1), (12, 25), (12, 26)})

    def __post_init__(self) -> None:
        if not 0 <= self.region < 1 << 64:
            raise ValueError(f"region {self.region}: must be at least 0 and below 2^64")
        if not 0 <= self.latitude < 60:
            raise ValueError(f"latitude {self.latitude}: must be at least 0 and below 60 degrees")
        if not 1 <= self.midsummer <= 366:
            raise ValueError(f"midsummer {self.midsummer}: must be a day of the year")

    def warmth(self, day: int) -> float:
        """1 on the warmest day of an average year, -1 on the coldest."""
        since = _day_of_year(day) - self.midsummer - _WARMEST_AFTER_MIDSUMMER
        return math.cos(2 * math.pi * since / 365.25)

    def day_type(self, day: int) -> DayType:
        when = date(1970, 1, 1) + timedelta(days=day)
        if (when.month, when.day) in self.holidays:
            return DayType.HOLIDAY
        return {5: DayType.SATURDAY, 6: DayType.SUNDAY}.get(when.weekday(), DayType.WORKDAY)


class Weather(NamedTuple):
    """One UTC day of quarter hours, and LEAD of them before it.

    `sun` is the output of panels of rated power 1, `dark` (the day only) is 1 when it is, `cloud` from 0 to 1.
    """

    celsius: Floats
    sun: Floats
    dark: Floats
    cloud: float

    @property
    def mean_c(self) -> float:
        return float(self.celsius[LEAD:].mean())


def weather(seed: int, climate: Climate, day: int) -> Weather:
    """Temperature follows the anomalies of three weeks, so that warm days come together; midnight has no step."""
    noons = range(day - 1, day + 2)
    clouds = _clouds(seed, climate, noons)
    swings = climate.day_swing_c * (1.15 - 0.85 * clouds)
    means = climate.mean_c + climate.swing_c * np.array([climate.warmth(noon) for noon in noons])
    means += _anomalies(seed, climate, noons)
    from_noon = (_HOURS - 12) / 24
    between = np.interp(from_noon, [-1, 0, 1], means)
    swing = np.interp(from_noon, [-1, 0, 1], swings)
    height, facing = _sun_height(climate, day)
    sun = np.where(height > 0, np.maximum(facing, 0) * (0.62 + 0.26 * np.maximum(height, 0)), 0)
    sky = 1 - 0.8 * np.interp(from_noon, [-1, 0, 1], clouds) * _sky(seed, climate, day)
    celsius = between + swing * _WARMTH_OF_HOUR
    dark = 1 - np.clip(4 * height[LEAD:], 0, 1)
    return Weather(celsius, sun * np.maximum(sky, 0.08), dark, float(clouds[1]))


def _anomalies(seed: int, climate: Climate, days: Sequence[int]) -> Floats:
    """A moving average of independent draws that stands in for an autoregression of order one."""
    keys = region_keys(seed, climate.region, Purpose.WEATHER, range(days[0] - _MEMORY_DAYS + 1, days[-1] + 1))
    shocks = normal(draw(keys, 1)[0])
    weights = _ANOMALY_C * math.sqrt(1 - _PERSISTENCE**2) * _PERSISTENCE ** np.arange(_MEMORY_DAYS)[::-1]
    return np.array([(shocks[i : i + _MEMORY_DAYS] * weights).sum() for i in range(len(days))])


def _clouds(seed: int, climate: Climate, days: Sequence[int]) -> Floats:
    """Cover from 0 to 1: half of the days have little."""
    keys = region_keys(seed, climate.region, Purpose.COVER, days)
    uniform: Floats = draw(keys, 1)[0]
    return uniform * uniform


def _sky(seed: int, climate: Climate, day: int) -> Floats:
    """How much more or less the region's clouds take in each quarter hour, joined from hourly draws."""
    hours = np.arange(24 * day - LEAD // 4 - 1, 24 * day + 25)
    keys = region_keys(seed, climate.region, Purpose.SKY, hours.tolist())
    return np.asarray(np.interp(_HOURS, hours - 24 * day, _SKY(draw(keys, 1)[0])))


def _sun_height(climate: Climate, day: int) -> tuple[Floats, Floats]:
    """Sines of the sun's height over the horizon, and over panels that are tilted toward the equator."""
    since = _day_of_year(day) - climate.midsummer
    declination = math.radians(23.44) * math.cos(2 * math.pi * since / 365.25)

    def height(latitude: float) -> Floats:
        above = math.sin(math.radians(latitude)) * math.sin(declination)
        return np.asarray(above + math.cos(math.radians(latitude)) * math.cos(declination) * _FROM_NOON)

    return height(climate.latitude), height(climate.latitude - _TILT_DEGREES)


def _day_of_year(day: int) -> float:
    """In years of equal length."""
    return 1 + day % 365.2425
