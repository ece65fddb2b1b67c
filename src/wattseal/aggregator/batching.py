"""Requests that arrive within a few milliseconds share one store call, and so one write to disk."""

import asyncio
from collections.abc import Sequence

from wattseal.aggregator.store import Entry, PutStatus, Store

GATHER_S = 0.005
MOST_ENTRIES = 3_000


class Batcher:
    """Collects entries and puts them together; each caller gets the statuses of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Sequence[Entry], asyncio.Future[list[PutStatus]]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flushes: set[asyncio.Task[None]] = set()

    async def put(self, entries: Sequence[Entry]) -> list[PutStatus]:
        """As `Store.put`. Raises StoreUnavailable to every caller of a batch that failed."""
        if not entries:
            return []
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[PutStatus]] = loop.create_future()
        self._waiting.append((entries, future))
        if sum(len(waiting) for waiting, _ in self._waiting) >= MOST_ENTRIES:
            self._flush()
        elif self._timer is None:
            self._timer = loop.call_later(GATHER_S, self._flush)
        return await future

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._put(batch))
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def _put(self, batch: list[tuple[Sequence[Entry], asyncio.Future[list[PutStatus]]]]) -> None:
        try:
            statuses = await self._store.put([entry for entries, _ in batch for entry in entries])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        position = 0
        for entries, future in batch:
            if not future.done():
                future.set_result(statuses[position : position + len(entries)])
            position += len(entries)
