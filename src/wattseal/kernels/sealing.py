"""Ring LWE encryption of one report modulo one prime, once its random-looking parts are drawn."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel
from wattseal.kernels.modular import product, reduced


class Parts(NamedTuple):
    """What a report is made of, one number a coefficient; `mask` may hold more.

    Values are integers below 2^52, errors below 32, both in absolute value; the mask is centered.
    """

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    mask: NDArray[np.float64]


@kernel
def seal(parts: Parts, scale: float, prime: float, pads: NDArray[np.uint64]) -> None:
    """Add scale x value + error - mask to each pad, in place; the scale is centered."""
    inverse, scale_quotient, modulus = 1.0 / prime, scale / prime, np.int64(prime)
    for i in range(pads.shape[0]):
        scaled = product(parts.values[i], scale, scale_quotient, prime, inverse)
        masked = reduced(scaled + parts.errors[i] - parts.mask[i], prime, inverse)
        pad = reduced(np.float64(np.int64(pads[i])), prime, inverse)
        sealed = np.int64(reduced(masked + pad, prime, inverse))
        pads[i] = np.uint64(sealed + modulus if sealed < 0 else sealed)
