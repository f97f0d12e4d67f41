"""The V2 inference protocol, as KServe's and Triton's clients speak it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response

from lama_deploy import __version__
from lama_deploy.errors import TooLargeError
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_deploy.service.models import Model
from lama_deploy.service.pictures import Encoded
from lama_deploy.service.refusals import THE_LIMIT, RefusedError
from lama_deploy.service.routes.answers import errors
from lama_deploy.service.routes.common import answer, before_decoding, order_of
from lama_deploy.service.routes.status import require_open
from lama_deploy.service.service import Order, Service
from lama_deploy.service.tensors import DATATYPE, INPUTS, LENGTH, OUTPUT, VERSION, Asked, answered, asked

TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"enum": list(INPUTS)},
        "shape": {"type": "array", "items": {"type": "integer"}, "description": "(N, H, W, 3) or (N, H, W)."},
        "datatype": {"const": DATATYPE},
        "data": {"type": "array", "description": "Integers from 0 to 255, flat or nested."},
        "parameters": {"type": "object", "description": "binary_data_size: of its bytes behind the JSON."},
    },
}
REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "items": TENSOR, "minItems": 2, "maxItems": 2},
        "outputs": {"type": "array", "items": {"type": "object", "properties": {"name": {"const": OUTPUT}}}},
        "parameters": {"type": "object", "description": "strategy, limit, margin, binary_data_output."},
    },
}
BODIES = {
    "application/json": {"schema": REQUEST},
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
}
HEADER = {
    "name": LENGTH.title(),
    "in": "header",
    "required": False,
    "description": "How many bytes of the body are JSON; without it all are.",
    "schema": {"type": "integer", "minimum": 0},
}
ANSWER = {"type": "object", "required": ["model_name", "outputs"]}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The result, in JSON or with binary data behind it.",
        "content": {
            "application/json": {"schema": ANSWER},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    **errors(),
}


def add_routes(app: FastAPI, service: Service) -> None:
    _add_health(app, service)
    of_models = errors((401, 404))
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):

        @app.get(path, summary="What a model takes and gives.", responses=of_models, name=f"metadata {path}")
        async def metadata(name: str, version: str = VERSION) -> dict[str, Any]:
            return _metadata(_model(service, name, version))

        @app.get(f"{path}/ready", summary="Whether a model is ready.", responses=errors((401, 404, 503)), name=path)
        async def ready(name: str, version: str = VERSION) -> dict[str, Any]:
            require_open(service)
            return {"name": _model(service, name, version).name, "ready": True}

        @app.post(
            f"{path}/infer",
            summary="Fill pictures.",
            response_class=Response,
            responses=ANSWERS,
            openapi_extra={"requestBody": {"required": True, "content": BODIES}, "parameters": [HEADER]},
            name=f"infer {path}",
        )
        async def infer(request: Request, name: str, version: str = VERSION) -> Response:
            return await _inferred(service, _model(service, name, version), request)


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/v2", summary="What the server is.", responses=errors((401,)))
    async def server() -> dict[str, Any]:
        return {"name": "lama-serve", "version": __version__, "extensions": ["binary_tensor_data"]}

    @app.get("/v2/health/live", summary="Whether the process answers.")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready", summary="Whether it takes requests.", responses=errors((503,)))
    async def ready() -> dict[str, bool]:
        require_open(service)
        return {"ready": True}


def _model(service: Service, name: str, version: str) -> Model:
    """Raises RefusedError, 404."""
    model = service.models.named(name)
    if version != VERSION:
        raise RefusedError(404, f"model {model.name} has one version, {VERSION}")
    return model


def _metadata(model: Model) -> dict[str, Any]:
    inputs = [{"name": name, "datatype": DATATYPE, "shape": shape} for name, shape in INPUTS.items()]
    output = {"name": OUTPUT, "datatype": DATATYPE, "shape": INPUTS["image"]}
    platform = f"lama_{model.facts['engine']}"
    return {"name": model.name, "versions": [VERSION], "platform": platform, "inputs": inputs, "outputs": [output]}


async def _inferred(service: Service, model: Model, request: Request) -> Response:
    body = await request.body()
    async with order_of(service, request) as order:
        one: Asked = await order.decode(lambda: asked(body, request.headers.get(LENGTH), _hold(order, model)))
        if one.ignored:
            order.notes(f"of the parameters {' and '.join(one.ignored)} changes nothing here")
        results = await order.fill_all(model, list(zip(one.images, one.masks, strict=True)), one.strategy)
        result = np.stack([one.rgb for one in results])
        content, headers = await order.encode(lambda: answered(one, model.name, result))
        kind = headers.pop("Content-Type")
        return answer(Encoded(content, kind), order, headers)


def _hold(order: Order, model: Model) -> Callable[[int, int, int, StrategyOptions], None]:
    """Before arrays are made of N pictures of H x W."""

    def hold(count: int, height: int, width: int, strategy: StrategyOptions) -> None:
        if count * height * width > order.max_pixels:
            raise TooLargeError(f"{count}x{height}x{width} is more than {order.max_pixels:,} pixels, {THE_LIMIT}")
        before_decoding(order, model, strategy, count)(height, width)

    return hold
