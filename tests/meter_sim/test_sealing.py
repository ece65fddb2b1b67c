"""Sealed by a pool of workers, whichever backend they have; and what is refused before a worker starts."""

import sys

import numpy as np
import pytest

from tests.cryptosystems.conformance.schemes import ckks
from tests.cryptosystems.paillier.vectors import secret_key
from tests.protocol.samples import header, signing_key
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.pads.label import Label, check_key_id
from wattseal.cryptosystems.paillier.decryptor import PaillierDecryptor
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.unblinder import PaillierUnblinder
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS, WIDE_LAYOUTS
from wattseal.meter_sim.sealing import Sealer, SealingKeys, Unsealed
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import MeterId, Suite, Window
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.report import decode_report

KEY = secret_key("3072")
NOTICE = KeyNotice(
    key_id=7,
    suite=Suite.PAILLIER_3072,
    public_key=KEY.public.to_bytes(),
    first_window=Window(0),
    last_window=Window(30_000),
)
MASKING = NOTICE.model_copy(update={"suite": int(Suite.MASKING), "public_key": b""})
CKKS = MASKING.model_copy(update={"suite": int(Suite.CKKS)})
METERS = 3
CHECK_KEY = Secret(b"c" * 32)


@pytest.mark.parametrize("backend", Backend)
@pytest.mark.parametrize("layout", [DEFAULT_LAYOUTS[15], WIDE_LAYOUTS[15]], ids=["default", "wide"])
def test_what_a_fleet_seals_opens(layout: SlotLayout, backend: Backend) -> None:
    reads = np.random.default_rng(3).integers(0, layout.largest_read + 1, (METERS, layout.intervals))
    headers = tuple(header(layout_id=layout.layout_id, meter=MeterId(f"m-{meter}")) for meter in range(METERS))
    keys = tuple(
        SealingKeys(bytes(signing_key(f"meter {meter}")), bytes([meter]) * 32, bytes([9, meter]) * 16, b"c" * 32)
        for meter in range(METERS)
    )
    sealer = Sealer(NOTICE, layout, backend)
    try:
        bodies = sealer.seal(Unsealed(reads, headers, keys))
    finally:
        sealer.close()
    reports = [decode_report(body) for body in bodies]
    assert [report.header for report in reports] == list(headers)
    labels = [
        Label(1, KEY.public.modulus_id, h.region, h.meter, 1, 1, h.start, h.end, 7, 0, check_key_id(CHECK_KEY))
        for h in headers
    ]
    total = PaillierDecryptor(KEY, layout).open_total(
        PaillierEvaluator(KEY.public, layout).sum_many([report.ciphertext for report in reports]),
        PaillierUnblinder(KEY.public, layout).pad_sum(labels, [Secret(key.pad_key) for key in keys]),
        labels,
        [Secret(key.tag_key) for key in keys],
        CHECK_KEY,
    )
    assert (total.reads, total.members) == (tuple(reads.sum(axis=0).tolist()), METERS)


def test_what_a_fleet_seals_under_ckks_opens_and_is_the_same_again() -> None:
    """Ours seals, whichever library opens; errors follow from the fleet's error key."""
    layout = DEFAULT_LAYOUTS[60]
    reads = np.random.default_rng(3).integers(0, layout.largest_read + 1, (METERS, layout.intervals))
    headers = tuple(
        header(suite=int(Suite.CKKS), layout_id=layout.layout_id, meter=MeterId(f"m-{meter}"))
        for meter in range(METERS)
    )
    keys = tuple(
        SealingKeys(bytes(signing_key(f"meter {meter}")), bytes([meter]) * 32, bytes([9, meter]) * 16, b"c" * 32)
        for meter in range(METERS)
    )
    how = ((Backend.OURS, b"e"), (Backend.REFERENCE, b"e"), (Backend.OURS, b"f"))
    sealed = [ciphertexts(CKKS, layout, Unsealed(reads, headers, keys), *choice) for choice in how]
    assert sealed[0] == sealed[1]
    assert all(ours != other for ours, other in zip(sealed[0], sealed[2], strict=True))
    scheme = ckks(CKKS_4096, layout)
    labels = [
        Label(2, scheme.modulus_id, h.region, h.meter, 1, 1, h.start, h.end, 7, 0, check_key_id(CHECK_KEY))
        for h in headers
    ]
    total = scheme.decryptor.open_total(
        scheme.evaluator.sum_many(sealed[0]),
        scheme.unblinder.pad_sum(labels, [Secret(key.pad_key) for key in keys]),
        labels,
        [Secret(key.tag_key) for key in keys],
        CHECK_KEY,
    )
    assert (total.reads, total.members) == (tuple(reads.sum(axis=0).tolist()), METERS)


def ciphertexts(
    notice: KeyNotice, layout: SlotLayout, unsealed: Unsealed, backend: Backend, error_key: bytes
) -> list[bytes]:
    sealer = Sealer(notice, layout, backend, error_key * 32)
    try:
        return [decode_report(body).ciphertext for body in sealer.seal(unsealed)]
    finally:
        sealer.close()


def test_ckks_needs_an_error_key_and_room() -> None:
    with pytest.raises(UsageError, match="suite 2 needs an error key of the fleet's own"):
        Sealer(CKKS, DEFAULT_LAYOUTS[15])
    with pytest.raises(UsageError, match="suite 2: layout: totals of 41 bits"):
        Sealer(CKKS, SlotLayout(96, 27, 14, (0, 100)), error_key=bytes(32))


def test_masking_has_no_reference() -> None:
    with pytest.raises(UsageError, match="--backend reference: only Paillier and CKKS have a reference backend"):
        Sealer(MASKING, DEFAULT_LAYOUTS[15], Backend.REFERENCE)


def test_masking_has_no_room_for_wide_layouts() -> None:
    with pytest.raises(UsageError, match="suite 3: layout: weighted sums of 65 bits do not fit"):
        Sealer(MASKING, WIDE_LAYOUTS[15])


def test_a_library_that_is_missing_is_named_before_a_worker_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phe.paillier", None)
    with pytest.raises(UsageError, match=r"--backend reference: .* wattseal\[reference\]"):
        Sealer(NOTICE, DEFAULT_LAYOUTS[15], Backend.REFERENCE)


def test_another_suite_is_refused() -> None:
    with pytest.raises(UsageError, match="suite 77 is not one that these meters can encrypt for"):
        Sealer(NOTICE.model_copy(update={"suite": 77}), DEFAULT_LAYOUTS[15])
