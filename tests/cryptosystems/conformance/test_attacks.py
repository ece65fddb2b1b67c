"""What no scheme opens: anything but the sum of exactly the stated reports, whoever lies."""

from collections.abc import Callable

import pytest

from tests.cryptosystems.conformance.schemes import METERS, Cohort, random_keys, sealed_cohort
from wattseal.cryptosystems.errors import VerificationFailed

EVERYONE = range(METERS)


def total_of(cohort: Cohort) -> bytes:
    return cohort.scheme.evaluator.sum_many(cohort.sealed)


def add(cohort: Cohort, slot: int, amount: int) -> bytes:
    return cohort.scheme.attacker.add_to_slot(total_of(cohort), slot, amount)


def add_twice(cohort: Cohort, changes: dict[int, int]) -> bytes:
    ciphertext = total_of(cohort)
    for slot, amount in changes.items():
        ciphertext = cohort.scheme.attacker.add_to_slot(ciphertext, slot, amount)
    return ciphertext


def linear(cohort: Cohort, coefficients: list[int]) -> bytes:
    return cohort.scheme.evaluator.linear(cohort.sealed[: len(coefficients)], coefficients)


def count_slot(cohort: Cohort) -> int:
    return cohort.scheme.layout.intervals


def highest_bucket(cohort: Cohort) -> int:
    return cohort.scheme.layout.slots - 1


def moved_to_bucket_zero(cohort: Cohort) -> bytes:
    return add_twice(cohort, {count_slot(cohort) + 1: 1, highest_bucket(cohort): -1})


def wrapped_buckets(cohort: Cohort) -> bytes:
    """Threat 34: two bucket slots lifted by half their range, so that their sum comes out right modulo it."""
    half = 1 << cohort.scheme.layout.headroom_bits
    return add_twice(cohort, {count_slot(cohort) + 1: half, count_slot(cohort) + 2: half})


AGGREGATOR: dict[str, Callable[[Cohort], bytes]] = {
    "one meter as the total": lambda c: c.sealed[3],
    "one meter added three more times": lambda c: linear(c, [1, 1, 1, 4] + [1] * (METERS - 4)),
    "one meter shifted by a slot": lambda c: c.scheme.evaluator.add(
        total_of(c), c.scheme.attacker.shift_slots(c.sealed[3])
    ),
    "the total shifted by a slot": lambda c: c.scheme.attacker.shift_slots(total_of(c)),
    "weights 1000^i": lambda c: linear(c, [1000**i for i in range(10)]),
    "huge weights": lambda c: linear(c, [1 << 400] * METERS),
    "a meter left out": lambda c: c.scheme.evaluator.sum_many(c.sealed[1:]),
    "a meter counted twice": lambda c: c.scheme.evaluator.sum_many([*c.sealed, c.sealed[0]]),
    "a meter counted twice in place of another": lambda c: linear(c, [2, 0] + [1] * (METERS - 2)),
    "a meter subtracted": lambda c: linear(c, [-1] + [1] * (METERS - 1)),
    "5 Wh added to the first interval": lambda c: add(c, 0, 5),
    "5 Wh moved to the next interval": lambda c: add_twice(c, {0: -5, 1: 5}),
    "one more counted": lambda c: add(c, count_slot(c), 1),
    "one moved to a lower bucket": moved_to_bucket_zero,
    "buckets wrapped around": wrapped_buckets,
    "the check value raised": lambda c: add(c, highest_bucket(c) + 1, 1),
    "a slot below zero": lambda c: add(c, 0, -(1 << 60)),
}


@pytest.mark.parametrize("attack", AGGREGATOR.values(), ids=AGGREGATOR)
def test_the_aggregator_alone(cohort: Cohort, attack: Callable[[Cohort], bytes]) -> None:
    with pytest.raises(VerificationFailed):
        cohort.open(attack(cohort))


@pytest.mark.parametrize("stated", [[3], [3, 4], range(1, METERS)], ids=["one", "two", "all but one"])
def test_the_total_under_another_statement(cohort: Cohort, stated: list[int]) -> None:
    with pytest.raises(VerificationFailed):
        cohort.open(total_of(cohort), stated)


def test_duplicate_members(cohort: Cohort) -> None:
    """Their ciphertexts, pads and tags all agree: only that a meter is stated twice gives it away."""
    twice = cohort.scheme.evaluator.sum_many([cohort.sealed[0], cohort.sealed[0]])
    with pytest.raises(VerificationFailed):
        cohort.open(twice, [0, 0])


def test_nobody(cohort: Cohort) -> None:
    with pytest.raises(VerificationFailed):
        cohort.open(total_of(cohort), [])


