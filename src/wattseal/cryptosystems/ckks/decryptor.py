"""The decryptor's side: opens a blinded total and refuses it unless it is exactly what was stated."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.checks import belongs
from wattseal.cryptosystems.ckks.encoder import SPARE, coefficient_count
from wattseal.cryptosystems.ckks.functional import noise_bound
from wattseal.cryptosystems.ckks.opening import Opened, nearest_multiple
from wattseal.cryptosystems.ckks.parameters import CkksParameters
from wattseal.cryptosystems.ckks.polynomials import times_public, transformed
from wattseal.cryptosystems.ckks.residues import from_bytes, number_of
from wattseal.cryptosystems.ckks.scales import total_scale
from wattseal.cryptosystems.ckks.secret_sums import SecretSums
from wattseal.cryptosystems.errors import CiphertextError, ParameterError, VerificationFailed
from wattseal.cryptosystems.interface import Total
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout


class CkksDecryptor:
    """Opens totals of one layout. Its secrets are the keys of the members, handed to each call."""

    def __init__(self, parameters: CkksParameters, layout: SlotLayout, sums: SecretSums | None = None) -> None:
        """Sums of secrets are kept from one total to the next in `sums`, for this decryptor alone if it is not given.

        Raises ParameterError if the layout does not fit the ring.
        """
        self._parameters, self._layout = parameters, layout
        self._sums = SecretSums(parameters) if sums is None else sums
        self._coefficients = coefficient_count(parameters, layout)

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
        sealed, pads = self._parsed(ciphertext), self._parsed(pad_sum)
        well_formed = sealed is not None and pads is not None
        unblinded = self._signed(sealed) - self._signed(pads)
        decrypted = self._decrypted(unblinded, self._secrets(labels, tag_keys))
        scale = total_scale(check_key, labels[0]) if labels else 1
        opened = [nearest_multiple(number_of(first, second), scale) for first, second in decrypted.T.tolist()]
        total = self._total(opened)
        accepted = (
            well_formed,
            self._coherent(labels),
            self._in_range(total, len(labels)),
            total.members == sum(total.buckets) == len(labels),
            not any(value for value, _ in opened[-SPARE:]),
            max(distance for _, distance in opened) <= noise_bound(max(len(labels), 1)),
        )
        if not all(accepted):
            raise VerificationFailed
        return total

    def _parsed(self, encoded: bytes) -> NDArray[np.uint64] | None:
        try:
            return from_bytes(encoded, self._coefficients)
        except CiphertextError:
            return None

    def _signed(self, residues: NDArray[np.uint64] | None) -> NDArray[np.int64]:
        """Zeros to work on in place of malformed bytes."""
        return np.zeros((2, self._coefficients), dtype=np.int64) if residues is None else residues.astype(np.int64)

    def _secrets(
        self, labels: Sequence[Label], secret_keys: Sequence[Secret]
    ) -> Sequence[tuple[Label, NDArray[np.float64]]]:
        """Secrets add up: one sum for each a that occurs, with a label that names it; every number has its own."""
        by_number: dict[tuple[object, ...], tuple[Label, dict[str, Secret]]] = {}
        for label, key in zip(labels, secret_keys, strict=True):
            _, members = by_number.setdefault(_without_meter(label), (label, {}))
            members[label.meter] = key
        return [(label, self._sums.of(label, members).astype(np.float64)) for label, members in by_number.values()]

    def _decrypted(
        self, unblinded: NDArray[np.int64], secrets: Sequence[tuple[Label, NDArray[np.float64]]]
    ) -> NDArray[np.int64]:
        """Residues (2, coefficients), in no particular range, of scaled values and errors."""
        decrypted = unblinded.copy()
        for label, secret in secrets:
            product = times_public(self._parameters, label, transformed(self._parameters, secret))
            decrypted += product[:, : self._coefficients].astype(np.int64)
        return decrypted

    def _total(self, opened: Sequence[Opened]) -> Total:
        intervals, slots = self._layout.intervals, [value for value, _ in opened[:-SPARE]]
        return Total(tuple(slots[:intervals]), slots[intervals], tuple(slots[intervals + 1 :]))

    def _in_range(self, total: Total, members: int) -> bool:
        """Buckets that are not negative do not exceed the members whom they add up to."""
        within_reads = min(total.reads) >= 0 and max(total.reads) <= members * self._layout.largest_read
        return within_reads and min(total.buckets) >= 0

    def _coherent(self, labels: Sequence[Label]) -> bool:
        """Somebody, no more meters than the sums have room for, all different, in one window and channel."""
        return (
            len({label.encode_shared(Use.A) for label in labels}) == 1
            and len({label.meter for label in labels}) == len(labels) <= self._layout.largest_group
            and belongs(labels[0], self._parameters)
        )


def _without_meter(label: Label) -> tuple[object, ...]:
    return (*label[:3], *label[4:])
