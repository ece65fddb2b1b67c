"""Tariffs that operators register: three signatures, once, and the day of it stays."""

from pathlib import Path

import pytest

from tests.policy.rosters import TODAY, TRUST, operator, roster, rows_of
from tests.policy.rosters import countersigned as countersigned_roster
from wattseal.edge.countersign import countersign_file
from wattseal.edge.home import OPERATOR, Home
from wattseal.edge.private_files import write_private
from wattseal.edge.registry import RegisteredTariff, Registry
from wattseal.policy.bill_questions import Listed
from wattseal.protocol.errors import (
    Contradiction,
    MalformedMessage,
    Rejected,
    SignatureInvalid,
    UnknownSubject,
    UsageError,
)
from wattseal.protocol.ids import Window
from wattseal.protocol.roster import SignedRoster
from wattseal.protocol.tariff.charge_list import ChargeList, SignedChargeList
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.tariff.toml_file import packaged
from wattseal.protocol.time import SECONDS_PER_DAY
from wattseal.protocol.trust import TrustAnchors

TARIFF = packaged("E-TOU-C")


def countersigned() -> SignedTariff:
    return (
        SignedTariff.issue(TARIFF, operator("utility"))
        .countersigned("aggregator_operator", operator("aggregator_operator"))
        .countersigned("unblinder_operator", operator("unblinder_operator"))
    )


def opened(directory: Path, *, day: int = TODAY, replay: bool = False) -> Registry:
    return Registry(
        directory, TRUST, lambda: day * SECONDS_PER_DAY, replay=replay, least_change=2, check_key=lambda _: None
    )


def test_a_tariff_is_known_by_its_digest_and_since_its_first_day(tmp_path: Path) -> None:
    registry = opened(tmp_path)
    assert registry.install_tariff(countersigned()) == TARIFF
    later = opened(tmp_path, day=TODAY + 9)
    later.install_tariff(countersigned())
    for known in (registry, later, opened(tmp_path, day=TODAY + 9)):
        assert known.tariff(TARIFF.fingerprint) == RegisteredTariff(TARIFF, Window(TODAY))
        assert known.tariffs() == [TARIFF]


def test_in_a_replay_a_tariff_was_always_there(tmp_path: Path) -> None:
    registry = opened(tmp_path, replay=True)
    registry.install_tariff(countersigned())
    assert registry.tariff(TARIFF.fingerprint).since == Window(0)


def test_tariffs_are_listed_by_name(tmp_path: Path) -> None:
    registry = opened(tmp_path)
    for name in ("E-TOU-D", "E-1"):
        other = SignedTariff.issue(packaged(name), operator("utility"))
        for signer in ("aggregator_operator", "unblinder_operator"):
            other = other.countersigned(signer, operator(signer))
        registry.install_tariff(other)
    assert [tariff.name for tariff in registry.tariffs()] == ["E-1", "E-TOU-D"]


@pytest.mark.parametrize("missing", ["aggregator_operator", "unblinder_operator"])
def test_both_countersignatures_are_needed(tmp_path: Path, missing: str) -> None:
    """Threat E42."""
    with pytest.raises(MalformedMessage, match="tariff is not countersigned by both operators"):
        opened(tmp_path).install_tariff(countersigned().model_copy(update={missing: None}))


@pytest.mark.parametrize("forged", ["utility", "aggregator_operator", "unblinder_operator"])
def test_every_signature_is_checked(tmp_path: Path, forged: str) -> None:
    other = SignedTariff.issue(TARIFF, operator("nobody")).utility
    registry = opened(tmp_path)
    with pytest.raises(SignatureInvalid):
        registry.install_tariff(countersigned().model_copy(update={forged: other}))
    with pytest.raises(UnknownSubject):
        registry.tariff(TARIFF.fingerprint)


def test_a_signature_for_a_roster_is_none_for_a_tariff(tmp_path: Path) -> None:
    signed = countersigned_roster(roster(rows_of("town", 3), effective=TODAY + 1))
    with pytest.raises(SignatureInvalid):
        opened(tmp_path).install_tariff(SignedTariff.from_bytes(signed.to_bytes()))


def test_an_altered_file_is_named_at_the_next_start(tmp_path: Path) -> None:
    opened(tmp_path).install_tariff(countersigned())
    (path,) = (tmp_path / "tariffs").iterdir()
    write_private(path, path.read_bytes().replace(b'"since":', b'"since":1'))
    assert opened(tmp_path).tariff(TARIFF.fingerprint).since != Window(TODAY)
    write_private(path, path.read_bytes()[:-1])
    with pytest.raises(UsageError, match=path.name):
        opened(tmp_path)


