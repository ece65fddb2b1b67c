"""The load model from outside: reproducible meter by meter, whole numbers that add up, plausible as a neighborhood."""

from collections.abc import Callable
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from bench.load_model import AUSGRID, coincidence, comparable_year, figures, real_year, year_of_use
from numpy.typing import NDArray

from wattseal.meter_sim.load.climate import Climate
from wattseal.meter_sim.load.draws import meter_keys
from wattseal.meter_sim.load.homes import Mix, traits
from wattseal.meter_sim.load_model import (
    LARGEST_QUARTER_HOUR_WH,
    simulate,
    simulate_behind,
    simulate_channels,
    simulate_gas,
)
from wattseal.protocol.ids import LAST_WINDOW

Reads = NDArray[np.int64]
Simulation = Callable[[int, list[int] | range, int], Reads]

WEDNESDAY, SATURDAY = 20_642, 20_645
SUMMER, WINTER = ((date(2026, month, 14) - date(1970, 1, 1)).days for month in (7, 1))
LARGEST_WORD = (1 << 64) - 1


def received(seed: int, meters: list[int] | range, day: int) -> Reads:
    return simulate_channels(seed, meters, day, 15)["received"]


simulations = pytest.mark.parametrize(
    "simulation",
    [
        lambda seed, meters, day: simulate(seed, meters, day, 15),
        received,
        lambda seed, meters, day: simulate_gas(seed, meters, day, 60),
    ],
    ids=["delivered", "received", "gas"],
)


@simulations
def test_a_meter_day_does_not_depend_on_who_else_is_asked(simulation: Simulation) -> None:
    fleet = simulation(7, range(1500), WEDNESDAY)
    assert np.array_equal(simulation(7, [1123], WEDNESDAY)[0], fleet[1123])
    assert np.array_equal(simulation(7, [499, 3, 3, 1499], WEDNESDAY), fleet[[499, 3, 3, 1499]])
    assert np.array_equal(simulation(7, range(1499, -1, -1), WEDNESDAY), fleet[::-1])


@simulations
def test_days_can_be_asked_in_any_order(simulation: Simulation) -> None:
    forward = [simulation(7, range(50), WEDNESDAY + day) for day in range(3)]
    backward = [simulation(7, range(50), WEDNESDAY + day) for day in (2, 1, 0)]
    assert np.array_equal(forward, backward[::-1])


def test_the_same_numbers_on_every_machine() -> None:
    assert simulate(1, [0], WEDNESDAY, 60).tolist() == [
        [169, 158, 171, 169, 164, 183, 165, 645, 177, 162, 171, 171, 164, 176, 166,
         161, 182, 160, 1085, 870, 739, 912, 318, 160]
    ]  # fmt: skip
    assert simulate_gas(1, [0], WINTER, 60).tolist() == [
        [122, 149, 148, 94, 127, 221, 162, 164, 121, 70, 44, 29, 13, 0, 0, 0, 0, 53, 133, 104, 112, 126, 210, 180]
    ]  # fmt: skip


@pytest.mark.parametrize("other", [(8, [1], WEDNESDAY), (7, [2], WEDNESDAY), (7, [1], WEDNESDAY + 1)])
def test_seed_meter_and_day_each_matter(other: tuple[int, list[int], int]) -> None:
    assert np.mean(simulate(7, [1], WEDNESDAY, 15) != simulate(*other, 15)) > 0.8


@pytest.mark.parametrize(
    ("seed", "meter", "day"), [(0, 0, 0), (LARGEST_WORD, LARGEST_WORD, LAST_WINDOW), (0, LARGEST_WORD, 0)]
)
def test_the_largest_and_the_smallest_of_everything(seed: int, meter: int, day: int) -> None:
    channels = simulate_channels(seed, [meter], day, 15)
    assert channels["delivered"].sum() + channels["received"].sum() > 0
    assert simulate_gas(seed, [meter], day, 1440).shape == (1, 1)


