"""The charges of a tariff whose results may tell more of a few hours than others: a list that all operators sign."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, Self

from nacl.signing import SigningKey
from pydantic import Field, model_validator

from wattseal.protocol.codec import Bytes32, Many, Message
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.errors import UsageError
from wattseal.protocol.roster import Name
from wattseal.protocol.tariff.literals import named
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.trust import TrustAnchors


class ChargeList(Message):
    """Season cuts, export credits and the like, by their names in the tariff of that digest."""

    version: Literal[1] = 1
    tariff: Bytes32
    charges: Annotated[Many[Name], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if list(self.charges) != sorted(set(self.charges)):
            raise ValueError("charges are sorted, each once")
        return self

    @classmethod
    def naming(cls, tariff: Tariff, charges: Iterable[str]) -> Self:
        """Raises UsageError for what is no charge of the tariff's on energy."""
        with named("charges"):
            listed = cls(tariff=tariff.fingerprint, charges=tuple(sorted(set(charges))))
        if (unknown := listed.unknown_to(tariff)) is not None:
            raise UsageError(f"charges: tariff {tariff.name} has no charge '{unknown}' on energy")
        return listed

    def unknown_to(self, tariff: Tariff) -> str | None:
        """The first charge that is not one of the tariff's on energy."""
        return min(set(self.charges) - {charge.name for charge in tariff.metered}, default=None)


class SignedChargeList(Countersigned):
    """A list's canonical bytes with all signatures."""

    kind: ClassVar[str] = "charge list"

    @classmethod
    def issue(cls, charges: ChargeList, utility: SigningKey) -> Self:
        return cls.of(charges, utility)

    def opened(self, trust: TrustAnchors) -> ChargeList:
        """The list, once all three signatures hold. Raises SignatureInvalid or MalformedMessage."""
        self.check(trust)
        return ChargeList.from_bytes(self.body)

    def proposed(self, trust: TrustAnchors) -> ChargeList:
        """The list as the utility signed it. Raises as `opened`."""
        self.check_proposed(trust)
        return ChargeList.from_bytes(self.body)
