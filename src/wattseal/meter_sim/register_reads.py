"""When a fleet's registers are read: at local midnights of each billing segment, and at its end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.reads import DayReads
from wattseal.meter_sim.registers import Registers
from wattseal.meter_sim.units import in_units
from wattseal.protocol.ids import Channel, MeterId
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.calendar import days_between, first_minute, zone_of
from wattseal.protocol.tariff.registers import Program
from wattseal.protocol.time import MINUTES_PER_DAY

Minutes = tuple[int, int]


class Billed(NamedTuple):
    """A meter's part of a billing cycle, both in minutes since 1970 UTC."""

    minutes: Minutes
    cycle: Minutes


class Reading(NamedTuple):
    """What a meter's registers hold at one minute of its part of a cycle."""

    meter: MeterId
    channel: Channel
    billed: Billed
    minute: int
    values: NDArray[np.int64]

    @property
    def closes(self) -> bool:
        """Whether it is the one that bills rest on."""
        return self.minute == self.billed.minutes[1]


def readings_of(minutes: Minutes, cycle: Cycle) -> list[int]:
    """A segment's end, and the local midnights from a day after its beginning on; one a UTC day, the last.

    Reports are kept by their UTC day. None for a segment of less than a day.
    """
    start, end = minutes
    midnights = (first_minute(day, zone_of(cycle.timezone)) for day in days_between(cycle.first, cycle.after))
    due = sorted(minute for minute in {*midnights, end} if start + MINUTES_PER_DAY <= minute <= end)
    return list({(minute - 1) // MINUTES_PER_DAY: minute for minute in due}.values())


@dataclass
class _Agenda:
    """By minute: whose segments begin, and whose registers are read."""

    begins: dict[int, list[MeterId]]
    reads: dict[int, list[tuple[MeterId, Billed]]]

    def cuts(self, begin: int, end: int) -> list[int]:
        """The minutes of one UTC day with something to do, its end among them."""
        begins = (minute for minute in self.begins if begin <= minute < end)
        reads = (minute for minute in self.reads if begin < minute <= end)
        return sorted({*begins, *reads, end})


class RegisterReads:
    """Counts UTC days, one after the other, and reads the registers as they pass.

    `segments` are each meter's parts of every cycle; the programs have an interval and a unit in common.
    """

    def __init__(
        self, segments: Mapping[MeterId, Sequence[tuple[Minutes, Cycle]]], programs: Iterable[Program]
    ) -> None:
        self._rows = {meter: row for row, meter in enumerate(segments)}
        self._channels = {one.channel: (one, Registers(one, len(segments))) for one in programs if one.coefficients}
        self._agenda = _Agenda({}, {})
        for meter, parts in segments.items():
            for minutes, cycle in parts:
                self._agenda.begins.setdefault(minutes[0], []).append(meter)
                for minute in readings_of(minutes, cycle):
                    due = self._agenda.reads.setdefault(minute, [])
                    due.append((meter, Billed(minutes, cycle.minutes)))

    def add(self, days: Iterable[DayReads], meters: Mapping[str, MeterId]) -> list[Reading]:
        """One UTC day as it was measured, under the names of the meters that were there; what was read in it."""
        told = (self._add(day, meters) for day in days if Channel(day.channel) in self._channels)
        return list(chain.from_iterable(told))

    def _add(self, day: DayReads, meters: Mapping[str, MeterId]) -> list[Reading]:
        program, registers = self._channels[Channel(day.channel)]
        here = [place for place, name in enumerate(day.meters) if meters[name] in self._rows]
        there = {meters[day.meters[place]] for place in here}
        rows = np.array([self._rows[meters[day.meters[place]]] for place in here], dtype=np.int64)
        units, known = in_units(day.measured.wh, program.read_unit)[here], day.measured.known[here]
        begin, minutes = day.day * MINUTES_PER_DAY, program.interval_minutes
        readings, at = [], begin
        for cut in self._agenda.cuts(begin, begin + MINUTES_PER_DAY):
            piece = slice((at - begin) // minutes, (cut - begin) // minutes)
            if cut > at:
                registers.count(rows, units[:, piece], known[:, piece], at)
                readings += list(self._read(program.channel, registers, cut, there))
            starting = [self._rows[meter] for meter in self._agenda.begins.get(cut, ()) if meter in there]
            if cut < begin + MINUTES_PER_DAY:
                registers.begin_segment(np.array(starting, dtype=np.int64))
            at = cut
        return readings

    def _read(self, channel: Channel, registers: Registers, minute: int, there: set[MeterId]) -> Iterable[Reading]:
        for meter, billed in self._agenda.reads.get(minute, ()):
            values = registers.values(self._rows[meter]) if meter in there else None
            if values is not None:
                yield Reading(meter, channel, billed, minute, values)
