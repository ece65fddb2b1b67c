"""The meters' side: encode, then add both keystreams (Castelluccia, Mykletun, Tsudik 2005)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.masking.checks import require_own_labels
from wattseal.cryptosystems.masking.encoder import WordEncoder
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.masking.streams import add_streams
from wattseal.cryptosystems.masking.words import rows_to_bytes
from wattseal.cryptosystems.pads.label import Label, Use


class MaskingEncryptor:
    """Encrypts for one layout. The same content under a label gives the same bytes.

    Other content under a used label would give the difference of both to whoever compares them: callers never do that.
    """

    def __init__(self, parameters: MaskingParameters) -> None:
        self._encoder = WordEncoder(parameters)

    def encrypt(self, reads: NDArray[np.int64], labels: Sequence[Label], keys: Sequence[MeterKeys]) -> list[bytes]:
        """See `Encryptor`."""
        if not len(labels) == len(keys) == len(reads):
            raise ParameterError(f"{len(reads)} meters, {len(labels)} labels and {len(keys)} keys do not match")
        require_own_labels(labels)
        words = self._encoder.encode(reads, labels, keys)
        add_streams(words, [key.pad_key for key in keys], labels, Use.PAD)
        add_streams(words, [key.tag_key for key in keys], labels, Use.SECRET)
        return rows_to_bytes(words)
