"""The set rules: pins, size and overlap over atoms, for the statements of one channel family and UTC day.

Pure functions over what one party remembers; the aggregator and both halves of the key server each apply them to
their own ledger.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from wattseal.policy.meter_index import NO_METERS, MeterIndex, Places
from wattseal.protocol.errors import CoverageTooLow, GroupTooLarge, GroupTooSmall, NobodyReported, PinnedOtherwise
from wattseal.protocol.ids import MeterId

_NEVER_ASKED, _LEFT_OUT = -2, -1
_NO_ATOM = 0
_FOLLOWING = "a group that would follow from earlier releases"


class Grant(NamedTuple):
    """One statement as the rules see it: the cohort's active meters, and its members with their report numbers."""

    active: frozenset[MeterId]
    members: Mapping[MeterId, int]


class OfClass(NamedTuple):
    """What a group needs that one of these meters is active in, by their places in a day's index."""

    least_group: int
    meters: Places


class SizeRule(NamedTuple):
    """What every group needs in which anybody was counted."""

    least_group: int
    coverage_percent: int
    of_classes: tuple[OfClass, ...] = ()


class Waived(NamedTuple):
    """Meters among which less than the rule's coverage will do."""

    meters: frozenset[MeterId]
    coverage_percent: int


class Atom(NamedTuple):
    """Meters that no granted cohort tells apart. `present` are those that were counted."""

    active: frozenset[MeterId]
    present: frozenset[MeterId]


class _Asked(NamedTuple):
    """A grant by the index of a day: the places of the cohort's meters, and what it pins each to."""

    places: Places
    numbers: NDArray[np.int8]


class _Sizes(NamedTuple):
    """Of groups: how many meters are active in each, and how many of them were counted."""

    active: NDArray[np.intp]
    present: NDArray[np.intp]

    def of(self, groups: Places) -> "_Sizes":
        return _Sizes(self.active[groups], self.present[groups])


@dataclass(frozen=True, eq=False)
class Day:
    """The pins and atoms that follow from what was granted for one (channel family, UTC day).

    Two entries for each meter of the index: the number of its report that counts, and its atom, counted from 1. A
    further grant refines the atoms by its own cohort alone.
    """

    index: MeterIndex = NO_METERS
    _numbers: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, dtype=np.int8))
    _atom_of: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))

    @classmethod
    def of(cls, grants: Iterable[Grant], index: MeterIndex = NO_METERS) -> Self:
        """`index` saves days of the same meters an index each."""
        return cls().knowing(index).after(*grants)

    def knowing(self, meters: MeterIndex | Iterable[MeterId]) -> Self:
        """The same day, its arrays long enough for these meters."""
        index = meters if isinstance(meters, MeterIndex) else self.index.including(meters)
        more = len(index) - len(self.index)
        if not more:
            return self
        return type(self)(
            index,
            np.concatenate((self._numbers, np.full(more, _NEVER_ASKED, dtype=np.int8))),
            np.concatenate((self._atom_of, np.full(more, _NO_ATOM, dtype=np.int32))),
        )

    def after(self, *grants: Grant) -> Self:
        """This day with more grants. One that says nothing new changes nothing."""
        known = self.knowing(meter for grant in grants for meter in grant.active)
        return known.granted(*map(known.asked, grants))

    @property
    def pins(self) -> dict[MeterId, int | None]:
        """Of each meter that was asked for: the number of its report that counts, or None where it was left out."""
        asked = np.flatnonzero(self._numbers != _NEVER_ASKED)
        numbers = (None if number == _LEFT_OUT else number for number in self._numbers[asked].tolist())
        return dict(zip(self.index.meters(asked), numbers, strict=True))

    def asked(self, grant: Grant) -> _Asked:
        """By the index, which knows the cohort."""
        number = grant.members.get
        numbers = (number(meter, _LEFT_OUT) for meter in grant.active)
        return _Asked(self.index.places(grant.active), np.fromiter(numbers, np.int8, len(grant.active)))

    def granted(self, *asked: _Asked) -> Self:
        draft = _Draft(self)
        for one in asked:
            draft.add(one)
        return type(self)(self.index, draft.numbers, draft.atom_of) if draft.changed else self

    def contradicts(self, asked: _Asked) -> bool:
        """Whether a meter of the cohort is pinned otherwise."""
        pinned = self._numbers[asked.places]
        return bool(((pinned != _NEVER_ASKED) & (pinned != asked.numbers)).any())

    def atoms(self) -> list[Atom]:
        """The finest parts that the granted cohorts cut the meters into."""
        return self._atoms(np.flatnonzero(self._atom_of))

    def atoms_with(self, meters: Iterable[MeterId]) -> list[Atom]:
        """Those that at least one of the meters is in."""
        wanted = np.zeros(len(self.sizes.active), dtype=np.bool_)
        wanted[self._atom_of[self.index.known(meters)]] = True
        wanted[_NO_ATOM] = False
        return self._atoms(np.flatnonzero(wanted[self._atom_of]))

    @cached_property
    def sizes(self) -> _Sizes:
        """By atom; the first entry is of no atom."""
        active = np.bincount(self._atom_of, minlength=1)
        return _Sizes(active, np.bincount(self._atom_of[self._numbers >= 0], minlength=len(active)))

    def atoms_told(self, before: "Day", asked: _Asked) -> Places:
        """Numbers of the atoms that granting what was asked to `before` made, and of all others inside its cohort."""
        atoms: Places = np.union1d(self._atom_of[asked.places], before._atom_of[asked.places])
        told: Places = atoms[atoms != _NO_ATOM]
        return told

    def atoms_among(self, atoms: Places, meters: Places) -> Places:
        """Those of the atoms that one of the meters is in."""
        has_one = np.zeros(len(self.sizes.active), dtype=np.bool_)
        has_one[self._atom_of[meters]] = True
        return atoms[has_one[atoms]]

    def made_of(self, meters: frozenset[MeterId], atoms: Places) -> NDArray[np.bool_]:
        """Which of the atoms have no other active meters."""
        counts: Places = np.bincount(self._atom_of[self.index.known(meters)], minlength=len(self.sizes.active))
        return np.equal(counts[atoms], self.sizes.active[atoms])

    def _atoms(self, places: Places) -> list[Atom]:
        """Of whole atoms' meters."""
        ordered = places[np.argsort(self._atom_of[places], kind="stable")]
        cuts = np.flatnonzero(np.diff(self._atom_of[ordered])) + 1
        return [self._atom(part) for part in np.split(ordered, cuts) if part.size]

    def _atom(self, places: Places) -> Atom:
        present = places[self._numbers[places] >= 0]
        return Atom(frozenset(self.index.meters(places)), frozenset(self.index.meters(present)))


