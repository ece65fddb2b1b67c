"""OpenAPI for bodies that our own codec parses: FastAPI cannot see them, so their schemas are added here."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from wattseal.edge.problems import MEDIA_TYPE
from wattseal.protocol.codec import Message

_REFERENCE = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status"],
}
_PROBLEM_ANSWER = {
    "description": "A problem document (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}},
}


def describe(app: FastAPI, bodies: Mapping[str, type[Message]], binary: Mapping[str, str] | None = None) -> None:
    """Complete the application's OpenAPI document.

    `bodies` gives the message that each POST path takes; `binary` the media type of paths that are plain routes. Every
    operation may answer with a problem, and takes a bearer token.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(generate(), bodies, binary or {})
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _completed(
    document: dict[str, Any], bodies: Mapping[str, type[Message]], binary: Mapping[str, str]
) -> dict[str, Any]:
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    document["security"] = [{"token": []}]
    for path, model in bodies.items():
        schema = model.model_json_schema(ref_template=_REFERENCE)
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
        body = {"$ref": _REFERENCE.format(model=model.__name__)}
        document["paths"][path]["post"]["requestBody"] = _body("application/json", body)
    for path, media_type in binary.items():
        operation = {"requestBody": _body(media_type, {"type": "string", "format": "binary"})}
        document["paths"][path] = {"post": {**operation, "responses": {"200": {"description": "Successful Response"}}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = _PROBLEM_ANSWER
    return document


def _body(media_type: str, schema: dict[str, str]) -> dict[str, Any]:
    return {"required": True, "content": {media_type: {"schema": schema}}}
