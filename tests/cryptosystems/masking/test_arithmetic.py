"""The algebra of ciphertexts: words modulo 2^64, whatever they hold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.cryptosystems.conformance.schemes import masking, random_keys
from wattseal.cryptosystems.errors import PlaintextError
from wattseal.cryptosystems.masking.evaluator import MaskingEvaluator
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout

SLOTS = SlotLayout(3, 8, 4, (0, 100))
SIZES = MaskingParameters(SLOTS)
EVALUATOR = MaskingEvaluator(SIZES)
SCHEME = masking(SLOTS)

ciphertexts = st.binary(min_size=SIZES.ciphertext_bytes, max_size=SIZES.ciphertext_bytes)
coefficients = st.integers(-(1 << 70), 1 << 70)


def numbers(ciphertext: bytes) -> list[int]:
    return [int.from_bytes(ciphertext[at : at + 8], "little") for at in range(0, len(ciphertext), 8)]


@given(st.lists(st.tuples(ciphertexts, coefficients), min_size=1, max_size=5))
def test_linear(terms: list[tuple[bytes, int]]) -> None:
    words = [numbers(ciphertext) for ciphertext, _ in terms]
    result = EVALUATOR.linear([ciphertext for ciphertext, _ in terms], [times for _, times in terms])
    weighed = zip(*([times * word for word in row] for row, (_, times) in zip(words, terms, strict=True)), strict=True)
    assert numbers(result) == [sum(column) % (1 << 64) for column in weighed]


@given(ciphertexts, ciphertexts, ciphertexts)
def test_sums(a: bytes, b: bytes, c: bytes) -> None:
    total = EVALUATOR.sum_many([a, b, c])
    assert numbers(total) == [sum(column) % (1 << 64) for column in zip(*map(numbers, (a, b, c)), strict=True)]
    assert total == EVALUATOR.add(EVALUATOR.add(a, b), c) == EVALUATOR.add(a, EVALUATOR.add(c, b))
    assert EVALUATOR.malformed([a, total]) == []


days = st.lists(
    st.lists(st.integers(0, SLOTS.largest_read), min_size=3, max_size=3), min_size=1, max_size=SLOTS.largest_group
)


@settings(deadline=None)  # the first call compiles
@given(days)
def test_totals_of_any_reads(reads: list[list[int]]) -> None:
    labels, keys = [SCHEME.label(meter) for meter in range(len(reads))], random_keys(len(reads))
    sealed = SCHEME.encryptor.encrypt(np.array(reads, dtype=np.int64), labels, keys)
    pads = SCHEME.unblinder.pad_sum(labels, [key.pad_key for key in keys])
    tag_keys = [key.tag_key for key in keys]
    total = SCHEME.decryptor.open_total(EVALUATOR.sum_many(sealed), pads, labels, tag_keys, keys[0].check_key)
    assert list(total.reads) == [sum(column) for column in zip(*reads, strict=True)]
    assert list(total.buckets) == [
        sum(low < sum(day) <= high for day in reads) for low, high in ((-1, 0), (0, 100), (100, 10**6))
    ]


def one_day(reads: NDArray[np.int64]) -> bytes:
    labels, keys = [SCHEME.label(meter) for meter in range(len(reads))], random_keys(1) * len(reads)
    return SCHEME.encryptor.encrypt(reads, labels, keys)[0]


def test_the_same_content_gives_the_same_bytes() -> None:
    labels, keys = [SCHEME.label(0)], random_keys(1)
    first, again = (SCHEME.encryptor.encrypt(np.array([[1, 2, 3]]), labels, keys) for _ in range(2))
    assert first == again


def test_every_field_of_a_meter_changes_every_word() -> None:
    """Number, window, and each of its two keys: masks in common would give differences of reads away."""
    reads, label, keys = np.array([[1, 2, 3]]), SCHEME.label(0), random_keys(1)[0]
    other = Secret(bytes(32))
    variants = [
        (label, keys),
        (SCHEME.label(1), keys),
        (SCHEME.label(0, start=1440), keys),
        (SCHEME.label(0, number=1), keys),
        (label, replace(keys, pad_key=other)),
        (label, replace(keys, tag_key=other)),
        (label, replace(keys, pad_key=keys.tag_key, tag_key=keys.pad_key)),
    ]
    sealed = [SCHEME.encryptor.encrypt(reads, [name], [held])[0] for name, held in variants]
    assert all(len(set(column)) == len(variants) for column in zip(*map(numbers, sealed), strict=True))


def test_reads_of_any_strides_are_encoded_alike() -> None:
    labels, keys = [SCHEME.label(meter) for meter in range(2)], random_keys(2)
    reads = np.arange(6, dtype=np.int64).reshape(2, 3)
    strided = np.asfortranarray(reads)
    assert SCHEME.encryptor.encrypt(strided, labels, keys) == SCHEME.encryptor.encrypt(reads, labels, keys)


@pytest.mark.parametrize("lowest", [-1, -(1 << 63)])
def test_a_negative_read_is_not_taken_for_a_large_one(lowest: int) -> None:
    with pytest.raises(PlaintextError, match="meter 0 in interval 2 is negative"):
        one_day(np.array([[0, 0, lowest]]))


def test_meters_of_several_regions_share_a_call() -> None:
    """Weights go by region, window and check key, whatever the order of the meters."""
    base, keys = SCHEME.label(0), random_keys(1)[0]
    cases = [
        (base, keys),
        (base._replace(region="south"), keys),
        (SCHEME.label(0, start=1440), keys),
        (base, replace(keys, check_key=Secret(b"o" * 32))),
        (SCHEME.label(1), keys),
    ]
    labels, held = [label for label, _ in cases], [keys for _, keys in cases]
    sealed = SCHEME.encryptor.encrypt(np.array([[7, 8, 9]] * len(cases)), labels, held)
    for ciphertext, (label, own) in zip(sealed, cases, strict=True):
        pads = SCHEME.unblinder.pad_sum([label], [own.pad_key])
        total = SCHEME.decryptor.open_total(ciphertext, pads, [label], [own.tag_key], own.check_key)
        assert total.reads == (7, 8, 9)
