"""POST /v1/inpaint and /v1/convert: pictures in, pictures out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, File, Form, Request, Response, UploadFile

from lama_deploy.images.files import read_photograph
from lama_deploy.images.photograph import Photograph
from lama_deploy.service.pictures import MaskFile, carried_by, carrying, encode, encode_filled, named, read
from lama_deploy.service.routes.answers import picture_answers
from lama_deploy.service.routes.common import answer, before_decoding, order_of
from lama_deploy.service.routes.fields import MaskFields, SaveFields, StrategyFields, require_form, require_known
from lama_deploy.service.service import Order, Service

OF_PICTURES: dict[str, Any] = {
    "response_class": Response,
    "responses": picture_answers(),
    "dependencies": [Depends(require_form)],
}
SAVE = ("format", "quality", "compression")
KNOWN = (
    *("image", "mask", "model", *SAVE, "strategy", "limit", "margin"),
    *("mask_threshold", "invert", "mask_from", "mask_as", "grow", "box", "point"),
)


def add_routes(app: FastAPI, service: Service) -> None:
    @app.post("/v1/inpaint", summary="Fill a picture's hole.", **OF_PICTURES)
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
                    order.max_pixels,
                    before_decoding(order, chosen, strategy.options),
                    order.notes,
                )
            )
            result = await order.fill(chosen, one.photograph.rgb, one.hole, strategy.options)
            return answer(
                await order.encode(lambda: encode_filled(one, result.rgb, save.format, save.options, order.notes)),
                order,
            )

    @app.post("/v1/convert", summary="Write a picture in another format.", **OF_PICTURES)
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
            photograph = await order.decode(lambda: _converted(order, image, original))
            body = await order.encode(lambda: encode(photograph, save.format, save.options, order.notes))
            return answer(body, order)


def _converted(order: Order, image: UploadFile, original: UploadFile | None) -> Photograph:
    most = order.max_pixels
    kept = None
    if original is not None:
        with named("original"):
            kept = carried_by(read_photograph(original.file.read(), most, order.hold))
        order.give_back()
    with named("image"):
        photograph = read_photograph(image.file.read(), most, order.hold, order.notes, one_frame=True)
    return photograph if kept is None else carrying(photograph, kept)
