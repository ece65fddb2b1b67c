"""The registers that a tariff programs a meter with, and what a segment's part of a bill needs of which report.

A register report holds, one coefficient each: every energy register at the segment's beginning, the same now, and the
largest demand since the beginning in every demand register. So one reading alone tells the energy between both.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from wattseal.protocol.codec import Digest, canonical_json
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel, Kind
from wattseal.protocol.tariff.calendar import periods_of, zone_of
from wattseal.protocol.tariff.charges import DemandCharge, Mode, SummedCharge
from wattseal.protocol.tariff.compile import TOTAL, Compiled, Functional, Item, Register, Vector
from wattseal.protocol.tariff.model import Tariff

MOST_COEFFICIENTS = 4096


@dataclass(frozen=True)
class Program:
    """What the registers of one meter and channel count, in whichever segment: periods of the tariff, in local time.

    Energy is in `read_unit` Wh or litres, demand in W over intervals of `interval_minutes`. Raises UsageError for more
    registers than a report holds.
    """

    tariff: Tariff
    channel: Channel
    timezone: str
    interval_minutes: int
    read_unit: int

    def __post_init__(self) -> None:
        if self.coefficients > MOST_COEFFICIENTS:
            raise UsageError(f"tariff {self.tariff.name} needs more registers than a report holds")

    @cached_property
    def energy(self) -> tuple[Item, ...]:
        """An index for each sum that the channel's charges can be billed from."""
        charges = [c for c in self.tariff.metered if isinstance(c, SummedCharge) and c.channel is self.channel]
        if self.tariff.commodity == "gas":
            return (Item(Mode.DETERMINANTS, self.channel, TOTAL),) if charges else ()
        wanted: dict[str, set[int]] = {}
        for charge in charges:
            wanted.setdefault(charge.schedule, set()).update(charge.periods)
        return tuple(
            Item(Mode.DETERMINANTS, self.channel, name, self.tariff.by_name[name].periods[index])
            for name, indices in wanted.items()
            for index in sorted(indices)
        )

    @cached_property
    def demand(self) -> tuple[Register, ...]:
        """A maximum for each period in which demand has a price."""
        if self.channel is not Channel.DELIVERED:
            return ()
        found = (
            Register(charge.schedule, period)
            for charge in self.tariff.charges
            if isinstance(charge, DemandCharge)
            for index, period in enumerate(self.tariff.by_name[charge.schedule].periods)
            if any(tier.prices[index] for tier in charge.tiers)
        )
        return tuple(dict.fromkeys(found))

    @property
    def coefficients(self) -> int:
        """Of a report; without any, no report is sent."""
        return 2 * len(self.energy) + len(self.demand)

    @cached_property
    def digest(self) -> Digest:
        """Of all that decides what each coefficient means; prices do not."""
        names = sorted({item.name for item in self.energy if item.period} | {one.schedule for one in self.demand})
        content = {
            "channel": self.channel,
            "commodity": self.tariff.commodity,
            "timezone": self.timezone,
            "interval_minutes": self.interval_minutes,
            "read_unit": self.read_unit,
            "turns": [turn.model_dump(mode="json") for turn in self.tariff.turns],
            "holidays": [holiday.model_dump(mode="json") for holiday in self.tariff.holidays],
            "schedules": [self.tariff.by_name[name].model_dump(mode="json") for name in names],
            "energy": [[item.name, item.period] for item in self.energy],
            "demand": [[one.schedule, one.period] for one in self.demand],
        }
        return hashlib.sha256(b"wattseal/1 register program\0" + canonical_json(content)).digest()

    @property
    def layout_id(self) -> bytes:
        """By which the headers of its reports name it."""
        return self.digest[:8]

    def binding(self, cycle: tuple[int, int]) -> bytes:
        """By which labels name program and billing cycle: one content is sealed for one of both.

        Else the same indexes under the scales of two cycles, or under two meanings, would share their pads.
        """
        content = {"program": self.digest.hex(), "cycle": list(cycle)}
        return hashlib.sha256(b"wattseal/1 register binding\0" + canonical_json(content)).digest()[:16]

    def weights(self, what: Item | Register) -> Vector:
        """The functional of a report that gives the energy since the segment's beginning, or the demand.

        Raises UsageError for what no register counts.
        """
        weights = np.zeros(self.coefficients, dtype=np.int64)
        registers = len(self.energy)
        if isinstance(what, Register) and what in self.demand:
            weights[2 * registers + self.demand.index(what)] = 1
        elif isinstance(what, Item) and what in self.energy:
            place = self.energy.index(what)
            weights[place], weights[registers + place] = -1, 1
        else:
            raise UsageError(f"registers: none of tariff {self.tariff.name} counts '{' '.join(map(str, what))}'")
        return weights

    def counting(self, start: int, end: int) -> Vector:
        """(energy and demand registers, intervals): 1 where a register counts, else 0.

        Raises UsageError if a period begins inside an interval.
        """
        intervals = (end - start) // self.interval_minutes
        by_schedule: dict[str, Vector] = {}
        rows = np.ones((len(self.energy) + len(self.demand), intervals), dtype=np.int64)
        for row, (name, period) in zip(rows, self._places(), strict=True):
            if name == TOTAL and not period:
                continue
            schedule = self.tariff.by_name[name]
            if name not in by_schedule:
                zone = zone_of(self.timezone)
                by_schedule[name] = periods_of(self.tariff, schedule, start, end, self.interval_minutes, zone)
            row[:] = by_schedule[name] == schedule.periods.index(period)
        return rows

    def _places(self) -> list[tuple[str, str]]:
        """Schedule and period of each register."""
        return [
            *((item.name, item.period) for item in self.energy),
            *((one.schedule, one.period) for one in self.demand),
        ]


