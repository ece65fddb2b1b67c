"""An independent implementation agrees: SEAL opens our reports with a meter's secret, and adds them."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cryptosystems.ckks.household import DELIVERED, QUARTERS, RECEIVED, Household, month
from tests.kernels import naive_ring
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS, PRIMES
from wattseal.cryptosystems.ckks.polynomials import public_polynomial, secret_polynomial
from wattseal.cryptosystems.ckks.residues import from_bytes, number_of, to_bytes
from wattseal.cryptosystems.ckks.streams import pads

if TYPE_CHECKING:
    from tests.cryptosystems.ckks.seal import Seal

seal_module = pytest.importorskip("tests.cryptosystems.ckks.seal", reason="TenSEAL is not installed")

HOME = Household()
CHANNELS = (DELIVERED, RECEIVED)
MONTHS = dict(zip(CHANNELS, (month(1)[0], month(2)[0]), strict=True))


@pytest.fixture(scope="module")
def seal(tmp_path_factory: pytest.TempPathFactory) -> "Seal":
    secret = secret_polynomial(CKKS_4096, HOME.secret_key, HOME.label())
    held: Seal = seal_module.Seal(tmp_path_factory.mktemp("seal"), secret)
    return held


def unblinded(channel: int) -> NDArray[np.uint64]:
    """The residues of a sealed month without its pads: all that SEAL knows of."""
    label = HOME.label(channel)
    sealed = from_bytes(HOME.seal(MONTHS[channel], label), QUARTERS).astype(np.int64)
    rest = sealed - pads(HOME.pad_key, label, QUARTERS).astype(np.int64)
    residues: NDArray[np.uint64] = (rest % np.array(PRIMES)[:, np.newaxis]).astype(np.uint64)
    return residues


def opened(coefficients: NDArray[np.uint64]) -> tuple[list[int], int]:
    """Of the coefficients in use: the nearest multiples of the scale, and the largest error."""
    scale, pairs = HOME.scale, coefficients[:, :QUARTERS].T.tolist()
    numbers = [naive_ring.centered(number_of(*pair), MODULUS) for pair in pairs]
    reads = [(number + scale // 2) // scale for number in numbers]
    return reads, max(abs(number - scale * read) for number, read in zip(numbers, reads, strict=True))


@pytest.mark.parametrize("channel", CHANNELS)
def test_seal_opens_our_reports(seal: "Seal", channel: int) -> None:
    a = public_polynomial(CKKS_4096, HOME.label(channel))
    reads, largest_error = opened(seal.open(seal.ciphertext(unblinded(channel), a)))
    assert reads == MONTHS[channel].tolist()
    assert largest_error <= 21


def test_seal_adds_our_reports(seal: "Seal") -> None:
    """Two channels of a cycle have one scale; their sum is what our evaluator adds up."""
    parts = [(unblinded(channel), public_polynomial(CKKS_4096, HOME.label(channel))) for channel in CHANNELS]
    total = seal.add(*(seal.ciphertext(*part) for part in parts))
    reads, largest_error = opened(seal.open(total))
    assert reads == (MONTHS[DELIVERED] + MONTHS[RECEIVED]).tolist()
    assert largest_error <= 42
    ours = CkksEvaluator(QUARTERS).sum_many([to_bytes(part) for part, _ in parts])
    assert seal.first_polynomial(total)[:, :QUARTERS].tolist() == from_bytes(ours, QUARTERS).tolist()


def test_seal_opens_nothing_under_another_a(seal: "Seal") -> None:
    a = public_polynomial(CKKS_4096, HOME.label(RECEIVED))
    reads, largest_error = opened(seal.open(seal.ciphertext(unblinded(DELIVERED), a)))
    assert reads != MONTHS[DELIVERED].tolist()
    assert largest_error > 1 << 60
