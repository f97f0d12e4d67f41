"""Shift-tolerant LPIPS (Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022), its own weights.

LPIPS with blurred, reflect-padded downsampling, so that a shift of a pixel costs little. Keys are the published
files'.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from lama_deploy.backbones.frozen import FrozenBackbone
from lama_deploy.backbones.locate import find_backbone
from lama_deploy.errors import ImageError

Net = Literal["vgg", "alex"]

CHANNELS: dict[Net, tuple[int, ...]] = {"vgg": (64, 128, 256, 512, 512), "alex": (64, 192, 384, 256, 256)}
MINIMUM_SIDE: dict[Net, int] = {"vgg": 18, "alex": 21}  # below it, reflection has nothing left to reflect
VGG_CONVOLUTIONS = (2, 2, 3, 3, 3)  # in each slice
EPSILON = 1e-10  # against pixels whose features are all zero


class STLPIPS(FrozenBackbone):
    """Two batches (N, 3, H, W) RGB in [0, 1], sides of at least 18 (vgg) or 21 (alex) pixels -> (N,) distances >= 0.

    Distances are float32 also under autocast. Without `load` the weights are random and mean nothing. Raises
    ImageError for smaller pictures.
    """

    def __init__(self, net: Net = "vgg") -> None:
        super().__init__()
        self.minimum_side = MINIMUM_SIDE[net]
        self.scaling_layer = ScalingLayer()
        self.net = _vgg() if net == "vgg" else _alex()
        for index, channels in enumerate(CHANNELS[net]):
            self.add_module(f"lin{index}", ChannelWeights(channels))
        self.freeze()

    @classmethod
    def load(cls, net: Net = "vgg", path: str | Path | None = None) -> Self:
        """With the published weights, from `path` or where `find_backbone` looks.

        Raises MissingBackboneError and CheckpointError.
        """
        return cls(net).load_file(find_backbone(f"st-lpips-{net}", path))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        if min(a.shape[-2:]) < self.minimum_side:
            raise ImageError(
                f"pictures of {a.shape[-1]}x{a.shape[-2]}: ST-LPIPS needs {self.minimum_side} pixels a side"
            )
        distance = a.new_zeros(len(a), dtype=torch.float32)
        for index, (x, y) in enumerate(zip(self._maps(a), self._maps(b), strict=True)):
            weights = self.get_submodule(f"lin{index}")
            distance = distance + weights((_unit(x) - _unit(y)).square())
        return distance

    def _maps(self, x: Tensor) -> list[Tensor]:
        x = self.scaling_layer(2 * x - 1)
        maps = []
        for piece in self.net.children():
            x = piece(x)
            maps.append(x)
        return maps


class ScalingLayer(nn.Module):
    """RGB in [-1, 1] -> about zero mean and unit variance; the constants come with the file."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.scale


class ChannelWeights(nn.Module):
    """(N, C, h, w) -> (N,): the weighted sum over channels, averaged over pixels (key `model.1.weight`)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Identity(), nn.Conv2d(channels, 1, 1, bias=False))  # 0 was a dropout

    def forward(self, x: Tensor) -> Tensor:
        weights = self.model.get_parameter("1.weight")
        return (x * weights).sum(dim=1).mean(dim=(1, 2))


class Blur(nn.Module):
    """Halves the map behind a 3x3 binomial filter, two pixels of reflection on each side."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filt", torch.outer(line, line).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, (2, 2, 2, 2), mode="reflect")
        return functional.conv2d(x, self.filt, stride=2, groups=len(self.filt))


def _unit(x: Tensor) -> Tensor:
    """Each pixel's features at length one, float32."""
    x = x.float()
    return x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + EPSILON)


def _vgg() -> nn.Module:
    """VGG-16 up to its 13th ReLU, in slices that end before a pooling; stride-1 max pooling, then Blur."""
    widths = (3, *CHANNELS["vgg"])
    slices = []
    for index, (before, width) in enumerate(pairwise(widths)):
        layers: list[nn.Module] = [nn.MaxPool2d(2, stride=1), Blur(before)] if index else []
        for convolution in range(VGG_CONVOLUTIONS[index]):
            layers += [nn.Conv2d(width if convolution else before, width, 3, padding=1), nn.ReLU(inplace=True)]
        slices.append(layers)
    return _numbered(slices)


def _alex() -> nn.Module:
    """AlexNet, its first convolution without stride: Blur follows it instead."""
    return _numbered(
        [
            [nn.Conv2d(3, 64, 11, padding=2), Blur(64), nn.ReLU(inplace=True)],
            [nn.MaxPool2d(3, stride=1), Blur(64), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True)],
            [nn.MaxPool2d(3, stride=1), Blur(192), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True)],
            [nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True)],
            [nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True)],
        ]
    )


def _numbered(slices: Sequence[Sequence[nn.Module]]) -> nn.Module:
    """Modules `slice1` to `slice5`; their layers are numbered through, as the files' keys are."""
    net, number = nn.Module(), 0
    for index, layers in enumerate(slices, start=1):
        piece = nn.Sequential()
        for layer in layers:
            piece.add_module(str(number), layer)
            number += 1
        net.add_module(f"slice{index}", piece)
    return net
