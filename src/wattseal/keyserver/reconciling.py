"""Whether a cohort's bills add up to its totals, from exact values that only the decryptor has: equal, or not.

It answers about whole sets that were released here, by the bills in force; every answer is in the ledger.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from wattseal.keyserver.exact import Exact, unsealed
from wattseal.keyserver.half import Half
from wattseal.policy.bill_pins import Pin, place_of
from wattseal.policy.bill_questions import Bills, Registered
from wattseal.policy.limits import Asker, check_asker, check_bills
from wattseal.protocol.billing import BillRelease, BillSegment, BillStatement
from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import Contradiction, FunctionalNotPermitted, PurposeNotPermitted, UnknownSubject
from wattseal.protocol.ids import Channel, MeterId, Window
from wattseal.protocol.reconciliation import (
    ExcludedMeter,
    ReconciledCharge,
    Reconciliation,
    ReconciliationQuestion,
    Undefined,
    Why,
)
from wattseal.protocol.release import Release
from wattseal.protocol.roster import Roster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.tariff.compile import Compiled, Segment
from wattseal.protocol.tariff.compile import Functional as OfInterval
from wattseal.protocol.tariff.linear import linear_prices, linear_values
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import MINUTES_PER_DAY


class _Total(NamedTuple):
    """One released total."""

    members: frozenset[MeterId]
    reads: tuple[int, ...]


class _Billed(NamedTuple):
    """One segment of a released statement, with its exact results by charge; None: it did not open."""

    statement: Digest
    segment: BillSegment
    values: Mapping[str, int] | None


class _Compared(NamedTuple):
    """One channel: what is equal, who is in it and who is not, or why nothing can be said."""

    charges: tuple[ReconciledCharge, ...] = ()
    excluded: tuple[ExcludedMeter, ...] = ()
    meters: frozenset[MeterId] = frozenset()
    undefined: Undefined | None = None


class Reconciling:
    """For one thread at a time with whatever else the half grants."""

    def __init__(self, half: Half) -> None:
        self._half = half

    def answer(self, question: ReconciliationQuestion, asker: Asker) -> bytes:
        """Bytes of a signed Reconciliation; the same question again gets the same bytes.

        Raises Rejected for what is not a whole set of this half's own releases, and Refused by the policy.
        """
        half, digest = self._half, question.digest()
        with half.one_at_a_time:
            with half.recording(question):
                if check_asker(half.policy, question.purpose, asker).basis == "consent":
                    raise PurposeNotPermitted("what customers agreed to is their bills, not that they are added up")
            known = half.ledger.reconciliation(digest)
            if known is not None:
                return known
            with half.recording(question):
                found = self._compared(question)
            answer = _answer(digest, found, half.head())
            body = Envelope.issue(answer, half.vault.signing_key).to_bytes()
            half.ledger.reconcile(question, answer, body)
            return body

    def _compared(self, question: ReconciliationQuestion) -> list[_Compared]:
        registered = Registered(*self._half.registry.tariff(question.tariff))
        tariff = registered.tariff
        if tariff.commodity == "gas":
            raise FunctionalNotPermitted("gas is billed by its energy in the clear: there is nothing to reconcile")
        totals = self._totals(question)
        billed = list(self._billed(question, registered))
        return [self._channel(question, tariff, channel, totals[channel], billed) for channel in sorted(totals)]

    def _release(self, statement: Digest) -> bytes:
        body = self._half.ledger.release(statement)
        if body is None:
            raise UnknownSubject("a release is named that was not made here")
        return Envelope.from_bytes(body).body

    def _totals(self, question: ReconciliationQuestion) -> dict[Channel, dict[Window, _Total]]:
        """Raises Rejected unless they are the cohort's, one for each window of the cycle on each channel."""
        found: dict[Channel, dict[Window, _Total]] = {}
        for digest in question.totals:
            release = Release.from_bytes(self._release(digest))
            statement = TotalStatement.from_bytes(release.statement)
            if release.noise is not None:
                raise FunctionalNotPermitted("a total with noise is no sum that bills could add up to")
            if (statement.region, statement.cohort) != (question.region, question.cohort):
                raise Contradiction("a total is named that is of another cohort")
            roster = self._half.registry.rosters.named(statement.roster_digest)
            total = _Total(frozenset(statement.members_in(roster)), release.reads)
            found.setdefault(statement.channel, {})[statement.window] = total
        windows = set(_windows(question))
        if any(of_channel.keys() != windows for of_channel in found.values()):
            raise Contradiction("the totals named are not one for each window of the cycle")
        return found

    def _billed(self, question: ReconciliationQuestion, registered: Registered) -> Iterator[_Billed]:
        """Raises Rejected unless they are bills under the tariff over the cycle."""
        half = self._half
        rosters = half.registry.rosters.of(question.region)
        for digest in question.bills:
            release = BillRelease.from_bytes(self._release(digest))
            statement = BillStatement.from_bytes(release.statement)
            asked = (statement.region, statement.tariff, statement.cycle)
            if asked != (question.region, question.tariff, question.cycle):
                raise Contradiction("bills are named that are of another tariff, region or cycle")
            check_bills(half.policy, question.purpose, statement.mode, registered.tariff.customer_class)
            bills = Bills(statement, registered, rosters, half.registry.key(statement.key_id))
            kept = half.ledger.exact_bills(digest)
            if kept is None:
                raise UnknownSubject("the exact results of these bills are not kept here")
            yield from _segments(bills, unsealed(half.vault.root(statement.key_id), kept))

    def _channel(
        self,
        question: ReconciliationQuestion,
        tariff: Tariff,
        channel: Channel,
        totals: Mapping[Window, _Total],
        billed: Iterable[_Billed],
    ) -> _Compared:
        memberships = {total.members for total in totals.values()}
        if len(memberships) > 1:
            return _Compared(undefined=Undefined.MEMBERS_CHANGED)
        (members,) = memberships
        roster = self._half.registry.rosters.at(question.region, Window(_windows(question)[-1]))
        whole, why = self._sorted_out(question, channel, billed)
        if not members <= whole.keys():
            return _Compared(undefined=Undefined.EXCLUDED_IN_TOTALS)
        if not members:
            return _Compared(undefined=Undefined.NOBODY_LEFT)
        charges = _charges(question, tariff, channel, roster, totals, [whole[meter] for meter in sorted(members)])
        cohort = set(roster.active(question.cohort, channel))
        excluded = tuple(
            ExcludedMeter(meter=meter, channel=channel, why=_why(meter, roster, tariff, whole, why))
            for meter in sorted(cohort - members)
        )
        return _Compared(charges, excluded, members)

    def _sorted_out(
        self, question: ReconciliationQuestion, channel: Channel, billed: Iterable[_Billed]
    ) -> tuple[dict[MeterId, Mapping[str, int]], dict[MeterId, Why]]:
        """Values of meters whose bill in force is of the whole cycle's reads, and why others' are not."""
        minutes = question.cycle.minutes
        pin_of = self._half.bills.pins(question.region, minutes)
        whole: dict[MeterId, Mapping[str, int]] = {}
        why: dict[MeterId, Why] = {}
        for one in billed:
            if channel in one.segment.channels:
                reason = _unfit(one, channel, minutes, pin_of(place_of(one.segment)))
                if reason is Why.CANCELLED:
                    why.setdefault(one.segment.meter, reason)
                elif reason is not None:
                    why[one.segment.meter] = reason
                elif one.values is not None:
                    whole[one.segment.meter] = one.values
        return whole, why


