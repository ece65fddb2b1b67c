"""Differential privacy of totals: what noise a release needs, and what it costs each customer.

Neighboring data differ by one customer's whole day in one channel, there or not. An honest meter's reads are at most
what the layout holds, for its encoder refuses more: that is where they are clipped. The measure is zero-concentrated
differential privacy (Bun and Steinke 2016): a discrete Gaussian of standard deviation sigma on a sum of L2
sensitivity D is D^2 / (2 sigma^2)-zCDP, and costs add up. Costs are integers, MICRO to a unit.
"""

from math import isqrt

DELTA = 1e-6
"""What an epsilon is quoted for."""

MICRO = 1_000_000
"""Costs are in millionths, because messages carry integers."""


def sensitivity(largest_read: int, intervals: int) -> int:
    """The largest L2 norm of a customer's day, rounded up."""
    return isqrt(largest_read * largest_read * intervals - 1) + 1


def sigma_for(rho_micro: int, largest_change: int) -> int:
    """The least whole standard deviation that costs at most `rho_micro`. Raises ValueError below 1."""
    if rho_micro < 1 or largest_change < 1:
        raise ValueError("a cost and a sensitivity are at least 1")
    squared = -(-largest_change * largest_change * MICRO // (2 * rho_micro))
    return isqrt(squared - 1) + 1


def rho_micro_of(sigma: int, largest_change: int) -> int:
    """What a release with this standard deviation costs, rounded up."""
    return -(-largest_change * largest_change * MICRO // (2 * sigma * sigma))


def epsilon_of(rho_micro: int, delta: float) -> float:
    """The (epsilon, delta) that follows from a cost, by OpenDP's conversion; for people to compare with."""
    import opendp.prelude as dp

    dp.enable_features("contrib")
    # A change of sqrt(2 rho) under a standard deviation of 1 costs rho.
    measured = dp.m.make_gaussian(dp.vector_domain(dp.atom_domain(T=float, nan=False)), dp.l2_distance(T=float), 1.0)
    profile = dp.c.make_zCDP_to_approxDP(measured).map((2 * rho_micro / MICRO) ** 0.5)  # type: ignore[no-untyped-call]
    return float(profile.epsilon(delta))
