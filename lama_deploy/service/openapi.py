"""The description of the service that clients are made from."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

TOLD = (
    'Fills holes in pictures. Pixels outside of the hole keep their value. Errors are JSON, {"error": one line}. '
    "Every answer has X-Request-Id, which a request may choose."
)
NOT_ANSWERED = "422"  # FastAPI's, for which this service has 400
UNUSED = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI, *, token: bool) -> None:
    """What /openapi.json of `app` tells. token: whether one is asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app, token)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _described(app: FastAPI, token: bool) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=TOLD, routes=app.routes)
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop(NOT_ANSWERED, None)
    components = schema.setdefault("components", {})
    for name in UNUSED:
        components.get("schemas", {}).pop(name, None)
    if token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
    return schema
