"""Where a fleet's reads come from: a simulation (`simulated.py`), or files with simulated neighbors beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from wattseal.meter_sim.load.homes import Mix
from wattseal.meter_sim.load_model import simulate_channels
from wattseal.meter_sim.reads import DayReads, ReplayError
from wattseal.meter_sim.register_file import open_registers
from wattseal.meter_sim.replay import Replay, ReplayOptions, open_replay
from wattseal.meter_sim.simulated import GasCustomers, Households, LargeCustomers, Span
from wattseal.protocol.ids import Channel
from wattseal.protocol.roster import INTERVALS_OF, Commodity, Unit

_DELIVERED = Channel.DELIVERED.value


class SourceSettings(BaseModel):
    """How to find the same reads again: kept with the fleet's state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    simulated: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0, lt=1 << 64)]
    interval_minutes: int | None
    first_day: int | None
    days: int | None
    first_meter: Annotated[int, Field(ge=0)] = 0
    commodity: Commodity = "electricity"
    unit: Unit = Unit.WH
    registers: Path | None = None
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
    """Reads of named meters, day by day.

    `notes` count what their reader should know of. `largest_read` of an interval and `largest_day` of a meter are
    those of files; a simulation fits the default layouts. `customers` are the meters that are no neighbors. Meters that
    have registers count what no read tells; those of files have none.
    """

    meters: tuple[str, ...]
    customers: frozenset[str]
    has_registers: bool
    commodity: Commodity
    interval_minutes: int
    first_day: int
    last_day: int
    largest_read: int
    largest_day: int
    notes: Mapping[str, int]

    def channels_of(self, meter: str) -> tuple[Channel, ...]: ...

    def days(self) -> Iterator[tuple[DayReads, ...]]: ...


def open_source(settings: SourceSettings) -> Source:
    """Raises ReplayError for files that cannot be used."""
    if not settings.paths:
        return _simulation(settings)
    options = ReplayOptions(
        interval_minutes=settings.interval_minutes,
        timezone=settings.timezone,
        columns=settings.columns,
        stamps=settings.stamps,
        days=settings.days,
    )
    replay = open_replay(settings.paths, options)
    if settings.simulated and replay.commodity == "gas":
        raise ReplayError("--neighbors are electric: gas needs enough meters of its own")
    source = _WithNeighbors(replay, settings)
    return source if settings.registers is None else _WithRegisters(source, settings.registers)


def _simulation(settings: SourceSettings) -> Source:
    if settings.registers is not None:
        raise ReplayError("--registers is for files of reads: simulated meters have registers of their own")
    hours = 60 if settings.commodity == "gas" else 15
    span = Span(
        seed=settings.seed,
        meters=settings.simulated,
        first_day=0 if settings.first_day is None else settings.first_day,
        days=1 if settings.days is None else settings.days,
        interval_minutes=hours if settings.interval_minutes is None else settings.interval_minutes,
        first_meter=settings.first_meter,
    )
    offered = INTERVALS_OF[settings.commodity]
    if span.interval_minutes not in offered:
        listed = " or ".join(map(str, offered))
        raise ReplayError(f"--interval {span.interval_minutes}: must be {listed} for {settings.commodity}")
    if settings.commodity == "gas":
        return GasCustomers(span)
    return Households(span) if settings.unit.factor == 1 else LargeCustomers(span)


class _WithNeighbors:
    """Replayed meters, and simulated ones wherever any of them has a read: a neighbor never adds rows of its own."""

    has_registers = False

    def __init__(self, replay: Replay, settings: SourceSettings) -> None:
        self._replay, self._seed = replay, settings.seed
        self._neighbors = tuple(f"neighbor-{ordinal:05d}" for ordinal in range(settings.simulated))
        self.meters = tuple(sorted((*replay.meters, *self._neighbors)))
        self.customers = frozenset(replay.meters)
        self.interval_minutes = replay.interval_minutes
        self.first_day, self.last_day = replay.first_day, replay.last_day
        self.commodity, self.largest_read, self.largest_day = (
            replay.commodity,
            replay.largest_read,
            replay.largest_day,
        )
        self.notes: Mapping[str, int] = _notes(replay)

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


def _notes(replay: Replay) -> dict[str, int]:
    """What a person should know of the files; all but the first only if there is any."""
    counts = {
        "missing_reads": replay.missing,
        "repeated_reads": replay.duplicates,
        "incomplete_reads": replay.incomplete,
        "ignored_reads": replay.ignored_reads,
        "ignored_columns": replay.ignored_columns,
        **{f"reads_marked_{quality}": count for quality, count in replay.qualities.items()},
    }
    return {"rounded_reads": replay.rounded, **{name: count for name, count in counts.items() if count}}


class _WithRegisters:
    """Reads with the register reads of another file beside them, which tell no periods."""

    has_registers = False

    def __init__(self, source: Source, path: Path) -> None:
        self._source, self._registers = source, open_registers(path)
        if not self._registers.meters & {*source.meters}:
            raise ReplayError(f"{path}: none of its meters is one of the reads'")
        self.meters, self.customers, self.commodity = source.meters, source.customers, source.commodity
        self.interval_minutes = source.interval_minutes
        self.largest_read, self.largest_day = source.largest_read, source.largest_day
        self.first_day, self.last_day = source.first_day, source.last_day
        others = self._registers.unknown(source.meters)
        self.notes: Mapping[str, int] = {
            **source.notes,
            "register_reads": self._registers.reads,
            "registers_of_other_meters": others,
            "register_steps_off_grid": self._registers.steps_off_grid(source.meters, source.interval_minutes),
        }

    def channels_of(self, meter: str) -> tuple[Channel, ...]:
        return self._source.channels_of(meter)

    def days(self) -> Iterator[tuple[DayReads, ...]]:
        steps_of_day = self._registers.steps_of_day
        for parts in self._source.days():
            yield tuple(replace(part, steps=steps_of_day(part.day, part.channel, part.meters)) for part in parts)
