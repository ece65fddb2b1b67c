"""Access tokens: what is stored of them, and what opens with which."""

import json
import re
from pathlib import Path

import pytest
from fastapi import Request

from wattseal.edge.access import DAYS, Holder, Scope, Tokens, add_token, holders_in, revoke_token
from wattseal.edge.private_files import write_private
from wattseal.policy.limits import Asker
from wattseal.protocol.errors import Forbidden, TokenExpired, Unauthorized, UsageError
from wattseal.protocol.tokens import TokenProof, token_key

QUESTION = b'{"purpose":"grid-planning"}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def bearing(*headers: str) -> Request:
    raw = [(b"authorization", header.encode("latin-1")) for header in headers]
    return Request({"type": "http", "headers": raw})


def test_one_token_a_scope(path: Path) -> None:
    tokens = Tokens.create(path)
    assert tokens.keys() == set(Scope)
    assert len(set(tokens.values())) == len(Scope)
    assert all(re.fullmatch(r"[\w-]{43}", token) for token in tokens.values())


def test_only_keys_to_check_by_are_kept(path: Path) -> None:
    tokens = Tokens.create(path)
    kept = {holder.token_key: holder.scopes for holder in holders_in(path)}
    assert kept == {token_key(token): (scope,) for scope, token in tokens.items()}
    assert not any(token.encode() in path.read_bytes() for token in tokens.values())
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("held", Scope)
@pytest.mark.parametrize("needed", Scope)
def test_a_token_is_good_for_its_scope_alone(path: Path, held: Scope, needed: Scope) -> None:
    tokens = Tokens.create(path)
    loaded = Tokens.load(path)
    if held is needed:
        loaded.require(tokens[held], needed)
    else:
        with pytest.raises(Forbidden, match=needed):
            loaded.require(tokens[held], needed)


def test_made_anew_the_old_ones_are_void(path: Path) -> None:
    old, _ = Tokens.create(path), Tokens.create(path)
    with pytest.raises(Unauthorized):
        Tokens.load(path).require(old[Scope.COLLECTOR], Scope.COLLECTOR)


@pytest.mark.parametrize("change", ["", "x", " ", "é"])
def test_a_token_that_is_not_known(path: Path, change: str) -> None:
    token = Tokens.create(path)[Scope.FLEET]
    # One token in 64 begins with the letter that is to stand in its first one's place.
    other = ("y" if change == token[0] else change) + token[1:]
    with pytest.raises(Unauthorized) as error:
        Tokens.load(path).require(other, Scope.FLEET)
    assert token[1:] not in error.value.detail


def test_what_is_stored_is_no_token(path: Path) -> None:
    """Nor does it make a proof of one: who steals the file asks nothing."""
    Tokens.create(path)
    stored, loaded = json.loads(path.read_bytes())["holders"][0]["token_key"], Tokens.load(path)
    with pytest.raises(Unauthorized):
        loaded.require(stored, Scope.COLLECTOR)
    proof = TokenProof.issue(stored, QUESTION).model_copy(update={"key": holders_in(path)[0].token_key})
    with pytest.raises(Unauthorized, match="not one of this question"):
        loaded.require_proof(proof, QUESTION, Scope.COLLECTOR)


def test_a_proof_stands_for_the_token_in_one_question(path: Path) -> None:
    token = Tokens.create(path)[Scope.COLLECTOR]
    loaded, proof = Tokens.load(path), TokenProof.issue(token, QUESTION)
    assert loaded.require_proof(proof, QUESTION, Scope.COLLECTOR) == loaded.require(token, Scope.COLLECTOR)
    assert token.encode() not in proof.to_bytes()
    for other in (b"", QUESTION + b" ", QUESTION[:-1]):
        with pytest.raises(Unauthorized, match="not one of this question"):
            loaded.require_proof(proof, other, Scope.COLLECTOR)


