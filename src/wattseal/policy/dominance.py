"""The dominance test: no member of a group, or of a group that follows from releases, may make up too much of it.

It reads encrypted-then-opened size histograms, never a member's own energy, and errs on the side of refusing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.policy.meter_index import NO_METERS, MeterIndex, Places
from wattseal.protocol.errors import DominatedGroup
from wattseal.protocol.ids import MeterId
from wattseal.protocol.roster import CustomerClass

_NO_SET = -1


class Opened(NamedTuple):
    """An opened total: its members, their size histogram, its sum in the region's unit, and its members' classes."""

    members: frozenset[MeterId]
    buckets: tuple[int, ...]
    total: int
    classes: frozenset[CustomerClass] = frozenset()


class _Content(NamedTuple):
    """Of a group: its size histogram, and its sum."""

    buckets: tuple[int, ...]
    total: int

    def plus(self, parts: Iterable["_Content"]) -> "_Content":
        buckets, totals = zip(self, *parts, strict=True)
        return _Content(tuple(map(sum, zip(*buckets, strict=True))), sum(totals))

    def minus(self, parts: Iterable["_Content"]) -> "_Content":
        return self.plus(_Content(tuple(-count for count in part.buckets), -part.total) for part in parts)


class _Set(NamedTuple):
    """An opened set; `around` is the smallest set around it, `rest` what it is without the sets inside it."""

    size: int
    around: int
    whole: _Content
    rest: _Content
    classes: frozenset[CustomerClass]


class _Place(NamedTuple):
    """Where a set stands among others: the largest ones inside it, the smallest around it, and itself if known."""

    inside: list[int]
    around: int
    itself: int


@dataclass(frozen=True, eq=False)
class OpenedSets:
    """The totals of one channel family and day that collectors have. Sets of a tree: they are nested or disjoint."""

    _index: MeterIndex = NO_METERS
    _smallest: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    """Of each meter of the index, the smallest set that has it."""
    _sets: tuple[_Set, ...] = ()

    def after(self, *totals: Opened) -> "OpenedSets":
        """These and more. Raises DominatedGroup for one that crosses another."""
        known = self._knowing(meter for opened in totals for meter in opened.members)
        for opened in totals:
            known, _ = known._with(opened)
        return known

    def told_by(self, opened: Opened, of_class: CustomerClass | None = None) -> Iterator[_Content]:
        """The set, and what remains of it without those inside it; the same of the one around. Raises as `after`.

        With a class: of sets alone that have members of it.
        """
        after, number = self._knowing(opened.members)._with(opened)
        around = after._sets[number].around
        for place in (number, around) if around != _NO_SET else (number,):
            known = after._sets[place]
            if of_class is None or of_class in known.classes:
                yield from (known.whole, known.rest)

    def _knowing(self, meters: Iterable[MeterId]) -> "OpenedSets":
        index = self._index.including(meters)
        more = np.full(len(index) - len(self._index), _NO_SET, dtype=np.int32)
        return OpenedSets(index, np.concatenate((self._smallest, more)), self._sets) if more.size else self

    def _with(self, opened: Opened) -> tuple["OpenedSets", int]:
        """With the number of the set."""
        members = self._index.places(opened.members)
        place = self._place(members)
        if place.itself != _NO_SET:
            return self, place.itself
        whole, inside = _Content(opened.buckets, opened.total), [self._sets[number].whole for number in place.inside]
        sets = [*self._sets, _Set(len(opened.members), place.around, whole, whole.minus(inside), opened.classes)]
        for number in place.inside:
            sets[number] = sets[number]._replace(around=len(self._sets))
        if place.around != _NO_SET:
            around = sets[place.around]
            sets[place.around] = around._replace(rest=around.rest.plus(inside).minus([whole]))
        smallest = self._smallest.copy()
        smallest[members[smallest[members] == place.around]] = len(self._sets)
        return OpenedSets(self._index, smallest, tuple(sets)), len(self._sets)

    def _place(self, members: Places) -> _Place:
        """Raises DominatedGroup if the set crosses one of these."""
        common = self._common(members)
        inside = {number for number, count in common.items() if count == self._sets[number].size}
        around = [number for number, count in common.items() if count == len(members)]
        if len(inside.union(around)) < len(common):
            raise DominatedGroup("the group crosses one that was released")
        itself = next((number for number in around if number in inside), _NO_SET)
        outside = [number for number in around if number != itself]
        return _Place(
            [number for number in inside if self._sets[number].around not in inside],
            min(outside, key=lambda number: self._sets[number].size, default=_NO_SET),
            itself,
        )

    def _common(self, members: Places) -> Counter[int]:
        """How many of the members each set has that has any."""
        numbers, counts = np.unique(self._smallest[members], return_counts=True)
        common = Counter[int]()
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            while number != _NO_SET:
                common[number] += count
                number = self._sets[number].around
        return common


def check_dominance(
    question: Opened,
    released: OpenedSets,
    upper_edges: Sequence[int],
    largest_share_percent: int,
    of_class: CustomerClass | None = None,
) -> None:
    """Raises DominatedGroup if the question, or a difference that its release would complete, is dominated.

    Two differences are new: the question without the released sets inside it, and the smallest released set around it
    without those inside that. Every other set that can be derived is a union of such remainders, each the finest that
    can be: its largest member is in one of them, whose total is no larger.
    With a class, sets without it are not tested.
    """
    for content in released.told_by(question, of_class):
        _check(content, upper_edges, largest_share_percent)


def _check(content: _Content, upper_edges: Sequence[int], largest_share_percent: int) -> None:
    used = [edge for edge, count in zip(upper_edges, content.buckets, strict=True) if count]
    if used and 100 * max(used) > largest_share_percent * content.total:
        raise DominatedGroup(f"one member may make up more than {largest_share_percent} % of a group")
