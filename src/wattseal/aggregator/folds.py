"""Sums that are made ahead: of each leaf cohort, over the reports that came so far: a close then leaves little to do.

They are caches. The store counts what each window accepted, and nothing that was accepted ever goes or changes: if the
count is what it was before a cache's reports were read, these are all there are, else what is missing is read first.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from fastapi.concurrency import run_in_threadpool

from wattseal.aggregator.door import Door
from wattseal.aggregator.store import Store
from wattseal.cryptosystems.interface import Evaluator
from wattseal.edge.registry import Registry
from wattseal.protocol.ids import Channel, CohortId, Kind, MeterId, RegionId, Window, within
from wattseal.protocol.report import decode_report
from wattseal.protocol.roster import Roster

MOST_REPORTS = 1 << 20
"""That folds are kept of. Each takes some 0.15 kB."""


class Sent(NamedTuple):
    """Which of its reports a meter has in a fold."""

    key_id: int
    number: int


_sent = lru_cache(maxsize=1024)(Sent)


class Fold(NamedTuple):
    """Reports of some meters: which, their sums by key id, and in how many of them each read is flagged."""

    sent: Mapping[MeterId, Sent]
    sums: Mapping[int, bytes]
    flags: Counter[int]

    def flagged(self, intervals: int) -> tuple[int, ...]:
        return tuple(self.flags[interval] for interval in range(intervals))


NOTHING = Fold({}, {}, Counter())


@dataclass
class _Day:
    """Of one region, channel and window: the folds of its leaves, once so many reports were accepted."""

    roster_digest: bytes
    accepted: int = 0
    leaves: dict[CohortId, Fold] = field(default_factory=dict)

    @property
    def reports(self) -> int:
        return sum(len(fold.sent) for fold in self.leaves.values())


class Folds:
    def __init__(self, store: Store, registry: Registry, door: Door) -> None:
        self._store, self._registry, self._door = store, registry, door
        self._days: OrderedDict[tuple[RegionId, Channel, Window], _Day] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def of(self, roster: Roster, cohort: CohortId, channel: Channel, window: Window) -> Fold:
        """What the cohort's active meters reported by now; of a closed window, all that came in time."""
        async with self._one_at_a_time:
            day = await self._up_to_date(roster, channel, window)
        leaves = [fold for leaf, fold in day.leaves.items() if within(leaf, cohort)]
        return await run_in_threadpool(self._joined, roster, leaves)

    async def prepare(self, roster: Roster, window: Window) -> None:
        """Fold what has come of the window since, if there is room without days that are as new.

        Else a fleet larger than that would be folded in vain, again and again. Raises StoreUnavailable.
        """
        for channel in {channel for row in roster.rows for channel in row.channels}:
            async with self._one_at_a_time:
                if self._has_room(roster, channel, window):
                    await self._up_to_date(roster, channel, window)

    async def made_of(self, roster: Roster, found: Iterable[tuple[int, bytes] | None]) -> Fold:
        """Of just these reports, as the store gave them."""
        bodies = [stored[1] for stored in found if stored is not None]
        return await run_in_threadpool(self._with, roster, NOTHING, bodies)

    async def _up_to_date(self, roster: Roster, channel: Channel, window: Window) -> _Day:
        place = (roster.region, channel, window)
        day = self._days.pop(place, None)
        if day is None or day.roster_digest != roster.fingerprint:
            day = _Day(roster.fingerprint)
        accepted = (await self._store.counts(roster.region, window))["accepted"]
        if day.accepted != accepted:
            for leaf, meters in _leaves(roster, channel).items():
                day.leaves[leaf] = await self._grown(roster, channel, window, day.leaves.get(leaf, NOTHING), meters)
            day.accepted = accepted
            self._make_room(window, MOST_REPORTS - day.reports)
        self._days[place] = day
        return day

    def _has_room(self, roster: Roster, channel: Channel, window: Window) -> bool:
        """Known days are in the room that there is; what is older goes."""
        as_new = sum(day.reports for place, day in self._days.items() if place[2] >= window)
        wanted = sum(channel in row.channels for row in roster.rows)
        return (roster.region, channel, window) in self._days or as_new + wanted <= MOST_REPORTS

    def _make_room(self, window: Window, most: int) -> None:
        """Leave so many reports in folds: older days go first, then those that nobody has asked for the longest."""
        reports = sum(day.reports for day in self._days.values())
        for place in sorted(self._days, key=lambda place: place[2] >= window):
            if reports <= most:
                break
            reports -= self._days.pop(place).reports

    async def _grown(
        self, roster: Roster, channel: Channel, window: Window, fold: Fold, meters: Sequence[MeterId]
    ) -> Fold:
        """With what came since; anew if a meter has sent a higher number meanwhile."""
        place = (roster.region, window, Kind.DAILY, channel.code)
        known = list(fold.sent)
        if [fold.sent[meter].number for meter in known] != await self._store.highest(*place, known):
            fold = NOTHING
        missing = [meter for meter in meters if meter not in fold.sent]
        found = await self._store.fetch(*place, missing)
        bodies = [stored[1] for stored in found if stored is not None]
        return await run_in_threadpool(self._with, roster, fold, bodies) if bodies else fold

    def _with(self, roster: Roster, fold: Fold, bodies: Iterable[bytes]) -> Fold:
        reports = [decode_report(body) for body in bodies]
        by_key: dict[int, list[bytes]] = {key: [total] for key, total in fold.sums.items()}
        for report in reports:
            by_key.setdefault(report.header.key_id, []).append(report.ciphertext)
        runs = (run for report in reports for run in report.header.flags)
        flags = Counter(interval for run in runs for interval in range(run.start, run.start + run.length))
        sent = {report.header.meter: _sent(report.header.key_id, report.header.number) for report in reports}
        return Fold({**fold.sent, **sent}, self._sums(roster, by_key), fold.flags + flags)

    def _joined(self, roster: Roster, leaves: Sequence[Fold]) -> Fold:
        by_key: dict[int, list[bytes]] = {}
        for key, total in (item for fold in leaves for item in fold.sums.items()):
            by_key.setdefault(key, []).append(total)
        sent = {meter: one for fold in leaves for meter, one in fold.sent.items()}
        return Fold(sent, self._sums(roster, by_key), sum((fold.flags for fold in leaves), Counter()))

    def _sums(self, roster: Roster, by_key: Mapping[int, Sequence[bytes]]) -> dict[int, bytes]:
        return {key: self._evaluator(roster, key).sum_many(numbers) for key, numbers in by_key.items()}

    def _evaluator(self, roster: Roster, key_id: int) -> Evaluator:
        return self._door.evaluator(self._registry.key(key_id), roster.layout_id)


def _leaves(roster: Roster, channel: Channel) -> dict[CohortId, list[MeterId]]:
    leaves: dict[CohortId, list[MeterId]] = {}
    for row in roster.rows:
        if channel in row.channels:
            leaves.setdefault(row.cohort, []).append(row.meter)
    return leaves
