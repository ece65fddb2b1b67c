"""Bill statements at the edges: of key periods, rosters, tenures and cycles, and of who counts as billed alike."""

from datetime import date
from typing import Any

import pytest

from tests.policy.rosters import roster, row
from tests.policy.test_bill_questions import (
    BASIC,
    FIRST,
    KEY,
    MAY,
    OTHER,
    RULES,
    ZONE,
    Remembered,
    bills,
    homes,
    refused,
    segment,
)
from tests.protocol.tariff.samples import TOU, tariff
from wattseal.policy.bill_atoms import DayAtoms, windows_of
from wattseal.policy.bill_questions import Bills, check_atoms, permit_bills, segments_of
from wattseal.policy.sets import Day, Grant
from wattseal.protocol.errors import Contradiction, FunctionalNotPermitted, PinnedOtherwise, ShareTooLarge
from wattseal.protocol.ids import Channel, MeterId, Suite, Window
from wattseal.protocol.roster import Unit
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import MINUTES_PER_DAY, parse_window

START, END = MAY.minutes
FIRST_DAY, LAST_DAY = parse_window("2026-05-01"), parse_window("2026-05-31")
EVERYBODY = frozenset(MeterId(f"m{number}") for number in range(6))


class Anytime(Remembered):
    """The same groups on any day."""

    def day(self, channel: Channel, window: Window) -> DayAtoms:
        return DayAtoms(frozenset(self.groups), frozenset(self.groups))


class TestKeys:
    def test_a_key_of_its_last_day_alone(self) -> None:
        exactly = KEY.model_copy(update={"first_window": LAST_DAY, "last_window": LAST_DAY})
        permit_bills(bills(segment("m0"), key=exactly), Remembered(), RULES)

    @pytest.mark.parametrize("change", [{"first_window": Window(LAST_DAY + 1)}, {"last_window": Window(LAST_DAY - 1)}])
    def test_a_key_of_other_days(self, change: dict[str, Window]) -> None:
        refused(bills(segment("m0"), key=KEY.model_copy(update=change)), Contradiction, "not that of its cycle")


class TestRosters:
    def test_one_that_takes_effect_on_the_cycles_last_day_counts(self) -> None:
        later = homes(LAST_DAY)
        permit_bills(bills(segment("m0"), rosters=(homes(), later)), Remembered(), RULES)
        stale = bills(segment("m0"), rosters=(homes(), later), roster_digest=homes().fingerprint)
        refused(stale, Contradiction, "roster in force at the end")

    def test_one_that_takes_effect_later_does_not(self) -> None:
        later = homes(Window(LAST_DAY + 1), m0={"tariff": OTHER.name})
        known = (homes(), later)
        permit_bills(bills(segment("m0"), rosters=known, roster_digest=homes().fingerprint), Remembered(), RULES)

    def test_a_segments_tariff_is_that_of_its_last_day(self) -> None:
        """A segment that ends where a roster with another tariff begins is billed under the one before."""
        cut = parse_window("2026-05-11")
        moved = {"account": "next", "tenure_since": cut, "tariff": OTHER.name}
        known = (homes(), homes(cut, m0=moved))
        parts = segments_of(known, MAY.minutes)[MeterId("m0")]
        assert parts == [(START, cut * MINUTES_PER_DAY), (cut * MINUTES_PER_DAY, END)]
        permit_bills(bills(segment("m0", *parts[0]), rosters=known), Remembered(), RULES)
        refused(bills(segment("m0", *parts[1]), rosters=known), FunctionalNotPermitted, "not billed under")
        permit_bills(bills(segment("m0", *parts[1]), rosters=known, tariff=OTHER), Remembered(), RULES)

    def test_a_roster_of_a_segments_last_day_says_its_tariff(self) -> None:
        known = (homes(), homes(LAST_DAY, m0={"tariff": OTHER.name}))
        refused(bills(segment("m0"), rosters=known), FunctionalNotPermitted, "not billed under")
        permit_bills(bills(segment("m0"), rosters=known, tariff=OTHER), Remembered(), RULES)

    def test_a_tenure_that_ends_where_the_cycle_begins_has_no_part_of_it(self) -> None:
        midnight = Cycle(date(2026, 5, 1), date(2026, 5, 31), "UTC")
        moved = homes(FIRST_DAY, m0={"account": "next", "tenure_since": FIRST_DAY})
        assert segments_of((homes(), moved), midnight.minutes)[MeterId("m0")] == [midnight.minutes]

    def test_gas_is_not_billed_by_a_tariff_of_electricity(self) -> None:
        gas = roster(
            [row("m0", "town", tariff=BASIC.name)],
            effective=FIRST,
            suite=int(Suite.MASKING),
            commodity="gas",
            interval_minutes=60,
            unit=Unit.LITRE,
        )
        refused(bills(segment("m0"), rosters=(gas,)), FunctionalNotPermitted, "commodity")


class TestLarge:
    def test_amounts_are_refused(self) -> None:
        every: Any = {f"m{number}": {"customer_class": "large"} for number in range(6)}
        large = homes(**every)
        big = BASIC.model_copy(update={"customer_class": "large"})
        refused(bills(segment("m0"), tariff=big, rosters=(large,)), FunctionalNotPermitted, "sums only")


