"""Errors of the tree as RFC 9457 problem documents, for every service alike."""

import logging
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import Counter
from starlette.exceptions import HTTPException

from wattseal.protocol.errors import PROBLEM_PREFIX, MalformedMessage, Refused, WattsealError, problem

log = logging.getLogger(__name__)
PROBLEMS = Counter("wattseal_problems", "Requests answered with a problem document", ["type"])
MEDIA_TYPE = "application/problem+json"


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(WattsealError, _handler(_known))
    app.add_exception_handler(RequestValidationError, _handler(_invalid))
    app.add_exception_handler(HTTPException, _handler(_http))
    app.add_exception_handler(Exception, _handler(_unexpected))


def problem_response(error: WattsealError) -> JSONResponse:
    PROBLEMS.labels(error.slug).inc()
    headers = {"Retry-After": "1"} if error.status == 503 else None
    return JSONResponse(problem(error), error.status, headers, MEDIA_TYPE)


def _handler(answer: Callable[[Exception], JSONResponse]) -> Callable[[Request, Exception], JSONResponse]:
    return lambda _request, error: answer(error)


def _known(error: Exception) -> JSONResponse:
    assert isinstance(error, WattsealError)  # noqa: S101 - registered for this class
    if isinstance(error, Refused):
        log.warning("refused: %s: %s", error.slug, error.detail)
    return problem_response(error)


def _invalid(error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    return problem_response(MalformedMessage(f"{place}: {fault['msg']}"))


def _http(error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    slug = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
    PROBLEMS.labels(slug).inc()
    title = str(error.detail)
    document = {"type": PROBLEM_PREFIX + slug, "title": title, "status": error.status_code, "detail": title}
    return JSONResponse(document, error.status_code, error.headers, MEDIA_TYPE)


def _unexpected(error: Exception) -> JSONResponse:
    log.error("unexpected error", exc_info=error)
    return problem_response(WattsealError("see this service's log"))
