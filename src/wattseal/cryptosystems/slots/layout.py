"""The numbers of a meter's day, and where each lies in its plaintexts. Which layouts are offered is in `offered`.

A chunk is one plaintext, from the bottom: reads, count of meters, in the first chunk one-hot size buckets, check slot,
and zero bits up to the modulus. Most layouts need a single chunk.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.encoding import length_prefixed
from wattseal.cryptosystems.errors import ParameterError
from wattseal.kernels.slots import SlotTable

WEIGHT_BITS = 32
TAG_BITS = 64
ZERO_BITS = 40
"""At least so many bits above each check slot stay zero: a random plaintext passes for one with 2^-40."""

_INTERVALS = range(1, 1441)
_READ_BITS = range(1, 32)
_HEADROOM_BITS = range(1, 21)
_BUCKETS = range(2, 65)


def default_bucket_edges(steps: int = 14) -> tuple[int, ...]:
    """Zero, then 2000 x 1.5^i rounded, in units of the reads: by default 2 to 389 kWh a day for reads in Wh."""
    return (0, *((4000 * 3**i + 2**i) // 2 ** (i + 1) for i in range(steps)))


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
        cls, intervals: int, largest_read: int, largest_group: int, bucket_edges: tuple[int, ...] | None = None
    ) -> "SlotLayout":
        """The smallest layout that holds these."""
        edges = default_bucket_edges() if bucket_edges is None else bucket_edges
        return cls(intervals, largest_read.bit_length(), (largest_group - 1).bit_length(), edges)

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

    @property
    def slots(self) -> int:
        """Reads, count and buckets."""
        return self.intervals + 1 + len(self.upper_edges)

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """`bucket_edges` for the kernels."""
        return np.array(self.bucket_edges, dtype=np.int64)

    @property
    def read_slot_bits(self) -> int:
        return self.read_bits + self.headroom_bits

    @property
    def one_slot_bits(self) -> int:
        """Of the count and of each bucket, into which a meter puts 0 or 1."""
        return 1 + self.headroom_bits

    @property
    def check_bits(self) -> int:
        """Holds the weighted sum of the largest group plus its tags, of however many chunks."""
        slots_sum = self.largest_group * (self.intervals * self.largest_read + 2)
        largest = (slots_sum << WEIGHT_BITS) + (self.largest_group << TAG_BITS)
        return max(largest.bit_length(), TAG_BITS + self.headroom_bits + 2)

    @cached_property
    def layout_id(self) -> bytes:
        """8 bytes that name the layout in reports and statements."""
        numbers = (self.intervals, self.read_bits, self.headroom_bits, WEIGHT_BITS, TAG_BITS, *self.bucket_edges)
        fields = (number.to_bytes(8, "big") for number in numbers)
        return hashlib.sha256(length_prefixed(b"wattseal/slot-layout/1", *fields)).digest()[:8]

    def chunks(self, modulus_bits: int) -> tuple["Chunk", ...]:
        """As few plaintexts as hold the reads in equal shares, of which none differs from another by more than one.

        Raises ParameterError if the modulus has no room for a single read beside the buckets.
        """
        beside_buckets, elsewhere = self._room(modulus_bits, 1 + len(self.upper_edges)), self._room(modulus_bits, 1)
        for count in range(1, self.intervals + 1):
            # The first share is the smallest.
            if self.intervals // count <= beside_buckets and -(-self.intervals // count) <= elsewhere:
                bounds = [self.intervals * number // count for number in range(count + 1)]
                return tuple(Chunk(self, number, *ends) for number, ends in enumerate(pairwise(bounds)))
        raise ParameterError(
            f"layout: a read, the count, {len(self.upper_edges)} buckets, the check slot and {ZERO_BITS} zero bits "
            f"do not fit a modulus of {modulus_bits} bits; use a larger unit, fewer buckets or smaller groups"
        )

    def _room(self, modulus_bits: int, ones: int) -> int:
        """How many reads fit beside `ones` slots for a 0 or 1; negative if not even these do."""
        spare = modulus_bits - ZERO_BITS - self.check_bits - ones * self.one_slot_bits
        return spare // self.read_slot_bits


@dataclass(frozen=True)
class Chunk:
    """The slots of one plaintext: the day's reads from `first` to before `end`, and what stands above them."""

    layout: SlotLayout
    number: int
    first: int
    end: int

    @property
    def reads(self) -> int:
        return self.end - self.first

    @property
    def buckets(self) -> int:
        return 0 if self.number else len(self.layout.upper_edges)

    @property
    def slots(self) -> int:
        """All but the check slot."""
        return self.reads + 1 + self.buckets

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Bits of each slot but the check slot: reads, count, buckets."""
        ones = 1 + self.buckets
        return (self.layout.read_slot_bits,) * self.reads + (self.layout.one_slot_bits,) * ones

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """The lowest bit of each slot, the check slot's last."""
        return tuple(accumulate(self.widths, initial=0))

    @property
    def top(self) -> int:
        """Bits in use: from here on every bit of an opened total is zero."""
        return self.offsets[-1] + self.layout.check_bits

    @cached_property
    def table(self) -> SlotTable:
        """The same numbers for the kernels."""
        return SlotTable(
            offsets=np.array(self.offsets, dtype=np.uint64),
            widths=np.array((*self.widths, self.layout.check_bits), dtype=np.uint64),
            edges=self.layout.edges,
            first=self.first,
            reads=self.reads,
        )
