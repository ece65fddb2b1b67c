"""Deleting archived windows once no purpose of the policy keeps them any longer; the logs of answers stay.

First the log says what goes, then the window's state that it is gone, then its file goes. Whoever is killed on the way
does it again: the log has each window once.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from wattseal.aggregator.logs import retention_log
from wattseal.aggregator.store import Store, WindowState
from wattseal.policy.pack import Policy
from wattseal.protocol.codec import Count, Message
from wattseal.protocol.ids import RegionField, RegionId, Window
from wattseal.protocol.time import SECONDS_PER_DAY, Clock, window_date

log = logging.getLogger(__name__)
LEAST_DAYS = 78
"""However little a policy keeps: a billing cycle of 33 days, and the 45 in which its reports may come late."""


class Deletion(Message):
    """One window's entry in the log: what was deleted, when, and by which pack's rule."""

    version: int = 1
    region: RegionField
    window: Count
    accepted: Count
    late: Count
    conflicts: Count
    file: str
    policy: str
    revision: Count
    kept_days: Count
    at: Count

    def told(self) -> dict[str, object]:
        """For people, with dates in place of numbers."""
        day = window_date(Window(self.window)).isoformat()
        return {"date": day, **self.model_dump(mode="json", exclude={"version", "region", "window"})}


class Retention(NamedTuple):
    store: Store
    policy: Policy
    clock: Clock

    @property
    def days(self) -> int:
        """How long after its end a window is kept: as long as any purpose may still ask about it."""
        return max(LEAST_DAYS, *(rule.retention_days for rule in self.policy.purposes.values()))

    async def due(self, region: RegionId) -> list[Deletion]:
        """What is to be deleted now, or was begun to be. Windows that are not archived yet stay until they are."""
        before = self.clock() / SECONDS_PER_DAY - self.days - 1
        found = []
        for number in await self.store.windows(region):
            state = await self.store.state(region, number) if number <= before else None
            if state is not None and state.is_deletable:
                found.append(await self._deletion(region, Window(number), state))
        return found

    async def delete_due(self, regions: Sequence[RegionId]) -> list[Deletion]:
        """Raises StoreUnavailable; what is left is deleted the next time."""
        deleted = []
        for region in regions:
            for deletion in await self.due(region):
                await self._note(deletion)
                await self.store.forget(region, deletion.window)
                log.info("deleted window %s of region %s", window_date(Window(deletion.window)), region)
                deleted.append(deletion)
        return deleted

    async def deleted(self, region: RegionId) -> list[Deletion]:
        """All that ever was."""
        return [Deletion.from_bytes(entry) for entry in await self.store.read_log(retention_log(region))]

    async def _note(self, deletion: Deletion) -> None:
        """Once a window, whoever else deletes at the same time."""
        name, known = retention_log(deletion.region), await self.deleted(deletion.region)
        while deletion.window not in {one.window for one in known}:
            await self.store.append(name, len(known), [deletion.to_bytes()])
            known = await self.deleted(deletion.region)

    async def _deletion(self, region: RegionId, window: Window, state: WindowState) -> Deletion:
        counts = await self.store.counts(region, window)
        return Deletion(
            region=region,
            window=window,
            **counts,
            file="" if state.archive is None else state.archive.hex(),
            policy=self.policy.name,
            revision=self.policy.revision,
            kept_days=self.days,
            at=int(self.clock()),
        )
