"""Threat B15: residues that are none, at the real door of an aggregator whose region is under CKKS."""

import os
from pathlib import Path

import numpy as np
import pytest
from nacl.signing import SigningKey

from tests.policy.rosters import REGION, TODAY, TRUST, countersigned, operator, roster, row
from wattseal.aggregator.door import Door, Reason
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.ckks.encoder import coefficient_count
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, PRIMES
from wattseal.cryptosystems.ckks.residues import byte_count, to_bytes
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.registry import Registry
from wattseal.protocol.ids import Channel, Kind, MeterId, Suite
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.report import Header, frame, seal_report
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import SECONDS_PER_DAY, window_minutes

LAYOUT = DEFAULT_LAYOUTS[15]
COEFFICIENTS = coefficient_count(CKKS_4096, LAYOUT)
IDENTITY = SigningKey(bytes(32))


@pytest.fixture
def door(tmp_path: Path) -> Door:
    clock = (TODAY + 2) * SECONDS_PER_DAY
    registry = Registry(tmp_path, TRUST, lambda: clock, replay=True, least_change=2, check_key=lambda _: None)
    meter = row("m0", "town", identity_key=bytes(IDENTITY.verify_key))
    proposed = roster([meter], layout_id=LAYOUT.layout_id, suite=int(Suite.CKKS))
    registry.install_roster(countersigned(proposed))
    notice = KeyNotice(key_id=1, suite=Suite.CKKS, public_key=b"", first_window=TODAY, last_window=TODAY)
    registry.install_key(Envelope.issue(notice, operator("decryptor")))
    return Door(registry, lambda: clock, horizon_days=None, backend=Backend.OURS)


def reported(ciphertext: bytes) -> bytes:
    """Well formed and properly signed, whatever it holds."""
    start, end = window_minutes(TODAY)
    header = Header(
        suite=Suite.CKKS,
        kind=Kind.DAILY,
        channel=Channel.DELIVERED,
        key_id=1,
        layout_id=LAYOUT.layout_id,
        region=REGION,
        meter=MeterId("m0"),
        start=start,
        end=end,
        number=0,
    )
    return seal_report(header, ciphertext, IDENTITY)


def some_residues() -> np.ndarray:
    generator = np.random.default_rng(1)
    return np.stack([generator.integers(0, prime, COEFFICIENTS, dtype=np.uint64) for prime in PRIMES])


GOOD = to_bytes(some_residues())


def with_residue(prime: int, place: int, value: int) -> bytes:
    residues = some_residues()
    residues[prime, place] = value
    return to_bytes(residues)


def test_residues_below_their_primes_enter(door: Door) -> None:
    for body in (GOOD, with_residue(0, 0, PRIMES[0] - 1), with_residue(1, COEFFICIENTS - 1, 0)):
        (found,) = door.admit(frame([reported(body)]))
        assert not isinstance(found, Reason)


@pytest.mark.parametrize(
    "ciphertext",
    [
        with_residue(0, 0, PRIMES[0]),
        with_residue(0, COEFFICIENTS - 1, (1 << 53) - 1),
        with_residue(1, 3, PRIMES[1]),
        GOOD[:-1],
        GOOD + b"\0",
        b"",
        GOOD[: byte_count(COEFFICIENTS - 1)],
        GOOD[:-1] + bytes([GOOD[-1] | 0x80]),
        b"\xff" * len(GOOD),
    ],
    ids=[
        "a prime",
        "all ones",
        "the second prime",
        "short",
        "long",
        "none",
        "a coefficient less",
        "a bit beyond",
        "ones",
    ],
)
def test_anything_else_is_no_ciphertext_and_harms_no_neighbor(door: Door, ciphertext: bytes) -> None:
    bad, good = door.admit(frame([reported(ciphertext), reported(GOOD)]))
    assert bad is Reason.CIPHERTEXT
    assert not isinstance(good, Reason)


def test_random_bytes(door: Door) -> None:
    """Of another length. With the right one they are residues as good as any, and only their total is refused."""
    lengths = [length for length in (1, 100, len(GOOD) - 1, len(GOOD) + 1, 2 * len(GOOD), 60_000) for _ in range(3)]
    bodies = [reported(os.urandom(length)) for length in lengths]
    assert door.admit(frame(bodies)) == [Reason.CIPHERTEXT] * len(bodies)


@pytest.mark.parametrize("cut", [1, 100, len(GOOD)])
def test_truncated_reports(door: Door, cut: int) -> None:
    assert door.admit(frame([reported(GOOD)[:-cut]])) == [Reason.MALFORMED]
