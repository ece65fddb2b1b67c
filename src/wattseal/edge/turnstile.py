"""How much one token may ask: so many questions a day, a few at once, and a short queue behind them.

What is asked at once is of this process; the day's questions are counted wherever a service keeps them: in its memory,
then they begin anew with it, or for all its workers together. They bound what a token can make a service work, not
what it learns.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from wattseal.edge.access import Holder
from wattseal.protocol.errors import BudgetSpent, Busy
from wattseal.protocol.time import SECONDS_PER_DAY, Clock

WAITING = 4
"""Questions of one token that may wait for each that is being answered."""
ALL = ""
"""Name of the budget of all purposes together; the others are named for their purpose."""

Spend = Callable[[bytes, int, Mapping[str, int]], Awaitable[str | None]]
"""Of a token's key, on a day, count one question in each of these budgets, unless one of them is spent: its name."""


class CountsInMemory:
    """Of one process."""

    def __init__(self) -> None:
        self._day = 0
        self._asked: Counter[tuple[bytes, str]] = Counter()

    async def spend(self, token: bytes, day: int, budgets: Mapping[str, int]) -> str | None:
        """See `Spend`."""
        if day != self._day:
            self._day = day
            self._asked.clear()
        for name, most in budgets.items():
            if self._asked[token, name] >= most:
                return name
        self._asked.update((token, name) for name in budgets)
        return None


class Turnstile:
    """Of one service, for one event loop."""

    def __init__(self, clock: Clock, spend: Spend | None = None) -> None:
        self._clock = clock
        self._spend = CountsInMemory().spend if spend is None else spend
        self._here: Counter[bytes] = Counter()
        self._turns: dict[bytes, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def turn(self, holder: Holder, purpose: str, most_of_purpose: int) -> AsyncIterator[None]:
        """Wait for a turn, and count the question, whatever becomes of it. Raises BudgetSpent, or Busy."""
        token = holder.token_key
        if self._here[token] >= holder.at_once * (1 + WAITING):
            raise Busy("too many questions of this token are waiting")
        self._here[token] += 1
        try:
            await self._count(token, {ALL: holder.questions_per_day, purpose: most_of_purpose})
            async with self._turns.setdefault(token, asyncio.Semaphore(holder.at_once)):
                yield
        finally:
            self._here[token] -= 1

    async def _count(self, token: bytes, budgets: Mapping[str, int]) -> None:
        spent = await self._spend(token, int(self._clock()) // SECONDS_PER_DAY, budgets)
        if spent is not None:
            of_what = f" for purpose {spent}" if spent != ALL else ""
            raise BudgetSpent(f"{budgets[spent]} questions of a day are asked{of_what}")
