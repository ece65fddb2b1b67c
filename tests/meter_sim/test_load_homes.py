"""What homes own and what it does to their load: each thing by itself, with everything else as it was."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from wattseal.meter_sim.load.archetypes import HOMES
from wattseal.meter_sim.load.climate import Climate, weather
from wattseal.meter_sim.load.draws import meter_keys
from wattseal.meter_sim.load.homes import Mix, traits
from wattseal.meter_sim.load_model import simulate_behind

Wh = NDArray[np.int64]
Shares = dict[str, float]

BARE = Mix(**dict.fromkeys(Mix.__dataclass_fields__, 0.0))
METERS = range(600)
JANUARY, JULY = ((date(2026, month, 10) - date(1970, 1, 1)).days for month in (1, 7))
DESERT = Climate(mean_c=26, swing_c=9)
NORTH = Climate(mean_c=6, swing_c=9, latitude=55)


def use(mix: Mix, day: int, climate: Climate) -> Wh:
    return simulate_behind(5, METERS, day, climate, mix).load


def added(shares: Shares, day: int = JULY, climate: Climate = DESERT) -> Wh:
    """What owning more changes, in Wh of each quarter hour; rounding may take or give one."""
    return use(replace(BARE, **shares), day, climate) - use(BARE, day, climate)


def test_shares_are_kept_and_independent() -> None:
    mix = Mix(businesses=0, solar=0.3, cars=0.2, dryers=0.5)
    owned = traits(meter_keys(5, range(20_000)), mix)
    flags = np.array([owned.panels.watts > 0, owned.charger_w > 0, owned.dryer])
    assert np.allclose(flags.mean(axis=1), [0.3, 0.2, 0.5], atol=0.015)
    assert np.abs(np.corrcoef(flags) - np.eye(3)).max() < 0.03
    kinds = np.bincount(owned.kind, minlength=len(HOMES)) / 20_000
    assert np.allclose(kinds, [home.share for home in HOMES], atol=0.015)


def test_a_larger_share_takes_nothing_from_anybody() -> None:
    few, many = (traits(meter_keys(5, METERS), Mix(cars=share)) for share in (0.1, 0.4))
    assert np.array_equal(many.charger_w[few.charger_w > 0], few.charger_w[few.charger_w > 0])
    assert np.array_equal(few.size, many.size)


def test_businesses_own_nothing_of_a_home() -> None:
    shops = traits(meter_keys(5, METERS), Mix(**dict.fromkeys(Mix.__dataclass_fields__, 1.0)))
    assert not shops.people.any()
    assert not any(part.any() for part in (shops.charger_w, shops.water_w, shops.pump_w, shops.cooker, shops.dryer))


def test_panels_change_nothing_but_the_sun() -> None:
    without, panels = (simulate_behind(5, METERS, JULY, mix=replace(BARE, solar=share)) for share in (0, 1))
    assert np.array_equal(without.load, panels.load)
    assert not without.solar.any()
    assert panels.solar[:, 30:60].any(axis=1).all()
    assert not panels.solar[:, :12].any()
    rated = traits(meter_keys(5, METERS), replace(BARE, solar=1)).panels.watts
    assert (panels.solar.max(axis=1) <= rated / 4 + 1).all()


def test_clear_days_give_more_than_covered_ones() -> None:
    days = sorted(range(JULY - 30, JULY + 30), key=lambda day: weather(5, Climate(), day).cloud)
    clear, covered = (
        np.sum([simulate_behind(5, METERS, day, mix=Mix(solar=1)).solar.sum() for day in some])
        for some in (days[:5], days[-5:])
    )
    assert clear > 1.7 * covered


def test_cars_charge_at_their_charger_s_power_past_midnight() -> None:
    shares = {"cars": 1.0}
    both = np.hstack([added(shares, day) for day in (JULY, JULY + 1)])
    owned = traits(meter_keys(5, METERS), replace(BARE, cars=1))
    assert (both >= -1).all()
    assert (both <= owned.charger_w[:, None] / 4 + 1).all()
    assert set(owned.charger_w.tolist()) == {3700.0, 7400.0, 11000.0}
    full = np.abs(both - owned.charger_w[:, None] / 4) <= 1
    assert np.mean(full[:, 95] & full[:, 96]) > 0.02, "some are still charging when the day ends"
    partial = (both > 1) & ~full
    assert (partial.sum(axis=1) <= 6).all(), "at most three charges reach into these days; each has two ends"
    a_day_kwh = both.sum(axis=1) / 2000
    assert 4 < a_day_kwh.mean() < 9
    assert a_day_kwh.max() < 46


def test_a_second_car_adds_to_the_first() -> None:
    one, two = added({"cars": 1.0}), added({"cars": 1.0, "second_cars": 1.0})
    assert (two - one >= -1).all()
    assert 1.4 < two.sum() / one.sum() < 2.1


def test_air_conditioning_runs_on_hot_days_only() -> None:
    hot, cold = added({"cooling": 1.0}, JULY, DESERT), added({"cooling": 1.0}, JANUARY, NORTH)
    assert not cold.any()
    assert hot.min() >= -1
    assert 5_000 < hot.sum(axis=1).mean() < 40_000
    assert hot[:, 60:76].mean() > 1.5 * hot[:, 20:28].mean(), "the afternoon"


def test_air_conditioning_goes_on_and_off() -> None:
    """A thermostat's unit runs or not; more often when it is hotter."""
    watts = traits(meter_keys(5, METERS), replace(BARE, cooling=1)).unit.watts[:, None]
    shares = []
    for mean_c in (16, 20, 24):
        extra = added({"cooling": 1.0}, JULY, Climate(mean_c=mean_c))
        running = np.abs(extra - watts / 4) <= 1
        assert (running | (np.abs(extra) <= 1)).all()
        shares.append(running.mean())
    assert shares[0] < 0.7 * shares[1] < 0.5 * shares[2]


