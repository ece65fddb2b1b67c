"""How a collector's token for the unblinder goes past the decryptor: as a signature of one statement, never itself."""

import hashlib
from typing import Self

from nacl.signing import SigningKey

from wattseal.protocol.codec import Bytes32, Message, Signature
from wattseal.protocol.signing import sign, verify

_CONTEXT = "question to the unblinder"


def token_key(token: str) -> bytes:
    """What a service keeps of a token: 32 bytes that tell whether it, or a proof of it, is the right one.

    They are no way in. Whoever guesses a token could check it by them, so a token is 32 bytes of chance.
    """
    return bytes(_signing_key(token).verify_key)


class TokenProof(Message):
    """That whoever holds the token of `key` asks what one statement says: no other statement, so no other purpose."""

    key: Bytes32
    signature: Signature

    @classmethod
    def issue(cls, token: str, statement: bytes) -> Self:
        return cls(key=token_key(token), signature=sign(_signing_key(token), _CONTEXT, statement))

    def check(self, statement: bytes) -> None:
        """Raises SignatureInvalid."""
        verify(self.key, _CONTEXT, statement, self.signature)


def _signing_key(token: str) -> SigningKey:
    return SigningKey(hashlib.sha256(b"wattseal/1 token\0" + token.encode()).digest())
