"""Residual blocks of the fused generator.

A block changes the trunk in place. Where its convolutions are reflect-padded alike, the trunk is a frame (see `frame`)
with a border of `border`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lama_deploy.fold import FoldedWeights
from lama_deploy.model.frame import framed_relu, inside, reflect_border_, reflect_padded, relu_into
from lama_deploy.model.fused_layers import Convolution, FourierUnit, SpectralTransform, Stored, folded
from lama_deploy.variants import DILATIONS, GeneratorConfig

Branches = tuple[Tensor, Tensor]
BORDER = 1  # of the trunk's frame: reflect padding of 3x3 convolutions


class FusedFFC(nn.Module):
    """Both branches' sums before their ReLU, from a frame of [local | global] channels.

    Local outputs come from all channels by one convolution (l2l and g2l side by side), global ones from the local
    channels (l2g), to which the spectral transform is added. One convolution for both would multiply global by global
    channels by zeros: more than the rest.
    """

    def __init__(self, weights: FoldedWeights, key: str, local: int, values: tuple[str, str], spectral: str) -> None:
        super().__init__()
        ffc, bn_l, bn_g = f"{key}.ffc", f"{key}.bn_l", f"{key}.bn_g"
        g2g = f"{ffc}.convg2g"
        self.channels, self.values = local, values
        to_local = np.concatenate([weights.weight(f"{ffc}.{name}", bn_l) for name in ("convl2l", "convg2l")], axis=1)
        self.to_local = Convolution(values[0], to_local, weights.bias(f"{ffc}.convl2l", bn=bn_l))
        self.l2g = folded(weights, values[1], f"{ffc}.convl2g", bn_g)
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
        yield self.values[1], output[1]


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
        trunk = inside(frame, BORDER)
        middle = relu_into(torch.empty_like(frame), BORDER, *self.conv1(frame))
        y_l, y_g = self.conv2(middle)
        trunk[:, : self.channels].add_(y_l.relu_())
        trunk[:, self.channels :].add_(y_g.relu_())
        return reflect_border_(frame, BORDER)

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
        y = self.conv2(framed_relu(self.conv1(frame), BORDER))
        inside(frame, BORDER).add_(y)
        return reflect_border_(frame, BORDER)

    def stored(self, output: Tensor) -> Stored:
        yield "trunk", output


class MultidilatedConvolution(nn.Module):
    """Channels split over branches of growing dilation, outputs summed; the biases of all are in the first."""

    def __init__(self, weights: FoldedWeights, value: str, key: str, bn: str) -> None:
        super().__init__()
        self.value = value
        keys = [f"{key}.convs.{branch}" for branch in range(len(DILATIONS))]
        biases = [weights.bias(*keys, bn=bn), *[None] * (len(DILATIONS) - 1)]
        self.branches = nn.ModuleList(
            Convolution(value, weights.weight(conv, bn), bias, dilation=dilation)
            for conv, bias, dilation in zip(keys, biases, DILATIONS, strict=True)
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


class DilatedBlock(nn.Module):
    """Adds multidilated(ReLU(multidilated(x))) to the trunk."""

    border = 0  # every branch is padded by its own dilation

    def __init__(self, weights: FoldedWeights, key: str, config: GeneratorConfig, name: str) -> None:
        super().__init__()
        self.conv1 = MultidilatedConvolution(weights, f"{name}/mid", f"{key}.conv_block.0", f"{key}.conv_block.1")
        self.conv2 = MultidilatedConvolution(weights, "trunk", f"{key}.conv_block.3", f"{key}.conv_block.4")

    def forward(self, x: Tensor) -> Tensor:
        return x.add_(self.conv2(self.conv1(x).relu_()))

    def stored(self, output: Tensor) -> Stored:
        yield "trunk", output
