"""Bytes and numbers that look uniform to whoever lacks the key. A label is never used twice under one key."""

import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.secret import Secret

KEY_BYTES = 32
SPONGE_BYTES = 1024
"""Up to here one SHAKE-256 call is fastest, beyond it AES-256-CTR."""

_EXCESS_BYTES = 16
# Labels delimit themselves, so no label ends in these bytes by being longer than another.
_CIPHER_SUFFIX = b"aes-256-ctr"
_ZERO_BLOCK = bytes(16)


def keystream(key: Secret, label: bytes, size: int) -> bytes:
    """`size` bytes for this key and encoded label. Raises ParameterError unless the key has 32 bytes."""
    secret = key.expose()
    # A fixed length keeps key || label injective.
    if len(secret) != KEY_BYTES:
        raise ParameterError(f"a keystream key has {KEY_BYTES} bytes, not {len(secret)}")
    if size <= SPONGE_BYTES:
        return hashlib.shake_256(secret + label).digest(size)
    cipher_key = hashlib.shake_256(secret + label + _CIPHER_SUFFIX).digest(KEY_BYTES)
    encryptor = Cipher(algorithms.AES256(cipher_key), modes.CTR(_ZERO_BLOCK)).encryptor()
    return encryptor.update(bytes(size))


def uniform_below(key: Secret, label: bytes, bound: int) -> int:
    """A number below `bound` within statistical distance 2^-128 of uniform; of the type of `bound`."""
    size = (bound.bit_length() + 7) // 8 + _EXCESS_BYTES
    return int.from_bytes(keystream(key, label, size), "little") % bound
