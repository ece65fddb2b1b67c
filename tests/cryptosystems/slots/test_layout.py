"""Layouts: the arithmetic of the parameters page, how chunks divide a day, and refusals that name what is wrong."""

import math
import pickle
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.slots.layout import ZERO_BITS, Chunk, SlotLayout, default_bucket_edges
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS

LITERAL: dict[str, Any] = {
    "intervals": 96,
    "read_bits": 14,
    "headroom_bits": 14,
    "bucket_edges": default_bucket_edges(),
}


@pytest.mark.parametrize("steps", [14, 27])
def test_the_default_edges_grow_by_half(steps: int) -> None:
    zero, *edges = default_bucket_edges(steps)
    assert (zero, len(edges)) == (0, steps)
    assert edges == [math.floor(2000 * Fraction(3, 2) ** i + Fraction(1, 2)) for i in range(steps)]


def test_the_last_bucket_ends_at_the_largest_possible_day() -> None:
    assert DEFAULT_LAYOUTS[15].upper_edges == (*default_bucket_edges(), 96 * 16_383)


layouts = st.builds(
    lambda intervals, read_bits, headroom_bits, edges: SlotLayout(
        intervals,
        read_bits,
        headroom_bits,
        tuple(sorted({edge % (intervals * ((1 << read_bits) - 1)) for edge in edges})),
    ),
    intervals=st.integers(1, 1440),
    read_bits=st.integers(2, 31),
    headroom_bits=st.integers(1, 20),
    edges=st.lists(st.integers(0, 1 << 20), min_size=1, max_size=63),
)


moduli = st.sampled_from([1024, 2048, 3072])


@given(layouts, moduli)
def test_no_slot_of_the_largest_total_overflows(slots: SlotLayout, modulus_bits: int) -> None:
    group = slots.largest_group
    for chunk in chunks_of(slots, modulus_bits):
        totals = [group * slots.largest_read] * chunk.reads + [group] * (1 + chunk.buckets)
        assert all(total < 1 << width for total, width in zip(totals, chunk.widths, strict=True))
        # Buckets are one-hot: their slots add up to the group.
        weighed = ((1 << 32) - 1) * (sum(totals[: chunk.reads]) + 2 * group)
        assert weighed + group * ((1 << 64) - 1) < 1 << slots.check_bits
        assert chunk.top == sum(chunk.widths) + slots.check_bits <= modulus_bits - ZERO_BITS


@given(layouts, moduli)
def test_chunks_divide_the_day(slots: SlotLayout, modulus_bits: int) -> None:
    """Every read in one of them and in order, shares as equal as can be, all buckets in the first, fewer do not do."""
    chunks = chunks_of(slots, modulus_bits)
    assert [read for chunk in chunks for read in range(chunk.first, chunk.end)] == list(range(slots.intervals))
    shares = [chunk.reads for chunk in chunks]
    assert max(shares) - min(shares) <= 1 <= shares[0] == min(shares)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.buckets for chunk in chunks] == [len(slots.upper_edges)] + [0] * (len(chunks) - 1)
    assert sum(chunk.slots for chunk in chunks) == slots.slots + len(chunks) - 1
    if len(chunks) > 1:
        fewer = len(chunks) - 1
        first, largest = slots.intervals // fewer, -(-slots.intervals // fewer)
        fixed = slots.check_bits + ZERO_BITS + slots.one_slot_bits
        beside_buckets = fixed + slots.one_slot_bits * len(slots.upper_edges) + first * slots.read_slot_bits
        assert max(beside_buckets, fixed + largest * slots.read_slot_bits) > modulus_bits


def chunks_of(slots: SlotLayout, modulus_bits: int) -> tuple[Chunk, ...]:
    """Those that there are; none exactly if the buckets leave no room for a read."""
    try:
        return slots.chunks(modulus_bits)
    except ParameterError:
        least = slots.read_slot_bits + slots.one_slot_bits * (1 + len(slots.upper_edges)) + slots.check_bits
        assert least + ZERO_BITS > modulus_bits
        assume(False)
        raise


