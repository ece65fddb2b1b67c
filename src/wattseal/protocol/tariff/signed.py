"""A tariff as it is registered: signed by the utility, countersigned by the other operators."""

from typing import ClassVar, Self

from nacl.signing import SigningKey

from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.trust import TrustAnchors


class SignedTariff(Countersigned):
    """A tariff's canonical bytes with all signatures."""

    kind: ClassVar[str] = "tariff"

    @classmethod
    def issue(cls, tariff: Tariff, utility: SigningKey) -> Self:
        return cls.of(tariff, utility)

    def opened(self, trust: TrustAnchors) -> Tariff:
        """The tariff, once all three signatures hold. Raises SignatureInvalid or MalformedMessage."""
        self.check(trust)
        return Tariff.from_bytes(self.body)

    def proposed(self, trust: TrustAnchors) -> Tariff:
        """The tariff as the utility signed it. Raises as `opened`."""
        self.check_proposed(trust)
        return Tariff.from_bytes(self.body)
