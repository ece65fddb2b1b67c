"""How a region's roster may follow another: so that no total of a changed cohort stands for a few homes.

A cohort is compared as a set of service points: another meter or another account at one of them leaves it the same
homes. `docs/deployment.md` says why that is enough.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from wattseal.protocol.errors import RosterChangeRefused
from wattseal.protocol.ids import Channel, CohortId, Window
from wattseal.protocol.roster import Roster, RosterRow
from wattseal.protocol.time import window_date


def check_succession(before: Roster, after: Roster, least_change: int) -> None:
    """Raises RosterChangeRefused unless `after` may take the place of `before`.

    Commodity, interval and unit are for good; suite and layout may change on any day, and so may meters and accounts,
    each from a date after `before` took effect. Cohorts change on the first of a month only, and by whole groups. In
    each channel at least `least_change` service points, or none, come, leave, go from one leaf of the tree to another,
    and stay in a leaf that others leave or that takes some of another leaf.
    """
    _check_region(before, after)
    if window_date(after.effective).day != 1 and any(_changed(before, after, channel) for channel in Channel):
        raise RosterChangeRefused("cohorts change on the first of a month only")
    _check_groups(before, after, least_change)
    _check_dates(before, after)


def check_history(earlier: Iterable[Roster], after: Roster, least_change: int) -> None:
    """Raises RosterChangeRefused unless `after` differs by whole groups from every earlier roster, not from one only.

    Else a group could leave, and come back without one home. A meter that was elsewhere was installed since.
    """
    for before in earlier:
        _check_groups(before, after, least_change)
        _check_elsewhere(before, after)


def homes(roster: Roster, cohort: CohortId, channel: Channel) -> frozenset[str]:
    """Service points of the cohort that are active in the channel; none if the roster has no such cohort."""
    if cohort not in roster.cohorts:
        return frozenset()
    return frozenset(roster.by_meter[meter].service_point for meter in roster.active(cohort, channel))


def lasting(before: Roster, after: Roster) -> Iterator[tuple[RosterRow, RosterRow]]:
    """The rows, old and new, of each service point that is in both."""
    for row in after.rows:
        old = before.by_service_point.get(row.service_point)
        if old is not None:
            yield old, row


def _check_region(before: Roster, after: Roster) -> None:
    if before.region != after.region:
        raise RosterChangeRefused(f"a roster of region {after.region} does not follow one of region {before.region}")
    if before.effective >= after.effective:
        raise RosterChangeRefused(f"the roster before takes effect on {window_date(before.effective)}, not earlier")
    for what in ("commodity", "interval_minutes", "unit"):
        if getattr(before, what) != getattr(after, what):
            raise RosterChangeRefused(f"region {before.region} keeps its {what}: another one takes another region")


def _changed(before: Roster, after: Roster, channel: Channel) -> bool:
    return any(way.old != way.new for way in _ways(before, after, channel))


def _check_groups(before: Roster, after: Roster, least_change: int) -> None:
    for channel in Channel:
        ways = _ways(before, after, channel)
        regrouped = {leaf for way in ways if way.old not in (None, way.new) for leaf in way}
        for way, count in ways.items():
            if count < least_change and (way.old != way.new or way.old in regrouped):
                told = "stay in a cohort" if way.old == way.new else "join or leave a cohort"
                raise RosterChangeRefused(f"at least {least_change} service points {told} together, or none")


class _Way(NamedTuple):
    """The leaf that a service point was in and the one that it is in; None: not in the roster, or not active."""

    old: CohortId | None
    new: CohortId | None


def _ways(before: Roster, after: Roster, channel: Channel) -> Counter[_Way]:
    """How many service points go each way. Else a few could be told by cohorts that swap homes in a circle."""
    old, new = (
        {row.service_point: row.cohort for row in some.rows if channel in row.channels} for some in (before, after)
    )
    return Counter(_Way(old.get(point), new.get(point)) for point in old.keys() | new.keys())


def _check_dates(before: Roster, after: Roster) -> None:
    between = range(before.effective + 1, after.effective + 1)
    for old, new in lasting(before, after):
        same_meter, same_account = old.installation == new.installation, old.account == new.account
        _check_date(f"{new.service_point}: installed", same_meter, old.installed, new.installed, between)
        _check_date(f"{new.service_point}: tenure_since", same_account, old.tenure_since, new.tenure_since, between)
    _check_elsewhere(before, after)


def _check_elsewhere(before: Roster, after: Roster) -> None:
    """At a service point that lasts this holds already: there the meter is another installation."""
    for row in after.rows:
        known = before.by_meter.get(row.meter)
        if known is not None and known.service_point != row.service_point and row.installed <= before.effective:
            raise RosterChangeRefused(f"{row.service_point}: its meter was elsewhere when it was installed there")


def _check_date(what: str, same: bool, known: Window, date: Window, between: Container[int]) -> None:
    if same and date != known:
        raise RosterChangeRefused(f"{what} is another date, for the same as before")
    if not same and date not in between:
        raise RosterChangeRefused(f"{what} is not a date after the roster before took effect")
