"""The meters' side: encode, blind, encrypt."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
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
from wattseal.cryptosystems.paillier.numbers import joined
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout


class BlindingEncryptor(ABC):
    """All but the encryption itself, which is what backends differ in."""

    def __init__(self, public: PublicKey, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the modulus."""
        self._encoder = SlotEncoder(layout, public.parameters)
        self._public, self._n = public, mpz(public.n)

    def encrypt(self, reads: NDArray[np.int64], labels: Sequence[Label], keys: Sequence[MeterKeys]) -> list[bytes]:
        """See `Encryptor`."""
        if not len(labels) == len(keys) == len(reads):
            raise ParameterError(f"{len(reads)} meters, {len(labels)} labels and {len(keys)} keys do not match")
        require_own_labels(labels, self._public)
        days = self._encoder.encode(reads, labels, keys)
        size = self._public.parameters.ciphertext_bytes
        return [
            joined(map(self._encrypted, self._blinded(day, label, key.pad_key)), size)
            for day, label, key in zip(days, labels, keys, strict=True)
        ]

    def _blinded(self, plaintexts: Sequence[mpz], label: Label, pad_key: Secret) -> Iterator[mpz]:
        for chunk, plaintext in enumerate(plaintexts):
            yield (plaintext + uniform_below(pad_key, label.encode(Use.PAD, chunk), self._n)) % self._n

    @abstractmethod
    def _encrypted(self, plaintext: mpz) -> mpz:
        """Under a fresh random factor."""


class PaillierEncryptor(BlindingEncryptor):
    """Encrypts for one key and layout. Building it computes 38 MB of tables: once a process, from picklable parts."""

    def __init__(self, public: PublicKey, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the modulus."""
        super().__init__(public, layout)
        self._n_squared = mpz(public.n) ** 2
        self._random_factor = FixedBase(public.h_s, public.n**2, public.parameters.exponent_bytes)

    def _encrypted(self, plaintext: mpz) -> mpz:
        factor = self._random_factor.power(urandom(self._public.parameters.exponent_bytes))
        return (1 + plaintext * self._n) * factor % self._n_squared
