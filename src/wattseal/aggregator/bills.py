"""Encrypted bills: a statement over the segments of a cycle, one number for each functional, and the log of answers.

The rules are applied to what was answered here; both halves of the key server apply them to ledgers of their own.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from fastapi.concurrency import run_in_threadpool
from nacl.signing import SigningKey

from wattseal.aggregator.bill_memory import BillMemory
from wattseal.aggregator.bill_reports import Run, Segment, find_reports, lacking_reports, last_day
from wattseal.aggregator.days import Days
from wattseal.aggregator.logs import bills_log
from wattseal.aggregator.store import Store
from wattseal.aggregator.sums import bill_numbers, flags_of_bill
from wattseal.edge.registry import Registry
from wattseal.policy.bill_atoms import windows_of
from wattseal.policy.bill_pins import PinOf
from wattseal.policy.bill_questions import Bills, CycleMinutes, Registered, check_atoms, permit_bills, segments_of
from wattseal.policy.bills import BillRules
from wattseal.policy.consents import check_consents, of_bills
from wattseal.policy.limits import NOBODY, Asker, check_bills
from wattseal.policy.pack import Policy
from wattseal.policy.sets import Day
from wattseal.protocol.billing import (
    MOST_SEGMENTS,
    BillAnswer,
    BillQuestion,
    BillSegment,
    BillStatement,
)
from wattseal.protocol.billing_route import RouteMeter, RouteMeters, RouteQuestion
from wattseal.protocol.errors import MessageTooLarge, UnknownSubject, WindowNotClosed
from wattseal.protocol.ids import Channel, MeterId, RegionDay, RegionId, Suite, Window
from wattseal.protocol.report import Report
from wattseal.protocol.roster import Roster, RosterRow
from wattseal.protocol.statement import TotalQuestion
from wattseal.protocol.time import MINUTES_PER_DAY, Clock, window_minutes

_ROUTE_BATCH = 250


class Billing:
    """Answers questions about cycles that are over. The log of a region is what its bill rules see.

    Workers that share a store see each other's bills. A total and a bill that are answered in the same moment may miss
    each other: the next question sees both, and the halves answer one after the other.
    """

    def __init__(
        self, store: Store, registry: Registry, policy: Policy, signing_key: SigningKey, clock: Clock, days: Days
    ) -> None:
        self._store = store
        self._registry = registry
        self._signing_key = signing_key
        self._clock = clock
        self._days = days
        self._policy = policy
        self._rules = BillRules(policy.floor)
        self._memories: dict[RegionId, BillMemory] = {}
        self._one_at_a_time = asyncio.Lock()

    async def answer(self, question: BillQuestion, asker: Asker = NOBODY) -> bytes:
        """A signed BillAnswer; the same statement gets the same bytes without computing.

        What was billed stays billed by the same reports, but for meters that the question takes a bill back of.
        Raises WindowNotClosed, UnknownSubject, NobodyReported if a meter lacks a report, MessageTooLarge, what
        `permit_bills` raises, StoreUnavailable.
        """
        if question.cycle.minutes[1] * 60 > self._clock():
            raise WindowNotClosed("the billing cycle is not over")
        registered = Registered(*self._registry.tariff(question.tariff))
        check_bills(self._policy, question.purpose, question.mode, registered.tariff.customer_class)
        segments = await run_in_threadpool(self._segments, question)
        bills_of = partial(self._bills, question, registered)
        asked = Run(question, registered.tariff, segments, bills_of, await self._pins(question.region))
        stated, reports = await find_reports(self._store, asked)
        bills = bills_of(stated)
        wanted = of_bills(bills.statement, bills.rosters)
        await run_in_threadpool(check_consents, self._policy, bills.statement, asker, wanted, self._registry.consents)
        async with self._one_at_a_time:
            return await self._answer(bills, reports)

    async def route(self, question: RouteQuestion) -> RouteMeters:
        """Who is on a route within the cycle, for whoever may ask for their bills.

        Raises WindowNotClosed, PurposeNotPermitted, UnknownSubject, StoreUnavailable.
        """
        minutes = question.cycle.minutes
        if minutes[1] * 60 > self._clock():
            raise WindowNotClosed("the billing cycle is not over")
        registered = Registered(*self._registry.tariff(question.tariff))
        check_bills(self._policy, question.purpose, question.mode, registered.tariff.customer_class)
        rows = self._rows(question.region, minutes)
        on_route = [row for row in rows if question.covers(row)]
        if not on_route:
            raise UnknownSubject("no meter is on that billing route, or in that cohort, in this cycle")
        priced = {charge.channel for charge in registered.tariff.metered}
        under_it = (row for row in on_route if row.tariff == registered.tariff.name and priced.issuperset(row.channels))
        meters = sorted(row.meter for row in under_it)
        found: list[RouteMeter] = []
        for first in range(0, len(meters), _ROUTE_BATCH):
            found += await self._ready(question.about(meters[first : first + _ROUTE_BATCH]), registered)
        return RouteMeters(meters=tuple(found), others=len(on_route) - len(meters))

    async def _ready(self, question: BillQuestion, registered: Registered) -> list[RouteMeter]:
        parts = await run_in_threadpool(self._parts, question)
        segments = Counter(part.meter for part in parts)
        lacking = set(question.meters) - segments.keys() | {part.meter for part in parts if not part.channels}
        there = [part for part in parts if part.meter not in lacking]
        _check_count(there)
        bills_of = partial(self._bills, question, registered)
        run = Run(question, registered.tariff, there, bills_of, await self._pins(question.region))
        lacking |= await lacking_reports(self._store, run)
        return [
            RouteMeter(meter=meter, segments=segments[meter], reported=meter not in lacking)
            for meter in question.meters
            if segments[meter]
        ]

    def _rows(self, region: RegionId, minutes: CycleMinutes) -> list[RosterRow]:
        """The last of each meter that a roster in force within the cycle has."""
        first, last = Window(minutes[0] // MINUTES_PER_DAY), last_day(minutes[1])
        begun = [roster for roster in self._rosters(region) if roster.effective <= last]
        before = sum(roster.effective <= first for roster in begun)
        rows: dict[MeterId, RosterRow] = {}
        for roster in begun[max(before - 1, 0) :]:
            rows |= roster.by_meter
        return list(rows.values())

    async def check_total(self, question: TotalQuestion, after: Day) -> None:
        """Of a total that is otherwise permitted, beside the bills that were answered. Raises ShareTooLarge."""
        async with self._one_at_a_time:
            memory = self._memory(question.region)
            await self._learn_bills(memory, question.region)
            asked = window_minutes(question.window)
            days = windows_of(memory.around(asked).cycles)
            await self._learn_totals(memory, question.region, [question.channel], days)
            about = (question.channel, question.window, after, memory.around(asked))
            await run_in_threadpool(check_atoms, *about, self._rules)

    def _segments(self, question: BillQuestion) -> list[Segment]:
        segments, meters = self._parts(question), set(question.meters)
        on_roster = {each.meter for each in segments} - {each.meter for each in segments if not each.channels}
        if len(on_roster) < len(meters):
            raise UnknownSubject(f"{len(meters) - len(on_roster)} of {len(meters)} meters were not there in this cycle")
        _check_count(segments)
        return segments

    def _parts(self, question: BillQuestion) -> list[Segment]:
        """Sorted as in a statement."""
        known = segments_of(self._rosters(question.region), question.cycle.minutes)
        key_id = self._registry.key_of_window(last_day(question.cycle.minutes[1])).key_id
        return [
            Segment(meter, *part, self._channels(question.region, meter, part[1]), key_id, question.cancels.get(meter))
            for meter in sorted(set(question.meters))
            for part in sorted(known.get(meter, ()))
        ]

    def _channels(self, region: RegionId, meter: MeterId, end: int) -> tuple[Channel, ...]:
        """Of a segment's end; none if the roster told of the meter only later."""
        row = self._registry.rosters.at(region, last_day(end)).by_meter.get(meter)
        return () if row is None else row.channels

    async def _pins(self, region: RegionId) -> PinOf:
        """As they are now: a rebill that another worker answers meanwhile is seen when the statement is permitted."""
        async with self._one_at_a_time:
            memory = self._memory(region)
            await self._learn_bills(memory, region)
            return memory.pin

    def _bills(self, question: BillQuestion, registered: Registered, segments: Sequence[BillSegment]) -> Bills:
        last = last_day(question.cycle.minutes[1])
        key = self._registry.key_of_window(last)
        statement = BillStatement(
            purpose=question.purpose,
            region=question.region,
            tariff=question.tariff,
            mode=question.mode,
            timezone=question.timezone,
            first=question.first,
            after=question.after,
            suite=Suite.CKKS,
            key_id=key.key_id,
            roster_digest=self._registry.rosters.at(question.region, last).fingerprint,
            segments=tuple(segments),
        )
        return Bills(statement, registered, self._rosters(question.region), key, self._registry.measures.extensions)

    async def _answer(self, bills: Bills, reports: Sequence[Sequence[Report]]) -> bytes:
        region, digest = bills.statement.region, bills.statement.fingerprint
        log, memory = bills_log(region), self._memory(region)
        while True:
            await self._learn_bills(memory, region)
            if (place := memory.place_of(digest)) is not None:
                return await self._store.read_entry(log, place)
            channels = {channel for segment in bills.statement.segments for channel in segment.channels}
            days = windows_of([*memory.around(bills.minutes).cycles, bills.minutes])
            await self._learn_totals(memory, region, channels, days)
            answer = await run_in_threadpool(self._permitted, bills, memory, reports)
            # Another worker may have answered meanwhile: then its answers count first.
            if await self._store.append(log, memory.answers, [answer]):
                return answer

    def _memory(self, region: RegionId) -> BillMemory:
        if region not in self._memories:
            self._memories[region] = BillMemory(region, self._registry, self._rules)
        return self._memories[region]

    async def _learn_bills(self, memory: BillMemory, region: RegionId) -> None:
        """What the log tells that is not known yet."""
        answers = await self._store.read_log(bills_log(region), memory.answers)
        await run_in_threadpool(memory.learn_bills, answers)

    async def _learn_totals(
        self, memory: BillMemory, region: RegionId, channels: Iterable[Channel], windows: Sequence[int]
    ) -> None:
        places = [RegionDay(region, channel, Window(window)) for channel in channels for window in windows]
        days = {(place.channel, place.window): (await self._days.at(place)).granted.day for place in places}
        await run_in_threadpool(memory.learn_totals, days)

    def _permitted(self, bills: Bills, memory: BillMemory, reports: Sequence[Sequence[Report]]) -> bytes:
        permit_bills(bills, memory.around(bills.minutes), self._rules)
        memory.expect(bills)
        numbers, flagged = list(bill_numbers(bills, reports)), tuple(map(flags_of_bill, reports))
        return BillAnswer.issue(bills.statement, numbers, flagged, self._signing_key).to_bytes()

    def _rosters(self, region: RegionId) -> list[Roster]:
        return self._registry.rosters.of(region)


def _check_count(segments: Sequence[Segment]) -> None:
    if len(segments) > MOST_SEGMENTS:
        raise MessageTooLarge(f"{len(segments)} segments are more than {MOST_SEGMENTS}: ask for fewer meters")
