"""The generators for inference in PyTorch: fewer passes over memory than `Generator`, the same function.

Batch normalisation is folded in, convolutions that read or write the same maps are merged, reflect padding copies no
map (see `frame`), maps are channels-last. The forward makes no tensor from host data and never waits for the device,
so that a CUDA graph can hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.folded import FoldedWeights
from lama_deploy.checkpoints.topology import Layer, topology
from lama_deploy.model.fused.blocks import DilatedBlock, FFCBlock, ResnetBlock, SplitFrame
from lama_deploy.model.fused.frame import framed_relu, reflect_padded
from lama_deploy.model.fused.layers import HeadConvolution, SplitConvolution, folded
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
        table, block = topology(config), BLOCKS[config.kind]
        stem, *downs = (stage.layers for stage in table.front)
        self.stem = folded(weights, *stem)
        self.downs = nn.ModuleList(
            folded(weights, *down) if len(down) == 1 else _split(weights, *down) for down in downs
        )
        self.blocks = nn.ModuleList(block(weights, one) for one in table.blocks)
        self.ups = nn.ModuleList(folded(weights, *up.layers) for up in table.ups)
        self.head = HeadConvolution(table.head.output, weights.weight(table.head), weights.bias(table.head))
        self.down_border = 0 if downs[0][0].zeros else 1
        self.border = block.border
        self.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub lacks this

    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        bias: Any  # of the layer that made x, added with the next pass over it
        x, bias = self.stem(reflect_padded(x, STEM_PADDING, self.head.sums.dtype)), self.stem.bias
        for down in self.downs:
            x, bias = down(framed_relu(x, bias, self.down_border)), down.bias
        first, *ups = self.ups
        x, bias = first(inside(self._trunk(x, bias), self.border)), first.bias
        for up in ups:
            x, bias = up(framed_relu(x, bias, 0)), up.bias
        x, bias = self.head(framed_relu(x, bias, STEM_PADDING)), self.head.bias
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        return x.add_(bias[:, None, None]).sigmoid_()

    def _trunk(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """A frame of the residual blocks' sum."""
        trunk = self.blocks[0].framed(x, bias)  # type: ignore[operator]  # torch knows modules only
        for block in self.blocks:
            trunk = block(trunk)
        frame: Tensor = trunk.frame if isinstance(trunk, SplitFrame) else trunk
        return frame


def _split(weights: FoldedWeights, local: Layer, global_: Layer) -> SplitConvolution:
    """Both branches' convolutions side by side: they read the same map."""
    weight, bias = (np.concatenate([of(local), of(global_)]) for of in (weights.weight, weights.bias))
    return SplitConvolution((local.output, global_.output), local.channels, weight, bias)
