"""Reads of several files in one order, with repeated reads dropped and each meter's own step found.

A series is one meter in one channel; a key is series x 2^32 + UTC minute, so that keys sort as series do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.reads import CHANNELS, ReplayError
from wattseal.meter_sim.replay_layout import Reads
from wattseal.protocol.time import MINUTES_PER_DAY

INTERVALS = (15, 30, 60)

_STEPS = np.array([5, 15, 30, 60, MINUTES_PER_DAY])
_OTHER = len(_STEPS)
_GAP_KINDS = np.full(MINUTES_PER_DAY + 62, _OTHER)
_GAP_KINDS[_STEPS] = np.arange(_OTHER)
_GAP_KINDS[[MINUTES_PER_DAY - 60, MINUTES_PER_DAY + 60]] = _GAP_KINDS[MINUTES_PER_DAY]  # days on which clocks change


@dataclass(frozen=True)
class Joined:
    """Reads in the order of their keys; `origin` is where each stands in the files, one after another."""

    meters: tuple[str, ...]
    channels: tuple[int, ...]
    keys: NDArray[np.int64]
    wh: NDArray[np.int64]
    rounded: NDArray[np.bool_]
    origin: NDArray[np.int64]
    place: Callable[[int], str]

    @property
    def series(self) -> NDArray[np.int64]:
        return self.keys >> 32

    @property
    def minutes(self) -> NDArray[np.int64]:
        return self.keys & 0xFFFF_FFFF

    @property
    def days(self) -> NDArray[np.int64]:
        return self.minutes // MINUTES_PER_DAY

    def where(self, kept: NDArray[np.bool_]) -> "Joined":
        """The reads that `kept` marks."""
        if kept.all():
            return self
        arrays = {name: getattr(self, name)[kept] for name in ("keys", "wh", "rounded", "origin")}
        return replace(self, **arrays)

    def moved_back(self, steps: NDArray[np.int64]) -> "Joined":
        """Stamps at the end of intervals moved to their beginning; `steps` in minutes, by series."""
        return replace(self, keys=self.keys - steps[self.series])


def join(files: Sequence[Reads]) -> Joined:
    """All reads of all files, absent ones too."""
    meters = sorted({name for reads in files for name in reads.names})
    channels = sorted({channel for reads in files for channel in np.unique(reads.channels).tolist()})
    keys = np.concatenate([_keys(reads, meters, channels) for reads in files])
    origin = np.argsort(keys)
    return Joined(
        meters=tuple(meters),
        channels=tuple(channels),
        keys=keys[origin],
        wh=np.concatenate([reads.energies.wh for reads in files])[origin],
        rounded=np.concatenate([reads.energies.rounded for reads in files])[origin],
        origin=origin,
        place=lambda read: _place(files, read),
    )


def _keys(reads: Reads, meters: list[str], channels: list[int]) -> NDArray[np.int64]:
    order = {name: index for index, name in enumerate(meters)}
    meter_order = np.array([order[name] for name in reads.names])
    channel_order = np.searchsorted(channels, np.arange(len(CHANNELS)))
    series = channel_order[reads.channels] * len(meters) + meter_order[reads.meters]
    keys: NDArray[np.int64] = (series.astype(np.int64) << 32) + reads.minutes
    return keys


def _place(files: Sequence[Reads], read: int) -> str:
    starts = np.cumsum([0, *(len(reads.minutes) for reads in files)])
    file = int(np.searchsorted(starts, read, side="right")) - 1
    return files[file].place(read - int(starts[file]))


def without_repeats(joined: Joined) -> Joined:
    """One read a key. Raises ReplayError where two disagree."""
    again = joined.keys[1:] == joined.keys[:-1]
    conflicts = np.flatnonzero(again & (joined.wh[1:] != joined.wh[:-1]))
    if len(conflicts):
        first, second = sorted(joined.origin[conflicts[0] : conflicts[0] + 2].tolist())
        raise ReplayError(
            f"{joined.place(second)}: another value for a meter and interval than at {joined.place(first)}"
        )
    return joined.where(np.concatenate([[True], ~again]))


def own_steps(joined: Joined, asked: int | None) -> tuple[NDArray[np.int64], int]:
    """Minutes between the reads of each series, and the interval length (`asked`, or found).

    A series' step is the gap that most of its successive reads have; where none is, the commonest gap of
    all files stands for it. Raises ReplayError if a step is coarser than the interval or cannot be told.
    """
    counts, gaps = _gap_counts(joined)
    total = counts.sum(axis=1)
    regular = counts[:, :_OTHER]
    commonest = regular.argmax(axis=1)
    sure = (2 * regular.max(axis=1) > total) & (total >= 2)
    if regular.any():
        common = int(_STEPS[regular.sum(axis=0).argmax()])
    elif asked is None or gaps:
        raise ReplayError(f"{_start(joined, slice(None))}: {_no_step(asked)}")
    else:
        common = asked
    interval = min(max(common, INTERVALS[0]), INTERVALS[-1]) if asked is None else asked
    steps = np.where(sure, _STEPS[commonest], common)
    _check_steps(joined, steps, interval)
    return steps, interval


def _gap_counts(joined: Joined) -> tuple[NDArray[np.int64], int]:
    """How often each kind of gap occurs, (series, kinds), and how many gaps there are."""
    within = joined.series[1:] == joined.series[:-1]
    gaps = np.diff(joined.keys)[within]
    kinds = _GAP_KINDS[np.minimum(gaps, len(_GAP_KINDS) - 1)]
    width = _OTHER + 1
    counts = np.bincount(
        joined.series[1:][within] * width + kinds,
        minlength=len(joined.meters) * len(joined.channels) * width,
    )
    return counts.reshape(-1, width), len(gaps)


def _no_step(asked: int | None) -> str:
    if asked is None:
        return "reads are too few to tell their interval; name it with --interval"
    return f"no two reads of a meter are {asked} minutes or less apart: coarser than --interval {asked}"


def _check_steps(joined: Joined, steps: NDArray[np.int64], interval: int) -> None:
    coarse = steps[joined.series] > interval
    if coarse.any():
        series = int(joined.series[coarse.argmax()])
        meter, step = joined.meters[series % len(joined.meters)], int(steps[series])
        rhythm = "once a day" if step == MINUTES_PER_DAY else f"every {step} minutes"
        raise ReplayError(
            f"{_start(joined, joined.series == series)}: meter {meter!r} reads {rhythm}, "
            f"coarser than the interval of {interval} minutes"
        )
    off = joined.minutes % steps[joined.series] != 0
    if off.any():
        step = int(steps[joined.series[off.argmax()]])
        raise ReplayError(
            f"{joined.place(int(joined.origin[off.argmax()]))}: time is not on the grid of {step} minutes of UTC"
        )


def _start(joined: Joined, some: NDArray[np.bool_] | slice) -> str:
    return joined.place(int(joined.origin[some].min()))


def summed(joined: Joined, steps: NDArray[np.int64], interval: int) -> Joined:
    """Reads finer than the interval added up; intervals that lack a read are left out."""
    slots = joined.keys - joined.minutes % interval
    first = np.flatnonzero(np.diff(slots, prepend=-1))
    counts = np.diff(first, append=len(slots))
    whole = counts * steps[slots[first] >> 32] == interval
    return replace(
        joined,
        keys=slots[first][whole],
        wh=np.add.reduceat(joined.wh, first)[whole],
        rounded=np.logical_or.reduceat(joined.rounded, first)[whole],
        origin=joined.origin[first][whole],
    )
