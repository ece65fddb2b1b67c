"""Layouts: the arithmetic of the parameters page, and refusals that name what is wrong."""

import math
import pickle
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.paillier.layout import DEFAULT_LAYOUTS, SlotLayout, default_bucket_edges

LITERAL: dict[str, Any] = {
    "intervals": 96,
    "read_bits": 14,
    "headroom_bits": 14,
    "bucket_edges": default_bucket_edges(),
}


def test_the_default_layouts_are_those_of_the_parameters_page() -> None:
    found = {minutes: (slots.read_bits, slots.top, slots.check_bits) for minutes, slots in DEFAULT_LAYOUTS.items()}
    assert found == {15: (14, 3023, 80), 30: (15, 1727, 80), 60: (16, 1055, 80), 1440: (20, 369, 80)}
    assert all(slots.intervals * minutes == 1440 for minutes, slots in DEFAULT_LAYOUTS.items())
    assert all(slots.largest_group == 16_384 for slots in DEFAULT_LAYOUTS.values())


def test_the_default_edges_grow_by_half() -> None:
    zero, *edges = default_bucket_edges()
    assert (zero, len(edges)) == (0, 14)
    assert edges == [math.floor(2000 * Fraction(3, 2) ** i + Fraction(1, 2)) for i in range(14)]


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


@given(layouts)
def test_no_slot_of_the_largest_total_overflows(slots: SlotLayout) -> None:
    group = slots.largest_group
    totals = [group * slots.largest_read] * slots.intervals + [group] * (1 + len(slots.upper_edges))
    assert all(total < 1 << width for total, width in zip(totals, slots.widths, strict=True))
    # Buckets are one-hot: their slots add up to the group.
    weighed = ((1 << 32) - 1) * (sum(totals[: slots.intervals]) + 2 * group)
    assert weighed + group * ((1 << 64) - 1) < 1 << slots.check_bits
    assert slots.top == sum(slots.widths) + slots.check_bits


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
    assert SlotLayout.computed(3072, 96, 16_383, 16_384) == DEFAULT_LAYOUTS[15]
    assert SlotLayout.computed(3072, 24, 16_384, 16_385).read_bits == 15
    assert SlotLayout.computed(3072, 24, 16_384, 16_385).headroom_bits == 15


@pytest.mark.parametrize(("largest_read", "largest_group"), [(16_384, 16_384), (16_383, 16_385)])
def test_what_does_not_fit_is_refused(largest_read: int, largest_group: int) -> None:
    with pytest.raises(ParameterError, match="do not fit a modulus of 3072 bits"):
        SlotLayout.computed(3072, 96, largest_read, largest_group)


def test_forty_zero_bits_stay_on_top() -> None:
    slots = DEFAULT_LAYOUTS[15]
    slots.require_fit(slots.top + 40)
    with pytest.raises(ParameterError, match="40 zero bits"):
        slots.require_fit(slots.top + 39)


def test_a_group_of_one_is_no_group() -> None:
    with pytest.raises(ParameterError, match="headroom bits"):
        SlotLayout.computed(3072, 96, 1000, 1)


def test_layouts_travel_to_worker_processes() -> None:
    slots = DEFAULT_LAYOUTS[15]
    assert slots.table.widths.sum() == slots.top
    assert pickle.loads(pickle.dumps(slots)) == slots  # noqa: S301 - our own bytes
