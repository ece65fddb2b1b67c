"""Errors of the cryptosystems, one tree. Roles translate them; messages never carry a read or a key.

CryptosystemError
├── ParameterError        parameters, a layout or keys that do not fit or do not belong together
├── PlaintextError        reads that the layout cannot hold
├── CiphertextError       bytes that are not a ciphertext under these parameters
├── BackendError          a backend that a scheme does not have, or that is not installed
└── VerificationFailed    a total that does not open as it was stated, whatever the cause
"""


class CryptosystemError(Exception):
    """Base of the tree."""


class ParameterError(CryptosystemError):
    """Parameters, layout, keys or labels that are out of range or do not fit each other."""


class PlaintextError(CryptosystemError):
    """A read that is negative or above the layout's largest, or reads of the wrong shape."""


class CiphertextError(CryptosystemError):
    """Bytes that are not a ciphertext under these parameters."""


class BackendError(CryptosystemError):
    """A backend that this scheme does not have, or whose library is not installed."""


class VerificationFailed(CryptosystemError):
    """The one answer to everything that fails while opening."""

    def __init__(self) -> None:
        super().__init__()

    def __str__(self) -> str:
        return "verification failed"
