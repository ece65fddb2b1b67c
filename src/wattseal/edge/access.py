"""Access tokens: made once, kept as hashes with a scope, compared in constant time."""

import hashlib
import hmac
import json
import secrets
from enum import StrEnum
from pathlib import Path

from fastapi import Request

from wattseal.edge.private_files import read_private, write_private
from wattseal.protocol.errors import Forbidden, Unauthorized, UsageError


class Scope(StrEnum):
    """What a token is good for."""

    COLLECTOR = "collector"
    OPERATOR = "operator"
    FLEET = "fleet"
    AUDITOR = "auditor"


class Tokens:
    """The hashed tokens of one service."""

    def __init__(self, scope_of: dict[str, Scope]) -> None:
        self._scope_of = {bytes.fromhex(digest): scope for digest, scope in scope_of.items()}

    @classmethod
    def create(cls, path: Path) -> dict[Scope, str]:
        """Make one token a scope, write their hashes to `path`, and hand the tokens out this one time."""
        tokens = {scope: secrets.token_urlsafe(32) for scope in Scope}
        hashes = {_digest(token).hex(): scope for scope, token in tokens.items()}
        write_private(path, json.dumps(hashes, indent=1).encode())
        return tokens

    @classmethod
    def load(cls, path: Path) -> "Tokens":
        """Raises UsageError for a file that is missing, readable by others or not of `create`'s making."""
        try:
            return cls({digest: Scope(scope) for digest, scope in dict(json.loads(read_private(path))).items()})
        except (ValueError, TypeError):
            raise UsageError(f"{path} does not hold hashed tokens") from None

    def require(self, token: str, *scopes: Scope) -> None:
        """Raises Unauthorized for an unknown token, Forbidden for one of none of these scopes."""
        digest = _digest(token)
        known = [kept for stored, kept in self._scope_of.items() if hmac.compare_digest(stored, digest)]
        if not known:
            raise Unauthorized("the token is not known to this service")
        if known[0] not in scopes:
            raise Forbidden(f"this needs a token of scope {' or '.join(scopes)}")

    def require_bearer(self, request: Request, *scopes: Scope) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthorized("an Authorization: Bearer header is needed")
        self.require(token, *scopes)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
