"""What a half adds up over the members of a total, on request from what is ready, and ahead while nobody asks."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter

from prometheus_client import Counter

from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.summing import MemberSums
from wattseal.keyserver.ahead import Day, Leaves
from wattseal.keyserver.half import Half, Permitted
from wattseal.keyserver.schemes import day_label, labels_of, modulus_id_of
from wattseal.protocol.errors import UnknownSubject
from wattseal.protocol.ids import Channel, CohortId, MeterId
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import TotalStatement

SUMS = Counter("wattseal_member_sums", "Sums of pads and tags for totals, by how they were made", ["half", "made"])
AHEAD, WHEN_ASKED = "ahead", "when-asked"
_AT_ONCE = 128
"""Meters whose pads or tags take a millisecond or two: so long may somebody wait who asks meanwhile."""

Reports = Sequence[tuple[MeterId, int]]
SumsOf = Callable[[int, bytes], MemberSums | None]
"""By key id and layout; None under a scheme whose sums are not made ahead."""


class Stopped(Exception):
    """The service ends."""


class Summing:
    """Of one half, whose sums are those of pads or those of tags."""

    def __init__(self, half: Half, sums_of: SumsOf) -> None:
        self._half = half
        self._sums_of = sums_of

    def of(self, sums: MemberSums, statement: TotalStatement, permitted: Permitted, day: Label) -> bytes:
        """Over the members; `day` is the label of their reports. For whoever holds `one_at_a_time`."""
        roster, members = permitted.roster, permitted.members
        place = Day(roster.region, roster.effective, statement.window, day.key_id, day.check_key_id)
        prepared = self._half.ahead.of(place, statement.cohort, statement.channel)
        absent = [(m, 0) for m in roster.active(statement.cohort, statement.channel) if members.get(m) != 0]
        instead = [(meter, number) for meter, number in members.items() if number]
        if not prepared or len(absent) + len(instead) >= len(members):
            SUMS.labels(self._half.role, WHEN_ASKED).inc()
            return self._sum(sums, roster, day, [*members.items()])
        SUMS.labels(self._half.role, AHEAD).inc()
        return sums.combined([*prepared, self._sum(sums, roster, day, instead)], [self._sum(sums, roster, day, absent)])

    def prepare(self, day: Day, ended: threading.Event) -> None:
        """Make the day's sums ready, little by little. Raises Stopped, KeyDestroyed."""
        half = self._half
        roster = half.registry.rosters.at(day.region, day.window)
        sums = self._sums_for(day, roster)
        leaves = {} if sums is None else self._leaves(day, roster, sums, ended)
        with half.one_at_a_time:
            # The period may have been destroyed, or in a replay the roster replaced, since it was looked for.
            half.vault.root(day.key_id)
            if roster.effective == day.roster_since:
                half.ahead.keep(day, leaves)

    def _sums_for(self, day: Day, roster: Roster) -> MemberSums | None:
        """None also for a roster whose totals nobody can release, whatever is asked: of another suite or layout."""
        try:
            fitting = roster.suite == self._half.registry.key(day.key_id).suite
            return self._sums_of(day.key_id, roster.layout_id) if fitting else None
        except UnknownSubject:
            return None

    def _leaves(self, day: Day, roster: Roster, sums: MemberSums, ended: threading.Event) -> Leaves:
        notice = self._half.registry.key(day.key_id)
        modulus_id = modulus_id_of(notice)
        leaves = {}
        for cohort, channel, meters in _leaves_of(roster):
            label = day_label(notice, modulus_id, day.region, channel, day.window, day.check_key_id)
            parts = list(self._parts(sums, roster, label, meters, ended))
            leaves[cohort, channel] = Secret(sums.combined(parts, []))
        return leaves

    def _parts(
        self, sums: MemberSums, roster: Roster, label: Label, meters: Sequence[MeterId], ended: threading.Event
    ) -> Iterator[bytes]:
        """Requests come first: a few meters at a time, with as long a rest after each as it took.

        A thread of low priority would do worse: whenever it is not run, it has the interpreter's lock.
        """
        for first in range(0, len(meters), _AT_ONCE):
            with self._half.one_at_a_time:
                began = perf_counter()
                part = self._sum(sums, roster, label, [(meter, 0) for meter in meters[first : first + _AT_ONCE]])
            yield part
            if ended.wait(perf_counter() - began):
                raise Stopped

    def _sum(self, sums: MemberSums, roster: Roster, day: Label, reports: Reports) -> bytes:
        keys = self._half.meter_keys(day.key_id, roster, (meter for meter, _ in reports))
        return sums.of(labels_of(day, reports), keys)


def _leaves_of(roster: Roster) -> Iterable[tuple[CohortId, Channel, Sequence[MeterId]]]:
    leaves: dict[tuple[CohortId, Channel], list[MeterId]] = {}
    for row in roster.rows:
        for channel in row.channels:
            leaves.setdefault((row.cohort, channel), []).append(row.meter)
    return ((cohort, channel, meters) for (cohort, channel), meters in leaves.items())
