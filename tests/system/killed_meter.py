"""A fleet that takes a number for one report and is killed before it has sealed: `python -m ... FLEET PLAN`."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np

from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.fleet import Fleet, Region
from wattseal.meter_sim.sealing import Sealer, Unsealed
from wattseal.meter_sim.state import FleetState
from wattseal.protocol.ids import RegionId
from wattseal.protocol.keys import KeyNotice


class _Killed(Sealer):
    def __init__(self) -> None:
        """No workers: none will be needed."""

    def seal(self, unsealed: Unsealed) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def main(fleet: str, notice: str, meter: str, window: str, reads: str) -> None:
    with FleetState(Path(fleet)) as state:
        wh = np.array([[int(read) for read in reads.split(",")]], dtype=np.int64)
        day = EditedDay(int(window), "delivered", (meter,), wh, np.zeros(wh.shape, dtype=np.uint8))
        region = Region(RegionId("region-1"), 1, bytes(8), 15)
        Fleet(state, region, KeyNotice.from_bytes(Path(notice).read_bytes()), _Killed()).seal([day])


if __name__ == "__main__":
    main(*sys.argv[1:])
