"""Errors as they come out of sealed reports, against the derivation on the parameters page."""

import numpy as np
import pytest

from tests.cryptosystems.ckks.household import Household, month
from tests.kernels import naive_ring
from wattseal.cryptosystems.ckks.encryptor import MeterSealer
from wattseal.cryptosystems.ckks.functional import Functional, noise_bound
from wattseal.cryptosystems.ckks.parameters import MODULUS, insecure_parameters
from wattseal.cryptosystems.ckks.polynomials import secret_polynomial, times_public, transformed
from wattseal.cryptosystems.ckks.residues import from_bytes, number_of
from wattseal.cryptosystems.ckks.streams import pads

VARIANCE = 10.5


def errors_of(home: Household, sealed: bytes, values: list[int], number: int) -> list[int]:
    """What is left of a report without scaled values, mask and pad."""
    label, size = home.label(number=number), len(values)
    secret = secret_polynomial(home.parameters, home.secret_key, label).astype(np.float64)
    mask = times_public(home.parameters, label, transformed(home.parameters, secret))[:, :size].astype(np.int64)
    rest = from_bytes(sealed, size).astype(np.int64) - pads(home.pad_key, label, size).astype(np.int64) + mask
    numbers = (number_of(*pair) for pair in rest.T.tolist())
    return [
        naive_ring.centered(number - home.scale * value, MODULUS) for number, value in zip(numbers, values, strict=True)
    ]


@pytest.fixture(scope="module")
def errors() -> list[int]:
    """24 months of quarter hours, those of one meter under eight numbers."""
    found = []
    for home in (Household(), Household(), Household()):
        for number in range(8):
            values = month(number)[0].tolist()
            found += errors_of(home, home.seal(values, home.label(number=number)), values, number)
    return found


def test_mean_and_variance(errors: list[int]) -> None:
    """71,424 errors: their mean and variance miss by five standard deviations less than once in a million runs."""
    count = len(errors)
    assert abs(np.mean(errors)) < 5 * (VARIANCE / count) ** 0.5
    # Fourth moment of a centered binomial of 42 bits: 3 x variance^2 - variance / 2.
    assert abs(np.var(errors) - VARIANCE) < 5 * ((2 * VARIANCE**2 - VARIANCE / 2) / count) ** 0.5
    assert max(map(abs, errors)) <= 21


def test_weighted_sums_have_the_variance_of_their_weights(errors: list[int]) -> None:
    """24 months under 40 price vectors: remainders over |y| have variance 10.5, and stay far below their bounds."""
    months = np.array(errors).reshape(24, -1)
    prices = np.random.default_rng(5).integers(-60_000, 60_000, (40, months.shape[1]))
    remainders, lengths = months @ prices.T, np.sqrt(np.square(prices).sum(axis=1))
    # 24 months are independent, the price vectors of one are almost so.
    assert abs(np.mean(np.square(remainders / lengths)) - VARIANCE) < 3
    assert (np.abs(remainders) < np.array([Functional.of(row).bound for row in prices]) / 2).all()


def test_a_few_errors_at_their_largest_still_open() -> None:
    """The bound is no matter of chance where few intervals are priced alike: three errors of 21 stay below it."""
    for count in (1, 2, 3):
        assert 21 * count <= noise_bound(count)


def test_every_number_and_meter_has_errors_of_its_own(errors: list[int]) -> None:
    months = np.array(errors).reshape(24, -1)
    correlations = np.corrcoef(months)[~np.eye(24, dtype=bool)]
    assert np.abs(correlations).max() < 6 / months.shape[1] ** 0.5


def test_errors_depend_on_key_label_content_and_scale() -> None:
    home = Household(parameters=insecure_parameters(64))
    other = Household(parameters=home.parameters, pad_key=home.pad_key, secret_key=home.secret_key)
    values = [7] * 64

    def sealed_with(sealer: MeterSealer, content: list[int], scale: int) -> list[int]:
        sealed = sealer.seal(np.array(content), scale, home.label())
        numbers = errors_of(home, sealed, content, 0)
        return [number - (scale - home.scale) * value for number, value in zip(numbers, content, strict=True)]

    drawn = [
        sealed_with(home.sealer(), values, home.scale),
        sealed_with(home.sealer(), [*values[1:], 8], home.scale),
        sealed_with(home.sealer(), [*values[1:], 1 << 39], home.scale),
        sealed_with(home.sealer(), values, home.scale ^ 1),
        sealed_with(other.sealer(), values, home.scale),
    ]
    assert len({tuple(errors) for errors in drawn}) == 5
