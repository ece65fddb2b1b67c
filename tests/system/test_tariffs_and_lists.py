"""Tariffs and lists of their charges: all three operators sign, or no role believes them."""

import pytest

from tests.system.forging import outcome
from tests.system.town import Town
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER
from wattseal.edge.access import Scope
from wattseal.edge.home import OPERATOR
from wattseal.meter_sim.rosters import utility_key
from wattseal.protocol.codec import Message
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.ids import Role
from wattseal.protocol.tariff.charge_list import ChargeList, SignedChargeList
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.tariff.toml_file import packaged

TARIFF = packaged("E-TOU-D")
LIST = ChargeList.naming(TARIFF, ["Energy"])
DOCUMENTS: dict[str, tuple[type[Countersigned], Message]] = {
    "/v1/tariffs": (SignedTariff, TARIFF),
    "/v1/charge-lists": (SignedChargeList, LIST),
}


def signed(town: Town, path: str) -> Countersigned:
    kind, document = DOCUMENTS[path]
    return town.countersigned(kind.of(document, utility_key(town.state)))


def installing(town: Town, path: str, document: Message) -> dict[Role, str]:
    """What each role says to an operator."""
    posts = {role: town.service(role, Scope.OPERATOR).post for role in (AGGREGATOR, DECRYPTOR, UNBLINDER)}
    return {role: outcome(post, path, document) for role, post in posts.items()}


@pytest.mark.parametrize("missing", ["utility", "aggregator_operator", "unblinder_operator"])
@pytest.mark.parametrize("path", DOCUMENTS)
def test_two_signatures_are_rejected_by_all_three(town: Town, path: str, missing: str) -> None:
    """Threat E42: a list signed by two could let through what the share rule refuses."""
    whole, (kind, document) = signed(town, path), DOCUMENTS[path]
    forger = town.home(AGGREGATOR).signing_key(OPERATOR) if missing == "utility" else utility_key(town.state)
    replaced = kind.of(document, forger).utility
    assert set(installing(town, path, whole.model_copy(update={missing: replaced})).values()) == {"signature-invalid"}
    if missing != "utility":
        absent = whole.model_copy(update={missing: None})
        assert set(installing(town, path, absent).values()) == {"malformed"}


def test_a_list_follows_its_tariff(town: Town) -> None:
    """And a tariff's signatures are none for a list."""
    tariff, charges = (signed(town, path) for path in DOCUMENTS)
    assert set(installing(town, "/v1/charge-lists", charges).values()) == {"unknown-subject"}
    assert set(installing(town, "/v1/tariffs", tariff).values()) == {"granted"}
    mixed = SignedChargeList.from_bytes(tariff.model_copy(update={"body": charges.body}).to_bytes())
    assert set(installing(town, "/v1/charge-lists", mixed).values()) == {"signature-invalid"}
    assert set(installing(town, "/v1/charge-lists", charges).values()) == {"granted"}
