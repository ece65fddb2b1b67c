"""The proof of a token: good for one statement, and no way to the token."""

import hashlib

import pytest
from nacl.signing import SigningKey

from tests.protocol.samples import answer, bill_answer
from wattseal.protocol.errors import SignatureInvalid
from wattseal.protocol.signing import sign
from wattseal.protocol.tokens import TokenProof, token_key

STATEMENT = answer().statement


def test_the_key_of_a_token() -> None:
    """As docs/wire-format.md says."""
    seed = hashlib.sha256(b"wattseal/1 token\0" + b"a token").digest()
    assert token_key("a token") == bytes(SigningKey(seed).verify_key)


def test_a_proof_is_of_one_statement_and_always_the_same() -> None:
    proof = TokenProof.issue("t", STATEMENT)
    proof.check(STATEMENT)
    assert TokenProof.issue("t", STATEMENT) == proof
    for other in (bill_answer().statement, STATEMENT.replace(b"grid-planning", b"publication"), b""):
        assert other != STATEMENT
        with pytest.raises(SignatureInvalid, match="question to the unblinder"):
            proof.check(other)


def test_a_proof_is_of_one_token() -> None:
    mine, other = TokenProof.issue("t", STATEMENT), TokenProof.issue("u", STATEMENT)
    for mixed in (mine.model_copy(update={"key": other.key}), other.model_copy(update={"key": mine.key})):
        with pytest.raises(SignatureInvalid):
            mixed.check(STATEMENT)


def test_a_signature_of_another_kind_is_no_proof() -> None:
    key = SigningKey.generate()
    for context in ("answer", "TotalStatement"):
        forged = TokenProof(key=bytes(key.verify_key), signature=sign(key, context, STATEMENT))
        with pytest.raises(SignatureInvalid):
            forged.check(STATEMENT)
