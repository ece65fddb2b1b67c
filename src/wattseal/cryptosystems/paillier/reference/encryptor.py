"""The meters' side on python-paillier: its random factors are powers of fresh bases, ours of one."""

from collections.abc import Sequence

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.pads.keystream import uniform_below
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.checks import require_own_labels
from wattseal.cryptosystems.paillier.encoder import SlotEncoder
from wattseal.cryptosystems.paillier.layout import SlotLayout
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.paillier.reference.library import library
from wattseal.cryptosystems.secret import Secret


class ReferenceEncryptor:
    """What PaillierEncryptor does, some ten times slower and without its tables."""

    def __init__(self, public: PublicKey, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the modulus, ImportError without python-paillier."""
        self._encoder = SlotEncoder(layout, public.parameters)
        self._public, self._key = public, library().PaillierPublicKey(public.n)

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
        n = self._public.n
        blinded = int(plaintext + uniform_below(pad_key, label.encode(Use.PAD), n)) % n
        ciphertext: int = self._key.raw_encrypt(blinded)
        return ciphertext.to_bytes(self._public.parameters.ciphertext_bytes, "little")