class TestCycles:
    def test_one_that_ends_where_another_begins(self) -> None:
        april = Cycle(date(2026, 4, 1), date(2026, 5, 1), ZONE)
        memory = Anytime()
        memory.grant(bills(segment("m0")))
        memory.grant(bills(segment("m0", *april.minutes), cycle=april))
        assert memory.cycles.keys() == {MAY.minutes, april.minutes}

    def test_one_that_begins_earlier_and_overlaps(self) -> None:
        earlier = Cycle(date(2026, 4, 2), date(2026, 5, 2), ZONE)
        memory = Anytime()
        memory.grant(bills(segment("m0")))
        shifted = bills(segment("m0", *earlier.minutes), cycle=earlier)
        refused(shifted, FunctionalNotPermitted, "do not overlap", memory)

    def test_another_number_needs_to_name_what_it_cancels(self) -> None:
        memory = Remembered()
        memory.grant(bills(segment("m0")))
        refused(bills(segment("m0", number=1)), PinnedOtherwise, "names the bill", memory)

    def test_the_days_that_cycles_touch(self) -> None:
        assert windows_of([(0, 1440), (2880, 2881)]) == [0, 2]
        assert windows_of([(1439, 1441), (0, 1440)]) == [0, 1]
        assert windows_of([]) == []


HOURS = tariff(TOU, name="HOURS")
"""Its peak is five hours a day: all days but one, beside all days, would tell that day's peak."""


class TestBilledAlike:
    """m0 moved out before the last day. Of m1 the whole month is asked; m2 to m5 were not billed yet."""

    def asked(self, neighbors: str) -> Bills:
        last = Window(LAST_DAY - 1)
        moved = {"account": "next", "tenure_since": last}
        others: Any = {f"m{number}": {"tariff": neighbors} for number in range(2, 6)}
        known = (homes(tariff=HOURS, **others), homes(last, tariff=HOURS, m0=moved, **others))
        part, _ = segments_of(known, MAY.minutes)[MeterId("m0")]
        return bills(segment("m0", *part), segment("m1"), tariff=HOURS, rosters=known)

    def test_what_the_same_tariff_may_tell_of_them_counts_as_told(self) -> None:
        """Their month less its own would be the peak of one day."""
        refused(self.asked(HOURS.name), ShareTooLarge, "neighbors", Anytime(groups=[EVERYBODY]))

    def test_those_under_another_count_by_what_was_released(self) -> None:
        permit_bills(self.asked(BASIC.name), Anytime(groups=[EVERYBODY]), RULES)


class TestEnoughNeighbors:
    """k is 4: a bill hides among three others, each counted once, and nobody of another group."""

    few, enough = (frozenset(MeterId(f"m{number}") for number in range(size)) for size in (3, 4))

    @pytest.mark.parametrize("others", [BASIC.name, OTHER.name])
    def test_who_were_never_billed(self, others: str) -> None:
        every: Any = {f"m{number}": {"tariff": others} for number in range(1, 6)}
        asked = bills(segment("m0"), rosters=(homes(**every),))
        refused(asked, ShareTooLarge, "neighbors", Anytime(groups=[self.few]))
        permit_bills(asked, Anytime(groups=[self.enough]), RULES)

    @pytest.mark.parametrize("others", [BASIC, OTHER])
    def test_one_who_was_billed_before(self, others: Tariff) -> None:
        every: Any = {f"m{number}": {"tariff": others.name} for number in range(1, 6)}
        known = (homes(**every),)
        memory = Anytime()
        memory.grant(bills(segment("m1"), tariff=others, rosters=known))
        memory.groups = [self.few]
        refused(bills(segment("m0"), rosters=known), ShareTooLarge, "neighbors", memory)

    def test_those_of_another_group_do_not_count(self) -> None:
        memory = Anytime()
        memory.grant(bills(segment("m3"), segment("m4"), segment("m5")))
        memory.groups = [self.few]
        refused(bills(segment("m0")), ShareTooLarge, "neighbors", memory)
        memory.groups = [self.enough]
        memory.grant(bills(segment("m0")))


def total(*meters: str, beside: tuple[str, ...] = ()) -> Grant:
    """Everybody of `meters` was counted; `beside` are others of the cohort, who were not."""
    counted = [MeterId(meter) for meter in meters]
    return Grant(frozenset([*counted, *map(MeterId, beside)]), dict.fromkeys(counted, 0))


class TestTotals:
    """m0 is billed by E-TOU-D, the others by E-1: of a group of few, m0 would stand out."""

    def memory(self) -> Remembered:
        odd = homes(tariff=BASIC, m0={"tariff": OTHER.name})
        memory = Remembered()
        memory.grant(bills(segment("m0"), tariff=OTHER, rosters=(odd,)))
        for number in range(1, 6):
            memory.grant(bills(segment(f"m{number}"), rosters=(odd,)))
        return memory

    def test_of_few_who_do_not_hide_each_other_is_refused(self) -> None:
        memory, few = self.memory(), Day.of([total("m0", "m1", "m2")])
        with pytest.raises(ShareTooLarge):
            check_atoms(Channel.DELIVERED, LAST_DAY, few, memory, RULES)
        check_atoms(Channel.RECEIVED, LAST_DAY, few, memory, RULES)

    def test_without_bills_nothing_is_looked_at(self) -> None:
        check_atoms(Channel.DELIVERED, LAST_DAY, Day.of([total("m0")]), Remembered(), RULES)

    def test_a_group_that_was_granted_that_day_is_not_looked_at_again(self) -> None:
        memory = self.memory()
        memory.groups = [frozenset(map(MeterId, ("m0", "m1", "m2")))]
        check_atoms(Channel.DELIVERED, LAST_DAY, Day.of([total("m0", "m1", "m2")]), memory, RULES)
