"""Bytes and numbers that look uniform to whoever lacks the key. A label is never used twice under one key."""

import hashlib
from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.secret import Secret
from wattseal.kernels import aes

KEY_BYTES = 32
SPONGE_BYTES = 1024
"""Up to here one SHAKE-256 call is fastest, beyond it AES-256-CTR."""

_EXCESS_BYTES = 16
_WORD_BYTES = 8
# Labels delimit themselves, so no label ends in these bytes by being longer than another.
_CIPHER_SUFFIX = b"aes-256-ctr"
_ZERO_BLOCK = bytes(16)


def keystream(key: Secret, label: bytes, size: int) -> bytes:
    """`size` bytes for this key and encoded label. Raises ParameterError unless the key has 32 bytes."""
    if size <= SPONGE_BYTES:
        return hashlib.shake_256(_checked(key) + label).digest(size)
    return _ciphered([(key, label)], -(-size // _WORD_BYTES)).tobytes()[:size]


def keystreams(keys: Sequence[Secret], labels: Sequence[bytes], words: int) -> NDArray[np.uint64]:
    """A row of little-endian words for each key and label: what `keystream` gives."""
    named = list(zip(keys, labels, strict=True))
    if words * _WORD_BYTES > SPONGE_BYTES:
        return _ciphered(named, words).astype(np.uint64, copy=False)
    joined = b"".join([keystream(key, label, words * _WORD_BYTES) for key, label in named])
    return np.frombuffer(joined, dtype="<u8").astype(np.uint64).reshape(len(named), words)


def uniform_below(key: Secret, label: bytes, bound: int) -> int:
    """A number below `bound` within statistical distance 2^-128 of uniform; of the type of `bound`."""
    size = (bound.bit_length() + 7) // 8 + _EXCESS_BYTES
    return int.from_bytes(keystream(key, label, size), "little") % bound


def _ciphered(named: Sequence[tuple[Secret, bytes]], words: int) -> NDArray[np.uint64]:
    """Counter mode from block 0 on, each under a key of its own; words as they lie in the stream, little-endian."""
    streams = np.empty((len(named), words), dtype="<u8")
    cipher_keys = [hashlib.shake_256(_checked(key) + label + _CIPHER_SUFFIX).digest(KEY_BYTES) for key, label in named]
    if aes.AVAILABLE:
        aes.fill_streams(np.frombuffer(b"".join(cipher_keys), dtype="<u4").reshape(-1, aes.KEY_WORDS), streams)
    else:
        fill_streams_by_openssl(cipher_keys, streams)
    return streams


def fill_streams_by_openssl(cipher_keys: Sequence[bytes], streams: NDArray[np.uint64]) -> None:
    """What `aes.fill_streams` does, on any processor."""
    nothing = bytes(streams.shape[1] * _WORD_BYTES)
    for cipher_key, stream in zip(cipher_keys, streams, strict=True):
        encryptor = Cipher(algorithms.AES256(cipher_key), modes.CTR(_ZERO_BLOCK)).encryptor()
        encryptor.update_into(nothing, stream.data.cast("B"))


def _checked(key: Secret) -> bytes:
    """A fixed length keeps key || label injective."""
    secret = key.expose()
    if len(secret) != KEY_BYTES:
        raise ParameterError(f"a keystream key has {KEY_BYTES} bytes, not {len(secret)}")
    return secret
