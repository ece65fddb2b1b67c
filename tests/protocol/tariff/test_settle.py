import itertools
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.tariff.samples import (
    ENERGY,
    EXPORT,
    MAY,
    PACIFIC,
    TOU,
    TWO_SEASONS,
    cents,
    flat,
    reads,
    segment,
    steady,
    tariff,
    tiered,
    tiers,
)
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.bill import Cancelled, Customer, Cycle, Outcome
from wattseal.protocol.tariff.charges import (
    AnnualCharge,
    Charge,
    DemandCharge,
    EnergyCharge,
    FixedCharge,
    MinimumCharge,
    Mode,
    PercentCharge,
    ProgramPrice,
    Tier,
    TieredCharge,
)
from wattseal.protocol.tariff.compile import Item, Register, compile_tariff
from wattseal.protocol.tariff.model import Allowance, Tariff
from wattseal.protocol.tariff.plain import Reads, plain_bill, plain_outcome
from wattseal.protocol.tariff.settle import climb, settle

DELIVERED, RECEIVED = Channel.DELIVERED, Channel.RECEIVED
KWH_OF_MAY = MAY.days * 24
JUNE = Cycle(date(2026, 5, 22), date(2026, 6, 21), PACIFIC)
"""10 days of winter, 20 of summer."""


def dollars(made: Tariff, cycle: Cycle = MAY, **options: Any) -> dict[str, Fraction]:  # noqa: ANN401 - any option
    """Of 1 kWh in each hour."""
    bill = plain_bill(made, cycle, [steady(segment(cycle))], **options)
    return {line.name: line.dollars for line in bill.lines}


def seasonal(*charges: Charge, **changes: Any) -> Tariff:  # noqa: ANN401 - any field's value
    return tariff(*charges, **{"turns": TWO_SEASONS, "schedules": (flat("summer", "winter"),), **changes})


@given(
    st.integers(0, 10_000),
    st.lists(st.integers(1, 9_000), max_size=5, unique=True).map(sorted),
)
def test_tiers_hold_all_of_the_quantity_and_no_more_than_their_own(quantity: int, limits: list[int]) -> None:
    shares = climb(Fraction(quantity), [*map(Fraction, limits), None])
    naive = [
        sum(1 for unit in range(quantity) if low <= unit < high)
        for low, high in zip([0, *limits], [*limits, quantity + 1], strict=True)
    ]
    assert shares == naive


def test_tiers_of_the_cycle_and_of_its_days() -> None:
    ladder = ((100_000, 20_000), (300_000, 30_000), (None, 40_000))
    expected = 100 * Fraction("0.2") + 200 * Fraction("0.3") + (KWH_OF_MAY - 300) * Fraction("0.4")
    assert dollars(tariff(tiered(*ladder)))["Tiers"] == expected
    daily = ((10_000, 20_000), (None, 40_000))
    expected = 300 * Fraction("0.2") + (KWH_OF_MAY - 300) * Fraction("0.4")
    assert dollars(tariff(tiered(*daily, per="day")))["Tiers"] == expected


def test_each_period_has_its_share_of_a_tier() -> None:
    """5/24 of each tier is peak."""
    both = (Tier(limit=240_000, prices=(10_000, 20_000)), Tier(limit=None, prices=(30_000, 60_000)))
    charge = TieredCharge(name="Tiers", schedule="tou", per="cycle", tiers=both)
    expected = 190 * Fraction("0.1") + 50 * Fraction("0.2") + 380 * Fraction("0.3") + 100 * Fraction("0.6")
    assert dollars(tariff(charge)) == {"Tiers": expected}


def test_tiers_count_the_energy_of_their_own_periods_only() -> None:
    both = (Tier(limit=100_000, prices=(None, 20_000)), Tier(limit=None, prices=(None, 60_000)))
    charge = TieredCharge(name="Tiers", schedule="tou", per="cycle", tiers=both)
    assert dollars(tariff(charge))["Tiers"] == 100 * Fraction("0.2") + 50 * Fraction("0.6")


def test_tiers_of_no_energy_cost_nothing() -> None:
    bill = plain_bill(tariff(tiered((1, 20_000), (None, 30_000))), MAY, [steady(segment(), 0)])
    assert cents(bill) == {"Tiers": 0}


