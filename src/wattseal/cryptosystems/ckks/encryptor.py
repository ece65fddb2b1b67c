"""The meters' side: scale, encrypt under the meter's own secret, blind; bounded integers, and days of a layout."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.checks import require_own_labels
from wattseal.cryptosystems.ckks.encoder import DayEncoder
from wattseal.cryptosystems.ckks.parameters import PRIMES, VALUE_BITS, CkksParameters
from wattseal.cryptosystems.ckks.polynomials import secret_polynomial, times_public, transformed
from wattseal.cryptosystems.ckks.residues import to_bytes
from wattseal.cryptosystems.ckks.scales import total_scale
from wattseal.cryptosystems.ckks.streams import errors, pads
from wattseal.cryptosystems.errors import ParameterError, PlaintextError
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.kernels.sealing import Parts, seal


class MeterSealer:
    """One meter under one key id: seals cycles, registers and any vectors of integers below 2^40 in absolute value.

    The same content under a label gives the same bytes. Other content under a used label would give the difference of
    both to whoever compares them: callers never do that.
    """

    def __init__(
        self, parameters: CkksParameters, label: Label, *, pad_key: Secret, secret_key: Secret, error_key: Secret
    ) -> None:
        """Of the label, region, meter and key id count. Unlike the others, `error_key` is shared with nobody."""
        require_own_labels([label], parameters)
        self._parameters, self._identity = parameters, _identity(label)
        self._pad_key, self._error_key = pad_key, error_key
        secret = secret_polynomial(parameters, secret_key, label)
        self._secret = transformed(parameters, secret.astype(np.float64))

    def seal(self, values: NDArray[np.int64], scale: int, label: Label) -> bytes:
        """One coefficient a value. The scale belongs to the content: a label has one.

        Raises PlaintextError for values out of range or too many, ParameterError for a label of another meter or key.
        """
        if _identity(label) != self._identity:
            raise ParameterError("a label names another meter, region, key id, suite or modulus than its sealer")
        self._check(values)
        masks, plain = times_public(self._parameters, label, self._secret), values.astype(np.float64)
        error = errors(self._error_key, label, _digest(values, scale), len(values))
        sealed = pads(self._pad_key, label, len(values))
        for row, mask, prime in zip(sealed, masks, PRIMES, strict=True):
            seal(Parts(plain, error, mask), float(_centered(scale, prime)), float(prime), row)
        return to_bytes(sealed)

    def _check(self, values: NDArray[np.int64]) -> None:
        """Names the first value that does not fit by its place, never by its value."""
        degree = self._parameters.degree
        if values.dtype != np.int64 or values.ndim != 1 or not 0 < values.size <= degree:
            raise PlaintextError(f"values must be 1 to {degree} int64, not {values.dtype} of shape {values.shape}")
        outside = np.flatnonzero((values <= -1 << VALUE_BITS) | (values >= 1 << VALUE_BITS))
        if outside.size:
            raise PlaintextError(f"value {outside[0]} reaches 2^{VALUE_BITS}")


class CkksEncryptor:
    """Seals days of one layout for totals. `error_key` belongs to this meter, or this fleet, alone."""

    def __init__(self, parameters: CkksParameters, layout: SlotLayout, error_key: Secret) -> None:
        """Raises ParameterError if the layout does not fit the ring."""
        self._parameters, self._error_key = parameters, error_key
        self._encoder = DayEncoder(parameters, layout)

    def encrypt(self, reads: NDArray[np.int64], labels: Sequence[Label], keys: Sequence[MeterKeys]) -> list[bytes]:
        """See `Encryptor`."""
        if not len(labels) == len(keys) == len(reads):
            raise ParameterError(f"{len(reads)} meters, {len(labels)} labels and {len(keys)} keys do not match")
        values = self._encoder.encode(reads)
        return [self._seal(*meter) for meter in zip(values, labels, keys, strict=True)]

    def _seal(self, values: NDArray[np.int64], label: Label, keys: MeterKeys) -> bytes:
        sealer = MeterSealer(
            self._parameters, label, pad_key=keys.pad_key, secret_key=keys.tag_key, error_key=self._error_key
        )
        return sealer.seal(values, total_scale(keys.check_key, label), label)


def _identity(label: Label) -> tuple[int, bytes, str, str, int]:
    return label.suite, label.modulus_id, label.region, label.meter, label.key_id


def _digest(values: NDArray[np.int64], scale: int) -> bytes:
    """In half the bytes where they suffice: hashing is an eighth of the work of sealing."""
    narrow = values.astype("<i4")
    width, content = (b"4", narrow) if np.array_equal(narrow, values) else (b"8", values.astype("<i8"))
    return hashlib.sha256(width + scale.to_bytes(8, "little") + content.tobytes()).digest()


def _centered(number: int, prime: int) -> int:
    residue = number % prime
    return residue if 2 * residue < prime else residue - prime
