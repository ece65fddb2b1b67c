"""Limits on request bodies, before anything is parsed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from starlette.types import Message

from tests.edge.loopback import served
from wattseal.edge.bodies import read_body
from wattseal.edge.problems import install_problem_handlers
from wattseal.protocol.errors import MessageTooLarge, Rejected

LIMIT = 100


def echo() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)

    @app.post("/")
    async def body(request: Request) -> Response:
        return Response(await read_body(request, LIMIT))

    return app


def post(content: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
    async def exchange() -> httpx.Response:
        transport = httpx.ASGITransport(echo())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/", content=content, headers=headers)

    return asyncio.run(exchange())


async def pieces(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


def request(receive: Callable[[], Awaitable[Message]]) -> Request:
    return Request({"type": "http", "headers": []}, receive)


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_up_to_the_limit(size: int) -> None:
    assert post(b"x" * size).content == b"x" * size


def test_one_byte_above() -> None:
    answer = post(b"x" * (LIMIT + 1))
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:wattseal:problem:too-large"


def test_unannounced_up_to_the_limit() -> None:
    assert post(pieces(10, 10)).content == b"x" * LIMIT


def test_unannounced_above() -> None:
    assert post(pieces(10, 11)).status_code == 413


def test_more_than_was_announced() -> None:
    assert post(pieces(101, 1), **{"Content-Length": "5"}).status_code == 413


def test_an_announced_size_is_refused_unread() -> None:
    async def receive() -> Message:
        raise AssertionError("the body was read")

    announced = Request({"type": "http", "headers": [(b"content-length", b"101")]}, receive)
    with pytest.raises(MessageTooLarge):
        asyncio.run(read_body(announced, LIMIT))


def test_reading_stops_at_the_limit() -> None:
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 60, "more_body": True}

    with pytest.raises(MessageTooLarge):
        asyncio.run(read_body(request(receive), LIMIT))
    assert taken == 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, identity", ""])
def test_a_compressed_body(encoding: str) -> None:
    answer = post(b"x", **{"Content-Encoding": encoding})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "compressed bodies are not taken"


def test_an_encoding_that_is_none() -> None:
    assert post(b"x", **{"Content-Encoding": "identity"}).content == b"x"


def test_a_body_that_does_not_come() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("never set")

    with pytest.raises(Rejected, match="did not arrive within 0 s"):
        asyncio.run(read_body(request(receive), LIMIT, within_s=0))


def test_a_body_that_ends_early() -> None:
    parts: Iterator[Message] = iter(
        [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        return next(parts)

    with pytest.raises(Rejected, match="ended early"):
        asyncio.run(read_body(request(receive), LIMIT))


@pytest.mark.parametrize("announced", ["9" * 30, "9" * 5_000, "-1", "1e3", "+5"])
def test_a_size_that_is_no_size_never_reaches_us(announced: str) -> None:
    with served(echo()) as url, socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=30) as peer:
        peer.sendall(f"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {announced}\r\n\r\n".encode())
        assert peer.recv(64).startswith(b"HTTP/1.1 4")