def test_heat_pumps_run_on_cold_days_and_more_when_it_is_colder() -> None:
    assert not added({"heat_pumps": 1.0}, JULY, DESERT).any()
    energy = [added({"heat_pumps": 1.0}, JANUARY, Climate(mean_c=mean_c)).sum(axis=1).mean() for mean_c in (18, 13, 8)]
    assert 1_000 < energy[0] < 0.8 * energy[1] < 0.64 * energy[2] < 60_000


def test_heat_pumps_slow_down_at_night() -> None:
    extra = added({"heat_pumps": 1.0}, JANUARY, NORTH).mean(axis=0)
    assert extra[4:16].mean() < 0.9 * extra[28:40].mean()


@pytest.mark.parametrize(
    ("owned", "least_wh", "most_wh"),
    [
        ("water_heaters", 2_000, 6_000),
        ("electric_cookers", 500, 2_500),
        ("dishwashers", 150, 800),
        ("dryers", 200, 1_200),
        ("pumps", 3_000, 6_000),
    ],
)
def test_each_appliance_takes_its_share_of_a_day(owned: str, least_wh: float, most_wh: float) -> None:
    extra = added({owned: 1.0}, JANUARY, Climate())
    assert extra.min() >= -1
    assert least_wh < extra.sum(axis=1).mean() < most_wh


def test_water_heaters_of_the_night_tariff_run_at_night() -> None:
    extra = added({"water_heaters": 1.0}, JANUARY, Climate())
    night = traits(meter_keys(5, METERS), replace(BARE, water_heaters=1)).night_water
    assert 0.4 < night.mean() < 0.6
    assert extra[night][:, 32:].max() <= 1
    assert extra[~night][:, :12].max() <= 1


def test_dark_days_take_more_light() -> None:
    winter, summer = (simulate_behind(5, METERS, day, Climate(swing_c=0), BARE).load for day in (JANUARY, JULY))
    assert winter[:, 66:80].mean() > 1.1 * summer[:, 66:80].mean()


def test_shops_keep_hours_and_weekdays() -> None:
    days = range(JULY - JULY % 7 + 4, JULY - JULY % 7 + 11)  # from a Monday
    week = np.array([simulate_behind(5, METERS, day, Climate(), replace(BARE, businesses=1)).load for day in days])
    by_day = week.sum(axis=(1, 2))
    assert by_day[:5].min() > 1.15 * by_day[5]
    assert by_day[5] > 1.15 * by_day[6]
    hours = week[:5].mean(axis=(0, 1))
    assert hours[44:64].min() > 1.8 * hours[:16].max()


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan")])
def test_shares_that_cannot_be(share: float) -> None:
    with pytest.raises(ValueError, match="share of cars"):
        Mix(cars=share)
