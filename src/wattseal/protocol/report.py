"""The sealed report of one meter: fixed binary header, ciphertext, signature; and frames of reports for upload.

The ciphertext is opaque here. `docs/wire-format.md` draws the header byte by byte.
"""

import hashlib
import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from nacl.signing import SigningKey

from wattseal.protocol.errors import MalformedMessage, MessageTooLarge
from wattseal.protocol.ids import (
    ID_BYTES,
    LAST_WINDOW,
    Channel,
    Kind,
    MeterId,
    RegionId,
    Window,
    id_from_bytes,
    id_to_bytes,
)
from wattseal.protocol.signing import sign, verify
from wattseal.protocol.time import MINUTES_PER_DAY, window_minutes

VERSION = 1
SIGNATURE_BYTES = 64
MAX_REPORT_BYTES = 64 * 1024
MAX_NUMBER = 7
MAX_FLAG_RUNS = 32

# version, suite, kind, channel, key id, layout, region, meter, start, end, number, flag runs, ciphertext bytes
_HEADER = struct.Struct(">BBBBI8s16s16sIIBBI")
_RUN = struct.Struct(">HHB")
_FRAME = struct.Struct(">I")
_KINDS = {int(kind): kind for kind in Kind}
_METER_AT = struct.calcsize(">BBBBI8s16s")
_AFTER_METER = _METER_AT + ID_BYTES
_HEADERS_KEPT, _METERS_KEPT = 1 << 10, 1 << 16
"""Reports of one upload differ in little else than their meter, and the same meters report every day."""

_id = lru_cache(maxsize=_METERS_KEPT)(id_from_bytes)
_LAST_MINUTE = window_minutes(LAST_WINDOW)[1]


class FlagReason(IntEnum):
    """Why an interval is not a plain measured read; 0 is no reason and never on the wire."""

    MISSING = 1  # no read arrived; the slot holds 0
    LINEAR = 2  # estimated between the reads beside the gap
    LIKE_DAY = 3  # estimated from the meter's earlier days
    SPIKE = 4  # implausibly high: replaced by an estimate, or kept where no register tells
    SUM = 5  # measured, but the register disagrees with the reads around it
    CLOCK = 6  # measured by a meter whose clock was off
    SEVERAL = 7  # more runs than a report holds: one run over everything


_REASONS = frozenset(FlagReason)


class FlagRun(NamedTuple):
    """`length` intervals from `start` on that are flagged for one FlagReason."""

    start: int
    length: int
    reason: int


