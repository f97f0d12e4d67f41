"""The ResNet-50 of the high-receptive-field perceptual loss (paper, section 2.2), with the official state_dict keys.

CSAIL's version: a stem of three 3x3 convolutions, the stride of a stage on the 3x3 convolution of its first block.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from torch import Tensor, nn
from torch.nn import functional

from lama_deploy.backbones.frozen import FrozenBackbone, Normalise
from lama_deploy.backbones.locate import find_backbone

EXPANSION = 4  # of a bottleneck's width in its output
STEM_CHANNELS = 128


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up, and the residual; `dilation` is also the padding of the 3x3."""

    def __init__(self, in_channels: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        out_channels = EXPANSION * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module | None = None
        if in_channels != out_channels:
            shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu_()
        y = self.bn2(self.conv2(y)).relu_()
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        out: Tensor = y.relu_()
        return out


class ResNet50Dilated(FrozenBackbone):
    """(N, 3, H, W) RGB in [0, 1], not clamped -> the four stages' maps, 256, 512, 1024 and 2048 channels.

    Their strides are 4, 8, 8, 8 with `dilated` (the paper's), and 4, 8, 16, 32 without (its table 3, "Clf plain").
    """

    def __init__(self, dilated: bool = True) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(64, STEM_CHANNELS, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(STEM_CHANNELS)
        self.layer1 = _stage(STEM_CHANNELS, 64, blocks=3)
        self.layer2 = _stage(256, 128, blocks=4, stride=2)
        self.layer3 = _stage(512, 256, blocks=6, dilation=2) if dilated else _stage(512, 256, blocks=6, stride=2)
        self.layer4 = _stage(1024, 512, blocks=3, dilation=4) if dilated else _stage(1024, 512, blocks=3, stride=2)
        self.freeze()

    @classmethod
    def load(cls, name: str = "resnet50-ade20k", path: str | Path | None = None, dilated: bool = True) -> Self:
        """With the weights of "resnet50-ade20k" or "resnet50-imagenet", from `path` or where `find_backbone` looks.

        Both files fit both forms: dilation changes no weight. A classifier in the file is ignored. Raises
        MissingBackboneError and CheckpointError.
        """
        return cls(dilated).load_file(find_backbone(name, path))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.normalise(x)
        x = self.bn1(self.conv1(x)).relu_()
        x = self.bn2(self.conv2(x)).relu_()
        x = self.bn3(self.conv3(x)).relu_()
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        maps = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps


def _stage(in_channels: int, width: int, blocks: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A stage's blocks; the first 3x3 has half the dilation, as it stands where the stride was."""
    first = Bottleneck(in_channels, width, stride, dilation=max(1, dilation // 2))
    rest = [Bottleneck(EXPANSION * width, width, dilation=dilation) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)
