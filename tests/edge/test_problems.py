"""Errors as problem documents: every one of the tree, and what must not be in them."""

import asyncio
import logging
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Query
from prometheus_client import REGISTRY
from starlette.exceptions import HTTPException

from wattseal.edge.problems import install_problem_handlers
from wattseal.protocol import errors
from wattseal.protocol.errors import Refused, WattsealError, from_problem

TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, WattsealError)]
CANARY = "73194"


def service() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/errors/{name}")
    async def error(name: str) -> None:
        raise getattr(errors, name)("what is wrong")

    @app.get("/crash")
    async def crash() -> None:
        raise ZeroDivisionError(CANARY)

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "no coffee here", headers={"X-Pot": "tea"})

    @app.get("/number")
    async def number(most: Annotated[int, Query(ge=1, le=1000)]) -> int:
        return most

    return app


def call(path: str, method: str = "GET") -> httpx.Response:
    async def exchange() -> httpx.Response:
        transport = httpx.ASGITransport(service(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path)

    return asyncio.run(exchange())


def count(slug: str) -> float:
    return REGISTRY.get_sample_value("wattseal_problems_total", {"type": slug}) or 0.0


@pytest.mark.parametrize("kind", TREE)
def test_every_error_of_the_tree(kind: type[WattsealError]) -> None:
    before = count(kind.slug)
    answer = call(f"/errors/{kind.__name__}")
    assert answer.status_code == kind.status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": f"urn:wattseal:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": "what is wrong",
    }
    assert answer.headers.get("retry-after") == ("1" if kind.status == 503 else None)
    assert count(kind.slug) == before + 1


@pytest.mark.parametrize("kind", TREE)
def test_every_error_survives_the_way(kind: type[WattsealError]) -> None:
    error = from_problem(call(f"/errors/{kind.__name__}").json())
    assert type(error) is kind
    assert error.detail == "what is wrong"


def test_no_two_errors_share_a_type() -> None:
    assert len({kind.slug for kind in TREE}) == len(TREE)


def test_a_refusal_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    call("/errors/GroupTooSmall")
    assert caplog.messages == ["refused: group-too-small: what is wrong"]


def test_what_is_only_malformed_is_not(caplog: pytest.LogCaptureFixture) -> None:
    call("/errors/MalformedMessage")
    assert caplog.messages == []


def test_an_unexpected_error_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    answer = call("/crash")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:wattseal:problem:internal",
        "title": "Internal error",
        "status": 500,
        "detail": "see this service's log",
    }
    (record,) = (record for record in caplog.records if record.name == "wattseal.edge.problems")
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


@pytest.mark.parametrize("value", [f"{CANARY}x", f"-{CANARY}", CANARY * 1000, "%00", ""])
def test_a_bad_parameter_is_named_and_not_echoed(value: str) -> None:
    answer = call(f"/number?most={value}")
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:wattseal:problem:malformed"
    assert answer.json()["detail"].startswith("query.most: ")
    assert CANARY not in answer.text


def test_a_missing_parameter_is_named() -> None:
    assert call("/number").json()["detail"] == "query.most: Field required"


@pytest.mark.parametrize(
    ("path", "method", "status", "slug", "words"),
    [
        ("/nothing", "GET", 404, "not-found", "Not Found"),
        ("/number", "DELETE", 405, "method-not-allowed", "Method Not Allowed"),
        ("/teapot", "GET", 418, "http", "no coffee here"),
    ],
)
def test_what_the_framework_answers(path: str, method: str, status: int, slug: str, words: str) -> None:
    answer = call(path, method)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": f"urn:wattseal:problem:{slug}",
        "title": words,
        "status": status,
        "detail": words,
    }


def test_headers_of_the_framework_are_kept() -> None:
    assert call("/teapot").headers["x-pot"] == "tea"
    assert call("/number", "DELETE").headers["allow"] == "GET"


def test_refusals_are_told_from_rejections_by_type_alone() -> None:
    """Two refusals with the same status and title differ in nothing but type and detail."""
    first, second = (call(f"/errors/{name}").json() for name in ("GroupTooSmall", "CoverageTooLow"))
    assert first | {"type": second["type"]} == second
    assert all(issubclass(kind, Refused) for kind in TREE if kind.title == Refused.title)
