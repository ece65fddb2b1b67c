"""What a pack leaves open although it is valid: warnings for whoever answers for it."""

from collections.abc import Iterator

from wattseal.policy.pack import NO_SHARE_TEST, ClassRule, Policy, PurposeRule

HIDES_APPLIANCES = 20
"""At 15 minutes 20 homes still give 50 % advantage in telling whether one is in them (Buescher et al.)."""
_LARGE_WITHOUT_SHARE, _USUAL_COVERAGE, _YEARS_10 = 100, 90, 3_653


def weaknesses(policy: Policy) -> list[str]:
    """In words, by purpose; none for a pack without any that is known."""
    found = [f"{purpose}: {text}" for purpose, rule in policy.purposes.items() for text in _of_purpose(rule)]
    return [*found, *_of_pack(policy)]


def _of_pack(policy: Policy) -> Iterator[str]:
    totals = [rule for rule in policy.purposes.values() if rule.opens_totals]
    sizes = [of_class.least_group for rule in totals for of_class in rule.classes.values()]
    largest = max((size.minutes_15 for size in sizes), default=0)
    if policy.least_change < largest:
        yield f"least_change: a cohort may change by {policy.least_change} homes, fewer than a group of {largest}"
    if policy.floor < largest:
        yield f"bills beside totals of every purpose are judged by the smallest group of the pack, {policy.floor}"


def _of_purpose(rule: PurposeRule) -> Iterator[str]:
    if rule.opens_totals and rule.noise == "none":
        yield from _of_exact_totals(rule)
    if rule.retention_days > _YEARS_10:
        yield f"keeps keys for {rule.retention_days} days, more than ten years"


def _of_exact_totals(rule: PurposeRule) -> Iterator[str]:
    if rule.use == "secondary" and rule.basis == "aggregate":
        yield "size rules without noise do not hide that a home takes part"
    if rule.coverage_percent < _USUAL_COVERAGE:
        yield f"{100 - rule.coverage_percent} % of a roster may be missing: whoever chooses them chooses the others"
    alike: dict[str, list[str]] = {}
    for name, of_class in rule.classes.items():
        for text in _of_class(of_class):
            alike.setdefault(text, []).append(name)
    yield from (f"{', '.join(names)}: {text}" for text, names in alike.items())


def _of_class(rule: ClassRule) -> Iterator[str]:
    least = rule.least_group
    if least.minutes_15 <= HIDES_APPLIANCES:
        yield f"quarter hours of {least.minutes_15} show single appliances"
    if least.minutes_15 == least.minutes_1440:
        yield "the size does not grow as the interval shrinks"
    if rule.largest_share_percent == NO_SHARE_TEST and least.minutes_1440 < _LARGE_WITHOUT_SHARE:
        yield f"no share test for groups of {least.minutes_1440}"
    elif NO_SHARE_TEST > rule.largest_share_percent >= 50:
        yield f"one member may be {rule.largest_share_percent} % of a group"
