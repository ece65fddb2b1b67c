"""The aggregator's side on python-paillier: its sums, behind our own door."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from gmpy2 import mpz

from wattseal.cryptosystems.errors import CiphertextError, ParameterError
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.paillier.reference.library import library
from wattseal.cryptosystems.slots.layout import SlotLayout


class ReferenceEvaluator(PaillierEvaluator):
    """What PaillierEvaluator does, byte for byte. The door is its own: python-paillier checks nothing."""

    def __init__(self, public: PublicKey, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the modulus, BackendError without python-paillier."""
        super().__init__(public, layout)
        self._paillier = library()
        self._key = self._paillier.PaillierPublicKey(public.n)

    def linear(self, ciphertexts: Sequence[bytes], coefficients: Sequence[int]) -> bytes:
        """See `Evaluator`. Raises ParameterError for coefficients above a third of the modulus."""
        if any(abs(coefficient) > self._key.max_int for coefficient in coefficients):
            raise ParameterError("python-paillier takes coefficients of up to a third of the modulus")
        return super().linear(ciphertexts, coefficients)

    def _sum(self, numbers: Sequence[mpz]) -> mpz:
        return _number(reduce(add, map(self._sealed, numbers)))

    def _combination(self, numbers: Sequence[mpz], coefficients: Sequence[int]) -> mpz:
        terms = zip(map(self._sealed, numbers), coefficients, strict=True)
        try:
            return _number(reduce(add, (sealed * times for sealed, times in terms)))
        except ZeroDivisionError:
            raise CiphertextError("a ciphertext has no inverse") from None

    def _sealed(self, number: mpz) -> Any:  # noqa: ANN401 - python-paillier has no types
        """Exponent 0 throughout: it is python-paillier's own, for fractions, and a large one never ends."""
        return self._paillier.EncryptedNumber(self._key, int(number), exponent=0)


def _number(sealed: Any) -> mpz:  # noqa: ANN401
    """Not `be_secure`: that would re-randomize the sum, so that no two aggregators had the same bytes."""
    return mpz(sealed.ciphertext(be_secure=False))
