"""The aggregator's side: sums of words modulo 2^64. It needs no key, not even a public one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import CiphertextError, ParameterError
from wattseal.cryptosystems.masking.parameters import WORD_BITS, MaskingParameters
from wattseal.cryptosystems.masking.words import from_bytes, to_bytes


class MaskingEvaluator:
    """Adds ciphertexts of one layout."""

    def __init__(self, parameters: MaskingParameters) -> None:
        self._bytes = parameters.ciphertext_bytes

    def malformed(self, ciphertexts: Sequence[bytes]) -> list[int]:
        """See `Evaluator`. Any bytes of the exact length are a ciphertext."""
        return [i for i, encoded in enumerate(ciphertexts) if len(encoded) != self._bytes]

    def add(self, a: bytes, b: bytes) -> bytes:
        """See `Evaluator`."""
        return self.sum_many((a, b))

    def sum_many(self, ciphertexts: Sequence[bytes]) -> bytes:
        """See `Evaluator`."""
        return to_bytes(self._words(ciphertexts).sum(axis=0))

    def linear(self, ciphertexts: Sequence[bytes], coefficients: Sequence[int]) -> bytes:
        """See `Evaluator`."""
        if len(ciphertexts) != len(coefficients):
            raise ParameterError(f"{len(ciphertexts)} ciphertexts and {len(coefficients)} coefficients do not match")
        words = self._words(ciphertexts)
        factors = np.array([coefficient % (1 << WORD_BITS) for coefficient in coefficients], dtype=np.uint64)
        return to_bytes((words * factors[:, np.newaxis]).sum(axis=0))

    def _words(self, ciphertexts: Sequence[bytes]) -> NDArray[np.uint64]:
        if not ciphertexts:
            raise CiphertextError("there are no ciphertexts to add")
        for position in self.malformed(ciphertexts):
            raise CiphertextError(f"ciphertext {position} has {len(ciphertexts[position])} bytes, not {self._bytes}")
        return from_bytes(ciphertexts)
