"""What a statement must agree with before the set rules are asked."""

import pytest

from tests.policy.measures import noise_extension
from tests.policy.packs import class_rule, flat, pack_of, purpose_rule
from tests.policy.rosters import LAYOUT, REGION, TODAY, notice, roster, row, rows_of
from wattseal.policy.explain import explain_total
from wattseal.policy.levels import Granted, Levels
from wattseal.policy.measures import NO_MEASURES, Measures
from wattseal.policy.meter_index import NO_METERS
from wattseal.policy.pack import Zcdp
from wattseal.policy.questions import Capacity, noise_of, permit_total, question_of
from wattseal.policy.sets import Atom
from wattseal.protocol.errors import (
    BudgetExhausted,
    Contradiction,
    CoverageTooLow,
    FunctionalNotPermitted,
    GroupTooLarge,
    MalformedMessage,
    NobodyReported,
    PinnedOtherwise,
    PurposeNotPermitted,
    UnknownSubject,
)
from wattseal.protocol.ids import Channel, CohortId, MeterId, Suite
from wattseal.protocol.statement import TotalStatement, positions_to_bits

BOTH = (Channel.DELIVERED, Channel.RECEIVED)
SUN = [row(f"s{number:04}", "town/b", BOTH) for number in range(20)]
ROSTER = roster([*rows_of("town/a", 20), *SUN])
KEY = notice(TODAY, TODAY + 30)
NOTHING = Granted.none(Levels(flat()), NO_METERS)


def statement(**changes: object) -> TotalStatement:
    everybody = positions_to_bits(range(20), 20)
    good = TotalStatement(
        purpose="research",
        region=REGION,
        cohort=CohortId("town/a"),
        channel=Channel.DELIVERED,
        window=TODAY,
        suite=Suite.PAILLIER_3072,
        key_id=KEY.key_id,
        layout_id=LAYOUT,
        roster_digest=ROSTER.fingerprint,
        members=everybody,
    )
    return good.model_copy(update=changes)


def permit(
    asked: TotalStatement, granted: Granted = NOTHING, largest_group: int = 16_384, measures: Measures = NO_MEASURES
) -> Granted:
    return permit_total(asked, ROSTER, KEY, granted, measures, Capacity(largest_group, 16_383))


def test_a_statement_in_order() -> None:
    day, grant = permit(statement()).day, question_of(statement(), ROSTER).grant
    assert day.pins == grant.members
    assert day.atoms() == [Atom(grant.active, frozenset(grant.members))]


def test_the_same_statement_again() -> None:
    day = permit(statement())
    assert permit(statement(), day).day is day.day


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"roster_digest": roster(rows_of("town/a", 21)).fingerprint}, "roster in force"),
        ({"suite": Suite.INSECURE_PAILLIER_2048}, "suite or layout"),
        ({"layout_id": b"layout-2"}, "suite or layout"),
        ({"window": TODAY - 1}, "key is not the one of its window"),
        ({"window": TODAY + 31}, "key is not the one of its window"),
    ],
)
def test_another_roster_suite_layout_or_window(change: dict[str, object], reason: str) -> None:
    with pytest.raises(Contradiction, match=reason):
        permit(statement(**change))


def test_a_key_of_another_suite() -> None:
    other = KEY.model_copy(update={"suite": int(Suite.INSECURE_PAILLIER_2048)})
    with pytest.raises(Contradiction, match="suite or layout"):
        permit_total(statement(), ROSTER, other, NOTHING, NO_MEASURES, Capacity(16_384, 16_383))


@pytest.mark.parametrize("window", [TODAY, TODAY + 30])
def test_both_ends_of_the_key_window(window: int) -> None:
    assert len(permit(statement(window=window)).day.atoms()) == 1


def test_another_functional() -> None:
    with pytest.raises(FunctionalNotPermitted):
        permit(statement(functional="flat-2026"))


def test_an_unknown_cohort() -> None:
    with pytest.raises(UnknownSubject, match="town/z"):
        permit(statement(cohort=CohortId("town/z")))


@pytest.mark.parametrize("members", [b"", b"\xff\xff", b"\xff\xff\x0f\x00", b"\xff\xff\x1f"])
def test_a_bitmap_that_does_not_fit(members: bytes) -> None:
    with pytest.raises(MalformedMessage, match="bitmap"):
        permit(statement(members=members))


def test_a_number_for_a_meter_that_is_not_a_member() -> None:
    without_first = positions_to_bits(range(1, 20), 20)
    with pytest.raises(MalformedMessage, match="not a member"):
        permit(statement(members=without_first, numbers=((0, 1),)))


