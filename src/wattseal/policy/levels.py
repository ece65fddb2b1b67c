"""The levels rule: sums of several purposes on one day, each judged beside those of purposes as strict as its own.

Whoever holds releases of some purposes works out no sum that is finer than the most lenient of *those* purposes
permits. `docs/policy.md` derives it. One level is a day of `sets` and the opened sets of `dominance`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, Self, get_args

import numpy as np
from numpy.typing import NDArray

from wattseal.policy.dominance import Opened, OpenedSets, check_dominance
from wattseal.policy.limits import BEYOND_ANY_GROUP, Limits, limits_of
from wattseal.policy.meter_index import MeterIndex, Places
from wattseal.policy.pack import NO_SHARE_TEST, Policy
from wattseal.policy.sets import Day, Grant, OfClass, SizeRule, Waived, check_pins, permit_set
from wattseal.policy.spending import Noise, Spending
from wattseal.protocol.errors import FunctionalNotPermitted, GroupTooSmall
from wattseal.protocol.ids import MeterId
from wattseal.protocol.roster import CustomerClass, Interval
from wattseal.protocol.statement import StatedNoise

_CLASSES: tuple[CustomerClass, ...] = get_args(CustomerClass)
_INTERVALS: tuple[Interval, ...] = get_args(Interval)
_EVERYTHING = 0
"""The level that takes every release."""


class Under(NamedTuple):
    """What limits follow from: the purpose of a release, and how long its intervals are."""

    purpose: str
    interval: Interval


class Question(NamedTuple):
    """A statement as the rules see it; `classes` says which of its active meters are of which class.

    `noise` is what the statement says, whatever the pack asks for by now; None: it is exact.
    """

    grant: Grant
    under: Under
    classes: Mapping[CustomerClass, frozenset[MeterId]]
    noise: StatedNoise | None = None


class OpenedUnder(NamedTuple):
    """An opened total, and what it was opened for."""

    opened: Opened
    under: Under


@dataclass
class _Level:
    """Releases of the purposes in `takes`, and what every sum that follows from them alone needs."""

    takes: frozenset[Under]
    least_group: dict[CustomerClass, int]
    shares: dict[CustomerClass, int]
    coverage_percent: int = 0


class Levels:
    """Those of one pack. Purposes that no level tells apart share one; a pack of one rule has one level."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        totals = [purpose for purpose, rule in policy.purposes.items() if rule.opens_totals]
        unders = [Under(purpose, interval) for purpose in totals for interval in _INTERVALS]
        self._limits = {under: limits_of(policy, *under) for under in unders}
        self._found: dict[frozenset[Under], _Level] = {}
        self._at(unders)
        for name in _CLASSES:
            self._add_sizes(name)
            self._add_shares(name)
        for percent in {limits.coverage_percent for limits in self._limits.values()}:
            level = self._at(u for u, limits in self._limits.items() if limits.coverage_percent >= percent)
            level.coverage_percent = max(level.coverage_percent, percent)
        self.levels = tuple(self._found.values())
        self.taking = lru_cache(maxsize=None)(self._taking)

    def limits(self, under: Under) -> Limits:
        return self._limits.get(under) or limits_of(self.policy, *under)

    def noise(self, under: Under) -> Noise | None:
        """What the pack asks for; None: exact totals."""
        rule = self.policy.purposes.get(under.purpose)
        return None if rule is None or rule.noise == "none" else Noise.of(rule.noise, under.interval)

    def _taking(self, under: Under) -> tuple[int, ...]:
        """Numbers of the levels that a release takes part in; all of them for a purpose that the pack has lost."""
        known = under in self._limits
        return tuple(number for number, level in enumerate(self.levels) if not known or under in level.takes)

    def _at(self, unders: Iterable[Under]) -> _Level:
        takes = frozenset(unders)
        return self._found.setdefault(takes, _Level(takes, {}, {}))

    def _add_sizes(self, name: CustomerClass) -> None:
        least = {under: limits.least_of(name) for under, limits in self._limits.items()}
        for size in set(least.values()) - {BEYOND_ANY_GROUP}:
            level = self._at(under for under, own in least.items() if own >= size)
            level.least_group[name] = max(level.least_group.get(name, 0), size)

    def _add_shares(self, name: CustomerClass) -> None:
        shares = {under: limits.share_of(name) for under, limits in self._limits.items()}
        for share in {share for share in shares.values() if 0 < share < NO_SHARE_TEST}:
            level = self._at(under for under, own in shares.items() if own <= share)
            level.shares[name] = min(level.shares.get(name, NO_SHARE_TEST), share)


