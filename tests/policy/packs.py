"""Policy packs made in code: one rule for every class, interval and purpose, where a test says nothing else."""

from collections.abc import Iterable, Mapping
from typing import Any

from wattseal.policy.pack import ClassRule, LeastGroup, Policy, PurposeRule

PURPOSES = ("billing", "grid-planning", "operations", "research")


def sizes(least_group: int) -> LeastGroup:
    return LeastGroup(minutes_15=least_group, minutes_30=least_group, minutes_60=least_group, minutes_1440=least_group)


def class_rule(least_group: int = 15, largest_share_percent: int = 15) -> ClassRule:
    return ClassRule(least_group=sizes(least_group), largest_share_percent=largest_share_percent)


def purpose_rule(least_group: int = 15, largest_share_percent: int = 15, **changes: Any) -> PurposeRule:  # noqa: ANN401 - any field's value
    of_class = class_rule(least_group, largest_share_percent)
    fields: dict[str, Any] = {
        "use": "primary",
        "basis": "service",
        "functionals": ("totals", "bill-amounts", "bill-determinants"),
        "asked_by": ("collector", "billing"),
        "coverage_percent": 90,
        "noise": "none",
        "questions_per_token_day": 1_000_000,
        "retention_days": 3650,
        "classes": {"residential": of_class, "commercial": of_class, "large": of_class},
    }
    return PurposeRule(**{**fields, **changes})


def pack_of(purposes: Mapping[str, PurposeRule]) -> Policy:
    rules = dict(purposes)
    largest = max(one.least_group.minutes_15 for rule in rules.values() for one in rule.classes.values())
    return Policy(version=2, name="test", revision=1, least_change=largest, purposes=rules)


def flat(
    least_group: int = 15,
    coverage_percent: int = 90,
    largest_share_percent: int = 15,
    purposes: Iterable[str] = PURPOSES,
) -> Policy:
    """One rule for everything."""
    rule = purpose_rule(least_group, largest_share_percent, coverage_percent=coverage_percent)
    return pack_of(dict.fromkeys(purposes, rule))
