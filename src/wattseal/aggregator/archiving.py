"""Moving windows from the store to the archive: by command, or by themselves once they are past the horizon.

First the file is written, synced, named and read back; then the window's state says where it is; only then the store's
copy goes. Whoever is killed on the way left the window in the store whole, or in the archive whole: do it again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

from wattseal.aggregator.archive_file import ROWS_A_GROUP, Held, Row, Subject
from wattseal.aggregator.store import ReportId, Store, WindowState
from wattseal.aggregator.store_errors import StoreUnavailable, WindowStateError
from wattseal.protocol.errors import Unavailable
from wattseal.protocol.ids import RegionId, Window
from wattseal.protocol.time import SECONDS_PER_DAY, window_date

log = logging.getLogger(__name__)


class Archiving(NamedTuple):
    """`horizon_days` None leaves it to the operator's command."""

    store: Store
    horizon_days: int | None

    async def archive(self, region: RegionId, window: Window) -> WindowState:
        """Again: what was interrupted is finished. Raises WindowStateError, StoreUnavailable.

        The former while the window is open, and if a late report came meanwhile: then try again.
        """
        state = await self.store.state(region, window)
        if state.emptied or state.is_half_deleted:
            return state
        if state.roster_digest is None:
            raise WindowStateError(f"window {window_date(window)} of region {region} is open: close it first")
        counts = await self.store.counts(region, window)
        if state.archive is None:
            digest = await self._copy(Subject(region, window, state.roster_digest), counts)
        else:
            digest = state.archive
        return await self.store.archive(region, window, digest, counts)

    async def archive_due(self, regions: Sequence[RegionId], now: float) -> None:
        """Archive what is closed and past the horizon; finish what was begun.

        Raises StoreUnavailable once all were tried, if some cannot be archived now.
        """
        if self.horizon_days is None:
            return
        latest, failed = now / SECONDS_PER_DAY - self.horizon_days - 1, 0
        for region in regions:
            for number in await self.store.windows(region):
                if number <= latest and await self.is_due(region, Window(number)):
                    failed += not await self._try(region, Window(number))
        if failed:
            raise StoreUnavailable(f"{failed} windows stay in the store for now")

    async def is_due(self, region: RegionId, window: Window) -> bool:
        """Whether the window is closed and something of it is still in the store."""
        return (await self.store.state(region, window)).is_archivable

    async def _try(self, region: RegionId, window: Window) -> bool:
        """One window that cannot be archived now does not keep the others. That it grew meanwhile is no failure."""
        try:
            await self.archive(region, window)
            log.info("archived window %s of region %s", window_date(window), region)
        except (Unavailable, WindowStateError) as error:
            log.warning("archiving window %s of region %s: %s", window_date(window), region, error)
            return isinstance(error, WindowStateError)
        return True

    async def _copy(self, subject: Subject, counts: Mapping[str, int]) -> bytes:
        """The digest of the window's file, which was read back."""
        files = self.store.files
        with await asyncio.to_thread(files.writing, subject) as writer:
            async for rows in self._rows(subject.region, subject.window):
                await asyncio.to_thread(writer.add, rows)
            digest = await asyncio.to_thread(writer.finish)
        await asyncio.to_thread(files.check, subject, digest, counts)
        return digest

    async def _rows(self, region: str, window: int) -> AsyncIterator[list[Row]]:
        for held, listed in ((Held.ACCEPTED, self.store.accepted), (Held.LATE, self.store.late)):
            ids = await listed(region, window)
            for start in range(0, len(ids), ROWS_A_GROUP):
                batch = ids[start : start + ROWS_A_GROUP]
                yield _rows_of(held, batch, await self.store.read(region, window, batch))
        conflicts = await self.store.conflicts(region, window)
        for start in range(0, len(conflicts), ROWS_A_GROUP):
            batch = conflicts[start : start + ROWS_A_GROUP]
            refused = [await self.store.refused(region, window, id_) for id_ in batch]
            yield _rows_of(Held.CONFLICT, batch, refused)


def _rows_of(held: Held, ids: Sequence[ReportId], bodies: Sequence[bytes | None]) -> list[Row]:
    """Raises StoreUnavailable if one is gone: another worker archives the window."""
    rows = [Row(held, id_, body) for id_, body in zip(ids, bodies, strict=True) if body is not None]
    if len(rows) < len(ids):
        raise StoreUnavailable("reports went while they were copied: another worker archives the window")
    return rows


async def archive_through(store: Store, region: RegionId, last: Window) -> list[tuple[Window, dict[str, int]]]:
    """Archive every closed window of the region up to `last`; each that was not before, with its counts."""
    archiving, moved = Archiving(store, None), []
    for number in await store.windows(region):
        window = Window(number)
        if window <= last and await archiving.is_due(region, window):
            await archiving.archive(region, window)
            moved.append((window, await store.counts(region, window)))
    return moved
