"""TenSEAL's binding of Microsoft SEAL, imported when it is first used: an optional extra.

It never sees bytes that anybody sent, only integers below our primes: our own codec comes first.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from wattseal.cryptosystems.errors import BackendError


def require_library() -> None:
    """Without loading it, for the roles that have no use of it. Raises BackendError that says how to get it."""
    if find_spec("tenseal") is None:
        raise BackendError("the reference backend of CKKS needs TenSEAL: install the extra, wattseal[reference]")
    if not hasattr(os, "memfd_create"):
        raise BackendError("the reference backend of CKKS needs files in memory, which only Linux has")


def library() -> ModuleType:
    """Raises BackendError."""
    require_library()
    return import_module("tenseal.sealapi")
