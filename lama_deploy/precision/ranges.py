"""The largest magnitude of every value that a half-precision `FusedGenerator` would store, measured in float32."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import LamaDeployError
from lama_deploy.model.fused.generator import FusedGenerator
from lama_deploy.model.predict import inpaint


def largest_values(
    checkpoint: Checkpoint, pairs: Iterable[tuple[Array, Array]], device: torch.device
) -> dict[str, float]:
    """value of `topology` -> largest magnitude over pairs of image (H, W, 3) and mask (H, W), uint8.

    Raises LamaDeployError where an image takes even float32 out of its range.
    """
    generator = FusedGenerator(checkpoint.config, checkpoint.state_dict, torch.float32).to(device)
    largest: dict[str, Tensor] = {}
    for layer in generator.modules():
        if hasattr(layer, "stored"):
            layer.register_forward_hook(_recorder(largest))
    for image, mask in pairs:
        pixels = torch.tensor(image, device=device).permute(2, 0, 1)[None] / 255
        inpaint(generator, pixels, torch.tensor(mask, device=device)[None, None])
    found = {value: float(most) for value, most in largest.items()}
    for value, most in found.items():
        if not math.isfinite(most):
            raise LamaDeployError(f"activations of {value} are not finite in float32; are these weights damaged?")
    return found


def _recorder(largest: dict[str, Tensor]) -> Any:
    def record(layer: nn.Module, _inputs: object, output: Any) -> None:
        for value, tensor in layer.stored(output):  # type: ignore[operator]  # hooked for having it
            most = tensor.abs().max()
            largest[value] = torch.maximum(largest[value], most) if value in largest else most

    return record
