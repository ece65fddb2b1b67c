"""How a region's roster may follow another: so that no total of a changed cohort stands for a few meters."""

from wattseal.protocol.errors import RosterChangeRefused
from wattseal.protocol.ids import Channel, CohortId, MeterId
from wattseal.protocol.roster import Roster
from wattseal.protocol.time import window_date


def check_succession(before: Roster, after: Roster, least_change: int) -> None:
    """Raises RosterChangeRefused unless cohorts change on the first of a month only, and by no fewer than a group.

    In every cohort of the tree, at least `least_change` meters join or none, and as many leave or none. New keys of
    the same meters are no change of a cohort.
    """
    changes = [
        change
        for channel in Channel
        for cohort in before.cohorts | after.cohorts
        for old, new in [(_active(before, cohort, channel), _active(after, cohort, channel))]
        for change in (new - old, old - new)
        if change
    ]
    if changes and window_date(after.effective).day != 1:
        raise RosterChangeRefused("cohorts change on the first of a month only")
    if any(len(change) < least_change for change in changes):
        raise RosterChangeRefused(f"at least {least_change} meters join or leave a cohort together, or none")


def _active(roster: Roster, cohort: CohortId, channel: Channel) -> frozenset[MeterId]:
    return frozenset(roster.active(cohort, channel)) if cohort in roster.cohorts else frozenset()
