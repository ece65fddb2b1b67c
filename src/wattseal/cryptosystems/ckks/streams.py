"""Residues, errors and words drawn from a key and a label."""

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.parameters import PRIMES
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.keystream import keystream
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret
from wattseal.kernels.sampling import fill_errors, fill_ternary, fill_uniform

_WORD_BYTES = 8
_LENGTH_BYTES = 2
# With so many to spare, a stream does not suffice with a probability below 2^-200.
_SPARE_RESIDUES = 8
_SPARE_TRITS = 128


def pads(pad_key: Secret, label: Label, coefficients: int) -> NDArray[np.uint64]:
    """Residues (2, coefficients) that are uniform to whoever lacks the key, unrelated for every other length."""
    name = label.encode(Use.PAD) + coefficients.to_bytes(_LENGTH_BYTES, "big")
    return uniform_residues(pad_key, name, coefficients)


def uniform_residues(key: Secret, name: bytes, coefficients: int) -> NDArray[np.uint64]:
    """Residues (2, coefficients); `name` is an encoded label."""
    residues = np.empty((2, coefficients), dtype=np.uint64)
    words = _words(key, name, 2 * (coefficients + _SPARE_RESIDUES)).reshape(2, -1)
    for row, prime, filled in zip(words, PRIMES, residues, strict=True):
        _require(fill_uniform(row, prime, filled))
    return residues


def errors(error_key: Secret, label: Label, digest: bytes, coefficients: int) -> NDArray[np.float64]:
    """Centered binomial, variance 10.5. `digest`, of fixed length, names the content, so that other has others."""
    drawn = np.empty(coefficients)
    fill_errors(_words(error_key, label.encode(Use.ERROR) + digest, coefficients), drawn)
    return drawn


def trits(key: Secret, name: bytes, count: int) -> NDArray[np.int8]:
    """-1, 0 and 1, equally likely; `name` is an encoded label."""
    stream = np.frombuffer(keystream(key, name, count + _SPARE_TRITS), dtype=np.uint8)
    drawn = np.empty(count, dtype=np.int8)
    _require(fill_ternary(stream, drawn))
    return drawn


def _words(key: Secret, name: bytes, count: int) -> NDArray[np.uint64]:
    return np.frombuffer(keystream(key, name, _WORD_BYTES * count), dtype="<u8").astype(np.uint64, copy=False)


def _require(sufficed: bool) -> None:
    if not sufficed:
        raise ParameterError("a keystream held too few usable candidates")
