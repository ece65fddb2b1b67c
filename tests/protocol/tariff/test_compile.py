from datetime import date
from decimal import Decimal, getcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.tariff.samples import (
    ENERGY,
    EXPORT,
    MAY,
    ONE_SEASON,
    PACIFIC,
    TOU,
    TWO_SEASONS,
    flat,
    peak,
    segment,
    tariff,
    tiered,
    tiers,
)
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import DemandCharge, EnergyCharge, Mode, SeriesCharge
from wattseal.protocol.tariff.compile import (
    NOISE_BOUND,
    Functional,
    Item,
    Register,
    compile_tariff,
    noise_bound,
    split,
)
from wattseal.protocol.tariff.toml_file import packaged

DELIVERED, RECEIVED = Channel.DELIVERED, Channel.RECEIVED
HOURS = segment().intervals
PEAK = np.array([int(16 <= hour % 24 < 21) for hour in range(HOURS)])


def series(**changes: object) -> SeriesCharge:
    fields: dict[str, object] = {
        "name": "Hourly",
        "start": segment().start,
        "step_minutes": 60,
        "prices": tuple(range(HOURS)),
    }
    return SeriesCharge.model_validate({**fields, **changes})


def test_an_amount_has_the_price_of_each_interval() -> None:
    (functional,) = compile_tariff(tariff(TOU), segment(), Mode.AMOUNT).functionals
    assert functional.item == Item(Mode.AMOUNT, DELIVERED, "Energy")
    assert functional.y.dtype == np.int64
    assert functional.weight == 1
    assert functional.y.tolist() == (30_000 + 20_000 * PEAK).tolist()


def test_determinants_are_zeros_and_ones_by_period_shared_by_charges_on_one_schedule() -> None:
    rider = EnergyCharge(name="Rider", schedule="tou", prices=(30, 30))
    compiled = compile_tariff(tariff(TOU, rider), segment(), Mode.DETERMINANTS)
    assert {f.item.period: f.y.tolist() for f in compiled.functionals} == {
        "off-peak": (1 - PEAK).tolist(),
        "peak": PEAK.tolist(),
    }


def test_each_charge_may_have_its_own_mode() -> None:
    both = tariff(TOU, tiered((9_000_000, 20_000), (None, 40_000)))
    compiled = compile_tariff(both, segment(), both.modes(Mode.AMOUNT))
    assert [f.item for f in compiled.functionals] == [
        Item(Mode.AMOUNT, DELIVERED, "Energy"),
        Item(Mode.DETERMINANTS, DELIVERED, "flat", "year"),
    ]
    assert compiled.functionals[1].y.tolist() == [1] * HOURS


def test_periods_without_the_charge_and_outside_the_segment_are_not_asked_for() -> None:
    summer = EnergyCharge(name="Summer only", schedule="flat", prices=(5, None))
    seasonal = tariff(summer, turns=TWO_SEASONS, schedules=(flat("summer", "winter"),))
    assert compile_tariff(seasonal, segment(), Mode.DETERMINANTS).functionals == ()
    assert compile_tariff(seasonal, segment(), Mode.AMOUNT).functionals == ()


def test_an_amount_of_zeros_is_not_asked_for() -> None:
    free = EnergyCharge(name="Free", schedule="flat", prices=(0,))
    assert compile_tariff(tariff(free), segment(), Mode.AMOUNT).functionals == ()


@pytest.mark.parametrize("mode", Mode)
def test_received_energy_has_functionals_of_its_own(mode: Mode) -> None:
    both = tariff(TOU, EXPORT)
    channels = {f.item.channel for f in compile_tariff(both, segment(MAY, DELIVERED, RECEIVED), mode).functionals}
    assert channels == {DELIVERED, RECEIVED}
    assert {f.item.channel for f in compile_tariff(both, segment(), mode).functionals} == {DELIVERED}
    (export,) = compile_tariff(both, segment(MAY, RECEIVED), Mode.AMOUNT).functionals
    assert export.y.tolist() == (-4_000 - 5_000 * PEAK).tolist()


def test_a_channel_that_the_tariff_knows_nothing_of_is_refused() -> None:
    with pytest.raises(UsageError, match="tariff T-1 has no charge on channel 'received'"):
        compile_tariff(tariff(TOU), segment(MAY, DELIVERED, RECEIVED), Mode.AMOUNT)


def test_a_charge_that_is_not_linear_names_the_mode_to_use() -> None:
    with pytest.raises(UsageError, match=r"'Tiers' is not linear in the reads: it needs mode 'determinants'"):
        compile_tariff(tariff(tiered((None, 1))), segment(), Mode.AMOUNT)
    with pytest.raises(UsageError, match=r"'Baseline credit' is not linear .* mode 'determinants'"):
        compile_tariff(packaged("E-TOU-C"), segment(), Mode.AMOUNT)


