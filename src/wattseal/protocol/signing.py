"""Ed25519 signatures (libsodium), each bound to the kind of message it was made for."""

from collections.abc import Sequence
from typing import Self, TypeVar

from nacl._sodium import ffi, lib
from nacl.bindings import crypto_sign_BYTES, crypto_sign_PUBLICKEYBYTES
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from wattseal.protocol.codec import Bytes, Message, Signature
from wattseal.protocol.errors import SignatureInvalid

M = TypeVar("M", bound=Message)
_DOMAIN = b"wattseal/1 "


def sign(key: SigningKey, context: str, body: bytes) -> bytes:
    """64 bytes of signature of `body` as a message of kind `context`."""
    return key.sign(_prefixed(context, body)).signature


def all_verify(context: str, signed: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
    """Whether each (verification key, body, signature) belongs together; other threads run meanwhile."""
    prefix, opened, nothing = _prefixed(context, b""), lib.crypto_sign_open, ffi.NULL
    length = len(prefix) + crypto_sign_BYTES
    # What PyNaCl's function does, less a copy of the message: a million reads a second come this way.
    return [
        len(public) == crypto_sign_PUBLICKEYBYTES
        and len(signature) == crypto_sign_BYTES
        and opened(nothing, nothing, signature + prefix + body, length + len(body), public) == 0
        for public, body, signature in signed
    ]


def verify(public: bytes, context: str, body: bytes, signature: bytes) -> None:
    """Raises SignatureInvalid, naming the kind of message only."""
    try:
        VerifyKey(public).verify(_prefixed(context, body), signature)
    except (BadSignatureError, ValueError):
        raise SignatureInvalid(f"the signature of the {context} does not match") from None


def _prefixed(context: str, body: bytes) -> bytes:
    return _DOMAIN + context.encode() + b"\0" + body


class Envelope(Message):
    """A message's canonical bytes and one signature over them, bound to the type of the message."""

    body: Bytes
    signature: Signature

    @classmethod
    def issue(cls, message: Message, key: SigningKey) -> Self:
        body = message.to_bytes()
        return cls(body=body, signature=sign(key, type(message).__name__, body))

    def opened(self, kind: type[M], public: bytes) -> M:
        """The message, once its signature holds. Raises SignatureInvalid or MalformedMessage."""
        verify(public, kind.__name__, self.body, self.signature)
        return kind.from_bytes(self.body)
