"""A fleet's registers: a cumulative index for each time of use, and the maximum demand of the billing cycle.

They count what meters measure, whether or not its reads arrive; reading them from a file is in register_file.py.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.reads import RegisterSteps
from wattseal.protocol.ids import Window
from wattseal.protocol.time import window_date

REGISTERS = 8
MODULUS_WH = 10**10
"""Indexes wrap to 0 here, 10 GWh: about a thousand years of a household."""

_MONTHS, _HOURS = 12, 24
_SATURDAY = 5
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)

Wh = NDArray[np.int64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class RegisterSchedule:
    """Which register (0 to 7) counts in which hour of local time.

    `hours` has, for each season, the registers of the 24 hours of a weekday and of a weekend day; `seasons` the season
    of each month from January on. Holidays are days like others. Raises ValueError.
    """

    timezone: str
    hours: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (((0,) * _HOURS, (0,) * _HOURS),)
    seasons: tuple[int, ...] = (0,) * _MONTHS

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"{self.timezone!r} is not the name of a time zone") from error
        for kind in (kind for season in self.hours for kind in season):
            if len(kind) != _HOURS or not set(kind) <= set(range(REGISTERS)):
                raise ValueError(f"a day has {_HOURS} hours, each with a register from 0 to {REGISTERS - 1}")
        if len(self.seasons) != _MONTHS or not set(self.seasons) <= set(range(len(self.hours))):
            raise ValueError(f"a year has {_MONTHS} months, each with a season from 0 to {len(self.hours) - 1}")

    @cached_property
    def registers(self) -> int:
        """How many there are: up to the highest that counts anything."""
        return 1 + max(register for season in self.hours for kind in season for register in kind)

    def registers_at(self, minutes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The register that counts the interval from each minute (since 1970 UTC) on."""
        zone = ZoneInfo(self.timezone)
        return np.array([self._register((_START + int(minute) * _MINUTE).astimezone(zone)) for minute in minutes])

    def _register(self, local: datetime) -> int:
        season = self.hours[self.seasons[local.month - 1]]
        return season[local.weekday() >= _SATURDAY][local.hour]

    def midnights(self, day: int) -> tuple[int, ...]:
        """The local midnights after the beginning of a UTC day, up to its end, in minutes since 1970 UTC.

        Where clocks go forward at midnight, the day begins with its first minute.
        """
        first, end = day * _HOURS * 60, (day + 1) * _HOURS * 60
        near = (window_date(Window(day)) + timedelta(days=offset) for offset in (0, 1))
        return tuple(minute for minute in map(self._midnight, near) if first < minute <= end)

    def _midnight(self, local: date) -> int:
        return (datetime.combine(local, time.min, ZoneInfo(self.timezone)).astimezone(UTC) - _START) // _MINUTE


@dataclass(frozen=True)
class RegisterReads:
    """What registers show at one minute (since 1970 UTC).

    `index_wh` has shape (meters, registers), each from 0 to below MODULUS_WH; `maximum_w` (meters,).
    """

    minute: int
    index_wh: Wh
    maximum_w: NDArray[np.int64]


class Registers:
    """The registers of `meters` meters in one channel, from minute `start` (since 1970 UTC) on, all at 0.

    `interval_minutes` must divide an hour, so that demand is a whole number of W. Raises ValueError.
    """

    def __init__(self, schedule: RegisterSchedule, meters: int, interval_minutes: int, start: int) -> None:
        if interval_minutes < 1 or 60 % interval_minutes:
            raise ValueError(f"interval of {interval_minutes} minutes: must divide an hour")
        self._schedule, self._interval_minutes, self._minute = schedule, interval_minutes, start
        self._index_wh = np.zeros((meters, schedule.registers), dtype=np.int64)
        self._maximum_w = np.zeros(meters, dtype=np.int64)

    def advance(self, wh: Wh, start: int) -> None:
        """Count measured energy, (meters, intervals), from minute `start` on: of a day, or of a part of one.

        Raises ValueError unless `start` is where the registers stand.
        """
        if start != self._minute:
            raise ValueError(f"registers stand at minute {self._minute}: they cannot count from minute {start}")
        minutes = start + self._interval_minutes * np.arange(wh.shape[1], dtype=np.int64)
        counting = self._schedule.registers_at(minutes)
        for register in range(self._schedule.registers):
            self._index_wh[:, register] += wh[:, counting == register].sum(axis=1)
        self._index_wh %= MODULUS_WH
        demand_w = wh.max(axis=1, initial=0) * (60 // self._interval_minutes)
        np.maximum(self._maximum_w, demand_w, out=self._maximum_w)
        self._minute = start + self._interval_minutes * wh.shape[1]

    def begin_cycle(self, rows: Rows) -> None:
        """A billing cycle of these meters begins: their maximum demand starts again from 0."""
        self._maximum_w[rows] = 0

    def snapshot(self) -> RegisterReads:
        return RegisterReads(self._minute, self._index_wh.copy(), self._maximum_w.copy())


def steps_of(previous: RegisterReads, current: RegisterReads) -> RegisterSteps:
    """How far each meter's registers advanced, all of them together. Raises ValueError unless `current` is later."""
    if current.minute <= previous.minute:
        raise ValueError(f"registers read at minute {current.minute} are not after those at {previous.minute}")
    advance = (current.index_wh - previous.index_wh) % MODULUS_WH
    meters = len(advance)
    return RegisterSteps(
        rows=np.arange(meters),
        starts=np.full(meters, previous.minute),
        ends=np.full(meters, current.minute),
        wh=advance.sum(axis=1),
    )
