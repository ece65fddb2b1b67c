"""What the aggregator remembers of one region: the bills that it answered, and the meters that its totals hide.

Learned from the store's logs, each answer once; who reads the logs, and what follows, is in `bills.py`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wattseal.edge.registry import Registry
from wattseal.policy.bill_pins import Pin, Place, pin
from wattseal.policy.bill_questions import Bills, CycleMinutes, Registered, hanging_together
from wattseal.policy.bills import BillBook, BillRules
from wattseal.policy.sets import Day
from wattseal.protocol.billing import BillAnswer, BillStatement
from wattseal.protocol.codec import Digest
from wattseal.protocol.ids import Channel, MeterId, RegionId, Window

ChannelDay = tuple[Channel, Window]
Books = dict[tuple[MeterId, Channel], BillBook]


class Atoms(NamedTuple):
    """Of one channel and day, and the day that they are of."""

    day: Day
    meters: frozenset[frozenset[MeterId]]


class Recollection(NamedTuple):
    """A `Memory` of the cycles that hang together with what is asked: no other bears on it. And of the days learned."""

    cycles: Mapping[CycleMinutes, Books]
    days: Mapping[ChannelDay, Atoms]
    pins: Mapping[Place, Pin]

    def books(self, meter: MeterId, channel: Channel) -> Mapping[CycleMinutes, BillBook]:
        """See `Memory`."""
        place = (meter, channel)
        return {cycle: books[place] for cycle, books in self.cycles.items() if place in books}

    def atoms(self, channel: Channel, windows: range) -> frozenset[frozenset[MeterId]]:
        """See `Memory`."""
        days = (self.days[channel, Window(window)].meters for window in windows)
        return frozenset[frozenset[MeterId]]().union(*days)

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
        self._cycles: dict[CycleMinutes, Books] = {}
        self._days: dict[ChannelDay, Atoms] = {}
        self._pins: dict[Place, Pin] = {}

    def learn_bills(self, answers: Sequence[bytes]) -> None:
        """`answers` is the whole log; what is known of it is passed over."""
        for place in range(len(self._places), len(answers)):
            statement = BillStatement.from_bytes(BillAnswer.from_bytes(answers[place]).statement)
            self._record(statement)
            pin(self._pins, statement)
            self._places[statement.digest()] = place

    def learn_totals(self, days: Mapping[ChannelDay, Day]) -> None:
        """Of the days that the next question is about; of others nothing is kept."""
        self._days = {place: self._atoms_of(place, day) for place, day in days.items()}

    def place_of(self, statement: Digest) -> int | None:
        """Where in the log the statement's answer stands."""
        return self._places.get(statement)

    def pin(self, place: Place) -> Pin | None:
        """By which number it is billed; None: not yet."""
        return self._pins.get(place)

    def around(self, minutes: CycleMinutes) -> Recollection:
        """For what is asked about that time."""
        cycles = hanging_together(list(self._cycles), minutes)
        return Recollection({cycle: self._cycles[cycle] for cycle in cycles}, self._days, self._pins)

    def _record(self, statement: BillStatement) -> None:
        """Under the roster that it names, whatever has taken its place since."""
        rosters = (self._registry.roster_named(statement.roster_digest),)
        registered = Registered(*self._registry.tariff(statement.tariff))
        bills = Bills(statement, registered, rosters, self._registry.key(statement.key_id))
        books = self._cycles.setdefault(bills.minutes, {})
        for one in bills.asked():
            if one.items:
                before = books.get((one.meter, one.channel), BillBook())
                books[one.meter, one.channel] = self._rules.recorded((*before.items, *one.items))

    def _atoms_of(self, place: ChannelDay, day: Day) -> Atoms:
        known = self._days.get(place)
        if known is not None and known.day is day:
            return known
        rosters = (roster for roster in self._registry.rosters() if roster.region == self._region)
        atoms = day.atoms_with(meter for roster in rosters for meter in roster.by_meter)
        return Atoms(day, frozenset(atom.present for atom in atoms if atom.present))
