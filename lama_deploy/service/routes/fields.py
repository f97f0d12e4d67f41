"""The fields of a form that say how a picture is filled and written: named and valued as lama-inpaint's options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, get_args

from fastapi import Form, Request
from starlette.datastructures import FormData

from lama_deploy.errors import ImageError, brief
from lama_deploy.images.drawn import ALLOWED, is_length
from lama_deploy.images.grow import MOST_GROWTH
from lama_deploy.images.mask_options import MaskAs, MaskFrom, MaskOptions
from lama_deploy.images.pairs import ResultFormat
from lama_deploy.images.save_options import COMPRESSION, JPEG_QUALITY, SaveOptions
from lama_deploy.runtime.strategies.options import LIMIT, LIMITS, MARGIN, MOST_MARGIN, Strategy, StrategyOptions
from lama_deploy.service.refusals import RefusedError

FORM = "multipart/form-data"
SEVERAL = ("box", "point")
MOST_SHAPES = 1000  # boxes and points of a picture
FORMAT = f"Write the result in this format; same: in the image's own. One of {', '.join(get_args(ResultFormat))}."


class SaveFields:
    """How a result is written."""

    def __init__(
        self,
        format: Annotated[ResultFormat, Form(description=FORMAT)] = "png",
        quality: Annotated[
            int | None,
            Form(
                ge=1, le=100, description=f"Of JPEG (default: {JPEG_QUALITY}) and WebP, which is lossless without it."
            ),
        ] = None,
        compression: Annotated[int, Form(ge=0, le=9, description="Of PNG.")] = COMPRESSION,
    ) -> None:
        self.format = format
        self.options = SaveOptions(quality=quality, compression=compression)


class StrategyFields:
    """How the picture is cut for the model."""

    def __init__(
        self,
        strategy: Annotated[Strategy, Form(description="How the picture is cut for the model.")] = "auto",
        limit: Annotated[
            int, Form(ge=LIMITS[0], le=LIMITS[1], description="Pixels a side of windows, at most.")
        ] = LIMIT,
        margin: Annotated[int, Form(ge=0, le=MOST_MARGIN, description="Pixels around a hole, at least.")] = MARGIN,
    ) -> None:
        self.options = StrategyOptions(strategy=strategy, limit=limit, margin=margin)


class MaskFields:
    """Where the hole is, besides the mask."""

    def __init__(
        self,
        mask_threshold: Annotated[
            float, Form(ge=0, lt=255, allow_inf_nan=False, description="What is brighter than this is hole.")
        ] = 0,
        invert: Annotated[bool, Form(description="Take the other pixels for the hole.")] = False,
        mask_from: Annotated[MaskFrom, Form(description="Take the hole from what is opaque, or bright.")] = "auto",
        mask_as: Annotated[MaskAs, Form(description="Whether the mask is drawn over the picture as shown.")] = "auto",
        grow: Annotated[int, Form(ge=0, le=MOST_GROWTH, description="Pixels by which the hole grows.")] = 0,
        box: Annotated[
            list[str] | None, Form(max_length=MOST_SHAPES, description="X,Y,W,H, in pixels or shares (80%).")
        ] = None,
        point: Annotated[list[str] | None, Form(max_length=MOST_SHAPES, description="X,Y,R.")] = None,
    ) -> None:
        self.options = MaskOptions(
            mask_threshold=mask_threshold,
            invert=invert,
            mask_from=mask_from,
            mask_as=mask_as,
            grow=grow,
            boxes=[_parts(one, 4, "box", "X,Y,W,H") for one in box or ()],  # type: ignore[misc]
            points=[_parts(one, 3, "point", "X,Y,R") for one in point or ()],  # type: ignore[misc]
        )


def _parts(text: str, count: int, name: str, form: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if len(parts) != count or not all(is_length(part) for part in parts):
        raise ImageError(f"{name} is '{brief(text, 60)}'; allowed: {form}, each in {ALLOWED}")
    return parts


def require_form(request: Request) -> None:
    """Raises RefusedError for a body that is no form, ImageError for options that are not in it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise RefusedError(415, f"the body must be {FORM}, as curl -F makes it")
    if request.query_params:
        raise ImageError("options are fields of the form, and the address has some behind a ?; leave them out there")


async def require_known(request: Request, known: Sequence[str]) -> None:
    """Raises ImageError for a field that there is not, or twice: it would change nothing, unseen."""
    form: FormData = await request.form()
    for name in form:
        if name not in known:
            raise ImageError(f"field '{brief(name, 60)}' is unknown; known: {', '.join(known)}")
        if name not in SEVERAL and len(form.getlist(name)) > 1:
            raise ImageError(f"field '{name}' is there more than once")
