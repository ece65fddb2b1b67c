"""Whether a ledger is what its half has signed, and whether two halves' ledgers tell of the same releases."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from wattseal.collector.audit.book import Book, Released
from wattseal.collector.audit.sources import LedgerSource
from wattseal.protocol.errors import MalformedMessage, Rejected, UsageError
from wattseal.protocol.ids import HalfRole, Role
from wattseal.protocol.ledger import EMPTY, Checkpoint, Entry, link
from wattseal.protocol.release import Head
from wattseal.protocol.signing import Envelope
from wattseal.protocol.trust import TrustAnchors


class Place(NamedTuple):
    """Where a ledger stands."""

    counter: int
    hash: bytes


@dataclass
class Audited:
    """One ledger, walked from its first entry to its last. `findings` is empty if nothing is wrong with it."""

    role: HalfRole
    name: str
    hashes: list[bytes]
    book: Book
    checkpoints: int
    last_checkpoint: Checkpoint
    findings: list[str] = field(default_factory=list)

    @property
    def head(self) -> Place:
        return Place(len(self.hashes) - 1, self.hashes[-1])

    def has(self, head: Head | Checkpoint) -> bool:
        return head.counter < len(self.hashes) and self.hashes[head.counter] == head.hash


def audit(source: LedgerSource, trust: TrustAnchors) -> Audited:
    """Walk the chain, then hold every checkpoint and every release's heads against it.

    Raises UsageError for what cannot be walked at all: a broken chain, entries that say too little, no checkpoint.
    """
    signed = list(source.checkpoints())
    if not signed:
        raise UsageError(f"{source.name}: the ledger holds no checkpoint, so nobody has signed it")
    role = _role_of(source.name, signed[0])
    checkpoints = [_checkpoint(source.name, envelope, role, trust) for envelope in signed]
    hashes = [EMPTY]
    book = Book.of(_walked(source, hashes))
    audited = Audited(role, source.name, hashes, book, len(checkpoints), checkpoints[-1])
    audited.findings += (
        f"the {role}'s ledger does not have its own checkpoint at entry {checkpoint.counter}"
        for checkpoint in checkpoints
        if not audited.has(checkpoint)
    )
    audited.findings += _unfounded(audited, trust)
    return audited


def _walked(source: LedgerSource, hashes: list[bytes]) -> Iterator[Entry]:
    """The entries, their hashes added on the way. Raises UsageError at the first that does not follow."""
    for entry in source.entries():
        hashes.append(link(hashes[-1], entry.counter, entry.kind, entry.body))
        if (entry.counter, entry.hash) != (len(hashes) - 1, hashes[-1]):
            raise UsageError(f"{source.name}: the ledger's chain is broken at entry {len(hashes) - 1}")
        yield entry


def _role_of(name: str, envelope: Envelope) -> HalfRole:
    try:
        return Checkpoint.from_bytes(envelope.body).role
    except MalformedMessage as error:
        raise UsageError(f"{name}: {error}") from None


def _checkpoint(name: str, envelope: Envelope, role: HalfRole, trust: TrustAnchors) -> Checkpoint:
    try:
        checkpoint = envelope.opened(Checkpoint, trust.service(role))
    except Rejected as error:
        raise UsageError(f"{name}: a checkpoint is not the {role}'s ({error})") from None
    if checkpoint.role is not role:
        raise UsageError(f"{name}: holds checkpoints of both halves")
    return checkpoint


def _unfounded(audited: Audited, trust: TrustAnchors) -> Iterator[str]:
    """Releases without an intent, or with a head of this half that its chain does not have."""
    for released in audited.book.releases:
        if released.statement not in audited.book.intents:
            yield f"release {released.counter} has no intent"
        own, _ = _heads(released, trust)
        if audited.role is Role.DECRYPTOR and not audited.has(own):
            yield f"release {released.counter} carries a head that the {audited.role}'s ledger does not have"


def _heads(released: Released, trust: TrustAnchors) -> tuple[Head, Head]:
    """The decryptor's and the unblinder's. Raises UsageError unless each half signed its own."""
    try:
        decryptor, unblinder = released.heads
        heads = decryptor.opened(Head, trust.decryptor), unblinder.opened(Head, trust.unblinder)
    except (ValueError, Rejected):
        raise UsageError(f"release {released.counter} does not carry a signed head of each half") from None
    if (heads[0].role, heads[1].role) != (Role.DECRYPTOR, Role.UNBLINDER):
        raise UsageError(f"release {released.counter} carries the other half's head")
    return heads


def compare(one: Audited, other: Audited, again: Audited, trust: TrustAnchors) -> list[str]:
    """What is wrong between the ledgers of the two halves. Raises UsageError for two of one half.

    A statement that only the decryptor recorded was refused by the unblinder or never reached it; one that was
    released, or that only the unblinder recorded, has to be in both, for the same purpose. `again` is the first ledger,
    read after the other one: while halves are at work, what one tells of is looked for in what was read later.
    """
    if one.role is other.role:
        raise UsageError(f"both ledgers are the {one.role}'s: the other half's is needed")
    if one.role is Role.DECRYPTOR:
        return [*_not_granted(one, other, trust), *_not_asked(again, other)]
    return [*_not_granted(other, again, trust), *_not_asked(other, one)]


def _not_granted(decryptor: Audited, unblinder: Audited, trust: TrustAnchors) -> Iterator[str]:
    for released in decryptor.book.releases:
        if released.statement not in unblinder.book.intents:
            yield f"release {released.counter} of the decryptor was never granted by the unblinder"
        if not unblinder.has(_heads(released, trust)[1]):
            yield f"release {released.counter} carries a head that the unblinder's ledger does not have"


def _not_asked(decryptor: Audited, unblinder: Audited) -> Iterator[str]:
    for digest, granted in unblinder.book.intents.items():
        asked = decryptor.book.intents.get(digest)
        if asked is None or digest not in decryptor.book.attempted:
            yield f"grant {granted.counter} of the unblinder is for nothing that the decryptor recorded"
        elif asked.purpose != granted.purpose:
            yield f"grant {granted.counter} of the unblinder is for another purpose than the decryptor recorded"
