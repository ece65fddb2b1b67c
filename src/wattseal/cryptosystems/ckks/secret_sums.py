"""Sums of many members' secrets: of one cohort they change from day to day by the meters that are missing, and no more.

What is kept is as secret as the keys that it follows from, and lives as long.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.parameters import CkksParameters
from wattseal.cryptosystems.ckks.polynomials import summed_secrets
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret

MOST_SUMS = 256
"""Each takes 8 kB and a reference to every member's key."""

_Group = tuple[int, bytes, str, int, str, int]


class _Kept(NamedTuple):
    members: Mapping[str, Secret]
    total: NDArray[np.int16]


class SecretSums:
    """Keeps the last sum of groups that begin with the same meter and are of about the same size."""

    def __init__(self, parameters: CkksParameters) -> None:
        self._parameters = parameters
        self._kept: OrderedDict[_Group, _Kept] = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def forget(self) -> None:
        """Once keys are destroyed."""
        with self._one_at_a_time:
            self._kept.clear()

    def of(self, label: Label, members: Mapping[str, Secret]) -> NDArray[np.int16]:
        """Of meters of the label's region, under its key id, each with its key; at most 32,767."""
        group = _group(label, members)
        with self._one_at_a_time:
            known = self._kept.get(group, _Kept({}, np.zeros(self._parameters.degree, dtype=np.int16)))
        added, removed = _differing(members, known.members), _differing(known.members, members)
        if len(added) + len(removed) < len(members):
            total = known.total + self._sum(label, added) - self._sum(label, removed)
        else:
            total = self._sum(label, members.items())
        with self._one_at_a_time:
            self._kept[group] = _Kept(members, total)
            self._kept.move_to_end(group)
            if len(self._kept) > MOST_SUMS:
                self._kept.popitem(last=False)
        return total

    def _sum(self, label: Label, members: Iterable[tuple[str, Secret]]) -> NDArray[np.int16]:
        named = list(members)
        meters, keys = [meter for meter, _ in named], [key for _, key in named]
        return summed_secrets(self._parameters, keys, label, meters)


def _group(label: Label, members: Mapping[str, Secret]) -> _Group:
    """Cohorts are disjoint, or one holds the other; a cohort's total is of nearly all of it."""
    place = (label.suite, label.modulus_id, label.region, label.key_id)
    return (*place, next(iter(members), ""), len(members).bit_length())


def _differing(members: Mapping[str, Secret], others: Mapping[str, Secret]) -> Sequence[tuple[str, Secret]]:
    """Those whom the others lack, or have under another key: enrolled anew."""
    paired = ((meter, key, others.get(meter)) for meter, key in members.items())
    return [(meter, key) for meter, key, other in paired if other is not key and other != key]
