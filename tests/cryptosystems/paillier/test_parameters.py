"""Only one size passes for secure."""

import pickle

import pytest

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.paillier.parameters import (
    INSECURE_2048,
    PAILLIER_3072,
    PaillierParameters,
    insecure_parameters,
)


@pytest.mark.parametrize("bits", [0, 1024, 2048, 3071, 3073, 4096])
def test_other_sizes_are_refused(bits: int) -> None:
    with pytest.raises(ParameterError, match=f"3072 bits, not {bits}"):
        PaillierParameters(bits)


@pytest.mark.parametrize("bits", [0, 512, 1023, 1025, 1088, 4097, 8192])
def test_insecure_sizes_have_limits_too(bits: int) -> None:
    with pytest.raises(ParameterError, match=f"{bits} bits is not offered"):
        insecure_parameters(bits)


def test_sizes_follow_from_the_modulus() -> None:
    sizes = PAILLIER_3072
    assert (sizes.plaintext_bytes, sizes.ciphertext_bytes, sizes.exponent_bytes, sizes.limbs) == (384, 768, 192, 48)


def test_suites() -> None:
    assert [p.suite for p in (PAILLIER_3072, INSECURE_2048, insecure_parameters(1024))] == [1, 129, 130]


def test_an_insecure_size_never_equals_the_secure_one() -> None:
    assert insecure_parameters(3072) != PAILLIER_3072
    assert insecure_parameters(3072).suite != PAILLIER_3072.suite
    assert "Insecure" in repr(insecure_parameters(3072))


def test_parameters_travel_to_worker_processes() -> None:
    for parameters in (PAILLIER_3072, INSECURE_2048):
        assert pickle.loads(pickle.dumps(parameters)) == parameters  # noqa: S301 - our own bytes
