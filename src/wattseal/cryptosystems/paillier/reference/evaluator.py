"""The aggregator's side on python-paillier: its sums, behind our own door."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from wattseal.cryptosystems.errors import CiphertextError, ParameterError
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.paillier.reference.library import library


class ReferenceEvaluator(PaillierEvaluator):
    """What PaillierEvaluator does, byte for byte. The door is its own: python-paillier checks nothing."""

    def __init__(self, public: PublicKey) -> None:
        """Raises ImportError without python-paillier."""
        super().__init__(public)
        self._key = library().PaillierPublicKey(public.n)

    def sum_many(self, ciphertexts: Sequence[bytes]) -> bytes:
        """See `Evaluator`."""
        return self._encoded(reduce(add, self._encrypted(ciphertexts)))

    def linear(self, ciphertexts: Sequence[bytes], coefficients: Sequence[int]) -> bytes:
        """See `Evaluator`. Raises ParameterError for coefficients above a third of the modulus."""
        if len(ciphertexts) != len(coefficients):
            raise ParameterError(f"{len(ciphertexts)} ciphertexts and {len(coefficients)} coefficients do not match")
        if any(abs(coefficient) > self._key.max_int for coefficient in coefficients):
            raise ParameterError("python-paillier takes coefficients of up to a third of the modulus")
        numbers = self._encrypted(ciphertexts)
        try:
            return self._encoded(
                reduce(add, (number * times for number, times in zip(numbers, coefficients, strict=True)))
            )
        except ZeroDivisionError:
            raise CiphertextError("a ciphertext has no inverse") from None

    def _encrypted(self, ciphertexts: Sequence[bytes]) -> list[Any]:
        """Exponent 0 throughout: it is python-paillier's own, for fractions, and a large one never ends."""
        kind = library().EncryptedNumber
        return [kind(self._key, int(number), exponent=0) for number in self._numbers(ciphertexts)]

    def _encoded(self, number: Any) -> bytes:  # noqa: ANN401 - python-paillier has no types
        """Not `be_secure`: that would re-randomize the sum, so that no two aggregators had the same bytes."""
        ciphertext: int = number.ciphertext(be_secure=False)
        return ciphertext.to_bytes(self._bytes, "little")
