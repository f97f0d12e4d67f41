"""The application: routes, errors as JSON, OpenAPI, the page, and the gate before all of it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match, Route

from lama_deploy import __version__
from lama_deploy.errors import LamaDeployError, brief, one_line
from lama_deploy.service.gate import App, Gate, Scope
from lama_deploy.service.logs import Log
from lama_deploy.service.openapi import OPEN, describe
from lama_deploy.service.refusals import refused
from lama_deploy.service.routes import inpaint, iopaint, status, v2
from lama_deploy.service.service import Service

EXPOSED = ("X-Lama-Plan", "X-Lama-Notes", "X-Request-Id", "X-Seed", "Server-Timing", "Retry-After")
PAGE = "page"


def application(service: Service, log: Log) -> App:
    """As ASGI has it."""
    app = FastAPI(title="lama-serve", version=__version__, docs_url=None, redoc_url=None)
    for module in (inpaint, v2, iopaint, status):
        module.add_routes(app, service)
    if service.options.page is not None:
        app.mount("/", StaticFiles(directory=service.options.page, html=True), name=PAGE)
    _answer_errors(app)
    describe(app, [one.name for one in service.models], token=service.options.token is not None)
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
        if error.status_code in (404, 405):
            return _nothing_there(app, request)
        return JSONResponse({"error": one_line(error.detail)}, error.status_code, error.headers)

    async def of_fields(request: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": _wrong_fields(error)}, 400)

    app.add_exception_handler(LamaDeployError, ours)
    app.add_exception_handler(Exception, ours)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_fields)


def _nothing_there(app: FastAPI, request: Request) -> JSONResponse:
    """The page lies below all other routes, and would answer for those that take another method."""
    methods = [
        route.methods
        for route in app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] == Match.PARTIAL
    ]
    if not methods:
        return JSONResponse({"error": "nothing is at this path; /openapi.json lists what there is"}, 404)
    allowed = ", ".join(sorted(set().union(*(one or () for one in methods))))
    return JSONResponse({"error": f"{request.method} is not allowed here; allowed: {allowed}"}, 405, {"Allow": allowed})


def _wrong_fields(error: RequestValidationError) -> str:
    """The first that is wrong; what was given is not repeated, since it may be a picture."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    if first["type"] == "value_error" and "UploadFile" in first["msg"]:  # FastAPI's, of its own class
        return one_line(f"{where} is a file, not text: -F {where}=@{'photo' if where == 'image' else where}.png")
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
