"""Whom a release touched: the meters of its statement, and the accounts behind them at that time."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wattseal.collector.audit.book import Book, Intent, Released
from wattseal.policy.tenures import Tenure, tenures
from wattseal.protocol.billing import BillStatement
from wattseal.protocol.errors import UnknownSubject, UsageError
from wattseal.protocol.ids import MeterId, RegionId, Window
from wattseal.protocol.roster import Roster
from wattseal.protocol.time import MINUTES_PER_DAY


class Touched(NamedTuple):
    """One meter of a release, over these windows."""

    meter: MeterId
    first: Window
    last: Window


class Opened(NamedTuple):
    """A release with what was asked."""

    intent: Intent
    release: Released


class Customers:
    """Resolves statements by the rosters that they name, and meters to accounts by the rosters' dates."""

    def __init__(self, rosters: Iterable[Roster]) -> None:
        self._rosters = {roster.fingerprint: roster for roster in rosters}
        self.of_meter: dict[MeterId, list[Tenure]] = {}
        for tenure in _tenures(self._rosters.values()):
            self.of_meter.setdefault(tenure.meter, []).append(tenure)

    def touched(self, opened: Opened) -> Iterator[Touched]:
        """Raises UsageError if the roster is not at hand."""
        statement = opened.intent.statement
        if isinstance(statement, BillStatement):
            for place, segment in enumerate(statement.segments):
                if place not in opened.release.unopened:
                    last = (segment.end - 1) // MINUTES_PER_DAY
                    yield Touched(segment.meter, Window(segment.start // MINUTES_PER_DAY), Window(last))
            return
        roster = self._rosters.get(statement.roster_digest)
        if roster is None:
            digest = statement.roster_digest.hex()
            raise UsageError(f"the roster {digest[:12]} that a release names is not at hand: give its file")
        yield from (Touched(meter, statement.window, statement.window) for meter in statement.members_in(roster))

    def accounts(self, touched: Touched) -> set[str]:
        """Of the tenures that the windows meet."""
        return {tenure.account for tenure in self.of_meter.get(touched.meter, ()) if meets(tenure, touched)}

    def tenures_of(self, name: str, on: Window | None) -> list[Tenure]:
        """An account's, all of them; a meter's, the one on that day, the latest if none is given.

        Raises UnknownSubject.
        """
        if name in self.of_meter:
            of_meter = sorted(self.of_meter[MeterId(name)], key=lambda tenure: tenure.first)
            found = [tenure for tenure in of_meter if on is None or _covers(tenure, on)][-1:]
        else:
            everyone = (tenure for known in self.of_meter.values() for tenure in known if tenure.account == name)
            found = [tenure for tenure in everyone if on is None or _covers(tenure, on)]
        if not found:
            raise UnknownSubject(f"no roster has a meter or an account {name}" + (" on that day" if on else ""))
        return found


def opened_in(book: Book) -> Iterator[Opened]:
    """Raises UsageError for a release whose intent is missing."""
    for release in book.releases:
        if release.statement not in book.intents:
            raise UsageError(f"release {release.counter} has no intent: the ledger does not verify")
        yield Opened(book.intents[release.statement], release)


def meets(tenure: Tenure, touched: Touched) -> bool:
    return tenure.first <= touched.last and (tenure.last is None or touched.first <= tenure.last)


def _covers(tenure: Tenure, window: Window) -> bool:
    return tenure.first <= window and (tenure.last is None or window <= tenure.last)


def _tenures(rosters: Iterable[Roster]) -> Iterator[Tenure]:
    by_region: dict[RegionId, list[Roster]] = {}
    for roster in rosters:
        by_region.setdefault(roster.region, []).append(roster)
    for of_region in by_region.values():
        for history in tenures(of_region).values():
            yield from history
