"""Warnings about packs: each for its own cause, and none for a pack that has none."""

from typing import Any

import pytest

from tests.policy.packs import class_rule, pack_of, purpose_rule
from wattseal.policy.pack import LeastGroup, Policy, named_policy, packaged_policies
from wattseal.policy.weaknesses import weaknesses

STRONG = class_rule(15).model_copy(
    update={"least_group": LeastGroup(minutes_15=100, minutes_30=50, minutes_60=30, minutes_1440=15)}
)


def pack(**changes: Any) -> Policy:  # noqa: ANN401 - any field's value
    fields = {"functionals": ("totals",), "classes": {"residential": STRONG}}
    return pack_of({"planning": purpose_rule(**{**fields, **changes})}).model_copy(update={"least_change": 100})


def of_class(**changes: Any) -> dict[str, object]:  # noqa: ANN401 - any field's value
    return {"residential": STRONG.model_copy(update=changes)}


def test_a_pack_without_any() -> None:
    """But that bills hide among its smallest group alone, which no pack with sizes by interval can help."""
    assert weaknesses(pack()) == [
        "bills beside totals of every purpose are judged by the smallest group of the pack, 15"
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"coverage_percent": 80}, "planning: 20 % of a roster may be missing"),
        ({"retention_days": 3_654}, "planning: keeps keys for 3654 days, more than ten years"),
        ({"use": "secondary", "basis": "aggregate"}, "planning: size rules without noise"),
        ({"classes": of_class(largest_share_percent=50)}, "planning: residential: one member may be 50 %"),
        ({"classes": of_class(largest_share_percent=100)}, "planning: residential: no share test for groups of 15"),
    ],
)
def test_each_cause(changes: dict[str, Any], told: str) -> None:
    assert [text for text in weaknesses(pack(**changes)) if text.startswith(told)]


def test_small_groups_and_changes() -> None:
    both = {"residential": class_rule(20), "commercial": class_rule(20)}
    found = weaknesses(pack_of({"planning": purpose_rule(classes=both)}).model_copy(update={"least_change": 19}))
    assert found == [
        "planning: residential, commercial: quarter hours of 20 show single appliances",
        "planning: residential, commercial: the size does not grow as the interval shrinks",
        "least_change: a cohort may change by 19 homes, fewer than a group of 20",
    ]


@pytest.mark.parametrize("name", packaged_policies())
def test_every_packaged_pack_has_some(name: str) -> None:
    """The laws' numbers are of monthly sums."""
    assert any("quarter hours of 15" in text for text in weaknesses(named_policy(name)))
