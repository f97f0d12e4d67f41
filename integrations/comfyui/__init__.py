"""Nodes for ComfyUI: "Load LaMa bundle" and "LaMa inpaint". Put this folder, or a link to it, into `custom_nodes`.

Bundles of `lama-export` are found in `models/lama`, and in folders that `extra_model_paths.yaml` names for `lama`: a
workflow names one of those and no other file.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import comfy.utils
import folder_paths
import numpy as np
import torch
from torch import Tensor

from lama_deploy import Inpainter, StrategyOptions
from lama_deploy.bundle import MANIFEST
from lama_deploy.images.grow import MOST_GROWTH
from lama_deploy.images.inputs import given_image, mask_of
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.runtime.checks import check_pictures
from lama_deploy.runtime.strategies.options import LIMIT, LIMITS, MARGIN, MOST_MARGIN, STRATEGIES

FOLDER, KIND, DEMO = "lama", "LAMA_BUNDLE", "lama-demo"
log = logging.getLogger(__name__)
folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir) / FOLDER))


def bundles() -> Mapping[str, str]:
    """Where the bundles lie, by their names; of two with one name the one that ComfyUI's own loaders would take."""
    found = {DEMO: DEMO}
    for place in folder_paths.get_folder_paths(FOLDER):
        for file in sorted(Path(place).glob(f"*/{MANIFEST}")):
            found.setdefault(file.parent.name, str(file.parent))
    return found


class LoadBundle:
    """Opens a bundle once. Raises LamaDeployError, which ComfyUI shows."""

    RETURN_TYPES, FUNCTION, CATEGORY = (KIND,), "load", "inpaint/LaMa"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        device = (["auto", "cpu", "cuda"], {"tooltip": "A device that the engine has not is an error, never the CPU."})
        return {"required": {"bundle": (list(bundles()),), "device": device}}

    @classmethod
    def IS_CHANGED(cls, bundle: str, device: str) -> str:  # noqa: N802
        """What a bundle says of its files, so that another one in its place is opened."""
        file = Path(bundles().get(bundle, bundle)) / MANIFEST
        return file.read_text() if file.is_file() else bundle

    def load(self, bundle: str, device: str) -> tuple[Inpainter]:
        return (Inpainter.load(bundles()[bundle], device=device),)


class Inpaint:
    """Fills the holes of pictures, which keep their other pixels, floats of any depth, to the bit."""

    RETURN_TYPES, FUNCTION, CATEGORY = ("IMAGE",), "inpaint", "inpaint/LaMa"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        told = {
            "threshold": "What is above is hole, from 0 to 1.",
            "grow": "The hole grows by so many pixels on all sides.",
            "limit": "Windows are no larger than this; with resize the longer side becomes so small. Pixels.",
            "margin": "Pixels around a hole that a window has at least.",
        }
        number = lambda name, first, least, most: ("INT", _of(first, least, most, 1) | {"tooltip": told[name]})  # noqa: E731
        return {
            "required": {"bundle": (KIND,), "image": ("IMAGE",), "mask": ("MASK",)},
            "optional": {
                "threshold": ("FLOAT", _of(0.0, 0.0, 0.99, 0.01) | {"tooltip": told["threshold"]}),
                "invert": ("BOOLEAN", {"default": False}),
                "grow": number("grow", 0, 0, MOST_GROWTH),
                "strategy": (list(STRATEGIES),),
                "limit": number("limit", LIMIT, *LIMITS),
                "margin": number("margin", MARGIN, 0, MOST_MARGIN),
            },
        }

    def inpaint(
        self,
        bundle: Inpainter,
        image: Tensor,
        mask: Tensor,
        threshold: float = 0.0,
        invert: bool = False,
        grow: int = 0,
        strategy: str = STRATEGIES[0],
        limit: int = LIMIT,
        margin: int = MARGIN,
    ) -> tuple[Tensor]:
        """image (B, H, W, 3 or 4) and mask (B or 1, H, W), floats from 0 to 1 -> as image. Raises LamaDeployError."""
        cut = StrategyOptions(strategy=strategy, limit=limit, margin=margin)
        inpainter, result = Inpainter(bundle.backend, cut), image.clone()
        options = MaskOptions(mask_threshold=255 * threshold, invert=invert, grow=grow)
        pixels = given_image(image[..., :3].clamp(0, 1).float().cpu().numpy(), log.warning).pixels
        holes = mask_of(mask.reshape(-1, *mask.shape[-2:]).float().cpu().numpy(), None, options, log.warning)
        check_pictures(pixels, holes)
        progress = comfy.utils.ProgressBar(len(pixels))  # its hook is what ends a run that was cancelled
        for one, hole in enumerate(np.broadcast_to(holes, pixels.shape[:3])):
            filled = inpainter.run(pixels[one : one + 1], hole[None])[0]
            inside = torch.from_numpy(hole > 0).to(result.device)
            result[one, ..., :3][inside] = (torch.from_numpy(filled).to(result) / 255)[inside]
            progress.update(1)
        return (result,)


def _of(first: float, least: float, most: float, step: float) -> dict[str, Any]:
    return {"default": first, "min": least, "max": most, "step": step}


NODE_CLASS_MAPPINGS = {"LamaLoadBundle": LoadBundle, "LamaInpaint": Inpaint}
NODE_DISPLAY_NAME_MAPPINGS = {"LamaLoadBundle": "Load LaMa bundle", "LamaInpaint": "LaMa inpaint"}
