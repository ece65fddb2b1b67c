"""The decryptor's side: opens a blinded total and refuses it unless it is exactly what was stated."""

import hmac
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import ParameterError, VerificationFailed
from wattseal.cryptosystems.interface import Total
from wattseal.cryptosystems.masking.checks import belongs, slot_weights
from wattseal.cryptosystems.masking.parameters import CHECKS, MaskingParameters
from wattseal.cryptosystems.masking.streams import stream_sum
from wattseal.cryptosystems.masking.words import combined, from_bytes, to_bytes
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.summing import Stated


class MaskingDecryptor:
    """Opens totals of one layout. Its secrets are the keys of the members, handed to each call."""

    def __init__(self, parameters: MaskingParameters) -> None:
        self._parameters, self._layout = parameters, parameters.layout

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
        streams = self.tag_sum(labels, tag_keys)
        return self._open((ciphertext, pad_sum), label, len(labels), (streams, check_key), self._coherent(labels))

    def tag_sum(self, labels: Sequence[Label], tag_keys: Sequence[Secret]) -> bytes:
        """See `SummingDecryptor`: here it is the members' keystreams that add up."""
        return to_bytes(stream_sum(self._parameters.words, tag_keys, labels, Use.SECRET))

    def combined(self, added: Sequence[bytes], taken: Sequence[bytes]) -> bytes:
        """See `SummingDecryptor`."""
        return combined(added, taken, self._parameters.words)

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
        """`received` are the ciphertext and the pad sum, `own` the sum of keystreams and the check key."""
        well_formed = all(len(encoded) == self._parameters.ciphertext_bytes for encoded in received)
        streams, check_key = own
        sealed, pads, own_sum = from_bytes((*(received if well_formed else self._harmless()), streams))
        opened = sealed - pads - own_sum
        values, checks = opened[:-CHECKS], opened[-CHECKS:]
        total = self._total(values)
        accepted = (
            well_formed,
            coherent,
            self._in_range(total, members),
            total.members == sum(total.buckets) == members,
            hmac.compare_digest(to_bytes(checks), to_bytes(self._weights(label, check_key) @ values)),
        )
        if not all(accepted):
            raise VerificationFailed
        return total

    def _harmless(self) -> tuple[bytes, bytes]:
        """Well-formed bytes to work on in place of malformed ones."""
        zeros = bytes(self._parameters.ciphertext_bytes)
        return zeros, zeros

    def _total(self, values: NDArray[np.uint64]) -> Total:
        """In Python's integers: their sums cannot wrap around."""
        intervals, slots = self._layout.intervals, values.tolist()
        return Total(tuple(slots[:intervals]), slots[intervals], tuple(slots[intervals + 1 :]))

    def _in_range(self, total: Total, members: int) -> bool:
        """Every slot as an unsigned number, before anything that holds modulo 2^64 only counts for anything.

        A bucket 2^63 too high twice leaves the sum of buckets, and one time in four both check words, as they were.
        """
        return max(total.reads) <= members * self._layout.largest_read and max(total.buckets) <= members

    def _coherent(self, labels: Sequence[Label]) -> bool:
        """All different, in one window and channel, and as many as fit."""
        return (
            len({label.encode_shared(Use.WEIGHT) for label in labels}) == 1
            and len({label.meter for label in labels}) == len(labels)
            and self._fitting(labels[0], len(labels))
        )

    def _fitting(self, label: Label, members: int) -> bool:
        """Somebody, and no more meters than the sums have room for."""
        return 0 < members <= self._layout.largest_group and belongs(label)

    def _weights(self, label: Label | None, check_key: Secret) -> NDArray[np.uint64]:
        slots = self._parameters.slots
        return slot_weights(check_key, label, slots) if label else np.zeros((CHECKS, slots), dtype=np.uint64)
