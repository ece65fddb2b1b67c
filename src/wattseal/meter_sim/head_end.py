"""The interface to a utility's own head-end or MDMS: an adapter yields reads, and they are replayed as files are."""

from array import array
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

import numpy as np

from wattseal.meter_sim.reads import CHANNELS, ReplayError
from wattseal.meter_sim.replay import Replay, ReplayOptions, joined_replay
from wattseal.meter_sim.replay_layout import Reads
from wattseal.meter_sim.replay_text import ABSENT, LARGEST_WH, Energies, name_fault
from wattseal.protocol.ids import Channel
from wattseal.protocol.time import MINUTES_PER_DAY


class HeadEndRead(NamedTuple):
    """Energy of one interval in one channel; `start` has a zone, `wh` is None where the read is missing."""

    meter: str
    channel: Channel
    start: datetime
    wh: int | None


class HeadEnd(Protocol):
    """What an adapter implements: reads of any number of meters and days, in any order.

    `name` stands in messages for the file that there is none of.
    """

    name: str

    def reads(self) -> Iterator[HeadEndRead]: ...


def open_head_end(head_end: HeadEnd, options: ReplayOptions) -> Replay:
    """Every read of a head-end, by UTC day. Raises ReplayError, which names the read by its number from 1."""
    if options.timezone is not None or options.columns:
        raise ReplayError(f"{head_end.name}: a head-end tells zones and channels itself, without --timezone and --map")
    columns = _Columns(head_end.name)
    for read in head_end.reads():
        columns.append(read)
    return joined_replay([columns.reads()], options)


class _Columns:
    """Reads as they come, in a few bytes each."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._order: dict[str, int] = {}
        self._meters, self._channels = array("i"), array("b")
        self._minutes, self._wh = array("q"), array("q")

    def append(self, read: HeadEndRead) -> None:
        self._meters.append(self._meter(read.meter))
        self._channels.append(self._channel(read.channel))
        self._minutes.append(self._minute(read.start))
        self._wh.append(self._energy(read.wh))

    def _meter(self, name: str) -> int:
        if name not in self._order:
            fault = name_fault(name)
            if fault is not None:
                raise self._fault(fault)
            self._order[name] = len(self._order)
        return self._order[name]

    def _channel(self, channel: Channel) -> int:
        if channel not in CHANNELS:
            raise self._fault(f"channel {channel!r} is none of {', '.join(CHANNELS)}")
        return CHANNELS.index(channel)

    def _minute(self, start: datetime) -> int:
        if start.tzinfo is None:
            raise self._fault(f"start {start} has no zone")
        minutes, rest = divmod(start.timestamp(), 60)
        if rest or minutes < MINUTES_PER_DAY:
            raise self._fault(f"start {start} is " + ("not on the interval grid" if rest else "before 1970-01-02"))
        return int(minutes)

    def _energy(self, wh: int | None) -> int:
        if wh is None:
            return ABSENT
        if not isinstance(wh, int) or not 0 <= wh <= LARGEST_WH:
            raise self._fault(f"energy {wh!r} is not a whole number of Wh from 0 to 2^40")
        return wh

    def _fault(self, what: str) -> ReplayError:
        return ReplayError(f"{self._place(len(self._wh))}: {what}")

    def _place(self, read: int) -> str:
        return f"{self._name}, read {read + 1}"

    def reads(self) -> Reads:
        if not self._wh:
            raise ReplayError(f"{self._name}: no reads")
        wh = np.array(self._wh, dtype=np.int64)
        return Reads(
            names=tuple(self._order),
            meters=np.array(self._meters, dtype=np.int32),
            channels=np.array(self._channels, dtype=np.int8),
            minutes=np.array(self._minutes, dtype=np.uint32),
            energies=Energies(wh, np.zeros(len(wh), dtype=np.bool_)),
            ignored_columns=0,
            place=self._place,
        )
