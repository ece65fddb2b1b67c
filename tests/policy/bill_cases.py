"""Billing cycles of PG&E's five residential schedules in local time: what their bills ask for.

Prices as of 2026-03-01, in 1e-5 $/kWh: (peak, part-peak, off-peak) in winter, then in summer. Cycles lie in 2026.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wattseal.policy.shares import Functional

Values = NDArray[np.int64]

PRICES = {
    "E-1": ((40_702, 40_702, 40_702), (40_702, 40_702, 40_702)),
    "E-TOU-C": ((39_757, 0, 36_757), (52_240, 0, 39_940)),
    "E-TOU-D": ((38_747, 0, 34_886), (47_708, 0, 34_212)),
    "E-ELEC": ((32_063, 29_854, 28_468), (55_214, 39_026, 33_358)),
    "EV2-A": ((41_099, 39_428, 22_558), (53_809, 42_760, 22_558)),
}
MEMORIAL_DAY = date(2026, 5, 25)


@dataclass(frozen=True)
class Cycle:
    """`days` local days from `first` on; the clock is not changed within."""

    first: date
    days: int
    minutes: int

    @cached_property
    def times(self) -> list[datetime]:
        start = datetime.combine(self.first, datetime.min.time(), UTC)
        return [start + timedelta(minutes=m) for m in range(0, self.days * 1440, self.minutes)]

    def where(self, condition: Callable[[datetime], bool]) -> Values:
        return np.array([int(condition(t)) for t in self.times])

    def amount(self, prices: Values) -> Functional:
        return self._functional(prices, amount=True)

    def sum(self, chosen: Values) -> Functional:
        return self._functional(chosen, amount=False)

    def prices(self, schedule: str) -> Values:
        return np.array([PRICES[schedule][summer(t)][period(schedule, t)] for t in self.times])

    def energy(self) -> Functional:
        return self.sum(np.ones(len(self.times), dtype=np.int64))

    def bill(self, schedule: str) -> list[Functional]:
        """Amount mode: the amount, and the energy that the baseline credit is computed from."""
        return [self.amount(self.prices(schedule)), self.energy()]

    def determinants(self, schedule: str) -> list[Functional]:
        """Energy by season and period."""
        cells = np.array([3 * summer(t) + period(schedule, t) for t in self.times])
        return [self.sum((cells == cell).astype(np.int64)) for cell in np.unique(cells)]

    def _functional(self, prices: Values, *, amount: bool) -> Functional:
        start = int(self.times[0].timestamp()) // 60
        return Functional.of(start, self.minutes, prices, amount=amount)


def summer(time: datetime) -> bool:
    return time.month >= 6


def period(schedule: str, time: datetime) -> int:
    """0 peak, 1 part-peak, 2 off-peak."""
    if schedule == "E-1":
        return 2
    if schedule == "E-TOU-D":
        return 0 if 17 <= time.hour < 20 and time.weekday() < 5 and time.date() != MEMORIAL_DAY else 2
    if 16 <= time.hour < 21:
        return 0
    return 1 if schedule in ("E-ELEC", "EV2-A") and (time.hour == 15 or time.hour >= 21) else 2
