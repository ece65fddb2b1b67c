"""The door: which reports may enter the store. Every check that needs no other report, each with its own reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from typing import NamedTuple

from wattseal.aggregator.schemes import evaluator_of, layout_of
from wattseal.aggregator.store import Entry
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator
from wattseal.cryptosystems.ckks.residues import coefficients_in
from wattseal.cryptosystems.interface import Evaluator
from wattseal.edge.registry import Registry
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid, UnknownSubject
from wattseal.protocol.ids import Kind, Suite, Window
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.report import Header, Report, decode_report, unframe
from wattseal.protocol.roster import Roster
from wattseal.protocol.tariff.bill import LONGEST_CYCLE
from wattseal.protocol.tariff.compile import LONGEST_SEGMENT
from wattseal.protocol.time import MINUTES_PER_DAY, SECONDS_PER_DAY, Clock

MOST_REPORTS = 10_000
CLOCK_SKEW_S = 300
HORIZON_DAYS = 45
SHORTEST_SEGMENT = MINUTES_PER_DAY
"""Of less than a day no bill is permitted. And one a meter, at most, of this length or more ends on a UTC day, which is
what the store keeps reports by. Registers are read once a UTC day, so that holds for their reports, too.
"""

_KINDS = (Kind.DAILY, Kind.CYCLE, Kind.REGISTER)


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
    SEGMENT = "not-a-segment"
    SIGNATURE = "signature-invalid"
    CIPHERTEXT = "not-a-ciphertext"


@dataclass(frozen=True)
class _Rejected(Exception):
    reason: Reason


class _Checked(NamedTuple):
    """A report that lacks but one check: whether its ciphertext is one of this arithmetic."""

    report: Report
    evaluator: Evaluator


class Overdue(NamedTuple):
    """A good report of a time past the horizon: no window takes it, but it may be one that is held."""

    entry: Entry


Admitted = Entry | Overdue | Reason


class _Form(NamedTuple):
    """`intervals` are those that may be flagged."""

    evaluator: Evaluator
    intervals: int


class Door:
    """`horizon_days` None takes windows of any age: for replays of old data."""

    def __init__(self, registry: Registry, clock: Clock, *, horizon_days: int | None, backend: Backend) -> None:
        self._registry = registry
        self._clock = clock
        self._horizon_days = horizon_days
        self._evaluator = lru_cache(maxsize=16)(partial(evaluator_of, backend=backend))
        self._evaluator_of_vector = lru_cache(maxsize=64)(CkksEvaluator)

    def admit(self, body: bytes) -> list[Admitted]:
        """What to do with each framed report, in order. Raises Rejected for bad frames: then nothing enters."""
        now = self._clock()
        checked = [self._check(report, now) for report in unframe(body, MOST_REPORTS)]
        outside = set(self._not_ciphertexts(checked))
        return [
            Reason.CIPHERTEXT if position in outside else found if isinstance(found, Reason) else self._let(found, now)
            for position, found in enumerate(checked)
        ]

    def _let(self, checked: _Checked, now: float) -> Entry | Overdue:
        entry = _entry(checked.report)
        return Overdue(entry) if self._is_overdue(checked.report.header, now) else entry

    def _is_overdue(self, header: Header, now: float) -> bool:
        return self._horizon_days is not None and header.end * 60 + self._horizon_days * SECONDS_PER_DAY < now

    def _check(self, body: bytes, now: float) -> _Checked | Reason:
        try:
            report = decode_report(body)
        except MalformedMessage:
            return Reason.MALFORMED
        checked = self._check_decoded(report, now)
        # What is wrong with a report that no window takes any more does not matter.
        return Reason.ARCHIVED if isinstance(checked, Reason) and self._is_overdue(report.header, now) else checked

    def _check_decoded(self, report: Report, now: float) -> _Checked | Reason:
        try:
            self._check_time(report.header, now)
            self._check_key(report.header)
            return _Checked(report, self._check_meter(report))
        except SignatureInvalid:
            return Reason.SIGNATURE
        except _Rejected as rejected:
            return rejected.reason

    def _check_time(self, header: Header, now: float) -> None:
        if header.kind not in _KINDS:
            raise _Rejected(Reason.KIND)
        if header.end * 60 > now + CLOCK_SKEW_S:
            raise _Rejected(Reason.EARLY)

    def _check_key(self, header: Header) -> None:
        try:
            notice = self._registry.key(header.key_id)
        except UnknownSubject:
            raise _Rejected(Reason.UNKNOWN_KEY) from None
        # A cycle's reports are under the key of its last day, which is at most so many days after a segment's first.
        beginning = header.window + (0 if header.kind is Kind.DAILY else LONGEST_CYCLE)
        if not notice.first_window <= beginning or not _last_day(header) <= notice.last_window:
            raise _Rejected(Reason.RETIRED_KEY)

    def _check_meter(self, report: Report) -> Evaluator:
        header = report.header
        try:
            roster = self._registry.roster(header.region, _last_day(header))
        except UnknownSubject:
            raise _Rejected(Reason.UNKNOWN_REGION) from None
        row = roster.by_meter.get(header.meter)
        if row is None:
            raise _Rejected(Reason.UNKNOWN_METER)
        if header.channel not in row.channels:
            raise _Rejected(Reason.INACTIVE_CHANNEL)
        form = self._form(report, roster)
        if header.flags and header.flags[-1].start + header.flags[-1].length > form.intervals:
            raise _Rejected(Reason.MALFORMED)
        # Last, because it is the dearest: 80 % of the cost of taking a report.
        report.verify(row.identity_key)
        return form.evaluator

    def _form(self, report: Report, roster: Roster) -> _Form:
        match report.header.kind:
            case Kind.CYCLE:
                return self._form_of_cycle(report.header, roster)
            case Kind.REGISTER:
                return self._form_of_registers(report, roster)
            case _:
                return self._form_of_day(report.header, roster)

    def _form_of_day(self, header: Header, roster: Roster) -> _Form:
        notice = self._registry.key(header.key_id)
        if (header.suite, header.layout_id) != (roster.suite, roster.layout_id) or header.suite != notice.suite:
            raise _Rejected(Reason.SUITE)
        return _Form(self.evaluator(notice, header.layout_id), layout_of(header.layout_id).intervals)

    def _form_of_cycle(self, header: Header, roster: Roster) -> _Form:
        intervals = _intervals_of_segment(header, roster)
        if header.layout_id != roster.layout_id:
            raise _Rejected(Reason.SUITE)
        return _Form(self._evaluator_of_vector(intervals), intervals)

    def _form_of_registers(self, report: Report, roster: Roster) -> _Form:
        """The same of the segment as far as it was read; what the registers count is looked at when they are billed."""
        _intervals_of_segment(report.header, roster)
        coefficients = coefficients_in(len(report.ciphertext))
        if coefficients is None:
            raise _Rejected(Reason.CIPHERTEXT)
        return _Form(self._evaluator_of_vector(coefficients), 0)

    def _not_ciphertexts(self, checked: list[_Checked | Reason]) -> Iterator[int]:
        alike: dict[Evaluator, list[tuple[int, bytes]]] = {}
        for position, found in enumerate(checked):
            if isinstance(found, _Checked):
                alike.setdefault(found.evaluator, []).append((position, found.report.ciphertext))
        for evaluator, placed in alike.items():
            yield from (placed[i][0] for i in evaluator.malformed([ciphertext for _, ciphertext in placed]))

    def evaluator(self, notice: KeyNotice, layout_id: bytes) -> Evaluator:
        return self._evaluator(notice, layout_id)


def _intervals_of_segment(header: Header, roster: Roster) -> int:
    """Under CKKS whatever suite the region's days are under; regions of daily reads have no segments."""
    length, minutes = header.end - header.start, roster.interval_minutes
    if minutes == MINUTES_PER_DAY:
        raise _Rejected(Reason.KIND)
    if header.suite != Suite.CKKS:
        raise _Rejected(Reason.SUITE)
    if header.start % minutes or length % minutes or not SHORTEST_SEGMENT <= length <= LONGEST_SEGMENT:
        raise _Rejected(Reason.SEGMENT)
    return length // minutes


def _last_day(header: Header) -> Window:
    return Window((header.end - 1) // MINUTES_PER_DAY)


def _entry(report: Report) -> Entry:
    header = report.header
    return Entry(
        region=header.region,
        window=_last_day(header),
        kind=header.kind,
        channel=header.channel.code,
        meter=header.meter,
        number=header.number,
        body=report.body,
    )
