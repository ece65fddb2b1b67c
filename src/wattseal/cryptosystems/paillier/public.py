"""The public key: all that meters and the aggregator need of the scheme."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import gmpy2

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.paillier.parameters import PaillierParameters

MODULUS_ID_BYTES = 16


@dataclass(frozen=True)
class PublicKey:
    """Modulus n and base h_s = (-x^2)^n mod n^2 of the random factors. Raises ParameterError unless well formed."""

    parameters: PaillierParameters
    n: int
    h_s: int

    def __post_init__(self) -> None:
        if self.n >> (self.parameters.modulus_bits - 1) != 1 or self.n % 2 == 0:
            raise ParameterError(f"public key: the modulus must be odd and have {self.parameters.modulus_bits} bits")
        if not 1 < self.h_s < self.n**2 or gmpy2.gcd(self.h_s, self.n) != 1:
            raise ParameterError("public key: the base must lie between 1 and n^2 and be coprime to n")

    @cached_property
    def modulus_id(self) -> bytes:
        """16 bytes that name the modulus in labels."""
        encoded = self.n.to_bytes(self.parameters.plaintext_bytes, "big")
        return hashlib.sha256(b"wattseal/paillier-modulus/1" + encoded).digest()[:MODULUS_ID_BYTES]

    def to_bytes(self) -> bytes:
        """n, then h_s, big-endian, of fixed lengths."""
        sizes = self.parameters
        return self.n.to_bytes(sizes.plaintext_bytes, "big") + self.h_s.to_bytes(sizes.ciphertext_bytes, "big")

    @classmethod
    def from_bytes(cls, parameters: PaillierParameters, encoded: bytes) -> "PublicKey":
        """Raises ParameterError unless `encoded` is what `to_bytes` gives for a well-formed key."""
        split = parameters.plaintext_bytes
        if len(encoded) != split + parameters.ciphertext_bytes:
            raise ParameterError("public key: wrong length")
        return cls(parameters, int.from_bytes(encoded[:split], "big"), int.from_bytes(encoded[split:], "big"))
