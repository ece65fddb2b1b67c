"""Which library does the arithmetic: an operator's choice, invisible to everybody else, bytes being the same."""

from enum import StrEnum

from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.ckks.reference.library import require_library
from wattseal.cryptosystems.errors import BackendError
from wattseal.cryptosystems.paillier.parameters import PARAMETERS_BY_SUITE
from wattseal.cryptosystems.paillier.reference.library import library


class Backend(StrEnum):
    """`REFERENCE` is python-paillier, or SEAL to open CKKS, for those who want a published library.

    Our door and codec stay before it.
    """

    OURS = "ours"
    REFERENCE = "reference"


def require_backend(backend: Backend, suite: int) -> None:
    """Raises BackendError for a suite that has no such backend, or if the library is not installed."""
    if backend is Backend.OURS:
        return
    if suite == CKKS_4096.suite:
        require_library()
    elif suite in PARAMETERS_BY_SUITE:
        library()
    else:
        raise BackendError(f"only Paillier and CKKS have a reference backend, suite {suite} has none")
