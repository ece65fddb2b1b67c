"""Where each number of a meter's day lies in one plaintext, from the bottom:

reads, count of meters, one-hot size buckets, check slot, and zero bits up to the modulus.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from types import MappingProxyType

import numpy as np

from wattseal.cryptosystems.encoding import length_prefixed
from wattseal.cryptosystems.errors import ParameterError
from wattseal.kernels.slots import SlotTable

WEIGHT_BITS = 32
TAG_BITS = 64
ZERO_BITS = 40
"""At least so many bits above the check slot stay zero: a random plaintext passes for one with 2^-40."""

_INTERVALS = range(1, 1441)
_READ_BITS = range(1, 32)
_HEADROOM_BITS = range(1, 21)
_BUCKETS = range(2, 65)


def default_bucket_edges() -> tuple[int, ...]:
    """Zero, then 2000 x 1.5^i rounded, in units of the reads: 2 kWh to 389 kWh a day for reads in Wh."""
    return (0, *((4000 * 3**i + 2**i) // 2 ** (i + 1) for i in range(14)))


@dataclass(frozen=True)
class SlotLayout:
    """A checked layout. Raises ParameterError for numbers that are out of range or contradict each other.

    `bucket_edges` are the upper edges, inclusive, of all size buckets but the last, in units of the reads.
    """

    intervals: int
    read_bits: int
    headroom_bits: int
    bucket_edges: tuple[int, ...]

    def __post_init__(self) -> None:
        ranges = {
            "intervals": (self.intervals, _INTERVALS),
            "read bits": (self.read_bits, _READ_BITS),
            "headroom bits": (self.headroom_bits, _HEADROOM_BITS),
            "buckets": (len(self.bucket_edges) + 1, _BUCKETS),
        }
        for name, (value, allowed) in ranges.items():
            if value not in allowed:
                raise ParameterError(f"layout: {name} must be {allowed[0]} to {allowed[-1]}, not {value}")
        if any(a >= b for a, b in pairwise((-1, *self.upper_edges))):
            raise ParameterError("layout: bucket edges must ascend from 0 to below the largest possible day")

    @classmethod
    def computed(
        cls,
        modulus_bits: int,
        intervals: int,
        largest_read: int,
        largest_group: int,
        bucket_edges: tuple[int, ...] | None = None,
    ) -> "SlotLayout":
        """The smallest layout that holds these. Raises ParameterError if it does not fit the modulus."""
        edges = default_bucket_edges() if bucket_edges is None else bucket_edges
        layout = cls(intervals, largest_read.bit_length(), (largest_group - 1).bit_length(), edges)
        layout.require_fit(modulus_bits)
        return layout

    def require_fit(self, modulus_bits: int) -> None:
        """Raises ParameterError unless a total and 40 zero bits above it fit the modulus."""
        if self.top + ZERO_BITS > modulus_bits:
            raise ParameterError(
                f"layout: {self.top} bits and {ZERO_BITS} zero bits do not fit a modulus of {modulus_bits} bits; "
                "use longer intervals, a larger unit or smaller groups"
            )

    @property
    def largest_read(self) -> int:
        return (1 << self.read_bits) - 1

    @property
    def largest_group(self) -> int:
        return 1 << self.headroom_bits

    @cached_property
    def upper_edges(self) -> tuple[int, ...]:
        """The largest daily energy of each bucket, the last one's being the largest possible."""
        return (*self.bucket_edges, self.intervals * self.largest_read)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Bits of each slot but the check slot: reads, count, buckets."""
        ones = 1 + len(self.upper_edges)
        return (self.read_bits + self.headroom_bits,) * self.intervals + (1 + self.headroom_bits,) * ones

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """The lowest bit of each slot, the check slot's last."""
        return tuple(accumulate(self.widths, initial=0))

    @property
    def check_bits(self) -> int:
        """Holds the weighted sum of the largest group plus its tags."""
        slots_sum = self.largest_group * (self.intervals * self.largest_read + 2)
        largest = (slots_sum << WEIGHT_BITS) + (self.largest_group << TAG_BITS)
        return max(largest.bit_length(), TAG_BITS + self.headroom_bits + 2)

    @property
    def top(self) -> int:
        """Bits in use: from here on every bit of an opened total is zero."""
        return self.offsets[-1] + self.check_bits

    @cached_property
    def layout_id(self) -> bytes:
        """8 bytes that name the layout in reports and statements."""
        numbers = (self.intervals, self.read_bits, self.headroom_bits, WEIGHT_BITS, TAG_BITS, *self.bucket_edges)
        fields = (number.to_bytes(8, "big") for number in numbers)
        return hashlib.sha256(length_prefixed(b"wattseal/slot-layout/1", *fields)).digest()[:8]

    @cached_property
    def table(self) -> SlotTable:
        """The same numbers for the kernels."""
        return SlotTable(
            offsets=np.array(self.offsets, dtype=np.uint64),
            widths=np.array((*self.widths, self.check_bits), dtype=np.uint64),
            edges=np.array(self.bucket_edges, dtype=np.int64),
        )


def _default_layout(intervals: int, read_bits: int) -> SlotLayout:
    return SlotLayout(intervals, read_bits, headroom_bits=14, bucket_edges=default_bucket_edges())


DEFAULT_LAYOUTS: Mapping[int, SlotLayout] = MappingProxyType(
    {
        15: _default_layout(96, 14),
        30: _default_layout(48, 15),
        60: _default_layout(24, 16),
        1440: _default_layout(1, 20),
    }
)
"""By minutes of an interval. Groups of up to 16,384 meters; reads of up to 65.5 kW, daily gas of up to 1,048 m3."""

LAYOUTS_BY_ID: Mapping[bytes, SlotLayout] = MappingProxyType(
    {layout.layout_id: layout for layout in DEFAULT_LAYOUTS.values()}
)
