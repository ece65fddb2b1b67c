"""The decryptor half's part of bills: opens each functional of each segment, and signs cents and exact sums."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from wattseal.cryptosystems.ckks.batch_decryptor import BatchDecryptor
from wattseal.cryptosystems.ckks.bill_decryptor import Unmasking
from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.ckks.scales import Cycle
from wattseal.keyserver.bills import Batch, batches_of
from wattseal.keyserver.exact import sealed
from wattseal.keyserver.half import Half
from wattseal.keyserver.ledger import MAX_ATTEMPTS, Ledger
from wattseal.policy.bill_questions import Bills
from wattseal.policy.limits import Asker
from wattseal.protocol.billing import (
    BillPadGrant,
    BillPadRequest,
    BillRelease,
    BillReleaseRequest,
    BillResult,
    BillStatement,
    split_numbers,
)
from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import (
    AttemptsExhausted,
    DominatedGroup,
    MalformedMessage,
    PinnedOtherwise,
    RemoteError,
    VerificationRefused,
    WattsealError,
)
from wattseal.protocol.signing import Envelope

_NOT_OPENED = BillResult(values=(), opened=False)
Numbers = Sequence[Sequence[bytes]]


class BillPadSource(Protocol):
    """The unblinder, as the decryptor reaches it for bills."""

    def grant_bills(self, request: Envelope) -> Envelope:
        """Raises whatever the unblinder refuses with, or PeerUnavailable."""


class BillsReleased(NamedTuple):
    """Bytes of a signed BillRelease, and how many items failed to open just now: none if it was there already."""

    body: bytes
    failed: int


class _Admitted(NamedTuple):
    """A statement that may be opened, the aggregator's numbers by segment, and the items that may be attempted.

    Items stand by the places of their segments.
    """

    digest: Digest
    bills: Bills
    numbers: Numbers
    items: dict[int, Digest]


class BillDecryptorService:
    """A billing run takes one transaction of the ledger for each step: intent, attempts, release."""

    def __init__(self, half: Half, pads: BillPadSource) -> None:
        self._half = half
        self._pads = pads

    def release(self, request: BillReleaseRequest, asker: Asker) -> BillsReleased:
        """The same statement again gets the same bytes.

        An item that fails to open, for whatever cause, is answered as not opened, and so is every item that has failed
        three times; the others are not touched. Raises Rejected before anything is recorded, Refused after recording
        it, PeerUnavailable, LedgerBehind.
        """
        half = self._half
        statement = request.answer.approval.opened(half.trust.aggregator)
        half.compare_heads(request.seen)
        with half.recording(statement):
            consents = half.asked_by(statement, asker)
        digest = statement.fingerprint
        # A finished release waits for nobody.
        released = self._finished(digest) or self._release(request, statement, asker, consents)
        half.ledger.hand_out(digest, asker.name)
        return released

    def _finished(self, digest: Digest) -> BillsReleased | None:
        done = self._half.ledger.release(digest)
        return None if done is None else BillsReleased(done, 0)

    def _release(
        self, request: BillReleaseRequest, statement: BillStatement, asker: Asker, consents: Iterable[Digest]
    ) -> BillsReleased:
        digest = statement.fingerprint
        with self._half.one_at_a_time:
            done = self._finished(digest)
            if done is not None:
                return done
            with self._half.recording(statement):
                admitted = self._admit(request, statement, consents)
                grant, pads = self._attempt(request, admitted)
            return self._sign(request, admitted, grant, self._open(admitted, pads), asker)

    def _admit(self, request: BillReleaseRequest, statement: BillStatement, consents: Iterable[Digest]) -> _Admitted:
        """Apply the policy, then write the intent. Raises Refused, Rejected."""
        half, answer, digest = self._half, request.answer, statement.fingerprint
        bills = half.bills.permit(statement)
        _check_flagged(answer.flagged, bills)
        _check_cancelled(statement, half.ledger)
        numbers = split_numbers(answer.numbers, _counts(bills))
        items = {place: statement.item(segment) for place, segment in enumerate(statement.segments)}
        attempts = half.ledger.attempts_at(items.values())
        left = {place: item for place, item in items.items() if attempts.get(item, 0) < MAX_ATTEMPTS}
        about = (digest, answer.statement, statement.region, bills.minutes, statement.purpose)
        half.ledger.intend_bills(*about, extensions=bills.extended_by, consents=consents)
        return _Admitted(digest, bills, numbers, left)

    def _attempt(self, request: BillReleaseRequest, admitted: _Admitted) -> tuple[BillPadGrant, Numbers]:
        """Count the attempts, then ask for pads: the head that the unblinder keeps covers them. No pads, no attempt."""
        ledger = self._half.ledger
        ledger.attempt_bills(admitted.digest, admitted.items)
        try:
            grant = self._ask_for_pads(request, admitted.digest)
            return grant, split_numbers(grant.numbers, _counts(admitted.bills))
        except WattsealError:
            ledger.withdraw_bills(admitted.digest, admitted.items)
            raise

    def _ask_for_pads(self, request: BillReleaseRequest, digest: Digest) -> BillPadGrant:
        half = self._half
        ask = BillPadRequest(
            approval=request.answer.approval,
            proof=request.proof,
            head=half.head(),
            seen=half.to_show(request.seen),
        )
        try:
            answer = self._pads.grant_bills(Envelope.issue(ask, half.vault.signing_key))
        except (DominatedGroup, VerificationRefused, AttemptsExhausted) as error:
            # Words that only this half may say.
            raise RemoteError(f"the unblinder answered '{error.slug}'") from None
        grant = answer.opened(BillPadGrant, half.trust.unblinder)
        half.check_grant(grant, digest)
        return grant

    def _open(self, admitted: _Admitted, pads: Numbers) -> list["_Result"]:
        """The same work whichever of the numbers fails."""
        bills, opened = admitted.bills, dict[tuple[int, int], int | None]()
        for batch in batches_of(bills, self._half.meter_keys, admitted.items):
            opened.update(_opened(self._half.vault.bills_decryptor, bills, batch, admitted.numbers, pads))
        return [
            _result(bills, place, opened) if place in admitted.items else _Result(_NOT_OPENED)
            for place in range(len(bills.statement.segments))
        ]

    def _sign(
        self,
        request: BillReleaseRequest,
        admitted: _Admitted,
        grant: BillPadGrant,
        opened_now: Sequence["_Result"],
        asker: Asker,
    ) -> BillsReleased:
        half, results = self._half, [result.told for result in opened_now]
        release = BillRelease(
            statement=request.answer.statement,
            policy=half.policy.fingerprint,
            unblinder_policy=grant.policy,
            unit=admitted.bills.roster.unit,
            interval_minutes=admitted.bills.roster.interval_minutes,
            results=tuple(results),
            flagged=request.answer.flagged,
            decryptor_head=half.head(),
            unblinder_head=grant.head,
        )
        body = Envelope.issue(release, half.vault.signing_key).to_bytes()
        unopened = [place for place, result in enumerate(results) if not result.opened]
        opened = [item for place, item in admitted.items.items() if results[place].opened]
        heads = release.decryptor_head.to_bytes(), release.unblinder_head.to_bytes()
        exact = sealed(half.vault.root(admitted.bills.statement.key_id), [result.exact for result in opened_now])
        half.ledger.finish_bills(admitted.digest, unopened, opened, body, heads, exact, recipient=asker.name)
        return BillsReleased(body, len(admitted.items) - len(opened))


class _Result(NamedTuple):
    """What is told of a segment, and its results before they were rounded."""

    told: BillResult
    exact: tuple[int, ...] | None = None


def _opened(
    kind: type[BatchDecryptor], bills: Bills, batch: Batch, numbers: Numbers, pads: Numbers
) -> Iterator[tuple[tuple[int, int], int | None]]:
    """Each number's place, by segment and within it, with what it comes to; None: it did not open."""
    functionals, parts = batch
    label, meters = parts[0].label, [part.label.meter for part in parts]
    decryptor = kind(CKKS_4096, [part.key for part in parts], label, meters, Cycle(*bills.minutes))
    unmaskings = [Unmasking.of(CKKS_4096, [label], functional) for functional in functionals]
    locked, blinding = (
        [[of_statement[part.place][at] for at in part.numbers] for part in parts] for of_statement in (numbers, pads)
    )
    for part, totals in zip(parts, decryptor.open_bills(locked, blinding, unmaskings), strict=True):
        yield from (((part.place, at), total) for at, total in zip(part.numbers, totals, strict=True))


