"""Access tokens: what is stored of them, and what opens with which."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from fastapi import Request

from wattseal.edge.access import DAYS, Holder, Scope, Tokens, add_token, holders_in, revoke_token
from wattseal.edge.private_files import write_private
from wattseal.policy.limits import Asker
from wattseal.protocol.errors import Forbidden, TokenExpired, Unauthorized, UsageError


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


def test_only_hashes_are_kept(path: Path) -> None:
    tokens = Tokens.create(path)
    kept = {holder.token_digest: holder.scopes for holder in holders_in(path)}
    assert kept == {hashlib.sha256(token.encode()).digest(): (scope,) for scope, token in tokens.items()}
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


def test_the_stored_hash_is_no_token(path: Path) -> None:
    Tokens.create(path)
    with pytest.raises(Unauthorized):
        Tokens.load(path).require(json.loads(path.read_bytes())["holders"][0]["token_digest"], Scope.COLLECTOR)


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
    "content", [b"", b"[1]", b'{"00":"fleet"}', b'{"holders":[{}],"version":1}', b'{"holders":[],"version":2}', b"\xff"]
)
def test_a_file_that_holds_no_tokens(path: Path, content: bytes) -> None:
    write_private(path, content)
    with pytest.raises(UsageError, match=r"tokens\.json does not hold hashed tokens"):
        Tokens.load(path)


def test_a_file_that_others_can_read(path: Path) -> None:
    Tokens.create(path)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="can be read by others"):
        Tokens.load(path)


def holder(name: str, *scopes: Scope, expires: int = 2**40) -> Holder:
    return Holder(name=name, scopes=scopes, token_digest=bytes(32), expires=expires)


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
