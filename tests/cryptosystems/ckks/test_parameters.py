"""The sizes: their primes, what is refused as insecure, and the room that every opening relies on."""

import pytest

from tests.kernels import naive_ring
from wattseal.cryptosystems.ckks.functional import LARGEST_BOUND
from wattseal.cryptosystems.ckks.parameters import (
    CKKS_4096,
    MODULUS,
    MODULUS_ID,
    NUMBER_BYTES,
    PRIMES,
    VALUE_BITS,
    CkksParameters,
    insecure_parameters,
)
from wattseal.cryptosystems.errors import ParameterError

LARGEST_SCALE = (1 << 64) - 1


def test_the_primes_are_the_largest_that_split_the_ring() -> None:
    first = (1 << 53) - 8191
    found = [q for q in range(first, first - 60 * 8192, -8192) if naive_ring.is_prime(q)]
    assert tuple(found[:2]) == PRIMES == naive_ring.PRIMES
    assert MODULUS.bit_length() == 106
    assert int.from_bytes(MODULUS_ID, "big") == MODULUS < 1 << 8 * NUMBER_BYTES


def test_values_and_errors_never_leave_their_half_of_the_modulus() -> None:
    """So an honest value below 2^40 never wraps around."""
    assert LARGEST_SCALE << VALUE_BITS < MODULUS // 2 - LARGEST_BOUND


@pytest.mark.parametrize("degree", [1024, 2048])
def test_rings_too_small_for_the_modulus_are_refused(degree: int) -> None:
    with pytest.raises(ParameterError, match=f"106 bits is not secure at ring degree {degree}"):
        CkksParameters(degree)


@pytest.mark.parametrize("degree", [0, 64, 4095, 8192])
def test_other_rings_are_not_offered(degree: int) -> None:
    with pytest.raises(ParameterError, match="not offered"):
        CkksParameters(degree)


@pytest.mark.parametrize("degree", [0, 2, 24, 4096])
def test_insecure_rings_are_powers_of_two_below_the_secure_one(degree: int) -> None:
    with pytest.raises(ParameterError, match="not offered"):
        insecure_parameters(degree)


def test_an_insecure_ring_never_passes_for_the_secure_one() -> None:
    assert CkksParameters(4096) == CKKS_4096
    assert insecure_parameters(64) != CKKS_4096
    assert (CKKS_4096.suite, insecure_parameters(64).suite) == (2, 131)
