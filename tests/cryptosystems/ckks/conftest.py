"""The fixtures of the conformance suite, for CKKS."""

from collections.abc import Callable

import pytest

from tests.cryptosystems.ckks.scheme import ckks
from tests.cryptosystems.conformance.schemes import Cohort, Scheme, sealed_cohort
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, insecure_parameters
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS

SMALL = SlotLayout(3, 9, 6, (0, 100))

SCHEMES: dict[str, Callable[[], Scheme]] = {
    "ckks-insecure-16": lambda: ckks(insecure_parameters(16), SMALL),
    "ckks-4096-15-minutes": lambda: ckks(CKKS_4096, DEFAULT_LAYOUTS[15]),
    "ckks-4096-60-minutes": lambda: ckks(CKKS_4096, DEFAULT_LAYOUTS[60]),
}


@pytest.fixture(scope="session", params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> Scheme:
    return SCHEMES[request.param]()


@pytest.fixture(scope="session")
def cohort(scheme: Scheme) -> Cohort:
    return sealed_cohort(scheme)


@pytest.fixture(scope="session")
def tomorrow(cohort: Cohort) -> Cohort:
    """The same meters and keys a day later."""
    return sealed_cohort(cohort.scheme, start=1440, keys=cohort.keys)
