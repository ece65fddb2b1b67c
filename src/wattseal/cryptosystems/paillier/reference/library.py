"""python-paillier, imported when it is first used: it is GPLv3, and an optional extra.

It never sees bytes, only numbers: our own codec and door come first.
"""

from importlib import import_module
from types import ModuleType


def library() -> ModuleType:
    """Raises ImportError that says how to get it."""
    try:
        return import_module("phe.paillier")
    except ModuleNotFoundError as missing:
        raise ImportError(
            "the reference backend needs python-paillier (GPLv3): install the extra, wattseal[reference]"
        ) from missing
