"""The aggregator's side: the door, and sums of ciphertexts. Products mod n^2 are sums of plaintexts mod n."""

from collections.abc import Iterator, Sequence

import gmpy2
from gmpy2 import mpz

from wattseal.cryptosystems.errors import CiphertextError, ParameterError
from wattseal.cryptosystems.paillier.numbers import joined, split
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.slots.layout import SlotLayout


class PaillierEvaluator:
    """Adds ciphertexts under one public key and of one layout, chunk by chunk."""

    def __init__(self, public: PublicKey, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the modulus."""
        self._chunk_bytes = public.parameters.ciphertext_bytes
        self._bytes = len(layout.chunks(public.parameters.modulus_bits)) * self._chunk_bytes
        self._n, self._n_squared = mpz(public.n), mpz(public.n) ** 2

    def malformed(self, ciphertexts: Sequence[bytes]) -> list[int]:
        """See `Evaluator`. Well formed: the length, and every chunk 0 < c < n^2 and coprime to n."""
        refused, product, n, n_squared = set[int](), mpz(1), self._n, self._n_squared
        for i, encoded in enumerate(ciphertexts):
            if len(encoded) != self._bytes:
                refused.add(i)
                continue
            for chunk in split(encoded, self._chunk_bytes):
                if 0 < chunk < n_squared:
                    product = product * (chunk % n) % n
                else:
                    refused.add(i)
        # One gcd for the whole batch; each its own only if somebody cheats.
        if gmpy2.gcd(product, n) != 1:
            well_formed = ((i, encoded) for i, encoded in enumerate(ciphertexts) if i not in refused)
            refused |= {i for i, encoded in well_formed if any(gmpy2.gcd(c, n) != 1 for c in self._split(encoded))}
        return sorted(refused)

    def add(self, a: bytes, b: bytes) -> bytes:
        """See `Evaluator`."""
        return self.sum_many((a, b))

    def sum_many(self, ciphertexts: Sequence[bytes]) -> bytes:
        """See `Evaluator`."""
        return joined((self._sum(column) for column in self._columns(ciphertexts)), self._chunk_bytes)

    def linear(self, ciphertexts: Sequence[bytes], coefficients: Sequence[int]) -> bytes:
        """See `Evaluator`."""
        if len(ciphertexts) != len(coefficients):
            raise ParameterError(f"{len(ciphertexts)} ciphertexts and {len(coefficients)} coefficients do not match")
        columns = self._columns(ciphertexts)
        return joined((self._combination(column, coefficients) for column in columns), self._chunk_bytes)

    def _sum(self, numbers: Sequence[mpz]) -> mpz:
        product, modulus = mpz(1), self._n_squared
        for number in numbers:
            product = product * number % modulus
        return product

    def _combination(self, numbers: Sequence[mpz], coefficients: Sequence[int]) -> mpz:
        try:
            return self._sum([gmpy2.powmod(n, c, self._n_squared) for n, c in zip(numbers, coefficients, strict=True)])
        except ValueError:
            raise CiphertextError("a ciphertext has no inverse") from None

    def _columns(self, ciphertexts: Sequence[bytes]) -> Iterator[tuple[mpz, ...]]:
        """For each chunk, that of every ciphertext."""
        if not ciphertexts:
            raise CiphertextError("there are no ciphertexts to add")
        for position, encoded in enumerate(ciphertexts):
            if len(encoded) != self._bytes:
                raise CiphertextError(f"ciphertext {position} has {len(encoded)} bytes, not {self._bytes}")
        return zip(*map(self._split, ciphertexts), strict=True)

    def _split(self, encoded: bytes) -> list[mpz]:
        return split(encoded, self._chunk_bytes)
