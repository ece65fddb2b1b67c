"""The network between the decryptor and the unblinder: it forwards, remembers, and can be turned to somebody else."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self

import httpx

ANNOUNCEMENTS = "/v1/check-keys"
"""What the decryptor tells unasked, every few seconds."""

Answering = Callable[[str, bytes], tuple[int, bytes]]
"""Path and body of a POST to status and JSON body of the answer."""


class Exchange(NamedTuple):
    """One request of the decryptor to the unblinder, with the answer."""

    request: bytes
    status: int
    answer: bytes


class PostService:
    """A loopback HTTP service of one function, on a free port."""

    def __init__(self, answer: Answering) -> None:
        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer))
        self.url = f"http://127.0.0.1:{self._listener.server_port}"
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()


class Relay:
    """Passes every POST on to `target` and keeps what went by because a collector asked."""

    def __init__(self) -> None:
        self.target = ""
        self.exchanges: list[Exchange] = []
        self._onward = httpx.Client(trust_env=False, timeout=60)
        self._service = PostService(self._pass_on)
        self.url = self._service.url

    def close(self) -> None:
        self._service.close()
        self._onward.close()

    def _pass_on(self, path: str, body: bytes) -> tuple[int, bytes]:
        answer = self._onward.post(self.target + path, content=body)
        if path != ANNOUNCEMENTS:
            self.exchanges.append(Exchange(body, answer.status_code, answer.content))
        return answer.status_code, answer.content


def _handler(answer: Answering) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
