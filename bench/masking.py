"""Masking, 15 minutes: sealing, adding and opening, beside the reads in the clear and beside Paillier."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bench.timing import Comparison, Side, compare
from wattseal.cryptosystems.interface import Decryptor, MeterKeys, Unblinder
from wattseal.cryptosystems.masking.decryptor import MaskingDecryptor
from wattseal.cryptosystems.masking.encryptor import MaskingEncryptor
from wattseal.cryptosystems.masking.evaluator import MaskingEvaluator
from wattseal.cryptosystems.masking.parameters import MODULUS_ID, SUITE, MaskingParameters
from wattseal.cryptosystems.masking.unblinder import MaskingUnblinder
from wattseal.cryptosystems.pads.label import Label, check_key_id
from wattseal.cryptosystems.paillier.decryptor import PaillierDecryptor
from wattseal.cryptosystems.paillier.encryptor import PaillierEncryptor
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072
from wattseal.cryptosystems.paillier.unblinder import PaillierUnblinder
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS

LAYOUT = DEFAULT_LAYOUTS[15]
SIZES = MaskingParameters(LAYOUT)
METERS, SEALED_A_ROUND = 1_000, 20
READS = np.random.default_rng(1).integers(0, LAYOUT.largest_read + 1, (METERS, LAYOUT.intervals))
TARGET_S = 5e-6


def main() -> None:
    for comparison in comparisons():
        compare(comparison)


def comparisons() -> Iterator[Comparison]:
    check_key = random_secret()
    keys = [MeterKeys(random_secret(), random_secret(), check_key) for _ in range(METERS)]
    labels = labels_of(SUITE, MODULUS_ID, check_key)
    encryptor, evaluator = MaskingEncryptor(SIZES), MaskingEvaluator(SIZES)
    seal = Side(lambda: encryptor.encrypt(READS, labels, keys), units=METERS)
    yield Comparison("seal a meter-day / 5 us", seal, Side(lambda: None, METERS, METERS * TARGET_S), at_most=1)
    yield Comparison("seal a meter-day / its reads in the clear, 2 bytes each", seal, Side(clear, METERS), at_most=100)
    yield Comparison("seal a meter-day / two keystreams of hashlib's SHAKE-256", seal, Side(sponges, METERS), at_most=1)
    yield Comparison(
        "seal a meter-day / two keystreams of OpenSSL's AES-256-CTR", seal, Side(ciphers, METERS), at_most=1
    )

    secret_key = SecretKey.generate(PAILLIER_3072)
    public = secret_key.public
    paillier, named = PaillierEncryptor(public, LAYOUT), labels_of(PAILLIER_3072.suite, public.modulus_id, check_key)
    some = (READS[:SEALED_A_ROUND], named[:SEALED_A_ROUND], keys[:SEALED_A_ROUND])
    their_seal = Side(lambda: paillier.encrypt(*some), units=SEALED_A_ROUND)
    yield Comparison("seal a meter-day / by Paillier", seal, their_seal, at_most=1 / 100)

    sealed, theirs = encryptor.encrypt(READS, labels, keys), paillier.encrypt(READS, named, keys)
    their_evaluator = PaillierEvaluator(public, LAYOUT)
    yield Comparison(
        "add a report / by Paillier",
        Side(lambda: evaluator.sum_many(sealed), METERS),
        Side(lambda: their_evaluator.sum_many(theirs), METERS),
        at_most=1 / 20,
    )
    yield Comparison(
        f"open {METERS:,} members, both halves / by Paillier",
        opening(MaskingUnblinder(SIZES), MaskingDecryptor(SIZES), evaluator.sum_many(sealed), labels, keys),
        opening(
            PaillierUnblinder(public, LAYOUT),
            PaillierDecryptor(secret_key, LAYOUT),
            their_evaluator.sum_many(theirs),
            named,
            keys,
        ),
        at_most=1,
    )


def opening(
    unblinder: Unblinder, decryptor: Decryptor, total: bytes, labels: Sequence[Label], keys: Sequence[MeterKeys]
) -> Side:
    pad_keys, tag_keys = [key.pad_key for key in keys], [key.tag_key for key in keys]
    return Side(
        lambda: decryptor.open_total(total, unblinder.pad_sum(labels, pad_keys), labels, tag_keys, keys[0].check_key)
    )


def clear() -> list[bytes]:
    return [row.tobytes() for row in READS.astype("<u2")]


def sponges() -> None:
    for _ in range(2 * METERS):
        hashlib.shake_256(bytes(123)).digest(SIZES.ciphertext_bytes)


def ciphers() -> None:
    for _ in range(2 * METERS):
        encryptor = Cipher(algorithms.AES256(bytes(32)), modes.CTR(bytes(16))).encryptor()
        encryptor.update(bytes(SIZES.ciphertext_bytes))


def labels_of(suite: int, modulus_id: bytes, check_key: Secret) -> list[Label]:
    bound = check_key_id(check_key)
    return [Label(suite, modulus_id, "north", f"meter-{m:06}", 1, 1, 0, 1440, 1, 0, bound) for m in range(METERS)]


def random_secret() -> Secret:
    return Secret(secrets.token_bytes(32))


if __name__ == "__main__":
    main()
