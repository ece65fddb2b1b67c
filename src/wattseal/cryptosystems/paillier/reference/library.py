"""python-paillier, imported when it is first used: it is GPLv3, and an optional extra.

It never sees bytes, only numbers: our own codec and door come first. What it costs is in `docs/parameters.md`.
"""

from importlib import import_module
from types import ModuleType

from wattseal.cryptosystems.errors import BackendError


def library() -> ModuleType:
    """Raises BackendError that says how to get it."""
    try:
        return import_module("phe.paillier")
    except ModuleNotFoundError:
        raise BackendError(
            "the reference backend needs python-paillier (GPLv3): install the extra, wattseal[reference]"
        ) from None
