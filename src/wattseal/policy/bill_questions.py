"""Which bills may be opened: what the aggregator, the decryptor and the unblinder check alike, each on its own memory.

Every one of them compiles the functionals itself, from the tariff that was registered with it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import NamedTuple, Protocol

from wattseal.policy.bill_atoms import DayAtoms, groups_of, windows_of
from wattseal.policy.bill_pins import Pin, Place, check_pins
from wattseal.policy.bills import NOTHING, BillBook, BillRules, Held, Item, Neighbors, Opaque, Source, Span
from wattseal.policy.measures import results_more
from wattseal.policy.sets import Day
from wattseal.policy.shares import Functional
from wattseal.policy.tenures import Tenure, tenures
from wattseal.protocol.billing import MOST_RESULTS, BillSegment, BillStatement, SegmentReport
from wattseal.protocol.codec import Digest, Named, canonical_json
from wattseal.protocol.errors import (
    Contradiction,
    FunctionalNotPermitted,
    MalformedMessage,
    ReadingNotPermitted,
    UsageError,
)
from wattseal.protocol.ids import Channel, Kind, MeterId, Suite, Window
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.measures import BudgetExtension
from wattseal.protocol.roster import Roster, RosterRow
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Compiled, Register
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.registers import Result, program_of, reports_of, results_of
from wattseal.protocol.time import MINUTES_PER_DAY

CycleMinutes = tuple[int, int]
# With a cycle each: a billing run asks for the same again, statement after statement.
_REGIONS_KEPT = 8
_NOTHING_ASKED: Mapping[CycleMinutes, BillBook] = MappingProxyType({})


class Asked(NamedTuple):
    """What one segment asks of one report of a channel: the items, in the order of its results."""

    meter: MeterId
    channel: Channel
    items: tuple[Item, ...]


class Memory(Protocol):
    """What one party remembers: its own ledger, seen as the rules need it."""

    def books(self, meter: MeterId, channel: Channel) -> Mapping[CycleMinutes, BillBook]:
        """By billing cycle, of every cycle of which something was released."""

    def billed(self, channel: Channel) -> Set[MeterId]:
        """Meters that have such books."""

    @property
    def cycles(self) -> Mapping[CycleMinutes, object]:
        """The cycles that hang together with what is asked."""

    def day(self, channel: Channel, window: Window) -> DayAtoms:
        """As totals were granted."""

    def seen(self, day: Day) -> DayAtoms:
        """As a total that is asked would make it."""

    def pin(self, place: Place) -> Pin | None:
        """What is billed of that place; None: nothing yet."""


class Listed(NamedTuple):
    """Names of charges on the signed list of a tariff, and the window in which this party registered it."""

    charges: frozenset[str]
    since: Window


class Registered(NamedTuple):
    """A tariff, the window in which it was registered with this party, and its list, if it has one."""

    tariff: Tariff
    since: Window
    listed: Listed | None = None


@dataclass(frozen=True)
class Bills:
    """A statement with what it means here: `rosters` are all of its region, in order of time.

    `installed`: every budget extension that this party has.
    """

    statement: BillStatement
    registered: Registered
    rosters: Sequence[Roster]
    key: KeyNotice
    installed: Sequence[BudgetExtension] = ()

    @cached_property
    def minutes(self) -> CycleMinutes:
        """Beginning and end of the cycle. Raises MalformedMessage."""
        return self.statement.cycle.minutes

    @cached_property
    def windows(self) -> range:
        """UTC days that the cycle touches."""
        start, end = self.minutes
        return range(start // MINUTES_PER_DAY, -(-end // MINUTES_PER_DAY))

    @cached_property
    def extensions(self) -> tuple[BudgetExtension, ...]:
        """Those that its bills may rest on."""
        about = (self.statement.region, self.registered.tariff.name, self.windows)
        return tuple(extension for extension in self.installed if extension.of_bills(*about))

    @property
    def extended_by(self) -> list[Digest]:
        """Their digests, for a ledger."""
        return [extension.fingerprint for extension in self.extensions]

    @cached_property
    def roster(self) -> Roster:
        """The one in force on the cycle's last day. Raises Contradiction if the statement is about another."""
        begun = [roster for roster in self.rosters if roster.effective <= self.windows[-1]]
        if not begun or begun[-1].fingerprint != self.statement.roster_digest:
            raise Contradiction("the statement is not about the roster in force at the end of its cycle")
        return begun[-1]

    @cached_property
    def compiled(self) -> tuple[Compiled, ...]:
        """By segment; those that cover the same time and reports share the work. Raises MalformedMessage."""
        alike: dict[tuple[int, int, tuple[Channel, ...], frozenset[Channel]], Compiled] = {}
        found = []
        for segment in self.statement.segments:
            place = (segment.start, segment.end, segment.channels, segment.by_registers)
            if place not in alike:
                alike[place] = self.statement.compiled(segment, self.registered.tariff, self.roster)
            found.append(alike[place])
        return tuple(found)

    @cached_property
    def results(self) -> Mapping[Compiled, tuple[Result, ...]]:
        """Of each of `compiled`: one a number, in order. Raises MalformedMessage."""
        try:
            return {compiled: results_of(compiled) for compiled in dict.fromkeys(self.compiled)}
        except UsageError as error:
            raise MalformedMessage(str(error)) from None

    @cached_property
    def usual(self) -> Compiled:
        """What the longest of the segments is billed by if its reads are there."""
        place, longest = max(enumerate(self.statement.segments), key=lambda placed: placed[1].end - placed[1].start)
        if not longest.by_registers:
            return self.compiled[place]
        reads = tuple(SegmentReport(channel=channel, number=0) for channel in longest.channels)
        usual = longest.model_copy(update={"reports": reads})
        return self.statement.compiled(usual, self.registered.tariff, self.roster)

    def asked(self) -> Sequence[Asked]:
        """By segment and report, in the order of the statement; what is alike shares its items."""
        return self._asked

    @cached_property
    def _asked(self) -> tuple[Asked, ...]:
        items = lru_cache(maxsize=None)(self._items)
        return tuple(
            Asked(segment.meter, report.channel, items(compiled, report.channel, report.kind, report.number))
            for segment, compiled in zip(self.statement.segments, self.compiled, strict=True)
            for report in segment.reports
        )

    def _items(self, compiled: Compiled, channel: Channel, kind: Kind, number: int) -> tuple[Item, ...]:
        source = Source(kind, compiled.segment.start, number)
        results = self.results[compiled]
        return tuple(
            Item(source, _functional(compiled, result), self._is_listed(compiled, result))
            for result in results
            if (result.channel, result.kind) == (channel, kind)
        )

    def _is_listed(self, compiled: Compiled, result: Result) -> bool:
        """A result of listed charges alone, if the list was registered before the cycle ended."""
        listed = self.registered.listed
        if listed is None or listed.since > self.windows[-1] or isinstance(result.of, Register):
            return False
        return compiled.charges_of(result.of.item) <= listed.charges

    def usual_span(self, channel: Channel) -> Span:
        """What the longest of the statement's segments would ask of the channel by its reads, estimated or not."""
        results = (result for result in results_of(self.usual) if result.channel is channel)
        told = ((_functional(self.usual, result), self._is_listed(self.usual, result)) for result in results)
        return Span.of((one, listed) for one, listed in told if isinstance(one, Functional))

    def check(self) -> None:
        """Raises Contradiction or FunctionalNotPermitted for what no ledger needs to be asked about."""
        statement, tariff = self.statement, self.registered.tariff
        if statement.suite != Suite.CKKS or statement.key_id != self.key.key_id:
            raise Contradiction("bills are under CKKS and the region's key period")
        if not self.key.first_window <= self.windows[-1] <= self.key.last_window:
            raise Contradiction("the statement's key is not that of its cycle's last day")
        if self.registered.since > self.windows[-1]:
            raise FunctionalNotPermitted("the tariff was registered after the cycle had ended")
        if tariff.commodity != self.roster.commodity:
            raise FunctionalNotPermitted("the tariff is not one of the region's commodity")
        if any(len(results) > MOST_RESULTS for results in self.results.values()):
            raise FunctionalNotPermitted(f"a bill has at most {MOST_RESULTS} results")
        parts = segments_of(self.rosters, self.minutes)
        for segment, compiled in zip(statement.segments, self.compiled, strict=True):
            if (segment.start, segment.end) not in parts.get(segment.meter, ()):
                raise Contradiction("a segment is not the part of the cycle that the roster's dates give its meter")
            _check_reports(segment, compiled)
            row = _row(self.rosters, segment)
            if row.tariff != tariff.name or row.customer_class != tariff.customer_class:
                raise FunctionalNotPermitted("a meter is not billed under this tariff")
            if segment.channels != row.channels:
                raise Contradiction("a segment has reports of each channel of its meter")


