"""Packing and unpacking against Python integers, at every limit of a layout."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.kernels import naive
from wattseal.kernels.slots import Checks, Slots, SlotTable, pack, pack_on_all_cores, unpack, unpack_on_all_cores

LARGEST_WEIGHT = (1 << 32) - 1
LARGEST_TAG = (1 << 64) - 1


class Shape(NamedTuple):
    """A layout in plain integers, with the limbs that hold it and a few bits more."""

    intervals: int
    read_bits: int
    table: naive.NaiveTable
    limbs: int

    @property
    def slots(self) -> int:
        """All but the check slot."""
        return len(self.table.widths) - 1

    def compiled(self) -> SlotTable:
        offsets, widths, edges, first, reads = self.table
        return SlotTable(
            np.array(offsets, np.uint64), np.array(widths, np.uint64), np.array(edges, np.int64), first, reads
        )


def make_shape(intervals: int, read_bits: int, headroom_bits: int, edges: list[int], spare_limbs: int = 0) -> Shape:
    widths = [read_bits + headroom_bits] * intervals + [1 + headroom_bits] * (2 + len(edges)) + [82 + headroom_bits]
    offsets = [sum(widths[:slot]) for slot in range(len(widths))]
    limbs = -(-sum(widths) // 64) + spare_limbs
    return Shape(intervals, read_bits, naive.NaiveTable(offsets, widths, edges, 0, intervals), limbs)


shapes = st.builds(
    make_shape,
    intervals=st.integers(1, 30),
    read_bits=st.integers(1, 31),
    headroom_bits=st.integers(1, 20),
    edges=st.lists(st.integers(0, 1 << 20), min_size=1, max_size=20, unique=True).map(sorted),
    spare_limbs=st.integers(0, 2),
)


def part_of(shape: Shape, first: int, reads: int, *, buckets: bool) -> Shape:
    """A plaintext with only some reads of the shape's day, with or without its bucket slots."""
    every = shape.table.widths
    above = every[shape.intervals :] if buckets else [every[shape.intervals], every[-1]]
    widths = [*every[first : first + reads], *above]
    offsets = [sum(widths[:slot]) for slot in range(len(widths))]
    return shape._replace(table=naive.NaiveTable(offsets, widths, shape.table.edges, first, reads))


parts = st.builds(
    lambda shape, first, reads, buckets: part_of(
        shape, first % shape.intervals, 1 + reads % (shape.intervals - first % shape.intervals), buckets=buckets
    ),
    shape=shapes,
    first=st.integers(0, 29),
    reads=st.integers(0, 29),
    buckets=st.booleans(),
)
QUARTER_HOURS = make_shape(96, 14, 14, [0, *(1000 << i for i in range(14))])


def packed_of(limbs: NDArray[np.uint64]) -> list[int]:
    return [int.from_bytes(row.astype("<u8").tobytes(), "little") for row in limbs]


def compare_packing(
    shape: Shape, reads: list[list[int]], weights: list[list[int]], group: list[int], tags: list[int]
) -> None:
    checks = Checks(np.array(weights, np.uint64), np.array(group, np.int64), np.array(tags, np.uint64))
    expected = [naive.pack(day, shape.table, weights[g], tag) for day, g, tag in zip(reads, group, tags, strict=True)]
    for fill in (pack, pack_on_all_cores):
        limbs = np.full((len(reads), shape.limbs), LARGEST_TAG, dtype=np.uint64)
        fill(np.array(reads, np.int64), shape.compiled(), checks, limbs)
        assert packed_of(limbs) == expected


@given(shape=shapes | parts, data=st.data())
def test_packing(shape: Shape, data: st.DataObject) -> None:
    read = st.integers(0, (1 << shape.read_bits) - 1)
    slots = shape.slots
    weight = st.lists(st.integers(0, LARGEST_WEIGHT), min_size=slots, max_size=slots)
    reads = data.draw(
        st.lists(st.lists(read, min_size=shape.intervals, max_size=shape.intervals), min_size=1, max_size=4)
    )
    weights = data.draw(st.lists(weight, min_size=1, max_size=2))
    group = data.draw(st.lists(st.integers(0, len(weights) - 1), min_size=len(reads), max_size=len(reads)))
    tags = data.draw(st.lists(st.integers(0, LARGEST_TAG), min_size=len(reads), max_size=len(reads)))
    compare_packing(shape, reads, weights, group, tags)


