"""Which library does Paillier's arithmetic: an operator's choice, invisible to everybody else, bytes being the same."""

from enum import StrEnum

from wattseal.cryptosystems.errors import BackendError
from wattseal.cryptosystems.paillier.parameters import PARAMETERS_BY_SUITE
from wattseal.cryptosystems.paillier.reference.library import library


class Backend(StrEnum):
    """`REFERENCE` is python-paillier, for those who want a published library; our door and codec stay before it."""

    OURS = "ours"
    REFERENCE = "reference"


def require_backend(backend: Backend, suite: int) -> None:
    """Raises BackendError for a suite that has no such backend, or if the library is not installed."""
    if backend is Backend.OURS:
        return
    if suite not in PARAMETERS_BY_SUITE:
        raise BackendError(f"only Paillier has a reference backend, suite {suite} has none")
    library()