def hanging_together(cycles: Iterable[CycleMinutes], minutes: CycleMinutes) -> list[CycleMinutes]:
    """The cycles that overlap `minutes`, or one that does, and so on."""
    known, (start, end) = list(cycles), minutes
    while True:
        found = [cycle for cycle in known if cycle[0] < end and start < cycle[1]]
        reached = min([start, *(first for first, _ in found)]), max([end, *(last for _, last in found)])
        if reached == (start, end):
            return found
        start, end = reached


def segments_of(rosters: Sequence[Roster], cycle: CycleMinutes) -> Mapping[MeterId, Sequence[CycleMinutes]]:
    """The parts of a cycle in which each meter was at its service point under one account, cut at UTC days."""
    return _segments_of(tuple(Named(roster.fingerprint, roster) for roster in rosters), cycle)


@lru_cache(maxsize=_REGIONS_KEPT)
def _segments_of(rosters: Sequence[Named[Roster]], cycle: CycleMinutes) -> dict[MeterId, list[CycleMinutes]]:
    start, end = cycle
    parts: dict[MeterId, list[CycleMinutes]] = {}
    for history in tenures(roster.value for roster in rosters).values():
        for tenure in history:
            first, last = max(start, tenure.first * MINUTES_PER_DAY), min(end, _end(tenure))
            if first < last:
                parts.setdefault(tenure.meter, []).append((first, last))
    return parts


