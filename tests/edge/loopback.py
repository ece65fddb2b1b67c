"""An ASGI application or a stubborn peer on a loopback port, for as long as a test needs it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from wattseal.edge.connections import BoundedHeads


class _Started(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@contextmanager
def served(app: FastAPI, protocol: type[BoundedHeads] = BoundedHeads) -> Iterator[str]:
    """The URL of the application while it is served."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _Started(uvicorn.Config(app, http=protocol, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert server.up.wait(30)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def answering(raw: bytes) -> Iterator[str]:
    """The URL of a peer that takes one connection, sends these bytes after the request's head and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer_once, args=(listener, raw))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


def _answer_once(listener: socket.socket, raw: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        connection.sendall(raw)