@pytest.mark.parametrize(
    "shape",
    [
        QUARTER_HOURS,
        make_shape(30, 31, 20, [5]),
        part_of(QUARTER_HOURS, 0, 48, buckets=True),
        part_of(QUARTER_HOURS, 48, 48, buckets=False),
        part_of(QUARTER_HOURS, 95, 1, buckets=False),
    ],
    ids=["quarter hours", "widest", "forenoon", "afternoon", "last read"],
)
def test_packing_the_largest_of_everything(shape: Shape) -> None:
    largest = (1 << shape.read_bits) - 1
    weights = [[LARGEST_WEIGHT] * shape.slots]
    compare_packing(shape, [[largest] * shape.intervals, [0] * shape.intervals], weights, [0, 0], [LARGEST_TAG, 0])


@pytest.mark.parametrize("tag", [LARGEST_TAG, LARGEST_TAG - LARGEST_WEIGHT, LARGEST_TAG - 2 * LARGEST_WEIGHT])
def test_the_check_value_carries_at_the_count_and_at_the_bucket(tag: int) -> None:
    weights = [[LARGEST_WEIGHT] * QUARTER_HOURS.slots]
    compare_packing(QUARTER_HOURS, [[0] * 96], weights, [0], [tag])


@pytest.mark.parametrize("energy", [0, 1, 999, 1000, 1001, 2000, 2001, 8_192_000, 8_192_001])
def test_a_bucket_holds_its_upper_edge(energy: int) -> None:
    shape = make_shape(2, 31, 4, list(QUARTER_HOURS.table.edges))
    slots = shape.slots
    compare_packing(shape, [[energy, 0], [energy // 2, energy - energy // 2]], [[0] * slots], [0, 0], [0, 0])


@given(shape=shapes | parts, data=st.data())
def test_unpacking_any_bits(shape: Shape, data: st.DataObject) -> None:
    top = 64 * shape.limbs
    packed = data.draw(st.lists(st.integers(0, (1 << top) - 1), min_size=1, max_size=3))
    compare_unpacking(shape, packed)


@given(shape=shapes, data=st.data())
def test_unpacking_one_bit(shape: Shape, data: st.DataObject) -> None:
    compare_unpacking(shape, [1 << data.draw(st.integers(0, 64 * shape.limbs - 1))])


@pytest.mark.parametrize("shape", [make_shape(4, 14, 6, [0], 2), make_shape(10, 14, 4, [0, 9], 2)])
def test_every_single_bit_above_the_check_slot_is_seen(shape: Shape) -> None:
    top = shape.table.offsets[-1] + shape.table.widths[-1]
    compare_unpacking(shape, [1 << bit for bit in range(top - 1, 64 * shape.limbs)])


@example(shape=QUARTER_HOURS)
@given(shape=shapes)
def test_unpacking_the_limits(shape: Shape) -> None:
    top = shape.table.offsets[-1] + shape.table.widths[-1]
    edge = [1 << top] if top < 64 * shape.limbs else []
    compare_unpacking(shape, [0, (1 << top) - 1, (1 << 64 * shape.limbs) - 1, *edge])


def compare_unpacking(shape: Shape, packed: list[int]) -> None:
    totals, slots = len(packed), shape.slots
    limbs = np.array([naive.limbs_of(number, shape.limbs) for number in packed], dtype=np.uint64)
    for read in (unpack, unpack_on_all_cores):
        found = Slots(
            np.empty((totals, slots), np.uint64), np.empty((totals, 2), np.uint64), np.empty(totals, np.bool_)
        )
        read(limbs, shape.compiled(), found)
        for total, number in enumerate(packed):
            values, check, above = naive.unpack(number, shape.table)
            low, high = found.checks[total].tolist()
            assert found.values[total].tolist() == values
            assert (high << 64 | low, bool(found.above[total])) == (check, above)


@given(shape=shapes, data=st.data())
def test_sums_unpack_to_sums(shape: Shape, data: st.DataObject) -> None:
    """The headroom keeps the slots of up to 2^headroom meters apart; here of a few."""
    meters = data.draw(st.integers(1, 2))
    largest = (1 << shape.read_bits) - 1
    day = st.lists(st.integers(0, largest), min_size=shape.intervals, max_size=shape.intervals)
    reads = data.draw(st.lists(day, min_size=meters, max_size=meters))
    weights = [3] * shape.slots
    total = sum(naive.pack(r, shape.table, weights, LARGEST_TAG) for r in reads)
    values, _, above = naive.unpack(total, shape.table)
    assert values[: shape.intervals] == [sum(column) for column in zip(*reads, strict=True)]
    assert (values[shape.intervals], sum(values[shape.intervals + 1 :]), above) == (meters, meters, False)
    compare_unpacking(shape, [total])
