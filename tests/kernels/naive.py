"""Every kernel over again in Python integers: slow, obvious, and what the kernels are compared with."""

from collections.abc import Sequence
from typing import NamedTuple


class NaiveTable(NamedTuple):
    """Offsets and widths of all slots, the check slot's last, and the inner bucket edges.

    The read slots hold `reads` of the day's, from `first` on. There may be no bucket slots.
    """

    offsets: Sequence[int]
    widths: Sequence[int]
    edges: Sequence[int]
    first: int
    reads: int


def bucket_of(energy: int, edges: Sequence[int]) -> int:
    return sum(energy > edge for edge in edges)


def pack(day: Sequence[int], table: NaiveTable, weights: Sequence[int], tag: int) -> int:
    bucket = bucket_of(sum(day), table.edges)
    values = [*day[table.first :][: table.reads], 1, *(int(i == bucket) for i in range(len(table.edges) + 1))]
    values = values[: len(weights)]
    check = sum(weight * value for weight, value in zip(weights, values, strict=True)) + tag
    return sum(value << offset for value, offset in zip([*values, check], table.offsets, strict=True))


def unpack(packed: int, table: NaiveTable) -> tuple[list[int], int, bool]:
    """Slot values, check value, and whether a bit above the check slot is set."""
    fields = zip(table.offsets, table.widths, strict=True)
    *values, check = [packed >> offset & (1 << width) - 1 for offset, width in fields]
    return values, check, packed >> table.offsets[-1] + table.widths[-1] != 0


def limbs_of(number: int, count: int) -> list[int]:
    return [number >> 64 * limb & (1 << 64) - 1 for limb in range(count)]


def mask_words(reads: Sequence[int], edges: Sequence[int], weights: Sequence[Sequence[int]]) -> list[int]:
    """One word a slot, then the check words, modulo 2^64."""
    bucket = bucket_of(sum(reads), edges)
    values = [*reads, 1, *(int(i == bucket) for i in range(len(edges) + 1))]
    checks = [sum(weight * value for weight, value in zip(own, values, strict=True)) for own in weights]
    return [*values, *(check % (1 << 64) for check in checks)]
