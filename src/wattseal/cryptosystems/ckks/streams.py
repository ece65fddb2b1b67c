"""Residues, errors and words drawn from a key and a label."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.parameters import PRIMES
from wattseal.cryptosystems.ckks.residues import RING
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.keystream import keystreams
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret
from wattseal.kernels.sampling import add_ternary, fill_errors, fill_ternary, fill_uniform
from wattseal.kernels.weighing import weigh_streams, weigh_trits

_WORD_BYTES = 8
_LENGTH_BYTES = 2
# With so many to spare, a stream does not suffice with a probability below 2^-200.
_SPARE_RESIDUES = 8
_SPARE_TRITS = 128
# Streams that stay in a core's own cache until they are weighed.
_AT_ONCE = 8


def pads(pad_key: Secret, label: Label, coefficients: int) -> NDArray[np.uint64]:
    """Residues (2, coefficients) that are uniform to whoever lacks the key, unrelated for every other length."""
    return uniform_residues(pad_key, _pad_name(label, coefficients), coefficients)


def weighed_pads(pad_keys: Sequence[Secret], labels: Sequence[Label], factors: NDArray[np.int32]) -> NDArray[np.uint64]:
    """For each label, and each row of `factors`, the sum of its pads times those: a number below q, as two words."""
    functionals, coefficients = factors.shape
    numbers = np.empty((len(labels), functionals, 2), dtype=np.uint64)
    names = [_pad_name(label, coefficients) for label in labels]
    for some in _groups(len(labels)):
        streams = keystreams(pad_keys[some], names[some], 2 * (coefficients + _SPARE_RESIDUES))
        _require(weigh_streams(streams, RING, factors, numbers[some]))
    return numbers


def uniform_residues(key: Secret, name: bytes, coefficients: int) -> NDArray[np.uint64]:
    """Residues (2, coefficients); `name` is an encoded label."""
    residues = np.empty((2, coefficients), dtype=np.uint64)
    words = keystreams([key], [name], 2 * (coefficients + _SPARE_RESIDUES)).reshape(2, -1)
    for row, prime, filled in zip(words, PRIMES, residues, strict=True):
        _require(fill_uniform(row, prime, filled))
    return residues


def errors(error_key: Secret, label: Label, digest: bytes, coefficients: int) -> NDArray[np.float64]:
    """Centered binomial, variance 10.5. `digest`, of fixed length, names the content, so that other has others."""
    drawn = np.empty(coefficients)
    [words] = keystreams([error_key], [label.encode(Use.ERROR) + digest], coefficients)
    fill_errors(words, drawn)
    return drawn


def trits(key: Secret, name: bytes, count: int) -> NDArray[np.int8]:
    """-1, 0 and 1, equally likely; `name` is an encoded label."""
    drawn = np.empty(count, dtype=np.int8)
    [stream] = _trit_streams([key], [name], count)
    _require(fill_ternary(stream, drawn))
    return drawn


def weighed_trits(keys: Sequence[Secret], names: Sequence[bytes], residues: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """For each name, and each of `residues` (functionals, 2, degree), the sum of its trits times those, as above."""
    numbers = np.empty((len(names), len(residues), 2), dtype=np.uint64)
    for some in _groups(len(names)):
        streams = _trit_streams(keys[some], names[some], residues.shape[2])
        _require(weigh_trits(streams, RING, residues, numbers[some]))
    return numbers


def summed_trits(keys: Sequence[Secret], names: Sequence[bytes], count: int) -> NDArray[np.int16]:
    """The sum of the trits of at most 32,767 keys and names."""
    total = np.zeros(count, dtype=np.int16)
    for some in _groups(len(names)):
        _require(add_ternary(_trit_streams(keys[some], names[some], count), total))
    return total


def _trit_streams(keys: Sequence[Secret], names: Sequence[bytes], count: int) -> NDArray[np.uint8]:
    size = count + _SPARE_TRITS
    words = keystreams(keys, names, -(-size // _WORD_BYTES))
    return words.astype("<u8", copy=False).view(np.uint8)[:, :size]


def _groups(count: int) -> Iterator[slice]:
    return (slice(first, first + _AT_ONCE) for first in range(0, count, _AT_ONCE))


def _pad_name(label: Label, coefficients: int) -> bytes:
    return label.encode(Use.PAD) + coefficients.to_bytes(_LENGTH_BYTES, "big")


def _require(sufficed: bool) -> None:
    if not sufficed:
        raise ParameterError("a keystream held too few usable candidates")
