import pytest

from tests.cryptosystems.conformance.schemes import SCHEMES, Cohort, Scheme, sealed_cohort


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
