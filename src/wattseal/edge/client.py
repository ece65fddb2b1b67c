"""Calling another role over HTTP: problem documents come back as errors of the tree, silence as PeerUnavailable."""

import json
import time
from typing import Any, Self

import httpx

from wattseal.edge.addresses import is_loopback
from wattseal.protocol.codec import Message
from wattseal.protocol.errors import PeerUnavailable, RemoteError, UsageError, from_problem

# A role too busy to look at the request, or something between that did not reach it: none sends a problem document.
_TRY_AGAIN = (502, 503, 504)
ANSWER_LIMIT = 32 << 20


class RoleClient:
    """One service, under its `/v1`. Plain HTTP is for loopback only."""

    def __init__(self, url: str, token: str | None = None, *, timeout_s: float = 60.0) -> None:
        if token is not None and not (token.isascii() and token.isprintable()):
            raise UsageError("an access token is one line of ASCII")
        address = _checked_address(url)
        headers = {"Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self._timeout_s = timeout_s
        self.url = url
        # A proxy of the environment would take plain HTTP, token included, off this machine.
        self._http = httpx.Client(
            base_url=address, headers=headers, timeout=timeout_s, trust_env=address.scheme == "https"
        )

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
            with self._http.stream(method, path, **options) as answer:
                content = self._read(answer)
        except httpx.HTTPError as error:
            raise PeerUnavailable(f"{self.url} does not answer: {type(error).__name__}") from None
        if answer.is_success:
            return content
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or "type" not in document:
            if answer.status_code in _TRY_AGAIN:
                raise PeerUnavailable(f"{self.url} answered with status {answer.status_code}")
            raise RemoteError(f"{self.url} answered with status {answer.status_code}")
        raise from_problem(document)

    def _read(self, answer: httpx.Response) -> bytes:
        """The body as it came, bounded in size and in time as a whole: a peer may drip, or send without end."""
        deadline, body = time.monotonic() + self._timeout_s, bytearray()
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > ANSWER_LIMIT or time.monotonic() > deadline:
                raise RemoteError(f"the answer of {self.url} is too long or too slow")
        return bytes(body)


def _checked_address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"{url}: {error}") from None
    if not address.host or not (address.scheme == "https" or (address.scheme == "http" and is_loopback(address.host))):
        raise UsageError(f"{url}: an https address is needed, or http on loopback")
    return address
