"""A waiver lowers the coverage of its own cohort, and nothing else: not k, not pins, not overlap, not others'."""

from functools import reduce

import pytest

from tests.policy.measures import quarantine, waiver
from tests.policy.packs import flat
from tests.policy.rosters import LAYOUT, REGION, TODAY, notice, roster, row
from tests.policy.test_sets import LARGEST, TRIAL
from tests.policy.trees import Meters, grant, meters
from wattseal.policy.levels import Granted, Levels
from wattseal.policy.measures import Measures
from wattseal.policy.meter_index import NO_METERS
from wattseal.policy.questions import Capacity, permit_total
from wattseal.policy.sets import Day, Grant, Waived, permit_set
from wattseal.protocol.errors import CoverageTooLow, GroupTooSmall, MeterQuarantined, PinnedOtherwise
from wattseal.protocol.ids import Channel, CohortId, MeterId
from wattseal.protocol.measures import Waiver
from wattseal.protocol.statement import TotalStatement, positions_to_bits

CAPACITY = Capacity(LARGEST, 16_383)
TOWN, NORTH, SOUTH = meters(range(200)), meters(range(100)), meters(range(100, 200))


def after(*questions: Grant, waived: tuple[Waived, ...] = ()) -> Day:
    return reduce(lambda day, question: permit_set(day, question, TRIAL, LARGEST, waived), questions, Day())


def first(group: Meters, count: int) -> Meters:
    return frozenset(sorted(group)[:count])


class TestCoverage:
    def test_as_low_as_the_waiver_says_and_no_lower(self) -> None:
        waived = (Waived(NORTH, 60),)
        assert after(grant(NORTH, first(NORTH, 60)), waived=waived).pins.keys() == NORTH
        with pytest.raises(CoverageTooLow, match="less than 60 %"):
            after(grant(NORTH, first(NORTH, 59)), waived=waived)

    def test_k_stays(self) -> None:
        street = meters(range(28))
        assert after(grant(street, first(street, 15)), waived=(Waived(street, 50),))
        with pytest.raises(GroupTooSmall, match="fewer than 15"):
            after(grant(street, first(street, 14)), waived=(Waived(street, 50),))

    def test_those_below_the_cohort_are_meant_too(self) -> None:
        street = meters(range(40))
        waived = (Waived(NORTH, 60),)
        assert after(grant(street, first(street, 24)), waived=waived)
        with pytest.raises(CoverageTooLow):
            after(grant(street, first(street, 23)), waived=waived)

    def test_those_above_are_not(self) -> None:
        """A hundred and sixty of two hundred: the town needs a waiver of its own."""
        reported = SOUTH | first(NORTH, 60)
        with pytest.raises(CoverageTooLow, match="less than 90 %"):
            after(grant(TOWN, reported), waived=(Waived(NORTH, 60),))
        assert after(grant(TOWN, reported), waived=(Waived(TOWN, 80),))

    def test_of_two_waivers_the_lower_one_counts(self) -> None:
        for order in ((60, 80), (80, 60)):
            waived = tuple(Waived(NORTH, percent) for percent in order)
            assert after(grant(NORTH, first(NORTH, 60)), waived=waived)

    def test_it_never_asks_for_more_than_the_policy(self) -> None:
        assert after(grant(NORTH, first(NORTH, 90)), waived=(Waived(NORTH, 99),))

    def test_another_cohort_is_not_covered(self) -> None:
        with pytest.raises(CoverageTooLow):
            after(grant(SOUTH, first(SOUTH, 60)), waived=(Waived(NORTH, 60),))


class TestAtoms:
    def test_the_rest_of_a_waived_cohort_may_be_as_low(self) -> None:
        street = meters(range(30))
        reported = street | first(NORTH - street, 42)
        questions = (grant(NORTH, reported), grant(street, street))
        for order in (questions, questions[::-1]):
            assert after(*order, waived=(Waived(NORTH, 60),))
            with pytest.raises(CoverageTooLow, match="less than 61 %"):
                after(*order, waived=(Waived(NORTH, 61),))

    def test_the_rest_outside_of_it_may_not(self) -> None:
        """All of the north and 81 of the south are 90 % of the town; the south alone is 81 %."""
        reported = NORTH | first(SOUTH, 81)
        for order in ((TOWN, NORTH), (NORTH, TOWN)):
            with pytest.raises(CoverageTooLow, match="less than 90 %"):
                after(*(grant(active, active & reported) for active in order), waived=(Waived(NORTH, 50),))

    def test_an_atom_with_one_meter_outside_is_not_waived(self) -> None:
        reported = first(NORTH, 60)
        wider = NORTH | meters([100])
        with pytest.raises(CoverageTooLow, match="less than 90 %"):
            after(grant(wider, reported), waived=(Waived(NORTH, 50),))

    def test_the_rest_of_fewer_than_k_stays_refused(self) -> None:
        street = meters(range(86))
        with pytest.raises(GroupTooSmall):
            after(grant(NORTH, NORTH), grant(street, street), waived=(Waived(NORTH, 50),))

    def test_pins_stay(self) -> None:
        """A waiver that comes after a refusal does not bring back another set of that day."""
        with pytest.raises(PinnedOtherwise):
            after(grant(NORTH, first(NORTH, 95)), grant(NORTH, first(NORTH, 60)), waived=(Waived(NORTH, 50),))


ROWS = [row(f"m{number:02}", f"town/{'ab'[number // 20]}", tuple(Channel)) for number in range(40)]
ROSTER, KEY = roster(ROWS), notice(TODAY, TODAY + 30)
NOTHING = Granted.none(Levels(flat()), NO_METERS)


def permit(
    members: int, *waivers: Waiver, quarantined: frozenset[MeterId] = frozenset(), cohort: str = "town/a"
) -> Granted:
    count = len(ROSTER.active(CohortId(cohort), Channel.DELIVERED))
    statement = TotalStatement(
        purpose="research",
        region=REGION,
        cohort=CohortId(cohort),
        channel=Channel.DELIVERED,
        window=TODAY,
        suite=ROSTER.suite,
        key_id=KEY.key_id,
        layout_id=LAYOUT,
        roster_digest=ROSTER.fingerprint,
        members=positions_to_bits(range(members), count),
    )
    return permit_total(statement, ROSTER, KEY, NOTHING, Measures(waivers, quarantined), CAPACITY)


class TestStatements:
    def test_a_waiver_of_the_cohort_or_of_one_above(self) -> None:
        assert permit(16, waiver("town/a", 80))
        assert permit(16, waiver("town", 80))
        with pytest.raises(CoverageTooLow):
            permit(16, waiver("town/a", 81))

    @pytest.mark.parametrize("cohort", ["town/b", "town/a/x", "city"])
    def test_a_waiver_of_another_cohort_or_of_one_that_is_no_more(self, cohort: str) -> None:
        with pytest.raises(CoverageTooLow):
            permit(16, waiver(cohort, 50))

    def test_a_quarantined_member_is_refused_and_not_named(self) -> None:
        with pytest.raises(MeterQuarantined) as refusal:
            permit(20, quarantined=frozenset({MeterId("m07")}))
        assert "m07" not in refusal.value.detail
        assert permit(20, quarantined=frozenset({MeterId("m20")}))

    def test_a_quarantined_meter_counts_as_missing(self) -> None:
        """Two of twenty may be missing, whether put aside or silent."""
        aside = frozenset(MeterId(quarantine(f"m{number}").meter) for number in (18, 19))
        assert permit(18, quarantined=aside)
        with pytest.raises(CoverageTooLow):
            permit(17, quarantined=aside)
