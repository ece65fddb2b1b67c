"""What noisy totals have spent of each meter's day; and whether the day is told exactly or with noise: never both.

An exact total beside a noisy one of overlapping meters would give the noise away. The cost of one meter's day is the
sum over all noisy totals that counted it, whatever their purposes. Noise is a function of the members, so the same
members again, under another name or purpose with the same noise, are no new draw and cost nothing.
"""

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from wattseal.policy.meter_index import Places
from wattseal.policy.pack import Zcdp
from wattseal.policy.privacy import sensitivity, sigma_for
from wattseal.protocol.errors import BudgetExhausted, PinnedOtherwise
from wattseal.protocol.roster import Interval
from wattseal.protocol.statement import StatedNoise
from wattseal.protocol.time import MINUTES_PER_DAY

_EXACT = -1


class Noise(NamedTuple):
    """Of one release: the standard deviation that each half draws with, and what that costs each member's day.

    The budget is that of the pack in force; of what was granted before, it does not matter.
    """

    sigma: int
    rho_millionths: int
    budget_rho_millionths: int

    @property
    def stated(self) -> StatedNoise:
        return StatedNoise(sigma=self.sigma, rho_millionths=self.rho_millionths)

    def extended(self, rho_millionths: int) -> Self:
        """With a budget that is so much larger, at most doubled."""
        more = min(rho_millionths, self.budget_rho_millionths)
        return self._replace(budget_rho_millionths=self.budget_rho_millionths + more)

    @classmethod
    def granted(cls, stated: StatedNoise) -> Self:
        """As a statement tells it."""
        return cls(stated.sigma, stated.rho_millionths, 0)

    @classmethod
    def of(cls, rule: Zcdp, interval: Interval) -> Self:
        largest_change = sensitivity(rule.clip_at(interval), MINUTES_PER_DAY // interval)
        return cls(sigma_for(rule.rho_millionths, largest_change), rule.rho_millionths, rule.budget_rho_millionths)


@dataclass(frozen=True, eq=False)
class Spending:
    """By place of a day's index: millionths of rho, or that an exact total counted the meter."""

    _spent: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _drawn: frozenset[bytes] = frozenset()

    def knowing(self, meters: int) -> Self:
        """The same, for an index that has so many."""
        more = meters - len(self._spent)
        if not more:
            return self
        return type(self)(np.concatenate((self._spent, np.zeros(more, dtype=np.int64))), self._drawn)

    def of(self, members: Places) -> int:
        """The most that any of them spent."""
        return int(self._spent[members].max(initial=0))

    def permit(self, members: Places, noise: Noise | None) -> Self:
        """After a total of these members. Raises PinnedOtherwise or BudgetExhausted, which name no meter."""
        spent = self._spent[members]
        if noise is None and (spent > 0).any():
            raise PinnedOtherwise("a meter of the cohort was counted with noise in an earlier statement of that day")
        if noise is not None and (spent == _EXACT).any():
            raise PinnedOtherwise("a meter of the cohort was counted exactly in an earlier statement of that day")
        after = self.after(members, noise)
        if noise is not None and after is not self and after.of(members) > noise.budget_rho_millionths:
            raise BudgetExhausted("the privacy budget of a member's day does not pay for another noisy total")
        return after

    def after(self, members: Places, noise: Noise | None) -> Self:
        """The same without asking: what a ledger says was granted."""
        drawn = b"" if noise is None else _draw(members, noise)
        if drawn in self._drawn:
            return self
        spent = self._spent.copy()
        if noise is None:
            spent[members] = _EXACT
            return type(self)(spent, self._drawn)
        # Of two packs' making: what was exact stays so.
        spent[members] = np.where(spent[members] == _EXACT, _EXACT, spent[members] + noise.rho_millionths)
        return type(self)(spent, self._drawn | {drawn})


def _draw(members: Places, noise: Noise) -> bytes:
    """Names what noise is a function of, besides the day, its channel and its intervals."""
    return hashlib.sha256(b"%d " % noise.sigma + np.sort(members).tobytes()).digest()
