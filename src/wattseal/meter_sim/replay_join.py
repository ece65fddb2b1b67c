"""Reads of several files in one order, with repeated reads dropped and each meter's own step found.

A series is one meter in one channel; a key is series x 2^32 + UTC minute, so that keys sort as series do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.reads import CHANNELS, ReplayError
from wattseal.meter_sim.replay_layout import READ_MINUTES, Reads
from wattseal.protocol.time import MINUTES_PER_DAY

_STEPS = np.array([*READ_MINUTES, MINUTES_PER_DAY])
_OTHER = len(_STEPS)
_GAP_KINDS = np.full(MINUTES_PER_DAY + 62, _OTHER)
_GAP_KINDS[_STEPS] = np.arange(_OTHER)
_GAP_KINDS[[MINUTES_PER_DAY - 60, MINUTES_PER_DAY + 60]] = _GAP_KINDS[MINUTES_PER_DAY]  # days on which clocks change


@dataclass(frozen=True)
class Joined:
    """Reads in the order of their keys; `origin` is where each stands in the files, one after another.

    `steps` are the minutes that each read lasts, 0 where its file does not tell.
    """

    meters: tuple[str, ...]
    channels: tuple[int, ...]
    keys: NDArray[np.int64]
    wh: NDArray[np.int64]
    rounded: NDArray[np.bool_]
    steps: NDArray[np.uint16]
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
        arrays = {name: getattr(self, name)[kept] for name in ("keys", "wh", "rounded", "steps", "origin")}
        return replace(self, **arrays)

    def moved_back(self, steps: NDArray[np.int64]) -> "Joined":
        """Stamps at the end of intervals moved to their beginning; `steps` in minutes, by series."""
        if self.steps.any():
            raise ReplayError(
                f"{self.place(int(self.origin[self.steps.argmax()]))}: --stamps end is for files that name one end "
                "of an interval; here reads have a beginning and a length"
            )
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
        steps=np.concatenate([_told_steps(reads) for reads in files])[origin],
        origin=origin,
        place=lambda read: _place(files, read),
    )


def _told_steps(reads: Reads) -> NDArray[np.uint16]:
    return np.zeros(len(reads.minutes), dtype=np.uint16) if reads.steps is None else reads.steps


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
    lengths = (joined.steps[1:] != joined.steps[:-1]) & (joined.steps[1:] > 0) & (joined.steps[:-1] > 0)
    conflicts = np.flatnonzero(again & (lengths | (joined.wh[1:] != joined.wh[:-1])))
    if len(conflicts):
        first, second = sorted(joined.origin[conflicts[0] : conflicts[0] + 2].tolist())
        what = "length" if joined.wh[conflicts[0]] == joined.wh[conflicts[0] + 1] else "value"
        raise ReplayError(
            f"{joined.place(second)}: another {what} for a meter and interval than at {joined.place(first)}"
        )
    return joined.where(np.concatenate([[True], ~again]))


def own_steps(joined: Joined, asked: int | None, offered: Sequence[int]) -> tuple[NDArray[np.int64], int]:
    """Minutes that the reads of each series last, and the interval length (`asked`, or found among those `offered`).

    A series' step is the length that most of its reads have, as their file tells or by the gap before them; where
    none is, the commonest of all files stands for it. Raises ReplayError if a step cannot be told.
    """
    counts, gaps = _length_counts(joined)
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
    interval = _interval_for(common, offered) if asked is None else asked
    return np.where(sure, _STEPS[commonest], common), interval


def _interval_for(step: int, offered: Sequence[int]) -> int:
    """The shortest interval that reads of `step` minutes fill."""
    return next((interval for interval in offered if interval % step == 0), offered[-1])


def to_days(joined: Joined) -> Joined:
    """Reads of whole days, each as that of the UTC day in which it begins: gas days begin at local hours.

    Raises ReplayError where two of a meter begin in one.
    """
    daily = replace(joined, keys=joined.keys - joined.minutes % MINUTES_PER_DAY)
    again = np.flatnonzero(daily.keys[1:] == daily.keys[:-1])
    if len(again):
        first, second = sorted(joined.origin[again[0] : again[0] + 2].tolist())
        raise ReplayError(f"{joined.place(second)}: begins on the same UTC day as the read at {joined.place(first)}")
    return daily


def _length_counts(joined: Joined) -> tuple[NDArray[np.int64], int]:
    """How often each kind of length occurs, (series, kinds), and how many there are."""
    told = joined.steps > 0
    within = (joined.series[1:] == joined.series[:-1]) & ~told[1:]
    lengths = np.concatenate([np.diff(joined.keys)[within], joined.steps[told]])
    series = np.concatenate([joined.series[1:][within], joined.series[told]])
    kinds = _GAP_KINDS[np.minimum(lengths, len(_GAP_KINDS) - 1)]
    width = _OTHER + 1
    counts = np.bincount(series * width + kinds, minlength=len(joined.meters) * len(joined.channels) * width)
    return counts.reshape(-1, width), len(lengths)


def _no_step(asked: int | None) -> str:
    if asked is None:
        return "reads are too few to tell their interval; name it with --interval"
    return f"no two reads of a meter are {asked} minutes or less apart: coarser than --interval {asked}"


def with_steps(joined: Joined, steps: NDArray[np.int64], interval: int) -> Joined:
    """Every read with its length, that of its series unless its file tells.

    Raises ReplayError for a read that does not fit the interval, is off the grid of its length, or overlaps another.
    """
    own = np.where(joined.steps > 0, joined.steps, steps.astype(np.uint16)[joined.series])
    _check_lengths(joined, own, interval)
    off = joined.minutes % own != 0
    if off.any():
        read = int(off.argmax())
        raise ReplayError(
            f"{joined.place(int(joined.origin[read]))}: time is not on the grid of {own[read]} minutes of UTC"
        )
    overlaps = np.flatnonzero(np.diff(joined.keys) < own[:-1])
    if len(overlaps):
        first, second = joined.origin[overlaps[0] : overlaps[0] + 2].tolist()
        raise ReplayError(f"{joined.place(second)}: begins before the read at {joined.place(first)} ends")
    return replace(joined, steps=own)


def _check_lengths(joined: Joined, own: NDArray[np.uint16], interval: int) -> None:
    lengths = np.unique(own)
    unfit = lengths[interval % lengths != 0]
    if not len(unfit):
        return
    read = int(np.flatnonzero(np.isin(own, unfit))[0])
    series, step = int(joined.series[read]), int(own[read])
    meter = joined.meters[series % len(joined.meters)]
    rhythm = "once a day" if step == MINUTES_PER_DAY else f"every {step} minutes"
    what = "coarser than" if step > interval else "which does not divide"
    raise ReplayError(
        f"{_start(joined, (joined.series == series) & (own == step))}: meter {meter!r} reads {rhythm}, "
        f"{what} the interval of {interval} minutes"
    )


def _start(joined: Joined, some: NDArray[np.bool_] | slice) -> str:
    return joined.place(int(joined.origin[some].min()))


def summed(joined: Joined, interval: int) -> tuple[Joined, int]:
    """Reads finer than the interval added up, and how many reads were left out as their interval lacks others."""
    slots = joined.keys - joined.minutes % interval
    first = np.flatnonzero(np.diff(slots, prepend=-1))
    whole = np.add.reduceat(joined.steps, first, dtype=np.int64) == interval
    counts = np.diff(first, append=len(slots))
    groups = replace(
        joined,
        keys=slots[first][whole],
        wh=np.add.reduceat(joined.wh, first)[whole],
        rounded=np.logical_or.reduceat(joined.rounded, first)[whole],
        steps=np.full(np.count_nonzero(whole), interval, dtype=np.uint16),
        origin=joined.origin[first][whole],
    )
    return groups, int(counts[~whole].sum())
