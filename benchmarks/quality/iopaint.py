"""IOPaint's own code for large pictures around our model, so that what differs is how pictures are cut.

Its wheel is unpacked beside loguru's (`pip download --no-deps iopaint loguru`); of it only the modules that cut
pictures are loaded, and what those import for diffusion models is replaced by empty modules.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.runtime.inpainter import Inpainter

NOT_NEEDED = ("iopaint.model.utils", "iopaint.model.helper.g_diffuser_bot")


class _Empty(types.ModuleType):
    """Has whatever is imported from it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def iopaint_fill(unpacked: Path, inpainter: Inpainter, strategy: str) -> Callable[[Array, Array], Array]:
    """(H, W, 3) uint8 and (H, W) uint8 -> (H, W, 3) uint8, by "Crop", "Resize" or "Original" with its defaults."""
    sys.path.insert(0, str(unpacked))
    package = types.ModuleType("iopaint.model")
    package.__path__ = [str(unpacked / "iopaint" / "model")]
    sys.modules.setdefault("iopaint.model", package)
    for name in NOT_NEEDED:
        sys.modules.setdefault(name, _Empty(name))
    from iopaint.model.base import InpaintModel
    from iopaint.schema import InpaintRequest
    from loguru import logger

    logger.remove()

    class Model(InpaintModel):  # type: ignore[misc]
        """Theirs but for the model itself."""

        def init_model(self, device: Any, **kwargs: Any) -> None: ...

        @staticmethod
        def is_downloaded() -> bool:
            return True

        def forward(self, image: Array, mask: Array, config: Any) -> Array:
            holes = (mask.reshape(mask.shape[:2]) > 0).astype(np.uint8)
            return inpainter.run(np.ascontiguousarray(image)[None], holes[None])[0][..., ::-1].copy()

    model, request = Model("cpu"), InpaintRequest(hd_strategy=strategy)

    def fill(image: Array, hole: Array) -> Array:
        result = np.asarray(model(image.copy(), hole * np.uint8(255), request))[..., ::-1]
        return np.where(hole[..., None] > 0, np.clip(result, 0, 255).astype(np.uint8), image)

    return fill
