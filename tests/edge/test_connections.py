"""Connections that ask nothing, or never finish asking, are hung up on; all others are served."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import uvicorn
from fastapi import FastAPI, Request
from uvicorn.server import ServerState

from tests.edge.loopback import served
from wattseal.edge.connections import HEAD_BYTES, BoundedHeads

HEAD = b"POST / HTTP/1.1\r\nHost: test\r\n"
HUNG_UP = b"The head of the request is too long or too slow."


class Transport(asyncio.Transport):
    """Keeps what is written."""

    written = b""
    closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Impatient(BoundedHeads):
    head_seconds = 0.0


class ImpatientLater(BoundedHeads):
    """From the end of the first head on."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.head_seconds = 0.0


def length_of_body() -> FastAPI:
    app = FastAPI()

    @app.post("/")
    async def body(request: Request) -> int:
        return len(await request.body())

    return app


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(length_of_body()) as url:
        yield url


@contextmanager
def connection(url: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=30) as peer:
        yield peer


def until_closed(peer: socket.socket) -> bytes:
    received = b""
    while data := peer.recv(4096):
        received += data
    return received


def padded(head: bytes, size: int) -> bytes:
    return head + b"X: " + b"a" * (size - len(head) - 7) + b"\r\n\r\n"


def test_a_head_below_the_limit(url: str) -> None:
    with connection(url) as peer:
        peer.sendall(padded(HEAD + b"Connection: close\r\nContent-Length: 3\r\n", HEAD_BYTES) + b"abc")
        assert until_closed(peer).endswith(b"\r\n\r\n3")


@pytest.mark.parametrize("endless", [b"a" * HEAD_BYTES, b"X: a\r\n" * (HEAD_BYTES // 6 + 1)], ids=["one", "many"])
def test_a_head_without_end(url: str, endless: bytes) -> None:
    with connection(url) as peer:
        peer.sendall(HEAD + b"X: " + endless)
        assert until_closed(peer).endswith(HUNG_UP)


def test_a_body_does_not_count_as_head(url: str) -> None:
    with connection(url) as peer:
        size = 4 * HEAD_BYTES
        peer.sendall(HEAD + f"Connection: close\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size)
        assert until_closed(peer).endswith(f"\r\n\r\n{size}".encode())


def test_heads_of_one_connection_count_apart() -> None:
    """Fed by hand, for a socket may put the pieces together again."""

    async def feed(heads: int, piece: bytes) -> bytes:
        config = uvicorn.Config(length_of_body(), http=BoundedHeads, log_config=None)
        config.load()
        transport = Transport()
        protocol = BoundedHeads(config, ServerState(), {})
        protocol.connection_made(transport)
        for _ in range(heads):
            protocol.data_received(HEAD + b"Content-Length: 0\r\nX: ")
            protocol.data_received(piece)
            protocol.data_received(b"\r\n\r\n")
        protocol.connection_lost(None)
        return transport.written

    assert asyncio.run(feed(4, b"a" * (HEAD_BYTES // 3))) == b""
    assert asyncio.run(feed(1, b"a" * HEAD_BYTES)).endswith(HUNG_UP)


@pytest.mark.parametrize("sent", [b"", b"\r\n", HEAD], ids=["nothing", "blank", "half"])
def test_who_takes_too_long(sent: bytes) -> None:
    with served(length_of_body(), Impatient) as url, connection(url) as peer:
        peer.sendall(sent)
        assert until_closed(peer).endswith(HUNG_UP)


def test_a_body_has_no_deadline_for_its_head() -> None:
    with served(length_of_body(), ImpatientLater) as url, connection(url) as peer:
        peer.sendall(HEAD + b"Connection: close\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert peer.recv(4096).startswith(b"HTTP/1.1 100 ")
        peer.sendall(b"abc")
        assert until_closed(peer).endswith(b"\r\n\r\n3")


def test_a_second_request_begun_in_the_same_breath() -> None:
    with served(length_of_body(), ImpatientLater) as url, connection(url) as peer:
        peer.sendall(HEAD + b"Content-Length: 0\r\n\r\n" + HEAD)
        assert until_closed(peer).endswith(HUNG_UP)


def test_a_kept_connection_that_sends_only_blank_lines() -> None:
    with served(length_of_body(), ImpatientLater) as url, connection(url) as peer:
        peer.sendall(HEAD + b"Content-Length: 0\r\n\r\n")
        assert peer.recv(4096).endswith(b"\r\n\r\n0")
        peer.sendall(b"\r\n")
        assert until_closed(peer).endswith(HUNG_UP)
