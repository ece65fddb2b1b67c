"""The load model's kernels over again, a meter and a minute at a time: what they are compared with."""

from collections.abc import Sequence
from typing import NamedTuple

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
QUARTERS = 96


class Home(NamedTuple):
    """Presence of one home."""

    anybody: bool
    wake: int
    leave: int
    back: int
    bed: int


class Doing(NamedTuple):
    """Activity of one home."""

    watts: float
    idle: float
    light_w: float
    bursts: float
    kettle: float


class Conditioner(NamedTuple):
    """Heat pump or air conditioner of one home."""

    watts: float
    step_c: float
    leak: float
    gain_c: float
    heat_to_c: float
    cool_to_c: float


def splitmix(state: int, count: int) -> list[int]:
    """Outputs of SplitMix64 from the given state on."""
    outputs = []
    for _ in range(count):
        state = (state + GOLDEN) & MASK
        word = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
        word = (word ^ word >> 27) * 0x94D049BB133111EB & MASK
        outputs.append(word ^ word >> 31)
    return outputs


def derive(key: int, word: int) -> int:
    return splitmix((key + word * GOLDEN) & MASK, 1)[0]


def uniforms(key: int, count: int) -> list[float]:
    return [(word >> 11) / (1 << 53) for word in splitmix(key, count)]


def cycles(steady_w: float, watts: float, period: int, on: int, phase: int, first_minute: int) -> list[float]:
    running = [(first_minute + phase + minute) % period < on for minute in range(15 * QUARTERS)]
    return [steady_w / 4 + watts * sum(running[15 * q : 15 * q + 15]) / 60 for q in range(QUARTERS)]


def blocks(rows: Sequence[tuple[float, float, float]]) -> list[float]:
    """From (start, minutes, watts) of each."""
    return [
        sum(
            watts * max(0.0, min(start + minutes, 15 * q + 15) - max(start, 15 * q)) / 60
            for start, minutes, watts in rows
        )
        for q in range(QUARTERS)
    ]


def occupied(home: Home) -> list[bool]:
    awake = set(range(home.wake, home.bed)) | set(range(home.bed - QUARTERS))
    return [home.anybody and q in awake and q not in range(home.leave, home.back) for q in range(QUARTERS)]


def activity(up: Sequence[bool], doing: Doing, dark: Sequence[float], key: int) -> list[float]:
    if doing.watts == 0:
        return [0.0] * QUARTERS
    mood, load = 1.0, []
    for quarter, word in enumerate(splitmix(key, QUARTERS)):
        draw, other = (word & 0xFFFFFFFF) / (1 << 32), (word >> 32) / (1 << 32)
        mood = 0.8 * mood + 0.2 * (0.25 + 3 * draw**3)
        watts = doing.watts * (1 - doing.bursts + doing.bursts * mood) * (1 if up[quarter] else doing.idle)
        if up[quarter]:
            watts += doing.light_w * dark[quarter] + (240 + 480 * draw if other < doing.kettle else 0)
        load.append(watts / 4)
    return load


def climate(up: Sequence[bool], unit: Conditioner, outside_c: Sequence[float], sun: Sequence[float]) -> list[float]:
    if unit.watts == 0:
        return [0.0] * QUARTERS
    inside, cooling, load = min(max(outside_c[0], unit.heat_to_c), unit.cool_to_c), False, []
    before = len(outside_c) - QUARTERS
    for step, outside in enumerate(outside_c):
        relax = 0 if up[(step - before) % QUARTERS] else 2.5
        heat = min(max((unit.heat_to_c - relax - inside) / 0.8, 0), 1)
        edge = unit.cool_to_c + relax
        cooling = inside > edge - 0.5 if cooling else inside > edge + 0.5
        strength = min(max(0.76 + 0.03 * outside, 0.4), 1.2)
        load.append(unit.watts * (heat + cooling) / 4)
        inside += unit.leak * (outside - inside) + unit.gain_c * sun[step] + 0.02
        inside += unit.step_c * (heat * strength - cooling)
    return load[before:]


def sun(watts: float, late: int, shade: float, light: Sequence[float], cloud: float, key: int) -> list[float]:
    covered, made = 0.5, []
    for quarter, draw in enumerate(uniforms(key, QUARTERS)):
        covered = (covered + draw) / 2
        shone = light[quarter - late] if light[quarter] > 0 and 0 <= quarter - late < QUARTERS else 0.0
        made.append(watts * shone * (1 + shade * 4 * cloud * (1 - cloud) * (1 - 2 * covered)) / 4)
    return made
