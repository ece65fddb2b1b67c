"""Numbers of 53 bits as one stream of bits, the lowest first, and back."""

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel

FIELD_BITS = 53

_WORD_BITS = 64
_WORD_BYTES = 8
_ZERO = np.uint64(0)
_FIELD_MASK = np.uint64((1 << FIELD_BITS) - 1)


def word_count(fields: int) -> int:
    """Words that hold so many fields."""
    return -(-fields * FIELD_BITS // _WORD_BITS)


@kernel
def pack(fields: NDArray[np.uint64], words: NDArray[np.uint64]) -> None:
    """Fill `words`, as many as `word_count` says; unused bits of the last are zero."""
    word, filled, at = _ZERO, 0, 0
    for i in range(fields.shape[0]):
        word |= fields[i] << np.uint64(filled)
        filled += FIELD_BITS
        if filled >= _WORD_BITS:
            words[at] = word
            at += 1
            filled -= _WORD_BITS
            word = fields[i] >> np.uint64(FIELD_BITS - filled)
    if filled > 0:
        words[at] = word


@kernel
def unpack(stream: NDArray[np.uint8], first: int, fields: NDArray[np.uint64]) -> None:
    """Fill `fields` with those of the stream from `first` on."""
    # Counting from 0, or the compiler would not make one load of eight bytes.
    part, ahead = stream[FIELD_BITS * first >> 3 :], FIELD_BITS * first & 7
    count: int = fields.shape[0]
    # Fields of which eight bytes lie within the stream.
    whole = min(count, max(0, (8 * (part.shape[0] - _WORD_BYTES) + 7 - ahead) // FIELD_BITS + 1))
    for i in range(whole):
        bit = ahead + FIELD_BITS * i
        at, word = bit >> 3, _ZERO
        for byte in range(_WORD_BYTES):
            word |= np.uint64(part[at + byte]) << np.uint64(8 * byte)
        fields[i] = (word >> np.uint64(bit & 7)) & _FIELD_MASK
    for i in range(whole, count):
        bit = ahead + FIELD_BITS * i
        at, word = bit >> 3, _ZERO
        for byte in range(min(_WORD_BYTES, part.shape[0] - at)):
            word |= np.uint64(part[at + byte]) << np.uint64(8 * byte)
        fields[i] = (word >> np.uint64(bit & 7)) & _FIELD_MASK
