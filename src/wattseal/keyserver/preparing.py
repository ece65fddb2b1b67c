"""Which days a half makes its sums ready for, and how the unblinder learns under which check keys."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from prometheus_client import Gauge

from wattseal.cryptosystems.pads.label import check_key_id
from wattseal.keyserver.ahead import Day
from wattseal.keyserver.half import Half
from wattseal.keyserver.member_sums import Stopped, Summing
from wattseal.protocol.errors import KeyDestroyed, Rejected, Unavailable, UnknownSubject
from wattseal.protocol.ids import RegionId, Window
from wattseal.protocol.keys import MOST_CHECK_KEYS, CheckKeyName, CheckKeyNames
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import month_of, window_of

log = logging.getLogger(__name__)
READY = Gauge("wattseal_days_summed_ahead", "Days of regions whose pads or tags are summed ahead", ["half"])
DAYS_BEFORE = (1, 2, 3, 0)
"""Yesterday may be closed by command; of itself a window is on its second day after. Today's is ready at midnight."""

CheckKeyOf = Callable[[RegionId, int, str], bytes | None]
"""The id of the check key of a region, key period and month; None if it is not known."""


class UnblinderToTell(Protocol):
    """The unblinder, as the decryptor reaches it."""

    def expect(self, names: Envelope) -> None:
        """Of CheckKeyNames. Raises PeerUnavailable."""


class Preparing:
    """Keeps a half's sums of the latest days ready, and no others."""

    def __init__(self, half: Half, summing: Summing, check_key_of: CheckKeyOf) -> None:
        self._half, self._summing, self._check_key_of = half, summing, check_key_of

    def look(self, ended: threading.Event) -> None:
        """Do what has come up since. Raises what went wrong, after all days: those sums are made when asked for."""
        days = list(self.days())
        with self._half.one_at_a_time:
            self._half.ahead.keep_only(days)
            missing = [day for day in days if day not in self._half.ahead]
        wrong = []
        for day in missing:
            try:
                self._summing.prepare(day, ended)
            except Stopped:
                return
            except Exception as error:
                error.add_note(f"region {day.region}")
                wrong.append(error)
        with self._half.one_at_a_time:
            ready = sum(day in self._half.ahead for day in days)
        READY.labels(self._half.role).set(ready)
        if wrong:
            raise ExceptionGroup("some days", wrong)

    def days(self) -> Iterator[Day]:
        """By region, so that each roster is read once."""
        today = window_of(self._half.clock())
        found = (day for before in DAYS_BEFORE for day in self._days_at(Window(today - before)))
        yield from sorted(found, key=lambda day: day.region)

    def _days_at(self, window: Window) -> Iterator[Day]:
        try:
            key_id = self._half.registry.key_of_window(window).key_id
            self._half.vault.root(key_id)
        except (KeyDestroyed, UnknownSubject):
            return
        for region, since in self._half.registry.rosters.in_force(window).items():
            check_key = self._check_key_of(region, key_id, month_of(window))
            if check_key is not None:
                yield Day(region, since, window, key_id, check_key)


class PreparingTags(Preparing):
    """The decryptor's, which knows the check keys and names them to the unblinder."""

    def __init__(self, half: Half, summing: Summing, unblinder: UnblinderToTell) -> None:
        super().__init__(half, summing, self._own)
        self._unblinder = unblinder

    def look(self, ended: threading.Event) -> None:
        """See `Preparing`. The unblinder is told each time: it may have been started anew."""
        try:
            self._unblinder.expect(Envelope.issue(self._names(), self._half.vault.signing_key))
        except (Rejected, Unavailable) as error:
            log.warning("naming check keys to the unblinder: %s", error)
        super().look(ended)

    def _names(self) -> CheckKeyNames:
        found = {(day.region, day.key_id, month_of(day.window)): day.check_key_id for day in self.days()}
        names = [
            CheckKeyName(region=region, key_id=key_id, month=month, check_key_id=name)
            for (region, key_id, month), name in found.items()
        ]
        return CheckKeyNames(names=tuple(names[:MOST_CHECK_KEYS]))

    def _own(self, region: RegionId, key_id: int, month: str) -> bytes:
        return check_key_id(self._half.vault.root(key_id).check_key(region, month))
