"""Whether customers agreed: what a secondary purpose that rests on consent needs of each meter it is about."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, Protocol

from wattseal.policy.limits import Asker
from wattseal.policy.pack import Policy
from wattseal.policy.tenures import Tenure, tenures
from wattseal.protocol.billing import BillStatement
from wattseal.protocol.codec import Named
from wattseal.protocol.consent import Consent
from wattseal.protocol.errors import ConsentMissing
from wattseal.protocol.ids import MeterId, RegionId, Window
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.time import MINUTES_PER_DAY

_REGIONS_KEPT = 8


class Wanted(NamedTuple):
    """Reads that a statement is about: of one meter, on these days, and the tenures that it was of then.

    Tenures, not the rows in force: a roster may come later than the move that it tells of.
    """

    meter: MeterId
    first: Window
    last: Window
    tenures: Sequence[Tenure]


class Consents(Protocol):
    """Those that one party has in force, neither taken back nor at their end."""

    def of(self, region: RegionId, meter: MeterId) -> Iterable[Consent]:
        """Given for this meter."""


def of_total(statement: TotalStatement, roster: Roster, rosters: Sequence[Roster]) -> Iterator[Wanted]:
    """`rosters` are all of the region: a later one than the statement's may tell who lived there on its day.

    Raises MalformedMessage or UnknownSubject for members that the roster does not have.
    """
    for meter in statement.members_in(roster):
        yield _wanted(meter, statement.window, statement.window, rosters)


def of_bills(statement: BillStatement, rosters: Sequence[Roster]) -> Iterator[Wanted]:
    """`rosters` are all of the region; a meter that none of them has then is of no tenure."""
    for segment in statement.segments:
        first, last = Window(segment.start // MINUTES_PER_DAY), Window((segment.end - 1) // MINUTES_PER_DAY)
        yield _wanted(segment.meter, first, last, rosters)


def _wanted(meter: MeterId, first: Window, last: Window, rosters: Sequence[Roster]) -> Wanted:
    known = _by_meter(tuple(Named(roster.fingerprint, roster) for roster in rosters)).get(meter, ())
    within = [one for one in known if one.first <= last and (one.last is None or first <= one.last)]
    return Wanted(meter, first, last, within)


@lru_cache(maxsize=_REGIONS_KEPT)
def _by_meter(rosters: Sequence[Named[Roster]]) -> dict[MeterId, list[Tenure]]:
    found: dict[MeterId, list[Tenure]] = {}
    for tenure in chain.from_iterable(tenures(roster.value for roster in rosters).values()):
        found.setdefault(tenure.meter, []).append(tenure)
    return found


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
    # What is about nobody rests on nobody's consent; an iterable that was used before says the same.
    if lacking or not found:
        raise ConsentMissing(f"{lacking} of {len(found)} have not agreed that {asker.name} has this for that purpose")
    return [consent for _, consent in found if consent is not None]


def _consent(
    statement: TotalStatement | BillStatement, asker: Asker, wanted: Wanted, known: Consents
) -> Consent | None:
    for consent in known.of(statement.region, wanted.meter):
        meant = (consent.recipient, consent.purpose) == (asker.name, statement.purpose)
        theirs = bool(wanted.tenures) and all(_is_of(consent, tenure) for tenure in wanted.tenures)
        if meant and theirs and consent.covers(wanted.first, wanted.last):
            return consent
    return None


def _is_of(consent: Consent, tenure: Tenure) -> bool:
    return (tenure.meter, tenure.account, tenure.since) == (consent.meter, consent.account, consent.tenure_since)
