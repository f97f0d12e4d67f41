"""Residual blocks of the fused generator.

A block changes the trunk in place. Where its convolutions are reflect-padded alike, the trunk is a frame (see `frame`)
with a border of `border`; FFCs have it as a `SplitFrame`.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from lama_deploy.checkpoints.folded import FoldedWeights
from lama_deploy.checkpoints.topology import Block, Stage
from lama_deploy.model.fused.beside import beside
from lama_deploy.model.fused.frame import empty_frame, framed_relu, reflect_padded
from lama_deploy.model.fused.layers import (
    Convolution,
    FourierUnit,
    PointwiseReLU,
    SpectralTransform,
    Stored,
    folded,
)
from lama_deploy.native.frames import Copies, inside, update_frame_
from lama_deploy.variants import DILATIONS

Branches = tuple[Tensor, Tensor]
BORDER = 1  # of the trunk's frame: reflect padding of 3x3 convolutions


class SplitFrame(NamedTuple):
    """A frame of [local | global] channels, and what convolutions of one branch read: cuDNN takes no slices."""

    frame: Tensor
    copies: Copies

    @classmethod
    def empty(cls, like: Tensor, local: int) -> Self:
        """For a map of the channels, height and width of `like`, `local` of them local; nothing in it yet."""
        rest = like.shape[1] - local
        copies = Copies(empty_frame(like, local, BORDER), empty_frame(like, rest, 0))
        return cls(empty_frame(like, like.shape[1], BORDER), copies)

    def update_(self, parts: Branches | tuple[Tensor], bias: Tensor | None, *, accumulate: bool = False) -> Self:
        update_frame_(self.frame, BORDER, parts, bias, accumulate=accumulate, copies=self.copies)
        return self


class FusedFFC(nn.Module):
    """Both branches' sums before their `bias` and ReLU.

    Local outputs come from all channels by one convolution (l2l and g2l side by side), global ones from the local
    channels (l2g), to which the spectral transform is added. One convolution for both would multiply global by global
    channels by zeros: more than the rest.
    """

    bias: Tensor

    def __init__(self, weights: FoldedWeights, stage: Stage) -> None:
        super().__init__()
        l2l, l2g, g2l, conv1, unit, conv2 = stage.layers
        self.channels, self.values = l2l.channels, (l2l.output, l2g.output)
        to_local = np.concatenate([weights.weight(l2l), weights.weight(g2l)], axis=1)
        self.to_local = Convolution(l2l.output, to_local, None)
        self.l2g = Convolution(l2g.output, weights.weight(l2g), None)
        self.register_buffer("bias", torch.from_numpy(np.concatenate([weights.bias(l2l), weights.bias(l2g)])))
        self.g2g = SpectralTransform(
            PointwiseReLU(conv1.output, weights.weight(conv1), weights.bias(conv1)),
            FourierUnit(unit.output, weights.weight(unit), weights.bias(unit)),
            weights.weight(conv2),
        )

    def forward(self, x: SplitFrame) -> Branches:
        local = beside(self.to_local, x.frame)
        global_ = self.g2g(x.copies.rest, self.l2g(x.copies.leading))
        return local(), global_

    def stored(self, output: Branches) -> Stored:
        biases = self.bias[: self.channels], self.bias[self.channels :]
        for value, y, bias in zip(self.values, output, biases, strict=True):
            yield value, y
            yield value, y + bias[:, None, None]


class FFCBlock(nn.Module):
    """Adds ReLU(FFC(ReLU(FFC(x)))) to the trunk's frame; nothing follows the addition."""

    border = BORDER

    def __init__(self, weights: FoldedWeights, block: Block) -> None:
        super().__init__()
        self.conv1, self.conv2 = (FusedFFC(weights, stage) for stage in block.stages)

    def framed(self, x: Tensor, bias: Tensor | None) -> SplitFrame:
        """The trunk before the first block: ReLU of x + bias. Overwrites x."""
        return SplitFrame.empty(x, self.conv1.channels).update_((x,), bias)

    def forward(self, trunk: SplitFrame) -> SplitFrame:
        middle = SplitFrame.empty(inside(trunk.frame, BORDER), self.conv1.channels).update_(
            self.conv1(trunk), self.conv1.bias
        )
        return trunk.update_(self.conv2(middle), self.conv2.bias, accumulate=True)

    def stored(self, output: SplitFrame) -> Stored:
        local, global_ = self.conv2.values
        yield local, output.copies.leading
        yield global_, output.copies.rest


class ResnetBlock(nn.Module):
    """Adds conv(ReLU(conv(x))) to the trunk's frame."""

    border = BORDER

    def __init__(self, weights: FoldedWeights, block: Block) -> None:
        super().__init__()
        self.conv1, self.conv2 = (folded(weights, *stage.layers) for stage in block.stages)

    def framed(self, x: Tensor, bias: Tensor | None) -> Tensor:
        return framed_relu(x, bias, BORDER)

    def forward(self, frame: Tensor) -> Tensor:
        y = self.conv2(framed_relu(self.conv1(frame), self.conv1.bias, BORDER))
        return update_frame_(frame, BORDER, [y], self.conv2.bias, relu=False, accumulate=True)

    def stored(self, output: Tensor) -> Stored:
        yield self.conv2.value, output


class MultidilatedConvolution(nn.Module):
    """Channels split over branches of growing dilation, outputs summed; `bias` is the sum of all, not yet added."""

    bias: Tensor

    def __init__(self, weights: FoldedWeights, stage: Stage) -> None:
        super().__init__()
        self.value = stage.layers[0].output
        self.register_buffer("bias", torch.from_numpy(weights.bias(*stage.layers)))
        self.branches = nn.ModuleList(
            Convolution(layer.output, weights.weight(layer), None, dilation=layer.dilation) for layer in stage.layers
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

    def __init__(self, weights: FoldedWeights, block: Block) -> None:
        super().__init__()
        self.conv1, self.conv2 = (MultidilatedConvolution(weights, stage) for stage in block.stages)

    def framed(self, x: Tensor, bias: Tensor | None) -> Tensor:
        return framed_relu(x, bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(framed_relu(self.conv1(x), self.conv1.bias, 0))
        return update_frame_(x, 0, [y], self.conv2.bias, relu=False, accumulate=True)

    def stored(self, output: Tensor) -> Stored:
        yield self.conv2.value, output
