"""The plain reads of billing cycles, for their owner alone: what bills on ciphertexts are compared with."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from wattseal.meter_sim.cycles import Part
from wattseal.meter_sim.state import FleetState
from wattseal.protocol.report import FlagReason
from wattseal.protocol.roster import Roster
from wattseal.protocol.tariff.bill import Cycle


class PlainCycles:
    """A JSON line for each part of a cycle: whose, when, and its reads in the region's unit; null if some are missing.

    `channels` are all that the meter reports.

    A meter without any read in a cycle has no line for it.
    """

    def __init__(self, file: IO[str] | None, state: FleetState, rosters: Sequence[Roster]) -> None:
        self._file = file
        self._channels = {row.meter: row.channels for roster in rosters for row in roster.rows}
        self._names = {meter.meter: meter.name for meter in state.meters()}

    @classmethod
    @contextmanager
    def open(cls, path: Path | None, state: FleetState, rosters: Sequence[Roster]) -> Iterator["PlainCycles"]:
        if path is None:
            yield cls(None, state, rosters)
            return
        with path.open("w", encoding="utf-8") as file:
            yield cls(file, state, rosters)

    def add(self, cycle: Cycle, parts: Iterable[Part]) -> None:
        if self._file is None:
            return
        for part in parts:
            line = {
                "cycle": f"{cycle.first}..{cycle.after}",
                "meter": part.meter,
                "name": self._names[part.meter],
                "channels": self._channels[part.meter],
                "channel": part.channel.value,
                "minutes": part.minutes,
                "units": None if (part.reasons == FlagReason.MISSING).any() else part.units.tolist(),
            }
            self._file.write(json.dumps(line) + "\n")
