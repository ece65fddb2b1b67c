"""Access tokens: handed out once, kept as keys to check them by, with scopes, an end and a budget."""

import hmac
import secrets
from collections.abc import Collection, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from wattseal.edge.private_files import read_private, write_private
from wattseal.policy.limits import Asker
from wattseal.protocol.codec import Bytes32, Count, Many, Message
from wattseal.protocol.errors import Forbidden, Rejected, SignatureInvalid, TokenExpired, Unauthorized, UsageError
from wattseal.protocol.time import SECONDS_PER_DAY, Clock, system_clock
from wattseal.protocol.tokens import TokenProof, token_key

if TYPE_CHECKING:  # clients, which need scopes alone, start faster without the framework
    from fastapi import Request

DAYS, QUESTIONS_PER_DAY, AT_ONCE = 365, 1_000_000, 8
"""Of the tokens that come with a new home."""


class Scope(StrEnum):
    """What a token is good for."""

    COLLECTOR = "collector"
    BILLING = "billing"
    OPERATOR = "operator"
    FLEET = "fleet"
    AUDITOR = "auditor"


class Holder(Message):
    """Whoever has the token of this key. `expires` is in seconds since 1970, `at_once` how many questions wait."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    scopes: Annotated[Many[Scope], Field(min_length=1)]
    token_key: Bytes32
    expires: Count
    questions_per_day: Annotated[int, Field(ge=1, le=10_000_000)] = QUESTIONS_PER_DAY
    at_once: Annotated[int, Field(ge=1, le=64)] = AT_ONCE

    @property
    def asker(self) -> Asker:
        return Asker(self.name, frozenset(self.scopes))


class _File(Message):
    version: Literal[2] = 2
    holders: Many[Holder]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({holder.name for holder in self.holders}) != len(self.holders):
            raise ValueError("two holders share a name")
        return self


class Tokens:
    """The tokens of one service. One that is added or revoked counts from the next request on."""

    def __init__(self, holders: Iterable[Holder], clock: Clock = system_clock, path: Path | None = None) -> None:
        self._holders, self._clock, self._path = tuple(holders), clock, path
        self._seen = None if path is None else _stamp(path)

    @classmethod
    def create(cls, path: Path, clock: Clock = system_clock) -> dict[Scope, str]:
        """Make one token a scope, write their keys to `path`, and hand the tokens out this one time."""
        tokens = {scope: secrets.token_urlsafe(32) for scope in Scope}
        _write(path, [holder_of(token, scope, clock() + DAYS * SECONDS_PER_DAY) for scope, token in tokens.items()])
        return tokens

    @classmethod
    def load(cls, path: Path, clock: Clock = system_clock) -> "Tokens":
        """Raises UsageError for a file that is missing, readable by others or not of `create`'s making."""
        return cls(holders_in(path), clock, path)

    def require(self, token: str, *scopes: Scope) -> Holder:
        """Raises Unauthorized for an unknown token, TokenExpired, Forbidden for one of none of these scopes."""
        return self._good(token_key(token), scopes)

    def require_proof(self, proof: TokenProof, statement: bytes, *scopes: Scope) -> Holder:
        """As `require`, of a token that is not shown itself. Raises Unauthorized for a proof of another statement."""
        holder = self._good(proof.key, scopes)
        try:
            proof.check(statement)
        except SignatureInvalid:
            raise Unauthorized("the proof of the token is not one of this question") from None
        return holder

    def _good(self, key: bytes, scopes: Collection[Scope]) -> Holder:
        known = [holder for holder in self._current() if hmac.compare_digest(holder.token_key, key)]
        if not known:
            raise Unauthorized("the token is not known to this service")
        if known[0].expires <= self._clock():
            raise TokenExpired("the token has expired: its operator can make another")
        if known[0].asker.scopes.isdisjoint(scopes):
            raise Forbidden(f"this needs a token of scope {' or '.join(scopes)}")
        return known[0]

    def require_bearer(self, request: "Request", *scopes: Scope) -> Holder:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthorized("an Authorization: Bearer header is needed")
        return self.require(token, *scopes)

    def _current(self) -> tuple[Holder, ...]:
        if self._path is not None and (now := _stamp(self._path)) != self._seen:
            self._holders, self._seen = holders_in(self._path), now
        return self._holders


def holder_of(token: str, scope: Scope, expires: float) -> Holder:
    """Of a token that comes with a new home: named for its scope."""
    return Holder(name=scope.value, scopes=(scope,), token_key=token_key(token), expires=int(expires))


def holders_in(path: Path) -> tuple[Holder, ...]:
    """Raises UsageError as `Tokens.load`."""
    try:
        return _File.from_bytes(read_private(path)).holders
    except Rejected:
        raise UsageError(f"{path} does not hold the keys of tokens") from None


def add_token(path: Path, holder: Holder) -> str:
    """A fresh token for the holder, whose `token_key` is replaced. Raises UsageError for a name that is taken."""
    known = holders_in(path)
    if any(other.name == holder.name for other in known):
        raise UsageError(f"--name {holder.name}: there is a token of that name, revoke it first")
    token = secrets.token_urlsafe(32)
    _write(path, [*known, holder.model_copy(update={"token_key": token_key(token)})])
    return token


def revoke_token(path: Path, name: str) -> None:
    """Raises UsageError for a name that no token has."""
    known = holders_in(path)
    left = [holder for holder in known if holder.name != name]
    if len(left) == len(known):
        raise UsageError(f"there is no token of the name {name}")
    _write(path, left)


def _write(path: Path, holders: Iterable[Holder]) -> None:
    write_private(path, _File(holders=tuple(holders)).to_bytes())


def _stamp(path: Path) -> tuple[int, int]:
    """Another one whenever the file was replaced. Raises UsageError for one that is missing."""
    try:
        status = path.stat()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return status.st_ino, status.st_mtime_ns