def test_neighboring_meters_and_seeds_are_no_more_alike_than_others() -> None:
    first, second = (_deviations(simulate_behind(seed, range(1_500), WEDNESDAY).load) for seed in (7, 8))
    anybody = (first @ second.T).mean()
    assert abs((first * second).sum(axis=1).mean() - anybody) < 0.02
    assert abs((first[1:] * first[:-1]).sum(axis=1).mean() - anybody) < 0.02


def _deviations(loads: Reads) -> NDArray[np.float64]:
    deviations = loads - loads.mean(axis=0)
    deviations -= deviations.mean(axis=1, keepdims=True)
    return np.asarray(deviations / np.linalg.norm(deviations, axis=1, keepdims=True))


@pytest.mark.parametrize("minutes", [30, 60])
def test_longer_intervals_are_sums_of_quarter_hours(minutes: int) -> None:
    quarters = simulate_channels(1, range(100), SATURDAY, 15)
    sums = {name: wh.reshape(100, -1, minutes // 15).sum(axis=2) for name, wh in quarters.items()}
    longer = simulate_channels(1, range(100), SATURDAY, minutes)
    assert sums.keys() == longer.keys() == {"delivered", "received"}
    assert all(np.array_equal(sums[name], longer[name]) for name in sums)
    assert np.array_equal(simulate(1, range(100), SATURDAY, minutes), longer["delivered"])


def test_a_day_of_gas_is_the_sum_of_its_hours() -> None:
    assert np.array_equal(
        simulate_gas(1, range(100), WINTER, 1440), simulate_gas(1, range(100), WINTER, 60).sum(axis=1, keepdims=True)
    )


@pytest.mark.parametrize("day", [WEDNESDAY, SUMMER, WINTER])
def test_solar_is_netted_in_each_quarter_hour(day: int) -> None:
    channels, behind = simulate_channels(3, range(2_000), day, 15), simulate_behind(3, range(2_000), day)
    assert np.array_equal(behind.load - behind.solar, channels["delivered"] - channels["received"])
    assert not np.any((channels["delivered"] > 0) & (channels["received"] > 0))
    assert channels["received"].any()


@pytest.mark.parametrize("day", [WEDNESDAY, SUMMER, WINTER])
def test_shape_type_and_limits(day: int) -> None:
    everything = Mix(**dict.fromkeys(Mix.__dataclass_fields__, 1.0) | {"businesses": 0.1})
    for wh in (*simulate_channels(3, range(5_000), day, 15, mix=everything).values(), simulate(3, range(9), day, 15)):
        assert wh.dtype == np.int64
        assert wh.shape[1] == 96
        assert wh.min() >= 0
        assert wh.max() <= LARGEST_QUARTER_HOUR_WH == 16_383
    gas = simulate_gas(3, range(5_000), day, 60)
    assert gas.dtype == np.int64
    assert gas.shape == (5_000, 24)
    assert gas.min() >= 0
    assert gas.max() < 20_000


def test_nobody_asked() -> None:
    assert simulate(3, [], WEDNESDAY, 15).shape == (0, 96)
    assert simulate_behind(3, [], WEDNESDAY).solar.shape == (0, 96)
    assert simulate_gas(3, [], WEDNESDAY, 60).shape == (0, 24)


@pytest.mark.parametrize("minutes", [0, 5, 45, 1440])
def test_other_intervals_are_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match="must be 15, 30 or 60"):
        simulate(1, [0], WEDNESDAY, minutes)


@pytest.mark.parametrize("minutes", [15, 30, 61])
def test_other_intervals_of_gas_are_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match="must be 60 or 1440"):
        simulate_gas(1, [0], WEDNESDAY, minutes)


def test_days_before_1970_are_refused() -> None:
    with pytest.raises(ValueError, match="day -1: must not be before 1970-01-01"):
        simulate(1, [0], -1, 15)