def test_a_series_has_too_many_prices_for_sums() -> None:
    with pytest.raises(UsageError, match=r"'Hourly' has a price for each step: it needs mode 'amount'"):
        compile_tariff(tariff(series()), segment(), Mode.DETERMINANTS)


def test_class_large_and_gas_are_billed_from_sums_only() -> None:
    with pytest.raises(UsageError, match="'Energy' is billed from sums only: it needs mode 'determinants'"):
        compile_tariff(tariff(TOU, customer_class="large"), segment(), Mode.AMOUNT)
    with pytest.raises(UsageError, match="'Energy' is billed from sums only: it needs mode 'determinants'"):
        compile_tariff(tariff(ENERGY, commodity="gas", schedules=(flat("year"),)), segment(), Mode.AMOUNT)


def test_a_charge_without_a_mode() -> None:
    with pytest.raises(UsageError, match="'Energy': no mode is given"):
        compile_tariff(tariff(TOU), segment(), {"Other": Mode.AMOUNT})


def test_gas_is_one_total_of_hours_or_of_local_days() -> None:
    gas = tariff(ENERGY, commodity="gas", schedules=(flat("year"),))
    spring = Cycle(date(2026, 2, 20), date(2026, 3, 20), PACIFIC)
    for minutes, count in ((60, 28 * 24 - 1), (1440, 28)):
        compiled = compile_tariff(gas, segment(spring, interval_minutes=minutes), Mode.DETERMINANTS)
        assert [(f.item.name, f.y.tolist()) for f in compiled.functionals] == [("total", [1] * count)]
    for commodity, minutes in (("gas", 15), ("electricity", 1440)):
        other = tariff(ENERGY, commodity=commodity, schedules=(flat("year"),))
        with pytest.raises(UsageError, match=f"no intervals of {minutes} minutes for {commodity}"):
            compile_tariff(other, segment(spring, interval_minutes=minutes), Mode.DETERMINANTS)


