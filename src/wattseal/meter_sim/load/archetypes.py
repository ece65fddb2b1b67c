"""Who lives or works behind a meter: habits by kind of household or business, hours on the clock."""

from dataclasses import dataclass

import numpy as np

from wattseal.kernels.load import Floats

_ByDayType = tuple[float, float, float, float]
"""Workday, Saturday, Sunday, public holiday."""


@dataclass(frozen=True)
class Archetype:
    """Means and chances from which each meter and day draws its own.

    `there` is the chance that anybody comes all day, `out` that all leave for hours (`leave` to `back`). Without
    people it is a business, open from `wake` to `bed`. `spread_h` is how far days and homes stray from the clock.
    """

    share: float
    people: float
    steady_w: float
    active_w: float
    light_w: float
    bursts: float
    kettle: float
    spread_h: float
    there: _ByDayType
    out: _ByDayType
    wake: _ByDayType
    leave: _ByDayType
    back: _ByDayType
    bed: _ByDayType


_LEISURE_LEAVE, _LEISURE_BACK = 11.0, 15.5

HOMES = (
    Archetype(  # a couple, both at work
        share=0.29, people=2, steady_w=150, active_w=340, light_w=160, bursts=0.5, kettle=0.07, spread_h=0.6,
        there=(0.98, 0.95, 0.95, 0.9), out=(0.82, 0.6, 0.5, 0.4),
        wake=(6.6, 8.2, 8.5, 8.5), leave=(7.9, _LEISURE_LEAVE, _LEISURE_LEAVE, _LEISURE_LEAVE),
        back=(17.6, _LEISURE_BACK, _LEISURE_BACK, _LEISURE_BACK), bed=(23.0, 23.7, 23.0, 23.5),
    ),
    Archetype(  # a family with children
        share=0.29, people=4, steady_w=230, active_w=580, light_w=240, bursts=0.45, kettle=0.1, spread_h=0.5,
        there=(0.99, 0.97, 0.97, 0.95), out=(0.6, 0.5, 0.4, 0.35),
        wake=(6.3, 7.6, 7.8, 7.8), leave=(8.2, _LEISURE_LEAVE, _LEISURE_LEAVE, _LEISURE_LEAVE),
        back=(15.8, _LEISURE_BACK, _LEISURE_BACK, _LEISURE_BACK), bed=(22.8, 23.3, 22.8, 23.2),
    ),
    Archetype(  # retired people
        share=0.2, people=1.7, steady_w=150, active_w=320, light_w=150, bursts=0.45, kettle=0.09, spread_h=0.5,
        there=(0.98, 0.98, 0.98, 0.95), out=(0.55, 0.4, 0.35, 0.4),
        wake=(7.2, 7.4, 7.6, 7.6), leave=(10.0, 10.5, 10.5, 11.0),
        back=(12.3, 12.8, 14.5, 15.5), bed=(22.3, 22.5, 22.3, 22.5),
    ),
    Archetype(  # one person in a small flat
        share=0.16, people=1, steady_w=80, active_w=220, light_w=80, bursts=0.55, kettle=0.05, spread_h=1.0,
        there=(0.97, 0.9, 0.9, 0.8), out=(0.8, 0.65, 0.55, 0.5),
        wake=(7.1, 9.2, 9.5, 9.5), leave=(8.4, 12.0, 12.0, 12.0),
        back=(18.3, 17.5, 16.5, 16.5), bed=(23.7, 24.8, 23.8, 24.3),
    ),
    Archetype(  # vacant, or a holiday home
        share=0.06, people=2.5, steady_w=55, active_w=350, light_w=150, bursts=0.5, kettle=0.07, spread_h=0.8,
        there=(0.07, 0.35, 0.3, 0.5), out=(0.5, 0.5, 0.5, 0.4),
        wake=(8.3, 8.5, 8.5, 8.5), leave=(10.5, 10.5, 10.5, 10.5),
        back=(17.0, 17.0, 16.0, 17.0), bed=(23.5, 24.2, 23.5, 24.0),
    ),
)  # fmt: skip

BUSINESSES = (
    Archetype(  # a shop
        share=0.5, people=0, steady_w=260, active_w=1300, light_w=250, bursts=0.12, kettle=0.01, spread_h=0.35,
        there=(1, 1, 0.12, 0.05), out=(0, 0, 0, 0), wake=(8.6, 9.0, 10.0, 10.0), leave=(12, 12, 12, 12),
        back=(12, 12, 12, 12), bed=(18.6, 17.2, 16.0, 16.0),
    ),
    Archetype(  # an office
        share=0.3, people=0, steady_w=220, active_w=1500, light_w=350, bursts=0.1, kettle=0.03, spread_h=0.4,
        there=(1, 0.08, 0.03, 0.02), out=(0, 0, 0, 0), wake=(7.6, 9.5, 10.0, 10.0), leave=(12, 12, 12, 12),
        back=(12, 12, 12, 12), bed=(18.0, 14.0, 14.0, 14.0),
    ),
    Archetype(  # a cafe
        share=0.2, people=0, steady_w=420, active_w=1900, light_w=250, bursts=0.3, kettle=0.1, spread_h=0.4,
        there=(0.9, 1, 0.8, 0.5), out=(0, 0, 0, 0), wake=(6.5, 7.5, 8.5, 8.5), leave=(12, 12, 12, 12),
        back=(12, 12, 12, 12), bed=(19.0, 21.5, 18.0, 18.0),
    ),
)  # fmt: skip

ARCHETYPES = (*HOMES, *BUSINESSES)


def column(name: str) -> Floats:
    """One habit of every archetype, (archetypes,) or (archetypes, day types)."""
    return np.array([getattr(archetype, name) for archetype in ARCHETYPES], dtype=np.float64)


def edges(archetypes: tuple[Archetype, ...]) -> Floats:
    """Where the draw that picks one passes to the next."""
    shares = np.cumsum([archetype.share for archetype in archetypes])
    return np.asarray(shares[:-1] / shares[-1])
