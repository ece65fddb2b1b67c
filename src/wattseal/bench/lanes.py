"""What is measured of each scheme and of each peer: the steps of one day's total, from reads to the opened sum."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.bench.timing import Action
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS

INTERVAL_MINUTES = 15
LAYOUT = DEFAULT_LAYOUTS[INTERVAL_MINUTES]
INTERVALS = LAYOUT.intervals
SEED = 1
RELEASE_MEMBERS, FEW_MEMBERS = 1_000, 10
"""What a release's time is quoted for; and the smaller one that tells what a member adds to it."""

Reads = NDArray[np.int64]


class Party(StrEnum):
    """Whose time a step takes."""

    METER = "meter"
    AGGREGATOR = "aggregator"
    UNBLINDER = "unblinder"
    DECRYPTOR = "decryptor"


class Kind(StrEnum):
    """What a lane stands for: a scheme of ours, what one would use instead, or the floor without any encryption."""

    SCHEME = "scheme"
    PEER = "peer"
    FLOOR = "floor"


class Step(NamedTuple):
    """One action of a party over the reports of `meters` meters, or of any number if its cost does not depend on it.

    `share` is the part of a meter's day that the action handles: peers are too slow for whole days.
    """

    party: Party
    what: str
    action: Action
    meters: int
    share: float = 1.0

    @property
    def meter_days(self) -> float:
        return self.meters * self.share


class Prepared(NamedTuple):
    """A lane with its keys made and its reports sealed.

    `open_few` is what the key server does to open FEW_MEMBERS; `error_wh` how far the opened total is from the sum.
    """

    steps: tuple[Step, ...]
    report_bytes: float
    error_wh: float
    open_few: Action | None = None


class Lane(NamedTuple):
    """`prepare` takes how many meters, at most `most_meters`."""

    name: str
    kind: Kind
    prepare: Callable[[int], Prepared]
    most_meters: int = 1 << 14
    note: str = ""


def reads_of(meters: int) -> Reads:
    """Wh of one day, (meters, intervals), the same at each call."""
    return np.random.default_rng(SEED).integers(0, 2_000, (meters, INTERVALS))


def error_of(opened: Sequence[float], reads: Reads) -> float:
    """The largest difference from the plain sum, in Wh."""
    return float(np.max(np.abs(np.asarray(opened, dtype=np.float64) - reads.sum(axis=0))))
