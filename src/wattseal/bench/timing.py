"""Timing of several actions in turn, so that a machine that is busy for a while slows all of them alike."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple, Self

Action = Callable[[], object]


class Timed(NamedTuple):
    """Seconds of one action over the rounds of a run."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        return cls(median(seconds), min(seconds), max(seconds))

    def over(self, units: float) -> "Timed":
        return Timed(self.median / units, self.low / units, self.high / units)

    def plus(self, other: "Timed") -> "Timed":
        return Timed(self.median + other.median, self.low + other.low, self.high + other.high)


NO_TIME = Timed(0.0, 0.0, 0.0)


def alternate(
    actions: Sequence[Action],
    rounds: int,
    done: Callable[[], object] = lambda: None,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> list[list[float]]:
    """Seconds of each action by round, after one round that does not count. `done` is called after each action."""
    seconds: list[list[float]] = [[] for _ in actions]
    for number in range(rounds + 1):
        for action, so_far in zip(actions, seconds, strict=True):
            started = clock()
            action()
            passed = clock() - started
            if number:
                so_far.append(passed)
            done()
    return seconds
