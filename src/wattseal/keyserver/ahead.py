"""Sums of pads, or of tags, that a half made ahead over whole cohorts of its rosters: secrets, in memory alone.

A total's members are nearly all of a cohort: what is missing is taken away again, and the sum is the same.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wattseal.cryptosystems.secret import Secret
from wattseal.protocol.ids import Channel, CohortId, RegionId, Window, within


class Day(NamedTuple):
    """All that a day's sums depend on but the meter. `roster_since` names the region's roster: it has one a day."""

    region: RegionId
    roster_since: Window
    window: Window
    key_id: int
    check_key_id: bytes


Leaves = Mapping[tuple[CohortId, Channel], Secret]
"""The sum over each leaf's active meters, of their reports of number 0."""


class Ahead:
    """Of one half. For whoever holds its `one_at_a_time`."""

    def __init__(self) -> None:
        self._days: dict[Day, Leaves] = {}

    def __contains__(self, day: Day) -> bool:
        return day in self._days

    def keep(self, day: Day, leaves: Leaves) -> None:
        self._days[day] = leaves

    def keep_only(self, days: Iterable[Day]) -> None:
        """Each day takes as much as a report, or two, of each leaf."""
        wanted = set(days)
        self._days = {day: leaves for day, leaves in self._days.items() if day in wanted}

    def forget(self) -> None:
        """Once keys are destroyed."""
        self._days = {}

    def of(self, day: Day, cohort: CohortId, channel: Channel) -> list[bytes]:
        """The sums that together are the cohort's; none if they were not made."""
        leaves = self._days.get(day, {})
        return [total.expose() for (leaf, own), total in leaves.items() if own is channel and within(leaf, cohort)]