@pytest.mark.parametrize(
    ("slots", "modulus_bits", "reads"),
    [
        (DEFAULT_LAYOUTS[15], 3072, [96]),
        (DEFAULT_LAYOUTS[15], 2048, [48, 48]),
        (DEFAULT_LAYOUTS[15], 1024, [19, 19, 19, 19, 20]),
        (SlotLayout(**{**LITERAL, "read_bits": 31}), 3072, [48, 48]),
        (SlotLayout(**{**LITERAL, "read_bits": 15}), 3072, [48, 48]),
        (SlotLayout(**{**LITERAL, "intervals": 95, "read_bits": 15}), 3072, [47, 48]),
        (SlotLayout(1440, 14, 14, default_bucket_edges()), 3072, [96] * 15),
    ],
    ids=["default", "2,048 bits", "1,024 bits", "largest reads", "one bit more", "odd", "minutes"],
)
def test_chunks_of_some_layouts(slots: SlotLayout, modulus_bits: int, reads: list[int]) -> None:
    assert [chunk.reads for chunk in slots.chunks(modulus_bits)] == reads


def test_what_fits_no_plaintext_is_refused() -> None:
    slots = SlotLayout(1, 31, 20, tuple(range(63)))
    assert slots.chunks(1600)[0].reads == 1
    with pytest.raises(ParameterError, match=r"64 buckets, .* 40 zero bits do not fit a modulus of 1024 bits"):
        slots.chunks(1024)


def test_forty_zero_bits_stay_on_top() -> None:
    slots = DEFAULT_LAYOUTS[15]
    (chunk,) = slots.chunks(3072)
    assert len(slots.chunks(chunk.top + 40)) == 1
    assert len(slots.chunks(chunk.top + 39)) == 2


@given(layouts, layouts)
def test_layout_ids_name_layouts(a: SlotLayout, b: SlotLayout) -> None:
    assert (a.layout_id == b.layout_id) == (a == b)
    assert len(a.layout_id) == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intervals": 0}, "intervals must be 1 to 1440, not 0"),
        ({"intervals": 1441}, "intervals"),
        ({"read_bits": 0}, "read bits must be 1 to 31, not 0"),
        ({"read_bits": 32}, "read bits"),
        ({"headroom_bits": 0}, "headroom bits must be 1 to 20, not 0"),
        ({"headroom_bits": 21}, "headroom bits"),
        ({"bucket_edges": ()}, "buckets must be 2 to 64, not 1"),
        ({"bucket_edges": tuple(range(64))}, "buckets"),
        ({"bucket_edges": (5, 5)}, "ascend"),
        ({"bucket_edges": (5, 4)}, "ascend"),
        ({"bucket_edges": (-1, 4)}, "ascend"),
        ({"bucket_edges": (0, 96 * 16_383)}, "ascend"),
    ],
)
def test_numbers_that_make_no_layout_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        SlotLayout(**{**LITERAL, **change})


def test_computed_layouts_are_the_smallest() -> None:
    assert SlotLayout.computed(96, 16_383, 16_384) == DEFAULT_LAYOUTS[15]
    assert SlotLayout.computed(24, 16_384, 16_385).read_bits == 15
    assert SlotLayout.computed(24, 16_384, 16_385).headroom_bits == 15


def test_a_group_of_one_is_no_group() -> None:
    with pytest.raises(ParameterError, match="headroom bits"):
        SlotLayout.computed(96, 1000, 1)


def test_layouts_travel_to_worker_processes() -> None:
    slots = DEFAULT_LAYOUTS[15]
    (chunk,) = slots.chunks(3072)
    assert chunk.table.widths.sum() == chunk.top
    assert pickle.loads(pickle.dumps(slots)) == slots  # noqa: S301 - our own bytes
