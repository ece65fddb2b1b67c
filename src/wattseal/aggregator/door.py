"""The door: which reports may enter the store. Every check that needs no other report, each with its own reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial

from wattseal.aggregator.schemes import evaluator_of, layout_of
from wattseal.aggregator.store import Entry
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.interface import Evaluator
from wattseal.edge.registry import Registry
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid, UnknownSubject
from wattseal.protocol.ids import Kind
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.report import Header, Report, decode_report, unframe
from wattseal.protocol.time import SECONDS_PER_DAY, Clock

MOST_REPORTS = 10_000
CLOCK_SKEW_S = 300
HORIZON_DAYS = 45


class Reason(StrEnum):
    """Why a report was rejected."""

    MALFORMED = "malformed"
    KIND = "kind-not-taken"
    EARLY = "early"
    ARCHIVED = "window-archived"
    UNKNOWN_REGION = "unknown-region"
    UNKNOWN_METER = "unknown-meter"
    INACTIVE_CHANNEL = "inactive-channel"
    UNKNOWN_KEY = "unknown-key"
    RETIRED_KEY = "retired-key"
    SUITE = "wrong-suite-or-layout"
    SIGNATURE = "signature-invalid"
    CIPHERTEXT = "not-a-ciphertext"


@dataclass(frozen=True)
class _Rejected(Exception):
    reason: Reason


class Door:
    """`horizon_days` None takes windows of any age: for replays of old data."""

    def __init__(self, registry: Registry, clock: Clock, *, horizon_days: int | None, backend: Backend) -> None:
        self._registry = registry
        self._clock = clock
        self._horizon_days = horizon_days
        self._evaluator = lru_cache(maxsize=16)(partial(evaluator_of, backend=backend))

    def admit(self, body: bytes) -> list[Entry | Reason]:
        """One entry or reason a framed report, in order. Raises Rejected for bad frames: then nothing enters."""
        now = self._clock()
        checked = [self._check(report, now) for report in unframe(body, MOST_REPORTS)]
        outside = set(self._not_ciphertexts(checked))
        return [
            Reason.CIPHERTEXT if position in outside else found if isinstance(found, Reason) else _entry(found)
            for position, found in enumerate(checked)
        ]

    def _check(self, body: bytes, now: float) -> Report | Reason:
        try:
            report = decode_report(body)
            self._check_time(report.header, now)
            self._check_key(report.header)
            self._check_meter(report)
        except MalformedMessage:
            return Reason.MALFORMED
        except SignatureInvalid:
            return Reason.SIGNATURE
        except _Rejected as rejected:
            return rejected.reason
        return report

    def _check_time(self, header: Header, now: float) -> None:
        if header.kind is not Kind.DAILY:
            raise _Rejected(Reason.KIND)
        over = (header.window + 1) * SECONDS_PER_DAY
        if over > now + CLOCK_SKEW_S:
            raise _Rejected(Reason.EARLY)
        if self._horizon_days is not None and over + self._horizon_days * SECONDS_PER_DAY < now:
            raise _Rejected(Reason.ARCHIVED)

    def _check_key(self, header: Header) -> None:
        try:
            notice = self._registry.key(header.key_id)
        except UnknownSubject:
            raise _Rejected(Reason.UNKNOWN_KEY) from None
        if not notice.first_window <= header.window <= notice.last_window:
            raise _Rejected(Reason.RETIRED_KEY)

    def _check_meter(self, report: Report) -> None:
        header = report.header
        try:
            roster = self._registry.roster(header.region, header.window)
        except UnknownSubject:
            raise _Rejected(Reason.UNKNOWN_REGION) from None
        row = roster.by_meter.get(header.meter)
        if row is None:
            raise _Rejected(Reason.UNKNOWN_METER)
        if header.channel not in row.channels:
            raise _Rejected(Reason.INACTIVE_CHANNEL)
        notice = self._registry.key(header.key_id)
        if (header.suite, header.layout_id) != (roster.suite, roster.layout_id) or header.suite != notice.suite:
            raise _Rejected(Reason.SUITE)
        if header.flags and header.flags[-1].start + header.flags[-1].length > layout_of(header.layout_id).intervals:
            raise _Rejected(Reason.MALFORMED)
        # Last, because it is the dearest: 80 % of the cost of taking a report.
        report.verify(row.identity_key)

    def _not_ciphertexts(self, checked: list[Report | Reason]) -> Iterator[int]:
        alike: dict[tuple[int, bytes], list[int]] = {}
        for position, found in enumerate(checked):
            if isinstance(found, Report):
                alike.setdefault((found.header.key_id, found.header.layout_id), []).append(position)
        for (key_id, layout_id), positions in alike.items():
            ciphertexts = [found.ciphertext for i in positions if isinstance(found := checked[i], Report)]
            evaluator = self.evaluator(self._registry.key(key_id), layout_id)
            yield from (positions[i] for i in evaluator.malformed(ciphertexts))

    def evaluator(self, notice: KeyNotice, layout_id: bytes) -> Evaluator:
        return self._evaluator(notice, layout_id)


def _entry(report: Report) -> Entry:
    header = report.header
    return Entry(
        region=header.region,
        window=header.window,
        kind=header.kind,
        channel=header.channel.code,
        meter=header.meter,
        number=header.number,
        body=report.body,
    )
