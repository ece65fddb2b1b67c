"""Totals, beyond the conformance suite: report numbers, room, and one check key for all."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.cryptosystems.conformance.schemes import Cohort, Scheme, ckks, random_keys, sealed_cohort
from tests.kernels import naive_ring
from wattseal.cryptosystems.ckks.decryptor import CkksDecryptor
from wattseal.cryptosystems.ckks.encoder import coefficient_count
from wattseal.cryptosystems.ckks.encryptor import CkksEncryptor
from wattseal.cryptosystems.ckks.functional import noise_bound
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS, PRIMES, insecure_parameters
from wattseal.cryptosystems.ckks.polynomials import secret_polynomial, times_public, transformed
from wattseal.cryptosystems.ckks.residues import byte_count, from_bytes, number_of
from wattseal.cryptosystems.ckks.scales import total_scale
from wattseal.cryptosystems.errors import ParameterError, VerificationFailed
from wattseal.cryptosystems.pads.label import check_key_id
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS, LAYOUTS_BY_ID

RING = insecure_parameters(32)
LAYOUT = SlotLayout(4, 9, 6, (0, 100))
SCHEME = ckks(RING, LAYOUT)
MODULI = np.array(PRIMES, dtype=object)[:, np.newaxis]


def test_bytes_of_a_day() -> None:
    """96 reads, the count, 16 buckets and 8 zeros."""
    sizes = {minutes: byte_count(coefficient_count(CKKS_4096, own)) for minutes, own in DEFAULT_LAYOUTS.items()}
    assert sizes == {15: 1604, 30: 968, 60: 650, 1440: 345}


def test_every_offered_layout_fits() -> None:
    assert all(coefficient_count(CKKS_4096, layout) <= 4096 for layout in LAYOUTS_BY_ID.values())


def test_layouts_without_room_are_refused() -> None:
    with pytest.raises(ParameterError, match="16 coefficients do not fit a ring of degree 8"):
        CkksEncryptor(insecure_parameters(8), LAYOUT, Secret(bytes(32)))
    with pytest.raises(ParameterError, match="totals of 41 bits; use smaller groups or a larger unit"):
        CkksDecryptor(CKKS_4096, SlotLayout(96, 27, 14, (0, 100)))
    assert coefficient_count(CKKS_4096, SlotLayout(96, 26, 14, (0, 100))) == 108


@pytest.fixture
def cohort() -> Cohort:
    return sealed_cohort(SCHEME)


def test_members_under_different_numbers(cohort: Cohort) -> None:
    """One product with every a that occurs."""
    labels = [label._replace(number=member % 3) for member, label in enumerate(cohort.labels)]
    edited = replace(cohort, labels=labels, sealed=SCHEME.encryptor.encrypt(cohort.reads, labels, cohort.keys))
    everyone = range(len(labels))
    assert edited.open(SCHEME.evaluator.sum_many(edited.sealed)) == cohort.expected(everyone)
    for member in (1, 2):
        mixed = [*edited.sealed[:member], cohort.sealed[member], *edited.sealed[member + 1 :]]
        with pytest.raises(VerificationFailed):
            edited.open(SCHEME.evaluator.sum_many(mixed))


def with_added(ciphertext: bytes, amounts: dict[int, int]) -> bytes:
    rows = from_bytes(ciphertext, 16).astype(object)
    for coefficient, amount in amounts.items():
        rows[:, coefficient] += amount
    first, second = (rows % MODULI).tolist()
    return naive_ring.stream([*first, *second]).to_bytes(byte_count(16), "little")


def changed(coefficient: int, amount: Callable[[int], int]) -> Callable[[Cohort], bytes]:
    """By one who knows the scale, as a corrupt meter does."""

    def change(cohort: Cohort) -> bytes:
        scale = total_scale(cohort.check_key, cohort.labels[0])
        return with_added(SCHEME.evaluator.sum_many(cohort.sealed), {coefficient: amount(scale)})

    return change


BOUND = noise_bound(40)


@pytest.mark.parametrize(
    "change",
    [
        changed(0, lambda scale: 40 * 511 * scale),
        changed(0, lambda scale: -(1 << 40) * scale),
        changed(4, lambda scale: scale),
        changed(5, lambda scale: scale),
        changed(8, lambda scale: scale),
        changed(15, lambda scale: -scale),
        changed(0, lambda _: 2 * BOUND + 1),
        changed(15, lambda _: -2 * BOUND - 1),
        changed(2, lambda scale: scale // 2),
        changed(2, lambda _: MODULUS // 2),
    ],
    ids=[
        "a read above its range",
        "a read below zero",
        "the count",
        "a bucket",
        "a spare value",
        "the last spare value",
        "an error too large",
        "a spare error too large",
        "half a scale",
        "half the modulus",
    ],
)
def test_each_check_refuses_alone(cohort: Cohort, change: Callable[[Cohort], bytes]) -> None:
    """Everything else about the total is right."""
    assert cohort.open(SCHEME.evaluator.sum_many(cohort.sealed)) == cohort.expected(range(40))
    with pytest.raises(VerificationFailed):
        cohort.open(change(cohort))


def test_malformed_bytes_are_not_taken_for_zeros(cohort: Cohort) -> None:
    """With zeros in their place these would open."""
    evaluator, zeros = SCHEME.evaluator, bytes(byte_count(16))
    total, pads = evaluator.sum_many(cohort.sealed), cohort.pads(range(40))
    difference = evaluator.linear([total, pads], [1, -1])
    for ciphertext, pad_sum in ((difference, zeros), (zeros, evaluator.linear([difference], [-1]))):
        assert cohort.open(ciphertext, pads=pad_sum) == cohort.expected(range(40))
        with pytest.raises(VerificationFailed):
            cohort.open(ciphertext.replace(zeros, b""), pads=pad_sum.replace(zeros, b""))


def test_a_corrupt_meter_moves_its_own_bucket_but_none_below_zero(cohort: Cohort) -> None:
    """What the parameters page says is not prevented: in range and adding up, it opens."""
    scale, total = total_scale(cohort.check_key, cohort.labels[0]), SCHEME.evaluator.sum_many(cohort.sealed)
    expected = cohort.expected(range(40)).buckets
    opened = cohort.open(with_added(total, {5: scale, 6: -scale})).buckets
    assert [a - b for a, b in zip(opened, expected, strict=True)] == [1, -1, 0]
    with pytest.raises(VerificationFailed):
        cohort.open(with_added(total, {5: 40 * scale, 6: -40 * scale}))


def last_read(scheme: Scheme, *, bound: bool) -> list[int]:
    """Reads of the last meter that a decryptor finds to fit, which gave it, alone, another check key.

    `bound`: whether labels name the check key. The unblinder gives pads for the one id that the decryptor names.
    """
    keys = random_keys(3)
    keys[2] = replace(keys[2], check_key=Secret(b"o" * 32))
    ids = [check_key_id(key.check_key) if bound else b"" for key in keys]
    labels = [scheme.label(meter)._replace(check_key_id=own) for meter, own in enumerate(ids)]
    reads = np.array([[1, 2, 3, 4], [500, 6, 7, 8], [123, 0, 0, 0]])
    sealed = from_bytes(scheme.evaluator.sum_many(scheme.encryptor.encrypt(reads, labels, keys)), 15)
    stated = [label._replace(check_key_id=ids[0]) for label in labels]
    pads = from_bytes(scheme.unblinder.pad_sum(stated, [key.pad_key for key in keys]), 15)
    secret = sum(secret_polynomial(RING, key.tag_key, label) for key, label in zip(keys, labels, strict=True))
    mask = times_public(RING, labels[0], transformed(RING, np.asarray(secret, dtype=np.float64)))
    first, second = (int(sealed[row, 0]) - int(pads[row, 0]) + int(mask[row, 0]) for row in range(2))
    scales = [total_scale(key.check_key, label) for key, label in zip(keys[1:], labels[1:], strict=True)]
    rests = [naive_ring.centered(number_of(first, second) - read * scales[1], MODULUS) for read in range(512)]
    return [read for read, rest in enumerate(rests) if abs((rest + 100) % scales[0]) < 200 and 0 < rest < 1 << 80]


def test_another_check_key_for_one_meter_reads_it_unless_labels_name_the_key() -> None:
    scheme = ckks(RING, SlotLayout(4, 9, 6, (0,)))
    assert last_read(scheme, bound=False) == [123]
    assert last_read(scheme, bound=True) == []
