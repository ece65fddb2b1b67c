"""The decryptor's side: opens a blinded total and refuses it unless it is exactly what was stated."""

import hmac
from collections.abc import Sequence
from itertools import chain

import gmpy2
from gmpy2 import mpz

from wattseal.cryptosystems.errors import ParameterError, VerificationFailed
from wattseal.cryptosystems.interface import Total
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.checks import belongs, member_tag, slot_weights
from wattseal.cryptosystems.paillier.encoder import Decoded, SlotEncoder
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.numbers import split
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import Chunk, SlotLayout

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
        self._chunks = layout.chunks(self._public.parameters.modulus_bits)
        self._door = PaillierEvaluator(self._public, layout)
        self._crt = CrtDecryption(secret_key)
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
        chunks = list(zip(self._chunks, opened, strict=True))
        expected = [self._expected(*chunk, labels, tag_keys, check_key) for chunk in chunks]
        accepted = [
            well_formed,
            self._coherent(labels),
            *[self._plausible(*chunk, len(labels)) for chunk in chunks],
            hmac.compare_digest(_check_bytes([found.check for found in opened]), _check_bytes(expected)),
        ]
        if not all(accepted):
            raise VerificationFailed
        reads = tuple(chain.from_iterable(found.reads for found in opened))
        return Total(reads, opened[0].members, tuple(opened[0].buckets))

    def _well_formed(self, ciphertext: bytes, pad_sum: bytes) -> bool:
        size = self._public.parameters.plaintext_bytes
        pad_fits = len(pad_sum) == len(self._chunks) * size and max(split(pad_sum, size)) < self._public.n
        return pad_fits and not self._door.malformed((ciphertext,))

    def _harmless(self) -> tuple[bytes, bytes]:
        """Well-formed bytes to work on in place of malformed ones."""
        sizes = self._public.parameters
        sealed = self._public.h_s.to_bytes(sizes.ciphertext_bytes, "little")
        return sealed * len(self._chunks), bytes(sizes.plaintext_bytes * len(self._chunks))

    def _unblind(self, ciphertext: bytes, pad_sum: bytes) -> list[Decoded]:
        sizes = self._public.parameters
        sealed, pads = split(ciphertext, sizes.ciphertext_bytes), split(pad_sum, sizes.plaintext_bytes)
        packed = [(self._decrypted(c) - pad) % self._public.n for c, pad in zip(sealed, pads, strict=True)]
        return self._encoder.decode(packed)

    def _decrypted(self, number: mpz) -> mpz:
        return self._crt(number)

    def _expected(
        self, chunk: Chunk, opened: Decoded, labels: Sequence[Label], tag_keys: Sequence[Secret], check_key: Secret
    ) -> int:
        """The check value of what was opened, were it the stated members' sum."""
        weights = slot_weights(check_key, labels[0], chunk.slots, chunk.number) if labels else [0] * chunk.slots
        tags = (member_tag(key, label, chunk.number) for key, label in zip(tag_keys, labels, strict=True))
        return opened.weighed(weights) + sum(tags)

    def _coherent(self, labels: Sequence[Label]) -> bool:
        """Somebody, no more meters than the slots hold, all different, in one window and channel, under this key."""
        return (
            len({label.encode_shared(Use.WEIGHT) for label in labels}) == 1
            and len({label.meter for label in labels}) == len(labels) <= self._layout.largest_group
            and belongs(labels[0], self._public)
        )

    def _plausible(self, chunk: Chunk, opened: Decoded, members: int) -> bool:
        """Without these ranges a sum that wrapped around could agree with the check value.

        Buckets are unsigned, so that none exceeds the members if they add up to them.
        """
        return all(
            (
                not opened.above,
                max(opened.reads) <= members * self._layout.largest_read,
                opened.members == members,
                sum(opened.buckets) == (members if chunk.buckets else 0),
            )
        )


def _check_bytes(checks: Sequence[int]) -> bytes:
    return b"".join(check.to_bytes(_CHECK_BYTES, "little") for check in checks)
