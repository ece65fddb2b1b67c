"""CKKS as one of the schemes of the conformance suite."""

import secrets

import numpy as np

from tests.cryptosystems.conformance.schemes import Scheme
from wattseal.cryptosystems.ckks.decryptor import CkksDecryptor
from wattseal.cryptosystems.ckks.encoder import coefficient_count
from wattseal.cryptosystems.ckks.encryptor import CkksEncryptor
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator
from wattseal.cryptosystems.ckks.parameters import MODULUS_ID, PRIMES, CkksParameters
from wattseal.cryptosystems.ckks.residues import from_bytes, to_bytes
from wattseal.cryptosystems.ckks.unblinder import CkksUnblinder
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout

MODULI = np.array(PRIMES, dtype=object)[:, np.newaxis]


class CkksAttacker:
    def __init__(self, coefficients: int) -> None:
        self._coefficients = coefficients

    def add_to_slot(self, ciphertext: bytes, slot: int, amount: int) -> bytes:
        """In steps of the likeliest scale. A spare coefficient is meant by the check slot."""
        return self.add_to_coefficient(ciphertext, slot, amount * 3 << 62)

    def add_to_coefficient(self, ciphertext: bytes, coefficient: int, amount: int) -> bytes:
        numbers = from_bytes(ciphertext, self._coefficients).astype(object)
        numbers[:, coefficient] += amount
        return to_bytes((numbers % MODULI).astype(np.uint64))

    def shift_slots(self, ciphertext: bytes) -> bytes:
        """Times X, as far as the coefficients in use go."""
        residues = from_bytes(ciphertext, self._coefficients)
        return to_bytes(np.roll(residues, 1, axis=1))

    def rerandomize(self, ciphertext: bytes) -> bytes:
        """Anyone can add to the errors."""
        for coefficient in range(self._coefficients):
            ciphertext = self.add_to_coefficient(ciphertext, coefficient, secrets.choice((-2, -1, 1, 2)))
        return ciphertext


def ckks(parameters: CkksParameters, layout: SlotLayout) -> Scheme:
    coefficients = coefficient_count(parameters, layout)
    return Scheme(
        suite=parameters.suite,
        modulus_id=MODULUS_ID,
        layout=layout,
        encryptor=CkksEncryptor(parameters, layout, Secret(secrets.token_bytes(32))),
        evaluator=CkksEvaluator(coefficients),
        unblinder=CkksUnblinder(parameters, coefficients),
        decryptor=CkksDecryptor(parameters, layout),
        attacker=CkksAttacker(coefficients),
    )
