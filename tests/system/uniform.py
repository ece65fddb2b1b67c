"""Whether numbers below a Paillier modulus look uniform."""

from collections.abc import Iterable

import numpy as np


def assert_uniform(values: Iterable[int]) -> None:
    """The lower 376 bytes of all values together: chi-square with 255 degrees of freedom.

    Uniform bytes exceed 450 once in 10^12 runs; packed reads give many thousands.
    """
    assert chi_square(values) < 450


def chi_square(values: Iterable[int]) -> float:
    octets = b"".join(value.to_bytes(384, "little")[:376] for value in values)
    expected = len(octets) / 256
    counts = np.bincount(np.frombuffer(octets, dtype=np.uint8), minlength=256)
    return float(((counts - expected) ** 2 / expected).sum())
