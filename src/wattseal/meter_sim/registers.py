"""A fleet's registers, as a tariff programs them: an index for each sum of energy, the largest demand of a segment.

They count what meters measure, whether or not its reads arrive. Register reads of a user's own are in register_file.py.
"""

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.tariff.registers import Program

MODULUS = 10**10
"""Indexes show 0 again here: 10 GWh, about a thousand years of a household."""

Units = NDArray[np.int64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


class Registers:
    """Of `meters` meters in one channel. Every index shows 0 at first, and no billing segment has begun."""

    def __init__(self, program: Program, meters: int) -> None:
        self._program = program
        self._begin = np.zeros((meters, len(program.energy)), dtype=np.int64)
        self._since = np.zeros_like(self._begin)
        self._largest_w = np.zeros((meters, len(program.demand)), dtype=np.int64)
        self._known = np.zeros(meters, dtype=np.bool_)

    def begin_segment(self, rows: Rows) -> None:
        """Of these meters: what is counted from here on is theirs, and their largest demand is 0 again."""
        self._begin[rows] = (self._begin[rows] + self._since[rows]) % MODULUS
        self._since[rows] = self._largest_w[rows] = 0
        self._known[rows] = True

    def count(self, rows: Rows, units: Units, known: Mask, start: int) -> None:
        """What these meters measured, (meters, intervals), in the program's unit, from minute `start` on.

        Where it is not `known`, `units` are 0, and the meters tell nothing until another segment begins.
        """
        program = self._program
        counting = program.counting(start, start + program.interval_minutes * units.shape[1])
        energy, demand = np.split(counting, [len(program.energy)])
        self._since[rows] += units @ energy.T
        largest = (units[:, np.newaxis, :] * demand).max(axis=2, initial=0)
        watts = largest * program.read_unit * 60 // program.interval_minutes
        self._largest_w[rows] = np.maximum(self._largest_w[rows], watts)
        self._known[rows] &= known.all(axis=1)

    def values(self, row: int) -> Units | None:
        """Of a register report; indexes go on beyond where they wrap. None: the meter did not count all of it."""
        if not self._known[row]:
            return None
        begin = self._begin[row]
        return np.concatenate([begin, begin + self._since[row], self._largest_w[row]])
