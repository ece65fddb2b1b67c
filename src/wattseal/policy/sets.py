"""The set rules: pins, size and overlap over atoms, for the statements of one channel family and UTC day.

Pure functions over what one party remembers; the aggregator and both halves of the key server each apply them to
their own ledger.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from wattseal.policy.pack import Policy
from wattseal.protocol.errors import CoverageTooLow, GroupTooLarge, GroupTooSmall, NobodyReported, PinnedOtherwise
from wattseal.protocol.ids import MeterId


class Grant(NamedTuple):
    """One statement as the rules see it: the cohort's active meters, and its members with their report numbers."""

    active: frozenset[MeterId]
    members: Mapping[MeterId, int]


class Atom(NamedTuple):
    """Meters that no granted cohort tells apart. `present` are those that were counted."""

    active: frozenset[MeterId]
    present: frozenset[MeterId]


@dataclass(frozen=True)
class Day:
    """What was granted for one (channel family, UTC day), and the pins that follow from it.

    A pin maps a meter to the number of its report that counts, or to None where the meter was left out.
    """

    grants: tuple[Grant, ...] = ()
    pins: Mapping[MeterId, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, grants: Iterable[Grant]) -> Self:
        kept: list[Grant] = []
        for grant in grants:
            if grant not in kept:
                kept.append(grant)
        return cls(tuple(kept), {meter: grant.members.get(meter) for grant in kept for meter in grant.active})

    def after(self, grant: Grant) -> "Day":
        """This day with one more grant. A repeated grant changes nothing."""
        if grant in self.grants:
            return self
        pins = {meter: grant.members.get(meter) for meter in grant.active}
        return Day((*self.grants, grant), {**self.pins, **pins})

    def atoms(self) -> list[Atom]:
        """The finest parts that the granted cohorts cut the meters into."""
        cohorts_of: dict[MeterId, int] = {}
        for position, grant in enumerate(self.grants):
            for meter in grant.active:
                cohorts_of[meter] = cohorts_of.get(meter, 0) | 1 << position
        parts: dict[int, set[MeterId]] = {}
        for meter, cohorts in cohorts_of.items():
            parts.setdefault(cohorts, set()).add(meter)
        return [
            Atom(frozenset(part), frozenset(meter for meter in part if self.pins[meter] is not None))
            for part in parts.values()
        ]


def permit_set(day: Day, question: Grant, policy: Policy, largest_group: int) -> Day:
    """The day with the question granted. Raises Refused; what it raises for names no meter."""
    if not question.members:
        raise NobodyReported("no member of the cohort reported in time")
    if len(question.members) > largest_group:
        raise GroupTooLarge(f"{len(question.members)} members are more than {largest_group}")
    if any(day.pins.get(meter, kept) != kept for meter, kept in _pins(question)):
        raise PinnedOtherwise("a meter of the cohort was counted otherwise in an earlier statement of that day")
    _check_size(Atom(question.active, frozenset(question.members)), policy, "the group")
    after = day.after(question)
    for atom in after.atoms():
        if atom.present:
            _check_size(atom, policy, "a group that would follow from earlier releases")
    return after


def _pins(grant: Grant) -> Iterable[tuple[MeterId, int | None]]:
    return ((meter, grant.members.get(meter)) for meter in grant.active)


def _check_size(atom: Atom, policy: Policy, what: str) -> None:
    present, active = len(atom.present), len(atom.active)
    if present < policy.least_group:
        raise GroupTooSmall(f"{what} has fewer than {policy.least_group} members")
    if 100 * present < policy.coverage_percent * active:
        raise CoverageTooLow(f"less than {policy.coverage_percent} % of {what}'s active roster reported")