LIST = ChargeList.naming(TARIFF, ["Energy"])


def listed(listed: ChargeList = LIST) -> SignedChargeList:
    return (
        SignedChargeList.issue(listed, operator("utility"))
        .countersigned("aggregator_operator", operator("aggregator_operator"))
        .countersigned("unblinder_operator", operator("unblinder_operator"))
    )


def test_a_list_is_its_tariffs_since_its_first_day(tmp_path: Path) -> None:
    registry = opened(tmp_path)
    registry.install_tariff(countersigned())
    later = opened(tmp_path, day=TODAY + 9)
    assert later.install_charge_list(listed()) == LIST
    latest = opened(tmp_path, day=TODAY + 20)
    latest.install_charge_list(listed())
    for known in (later, latest, opened(tmp_path)):
        since = Listed(frozenset({"Energy"}), Window(TODAY + 9))
        assert known.tariff(TARIFF.fingerprint) == RegisteredTariff(TARIFF, Window(TODAY), since)


def test_a_list_is_for_good_and_of_charges_that_there_are(tmp_path: Path) -> None:
    registry = opened(tmp_path)
    with pytest.raises(UnknownSubject, match="not registered"):
        registry.install_charge_list(listed())
    registry.install_tariff(countersigned())
    with pytest.raises(Rejected, match="no charge of its tariff"):
        registry.install_charge_list(listed(LIST.model_copy(update={"charges": ("Base services",)})))
    registry.install_charge_list(listed())
    wider = ChargeList.naming(TARIFF, [charge.name for charge in TARIFF.metered])
    assert wider != LIST
    with pytest.raises(Contradiction, match="another list"):
        registry.install_charge_list(listed(wider))


@pytest.mark.parametrize("charges", [["Base services"], [], ["=Energy"]])
def test_what_is_no_list_of_the_tariffs_charges(charges: list[str]) -> None:
    with pytest.raises(UsageError, match=r"^charges: "):
        ChargeList.naming(TARIFF, charges)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    write_private(tmp_path / "passphrase", b"of an operator")
    Home.create(tmp_path / "home", tmp_path / "passphrase")
    anchors = {**dict(TRUST), "aggregator_operator": operator("aggregator_operator").verify_key.encode()}
    write_private(tmp_path / "home/trust.json", TrustAnchors(**anchors).to_bytes())
    return Home(tmp_path / "home", tmp_path / "passphrase")


def test_an_operator_signs_what_the_file_holds(tmp_path: Path, home: Home) -> None:
    tariff, roster_file = tmp_path / "tariff.json", tmp_path / "roster.json"
    tariff.write_bytes(SignedTariff.issue(TARIFF, operator("utility")).to_bytes())
    proposed = roster(rows_of("town", 3), effective=TODAY + 1)
    roster_file.write_bytes(SignedRoster.issue(proposed, operator("utility")).to_bytes())
    told = countersign_file(home, tariff, "aggregator_operator")
    assert told == {"countersigned": TARIFF.name, "revision": TARIFF.revision}
    assert countersign_file(home, roster_file, "aggregator_operator")["meters"] == 3
    list_file = tmp_path / "list.json"
    list_file.write_bytes(SignedChargeList.issue(LIST, operator("utility")).to_bytes())
    assert countersign_file(home, list_file, "aggregator_operator")["countersigned"] == "Energy"
    ours = home.signing_key(OPERATOR)
    assert SignedTariff.from_bytes(tariff.read_bytes()).aggregator_operator == (
        SignedTariff.issue(TARIFF, operator("utility")).countersigned("aggregator_operator", ours).aggregator_operator
    )


def test_what_the_utility_did_not_sign_is_not_countersigned(tmp_path: Path, home: Home) -> None:
    path = tmp_path / "tariff.json"
    path.write_bytes(before := SignedTariff.issue(TARIFF, operator("nobody")).to_bytes())
    with pytest.raises(SignatureInvalid):
        countersign_file(home, path, "unblinder_operator")
    assert path.read_bytes() == before
    with pytest.raises(UsageError, match="No such file"):
        countersign_file(home, tmp_path / "missing.json", "unblinder_operator")
