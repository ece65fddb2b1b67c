"""Which arithmetic a key, a layout and the operator's backend come to, and what they cannot come to."""

import sys

import pytest

from tests.cryptosystems.paillier.vectors import secret_key
from wattseal.aggregator.schemes import check_backend, check_notice, evaluator_of
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator
from wattseal.cryptosystems.ckks.residues import byte_count
from wattseal.cryptosystems.masking.evaluator import MaskingEvaluator
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.reference.evaluator import ReferenceEvaluator
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS, LAYOUTS_BY_ID, WIDE_LAYOUTS
from wattseal.protocol.errors import MalformedMessage, UnknownSubject, UsageError
from wattseal.protocol.ids import Suite, Window
from wattseal.protocol.keys import KeyNotice

MASKING = KeyNotice(key_id=1, suite=Suite.MASKING, public_key=b"", first_window=Window(0), last_window=Window(9))
PAILLIER = MASKING.model_copy(
    update={"suite": int(Suite.PAILLIER_3072), "public_key": secret_key("3072").public.to_bytes()}
)
CKKS = MASKING.model_copy(update={"suite": int(Suite.CKKS)})
QUARTER_HOURS = DEFAULT_LAYOUTS[15].layout_id


@pytest.mark.parametrize(
    ("notice", "backend", "kind"),
    [
        (PAILLIER, Backend.OURS, PaillierEvaluator),
        (PAILLIER, Backend.REFERENCE, ReferenceEvaluator),
        (CKKS, Backend.OURS, CkksEvaluator),
        (CKKS, Backend.REFERENCE, CkksEvaluator),
        (MASKING, Backend.OURS, MaskingEvaluator),
    ],
    ids=["ours", "reference", "ckks", "ckks opened by SEAL", "masking"],
)
def test_the_notice_and_the_operator_choose(notice: KeyNotice, backend: Backend, kind: type) -> None:
    check_notice(notice, backend)
    assert type(evaluator_of(notice, QUARTER_HOURS, backend)) is kind


@pytest.mark.parametrize("backend", Backend)
def test_the_door_expects_the_layouts_own_length(backend: Backend) -> None:
    expected = {layout.layout_id: 768 for layout in LAYOUTS_BY_ID.values()} | {WIDE_LAYOUTS[15].layout_id: 2 * 768}
    one = (2).to_bytes(768, "little")
    for layout_id, size in expected.items():
        evaluator = evaluator_of(PAILLIER, layout_id, backend)
        assert evaluator.malformed([one, one * 2, one * 3]) == [i for i in range(3) if (i + 1) * 768 != size]


def test_ckks_takes_days_of_every_layout() -> None:
    for layout_id, layout in LAYOUTS_BY_ID.items():
        ciphertext = bytes(byte_count(layout.slots + 8))
        assert evaluator_of(CKKS, layout_id, Backend.OURS).malformed([ciphertext, ciphertext + b"\0"]) == [1]


def test_masking_has_no_reference() -> None:
    expected = "--backend reference: only Paillier and CKKS have a reference backend, suite 3"
    with pytest.raises(UsageError, match=expected):
        check_notice(MASKING, Backend.REFERENCE)


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phe.paillier", None)
    check_backend(Backend.OURS, Suite.PAILLIER_3072)
    with pytest.raises(UsageError, match=r"--backend reference: .* install the extra, wattseal\[reference\]"):
        check_backend(Backend.REFERENCE, Suite.PAILLIER_3072)
    monkeypatch.setitem(sys.modules, "tenseal", None)
    with pytest.raises(UsageError, match=r"--backend reference: .* TenSEAL: install the extra, wattseal\[reference\]"):
        check_backend(Backend.REFERENCE, Suite.CKKS)


def test_unknown_layouts_and_those_that_a_suite_cannot_hold() -> None:
    with pytest.raises(UnknownSubject, match="is not known here"):
        evaluator_of(PAILLIER, bytes(8), Backend.OURS)
    with pytest.raises(UnknownSubject, match="suite 3 has no layout"):
        evaluator_of(MASKING, WIDE_LAYOUTS[15].layout_id, Backend.OURS)


def test_notices_that_no_scheme_can_use() -> None:
    for keyless in (CKKS, MASKING):
        with pytest.raises(MalformedMessage, match=f"suite {keyless.suite} has no public key"):
            check_notice(keyless.model_copy(update={"public_key": b"key"}), Backend.OURS)
    with pytest.raises(MalformedMessage, match="wrong length"):
        check_notice(PAILLIER.model_copy(update={"public_key": b"key"}), Backend.OURS)
    with pytest.raises(UnknownSubject, match="suite 77"):
        check_notice(PAILLIER.model_copy(update={"suite": 77}), Backend.OURS)
