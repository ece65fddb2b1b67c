"""What binds an opened total to its statement: labels, secret weights on every slot, and a secret tag a member."""

import hmac
from collections.abc import Sequence

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.keystream import KEY_BYTES
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import TAG_BITS, WEIGHT_BITS


def belongs(label: Label, public: PublicKey) -> bool:
    """Whether the label names this suite and modulus."""
    return label.suite == public.parameters.suite and label.modulus_id == public.modulus_id


def require_own_labels(labels: Sequence[Label], public: PublicKey) -> None:
    """Raises ParameterError for the first label that names another suite or modulus."""
    for position, label in enumerate(labels):
        if not belongs(label, public):
            raise ParameterError(f"the label of meter {position} names another suite or modulus")


def slot_weights(check_key: Secret, label: Label, slots: int, chunk: int = 0) -> list[int]:
    """One 32-bit weight a slot, the same for every meter of the label's region, channel, window and key id."""
    key, message = _usable(check_key), label.encode_shared(Use.WEIGHT, chunk)
    digests = (hmac.digest(key, message + slot.to_bytes(2, "big"), "sha256") for slot in range(slots))
    return [int.from_bytes(digest[: WEIGHT_BITS // 8], "big") for digest in digests]


def member_tag(tag_key: Secret, label: Label, chunk: int = 0) -> int:
    """64 bits that only this meter and the decryptor can compute, for this one report."""
    digest = hmac.digest(_usable(tag_key), label.encode(Use.TAG, chunk), "sha256")
    return int.from_bytes(digest[: TAG_BITS // 8], "big")


def _usable(key: Secret) -> bytes:
    """HMAC takes any key, an empty one too."""
    if len(key) != KEY_BYTES:
        raise ParameterError(f"a tag or check key has {KEY_BYTES} bytes, not {len(key)}")
    return key.expose()