def _end(tenure: Tenure) -> int:
    return 1 << 31 if tenure.last is None else (tenure.last + 1) * MINUTES_PER_DAY


def _row(rosters: Sequence[Roster], segment: BillSegment) -> RosterRow:
    """Of the last roster that has the meter within its segment."""
    last = (segment.end - 1) // MINUTES_PER_DAY
    rows = [roster.by_meter.get(segment.meter) for roster in rosters if roster.effective <= last]
    found = next((row for row in reversed(rows) if row is not None), None)
    if found is None:
        raise Contradiction("a segment is of a meter that the roster does not have")
    return found


def _check_reports(segment: BillSegment, compiled: Compiled) -> None:
    """Two readings of one cycle would tell the energy between them, so that at its end is the only one there is."""
    if any(report.read_at not in (None, segment.end) for report in segment.reports):
        raise ReadingNotPermitted("registers are opened as they stood at the end of a billing segment alone")
    if [(report.channel, report.kind) for report in segment.reports] != reports_of(compiled):
        raise Contradiction("a segment's reports are not those that its part of a bill rests on")


def _functional(compiled: Compiled, result: Result) -> Functional | Opaque:
    """What a result tells of the intervals: a register's energy is a sum of theirs like any other."""
    segment = compiled.segment
    if isinstance(result.of, Register):
        program, covered = program_of(compiled, result.channel), compiled.registers[result.of]
        cover = Functional.of(segment.start, segment.interval_minutes, covered, amount=False)
        return Opaque(hashlib.sha256(program.digest + canonical_json(result.of)).digest(), cover)
    amount = result.of.item.mode is Mode.AMOUNT
    return Functional.of(segment.start, segment.interval_minutes, result.of.y, amount=amount)


