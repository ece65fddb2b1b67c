"""Which functionals are registered, and the bound of each."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattseal.cryptosystems.ckks.functional import LARGEST_BOUND, Functional, noise_bound
from wattseal.cryptosystems.errors import ParameterError


@given(st.integers(1, 1 << 60))
def test_the_bound_is_twelve_deviations_rounded_up(squares: int) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = 12 * Decimal("3.24") * Decimal(squares).sqrt()
        assert noise_bound(squares) == int(exact.to_integral_value(rounding="ROUND_CEILING"))


def test_bounds_of_round_numbers() -> None:
    assert [noise_bound(squares) for squares in (1, 4, 625**2)] == [39, 78, 24_300]
    assert Functional.of([3, 0], [-4]).bound == noise_bound(25) == 195


def test_prices_reach_almost_2_to_the_20() -> None:
    largest = (1 << 20) - 1
    assert Functional.of([largest, -largest]).lengths == (2,)
    for outside in (1 << 20, -(1 << 20), 1 << 40):
        with pytest.raises(ParameterError, match=r"price 1 reaches 2\^20; split it"):
            Functional.of([0, outside])


def test_the_bound_reaches_2_to_the_29() -> None:
    """A month of quarter hours at the rate above which it is split."""
    highest = int(LARGEST_BOUND / (12 * 3.24 * 2976**0.5))
    assert Functional.of([highest] * 2976).bound <= LARGEST_BOUND
    with pytest.raises(ParameterError, match=r"above 2\^29; split it"):
        Functional.of([highest + 1] * 2976)


def test_a_functional_of_zeros_is_not_opened() -> None:
    with pytest.raises(ParameterError, match="result is 0"):
        Functional.of([0, 0], [0])
    with pytest.raises(ParameterError, match="result is 0"):
        Functional.of()


@pytest.mark.parametrize("prices", [[], [1.5], [[1], [2]], [True], [1 << 64], ["1"], [1] * 4097])
def test_anything_but_some_integers_is_refused(prices: list[int]) -> None:
    with pytest.raises(ParameterError, match="1 to 4096 integers"):
        Functional.of(prices)


def test_prices_are_a_copy_that_nobody_changes() -> None:
    given_prices = np.array([1, 2])
    functional = Functional.of(given_prices)
    given_prices[0] = 7
    assert functional.prices[0].tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        functional.prices[0][0] = 7
