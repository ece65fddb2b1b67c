"""A fleet's days on their way to the meters' sealing: troubled, edited, counted in units, withheld."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.meter_sim.editing import EditedDay, edited
from wattseal.meter_sim.editing_days import LARGEST_WH
from wattseal.meter_sim.fault_plan import Plan
from wattseal.meter_sim.fault_summary import FaultSummary, Place
from wattseal.meter_sim.faults import Trouble
from wattseal.meter_sim.faulty_source import Faulty
from wattseal.meter_sim.reads import DayReads
from wattseal.meter_sim.sources import Source
from wattseal.meter_sim.units import in_units
from wattseal.protocol.report import FlagReason
from wattseal.protocol.roster import Unit


@dataclass(frozen=True)
class Troubles:
    """What goes wrong with a fleet, and what becomes of it. After the windows were closed, late reports leave too."""

    plan: Plan
    summary: FaultSummary
    windows_closed: bool

    def withheld(self, day: DayReads) -> frozenset[str]:
        """Meters whose reports of a day are not to be sent now."""
        withheld = self.plan.withheld(day.meters, day.day, windows_closed=self.windows_closed)
        return frozenset(name for name, silent in zip(day.meters, withheld, strict=True) if silent)


@dataclass
class Days:
    """What meters seal of each day, in the region's unit: one EditedDay a channel, without those who do not report.

    `too_large` counts meter-days with a read that the layout cannot hold: nothing of them is sealed. They do not come
    up among reads of a file, for which a layout is chosen that holds them all. `measuring` is told of every day as the
    meters counted it, before it comes up: by registers of their own, or else by what is known of their reads.
    """

    source: Source
    layout: SlotLayout
    unit: Unit
    troubles: Troubles | None = None
    measuring: Callable[[tuple[DayReads, ...]], None] | None = None
    too_large: int = 0

    def __iter__(self) -> Iterator[tuple[EditedDay, ...]]:
        troubles, source = self.troubles, self.source
        if troubles is None:
            yield from self._sealable(self._edited(source.days()))
            return
        largest_wh = self.layout.largest_read * self.unit.factor
        faulty = Faulty(source, troubles.plan, largest_wh, troubles.summary)
        for parts in self._sealable(self._edited(faulty.days())):
            yield tuple(_sent(_clocks_marked(part, troubles.plan), troubles) for part in parts)

    def _edited(self, days: Iterable[tuple[DayReads, ...]]) -> Iterator[tuple[EditedDay, ...]]:
        minutes = self.source.interval_minutes
        if self.measuring is None:
            yield from edited(days, minutes, LARGEST_WH)
        elif self.source.has_registers:
            yield from edited(self._measured(days, self.measuring), minutes, LARGEST_WH)
        else:
            for parts in edited(days, minutes, LARGEST_WH):
                self.measuring(tuple(map(_as_known, parts)))
                yield parts

    @staticmethod
    def _measured(
        days: Iterable[tuple[DayReads, ...]], measuring: Callable[[tuple[DayReads, ...]], None]
    ) -> Iterator[tuple[DayReads, ...]]:
        for parts in days:
            measuring(parts)
            yield parts

    def _sealable(self, days: Iterable[tuple[EditedDay, ...]]) -> Iterator[tuple[EditedDay, ...]]:
        for parts in days:
            yield tuple(self._in_range(replace(part, wh=in_units(part.wh, self.unit.factor))) for part in parts)

    def _in_range(self, part: EditedDay) -> EditedDay:
        too_large = part.reported & (part.wh > self.layout.largest_read).any(axis=1)
        if self.troubles is not None:
            for row in np.flatnonzero(too_large):
                place = Place(part.meters[row], part.day, part.channel)
                self.troubles.summary.came(Trouble.OUT_OF_RANGE, place, "refused by the encoder")
        self.too_large += int(np.count_nonzero(too_large))
        return _only(part, part.reported & ~too_large)


def _as_known(part: EditedDay) -> DayReads:
    """Estimates count as measured: nothing else is known of a meter in a file."""
    return DayReads(part.day, part.channel, part.meters, part.wh, part.reasons != FlagReason.MISSING)


def _only(part: EditedDay, kept: NDArray[np.bool_]) -> EditedDay:
    if kept.all():
        return part
    rows = np.flatnonzero(kept)
    names = tuple(part.meters[row] for row in rows)
    return replace(part, meters=names, wh=part.wh[rows], reasons=part.reasons[rows])


def _clocks_marked(part: EditedDay, plan: Plan) -> EditedDay:
    """Reads that are otherwise plain, of meters whose clock is known to be off."""
    off = plan.clock_known_off(part.meters)
    reasons = np.where(off[:, np.newaxis] & (part.reasons == 0), np.uint8(FlagReason.CLOCK), part.reasons)
    return replace(part, reasons=reasons)


def _sent(part: EditedDay, troubles: Troubles) -> EditedDay:
    withheld = troubles.plan.withheld(part.meters, part.day, windows_closed=troubles.windows_closed)
    return _only(part, ~withheld)
