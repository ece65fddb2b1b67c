"""Medians of two things that are measured in turn, so that a busy machine slows both alike."""

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from wattseal.bench.timing import alternate


class Side(NamedTuple):
    """One action, how many units of work it does, and a fixed allowance in seconds on top of its time."""

    action: Callable[[], object]
    units: int = 1
    allowance_s: float = 0.0


class Comparison(NamedTuple):
    """What ours may cost a unit, at most, as a multiple of the peer's.

    The clock may be `time.process_time` for what one process computes and waits for nobody: then others do not count.
    """

    title: str
    ours: Side
    peer: Side
    at_most: float
    rounds: int = 15
    clock: Callable[[], float] = time.perf_counter


def compare(comparison: Comparison) -> None:
    """Measure and print one line: both costs, their ratio, and whether it keeps to its limit."""
    ours_s, peer_s = _medians(comparison)
    ratio = ours_s / peer_s
    verdict = "met" if ratio <= comparison.at_most else "MISSED"
    costs = f"{_in_us(ours_s)} against {_in_us(peer_s)}"
    print(f"{comparison.title:58} {costs:32} x {ratio:9.6f}, at most {comparison.at_most:g}: {verdict}")


def _medians(comparison: Comparison) -> tuple[float, float]:
    sides = (comparison.ours, comparison.peer)
    rounds = alternate([side.action for side in sides], comparison.rounds, clock=comparison.clock)
    ours, peer = (
        (median(seconds) + side.allowance_s) / side.units for side, seconds in zip(sides, rounds, strict=True)
    )
    return ours, peer


def _in_us(seconds: float) -> str:
    return f"{seconds * 1e6:,.2f} us"
