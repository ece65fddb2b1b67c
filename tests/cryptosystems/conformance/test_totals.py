"""What every scheme owes the honest: exact totals of whoever reported."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.cryptosystems.conformance.schemes import METERS, Cohort, random_keys
from wattseal.cryptosystems.errors import CiphertextError, ParameterError, PlaintextError, VerificationFailed
from wattseal.cryptosystems.secret import Secret


@pytest.mark.parametrize(
    "members",
    [range(METERS), range(5, METERS), [0], [1], [METERS - 1, 3, 17]],
    ids=["all", "five missing", "only zeros", "only the largest", "any order"],
)
def test_totals_are_exact(cohort: Cohort, members: range | list[int]) -> None:
    total = cohort.scheme.evaluator.sum_many([cohort.sealed[m] for m in members])
    assert cohort.open(total, members) == cohort.expected(members)


def test_the_order_of_members_and_ciphertexts_does_not_matter(cohort: Cohort) -> None:
    evaluator, backwards = cohort.scheme.evaluator, list(reversed(range(METERS)))
    forwards = evaluator.sum_many(cohort.sealed)
    assert evaluator.sum_many(cohort.sealed[::-1]) == forwards
    assert cohort.pads(backwards) == cohort.pads(range(METERS))
    assert cohort.open(forwards, backwards) == cohort.expected(range(METERS))


def test_adding_one_by_one_is_the_sum(cohort: Cohort) -> None:
    evaluator = cohort.scheme.evaluator
    total = cohort.sealed[0]
    for ciphertext in cohort.sealed[1:]:
        total = evaluator.add(total, ciphertext)
    assert total == evaluator.sum_many(cohort.sealed)


def test_linear_with_ones_is_the_sum(cohort: Cohort) -> None:
    evaluator = cohort.scheme.evaluator
    assert evaluator.linear(cohort.sealed, [1] * METERS) == evaluator.sum_many(cohort.sealed)


def test_linear_takes_back_what_it_added(cohort: Cohort) -> None:
    evaluator, (a, b, *_) = cohort.scheme.evaluator, cohort.sealed
    assert evaluator.add(evaluator.linear([a, b], [3, -2]), evaluator.linear([a, b], [-2, 3])) == evaluator.add(a, b)


def test_the_largest_group_fits(cohort: Cohort) -> None:
    """Every meter at the limit, as many as the headroom holds where that is few enough to encrypt here."""
    layout, scheme = cohort.scheme.layout, cohort.scheme
    meters = min(layout.largest_group, 64)
    reads = np.full((meters, layout.intervals), layout.largest_read)
    labels, keys = [scheme.label(m, 2880) for m in range(meters)], random_keys(meters)
    full = Cohort(scheme, reads, labels, keys, scheme.encryptor.encrypt(reads, labels, keys))
    assert full.open(scheme.evaluator.sum_many(full.sealed)) == full.expected(range(meters))


def test_sealing_again_gives_the_same_plaintext(cohort: Cohort) -> None:
    again = cohort.scheme.encryptor.encrypt(cohort.reads, cohort.labels, cohort.keys)
    assert cohort.open(cohort.scheme.evaluator.sum_many(again)) == cohort.expected(range(METERS))


def test_honest_ciphertexts_pass_the_door(cohort: Cohort) -> None:
    assert cohort.scheme.evaluator.malformed(cohort.sealed) == []
    assert cohort.scheme.evaluator.malformed([]) == []


@pytest.mark.parametrize(
    "change", [lambda c: c[:-1], lambda c: c + b"\0", lambda c: b""], ids=["short", "long", "empty"]
)
def test_wrong_lengths_stay_at_the_door_and_are_never_added(cohort: Cohort, change: Callable[[bytes], bytes]) -> None:
    evaluator, bad = cohort.scheme.evaluator, change(cohort.sealed[1])
    assert evaluator.malformed([cohort.sealed[0], bad]) == [1]
    with pytest.raises(CiphertextError, match="ciphertext 1"):
        evaluator.sum_many([cohort.sealed[0], bad])
    with pytest.raises(VerificationFailed):
        cohort.open(bad, [1])


def test_nothing_is_no_sum(cohort: Cohort) -> None:
    with pytest.raises(CiphertextError, match="no ciphertexts"):
        cohort.scheme.evaluator.sum_many([])
    with pytest.raises(CiphertextError, match="no ciphertexts"):
        cohort.scheme.evaluator.linear([], [])


def test_counts_that_do_not_match_are_the_callers_mistake(cohort: Cohort) -> None:
    scheme, (label, other, *_), (key, *_) = cohort.scheme, cohort.labels, cohort.keys
    with pytest.raises(ParameterError, match="1 meters, 2 labels and 1 keys"):
        scheme.encryptor.encrypt(cohort.reads[:1], [label, other], [key])
    with pytest.raises(ParameterError, match="2 labels and 1 pad keys"):
        scheme.unblinder.pad_sum([label, other], [key.pad_key])
    with pytest.raises(ParameterError, match="2 labels and 1 tag keys"):
        scheme.decryptor.open_total(cohort.sealed[0], cohort.pads([0]), [label, other], [key.tag_key], key.check_key)
    with pytest.raises(ParameterError, match="1 ciphertexts and 2 coefficients"):
        scheme.evaluator.linear(cohort.sealed[:1], [1, 2])


@pytest.mark.parametrize(("value", "fault"), [(-1, "is negative"), (1 << 40, "exceeds")])
def test_a_read_out_of_range_is_named_but_not_told(cohort: Cohort, value: int, fault: str) -> None:
    reads = cohort.reads[:3].copy()
    reads[2, 1] = value
    with pytest.raises(PlaintextError, match=f"meter 2 in interval 1 {fault}") as error:
        cohort.scheme.encryptor.encrypt(reads, cohort.labels[:3], cohort.keys[:3])
    assert str(value) not in str(error.value)


def test_the_largest_read_is_the_last_that_fits(cohort: Cohort) -> None:
    reads = np.full((1, cohort.scheme.layout.intervals), cohort.scheme.layout.largest_read + 1)
    with pytest.raises(PlaintextError, match="meter 0 in interval 0"):
        cohort.scheme.encryptor.encrypt(reads, cohort.labels[:1], cohort.keys[:1])


def test_a_day_of_another_length_is_refused(cohort: Cohort) -> None:
    with pytest.raises(PlaintextError, match="shape"):
        cohort.scheme.encryptor.encrypt(cohort.reads[:1, 1:], cohort.labels[:1], cohort.keys[:1])


def test_floats_are_refused(cohort: Cohort) -> None:
    with pytest.raises(PlaintextError, match="int64"):
        cohort.scheme.encryptor.encrypt(cohort.reads[:1].astype(np.float64), cohort.labels[:1], cohort.keys[:1])


def test_labels_of_another_suite_or_modulus_are_refused(cohort: Cohort) -> None:
    scheme = cohort.scheme
    for change in ({"suite": scheme.suite + 1}, {"modulus_id": bytes(16)}):
        label = cohort.labels[0]._replace(**change)
        with pytest.raises(ParameterError, match="another suite or modulus"):
            scheme.encryptor.encrypt(cohort.reads[:1], [label], cohort.keys[:1])
        with pytest.raises(ParameterError, match="another suite or modulus"):
            scheme.unblinder.pad_sum([label], [cohort.keys[0].pad_key])


def test_no_meters_give_no_ciphertexts(cohort: Cohort) -> None:
    assert cohort.scheme.encryptor.encrypt(cohort.reads[:0], [], []) == []


@pytest.mark.parametrize("size", [0, 31, 33])
@pytest.mark.parametrize("weak", ["pad_key", "tag_key", "check_key"])
def test_keys_of_a_wrong_length_are_refused(cohort: Cohort, weak: str, size: int) -> None:
    keys = replace(cohort.keys[0], **{weak: Secret(bytes(size))})
    with pytest.raises(ParameterError, match=f"32 bytes, not {size}"):
        cohort.scheme.encryptor.encrypt(cohort.reads[:1], cohort.labels[:1], [keys])
