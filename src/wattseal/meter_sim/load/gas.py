"""Gas of one day by the hour: space heating by degrees below a home's own base, hot water, cooking."""

import numpy as np

from wattseal.kernels.load import Floats, Keys, Presence, occupied
from wattseal.meter_sim.load.climate import LEAD, Weather
from wattseal.meter_sim.load.draws import Lognormal, Purpose, draw, purpose_keys
from wattseal.meter_sim.load.homes import Traits

_WH_A_LITRE = 10.6 * 0.9  # of useful heat, after the boiler's losses
_LOSS_W_A_KELVIN = Lognormal(median=140, sigma=0.35)
_HOT_WATER_WH = Lognormal(median=1900, sigma=0.25)
_COOKING_WH = 450.0
_FROST_C, _SETBACK_C = 9.0, 3.5
_HOURS = np.arange(24)
_COOKING_BY_HOUR = np.interp(_HOURS, [0, 5, 7, 9, 12, 14, 17, 19, 22], [0, 0, 0.1, 0.02, 0.1, 0.03, 0.1, 0.22, 0])
_COOKING_BY_HOUR /= _COOKING_BY_HOUR.sum()


def litres(traits: Traits, presence: Presence, keys: Keys, outside: Weather, day: int) -> Floats:
    """Not yet rounded, (meters, 24). Every meter that is asked for heats with gas."""
    # Contiguous rows add up in one order, however many there are.
    uneven = np.ascontiguousarray(draw(purpose_keys(keys, Purpose.GAS, day), 24).T)
    bursts = uneven * uneven
    loss, base, amount = draw(purpose_keys(keys, Purpose.HEATING), 3)
    up = occupied(presence).reshape(-1, 24, 4).mean(axis=2)
    people = np.where(presence.anybody, traits.people, 0)
    celsius = outside.celsius[LEAD:].reshape(24, 4).mean(axis=1)
    felt_c = 0.6 * outside.mean_c + 0.4 * celsius  # walls remember
    lived_in = np.where(presence.anybody, 14.5 + 3 * base, _FROST_C)
    base_c = lived_in[:, None] - _SETBACK_C * (1 - up)
    watts_a_kelvin = _LOSS_W_A_KELVIN(loss) * traits.size * np.where(traits.people == 0, 2.0, 1.0)
    heating_wh = watts_a_kelvin[:, None] * np.maximum(base_c - felt_c, 0) * (0.6 + 0.8 * uneven)
    water_wh = people * _HOT_WATER_WH(amount)
    bathing = up * (0.3 + 1.4 * bursts * bursts)
    bathing /= np.maximum(bathing.sum(axis=1, keepdims=True), 1e-9)
    cooking_wh = np.where(traits.cooker, 0.0, _COOKING_WH * people)
    useful_wh = heating_wh + water_wh[:, None] * bathing + cooking_wh[:, None] * _COOKING_BY_HOUR
    found: Floats = useful_wh / _WH_A_LITRE
    return found
