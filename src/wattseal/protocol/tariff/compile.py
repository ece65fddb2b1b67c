"""From a tariff and a billing segment to integer functionals of the segment's reads. `settle.py` takes it from there.

Aggregator, decryptor and unblinder each compile for themselves, so that none can swap a price.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.calendar import first_minute, local_date, periods_of, zone_of
from wattseal.protocol.tariff.charges import (
    DemandCharge,
    EnergyCharge,
    LinearCharge,
    MeteredCharge,
    Mode,
    SeriesCharge,
    SummedCharge,
)
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import MINUTES_PER_DAY

NOISE_BOUND = 1 << 29
"""Largest B(y) of a functional: with it, opening a forged result succeeds with probability 2^-33 or less."""

LONGEST_SEGMENT = 33 * MINUTES_PER_DAY + 60
TOTAL = "total"
"""Stands for the schedule in the one sum of a gas tariff."""

_INTERVALS = {"electricity": (15, 30, 60), "gas": (60, MINUTES_PER_DAY)}
_READ_UNITS = (1, 10, 100)
_SPLIT_BITS = 10
_AMOUNTS_PER_CENT = 10**6  # prices of 1e-5 $/kWh times Wh are 1e-8 $
_LAST_MINUTE = 1 << 31

Vector = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Segment:
    """Tenure x installation x cycle, in minutes since 1970 UTC; reads are in `read_unit` Wh or litres.

    Raises UsageError naming the field.
    """

    start: int
    end: int
    interval_minutes: int
    timezone: str
    channels: tuple[Channel, ...] = (Channel.DELIVERED,)
    read_unit: int = 1

    def __post_init__(self) -> None:
        if self.interval_minutes not in (15, 30, 60, MINUTES_PER_DAY):
            raise UsageError(f"segment: interval_minutes is 15, 30, 60 or 1440, not {self.interval_minutes}")
        if not 0 <= self.start < self.end <= _LAST_MINUTE or self.end - self.start > LONGEST_SEGMENT:
            raise UsageError("segment: start and end are in order, at most 33 days apart")
        if any(self._inside_interval(minute) for minute in (self.start, self.end)):
            raise UsageError("segment: start and end are not beginnings of intervals")
        if not self.channels or list(self.channels) != sorted(set(self.channels)):
            raise UsageError("segment: channels are sorted, each once, at least one")
        if self.read_unit not in _READ_UNITS:
            raise UsageError(f"segment: read_unit is 1, 10 or 100, not {self.read_unit}")

    def _inside_interval(self, minute: int) -> bool:
        if self.interval_minutes == MINUTES_PER_DAY:
            return first_minute(local_date(minute, self.zone), self.zone) != minute
        return minute % self.interval_minutes != 0

    @property
    def intervals(self) -> int:
        """Daily reads are of local days, of 23 and 25 hours too."""
        if self.interval_minutes == MINUTES_PER_DAY:
            return (local_date(self.end, self.zone) - local_date(self.start, self.zone)).days
        return (self.end - self.start) // self.interval_minutes

    @property
    def zone(self) -> tzinfo:
        return zone_of(self.timezone)


class Item(NamedTuple):
    """What one functional is for: a charge's amount, or the energy in a period of a schedule."""

    mode: Mode
    channel: Channel
    name: str
    period: str = ""
    part: int = 0


class Register(NamedTuple):
    """A demand register: the largest W in a period of a schedule."""

    schedule: str
    period: str


@dataclass(frozen=True, slots=True, eq=False)
class Functional:
    """The item's result is `weight` times the sum of `y`, one integer for each interval, times the reads."""

    item: Item
    y: Vector
    weight: int = 1


