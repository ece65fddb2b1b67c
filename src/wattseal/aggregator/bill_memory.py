"""What the aggregator remembers of one region: the bills that it answered, and the meters that its totals hide.

Learned from the store's logs, each answer once; who reads the logs, and what follows, is in `bills.py`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from wattseal.edge.registry import Registry
from wattseal.policy.bill_atoms import DayAtoms
from wattseal.policy.bill_books import Books, billed_in, books_of, record
from wattseal.policy.bill_pins import Pin, Place, pin
from wattseal.policy.bill_questions import Bills, CycleMinutes, Registered, hanging_together
from wattseal.policy.bills import BillBook, BillRules
from wattseal.policy.sets import Day
from wattseal.protocol.billing import BillAnswer, BillStatement
from wattseal.protocol.codec import Digest
from wattseal.protocol.ids import Channel, MeterId, RegionId, Window

ChannelDay = tuple[Channel, Window]


class Atoms(NamedTuple):
    """Of one channel and day, and the day that they are of."""

    day: Day
    atoms: DayAtoms


class Recollection(NamedTuple):
    """A `Memory` of the cycles that hang together with what is asked: no other bears on it. And of the days learned."""

    memory: "BillMemory"
    cycles: Mapping[CycleMinutes, Books]
    days: Mapping[ChannelDay, Atoms]
    pins: Mapping[Place, Pin]

    def books(self, meter: MeterId, channel: Channel) -> Mapping[CycleMinutes, BillBook]:
        """See `Memory`."""
        return books_of(self.cycles, meter, channel)

    def billed(self, channel: Channel) -> Set[MeterId]:
        """See `Memory`."""
        return billed_in(self.cycles.values(), channel)

    def day(self, channel: Channel, window: Window) -> DayAtoms:
        """See `Memory`."""
        return self.days[channel, window].atoms

    def seen(self, day: Day) -> DayAtoms:
        """See `Memory`."""
        return self.memory.seen(day)

    def pin(self, place: Place) -> Pin | None:
        """See `Memory`."""
        return self.pins.get(place)


class BillMemory:
    """One thread at a time changes it, and none looks meanwhile."""

    def __init__(self, region: RegionId, registry: Registry, rules: BillRules) -> None:
        self._region = region
        self._registry = registry
        self._rules = rules
        self._places: dict[Digest, int] = {}
        self._expected: Bills | None = None
        self._cycles: dict[CycleMinutes, Books] = {}
        self._days: dict[ChannelDay, Atoms] = {}
        self._pins: dict[Place, Pin] = {}

    @property
    def answers(self) -> int:
        """How many entries of the log it knows."""
        return len(self._places)

    def learn_bills(self, answers: Iterable[bytes]) -> None:
        """Entries of the log that follow those it knows."""
        for answer in answers:
            bills = self._bills(BillAnswer.from_bytes(answer).statement)
            record(self._cycles.setdefault(bills.minutes, {}), bills, self._rules)
            pin(self._pins, bills.statement)
            self._places[bills.statement.fingerprint] = len(self._places)

    def expect(self, bills: Bills) -> None:
        """What is being answered is not read a second time, should the log tell of it next."""
        self._expected = bills

    def learn_totals(self, days: Mapping[ChannelDay, Day]) -> None:
        """Of the days that the next question is about; of others nothing is kept."""
        learned: dict[ChannelDay, Atoms] = {}
        for place, day in days.items():
            learned[place] = self._atoms_of(place, day, learned)
        self._days = learned

    def place_of(self, statement: Digest) -> int | None:
        """Where in the log the statement's answer stands."""
        return self._places.get(statement)

    def pin(self, place: Place) -> Pin | None:
        """What is billed of it; None: nothing yet."""
        return self._pins.get(place)

    def around(self, minutes: CycleMinutes) -> Recollection:
        """For what is asked about that time."""
        cycles = hanging_together(list(self._cycles), minutes)
        return Recollection(self, {cycle: self._cycles[cycle] for cycle in cycles}, self._days, self._pins)

    def _bills(self, body: bytes) -> Bills:
        """Under the roster that it names, whatever has taken its place since."""
        if self._expected is not None and self._expected.statement.fingerprint == hashlib.sha256(body).digest():
            return self._expected
        statement = BillStatement.from_bytes(body)
        rosters = (self._registry.rosters.named(statement.roster_digest),)
        registered = Registered(*self._registry.tariff(statement.tariff))
        return Bills(statement, registered, rosters, self._registry.key(statement.key_id))

    def _atoms_of(self, place: ChannelDay, day: Day, others: Mapping[ChannelDay, Atoms]) -> Atoms:
        known = self._days.get(place)
        if known is not None and known.day is day:
            return known
        return Atoms(day, self.seen(day).sharing(other.atoms for other in others.values()))

    def seen(self, day: Day) -> DayAtoms:
        """What a day tells apart in this region."""
        rosters = self._registry.rosters.of(self._region)
        return DayAtoms.of(day, (meter for roster in rosters for meter in roster.by_meter))
