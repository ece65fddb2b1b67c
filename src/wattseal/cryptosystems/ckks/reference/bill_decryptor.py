"""The decryptor's side of bills on SEAL: one coefficient of what it decrypts."""

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.bill_decryptor import BillDecryptor, Unmasking
from wattseal.cryptosystems.ckks.parameters import PRIMES, CkksParameters
from wattseal.cryptosystems.ckks.reference.seal import seal_of
from wattseal.cryptosystems.ckks.residues import PRIME_WORDS, number_of
from wattseal.cryptosystems.ckks.scales import Cycle
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret


class SealBillDecryptor(BillDecryptor):
    """What BillDecryptor does."""

    def __init__(self, parameters: CkksParameters, secret_key: Secret, label: Label, cycle: Cycle) -> None:
        """Raises BackendError without TenSEAL."""
        super().__init__(parameters, secret_key, label, cycle)
        self._seal = seal_of(parameters)

    def _decrypted(self, unblinded: int, unmasking: Unmasking) -> int:
        number = np.array([[unblinded % prime] for prime in PRIMES], dtype=np.uint64)
        ciphertext = self._seal.ciphertext(number, self._seal.transform(_reflected(unmasking.residues)))
        first, second = self._seal.open(ciphertext, self._secret.astype(np.float64))[:, 0].tolist()
        return number_of(first, second)


def _reflected(residues: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The polynomial of whose product with s coefficient 0 is the scalar product of `residues` and s."""
    negated = PRIME_WORDS[:, np.newaxis] - residues[:, :0:-1]
    return np.concatenate((residues[:, :1], negated % PRIME_WORDS[:, np.newaxis]), axis=1)
