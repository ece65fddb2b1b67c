"""The aggregator's side: sums of ciphertexts, and bills as one number each. It needs no key, not even a public one."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.functional import Functional, factors_of
from wattseal.cryptosystems.ckks.residues import (
    PRIME_WORDS,
    added_numbers,
    from_bytes,
    numbers_to_bytes,
    sum_residues,
    to_bytes,
    weighed,
)
from wattseal.cryptosystems.errors import CiphertextError, ParameterError


class CkksEvaluator:
    """Adds ciphertexts of so many coefficients: those of a day, see `coefficient_count`, or of any vector."""

    def __init__(self, coefficients: int) -> None:
        self._coefficients = coefficients

    def malformed(self, ciphertexts: Sequence[bytes]) -> list[int]:
        """See `Evaluator`. Well formed: the length, residues below their primes, no bit beyond them."""
        return [i for i, encoded in enumerate(ciphertexts) if not self._well_formed(encoded)]

    def add(self, a: bytes, b: bytes) -> bytes:
        """See `Evaluator`."""
        return self.sum_many((a, b))

    def sum_many(self, ciphertexts: Sequence[bytes]) -> bytes:
        """See `Evaluator`. Raises CiphertextError for any that is malformed."""
        return to_bytes(sum_residues(self._parsed(ciphertexts), self._coefficients))

    def linear(self, ciphertexts: Sequence[bytes], coefficients: Sequence[int]) -> bytes:
        """See `Evaluator`. Raises CiphertextError for any that is malformed."""
        if len(ciphertexts) != len(coefficients):
            raise ParameterError(f"{len(ciphertexts)} ciphertexts and {len(coefficients)} coefficients do not match")
        parsed = zip(self._parsed(ciphertexts), coefficients, strict=True)
        total = sum(residues.astype(object) * coefficient for residues, coefficient in parsed)
        return to_bytes((total % PRIME_WORDS.astype(object)[:, np.newaxis]).astype(np.uint64))

    def _well_formed(self, encoded: bytes) -> bool:
        try:
            from_bytes(encoded, self._coefficients)
        except CiphertextError:
            return False
        return True

    def _parsed(self, ciphertexts: Sequence[bytes]) -> Iterator[NDArray[np.uint64]]:
        if not ciphertexts:
            raise CiphertextError("there are no ciphertexts to add")
        for position, encoded in enumerate(ciphertexts):
            try:
                yield from_bytes(encoded, self._coefficients)
            except CiphertextError as error:
                raise CiphertextError(f"ciphertext {position}: {error}") from None


def bill_sums(ciphertexts: Sequence[bytes], functionals: Sequence[Functional]) -> list[bytes]:
    """One number for each functional of these reports, usually one: what the decryptor opens. See `bills_sums`."""
    [sums] = bills_sums([ciphertexts], functionals)
    return sums


def bills_sums(bills: Iterable[Sequence[bytes]], functionals: Sequence[Functional]) -> Iterator[list[bytes]]:
    """The same for many bills under the same functionals: the reports of each, in the order of their prices.

    Raises CiphertextError for a malformed report, ParameterError for functionals that weigh other reports.
    """
    factors = factors_of(functionals)
    for ciphertexts in bills:
        if len(factors) != len(ciphertexts):
            raise ParameterError(f"{len(ciphertexts)} reports do not match prices of {len(factors)}")
        reports = [weighed(*report)[np.newaxis] for report in zip(ciphertexts, factors, strict=True)]
        yield from numbers_to_bytes(added_numbers(reports))