def test_the_baseline_allowance_follows_the_days_of_each_season() -> None:
    made = seasonal(
        tiered((100, -8_000), (None, 0), per="baseline", schedule="all"),
        schedules=(two_season_flat(),),
        baseline=(
            Allowance(territory="P", per_day=(13_500, 11_000)),
            Allowance(territory="Q", per_day=(99_000, 99_000)),
        ),
    )
    allowance = 10 * 11 + 20 * Fraction("13.5")
    assert dollars(made, JUNE, customer=Customer("P"))["Tiers"] == -allowance * Fraction("0.08")
    assert dollars(made, JUNE, customer=Customer("Q"))["Tiers"] == -720 * Fraction("0.08")
    for territory in (None, "R"):
        with pytest.raises(UsageError, match=f"territory is one of P, Q, not {territory}"):
            dollars(made, JUNE, customer=Customer(territory))


def two_season_flat() -> Any:  # noqa: ANN401 - a schedule with one period in both seasons
    rows = flat("summer", "winter", name="all").rows
    return flat("summer", name="all").model_copy(
        update={"rows": tuple(r.model_copy(update={"runs": ((0, 0),)}) for r in rows)}
    )


def test_demand_is_the_largest_power_by_tiers() -> None:
    values = np.full(KWH_OF_MAY, 1000)
    values[100] = 7_500
    charge = DemandCharge(name="Demand", schedule="flat", tiers=tiers((5_000, 1_000_000), (None, 300_000)))
    bill = plain_bill(tariff(ENERGY, charge), MAY, [Reads(segment(), {DELIVERED: values})])
    assert bill.lines[1].dollars == 5 * 10 + Fraction("2.5") * 3


@pytest.mark.parametrize(("minutes", "watts"), [(15, 4_000), (30, 2_000), (60, 1_000)])
def test_power_is_energy_by_the_length_of_the_interval(minutes: int, watts: int) -> None:
    charge = DemandCharge(name="Demand", schedule="flat", tiers=tiers((None, 100_000)))
    part = segment(interval_minutes=minutes, read_unit=10)
    compiled = compile_tariff(tariff(ENERGY, charge), part, Mode.DETERMINANTS)
    outcome = plain_outcome(compiled, steady(part, 100).channels)
    assert outcome.registers == {Register("flat", "year"): watts}


def test_demand_of_two_seasons_is_prorated_by_their_days() -> None:
    charge = DemandCharge(name="Demand", schedule="flat", tiers=(Tier(limit=None, prices=(3_000_000, 600_000)),))
    energy = EnergyCharge(name="Energy", schedule="flat", prices=(0, 0))
    assert dollars(seasonal(energy, charge), JUNE)["Demand"] == 30 * Fraction(20, 30) + 6 * Fraction(10, 30)


def test_demand_is_the_largest_of_the_segments_and_none_may_be_missing() -> None:
    charge = DemandCharge(name="Demand", schedule="flat", tiers=tiers((None, 100_000)))
    made = tariff(ENERGY, charge)
    middle = MAY.minutes[0] + 7 * 1440
    parts = [segment(end=middle), segment(start=middle)]
    outcomes = [
        plain_outcome(compile_tariff(made, p, Mode.DETERMINANTS), steady(p, wh).channels)
        for p, wh in zip(parts, (3_000, 2_000), strict=True)
    ]
    bill = settle(made, MAY, outcomes)
    assert bill.lines[1].dollars == 3
    assert bill.demand == {Register("flat", "year"): 3_000}
    bare = Outcome(outcomes[1].compiled, outcomes[1].results)
    with pytest.raises(UsageError, match="registers: demand in 'year' of schedule 'flat' is missing"):
        settle(made, MAY, [outcomes[0], bare])


def test_fixed_charges_by_day_and_by_cycle() -> None:
    daily = FixedCharge(name="Daily", per="day", price=79_343)
    monthly = FixedCharge(name="Monthly", per="cycle", price=1_000_000)
    assert dollars(tariff(ENERGY, daily, monthly)) == {
        "Energy": KWH_OF_MAY * Fraction("0.3"),
        "Daily": 30 * Fraction("0.79343"),
        "Monthly": 10,
    }


