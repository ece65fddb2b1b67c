"""python-paillier opens and adds what we seal, and we open what it seals.

Raw integers are compared: its encoding of signed and floating numbers is its own.
"""

import pytest
from gmpy2 import mpz
from phe import paillier as phe

from tests.cryptosystems.paillier.vectors import label, layout, load, secret
from wattseal.cryptosystems.paillier.decryptor import CrtDecryption, PaillierDecryptor
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.unblinder import PaillierUnblinder


def number(ciphertext: bytes) -> int:
    return int.from_bytes(ciphertext, "little")


@pytest.fixture(scope="session")
def theirs(key: SecretKey) -> phe.PaillierPrivateKey:
    return phe.PaillierPrivateKey(phe.PaillierPublicKey(key.public.n), int(key.p), int(key.q))


def test_keys_exchange(key: SecretKey) -> None:
    public, private = phe.generate_paillier_keypair(n_length=key.public.parameters.modulus_bits)
    assert private.decrypt(public.encrypt(5)) == 5
    again = phe.PaillierPrivateKey.from_totient(phe.PaillierPublicKey(key.public.n), int((key.p - 1) * (key.q - 1)))
    assert {again.p, again.q} == {key.p, key.q}


def test_they_open_and_add_what_we_seal(size: str, key: SecretKey, theirs: phe.PaillierPrivateKey) -> None:
    reports = load(f"report_{size}")["reports"]
    ours = [number(bytes.fromhex(report["ciphertext"])) for report in reports]
    opened = [theirs.raw_decrypt(ciphertext) for ciphertext in ours]
    assert opened == [CrtDecryption(key)(mpz(ciphertext)) for ciphertext in ours]
    a, b = (phe.EncryptedNumber(theirs.public_key, ciphertext, exponent=0) for ciphertext in ours[:2])
    # Without obfuscation: it would re-randomize the sum.
    added = (a + b).ciphertext(be_secure=False)
    assert theirs.raw_decrypt(added) == (opened[0] + opened[1]) % key.public.n
    assert added == ours[0] * ours[1] % key.public.n**2


def test_we_open_what_they_seal(size: str, key: SecretKey, theirs: phe.PaillierPrivateKey) -> None:
    """They encrypt the blinded plaintexts of our vector; the total opens as if our meters had."""
    vector, slots = load(f"report_{size}"), layout(size)
    reports = vector["reports"]
    labels = [label(report["label"]) for report in reports]
    pad_sum = PaillierUnblinder(key.public, slots).pad_sum(labels, [secret(report["pad_key"]) for report in reports])
    packed = sum(int(report["packed"], 16) for report in reports)
    sealed = theirs.public_key.raw_encrypt((packed + number(pad_sum)) % key.public.n)
    total = PaillierDecryptor(key, slots).open_total(
        sealed.to_bytes(key.public.parameters.ciphertext_bytes, "little"),
        pad_sum,
        labels,
        [secret(report["tag_key"]) for report in reports],
        secret(vector["check_key"]),
    )
    assert total.reads == tuple(sum(column) for column in zip(*(r["reads"] for r in reports), strict=True))
    assert total.members == len(reports)