@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_prices_of_a_series_hold_for_the_intervals_of_their_step(minutes: int) -> None:
    part = segment(interval_minutes=minutes)
    earlier = series(start=part.start - 60, prices=(7, *range(1, HOURS + 1), 9))
    (functional,) = compile_tariff(tariff(earlier), part, Mode.AMOUNT).functionals
    assert functional.y.tolist() == [1 + step * minutes // 60 for step in range(part.intervals)]


@pytest.mark.parametrize("change", [{"start": segment().start + 60}, {"prices": tuple(range(HOURS - 1))}])
def test_a_series_that_does_not_cover_the_segment(change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="'Hourly': its prices do not cover the segment"):
        compile_tariff(tariff(series(**change)), segment(), Mode.AMOUNT)


def test_a_series_finer_than_the_reads() -> None:
    fine = series(step_minutes=30, prices=tuple(range(2 * HOURS)))
    with pytest.raises(UsageError, match="prices change inside an interval of 60 minutes"):
        compile_tariff(tariff(fine), segment(), Mode.AMOUNT)


def test_only_registers_with_a_price_in_the_segment_are_needed() -> None:
    demand = DemandCharge(
        name="Demand", schedule="tou", tiers=(tiers((None, 1))[0].model_copy(update={"prices": (0, 9)}),)
    )
    compiled = compile_tariff(tariff(TOU, demand, customer_class="large"), segment(), Mode.DETERMINANTS)
    assert {register: y.tolist() for register, y in compiled.registers.items()} == {
        Register("tou", "peak"): PEAK.tolist()
    }
    received = tariff(TOU, EXPORT, demand)
    assert compile_tariff(received, segment(MAY, RECEIVED), Mode.DETERMINANTS).registers == {}


@given(st.lists(st.integers(-250_000, 250_000), min_size=1, max_size=50))
def test_the_noise_bound_is_exact(values: list[int]) -> None:
    getcontext().prec = 60
    expected = Decimal("38.88") * Decimal(sum(v * v for v in values)).sqrt()
    assert noise_bound(np.array(values)) == expected.to_integral_value("ROUND_CEILING")


def test_vectors_beyond_the_noise_bound_are_split() -> None:
    longest = 33 * 96
    assert noise_bound(np.full(longest, 250_000)) > NOISE_BOUND
    assert len(split(np.full(longest, 245_000))) == 1
    y = np.where(np.arange(longest) % 2 == 0, 250_000, -249_999)
    parts = split(y)
    assert [weight for _, weight in parts] == [1024, 1]
    assert all(noise_bound(part) <= NOISE_BOUND for part, _ in parts)
    assert np.sum([part * weight for part, weight in parts], axis=0).tolist() == y.tolist()


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_every_amount_is_within_the_bounds_of_the_cryptosystem(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cycle = Cycle(date(2026, 3, 1), date(2026, 4, 3), PACIFIC)
    part = segment(cycle, interval_minutes=15)
    prices = rng.integers(-250_000, 250_001, part.intervals)
    prices[rng.random(part.intervals) < rng.random()] = 250_000
    dynamic = series(start=part.start, step_minutes=15, prices=tuple(prices.tolist()))
    found = compile_tariff(tariff(dynamic), part, Mode.AMOUNT).functionals
    assert all(np.abs(f.y).max() < 1 << 20 and noise_bound(f.y) <= NOISE_BOUND for f in found)
    assert np.sum([f.y * f.weight for f in found], axis=0).tolist() == prices.tolist()
    assert len({f.item for f in found}) == len(found)


@pytest.mark.parametrize(
    ("total", "weight", "unit", "cents"),
    [
        (500_000, 1, 1, 0),
        (1_500_000, 1, 1, 2),
        (2_500_000, 1, 1, 2),
        (-1_500_000, 1, 1, -2),
        (1_499_999, 1, 1, 1),
        (150_000, 1, 10, 2),
        (2_000, 1024, 1, 2),
        (10**18 + 500_001, 1, 1, 10**12 + 1),
    ],
)
def test_amounts_are_released_in_cents_with_halves_to_even(total: int, weight: int, unit: int, cents: int) -> None:
    compiled = compile_tariff(tariff(ENERGY), segment(read_unit=unit), Mode.AMOUNT)
    amount = Functional(Item(Mode.AMOUNT, DELIVERED, "Energy"), np.zeros(1, dtype=np.int64), weight)
    assert compiled.released(amount, total) == cents
    assert compiled.released(Functional(Item(Mode.DETERMINANTS, DELIVERED, "flat", "year"), amount.y), total) == total


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"interval_minutes": 45}, "interval_minutes is 15, 30, 60 or 1440, not 45"),
        ({"start": segment().start + 15}, "not beginnings of intervals"),
        ({"end": segment().end - 30}, "not beginnings of intervals"),
        ({"interval_minutes": 1440, "end": segment().end + 60}, "not beginnings of intervals"),
        ({"end": segment().start}, "in order"),
        ({"start": -60}, "in order"),
        ({"end": segment().start + 34 * 1440}, "at most 33 days"),
        ({"channels": ()}, "channels are sorted, each once, at least one"),
        ({"channels": (RECEIVED, DELIVERED)}, "channels are sorted"),
        ({"channels": (DELIVERED, DELIVERED)}, "channels are sorted"),
        ({"read_unit": 1000}, "read_unit is 1, 10 or 100, not 1000"),
        ({"interval_minutes": 1440, "timezone": "Mars"}, "neither an IANA name"),
    ],
)
def test_segments_that_are_none(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        segment(**change)


def test_compiling_depends_on_nothing_but_tariff_and_segment() -> None:
    sheet, part = packaged("EV2-A"), segment(interval_minutes=15)
    again = type(sheet).from_bytes(sheet.to_bytes())
    first, second = (compile_tariff(t, part, Mode.AMOUNT).functionals for t in (sheet, again))
    assert [(f.item, f.y.tolist()) for f in first] == [(f.item, f.y.tolist()) for f in second]


def test_schedules_of_one_season_serve_every_year() -> None:
    leap = Cycle(date(2028, 2, 1), date(2028, 3, 1), PACIFIC)
    (functional,) = compile_tariff(
        tariff(ENERGY, turns=ONE_SEASON, schedules=(flat("year"), peak("year"))), segment(leap), Mode.AMOUNT
    ).functionals
    assert functional.y.tolist() == [30_000] * (29 * 24)


def test_which_charges_a_result_is_for() -> None:
    """A sum is for every charge on its schedule that has a price in its period; an amount for one."""
    night = ENERGY.model_copy(update={"name": "Night", "schedule": "tou", "prices": (7, None)})
    named = tariff(TOU, night)
    by_sums = compile_tariff(named, segment(), Mode.DETERMINANTS)
    assert {functional.item.period: by_sums.charges_of(functional.item) for functional in by_sums.functionals} == {
        "off-peak": {"Energy", "Night"},
        "peak": {"Energy"},
    }
    mixed = compile_tariff(named, segment(), {"Energy": Mode.AMOUNT, "Night": Mode.DETERMINANTS})
    assert [mixed.charges_of(functional.item) for functional in mixed.functionals] == [{"Energy"}, {"Night"}]
    gas = tariff(ENERGY, commodity="gas", schedules=(flat("year"),))
    (total,) = (of_gas := compile_tariff(gas, segment(), Mode.DETERMINANTS)).functionals
    assert of_gas.charges_of(total.item) == {"Energy"}
