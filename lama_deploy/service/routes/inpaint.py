"""POST /v1/inpaint and /v1/convert: pictures in, pictures out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, FastAPI, File, Form, Request, Response, UploadFile

from lama_deploy.images.files import read_photograph
from lama_deploy.runtime.memory import require_run
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_deploy.service.models import Model
from lama_deploy.service.pictures import Encoded, MaskFile, carried_by, carrying, encode, encode_filled, named, read
from lama_deploy.service.routes.answers import picture_answers
from lama_deploy.service.routes.fields import MaskFields, SaveFields, StrategyFields, require_known
from lama_deploy.service.service import Order, Service

MOST_NOTES = 20  # in a header
SAVE = ("format", "quality", "compression")
KNOWN = (
    *("image", "mask", "model", *SAVE, "strategy", "limit", "margin"),
    *("mask_threshold", "invert", "mask_from", "mask_as", "grow", "box", "point"),
)


def add_routes(app: FastAPI, service: Service) -> None:
    @app.post("/v1/inpaint", response_class=Response, responses=picture_answers(), summary="Fill a picture's hole.")
    async def inpaint(
        request: Request,
        image: Annotated[UploadFile, File(description="The picture.")],
        save: Annotated[SaveFields, Depends()],
        strategy: Annotated[StrategyFields, Depends()],
        masks: Annotated[MaskFields, Depends()],
        mask: Annotated[UploadFile | None, File(description="The mask: what is above 0 is hole.")] = None,
        model: Annotated[str | None, Form(description="A name of /v1/models.")] = None,
    ) -> Response:
        await require_known(request, KNOWN)
        chosen = service.models.named(model)
        async with order_of(service, request) as order:
            one = await order.decode(
                lambda: read(
                    image.file.read(),
                    MaskFile(mask.file.read(), mask.filename or "") if mask else None,
                    masks.options,
                    service.options.max_pixels,
                    lambda height, width: hold(order, chosen, strategy.options, height, width),
                    order.notes,
                )
            )
            filled = await order.fill(chosen, one.photograph.rgb, one.hole, strategy.options)
            if filled.plan.is_news:
                order.notes(filled.plan.text)
            body = await order.encode(lambda: encode_filled(one, filled.rgb, save.format, save.options, order.notes))
            return answer(body, order)

    @app.post("/v1/convert", response_class=Response, responses=picture_answers(), summary="Write a picture otherwise.")
    async def convert(
        request: Request,
        image: Annotated[UploadFile, File(description="The picture.")],
        save: Annotated[SaveFields, Depends()],
        original: Annotated[
            UploadFile | None, File(description="What its EXIF, profile and resolution are from.")
        ] = None,
    ) -> Response:
        """In another format, with EXIF, profile and resolution of `original` where that is given."""
        await require_known(request, ("image", "original", *SAVE))
        async with order_of(service, request) as order:
            body = await order.decode(lambda: _converted(service, order, image, original, save))
            return answer(body, order)


def order_of(service: Service, request: Request) -> Order:
    """Of a request, which the gate tells about afterwards."""
    order = Order(service, request.scope["lama.until"])
    request.scope["lama.order"] = order
    return order


def hold(order: Order, model: Model, strategy: StrategyOptions, height: int, width: int) -> None:
    """Before a picture is decoded. Raises DeviceMemoryError for one that the model has not the memory for."""
    if strategy.strategy == "whole":  # the others take what there is memory for
        require_run(model.inpainter.backend.capabilities, (1, height, width))
    order.hold(height, width)


def answer(body: Encoded, order: Order, headers: Mapping[str, str] | None = None) -> Response:
    """With what was told on the way."""
    told = {
        "X-Lama-Notes": json.dumps(order.notes.texts[:MOST_NOTES]),
        "Server-Timing": ", ".join(f"{name};dur={1000 * seconds:.1f}" for name, seconds in order.seconds.items()),
    }
    if order.plan:
        told["X-Lama-Plan"] = order.plan
    return Response(body.content, media_type=body.type, headers={**told, **(headers or {})})


def _converted(
    service: Service, order: Order, image: UploadFile, original: UploadFile | None, save: SaveFields
) -> Encoded:
    most = service.options.max_pixels
    kept = None
    if original is not None:
        with named("original"):
            kept = carried_by(read_photograph(original.file.read(), most, order.hold))
        order.give_back()
    with named("image"):
        photograph = read_photograph(image.file.read(), most, order.hold, order.notes, one_frame=True)
    if kept is not None:
        photograph = carrying(photograph, kept)
    return encode(photograph, save.format, save.options, order.notes)
