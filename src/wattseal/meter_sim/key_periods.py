"""The key periods that a fleet's days fall into: enrolled with both halves for each, sealed for one after the other."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack

from wattseal.edge.client import RoleClient
from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.fleet import Fleet, Region, enrol, months_of
from wattseal.meter_sim.sealing import Sealer
from wattseal.meter_sim.state import FleetState
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.errors import MalformedMessage, UsageError
from wattseal.protocol.ids import HalfRole, Role, Window
from wattseal.protocol.keys import EnrolmentRequest, KeyNotice, periods_of
from wattseal.protocol.roster import Roster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import MINUTES_PER_DAY, month_of, window_date
from wattseal.protocol.trust import TrustAnchors

Minutes = tuple[int, int]


class Periods:
    """The decryptor's key periods, each ending where the next begins."""

    def __init__(self, notices: Iterable[KeyNotice]) -> None:
        self._notices = sorted(periods_of(notices).values(), key=lambda notice: notice.first_window)

    @classmethod
    def of_decryptor(cls, decryptor: RoleClient, trust: TrustAnchors) -> "Periods":
        """Raises MalformedMessage or SignatureInvalid."""
        try:
            envelopes = [Envelope.parse(canonical_json(entry)) for entry in json.loads(decryptor.get("/v1/keys"))]
        except ValueError:
            raise MalformedMessage("the decryptor's key notices are malformed") from None
        return cls(envelope.opened(KeyNotice, trust.decryptor) for envelope in envelopes)

    def of(self, window: Window, suite: int) -> KeyNotice:
        """Raises UsageError."""
        for notice in self._notices:
            if notice.suite == suite and notice.first_window <= window <= notice.last_window:
                return notice
        raise UsageError(f"the decryptor has no key of suite {suite} for {window_date(window)}")

    def of_cycle(self, cycle: Minutes, suite: int) -> KeyNotice:
        """That of the last day, for every report of the cycle."""
        return self.of(_last_day(cycle), suite)

    def between(self, first: int, last: int, suite: int) -> list[KeyNotice]:
        """In order; together they have every window. Raises UsageError."""
        found, window = [], first
        while window <= last:
            found.append(self.of(Window(window), suite))
            window = found[-1].last_window + 1
        return found


def enrol_for(
    state: FleetState,
    halves: Mapping[HalfRole, RoleClient],
    trust: TrustAnchors,
    periods: Periods,
    rosters: Sequence[Roster],
    last_day: int,
    cycles: Sequence[Minutes],
) -> None:
    """With both halves, every roster for each key period of its days, and for those of the cycles that it is in."""
    for request, roster in _requests(periods, rosters, last_day, cycles):
        for role, half in halves.items():
            enrol(state, half, role, trust, request, roster.fingerprint)


def _requests(
    periods: Periods, rosters: Sequence[Roster], last_day: int, cycles: Sequence[Minutes]
) -> Iterator[tuple[EnrolmentRequest, Roster]]:
    ends = (*(roster.effective - 1 for roster in rosters[1:]), last_day)
    for roster, end in zip(rosters, ends, strict=True):
        months = {
            notice.key_id: months_of(max(roster.effective, notice.first_window), min(end, notice.last_window))
            for notice in periods.between(roster.effective, end, roster.suite)
        }
        for cycle in cycles:
            if cycle[0] < (end + 1) * MINUTES_PER_DAY and roster.effective <= _last_day(cycle):
                # Who was exchanged before the period began has a segment in the cycle, which needs no check key.
                months.setdefault(periods.of_cycle(cycle, roster.suite).key_id, (month_of(_last_day(cycle)),))
        for key_id, asked in months.items():
            request = EnrolmentRequest(region=roster.region, key_id=key_id, window=roster.effective, months=asked)
            yield request, roster


class Fleets:
    """The fleet in each key period in turn: days come in order, so that one sealer at a time is enough."""

    def __init__(
        self, state: FleetState, region: Region, periods: Periods, sealer_of: Callable[[KeyNotice], Sealer]
    ) -> None:
        self._state, self._region, self._periods, self._sealer_of = state, region, periods, sealer_of
        self._resources = ExitStack()
        self._current: tuple[KeyNotice, Fleet] | None = None
        self.sealed_reports = self.sealed_bytes = 0

    def close(self) -> None:
        self._resources.close()

    def seal(self, parts: Sequence[EditedDay]) -> None:
        """One day. Raises as `Fleet.seal`, and UsageError for a day that no key is for."""
        if not parts:
            return
        fleet = self._of(Window(parts[0].day))
        before = fleet.sealed_reports, fleet.sealed_bytes
        fleet.seal(parts)
        self.sealed_reports += fleet.sealed_reports - before[0]
        self.sealed_bytes += fleet.sealed_bytes - before[1]

    def _of(self, window: Window) -> Fleet:
        notice = self._periods.of(window, self._region.suite)
        if self._current is None or self._current[0] != notice:
            self._resources.close()
            sealer = self._sealer_of(notice)
            self._resources.callback(sealer.close)
            self._current = notice, Fleet(self._state, self._region, notice, sealer)
        return self._current[1]


def halves_of(decryptor: RoleClient, unblinder: RoleClient) -> dict[HalfRole, RoleClient]:
    return {Role.DECRYPTOR: decryptor, Role.UNBLINDER: unblinder}


def _last_day(cycle: Minutes) -> Window:
    return Window((cycle[1] - 1) // MINUTES_PER_DAY)
