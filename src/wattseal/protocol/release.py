"""The two halves' words: ledger heads, the unblinder's grant of pads, and the release that a collector gets."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wattseal.protocol.codec import Bytes, Bytes32, Count, Many, Message
from wattseal.protocol.errors import Contradiction, SignatureInvalid
from wattseal.protocol.ids import HalfRole, Role
from wattseal.protocol.roster import MAX_METERS, Unit
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import Answer, Approval
from wattseal.protocol.tokens import TokenProof


class Head(Message):
    """Where a half's hash-chained ledger stood: how many entries, and the hash over all of them."""

    role: HalfRole
    counter: Count
    hash: Bytes32


SignedHead = Envelope
"""Of a Head."""


class SeenHeads(Message):
    """The latest heads that a collector knows, one a half, shown to each half directly."""

    heads: Annotated[Many[SignedHead], Field(max_length=2)] = ()


def latest_heads(heads: Iterable[SignedHead]) -> SeenHeads:
    """The latest of each half. Raises Contradiction if a half has shown two ledgers."""
    latest: dict[Role, tuple[Head, SignedHead]] = {}
    for envelope in heads:
        head = Head.from_bytes(envelope.body)
        known = latest[head.role][0] if head.role in latest else head
        if head.counter == known.counter and head.hash != known.hash:
            raise Contradiction(f"the {head.role} has shown two ledgers: one of them was rolled back")
        if head.counter >= known.counter:
            latest[head.role] = head, envelope
    return SeenHeads(heads=tuple(envelope for _, envelope in latest.values()))


class ReleaseRequest(Message):
    """Collector to decryptor. `seen` are the latest heads that the collector knows, of either half.

    `proof` is for the unblinder, of the token that the collector has there.
    """

    answer: Answer
    proof: TokenProof
    seen: Annotated[Many[SignedHead], Field(max_length=2)] = ()


class PadRequest(Message):
    """Decryptor to unblinder: the statement and its approval, never a ciphertext.

    `check_key_id` names the check key under which the decryptor says that every member sealed; pads are given for
    reports under that one only.
    """

    approval: Approval
    check_key_id: Annotated[Bytes, Field(min_length=16, max_length=16)]
    proof: TokenProof
    head: SignedHead
    seen: Annotated[Many[SignedHead], Field(max_length=3)] = ()


Noisy = Annotated[int, Field(gt=-(1 << 62), lt=1 << 62)]
"""A sum with noise, or noise alone: below zero, too."""


class ReleaseNoise(Message):
    """That a total is noisy: each half added a discrete Gaussian of standard deviation `sigma` to each interval.

    The release cost each member's day `rho_millionths` of zero-concentrated differential privacy, for each half's noise
    alone; `spent_rho_millionths` is the most that noisy totals have spent of any member's day, this one included.
    """

    sigma: Annotated[int, Field(ge=1, lt=1 << 40)]
    rho_millionths: Annotated[int, Field(ge=1)]
    spent_rho_millionths: Annotated[int, Field(ge=1)]
    budget_rho_millionths: Annotated[int, Field(ge=1)]


class PadGrant(Message):
    """Unblinder to decryptor: the sum of the members' pads, and the ledger head that records the grant.

    `noise` is the unblinder's part of each interval's, none of an exact total. `policy` is the digest of the pack that
    the unblinder granted it under. `seen` is the decryptor's head that the unblinder knew before this request: the
    decryptor finds it in its own chain, or its ledger was replaced.
    """

    statement_digest: Bytes32
    policy: Bytes32
    pad_sum: Annotated[Bytes, Field(max_length=1 << 16)]
    noise: Annotated[Many[Noisy], Field(max_length=96)] = ()
    head: SignedHead
    seen: Annotated[Many[SignedHead], Field(max_length=1)] = ()


class Release(Message):
    """The opened total with everything that a reader needs to check it; the same statement gets the same bytes.

    `reads` are sums of each interval in `unit`, which is the region's; exact ones unless there is `noise`. `policy` and
    `unblinder_policy` are the digests of the packs that the halves released it under: each operator answers for its
    own.
    """

    version: Literal[1] = 1
    statement: Bytes
    policy: Bytes32
    unblinder_policy: Bytes32
    unit: Unit
    reads: Many[Noisy]
    noise: ReleaseNoise | None = None
    members: Annotated[int, Field(ge=1, le=MAX_METERS)]
    flagged: Many[Count]
    decryptor_head: SignedHead
    unblinder_head: SignedHead

    @model_validator(mode="after")
    def _exact_sums_are_counts(self) -> Self:
        if self.noise is None and any(read < 0 for read in self.reads):
            raise ValueError("reads of an exact total are not below zero")
        return self

    def check_heads(self, decryptor: bytes, unblinder: bytes) -> None:
        """Raises SignatureInvalid unless each half signed its own head."""
        ours = self.decryptor_head.opened(Head, decryptor)
        theirs = self.unblinder_head.opened(Head, unblinder)
        if (ours.role, theirs.role) != (Role.DECRYPTOR, Role.UNBLINDER):
            raise SignatureInvalid("a head of the release is of the other half")
