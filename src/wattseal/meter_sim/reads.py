"""One UTC day of interval reads, the form in which every source of reads hands them to the fleet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.ids import Channel

CHANNELS = tuple(channel.value for channel in Channel)


class ReplayError(Exception):
    """A file of reads cannot be used: one line that names the file, the place in it and what is wrong."""


@dataclass(frozen=True)
class DayReads:
    """The reads of one UTC day and one channel.

    `day` counts days since 1970-01-01 UTC; `wh` and `present` have shape (meters, intervals), rows in the
    order of `meters` (sorted names); `wh` is 0 where a read is absent.
    """

    day: int
    channel: str
    meters: tuple[str, ...]
    wh: NDArray[np.int64]
    present: NDArray[np.bool_]
