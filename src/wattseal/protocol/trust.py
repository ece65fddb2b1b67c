"""Whose signatures a role believes: the public keys that its operator pinned at set-up."""

from wattseal.protocol.codec import Bytes32, Message
from wattseal.protocol.ids import Role


class TrustAnchors(Message):
    """Ed25519 public keys. Operators' keys are apart from the services' own, so that they can be kept off line."""

    utility: Bytes32
    aggregator_operator: Bytes32
    unblinder_operator: Bytes32
    aggregator: Bytes32
    decryptor: Bytes32
    unblinder: Bytes32

    def service(self, role: Role) -> bytes:
        """The key with which the service of this role signs its answers."""
        return {
            Role.AGGREGATOR: self.aggregator,
            Role.DECRYPTOR: self.decryptor,
            Role.UNBLINDER: self.unblinder,
        }[role]
