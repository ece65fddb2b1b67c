"""The exact results of bills, which the decryptor alone saw before they were rounded, sealed for its own later use.

The key is of a key period's root: with the root's end, what was kept under it is gone.
"""

import json
from collections.abc import Sequence

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from wattseal.cryptosystems.pads.derive import Root
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.errors import UsageError

Exact = Sequence[Sequence[int] | None]
"""By segment of a statement, one a result; None: it did not open."""


def sealed(root: Root, exact: Exact) -> bytes:
    return SecretBox(root.own_key().expose()).encrypt(canonical_json(exact))


def unsealed(root: Root, kept: bytes) -> Exact:
    """Raises UsageError for what is not as it was kept."""
    try:
        found: Exact = json.loads(SecretBox(root.own_key().expose()).decrypt(kept))
    except CryptoError:
        raise UsageError("the exact results of bills are not as they were kept") from None
    return found
