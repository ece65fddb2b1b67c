"""Bytes of ciphertexts and numbers: there and back, and nothing else accepted (threat 15)."""

import secrets

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels import naive_ring
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator, bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import MODULUS, PRIMES
from wattseal.cryptosystems.ckks.residues import (
    byte_count,
    centered,
    from_bytes,
    number_from_bytes,
    number_of,
    number_to_bytes,
    to_bytes,
)
from wattseal.cryptosystems.errors import CiphertextError

EVALUATOR = CkksEvaluator(3)
SOUND = to_bytes(np.array([[1, 2, 3], [4, 5, PRIMES[1] - 1]], dtype=np.uint64))

columns = st.lists(st.tuples(*(st.integers(0, prime - 1) for prime in PRIMES)), min_size=1, max_size=40)


def encoded(fields: list[int], size: int) -> bytes:
    """Of fields that may be anything."""
    return naive_ring.stream(fields).to_bytes(size, "little")


@given(columns)
def test_there_and_back(pairs: list[tuple[int, int]]) -> None:
    rows = [list(row) for row in zip(*pairs, strict=True)]
    stream = to_bytes(np.array(rows, dtype=np.uint64))
    assert stream == encoded([*rows[0], *rows[1]], byte_count(len(pairs)))
    assert from_bytes(stream, len(pairs)).tolist() == rows


def test_thirteen_and_a_quarter_bytes_a_coefficient() -> None:
    assert [byte_count(n) for n in (1, 2, 3, 4, 2976, 4096)] == [14, 27, 40, 53, 39_432, 54_272]


def refused(ciphertext: bytes, fault: str) -> None:
    assert EVALUATOR.malformed([SOUND, ciphertext, SOUND]) == [1]
    with pytest.raises(CiphertextError, match=f"ciphertext 1: {fault}"):
        EVALUATOR.sum_many([SOUND, ciphertext])
    with pytest.raises(CiphertextError, match=f"ciphertext 1: {fault}"):
        EVALUATOR.linear([SOUND, ciphertext], [1, 1])
    with pytest.raises(CiphertextError, match=fault):
        bill_sums([ciphertext], [Functional.of([1, 2, 3])])


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("above", [0, 1, 1000])
def test_a_residue_that_is_not_below_its_prime(place: int, above: int) -> None:
    fields = [0] * 6
    fields[place] = PRIMES[place // 3] + above
    refused(encoded(fields, 40), "a residue is not below its prime")
    fields[place] = PRIMES[place // 3] - 1
    assert EVALUATOR.malformed([encoded(fields, 40)]) == []


@pytest.mark.parametrize("bit", [318, 319])
def test_a_bit_beyond_the_last_residue(bit: int) -> None:
    refused((1 << bit).to_bytes(40, "little"), "a bit beyond the last residue is set")


@pytest.mark.parametrize("size", [0, 1, 39, 41, 80])
def test_another_size(size: int) -> None:
    refused(SOUND[:size].ljust(size, b"\0"), f"3 coefficients have 40 bytes, not {size}")


def test_every_bit_counts() -> None:
    """Whatever bit is changed, other residues come out or none; re-encoding gives the same bytes."""
    number, rows = int.from_bytes(SOUND, "little"), from_bytes(SOUND, 3).tolist()
    for bit in range(320):
        changed = (number ^ 1 << bit).to_bytes(40, "little")
        if EVALUATOR.malformed([changed]) == []:
            assert from_bytes(changed, 3).tolist() != rows
            assert to_bytes(from_bytes(changed, 3)) == changed


@given(st.binary(min_size=40, max_size=40))
def test_random_bytes_are_refused_or_canonical(ciphertext: bytes) -> None:
    if EVALUATOR.malformed([ciphertext]) == []:
        assert to_bytes(from_bytes(ciphertext, 3)) == ciphertext
    else:
        refused(ciphertext, "a (bit beyond the last residue is set|residue is not below its prime)")


@given(st.integers(-(1 << 120), 1 << 120))
def test_numbers_and_their_residues(number: int) -> None:
    expected = number % MODULUS
    assert number_of(*(number % prime for prime in PRIMES)) == number_of(number, number) == expected
    assert number_from_bytes(number_to_bytes(number)) == expected
    assert centered(number) == naive_ring.centered(expected, MODULUS)


@pytest.mark.parametrize(
    "number", [b"", bytes(13), bytes(15), MODULUS.to_bytes(14, "little"), b"\xff" * 14, secrets.token_bytes(39_432)]
)
def test_numbers_of_another_size_or_not_below_the_modulus(number: bytes) -> None:
    with pytest.raises(CiphertextError, match="14 bytes and is below the modulus"):
        number_from_bytes(number)
    assert number_from_bytes((MODULUS - 1).to_bytes(14, "little")) == MODULUS - 1
