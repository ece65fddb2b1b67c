"""Documents of the utility that both other operators countersign before any service believes them."""

from typing import ClassVar, Literal, Self

from nacl.signing import SigningKey

from wattseal.protocol.codec import Bytes, Message, Signature
from wattseal.protocol.errors import MalformedMessage
from wattseal.protocol.signing import sign, verify
from wattseal.protocol.trust import TrustAnchors

Operator = Literal["aggregator_operator", "unblinder_operator"]


class Countersigned(Message):
    """A document's canonical bytes with the utility's signature and the two countersignatures.

    `kind` is in every signature, so that none counts for a document of another kind.
    """

    kind: ClassVar[str]

    body: Bytes
    utility: Signature
    aggregator_operator: Signature | None = None
    unblinder_operator: Signature | None = None

    @classmethod
    def of(cls, document: Message, utility: SigningKey) -> Self:
        body = document.to_bytes()
        return cls(body=body, utility=sign(utility, cls.kind, body))

    def countersigned(self, operator: Operator, key: SigningKey) -> Self:
        return self.model_copy(update={operator: sign(key, self.kind, self.body)})

    def check(self, trust: TrustAnchors) -> None:
        """Raises MalformedMessage or SignatureInvalid unless all three signatures hold."""
        if self.aggregator_operator is None or self.unblinder_operator is None:
            raise MalformedMessage(f"the {self.kind} is not countersigned by both operators")
        self.check_proposed(trust)
        verify(trust.aggregator_operator, self.kind, self.body, self.aggregator_operator)
        verify(trust.unblinder_operator, self.kind, self.body, self.unblinder_operator)

    def check_proposed(self, trust: TrustAnchors) -> None:
        """For an operator who is to countersign: raises SignatureInvalid unless the utility's signature holds."""
        verify(trust.utility, self.kind, self.body, self.utility)