class Result(NamedTuple):
    """One number that is opened of a segment: `y` weighs the coefficients of its report of that kind and channel."""

    kind: Kind
    channel: Channel
    y: Vector
    of: Functional | Register

    def released(self, compiled: Compiled, total: int) -> int:
        """What leaves the key server: whole cents of an amount, an exact sum, or W."""
        return total if isinstance(self.of, Register) else compiled.released(self.of, total)


def program_of(compiled: Compiled, channel: Channel) -> Program:
    """Of the meters whose segments are compiled so."""
    segment = compiled.segment
    return Program(compiled.tariff, channel, segment.timezone, segment.interval_minutes, segment.read_unit)


def results_of(compiled: Compiled) -> tuple[Result, ...]:
    """All that is opened of a segment, in order: its functionals, then its demand.

    Raises UsageError for more registers than a report holds.
    """
    wanted: list[Functional | Register] = [*compiled.functionals, *compiled.registers]
    return tuple(_result(compiled, of) for of in wanted)


def _result(compiled: Compiled, of: Functional | Register) -> Result:
    channel = Channel.DELIVERED if isinstance(of, Register) else of.item.channel
    if isinstance(of, Functional) and channel not in compiled.by_registers:
        return Result(Kind.CYCLE, channel, of.y, of)
    weights = program_of(compiled, channel).weights(of.item if isinstance(of, Functional) else of)
    return Result(Kind.REGISTER, channel, weights, of)


def reports_of(compiled: Compiled) -> list[tuple[Channel, Kind]]:
    """Which reports the segment's part of a bill rests on, in order."""
    of_channel: dict[Channel, list[Kind]] = {}
    for channel in compiled.segment.channels:
        of_channel[channel] = [Kind.REGISTER if channel in compiled.by_registers else Kind.CYCLE]
    if compiled.registers and Channel.DELIVERED not in compiled.by_registers:
        of_channel[Channel.DELIVERED].append(Kind.REGISTER)
    return [(channel, kind) for channel, kinds in of_channel.items() for kind in kinds]
