"""Where a fleet's reads come from: a simulation, or files with simulated neighbors beside them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from wattseal.meter_sim.load.homes import Mix
from wattseal.meter_sim.load_model import simulate, simulate_channels
from wattseal.meter_sim.reads import DayReads
from wattseal.meter_sim.replay import Replay, ReplayOptions, open_replay
from wattseal.protocol.ids import Channel

_DELIVERED = Channel.DELIVERED.value


class SourceSettings(BaseModel):
    """How to find the same reads again: kept with the fleet's state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    simulated: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0, lt=1 << 64)]
    interval_minutes: int | None
    first_day: int | None
    days: int | None
    paths: tuple[Path, ...] = ()
    timezone: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    stamps: Literal["begin", "end"] = "begin"


# Homes that seldom stand out: one that charges a car could be refused as too large a part of a small group.
_NEIGHBORS = Mix(businesses=0, solar=0, cars=0, second_cars=0, cooling=0, heat_pumps=0, pumps=0)


def neighbor_reads(seed: int, count: int, day: int, interval_minutes: int) -> NDArray[np.int64]:
    """Delivered Wh of the neighbors that stand beside replayed meters, (neighbors, intervals)."""
    return simulate_channels(seed, range(count), day, interval_minutes, mix=_NEIGHBORS)[_DELIVERED]


class Source(Protocol):
    """Reads of named meters, day by day."""

    meters: tuple[str, ...]
    interval_minutes: int
    first_day: int
    last_day: int
    rounded: int

    def channels_of(self, meter: str) -> tuple[Channel, ...]: ...

    def days(self) -> Iterator[tuple[DayReads, ...]]: ...


def open_source(settings: SourceSettings) -> Source:
    """Raises ReplayError for files that cannot be used."""
    if not settings.paths:
        return _Simulation(settings)
    options = ReplayOptions(
        interval_minutes=settings.interval_minutes,
        timezone=settings.timezone,
        columns=settings.columns,
        stamps=settings.stamps,
        days=settings.days,
    )
    return _WithNeighbors(open_replay(settings.paths, options), settings)


class _Simulation:
    """Households of the load model, each interval read."""

    rounded = 0

    def __init__(self, settings: SourceSettings) -> None:
        self.meters = tuple(f"meter-{ordinal:05d}" for ordinal in range(settings.simulated))
        self.interval_minutes = 15 if settings.interval_minutes is None else settings.interval_minutes
        self.first_day = 0 if settings.first_day is None else settings.first_day
        self.last_day = self.first_day + (1 if settings.days is None else settings.days) - 1
        self._seed = settings.seed

    def channels_of(self, meter: str) -> tuple[Channel, ...]:  # noqa: ARG002 - all alike
        return (Channel.DELIVERED,)

    def days(self) -> Iterator[tuple[DayReads, ...]]:
        for day in range(self.first_day, self.last_day + 1):
            wh = simulate(self._seed, range(len(self.meters)), day, self.interval_minutes)
            yield (DayReads(day, _DELIVERED, self.meters, wh, np.ones(wh.shape, dtype=np.bool_)),)


class _WithNeighbors:
    """Replayed meters, and simulated ones wherever any of them has a read: a neighbor never adds rows of its own."""

    def __init__(self, replay: Replay, settings: SourceSettings) -> None:
        self._replay, self._seed = replay, settings.seed
        self._neighbors = tuple(f"neighbor-{ordinal:05d}" for ordinal in range(settings.simulated))
        self.meters = tuple(sorted((*replay.meters, *self._neighbors)))
        self.interval_minutes = replay.interval_minutes
        self.first_day, self.last_day, self.rounded = replay.first_day, replay.last_day, replay.rounded

    def channels_of(self, meter: str) -> tuple[Channel, ...]:
        if meter in self._neighbors:
            return (Channel.DELIVERED,)
        return tuple(sorted(Channel(channel) for channel in self._replay.channels))

    def days(self) -> Iterator[tuple[DayReads, ...]]:
        for parts in self._replay.days():
            yield tuple(self._joined(part) if part.channel == _DELIVERED else part for part in parts)

    def _joined(self, part: DayReads) -> DayReads:
        if not self._neighbors:
            return part
        wh = neighbor_reads(self._seed, len(self._neighbors), part.day, self.interval_minutes)
        present = np.broadcast_to(part.present.any(axis=0), wh.shape)
        meters = (*part.meters, *self._neighbors)
        order = np.argsort(np.array(meters))
        return DayReads(
            day=part.day,
            channel=part.channel,
            meters=tuple(meters[position] for position in order),
            wh=np.vstack((part.wh, np.where(present, wh, 0)))[order],
            present=np.vstack((part.present, present))[order],
        )
