"""Keystreams: the right primitive, and numbers that are uniform below a bound."""

import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from gmpy2 import mpz
from hypothesis import given
from hypothesis import strategies as st

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.keystream import SPONGE_BYTES, keystream, keystreams, uniform_below
from wattseal.cryptosystems.secret import Secret
from wattseal.kernels import aes

KEY = Secret(bytes(range(32)))


@pytest.mark.parametrize("size", [0, 1, 400, SPONGE_BYTES])
def test_short_streams_are_shake(size: int) -> None:
    assert keystream(KEY, b"label", size) == hashlib.shake_256(KEY.expose() + b"label").digest(size)


@pytest.fixture(params=["the processor's instructions", "OpenSSL"])
def _cipher(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to the same bytes; on a processor without them there is one."""
    monkeypatch.setattr(aes, "AVAILABLE", aes.AVAILABLE and request.param != "OpenSSL")


@pytest.mark.usefixtures("_cipher")
def test_long_streams_are_counter_mode() -> None:
    cipher_key = hashlib.shake_256(KEY.expose() + b"label" + b"aes-256-ctr").digest(32)
    blocks = Cipher(algorithms.AES256(cipher_key), modes.ECB()).encryptor()  # noqa: S305 - counter mode by hand
    expected = b"".join(blocks.update(counter.to_bytes(16, "big")) for counter in range(80))
    assert keystream(KEY, b"label", SPONGE_BYTES + 1) == expected[: SPONGE_BYTES + 1]


@pytest.mark.usefixtures("_cipher")
@pytest.mark.parametrize("words", [1, 128, 129, 160, 5968])
def test_many_streams_are_those_of_each_key_and_label(words: int) -> None:
    keys = [Secret(bytes([number]) * 32) for number in range(9)]
    labels = [b"label-%d" % number for number in range(9)]
    expected = [keystream(*named, 8 * words) for named in zip(keys, labels, strict=True)]
    assert [row.astype("<u8").tobytes() for row in keystreams(keys, labels, words)] == expected
    assert keystreams([], [], words).shape == (0, words)


@pytest.mark.parametrize("size", [400, 4000])
def test_keys_and_labels_separate_streams(size: int) -> None:
    other = Secret(bytes(32))
    streams = {keystream(key, label, size) for key in (KEY, other) for label in (b"label", b"labek", b"")}
    assert len(streams) == 6


def test_a_long_stream_does_not_begin_like_a_short_one() -> None:
    assert keystream(KEY, b"label", 2000)[:400] != keystream(KEY, b"label", 400)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_keys_have_32_bytes(size: int) -> None:
    with pytest.raises(ParameterError, match=f"32 bytes, not {size}"):
        keystream(Secret(bytes(size)), b"label", 1)
    for words in (1, 1000):
        with pytest.raises(ParameterError, match=f"32 bytes, not {size}"):
            keystreams([KEY, Secret(bytes(size))], [b"label", b"label"], words)


@given(st.integers(1, 1 << 3072), st.binary(max_size=8))
def test_numbers_stay_below_the_bound_and_are_the_stream_reduced(bound: int, label: bytes) -> None:
    size = (bound.bit_length() + 7) // 8 + 16
    number = uniform_below(KEY, label, bound)
    assert number == int.from_bytes(keystream(KEY, label, size), "little") % bound
    assert 0 <= number < bound
    assert uniform_below(KEY, label, mpz(bound)) == number


def test_every_residue_is_reached_about_equally() -> None:
    """7,000 draws below 7; chi-square with 6 degrees of freedom stays below 40 but for one label set in two million."""
    draws = [uniform_below(KEY, b"%d" % i, 7) for i in range(7000)]
    assert sum((draws.count(residue) - 1000) ** 2 / 1000 for residue in range(7)) < 40
