"""Sizes: which layouts fit, and that nothing wraps around in those that do."""

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.ckks.parameters import insecure_parameters as insecure_ring
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.masking.parameters import CHECKS, MODULUS_ID, SUITE, WEIGHT_BITS, MaskingParameters
from wattseal.cryptosystems.paillier.parameters import PARAMETERS_BY_SUITE, insecure_parameters
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS, WIDE_LAYOUTS


def largest_check(slots: SlotLayout) -> int:
    """Everybody at the largest read, under the largest weights; count and buckets add one each a meter."""
    group = slots.largest_group
    totals = [group * slots.largest_read] * slots.intervals + [group, group]
    return sum(((1 << WEIGHT_BITS) - 1) * total for total in totals)


def test_the_default_layouts_are_those_of_the_parameters_page() -> None:
    found = {minutes: MaskingParameters(slots).ciphertext_bytes for minutes, slots in DEFAULT_LAYOUTS.items()}
    assert found == {15: 920, 30: 536, 60: 344, 1440: 160}
    assert {largest_check(slots).bit_length() for slots in DEFAULT_LAYOUTS.values()} == {59}
    assert (WEIGHT_BITS, CHECKS) == (24, 2)


@example(intervals=96, read_bits=14, headroom_bits=19)
@example(intervals=96, read_bits=14, headroom_bits=20)
@given(intervals=st.integers(2, 1440), read_bits=st.integers(1, 31), headroom_bits=st.integers(1, 20))
def test_a_layout_fits_exactly_if_no_check_word_wraps_around(
    intervals: int, read_bits: int, headroom_bits: int
) -> None:
    slots = SlotLayout(intervals, read_bits, headroom_bits, (0,))
    if largest_check(slots) < 1 << 64:
        assert MaskingParameters(slots).slots == intervals + 3
    else:
        with pytest.raises(ParameterError, match="do not fit words of 64 bits"):
            MaskingParameters(slots)


def test_what_does_not_fit_says_by_how_much() -> None:
    MaskingParameters(SlotLayout(96, 14, 19, (0,)))
    with pytest.raises(ParameterError, match="weighted sums of 65 bits"):
        MaskingParameters(SlotLayout(96, 14, 20, (0,)))


@pytest.mark.parametrize("slots", WIDE_LAYOUTS.values(), ids=WIDE_LAYOUTS)
def test_the_wide_layouts_have_no_room(slots: SlotLayout) -> None:
    with pytest.raises(ParameterError, match="weighted sums of 65 bits"):
        MaskingParameters(slots)


def test_no_other_suite_has_this_number() -> None:
    paillier = {*PARAMETERS_BY_SUITE, insecure_parameters(1024).suite}
    assert SUITE not in {*paillier, CKKS_4096.suite, insecure_ring(16).suite}


def test_the_modulus_names_itself() -> None:
    assert MODULUS_ID.hex() == "00000000000000010000000000000000"


def test_parameters_travel_to_worker_processes() -> None:
    sizes = MaskingParameters(DEFAULT_LAYOUTS[15])
    assert pickle.loads(pickle.dumps(sizes)) == sizes  # noqa: S301 - our own bytes
