"""Keepers: what a service does in the background, again and again, and whether it has been failing.

What goes wrong is logged and tried again. One round may fail because another worker was faster; from the second in a
row on the service is not ready, and says since when.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from prometheus_client import Counter, Gauge

from wattseal.protocol.errors import KeeperFailing, Unavailable
from wattseal.protocol.time import Clock, system_clock

log = logging.getLogger(__name__)
FAILURES = Counter("wattseal_keeper_failures", "Rounds of background work that failed", ["keeper"])
FAILING_SINCE = Gauge(
    "wattseal_keeper_failing_since_seconds", "Since when every round failed, in seconds since 1970; else 0", ["keeper"]
)
_ROUNDS = 2
"""So many that failed in a row are no accident."""
_ASK_AGAIN_S = 0.2


class Keeper:
    """`what` names it in logs, metrics and problem documents."""

    def __init__(self, what: str, clock: Clock = system_clock) -> None:
        self.what, self._clock = what, clock
        self._failed = 0
        self._since = 0.0
        self._tell()

    @contextmanager
    def round(self) -> Iterator[None]:
        """One round of the work, of which no error gets out."""
        try:
            yield
        except Exception as error:
            # Else a full disk, or a file that another worker tidied away, would end the work for good.
            if isinstance(error, Unavailable):
                log.warning("%s: %s", self.what, error)
            else:
                log.exception("%s", self.what)
            self._since = self._since if self._failed else self._clock()
            self._failed += 1
            FAILURES.labels(self.what).inc()
        else:
            if self._failed:
                log.info("%s: works again", self.what)
            self._failed = 0
        self._tell()

    def check(self) -> None:
        """Raises KeeperFailing. Why is for the log only: it may name files and addresses."""
        if self._failed >= _ROUNDS:
            since = datetime.fromtimestamp(int(self._since), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            raise KeeperFailing(f"{self.what}: failing since {since}, see this service's log")

    def _tell(self) -> None:
        FAILING_SINCE.labels(self.what).set(self._since if self._failed else 0)


async def keep_doing(act: Callable[[], Awaitable[None]], every_s: float, keeper: Keeper) -> None:
    """Until cancelled."""
    while True:
        with keeper.round():
            await act()
        await asyncio.sleep(every_s)


@contextmanager
def doing(act: Callable[[threading.Event], None], every_s: float, keeper: Keeper) -> Iterator[None]:
    """In a thread, as long as the context lasts. `act` is told by the event that it is to end."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(every_s):
            with keeper.round():
                act(over)

    thread = threading.Thread(target=keep, name=keeper.what)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


async def ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until they have ended: a store call that is cancelled may fail instead, and its task go on."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_ASK_AGAIN_S)
