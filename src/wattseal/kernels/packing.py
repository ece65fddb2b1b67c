"""Numbers of 53 bits as one stream of bits, the lowest first, and back."""

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel

FIELD_BITS = 53
SPARE_BYTES = 8
"""So many bytes beyond the stream must exist where it is unpacked."""

_WORD_BITS = 64
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
def unpack(stream: NDArray[np.uint8], fields: NDArray[np.uint64]) -> None:
    """Fill `fields`. The compiler makes one load of eight bytes."""
    for i in range(fields.shape[0]):
        bit = FIELD_BITS * i
        at, word = bit >> 3, _ZERO
        for byte in range(8):
            word |= np.uint64(stream[at + byte]) << np.uint64(8 * byte)
        fields[i] = (word >> np.uint64(bit & 7)) & _FIELD_MASK
