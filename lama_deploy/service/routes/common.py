"""What routes do alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from tempfile import SpooledTemporaryFile

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from lama_deploy.images.opening import BeforeDecoding
from lama_deploy.runtime.memory import require_run
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_deploy.service.models import Model
from lama_deploy.service.pictures import Encoded
from lama_deploy.service.service import Order, Service

MOST_NOTES = 20  # in a header
IN_MEMORY = 2**20  # bytes of an answer; what is longer lies in a temporary file until the client has it
CHUNK = 256 * 1024


def order_of(service: Service, request: Request) -> Order:
    """Of a request. The gate closes it, and tells of it."""
    order = Order(service, request.scope["lama.until"])
    request.scope["lama.order"] = order
    return order


def before_decoding(order: Order, model: Model, strategy: StrategyOptions, count: int = 1) -> BeforeDecoding:
    """Waits until there is room for pictures of a size; DeviceMemoryError where the model has not the memory."""

    def hold(height: int, width: int) -> None:
        if strategy.strategy == "whole":  # the others take what there is memory for
            require_run(model.inpainter.backend.capabilities, (1, height, width))
        order.hold(count * height, width)

    return hold


def answer(body: Encoded, order: Order, headers: Mapping[str, str] | None = None) -> Response:
    """A picture, with what was told on the way."""
    return Spooled(body, {**told(order), **(headers or {})})


def told(order: Order) -> dict[str, str]:
    """The headers that tell how a picture was filled."""
    timing = ", ".join(f"{name};dur={1000 * seconds:.1f}" for name, seconds in order.seconds.items())
    found = {"X-Lama-Notes": json.dumps(order.notes.texts[:MOST_NOTES]), "Server-Timing": timing}
    return {**found, "X-Lama-Plan": order.plan} if order.plan else found


class Spooled(Response):
    """However slowly clients read, their pictures take no memory."""

    def __init__(self, body: Encoded, headers: Mapping[str, str]) -> None:
        super().__init__(None, headers={**headers, "Content-Length": str(len(body.content))}, media_type=body.type)
        self._file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (closed once it is sent)
        self._file.write(body.content)
        self._file.seek(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while piece := self._file.read(CHUNK):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
