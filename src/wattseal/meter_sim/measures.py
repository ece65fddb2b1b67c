"""The utility's signature under waivers and quarantines."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from wattseal.meter_sim.rosters import utility_key
from wattseal.meter_sim.state import FleetState
from wattseal.protocol.codec import Message, to_base64
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.errors import MalformedMessage, UsageError
from wattseal.protocol.measures import Quarantine, SignedQuarantine, SignedWaiver, Waiver
from wattseal.protocol.time import parse_window

M = TypeVar("M", bound=Message)


def sign_waiver(fleet: Path, out: Path, fields: Mapping[str, str | int]) -> dict[str, str]:
    """Write the signed waiver to `out`; its digest. Raises UsageError naming the field that is wrong."""
    waiver = _checked(Waiver, fields)
    return {"waiver": to_base64(waiver.fingerprint), **_signed(fleet, out, SignedWaiver, waiver)}


def sign_quarantine(fleet: Path, out: Path, fields: Mapping[str, str | int]) -> dict[str, str]:
    """As `sign_waiver`."""
    quarantine = _checked(Quarantine, fields)
    return {"quarantine": to_base64(quarantine.fingerprint), **_signed(fleet, out, SignedQuarantine, quarantine)}


def _checked(kind: type[M], fields: Mapping[str, str | int]) -> M:
    windows = {name: parse_window(str(fields[name])) for name in ("first", "last")}
    try:
        return kind.parse(json.dumps({**fields, **windows}).encode())
    except MalformedMessage as error:
        raise UsageError(str(error)) from None


def _signed(fleet: Path, out: Path, kind: type[Countersigned], measure: Message) -> dict[str, str]:
    with FleetState(fleet) as state:
        signed = kind.of(measure, utility_key(state))
    try:
        out.write_bytes(signed.to_bytes())
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}") from None
    return {"signed": str(out)}
