"""The sizes of the masking scheme: one 64-bit word a slot of a layout, then two check words."""

from dataclasses import dataclass
from functools import cached_property

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.slots.layout import SlotLayout

SUITE = 3
"""The number by which labels and reports name the scheme."""

WORD_BITS = 64
WORD_BYTES = WORD_BITS // 8
MODULUS_ID = (1 << WORD_BITS).to_bytes(16, "big")
"""What labels carry in place of a hash: the modulus itself."""

WEIGHT_BITS = 24
CHECKS = 2
"""Check words, with weights of their own: a forged total passes with 2^-(24 x 2)."""


@dataclass(frozen=True)
class MaskingParameters:
    """A layout whose check words cannot wrap around. Raises ParameterError for one whose could."""

    layout: SlotLayout

    def __post_init__(self) -> None:
        bits = self._largest_check.bit_length()
        if bits > WORD_BITS:
            raise ParameterError(
                f"layout: weighted sums of {bits} bits do not fit words of {WORD_BITS} bits; "
                "use longer intervals, a larger unit or smaller groups"
            )

    @property
    def _largest_check(self) -> int:
        """Of the largest group at the largest read: reads, then the count and one bucket a meter."""
        slots_sum = self.layout.largest_group * (self.layout.intervals * self.layout.largest_read + 2)
        return ((1 << WEIGHT_BITS) - 1) * slots_sum

    @cached_property
    def slots(self) -> int:
        """Reads, count and buckets."""
        return self.layout.slots

    @property
    def words(self) -> int:
        return self.slots + CHECKS

    @property
    def ciphertext_bytes(self) -> int:
        """Of a ciphertext, and of a pad sum."""
        return self.words * WORD_BYTES
