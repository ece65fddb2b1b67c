"""Calling another role: what comes back as which error, and where a token may travel."""

import socket
from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from tests.edge.loopback import answering, served
from tests.policy.rosters import REGION, TODAY
from wattseal.edge.client import RoleClient
from wattseal.edge.problems import install_problem_handlers
from wattseal.protocol.errors import (
    GroupTooSmall,
    LedgerBehind,
    PeerUnavailable,
    RemoteError,
    UnknownSubject,
    UsageError,
    WattsealError,
)
from wattseal.protocol.ids import CohortId
from wattseal.protocol.statement import TotalQuestion

ERRORS: dict[str, WattsealError] = {
    "group": GroupTooSmall("the group has fewer than 15 members"),
    "ledger": LedgerBehind("an operator must look"),
    "cohort": UnknownSubject("no such cohort"),
}


def peer() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)

    @app.post("/v1/echo")
    async def echo(request: Request) -> dict[str, str]:
        return {
            "body": (await request.body()).decode(),
            "type": request.headers["content-type"],
            "token": request.headers.get("authorization", "none"),
        }

    @app.get("/v1/window")
    async def window(number: int) -> Response:
        return Response(f"window {number}")

    @app.get("/v1/errors/{name}")
    async def error(name: str) -> None:
        raise ERRORS[name]

    @app.get("/v1/moved")
    async def moved() -> Response:
        return RedirectResponse("/v1/window?number=1")

    return app


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(peer()) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[RoleClient]:
    with RoleClient(url, "token-1") as client:
        yield client


def test_a_message_goes_out_as_its_canonical_bytes(client: RoleClient) -> None:
    question = TotalQuestion(purpose="research", region=REGION, cohort=CohortId("town"), window=TODAY)
    answer = client.post("/v1/echo", question)
    assert answer.decode().count("region") == 1
    assert b'"type":"application/json"' in answer
    assert b'"token":"Bearer token-1"' in answer


def test_bytes_go_out_as_they_are(client: RoleClient) -> None:
    assert b'"body":"abc","type":"application/octet-stream"' in client.post(
        "/v1/echo", b"abc", "application/octet-stream"
    )


def test_without_a_token_no_header(url: str) -> None:
    with RoleClient(url) as client:
        assert b'"token":"none"' in client.post("/v1/echo", b"")


def test_parameters_of_a_question(url: str) -> None:
    with RoleClient(url + "/") as client:
        assert client.get("/v1/window", number=7) == b"window 7"


@pytest.mark.parametrize("name", ERRORS)
def test_a_problem_comes_back_as_its_error(client: RoleClient, name: str) -> None:
    with pytest.raises(type(ERRORS[name])) as error:
        client.get(f"/v1/errors/{name}")
    assert error.value.detail == ERRORS[name].detail


def test_an_unknown_path(client: RoleClient) -> None:
    with pytest.raises(RemoteError, match="Not Found"):
        client.get("/v1/nothing")


def test_a_redirection_is_not_followed(client: RoleClient) -> None:
    with pytest.raises(RemoteError, match="status 307"):
        client.get("/v1/moved")


def _http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff\xfe\xff", b'"text"', b"[1]", b'{"error": 1}', b"[" * 100_000],
    ids=["empty", "html", "no-text", "string", "list", "no-problem", "deep"],
)
def test_a_failure_without_a_problem_document(body: bytes) -> None:
    answer = _http("500 Internal Server Error", body)
    with answering(answer) as url, RoleClient(url) as client, pytest.raises(RemoteError) as error:
        client.get("/v1/head")
    assert error.value.detail == f"{url} answered with status 500"


def test_a_problem_of_an_unknown_type() -> None:
    body = b'{"type": "urn:wattseal:problem:tomorrow", "detail": "new"}'
    with answering(_http("403 Forbidden", body)) as url, RoleClient(url) as client, pytest.raises(RemoteError) as error:
        client.get("/v1/head")
    assert type(error.value) is RemoteError
    assert error.value.detail == "new"


@pytest.mark.parametrize(
    "raw",
    [b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
    ids=["nothing", "no-http", "half"],
)
def test_a_broken_answer_is_silence(raw: bytes) -> None:
    with answering(raw) as url, RoleClient(url) as client, pytest.raises(PeerUnavailable) as error:
        client.get("/v1/head")
    assert error.value.detail == f"{url} does not answer: RemoteProtocolError"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with RoleClient(url) as client, pytest.raises(PeerUnavailable, match="ConnectError"):
        client.get("/v1/head")


def test_a_peer_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with RoleClient(url, timeout_s=0.05) as client, pytest.raises(PeerUnavailable, match="ReadTimeout"):
            client.get("/v1/head")


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1",
        "http://example.org",
        "http://127.0.0.1@example.org",
        "http://example.org\\@127.0.0.1@example.org",
        "http://127.0.0.1.example.org",
        "http://0.0.0.0:80",
        "ftp://127.0.0.1",
        "127.0.0.1:8000",
        "https://",
        "http://",
        "",
        "http://[::1",
        "http://127.0.0.1:port",
    ],
)
def test_an_address_that_a_token_must_not_go_to(url: str) -> None:
    with pytest.raises(UsageError):
        RoleClient(url, "token-1")


@pytest.mark.parametrize("url", ["https://example.org", "http://localhost:1", "http://127.0.0.9:1", "http://[::1]:1"])
def test_an_address_in_order(url: str) -> None:
    RoleClient(url, "token-1").close()


def test_a_proxy_of_the_environment_gets_no_plain_http(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with RoleClient(url, "token-1") as client:
        assert client.get("/v1/window", number=7) == b"window 7"


@pytest.mark.parametrize("token", ["two\nlines", "tök", "tab\t"])
def test_a_token_that_no_header_can_carry(url: str, token: str) -> None:
    with pytest.raises(UsageError) as error:
        RoleClient(url, token)
    assert token not in error.value.detail
