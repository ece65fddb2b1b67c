"""Which reports a billing run rests on, and which of those that the store holds they are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from fastapi.concurrency import run_in_threadpool

from wattseal.aggregator.entries import ReportId
from wattseal.aggregator.store import Store
from wattseal.cryptosystems.ckks.residues import byte_count
from wattseal.policy.bill_pins import Pin, PinOf, Place
from wattseal.policy.bill_questions import Bills
from wattseal.protocol.billing import BillQuestion, BillSegment, Cancels, SegmentReport
from wattseal.protocol.errors import NobodyReported
from wattseal.protocol.ids import Channel, Kind, MeterId, RegionId, Window
from wattseal.protocol.report import Report, decode_report
from wattseal.protocol.tariff.charges import DemandCharge
from wattseal.protocol.tariff.compile import Compiled
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.registers import program_of, reports_of
from wattseal.protocol.time import MINUTES_PER_DAY


class Segment(NamedTuple):
    """A meter's part of the cycle, the channels that it is billed for, and the key of the cycle's last day."""

    meter: MeterId
    start: int
    end: int
    channels: tuple[Channel, ...]
    key_id: int
    cancels: Cancels | None = None

    @property
    def last_day(self) -> Window:
        """The window that its reports lie under."""
        return last_day(self.end)

    def stated(self, reports: Iterable[SegmentReport]) -> BillSegment:
        named = tuple(reports)
        return BillSegment(meter=self.meter, start=self.start, end=self.end, reports=named, cancels=self.cancels)


def last_day(end: int) -> Window:
    return Window((end - 1) // MINUTES_PER_DAY)


class Registers(NamedTuple):
    """What a register report looks like if its registers count what is billed."""

    layout_id: bytes
    size: int


class Need(NamedTuple):
    """One report of a segment: its cycle report, or that of registers as they were read at its end."""

    segment: Segment
    channel: Channel
    registers: Registers | None = None

    @property
    def kind(self) -> Kind:
        return Kind.CYCLE if self.registers is None else Kind.REGISTER

    @property
    def place(self) -> Place:
        return Place(self.segment.meter, self.segment.start, self.segment.end)

    def by_number(self, number: int) -> SegmentReport:
        read_at = None if self.registers is None else self.segment.end
        return SegmentReport(channel=self.channel, number=number, read_at=read_at)

    def met_by(self, report: Report) -> bool:
        """A meter that has not heard of a move, another tariff or another key reports by what it knew."""
        header, segment = report.header, self.segment
        whole = (header.start, header.end, header.key_id) == (segment.start, segment.end, segment.key_id)
        return whole and self.registers in (None, (header.layout_id, len(report.ciphertext)))


Needs = Sequence[Sequence[Need]]
"""By segment, in the order of a statement."""

Found = Mapping[Need, Report]
BillsOf = Callable[[Sequence[BillSegment]], Bills]


class RunReports(NamedTuple):
    """The reports of each segment of a run, in the order of a statement."""

    segments: list[BillSegment]
    reports: list[list[Report]]

    @classmethod
    def of(cls, needs: Needs, found: Found) -> "RunReports":
        """Raises NobodyReported, which says of how many meters a report is missing, never which."""
        _require(needs, found)
        stated = [
            of_one[0].segment.stated(need.by_number(found[need].header.number) for need in of_one) for of_one in needs
        ]
        return cls(stated, [[found[need] for need in of_one] for of_one in needs])


class Run(NamedTuple):
    """What is to be billed: `bills_of` are the bills of segments, whatever the numbers of their reports."""

    question: BillQuestion
    tariff: Tariff
    segments: Sequence[Segment]
    bills_of: BillsOf
    pin_of: PinOf

    def number(self, need: Need) -> int | None:
        """Of the report that is billed already, and stays so; None: of the highest that there is."""
        pin = self._pin(need)
        return None if pin is None else pin.number(need.channel, need.kind)

    def stays_estimated(self, need: Need) -> bool:
        """Whether registers are billed in the place of a cycle report, whenever that came."""
        pin = self._pin(need)
        if not self.question.estimates or pin is None:
            return False
        cycle, register = (pin.number(need.channel, kind) for kind in (Kind.CYCLE, Kind.REGISTER))
        return cycle is None and register is not None

    def _pin(self, need: Need) -> Pin | None:
        """Of what the question takes back nothing stays."""
        return None if need.segment.cancels is not None else self.pin_of(need.place)


async def find_reports(store: Store, run: Run) -> RunReports:
    """Cycle reports; and of registers, for demand, and for energy if the question allows estimates.

    Raises NobodyReported, MalformedMessage for what no register counts, StoreUnavailable.
    """
    reads, found = await _reads(store, run)
    if not run.question.estimates:
        _require(reads, found)
    return RunReports.of(*await _completed(store, run, reads, found))


async def lacking_reports(store: Store, run: Run) -> set[MeterId]:
    """Of which meters `find_reports` would miss one. Raises MalformedMessage, StoreUnavailable."""
    reads, found = await _reads(store, run)
    lacking = set() if run.question.estimates else _lacking(reads, found)
    rest = [of_one for of_one in reads if of_one[0].segment.meter not in lacking]
    return lacking | (_lacking(*await _completed(store, run, rest, found)) if rest else set())


async def _reads(store: Store, run: Run) -> tuple[Needs, Found]:
    reads = [[Need(segment, channel) for channel in segment.channels] for segment in run.segments]
    asked = [[need for need in of_one if not run.stays_estimated(need)] for of_one in reads]
    return reads, await _stored(store, run, asked)


async def _completed(store: Store, run: Run, reads: Needs, found: Found) -> tuple[Needs, Found]:
    """With registers, where demand or an estimate needs them."""
    demanding = any(isinstance(charge, DemandCharge) for charge in run.tariff.charges)
    if not demanding and not _lacking(reads, found):
        return reads, found
    needs = await run_in_threadpool(_with_registers, reads, found, run.bills_of)
    registers = [[need for need in of_one if need.registers is not None] for of_one in needs]
    return needs, {**found, **await _stored(store, run, registers)}


def _lacking(needs: Needs, found: Found) -> set[MeterId]:
    return {need.segment.meter for of_one in needs for need in of_one if need not in found}


def _require(needs: Needs, found: Found) -> None:
    lacking = _lacking(needs, found)
    if not lacking:
        return
    meters = {need.segment.meter for of_one in needs for need in of_one}
    unread = {need.segment.meter for of_one in needs for need in of_one if need.registers and need not in found}
    what = "reading of their registers at the end" if unread else "report"
    raise NobodyReported(f"{len(lacking)} of {len(meters)} meters have no {what} of this cycle")


def _with_registers(reads: Needs, found: Found, bills_of: BillsOf) -> list[list[Need]]:
    """What each segment rests on, given which of its channels have a cycle report."""
    bills = bills_of([_by_reads(of_one, found) for of_one in reads])
    registers = lru_cache(maxsize=None)(_registers)
    return [
        [Need(of_one[0].segment, channel, registers(compiled, channel, kind)) for channel, kind in reports_of(compiled)]
        for of_one, compiled in zip(reads, bills.compiled, strict=True)
    ]


def _registers(compiled: Compiled, channel: Channel, kind: Kind) -> Registers | None:
    if kind is Kind.CYCLE:
        return None
    program = program_of(compiled, channel)
    return Registers(program.layout_id, byte_count(program.coefficients))


def _by_reads(reads: Sequence[Need], found: Found) -> BillSegment:
    """By registers where no cycle report is; no number is meant yet."""
    segment = reads[0].segment
    ends = ((need.channel, None if need in found else segment.end) for need in reads)
    return segment.stated(SegmentReport(channel=channel, number=0, read_at=end) for channel, end in ends)


async def _stored(store: Store, run: Run, needs: Needs) -> dict[Need, Report]:
    """By the number that is billed already, else the highest."""
    billed = {need: run.number(need) for of_one in needs for need in of_one}
    numbers = {need: number for need, number in billed.items() if number is not None}
    free = [need for need, number in billed.items() if number is None]
    region = run.question.region
    bodies = {**await _numbered(store, region, numbers), **await _highest(store, region, free)}
    return await run_in_threadpool(_fitting, bodies)


async def _numbered(store: Store, region: RegionId, numbers: Mapping[Need, int]) -> dict[Need, bytes]:
    windows: dict[Window, list[Need]] = {}
    for need in numbers:
        windows.setdefault(need.segment.last_day, []).append(need)
    found: dict[Need, bytes] = {}
    for window, alike in windows.items():
        ids = [ReportId(need.kind, need.channel.code, need.segment.meter, numbers[need]) for need in alike]
        bodies = zip(alike, await store.read(region, window, ids), strict=True)
        found |= {need: body for need, body in bodies if body is not None}
    return found


async def _highest(store: Store, region: RegionId, needs: Sequence[Need]) -> dict[Need, bytes]:
    """The highest number that there is, accepted or late: late reports serve bills like others."""
    places: dict[tuple[Window, Kind, Channel], list[Need]] = {}
    for need in needs:
        places.setdefault((need.segment.last_day, need.kind, need.channel), []).append(need)
    bodies: dict[Need, bytes] = {}
    for (window, kind, channel), alike in places.items():
        place = (region, window, kind, channel.code, [need.segment.meter for need in alike])
        accepted, late = await store.fetch(*place), await store.fetch_late(*place)
        for need, *stored in zip(alike, accepted, late, strict=True):
            numbered = [report for report in stored if report is not None]
            if numbered:
                bodies[need] = max(numbered, key=itemgetter(0))[1]
    return bodies


def _fitting(bodies: Mapping[Need, bytes]) -> dict[Need, Report]:
    reports = ((need, decode_report(body)) for need, body in bodies.items())
    return {need: report for need, report in reports if need.met_by(report)}
