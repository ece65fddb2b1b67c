"""What the registered documents say that a report must be: its key, meter and form. Each refusal has its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from typing import NamedTuple

from wattseal.aggregator.schemes import evaluator_of, layout_of
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator
from wattseal.cryptosystems.ckks.residues import coefficients_in
from wattseal.cryptosystems.interface import Evaluator
from wattseal.edge.registry import Registry
from wattseal.protocol.errors import UnknownSubject
from wattseal.protocol.ids import Channel, Kind, MeterId, RegionId, Suite, Window
from wattseal.protocol.report import Header, Report
from wattseal.protocol.roster import Roster, RosterRow
from wattseal.protocol.tariff.bill import LONGEST_CYCLE
from wattseal.protocol.tariff.compile import LONGEST_SEGMENT
from wattseal.protocol.time import MINUTES_PER_DAY

SHORTEST_SEGMENT = MINUTES_PER_DAY
"""Of less than a day no bill is permitted. And one a meter, at most, of this length or more ends on a UTC day, which is
what the store keeps reports by. Registers are read once a UTC day, so that holds for their reports, too.
"""


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
class Unexpected(Exception):
    reason: Reason


class Expectation(NamedTuple):
    """Of reports of one region, channel and time: who may send them, and what each must be.

    Reads may be flagged in `intervals`; `place` is what their entries in the store begin with.
    """

    rows: Mapping[MeterId, RosterRow]
    channel: Channel
    evaluator: Evaluator
    intervals: int
    place: tuple[RegionId, Window, Kind, int]

    def identity_key(self, header: Header) -> bytes:
        """Raises Unexpected if this meter may not send it, or not with these flags."""
        row = self.rows.get(header.meter)
        if row is None:
            raise Unexpected(Reason.UNKNOWN_METER)
        if self.channel not in row.channels:
            raise Unexpected(Reason.INACTIVE_CHANNEL)
        if header.flags and header.flags[-1].start + header.flags[-1].length > self.intervals:
            raise Unexpected(Reason.MALFORMED)
        return row.identity_key


class _Form(NamedTuple):
    evaluator: Evaluator
    intervals: int


class Documents:
    """Keys, rosters and arithmetics as they are registered now."""

    def __init__(self, registry: Registry, backend: Backend) -> None:
        self._registry = registry
        self.evaluator = lru_cache(maxsize=16)(partial(evaluator_of, backend=backend))
        self._of_vector = lru_cache(maxsize=64)(CkksEvaluator)

    def expect(self, report: Report) -> Expectation:
        """The same for all reports of its kin. Raises Unexpected."""
        header = report.header
        window = last_day(header)
        self._check_key(header, window)
        roster = self._roster(header.region, window)
        form = self._form(report, roster)
        place = (header.region, window, header.kind, header.channel.code)
        return Expectation(roster.by_meter, header.channel, form.evaluator, form.intervals, place)

    def _check_key(self, header: Header, window: Window) -> None:
        try:
            notice = self._registry.key(header.key_id)
        except UnknownSubject:
            raise Unexpected(Reason.UNKNOWN_KEY) from None
        # A cycle's reports are under the key of its last day, which is at most so many days after a segment's first.
        beginning = header.window + (0 if header.kind is Kind.DAILY else LONGEST_CYCLE)
        if not notice.first_window <= beginning or not window <= notice.last_window:
            raise Unexpected(Reason.RETIRED_KEY)

    def _roster(self, region: RegionId, window: Window) -> Roster:
        try:
            return self._registry.rosters.at(region, window)
        except UnknownSubject:
            raise Unexpected(Reason.UNKNOWN_REGION) from None

    def _form(self, report: Report, roster: Roster) -> _Form:
        match report.header.kind:
            case Kind.CYCLE:
                return self._form_of_cycle(report.header, roster)
            case Kind.REGISTER:
                return self._form_of_registers(report, roster)
        return self._form_of_day(report.header, roster)

    def _form_of_day(self, header: Header, roster: Roster) -> _Form:
        notice = self._registry.key(header.key_id)
        if (header.suite, header.layout_id) != (roster.suite, roster.layout_id) or header.suite != notice.suite:
            raise Unexpected(Reason.SUITE)
        return _Form(self.evaluator(notice, header.layout_id), layout_of(header.layout_id).intervals)

    def _form_of_cycle(self, header: Header, roster: Roster) -> _Form:
        intervals = _intervals_of_segment(header, roster)
        if header.layout_id != roster.layout_id:
            raise Unexpected(Reason.SUITE)
        return _Form(self._of_vector(intervals), intervals)

    def _form_of_registers(self, report: Report, roster: Roster) -> _Form:
        """The same of the segment as far as it was read; what the registers count is looked at when they are billed."""
        _intervals_of_segment(report.header, roster)
        coefficients = coefficients_in(len(report.ciphertext))
        if coefficients is None:
            raise Unexpected(Reason.CIPHERTEXT)
        return _Form(self._of_vector(coefficients), 0)


def _intervals_of_segment(header: Header, roster: Roster) -> int:
    """Under CKKS whatever suite the region's days are under; regions of daily reads have no segments."""
    length, minutes = header.end - header.start, roster.interval_minutes
    if minutes == MINUTES_PER_DAY:
        raise Unexpected(Reason.KIND)
    if header.suite != Suite.CKKS:
        raise Unexpected(Reason.SUITE)
    if header.start % minutes or length % minutes or not SHORTEST_SEGMENT <= length <= LONGEST_SEGMENT:
        raise Unexpected(Reason.SEGMENT)
    return length // minutes


def last_day(header: Header) -> Window:
    return Window((header.end - 1) // MINUTES_PER_DAY)
