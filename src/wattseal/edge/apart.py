"""No home and no meter is in two regions: totals of both would tell it from its neighbors."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.errors import Contradiction
from wattseal.protocol.ids import RegionId
from wattseal.protocol.roster import Roster

Hashes = NDArray[np.int64]
"""In ascending order."""

_NOTHING: Hashes = np.empty(0, np.int64)
_WHAT = ("meter", "identity_key", "sealing_key", "service_point")


def check_apart(roster: Roster, other: Roster) -> None:
    """Raises Contradiction if a home or a meter is in both, which are of different regions."""
    for what in _WHAT:
        # A home has a meter for each commodity.
        if what == "service_point" and roster.commodity != other.commodity:
            continue
        if not {getattr(row, what) for row in other.rows}.isdisjoint(getattr(row, what) for row in roster.rows):
            raise Contradiction(f"a {what} of the roster is in region {other.region}")


class Apart:
    """What was seen in any region, by hashes of 64 bits: rosters that share nothing need not be compared.

    Python's own hash is keyed anew in each process; that two things have the same one costs a comparison, no more.
    """

    def __init__(self) -> None:
        self._anywhere: dict[str, Hashes] = {}
        self._of_region: dict[tuple[RegionId, str], Hashes] = {}

    def may_share(self, roster: Roster) -> bool:
        """Whether another region may have something of the roster; if not, none has."""
        return any(
            _among(self._new(roster, what, hashes), self._anywhere.get(what, _NOTHING)).any()
            for what, hashes in _hashes(roster)
        )

    def add(self, roster: Roster) -> None:
        for what, hashes in _hashes(roster):
            new, anywhere = self._new(roster, what, hashes), self._anywhere.get(what, _NOTHING)
            self._anywhere[what] = _merged(anywhere, new)
            place = (roster.region, what)
            self._of_region[place] = _merged(self._of_region.get(place, _NOTHING), new)

    def _new(self, roster: Roster, what: str, hashes: Hashes) -> Hashes:
        """What the region did not have before."""
        return hashes[~_among(hashes, self._of_region.get((roster.region, what), _NOTHING))]


def _hashes(roster: Roster) -> Iterator[tuple[str, Hashes]]:
    for what in _WHAT:
        found = np.fromiter((hash(getattr(row, what)) for row in roster.rows), np.int64, len(roster.rows))
        yield f"{what} of {roster.commodity}" if what == "service_point" else what, np.sort(found)


def _among(hashes: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Which of the hashes are among the known, which are sorted: in time that grows with their logarithm."""
    places = np.searchsorted(known, hashes)
    there = places < len(known)
    there[there] = known[places[there]] == hashes[there]
    return there


def _merged(known: Hashes, new: Hashes) -> Hashes:
    return np.insert(known, np.searchsorted(known, new), new)