def _windows(question: ReconciliationQuestion) -> range:
    start, end = question.cycle.minutes
    return range(start // MINUTES_PER_DAY, -(-end // MINUTES_PER_DAY))


def _segments(bills: Bills, exact: Exact) -> Iterator[_Billed]:
    digest = bills.statement.fingerprint
    segments = zip(bills.statement.segments, bills.compiled, exact, strict=True)
    for segment, compiled, values in segments:
        yield _Billed(digest, segment, None if values is None else _values(bills, compiled, values))


def _values(bills: Bills, compiled: Compiled, values: Iterable[int]) -> dict[str, int]:
    results = zip(bills.results[compiled], values, strict=True)
    exact = {result.of.item: value for result, value in results if isinstance(result.of, OfInterval)}
    return linear_values(compiled, exact)


def _unfit(one: _Billed, channel: Channel, minutes: tuple[int, int], pin: Pin | None) -> Why | None:
    """Why the bill of a segment is not one of the meter's reads over the whole cycle, in force."""
    segment = one.segment
    if (segment.start, segment.end) != minutes:
        return Why.PART_OF_CYCLE
    if pin is None or one.statement not in pin.statements:
        return Why.CANCELLED
    if channel in segment.by_registers:
        return Why.ESTIMATED
    return Why.NOT_OPENED if one.values is None else None


def _why(
    meter: MeterId, roster: Roster, tariff: Tariff, whole: Mapping[MeterId, object], why: Mapping[MeterId, Why]
) -> Why:
    if roster.by_meter[meter].tariff != tariff.name:
        return Why.ANOTHER_TARIFF
    return Why.NOT_IN_TOTALS if meter in whole else why.get(meter, Why.NOT_BILLED)


def _charges(
    question: ReconciliationQuestion,
    tariff: Tariff,
    channel: Channel,
    roster: Roster,
    totals: Mapping[Window, _Total],
    values: Iterable[Mapping[str, int]],
) -> tuple[ReconciledCharge, ...]:
    """Integers on both sides, in 1e-8 $ for a Wh: equal is equal."""
    (start, end), minutes = question.cycle.minutes, roster.interval_minutes
    reads = np.array([read for window in sorted(totals) for read in totals[window].reads], dtype=object)
    first = (start - min(totals) * MINUTES_PER_DAY) // minutes
    in_cycle = reads[first : first + (end - start) // minutes]
    segment = Segment(start, end, minutes, question.timezone, (channel,), roster.unit.factor)
    told = list(values)
    return tuple(
        ReconciledCharge(
            charge=name, channel=channel, equal=sum(each[name] for each in told) == int((prices * in_cycle).sum())
        )
        for name, prices in linear_prices(tariff, segment).items()
    )


def _answer(question: Digest, found: Iterable[_Compared], head: Envelope) -> Reconciliation:
    channels = list(found)
    undefined = next((one.undefined for one in channels if one.undefined is not None), None)
    told = [] if undefined is not None else channels
    return Reconciliation(
        question=question,
        charges=tuple(charge for one in told for charge in one.charges),
        excluded=tuple(excluded for one in told for excluded in one.excluded),
        meters=len(frozenset[MeterId]().union(*(one.meters for one in told))),
        undefined=undefined,
        decryptor_head=head,
    )