def test_a_proof_is_as_good_as_its_token(path: Path) -> None:
    """Scope, end and revocation are looked at whenever it comes."""
    now = [1_000.0]
    tokens = Tokens.create(path, lambda: now[0])
    loaded, proof = Tokens.load(path, lambda: now[0]), TokenProof.issue(tokens[Scope.COLLECTOR], QUESTION)
    with pytest.raises(Forbidden, match="billing"):
        loaded.require_proof(proof, QUESTION, Scope.BILLING)
    with pytest.raises(Unauthorized, match="not known"):
        loaded.require_proof(TokenProof.issue("x", QUESTION), QUESTION, Scope.COLLECTOR)
    now[0] += DAYS * 86_400
    with pytest.raises(TokenExpired):
        loaded.require_proof(proof, QUESTION, Scope.COLLECTOR)
    now[0] = 1_000.0
    revoke_token(path, "collector")
    with pytest.raises(Unauthorized, match="not known"):
        loaded.require_proof(proof, QUESTION, Scope.COLLECTOR)


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_header(path: Path, kind: str) -> None:
    token = Tokens.create(path)[Scope.OPERATOR]
    Tokens.load(path).require_bearer(bearing(f"{kind} {token}"), Scope.OPERATOR)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer  {}", "Bearer {} ", "Bearer\t{}"]
)
def test_a_header_that_is_no_bearer(path: Path, header: str | None) -> None:
    token = Tokens.create(path)[Scope.OPERATOR]
    request = bearing() if header is None else bearing(header.format(token))
    with pytest.raises(Unauthorized):
        Tokens.load(path).require_bearer(request, Scope.OPERATOR)


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b'{"00":"fleet"}', b'{"holders":[{}],"version":2}', b'{"holders":[],"version":1}', b"\xff"]
)
def test_a_file_that_holds_no_tokens(path: Path, content: bytes) -> None:
    write_private(path, content)
    with pytest.raises(UsageError, match=r"tokens\.json does not hold the keys of tokens"):
        Tokens.load(path)


def test_a_file_that_others_can_read(path: Path) -> None:
    Tokens.create(path)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="can be read by others"):
        Tokens.load(path)


def holder(name: str, *scopes: Scope, expires: int = 2**40) -> Holder:
    return Holder(name=name, scopes=scopes, token_key=bytes(32), expires=expires)


def test_a_token_has_an_end(path: Path) -> None:
    token = Tokens.create(path, lambda: 1_000.0)[Scope.COLLECTOR]
    end = 1_000 + DAYS * 86_400
    Tokens.load(path, lambda: end - 1.0).require(token, Scope.COLLECTOR)
    with pytest.raises(TokenExpired):
        Tokens.load(path, lambda: float(end)).require(token, Scope.COLLECTOR)


def test_an_expired_token_says_nothing_of_scopes(path: Path) -> None:
    Tokens.create(path)
    token = add_token(path, holder("university", Scope.COLLECTOR, expires=1))
    with pytest.raises(TokenExpired):
        Tokens.load(path).require(token, Scope.OPERATOR)


def test_one_that_is_added_or_revoked_counts_at_once(path: Path) -> None:
    Tokens.create(path)
    loaded = Tokens.load(path)
    token = add_token(path, holder("university", Scope.COLLECTOR, Scope.BILLING))
    for scope in (Scope.COLLECTOR, Scope.BILLING):
        assert loaded.require(token, scope).asker == Asker("university", frozenset({"collector", "billing"}))
    with pytest.raises(Forbidden):
        loaded.require(token, Scope.AUDITOR)
    revoke_token(path, "university")
    with pytest.raises(Unauthorized):
        loaded.require(token, Scope.COLLECTOR)


def test_names_are_of_one_token_each(path: Path) -> None:
    Tokens.create(path)
    with pytest.raises(UsageError, match="there is a token of that name"):
        add_token(path, holder("collector", Scope.COLLECTOR))
    with pytest.raises(UsageError, match="no token of the name university"):
        revoke_token(path, "university")
