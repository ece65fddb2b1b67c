"""Which meters the totals of a cycle's days leave together: the groups in which one bill must hide among others."""

from collections.abc import Iterable
from typing import NamedTuple, Self

from wattseal.policy.sets import Day
from wattseal.protocol.ids import MeterId
from wattseal.protocol.time import MINUTES_PER_DAY

Groups = frozenset[frozenset[MeterId]]


class DayAtoms(NamedTuple):
    """Of one channel and day: meters that no granted cohort tells apart, and those of each that were counted."""

    active: Groups
    counted: Groups

    @classmethod
    def of(cls, day: Day, meters: Iterable[MeterId]) -> Self:
        """Of the atoms that these meters are in: those of a region."""
        atoms = day.atoms_with(meters)
        return cls(frozenset(atom.active for atom in atoms), frozenset(atom.present for atom in atoms if atom.present))

    def sharing(self, others: Iterable["DayAtoms"]) -> "DayAtoms":
        """With atoms of other days as the same objects: they are large, and compared for each bill."""
        same = {atom: atom for other in others for atoms in other for atom in atoms}
        return DayAtoms(*(frozenset(same.get(atom, atom) for atom in atoms) for atoms in self))


def groups_of(days: Iterable[DayAtoms]) -> Groups:
    """Each day's atoms, and the meters that no day tells apart.

    These are parts of all the others where the same cohorts, or finer ones, are asked about. Where they differ, as
    north and all on one day and south and all on the next, two days' atoms may each hide a meter that both together
    do not. Who did not report on a day is not told apart by that: it would be alone, and never be billed.
    """
    known = list(days)
    counted = Groups().union(*(day.counted for day in known))
    partitions = {day.active for day in known if day.active}
    if len(partitions) < 2:
        return counted
    everybody = frozenset[MeterId]().union(*counted)
    return counted | {group for part in _common(partitions) if (group := part & everybody)}


def windows_of(cycles: Iterable[tuple[int, int]]) -> list[int]:
    """UTC days that the cycles touch, in order."""
    return sorted({day for start, end in cycles for day in range(start // MINUTES_PER_DAY, -(-end // MINUTES_PER_DAY))})


def _common(partitions: Iterable[Groups]) -> Iterable[frozenset[MeterId]]:
    """The finest parts that the partitions, each of some meters, cut all of them into."""
    places: dict[MeterId, int] = {}
    """Of each meter, its part in every partition, as digits of one number; 0 where a partition does not have it."""
    digit = 1
    for partition in partitions:
        for number, part in enumerate(partition, 1):
            for meter in part:
                places[meter] = places.get(meter, 0) + number * digit
        digit *= len(partition) + 1
    together: dict[int, list[MeterId]] = {}
    for meter, place in places.items():
        together.setdefault(place, []).append(meter)
    return map(frozenset, together.values())
