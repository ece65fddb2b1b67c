"""Rosters and key notices, signed by operators that the tests play."""

import hashlib
from collections.abc import Sequence
from typing import Any

from nacl.signing import SigningKey

from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionId, Suite, Window
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.roster import Roster, RosterRow, SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.trust import TrustAnchors

LAYOUT = b"layout-1"
REGION = RegionId("west")
TODAY = Window(20_000)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def operator(name: str) -> SigningKey:
    return SigningKey(digest(name))


ROLES = ("utility", "aggregator_operator", "unblinder_operator", "aggregator", "decryptor", "unblinder")
TRUST = TrustAnchors(**{name: operator(name).verify_key.encode() for name in ROLES})


def row(
    meter: str,
    cohort: str,
    channels: tuple[Channel, ...] = (Channel.DELIVERED,),
    **changes: Any,  # noqa: ANN401 - any field's value
) -> RosterRow:
    fields: dict[str, Any] = {
        "meter": MeterId(meter),
        "identity_key": digest(f"identity of {meter}"),
        "sealing_key": digest(f"sealing of {meter}"),
        "service_point": f"point of {meter}",
        "account": f"account of {meter}",
        "cohort": CohortId(cohort),
        "channels": channels,
        "installed": Window(0),
        "tenure_since": Window(0),
    }
    return RosterRow(**{**fields, **changes})


def rows_of(cohort: str, count: int, first: int = 0) -> list[RosterRow]:
    return [row(f"m{number:04}", cohort) for number in range(first, first + count)]


def roster(
    rows: Sequence[RosterRow],
    region: RegionId = REGION,
    effective: int = TODAY,
    layout_id: bytes = LAYOUT,
    **changes: Any,  # noqa: ANN401 - any field's value
) -> Roster:
    fields: dict[str, Any] = {
        "region": region,
        "effective": Window(effective),
        "interval_minutes": 15,
        "suite": Suite.PAILLIER_3072,
        "layout_id": layout_id,
        "rows": tuple(sorted(rows, key=lambda row: row.meter)),
    }
    return Roster(**{**fields, **changes})


def countersigned(proposed: Roster) -> SignedRoster:
    signed = SignedRoster.issue(proposed, operator("utility"))
    signed = signed.countersigned("aggregator_operator", operator("aggregator_operator"))
    return signed.countersigned("unblinder_operator", operator("unblinder_operator"))


def notice(first: int, last: int, key_id: int = 1, public_key: bytes = b"n") -> KeyNotice:
    return KeyNotice(
        key_id=key_id,
        suite=Suite.PAILLIER_3072,
        public_key=public_key,
        first_window=Window(first),
        last_window=Window(last),
    )


def published(content: KeyNotice) -> Envelope:
    return Envelope.issue(content, operator("decryptor"))
