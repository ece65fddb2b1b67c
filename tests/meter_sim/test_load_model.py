"""The load model: reproducible meter by meter, and plausible as a household."""

import numpy as np
import pytest

from wattseal.meter_sim.load_model import LARGEST_QUARTER_HOUR_WH, simulate

WEDNESDAY, SATURDAY = 20_642, 20_645


def test_a_meter_day_does_not_depend_on_who_else_is_asked() -> None:
    fleet = simulate(7, range(500), WEDNESDAY, 15)
    assert np.array_equal(simulate(7, [123], WEDNESDAY, 15)[0], fleet[123])
    assert np.array_equal(simulate(7, [499, 3, 3], WEDNESDAY, 15), fleet[[499, 3, 3]])


@pytest.mark.parametrize("other", [(8, [1], WEDNESDAY), (7, [2], WEDNESDAY), (7, [1], WEDNESDAY + 1)])
def test_seed_meter_and_day_each_matter(other: tuple[int, list[int], int]) -> None:
    assert np.mean(simulate(7, [1], WEDNESDAY, 15) != simulate(*other, 15)) > 0.8


def test_neighboring_meters_days_and_seeds_are_uncorrelated() -> None:
    loads = [simulate(seed, range(300), day, 15) for seed in (7, 8) for day in (WEDNESDAY, WEDNESDAY + 1)]
    deviations = np.concatenate([load - load.mean(axis=0) for load in loads])
    deviations = deviations - deviations.mean(axis=1, keepdims=True)
    deviations = deviations / np.linalg.norm(deviations, axis=1, keepdims=True)
    correlation = deviations @ deviations.T - np.eye(len(deviations))
    assert abs(correlation.mean()) < 0.01
    same_meter_next_day = (deviations[:300] * deviations[300:600]).sum(axis=1)
    assert same_meter_next_day.max() < 0.9


@pytest.mark.parametrize("minutes", [30, 60])
def test_longer_intervals_are_sums_of_quarter_hours(minutes: int) -> None:
    quarters = simulate(1, range(20), SATURDAY, 15)
    assert np.array_equal(
        simulate(1, range(20), SATURDAY, minutes), quarters.reshape(20, -1, minutes // 15).sum(axis=2)
    )


def test_shape_type_and_limits() -> None:
    wh = simulate(3, range(5_000), WEDNESDAY, 15)
    assert wh.shape == (5_000, 96)
    assert wh.dtype == np.int64
    assert wh.min() >= 0
    assert wh.max() <= LARGEST_QUARTER_HOUR_WH == 16_383
    assert simulate(3, [], WEDNESDAY, 15).shape == (0, 96)


def test_daily_energy_is_that_of_households() -> None:
    daily_kwh = simulate(3, range(5_000), WEDNESDAY, 60).sum(axis=1) / 1000
    assert 12 < daily_kwh.mean() < 20
    assert daily_kwh.mean() > 1.05 * np.median(daily_kwh), "a lognormal leans to the right"
    assert 2 < daily_kwh.min() < 6
    assert 30 < daily_kwh.max() < 120


def test_evening_and_morning_peak_above_night_and_weekends_differ() -> None:
    workday = simulate(3, range(2_000), WEDNESDAY, 60).mean(axis=0)
    weekend = simulate(3, range(2_000), SATURDAY, 60).mean(axis=0)
    assert workday[19] > 2.5 * workday[3]
    assert workday[7] > 1.5 * workday[3]
    assert weekend[13] > 1.3 * workday[13]


def test_no_day_is_flat() -> None:
    assert (simulate(3, range(1_000), WEDNESDAY, 15).std(axis=1) > 20).all()


@pytest.mark.parametrize("minutes", [0, 5, 45, 1440])
def test_other_intervals_are_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match="must be 15, 30 or 60"):
        simulate(1, [0], WEDNESDAY, minutes)
