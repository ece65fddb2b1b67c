"""The decryptor half: opens what was stated, verifies it, and answers with a signed release."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from wattseal.cryptosystems.errors import VerificationFailed
from wattseal.cryptosystems.interface import Decryptor, Total
from wattseal.cryptosystems.pads.label import Label, check_key_id
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.summing import MemberSums, Stated, SummingDecryptor
from wattseal.keyserver.bills_decryptor import BillDecryptorService, BillPadSource
from wattseal.keyserver.days import Histogram, opened_sets
from wattseal.keyserver.half import Half, Permitted
from wattseal.keyserver.ledger import MAX_ATTEMPTS
from wattseal.keyserver.member_sums import Summing
from wattseal.keyserver.noise import check_share, with_noise
from wattseal.keyserver.reconciling import Reconciling
from wattseal.keyserver.schemes import day_label, labels_of, layout_of, modulus_id_of
from wattseal.policy.limits import Asker
from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import (
    AttemptsExhausted,
    DominatedGroup,
    MalformedMessage,
    RemoteError,
    VerificationRefused,
    WattsealError,
)
from wattseal.protocol.release import PadGrant, PadRequest, Release, ReleaseRequest
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.time import month_of


class PadSource(BillPadSource, Protocol):
    """The unblinder, as the decryptor reaches it."""

    def grant(self, request: Envelope) -> Envelope:
        """Raises whatever the unblinder refuses with, or PeerUnavailable."""


class _Admitted(NamedTuple):
    """A statement that may be opened, and for whom."""

    digest: bytes
    permitted: Permitted
    item: bytes
    check_key: Secret
    recipient: str


class DecryptorService:
    """Releases of totals; `bills` makes those of bills. One at a time."""

    def __init__(self, half: Half, pads: PadSource) -> None:
        self.half = half
        self.bills = BillDecryptorService(half, pads)
        self.reconciling = Reconciling(half)
        self.summing = Summing(half, self._tag_sums)
        self._pads = pads
        self._opened = opened_sets(half.ledger, half.levels)

    def release(self, request: ReleaseRequest, asker: Asker) -> bytes:
        """Bytes of a signed Release; the same statement again gets the same bytes.

        Raises Rejected before anything is recorded, Refused after recording it, PeerUnavailable, LedgerBehind.
        """
        statement = request.answer.approval.opened(self.half.trust.aggregator)
        self.half.compare_heads(request.seen)
        with self.half.recording(statement):
            consents = self.half.asked_by(statement, asker)
        # A finished release waits for nobody.
        digest = statement.digest()
        released = self.half.ledger.release(digest) or self._release(request, statement, asker, consents)
        self.half.ledger.hand_out(digest, asker.name)
        return released

    def _release(
        self, request: ReleaseRequest, statement: TotalStatement, asker: Asker, consents: Iterable[Digest]
    ) -> bytes:
        with self.half.one_at_a_time:
            done = self.half.ledger.release(statement.digest())
            if done is not None:
                return done
            with self.half.recording(statement):
                admitted = self._admit(request, statement, asker, consents)
                grant = self._attempt(request, admitted)
                total = self._open(statement, admitted, request.answer.ciphertext, grant.pad_sum)
            with self.half.recording(statement, final_for=admitted.item):
                self._check_dominance(statement, admitted, total)
            return self._sign(request, statement, admitted, grant, total)

    def _admit(
        self, request: ReleaseRequest, statement: TotalStatement, asker: Asker, consents: Iterable[Digest]
    ) -> _Admitted:
        """Apply the policy, then write the intent. Raises Refused."""
        half = self.half
        permitted = half.permit(statement)
        members = permitted.members
        _check_flagged(request.answer.flagged, layout_of(statement.layout_id).intervals, len(members))
        item = statement.item(members)
        self._check_attempts(item)
        digest = statement.digest()
        half.intend(statement, request.answer.statement, permitted, consents)
        check_key = half.vault.root(statement.key_id).check_key(statement.region, month_of(statement.window))
        return _Admitted(digest, permitted, item, check_key, asker.name)

    def _attempt(self, request: ReleaseRequest, admitted: _Admitted) -> PadGrant:
        """Count the attempt, then ask for pads: the head that the unblinder keeps covers it. No pads, no attempt."""
        ledger = self.half.ledger
        ledger.attempt(admitted.item, admitted.digest)
        try:
            return self._ask_for_pads(request, admitted)
        except WattsealError:
            ledger.withdraw(admitted.item, admitted.digest)
            raise

    def _sign(
        self,
        request: ReleaseRequest,
        statement: TotalStatement,
        admitted: _Admitted,
        grant: PadGrant,
        total: Total,
    ) -> bytes:
        half = self.half
        release = Release(
            statement=request.answer.statement,
            policy=half.policy.fingerprint,
            unblinder_policy=grant.policy,
            unit=admitted.permitted.roster.unit,
            reads=with_noise(total.reads, half.noise_share(statement, admitted.permitted), grant.noise),
            noise=admitted.permitted.noise,
            members=total.members,
            flagged=request.answer.flagged,
            decryptor_head=half.head(),
            unblinder_head=grant.head,
        )
        body = Envelope.issue(release, half.vault.signing_key).to_bytes()
        histogram = _histogram(statement, admitted, total)
        half.ledger.finish(
            admitted.digest,
            admitted.item,
            statement.region_day,
            body,
            histogram.to_bytes(),
            (release.decryptor_head.to_bytes(), release.unblinder_head.to_bytes()),
            recipient=admitted.recipient,
        )
        return body

    def _check_attempts(self, item: bytes) -> None:
        refusal = self.half.ledger.refusal(item)
        if refusal == DominatedGroup.slug:
            raise DominatedGroup("this total was refused before")
        if self.half.ledger.attempts(item) >= MAX_ATTEMPTS:
            raise AttemptsExhausted(f"this total failed to open {MAX_ATTEMPTS} times")

    def _ask_for_pads(self, request: ReleaseRequest, admitted: _Admitted) -> PadGrant:
        half = self.half
        ask = PadRequest(
            approval=request.answer.approval,
            check_key_id=check_key_id(admitted.check_key),
            proof=request.proof,
            head=half.head(),
            seen=half.to_show(request.seen),
        )
        try:
            answer = self._pads.grant(Envelope.issue(ask, half.vault.signing_key))
        except (DominatedGroup, VerificationRefused, AttemptsExhausted) as error:
            # Words that only this half may say of a total.
            raise RemoteError(f"the unblinder answered '{error.slug}'") from None
        grant = answer.opened(PadGrant, half.trust.unblinder)
        half.check_grant(grant, admitted.digest)
        check_share(grant.noise, admitted.permitted.noise, len(request.answer.flagged))
        return grant

    def _open(self, statement: TotalStatement, admitted: _Admitted, ciphertext: bytes, pad_sum: bytes) -> Total:
        """Every cause of failure, in the ciphertext or in the pads, is the one refusal."""
        decryptor = self.half.vault.decryptor(statement.key_id, statement.layout_id)
        notice, check_key = self.half.registry.key(statement.key_id), check_key_id(admitted.check_key)
        place = (statement.region, statement.channel, statement.window)
        label = day_label(notice, modulus_id_of(notice), *place, check_key)
        try:
            return self._total(decryptor, statement, admitted, (ciphertext, pad_sum), label)
        except VerificationFailed:
            raise VerificationRefused("verification failed") from None

    def _total(
        self,
        decryptor: Decryptor,
        statement: TotalStatement,
        admitted: _Admitted,
        received: tuple[bytes, bytes],
        label: Label,
    ) -> Total:
        permitted, check_key = admitted.permitted, admitted.check_key
        if isinstance(decryptor, SummingDecryptor):
            stated = Stated(label, len(permitted.members))
            tag_sum = self.summing.of(_sums_of(decryptor), statement, permitted, label)
            return decryptor.open_summed(*received, stated, tag_sum, check_key)
        labels = labels_of(label, permitted.members.items())
        tag_keys = self.half.meter_keys(statement.key_id, permitted.roster, permitted.members)
        return decryptor.open_total(*received, labels, tag_keys, check_key)

    def _tag_sums(self, key_id: int, layout_id: bytes) -> MemberSums | None:
        decryptor = self.half.vault.decryptor(key_id, layout_id)
        return _sums_of(decryptor) if isinstance(decryptor, SummingDecryptor) else None

    def _check_dominance(self, statement: TotalStatement, admitted: _Admitted, total: Total) -> None:
        released = self._opened.at(statement.region_day)
        edges = layout_of(statement.layout_id).upper_edges
        released.check(_histogram(statement, admitted, total).opened(), edges)


def _sums_of(decryptor: SummingDecryptor) -> MemberSums:
    return MemberSums(decryptor.tag_sum, decryptor.combined)


def _histogram(statement: TotalStatement, admitted: _Admitted, total: Total) -> Histogram:
    roster, members = admitted.permitted.roster, tuple(admitted.permitted.members)
    return Histogram(
        members=members,
        buckets=total.buckets,
        total=sum(total.reads),
        classes=tuple(sorted(roster.by_class(members))),
        purpose=statement.purpose,
        interval_minutes=roster.interval_minutes,
    )


def _check_flagged(flagged: tuple[int, ...], intervals: int, members: int) -> None:
    """The counts are the aggregator's own word, but they are signed into a release that is final."""
    if len(flagged) != intervals or max(flagged) > members:
        raise MalformedMessage("the counts of flagged reads do not fit the statement")
