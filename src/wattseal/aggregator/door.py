"""The door: which reports may enter the store. Every check that needs no other report, each with its own reason."""

from collections.abc import Iterator
from typing import NamedTuple

from wattseal.aggregator.expected import Documents, Expectation, Reason, Unexpected
from wattseal.aggregator.signatures import Signatures
from wattseal.aggregator.store import Entry
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.interface import Evaluator
from wattseal.edge.registry import Registry
from wattseal.protocol.errors import MalformedMessage
from wattseal.protocol.ids import Kind
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.report import Header, Report, decode_report, unframe
from wattseal.protocol.time import SECONDS_PER_DAY, Clock

__all__ = ["CLOCK_SKEW_S", "HORIZON_DAYS", "MOST_REPORTS", "Admitted", "Door", "Overdue", "Reason"]

MOST_REPORTS = 10_000
CLOCK_SKEW_S = 300
HORIZON_DAYS = 45

_KINDS = frozenset({Kind.DAILY, Kind.CYCLE, Kind.REGISTER})


class Overdue(NamedTuple):
    """A good report of a time past the horizon: no window takes it, but it may be one that is held."""

    entry: Entry


Admitted = Entry | Overdue | Reason


class _Checked(NamedTuple):
    """A report that lacks two checks, which are made of many at a time: its signature, then its ciphertext."""

    report: Report
    identity_key: bytes
    expectation: Expectation


_Found = list[_Checked | Reason]


class Door:
    """`horizon_days` None takes windows of any age: for replays of old data."""

    def __init__(self, registry: Registry, clock: Clock, *, horizon_days: int | None, backend: Backend) -> None:
        self._documents = Documents(registry, backend)
        self._clock = clock
        self._horizon_days = horizon_days
        self._signatures = Signatures()

    def admit(self, body: bytes) -> list[Admitted]:
        """What to do with each framed report, in order. Raises Rejected for bad frames: then nothing enters."""
        now = self._clock()
        expectations: dict[bytes, Expectation | Reason] = {}
        found = [self._check(report, now, expectations) for report in unframe(body, MOST_REPORTS)]
        # Signatures cost most, so all that is cheap was looked at before; ciphertexts are then those of real meters.
        self._reject(found, self._not_signed(found), Reason.SIGNATURE, now)
        self._reject(found, list(_not_ciphertexts(found)), Reason.CIPHERTEXT, now)
        return [each if isinstance(each, Reason) else self._let(each, now) for each in found]

    def _let(self, checked: _Checked, now: float) -> Entry | Overdue:
        header, body = checked.report.header, checked.report.body
        entry = Entry(*checked.expectation.place, header.meter, header.number, body)
        return Overdue(entry) if self._is_overdue(header, now) else entry

    def _is_overdue(self, header: Header, now: float) -> bool:
        return self._horizon_days is not None and header.end * 60 + self._horizon_days * SECONDS_PER_DAY < now

    def _check(self, body: bytes, now: float, expectations: dict[bytes, Expectation | Reason]) -> _Checked | Reason:
        """What is alike is looked up once an upload: documents may come between two."""
        try:
            report = decode_report(body)
        except MalformedMessage:
            return Reason.MALFORMED
        expected = expectations.get(report.kin)
        if expected is None:
            expected = expectations[report.kin] = self._expect(report, now)
        if isinstance(expected, Reason):
            return expected
        try:
            return _Checked(report, expected.identity_key(report.header), expected)
        except Unexpected as unexpected:
            return self._reason(report.header, unexpected.reason, now)

    def _expect(self, report: Report, now: float) -> Expectation | Reason:
        try:
            _check_time(report.header, now)
            return self._documents.expect(report)
        except Unexpected as unexpected:
            return self._reason(report.header, unexpected.reason, now)

    def _reason(self, header: Header, reason: Reason, now: float) -> Reason:
        """What is wrong with a report that no window takes any more does not matter."""
        return Reason.ARCHIVED if self._is_overdue(header, now) else reason

    def _reject(self, found: _Found, positions: list[int], reason: Reason, now: float) -> None:
        for position in positions:
            checked = found[position]
            if isinstance(checked, _Checked):
                found[position] = self._reason(checked.report.header, reason, now)

    def _not_signed(self, found: _Found) -> list[int]:
        checked = [(position, each) for position, each in enumerate(found) if isinstance(each, _Checked)]
        hold = self._signatures.hold([(each.report, each.identity_key) for _, each in checked])
        return [position for (position, _), holds in zip(checked, hold, strict=True) if not holds]

    def evaluator(self, notice: KeyNotice, layout_id: bytes) -> Evaluator:
        return self._documents.evaluator(notice, layout_id)


def _check_time(header: Header, now: float) -> None:
    if header.kind not in _KINDS:
        raise Unexpected(Reason.KIND)
    if header.end * 60 > now + CLOCK_SKEW_S:
        raise Unexpected(Reason.EARLY)


def _not_ciphertexts(found: _Found) -> Iterator[int]:
    alike: dict[Evaluator, list[tuple[int, bytes]]] = {}
    for position, each in enumerate(found):
        if isinstance(each, _Checked):
            alike.setdefault(each.expectation.evaluator, []).append((position, each.report.ciphertext))
    for evaluator, placed in alike.items():
        yield from (placed[i][0] for i in evaluator.malformed([ciphertext for _, ciphertext in placed]))
