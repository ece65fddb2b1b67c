"""The two halves' words: ledger heads, the unblinder's grant of pads, and the release that a collector gets."""

from typing import Annotated, Literal

from pydantic import Field

from wattseal.protocol.codec import Bytes, Bytes32, Message
from wattseal.protocol.ids import Role
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import Answer, Approval

Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Token = Annotated[str, Field(min_length=1, max_length=128)]


class Head(Message):
    """Where a half's hash-chained ledger stood: how many entries, and the hash over all of them."""

    role: Literal[Role.DECRYPTOR, Role.UNBLINDER]
    counter: Annotated[int, Field(ge=0)]
    hash: Bytes32


SignedHead = Envelope
"""Of a Head."""


class ReleaseRequest(Message):
    """Collector to decryptor. `seen` are the latest heads that the collector knows, of either half."""

    purpose: Purpose
    answer: Answer
    unblinder_token: Token
    seen: Annotated[tuple[SignedHead, ...], Field(max_length=2)] = ()


class PadRequest(Message):
    """Decryptor to unblinder: the statement and its approval, never a ciphertext."""

    purpose: Purpose
    approval: Approval
    token: Token
    head: SignedHead
    seen: Annotated[tuple[SignedHead, ...], Field(max_length=3)] = ()


class PadGrant(Message):
    """Unblinder to decryptor: the sum of the members' pads, and the ledger head that records the grant."""

    statement_digest: Bytes32
    pad_sum: Annotated[Bytes, Field(max_length=1 << 16)]
    head: SignedHead


class Release(Message):
    """The opened total with everything that a reader needs to check it; the same statement gets the same bytes."""

    version: Literal[1] = 1
    statement: Bytes
    purpose: Purpose
    reads_wh: tuple[Annotated[int, Field(ge=0)], ...]
    members: Annotated[int, Field(ge=1)]
    flagged: tuple[Annotated[int, Field(ge=0)], ...]
    decryptor_head: SignedHead
    unblinder_head: SignedHead

    def check_heads(self, decryptor: bytes, unblinder: bytes) -> None:
        """Raises SignatureInvalid unless each half signed its own head."""
        self.decryptor_head.opened(Head, decryptor)
        self.unblinder_head.opened(Head, unblinder)
