"""Arithmetic of the load model: counter-based draws, and what adds up to a day of quarter hours.

`load` is always (meters, 96) in Wh and is added to. Operations on floats are exactly rounded ones only, each meter's by
itself, so that results depend neither on the machine nor on the other rows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Keys = NDArray[np.uint64]
Flags = NDArray[np.bool_]

QUARTERS = 96
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_SECOND_FACTOR = np.uint64(0x94D049BB133111EB)
_HALF_WORD = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)


class Blocks(NamedTuple):
    """Constant loads, (blocks, meters): minute of the day that begins them (any sign), their minutes and watts."""

    start: Floats
    minutes: Floats
    watts: Floats


class Cycles(NamedTuple):
    """A steady load in watts and, by meter, one that is on for `on` of every `period` minutes (above 15)."""

    steady_w: Floats
    watts: Floats
    period: Integers
    on: Integers
    phase: Integers


class Presence(NamedTuple):
    """By meter: whether anybody is there at all; the quarters of the day from which they are up, out, back and in bed.

    `bed` may lie after 96: today's early hours are taken to go like tomorrow's.
    """

    anybody: Flags
    wake: Integers
    leave: Integers
    back: Integers
    bed: Integers


class Activity(NamedTuple):
    """By meter: watts while somebody is up (0: nobody today) and the share of them that stays on otherwise.

    `light_w` comes on in the dark; `bursts` is how uneven it all is, 0 to 1; `kettle` a chance in each quarter hour.
    """

    watts: Floats
    idle: Floats
    light_w: Floats
    bursts: Floats
    kettle: Floats


class Unit(NamedTuple):
    """By meter, a heat pump or air conditioner: 0 `watts` is none.

    The home loses the share `leak` of its distance to the outside in a quarter hour and gains `gain_c` in full sun;
    the unit moves it by `step_c`.
    """

    watts: Floats
    step_c: Floats
    leak: Floats
    gain_c: Floats
    heat_to_c: Floats
    cool_to_c: Floats


class Panels(NamedTuple):
    """By meter: rated watts, quarters by which their sun is late, how much a passing cloud takes, 0 to 1."""

    watts: Floats
    late: Integers
    shade: Floats


@kernel
def _mix(word: np.uint64) -> np.uint64:
    """The output function of SplitMix64 (Steele, Lea, Flood 2014)."""
    word = word + _GOLDEN
    word = (word ^ (word >> np.uint64(30))) * _FIRST_FACTOR
    word = (word ^ (word >> np.uint64(27))) * _SECOND_FACTOR
    mixed: np.uint64 = word ^ (word >> np.uint64(31))
    return mixed


@kernel
def derive(keys: Keys, word: np.uint64) -> Keys:
    """Keys for one use of others."""
    derived = np.empty_like(keys)
    for i in range(keys.shape[0]):
        derived[i] = _mix(keys[i] + word * _GOLDEN)
    return derived


@kernel
def uniforms(keys: Keys, count: int) -> Floats:
    """Multiples of 2^-53 in [0, 1), (count, keys)."""
    draws = np.empty((count, keys.shape[0]))
    for i in range(keys.shape[0]):
        word = keys[i]
        for draw in range(count):
            draws[draw, i] = np.float64(_mix(word) >> np.uint64(11)) * 2.0**-53
            word += _GOLDEN
    return draws


@kernel
def add_cycles(cycles: Cycles, first_minute: int, load: Floats) -> None:
    """The cycles go on from day to day: `first_minute` is that of the day, counted from any fixed one."""
    for meter in range(load.shape[0]):
        period, on = cycles.period[meter], cycles.on[meter]
        steady, per_minute = cycles.steady_w[meter] / 4, cycles.watts[meter] / 60
        place = (first_minute + cycles.phase[meter]) % period
        for quarter in range(QUARTERS):
            until = place + 15
            minutes = min(until, on) - min(place, on)
            if until >= period:
                until -= period
                minutes += min(until, on)
            place = until
            load[meter, quarter] += steady + per_minute * minutes


@kernel
def add_blocks(blocks: Blocks, load: Floats) -> None:
    """What lies outside the day is left out."""
    for meter in range(load.shape[0]):
        for block in range(blocks.watts.shape[0]):
            watts = blocks.watts[block, meter]
            begin = max(blocks.start[block, meter], 0.0)
            end = min(blocks.start[block, meter] + blocks.minutes[block, meter], 15.0 * QUARTERS)
            if watts <= 0 or end <= begin:
                continue
            quarter = np.int64(begin / 15)
            while quarter * 15.0 < end:
                minutes = min(end, quarter * 15.0 + 15) - max(begin, quarter * 15.0)
                load[meter, quarter] += watts * minutes / 60
                quarter += 1


@kernel
def occupied(presence: Presence) -> Flags:
    """Whether somebody is there and up, (meters, 96)."""
    up = np.zeros((presence.wake.shape[0], QUARTERS), dtype=np.bool_)
    for meter in range(up.shape[0]):
        if not presence.anybody[meter]:
            continue
        bed = presence.bed[meter]
        for quarter in range(QUARTERS):
            out = presence.leave[meter] <= quarter < presence.back[meter]
            up[meter, quarter] = not out and (presence.wake[meter] <= quarter < bed or quarter < bed - QUARTERS)
    return up


@kernel
def add_activity(up: Flags, activity: Activity, dark: Floats, keys: Keys, load: Floats) -> None:
    """Light, screens and small appliances: a skewed mean-reverting series of mean 1, and now and then a kettle."""
    for meter in range(load.shape[0]):
        bursts = activity.bursts[meter]
        word, mood = keys[meter], 1.0
        if activity.watts[meter] <= 0:
            continue
        for quarter in range(QUARTERS):
            mixed = _mix(word)
            word += _GOLDEN
            draw = np.float64(mixed & _LOW_HALF) * 2.0**-32
            mood += 0.2 * (0.25 + 3 * draw * draw * draw - mood)
            watts = activity.watts[meter] * (1 - bursts + bursts * mood)
            if not up[meter, quarter]:
                watts *= activity.idle[meter]
            else:
                watts += activity.light_w[meter] * dark[quarter]
                if np.float64(mixed >> _HALF_WORD) * 2.0**-32 < activity.kettle[meter]:
                    watts += 240 + 480 * draw
            load[meter, quarter] += watts / 4


@kernel
def add_climate(up: Flags, unit: Unit, outside_c: Floats, sun: Floats, load: Floats) -> None:
    """Thermostats: heating in proportion to what is missing, cooling on and off within half a degree.

    `outside_c` and `sun` end with the day and begin hours before it, so that midnight finds the home as it should be.
    """
    before = outside_c.shape[0] - QUARTERS
    for meter in range(load.shape[0]):
        if unit.watts[meter] <= 0:
            continue
        heat_to, cool_to = unit.heat_to_c[meter], unit.cool_to_c[meter]
        inside = min(max(outside_c[0], heat_to), cool_to)
        cooling = False
        for step in range(outside_c.shape[0]):
            quarter = step - before
            relax = 0.0 if up[meter, quarter % QUARTERS] else 2.5
            missing = (heat_to - relax - inside) / 0.8
            duty = min(max(missing, 0.0), 1.0)
            cooling = inside > cool_to + relax + (-0.5 if cooling else 0.5)
            strength = min(max(0.76 + 0.03 * outside_c[step], 0.4), 1.2)
            inside += unit.leak[meter] * (outside_c[step] - inside) + unit.gain_c[meter] * sun[step] + 0.02
            inside += unit.step_c[meter] * (duty * strength - (1.0 if cooling else 0.0))
            if quarter >= 0:
                load[meter, quarter] += unit.watts[meter] * (duty + (1.0 if cooling else 0.0)) / 4


@kernel
def add_sun(panels: Panels, sun: Floats, cloud: float, keys: Keys, made: Floats) -> None:
    """Add the solar panels' output in Wh to `made`, (meters, 96); passing clouds are each meter's own.

    `sun` is (96,), the output of rated power 1; `cloud` from 0 to 1, with most change of light in between.
    """
    changing = 4 * cloud * (1 - cloud)
    for meter in range(made.shape[0]):
        watts = panels.watts[meter]
        if watts <= 0:
            continue
        word, covered = keys[meter], 0.5
        for quarter in range(QUARTERS):
            covered += 0.5 * (np.float64(_mix(word) >> np.uint64(11)) * 2.0**-53 - covered)
            word += _GOLDEN
            shifted = quarter - panels.late[meter]
            if sun[quarter] > 0 and 0 <= shifted < QUARTERS:
                light = 1 + panels.shade[meter] * changing * (1 - 2 * covered)
                made[meter, quarter] += watts / 4 * sun[shifted] * light
