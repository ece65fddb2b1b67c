"""From a day of reads to one plaintext with its check slot, and from an opened total back to its slots."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import PlaintextError
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.checks import member_tag, slot_weights
from wattseal.cryptosystems.paillier.layout import SlotLayout
from wattseal.cryptosystems.paillier.parameters import PaillierParameters
from wattseal.kernels.slots import Checks, Slots, pack, pack_on_all_cores, unpack

_FLEET = 4096
"""From so many meters on, packing on all cores is worth starting threads for."""


class Decoded(NamedTuple):
    """The slots of any plaintext; `above` tells whether a bit above the check slot is set."""

    reads: list[int]
    members: int
    buckets: list[int]
    check: int
    above: bool

    def weighed(self, weights: Sequence[int]) -> int:
        values = (*self.reads, self.members, *self.buckets)
        return sum(weight * value for weight, value in zip(weights, values, strict=True))


class SlotEncoder:
    """Encodes and decodes plaintexts of one layout. Raises ParameterError if the layout does not fit."""

    def __init__(self, layout: SlotLayout, parameters: PaillierParameters) -> None:
        layout.require_fit(parameters.modulus_bits)
        self._layout, self._parameters = layout, parameters
        self._slots = len(layout.widths)

    def encode(self, reads: NDArray[np.int64], labels: Sequence[Label], keys: Sequence[MeterKeys]) -> list[mpz]:
        """One plaintext a meter. Raises PlaintextError for reads that the layout cannot hold."""
        self._check(reads)
        tags = [member_tag(key.tag_key, label) for label, key in zip(labels, keys, strict=True)]
        weights, group = self._weights(labels, keys)
        limbs = np.empty((len(reads), self._parameters.limbs), dtype=np.uint64)
        checks = Checks(weights, group, np.array(tags, dtype=np.uint64))
        fill = pack_on_all_cores if len(reads) >= _FLEET else pack
        fill(np.ascontiguousarray(reads), self._layout.table, checks, limbs)
        return [mpz(int.from_bytes(row.tobytes(), "little")) for row in limbs.astype("<u8", copy=False)]

    def decode(self, plaintext: mpz) -> Decoded:
        """`plaintext` is at least 0 and below the modulus."""
        encoded: bytes = plaintext.to_bytes(self._parameters.plaintext_bytes, "little")
        limbs = np.frombuffer(encoded, dtype="<u8").astype(np.uint64).reshape(1, -1)
        slots = Slots(
            values=np.empty((1, self._slots), dtype=np.uint64),
            checks=np.empty((1, 2), dtype=np.uint64),
            above=np.empty(1, dtype=np.bool_),
        )
        unpack(limbs, self._layout.table, slots)
        values, intervals = slots.values[0].tolist(), self._layout.intervals
        low, high = slots.checks[0].tolist()
        above = bool(slots.above[0])
        return Decoded(values[:intervals], values[intervals], values[intervals + 1 :], high << 64 | low, above)

    def _weights(
        self, labels: Sequence[Label], keys: Sequence[MeterKeys]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Weights by group of meters that share label and check key, and each meter's group."""
        groups: dict[tuple[bytes, bytes], int] = {}
        rows: list[list[int]] = []
        group = np.empty(len(labels), dtype=np.int64)
        for meter, (label, key) in enumerate(zip(labels, keys, strict=True)):
            name = (label.encode_shared(Use.WEIGHT), key.check_key.expose())
            if name not in groups:
                groups[name] = len(rows)
                rows.append(slot_weights(key.check_key, label, self._slots))
            group[meter] = groups[name]
        return np.array(rows, dtype=np.uint64).reshape(len(rows), self._slots), group

    def _check(self, reads: NDArray[np.int64]) -> None:
        """Names the first read that does not fit by its place, never by its value."""
        intervals, largest = self._layout.intervals, self._layout.largest_read
        if reads.dtype != np.int64 or reads.ndim != 2 or reads.shape[1] != intervals:
            raise PlaintextError(
                f"reads must be int64 of shape (meters, {intervals}), not {reads.dtype} of shape {reads.shape}"
            )
        outside = (reads < 0) | (reads > largest)
        if outside.any():
            meter, interval = (int(i) for i in np.argwhere(outside)[0])
            fault = "is negative" if reads[meter, interval] < 0 else f"exceeds {largest}, the largest allowed"
            raise PlaintextError(f"the read of meter {meter} in interval {interval} {fault}")
