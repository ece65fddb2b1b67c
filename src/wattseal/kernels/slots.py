"""Packing of whole fleets into Paillier plaintexts and back, in little-endian limbs of 64 bits.

Every operand is uint64 where it meets another one: numba turns int64 with uint64 into float64.
"""

from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel, parallel_kernel

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_SIX = np.uint64(6)
_SIXTY_THREE = np.uint64(63)
_LIMB = np.uint64(64)


class SlotTable(NamedTuple):
    """Offsets and widths in bits of the read, count and bucket slots, then of the check slot (above 64 bits wide).

    No other slot is wider than 64 bits. `edges` are the upper edges, inclusive, of all size buckets but the last. A
    plaintext may hold a part of the day: `reads` of them, from `first` on, and all of the bucket slots or none.
    """

    offsets: NDArray[np.uint64]
    widths: NDArray[np.uint64]
    edges: NDArray[np.int64]
    first: int
    reads: int


class Checks(NamedTuple):
    """What enters the check slots.

    `weights` below 2^32 are (groups, slots); `group` names each meter's row of it; `tags` are one a meter.
    """

    weights: NDArray[np.uint64]
    group: NDArray[np.int64]
    tags: NDArray[np.uint64]


class Slots(NamedTuple):
    """Unpacked totals: `values` (totals, slots), `checks` (totals, 2) low half first, `above` (totals,)."""

    values: NDArray[np.uint64]
    checks: NDArray[np.uint64]
    above: NDArray[np.bool_]


@kernel
def _deposit(limbs: NDArray[np.uint64], offset: np.uint64, value: np.uint64) -> None:
    limb, shift = offset >> _SIX, offset & _SIXTY_THREE
    limbs[limb] |= value << shift
    if shift:
        spill = value >> (_LIMB - shift)
        if spill:
            limbs[limb + _ONE] |= spill


@kernel
def _extract(limbs: NDArray[np.uint64], offset: np.uint64, width: np.uint64) -> np.uint64:
    limb, shift = offset >> _SIX, offset & _SIXTY_THREE
    value: np.uint64 = limbs[limb] >> shift
    if shift + width > _LIMB:
        value |= limbs[limb + _ONE] << (_LIMB - shift)
    if width < _LIMB:
        value &= (_ONE << width) - _ONE
    return value


@kernel
def _bucket(day: NDArray[np.int64], edges: NDArray[np.int64]) -> int:
    energy = np.int64(0)
    for read in day:
        energy += read
    bucket = 0
    while bucket < edges.shape[0] and energy > edges[bucket]:
        bucket += 1
    return bucket


@kernel
def _pack_meter(
    day: NDArray[np.int64],
    table: SlotTable,
    weights: NDArray[np.uint64],
    tag: np.uint64,
    limbs: NDArray[np.uint64],
) -> None:
    """The products stay below 2^63 because reads have at most 31 bits; their sum needs a second limb."""
    limbs[:] = 0
    low, high = tag, _ZERO
    for slot in range(table.reads):
        value = np.uint64(day[table.first + slot])
        _deposit(limbs, table.offsets[slot], value)
        term: np.uint64 = weights[slot] * value
        low += term
        if low < term:
            high += _ONE
    count = table.reads
    ones = 2 if weights.shape[0] > count + 1 else 1
    above_count = 1 + _bucket(day, table.edges)
    for one in range(ones):
        slot = count + one * above_count
        _deposit(limbs, table.offsets[slot], _ONE)
        low += weights[slot]
        if low < weights[slot]:
            high += _ONE
    check: np.uint64 = table.offsets[-1]
    _deposit(limbs, check, low)
    _deposit(limbs, check + _LIMB, high)


@kernel
def pack(days: NDArray[np.int64], table: SlotTable, checks: Checks, limbs: NDArray[np.uint64]) -> None:
    """Fill `limbs` (meters, limbs) from whole days (meters, intervals) of reads at least 0 and below 2^31."""
    for meter in range(days.shape[0]):
        weights = checks.weights[checks.group[meter]]
        _pack_meter(days[meter], table, weights, checks.tags[meter], limbs[meter])


@parallel_kernel
def pack_on_all_cores(days: NDArray[np.int64], table: SlotTable, checks: Checks, limbs: NDArray[np.uint64]) -> None:
    """The same for whole fleets: worth its threads from some thousands of meters on."""
    for meter in prange(days.shape[0]):
        weights = checks.weights[checks.group[meter]]
        _pack_meter(days[meter], table, weights, checks.tags[meter], limbs[meter])


@kernel
def _any_from(limbs: NDArray[np.uint64], offset: np.uint64) -> bool:
    """Whether a bit from `offset` on is set."""
    limb = offset >> _SIX
    found = False
    if limb < np.uint64(limbs.shape[0]):
        found = limbs[limb] >> (offset & _SIXTY_THREE) != _ZERO
        for above in range(np.int64(limb) + 1, limbs.shape[0]):
            found |= limbs[above] != _ZERO
    return found


@kernel
def _unpack_total(total: int, limbs: NDArray[np.uint64], table: SlotTable, slots: Slots) -> None:
    last = table.widths.shape[0] - 1
    for slot in range(last):
        slots.values[total, slot] = _extract(limbs, table.offsets[slot], table.widths[slot])
    check, width = table.offsets[last], table.widths[last]
    slots.checks[total, 0] = _extract(limbs, check, _LIMB)
    slots.checks[total, 1] = _extract(limbs, check + _LIMB, width - _LIMB)
    slots.above[total] = _any_from(limbs, check + width)


@kernel
def unpack(limbs: NDArray[np.uint64], table: SlotTable, slots: Slots) -> None:
    """Fill `slots` from limbs (totals, limbs), of which any bit may be set."""
    for total in range(limbs.shape[0]):
        _unpack_total(total, limbs[total], table, slots)


@parallel_kernel
def unpack_on_all_cores(limbs: NDArray[np.uint64], table: SlotTable, slots: Slots) -> None:
    """The same for thousands of totals."""
    for total in prange(limbs.shape[0]):
        _unpack_total(total, limbs[total], table, slots)
