"""Whom a fleet's troubles hit, and when. Each draw is a hash of (seed, trouble, meter, day), whatever else is asked."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.faults import Faults, Trouble
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import CohortId, within
from wattseal.protocol.time import MINUTES_PER_DAY

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
_NEVER = np.iinfo(np.int64).max
# Keeps lifetimes finite; nobody waits for deaths that are rarer.
_LEAST_DEATH_RATE = 1e-12


class _Drawn(NamedTuple):
    """By meter: whether a trouble hits it, and further uniform draws in [0, 1), (meters, further)."""

    hit: Mask
    further: Floats


@dataclass(frozen=True)
class Plan:
    """The troubles of one fleet, of which `cohort_of` has every meter by its source's name; `seed` is below 2^64.

    Arrays have one row a meter, in the order asked for. Raises UsageError for settings that name nobody here.
    """

    faults: Faults
    seed: int
    first_day: int
    cohort_of: Mapping[str, CohortId]

    def __post_init__(self) -> None:
        for trouble in Trouble:
            for name in self.faults.of(trouble).meters:
                if name not in self.cohort_of:
                    raise UsageError(f"faults: {trouble}.meters: no meter is named {name!a}")
        path = self.faults.late_cohort
        if path is not None and not any(within(cohort, path) for cohort in self.cohort_of.values()):
            raise UsageError(f"faults: late_cohort: no meter is in {path}")

    def troubles(self, meters: Sequence[str], day: int) -> dict[Trouble, Mask]:
        """Whom each trouble of this plan touches on a UTC day."""
        masks = {
            Trouble.GAPS: self._gaps(meters, day).any(axis=(1, 2)),
            Trouble.LOST: self._drawn(Trouble.LOST, meters, day).hit,
            Trouble.LATE: self._late(meters, day),
            Trouble.DUPLICATED: self._drawn(Trouble.DUPLICATED, meters, day).hit,
            Trouble.CONFLICTING: self._drawn(Trouble.CONFLICTING, meters, day).hit,
            Trouble.SKEWED_CLOCKS: self.skews(meters) != 0,
            Trouble.DEAD: self.deaths(meters) < (day + 1) * MINUTES_PER_DAY,
            Trouble.LYING: self.lying(meters),
            Trouble.OUT_OF_RANGE: self.out_of_range(meters),
        }
        return {trouble: mask for trouble, mask in masks.items() if mask.any()}

    def withheld(self, meters: Sequence[str], day: int, *, windows_closed: bool) -> Mask:
        """Whose report of a day is not to be sent, before or after the windows were closed."""
        lost = self._drawn(Trouble.LOST, meters, day).hit
        return lost if windows_closed else lost | self._late(meters, day)

    def skews(self, meters: Sequence[str]) -> Integers:
        """Minutes by which each meter's clock is fast, negative if it is slow."""
        drawn = self._drawn(Trouble.SKEWED_CLOCKS, meters, None, further=2)
        size = 1 + _scaled(drawn.further[:, 0], self.faults.skewed_clocks.largest_minutes)
        return np.where(drawn.hit, np.where(drawn.further[:, 1] < 0.5, size, -size), 0)

    def clock_known_off(self, meters: Sequence[str]) -> Mask:
        """Whose clock a time check by the head-end finds wrong."""
        known: Mask = np.abs(self.skews(meters)) > self.faults.skewed_clocks.known_beyond_minutes
        return known

    def deaths(self, meters: Sequence[str]) -> Integers:
        """The minute since 1970 from which each meter is silent for good."""
        rate, named = self.faults.dead.rate, self._named(Trouble.DEAD, meters)
        if rate == 0 and not named.any():
            return np.full(len(meters), _NEVER)
        drawn = self._uniforms(Trouble.DEAD, meters, None, 2)
        chance = np.where(named, 0.0, drawn[:, 0])
        days = (np.log1p(-chance) / math.log1p(-max(rate, _LEAST_DEATH_RATE))).astype(np.int64)
        minutes = (self.first_day + days) * MINUTES_PER_DAY + _scaled(drawn[:, 1], MINUTES_PER_DAY)
        return np.where(named | (rate > 0), minutes, _NEVER)

    def lying(self, meters: Sequence[str]) -> Mask:
        return self._drawn(Trouble.LYING, meters, None).hit

    def out_of_range(self, meters: Sequence[str]) -> Mask:
        return self._drawn(Trouble.OUT_OF_RANGE, meters, None).hit

    def unread(self, meters: Sequence[str], day: int, interval_minutes: int) -> Mask:
        """Which of a day's reads the head-end never gets, (meters, intervals)."""
        starts = np.arange(0, MINUTES_PER_DAY, interval_minutes)
        ends = starts + interval_minutes
        gaps = self._gaps(meters, day)
        in_gap = (starts < gaps[:, :, 1:]) & (ends > gaps[:, :, :1])
        unread: Mask = in_gap.any(axis=1) | self.dead(meters, day, interval_minutes)
        return unread

    def dead(self, meters: Sequence[str], day: int, interval_minutes: int) -> Mask:
        """In which of a day's intervals meters are silent for good, and count nothing, (meters, intervals)."""
        ends = day * MINUTES_PER_DAY + np.arange(interval_minutes, MINUTES_PER_DAY + 1, interval_minutes)
        dead: Mask = ends > self.deaths(meters)[:, None]
        return dead

    def _gaps(self, meters: Sequence[str], day: int) -> Integers:
        """The gaps that reach into a day, (meters, 2, begin and end in its minutes); both 0 where there is none."""
        yesterday, today = self._gaps_from(meters, day - 1) - MINUTES_PER_DAY, self._gaps_from(meters, day)
        return np.stack((np.maximum(yesterday, 0), today), axis=1)

    def _gaps_from(self, meters: Sequence[str], day: int) -> Integers:
        """The gap that begins on a day, (meters, begin and end)."""
        drawn = self._drawn(Trouble.GAPS, meters, day, further=2)
        begin = _scaled(drawn.further[:, 0], MINUTES_PER_DAY)
        end = begin + 1 + _scaled(drawn.further[:, 1], self.faults.gaps.longest_minutes)
        return np.where(drawn.hit[:, None], np.stack((begin, end), axis=1), 0)

    def _late(self, meters: Sequence[str], day: int) -> Mask:
        late, path = self._drawn(Trouble.LATE, meters, day).hit, self.faults.late_cohort
        if path is not None:
            late |= _mask(within(self.cohort_of[name], path) for name in meters)
        return late

    def _drawn(self, trouble: Trouble, meters: Sequence[str], day: int | None, further: int = 0) -> _Drawn:
        """`day` is None for what stays with a meter."""
        rate, named = self.faults.of(trouble).rate, self._named(trouble, meters)
        if rate == 0 and not named.any():
            return _Drawn(named, np.zeros((len(meters), further)))
        uniforms = self._uniforms(trouble, meters, day, 1 + further)
        return _Drawn(named | (uniforms[:, 0] < rate), uniforms[:, 1:])

    def _uniforms(self, trouble: Trouble, meters: Sequence[str], day: int | None, count: int) -> Floats:
        """Multiples of 2^-53 in [0, 1), (meters, count of at most 8)."""
        key, when = self.seed.to_bytes(8, "big"), "" if day is None else str(day)
        digests = b"".join(
            hashlib.blake2b(f"{when}/{name}".encode(), digest_size=8 * count, key=key, person=trouble.encode()).digest()
            for name in meters
        )
        words = np.frombuffer(digests, dtype=">u8").reshape(len(meters), count)
        return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def _named(self, trouble: Trouble, meters: Sequence[str]) -> Mask:
        names = frozenset(self.faults.of(trouble).meters)
        return _mask(name in names for name in meters)


def _mask(values: Iterable[bool]) -> Mask:
    return np.fromiter(values, dtype=np.bool_)


def _scaled(uniforms: Floats, count: int) -> Integers:
    """Whole numbers from 0 to below `count`."""
    return (uniforms * count).astype(np.int64)