class Header(NamedTuple):
    """What a report says in the clear. `start` and `end` are minutes since 1970 UTC."""

    suite: int
    kind: Kind
    channel: Channel
    key_id: int
    layout_id: bytes
    region: RegionId
    meter: MeterId
    start: int
    end: int
    number: int
    flags: tuple[FlagRun, ...] = ()

    @property
    def window(self) -> Window:
        """The UTC day of a daily report."""
        return Window(self.start // MINUTES_PER_DAY)

    def to_bytes(self, ciphertext_bytes: int) -> bytes:
        fixed = _HEADER.pack(
            VERSION,
            self.suite,
            self.kind,
            self.channel.code,
            self.key_id,
            self.layout_id,
            id_to_bytes(self.region),
            id_to_bytes(self.meter),
            self.start,
            self.end,
            self.number,
            len(self.flags),
            ciphertext_bytes,
        )
        return fixed + b"".join(_RUN.pack(*run) for run in self.flags)


class Report(NamedTuple):
    """A decoded report; `body` is the exact bytes, which are what is stored, compared and archived.

    `kin` is the header less its meter and flags: what reports of one region, channel and time have in common.
    """

    header: Header
    ciphertext: bytes
    signature: bytes
    body: bytes
    kin: bytes

    def verify(self, identity_key: bytes) -> None:
        """Raises SignatureInvalid unless the meter with this Ed25519 key signed the report."""
        verify(identity_key, "report", self.signed(), self.signature)

    def signed(self) -> bytes:
        """What the meter signed: the header, and the ciphertext's digest."""
        return self.body[: -SIGNATURE_BYTES - len(self.ciphertext)] + hashlib.sha256(self.ciphertext).digest()


def seal_report(header: Header, ciphertext: bytes, identity: SigningKey) -> bytes:
    """The signed bytes of a report. Raises MalformedMessage if a decoder would not take them."""
    try:
        encoded = header.to_bytes(len(ciphertext))
    except (struct.error, ValueError):
        raise MalformedMessage("a field of the header is out of its range") from None
    signature = sign(identity, "report", encoded + hashlib.sha256(ciphertext).digest())
    body = encoded + ciphertext + signature
    if decode_report(body).header != header:
        raise MalformedMessage("a field of the header has no place in a report")
    return body


def decode_report(body: bytes) -> Report:
    """Raises MalformedMessage for unknown versions, bad fields, leftover bytes. The signature is not checked."""
    if not _HEADER.size + SIGNATURE_BYTES <= len(body) <= MAX_REPORT_BYTES:
        raise MalformedMessage("the report is truncated or too long")
    kin = body[:_METER_AT] + body[_AFTER_METER : _HEADER.size]
    before, after, runs, size = _common(kin)
    beginning = _HEADER.size + runs * _RUN.size
    if len(body) != beginning + size + SIGNATURE_BYTES:
        raise MalformedMessage("the report's length is not what its header says")
    meter = MeterId(_id(body[_METER_AT:_AFTER_METER]))
    flags = _checked_runs(body[_HEADER.size : beginning]) if runs else ()
    header = Header(*before, meter, *after, flags)
    return Report(header, body[beginning : beginning + size], body[-SIGNATURE_BYTES:], body, kin)


class _Common(NamedTuple):
    """What many meters' headers share, before the meter and after; how many flag runs; the ciphertext's length."""

    before: tuple[int, Kind, Channel, int, bytes, RegionId]
    after: tuple[int, int, int]
    runs: int
    size: int


@lru_cache(maxsize=_HEADERS_KEPT)
def _common(kin: bytes) -> _Common:
    """Raises MalformedMessage."""
    version, suite, kind, channel, key_id, layout_id, region, _, start, end, number, runs, size = _HEADER.unpack(
        kin[:_METER_AT] + bytes(ID_BYTES) + kin[_METER_AT:]
    )
    if version != VERSION:
        raise MalformedMessage(f"report version {version} is not known")
    if kind not in _KINDS:
        raise MalformedMessage(f"report kind {kind} is not known")
    if number > MAX_NUMBER:
        raise MalformedMessage(f"report number {number} is above {MAX_NUMBER}")
    if runs > MAX_FLAG_RUNS:
        raise MalformedMessage(f"{runs} flag runs are more than {MAX_FLAG_RUNS}")
    before = (suite, _KINDS[kind], Channel.from_code(channel), key_id, layout_id, RegionId(id_from_bytes(region)))
    _check_range(Header(*before, MeterId(""), start, end, number))
    return _Common(before, (start, end, number), runs, size)


def _check_range(header: Header) -> None:
    if header.key_id == 0:
        raise MalformedMessage("key ids begin at 1")
    if not header.start < header.end <= _LAST_MINUTE:
        raise MalformedMessage("the report's range is empty or beyond the year 9999")
    if header.kind is Kind.DAILY and (header.start, header.end) != window_minutes(header.window):
        raise MalformedMessage("a daily report covers exactly one UTC day")


def _checked_runs(data: bytes) -> tuple[FlagRun, ...]:
    """Runs in order, apart from each other and not empty, so that each set of flags has one encoding."""
    runs = tuple(FlagRun(*run) for run in _RUN.iter_unpack(data))
    free = 0
    for run in runs:
        if run.length == 0 or run.start < free or run.reason == 0:
            raise MalformedMessage("flag runs are empty, overlapping or out of order")
        free = run.start + run.length
    if not {run.reason for run in runs} <= _REASONS:
        raise MalformedMessage("a flag run's reason is not known")
    if any(a.start + a.length == b.start and a.reason == b.reason for a, b in itertools.pairwise(runs)):
        raise MalformedMessage("adjacent flag runs of one reason are one run")
    if any(run.reason == FlagReason.SEVERAL for run in runs) and (len(runs) > 1 or runs[0].start > 0):
        raise MalformedMessage("a flag run for several reasons is over everything")
    return runs


def flag_runs(reasons: Sequence[int]) -> tuple[FlagRun, ...]:
    """The FlagReason of each interval, or 0, as runs; with more than 32 of them, one run over everything."""
    runs: list[FlagRun] = []
    start = 0
    for reason, group in itertools.groupby(reasons):
        length = sum(1 for _ in group)
        if reason:
            runs.append(FlagRun(start, length, reason))
        start += length
    return tuple(runs) if len(runs) <= MAX_FLAG_RUNS else (FlagRun(0, start, FlagReason.SEVERAL),)


def frame(reports: Iterable[bytes]) -> bytes:
    """Upload body: each report after its length in four bytes."""
    return b"".join(_FRAME.pack(len(report)) + report for report in reports)


def unframe(body: bytes, most: int) -> Iterator[bytes]:
    """The framed reports. Raises MalformedMessage when truncated, MessageTooLarge beyond `most` reports."""
    position = count = 0
    while position < len(body):
        if len(body) - position < _FRAME.size:
            raise MalformedMessage("the last frame is truncated")
        (size,) = _FRAME.unpack_from(body, position)
        position += _FRAME.size
        if size > MAX_REPORT_BYTES:
            raise MessageTooLarge(f"a report of {size} bytes is above {MAX_REPORT_BYTES}")
        if size > len(body) - position:
            raise MalformedMessage("the last frame is truncated")
        count += 1
        if count > most:
            raise MessageTooLarge(f"more than {most} reports in one request")
        yield body[position : position + size]
        position += size
