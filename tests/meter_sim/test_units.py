"""Reads in units of more than a watt-hour lose nothing over a day."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wattseal.meter_sim.units import in_units

DAYS = arrays(np.int64, (3, 24), elements=st.integers(0, 200_000))


def test_what_is_left_of_a_unit_goes_on() -> None:
    assert in_units(np.array([[4, 4, 4, 0, 19]]), 10).tolist() == [[0, 1, 0, 0, 2]]


@given(DAYS, st.sampled_from([1, 10, 100]))
def test_every_part_from_the_beginning_is_at_most_half_a_unit_off(wh: np.ndarray, factor: int) -> None:
    units = in_units(wh, factor)
    assert (units >= 0).all()
    assert (2 * abs(factor * units.cumsum(axis=1) - wh.cumsum(axis=1)) <= factor).all()


def test_wh_stay_as_they_are() -> None:
    wh = np.array([[1, 2, 3]])
    assert in_units(wh, 1) is wh


@pytest.mark.parametrize("factor", [0, -10])
def test_a_unit_is_positive(factor: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        in_units(np.array([[1]]), factor)
