"""The ledgers of the halves as others see them: entries, how each is chained to the one before, signed checkpoints."""

import hashlib
from enum import StrEnum
from typing import Literal, NamedTuple

from wattseal.protocol.codec import Bytes32, Count, Message
from wattseal.protocol.ids import HalfRole

EMPTY = bytes(32)
"""Hash of a chain without entries."""


class EntryKind(StrEnum):
    """What an entry announces or records."""

    INTENT = "intent"
    ATTEMPT = "attempt"
    WITHDRAWAL = "withdrawal"
    REFUSAL = "refusal"
    RELEASE = "release"
    RECONCILIATION = "reconciliation"
    RECIPIENT = "recipient"
    RESET = "reset"
    PERIOD = "period"


class PeriodAct(StrEnum):
    """What became of a key period, by an entry of kind PERIOD."""

    BEGUN = "begun"
    DESTROYED = "destroyed"


class Entry(NamedTuple):
    """One link of the chain; `body` is canonical JSON, `hash` covers everything up to and including it."""

    counter: int
    kind: EntryKind
    body: bytes
    hash: bytes


def link(previous: bytes, counter: int, kind: str, body: bytes) -> bytes:
    """The hash of an entry that follows a chain of hash `previous`."""
    return hashlib.sha256(previous + f"{counter} {kind} ".encode() + body).digest()


class Checkpoint(Message):
    """A half's word of where its ledger stood at a time, in seconds since 1970 UTC. It signs them as the chain grows.

    Whoever keeps one can later see whether a ledger was cut or rewritten before it.
    """

    version: Literal[1] = 1
    role: HalfRole
    counter: Count
    hash: Bytes32
    at: Count
