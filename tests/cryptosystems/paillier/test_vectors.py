"""The package against the vectors: what an independent slow program computed from the same inputs."""

from typing import Any

import numpy as np
import pytest
from gmpy2 import mpz

from tests.cryptosystems.paillier.vectors import label, layout, load, names, parameters_of, secret
from tests.vectors.regenerate_paillier import rendered, vectors
from wattseal.cryptosystems.errors import ParameterError, VerificationFailed
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.pads.keystream import uniform_below
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.decryptor import CrtDecryption, PaillierDecryptor
from wattseal.cryptosystems.paillier.encryptor import PaillierEncryptor
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.secret import Secret


def test_the_files_are_what_the_script_writes() -> None:
    written = {name: rendered(content) for name, content in vectors()}
    assert written == {name: rendered(load(name)) for name in names("")}


def test_keys(size: str, key: SecretKey) -> None:
    vector = load(f"key_{size}")
    assert key.to_bytes().hex() == vector["secret"]
    assert key.public.to_bytes().hex() == vector["public"]
    assert key.public == PublicKey.from_bytes(parameters_of(size), bytes.fromhex(vector["public"]))
    assert (key.public.modulus_id.hex(), key.public.parameters.suite) == (vector["modulus_id"], vector["suite"])


def test_layouts(size: str) -> None:
    vector = load(f"layout_{size}")
    assert (layout(size).layout_id.hex(), layout(size).check_bits) == (vector["layout_id"], vector["check_bits"])


def test_reports(size: str, key: SecretKey, encryptor: PaillierEncryptor, monkeypatch: pytest.MonkeyPatch) -> None:
    vector = load(f"report_{size}")
    reports = vector["reports"]
    exponents = iter([bytes.fromhex(report["exponent"]) for report in reports])
    monkeypatch.setattr("wattseal.cryptosystems.paillier.encryptor.urandom", lambda count: next(exponents))
    check_key = secret(vector["check_key"])
    sealed = encryptor.encrypt(
        np.array([report["reads"] for report in reports]),
        [label(report["label"]) for report in reports],
        [MeterKeys(secret(report["pad_key"]), secret(report["tag_key"]), check_key) for report in reports],
    )
    assert [ciphertext.hex() for ciphertext in sealed] == [report["ciphertext"] for report in reports]
    assert PaillierEvaluator(key.public, layout(size)).malformed(sealed) == []


def test_reports_open_to_the_packed_reads_plus_the_pad(size: str, key: SecretKey) -> None:
    for report in load(f"report_{size}")["reports"]:
        pad = uniform_below(secret(report["pad_key"]), label(report["label"]).encode(Use.PAD), key.public.n)
        opened = CrtDecryption(key)(mpz(int.from_bytes(bytes.fromhex(report["ciphertext"]), "little")))
        assert (opened - pad) % key.public.n == int(report["packed"], 16)


def test_totals(size: str, key: SecretKey) -> None:
    vector = load(f"total_{size}")
    total = PaillierDecryptor(key, layout(size)).open_total(*opening(vector))
    assert list(total.reads) == vector["reads"]
    assert list(total.buckets) == vector["buckets"]
    assert total.members == len(vector["labels"])


@pytest.mark.parametrize("name", names("total_bad_"))
def test_bad_totals_are_refused_alike(name: str, small_key: SecretKey) -> None:
    decryptor = PaillierDecryptor(small_key, layout("insecure_1024"))
    with pytest.raises(VerificationFailed) as refusal:
        decryptor.open_total(*opening(load(name)))
    assert (str(refusal.value), refusal.value.args) == ("verification failed", ())


@pytest.mark.parametrize("name", names("total_bad_ciphertext_"))
def test_bad_ciphertexts_stay_at_the_door(name: str, small_key: SecretKey) -> None:
    honest = bytes.fromhex(load("total_insecure_1024")["ciphertext"])
    bad = bytes.fromhex(load(name)["ciphertext"])
    assert PaillierEvaluator(small_key.public, layout("insecure_1024")).malformed([honest, bad, honest]) == [1]


KEY_DEFECTS = {
    "base_of_another_key": "does not belong",
    "base_one": "between 1 and n",
    "base_opens_to_another_plaintext": "does not belong",
    "composite_factor": "not prime",
    "descending_primes": "must ascend",
    "equal_primes": "must ascend",
    "long": "wrong length",
    "prime_1_mod_4": "3 mod 4",
    "primes_minus_one_share_a_factor": "gcd",
    "short": "wrong length",
    "short_prime": "512 bits each",
}


@pytest.mark.parametrize("name", names("key_bad_"))
def test_bad_keys(name: str) -> None:
    vector = load(name)
    with pytest.raises(ParameterError, match=KEY_DEFECTS[name.removeprefix("key_bad_")]):
        SecretKey.from_bytes(parameters_of("insecure_1024"), bytes.fromhex(vector["secret"]))


def opening(vector: dict[str, Any]) -> tuple[bytes, bytes, list[Label], list[Secret], Secret]:
    return (
        bytes.fromhex(vector["ciphertext"]),
        bytes.fromhex(vector["pad_sum"]),
        [label(fields) for fields in vector["labels"]],
        [secret(text) for text in vector["tag_keys"]],
        secret(vector["check_key"]),
    )
