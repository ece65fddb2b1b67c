"""What exactly is asked to be opened: the statement, and the aggregator's signed answer that carries its ciphertext.

A statement names its members by a bitmap over the cohort's active meters, so that it cannot name anybody else.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

import numpy as np
from nacl.signing import SigningKey
from pydantic import Field

from wattseal.protocol.codec import Bytes, Bytes32, Count, Digest, Many, Message, Signature, canonical_json
from wattseal.protocol.errors import MalformedMessage
from wattseal.protocol.ids import (
    Channel,
    CohortField,
    KeyIdField,
    MeterId,
    NumberField,
    Purpose,
    RegionDay,
    RegionField,
    WindowField,
)
from wattseal.protocol.roster import MAX_METERS, Roster
from wattseal.protocol.signing import sign, verify

ALL_ONES = "ones"
Position = Annotated[int, Field(ge=0, lt=MAX_METERS)]


class TotalQuestion(Message):
    """What a collector asks the aggregator for: the total of a cohort, interval by interval, over one closed window."""

    purpose: Purpose
    region: RegionField
    cohort: CohortField
    channel: Channel = Channel.DELIVERED
    window: WindowField

    @property
    def region_day(self) -> RegionDay:
        return RegionDay(self.region, self.channel, self.window)


class StatedNoise(Message):
    """What noise a total gets: the standard deviation of each half's part, and what it costs a member's day."""

    sigma: Annotated[int, Field(ge=1, lt=1 << 40)]
    rho_millionths: Annotated[int, Field(ge=1, lt=1 << 40)]


class TotalStatement(Message):
    """The members whose reads are summed, each at its frozen number, and under which key, layout and roster.

    The purpose is part of what is asked, and so is the noise: every role judges by them, none can be told others, and
    what was granted stays what it was when a pack changes.
    """

    version: Literal[1] = 1
    kind: Literal["total"] = "total"
    purpose: Purpose
    region: RegionField
    cohort: CohortField
    channel: Channel
    window: WindowField
    suite: Annotated[int, Field(ge=0, le=255)]
    key_id: KeyIdField
    layout_id: Annotated[Bytes, Field(min_length=8, max_length=8)]
    roster_digest: Bytes32
    members: Annotated[Bytes, Field(max_length=MAX_METERS // 8)]
    numbers: Annotated[Many[tuple[Position, NumberField]], Field(max_length=MAX_METERS)] = ()
    functional: Annotated[str, Field(max_length=64)] = ALL_ONES
    noise: StatedNoise | None = None

    @property
    def region_day(self) -> RegionDay:
        return RegionDay(self.region, self.channel, self.window)

    def members_in(self, roster: Roster) -> dict[MeterId, int]:
        """Members in sorted order, each with the number of its report. Raises MalformedMessage, UnknownSubject."""
        active = roster.active(self.cohort, self.channel)
        chosen = bits_to_positions(self.members, len(active))
        numbers = dict(self.numbers)
        if list(numbers) != sorted(numbers) or len(numbers) != len(self.numbers) or 0 in numbers.values():
            raise MalformedMessage("numbers are sorted by member, each once, 0 left out")
        if not numbers.keys() <= set(chosen):
            raise MalformedMessage("a number is given for a meter that is not a member")
        members = dict.fromkeys((active[position] for position in chosen), 0)
        members.update((active[position], number) for position, number in self.numbers)
        return members

    def item(self, members: Mapping[MeterId, int]) -> Digest:
        """What attempts are counted by: who, which reports of theirs, which functional; not why or how it was put."""
        return hashlib.sha256(
            b"wattseal/1 item\0"
            + canonical_json(
                {
                    "members": sorted(members.items()),
                    "kind": self.kind,
                    "channel": self.channel,
                    "window": self.window,
                    "functional": self.functional,
                }
            )
        ).digest()


def positions_to_bits(positions: Iterable[int], count: int) -> bytes:
    """Bitmap over `count` places, lowest bit of the first byte first."""
    chosen = np.zeros(count, dtype=np.bool_)
    chosen[list(positions)] = True
    return np.packbits(chosen, bitorder="little").tobytes()


def bits_to_positions(bits: bytes, count: int) -> list[int]:
    """Inverse of `positions_to_bits`. Raises MalformedMessage for a wrong length or bits beyond `count`."""
    chosen = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), bitorder="little")
    if len(bits) != -(-count // 8) or chosen[count:].any():
        raise MalformedMessage("the bitmap of members does not fit the roster")
    return np.flatnonzero(chosen).tolist()


class Approval(Message):
    """The aggregator's word that this statement and this payload belong together; holds no ciphertext."""

    statement: Bytes
    payload_digest: Bytes32
    signature: Signature

    def opened(self, aggregator: bytes) -> TotalStatement:
        """Raises SignatureInvalid or MalformedMessage."""
        verify(aggregator, "answer", _answer_bytes(self.statement, self.payload_digest), self.signature)
        return TotalStatement.from_bytes(self.statement)


class Answer(Message):
    """Statement, folded ciphertext, and how many members' reads were flagged in each interval."""

    statement: Bytes
    ciphertext: Annotated[Bytes, Field(max_length=1 << 16)]
    flagged: Annotated[Many[Count], Field(max_length=1440)]
    signature: Signature

    @classmethod
    def issue(cls, statement: TotalStatement, ciphertext: bytes, flagged: tuple[int, ...], key: SigningKey) -> Self:
        body = statement.to_bytes()
        signed = _answer_bytes(body, _payload_digest(ciphertext, flagged))
        return cls(statement=body, ciphertext=ciphertext, flagged=flagged, signature=sign(key, "answer", signed))

    @property
    def approval(self) -> Approval:
        digest = _payload_digest(self.ciphertext, self.flagged)
        return Approval(statement=self.statement, payload_digest=digest, signature=self.signature)


def _payload_digest(ciphertext: bytes, flagged: tuple[int, ...]) -> bytes:
    return hashlib.sha256(hashlib.sha256(ciphertext).digest() + canonical_json(flagged)).digest()


def _answer_bytes(statement: bytes, payload_digest: bytes) -> bytes:
    return hashlib.sha256(statement).digest() + payload_digest