def test_a_customer_who_moved_in_pays_by_the_days_of_the_whole_cycle() -> None:
    moved = Cycle(date(2026, 5, 21), date(2026, 5, 31), PACIFIC, whole_days=30)
    charges = (
        FixedCharge(name="Daily", per="day", price=100_000),
        FixedCharge(name="Monthly", per="cycle", price=900_000),
        DemandCharge(name="Demand", schedule="flat", tiers=tiers((None, 300_000))),
        tiered((120_000, 20_000), (None, 30_000)),
    )
    assert dollars(tariff(*charges), moved) == {
        "Daily": 10,
        "Monthly": 3,
        "Demand": 1,
        "Tiers": 40 * Fraction("0.2") + 200 * Fraction("0.3"),
    }


def test_programs_have_prices_and_discounts_of_their_own() -> None:
    base = FixedCharge(name="Base", per="cycle", price=100_000, programs=(ProgramPrice(program="CARE", price=25_000),))
    care = PercentCharge(name="CARE discount", hundredths=-3500, of=("Energy",), program="CARE")
    tax = PercentCharge(name="Tax", hundredths=250, of=("Energy", "CARE discount", "Base"))
    made = tariff(EnergyCharge(name="Energy", schedule="flat", prices=(12_500,)), care, base, tax, programs=("CARE",))
    energy = Fraction(KWH_OF_MAY, 8)
    assert dollars(made) == {"Energy": energy, "Base": 1, "Tax": Fraction(1, 40) * (energy + 1)}
    discount = Fraction(-35, 100) * energy
    assert dollars(made, customer=Customer(program="CARE")) == {
        "Energy": energy,
        "CARE discount": discount,
        "Base": Fraction(1, 4),
        "Tax": Fraction(1, 40) * (energy + discount + Fraction(1, 4)),
    }
    with pytest.raises(UsageError, match="tariff T-1 has no program 'FERA'"):
        dollars(made, customer=Customer(program="FERA"))


@pytest.mark.parametrize(("price", "missing"), [(50_000_000, 284), (21_600_000, 0), (1, 0)])
def test_a_minimum_bill_adds_what_is_missing(price: int, missing: int) -> None:
    charge = MinimumCharge(name="Minimum", per="cycle", price=price, of=("Energy",))
    assert dollars(tariff(ENERGY, charge))["Minimum"] == missing


def test_a_minimum_of_nothing_caps_credits() -> None:
    part = segment(MAY, DELIVERED, RECEIVED)
    made = tariff(EXPORT, ENERGY, MinimumCharge(name="Cap", per="cycle", price=0, of=("Energy", "Export")))
    exported = Reads(
        part, {DELIVERED: np.zeros(part.intervals, dtype=np.int64), RECEIVED: np.full(part.intervals, 1000)}
    )
    bill = plain_bill(made, MAY, [exported])
    assert cents(bill) == {"Export": -(570 * 4 + 150 * 9), "Energy": 0, "Cap": 570 * 4 + 150 * 9}
    assert bill.total_cents == 0


def test_a_climate_credit_is_on_the_bill_with_the_first_of_its_month() -> None:
    made = tariff(ENERGY, AnnualCharge(name="Climate credit", month=4, price=-5_823_000))
    days = [date(2026, 2, 17), date(2026, 3, 18), date(2026, 4, 17), date(2026, 5, 17)]
    cycles = [Cycle(a, b, PACIFIC) for a, b in itertools.pairwise(days)]
    assert [dollars(made, cycle)["Climate credit"] for cycle in cycles] == [0, Fraction("-58.23"), 0]


def test_gas_is_prorated_by_days_and_priced_by_the_therm() -> None:
    made = seasonal(EnergyCharge(name="Gas", schedule="flat", prices=(210_000, 230_000)), commodity="gas")
    litres = np.array([2832] * 30)
    part = segment(JUNE, interval_minutes=1440)
    bill = plain_bill(made, JUNE, [Reads(part, {DELIVERED: litres})], therms_per_ccf=Decimal("1.036"))
    therms = Fraction(2832 * 30) / Fraction("2831.6846592") * Fraction("1.036")
    assert bill.lines[0].dollars == therms * (Fraction(20, 30) * Fraction("2.1") + Fraction(10, 30) * Fraction("2.3"))
    assert bill.energy == {Item(Mode.DETERMINANTS, DELIVERED, "total"): therms * 1000}


