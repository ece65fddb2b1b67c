"""What exactly is asked to be opened of single meters: bill statements, the aggregator's numbers, pads and releases.

One statement is a billing run: up to 1,000 segments of one region, cycle and tariff. Every role compiles the
functionals from the tariff that was registered with it, so a statement names the tariff and never a price.
"""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Annotated, Literal, Self

from nacl.signing import SigningKey
from pydantic import AfterValidator, Field, model_validator

from wattseal.protocol.codec import (
    Bytes,
    Bytes32,
    Count,
    Digest,
    Many,
    Message,
    Named,
    Signature,
    canonical_json,
)
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid, UsageError
from wattseal.protocol.ids import (
    Channel,
    KeyIdField,
    Kind,
    MeterField,
    MeterId,
    NumberField,
    Purpose,
    RegionField,
    Role,
)
from wattseal.protocol.release import Head, SignedHead
from wattseal.protocol.roster import Interval, Roster, Unit
from wattseal.protocol.signing import sign, verify
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.calendar import zone_of
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Compiled, Segment, compile_tariff
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tokens import TokenProof

MOST_SEGMENTS, MOST_RESULTS = 1_000, 64
MOST_REPORTS = 4
"""Of a segment: two of each channel."""

NUMBER_BYTES = 14
"""Of a number modulo the CKKS modulus: what each functional of each segment comes to, sealed and as a pad."""

_MOST_NUMBERS = 1 << 20
_COMPILED_KEPT = 256
_FIRST = date(1970, 1, 1)
Minute = Annotated[int, Field(ge=0, lt=1 << 31)]
LocalDay = Annotated[int, Field(ge=0, lt=1 << 21)]
"""Days of the local calendar since 1970-01-01."""


def _known_zone(name: str) -> str:
    try:
        zone_of(name)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return name


Timezone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]


class SegmentReport(Message):
    """A report of one channel, by its number: the cycle report, or the register report read at that minute."""

    channel: Channel
    number: NumberField
    read_at: Minute | None = None

    @property
    def kind(self) -> Kind:
        return Kind.CYCLE if self.read_at is None else Kind.REGISTER


class Cancels(Message):
    """The bills that a rebill takes the place of: digests of their release, and of the statement that it opened."""

    statement: Bytes32
    release: Bytes32


class BillSegment(Message):
    """One meter's part of a cycle: tenure x installation x cycle, in minutes since 1970 UTC."""

    meter: MeterField
    start: Minute
    end: Minute
    reports: Annotated[Many[SegmentReport], Field(min_length=1, max_length=MOST_REPORTS)]
    cancels: Cancels | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("a segment ends after it begins")
        places = [(report.channel, report.kind) for report in self.reports]
        if places != sorted(set(places)):
            raise ValueError("reports are sorted by channel and kind, each once")
        return self

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(dict.fromkeys(report.channel for report in self.reports))

    @property
    def by_registers(self) -> frozenset[Channel]:
        """Channels without a cycle report: what is billed of them is estimated, from registers."""
        return frozenset(self.channels) - {report.channel for report in self.reports if report.kind is Kind.CYCLE}


class Rebill(Message):
    """A meter that is to be billed by its latest reports, whatever was billed before."""

    meter: MeterField
    cancels: Cancels


class BillQuestion(Message):
    """What a collector asks the aggregator for: bills of these meters over one cycle, `first` to before `after`.

    `estimates`: where a cycle report is missing, from the registers' reading at the segment's end. `rebills`
    are of those meters whose earlier bill is taken back.
    """

    purpose: Purpose
    region: RegionField
    tariff: Bytes32
    mode: Mode
    timezone: Timezone
    first: LocalDay
    after: LocalDay
    meters: Annotated[Many[MeterField], Field(min_length=1, max_length=MOST_SEGMENTS)]
    estimates: bool = False
    rebills: Annotated[Many[Rebill], Field(max_length=MOST_SEGMENTS)] = ()

    @model_validator(mode="after")
    def _rebilled_once(self) -> Self:
        meters = [rebill.meter for rebill in self.rebills]
        if len(set(meters)) < len(meters) or not set(meters) <= set(self.meters):
            raise ValueError("rebills are of meters of the question, each once")
        return self

    @property
    def cancels(self) -> Mapping[MeterId, Cancels]:
        """By meter that is billed again."""
        return {rebill.meter: rebill.cancels for rebill in self.rebills}

    @property
    def cycle(self) -> Cycle:
        """Raises MalformedMessage for a cycle that is too short or too long."""
        return cycle_of(self.first, self.after, self.timezone)


