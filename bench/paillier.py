"""Paillier at 3,072 bits: sealing, packing, adding and opening, each beside its peer."""

import secrets
from collections.abc import Iterator

import numpy as np
from gmpy2 import mpz
from phe import paillier as phe

from bench.timing import Comparison, Side, compare
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.paillier.decryptor import CrtDecryption, PaillierDecryptor
from wattseal.cryptosystems.paillier.encoder import SlotEncoder
from wattseal.cryptosystems.paillier.encryptor import PaillierEncryptor
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072
from wattseal.cryptosystems.paillier.unblinder import PaillierUnblinder
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS

LAYOUT = DEFAULT_LAYOUTS[15]
METERS, SEALED_A_ROUND = 1_000, 20
MEMBER_ALLOWANCE_S = 25e-6


def main() -> None:
    for comparison in comparisons():
        compare(comparison)


def comparisons() -> Iterator[Comparison]:
    secret_key = SecretKey.generate(PAILLIER_3072)
    public = secret_key.public
    reads = np.random.default_rng(1).integers(0, LAYOUT.largest_read + 1, (METERS, LAYOUT.intervals))
    labels = [Label(1, public.modulus_id, "north", f"meter-{m:06}", 1, 1, 0, 1440, 1, 0) for m in range(METERS)]
    check_key = random_secret()
    keys = [MeterKeys(random_secret(), random_secret(), check_key) for _ in range(METERS)]
    pad_keys, tag_keys = [key.pad_key for key in keys], [key.tag_key for key in keys]

    encryptor, encoder = PaillierEncryptor(public, LAYOUT), SlotEncoder(LAYOUT, public.parameters)
    some = (reads[:SEALED_A_ROUND], labels[:SEALED_A_ROUND], keys[:SEALED_A_ROUND])
    their_key = phe.PaillierPublicKey(public.n)
    yield Comparison(
        "seal a meter-day, a read / python-paillier, a number",
        ours=Side(lambda: encryptor.encrypt(*some), units=SEALED_A_ROUND * LAYOUT.intervals),
        peer=Side(lambda: their_key.raw_encrypt(12_345)),
        at_most=1 / 1000,
    )
    sealed = encryptor.encrypt(reads, labels, keys)
    yield Comparison(
        "encode a meter-day / seal it",
        ours=Side(lambda: encoder.encode(reads, labels, keys), units=METERS),
        peer=Side(lambda: encryptor.encrypt(*some), units=SEALED_A_ROUND),
        at_most=0.01,
    )

    evaluator, n_squared = PaillierEvaluator(public, LAYOUT), mpz(public.n) ** 2
    numbers = [mpz(int.from_bytes(ciphertext, "little")) for ciphertext in sealed]
    yield Comparison(
        "add a report / one product mod n^2",
        ours=Side(lambda: evaluator.sum_many(sealed), units=METERS),
        peer=Side(lambda: [number * numbers[0] % n_squared for number in numbers], units=METERS),
        at_most=1.3,
    )

    unblinder, decryptor = PaillierUnblinder(public, LAYOUT), PaillierDecryptor(secret_key, LAYOUT)
    total, decrypt = evaluator.sum_many(sealed), CrtDecryption(secret_key)
    yield Comparison(
        f"open {METERS:,} members, both halves / decryption + 25 us a member",
        ours=Side(
            lambda: decryptor.open_total(total, unblinder.pad_sum(labels, pad_keys), labels, tag_keys, check_key)
        ),
        peer=Side(lambda: decrypt(numbers[0]), allowance_s=METERS * MEMBER_ALLOWANCE_S),
        at_most=1.3,
    )


def random_secret() -> Secret:
    return Secret(secrets.token_bytes(32))


if __name__ == "__main__":
    main()
