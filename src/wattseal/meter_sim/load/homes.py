"""What a meter keeps from day to day: its archetype, its size and its equipment."""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from wattseal.kernels.load import Cycles, Flags, Floats, Integers, Keys, Panels, Unit
from wattseal.meter_sim.load.archetypes import BUSINESSES, HOMES, column, edges
from wattseal.meter_sim.load.draws import Lognormal, Purpose, draw, normal, purpose_keys

_SIZE = Lognormal(median=1.0, sigma=0.38)
_ALWAYS_ON = Lognormal(median=0.95, sigma=0.6)
_PANELS_W = Lognormal(median=4200, sigma=0.35)
_FRIDGE_W = Lognormal(median=105, sigma=0.25)
_HOME_EDGES, _BUSINESS_EDGES = edges(HOMES), edges(BUSINESSES)
_PEOPLE, _STEADY_W = column("people"), column("steady_w")
_CHARGERS_W, _CHARGER_EDGES = np.array([3700.0, 7400.0, 11000.0]), np.array([0.35, 0.85])
_NEVER_C = 200.0


@dataclass(frozen=True)
class Mix:
    """What a fleet is made of, as shares from 0 to 1: of all meters, but of homes for what only homes own.

    `second_cars` are a share of the homes that have one. Businesses always have cooling. Raises ValueError.
    """

    businesses: float = 0.03
    solar: float = 0.15
    cars: float = 0.12
    second_cars: float = 0.08
    cooling: float = 0.6
    heat_pumps: float = 0.15
    water_heaters: float = 0.3
    electric_cookers: float = 0.6
    dishwashers: float = 0.6
    dryers: float = 0.4
    pumps: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            share = getattr(self, field.name)
            if not 0 <= share <= 1:
                raise ValueError(f"share of {field.name} {share}: must be 0 to 1")


class Traits(NamedTuple):
    """Of each meter: row of ARCHETYPES, scale, people (0: a business), hours that its clock is off, and what it owns.

    `idle` is the share of their activity that does without them. `charger_w`, `water_w` (electric water heater) and
    `pump_w` are 0 without one.
    """

    kind: Integers
    size: Floats
    people: Floats
    clock_h: Floats
    idle: Floats
    cycles: Cycles
    unit: Unit
    panels: Panels
    charger_w: Floats
    second_car: Flags
    night_charging: Flags
    water_w: Floats
    night_water: Flags
    cooker: Flags
    dishwasher: Flags
    dryer: Flags
    pump_w: Floats


def traits(keys: Keys, mix: Mix) -> Traits:
    kinds, size, clock, rest, idle, steady = draw(purpose_keys(keys, Purpose.TRAITS), 6)
    business = kinds < mix.businesses
    kind = np.where(business, len(HOMES) + np.searchsorted(_BUSINESS_EDGES, rest), np.searchsorted(_HOME_EDGES, rest))
    people = _PEOPLE[kind]
    scale, always_on = (np.where(business, np.sqrt(one), one) for one in (_SIZE(size), _ALWAYS_ON(steady)))
    draws = draw(purpose_keys(keys, Purpose.EQUIPMENT), 26)
    home = people > 0
    charger, night, second, car = draws[:4]
    has_car = home & (car < mix.cars)
    return Traits(
        kind=kind,
        size=scale,
        people=people,
        clock_h=0.7 * normal(clock),
        idle=0.05 + 0.25 * idle * idle,
        cycles=_cycles(draws[4:8], scale * _STEADY_W[kind] * always_on, business),
        unit=_unit(draws[8:14], scale, business, mix),
        panels=_panels(draws[14:18], mix),
        charger_w=np.where(has_car, _CHARGERS_W[np.searchsorted(_CHARGER_EDGES, charger)], 0),
        second_car=has_car & (second < mix.second_cars),
        night_charging=night < 0.35,
        water_w=np.where(home & (draws[18] < mix.water_heaters), 1800 + 1200 * draws[19], 0),
        night_water=draws[20] < 0.5,
        cooker=home & (draws[21] < mix.electric_cookers),
        dishwasher=home & (draws[22] < mix.dishwashers),
        dryer=home & (draws[23] < mix.dryers),
        pump_w=np.where(home & (draws[24] < mix.pumps), 500 + 700 * draws[25], 0),
    )


def _cycles(draws: Floats, steady_w: Floats, business: Flags) -> Cycles:
    """Standby and a fridge; a business has bigger ones."""
    power, period, on, phase = draws
    minutes = (40 + 50 * period).astype(np.int64)
    return Cycles(
        steady_w=steady_w,
        watts=_FRIDGE_W(power) * np.where(business, 3.0, 1.0),
        period=minutes,
        on=(minutes * (0.3 + 0.2 * on)).astype(np.int64),
        phase=(1440 * phase).astype(np.int64),
    )


def _unit(draws: Floats, scale: Floats, business: Flags, mix: Mix) -> Unit:
    """One unit that cools, heats or does both; a business has a bigger one."""
    cool, heat, power, leak, taste_hot, taste_cold = draws
    cools, heats = business | (cool < mix.cooling), heat < mix.heat_pumps
    watts = np.where(heats, 2400.0, 2300.0) * np.clip(scale, 0.6, 1.6) * (0.8 + 0.4 * power)
    return Unit(
        watts=np.where(cools | heats, watts * np.where(business, 1.5, 1.0), 0),
        step_c=np.full(len(cool), 0.6),
        leak=0.007 + 0.008 * leak,
        gain_c=np.full(len(cool), 0.09),
        heat_to_c=np.where(heats, 19 + 2.5 * taste_cold, -_NEVER_C),
        cool_to_c=np.where(cools, 23.5 + 3 * taste_hot, _NEVER_C),
    )


def _panels(draws: Floats, mix: Mix) -> Panels:
    owner, power, facing, shade = draws
    return Panels(
        watts=np.where(owner < mix.solar, _PANELS_W(power), 0),
        late=np.rint(3 * normal(facing)).astype(np.int64),
        shade=0.3 + 0.5 * shade,
    )
