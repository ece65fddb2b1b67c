"""The sizes of the CKKS scheme and the limits within which it is exact. Only ring degree 4,096 is secure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wattseal.cryptosystems.errors import ParameterError

PRIMES = (9_007_199_254_429_697, 9_007_199_254_364_161)
"""The two largest below 2^53 that are 1 modulo 8,192, so that X^N + 1 splits for every N up to 4,096."""

MODULUS = PRIMES[0] * PRIMES[1]
MODULUS_ID = MODULUS.to_bytes(16, "big")
"""What labels carry in place of a hash: the modulus itself."""

NUMBER_BYTES = 14
"""Of one number modulo q."""

VALUE_BITS = 40
"""Sealed values and bills are below 2^40 in absolute value."""

_SECURE_DEGREE = 4096
# Bits of q that leave 128-bit security to ternary secrets (Bossuat et al., eprint 2024/463, table 5.2).
_MOST_BITS: Mapping[int, int] = MappingProxyType({1024: 26, 2048: 53, _SECURE_DEGREE: 106})
_INSECURE_DEGREES = frozenset({4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048})
_SUITE = 2
_INSECURE_TEST_SUITE = 131


@dataclass(frozen=True, slots=True)
class CkksParameters:
    """Checked sizes. Raises ParameterError for a ring in which this modulus is not secure."""

    degree: int = _SECURE_DEGREE

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
        if self.degree not in _MOST_BITS:
            raise ParameterError(f"a ring degree of {self.degree} is not offered, only {_SECURE_DEGREE}")
        bits, most = MODULUS.bit_length(), _MOST_BITS[self.degree]
        if bits > most:
            raise ParameterError(f"a modulus of {bits} bits is not secure at ring degree {self.degree}: at most {most}")

    @property
    def suite(self) -> int:
        """The number by which labels and reports name this size."""
        return _SUITE


class InsecureCkksParameters(CkksParameters):
    """Small rings, for tests only."""

    __slots__ = ()

    def _check(self) -> None:
        if self.degree not in _INSECURE_DEGREES:
            raise ParameterError(f"an insecure ring degree of {self.degree} is not offered")

    @property
    def suite(self) -> int:
        return _INSECURE_TEST_SUITE


CKKS_4096 = CkksParameters()


def insecure_parameters(degree: int) -> CkksParameters:
    """A ring that protects nobody: a power of two from 4 to 2,048."""
    return InsecureCkksParameters(degree)
