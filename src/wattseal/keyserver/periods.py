"""Key periods of a running half: the next one begins, an old one is destroyed, what a crash left undone is finished.

The vault is the truth. It changes in one step; the ledger's entry, what the ledger erases and the registered notice
follow from it, here or when the half starts again.
"""

import logging

from wattseal.keyserver.half import Half
from wattseal.keyserver.vault import FIRST_PERIOD, Windows
from wattseal.protocol.errors import Rejected
from wattseal.protocol.ids import Role, Window
from wattseal.protocol.keys import NextPeriod
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import Clock, window_date, window_of

log = logging.getLogger(__name__)


class KeyPeriods:
    """Of one half."""

    def __init__(self, half: Half, clock: Clock) -> None:
        self._half = half
        self._clock = clock

    def begin(self, asked: NextPeriod) -> Envelope | None:
        """Begin the period after the latest; at the decryptor its notice, for all three services. Again: no change.

        Nothing else waits meanwhile. Raises Contradiction or Rejected for a number or windows that cannot be.
        """
        vault, windows = self._half.vault, self._windows(asked)
        if (asked.period, windows) != (vault.latest.number, vault.latest.windows):
            period = vault.following(asked.period, windows)
            notice = vault.notice_of(period)
            if notice is not None:
                self._half.registry.check_new_key(notice)
            vault.begin(period)
        self.settle()
        notice = vault.notice_of(vault.latest)
        return None if notice is None else Envelope.issue(notice, vault.signing_key)

    def destroy(self, number: int) -> None:
        """Make every report of a period unreadable for good. Raises Rejected, UnknownSubject.

        The period's last window has to be over, and its notice to be known here.
        """
        last = self._half.registry.key(number).last_window
        if last >= window_of(self._clock()):
            raise Rejected(f"key period {number} is not over before {window_date(Window(last + 1))}")
        with self._half.one_at_a_time:
            self._half.vault.destroy(number)
            self._half.forget_keys()
        self.settle()

    def settle(self) -> None:
        """Let ledger and registry follow the vault."""
        half = self._half
        for period in half.vault.periods:
            notice = half.vault.notice_of(period)
            if notice is not None:
                self._install(Envelope.issue(notice, half.vault.signing_key))
            if period.number > FIRST_PERIOD:
                half.ledger.begin_period(period.number)
            if period.root is None:
                key = half.registry.key(period.number)
                with half.one_at_a_time:
                    half.ledger.destroy_period(period.number, range(key.first_window, key.last_window + 1))

    def _install(self, notice: Envelope) -> None:
        try:
            self._half.registry.install_key(notice)
        except Rejected as error:
            # Of a period that a crash kept from being announced until its first day had begun.
            log.warning("a key period has to be followed by another one at once: %s", error)

    def _windows(self, asked: NextPeriod) -> Windows | None:
        if self._half.role is Role.UNBLINDER:
            return None
        if asked.first_window is None or asked.last_window is None:
            raise Rejected("the decryptor's next key period needs a first and a last window")
        if asked.last_window < asked.first_window:
            raise Rejected("the last window of a key period is not before its first")
        return asked.first_window, asked.last_window
