"""The aggregator's side: the door, and sums of ciphertexts. Products mod n^2 are sums of plaintexts mod n."""

from collections.abc import Iterator, Sequence

import gmpy2
from gmpy2 import mpz

from wattseal.cryptosystems.errors import CiphertextError, ParameterError
from wattseal.cryptosystems.paillier.public import PublicKey


class PaillierEvaluator:
    """Adds ciphertexts under one public key."""

    def __init__(self, public: PublicKey) -> None:
        self._bytes = public.parameters.ciphertext_bytes
        self._n, self._n_squared = mpz(public.n), mpz(public.n) ** 2

    def malformed(self, ciphertexts: Sequence[bytes]) -> list[int]:
        """See `Evaluator`. Well formed: the length, 0 < c < n^2, and c coprime to n."""
        numbers = [_number(encoded) if len(encoded) == self._bytes else mpz(0) for encoded in ciphertexts]
        refused = {i for i, number in enumerate(numbers) if not 0 < number < self._n_squared}
        product = mpz(1)
        for i, number in enumerate(numbers):
            if i not in refused:
                product = product * number % self._n
        # One gcd for the whole batch; each its own only if somebody cheats.
        if gmpy2.gcd(product, self._n) != 1:
            refused.update(i for i, number in enumerate(numbers) if gmpy2.gcd(number, self._n) != 1)
        return sorted(refused)

    def add(self, a: bytes, b: bytes) -> bytes:
        """See `Evaluator`."""
        return self.sum_many((a, b))

    def sum_many(self, ciphertexts: Sequence[bytes]) -> bytes:
        """See `Evaluator`."""
        modulus = self._n_squared
        numbers = self._numbers(ciphertexts)
        product = next(numbers)
        for number in numbers:
            product = product * number % modulus
        return self._encode(product)

    def linear(self, ciphertexts: Sequence[bytes], coefficients: Sequence[int]) -> bytes:
        """See `Evaluator`."""
        if len(ciphertexts) != len(coefficients):
            raise ParameterError(f"{len(ciphertexts)} ciphertexts and {len(coefficients)} coefficients do not match")
        product, modulus = mpz(1), self._n_squared
        for number, coefficient in zip(self._numbers(ciphertexts), coefficients, strict=True):
            try:
                product = product * gmpy2.powmod(number, coefficient, modulus) % modulus
            except ValueError:
                raise CiphertextError("a ciphertext has no inverse") from None
        return self._encode(product)

    def _numbers(self, ciphertexts: Sequence[bytes]) -> Iterator[mpz]:
        if not ciphertexts:
            raise CiphertextError("there are no ciphertexts to add")
        for position, encoded in enumerate(ciphertexts):
            if len(encoded) != self._bytes:
                raise CiphertextError(f"ciphertext {position} has {len(encoded)} bytes, not {self._bytes}")
            yield _number(encoded)

    def _encode(self, number: mpz) -> bytes:
        encoded: bytes = number.to_bytes(self._bytes, "little")
        return encoded


def _number(encoded: bytes) -> mpz:
    return mpz(int.from_bytes(encoded, "little"))
