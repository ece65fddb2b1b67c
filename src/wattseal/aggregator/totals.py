"""Encrypted totals: a statement over the frozen set of a window, its fold, and the aggregator's own ledger of both."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from fastapi.concurrency import run_in_threadpool
from nacl.signing import SigningKey

from wattseal.aggregator.bills import Billing
from wattseal.aggregator.days import Days
from wattseal.aggregator.folds import Fold, Folds, Sent
from wattseal.aggregator.logs import totals_log
from wattseal.aggregator.schemes import layout_of
from wattseal.aggregator.store import Store, WindowStatus
from wattseal.edge.registry import Registry
from wattseal.policy.consents import check_consents, of_total
from wattseal.policy.explain import explain_total
from wattseal.policy.levels import Granted
from wattseal.policy.limits import NOBODY, Asker
from wattseal.policy.measures import Measures
from wattseal.policy.questions import Capacity, noise_of, permit_total
from wattseal.protocol.errors import Contradiction, NobodyReported, UnknownSubject, WindowNotClosed
from wattseal.protocol.ids import Kind, MeterId
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import Answer, StatedNoise, TotalQuestion, TotalStatement, positions_to_bits
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
    """Answers questions about closed windows. The log of a region's day is what the set rules see."""

    store: Store
    registry: Registry
    folds: Folds
    signing_key: SigningKey
    billing: Billing
    days: Days

    async def answer(self, question: TotalQuestion, asker: Asker = NOBODY) -> bytes:
        """A signed Answer; again the same question gets the same bytes without folding.

        Raises UnknownSubject, WindowNotClosed, Refused by the set rules, by what bills told or for want of consents,
        StoreUnavailable.
        """
        while True:
            log = totals_log(question.region_day)
            given = await self.days.at(question.region_day)
            place = given.places.get((question.purpose, question.cohort))
            if place is not None:
                entry = await self.store.read_entry(log, place)
                await run_in_threadpool(
                    self._agreed, TotalStatement.from_bytes(Answer.from_bytes(entry).statement), asker
                )
                return entry
            about, fold = await self._asked(question, given.granted)
            await run_in_threadpool(self._agreed, about.statement, asker)
            after = await run_in_threadpool(permit_total, *about)
            await self.billing.check_total(question, after.day)
            answer = self._answer(about.statement, fold)
            # Another worker may have answered meanwhile: then its answers count first.
            if await self.store.append(log, given.entries, [answer.to_bytes()]):
                return answer.to_bytes()

    def _agreed(self, statement: TotalStatement, asker: Asker) -> None:
        """Raises ConsentMissing."""
        policy, roster = self.days.levels.policy, self.registry.rosters.named(statement.roster_digest)
        rosters = self.registry.rosters.of(statement.region)
        check_consents(policy, statement, asker, of_total(statement, roster, rosters), self.registry.consents)

    async def explain(self, question: TotalQuestion) -> dict[str, object]:
        """Which rule would decide, by what is known here; nothing is answered or recorded. Raises as `answer`."""
        given = await self.days.at(question.region_day)
        about, _ = await self._asked(question, given.granted)
        explanation = await run_in_threadpool(explain_total, *about)
        if explanation["decision"] == "permitted":
            after = await run_in_threadpool(permit_total, *about)
            await self.billing.check_total(question, after.day)
        return explanation

    async def _asked(self, question: TotalQuestion, granted: Granted) -> tuple[_About, Fold]:
        roster = await self._frozen_roster(question)
        active = roster.active(question.cohort, question.channel)
        measures = self.registry.measures.in_force(question.region, question.channel, question.window)
        fold = await self._frozen(question, roster, active, measures.quarantined)
        noise = noise_of(granted.levels, question.purpose, roster.interval_minutes)
        statement = _statement(question, roster, active, fold.sent, noise)
        key, layout = self.registry.key(statement.key_id), layout_of(statement.layout_id)
        capacity = Capacity(layout.largest_group, layout.largest_read)
        return _About(statement, roster, key, granted, measures, capacity), fold

    async def _frozen_roster(self, question: TotalQuestion) -> Roster:
        roster = self.registry.rosters.at(question.region, question.window)
        state = await self.store.state(question.region, question.window)
        if state.status is WindowStatus.open:
            raise WindowNotClosed(f"window {window_date(question.window)} of region {question.region} is still open")
        if state.status is WindowStatus.deleted:
            raise UnknownSubject(f"window {window_date(question.window)} was deleted: its retention is over")
        if state.roster_digest != roster.fingerprint:
            raise Contradiction("the window was closed under another roster")
        return roster

    async def _frozen(
        self, question: TotalQuestion, roster: Roster, active: tuple[MeterId, ...], quarantined: Collection[MeterId]
    ) -> Fold:
        """What came in time. Late reports never join it: they count only if all of the cohort came late."""
        fold = await self.folds.of(roster, question.cohort, question.channel, question.window)
        counted = tuple(meter for meter in active if meter not in quarantined)
        place = (question.region, question.window, Kind.DAILY, question.channel.code, counted)
        if not fold.sent.keys().isdisjoint(quarantined):
            fold = await self.folds.made_of(roster, await self.store.fetch(*place))
        if not fold.sent:
            fold = await self.folds.made_of(roster, await self.store.fetch_late(*place))
        if not fold.sent:
            raise NobodyReported("no member of the cohort has reported")
        return fold

    def _answer(self, statement: TotalStatement, fold: Fold) -> Answer:
        flagged = fold.flagged(layout_of(statement.layout_id).intervals)
        return Answer.issue(statement, fold.sums[statement.key_id], flagged, self.signing_key)


def _statement(
    question: TotalQuestion,
    roster: Roster,
    active: tuple[MeterId, ...],
    sent: Mapping[MeterId, Sent],
    noise: StatedNoise | None,
) -> TotalStatement:
    positions = {position: sent[meter] for position, meter in enumerate(active) if meter in sent}
    key_ids = {one.key_id for one in positions.values()}
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
        numbers=tuple((position, one.number) for position, one in positions.items() if one.number),
        noise=noise,
    )
