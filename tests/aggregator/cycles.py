"""A region whose meters send cycle reports: rosters, keys and tariffs, and ciphertexts of any content.

Whether bills come out right is for the tests that hold keys; here a ciphertext is random residues.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from nacl.signing import SigningKey

from tests.policy.rosters import REGION, TRUST, countersigned, digest, operator, published, roster, row
from wattseal.cryptosystems.ckks.parameters import PRIMES
from wattseal.cryptosystems.ckks.residues import to_bytes
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.registry import Registry
from wattseal.protocol.ids import Channel, Kind, MeterId, Suite, Window
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.report import Header, seal_report
from wattseal.protocol.roster import Roster, RosterRow
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.registers import Program
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.tariff.toml_file import packaged
from wattseal.protocol.time import MINUTES_PER_DAY, parse_window

ZONE = "America/Los_Angeles"
MAY = Cycle(date(2026, 5, 1), date(2026, 5, 31), ZONE)
START, END = MAY.minutes
INTERVALS = (END - START) // 15
LAST_DAY = Window((END - 1) // MINUTES_PER_DAY)
FIRST = parse_window("2026-04-01")
LAYOUT = DEFAULT_LAYOUTS[15].layout_id
BASIC, OTHER = packaged("E-1"), packaged("E-TOU-D")
KEY = KeyNotice(key_id=7, suite=3, public_key=b"", first_window=FIRST, last_window=Window(FIRST + 120))


def home(meter: str, **changes: Any) -> RosterRow:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "cohort": "town",
        "tariff": BASIC.name,
        "identity_key": bytes(identity(meter).verify_key),
    }
    return row(meter, **{**fields, **changes})


def identity(meter: str) -> SigningKey:
    return SigningKey(digest(f"identity of {meter}"))


def region(*rows: RosterRow, effective: int = FIRST, **changes: Any) -> Roster:  # noqa: ANN401 - any field's value
    """Without rows: m0 to m5, one tariff."""
    homes = rows or tuple(home(f"m{number}") for number in range(6))
    return roster(homes, effective=effective, **{"suite": Suite.MASKING, "layout_id": LAYOUT, **changes})


def registry(
    directory: Path,
    rosters: Sequence[Roster] = (),
    tariffs: Sequence[Tariff] = (BASIC, OTHER),
    notices: Sequence[KeyNotice] = (KEY,),
) -> Registry:
    directory.mkdir(exist_ok=True)
    opened = Registry(directory, TRUST, lambda: 0.0, replay=True, least_change=2, check_key=lambda _: None)
    for each in rosters or (region(),):
        opened.install_roster(countersigned(each))
    for notice in notices:
        opened.install_key(published(notice))
    for tariff in tariffs:
        signed = SignedTariff.issue(tariff, operator("utility"))
        for signer in ("aggregator_operator", "unblinder_operator"):
            signed = signed.countersigned(signer, operator(signer))
        opened.install_tariff(signed)
    return opened


def residues(count: int, seed: int = 0) -> bytes:
    """A ciphertext of so many coefficients."""
    rng = np.random.default_rng(seed)
    return to_bytes(np.array([rng.integers(0, prime, count, dtype=np.uint64) for prime in PRIMES]))


def header(**changes: Any) -> Header:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "suite": Suite.CKKS,
        "kind": Kind.CYCLE,
        "channel": Channel.DELIVERED,
        "key_id": KEY.key_id,
        "layout_id": LAYOUT,
        "region": REGION,
        "meter": MeterId("m0"),
        "start": START,
        "end": END,
        "number": 0,
    }
    return Header(**{**fields, **changes})


def cycle_report(ciphertext: bytes | None = None, **changes: Any) -> bytes:  # noqa: ANN401 - any field's value
    """By default of m0 and all of May; signed by the meter of its header."""
    told = header(**changes)
    count = max(1, (told.end - told.start) // 15)
    return seal_report(told, residues(count) if ciphertext is None else ciphertext, identity(told.meter))


def register_report(
    program: Program,
    ciphertext: bytes | None = None,
    **changes: Any,  # noqa: ANN401 - any field's value
) -> bytes:
    """By default of m0, as read at the end of May."""
    told = header(**{"kind": Kind.REGISTER, "layout_id": program.layout_id, "channel": program.channel, **changes})
    sealed = residues(program.coefficients) if ciphertext is None else ciphertext
    return seal_report(told, sealed, identity(told.meter))
