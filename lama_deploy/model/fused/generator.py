"""The generators for inference in PyTorch: fewer passes over memory than `Generator`, the same function.

Batch normalisation is folded in, convolutions that read or write the same maps are merged, reflect padding copies no
map (see `frame`), maps are channels-last. The forward makes no tensor from host data and never waits for the device,
so that a CUDA graph can hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.folded import FoldedWeights
from lama_deploy.checkpoints.keys import first_up_index
from lama_deploy.model.fused.blocks import DilatedBlock, FFCBlock, ResnetBlock
from lama_deploy.model.fused.frame import framed_relu, reflect_padded
from lama_deploy.model.fused.layers import Convolution, SplitConvolution, UpConvolution, folded
from lama_deploy.native.frames import inside
from lama_deploy.variants import STEM_PADDING, GeneratorConfig

BLOCKS: Mapping[str, type[FFCBlock | ResnetBlock | DilatedBlock]] = {
    "ffc": FFCBlock,
    "regular": ResnetBlock,
    "dilated": DilatedBlock,
}


class FusedGenerator(nn.Module):
    """(N, 4, H, W) = [RGB * (1 - mask), mask] in [0, 1], any float dtype -> (N, 3, H, W) RGB in (0, 1).

    H and W: multiples of `config.multiple`, at least `config.minimum_size`. Computes in the dtype of its weights; the
    result is float32, or float64 where they are. For inference only: nothing has gradients.
    """

    def __init__(self, config: GeneratorConfig, state_dict: Mapping[str, Array], dtype: torch.dtype) -> None:
        """state_dict: official keys. fp16 needs weights whose ranges fit it (`lama_deploy.precision.scales`)."""
        super().__init__()
        self.config = config
        weights = FoldedWeights(state_dict)
        stem, *downs = _ffc_front(weights, config) if config.kind == "ffc" else _pix2pixhd_front(weights, config)
        block, first = BLOCKS[config.kind], first_up_index(config) - config.blocks - (config.kind == "ffc")
        self.stem, self.downs = stem, nn.ModuleList(downs)
        self.blocks = nn.ModuleList(
            block(weights, f"model.{first + i}", config, f"block{i + 1:02d}") for i in range(config.blocks)
        )
        self.ups = nn.ModuleList(_ups(weights, config))
        self.head = folded(weights, "head", f"model.{first_up_index(config) + 3 * config.downsamplings + 1}", None)
        self.down_border = 1 if config.kind == "ffc" else 0  # the others' downsamplings are padded with zeros
        self.border = block.border
        self.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub lacks this

    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        bias: Any  # of the layer that made x, added with the next pass over it
        x, bias = self.stem(reflect_padded(x, STEM_PADDING, self.head.weight.dtype)), self.stem.bias
        for down in self.downs:
            x, bias = down(framed_relu(x, bias, self.down_border)), down.bias
        x = framed_relu(x, bias, self.border)
        for block in self.blocks:
            x = block(x)
        first, *ups = self.ups
        x, bias = first(inside(x, self.border)), first.bias
        for up in ups:
            x, bias = up(framed_relu(x, bias, 0)), up.bias
        x, bias = self.head(framed_relu(x, bias, STEM_PADDING)), self.head.bias
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        return x.add_(bias[:, None, None]).sigmoid_()


def _ffc_front(weights: FoldedWeights, config: GeneratorConfig) -> Iterable[Convolution]:
    for level in range(config.downsamplings):
        key, value = f"model.{1 + level}", f"down{level}" if level else "stem"
        yield folded(weights, value, f"{key}.ffc.convl2l", f"{key}.bn_l", stride=2 if level else 1)
    key = f"model.{1 + config.downsamplings}"
    parts = [(f"{key}.ffc.convl2l", f"{key}.bn_l"), (f"{key}.ffc.convl2g", f"{key}.bn_g")]
    weight = np.concatenate([weights.weight(conv, bn) for conv, bn in parts])
    yield SplitConvolution(config.local_channels, weight, np.concatenate([weights.bias(c, bn=bn) for c, bn in parts]))


def _pix2pixhd_front(weights: FoldedWeights, config: GeneratorConfig) -> Iterable[Convolution]:
    yield folded(weights, "stem", "model.1", "model.2")
    for level in range(1, config.downsamplings + 1):
        index, value = 1 + 3 * level, "trunk" if level == config.downsamplings else f"down{level}"
        yield folded(weights, value, f"model.{index}", f"model.{index + 1}", stride=2, padding=1)


def _ups(weights: FoldedWeights, config: GeneratorConfig) -> Iterable[UpConvolution]:
    for level in range(config.downsamplings):
        key, bn = (f"model.{first_up_index(config) + 3 * level + i}" for i in range(2))
        yield UpConvolution(f"up{level + 1}", weights.weight(key, bn, axis=1), weights.bias(key, bn=bn))
