"""The decryptor half: opens what was stated, verifies it, and answers with a signed release."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from wattseal.cryptosystems.errors import VerificationFailed
from wattseal.cryptosystems.interface import Total
from wattseal.keyserver.half import Half
from wattseal.keyserver.schemes import decryptor_of, labels_of, layout_of
from wattseal.policy.dominance import Opened, check_dominance
from wattseal.protocol.codec import Message
from wattseal.protocol.errors import AttemptsExhausted, DominatedGroup, Refused, SignatureInvalid, VerificationRefused
from wattseal.protocol.ids import MeterId
from wattseal.protocol.release import PadGrant, PadRequest, Release, ReleaseRequest
from wattseal.protocol.roster import Roster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.time import month_of

MAX_ATTEMPTS = 3


class PadSource(Protocol):
    """The unblinder, as the decryptor reaches it."""

    def grant(self, request: Envelope) -> Envelope:
        """Raises whatever the unblinder refuses with, or PeerUnavailable."""


class _Admitted(NamedTuple):
    """A statement that may be opened."""

    digest: bytes
    roster: Roster
    members: dict[MeterId, int]
    item: bytes


class _Histogram(Message):
    """What the ledger keeps of an opened total for later dominance tests."""

    members: tuple[MeterId, ...]
    buckets: tuple[int, ...]
    total_wh: int

    def opened(self) -> Opened:
        return Opened(frozenset(self.members), self.buckets, self.total_wh)


class DecryptorService:
    """Releases are made one at a time."""

    def __init__(self, half: Half, pads: PadSource) -> None:
        self.half = half
        self._pads = pads
        self._one_at_a_time = threading.Lock()

    def release(self, request: ReleaseRequest) -> bytes:
        """Bytes of a signed Release; the same statement again gets the same bytes.

        Raises Rejected before anything is recorded, Refused after recording it, PeerUnavailable, LedgerBehind.
        """
        half = self.half
        statement = request.answer.approval.opened(half.trust.aggregator)
        with self._one_at_a_time:
            half.compare_heads(request.seen)
            digest = statement.digest()
            done = half.ledger.release(digest)
            if done is not None:
                half.policy.check_purpose(request.purpose)
                return done
            with self._recording(digest):
                admitted = self._admit(request, statement)
            with self._recording(digest, admitted.item):
                return self._open_and_sign(request, statement, admitted)

    def _admit(self, request: ReleaseRequest, statement: TotalStatement) -> _Admitted:
        """Apply the policy, then write the intent. Raises Refused."""
        half = self.half
        roster, members = half.permit(statement, request.purpose)
        item = statement.item(members)
        self._check_attempts(item)
        digest = statement.digest()
        half.ledger.intend(digest, request.answer.statement, statement.channel, statement.window, request.purpose)
        return _Admitted(digest, roster, members, item)

    def _open_and_sign(self, request: ReleaseRequest, statement: TotalStatement, admitted: _Admitted) -> bytes:
        half, ledger = self.half, self.half.ledger
        grant = self._ask_for_pads(request, admitted.digest)
        ledger.attempt(admitted.item, admitted.digest)
        total = self._open(statement, admitted, request.answer.ciphertext, grant.pad_sum)
        opened = Opened(frozenset(admitted.members), total.buckets, sum(total.reads))
        self._check_dominance(statement, opened)
        release = Release(
            statement=request.answer.statement,
            purpose=request.purpose,
            reads_wh=total.reads,
            members=total.members,
            flagged=request.answer.flagged,
            decryptor_head=half.head(),
            unblinder_head=grant.head,
        )
        body = Envelope.issue(release, half.vault.signing_key).to_bytes()
        histogram = _Histogram(
            members=tuple(admitted.members), buckets=opened.buckets, total_wh=opened.total_wh
        ).to_bytes()
        ledger.finish(admitted.digest, statement.channel, statement.window, body, histogram)
        return body

    @contextmanager
    def _recording(self, digest: bytes, item: bytes | None = None) -> Iterator[None]:
        """Record a refusal on its way out; dominance is an item's last word."""
        try:
            yield
        except Refused as refusal:
            final_for = item if isinstance(refusal, DominatedGroup) else None
            self.half.ledger.refuse(digest, refusal.slug, final_for=final_for)
            raise

    def _check_attempts(self, item: bytes) -> None:
        refusal = self.half.ledger.refusal(item)
        if refusal == DominatedGroup.slug:
            raise DominatedGroup("this total was refused before")
        if self.half.ledger.attempts(item) >= MAX_ATTEMPTS:
            raise AttemptsExhausted(f"this total failed to open {MAX_ATTEMPTS} times")

    def _ask_for_pads(self, request: ReleaseRequest, digest: bytes) -> PadGrant:
        half = self.half
        known = half.seen_of_other()
        ask = PadRequest(
            purpose=request.purpose,
            approval=request.answer.approval,
            token=request.unblinder_token,
            head=half.head(),
            seen=(*request.seen, *(() if known is None else (known,))),
        )
        answer = self._pads.grant(Envelope.issue(ask, half.vault.signing_key))
        grant = answer.opened(PadGrant, half.trust.unblinder)
        if grant.statement_digest != digest:
            raise SignatureInvalid("the unblinder answered about another statement")
        half.check_current(grant.head)
        half.compare_heads(grant.seen)
        return grant

    def _open(self, statement: TotalStatement, admitted: _Admitted, ciphertext: bytes, pad_sum: bytes) -> Total:
        """Every cause of failure, in the ciphertext or in the pads, is the one refusal."""
        secret_key = self.half.vault.secret_key
        labels = labels_of(statement, admitted.members, secret_key.public.modulus_id)
        tag_keys = self.half.meter_keys(admitted.roster, admitted.members)
        check_key = self.half.vault.root.check_key(statement.region, month_of(statement.window))
        decryptor = decryptor_of(secret_key, statement.layout_id)
        try:
            return decryptor.open_total(ciphertext, pad_sum, labels, tag_keys, check_key)
        except VerificationFailed:
            raise VerificationRefused("verification failed") from None

    def _check_dominance(self, statement: TotalStatement, opened: Opened) -> None:
        ledger = self.half.ledger
        released = [
            _Histogram.from_bytes(kept).opened() for kept in ledger.opened_of(statement.channel, statement.window)
        ]
        edges = layout_of(statement.layout_id).upper_edges
        check_dominance(opened, released, edges, self.half.policy.largest_share_percent)
