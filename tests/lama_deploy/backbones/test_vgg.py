"""VGG-19: torchvision's keys, its arithmetic with average pooling, and maps after every ReLU."""

import pytest
import torch
from torch.nn import functional

from lama_deploy.backbones.frozen import IMAGENET_MEAN, IMAGENET_STD
from lama_deploy.backbones.vgg import VGG19
from lama_deploy.errors import CheckpointError

# torchvision's `features`, configuration "E", up to the 13th ReLU: index of each convolution, its output channels
CONVOLUTIONS = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256, 16: 256}
CONVOLUTIONS |= {19: 512, 21: 512, 23: 512, 25: 512, 28: 512}
AFTER_POOLING = (5, 10, 19, 28)


def test_keys_and_shapes():
    with torch.device("meta"):
        found = {key: tuple(tensor.shape) for key, tensor in VGG19().state_dict().items()}
    wanted, before = {}, 3
    for index, channels in CONVOLUTIONS.items():
        wanted |= {f"features.{index}.weight": (channels, before, 3, 3), f"features.{index}.bias": (channels,)}
        before = channels
    assert found == wanted


@torch.no_grad()
def test_maps_are_those_of_the_layers_one_by_one(lively, pictures):
    network, x = lively("vgg19"), pictures(37, 52)
    maps = network(x)
    assert len(maps) == 13
    state = network.state_dict()
    x = (x - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    for out, index in zip(maps, CONVOLUTIONS, strict=True):
        x = functional.avg_pool2d(x, 2) if index in AFTER_POOLING else x
        x = functional.conv2d(x, state[f"features.{index}.weight"], state[f"features.{index}.bias"], padding=1).relu()
        torch.testing.assert_close(out, x)


@torch.no_grad()
def test_smallest_picture(lively):
    assert lively("vgg19")(torch.rand(1, 3, 16, 16))[-1].shape == (1, 512, 1, 1)


def test_rest_of_torchvisions_file_is_ignored_and_vgg16_is_refused(lively, tmp_path):
    state = lively("vgg19").state_dict()
    rest = {"features.30.weight": torch.zeros(512, 512, 3, 3), "classifier.0.bias": torch.zeros(4096)}
    torch.save(state | rest, tmp_path / "vgg19.pth")
    assert torch.equal(VGG19.load(tmp_path / "vgg19.pth").features[28].weight, state["features.28.weight"])
    vgg16 = {key: tensor for key, tensor in state.items() if not key.startswith("features.16.")}
    torch.save(vgg16, tmp_path / "vgg16.pth")
    with pytest.raises(CheckpointError, match=r"not weights of VGG19: features\.16\.weight is missing"):
        VGG19.load(tmp_path / "vgg16.pth")
