"""What a pack asks of one question: its purpose, its functionals, and the classes of the customers in it."""

from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from wattseal.policy.pack import Policy, PurposeRule, Zcdp
from wattseal.protocol.errors import FunctionalNotPermitted, PurposeNotPermitted
from wattseal.protocol.roster import CustomerClass, Interval, Roster
from wattseal.protocol.tariff.charges import Mode

BEYOND_ANY_GROUP = 1 << 20


class Asker(NamedTuple):
    """Who asks: the name and the scopes of a token."""

    name: str
    scopes: Set[str]


NOBODY = Asker("", frozenset())
"""Whom no consent is for."""


class Limits(NamedTuple):
    """Of one purpose in a region of one interval length. A class that is not there is in no sum of the purpose."""

    least_group: Mapping[CustomerClass, int]
    largest_share_percent: Mapping[CustomerClass, int]
    coverage_percent: int

    def least_of(self, customer_class: CustomerClass) -> int:
        """Larger than any group for a class that the purpose has no sums of: such a sum is as fine as no other."""
        return self.least_group.get(customer_class, BEYOND_ANY_GROUP)

    def share_of(self, customer_class: CustomerClass) -> int:
        return self.largest_share_percent.get(customer_class, 0)


STRICTEST = Limits({}, {}, 100)
"""Of a purpose that the pack does not have any more: no level leaves out what was released under it."""


def limits_of(policy: Policy, purpose: str, interval: Interval) -> Limits:
    rule = policy.purposes.get(purpose)
    if rule is None:
        return STRICTEST
    return Limits(
        {name: of_class.least_group.at(interval) for name, of_class in rule.classes.items()},
        {name: of_class.largest_share_percent for name, of_class in rule.classes.items()},
        rule.coverage_percent,
    )


def check_asker(policy: Policy, purpose: str, asker: Asker) -> PurposeRule:
    """What holds under the purpose. Raises PurposeNotPermitted for a purpose that is another's to ask for."""
    rule = policy.check_purpose(purpose)
    if asker.scopes.isdisjoint(rule.asked_by):
        raise PurposeNotPermitted(f"purpose {purpose} is for tokens of scope {' or '.join(rule.asked_by)}")
    if rule.recipients and asker.name not in rule.recipients:
        raise PurposeNotPermitted(f"purpose {purpose} is for other recipients")
    return rule


def check_classes(policy: Policy, purpose: str, classes: Iterable[CustomerClass]) -> None:
    """Raises PurposeNotPermitted for a purpose of another pack, or one that has no rule for a class of its question."""
    lacking = sorted(set(classes) - policy.check_purpose(purpose).classes.keys())
    if lacking:
        raise PurposeNotPermitted(f"policy {policy.name} has no rule for class {lacking[0]} under purpose {purpose}")


def check_totals(policy: Policy, purpose: str) -> None:
    """Raises PurposeNotPermitted or FunctionalNotPermitted unless the purpose has totals."""
    rule = policy.check_purpose(purpose)
    if not rule.opens_totals:
        raise FunctionalNotPermitted(f"policy {policy.name} opens no totals under purpose {purpose}")


def check_clip(rule: Zcdp, interval: Interval, largest_read: int) -> None:
    """Raises FunctionalNotPermitted if a meter's encoder takes reads that the noise is too small for."""
    clip = rule.clip_at(interval)
    if largest_read > clip:
        raise FunctionalNotPermitted(
            f"the policy's noise hides reads of up to {clip}, and the region's layout holds {largest_read}"
        )


def check_bills(policy: Policy, purpose: str, mode: Mode, customer_class: CustomerClass) -> None:
    """Raises PurposeNotPermitted or FunctionalNotPermitted unless the purpose has such results of single meters."""
    rule = policy.check_purpose(purpose)
    check_classes(policy, purpose, [customer_class])
    wanted = "bill-amounts" if mode is Mode.AMOUNT else "bill-determinants"
    if wanted not in rule.functionals:
        raise FunctionalNotPermitted(f"policy {policy.name} opens no {wanted} under purpose {purpose}")


def least_of_any(policy: Policy, roster: Roster) -> int:
    """The smallest group that some purpose opens a total of, of any class that the roster has."""
    sizes = [
        rule.classes[name].least_group.at(roster.interval_minutes)
        for rule in policy.purposes.values()
        if rule.opens_totals
        for name in roster.classes & rule.classes.keys()
    ]
    return min(sizes, default=BEYOND_ANY_GROUP)
