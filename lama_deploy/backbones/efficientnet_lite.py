"""EfficientNet-Lite0, an ImageNet classifier of 4.7 million parameters: EfficientNet-B0 with ReLU6 and no squeezing.

Keys are those of the published file, TensorFlow's arithmetic is kept: 'SAME' padding and its epsilon.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Self

from torch import Tensor, nn
from torch.nn import functional

from lama_deploy.backbones.frozen import FrozenBackbone, Normalise
from lama_deploy.backbones.locate import find_backbone

EPSILON = 1e-3  # of batch normalisation
HEAD_CHANNELS = 1280
CLASSES = 1000


class Stage(NamedTuple):
    """Inverted residual blocks of one width; `stride` is the first one's."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    in_channels: int
    out_channels: int


STAGES = (
    Stage(blocks=1, kernel=3, stride=1, expansion=1, in_channels=32, out_channels=16),
    Stage(blocks=2, kernel=3, stride=2, expansion=6, in_channels=16, out_channels=24),
    Stage(blocks=2, kernel=5, stride=2, expansion=6, in_channels=24, out_channels=40),
    Stage(blocks=3, kernel=3, stride=2, expansion=6, in_channels=40, out_channels=80),
    Stage(blocks=3, kernel=5, stride=1, expansion=6, in_channels=80, out_channels=112),
    Stage(blocks=4, kernel=5, stride=2, expansion=6, in_channels=112, out_channels=192),
    Stage(blocks=1, kernel=3, stride=1, expansion=6, in_channels=192, out_channels=320),
)


class EfficientNetFeatures(NamedTuple):
    """The seven stages' outputs (channels as in STAGES; strides 2, 4, 8, 16, 16, 32, 32), and the pooled (N, 1280)."""

    maps: list[Tensor]
    pooled: Tensor


class SameConv2d(nn.Conv2d):
    """Zero-padded to ceil(size / stride), the odd pixel at the bottom and right: TensorFlow's 'SAME'. No bias."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = (self._padding(size) for size in x.shape[-2:])
        if height % 2 == width % 2 == 0:
            padding = (height // 2, width // 2)
            return functional.conv2d(x, self.weight, stride=self.stride, padding=padding, groups=self.groups)
        x = functional.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        return functional.conv2d(x, self.weight, stride=self.stride, groups=self.groups)

    def _padding(self, size: int) -> int:
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max((-(-size // stride) - 1) * stride + kernel - size, 0)


class InvertedResidual(nn.Module):
    """1x1 up where the stage expands, depthwise, 1x1 down without activation; a residual where shapes allow it."""

    def __init__(self, stage: Stage, in_channels: int, stride: int) -> None:
        super().__init__()
        width = in_channels * stage.expansion
        self._residual = stride == 1 and in_channels == stage.out_channels
        self._expands = stage.expansion > 1
        if self._expands:
            self._expand_conv = SameConv2d(in_channels, width, 1)
            self._bn0 = nn.BatchNorm2d(width, EPSILON)
        self._depthwise_conv = SameConv2d(width, width, stage.kernel, stride, groups=width)
        self._bn1 = nn.BatchNorm2d(width, EPSILON)
        self._project_conv = SameConv2d(width, stage.out_channels, 1)
        self._bn2 = nn.BatchNorm2d(stage.out_channels, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self._expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        out: Tensor = self._bn2(self._project_conv(y))
        return x + out if self._residual else out


class EfficientNetLite0(FrozenBackbone):
    """(N, 3, H, W) RGB in [0, 1] of any size (trained at 224 x 224) -> EfficientNetFeatures."""

    def __init__(self) -> None:
        super().__init__()
        self._normalise = Normalise(mean=(0.5,) * 3, std=(0.5,) * 3)  # to [-1, 1]
        self._conv_stem = SameConv2d(3, STAGES[0].in_channels, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(STAGES[0].in_channels, EPSILON)
        self._blocks = nn.ModuleList(block for stage in STAGES for block in _blocks(stage))
        self._conv_head = SameConv2d(STAGES[-1].out_channels, HEAD_CHANNELS, 1)
        self._bn1 = nn.BatchNorm2d(HEAD_CHANNELS, EPSILON)
        self._fc = nn.Linear(HEAD_CHANNELS, CLASSES)
        self.freeze()

    @classmethod
    def load(cls, path: str | Path | None = None) -> Self:
        """With the published weights, from `path` or where `find_backbone` looks.

        Raises MissingBackboneError and CheckpointError.
        """
        return cls().load_file(find_backbone("efficientnet-lite0", path))

    def forward(self, x: Tensor) -> EfficientNetFeatures:
        x = functional.relu6(self._bn0(self._conv_stem(self._normalise(x))))
        maps, blocks = [], iter(self._blocks)
        for stage in STAGES:
            for _ in range(stage.blocks):
                x = next(blocks)(x)
            maps.append(x)
        return EfficientNetFeatures(maps, functional.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3)))

    def classify(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in [0, 1] -> (N, 1000) logits of the ImageNet classes."""
        logits: Tensor = self._fc(self(x).pooled)
        return logits


def _blocks(stage: Stage) -> list[nn.Module]:
    first = InvertedResidual(stage, stage.in_channels, stage.stride)
    return [first, *(InvertedResidual(stage, stage.out_channels, stride=1) for _ in range(stage.blocks - 1))]
