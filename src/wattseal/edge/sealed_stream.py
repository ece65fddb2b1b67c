"""Large files sealed under a passphrase, piece by piece: none can be changed, left out, put in or cut off unseen."""

import secrets
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from nacl import bindings
from nacl.exceptions import CryptoError

from wattseal.edge.private_files import SALT_BYTES, key_of
from wattseal.protocol.errors import UsageError

_MAGIC = b"wattseal stream 1\n"
_LENGTH = struct.Struct(">I")
_LONGEST = 1 << 24
_HEADER = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_MESSAGE = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL


@contextmanager
def sealing_stream(file: BinaryIO, passphrase: bytes) -> Iterator[Callable[[bytes], None]]:
    """A function that adds a piece; the end is marked when the context ends well."""
    salt = secrets.token_bytes(SALT_BYTES)
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key_of(passphrase, salt))
    file.write(_MAGIC + salt + header)

    def push(piece: bytes, tag: int = _MESSAGE) -> None:
        sealed = bindings.crypto_secretstream_xchacha20poly1305_push(state, piece, _MAGIC, tag)
        file.write(_LENGTH.pack(len(sealed)) + sealed)

    yield push
    push(b"", _FINAL)


def opened_stream(file: BinaryIO, passphrase: bytes, name: str) -> Iterator[bytes]:
    """The pieces, as they were added. Raises UsageError for a wrong passphrase or any change, without telling which."""
    wrong = UsageError(f"{name}: wrong passphrase, or the file was altered or cut")
    start = file.read(len(_MAGIC) + SALT_BYTES + _HEADER)
    if len(start) < len(_MAGIC) + SALT_BYTES + _HEADER or not start.startswith(_MAGIC):
        raise UsageError(f"{name} is not a sealed stream")
    salt, header = start[len(_MAGIC) : -_HEADER], start[-_HEADER:]
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    try:
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, header, key_of(passphrase, salt))
        while True:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            sealed = file.read(min(length, _LONGEST))
            if len(sealed) != length:
                raise wrong
            piece, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(state, sealed, _MAGIC)
            if tag == _FINAL:
                break
            yield piece
    except (CryptoError, ValueError, struct.error):
        raise wrong from None
    if file.read(1):
        raise wrong
