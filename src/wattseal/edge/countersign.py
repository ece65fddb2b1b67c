"""An operator's countersignature under a roster, a tariff or a list: a deliberate act on a file, never an answer."""

from contextlib import suppress
from pathlib import Path

from wattseal.edge.home import OPERATOR, Home
from wattseal.protocol.codec import to_base64
from wattseal.protocol.countersigned import Operator
from wattseal.protocol.errors import SignatureInvalid, UsageError
from wattseal.protocol.roster import SignedRoster
from wattseal.protocol.tariff.charge_list import SignedChargeList
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.time import window_date
from wattseal.protocol.trust import TrustAnchors

_Signed = SignedRoster | SignedTariff | SignedChargeList
_Told = dict[str, str | int]


def countersign_file(home: Home, path: Path, operator: Operator) -> _Told:
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


def _proposed(data: bytes, trust: TrustAnchors) -> tuple[_Signed, _Told]:
    """The kind of document is that of the utility's signature."""
    for kind in (_tariff, _charge_list):
        with suppress(SignatureInvalid):
            return kind(data, trust)
    return _roster(data, trust)


def _tariff(data: bytes, trust: TrustAnchors) -> tuple[_Signed, _Told]:
    signed = SignedTariff.from_bytes(data)
    tariff = signed.proposed(trust)
    return signed, {"countersigned": tariff.name, "revision": tariff.revision}


def _charge_list(data: bytes, trust: TrustAnchors) -> tuple[_Signed, _Told]:
    signed = SignedChargeList.from_bytes(data)
    listed = signed.proposed(trust)
    return signed, {"countersigned": ", ".join(listed.charges), "tariff": to_base64(listed.tariff)}


def _roster(data: bytes, trust: TrustAnchors) -> tuple[_Signed, _Told]:
    signed = SignedRoster.from_bytes(data)
    roster = signed.proposed(trust)
    effective = window_date(roster.effective).isoformat()
    return signed, {"countersigned": roster.region, "meters": len(roster.rows), "effective": effective}
