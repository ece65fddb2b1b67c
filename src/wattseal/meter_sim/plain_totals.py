"""The plain sums that only the reads' owner can compute: what releases are compared with."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.state import FleetState
from wattseal.protocol.ids import Window
from wattseal.protocol.roster import Roster
from wattseal.protocol.time import interval_start


class PlainTotals:
    """Sums of what meters seal, in Wh or litres by cohort, for their owner to compare with what is released."""

    def __init__(self, file: IO[str] | None, state: FleetState, roster: Roster) -> None:
        self._rows = None if file is None else csv.writer(file)
        self._interval_minutes, self._factor = roster.interval_minutes, roster.unit.factor
        self._path_of = {
            meter.name: roster.by_meter[meter.meter].cohort.split("/")
            for meter in state.meters()
            if meter.meter in roster.by_meter
        }

    @classmethod
    @contextmanager
    def open(cls, path: Path | None, state: FleetState, roster: Roster) -> Iterator["PlainTotals"]:
        if path is None:
            yield cls(None, state, roster)
            return
        with path.open("w", newline="") as file:
            totals = cls(file, state, roster)
            column = "total_l" if roster.commodity == "gas" else "total_wh"
            csv.writer(file).writerow(("cohort", "interval_start", "channel", column))
            yield totals

    def add(self, parts: tuple[EditedDay, ...]) -> None:
        if self._rows is None:
            return
        for part in parts:
            for cohort, sums in self._sums(part).items():
                starts = (interval_start(Window(part.day), i, self._interval_minutes) for i in range(len(sums)))
                self._rows.writerows(
                    (cohort, start, part.channel, int(wh)) for start, wh in zip(starts, sums, strict=True)
                )

    def _sums(self, part: EditedDay) -> dict[str, NDArray[np.int64]]:
        sums: dict[str, NDArray[np.int64]] = {}
        for name, wh in zip(part.meters, part.wh * self._factor, strict=True):
            path = self._path_of[name]
            for depth in range(len(path)):
                cohort = "/".join(path[: depth + 1])
                sums[cohort] = sums[cohort] + wh if cohort in sums else wh.copy()
        return sums
