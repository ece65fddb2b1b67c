"""A simulated neighborhood, for fleets without files of their own: electricity, rooftop solar and gas of any meter-day.

What homes own and do is in `load/`; docs/load-model.md says how, and what it was compared with.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.load import QUARTERS, Keys, add_activity, add_blocks, add_climate, add_cycles, add_sun, occupied
from wattseal.meter_sim.load.appliances import Day, blocks
from wattseal.meter_sim.load.climate import LEAD, Climate, Weather, weather
from wattseal.meter_sim.load.draws import Purpose, meter_keys, purpose_keys
from wattseal.meter_sim.load.gas import litres
from wattseal.meter_sim.load.homes import Mix, traits
from wattseal.meter_sim.load.plans import activity, presence
from wattseal.protocol.time import MINUTES_PER_DAY

Reads = NDArray[np.int64]

LARGEST_QUARTER_HOUR_WH = (1 << 14) - 1
DEFAULT_CLIMATE, DEFAULT_MIX = Climate(), Mix()
_CHUNK = 512  # meters whose day fits a core's cache


class Behind(NamedTuple):
    """Behind the meters, before netting: Wh of quarter hours, (meters, 96)."""

    load: Reads
    solar: Reads


def simulate(seed: int, meters: Sequence[int], day: int, interval_minutes: int) -> Reads:
    """The `delivered` channel of `simulate_channels` in the default climate and mix."""
    return simulate_channels(seed, meters, day, interval_minutes)["delivered"]


def simulate_channels(
    seed: int,
    meters: Sequence[int],
    day: int,
    interval_minutes: int,
    climate: Climate = DEFAULT_CLIMATE,
    mix: Mix = DEFAULT_MIX,
) -> dict[str, Reads]:
    """Wh of one UTC day by channel, `delivered` and `received`, (meters, intervals), netted in each quarter hour.

    At most 16,383 in a quarter hour, of which longer intervals are sums. `seed` and `meters` (ordinals) are below 2^64
    and not negative, `day` counts from 1970-01-01, `interval_minutes` is 15, 30 or 60. Hours of the households' day
    are those of UTC. Raises ValueError.
    """
    _check_interval(interval_minutes, (15, 30, 60))
    days = _Days(seed, climate, mix, day)
    channels = np.empty((2, len(meters), MINUTES_PER_DAY // interval_minutes), dtype=np.int64)
    for part in _chunks(len(meters)):
        load, solar = days.behind(meter_keys(seed, meters[part]))
        net = load - solar
        channels[0, part] = _summed(np.maximum(net, 0), interval_minutes // 15)
        channels[1, part] = _summed(np.maximum(-net, 0), interval_minutes // 15)

    return {"delivered": channels[0], "received": channels[1]}


def have_panels(seed: int, meters: Sequence[int], mix: Mix = DEFAULT_MIX) -> NDArray[np.bool_]:
    """Which of the meters ever have a `received` read."""
    found: NDArray[np.bool_] = traits(meter_keys(seed, meters), mix).panels.watts > 0
    return found


def simulate_behind(
    seed: int, meters: Sequence[int], day: int, climate: Climate = DEFAULT_CLIMATE, mix: Mix = DEFAULT_MIX
) -> Behind:
    """What `simulate_channels` nets: what each home uses, and what its panels make."""
    days = _Days(seed, climate, mix, day)
    behind = Behind(*(np.empty((len(meters), QUARTERS), dtype=np.int64) for _ in Behind._fields))
    for part in _chunks(len(meters)):
        behind.load[part], behind.solar[part] = days.behind(meter_keys(seed, meters[part]))

    return behind


def simulate_gas(
    seed: int,
    meters: Sequence[int],
    day: int,
    interval_minutes: int,
    climate: Climate = DEFAULT_CLIMATE,
    mix: Mix = DEFAULT_MIX,
) -> Reads:
    """Litres of gas of one UTC day, (meters, intervals): of hours (60) or of the day (1440), their sum.

    The same people and the same weather as those of `simulate_channels`. Raises ValueError.
    """
    _check_interval(interval_minutes, (60, MINUTES_PER_DAY))
    days = _Days(seed, climate, mix, day)
    gas = np.empty((len(meters), MINUTES_PER_DAY // interval_minutes), dtype=np.int64)
    for part in _chunks(len(meters)):
        gas[part] = _summed(days.gas(meter_keys(seed, meters[part])), interval_minutes // 60)

    return gas


class _Days:
    """One day of a region, with what it needs to know of the day before."""

    def __init__(self, seed: int, climate: Climate, mix: Mix, day: int) -> None:
        if day < 0:
            raise ValueError(f"day {day}: must not be before 1970-01-01")
        self._mix, self._number = mix, day
        self._types = {number: climate.day_type(number) for number in (day - 1, day)}
        self._weather: Weather = weather(seed, climate, day)

    def behind(self, keys: Keys) -> Behind:
        home, number, outside = traits(keys, self._mix), self._number, self._weather
        yesterday, today = (
            Day(when, kind, outside.mean_c, presence(home, keys, when, kind)) for when, kind in self._types.items()
        )
        load, solar = np.zeros((len(keys), QUARTERS)), np.zeros((len(keys), QUARTERS))
        add_cycles(home.cycles, number * MINUTES_PER_DAY, load)
        up, doing = occupied(today.presence), activity(home, today.presence, keys, number)
        add_activity(up, doing, outside.dark, purpose_keys(keys, Purpose.ACTIVITY, number), load)
        add_blocks(blocks(home, keys, yesterday, today), load)
        add_climate(up, home.unit, outside.celsius, outside.sun, load)
        add_sun(home.panels, outside.sun[LEAD:], outside.cloud, purpose_keys(keys, Purpose.CLOUDS, number), solar)
        return Behind(_whole(load), _whole(solar))

    def gas(self, keys: Keys) -> Reads:
        home = traits(keys, self._mix)
        there = presence(home, keys, self._number, self._types[self._number])
        return np.rint(litres(home, there, keys, self._weather, self._number)).astype(np.int64)


def _whole(wh: NDArray[np.float64]) -> Reads:
    return np.minimum(np.rint(wh), LARGEST_QUARTER_HOUR_WH).astype(np.int64)


def _summed(reads: Reads, times: int) -> Reads:
    summed: Reads = reads.reshape(len(reads), reads.shape[1] // times, times).sum(axis=2) if times > 1 else reads
    return summed


def _check_interval(minutes: int, offered: tuple[int, ...]) -> None:
    if minutes not in offered:
        *first, last = offered
        raise ValueError(f"interval of {minutes} minutes: must be {', '.join(map(str, first))} or {last}")


def _chunks(meters: int) -> Iterator[slice]:
    return (slice(first, first + _CHUNK) for first in range(0, meters, _CHUNK))
