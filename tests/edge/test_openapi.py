"""The OpenAPI document names every body, resolves every reference and admits to problems."""

import json
import re
from typing import Any

import pytest
from fastapi import FastAPI

from wattseal.edge.openapi import describe
from wattseal.edge.problems import MEDIA_TYPE
from wattseal.protocol.release import ReleaseRequest


@pytest.fixture
def document() -> dict[str, Any]:
    app = FastAPI()

    @app.post("/v1/releases")
    async def release() -> None: ...

    @app.get("/v1/head")
    async def head() -> None: ...

    describe(app, {"/v1/releases": ReleaseRequest}, {"/v1/reports": "application/octet-stream"})
    assert app.openapi() is app.openapi()
    return app.openapi()


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert {"ReleaseRequest", "Answer", "Envelope", "Problem"} <= references
    assert references <= document["components"]["schemas"].keys()


def test_bodies(document: dict[str, Any]) -> None:
    body = document["paths"]["/v1/releases"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/ReleaseRequest"}
    assert "application/octet-stream" in document["paths"]["/v1/reports"]["post"]["requestBody"]["content"]


def test_any_operation_may_answer_a_problem(document: dict[str, Any]) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == 3
    assert all(MEDIA_TYPE in operation["responses"]["default"]["content"] for operation in operations)
