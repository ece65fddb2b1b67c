"""The backend on python-paillier: the same bytes as ours, both ways, at both sizes."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cryptosystems.conformance.schemes import paillier, random_keys, reference
from tests.cryptosystems.paillier.test_vectors import opening
from tests.cryptosystems.paillier.vectors import load, names, secret_key
from wattseal.cryptosystems.errors import BackendError, CiphertextError, ParameterError, VerificationFailed
from wattseal.cryptosystems.paillier.reference.decryptor import ReferenceDecryptor
from wattseal.cryptosystems.paillier.reference.encryptor import ReferenceEncryptor
from wattseal.cryptosystems.paillier.reference.evaluator import ReferenceEvaluator
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS

KEY = secret_key("insecure_1024")
OURS, THEIRS = paillier("insecure_1024"), reference("insecure_1024")
SEALED = [bytes.fromhex(report["ciphertext"]) for report in load("report_insecure_1024")["reports"]]
# python-paillier's own limit on what it multiplies by.
LIMIT = KEY.public.n // 3 - 1

coefficients = st.integers(-LIMIT, LIMIT) | st.integers(-5, 5)


@pytest.mark.parametrize("slots", [None, DEFAULT_LAYOUTS[15]], ids=["of the vectors", "15 minutes"])
@pytest.mark.parametrize(("ours_seals", "ours_adds"), [(True, False), (False, True), (False, False)])
def test_either_opens_what_either_sealed_and_added(
    size: str, slots: SlotLayout | None, ours_seals: bool, ours_adds: bool
) -> None:
    """Both ways; 15 minutes take five chunks at 1,024 bits."""
    ours, theirs = paillier(size, slots), reference(size, slots)
    reads = np.arange(2 * ours.layout.intervals, dtype=np.int64).reshape(2, -1)
    labels, keys = [ours.label(0), ours.label(1)], random_keys(2)
    sealed = (ours if ours_seals else theirs).encryptor.encrypt(reads, labels, keys)
    assert ours.evaluator.malformed(sealed) == []
    total = (ours if ours_adds else theirs).evaluator.sum_many(sealed)
    pads = ours.unblinder.pad_sum(labels, [key.pad_key for key in keys])
    for opening_side in (ours, theirs):
        tag_keys = [key.tag_key for key in keys]
        opened = opening_side.decryptor.open_total(total, pads, labels, tag_keys, keys[0].check_key)
        assert (opened.reads, opened.members) == (tuple(reads.sum(axis=0).tolist()), 2)


def test_sums_have_the_same_bytes(size: str) -> None:
    sealed = [bytes.fromhex(report["ciphertext"]) for report in load(f"report_{size}")["reports"]]
    ours, theirs = paillier(size).evaluator, reference(size).evaluator
    for some in (sealed[:1], sealed[:2], sealed, [*sealed, sealed[0]]):
        assert theirs.sum_many(some) == ours.sum_many(some)
    assert theirs.add(*sealed[:2]) == ours.add(*sealed[:2])


@settings(deadline=None)
@given(coefficients, coefficients, coefficients)
def test_linear_forms_have_the_same_bytes(a: int, b: int, c: int) -> None:
    assert THEIRS.evaluator.linear(SEALED, [a, b, c]) == OURS.evaluator.linear(SEALED, [a, b, c])


@pytest.mark.parametrize("coefficient", [LIMIT + 1, -LIMIT - 1])
def test_coefficients_that_it_cannot_take_are_named(coefficient: int) -> None:
    with pytest.raises(ParameterError, match="a third of the modulus"):
        THEIRS.evaluator.linear(SEALED[:1], [coefficient])


def test_a_ciphertext_without_inverse_is_refused() -> None:
    unfit = int(KEY.p).to_bytes(KEY.public.parameters.ciphertext_bytes, "little")
    with pytest.raises(CiphertextError, match="no inverse"):
        THEIRS.evaluator.linear([unfit], [-1])


def test_totals(size: str) -> None:
    vector = load(f"total_{size}")
    total = reference(size).decryptor.open_total(*opening(vector))
    assert (list(total.reads), list(total.buckets)) == (vector["reads"], vector["buckets"])


@pytest.mark.parametrize("name", names("total_bad_"))
def test_bad_totals_are_refused_alike(name: str) -> None:
    with pytest.raises(VerificationFailed):
        THEIRS.decryptor.open_total(*opening(load(name)))


@pytest.mark.parametrize("name", names("total_bad_ciphertext_"))
def test_bad_ciphertexts_stay_at_our_door(name: str) -> None:
    bad = bytes.fromhex(load(name)["ciphertext"])
    assert THEIRS.evaluator.malformed([SEALED[0], bad]) == [1]


@pytest.mark.parametrize("part", [ReferenceEncryptor, ReferenceEvaluator, ReferenceDecryptor])
def test_a_layout_that_does_not_fit_is_refused(part: type) -> None:
    with pytest.raises(ParameterError, match="do not fit a modulus of 1024 bits"):
        part(KEY if part is ReferenceDecryptor else KEY.public, SlotLayout(1, 31, 20, tuple(range(63))))


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phe.paillier", None)
    layout = OURS.layout
    for build in (
        lambda: ReferenceEncryptor(KEY.public, layout),
        lambda: ReferenceEvaluator(KEY.public, layout),
        lambda: ReferenceDecryptor(KEY, layout),
    ):
        with pytest.raises(BackendError, match=r"wattseal\[reference\]"):
            build()
