"""Parts of a cycle: cut at UTC days anywhere in the world, they share its local days among them."""

import itertools
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.protocol.tariff.samples import MAY, TOU, tariff, tiered
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.bill import Bill, Cycle
from wattseal.protocol.tariff.calendar import days_between, zone_of
from wattseal.protocol.tariff.charges import AnnualCharge, FixedCharge, Mode, PercentCharge
from wattseal.protocol.tariff.compile import Segment
from wattseal.protocol.tariff.plain import Reads, plain_bill
from wattseal.protocol.time import MINUTES_PER_DAY

ZONES = (
    "America/Los_Angeles",
    "UTC",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "America/St_Johns",
    "Pacific/Kiritimati",
    "+10:00",
)
FIXED = (
    FixedCharge(name="Daily", per="day", price=79_343),
    FixedCharge(name="Monthly", per="cycle", price=900_001),
    AnnualCharge(name="Credit", month=4, price=-58_230),
    PercentCharge(name="Tax", hundredths=725, of=("Daily", "Monthly")),
)


class Cut(NamedTuple):
    """A cycle, and the minutes of the parts that tile it."""

    cycle: Cycle
    parts: list[tuple[int, int]]


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    first = draw(st.dates(date(2025, 1, 1), date(2027, 12, 31)))
    cycle = Cycle(first, first + timedelta(days=draw(st.integers(27, 33))), draw(st.sampled_from(ZONES)))
    start, end = cycle.minutes
    midnights = range(-(-(start + 1) // MINUTES_PER_DAY), -(-end // MINUTES_PER_DAY))
    chosen = draw(st.sets(st.sampled_from(midnights), max_size=4))
    return Cut(cycle, list(itertools.pairwise([start, *(day * MINUTES_PER_DAY for day in sorted(chosen)), end])))


def by_noons(cycle: Cycle, part: tuple[int, int]) -> list[date]:
    """Days of the cycle whose noon is in the part, one after the other."""
    zone = zone_of(cycle.timezone)
    noons = {day: datetime.combine(day, time(12), zone) for day in days_between(cycle.first, cycle.after)}
    start, end = (datetime.fromtimestamp(60 * minute, UTC) for minute in part)
    return [day for day, noon in noons.items() if start <= noon < end]


@given(cuts())
def test_each_day_of_the_cycle_is_in_exactly_one_part(cut: Cut) -> None:
    cycle, days = cut.cycle, []
    for minutes in cut.parts:
        expected = by_noons(cycle, minutes)
        if not expected:
            with pytest.raises(UsageError, match="has no day's noon"):
                cycle.part(*minutes)
            continue
        part = cycle.part(*minutes)
        assert list(days_between(part.first, part.after)) == expected
        assert (part.minutes, part.length, part.timezone) == (minutes, cycle.length, cycle.timezone)
        days += expected
    assert days == list(days_between(cycle.first, cycle.after))


@given(cuts())
def test_a_cycle_in_one_part_is_itself(cut: Cut) -> None:
    assert cut.cycle.part(*cut.cycle.minutes) is cut.cycle


@pytest.mark.parametrize("shift", [(-1440, 0), (0, 1440), (20_000, -20_000 * 2)])
def test_a_part_lies_within_its_cycle(shift: tuple[int, int]) -> None:
    start, end = MAY.minutes
    with pytest.raises(UsageError, match="cycle of 2026-05-01: a part of it lies beyond it"):
        MAY.part(start + shift[0], end + shift[1])


def bill(cycle: Cycle, minutes: tuple[int, int]) -> Bill:
    """Of a load that depends on the minute alone, in hours of sunlight or not."""
    made = tariff(TOU, *FIXED, tiered((None, 30_000)))
    segment = Segment(*minutes, 15, cycle.timezone)
    wh = np.arange(minutes[0] // 15, minutes[1] // 15, dtype=np.int64) * 7919 % 4001
    return plain_bill(made, cycle, [Reads(segment, {Channel.DELIVERED: wh})], Mode.DETERMINANTS)


@given(cuts())
def test_bills_of_the_parts_add_up_to_that_of_the_cycle(cut: Cut) -> None:
    """Fixed charges and what rests on them to the last fraction of a cent, energy to the Wh: nothing is paid twice."""
    cycle = cut.cycle
    assume(all(by_noons(cycle, minutes) for minutes in cut.parts))
    whole, parts = bill(cycle, cycle.minutes), [bill(cycle.part(*minutes), minutes) for minutes in cut.parts]
    for place, line in enumerate(whole.lines):
        assert sum((part.lines[place].dollars for part in parts), Fraction(0)) == line.dollars, line.name
    for item, energy in whole.energy.items():
        assert sum((part.energy.get(item, Fraction(0)) for part in parts), Fraction(0)) == energy
