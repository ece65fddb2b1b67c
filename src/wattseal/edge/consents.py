"""Consents and revocations that a service has, kept as files. What was taken back stays taken back."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from wattseal.edge.documents import each
from wattseal.edge.private_files import private_directory, write_private
from wattseal.protocol.codec import Digest
from wattseal.protocol.consent import Consent, ConsentRevocation, SignedConsent, SignedRevocation
from wattseal.protocol.errors import Rejected, UnknownSubject
from wattseal.protocol.ids import MeterId, RegionId
from wattseal.protocol.roster import RosterRow
from wattseal.protocol.time import Clock, window_of
from wattseal.protocol.trust import TrustAnchors

RowsOf = Callable[[RegionId, MeterId], Iterable[RosterRow]]


class ConsentBook:
    """`rows_of` are all rows that installed rosters have of a meter: a customer's key is that of their tenure's row."""

    def __init__(self, directory: Path, trust: TrustAnchors, clock: Clock, rows_of: RowsOf) -> None:
        self._consents_at = private_directory(directory / "consents")
        self._revocations_at = private_directory(directory / "consent-revocations")
        self._trust, self._clock, self._rows_of = trust, clock, rows_of
        self._one_at_a_time = threading.Lock()
        kept = each(self._consents_at, SignedConsent.from_bytes)
        self._consents: dict[Digest, Consent] = {}
        self._of: dict[tuple[RegionId, MeterId], tuple[Consent, ...]] = {}
        for one in kept:
            self._keep(self._checked(one))
        revoked = each(self._revocations_at, SignedRevocation.from_bytes)
        self._revoked = frozenset(one.claimed.consent for one in revoked)

    def install(self, signed: SignedConsent) -> Consent:
        """Again the same: no change. Raises SignatureInvalid, MalformedMessage, or UnknownSubject for no such tenure.

        Raises Rejected for one that was taken back: agreeing anew takes another one.
        """
        consent = self._checked(signed)
        with self._one_at_a_time:
            if consent.fingerprint in self._revoked:
                raise Rejected("this consent was taken back")
            if consent.fingerprint not in self._consents:
                write_private(self._consents_at / f"{consent.fingerprint.hex()}.json", signed.to_bytes())
                self._keep(consent)
        return consent

    def _keep(self, consent: Consent) -> None:
        place = (consent.region, consent.meter)
        self._of[place] = (*self._of.get(place, ()), consent)
        self._consents[consent.fingerprint] = consent

    def revoke(self, signed: SignedRevocation) -> ConsentRevocation:
        """Again the same: no change. Raises as `install`, UnknownSubject for a consent that is not known."""
        consent = self._consents.get(signed.claimed.consent)
        if consent is None:
            raise UnknownSubject("a revocation is of a consent that is not known here")
        revocation = signed.opened(self._customer(consent), self._trust.utility)
        with self._one_at_a_time:
            if revocation.consent not in self._revoked:
                write_private(self._revocations_at / f"{revocation.consent.hex()}.json", signed.to_bytes())
                self._revoked |= {revocation.consent}
        return revocation

    def of(self, region: RegionId, meter: MeterId) -> list[Consent]:
        """In force now."""
        today = window_of(self._clock())
        return [
            consent
            for consent in self._of.get((region, meter), ())
            if consent.fingerprint not in self._revoked and today <= consent.until
        ]

    def listed(self) -> list[tuple[Consent, str]]:
        """All of them, each with whether it is in force, revoked or expired."""
        today = window_of(self._clock())
        return [
            (consent, self._state(consent.fingerprint, today > consent.until)) for consent in self._consents.values()
        ]

    def _state(self, fingerprint: Digest, ended: bool) -> str:
        if fingerprint in self._revoked:
            return "revoked"
        return "expired" if ended else "in force"

    def _checked(self, signed: SignedConsent) -> Consent:
        return signed.opened(self._customer(signed.claimed), self._trust.utility)

    def _customer(self, consent: Consent) -> bytes:
        """The identity key of the meter in the tenure; of an exchange within it, the latest. Raises UnknownSubject."""
        rows = [row for row in self._rows_of(consent.region, consent.meter) if consent.is_of(row)]
        if not rows:
            raise UnknownSubject("a consent is of a tenure that no roster here has")
        return rows[-1].identity_key
