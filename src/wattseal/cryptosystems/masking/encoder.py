"""From a day of reads to words with their check words, still unmasked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.masking.checks import slot_weights
from wattseal.cryptosystems.masking.parameters import CHECKS, MaskingParameters
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.slots.reads import require_reads
from wattseal.kernels.masking import Weights, encode


class WordEncoder:
    """Encodes days of one layout."""

    def __init__(self, parameters: MaskingParameters) -> None:
        self._parameters, self._layout = parameters, parameters.layout

    def encode(
        self, reads: NDArray[np.int64], labels: Sequence[Label], keys: Sequence[MeterKeys]
    ) -> NDArray[np.uint64]:
        """Words of shape (meters, words). Raises PlaintextError for reads that the layout cannot hold."""
        require_reads(reads, self._layout)
        words = np.empty((len(reads), self._parameters.words), dtype=np.uint64)
        edges = self._layout.edges
        encode(np.ascontiguousarray(reads), edges, self._weights(labels, keys), words)
        return words

    def _weights(self, labels: Sequence[Label], keys: Sequence[MeterKeys]) -> Weights:
        """By group of meters that share label and check key, and each meter's group."""
        groups: dict[tuple[bytes, bytes], int] = {}
        tables: list[NDArray[np.uint64]] = []
        group = np.empty(len(labels), dtype=np.int64)
        for meter, (label, key) in enumerate(zip(labels, keys, strict=True)):
            name = (label.encode_shared(Use.WEIGHT), key.check_key.expose())
            if name not in groups:
                groups[name] = len(tables)
                tables.append(slot_weights(key.check_key, label, self._parameters.slots))
            group[meter] = groups[name]
        shape = (len(tables), CHECKS, self._parameters.slots)
        return Weights(np.array(tables, dtype=np.uint64).reshape(shape), group)
