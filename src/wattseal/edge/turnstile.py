"""How much one token may ask: so many questions a day, a few at once, and a short queue behind them.

Counts are of this process and begin anew with it: they bound what a token can make a service work, not what it learns.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wattseal.edge.access import Holder
from wattseal.protocol.errors import BudgetSpent, Busy
from wattseal.protocol.time import SECONDS_PER_DAY, Clock

WAITING = 4
"""Questions of one token that may wait for each that is being answered."""


class Turnstile:
    """Of one service, for one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._day = 0
        self._asked: Counter[tuple[bytes, str]] = Counter()
        self._here: Counter[bytes] = Counter()
        self._turns: dict[bytes, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def turn(self, holder: Holder, purpose: str, most_of_purpose: int) -> AsyncIterator[None]:
        """Wait for a turn, and count the question, whatever becomes of it. Raises BudgetSpent, or Busy."""
        token = holder.token_key
        if self._here[token] >= holder.at_once * (1 + WAITING):
            raise Busy("too many questions of this token are waiting")
        self._count(holder, purpose, most_of_purpose)
        self._here[token] += 1
        try:
            async with self._turns.setdefault(token, asyncio.Semaphore(holder.at_once)):
                yield
        finally:
            self._here[token] -= 1

    def _count(self, holder: Holder, purpose: str, most_of_purpose: int) -> None:
        today = int(self._clock()) // SECONDS_PER_DAY
        if today != self._day:
            self._day = today
            self._asked.clear()
        for what, most in (("", holder.questions_per_day), (purpose, most_of_purpose)):
            if self._asked[holder.token_key, what] >= most:
                raise BudgetSpent(f"{most} questions of a day are asked" + (f" for purpose {what}" if what else ""))
        for what in ("", purpose):
            self._asked[holder.token_key, what] += 1
