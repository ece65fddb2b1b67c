"""Ciphertexts, pad sums and single numbers: residues modulo both primes in the machine, strict bytes on the wire."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.parameters import MODULUS, NUMBER_BYTES, PRIMES
from wattseal.cryptosystems.errors import CiphertextError
from wattseal.kernels.dot import add_residues, below
from wattseal.kernels.garner import Ring
from wattseal.kernels.packing import FIELD_BITS, pack, unpack, word_count
from wattseal.kernels.weighing import weigh_packed

PRIME_WORDS = np.array(PRIMES, dtype=np.uint64)
_WORD_BITS, _NUMBER_WORDS_BYTES = 64, 16
_WORD_MASK = (1 << _WORD_BITS) - 1
_NOT_REDUCED = "a residue is not below its prime"
_FIRST_INVERSE = pow(PRIMES[0], -1, PRIMES[1])
RING: Ring = (*PRIMES, _FIRST_INVERSE if PRIMES[1] > 2 * _FIRST_INVERSE else _FIRST_INVERSE - PRIMES[1])


def byte_count(coefficients: int) -> int:
    """Two residues of 53 bits each, without gaps: 13.25 bytes a coefficient."""
    return -(-2 * FIELD_BITS * coefficients // 8)


def coefficients_in(size: int) -> int | None:
    """Of a ciphertext of so many bytes; None if none has so many."""
    count = 8 * size // (2 * FIELD_BITS)
    return count if count and byte_count(count) == size else None


def to_bytes(residues: NDArray[np.uint64]) -> bytes:
    """Of residues (2, coefficients): fields of 53 bits, the lowest bit first; all of the first prime first."""
    words = np.empty(word_count(residues.size), dtype=np.uint64)
    pack(residues.reshape(-1), words)
    return words.astype("<u8", copy=False).tobytes()[: byte_count(residues.shape[1])]


def from_bytes(encoded: bytes, coefficients: int) -> NDArray[np.uint64]:
    """The only form that `to_bytes` gives. Raises CiphertextError for any other."""
    stream = _stream(encoded, coefficients)
    residues = np.empty((2, coefficients), dtype=np.uint64)
    unpack(stream, 0, residues.reshape(-1))
    if not (below(residues[0], PRIMES[0]) and below(residues[1], PRIMES[1])):
        raise CiphertextError(_NOT_REDUCED)
    return residues


def weighed(encoded: bytes, factors: NDArray[np.int32]) -> NDArray[np.uint64]:
    """For each row of `factors` the number below q, as two words: the sum of its coefficients times those.

    Raises CiphertextError as `from_bytes` does.
    """
    functionals, coefficients = factors.shape
    numbers = np.empty((functionals, 2), dtype=np.uint64)
    if not weigh_packed(_stream(encoded, coefficients), RING, factors, numbers):
        raise CiphertextError(_NOT_REDUCED)
    return numbers


def _stream(encoded: bytes, coefficients: int) -> NDArray[np.uint8]:
    size = byte_count(coefficients)
    if len(encoded) != size:
        raise CiphertextError(f"{coefficients} coefficients have {size} bytes, not {len(encoded)}")
    if encoded and encoded[-1] >> 8 - (-2 * FIELD_BITS * coefficients % 8):
        raise CiphertextError("a bit beyond the last residue is set")
    return np.frombuffer(encoded, dtype=np.uint8)


def sum_residues(summands: Iterable[NDArray[np.uint64]], coefficients: int) -> NDArray[np.uint64]:
    """Of residues (2, coefficients)."""
    total = np.zeros((2, coefficients), dtype=np.uint64)
    for summand in summands:
        add_residues(total[0], summand[0], PRIMES[0])
        add_residues(total[1], summand[1], PRIMES[1])
    return total


def differences(residues: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Residues (2, coefficients) less others, coefficient by coefficient."""
    primes = PRIME_WORDS[:, np.newaxis]
    return (residues + primes - others) % primes


def number_of(first: int, second: int) -> int:
    """The number below q of two residues, which may be any integers (Garner)."""
    return first % PRIMES[0] + PRIMES[0] * ((second - first % PRIMES[0]) * _FIRST_INVERSE % PRIMES[1])


def centered(number: int) -> int:
    """The representative nearest to 0."""
    reduced = number % MODULUS
    return reduced if 2 * reduced < MODULUS else reduced - MODULUS


def number_to_bytes(number: int) -> bytes:
    return (number % MODULUS).to_bytes(NUMBER_BYTES, "little")


def added_numbers(reports: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Modulo q, over all reports of a bill, usually one; of numbers (bills, functionals), two words each."""
    if len(reports) == 1:
        return reports[0]
    total = sum(words[..., 0].astype(object) + (words[..., 1].astype(object) << _WORD_BITS) for words in reports)
    return np.stack((total % MODULUS & _WORD_MASK, total % MODULUS >> _WORD_BITS), axis=-1).astype(np.uint64)


def numbers_from_words(words: NDArray[np.uint64]) -> list[list[int]]:
    """By bill and functional."""
    return [[low | high << _WORD_BITS for low, high in of_bill] for of_bill in words.tolist()]


def numbers_to_bytes(words: NDArray[np.uint64]) -> list[list[bytes]]:
    """By bill and functional, as `number_to_bytes` gives them."""
    encoded, size = words.astype("<u8", copy=False).tobytes(), _NUMBER_WORDS_BYTES * words.shape[1]
    return [
        [encoded[at : at + NUMBER_BYTES] for at in range(first, first + size, _NUMBER_WORDS_BYTES)]
        for first in range(0, len(encoded), size)
    ]


def number_from_bytes(encoded: bytes) -> int:
    """Raises CiphertextError for another size, or a number that is not below q."""
    number = int.from_bytes(encoded, "little")
    if len(encoded) != NUMBER_BYTES or number >= MODULUS:
        raise CiphertextError(f"a number has {NUMBER_BYTES} bytes and is below the modulus")
    return number
