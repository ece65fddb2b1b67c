"""An operator's countersignature under the utility's document: a deliberate act on a file, never a service's answer."""

from collections.abc import Callable
from pathlib import Path

from wattseal.edge.home import OPERATOR, Home
from wattseal.protocol.codec import to_base64
from wattseal.protocol.countersigned import Countersigned, Operator
from wattseal.protocol.errors import SignatureInvalid, UsageError
from wattseal.protocol.ids import Window
from wattseal.protocol.measures import (
    MoreNoisyTotals,
    MoreResults,
    SignedBudgetExtension,
    SignedQuarantine,
    SignedWaiver,
)
from wattseal.protocol.resets import SignedItemReset
from wattseal.protocol.roster import SignedRoster
from wattseal.protocol.tariff.charge_list import SignedChargeList
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.time import window_date
from wattseal.protocol.trust import TrustAnchors

Told = dict[str, str | int]


def countersign_file(home: Home, path: Path, operator: Operator) -> Told:
    """Sign the document in `path` in place; returns what was signed. Raises UsageError, Rejected."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    signed, told = proposed(data, home.trust())
    temporary = path.with_suffix(".countersigned")
    temporary.write_bytes(signed.countersigned(operator, home.signing_key(OPERATOR)).to_bytes())
    temporary.replace(path)
    return {"countersigned": told.pop("name"), **told}


def proposed(data: bytes, trust: TrustAnchors) -> tuple[Countersigned, Told]:
    """The document and what it says. Its kind is that of the utility's signature. Raises Rejected."""
    for read in _KINDS[:-1]:
        try:
            return read(data, trust)
        except SignatureInvalid:
            continue
    return _KINDS[-1](data, trust)


def _tariff(data: bytes, trust: TrustAnchors) -> tuple[Countersigned, Told]:
    signed = SignedTariff.from_bytes(data)
    tariff = signed.proposed(trust)
    return signed, {"name": tariff.name, "revision": tariff.revision}


def _charge_list(data: bytes, trust: TrustAnchors) -> tuple[Countersigned, Told]:
    signed = SignedChargeList.from_bytes(data)
    listed = signed.proposed(trust)
    return signed, {"name": ", ".join(listed.charges), "tariff": to_base64(listed.tariff)}


def _waiver(data: bytes, trust: TrustAnchors) -> tuple[Countersigned, Told]:
    signed = SignedWaiver.from_bytes(data)
    waiver = signed.proposed(trust)
    about: Told = {"name": f"{waiver.coverage_percent} % of {waiver.cohort}, {waiver.channel}", "region": waiver.region}
    return signed, {**about, "first": _date(waiver.first), "last": _date(waiver.last), "reason": waiver.reason}


def _quarantine(data: bytes, trust: TrustAnchors) -> tuple[Countersigned, Told]:
    signed = SignedQuarantine.from_bytes(data)
    one = signed.proposed(trust)
    about: Told = {"name": f"{one.meter} is not counted", "region": one.region}
    return signed, {**about, "first": _date(one.first), "last": _date(one.last), "reason": one.reason}


def _extension(data: bytes, trust: TrustAnchors) -> tuple[Countersigned, Told]:
    signed = SignedBudgetExtension.from_bytes(data)
    one = signed.proposed(trust)
    about: Told = {"name": _more(one.more), "region": one.region}
    return signed, {**about, "first": _date(one.first), "last": _date(one.last), "reason": one.reason}


def _item_reset(data: bytes, trust: TrustAnchors) -> tuple[Countersigned, Told]:
    signed = SignedItemReset.from_bytes(data)
    reset = signed.proposed(trust)
    return signed, {"name": f"item {reset.item.hex()}", "serial": reset.serial, "reason": reset.reason}


def _roster(data: bytes, trust: TrustAnchors) -> tuple[Countersigned, Told]:
    signed = SignedRoster.from_bytes(data)
    roster = signed.proposed(trust)
    return signed, {"name": roster.region, "meters": len(roster.rows), "effective": _date(roster.effective)}


_KINDS: tuple[Callable[[bytes, TrustAnchors], tuple[Countersigned, Told]], ...] = (
    _tariff,
    _charge_list,
    _waiver,
    _quarantine,
    _extension,
    _item_reset,
    _roster,
)


def _more(told: MoreResults | MoreNoisyTotals) -> str:
    if isinstance(told, MoreResults):
        return f"results of bills under {told.tariff}: {told.results} more"
    return f"noisy totals of {told.cohort}, {told.channel}: {told.rho_millionths} millionths of rho more"


def _date(window: Window) -> str:
    return window_date(window).isoformat()
