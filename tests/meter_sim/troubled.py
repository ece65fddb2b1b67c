"""What tests of faults share: a small town, its plan of troubles, and a source whose every read is known."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from wattseal.meter_sim.fault_plan import Plan
from wattseal.meter_sim.faults import Faults
from wattseal.meter_sim.reads import DayReads, RegisterSteps
from wattseal.protocol.ids import Channel, CohortId
from wattseal.protocol.roster import Commodity

DAY = 20_000
NOTES: Mapping[str, int] = {"rounded_reads": 7}
LARGEST_WH = 16_383
METERS = tuple(f"meter-{ordinal:04d}" for ordinal in range(40))
COHORT_OF = {name: CohortId(f"town/t{position % 2}") for position, name in enumerate(METERS)}


def plan(seed: int = 1, /, **faults: object) -> Plan:
    return Plan(Faults.model_validate(faults), seed, DAY, COHORT_OF)


class Days:
    """A source of given days, each of one or more channels."""

    def __init__(self, parts: Sequence[tuple[DayReads, ...]], interval_minutes: int = 15) -> None:
        first, last = parts[0][0], parts[-1][0]
        self.parts, self.interval_minutes = list(parts), interval_minutes
        self.commodity: Commodity = "electricity"
        self.largest_read = self.largest_day = 0
        self.notes = NOTES
        self.meters, self.first_day, self.last_day = first.meters, first.day, last.day
        self.customers, self.has_registers = frozenset(first.meters), True

    def channels_of(self, meter: str) -> tuple[Channel, ...]:
        return tuple(Channel(part.channel) for part in self.parts[0])

    def days(self) -> Iterator[tuple[DayReads, ...]]:
        yield from self.parts


def day_reads(day: int, meters: tuple[str, ...] = METERS, channel: str = "delivered") -> DayReads:
    """Quarter hours of a known hash of (day, meter, interval), all present, and a register step over each day."""
    rows, places = np.ogrid[: len(meters), :96]
    wh = (day * 7919 + rows * 104_729 + places * 1_299_709 + len(channel)) % 4001
    starts = np.full(len(meters), day * 1440)
    steps = RegisterSteps(np.arange(len(meters)), starts, starts + 1440, wh.sum(axis=1))
    return DayReads(day, channel, meters, wh, np.ones(wh.shape, dtype=np.bool_), steps)


def days(count: int, meters: tuple[str, ...] = METERS) -> Days:
    return Days([(day_reads(DAY + ordinal, meters),) for ordinal in range(count)])
