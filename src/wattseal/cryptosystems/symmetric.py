"""The schemes without a public key: meters share keys with either half, and a label names the modulus itself."""

from collections.abc import Mapping
from types import MappingProxyType

from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.ckks.parameters import MODULUS_ID as CKKS_MODULUS_ID
from wattseal.cryptosystems.masking.parameters import MODULUS_ID as MASKING_MODULUS_ID
from wattseal.cryptosystems.masking.parameters import SUITE as MASKING_SUITE

MODULUS_IDS: Mapping[int, bytes] = MappingProxyType(
    {CKKS_4096.suite: CKKS_MODULUS_ID, MASKING_SUITE: MASKING_MODULUS_ID}
)
"""By suite."""
