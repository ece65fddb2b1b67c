import pytest
from pydantic import ValidationError

from tests.protocol.samples import TRUST
from wattseal.protocol.ids import Role
from wattseal.protocol.trust import TrustAnchors


def test_each_role_has_its_own_key() -> None:
    assert {TRUST.service(role) for role in Role} == {TRUST.aggregator, TRUST.decryptor, TRUST.unblinder}


def test_one_key_cannot_count_for_two_roles() -> None:
    keys = TRUST.model_dump()
    for twin in keys.keys() - {"utility"}:
        with pytest.raises(ValidationError, match="share a key"):
            TrustAnchors(**{**keys, twin: TRUST.utility})