@dataclass(frozen=True, eq=False)
class Compiled:
    """All that one segment's part of a bill needs opened. A functional of zeros is left out: its result is 0."""

    tariff: Tariff
    segment: Segment
    modes: Mapping[str, Mode]
    """By the name of each metered charge on the segment's channels."""
    functionals: tuple[Functional, ...]
    by_registers: frozenset[Channel] = frozenset()
    """Channels whose sums come from registers, for want of interval reads."""

    def released(self, functional: Functional, total: int) -> int:
        """What leaves the key server: whole cents of an amount, halves rounded to even, or the opened sum itself."""
        if functional.item.mode is Mode.DETERMINANTS:
            return total
        return round(Fraction(total * functional.weight * self.segment.read_unit, _AMOUNTS_PER_CENT))

    def charges_of(self, item: Item) -> frozenset[str]:
        """Names of the charges that the item's result is for."""
        if item.mode is Mode.AMOUNT:
            return frozenset({item.name})
        summed = (charge for charge in self.tariff.metered if self.modes.get(charge.name) is Mode.DETERMINANTS)
        return frozenset(charge.name for charge in summed if self._needs(charge, item))

    def _needs(self, charge: MeteredCharge, item: Item) -> bool:
        if isinstance(charge, SeriesCharge) or charge.channel is not item.channel:
            return False
        if item.name == TOTAL and not item.period:
            return True
        periods = self.tariff.by_name[charge.schedule].periods
        return charge.schedule == item.name and item.period in {periods[index] for index in charge.periods}

    @cached_property
    def registers(self) -> dict[Register, Vector]:
        """Demand registers that have a price and occur in the segment, each with its intervals (1, else 0)."""
        if Channel.DELIVERED not in self.segment.channels:
            return {}
        found = {}
        for charge in self.tariff.charges:
            if isinstance(charge, DemandCharge):
                schedule = self.tariff.by_name[charge.schedule]
                indices = _indices(self.tariff, self.segment, charge.schedule)
                for index in np.unique(indices):
                    if any(tier.prices[index] for tier in charge.tiers):
                        found[Register(charge.schedule, schedule.periods[index])] = (indices == index).astype(np.int64)
        return found


def compile_tariff(
    tariff: Tariff,
    segment: Segment,
    modes: Mode | Mapping[str, Mode],
    by_registers: Collection[Channel] = (),
) -> Compiled:
    """`modes` is one for all metered charges, or one for each by its name (see `Tariff.modes`).

    Of channels `by_registers` there are sums only. Raises UsageError for a charge that cannot be had in its mode,
    naming the one to use, and for a segment that the tariff does not fit.
    """
    charges = [charge for charge in tariff.metered if charge.channel in segment.channels]
    by_charge = {
        charge.name: _summed(charge) if charge.channel in by_registers else _mode_of(tariff, charge, modes)
        for charge in charges
    }
    _check_fit(tariff, segment)
    amounts = [c for c in charges if isinstance(c, LinearCharge) and by_charge[c.name] is Mode.AMOUNT]
    summed = [c for c in charges if isinstance(c, SummedCharge) and by_charge[c.name] is Mode.DETERMINANTS]
    functionals = [functional for charge in amounts for functional in _amount(tariff, segment, charge)]
    if tariff.commodity == "gas":
        ones = np.ones(segment.intervals, dtype=np.int64)
        functionals += [Functional(Item(Mode.DETERMINANTS, Channel.DELIVERED, TOTAL), ones)] if summed else []
    else:
        functionals += _sums(tariff, segment, summed)
    return Compiled(tariff, segment, by_charge, tuple(functionals), frozenset(by_registers))