class _Draft:
    """Arrays of a day that are being written."""

    def __init__(self, day: Day) -> None:
        self.numbers = day._numbers.copy()
        self.atom_of = day._atom_of.copy()
        self._active = day.sizes.active.copy()
        self.changed = False

    def add(self, asked: _Asked) -> None:
        cut = self._cut(asked.places)
        self.changed |= cut or not np.array_equal(self.numbers[asked.places], asked.numbers)
        self.numbers[asked.places] = asked.numbers

    def _cut(self, places: Places) -> bool:
        """Make an atom of its own of what the cohort has of each atom, and of those who were never asked for."""
        atoms, part = np.unique(self.atom_of[places], return_inverse=True)
        sizes = np.bincount(part, minlength=len(atoms))
        new = (atoms == _NO_ATOM) | (sizes < self._active[atoms])
        renamed = atoms.copy()
        renamed[new] = len(self._active) + np.arange(np.count_nonzero(new))
        self.atom_of[places] = renamed[part]
        self._active[atoms[new]] -= sizes[new]
        self._active = np.concatenate((self._active, sizes[new]))
        return bool(new.any())


def check_pins(day: Day, question: Grant) -> None:
    """Raises PinnedOtherwise. The day's index has the cohort."""
    if day.contradicts(day.asked(question)):
        raise PinnedOtherwise("a meter of the cohort was counted otherwise in an earlier statement of that day")


def permit_set(day: Day, question: Grant, rule: SizeRule, largest_group: int, waived: Sequence[Waived] = ()) -> Day:
    """The day with the question granted. Raises Refused; what it raises for names no meter."""
    if not question.members:
        raise NobodyReported("no member of the cohort reported in time")
    if len(question.members) > largest_group:
        raise GroupTooLarge(f"{len(question.members)} members are more than {largest_group}")
    day = day.knowing(question.active)
    check_pins(day, question)
    asked = day.asked(question)
    own = [one.coverage_percent for one in waived if question.active <= one.meters]
    group = _Sizes(np.array([len(question.active)]), np.array([len(question.members)]))
    _check_sizes(group, rule.least_group, "the group")
    _check_coverage(group, np.array([min([rule.coverage_percent, *own])]), "the group")
    after = day.granted(asked)
    told = after.atoms_told(day, asked)
    _check_sizes(after.sizes.of(told), rule.least_group, _FOLLOWING)
    for of_class in rule.of_classes:
        _check_sizes(after.sizes.of(after.atoms_among(told, of_class.meters)), of_class.least_group, _FOLLOWING)
    coverage = np.full(len(told), rule.coverage_percent)
    for one in waived:
        inside = after.made_of(one.meters, told)
        coverage[inside] = np.minimum(coverage[inside], one.coverage_percent)
    _check_coverage(after.sizes.of(told), coverage, _FOLLOWING)
    return after


def _check_sizes(sizes: _Sizes, least_group: int, what: str) -> None:
    """Of every group in which anybody was counted."""
    if (sizes.present[sizes.present > 0] < least_group).any():
        raise GroupTooSmall(f"{what} has fewer than {least_group} members")


def _check_coverage(sizes: _Sizes, coverage_percent: NDArray[np.intp], what: str) -> None:
    """Likewise."""
    counted = np.flatnonzero(sizes.present)
    active, present = sizes.of(counted)
    low = 100 * present < coverage_percent[counted] * active
    if low.any():
        needed = coverage_percent[counted][low].max()
        raise CoverageTooLow(f"less than {needed} % of {what}'s active roster reported")