class BillStatement(Message):
    """The segments whose functionals are opened, each from its numbered reports, under which key and roster."""

    version: Literal[1] = 1
    kind: Literal["bills"] = "bills"
    purpose: Purpose
    region: RegionField
    tariff: Bytes32
    mode: Mode
    timezone: Timezone
    first: LocalDay
    after: LocalDay
    suite: Annotated[int, Field(ge=0, le=255)]
    key_id: KeyIdField
    roster_digest: Bytes32
    segments: Annotated[Many[BillSegment], Field(min_length=1, max_length=MOST_SEGMENTS)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        places = [(segment.meter, segment.start) for segment in self.segments]
        if places != sorted(set(places)):
            raise ValueError("segments are sorted by meter and start, each once")
        return self

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """See `Message`."""
        statement = super().from_bytes(data)
        # They are what `digest` would hash.
        vars(statement)["fingerprint"] = hashlib.sha256(data).digest()
        return statement

    @cached_property
    def fingerprint(self) -> Digest:
        """The digest, computed once: statements are long."""
        return self.digest()

    @property
    def cycle(self) -> Cycle:
        """Raises MalformedMessage for a cycle that is too short or too long."""
        return cycle_of(self.first, self.after, self.timezone)

    def compiled(self, segment: BillSegment, tariff: Tariff, roster: Roster) -> Compiled:
        """The functionals of a segment. Raises MalformedMessage if the tariff or the region does not fit it."""
        try:
            part = Segment(
                start=segment.start,
                end=segment.end,
                interval_minutes=roster.interval_minutes,
                timezone=self.timezone,
                channels=segment.channels,
                read_unit=roster.unit.factor,
            )
            return _compiled(Named(tariff.fingerprint, tariff), part, self.mode, segment.by_registers)
        except UsageError as error:
            raise MalformedMessage(str(error)) from None

    def item(self, segment: BillSegment) -> Digest:
        """What attempts are counted by: which reports of whom, which functionals; not why or how it was put."""
        content = {
            "meter": segment.meter,
            "segment": [segment.start, segment.end],
            "reports": [[report.channel, report.number, report.read_at] for report in segment.reports],
            "kind": self.kind,
            "tariff": self.tariff.hex(),
            "mode": self.mode,
        }
        return hashlib.sha256(b"wattseal/1 bill item\0" + canonical_json(content)).digest()


@lru_cache(maxsize=_COMPILED_KEPT)
def _compiled(tariff: Named[Tariff], part: Segment, mode: Mode, by_registers: frozenset[Channel]) -> Compiled:
    """Statements of a billing run differ in their meters, seldom in what they are billed by."""
    return compile_tariff(tariff.value, part, tariff.value.modes(mode), by_registers)


def cycle_of(first: int, after: int, timezone: str) -> Cycle:
    """Raises MalformedMessage for a cycle that is too short or too long."""
    try:
        return Cycle(_FIRST + timedelta(days=first), _FIRST + timedelta(days=after), timezone)
    except UsageError as error:
        raise MalformedMessage(str(error)) from None


def local_day(day: date) -> int:
    return (day - _FIRST).days


class BillApproval(Message):
    """The aggregator's word that this statement and this payload belong together; holds no number."""

    statement: Bytes
    payload_digest: Bytes32
    signature: Signature

    def opened(self, aggregator: bytes) -> BillStatement:
        """Raises SignatureInvalid or MalformedMessage."""
        verify(aggregator, "bill answer", _signed(self.statement, self.payload_digest), self.signature)
        return BillStatement.from_bytes(self.statement)


class BillAnswer(Message):
    """The statement, and one number for each functional of each segment, in order.

    `flagged`: in how many of a segment's intervals the read of any channel is flagged.
    """

    statement: Bytes
    numbers: Annotated[Bytes, Field(max_length=_MOST_NUMBERS)]
    flagged: Annotated[Many[Count], Field(max_length=MOST_SEGMENTS)]
    signature: Signature

    @classmethod
    def issue(
        cls, statement: BillStatement, numbers: Sequence[bytes], flagged: tuple[int, ...], key: SigningKey
    ) -> Self:
        body, joined = statement.to_bytes(), b"".join(numbers)
        signature = sign(key, "bill answer", _signed(body, _payload_digest(joined, flagged)))
        return cls(statement=body, numbers=joined, flagged=flagged, signature=signature)

    @property
    def approval(self) -> BillApproval:
        digest = _payload_digest(self.numbers, self.flagged)
        return BillApproval(statement=self.statement, payload_digest=digest, signature=self.signature)


def _payload_digest(numbers: bytes, flagged: tuple[int, ...]) -> bytes:
    return hashlib.sha256(hashlib.sha256(numbers).digest() + canonical_json(flagged)).digest()


def _signed(statement: bytes, payload_digest: bytes) -> bytes:
    return hashlib.sha256(statement).digest() + payload_digest


def split_numbers(joined: bytes, counts: Sequence[int]) -> list[list[bytes]]:
    """Numbers by segment, of which the i-th has `counts[i]`. Raises MalformedMessage for a wrong length."""
    if len(joined) != NUMBER_BYTES * sum(counts):
        raise MalformedMessage("there is not one number for each functional of each segment")
    numbers = (joined[place : place + NUMBER_BYTES] for place in range(0, len(joined), NUMBER_BYTES))
    return [list(itertools.islice(numbers, count)) for count in counts]


class BillReleaseRequest(Message):
    """Collector to decryptor, as for totals."""

    answer: BillAnswer
    proof: TokenProof
    seen: Annotated[Many[SignedHead], Field(max_length=2)] = ()


class BillPadRequest(Message):
    """Decryptor to unblinder: the statement and its approval, never a number of the aggregator's."""

    approval: BillApproval
    proof: TokenProof
    head: SignedHead
    seen: Annotated[Many[SignedHead], Field(max_length=3)] = ()


class BillPadGrant(Message):
    """Unblinder to decryptor: one number for each functional of each segment, in order; the rest as for totals."""

    statement_digest: Bytes32
    policy: Bytes32
    numbers: Annotated[Bytes, Field(max_length=_MOST_NUMBERS)]
    head: SignedHead
    seen: Annotated[Many[SignedHead], Field(max_length=1)] = ()


class BillResult(Message):
    """Of one segment: whole cents of amounts and exact sums, one a functional; none if it did not open."""

    values: Annotated[Many[int], Field(max_length=MOST_RESULTS)]
    opened: bool


class BillRelease(Message):
    """The opened results of a statement, in the order of its segments; the same statement gets the same bytes.

    Policies as for totals. Sums count in `unit`, which is the region's, as its interval is.
    """

    version: Literal[1] = 1
    statement: Bytes
    policy: Bytes32
    unblinder_policy: Bytes32
    unit: Unit
    interval_minutes: Interval
    results: Annotated[Many[BillResult], Field(max_length=MOST_SEGMENTS)]
    flagged: Many[Count]
    decryptor_head: SignedHead
    unblinder_head: SignedHead

    def check_heads(self, decryptor: bytes, unblinder: bytes) -> None:
        """Raises SignatureInvalid unless each half signed its own head."""
        ours = self.decryptor_head.opened(Head, decryptor)
        theirs = self.unblinder_head.opened(Head, unblinder)
        if (ours.role, theirs.role) != (Role.DECRYPTOR, Role.UNBLINDER):
            raise SignatureInvalid("a head of the release is of the other half")
