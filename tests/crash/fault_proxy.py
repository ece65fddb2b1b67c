"""An HTTP proxy in front of the aggregator that loses, cuts, repeats or refuses uploads, and remembers every body."""

import http.client
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from wattseal.protocol.report import decode_report, unframe

Act = Callable[[], None]
ReportId = tuple[str, int, str, int]
"""Meter, first minute, channel and number."""


class Fault(StrEnum):
    """What happens to one upload."""

    NONE = "none"
    REQUEST_LOST = "request lost"
    RESPONSE_LOST = "response lost after the aggregator took it"
    DUPLICATED = "sent twice, the second answer comes back"
    CUT = "connection cut in the middle of the body"
    CUT_ANSWER = "connection cut in the middle of the answer"
    REFUSED = "503 as a problem document"
    OVERLOADED = "503 in plain text"
    NO_GATEWAY = "502 from something between"


class FaultProxy:
    """Faults are taken one an upload, in order; without any left uploads pass.

    `before` and `after` run around the upload whose position they are given for: they are where a test kills.
    """

    def __init__(self, target: str, faults: list[Fault] | None = None) -> None:
        self.target = target
        self.faults = list(faults or ())
        self.suffered: list[Fault] = []
        self.before: dict[int, Act] = {}
        self.after: dict[int, Act] = {}
        self.uploads = 0
        self.bodies: dict[ReportId, set[bytes]] = defaultdict(set)
        self.acknowledged: dict[ReportId, int] = defaultdict(int)
        self._lock = threading.Lock()

    @contextmanager
    def listening(self) -> Iterator[str]:
        """URL of the proxy."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def upload(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes] | None:
        """Status, media type and body of the answer; None hangs up."""
        with self._lock:
            position, self.uploads = self.uploads, self.uploads + 1
            fault = self.faults.pop(0) if self.faults else Fault.NONE
            self.suffered.append(fault)
            for report in map(decode_report, unframe(body, 10_000)):
                header = report.header
                self.bodies[header.meter, header.start, header.channel, header.number].add(report.body)
            self.before.get(position, lambda: None)()
            answer = self._suffer(fault, path, headers, body)
            self.after.get(position, lambda: None)()
            return answer

    def _suffer(self, fault: Fault, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes] | None:
        match fault:
            case Fault.REQUEST_LOST:
                return None
            case Fault.REFUSED:
                document = {"type": "urn:wattseal:problem:store-unavailable", "status": 503, "detail": "not now"}
                return 503, "application/problem+json", json.dumps(document).encode()
            case Fault.OVERLOADED:
                return 503, "text/plain", b"Service Unavailable"
            case Fault.NO_GATEWAY:
                return 502, "text/html", b"<html>Bad Gateway</html>"
            case Fault.CUT:
                self._send_half(path, headers, body)
                return None
        answer = self._forward(path, headers, body)
        match fault:
            case Fault.RESPONSE_LOST:
                return None
            case Fault.DUPLICATED:
                answer = self._forward(path, headers, body)
            case Fault.CUT_ANSWER:
                return answer if answer is None else (answer[0], "cut", answer[2])
        if answer is not None and answer[0] == 200:
            self._acknowledge(body, answer[2])
        return answer

    def _acknowledge(self, body: bytes, answer: bytes) -> None:
        for sent, word in zip(unframe(body, 10_000), json.loads(answer)["reports"], strict=True):
            if word["status"] in ("accepted", "duplicate"):
                header = decode_report(sent).header
                self.acknowledged[header.meter, header.start, header.channel, header.number] += 1

    def _connection(self) -> http.client.HTTPConnection:
        address = urlsplit(self.target)
        assert address.hostname is not None
        return http.client.HTTPConnection(address.hostname, address.port, timeout=60)

    def _forward(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes] | None:
        connection = self._connection()
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()
        except (OSError, http.client.HTTPException):
            return None  # the aggregator is away: so is its proxy
        finally:
            connection.close()

    def _send_half(self, path: str, headers: dict[str, str], body: bytes) -> None:
        connection = self._connection()
        connection.putrequest("POST", path)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(body[: len(body) // 2])
        connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
                answer = proxy.upload(self.path, headers, body)
                self.close_connection = answer is None or answer[1] == "cut"
                if answer is not None:
                    self._answer(*answer)

            def _answer(self, status: int, media_type: str, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if media_type == "cut" else content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
