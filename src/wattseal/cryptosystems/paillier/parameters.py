"""The sizes of the Paillier scheme. Only 3,072 bits are secure; other sizes carry that in their name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wattseal.cryptosystems.errors import ParameterError

_SECURE_BITS = 3072
_LIMB_BITS = 64
# OpenSSL draws no smaller primes; the table of a larger modulus would not fit a meter's memory.
_INSECURE_BITS = range(1024, 4097, 2 * _LIMB_BITS)
_SUITE = 1
_INSECURE_SUITES = {2048: 129}
_INSECURE_TEST_SUITE = 130


@dataclass(frozen=True, slots=True)
class PaillierParameters:
    """Checked sizes. Raises ParameterError unless the modulus has 3,072 bits (128-bit security)."""

    modulus_bits: int = _SECURE_BITS

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
        if self.modulus_bits != _SECURE_BITS:
            raise ParameterError(f"a Paillier modulus has {_SECURE_BITS} bits, not {self.modulus_bits}")

    @property
    def suite(self) -> int:
        """The number by which labels and reports name this size."""
        return _SUITE

    @property
    def plaintext_bytes(self) -> int:
        return self.modulus_bits // 8

    @property
    def ciphertext_bytes(self) -> int:
        return self.modulus_bits // 4

    @property
    def exponent_bytes(self) -> int:
        """Of the random exponent: half the modulus, as Damgard, Jurik and Nielsen chose it."""
        return self.modulus_bits // 16

    @property
    def limbs(self) -> int:
        """64-bit limbs of a plaintext."""
        return self.modulus_bits // _LIMB_BITS


class InsecurePaillierParameters(PaillierParameters):
    """Sizes for comparison and tests only."""

    __slots__ = ()

    def _check(self) -> None:
        if self.modulus_bits not in _INSECURE_BITS:
            raise ParameterError(f"an insecure Paillier modulus of {self.modulus_bits} bits is not offered")

    @property
    def suite(self) -> int:
        return _INSECURE_SUITES.get(self.modulus_bits, _INSECURE_TEST_SUITE)


PAILLIER_3072 = PaillierParameters()
INSECURE_2048 = InsecurePaillierParameters(2048)


def insecure_parameters(modulus_bits: int) -> PaillierParameters:
    """Sizes that protect nobody: 1,024 to 4,096 bits in steps of 128."""
    return InsecurePaillierParameters(modulus_bits)


PARAMETERS_BY_SUITE: Mapping[int, PaillierParameters] = MappingProxyType(
    {parameters.suite: parameters for parameters in (PAILLIER_3072, INSECURE_2048)}
)
"""What services offer by suite number; the insecure one for comparison only."""
