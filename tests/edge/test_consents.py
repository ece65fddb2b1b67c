"""What a service keeps of consents: those that were signed for a tenure it knows, until they are taken back or end."""

from pathlib import Path

import pytest
from nacl.signing import SigningKey

from tests.policy.rosters import REGION, TRUST, operator, row
from tests.protocol.test_consent import METER, consent
from wattseal.edge.consents import ConsentBook
from wattseal.protocol.consent import Consent, ConsentRevocation, SignedConsent, SignedRevocation
from wattseal.protocol.errors import Rejected, SignatureInvalid, UnknownSubject, UsageError
from wattseal.protocol.ids import MeterId, RegionId
from wattseal.protocol.roster import RosterRow

M0 = MeterId("m0")
ROW = row("m0", "town", identity_key=METER.verify_key.encode())
SIGNED = SignedConsent.issue(consent(), "customer", METER)


def rows_of(region: RegionId, meter: MeterId) -> list[RosterRow]:
    return [ROW] if (region, meter) == (REGION, M0) else []


def book(directory: Path, day: int = 150) -> ConsentBook:
    return ConsentBook(directory, TRUST, lambda: day * 86_400.0, rows_of)


def taken_back(given: Consent, key: SigningKey = METER) -> SignedRevocation:
    return SignedRevocation.issue(ConsentRevocation(consent=given.fingerprint), "customer", key)


def test_a_consent_is_in_force_until_its_end_and_after_a_restart(tmp_path: Path) -> None:
    kept = book(tmp_path)
    assert kept.install(SIGNED) == kept.install(SIGNED) == consent()
    assert kept.of(REGION, M0) == [consent()]
    assert book(tmp_path, 300).of(REGION, M0) == [consent()]
    assert book(tmp_path, 301).of(REGION, M0) == []
    assert kept.of(REGION, MeterId("m1")) == kept.of(RegionId("east"), M0) == []
    assert [state for _, state in book(tmp_path, 301).listed()] == ["expired"]


def test_what_is_taken_back_stays_taken_back(tmp_path: Path) -> None:
    kept = book(tmp_path)
    kept.install(SIGNED)
    for _ in range(2):
        kept.revoke(taken_back(consent()))
    for known in (kept, book(tmp_path)):
        assert known.of(REGION, M0) == []
        assert [state for _, state in known.listed()] == ["revoked"]
        with pytest.raises(Rejected, match="taken back"):
            known.install(SIGNED)
    anew = consent(until=301)
    kept.install(SignedConsent.issue(anew, "customer", METER))
    assert kept.of(REGION, M0) == [anew]


def test_the_utility_may_take_a_consent_back_on_evidence(tmp_path: Path) -> None:
    kept = book(tmp_path)
    kept.install(SIGNED)
    revocation = ConsentRevocation(consent=consent().fingerprint, evidence="letter of 2026-05-01")
    kept.revoke(SignedRevocation.issue(revocation, "utility", operator("utility")))
    assert kept.of(REGION, M0) == []


def test_somebody_elses_signature(tmp_path: Path) -> None:
    kept = book(tmp_path)
    with pytest.raises(SignatureInvalid):
        kept.install(SignedConsent.issue(consent(), "customer", operator("aggregator")))
    kept.install(SIGNED)
    with pytest.raises(SignatureInvalid):
        kept.revoke(taken_back(consent(), operator("aggregator")))
    assert kept.of(REGION, M0) == [consent()]


def test_tenures_and_consents_that_are_not_known(tmp_path: Path) -> None:
    kept = book(tmp_path)
    for other in (consent(account="next"), consent(meter=MeterId("m1"))):
        with pytest.raises(UnknownSubject, match="no roster here"):
            kept.install(SignedConsent.issue(other, "customer", METER))
    with pytest.raises(UnknownSubject, match="not known"):
        kept.revoke(taken_back(consent()))


def test_a_file_that_was_altered_is_named(tmp_path: Path) -> None:
    book(tmp_path).install(SIGNED)
    (file,) = (tmp_path / "consents").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UsageError, match=file.name):
        book(tmp_path)
