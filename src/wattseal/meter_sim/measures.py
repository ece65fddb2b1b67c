"""The utility's signature under waivers, quarantines, budget extensions and resets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from wattseal.meter_sim.rosters import utility_key
from wattseal.meter_sim.state import FleetState
from wattseal.protocol.codec import Message, to_base64
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.errors import MalformedMessage, UsageError
from wattseal.protocol.measures import (
    BudgetExtension,
    Quarantine,
    SignedBudgetExtension,
    SignedQuarantine,
    SignedWaiver,
    Waiver,
)
from wattseal.protocol.resets import ItemReset, SignedItemReset
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


def sign_extension(
    fleet: Path, out: Path, term: Mapping[str, str | int], budget: str, more: Mapping[str, str | int]
) -> dict[str, str]:
    """As `sign_waiver`; `budget` is rank or noise, `more` whose, and by how much."""
    extension = _checked(BudgetExtension, {**term, "more": {"budget": budget, **more}})
    return {"extension": to_base64(extension.fingerprint), **_signed(fleet, out, SignedBudgetExtension, extension)}


def sign_reset(fleet: Path, out: Path, item: str, serial: int, reason: str) -> dict[str, str]:
    """As `sign_waiver`; `item` in hexadecimal, as the ledger has it."""
    try:
        named = to_base64(bytes.fromhex(item))
    except ValueError:
        raise UsageError(f"'{item[:80]}' is no item: 64 hexadecimal digits, as the ledger has them") from None
    return _signed(fleet, out, SignedItemReset, _parsed(ItemReset, {"item": named, "serial": serial, "reason": reason}))


def _checked(kind: type[M], fields: Mapping[str, object]) -> M:
    windows = {name: parse_window(str(fields[name])) for name in ("first", "last")}
    return _parsed(kind, {**fields, **windows})


def _parsed(kind: type[M], fields: Mapping[str, object]) -> M:
    try:
        return kind.parse(json.dumps(fields).encode())
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
