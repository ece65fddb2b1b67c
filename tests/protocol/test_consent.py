"""Consents: who may sign them, what their days say, and whose tenure they are of."""

from typing import Any

import pytest
from nacl.signing import SigningKey
from pydantic import ValidationError

from tests.policy.rosters import REGION, row
from wattseal.protocol.consent import Consent, ConsentRevocation, SignedConsent, SignedRevocation
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid
from wattseal.protocol.ids import MeterId, Window

METER, UTILITY = SigningKey(b"m" * 32), SigningKey(b"u" * 32)
KEYS = (METER.verify_key.encode(), UTILITY.verify_key.encode())


def consent(**changes: Any) -> Consent:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "region": REGION,
        "meter": MeterId("m0"),
        "account": "account of m0",
        "tenure_since": Window(0),
        "recipient": "university",
        "purpose": "study",
        "first": Window(100),
        "last": Window(200),
        "until": Window(300),
    }
    return Consent(**{**fields, **changes})


def test_a_customer_signs_by_their_meter_and_the_utility_on_evidence() -> None:
    by_customer = SignedConsent.issue(consent(), "customer", METER)
    assert by_customer.opened(*KEYS) == consent()
    by_utility = SignedConsent.issue(consent(evidence="form 7 of 2026-03-01"), "utility", UTILITY)
    assert SignedConsent.from_bytes(by_utility.to_bytes()).opened(*KEYS).evidence == "form 7 of 2026-03-01"


def test_nobody_signs_for_another() -> None:
    for signed in (
        SignedConsent.issue(consent(), "customer", UTILITY),
        SignedConsent.issue(consent(evidence="a form"), "utility", METER),
        SignedConsent.issue(consent(), "customer", METER).model_copy(update={"body": consent(last=201).to_bytes()}),
    ):
        with pytest.raises(SignatureInvalid):
            signed.opened(*KEYS)


def test_a_signature_counts_for_one_kind_of_document_and_signer() -> None:
    """Else a consent's would take it back, and the utility's would pass for the customer's."""
    revocation = ConsentRevocation(consent=consent().fingerprint)
    signature = SignedConsent.issue(consent(), "customer", METER).signature
    with pytest.raises(SignatureInvalid):
        SignedRevocation(body=revocation.to_bytes(), signer="customer", signature=signature).opened(*KEYS)
    same_key = (KEYS[0], KEYS[0])
    on_evidence = SignedConsent.issue(consent(evidence="a form"), "utility", METER)
    assert on_evidence.opened(*same_key)
    with pytest.raises(ValidationError, match="by what evidence"):
        SignedConsent(body=on_evidence.body, signer="customer", signature=on_evidence.signature)


@pytest.mark.parametrize(("signer", "evidence"), [("utility", None), ("customer", "a form")])
def test_evidence_is_the_utilitys_to_give(signer: Any, evidence: str | None) -> None:  # noqa: ANN401 - a literal
    with pytest.raises(ValidationError, match="by what evidence"):
        SignedConsent.issue(consent(evidence=evidence), signer, METER)
    with pytest.raises(ValidationError, match="by what evidence"):
        SignedRevocation.issue(ConsentRevocation(consent=bytes(32), evidence=evidence), signer, METER)


@pytest.mark.parametrize("changes", [{"tenure_since": 101}, {"first": 201}, {"until": 199}])
def test_days_follow_each_other(changes: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="follow each other"):
        consent(**changes)


@pytest.mark.parametrize("recipient", ["", "A University", "-x", "a" * 41])
def test_a_recipient_is_a_tokens_name(recipient: str) -> None:
    with pytest.raises(MalformedMessage, match="recipient"):
        Consent.from_bytes(consent().to_bytes().replace(b'"university"', f'"{recipient}"'.encode()))


def test_it_is_of_one_tenure() -> None:
    assert consent().is_of(row("m0", "town"))
    for other in (row("m1", "town"), row("m0", "town", account="next"), row("m0", "town", tenure_since=Window(150))):
        assert not consent().is_of(other)


def test_it_covers_its_days_and_no_more() -> None:
    assert consent().covers(Window(100), Window(200))
    assert not consent().covers(Window(99), Window(200))
    assert not consent().covers(Window(100), Window(201))
