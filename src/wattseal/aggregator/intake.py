"""From an upload to one status a report: the door in threads, the store in batches, and what is overdue compared."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from wattseal.aggregator.batching import Batcher
from wattseal.aggregator.door import Admitted, Door, Overdue, Reason
from wattseal.aggregator.store import Entry, PutStatus, Store
from wattseal.protocol.codec import canonical_json

_MOST_DOORS = 2
"""At a time: while one looks at headers the other verifies. More would only wait for the interpreter, or take it away
from each other with every signature."""


class Intake:
    def __init__(self, store: Store, door: Door) -> None:
        self._store = store
        self._door = door
        self._batcher = Batcher(store)
        self._threads = ThreadPoolExecutor(min(_MOST_DOORS, len(os.sched_getaffinity(0))), thread_name_prefix="door")

    async def take(self, body: bytes) -> list[PutStatus | Reason]:
        """Of each framed report, in order, once it is on disk. Raises Rejected for bad frames, StoreUnavailable."""
        loop = asyncio.get_running_loop()
        return await self.keep(await loop.run_in_executor(self._threads, self._door.admit, body))

    async def keep(self, admitted: Sequence[Admitted]) -> list[PutStatus | Reason]:
        """One status or reason each, in order. Raises StoreUnavailable."""
        statuses = iter(await self._batcher.put([found for found in admitted if isinstance(found, Entry)]))
        overdue = [found.entry for found in admitted if isinstance(found, Overdue)]
        known = iter(await self._store.known(overdue) if overdue else ())
        return [
            found if isinstance(found, Reason) else _reasoned(next(known if isinstance(found, Overdue) else statuses))
            for found in admitted
        ]


def _reasoned(status: PutStatus) -> PutStatus | Reason:
    return Reason.ARCHIVED if status is PutStatus.archived else status


_WORDS: dict[PutStatus | Reason, bytes] = {
    **{status: canonical_json({"status": status}) for status in PutStatus},
    **{reason: canonical_json({"status": "rejected", "reason": reason}) for reason in Reason},
}


def answer_of(statuses: Sequence[PutStatus | Reason]) -> bytes:
    """The answer to an upload, as JSON."""
    return b'{"reports":[' + b",".join([_WORDS[status] for status in statuses]) + b"]}"
