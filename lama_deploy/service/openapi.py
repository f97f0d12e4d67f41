"""The description of the service that clients are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from lama_deploy.service.tensors import VERSION

TOLD = (
    'Fills holes in pictures. Pixels outside of the hole keep their value. Errors are JSON, {"error": one line}. '
    "Every answer has X-Request-Id, which a request may choose."
)
NOT_ANSWERED = "422"  # FastAPI's, for which this service has 400
# What asks for no token: health, and what the page has to know before it can ask for one.
OPEN = ("/livez", "/readyz", "/config.json", "/v2/health/live", "/v2/health/ready")
UNUSED = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI, models: Sequence[str], *, token: bool) -> None:
    """What /openapi.json of `app` tells. models: names that are served. token: whether one is asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app, models, token)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _described(app: FastAPI, models: Sequence[str], token: bool) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=TOLD, routes=app.routes)
    allowed = {"name": list(models), "version": [VERSION]}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            operation["responses"].pop(NOT_ANSWERED, None)
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter["schema"]["enum"] = allowed[parameter["name"]]
            if token and path in OPEN:
                operation["security"] = []
    components = schema.setdefault("components", {})
    for name in UNUSED:
        components.get("schemas", {}).pop(name, None)
    if token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
    return schema
