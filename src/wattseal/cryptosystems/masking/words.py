"""Ciphertexts and pad sums as arrays of words: little-endian bytes on the wire, uint64 in the machine."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.masking.parameters import WORD_BYTES


def to_bytes(words: NDArray[np.uint64]) -> bytes:
    return words.astype("<u8", copy=False).tobytes()


def rows_to_bytes(words: NDArray[np.uint64]) -> list[bytes]:
    """One ciphertext a row."""
    return [row.tobytes() for row in words.astype("<u8", copy=False)]


def from_bytes(encoded: Sequence[bytes]) -> NDArray[np.uint64]:
    """One row each; all have the same length, a multiple of a word's."""
    joined = np.frombuffer(b"".join(encoded), dtype="<u8").astype(np.uint64, copy=False)
    return joined.reshape(len(encoded), len(encoded[0]) // WORD_BYTES)


def combined(added: Sequence[bytes], taken: Sequence[bytes], words: int) -> bytes:
    """Word by word the sum of `added` less that of `taken`, modulo 2^64."""
    total = np.zeros(words, dtype=np.uint64)
    for encoded in added:
        total += from_bytes([encoded])[0]
    for encoded in taken:
        total -= from_bytes([encoded])[0]
    return to_bytes(total)