def _result(bills: Bills, place: int, opened: Mapping[tuple[int, int], int | None]) -> _Result:
    compiled = bills.compiled[place]
    results = bills.results[compiled]
    exact = tuple(total for at in range(len(results)) if (total := opened[place, at]) is not None)
    if len(exact) < len(results):
        return _Result(_NOT_OPENED)
    values = (result.released(compiled, total) for result, total in zip(results, exact, strict=True))
    return _Result(BillResult(values=tuple(values), opened=True), exact)


def _counts(bills: Bills) -> list[int]:
    return [len(bills.results[compiled]) for compiled in bills.compiled]


def _check_cancelled(statement: BillStatement, ledger: Ledger) -> None:
    """What is cancelled was released here, and under that digest. Raises PinnedOtherwise."""
    for cancels in {segment.cancels for segment in statement.segments if segment.cancels is not None}:
        release = ledger.release(cancels.statement)
        if release is None or hashlib.sha256(Envelope.from_bytes(release).body).digest() != cancels.release:
            raise PinnedOtherwise("a rebill cancels a release that was not made here")


def _check_flagged(flagged: tuple[int, ...], bills: Bills) -> None:
    """The counts are the aggregator's own word, but they are signed into a release that is final."""
    most = [compiled.segment.intervals for compiled in bills.compiled]
    if len(flagged) != len(most) or any(count > limit for count, limit in zip(flagged, most, strict=True)):
        raise MalformedMessage("the counts of flagged intervals do not fit the statement")
