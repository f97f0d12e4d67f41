"""The reference pipeline around a generator, as official `bin/predict.py` does it, for images of any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from lama_deploy.model.generator import Generator, build_generator
from lama_deploy.variants import GeneratorConfig


class Network(Protocol):
    """What computes as a `Generator` does."""

    @property
    def config(self) -> GeneratorConfig: ...

    def __call__(self, x: Tensor) -> Tensor: ...


@torch.inference_mode()
def inpaint(generator: Network, image: Tensor, mask: Tensor) -> Tensor:
    """image (N, 3, H, W) in [0, 1], mask (N, 1, H, W), any value above 0 is a hole -> (N, 3, H, W), not clamped.

    Dtype and device are the generator's. Known pixels are returned as they are.
    """
    height, width = image.shape[-2:]
    rows = symmetric_indices(height, padded_size(generator.config, height), image.device)
    columns = symmetric_indices(width, padded_size(generator.config, width), image.device)
    hole = mask > 0
    padded_hole = hole[..., rows, :][..., columns]
    masked = image[..., rows, :][..., columns].masked_fill(padded_hole, 0)
    predicted = generator(torch.cat((masked, padded_hole.to(masked.dtype)), dim=1))
    return torch.where(hole, predicted[..., :height, :width], image)


def padded_size(config: GeneratorConfig, size: int) -> int:
    """The next size the generator accepts."""
    return -(-max(size, config.minimum_size) // config.multiple) * config.multiple


def symmetric_indices(size: int, padded: int, device: torch.device) -> Tensor:
    """Source index of each padded position: NumPy's mode "symmetric", however far the padding reaches."""
    position = torch.arange(padded, device=device) % (2 * size)  # made there: a copy from the host would wait for it
    return torch.minimum(position, 2 * size - 1 - position)


def generator_from_state(config: GeneratorConfig, state_dict: Mapping[str, Any]) -> Generator:
    """A generator with the given weights (NumPy arrays under the official keys), eval mode."""
    with torch.device("meta"):  # nothing is drawn that would be replaced
        generator = build_generator(config)
    state = {key: torch.from_numpy(np.array(array)) for key, array in state_dict.items()}
    generator.load_state_dict(state, assign=True)
    return generator
