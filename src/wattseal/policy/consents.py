"""Whether customers agreed: what a secondary purpose that rests on consent needs of each meter it is about."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from wattseal.policy.limits import Asker
from wattseal.policy.pack import Policy
from wattseal.protocol.billing import BillStatement
from wattseal.protocol.consent import Consent
from wattseal.protocol.errors import ConsentMissing
from wattseal.protocol.ids import MeterId, RegionId, Window
from wattseal.protocol.roster import Roster, RosterRow
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.time import MINUTES_PER_DAY


class Wanted(NamedTuple):
    """Reads that a statement is about: of one meter, on these days, under the rows that the roster has for it then."""

    meter: MeterId
    first: Window
    last: Window
    rows: Sequence[RosterRow]


class Consents(Protocol):
    """Those that one party has in force, neither taken back nor at their end."""

    def of(self, region: RegionId, meter: MeterId) -> Iterable[Consent]:
        """Given for this meter."""


def of_total(statement: TotalStatement, roster: Roster) -> list[Wanted]:
    """Raises MalformedMessage or UnknownSubject for members that the roster does not have."""
    day = statement.window
    return [Wanted(meter, day, day, [roster.by_meter[meter]]) for meter in statement.members_in(roster)]


def of_bills(statement: BillStatement, rosters: Sequence[Roster]) -> list[Wanted]:
    """`rosters` are all of the region, in order of time; a meter that none of them has then is of no tenure."""
    return [
        Wanted(segment.meter, first, last, list(_rows(segment.meter, first, last, rosters)))
        for segment in statement.segments
        for first, last in [(Window(segment.start // MINUTES_PER_DAY), Window((segment.end - 1) // MINUTES_PER_DAY))]
    ]


def _rows(meter: MeterId, first: Window, last: Window, rosters: Sequence[Roster]) -> Iterable[RosterRow]:
    """Of each roster that says something of the days; rows may tell of a tenure before they are in force."""
    begun = [roster for roster in rosters if roster.effective <= first][-1:]
    within = [roster for roster in rosters if first < roster.effective <= last]
    for roster in (*begun, *within):
        if meter in roster.by_meter:
            yield roster.by_meter[meter]


def check_consents(
    policy: Policy, statement: TotalStatement | BillStatement, asker: Asker, wanted: Iterable[Wanted], known: Consents
) -> list[Consent]:
    """Those that a release rests on; none for a purpose that needs none. Raises ConsentMissing, which names no meter.

    A consent is for one recipient and purpose, and for reads of the tenure that gave it.
    """
    if policy.check_purpose(statement.purpose).basis != "consent":
        return []
    found = [(one, _consent(statement, asker, one, known)) for one in wanted]
    lacking = sum(consent is None for _, consent in found)
    if lacking:
        raise ConsentMissing(f"{lacking} of {len(found)} have not agreed that {asker.name} has this for that purpose")
    return [consent for _, consent in found if consent is not None]


def _consent(
    statement: TotalStatement | BillStatement, asker: Asker, wanted: Wanted, known: Consents
) -> Consent | None:
    for consent in known.of(statement.region, wanted.meter):
        meant = (consent.recipient, consent.purpose) == (asker.name, statement.purpose)
        if meant and consent.covers(wanted.first, wanted.last) and wanted.rows and all(map(consent.is_of, wanted.rows)):
            return consent
    return None
