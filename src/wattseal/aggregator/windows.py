"""Windows in the course of time: folded while reports come, closed after a grace period or by command, archived."""

import logging
from typing import NamedTuple

from wattseal.aggregator.archiving import Archiving
from wattseal.aggregator.folds import Folds
from wattseal.aggregator.retention import Retention
from wattseal.aggregator.store import Store, WindowState, WindowStatus
from wattseal.edge.registry import Registry
from wattseal.protocol.errors import Rejected
from wattseal.protocol.ids import RegionId, Window
from wattseal.protocol.time import SECONDS_PER_DAY, Clock, window_date

log = logging.getLogger(__name__)
LOOK_EVERY_S = 60.0
FOLD_EVERY_S = 15.0
_LATELY_DAYS = 7
"""Older days come from a replay, or are all but closed: they are folded when somebody asks."""


class Closing(NamedTuple):
    """`grace_hours` None leaves closing to the operator's command."""

    store: Store
    registry: Registry
    clock: Clock
    grace_hours: float | None
    archiving: Archiving
    retention: Retention

    async def close(self, region: RegionId, window: Window) -> WindowState:
        """Freeze the window's set under the roster in force. Again: no change. Raises UnknownSubject, Rejected."""
        if (window + 1) * SECONDS_PER_DAY > self.clock():
            raise Rejected(f"window {window_date(window)} is not over yet")
        return await self.store.close(region, window, self.registry.rosters.at(region, window).fingerprint)

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
        return self.registry.rosters.regions()

    async def archive_due(self) -> None:
        """Archive what is past the horizon. Raises StoreUnavailable."""
        await self.archiving.archive_due(self._regions(), self.clock())

    async def delete_due(self) -> None:
        """Delete what the policy keeps no longer, unless windows of any age are taken. Raises StoreUnavailable."""
        if self.archiving.horizon_days is not None:
            await self.retention.delete_due(self._regions())


class Folding(NamedTuple):
    """Sums up what has come of days that are over and not closed, so that at the close totals are nearly there."""

    store: Store
    registry: Registry
    clock: Clock
    folds: Folds

    async def fold(self) -> None:
        """What has come since. Raises StoreUnavailable."""
        over = self.clock() / SECONDS_PER_DAY - 1
        for region in self.registry.rosters.regions():
            lately = [Window(n) for n in await self.store.windows(region) if over - _LATELY_DAYS < n <= over]
            for window in lately:
                if (await self.store.state(region, window)).status is WindowStatus.open:
                    await self.folds.prepare(self.registry.rosters.at(region, window), window)
