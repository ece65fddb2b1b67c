"""What binds an opened total to its statement: labels, and secret weights on every slot."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.masking.parameters import CHECKS, MODULUS_ID, SUITE, WEIGHT_BITS
from wattseal.cryptosystems.pads.keystream import keystream
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret

_WEIGHT_BYTES = WEIGHT_BITS // 8


def belongs(label: Label) -> bool:
    """Whether the label names this suite and modulus."""
    return label.suite == SUITE and label.modulus_id == MODULUS_ID


def require_own_labels(labels: Sequence[Label]) -> None:
    """Raises ParameterError for the first label that names another suite or modulus."""
    for position, label in enumerate(labels):
        if not belongs(label):
            raise ParameterError(f"the label of meter {position} names another suite or modulus")


def slot_weights(check_key: Secret, label: Label, slots: int) -> NDArray[np.uint64]:
    """Weights of 24 bits, (checks, slots), the same for every meter of the label's region, channel, window and key id.

    One keystream, read in groups of three bytes, little-endian: all slots of the first check, then of the second.
    """
    stream = keystream(check_key, label.encode_shared(Use.WEIGHT), CHECKS * slots * _WEIGHT_BYTES)
    groups = np.frombuffer(stream, dtype=np.uint8).astype(np.uint64).reshape(CHECKS, slots, _WEIGHT_BYTES)
    return groups @ (np.uint64(1) << np.arange(0, WEIGHT_BITS, 8, dtype=np.uint64))
