"""What a ledger's entries say: intents, refusals and releases, with the statements that they are about."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wattseal.protocol.billing import BillStatement
from wattseal.protocol.codec import Bytes, Count, first_fault
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Purpose
from wattseal.protocol.ledger import Entry, EntryKind
from wattseal.protocol.release import ReleaseNoise
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement

Statement = TotalStatement | BillStatement


class _Body(BaseModel):
    """The hash covers every field of an entry; here are those that an audit is about."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Count
    statement: str


B = TypeVar("B", bound=_Body)


class _IntentBody(_Body):
    kind: str = "total"
    purpose: Purpose
    noise: ReleaseNoise | None = None
    waivers: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()


class _Bytes(BaseModel):
    data: Bytes


class RefusalBody(_Body):
    """`times` it was refused so far; entries are left out when it repeats."""

    reason: str
    purpose: Purpose
    region: str
    times: Count


class ReleaseBody(_Body):
    """`heads` as they stand in the release; `unopened` are places of a bill statement's segments."""

    heads: tuple[Bytes, ...]
    recipient: str
    unopened: tuple[int, ...] = Field(default=())


class Intent(NamedTuple):
    """The first entry about a statement; `waivers` and `extensions` that it may rest on, by digests in hexadecimal."""

    counter: int
    at: int
    purpose: str
    statement: Statement
    noise: ReleaseNoise | None
    waivers: tuple[str, ...]
    extensions: tuple[str, ...]


class Refused(NamedTuple):
    counter: int
    body: RefusalBody


class PeriodBody(BaseModel):
    """What became of a key period."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Count
    period: int
    act: str


class RecipientBody(_Body):
    """Somebody else was given a finished release."""

    recipient: str


class Handed(NamedTuple):
    """A release given to the holder of a token, by the name that the decryptor's operator gave them."""

    at: int
    statement: str
    recipient: str


class Released(NamedTuple):
    """`statement` is its digest in hexadecimal."""

    counter: int
    at: int
    statement: str
    heads: tuple[Envelope, ...]
    unopened: frozenset[int]


@dataclass(frozen=True)
class Book:
    """Everything by the order of its entries; statements by their digests in hexadecimal."""

    intents: dict[str, Intent] = field(default_factory=dict)
    attempted: set[str] = field(default_factory=set)
    refusals: list[Refused] = field(default_factory=list)
    releases: list[Released] = field(default_factory=list)
    handed: list[Handed] = field(default_factory=list)
    periods: list[PeriodBody] = field(default_factory=list)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Book":
        """Raises UsageError, naming the entry, for a body that says less than its kind has to."""
        book = cls()
        for entry in entries:
            try:
                book.add(entry)
            except ValidationError as error:
                raise UsageError(f"entry {entry.counter}: {first_fault(error)}") from None
        return book

    def add(self, entry: Entry) -> None:
        match entry.kind:
            case EntryKind.INTENT:
                intent = _intent(entry)
                self.intents[intent.statement.digest().hex()] = intent
            case EntryKind.ATTEMPT:
                self.attempted.add(_Body.model_validate_json(entry.body).statement)
            case EntryKind.REFUSAL:
                self.refusals.append(Refused(entry.counter, RefusalBody.model_validate_json(entry.body)))
            case EntryKind.RELEASE:
                self._add_release(entry)
            case EntryKind.RECIPIENT:
                given = RecipientBody.model_validate_json(entry.body)
                self.handed.append(Handed(given.at, given.statement, given.recipient))
            case EntryKind.PERIOD:
                self.periods.append(PeriodBody.model_validate_json(entry.body))
            case EntryKind.WITHDRAWAL | EntryKind.RECONCILIATION | EntryKind.RESET:
                pass

    def _add_release(self, entry: Entry) -> None:
        body = ReleaseBody.model_validate_json(entry.body)
        heads = tuple(Envelope.from_bytes(head) for head in body.heads)
        self.releases.append(Released(entry.counter, body.at, body.statement, heads, frozenset(body.unopened)))
        self.handed.append(Handed(body.at, body.statement, body.recipient))


def _intent(entry: Entry) -> Intent:
    body = _IntentBody.model_validate_json(entry.body)
    data = _Bytes.model_validate({"data": body.statement}).data
    kind = BillStatement if body.kind == "bills" else TotalStatement
    statement = kind.from_bytes(data)
    return Intent(entry.counter, body.at, body.purpose, statement, body.noise, body.waivers, body.extensions)