@dataclass(frozen=True, eq=False)
class Granted:
    """What was granted for one (channel family, UTC day): a `Day` for each level, all with one index.

    `_classes` has a bit for each class that a meter was said to be of; `_spending` is of all purposes together.
    """

    levels: Levels
    _days: tuple[Day, ...]
    _classes: NDArray[np.uint8]
    _spending: Spending

    @classmethod
    def none(cls, levels: Levels, index: MeterIndex) -> Self:
        """`index` saves days of the same meters an index each."""
        day = Day().knowing(index)
        return cls(
            levels, (day,) * len(levels.levels), np.zeros(len(index), dtype=np.uint8), Spending().knowing(len(index))
        )

    @property
    def day(self) -> Day:
        """Pins and atoms of everything that was granted, for whatever purpose."""
        return self._days[_EVERYTHING]

    def after(self, *questions: Question) -> Self:
        """With more grants. Those that say nothing new change nothing."""
        known = self._changed(questions, lambda day, _, question: day.after(question.grant))
        spending = known._spending
        for question in questions:
            granted = None if question.noise is None else Noise.granted(question.noise)
            spending = spending.after(known._members(question), granted)
        return replace(known, _spending=spending)

    def permit(
        self, question: Question, largest_group: int, waived: Sequence[Waived] = (), *, rho_more: int = 0
    ) -> Self:
        """With the question granted. Raises Refused; what it raises for names no meter.

        `rho_more`: by how much the budget of a noisy one is extended.
        """
        known = self._knowing([question])
        least = max(map(self.levels.limits(question.under).least_of, question.classes), default=0)
        if 0 < len(question.grant.members) < least:
            check_pins(known.day, question.grant)  # said first, as by a day
            raise GroupTooSmall(f"the group has fewer than {least} members")

        noise = self.levels.noise(question.under)
        if question.noise != (None if noise is None else noise.stated):
            raise FunctionalNotPermitted("the statement's noise is not what the policy asks for")

        def permitted(day: Day, number: int, one: Question) -> Day:
            return permit_set(day, one.grant, known._rule(number), largest_group, waived)

        paid = None if noise is None else noise.extended(rho_more)
        spending = known._spending.permit(known._members(question), paid)
        return replace(known._changed([question], permitted), _spending=spending)

    def spent_millionths(self, question: Question) -> int:
        """Of rho, by noisy totals of the day so far: the most of any member of the question."""
        return self._spending.of(self.day.index.known(question.grant.members))

    def _members(self, question: Question) -> Places:
        return self.day.index.places(question.grant.members)

    def _changed(self, questions: Sequence[Question], change: Callable[[Day, int, Question], Day]) -> Self:
        known = self._knowing(questions)
        days = list(known._days)
        for question in questions:
            for number in self.levels.taking(question.under):
                days[number] = change(days[number], number, question)
        return replace(known, _days=tuple(days))

    def _knowing(self, questions: Sequence[Question]) -> Self:
        """The same grants, for an index that has the questions' meters, and with their classes."""
        index = self.day.index.including(meter for question in questions for meter in question.grant.active)
        more = np.zeros(len(index) - len(self._classes), dtype=np.uint8)
        classes = np.concatenate((self._classes, more))
        for question in questions:
            for name, meters in question.classes.items():
                classes[index.places(meters)] |= 1 << _CLASSES.index(name)
        days, spending = tuple(day.knowing(index) for day in self._days), self._spending.knowing(len(index))
        return type(self)(self.levels, days, classes, spending)

    def _rule(self, number: int) -> SizeRule:
        level = self.levels.levels[number]
        sizes = set(level.least_group.values())
        if len(sizes) == 1 and len(level.least_group) == len(_CLASSES):
            return SizeRule(sizes.pop(), level.coverage_percent)
        of_classes = tuple(
            OfClass(size, np.flatnonzero(self._classes & (1 << _CLASSES.index(name))))
            for name, size in level.least_group.items()
        )
        return SizeRule(0, level.coverage_percent, of_classes)


@dataclass(frozen=True, eq=False)
class OpenedAtLevels:
    """The totals of one channel family and day that collectors have."""

    levels: Levels
    _sets: tuple[OpenedSets, ...]

    @classmethod
    def none(cls, levels: Levels) -> Self:
        return cls(levels, (OpenedSets(),) * len(levels.levels))

    @property
    def everything(self) -> OpenedSets:
        """What was opened for whatever purpose."""
        return self._sets[_EVERYTHING]

    def after(self, *totals: OpenedUnder) -> Self:
        """These and more. Raises DominatedGroup for one that crosses another."""
        sets = list(self._sets)
        for total in totals:
            for number in self.levels.taking(total.under):
                sets[number] = sets[number].after(total.opened)
        return type(self)(self.levels, tuple(sets))

    def check(self, question: OpenedUnder, upper_edges: Sequence[int]) -> None:
        """Raises DominatedGroup if the question, or a difference that its release would complete, is dominated."""
        self.everything.after(question.opened)
        for number in self.levels.taking(question.under):
            for name, share in self.levels.levels[number].shares.items():
                check_dominance(question.opened, self._sets[number], upper_edges, share, name)
