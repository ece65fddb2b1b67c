"""Bills from plain reads against one added up read by read, on real calendars; and reads that do not fit."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.protocol.tariff.samples import ENERGY, EXPORT, MAY, PACIFIC, TOU, cents, reads, segment, steady, tariff
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.bill import Customer, Cycle
from wattseal.protocol.tariff.charges import Mode, SeriesCharge
from wattseal.protocol.tariff.plain import LARGEST_READ, Reads, plain_bill
from wattseal.protocol.tariff.toml_file import packaged

DELIVERED, RECEIVED = Channel.DELIVERED, Channel.RECEIVED
# Summer peak, part-peak, off-peak; winter the same: as published, in $/kWh.
PUBLISHED = {
    "E-1": (".40702 - .40702", ".40702 - .40702"),
    "E-TOU-C": (".52240 - .39940", ".39757 - .36757"),
    "E-TOU-D": (".47708 - .34212", ".38747 - .34886"),
    "E-ELEC": (".55214 .39026 .33358", ".32063 .29854 .28468"),
    "EV2-A": (".53809 .42760 .22558", ".41099 .39428 .22558"),
}
BASELINE = {"E-1": ".08141", "E-TOU-C": ".08140"}
HOLIDAYS_OF_2026 = {(1, 1), (2, 16), (5, 25), (7, 3), (9, 7), (11, 11), (11, 26), (12, 25)}


def which(name: str, clock: datetime) -> int:
    """0 peak, 1 part-peak, 2 off-peak."""
    if name == "E-1":
        return 2
    if name == "E-TOU-D":
        workday = clock.weekday() < 5 and (clock.month, clock.day) not in HOLIDAYS_OF_2026
        return 0 if workday and 17 <= clock.hour < 20 else 2
    if 16 <= clock.hour < 21:
        return 0
    return 1 if name in ("E-ELEC", "EV2-A") and (clock.hour == 15 or clock.hour >= 21) else 2


@settings(max_examples=40)
@given(
    name=st.sampled_from(sorted(PUBLISHED)),
    first=st.dates(date(2026, 1, 1), date(2026, 11, 25)),
    days=st.integers(27, 33),
    minutes=st.sampled_from([15, 30, 60]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_package_s_sheets_against_a_bill_added_up_read_by_read(
    name: str, first: date, days: int, minutes: int, seed: int
) -> None:
    cycle = Cycle(first, first + timedelta(days=days), PACIFIC)
    part = reads(segment(cycle, interval_minutes=minutes), seed, 300_000)
    energy, total = Fraction(0), 0
    for step, wh in enumerate(part.channels[DELIVERED].tolist()):
        clock = datetime.fromtimestamp((part.segment.start + step * minutes) * 60, ZoneInfo(PACIFIC))
        prices = PUBLISHED[name][0 if 6 <= clock.month <= 9 else 1].split()
        energy += Fraction(prices[which(name, clock)]) * wh / 1000
        total += wh
    expected = {
        "Energy": energy,
        "Base services charge": days * Fraction("0.79343"),
        "State surcharge": Fraction(total, 1000) * Fraction("0.0003"),
    }
    if name in BASELINE:
        # Territory T: 6.5 kWh a day in summer, 7.5 in winter.
        allowance = sum(Fraction("6.5" if 6 <= (first + timedelta(days=n)).month <= 9 else "7.5") for n in range(days))
        expected["Baseline credit"] = -Fraction(BASELINE[name]) * min(allowance, Fraction(total, 1000))
    customer = Customer("T" if name in BASELINE else None)
    bill = plain_bill(packaged(name), cycle, [part], customer=customer)
    assert {line.name: line.dollars for line in bill.lines} == expected
    modes = packaged(name).modes(Mode.AMOUNT)
    assert [line.cents for line in plain_bill(packaged(name), cycle, [part], modes, customer).lines] == [
        round(line.dollars * 100) for line in bill.lines
    ]


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_net_billing_with_a_price_for_each_hour(seed: int) -> None:
    part = segment(MAY, DELIVERED, RECEIVED, interval_minutes=15)
    rng = np.random.default_rng(seed)
    prices = {channel: tuple(rng.integers(-9_000, 90_000, 720).tolist()) for channel in part.channels}
    hourly = SeriesCharge(name="hourly", start=part.start, step_minutes=60, prices=(0,))
    charges = (hourly.model_copy(update={"name": c.value, "channel": c, "prices": prices[c]}) for c in part.channels)
    made = tariff(*charges)
    own = reads(part, seed)
    expected: dict[str, Fraction] = defaultdict(Fraction)
    for channel, values in own.channels.items():
        for step, wh in enumerate(values.tolist()):
            expected[channel.value] += Fraction(prices[channel][step // 4] * wh, 10**8)
    bill = plain_bill(made, MAY, [own], Mode.AMOUNT)
    assert cents(bill) == {name: round(value * 100) for name, value in expected.items()}


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (np.zeros(719, dtype=np.int64), r"'delivered' has shape \(719,\) of int64, not 720 int64"),
        (np.zeros((720, 1), dtype=np.int64), r"has shape \(720, 1\)"),
        (np.zeros(720), "of float64"),
        (np.full(720, -1), "not 0 to"),
        (np.full(720, LARGEST_READ + 1), "not 0 to"),
    ],
)
def test_reads_that_do_not_fit(values: NDArray[Any], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        plain_bill(tariff(ENERGY), MAY, [Reads(segment(), {DELIVERED: values})])


def test_a_channel_without_reads() -> None:
    part = segment(MAY, DELIVERED, RECEIVED)
    with pytest.raises(UsageError, match="reads: channel 'received' of the segment is missing"):
        plain_bill(tariff(TOU, EXPORT), MAY, [Reads(part, steady(segment()).channels)])


def test_the_largest_reads_and_prices_are_exact() -> None:
    dear = ENERGY.model_copy(update={"prices": (250_000,)})
    longest = Cycle(date(2026, 5, 1), date(2026, 6, 3), PACIFIC)
    part = segment(longest, interval_minutes=15)
    bill = plain_bill(tariff(dear), longest, [steady(part, LARGEST_READ)], Mode.AMOUNT)
    assert bill.total_cents == part.intervals * LARGEST_READ * 250_000 // 10**6
