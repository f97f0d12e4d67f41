"""VGG-19 for the classic perceptual loss, average-pooled as official LaMa has it (`losses/perceptual.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from torch import Tensor, nn

from lama_deploy.backbones.frozen import FrozenBackbone, Normalise
from lama_deploy.backbones.locate import find_backbone

# Convolutions of each block, up to the 13th ReLU (torchvision's `features[:30]`); the rest is not looked at.
BLOCKS = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512, 512, 512), (512,))


class VGG19(FrozenBackbone):
    """(N, 3, H, W) RGB in [0, 1], at least 16 pixels a side -> the maps after the first 13 ReLUs.

    Their channels are 64, 64, 128, 128, 4 x 256, 5 x 512, their strides 1, 1, 2, 2, 4 x 4, 4 x 8, 16. Keys are
    torchvision's (`features.0.weight`); average pooling in place of its max pooling.
    """

    def __init__(self) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.features = nn.Sequential(*_layers())
        self.freeze()

    @classmethod
    def load(cls, path: str | Path | None = None) -> Self:
        """With torchvision's weights, from `path` or where `find_backbone` looks.

        Later layers and the classifier in the file are ignored. Raises MissingBackboneError and CheckpointError.
        """
        return cls().load_file(find_backbone("vgg19", path))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.normalise(x)
        maps = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                maps.append(x)
        return maps


def _layers() -> list[nn.Module]:
    layers: list[nn.Module] = []
    in_channels = 3
    for block, widths in enumerate(BLOCKS):
        if block > 0:
            layers.append(nn.AvgPool2d(2))
        for width in widths:
            layers += [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            in_channels = width
    return layers
