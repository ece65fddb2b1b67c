"""An independent implementation agrees: SEAL adds our reports, and opens reports, totals and bills as ours does."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cryptosystems.ckks.household import CYCLE, DELIVERED, QUARTERS, RECEIVED, Household, month
from tests.cryptosystems.conformance.schemes import METERS, seal, sealed_cohort
from tests.kernels import naive_ring
from wattseal.cryptosystems.ckks.bill_decryptor import Unmasking
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator, bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS, PRIMES
from wattseal.cryptosystems.ckks.polynomials import public_polynomial, secret_polynomial
from wattseal.cryptosystems.ckks.reference import library
from wattseal.cryptosystems.ckks.reference.bill_decryptor import SealBillDecryptor
from wattseal.cryptosystems.ckks.reference.seal import seal_of
from wattseal.cryptosystems.ckks.residues import (
    from_bytes,
    number_from_bytes,
    number_of,
    number_to_bytes,
    to_bytes,
)
from wattseal.cryptosystems.ckks.streams import pads
from wattseal.cryptosystems.errors import BackendError, VerificationFailed
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS

SEAL = seal_of(CKKS_4096)
HOME = Household()
SECRET = secret_polynomial(CKKS_4096, HOME.secret_key, HOME.label()).astype(np.float64)
CHANNELS = (DELIVERED, RECEIVED)
MONTHS = dict(zip(CHANNELS, (month(1)[0], month(2)[0]), strict=True))
THEIRS = SealBillDecryptor(CKKS_4096, HOME.secret_key, HOME.label(), CYCLE)


def unblinded(channel: int) -> NDArray[np.uint64]:
    """The residues of a sealed month without its pads: all that SEAL knows of."""
    label = HOME.label(channel)
    sealed = from_bytes(HOME.seal(MONTHS[channel], label), QUARTERS).astype(np.int64)
    rest = sealed - pads(HOME.pad_key, label, QUARTERS).astype(np.int64)
    residues: NDArray[np.uint64] = (rest % np.array(PRIMES)[:, np.newaxis]).astype(np.uint64)
    return residues


def loaded(channel: int, of: int) -> Any:  # noqa: ANN401
    return SEAL.ciphertext(unblinded(channel), public_polynomial(CKKS_4096, HOME.label(of)))


def opened(ciphertext: Any) -> tuple[list[int], int]:  # noqa: ANN401
    """Of the coefficients in use: the nearest multiples of the scale, and the largest error."""
    scale, pairs = HOME.scale, SEAL.open(ciphertext, SECRET)[:, :QUARTERS].T.tolist()
    numbers = [naive_ring.centered(number_of(*pair), MODULUS) for pair in pairs]
    reads = [(number + scale // 2) // scale for number in numbers]
    return reads, max(abs(number - scale * read) for number, read in zip(numbers, reads, strict=True))


@pytest.mark.parametrize("channel", CHANNELS)
def test_seal_opens_our_reports(channel: int) -> None:
    reads, largest_error = opened(loaded(channel, channel))
    assert reads == MONTHS[channel].tolist()
    assert largest_error <= 21


def test_seal_adds_our_reports() -> None:
    """Two channels of a cycle have one scale; their sum is what our evaluator adds up."""
    total = SEAL.api.Ciphertext()
    SEAL.api.Evaluator(SEAL.context).add_many([loaded(channel, channel) for channel in CHANNELS], total)
    reads, largest_error = opened(total)
    assert reads == (MONTHS[DELIVERED] + MONTHS[RECEIVED]).tolist()
    assert largest_error <= 42
    ours = CkksEvaluator(QUARTERS).sum_many([to_bytes(unblinded(channel)) for channel in CHANNELS])
    words = total.dyn_array()
    first_polynomial = SEAL.coefficients([words.at(i) for i in range(2 * CKKS_4096.degree)])
    assert first_polynomial[:, :QUARTERS].tolist() == from_bytes(ours, QUARTERS).tolist()


def test_seal_opens_nothing_under_another_a() -> None:
    reads, largest_error = opened(loaded(DELIVERED, RECEIVED))
    assert reads != MONTHS[DELIVERED].tolist()
    assert largest_error > 1 << 60


def test_totals_under_several_numbers() -> None:
    """Each number has an a of its own, and a decryption; the conformance suite has the rest."""
    scheme = seal(CKKS_4096, DEFAULT_LAYOUTS[60])
    cohort = sealed_cohort(scheme)
    labels = [label._replace(number=member % 3) for member, label in enumerate(cohort.labels)]
    edited = replace(cohort, labels=labels, sealed=scheme.encryptor.encrypt(cohort.reads, labels, cohort.keys))
    assert edited.open(scheme.evaluator.sum_many(edited.sealed)) == cohort.expected(range(METERS))
    with pytest.raises(VerificationFailed):
        edited.open(scheme.evaluator.sum_many([*edited.sealed[:-1], cohort.sealed[1]]))


@pytest.mark.parametrize("added", [0, 1, -1, 1 << 24, 1 << 28, 1 << 63, 1 << 104, MODULUS // 2])
def test_bills_and_refusals_are_ours(added: int) -> None:
    """A net bill of both channels, with something added that its errors may be or may not."""
    prices = month(1)[1]
    functional, labels = Functional.of(prices, -prices), [HOME.label(channel) for channel in CHANNELS]
    reports = [HOME.seal(MONTHS[channel], label) for channel, label in zip(CHANNELS, labels, strict=True)]
    [honest] = map(number_from_bytes, bill_sums(reports, [functional]))
    bill = (number_to_bytes(honest + added), HOME.pads(functional, labels))
    unmasking = Unmasking.of(CKKS_4096, labels, functional)
    if added <= 1 << 24:
        expected = int((MONTHS[DELIVERED] - MONTHS[RECEIVED]) @ prices)
        assert THEIRS.open_bill(*bill, unmasking) == HOME.decryptor.open_bill(*bill, unmasking) == expected
    else:
        for decryptor in (THEIRS, HOME.decryptor):
            with pytest.raises(VerificationFailed):
                decryptor.open_bill(*bill, unmasking)


@pytest.mark.parametrize("malformed", [b"", bytes(13), b"\xff" * 14])
def test_malformed_numbers_are_refused(malformed: bytes) -> None:
    functional = Functional.of(month(1)[1])
    unmasking = Unmasking.of(CKKS_4096, [HOME.label()], functional)
    with pytest.raises(VerificationFailed):
        THEIRS.open_bill(malformed, HOME.pads(functional, [HOME.label()]), unmasking)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    library.require_library()
    with monkeypatch.context() as elsewhere:
        elsewhere.delattr("os.memfd_create")
        with pytest.raises(BackendError, match="files in memory, which only Linux has"):
            library.library()
    monkeypatch.setitem(sys.modules, "tenseal", None)
    with pytest.raises(BackendError, match=r"TenSEAL: install the extra, wattseal\[reference\]"):
        library.library()
