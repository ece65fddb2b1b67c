"""From what the door admitted to one status a report: most go to the store together, what is overdue is compared."""

from collections.abc import Sequence

from wattseal.aggregator.batching import Batcher
from wattseal.aggregator.door import Admitted, Overdue, Reason
from wattseal.aggregator.store import Entry, PutStatus, Store


class Intake:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._batcher = Batcher(store)

    async def take(self, admitted: Sequence[Admitted]) -> list[PutStatus | Reason]:
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
