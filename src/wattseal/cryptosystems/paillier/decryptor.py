"""The decryptor's side: opens a blinded total and refuses it unless it is exactly what was stated."""

import hmac
from collections.abc import Sequence

import gmpy2
from gmpy2 import mpz

from wattseal.cryptosystems.errors import ParameterError, VerificationFailed
from wattseal.cryptosystems.interface import Total
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.checks import belongs, member_tag, slot_weights
from wattseal.cryptosystems.paillier.encoder import Decoded, SlotEncoder
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.layout import SlotLayout
from wattseal.cryptosystems.secret import Secret

# Holds every check value that can be computed, whatever was opened.
_CHECK_BYTES = 16


class CrtDecryption:
    """Decryption modulo p^2 and q^2 (Paillier 1999, section 7), with exponentiation that hides its exponent."""

    def __init__(self, secret_key: SecretKey) -> None:
        self._p, self._q = secret_key.p, secret_key.q
        self._p_inverse = gmpy2.invert(self._p, self._q)
        self._p_factor, self._q_factor = gmpy2.invert(-self._q, self._p), gmpy2.invert(-self._p, self._q)

    def __call__(self, ciphertext: mpz) -> mpz:
        """The plaintext of a number that passed the door."""
        modulo_p = _modulo_prime(ciphertext, self._p, self._p_factor)
        modulo_q = _modulo_prime(ciphertext, self._q, self._q_factor)
        return modulo_p + self._p * ((modulo_q - modulo_p) * self._p_inverse % self._q)


def _modulo_prime(ciphertext: mpz, prime: mpz, factor: mpz) -> mpz:
    square = prime * prime
    return (gmpy2.powmod_sec(ciphertext % square, prime - 1, square) - 1) // prime * factor % prime


class PaillierDecryptor:
    """Opens totals of one layout with the secret key."""

    def __init__(self, secret_key: SecretKey, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the modulus."""
        self._public, self._layout = secret_key.public, layout
        self._door = PaillierEvaluator(self._public)
        self._decrypt = CrtDecryption(secret_key)
        self._encoder = SlotEncoder(layout, self._public.parameters)

    def open_total(
        self,
        ciphertext: bytes,
        pad_sum: bytes,
        labels: Sequence[Label],
        tag_keys: Sequence[Secret],
        check_key: Secret,
    ) -> Total:
        """See `Decryptor`. Everything is computed before the one decision, so that each refusal takes the same work."""
        if len(labels) != len(tag_keys):
            raise ParameterError(f"{len(labels)} labels and {len(tag_keys)} tag keys do not match")
        well_formed = self._well_formed(ciphertext, pad_sum)
        opened = self._unblind(ciphertext, pad_sum) if well_formed else self._unblind(*self._harmless())
        expected = opened.weighed(self._weights(labels, check_key)) + sum(map(member_tag, tag_keys, labels))
        accepted = (
            well_formed,
            self._coherent(labels),
            self._plausible(opened, len(labels)),
            hmac.compare_digest(_check_bytes(opened.check), _check_bytes(expected)),
        )
        if not all(accepted):
            raise VerificationFailed
        return Total(tuple(opened.reads), opened.members, tuple(opened.buckets))

    def _well_formed(self, ciphertext: bytes, pad_sum: bytes) -> bool:
        pad_fits = len(pad_sum) == self._public.parameters.plaintext_bytes and _number(pad_sum) < self._public.n
        return pad_fits and not self._door.malformed((ciphertext,))

    def _harmless(self) -> tuple[bytes, bytes]:
        """Well-formed bytes to work on in place of malformed ones."""
        sizes = self._public.parameters
        return self._public.h_s.to_bytes(sizes.ciphertext_bytes, "little"), bytes(sizes.plaintext_bytes)

    def _unblind(self, ciphertext: bytes, pad_sum: bytes) -> Decoded:
        packed = (self._decrypt(_number(ciphertext)) - _number(pad_sum)) % self._public.n
        return self._encoder.decode(packed)

    def _weights(self, labels: Sequence[Label], check_key: Secret) -> list[int]:
        slots = len(self._layout.widths)
        return slot_weights(check_key, labels[0], slots) if labels else [0] * slots

    def _coherent(self, labels: Sequence[Label]) -> bool:
        """Somebody, no more meters than the slots hold, all different, in one window and channel, under this key."""
        return (
            len({label.encode_shared(Use.WEIGHT) for label in labels}) == 1
            and len({label.meter for label in labels}) == len(labels) <= self._layout.largest_group
            and belongs(labels[0], self._public)
        )

    def _plausible(self, opened: Decoded, members: int) -> bool:
        """Without these ranges a sum that wrapped around could agree with the check value.

        Buckets are unsigned, so that none exceeds the members if they add up to them.
        """
        return all(
            (
                not opened.above,
                max(opened.reads) <= members * self._layout.largest_read,
                opened.members == members,
                sum(opened.buckets) == members,
            )
        )


def _number(encoded: bytes) -> mpz:
    return mpz(int.from_bytes(encoded, "little"))


def _check_bytes(check: int) -> bytes:
    return check.to_bytes(_CHECK_BYTES, "little")
