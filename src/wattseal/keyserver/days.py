"""What a half remembers of totals, day by day: its own ledger, as set rules and dominance test want to see it."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from wattseal.edge.registry import Registry
from wattseal.keyserver.ledger import Ledger
from wattseal.policy.dominance import Opened
from wattseal.policy.levels import Granted, Levels, OpenedAtLevels, OpenedUnder, Question, Under
from wattseal.policy.meter_index import NO_METERS
from wattseal.policy.questions import question_of
from wattseal.protocol.codec import Message
from wattseal.protocol.ids import Channel, MeterId, Purpose, Window
from wattseal.protocol.roster import CustomerClass, Interval
from wattseal.protocol.statement import TotalStatement

MOST_DAYS = 128
"""Two billing cycles in both channels. Each takes 5 bytes a meter and level."""

T = TypeVar("T")
Entries = list[tuple[int, bytes]]


class Followed(Generic[T]):
    """What follows from a ledger's entries about each channel and day; reads each entry once.

    The ledger is the truth: every answer begins by looking for entries that are new. Days that were not asked about
    for long are forgotten, and read again. For one thread at a time.
    """

    def __init__(
        self,
        read: Callable[[Channel, Window, int], Entries],
        begin: Callable[[], T],
        learn: Callable[[T, Sequence[bytes]], T],
    ) -> None:
        """`read` gives entries with their places, of places beyond a given one."""
        self._read, self._begin, self._learn = read, begin, learn
        self._kept: OrderedDict[tuple[Channel, Window], tuple[int, T]] = OrderedDict()

    def at(self, channel: Channel, window: Window) -> T:
        """The same object while there is nothing new."""
        place = (channel, window)
        last, known = self._kept.pop(place) if place in self._kept else (0, self._begin())
        if entries := self._read(channel, window, last):
            last, known = entries[-1][0], self._learn(known, [body for _, body in entries])
        self._kept[place] = last, known
        if len(self._kept) > MOST_DAYS:
            self._kept.popitem(last=False)
        return known


class Days:
    """What was granted, by channel and day."""

    def __init__(self, ledger: Ledger, registry: Registry, levels: Levels) -> None:
        self._registry = registry
        self._followed = Followed(ledger.statements_of, lambda: Granted.none(levels, self._index), self._after)
        self._index = NO_METERS

    def at(self, channel: Channel, window: Window) -> Granted:
        """As the ledger has it now."""
        return self._followed.at(channel, window)

    def _after(self, granted: Granted, bodies: Sequence[bytes]) -> Granted:
        after = granted.after(*map(self._question, bodies))
        # Days of the same meters share one index.
        self._index = max(self._index, after.day.index, key=len)
        return after

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
    """What was opened, by channel and day."""
    return Followed(
        ledger.opened_of,
        lambda: OpenedAtLevels.none(levels),
        lambda known, bodies: known.after(*(Histogram.from_bytes(body).opened() for body in bodies)),
    )
