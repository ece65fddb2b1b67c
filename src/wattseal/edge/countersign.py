"""An operator's countersignature under a roster or a tariff: a deliberate act on a file, never a service's answer."""

from pathlib import Path

from wattseal.edge.home import OPERATOR, Home
from wattseal.protocol.countersigned import Operator
from wattseal.protocol.errors import SignatureInvalid, UsageError
from wattseal.protocol.roster import SignedRoster
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.time import window_date
from wattseal.protocol.trust import TrustAnchors

_Signed = SignedRoster | SignedTariff


def countersign_file(home: Home, path: Path, operator: Operator) -> dict[str, str | int]:
    """Sign the document in `path` in place; returns what was signed. Raises UsageError, Rejected."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    signed, told = _proposed(data, home.trust())
    temporary = path.with_suffix(".countersigned")
    temporary.write_bytes(signed.countersigned(operator, home.signing_key(OPERATOR)).to_bytes())
    temporary.replace(path)
    return told


def _proposed(data: bytes, trust: TrustAnchors) -> tuple[_Signed, dict[str, str | int]]:
    """The kind of document is that of the utility's signature."""
    signed_tariff = SignedTariff.from_bytes(data)
    try:
        tariff = signed_tariff.proposed(trust)
    except SignatureInvalid:
        signed = SignedRoster.from_bytes(data)
        roster = signed.proposed(trust)
        effective = window_date(roster.effective).isoformat()
        return signed, {"countersigned": roster.region, "meters": len(roster.rows), "effective": effective}
    return signed_tariff, {"countersigned": tariff.name, "revision": tariff.revision}
