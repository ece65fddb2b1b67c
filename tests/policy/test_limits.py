"""What a pack permits of one question: its functional, its classes, its noise."""

import pytest

from tests.policy.packs import class_rule, flat, pack_of, purpose_rule
from tests.policy.rosters import roster, row, rows_of
from wattseal.policy.limits import (
    BEYOND_ANY_GROUP,
    STRICTEST,
    Asker,
    check_asker,
    check_bills,
    check_classes,
    check_clip,
    check_totals,
    least_of_any,
    limits_of,
)
from wattseal.policy.pack import Zcdp
from wattseal.protocol.errors import FunctionalNotPermitted, PurposeNotPermitted
from wattseal.protocol.roster import MAX_METERS
from wattseal.protocol.tariff.charges import Mode

RULES = pack_of(
    {
        "billing": purpose_rule(functionals=("bill-amounts",), classes={"residential": class_rule()}),
        "planning": purpose_rule(functionals=("totals",), classes={"residential": class_rule(20)}),
    }
)


def test_a_purpose_has_the_functionals_that_it_names() -> None:
    check_totals(RULES, "planning")
    check_bills(RULES, "billing", Mode.AMOUNT, "residential")
    with pytest.raises(FunctionalNotPermitted, match="no totals under purpose billing"):
        check_totals(RULES, "billing")
    for purpose, mode in (("billing", Mode.DETERMINANTS), ("planning", Mode.AMOUNT)):
        with pytest.raises(FunctionalNotPermitted, match=f"opens no bill-.* under purpose {purpose}"):
            check_bills(RULES, purpose, mode, "residential")


def test_a_purpose_has_the_classes_that_it_names() -> None:
    check_classes(RULES, "planning", ["residential"])
    with pytest.raises(PurposeNotPermitted, match="no rule for class commercial under purpose planning"):
        check_classes(RULES, "planning", ["residential", "commercial"])
    with pytest.raises(PurposeNotPermitted):
        check_bills(RULES, "billing", Mode.AMOUNT, "large")


def test_noise_that_is_too_small_for_the_reads_of_a_region() -> None:
    rule = Zcdp(mechanism="zcdp", rho_millionths=1, clip=16_383, budget_rho_millionths=1)
    check_clip(rule, 15, 16_383)
    check_clip(rule, 60, 4 * 16_383)
    with pytest.raises(FunctionalNotPermitted, match="hides reads of up to 16383, and the region's layout holds 16384"):
        check_clip(rule, 15, 16_384)


def test_a_purpose_is_for_tokens_of_its_scopes_and_for_its_recipients() -> None:
    study = purpose_rule(asked_by=("collector", "auditor"), recipients=("institute",))
    rules = pack_of({"open": purpose_rule(asked_by=("billing",)), "study": study})
    billing, auditor = frozenset({"billing", "fleet"}), frozenset({"auditor"})
    assert check_asker(rules, "open", Asker("anybody", billing)) is rules.purposes["open"]
    assert check_asker(rules, "study", Asker("institute", auditor)) is study
    with pytest.raises(PurposeNotPermitted, match="study is for tokens of scope collector or auditor"):
        check_asker(rules, "study", Asker("institute", billing))
    with pytest.raises(PurposeNotPermitted, match="study is for other recipients"):
        check_asker(rules, "study", Asker("anybody", auditor))
    with pytest.raises(PurposeNotPermitted):
        check_asker(rules, "gone", Asker("institute", auditor))


def test_a_class_without_a_rule_is_in_no_sum() -> None:
    assert limits_of(RULES, "planning", 15).share_of("residential") == 15
    for limits in (limits_of(RULES, "planning", 15), STRICTEST):
        assert (limits.least_of("commercial"), limits.share_of("commercial")) == (BEYOND_ANY_GROUP, 0)
    assert STRICTEST.coverage_percent == 100
    assert BEYOND_ANY_GROUP > MAX_METERS


def test_limits_follow_the_interval() -> None:
    assert limits_of(flat(7), "research", 15).least_of("residential") == 7
    assert limits_of(flat(7), "gone", 15) == STRICTEST


def test_the_smallest_group_that_any_purpose_opens() -> None:
    homes = roster(rows_of("town", 3))
    assert least_of_any(RULES, homes) == 20
    assert least_of_any(flat(7), homes) == 7
    assert least_of_any(pack_of({"fine": purpose_rule(20), "coarse": purpose_rule(30)}), homes) == 20
    assert least_of_any(RULES, roster([row("m1", "town", customer_class="commercial")])) > 16_384
