"""Which statements may be opened at all: the checks that the aggregator, the decryptor and the unblinder share."""

from collections.abc import Iterator
from typing import NamedTuple

from wattseal.policy.levels import Granted, Levels, Question, Under
from wattseal.policy.limits import check_classes, check_clip, check_totals
from wattseal.policy.measures import Measures
from wattseal.policy.sets import Grant, Waived
from wattseal.protocol.errors import Contradiction, FunctionalNotPermitted, MeterQuarantined
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.roster import Interval, Roster
from wattseal.protocol.statement import ALL_ONES, StatedNoise, TotalStatement


class Capacity(NamedTuple):
    """What the region's layout holds: meters in one total, and energy in one read."""

    largest_group: int
    largest_read: int


def question_of(statement: TotalStatement, roster: Roster) -> Question:
    """The statement as the rules see it. Raises MalformedMessage or UnknownSubject."""
    active = frozenset(roster.active(statement.cohort, statement.channel))
    under = Under(statement.purpose, roster.interval_minutes)
    return Question(Grant(active, statement.members_in(roster)), under, roster.by_class(active), statement.noise)


def noise_of(levels: Levels, purpose: str, interval: Interval) -> StatedNoise | None:
    """What a statement for the purpose says of its noise."""
    noise = levels.noise(Under(purpose, interval))
    return None if noise is None else noise.stated


def permit_total(
    statement: TotalStatement,
    roster: Roster,
    key: KeyNotice,
    granted: Granted,
    measures: Measures,
    capacity: Capacity,
) -> Granted:
    """What was granted of the day, and the statement.

    `roster` and `measures` are those in force in the statement's window, `key` is the one with its key id. Raises
    Refused, or Contradiction for a statement under another roster, key or layout.
    """
    policy = granted.levels.policy
    check_totals(policy, statement.purpose)
    if statement.roster_digest != roster.fingerprint:
        raise Contradiction("the statement is not about the roster in force in its window")
    if (statement.suite, statement.layout_id) != (roster.suite, roster.layout_id) or statement.suite != key.suite:
        raise Contradiction("the statement's suite or layout is not the region's")
    if not key.first_window <= statement.window <= key.last_window:
        raise Contradiction("the statement's key is not the one of its window")
    if statement.functional != ALL_ONES:
        raise FunctionalNotPermitted("a total adds every read once")
    question = question_of(statement, roster)
    check_classes(policy, statement.purpose, question.classes)
    if not measures.quarantined.isdisjoint(question.grant.members):
        raise MeterQuarantined("a member is in quarantine")
    rule = policy.check_purpose(statement.purpose)
    if rule.noise != "none":
        check_clip(rule.noise, roster.interval_minutes, capacity.largest_read)
    waived, rho_more = [*_waived(statement, roster, measures)], measures.rho_more(statement.cohort)
    return granted.permit(question, capacity.largest_group, waived, rho_more=rho_more)


def _waived(statement: TotalStatement, roster: Roster, measures: Measures) -> Iterator[Waived]:
    """What waivers say of meters that the statement is about; nothing if the roster has no such cohort."""
    for waiver in measures.waivers_of(statement.cohort):
        if waiver.cohort in roster.cohorts:
            meters = roster.active(waiver.cohort, statement.channel)
            yield Waived(frozenset(meters), waiver.coverage_percent)
