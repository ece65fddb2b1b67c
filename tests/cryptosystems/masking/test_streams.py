"""Masks: the keystreams of the protocol, whatever the length of names and layouts, and never one of them twice."""

import itertools
import secrets

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.masking.parameters import MODULUS_ID, SUITE
from wattseal.cryptosystems.masking.streams import add_streams, stream_sum
from wattseal.cryptosystems.pads.keystream import keystream
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072
from wattseal.cryptosystems.secret import Secret

LABEL = Label(SUITE, MODULUS_ID, "north", "meter-1", 1, 1, 0, 1440, 1, 0)


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(st.tuples(st.binary(min_size=32, max_size=32), st.integers(0, 200), st.integers(0, 300)), max_size=20),
    st.sampled_from([1, 43, 128, 129]),
    st.sampled_from([Use.PAD, Use.SECRET]),
)
def test_streams_are_those_of_the_protocol(members: list[tuple[bytes, int, int]], size: int, use: Use) -> None:
    """Meters and regions of any length: sponges of one, two and more blocks side by side."""
    keys = [Secret(key) for key, _, _ in members]
    labels = [LABEL._replace(meter="m" * meter, region="r" * region) for _, meter, region in members]
    expected = [keystream(key, label.encode(use), 8 * size) for key, label in zip(keys, labels, strict=True)]
    words = np.zeros((len(members), size), dtype=np.uint64)
    add_streams(words, keys, labels, use)
    assert [row.astype("<u8").tobytes() for row in words] == expected
    total = np.array([np.frombuffer(stream, dtype="<u8") for stream in expected], dtype=np.uint64)
    assert stream_sum(size, keys, labels, use).tolist() == total.reshape(len(members), size).sum(axis=0).tolist()


@pytest.mark.parametrize("size", [0, 31, 33])
@pytest.mark.parametrize("words", [1, 129])
def test_keys_have_32_bytes(size: int, words: int) -> None:
    with pytest.raises(ParameterError, match=f"32 bytes, not {size}"):
        stream_sum(words, [Secret(bytes(32)), Secret(bytes(size))], [LABEL] * 2, Use.PAD)


def common(a: bytes, b: bytes) -> set[bytes]:
    """Runs of 6 bytes, at any offset, that both hold: two unrelated kilobytes have one with probability 2^-28."""
    runs = [{stream[at : at + 6] for at in range(len(stream) - 5)} for stream in (a, b)]
    return runs[0] & runs[1]


@pytest.mark.parametrize("own_modulus", [False, True])
def test_pads_of_paillier_and_masking_are_unrelated(own_modulus: bool) -> None:
    """Threat 37: a meter that seals one window in both schemes, under one key, draws no word of a pad twice."""
    key = Secret(secrets.token_bytes(32))
    modulus_id = b"n" * 16 if own_modulus else MODULUS_ID
    paillier = LABEL._replace(suite=PAILLIER_3072.suite, modulus_id=modulus_id)
    streams = [keystream(key, paillier.encode(Use.PAD), 400)]
    streams += [stream_sum(115, [key], [LABEL], use).astype("<u8").tobytes() for use in (Use.PAD, Use.SECRET)]
    for a, b in itertools.combinations(streams, 2):
        assert not common(a, b)
    assert common(streams[0], streams[0][100:])
