"""Whose signatures a role believes: the public keys that its operator pinned at set-up."""

from typing import Self

from pydantic import model_validator

from wattseal.protocol.codec import Bytes32, Message
from wattseal.protocol.ids import Role


class TrustAnchors(Message):
    """Ed25519 public keys, all different. Operators' are apart from the services' own, to be kept off line."""

    utility: Bytes32
    aggregator_operator: Bytes32
    unblinder_operator: Bytes32
    aggregator: Bytes32
    decryptor: Bytes32
    unblinder: Bytes32

    @model_validator(mode="after")
    def _all_different(self) -> Self:
        if len(set(dict(self).values())) != len(type(self).model_fields):
            raise ValueError("two roles share a key, so that one signature would count for both")
        return self

    def service(self, role: Role) -> bytes:
        """The key with which the service of this role signs its answers."""
        return {
            Role.AGGREGATOR: self.aggregator,
            Role.DECRYPTOR: self.decryptor,
            Role.UNBLINDER: self.unblinder,
        }[role]
