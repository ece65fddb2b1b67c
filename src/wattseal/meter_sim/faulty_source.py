"""A source of reads with a plan's troubles in them: what meters get wrong, and what does not reach the head-end."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from wattseal.meter_sim.fault_plan import Integers, Mask, Plan
from wattseal.meter_sim.fault_summary import FaultSummary, Place
from wattseal.meter_sim.reads import DayReads, Measured
from wattseal.meter_sim.sources import Source
from wattseal.protocol.ids import Channel
from wattseal.protocol.time import MINUTES_PER_DAY

_Parts = tuple[DayReads, ...]


class Faulty:
    """The days of `source`, of which each has the same channels and meters; `largest_wh` is the layout's largest read.

    The reads of a day depend on it and its neighbors alone. Which reports are withheld is the plan's to say.
    """

    def __init__(self, source: Source, plan: Plan, largest_wh: int, summary: FaultSummary) -> None:
        self.meters, self.customers = source.meters, source.customers
        self.interval_minutes = source.interval_minutes
        self.first_day, self.last_day, self.notes = source.first_day, source.last_day, source.notes
        self.has_registers = source.has_registers
        self.commodity = source.commodity
        self.largest_read, self.largest_day = source.largest_read, source.largest_day
        self._source, self._plan, self._largest_wh, self._summary = source, plan, largest_wh, summary

    def channels_of(self, meter: str) -> tuple[Channel, ...]:
        return self._source.channels_of(meter)

    def clock_known_off(self, meters: tuple[str, ...]) -> Mask:
        """Whose reads the head-end distrusts, because a time check found the clock wrong; on all days alike."""
        return self._plan.clock_known_off(meters)

    def days(self) -> Iterator[_Parts]:
        for before, parts, after in _with_neighbors(self._source.days()):
            for part in parts:
                self._note(part)
            yield tuple(
                self._unread(self._misread(self._skewed((_channel(before, part), part, _channel(after, part)))))
                for part in parts
            )

    def _note(self, part: DayReads) -> None:
        reads = part.present.any(axis=1)
        for trouble, mask in self._plan.troubles(part.meters, part.day).items():
            for row in np.flatnonzero(mask & reads):
                self._summary.met(trouble, Place(part.meters[row], part.day, part.channel))

    def _skewed(self, days: tuple[DayReads | None, DayReads, DayReads | None]) -> DayReads:
        """Registers keep their steps: the head-end stamps register reads itself, so the sum check sees the skew."""
        part = days[1]
        skews = self._plan.skews(part.meters)
        rows = np.flatnonzero(skews)
        if not rows.size:
            return part
        wh, present = part.wh.copy(), part.present.copy()
        wh[rows], present[rows] = _shifted(days, rows, skews[rows], self.interval_minutes)
        return replace(part, wh=wh, present=present)

    def _misread(self, part: DayReads) -> DayReads:
        """What meters count that lie, or that are set up for a larger connection; their registers agree."""
        lying, beyond = self._plan.lying(part.meters), self._plan.out_of_range(part.meters)
        if not (lying | beyond).any():
            return part
        wh, steps, more = part.wh.copy(), part.steps, self._largest_wh + 1
        percent = self._plan.faults.lying.percent
        # Rounded as running sums, so that a day's reads add up to what the register shows.
        wh[lying] = np.diff(np.cumsum(wh[lying], axis=1) * percent // 100, axis=1, prepend=0)
        wh[beyond] += more * part.present[beyond]
        counted = np.where(lying[steps.rows], steps.wh * percent // 100, steps.wh)
        counted += np.where(beyond[steps.rows], more * (steps.ends - steps.starts) // self.interval_minutes, 0)
        return replace(part, wh=wh, steps=replace(steps, wh=counted))

    def _unread(self, part: DayReads) -> DayReads:
        unread = self._plan.unread(part.meters, part.day, self.interval_minutes)
        if not unread.any():
            return part
        present, steps = part.present & ~unread, part.steps
        alive = steps.ends <= self._plan.deaths(part.meters)[steps.rows]
        left = steps.where(alive)
        dead = self._plan.dead(part.meters, part.day, self.interval_minutes)
        counted = Measured(np.where(dead, 0, part.wh), part.present & ~dead)
        return replace(part, wh=np.where(present, part.wh, 0), present=present, steps=left, counted=counted)


def _with_neighbors(days: Iterator[_Parts]) -> Iterator[tuple[_Parts, _Parts, _Parts]]:
    """Each day between the one before and the one after, which are empty at the ends."""
    before: _Parts = ()
    parts: _Parts = ()
    for after in itertools.chain(days, [()]):
        if parts:
            yield before, parts, after
        before, parts = parts, after


def _channel(parts: _Parts, like: DayReads) -> DayReads | None:
    return next((part for part in parts if part.channel == like.channel), None)


def _shifted(
    days: tuple[DayReads | None, DayReads, DayReads | None], rows: Integers, skews: Integers, interval_minutes: int
) -> tuple[Integers, Mask]:
    """The middle day's reads by clocks that are `skews` minutes fast: each read is split, in whole Wh, between two.

    A read is present if all of it that lies inside the three days is, and some of it does.
    """
    intervals = MINUTES_PER_DAY // interval_minutes
    nothing = np.zeros((rows.size, intervals), dtype=np.int64)
    wh = np.hstack([nothing if day is None else day.wh[rows] for day in days])
    known = np.hstack([nothing == 0 if day is None else day.present[rows] for day in days])
    inside = np.repeat([day is not None for day in days], intervals)

    whole, rest = np.divmod(skews[:, None], interval_minutes)
    place, row = intervals + np.arange(intervals) - whole, np.arange(rows.size)[:, None]
    moved = wh * rest // interval_minutes
    straddles = rest > 0
    present = known[row, place] & (known[row, place - 1] | ~straddles)
    present &= inside[place] | (inside[place - 1] & straddles)
    return np.where(present, (wh - moved)[row, place] + moved[row, place - 1], 0), present
