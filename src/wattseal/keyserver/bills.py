"""What both halves do alike with bill statements: permit them by their own ledger, and name what each number is of."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS_ID
from wattseal.cryptosystems.ckks.unblinder import bills_pads
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.edge.registry import Registry
from wattseal.keyserver.bills_memory import BillMemory
from wattseal.keyserver.days import Days
from wattseal.keyserver.ledger import Ledger
from wattseal.policy.bill_pins import PinOf
from wattseal.policy.bill_questions import Bills, CycleMinutes, Registered, check_atoms, permit_bills
from wattseal.policy.bills import BillRules
from wattseal.policy.limits import check_bills
from wattseal.policy.pack import Policy
from wattseal.policy.sets import Day
from wattseal.protocol.billing import BillSegment, BillStatement, SegmentReport
from wattseal.protocol.errors import WindowNotClosed
from wattseal.protocol.ids import Channel, Kind, MeterId, RegionId
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.tariff.compile import Compiled
from wattseal.protocol.tariff.registers import Result, program_of
from wattseal.protocol.time import MINUTES_PER_DAY, Clock, window_minutes

KeysOf = Callable[[int, Roster, Sequence[MeterId]], list[Secret]]
"""From a key id, a roster and meters of it."""


class Billing:
    """The bill rules of one half. For one thread at a time."""

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        policy: Policy,
        clock: Clock,
        days: Days,
        root_of: Callable[[int], object],
    ) -> None:
        """`root_of` raises for a key period without a root here."""
        self._registry, self._policy, self._clock, self._root_of = registry, policy, clock, root_of
        self._rules = BillRules(policy.floor)
        self._memory = BillMemory(ledger, registry, self._rules, days)

    def permit(self, statement: BillStatement) -> Bills:
        """What the statement means here, if this half's policy and ledger permit it. Raises Refused, Rejected."""
        self._policy.check_purpose(statement.purpose)
        if statement.cycle.minutes[1] * 60 > self._clock():
            raise WindowNotClosed("the billing cycle is not over yet")
        self._root_of(statement.key_id)
        bills = Bills(
            statement,
            Registered(*self._registry.tariff(statement.tariff)),
            self._registry.rosters.of(statement.region),
            self._registry.key(statement.key_id),
            self._registry.measures.extensions,
        )
        check_bills(self._policy, statement.purpose, statement.mode, bills.registered.tariff.customer_class)
        permit_bills(bills, self._memory.around(statement.region, bills.minutes), self._rules)
        self._memory.expect(bills)
        return bills

    def pins(self, region: RegionId, minutes: CycleMinutes) -> PinOf:
        """Which bills of a cycle are in force."""
        return self._memory.around(region, minutes).pin

    def check_total(self, statement: TotalStatement, after: Day) -> None:
        """Of a total that is otherwise permitted: `after` is its day with it. Raises ShareTooLarge."""
        memory = self._memory.around(statement.region, window_minutes(statement.window))
        check_atoms(statement.channel, statement.window, after, memory, self._rules)


class Part(NamedTuple):
    """One report of a segment: its label, whose key opens it, and at which places its numbers stand in the segment's.

    A segment stands by its own place in the statement.
    """

    place: int
    label: Label
    key: Secret
    numbers: Sequence[int]


class Batch(NamedTuple):
    """Parts that the same functionals weigh, and whose labels differ in the meter alone."""

    functionals: Sequence[Functional]
    parts: Sequence[Part]


def batches_of(bills: Bills, keys_of: KeysOf, places: Container[int] | None = None) -> list[Batch]:
    """A report that nothing weighs is left out. Segments that cover the same share their functionals.

    `places`: of those segments alone.
    """
    alike = {compiled: _Alike.of(bills, compiled) for compiled in bills.results}
    batches: dict[tuple[Compiled, Channel, Kind, int], list[Part]] = {}
    for place, (segment, compiled) in enumerate(zip(bills.statement.segments, bills.compiled, strict=True)):
        if places is not None and place not in places:
            continue
        priced, bindings = alike[compiled]
        key = key_of(bills, segment, keys_of)
        for report in segment.reports:
            if (report.channel, report.kind) in priced:
                label = _label(bills.statement, segment, report, bindings.get(report.channel, b""))
                numbers = priced[report.channel, report.kind].places
                batch = batches.setdefault((compiled, report.channel, report.kind, report.number), [])
                batch.append(Part(place, label, key, numbers))
    return [
        Batch(alike[compiled].priced[channel, kind].functionals, parts)
        for (compiled, channel, kind, _), parts in batches.items()
    ]


def key_of(bills: Bills, segment: BillSegment, keys_of: KeysOf) -> Secret:
    """Of the installation in the last roster within the segment that has the meter; what is permitted has one."""
    rosters = [roster for roster in bills.rosters if roster.effective * MINUTES_PER_DAY < segment.end]
    roster = next(roster for roster in reversed(rosters) if segment.meter in roster.by_meter)
    [key] = keys_of(bills.statement.key_id, roster, [segment.meter])
    return key


def bill_pads_of(bills: Bills, pad_keys_of: KeysOf) -> Iterator[bytes]:
    """One number for each functional of each segment, in order."""
    numbers: dict[tuple[int, int], bytes] = {}
    for functionals, parts in batches_of(bills, pad_keys_of):
        labels, keys = [[part.label] for part in parts], [part.key for part in parts]
        for part, pads in zip(parts, bills_pads(CKKS_4096, labels, keys, functionals), strict=True):
            numbers.update(((part.place, at), pad) for at, pad in zip(part.numbers, pads, strict=True))
    return (numbers[place] for place in sorted(numbers))


class _Priced(NamedTuple):
    """Functionals that weigh one report, and their places among all of the segment."""

    functionals: list[Functional]
    places: list[int]


class _Alike(NamedTuple):
    """What segments that are compiled alike share: functionals by report, and by channel what binds registers."""

    priced: Mapping[tuple[Channel, Kind], _Priced]
    bindings: Mapping[Channel, bytes]

    @classmethod
    def of(cls, bills: Bills, compiled: Compiled) -> "_Alike":
        results = bills.results[compiled]
        channels = {result.channel for result in results if result.kind is Kind.REGISTER}
        bindings = {channel: program_of(compiled, channel).binding(bills.minutes) for channel in channels}
        return cls(_priced(results), bindings)


def _priced(results: Sequence[Result]) -> dict[tuple[Channel, Kind], _Priced]:
    priced: dict[tuple[Channel, Kind], _Priced] = {}
    for place, result in enumerate(results):
        functionals, places = priced.setdefault((result.channel, result.kind), _Priced([], []))
        functionals.append(Functional.of(result.y))
        places.append(place)
    return priced


def _label(statement: BillStatement, segment: BillSegment, report: SegmentReport, binding: bytes) -> Label:
    return Label(
        suite=statement.suite,
        modulus_id=MODULUS_ID,
        region=statement.region,
        meter=segment.meter,
        kind=report.kind,
        channel=report.channel.code,
        start=segment.start,
        end=segment.end if report.read_at is None else report.read_at,
        key_id=statement.key_id,
        number=report.number,
        registers=b"" if report.read_at is None else binding,
    )
