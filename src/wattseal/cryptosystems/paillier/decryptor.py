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
from wattseal.cryptosystems.paillier.numbers import combined, joined, split
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import Chunk, SlotLayout
from wattseal.cryptosystems.summing import Stated

# Holds every check value that can be computed, whatever was opened.
_CHECK_BYTES = 16
_CHECK_MODULUS = mpz(1) << 8 * _CHECK_BYTES


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
        label = labels[0] if labels else None
        tag_sum = self.tag_sum(labels, tag_keys)
        return self._open((ciphertext, pad_sum), label, len(labels), (tag_sum, check_key), self._coherent(labels))

    def tag_sum(self, labels: Sequence[Label], tag_keys: Sequence[Secret]) -> bytes:
        """See `SummingDecryptor`."""
        named = list(zip(tag_keys, labels, strict=True))
        sums = (sum(member_tag(key, label, chunk.number) for key, label in named) for chunk in self._chunks)
        return joined(map(mpz, sums), _CHECK_BYTES)

    def combined(self, added: Sequence[bytes], taken: Sequence[bytes]) -> bytes:
        """See `SummingDecryptor`."""
        return combined(added, taken, _CHECK_MODULUS, _CHECK_BYTES, len(self._chunks))

    def open_summed(
        self, ciphertext: bytes, pad_sum: bytes, stated: Stated, tag_sum: bytes, check_key: Secret
    ) -> Total:
        """See `SummingDecryptor`."""
        fitting = self._fitting(*stated)
        return self._open((ciphertext, pad_sum), *stated, (tag_sum, check_key), fitting)

    def _open(
        self,
        received: tuple[bytes, bytes],
        label: Label | None,
        members: int,
        own: tuple[bytes, Secret],
        coherent: bool,
    ) -> Total:
        """`received` are the ciphertext and the pad sum, `own` the tag sum and the check key."""
        well_formed = self._well_formed(*received)
        opened = self._unblind(*(received if well_formed else self._harmless()))
        tag_sum, check_key = own
        chunks = list(zip(self._chunks, opened, split(tag_sum, _CHECK_BYTES), strict=True))
        expected = [self._weighed(chunk, found, label, check_key) + int(tags) for chunk, found, tags in chunks]
        accepted = [
            well_formed,
            coherent,
            *[self._plausible(chunk, found, members) for chunk, found, _ in chunks],
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

    def _weighed(self, chunk: Chunk, opened: Decoded, label: Label | None, check_key: Secret) -> int:
        """With the members' tags, the check value of what was opened, were it their sum."""
        weights = slot_weights(check_key, label, chunk.slots, chunk.number) if label else [0] * chunk.slots
        return opened.weighed(weights)

    def _coherent(self, labels: Sequence[Label]) -> bool:
        """All different, in one window and channel, and as many as fit."""
        return (
            len({label.encode_shared(Use.WEIGHT) for label in labels}) == 1
            and len({label.meter for label in labels}) == len(labels)
            and self._fitting(labels[0], len(labels))
        )

    def _fitting(self, label: Label, members: int) -> bool:
        """Somebody, no more meters than the slots hold, under this key."""
        return 0 < members <= self._layout.largest_group and belongs(label, self._public)

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
