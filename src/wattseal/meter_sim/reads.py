"""One UTC day of interval reads, the form in which every source of reads hands them to the fleet."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.ids import Channel

CHANNELS = tuple(channel.value for channel in Channel)


class ReplayError(Exception):
    """A file of reads cannot be used: one line that names the file, the place in it and what is wrong."""


def _nothing() -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class RegisterSteps:
    """How far meters' registers advanced between two of their register reads, one entry a step.

    `rows` index the meters of a day; `starts` and `ends` are minutes since 1970 UTC; `wh` is the advance, told to
    `resolution_wh`: a register that shows steps of 10 Wh leaves that much open. None: all show every Wh.
    """

    rows: NDArray[np.int64] = field(default_factory=_nothing)
    starts: NDArray[np.int64] = field(default_factory=_nothing)
    ends: NDArray[np.int64] = field(default_factory=_nothing)
    wh: NDArray[np.int64] = field(default_factory=_nothing)
    resolution_wh: NDArray[np.int64] | None = None

    @property
    def resolutions_wh(self) -> NDArray[np.int64]:
        """One a step."""
        return np.ones_like(self.wh) if self.resolution_wh is None else self.resolution_wh

    def where(self, some: NDArray[np.bool_]) -> "RegisterSteps":
        resolutions = self.resolutions_wh[some]
        return RegisterSteps(self.rows[some], self.starts[some], self.ends[some], self.wh[some], resolutions)


class Measured(NamedTuple):
    """What meters counted in the intervals of a day, (meters, intervals), 0 where that is not known."""

    wh: NDArray[np.int64]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class DayReads:
    """The reads of one UTC day and one channel.

    `day` counts days since 1970-01-01 UTC; `wh` and `present` have shape (meters, intervals), rows in the
    order of `meters` (sorted names); `wh` is 0 where a read is absent. `steps` are those of the meters' registers
    that end in this day, its end included and its beginning not. `counted` is what meters measured, if it is more
    than the reads that there are.
    """

    day: int
    channel: str
    meters: tuple[str, ...]
    wh: NDArray[np.int64]
    present: NDArray[np.bool_]
    steps: RegisterSteps = field(default_factory=RegisterSteps)
    counted: Measured | None = None

    @property
    def measured(self) -> Measured:
        return Measured(self.wh, self.present) if self.counted is None else self.counted
