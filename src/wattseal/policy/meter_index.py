"""A dense number for every meter that a day's statements are about, so that sets of meters are arrays of places."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.ids import MeterId

Places = NDArray[np.intp]


class MeterIndex:
    """Frozen. One that includes more meters gives those that were known the same places."""

    def __init__(self, places: Mapping[MeterId, int] = MappingProxyType({})) -> None:
        self._places = places
        self._meters = list(places)

    def __len__(self) -> int:
        return len(self._meters)

    def including(self, meters: Iterable[MeterId]) -> "MeterIndex":
        """This one if it has them all."""
        new = dict.fromkeys(meter for meter in meters if meter not in self._places)
        if not new:
            return self
        return MeterIndex({**self._places, **{meter: len(self) + place for place, meter in enumerate(new)}})

    def places(self, meters: Collection[MeterId]) -> Places:
        """In the order of `meters`. Raises KeyError for one that it does not have."""
        return np.fromiter(map(self._places.__getitem__, meters), np.intp, len(meters))

    def known(self, meters: Iterable[MeterId]) -> Places:
        """Places of those that it has."""
        return np.array([self._places[meter] for meter in meters if meter in self._places], dtype=np.intp)

    def meters(self, places: Places) -> list[MeterId]:
        return [self._meters[place] for place in places.tolist()]


NO_METERS = MeterIndex()
