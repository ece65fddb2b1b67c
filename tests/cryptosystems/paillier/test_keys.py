"""Keys: generated ones have the properties that are checked, and none leaks by accident."""

import pickle

import gmpy2
import pytest

from tests.cryptosystems.paillier.vectors import secret_key
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.parameters import (
    INSECURE_2048,
    PAILLIER_3072,
    PaillierParameters,
    insecure_parameters,
)
from wattseal.cryptosystems.paillier.public import PublicKey


@pytest.mark.parametrize("parameters", [PAILLIER_3072, insecure_parameters(1024)], ids=repr)
def test_generated_keys(parameters: PaillierParameters) -> None:
    key = SecretKey.generate(parameters)
    n = key.p * key.q
    assert key.public.n == n
    assert n.bit_length() == parameters.modulus_bits
    assert key.p % 4 == key.q % 4 == 3
    assert gmpy2.gcd(key.p - 1, key.q - 1) == 2
    # -x^2 is no square, yet its Jacobi symbol is 1: nobody can tell it from a square.
    assert gmpy2.jacobi(key.public.h_s, n) == 1
    assert gmpy2.legendre(key.public.h_s, key.p) == gmpy2.legendre(key.public.h_s, key.q) == -1
    assert SecretKey.from_bytes(parameters, key.to_bytes()).to_bytes() == key.to_bytes()


def test_keys_differ() -> None:
    parameters = insecure_parameters(1024)
    assert SecretKey.generate(parameters).public != SecretKey.generate(parameters).public


def test_a_key_of_another_size_is_refused(small_key: SecretKey) -> None:
    for parameters in (PAILLIER_3072, INSECURE_2048):
        with pytest.raises(ParameterError, match="wrong length"):
            SecretKey.from_bytes(parameters, small_key.to_bytes())
        with pytest.raises(ParameterError, match="must ascend and have"):
            SecretKey(parameters, int(small_key.p), int(small_key.q), small_key.public.h_s)


def test_a_secret_key_is_neither_printed_nor_pickled(small_key: SecretKey) -> None:
    assert repr(small_key) == str(small_key) == "SecretKey(1024 bits, redacted)"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(small_key)


def test_public_keys_round_trip(key: SecretKey) -> None:
    public = key.public
    assert PublicKey.from_bytes(public.parameters, public.to_bytes()) == public
    assert pickle.loads(pickle.dumps(public)) == public  # noqa: S301 - our own bytes


def test_malformed_public_keys_are_refused(small_key: SecretKey) -> None:
    public, n = small_key.public, small_key.public.n
    parameters = public.parameters
    for encoded in (b"", public.to_bytes()[:-1], public.to_bytes() + b"\0"):
        with pytest.raises(ParameterError, match="wrong length"):
            PublicKey.from_bytes(parameters, encoded)
    for modulus in (n + 1, n >> 2, n << 2 | 1, 0, -n):
        with pytest.raises(ParameterError, match="must be odd and have 1024 bits"):
            PublicKey(parameters, modulus, public.h_s)
    for base in (0, 1, -1, n, n * 5, n * n, n * n + 1, int(small_key.p), int(small_key.q) * 7):
        with pytest.raises(ParameterError, match="between 1 and n"):
            PublicKey(parameters, n, base)


def test_modulus_ids_name_moduli() -> None:
    ids = {secret_key(size).public.modulus_id for size in ("insecure_1024", "3072")}
    assert {len(name) for name in ids} == {16}
    assert len(ids) == 2