def permit_bills(bills: Bills, memory: Memory, rules: BillRules) -> list[Asked]:
    """What the statement asks, if all of it is permitted. Raises Refused, Contradiction or MalformedMessage.

    What it raises for names no meter.
    """
    bills.check()
    check_pins(bills.statement, memory.pin)
    asked = [one for one in bills.asked() if one.items]
    changes: dict[Channel, dict[MeterId, tuple[BillBook, BillBook]]] = {}
    more = results_more(bills.extensions)
    for one in asked:
        books = memory.books(one.meter, one.channel)
        _check_disjoint(books, bills.minutes)
        of_channel = changes.setdefault(one.channel, {})
        before, so_far = of_channel.get(one.meter, (books.get(bills.minutes, BillBook()),) * 2)
        large = bills.roster.unit.factor > 1 or bills.registered.tariff.customer_class == "large"
        of_channel[one.meter] = before, rules.permit(so_far, one.items, sums_only=large, more=more)
    for channel, of_channel in changes.items():
        _check_neighbors(bills, channel, of_channel, memory, rules)
    return asked


def check_atoms(channel: Channel, window: Window, after: Day, memory: Memory, rules: BillRules) -> None:
    """What bills told must stay hidden in each group that a total makes. Raises ShareTooLarge, which names no meter.

    To be asked before the total is granted: `after` is its day with it. `memory` is of the cycles that hang together
    with that day. What was released decides alone: a later bill is looked at beside these groups when it is asked.
    """
    known = {Window(day): memory.day(channel, Window(day)) for day in windows_of(memory.cycles)}
    if not known:
        return
    seen = memory.seen(after)
    new = groups_of({**known, window: seen}.values()) - groups_of(known.values())
    for group in new | (seen.counted - known[window].counted):
        rules.check_neighbors(Neighbors.of(Held.of(memory.books(meter, channel).values()) for meter in group))


def _check_disjoint(books: Mapping[CycleMinutes, BillBook], cycle: CycleMinutes) -> None:
    if any(start < cycle[1] and cycle[0] < end and (start, end) != cycle for start, end in books):
        raise FunctionalNotPermitted("billing cycles of one meter do not overlap")


def _check_neighbors(
    bills: Bills,
    channel: Channel,
    changes: Mapping[MeterId, tuple[BillBook, BillBook]],
    memory: Memory,
    rules: BillRules,
) -> None:
    """In every group that a billed meter is in.

    Of neighbors under the same tariff, what it may tell of them counts as told. Those under another are counted by what
    was released: a later bill of theirs that would break this is refused then.
    """
    of_tariff = bills.usual_span(channel)
    alike = frozenset(row.meter for row in bills.roster.rows if row.tariff == bills.registered.tariff.name)
    held = lru_cache(maxsize=None)(_held)

    def holding(meter: MeterId, asked: Mapping[CycleMinutes, BillBook] = _NOTHING_ASKED) -> Held:
        """Of the cycle that is asked about, the book as it will be."""
        books = {**memory.books(meter, channel), **asked}
        return held(tuple(books.values()), of_tariff if meter in alike else NOTHING)

    billed = memory.billed(channel)
    days = windows_of([*memory.cycles, bills.minutes])
    for atom in groups_of(memory.day(channel, Window(day)) for day in days):
        if atom.isdisjoint(changes):
            continue
        known = atom & billed
        # Most meters of a large atom were never billed: they are counted, not looked at.
        counts = Counter(map(holding, known))
        counts[held((), of_tariff)] += len(atom & alike) - len(known & alike)
        counts[held((), NOTHING)] += len(atom - alike) - len(known - alike)
        pairs = (
            (holding(meter), holding(meter, {bills.minutes: changes[meter][1]})) for meter in atom & changes.keys()
        )
        rules.permit_among(Neighbors(+counts), pairs)


def _held(books: tuple[BillBook, ...], registered: Span) -> Held:
    return Held.of(books, registered)