def noise_bound(y: Vector) -> int:
    """B(y) = ceil(12 x 3.24 x |y|_2), exact: 12 standard deviations of the summed errors of the coefficients."""
    square = 972 * 972 * sum(int(value) ** 2 for value in y)
    root = math.isqrt(square)
    return -(-(root + (root * root < square)) // 25)


def split(y: Vector) -> list[tuple[Vector, int]]:
    """`y` as vectors within the noise bound, each with its weight: itself, or a high and a low part."""
    if noise_bound(y) <= NOISE_BOUND:
        return [(y, 1)]
    # The shift rounds down, so the low part is never negative, whatever the sign of the price.
    high = y >> _SPLIT_BITS
    return [(high, 1 << _SPLIT_BITS), (y - (high << _SPLIT_BITS), 1)]


def _mode_of(tariff: Tariff, charge: MeteredCharge, modes: Mode | Mapping[str, Mode]) -> Mode:
    if not isinstance(modes, Mode) and charge.name not in modes:
        raise UsageError(f"charge '{charge.name}': no mode is given")
    mode = modes if isinstance(modes, Mode) else modes[charge.name]
    if mode not in (possible := tariff.modes_of(charge)):
        if mode is Mode.DETERMINANTS:
            reason = "has a price for each step"
        else:
            reason = "is billed from sums only" if mode in charge.modes else "is not linear in the reads"
        raise UsageError(f"charge '{charge.name}' {reason}: it needs mode '{possible[0]}'")
    return mode


def _summed(charge: MeteredCharge) -> Mode:
    if isinstance(charge, SeriesCharge):
        raise UsageError(f"charge '{charge.name}' has a price for each step: no register counts what it needs")
    return Mode.DETERMINANTS


def _check_fit(tariff: Tariff, segment: Segment) -> None:
    # Received energy without a price would otherwise be given away in silence.
    if segment.interval_minutes not in _INTERVALS[tariff.commodity]:
        raise UsageError(f"segment: no intervals of {segment.interval_minutes} minutes for {tariff.commodity}")
    for channel in set(segment.channels) - {charge.channel for charge in tariff.metered}:
        raise UsageError(f"tariff {tariff.name} has no charge on channel '{channel}' of the segment")


def _indices(tariff: Tariff, segment: Segment, schedule: str) -> Vector:
    """Index of the period of each interval."""
    by_name = tariff.by_name[schedule]
    return periods_of(tariff, by_name, segment.start, segment.end, segment.interval_minutes, segment.zone)


def prices_of(tariff: Tariff, segment: Segment, charge: LinearCharge) -> Vector:
    """Of each interval. Raises UsageError for prices that do not cover the segment."""
    return _series(charge, segment) if isinstance(charge, SeriesCharge) else _by_period(tariff, segment, charge)


def _amount(tariff: Tariff, segment: Segment, charge: LinearCharge) -> Iterator[Functional]:
    y = prices_of(tariff, segment, charge)
    if y.any():
        for part, (vector, weight) in enumerate(split(y)):
            yield Functional(Item(Mode.AMOUNT, charge.channel, charge.name, part=part), vector, weight)


def _by_period(tariff: Tariff, segment: Segment, charge: EnergyCharge) -> Vector:
    # A period that the charge leaves out costs nothing.
    prices = np.array([price if price is not None else 0 for price in charge.prices], dtype=np.int64)
    by_interval: Vector = prices[_indices(tariff, segment, charge.schedule)]
    return by_interval


def _series(charge: SeriesCharge, segment: Segment) -> Vector:
    """The price of each interval, which lies in one step of the series."""
    if segment.interval_minutes > charge.step_minutes:
        raise UsageError(
            f"charge '{charge.name}': prices change inside an interval of {segment.interval_minutes} minutes"
        )
    if segment.start < charge.start or segment.end > charge.end:
        raise UsageError(f"charge '{charge.name}': its prices do not cover the segment")
    minutes = np.arange(segment.start, segment.end, segment.interval_minutes, dtype=np.int64)
    prices: Vector = np.array(charge.prices, dtype=np.int64)[(minutes - charge.start) // charge.step_minutes]
    return prices


def _sums(tariff: Tariff, segment: Segment, charges: list[SummedCharge]) -> Iterator[Functional]:
    """One sum for each period that any of the charges is for; charges on one schedule share them."""
    wanted: dict[tuple[Channel, str], set[int]] = {}
    for charge in charges:
        wanted.setdefault((charge.channel, charge.schedule), set()).update(charge.periods)
    for (channel, name), periods in wanted.items():
        indices = _indices(tariff, segment, name)
        for index in sorted(periods & set(np.unique(indices).tolist())):
            item = Item(Mode.DETERMINANTS, channel, name, tariff.by_name[name].periods[index])
            yield Functional(item, (indices == index).astype(np.int64))
