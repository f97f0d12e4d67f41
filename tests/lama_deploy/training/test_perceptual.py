"""Perceptual losses: reductions written out in NumPy, frozen networks, and which name means which network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lama_deploy.backbones.efficientnet_lite import EfficientNetLite0
from lama_deploy.backbones.frozen import FrozenBackbone
from lama_deploy.backbones.resnet_dilated import ResNet50Dilated
from lama_deploy.backbones.vgg import VGG19
from lama_deploy.errors import ConfigError, MissingBackboneError
from lama_deploy.training.perceptual import (
    PERCEPTUAL_LOSSES,
    EfficientNetLoss,
    ResNetLoss,
    VGG19Loss,
    perceptual_loss,
)


class Maps(FrozenBackbone):
    """Stands in for a backbone: maps at 1/1, 1/2 and 1/4, of 3, 6 and 3 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.7, dtype=torch.float64))
        self.freeze()

    def forward(self, x: Tensor) -> list[Tensor]:
        half = nn.functional.avg_pool2d(x, 2)
        return [self.scale * x, torch.cat((half, half.square()), dim=1), nn.functional.avg_pool2d(half, 2)]


def maps_of(x: np.ndarray) -> list[np.ndarray]:
    half = x.reshape(*x.shape[:2], x.shape[2] // 2, 2, x.shape[3] // 2, 2).mean(axis=(3, 5))
    quarter = half.reshape(*half.shape[:2], half.shape[2] // 2, 2, half.shape[3] // 2, 2).mean(axis=(3, 5))
    return [1.7 * x, np.concatenate((half, half**2), axis=1), quarter]


PREDICTED = np.random.default_rng(0).uniform(-0.3, 1.3, (3, 3, 12, 8))  # not clamped
TARGET = np.random.default_rng(1).uniform(0, 1, (3, 3, 12, 8))
MASK = np.zeros((3, 1, 12, 8))
MASK[0, :, 3:8, 2:7] = 1
MASK[1, :, :5] = 1
INPUTS = [torch.from_numpy(array) for array in (PREDICTED, TARGET, MASK)]
RELATIVE = 1e-6  # the losses compare maps in float32


@pytest.mark.parametrize(("reduction", "combine"), [("sum", np.sum), ("mean", np.mean)])
def test_resnet_loss_over_stages(reduction, combine):
    """Sum is the official code's, mean the paper's; both without the mask."""
    wanted = combine([np.mean((a - b) ** 2) for a, b in zip(maps_of(PREDICTED), maps_of(TARGET), strict=True)])
    found = ResNetLoss(Maps(), reduction)(*INPUTS)
    assert found.item() == pytest.approx(wanted, rel=RELATIVE)
    assert found == ResNetLoss(Maps(), reduction)(*INPUTS[:2], torch.ones_like(INPUTS[2]))


def test_resnet_loss_sums_by_default():
    assert ResNetLoss(Maps())(*INPUTS) == ResNetLoss(Maps(), "sum")(*INPUTS)


def bilinear(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sampled at the centres of the coarser grid's pixels."""

    def axis(length: int, wanted: int) -> list[tuple[int, int, float]]:
        places = [min(max((i + 0.5) * length / wanted - 0.5, 0), length - 1) for i in range(wanted)]
        return [(int(p), min(int(p) + 1, length - 1), p - int(p)) for p in places]

    small = np.zeros((*mask.shape[:2], height, width))
    for i, (top, bottom, down) in enumerate(axis(mask.shape[2], height)):
        for j, (left, right, across) in enumerate(axis(mask.shape[3], width)):
            above = (1 - across) * mask[..., top, left] + across * mask[..., top, right]
            below = (1 - across) * mask[..., bottom, left] + across * mask[..., bottom, right]
            small[..., i, j] = (1 - down) * above + down * below
    return small


def test_vgg_loss_sees_known_pixels_and_sums_over_the_batch():
    wanted = 0.0
    for a, b in zip(maps_of(PREDICTED), maps_of(TARGET), strict=True):
        known = 1 - bilinear(MASK, *a.shape[2:])
        for n in range(len(a)):
            wanted += np.mean((a[n] - b[n]) ** 2 * known[n])
    assert VGG19Loss(Maps())(*INPUTS).item() == pytest.approx(wanted, rel=RELATIVE)


def test_vgg_loss_of_a_picture_that_is_all_hole_is_zero():
    assert VGG19Loss(Maps())(*INPUTS[:2], torch.ones_like(INPUTS[2])) == 0


class Features(FrozenBackbone):
    """Stands in for EfficientNet: seven maps, each with a mark of its own."""

    def __init__(self, wanted: tuple[int, ...]) -> None:
        super().__init__()
        self.wanted = wanted
        self.freeze()

    def forward(self, x: Tensor) -> "Features.Output":
        return Features.Output([x * (1 + i) if i in self.wanted else x.detach() * 0 + i for i in range(8)])

    class Output:
        def __init__(self, maps: list[Tensor]) -> None:
            self.maps = maps


def gram(maps: np.ndarray) -> np.ndarray:
    n, c, h, w = maps.shape
    out = np.zeros((n, c, c))
    for i in range(c):
        for j in range(c):
            out[:, i, j] = (maps[:, i] * maps[:, j]).sum(axis=(1, 2)) / (h * w)
    return out


def test_efficientnet_loss_is_relative_to_the_target():
    """Maps 4 and 6 themselves, the Gram matrices of maps 1 and 2; each divided by the target's mean square."""

    def relative(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean((a - b) ** 2) / np.mean(b**2))

    once = relative(PREDICTED, TARGET) + relative(gram(PREDICTED), gram(TARGET))
    found = EfficientNetLoss(Features((1, 2, 4, 6)))(*INPUTS)
    assert found.item() == pytest.approx(2 * once, rel=RELATIVE)


@pytest.mark.parametrize("loss", [ResNetLoss, VGG19Loss])
def test_gradients_reach_the_prediction_and_nothing_else(loss):
    network = loss(Maps())
    predicted, target = INPUTS[0].clone().requires_grad_(), INPUTS[1].clone().requires_grad_()
    network(predicted, target, INPUTS[2]).backward()
    assert predicted.grad.abs().max() > 0
    assert target.grad is None and network.network.scale.grad is None


def test_efficientnet_loss_of_a_real_network(efficientnet_file):
    """Frozen in evaluation mode whatever is called on it; 0 for the target itself; a gradient for the prediction."""
    loss = perceptual_loss("efficientnet-lite0", efficientnet_file)
    before = {key: tensor.clone() for key, tensor in loss.state_dict().items()}
    random = torch.Generator().manual_seed(0)
    predicted, target = (torch.rand(2, 3, 32, 32, generator=random) for _ in range(2))
    predicted.requires_grad_()
    loss.train()
    assert not any(module.training for module in loss.network.modules())
    value = loss(predicted, target, torch.zeros(2, 1, 32, 32))
    value.backward()
    assert value > 0.1 and predicted.grad.abs().max() > 0
    assert all(p.grad is None and not p.requires_grad for p in loss.parameters())
    assert all(torch.equal(tensor, before[key]) for key, tensor in loss.state_dict().items())
    assert loss(target, target, torch.zeros(2, 1, 32, 32)) == 0


RESNETS = {
    "resnet50-dilated-ade20k": ("resnet50-ade20k", True),
    "resnet50-plain-ade20k": ("resnet50-ade20k", False),
    "resnet50-dilated-imagenet": ("resnet50-imagenet", True),
    "resnet50-plain-imagenet": ("resnet50-imagenet", False),
}


@pytest.mark.parametrize("name", RESNETS)
def test_names_of_table_3_mean_their_networks(name, monkeypatch):
    """Which weights, and whether dilated; the network itself is tested with the backbones."""
    asked = []

    def load(weights: str, path: Path | None, dilated: bool = True) -> Maps:
        asked.append((weights, path, dilated))
        return Maps()

    monkeypatch.setattr(ResNet50Dilated, "load", load)
    loss = perceptual_loss(name, Path("weights.pth"), "mean")
    assert isinstance(loss, ResNetLoss) and loss.reduction == "mean"
    weights, dilated = RESNETS[name]
    assert asked == [(weights, Path("weights.pth"), dilated)]


def test_other_names(monkeypatch):
    monkeypatch.setattr(VGG19, "load", lambda path: Maps())
    monkeypatch.setattr(EfficientNetLite0, "load", lambda path: Maps())
    assert isinstance(perceptual_loss("vgg19"), VGG19Loss)
    assert isinstance(perceptual_loss("efficientnet-lite0"), EfficientNetLoss)
    assert {*RESNETS, "vgg19", "efficientnet-lite0"} == set(PERCEPTUAL_LOSSES)


def test_unknown_name_and_missing_weights(tmp_path):
    with pytest.raises(ConfigError, match=r"'lpips' is unknown; known: resnet50-dilated-ade20k, "):
        perceptual_loss("lpips")
    with pytest.raises(MissingBackboneError, match="no file there"):
        perceptual_loss("vgg19", tmp_path / "vgg19.pth")