def test_daily_energy_is_that_of_households() -> None:
    """Means of 13 to 21 kWh, and one in a thousand days above 70; never above 150."""
    days = range(WEDNESDAY, WEDNESDAY + 360, 12)
    daily_kwh = np.stack([simulate_behind(3, range(2_000), day).load.sum(axis=1) for day in days]) / 1000
    assert (np.abs(daily_kwh.mean(axis=1) - 17) < 4).all()
    assert daily_kwh.mean() > 1.1 * np.median(daily_kwh), "it leans to the right"
    assert 0.3 < daily_kwh.min() < 3
    assert 50 < np.percentile(daily_kwh, 99.9) < 80
    assert daily_kwh.max() < 150


def test_evening_and_morning_peak_above_night_and_weekends_differ() -> None:
    homes = Mix(businesses=0, water_heaters=0, cars=0)
    workday, weekend = (
        simulate_behind(3, range(3_000), day, mix=homes).load.mean(axis=0) for day in (WEDNESDAY, SATURDAY)
    )
    assert workday[76:80].mean() > 2.5 * workday[12:16].mean()
    assert workday[29:33].mean() > 1.4 * workday[12:16].mean()
    assert weekend[44:52].mean() > 1.1 * workday[44:52].mean(), "more of them at home at noon"
    assert weekend[27:30].mean() < 0.9 * workday[27:30].mean(), "later up"


def test_no_day_is_flat() -> None:
    behind = simulate_behind(3, range(1_000), WEDNESDAY)
    assert (behind.load.std(axis=1) > 3).all()


def test_a_public_holiday_closes_businesses() -> None:
    shops, christmas = Mix(businesses=1), (date(2026, 12, 25) - date(1970, 1, 1)).days
    friday_wh, before_wh = (
        simulate_behind(3, range(500), day, mix=shops).load.sum() for day in (christmas, christmas - 7)
    )
    assert friday_wh < 0.7 * before_wh
    assert simulate_behind(3, range(500), christmas, Climate(holidays=frozenset()), shops).load.sum() > 1.4 * friday_wh


def test_coincidence_falls_with_the_size_of_a_group() -> None:
    """1 for one home, and about a third for a hundred, over four weeks or more."""
    homes = year_of_use(300, Climate(), Mix(businesses=0)).reshape(300, -1)
    factors = [coincidence(homes, size) for size in (1, 2, 5, 20, 100, 250)]
    assert factors[0] == 1
    assert all(larger < 0.97 * smaller for smaller, larger in pairwise(factors))
    assert 0.6 < factors[1] < 0.85
    assert 0.35 < factors[3] < 0.5
    assert 0.28 < factors[4] < 0.4


@pytest.mark.skipif(not AUSGRID.exists(), reason="needs the sample data")
def test_a_real_household_could_be_one_of_them() -> None:
    """Each figure of its year lies among those of nineteen in twenty simulated homes of its size."""
    simulated = np.array([figures(home) for home in comparable_year(1_000)])
    assert len(simulated) > 80
    low, high = np.percentile(simulated, [2.5, 97.5], axis=0)
    real = np.array(figures(real_year()))
    assert ((low < real) & (real < high)).all(), (low, real, high)


def test_gas_heats_in_winter_and_cooks_in_summer() -> None:
    winter, summer = (
        np.mean([simulate_gas(1, range(2_000), first + day, 60) for day in range(0, 28, 4)], axis=0)
        for first in (WINTER, SUMMER)
    )
    assert 2_000 < winter.sum(axis=1).mean() < 6_000
    assert winter.sum() > 4 * summer.sum()
    assert 200 < summer.sum(axis=1).mean() < 800
    assert summer.mean(axis=0)[[2, 3, 4]].max() < 0.1 * summer.mean(axis=0).max()


def test_nobody_there_uses_no_hot_water() -> None:
    """The vacant ones of a summer day burn nothing."""
    vacant = traits(meter_keys(1, range(2_000)), Mix()).kind == 4
    summer = simulate_gas(1, range(2_000), SUMMER, 1440)[:, 0]
    assert np.mean(summer[vacant] == 0) > 0.7
    assert np.mean(summer[~vacant] == 0) < 0.15