@pytest.mark.parametrize("numbers", [((1, 1), (0, 1)), ((0, 1), (0, 1)), ((0, 0),)])
def test_numbers_have_one_spelling(numbers: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(MalformedMessage, match="sorted"):
        permit(statement(numbers=numbers))


def test_another_report_of_a_meter() -> None:
    with pytest.raises(PinnedOtherwise):
        permit(statement(numbers=((0, 1),)), permit(statement()))


def test_a_few_late_ones_are_pinned_out_before_they_are_few() -> None:
    """The supplement to a total: whoever asks hears of the pins, as of a supplement of any size."""
    granted = permit(statement(members=positions_to_bits(range(18), 20)))
    with pytest.raises(PinnedOtherwise):
        permit(statement(members=positions_to_bits((18, 19), 20)), granted)


def test_the_set_rules_apply() -> None:
    with pytest.raises(CoverageTooLow):
        permit(statement(members=positions_to_bits(range(17), 20)))
    with pytest.raises(GroupTooLarge):
        permit(statement(), largest_group=19)


def test_a_channel_that_nobody_of_the_cohort_has() -> None:
    with pytest.raises(NobodyReported):
        permit(statement(channel=Channel.RECEIVED, members=b""))


def test_only_meters_with_the_channel_are_active() -> None:
    asked = statement(cohort=CohortId("town"), channel=Channel.RECEIVED)
    grant = question_of(asked, ROSTER).grant
    assert grant.active == grant.members.keys() == {row.meter for row in SUN}


def test_members_keep_their_numbers() -> None:
    grant = question_of(statement(numbers=((2, 3),)), ROSTER).grant
    assert grant.members[MeterId("m0002")] == 3
    assert sum(grant.members.values()) == 3


class TestNoise:
    RULE = Zcdp(mechanism="zcdp", rho_millionths=200, clip=16_383, budget_rho_millionths=500)
    STUDY = purpose_rule(use="secondary", basis="noise", functionals=("totals",), noise=RULE)
    LEVELS = Levels(pack_of({"research": purpose_rule(), "study": STUDY}))
    BEFORE = Granted.none(LEVELS, NO_METERS)
    NARROW = Levels(
        pack_of({"study": STUDY.model_copy(update={"noise": RULE.model_copy(update={"budget_rho_millionths": 300})})})
    )

    def whole(self, cohort: str, count: int) -> TotalStatement:
        """A noisy total of everybody there."""
        members, noise = positions_to_bits(range(count), count), noise_of(self.NARROW, "study", 15)
        return statement(purpose="study", cohort=CohortId(cohort), members=members, noise=noise)

    def test_a_statement_says_what_the_purpose_asks_for(self) -> None:
        stated = noise_of(self.LEVELS, "study", 15)
        assert stated is not None
        assert (stated.rho_millionths, noise_of(self.LEVELS, "research", 15)) == (200, None)
        question = question_of(statement(purpose="study", noise=stated), ROSTER)
        after = permit(statement(purpose="study", noise=stated), self.BEFORE)
        assert after.spent_millionths(question) == 200
        for wrong in (None, stated.model_copy(update={"rho_millionths": 100})):
            with pytest.raises(FunctionalNotPermitted, match="noise"):
                permit(statement(purpose="study", noise=wrong), self.BEFORE)
        with pytest.raises(FunctionalNotPermitted, match="noise"):
            permit(statement(noise=stated), self.BEFORE)

    def test_an_extension_of_the_budget_is_of_its_cohort_and_those_below(self) -> None:
        """Threat E42: of another cohort, or for less than it takes, it pays for nothing."""
        town, again = (self.whole(cohort, count) for cohort, count in (("town", 40), ("town/a", 20)))
        known = permit(town, Granted.none(self.NARROW, NO_METERS))
        for refused in ((), (noise_extension("town/a", 99),), (noise_extension("town/b", 400),)):
            with pytest.raises(BudgetExhausted):
                permit(again, known, measures=Measures(extensions=refused))
        for cohort in ("town/a", "town"):
            measures = Measures(extensions=(noise_extension(cohort, 100),))
            assert permit(again, known, measures=measures)
            told = explain_total(again, ROSTER, KEY, known, measures, Capacity(16_384, 16_383))
            assert "of which 200 of 400 are spent" in told["rules"]["noise"]

    def test_of_reads_that_the_noise_is_too_small_for(self) -> None:
        asked = statement(purpose="study", noise=noise_of(self.LEVELS, "study", 15))
        with pytest.raises(FunctionalNotPermitted, match="hides reads of up to 16383"):
            permit_total(asked, ROSTER, KEY, self.BEFORE, NO_MEASURES, Capacity(16_384, 16_384))


def test_a_purpose_or_a_class_without_totals() -> None:
    """Asked of the pack before anything is added up: neither opens a total of any size."""
    no_totals = pack_of({"research": purpose_rule(functionals=("bill-amounts",))})
    with pytest.raises(FunctionalNotPermitted, match="opens no totals"):
        permit(statement(), Granted.none(Levels(no_totals), NO_METERS))
    no_homes = pack_of({"research": purpose_rule(classes={"commercial": class_rule()})})
    with pytest.raises(PurposeNotPermitted, match="no rule for class residential"):
        permit(statement(), Granted.none(Levels(no_homes), NO_METERS))
