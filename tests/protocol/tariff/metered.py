"""What a meter's registers come to, counted interval by interval: the values of a register report."""

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.tariff.registers import Program


def register_values(program: Program, start: int, units: NDArray[np.int64], before: int = 0) -> NDArray[np.int64]:
    """At the end of `units`, which begin at minute `start`; `before`: what every index showed then."""
    minutes = program.interval_minutes
    counting = program.counting(start, start + len(units) * minutes)
    energy, demand = np.split(counting, [len(program.energy)])
    watts = (demand * units).max(axis=1, initial=0) * program.read_unit * 60 // minutes
    begin = before + np.arange(len(energy), dtype=np.int64)
    return np.concatenate([begin, begin + energy @ units, watts])
