"""Windows in the course of time: folded while reports come, closed after a grace period or by command, archived."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from wattseal.aggregator.archiving import Archiving
from wattseal.aggregator.folds import Folds
from wattseal.aggregator.store import Store, WindowState, WindowStatus
from wattseal.edge.registry import Registry
from wattseal.protocol.errors import Rejected, Unavailable
from wattseal.protocol.ids import RegionId, Window
from wattseal.protocol.time import SECONDS_PER_DAY, Clock, window_date

log = logging.getLogger(__name__)
_LOOK_EVERY_S = 60.0
_FOLD_EVERY_S = 15.0
_ASK_AGAIN_S = 0.2
_LATELY_DAYS = 7
"""Older days come from a replay, or are all but closed: they are folded when somebody asks."""


class Closing(NamedTuple):
    """`grace_hours` None leaves closing to the operator's command."""

    store: Store
    registry: Registry
    clock: Clock
    grace_hours: float | None
    archiving: Archiving

    async def close(self, region: RegionId, window: Window) -> WindowState:
        """Freeze the window's set under the roster in force. Again: no change. Raises UnknownSubject, Rejected."""
        if (window + 1) * SECONDS_PER_DAY > self.clock():
            raise Rejected(f"window {window_date(window)} is not over yet")
        return await self.store.close(region, window, self.registry.roster(region, window).fingerprint)

    async def close_due(self) -> None:
        """Close what is past its grace period."""
        if self.grace_hours is None:
            return
        latest = (self.clock() - self.grace_hours * 3600) / SECONDS_PER_DAY - 1
        for region in self._regions():
            for number in await self.store.windows(region):
                due = number <= latest and (await self.store.state(region, number)).status is WindowStatus.open
                if due:
                    await self.close(region, Window(number))
                    log.info("closed window %s of region %s", window_date(Window(number)), region)

    def _regions(self) -> list[RegionId]:
        return sorted({roster.region for roster in self.registry.rosters()})

    async def keep_closing(self) -> None:
        """Look again and again until cancelled."""
        await keep_doing(self._close_and_archive, _LOOK_EVERY_S, "closing and archiving windows")

    async def _close_and_archive(self) -> None:
        await self.close_due()
        await self.archiving.archive_due(self._regions(), self.clock())


class Folding(NamedTuple):
    """Sums up what has come of days that are over and not closed, so that at the close totals are nearly there."""

    store: Store
    registry: Registry
    clock: Clock
    folds: Folds

    async def fold(self) -> None:
        """What has come since. Raises StoreUnavailable."""
        over = self.clock() / SECONDS_PER_DAY - 1
        for region in sorted({roster.region for roster in self.registry.rosters()}):
            lately = [Window(n) for n in await self.store.windows(region) if over - _LATELY_DAYS < n <= over]
            for window in lately:
                if (await self.store.state(region, window)).status is WindowStatus.open:
                    await self.folds.prepare(self.registry.roster(region, window), window)

    async def keep_folding(self) -> None:
        """Again and again until cancelled."""
        await keep_doing(self.fold, _FOLD_EVERY_S, "folding reports ahead")


async def keep_doing(act: Callable[[], Awaitable[None]], every_s: float, what: str) -> None:
    """Until cancelled; what goes wrong is logged, and tried again."""
    while True:
        try:
            await act()
        except Unavailable as error:
            log.warning("%s: %s", what, error)
        except Exception:
            # A full disk, a file that another worker tidied away: else no window would ever close again.
            log.exception("%s", what)
        await asyncio.sleep(every_s)


async def ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until they have ended: a store call that is cancelled may fail instead, and its task go on."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_ASK_AGAIN_S)
