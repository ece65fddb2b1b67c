"""The secret key. Only the decryptor half of the key server, and tests, may import this module."""

import secrets
from typing import NoReturn

import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa
from gmpy2 import mpz

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.paillier.parameters import PaillierParameters
from wattseal.cryptosystems.paillier.public import PublicKey

_PRIMALITY_ROUNDS = 32


class SecretKey:
    """Primes p < q, p = q = 3 mod 4 and gcd(p-1, q-1) = 2, with the base that belongs to them.

    Raises ParameterError unless all of that holds and the base opens to 0.
    """

    __slots__ = ("p", "public", "q")

    def __init__(self, parameters: PaillierParameters, p: int, q: int, h_s: int) -> None:
        self.p, self.q = mpz(p), mpz(q)
        _check_primes(parameters, self.p, self.q)
        n = self.p * self.q
        self.public = PublicKey(parameters, int(n), h_s)
        # Every product of random factors must vanish in decryption, so the base must be an n-th residue.
        if gmpy2.powmod(h_s, (self.p - 1) * (self.q - 1), n**2) != 1:
            raise ParameterError("secret key: the base does not belong to the primes")

    @classmethod
    def generate(cls, parameters: PaillierParameters) -> "SecretKey":
        """A fresh key: primes from OpenSSL, the base by Damgard, Jurik and Nielsen (2010), section 4.2."""
        p, q = _draw_primes(parameters)
        n = p * q
        x = _draw_unit(n)
        return cls(parameters, int(p), int(q), int(gmpy2.powmod(-x * x % n, n, n * n)))

    def to_bytes(self) -> bytes:
        """The secret itself: p, q and the base, big-endian, of fixed lengths."""
        sizes = self.public.parameters
        primes = (int(prime).to_bytes(sizes.plaintext_bytes // 2, "big") for prime in (self.p, self.q))
        return b"".join(primes) + self.public.h_s.to_bytes(sizes.ciphertext_bytes, "big")

    @classmethod
    def from_bytes(cls, parameters: PaillierParameters, encoded: bytes) -> "SecretKey":
        """Raises ParameterError unless `encoded` is what `to_bytes` gives for a valid key."""
        half, whole = parameters.plaintext_bytes // 2, parameters.plaintext_bytes
        if len(encoded) != whole + parameters.ciphertext_bytes:
            raise ParameterError("secret key: wrong length")
        fields = (encoded[:half], encoded[half:whole], encoded[whole:])
        return cls(parameters, *(int.from_bytes(field, "big") for field in fields))

    def __repr__(self) -> str:
        return f"SecretKey({self.public.parameters.modulus_bits} bits, redacted)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a SecretKey is not pickled or copied; call to_bytes where it must travel")


def _check_primes(parameters: PaillierParameters, p: mpz, q: mpz) -> None:
    bits = parameters.modulus_bits // 2
    if not (p.bit_length() == q.bit_length() == bits and p < q):
        raise ParameterError(f"secret key: the primes must ascend and have {bits} bits each")
    if not (p % 4 == q % 4 == 3 and gmpy2.gcd(p - 1, q - 1) == 2):
        raise ParameterError("secret key: the primes must be 3 mod 4 with gcd(p-1, q-1) = 2")
    if not (gmpy2.is_prime(p, _PRIMALITY_ROUNDS) and gmpy2.is_prime(q, _PRIMALITY_ROUNDS)):
        raise ParameterError("secret key: a factor is not prime")


def _draw_primes(parameters: PaillierParameters) -> tuple[mpz, mpz]:
    """About one pair in five fits."""
    while True:
        drawn = rsa.generate_private_key(65537, parameters.modulus_bits).private_numbers()
        p, q = sorted((mpz(drawn.p), mpz(drawn.q)))
        if p % 4 == q % 4 == 3 and gmpy2.gcd(p - 1, q - 1) == 2:
            return p, q


def _draw_unit(n: mpz) -> mpz:
    while True:
        x = mpz(secrets.randbelow(int(n)))
        if gmpy2.gcd(x, n) == 1:
            return x
