"""What a half remembers of totals, day by day: its own ledger, as set rules and dominance test want to see it."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from wattseal.edge.registry import Registry
from wattseal.keyserver.ledger import Ledger
from wattseal.policy.dominance import Opened
from wattseal.policy.levels import Granted, Levels, OpenedAtLevels, OpenedUnder, Question, Under
from wattseal.policy.meter_index import NO_METERS, MeterIndex
from wattseal.policy.questions import question_of
from wattseal.protocol.codec import Message
from wattseal.protocol.ids import MeterId, Purpose, RegionDay, RegionId
from wattseal.protocol.roster import CustomerClass, Interval
from wattseal.protocol.statement import TotalStatement

MOST_DAYS = 256
"""Of a region each: four billing cycles in both channels, or one day of many regions.

Each takes 5 bytes a meter and level, and each region among them 0.2 kB a meter.
"""

T = TypeVar("T")
Entries = list[tuple[int, bytes]]


class Followed(Generic[T]):
    """What follows from a ledger's entries about each day of a region; reads each entry once.

    The ledger is the truth: every answer begins by looking for entries that are new. Days that were not asked about
    for long are forgotten, and read again. For one thread at a time.
    """

    def __init__(
        self,
        read: Callable[[RegionDay, int], Entries],
        begin: Callable[[RegionDay], T],
        learn: Callable[[T, Sequence[bytes]], T],
    ) -> None:
        """`read` gives entries with their places, of places beyond a given one."""
        self._read, self._begin, self._learn = read, begin, learn
        self._kept: OrderedDict[RegionDay, tuple[int, T]] = OrderedDict()

    def at(self, place: RegionDay) -> T:
        """The same object while there is nothing new."""
        last, known = self._kept.pop(place) if place in self._kept else (0, self._begin(place))
        if entries := self._read(place, last):
            last, known = entries[-1][0], self._learn(known, [body for _, body in entries])
        self._kept[place] = last, known
        if len(self._kept) > MOST_DAYS:
            self._kept.popitem(last=False)
        return known


class Days:
    """What was granted, by region, channel and day."""

    def __init__(self, ledger: Ledger, registry: Registry, levels: Levels) -> None:
        self._registry = registry
        self._followed = Followed(ledger.statements_of, self._none, self._after)
        self._levels = levels
        # Days of the same meters share one index, as long as there are any.
        self._indices = WeakValueDictionary[RegionId, MeterIndex]()

    def at(self, place: RegionDay) -> Granted:
        """As the ledger has it now."""
        granted = self._followed.at(place)
        self._indices[place.region] = max(self._index(place), granted.day.index, key=len)
        return granted

    def _none(self, place: RegionDay) -> Granted:
        return Granted.none(self._levels, self._index(place))

    def _index(self, place: RegionDay) -> MeterIndex:
        return self._indices.get(place.region, NO_METERS)

    def _after(self, granted: Granted, bodies: Sequence[bytes]) -> Granted:
        return granted.after(*map(self._question, bodies))

    def _question(self, body: bytes) -> Question:
        statement = TotalStatement.from_bytes(body)
        return question_of(statement, self._registry.rosters.named(statement.roster_digest))


class Histogram(Message):
    """What the ledger keeps of an opened total for later dominance tests."""

    members: tuple[MeterId, ...]
    buckets: tuple[int, ...]
    total: int
    classes: tuple[CustomerClass, ...]
    purpose: Purpose
    interval_minutes: Interval

    def opened(self) -> OpenedUnder:
        opened = Opened(frozenset(self.members), self.buckets, self.total, frozenset(self.classes))
        return OpenedUnder(opened, Under(self.purpose, self.interval_minutes))


def opened_sets(ledger: Ledger, levels: Levels) -> Followed[OpenedAtLevels]:
    """What was opened, by region, channel and day."""
    return Followed(
        ledger.opened_of,
        lambda _: OpenedAtLevels.none(levels),
        lambda known, bodies: known.after(*(Histogram.from_bytes(body).opened() for body in bodies)),
    )
