"""Residual blocks of the fused generator.

A block changes the trunk in place. Where its convolutions are reflect-padded alike, the trunk is a frame (see `frame`)
with a border of `border`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lama_deploy.checkpoints.folded import FoldedWeights
from lama_deploy.model.fused.frame import framed_relu, reflect_padded
from lama_deploy.model.fused.layers import Convolution, FourierUnit, SpectralTransform, Stored, folded
from lama_deploy.native.frames import inside, update_frame_
from lama_deploy.variants import DILATIONS, GeneratorConfig

Branches = tuple[Tensor, Tensor]
BORDER = 1  # of the trunk's frame: reflect padding of 3x3 convolutions


class FusedFFC(nn.Module):
    """Both branches' sums before their `bias` and ReLU, from a frame of [local | global] channels.

    Local outputs come from all channels by one convolution (l2l and g2l side by side), global ones from the local
    channels (l2g), to which the spectral transform is added. One convolution for both would multiply global by global
    channels by zeros: more than the rest.
    """

    bias: Tensor

    def __init__(self, weights: FoldedWeights, key: str, local: int, values: tuple[str, str], spectral: str) -> None:
        super().__init__()
        ffc, bn_l, bn_g = f"{key}.ffc", f"{key}.bn_l", f"{key}.bn_g"
        g2g = f"{ffc}.convg2g"
        self.channels, self.values = local, values
        to_local = np.concatenate([weights.weight(f"{ffc}.{name}", bn_l) for name in ("convl2l", "convg2l")], axis=1)
        self.to_local = Convolution(values[0], to_local, None)
        self.l2g = Convolution(values[1], weights.weight(f"{ffc}.convl2g", bn_g), None)
        biases = [weights.bias(f"{ffc}.convl2l", bn=bn_l), weights.bias(f"{ffc}.convl2g", bn=bn_g)]
        self.register_buffer("bias", torch.from_numpy(np.concatenate(biases)))
        fu = f"{g2g}.fu"
        self.g2g = SpectralTransform(
            folded(weights, spectral, f"{g2g}.conv1.0", f"{g2g}.conv1.1"),
            FourierUnit(spectral, weights.weight(f"{fu}.conv_layer", f"{fu}.bn"), weights.bias(bn=f"{fu}.bn")),
            weights.weight(f"{g2g}.conv2", bn_g),
        )

    def forward(self, frame: Tensor) -> Branches:
        global_ = inside(frame, BORDER)[:, self.channels :]
        return self.to_local(frame), self.g2g(global_, self.l2g(frame[:, : self.channels]))

    def stored(self, output: Branches) -> Stored:
        biases = self.bias[: self.channels], self.bias[self.channels :]
        for value, y, bias in zip(self.values, output, biases, strict=True):
            yield value, y
            yield value, y + bias[:, None, None]


class FFCBlock(nn.Module):
    """Adds ReLU(FFC(ReLU(FFC(x)))) to the trunk's frame; nothing follows the addition."""

    border = BORDER

    def __init__(self, weights: FoldedWeights, key: str, config: GeneratorConfig, name: str) -> None:
        super().__init__()
        self.channels = config.local_channels
        middle = (f"{name}/mid_local", f"{name}/mid_global")
        self.conv1 = FusedFFC(weights, f"{key}.conv1", self.channels, middle, f"{name}/conv1/spectral")
        self.conv2 = FusedFFC(weights, f"{key}.conv2", self.channels, ("local", "global"), f"{name}/conv2/spectral")

    def forward(self, frame: Tensor) -> Tensor:
        middle = update_frame_(torch.empty_like(frame), BORDER, self.conv1(frame), self.conv1.bias)
        return update_frame_(frame, BORDER, self.conv2(middle), self.conv2.bias, accumulate=True)

    def stored(self, output: Tensor) -> Stored:
        yield "local", output[:, : self.channels]
        yield "global", output[:, self.channels :]


class ResnetBlock(nn.Module):
    """Adds conv(ReLU(conv(x))) to the trunk's frame."""

    border = BORDER

    def __init__(self, weights: FoldedWeights, key: str, config: GeneratorConfig, name: str) -> None:
        super().__init__()
        self.conv1 = folded(weights, f"{name}/mid", f"{key}.conv_block.1", f"{key}.conv_block.2")
        self.conv2 = folded(weights, "trunk", f"{key}.conv_block.5", f"{key}.conv_block.6")

    def forward(self, frame: Tensor) -> Tensor:
        y = self.conv2(framed_relu(self.conv1(frame), self.conv1.bias, BORDER))
        return update_frame_(frame, BORDER, [y], self.conv2.bias, relu=False, accumulate=True)

    def stored(self, output: Tensor) -> Stored:
        yield "trunk", output


class MultidilatedConvolution(nn.Module):
    """Channels split over branches of growing dilation, outputs summed; `bias` is the sum of all, not yet added."""

    bias: Tensor

    def __init__(self, weights: FoldedWeights, value: str, key: str, bn: str) -> None:
        super().__init__()
        self.value = value
        keys = [f"{key}.convs.{branch}" for branch in range(len(DILATIONS))]
        self.register_buffer("bias", torch.from_numpy(weights.bias(*keys, bn=bn)))
        self.branches = nn.ModuleList(
            Convolution(value, weights.weight(conv, bn), None, dilation=dilation)
            for conv, dilation in zip(keys, DILATIONS, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        # A branch's channels have to be copied for its convolution anyway; padding comes with the copy.
        parts = zip(self.branches, x.chunk(len(DILATIONS), dim=1), DILATIONS, strict=True)
        first, *rest = (conv(reflect_padded(part, dilation)) for conv, part, dilation in parts)
        for y in rest:
            first.add_(y)
        return first

    def stored(self, output: Tensor) -> Stored:
        yield self.value, output
        yield self.value, output + self.bias[:, None, None]


class DilatedBlock(nn.Module):
    """Adds multidilated(ReLU(multidilated(x))) to the trunk."""

    border = 0  # every branch is padded by its own dilation

    def __init__(self, weights: FoldedWeights, key: str, config: GeneratorConfig, name: str) -> None:
        super().__init__()
        self.conv1 = MultidilatedConvolution(weights, f"{name}/mid", f"{key}.conv_block.0", f"{key}.conv_block.1")
        self.conv2 = MultidilatedConvolution(weights, "trunk", f"{key}.conv_block.3", f"{key}.conv_block.4")

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(framed_relu(self.conv1(x), self.conv1.bias, 0))
        return update_frame_(x, 0, [y], self.conv2.bias, relu=False, accumulate=True)

    def stored(self, output: Tensor) -> Stored:
        yield "trunk", output
