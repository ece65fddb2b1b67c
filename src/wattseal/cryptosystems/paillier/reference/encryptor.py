"""The meters' side on python-paillier: its random factors are powers of fresh bases, ours of one."""

from gmpy2 import mpz

from wattseal.cryptosystems.paillier.encryptor import BlindingEncryptor
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.paillier.reference.library import library
from wattseal.cryptosystems.slots.layout import SlotLayout


class ReferenceEncryptor(BlindingEncryptor):
    """What PaillierEncryptor does, some ten times slower and without its tables."""

    def __init__(self, public: PublicKey, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the modulus, BackendError without python-paillier."""
        super().__init__(public, layout)
        self._key = library().PaillierPublicKey(public.n)

    def _encrypted(self, plaintext: mpz) -> mpz:
        return mpz(self._key.raw_encrypt(int(plaintext)))
