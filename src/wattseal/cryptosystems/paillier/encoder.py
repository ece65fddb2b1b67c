"""From a day of reads to plaintexts with their check slots, and from opened totals back to their slots."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.checks import member_tag, slot_weights
from wattseal.cryptosystems.paillier.parameters import PaillierParameters
from wattseal.cryptosystems.slots.layout import Chunk, SlotLayout
from wattseal.cryptosystems.slots.reads import require_reads
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
    """Encodes and decodes days of one layout, one plaintext a chunk."""

    def __init__(self, layout: SlotLayout, parameters: PaillierParameters) -> None:
        """Raises ParameterError if the layout does not fit the modulus."""
        self._layout = layout
        self._chunks = [ChunkEncoder(chunk, parameters) for chunk in layout.chunks(parameters.modulus_bits)]

    def encode(
        self, reads: NDArray[np.int64], labels: Sequence[Label], keys: Sequence[MeterKeys]
    ) -> list[tuple[mpz, ...]]:
        """The plaintexts of each meter. Raises PlaintextError for reads that the layout cannot hold."""
        require_reads(reads, self._layout)
        days = np.ascontiguousarray(reads)
        return list(zip(*(chunk.pack(days, labels, keys) for chunk in self._chunks), strict=True))

    def decode(self, plaintexts: Sequence[mpz]) -> list[Decoded]:
        """One plaintext a chunk, at least 0 and below the modulus."""
        return [chunk.unpack(plaintext) for chunk, plaintext in zip(self._chunks, plaintexts, strict=True)]


class ChunkEncoder:
    """The same for one chunk and for reads that were checked."""

    def __init__(self, chunk: Chunk, parameters: PaillierParameters) -> None:
        self._chunk, self._parameters = chunk, parameters

    def pack(self, days: NDArray[np.int64], labels: Sequence[Label], keys: Sequence[MeterKeys]) -> list[mpz]:
        """One plaintext a meter, from whole days."""
        tags = [member_tag(key.tag_key, label, self._chunk.number) for label, key in zip(labels, keys, strict=True)]
        weights, group = self._weights(labels, keys)
        limbs = np.empty((len(days), self._parameters.limbs), dtype=np.uint64)
        checks = Checks(weights, group, np.array(tags, dtype=np.uint64))
        fill = pack_on_all_cores if len(days) >= _FLEET else pack
        fill(days, self._chunk.table, checks, limbs)
        return [mpz(int.from_bytes(row.tobytes(), "little")) for row in limbs.astype("<u8", copy=False)]

    def unpack(self, plaintext: mpz) -> Decoded:
        encoded: bytes = plaintext.to_bytes(self._parameters.plaintext_bytes, "little")
        limbs = np.frombuffer(encoded, dtype="<u8").astype(np.uint64).reshape(1, -1)
        slots = Slots(
            values=np.empty((1, self._chunk.slots), dtype=np.uint64),
            checks=np.empty((1, 2), dtype=np.uint64),
            above=np.empty(1, dtype=np.bool_),
        )
        unpack(limbs, self._chunk.table, slots)
        values, reads = slots.values[0].tolist(), self._chunk.reads
        low, high = slots.checks[0].tolist()
        above = bool(slots.above[0])
        return Decoded(values[:reads], values[reads], values[reads + 1 :], high << 64 | low, above)

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
                rows.append(slot_weights(key.check_key, label, self._chunk.slots, self._chunk.number))
            group[meter] = groups[name]
        return np.array(rows, dtype=np.uint64).reshape(len(rows), self._chunk.slots), group
