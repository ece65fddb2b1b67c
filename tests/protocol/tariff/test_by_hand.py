"""Two bills worked out by hand: a season that changes inside the cycle, and a day of 23 hours with a holiday."""

from datetime import date
from fractions import Fraction

import numpy as np

from tests.protocol.tariff.samples import PACIFIC, cents, segment
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.bill import Customer, Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.plain import Reads, plain_bill
from wattseal.protocol.tariff.toml_file import packaged


def test_e_tou_c_from_the_20th_of_may_to_the_18th_of_june() -> None:
    """12 winter and 18 summer days; 2 kWh in each of the five peak hours, 0.5 kWh in each of the other nineteen.

    Winter peak 12 x 10 = 120 kWh, off-peak 12 x 9.5 = 114; summer peak 180, off-peak 171; together 585 kWh.
    Energy 120 x .39757 + 114 x .36757 + 180 x .52240 + 171 x .39940
         = 47.7084 + 41.90298 + 94.032 + 68.2974 = 251.94078.
    Baseline of territory X: 12 x 9.7 + 18 x 9.8 = 292.8 kWh, less than 585: credit 292.8 x .08140 = 23.83392.
    Base services charge 30 x .79343 = 23.8029; state surcharge 585 x .00030 = .1755.
    """
    cycle = Cycle(date(2026, 5, 20), date(2026, 6, 19), PACIFIC)
    part = segment(cycle)
    day = np.array([2000 if 16 <= hour < 21 else 500 for hour in range(24)], dtype=np.int64)
    # The segment begins at local midnight, and no clock changes in these days.
    bill = plain_bill(
        packaged("E-TOU-C"), cycle, [Reads(part, {Channel.DELIVERED: np.tile(day, 30)})], customer=Customer("X")
    )
    assert {line.name: line.dollars for line in bill.lines} == {
        "Energy": Fraction("251.94078"),
        "Baseline credit": Fraction("-23.83392"),
        "Base services charge": Fraction("23.8029"),
        "State surcharge": Fraction("0.1755"),
    }
    assert cents(bill) == {
        "Energy": 25194,
        "Baseline credit": -2383,
        "Base services charge": 2380,
        "State surcharge": 18,
    }
    assert bill.total_cents == 25209
    assert {item.period: int(wh) for item, wh in bill.energy.items()} == {
        "winter peak": 120_000,
        "winter off-peak": 114_000,
        "summer peak": 180_000,
        "summer off-peak": 171_000,
        "all": 585_000,
    }


def test_e_tou_c_for_a_care_customer() -> None:
    """As above: discount .35 x (251.94078 - 23.83392) = 79.837401; base services charge 30 x .19713 = 5.9139."""
    cycle = Cycle(date(2026, 5, 20), date(2026, 6, 19), PACIFIC)
    day = np.array([2000 if 16 <= hour < 21 else 500 for hour in range(24)], dtype=np.int64)
    reads = [Reads(segment(cycle), {Channel.DELIVERED: np.tile(day, 30)})]
    bill = plain_bill(packaged("E-TOU-C"), cycle, reads, customer=Customer("X", "CARE"))
    lines = {line.name: line.dollars for line in bill.lines}
    assert lines["CARE discount"] == Fraction("-79.837401")
    assert lines["Base services charge"] == Fraction("5.9139")
    assert "FERA discount" not in lines
    assert bill.total_cents == 25194 - 2383 - 7984 + 591 + 18


def test_e_tou_d_from_the_9th_of_february_to_the_10th_of_march() -> None:
    """30 days with Presidents Day (Monday 16 February) and the change to summer time (Sunday 8 March, 23 hours).

    22 weekdays, one of them the holiday: 9-13, 17-20, 23-27 February, 2-6 and 9-10 March are 21 peak days of 3 hours,
    63 peak hours. All hours: 30 x 24 - 1 = 719, so 656 off-peak. 1 kWh an hour.
    Energy 63 x .38747 + 656 x .34886 = 24.41061 + 228.85216 = 253.26277; in an amount the same, to the cent.
    """
    cycle = Cycle(date(2026, 2, 9), date(2026, 3, 11), PACIFIC)
    part = segment(cycle)
    assert part.intervals == 719
    reads = [Reads(part, {Channel.DELIVERED: np.full(719, 1000, dtype=np.int64)})]
    bill = plain_bill(packaged("E-TOU-D"), cycle, reads)
    assert [line.dollars for line in bill.lines] == [Fraction("253.26277"), Fraction("23.8029"), Fraction("0.2157")]
    amounts = plain_bill(packaged("E-TOU-D"), cycle, reads, Mode.AMOUNT)
    assert cents(amounts) == cents(bill) == {"Energy": 25326, "Base services charge": 2380, "State surcharge": 22}
    assert not amounts.energy


def test_the_day_of_25_hours_has_an_hour_more_of_off_peak() -> None:
    cycle = Cycle(date(2026, 10, 10), date(2026, 11, 9), PACIFIC)
    part = segment(cycle, interval_minutes=15)
    assert part.intervals == 30 * 96 + 4
    reads = [Reads(part, {Channel.DELIVERED: np.full(part.intervals, 250, dtype=np.int64)})]
    bill = plain_bill(packaged("E-ELEC"), cycle, reads)
    assert {item.period: int(wh) for item, wh in bill.energy.items()} == {
        "winter peak": 150_000,
        "winter part-peak": 120_000,
        "winter off-peak": 451_000,
        "all": 721_000,
    }
