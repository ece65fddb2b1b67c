"""Encrypted totals: a statement over the frozen set of a window, its fold, and the aggregator's own ledger of both."""

from dataclasses import dataclass
from typing import NamedTuple

from fastapi.concurrency import run_in_threadpool
from nacl.signing import SigningKey

from wattseal.aggregator.bills import Billing
from wattseal.aggregator.days import Days
from wattseal.aggregator.door import Door
from wattseal.aggregator.logs import totals_log
from wattseal.aggregator.schemes import layout_of
from wattseal.aggregator.store import Store, WindowStatus
from wattseal.aggregator.sums import flags_of_total
from wattseal.edge.registry import Registry
from wattseal.policy.consents import check_consents, of_total
from wattseal.policy.explain import explain_total
from wattseal.policy.levels import Granted
from wattseal.policy.limits import NOBODY, Asker
from wattseal.policy.measures import Measures
from wattseal.policy.questions import Capacity, permit_total
from wattseal.protocol.errors import Contradiction, NobodyReported, WindowNotClosed
from wattseal.protocol.ids import Kind, MeterId
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.report import Report, decode_report
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import Answer, TotalQuestion, TotalStatement, positions_to_bits
from wattseal.protocol.time import window_date


class _About(NamedTuple):
    """What the rules look at, as `permit_total` takes it."""

    statement: TotalStatement
    roster: Roster
    key: KeyNotice
    granted: Granted
    measures: Measures
    capacity: Capacity


@dataclass(frozen=True)
class Totals:
    """Answers questions about closed windows. The log of a (channel family, UTC day) is what the set rules see."""

    store: Store
    registry: Registry
    door: Door
    signing_key: SigningKey
    billing: Billing
    days: Days

    async def answer(self, question: TotalQuestion, asker: Asker = NOBODY) -> bytes:
        """A signed Answer; again the same question gets the same bytes without folding.

        Raises UnknownSubject, WindowNotClosed, Refused by the set rules, by what bills told or for want of consents,
        StoreUnavailable.
        """
        while True:
            log = totals_log(question.channel, question.window)
            given = await self.days.at(question.channel, question.window)
            place = given.places.get((question.purpose, question.region, question.cohort))
            if place is not None:
                entry = await self.store.read_entry(log, place)
                await run_in_threadpool(
                    self._agreed, TotalStatement.from_bytes(Answer.from_bytes(entry).statement), asker
                )
                return entry
            about, reports = await self._asked(question, given.granted)
            await run_in_threadpool(self._agreed, about.statement, asker)
            after = await run_in_threadpool(permit_total, *about)
            await self.billing.check_total(question, after.day)
            answer = await run_in_threadpool(self._fold, about.statement, reports)
            # Another worker may have answered meanwhile: then its answers count first.
            if await self.store.append(log, given.entries, [answer.to_bytes()]):
                return answer.to_bytes()

    def _agreed(self, statement: TotalStatement, asker: Asker) -> None:
        """Raises ConsentMissing."""
        policy, roster = self.days.levels.policy, self.registry.roster_named(statement.roster_digest)
        check_consents(policy, statement, asker, of_total(statement, roster), self.registry.consents)

    async def explain(self, question: TotalQuestion) -> dict[str, object]:
        """Which rule would decide, by what is known here; nothing is answered or recorded. Raises as `answer`."""
        given = await self.days.at(question.channel, question.window)
        about, _ = await self._asked(question, given.granted)
        explanation = await run_in_threadpool(explain_total, *about)
        if explanation["decision"] == "permitted":
            after = await run_in_threadpool(permit_total, *about)
            await self.billing.check_total(question, after.day)
        return explanation

    async def _asked(self, question: TotalQuestion, granted: Granted) -> tuple[_About, list[Report]]:
        roster = await self._frozen_roster(question)
        active = roster.active(question.cohort, question.channel)
        measures = self.registry.measures.in_force(question.region, question.channel, question.window)
        counted = tuple(meter for meter in active if meter not in measures.quarantined)
        reports = await self._frozen_reports(question, counted)
        statement = _statement(question, roster, active, reports)
        key, layout = self.registry.key(statement.key_id), layout_of(statement.layout_id)
        capacity = Capacity(layout.largest_group, layout.largest_read)
        return _About(statement, roster, key, granted, measures, capacity), list(reports.values())

    async def _frozen_roster(self, question: TotalQuestion) -> Roster:
        roster = self.registry.roster(question.region, question.window)
        state = await self.store.state(question.region, question.window)
        if state.status is WindowStatus.open:
            raise WindowNotClosed(f"window {window_date(question.window)} of region {question.region} is still open")
        if state.roster_digest != roster.fingerprint:
            raise Contradiction("the window was closed under another roster")
        return roster

    async def _frozen_reports(self, question: TotalQuestion, counted: tuple[MeterId, ...]) -> dict[MeterId, Report]:
        """Those that came in time. Late ones never join them: they count only if all of the cohort came late."""
        place = (question.region, question.window, Kind.DAILY, question.channel.code, counted)
        for fetch in (self.store.fetch, self.store.fetch_late):
            found = await fetch(*place)
            present = {meter: stored[1] for meter, stored in zip(counted, found, strict=True) if stored is not None}
            if present:
                return {meter: decode_report(body) for meter, body in present.items()}
        raise NobodyReported("no member of the cohort has reported")

    def _fold(self, statement: TotalStatement, reports: list[Report]) -> Answer:
        layout, key = layout_of(statement.layout_id), self.registry.key(statement.key_id)
        ciphertext = self.door.evaluator(key, statement.layout_id).sum_many([report.ciphertext for report in reports])
        return Answer.issue(statement, ciphertext, flags_of_total(reports, layout.intervals), self.signing_key)


def _statement(
    question: TotalQuestion, roster: Roster, active: tuple[MeterId, ...], reports: dict[MeterId, Report]
) -> TotalStatement:
    positions = {position: reports[meter].header for position, meter in enumerate(active) if meter in reports}
    key_ids = {header.key_id for header in positions.values()}
    if len(key_ids) != 1:
        raise Contradiction("the cohort's reports are under several keys")
    return TotalStatement(
        purpose=question.purpose,
        region=question.region,
        cohort=question.cohort,
        channel=question.channel,
        window=question.window,
        suite=roster.suite,
        key_id=key_ids.pop(),
        layout_id=roster.layout_id,
        roster_digest=roster.fingerprint,
        members=positions_to_bits(positions, len(active)),
        numbers=tuple((position, header.number) for position, header in positions.items() if header.number),
    )
