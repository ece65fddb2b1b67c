"""The decryptor's side of totals on SEAL: its decryption between our own codec and checks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.decryptor import CkksDecryptor
from wattseal.cryptosystems.ckks.parameters import CkksParameters
from wattseal.cryptosystems.ckks.polynomials import public_polynomial
from wattseal.cryptosystems.ckks.reference.seal import seal_of
from wattseal.cryptosystems.ckks.residues import PRIME_WORDS
from wattseal.cryptosystems.ckks.secret_sums import SecretSums
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.slots.layout import SlotLayout


class SealDecryptor(CkksDecryptor):
    """What CkksDecryptor does."""

    def __init__(self, parameters: CkksParameters, layout: SlotLayout, sums: SecretSums | None = None) -> None:
        """Raises ParameterError if the layout does not fit the ring, BackendError without TenSEAL."""
        super().__init__(parameters, layout, sums)
        self._seal = seal_of(parameters)

    def _decrypted(
        self, unblinded: NDArray[np.int64], secrets: Sequence[tuple[Label, NDArray[np.float64]]]
    ) -> NDArray[np.int64]:
        rest = (unblinded % PRIME_WORDS.astype(np.int64)[:, np.newaxis]).astype(np.uint64)
        for label, secret in secrets:
            ciphertext = self._seal.ciphertext(rest, public_polynomial(self._parameters, label))
            rest = self._seal.open(ciphertext, secret)[:, : rest.shape[1]]
        return rest.astype(np.int64)
