"""IOPaint's API, as its clients ask for an erase model: one JSON object with pictures in base64.

The contract is that of IOPaint 1.6: iopaint/schema.py and iopaint/api.py.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lama_deploy.errors import ImageError, brief, one_line
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.images.photograph import filled
from lama_deploy.images.save_options import SaveOptions
from lama_deploy.runtime.strategies.options import LIMITS, MOST_MARGIN, StrategyOptions
from lama_deploy.service.iopaint_strategies import strategy_of
from lama_deploy.service.models import Model
from lama_deploy.service.pictures import MaskFile, Read, encode, read, upright
from lama_deploy.service.refusals import RefusedError
from lama_deploy.service.routes.answers import errors, picture_answers
from lama_deploy.service.routes.common import answer, before_decoding, order_of
from lama_deploy.service.service import Order, Service

AS_IOPAINT = MaskOptions(mask_threshold=127, mask_from="luminance", mask_as="shown")
MOST_SEED = 99_999_999
JSON = "application/json"
# Of models that are no erase models: names of fields begin so, and of these fields some ask for something.
FAMILIES = (
    *("ldm_", "zits_", "prompt", "negative_prompt", "use_", "croper_", "extender_", "sd_", "cv2_", "enable_"),
    *("paint_by_example_", "p2p_", "controlnet_", "brushnet_", "powerpaint_", "fitting_degree"),
)
WISHES = (
    *("prompt", "negative_prompt", "use_croper", "use_extender", "enable_controlnet", "enable_brushnet"),
    *("enable_powerpaint_v2", "paint_by_example_example_image", "sd_match_histograms", "sd_lcm_lora"),
)
NEVER = (
    *("need_prompt", "support_strength", "support_outpainting", "support_lcm_lora", "support_controlnet"),
    *("support_brushnet", "support_powerpaint_v2", "is_single_file_diffusers"),
)
IGNORED = "{} are of other models than this one, or unknown, and change nothing"


class InpaintRequest(BaseModel):
    """What an erase model minds of IOPaint's fields; the others are accepted, and told in X-Lama-Notes."""

    model_config = ConfigDict(extra="allow")

    image: str = Field(description="Base64 of a picture, or a data URL of it.")
    mask: str = Field(description="The same of a mask; what is brighter than 127 is hole.")
    hd_strategy: Literal["Original", "Resize", "Crop"] = "Crop"
    hd_strategy_crop_trigger_size: int = Field(800, description="Crop where the longer side has more pixels.")
    hd_strategy_crop_margin: int = Field(128, ge=0, le=MOST_MARGIN)
    hd_strategy_resize_limit: int = Field(1280, ge=LIMITS[0], le=LIMITS[1])
    sd_seed: int = Field(42, ge=-1, le=2**63, description="Comes back as X-Seed; -1 for a random one.")


def add_routes(app: FastAPI, service: Service) -> None:
    schema = InpaintRequest.model_json_schema()

    @app.post(
        "/api/v1/inpaint",
        summary="Fill a picture's hole, as IOPaint does.",
        response_class=Response,
        responses={**picture_answers(), 200: {"description": "The picture.", "content": {"image/png": {}}}},
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}},
    )
    async def inpaint(request: Request) -> Response:
        if request.headers.get("content-type", JSON).partition(";")[0].strip().lower() != JSON:
            raise RefusedError(415, f"the body must be {JSON}")
        model, body = service.models.default, await request.body()
        async with order_of(service, request) as order:
            asked, one, strategy = await order.decode(lambda: _read(order, model, body))
            result = await order.fill(model, one.photograph.rgb, one.hole, strategy)
            whole = filled(one.photograph, result.rgb, one.hole)
            encoded = await order.encode(lambda: encode(upright(whole), "png", SaveOptions(), order.notes))
            seed = asked.sd_seed if asked.sd_seed >= 0 else 1 + secrets.randbelow(MOST_SEED)
            return answer(encoded, order, {"X-Seed": str(seed)})

    @app.get("/api/v1/model", summary="The model that IOPaint's API runs.", responses=errors((401,)))
    async def model() -> dict[str, Any]:
        return _model_info(service.models.default)

    @app.get("/api/v1/server-config", summary="What IOPaint's clients ask first.", responses=errors((401,)))
    async def config() -> dict[str, Any]:
        return _config(service)


def _read(order: Order, model: Model, body: bytes) -> tuple[InpaintRequest, Read, StrategyOptions]:
    """Raises LamaDeployError."""
    try:
        asked = InpaintRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ImageError(one_line(f"{'.'.join(map(str, first['loc'])) or 'the body'}: {first['msg']}")) from None
    _tell_ignored(asked, order)
    strategies: list[StrategyOptions] = []

    def before(height: int, width: int) -> None:
        strategies.append(strategy_of(asked, max(height, width)))
        before_decoding(order, model, strategies[0])(height, width)

    mask = MaskFile(_content("mask", asked.mask))
    one = read(_content("image", asked.image), mask, AS_IOPAINT, order.max_pixels, before, order.notes)
    return asked, one, strategies[0]


def _tell_ignored(asked: InpaintRequest, order: Order) -> None:
    """Clients send all of IOPaint's fields, most with their defaults, which are no wish."""
    extra = asked.model_extra or {}
    names = [name for name in extra if not name.startswith(FAMILIES) or (name in WISHES and extra[name])]
    if names:
        order.notes(IGNORED.format(", ".join(brief(name, 60) for name in names[:10])))


def _content(name: str, text: str) -> bytes:
    """Of base64 or a data URL. Raises ImageError."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(f"{name}: no base64 of a picture") from error


def _model_info(model: Model) -> dict[str, Any]:
    info = {"name": model.name, "path": model.name, "model_type": "inpaint", "controlnets": [], "brushnets": []}
    return info | dict.fromkeys(NEVER, False)


def _config(service: Service) -> dict[str, Any]:
    """No plugins, and no other model than the default: IOPaint's API chooses it for all clients at once."""
    never = ("enableFileManager", "enableAutoSaving", "enableControlnet", "isDesktop")
    none = ("removeBGModel", "realesrganModel", "interactiveSegModel", "controlnetMethod")
    empty = ("plugins", "removeBGModels", "realesrganModels", "interactiveSegModels", "samplers")
    return {
        "modelInfos": [_model_info(service.models.default)],
        "disableModelSwitch": True,
        **dict.fromkeys(never, False),
        **dict.fromkeys(none, None),
        **{name: [] for name in empty},
    }
