"""Validation, estimation and editing of interval reads before they are sealed, day by day.

Which days and register steps meet is told here, what is kept of a day in editing_days.py, the rules in
editing_rules.py. docs/editing.md tells them in words.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.editing_days import Day, LikeDays, Limits
from wattseal.meter_sim.editing_rules import (
    Estimates,
    Mask,
    Reasons,
    Spans,
    Wh,
    estimates,
    settle,
    within_rounding,
)
from wattseal.meter_sim.reads import DayReads
from wattseal.protocol.ids import Channel
from wattseal.protocol.report import FlagReason
from wattseal.protocol.time import MINUTES_PER_DAY

_Rows = NDArray[np.int64]


@dataclass(frozen=True)
class EditedDay:
    """The reads of one UTC day and one channel as they are sealed.

    `wh` and `reasons` have shape (meters, intervals); a reason is a FlagReason, or 0 for a plain measured read.
    """

    day: int
    channel: str
    meters: tuple[str, ...]
    wh: Wh
    reasons: Reasons

    @property
    def reported(self) -> Mask:
        """Which meters have a measured read in the day, (meters,); the others hold 0, MISSING, throughout."""
        reported: Mask = (self.reasons != FlagReason.MISSING).any(axis=1)
        return reported


def edited(
    days: Iterable[tuple[DayReads, ...]], interval_minutes: int, largest_wh: int
) -> Iterator[tuple[EditedDay, ...]]:
    """Every day edited, as soon as the next one is known.

    Days follow one another, of the same channels and meters. Reads above `largest_wh` (1 to 2^24 - 1) are impossible
    and count as absent. A meter's register steps must not overlap; of use are those on the interval grid that end
    by the end of the day after the one they begin in. Raises ValueError.
    """
    limits = Limits(interval_minutes, largest_wh)
    editors: dict[str, _Editor] = {}
    for parts in days:
        is_first = not editors
        if is_first:
            editors = {part.channel: _Editor(limits, Day.of(part, limits)) for part in parts}
        if [part.channel for part in parts] != [*editors]:
            raise ValueError(f"a day's channels must be {', '.join(editors)}, each once, as on the days before")
        if not is_first:
            yield tuple(editors[part.channel].next(part) for part in parts)
    if editors:
        yield tuple(editor.last() for editor in editors.values())


@dataclass(frozen=True)
class _Steps:
    """Register steps that begin in a day: rows of their meters, first interval, end, energy, resolution of that."""

    rows: _Rows
    firsts: _Rows
    ends: _Rows
    wh: Wh
    resolutions_wh: Wh

    def where(self, some: Mask) -> "_Steps":
        return _Steps(self.rows[some], self.firsts[some], self.ends[some], self.wh[some], self.resolutions_wh[some])

    def inside(self, intervals: int) -> Mask:
        """(steps, intervals)."""
        places = np.arange(intervals)
        inside: Mask = (places >= self.firsts[:, np.newaxis]) & (places < self.ends[:, np.newaxis])
        return inside


@dataclass
class _Editor:
    """One channel. The day before bounds gaps over midnight; so does the day after, in which steps end, too."""

    limits: Limits
    _now: Day
    _before: Day | None = None
    _like_days: LikeDays = field(default_factory=LikeDays)

    def next(self, reads: DayReads) -> EditedDay:
        """Takes the next day; gives the one before it, edited."""
        now = self._now
        if (reads.day, reads.meters) != (now.reads.day + 1, now.reads.meters):
            raise ValueError(f"day {reads.day}: must follow day {now.reads.day}, with the same meters")
        self._now = Day.of(reads, self.limits)
        return self._edit(now, self._now)

    def last(self) -> EditedDay:
        """The last day, which nothing follows."""
        return self._edit(self._now, Day.without_reads(self._now, 1, self.limits))

    def _edit(self, now: Day, after: Day) -> EditedDay:
        before = Day.without_reads(now, -1, self.limits) if self._before is None else self._before
        view = _View(before, now, after, self._like_days, self.limits)
        _settle_steps(view)
        _fill(view)
        unreported = ~now.read.any(axis=1)
        now.wh[unreported], now.reasons[unreported] = 0, FlagReason.MISSING
        self._before = now
        self._like_days.keep(now)
        return EditedDay(now.reads.day, now.reads.channel, now.reads.meters, now.wh, now.reasons)


@dataclass(frozen=True)
class _View:
    """Three days, of which `now` is edited; register steps reach from it into `after`."""

    before: Day
    now: Day
    after: Day
    like_days: LikeDays
    limits: Limits

    @property
    def intervals(self) -> int:
        return MINUTES_PER_DAY // self.limits.interval_minutes

    def estimates(self, rows: _Rows) -> Estimates:
        """Of `now` and `after`, (rows, two days). What stands for an impossible read has reason SPIKE."""
        days = (self.before, self.now, self.after)
        like_days = [self.like_days.of(day, rows) for day in days]
        wh, reasons = estimates(
            np.hstack([day.wh[rows] for day in days]),
            np.hstack([day.sound[rows] for day in days]),
            (np.hstack([mean for mean, _ in like_days]), np.hstack([known for _, known in like_days])),
            self.limits.interval_minutes,
        )
        impossible = np.hstack([day.reads.present[rows] & ~day.read[rows] for day in days])
        reasons[impossible & (reasons != FlagReason.MISSING)] = FlagReason.SPIKE
        return Estimates(wh[:, self.intervals :], reasons[:, self.intervals :])

    def spans(self, steps: _Steps) -> Spans:
        days, rows = (self.now, self.after), steps.rows
        read = np.hstack([day.read[rows] for day in days])
        return Spans(
            steps_wh=steps.wh,
            resolutions_wh=steps.resolutions_wh,
            inside=steps.inside(2 * self.intervals),
            wh=np.hstack([day.wh[rows] for day in days]),
            read=read,
            suspect=read & ~np.hstack([day.sound[rows] for day in days]),
            limits=np.hstack([np.repeat(day.spike_limits[rows, np.newaxis], self.intervals, axis=1) for day in days]),
            estimates=self.estimates(rows),
        )


def _settle_steps(view: _View) -> None:
    steps = _doubtful(view, _steps_from(view))
    if not len(steps.rows):
        return
    spans = view.spans(steps)
    # A gap that goes on out of sight has no estimate yet: such a step cannot be shared out.
    unknown = ~spans.read & (spans.estimates.reasons == FlagReason.MISSING)
    useful = ~(spans.inside & unknown).any(axis=1)
    fill_zeros = view.now.reads.channel != Channel.RECEIVED  # no sun is made up at night
    wh, reasons = settle(spans, view.limits.largest_wh, fill_zeros=fill_zeros)
    for day, part in ((view.now, slice(view.intervals)), (view.after, slice(view.intervals, None))):
        index, columns = np.nonzero((spans.inside & useful[:, np.newaxis])[:, part])
        places = steps.rows[index], columns
        day.wh[places], day.reasons[places] = wh[:, part][index, columns], reasons[:, part][index, columns]
        day.settled[places] = True


def _steps_from(view: _View) -> _Steps:
    """The steps that begin in the day and are of use."""
    parts = (view.now.reads.steps, view.after.reads.steps)
    begin, minutes = view.now.reads.day * MINUTES_PER_DAY, view.limits.interval_minutes
    starts = np.concatenate([part.starts for part in parts]) - begin
    ends = np.concatenate([part.ends for part in parts]) - begin
    on_grid = (starts % minutes == 0) & (ends % minutes == 0)
    held = (starts >= 0) & (starts < np.minimum(ends, MINUTES_PER_DAY)) & (ends <= 2 * MINUTES_PER_DAY)
    return _Steps(
        rows=np.concatenate([part.rows for part in parts]),
        firsts=starts // minutes,
        ends=ends // minutes,
        wh=np.concatenate([part.wh for part in parts]),
        resolutions_wh=np.concatenate([part.resolutions_wh for part in parts]),
    ).where(on_grid & held)


def _doubtful(view: _View, steps: _Steps) -> _Steps:
    """Without the steps, as good as all of them, whose reads are sound and add up."""
    inside, days = steps.inside(2 * view.intervals), (view.now, view.after)
    sums = (np.hstack([day.wh[steps.rows] for day in days]) * inside).sum(axis=1)
    unsound = inside & ~np.hstack([day.sound[steps.rows] for day in days])
    return steps.where(unsound.any(axis=1) | ~within_rounding(steps.wh - sums, steps.resolutions_wh, inside))


def _fill(view: _View) -> None:
    """Estimate and flag what no register step has settled."""
    now = view.now
    is_open = ~now.sound & ~now.settled
    rows = np.flatnonzero(is_open.any(axis=1))
    if not len(rows):
        return
    found, is_open, read = view.estimates(rows), is_open[rows], now.read[rows]
    reasons = np.where(read, FlagReason.SPIKE, found.reasons[:, : view.intervals])
    now.wh[rows] = np.where(is_open & ~read, found.wh[:, : view.intervals], now.wh[rows])
    now.reasons[rows] = np.where(is_open, reasons, now.reasons[rows])