def test_a_report_of_another_window(cohort: Cohort, tomorrow: Cohort) -> None:
    mixed = cohort.scheme.evaluator.sum_many([*cohort.sealed[:-1], tomorrow.sealed[-1]])
    for ciphertext in (mixed, total_of(tomorrow)):
        with pytest.raises(VerificationFailed):
            cohort.open(ciphertext)


def test_a_report_under_another_number(cohort: Cohort) -> None:
    edited = cohort.scheme.encryptor.encrypt(cohort.reads[:1], [cohort.scheme.label(0, number=1)], cohort.keys[:1])
    with pytest.raises(VerificationFailed):
        cohort.open(cohort.scheme.evaluator.sum_many([*edited, *cohort.sealed[1:]]))


def test_a_report_under_other_keys(cohort: Cohort) -> None:
    stranger = sealed_cohort(cohort.scheme)
    with pytest.raises(VerificationFailed):
        cohort.open(cohort.scheme.evaluator.sum_many([stranger.sealed[0], *cohort.sealed[1:]]))
    with pytest.raises(VerificationFailed):
        stranger.open(total_of(cohort))


@pytest.mark.parametrize("half", ["tag_keys", "check_key"])
def test_a_decryptor_without_the_meters_keys(cohort: Cohort, half: str) -> None:
    others = random_keys(METERS)
    tag_keys = [key.tag_key for key in (others if half == "tag_keys" else cohort.keys)]
    check_key = others[0].check_key if half == "check_key" else cohort.check_key
    with pytest.raises(VerificationFailed):
        cohort.scheme.decryptor.open_total(total_of(cohort), cohort.pads(EVERYONE), cohort.labels, tag_keys, check_key)


def test_a_rerandomized_report_is_the_same_report(cohort: Cohort) -> None:
    other_bytes = cohort.scheme.attacker.rerandomize(cohort.sealed[0])
    total = cohort.scheme.evaluator.sum_many([other_bytes, *cohort.sealed[1:]])
    assert cohort.open(total) == cohort.expected(EVERYONE)


@pytest.mark.parametrize("stated", [EVERYONE, [3]], ids=["all", "one"])
def test_pad_zero(cohort: Cohort, stated: list[int]) -> None:
    zero = bytes(len(cohort.pads(EVERYONE)))
    with pytest.raises(VerificationFailed):
        cohort.open(cohort.scheme.evaluator.sum_many([cohort.sealed[m] for m in stated]), stated, pads=zero)


def test_pads_of_others(cohort: Cohort, tomorrow: Cohort) -> None:
    for pads in (cohort.pads(range(1, METERS)), cohort.pads([0]), tomorrow.pads(EVERYONE)):
        with pytest.raises(VerificationFailed):
            cohort.open(total_of(cohort), pads=pads)


@pytest.mark.parametrize("pads", [b"", b"\0", b"\xff" * 10_000])
def test_pads_that_are_no_pads(cohort: Cohort, pads: bytes) -> None:
    with pytest.raises(VerificationFailed):
        cohort.open(total_of(cohort), pads=pads)


def combined_pads(cohort: Cohort, coefficients: list[int]) -> bytes:
    members = [m for m, times in enumerate(coefficients) for _ in range(times)]
    return cohort.pads(members)


@pytest.mark.parametrize(
    "coefficients",
    [[0, 0, 0, METERS], [2, 0] + [1] * (METERS - 2), [2] + [1] * (METERS - 1), [METERS]],
    ids=["40 x one meter", "one in place of another", "one twice", "40 x a vacant home"],
)
def test_aggregator_and_unblinder_together(cohort: Cohort, coefficients: list[int]) -> None:
    """The pads match the ciphertext, count and buckets may too: the tags of the stated members do not."""
    with pytest.raises(VerificationFailed):
        cohort.open(linear(cohort, coefficients), pads=combined_pads(cohort, coefficients))


def test_aggregator_and_unblinder_add_a_constant(cohort: Cohort) -> None:
    for slot in range(cohort.scheme.layout.slots + 1):
        with pytest.raises(VerificationFailed):
            cohort.open(add(cohort, slot, 1))


def test_every_refusal_says_the_same(cohort: Cohort) -> None:
    answers = set()
    for attack in AGGREGATOR.values():
        with pytest.raises(VerificationFailed) as refusal:
            cohort.open(attack(cohort))
        answers.add((str(refusal.value), repr(refusal.value), refusal.value.__cause__, refusal.value.__context__))
    assert answers == {("verification failed", "VerificationFailed()", None, None)}
