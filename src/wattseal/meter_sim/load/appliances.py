"""Appliances that run for a while and stop: meals, washing, hot water, charging of electric cars."""

from typing import NamedTuple

import numpy as np

from wattseal.kernels.load import Blocks, Flags, Floats, Integers, Keys, Presence
from wattseal.meter_sim.load.climate import DayType
from wattseal.meter_sim.load.draws import Lognormal, Purpose, draw, normal, purpose_keys
from wattseal.meter_sim.load.homes import Traits

_CHARGE_WH = Lognormal(median=9500, sigma=0.5)
_LARGEST_CHARGE_WH = 45_000
_HOT_WATER_WH = Lognormal(median=1900, sigma=0.25)
_MINUTES_A_QUARTER = 15


class Day(NamedTuple):
    """What the appliances of one day depend on."""

    number: int
    type: DayType
    mean_c: float
    presence: Presence


def blocks(traits: Traits, keys: Keys, yesterday: Day, today: Day) -> Blocks:
    """Cars that are still charging from yesterday are included."""
    parts = [
        _meals(traits, keys, today),
        _washing(traits, keys, today),
        _hot_water(traits, keys, today),
        _pump(traits, keys),
        _later(_charging(traits, keys, yesterday), -24 * 60),
        _charging(traits, keys, today),
    ]
    start, minutes, watts = (np.vstack(part) for part in zip(*parts, strict=True))
    return Blocks(start, minutes, watts)


def _meals(traits: Traits, keys: Keys, day: Day) -> Blocks:
    """Breakfast, lunch by those who are in, dinner: on the electric cooker, or else what a gas cooker leaves."""
    jitter, *draws = draw(purpose_keys(keys, Purpose.MEALS, day.number), 6)
    breakfast, lunch, dinner, length, power = draws
    home = _there(traits, day)
    watts = np.where(traits.cooker, 900 + 1300 * power, 250)
    noon = _in_at(day.presence, 12.5)
    evening = np.maximum(_minute(day.presence.back), 60 * 18.4 + 40 * normal(jitter)) + 10
    return _stack(
        (_minute(day.presence.wake) + 20, 8 + 8 * length, home & (breakfast < 0.7), 0.7 * watts),
        (60 * 12.2 + 40 * jitter, 12 + 20 * length, home & noon & (lunch < 0.6), 0.9 * watts),
        (evening, 18 + 35 * length, home & (dinner < 0.85), watts * (0.8 + 0.06 * traits.people)),
    )


def _washing(traits: Traits, keys: Keys, day: Day) -> Blocks:
    """A washing machine heats, then turns; a dryer follows; dishes after dinner."""
    wash, when, dry, dishes, jitter, hour = draw(purpose_keys(keys, Purpose.WASHING, day.number), 6)
    home = _there(traits, day)
    washes = home & (wash < (0.16 + 0.1 * traits.people) * np.where(day.type == DayType.WORKDAY, 0.85, 1.35))
    evening = np.minimum(_minute(day.presence.back) + 20 + 60 * when, 60 * 19.5)
    begin = np.where(_in_at(day.presence, 12.0), 60 * 9.0 + 300 * when, evening)
    rinsed = 60 * 19.7 + 45 * normal(hour)
    dishes_on = home & traits.dishwasher & (dishes < 0.25 + 0.12 * traits.people)
    return _stack(
        (begin, 18 + 8 * jitter, washes, 2000.0),
        (begin + 20, 50 + 30 * jitter, washes, 220.0),
        (begin + 90, 45 + 40 * jitter, washes & traits.dryer & (dry < 0.75), 2000.0),
        (rinsed, 14 + 6 * jitter, dishes_on, 1900.0),
        (rinsed + 45, 10 + 6 * jitter, dishes_on, 1900.0),
    )


def _hot_water(traits: Traits, keys: Keys, day: Day) -> Blocks:
    """A storage heater loads by night, or after the morning's and the evening's use; more when mains water is cold."""
    amount, start, morning = draw(purpose_keys(keys, Purpose.HOT_WATER, day.number), 3)
    need_wh = _HOT_WATER_WH(amount) * traits.people * np.clip(1.3 - 0.02 * day.mean_c, 0.7, 1.5)
    watts = np.maximum(traits.water_w, 1)
    minutes = np.minimum(60 * need_wh / watts, 300)
    heater = _there(traits, day) & (traits.water_w > 0)
    by_day = heater & ~traits.night_water
    early = 0.35 + 0.3 * morning
    return _stack(
        (20 + 100 * start, minutes, heater & traits.night_water, watts),
        (_minute(day.presence.wake) + 15 + 30 * start, early * minutes, by_day, watts),
        (60 * 19.0 + 120 * start, (1 - early) * minutes, by_day, watts),
    )


def _pump(traits: Traits, keys: Keys) -> Blocks:
    """A pool's or a well's, by a timer: the same hours every day, somebody there or not."""
    start, hours = draw(purpose_keys(keys, Purpose.PUMP), 2)
    return _stack((60 * (6 + 10 * start), 60 * (3 + 4 * hours), traits.pump_w > 0, traits.pump_w))


def _charging(traits: Traits, keys: Keys, day: Day) -> Blocks:
    """Plugged in on arrival, or by a timer at night."""
    plugs, amount, second, second_amount, timer, late = draw(purpose_keys(keys, Purpose.CARS, day.number), 6)
    home = _there(traits, day) & (traits.charger_w > 0)
    arrival = np.maximum(_minute(day.presence.back), 60 * 15.0) + 15 * late
    start = np.where(traits.night_charging, 60 * 23.0 + 90 * timer, arrival)
    watts = np.maximum(traits.charger_w, 1)
    first_wh, second_wh = (np.minimum(_CHARGE_WH(wh), _LARGEST_CHARGE_WH) for wh in (amount, second_amount))
    return _stack(
        (start, 60 * first_wh / watts, home & (plugs < 0.6), watts),
        (start + 60 * late, 60 * second_wh / watts, home & traits.second_car & (second < 0.5), watts),
    )


def _there(traits: Traits, day: Day) -> Flags:
    return (traits.people > 0) & day.presence.anybody


def _in_at(presence: Presence, hour: float) -> Flags:
    quarter = 4 * hour
    return (presence.wake <= quarter) & ~((presence.leave <= quarter) & (quarter < presence.back))


def _minute(quarter: Integers) -> Floats:
    return _MINUTES_A_QUARTER * quarter.astype(np.float64)


def _stack(*rows: tuple[Floats, Floats, Flags, Floats | float]) -> Blocks:
    """From (start, minutes, whether at all, watts) of each block."""
    return Blocks(
        start=np.vstack([start for start, _, _, _ in rows]),
        minutes=np.vstack([minutes for _, minutes, _, _ in rows]),
        watts=np.vstack([np.where(runs, watts, 0.0) for _, _, runs, watts in rows]),
    )


def _later(blocks: Blocks, minutes: int) -> Blocks:
    return Blocks(blocks.start + minutes, blocks.minutes, blocks.watts)
