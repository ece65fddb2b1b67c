"""The accountant against published formulas and against OpenDP's own."""

import math
from fractions import Fraction

import opendp.prelude as dp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattseal.policy.privacy import MICRO, epsilon_of, rho_micro_of, sensitivity, sigma_for

dp.enable_features("contrib")

CHANGES = st.integers(1, 1 << 24)


@given(st.integers(1, 1 << 16), st.integers(1, 96))
def test_the_sensitivity_is_the_norm_rounded_up(largest_read: int, intervals: int) -> None:
    found, squared = sensitivity(largest_read, intervals), intervals * largest_read**2
    assert (found - 1) ** 2 < squared <= found**2


@given(st.integers(1, 10 * MICRO), CHANGES)
def test_the_least_noise_that_keeps_to_its_cost(rho_micro: int, change: int) -> None:
    sigma, cost = sigma_for(rho_micro, change), Fraction(rho_micro, MICRO)
    assert Fraction(change**2, 2 * sigma**2) <= cost
    assert sigma == 1 or Fraction(change**2, 2 * (sigma - 1) ** 2) > cost
    assert rho_micro_of(sigma, change) <= rho_micro


@given(st.integers(1, 1 << 20), CHANGES)
def test_a_cost_is_never_understated(sigma: int, change: int) -> None:
    assert Fraction(rho_micro_of(sigma, change), MICRO) >= Fraction(change**2, 2 * sigma**2)


@pytest.mark.parametrize(("sigma", "change"), [(160, 100), (1_000, 3), (160_523, 160_523)])
def test_opendp_counts_the_same_cost(sigma: int, change: int) -> None:
    measured = dp.m.make_gaussian(dp.vector_domain(dp.atom_domain(T=int)), dp.l2_distance(T=float), scale=float(sigma))
    counted = measured.map(float(change))  # type: ignore[no-untyped-call]
    assert counted == pytest.approx(rho_micro_of(sigma, change) / MICRO, abs=2 / MICRO)


@pytest.mark.parametrize("rho", [0.01, 0.1, 0.5, 2.0])
def test_the_conversion_is_no_worse_than_the_published_one(rho: float) -> None:
    delta = 1e-6
    # Bun and Steinke 2016, proposition 1.3; and no epsilon is below what the mean privacy loss alone gives.
    published = rho + 2 * math.sqrt(rho * math.log(1 / delta))
    assert rho < epsilon_of(round(rho * MICRO), delta) <= published


def test_costs_below_one_millionth_are_no_costs() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sigma_for(0, 1)
