"""Calling another role over HTTP: problem documents come back as errors of the tree, silence as PeerUnavailable."""

import json
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from wattseal.edge.serving import is_loopback
from wattseal.protocol.codec import Message
from wattseal.protocol.errors import PeerUnavailable, RemoteError, UsageError, from_problem


class RoleClient:
    """One service, under its `/v1`. Plain HTTP is for loopback only."""

    def __init__(self, url: str, token: str | None = None, *, timeout_s: float = 60.0) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise UsageError(f"{url}: an https address is needed, or http on loopback")
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        self.url = url
        self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: str | int) -> bytes:
        return self._call("GET", path, params=params)

    def post(self, path: str, body: bytes | Message, media_type: str = "application/json") -> bytes:
        content = body.to_bytes() if isinstance(body, Message) else body
        return self._call("POST", path, content=content, headers={"Content-Type": media_type})

    def _call(self, method: str, path: str, **options: Any) -> bytes:  # noqa: ANN401 - httpx's own options
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise PeerUnavailable(f"{self.url} does not answer: {type(error).__name__}") from None
        if answer.is_success:
            return answer.content
        try:
            document = answer.json()
        except json.JSONDecodeError:
            raise RemoteError(f"{self.url} answered with status {answer.status_code}") from None
        raise from_problem(document)
