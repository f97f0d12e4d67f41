"""The patch discriminator that LaMa is trained against (official `NLayerDiscriminator`, pix2pixHD), official keys."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

MAX_CHANNELS = 512


class Judgement(NamedTuple):
    """logits (N, 1, h, w), above 0 for real; features: the maps of every layer before them."""

    logits: Tensor
    features: list[Tensor]


class Discriminator(nn.Module):
    """RGB (N, 3, H, W) in [0, 1] -> a raw logit per patch: 19 x 19 for 256 x 256, 4 strided layers.

    It sees no mask: where the hole was reaches it only through the labels of the loss (paper, equation 2).
    """

    def __init__(self, width: int = 64, layers: int = 4) -> None:
        super().__init__()
        stages = [nn.Sequential(_conv(3, width, stride=2), nn.LeakyReLU(0.2))]
        for level in range(1, layers + 1):
            inputs, outputs = (min(width * 2**n, MAX_CHANNELS) for n in (level - 1, level))
            conv = _conv(inputs, outputs, stride=2 if level < layers else 1)
            stages.append(nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)))
        stages.append(nn.Sequential(_conv(outputs, 1, stride=1)))
        for index, stage in enumerate(stages):  # official keys: model0.0.weight, ...
            self.add_module(f"model{index}", stage)

    def forward(self, x: Tensor) -> Judgement:
        features = []
        for stage in self.children():
            x = stage(x)
            features.append(x)
        return Judgement(features.pop(), features)


def _conv(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 4, stride, padding=2)
