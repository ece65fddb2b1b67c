"""What became of the meter-days that a plan troubled."""

from collections import Counter
from typing import NamedTuple

from wattseal.meter_sim.faults import Trouble

_NO_REPORT = "no report"


class Place(NamedTuple):
    """One meter's day in one channel: what a report covers."""

    meter: str
    day: int
    channel: str


class FaultSummary:
    """Counts each place once, however often its day is read or its report sent; the last word about it stays."""

    def __init__(self) -> None:
        self._words: dict[Trouble, dict[Place, str]] = {}

    def met(self, trouble: Trouble, place: Place) -> None:
        """A trouble touched reads that would have become a report."""
        self._words.setdefault(trouble, {}).setdefault(place, _NO_REPORT)

    def came(self, trouble: Trouble, place: Place, word: str) -> None:
        """The aggregator's word for the place's report, or for what the trouble made of it; or why there is none."""
        self._words.setdefault(trouble, {})[place] = word

    def counts(self) -> dict[str, dict[str, int]]:
        """By trouble: how many reports' worth of reads ended with each word."""
        return {trouble: dict(Counter(self._words[trouble].values())) for trouble in Trouble if trouble in self._words}

    def meters(self, trouble: Trouble) -> tuple[str, ...]:
        """Whom it hit, sorted."""
        return tuple(sorted({place.meter for place in self._words.get(trouble, {})}))
