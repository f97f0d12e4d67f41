"""Whether the service lives and is ready, what it serves, and what it counts."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from lama_deploy.service import metrics
from lama_deploy.service.refusals import RefusedError
from lama_deploy.service.routes.answers import errors
from lama_deploy.service.service import Service


def add_routes(app: FastAPI, service: Service) -> None:
    @app.get("/livez", summary="Whether the process answers.")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", summary="Whether it takes requests.", responses=errors((503,)))
    async def readyz() -> dict[str, str]:
        require_open(service)
        return {"status": "ready"}

    @app.get("/v1/models", summary="The models that are served.", responses=errors((401,)))
    async def models() -> dict[str, Any]:
        return {"models": service.models.listed()}

    @app.get("/config.json", summary="What the page has to know.")
    async def config() -> JSONResponse:
        options = service.options
        told = {"max_bytes": options.max_bytes, "max_pixels": options.max_pixels, "token": options.token is not None}
        return JSONResponse({"engine": "server", "models": service.models.listed(), **told})

    @app.get("/metrics", summary="Counts for Prometheus.", response_class=Response, responses=errors((401,)))
    async def counts() -> Response:
        return Response(service.metrics.text(), media_type=metrics.TYPE)


def require_open(service: Service) -> None:
    """Raises RefusedError."""
    if service.closing:
        raise RefusedError(503, "the server is shutting down", retry_after=5)
