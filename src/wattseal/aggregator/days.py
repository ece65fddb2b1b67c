"""What the aggregator remembers of totals, day by day: its logs, as the set rules want to see them."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakValueDictionary

from fastapi.concurrency import run_in_threadpool

from wattseal.aggregator.logs import totals_log
from wattseal.aggregator.store import Store
from wattseal.edge.registry import Registry
from wattseal.policy.levels import Granted, Levels
from wattseal.policy.meter_index import NO_METERS, MeterIndex
from wattseal.policy.questions import question_of
from wattseal.protocol.ids import CohortId, Purpose, RegionDay, RegionId
from wattseal.protocol.statement import Answer, TotalStatement

MOST_DAYS = 256
"""Of a region each: four billing cycles in both channels, or one day of many regions.

Each takes 5 bytes a meter and level, and each region among them 0.2 kB a meter.
"""


class Answered(NamedTuple):
    """What follows from the first entries of a day's log, and where each answer about a cohort stands."""

    entries: int
    granted: Granted
    places: dict[tuple[Purpose, CohortId], int]


class Days:
    """Reads each entry of a log once, but for days that nobody asked about for long.

    The log is the truth, and other workers append to it: every look begins with the entries that are new.
    """

    def __init__(self, store: Store, registry: Registry, levels: Levels) -> None:
        self._store, self._registry, self.levels = store, registry, levels
        self._kept: OrderedDict[RegionDay, Answered] = OrderedDict()
        # Days of the same meters share one index, as long as there are any.
        self._indices = WeakValueDictionary[RegionId, MeterIndex]()

    async def at(self, place: RegionDay) -> Answered:
        """As the log has it now. The same day while there is nothing new."""
        known = self._kept.get(place) or Answered(0, Granted.none(self.levels, self._index(place)), {})
        if entries := await self._store.read_log(totals_log(place), known.entries):
            known = await run_in_threadpool(self._learn, known, entries)
        # Whoever looked at the same time may have seen more.
        self._keep(place, max(known, self._kept.pop(place, known), key=lambda answered: answered.entries))
        return known

    def _learn(self, known: Answered, entries: Sequence[bytes]) -> Answered:
        statements = [TotalStatement.from_bytes(Answer.from_bytes(entry).statement) for entry in entries]
        questions = (question_of(one, self._registry.rosters.named(one.roster_digest)) for one in statements)
        # Of several answers about one cohort the first stands.
        numbered = reversed(list(enumerate(statements, known.entries)))
        places = {(one.purpose, one.cohort): number for number, one in numbered}
        return Answered(known.entries + len(entries), known.granted.after(*questions), {**places, **known.places})

    def _index(self, place: RegionDay) -> MeterIndex:
        return self._indices.get(place.region, NO_METERS)

    def _keep(self, place: RegionDay, known: Answered) -> None:
        self._kept[place] = known
        self._indices[place.region] = max(self._index(place), known.granted.day.index, key=len)
        if len(self._kept) > MOST_DAYS:
            self._kept.popitem(last=False)
