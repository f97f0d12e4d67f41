"""The generator that is measured: seeded weights, which decide nothing about time, saved and loaded as a user's are."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig, resolve_config

SMOKE_CONFIG, SMOKE_CASES = GeneratorConfig(width=8, blocks=1), ((32, 1), (32, 2))
SEEDED = "seeded.safetensors"


def config_of(model: str, *, smoke: bool) -> GeneratorConfig:
    return SMOKE_CONFIG if smoke else resolve_config(model)


def seeded_checkpoint(config: GeneratorConfig, folder: Path) -> Checkpoint:
    """The same bytes every time: what was measured for half precision is found again. The file is folder/SEEDED."""
    path = folder / SEEDED
    save_checkpoint(path, config, {k: v.numpy() for k, v in seeded_generator(config).state_dict().items()})
    return load_checkpoint(path)


def scene_on(device: torch.device, size: int, batch: int) -> tuple[Tensor, Tensor, Array, Array]:
    """Image (N, 3, H, W) in [0, 1] and mask (N, 1, H, W) of 0 and 1, float32; then both as `Backend.run` takes them."""
    images, masks = scene(size, size, batch)
    image = torch.tensor(images, device=device).permute(0, 3, 1, 2).contiguous() / 255
    return image, torch.tensor(masks, device=device)[:, None].float(), images, masks


def case_of(text: str) -> tuple[int, int]:
    """(size, batch) of "SIZExBATCH". ValueError for anything else."""
    size, batch = text.split("x")
    return int(size), int(batch)
