"""Eager PyTorch with refinement after it, as a backend, so that every strategy refines the windows that it chooses."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import numpy as np
import torch

from lama_deploy.arrays import Array
from lama_deploy.images.pixels import to_bytes
from lama_deploy.model.refine import Refinement, Refiner
from lama_deploy.model.refine_scales import count_of_scales
from lama_deploy.runtime.backend import Memory
from lama_deploy.runtime.backends.torch_eager import TorchBackend
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.runtime.refine_options import RefineOptions
from lama_deploy.runtime.strategies.resample import enlarged, shrunk
from lama_deploy.variants import GeneratorConfig

ENOUGH = 2  # times the side of the smallest size: a window of so much is refined by one that is smaller
log = logging.getLogger(__name__)


class RefinedBackend:
    """A `TorchBackend` whose results are refined. Its generator takes no gradients for its weights from then on."""

    def __init__(self, backend: TorchBackend, options: RefineOptions) -> None:
        """Raises LamaDeployError for generators without Fourier units."""
        self.name, self.device = backend.name, backend.device
        self._backend, self._options = backend, options
        how = Refinement(options.n_iters, options.lr, options.min_side, options.max_scales)
        self._has_said = False
        self._refiner = Refiner(backend.generator, how)
        config = backend.generator.config
        known = str(self.device) == "cpu" and backend.capabilities.precision == "fp32"
        memory = _memory(config, backend.capabilities.memory) if known else None
        window = ENOUGH * options.min_side if options.max_scales > 1 else 0
        self.capabilities = replace(backend.capabilities, memory=memory, recipe=None, window=window)

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run, one picture after the other. Raises EngineError, DeviceMemoryError."""
        with engine_failures("PyTorch", (masks.shape[0], masks.shape[1], masks.shape[2])):
            return np.stack([self._refined(image, mask) for image, mask in zip(images, masks, strict=True)])

    def _refined(self, image: Array, mask: Array) -> Array:
        """(H, W, 3) uint8, (H, W) -> (H, W, 3) floats, or bytes where it was too large to be refined as it is."""
        if not mask.any():
            return image / np.float64(255)
        size = (mask.shape[0], mask.shape[1])
        shrinking = math.sqrt(self._options.px_budget / math.prod(size))
        if shrinking >= 1:
            return self._run(image, mask)
        small = (max(1, int(size[0] * shrinking)), max(1, int(size[1] * shrinking)))
        filled = enlarged(to_bytes(self._run(*shrunk(image, mask, small))), size)
        result: Array = np.where(mask[..., None] > 0, filled, image) / np.float64(255)
        return result

    def _run(self, image: Array, mask: Array) -> Array:
        self._say_if_too_small(mask.shape[0], mask.shape[1])
        dtype = next(self._backend.generator.parameters()).dtype
        unit = torch.tensor(image, device=self.device).permute(2, 0, 1)[None].to(dtype) / 255
        hole = torch.tensor(mask > 0, device=self.device)[None, None].to(dtype)
        result: Array = self._refiner(unit, hole, self._options.progress)[0].permute(1, 2, 0).cpu().numpy()
        return result

    def _say_if_too_small(self, height: int, width: int) -> None:
        """Once: windows of a folder are alike."""
        least, most = self._options.min_side, self._options.max_scales
        if self._has_said or most == 1 or count_of_scales(height, width, least, most) > 1:
            return
        self._has_said = True
        log.warning(
            "%dx%d pixels are too few to refine by a smaller size, and are filled alone; strategy "
            "whole, a larger margin or a smaller min-side of refinement gives it more",
            width, height,
        )  # fmt: skip


def _memory(config: GeneratorConfig, inference: Memory | None) -> Memory | None:
    """Upper bounds; `benchmarks/cpu/refinement.py` measured them."""
    if inference is None:
        return None
    latent = 4 * config.latent_channels / config.multiple**2  # bytes a pixel of the trunk's maps
    return replace(inference, per_pixel=STAGES * 4 * config.width + (config.blocks + TRUNK) * latent)


STAGES = 8  # full maps of the first width that are held at once
TRUNK = 24  # maps of the trunk's width, besides one a block
