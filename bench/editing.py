"""What editing a day costs a meter, beside simulating its reads: good days and bad ones, with and without registers."""

import time
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np

from wattseal.meter_sim.editing import edited
from wattseal.meter_sim.load_model import LARGEST_QUARTER_HOUR_WH, simulate
from wattseal.meter_sim.reads import DayReads, RegisterSteps

METERS, DAYS, FIRST_DAY = 5_000, 8, 20_500
LOST = 0.02

Make = Callable[[DayReads], DayReads]


def main() -> None:
    seconds, plain = [], []
    for day in range(FIRST_DAY, FIRST_DAY + DAYS):
        started = time.perf_counter()
        plain.append(_plain(day))
        seconds.append(time.perf_counter() - started)
    simulated_us = median(seconds) * 1e6 / METERS
    print(f"{'simulating the reads':46} {simulated_us:8.2f} us a meter and day")
    for title, make in (
        ("every read sound", lambda reads: reads),
        ("every read sound, registers at midnight", _with_steps),
        (f"{LOST:.0%} of reads lost", _with_losses),
        (f"{LOST:.0%} of reads lost, registers at midnight", lambda reads: _with_losses(_with_steps(reads))),
    ):
        edited_us = _edited_us_a_meter([make(reads) for reads in plain])
        print(f"{title:46} {edited_us:8.2f} us a meter and day, {edited_us / simulated_us:.2f} of simulating")


def _edited_us_a_meter(days: list[DayReads]) -> float:
    seconds, started = [], time.perf_counter()
    for _ in edited(((day,) for day in days), 15, LARGEST_QUARTER_HOUR_WH):
        now = time.perf_counter()
        seconds.append(now - started)
        started = now
    return median(seconds) * 1e6 / METERS


def _plain(day: int) -> DayReads:
    wh = simulate(1, range(METERS), day, 15)
    return DayReads(day, "delivered", tuple(_names()), wh, np.ones(wh.shape, dtype=np.bool_))


def _names() -> Iterator[str]:
    return (f"meter-{ordinal:05}" for ordinal in range(METERS))


def _with_steps(reads: DayReads) -> DayReads:
    starts = np.full(METERS, reads.day * 1440)
    steps = RegisterSteps(np.arange(METERS), starts, starts + 1440, reads.wh.sum(axis=1))
    return DayReads(reads.day, reads.channel, reads.meters, reads.wh, reads.present, steps)


def _with_losses(reads: DayReads) -> DayReads:
    present = np.random.default_rng(reads.day).random(reads.wh.shape) >= LOST
    wh = np.where(present, reads.wh, 0)
    return DayReads(reads.day, reads.channel, reads.meters, wh, present, reads.steps)


if __name__ == "__main__":
    main()
