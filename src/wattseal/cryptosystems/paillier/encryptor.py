"""The meters' side: encode, blind, encrypt."""

from collections.abc import Sequence
from os import urandom

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.pads.keystream import uniform_below
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.checks import require_own_labels
from wattseal.cryptosystems.paillier.encoder import SlotEncoder
from wattseal.cryptosystems.paillier.fixed_base import FixedBase
from wattseal.cryptosystems.paillier.layout import SlotLayout
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.secret import Secret


class PaillierEncryptor:
    """Encrypts for one key and layout. Building it computes 38 MB of tables: once a process, from picklable parts."""

    def __init__(self, public: PublicKey, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the modulus."""
        self._encoder = SlotEncoder(layout, public.parameters)
        self._public = public
        self._n, self._n_squared = mpz(public.n), mpz(public.n) ** 2
        self._random_factor = FixedBase(public.h_s, public.n**2, public.parameters.exponent_bytes)

    def encrypt(self, reads: NDArray[np.int64], labels: Sequence[Label], keys: Sequence[MeterKeys]) -> list[bytes]:
        """See `Encryptor`."""
        if not len(labels) == len(keys) == len(reads):
            raise ParameterError(f"{len(reads)} meters, {len(labels)} labels and {len(keys)} keys do not match")
        require_own_labels(labels, self._public)
        plaintexts = self._encoder.encode(reads, labels, keys)
        return [
            self._seal(plaintext, label, key.pad_key)
            for plaintext, label, key in zip(plaintexts, labels, keys, strict=True)
        ]

    def _seal(self, plaintext: mpz, label: Label, pad_key: Secret) -> bytes:
        n, n_squared = self._n, self._n_squared
        blinded = (plaintext + uniform_below(pad_key, label.encode(Use.PAD), n)) % n
        factor = self._random_factor.power(urandom(self._public.parameters.exponent_bytes))
        ciphertext = (1 + blinded * n) * factor % n_squared
        encoded: bytes = ciphertext.to_bytes(self._public.parameters.ciphertext_bytes, "little")
        return encoded
