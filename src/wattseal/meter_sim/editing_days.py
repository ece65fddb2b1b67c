"""Days under way through editing, and the like days that long gaps are estimated from."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.editing_rules import Mask, Reasons, Wh, half_even, spike_limits
from wattseal.meter_sim.reads import DayReads
from wattseal.protocol.time import MINUTES_PER_DAY

LIKE_DAYS = 4
LARGEST_WH = (1 << 24) - 1
"""The largest read that any caller may take: products of energies stay below 2^63, like days fit 32 bits."""

_SATURDAY = 5
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True)
class Limits:
    """The length of an interval, and the largest read that a report can hold. Raises ValueError."""

    interval_minutes: int
    largest_wh: int

    def __post_init__(self) -> None:
        if self.interval_minutes < 1 or MINUTES_PER_DAY % self.interval_minutes:
            raise ValueError(f"interval of {self.interval_minutes} minutes: must divide a day")
        if not 0 < self.largest_wh <= LARGEST_WH:
            raise ValueError(f"largest read {self.largest_wh} Wh: must be from 1 to {LARGEST_WH}")


@dataclass
class Day:
    """A day under way: `wh` and `reasons` change until it is emitted; what was measured does not.

    `read` marks reads that are there and possible, `sound` those of them that are not above their meter's spike limit.
    `settled` marks intervals that a register step has had its say on.
    """

    reads: DayReads
    wh: Wh
    read: Mask
    sound: Mask
    spike_limits: Wh
    reasons: Reasons
    settled: Mask

    @classmethod
    def of(cls, reads: DayReads, limits: Limits) -> "Day":
        """Raises ValueError for reads of another shape than (meters, intervals)."""
        shape = (len(reads.meters), MINUTES_PER_DAY // limits.interval_minutes)
        if not reads.wh.shape == reads.present.shape == shape:
            raise ValueError(f"day {reads.day}: reads of shape {reads.wh.shape}, expected {shape}")
        read = reads.present & (reads.wh <= limits.largest_wh)
        wh = np.where(read, reads.wh, 0)
        highest = spike_limits(wh, read, limits.interval_minutes)
        return cls(
            reads=reads,
            wh=wh,
            read=read,
            sound=read & (wh <= highest[:, np.newaxis]),
            spike_limits=highest,
            reasons=np.zeros(shape, dtype=np.uint8),
            settled=np.zeros(shape, dtype=np.bool_),
        )

    @classmethod
    def without_reads(cls, beside: "Day", days: int, limits: Limits) -> "Day":
        """A day of the same meters, `days` later, without any read."""
        reads = beside.reads
        absent = np.zeros_like(reads.present)
        return cls.of(DayReads(reads.day + days, reads.channel, reads.meters, np.zeros_like(reads.wh), absent), limits)


@dataclass
class LikeDays:
    """The latest days of each meter that were wholly measured, up to four of weekdays and of weekends, by UTC date."""

    _wh: dict[bool, NDArray[np.int32]] = field(default_factory=dict)  # (LIKE_DAYS, meters, intervals), a ring a meter
    _counts: dict[bool, Wh] = field(default_factory=dict)

    def keep(self, day: Day) -> None:
        """Remember what is wholly measured of an edited day."""
        kind = _is_weekend(day)
        if kind not in self._wh:
            self._wh[kind] = np.zeros((LIKE_DAYS, *day.wh.shape), dtype=np.int32)
            self._counts[kind] = np.zeros(len(day.wh), dtype=np.int64)
        whole = np.flatnonzero(~day.reasons.any(axis=1))
        self._wh[kind][self._counts[kind][whole] % LIKE_DAYS, whole] = day.wh[whole]
        self._counts[kind][whole] += 1

    def of(self, day: Day, rows: NDArray[np.int64]) -> tuple[Wh, Mask]:
        """Mean of each interval over the like days, and whether there are any, (rows, intervals)."""
        kind = _is_weekend(day)
        if kind not in self._wh:
            return np.zeros_like(day.wh[rows]), np.zeros_like(day.read[rows])
        counts = np.minimum(self._counts[kind][rows], LIKE_DAYS)[:, np.newaxis]
        sums = self._wh[kind][:, rows].sum(axis=0, dtype=np.int64)
        return half_even(sums, np.maximum(counts, 1)), np.broadcast_to(counts > 0, sums.shape)


def _is_weekend(day: Day) -> bool:
    return (day.reads.day + _FIRST_WEEKDAY) % 7 >= _SATURDAY
