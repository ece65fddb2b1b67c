"""Consents signed where a customer's key is: by the meter's identity key, or by the utility on their behalf."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey
from pydantic import ValidationError

from wattseal.meter_sim.orders import reopened
from wattseal.meter_sim.rosters import utility_key
from wattseal.meter_sim.state import FleetState
from wattseal.protocol.codec import first_fault, to_base64
from wattseal.protocol.consent import Consent, ConsentRevocation, SignedConsent, SignedRevocation, Signer
from wattseal.protocol.errors import Rejected, UsageError
from wattseal.protocol.ids import MeterId, Window
from wattseal.protocol.roster import Roster, RosterRow


@dataclass(frozen=True)
class Given:
    """What a person says of a consent; the tenure is the one that the roster has on its first day."""

    meter: str
    recipient: str
    purpose: str
    first: Window
    last: Window
    until: Window
    evidence: str | None


def sign_consent(fleet: Path, out: Path, given: Given) -> dict[str, str]:
    """Write the signed consent to `out`; its digest and tenure. Raises UsageError."""
    with FleetState(fleet) as state:
        _, _, rosters = reopened(state, fleet)
        row = _row(rosters, given)
        try:
            consent = Consent(
                region=rosters[0].region,
                meter=row.meter,
                account=row.account,
                tenure_since=row.tenure_since,
                recipient=given.recipient,
                purpose=given.purpose,
                first=given.first,
                last=given.last,
                until=given.until,
                evidence=given.evidence,
            )
        except ValidationError as error:
            raise UsageError(f"consent: {first_fault(error)}") from None
        signer, key = _signer(state, row.meter, given.evidence)
        _write(out, SignedConsent.issue(consent, signer, key).to_bytes())
    return {"consent": to_base64(consent.fingerprint), "account": consent.account, "signed": str(out)}


def sign_revocation(fleet: Path, consent: Path, out: Path, evidence: str | None) -> dict[str, str]:
    """Write the signed revocation of the consent in a file to `out`. Raises UsageError."""
    try:
        claimed = SignedConsent.from_bytes(consent.read_bytes()).claimed
        revocation = ConsentRevocation(consent=claimed.fingerprint, evidence=evidence)
    except OSError as error:
        raise UsageError(f"{consent}: {error.strerror}") from None
    except Rejected as error:
        raise UsageError(f"{consent}: {error}") from None
    except ValidationError as error:
        raise UsageError(f"revocation: {first_fault(error)}") from None
    with FleetState(fleet) as state:
        signer, key = _signer(state, claimed.meter, evidence)
    _write(out, SignedRevocation.issue(revocation, signer, key).to_bytes())
    return {"revoked": to_base64(claimed.fingerprint), "signed": str(out)}


def _row(rosters: Sequence[Roster], given: Given) -> RosterRow:
    begun = [roster for roster in rosters if roster.effective <= given.first and given.meter in roster.by_meter]
    if not begun:
        raise UsageError(f"meter {given.meter} is on no roster of the first day")
    return begun[-1].by_meter[MeterId(given.meter)]


def _signer(state: FleetState, meter: str, evidence: str | None) -> tuple[Signer, SigningKey]:
    if evidence is not None:
        return "utility", utility_key(state)
    found = [row.identity for row in state.meters() if row.meter == meter]
    if not found:
        raise UsageError(f"the fleet has no meter {meter}")
    return "customer", SigningKey(found[0])


def _write(out: Path, data: bytes) -> None:
    try:
        out.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}") from None
