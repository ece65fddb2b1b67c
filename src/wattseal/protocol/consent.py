"""What a customer agrees to, for a secondary purpose, and takes back: consents and their revocations.

A consent is of one tenure, an account behind a meter since a day: whoever lives there next has given none. The
customer signs by the meter's identity key, which the roster of the tenure names; or the utility does on their behalf,
and says by what evidence.
"""

from functools import cached_property
from typing import Annotated, Literal, Self

from nacl.signing import SigningKey
from pydantic import Field, model_validator

from wattseal.protocol.codec import Bytes, Bytes32, Digest, Message, Signature
from wattseal.protocol.ids import MeterField, Purpose, RegionField, Window, WindowField
from wattseal.protocol.measures import Reason
from wattseal.protocol.roster import Name, RosterRow
from wattseal.protocol.signing import sign, verify

Recipient = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""The name that a service knows a token by."""

Signer = Literal["customer", "utility"]


class Consent(Message):
    """`recipient` may have results of the meter's reads from `first` to `last`, for `purpose`, until day `until`.

    `evidence` is how the utility knows, where it signs; null where the customer does.
    """

    version: Literal[1] = 1
    region: RegionField
    meter: MeterField
    account: Name
    tenure_since: WindowField
    recipient: Recipient
    purpose: Purpose
    first: WindowField
    last: WindowField
    until: WindowField
    evidence: Reason | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.tenure_since <= self.first <= self.last <= self.until:
            raise ValueError("'tenure_since', 'first', 'last' and 'until' follow each other")
        return self

    @cached_property
    def fingerprint(self) -> Digest:
        """The digest, computed once."""
        return self.digest()

    def is_of(self, row: RosterRow) -> bool:
        """Whether the row is of the tenure that gave it."""
        return (row.meter, row.account, row.tenure_since) == (self.meter, self.account, self.tenure_since)

    def covers(self, first: Window, last: Window) -> bool:
        """Whether all reads of these days are meant."""
        return self.first <= first and last <= self.last


class ConsentRevocation(Message):
    """Of the consent with this digest, from its installation on."""

    version: Literal[1] = 1
    consent: Bytes32
    evidence: Reason | None = None


class SignedConsent(Message):
    """A consent's canonical bytes, who signed them, and the signature."""

    body: Bytes
    signer: Signer
    signature: Signature

    @classmethod
    def issue(cls, consent: Consent, signer: Signer, key: SigningKey) -> Self:
        return cls(body=consent.to_bytes(), signer=signer, signature=_sign(consent, signer, key))

    @model_validator(mode="after")
    def _has_evidence(self) -> Self:
        _check_evidence(Consent.from_bytes(self.body).evidence, self.signer)
        return self

    @property
    def claimed(self) -> Consent:
        """What it says, whoever signed it: for finding the keys to check it by."""
        return Consent.from_bytes(self.body)

    def opened(self, customer: bytes, utility: bytes) -> Consent:
        """By the keys of the tenure's meter and of the utility. Raises SignatureInvalid or MalformedMessage."""
        consent = self.claimed
        key = customer if self.signer == "customer" else utility
        verify(key, _context(consent, self.signer), self.body, self.signature)
        return consent


class SignedRevocation(Message):
    """A revocation's canonical bytes, who signed them, and the signature. Either signer may take a consent back."""

    body: Bytes
    signer: Signer
    signature: Signature

    @classmethod
    def issue(cls, revocation: ConsentRevocation, signer: Signer, key: SigningKey) -> Self:
        return cls(body=revocation.to_bytes(), signer=signer, signature=_sign(revocation, signer, key))

    @model_validator(mode="after")
    def _has_evidence(self) -> Self:
        _check_evidence(ConsentRevocation.from_bytes(self.body).evidence, self.signer)
        return self

    @property
    def claimed(self) -> ConsentRevocation:
        return ConsentRevocation.from_bytes(self.body)

    def opened(self, customer: bytes, utility: bytes) -> ConsentRevocation:
        """As for consents."""
        revocation = self.claimed
        key = customer if self.signer == "customer" else utility
        verify(key, _context(revocation, self.signer), self.body, self.signature)
        return revocation


def _sign(document: Consent | ConsentRevocation, signer: Signer, key: SigningKey) -> bytes:
    return sign(key, _context(document, signer), document.to_bytes())


def _context(document: Consent | ConsentRevocation, signer: Signer) -> str:
    """One signature counts for one kind of document and one signer."""
    return f"{type(document).__name__} of the {signer}"


def _check_evidence(evidence: str | None, signer: Signer) -> None:
    if (evidence is not None) != (signer == "utility"):
        raise ValueError("the utility says by what evidence it signs, a customer does not")
