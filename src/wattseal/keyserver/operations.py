"""What an operator asks of a running half from the command line."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import read_private, write_private
from wattseal.protocol.codec import canonical_json, first_fault
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import RegionId
from wattseal.protocol.keys import Enrolment, EnrolmentRequest, NextPeriod
from wattseal.protocol.resets import SignedItemReset
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import parse_window


def begin_period(
    url: str, token: Path, period: int, first: str | None, last: str | None, out: Path | None
) -> dict[str, Any]:
    """Its number; the notice goes to `out`. Raises UsageError, Rejected, PeerUnavailable."""
    windows = [None if date is None else parse_window(date) for date in (first, last)]
    asked = NextPeriod(period=period, first_window=windows[0], last_window=windows[1])
    with _connected(url, token) as half:
        answer: dict[str, Any] = json.loads(half.post("/v1/periods", asked))
    if answer["notice"] is not None and out is not None:
        write_private(out, Envelope.parse(canonical_json(answer["notice"])).to_bytes())
    return {"period": answer["period"], **({} if out is None else {"notice": str(out)})}


def destroy_period(url: str, token: Path, period: int) -> dict[str, Any]:
    with _connected(url, token) as half:
        answer: dict[str, Any] = json.loads(half.post(f"/v1/periods/{period}/destruction", b""))
    return answer


def hand_in_reset(url: str, token: Path, document: Path) -> dict[str, Any]:
    """Raises UsageError, Rejected, PeerUnavailable."""
    try:
        signed = SignedItemReset.from_bytes(document.read_bytes())
    except OSError as error:
        raise UsageError(f"{document}: {error.strerror}") from None
    with _connected(url, token) as decryptor:
        answer: dict[str, Any] = json.loads(decryptor.post("/v1/item-resets", signed))
    return answer


def fetch_enrolment(
    url: str, token: Path, region: str, window: str, months: list[str], period: int, out: Path
) -> dict[str, Any]:
    """How many meters the half has keys for; the enrolment goes to `out`."""
    try:
        asked = EnrolmentRequest(
            region=RegionId(region), key_id=period, window=parse_window(window), months=tuple(sorted(set(months)))
        )
    except ValidationError as error:
        raise UsageError(first_fault(error)) from None
    with _connected(url, token) as half:
        envelope = Envelope.parse(half.post("/v1/enrolments", asked))
    write_private(out, envelope.to_bytes())
    enrolment = Enrolment.from_bytes(envelope.body)
    return {"role": enrolment.role, "meters": len(enrolment.boxes), "enrolment": str(out)}


def _connected(url: str, token: Path) -> RoleClient:
    return RoleClient(url, read_private(token).decode().strip())
