"""Reports of several ciphertexts: each chunk is bound to its meter, its place and its statement like a report of one.

The conformance suite opens chunked totals and alters their first chunks; here are the attacks that need two.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from gmpy2 import mpz

from tests.cryptosystems.conformance.schemes import Cohort, PaillierAttacker, key_of, paillier, random_keys, reference
from tests.kernels.naive import bucket_of
from wattseal.cryptosystems.errors import CiphertextError, VerificationFailed
from wattseal.cryptosystems.pads.keystream import uniform_below
from wattseal.cryptosystems.pads.label import Use
from wattseal.cryptosystems.paillier.checks import member_tag, slot_weights
from wattseal.cryptosystems.paillier.decryptor import CrtDecryption
from wattseal.cryptosystems.slots.layout import Chunk
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS

SIZE, SLOTS = "insecure_1024", DEFAULT_LAYOUTS[15]
KEY = key_of(SIZE)
CIPHERTEXT_BYTES, PLAINTEXT_BYTES = KEY.public.parameters.ciphertext_bytes, KEY.public.parameters.plaintext_bytes
CHUNKS = SLOTS.chunks(KEY.public.parameters.modulus_bits)
METERS = 6
EVERYONE = range(METERS)


@pytest.fixture(scope="module", params=[paillier, reference], ids=["ours", "reference"])
def cohort(request: pytest.FixtureRequest) -> Cohort:
    scheme = request.param(SIZE, SLOTS)
    reads = np.random.default_rng(5).integers(0, SLOTS.largest_read + 1, (METERS, SLOTS.intervals))
    labels, keys = [scheme.label(meter) for meter in EVERYONE], random_keys(METERS)
    return Cohort(scheme, reads, labels, keys, scheme.encryptor.encrypt(reads, labels, keys))


def pieces(encoded: bytes) -> list[bytes]:
    size = len(encoded) // len(CHUNKS)
    return [encoded[at : at + size] for at in range(0, len(encoded), size)]


def total_of(cohort: Cohort, sealed: Sequence[bytes] | None = None) -> bytes:
    return cohort.scheme.evaluator.sum_many(cohort.sealed if sealed is None else sealed)


def test_lengths_follow_from_layout_and_key(cohort: Cohort) -> None:
    assert len(CHUNKS) == 5
    assert {len(sealed) for sealed in (*cohort.sealed, total_of(cohort))} == {5 * CIPHERTEXT_BYTES}
    assert len(cohort.pads(EVERYONE)) == 5 * PLAINTEXT_BYTES


def test_every_chunk_is_what_the_parameters_page_says(cohort: Cohort) -> None:
    """Over again in Python integers: reads, count, buckets in the first, check value with its own weights and tag."""
    label, keys, reads, n = cohort.labels[0], cohort.keys[0], cohort.reads[0].tolist(), KEY.public.n
    bucket = bucket_of(sum(reads), SLOTS.bucket_edges)
    shares = [reads[:19], reads[19:38], reads[38:57], reads[57:76], reads[76:]]
    for chunk, (sealed, share) in enumerate(zip(pieces(cohort.sealed[0]), shares, strict=True)):
        buckets = [int(place == bucket) for place in range(16)] if chunk == 0 else []
        values, widths = [*share, 1, *buckets], [28] * len(share) + [15] * (1 + len(buckets))
        weights = slot_weights(keys.check_key, label, len(values), chunk)
        check = sum(w * v for w, v in zip(weights, values, strict=True)) + member_tag(keys.tag_key, label, chunk)
        packed = sum(value << sum(widths[:slot]) for slot, value in enumerate((*values, check)))
        pad = uniform_below(keys.pad_key, label.encode(Use.PAD, chunk), n)
        assert CrtDecryption(KEY)(mpz(int.from_bytes(sealed, "little"))) == (packed + pad) % n


def test_chunks_have_pads_tags_and_weights_of_their_own(cohort: Cohort) -> None:
    label, keys = cohort.labels[0], cohort.keys[0]
    numbers = range(len(CHUNKS))
    assert len(set(pieces(cohort.pads([0])))) == len(CHUNKS)
    assert len({member_tag(keys.tag_key, label, chunk) for chunk in numbers}) == len(CHUNKS)
    assert len({tuple(slot_weights(keys.check_key, label, 20, chunk)) for chunk in numbers}) == len(CHUNKS)


def swapped(cohort: Cohort) -> bytes:
    first, second, *others = pieces(cohort.sealed[0])
    return total_of(cohort, [b"".join((second, first, *others)), *cohort.sealed[1:]])


def all_swapped(cohort: Cohort) -> bytes:
    first, second, *others = pieces(total_of(cohort))
    return b"".join((second, first, *others))


def of_another_meter(cohort: Cohort) -> bytes:
    """Each chunk counts six meters, one of them twice, another not at all."""
    mixed = b"".join((pieces(cohort.sealed[1])[0], *pieces(cohort.sealed[0])[1:]))
    return total_of(cohort, [mixed, *cohort.sealed[1:]])


def first_repeated(cohort: Cohort) -> bytes:
    return pieces(total_of(cohort))[0] * len(CHUNKS)


def other_members_in(chunk: int) -> Callable[[Cohort], bytes]:
    """That chunk adds up all but the last meter, the others everybody."""

    def attack(cohort: Cohort) -> bytes:
        some, everybody = pieces(total_of(cohort, cohort.sealed[:-1])), pieces(total_of(cohort))
        return b"".join((*everybody[:chunk], some[chunk], *everybody[chunk + 1 :]))

    return attack


def one_meter_scaled_in_the_last(cohort: Cohort) -> bytes:
    """Six times one meter: its count is right."""
    scaled = cohort.scheme.evaluator.linear(cohort.sealed[:1], [METERS])
    return b"".join((*pieces(total_of(cohort))[:-1], pieces(scaled)[-1]))


def of_another_window(cohort: Cohort) -> bytes:
    labels = [cohort.scheme.label(meter, start=1440) for meter in EVERYONE]
    tomorrow = cohort.scheme.encryptor.encrypt(cohort.reads, labels, cohort.keys)
    return b"".join((*pieces(total_of(cohort))[:-1], pieces(total_of(cohort, tomorrow))[-1]))


ATTACKS: dict[str, Callable[[Cohort], bytes]] = {
    "two chunks of one report swapped": swapped,
    "two chunks of the total swapped": all_swapped,
    "a chunk of another meter": of_another_meter,
    "the first chunk over and over": first_repeated,
    "other members in the first chunk": other_members_in(0),
    "other members in a middle chunk": other_members_in(2),
    "other members in the last chunk": other_members_in(4),
    "one meter scaled in the last chunk": one_meter_scaled_in_the_last,
    "the last chunk of another window": of_another_window,
    "the last chunk missing": lambda c: total_of(c)[:-CIPHERTEXT_BYTES],
    "a chunk too many": lambda c: total_of(c) + total_of(c)[-CIPHERTEXT_BYTES:],
    "the first chunk alone": lambda c: pieces(total_of(c))[0],
    "the last chunk cut short": lambda c: total_of(c)[:-1],
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_aggregator_alone(cohort: Cohort, attack: Callable[[Cohort], bytes]) -> None:
    assert cohort.open(total_of(cohort)) == cohort.expected(EVERYONE)
    with pytest.raises(VerificationFailed):
        cohort.open(attack(cohort))


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: f"chunk {chunk.number}")
def test_a_constant_added_to_any_slot_of_any_chunk(cohort: Cohort, chunk: Chunk) -> None:
    attacker = cohort.scheme.attacker
    assert isinstance(attacker, PaillierAttacker)
    for slot in range(chunk.slots + 1):
        with pytest.raises(VerificationFailed):
            cohort.open(attacker.add_to_chunk(total_of(cohort), chunk, slot, 1))


def forged(cohort: Cohort, chunk: Chunk, slot: int, amount: int) -> bytes:
    """As by the aggregator with a corrupt meter, which knows the weights: the check value is right."""
    attacker = cohort.scheme.attacker
    assert isinstance(attacker, PaillierAttacker)
    weights = slot_weights(cohort.check_key, cohort.labels[0], chunk.slots, chunk.number)
    total = attacker.add_to_chunk(total_of(cohort), chunk, slot, amount)
    return attacker.add_to_chunk(total, chunk, chunk.slots, weights[slot] * amount)


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: f"chunk {chunk.number}")
def test_ranges_and_counts_hold_in_every_chunk(cohort: Cohort, chunk: Chunk) -> None:
    """A read in range is not promised to be true; one beyond what all meters can have is refused, and so is a count."""
    truth = cohort.expected(EVERYONE)
    sum_of_first = truth.reads[chunk.first]
    reads = cohort.open(forged(cohort, chunk, 0, -sum_of_first)).reads
    assert reads == (*truth.reads[: chunk.first], 0, *truth.reads[chunk.first + 1 :])
    beyond = METERS * SLOTS.largest_read + 1 - sum_of_first
    assert cohort.open(forged(cohort, chunk, 0, beyond - 1)).members == METERS
    for slot, amount in ((0, beyond), (chunk.reads, 1), (chunk.reads, -1)):
        with pytest.raises(VerificationFailed):
            cohort.open(forged(cohort, chunk, slot, amount))


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: f"chunk {chunk.number}")
def test_no_bit_above_the_check_slot_of_any_chunk(cohort: Cohort, chunk: Chunk) -> None:
    attacker = cohort.scheme.attacker
    assert isinstance(attacker, PaillierAttacker)
    with pytest.raises(VerificationFailed):
        cohort.open(attacker.add_to_chunk(total_of(cohort), chunk, chunk.slots, 1 << SLOTS.check_bits))


@pytest.mark.parametrize("number", range(len(CHUNKS)))
def test_aggregator_and_unblinder_exchange_one_chunk_of_one_meter(cohort: Cohort, number: int) -> None:
    """Pads that match: what is left to refuse it are the tags, of that chunk."""
    ours, theirs = pieces(total_of(cohort, cohort.sealed[:-1])), pieces(total_of(cohort, cohort.sealed[1:]))
    pads, other_pads = pieces(cohort.pads(EVERYONE[:-1])), pieces(cohort.pads(EVERYONE[1:]))
    ours[number], pads[number] = theirs[number], other_pads[number]
    with pytest.raises(VerificationFailed):
        cohort.open(b"".join(ours), EVERYONE[:-1], pads=b"".join(pads))


def test_aggregator_and_unblinder_swap_chunks(cohort: Cohort) -> None:
    """Of equally many reads and without buckets: counts and ranges are right, weights and tags are not."""
    assert CHUNKS[1].widths == CHUNKS[2].widths
    total, pads = pieces(total_of(cohort)), pieces(cohort.pads(EVERYONE))
    for parts in (total, pads):
        parts[1], parts[2] = parts[2], parts[1]
    with pytest.raises(VerificationFailed):
        cohort.open(b"".join(total), pads=b"".join(pads))


@pytest.mark.parametrize("change", [lambda p: p[:-1], lambda p: p + b"\0", lambda p: p[:PLAINTEXT_BYTES]])
def test_pads_of_another_number_of_chunks(cohort: Cohort, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(VerificationFailed):
        cohort.open(total_of(cohort), pads=change(cohort.pads(EVERYONE)))


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: f"chunk {chunk.number}")
def test_a_pad_is_reduced_in_every_chunk(cohort: Cohort, chunk: Chunk) -> None:
    """A total without its pad opens with 0, and not with n."""
    attacker, pads = cohort.scheme.attacker, pieces(cohort.pads(EVERYONE))
    assert isinstance(attacker, PaillierAttacker)
    bare = attacker.add_to_chunk(total_of(cohort), chunk, 0, -int.from_bytes(pads[chunk.number], "little"))
    pads[chunk.number] = bytes(PLAINTEXT_BYTES)
    assert cohort.open(bare, pads=b"".join(pads)) == cohort.expected(EVERYONE)
    pads[chunk.number] = KEY.public.n.to_bytes(PLAINTEXT_BYTES, "little")
    with pytest.raises(VerificationFailed):
        cohort.open(bare, pads=b"".join(pads))


@pytest.mark.parametrize("number", range(len(CHUNKS)))
@pytest.mark.parametrize("bad", [0, KEY.public.n, KEY.public.n**2 + 1, int(KEY.p)], ids=["0", "n", "n^2 + 1", "p"])
def test_the_door_looks_at_every_chunk(cohort: Cohort, number: int, bad: int) -> None:
    parts = pieces(cohort.sealed[1])
    parts[number] = bad.to_bytes(CIPHERTEXT_BYTES, "little")
    unfit = b"".join(parts)
    assert cohort.scheme.evaluator.malformed([cohort.sealed[0], unfit, cohort.sealed[2]]) == [1]
    with pytest.raises(VerificationFailed):
        cohort.open(unfit, [1])


def test_the_door_knows_the_number_of_chunks(cohort: Cohort) -> None:
    evaluator, (one, other, *_) = cohort.scheme.evaluator, cohort.sealed
    wrong = [one[:CIPHERTEXT_BYTES], one + other[:CIPHERTEXT_BYTES], one[:-CIPHERTEXT_BYTES], one + other]
    assert evaluator.malformed([one, *wrong, other]) == [1, 2, 3, 4]
    for ciphertext in wrong:
        with pytest.raises(CiphertextError, match="ciphertext 1 has"):
            evaluator.sum_many([one, ciphertext])
