"""Weather: one series for a region, warm days that come together, seasons of either hemisphere."""

from datetime import date

import numpy as np
import pytest

from wattseal.meter_sim.load.climate import LEAD, Climate, DayType, weather

NEW_YEAR = (date(2026, 1, 1) - date(1970, 1, 1)).days
YEAR = range(NEW_YEAR, NEW_YEAR + 365)
JANUARY, JULY = range(NEW_YEAR, NEW_YEAR + 31), range(NEW_YEAR + 181, NEW_YEAR + 212)


def means(climate: Climate, days: range, seed: int = 1) -> list[float]:
    return [weather(seed, climate, day).mean_c for day in days]


def test_a_day_is_the_same_again_and_another_region_has_another() -> None:
    first, again = (weather(1, Climate(), NEW_YEAR) for _ in range(2))
    assert np.array_equal(np.concatenate(first[:3]), np.concatenate(again[:3]))
    assert first.cloud == again.cloud
    for other in (weather(1, Climate(region=1), NEW_YEAR), weather(2, Climate(), NEW_YEAR)):
        assert abs(other.mean_c - first.mean_c) > 0.01


def test_midnight_has_no_step() -> None:
    for day in JANUARY:
        evening, following = weather(1, Climate(), day), weather(1, Climate(), day + 1)
        assert np.allclose(evening.celsius[-LEAD:], following.celsius[:LEAD], rtol=0, atol=1e-9)
        assert np.abs(np.diff(following.celsius)).max() < 1.5


def test_the_year_and_its_anomalies() -> None:
    climate = Climate()
    years = [np.array(means(climate, YEAR, seed)) for seed in range(6)]
    usual = np.array([climate.mean_c + climate.swing_c * climate.warmth(day) for day in YEAR])
    anomalies = np.array(years) - usual
    assert abs(anomalies.mean()) < 0.6
    assert 2.4 < anomalies.std() < 4
    lagged = [np.mean(anomalies[:, lag:] * anomalies[:, : 365 - lag]) / anomalies.var() for lag in (1, 3, 10)]
    assert 0.7 < lagged[0] < 0.9
    assert 0.25 < lagged[1] < 0.6
    assert abs(lagged[2]) < 0.15


@pytest.mark.parametrize(("midsummer", "warm", "cold"), [(172, JULY, JANUARY), (355, JANUARY, JULY)])
def test_hemispheres(midsummer: int, warm: range, cold: range) -> None:
    climate = Climate(midsummer=midsummer)
    assert np.mean(means(climate, warm)) > np.mean(means(climate, cold)) + 1.5 * climate.swing_c
    light_of = {season: np.mean([weather(1, climate, day).sun.sum() for day in season]) for season in (warm, cold)}
    assert light_of[warm] > 1.2 * light_of[cold]
    dark_of = {season: np.mean([weather(1, climate, day).dark.sum() for day in season]) for season in (warm, cold)}
    assert dark_of[warm] < 0.8 * dark_of[cold]


def test_no_sun_at_night_and_none_above_rated_power() -> None:
    for day in YEAR[::5]:
        found = weather(1, Climate(), day)
        today = found.sun[LEAD:]
        assert not today[:16].any()
        assert not today[84:].any()
        assert 0 < today.max() <= 1
        assert ((found.dark >= 0) & (found.dark <= 1)).all()
        assert not found.dark[48]
        assert 0 <= found.cloud <= 1


def test_clouds_take_sun_and_the_swing_of_the_day() -> None:
    found = sorted((weather(1, Climate(swing_c=0), day) for day in YEAR), key=lambda day: day.cloud)
    clear, covered = found[:60], found[-60:]
    assert np.mean([day.sun.sum() for day in covered]) < 0.6 * np.mean([day.sun.sum() for day in clear])
    assert np.mean([np.ptp(day.celsius[LEAD:]) for day in covered]) < np.mean(
        [np.ptp(day.celsius[LEAD:]) for day in clear]
    )


def test_kinds_of_day() -> None:
    climate = Climate(holidays=frozenset({(7, 4)}))
    days = {when: climate.day_type((when - date(1970, 1, 1)).days) for when in map(date.fromisoformat, (
        "2026-07-03", "2026-07-04", "2026-07-05", "2026-07-11", "2026-12-25"))}  # fmt: skip
    assert list(days.values()) == [DayType.WORKDAY, DayType.HOLIDAY, DayType.SUNDAY, DayType.SATURDAY, DayType.WORKDAY]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"latitude": 60.0}, "latitude 60.0"),
        ({"latitude": -34.0}, "latitude -34.0"),
        ({"midsummer": 0}, "midsummer 0"),
        ({"region": -1}, "region -1"),
    ],
)
def test_climates_that_cannot_be(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Climate(**wrong)  # type: ignore[arg-type]
