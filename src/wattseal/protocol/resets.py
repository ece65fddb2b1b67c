"""A total or bill that failed to open too often, as after three crashes, is tried again if all operators say so."""

from typing import Annotated, ClassVar, Literal, Self

from nacl.signing import SigningKey
from pydantic import Field

from wattseal.protocol.codec import Bytes32, Message
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.measures import Reason
from wattseal.protocol.trust import TrustAnchors


class ItemReset(Message):
    """Three more attempts at one item. `serial` counts the resets of that item from 1, so that none counts twice."""

    version: Literal[1] = 1
    item: Bytes32
    serial: Annotated[int, Field(ge=1, le=1000)]
    reason: Reason


class SignedItemReset(Countersigned):
    """A reset's canonical bytes with all signatures."""

    kind: ClassVar[str] = "item-reset"

    @classmethod
    def issue(cls, reset: ItemReset, utility: SigningKey) -> Self:
        return cls.of(reset, utility)

    def opened(self, trust: TrustAnchors) -> ItemReset:
        """The reset, once all three signatures hold. Raises SignatureInvalid or MalformedMessage."""
        self.check(trust)
        return ItemReset.from_bytes(self.body)

    def proposed(self, trust: TrustAnchors) -> ItemReset:
        """The reset as the utility signed it. Raises as `opened`."""
        self.check_proposed(trust)
        return ItemReset.from_bytes(self.body)
