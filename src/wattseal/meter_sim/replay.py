"""Replay of the user's own interval files: several files become whole UTC days of one interval length.

Reads of several files and meters meet here; what one file says is told in replay_layout.py.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.reads import CHANNELS, DayReads, ReplayError
from wattseal.meter_sim.replay_espi import is_xml
from wattseal.meter_sim.replay_green_button import read_green_button
from wattseal.meter_sim.replay_join import (
    Joined,
    join,
    own_steps,
    summed,
    to_days,
    with_steps,
    without_repeats,
)
from wattseal.meter_sim.replay_layout import Reads, is_long, read_long, read_wide
from wattseal.meter_sim.replay_table import is_parquet, read_table
from wattseal.meter_sim.replay_text import ABSENT
from wattseal.meter_sim.replay_utility import read_utility
from wattseal.protocol.roster import INTERVALS_OF, Commodity
from wattseal.protocol.time import MINUTES_PER_DAY

_HEAD_BYTES = 64
LARGEST_SPAN_DAYS = 36525  # a century: beyond it stands a mistyped year


@dataclass(frozen=True)
class ReplayOptions:
    """How to read the files.

    `interval_minutes` is 15, 30 or 60, of gas 60 or 1440, None to find it; `timezone` (an IANA name or an offset
    such as +10:00) is that of times without a zone; `columns` maps columns of wide files to channels; `stamps`
    tells which end of the interval a time names; `days` keeps the first UTC days only.
    """

    interval_minutes: int | None = None
    timezone: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    stamps: Literal["begin", "end"] = "begin"
    days: int | None = None

    def __post_init__(self) -> None:
        if self.interval_minutes not in (None, *itertools.chain(*INTERVALS_OF.values())):
            raise ReplayError(f"--interval {self.interval_minutes}: must be 15, 30 or 60, of gas 60 or 1440")
        if self.stamps not in ("begin", "end"):
            raise ReplayError(f"--stamps {self.stamps}: must be begin or end")
        if self.days is not None and self.days < 1:
            raise ReplayError(f"--days {self.days}: must be at least 1")
        channels = list(self.columns.values())
        for column, channel in self.columns.items():
            if channel not in CHANNELS:
                raise ReplayError(f"--map {column}={channel}: channels are {', '.join(CHANNELS)}")
            if channels.count(channel) > 1:
                raise ReplayError(f"--map {column}={channel}: {channel} is mapped more than once")


@dataclass(frozen=True, eq=False)
class Replay:
    """The reads of all files, by UTC day. `largest_read` is of an interval, `largest_day` of a meter's day.

    `reads` counts those replayed, as the files have them (finer ones before they are summed); `rounded`
    those of them that had a fraction of a Wh, `incomplete` those left out because their interval lacks
    others; `missing` counts empty cells and `duplicates` repeated reads of the same days. `ignored_columns`,
    `ignored_reads` (of other units or longer than an hour) and `qualities` (reads that their file marks as
    estimated, questionable and so on) are of whole files, whatever days are kept.
    """

    meters: tuple[str, ...]
    channels: tuple[str, ...]
    commodity: Commodity
    interval_minutes: int
    first_day: int
    last_day: int
    reads: int
    rounded: int
    largest_read: int
    largest_day: int
    missing: int
    duplicates: int
    incomplete: int
    ignored_columns: int
    ignored_reads: int
    qualities: Mapping[str, int]
    _cells: NDArray[np.int64] = field(repr=False)  # by day; within a day (channel, meter, interval) flattened
    _wh: NDArray[np.int64] = field(repr=False)
    _bounds: NDArray[np.int64] = field(repr=False)  # where each day begins, and the end

    def days(self) -> Iterator[tuple[DayReads, ...]]:
        """Every UTC day in order, those without a read too; one DayReads a channel."""
        shape = (len(self.channels), len(self.meters), MINUTES_PER_DAY // self.interval_minutes)
        for offset, day in enumerate(range(self.first_day, self.last_day + 1)):
            here = slice(self._bounds[offset], self._bounds[offset + 1])
            wh = np.zeros(shape, dtype=np.int64)
            present = np.zeros(shape, dtype=np.bool_)
            wh.reshape(-1)[self._cells[here]] = self._wh[here]
            present.reshape(-1)[self._cells[here]] = True
            yield tuple(
                DayReads(day, channel, self.meters, wh[row], present[row]) for row, channel in enumerate(self.channels)
            )


def open_replay(paths: Sequence[Path], options: ReplayOptions) -> Replay:
    """Read and join the files; raises ReplayError for anything that cannot be taken as it stands.

    The energy of each read is rounded to Wh by itself, before finer reads are summed. Of a local time that
    the clocks show twice, a meter's first read in a file is the earlier one.
    """
    if not paths:
        raise ReplayError("no files of reads")
    return joined_replay([_read_file(path, options) for path in paths], options)


def joined_replay(files: Sequence[Reads], options: ReplayOptions) -> Replay:
    """The reads of at least one file or other source as one replay. Raises ReplayError as open_replay does."""
    everything = join(files)
    present = without_repeats(everything.where(everything.wh != ABSENT))
    if not len(present.keys):
        raise ReplayError(f"{everything.place(0)} and after: no reads, only empty cells")
    offered = _offered(files, everything, options.interval_minutes)
    steps, interval = own_steps(present, options.interval_minutes, offered)
    if options.stamps == "end":
        everything, present = everything.moved_back(steps), present.moved_back(steps)
    if interval == MINUTES_PER_DAY and (steps == MINUTES_PER_DAY).all():
        present = to_days(present)
    present = with_steps(present, steps, interval)
    if options.days is not None:
        end = (int(present.days.min()) + options.days) * MINUTES_PER_DAY
        everything, present = (some.where(some.minutes < end) for some in (everything, present))
    return _by_day(everything, present, interval, files)


def _offered(files: Sequence[Reads], everything: Joined, asked: int | None) -> tuple[int, ...]:
    """The intervals that a region of this commodity may have. Raises ReplayError for two commodities."""
    commodity, first = files[0].commodity, 0
    for reads in files:
        if reads.commodity != commodity:
            raise ReplayError(f"{everything.place(first)}: {reads.commodity}, and {commodity} in the files before")
        first += len(reads.minutes)
    offered = INTERVALS_OF[commodity]
    if asked is not None and asked not in offered:
        listed = " or ".join(map(str, offered))
        raise ReplayError(f"--interval {asked}: must be {listed} for {commodity}")
    return offered


def _read_file(path: Path, options: ReplayOptions) -> Reads:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        told = _read_told(path, head, options)
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read: {error.strerror}") from error
    if told is None:
        table = read_table(path)
        if not is_long(table):
            return read_wide(table, options.timezone, options.columns)
        told = read_long(table, options.timezone)
    if options.columns:
        raise ReplayError(f"{path}: --map is for wide files; this one names its channels itself")
    return told


def _read_told(path: Path, head: bytes, options: ReplayOptions) -> Reads | None:
    """The reads of a file whose first bytes or header tell that it is no plain table; names tell nothing."""
    if is_xml(head):
        return read_green_button(path)
    if is_parquet(head):
        return None
    return read_utility(path, options.timezone)


def _by_day(everything: Joined, present: Joined, interval: int, files: Sequence[Reads]) -> Replay:
    first_day, last_day = _first_and_last_day(present)
    missing = int(np.count_nonzero(everything.wh == ABSENT))
    whole, incomplete = summed(present, interval)
    days = whole.days - first_day
    by_day = np.argsort(days.astype(np.uint16), kind="stable")  # by radix, at 16 bits
    cells = whole.series * (MINUTES_PER_DAY // interval) + whole.minutes % MINUTES_PER_DAY // interval
    return Replay(
        meters=present.meters,
        channels=tuple(CHANNELS[channel] for channel in present.channels),
        commodity=files[0].commodity,
        interval_minutes=interval,
        first_day=first_day,
        last_day=last_day,
        reads=len(present.keys),
        rounded=int(np.count_nonzero(present.rounded)),
        largest_read=int(whole.wh.max(initial=0)),
        largest_day=_largest_day(whole),
        missing=missing,
        duplicates=len(everything.keys) - missing - len(present.keys),
        incomplete=incomplete,
        ignored_columns=sum(reads.ignored_columns for reads in files),
        ignored_reads=sum(reads.ignored_reads for reads in files),
        qualities=dict(sum((Counter(reads.qualities) for reads in files), Counter())),
        _cells=cells[by_day],
        _wh=whole.wh[by_day],
        _bounds=np.searchsorted(days[by_day], np.arange(last_day - first_day + 2)),
    )


def _largest_day(whole: Joined) -> int:
    """In the order of keys, so that a day without reads, which a mistyped year makes many of, takes no memory."""
    first = np.flatnonzero(np.diff(whole.keys - whole.minutes % MINUTES_PER_DAY, prepend=-1))
    return int(np.add.reduceat(whole.wh, first).max(initial=0))


def _first_and_last_day(present: Joined) -> tuple[int, int]:
    first, last = int(present.days.min()), int(present.days.max())
    if last - first > LARGEST_SPAN_DAYS:
        latest = int(present.origin[present.minutes.argmax()])
        raise ReplayError(f"{present.place(latest)}: {last - first} days after the first read")
    return first, last
