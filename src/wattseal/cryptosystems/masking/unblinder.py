"""The unblinder's side: sums of pads, and nothing that was encrypted."""

from collections.abc import Sequence

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.masking.checks import require_own_labels
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.masking.streams import stream_sum
from wattseal.cryptosystems.masking.words import combined, to_bytes
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret


class MaskingUnblinder:
    """Adds the pads of stated members modulo 2^64."""

    def __init__(self, parameters: MaskingParameters) -> None:
        self._words = parameters.words

    def pad_sum(self, labels: Sequence[Label], pad_keys: Sequence[Secret]) -> bytes:
        """See `Unblinder`. Raises ParameterError for labels of another suite or modulus, or not one a key."""
        if len(labels) != len(pad_keys):
            raise ParameterError(f"{len(labels)} labels and {len(pad_keys)} pad keys do not match")
        require_own_labels(labels)
        return to_bytes(stream_sum(self._words, pad_keys, labels, Use.PAD))

    def combined(self, added: Sequence[bytes], taken: Sequence[bytes]) -> bytes:
        """See `Unblinder`."""
        return combined(added, taken, self._words)
