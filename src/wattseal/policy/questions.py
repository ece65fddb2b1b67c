"""Which statements may be opened at all: the checks that the aggregator, the decryptor and the unblinder share."""

from wattseal.policy.pack import Policy
from wattseal.policy.sets import Day, Grant, permit_set
from wattseal.protocol.errors import Contradiction, FunctionalNotPermitted
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import ALL_ONES, TotalStatement


def grant_of(statement: TotalStatement, roster: Roster) -> Grant:
    """The statement as the set rules see it. Raises MalformedMessage or UnknownSubject."""
    active = frozenset(roster.active(statement.cohort, statement.channel))
    return Grant(active, statement.members_in(roster))


def permit_total(
    statement: TotalStatement, roster: Roster, key: KeyNotice, day: Day, policy: Policy, largest_group: int
) -> Day:
    """The day with the statement granted.

    `roster` is the one in force in the statement's window, `key` the one with its key id, `largest_group` what the
    layout's headroom holds. Raises Refused, or Contradiction for a statement under another roster, key or layout.
    """
    if statement.roster_digest != roster.fingerprint:
        raise Contradiction("the statement is not about the roster in force in its window")
    if (statement.suite, statement.layout_id) != (roster.suite, roster.layout_id) or statement.suite != key.suite:
        raise Contradiction("the statement's suite or layout is not the region's")
    if not key.first_window <= statement.window <= key.last_window:
        raise Contradiction("the statement's key is not the one of its window")
    if statement.functional != ALL_ONES:
        raise FunctionalNotPermitted("a total adds every read once")
    return permit_set(day, grant_of(statement, roster), policy, largest_group)
