"""The countersigned rosters that a service has, kept as files; of those that are asked for, some stay in memory."""

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from wattseal.edge.apart import Apart, check_apart
from wattseal.edge.documents import opened_file
from wattseal.edge.private_files import private_directory, read_private, write_private
from wattseal.policy.succession import check_history, check_succession
from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import Contradiction, Rejected, UnknownSubject, UsageError
from wattseal.protocol.ids import LAST_WINDOW, RegionId, Window
from wattseal.protocol.roster import Roster, SignedRoster
from wattseal.protocol.time import Clock, window_date, window_of
from wattseal.protocol.trust import TrustAnchors

ROWS_IN_MEMORY = 1 << 20
"""Each takes some 0.5 kB. A roster that is not there is read anew, in about 15 us a row."""

Place = tuple[RegionId, Window]
"""A roster's region and the window from which on it is in force."""


class _Known(NamedTuple):
    fingerprint: Digest
    path: Path


class RosterBook:
    """`replay` lets rosters take effect in the past, for trial runs on old data; a live service refuses them.

    `least_change` is how many meters may join or leave a cohort together at the least; about `rows_in_memory` rows are
    kept in memory, and always those of the roster that was asked for last.
    """

    def __init__(
        self,
        directory: Path,
        trust: TrustAnchors,
        clock: Clock,
        *,
        replay: bool,
        least_change: int,
        rows_in_memory: int = ROWS_IN_MEMORY,
    ) -> None:
        self._at = private_directory(directory / "rosters")
        self._trust, self._clock, self._replay, self._least_change = trust, clock, replay, least_change
        self._rows_in_memory = rows_in_memory
        self._one_at_a_time = threading.RLock()
        self._read: OrderedDict[Place, Roster] = OrderedDict()
        self._apart: Apart | None = None
        # Replaced, not changed: other threads may be reading it.
        self._known = {_place(path): self._found(path) for path in sorted(self._at.glob("*.json"))}

    def _found(self, path: Path) -> _Known:
        """Its rows are read when they are asked for. Raises UsageError unless all three signatures hold."""
        return opened_file(path, lambda data: _Known(self._digest(SignedRoster.from_bytes(data)), path))

    def _digest(self, signed: SignedRoster) -> Digest:
        signed.check(self._trust)
        return hashlib.sha256(signed.body).digest()

    def install(self, signed: SignedRoster) -> Roster:
        """Again the same: no change.

        Raises SignatureInvalid, MalformedMessage, Rejected, Contradiction, or RosterChangeRefused.
        """
        roster = signed.opened(self._trust)
        with self._one_at_a_time:
            return self._install(roster, signed)

    def _install(self, roster: Roster, signed: SignedRoster) -> Roster:
        place = (roster.region, roster.effective)
        known = self._known.get(place)
        if known is not None:
            if known.fingerprint != roster.fingerprint:
                raise Contradiction(
                    f"region {roster.region} has another roster from {window_date(roster.effective)} on"
                )
            return self._at_place(place)
        if not self._replay and roster.effective <= window_of(self._clock()):
            raise Rejected("a roster takes effect in a window that has not begun")
        apart = self._seen()
        if apart.may_share(roster):
            self._check_apart(roster)
        self._check_succession(roster)
        path = self._at / f"{roster.region}.{roster.effective}.json"
        write_private(path, signed.to_bytes())
        apart.add(roster)
        self._known = {**self._known, place: _Known(roster.fingerprint, path)}
        self._keep(place, roster)
        return roster

    def _seen(self) -> Apart:
        """Gathered when it is first asked for: to do so, every roster is read."""
        if self._apart is None:
            self._apart = Apart()
            for place in self._known:
                self._apart.add(self._at_place(place))
        return self._apart

    def _check_apart(self, roster: Roster) -> None:
        for place in self._known:
            if place[0] != roster.region:
                check_apart(roster, self._at_place(place))

    def _check_succession(self, roster: Roster) -> None:
        """Against both neighbors in time: in a replay a roster may come in between."""
        others = self.of(roster.region)
        earlier = [other for other in others if other.effective < roster.effective]
        later = [other for other in others if other.effective > roster.effective]
        if earlier:
            check_succession(earlier[-1], roster, self._least_change)
            check_history(earlier, roster, self._least_change)
        if later:
            check_succession(roster, later[0], self._least_change)
            for after in later:
                check_history([roster], after, self._least_change)

    def at(self, region: RegionId, window: Window) -> Roster:
        """The roster in force in the window. Raises UnknownSubject."""
        begun = [place for place in self._known if place[0] == region and place[1] <= window]
        if not begun:
            raise UnknownSubject(f"region {region} has no roster for {window_date(window)}")
        return self._at_place(max(begun))

    def in_force(self, window: Window) -> dict[RegionId, Window]:
        """By region that has a roster for the window, since when that roster is in force; none of them is read."""
        return dict(sorted(place for place in self._known if place[1] <= window))

    def ends(self, roster: Roster) -> Window:
        """The last window in which the roster is in force, as far as is known."""
        later = [effective for region, effective in self._known if region == roster.region]
        return Window(min((each for each in later if each > roster.effective), default=LAST_WINDOW + 1) - 1)

    def named(self, fingerprint: Digest) -> Roster:
        """The roster with this digest, whatever has taken its place since. Raises UnknownSubject."""
        return self._at_place(self._place_of(fingerprint))

    def signed(self, fingerprint: Digest) -> bytes:
        """As it was installed, with its signatures. Raises UnknownSubject."""
        return read_private(self._known[self._place_of(fingerprint)].path)

    def _place_of(self, fingerprint: Digest) -> Place:
        for place, known in self._known.items():
            if known.fingerprint == fingerprint:
                return place
        raise UnknownSubject("a statement names a roster that is not known here")

    def of(self, region: RegionId) -> list[Roster]:
        """All of a region, in order of time."""
        return [self._at_place(place) for place in sorted(self._known) if place[0] == region]

    def regions(self) -> list[RegionId]:
        """Sorted."""
        return sorted({region for region, _ in self._known})

    def fingerprints(self) -> list[Digest]:
        """Of all rosters, by region, then in order of time."""
        return [known.fingerprint for _, known in sorted(self._known.items())]

    def _at_place(self, place: Place) -> Roster:
        with self._one_at_a_time:
            if place in self._read:
                self._read.move_to_end(place)
            else:
                self._keep(place, _reopened(self._known[place], place))
            return self._read[place]

    def _keep(self, place: Place, roster: Roster) -> None:
        self._read[place] = roster
        rows = sum(len(kept.rows) for kept in self._read.values())
        while rows > self._rows_in_memory and len(self._read) > 1:
            _, gone = self._read.popitem(last=False)
            rows -= len(gone.rows)


def _place(path: Path) -> Place:
    region, _, effective = path.stem.rpartition(".")
    if not (region and effective.isascii() and effective.isdecimal()):
        raise UsageError(f"{path}: not the name of a roster's file")
    return RegionId(region), Window(int(effective))


def _reopened(known: _Known, place: Place) -> Roster:
    """Its signatures were looked at when it was first seen. Raises UsageError for a file that has changed since."""
    roster = opened_file(known.path, lambda data: Roster.reopened(SignedRoster.parse(data).body, known.fingerprint))
    if (roster.region, roster.effective) != place:
        raise UsageError(f"{known.path}: it holds a roster of another region or window")
    return roster
