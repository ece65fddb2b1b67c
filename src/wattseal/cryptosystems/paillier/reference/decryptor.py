"""The decryptor's side on python-paillier: its decryption between our own door and checks."""

from gmpy2 import mpz

from wattseal.cryptosystems.paillier.decryptor import PaillierDecryptor
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.reference.library import library
from wattseal.cryptosystems.slots.layout import SlotLayout


class ReferenceDecryptor(PaillierDecryptor):
    """What PaillierDecryptor does. python-paillier's exponentiation does not hide its exponent."""

    def __init__(self, secret_key: SecretKey, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the modulus, BackendError without python-paillier."""
        super().__init__(secret_key, layout)
        paillier, n = library(), secret_key.public.n
        self._key = paillier.PaillierPrivateKey(paillier.PaillierPublicKey(n), int(secret_key.p), int(secret_key.q))

    def _decrypted(self, number: mpz) -> mpz:
        return mpz(self._key.raw_decrypt(int(number)))
