"""Perceptual losses: the paper's high-receptive-field one, its ablations (Table 3), and one that needs no download.

Each is a module (predicted, target, mask) -> scalar, unweighted, for pictures (N, 3, H, W) in [0, 1], the prediction
not clamped. Networks are frozen, their BN in evaluation mode. (Official code calls `eval()` once and Lightning's
`train()` undoes it, so the published weights were trained with batch statistics in this loss; the paper does not
say so, and we do not repeat it.)
Sources: LaMa (WACV 2022) section 2.2, Table 3; official `saicinpainting/training/losses/perceptual.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own convention)

from lama_deploy.backbones.efficientnet_lite import EfficientNetLite0
from lama_deploy.backbones.resnet_dilated import ResNet50Dilated
from lama_deploy.backbones.vgg import VGG19
from lama_deploy.errors import ConfigError, brief

Reduction = Literal["sum", "mean"]


class ResNetLoss(nn.Module):
    """Squared differences of the four stages of a ResNet-50; high receptive field when it is dilated.

    reduction: "sum" over stages (official code) or "mean" (the paper's M); a factor of four.
    """

    def __init__(self, network: ResNet50Dilated, reduction: Reduction = "sum") -> None:
        super().__init__()
        self.network = network
        self.reduction = reduction

    def forward(self, predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        stages = _differences(self.network, predicted, target)
        return stages.sum() if self.reduction == "sum" else stages.mean()


class VGG19Loss(nn.Module):
    """Squared differences of VGG19's thirteen ReLU maps on known pixels, summed over maps and over the batch.

    The sum over the batch is the official code's: the loss grows with the batch size.
    """

    def __init__(self, network: VGG19) -> None:
        super().__init__()
        self.network = network

    def forward(self, predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        total = predicted.new_zeros(())
        with torch.no_grad():
            wanted = self.network(target)
        for a, b in zip(self.network(predicted), wanted, strict=True):
            known = 1 - F.interpolate(mask, a.shape[-2:], mode="bilinear", align_corners=False)
            total = total + ((a - b).float().square() * known).flatten(1).mean(dim=1).sum()
        return total


class EfficientNetLoss(nn.Module):
    """Semantics and texture through EfficientNet-Lite0, whose weights come inside a Python package.

    Normalised squared differences of the maps at 1/16 and 1/32 (what is where) plus those of the Gram matrices of
    the maps at 1/4 and 1/8 (what it is made of). Ours, not the paper's: it stands in where the ADE20K network
    cannot be had. Differences are divided by the target's mean square, so that every map weighs alike.
    """

    SEMANTIC = (4, 6)
    TEXTURE = (1, 2)

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__()
        self.network = network

    def forward(self, predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self.network(target).maps
        found = self.network(predicted).maps
        semantic = [_relative_mse(found[i], wanted[i]) for i in self.SEMANTIC]
        texture = [_relative_mse(_gram(found[i]), _gram(wanted[i])) for i in self.TEXTURE]
        return torch.stack(semantic + texture).sum()


def _differences(network: Callable[[Tensor], list[Tensor]], predicted: Tensor, target: Tensor) -> Tensor:
    with torch.no_grad():
        wanted = network(target)
    return torch.stack([F.mse_loss(a.float(), b.float()) for a, b in zip(network(predicted), wanted, strict=True)])


def _relative_mse(found: Tensor, wanted: Tensor) -> Tensor:
    return F.mse_loss(found.float(), wanted.float()) / wanted.float().square().mean().clamp_min(1e-8)


def _gram(maps: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, C, C): mean products of channels."""
    flat = maps.float().flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[-1]


# name -> maker(path of the weights or None, reduction); the names of Table 3's rows in the comments
_MAKERS: Mapping[str, Callable[[Path | None, Reduction], nn.Module]] = {
    "resnet50-dilated-ade20k": lambda path, r: ResNetLoss(ResNet50Dilated.load("resnet50-ade20k", path), r),
    "resnet50-plain-ade20k": lambda path, r: ResNetLoss(
        ResNet50Dilated.load("resnet50-ade20k", path, dilated=False), r
    ),
    "resnet50-dilated-imagenet": lambda path, r: ResNetLoss(ResNet50Dilated.load("resnet50-imagenet", path), r),
    "resnet50-plain-imagenet": lambda path, r: ResNetLoss(
        ResNet50Dilated.load("resnet50-imagenet", path, dilated=False), r
    ),
    "vgg19": lambda path, r: VGG19Loss(VGG19.load(path)),
    "efficientnet-lite0": lambda path, r: EfficientNetLoss(EfficientNetLite0.load(path)),
}
PERCEPTUAL_LOSSES = tuple(_MAKERS)
BACKBONES_OF: Mapping[str, str] = {  # by a loss's name: of its network, in `backbones.locate`
    "resnet50-dilated-ade20k": "resnet50-ade20k",
    "resnet50-plain-ade20k": "resnet50-ade20k",
    "resnet50-dilated-imagenet": "resnet50-imagenet",
    "resnet50-plain-imagenet": "resnet50-imagenet",
    "vgg19": "vgg19",
    "efficientnet-lite0": "efficientnet-lite0",
}


def perceptual_loss(name: str, weights: Path | None = None, reduction: Reduction = "sum") -> nn.Module:
    """One of PERCEPTUAL_LOSSES, weights from `weights` or wherever `find_backbone` finds them.

    Raises ConfigError for an unknown name, MissingBackboneError where the weights are not on this machine.
    """
    if name not in _MAKERS:
        raise ConfigError(f"perceptual loss '{brief(name)}' is unknown; known: {', '.join(_MAKERS)}")
    return _MAKERS[name](weights, reduction)
