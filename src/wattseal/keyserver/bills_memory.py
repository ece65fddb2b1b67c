"""What a half remembers of bills and of the atoms beside them: its own ledger, as the bill rules want to see it."""

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from wattseal.edge.registry import Registry
from wattseal.keyserver.days import MOST_DAYS, Days
from wattseal.keyserver.ledger import Ledger
from wattseal.policy.bill_atoms import DayAtoms
from wattseal.policy.bill_books import Books, billed_in, books_of, record
from wattseal.policy.bill_pins import Pin, Place, pin
from wattseal.policy.bill_questions import Bills, CycleMinutes, Registered, hanging_together
from wattseal.policy.bills import BillBook, BillRules
from wattseal.policy.sets import Day
from wattseal.protocol.billing import BillStatement
from wattseal.protocol.ids import Channel, MeterId, RegionDay, RegionId, Window


@dataclass
class _Cycle:
    """What was granted of one region's billing cycle, as far as entry `counter` of the ledger."""

    counter: int = 0
    books: Books = field(default_factory=dict)
    pins: dict[Place, Pin] = field(default_factory=dict)


class _Atoms(NamedTuple):
    """Of one region, channel and day, and the day that they are of."""

    day: Day
    atoms: DayAtoms


class BillMemory:
    """Reads each entry of the ledger once. For one thread at a time."""

    def __init__(self, ledger: Ledger, registry: Registry, rules: BillRules, days: Days) -> None:
        self._ledger, self._registry, self._rules, self._days = ledger, registry, rules, days
        self._expected: Bills | None = None
        self._cycles: dict[tuple[RegionId, CycleMinutes], _Cycle] = {}
        self._atoms: dict[RegionDay, _Atoms] = {}

    def around(self, region: RegionId, minutes: CycleMinutes) -> "Recollection":
        """For what is asked about that time."""
        cycles = hanging_together(self._ledger.bill_cycles(region), minutes)
        return Recollection(self, region, {cycle: self._cycle(region, cycle) for cycle in cycles})

    def expect(self, bills: Bills) -> None:
        """What was just permitted is not read a second time, should the ledger tell of it next."""
        self._expected = bills

    def day(self, region: RegionId, channel: Channel, window: Window) -> DayAtoms:
        place = RegionDay(region, channel, window)
        day = self._days.at(place).day
        known = self._atoms.pop(place, None)
        if known is None or known.day is not day:
            others = (other.atoms for where, other in self._atoms.items() if where.region == region)
            known = _Atoms(day, self.seen(region, day).sharing(others))
        self._atoms[place] = known
        if len(self._atoms) > MOST_DAYS:
            del self._atoms[next(iter(self._atoms))]
        return known.atoms

    def seen(self, region: RegionId, day: Day) -> DayAtoms:
        rosters = self._registry.rosters.of(region)
        return DayAtoms.of(day, (meter for roster in rosters for meter in roster.by_meter))

    def _cycle(self, region: RegionId, cycle: CycleMinutes) -> _Cycle:
        known = self._cycles.setdefault((region, cycle), _Cycle())
        for counter, body in self._ledger.bills_of(region, cycle, known.counter):
            bills = self._bills(body)
            record(known.books, bills, self._rules)
            pin(known.pins, bills.statement)
            known.counter = counter
        return known

    def _bills(self, body: bytes) -> Bills:
        """Under the roster that it names, whatever has taken its place since."""
        if self._expected is not None and self._expected.statement.fingerprint == hashlib.sha256(body).digest():
            return self._expected
        statement = BillStatement.from_bytes(body)
        registered = Registered(*self._registry.tariff(statement.tariff))
        rosters = [self._registry.rosters.named(statement.roster_digest)]
        return Bills(statement, registered, rosters, self._registry.key(statement.key_id))


@dataclass(frozen=True)
class Recollection:
    """A `Memory` of one region, of the cycles that hang together with what is asked; no other bears on the answer."""

    memory: BillMemory
    region: RegionId
    cycles: Mapping[CycleMinutes, _Cycle]

    @cached_property
    def _books(self) -> dict[CycleMinutes, Books]:
        return {cycle: known.books for cycle, known in self.cycles.items()}

    def books(self, meter: MeterId, channel: Channel) -> Mapping[CycleMinutes, BillBook]:
        """See `Memory`."""
        return books_of(self._books, meter, channel)

    def billed(self, channel: Channel) -> Set[MeterId]:
        """See `Memory`."""
        return billed_in(self._books.values(), channel)

    def day(self, channel: Channel, window: Window) -> DayAtoms:
        """See `Memory`."""
        return self.memory.day(self.region, channel, window)

    def seen(self, day: Day) -> DayAtoms:
        """See `Memory`."""
        return self.memory.seen(self.region, day)

    def pin(self, place: Place) -> Pin | None:
        """See `Memory`. A segment is of one cycle."""
        return next((known.pins[place] for known in self.cycles.values() if place in known.pins), None)
