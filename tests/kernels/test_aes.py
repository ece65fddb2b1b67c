"""The processor's own AES against OpenSSL's and the standard's vectors."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from wattseal.kernels.aes import AVAILABLE, KEY_WORDS, fill_streams

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="this processor does not encrypt several blocks at once")

# Of FIPS 197, appendix C.3.
KEY = bytes(range(32))


def streams(keys: list[bytes], words: int) -> list[str]:
    filled = np.full((len(keys), words), 7, dtype=np.uint64)
    fill_streams(np.frombuffer(b"".join(keys), dtype="<u4").reshape(-1, KEY_WORDS), filled)
    return [row.astype("<u8").tobytes().hex() for row in filled]


def expected(key: bytes, words: int) -> str:
    encryptor = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()
    return encryptor.update(bytes(8 * words)).hex()


def test_blocks_are_those_of_the_cipher_by_itself() -> None:
    """SP 800-38A: the encrypted numbers 0, 1, 2, ..., the highest byte first."""
    blocks = Cipher(algorithms.AES256(KEY), modes.ECB()).encryptor()  # noqa: S305 - counter mode by hand
    assert streams([KEY], 200)[0] == b"".join(blocks.update(i.to_bytes(16, "big")) for i in range(100)).hex()


@pytest.mark.parametrize("words", [1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 5968])
def test_every_edge_of_a_step(words: int) -> None:
    assert streams([KEY], words) == [expected(KEY, words)]


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=9), st.integers(1, 80))
def test_each_row_has_a_key_of_its_own(keys: list[bytes], words: int) -> None:
    assert streams(keys, words) == [expected(key, words) for key in keys]


@pytest.mark.parametrize("bit", range(256))
def test_every_bit_of_a_key_counts(bit: int) -> None:
    key = (1 << bit).to_bytes(32, "little")
    assert streams([key], 4) == [expected(key, 4)]


def test_block_numbers_carry_into_the_next_byte() -> None:
    """65,537 blocks: numbers of one, two and three bytes."""
    words = 2 * ((1 << 16) + 1)
    assert streams([KEY], words) == [expected(KEY, words)]


def test_no_keys() -> None:
    assert streams([], 3) == []