def test_gas_tiers_are_in_therms() -> None:
    gas = tariff(tiered((600, 100_000), (None, 200_000), per="day"), commodity="gas", schedules=(flat("year"),))
    part = segment(interval_minutes=1440)
    factor = Fraction("2831.6846592")
    bill = plain_bill(gas, MAY, [steady(part, 2832)], therms_per_ccf=Decimal(1))
    assert bill.lines[0].dollars == 18 + 2 * (30 * 2832 / factor - 18)


@pytest.mark.parametrize("factor", [None, Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_gas_needs_its_therm_factor(factor: Decimal | None) -> None:
    gas = tariff(ENERGY, commodity="gas", schedules=(flat("year"),))
    with pytest.raises(UsageError, match="therms_per_ccf"):
        plain_bill(gas, MAY, [steady(segment())], therms_per_ccf=factor)


@given(seed=st.integers(0, 2**32 - 1), cuts=st.sets(st.integers(1, KWH_OF_MAY - 1), max_size=3))
def test_a_bill_is_the_sum_of_its_segments(seed: int, cuts: set[int]) -> None:
    made = tariff(
        TOU,
        EXPORT,
        tiered((90_000, 1), (None, 9)),
        DemandCharge(name="D", schedule="tou", tiers=(Tier(limit=None, prices=(7, 9)),)),
    )
    whole = reads(segment(MAY, DELIVERED, RECEIVED), seed)
    edges = [0, *sorted(cuts), KWH_OF_MAY]
    parts = [
        Reads(
            segment(MAY, DELIVERED, RECEIVED, start=MAY.minutes[0] + a * 60, end=MAY.minutes[0] + b * 60),
            {channel: values[a:b] for channel, values in whole.channels.items()},
        )
        for a, b in itertools.pairwise(edges)
    ]
    one, many = plain_bill(made, MAY, [whole]), plain_bill(made, MAY, parts[::-1])
    assert (one.lines, one.energy) == (many.lines, many.energy)


def test_channels_may_come_in_segments_of_their_own_and_modes_may_differ() -> None:
    made = tariff(TOU, EXPORT)
    whole = reads(segment(MAY, DELIVERED, RECEIVED))
    delivered = plain_outcome(compile_tariff(made, segment(), Mode.DETERMINANTS), whole.channels)
    received = plain_outcome(compile_tariff(made, segment(MAY, RECEIVED), Mode.AMOUNT), whole.channels)
    together = plain_bill(made, MAY, [whole])
    assert cents(settle(made, MAY, [received, delivered])) == cents(together)


def test_a_schedule_may_have_the_name_of_a_charge() -> None:
    """Sums of the schedule are no cents of the charge."""
    energy = ENERGY.model_copy(update={"schedule": "Energy"})
    made = tariff(energy, tiered((None, 10_000), schedule="Energy"), schedules=(flat("year", name="Energy"),))
    bill = plain_bill(made, MAY, [steady(segment())], made.modes(Mode.AMOUNT))
    assert cents(bill) == {"Energy": 30 * KWH_OF_MAY, "Tiers": 10 * KWH_OF_MAY}


@pytest.mark.parametrize(
    "hours",
    [[(0, 719)], [(1, 720)], [(0, 300), (301, 720)], [(0, 301), (300, 720)], [(0, 720), (0, 720)], []],
    ids=str,
)
def test_missing_and_repeated_days_are_refused(hours: Sequence[tuple[int, int]]) -> None:
    first = MAY.minutes[0]
    parts = [segment(start=first + a * 60, end=first + b * 60) for a, b in hours]
    with pytest.raises(
        UsageError, match=r"cycle of 2026-05-01: segments of 'delivered' do not fit together at day \d+"
    ):
        plain_bill(tariff(ENERGY), MAY, [steady(part) for part in parts])


def test_a_channel_that_is_there_for_half_of_the_cycle_is_refused() -> None:
    middle = MAY.minutes[0] + 7 * 1440
    parts = [segment(MAY, DELIVERED, RECEIVED, end=middle), segment(start=middle)]
    with pytest.raises(UsageError, match="segments of 'received' do not fit together at day 8"):
        plain_bill(tariff(TOU, EXPORT), MAY, [steady(part) for part in parts])


def test_results_that_are_missing_or_were_not_asked_for() -> None:
    made = tariff(TOU)
    outcome = plain_outcome(compile_tariff(made, segment(), Mode.DETERMINANTS), steady(segment()).channels)
    less = {item: value for item, value in outcome.results.items() if item.period != "peak"}
    more = {**outcome.results, Item(Mode.AMOUNT, DELIVERED, "Rider"): 1}
    for results, fault in ((less, "delivered tou peak' is missing"), (more, "delivered Rider' was not asked for")):
        with pytest.raises(UsageError, match=fault):
            settle(made, MAY, [Outcome(outcome.compiled, results)])


def test_segments_of_another_tariff_or_time_zone() -> None:
    outcome = plain_outcome(compile_tariff(tariff(TOU), segment(), Mode.AMOUNT), steady(segment()).channels)
    with pytest.raises(UsageError, match="compiled from another tariff than T-1 2026-06-01"):
        settle(tariff(TOU, revision="2026-06-01"), MAY, [outcome])
    with pytest.raises(UsageError, match="its time zone is America/Los_Angeles, the cycle's -07:00"):
        settle(tariff(TOU), Cycle(MAY.first, MAY.after, "-07:00"), [outcome])


@pytest.mark.parametrize(
    ("days", "whole", "fault"),
    [
        (26, None, "26 days are not 27 to 33"),
        (34, None, "34 days"),
        (0, 30, "0 days are not 1 to 30"),
        (31, 30, "31 days"),
    ],
)
def test_cycles_that_are_none(days: int, whole: int | None, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        Cycle(MAY.first, date.fromordinal(MAY.first.toordinal() + days), PACIFIC, whole)


def test_estimated_segments_are_marked() -> None:
    made, middle = tariff(ENERGY), MAY.minutes[0] + 7 * 1440
    parts = [segment(end=middle), segment(start=middle)]
    measured, other = (plain_outcome(compile_tariff(made, p, Mode.DETERMINANTS), steady(p).channels) for p in parts)
    estimated = Outcome(other.compiled, other.results, estimated=True)
    assert settle(made, MAY, [measured, estimated]).estimated == ((middle, MAY.minutes[1]),)
    assert settle(made, MAY, [measured, other]).estimated == ()


def test_a_rebill_is_due_less_what_it_cancels() -> None:
    old = plain_bill(tariff(ENERGY), MAY, [steady(segment(), 2000)])
    cancels = Cancelled(bytes(32), bytes(32), old.total_cents)
    new = plain_bill(tariff(ENERGY), MAY, [steady(segment(), 1000)], cancels=cancels)
    assert (old.due_cents, new.total_cents, new.due_cents) == (43_200, 21_600, -21_600)
    assert new.cancels == cancels


def test_every_line_is_rounded_and_the_total_is_what_is_printed() -> None:
    half = FixedCharge(name="a", per="cycle", price=500)
    up = FixedCharge(name="b", per="cycle", price=1_500)
    down = FixedCharge(name="c", per="cycle", price=-501)
    bill = plain_bill(tariff(ENERGY, half, up, down), MAY, [steady(segment(), 0)])
    assert (cents(bill), bill.total_cents) == ({"Energy": 0, "a": 0, "b": 2, "c": -1}, 1)


def test_units_of_reads_are_taken_into_account() -> None:
    made = tariff(TOU, tiered((100_000, 20_000), (None, 30_000)))
    plain = plain_bill(made, MAY, [steady(segment(), 1000)])
    assert plain_bill(made, MAY, [steady(segment(read_unit=100), 10)]).lines == plain.lines


def test_a_bill_names_its_tariff() -> None:
    made = tariff(ENERGY)
    bill = plain_bill(made, MAY, [steady(segment())])
    assert (bill.tariff, bill.revision, bill.tariff_digest, bill.cycle) == ("T-1", "2026-03-01", made.digest(), MAY)
