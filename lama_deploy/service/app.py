"""The application: routes, errors as JSON, OpenAPI, the page, and the gate before all of it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match

from lama_deploy import __version__
from lama_deploy.errors import LamaDeployError, brief, one_line
from lama_deploy.service.gate import App, Gate, Scope
from lama_deploy.service.logs import Log
from lama_deploy.service.refusals import refused
from lama_deploy.service.routes import inpaint, status
from lama_deploy.service.service import Service

EXPOSED = ("X-Lama-Plan", "X-Lama-Notes", "X-Request-Id", "X-Seed", "Server-Timing", "Retry-After")
OPEN = ("/livez", "/readyz", "/config.json", "/v2/health/live", "/v2/health/ready")
PAGE = "page"


def application(service: Service, log: Log) -> App:
    """As ASGI has it."""
    app = FastAPI(title="lama-serve", version=__version__, docs_url=None, redoc_url=None)
    for module in (inpaint, status):
        module.add_routes(app, service)
    if service.options.page is not None:
        app.mount("/", StaticFiles(directory=service.options.page, html=True), name=PAGE)
    _answer_errors(app)
    gate = Gate(app, service, log, lambda scope: _route_of(app, scope), lambda scope: _is_open(app, scope))
    if not service.options.origins:
        return gate
    return CORSMiddleware(
        gate, service.options.origins, allow_methods=("GET", "POST"), allow_headers=("*",), expose_headers=EXPOSED
    )


def _answer_errors(app: FastAPI) -> None:
    async def ours(request: Request, error: Exception) -> JSONResponse:
        found = refused(error)
        return JSONResponse({"error": str(found)}, found.status, found.headers)

    async def of_http(request: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": one_line(error.detail)}, error.status_code, error.headers)

    async def of_fields(request: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": _wrong_fields(error)}, 400)

    app.add_exception_handler(LamaDeployError, ours)
    app.add_exception_handler(Exception, ours)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_fields)


def _wrong_fields(error: RequestValidationError) -> str:
    """The first that is wrong; what was given is not repeated, since it may be a picture."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return one_line(f"{brief(where, 60)}: {first['msg'][:1].lower()}{first['msg'][1:]}")


def _route_of(app: FastAPI, scope: Scope) -> str:
    """Its path as it was declared: one of few, whatever is asked for."""
    for route in app.routes:
        if route.matches(scope)[0] != Match.NONE:
            return getattr(route, "path", "") or "/"
    return "other"


def _is_open(app: FastAPI, scope: Scope) -> bool:
    """The page's files are nobody's secret; what it asks for is behind the token."""
    path = scope["path"]
    return path in OPEN or (scope["method"] in ("GET", "HEAD") and _route_of(app, scope) == "/")
