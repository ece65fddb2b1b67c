"""The sponges against hashlib's."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattseal.kernels.keccak import BLOCK_BYTES, add_shake256, block_count, padded


def outputs(messages: list[bytes], words: int) -> list[str]:
    filled = np.zeros((len(messages), words), dtype=np.uint64)
    add_shake256(padded(messages, block_count(len(messages[0]))), filled)
    return [row.astype("<u8").tobytes().hex() for row in filled]


def expected(messages: list[bytes], words: int) -> list[str]:
    return [hashlib.shake_256(message).hexdigest(8 * words) for message in messages]


@pytest.mark.parametrize("size", [0, 1, 134, 135, 136, 137, 271, 272, 500])
@pytest.mark.parametrize("words", [1, 16, 17, 18, 115, 128])
def test_every_edge_of_a_block(size: int, words: int) -> None:
    """Twelve messages: one full set of lanes, and one that is half empty."""
    messages = [hashlib.shake_128(bytes([number])).digest(size) for number in range(12)]
    assert outputs(messages, words) == expected(messages, words)


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 300).flatmap(lambda n: st.lists(st.binary(min_size=n, max_size=n), min_size=1, max_size=20)))
def test_any_messages_of_one_length(messages: list[bytes]) -> None:
    assert outputs(messages, 40) == expected(messages, 40)


def test_lengths_may_differ_within_a_block() -> None:
    messages = [bytes(range(size)) for size in range(BLOCK_BYTES)]
    assert outputs(messages, 20) == expected(messages, 20)


def test_streams_are_added_and_wrap_around() -> None:
    words = np.full((1, 3), (1 << 64) - 1, dtype=np.uint64)
    add_shake256(padded([b"m"], 1), words)
    stream = np.frombuffer(hashlib.shake_256(b"m").digest(24), dtype="<u8")
    assert words[0].tolist() == (stream - np.uint64(1)).tolist()


def test_no_messages() -> None:
    words = np.empty((0, 3), dtype=np.uint64)
    add_shake256(padded([], 1), words)
    assert words.shape == (0, 3)
