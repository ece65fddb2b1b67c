"""Fleets without files of their own: homes and small businesses with their solar exports, large customers, gas."""

import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.load.homes import Mix
from wattseal.meter_sim.load_model import have_panels, simulate_channels, simulate_gas
from wattseal.meter_sim.reads import DayReads, RegisterSteps
from wattseal.protocol.ids import Channel
from wattseal.protocol.roster import Commodity
from wattseal.protocol.time import MINUTES_PER_DAY

_SHOPS = Mix(businesses=1, solar=0)
_FEWEST, _MOST = 24, 64


class Span(NamedTuple):
    """Which meter-days are simulated: so many meters, days since 1970-01-01, reads every so many minutes.

    `first_meter` is the first one's ordinal: regions of one deployment have other meters of the same population.
    """

    seed: int
    meters: int
    first_day: int
    days: int
    interval_minutes: int
    first_meter: int = 0

    @property
    def ordinals(self) -> range:
        return range(self.first_meter, self.first_meter + self.meters)


class Simulation:
    """Meters of which every interval is read, and whose registers are read at each UTC midnight."""

    commodity: Commodity = "electricity"
    has_registers = True
    largest_read = largest_day = 0
    notes: Mapping[str, int] = MappingProxyType({})

    def __init__(self, span: Span) -> None:
        self.span = span
        self.meters = tuple(f"meter-{ordinal:05d}" for ordinal in span.ordinals)
        self.customers = frozenset(self.meters)
        self.interval_minutes = span.interval_minutes
        self.first_day, self.last_day = span.first_day, span.first_day + span.days - 1

    def channels_of(self, meter: str) -> tuple[Channel, ...]:  # noqa: ARG002 - all alike
        return (Channel.DELIVERED,)

    def days(self) -> Iterator[tuple[DayReads, ...]]:
        for day in range(self.first_day, self.last_day + 1):
            yield self.of_day(day)

    def of_day(self, day: int) -> tuple[DayReads, ...]:
        """One DayReads a channel."""
        raise NotImplementedError


class Households(Simulation):
    """Homes and small businesses; those with panels also deliver to the grid."""

    @cached_property
    def _exporters(self) -> NDArray[np.int64]:
        return np.flatnonzero(have_panels(self.span.seed, self.span.ordinals))

    @cached_property
    def _exporter_names(self) -> frozenset[str]:
        return frozenset(self.meters[row] for row in self._exporters)

    def channels_of(self, meter: str) -> tuple[Channel, ...]:
        exports = meter in self._exporter_names
        return (Channel.DELIVERED, Channel.RECEIVED) if exports else (Channel.DELIVERED,)

    def of_day(self, day: int) -> tuple[DayReads, ...]:
        wh = simulate_channels(self.span.seed, self.span.ordinals, day, self.interval_minutes)
        delivered = whole_day(day, Channel.DELIVERED, self.meters, wh[Channel.DELIVERED])
        if not len(self._exporters):
            return (delivered,)
        names = tuple(self.meters[row] for row in self._exporters)
        return delivered, whole_day(day, Channel.RECEIVED, names, wh[Channel.RECEIVED][self._exporters])


class LargeCustomers(Simulation):
    """Each meter is that of some dozens of small businesses under one roof."""

    def of_day(self, day: int) -> tuple[DayReads, ...]:
        shops = np.random.default_rng(self.span.seed).integers(_FEWEST, _MOST, self.span.ordinals.stop, endpoint=True)
        first = np.cumsum([0, *shops])[self.span.first_meter :]
        wh = np.vstack([self._together(range(*ends), day) for ends in itertools.pairwise(first)])
        return (whole_day(day, Channel.DELIVERED, self.meters, wh),)

    def _together(self, shops: range, day: int) -> NDArray[np.int64]:
        each = simulate_channels(self.span.seed, shops, day, self.interval_minutes, mix=_SHOPS)
        together: NDArray[np.int64] = each[Channel.DELIVERED].sum(axis=0)
        return together


class GasCustomers(Simulation):
    """The same people's gas, in litres, by the hour or by the day."""

    commodity: Commodity = "gas"

    def of_day(self, day: int) -> tuple[DayReads, ...]:
        litres = simulate_gas(self.span.seed, self.span.ordinals, day, self.interval_minutes)
        return (whole_day(day, Channel.DELIVERED, self.meters, litres),)


def whole_day(day: int, channel: Channel, meters: tuple[str, ...], wh: NDArray[np.int64]) -> DayReads:
    """Every interval read, and the register at both ends of the day."""
    rows = np.arange(len(meters))
    starts = np.full(len(meters), day * MINUTES_PER_DAY)
    steps = RegisterSteps(rows, starts, starts + MINUTES_PER_DAY, wh.sum(axis=1))
    return DayReads(day, channel.value, meters, wh, np.ones(wh.shape, dtype=np.bool_), steps)
