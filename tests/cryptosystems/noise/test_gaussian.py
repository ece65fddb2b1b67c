"""The sampler against the published distribution, exactly computed, and against OpenDP's sampler."""

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import opendp.prelude as dp
import pytest

from wattseal.cryptosystems.noise.gaussian import discrete_gaussian, discrete_laplace, happens

dp.enable_features("contrib")

DRAWS = 20_000


@dataclass
class Drawn:
    """Uniform integers of Python's generator: the same samples in every run."""

    generator: random.Random

    def below(self, bound: int) -> int:
        return self.generator.randrange(bound)


def source(seed: int) -> Drawn:
    return Drawn(random.Random(seed))


def chi_square(seen: Counter[int], probability: Callable[[int], float], reach: int) -> tuple[float, int]:
    """Of the values from -reach to reach, and of all others together; and its degrees of freedom."""
    expected = {value: DRAWS * probability(value) for value in range(-reach, reach + 1)}
    outside = DRAWS - sum(expected.values())
    statistic = sum((seen[value] - mean) ** 2 / mean for value, mean in expected.items())
    beyond = sum(count for value, count in seen.items() if abs(value) > reach)
    return statistic + (beyond - outside) ** 2 / outside, len(expected)


def gaussian_probability(sigma_squared: int) -> Callable[[int], float]:
    whole = math.fsum(math.exp(-(x**2) / (2 * sigma_squared)) for x in range(-400, 401))
    return lambda x: math.exp(-(x**2) / (2 * sigma_squared)) / whole


@pytest.mark.parametrize("sigma_squared", [1, 7, 100])
def test_the_distribution_is_the_published_one(sigma_squared: int) -> None:
    drawn = source(sigma_squared)
    seen = Counter(discrete_gaussian(sigma_squared, drawn) for _ in range(DRAWS))
    statistic, freedom = chi_square(seen, gaussian_probability(sigma_squared), 2 * math.isqrt(sigma_squared))
    # Five standard deviations of a chi-square.
    assert statistic < freedom + 5 * math.sqrt(2 * freedom)


def test_the_laplace_candidate_is_the_published_one() -> None:
    drawn, scale = source(1), 4
    seen = Counter(discrete_laplace(scale, drawn) for _ in range(DRAWS))
    base = (1 - math.exp(-1 / scale)) / (1 + math.exp(-1 / scale))
    statistic, freedom = chi_square(seen, lambda x: base * math.exp(-abs(x) / scale), 12)
    assert statistic < freedom + 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 3), (1, 1), (7, 3)])
def test_events_happen_as_often_as_they_should(numerator: int, denominator: int) -> None:
    drawn = source(2)
    share = sum(happens(numerator, denominator, drawn) for _ in range(DRAWS)) / DRAWS
    expected = math.exp(-numerator / denominator)
    assert abs(share - expected) <= 5 * math.sqrt(expected * (1 - expected) / DRAWS)


def test_a_large_sample_has_the_spread_of_opendps() -> None:
    sigma, count = 1_000, 4_000
    theirs_of = dp.m.make_gaussian(dp.vector_domain(dp.atom_domain(T=int)), dp.l2_distance(T=float), scale=float(sigma))
    drawn = source(3)
    for sample in ([discrete_gaussian(sigma**2, drawn) for _ in range(count)], theirs_of([0] * count)):
        assert abs(sum(sample) / count) < 6 * sigma / math.sqrt(count)
        variance = sum(x * x for x in sample) / count
        assert variance == pytest.approx(sigma**2, rel=6 * math.sqrt(2 / count))


def test_no_variance_below_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        discrete_gaussian(0, source(4))
